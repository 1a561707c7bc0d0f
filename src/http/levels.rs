//! The level of a zone: computed, issued, set; three values that are never mixed.

use axum::extract::Path;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::actor::{Reader, Writer};
use super::answer::json as json_answer;
use super::error::Answer;
use super::params::{Params, id_named};
use super::records::show;
use crate::desk::SetLevel;
use crate::domain::risk_level::{command, effective, id_of};
use crate::domain::{Code, Collection, Problem};
use crate::picture::Shown;
use crate::risk::level::LEVEL_MAX;

/// The level that counts here.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct SetLevelCall {
    /// 1 to 5; `null` takes the level away.
    level: Option<u8>,
    reason: String,
    /// On whose word, where it came by telephone.
    told_by: Option<String>,
    at: Option<String>,
}

/// Sets the level of a zone, whatever was computed or issued.
#[utoipa::path(
    post, path = "/api/risk_zones/{id}/level", tag = "risk", request_body = SetLevelCall,
    params(
        ("id" = String, Path, description = "Id of the zone"),
        ("If-Match" = String, Header, description = "The version that the caller saw"),
        ("Idempotency-Key" = Option<Uuid>, Header, description = "Makes the write happen once"),
    ),
    responses((
        status = 200, description = "The zone, with ETag", content_type = "application/geo+json",
        body = ref("#/components/schemas/RiskZonesFeature"),
    ))
)]
pub async fn set_level(Path(id): Path<String>, writer: Writer) -> Answer {
    let id = id_named(&id)?;
    let mut fields = writer.fields()?;
    let level = match fields.integer("level")? {
        None => None,
        Some(level) => {
            let known = u8::try_from(level).ok().filter(|level| (1..=LEVEL_MAX).contains(level));
            Some(known.ok_or_else(|| {
                Problem::new(Code::InvalidValue, "level: cần từ 1 đến 5", "level: expected 1 to 5").at("/level")
            })?)
        }
    };
    let (reason, told_by, at) = (fields.needed_text("reason")?, fields.text("told_by")?, fields.time("at")?);
    fields.finish()?;
    let set = SetLevel { level, reason, told_by };
    let written = writer.desk()?.set_zone_level(&writer.ask_of_seen(at)?, id, set).await?;
    show(&writer.reader, &written)
}

/// The three levels of a zone, each with its source, its time and why.
#[derive(Serialize, ToSchema)]
pub struct ZoneLevels {
    zone_id: Uuid,
    /// By the legal table from rain and susceptibility; `null` where the table does not speak of the zone's hazard, or its
    /// susceptibility is not known.
    #[schema(required)]
    computed: Option<ComputedLevel>,
    /// By the hydromet bulletin in force: the one that counts by law.
    #[schema(required)]
    issued: Option<IssuedLevel>,
    /// By a commander, or by whoever drew the zone.
    #[schema(required)]
    set: Option<LevelSet>,
    /// Who commands at the highest of the three (Decree 66/2021).
    #[schema(required)]
    command: Option<LevelCommand>,
    /// Second opinions by other methods; none of them counts.
    #[schema(value_type = Vec<Object>)]
    opinions: Value,
}

/// By the legal table.
#[derive(Serialize, ToSchema)]
pub struct ComputedLevel {
    /// `null` where the table gives none.
    #[schema(required)]
    level: Option<i64>,
    /// The table does not name the case: a forecaster decides.
    gap: bool,
    /// Rain is missing: the level is not lower than it was.
    stale: bool,
    /// `{id, source, vi, en}`.
    #[schema(value_type = Object)]
    rule: Value,
    /// In a gap, the cells beside it: `[{row, level, vi, en}]`.
    #[schema(value_type = Vec<Object>)]
    neighbours: Value,
    #[schema(value_type = Option<String>, format = DateTime, required)]
    at: Option<String>,
    rain_24h_mm: f64,
    rain_24h_known: f64,
    #[schema(required)]
    rain_forecast_24h_mm: Option<f64>,
    rain_days: i64,
    /// The gauges that were asked; the first one decided, unless a grid did.
    #[schema(value_type = Vec<Uuid>)]
    gauge_ids: Value,
    /// Those among them whose rain is not known.
    #[schema(value_type = Vec<Uuid>)]
    silent_gauge_ids: Value,
    /// The sources of rain grids that were asked.
    #[schema(value_type = Vec<RainGridAsked>)]
    rain_grids: Value,
}

