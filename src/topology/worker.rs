//! Worker: a thread and its stages, in order.
//!
//! A thread that parks has nothing to do until one of four things happens: a socket of a stage is
//! ready, somebody rings its doorbell, a stage's deadline has come, or a second is over, after which
//! it looks whether the wall clock has moved. It looks for nothing at intervals of its own; a stage
//! that does says so by its deadline.
//!
//! No wake-up is lost, because both sides write before they read. Who pushes publishes the message,
//! then looks at the flag of who parks; who parks raises the flag, then looks at everything once more
//! with a whole round of its stages, and only then sleeps. Between the two steps each has a
//! sequentially consistent fence, so that at least one sees what the other wrote: the message is
//! found by that last round, or the flag is seen and the bell rung. A bell that rings before the
//! sleep ends it at once, since the poller remembers it, and so does a socket that became ready. The
//! supervisor's word is a flag of the same kind: it is set, then the bell is rung.
//!
//! Room in a ring is news as much as a message is. Who waits for it either looks again by a deadline
//! of its own, as sessions and feeds do, or is rung by who drains, as risk is:
//! [`Doorbell::ring_for_room`](crate::sys::poller::Doorbell::ring_for_room).

use super::Stage;
use crate::risk::approved::Approved;
use crate::sys::clock::Clock;
use crate::sys::poller::Poller;
use crate::units::Nanos;
use crossbeam::channel::Sender;
use crossbeam::utils::Backoff;
use hdrhistogram::Histogram;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

/// What a thread with nothing to do does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Idle {
    /// Looks again for `spin`, then sleeps until a socket, a ring or a deadline wakes it.
    Park,
    /// Looks ever less often, then gives up its turn, never sleeps.
    Backoff,
    /// Looks again at once, for ever.
    Spin,
}

/// What all workers are told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum Phase {
    /// Work.
    Running = 0,
    /// Take in nothing new, send what is pending.
    Draining = 1,
    /// End.
    Ending = 2,
}

/// The phase, shared by all workers of one gateway.
#[derive(Clone, Debug, Default)]
pub struct PhaseFlag(Arc<AtomicU8>);

impl PhaseFlag {
    /// The phase now.
    #[inline]
    pub fn get(&self) -> Phase {
        match self.0.load(Ordering::Acquire) {
            0 => Phase::Running,
            1 => Phase::Draining,
            _ => Phase::Ending,
        }
    }

    /// Tells all workers; the caller rings their doorbells.
    pub fn set(&self, phase: Phase) {
        self.0.store(phase as u8, Ordering::Release);
    }
}

/// What a worker tells its supervisor.
#[derive(Debug)]
pub enum Event {
    /// A stage panicked and goes on from a sound beginning.
    Restarted {
        /// Which.
        stage: &'static str,
        /// What it said.
        message: String,
    },
    /// A stage panicked that may not go on: the gate is shut.
    Shut {
        /// Which.
        stage: &'static str,
        /// What it said.
        message: String,
    },
    /// SIGTERM or SIGINT.
    Signal,
    /// A worker's thread has ended.
    Ended,
}

/// What a worker lets others see.
#[derive(Debug, Default)]
pub struct Progress {
    /// Rounds made.
    pub rounds: AtomicU64,
    /// While draining: nothing was left to do in the last round.
    pub is_quiet: AtomicBool,
}

/// A thread's stages, its poller and how it rests.
pub struct Worker {
    name: &'static str,
    stages: Vec<Box<dyn Stage + Send>>,
    /// The places of the stages, in the order in which a round polls them.
    round: Vec<usize>,
    poller: Poller,
    clock: Clock,
    idle: Idle,
    spin: Nanos,
    progress: Arc<Progress>,
    restarts: u32,
    /// By stage: not polled before, after it has panicked.
    rests_until: Vec<Nanos>,
    /// By stage, where latency is measured.
    meters: Option<Vec<Histogram<u64>>>,
}

/// The pause after a stage's first restart; it doubles with each further one.
const RESTART_PAUSE: Nanos = Nanos::from_millis(10);
/// A stage that panics more often than this is not restarted.
const RESTARTS_MAX: u32 = 10;

impl Worker {
    /// A worker without stages.
    pub fn new(name: &'static str, poller: Poller, clock: Clock, idle: Idle, spin: Nanos) -> Self {
        let progress = Arc::new(Progress::default());
        Self {
            name,
            stages: Vec::new(),
            round: Vec::new(),
            poller,
            clock,
            idle,
            spin,
            progress,
            restarts: 0,
            rests_until: Vec::new(),
            meters: None,
        }
    }

