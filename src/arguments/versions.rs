//! Versions: every change of a limit.

use super::report;
use clap::Args;
use portcullis::command::{Failure, versions};
use std::path::PathBuf;
use std::process::ExitCode;

/// Every change of a limit: its version, when, who, from what to what, and why.
#[derive(Debug, Args)]
pub(crate) struct Versions {
    /// The journal's directory.
    journal: PathBuf,
    /// For machines.
    #[arg(long)]
    json: bool,
}

impl Versions {
    pub(crate) fn execute(self) -> Result<ExitCode, Failure> {
        report(versions::run(&self.journal, self.json)?)
    }
}
