//! The ring against a `VecDeque`, across the end of `u64`, with counted drops, and on two threads.

use std::collections::VecDeque;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{hint, thread};

use super::*;

/// The seed of a random test: `PORTCULLIS_SEED`, or a fixed one. Printed, so that a failure of
/// another seed can be run again.
fn seed() -> u64 {
    let seed = std::env::var("PORTCULLIS_SEED")
        .map(|text| text.parse().expect("PORTCULLIS_SEED is a number"))
        .unwrap_or(0x5eed_0001);
    println!("PORTCULLIS_SEED={seed}");
    seed
}

/// Xorshift: Marsaglia, "Xorshift RNGs", 2003, the triple 13, 7, 17.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

/// Counts how often it was dropped.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn capacity_is_rounded_up_to_a_power_of_two() {
    for (capacity_min, capacity) in [(1, 1), (2, 2), (3, 4), (4, 4), (5, 8), (1000, 1024)] {
        let (producer, consumer) = ring::<u64>(capacity_min);
        assert_eq!(producer.capacity(), capacity);
        assert_eq!(consumer.capacity(), capacity);
    }
}

#[test]
#[should_panic(expected = "a ring holds at least one message")]
fn capacity_of_zero_is_a_bug() {
    ring::<u64>(0);
}

#[test]
fn full_ring_gives_the_message_back() {
    let (mut producer, mut consumer) = ring(2);
    assert!(producer.push("a").is_ok());
    assert!(producer.push("b").is_ok());
    assert!(producer.push("c") == Err(Full("c")));
    assert_eq!(producer.free_count(), 0);
    assert_eq!(consumer.pop(), Some("a"));
    assert!(producer.push("c").is_ok());
    assert_eq!(consumer.pop(), Some("b"));
    assert_eq!(consumer.pop(), Some("c"));
    assert_eq!(consumer.pop(), None);
    assert_eq!(producer.free_count(), 2);
}

#[test]
fn unit_is_seen_whole_or_not_at_all() {
    let (mut producer, mut consumer) = ring(4);
    for message in 0..3 {
        producer.stage(message).unwrap();
        assert_eq!(consumer.peek(), None);
        assert_eq!(consumer.len(), 0);
    }
    assert_eq!(producer.len(), 3);
    producer.publish();
    assert_eq!(consumer.len(), 3);
    assert_eq!(consumer.drain(9).collect::<Vec<_>>(), [0, 1, 2]);
}

#[test]
fn unit_that_finds_no_room_can_be_taken_back() {
    let (mut producer, mut consumer) = ring(2);
    producer.push(1).unwrap();
    assert!(!producer.has_room(2));
    producer.stage(2).unwrap();
    assert!(producer.push(3) == Err(Full(3)));
    producer.unstage();
    assert_eq!(producer.free_count(), 1);
    assert_eq!(consumer.drain(9).collect::<Vec<_>>(), [1]);
    assert!(producer.has_room(2));
}

#[test]
fn stage_all_takes_all_or_gives_all_back() {
    let (mut producer, mut consumer) = ring(4);
    producer.stage_all([1, 2, 3]).unwrap();
    let Err(Full(back)) = producer.stage_all([4, 5]) else {
        panic!("there is room for one")
    };
    assert_eq!(back.collect::<Vec<_>>(), [4, 5]);
    producer.stage_all([4]).unwrap();
    producer.stage_all([]).unwrap();
    assert!(consumer.is_empty());
    producer.publish();
    assert_eq!(consumer.drain(9).collect::<Vec<_>>(), [1, 2, 3, 4]);
}

/// Says that it holds `said_count` messages, and panics at the one numbered `panics_at`.
struct Liar {
    said_count: usize,
    next: u64,
    panics_at: u64,
}

impl Iterator for Liar {
    type Item = Box<u64>;

    fn next(&mut self) -> Option<Box<u64>> {
        self.next += 1;
        assert_ne!(self.next, self.panics_at);
        (self.next < 4).then(|| Box::new(self.next))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.said_count, Some(self.said_count))
    }
}