    /// Adds a stage. Stages stand in the order in which their places in the poller were taken.
    pub fn add(&mut self, stage: Box<dyn Stage + Send>) {
        self.round.push(self.stages.len());
        self.stages.push(stage);
        self.rests_until.push(Nanos::ZERO);
        if let Some(meters) = &mut self.meters {
            meters.push(meter());
        }
    }

    /// Polls the stages in this order, some of them twice: a message that one hands to another
    /// then goes on in the same round.
    pub fn set_round(&mut self, round: &[usize]) {
        assert!(round.iter().all(|at| *at < self.stages.len()));
        self.round = round.to_vec();
    }

    /// From now on measures what each stage takes for a message: two more clock readings a poll.
    pub fn measure(&mut self) {
        self.meters = Some(self.stages.iter().map(|_| meter()).collect());
    }

    /// The time that each stage took, in nanoseconds for each message of a poll that handled some.
    pub fn meters(&self) -> impl Iterator<Item = (&'static str, &Histogram<u64>)> {
        let names = self.stages.iter().map(|stage| stage.name());
        names.zip(self.meters.iter().flatten())
    }

    /// The thread's name.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The poller, to take places and the doorbell from.
    pub const fn poller(&mut self) -> &mut Poller {
        &mut self.poller
    }

    /// What others may see of it.
    pub fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.progress)
    }

    /// One round at a time of the caller's: how tests and simulations run a gateway.
    pub fn step(&mut self, now: Nanos) -> std::io::Result<usize> {
        let Self { poller, stages, .. } = self;
        poller.poll(|stage, readiness| stages[stage].ready(readiness))?;
        Ok(self.round.iter().map(|at| self.stages[*at].poll(now)).sum())
    }

    /// Runs until told to end, or until a stage fails that may not go on.
    pub fn run(&mut self, phase: &PhaseFlag, events: &Sender<Event>) {
        let mut rest_since = None;
        let backoff = Backoff::new();
        let mut follow_at = self.clock.now();
        loop {
            let phase_now = phase.get();
            if phase_now == Phase::Ending {
                return;
            }
            let now = self.clock.now();
            let Some(count) = self.round(now, phase_now, events) else {
                return;
            };
            if count != 0 {
                rest_since = None;
                backoff.reset();
                continue;
            }
            match self.idle {
                Idle::Spin => std::hint::spin_loop(),
                Idle::Backoff => backoff.snooze(),
                Idle::Park => {
                    let since = *rest_since.get_or_insert(now);
                    if now.since(since) < self.spin {
                        std::hint::spin_loop();
                    } else if self.park(now, phase, events).is_none() {
                        return;
                    }
                }
            }
            if FOLLOW_INTERVAL <= now.since(follow_at) {
                self.clock.follow(now.since(follow_at));
                follow_at = now;
            }
        }
    }

    /// The gate has failed: lets its stages send what must still leave, for so long at the most. True
    /// where all has left.
    pub fn send_last(&mut self, cancels: &mut Vec<Approved>, timeout: Nanos) -> bool {
        let until = self.clock.now().after(timeout);
        let send = || {
            loop {
                let now = self.clock.now();
                let stages = &mut self.stages;
                let ready = |stage: usize, readiness| stages[stage].ready(readiness);
                let pause = Some(Nanos::from_millis(1));
                self.poller.park(pause, ready)?;
                let send = |stage: &mut Box<dyn Stage + Send>| stage.send_last(now, cancels);
                let is_done = self
                    .stages
                    .iter_mut()
                    .map(send)
                    .fold(true, |all, one| all & one);
                if is_done || until <= now {
                    return std::io::Result::Ok(is_done);
                }
            }
        };
        matches!(catch_unwind(AssertUnwindSafe(send)), Ok(Ok(true)))
    }

    /// The gate has failed: what cancels every live order, from the stage that follows it.
    pub fn last_cancels(&mut self) -> Vec<Approved> {
        let now = self.clock.now();
        let stages = self.stages.iter_mut();
        let ask = || stages.flat_map(|stage| stage.last_cancels(now)).collect();
        catch_unwind(AssertUnwindSafe(ask)).unwrap_or_default()
    }

    /// Its thread has ended: lets its stages finish what is left, for so long at the most.
    pub fn finish(&mut self, timeout: Nanos) {
        let until = self.clock.now().after(timeout);
        let finish = || {
            for stage in &mut self.stages {
                while !stage.finish(self.clock.now()) && self.clock.now() < until {}
            }
        };
        if catch_unwind(AssertUnwindSafe(finish)).is_err() {
            tracing::error!(thread = self.name, "panicked while it finished");
        }
    }

    /// One round; `None` where the gate must shut.
    fn round(&mut self, now: Nanos, phase: Phase, events: &Sender<Event>) -> Option<usize> {
        let mut is_quiet = true;
        let count = self.guard(now, events, |worker, current| {
            let Self {
                poller,
                stages,
                round,
                rests_until,
                meters,
                clock,
                ..
            } = worker;
            let mut count = 0;
            poller.poll(|stage, readiness| {
                *current = stage;
                stages[stage].ready(readiness);
            })?;
            for at in round.iter().filter(|at| rests_until[**at] <= now) {
                *current = *at;
                let stage = &mut stages[*at];
                match phase {
                    Phase::Running => {
                        let handled = match meters {
                            None => stage.poll(now),
                            Some(meters) => measured(&mut **stage, now, clock, &mut meters[*at]),
                        };
                        count += handled;
                    }
                    _ => is_quiet &= stage.drain(now),
                }
            }
            Ok(count)
        });
        self.progress.rounds.fetch_add(1, Ordering::Relaxed);
        self.progress
            .is_quiet
            .store(is_quiet && phase != Phase::Running, Ordering::Release);
        count
    }

    /// Works on the stages, and says which one it is at. A failure is told; `None` where the gate
    /// must shut.
    #[inline]
    fn guard(
        &mut self,
        now: Nanos,
        events: &Sender<Event>,
        work: impl FnOnce(&mut Self, &mut usize) -> std::io::Result<usize>,
    ) -> Option<usize> {
        let mut at = 0;
        let message = match catch_unwind(AssertUnwindSafe(|| work(self, &mut at))) {
            Ok(Ok(count)) => return Some(count),
            Ok(Err(error)) => error.to_string(),
            Err(panic) => text_of(&*panic),
        };
        self.failed(at, message, now, events)
    }

    #[cold]
    fn failed(
        &mut self,
        at: usize,
        message: String,
        now: Nanos,
        events: &Sender<Event>,
    ) -> Option<usize> {
        let stage = self.stages[at].name();
        self.restarts += 1;
        let restarted = self.restarts <= RESTARTS_MAX
            && catch_unwind(AssertUnwindSafe(|| self.stages[at].restart(now))).unwrap_or(false);
        let event = match restarted {
            true => Event::Restarted { stage, message },
            false => Event::Shut { stage, message },
        };
        // The supervisor is gone only when the process ends anyway.
        let _ = events.send(event);
        if !restarted {
            return None;
        }
        let pause = Nanos::from_raw(RESTART_PAUSE.raw() << self.restarts.min(8));
        self.rests_until[at] = now.after(pause);
        Some(1)
    }

    /// Sleeps, unless something came while it lay down. `None` where the gate must shut.
    fn park(&mut self, now: Nanos, phase: &PhaseFlag, events: &Sender<Event>) -> Option<usize> {
        self.poller.prepare();
        // A message or a word of the supervisor that came before the flag was seen rang no bell.
        let phase_now = phase.get();
        let count = match phase_now {
            Phase::Ending => 0,
            phase_now => self.round(now, phase_now, events)?,
        };
        if count != 0 || phase_now == Phase::Ending {
            self.poller.stay();
            return Some(count);
        }
        let timeout = self.deadline().since(now).min(FOLLOW_INTERVAL);
        self.guard(now, events, |worker, current| {
            let Self { poller, stages, .. } = worker;
            poller.park(Some(timeout), |stage, readiness| {
                *current = stage;
                stages[stage].ready(readiness);
            })
        })
    }

    /// When a stage must be polled again even if nothing happens.
    fn deadline(&self) -> Nanos {
        let stages = self.stages.iter().zip(&self.rests_until);
        let deadlines = stages.map(|(stage, rests_until)| stage.deadline().max(*rests_until));
        deadlines.min().unwrap_or(Nanos::MAX)
    }
}

