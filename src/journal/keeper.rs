//! Keeper: all that the journal asks of the system, on a cold thread.
//!
//! In:   the sequence and position that the risk thread publishes.
//! Out:  prepared segments; the durable sequence; the latch for a disk that failed.
//! Owns: the directory's lock, the mappings until they are synced, the durable mark.
//!
//! A full disk is a state: it tries again after a while, and until then the writer lives on what is
//! allocated. Any other error latches: a kernel that failed to sync has forgotten which pages it
//! lost, so a second sync that succeeds proves nothing.
//!
//! Pages are kept writable ahead of the writer because the kernel takes that away when it writes
//! them back. [`Policy::Process`] therefore syncs whole pages behind the writer, and the page that
//! it stands in only when it stands still; [`Policy::Sync`] cannot choose. While nothing is written,
//! only the pages that the next records need are looked after at each interval, those far ahead every
//! few seconds: a keeper at rest should cost next to nothing.

use crate::journal::error::JournalError;
use crate::journal::format::Identity;
use crate::journal::mark::MarkFile;
use crate::journal::reader::{Reader, Tail};
use crate::journal::segment::{self, Storage};
use crate::journal::writer::{Position, Shared, Spare};
use crate::journal::{Policy, Settings};
use crate::sys::failpoint;
use crate::sys::file::DirectoryLock;
use crate::sys::memory::{MappedSegment, PAGE_SIZE, Pages};
use crate::units::Nanos;
use crossbeam::queue::ArrayQueue;
use std::cmp::Ordering::{Equal, Greater, Less};
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The journal's cold stage.
pub struct Keeper {
    settings: Settings,
    journal_id: u128,
    storage: Box<dyn Storage>,
    _lock: DirectoryLock,
    mark: MarkFile,
    /// Ascending: segments not yet synced to their end, the current one, spares.
    segments: VecDeque<Tended>,
    spares: Arc<ArrayQueue<Spare>>,
    shared: Arc<Shared>,
    /// What the next sync makes durable once the writer has left its page.
    candidate: Snapshot,
    /// What was published when the last interval ended.
    seen_sequence: u64,
    sync_at: Nanos,
    /// Where the writer stood when pages were last faulted in anew.
    renewed: Position,
    /// At rest, those far ahead are left alone until then.
    renew_at: Nanos,
    retry_at: Nanos,
    failure: Option<JournalError>,
}

/// A segment in the keeper's care.
struct Tended {
    number: u32,
    path: PathBuf,
    pages: Pages,
    /// Bytes before this are on the disk; a whole page.
    synced: usize,
    /// Bytes before this have been faulted in.
    faulted: usize,
}

impl Tended {
    /// Where the writer's next records go; `None` where it has left the segment.
    fn offset_ahead(&self, position: Position) -> Option<usize> {
        match self.number.cmp(&position.segment) {
            Less => None,
            Equal => Some(position.offset as usize),
            Greater => Some(0),
        }
    }
}

/// A record and where it ends, or a place behind that.
#[derive(Clone, Copy)]
struct Snapshot {
    sequence: u64,
    position: Position,
}

impl Keeper {
    pub(crate) fn new(
        settings: Settings,
        storage: Box<dyn Storage>,
        lock: DirectoryLock,
        mark: MarkFile,
        spares: Arc<ArrayQueue<Spare>>,
        shared: Arc<Shared>,
    ) -> Self {
        let candidate = Snapshot {
            sequence: shared.sequence(),
            position: shared.position(),
        };
        Self {
            journal_id: mark.last().journal_id(),
            settings,
            storage,
            _lock: lock,
            mark,
            segments: VecDeque::new(),
            spares,
            shared,
            seen_sequence: candidate.sequence,
            renewed: candidate.position,
            candidate,
            sync_at: Nanos::ZERO,
            renew_at: Nanos::ZERO,
            retry_at: Nanos::ZERO,
            failure: None,
        }
    }

    /// Does what is due and returns how many things that were. May block on the disk.
    pub fn poll(&mut self, now: Nanos) -> usize {
        if self.failure.is_some() {
            return 0;
        }
        let result = self.work(now);
        result.unwrap_or_else(|error| self.fail(error))
    }

    /// Syncs everything that is published, at the end of a run. False where the disk has failed.
    pub fn flush(&mut self) -> bool {
        if self.failure.is_some() {
            return false;
        }
        let target = self.snapshot();
        let result = self.sync_to(target, target.position.offset as usize);
        match result.and_then(|()| self.mark.sync(&mut *self.storage)) {
            Ok(()) => true,
            Err(error) => {
                self.fail(error);
                false
            }
        }
    }

    /// A reader behind this journal's writer, from the first record.
    pub fn tail(&self) -> Result<Tail, JournalError> {
        Ok(Tail::new(
            Reader::open(&self.settings.directory)?,
            Arc::clone(&self.shared),
        ))
    }

    /// Every record up to this one is on the disk.
    pub fn durable_sequence(&self) -> u64 {
        self.shared.kept.durable_sequence.load(Ordering::Acquire)
    }