impl ExactSizeIterator for Liar {}

#[test]
fn stage_all_is_not_misled_by_its_iterator() {
    let staged_count = |said_count, panics_at| {
        let (mut producer, _consumer) = ring(4);
        let messages = Liar {
            said_count,
            next: 0,
            panics_at,
        };
        let _ = catch_unwind(AssertUnwindSafe(|| producer.stage_all(messages).is_ok()));
        producer.len()
    };
    assert_eq!(staged_count(2, 99), 2, "more than it said");
    assert_eq!(staged_count(4, 99), 3, "fewer than it said");
    assert_eq!(
        staged_count(4, 3),
        2,
        "a panic: what it gave before is staged, and not lost"
    );
}

#[test]
fn drain_releases_only_what_it_took() {
    let (mut producer, mut consumer) = ring(4);
    (0..4).for_each(|message| producer.push(message).unwrap());

    let mut drain = consumer.drain(3);
    assert_eq!(drain.len(), 3);
    assert_eq!((drain.next(), drain.next()), (Some(0), Some(1)));
    assert_eq!(
        producer.free_count(),
        0,
        "nothing is released while the drain lives"
    );
    drop(drain);

    assert_eq!(producer.free_count(), 2);
    assert_eq!(consumer.peek(), Some(&2));
    assert_eq!(consumer.drain(0).next(), None);
    assert_eq!(consumer.drain(usize::MAX).collect::<Vec<_>>(), [2, 3]);
    assert!(consumer.is_empty());
    assert_eq!(producer.free_count(), 4);
}

#[test]
fn drain_releases_what_it_took_when_its_user_panics() {
    let (mut producer, mut consumer) = ring(4);
    (0..4).for_each(|message| producer.push(message).unwrap());
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        for message in consumer.drain(4) {
            assert_ne!(message, 1);
        }
    }));
    assert!(outcome.is_err());
    assert_eq!(producer.free_count(), 2);
    assert_eq!(consumer.pop(), Some(2));
}

#[test]
fn end_knows_that_the_other_end_was_dropped() {
    let (mut producer, mut consumer) = ring(4);
    assert!(!producer.is_abandoned());
    assert!(!consumer.is_abandoned());
    producer.push(7).unwrap();
    drop(producer);
    assert!(consumer.is_abandoned());
    assert_eq!(
        consumer.pop(),
        Some(7),
        "what was published outlives the producer"
    );
    assert_eq!(consumer.pop(), None);

    let (producer, consumer) = ring::<u64>(4);
    drop(consumer);
    assert!(producer.is_abandoned());
}

#[test]
fn every_message_is_dropped_once() {
    let drops_count = Arc::new(AtomicUsize::new(0));
    let dropped = || drops_count.load(Ordering::Relaxed);
    let counted = || Counted(Arc::clone(&drops_count));

    // Three published of which one is taken, and two staged; the producer leaves first.
    let (mut producer, mut consumer) = ring(8);
    (0..3).for_each(|_| assert!(producer.push(counted()).is_ok()));
    (0..2).for_each(|_| assert!(producer.stage(counted()).is_ok()));
    drop(consumer.pop());
    assert_eq!(dropped(), 1);
    drop(producer);
    assert_eq!(dropped(), 3, "the staged ones go with the producer");
    drop(consumer);
    assert_eq!(dropped(), 5, "the published ones go with the ring");

    // The consumer leaves first, and the ring is full.
    drops_count.store(0, Ordering::Relaxed);
    let (mut producer, consumer) = ring(2);
    (0..2).for_each(|_| assert!(producer.push(counted()).is_ok()));
    drop(consumer);
    assert_eq!(dropped(), 0);
    drop(producer.push(counted()));
    assert_eq!(dropped(), 1, "the one that found no room");
    drop(producer);
    assert_eq!(dropped(), 3);
}

