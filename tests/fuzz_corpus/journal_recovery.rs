//! A journal of arbitrary bytes is refused, or read as the prefix that is whole, and goes on from it.

use crate::bytes::Bytes;
use portcullis::journal::format::{
    FRAMES_MAX, Identity, LINE_SIZE, Line, RECORD_SIZE_MAX, RECORDS_OFFSET, Start,
};
use portcullis::journal::reader::Reader;
use portcullis::journal::recovery::{recover, verify};
use portcullis::journal::segment::{Storage, path_of};
use portcullis::journal::{Room, Settings};
use portcullis::message::{FRAME_SIZE, Frame};
use portcullis::reject::Failed;
use portcullis::risk::decision::{Decision, Outcome};
use portcullis::sys::file;
use portcullis::units::OrderId;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

/// `data`: options, the sizes of up to four segments and of the mark, and the bytes of all. By the
/// options what makes the bytes a journal is put right, since chance does not find check values.
pub(crate) fn check(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let repairs = bytes.byte();
    let sizes = bytes.array::<8>();
    let mark_size = usize::from(bytes.byte());
    let mark = bytes.take(mark_size);
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

    let scratch = Scratch::new();
    for (number, segment) in (1..).zip(&segments) {
        std::fs::write(path_of(&scratch.0, number), segment).unwrap();
    }
    if 0 < mark_size {
        std::fs::write(scratch.0.join("durable"), mark).unwrap();
    }
    check_directory(&scratch, &segments);
}

fn check_directory(scratch: &Scratch, segments: &[Vec<u8>]) {
    let settings = Settings {
        segment_size: SEGMENT_SIZE,
        reserve_size: 4096,
        fault_ahead_size: 4096,
        ..Settings::new(&scratch.0, JOURNAL_ID, 1)
    };
    let verified = verify(&scratch.0);
    let Ok(recovered) = recover(settings.clone(), Box::new(BoundedDisk)) else {
        return;
    };
    let whole = whole_records(segments);
    assert_eq!(recovered.sequence, whole, "the whole prefix");
    if let Ok(verified) = &verified {
        assert_eq!(verified.sequence, whole, "as verified");
    }
    let mut reader = recovered.records().unwrap();
    while reader.next().unwrap().is_some() {}
    assert_eq!((reader.sequence(), reader.invalid()), (whole, None));

    // A segment that nobody but this test made may say a size in which nothing can be written.
    let Ok((mut writer, keeper)) = recovered.open() else {
        return;
    };
    let mut last = whole;
    if writer.room() == Room::Open {
        let frame = Frame::from_bytes(&[3; FRAME_SIZE]);
        last = writer.append(&[frame], &DECISION, 0);
        assert_eq!(last, whole + 1);
    }
    drop((writer, keeper));
    let mut reader = Reader::open(&scratch.0).unwrap();
    while reader.next().unwrap().is_some() {}
    assert_eq!((reader.sequence(), reader.invalid()), (last, None));
    let again = recover(settings, Box::new(BoundedDisk)).unwrap();
    assert_eq!(again.sequence, last);
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

const SEGMENT_SIZE: u64 = 112 << 10;
const _: () = assert!(RECORDS_OFFSET + 3 * RECORD_SIZE_MAX + 4096 <= SEGMENT_SIZE as usize);
const _: () = assert!(RECORD_SIZE_MAX == LINE_SIZE + FRAMES_MAX * FRAME_SIZE);

const JOURNAL_ID: u128 = 0x0123_4567_89ab_cdef_0011_2233_4455_6677;

const DECISION: Decision = Decision {
    outcome: Outcome::Applied,
    reason: None,
    failed: Failed::NONE,
    limit: 0,
    value: 0,
    order_id: OrderId::NONE,
};
