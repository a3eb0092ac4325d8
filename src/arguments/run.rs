//! Run: the gateway itself.

use super::{ConfigFile, cores};
use clap::Args;
use portcullis::command::{Failure, run};
use std::io::{self, IsTerminal as _};
use std::process::ExitCode;

/// Run the gateway until SIGTERM or SIGINT.
#[derive(Debug, Args)]
pub(crate) struct Run {
    #[command(flatten)]
    file: ConfigFile,
}

impl Run {
    pub(crate) fn execute(self) -> Result<ExitCode, Failure> {
        log_to_standard_error();
        run::run(self.file.load()?, &cores())?;
        Ok(ExitCode::SUCCESS)
    }
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
