//! Command: what `portcullis` does when it is called. One file for each command.

pub mod analyze;
pub mod check;
pub mod controls;
pub mod demo;
pub mod drill;
pub mod events;
pub mod explain;
pub mod find;
pub mod journal;
pub mod reconcile;
pub mod reload;
pub mod replay;
pub mod run;
pub mod statistics;
pub mod trial;
pub mod versions;

mod svg;
mod virtual_gate;

use std::fmt;

/// A command failed: what to tell the user, and the exit status.
#[derive(Debug)]
pub struct Failure {
    /// For people: what is wrong and what to do.
    pub text: String,
    /// 1: what was asked for did not hold. 2: it could not be asked.
    pub status: u8,
}

/// What goes to standard output, and why the command fails all the same.
#[derive(Debug)]
pub struct Report {
    /// All of it, with its line ends.
    pub text: String,
    /// What was found.
    pub failure: Option<Failure>,
}

impl Failure {
    /// It could not be done: wrong input, a file, a socket.
    pub fn of(error: impl fmt::Display) -> Self {
        Self {
            text: error.to_string(),
            status: 2,
        }
    }

    /// It was done, and what was asked for does not hold.
    pub fn found(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            status: 1,
        }
    }
}
