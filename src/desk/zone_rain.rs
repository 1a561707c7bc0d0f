//! Which rain counts for a zone: that of the gauges near it and of the grids over it, observed and forecast.
//!
//! The most rain that is known decides, whoever tells it. A grid that has no days before takes them from a source that
//! knows them: hours from a radar and days from a gauge make one answer.

use serde_json::{Value, json};
use uuid::Uuid;

use super::grids_held::{GridsAt, OfSource};
use crate::domain::Timestamp;
use crate::domain::rain_grid::GridKind;
use crate::picture::Feature;
use crate::risk::rain::RAIN_DAYS_MAX;
use crate::risk::zone_level::RainFacts;

const DAY_S: i64 = 86_400;

/// From when on what fell may be asked for: days of rain look back so far.
pub(super) fn observed_from(now: Timestamp) -> Timestamp {
    now.plus_s(-DAY_S * i64::from(RAIN_DAYS_MAX + 2))
}

/// The rain of a zone and who told it.
pub(super) struct ZoneRain {
    pub facts: RainFacts,
    /// The gauges that were asked; the first one decided unless a grid did.
    pub gauges: Vec<Uuid>,
    /// Those among them whose rain is not known.
    pub silent: Vec<Uuid>,
    /// The sources of grids that were asked, as they stand in the record.
    pub grids: Vec<Value>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Teller {
    Gauge(Uuid),
    /// A place in the list of observed grids.
    Grid(usize),
}

impl ZoneRain {
    /// What the gauges near a zone and the grids over it say. `issued_mm` is what bulletins in force say of the next 24 hours.
    pub fn of(
        gauges: Vec<(Uuid, RainFacts)>,
        grids: &GridsAt<'_>,
        zone: &Feature,
        now: Timestamp,
        issued_mm: Option<f64>,
    ) -> Self {
        let observed = grids.observed(zone);
        let forecast = grids.forecast(zone);
        let ids: Vec<Uuid> = gauges.iter().map(|(id, _)| *id).collect();
        let silent = gauges.iter().filter(|(_, rain)| !rain.is_observed()).map(|(id, _)| *id).collect();
        let of_grids =
            observed.iter().enumerate().map(|(at, said)| (Teller::Grid(at), RainFacts::of(&said.readings, now, None)));
        let mut told: Vec<(Teller, RainFacts)> =
            gauges.into_iter().map(|(id, rain)| (Teller::Gauge(id), rain)).chain(of_grids).collect();
        lend_days(&mut told);
        let decided = decide(&told);
        let by = decided.map(|at| told[at].0);
        let mut facts = decided.map_or_else(|| RainFacts::without_gauge(now, None), |at| told.swap_remove(at).1);
        let to_come = to_come(&forecast, now, issued_mm);
        (facts.forecast_24h_mm, facts.forecast_known) = (to_come.mm, to_come.is_known);
        let said = observed
            .iter()
            .enumerate()
            .map(|(at, said)| stored(said, now.plus_s(-DAY_S), by == Some(Teller::Grid(at))));
        let said = said.chain(forecast.iter().enumerate().map(|(at, said)| stored(said, now, to_come.by == Some(at))));
        let first = ids.iter().copied().filter(|id| by == Some(Teller::Gauge(*id)));
        let others = ids.iter().copied().filter(|id| by != Some(Teller::Gauge(*id)));
        Self { facts, gauges: first.chain(others).collect(), silent, grids: said.collect() }
    }
}

/// A grid whose days before are not known takes those of the source that knows most of them.
fn lend_days(told: &mut [(Teller, RainFacts)]) {
    let known = told.iter().filter(|(_, rain)| rain.rain_days_known).map(|(_, rain)| rain.rain_days).max();
    let Some(known) = known else { return };
    for (teller, rain) in told {
        if matches!(teller, Teller::Grid(_)) && !rain.rain_days_known {
            (rain.rain_days, rain.rain_days_known) = (rain.rain_days.max(known), true);
        }
    }
}

/// One that is heard decides, unless a silent one is known to have had more.
fn decide(told: &[(Teller, RainFacts)]) -> Option<usize> {
    let most = |is_heard: bool| {
        let list = told.iter().enumerate().filter(|(_, (_, rain))| rain.is_observed() == is_heard);
        list.max_by(|a, b| a.1.1.observed_24h.mm.total_cmp(&b.1.1.observed_24h.mm)).map(|(at, _)| at)
    };
    match (most(true), most(false)) {
        (Some(heard), Some(silent)) if told[silent].1.observed_24h.mm > told[heard].1.observed_24h.mm => Some(silent),
        (heard, silent) => heard.or(silent),
    }
}

struct ToCome {
    mm: Option<f64>,
    is_known: bool,
    /// Which of the forecast grids says the most; none where a bulletin does.
    by: Option<usize>,
}

/// The most that is said of the next 24 hours. It is known if anybody says all of it, or nobody is waited for.
fn to_come(forecast: &[OfSource], now: Timestamp, issued_mm: Option<f64>) -> ToCome {
    let days: Vec<_> = forecast.iter().map(|said| said.day(now)).collect();
    let most =
        days.iter().enumerate().filter(|(_, day)| day.known_share > 0.0).max_by(|a, b| a.1.mm.total_cmp(&b.1.mm));
    let by = most.filter(|(_, day)| issued_mm.is_none_or(|issued_mm| day.mm > issued_mm));
    let is_known = issued_mm.is_some() || days.is_empty() || days.iter().any(|day| day.is_known());
    let tenth = |mm: f64| (mm * 10.0).round() / 10.0;
    ToCome { mm: by.map(|(_, day)| tenth(day.mm)).or(issued_mm), is_known, by: by.map(|(at, _)| at) }
}

/// A source as it stands in the record of the zone's levels; `from` is where the 24 hours begin that count.
fn stored(said: &OfSource, from: Timestamp, decides: bool) -> Value {
    let day = said.day(from);
    let (starts_at, ends_at) = said.span(from).unwrap_or((said.of.starts_at, said.of.ends_at));
    json!({
        "grid_id": said.grid_id,
        "kind": if said.of.kind == GridKind::Observed { "observed" } else { "forecast" },
        "source": said.of.source,
        "starts_at": starts_at.to_string(),
        "ends_at": ends_at.to_string(),
        "issued_at": said.of.issued_at.map(|at| at.to_string()),
        "mm": (day.mm * 10.0).round() / 10.0,
        "known": (day.known_share.min(1.0) * 100.0).round() / 100.0,
        "decides": decides,
    })
}

/// What of a stored list is news by itself: who says something, whether all of it, who decides, and how old it is to the
/// quarter of a day. The rest moves with each hour and is written with the next change.
pub(super) fn gist(grids: &Value) -> Vec<Value> {
    let gist = |said: &Value| {
        let ends_at = said["ends_at"].as_str().and_then(|text| Timestamp::parse(text).ok()).map_or(0, Timestamp::as_ms);
        let is_known = said["known"].as_f64().is_some_and(|known| known >= crate::risk::rain::KNOWN_SHARE_MIN);
        json!([said["kind"], said["source"], is_known, said["decides"], ends_at / (6 * 3_600_000)])
    };
    grids.as_array().into_iter().flatten().map(gist).collect()
}
