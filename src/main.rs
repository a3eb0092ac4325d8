//! The command line, thin.

use clap::{Args, Parser, Subcommand};
use portcullis::command::{self, Failure};
use portcullis::config::{self, Config};
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// A pre-trade risk gateway: every order passes through one gate.
#[derive(Debug, Parser)]
#[command(version, about, long_about = "A pre-trade risk gateway: every order passes through one gate.\n\n\
Strategies connect to it, it decides each order against its limits, remembers every decision in a \
journal, and sends what passed to the broker. Start with `portcullis demo`, then write a file with \
`portcullis check --example > gate.toml`, look at what it arms with `portcullis check --config \
gate.toml`, test your limits with `portcullis try`, and run it with `portcullis run`.")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Args)]
struct ConfigFile {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway until SIGTERM or SIGINT.
    Run(ConfigFile),
    /// Say whether a configuration is sound, what it arms for whom, and what memory it takes.
    Check {
        /// The configuration file.
        #[arg(long, value_name = "FILE", required_unless_present = "example")]
        config: Option<PathBuf>,
        /// Print a file with every key, its default and what it means.
        #[arg(long)]
        example: bool,
        /// For machines.
        #[arg(long)]
        json: bool,
    },
    /// Decide a scenario in virtual time: one JSON line in, one decision out.
    Try {
        #[command(flatten)]
        file: ConfigFile,
        /// End with counts, live orders, positions and the state hash.
        #[arg(long)]
        summary: bool,
    },
    /// Look into a journal.
    #[command(subcommand)]
    Journal(JournalCommand),
    /// Derive every decision of a journal again and compare, bit for bit.
    Replay {
        /// The journal's directory.
        journal: PathBuf,
        /// For machines.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Subcommand)]
enum JournalCommand {
    /// Write every event as a line of a scenario, which `try` reads.
    Dump {
        /// The journal's directory.
        journal: PathBuf,
    },
    /// Check every byte of every record.
    Verify {
        /// The journal's directory.
        journal: PathBuf,
        /// For machines.
        #[arg(long)]
        json: bool,
    },
}

fn main() -> ExitCode {
    // Asked for before any thread is pinned: a pinned thread sees one core only.
    let cores = core_affinity::get_core_ids().unwrap_or_default();
    let arguments = Arguments::parse();
    match execute(arguments.command, &cores) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("portcullis: {}", failure.text);
            ExitCode::from(failure.status)
        }
    }
}

fn execute(command: Command, cores: &[core_affinity::CoreId]) -> Result<(), Failure> {
    match command {
        Command::Run(file) => {
            log_to_standard_error();
            command::run::run(load(&file.config)?, cores)
        }
        Command::Check { example: true, .. } => print(&command::check::example()),
        Command::Check { config, json, .. } => {
            let is_coloured = io::stdout().is_terminal();
            let config = load(&config.unwrap_or_default())?;
            print(&command::check::run(&config, json, is_coloured)?)
        }
        Command::Try { file, summary } => {
            let setup = load(&file.config)?.setup;
            command::trial::run(setup, io::stdin().lock(), io::stdout().lock(), summary)
        }
        Command::Journal(JournalCommand::Dump { journal }) => {
            command::journal::dump(&journal, io::BufWriter::new(io::stdout().lock()))
        }
        Command::Journal(JournalCommand::Verify { journal, json }) => {
            print(&command::journal::verify(&journal, json)?)
        }
        Command::Replay { journal, json } => print(&command::replay::run(&journal, json)?),
    }
}

fn load(path: &Path) -> Result<Config, Failure> {
    config::load(path).map_err(Failure::of)
}

fn print(text: &str) -> Result<(), Failure> {
    io::stdout().lock().write_all(text.as_bytes()).map_err(Failure::of)
}

/// The level is `info` unless `RUST_LOG` says otherwise.
fn log_to_standard_error() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr)
        .try_init();
}
