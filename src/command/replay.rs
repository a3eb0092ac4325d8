//! `portcullis replay`: derives every decision of a journal again and compares, bit for bit; or says
//! which decisions other limits would have changed.

use super::{Failure, journal};
use crate::follower::{other, replay};
use crate::journal::reader::Reader;
use crate::journal::recovery::Survey;
use crate::risk::setup::Setup;
use crate::topology::options::CORE_VERSION;
use serde_json::json;
use std::path::Path;

/// How many differences are told one by one.
const EXAMPLES_MAX: usize = 20;

/// Replays a journal as it was decided.
pub fn replay(directory: &Path) -> Result<replay::Report, Failure> {
    let mut reader = Reader::open(directory).map_err(Failure::of)?;
    replay::run(&mut reader, directory, EXAMPLES_MAX).map_err(Failure::of)
}

/// Replays and tells, also of what is missing at the journal's end.
pub fn run(directory: &Path, other: Option<Setup>, json: bool) -> Result<super::Report, Failure> {
    let mut survey = Survey::begin(directory).map_err(Failure::of)?;
    let foreign = journal::foreign_core(survey.records(), directory);
    if let Some(foreign) = &foreign {
        eprintln!("portcullis: {foreign}");
    }
    let core_version = survey.records().core_version();
    let examples_max = if json { usize::MAX } else { EXAMPLES_MAX };
    let (mut value, mut text, report) = match other {
        Some(setup) => {
            let changes = other::compare(survey.records(), directory, &setup, examples_max);
            let changes = changes.map_err(Failure::of)?;
            (changes.to_json(), format!("{changes}\n"), changes.recorded)
        }
        None => {
            let report = replay::run(survey.records(), directory, EXAMPLES_MAX);
            let report = report.map_err(Failure::of)?;
            (report.to_json(), format!("{report}\n"), report)
        }
    };
    let ending = journal::ending(survey);
    if json {
        value["journal"] = json!({
            "records": report.records,
            "durable": ending.durable,
            "is_whole": ending.failure.is_none(),
            "problem": ending.failure.as_ref().map(|failure| &failure.text),
            "core_version": core_version,
            "core_version_here": CORE_VERSION,
        });
        text = format!("{value}\n");
    }
    let differences = match report.difference_count {
        0 => None,
        count => Some(Failure::found(format!("{count} differences"))),
    };
    let failure = ending
        .failure
        .or(differences)
        .or(foreign.map(Failure::found));
    Ok(super::Report { text, failure })
}
