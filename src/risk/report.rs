//! Reports: what a broker says happened, booked.
//!
//! Pure. Hot path.
//!
//! A broker's word is taken where it can be true. What can only raise our view of what is at risk is
//! booked in any case: a fill after the end, or of more than stood, moves the position.

use super::approved::Approved;
use super::cell::Change;
use super::core::{Core, about, plain};
use super::decision::{Decision, Effects, Outcome};
use super::exposure::Places;
use super::market::valued;
use super::money::worth::exchanged;
use super::order::{NEVER, Order, Replacement};
use super::questions::Spoken;
use super::setup::Trigger;
use super::standing::Standing;
use crate::message::{
    BrokerRequest, Exec, Execution, Header, Kind, Liquidity, OrderState, Report, Settle, Side, Text,
};
use crate::reject::Failed;
use crate::units::{Amount, BrokerId, Money, Notional, OrderId, Position, Price, Qty};

/// What was filled now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fill {
    pub(super) qty: Qty,
    /// Zero where nobody has said.
    pub(super) price: Price,
    pub(super) fee: Money,
    /// The order stood and was met.
    pub(super) is_maker: bool,
}

impl Fill {
    pub(super) const NONE: Self = Self {
        qty: Qty::ZERO,
        price: Price::from_raw(0),
        fee: Money::from_raw(0),
        is_maker: false,
    };
}

impl Core {
    /// Books a report.
    #[inline]
    pub(super) fn report(
        &mut self,
        header: &Header,
        report: &Report,
        effects: &mut Effects,
    ) -> Decision {
        if let Some(link) = self.links.get_mut(report.broker.0 as usize) {
            link.report_sequence = link.report_sequence.max(header.sequence);
        }
        let Some(slot) = self.orders.slot(report.order_id) else {
            return plain(Outcome::OrderUnknown);
        };
        let order = self.orders.get(slot);
        let (id, broker, is_live) = (order.id, order.broker, order.is_live());
        let filled = order.filled;
        if report.broker != broker && report.broker != BrokerId::NONE {
            return about(Outcome::Implausible, id);
        }
        if self.execution_ids.seen(broker, &report.exec_id) {
            return about(Outcome::Duplicate, id);
        }
        let exec = Exec::from_byte(report.exec);
        let booked = match exec {
            Some(Exec::Trade) => self.trade(slot, report),
            Some(Exec::Status) => {
                let standing = Standing {
                    filled: report.qty,
                    price: report.price,
                    fee: report.fee,
                    leaves: report.leaves,
                    state: report.state,
                    request: report.request,
                    spoken: self.orders.requests_mut(slot).questions.answer(id),
                };
                self.stands(slot, &standing)
            }
            _ if !is_live => None,
            Some(Exec::New) => {
                self.orders.get_mut(slot).is_acknowledged = true;
                self.clear_doubt_if_answered(slot);
                Some(Outcome::Applied)
            }
            Some(Exec::Canceled) => self.close(slot, OrderState::Cancelled),
            Some(Exec::Expired) => self.close(slot, OrderState::Expired),
            Some(Exec::Rejected) => self.close(slot, OrderState::Rejected),
            Some(Exec::Replaced) => self.replaced(slot),
            Some(Exec::Restated) => self.restated(slot, report.leaves),
            Some(Exec::CancelRejected) => self.request_rejected(slot, Exec::CancelRejected),
            Some(Exec::ReplaceRejected) => self.request_rejected(slot, Exec::ReplaceRejected),
            Some(Exec::NotReceived) => {
                let order = self.orders.get(slot);
                match order.filled == Qty::ZERO && !order.is_acknowledged {
                    true => self.close(slot, OrderState::Rejected),
                    false => None,
                }
            }
            Some(Exec::Accepted | Exec::InDoubt) | None => None,
        };
        self.settle_waiting(slot);
        if let (Some(exec), Some(_)) = (exec, booked) {
            if self.responses.is_some() && exec == Exec::Rejected {
                self.respond_about(slot, Trigger::Rejects);
            }
            self.tell_report(effects, slot, exec, report, filled);
        }
        about(booked.unwrap_or(Outcome::Implausible), id)
    }

