//! Replay: every decision of a journal again.

use super::{load, report};
use clap::Args;
use portcullis::command::{Failure, replay};
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

/// Derive every decision of a journal again and compare, bit for bit.
#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// The journal's directory.
    journal: PathBuf,
    /// Other limits: say which decisions they would have changed.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Go on beside the gate that writes the journal, until SIGTERM or SIGINT: the other limits are
    /// its shadow, and each decision that they would change is told as it is made.
    #[arg(long, requires = "config")]
    follow: bool,
    /// For machines.
    #[arg(long)]
    json: bool,
}

impl Replay {
    pub(crate) fn execute(self) -> Result<ExitCode, Failure> {
        let other = self.config.map(|path| load(&path)).transpose()?;
        let other = other.map(|config| config.setup);
        if let Some(other) = other.as_ref().filter(|_| self.follow) {
            let mut out = io::stdout().lock();
            return report(replay::follow(&self.journal, other, self.json, &mut out)?);
        }
        report(replay::run(&self.journal, other, self.json)?)
    }
}
