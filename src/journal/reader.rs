//! Reader: records in order, from files, while a writer writes them or long after.
//!
//! Reads through a buffer of fixed size and maps nothing, so no file can grow its memory or kill it.
//! Takes no lock and never writes: `journal dump`, `verify` and `replay` use it on a live journal.
//! Every check value is checked; reading stops at the first record that is not whole and says where.

use crate::journal::error::{JournalError, Problem};
use crate::journal::format::{
    Identity, LINE_SIZE, Line, RECORD_SIZE_MAX, RECORDS_OFFSET, START_OFFSET, Start,
    record_checksum,
};
use crate::journal::segment;
use crate::journal::writer::{Position, Shared};
use crate::message::Frame;
use crate::sys::file;
use bytemuck::{Pod, Zeroable};
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// One record, in the reader's buffer.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Counts from 1.
    pub sequence: u64,
    /// The decision.
    pub line: &'a Line,
    /// The event: a head and its continuations.
    pub frames: &'a [Frame],
    /// Where it stands.
    pub position: Position,
}

/// Reads a journal from its beginning.
#[derive(Debug)]
pub struct Reader {
    directory: PathBuf,
    journal_id: Option<u128>,
    core_version: u32,
    segment: Option<Segment>,
    buffer: Vec<Block>,
    /// The offset in the file at which the buffer begins.
    buffer_offset: u64,
    /// How many bytes of the buffer are of the file.
    buffer_size: usize,
    /// Where the next record begins.
    offset: u64,
    sequence: u64,
    /// Bytes at and behind this place are not looked at.
    bound: Option<Position>,
    invalid: Option<Position>,
}

#[derive(Debug)]
struct Segment {
    file: File,
    path: PathBuf,
    identity: Identity,
    seed: u32,
}

/// What stands at an offset.
enum Found {
    /// A record of so many bytes.
    Whole(usize),
    /// Zeros, or the end of the file.
    Nothing,
    /// Bytes that are not a record.
    Invalid,
}

/// What became of the next segment.
enum Next {
    Entered,
    NotEntered,
    Invalid,
}

/// Memory as aligned as frames are.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(64))]
struct Block([u64; LINE_SIZE / 8]);

impl std::fmt::Debug for Block {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Block")
    }
}

impl Reader {
    /// Opens the journal of a directory at its first record.
    pub fn open(directory: &Path) -> Result<Self, JournalError> {
        let listing = segment::list(directory)?;
        if listing.segments.is_empty() {
            return Err(JournalError::new(directory, Problem::Absent));
        }
        let mut reader = Self {
            directory: directory.to_owned(),
            journal_id: None,
            core_version: 0,
            segment: None,
            buffer: vec![Block::zeroed(); BUFFER_SIZE / LINE_SIZE],
            buffer_offset: 0,
            buffer_size: 0,
            offset: 0,
            sequence: 0,
            bound: None,
            invalid: None,
        };
        match reader.open_segment(1)? {
            Some(first) => {
                reader.journal_id = Some(first.identity.journal_id());
                reader.core_version = first.identity.core_version;
            }
            None => {
                let path = segment::path_of(directory, 1);
                return Err(JournalError::new(&path, Problem::Missing));
            }
        }
        Ok(reader)
    }

