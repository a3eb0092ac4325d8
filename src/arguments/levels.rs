//! Levels: what is at risk.

use super::operators::Operators;
use clap::Args;
use portcullis::admin::request::{Command, Request};
use portcullis::command::Failure;
use std::process::ExitCode;

/// What each level of a running gateway has at risk.
#[derive(Debug, Args)]
pub(crate) struct Levels {
    #[command(flatten)]
    at: Operators,
}

impl Levels {
    pub(crate) fn execute(self) -> Result<ExitCode, Failure> {
        self.at.ask(Request {
            command: Command::Levels,
            ..Request::default()
        })
    }
}
