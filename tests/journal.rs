//! The journal from outside: what was appended is read back, and nothing else, whatever happens to
//! the files in between.

#[path = "journal/bench_disk.rs"]
mod bench_disk;
#[path = "journal/crash.rs"]
mod crash;
#[path = "journal/damage.rs"]
mod damage;
#[path = "journal/faults.rs"]
mod faults;
#[path = "support/random.rs"]
mod random;
#[path = "journal/refusals.rs"]
mod refusals;

use bench_disk::{Bench, event};
use portcullis::journal::Room;
use portcullis::journal::opening::{self, Assembler};
use portcullis::journal::reader::Reader;
use portcullis::journal::recovery::verify;
use portcullis::message::Kind;
use portcullis::units::Nanos;
use random::Random;
use std::sync::atomic::{AtomicBool, Ordering};

#[test]
fn what_is_appended_is_read_over_many_segments() {
    let bench = Bench::new("round-trip");
    let (mut writer, mut keeper) = bench.open();
    for sequence in 1..=5_000 {
        keeper.poll(Nanos::from_raw(sequence));
        assert_eq!(writer.room(), Room::Open);
        let (frames, decision, digest) = event(sequence);
        assert_eq!(writer.append(&frames, &decision, digest), sequence);
    }
    drop((writer, keeper));
    assert!(10 < bench.segment_count());
    assert_eq!(bench.read_all(), 5_000);
}

#[test]
fn the_sequence_goes_on_over_runs() {
    let bench = Bench::new("runs");
    let mut last = 0;
    for run in 1..=30 {
        let recovered = bench.recover().unwrap();
        assert_eq!((recovered.sequence, recovered.set_aside.len()), (last, 0));
        let (mut writer, mut keeper) = recovered.open().unwrap();
        for _ in 0..run * 3 {
            keeper.poll(Nanos::from_raw(last));
            let (frames, decision, digest) = event(last + 1);
            last = writer.append(&frames, &decision, digest);
        }
        drop((writer, keeper));
        assert_eq!(bench.read_all(), last);
    }
}

#[test]
fn recovering_twice_gives_the_same() {
    let bench = Bench::new("twice");
    bench.fill(300);
    bench.damage_tail();
    let first = bench.recover().unwrap();
    let (sequence, set_aside) = (first.sequence, first.set_aside.clone());
    drop(first);
    let verified = verify(bench.path()).unwrap();
    let second = bench.recover().unwrap();
    assert_eq!((second.sequence, &second.set_aside), (sequence, &set_aside));
    assert_eq!(
        (set_aside.len(), verified.sequence, verified.invalid),
        (1, sequence, None)
    );
    // What is set aside is told until somebody takes it away.
    drop(second);
    std::fs::remove_file(&set_aside[0]).unwrap();
    assert!(bench.recover().unwrap().set_aside.is_empty());
}

#[test]
fn an_append_that_was_not_committed_leaves_no_trace() {
    let bench = Bench::new("uncommitted");
    bench.fill(300);
    // All but the first word, which is stored last: so a killed process may leave it.
    let end = verify(bench.path()).unwrap().end;
    let file = portcullis::sys::file::open_write(&bench.segment(end.segment)).unwrap();
    portcullis::sys::file::write_at(&file, &[0xff; 184], end.offset + 8).unwrap();
    let recovered = bench.recover().unwrap();
    assert_eq!((recovered.sequence, recovered.set_aside.len()), (300, 0));
    drop(recovered);
    let verified = verify(bench.path()).unwrap();
    assert_eq!((verified.sequence, verified.invalid), (300, None));
}

#[test]
fn a_tail_reads_behind_the_writer() {
    const COUNT: u64 = 60_000;
    let bench = Bench::new("tail");
    let (mut writer, mut keeper) = bench.open();
    let mut tail = keeper.tail().unwrap();
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        // Also where an assertion fails: a thread that goes on would hide it.
        let _done = SetOnDrop(&is_done);
        scope.spawn(|| {
            let mut now = 0;
            while !is_done.load(Ordering::Acquire) {
                now += 1_000_000;
                keeper.poll(Nanos::from_raw(now));
                std::thread::yield_now();
            }
        });
        let is_done = &is_done;
        let follower = scope.spawn(move || {
            while tail.sequence() < COUNT && !is_done.load(Ordering::Acquire) {
                match tail.next().unwrap() {
                    Some(record) => bench_disk::assert_is_event(&record),
                    None => std::thread::yield_now(),
                }
            }
            assert_eq!((tail.sequence(), tail.lag()), (COUNT, 0));
        });
        for sequence in 1..=COUNT {
            while writer.room() != Room::Open {
                assert_ne!(writer.room(), Room::Failed, "at {sequence}");
                std::thread::yield_now();
            }
            let (frames, decision, digest) = event(sequence);
            writer.append(&frames, &decision, digest);
        }
        follower.join().unwrap();
    });
}

struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

#[test]
fn a_reader_of_a_live_journal_goes_on_where_it_stopped() {
    let bench = Bench::new("live");
    let (mut writer, mut keeper) = bench.open();
    let mut reader = Reader::open(bench.path()).unwrap();
    let mut rng = Random::new(11);
    let mut last = 0;
    for _ in 0..400 {
        for _ in 0..rng.below(6) {
            keeper.poll(Nanos::from_raw(last));
            let (frames, decision, digest) = event(last + 1);
            last = writer.append(&frames, &decision, digest);
        }
        while let Some(record) = reader.next().unwrap() {
            bench_disk::assert_is_event(&record);
        }
        assert_eq!((reader.sequence(), reader.invalid()), (last, None));
    }
}

#[test]
fn an_opening_text_of_any_length_comes_back() {
    let bench = Bench::new("opening");
    let (mut writer, mut keeper) = bench.open();
    let sizes = [
        0,
        1,
        127,
        128,
        129,
        255 * 128 - 1,
        255 * 128,
        255 * 128 + 1,
        300_000,
    ];
    let text = |size: usize| {
        (0..size)
            .map(|index| (index * 7 + size) as u8)
            .collect::<Vec<_>>()
    };
    for size in sizes {
        let wait = || assert!(keeper.poll(Nanos::ZERO) <= 2);
        opening::append(&mut writer, Nanos::from_raw(5), 3, &text(size), wait).unwrap();
    }
    let mut reader = Reader::open(bench.path()).unwrap();
    let mut assembler = Assembler::default();
    let mut texts = Vec::new();
    while let Some(record) = reader.next().unwrap() {
        assert_eq!(record.frames[0].kind(), Some(Kind::Opening));
        texts.extend(assembler.push(&record, bench.path()).unwrap());
    }
    assert_eq!(texts, sizes.map(text));
}