    /// An operator says what became of an order in doubt.
    pub(super) fn settle(&mut self, settle: &Settle, effects: &mut Effects) -> Decision {
        let Some(slot) = self.orders.slot(settle.order_id) else {
            return plain(Outcome::OrderUnknown);
        };
        let order = self.orders.get(slot);
        let is_known = (settle.operator as usize) < self.raises.operator_count();
        if !is_known || !order.is_live() || !self.is_in_doubt(order) {
            return about(Outcome::NotPermitted, order.id);
        }
        // What an operator says cannot be taken back, so it must be what the order can have come to.
        let lot = self.symbols[order.symbol.0 as usize].lot;
        let qty = match self.replacement(order) {
            Some(replacement) => order.qty.max(replacement.qty),
            None => order.qty,
        };
        let total = settle.filled.saturating_add(settle.leaves);
        let is_whole = lot.divides(settle.filled.raw()) && lot.divides(settle.leaves.raw());
        let is_priced = settle.filled <= order.filled || settle.price != Price::default();
        if qty < total || !is_whole || !is_priced {
            return about(Outcome::NotPermitted, order.id);
        }
        let standing = Standing {
            filled: settle.filled,
            price: settle.price,
            fee: Money::from_raw(0),
            leaves: settle.leaves,
            state: OrderState::Open as u8,
            request: order.request,
            spoken: Spoken::OF_ALL,
        };
        let (id, broker, filled) = (order.id, order.broker, order.filled);
        let booked = self.stands(slot, &standing);
        self.settle_waiting(slot);
        let report = Report {
            order_id: id,
            broker,
            price: settle.price,
            ..Report::default()
        };
        if booked.is_some() {
            self.tell_report(effects, slot, Exec::Status, &report, filled);
        }
        about(booked.unwrap_or(Outcome::Implausible), id)
    }

    /// A fill. Here as below, `None` is a report that cannot be: nothing has changed.
    #[inline]
    fn trade(&mut self, slot: u32, report: &Report) -> Option<Outcome> {
        let qty = report.qty;
        if qty == Qty::ZERO || Qty::MAX < qty {
            return None;
        }
        let outcome = filled_how(self.orders.get(slot), qty);
        let fill = Fill {
            qty,
            price: report.price,
            fee: report.fee,
            is_maker: report.state == Liquidity::Maker as u8,
        };
        self.fill(slot, fill);
        Some(outcome)
    }

    /// Moves what was filled from the order to the positions, and ends the order if nothing is left.
    #[inline]
    pub(super) fn fill(&mut self, slot: u32, fill: Fill) {
        self.counts.fills += 1;
        let order = self.orders.get_mut(slot);
        order.filled = order.filled.saturating_add(fill.qty);
        order.is_acknowledged = true;
        let is_live = order.is_live();
        let is_done = is_live && self.orders.worst(slot).0 == Qty::ZERO;
        if is_done {
            self.orders.close(slot, OrderState::Filled);
        }
        self.rebook(slot, fill, -i32::from(is_done));
    }

    pub(super) fn close(&mut self, slot: u32, end: OrderState) -> Option<Outcome> {
        self.orders.close(slot, end);
        self.rebook(slot, Fill::NONE, -1);
        Some(Outcome::Applied)
    }

    /// The terms have changed: what is reserved follows, and an order with nothing left ends.
    pub(super) fn close_if_done(&mut self, slot: u32, end: OrderState) {
        if self.orders.worst(slot).0 == Qty::ZERO {
            self.close(slot, end);
        } else {
            self.rebook(slot, Fill::NONE, 0);
        }
    }

