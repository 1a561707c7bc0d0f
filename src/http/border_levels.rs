//! Levels of border sectors: the board, and what two people decide.

use axum::extract::Path;
use axum::http::{StatusCode, header};
use utoipa::ToSchema;

use super::actor::{Reader, Writer};
use super::answer::{json as json_answer, with_header, with_status};
use super::error::Answer;
use super::long;
use super::params::{Params, id_named};
use super::records::show;
use crate::desk::{AssessmentDecision, BorderBoard, NewAssessment};
use crate::domain::access::Deed;
use crate::domain::border_rules::Level;
use crate::domain::sector_assessment::Verb;
use crate::domain::{Code, Collection, Problem};

/// The levels of all border sectors: in force, proposed by a person, computed beside it, and the checklist of each level.
///
/// What is computed only proposes, and never `critical`: a person decides. Rows that the reader may not see are counted and
/// not shown. The board of a moment asks by today's rules what had happened by then.
#[utoipa::path(
    get, path = "/api/border_sectors/levels", tag = "border",
    params(
        ("at" = Option<String>, Query, description = "What was true then, as it is known now (or by as_known_at); RFC 3339"),
        ("as_known_at" = Option<String>, Query, description = "As it was known then; the present picture if neither is said"),
    ),
    responses((status = 200, description = "The board", body = BorderBoard))
)]
pub async fn read_border_levels(reader: Reader) -> Answer {
    let mut params = Params::parse(reader.uri.query())?;
    let moment = params.moment()?;
    params.finish()?;
    let view = reader.view_of(moment).await?;
    let desk = &reader.live()?.desk;
    let looks_at = view.held(&[Collection::Incidents, Collection::Cases]);
    let board = long::answer(&reader, looks_at, || BorderBoard::of(&view, desk.border_rules())).await?;
    json_answer(&board)
}

/// A level that somebody proposes.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct ProposeLevelCall {
    level: Level,
    reason: String,
    /// When it ends by itself; needed for `critical`.
    #[schema(format = DateTime)]
    valid_to: Option<String>,
}

/// Proposes the level of a border sector.
///
/// It holds from when a second person agrees; until then the level in force stays. A proposal that waits already is
/// superseded.
#[utoipa::path(
    post, path = "/api/border_sectors/{id}/assessments", tag = "border", request_body = ProposeLevelCall,
    params(
        ("id" = String, Path, description = "Id of the sector"),
        ("Idempotency-Key" = Option<Uuid>, Header, description = "Makes the write happen once"),
    ),
    responses(
        (
            status = 201, description = "The assessment, with ETag and Location", content_type = "application/geo+json",
            body = ref("#/components/schemas/SectorAssessmentsFeature"),
        ),
        (status = 403, description = "forbidden: another force, another area"),
    )
)]
pub async fn propose_level(Path(id): Path<String>, writer: Writer) -> Answer {
    writer.reader.actor().check(Deed::AssessBorder)?;
    let id = id_named(&id)?;
    let mut fields = writer.fields()?;
    let level = fields.needed_word("level", Level::parse)?;
    let (reason, valid_to) = (fields.needed_text("reason")?, fields.time("valid_to")?);
    fields.finish()?;
    let new = NewAssessment { level, reason, valid_to };
    let written = writer.desk()?.propose_sector_level(&writer.ask(None), id, &new).await?;
    let answer = with_status(show(&writer.reader, &written)?, StatusCode::CREATED);
    let place = writer.reader.link(&format!("/api/collections/sector_assessments/items/{}", written.id()));
    Ok(with_header(answer, header::LOCATION, &place))
}

/// What the second person says.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct DecideLevelCall {
    /// agree: who agreed by telephone; whoever asks, if absent.
    told_by: Option<String>,
    /// refuse: why (needed).
    reason: Option<String>,
}

/// Agrees to a proposed level, or refuses it.
///
/// Whoever proposed it does not agree to it; they may take it back (`refuse`). What was agreed by telephone holds for twelve
/// hours, until somebody else than who proposed it confirms it by `agree` without `told_by`.
#[utoipa::path(
    post, path = "/api/sector_assessments/{id}/{verb}", tag = "border", request_body = DecideLevelCall,
    params(
        ("id" = String, Path, description = "Id of the assessment"),
        ("verb" = String, Path, description = "`agree` or `refuse`"),
        ("If-Match" = String, Header, description = "The version that the caller saw"),
        ("Idempotency-Key" = Option<Uuid>, Header, description = "Makes the write happen once"),
    ),
    responses(
        (
            status = 200, description = "The assessment, with ETag", content_type = "application/geo+json",
            body = ref("#/components/schemas/SectorAssessmentsFeature"),
        ),
        (status = 403, description = "forbidden: another force, another area"),
        (status = 409, description = "same_person; forbidden_transition: it waits no longer"),
    )
)]
pub async fn decide_level(Path((id, verb)): Path<(String, String)>, writer: Writer) -> Answer {
    writer.reader.actor().check(Deed::AssessBorder)?;
    let id = id_named(&id)?;
    let verb = Verb::parse(&verb)
        .ok_or_else(|| Problem::new(Code::NotFound, "không có động từ này", "there is no such verb"))?;
    let mut fields = writer.fields()?;
    let decision = match verb {
        Verb::Agree => AssessmentDecision::Agree { told_by: fields.text("told_by")? },
        Verb::Refuse => AssessmentDecision::Refuse { reason: fields.needed_text("reason")? },
    };
    fields.finish()?;
    let written = writer.desk()?.decide_assessment(&writer.ask_of_seen(None)?, id, &decision).await?;
    show(&writer.reader, &written)
}
