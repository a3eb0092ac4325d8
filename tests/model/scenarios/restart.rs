//! Restart: a gate whose state goes on under another configuration. The model knows no restart, so the core
//! stands alone.

use super::desk::{id, setup};
use portcullis::message::{
    Body, Exec, Frame, Header, Kind, NewOrder, OrderType, Replace, Report, Side, TimeInForce,
};
use portcullis::reject::RejectReason;
use portcullis::risk::adopt::AdoptError;
use portcullis::risk::core::Core;
use portcullis::risk::decision::{Decision, Effects, Outcome};
use portcullis::risk::setup::Setup;
use portcullis::units::{Nanos, OrderId, Price, Qty};

/// The core, and the setup that it goes on under.
pub(crate) struct Gate {
    pub(crate) core: Core,
    pub(crate) setup: Setup,
    now: u64,
    pub(crate) next: u64,
}

impl Gate {
    pub(crate) fn new(change: impl FnOnce(&mut Setup)) -> Self {
        let mut setup = setup();
        change(&mut setup);
        Self {
            core: Core::new(&setup),
            setup,
            now: 1_000,
            next: 0,
        }
    }

    pub(crate) fn step<B: Body>(&mut self, kind: Kind, body: B) -> Decision {
        let header = Header {
            time: Nanos::from_raw(self.now),
            ..Header::default()
        };
        let frame = Frame::new(kind, header, body);
        let decision = self.core.step(&frame, &[], &mut Effects::default());
        self.core.verify();
        decision
    }

    pub(crate) fn order(&mut self, side: Side, qty: u64, price: i64) -> NewOrder {
        self.next += 1;
        NewOrder {
            price: Price::from_raw(price),
            qty: Qty::from_raw(qty),
            client_order_id: id(self.next),
            side: side as u8,
            order_type: OrderType::Limit as u8,
            time_in_force: TimeInForce::GoodTillCancel as u8,
            ..NewOrder::default()
        }
    }

    pub(crate) fn send(&mut self, side: Side, qty: u64, price: i64) -> Decision {
        let order = self.order(side, qty, price);
        self.step(Kind::NewOrder, order)
    }

    #[track_caller]
    pub(crate) fn passes(&mut self, side: Side, qty: u64, price: i64) -> OrderId {
        let decision = self.send(side, qty, price);
        assert_eq!(decision.outcome, Outcome::Accepted, "{decision:?}");
        decision.order_id
    }

    #[track_caller]
    pub(crate) fn refuses(&mut self, side: Side, qty: u64, reason: RejectReason) {
        let decision = self.send(side, qty, 100);
        assert_eq!(decision.reason, Some(reason), "{decision:?}");
    }

    pub(crate) fn fills(&mut self, order_id: OrderId, qty: u64) {
        let report = Report {
            order_id,
            qty: Qty::from_raw(qty),
            price: Price::from_raw(100),
            exec: Exec::Trade as u8,
            ..Report::default()
        };
        assert_eq!(self.step(Kind::Report, report).outcome, Outcome::Applied);
    }

    pub(crate) fn replace(&mut self, original: u64, qty: u64) -> Decision {
        self.next += 1;
        let replace = Replace {
            price: Price::from_raw(100),
            qty: Qty::from_raw(qty),
            client_order_id: id(self.next),
            original_id: id(original),
            ..Replace::default()
        };
        self.step(Kind::Replace, replace)
    }

    pub(crate) fn restart(&mut self, change: impl FnOnce(&mut Setup)) -> Result<(), AdoptError> {
        let mut new = self.setup.clone();
        change(&mut new);
        let result = self.core.adopt(&self.setup, &new);
        self.core.verify();
        if result.is_ok() {
            self.setup = new;
        }
        result
    }
}