    fn replaced(&mut self, slot: u32) -> Option<Outcome> {
        let replacement = self.orders.requests(slot).replacement;
        let order = self.orders.get_mut(slot);
        if !order.is_replace_pending {
            return None;
        }
        order.price = replacement.limit;
        order.value_price = replacement.price;
        order.qty = replacement.qty;
        order.client_order_id = replacement.client_order_id;
        order.is_acknowledged = true;
        order.is_replace_pending = false;
        self.clear_doubt_if_answered(slot);
        self.close_if_done(slot, OrderState::Filled);
        Some(Outcome::Applied)
    }

    fn restated(&mut self, slot: u32, leaves: Qty) -> Option<Outcome> {
        if !self.may_stand(slot, leaves) {
            return None;
        }
        let order = self.orders.get_mut(slot);
        let is_more = order.leaves() < leaves;
        order.qty = order.filled.saturating_add(leaves);
        order.is_acknowledged = true;
        self.clear_doubt_if_answered(slot);
        self.close_if_done(slot, OrderState::Cancelled);
        Some(if is_more {
            Outcome::Implausible
        } else {
            Outcome::Applied
        })
    }

    fn request_rejected(&mut self, slot: u32, exec: Exec) -> Option<Outcome> {
        let order = self.orders.get_mut(slot);
        let pending = match exec {
            Exec::CancelRejected => &mut order.is_cancel_pending,
            _ => &mut order.is_replace_pending,
        };
        if !*pending {
            return None;
        }
        *pending = false;
        self.clear_doubt_if_answered(slot);
        self.close_if_done(slot, OrderState::Filled);
        Some(Outcome::Applied)
    }

    /// An order with nothing unanswered waits no more.
    #[inline]
    fn settle_waiting(&mut self, slot: u32) {
        let order = self.orders.get(slot);
        if order.is_acknowledged && !order.is_cancel_pending && !order.is_replace_pending {
            self.orders.answered(slot);
        }
    }

    /// Ends the doubt, and with it the question, unless a request about the order may still be lost.
    fn clear_doubt_if_answered(&mut self, slot: u32) {
        let order = self.orders.get(slot);
        if !order.is_cancel_pending && !order.is_replace_pending {
            self.clear_doubt(slot);
        }
    }

    pub(super) fn clear_doubt(&mut self, slot: u32) {
        let order = self.orders.get_mut(slot);
        order.is_in_doubt = false;
        order.asked_after = NEVER;
        order.link_losses = self.links[order.broker.0 as usize].losses;
    }

    /// True while nobody knows what became of an order: no answer in time, or the link was lost.
    #[inline]
    pub(super) fn is_in_doubt(&self, order: &Order) -> bool {
        order.is_in_doubt || order.link_losses < self.links[order.broker.0 as usize].losses
    }

    /// Where an order is in its life.
    pub fn state(&self, order: &Order) -> OrderState {
        match order.is_live() && self.is_in_doubt(order) {
            true => OrderState::InDoubt,
            false => order.own_state(),
        }
    }

