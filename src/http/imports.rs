//! Files of records sent to the server: the rows become visible by one commit, or none does.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use tokio_util::io::ReaderStream;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

use super::IMPORT_BYTES_MAX;
use super::actor::{Reader, Writer};
use super::answer::{json, with_header};
use super::app::{App, now};
use super::audit::note_named;
use super::error::{Answer, Refusal, body_too_large, internal};
use super::params::{Params, collection_named, id_named, invalid, no_record};
use super::uploads::{Upload, drain};
use crate::domain::{Actor, Code, Collection, Problem};
use crate::files::{self, ColumnRule, Doubt, ImportOptions, ImportSummary, PreviewColumn, Refusal as RowRefusal};

/// Longest name of a file, characters.
const NAME_CHARS_MAX: usize = 200;
/// How long the answer waits for the picture to hold a million rows.
const SHOWN_WAIT: std::time::Duration = std::time::Duration::from_secs(60);

/// What an import did, or would have done.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ImportAnswer {
    /// By which it can be undone; absent if nothing was written.
    pub id: Option<String>,
    pub rows: u64,
    pub created: u64,
    pub updated: u64,
    /// Rows that say what the store holds already.
    pub unchanged: u64,
    pub refused: u64,
    /// The first thousand of the refused rows, by line.
    pub refusals: Vec<RefusedRow>,
    /// Rows that are taken and look wrong: what may be known already, or stand twice.
    pub doubts: u64,
    /// The first thousand of them, by line.
    pub doubtful: Vec<DoubtfulRow>,
    /// What each column is taken for, with its first values; of a dry run alone.
    pub columns: Vec<ImportColumn>,
    /// The system that the coordinates seem to be of, where none was named and they are no degrees.
    pub crs_guess: Option<String>,
    /// false: nothing was written, since rows were refused or it was a dry run.
    pub written: bool,
    /// The change that made the rows visible; 0 if nothing was written.
    pub seq: u64,
    /// What was decided for the caller.
    pub notes: Vec<ImportNote>,
    /// Where all refused rows are to be had as CSV, until the next import.
    pub report: Option<String>,
}

/// One row that is taken and looks wrong.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct DoubtfulRow {
    /// Line of the file.
    pub line: u64,
    /// `same_in_file`, `same_in_store` or `other_commune`.
    pub kind: String,
    /// The line that it may double.
    pub other_line: Option<u64>,
    /// The record that it may double.
    pub other_id: Option<String>,
    pub detail_vi: String,
    pub detail_en: String,
}

/// One column of a file as it is read.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ImportColumn {
    pub name: String,
    /// A field of the collection, or `lon`, `lat`, `wkt`, `id`, `extra` (kept aside), `-` (left out).
    pub field: String,
    /// `mdy`, `dmy` or `comma`, where the values or a rule say it.
    pub format: Option<String>,
    /// Its values in the first twenty rows that can be read.
    pub samples: Vec<String>,
}

/// What undoing an import did.
#[derive(Debug, Serialize, ToSchema)]
pub struct UndoneAnswer {
    /// Records that the import had made: they are ended.
    pub removed: u64,
    /// Records that it had changed: they are as before.
    pub restored: u64,
    /// The change that shows it.
    pub seq: u64,
}

/// One row that was not taken.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct RefusedRow {
    /// Line of the file, counted from 1; in a GeoPackage the row's number.
    pub line: u64,
    /// The field or column at fault.
    pub field: Option<String>,
    pub code: String,
    pub detail_vi: String,
    pub detail_en: String,
}

/// One thing that was decided for the caller.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ImportNote {
    pub vi: String,
    pub en: String,
}

/// The file's bytes.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "describes a body that is streamed to a file")]
pub struct FileBytes(Vec<u8>);

