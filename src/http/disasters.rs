//! Quick and daily reports of a disaster: who has to send one, the draft at any minute, and sending it.

use axum::extract::Path;
use axum::http::{StatusCode, header};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::actor::{Reader, Writer};
use super::answer::{json, with_header, with_status};
use super::error::Answer;
use super::fields::Fields;
use super::long;
use super::params::{Params, id_named, invalid};
use super::records::show;
use crate::desk::{DisasterReportCall, check_asked};
use crate::domain::access::Deed;
use crate::domain::disaster::Reporter;
use crate::domain::disaster_damage::Damage;
use crate::domain::report_deadline::{Kind, Level};
use crate::domain::{Code, Collection, Problem};
use crate::report::disaster::{Compiled, Draft, EventTold, communes_of};
use crate::report::disaster_counts::LOOKED_AT;
use crate::report::disaster_due::AllDue;

/// What a report needs beside what is counted.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct DisasterReportBody {
    /// `commune` or `province`: there is no district any more.
    #[schema(value_type = String)]
    level: Level,
    /// Code of the commune; needed at its level, and only there.
    commune_code: Option<String>,
    /// A consolidated one once the event has ended.
    kind: Kind,
    /// Of when the figures are, from the beginning of the event to now; now if not said.
    #[schema(value_type = Option<String>, format = DateTime)]
    data_at: Option<String>,
    /// Damage by group, as `{group: {item: number, loss_million_vnd: number, note: text}}` with the groups and items of the
    /// draft. If not said, the province's is the sum of what its communes sent last, and a commune's is none.
    #[schema(value_type = Option<Object>)]
    damage: Option<Value>,
    /// What is said besides, up to 4,000 characters.
    text: Option<String>,
    /// The report that this one corrects.
    corrects_id: Option<Uuid>,
}

/// Who has to send a report of a disaster and by when, of the events that go on and of those whose consolidated reports are
/// not all there; who has sent one, and who is late by how much.
///
/// A commune's authority is told of its own commune, whoever answers for the province of all.
#[utoipa::path(
    get, path = "/api/disasters/due", tag = "disasters",
    responses((status = 200, description = "What is due, late first", body = AllDue))
)]
pub async fn read_due(reader: Reader) -> Answer {
    reader.actor().check(Deed::ReportDisaster)?;
    Params::parse(reader.uri.query())?.finish()?;
    let view = reader.view()?;
    let looks_at = view.held(&[Collection::AdminUnits, Collection::DisasterEvents, Collection::DisasterReports]);
    json(&long::answer(&reader, looks_at, || AllDue::of(&view)).await?)
}

/// A report as it would be sent with the figures of a minute, beside the one that was sent before.
///
/// Figures count all records of the event's time and place, also those that the reader may not see one by one; each names
/// the first rows that it counts and that the reader may see. People and households are counts alone. The province adds up
/// the damage that its communes sent last, and says which have sent nothing.
#[utoipa::path(
    get, path = "/api/disasters/{id}/draft", tag = "disasters",
    params(
        ("id" = String, Path, description = "Id of the event"),
        ("level" = String, Query, description = "`commune` or `province`"),
        ("commune_code" = Option<String>, Query, description = "Code of the commune; needed at its level, and only there"),
        ("data_at" = Option<String>, Query, description = "Of when the figures shall be; RFC 3339, now if not said"),
    ),
    responses((status = 200, description = "The draft", body = Draft))
)]
pub async fn read_draft(Path(id): Path<String>, reader: Reader) -> Answer {
    reader.actor().check(Deed::ReportDisaster)?;
    let id = id_named(&id)?;
    let mut params = Params::parse(reader.uri.query())?;
    let level = params.needed_text("level")?;
    let level = Level::parse(&level)
        .ok_or_else(|| invalid("level", "cần commune hoặc province", "expected commune or province"))?;
    let commune = params.text("commune_code")?.map(std::borrow::Cow::into_owned);
    let data_at = params.time("data_at")?;
    params.finish()?;
    let reporter = reporter(level, commune)?;
    if !reporter.is_read_by(reader.actor()) {
        return Err(not_yours().into());
    }
    let view = reader.view()?;
    let looks_at = view.held(&LOOKED_AT);
    let draft = long::answer(&reader, looks_at, || {
        let at = data_at.unwrap_or(view.now());
        let names = communes_of(&view);
        let mut event = None;
        view.each_counted(Collection::DisasterEvents, &mut |one| {
            if one.id == id {
                event = EventTold::of(one);
            }
        });
        let event = check_asked(event, &reporter, |code| names.contains_key(code), at, view.now())?;
        Ok::<Draft, Problem>(Compiled::of(&view, event, reporter, at).draft(&view))
    });
    json(&draft.await??)
}

