//! A disk that is full or fails while the gateway runs.

use crate::bench_disk::{Bench, RESERVE_SIZE, SEGMENT_SIZE, event};
use portcullis::journal::error::{JournalError, Problem};
use portcullis::journal::format::RECORD_SIZE_MAX;
use portcullis::journal::recovery::verify;
use portcullis::journal::{Policy, Room};
use portcullis::units::Nanos;
use std::sync::atomic::Ordering;

#[test]
fn a_full_disk_leaves_the_reserve_and_opens_again() {
    let bench = Bench::new("full");
    let (mut writer, mut keeper) = bench.open();
    bench.faults.is_full.store(true, Ordering::Relaxed);
    let retry = bench.settings.retry_interval.raw();
    let mut append = |sequence| {
        let (frames, decision, digest) = event(sequence);
        writer.append(&frames[..1], &decision, digest);
        writer.room()
    };
    // The spare that was made in time is used, then the current segment down to the reserve.
    let mut sequence = 1;
    while append(sequence) == Room::Open {
        keeper.poll(Nanos::from_raw(sequence));
        sequence += 1;
    }
    assert!(keeper.is_disk_full());
    assert!(700 < sequence && sequence < 1_000, "{sequence}");
    // Some of the reserve, then space again: not before the retry is due.
    for _ in 0..10 {
        sequence += 1;
        assert_eq!(append(sequence), Room::Full);
    }
    bench.faults.is_full.store(false, Ordering::Relaxed);
    let now = Nanos::from_raw(sequence);
    assert!(keeper.is_disk_full());
    keeper.poll(now);
    assert!(keeper.is_disk_full());
    keeper.poll(now.after(Nanos::from_raw(2 * retry)));
    assert!(!keeper.is_disk_full());
    sequence += 1;
    assert_eq!(append(sequence), Room::Open);
}

#[test]
fn a_reserve_that_is_spent_fails_for_good() {
    let mut bench = Bench::new("spent");
    bench.settings.retry_interval = Nanos::from_raw(1);
    let (mut writer, mut keeper) = bench.open();
    bench.faults.is_full.store(true, Ordering::Relaxed);
    let (mut sequence, mut full_count) = (0, 0);
    while writer.room() != Room::Failed {
        full_count += u64::from(writer.room() == Room::Full);
        sequence += 1;
        keeper.poll(Nanos::from_raw(sequence));
        let (frames, decision, digest) = event(sequence);
        writer.append(&frames[..1], &decision, digest);
    }
    // The reserve holds what it says.
    let reserve = RESERVE_SIZE..RESERVE_SIZE + RECORD_SIZE_MAX as u64 + 193;
    assert!(reserve.contains(&(full_count * 192)), "{full_count}");
    bench.faults.is_full.store(false, Ordering::Relaxed);
    keeper.poll(Nanos::from_raw(sequence + 1_000));
    assert_eq!(writer.room(), Room::Failed);
    // All of it is still there, and synced.
    assert!(keeper.flush());
    assert_eq!(keeper.durable_sequence(), sequence);
    drop((writer, keeper));
    assert_eq!(verify(bench.path()).unwrap().sequence, sequence);
    assert_eq!(bench.recover().unwrap().sequence, sequence);
}

#[test]
fn a_full_disk_at_the_start_lets_cancels_pass_while_there_is_room() {
    let bench = Bench::new("full-start");
    let fill = |wanted| {
        let (mut writer, keeper) = bench.recover()?.open()?;
        while writer.room() == wanted {
            let (frames, decision, digest) = event(writer.sequence() + 1);
            writer.append(&frames[..1], &decision, digest);
        }
        Ok::<_, JournalError>((writer, keeper))
    };
    // The end of the second segment, but not its reserve.
    drop(fill(Room::Open).unwrap());
    bench.faults.is_full.store(true, Ordering::Relaxed);
    let (writer, keeper) = fill(Room::Full).unwrap();
    assert_eq!(writer.room(), Room::Failed);
    drop((writer, keeper));
    let error = bench.recover().unwrap().open().unwrap_err();
    assert_eq!(
        error.problem,
        Problem::NoSpace {
            wanted: SEGMENT_SIZE
        }
    );
    assert!(error.to_string().contains("free some"), "{error}");
    bench.faults.is_full.store(false, Ordering::Relaxed);
    assert_eq!(bench.open().0.room(), Room::Open);
}

