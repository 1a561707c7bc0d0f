//! The commands beside `serve`: import, export, check, backup, migrate, copy, restore, simulate, user, audit, retention,
//! risk, report, tips, leave. They read the command line, call the rooms, and print for people; what they mean is decided in the rooms.

mod audit;
mod copy;
mod import;
mod import_ground;
mod import_over_http;
mod import_rain;
mod import_roads;
mod leave;
mod migrate;
mod not_taken;
mod report;
mod restore;
mod retention;
mod risk;
mod tips;
mod user;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::anyhow;
use clap::{Args, ValueEnum};
use trucban::desk::{Clock, SystemClock};
use trucban::domain::access::class_of;
use trucban::domain::{Actor, Collection, Problem, Role, Timestamp};
use trucban::files::simulate::{HttpSide, SimulationOptions, simulate};
use trucban::files::{Format, export_file};
use trucban::picture::{self, Shown, View};
use trucban::store::audit::{Event, Kind};
use trucban::store::gpkg::{GpkgStore, check};
use trucban::store::postgis::{self, Database, PgStore};
use trucban::store::{Store, StoreError};

pub use audit::{AuditArgs, audit};
pub use copy::{CopyArgs, copy_store};
pub use import::{ImportCommand, import};
pub use leave::{LeaveArgs, leave_nodes};
pub use migrate::{MigrateArgs, migrate};
pub use report::{ReportArgs, report};
pub use restore::{RestoreArgs, restore_store};
pub use retention::{RetentionArgs, retention};
pub use risk::{RiskArgs, risk};
pub use tips::{TipsArgs, tips};
pub use user::{UserArgs, user};

/// Exit code where nothing could be done: a file that cannot be read, a folder in use.
const FAILED: u8 = 2;

/// Writes one collection to a file, as a role sees it.
#[derive(Args, Clone, Debug)]
pub struct ExportArgs {
    /// What is written
    #[arg(long, value_parser = collection)]
    collection: Collection,
    /// The format; that of the file's name if not given
    #[arg(long, value_enum)]
    format: Option<FormatName>,
    /// The file; one that is there is replaced when the new one is whole
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
    /// Folder of the data
    #[arg(long, env = "TRUCBAN_DATA", value_name = "DIR", default_value = "data")]
    data: PathBuf,
    /// The database that holds the records, instead of the folder's own file
    #[arg(long, env = "TRUCBAN_DATABASE", value_name = "postgres://…", hide_env_values = true)]
    database: Option<Database>,
    /// Whose view is written (duty_officer, planner, field_unit, commander, local_authority, admin, observer,
    /// tip_handler); all of
    /// it if not said, since whoever holds the data folder holds all of it
    #[arg(long = "as", value_parser = role)]
    role: Option<Role>,
}

/// Formats of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FormatName {
    Geojson,
    Csv,
    Gpkg,
}

/// Compares the records with the fold of the journal.
#[derive(Args, Clone, Debug)]
pub struct CheckArgs {
    /// Folder of the data, or a backup file
    #[arg(long, env = "TRUCBAN_DATA", value_name = "PATH", default_value = "data")]
    data: PathBuf,
    /// The database that is checked, instead of the folder's own file
    #[arg(long, env = "TRUCBAN_DATABASE", value_name = "postgres://…", hide_env_values = true)]
    database: Option<Database>,
}

/// Copies the whole store into a new file, also while a server writes.
#[derive(Args, Clone, Debug)]
pub struct BackupArgs {
    /// The new file
    to: PathBuf,
    /// Folder of the data
    #[arg(long, env = "TRUCBAN_DATA", value_name = "DIR", default_value = "data")]
    data: PathBuf,
}

/// Plays the demo on a server over HTTP: units move, incidents come in.
#[derive(Args, Clone, Debug)]
pub struct SimulateArgs {
    /// The server
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    url: String,
    /// Token of the actor who plays (`DATA/demo-tokens.json`)
    #[arg(long, env = "TRUCBAN_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// The same seed gives the same world
    #[arg(long, default_value_t = SimulationOptions::default().seed)]
    seed: u64,
    /// How many times faster than life units move
    #[arg(long, default_value_t = 1.0, value_parser = speed)]
    speed: f64,
}

fn collection(name: &str) -> Result<Collection, String> {
    Collection::parse(name).ok_or_else(|| {
        let names: Vec<&str> = Collection::ALL.into_iter().map(Collection::as_str).collect();
        format!("{name:?} is not one of {}", names.join(", "))
    })
}

fn role(name: &str) -> Result<Role, String> {
    Role::parse(name).ok_or_else(|| format!("{name:?} is no role"))
}

fn speed(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|speed| (0.01..=1_000.0).contains(speed)).ok_or_else(|| "not from 0.01 to 1000".to_owned())
}

