//! `trucban audit`: walks the chain, and takes rows out of it as a file.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use trucban::domain::Timestamp;
use trucban::files::{AuditFormat, export_audit};
use trucban::store::audit::{Audit, Event, Fault, Verified, verify};

use super::{finish, store_told, told};

/// Checks and exports the audit.
#[derive(Args, Clone, Debug)]
pub struct AuditArgs {
    #[command(subcommand)]
    command: AuditCommand,
}

#[derive(Subcommand, Clone, Debug)]
enum AuditCommand {
    /// Walks the chain and names the first row that is not as it was written
    Verify(VerifyArgs),
    /// Writes rows to a file that only its owner can read
    Export(ExportArgs),
}

#[derive(Args, Clone, Debug)]
struct VerifyArgs {
    /// Folder of the data
    #[arg(long, env = "TRUCBAN_DATA", value_name = "DIR", default_value = "data")]
    data: PathBuf,
}

#[derive(Args, Clone, Debug)]
struct ExportArgs {
    /// Folder of the data
    #[arg(long, env = "TRUCBAN_DATA", value_name = "DIR", default_value = "data")]
    data: PathBuf,
    /// Rows from this moment on (RFC 3339)
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Option<Timestamp>,
    /// Rows before this moment (RFC 3339)
    #[arg(long, value_name = "TIME", value_parser = time)]
    to: Option<Timestamp>,
    /// The format
    #[arg(long, value_enum, default_value = "csv")]
    format: FormatName,
    /// The file; one that is there is replaced when the new one is whole
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FormatName {
    Csv,
    Json,
}

fn time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).map_err(|error| error.to_string())
}

/// Makes rows durable in the audit of a folder, beside a running server too.
///
/// # Errors
/// What the audit said; then nothing of what was to be noted may happen.
pub(super) fn note(data: &Path, events: impl IntoIterator<Item = Event>) -> anyhow::Result<()> {
    let audit = Audit::open(data).map_err(store_told)?;
    for event in events {
        audit.event(event).map_err(store_told)?;
    }
    audit.flush().map_err(store_told)?;
    audit.close();
    Ok(())
}

/// `trucban audit`: both work beside a running server. `verify` ends with 0 if the chain is whole, 1 if a row is not
/// as it was written, 2 if the file cannot be read.
pub fn audit(args: &AuditArgs) -> ExitCode {
    match &args.command {
        AuditCommand::Verify(args) => finish(walk(args)),
        AuditCommand::Export(args) => finish(export(args)),
    }
}

fn walk(args: &VerifyArgs) -> anyhow::Result<ExitCode> {
    let Verified { rows, head, fault } = verify(&args.data).map_err(store_told)?;
    let mut out = io::stdout().lock();
    if let Some(Fault { seq, why }) = fault {
        writeln!(out, "dòng/row {seq}: {why}")?;
        writeln!(out, "{rows} dòng trước đó còn nguyên / rows before it are as they were written")?;
        return Ok(ExitCode::FAILURE);
    }
    writeln!(out, "{rows} dòng, chuỗi còn nguyên / rows, the chain is whole")?;
    writeln!(out, "  {head}")?;
    Ok(ExitCode::SUCCESS)
}

fn export(args: &ExportArgs) -> anyhow::Result<ExitCode> {
    let format = match args.format {
        FormatName::Csv => AuditFormat::Csv,
        FormatName::Json => AuditFormat::Json,
    };
    let count = export_audit(&args.data, args.from, args.to, format, &args.output).map_err(told)?;
    writeln!(io::stdout(), "audit: {count} → {}", args.output.display())?;
    Ok(ExitCode::SUCCESS)
}
