//! A journal of arbitrary bytes is refused, or read as the prefix that is whole, and goes on from it.

use crate::bytes::Bytes;
use portcullis::journal::error::Problem;
use portcullis::journal::format::{
    FRAMES_MAX, Identity, LINE_SIZE, Line, RECORD_SIZE_MAX, RECORDS_OFFSET, Start,
};
use portcullis::journal::keeper::Keeper;
use portcullis::journal::reader::Reader;
use portcullis::journal::recovery::{recover, verify};
use portcullis::journal::segment::{Storage, path_of};
use portcullis::journal::writer::Writer;
use portcullis::journal::{Policy, Room, Settings};
use portcullis::message::{FRAME_SIZE, Frame};
use portcullis::reject::Failed;
use portcullis::risk::decision::{Decision, Outcome};
use portcullis::sys::file;
use portcullis::units::{Nanos, OrderId};
use std::fs::File;
use std::io;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

/// `data`: options, the sizes of up to four segments and of the mark, and the bytes of all. By the
/// first options what makes the bytes a journal is put right, since chance does not find check
/// values; the second say what else there is and what is done.
pub(crate) fn check(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let (repairs, options) = (bytes.byte(), Options(bytes.byte()));
    let sizes = bytes.array::<8>();
    let mark_size = usize::from(bytes.byte());
    let mut mark = bytes.take(mark_size).to_vec();
    let mut segments = Vec::new();
    for size in sizes.chunks_exact(2) {
        let size = usize::from(u16::from_le_bytes([size[0], size[1]]));
        if 0 < size && !bytes.is_empty() {
            segments.push(bytes.take(size).to_vec());
        }
    }
    let mut sequence = 0;
    for (index, segment) in segments.iter_mut().enumerate() {
        repair(segment, index as u32 + 1, repairs, &mut sequence);
    }
    if options.has(Options::MARK_IS_RIGHT) {
        mark = repair_mark(&mark, options.has(Options::MARK_IS_LOW));
    }

    let scratch = Scratch::new();
    let mut number = 1;
    for (index, segment) in segments.iter().enumerate() {
        number = index as u32 + 1;
        let is_last = number as usize == segments.len();
        number += u32::from(is_last && options.has(Options::GAP));
        std::fs::write(path_of(&scratch.0, number), segment).unwrap();
    }
    if options.has(Options::OTHER_FILES) {
        let draft = format!("segment-{:010}.journal.preparing", number + 1);
        for name in [&draft, "durable.preparing", "notes", ASIDE] {
            std::fs::write(scratch.0.join(name), b"left behind").unwrap();
        }
    }
    if !mark.is_empty() {
        std::fs::write(scratch.0.join("durable"), &mark).unwrap();
    }
    check_directory(&scratch, &segments, &mark, options);
}

fn check_directory(scratch: &Scratch, segments: &[Vec<u8>], mark: &[u8], options: Options) {
    let mut settings = Settings {
        segment_size: SEGMENT_SIZE,
        reserve_size: 4096,
        fault_ahead_size: 4096,
        ..Settings::new(&scratch.0, JOURNAL_ID, 1)
    };
    if options.has(Options::SYNC) {
        settings.policy = Policy::Sync;
    }
    let whole = whole_records(segments);
    let durable = durable_sequence(mark);
    let verified = verify(&scratch.0);
    let recovered = match recover(settings.clone(), Box::new(BoundedDisk)) {
        Ok(recovered) => recovered,
        Err(error) => {
            if let Problem::Damaged { .. } = error.problem {
                assert!(durable.is_some_and(|durable| whole < durable));
            }
            return;
        }
    };
    assert!(!options.has(Options::GAP) || segments.is_empty());
    assert_eq!(recovered.sequence, whole, "the whole prefix");
    assert!(
        durable.is_none_or(|durable| durable <= whole),
        "less than was durable"
    );
    if let Ok(verified) = &verified {
        assert_eq!(verified.sequence, whole, "as verified");
    }
    if options.has(Options::OTHER_FILES) {
        let is_aside = |path: &PathBuf| path.ends_with(ASIDE);
        assert!(recovered.set_aside.iter().any(is_aside), "forgotten");
    }
    let mut reader = recovered.records().unwrap();
    while reader.next().unwrap().is_some() {}
    assert_eq!((reader.sequence(), reader.invalid()), (whole, None));

    // A segment that nobody but this test made may say a size in which nothing can be written.
    let size = segments
        .last()
        .and_then(|segment| read::<Identity>(segment, 0));
    let is_sized = size.is_none_or(|identity| SIZES.contains(&identity.segment_size));
    let (mut writer, mut keeper) = match recovered.open() {
        Ok(opened) => opened,
        Err(error) => {
            let is_told = matches!(error.problem, Problem::SizeInvalid { .. });
            assert!(is_told || is_sized || segments.len() != 1);
            return;
        }
    };
    let last = write(&mut writer, &mut keeper, whole, options);
    if options.has(Options::MORE) {
        let is_flushed = keeper.flush();
        assert!(keeper.failure().is_none() == is_flushed);
        assert!(!is_flushed || keeper.durable_sequence() == last);
    }
    drop((writer, keeper));
    let mut reader = Reader::open(&scratch.0).unwrap();
    while reader.next().unwrap().is_some() {}
    assert_eq!((reader.sequence(), reader.invalid()), (last, None));
    let again = recover(settings, Box::new(BoundedDisk)).unwrap();
    assert_eq!(again.sequence, last);
}

