//! Verbs of one line on a risk zone and on an instruction of the duty log: agreed to, ended, done.

use axum::extract::Path;
use utoipa::ToSchema;

use super::actor::Writer;
use super::error::Answer;
use super::params::id_named;
use super::records::show;

/// Why a zone is revoked.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct EndZoneCall {
    reason: String,
    at: Option<String>,
}

/// Revokes a risk zone.
#[utoipa::path(
    post, path = "/api/risk_zones/{id}/end", tag = "zones", request_body = EndZoneCall,
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
pub async fn end_zone(Path(id): Path<String>, writer: Writer) -> Answer {
    let id = id_named(&id)?;
    let mut fields = writer.fields()?;
    let (reason, at) = (fields.needed_text("reason")?, fields.time("at")?);
    fields.finish()?;
    let written = writer.desk()?.end_zone(&writer.ask_of_seen(at)?, id, reason).await?;
    show(&writer.reader, &written)
}

/// Who agrees to a zone.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct ApproveZoneCall {
    /// Who agreed by telephone; whoever asks, if absent.
    told_by: Option<String>,
    at: Option<String>,
}

/// A second person agrees to a zone, on screen or by telephone.
///
/// One officer alone puts a zone in force for six hours at most (`provisional_until`). What was agreed by telephone is
/// confirmed on screen, by this same verb without `told_by`, within twelve hours. A zone that nobody agreed to in time is
/// `proposed` again.
#[utoipa::path(
    post, path = "/api/risk_zones/{id}/approve", tag = "zones", request_body = ApproveZoneCall,
    params(
        ("id" = String, Path, description = "Id of the zone"),
        ("If-Match" = String, Header, description = "The version that the caller saw"),
        ("Idempotency-Key" = Option<Uuid>, Header, description = "Makes the write happen once"),
    ),
    responses(
        (
            status = 200, description = "The zone, with ETag", content_type = "application/geo+json",
            body = ref("#/components/schemas/RiskZonesFeature"),
        ),
        (status = 403, description = "forbidden: the caller drew it"),
        (status = 409, description = "forbidden_transition: a draft, a zone that is over, or agreed by telephone already"),
    )
)]
pub async fn approve_zone(Path(id): Path<String>, writer: Writer) -> Answer {
    let id = id_named(&id)?;
    let mut fields = writer.fields()?;
    let (told_by, at) = (fields.text("told_by")?, fields.time("at")?);
    fields.finish()?;
    let written = writer.desk()?.approve_zone(&writer.ask_of_seen(at)?, id, told_by).await?;
    show(&writer.reader, &written)
}

/// Marks an instruction of the duty log as done.
#[utoipa::path(
    post, path = "/api/duty_log/{id}/done", tag = "duty log",
    params(
        ("id" = String, Path, description = "Id of the entry"),
        ("Idempotency-Key" = Option<Uuid>, Header, description = "Makes the write happen once"),
    ),
    responses((
        status = 200, description = "The entry, with ETag", content_type = "application/geo+json",
        body = ref("#/components/schemas/DutyLogFeature"),
    ))
)]
pub async fn log_done(Path(id): Path<String>, writer: Writer) -> Answer {
    let id = id_named(&id)?;
    let mut fields = writer.fields()?;
    let at = fields.time("at")?;
    fields.finish()?;
    let written = writer.desk()?.log_done(&writer.ask(at), id).await?;
    show(&writer.reader, &written)
}
