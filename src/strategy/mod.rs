//! Strategy: strategies' sessions. Bytes to commands, reports to bytes.
//!
//! In:   TCP and Unix streams; `risk_to_strategy`.
//! Out:  `strategy_to_risk`; the same streams.
//! Owns: connections, sequences, the last reports to each strategy. No other thread touches them.
//!
//! Hot path: from a readable socket to the ring, and from the ring to the socket. Connections come
//! and go on a cold one.
//!
//! What one strategy does is its own trouble. Its commands wait in its socket while some of them are in
//! the ring, or that is full; a batch bounds its share of a poll; reports that it does not read are kept
//! up to a bound, then it is cut off; a panic over its bytes ends its session. Who is not logged on is
//! bounded in number and in time, and the oldest of them gives way.
//!
//! Invariants:
//! - A command reaches the ring whole, once, in sequence, under the name that logged on.
//! - After a session's last command risk hears that it is down, whatever ended it.
//! - Memory does not grow after [`StrategyStage::open`].

pub mod client;
pub mod options;

mod connection;
mod history;
mod lifecycle;
mod listener;
pub(crate) mod outbound;
mod seat;
#[cfg(test)]
mod tests;

use crate::message::Frame;
use crate::protocol::native::bodies::{Fault, LogoutReason};
use crate::protocol::native::parser::{self, Decoded, Path};
use crate::protocol::native::session::Heard;
use crate::ring::{Consumer, Producer};
use crate::strategy::connection::{Progress, Slot};
use crate::strategy::listener::{Listeners, TOKEN_FIRST};
use crate::strategy::options::Options;
use crate::strategy::seat::Seat;
use crate::sys::failpoint;
use crate::sys::poller::{Doorbell, Readiness, Sockets};
use crate::topology::Stage;
use crate::units::{Nanos, StrategyId};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The stage.
pub struct StrategyStage {
    options: Options,
    sockets: Sockets,
    rings: Rings,
    listeners: Listeners,
    /// By [`StrategyId`].
    seats: Vec<Seat>,
    slots: Vec<Slot>,
    slots_free: Vec<usize>,
    /// Slots that have something to do, each at most once.
    queue: VecDeque<usize>,
    /// The definitions of all symbols.
    symbols: Vec<Frame>,
    counters: Counters,
    outbound_frames_max: u64,
    connection_serial: u64,
    is_started: bool,
    /// Risk must still be told of some session that is down.
    has_downs: bool,
    /// The ring was full: look again then.
    retry_at: Nanos,
    /// Nobody is accepted before then.
    accept_at: Nanos,
    /// The next time at which something is due.
    tick_at: Nanos,
    drain: lifecycle::Drain,
}

/// The ends of the rings that the stage is handed.
pub struct Rings {
    /// Commands and session changes.
    pub strategy_to_risk: Producer<Frame>,
    /// Wakes risk, for commands and for room among the reports.
    pub risk_doorbell: Doorbell,
    /// Reports: the header says whose.
    pub risk_to_strategy: Consumer<Frame>,
}

/// What has happened so far.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counters {
    /// Connections taken in.
    pub connections: u64,
    /// Connections that gave way to newer ones before they had logged on.
    pub evictions: u64,
    /// Logons that were good.
    pub logons: u64,
    /// Logons that were not.
    pub logons_refused: u64,
    /// Sessions and logons that ended over a fault of the other end.
    pub faults: u64,
    /// Sessions cut off because they did not read.
    pub slow_consumers: u64,
    /// Sessions ended by a panic.
    pub panics: u64,
    /// Commands handed to risk.
    pub commands: u64,
    /// Reports taken from risk.
    pub reports: u64,
    /// Reports to a strategy that does not exist.
    pub reports_stray: u64,
}

/// How long a full ring is left alone when nothing else happens.
const RETRY: Nanos = Nanos::from_raw(50_000);

impl StrategyStage {
    /// Keeps a report of the journal, so that it can be sent again. To be called before the first
    /// poll, with the reports in the order of the journal.
    pub fn restore(&mut self, report: &Frame) {
        if let Some(seat) = self.seats.get_mut(report.header.strategy.0 as usize) {
            seat.history.push(report);
        }
    }

    /// What has happened so far.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Whether a strategy has a session now.
    pub fn is_up(&self, strategy: StrategyId) -> bool {
        self.seats
            .get(strategy.0 as usize)
            .is_some_and(|seat| seat.slot.is_some())
    }

