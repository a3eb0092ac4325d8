//! Analyze: what price history tells.

use super::{ConfigFile, print};
use clap::Args;
use portcullis::command::Failure;
use portcullis::command::analyze::{self, Options};
use std::path::PathBuf;
use std::process::ExitCode;

/// Say what price history tells of what is held: volatility, correlation, beta, value at risk,
/// concentration, stress. As tables and pictures.
#[derive(Debug, Args)]
#[command(after_help = analyze::DEFINITIONS)]
pub(crate) struct Analyze {
    #[command(flatten)]
    file: ConfigFile,
    /// What is held: lines of symbol,qty and perhaps account, in place of `analytics.holdings`.
    #[arg(long, value_name = "FILE")]
    holdings: Option<PathBuf>,
    /// Equal weights, also where `analytics.holdings` names a file.
    #[arg(long, conflicts_with = "holdings")]
    equal: bool,
    /// Of this account alone: what it holds, against its index.
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// A [[scenario]] to stress by; may be repeated. Every one, where none is named.
    #[arg(long, value_name = "NAME")]
    scenario: Vec<String>,
    /// As if this day, as in 2020-02-28, were the last of the history.
    #[arg(long, value_name = "DAY")]
    until: Option<jiff::civil::Date>,
    /// The folder that the pictures go to.
    #[arg(long, value_name = "DIR", default_value = "portcullis-analytics")]
    out: PathBuf,
    /// For machines.
    #[arg(long)]
    json: bool,
}

impl Analyze {
    pub(crate) fn execute(self) -> Result<ExitCode, Failure> {
        let config = self.file.load()?;
        let options = Options {
            holdings: self.holdings,
            account: self.account,
            is_equal: self.equal,
            scenarios: self.scenario,
            until: self.until,
            out: self.out,
            is_json: self.json,
        };
        print(&analyze::run(&config, &options)?)
    }
}