/// What grids of one source say of a zone.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a member that is kept as it is told")]
pub struct RainGridAsked {
    /// The newest of the grids.
    grid_id: Uuid,
    /// `observed` or `forecast`.
    kind: String,
    source: String,
    /// Of the grids that reach into the 24 hours that count.
    #[schema(format = DateTime)]
    starts_at: String,
    #[schema(format = DateTime)]
    ends_at: String,
    #[schema(required, format = DateTime)]
    issued_at: Option<String>,
    /// Of the 24 hours before, or to come, as far as it is known.
    mm: f64,
    /// Share of the 24 hours.
    known: f64,
    /// The level rests on it.
    decides: bool,
}

/// By the bulletin in force.
#[derive(Serialize, ToSchema)]
pub struct IssuedLevel {
    level: i64,
    #[schema(required)]
    by: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime, required)]
    at: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime, required)]
    to: Option<String>,
    #[schema(value_type = Option<Uuid>, required)]
    bulletin_id: Option<String>,
}

/// By a person.
#[derive(Serialize, ToSchema)]
pub struct LevelSet {
    level: i64,
    #[schema(required)]
    by: Option<String>,
    #[schema(required)]
    told_by: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime, required)]
    at: Option<String>,
    #[schema(required)]
    reason: Option<String>,
}

/// Who commands.
#[derive(Serialize, ToSchema)]
pub struct LevelCommand {
    level: i64,
    vi: &'static str,
    en: &'static str,
}

/// The levels of a zone as they stand.
#[utoipa::path(
    get, path = "/api/risk_zones/{id}/levels", tag = "risk",
    params(("id" = String, Path, description = "Id of the zone")),
    responses((status = 200, description = "The three levels", body = ZoneLevels))
)]
pub async fn zone_levels(reader: Reader, Path(id): Path<String>) -> Answer {
    let id = id_named(&id)?;
    Params::parse(reader.uri.query())?.finish()?;
    let view = reader.view()?;
    let zone = view.item(Collection::RiskZones, id).ok_or_else(|| {
        Problem::new(Code::NotFound, format!("không có khu vực {id}"), format!("there is no zone {id}"))
    })?;
    let told = view.item(Collection::RiskLevels, id_of(id));
    let set = whole(&zone, "level").map(|level| LevelSet {
        level,
        by: text(&zone, "level_by"),
        told_by: text(&zone, "level_told_by"),
        at: text(&zone, "level_at"),
        reason: text(&zone, "level_reason"),
    });
    let computed = told.as_ref().filter(|told| told.property("computed_rule").is_some()).map(computed);
    let issued = told.as_ref().and_then(issued);
    let highest = [
        computed.as_ref().and_then(|computed| computed.level),
        issued.as_ref().map(|issued| issued.level),
        set.as_ref().map(|set| set.level),
    ];
    let command = effective(highest).and_then(|level| {
        let (vi, en) = command(u8::try_from(level).ok()?)?;
        Some(LevelCommand { level, vi, en })
    });
    let opinions = told.as_ref().map_or_else(|| Value::Array(Vec::new()), |told| list(told, "opinions"));
    json_answer(&ZoneLevels { zone_id: id, computed, issued, set, command, opinions })
}

fn computed(told: &Shown<'_>) -> ComputedLevel {
    let is = |name: &str| told.property(name) == Some(Value::Bool(true));
    ComputedLevel {
        level: whole(told, "computed_level"),
        gap: is("computed_gap"),
        stale: is("computed_stale"),
        rule: told.property("computed_rule").unwrap_or_default(),
        neighbours: list(told, "neighbours"),
        at: text(told, "computed_at"),
        rain_24h_mm: told.number("rain_24h_mm").unwrap_or(0.0),
        rain_24h_known: told.number("rain_24h_known").unwrap_or(0.0),
        rain_forecast_24h_mm: told.number("rain_forecast_24h_mm"),
        rain_days: whole(told, "rain_days").unwrap_or(0),
        gauge_ids: list(told, "gauge_ids"),
        silent_gauge_ids: list(told, "silent_gauge_ids"),
        rain_grids: list(told, "rain_grids"),
    }
}

fn issued(told: &Shown<'_>) -> Option<IssuedLevel> {
    Some(IssuedLevel {
        level: whole(told, "issued_level")?,
        by: text(told, "issued_by"),
        at: text(told, "issued_at"),
        to: text(told, "issued_to"),
        bulletin_id: text(told, "bulletin_id"),
    })
}

fn list(shown: &Shown<'_>, name: &str) -> Value {
    shown.property(name).filter(Value::is_array).unwrap_or_else(|| Value::Array(Vec::new()))
}

fn text(shown: &Shown<'_>, name: &str) -> Option<String> {
    shown.text(name).map(std::borrow::Cow::into_owned)
}

fn whole(shown: &Shown<'_>, name: &str) -> Option<i64> {
    shown.number(name).map(|number| number as i64)
}