    /// The next record; `None` where there is none yet, or none that is whole: [`Self::invalid`]
    /// tells which. Ask again when the writer has gone on.
    #[expect(
        clippy::should_implement_trait,
        reason = "a record borrows from the reader"
    )]
    pub fn next(&mut self) -> Result<Option<Record<'_>>, JournalError> {
        let Some(size) = self.advance()? else {
            // What was read ahead may have been written since.
            self.buffer_size = 0;
            return Ok(None);
        };
        let position = self.position();
        let start = (self.offset - self.buffer_offset) as usize / LINE_SIZE;
        self.offset += size as u64;
        self.sequence += 1;
        let (line, frames) = self.buffer[start..start + size / LINE_SIZE].split_at(1);
        Ok(Some(Record {
            sequence: self.sequence,
            line: bytemuck::must_cast_ref(&line[0]),
            frames: bytemuck::cast_slice(frames),
            position,
        }))
    }

    /// The last record that was read.
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The journal's id.
    pub fn journal_id(&self) -> u128 {
        self.journal_id.unwrap_or(0)
    }

    /// The version of the risk core that began the journal; no other may have continued it.
    pub const fn core_version(&self) -> u32 {
        self.core_version
    }

    /// Where the next record is looked for.
    pub fn position(&self) -> Position {
        let segment = self
            .segment
            .as_ref()
            .map_or(1, |segment| segment.identity.number);
        // Before the first record: a segment that was not entered.
        let offset = if self.segment.is_none() {
            START_OFFSET as u64
        } else {
            self.offset
        };
        Position { segment, offset }
    }

    /// Where bytes stand that are not a record and not zero, if reading stopped at such.
    pub const fn invalid(&self) -> Option<Position> {
        self.invalid
    }

    /// The size of the record at `self.offset`, which then is in the buffer.
    fn advance(&mut self) -> Result<Option<usize>, JournalError> {
        self.invalid = None;
        let mut is_fresh = false;
        loop {
            let Some(segment) = &self.segment else {
                match self.enter(1)? {
                    Next::Entered => continue,
                    Next::NotEntered | Next::Invalid => return Ok(None),
                }
            };
            if segment.identity.record_offset_max() < self.offset {
                match self.enter(segment.identity.number + 1)? {
                    Next::Entered => continue,
                    Next::NotEntered | Next::Invalid => return Ok(None),
                }
            }
            match self.look()? {
                Found::Whole(size) => return Ok(Some(size)),
                Found::Nothing => return Ok(None),
                // A live writer may have been in the middle of it: look once more, at the file.
                Found::Invalid if !is_fresh => {
                    is_fresh = true;
                    self.buffer_size = 0;
                }
                Found::Invalid => {
                    self.invalid = Some(self.position());
                    return Ok(None);
                }
            }
        }
    }

    /// What stands at `self.offset`.
    fn look(&mut self) -> Result<Found, JournalError> {
        let available = self.fill(LINE_SIZE)?;
        let start = (self.offset - self.buffer_offset) as usize / LINE_SIZE;
        let segment = self.segment.as_ref().expect("a segment is open");
        let seed = segment.seed;
        if available < LINE_SIZE {
            let bytes = bytemuck::cast_slice::<Block, u8>(&self.buffer[start..]);
            let is_zero = bytes[..available].iter().all(|&byte| byte == 0);
            return Ok(if is_zero {
                Found::Nothing
            } else {
                Found::Invalid
            });
        }
        let line: Line = bytemuck::must_cast(self.buffer[start]);
        if line == Line::zeroed() {
            return Ok(Found::Nothing);
        }
        if line.sequence != self.sequence + 1 {
            return Ok(Found::Invalid);
        }
        let size = line.record_size();
        if self.fill(size)? < size {
            return Ok(Found::Invalid);
        }
        // Filling may have moved it.
        let start = (self.offset - self.buffer_offset) as usize / LINE_SIZE;
        let frames = bytemuck::cast_slice(&self.buffer[start + 1..start + size / LINE_SIZE]);
        let crc = record_checksum(seed, &line, frames);
        Ok(if crc == line.crc {
            Found::Whole(size)
        } else {
            Found::Invalid
        })
    }

    /// Brings `size` bytes at `self.offset` into the buffer; returns how many of them the file has.
    fn fill(&mut self, size: usize) -> Result<usize, JournalError> {
        let buffer_end = self.buffer_offset + self.buffer_size as u64;
        let has = if self.offset < self.buffer_offset {
            0
        } else {
            buffer_end.saturating_sub(self.offset)
        };
        if size as u64 <= has {
            return Ok(size);
        }
        let segment = self.segment.as_ref().expect("a segment is open");
        let bytes = bytemuck::cast_slice_mut::<Block, u8>(&mut self.buffer);
        let wanted = match self.bound {
            Some(bound) if bound.segment == segment.identity.number => {
                let size = bound.offset.saturating_sub(self.offset);
                bytes.len().min(usize::try_from(size).unwrap_or(usize::MAX))
            }
            _ => bytes.len(),
        };
        self.buffer_offset = self.offset;
        self.buffer_size = file::read_at(&segment.file, &mut bytes[..wanted], self.offset)
            .map_err(|error| JournalError::io(&segment.path, &error))?;
        Ok(size.min(self.buffer_size))
    }

    /// Goes on at the beginning of a segment, if the writer has entered it.
    fn enter(&mut self, number: u32) -> Result<Next, JournalError> {
        let Some(segment) = self.open_segment(number)? else {
            return Ok(Next::NotEntered);
        };
        let mut start = Start::zeroed();
        let bytes = bytemuck::bytes_of_mut(&mut start);
        file::read_at(&segment.file, bytes, START_OFFSET as u64)
            .map_err(|error| JournalError::io(&segment.path, &error))?;
        if start.is(segment.seed, self.sequence + 1) {
            self.segment = Some(segment);
            self.offset = RECORDS_OFFSET as u64;
            self.buffer_size = 0;
            return Ok(Next::Entered);
        }
        if start == Start::zeroed() {
            return Ok(Next::NotEntered);
        }
        self.invalid = Some(Position {
            segment: number,
            offset: START_OFFSET as u64,
        });
        Ok(Next::Invalid)
    }

    /// `None` where there is no such file.
    fn open_segment(&self, number: u32) -> Result<Option<Segment>, JournalError> {
        let path = segment::path_of(&self.directory, number);
        let file = match file::open_read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            result => result.map_err(|error| JournalError::io(&path, &error))?,
        };
        let identity = segment::read_identity(&path, &file, number, self.journal_id)?;
        Ok(Some(Segment {
            file,
            path,
            seed: identity.seed(),
            identity,
        }))
    }
}

