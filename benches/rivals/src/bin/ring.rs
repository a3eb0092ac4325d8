//! Ring: ours beside `rtrb` and crossbeam's `ArrayQueue`, and beside the least that two cores need
//! to pass a number.
//!
//! Run: `cargo run --release --features ring --bin ring -- [rounds [part of a title]]`, on a
//! machine with nothing else to do.
//!
//! Contestants alternate in the rounds of one run, and a ratio compares within a round. Every
//! message is summed by its receiver, and the sum is checked before the time counts. An end that
//! finds the queue full or empty spins with backoff, as a stage of the gateway does. `ArrayQueue`
//! is made for many producers and consumers and has no batches: it passes one by one.

#[path = "../queue.rs"]
mod queue;

use std::hint::spin_loop;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use core_affinity::CoreId;
use crossbeam::utils::{Backoff, CachePadded};

use queue::{Array, Frame, Message, Ours, Queue, Receiver, Rtrb, Sender, UNIT_COUNT};

const PASSED_COUNT: u64 = 50_000;
const DRAIN_COUNT_MAX: usize = 64;
const TRIPS_COUNT: u64 = 2_000;

fn main() {
    let cores = core_affinity::get_core_ids().expect("the cores of this machine");
    let [here, there, ..] = cores[..] else {
        panic!(
            "two threads at work need two cores, and this process may use {}",
            cores.len()
        );
    };
    assert!(
        core_affinity::set_for_current(here),
        "this thread can be pinned to core {here:?}"
    );
    let mut arguments = std::env::args().skip(1);
    let rounds_count = arguments.next().map_or(Ok(400), |text| text.parse());
    let setting = &Setting {
        there,
        rounds_count: rounds_count.expect("the first argument is a number of rounds"),
        wanted: arguments.next().unwrap_or_default(),
    };
    println!("{}, {} rounds", machine(), setting.rounds_count);

    for (way, title) in [
        (Way::SameThread, "one thread, push then pop"),
        (Way::Single, "two threads, push and pop"),
        (Way::Batch, "two threads, publish 16, drain up to 64"),
    ] {
        throughput::<u64>(&format!("u64, {title}"), setting, way);
        throughput::<Frame>(&format!("128 bytes, {title}"), setting, way);
    }
    latency::<u64, 1>("u64", setting, 1024);
    latency::<Frame, 16>("128 bytes", setting, 32);
    latency::<Frame, 16>("128 bytes", setting, 1024);
}

struct Setting {
    there: CoreId,
    rounds_count: usize,
    wanted: String,
}

/// A run of one contestant, which calls what it is given after each trip, if it makes trips.
type Run<'a> = &'a dyn Fn(&mut dyn FnMut()) -> Duration;

fn throughput<M: Message>(title: &str, setting: &Setting, way: Way) {
    let there = setting.there;
    let contestants: &[(&str, Run)] = &[
        ("portcullis", &|_| pass::<Ours, M>(there, way)),
        ("rtrb", &|_| pass::<Rtrb, M>(there, way)),
        ("ArrayQueue", &|_| pass::<Array, M>(there, way)),
    ];
    contest(
        &format!("{title}, 1024 slots"),
        setting,
        PASSED_COUNT,
        contestants,
    );
}

fn latency<M: Message, const WORDS_COUNT: usize>(size: &str, setting: &Setting, capacity: usize) {
    let there = setting.there;
    let contestants: &[(&str, Run)] = &[
        ("two atomics", &|stamp| {
            ping_pong_bare(there, TRIPS_COUNT, stamp)
        }),
        ("portcullis", &|stamp| {
            ping_pong::<Ours, M>(there, capacity, stamp)
        }),
        ("rtrb", &|stamp| {
            ping_pong::<Rtrb, M>(there, capacity, stamp)
        }),
        ("ArrayQueue", &|stamp| {
            ping_pong::<Array, M>(there, capacity, stamp)
        }),
        ("two atomics, and bytes", &|stamp| {
            ping_pong_words::<WORDS_COUNT>(there, TRIPS_COUNT, capacity, stamp)
        }),
    ];
    // Small messages share cache lines, which the bare exchange of bytes does not imitate.
    let contestants = if WORDS_COUNT < 8 {
        &contestants[..4]
    } else {
        contestants
    };
    // A trip is there and back: a message passes twice.
    let title = format!("{size}, one way of a ping-pong, {capacity} slots");
    contest(&title, setting, 2 * TRIPS_COUNT, contestants);
    let title = format!("{size}, each ping-pong there and back, {capacity} slots");
    tails(&title, setting, contestants);
}

