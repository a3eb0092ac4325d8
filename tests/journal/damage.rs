//! Files that were cut, flipped, swapped or put back: the exact prefix, or a refusal.

use crate::bench_disk::{self, Bench, event, is_long};
use crate::random::{Random, seed};
use portcullis::journal::error::{JournalError, Problem};
use portcullis::journal::format::{RECORDS_OFFSET, START_OFFSET};
use portcullis::journal::keeper::Keeper;
use portcullis::journal::reader::Reader;
use portcullis::journal::recovery::{is_of_mark, verify};
use portcullis::journal::writer::{Position, Writer};
use portcullis::sys::file;
use std::path::Path;

/// Where each record of the first segment begins; the last entry is where the last one ends.
fn offsets(bench: &Bench) -> Vec<u64> {
    let mut reader = Reader::open(bench.path()).unwrap();
    let mut offsets = Vec::new();
    while let Some(record) = reader.next().unwrap() {
        assert_eq!(record.position.segment, 1);
        offsets.push(record.position.offset);
    }
    offsets.push(reader.position().offset);
    offsets
}

/// Fills the first segment up to about 64 KiB and syncs the first `durable` records.
fn one_segment(bench: &Bench, durable: u64) -> Vec<u64> {
    let (mut writer, mut keeper) = bench.open();
    let is_full = |keeper: &Keeper, _: &Writer| {
        let end = verify(bench.path()).unwrap().end;
        assert!(keeper.failure().is_none());
        60_000 < end.offset
    };
    while !is_full(&keeper, &writer) {
        let (mut frames, decision, digest) = event(writer.sequence() + 1);
        frames.truncate(3);
        writer.append(&frames, &decision, digest);
        if writer.sequence() == durable {
            assert!(keeper.flush());
        }
    }
    drop((writer, keeper));
    offsets(bench)
}

fn damaged(result: Result<impl Sized, JournalError>) -> Option<(u64, u64)> {
    match result {
        Err(JournalError {
            problem: Problem::Damaged {
                offset, sequence, ..
            },
            ..
        }) => Some((offset, sequence)),
        _ => None,
    }
}

/// How many records are whole before a byte.
fn whole_before(offsets: &[u64], byte: u64) -> u64 {
    (offsets.partition_point(|&offset| offset <= byte) as u64).saturating_sub(1)
}

#[test]
fn cut_anywhere_it_reads_as_the_exact_prefix() {
    const DURABLE: u64 = 40;
    let bench = Bench::new("cut");
    let offsets = one_segment(&bench, DURABLE);
    let file = file::open_write(&bench.segment(1)).unwrap();
    let durable_end = offsets[DURABLE as usize];
    for cut in (RECORDS_OFFSET as u64..*offsets.last().unwrap()).rev() {
        file.set_len(cut).unwrap();
        let whole = whole_before(&offsets, cut);
        let result = verify(bench.path());
        if cut < durable_end {
            let place = (offsets[whole as usize], whole + 1);
            assert_eq!(damaged(result), Some(place), "cut at {cut}");
        } else {
            let verified = result.unwrap();
            assert_eq!(verified.sequence, whole, "cut at {cut}");
            assert_eq!(verified.end.offset, offsets[whole as usize], "cut at {cut}");
        }
    }
    // Without a mark nothing was durable, so the shortest stands too.
    bench.remove_mark();
    assert_eq!(verify(bench.path()).unwrap().sequence, 0);
    file.set_len(START_OFFSET as u64 - 1).unwrap();
    assert_eq!(
        verify(bench.path()).unwrap_err().problem,
        Problem::IdentityDamaged
    );
}

