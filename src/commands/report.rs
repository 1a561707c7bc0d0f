//! `trucban report`: the quarterly report, counted from the records; works beside a running server.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::anyhow;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use trucban::desk::{Clock, SystemClock};
use trucban::domain::access::FORCES;
use trucban::domain::access::class_of;
use trucban::domain::change::Seq;
use trucban::domain::quarter::Quarter;
use trucban::domain::{Actor, Collection, Force, Role, Timestamp};
use trucban::files::{DEMO_META, put_file};
use trucban::report::Format;
use trucban::report::account::Account;
use trucban::report::beside::Tasks;
use trucban::report::part::{ReportArea, Wish, areas_of};
use trucban::report::sheet::{About, Classification, Letterhead, Sheet};
use trucban::report::sources::Sources;
use trucban::report::words;
use trucban::store::Snapshot;
use trucban::store::audit::{Event, Kind};
use trucban::store::postgis::Database;

use super::{audit, blocking, finish, open_read, store_told, told};

/// Writes the report of a quarter.
#[derive(Args, Clone, Debug)]
pub struct ReportArgs {
    /// The quarter, such as 2024Q3
    #[arg(long, value_name = "YYYYQn", value_parser = quarter)]
    quarter: Quarter,
    /// The area whose figures are counted: code of a commune of today, of a district (to 2025-06-30), or `unknown` for what
    /// names no commune; the whole province if not said
    #[arg(long, value_name = "CODE")]
    area: Option<String>,
    /// The force whose figures are counted; all if not said
    #[arg(long, value_name = "FORCE", value_parser = force)]
    force: Option<Force>,
    /// The format: json with every row, docx to sign, xlsx with the rows behind the figures, pdf
    #[arg(long, value_enum, default_value_t = ReportFormat::Json)]
    format: ReportFormat,
    /// The file, which takes its place when it is whole; standard output if not said
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Folder of the data
    #[arg(long, env = "TRUCBAN_DATA", value_name = "DIR", default_value = "data")]
    data: PathBuf,
    /// The database that holds the records, instead of the folder's own file
    #[arg(long, env = "TRUCBAN_DATABASE", value_name = "postgres://…", hide_env_values = true)]
    database: Option<Database>,
    /// The office that issues it [default: ỦY BAN NHÂN DÂN TỈNH LAI CHÂU]
    #[arg(long, value_name = "NAME")]
    issuer: Option<String>,
    /// The office above that one
    #[arg(long, value_name = "NAME")]
    above: Option<String>,
    /// Where it is signed [default: Lai Châu]
    #[arg(long, value_name = "NAME")]
    place: Option<String>,
    /// In which office the signer signs
    #[arg(long, value_name = "TITLE")]
    signer: Option<String>,
    /// The stamp on it: confidential (mật), secret (tối mật), top_secret (tuyệt mật); none if not said
    #[arg(long, value_parser = classification)]
    classification: Option<Classification>,
}

/// Formats of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ReportFormat {
    Json,
    Docx,
    Xlsx,
    Pdf,
}

impl ReportFormat {
    /// As a document; JSON is none.
    const fn document(self) -> Option<Format> {
        match self {
            Self::Json => None,
            Self::Docx => Some(Format::Docx),
            Self::Xlsx => Some(Format::Xlsx),
            Self::Pdf => Some(Format::Pdf),
        }
    }
}

/// A report that is written and not yet put anywhere.
struct Written {
    bytes: Vec<u8>,
    /// Records that stand in it one by one.
    records: Vec<(Collection, u64)>,
}

fn quarter(text: &str) -> Result<Quarter, String> {
    Quarter::parse(text).map_err(|problem| format!("{} / {}", problem.detail_vi, problem.detail_en))
}

fn classification(name: &str) -> Result<Classification, String> {
    Classification::parse(name).ok_or_else(|| {
        let names = Classification::ALL.map(Classification::as_str).join(", ");
        format!("mức mật {name:?}: cần một trong {names} / classification {name:?}: expected one of {names}")
    })
}

fn force(name: &str) -> Result<Force, String> {
    Force::parse(name).ok_or_else(|| {
        let names = FORCES.join(", ");
        format!("lực lượng {name:?}: cần một trong {names} / force {name:?}: expected one of {names}")
    })
}

/// `trucban report`.
pub fn report(args: &ReportArgs) -> ExitCode {
    finish(blocking(write(args)))
}

