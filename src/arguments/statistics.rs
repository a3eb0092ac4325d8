//! Statistics: whole trading days.

use super::report;
use clap::Args;
use portcullis::command::Failure;
use portcullis::command::statistics::{self, By};
use std::path::PathBuf;
use std::process::ExitCode;

/// What journals say of whole trading days: orders, refusals, fills, profit, drawdown.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct Statistics {
    /// The journals' directories: of one gate over time, or of several, which are added up.
    #[arg(required = true)]
    journal: Vec<PathBuf>,
    /// What has a line each: day, account, strategy or symbol.
    #[arg(long, default_value = "day", value_parser = By::from_text)]
    by: By,
    /// For machines.
    #[arg(long)]
    json: bool,
}

impl Statistics {
    pub(crate) fn execute(self) -> Result<ExitCode, Failure> {
        report(statistics::run(&self.journal, self.by, self.json)?)
    }
}

const HELP: &str = "\
passed     orders that the gate accepted; refused: the others, with the most frequent reasons below
cancels    that passed; replaces are in --json
fill %     orders that had their first fill, of those that passed: may be more than 100 where they
           passed on another day
o/t        new orders and replaces that passed, for each fill
qty        bought and sold together; value: what that came to
realized   what closed parts have brought, fees left aside; at the rate of that moment, where a
           symbol settles in another currency than the firm's
profit     realized and unrealized, fees taken off, and what corrections brought, from the end of the
           day before: as `portcullis portfolio` says it
drawdown   of a day: how far the firm's profit was below its highest of that day at the most; of any
           other line: the deepest there ever was; of several journals the deepest of one
exits      positions that the gate began to close; kills: by persons and by the gate; adjusted:
           corrections of books. They stand with the names that they say: those of the firm with all.
gain days  of all trading days that have a record

A trading day is that of gateway.trading_day, or a day of UTC, and is called by the date of its last
moment in UTC. A dash stands for a part of nothing. --json has every digit and every reason.

Examples:
  portcullis statistics journal
  portcullis statistics journal --by strategy
  portcullis statistics monday/journal tuesday/journal --json";