/// Runs until the `n`th sync fails; true where it did.
fn fails_at(policy: Policy, n: u64) -> bool {
    let mut bench = Bench::new("eio");
    bench.settings.policy = policy;
    let recovered = bench.recover().unwrap();
    let faults = &bench.faults;
    let fails_at = faults.sync_count.load(Ordering::Relaxed) + n;
    faults.sync_fails_at.store(fails_at, Ordering::Relaxed);
    let Ok((mut writer, mut keeper)) = recovered.open() else {
        return true;
    };
    let mut durable_before = 0;
    for now in 0..1_500 {
        if writer.room() == Room::Failed {
            break;
        }
        let (frames, decision, digest) = event(writer.sequence() + 1);
        writer.append(&frames[..1], &decision, digest);
        durable_before = keeper.durable_sequence();
        keeper.poll(Nanos::from_raw(now * 10));
    }
    let has_failed = fails_at <= faults.sync_count.load(Ordering::Relaxed);
    assert_eq!(writer.room() == Room::Failed, has_failed);
    assert_eq!(keeper.failure().is_some(), has_failed);
    if has_failed {
        // Nothing was told as durable by the poll that failed, and nothing is synced again.
        assert_eq!(keeper.failure().unwrap().problem, Problem::Io { code: 5 });
        assert_eq!(writer.durable_sequence(), durable_before);
        for now in 0..100 {
            assert_eq!(keeper.poll(Nanos::from_raw((1 << 40) + now * 1_000)), 0);
        }
        assert!(!keeper.flush());
        assert_eq!(faults.sync_count_after.load(Ordering::Relaxed), 0);
        assert_eq!(writer.durable_sequence(), durable_before);
    }
    has_failed
}

#[test]
fn a_sync_that_fails_is_the_last() {
    for policy in [Policy::Process, Policy::Sync] {
        // Upwards in growing steps until a run is clean.
        let mut n = 1;
        while fails_at(policy, n) {
            n += 1 + n / 8;
        }
        assert!(20 < n, "{policy:?} syncs {n} times");
    }
}

#[test]
fn durable_follows_the_syncs() {
    let mut bench = Bench::new("durable");
    bench.settings.policy = Policy::Sync;
    let (mut writer, mut keeper) = bench.open();
    for sequence in 1..=400 {
        let (frames, decision, digest) = event(sequence);
        writer.append(&frames[..1], &decision, digest);
        if sequence % 3 == 0 {
            assert!(writer.durable_sequence() < sequence);
            keeper.poll(Nanos::ZERO);
            assert_eq!(writer.durable_sequence(), sequence);
            assert_eq!(
                verify(bench.path()).unwrap().durable_sequence,
                Some(sequence)
            );
        }
    }
}

#[test]
fn in_the_background_nothing_is_durable_early_and_all_is_once_it_rests() {
    let bench = Bench::new("background");
    let (mut writer, mut keeper) = bench.open();
    let interval = bench.settings.sync_interval.raw();
    for sequence in 1..=2_000 {
        let (frames, decision, digest) = event(sequence);
        writer.append(&frames[..1], &decision, digest);
        keeper.poll(Nanos::from_raw(sequence * interval / 7));
        assert!(writer.durable_sequence() < sequence);
    }
    assert!(1_500 < writer.durable_sequence());
    for turn in 1..4 {
        keeper.poll(Nanos::from_raw((2_000 + turn * 7) * interval));
    }
    assert_eq!(writer.durable_sequence(), 2_000);
}