async fn write(args: &ReportArgs) -> anyhow::Result<ExitCode> {
    let now = SystemClock.now();
    if args.format != ReportFormat::Json && args.output.is_none() && io::stdout().is_terminal() {
        return Err(anyhow!(
            "--output\n  tệp này không xem được trên màn hình lệnh: hãy ghi rõ --output TỆP\n  \
             this file cannot be shown on a terminal: say --output FILE"
        ));
    }
    let store = open_read(&args.data, args.database.as_ref()).await.map_err(|error| no_records(&args.data, &error))?;
    let is_demo = store.meta(DEMO_META).await.map_err(store_told)?.is_some();
    let mut snapshot = store.snapshot().await.map_err(store_told)?;
    let asked = args.clone();
    let written = tokio::task::spawn_blocking(move || document(&asked, &mut snapshot, is_demo, now)).await??;
    note(args, now, &written.records)?;
    match &args.output {
        Some(file) => put_file(file, &written.bytes).map_err(told)?,
        None => {
            let mut out = io::stdout().lock();
            out.write_all(&written.bytes)?;
            out.flush()?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn document(
    args: &ReportArgs,
    snapshot: &mut Box<dyn Snapshot>,
    is_demo: bool,
    now: Timestamp,
) -> anyhow::Result<Written> {
    let seq = snapshot.seq();
    let wish = Wish { area: args.area.clone(), force: args.force };
    let areas = areas_of(snapshot).map_err(store_told)?;
    let part = wish.part(&areas).map_err(|problem| anyhow!("{}\n  {}", problem.detail_vi, problem.detail_en))?;
    let account = match wish.is_whole() {
        true => Account::of(args.quarter, snapshot),
        // Whoever holds the folder sees every record.
        false => Account::of_part(args.quarter, snapshot, &part, &|_, _| true),
    };
    let account = account.map_err(store_told)?;
    let area = part.told(args.quarter);
    let Some(format) = args.format.document() else {
        let mut bytes = serde_json::to_vec_pretty(&as_json(&account, area.as_ref(), args.force, seq, now))?;
        bytes.push(b'\n');
        return Ok(Written { bytes, records: records(&account) });
    };
    let mut sources = Sources::default();
    if format == Format::Xlsx {
        sources = Sources::all(&account.recounted(), snapshot).map_err(store_told)?;
    }
    let about = About {
        letterhead: letterhead(args),
        classification: args.classification,
        as_of: now,
        seq,
        is_demo,
        state: words::state(&account.standing),
        corrections: words::corrections(&account.standing, now),
        part: part.title_vi(),
        part_notes: area.map_or_else(Vec::new, |area| words::of_area(&area, &account)),
        force: args.force,
        tasks: Tasks::of(args.quarter, snapshot, |_| true).map_err(store_told)?,
        // They lie in rooms of their own, and this command reads the records alone.
        exercises: Vec::new(),
    };
    let bytes = format.write(&Sheet::of(&account.reported(), about), &sources)?;
    Ok(Written { bytes, records: sources.records() })
}

fn letterhead(args: &ReportArgs) -> Letterhead {
    let shipped = Letterhead::default();
    Letterhead {
        above: args.above.clone().unwrap_or(shipped.above),
        issuer: args.issuer.clone().unwrap_or(shipped.issuer),
        place: args.place.clone().unwrap_or(shipped.place),
        signer: args.signer.clone().unwrap_or(shipped.signer),
        ..shipped
    }
}

/// How many records of each collection are among the rows.
fn records(account: &Account) -> Vec<(Collection, u64)> {
    let rows = account.lines.iter().flat_map(|told| &told.line.rows);
    Sources::named(rows.map(|row| (row.collection, row.id)))
}

/// Makes durable in the audit of the folder what is about to leave: the report, and the records that stand in it.
fn note(args: &ReportArgs, now: Timestamp, records: &[(Collection, u64)]) -> anyhow::Result<()> {
    // A copy of the records alone has no audit beside it.
    if !args.data.is_dir() {
        return Ok(());
    }
    let actor = Arc::new(Actor::new("report", Role::System, None));
    let to = args.output.as_ref().map_or("-".to_owned(), |file| file.display().to_string());
    let event = || Event::new(Kind::Export, &actor, now, format!("trucban report {} {to}", args.quarter));
    let about = |(collection, count): &(Collection, u64)| event().about(*collection, class_of(*collection), *count);
    let events: Vec<Event> = if records.is_empty() { vec![event()] } else { records.iter().map(about).collect() };
    audit::note(&args.data, events)
}

/// What is said where there are no records to count from.
fn no_records(data: &Path, error: &anyhow::Error) -> anyhow::Error {
    let data = data.display();
    anyhow!("{data}\n  không mở được kho dữ liệu: {error}\n  the store cannot be opened: {error}")
}

fn as_json(report: &Account, area: Option<&ReportArea>, force: Option<Force>, seq: Seq, now: Timestamp) -> Value {
    let figures: Vec<Value> = report
        .lines
        .iter()
        .map(|told| {
            let mut figure = json!(told);
            figure["rows"] = json!(told.line.rows);
            if area.is_some() {
                (figure["unplaced"], figure["withheld"]) = (json!(told.line.unplaced), json!(told.line.withheld));
            }
            figure
        })
        .collect();
    let mut whole = json!(report.standing);
    let head = json!({
        "quarter": report.quarter.to_string(),
        "title_vi": report.quarter.title_vi(),
        "from": report.quarter.start(),
        "to": report.quarter.next().start(),
        "area": area,
        "force": force,
        "timeStamp": now,
        "seq": seq,
        "figures": figures,
    });
    if let (Value::Object(whole), Value::Object(head)) = (&mut whole, head) {
        whole.extend(head);
    }
    whole
}
