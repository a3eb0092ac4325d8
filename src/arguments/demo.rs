//! Demo: the whole of it at work.

use super::cores;
use clap::Args;
use portcullis::command::Failure;
use portcullis::command::demo::{self, Options, Show};
use portcullis::units::Nanos;
use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::process::ExitCode;

/// See it at work for some seconds: strategies, mistakes, a kill, times. Needs no file.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// How long strategies send.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Of the prices and of what strategies draw by chance.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where the picture goes.
    #[arg(long, value_name = "DIR", default_value = "portcullis-demo")]
    out: PathBuf,
    /// Keep the configuration, the keys and the journal.
    #[arg(long)]
    keep: bool,
    /// For machines.
    #[arg(long)]
    json: bool,
}

impl Demo {
    pub(crate) fn execute(self) -> Result<ExitCode, Failure> {
        let show = match (self.json, io::stdout().is_terminal()) {
            (true, _) => Show::Nothing,
            (false, true) => Show::Live,
            (false, false) => Show::Lines,
        };
        let options = Options {
            duration: Nanos::from_secs(self.seconds),
            seed: self.seed,
            out: self.out,
            is_kept: self.keep,
            show,
        };
        demo::run(&options, self.json, &cores(), &mut io::stdout().lock())?;
        Ok(ExitCode::SUCCESS)
    }
}
