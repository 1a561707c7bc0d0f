//! `/api/tips`: the handler's side. What is sealed is opened in `unsealing.rs` alone.

use std::collections::BTreeMap;

use axum::http::header;
use serde::Serialize;
use serde_json::{Map, Value, json as value};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{HandlersCall, commune, day, needed_short_text, one_of, short_text};
use crate::desk::{Ask, Report};
use crate::domain::access::{CLOSED_KINDS, Deed};
use crate::domain::incident::KINDS;
use crate::domain::place::Place;
use crate::domain::tip::{
    CREDIBILITIES, Coarse, Half, RELIABILITIES, STATES, TEXT_CHARS_MAX, check_scrubbed, is_valid, next_states,
};
use crate::domain::{Code, Force, Problem};
use crate::http::actor::Reader;
use crate::http::answer::{etag, json};
use crate::http::error::{Answer, Refusal};
use crate::http::fields::Fields;
use crate::http::me::nothing_more;
use crate::http::params::{Params, invalid};
use crate::http::shapes;
use crate::store::tips::{Author, Count, Tip};

/// The tips, newest first.
#[derive(Serialize, ToSchema)]
pub struct Tips {
    tips: Vec<TipAnswer>,
    /// Whether I hold the key, so that my passphrase opens what is sealed.
    holds_key: bool,
}

/// What stands in clear of a tip.
#[derive(Serialize, ToSchema)]
pub struct TipAnswer {
    id: Uuid,
    version: u32,
    /// `received`, `assessed`, `promoted`, `passed_on` or `dismissed`.
    state: String,
    /// `phone`, `in_person`, `letter`, `radio` or `web`.
    channel: String,
    received: Coarse,
    #[schema(required)]
    kind: Option<String>,
    #[schema(required)]
    commune_code: Option<String>,
    #[schema(required)]
    occurred: Option<Coarse>,
    /// A (completely trusted) to E (not), F (cannot be judged).
    #[schema(required)]
    reliability: Option<String>,
    /// 1 (confirmed) to 5 (improbable), 6 (cannot be judged).
    #[schema(required)]
    credibility: Option<i64>,
    #[schema(required)]
    scrubbed: Option<String>,
    messages: u32,
    /// Whose is the last message.
    #[schema(required)]
    last_author: Option<Author>,
}

/// What shall be changed; `null` removes.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct TipPatch {
    #[schema(schema_with = shapes::incident_kind)]
    kind: Option<String>,
    commune_code: Option<String>,
    occurred_on: Option<String>,
    occurred_half: Option<Half>,
    reliability: Option<String>,
    credibility: Option<i64>,
    scrubbed: Option<String>,
    /// `assessed` (which needs both grades), `passed_on` or `dismissed`.
    state: Option<String>,
}

/// An answer to the informant.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct TipReply {
    text: String,
}

/// What an incident needs beside what the tip says.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct PromoteCall {
    /// The force that leads; needed for kinds that only the forces at work see.
    lead_force: Option<Force>,
    #[schema(schema_with = shapes::incident_severity)]
    severity: Option<u8>,
}

/// What became of a tip that was promoted.
#[derive(Serialize, ToSchema)]
pub struct Promoted {
    /// Code of the incident. It is told this once: neither the tip nor the incident names the other.
    incident: String,
}

/// Tips of a time, counted.
#[derive(Serialize, ToSchema)]
pub struct TipFigures {
    #[schema(value_type = String, format = Date)]
    from: jiff::civil::Date,
    #[schema(value_type = String, format = Date)]
    to: jiff::civil::Date,
    total: u64,
    /// Promoted or passed on.
    valid: u64,
    by_state: BTreeMap<String, u64>,
    by_channel: BTreeMap<String, u64>,
    /// Those whose kind is known.
    by_kind: BTreeMap<String, u64>,
}

