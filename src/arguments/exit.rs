//! Exit: a position's terms, or its end.

use super::operators::Operators;
use clap::Args;
use portcullis::admin::request::{Command, Request};
use portcullis::command::Failure;
use std::process::ExitCode;

/// Set when the gate closes a position, or have it closed now.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct Exit {
    #[command(flatten)]
    at: Operators,
    /// Whose position.
    #[arg(long)]
    account: String,
    /// In what.
    #[arg(long)]
    symbol: String,
    /// Close it at such a loss: basis points of what it has cost, or off.
    #[arg(long, value_name = "BPS")]
    stop_loss: Option<String>,
    /// Close it at such a gain: likewise.
    #[arg(long, value_name = "BPS")]
    take_profit: Option<String>,
    /// Close it once its price has turned so far from its best, from now on: basis points of that, or
    /// off.
    #[arg(long, value_name = "BPS")]
    trailing_stop: Option<String>,
    /// Once it has gained so much, close it where it gains nothing: basis points of what it has cost,
    /// or off.
    #[arg(long, value_name = "BPS")]
    break_even: Option<String>,
    /// Close it so long from now, as 30m; or off.
    #[arg(long, value_name = "TIME")]
    hold_max: Option<String>,
    /// Close it now.
    #[arg(long)]
    now: bool,
    /// Why, in a few words.
    #[arg(long)]
    note: String,
}

impl Exit {
    pub(crate) fn execute(self) -> Result<ExitCode, Failure> {
        self.at.ask(Request {
            command: Command::Exit,
            account: Some(self.account),
            symbol: Some(self.symbol),
            stop_loss_bps: self.stop_loss,
            take_profit_bps: self.take_profit,
            trailing_stop_bps: self.trailing_stop,
            break_even_bps: self.break_even,
            hold_max: self.hold_max,
            close: self.now.then_some(true),
            note: Some(self.note),
            ..Request::default()
        })
    }
}

const HELP: &str = r"What is not named stays as it is. The position keeps its terms until it is closed or
an order that adds to it brings others.

Examples (each with --config gate.toml --account main --symbol X):
    portcullis exit --stop-loss 50 --take-profit 200 --note 'the desk wants it tighter'
    portcullis exit --trailing-stop 75 --hold-max 30m --note 'news at noon'
    portcullis exit --stop-loss off --note 'hedged elsewhere'
    portcullis exit --now --note 'out'";
