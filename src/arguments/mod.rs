//! Arguments: one file for each command, with its arguments, its help, and what is done with them.
//! The work itself is in [`portcullis::command`], or in the running gateway that is asked.
//!
//! A new command is a file here, its `mod`, and its line in `commands!`.

mod adjust;
mod analyze;
mod check;
mod controls;
mod demo;
mod drill;
mod events;
mod exit;
mod exits;
mod explain;
mod find;
mod journal;
mod kill;
mod levels;
mod limit;
mod locate;
mod orders;
mod r#override;
mod portfolio;
mod positions;
mod raise;
mod reconcile;
mod reload;
mod replay;
mod run;
mod settle;
mod statistics;
mod status;
mod r#try;
mod versions;

mod operators;

use clap::{Args, Subcommand};
use core_affinity::CoreId;
use portcullis::analytics::handover;
use portcullis::command::{Failure, Report};
use portcullis::config::{self, Config};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What can be called, and that each is executed as its file says.
macro_rules! commands {
    ($($file:ident::$command:ident,)*) => {
        #[derive(Debug, Subcommand)]
        pub(crate) enum Command {
            $($command($file::$command),)*
        }

        impl Command {
            pub(crate) fn execute(self) -> Result<ExitCode, Failure> {
                match self {
                    $(Self::$command(arguments) => arguments.execute(),)*
                }
            }
        }
    };
}

// In the order of the help.
commands! {
    demo::Demo,
    drill::Drill,
    run::Run,
    check::Check,
    controls::Controls,
    analyze::Analyze,
    r#try::Try,
    status::Status,
    orders::Orders,
    positions::Positions,
    exits::Exits,
    levels::Levels,
    portfolio::Portfolio,
    events::Events,
    kill::Kill,
    raise::Raise,
    settle::Settle,
    locate::Locate,
    r#override::Override,
    limit::Limit,
    reload::Reload,
    adjust::Adjust,
    exit::Exit,
    journal::Journal,
    explain::Explain,
    find::Find,
    reconcile::Reconcile,
    versions::Versions,
    statistics::Statistics,
    replay::Replay,
}

#[derive(Debug, Args)]
struct ConfigFile {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

impl ConfigFile {
    fn load(&self) -> Result<Config, Failure> {
        load(&self.config)
    }
}

fn load(path: &Path) -> Result<Config, Failure> {
    let mut config = config::load(path).map_err(Failure::of)?;
    handover::fill(&mut config).map_err(Failure::of)?;
    Ok(config)
}

/// Asked for before any thread is pinned: a pinned thread sees one core only.
fn cores() -> Vec<CoreId> {
    core_affinity::get_core_ids().unwrap_or_default()
}

fn print(text: &str) -> Result<ExitCode, Failure> {
    io::stdout()
        .lock()
        .write_all(text.as_bytes())
        .map_err(Failure::of)?;
    Ok(ExitCode::SUCCESS)
}

/// The whole of it first, so that a finding does not hide what was found.
fn report(report: Report) -> Result<ExitCode, Failure> {
    let code = print(&report.text)?;
    report.failure.map_or(Ok(code), Err)
}
