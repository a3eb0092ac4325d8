//! Kill: shut the gate below a level.

use super::operators::Switch;
use clap::Args;
use portcullis::admin::request::Command;
use portcullis::command::Failure;
use std::process::ExitCode;

/// Drop a kill switch: nothing new passes below it, and what lives is cancelled.
#[derive(Debug, Args)]
pub(crate) struct Kill {
    #[command(flatten)]
    switch: Switch,
}

impl Kill {
    pub(crate) fn execute(self) -> Result<ExitCode, Failure> {
        self.switch.throw(Command::Kill)
    }
}
