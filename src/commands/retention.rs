//! `trucban retention`: erases what is known of people when its time is over, and looks whether all else is whole.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::bail;
use clap::Args;
use trucban::desk::{Clock, SystemClock};
use trucban::domain::Actor;
use trucban::domain::access::class_of;
use trucban::domain::retention::RETENTION;
use trucban::store::audit::{Event, Kind, verify};
use trucban::store::gpkg::{Retained, Retention, check, retain};

use super::{finish, store_told};

/// Erases names, telephones and callers that are older than the rules allow; no server may run on the folder.
#[derive(Args, Clone, Debug)]
pub struct RetentionArgs {
    /// Folder of the data
    #[arg(long, env = "TRUCBAN_DATA", value_name = "DIR", default_value = "data")]
    data: PathBuf,
    /// Says what would be erased, and erases nothing
    #[arg(long)]
    dry_run: bool,
}

/// `trucban retention`: 0 if the rules were applied and records, journal and audit are whole; 2 if anything failed.
pub fn retention(args: &RetentionArgs) -> ExitCode {
    finish(run(args))
}

fn run(args: &RetentionArgs) -> anyhow::Result<ExitCode> {
    let how = if args.dry_run { Retention::Count } else { Retention::Erase };
    let retained = retain(&args.data, &RETENTION, SystemClock.now(), how).map_err(store_told)?;
    let done = if args.dry_run { "sẽ xóa / would be erased" } else { "đã xóa / erased" };
    for (rule, Retained { records, values, .. }) in RETENTION.iter().zip(&retained) {
        let (collection, since, days) = (rule.collection, rule.since, rule.keep_days);
        writeln!(
            io::stdout(),
            "{collection}: {records} bản ghi / records, {values} {done} ({since} + {days} ngày/days)"
        )?;
    }
    if !args.dry_run {
        note(&args.data, &retained)?;
        look(&args.data)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn note(data: &Path, retained: &[Retained]) -> anyhow::Result<()> {
    let actor = Arc::new(Actor::system());
    let erased = retained.iter().filter(|one| one.records > 0).map(|Retained { collection, records, .. }| {
        let event = Event::new(Kind::Erasure, &actor, SystemClock.now(), "trucban retention");
        event.about(*collection, class_of(*collection), u64::from(*records))
    });
    super::audit::note(data, erased)
}

/// What is left must be what it was.
fn look(data: &Path) -> anyhow::Result<()> {
    let findings = check(data).map_err(store_told)?;
    if let Some(first) = findings.first() {
        bail!("{} sai lệch sau khi xóa / differences after erasing; {}", findings.len(), first.what);
    }
    if let Some(fault) = verify(data).map_err(store_told)?.fault {
        bail!("nhật ký truy cập / audit: row {}: {}", fault.seq, fault.why);
    }
    Ok(())
}