#[test]
fn cut_and_recovered_it_goes_on() {
    let mut rng = Random::new(seed());
    for _ in 0..40 {
        let bench = Bench::new("cut-recover");
        let offsets = one_segment(&bench, 0);
        let cut =
            RECORDS_OFFSET as u64 + rng.next() % (*offsets.last().unwrap() - RECORDS_OFFSET as u64);
        file::open_write(&bench.segment(1))
            .unwrap()
            .set_len(cut)
            .unwrap();
        let recovered = bench.recover().unwrap();
        let whole = whole_before(&offsets, cut);
        assert_eq!(recovered.sequence, whole, "cut at {cut}");
        let is_clean = offsets.contains(&cut);
        assert_eq!(recovered.set_aside.is_empty(), is_clean, "cut at {cut}");
        drop(recovered);
        bench.fill(50);
        let mut reader = Reader::open(bench.path()).unwrap();
        while reader.next().unwrap().is_some() {}
        assert_eq!((reader.sequence(), reader.invalid()), (whole + 50, None));
    }
}

#[test]
fn a_flipped_bit_is_found_wherever_it_is() {
    const DURABLE: u64 = 100;
    let bench = Bench::new("flip");
    let offsets = one_segment(&bench, DURABLE);
    let end = *offsets.last().unwrap();
    let path = bench.segment(1);
    let bytes = std::fs::read(&path).unwrap();
    let file = file::open_write(&path).unwrap();
    // A prime step touches every byte of a record, and every bit of a byte, somewhere.
    let step = if is_long() { 1 } else { 23 };
    let mut rng = Random::new(seed());
    let first = rng.next() % step;
    for bit in (first..end * 8).step_by(step as usize) {
        let byte = bit / 8;
        let flipped = bytes[byte as usize] ^ 1 << (bit % 8);
        file::write_at(&file, &[flipped], byte).unwrap();
        let result = verify(bench.path());
        if byte < START_OFFSET as u64 {
            let problem = result.unwrap_err().problem;
            let is_named = matches!(
                problem,
                Problem::IdentityDamaged | Problem::NotASegment | Problem::WrongVersion { .. }
            );
            assert!(is_named, "bit {bit}: {problem:?}");
        } else if byte < RECORDS_OFFSET as u64 {
            assert_eq!(damaged(result), Some((START_OFFSET as u64, 1)), "bit {bit}");
        } else {
            let whole = whole_before(&offsets, byte);
            let place = offsets[whole as usize];
            if whole < DURABLE {
                assert_eq!(damaged(result), Some((place, whole + 1)), "bit {bit}");
            } else {
                let verified = result.unwrap();
                assert_eq!(verified.sequence, whole, "bit {bit}");
                assert_eq!(
                    verified.invalid,
                    Some(Position {
                        segment: 1,
                        offset: place
                    })
                );
            }
        }
        file::write_at(&file, &bytes[byte as usize..=byte as usize], byte).unwrap();
    }
    assert_eq!(
        verify(bench.path()).unwrap().sequence,
        offsets.len() as u64 - 1
    );
}

#[test]
fn several_bits_and_whole_pages_are_found() {
    let bench = Bench::new("garbage");
    let offsets = one_segment(&bench, 0);
    bench.remove_mark();
    let end = *offsets.last().unwrap();
    let path = bench.segment(1);
    let bytes = std::fs::read(&path).unwrap();
    let mut rng = Random::new(seed());
    for turn in 0..400 {
        let mut damaged = bytes.clone();
        let mut first = u64::MAX;
        if turn % 2 == 0 {
            for _ in 0..2 + rng.below(7) {
                let byte = RECORDS_OFFSET + rng.below(end as usize - RECORDS_OFFSET);
                damaged[byte] ^= 1 << rng.below(8);
            }
        } else {
            let page = 4096 * rng.below(end as usize / 4096);
            let page = page.max(RECORDS_OFFSET)..page + 4096;
            damaged[page].fill_with(|| if turn % 4 == 1 { 0 } else { rng.next() as u8 });
        }
        for (index, pair) in bytes.iter().zip(&damaged).enumerate() {
            if pair.0 != pair.1 {
                first = first.min(index as u64);
            }
        }
        std::fs::write(&path, &damaged).unwrap();
        assert_eq!(
            verify(bench.path()).unwrap().sequence,
            whole_before(&offsets, first).min(offsets.len() as u64 - 1)
        );
    }
}

