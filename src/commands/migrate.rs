//! `trucban migrate`: makes the schema of a database, or brings it up to this version.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;
use trucban::store::postgis::{self, Database};

use super::{blocking, finish, store_told};

/// Makes or upgrades the schema of a database, as a role that owns it; a server needs less: a login that is a member of
/// the role trucban_serve.
#[derive(Args, Clone, Debug)]
pub struct MigrateArgs {
    /// The database, with the role that owns it
    #[arg(long, env = "TRUCBAN_MIGRATE_AS", value_name = "postgres://…", hide_env_values = true)]
    database: Database,
}

/// `trucban migrate`: 0 if the database is of this version now, 2 if it could not be brought there.
pub fn migrate(args: &MigrateArgs) -> ExitCode {
    finish(blocking(async {
        postgis::migrate(&args.database).await.map_err(store_told)?;
        writeln!(io::stdout(), "{}: sẵn sàng / ready", args.database)?;
        Ok(ExitCode::SUCCESS)
    }))
}
