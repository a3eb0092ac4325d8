//! Positions: what is held.

use super::operators::{Only, Operators};
use clap::Args;
use portcullis::admin::request::Command;
use portcullis::command::Failure;
use std::process::ExitCode;

/// Positions of a running gateway.
#[derive(Debug, Args)]
pub(crate) struct Positions {
    #[command(flatten)]
    at: Operators,
    #[command(flatten)]
    only: Only,
}

impl Positions {
    pub(crate) fn execute(self) -> Result<ExitCode, Failure> {
        self.at.ask(self.only.request(Command::Positions))
    }
}
