//! Find: what a journal has of something.

use clap::Args;
use portcullis::command::Failure;
use portcullis::command::find::{self, Asked};
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

/// Search a journal: every command, decision, fill and act, by who, what, when and what came of it.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct Find {
    /// The journal's directory.
    journal: PathBuf,
    /// From then on, as in 2026-01-31T09:30:00Z.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Before then.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Of this account alone.
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// Of this strategy alone.
    #[arg(long, value_name = "NAME")]
    strategy: Option<String>,
    /// Of this symbol alone.
    #[arg(long, value_name = "NAME")]
    symbol: Option<String>,
    /// About one order: its client order id, or the gate's number of it.
    #[arg(long, value_name = "ID")]
    order: Option<String>,
    /// Of this kind; may be repeated. Those below; of any, where none is named.
    #[arg(long)]
    kind: Vec<String>,
    /// That ended so: accepted or refused for what strategies ask; applied or not_permitted for what
    /// persons do; also duplicate, late_fill, over_fill, implausible, order_unknown.
    #[arg(long)]
    outcome: Option<String>,
    /// Where this control failed, first or beside others, as in QtyAboveMax.
    #[arg(long, value_name = "NAME")]
    reason: Option<String>,
    /// Done by this person; `gate`: by the gate in a person's stead.
    #[arg(long, value_name = "NAME")]
    person: Option<String>,
    /// What follows from one command, by the number that the gate gave to it.
    #[arg(long, value_name = "N")]
    correlation: Option<u64>,
    /// Where the line has this in it, be it large or small.
    #[arg(long, value_name = "WORD")]
    text: Option<String>,
    /// At most so many: the last.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    count: Option<u32>,
    /// For machines: one object per line, with the event as `journal dump` writes it.
    #[arg(long)]
    json: bool,
}

impl Find {
    pub(crate) fn execute(self) -> Result<ExitCode, Failure> {
        let asked = Asked {
            since: self.since,
            until: self.until,
            account: self.account,
            strategy: self.strategy,
            symbol: self.symbol,
            order: self.order,
            kinds: self.kind,
            outcome: self.outcome,
            reason: self.reason,
            person: self.person,
            correlation: self.correlation,
            text: self.text,
            count_max: self.count.map(|count| count as usize),
        };
        let mut out = io::BufWriter::new(io::stdout().lock());
        find::run(&self.journal, &asked, self.json, &mut out)?;
        Ok(ExitCode::SUCCESS)
    }
}

const HELP: &str = "\
All that is said must hold. Names are those of the configurations in the journal.

Kinds:
  order basket cancel replace              what strategies ask
  exit                                     an order that the gate sends by itself
  fill report link                         what brokers say
  quote session tick run                   prices, sessions, the gate's clock, its starts
  kill raise settle locate override limit adjust exit-terms
                                           what persons do

Examples:
  What an operator has done, and why:
    portcullis find journal --person alice
  Every refusal of an account on one morning:
    portcullis find journal --account main --outcome refused \\
      --since 2026-01-31T09:30:00Z --until 2026-01-31T12:00:00Z
  How often a control has spoken, and the limit and the value each time:
    portcullis find journal --reason QtyAboveMax
  All that concerns one order, also behind a replace and a restart:
    portcullis find journal --order 4711
  The last 20 fills and orders of the gate's own in a symbol:
    portcullis find journal --symbol X --kind fill --kind exit --count 20

Ends with 1 where the journal is not whole, and says what is missing.";
