//! Rules of single collections beyond the table of fields: who may edit, what must fit together, what follows.

use geo_types::Geometry;
use serde_json::Value;
use uuid::Uuid;

use super::scene::{Scene, Working, force_word};
use super::{coordination, disasters};
use crate::domain::household::{PROPERTY_ITEMS_MAX, PROPERTY_KINDS};
use crate::domain::schema::{FieldKind, SetBy};
use crate::domain::{Actor, Code, Collection, Problem, Role, Timestamp, case, concern, duty_log};
use crate::geometry::measure::area_m2;
use crate::geometry::validate::{self, DRAWN_VERTICES_MAX};

/// Largest zone, square metres: more than twice the province.
const ZONE_M2_MAX: f64 = 20_000e6;
/// Smallest zone, square metres: a slip of the hand, not a danger.
const ZONE_M2_MIN: f64 = 100.0;
/// Classes of a household that count people one by one; a person may be in several, so each must fit alone, and
/// children and elderly persons, who are never the same, together.
const HOUSEHOLD_CLASSES: [&str; 5] = ["children", "elderly", "pregnant_or_nursing", "disabled", "gravely_ill"];

/// Where a field that a caller may not set is set.
pub(super) const fn setter(collection: Collection, set_by: SetBy) -> &'static str {
    match (collection, set_by) {
        (_, SetBy::Fix) => "POST /api/units/{id}/position, POST /api/fixes",
        (_, SetBy::Server) => "the server",
        (Collection::Incidents, _) => {
            "POST /api/incidents/{id}/verify, reject, merge, unmerge, monitor, start, contain, update, handover, \
             close, reopen, acknowledge, assignments"
        }
        (Collection::Units, _) => "POST /api/units/{id}/status, POST /api/incidents/{id}/assignments",
        (Collection::RiskZones, _) => "POST /api/risk_zones/{id}/end, level, outsiders",
        (Collection::RoadClosures, _) => "DELETE /api/collections/road_closures/items/{id}",
        (Collection::Assignments, _) => "POST /api/assignments/{id}/steps, decisions, accountability",
        (Collection::Alarms, _) => "POST /api/alarms/{id}/acknowledge",
        (Collection::RainDays, _) => "POST /api/rain",
        (Collection::RainGrids, _) => "POST /api/rain_grids",
        (Collection::RiskLevels, _) => "POST /api/rain, POST /api/collections/bulletins/items",
        (Collection::Advices, _) => "POST /api/incidents/{id}/assignments",
        (Collection::Patrols, _) => "POST /api/patrols, POST /api/patrols/{id}/steps, decisions",
        (Collection::Warnings, _) => {
            "POST /api/risk_zones/{id}/warnings, POST /api/warnings/{id}/release, withdraw, update, cancel, all_clear"
        }
        (Collection::ZoneVisits, _) => "position fixes of the unit",
        (Collection::Attachments, _) => "POST /api/uploads, POST /api/attachments/{id}/withdraw",
        (Collection::Shifts, _) => {
            "POST /api/shifts, POST /api/shifts/{id}/propose, withdraw, accept, decline, take_over"
        }
        (Collection::SectorAssessments, _) => {
            "POST /api/border_sectors/{id}/assessments, POST /api/sector_assessments/{id}/agree, refuse"
        }
        (Collection::InformationRequests, _) => {
            "POST /api/information_requests, POST /api/information_requests/{id}/answer, decline, withdraw"
        }
        (Collection::Decisions, _) => "POST /api/decisions/{id}/done, drop, reopen",
        (Collection::EventPlans, _) => "POST /api/event_plans/{id}/issue, done, cancel, checklist/{n}",
        (Collection::DisasterReports, _) => "POST /api/disasters/{id}/reports",
        (Collection::DutyLog, _) => "POST /api/duty_log/{id}/done",
        (Collection::Households | Collection::Shelters, _) => "POST /api/households/{id}/evacuation",
        _ => "a verb of the desk",
    }
}