/// Imports a file: Excel (.xlsx), CSV (also cells pasted from a sheet), GeoJSON or GeoPackage, up to 2 GiB. All rows become visible by one commit, or none does;
/// importing a file twice doubles nothing. Refused rows are no error: the answer lists them.
#[utoipa::path(
    post, path = "/api/imports", tag = "imports",
    params(
        ("collection" = String, Query, description = "Where the rows go"),
        ("name" = String, Query, description = "Name of the file; its ending tells GeoJSON from CSV (.csv, .tsv)"),
        ("crs" = Option<String>, Query, description = "EPSG code, if not WGS 84 (EPSG:9205 is VN-2000 in Lai Châu)"),
        ("map" = Option<Vec<String>>, Query, description = "column=field[:mdy|:dmy|:comma], once for each rule"),
        ("layer" = Option<String>, Query, description = "Table of a GeoPackage, sheet of a workbook that has several"),
        ("dry_run" = Option<bool>, Query, description = "true: read, check and count; write nothing"),
        ("strict" = Option<bool>, Query, description = "true: refuse a file with columns that have no field"),
        ("skip_bad" = Option<bool>, Query, description = "true: take the good rows though others are refused"),
    ),
    request_body(content = FileBytes, content_type = "application/octet-stream"),
    responses(
        (status = 200, body = ImportAnswer),
        (status = 403, description = "forbidden"),
        (status = 413, description = "body_too_large"),
        (status = 415, description = "unsupported_media_type: none of the formats, a broken workbook, or one with a password"),
        (status = 503, description = "too_busy: another file is being imported"),
    )
)]
pub async fn import_file(
    State(app): State<App>,
    reader: Result<Reader, Refusal>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let told = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if told.is_some_and(|bytes| bytes > IMPORT_BYTES_MAX) {
        return Err(body_too_large(IMPORT_BYTES_MAX).into());
    }
    let (reader, options) = match reader.and_then(read_call) {
        Ok(call) => call,
        Err(refusal) => {
            drain(body).await;
            return Err(refusal);
        }
    };
    let live = reader.live()?;
    let upload = live.uploads.receive(body, &reader.actor().name).await?;
    let id = upload.id();
    let (is_dry_run, collection) = (options.dry_run, options.collection);
    let options = ImportOptions { id: Some(id), ..options };
    let mut summary = run(&app, Actor::clone(reader.actor()), upload, options).await?;
    if !is_dry_run {
        summary.columns = Vec::new();
    }
    note_doubts(&reader, collection, &mut summary);
    if summary.written && live.picture.wait_for(summary.seq, SHOWN_WAIT).await.is_none() {
        tracing::warn!(seq = summary.seq, "the picture lags behind an import");
    }
    json(&ImportAnswer {
        report: Some(reader.path(&format!("/api/imports/{id}/report"))),
        ..ImportAnswer::from(summary)
    })
}

/// Notes the households that the answer names as perhaps known already. Where the audit has no room, they are not named:
/// what was written stays written.
fn note_doubts(reader: &Reader, collection: Collection, summary: &mut ImportSummary) {
    if collection != Collection::Households {
        return;
    }
    let named = summary.doubts.kept.iter().filter_map(|doubt| doubt.other_id).collect();
    if note_named(reader, collection, named).is_err() {
        summary.doubts.kept.retain(|doubt| doubt.other_id.is_none());
    }
}

/// Every refused row of the last import, as CSV: line, field, code and reason in both languages; for whoever sent it.
#[utoipa::path(
    get, path = "/api/imports/{id}/report", tag = "imports",
    params(("id" = String, Path, description = "As the answer of the import names it")),
    responses(
        (status = 200, description = "CSV", content_type = "text/csv"),
        (status = 404, description = "not_found: somebody else's import, or another one has begun since"),
    )
)]
pub async fn read_report(reader: Reader, Path(id): Path<String>) -> Answer {
    files::may_import(reader.actor())?;
    let id = id_named(&id)?;
    Params::parse(reader.uri.query())?.finish()?;
    let report = reader.live()?.uploads.report(id, &reader.actor().name).await.map_err(|error| {
        tracing::error!(%error, "a report of an import cannot be read");
        internal()
    })?;
    let body = Body::from_stream(ReaderStream::new(report.ok_or_else(|| no_record(id))?));
    let response = with_header(axum::response::Response::new(body), header::CONTENT_TYPE, "text/csv; charset=utf-8");
    Ok(with_header(response, header::CACHE_CONTROL, "private, no-cache"))
}

/// Undoes an import in one step: what it made is ended, what it changed is as before, in one commit. Refused as a whole
/// if somebody has changed one of its records since.
#[utoipa::path(
    post, path = "/api/imports/{id}/undo", tag = "imports",
    params(("id" = String, Path, description = "As the answer of the import and its entry in the duty log name it")),
    responses(
        (status = 200, body = UndoneAnswer),
        (status = 403, description = "forbidden"),
        (status = 404, description = "not_found: no such import"),
        (status = 405, description = "method_not_allowed: records of this collection never end"),
        (status = 409, description = "already_undone; changed_since, with the `records`"),
    )
)]
pub async fn undo_import(Path(id): Path<String>, writer: Writer) -> Answer {
    let id = id_named(&id)?;
    writer.fields()?.finish()?;
    let done = writer.desk()?.undo_import(writer.reader.actor(), id).await?;
    json(&UndoneAnswer { removed: done.removed, restored: done.restored, seq: done.seq })
}