#[test]
fn forgotten_drain_leaks_what_it_held_and_drops_nothing_twice() {
    let drops_count = Arc::new(AtomicUsize::new(0));
    let (mut producer, mut consumer) = ring(4);
    for _ in 0..3 {
        assert!(producer.push(Counted(Arc::clone(&drops_count))).is_ok());
    }
    let mut drain = consumer.drain(2);
    drop(drain.next());
    mem::forget(drain);
    drop(consumer);
    drop(producer);
    assert_eq!(
        drops_count.load(Ordering::Relaxed),
        2,
        "one it took, and one it did not hold"
    );
}

#[test]
fn messages_without_a_size_pass() {
    let (mut producer, mut consumer) = ring(2);
    assert!(producer.push(()).is_ok());
    assert!(producer.push(()).is_ok());
    assert!(producer.push(()).is_err());
    assert_eq!(consumer.drain(9).count(), 2);
    assert_eq!(consumer.pop(), None);
}

#[test]
fn debug_tells_how_full_it_is() {
    let (mut producer, consumer) = ring(4);
    producer.push(1).unwrap();
    assert_eq!(format!("{producer:?}"), "Producer { 1 of 4 }");
    assert_eq!(format!("{consumer:?}"), "Consumer { 1 of 4 }");
}

/// The oracle: two queues, of what is published and of what is only staged.
struct Oracle {
    capacity: usize,
    staged: VecDeque<Box<u64>>,
    published: VecDeque<Box<u64>>,
}

impl Oracle {
    fn stage(&mut self, message: u64) -> bool {
        let has_room = self.staged.len() + self.published.len() < self.capacity;
        if has_room {
            self.staged.push_back(Box::new(message));
        }
        has_room
    }

    fn publish(&mut self) {
        self.published.append(&mut self.staged);
    }
}

/// Boxes, so that a message read twice or from an unwritten slot does not go unseen.
fn agrees_with_the_oracle(capacity: usize, position: u64, random: &mut Random, steps_count: usize) {
    let (mut producer, mut consumer) = ring_from::<Box<u64>>(capacity, position);
    let mut oracle = Oracle {
        capacity,
        staged: VecDeque::new(),
        published: VecDeque::new(),
    };
    // A place in the order of messages, and how many from there back are still in the ring.
    let mut mark = (position, 0);
    for step in 0..steps_count as u64 {
        let mut count_before = oracle.staged.len() + oracle.published.len();
        match random.below(10) {
            0 | 1 => {
                let is_pushed = producer.push(Box::new(step)).is_ok();
                assert_eq!(is_pushed, oracle.stage(step));
                if is_pushed {
                    oracle.publish();
                }
            }
            2 | 3 => {
                assert_eq!(producer.stage(Box::new(step)).is_ok(), oracle.stage(step));
            }
            4 => {
                producer.publish();
                oracle.publish();
            }
            5 if random.below(4) == 0 => {
                producer.unstage();
                oracle.staged.clear();
                count_before = oracle.published.len();
                mark = (producer.position(), count_before);
            }
            5 | 6 => assert_eq!(consumer.pop(), oracle.published.pop_front()),
            7 => {
                let count = random.below(4);
                let has_room = count <= capacity - oracle.staged.len() - oracle.published.len();
                let messages = vec![Box::new(step); count];
                assert_eq!(producer.stage_all(messages).is_ok(), has_room);
                if has_room {
                    (0..count).for_each(|_| assert!(oracle.stage(step)));
                }
            }
            8 => assert_eq!(consumer.peek(), oracle.published.front()),
            _ => {
                let count_max = random.below(capacity + 2);
                let take_count = random.below(capacity + 2);
                let mut drain = consumer.drain(count_max);
                let count = count_max.min(oracle.published.len());
                assert_eq!(drain.len(), count);
                for _ in 0..take_count.min(count) {
                    assert_eq!(drain.next(), oracle.published.pop_front());
                }
                assert_eq!(drain.next().is_none(), count <= take_count);
                if take_count < count {
                    oracle.published.pop_front();
                }
            }
        }
        let count = oracle.staged.len() + oracle.published.len();
        // What is staged only comes behind it; what is taken was before it first.
        let taken = count_before.saturating_sub(count);
        mark.1 = usize::saturating_sub(mark.1, taken);
        if random.below(4) == 0 {
            assert_eq!(producer.is_taken(mark.0), mark.1 == 0);
        }
        if random.below(16) == 0 {
            mark = (producer.position(), count);
        }
        assert_eq!(producer.len(), count);
        assert_eq!(producer.is_empty(), count == 0);
        assert_eq!(consumer.len(), oracle.published.len());
        assert_eq!(consumer.is_empty(), oracle.published.is_empty());
        if random.below(4) == 0 {
            let wanted_count = random.below(capacity + 2);
            assert_eq!(
                producer.has_room(wanted_count),
                wanted_count <= capacity - count
            );
        }
        if random.below(4) == 0 {
            assert_eq!(producer.free_count(), capacity - count);
        }
    }
}

