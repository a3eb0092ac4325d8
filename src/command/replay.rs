//! `portcullis replay`: derives every decision of a journal again and compares, bit for bit; or says
//! which decisions other limits would have changed.

use super::{Failure, journal};
use crate::follower::{other, replay};
use crate::journal::reader::Reader;
use crate::journal::recovery::Survey;
use crate::risk::setup::Setup;
use crate::topology::options::CORE_VERSION;
use serde_json::json;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How many differences are told one by one.
const EXAMPLES_MAX: usize = 20;
/// How long the shadow of a running gate waits before it looks for further records.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// Replays a journal as it was decided.
pub fn replay(directory: &Path) -> Result<replay::Report, Failure> {
    let mut reader = Reader::open(directory).map_err(Failure::of)?;
    replay::run(&mut reader, directory, EXAMPLES_MAX).map_err(Failure::of)
}

/// Other limits as the shadow of a gate that runs, until SIGTERM or SIGINT: a line for each decision
/// that they would have changed, and in the end how many.
pub fn follow(
    directory: &Path,
    other: &Setup,
    json: bool,
    out: &mut impl Write,
) -> Result<super::Report, Failure> {
    let is_over = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        flag::register(signal, Arc::clone(&is_over)).map_err(Failure::of)?;
    }
    let mut reader = Reader::open(directory).map_err(Failure::of)?;
    if let Some(foreign) = journal::foreign_core(&reader, directory) {
        return Err(Failure::of(foreign));
    }
    // Who reads may have gone: then nobody is left to tell.
    let mut is_heard = true;
    let tell = |change: &other::Change| {
        let line = match json {
            true => change.to_json().to_string(),
            false => change.to_string(),
        };
        is_heard &= writeln!(out, "{line}").and_then(|()| out.flush()).is_ok();
    };
    let wait = || {
        std::thread::park_timeout(LOOK_INTERVAL);
        !is_over.load(Ordering::Relaxed)
    };
    let changes = other::follow(&mut reader, directory, other, tell, wait);
    let changes = changes.map_err(Failure::of)?;
    let text = match json {
        true => format!("{}\n", changes.to_json()),
        false => format!("{changes}\n"),
    };
    let failure = (!is_heard).then(|| Failure::found("nobody reads what is told"));
    Ok(super::Report { text, failure })
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
