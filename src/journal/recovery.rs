//! Recovery: from whatever a crash left to a journal that can be continued, or a refusal.
//!
//! All records are read and checked. Where they end before the durable mark, something that was on
//! the disk is gone: refused, with the place, and nothing is written. Where they end behind it, they
//! stand, and what follows them is set aside in files of its own; those files stay until somebody
//! takes them away, and as long as there are any, what they hold has not been reconciled.
//!
//! A crash during recovery is a crash like any other: each step leaves a journal that recovers to the
//! same records.

use crate::journal::error::{JournalError, Problem};
use crate::journal::format::{RECORD_SIZE_MAX, RECORDS_OFFSET, START_OFFSET};
use crate::journal::keeper::Keeper;
use crate::journal::mark::{self, MarkFile};
use crate::journal::reader::Reader;
use crate::journal::segment::{self, SET_ASIDE, Storage};
use crate::journal::writer::{Position, Shared, Spare, Writer};
use crate::journal::{SIZE_MAX, Settings};
use crate::sys::failpoint;
use crate::sys::file::{self, DirectoryLock};
use crate::units::Nanos;
use crossbeam::queue::ArrayQueue;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a journal holds, as read by somebody who writes nothing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Verified {
    /// The journal's id.
    pub journal_id: u128,
    /// How many segments it has, with those prepared.
    pub segment_count: usize,
    /// The last record.
    pub sequence: u64,
    /// Up to which record all was durable when the mark was written last.
    pub durable_sequence: u64,
    /// Where the last record ends.
    pub end: Position,
    /// Where bytes stand that are not a record and not zero, if there are such at the end.
    pub invalid: Option<Position>,
    /// What recovery has set aside and nobody has taken away.
    pub set_aside: Vec<PathBuf>,
}

/// A journal that is locked, whole and ready to be replayed and continued.
pub struct Recovered {
    /// The journal's id.
    pub journal_id: u128,
    /// The last record; zero in a new journal.
    pub sequence: u64,
    /// Files with what could not be kept. Not empty: new risk stays shut until it is reconciled and
    /// they are gone.
    pub set_aside: Vec<PathBuf>,
    end: Position,
    settings: Settings,
    storage: Box<dyn Storage>,
    lock: DirectoryLock,
    mark: MarkFile,
}

/// Reads a journal, alive or not, and checks every byte of every record.
pub fn verify(directory: &Path) -> Result<Verified, JournalError> {
    let durable_sequence = mark::read(directory)?.map_or(0, |mark| mark.sequence);
    let mut reader = Reader::open(directory)?;
    let verified = survey(directory, &mut reader)?;
    check_mark(directory, &verified, durable_sequence)?;
    Ok(Verified {
        durable_sequence,
        ..verified
    })
}

