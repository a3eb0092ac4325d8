//! Broker: approved orders to the brokers, what they report back to risk.
//!
//! In:   `risk_to_broker`, which carries nothing but [`Approved`]; the brokers' connections.
//! Out:  `broker_to_risk`: reports, and how each link stands; the brokers' connections.
//! Owns: a link and a breaker for each broker, what waits to be sent, what was not yet said.
//!
//! Invariants:
//! - A request is sent once or not at all. What may have left is in doubt and never sent again: the
//!   core asks. What surely did not leave is answered with the reason.
//! - Cancels pass whatever the breaker says; they wait, bounded, for a link that is down.
//! - No report is dropped: none is taken from a broker that has no room in the ring.
//! - Requests are always taken, also when the ring to risk is full: neither waits for the other.

pub mod breaker;
pub mod exchange;
pub mod link;
pub mod native;
mod outbound;
mod outlet;
pub mod registry;
pub mod server;
pub mod sim;
#[cfg(test)]
mod tests;
mod wire;

use crate::message::{BrokerRequest, Frame, Kind};
use crate::ring::{Consumer, Producer};
use crate::risk::approved::Approved;
use crate::sys::poller::{Doorbell, Readiness};
use crate::topology::Stage;
use crate::units::{BrokerId, Nanos};
use breaker::{Breaker, BreakerOptions};
use link::{BrokerLink, Inbound, Lane, Unsent};
use outlet::Outlet;

/// So many requests at most in one poll.
const BATCH: usize = 256;
/// One request leads to no more messages of the stage's own: an answer and changes of the link.
const ANSWERS_MAX: usize = 4;
/// The frames of the largest unit that can be written at all.
const UNIT_FRAMES_MAX: usize = 256;

/// The stage.
pub struct BrokerStage {
    risk_to_broker: Consumer<Approved>,
    outlet: Outlet,
    /// Wakes the thread of the risk stage.
    risk: Doorbell,
    /// By [`BrokerId`].
    brokers: Vec<Broker>,
    /// Used again and again for the unit at hand.
    unit: Vec<Approved>,
}

struct Broker {
    lane: Lane,
    link: Box<dyn BrokerLink>,
}

impl BrokerStage {
    /// A stage with the links of all brokers, by [`BrokerId`].
    pub fn new(
        risk_to_broker: Consumer<Approved>,
        broker_to_risk: Producer<Frame>,
        risk: Doorbell,
        links: Vec<(Box<dyn BrokerLink>, BreakerOptions)>,
    ) -> Self {
        let links = links.into_iter().zip(0u32..);
        let brokers = links.map(|((link, options), id)| Broker {
            lane: Lane::new(BrokerId(id), Breaker::new(options)),
            link,
        });
        Self {
            risk_to_broker,
            outlet: Outlet::new(broker_to_risk),
            risk,
            brokers: brokers.collect(),
            unit: Vec::with_capacity(UNIT_FRAMES_MAX),
        }
    }

    fn take_requests(&mut self, now: Nanos) -> usize {
        let (mut count, mut taken) = (0, 0);
        while count < BATCH && self.outlet.can_hold(ANSWERS_MAX) {
            let Some(head) = self.risk_to_broker.pop() else {
                break;
            };
            let continuation_count = head.frame().header.continuation_count;
            self.unit.clear();
            self.unit.push(head);
            for _ in 0..continuation_count {
                let frame = self.risk_to_broker.pop();
                self.unit.push(frame.expect("a unit is published as one"));
            }
            taken += self.unit.len();
            self.dispatch(now);
            count += 1;
        }
        let ring = &self.risk_to_broker;
        self.risk
            .ring_for_room(ring.capacity(), taken, || ring.len());
        count
    }

    fn dispatch(&mut self, now: Nanos) {
        let head = self.unit[0].frame();
        let request: &BrokerRequest = head.body();
        let Some(broker) = self.brokers.get_mut(request.broker.0 as usize) else {
            let lane = Lane::new(request.broker, Breaker::new(BreakerOptions::off()));
            return lane.answer(now, &mut self.outlet, head, Unsent::BrokerUnknown);
        };
        let lane = &mut broker.lane;
        let kind = head.kind();
        let is_risk = matches!(kind, Some(Kind::BrokerNew | Kind::BrokerReplace));
        let outcome = if is_risk && !lane.is_up {
            Err(Unsent::LinkDown)
        } else if is_risk && !lane.breaker.admits() {
            Err(Unsent::BreakerOpen)
        } else {
            broker.link.send(now, &self.unit)
        };
        match (outcome, kind) {
            (Ok(()), Some(kind)) if lane.is_up => lane.breaker.sent(now, request.order_id, kind),
            (Ok(()), _) => {}
            (Err(why), _) => {
                if why == Unsent::OutboundFull && lane.is_up {
                    lane.breaker.trip(now);
                }
                lane.answer(now, &mut self.outlet, head, why);
            }
        }
        lane.tell(now, &mut self.outlet);
    }

    fn publish(&mut self) {
        if self.outlet.publish() {
            self.risk.ring();
        }
    }
}

impl Stage for BrokerStage {
    fn name(&self) -> &'static str {
        "broker"
    }

    fn ready(&mut self, readiness: Readiness) {
        if let Some(broker) = self.brokers.get_mut(readiness.token) {
            broker.link.ready(readiness);
        }
    }

    fn poll(&mut self, now: Nanos) -> usize {
        self.outlet.flush();
        let mut count = self.take_requests(now);
        for Broker { lane, link } in &mut self.brokers {
            lane.breaker.tick(now);
            lane.tell(now, &mut self.outlet);
            let outlet = &mut self.outlet;
            count += link.poll(now, &mut Inbound { now, lane, outlet });
        }
        self.publish();
        // What is held must go out as soon as risk has made room, and nobody rings for that.
        count + usize::from(self.outlet.is_holding())
    }

    fn deadline(&self) -> Nanos {
        let deadlines = self.brokers.iter().map(|broker| {
            let link = broker.link.deadline();
            link.min(broker.lane.breaker.deadline())
        });
        deadlines.min().unwrap_or(Nanos::MAX)
    }

    /// What waits in the ring was decided and journaled, so it goes first: a cancel must not overtake
    /// its order. Nobody takes what is answered.
    fn send_last(&mut self, now: Nanos, cancels: &mut Vec<Approved>) -> bool {
        self.outlet.discard();
        while self.take_requests(now) != 0 {
            self.outlet.discard();
        }
        for cancel in cancels.drain(..) {
            self.unit.clear();
            self.unit.push(cancel);
            self.dispatch(now);
            self.outlet.discard();
        }
        self.drain(now)
    }

    fn drain(&mut self, now: Nanos) -> bool {
        let mut is_done = self.poll(now) == 0;
        for Broker { lane, link } in &mut self.brokers {
            let outlet = &mut self.outlet;
            is_done &= link.drain(now, &mut Inbound { now, lane, outlet });
        }
        self.publish();
        is_done && self.risk_to_broker.is_empty() && !self.outlet.is_holding()
    }
}
