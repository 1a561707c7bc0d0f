//! Which commune each household of a run lies in, so that a search passes over what an actor may not see without
//! looking into each record; and what each commune holds, for those who see whole communes alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Feature;
use super::packed::Packed;

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
    /// Index into `codes`, by entry of the run's tree.
    of_entry: Box<[u16]>,
    /// The same by node of the tree, [`MIXED`] where what lies below it differs.
    of_node: Box<[u16]>,
    /// What is listed, by index into `codes`.
    held: Vec<Held>,
}

/// The commune that a household counts in.
pub(super) fn commune_of(feature: &Feature) -> Option<&str> {
    feature.raw("admin_unit")?.strip_prefix('"')?.strip_suffix('"')
}

/// Of a node below which lie several communes.
const MIXED: u16 = u16::MAX;

impl Communes {
    /// Of the features of a run with the tree over those that are listed.
    pub fn new(features: &[Arc<Feature>], tree: &Packed) -> Self {
        let mut codes: Vec<Box<str>> = vec!["".into()];
        let mut index: BTreeMap<Box<str>, u16> = BTreeMap::new();
        let mut held = vec![Held::default()];
        let of_slot: Vec<u16> = features
            .iter()
            .map(|feature| {
                let code = commune_of(feature).unwrap_or_default();
                let at = match index.get(code) {
                    Some(at) => *at,
                    // More communes than the country has: what is left counts as lying in none, which shows it to
                    // fewer people, never to more.
                    None if code.is_empty() || codes.len() >= usize::from(MIXED) => 0,
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
        let of_entry: Box<[u16]> = tree.slots().iter().map(|slot| of_slot[*slot as usize]).collect();
        Self { codes, of_node: tree.in_common(&of_entry, MIXED), of_entry, held }
    }

    /// The codes, by index; the empty one stands for no commune.
    pub fn codes(&self) -> impl Iterator<Item = Option<&str>> {
        self.codes.iter().map(|code| (!code.is_empty()).then_some(&**code))
    }

    /// The code at an index.
    pub fn code(&self, index: usize) -> Option<&str> {
        Some(&*self.codes[index]).filter(|code| !code.is_empty())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.codes.len()
    }

    /// Index of the commune of an entry of the tree.
    pub fn of_entry(&self, entry: usize) -> usize {
        usize::from(self.of_entry[entry])
    }

    /// Index of the one commune in which all lies that is below a node of the tree; `None` where there are several.
    pub fn of_node(&self, node: usize) -> Option<usize> {
        Some(self.of_node[node]).filter(|index| *index != MIXED).map(usize::from)
    }

    /// What is listed in each commune, without the `dead` features, which a newer run replaces.
    pub fn held<'a>(
        &'a self,
        dead: impl Iterator<Item = &'a Feature>,
    ) -> impl Iterator<Item = (Option<&'a str>, Held)> {
        let index: BTreeMap<&str, usize> = self.codes.iter().enumerate().map(|(at, code)| (&**code, at)).collect();
        let mut held = self.held.clone();
        for feature in dead.filter(|feature| !feature.is_ended()) {
            let at = commune_of(feature).and_then(|code| index.get(code)).copied().unwrap_or_default();
            held[at].take(Held::of(feature));
        }
        self.codes().zip(held)
    }
}
