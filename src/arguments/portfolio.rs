//! Portfolio: what each level is worth.

use super::operators::Operators;
use clap::Args;
use portcullis::admin::request::{Command, Request};
use portcullis::command::Failure;
use std::process::ExitCode;

/// What each level of a running gateway has earned, is worth, and may still lose.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct Portfolio {
    #[command(flatten)]
    at: Operators,
    /// Levels of this kind alone: firm, desk, account, strategy, symbol or group.
    scope: Option<String>,
    /// This one alone.
    name: Option<String>,
}

impl Portfolio {
    pub(crate) fn execute(self) -> Result<ExitCode, Failure> {
        self.at.ask(Request {
            command: Command::Portfolio,
            scope: self.scope,
            name: self.name,
            ..Request::default()
        })
    }
}

const HELP: &str = "\
equity    capital (limits.capital of the level, or none) and profit
profit    what the books have brought and would bring at the last good price, fees taken off
day       since the trading day began, or persons raised the level in it; % of the equity then
peak      the highest equity since persons last raised the level
drawdown  how far equity is below its peak; % of that. deepest: the same at its worst
gross     what all positions are worth, each counted as more; net: what is short counted as less
value     what they would bring; these three without live orders, which `levels` counts in
unvalued  how many books have no price, or no rate, that can be believed now
used      the largest part of a limit on losses that is used
risk      low; medium: half of one is used; high: gateway.warn_share of it (0.8 where that is off);
          critical: all of it, or the level is halted

A dash stands where nobody knows, and for a share of nothing or of a debt. --json has every digit,
each limit with what is used of it, and why and until when a level is halted. docs/money.md has
the formulas.";
