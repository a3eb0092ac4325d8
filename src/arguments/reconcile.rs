//! Reconcile: a journal's books against the broker's.

use super::report;
use clap::Args;
use portcullis::command::Failure;
use portcullis::command::reconcile::{self, Sources};
use std::path::PathBuf;
use std::process::ExitCode;

/// Compare a journal's books with what the broker says of executions, positions and cash. Ends with 1
/// where they differ.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: portcullis reconcile run/journal --statement eod.csv \
--drop-copy executions.csv\n\nA statement is `account,symbol,position[,average_price]` and \
`account,currency,cash`, each table behind its\nline of names, and `# as_of = 2026-03-02T21:00:00Z`. A \
drop copy is `exec_id,time,account,symbol,side,qty,price`\nwith `fee`, `order_id`, `client_order_id`, \
`type` (trade, correct, bust) and `refers_to` if wanted, or the same as\nlines of JSON. The terms are \
those of [reconcile] in the journal's last run."
)]
pub(crate) struct Reconcile {
    /// The journal's directory.
    journal: PathBuf,
    /// The broker's positions and cash.
    #[arg(long, value_name = "FILE", required_unless_present = "drop_copy")]
    statement: Option<PathBuf>,
    /// The broker's executions.
    #[arg(long, value_name = "FILE")]
    drop_copy: Option<PathBuf>,
    /// For machines.
    #[arg(long)]
    json: bool,
}

impl Reconcile {
    pub(crate) fn execute(self) -> Result<ExitCode, Failure> {
        let sources = Sources {
            statement: self.statement.as_deref(),
            drop_copy: self.drop_copy.as_deref(),
        };
        report(reconcile::run(&self.journal, sources, self.json)?)
    }
}
