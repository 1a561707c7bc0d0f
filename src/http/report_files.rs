//! The quarterly report as a document to take away.

use axum::extract::Path;
use axum::http::{HeaderValue, header};
use utoipa::ToSchema;

use super::actor::Reader;
use super::answer::{json_bytes, with_header};
use super::audit::note_taken;
use super::error::{Answer, internal};
use super::long;
use super::params::{Params, invalid};
use super::reports::{Accounted, accounted, beside, wish};
use crate::domain::Force;
use crate::domain::access::Deed;
use crate::domain::quarter::Quarter;
use crate::report::Format;
use crate::report::sheet::{About, Classification, Sheet};
use crate::report::sources::Sources;
use crate::report::words;

/// The bytes of a document.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "describes a body that is no JSON")]
pub struct DocumentBytes(Vec<u8>);

/// The report of a quarter as a document: DOCX and PDF in the layout of Decree 30/2020 with the figures; XLSX with the
/// figures as numbers, and the rows behind them that the reader may see one by one.
///
/// The figures are those of `/api/reports/{quarter}` at the same moment. That the document was taken is noted in the audit.
#[utoipa::path(
    get, path = "/api/reports/{quarter}/file", tag = "reports",
    params(
        ("quarter" = String, Path, description = "Such as 2024Q3"),
        ("format" = inline(Format), Query, description = "DOCX to sign, XLSX with the rows behind the figures, or PDF"),
        ("classification" = inline(Option<Classification>), Query, description = "The stamp on it: mật, tối mật or tuyệt mật; none if not said"),
        ("area" = Option<String>, Query, description = "Code of a commune of today, of a district (to 2025-06-30), of the province; `unknown` for what names no commune"),
        ("force" = inline(Option<Force>), Query, description = "The force whose figures are asked for; all if not said"),
        ("at" = Option<String>, Query, description = "What was true then, as it is known now (or by as_known_at); RFC 3339"),
        ("as_known_at" = Option<String>, Query, description = "As it was known then; now if neither is said"),
    ),
    responses((status = 200, description = "The document", content(
        (DocumentBytes = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        (DocumentBytes = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        (DocumentBytes = "application/pdf"),
    )))
)]
pub async fn read_quarter_file(Path(quarter): Path<String>, reader: Reader) -> Answer {
    reader.actor().check(Deed::ReadReports)?;
    let quarter = Quarter::parse(&quarter)?;
    let mut params = Params::parse(reader.uri.query())?;
    let format = params.needed_text("format")?;
    let format = Format::parse(&format)
        .ok_or_else(|| invalid("format", "cần docx, xlsx hoặc pdf", "expected docx, xlsx or pdf"))?;
    let classification = params.text("classification")?.map(|name| {
        Classification::parse(&name).ok_or_else(|| {
            let (vi, en) = ("cần confidential, secret hoặc top_secret", "expected confidential, secret or top_secret");
            invalid("classification", vi, en)
        })
    });
    let classification = classification.transpose()?;
    let (moment, wish) = (params.moment()?, wish(&mut params)?);
    params.finish()?;
    let view = reader.view_of(moment).await?;
    let Accounted { account, area, title_vi, stem: of_part } = accounted(&reader, &view, quarter, &wish).await?;
    let (tasks, exercises) = beside(&reader, &view, &account).await?;
    note_taken(&reader, format.as_str())?;
    let about = About {
        letterhead: reader.settings().letterhead.clone(),
        classification,
        as_of: view.now(),
        seq: view.seq(),
        is_demo: reader.settings().demo,
        state: words::state(&account.standing),
        corrections: words::corrections(&account.standing, view.now()),
        part: title_vi,
        part_notes: area.map_or_else(Vec::new, |area| words::of_area(&area, &account)),
        force: wish.force,
        tasks,
        exercises,
    };
    let written = long::beside(&reader, || {
        let sheet = Sheet::of(&account.reported(), about);
        let is_workbook = format == Format::Xlsx;
        let sources = if is_workbook { Sources::seen(&account.recounted(), &view) } else { Sources::default() };
        format.write(&sheet, &sources).map(|bytes| (sheet.file_stem() + &of_part, bytes))
    });
    let (stem, bytes) = written.await?.map_err(|fault| {
        tracing::error!(%fault, %quarter, format = format.as_str(), "a report could not be written");
        internal()
    })?;
    let mut response = json_bytes(bytes);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(format.media_type()));
    let disposition = format!("attachment; filename=\"{stem}.{}\"", format.as_str());
    Ok(with_header(response, header::CONTENT_DISPOSITION, &disposition))
}
