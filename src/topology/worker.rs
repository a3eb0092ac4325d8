//! Worker: a thread and its stages, in order.

use super::Stage;
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
                    } else {
                        self.park(now, phase);
                    }
                }
            }
            if FOLLOW_INTERVAL <= now.since(follow_at) {
                self.clock.follow(now.since(follow_at));
                follow_at = now;
            }
        }
    }

    /// One round; `None` where the gate must shut.
    fn round(&mut self, now: Nanos, phase: Phase, events: &Sender<Event>) -> Option<usize> {
        let mut count = 0;
        let mut is_quiet = true;
        let mut panicked = None;
        let Self {
            poller,
            stages,
            round,
            rests_until,
            meters,
            clock,
            ..
        } = self;
        let result = catch_unwind(AssertUnwindSafe(|| {
            poller.poll(|stage, readiness| {
                panicked = Some(stage);
                stages[stage].ready(readiness);
            })?;
            for at in round.iter().filter(|at| rests_until[**at] <= now) {
                panicked = Some(*at);
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
            panicked = None;
            std::io::Result::Ok(())
        }));
        self.progress.rounds.fetch_add(1, Ordering::Relaxed);
        self.progress
            .is_quiet
            .store(is_quiet && phase != Phase::Running, Ordering::Release);
        let (at, message) = match result {
            Ok(Ok(())) => return Some(count),
            Ok(Err(error)) => (panicked.unwrap_or(0), error.to_string()),
            Err(panic) => (panicked.unwrap_or(0), text_of(&*panic)),
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

    /// Sleeps, unless something came while it lay down.
    fn park(&mut self, now: Nanos, phase: &PhaseFlag) {
        self.poller.prepare();
        // A message or a word of the supervisor that came before the flag was seen rings no bell.
        if phase.get() == Phase::Ending || self.has_work(now) {
            self.poller.stay();
            return;
        }
        let deadline = self
            .stages
            .iter()
            .map(|stage| stage.deadline())
            .min()
            .unwrap_or(Nanos::MAX);
        let timeout = match deadline {
            Nanos::MAX => FOLLOW_INTERVAL,
            deadline => deadline.since(now).min(FOLLOW_INTERVAL),
        };
        let stages = &mut self.stages;
        // A poller that fails here fails again in the next round, where it is told.
        let _ = self.poller.park(Some(timeout), |stage, readiness| {
            stages[stage].ready(readiness)
        });
    }

    fn has_work(&mut self, now: Nanos) -> bool {
        let rested = |at: &&usize| self.rests_until[**at] <= now;
        self.round.iter().filter(rested).any(|at| {
            let stage = &mut self.stages[*at];
            catch_unwind(AssertUnwindSafe(|| stage.poll(now))).map_or(true, |count| count != 0)
        })
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