/// Sends a report: what is counted is frozen with the journal's seq, and the report never changes.
///
/// A commune's report is sent by its own authority, the province's by whoever is on duty or in command for all of it. What
/// was wrong is corrected by another report, which names the one that it corrects. Sent reports are read as the records
/// `disaster_reports`, those of an event with `event_id`.
#[utoipa::path(
    post, path = "/api/disasters/{id}/reports", tag = "disasters", request_body = DisasterReportBody,
    params(
        ("id" = String, Path, description = "Id of the event"),
        ("Idempotency-Key" = Option<Uuid>, Header, description = "Makes the write happen once"),
    ),
    responses(
        (
            status = 201, description = "The report, with ETag and Location", content_type = "application/geo+json",
            body = ref("#/components/schemas/DisasterReportsFeature"),
        ),
        (
            status = 409,
            description = "too_early: a consolidated report of what goes on; forbidden_transition: the event was taken back",
        ),
    )
)]
pub async fn send_report(Path(id): Path<String>, writer: Writer) -> Answer {
    writer.reader.actor().check(Deed::ReportDisaster)?;
    let id = id_named(&id)?;
    let mut fields = writer.fields()?;
    let level = fields.needed_word("level", Level::parse)?;
    let commune = fields.text("commune_code")?;
    let call = DisasterReportCall {
        reporter: reporter(level, commune)?,
        kind: fields.needed_word("kind", Kind::parse)?,
        data_at: fields.time("data_at")?,
        damage: fields.take("damage").map(|damage| Damage::read(&damage, "/damage")).transpose()?,
        text: told_text(&mut fields)?,
        corrects: fields.uuid("corrects_id")?,
        label: writer.reader.credential().account.label_vi.clone(),
    };
    fields.finish()?;
    let written = writer.desk()?.send_disaster_report(&writer.ask(None), id, &call).await?;
    let answer = with_status(show(&writer.reader, &written)?, StatusCode::CREATED);
    let place = writer.reader.link(&format!("/api/collections/disaster_reports/items/{}", written.id()));
    Ok(with_header(answer, header::LOCATION, &place))
}

fn told_text(fields: &mut Fields) -> Result<Option<String>, Problem> {
    let text = fields.text("text")?;
    match &text {
        Some(told) if told.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t' | '\r')) => {
            Err(Problem::new(Code::InvalidValue, "text: có ký tự điều khiển", "text: has a control character")
                .at("/text"))
        }
        _ => Ok(text),
    }
}

/// Whose report it is.
fn reporter(level: Level, commune: Option<String>) -> Result<Reporter, Problem> {
    match (level, commune) {
        (Level::Commune, Some(code)) if code.chars().count() <= COMMUNE_CHARS_MAX => Ok(Reporter::Commune(code)),
        (Level::Commune, Some(_)) => Err(Problem::new(
            Code::InvalidValue,
            format!("commune_code: dài quá {COMMUNE_CHARS_MAX} ký tự"),
            format!("commune_code: longer than {COMMUNE_CHARS_MAX} characters"),
        )
        .at("/commune_code")),
        (Level::Commune, None) => Err(Problem::new(
            Code::MissingField,
            "Báo cáo của xã cần commune_code.",
            "A commune's report needs commune_code.",
        )
        .at("/commune_code")),
        (_, None) => Ok(Reporter::Province),
        (_, Some(_)) => Err(Problem::new(
            Code::InvalidValue,
            "commune_code: báo cáo của tỉnh không ghi xã",
            "commune_code: the province's report names no commune",
        )
        .at("/commune_code")),
    }
}

/// Longest code of a commune, characters.
const COMMUNE_CHARS_MAX: usize = 20;

fn not_yours() -> Problem {
    Problem::new(
        Code::Forbidden,
        "bạn không phụ trách báo cáo này",
        "this report is of an area that you do not answer for",
    )
}
