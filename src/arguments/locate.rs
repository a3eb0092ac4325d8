//! Locate: what may be sold short.

use super::operators::Operators;
use clap::Args;
use portcullis::admin::request::{Command, Request};
use portcullis::command::Failure;
use std::process::ExitCode;

/// Say what may be borrowed today for short sales of an account, beside what was said before.
#[derive(Debug, Args)]
pub(crate) struct Locate {
    #[command(flatten)]
    at: Operators,
    /// By which account.
    #[arg(long)]
    account: String,
    /// Of what.
    #[arg(long)]
    symbol: String,
    /// How much.
    #[arg(long)]
    qty: String,
    /// From whom, in a few words.
    #[arg(long)]
    note: Option<String>,
}

impl Locate {
    pub(crate) fn execute(self) -> Result<ExitCode, Failure> {
        self.at.ask(Request {
            command: Command::Locate,
            account: Some(self.account),
            symbol: Some(self.symbol),
            qty: Some(self.qty),
            note: self.note,
            ..Request::default()
        })
    }
}