/// Reads behind a writer of the same process: the follower's end. Never sees half a record.
#[derive(Debug)]
pub struct Tail {
    reader: Reader,
    shared: Arc<Shared>,
}

impl Tail {
    pub(crate) fn new(reader: Reader, shared: Arc<Shared>) -> Self {
        Self { reader, shared }
    }

    /// The next record; `None` once it has caught up, without a system call. Whoever follows
    /// decides how to wait.
    #[expect(
        clippy::should_implement_trait,
        reason = "a record borrows from the reader"
    )]
    pub fn next(&mut self) -> Result<Option<Record<'_>>, JournalError> {
        let published = self.shared.sequence();
        if published <= self.reader.sequence {
            return Ok(None);
        }
        self.reader.bound = Some(self.shared.position());
        let (position, sequence) = (self.reader.position(), self.reader.sequence + 1);
        let path = segment::path_of(&self.reader.directory, position.segment);
        match self.reader.next()? {
            Some(record) => Ok(Some(record)),
            // It is published, so it must be there: somebody else has changed the file.
            None => {
                let offset = position.offset;
                let durable_sequence = published;
                Err(JournalError::new(
                    &path,
                    Problem::Damaged {
                        offset,
                        sequence,
                        durable_sequence,
                    },
                ))
            }
        }
    }

    /// What keeps the writer from going on as it should, for people.
    pub fn trouble(&self) -> Option<&'static str> {
        let kept = &self.shared.kept;
        if kept.is_failed.load(Ordering::Acquire) {
            return Some(
                "the journal cannot be written: only cancels pass, unjournaled, until the gate is \
                 restarted on a sound disk",
            );
        }
        kept.is_disk_full.load(Ordering::Relaxed).then_some(
            "the disk is full: new orders are refused once the journal's segment is used up; free \
             space below journal.directory",
        )
    }

    /// How many records it is behind the writer.
    pub fn lag(&self) -> u64 {
        self.shared.sequence().saturating_sub(self.reader.sequence)
    }

    /// The last record that was read.
    pub const fn sequence(&self) -> u64 {
        self.reader.sequence
    }
}

/// Holds the largest record several times over.
const BUFFER_SIZE: usize = 1 << 18;
const _: () = assert!(4 * RECORD_SIZE_MAX <= BUFFER_SIZE && BUFFER_SIZE.is_multiple_of(LINE_SIZE));