/// Goes on behind `whole`: returns the last record.
fn write(writer: &mut Writer, keeper: &mut Keeper, whole: u64, options: Options) -> u64 {
    let count = if options.has(Options::MORE) { 8 } else { 1 };
    let frame_count = if options.has(Options::LARGE) {
        FRAMES_MAX
    } else {
        1
    };
    let frames = vec![Frame::from_bytes(&[3; FRAME_SIZE]); frame_count];
    let mut last = whole;
    for turn in 1..=count {
        if writer.room() == Room::Failed {
            break;
        }
        last = writer.append(&frames, &DECISION, 0);
        assert_eq!(last, whole + turn);
        if count != 1 && !options.has(Options::KEEPER_IS_LATE) {
            keeper.poll(Nanos::from_secs(turn));
        }
    }
    last
}

/// What else there is and what is done, by bits.
#[derive(Clone, Copy)]
struct Options(u8);

impl Options {
    /// Drafts, files of others, and what was set aside before.
    const OTHER_FILES: u8 = 1;
    /// The last segment's name is one too high.
    const GAP: u8 = 2;
    const SYNC: u8 = 4;
    /// Nobody prepares a segment while records are written.
    const KEEPER_IS_LATE: u8 = 8;
    const MARK_IS_RIGHT: u8 = 16;
    const MARK_IS_LOW: u8 = 32;
    /// Several records are written, and synced.
    const MORE: u8 = 64;
    /// Of the largest size.
    const LARGE: u8 = 128;

    fn has(self, bit: u8) -> bool {
        self.0 & bit != 0
    }
}

/// Up to 64 bytes for each of the two halves, with what makes them a mark of this journal.
fn repair_mark(bytes: &[u8], is_low: bool) -> Vec<u8> {
    let mut file = Vec::new();
    for (half, offset) in bytes.chunks(MARK_SIZE).zip([0, MARK_OFFSET]) {
        let mut mark = [0; MARK_SIZE];
        mark[..half.len()].copy_from_slice(half);
        mark[..8].copy_from_slice(b"PCULMARK");
        mark[8..24].copy_from_slice(&JOURNAL_ID.to_le_bytes());
        if is_low {
            mark[24] %= 4;
            mark[25..32].fill(0);
        }
        mark[44..48].fill(0);
        let crc = crc32fast::hash(&mark);
        mark[44..48].copy_from_slice(&crc.to_le_bytes());
        file.resize(offset, 0);
        file.extend_from_slice(&mark);
    }
    file
}

/// What the newer whole half of a mark says, by the format and nothing else.
fn durable_sequence(file: &[u8]) -> Option<u64> {
    let half = |offset: usize| {
        let mark = file.get(offset..offset + MARK_SIZE)?;
        let word = |at: usize| u64::from_le_bytes(mark[at..at + 8].try_into().unwrap());
        let mut unsigned = mark.to_vec();
        unsigned[44..48].fill(0);
        let is_whole = mark.starts_with(b"PCULMARK")
            && mark[44..48] == crc32fast::hash(&unsigned).to_le_bytes();
        is_whole.then(|| (word(32), word(24)))
    };
    match (half(0), half(MARK_OFFSET)) {
        (Some(even), Some(odd)) if even.0 < odd.0 => Some(odd.1),
        (even, odd) => even.or(odd).map(|(_, sequence)| sequence),
    }
}

/// How many records are whole, from the first on, by the format and nothing else.
fn whole_records(segments: &[Vec<u8>]) -> u64 {
    let mut sequence = 0;
    for segment in segments {
        let Some(identity) = read::<Identity>(segment, 0) else {
            return sequence;
        };
        let seed = identity.seed();
        let start = read::<Start>(segment, LINE_SIZE);
        if !start.is_some_and(|start| start == Start::new(seed, sequence + 1)) {
            return sequence;
        }
        let mut offset = RECORDS_OFFSET;
        let offset_max = identity.segment_size.saturating_sub(RECORD_SIZE_MAX as u64);
        while offset as u64 <= offset_max {
            let Some(line) = read::<Line>(segment, offset) else {
                return sequence;
            };
            let size = LINE_SIZE + (1 + usize::from(line.continuation_count)) * FRAME_SIZE;
            let Some(frames) = segment.get(offset + LINE_SIZE..offset + size) else {
                return sequence;
            };
            if line.sequence != sequence + 1 || line.crc != check_value(seed, &line, frames) {
                return sequence;
            }
            sequence += 1;
            offset += size;
        }
    }
    sequence
}

