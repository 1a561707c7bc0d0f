//! `trucban serve` and its companions: reads the command line and hands over.

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
    Serve(ServeOptions),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Serve(options) => trucban::http::serve(options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("trucban: {error:#}");
            ExitCode::FAILURE
        }
    }
}
