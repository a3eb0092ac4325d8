//! Adjust: what no order of the gate explains.

use super::operators::Operators;
use clap::Args;
use portcullis::admin::request::{Command, Request};
use portcullis::command::Failure;
use std::process::ExitCode;

/// Correct a book by hand: what no order of the gate explains.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct Adjust {
    #[command(flatten)]
    at: Operators,
    /// trade, transfer, cash or split.
    kind: String,
    /// Whose book; none for a split, which is of every position in the symbol.
    #[arg(long)]
    account: Option<String>,
    /// The strategy whose book it is beside the account's.
    #[arg(long)]
    strategy: Option<String>,
    /// In what.
    #[arg(long)]
    symbol: String,
    /// How much the position changes: bought is positive, sold negative. Of a split, how many there
    /// are now for each `--price` of them before.
    #[arg(long, allow_hyphen_values = true)]
    qty: Option<String>,
    /// At which price.
    #[arg(long, allow_hyphen_values = true)]
    price: Option<String>,
    /// What is received beside that, in the currency that the symbol settles in; paid is negative. Of
    /// a trade, its fee.
    #[arg(long, allow_hyphen_values = true)]
    cash: Option<String>,
    /// Why, in a few words; of a fill, the broker's id of it.
    #[arg(long)]
    note: String,
}

impl Adjust {
    pub(crate) fn execute(self) -> Result<ExitCode, Failure> {
        self.at.ask(Request {
            command: Command::Adjust,
            kind: Some(self.kind),
            account: self.account,
            strategy: self.strategy,
            symbol: Some(self.symbol),
            qty: self.qty,
            price: self.price,
            cash: self.cash,
            note: Some(self.note),
            ..Request::default()
        })
    }
}

const HELP: &str = r"Examples (each with --config gate.toml):
  A fill that was never reported: 100 bought at 10.50, with a fee of 1.20.
    portcullis adjust trade --account main --strategy S --symbol X --qty 100 --price 10.50 \
      --cash -1.20 --note E-4711
  The same fill, taken back by the broker: the opposite trade, which gives the fee back too.
    portcullis adjust trade --account main --strategy S --symbol X --qty -100 --price 10.50 \
      --cash 1.20 --note 'bust of E-4711'
  An opening balance: a position comes with what it has cost, and no cash moves.
    portcullis adjust transfer --account main --symbol X --qty 500 --price 9.80 --note 'old system'
  A dividend of 25 received. Interest or a fee that is paid is negative.
    portcullis adjust cash --account main --symbol X --cash 25 --note 'dividend of June'
  A split, 4 for 1: every position in the symbol becomes four times as many, at the same cost.
    portcullis adjust split --symbol X --qty 4 --price 1 --note '4 for 1'

The gate says no, and why, where no book could take it: an unknown name, a trade without a price,
a split while an order is live in the symbol or where a position would not come out whole, a full
table of positions. Every correction is a record of the journal and an event, and counts in the
loss limits at once.";
