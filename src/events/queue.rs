//! Queue: events on their way from the follower to one subscriber.
//!
//! Lock-free and bounded: who tells never waits. Where it is full the oldest event is dropped. Every
//! event has a number, so who listens sees how many it has missed, and where.

use super::line::Line;
use crossbeam::channel::{Receiver, Sender, bounded};
use crossbeam::queue::ArrayQueue;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// An event and its number in this queue, from 1.
type Numbered = (u64, Line);

/// The telling end.
#[derive(Debug)]
pub(crate) struct Outbox {
    queue: Arc<ArrayQueue<Numbered>>,
    bell: Sender<()>,
    number: u64,
}

/// The listening end.
#[derive(Debug)]
pub(crate) struct Inbox {
    queue: Arc<ArrayQueue<Numbered>>,
    bell: Receiver<()>,
    number: u64,
    /// Taken out of the queue behind a gap that was not told yet.
    held: Option<Line>,
}

/// Tells a subscriber to come to its end.
#[derive(Clone, Debug)]
pub(crate) struct Stop {
    is_set: Arc<AtomicBool>,
    bell: Sender<()>,
}

/// What comes next.
#[derive(Clone, Debug)]
pub(crate) enum Next {
    /// An event.
    Event(Line),
    /// So many were dropped, the last of them before this one.
    Gap(u64, Line),
}

/// A queue for `capacity` events, and what ends its listener.
pub(crate) fn queue(capacity: usize) -> (Outbox, Inbox, Stop) {
    let queue = Arc::new(ArrayQueue::new(capacity.max(1)));
    let (sender, bell) = bounded(1);
    let stop = Stop {
        is_set: Arc::default(),
        bell: sender.clone(),
    };
    let outbox = Outbox {
        queue: Arc::clone(&queue),
        bell: sender,
        number: 0,
    };
    let inbox = Inbox {
        queue,
        bell,
        number: 0,
        held: None,
    };
    (outbox, inbox, stop)
}

impl Outbox {
    /// Tells one. True where the oldest made room for it.
    pub(crate) fn push(&mut self, line: Line) -> bool {
        self.number += 1;
        let is_full = self.queue.force_push((self.number, line)).is_some();
        // A bell that rings already need not be rung.
        let _ = self.bell.try_send(());
        is_full
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }
}

impl Inbox {
    /// The next one, or how many were dropped before it.
    pub(crate) fn next(&mut self) -> Option<Next> {
        if let Some(event) = self.held.take() {
            return Some(Next::Event(event));
        }
        let (number, line) = self.queue.pop()?;
        let missed = number - self.number - 1;
        self.number = number;
        if missed == 0 {
            return Some(Next::Event(line));
        }
        self.held = Some(line);
        Some(Next::Gap(missed, line))
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.queue.len() + usize::from(self.held.is_some())
    }

    /// Sleeps until something comes, the end is near or `timeout` is over. No ring is lost: one that
    /// came before ends the sleep at once.
    pub(crate) fn sleep(&self, timeout: Option<Duration>) {
        let _ = match timeout {
            Some(timeout) => self.bell.recv_timeout(timeout).ok(),
            None => self.bell.recv().ok(),
        };
    }
}

impl Stop {
    /// From now on its listener ends once it has nothing left.
    pub(crate) fn set(&self) {
        self.is_set.store(true, Ordering::Release);
        let _ = self.bell.try_send(());
    }

    pub(crate) fn is_set(&self) -> bool {
        self.is_set.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::super::kind::EventKind;
    use super::super::line::tests::line;
    use super::*;

    fn push(outbox: &mut Outbox, sequence: u64) -> bool {
        outbox.push(line(sequence, EventKind::Fill, None))
    }

    /// What comes out: sequences, and minus how many are missing.
    fn take(inbox: &mut Inbox) -> Vec<i64> {
        let mut found = Vec::new();
        while let Some(next) = inbox.next() {
            found.push(match next {
                Next::Event(event) => event.position.sequence as i64,
                Next::Gap(count, _) => -(count as i64),
            });
        }
        found
    }

    #[test]
    fn where_it_is_full_the_oldest_go_and_how_many_is_told_in_their_place() {
        let (mut outbox, mut inbox, _) = queue(3);
        for sequence in 1..=3 {
            assert!(!push(&mut outbox, sequence));
        }
        assert_eq!(take(&mut inbox), [1, 2, 3]);
        for sequence in 4..=10 {
            assert_eq!(push(&mut outbox, sequence), 7 <= sequence);
        }
        assert_eq!((outbox.len(), inbox.len()), (3, 3));
        assert_eq!(take(&mut inbox), [-4, 8, 9, 10]);
        assert_eq!(inbox.len(), 0);
        push(&mut outbox, 11);
        assert_eq!(take(&mut inbox), [11]);
    }

    #[test]
    fn two_threads_lose_nothing_that_is_not_counted() {
        const COUNT: u64 = 100_000;
        let (mut outbox, mut inbox, stop) = queue(16);
        let end = stop.clone();
        let thread = std::thread::spawn(move || {
            let (mut seen, mut missed, mut last) = (0, 0, 0);
            loop {
                let is_over = stop.is_set();
                match inbox.next() {
                    Some(Next::Event(event)) => {
                        assert!(last < event.position.sequence);
                        last = event.position.sequence;
                        seen += 1;
                    }
                    Some(Next::Gap(count, _)) => missed += count,
                    None if is_over => return (seen, missed, last),
                    None => inbox.sleep(None),
                }
            }
        });
        for sequence in 1..=COUNT {
            push(&mut outbox, sequence);
        }
        end.set();
        let (seen, missed, last) = thread.join().unwrap();
        assert_eq!((seen + missed, last), (COUNT, COUNT));
    }
}
