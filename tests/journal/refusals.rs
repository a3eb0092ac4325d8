//! Journals that are not opened, each with a name for why and none with a byte changed.

use crate::bench_disk::Bench;
use portcullis::journal::error::Problem;
use portcullis::journal::format::{FORMAT_VERSION, MAGIC};
use portcullis::journal::recovery::{is_of_mark, verify};
use portcullis::sys::file;
use std::path::Path;

/// Every file with its content.
fn content(directory: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    file::list(directory)
        .unwrap()
        .into_iter()
        .filter(|path| path.is_file())
        .map(|path| (path.clone(), std::fs::read(&path).unwrap()))
        .collect()
}

#[track_caller]
fn check_refused(bench: &Bench, expected: Problem, words: &str) {
    let before = content(bench.path());
    let error = bench.recover().unwrap_err();
    assert_eq!(error.problem, expected);
    let text = error.to_string();
    assert!(text.contains(words), "{text}");
    assert!(text.starts_with(bench.path().to_str().unwrap()), "{text}");
    assert!(content(bench.path()) == before);
}

fn overwrite(path: &Path, offset: u64, bytes: &[u8]) {
    file::write_at(&file::open_write(path).unwrap(), bytes, offset).unwrap();
}

#[test]
fn a_second_opener_is_refused() {
    let bench = Bench::new("locked");
    let (writer, keeper) = bench.open();
    check_refused(&bench, Problem::Locked, "another process");
    drop((writer, keeper));
    drop(bench.open());
}

#[test]
fn other_versions_and_foreign_files_are_refused() {
    let bench = Bench::new("versions");
    bench.fill(10);
    let path = bench.segment(1);
    let original = std::fs::read(&path).unwrap();
    let version = FORMAT_VERSION + 1;
    overwrite(&path, 36, &version.to_le_bytes());
    check_refused(
        &bench,
        Problem::WrongVersion { found: version },
        "journal format 2",
    );
    std::fs::write(&path, &original).unwrap();
    overwrite(&path, 0, &MAGIC.to_be_bytes());
    check_refused(&bench, Problem::ForeignEndianness, "byte order");
    overwrite(&path, 0, b"GIF89a__");
    check_refused(&bench, Problem::NotASegment, "not a journal segment");
    std::fs::write(&path, []).unwrap();
    check_refused(&bench, Problem::Empty, "0 bytes");
    std::fs::write(&path, &original[..5]).unwrap();
    check_refused(&bench, Problem::NotASegment, "not a journal segment");
    std::fs::write(&path, &original[..40]).unwrap();
    check_refused(&bench, Problem::IdentityDamaged, "byte 0");
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    check_refused(&bench, Problem::NotAFile, "not a plain file");
}

#[test]
fn a_journal_of_another_core_is_refused_with_both_versions() {
    let mut bench = Bench::new("core");
    bench.fill(10);
    let found = bench.settings.core_version;
    let expected = found + 1;
    bench.settings.core_version = expected;
    let words = format!("version {found} of the risk core, and this is version {expected}");
    check_refused(&bench, Problem::WrongCore { found, expected }, &words);
}

#[test]
fn a_file_where_the_directory_should_be_is_refused() {
    let mut bench = Bench::new("file");
    let path = bench.path().join("plain");
    std::fs::write(&path, b"x").unwrap();
    bench.settings.directory = path.clone();
    check_refused(&bench, Problem::NotADirectory, "not a directory");
    bench.settings.directory = path.join("below");
    check_refused(&bench, Problem::NotADirectory, "not a directory");
}

#[test]
fn a_journal_that_lost_all_its_segments_does_not_begin_anew() {
    let bench = Bench::new("lost");
    let (mut writer, mut keeper) = bench.open();
    let (frames, decision, digest) = crate::bench_disk::event(1);
    writer.append(&frames, &decision, digest);
    assert!(keeper.flush());
    drop((writer, keeper));
    for number in 1..=bench.segment_count() as u32 {
        std::fs::remove_file(bench.segment(number)).unwrap();
    }
    check_refused(&bench, Problem::Missing, "restore");
}

#[test]
fn damage_below_the_mark_is_refused_with_its_place() {
    let bench = Bench::new("damage");
    let (mut writer, mut keeper) = bench.open();
    for sequence in 1..=20 {
        let (frames, decision, digest) = crate::bench_disk::event(sequence);
        writer.append(&frames[..1], &decision, digest);
    }
    assert!(keeper.flush());
    drop((writer, keeper));
    let offset = 128 + 9 * 192;
    overwrite(&bench.segment(1), offset + 70, &[0x55; 3]);
    let problem = Problem::Damaged {
        offset,
        sequence: 10,
        durable_sequence: 20,
    };
    check_refused(&bench, problem, "record 10");
    // The remedy that the message names.
    bench.remove_mark();
    let recovered = bench.recover().unwrap();
    assert_eq!((recovered.sequence, recovered.set_aside.len()), (9, 2));
}

#[test]
fn a_journal_without_its_mark_is_shut_until_somebody_has_looked() {
    let bench = Bench::new("unmarked");
    // Without any record there is nothing to miss, but a mark from the first moment on.
    let recovered = bench.recover().unwrap();
    assert_eq!((recovered.sequence, recovered.set_aside.len()), (0, 0));
    drop(recovered);
    bench.fill(20);
    bench.remove_mark();
    assert_eq!(verify(bench.path()).unwrap().durable_sequence, None);
    for _ in 0..2 {
        // Also where the start that found it was killed before anything followed from it.
        let recovered = bench.recover().unwrap();
        assert_eq!((recovered.sequence, recovered.set_aside.len()), (20, 1));
        assert!(is_of_mark(&recovered.set_aside[0]));
    }
    assert_eq!(verify(bench.path()).unwrap().durable_sequence, Some(20));
    std::fs::remove_file(&bench.recover().unwrap().set_aside[0]).unwrap();
    assert!(bench.recover().unwrap().set_aside.is_empty());
}

#[test]
fn a_journal_that_is_all_zeros_behind_its_identity_is_shut_without_its_mark() {
    let bench = Bench::new("zeroed");
    bench.fill(20);
    let size = std::fs::metadata(bench.segment(1)).unwrap().len() as usize;
    overwrite(&bench.segment(1), 64, &vec![0; size - 64]);
    bench.remove_mark();
    assert_eq!(bench.recover().unwrap().set_aside.len(), 1);
}

#[test]
fn a_start_that_was_killed_between_mark_and_segment_starts() {
    let bench = Bench::new("between");
    drop(bench.recover().unwrap());
    std::fs::remove_file(bench.segment(1)).unwrap();
    assert!(bench.recover().unwrap().set_aside.is_empty());
}

#[test]
fn sizes_that_cannot_be_are_refused() {
    for size in [0, 4096, 96 * 1024 + 1, 1 << 40] {
        let mut bench = Bench::new("sizes");
        bench.settings.segment_size = size;
        let problem = bench.recover().unwrap_err().problem;
        assert!(matches!(problem, Problem::SizeInvalid { found, .. } if found == size));
    }
}