impl From<Tip> for TipAnswer {
    fn from(tip: Tip) -> Self {
        let Tip { id, version, state, channel, received, kind, commune_code, occurred, .. } = tip;
        let Tip { reliability, credibility, scrubbed, messages, last_author, .. } = tip;
        Self {
            id,
            version,
            state,
            channel,
            received,
            kind,
            commune_code,
            occurred,
            reliability,
            credibility,
            scrubbed,
            messages,
            last_author,
        }
    }
}

/// The tips.
#[utoipa::path(
    get, path = "/api/tips", tag = "tips",
    responses((status = 200, body = Tips), (status = 403, description = "Not a handler of tips"))
)]
pub async fn list_tips(reader: Reader) -> Answer {
    reader.actor().check(Deed::HandleTips)?;
    let (tips, holders) = reader.live()?.tips.ask(|tips| Ok((tips.tips()?, tips.holders()?))).await?;
    let holds_key = holders.contains(&reader.actor().name);
    json(&Tips { tips: tips.into_iter().map(TipAnswer::from).collect(), holds_key })
}

/// Grades a tip, writes its scrubbed text, or ends it.
#[utoipa::path(
    patch, path = "/api/tips/{id}", tag = "tips", request_body = TipPatch,
    params(
        ("id" = String, Path, description = "Id of the tip"),
        ("If-Match" = String, Header, description = "The version that is changed"),
    ),
    responses(
        (status = 200, body = TipAnswer),
        (status = 409, description = "The state cannot follow"),
        (status = 412, description = "Somebody else has changed it"),
        (status = 422, description = "A value that is not there, or what leads to the informant in the text"),
    )
)]
pub async fn change_tip(call: HandlersCall) -> Answer {
    let (id, version) = (call.id, call.writer.version()?);
    let mut fields = call.writer.fields()?;
    let change = Change::read(&mut fields, &call.writer.reader)?;
    fields.finish()?;
    let live = call.live()?;
    let now = live.directory.now();
    let changed = live.tips.ask(move |tips| tips.change_tip(id, version, now, |tip| change.apply(tip))).await?;
    let mut answer = json(&TipAnswer::from(changed))?;
    answer.headers_mut().insert(header::ETAG, etag(version + 1));
    Ok(answer)
}

/// Answers the informant, who reads it with code and passphrase.
#[utoipa::path(
    post, path = "/api/tips/{id}/answers", tag = "tips", request_body = TipReply,
    params(("id" = String, Path, description = "Id of the tip")),
    responses((status = 204, description = "It waits for the informant"), (status = 404, description = "No such tip"))
)]
pub async fn answer_tip(call: HandlersCall) -> Answer {
    let mut fields = call.writer.fields()?;
    let text = needed_short_text(&mut fields, "text", TEXT_CHARS_MAX)?;
    fields.finish()?;
    let (id, live) = (call.id, call.live()?);
    let now = live.directory.now();
    live.tips.ask(move |tips| tips.answer(id, &text, now)).await?;
    Ok(nothing_more())
}

/// Makes an incident of a tip: of its scrubbed text, its commune and its half day.
///
/// Nothing in the incident leads back: neither id nor code nor an instant of the tip is in it, and what stands in the
/// incident (text, commune, day) is taken out of the tip.
#[utoipa::path(
    post, path = "/api/tips/{id}/promote", tag = "tips", request_body = PromoteCall,
    params(
        ("id" = String, Path, description = "Id of the tip"),
        ("If-Match" = String, Header, description = "The version that is promoted"),
    ),
    responses(
        (status = 200, body = Promoted),
        (status = 409, description = "It is not graded, or was promoted before"),
        (status = 412, description = "Somebody else has changed it"),
        (status = 422, description = "Text, kind, commune or the force that leads is missing"),
    )
)]
pub async fn promote_tip(call: HandlersCall) -> Answer {
    let (id, version) = (call.id, call.writer.version()?);
    let mut fields = call.writer.fields()?;
    let (lead_force, severity) = (fields.word("lead_force", Force::parse)?, fields.integer("severity")?);
    fields.finish()?;
    let live = call.live()?;
    let _one_at_a_time = live.tips.promoting.lock().await;
    let tip = live.tips.ask(move |tips| tips.tip_at(id, version)).await?;
    let report = report_of(&tip, lead_force, severity)?;
    // Without the caller's key: the journal keeps a hash of the address that was asked, which names the tip.
    let reported = live.desk.report(&Ask::by(call.actor().clone()), report).await?;
    let now = live.directory.now();
    live.tips.ask(move |tips| tips.note_promoted(id, version, now)).await?;
    let code = reported.written.record.property("code");
    json(&Promoted { incident: code.and_then(|code| code.as_str().map(str::to_owned)).unwrap_or_default() })
}

