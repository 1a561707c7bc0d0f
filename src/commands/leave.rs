//! `trucban leave`: a folder that shared its accounts and tips through a database has them for itself again.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use trucban::store::leave::leave;

use super::{finish, store_told};

/// Makes the accounts and tips of a folder its own again, as its node last knew them; the other nodes go on. For a
/// return to one server, and for a folder whose accounts shall be the first of a new database.
#[derive(Args, Clone, Debug)]
pub struct LeaveArgs {
    /// Folder of the data; no server may run on it
    #[arg(long, env = "TRUCBAN_DATA", value_name = "DIR", default_value = "data")]
    data: PathBuf,
}

/// `trucban leave`: 0 if nothing of the folder is shared any more, 2 if that could not be done.
pub fn leave_nodes(args: &LeaveArgs) -> ExitCode {
    finish(run(args))
}

fn run(args: &LeaveArgs) -> anyhow::Result<ExitCode> {
    let data = args.data.display();
    if !args.data.is_dir() {
        bail!("there is no data folder {data}");
    }
    let left = leave(&args.data).map_err(store_told)?;
    let said = if left.is_empty() {
        "không dùng chung gì / shares nothing".to_owned()
    } else {
        format!("{} không còn dùng chung / shared no more", left.join(", "))
    };
    writeln!(io::stdout(), "{data}: {said}")?;
    Ok(ExitCode::SUCCESS)
}