/// Polls a stage and notes what each message took.
fn measured(
    stage: &mut (dyn Stage + Send),
    now: Nanos,
    clock: &mut Clock,
    meter: &mut Histogram<u64>,
) -> usize {
    let begin = clock.now();
    let handled = stage.poll(now);
    if handled != 0 {
        let nanos = clock.now().since(begin).raw() / handled as u64;
        meter.saturating_record_n(nanos.max(1), handled as u64);
    }
    handled
}

/// From a nanosecond to ten seconds, to one part in a hundred.
fn meter() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 10_000_000_000, 2).expect("the bounds are a range")
}

/// How often a clock looks at the wall clock, and the longest sleep.
const FOLLOW_INTERVAL: Nanos = Nanos::from_secs(1);

/// What a panic said.
fn text_of(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::poller::Doorbell;
    use crossbeam::channel::{Receiver, unbounded};

    /// Handles nothing, tells each poll, and panics at those of these numbers.
    struct Idler {
        polls: Sender<Poll>,
        doorbell: Doorbell,
        count: usize,
        panics: Vec<usize>,
        deadline: Nanos,
    }

    struct Poll {
        now: Nanos,
        is_parked: bool,
    }

    impl Stage for Idler {
        fn name(&self) -> &'static str {
            "idler"
        }

        fn poll(&mut self, now: Nanos) -> usize {
            self.count += 1;
            let is_parked = self.doorbell.is_parked();
            let _ = self.polls.send(Poll { now, is_parked });
            assert!(!self.panics.contains(&self.count), "poll {}", self.count);
            0
        }

        fn deadline(&self) -> Nanos {
            self.deadline
        }

        fn restart(&mut self, _now: Nanos) -> bool {
            self.deadline != Nanos::ZERO
        }
    }

    struct Run {
        polls: Receiver<Poll>,
        events: Receiver<Event>,
        phase: PhaseFlag,
        doorbell: Doorbell,
        thread: std::thread::JoinHandle<Worker>,
    }

    /// Parks at once whenever there is nothing to do.
    fn run(panics: &[usize], deadline: Nanos) -> Run {
        let (told, polls) = unbounded();
        let (sender, events) = unbounded();
        let (poller, phase) = (Poller::new(8).unwrap(), PhaseFlag::default());
        let clock = Clock::new(Nanos::ZERO);
        let mut worker = Worker::new("test", poller, clock, Idle::Park, Nanos::ZERO);
        let doorbell = worker.poller().doorbell();
        worker.add(Box::new(Idler {
            polls: told,
            doorbell: doorbell.clone(),
            count: 0,
            panics: panics.to_vec(),
            deadline,
        }));
        let of_run = phase.clone();
        let thread = std::thread::spawn(move || {
            worker.run(&of_run, &sender);
            worker
        });
        Run {
            polls,
            events,
            phase,
            doorbell,
            thread,
        }
    }

    impl Run {
        fn end(self) -> Worker {
            self.phase.set(Phase::Ending);
            self.doorbell.ring();
            self.thread.join().unwrap()
        }
    }

    #[test]
    fn the_last_look_before_the_sleep_comes_after_the_flag() {
        let run = run(&[], Nanos::MAX);
        let [first, last] = [0, 1].map(|_| run.polls.recv().unwrap());
        assert!(!first.is_parked && last.is_parked);
        run.end();
    }

    #[test]
    fn a_panic_while_a_worker_lies_down_is_told_and_the_stage_pauses() {
        // The first poll finds nothing, the second is the last look before the sleep.
        let run = run(&[2], Nanos::from_raw(1));
        let Ok(Event::Restarted { stage, message }) = run.events.recv() else {
            panic!("it was not told");
        };
        assert_eq!((stage, message.as_str()), ("idler", "poll 2"));
        let polls: Vec<_> = run.polls.iter().take(3).collect();
        assert!(!polls[0].is_parked && polls[1].is_parked);
        assert!(RESTART_PAUSE <= polls[2].now.since(polls[1].now));
        // A deadline that has passed does not wake it before the pause is over.
        let worker = run.end();
        assert_eq!(worker.stages[0].deadline(), Nanos::from_raw(1));
        assert_eq!(worker.deadline(), worker.rests_until[0]);
    }

    /// Has so much left to do.
    struct Tail(Arc<AtomicU64>);

    impl Stage for Tail {
        fn name(&self) -> &'static str {
            "tail"
        }

        fn poll(&mut self, _now: Nanos) -> usize {
            0
        }

        fn finish(&mut self, _now: Nanos) -> bool {
            self.0.fetch_sub(1, Ordering::Relaxed) == 1
        }
    }

    #[test]
    fn a_worker_finishes_all_of_its_stages_and_no_longer_than_it_may() {
        let left = |counts: [u64; 2], timeout| {
            let (poller, clock) = (Poller::new(8).unwrap(), Clock::new(Nanos::ZERO));
            let mut worker = Worker::new("test", poller, clock, Idle::Park, Nanos::ZERO);
            let counts = counts.map(|count| Arc::new(AtomicU64::new(count)));
            for count in &counts {
                worker.add(Box::new(Tail(Arc::clone(count))));
            }
            worker.finish(timeout);
            counts.map(|count| count.load(Ordering::Relaxed))
        };
        assert_eq!(left([3, 1000], Nanos::from_secs(60)), [0, 0]);
        let [first, last] = left([u64::MAX, u64::MAX], Nanos::from_millis(1));
        assert!(0 < first && 0 < last);
    }

    #[test]
    fn a_panic_of_a_stage_that_may_not_go_on_ends_the_worker() {
        let run = run(&[2], Nanos::ZERO);
        let event = run.events.recv().unwrap();
        assert!(matches!(event, Event::Shut { stage: "idler", .. }));
        // Nobody tells it to end.
        assert_eq!(run.thread.join().unwrap().restarts, 1);
    }
}
