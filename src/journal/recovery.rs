//! Recovery: from whatever a crash left to a journal that can be continued, or a refusal.
//!
//! All records are read and checked. Where they end before the durable mark, something that was on
//! the disk is gone: refused, with the place, and nothing is written. Where they end behind it, they
//! stand, and what follows them is set aside in files of its own; those files stay until somebody
//! takes them away, and as long as there are any, what they hold has not been reconciled. A journal
//! that has lost its mark is no prefix that anybody vouches for: a file of the same kind says so.
//!
//! A crash during recovery is a crash like any other: each step leaves a journal that recovers to the
//! same records.

use crate::journal::error::{JournalError, Problem};
use crate::journal::format::{
    LINE_SIZE, Line, RECORD_SIZE_MAX, RECORDS_OFFSET, START_OFFSET, record_checksum,
};
use crate::journal::keeper::Keeper;
use crate::journal::mark::{self, Mark, MarkFile};
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
    /// Up to which record all was durable when the mark was written last; `None` where there is no
    /// mark, so that nobody knows.
    pub durable_sequence: Option<u64>,
    /// Where the last record ends.
    pub end: Position,
    /// Where bytes stand behind it that recovery sets aside, if there are such.
    pub invalid: Option<Position>,
    /// What recovery has set aside and nobody has taken away.
    pub set_aside: Vec<PathBuf>,
    /// Where the next record should stand.
    next: Position,
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
    Survey::begin(directory)?.finish()
}

/// A journal that is read from its first record to its end, by somebody who writes nothing.
#[derive(Debug)]
pub struct Survey {
    directory: PathBuf,
    reader: Reader,
    /// Read before the records, so that a live journal has them all.
    marked: Result<Option<Mark>, JournalError>,
}

impl Survey {
    /// Before the first record.
    pub fn begin(directory: &Path) -> Result<Self, JournalError> {
        let marked = mark::read(directory);
        Ok(Self {
            directory: directory.to_owned(),
            reader: Reader::open(directory)?,
            marked,
        })
    }

    /// The records; whoever wants none leaves them to [`Self::finish`].
    pub const fn records(&mut self) -> &mut Reader {
        &mut self.reader
    }

    /// Reads on to the last record and says what is behind it, and whether all is there that was
    /// durable.
    pub fn finish(mut self) -> Result<Verified, JournalError> {
        let mark = self.marked?;
        let verified = survey(&self.directory, &mut self.reader)?;
        check_mark(&self.directory, &verified, mark)?;
        Ok(Verified {
            durable_sequence: mark.map(|mark| mark.sequence),
            ..verified
        })
    }
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
        // The mark first: from here on a journal without one has lost it.
        drop(MarkFile::open(&directory, journal_id)?);
        segment::create(&mut *storage, &settings, journal_id, 1)?;
    }
    let mut reader = Reader::open(&directory)?;
    let (found, expected) = (reader.core_version(), settings.core_version);
    if found != expected {
        let problem = Problem::WrongCore { found, expected };
        return Err(JournalError::new(&directory, problem));
    }
    let verified = survey(&directory, &mut reader)?;
    let journal_id = verified.journal_id;
    check_mark(&directory, &verified, marked)?;
    drop(reader);
    remove_all(&listing.drafts)?;
    failpoint::reach("before_set_aside");
    let is_lost = marked.is_none() && !listing.segments.is_empty();
    if is_lost && !listing.set_aside.iter().any(|it| is_of_mark(it)) {
        tell_lost_mark(&directory).map_err(io)?;
    }
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
    let segment_count = listing.segments.len();
    let mut invalid = None;
    for _ in 0..LOOKS_MAX {
        while reader.next()?.is_some() {}
        let end = reader.position();
        invalid = None;
        for number in end.segment..=segment_count as u32 {
            let offset = rest_offset(end, number);
            if let Rest::Invalid { .. } = rest(directory, end, number)? {
                let segment = number;
                invalid = Some(Position { segment, offset });
                break;
            }
        }
        // What a writer has put there since is no rest.
        if invalid.is_none() || (reader.next()?.is_none() && reader.position() == end) {
            break;
        }
        invalid = None;
    }
    Ok(Verified {
        journal_id,
        segment_count,
        sequence: reader.sequence(),
        durable_sequence: None,
        end: reader.position(),
        invalid,
        set_aside: listing.set_aside,
        next: reader.invalid().unwrap_or(reader.position()),
    })
}

/// What was durable must still be there.
fn check_mark(
    directory: &Path,
    verified: &Verified,
    mark: Option<Mark>,
) -> Result<(), JournalError> {
    let Some(mark) = mark else {
        return Ok(());
    };
    let (expected, found) = (verified.journal_id, mark.journal_id());
    if expected != found {
        let problem = Problem::ForeignJournal { expected, found };
        return Err(JournalError::new(&directory.join(mark::MARK_NAME), problem));
    }
    if mark.sequence <= verified.sequence {
        return Ok(());
    }
    let Position { segment, offset } = verified.next;
    let problem = Problem::Damaged {
        offset,
        sequence: verified.sequence + 1,
        durable_sequence: mark.sequence,
    };
    Err(JournalError::new(
        &segment::path_of(directory, segment),
        problem,
    ))
}

/// What a segment holds behind the last record of the journal.
enum Rest {
    /// Zeros.
    Nothing,
    /// What was being written when the process ended. Nothing that follows from it has left.
    Uncommitted {
        /// Where its last byte stands.
        last: u64,
    },
    /// What no end of the process leaves behind.
    Invalid {
        /// Where its last byte stands.
        last: u64,
    },
}

