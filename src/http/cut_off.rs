//! Who is cut off, under the closures in force or under some that are only tried.

use std::borrow::Cow;

use geo_types::Geometry;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::actor::{Reader, Writer};
use super::answer::json as json_answer;
use super::error::{Answer, Refusal};
use super::fields::Fields;
use super::records::drawn;
use super::roads::{ProfileName, not_loaded};
use super::shapes;
use super::{long, params::Params};
use crate::desk::{CutOffCount, Isolation, Target};
use crate::domain::closure::PROFILES_UNSAID;
use crate::domain::{Code, Collection, Problem, Timestamp};
use crate::picture::View;
use crate::roads::{Closure, Profile, Profiles};

/// Most closures that are tried at once.
const TRIED_MAX: usize = 50;

/// Closures to be tried beside those in force.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct CutOffCall {
    /// Up to 50.
    closures: Vec<TriedClosure>,
}

/// A closure that nobody makes.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct TriedClosure {
    /// A point on a road, or a line along or across roads.
    #[schema(value_type = Object)]
    geometry: Value,
    /// Who does not get through; all on wheels if not said.
    profiles: Option<Vec<ProfileName>>,
}

/// Who is cut off.
#[derive(Serialize, ToSchema)]
pub struct CutOffAnswer {
    #[schema(value_type = String, format = DateTime)]
    as_of: Timestamp,
    seq: u64,
    /// Which network answered.
    roads_id: String,
    /// What people must be able to reach, and how many of each are known with a road.
    targets: Vec<CutOffTarget>,
    /// Whole counts; only for what somebody is cut off from.
    counts: Vec<CutOffCount>,
    /// Places first, then households, shelters, units; at most 2,000.
    cut_off: Vec<CutOffRecord>,
    /// Records near which the network has no road at all: nothing is known of them here.
    without_road: usize,
    /// Closures in force that lie on no road.
    unmatched_closures: Vec<Uuid>,
}

/// A kind of target.
#[derive(Serialize, ToSchema)]
pub struct CutOffTarget {
    target: Target,
    known: usize,
}

/// A record from which something cannot be reached.
#[derive(Serialize, ToSchema)]
pub struct CutOffRecord {
    collection: Collection,
    id: Uuid,
    #[schema(required)]
    name: Option<String>,
    #[schema(required)]
    kind: Option<String>,
    /// Code of its commune.
    #[schema(required)]
    admin_unit: Option<String>,
    #[schema(schema_with = shapes::position_ref)]
    position: [f64; 2],
    lost: Vec<LostTarget>,
}

/// What is lost.
#[derive(Serialize, ToSchema)]
pub struct LostTarget {
    target: Target,
    #[schema(value_type = Vec<ProfileName>)]
    profiles: Vec<&'static str>,
}

/// Who is cut off under the closures in force.
#[utoipa::path(
    get, path = "/api/cut-off", tag = "roads",
    responses(
        (status = 200, description = "Counts and records", body = CutOffAnswer),
        (status = 409, description = "`roads_not_loaded`"),
    )
)]
pub async fn cut_off(reader: Reader) -> Answer {
    Params::parse(reader.uri.query())?.finish()?;
    answer(&reader, Vec::new()).await
}

/// Who would be cut off by closures that are only tried, beside those in force. Nothing changes for anybody.
#[utoipa::path(
    post, path = "/api/cut-off", tag = "roads", request_body = CutOffCall,
    responses(
        (status = 200, description = "Counts and records", body = CutOffAnswer),
        (status = 409, description = "`roads_not_loaded`"),
    )
)]
pub async fn try_cut_off(writer: Writer) -> Answer {
    let mut fields = writer.fields()?;
    let tried = fields.needed("closures")?;
    fields.finish()?;
    let tried = tried.as_array().filter(|list| (1..=TRIED_MAX).contains(&list.len())).ok_or_else(|| {
        Problem::new(
            Code::LimitExceeded,
            format!("closures: cần từ 1 đến {TRIED_MAX} đoạn"),
            format!("closures: expected 1 to {TRIED_MAX} of them"),
        )
        .at("/closures")
    })?;
    let tried = tried.iter().enumerate().map(|(n, value)| tried_closure(n, value)).collect::<Result<Vec<_>, _>>()?;
    let desk = &writer.reader.live()?.desk;
    for (n, closure) in tried.iter().enumerate() {
        desk.lies_on_road(closure).map_err(|problem| problem.at(&format!("/closures/{n}/geometry")))?;
    }
    answer(&writer.reader, tried).await
}

async fn answer(reader: &Reader, tried: Vec<Closure>) -> Answer {
    let view = reader.view()?;
    let desk = &reader.live()?.desk;
    let roads = desk.roads().ok_or_else(not_loaded)?;
    let looks_at =
        view.held(&[Collection::Places, Collection::Households, Collection::Units]) + roads.roads.graph.node_count();
    let isolation = long::answer(reader, looks_at, || desk.isolation(&view, &tried)).await?.ok_or_else(not_loaded)?;
    let Isolation { as_of, seq, targets, counts, cut_off, without_road, unmatched } = isolation;
    let records = cut_off.into_iter().filter_map(|record| {
        let lost = record.lost.into_iter().map(|(target, profiles)| LostTarget { target, profiles });
        record_of(&view, record.collection, record.id, lost.collect())
    });
    json_answer(&CutOffAnswer {
        as_of,
        seq,
        roads_id: roads.roads.id.clone(),
        targets: targets.into_iter().map(|(target, known)| CutOffTarget { target, known }).collect(),
        counts,
        cut_off: records.collect(),
        without_road,
        unmatched_closures: unmatched,
    })
}

fn record_of(view: &View, collection: Collection, id: Uuid, lost: Vec<LostTarget>) -> Option<CutOffRecord> {
    let shown = view.item(collection, id)?;
    let Some(Geometry::Point(point)) = shown.geometry() else { return None };
    let text = |names: &[&str]| names.iter().find_map(|name| shown.text(name)).map(Cow::into_owned);
    Some(CutOffRecord {
        collection,
        id,
        name: text(&["name", "code"]),
        kind: text(&["kind"]),
        admin_unit: text(&["admin_unit"]),
        position: [point.x(), point.y()],
        lost,
    })
}

fn tried_closure(n: usize, value: &Value) -> Result<Closure, Refusal> {
    let at = format!("/closures/{n}");
    let mut fields = Fields::at(value.clone(), &at)?;
    let geometry = fields.needed("geometry")?;
    let geometry = drawn(Collection::RoadClosures, &geometry, &format!("{at}/geometry"))?;
    let words = match fields.take("profiles") {
        Some(words) => words.as_array().cloned().unwrap_or_default(),
        None => PROFILES_UNSAID.iter().map(|word| Value::from(*word)).collect(),
    };
    fields.finish()?;
    let profile = |word: &Value| {
        word.as_str().and_then(Profile::from_word).ok_or_else(|| {
            Problem::new(
                Code::InvalidValue,
                "profiles: cần car, truck, motorbike hoặc foot",
                "profiles: expected car, truck, motorbike or foot",
            )
            .at(&format!("{at}/profiles"))
        })
    };
    let profiles = words.iter().map(profile).collect::<Result<Vec<_>, _>>()?;
    let profiles = profiles.into_iter().fold(Profiles::NONE, |set, profile| set.with(profile, true));
    Ok(Closure { id: Uuid::nil(), geometry, profiles, factor: 0.0 })
}
