//! Tools beside the gateway: a broker to try it against, real market data as scenarios.

mod exchange;
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
    /// Serve a simulated exchange in the native protocol, until SIGTERM.
    Exchange(exchange::Arguments),
    /// Turn a day of LOBSTER order events into a scenario for `portcullis try`.
    Lobster(lobster::Arguments),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().tool {
        Tool::Exchange(arguments) => exchange::run(&arguments).map_err(|error| error.to_string()),
        Tool::Lobster(arguments) => lobster::run(&arguments).map_err(|error| error.to_string()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("portcullis-tools: {error}");
            ExitCode::FAILURE
        }
    }
}