/// `trucban export`: works beside a running server.
pub fn export(args: &ExportArgs) -> ExitCode {
    finish(blocking(async {
        let format = match args.format {
            Some(FormatName::Geojson) => Format::GeoJson,
            Some(FormatName::Csv) => Format::Csv,
            Some(FormatName::Gpkg) => Format::GeoPackage,
            None => Format::named(&args.output)
                .filter(|format| *format != Format::Xlsx)
                .ok_or_else(|| anyhow!("--format geojson, csv or gpkg is needed"))?,
        };
        let store = open_read(&args.data, args.database.as_ref()).await?;
        let handle = picture::start(store).await.map_err(store_told)?;
        let actor = Arc::new(Actor::new("export", args.role.unwrap_or(Role::System), None));
        let view = handle.view(&actor, SystemClock.now());
        note_export(args, &actor, &view)?;
        let count = export_file(&view, args.collection, format, &args.output).map_err(told)?;
        writeln!(io::stdout(), "{}: {count} → {}", args.collection, args.output.display())?;
        Ok(ExitCode::SUCCESS)
    }))
}

/// Opens where the records are for reading, beside whoever writes.
async fn open_read(data: &Path, database: Option<&Database>) -> anyhow::Result<Arc<dyn Store>> {
    Ok(match database {
        Some(database) => PgStore::open_read(database.clone()).await.map_err(store_told)?,
        None => GpkgStore::open_read(data).map_err(store_told)?,
    })
}

/// Makes durable in the audit of the folder, beside a running server too, what is about to leave.
fn note_export(args: &ExportArgs, actor: &Arc<Actor>, view: &View) -> anyhow::Result<()> {
    // A copy of the records alone has no audit beside it.
    if !args.data.is_dir() {
        return Ok(());
    }
    let count = view.all(args.collection).filter(Shown::is_record).count() as u64;
    let place = format!("trucban export {}", args.output.display());
    let event = Event::new(Kind::Export, actor, view.now(), place);
    audit::note(&args.data, [event.about(args.collection, class_of(args.collection), count)])
}

/// `trucban check`: 0 if all agrees, 1 with findings, 2 if the store cannot be read.
pub fn check_store(args: &CheckArgs) -> ExitCode {
    finish(blocking(async {
        let (findings, name) = match &args.database {
            Some(database) => (postgis::check(database).await, database.to_string()),
            None => (check(&args.data), args.data.display().to_string()),
        };
        let findings = findings.map_err(store_told)?;
        let mut out = io::stdout().lock();
        for finding in &findings {
            writeln!(out, "{}", finding.what)?;
        }
        if findings.is_empty() {
            writeln!(out, "{name}: không có sai lệch / no difference found")?;
            return Ok(ExitCode::SUCCESS);
        }
        writeln!(out, "{name}: {} sai lệch / differences", findings.len())?;
        Ok(ExitCode::FAILURE)
    }))
}

/// `trucban backup`: works beside a running server.
pub fn backup(args: &BackupArgs) -> ExitCode {
    finish(blocking(async {
        let store = GpkgStore::open_read(&args.data).map_err(store_told)?;
        store.backup(args.to.clone()).await.map_err(store_told)?;
        let bytes = std::fs::metadata(&args.to).map(|meta| meta.len()).unwrap_or_default();
        writeln!(io::stdout(), "{} → {} ({bytes} byte)", args.data.display(), args.to.display())?;
        Ok(ExitCode::SUCCESS)
    }))
}

/// `trucban simulate`: until it is stopped.
pub fn simulate_over_http(args: &SimulateArgs) -> ExitCode {
    fn now() -> Timestamp {
        SystemClock.now()
    }
    // What the server does not take is told, or a wrong token would look like a calm province.
    let filter = tracing_subscriber::EnvFilter::try_from_env("TRUCBAN_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn,trucban::files::simulate=debug"));
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).try_init();
    finish(blocking(async {
        let side = HttpSide::new(&args.url, args.token.clone(), now).map_err(told)?;
        let options = SimulationOptions { seed: args.seed, speed: args.speed };
        tokio::select! {
            played = simulate(&side, options) => played.map_err(told)?,
            stopped = tokio::signal::ctrl_c() => stopped?,
        }
        Ok(ExitCode::SUCCESS)
    }))
}

fn blocking<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}

fn finish(done: anyhow::Result<ExitCode>) -> ExitCode {
    done.unwrap_or_else(|error| {
        // Nobody may be reading standard error; there is no other place to say so.
        let _ = writeln!(io::stderr(), "trucban: {error:#}");
        ExitCode::from(FAILED)
    })
}

fn told(problem: Problem) -> anyhow::Error {
    let Problem { code, at, detail_vi, detail_en, .. } = problem;
    let at = at.map(|at| format!(" ({at})")).unwrap_or_default();
    anyhow!("{}{at}\n  {detail_vi}\n  {detail_en}", code.as_str())
}

fn store_told(error: StoreError) -> anyhow::Error {
    match error {
        StoreError::Refused(problem) => told(problem),
        other => anyhow!("{other}"),
    }
}
