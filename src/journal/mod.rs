//! Journal: every event and its decision, in order, on disk, before anything follows from it.
//!
//! In:   the risk thread's [`writer::Writer`], called directly.
//! Out:  segment files; their readers: recovery, followers, `journal dump`, `replay`.
//! Owns: the journal's directory, locked against other processes.
//!
//! The risk thread stores each record in a mapped file, a plain copy in memory: what was stored
//! survives `kill -9` at any instant. The [`keeper::Keeper`] does all else on a cold thread: it
//! allocates and maps the next segment, faults pages in ahead of the writer, syncs, and remembers
//! how far all is durable. The two meet in a few atomics and a queue of prepared segments.
//!
//! Invariants:
//! - Sequences rise by one from 1, over all segments and runs.
//! - A record that is published is complete and never changes.
//! - What is told as durable was synced without an error before.
//! - After an error of the disk nothing is written to it again: the state is latched.
//! - Recovery gives a prefix of what was written, never less than was durable, or refuses.
//!
//! A segment that another program cuts short kills the process by SIGBUS; blocks are allocated
//! before they are mapped, so a full disk does not. No segment is ever removed here.

pub mod error;
pub mod format;
pub mod keeper;
pub mod mark;
pub mod opening;
pub mod reader;
pub mod recovery;
pub mod segment;
pub mod writer;

use crate::journal::error::{JournalError, Problem};
use crate::journal::format::{RECORD_SIZE_MAX, RECORDS_OFFSET};
use crate::units::Nanos;
use std::path::PathBuf;

/// When records become durable beyond the process.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Policy {
    /// In the background, every interval: a power cut may lose what came since.
    Process,
    /// As soon as there are any, in groups; whoever waits looks at the durable sequence.
    Sync,
}

/// What the journal has room for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Room {
    /// Everything.
    Open,
    /// Only the reserve is left: cancels, reports and kills. New orders must be refused.
    Full,
    /// Nothing: the reserve is spent or the disk failed. Never changes back.
    Failed,
}

/// How a journal is kept.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where its files are.
    pub directory: PathBuf,
    /// The id that a new journal gets: random. One that exists keeps its own.
    pub journal_id: u128,
    /// The version of the risk core, told in each segment.
    pub core_version: u32,
    /// The size of new segments in bytes.
    pub segment_size: u64,
    /// How much of a segment is kept for what must pass when there is no next one, in bytes.
    pub reserve_size: u64,
    /// How far ahead of the writer pages are faulted in, in bytes.
    pub fault_ahead_size: u64,
    /// How many segments stand prepared behind the current one.
    pub spare_count: usize,
    /// When records become durable.
    pub policy: Policy,
    /// How often [`Policy::Process`] syncs, and pages ahead are faulted in anew.
    pub sync_interval: Nanos,
    /// How long the keeper waits on a full disk before it tries again.
    pub retry_interval: Nanos,
}

impl Settings {
    /// The defaults: segments of 64 MiB, a reserve of 8, one spare.
    pub fn new(directory: impl Into<PathBuf>, journal_id: u128, core_version: u32) -> Self {
        Self {
            directory: directory.into(),
            journal_id,
            core_version,
            segment_size: 64 << 20,
            reserve_size: 8 << 20,
            fault_ahead_size: 4 << 20,
            spare_count: 1,
            policy: Policy::Process,
            sync_interval: Nanos::from_millis(200),
            retry_interval: Nanos::from_secs(1),
        }
    }

    fn check(&self) -> Result<(), JournalError> {
        let min = segment_size_min(self.reserve_size);
        let is_whole = self
            .segment_size
            .is_multiple_of(crate::sys::memory::PAGE_SIZE as u64);
        if self.segment_size < min || SIZE_MAX < self.segment_size || !is_whole {
            let problem = Problem::SizeInvalid {
                found: self.segment_size,
                min,
                max: SIZE_MAX,
            };
            return Err(JournalError::new(&self.directory, problem));
        }
        Ok(())
    }
}

/// The smallest segment holds a record of the largest size, another behind which the whole reserve is
/// left, and the end in which none begins.
pub fn segment_size_min(reserve_size: u64) -> u64 {
    (RECORDS_OFFSET + 3 * RECORD_SIZE_MAX) as u64 + reserve_size.min(SIZE_MAX)
}

/// A segment's offsets count lines in 32 bits; this is far below.
const SIZE_MAX: u64 = 64 << 30;
