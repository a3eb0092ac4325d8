//! `portcullis replay`: derives every decision of a journal again and compares, bit for bit.

use super::Failure;
use crate::journal::reader::Reader;
use crate::topology::rebuild::{Rebuild, Taken};
use std::path::Path;

/// What a replay found.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Runs of the gateway.
    pub runs: u64,
    /// Events decided again.
    pub events: u64,
    /// Digests compared.
    pub digests: u64,
    /// Decisions or digests that differ.
    pub differences: u64,
    /// The first of them.
    pub first_difference: Option<u64>,
    /// The digest behind the last event.
    pub digest: u64,
    /// The hash of the whole state.
    pub state_hash: u64,
}

/// Replays a journal.
pub fn replay(directory: &Path) -> Result<Found, Failure> {
    let mut reader = Reader::open(directory).map_err(Failure::of)?;
    let mut rebuild = Rebuild::new(directory);
    let mut found = Found::default();
    while let Some(record) = reader.next().map_err(Failure::of)? {
        let sequence = record.sequence;
        let differs = match rebuild.take(&record).map_err(Failure::of)? {
            Taken::Part => false,
            Taken::Opened => {
                found.runs += 1;
                false
            }
            Taken::Event { recorded, derived, digest_recorded, digest } => {
                found.events += 1;
                found.digests += u64::from(digest_recorded.is_some());
                recorded != derived || digest_recorded.is_some_and(|of| of != digest)
            }
            Taken::Checkpoint { recorded, derived } => {
                found.digests += 1;
                recorded != derived
            }
        };
        if differs {
            found.differences += 1;
            found.first_difference.get_or_insert(sequence);
        }
    }
    if let Some(core) = rebuild.core() {
        found.digest = core.digest();
        found.state_hash = core.state_hash();
    }
    Ok(found)
}

/// Replays and tells.
pub fn run(directory: &Path, json: bool) -> Result<String, Failure> {
    let found = replay(directory)?;
    let text = if json {
        let value = serde_json::json!({
            "runs": found.runs,
            "events": found.events,
            "digests": found.digests,
            "differences": found.differences,
            "first_difference": found.first_difference,
            "digest": format!("{:016x}", found.digest),
            "state_hash": format!("{:016x}", found.state_hash),
        });
        format!("{value}\n")
    } else {
        format!(
            "runs         {}\nevents       {}\ndigests      {}\ndifferences  {}\ndigest       {:016x}\nstate hash   {:016x}\n",
            found.runs, found.events, found.digests, found.differences, found.digest, found.state_hash
        )
    };
    match found.first_difference {
        None => Ok(text),
        Some(sequence) => Err(Failure::found(format!(
            "{text}the first difference is record {sequence}: another version, or a damaged core, \
             wrote this journal"
        ))),
    }
}
