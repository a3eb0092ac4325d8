//! Orders: those that live.

use super::operators::{Only, Operators};
use clap::Args;
use portcullis::admin::request::Command;
use portcullis::command::Failure;
use std::process::ExitCode;

/// Live orders of a running gateway.
#[derive(Debug, Args)]
pub(crate) struct Orders {
    #[command(flatten)]
    at: Operators,
    #[command(flatten)]
    only: Only,
}

impl Orders {
    pub(crate) fn execute(self) -> Result<ExitCode, Failure> {
        self.at.ask(self.only.request(Command::Orders))
    }
}
