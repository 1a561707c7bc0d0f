//! Which commune each household of a run lies in, so that a search passes over what an actor may not see without
//! looking into each record; and what each commune holds, for those who see whole communes alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Feature;

/// What a commune holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Held {
    pub households: i64,
    pub people: i64,
}

impl Held {
    fn of(feature: &Feature) -> Self {
        let people = feature.number("member_count").unwrap_or_default() as i64;
        Self { households: 1, people }
    }

    pub fn add(&mut self, other: Self) {
        self.households += other.households;
        self.people += other.people;
    }

    fn take(&mut self, other: Self) {
        self.households -= other.households;
        self.people -= other.people;
    }
}

/// The communes of one run.
#[derive(Debug, Default)]
pub(super) struct Communes {
    /// Codes; the first is empty, for records that lie in none.
    codes: Vec<Box<str>>,
    /// Index into `codes`, by slot.
    of_slot: Box<[u16]>,
    /// What is listed, by index into `codes`.
    held: Vec<Held>,
}

/// The commune that a household counts in.
pub(super) fn commune_of(feature: &Feature) -> Option<&str> {
    feature.raw("admin_unit")?.strip_prefix('"')?.strip_suffix('"')
}

impl Communes {
    pub fn new(features: &[Arc<Feature>]) -> Self {
        let mut codes: Vec<Box<str>> = vec!["".into()];
        let mut index: BTreeMap<Box<str>, u16> = BTreeMap::new();
        let mut held = vec![Held::default()];
        let of_slot = features
            .iter()
            .map(|feature| {
                let code = commune_of(feature).unwrap_or_default();
                let at = match index.get(code) {
                    Some(at) => *at,
                    // More communes than the country has: what is left counts as lying in none, which shows it to
                    // fewer people, never to more.
                    None if code.is_empty() || codes.len() > usize::from(u16::MAX) => 0,
                    None => {
                        let at = codes.len() as u16;
                        codes.push(code.into());
                        held.push(Held::default());
                        index.insert(code.into(), at);
                        at
                    }
                };
                if !feature.is_ended() {
                    held[usize::from(at)].add(Held::of(feature));
                }
                at
            })
            .collect();
        Self { codes, of_slot, held }
    }

    /// The codes, by index; the empty one stands for no commune.
    pub fn codes(&self) -> impl Iterator<Item = Option<&str>> {
        self.codes.iter().map(|code| (!code.is_empty()).then_some(&**code))
    }

    /// Index of the commune of a slot.
    pub fn of_slot(&self, slot: usize) -> usize {
        usize::from(self.of_slot[slot])
    }

    /// What is listed in each commune, without the `dead` features, which a newer run replaces.
    pub fn held<'a>(
        &'a self,
        dead: impl Iterator<Item = (usize, &'a Feature)>,
    ) -> impl Iterator<Item = (Option<&'a str>, Held)> {
        let mut held = self.held.clone();
        for (slot, feature) in dead.filter(|(_, feature)| !feature.is_ended()) {
            held[self.of_slot(slot)].take(Held::of(feature));
        }
        self.codes().zip(held)
    }
}
