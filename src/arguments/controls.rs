//! Controls: every one there is.

use super::{load, print};
use clap::Args;
use portcullis::command::Failure;
use portcullis::command::controls::{self, Form};
use std::path::PathBuf;
use std::process::ExitCode;

/// Every control: what it means, which rule demands it, how far it is built, where it is armed.
#[derive(Debug, Args)]
pub(crate) struct Controls {
    /// Says where each is armed by this configuration.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// For machines.
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
    /// As a page: `docs/controls.md` is made so.
    #[arg(long, conflicts_with = "config")]
    markdown: bool,
}

impl Controls {
    pub(crate) fn execute(self) -> Result<ExitCode, Failure> {
        let config = self.config.map(|file| load(&file)).transpose()?;
        let form = match (self.json, self.markdown) {
            (true, _) => Form::Json,
            (_, true) => Form::Markdown,
            _ => Form::Text,
        };
        print(&controls::run(config.as_ref(), form))
    }
}
