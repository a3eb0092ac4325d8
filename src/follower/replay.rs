//! Replay: a whole journal, decided again and compared.

use crate::follower::replica::{Difference, Replica};
use crate::journal::error::JournalError;
use crate::journal::reader::{Reader, Record, Tail};
use crate::topology::rebuild::RebuildError;
use serde_json::{Value, json};
use std::fmt;
use std::path::Path;

/// Where records come from, in order.
pub trait Records {
    /// The next one, which borrows from its source.
    fn next_record(&mut self) -> Result<Option<Record<'_>>, JournalError>;
}

/// What a replay found.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Report {
    /// Records read.
    pub records: u64,
    /// Events decided again.
    pub decisions: u64,
    /// Runs that the journal has: how often the gateway was started.
    pub runs: u64,
    /// Records with another decision, digest or checkpoint.
    pub difference_count: u64,
    /// The first of them.
    pub differences: Vec<Difference>,
    /// Of the state at the end.
    pub state_hash: u64,
    /// Of all that has happened.
    pub digest: u64,
}

/// Decides every record again, each run under its own configuration. `journal` stands in errors;
/// `differences_max`: how many are kept.
pub fn run(
    records: &mut impl Records,
    journal: &Path,
    differences_max: usize,
) -> Result<Report, RebuildError> {
    let mut replica = Replica::new(journal);
    let mut report = Report::default();
    while let Some(record) = records.next_record()? {
        let (_, difference) = replica.apply(&record)?;
        report.take(difference, differences_max);
    }
    report.finish(&replica);
    Ok(report)
}

impl Report {
    /// For machines.
    pub fn to_json(&self) -> Value {
        let differences: Vec<_> = self.differences.iter().map(ToString::to_string).collect();
        json!({
            "records": self.records,
            "runs": self.runs,
            "decisions": self.decisions,
            "differences": self.difference_count,
            "first_differences": differences,
            "digest": format!("{:016x}", self.digest),
            "state_hash": format!("{:016x}", self.state_hash),
        })
    }

    pub(super) fn take(&mut self, difference: Option<Difference>, differences_max: usize) {
        self.records += 1;
        if let Some(difference) = difference
            && self.differences.len() < differences_max
        {
            self.differences.push(difference);
        }
    }

    pub(super) fn finish(&mut self, replica: &Replica) {
        self.decisions = replica.event_count();
        self.runs = replica.run_count();
        self.difference_count = replica.difference_count();
        if let Some(core) = replica.core() {
            self.state_hash = core.state_hash();
            self.digest = core.digest();
        }
    }
}

impl Records for Reader {
    fn next_record(&mut self) -> Result<Option<Record<'_>>, JournalError> {
        self.next()
    }
}

impl Records for Tail {
    fn next_record(&mut self) -> Result<Option<Record<'_>>, JournalError> {
        self.next()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            out,
            "{} records of {} runs, {} decisions, {} differences",
            self.records, self.runs, self.decisions, self.difference_count
        )?;
        for difference in &self.differences {
            writeln!(out, "  {difference}")?;
        }
        let more = self.difference_count - self.differences.len() as u64;
        if more != 0 {
            writeln!(out, "  and {more} more")?;
        }
        writeln!(
            out,
            "state {:016x}, digest {:016x}",
            self.state_hash, self.digest
        )
    }
}
