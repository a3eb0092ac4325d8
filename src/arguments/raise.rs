//! Raise: open the gate again below a level.

use super::operators::Switch;
use clap::Args;
use portcullis::admin::request::Command;
use portcullis::command::Failure;
use std::process::ExitCode;

/// Ask to raise a kill switch. As many persons as `raise_persons` says must ask.
#[derive(Debug, Args)]
pub(crate) struct Raise {
    #[command(flatten)]
    switch: Switch,
}

impl Raise {
    pub(crate) fn execute(self) -> Result<ExitCode, Failure> {
        self.switch.throw(Command::Raise)
    }
}
