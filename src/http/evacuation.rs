//! What is told of a household's evacuation, and of people in a zone who are on no list.

use axum::extract::Path;
use utoipa::ToSchema;
use uuid::Uuid;

use super::actor::Writer;
use super::error::Answer;
use super::fields::Fields;
use super::params::id_named;
use super::records::show;
use super::shapes;
use crate::desk::{EvacuationReport, Evidence, Outsiders, Told, Withdrawal};
use crate::domain::Problem;
use crate::domain::evacuation::State;

/// Where so many of a household's people are, all told, and what that rests on.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct EvacuationCall {
    #[schema(schema_with = shapes::evacuation_reported)]
    state: String,
    /// So many are in this state at this place all told; needed for `moving`, `sheltered` and `with_relatives`. Otherwise
    /// all whom it may concern if absent.
    people: Option<i64>,
    /// `people` come besides those told before.
    more: Option<bool>,
    /// The state that they leave; if absent those are taken who are still inside.
    #[schema(schema_with = shapes::evacuation_state)]
    from: Option<String>,
    /// sheltered: where.
    shelter_id: Option<Uuid>,
    /// with_relatives: where.
    place: Option<String>,
    /// notified: by which way.
    #[schema(schema_with = shapes::warning_channel)]
    channel: Option<String>,
    /// moving: the unit that escorts them; this or `escort` is needed.
    unit_id: Option<Uuid>,
    /// moving: whoever else escorts them.
    escort: Option<String>,
    /// refused: why.
    reason: Option<String>,
    /// refused: who spoke with them; who reports if absent.
    officer: Option<String>,
    /// refused: when somebody comes again.
    next_visit_at: Option<String>,
    /// unreachable: how often somebody tried.
    tries: Option<i64>,
    /// return_authorised: who let them go home.
    authority: Option<String>,
    /// return_authorised: the inspection on which it rests.
    inspection_ref: Option<String>,
    /// relocated: the decision.
    decision_no: Option<String>,
    /// When it was so; now if absent.
    at: Option<String>,
    /// How it became known; by who asks if absent.
    #[schema(schema_with = shapes::told_source)]
    source: Option<String>,
    /// Who was heard; needed by radio and by phone.
    told_by: Option<String>,
}

/// That a report was wrong.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct WithdrawCall {
    /// Id of the report, in the household's `reports`.
    report_id: Uuid,
    reason: String,
    /// When it was found out; now if absent.
    at: Option<String>,
}

/// How many people of a kind are in the zone beside its households.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct OutsidersCall {
    #[schema(schema_with = shapes::outsiders_kind)]
    kind: String,
    people: i64,
    /// So many more or fewer it may be; 0 if absent.
    plus_minus: Option<i64>,
    /// When they were counted; now if absent.
    at: Option<String>,
    /// How it became known; by who asks if absent.
    #[schema(schema_with = shapes::told_source)]
    source: Option<String>,
    /// Who was heard; needed by radio and by phone.
    told_by: Option<String>,
}

/// Tells where people of a household are.
///
/// Reports may come late, twice and in any order: they count by `at`, and say how many there are all told, so that nobody
/// is doubled or lost. Whoever arrives where there is no room is let in, and an alarm is raised.
#[utoipa::path(
    post, path = "/api/households/{id}/evacuation", tag = "evacuation", request_body = EvacuationCall,
    params(
        ("id" = String, Path, description = "Id of the household"),
        ("If-Match" = Option<String>, Header, description = "Checked if sent"),
        ("Idempotency-Key" = Option<Uuid>, Header, description = "Makes the write happen once"),
    ),
    responses(
        (
            status = 200, description = "The household, with ETag", content_type = "application/geo+json",
            body = ref("#/components/schemas/HouseholdsFeature"),
        ),
        (status = 409, description = "forbidden_transition: a return that nobody authorised, a household that was ended"),
    )
)]
pub async fn report_evacuation(Path(id): Path<String>, writer: Writer) -> Answer {
    let id = id_named(&id)?;
    let mut fields = writer.fields()?;
    let at = fields.time("at")?;
    let report = EvacuationReport {
        state: reported(&mut fields)?,
        people: fields.integer("people")?,
        more: fields.boolean("more")?.unwrap_or(false),
        from: fields.word("from", State::parse)?,
        shelter_id: fields.uuid("shelter_id")?,
        place: fields.text("place")?,
        evidence: Evidence {
            channel: fields.text("channel")?,
            unit_id: fields.uuid("unit_id")?,
            escort: fields.text("escort")?,
            reason: fields.text("reason")?,
            officer: fields.text("officer")?,
            next_visit_at: fields.time("next_visit_at")?,
            tries: fields.integer("tries")?,
            authority: fields.text("authority")?,
            inspection_ref: fields.text("inspection_ref")?,
            decision_no: fields.text("decision_no")?,
        },
        told: told(&mut fields)?,
    };
    fields.finish()?;
    let written = writer.desk()?.report_evacuation(&writer.ask(at), id, report).await?;
    show(&writer.reader, &written)
}