/// Refuses records written by hand where verbs alone make them.
///
/// # Errors
/// `method_not_allowed`, with the verbs.
pub(super) fn check_by_hand(collection: Collection) -> Result<(), Problem> {
    if !collection.is_by_verbs() {
        return Ok(());
    }
    let verbs = setter(collection, SetBy::Verb);
    Err(Problem::new(
        Code::MethodNotAllowed,
        format!("{collection} không ghi tay được, chỉ qua: {verbs}"),
        format!("{collection} are not written by hand, only by {verbs}"),
    ))
}

/// A geometry as drawn or sent by a caller, normalised.
pub(super) fn drawn(collection: Collection, geometry: Geometry<f64>) -> Result<Geometry<f64>, Problem> {
    validate::check(geometry, collection.geometry_kind(), DRAWN_VERTICES_MAX, "/geometry")
}

/// What a new record has that nobody gave.
pub(super) fn fill(record: &mut Working, actor: &Actor, at: Timestamp) {
    let set_missing = |record: &mut Working, name: &str, value: Value| {
        if !record.properties.contains_key(name) {
            record.set(name, value);
        }
    };
    match record.collection {
        Collection::Households => {
            set_missing(record, "state", "registered".into());
            set_missing(record, "state_at", at.to_string().into());
        }
        Collection::Units => {
            set_missing(record, "status", "available".into());
            set_missing(record, "status_at", at.to_string().into());
            set_missing(record, "status_by", actor.name.as_str().into());
            set_missing(record, "status_source", "desk".into());
        }
        Collection::RiskZones => {
            set_missing(record, "owner", actor.name.as_str().into());
            set_missing(record, "valid_from", at.to_string().into());
        }
        Collection::DutyLog => {
            set_missing(record, "kind", "note".into());
            set_missing(record, "occurred_at", at.to_string().into());
            record.set("author", actor.name.as_str());
            record.set("author_force", actor.force.map_or(Value::Null, |force| force_word(force).into()));
        }
        Collection::AreasOfConcern => {
            set_missing(record, "valid_from", at.to_string().into());
            record.set("force", actor.force.map_or(Value::Null, |force| force_word(force).into()));
            record.set("decided_by", actor.name.as_str());
            record.set("sensitivity", "restricted");
        }
        Collection::Places => {
            set_missing(record, "told_by", actor.name.as_str().into());
        }
        Collection::Bulletins => {
            record.set("typed_by", actor.name.as_str());
        }
        Collection::Deployments | Collection::Cases | Collection::Tallies | Collection::DisasterEvents => {
            record.set("entered_by", actor.name.as_str());
        }
        Collection::Briefings | Collection::Decisions | Collection::EventPlans => coordination::fill(record, actor),
        _ => {}
    }
}

/// What must fit together in a record, whoever gave it.
///
/// # Errors
/// The rule that is broken, with a pointer.
pub(super) fn check(record: &Working) -> Result<(), Problem> {
    match record.collection {
        Collection::Households => household(record),
        Collection::RiskZones => drawn_area(record),
        Collection::DutyLog => log_entry(record),
        Collection::BorderSectors => ordered(record, "from_km", "to_km"),
        Collection::Bulletins => bulletin(record),
        Collection::Cases => match record.properties.get("substances") {
            Some(list) => case::seized(list).map(|_| ()),
            None => Ok(()),
        },
        Collection::AreasOfConcern => area_of_concern(record),
        Collection::Deployments => ordered_times(record, "started_at", "finished_at"),
        Collection::Briefings => coordination::check_briefing(record),
        Collection::EventPlans => coordination::check_plan(record),
        _ => Ok(()),
    }
}

/// Records that this one names must exist.
pub(super) fn check_references(scene: &Scene<'_>, record: &Working) -> Result<(), Problem> {
    for field in record.collection.fields().iter().filter(|field| field.set_by == SetBy::Client) {
        let Some(target) = referred(field.name) else { continue };
        if field.kind != FieldKind::Reference {
            continue;
        }
        if let Some(id) = record.reference(field.name)
            && scene.feature(target, id).is_none()
        {
            let at = format!("/properties/{}", field.name);
            return scene.referred(target, id, &at).map(|_| ());
        }
    }
    if record.collection == Collection::DisasterEvents {
        return disasters::check_event(scene, record);
    }
    if let Some(code) = record.text("commune_code")
        && matches!(record.collection, Collection::Incidents | Collection::Briefings | Collection::EventPlans)
        && scene.ground.commune(code).is_none()
    {
        return Err(Problem::new(
            Code::UnknownReference,
            format!("không có xã mang mã {code}"),
            format!("there is no commune with the code {code}"),
        )
        .at("/properties/commune_code"));
    }
    Ok(())
}

