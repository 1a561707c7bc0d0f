//! `trucban retention`: erases what is known of people when its time is over, and looks whether all else is whole.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::bail;
use clap::Args;
use trucban::desk::{Clock, SystemClock};
use trucban::domain::access::{DataClass, class_of};
use trucban::domain::attachment::WITHDRAWN_KEEP_S;
use trucban::domain::retention::{FIX_RETENTION, RETENTION, Retention, TIP_RETENTION};
use trucban::domain::{Actor, Timestamp};
use trucban::store::audit::{Event, Kind, verify};
use trucban::store::files::{RetainedFiles, retain_database, retain_folder};
use trucban::store::postgis::{self, Database};
use trucban::store::tips::RetainedTips;
use trucban::store::{Retained, gpkg};

use super::tips::open_tips;
use super::{blocking, finish, store_told};

/// Erases names, telephones, callers and informants that are older than the rules allow, and old positions. No server
/// may run on the folder; with a database, start the nodes again afterwards, since each holds the picture in memory.
#[derive(Args, Clone, Debug)]
pub struct RetentionArgs {
    /// Folder of the data; with a database that of any node, which notes in its audit what was erased
    #[arg(long, env = "TRUCBAN_DATA", value_name = "DIR", default_value = "data")]
    data: PathBuf,
    /// The database that holds the records and what nodes share, instead of the folder's own file, with the role that
    /// owns it
    #[arg(long, value_name = "postgres://…")]
    database: Option<Database>,
    /// Says what would be erased, and erases nothing
    #[arg(long)]
    dry_run: bool,
}

/// `trucban retention`: 0 if the rules were applied and records, journal and audit are whole; 2 if anything failed.
pub fn retention(args: &RetentionArgs) -> ExitCode {
    finish(blocking(run(args)))
}

async fn run(args: &RetentionArgs) -> anyhow::Result<ExitCode> {
    // A mistyped one shall not be made, nor hold the only note of what was erased.
    if !args.data.is_dir() {
        bail!("there is no data folder {}", args.data.display());
    }
    let how = if args.dry_run { Retention::Count } else { Retention::Erase };
    let now = SystemClock.now();
    let retained = match &args.database {
        Some(database) => postgis::retain(database, &RETENTION, now, how).await,
        None => gpkg::retain(&args.data, &RETENTION, now, how),
    };
    let retained = retained.map_err(store_told)?;
    let (data, database) = (args.data.clone(), args.database.clone());
    let tips = tokio::task::spawn_blocking(move || {
        open_tips(&data, database.as_ref())?.retain(TIP_RETENTION, now, how).map_err(store_told)
    });
    let tips = tips.await??;
    print(&retained, tips, if args.dry_run { "sẽ xóa / would be erased" } else { "đã xóa / erased" })?;
    fixes(args, now, how).await?;
    files(args, now, how).await?;
    if !args.dry_run {
        note(&args.data, &retained, tips)?;
        look(args).await?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Old positions; in a database the node that leads drops them by itself, a few days every hour.
async fn fixes(args: &RetentionArgs, now: Timestamp, how: Retention) -> anyhow::Result<()> {
    let gone = match (&args.database, how) {
        (None, _) => gpkg::drop_fixes(&args.data, FIX_RETENTION, now, how).map_err(store_told)?.to_string(),
        (Some(_), Retention::Count) => return Ok(()),
        (Some(database), Retention::Erase) => {
            let mut gone = 0;
            while let Some(dropped) = postgis::drop_fixes(database, FIX_RETENTION).await.map_err(store_told)? {
                gone += dropped.fixes;
            }
            gone.to_string()
        }
    };
    writeln!(io::stdout(), "fixes: {gone} vị trí / positions (recorded_at + {} ngày/days)", FIX_RETENTION.keep_days)?;
    Ok(())
}

/// Content of attachments that were withdrawn long ago, and what hangs on nothing.
async fn files(args: &RetentionArgs, now: Timestamp, how: Retention) -> anyhow::Result<()> {
    let gone = match &args.database {
        None => retain_folder(&args.data, now, how),
        Some(database) => retain_database(database, now, how).await,
    };
    let RetainedFiles { withdrawn, orphans } = gone.map_err(store_told)?;
    let days = WITHDRAWN_KEEP_S / 86_400;
    writeln!(
        io::stdout(),
        "attachments: {withdrawn} tệp đã rút / withdrawn files (withdrawn_at + {days} ngày/days), {orphans} tệp không thuộc \
         bản ghi nào / files of no record"
    )?;
    Ok(())
}

/// A line for each rule.
fn print(retained: &[Retained], tips: RetainedTips, done: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for (rule, Retained { records, values, .. }) in RETENTION.iter().zip(retained) {
        let (collection, since, days) = (rule.collection, rule.since, rule.keep_days);
        writeln!(out, "{collection}: {records} bản ghi / records, {values} {done} ({since} + {days} ngày/days)")?;
    }
    let (RetainedTips { tips, boxes }, months) = (tips, TIP_RETENTION.keep_months);
    writeln!(out, "tips: {tips} bản ghi / records, {boxes} {done} (ended_month + {months} tháng/months)")
}

fn note(data: &Path, retained: &[Retained], tips: RetainedTips) -> anyhow::Result<()> {
    let actor = Arc::new(Actor::system());
    let event = || Event::new(Kind::Erasure, &actor, SystemClock.now(), "trucban retention");
    let erased = retained.iter().filter(|one| one.records > 0).map(|Retained { collection, records, .. }| {
        event().about(*collection, class_of(*collection), u64::from(*records))
    });
    let of_tips = Event { class: Some(DataClass::Sealed), count: u64::from(tips.tips), ..event() };
    super::audit::note(data, erased.chain((tips.tips > 0).then_some(of_tips)))
}

/// What is left must be what it was.
async fn look(args: &RetentionArgs) -> anyhow::Result<()> {
    let findings = match &args.database {
        Some(database) => postgis::check(database).await,
        None => gpkg::check(&args.data),
    };
    let findings = findings.map_err(store_told)?;
    if let Some(first) = findings.first() {
        bail!("{} sai lệch sau khi xóa / differences after erasing; {}", findings.len(), first.what);
    }
    if let Some(fault) = verify(&args.data).map_err(store_told)?.fault {
        bail!("nhật ký truy cập / audit: row {}: {}", fault.seq, fault.why);
    }
    Ok(())
}
