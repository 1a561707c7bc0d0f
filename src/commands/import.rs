//! `trucban import`: into the folder, or through the server that holds it.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{ArgMatches, Args, FromArgMatches};
use indicatif::{ProgressBar, ProgressStyle};
use trucban::desk::{Clock, SystemClock};
use trucban::domain::{Actor, Code, Collection, Problem};
use trucban::files::{ColumnRule, ImportOptions, Step, import_file, seed};
use trucban::http::ImportAnswer;
use trucban::store::gpkg::{GpkgStore, OpenOptions};
use trucban::store::postgis::{Database, PgStore};
use trucban::store::{Store, StoreError};

use super::import_ground::{ImportSusceptibilityArgs, ImportTerrainArgs, import_susceptibility, import_terrain};
use super::import_rain::{ImportRainArgs, import_rain};
use super::import_roads::{ImportRoadsArgs, import_roads};
use super::{blocking, collection, finish, import_over_http, store_told, told};

/// Refused rows printed; `--report` gets all of them.
const REFUSALS_PRINTED_MAX: usize = 50;

/// Rows that look wrong, printed; the others are counted.
const DOUBTS_PRINTED_MAX: usize = 20;

/// What is imported: records of a file, a network of roads, or what is known of the ground, or a grid of rain.
#[derive(Clone, Debug)]
pub enum ImportCommand {
    Records(Box<ImportArgs>),
    Roads(Box<ImportRoadsArgs>),
    Terrain(Box<ImportTerrainArgs>),
    Susceptibility(Box<ImportSusceptibilityArgs>),
    Rain(Box<ImportRainArgs>),
}

/// The words after which something else than records is meant.
const ROADS: &str = "roads";
const TERRAIN: &str = "terrain";
const SUSCEPTIBILITY: &str = "susceptibility";
const RAIN: &str = "rain";