/// How many tips came, by what became of them, channel and kind.
#[utoipa::path(
    get, path = "/api/tips/figures", tag = "tips",
    params(
        ("from" = String, Query, description = "First day, `2026-10-01`"),
        ("to" = String, Query, description = "Last day, `2026-12-31`"),
    ),
    responses((status = 200, body = TipFigures), (status = 403, description = "A role that does not compile figures"))
)]
pub async fn read_figures(reader: Reader) -> Answer {
    reader.actor().check(Deed::ConfirmUnsealing)?;
    let mut params = Params::parse(reader.uri.query())?;
    let mut date = |name: &str| -> Result<jiff::civil::Date, Problem> {
        let day = Coarse::parse(&params.needed_text(name)?, None);
        day.map(|day| day.on)
            .ok_or_else(|| invalid(name, "cần ngày, ví dụ 2026-10-01", "expected a day, such as 2026-10-01"))
    };
    let (from, to) = (date("from")?, date("to")?);
    params.finish()?;
    if to < from {
        return Err(invalid("to", "trước from", "lies before from").into());
    }
    let counts = reader.live()?.tips.ask(move |tips| tips.counts(from, to)).await?;
    json(&figures(from, to, counts))
}

fn figures(from: jiff::civil::Date, to: jiff::civil::Date, counts: Vec<Count>) -> TipFigures {
    let (by_state, by_channel, by_kind) = Default::default();
    let mut figures = TipFigures { from, to, total: 0, valid: 0, by_state, by_channel, by_kind };
    for Count { channel, kind, state, count } in counts {
        figures.total += count;
        if is_valid(&state) {
            figures.valid += count;
        }
        *figures.by_state.entry(state).or_default() += count;
        *figures.by_channel.entry(channel).or_default() += count;
        if let Some(kind) = kind {
            *figures.by_kind.entry(kind).or_default() += count;
        }
    }
    figures
}

/// What a handler changes of a tip; the outer `None` leaves it.
struct Change {
    kind: Option<Option<String>>,
    commune_code: Option<Option<String>>,
    occurred: Option<Option<Coarse>>,
    reliability: Option<Option<String>>,
    credibility: Option<Option<i64>>,
    scrubbed: Option<Option<String>>,
    state: Option<String>,
}

impl Change {
    fn read(fields: &mut Fields, reader: &Reader) -> Result<Self, Refusal> {
        let view = reader.view()?;
        let now = reader.live()?.directory.now();
        let scrubbed = fields.patched("scrubbed", |fields, name| short_text(fields, name, TEXT_CHARS_MAX))?;
        check_scrubbed(scrubbed.iter().flatten().next().map_or("", String::as_str), &[])?;
        Ok(Self {
            kind: fields.patched("kind", |fields, name| one_of(fields, name, KINDS))?,
            commune_code: fields.patched("commune_code", |fields, _| commune(fields, &view))?,
            occurred: fields.patched("occurred_on", |fields, _| day(fields, "occurred", now))?,
            reliability: fields.patched("reliability", |fields, name| one_of(fields, name, RELIABILITIES))?,
            credibility: fields.patched("credibility", credibility)?,
            scrubbed,
            state: one_of(fields, "state", STATES)?,
        })
    }

