//! Risk: decides every order, alone and in sequence.
//!
//! In:   `admin_to_risk`, `broker_to_risk`, `market_to_risk`, `strategy_to_risk`, in this order.
//! Out:  `risk_to_strategy`, `risk_to_broker`; the journal's mapped segment, before either.
//! Owns: the [`core`]: limits, exposure, open orders. No other thread touches them.
//!
//! Hot path. The core below is pure; this loop only moves frames between it, the journal and rings.
//!
//! Invariants:
//! - The record of an event and its decision is in the journal before any effect of it is in a ring.
//! - An event is taken only when the largest output of it has room, so a journaled effect never
//!   fails. New orders that find no room are refused; everything else waits upstream.

pub mod approved;
pub mod core;
pub mod decision;
pub mod setup;

mod adjust;
pub mod adopt;
mod basket;
mod calendar;
pub mod cell;
mod check;
mod command;
mod control;
mod day;
mod duplicate;
mod exit_orders;
pub mod exits;
mod exposure;
mod foresee;
mod funds;
mod held;
mod identity;
mod index;
mod level;
pub mod limits;
pub mod losses;
pub mod margins;
mod market;
pub mod money;
mod moves;
pub mod order;
mod overrides;
mod own;
mod parents;
mod questions;
mod rate;
mod report;
pub mod respond;
mod route;
mod rules;
mod short;
mod sizing;
mod standing;
mod sums;
mod tail;
mod verify;
pub mod view;

use self::approved::Approved;
use self::core::Core;
use self::decision::{Decision, EFFECTS_MAX, Effects, Outcome};
use self::held::Held;
use crate::journal::Room;
use crate::journal::writer::Writer;
use crate::message::{
    Basket, Checkpoint, Frame, Header, Kind, NewOrder, Refusal, Replace, Text, Tick, flags,
};
use crate::reject::{Failed, RejectReason};
use crate::ring::{Consumer, Producer};
use crate::sys::failpoint;
use crate::sys::memory;
use crate::sys::poller::Doorbell;
use crate::topology::Stage;
use crate::units::{AccountId, Nanos, StrategyId};
use arrayvec::ArrayVec;

/// A head and the most continuations that a command may have.
const UNIT_MAX: usize = 1 + 255;

/// The rings that end or begin in this stage.
#[derive(Debug)]
pub struct Rings {
    /// Kills, raises, settlements.
    pub admin_to_risk: Consumer<Frame>,
    /// Reports and links.
    pub broker_to_risk: Consumer<Frame>,
    /// Prices.
    pub market_to_risk: Consumer<Frame>,
    /// Commands and sessions.
    pub strategy_to_risk: Consumer<Frame>,
    /// Executions and refusals.
    pub risk_to_strategy: Producer<Frame>,
    /// What the brokers are to be sent.
    pub risk_to_broker: Producer<Approved>,
    /// Wakes who drains `risk_to_strategy`.
    pub strategy_doorbell: Doorbell,
    /// Wakes who drains `risk_to_broker`.
    pub broker_doorbell: Doorbell,
    /// Wakes the journal's thread where effects wait for it.
    pub journal_doorbell: Doorbell,
}

/// The one stage that decides.
#[derive(Debug)]
pub struct Risk {
    core: Core,
    writer: Writer,
    rings: Rings,
    held: Held,
    effects: Effects,
    unit: Box<ArrayVec<Frame, UNIT_MAX>>,
    batch_max: usize,
    checkpoint_events: u64,
    next_checkpoint: u64,
    is_stopping: bool,
}

/// Where an event came from decides what happens to it when there is no room.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Source {
    Admin,
    Broker,
    Market,
    Strategy,
}

impl Risk {
    /// A stage around a core that recovery has brought up to date. `sync` holds effects back until
    /// they are durable.
    pub fn new(
        core: Core,
        writer: Writer,
        rings: Rings,
        batch_max: usize,
        checkpoint_events: u32,
        sync: bool,
    ) -> Self {
        let checkpoint_events = u64::from(checkpoint_events.max(1));
        let capacity = rings
            .risk_to_broker
            .capacity()
            .max(rings.risk_to_strategy.capacity());
        Self {
            next_checkpoint: core.counts().events + checkpoint_events,
            held: Held::new(if sync { capacity } else { 0 }),
            core,
            writer,
            rings,
            effects: Effects::default(),
            unit: Box::default(),
            batch_max,
            checkpoint_events,
            is_stopping: false,
        }
    }