    /// The last record that is written.
    pub fn sequence(&self) -> u64 {
        self.shared.sequence()
    }

    /// True while the next segment cannot be had for want of space.
    pub fn is_disk_full(&self) -> bool {
        self.shared.kept.is_disk_full.load(Ordering::Relaxed)
    }

    /// What the disk failed with, if it was the disk.
    pub const fn failure(&self) -> Option<&JournalError> {
        self.failure.as_ref()
    }

    fn work(&mut self, now: Nanos) -> Result<usize, JournalError> {
        let is_due = self.sync_at <= now;
        let mut count = match is_due {
            true => self.fault_anew(now)?,
            false => self.fault_ahead()?,
        };
        count += self.prepare(now)?;
        count += match self.settings.policy {
            Policy::Sync => self.sync_new()?,
            Policy::Process if is_due => self.sync_behind()?,
            Policy::Process => 0,
        };
        if is_due {
            self.sync_at = now.after(self.settings.sync_interval);
        }
        Ok(count)
    }

    /// Keeps the queue of spares full, one more for each call.
    pub(crate) fn prepare(&mut self, now: Nanos) -> Result<usize, JournalError> {
        // A reserve that was spent stays spent; what was written with it is still synced.
        let has_failed = self.shared.kept.is_failed.load(Ordering::Acquire);
        if has_failed || now < self.retry_at || self.spares.is_full() {
            return Ok(0);
        }
        let Some(number) = self
            .segments
            .back()
            .and_then(|last| last.number.checked_add(1))
        else {
            return Ok(0);
        };
        failpoint::reach("before_prepare");
        let made = segment::create(&mut *self.storage, &self.settings, self.journal_id, number);
        failpoint::reach("after_prepare");
        let segment = match made {
            Ok(segment) => segment,
            Err(error) if error.is_transient() => {
                let is_disk_full = &self.shared.kept.is_disk_full;
                is_disk_full.store(true, Ordering::Relaxed);
                self.retry_at = now.after(self.settings.retry_interval);
                return Ok(0);
            }
            Err(error) => return Err(error),
        };
        let is_disk_full = &self.shared.kept.is_disk_full;
        is_disk_full.store(false, Ordering::Relaxed);
        let settings = &self.settings;
        let identity = Identity::new(
            self.journal_id,
            number,
            settings.segment_size,
            settings.core_version,
        );
        let spare = self.tend(segment, &identity, 0)?;
        assert!(
            self.spares.push(spare).is_ok(),
            "the queue holds all spares"
        );
        // After the push: the writer pops only what this tells of.
        self.shared
            .kept
            .spare_number
            .store(number, Ordering::Release);
        Ok(1)
    }

    /// Takes a segment into care, its first pages faulted in from `offset` on.
    pub(crate) fn tend(
        &mut self,
        mut segment: MappedSegment,
        identity: &Identity,
        offset: usize,
    ) -> Result<Spare, JournalError> {
        let path = segment::path_of(&self.settings.directory, identity.number);
        let mut tended = Tended {
            number: identity.number,
            path,
            pages: segment.pages(),
            synced: offset / PAGE_SIZE * PAGE_SIZE,
            faulted: offset / PAGE_SIZE * PAGE_SIZE,
        };
        let end = offset + self.settings.fault_ahead_size as usize;
        if !populate(&mut tended, end)? {
            // No other thread has it yet, so its pages may be written to.
            segment.touch();
        }
        self.segments.push_back(tended);
        Ok(Spare {
            segment,
            number: identity.number,
            seed: identity.seed(),
            offset_max: identity.record_offset_max() as usize,
        })
    }

    /// Keeps pages ahead of the writer writable that have not been before.
    fn fault_ahead(&mut self) -> Result<usize, JournalError> {
        let position = self.shared.position();
        let size = self.settings.fault_ahead_size as usize;
        let mut count = 0;
        for tended in &mut self.segments {
            let Some(offset) = tended.offset_ahead(position) else {
                continue;
            };
            tended.faulted = tended.faulted.max(offset / PAGE_SIZE * PAGE_SIZE);
            // In steps, so that a busy writer does not cost a call for each page.
            let is_near = tended.faulted < offset + size - size / 4;
            if is_near && tended.faulted < tended.pages.size() {
                populate(tended, offset + size)?;
                count += 1;
            }
        }
        Ok(count)
    }

    /// The same, and for those that have been: the kernel may have written them back. No work for
    /// which anybody should stay awake.
    fn fault_anew(&mut self, now: Nanos) -> Result<usize, JournalError> {
        let position = self.shared.position();
        let is_at_rest = position == self.renewed && now < self.renew_at;
        self.renewed = position;
        let mut size = self.settings.fault_ahead_size as usize;
        if is_at_rest {
            size = size.min(NEAR_SIZE);
        } else {
            self.renew_at = now.after(REST_INTERVAL);
        }
        for tended in &mut self.segments {
            let Some(offset) = tended.offset_ahead(position) else {
                continue;
            };
            let faulted = tended.faulted;
            tended.faulted = offset / PAGE_SIZE * PAGE_SIZE;
            populate(tended, offset + size)?;
            tended.faulted = tended.faulted.max(faulted);
        }
        Ok(0)
    }

