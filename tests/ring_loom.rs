//! The ring under loom: every interleaving of two threads, with every value that the memory model
//! lets a load return. Each access to a slot is checked as well, so a missing Acquire or Release
//! is a failure here even where the machine would forgive it.
//!
//! Run with `RUSTFLAGS="--cfg loom" cargo test --release --test ring_loom --target-dir target/loom`
//! (a folder of its own, since the flag concerns every crate). Without the flag nothing is here.
//!
//! No test waits for the other thread: each tries a fixed number of times, and what is left is
//! looked at after the join. That keeps the search finite, so it is exhaustive: the number of
//! preemptions is not bounded.
#![cfg(loom)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use loom::thread;
use portcullis::ring::{Consumer, Producer, ring, ring_from};

/// Two messages before the positions wrap.
const NEAR_WRAP: u64 = u64::MAX - 1;

/// Pushes 0, 1, ... with `tries_count` tries, and returns how many found room.
fn push_some(producer: &mut Producer<u64>, tries_count: usize) -> u64 {
    let mut next = 0;
    for _ in 0..tries_count {
        if producer.push(next).is_ok() {
            next += 1;
        }
    }
    next
}

/// Takes what is left, which must go on at `expected` and end before `end`.
fn expect_rest(consumer: &mut Consumer<u64>, mut expected: u64, end: u64) {
    while let Some(message) = consumer.pop() {
        assert_eq!(message, expected);
        expected += 1;
    }
    assert_eq!(expected, end);
}

/// More messages than slots: full, empty and the wrap of both the slots and the positions.
#[test]
fn messages_arrive_in_order() {
    for (capacity, tries_count) in [(1, 4), (2, 5)] {
        loom::model(move || {
            let (mut producer, mut consumer) = ring_from(capacity, NEAR_WRAP);
            let sender = thread::spawn(move || push_some(&mut producer, tries_count));
            let mut expected = 0;
            for _ in 0..tries_count {
                if let Some(message) = consumer.pop() {
                    assert_eq!(message, expected);
                    expected += 1;
                }
            }
            let end = sender.join().unwrap();
            assert!(capacity as u64 <= end);
            expect_rest(&mut consumer, expected, end);
        });
    }
}

/// A full ring refuses, and what it refuses is not seen.
#[test]
fn full_ring_refuses_until_a_slot_is_released() {
    loom::model(|| {
        let (mut producer, mut consumer) = ring_from(2, NEAR_WRAP);
        assert_eq!(push_some(&mut producer, 3), 2);
        let taker = thread::spawn(move || {
            assert_eq!(consumer.pop(), Some(0));
            consumer
        });
        let is_pushed = producer.push(2).is_ok();
        let mut consumer = taker.join().unwrap();
        expect_rest(&mut consumer, 1, if is_pushed { 3 } else { 2 });
        assert!(producer.has_room(2));
    });
}

/// Boxes, so that loom also sees the memory behind a message: a slot read before it was written,
/// or twice, frees what it should not.
#[test]
fn peek_sees_what_pop_takes() {
    loom::model(|| {
        let (mut producer, mut consumer) = ring_from(1, NEAR_WRAP);
        let sender = thread::spawn(move || {
            for message in 0..3 {
                drop(producer.push(Box::new(message)));
            }
        });
        for _ in 0..2 {
            let seen = consumer.peek().cloned();
            if seen.is_some() {
                assert_eq!(consumer.pop(), seen);
            }
        }
        sender.join().unwrap();
    });
}

#[test]
fn unit_is_seen_whole_or_not_at_all() {
    loom::model(|| {
        let (mut producer, mut consumer) = ring_from(4, NEAR_WRAP);
        let sender = thread::spawn(move || {
            let mut units_count = 0;
            for unit in 0..3 {
                if producer.stage_all([10 * unit, 10 * unit + 1]).is_err() {
                    break;
                }
                producer.publish();
                units_count += 1;
            }
            units_count
        });
        let mut expected = 0;
        for _ in 0..2 {
            let unit: Vec<u64> = consumer.drain(2).collect();
            if !unit.is_empty() {
                assert_eq!(unit, [10 * expected, 10 * expected + 1]);
                expected += 1;
            }
        }
        let end = sender.join().unwrap();
        assert_eq!(consumer.len() as u64, 2 * (end - expected));
    });
}

/// A unit that is taken back is never seen, and its slots can be written again.
#[test]
fn unit_taken_back_is_never_seen() {
    loom::model(|| {
        let (mut producer, mut consumer) = ring_from(2, NEAR_WRAP);
        let sender = thread::spawn(move || {
            producer.stage(Box::new(7)).unwrap();
            producer.stage(Box::new(8)).unwrap();
            producer.unstage();
            producer.push(Box::new(0)).unwrap();
        });
        assert!(matches!(consumer.pop().as_deref(), None | Some(0)));
        sender.join().unwrap();
    });
}

/// The slots of a drain are free only once it is dropped, and only those it took.
#[test]
fn drain_releases_what_it_took_when_it_ends() {
    loom::model(|| {
        let (mut producer, mut consumer) = ring_from(2, NEAR_WRAP);
        assert_eq!(push_some(&mut producer, 2), 2);
        let sender = thread::spawn(move || {
            let mut next = 2;
            for _ in 0..3 {
                if producer.push(next).is_ok() {
                    next += 1;
                }
            }
            next
        });
        let mut expected = 0;
        for (count_max, take_count) in [(2, 1), (3, 2)] {
            for message in consumer.drain(count_max).take(take_count) {
                assert_eq!(message, expected);
                expected += 1;
            }
        }
        assert!(2 <= expected);
        let end = sender.join().unwrap();
        expect_rest(&mut consumer, expected, end);
    });
}

/// Once the producer is seen to be gone, all that it published is there, and nothing else comes.
#[test]
fn abandoned_ring_shows_all_that_was_published() {
    loom::model(|| {
        let (mut producer, mut consumer) = ring(2);
        let sender = thread::spawn(move || push_some(&mut producer, 2));
        if consumer.is_abandoned() {
            expect_rest(&mut consumer, 0, 2);
        }
        sender.join().unwrap();
        assert!(consumer.is_abandoned());
    });
}

struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Either end may go first, with messages staged, published and taken.
#[test]
fn every_message_is_dropped_once() {
    loom::model(|| {
        let drops_count = Arc::new(AtomicUsize::new(0));
        let counted = {
            let drops_count = Arc::clone(&drops_count);
            move || Counted(Arc::clone(&drops_count))
        };
        let (mut producer, mut consumer) = ring_from(2, NEAR_WRAP);
        let sender = thread::spawn(move || {
            for _ in 0..2 {
                drop(producer.push(counted()));
            }
            drop(producer.stage(counted()));
            producer.is_abandoned()
        });
        drop(consumer.pop());
        drop(consumer);
        sender.join().unwrap();
        assert_eq!(drops_count.load(Ordering::Relaxed), 3);
    });
}