    /// The core, to look at.
    pub const fn core(&self) -> &Core {
        &self.core
    }

    /// Takes up to a batch from each ring in turn.
    fn take_all(&mut self, now: Nanos) -> usize {
        let mut count = 0;
        for source in [
            Source::Admin,
            Source::Broker,
            Source::Market,
            Source::Strategy,
        ] {
            for _ in 0..self.batch_max {
                if !self.take_one(source, now) {
                    break;
                }
                count += 1;
            }
        }
        count
    }

    /// Takes one event with its continuations, if there is one and it has room.
    #[inline]
    fn take_one(&mut self, source: Source, now: Nanos) -> bool {
        let ring = match source {
            Source::Admin => &mut self.rings.admin_to_risk,
            Source::Broker => &mut self.rings.broker_to_risk,
            Source::Market => &mut self.rings.market_to_risk,
            Source::Strategy => &mut self.rings.strategy_to_risk,
        };
        let Some(head) = ring.peek() else {
            return false;
        };
        let kinds = [Kind::NewOrder, Kind::Replace, Kind::Basket];
        let is_new_risk = head.kind().is_some_and(|kind| kinds.contains(&kind));
        // An order leaves a share of the ring to the cancels behind it.
        let broker_room = self.rings.risk_to_broker.free_count();
        let needed = if is_new_risk {
            2 * EFFECTS_MAX
        } else {
            EFFECTS_MAX
        };
        let is_busy = broker_room < needed || !self.held.has_room();
        let has_strategy_room = self.rings.risk_to_strategy.has_room(EFFECTS_MAX);
        if !has_strategy_room || is_busy && !is_new_risk && source != Source::Broker {
            return false;
        }
        self.unit.clear();
        let continuation_count = usize::from(head.header.continuation_count);
        for frame in ring.drain(1 + continuation_count) {
            self.unit.push(frame);
        }
        // While this event is decided, what the next one needs comes near.
        if let Some(next) = ring.peek() {
            self.core.foresee(next, memory::prefetch);
        }
        let header = &mut self.unit[0].header;
        header.time = now;
        if is_new_risk {
            header.flags |= if is_busy { flags::BUSY } else { 0 };
            header.flags |= if self.is_stopping {
                flags::NOT_READY
            } else {
                0
            };
        }
        match self.writer.room() {
            Room::Open => self.decide(),
            Room::Full if is_new_risk => self.refuse_unjournaled(RejectReason::JournalFull),
            // The reserve is for what must pass; without prices nothing new could anyway.
            Room::Full if source == Source::Market => {}
            Room::Full => self.decide(),
            Room::Failed if is_new_risk => self.refuse_unjournaled(RejectReason::JournalFailed),
            Room::Failed => self.pass_unjournaled(),
        }
        true
    }

    /// One event: the core decides, the journal remembers, then the rings carry.
    #[inline]
    fn decide(&mut self) {
        self.effects.clear();
        let (head, continuations) = (&self.unit[0], &self.unit[1..]);
        failpoint::reach("after_take");
        let decision = self.core.step(head, continuations, &mut self.effects);
        failpoint::reach(match self.unit[0].kind() {
            Some(Kind::NewOrder) => "before_append_of_order",
            _ => "before_append",
        });
        let sequence = self
            .writer
            .append(&self.unit, &decision, self.core.digest());
        failpoint::reach("after_append");
        // Past this line the event is remembered: what follows from it may leave.
        self.send(sequence);
        failpoint::reach("after_send");
        if self.next_checkpoint <= self.core.counts().events {
            self.checkpoint();
        }
    }

    /// Pushes the effects, or holds back those that must be durable first.
    #[inline]
    fn send(&mut self, sequence: u64) {
        let rings = &mut self.rings;
        if self.held.is_used() {
            let durable = self.writer.durable_sequence();
            self.held.send(sequence, durable, &mut self.effects, rings);
            return;
        }
        for approved in self.effects.to_broker.drain(..) {
            assert!(
                rings.risk_to_broker.stage(approved).is_ok(),
                "room was there first"
            );
        }
        rings.risk_to_broker.publish();
        failpoint::reach("between_sends");
        for frame in self.effects.to_strategy.drain(..) {
            assert!(
                rings.risk_to_strategy.stage(frame).is_ok(),
                "room was there first"
            );
        }
        rings.risk_to_strategy.publish();
    }