    /// Makes everything durable that is published, as one group.
    fn sync_new(&mut self) -> Result<usize, JournalError> {
        let target = self.snapshot();
        if target.sequence <= self.durable_sequence() {
            return Ok(0);
        }
        self.sync_to(target, target.position.offset as usize)?;
        Ok(1)
    }

    /// Makes durable what lies in whole pages behind the writer, and all once it stands still.
    fn sync_behind(&mut self) -> Result<usize, JournalError> {
        let now = self.snapshot();
        let is_at_rest = now.sequence == self.seen_sequence;
        self.seen_sequence = now.sequence;
        if now.sequence <= self.durable_sequence() {
            self.candidate = now;
            return Ok(0);
        }
        let Snapshot { sequence, position } = self.candidate;
        let page = now.position.offset as usize / PAGE_SIZE * PAGE_SIZE;
        if is_at_rest {
            self.sync_to(now, now.position.offset as usize)?;
        } else if position.segment < now.position.segment {
            self.sync_to(self.candidate, position.offset as usize)?;
        } else if self.durable_sequence() < sequence && position.offset as usize <= page {
            self.sync_to(self.candidate, page)?;
        } else if self.durable_sequence() < sequence {
            // The writer is still in the candidate's page.
            return Ok(0);
        }
        self.candidate = now;
        Ok(1)
    }

    /// Syncs all segments up to the target's, and that one up to `end`; then says so.
    fn sync_to(&mut self, target: Snapshot, end: usize) -> Result<(), JournalError> {
        let current = self.shared.position().segment;
        while let Some(tended) = self.segments.front_mut() {
            let is_last = tended.number == target.position.segment;
            let end = if is_last { end } else { tended.pages.size() };
            let range = tended.synced..end.next_multiple_of(PAGE_SIZE);
            self.storage
                .sync_pages(&tended.pages, range)
                .map_err(|error| JournalError::io(&tended.path, &error))?;
            tended.synced = end / PAGE_SIZE * PAGE_SIZE;
            if is_last {
                break;
            }
            // The writer has left it before it published the target; this was the last mapping.
            self.segments.pop_front();
            self.mark.sync(&mut *self.storage)?;
        }
        if target.position.segment == current {
            self.refault()?;
        }
        failpoint::reach("before_mark");
        self.mark.write(target.sequence, target.position.segment)?;
        failpoint::reach("after_mark");
        self.shared
            .kept
            .durable_sequence
            .store(target.sequence, Ordering::Release);
        Ok(())
    }

    /// Syncing may have made the writer's page read-only again.
    fn refault(&mut self) -> Result<(), JournalError> {
        let position = self.shared.position();
        let Some(tended) = self.segments.front_mut() else {
            return Ok(());
        };
        if tended.number != position.segment {
            return Ok(());
        }
        let end = (position.offset as usize + 1).next_multiple_of(PAGE_SIZE);
        match tended.pages.populate(tended.synced..end) {
            Err(error) if !is_unsupported(&error) => Err(JournalError::io(&tended.path, &error)),
            _ => Ok(()),
        }
    }

    fn snapshot(&self) -> Snapshot {
        // In this order: the position is not before the end of the record.
        let sequence = self.shared.sequence();
        Snapshot {
            sequence,
            position: self.shared.position(),
        }
    }

    /// Latches. Nothing is written from here on.
    #[cold]
    fn fail(&mut self, error: JournalError) -> usize {
        self.shared.kept.is_failed.store(true, Ordering::Release);
        self.failure = Some(error);
        1
    }
}

impl std::fmt::Debug for Keeper {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Keeper")
            .field("directory", &self.settings.directory)
            .field("failure", &self.failure)
            .finish_non_exhaustive()
    }
}

/// Faults in from where it was left to `end`. False where the kernel is too old for it.
fn populate(tended: &mut Tended, end: usize) -> Result<bool, JournalError> {
    let end = end.next_multiple_of(PAGE_SIZE).min(tended.pages.size());
    let result = tended.pages.populate(tended.faulted..end);
    tended.faulted = end;
    match result {
        Ok(()) => Ok(true),
        Err(error) if is_unsupported(&error) => Ok(false),
        Err(error) => Err(JournalError::io(&tended.path, &error)),
    }
}

/// Room for more records than come before the keeper looks again at what the writer does.
const NEAR_SIZE: usize = 256 << 10;
/// How often a keeper at rest looks after all the pages ahead: as often as the kernel looks for pages
/// to write back.
const REST_INTERVAL: Nanos = Nanos::from_secs(5);

fn is_unsupported(error: &io::Error) -> bool {
    error.kind() == ErrorKind::InvalidInput
}
