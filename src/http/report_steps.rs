//! The report of a quarter on its way: its steps, and the figures that forces state and agree on.

use axum::extract::Path;
use utoipa::ToSchema;

use super::actor::Writer;
use super::error::{Answer, Refusal};
use super::fields::Fields;
use super::records::show;
use crate::desk::{FigureAgreement, FigureStatement, ReportStep};
use crate::domain::Force;
use crate::domain::access::Deed;
use crate::domain::quarter::Quarter;
use crate::domain::quarter_report::Step;

/// A step of a report.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct ReportStepCall {
    step: Step,
    /// The force whose part it is; the province's report if absent.
    force: Option<Force>,
    /// What is said with it, up to 500 characters; needed to send it back.
    note: Option<String>,
}

/// What a force states of a figure.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct FigureStatementCall {
    /// The actor's own, unless the actor has none.
    force: Force,
    /// The whole figure as this force knows it; from 0 on, a whole number unless it is a weight.
    value: f64,
    /// Why, up to 500 characters.
    note: Option<String>,
}

/// Which of the values that stand side by side is agreed on.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct FigureAgreementCall {
    /// One that a force states, or the count.
    value: f64,
    /// Why, up to 500 characters.
    reason: String,
}

/// Takes a step of the report: `compile`, `submit`, `consolidate`, `approve`, `close`, or `return` by one state.
///
/// The part of a force (`force`) is compiled and submitted; the province's report goes all the way. Whoever submitted does
/// not approve. `close` freezes the figures: what becomes known later is shown as corrections.
#[utoipa::path(
    post, path = "/api/reports/{quarter}/steps", tag = "reports", request_body = ReportStepCall,
    params(
        ("quarter" = String, Path, description = "Such as 2024Q3"),
        ("If-Match" = Option<String>, Header, description = "`version` of the report or of the part; checked if sent"),
        ("Idempotency-Key" = Option<Uuid>, Header, description = "Makes the write happen once"),
    ),
    responses(
        (
            status = 200, description = "The report, or the part of the force, with ETag",
            content_type = "application/geo+json", body = ref("#/components/schemas/QuarterReportsFeature"),
        ),
        (
            status = 409,
            description = "forbidden_transition: where it stands, and what is `allowed`; too_early; figures_differ: which \
                           `figures` are not agreed on",
        ),
    )
)]
pub async fn step_report(Path(quarter): Path<String>, writer: Writer) -> Answer {
    let (quarter, mut fields) = opened(&quarter, &writer)?;
    let step = fields.needed_word("step", Step::parse)?;
    let step = ReportStep { step, whose: fields.word("force", Force::parse)?, note: fields.text("note")? };
    fields.finish()?;
    let written = writer.desk()?.step_report(&writer.ask(None), quarter, &step).await?;
    show(&writer.reader, &written)
}

/// States another value of a figure than is counted. It stands beside the count until the province agrees on one; a force
/// that states the figure again replaces what it stated before.
#[utoipa::path(
    post, path = "/api/reports/{quarter}/figures/{figure}/statements", tag = "reports",
    request_body = FigureStatementCall,
    params(
        ("quarter" = String, Path, description = "Such as 2024Q3"),
        ("figure" = String, Path, description = "Id of a figure, such as personnel_turns"),
        ("If-Match" = Option<String>, Header, description = "`version` of the report; checked if sent"),
        ("Idempotency-Key" = Option<Uuid>, Header, description = "Makes the write happen once"),
    ),
    responses(
        (
            status = 200, description = "The report, with ETag", content_type = "application/geo+json",
            body = ref("#/components/schemas/QuarterReportsFeature"),
        ),
        (status = 409, description = "forbidden_transition: it was consolidated; too_early"),
    )
)]
pub async fn state_figure(Path((quarter, figure)): Path<(String, String)>, writer: Writer) -> Answer {
    let (quarter, mut fields) = opened(&quarter, &writer)?;
    let force = fields.needed_word("force", Force::parse)?;
    let said = FigureStatement { force, value: fields.needed_number("value")?, note: fields.text("note")? };
    fields.finish()?;
    let written = writer.desk()?.state_figure(&writer.ask(None), quarter, &figure, &said).await?;
    show(&writer.reader, &written)
}

/// Agrees on one of the values of a figure that stand side by side: that one goes up, and the count stays visible.
#[utoipa::path(
    post, path = "/api/reports/{quarter}/figures/{figure}/agreement", tag = "reports",
    request_body = FigureAgreementCall,
    params(
        ("quarter" = String, Path, description = "Such as 2024Q3"),
        ("figure" = String, Path, description = "Id of a figure, such as personnel_turns"),
        ("If-Match" = Option<String>, Header, description = "`version` of the report; checked if sent"),
        ("Idempotency-Key" = Option<Uuid>, Header, description = "Makes the write happen once"),
    ),
    responses(
        (
            status = 200, description = "The report, with ETag", content_type = "application/geo+json",
            body = ref("#/components/schemas/QuarterReportsFeature"),
        ),
        (status = 409, description = "forbidden_transition: it was consolidated"),
    )
)]
pub async fn agree_figure(Path((quarter, figure)): Path<(String, String)>, writer: Writer) -> Answer {
    let (quarter, mut fields) = opened(&quarter, &writer)?;
    let agreement = FigureAgreement { value: fields.needed_number("value")?, reason: fields.needed_text("reason")? };
    fields.finish()?;
    let written = writer.desk()?.agree_figure(&writer.ask(None), quarter, &figure, &agreement).await?;
    show(&writer.reader, &written)
}

/// Who may not is told so before anything else.
fn opened(quarter: &str, writer: &Writer) -> Result<(Quarter, Fields), Refusal> {
    writer.reader.actor().check(Deed::RunReport)?;
    let quarter = Quarter::parse(quarter)?;
    Ok((quarter, writer.fields()?))
}
