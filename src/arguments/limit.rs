//! Limit: another value for one.

use super::operators::Operators;
use clap::Args;
use portcullis::admin::request::{Command, Request};
use portcullis::command::Failure;
use std::process::ExitCode;

/// Change one limit of a running gateway. What loosens it beyond `gateway.loosen_factor`, or above
/// `[hard_limits]`, another person must say too. Write it into the configuration as well: that holds
/// from the next start on.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: portcullis limit --config gate.toml account A order_qty_max 500 \
--note 'fat fingers'"
)]
pub(crate) struct Limit {
    #[command(flatten)]
    at: Operators,
    /// firm, desk, account, strategy, symbol or group.
    scope: String,
    /// The name of the level, but for the firm; then the limit and its value, or `off`.
    #[arg(value_name = "[NAME] LIMIT VALUE", num_args = 2..=3, required = true)]
    rest: Vec<String>,
    /// Why, in a few words.
    #[arg(long)]
    note: String,
}

impl Limit {
    pub(crate) fn execute(self) -> Result<ExitCode, Failure> {
        let mut rest = self.rest;
        let (value, limit) = (rest.pop(), rest.pop());
        self.at.ask(Request {
            command: Command::Limit,
            scope: Some(self.scope),
            name: rest.pop(),
            limit,
            value,
            note: Some(self.note),
            ..Request::default()
        })
    }
}
