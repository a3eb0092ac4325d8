//! Ring: what a message costs on one thread and between two, and how long it is under way, beside
//! the least that two cores need to pass a number.
//!
//! `cargo bench --bench ring`, on a machine with nothing else to do. Two threads need two cores:
//! with one, only the first group runs, and says so. Every message is checked by its receiver.
//! The latency is measured in rounds that alternate with the bare exchange of two atomics, so the
//! ratio holds even where the distance between two virtual cores changes with time.

use std::hint::{black_box, spin_loop};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use core_affinity::CoreId;
use criterion::{Criterion, Throughput};
use crossbeam::utils::{Backoff, CachePadded};
use portcullis::ring::{Consumer, ring};

const CAPACITY: usize = 1024;
const UNIT_COUNT: usize = 16;
const DRAIN_COUNT_MAX: usize = 64;

fn main() {
    // Asked once, here: a pinned thread would be told of its own core only.
    let cores = core_affinity::get_core_ids().unwrap_or_default();
    let mut criterion = Criterion::default().configure_from_args();
    same_thread(&mut criterion);
    let [here, there, ..] = cores[..] else {
        println!("ring: one core only, so nothing between two threads is measured");
        return;
    };
    assert!(
        core_affinity::set_for_current(here),
        "this thread can be pinned to core {here:?}"
    );
    two_threads::<u64>(&mut criterion, "u64", there);
    two_threads::<Frame>(&mut criterion, "128 bytes", there);
    criterion.final_summary();

    // Without `--bench` this runs as a test: small, and for the checks alone.
    let is_bench = std::env::args().any(|argument| argument == "--bench");
    let (rounds_count, trips_count) = if is_bench { (400, 2_000) } else { (1, 100) };
    one_way::<u64>("u64", CAPACITY, there, rounds_count, trips_count);
    one_way::<Frame>("128 bytes", 64, there, rounds_count, trips_count);
    one_way::<Frame>("128 bytes", CAPACITY, there, rounds_count, trips_count);
}

fn same_thread(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("ring, one thread");
    group.throughput(Throughput::Elements(1));
    let (mut producer, mut consumer) = ring::<u64>(CAPACITY);
    group.bench_function("push and pop u64", |bencher| {
        bencher.iter(|| {
            producer.push(black_box(7)).unwrap();
            consumer.pop()
        });
    });
    let (mut producer, mut consumer) = ring::<Frame>(CAPACITY);
    group.bench_function("push and pop 128 bytes", |bencher| {
        bencher.iter(|| {
            producer.push(black_box(Frame::new(7))).unwrap();
            black_box(consumer.pop().unwrap().number())
        });
    });
    group.finish();
}

fn two_threads<M: Message>(criterion: &mut Criterion, size: &str, there: CoreId) {
    let mut group = criterion.benchmark_group(format!("ring, two threads, {size}"));
    group.throughput(Throughput::Elements(1));
    group.bench_function("push and pop", |bencher| {
        bencher.iter_custom(|count| pass::<M>(there, count, 1, pop_one));
    });
    group.bench_function("push and drain", |bencher| {
        bencher.iter_custom(|count| pass::<M>(there, count, 1, drain_some));
    });
    group.bench_function("publish 16 and drain", |bencher| {
        bencher.iter_custom(|count| pass::<M>(there, count, UNIT_COUNT as u64, drain_some));
    });
    group.finish();
}

fn pop_one<M: Message>(consumer: &mut Consumer<M>, expected: u64) -> u64 {
    consumer.pop().map_or(expected, |message| {
        assert_eq!(message.number(), expected);
        expected + 1
    })
}

fn drain_some<M: Message>(consumer: &mut Consumer<M>, expected: u64) -> u64 {
    consumer
        .drain(DRAIN_COUNT_MAX)
        .fold(expected, |expected, message| {
            assert_eq!(message.number(), expected);
            expected + 1
        })
}

/// Passes `count` messages in units, rounded up to whole ones, to a taker that returns the number
/// it expects next.
fn pass<M: Message>(
    there: CoreId,
    count: u64,
    unit_count: u64,
    take: fn(&mut Consumer<M>, u64) -> u64,
) -> Duration {
    let (mut producer, mut consumer) = ring::<M>(CAPACITY);
    let is_there = Arc::new(AtomicU64::new(0));
    let is_there_too = Arc::clone(&is_there);
    let count = count.next_multiple_of(unit_count);
    let taker = thread::spawn(move || {
        assert!(core_affinity::set_for_current(there));
        is_there_too.store(1, Ordering::Release);
        let backoff = Backoff::new();
        let mut expected = 0;
        while expected < count {
            let next = take(&mut consumer, expected);
            if next == expected {
                backoff.snooze();
            } else {
                backoff.reset();
            }
            expected = next;
        }
        Instant::now()
    });
    while is_there.load(Ordering::Acquire) == 0 {
        thread::yield_now();
    }
    let start = Instant::now();
    let backoff = Backoff::new();
    let mut number = 0;
    while number < count {
        let is_pushed = if unit_count == 1 {
            producer.push(M::new(number)).is_ok()
        } else {
            let unit = (0..unit_count as usize).map(|index| M::new(number + index as u64));
            let is_staged = producer.stage_all(unit).is_ok();
            producer.publish();
            is_staged
        };
        if is_pushed {
            number += unit_count;
            backoff.reset();
        } else {
            backoff.snooze();
        }
    }
    taker.join().expect("the taker") - start
}

