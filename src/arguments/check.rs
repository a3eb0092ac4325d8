//! Check: whether a configuration is sound.

use super::{cores, load, print};
use clap::Args;
use portcullis::command::{Failure, check};
use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::process::ExitCode;

/// Say whether a configuration is sound, what it arms for whom, and what memory it takes.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The configuration file.
    #[arg(long, value_name = "FILE", required_unless_present = "example")]
    config: Option<PathBuf>,
    /// Print a file with every key, its default and what it means.
    #[arg(long)]
    example: bool,
    /// For machines.
    #[arg(long)]
    json: bool,
}

impl Check {
    pub(crate) fn execute(self) -> Result<ExitCode, Failure> {
        if self.example {
            return print(&check::example());
        }
        let is_coloured = io::stdout().is_terminal();
        let config = load(&self.config.unwrap_or_default())?;
        let ids: Vec<_> = cores().iter().map(|core| core.id).collect();
        print(&check::run(&config, &ids, self.json, is_coloured)?)
    }
}