/// Puts right, by the bits of `repairs`: identity, start, sequences and check values of records.
pub(crate) fn repair(segment: &mut [u8], number: u32, repairs: u8, sequence: &mut u64) {
    let Some(found) = read::<Identity>(segment, 0) else {
        return;
    };
    let mut identity = found;
    if repairs & 1 != 0 {
        let size = match repairs & 32 {
            0 => SEGMENT_SIZE,
            _ => found.segment_size,
        };
        identity = Identity::new(JOURNAL_ID, number, size, found.core_version);
        segment[..LINE_SIZE].copy_from_slice(bytemuck::bytes_of(&identity));
    }
    let seed = identity.seed();
    if repairs & 2 != 0 && RECORDS_OFFSET <= segment.len() {
        let start = Start::new(seed, *sequence + 1);
        segment[LINE_SIZE..RECORDS_OFFSET].copy_from_slice(bytemuck::bytes_of(&start));
    }
    let mut offset = RECORDS_OFFSET;
    let offset_max = identity.segment_size.saturating_sub(RECORD_SIZE_MAX as u64);
    while offset as u64 <= offset_max {
        let Some(mut line) = read::<Line>(segment, offset) else {
            return;
        };
        if repairs & 16 != 0 {
            line.continuation_count %= 4;
        }
        let size = LINE_SIZE + (1 + usize::from(line.continuation_count)) * FRAME_SIZE;
        let Some(frames) = segment.get(offset + LINE_SIZE..offset + size) else {
            return;
        };
        if repairs & 4 != 0 && line.sequence != 0 {
            line.sequence = *sequence + 1;
        }
        if repairs & 8 != 0 {
            line.crc = check_value(seed, &line, frames);
        }
        segment[offset..offset + LINE_SIZE].copy_from_slice(bytemuck::bytes_of(&line));
        *sequence += 1;
        offset += size;
    }
}

fn read<T: bytemuck::AnyBitPattern>(bytes: &[u8], offset: usize) -> Option<T> {
    let bytes = bytes.get(offset..offset + size_of::<T>())?;
    Some(bytemuck::pod_read_unaligned(bytes))
}

/// Of a record: head, line without its check value, continuations.
fn check_value(seed: u32, line: &Line, frames: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(seed);
    hasher.update(&frames[..FRAME_SIZE]);
    hasher.update(bytemuck::bytes_of(&Line { crc: 0, ..*line }));
    hasher.update(&frames[FRAME_SIZE..]);
    hasher.finalize()
}

/// Gives no more than a test may take.
struct BoundedDisk;

impl Storage for BoundedDisk {
    fn allocate(&mut self, file: &File, size: u64) -> io::Result<()> {
        if 4 * SEGMENT_SIZE < size {
            return Err(io::ErrorKind::StorageFull.into());
        }
        file::allocate(file, size)
    }
}

/// A directory in memory that goes away with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let process = std::process::id();
        let memory = PathBuf::from("/dev/shm");
        let parent = if memory.is_dir() {
            memory
        } else {
            std::env::temp_dir()
        };
        let path = parent.join(format!("portcullis-fuzz-{process}-{count}"));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What a segment can be continued at: room for a record, and places that count in 32 bits.
const SIZES: RangeInclusive<u64> = (RECORDS_OFFSET + RECORD_SIZE_MAX) as u64..=64 << 30;
const SEGMENT_SIZE: u64 = 112 << 10;
const _: () = assert!(RECORDS_OFFSET + 3 * RECORD_SIZE_MAX + 4096 <= SEGMENT_SIZE as usize);
const _: () = assert!(RECORD_SIZE_MAX == LINE_SIZE + FRAMES_MAX * FRAME_SIZE);

/// The two halves of a mark are so far apart.
const MARK_OFFSET: usize = 4096;
const MARK_SIZE: usize = 64;
const ASIDE: &str = "segment-0000000007.1.set-aside";

const JOURNAL_ID: u128 = 0x0123_4567_89ab_cdef_0011_2233_4455_6677;

const DECISION: Decision = Decision {
    outcome: Outcome::Applied,
    reason: None,
    failed: Failed::NONE,
    limit: 0,
    value: 0,
    order_id: OrderId::NONE,
};