    /// Takes reports from risk to where their sessions are written from.
    fn take_reports(&mut self, now: Nanos) -> usize {
        let mut count = 0;
        while count < self.options.reports_per_poll_max {
            let Some(report) = self.rings.risk_to_strategy.pop() else {
                break;
            };
            count += 1;
            let index = report.header.strategy.0 as usize;
            let Some(slot) = self.seats.get(index).map(|seat| seat.slot) else {
                self.counters.reports_stray += 1;
                continue;
            };
            if let Some(at) = slot {
                self.check_speed(index, at, now);
                self.enqueue(at);
            }
            if report.header.sequence == 0 {
                self.notice(slot, report, now);
                continue;
            }
            self.seats[index].history.push(&report);
            failpoint::reach("before_reply");
        }
        self.counters.reports += count as u64;
        let ring = &self.rings.risk_to_strategy;
        let bell = &self.rings.risk_doorbell;
        bell.ring_for_room(ring.capacity(), count, || ring.len());
        count
    }

    /// A refusal that the journal could not remember: told now or never.
    #[cold]
    fn notice(&mut self, slot: Option<usize>, mut report: Frame, now: Nanos) {
        let Some(at) = slot else { return };
        report.header.flags = 0;
        if !self.slots[at].outbound.notice(report) {
            self.flush(at, now);
            if !self.slots[at].outbound.notice(report) {
                self.counters.slow_consumers += 1;
                self.end(at, Fault::new(LogoutReason::SlowConsumer), now);
            }
        }
    }

    /// Cuts a session off that is too far behind to be handed one more report.
    #[inline]
    fn check_speed(&mut self, seat: usize, at: usize, now: Nanos) {
        if self.is_slow(seat, at) {
            self.flush(at, now);
            if self.is_slow(seat, at) {
                self.counters.slow_consumers += 1;
                self.end(at, Fault::new(LogoutReason::SlowConsumer), now);
            }
        }
    }

    #[inline]
    fn is_slow(&self, seat: usize, at: usize) -> bool {
        let slot = &self.slots[at];
        let Some(link) = &slot.link else { return false };
        let history = &self.seats[seat].history;
        let report_next = slot.outbound.report_next();
        let behind = history
            .next()
            .saturating_sub(report_next.max(link.replay_until));
        self.outbound_frames_max <= behind || history.would_lose(report_next)
    }

    /// Gives each slot in the queue its share.
    fn serve_queue(&mut self, now: Nanos) -> usize {
        let mut count = 0;
        for _ in 0..self.queue.len() {
            let Some(at) = self.queue.pop_front() else {
                break;
            };
            self.slots[at].is_queued = false;
            // One boundary for a whole batch. What a panic leaves behind is dropped with the session:
            // its buffers are cleared and what it staged but did not publish is taken back.
            match catch_unwind(AssertUnwindSafe(|| self.serve(at, now))) {
                Ok(served) => {
                    count += served.count;
                    if served.has_more {
                        self.enqueue(at);
                    }
                }
                Err(_) => self.end_by_panic(at, now),
            }
        }
        count
    }

    /// Writes, then reads and handles at most a batch.
    #[inline]
    fn serve(&mut self, at: usize, now: Nanos) -> Served {
        self.flush(at, now);
        let mut count = 0;
        let mut staged_count = 0;
        let mut has_more = false;
        for step in 0.. {
            if step == self.options.commands_per_poll_max {
                has_more = true;
                break;
            }
            let slot = &mut self.slots[at];
            let Some(link) = &mut slot.link else { break };
            if link.linger_until.is_some() {
                has_more = self.discard(at, now);
                break;
            }
            if self.drain.is_on() {
                break;
            }
            let frames = slot.inbox.frames();
            match parser::decode(frames, Path::StrategyToGate, self.options.continuations_max) {
                Decoded::Incomplete => {
                    // Whoever reads the ring starts on what it has while the socket is asked again.
                    if staged_count != 0 {
                        self.rings.risk_doorbell.ring();
                        staged_count = 0;
                    }
                    match slot.read() {
                        Progress::Some => {}
                        Progress::Nothing => break,
                        Progress::Gone => {
                            self.close(at, now);
                            break;
                        }
                    }
                }
                Decoded::Malformed(error) => {
                    self.fail(at, error.into(), now);
                    break;
                }
                Decoded::Message {
                    head,
                    continuations,
                    consumed,
                } => {
                    // A logon needs room to say that the session before is down, and that this is up.
                    let frames_max = 1 + continuations.len().max(1);
                    let seat = link.seat.and_then(|seat| self.seats.get_mut(seat));
                    let ring = &mut self.rings.strategy_to_risk;
                    let may_send = seat.is_none_or(|seat| seat.may_send(ring));
                    if !may_send || !ring.has_room(frames_max) {
                        self.retry_at = now.after(RETRY);
                        has_more = true;
                        break;
                    }
                    match link.acceptor.receive(head, now) {
                        Ok(Heard::Command) => {
                            let Some(seat) = link.seat.and_then(|seat| self.seats.get_mut(seat))
                            else {
                                break;
                            };
                            push(
                                &mut self.rings.strategy_to_risk,
                                head,
                                continuations,
                                seat,
                                now,
                            );
                            staged_count += 1;
                            self.counters.commands += 1;
                            count += 1;
                            slot.inbox.consume(consumed);
                        }
                        Ok(Heard::Logon(logon)) => {
                            let logon = *logon;
                            slot.inbox.consume(consumed);
                            self.log_on(at, &logon, now);
                            count += 1;
                        }
                        Ok(Heard::Heartbeat | Heard::Definition(_)) => slot.inbox.consume(consumed),
                        Ok(Heard::Logout(_)) => {
                            self.end(at, Fault::new(LogoutReason::Done), now);
                            break;
                        }
                        Err(fault) => {
                            self.fail(at, fault, now);
                            break;
                        }
                    }
                }
            }
        }
        if staged_count != 0 {
            self.rings.risk_doorbell.ring();
        }
        Served { count, has_more }
    }