    /// Writes the digest down, for those who follow to compare.
    #[cold]
    fn checkpoint(&mut self) {
        self.next_checkpoint = self.core.counts().events + self.checkpoint_events;
        if self.writer.room() != Room::Open {
            return;
        }
        let body = Checkpoint {
            digest: self.core.digest(),
            event_count: self.core.counts().events,
            orders_open_count: u64::from(self.core.orders_open_count()),
            ..Checkpoint::default()
        };
        let header = Header {
            time: self.core.now(),
            ..Header::default()
        };
        let frame = Frame::new(Kind::Checkpoint, header, body);
        self.writer.append(&[frame], &APPLIED, self.core.digest());
    }

    /// Refuses a command that the journal has no room for: nothing of it is remembered, so the
    /// refusal is not counted among the session's reports.
    #[cold]
    fn refuse_unjournaled(&mut self, reason: RejectReason) {
        let head = &self.unit[0];
        let (account, client_order_id): (AccountId, Text) = match head.kind() {
            Some(Kind::Replace) => {
                let replace = head.body::<Replace>();
                (replace.account, replace.client_order_id)
            }
            Some(Kind::Basket) => (AccountId::NONE, head.body::<Basket>().client_order_id),
            _ => {
                let order = head.body::<NewOrder>();
                (order.account, order.client_order_id)
            }
        };
        let mut failed = Failed::NONE;
        failed.note(reason, true);
        let refusal = Refusal {
            failed,
            account,
            client_order_id,
            reason: reason as u16,
            command: head.header.kind,
            ..Refusal::default()
        };
        let header = Header {
            sequence: 0,
            continuation_count: 0,
            flags: 0,
            ..head.header
        };
        let frame = Frame::new(Kind::Refusal, header, refusal);
        assert!(
            self.rings.risk_to_strategy.push(frame).is_ok(),
            "room was there first"
        );
    }

    /// The journal is gone: cancels, reports and kills still pass, remembered by nobody.
    #[cold]
    fn pass_unjournaled(&mut self) {
        self.effects.clear();
        self.core
            .step(&self.unit[0], &self.unit[1..], &mut self.effects);
        self.held.give_up(&mut self.rings);
        self.send(0);
    }

    /// True where the core waits for no more than the time. The last moment there is stands for never.
    fn is_due(&self, now: Nanos) -> bool {
        let deadline = self.core.next_deadline();
        deadline <= now && deadline != Nanos::MAX
    }

    /// Steps the ticks that are due, a bounded number of them.
    fn tick(&mut self, now: Nanos) -> usize {
        let mut count = 0;
        while self.is_due(now) && count < self.batch_max {
            let has_room = self.rings.risk_to_strategy.has_room(EFFECTS_MAX)
                && EFFECTS_MAX <= self.rings.risk_to_broker.free_count()
                && self.held.has_room();
            if !has_room {
                break;
            }
            self.unit.clear();
            let header = Header {
                time: now,
                strategy: StrategyId::NONE,
                ..Header::default()
            };
            self.unit
                .push(Frame::new(Kind::Tick, header, Tick::default()));
            match self.writer.room() {
                Room::Open | Room::Full => self.decide(),
                Room::Failed => self.pass_unjournaled(),
            }
            count += 1;
        }
        count
    }
}

impl Stage for Risk {
    fn name(&self) -> &'static str {
        "risk"
    }

    fn poll(&mut self, now: Nanos) -> usize {
        let mut count = self.tick(now);
        count += self.take_all(now);
        if self.held.is_used() {
            let durable = self.writer.durable_sequence();
            count += self.held.release(durable, &mut self.rings);
            if self.held.is_waiting() {
                self.rings.journal_doorbell.ring();
            }
        }
        if count != 0 {
            self.rings.broker_doorbell.ring();
            self.rings.strategy_doorbell.ring();
        }
        count
    }

    fn deadline(&self) -> Nanos {
        self.core.next_deadline()
    }

    fn drain(&mut self, now: Nanos) -> bool {
        self.is_stopping = true;
        self.poll(now) == 0 && !self.held.is_waiting()
    }
}

const APPLIED: Decision = Decision {
    outcome: Outcome::Applied,
    reason: None,
    failed: Failed::NONE,
    limit: 0,
    value: 0,
    order_id: crate::units::OrderId::NONE,
};
