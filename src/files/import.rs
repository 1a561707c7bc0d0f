//! Import: a file becomes records of one collection, by one commit or not at all. The commit holds an entry of the duty
//! log, whose id is that of the import: by it the import is undone.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use uuid::Uuid;

use super::columns::{self, ColumnRule, Survey, Target};
use super::doubts::{self, Doubts, Namesakes};
use super::plan::{self, Defaults};
use super::preview::{Preview, PreviewColumn};
use super::reference::Reference;
use super::refusals::Refusals;
use super::rows::{Row, RowReader};
use super::source::{Format, Input};
use crate::desk::{self, ImportRecord};
use crate::domain::access::Deed;
use crate::domain::change::Seq;
use crate::domain::{Actor, Code, Collection, Problem, Timestamp};
use crate::geometry::ground::{Ground, GroundParts};
use crate::store::{Snapshot, Store, StoreError};

/// Rows between two words about how far it is.
const STEP_ROWS: u64 = 1_000;
/// How often a file is matched with the records: once, and once more when one of them was changed meanwhile.
const DECISIONS: usize = 2;

/// VN-2000 in the zone of Lai Châu.
const VN2000_OF_THE_PROVINCE: &str = "EPSG:9205";

/// What is imported and how.
#[derive(Clone, Debug)]
pub struct ImportOptions {
    pub collection: Collection,
    /// What the import is called from now on; a new id if `None`.
    pub id: Option<Uuid>,
    /// The name under which people know the file, where it is another than that of its path.
    pub name: Option<String>,
    /// Reference system of the file's coordinates (`EPSG:9205`); what the file itself says, else WGS 84, if `None`.
    pub crs: Option<String>,
    pub rules: Vec<ColumnRule>,
    /// Table of a GeoPackage, sheet of a workbook that has several.
    pub layer: Option<String>,
    /// Read, check and count; write nothing.
    pub dry_run: bool,
    /// Refuse a file with columns that have no field.
    pub strict: bool,
    /// Take the good rows though others are refused.
    pub skip_bad: bool,
    /// Gets every refused row as CSV.
    pub report: Option<PathBuf>,
}

impl ImportOptions {
    /// Everything of a file in WGS 84 into `collection`, all rows or none.
    #[must_use]
    pub fn into(collection: Collection) -> Self {
        Self {
            collection,
            id: None,
            name: None,
            crs: None,
            rules: Vec::new(),
            layer: None,
            dry_run: false,
            strict: false,
            skip_bad: false,
            report: None,
        }
    }
}

/// What an import did, or would have done.
#[derive(Debug, Default)]
pub struct ImportSummary {
    pub rows: u64,
    pub created: u64,
    pub updated: u64,
    /// Rows that say what the store holds already.
    pub unchanged: u64,
    pub refused: Refusals,
    /// Nothing was written: rows were refused, or it was a dry run.
    pub written: bool,
    /// The change that made it visible; 0 if nothing was written.
    pub seq: Seq,
    /// By which the import can be undone, if it wrote anything.
    pub id: Option<Uuid>,
    /// Rows that are taken and look wrong.
    pub doubts: Doubts,
    /// What the columns are taken for, and what stands in the first rows.
    pub columns: Vec<PreviewColumn>,
    /// The reference system that the coordinates seem to be of, where nobody named one and they are no degrees.
    pub crs_guess: Option<&'static str>,
    /// What was decided for the caller, Vietnamese and English.
    pub notes: Vec<(String, String)>,
}

/// How far an import is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// First reading: columns and rows, so many so far.
    Survey { done: u64 },
    /// Second reading: rows checked of all rows.
    Check { done: u64, of: u64 },
    /// The commit.
    Write { rows: u64 },
}

/// Hears how far an import is; its problem gives the import up, nothing written.
pub type Progress<'a> = dyn FnMut(Step) -> Result<(), Problem> + 'a;