/// Copies a range of one file over another place.
fn transplant(from: &Path, from_offset: u64, to: &Path, to_offset: u64, size: u64) {
    let bytes = std::fs::read(from).unwrap();
    let bytes = &bytes[from_offset as usize..(from_offset + size) as usize];
    file::write_at(&file::open_write(to).unwrap(), bytes, to_offset).unwrap();
}

#[test]
fn a_record_elsewhere_or_twice_is_not_a_record() {
    // Two records of one size swapped, one put twice.
    let bench = Bench::new("swap");
    let offsets = one_segment(&bench, 0);
    let size = |index: usize| offsets[index + 1] - offsets[index];
    let pair = (10..)
        .find(|&index| size(index) == size(index + 1))
        .unwrap();
    let path = bench.segment(1);
    let original = std::fs::read(&path).unwrap();
    transplant(&path, offsets[pair], &path, offsets[pair + 1], size(pair));
    assert_eq!(verify(bench.path()).unwrap().sequence, pair as u64 + 1);
    let mut swapped = original.clone();
    let (a, b) = (offsets[pair] as usize, offsets[pair + 1] as usize);
    swapped[a..b].copy_from_slice(&original[b..2 * b - a]);
    swapped[b..2 * b - a].copy_from_slice(&original[a..b]);
    std::fs::write(&path, swapped).unwrap();
    assert_eq!(verify(bench.path()).unwrap().sequence, pair as u64);
}

#[test]
fn a_segment_of_another_journal_or_another_place_is_not_read() {
    let bench = Bench::new("stale");
    bench.fill(1_000);
    let mut other = Bench::new("stale-other");
    other.settings.journal_id ^= 1;
    other.fill(1_000);
    let count = bench.segment_count();
    assert!(4 < count);

    // Another journal's records, with the same sequences, behind this journal's identity.
    let (path, foreign) = (bench.segment(2), other.segment(2));
    let original = std::fs::read(&path).unwrap();
    let last_of_first = {
        let mut reader = Reader::open(bench.path()).unwrap();
        let mut last = 0;
        while let Some(record) = reader.next().unwrap().filter(|it| it.position.segment == 1) {
            last = record.sequence;
        }
        last
    };
    bench.remove_mark();
    let rest = bench_disk::SEGMENT_SIZE - START_OFFSET as u64;
    transplant(
        &foreign,
        START_OFFSET as u64,
        &path,
        START_OFFSET as u64,
        rest,
    );
    assert_eq!(verify(bench.path()).unwrap().sequence, last_of_first);
    // Its records alone.
    std::fs::write(&path, &original).unwrap();
    let rest = bench_disk::SEGMENT_SIZE - RECORDS_OFFSET as u64;
    transplant(
        &foreign,
        RECORDS_OFFSET as u64,
        &path,
        RECORDS_OFFSET as u64,
        rest,
    );
    assert_eq!(verify(bench.path()).unwrap().sequence, last_of_first);
    // All of it.
    std::fs::copy(&foreign, &path).unwrap();
    assert!(matches!(
        verify(bench.path()).unwrap_err().problem,
        Problem::ForeignJournal { .. }
    ));
    // An earlier segment of this journal in its place.
    std::fs::copy(bench.segment(1), &path).unwrap();
    assert_eq!(
        verify(bench.path()).unwrap_err().problem,
        Problem::Misnamed { found: 1 }
    );
    // Nothing in its place.
    std::fs::remove_file(&path).unwrap();
    let error = verify(bench.path()).unwrap_err();
    assert_eq!(
        (error.path, error.problem),
        (path.clone(), Problem::Missing)
    );
    std::fs::write(&path, &original).unwrap();
    assert_eq!(bench.read_all(), 1_000);
}

