//! Settle: the end of an order in doubt.

use super::operators::Operators;
use clap::Args;
use portcullis::admin::request::{Command, Request};
use portcullis::command::Failure;
use std::process::ExitCode;

/// Say what became of an order in doubt, as the broker told you.
#[derive(Debug, Args)]
pub(crate) struct Settle {
    #[command(flatten)]
    at: Operators,
    /// The order's account.
    #[arg(long)]
    account: String,
    /// The order's client order id.
    #[arg(long)]
    id: String,
    /// How much of it was filled in all.
    #[arg(long)]
    filled: String,
    /// The average price of what was filled and not reported; needed where some was.
    #[arg(long)]
    price: Option<String>,
    /// How much of it still stands at the broker.
    #[arg(long, default_value = "0")]
    leaves: String,
}

impl Settle {
    pub(crate) fn execute(self) -> Result<ExitCode, Failure> {
        self.at.ask(Request {
            command: Command::Settle,
            account: Some(self.account),
            id: Some(self.id),
            filled: Some(self.filled),
            price: self.price,
            leaves: Some(self.leaves),
            ..Request::default()
        })
    }
}