    fn apply(&self, tip: &mut Tip) -> Result<(), Problem> {
        if next_states(&tip.state).is_empty() {
            return Err(Problem::new(
                Code::ForbiddenTransition,
                "Tin báo đã chuyển đi, không sửa được nữa.",
                "The tip has gone on and cannot be changed any more.",
            ));
        }
        tip.kind = self.kind.clone().unwrap_or(tip.kind.take());
        tip.commune_code = self.commune_code.clone().unwrap_or(tip.commune_code.take());
        tip.occurred = self.occurred.unwrap_or(tip.occurred);
        tip.reliability = self.reliability.clone().unwrap_or(tip.reliability.take());
        tip.credibility = self.credibility.unwrap_or(tip.credibility);
        tip.scrubbed = self.scrubbed.clone().unwrap_or(tip.scrubbed.take());
        let Some(state) = &self.state else { return Ok(()) };
        if state == "promoted" {
            return Err(Problem::new(
                Code::ForbiddenTransition,
                "Chuyển thành vụ việc bằng POST …/promote.",
                "An incident is made by POST …/promote.",
            ));
        }
        if state == "assessed" && (tip.reliability.is_none() || tip.credibility.is_none()) {
            return Err(missing("reliability", "độ tin của nguồn và của tin", "a grade of the source and of the text"));
        }
        tip.state.clone_from(state);
        Ok(())
    }
}

fn credibility(fields: &mut Fields, name: &str) -> Result<Option<i64>, Problem> {
    let grade = fields.integer(name)?;
    if grade.is_none_or(|grade| CREDIBILITIES.contains(&grade)) {
        return Ok(grade);
    }
    Err(Problem::new(Code::InvalidValue, "credibility: cần từ 1 đến 6.", "credibility: 1 to 6 is expected.")
        .at(&fields.place(name)))
}

/// The report that a tip becomes: what is coarse of it, and nothing else.
fn report_of(tip: &Tip, lead_force: Option<Force>, severity: Option<i64>) -> Result<Report, Problem> {
    if !next_states(&tip.state).contains(&"promoted") {
        return Err(Problem::new(
            Code::ForbiddenTransition,
            "Chỉ tin đã thẩm định mới chuyển thành vụ việc, và chỉ một lần.",
            "Only a graded tip becomes an incident, and only once.",
        ));
    }
    let text = tip.scrubbed.as_deref().ok_or_else(|| missing("scrubbed", "nội dung viết lại", "the scrubbed text"))?;
    let kind = tip.kind.as_deref().ok_or_else(|| missing("kind", "loại vụ việc", "the kind"))?;
    let code = tip.commune_code.as_deref().ok_or_else(|| missing("commune_code", "xã", "the commune"))?;
    if CLOSED_KINDS.contains(&kind) && lead_force.is_none() {
        return Err(missing(
            "lead_force",
            "lực lượng chủ trì: chỉ lực lượng ấy thấy",
            "the force that leads: it alone sees it",
        ));
    }
    let mut properties: Map<String, Value> =
        [("kind", value!(kind)), ("description", value!(text)), ("channel", value!("tip"))]
            .map(|(name, value)| (name.to_owned(), value))
            .into_iter()
            .collect();
    let more = [
        ("occurred_at", tip.occurred.map(|at| value!(at.begins_at()))),
        ("lead_force", lead_force.map(|force| value!(force.as_str()))),
        ("severity", severity.map(|severity| value!(severity))),
    ];
    properties.extend(more.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    Ok(Report { place: Place::Commune { code: code.to_owned() }, properties })
}

fn missing(name: &str, vi: &str, en: &str) -> Problem {
    Problem::new(Code::MissingField, format!("Còn thiếu {vi}."), format!("Missing: {en}.")).at(&format!("/{name}"))
}
