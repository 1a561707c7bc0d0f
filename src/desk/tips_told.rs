//! What the tips of a month come to: one tally a month, so that the account of the forces counts them. A month and no less,
//! and only once it is over: what was written when, would tell when somebody spoke.

use jiff::ToSpan;
use jiff::civil::Date;
use uuid::Uuid;

use super::scene::{Draft, Scene, Working};
use super::{Ask, Desk};
use crate::domain::tip::Coarse;
use crate::domain::{Actor, Collection, Problem, Timestamp};
use crate::picture::Picture;

/// Months whose tips are looked at again: what was said is weighed for a while.
const MONTHS: i64 = 12;
/// Where the tally says it is from.
const SOURCE: &str = "kho tin báo";
/// The space of their ids.
const SPACE: Uuid = Uuid::from_u128(0x2f0a_3c6e_7c1b_5d0e_9b1d_6a52_41c8_77e3);

/// The tips that came in one month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TipMonth {
    /// Its first day by the province's clocks.
    pub first: Date,
    pub count: u64,
    /// Those that became an incident or were passed on.
    pub valid: u64,
}

impl TipMonth {
    /// The months that are over at `now` and are still looked at, the newest first, as their first and last days.
    #[must_use]
    pub fn over(now: Timestamp) -> Vec<(Date, Date)> {
        let this = Coarse::of(now).on.first_of_month();
        let first = |back: i64| this.checked_sub(back.months()).ok();
        (1..=MONTHS).filter_map(first).map(|first| (first, first.last_of_month())).collect()
    }

    /// Its tally, the same whoever writes it.
    fn id(self) -> Uuid {
        Uuid::new_v5(&SPACE, self.first.to_string().as_bytes())
    }

    /// It counts on its last day.
    fn counts_at(self) -> Timestamp {
        Coarse { on: self.first.last_of_month(), half: None }.begins_at()
    }

    /// Whether the picture has it so, or somebody ended the tally: then it stays ended.
    #[must_use]
    pub fn is_told(self, picture: &Picture) -> bool {
        match picture.layer(Collection::Tallies).get(self.id()) {
            None => self.count == 0,
            Some(tally) => tally.is_ended() || self.is_as(&Working::of(Collection::Tallies, tally)),
        }
    }

    fn is_as(self, tally: &Working) -> bool {
        tally.integer("count") == Some(self.count.cast_signed())
            && tally.integer("valid") == Some(self.valid.cast_signed())
    }
}

impl Desk {
    /// Writes what the tips of a month come to, where it is not told so yet.
    ///
    /// # Errors
    /// The problem of the store.
    pub async fn tell_tips(&self, month: TipMonth) -> Result<(), Problem> {
        self.write(&Ask::by(Actor::system()), |scene| decide(scene, month)).await.map(drop)
    }
}

fn decide(scene: &Scene<'_>, month: TipMonth) -> Result<Draft, Problem> {
    let known = scene.feature(Collection::Tallies, month.id());
    if known.is_some() && month.is_told(scene.picture) {
        return scene.already(Collection::Tallies, month.id());
    }
    let mut tally = known
        .map_or_else(|| Working::new(Collection::Tallies, month.id()), |known| Working::of(Collection::Tallies, known));
    tally.set("counted", "tips");
    tally.set("count", month.count);
    tally.set("valid", month.valid);
    tally.set_time("occurred_at", month.counts_at());
    tally.set("source", SOURCE);
    tally.set("entered_by", scene.ask.actor.name.as_str());
    let mut draft = Draft::default();
    draft.put(tally, month.counts_at());
    Ok(draft)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_is_over_by_the_clocks_of_the_province() {
        let months = |at: &str| TipMonth::over(Timestamp::parse(at).unwrap())[0].0.to_string();
        assert_eq!(months("2026-11-30T16:59:59Z"), "2026-10-01");
        assert_eq!(months("2026-11-30T17:00:00Z"), "2026-11-01");
        let all = TipMonth::over(Timestamp::parse("2026-03-31T05:00:00Z").unwrap());
        assert_eq!(all.len(), 12);
        assert_eq!((all[0].0.to_string(), all[0].1.to_string()), ("2026-02-01".into(), "2026-02-28".into()));
        assert_eq!(all[11].0.to_string(), "2025-03-01");
    }

    #[test]
    fn a_month_counts_on_its_last_day() {
        let month = TipMonth { first: "2024-09-01".parse().unwrap(), count: 3, valid: 1 };
        assert_eq!(month.counts_at().to_string(), "2024-09-29T17:00:00.000Z");
    }
}
