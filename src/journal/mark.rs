//! Mark: up to where everything is durable, in a small file beside the segments.
//!
//! It tells a torn tail, which a crash may leave, from damage, which nothing may. Two slots are
//! written in turn, so that one is always whole. It is written after the sync it tells of and may
//! lag behind it: then it promises less, never more. It is there before the first segment is, so a
//! journal without it has lost it: nothing is promised, and recovery says so in a file that shuts new
//! risk. That is how an operator goes on with a journal that is damaged.

use crate::journal::error::{JournalError, Problem};
use crate::journal::format::{checksum, halves, whole};
use crate::journal::segment::Storage;
use crate::sys::file;
use bytemuck::{Pod, Zeroable};
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The name of the file.
pub const MARK_NAME: &str = "durable";

/// What is durable.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct Mark {
    magic: u64,
    journal_id: [u64; 2],
    /// Every record up to this one.
    pub sequence: u64,
    /// Counts the marks, so that the newer slot is known.
    turn: u64,
    /// The segment that holds it.
    pub segment: u32,
    crc: u32,
    reserved: [u64; 2],
}

const _: () = assert!(size_of::<Mark>() == 64);

impl Mark {
    /// Nothing is durable yet.
    pub fn none(journal_id: u128) -> Self {
        let journal_id = halves(journal_id);
        Self {
            magic: MAGIC,
            journal_id,
            sequence: 0,
            turn: 0,
            segment: 0,
            crc: 0,
            reserved: [0; 2],
        }
    }

    /// The journal it is about.
    pub fn journal_id(&self) -> u128 {
        whole(self.journal_id)
    }

    fn checksum(&self) -> u32 {
        checksum(0, bytemuck::bytes_of(&Self { crc: 0, ..*self }))
    }
}

/// Reads the newer slot; `None` without a file.
pub fn read(directory: &Path) -> Result<Option<Mark>, JournalError> {
    let path = directory.join(MARK_NAME);
    let file = match file::open_read(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        result => result.map_err(|error| JournalError::io(&path, &error))?,
    };
    let slot = |offset| -> Result<Option<Mark>, JournalError> {
        let mut mark = Mark::zeroed();
        let count = file::read_at(&file, bytemuck::bytes_of_mut(&mut mark), offset)
            .map_err(|error| JournalError::io(&path, &error))?;
        let is_whole = count == size_of::<Mark>();
        Ok((is_whole && mark.magic == MAGIC && mark.crc == mark.checksum()).then_some(mark))
    };
    let newer = match (slot(SLOT_OFFSETS[0])?, slot(SLOT_OFFSETS[1])?) {
        (Some(even), Some(odd)) if even.turn < odd.turn => Some(odd),
        (even, odd) => even.or(odd),
    };
    match newer {
        Some(mark) if mark.turn <= TURN_MAX => Ok(Some(mark)),
        _ => Err(JournalError::new(&path, Problem::MarkDamaged)),
    }
}

/// The file, open for writing.
#[derive(Debug)]
pub(crate) struct MarkFile {
    path: PathBuf,
    file: File,
    last: Mark,
}

impl MarkFile {
    /// Opens it, or makes it so that it is never seen without content.
    pub(crate) fn open(directory: &Path, journal_id: u128) -> Result<Self, JournalError> {
        let path = directory.join(MARK_NAME);
        let last = match read(directory)? {
            Some(last) => last,
            None => Self::create(directory, &path, journal_id)?,
        };
        let file = file::open_write(&path).map_err(|error| JournalError::io(&path, &error))?;
        Ok(Self { path, file, last })
    }

    fn create(directory: &Path, path: &Path, journal_id: u128) -> Result<Mark, JournalError> {
        let mut mark = Mark::none(journal_id);
        mark.crc = mark.checksum();
        let draft = directory.join(format!("{MARK_NAME}.preparing"));
        let write = || {
            file::remove(&draft)?;
            let file = file::create(&draft)?;
            file::write_at(&file, bytemuck::bytes_of(&mark), SLOT_OFFSETS[0])?;
            file::sync_data(&file)?;
            file::rename(&draft, path)?;
            file::sync_directory(directory)
        };
        write().map_err(|error| JournalError::io(path, &error))?;
        Ok(mark)
    }

    /// Everything up to the sequence is durable.
    pub(crate) fn write(&mut self, sequence: u64, segment: u32) -> Result<(), JournalError> {
        let turn = self.last.turn + 1;
        let mut mark = Mark {
            sequence,
            segment,
            turn,
            ..self.last
        };
        mark.crc = mark.checksum();
        let offset = SLOT_OFFSETS[(turn % 2) as usize];
        file::write_at(&self.file, bytemuck::bytes_of(&mark), offset)
            .map_err(|error| JournalError::io(&self.path, &error))?;
        self.last = mark;
        Ok(())
    }

    /// Waits until the mark itself is on the disk.
    pub(crate) fn sync(&self, storage: &mut dyn Storage) -> Result<(), JournalError> {
        storage
            .sync_file(&self.file)
            .map_err(|error| JournalError::io(&self.path, &error))
    }

    pub(crate) const fn last(&self) -> &Mark {
        &self.last
    }
}

/// The first eight bytes of a slot: `PCULMARK`.
const MAGIC: u64 = u64::from_le_bytes(*b"PCULMARK");
/// Nobody has written so many marks. Above it there are as many again, so the next turn never fails.
const TURN_MAX: u64 = u64::MAX / 2;
/// In different sectors, so that no torn write takes both.
const SLOT_OFFSETS: [u64; 2] = [0, 4096];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::segment::tests::Scratch;

    #[test]
    fn the_newer_slot_counts_and_one_may_be_lost() {
        let scratch = Scratch::new("mark");
        assert_eq!(read(scratch.path()), Ok(None));
        let mut marks = MarkFile::open(scratch.path(), 5).unwrap();
        for sequence in 1..6 {
            marks.write(sequence, 1).unwrap();
            assert_eq!(read(scratch.path()).unwrap().unwrap().sequence, sequence);
        }
        // The fifth mark went to the odd slot; without it the fourth counts.
        file::write_at(&marks.file, &[0], SLOT_OFFSETS[1]).unwrap();
        assert_eq!(read(scratch.path()).unwrap().unwrap().sequence, 4);
        file::write_at(&marks.file, &[0], SLOT_OFFSETS[0]).unwrap();
        assert_eq!(
            read(scratch.path()).unwrap_err().problem,
            Problem::MarkDamaged
        );
    }
    #[test]
    fn a_mark_that_cannot_be_counted_on_from_is_damage() {
        for turn in [u64::MAX / 2 + 1, u64::MAX - 1, u64::MAX] {
            let scratch = Scratch::new("mark-turn");
            let marks = MarkFile::open(scratch.path(), 5).unwrap();
            let mut mark = Mark {
                turn,
                ..*marks.last()
            };
            mark.crc = mark.checksum();
            file::write_at(&marks.file, bytemuck::bytes_of(&mark), SLOT_OFFSETS[1]).unwrap();
            let problem = read(scratch.path()).unwrap_err().problem;
            assert_eq!(problem, Problem::MarkDamaged, "turn {turn}");
        }
    }
}