    /// Books what an order has reserved from now on, and what of it has just been filled.
    #[inline]
    pub(super) fn rebook(&mut self, slot: u32, fill: Fill, orders: i32) {
        let worst = match self.orders.get(slot).end {
            Some(_) => (Qty::ZERO, Notional::ZERO),
            None => self.orders.worst(slot),
        };
        // What is told of a fill that was none is of none.
        let is_filled = fill.qty != Qty::ZERO;
        let fill = if is_filled { fill } else { Fill::NONE };
        let order = self.orders.get(slot);
        // Before the fill counted, it counted as what may fill.
        let was_used = match self.locates.is_some() {
            true => order.used_before(fill.qty),
            false => 0,
        };
        let (value, cost, fee) = match is_filled {
            true => self.fill_value(slot, fill),
            false => (Notional::ZERO, Amount::ZERO, Amount::ZERO),
        };
        let order = self.orders.get_mut(slot);
        let change = Change {
            side: order.side,
            filled: fill.qty,
            reserved: (order.reserved, worst.0),
            notional: (order.reserved_notional, worst.1),
            traded: value,
            is_traded: true,
            cost,
            fee,
            orders,
        };
        (order.reserved, order.reserved_notional) = worst;
        let (places, parent) = (Places::of(order), order.parent);
        let before = self.exposure.cell(places.account_cell).position;
        self.exposure.book(places, &change);
        if is_filled {
            self.look_at_profits(places);
            self.watch_fill(slot, before);
        } else {
            self.exits.wake(places.account_cell, self.now);
        }
        self.count_parent(parent, &change);
        if self.own.is_some() {
            self.place_own(slot);
        }
        if self.locates.is_some() {
            self.use_located(slot, was_used);
        }
        if is_filled && self.responses.is_some() {
            self.respond_about(slot, Trigger::Fills);
        }
        let order = self.orders.get(slot);
        let of = (order.account, order.side);
        let rate = self.exposure.books.pricing(order.symbol.0).rate;
        let fee = rate.map_or(fee, |rate| exchanged(fee, rate));
        self.count_funds(of, change.notional, (value, fee));
    }

    /// A fill has changed a position: what closes it may be another, or be due.
    fn watch_fill(&mut self, slot: u32, before: Position) {
        let order = self.orders.get(slot);
        let (cell, strategy, id) = (order.account_cell, order.strategy, order.id);
        let (of, terms) = self.orders.requests(slot).exits;
        let terms = (of == id).then_some(terms);
        self.watch_position(cell, before, strategy, terms);
    }

    /// Something has happened to an order.
    #[cold]
    fn respond_about(&mut self, slot: u32, trigger: Trigger) {
        let order = self.orders.get(slot);
        let who = (order.account, order.strategy, order.symbol);
        self.respond(trigger, who, Failed::NONE);
    }

    /// What a fill is worth in the firm's currency: at its price, or at what its order was valued at where
    /// none was told. What it has cost in the one that it settles in, and its fee.
    fn fill_value(&mut self, slot: u32, fill: Fill) -> (Notional, Amount, Amount) {
        let order = self.orders.get(slot);
        let (id, broker, side) = (order.id, order.broker, order.side);
        let row = &self.symbols[order.symbol.0 as usize];
        let value_price = match fill.price.raw() {
            0 => order.value_price,
            price => valued(price.unsigned_abs(), row.multiplier, row.is_inverse)
                .unwrap_or(Price::from_raw(i64::MAX)),
        };
        let value = value_price.notional(fill.qty);
        let pricing = self.exposure.books.pricing(order.symbol.0);
        let mid = pricing.sum.map_or(0, |sum| sum / 2);
        let mid = Price::from_raw(i64::try_from(mid).unwrap_or_default());
        let nothing = Price::default();
        let told = [fill.price, order.price, mid].into_iter();
        let mut prices = told.filter(|price| *price != nothing);
        // An inverse contract is worth no number at some prices.
        let contract = self.exposure.books.contract(order.symbol.0);
        let bought = prices.find_map(|price| contract.traded(price, fill.qty));
        let bought = bought.unwrap_or_default();
        let fee = match (&row.fees, fill.fee) {
            (_, fee) if fee.raw() != 0 => fee.into(),
            (Some(fees), _) if !self.links[broker.0 as usize].reports_fees => {
                let charged = &mut self.orders.requests_mut(slot).charged;
                let filled = (fill.qty, bought.raw().unsigned_abs());
                fees.charge(charged, id, filled, fill.is_maker)
            }
            _ => Amount::ZERO,
        };
        let cost = match side {
            Side::Buy => bought,
            Side::Sell => bought.negated(),
        };
        (value, cost, fee)
    }

