//! Who is inside a risk zone now.

use std::borrow::Cow;

use axum::extract::Path;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::actor::Reader;
use super::answer::json;
use super::error::Answer;
use super::params::{Params, id_named};
use crate::domain::{Code, Collection, Problem, Timestamp, zone};
use crate::picture::{Shown, View};

/// The units inside a zone, as this reader may see them.
#[derive(Serialize, ToSchema)]
pub struct UnitsInside {
    #[schema(value_type = String, format = DateTime)]
    as_of: Timestamp,
    seq: u64,
    zone_id: Uuid,
    #[schema(required)]
    name: Option<String>,
    #[schema(required)]
    state: Option<String>,
    /// Whether the zone is in force and has a fence; nobody is listed otherwise.
    is_fenced: bool,
    /// Minutes after which a unit is told to stay too long; `null` for never.
    #[schema(required)]
    dwell_min: Option<i64>,
    /// Units that came in, the first one first.
    entered: Vec<InsideUnit>,
    /// Units that were inside when the fence began, or when they were first heard of: nothing was raised for them.
    already_inside: Vec<InsideUnit>,
}

/// A unit inside.
#[derive(Serialize, ToSchema)]
pub struct InsideUnit {
    unit_id: Uuid,
    #[schema(required)]
    code: Option<String>,
    #[schema(required)]
    name: Option<String>,
    #[schema(required)]
    force: Option<String>,
    #[schema(required)]
    status: Option<String>,
    /// Fix time of the entry; where it did not come in, since when it is known to be inside.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    since: Option<String>,
    /// Fix time of its newest position; `null` while it counts at its post.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    fix_at: Option<String>,
    /// Whether it had its incident there when it came in.
    has_task: bool,
    /// Whether it has stayed too long.
    has_dwelt: bool,
}

/// Who is inside a risk zone now, by position fixes; who was inside already is listed apart.
#[utoipa::path(
    get, path = "/api/risk_zones/{id}/units_inside", tag = "zones",
    params(("id" = String, Path, description = "Id of the zone")),
    responses((status = 200, description = "Units, as the reader may see them", body = UnitsInside))
)]
pub async fn units_inside(Path(id): Path<String>, reader: Reader) -> Answer {
    let id = id_named(&id)?;
    Params::parse(reader.uri.query())?.finish()?;
    let view = reader.view()?;
    let zone = view.item(Collection::RiskZones, id).ok_or_else(|| {
        Problem::new(Code::NotFound, format!("không có khu vực {id}"), format!("there is no zone {id}"))
    })?;
    let text = |name: &str| zone.text(name).map(Cow::into_owned);
    let minutes = zone.number("fence_dwell_min").map(|minutes| minutes as i64);
    let in_force = text("state").as_deref() == Some("in_force");
    let kind = text("kind").unwrap_or_default();
    let fence = zone::fence(&kind, text("fence").as_deref(), minutes).filter(|_| in_force);
    let (entered, already_inside) = inside(&view, id);
    json(&UnitsInside {
        as_of: view.now(),
        seq: view.seq(),
        zone_id: id,
        name: text("name"),
        state: text("state"),
        is_fenced: fence.is_some(),
        dwell_min: fence.flatten().map(|dwell_s| dwell_s / 60),
        entered,
        already_inside,
    })
}

fn inside(view: &View, zone: Uuid) -> (Vec<InsideUnit>, Vec<InsideUnit>) {
    let zone = zone.to_string();
    let visits = view.all(Collection::ZoneVisits).filter(|visit| visit.text("zone_id").as_deref() == Some(&*zone));
    let mut found: Vec<(bool, InsideUnit)> =
        visits.filter_map(|visit| Some((visit.raw("was_inside") == Some("true"), unit_of(view, &visit)?))).collect();
    found.sort_by(|(_, a), (_, b)| (&a.since, a.unit_id).cmp(&(&b.since, b.unit_id)));
    let (already, entered): (Vec<_>, Vec<_>) = found.into_iter().partition(|(was_inside, _)| *was_inside);
    let units = |list: Vec<(bool, InsideUnit)>| list.into_iter().map(|(_, unit)| unit).collect();
    (units(entered), units(already))
}

fn unit_of(view: &View, visit: &Shown<'_>) -> Option<InsideUnit> {
    let unit_id = Uuid::parse_str(&visit.text("unit_id")?).ok()?;
    let unit = view.item(Collection::Units, unit_id)?;
    // Read through what notes for the audit that it was shown.
    let shown = unit.properties();
    let text = |name: &str| shown.get(name).and_then(|value| value.as_str()).map(str::to_owned);
    Some(InsideUnit {
        unit_id,
        code: text("code"),
        name: text("name"),
        force: text("force"),
        status: text("status"),
        since: visit.text("entered_at").map(Cow::into_owned),
        fix_at: text("fix_at"),
        has_task: visit.raw("has_task") == Some("true"),
        has_dwelt: visit.raw("dwelt_at").is_some(),
    })
}
