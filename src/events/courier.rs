//! Courier: carries events from one subscriber's queue to its sink, on a thread of its own.
//!
//! In:   its queue, by the follower.
//! Out:  its sink: the log, a file, a server elsewhere.
//! Owns: the batch under way, the pause before it is tried again, the breaker.
//!
//! A batch is given to the sink until it takes it, with growing pauses between; behind so many failures
//! in a row the breaker opens, and one event at a time is tried after each of its pauses. Meanwhile the
//! queue fills, and what it had to drop is told where it is missing.
//!
//! Invariants:
//! - Events are delivered in order; each at least once, but for those told as dropped.
//! - Nobody waits for it but who stops it, and that no longer than the bound that was said plus one call
//!   of the sink; and not at all while its breaker is open.

use super::event::{Event, Facts, Position};
use super::kind::EventKind;
use super::line::Line;
use super::queue::{Inbox, Next, Stop};
use super::sink::{Policy, Sink};
use crate::broker::breaker::{BreakerOptions, Input, State};
use crate::sys::clock::Clock;
use crate::units::Nanos;
use serde_json::{Value, json};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::thread::{Builder, JoinHandle};

/// One subscriber, before it has a thread.
pub struct Courier {
    name: String,
    sink: Box<dyn Sink>,
    inbox: Inbox,
    stop: Stop,
    policy: Policy,
    breaker: BreakerOptions,
    state: State,
    /// Given to the sink until it takes it.
    batch: Vec<Line>,
    failures: u32,
    retry_at: Nanos,
    standing: Arc<Standing>,
    clock: Clock,
}

/// A subscriber at work.
pub struct Working {
    name: String,
    stop: Stop,
    /// How long it may go on once it is stopped, in nanoseconds.
    bound: Arc<AtomicU64>,
    handle: JoinHandle<()>,
}

/// What others may see of it.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    delivered: AtomicU64,
    failures: AtomicU64,
    state: AtomicU8,
}

impl Standing {
    /// For views.
    pub(crate) fn say(&self) -> Value {
        let state = match self.state.load(Ordering::Relaxed) {
            OPEN => "open",
            HALF_OPEN => "half_open",
            FAILING => "failing",
            DEAD => "dead",
            _ => "well",
        };
        json!({
            "state": state,
            "delivered": self.delivered.load(Ordering::Relaxed),
            "failures": self.failures.load(Ordering::Relaxed),
        })
    }
}

const FAILING: u8 = 1;
const OPEN: u8 = 2;
const HALF_OPEN: u8 = 3;
const DEAD: u8 = 4;

impl Courier {
    pub(super) fn new(
        name: &str,
        sink: Box<dyn Sink>,
        policy: Policy,
        (inbox, stop): (Inbox, Stop),
        clock: Clock,
    ) -> (Self, Arc<Standing>) {
        let standing = Arc::<Standing>::default();
        let courier = Self {
            name: name.to_owned(),
            sink,
            inbox,
            stop,
            policy,
            breaker: BreakerOptions {
                pause: policy.breaker_pause,
                probes_count: 1,
                ..BreakerOptions::off()
            },
            state: State::Closed,
            batch: Vec::with_capacity(policy.batch_max + 1),
            failures: 0,
            retry_at: Nanos::ZERO,
            standing: Arc::clone(&standing),
            clock,
        };
        (courier, standing)
    }

    /// Gives it a thread.
    pub fn spawn(self) -> io::Result<Working> {
        let (name, stop) = (self.name.clone(), self.stop.clone());
        let bound = Arc::new(AtomicU64::new(0));
        let of_thread = Arc::clone(&bound);
        let thread = Builder::new().name("subscriber".to_owned());
        let handle = thread.spawn(move || {
            let (name, standing) = (self.name.clone(), Arc::clone(&self.standing));
            if catch_unwind(AssertUnwindSafe(|| self.run(&of_thread))).is_err() {
                standing.state.store(DEAD, Ordering::Relaxed);
                tracing::error!(subscriber = name, "panicked: it is told nothing more");
            }
        })?;
        Ok(Working {
            name,
            stop,
            bound,
            handle,
        })
    }

    fn run(mut self, bound: &AtomicU64) {
        let mut until = None;
        loop {
            // First, so that what was told before the stop is seen after it.
            let is_stopping = self.stop.is_set();
            let next = self.step();
            let now = self.clock.now();
            if is_stopping {
                let bound = Nanos::from_raw(bound.load(Ordering::Acquire));
                let until = *until.get_or_insert(now.after(bound));
                if self.is_over(now, next, until) {
                    return;
                }
            }
            match next {
                Nanos::MAX => self.inbox.sleep(None),
                next if now < next => self.inbox.sleep(Some(next.since(now).to_duration())),
                _ => {}
            }
        }
    }

