//! Journal: its lines, and its bytes.

use super::report;
use clap::{Args, Subcommand};
use portcullis::command::{Failure, journal};
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

/// Look into a journal.
#[derive(Debug, Args)]
pub(crate) struct Journal {
    #[command(subcommand)]
    look: Look,
}

#[derive(Debug, Subcommand)]
enum Look {
    /// Write every event as a line of a scenario, which `try` reads.
    Dump {
        /// The journal's directory.
        journal: PathBuf,
    },
    /// Check every byte of every record.
    Verify {
        /// The journal's directory.
        journal: PathBuf,
        /// For machines.
        #[arg(long)]
        json: bool,
    },
}

impl Journal {
    pub(crate) fn execute(self) -> Result<ExitCode, Failure> {
        match self.look {
            Look::Dump { journal } => {
                journal::dump(&journal, io::BufWriter::new(io::stdout().lock()))?;
                Ok(ExitCode::SUCCESS)
            }
            Look::Verify { journal, json } => report(journal::verify(&journal, json)?),
        }
    }
}