/// By hand, since an argument that `import FILE` needs is none of `import roads FILE`.
impl Args for ImportCommand {
    fn augment_args(command: clap::Command) -> clap::Command {
        ImportArgs::augment_args(command)
            .subcommand(ImportRoadsArgs::augment_args(clap::Command::new(ROADS)))
            .subcommand(ImportTerrainArgs::augment_args(clap::Command::new(TERRAIN)))
            .subcommand(ImportSusceptibilityArgs::augment_args(clap::Command::new(SUSCEPTIBILITY)))
            .subcommand(ImportRainArgs::augment_args(clap::Command::new(RAIN)))
            .args_conflicts_with_subcommands(true)
            .subcommand_negates_reqs(true)
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for ImportCommand {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        match matches.subcommand() {
            Some((TERRAIN, args)) => ImportTerrainArgs::from_arg_matches(args).map(Box::new).map(Self::Terrain),
            Some((SUSCEPTIBILITY, args)) => {
                ImportSusceptibilityArgs::from_arg_matches(args).map(Box::new).map(Self::Susceptibility)
            }
            Some((RAIN, args)) => ImportRainArgs::from_arg_matches(args).map(Box::new).map(Self::Rain),
            Some((_, roads)) => ImportRoadsArgs::from_arg_matches(roads).map(Box::new).map(Self::Roads),
            None => ImportArgs::from_arg_matches(matches).map(Box::new).map(Self::Records),
        }
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// Brings a file in: Excel (.xlsx), CSV, GeoJSON or GeoPackage. Goes through the server where one holds the folder.
#[derive(Args, Clone, Debug)]
pub struct ImportArgs {
    /// The file
    pub(super) file: PathBuf,
    /// Where its records go (households, admin_units, incidents …)
    #[arg(long, value_parser = collection)]
    pub(super) collection: Collection,
    /// Folder of the data
    #[arg(long, env = "TRUCBAN_DATA", value_name = "DIR", default_value = "data")]
    pub(super) data: PathBuf,
    /// The database that takes the records, instead of the folder's own file; also beside servers that use it
    #[arg(long, env = "TRUCBAN_DATABASE", value_name = "postgres://…", hide_env_values = true)]
    pub(super) database: Option<Database>,
    /// Reference system of the coordinates, if not WGS 84 (EPSG:9205 is VN-2000 in Lai Châu)
    #[arg(long, value_name = "CRS")]
    pub(super) crs: Option<String>,
    /// Which column fills which field, with :mdy or :dmy for dates such as 7/3/2017, :comma for decimal commas;
    /// field may be lon, lat, wkt, id, extra, or - to leave the column out
    #[arg(long = "map", value_name = "COLUMN=FIELD[:FORMAT]")]
    pub(super) rules: Vec<ColumnRule>,
    /// Table of a GeoPackage, or sheet of a workbook, that has several
    #[arg(long)]
    pub(super) layer: Option<String>,
    /// Read, check and count; write nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Refuse a file with columns that have no field (else they are kept in `extra`)
    #[arg(long)]
    pub(super) strict: bool,
    /// Take the good rows though others are refused (else it is all or nothing)
    #[arg(long)]
    pub(super) skip_bad: bool,
    /// Write every refused row into this CSV file
    #[arg(long, value_name = "FILE")]
    pub(super) report: Option<PathBuf>,
    /// Token for the server that holds the folder; in a demo folder its administrator's if not given
    #[arg(long, env = "TRUCBAN_TOKEN", hide_env_values = true)]
    pub(super) token: Option<String>,
}

/// `trucban import`, of records or roads.
pub fn import(command: &ImportCommand) -> ExitCode {
    match command {
        ImportCommand::Records(args) => import_records(args),
        ImportCommand::Roads(args) => import_roads(args),
        ImportCommand::Terrain(args) => import_terrain(args),
        ImportCommand::Susceptibility(args) => import_susceptibility(args),
        ImportCommand::Rain(args) => import_rain(args),
    }
}

/// `trucban import FILE`: 0 if the file is in (or would be, with `--dry-run`), 1 if rows were refused and nothing was
/// written, 2 if the file, the folder or its server could not be used.
fn import_records(args: &ImportArgs) -> ExitCode {
    finish(blocking(async {
        if let Some(database) = &args.database {
            let store = PgStore::open(database.clone(), None, "").await.map_err(store_told)?;
            return report(args, &into_store(args, store).await?);
        }
        let answer = match GpkgStore::open(&args.data, &OpenOptions { address: "trucban import".to_owned() }) {
            Ok(store) => into_store(args, store).await?,
            Err(StoreError::Refused(problem)) => match server_behind(&problem) {
                Some(address) => import_over_http::send(args, &address).await?,
                None => return Err(told(problem)),
            },
            Err(error) => return Err(store_told(error)),
        };
        report(args, &answer)
    }))
}

fn report(args: &ImportArgs, answer: &ImportAnswer) -> anyhow::Result<ExitCode> {
    print_answer(args, answer)?;
    let failed = answer.refused > 0 && (!args.skip_bad || answer.refused == answer.rows);
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The address of the server that holds a locked folder; `None` if something else is wrong with it, or another
/// command holds it.
pub(super) fn server_behind(problem: &Problem) -> Option<String> {
    let (_, holder) = problem.extra.iter().find(|(name, _)| *name == "holder" && problem.code == Code::FolderLocked)?;
    holder
        .as_str()?
        .split_whitespace()
        .find(|word| word.starts_with("http://") || word.starts_with("https://"))
        .map(str::to_owned)
}

/// Imports into an open store. A new one gets the reference ground, as `serve` would give it.
async fn into_store(args: &ImportArgs, store: Arc<dyn Store>) -> anyhow::Result<ImportAnswer> {
    let options = ImportOptions {
        crs: args.crs.clone(),
        rules: args.rules.clone(),
        layer: args.layer.clone(),
        dry_run: args.dry_run,
        strict: args.strict,
        skip_bad: args.skip_bad,
        report: args.report.clone(),
        ..ImportOptions::into(args.collection)
    };
    let actor = Actor { name: "import".to_owned(), ..Actor::system() };
    let bar = progress_bar("{msg} {wide_bar} {human_pos}/{human_len} · {eta}");
    let done = async {
        seed::ground(&store, SystemClock.now()).await?;
        let mut progress = |step| {
            show(&bar, step);
            Ok(())
        };
        import_file(&store, &actor, &args.file, &options, SystemClock.now(), &mut progress).await
    };
    let done = done.await;
    bar.finish_and_clear();
    store.close().await;
    done.map(ImportAnswer::from).map_err(told)
}

/// A bar with this template.
pub(super) fn progress_bar(template: &str) -> ProgressBar {
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

/// Turns the bar into a sign of life, for work of which nobody knows how far it is.
pub(super) fn wait_visibly(bar: &ProgressBar, message: String) {
    bar.set_message(message);
    bar.enable_steady_tick(Duration::from_millis(200));
}

fn show(bar: &ProgressBar, step: Step) {
    match step {
        Step::Survey { done } => bar.set_message(format!("đọc cột / reading columns {done}")),
        Step::Check { done, of } => {
            bar.set_message("kiểm tra / checking");
            bar.set_length(of);
            bar.set_position(done);
        }
        Step::Write { rows } => wait_visibly(bar, format!("ghi / writing {rows}")),
    }
}

fn print_answer(args: &ImportArgs, answer: &ImportAnswer) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for note in &answer.notes {
        writeln!(out, "* {}\n  {}", note.vi, note.en)?;
    }
    for row in answer.doubtful.iter().take(DOUBTS_PRINTED_MAX) {
        writeln!(out, "? dòng/line {}: {}\n    {}", row.line, row.detail_vi, row.detail_en)?;
    }
    for row in answer.refusals.iter().take(REFUSALS_PRINTED_MAX) {
        let field = row.field.as_deref().unwrap_or("-");
        writeln!(out, "dòng/line {} · {field} · {}", row.line, row.code)?;
        writeln!(out, "    {}\n    {}", row.detail_vi, row.detail_en)?;
    }
    let rest = answer.refused.saturating_sub(REFUSALS_PRINTED_MAX as u64);
    if rest > 0 {
        let hint = match &args.report {
            Some(path) => format!("tất cả ở / all of them in {}", path.display()),
            None => "--report FILE".to_owned(),
        };
        writeln!(out, "… và {rest} dòng bị từ chối nữa / and {rest} more refused rows: {hint}")?;
    }
    let ImportAnswer { rows, created, updated, unchanged, refused, written, .. } = answer;
    let (vi, en) = match (written, args.dry_run) {
        (true, _) => ("đã nhập", "imported"),
        (false, true) => ("chạy thử, chưa ghi gì", "dry run, nothing was written"),
        (false, false) => ("KHÔNG ghi gì vì có dòng bị từ chối", "NOTHING was written, since rows were refused"),
    };
    writeln!(out, "{}: {vi} / {en}", args.collection)?;
    writeln!(out, "  dòng / rows: {rows}")?;
    writeln!(out, "  mới / new: {created}")?;
    writeln!(out, "  cập nhật / updated: {updated}")?;
    writeln!(out, "  không đổi / unchanged: {unchanged}")?;
    writeln!(out, "  bị từ chối / refused: {refused}")?;
    if answer.doubts > 0 {
        writeln!(out, "  cần xem lại / to be looked at: {}", answer.doubts)?;
    }
    if !written && !args.dry_run {
        writeln!(out, "  --skip-bad: nhập các dòng còn lại / takes the other rows")?;
    }
    out.flush()
}