/// Refuses who may not import, before anything is read.
///
/// # Errors
/// `forbidden`.
pub fn may_import(actor: &Actor) -> Result<(), Problem> {
    if actor.may(Deed::EditGround) {
        return Ok(());
    }
    Err(Problem::new(
        Code::Forbidden,
        "vai trò của bạn không được nhập tệp",
        format!("the role of {} does not allow imports", actor.name),
    ))
}

/// Imports the file at `path`. Reading and checking keep the thread busy between two awaits: a server gives it one of
/// its own.
///
/// # Errors
/// The [`Problem`] of the file as a whole (unreadable, a rule that fits nothing, unknown columns with `strict`), of
/// the actor (`forbidden`), of `progress`, or of the store. Refused rows are no error: they are in the summary.
pub async fn import_file(
    store: &Arc<dyn Store>,
    actor: &Actor,
    path: &Path,
    options: &ImportOptions,
    now: Timestamp,
    progress: &mut Progress<'_>,
) -> Result<ImportSummary, Problem> {
    may_import(actor)?;
    let mut round = 1;
    loop {
        match attempt(store, actor, path, options, now, progress).await {
            Err(problem) if problem.code == Code::VersionConflict && round < DECISIONS => round += 1,
            done => return done,
        }
    }
}

async fn attempt(
    store: &Arc<dyn Store>,
    actor: &Actor,
    path: &Path,
    options: &ImportOptions,
    now: Timestamp,
    progress: &mut Progress<'_>,
) -> Result<ImportSummary, Problem> {
    let name = options.name.clone().unwrap_or_else(|| path.display().to_string());
    let input = Input { path, name: &name, format: Format::of(path, &name)?, layer: options.layer.as_deref() };
    let Read { survey, rows, mut refused, preview } = read(input, options, progress)?;
    let columns = preview.columns(&survey);
    let is_unsaid = options.crs.is_none() && survey.epsg.is_none();
    let mut notes = survey.notes;
    tell_positions_left_out(options.collection, &rows, &mut notes);
    let source = Path::new(&name).file_name().map(|name| name.to_string_lossy());
    let defaults = Defaults { actor: &actor.name, now, source: source.as_deref(), past_incidents: true };
    let mut snapshot = store.snapshot().await.map_err(store_problem)?;
    let ground = ground_of(snapshot.as_mut()).map_err(store_problem)?;
    let mut doubts = Doubts::default();
    rows.iter().for_each(|row| doubts::other_commune(row, &ground, &mut doubts));
    let namesakes = Namesakes::of(options.collection, &rows);
    let mut plan = plan::plan(snapshot.as_mut(), options.collection, rows, &defaults).map_err(store_problem)?;
    namesakes.in_file(&plan.taken, &mut doubts);
    namesakes.in_store(snapshot.as_mut(), &plan.taken, (actor, now), &mut doubts).map_err(store_problem)?;
    doubts.finish();
    drop(snapshot);
    for put in &mut plan.puts {
        ground.mark(put.collection, &mut put.properties, put.geometry.as_ref());
    }
    for refusal in std::mem::take(&mut plan.refused) {
        refused.add(refusal)?;
    }
    refused.finish()?;
    let mut summary = ImportSummary {
        rows: survey.rows,
        created: plan.created,
        updated: plan.updated,
        unchanged: plan.unchanged,
        notes,
        refused,
        doubts,
        columns,
        crs_guess: (is_unsaid && survey.positions_in_metres).then_some(VN2000_OF_THE_PROVINCE),
        ..ImportSummary::default()
    };
    if options.dry_run || (summary.refused.count > 0 && !options.skip_bad) {
        return Ok(summary);
    }
    progress(Step::Write { rows: plan.puts.len() as u64 })?;
    let record = ImportRecord {
        id: options.id.unwrap_or_else(Uuid::now_v7),
        collection: options.collection,
        file: source.unwrap_or_default().into_owned(),
        rows: summary.rows,
        created: summary.created,
        updated: summary.updated,
        unchanged: summary.unchanged,
        refused: summary.refused.count,
    };
    summary.id = (!plan.puts.is_empty()).then_some(record.id);
    summary.seq = desk::take_import(store.as_ref(), actor, now, &record, plan.expects, plan.puts).await?;
    summary.written = true;
    Ok(summary)
}

