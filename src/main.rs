//! `trucban`: reads the command line and hands over.

mod commands;

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use trucban::http::ServeOptions;

/// One live picture for the duty rooms of a border province.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serves the picture: web pages, API and live feed.
    Serve(Box<ServeOptions>),
    Import(commands::ImportCommand),
    Export(commands::ExportArgs),
    Check(commands::CheckArgs),
    Backup(commands::BackupArgs),
    Migrate(commands::MigrateArgs),
    Copy(commands::CopyArgs),
    Restore(commands::RestoreArgs),
    Simulate(commands::SimulateArgs),
    User(commands::UserArgs),
    Audit(commands::AuditArgs),
    Retention(commands::RetentionArgs),
    Risk(commands::RiskArgs),
    Report(commands::ReportArgs),
    Tips(commands::TipsArgs),
    Leave(commands::LeaveArgs),
}

fn main() -> ExitCode {
    trucban::http::choose_cryptography();
    match Arguments::parse().command {
        Command::Serve(options) => match trucban::http::serve(*options) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                // Nobody may be reading standard error; there is no other place to say so.
                let _ = writeln!(std::io::stderr(), "trucban: {error:#}");
                ExitCode::FAILURE
            }
        },
        Command::Import(args) => commands::import(&args),
        Command::Export(args) => commands::export(&args),
        Command::Check(args) => commands::check_store(&args),
        Command::Backup(args) => commands::backup(&args),
        Command::Copy(args) => commands::copy_store(&args),
        Command::Restore(args) => commands::restore_store(&args),
        Command::Migrate(args) => commands::migrate(&args),
        Command::Simulate(args) => commands::simulate_over_http(&args),
        Command::User(args) => commands::user(&args),
        Command::Audit(args) => commands::audit(&args),
        Command::Retention(args) => commands::retention(&args),
        Command::Risk(args) => commands::risk(&args),
        Command::Report(args) => commands::report(&args),
        Command::Tips(args) => commands::tips(&args),
        Command::Leave(args) => commands::leave_nodes(&args),
    }
}