/// Runs all contestants in each round, another one first each time, and prints the time per
/// message of each, and its ratio to the first of the list in the same round.
///
/// Two virtual cores may be near each other or far apart from one moment to the next, which
/// changes everything between two threads tenfold. So each round measures how far apart they are
/// just then, and the quarter of the rounds with the nearest cores is told separately.
fn contest(title: &str, setting: &Setting, messages_count: u64, contestants: &[(&str, Run)]) {
    if !title.contains(&setting.wanted) {
        return;
    }
    contestants.iter().for_each(|(_, run)| _ = run(&mut || ()));
    let mut rounds: Vec<(f64, Vec<f64>)> = Vec::new();
    for round in 0..setting.rounds_count {
        let probe_count = TRIPS_COUNT / 4;
        let apart = ping_pong_bare(setting.there, probe_count, || ());
        let mut nanos = vec![0.0; contestants.len()];
        for turn in 0..contestants.len() {
            let index = (round + turn) % contestants.len();
            let elapsed = (contestants[index].1)(&mut || ());
            nanos[index] = elapsed.as_nanos() as f64 / messages_count as f64;
        }
        rounds.push((apart.as_nanos() as f64 / (2 * probe_count) as f64, nanos));
    }
    rounds.sort_by(|left, right| left.0.total_cmp(&right.0));
    println!("\n{title}: ns per message");
    let nearest = &rounds[..rounds.len().div_ceil(4)];
    for (which, rounds) in [("all", &rounds[..]), ("nearest", nearest)] {
        let apart = quantile(rounds.iter().map(|round| round.0), 500);
        println!(
            "  {:26}      best   median      p90      p99      M/s   ratio",
            format!("{which} {} rounds, {apart:.0} ns apart", rounds.len()),
        );
        for (index, (name, _)) in contestants.iter().enumerate() {
            let nanos = || rounds.iter().map(|round| round.1[index]);
            let ratios = rounds.iter().map(|round| round.1[index] / round.1[0]);
            println!(
                "  {name:>26} {:9.2} {:8.2} {:8.2} {:8.2} {:8.1} {:7.3}",
                quantile(nanos(), 0),
                quantile(nanos(), 500),
                quantile(nanos(), 900),
                quantile(nanos(), 990),
                1e3 / quantile(nanos(), 500),
                quantile(ratios, 500),
            );
        }
    }
}

/// As `contest`, but each trip is timed by itself: a clock read each, in all contestants.
fn tails(title: &str, setting: &Setting, contestants: &[(&str, Run)]) {
    if !title.contains(&setting.wanted) {
        return;
    }
    let mut trips = vec![Vec::new(); contestants.len()];
    for round in 0..setting.rounds_count {
        for turn in 0..contestants.len() {
            let index = (round + turn) % contestants.len();
            let mut before = None;
            (contestants[index].1)(&mut || {
                let now = Instant::now();
                if let Some(before) = before.replace(now) {
                    trips[index].push((now - before).as_nanos() as f64);
                }
            });
        }
    }
    println!(
        "\n{title}: ns\n  {:26}    median      p99    p99.9      max",
        ""
    );
    for ((name, _), trips) in contestants.iter().zip(trips) {
        let [median, p99, p999, max] =
            [500, 990, 999, 1000].map(|at| quantile(trips.iter().copied(), at));
        println!("  {name:>26} {median:9.0} {p99:8.0} {p999:8.0} {max:8.0}");
    }
}

fn quantile(values: impl Iterator<Item = f64>, per_mille: usize) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[(values.len() - 1) * per_mille / 1000]
}

fn machine() -> String {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let cpus = read("/proc/cpuinfo");
    let cpu = cpus.lines().find(|line| line.starts_with("model name"));
    let commit = std::process::Command::new("git")
        .args(["rev-parse", "--short", "HEAD"])
        .output();
    format!(
        "{}, Linux {}, commit {}",
        cpu.and_then(|line| line.split(": ").nth(1))
            .unwrap_or("unknown processor"),
        read("/proc/sys/kernel/osrelease").trim(),
        commit.map_or("unknown".into(), |output| String::from_utf8_lossy(
            &output.stdout
        )
        .trim()
        .to_string()),
    )
}

#[derive(Clone, Copy)]
enum Way {
    SameThread,
    Single,
    Batch,
}