    /// Asks the broker what became of an order.
    pub(super) fn ask(&mut self, effects: &mut Effects, slot: u32) {
        let losses = self.links[self.orders.get(slot).broker.0 as usize].losses;
        let order = self.orders.get_mut(slot);
        order.asked_after = losses;
        let request = BrokerRequest {
            order_id: order.id,
            symbol: order.symbol,
            account: order.account,
            request: order.request,
            broker: order.broker,
            client_order_id: order.client_order_id,
            side: order.side as u8,
            order_type: order.order_type as u8,
            time_in_force: order.time_in_force as u8,
            ..BrokerRequest::default()
        };
        let head = Header {
            time: self.now,
            correlation: order.correlation,
            strategy: order.strategy,
            ..Header::default()
        };
        let questions = &mut self.orders.requests_mut(slot).questions;
        questions.ask(request.order_id, losses);
        Self::send(
            effects,
            Approved::request(Kind::BrokerStatus, head, request),
            &[],
        );
    }

    #[inline]
    fn tell_report(
        &mut self,
        effects: &mut Effects,
        slot: u32,
        exec: Exec,
        report: &Report,
        filled_before: Qty,
    ) {
        let order = self.orders.get(slot);
        // The answer to a cancel carries the cancel's id; that of a sweep has none.
        let is_answer = match exec {
            Exec::Canceled => order.is_cancel_pending,
            _ => exec == Exec::CancelRejected,
        };
        let id = match exec {
            _ if is_answer && !self.orders.requests(slot).cancel_id.is_empty() => {
                self.orders.requests(slot).cancel_id
            }
            Exec::ReplaceRejected => self.orders.requests(slot).replacement.client_order_id,
            _ => order.client_order_id,
        };
        let filled = match exec {
            Exec::Trade => report.qty,
            _ => order.filled.saturating_sub(filled_before),
        };
        let has_filled = filled != Qty::ZERO;
        let execution = Execution {
            qty: filled,
            price: if has_filled {
                report.price
            } else {
                order.price
            },
            fee: report.fee,
            broker_reason: report.broker_reason,
            ..self.execution(order, exec, &id)
        };
        let (strategy, correlation) = (order.strategy, order.correlation);
        self.tell(effects, Kind::Execution, strategy, correlation, execution);
    }

    /// Tells the strategy what became of its order.
    pub(super) fn tell_execution(
        &mut self,
        effects: &mut Effects,
        slot: u32,
        exec: Exec,
        id: &Text,
    ) {
        let order = self.orders.get(slot);
        let execution = self.execution(order, exec, id);
        let (strategy, correlation) = (order.strategy, order.correlation);
        self.tell(effects, Kind::Execution, strategy, correlation, execution);
    }

    fn execution(&self, order: &Order, exec: Exec, id: &Text) -> Execution {
        let is_live = order.is_live();
        Execution {
            order_id: order.id,
            price: order.price,
            leaves: if is_live { order.leaves() } else { Qty::ZERO },
            filled: order.filled,
            account: order.account,
            client_order_id: *id,
            exec: exec as u8,
            state: self.state(order) as u8,
            ..Execution::default()
        }
    }

    /// The terms of an order's replace under way.
    pub fn replacement(&self, order: &Order) -> Option<&Replacement> {
        let requests = self.orders.requests(order.id.slot());
        order.is_replace_pending.then_some(&requests.replacement)
    }

    /// An order, live or remembered.
    pub fn order(&self, id: OrderId) -> Option<&Order> {
        self.orders.slot(id).map(|slot| self.orders.get(slot))
    }
}

/// What a fill of `qty` is to an order, before it is booked.
pub(super) fn filled_how(order: &Order, qty: Qty) -> Outcome {
    match () {
        () if !order.is_live() => Outcome::LateFill,
        () if order.reserved < qty => Outcome::OverFill,
        () => Outcome::Applied,
    }
}
