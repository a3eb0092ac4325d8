//! `portcullis journal dump|verify`: what a journal holds, and whether it is whole.

use super::{Failure, Report};
use crate::journal::error::Problem;
use crate::journal::mark::MARK_NAME;
use crate::journal::reader::Reader;
use crate::journal::recovery::{self, Survey, Verified};
use crate::message::{Kind, Text};
use crate::protocol::scenario::names::Names;
use crate::protocol::scenario::write::write_event;
use crate::topology::options::CORE_VERSION;
use crate::topology::rebuild::{Rebuild, Taken};
use crate::units::{AccountId, OrderId};
use std::io::Write;
use std::path::Path;

/// Checks every byte of every record; tells what is there. What shuts new risk at the next start is a
/// finding.
pub fn verify(directory: &Path, json: bool) -> Result<Report, Failure> {
    let found = recovery::verify(directory).map_err(Failure::of)?;
    let problem = problem_of(&found);
    let text = if json {
        let value = serde_json::json!({
            "journal_id": format!("{:032x}", found.journal_id),
            "segments": found.segment_count,
            "records": found.sequence,
            "durable": found.durable_sequence,
            "is_whole": problem.is_none(),
            "problem": problem,
            "set_aside": found.set_aside,
        });
        format!("{value}\n")
    } else {
        let durable = found.durable_sequence.map(|durable| durable.to_string());
        let mut text = format!(
            "journal   {:032x}\nsegments  {}\nrecords   {}\ndurable   {}\ntail      {}\n",
            found.journal_id,
            found.segment_count,
            found.sequence,
            durable.as_deref().unwrap_or("unknown"),
            problem.as_deref().unwrap_or("whole"),
        );
        for path in &found.set_aside {
            text.push_str(&format!(
                "set aside {}: {}\n",
                path.display(),
                recovery::remedy(path)
            ));
        }
        text
    };
    Ok(Report {
        text,
        failure: problem.map(Failure::found),
    })
}

/// Why a journal whose durable records are all there is not whole all the same.
pub fn problem_of(found: &Verified) -> Option<String> {
    let mut problems = Vec::new();
    if let Some(at) = found.invalid {
        problems.push(format!(
            "bytes that are no record at segment {} offset {}, behind record {}: `run` will set them \
             aside and start with the firm killed",
            at.segment, at.offset, found.sequence
        ));
    }
    if found.durable_sequence.is_none() {
        problems.push(format!(
            "the file `{MARK_NAME}` is not there, so how many records there should be is not known: \
             restore it from a copy, or `run` will start with the firm killed"
        ));
    }
    (!problems.is_empty()).then(|| problems.join("; "))
}

/// How a journal that was read to its end ends.
pub struct Ending {
    /// Up to which record all was durable; `None` where nobody knows.
    pub durable: Option<u64>,
    /// What is missing, or too much.
    pub failure: Option<Failure>,
}

/// Looks at the end, once the records have been read.
pub fn ending(survey: Survey) -> Ending {
    match survey.finish() {
        Ok(found) => Ending {
            durable: found.durable_sequence,
            failure: problem_of(&found).map(Failure::found),
        },
        Err(error) => Ending {
            durable: match error.problem {
                Problem::Damaged {
                    durable_sequence, ..
                } => Some(durable_sequence),
                _ => None,
            },
            failure: Some(Failure::of(error)),
        },
    }
}

/// What is to be said before anything else of a journal that another version of the core wrote.
pub fn foreign_core(reader: &Reader, directory: &Path) -> Option<String> {
    let (found, expected) = (reader.core_version(), CORE_VERSION);
    let problem = Problem::WrongCore { found, expected };
    (found != expected).then(|| format!("{}: {problem}", directory.display()))
}

/// Writes every event as a line of a scenario, which `try` reads.
pub fn dump(directory: &Path, mut output: impl Write) -> Result<(), Failure> {
    let mut survey = Survey::begin(directory).map_err(Failure::of)?;
    if let Some(foreign) = foreign_core(survey.records(), directory) {
        eprintln!("portcullis: {foreign}");
    }
    let mut rebuild = Rebuild::new(directory);
    let mut names = None;
    let mut out = String::new();
    while let Some(record) = survey.records().next().map_err(Failure::of)? {
        let [head, continuations @ ..] = record.frames else {
            continue;
        };
        // The names of closed orders may be forgotten by the step itself: look before it.
        if let (Some(names), Some(core), Some(kind)) = (&names, rebuild.core(), head.kind())
            && !matches!(kind, Kind::Checkpoint | Kind::Opening)
        {
            let client_id_of = |id: OrderId| -> Option<(AccountId, Text)> {
                core.order(id)
                    .map(|order| (order.account, order.client_order_id))
            };
            write_event(&mut out, head, continuations, names, client_id_of)
                .map_err(|_| Failure::of(format!("record {} is no event", record.sequence)))?;
        }
        if rebuild.take(&record).map_err(Failure::of)? == Taken::Opened {
            names = Some(Names::new(rebuild.setup()));
        }
        output.write_all(out.as_bytes()).map_err(Failure::of)?;
        out.clear();
    }
    output.flush().map_err(Failure::of)?;
    ending(survey).failure.map_or(Ok(()), Err)
}