#[test]
fn what_follows_damage_is_set_aside_with_all_its_segments() {
    let bench = Bench::new("aside");
    bench.fill(1_000);
    bench.remove_mark();
    let count = bench.segment_count();
    let file = file::open_write(&bench.segment(3)).unwrap();
    file::write_at(&file, &[0xaa; 8], 30_000).unwrap();
    drop(file);
    let verified = verify(bench.path()).unwrap();
    let recovered = bench.recover().unwrap();
    assert_eq!(verified.end.segment, 3);
    assert_eq!(recovered.sequence, verified.sequence);
    // The tail of the third, and each later one that was entered; the last was only prepared.
    let records = recovered.set_aside.iter().filter(|it| !is_of_mark(it));
    assert_eq!(records.count(), 1 + count - 3 - 1);
    assert_eq!(bench.segment_count(), 3);
    drop(recovered);
    bench.fill(100);
    assert_eq!(bench.read_all(), verified.sequence + 100);
}

#[test]
fn verify_and_recovery_agree_about_what_is_behind_the_last_record() {
    let size = bench_disk::SEGMENT_SIZE;
    let mut rng = Random::new(seed());
    // Right behind it, after a gap of zeros, behind the segment's size, in a segment that is not used.
    for (segment, gap) in [(1, 0), (1, 4096), (1, size), (2, 0)] {
        let bench = Bench::new("behind");
        one_segment(&bench, 20);
        let end = verify(bench.path()).unwrap().end;
        let offset = match (segment, gap) {
            (1, gap) if gap == size => size,
            (1, gap) => end.offset + gap,
            _ => RECORDS_OFFSET as u64 + 512,
        };
        let mut garbage = vec![0; 40_000];
        garbage.fill_with(|| rng.next() as u8 | 1);
        let file = file::open_write(&bench.segment(segment)).unwrap();
        file::write_at(&file, &garbage, offset).unwrap();
        let verified = verify(bench.path()).unwrap();
        let invalid = verified.invalid.map(|at| at.segment);
        assert_eq!(invalid, Some(segment), "segment {segment}, {gap} behind");
        let recovered = bench.recover().unwrap();
        assert_eq!(recovered.set_aside.len(), 1);
        assert_eq!(recovered.sequence, verified.sequence);
    }
}

#[test]
fn a_record_whose_first_word_is_gone_hides_none_behind_it() {
    let bench = Bench::new("first-word");
    let offsets = one_segment(&bench, 20);
    // The last but one: what is left is no longer than the largest record.
    let file = file::open_write(&bench.segment(1)).unwrap();
    file::write_at(&file, &[0; 8], offsets[offsets.len() - 3]).unwrap();
    assert!(verify(bench.path()).unwrap().invalid.is_some());
    assert_eq!(bench.recover().unwrap().set_aside.len(), 1);
}

#[test]
fn no_bytes_make_a_reader_panic() {
    let bench = Bench::new("arbitrary");
    one_segment(&bench, 0);
    let path = bench.segment(1);
    let bytes = std::fs::read(&path).unwrap();
    let mut rng = Random::new(seed());
    for turn in 0..300 {
        // With a true identity in front the rest is looked at too.
        let from = if turn % 2 == 0 { 0 } else { RECORDS_OFFSET };
        let mut noise = bytes.clone();
        noise[from..].fill_with(|| rng.next() as u8);
        for record in 0..rng.below(3) * 10 {
            let at = RECORDS_OFFSET + record * 192;
            noise[at..at + 8].copy_from_slice(&(record as u64 + 1).to_le_bytes());
        }
        noise.truncate(rng.below(noise.len()));
        std::fs::write(&path, &noise).unwrap();
        if let Ok(verified) = verify(bench.path()) {
            assert_eq!(verified.sequence, 0);
        }
    }
}
