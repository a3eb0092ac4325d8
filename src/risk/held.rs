//! Held: effects that wait until their record is durable, where the journal's policy is `sync`.
//!
//! Orders and what strategies hear wait; a cancel does not, unless its own order still waits here.

use super::Rings;
use super::approved::Approved;
use super::decision::Effects;
use crate::message::{BrokerRequest, Frame, Kind};
use std::collections::VecDeque;

/// Two queues in the order of the journal. Empty for ever where the policy is `process`.
#[derive(Debug)]
pub(super) struct Held {
    to_broker: VecDeque<(u64, Approved)>,
    to_strategy: VecDeque<(u64, Frame)>,
    capacity: usize,
}

impl Held {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            to_broker: VecDeque::with_capacity(capacity),
            to_strategy: VecDeque::with_capacity(capacity),
            capacity,
        }
    }

    #[inline]
    pub(super) const fn is_used(&self) -> bool {
        self.capacity != 0
    }

    pub(super) fn is_waiting(&self) -> bool {
        !(self.to_broker.is_empty() && self.to_strategy.is_empty())
    }

    /// True where the effects of one more event fit.
    #[inline]
    pub(super) fn has_room(&self) -> bool {
        let used = self.to_broker.len().max(self.to_strategy.len());
        !self.is_used() || used + super::EFFECTS_MAX <= self.capacity
    }

    /// Takes the effects of the record `sequence`.
    pub(super) fn send(
        &mut self,
        sequence: u64,
        durable: u64,
        effects: &mut Effects,
        rings: &mut Rings,
    ) {
        self.release(durable, rings);
        let (mut may_pass, mut behind_head) = (false, 0);
        for approved in effects.to_broker.drain(..) {
            // A continuation is the sender's own bytes: only a head is looked at.
            if behind_head == 0 {
                let head = approved.frame();
                behind_head = 1 + head.header.continuation_count;
                may_pass = is_safe(head) && !self.holds(head);
            }
            behind_head -= 1;
            if may_pass {
                assert!(
                    rings.risk_to_broker.stage(approved).is_ok(),
                    "room was there first"
                );
            } else {
                self.to_broker.push_back((sequence, approved));
            }
        }
        rings.risk_to_broker.publish();
        for frame in effects.to_strategy.drain(..) {
            self.to_strategy.push_back((sequence, frame));
        }
    }

    /// Lets go what is durable by now, as far as the rings have room.
    pub(super) fn release(&mut self, durable: u64, rings: &mut Rings) -> usize {
        let mut count = 0;
        while let Some((sequence, _)) = self.to_broker.front()
            && *sequence <= durable
            && let unit = self.unit_size()
            && rings.risk_to_broker.has_room(unit)
        {
            for (_, approved) in self.to_broker.drain(..unit) {
                assert!(
                    rings.risk_to_broker.stage(approved).is_ok(),
                    "room was asked for"
                );
            }
            rings.risk_to_broker.publish();
            count += 1;
        }
        while let Some((sequence, frame)) = self.to_strategy.front()
            && *sequence <= durable
            && rings.risk_to_strategy.push(*frame).is_ok()
        {
            self.to_strategy.pop_front();
            count += 1;
        }
        count
    }

    /// True where the order that a request is about still waits here.
    fn holds(&self, head: &Frame) -> bool {
        let id = head.body::<BrokerRequest>().order_id;
        // A continuation may look like the order: then the cancel waits too, which is safe.
        self.to_broker
            .iter()
            .any(|(_, held)| held.frame().body::<BrokerRequest>().order_id == id)
    }

    /// A head and the continuations behind it leave as one.
    fn unit_size(&self) -> usize {
        let continuations = self
            .to_broker
            .front()
            .map_or(0, |(_, head)| head.frame().header.continuation_count);
        1 + usize::from(continuations)
    }

    /// The disk has failed: what waits for it will never be durable. Orders do not leave; what
    /// strategies were to hear of them does not either.
    pub(super) fn give_up(&mut self, rings: &mut Rings) {
        while !self.to_broker.is_empty() {
            let unit = self.unit_size();
            for (_, approved) in self.to_broker.drain(..unit) {
                if unit == 1 && is_safe(approved.frame()) {
                    // A full ring means that the broker stage has stopped: nobody could send it.
                    let _ = rings.risk_to_broker.push(approved);
                }
            }
        }
        self.to_strategy.clear();
        self.capacity = 0;
    }
}

/// True for a request that takes no new risk.
fn is_safe(head: &Frame) -> bool {
    matches!(head.kind(), Some(Kind::BrokerCancel | Kind::BrokerStatus))
}