#[test]
fn ring_agrees_with_a_queue() {
    let mut random = Random(seed());
    for capacity in [1, 2, 4, 8, 64] {
        agrees_with_the_oracle(capacity, 0, &mut random, 20_000);
    }
}

#[test]
fn positions_may_wrap() {
    let mut random = Random(seed());
    for capacity in [1, 2, 4, 8, 64] {
        for before_wrap in 0..10 {
            agrees_with_the_oracle(capacity, u64::MAX - before_wrap, &mut random, 400);
        }
    }
}

/// Gives the core away after a while, so that a machine with one free core still gets through.
fn wait(tries_count: &mut u32) {
    *tries_count += 1;
    if (*tries_count).is_multiple_of(64) {
        thread::yield_now();
    } else {
        hint::spin_loop();
    }
}

#[test]
fn two_threads_pass_messages_in_order() {
    const MESSAGES_COUNT: u64 = if cfg!(miri) { 200 } else { 3_000_000 };
    let mut random = Random(seed());
    let mut random_there = Random(random.below(usize::MAX) as u64 | 1);
    // Small and near the wrap: full, empty and wrapping all happen.
    let (mut producer, mut consumer) = ring_from::<[u64; 16]>(64, u64::MAX - 1000);

    let sender = thread::spawn(move || {
        let mut next = 0;
        let mut tries_count = 0;
        while next < MESSAGES_COUNT {
            // A unit: all of one go, told to the consumer by the number of those to come.
            let unit_count = (random_there.below(8) as u64 + 1).min(MESSAGES_COUNT - next);
            while !producer.has_room(unit_count as usize) {
                wait(&mut tries_count);
            }
            for behind_count in (0..unit_count).rev() {
                let mut message = [next; 16];
                message[15] = behind_count;
                producer.stage(message).unwrap();
                next += 1;
            }
            producer.publish();
        }
    });

    let mut expected = 0;
    let mut tries_count = 0;
    let mut check = |message: [u64; 16]| -> u64 {
        assert_eq!(message[..15], [expected; 15]);
        expected += 1;
        message[15]
    };
    loop {
        let is_last_look = consumer.is_abandoned();
        let mut behind_count = 0;
        let before_count = consumer.len();
        match random.below(3) {
            0 => behind_count = consumer.pop().map_or(0, &mut check),
            1 => consumer
                .drain(random.below(64))
                .for_each(|message| behind_count = check(message)),
            _ => {
                if let Some(seen) = consumer.peek().copied() {
                    assert_eq!(consumer.pop(), Some(seen));
                    behind_count = check(seen);
                }
            }
        }
        assert!(
            behind_count as usize <= consumer.len(),
            "the rest of a unit is there already"
        );
        if before_count == 0 {
            if is_last_look {
                break;
            }
            wait(&mut tries_count);
        }
    }
    assert_eq!(expected, MESSAGES_COUNT);
    sender.join().unwrap();
}
