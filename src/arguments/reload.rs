//! Reload: an edited file beside what is in force.

use super::report;
use clap::Args;
use portcullis::admin::client::Place;
use portcullis::analytics::handover;
use portcullis::command::{Failure, reload};
use portcullis::config;
use std::path::PathBuf;
use std::process::ExitCode;

/// Put an edited configuration beside what a running gateway has in force, and its limits in force.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct Reload {
    /// The edited file; its `admin.socket` is where the gateway is asked.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The operators' socket, where the file names another one.
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// Why, in a few words; where nothing is said, the name of the file.
    #[arg(long)]
    note: Option<String>,
    /// Only say what would be done.
    #[arg(long)]
    dry_run: bool,
    /// Put limits in force also where other keys differ, which wait for a restart.
    #[arg(long)]
    limits_only: bool,
    /// For machines.
    #[arg(long)]
    json: bool,
}

impl Reload {
    pub(crate) fn execute(self) -> Result<ExitCode, Failure> {
        let edited = config::load(&self.config).map_err(Failure::of)?;
        // What a start would read beside it must be there, too.
        handover::fill(&mut edited.clone()).map_err(Failure::of)?;
        let socket = self.socket.unwrap_or_else(|| edited.admin.socket.clone());
        let options = reload::Options {
            place: Place::Socket(socket),
            note: self.note,
            is_dry_run: self.dry_run,
            limits_only: self.limits_only,
            is_json: self.json,
        };
        report(reload::run(&self.config, &edited, &options)?)
    }
}

const HELP: &str = "\
The file is checked as `portcullis check` does; one that is not sound changes nothing. Then every
difference to what is in force is listed: a limit that is one number is put in force as if
`portcullis limit` had said it, as a version in the journal, by the person who reloads; what loosens it
beyond gateway.loosen_factor or [hard_limits] waits until another person reloads the same file.
Everything else - windows, ages, permissions, symbols, the rule itself - is read at a start: where the
file changes any of it, nothing is put in force, unless --limits-only is written.

Each limit is an event of its own: orders between two of them are decided under the first and not the
second. Those that tighten go first. If the gate ends in between, the rest was not put in force; reload
again. A dry run reckons from the limits in force: where one person has loosened a limit before, the
gate counts the steps together, and may want a second person all the same. What is read from price
files at a start is compared only as far as the file writes it.

Ends with 1 where nothing could be put in force or the gate has refused a limit; the table says which
are in force. Ends with 3 where it is not known.

Examples:
  portcullis reload --config gate.toml --dry-run
  portcullis reload --config gate.toml --note 'limits of June'";