struct Read {
    survey: Survey,
    rows: Vec<Row>,
    refused: Refusals,
    preview: Preview,
}

/// Reads a file twice: its columns first, then its rows.
fn read(input: Input<'_>, options: &ImportOptions, progress: &mut Progress<'_>) -> Result<Read, Problem> {
    progress(Step::Survey { done: 0 })?;
    let survey = columns::survey(input.source()?.as_mut(), options.collection, &options.rules, |done| {
        if done % STEP_ROWS == 0 { progress(Step::Survey { done }) } else { Ok(()) }
    })?;
    if options.strict {
        refuse_unknown_columns(&survey, options.collection)?;
    }
    let reference = Reference::of(options.crs.as_deref(), survey.epsg)?;
    let reader = RowReader::new(options.collection, &survey, reference);
    let mut refused = Refusals::reported_to(options.report.as_deref())?;
    let mut rows = Vec::new();
    let mut preview = Preview::default();
    let mut source = input.source()?;
    let mut done = 0;
    while let Some(row) = source.next_row()? {
        done += 1;
        if done % STEP_ROWS == 0 {
            progress(Step::Check { done, of: survey.rows })?;
        }
        if let Ok(content) = &row.content {
            preview.see(content);
        }
        match reader.read(row) {
            Ok(row) => rows.push(row),
            Err(refusal) => refused.add(refusal)?,
        }
    }
    progress(Step::Check { done, of: survey.rows })?;
    drop(reader);
    Ok(Read { survey, rows, refused, preview })
}

fn refuse_unknown_columns(survey: &Survey, collection: Collection) -> Result<(), Problem> {
    let unknown: Vec<&str> = survey
        .columns
        .iter()
        .filter(|column| matches!(column.target, Target::Extra))
        .map(|column| column.name.as_str())
        .collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let list = unknown.join(", ");
    Err(Problem::new(
        Code::UnknownField,
        format!("{collection} không có trường cho các cột: {list}"),
        format!("{collection} has no field for the columns: {list}"),
    )
    .with("columns", unknown))
}

fn tell_positions_left_out(collection: Collection, rows: &[Row], notes: &mut Vec<(String, String)>) {
    if collection == Collection::Units && rows.iter().any(|row| row.geometry.is_some()) {
        notes.push((
            "vị trí trong tệp bỏ qua: vị trí của lực lượng đến từ định vị, hoặc từ đồn của họ".to_owned(),
            "positions in the file are left out: a unit's place comes from fixes, or is that of its post".to_owned(),
        ));
    }
}

/// The ground as the store holds it.
pub(super) fn ground_of(snapshot: &mut dyn Snapshot) -> Result<Ground, StoreError> {
    let mut parts = GroundParts::default();
    for collection in GroundParts::COLLECTIONS {
        snapshot.records(collection, &mut |record, _| {
            parts.add(collection, record.id, &record.properties_map(), record.geometry.as_ref());
        })?;
    }
    Ok(parts.measured())
}

/// What a store's refusal means to a person at the command line.
pub(super) fn store_problem(error: StoreError) -> Problem {
    match error {
        StoreError::Refused(problem) => problem,
        StoreError::DiskFull => Problem::new(Code::DiskFull, "đĩa đã đầy", "the disk is full"),
        StoreError::Conflict { collection, id, .. } => Problem::new(
            Code::VersionConflict,
            format!("{collection} {id} vừa được thay đổi; hãy nhập lại"),
            format!("{collection} {id} was changed meanwhile; import again"),
        ),
        StoreError::TooBusy => Problem::new(Code::TooBusy, "máy chủ đang bận", "the store is busy"),
        other => Problem::new(
            Code::StoreUnavailable,
            format!("không dùng được kho dữ liệu: {other}"),
            format!("the store cannot be used: {other}"),
        ),
    }
}
