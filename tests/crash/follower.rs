//! Follower: the journal, read from outside while the gate writes it and over all its deaths.

use portcullis::journal::reader::Reader;
use portcullis::message::{BrokerRequest, Frame, Kind, Text};
use portcullis::risk::core::Core;
use portcullis::topology::rebuild::{Rebuild, Taken};
use portcullis::units::AccountId;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

/// What the journal says, so far.
pub(crate) struct Follower {
    directory: PathBuf,
    reader: Option<Reader>,
    rebuild: Rebuild,
    /// Every request that the journal lets out to the broker, by order and number.
    requests: HashMap<(u64, u32), Frame>,
    ids: HashSet<(AccountId, Text)>,
    /// A hash of every report to each strategy; the first has sequence 1.
    reports: Vec<Vec<u64>>,
    /// Runs that the journal has seen begin.
    pub(crate) runs: u64,
    /// Events so far.
    pub(crate) events: u64,
}

impl Follower {
    /// Before the first record.
    pub(crate) fn new(directory: PathBuf, strategies: usize) -> Self {
        Self {
            rebuild: Rebuild::new(&directory),
            directory,
            reader: None,
            requests: HashMap::new(),
            ids: HashSet::new(),
            reports: vec![Vec::new(); strategies],
            runs: 0,
            events: 0,
        }
    }

    /// The core as the journal has it.
    pub(crate) fn core(&self) -> Option<&Core> {
        self.rebuild.core()
    }

    /// What the journal let out under this number, if it did.
    pub(crate) fn request(&self, order_id: u64, request: u32) -> Option<&Frame> {
        self.requests.get(&(order_id, request))
    }

    /// The hash of a report to a strategy, if the journal has it.
    pub(crate) fn report(&self, strategy: usize, sequence: u64) -> Option<u64> {
        let index = usize::try_from(sequence.checked_sub(1)?).ok()?;
        self.reports[strategy].get(index).copied()
    }

    /// Reads to the end. An error is a broken promise.
    pub(crate) fn advance(&mut self) -> Result<(), String> {
        let reader = match &mut self.reader {
            Some(reader) => reader,
            // Before its first process has made it there is none.
            none => match Reader::open(&self.directory) {
                Ok(reader) => none.insert(reader),
                Err(_) => return Ok(()),
            },
        };
        loop {
            let record = match reader.next() {
                Ok(Some(record)) => record,
                Ok(None) => return Ok(()),
                Err(error) => return Err(format!("P5: the journal cannot be read: {error}")),
            };
            let sequence = record.sequence;
            let taken = self.rebuild.take(&record);
            match taken.map_err(|error| format!("P4: record {sequence}: {error}"))? {
                Taken::Part => {}
                Taken::Opened => self.runs += 1,
                Taken::Event {
                    recorded,
                    derived,
                    digest_recorded,
                    digest,
                } => {
                    self.events += 1;
                    if recorded != derived || digest_recorded.is_some_and(|of| of != digest) {
                        return Err(format!(
                            "P4: record {sequence}: {recorded:?} is {derived:?}"
                        ));
                    }
                    note(
                        &self.rebuild,
                        &mut self.requests,
                        &mut self.ids,
                        &mut self.reports,
                    )
                    .map_err(|problem| format!("record {sequence}: {problem}"))?;
                }
                Taken::Checkpoint { recorded, derived } => {
                    if recorded != derived {
                        return Err(format!("P4: record {sequence}: the digest differs"));
                    }
                }
            }
        }
    }
}

/// Remembers what one event sent.
fn note(
    rebuild: &Rebuild,
    requests: &mut HashMap<(u64, u32), Frame>,
    ids: &mut HashSet<(AccountId, Text)>,
    reports: &mut [Vec<u64>],
) -> Result<(), String> {
    let mut continuations = 0;
    for approved in &rebuild.effects.to_broker {
        let frame = approved.frame();
        if continuations != 0 {
            continuations -= 1;
            continue;
        }
        continuations = frame.header.continuation_count;
        let Some(kind @ (Kind::BrokerNew | Kind::BrokerCancel | Kind::BrokerReplace)) =
            frame.kind()
        else {
            continue;
        };
        let body: &BrokerRequest = frame.body();
        match requests.entry((body.order_id.0, body.request)) {
            Entry::Vacant(entry) => entry.insert(*frame),
            Entry::Occupied(_) => return Err(format!("P2: the core asks twice: {frame:?}")),
        };
        if kind == Kind::BrokerNew && !ids.insert((body.account, body.client_order_id)) {
            let id = body.client_order_id;
            return Err(format!("P2: the order {id} was accepted twice"));
        }
    }
    for report in &rebuild.effects.to_strategy {
        let kept = &mut reports[report.header.strategy.0 as usize];
        if report.header.sequence != kept.len() as u64 + 1 {
            let sequence = report.header.sequence;
            return Err(format!("P5: report {sequence} follows {}", kept.len()));
        }
        kept.push(hash(report));
    }
    Ok(())
}

/// What a strategy sees of a report. The flags are the gate's own.
pub(crate) fn hash(report: &Frame) -> u64 {
    let mut frame = *report;
    frame.header.flags = 0;
    let hash = blake3::hash(frame.bytes());
    u64::from_le_bytes(hash.as_bytes()[..8].try_into().unwrap())
}
