//! Explain: one order's story.

use super::report;
use clap::Args;
use portcullis::command::{Failure, explain};
use std::path::PathBuf;
use std::process::ExitCode;

/// Tell one order's story in plain words: what was asked, what each control found, what came of it.
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// The journal's directory.
    journal: PathBuf,
    /// The client order id.
    order: String,
    /// The order's account, where several have used the id.
    #[arg(long)]
    account: Option<String>,
    /// For machines.
    #[arg(long)]
    json: bool,
}

impl Explain {
    pub(crate) fn execute(self) -> Result<ExitCode, Failure> {
        let account = self.account.as_deref();
        report(explain::run(
            &self.journal,
            &self.order,
            account,
            self.json,
        )?)
    }
}
