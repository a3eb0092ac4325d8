//! Tools beside the gateway: real market data as scenarios.

mod lobster;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Tools beside the gateway.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    tool: Tool,
}

#[derive(Debug, Subcommand)]
enum Tool {
    /// Turn a day of LOBSTER order events into a scenario for `portcullis try`.
    Lobster(lobster::Arguments),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().tool {
        Tool::Lobster(arguments) => lobster::run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("portcullis-tools: {error}");
            ExitCode::FAILURE
        }
    }
}