fn referred(field: &str) -> Option<Collection> {
    match field {
        "station_id" => Some(Collection::Stations),
        "shelter_id" => Some(Collection::Shelters),
        "incident_id" => Some(Collection::Incidents),
        "unit_id" => Some(Collection::Units),
        "zone_id" | "supersedes" => Some(Collection::RiskZones),
        "corrects_id" => Some(Collection::DutyLog),
        "replaces_id" => Some(Collection::Bulletins),
        "briefing_id" => Some(Collection::Briefings),
        "sector_id" => Some(Collection::BorderSectors),
        _ => None,
    }
}

/// A unit's call sign is its own. The desk lets writers of one call sign in one after the other (`code_turn`).
pub(super) fn check_unit_code(scene: &Scene<'_>, record: &Working) -> Result<(), Problem> {
    let Some(code) = record.text("code") else { return Ok(()) };
    let units = scene.picture.layer(Collection::Units).iter();
    let taken = units
        .filter(|unit| unit.id != record.id && !unit.is_ended())
        .any(|unit| unit.text("code").is_some_and(|other| other.eq_ignore_ascii_case(code)));
    if !taken {
        return Ok(());
    }
    Err(Problem::new(
        Code::InvalidValue,
        format!("phiên hiệu {code} đã có đơn vị khác dùng"),
        format!("another unit has the call sign {code}"),
    )
    .at("/properties/code"))
}

/// The turn at which writers of one call sign wait for each other.
pub(super) fn code_turn(code: &str) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, code.to_ascii_lowercase().as_bytes())
}

fn broken(at: &str, vi: impl Into<String>, en: impl Into<String>) -> Problem {
    Problem::new(Code::InvalidValue, vi, en).at(&format!("/properties/{at}"))
}

fn household(record: &Working) -> Result<(), Problem> {
    let number = |name: &str| record.number(name).unwrap_or(0.0);
    let members = number("member_count");
    for class in HOUSEHOLD_CLASSES {
        if number(class) > members {
            return Err(broken(
                class,
                format!("{class}: nhiều hơn số nhân khẩu ({members})"),
                format!("{class}: more than the household's {members} members"),
            ));
        }
    }
    if number("children") + number("elderly") > members {
        return Err(broken(
            "elderly",
            format!("trẻ em và người già cộng lại nhiều hơn số nhân khẩu ({members})"),
            format!("children and elderly together are more than the household's {members} members"),
        ));
    }
    property_items(record)
}

fn property_items(record: &Working) -> Result<(), Problem> {
    let Some(items) = record.properties.get("property_items") else { return Ok(()) };
    let count = |item: &Value| item.get("count").is_none_or(|count| count.as_u64().is_some_and(|n| n <= 100_000));
    let is_item = |item: &Value| {
        let members = ["kind", "what", "count", "moved"];
        let known = item.as_object().is_some_and(|item| item.keys().all(|name| members.contains(&name.as_str())));
        let kind = item.get("kind").and_then(Value::as_str).is_some_and(|kind| PROPERTY_KINDS.contains(&kind));
        let what = item.get("what").is_none_or(Value::is_string);
        known && kind && what && count(item) && item.get("moved").is_none_or(Value::is_boolean)
    };
    let list = items.as_array().filter(|list| list.len() <= PROPERTY_ITEMS_MAX && list.iter().all(is_item));
    list.map(|_| ()).ok_or_else(|| {
        let kinds = PROPERTY_KINDS.join(", ");
        broken(
            "property_items",
            format!("cần danh sách tối đa {PROPERTY_ITEMS_MAX} mục {{kind: {kinds}; what, count, moved}}"),
            format!("expected at most {PROPERTY_ITEMS_MAX} of {{kind: {kinds}; what, count, moved}}"),
        )
    })
}

