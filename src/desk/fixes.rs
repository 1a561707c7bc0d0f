//! Position fixes of units, many at a time.

use std::collections::HashMap;
use std::sync::Arc;

use uuid::Uuid;

use super::scene::AHEAD_S_MAX;
use super::write::{may, problem_of};
use super::{Desk, write};
use crate::domain::access::Deed;
use crate::domain::change::Seq;
use crate::domain::place::check_lon_lat;
use crate::domain::{Actor, Code, Collection, Fix, FixSource, Problem, Role, Timestamp};
use crate::picture::Picture;

/// Most fixes in one call.
pub const FIXES_MAX: usize = 1_000;
/// Worst accuracy that is a position at all, metres.
const ACCURACY_M_MAX: f64 = 200_000.0;
/// Fastest that anything of ours moves, metres a second.
const SPEED_MPS_MAX: f64 = 500.0;

/// One fix as a tracker or a phone sends it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FixIn {
    pub unit_id: Uuid,
    /// Degrees, WGS 84.
    pub lon: f64,
    pub lat: f64,
    pub at: Timestamp,
    pub accuracy_m: Option<f64>,
    pub speed_mps: Option<f64>,
    /// Degrees clockwise from true north.
    pub course_deg: Option<f64>,
}

/// What became of the fixes of one call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FixesOutcome {
    pub accepted: usize,
    /// Not newer than what is known of their unit: not stored, not an error.
    pub stale: usize,
    pub refused: Vec<RefusedFix>,
}

/// A fix that was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefusedFix {
    /// Its place in the call, counted from 0.
    pub index: usize,
    pub code: Code,
}

impl Desk {
    /// Takes 1 to [`FIXES_MAX`] fixes; each is judged alone. The answer comes when they are durable and in the
    /// picture.
    ///
    /// # Errors
    /// `limit_exceeded`, `missing_field` for an empty call, `forbidden`, or the problem of the store.
    /// A call of which nothing was taken is no error here: the door decides on the status.
    pub async fn take_fixes(&self, actor: &Actor, fixes: Vec<FixIn>) -> Result<FixesOutcome, Problem> {
        may(actor, Deed::ReportUnit)?;
        if fixes.is_empty() {
            return Err(Problem::new(Code::MissingField, "không có vị trí nào", "there are no fixes").at("/fixes"));
        }
        if fixes.len() > FIXES_MAX {
            return Err(Problem::new(
                Code::LimitExceeded,
                format!("nhiều hơn {FIXES_MAX} vị trí trong một lần gửi"),
                format!("more than {FIXES_MAX} fixes in one call"),
            )
            .at("/fixes"));
        }
        let picture = self.picture.load();
        let (outcome, taken) = judge(&picture, actor, &fixes, self.now());
        if !taken.is_empty() {
            self.append_fixes(taken).await?;
        }
        Ok(outcome)
    }

    /// Makes fixes durable and waits until the picture holds them.
    pub(super) async fn append_fixes(&self, fixes: Vec<Fix>) -> Result<Seq, Problem> {
        self.check_open()?;
        let appended = self.store.append_fixes(Arc::from(fixes)).await.map_err(problem_of)?;
        if self.picture.wait_for(appended.seq, write::PICTURE_WAIT).await.is_none() {
            tracing::warn!(seq = appended.seq, "the picture lags behind durable fixes");
        }
        Ok(appended.seq)
    }
}

/// Judges each fix alone: what is taken, what is stale, what is refused and why.
fn judge(picture: &Picture, actor: &Actor, fixes: &[FixIn], now: Timestamp) -> (FixesOutcome, Vec<Fix>) {
    let units = picture.layer(Collection::Units);
    let mut newest: HashMap<Uuid, Option<Timestamp>> = HashMap::new();
    let mut outcome = FixesOutcome::default();
    let mut taken = Vec::with_capacity(fixes.len());
    for (index, fix) in fixes.iter().enumerate() {
        let Some(unit) = units.get(fix.unit_id).filter(|unit| !unit.is_ended()) else {
            outcome.refused.push(RefusedFix { index, code: Code::UnknownUnit });
            continue;
        };
        if let Err(code) = check(fix, actor, now) {
            outcome.refused.push(RefusedFix { index, code });
            continue;
        }
        let newest = newest
            .entry(fix.unit_id)
            .or_insert_with(|| unit.text("fix_at").and_then(|text| Timestamp::parse(&text).ok()));
        if newest.is_some_and(|known| known >= fix.at) {
            outcome.stale += 1;
            continue;
        }
        *newest = Some(fix.at);
        outcome.accepted += 1;
        taken.push(Fix {
            unit_id: fix.unit_id,
            lon: fix.lon,
            lat: fix.lat,
            at: fix.at,
            accuracy_m: fix.accuracy_m,
            speed_mps: fix.speed_mps,
            course_deg: fix.course_deg.map(|course| if course >= 360.0 { 0.0 } else { course }),
            source: FixSource::Gps,
            heard_by: None,
        });
    }
    (outcome, taken)
}

fn check(fix: &FixIn, actor: &Actor, now: Timestamp) -> Result<(), Code> {
    if actor.role == Role::FieldUnit && actor.unit_id != Some(fix.unit_id) {
        return Err(Code::Forbidden);
    }
    check_lon_lat(fix.lon, fix.lat, "").map_err(|problem| problem.code)?;
    let within = |value: Option<f64>, max: f64| value.is_none_or(|value| (0.0..=max).contains(&value));
    if !within(fix.accuracy_m, ACCURACY_M_MAX)
        || !within(fix.speed_mps, SPEED_MPS_MAX)
        || !within(fix.course_deg, 360.0)
    {
        return Err(Code::InvalidValue);
    }
    if fix.at.seconds_since(now) > AHEAD_S_MAX {
        return Err(Code::FutureTime);
    }
    Ok(())
}
