//! `portcullis replay`: derives every decision of a journal again and compares, bit for bit; or says
//! which decisions other limits would have changed.

use super::Failure;
use crate::follower::{other, replay};
use crate::journal::reader::Reader;
use crate::risk::setup::Setup;
use std::path::Path;

/// How many differences are told one by one.
const EXAMPLES_MAX: usize = 20;

/// Replays a journal as it was decided.
pub fn replay(directory: &Path) -> Result<replay::Report, Failure> {
    let mut reader = Reader::open(directory).map_err(Failure::of)?;
    replay::run(&mut reader, directory, EXAMPLES_MAX).map_err(Failure::of)
}

/// Replays and tells.
pub fn run(directory: &Path, other: Option<Setup>, json: bool) -> Result<String, Failure> {
    if let Some(setup) = other {
        let mut reader = Reader::open(directory).map_err(Failure::of)?;
        let changes = other::compare(&mut reader, directory, &setup, EXAMPLES_MAX);
        return changes
            .map(|changes| format!("{changes}\n"))
            .map_err(Failure::of);
    }
    let report = replay(directory)?;
    let text = match json {
        true => format!("{}\n", report.to_json()),
        false => format!("{report}\n"),
    };
    match report.difference_count {
        0 => Ok(text),
        count => Err(Failure::found(format!("{text}{count} differences"))),
    }
}
