//! `trucban report`: the quarterly report, counted from the records; works beside a running server.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use trucban::desk::{Clock, SystemClock};
use trucban::domain::quarter::Quarter;
use trucban::report::account::Account;
use trucban::store::Store;
use trucban::store::gpkg::GpkgStore;
use trucban::store::postgis::{Database, PgStore};

use super::{blocking, finish, store_told};

/// Writes the report of a quarter.
#[derive(Args, Clone, Debug)]
pub struct ReportArgs {
    /// The quarter, such as 2024Q3
    #[arg(long, value_name = "YYYYQn", value_parser = quarter)]
    quarter: Quarter,
    /// The format
    #[arg(long, value_enum, default_value_t = ReportFormat::Json)]
    format: ReportFormat,
    /// The file; standard output if not said
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Folder of the data
    #[arg(long, env = "TRUCBAN_DATA", value_name = "DIR", default_value = "data")]
    data: PathBuf,
    /// The database that holds the records, instead of the folder's own file
    #[arg(long, env = "TRUCBAN_DATABASE", value_name = "postgres://…", hide_env_values = true)]
    database: Option<Database>,
}

/// Formats of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ReportFormat {
    Json,
}

fn quarter(text: &str) -> Result<Quarter, String> {
    Quarter::parse(text).map_err(|problem| format!("{} / {}", problem.detail_vi, problem.detail_en))
}

/// `trucban report`.
pub fn report(args: &ReportArgs) -> ExitCode {
    finish(blocking(async {
        let store: Arc<dyn Store> = match &args.database {
            Some(database) => PgStore::open_read(database.clone()).await.map_err(store_told)?,
            None => GpkgStore::open_read(&args.data).map_err(store_told)?,
        };
        let mut snapshot = store.snapshot().await.map_err(store_told)?;
        let (seq, quarter) = (snapshot.seq(), args.quarter);
        let counted = tokio::task::spawn_blocking(move || Account::of(quarter, &mut snapshot));
        let written = match args.format {
            ReportFormat::Json => serde_json::to_vec_pretty(&as_json(&counted.await?.map_err(store_told)?, seq))?,
        };
        match &args.output {
            Some(file) => std::fs::write(file, written)?,
            None => {
                io::stdout().write_all(&written)?;
                writeln!(io::stdout())?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }))
}

fn as_json(report: &Account, seq: u64) -> Value {
    let figures: Vec<Value> = report
        .lines
        .iter()
        .map(|told| {
            let mut figure = json!(told);
            figure["rows"] = json!(told.line.rows);
            figure
        })
        .collect();
    let mut whole = json!(report.standing);
    let head = json!({
        "quarter": report.quarter.to_string(),
        "title_vi": report.quarter.title_vi(),
        "from": report.quarter.start(),
        "to": report.quarter.next().start(),
        "timeStamp": SystemClock.now(),
        "seq": seq,
        "figures": figures,
    });
    if let (Value::Object(whole), Value::Object(head)) = (&mut whole, head) {
        whole.extend(head);
    }
    whole
}