/// Whether somebody may change or end this record, which they see: an area of concern belongs to the force that wrote it.
///
/// # Errors
/// `forbidden`.
pub(super) fn check_author(actor: &Actor, record: &Working) -> Result<(), Problem> {
    let is_own = record.text("force") == actor.force.map(force_word) || actor.role == Role::System;
    if record.collection != Collection::AreasOfConcern || is_own {
        return Ok(());
    }
    Err(Problem::new(
        Code::Forbidden,
        "lực lượng nào lập khu vực trọng điểm thì lực lượng ấy sửa, kết thúc",
        "an area of concern is changed and ended by the force that wrote it",
    ))
}

fn area_of_concern(record: &Working) -> Result<(), Problem> {
    drawn_area(record)?;
    match (record.time("valid_from"), record.time("valid_to")) {
        (Some(from), Some(to)) => concern::check_times(from, to),
        _ => Ok(()),
    }
}

/// The area that was drawn is there, and is neither a slip of the hand nor larger than the province.
fn drawn_area(record: &Working) -> Result<(), Problem> {
    let area: f64 = match &record.geometry {
        Some(Geometry::Polygon(polygon)) => area_m2(polygon),
        Some(Geometry::MultiPolygon(polygons)) => polygons.iter().map(area_m2).sum(),
        _ => {
            return Err(Problem::new(Code::MissingField, "cần một vùng vẽ", "it needs an area").at("/geometry"));
        }
    };
    if !(ZONE_M2_MIN..=ZONE_M2_MAX).contains(&area) {
        return Err(Problem::new(
            Code::InvalidGeometry,
            format!("diện tích {:.4} km² ngoài khoảng 0,0001–20.000 km²", area / 1e6),
            format!("an area of {:.4} km² is outside 0.0001..20,000 km²", area / 1e6),
        )
        .at("/geometry"));
    }
    Ok(())
}

fn log_entry(record: &Working) -> Result<(), Problem> {
    let kind = record.text("kind").unwrap_or("note");
    if !duty_log::HAND_KINDS.contains(&kind) {
        return Err(broken(
            "kind",
            format!("loại {kind} do hệ thống ghi; viết tay được: {}", duty_log::HAND_KINDS.join(", ")),
            format!("{kind} is written by verbs; by hand: {}", duty_log::HAND_KINDS.join(", ")),
        ));
    }
    if kind == "correction" && record.reference("corrects_id").is_none() {
        return Err(broken("corrects_id", "đính chính phải nêu mục được đính chính", "a correction names its entry"));
    }
    if record.text("text").is_none_or(|text| text.trim().is_empty()) {
        return Err(broken("text", "thiếu nội dung", "the text is empty"));
    }
    Ok(())
}

fn bulletin(record: &Working) -> Result<(), Problem> {
    ordered(record, "rain_24h_min_mm", "rain_24h_max_mm")?;
    let from = record.time("valid_from").or_else(|| record.time("issued_at"));
    match (from, record.time("valid_to")) {
        (Some(from), Some(to)) if to <= from => {
            Err(broken("valid_to", "hết hiệu lực phải sau khi bắt đầu", "valid_to must lie after its start"))
        }
        _ => Ok(()),
    }
}

fn ordered_times(record: &Working, from: &str, to: &str) -> Result<(), Problem> {
    match (record.time(from), record.time(to)) {
        (Some(start), Some(end)) if end < start => {
            Err(broken(to, format!("{to} sớm hơn {from}"), format!("{to} lies before {from}")))
        }
        _ => Ok(()),
    }
}

fn ordered(record: &Working, from: &str, to: &str) -> Result<(), Problem> {
    match (record.number(from), record.number(to)) {
        (Some(start), Some(end)) if end < start => {
            Err(broken(to, format!("{to} nhỏ hơn {from}"), format!("{to} is less than {from}")))
        }
        _ => Ok(()),
    }
}