    /// Whether there is nothing left to do before the stop, or nothing that can be done.
    fn is_over(&self, now: Nanos, next: Nanos, until: Nanos) -> bool {
        let left = self.batch.len() + self.inbox.len();
        let is_away = matches!(self.state, State::Open { .. });
        let is_over = left == 0 || is_away || until <= now || until <= next;
        if is_over && left != 0 {
            let name = &self.name;
            tracing::error!(subscriber = name, left, "events were not delivered");
        }
        is_over
    }

    /// Delivers what it can now. When there may be something to do again.
    pub(super) fn step(&mut self) -> Nanos {
        let now = self.clock.now();
        self.fill();
        if self.batch.is_empty() {
            return Nanos::MAX;
        }
        self.turn(Input::Time, now);
        if let State::Open { until } = self.state {
            return until;
        }
        if now < self.retry_at {
            return self.retry_at;
        }
        // One event is enough to see.
        let count = match self.state {
            State::HalfOpen { .. } => 1,
            _ => self.batch.len(),
        };
        self.turn(Input::Sent, now);
        let result = self.sink.deliver(&self.batch[..count]);
        let now = self.clock.now();
        match result {
            Ok(()) => {
                self.batch.drain(..count);
                self.succeeded(count, now);
                now
            }
            Err(problem) => {
                self.failed(&problem, now);
                self.retry_at
            }
        }
    }

    fn fill(&mut self) {
        while self.batch.len() < self.policy.batch_max {
            match self.inbox.next() {
                Some(Next::Event(event)) => self.batch.push(event),
                Some(Next::Gap(count, before)) => {
                    tracing::warn!(
                        subscriber = self.name,
                        count,
                        sequence = before.position.sequence,
                        "its queue was full: events were dropped"
                    );
                    self.batch.push(gap(count, &before));
                }
                None => return,
            }
        }
    }

    fn succeeded(&mut self, count: usize, now: Nanos) {
        let standing = &self.standing;
        standing
            .delivered
            .fetch_add(count as u64, Ordering::Relaxed);
        self.turn(Input::Good, now);
        if self.failures != 0 {
            tracing::info!(subscriber = self.name, "takes events again");
        }
        self.failures = 0;
        self.retry_at = now;
        self.show();
    }

    fn failed(&mut self, problem: &str, now: Nanos) {
        self.standing.failures.fetch_add(1, Ordering::Relaxed);
        self.failures = self.failures.saturating_add(1);
        let failures = self.failures;
        let failures_max = self.policy.breaker_failures;
        let is_tripped = failures_max != 0 && failures_max <= failures;
        if is_tripped || matches!(self.state, State::HalfOpen { .. }) {
            self.turn(Input::Trip, now);
        }
        let name = &self.name;
        if failures == 1 {
            tracing::warn!(subscriber = name, problem, "takes no events: tried again");
        }
        if failures == failures_max {
            tracing::error!(subscriber = name, failures, problem, "its breaker is open");
        }
        let doubled = self.policy.retry_min.raw() << (failures - 1).min(16);
        let pause = Nanos::from_raw(doubled).min(self.policy.retry_max);
        self.retry_at = match self.state {
            State::Open { until } => until,
            _ => now.after(pause),
        };
        self.show();
    }

    fn turn(&mut self, input: Input, now: Nanos) {
        self.state = self.state.next(input, now, &self.breaker);
    }

    fn show(&self) {
        let state = match self.state {
            State::Open { .. } => OPEN,
            State::HalfOpen { .. } => HALF_OPEN,
            State::Closed if self.failures != 0 => FAILING,
            State::Closed => 0,
        };
        self.standing.state.store(state, Ordering::Relaxed);
    }
}

impl Working {
    /// It ends once all is delivered, and after no more than `bound` but for a call that is under way.
    pub fn stop(&self, bound: Nanos) {
        self.bound.store(bound.raw(), Ordering::Release);
        self.stop.set();
    }

    /// Waits for its end.
    pub fn join(self) {
        if self.handle.join().is_err() {
            tracing::error!(subscriber = self.name, "its thread ended by a panic");
        }
    }
}

/// What stands where events are missing: right before the first that is not.
fn gap(count: u64, before: &Line) -> Line {
    let Position { sequence, part } = before.position;
    let (sequence, part) = match part.checked_sub(1) {
        Some(part) => (sequence, part),
        None => (sequence.saturating_sub(1), u32::MAX),
    };
    let kind = EventKind::EventsDropped;
    Line::new(Event {
        sequence,
        part,
        time: before.time,
        severity: kind.severity(),
        kind,
        correlation: 0,
        facts: Facts {
            count: Some(count),
            ..Facts::default()
        },
        text: format!(
            "{count} events were dropped before this: the subscriber was too slow or away; \
             `portcullis events --journal` has them"
        ),
    })
}

#[cfg(test)]
mod tests;