/// Locks a journal and makes it ready, or makes a new one where the directory has none.
pub fn recover(
    settings: Settings,
    mut storage: Box<dyn Storage>,
) -> Result<Recovered, JournalError> {
    settings.check()?;
    let directory = settings.directory.clone();
    let io = |error| JournalError::io(&directory, &error);
    file::create_directory(&directory).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => JournalError::new(&directory, Problem::NotADirectory),
        _ => io(error),
    })?;
    let lock = DirectoryLock::take(&directory).map_err(|error| match error.kind() {
        ErrorKind::WouldBlock => JournalError::new(&directory, Problem::Locked),
        _ => io(error),
    })?;
    let listing = segment::list(&directory)?;
    let marked = mark::read(&directory)?;
    if listing.segments.is_empty() {
        if marked.is_some_and(|mark| mark.sequence != 0) {
            return Err(JournalError::new(
                &segment::path_of(&directory, 1),
                Problem::Missing,
            ));
        }
        let journal_id = marked.map_or(settings.journal_id, |mark| mark.journal_id());
        remove_all(&listing.drafts)?;
        segment::create(&mut *storage, &settings, journal_id, 1)?;
    }
    let mut reader = Reader::open(&directory)?;
    let verified = survey(&directory, &mut reader)?;
    let journal_id = verified.journal_id;
    if let Some(mark) = marked {
        let (expected, found) = (journal_id, mark.journal_id());
        if expected != found {
            let problem = Problem::ForeignJournal { expected, found };
            return Err(JournalError::new(&directory.join(mark::MARK_NAME), problem));
        }
        check_mark(&directory, &verified, mark.sequence)?;
    }
    drop(reader);
    remove_all(&listing.drafts)?;
    failpoint::reach("before_set_aside");
    set_aside(&directory, &verified)?;
    failpoint::reach("after_set_aside");
    lock.sync().map_err(io)?;

    // What a killed process wrote is in the page cache: it counts once it is on the disk.
    let first = marked.map_or(1, |mark| mark.segment.max(1));
    for number in first..=verified.end.segment {
        let path = segment::path_of(&directory, number);
        file::open_write(&path)
            .and_then(|file| storage.sync_file(&file))
            .map_err(|error| JournalError::io(&path, &error))?;
    }
    let mut mark = MarkFile::open(&directory, journal_id)?;
    mark.write(verified.sequence, verified.end.segment)?;
    mark.sync(&mut *storage)?;
    let set_aside = segment::list(&directory)?.set_aside;
    let (sequence, end) = (verified.sequence, verified.end);
    Ok(Recovered {
        journal_id,
        sequence,
        set_aside,
        end,
        settings,
        storage,
        lock,
        mark,
    })
}

impl Recovered {
    /// Every record, from the first.
    pub fn records(&self) -> Result<Reader, JournalError> {
        Reader::open(&self.settings.directory)
    }

    /// Goes on behind the last record. A disk without room for a next segment is no error as long as
    /// the last one has some: then cancels still pass.
    pub fn open(mut self) -> Result<(Writer, Keeper), JournalError> {
        let path = segment::path_of(&self.settings.directory, self.end.segment);
        let file = file::open_read(&path).map_err(|error| JournalError::io(&path, &error))?;
        let identity =
            segment::read_identity(&path, &file, self.end.segment, Some(self.journal_id))?;
        let min = (RECORDS_OFFSET + RECORD_SIZE_MAX) as u64;
        if !(min..=SIZE_MAX).contains(&identity.segment_size) {
            let problem = Problem::SizeInvalid {
                found: identity.segment_size,
                min,
                max: SIZE_MAX,
            };
            return Err(JournalError::new(&path, problem));
        }
        let mapped = segment::open(&mut *self.storage, &path, &identity)?;
        let spares = Arc::new(ArrayQueue::<Spare>::new(self.settings.spare_count.max(1)));
        let shared = Arc::new(Shared::new(self.sequence, self.end, self.end.segment));
        let reserve_size = self.settings.reserve_size;
        let mut keeper = Keeper::new(
            self.settings,
            self.storage,
            self.lock,
            self.mark,
            Arc::clone(&spares),
            Arc::clone(&shared),
        );
        let current = keeper.tend(mapped, &identity, self.end.offset as usize)?;
        keeper.prepare(Nanos::ZERO)?;
        let is_spent = identity.record_offset_max() < self.end.offset;
        if is_spent && keeper.is_disk_full() {
            let problem = Problem::NoSpace {
                wanted: identity.segment_size,
            };
            return Err(JournalError::new(&path, problem));
        }
        let offset = self.end.offset;
        let writer = Writer::new(current, offset, self.sequence, reserve_size, spares, shared);
        Ok((writer, keeper))
    }
}

impl std::fmt::Debug for Recovered {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Recovered")
            .field("sequence", &self.sequence)
            .field("set_aside", &self.set_aside)
            .finish_non_exhaustive()
    }
}

