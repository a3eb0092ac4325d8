//! Try: a scenario in virtual time.

use super::ConfigFile;
use clap::Args;
use portcullis::command::{Failure, trial};
use std::io;
use std::process::ExitCode;

/// Decide a scenario in virtual time: one JSON line in, one decision out.
#[derive(Debug, Args)]
pub(crate) struct Try {
    #[command(flatten)]
    file: ConfigFile,
    /// End with counts, live orders, positions and the state hash.
    #[arg(long)]
    summary: bool,
}

impl Try {
    pub(crate) fn execute(self) -> Result<ExitCode, Failure> {
        let setup = self.file.load()?.setup;
        trial::run(setup, io::stdin().lock(), io::stdout().lock(), self.summary)?;
        Ok(ExitCode::SUCCESS)
    }
}
