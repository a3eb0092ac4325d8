//! The command line, thin.

mod arguments;

use clap::Parser;
use std::process::ExitCode;

/// A pre-trade risk gateway: every order passes through one gate.
#[derive(Debug, Parser)]
#[command(
    version,
    about,
    long_about = "A pre-trade risk gateway: every order passes through one gate.\n\n\
Strategies connect to it, it decides each order against its limits, remembers every decision in a \
journal, and sends what passed to the broker. Start with `portcullis demo`, then write a file with \
`portcullis check --example > gate.toml`, look at what it arms with `portcullis check --config \
gate.toml`, test your limits with `portcullis try`, and run it with `portcullis run`."
)]
struct Arguments {
    #[command(subcommand)]
    command: arguments::Command,
}

fn main() -> ExitCode {
    match Arguments::parse().command.execute() {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("portcullis: {}", failure.text);
            ExitCode::from(failure.status)
        }
    }
}