/// Everything that can be refused before the file is read.
fn read_call(reader: Reader) -> Result<(Reader, ImportOptions), Refusal> {
    files::may_import(reader.actor())?;
    let mut params = Params::parse(reader.uri.query())?;
    let collection = params.needed_text("collection")?;
    let name = params.needed_text("name")?;
    if name.chars().count() > NAME_CHARS_MAX || name.chars().any(char::is_control) {
        return Err(invalid("name", "không phải tên tệp", "is no name of a file").into());
    }
    let rules = params.texts("map").iter().map(|rule| rule.parse()).collect::<Result<Vec<ColumnRule>, String>>();
    let options = ImportOptions {
        name: Some(name.into_owned()),
        crs: params.text("crs")?.map(Into::into),
        rules: rules.map_err(|why| invalid("map", &why, &why))?,
        layer: params.text("layer")?.map(Into::into),
        dry_run: params.flag("dry_run")?,
        strict: params.flag("strict")?,
        skip_bad: params.flag("skip_bad")?,
        ..ImportOptions::into(collection_named(&collection).map_err(|problem| problem.at("collection"))?)
    };
    params.finish()?;
    Ok((reader, options))
}

/// Runs the import on a thread of its own. It is given up, nothing written, when the caller goes away or the server
/// stops before the rows are handed to the store.
async fn run(app: &App, actor: Actor, upload: Upload, options: ImportOptions) -> Result<ImportSummary, Refusal> {
    let store = std::sync::Arc::clone(&app.live()?.store);
    let stopping = app.stopping().clone();
    let given_up = CancellationToken::new();
    let caller = given_up.clone().drop_guard();
    let options = ImportOptions { report: Some(upload.report_path()), ..options };
    let importing = tokio::task::spawn_blocking(move || {
        let mut go_on =
            |_| if given_up.is_cancelled() || stopping.is_cancelled() { Err(was_given_up()) } else { Ok(()) };
        Handle::current().block_on(files::import_file(&store, &actor, &upload.path(), &options, now(), &mut go_on))
    });
    let done = importing.await.map_err(|_| internal())?;
    drop(caller);
    Ok(done?)
}

fn was_given_up() -> Problem {
    Problem::new(
        Code::StoreUnavailable,
        "máy chủ đang dừng: tệp chưa được nhập",
        "the server is stopping: the file was not imported",
    )
}

impl From<ImportSummary> for ImportAnswer {
    fn from(summary: ImportSummary) -> Self {
        Self {
            id: summary.id.map(|id| id.to_string()),
            rows: summary.rows,
            created: summary.created,
            updated: summary.updated,
            unchanged: summary.unchanged,
            refused: summary.refused.count,
            refusals: summary.refused.kept.into_iter().map(RefusedRow::from).collect(),
            doubts: summary.doubts.count,
            doubtful: summary.doubts.kept.into_iter().map(DoubtfulRow::from).collect(),
            columns: summary.columns.into_iter().map(ImportColumn::from).collect(),
            crs_guess: summary.crs_guess.map(str::to_owned),
            written: summary.written,
            seq: summary.seq,
            notes: summary.notes.into_iter().map(|(vi, en)| ImportNote { vi, en }).collect(),
            report: None,
        }
    }
}

impl From<RowRefusal> for RefusedRow {
    fn from(RowRefusal { line, problem }: RowRefusal) -> Self {
        let Problem { code, at, detail_vi, detail_en, .. } = problem;
        Self { line, field: at, code: code.as_str().to_owned(), detail_vi, detail_en }
    }
}

impl From<Doubt> for DoubtfulRow {
    fn from(doubt: Doubt) -> Self {
        let Doubt { line, kind, other_line, other_id, detail_vi, detail_en } = doubt;
        let other_id = other_id.map(|id| id.to_string());
        Self { line, kind: kind.to_owned(), other_line, other_id, detail_vi, detail_en }
    }
}

impl From<PreviewColumn> for ImportColumn {
    fn from(column: PreviewColumn) -> Self {
        let PreviewColumn { name, field, format, samples } = column;
        Self { name, field: field.to_owned(), format: format.map(str::to_owned), samples }
    }
}
