//! Writer: the risk thread's end of the journal.
//!
//! In:   prepared segments from the keeper.
//! Out:  records in the mapped segment; the sequence and position up to which they are complete.
//! Owns: the mapped segment.
//!
//! Pure. Hot path.
//!
//! Invariants:
//! - A record's sequence is stored after all else of it: a process killed in between leaves a
//!   record that is not there.
//! - Sequence and position are published after the record, so who loads them may read the file.

use crate::journal::Room;
use crate::journal::format::{
    FRAMES_MAX, LINE_SIZE, Line, RECORD_SIZE_MAX, RECORDS_OFFSET, SHORT_RECORD_SIZE, START_OFFSET,
    ShortRecord, Start, checksum,
};
use crate::message::{FRAME_SIZE, Frame};
use crate::risk::decision::Decision;
use crate::sys::failpoint;
use crate::sys::memory::MappedSegment;
use crossbeam::queue::ArrayQueue;
use crossbeam::utils::CachePadded;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

/// A place in a journal.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Position {
    /// The segment's number.
    pub segment: u32,
    /// The offset in its file, in bytes; a multiple of 64.
    pub offset: u64,
}

/// What the risk thread publishes.
#[derive(Debug)]
pub(crate) struct Published {
    sequence: AtomicU64,
    position: AtomicU64,
}

/// What the keeper publishes.
#[derive(Debug)]
pub(crate) struct Kept {
    /// The highest segment in the queue, or that was: a spare is ready where it is above the current.
    pub(crate) spare_number: AtomicU32,
    pub(crate) is_failed: AtomicBool,
    /// The next segment cannot be had for want of space.
    pub(crate) is_disk_full: AtomicBool,
    pub(crate) durable_sequence: AtomicU64,
}

/// What writer, keeper and tails know of each other.
#[derive(Debug)]
pub(crate) struct Shared {
    published: CachePadded<Published>,
    pub(crate) kept: CachePadded<Kept>,
}

impl Shared {
    pub(crate) fn new(sequence: u64, position: Position, spare_number: u32) -> Self {
        Self {
            published: CachePadded::new(Published {
                sequence: AtomicU64::new(sequence),
                position: AtomicU64::new(pack(position)),
            }),
            kept: CachePadded::new(Kept {
                spare_number: AtomicU32::new(spare_number),
                is_failed: AtomicBool::new(false),
                is_disk_full: AtomicBool::new(false),
                durable_sequence: AtomicU64::new(sequence),
            }),
        }
    }

    /// The last complete record.
    #[inline]
    pub(crate) fn sequence(&self) -> u64 {
        // Pairs with the Release store in `append`.
        self.published.sequence.load(Ordering::Acquire)
    }

    /// Loaded after a sequence, this is not before its end.
    #[inline]
    pub(crate) fn position(&self) -> Position {
        // Pairs with the Release store in `append`.
        unpack(self.published.position.load(Ordering::Acquire))
    }
}

/// The risk thread's end.
#[derive(Debug)]
pub struct Writer {
    segment: MappedSegment,
    /// Where the next record begins.
    offset: usize,
    /// A record may begin here, not behind it.
    offset_max: usize,
    /// From here on only the reserve is left.
    reserve_offset: usize,
    reserve_size: usize,
    sequence: u64,
    number: u32,
    seed: u32,
    spares: Arc<ArrayQueue<Spare>>,
    shared: Arc<Shared>,
}

/// A segment ready to be entered.
#[derive(Debug)]
pub(crate) struct Spare {
    pub(crate) segment: MappedSegment,
    pub(crate) number: u32,
    pub(crate) seed: u32,
    pub(crate) offset_max: usize,
}

impl Writer {
    /// Goes on behind the record `sequence`, whose end is `offset`.
    pub(crate) fn new(
        current: Spare,
        offset: u64,
        sequence: u64,
        reserve_size: u64,
        spares: Arc<ArrayQueue<Spare>>,
        shared: Arc<Shared>,
    ) -> Self {
        let mut writer = Self {
            segment: current.segment,
            offset: offset as usize,
            offset_max: current.offset_max,
            reserve_offset: reserve_offset(current.offset_max, reserve_size as usize),
            reserve_size: reserve_size as usize,
            sequence,
            number: current.number,
            seed: current.seed,
            spares,
            shared,
        };
        if writer.offset < RECORDS_OFFSET {
            writer.enter();
        }
        writer
    }