/// Reads everything there is.
fn survey(directory: &Path, reader: &mut Reader) -> Result<Verified, JournalError> {
    let listing = segment::list(directory)?;
    for (number, &found) in (1..).zip(&listing.segments) {
        if found != number {
            let path = segment::path_of(directory, number);
            return Err(JournalError::new(&path, Problem::Missing));
        }
    }
    let journal_id = reader.journal_id();
    for &number in &listing.segments {
        let path = segment::path_of(directory, number);
        let file = file::open_read(&path).map_err(|error| JournalError::io(&path, &error))?;
        segment::read_identity(&path, &file, number, Some(journal_id))?;
    }
    while reader.next()?.is_some() {}
    Ok(Verified {
        journal_id,
        segment_count: listing.segments.len(),
        sequence: reader.sequence(),
        durable_sequence: 0,
        end: reader.position(),
        invalid: reader.invalid(),
        set_aside: listing.set_aside,
    })
}

/// What was durable must still be there.
fn check_mark(
    directory: &Path,
    verified: &Verified,
    durable_sequence: u64,
) -> Result<(), JournalError> {
    if durable_sequence <= verified.sequence {
        return Ok(());
    }
    let Position { segment, offset } = verified.invalid.unwrap_or(verified.end);
    let problem = Problem::Damaged {
        offset,
        sequence: verified.sequence + 1,
        durable_sequence,
    };
    Err(JournalError::new(
        &segment::path_of(directory, segment),
        problem,
    ))
}

/// Leaves nothing behind the last record but zeros. What was there is kept in files of its own.
fn set_aside(directory: &Path, verified: &Verified) -> Result<(), JournalError> {
    // From the highest down: a crash in between leaves no gap in the numbers.
    for number in (verified.end.segment + 1..=verified.segment_count as u32).rev() {
        let path = segment::path_of(directory, number);
        set_aside_segment(directory, &path).map_err(|error| JournalError::io(&path, &error))?;
    }
    let path = segment::path_of(directory, verified.end.segment);
    set_aside_tail(directory, &path, verified.end.offset)
        .map_err(|error| JournalError::io(&path, &error))
}

/// A segment behind the last record: prepared and never used, or not connected to what stands.
fn set_aside_segment(directory: &Path, path: &Path) -> io::Result<()> {
    let is_unused = file::last_nonzero(&file::open_read(path)?, START_OFFSET as u64)?.is_none();
    if is_unused {
        return file::remove(path);
    }
    let name = path
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    file::rename(path, &free_name(directory, &name)?)?;
    file::sync_directory(directory)
}

fn set_aside_tail(directory: &Path, path: &Path, offset: u64) -> io::Result<()> {
    let file = file::open_write(path)?;
    let Some(last) = file::last_nonzero(&file, offset)? else {
        return Ok(());
    };
    if is_uncommitted(&file, offset, last)? {
        file::zero_range(&file, offset, last + 1)?;
        return file::sync_data(&file);
    }
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    // Under its name only once it is whole, and before anything is zeroed.
    let target = free_name(directory, &format!("{name}.byte-{offset:010}"))?;
    let draft = directory.join("set-aside.preparing");
    file::remove(&draft)?;
    let copy: File = file::create(&draft)?;
    file::copy_range(&file, &copy, offset, last + 1)?;
    file::sync_data(&copy)?;
    file::rename(&draft, &target)?;
    file::sync_directory(directory)?;
    file::zero_range(&file, offset, last + 1)?;
    file::sync_data(&file)
}

/// True for the beginning of one record whose first word, stored last, is not there: the process
/// ended within an append, so nothing that follows from that record has left it.
fn is_uncommitted(file: &File, offset: u64, last: u64) -> io::Result<bool> {
    let mut word = [0; 8];
    let size = file::read_at(file, &mut word, offset)?;
    Ok(size == word.len() && word == [0; 8] && last - offset < RECORD_SIZE_MAX as u64)
}

/// Nothing that was set aside before is written over.
fn free_name(directory: &Path, name: &str) -> io::Result<PathBuf> {
    for turn in 1..u32::MAX {
        let path = directory.join(format!("{name}.{turn}{SET_ASIDE}"));
        match file::open_read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(path),
            _ => {}
        }
    }
    Err(ErrorKind::AlreadyExists.into())
}

fn remove_all(paths: &[PathBuf]) -> Result<(), JournalError> {
    paths
        .iter()
        .try_for_each(|path| file::remove(path).map_err(|error| JournalError::io(path, &error)))
}