/// Where a segment's rest begins, in the last one with records and in those behind it.
const fn rest_offset(end: Position, number: u32) -> u64 {
    match number == end.segment {
        true => end.offset,
        false => START_OFFSET as u64,
    }
}

/// Looks at every byte of a segment behind the last record. Verifying and recovering both ask this.
fn rest(directory: &Path, end: Position, number: u32) -> Result<Rest, JournalError> {
    let path = segment::path_of(directory, number);
    let io = |error: io::Error| JournalError::io(&path, &error);
    let file = file::open_read(&path).map_err(io)?;
    let offset = rest_offset(end, number);
    let Some(last) = file::last_nonzero(&file, offset).map_err(io)? else {
        return Ok(Rest::Nothing);
    };
    let identity = segment::read_identity(&path, &file, number, None)?;
    let is_here = number == end.segment;
    let is_uncommitted =
        is_here && is_uncommitted(&file, identity.seed(), offset, last).map_err(io)?;
    Ok(match is_uncommitted {
        true => Rest::Uncommitted { last },
        false => Rest::Invalid { last },
    })
}

/// True for the beginning of one record whose first word, stored last, is not there, and nothing
/// behind it that was a record.
fn is_uncommitted(file: &File, seed: u32, offset: u64, last: u64) -> io::Result<bool> {
    if (RECORD_SIZE_MAX as u64) <= last - offset {
        return Ok(false);
    }
    let mut bytes = vec![0; 2 * RECORD_SIZE_MAX];
    let size = file::read_at(file, &mut bytes, offset)?;
    let bytes = &bytes[..size];
    if bytes.len() < 8 || bytes[..8] != [0; 8] {
        return Ok(false);
    }
    let is_record = |at: usize| {
        let (line, frames) = bytes[at..].split_at_checked(LINE_SIZE)?;
        let line: Line = bytemuck::pod_read_unaligned(line);
        let frames = frames.get(..line.record_size() - LINE_SIZE)?;
        Some(line.sequence != 0 && line.crc == record_checksum(seed, &line, frames))
    };
    let mut lines = (LINE_SIZE..=(last - offset) as usize).step_by(LINE_SIZE);
    Ok(!lines.any(|at| is_record(at) == Some(true)))
}

/// Leaves nothing behind the last record but zeros. What was there is kept in files of its own.
fn set_aside(directory: &Path, verified: &Verified) -> Result<(), JournalError> {
    let end = verified.end;
    // From the highest down: a crash in between leaves no gap in the numbers.
    for number in (end.segment..=verified.segment_count as u32).rev() {
        let path = segment::path_of(directory, number);
        let rest = rest(directory, end, number)?;
        match number == end.segment {
            true => clear_tail(directory, &path, end.offset, &rest),
            false => clear_segment(directory, &path, &rest),
        }
        .map_err(|error| JournalError::io(&path, &error))?;
    }
    Ok(())
}

/// A segment behind the last record: prepared and never used, or not connected to what stands.
fn clear_segment(directory: &Path, path: &Path, rest: &Rest) -> io::Result<()> {
    if let Rest::Nothing | Rest::Uncommitted { .. } = rest {
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

fn clear_tail(directory: &Path, path: &Path, offset: u64, rest: &Rest) -> io::Result<()> {
    let (last, is_kept) = match *rest {
        Rest::Nothing => return Ok(()),
        Rest::Uncommitted { last } => (last, false),
        Rest::Invalid { last } => (last, true),
    };
    let file = file::open_write(path)?;
    if is_kept {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let name = format!("{name}.byte-{offset:010}");
        put_aside(directory, &name, |copy| {
            file::copy_range(&file, copy, offset, last + 1)
        })?;
    }
    file::zero_range(&file, offset, last + 1)?;
    file::sync_data(&file)
}

/// A file that is under its name only once it is whole.
fn put_aside(
    directory: &Path,
    name: &str,
    fill: impl FnOnce(&File) -> io::Result<()>,
) -> io::Result<()> {
    let target = free_name(directory, name)?;
    let draft = directory.join("set-aside.preparing");
    file::remove(&draft)?;
    let copy: File = file::create(&draft)?;
    fill(&copy)?;
    file::sync_data(&copy)?;
    file::rename(&draft, &target)?;
    file::sync_directory(directory)
}

/// Outlives this start, and any that is killed before the loss stands in the journal.
fn tell_lost_mark(directory: &Path) -> io::Result<()> {
    put_aside(directory, mark::MARK_NAME, |file| {
        file::write_at(file, format!("{LOST_MARK}\n").as_bytes(), 0)
    })
}

/// True for the file that tells of a lost mark, rather than one that holds records.
pub fn is_of_mark(set_aside: &Path) -> bool {
    let name = set_aside.file_name().and_then(|name| name.to_str());
    let name = name.and_then(|name| name.strip_prefix(mark::MARK_NAME));
    name.is_some_and(|rest| rest.starts_with('.') && rest.ends_with(SET_ASIDE))
}

/// What a file that was set aside tells, and what is to be done about it.
pub fn remedy(set_aside: &Path) -> &'static str {
    match is_of_mark(set_aside) {
        true => LOST_MARK,
        false => SET_ASIDE_RECORDS,
    }
}

const LOST_MARK: &str = "the journal had no file `durable`, so records may be missing at its end: \
    the firm is killed until orders and positions are reconciled with the brokers; then remove this \
    file and raise the firm";
const SET_ASIDE_RECORDS: &str = "records were set aside: the firm is killed until they are reconciled; \
    then remove this file and raise the firm";

/// A live journal is looked at so often before what is written behind its end counts as its writer's.
const LOOKS_MAX: usize = 8;

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