/// Passes `PASSED_COUNT` messages and checks their sum.
fn pass<Q: Queue, M: Message>(there: CoreId, way: Way) -> Duration {
    let (mut sender, mut receiver) = Q::new::<M>(1024);
    if let Way::SameThread = way {
        let start = Instant::now();
        let mut sum = 0;
        for number in 0..PASSED_COUNT {
            assert!(sender.push(M::new(number)).is_ok());
            sum ^= receiver.pop().expect("just pushed").fold();
        }
        let elapsed = start.elapsed();
        assert_eq!(sum, sum_of::<M>(PASSED_COUNT));
        return elapsed;
    }
    let is_there = Arc::new(AtomicU64::new(0));
    let is_there_too = Arc::clone(&is_there);
    let taker = thread::spawn(move || {
        assert!(core_affinity::set_for_current(there));
        is_there_too.store(1, Ordering::Release);
        let backoff = Backoff::new();
        let mut sum = 0;
        let mut count = 0;
        while count < PASSED_COUNT {
            let taken_count = match way {
                Way::Batch => receiver.drain(DRAIN_COUNT_MAX, |message| sum ^= message.fold()),
                _ => receiver.pop().map_or(0, |message| {
                    sum ^= message.fold();
                    1
                }),
            };
            if taken_count == 0 {
                backoff.spin();
            } else {
                count += taken_count as u64;
                backoff.reset();
            }
        }
        (sum, Instant::now())
    });
    while is_there.load(Ordering::Acquire) == 0 {
        spin_loop();
    }
    let start = Instant::now();
    let backoff = Backoff::new();
    let mut number = 0;
    while number < PASSED_COUNT {
        let pushed_count = match way {
            Way::Batch => UNIT_COUNT * usize::from(sender.push_unit(number)),
            _ => usize::from(sender.push(M::new(number)).is_ok()),
        };
        if pushed_count == 0 {
            backoff.spin();
        } else {
            number += pushed_count as u64;
            backoff.reset();
        }
    }
    let (sum, end) = taker.join().expect("the taker");
    assert_eq!(sum, sum_of::<M>(PASSED_COUNT));
    end - start
}

/// There and back again, `TRIPS_COUNT` times, and `stamp` after each.
fn ping_pong<Q: Queue, M: Message>(
    there: CoreId,
    capacity: usize,
    mut stamp: impl FnMut(),
) -> Duration {
    let (mut ping, mut ping_there) = Q::new::<M>(capacity);
    let (mut pong_there, mut pong) = Q::new::<M>(capacity);
    let echo = thread::spawn(move || {
        assert!(core_affinity::set_for_current(there));
        for _ in 0..TRIPS_COUNT + 1 {
            let message = wait_for(&mut ping_there);
            assert!(pong_there.push(message).is_ok());
        }
    });
    // The first trip waits until the other thread is there.
    assert!(ping.push(M::new(0)).is_ok());
    wait_for(&mut pong);
    let start = Instant::now();
    let mut sum = 0;
    for number in 0..TRIPS_COUNT {
        assert!(ping.push(M::new(number)).is_ok());
        sum ^= wait_for(&mut pong).fold();
        stamp();
    }
    let elapsed = start.elapsed();
    echo.join().expect("the echo");
    assert_eq!(sum, sum_of::<M>(TRIPS_COUNT));
    elapsed
}

#[inline(always)]
fn wait_for<M>(receiver: &mut impl Receiver<M>) -> M {
    loop {
        if let Some(message) = receiver.pop() {
            return message;
        }
        spin_loop();
    }
}

/// The least that two cores need: a number in a cache line there, one in another line back.
fn ping_pong_bare(there: CoreId, trips_count: u64, stamp: impl FnMut()) -> Duration {
    ping_pong_words::<0>(there, trips_count, 1, stamp)
}

/// The same, with so many words written beside each number, in the next place each time: the
/// least that any queue needs whose messages do not share a line with its positions.
fn ping_pong_words<const WORDS_COUNT: usize>(
    there: CoreId,
    trips_count: u64,
    places_count: usize,
    mut stamp: impl FnMut(),
) -> Duration {
    let lines = Arc::new([0; 2].map(|_| {
        Lines::<WORDS_COUNT> {
            number: Default::default(),
            places: (0..places_count)
                .map(|_| Place([0; WORDS_COUNT].map(AtomicU64::new)))
                .collect(),
        }
    }));
    let lines_there = Arc::clone(&lines);
    let echo = thread::spawn(move || {
        assert!(core_affinity::set_for_current(there));
        for number in 1..=trips_count + 1 {
            lines_there[0].wait_for(number);
            lines_there[1].store(number);
        }
    });
    lines[0].store(1);
    lines[1].wait_for(1);
    let start = Instant::now();
    for number in 2..=trips_count + 1 {
        lines[0].store(number);
        lines[1].wait_for(number);
        stamp();
    }
    let elapsed = start.elapsed();
    echo.join().expect("the echo");
    elapsed
}

struct Lines<const WORDS_COUNT: usize> {
    number: CachePadded<AtomicU64>,
    places: Vec<Place<WORDS_COUNT>>,
}

#[repr(align(64))]
struct Place<const WORDS_COUNT: usize>([AtomicU64; WORDS_COUNT]);

impl<const WORDS_COUNT: usize> Lines<WORDS_COUNT> {
    #[inline(always)]
    fn store(&self, number: u64) {
        for word in &self.places[number as usize % self.places.len()].0 {
            word.store(number, Ordering::Relaxed);
        }
        self.number.store(number, Ordering::Release);
    }

    #[inline(always)]
    fn wait_for(&self, number: u64) {
        while self.number.load(Ordering::Acquire) != number {
            spin_loop();
        }
        for word in &self.places[number as usize % self.places.len()].0 {
            assert_eq!(word.load(Ordering::Relaxed), number);
        }
    }
}

fn sum_of<M: Message>(count: u64) -> u64 {
    (0..count).fold(0, |sum, number| sum ^ M::new(number).fold())
}
