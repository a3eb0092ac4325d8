//! Drill: disasters that happened.

use super::print;
use clap::Args;
use portcullis::command::Failure;
use portcullis::command::drill::{self, Options};
use std::path::PathBuf;
use std::process::ExitCode;

/// Play disasters that happened: what leaves with each control, and what without.
#[derive(Debug, Args)]
#[command(after_help = drill::about())]
pub(crate) struct Drill {
    /// One of those below, `all`, or `list`.
    #[arg(default_value = "all")]
    name: String,
    /// Where the pictures go: a folder, or for one drill a file that ends in .svg.
    #[arg(long, value_name = "FILE|DIR", default_value = "portcullis-drill")]
    out: PathBuf,
    /// For machines.
    #[arg(long)]
    json: bool,
}

impl Drill {
    pub(crate) fn execute(self) -> Result<ExitCode, Failure> {
        print(&drill::run(&Options {
            name: self.name,
            out: self.out,
            is_json: self.json,
        })?)
    }
}