    /// Stores a record and returns its sequence. `frames` is a head and its continuations.
    ///
    /// The caller has seen [`Room::Open`] or [`Room::Full`] since the last append.
    #[inline]
    pub fn append(&mut self, frames: &[Frame], decision: &Decision, digest: u64) -> u64 {
        assert!(!frames.is_empty());
        assert!(frames.len() <= FRAMES_MAX);
        if self.offset_max < self.offset {
            self.roll();
        }
        let sequence = self.sequence + 1;
        let (head, continuations) = (frames[0], &frames[1..]);
        let line = Line::new(sequence, frames.len(), decision, digest);
        let mut record = ShortRecord { head, line };
        let mut crc = checksum(self.seed, bytemuck::bytes_of(&record));
        if !continuations.is_empty() {
            crc = self.append_continuations(crc, continuations);
        }
        record.line.crc = crc;

        // All but the first word, then the first word: it says that the record is there.
        let start = self.offset;
        let bytes: &[u8; LINE_SIZE] = bytemuck::must_cast_ref(&record.line);
        self.segment
            .bytes_mut(start + LINE_SIZE..start + SHORT_RECORD_SIZE)
            .copy_from_slice(record.head.bytes());
        self.segment
            .bytes_mut(start + 8..start + LINE_SIZE)
            .copy_from_slice(&bytes[8..]);
        failpoint::reach("mid_append");
        self.segment.store_last(start, sequence);
        failpoint::reach("before_publish");
        self.offset = start + LINE_SIZE + frames.len() * FRAME_SIZE;
        self.sequence = sequence;
        self.publish();
        sequence
    }

    /// What there is room for. Two loads; look before each append.
    #[inline]
    pub fn room(&self) -> Room {
        // Pair with the Release stores in the keeper.
        if self.shared.kept.is_failed.load(Ordering::Acquire) {
            return Room::Failed;
        }
        let has_spare = self.number < self.shared.kept.spare_number.load(Ordering::Acquire);
        if has_spare || self.offset <= self.reserve_offset {
            return Room::Open;
        }
        if self.offset <= self.offset_max {
            return Room::Full;
        }
        self.fail()
    }

    /// The last record.
    #[inline]
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Every record up to this one is on the disk.
    #[inline]
    pub fn durable_sequence(&self) -> u64 {
        // Pairs with the Release store in the keeper.
        self.shared.kept.durable_sequence.load(Ordering::Acquire)
    }

    /// Continuations stand where they belong before the head does; the sequence comes last anyway.
    #[cold]
    fn append_continuations(&mut self, crc: u32, continuations: &[Frame]) -> u32 {
        let bytes = bytemuck::cast_slice::<Frame, u8>(continuations);
        let start = self.offset + SHORT_RECORD_SIZE;
        self.segment
            .bytes_mut(start..start + bytes.len())
            .copy_from_slice(bytes);
        checksum(crc, bytes)
    }

    /// Goes on in the next segment.
    #[cold]
    fn roll(&mut self) {
        // The keeper pushes before it tells the number, so a spare that `room` has seen is whole.
        let spare = self
            .spares
            .pop()
            .expect("`room` was asked before each append");
        assert!(spare.number == self.number + 1);
        // The keeper still holds the old mapping, so nothing is unmapped here.
        self.segment = spare.segment;
        self.number = spare.number;
        self.seed = spare.seed;
        self.offset_max = spare.offset_max;
        self.reserve_offset = reserve_offset(spare.offset_max, self.reserve_size);
        self.enter();
    }

    /// Says where in the sequence the segment begins.
    fn enter(&mut self) {
        let start = Start::new(self.seed, self.sequence + 1);
        let bytes = &bytemuck::bytes_of(&start)[8..];
        self.segment
            .bytes_mut(START_OFFSET + 8..RECORDS_OFFSET)
            .copy_from_slice(bytes);
        failpoint::reach("mid_roll");
        self.segment.store_last(START_OFFSET, start.first_sequence);
        failpoint::reach("after_roll");
        self.offset = RECORDS_OFFSET;
    }

    #[inline(always)]
    fn publish(&self) {
        let position = Position {
            segment: self.number,
            offset: self.offset as u64,
        };
        // Position first: who loads the sequence and then the position has all of the record.
        self.shared
            .published
            .position
            .store(pack(position), Ordering::Release);
        self.shared
            .published
            .sequence
            .store(self.sequence, Ordering::Release);
    }

    /// The reserve is spent. Latched: a spare that comes now would hide what could not be written.
    #[cold]
    fn fail(&self) -> Room {
        self.shared.kept.is_failed.store(true, Ordering::Release);
        Room::Failed
    }
}

/// A record may begin here and, however large it is, leave the whole reserve.
fn reserve_offset(offset_max: usize, reserve_size: usize) -> usize {
    offset_max.saturating_sub(reserve_size + RECORD_SIZE_MAX)
}

fn pack(position: Position) -> u64 {
    (u64::from(position.segment) << 32) | (position.offset / LINE_SIZE as u64)
}

fn unpack(word: u64) -> Position {
    let line = word & u64::from(u32::MAX);
    Position {
        segment: (word >> 32) as u32,
        offset: line * LINE_SIZE as u64,
    }
}
