//! Exits: when positions are closed.

use super::operators::Operators;
use clap::Args;
use portcullis::admin::request::{Command, Request};
use portcullis::command::Failure;
use std::process::ExitCode;

/// When a running gateway closes positions, and which it is closing.
#[derive(Debug, Args)]
pub(crate) struct Exits {
    #[command(flatten)]
    at: Operators,
    /// Of this account alone.
    #[arg(long)]
    account: Option<String>,
    /// In this symbol alone.
    #[arg(long)]
    symbol: Option<String>,
}

impl Exits {
    pub(crate) fn execute(self) -> Result<ExitCode, Failure> {
        self.at.ask(Request {
            command: Command::Exits,
            account: self.account,
            symbol: self.symbol,
            ..Request::default()
        })
    }
}