fn one_way<M: Message>(
    size: &str,
    capacity: usize,
    there: CoreId,
    rounds_count: usize,
    trips_count: u64,
) {
    let mut rounds: Vec<(f64, f64)> = Vec::new();
    for _ in 0..rounds_count {
        let nanos = [ping_pong_bare, ping_pong::<M>].map(|run| {
            let elapsed = run(there, capacity, trips_count);
            // There and back: two ways each.
            elapsed.as_nanos() as f64 / (2 * trips_count) as f64
        });
        rounds.push((nanos[0], nanos[1]));
    }
    let median = |values: &mut dyn Iterator<Item = f64>| {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    println!(
        "ring, one way, {size}, {capacity} slots: {:.1} ns, two atomics {:.1} ns, ratio {:.3} \
         (medians of {rounds_count} rounds)",
        median(&mut rounds.iter().map(|round| round.1)),
        median(&mut rounds.iter().map(|round| round.0)),
        median(&mut rounds.iter().map(|round| round.1 / round.0)),
    );
}

fn ping_pong<M: Message>(there: CoreId, capacity: usize, trips_count: u64) -> Duration {
    let (mut ping, mut ping_there) = ring::<M>(capacity);
    let (mut pong_there, mut pong) = ring::<M>(capacity);
    fn wait_for<M>(consumer: &mut Consumer<M>) -> M {
        loop {
            if let Some(message) = consumer.pop() {
                return message;
            }
            spin_loop();
        }
    }
    let echo = thread::spawn(move || {
        assert!(core_affinity::set_for_current(there));
        for _ in 0..=trips_count {
            pong_there.push(wait_for(&mut ping_there)).unwrap();
        }
    });
    // The first trip waits until the other thread is there.
    ping.push(M::new(0)).unwrap();
    wait_for(&mut pong);
    let start = Instant::now();
    for number in 1..=trips_count {
        ping.push(M::new(number)).unwrap();
        assert_eq!(wait_for(&mut pong).number(), number);
    }
    let elapsed = start.elapsed();
    echo.join().expect("the echo");
    elapsed
}

/// A number in a cache line there, one in another line back.
fn ping_pong_bare(there: CoreId, _capacity: usize, trips_count: u64) -> Duration {
    let lines = Arc::new([0; 2].map(|zero| CachePadded::new(AtomicU64::new(zero))));
    let lines_there = Arc::clone(&lines);
    fn wait_for(line: &AtomicU64, number: u64) {
        while line.load(Ordering::Acquire) != number {
            spin_loop();
        }
    }
    let echo = thread::spawn(move || {
        assert!(core_affinity::set_for_current(there));
        for number in 1..=trips_count + 1 {
            wait_for(&lines_there[0], number);
            lines_there[1].store(number, Ordering::Release);
        }
    });
    lines[0].store(1, Ordering::Release);
    wait_for(&lines[1], 1);
    let start = Instant::now();
    for number in 2..=trips_count + 1 {
        lines[0].store(number, Ordering::Release);
        wait_for(&lines[1], number);
    }
    let elapsed = start.elapsed();
    echo.join().expect("the echo");
    elapsed
}

trait Message: Copy + Send + 'static {
    fn new(number: u64) -> Self;
    /// The number it was made with, and all its bytes are looked at.
    fn number(&self) -> u64;
}

impl Message for u64 {
    #[inline(always)]
    fn new(number: u64) -> Self {
        number
    }

    #[inline(always)]
    fn number(&self) -> u64 {
        *self
    }
}

/// Two cache lines, as a frame.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Frame([u64; 16]);

impl Message for Frame {
    #[inline(always)]
    fn new(number: u64) -> Self {
        let mut frame = Self([0; 16]);
        frame.0[3] = number;
        frame
    }

    #[inline(always)]
    fn number(&self) -> u64 {
        self.0.iter().fold(0, |sum, word| sum | word)
    }
}
