//! Outlet: everything that goes to risk, in order, none of it dropped.
//!
//! Reports from brokers are taken only while the ring has room for them. What the stage itself has
//! to say is held here while it has not: the stage must take requests even when the ring to risk
//! is full, or the two could wait for each other for ever.

use crate::message::{Body, Frame, Header, Kind, Text};
use crate::ring::{Full, Producer};
use crate::units::{Nanos, StrategyId};
use arrayvec::ArrayString;
use std::collections::VecDeque;
use std::fmt::Write;

/// So much can be held. Reached only when risk takes nothing for thousands of requests.
const HELD_MAX: usize = 1 << 14;

/// The way to risk.
#[derive(Debug)]
pub(super) struct Outlet {
    broker_to_risk: Producer<Frame>,
    held: VecDeque<Frame>,
    has_staged: bool,
    exec_count: u64,
}

impl Outlet {
    pub(super) fn new(broker_to_risk: Producer<Frame>) -> Self {
        Self {
            broker_to_risk,
            held: VecDeque::with_capacity(HELD_MAX),
            has_staged: false,
            exec_count: 0,
        }
    }

    /// How many reports of brokers may be pushed.
    pub(super) fn room(&mut self) -> usize {
        match self.held.is_empty() {
            true => self.broker_to_risk.free_count(),
            false => 0,
        }
    }

    /// Whether so many messages of the stage's own can be said.
    pub(super) fn can_hold(&self, count: usize) -> bool {
        self.held.len() + count <= HELD_MAX
    }

    /// Whether something waits for room in the ring.
    pub(super) fn is_holding(&self) -> bool {
        !self.held.is_empty()
    }

    pub(super) fn push(&mut self, frame: Frame) {
        if !self.held.is_empty() {
            self.held.push_back(frame);
        } else if let Err(Full(frame)) = self.broker_to_risk.stage(frame) {
            self.held.push_back(frame);
        } else {
            self.has_staged = true;
        }
    }

    /// Says something of the stage's own.
    pub(super) fn say<B: Body>(&mut self, now: Nanos, kind: Kind, correlation: u64, body: B) {
        let header = Header {
            time: now,
            correlation,
            strategy: StrategyId::NONE,
            ..Header::default()
        };
        self.push(Frame::new(kind, header, body));
    }

    /// An id for a report of the stage's own: `now` never comes twice across restarts.
    pub(super) fn exec_id(&mut self, now: Nanos) -> Text {
        self.exec_count += 1;
        let mut id: ArrayString<36> = ArrayString::new();
        let count = self.exec_count % 1_000_000_000_000_000;
        write!(id, "gate-{:x}-{count}", now.raw()).expect("36 characters at most");
        Text::new(&id).expect("digits are printable")
    }

    /// Forgets what is held: risk is gone.
    pub(super) fn discard(&mut self) {
        self.held.clear();
    }

    /// Moves what is held into the ring as far as there is room.
    pub(super) fn flush(&mut self) {
        while let Some(frame) = self.held.pop_front() {
            if let Err(Full(frame)) = self.broker_to_risk.stage(frame) {
                self.held.push_front(frame);
                return;
            }
            self.has_staged = true;
        }
    }

    /// Makes it all visible to risk. True where there was something.
    pub(super) fn publish(&mut self) -> bool {
        self.broker_to_risk.publish();
        std::mem::take(&mut self.has_staged)
    }
}
