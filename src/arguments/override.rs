//! Override: one order past soft limits.

use super::operators::Operators;
use clap::Args;
use portcullis::admin::request::{Command, Request};
use portcullis::command::Failure;
use std::process::ExitCode;

/// Ask to let one order that is still to come pass the limits that `gateway.soft` names. Another
/// person must ask for it too.
#[derive(Debug, Args)]
pub(crate) struct Override {
    #[command(flatten)]
    at: Operators,
    /// Of which account.
    #[arg(long)]
    account: String,
    /// The client order id that it will have.
    #[arg(long)]
    id: String,
    /// Why, in a few words.
    #[arg(long)]
    note: Option<String>,
}

impl Override {
    pub(crate) fn execute(self) -> Result<ExitCode, Failure> {
        self.at.ask(Request {
            command: Command::Override,
            account: Some(self.account),
            id: Some(self.id),
            note: self.note,
            ..Request::default()
        })
    }
}