    /// Writes what the socket takes.
    #[inline]
    fn flush(&mut self, at: usize, now: Nanos) {
        if self.slots[at].flush(&self.seats, &self.symbols, now) == Progress::Gone {
            self.close(at, now);
        }
        failpoint::reach("after_reply");
    }

    #[inline]
    fn enqueue(&mut self, at: usize) {
        if !std::mem::replace(&mut self.slots[at].is_queued, true) {
            self.queue.push_back(at);
        }
    }
}

struct Served {
    count: usize,
    has_more: bool,
}

/// Hands a command to risk. There is room: the caller has looked.
#[inline]
fn push(
    strategy_to_risk: &mut Producer<Frame>,
    head: &Frame,
    continuations: &[Frame],
    seat: &mut Seat,
    now: Nanos,
) {
    let mut command = *head;
    command.header.time = now;
    command.header.correlation = correlation(seat.strategy, head.header.sequence);
    command.header.strategy = seat.strategy;
    command.header.continuation_count = continuations.len() as u8;
    failpoint::reach("after_read");
    let mut staged = strategy_to_risk.stage(command);
    #[cfg(test)]
    tests::panic_if_asked(head);
    for continuation in continuations {
        staged = staged.and(strategy_to_risk.stage(*continuation));
    }
    assert!(staged.is_ok());
    strategy_to_risk.publish();
    failpoint::reach("after_push");
    seat.sent(&head.header, 1 + continuations.len());
}

/// A number that no other command has had or will have: sequences go on across connections and
/// restarts.
#[inline]
fn correlation(strategy: StrategyId, sequence: u64) -> u64 {
    u64::from(strategy.0) << 40 | sequence & ((1 << 40) - 1)
}

impl Stage for StrategyStage {
    fn name(&self) -> &'static str {
        "strategy"
    }

    #[inline]
    fn ready(&mut self, readiness: Readiness) {
        let Some(at) = readiness.token.checked_sub(TOKEN_FIRST) else {
            self.listeners.ready(readiness);
            return;
        };
        let Some(link) = self.slots.get_mut(at).and_then(|slot| slot.link.as_mut()) else {
            return;
        };
        link.is_readable |= readiness.is_readable;
        link.is_closed |= readiness.is_closed;
        link.is_writable |= readiness.is_writable;
        self.enqueue(at);
    }

    fn poll(&mut self, now: Nanos) -> usize {
        if !self.is_started {
            self.start(now);
        }
        self.retry_at = Nanos::MAX;
        let mut count = self.take_reports(now);
        if self.has_downs {
            self.tell_downs(now);
        }
        if self.listeners.is_ready() {
            count += self.accept(now);
        }
        count += self.serve_queue(now);
        if self.tick_at <= now {
            self.tick(now);
        }
        count
    }

    fn deadline(&self) -> Nanos {
        match self.queue.is_empty() || self.retry_at != Nanos::MAX {
            true => self.tick_at.min(self.retry_at),
            false => Nanos::ZERO,
        }
    }

    fn drain(&mut self, now: Nanos) -> bool {
        self.drain_step(now)
    }
}