/// Withdraws a report that was wrong; it stays in the list with who withdrew it and why.
#[utoipa::path(
    post, path = "/api/households/{id}/evacuation/withdraw", tag = "evacuation", request_body = WithdrawCall,
    params(
        ("id" = String, Path, description = "Id of the household"),
        ("If-Match" = Option<String>, Header, description = "Checked if sent"),
        ("Idempotency-Key" = Option<Uuid>, Header, description = "Makes the write happen once"),
    ),
    responses((
        status = 200, description = "The household, with ETag", content_type = "application/geo+json",
        body = ref("#/components/schemas/HouseholdsFeature"),
    ))
)]
pub async fn withdraw_evacuation(Path(id): Path<String>, writer: Writer) -> Answer {
    let id = id_named(&id)?;
    let mut fields = writer.fields()?;
    let at = fields.time("at")?;
    let withdrawal = Withdrawal { report_id: fields.needed_uuid("report_id")?, reason: fields.needed_text("reason")? };
    fields.finish()?;
    let written = writer.desk()?.withdraw_evacuation(&writer.ask(at), id, withdrawal).await?;
    show(&writer.reader, &written)
}

/// Says how many people are in a zone who are on no list of households.
#[utoipa::path(
    post, path = "/api/risk_zones/{id}/outsiders", tag = "evacuation", request_body = OutsidersCall,
    params(
        ("id" = String, Path, description = "Id of the zone"),
        ("If-Match" = Option<String>, Header, description = "Checked if sent"),
        ("Idempotency-Key" = Option<Uuid>, Header, description = "Makes the write happen once"),
    ),
    responses((
        status = 200, description = "The zone, with ETag", content_type = "application/geo+json",
        body = ref("#/components/schemas/RiskZonesFeature"),
    ))
)]
pub async fn tell_outsiders(Path(id): Path<String>, writer: Writer) -> Answer {
    let id = id_named(&id)?;
    let mut fields = writer.fields()?;
    let at = fields.time("at")?;
    let kind = fields.needed_text("kind")?;
    let people = match fields.integer("people")? {
        Some(people) => people,
        None => return Err(fields.needed("people").map_or_else(|missing| missing, |_| missing_people()).into()),
    };
    let plus_minus = fields.integer("plus_minus")?.unwrap_or(0);
    let count = Outsiders { kind, people, plus_minus, told: told(&mut fields)? };
    fields.finish()?;
    let written = writer.desk()?.tell_outsiders(&writer.ask(at), id, count).await?;
    show(&writer.reader, &written)
}

fn missing_people() -> Problem {
    Problem::new(crate::domain::Code::MissingField, "Thiếu people.", "people is missing.").at("/people")
}

fn reported(fields: &mut Fields) -> Result<State, Problem> {
    let known = |word: &str| State::REPORTED.into_iter().find(|state| state.as_str() == word);
    fields.needed_word("state", known)
}

fn told(fields: &mut Fields) -> Result<Told, Problem> {
    Ok(Told { source: fields.text("source")?, told_by: fields.text("told_by")? })
}
