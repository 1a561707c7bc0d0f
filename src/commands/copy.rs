//! `trucban copy`: everything of one store into another, of either engine.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use trucban::store::copy::{Location, copy};
use trucban::store::postgis::{Database, NotADatabase};

use super::not_taken::print_not_taken;
use super::{blocking, finish, store_told};

/// Copies all records with their whole past from one store into another, empty one, and compares both. Accounts, audit
/// and tips stay where they are.
#[derive(Args, Clone, Debug)]
pub struct CopyArgs {
    /// A data folder, a backup file, or a database
    #[arg(long, value_name = "PATH|postgres://…", value_parser = location)]
    from: Location,
    /// A new data folder, or a database that was migrated and is empty, with the role that owns it
    #[arg(long, value_name = "PATH|postgres://…", value_parser = location)]
    to: Location,
}

pub(super) fn location(text: &str) -> Result<Location, NotADatabase> {
    if Database::is_url(text) {
        Ok(Location::Database(Box::new(text.parse()?)))
    } else {
        Ok(Location::Path(PathBuf::from(text)))
    }
}

/// `trucban copy`: 0 if the target is equal, 2 if it could not be made so.
pub fn copy_store(args: &CopyArgs) -> ExitCode {
    finish(blocking(async {
        let tally = copy(args.from.clone(), args.to.clone()).await.map_err(store_told)?;
        let mut out = io::stdout().lock();
        writeln!(out, "{} → {}: giống nhau / equal in", args.from, args.to)?;
        write!(out, "{tally}")?;
        print_not_taken(&mut out, &args.from, &args.to)?;
        Ok(ExitCode::SUCCESS)
    }))
}
