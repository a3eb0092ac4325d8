//! Status: where everything stands.

use super::operators::Operators;
use clap::Args;
use portcullis::admin::request::{Command, Request};
use portcullis::command::Failure;
use std::process::ExitCode;

/// Ask a running gateway where everything stands.
#[derive(Debug, Args)]
pub(crate) struct Status {
    #[command(flatten)]
    at: Operators,
}

impl Status {
    pub(crate) fn execute(self) -> Result<ExitCode, Failure> {
        self.at.ask(Request {
            command: Command::Status,
            ..Request::default()
        })
    }
}
