//! Trade: what each request does to the orders and the books, and the reports that follow.
//!
//! Pure.

use super::book::{Fill, Maker, opposite};
use super::order::{Order, Party, Slot};
use super::{Exchange, LateFill, Way};
use crate::message::{
    BrokerRequest, Exec, Frame, Header, Kind, OrderState, OrderType, Report, Side, Text,
    TimeInForce,
};
use crate::units::{Money, Nanos, Notional, Qty};
use arrayvec::ArrayString;
use std::fmt::Write;

/// Why the exchange refuses a request: the number in a report's `broker_reason`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u16)]
pub enum Refused {
    /// No such symbol.
    SymbolUnknown = 1,
    /// A byte that names nothing, or a quantity of zero.
    OrderInvalid = 2,
    /// The order has come to its end.
    OrderClosed = 4,
    /// The new quantity is not above what has been filled.
    QtyNotAboveFilled = 5,
    /// The exchange has said before that it never received this order, and stands by it.
    OrderDisowned = 6,
    /// So old that the exchange cannot know whether it had it.
    OrderForgotten = 7,
    /// By chance: a fault that was asked for.
    Fault = 8,
}

impl Exchange {
    /// A request has reached the matching engine.
    pub(super) fn apply(&mut self, now: Nanos, party: Party, frame: &Frame) {
        let request: &BrokerRequest = frame.body();
        let asked = Asked {
            now,
            party,
            correlation: frame.header.correlation,
            request,
        };
        let known = self.orders.find(party, request.order_id);
        match (frame.kind(), known) {
            (Some(Kind::BrokerStatus), _) => self.answer_status(&asked, known),
            (Some(Kind::BrokerNew), None) => self.enter(&asked),
            (Some(Kind::BrokerCancel), None) => self.answer_unknown(&asked, Exec::CancelRejected),
            (Some(Kind::BrokerReplace), None) => self.answer_unknown(&asked, Exec::ReplaceRejected),
            (Some(kind), Some(slot)) => self.change(&asked, kind, slot),
            (None, _) | (Some(_), None) => {}
        }
    }

    /// A request about an order that is known.
    fn change(&mut self, asked: &Asked, kind: Kind, slot: Slot) {
        let order = &mut self.orders[slot];
        if order.is_disowned {
            return match kind {
                Kind::BrokerNew => self.refuse(asked, Exec::Rejected, Refused::OrderDisowned),
                _ => self.answer_status(asked, Some(slot)),
            };
        }
        if asked.request.request < order.request_next {
            return self.answer_status(asked, Some(slot));
        }
        order.request_next = asked.request.request.saturating_add(1);
        match kind {
            Kind::BrokerCancel => self.cancel(asked, slot),
            Kind::BrokerReplace => self.replace(asked, slot),
            _ => self.answer_status(asked, Some(slot)),
        }
    }

    fn enter(&mut self, asked: &Asked) {
        let order_id = asked.request.order_id;
        if self.orders.may_be_forgotten(asked.party, order_id) {
            return self.refuse(asked, Exec::Rejected, Refused::OrderForgotten);
        }
        let is_faulty = self.chance.happens(self.options.faults.reject_per_million);
        let slot = self.orders.insert(asked.order());
        match self.check(asked.request) {
            Ok(()) if is_faulty => self.reject(asked, slot, Refused::Fault),
            Ok(()) => {
                self.tell(asked.now, slot, asked.correlation, Exec::New);
                self.work(asked, slot);
                self.restate_by_chance(asked.now, slot);
            }
            Err(refused) => self.reject(asked, slot, refused),
        }
    }

    fn check(&self, request: &BrokerRequest) -> Result<(), Refused> {
        if self.options.symbols_max <= request.symbol.0 {
            return Err(Refused::SymbolUnknown);
        }
        let is_valid = Side::from_byte(request.side).is_some()
            && OrderType::from_byte(request.order_type).is_some()
            && TimeInForce::from_byte(request.time_in_force).is_some()
            && is_qty(request.qty);
        is_valid.then_some(()).ok_or(Refused::OrderInvalid)
    }

    fn cancel(&mut self, asked: &Asked, slot: Slot) {
        if !self.orders[slot].is_live() {
            return self.refuse(asked, Exec::CancelRejected, Refused::OrderClosed);
        }
        let faults = &self.options.faults;
        if self.chance.happens(faults.cancel_reject_per_million) {
            return self.refuse(asked, Exec::CancelRejected, Refused::Fault);
        }
        if self.chance.happens(faults.late_fill_per_million) {
            let due = asked.now.after(faults.late_fill_delay);
            let fill = LateFill {
                party: asked.party,
                order_id: asked.request.order_id,
                qty: self.orders[slot].leaves,
            };
            self.late_fill_count += 1;
            self.late_fills.insert((due, self.late_fill_count), fill);
        }
        self.take_out(slot);
        self.orders.close(slot, OrderState::Cancelled);
        self.tell(asked.now, slot, asked.correlation, Exec::Canceled);
    }

    /// The new quantity is that of the whole order, what has been filled included. The place in
    /// the queue is kept only where the price stays and the quantity does not grow.
    fn replace(&mut self, asked: &Asked, slot: Slot) {
        let (price, qty) = (asked.request.price, asked.request.qty);
        let order = &self.orders[slot];
        let (filled, leaves_old) = (order.filled, order.leaves);
        let keeps_place = price == order.price && qty <= order.qty;
        if !order.is_live() {
            return self.refuse(asked, Exec::ReplaceRejected, Refused::OrderClosed);
        }
        if !is_qty(qty) || qty <= filled {
            return self.refuse(asked, Exec::ReplaceRejected, Refused::QtyNotAboveFilled);
        }
        if self.chance.happens(self.options.faults.reject_per_million) {
            return self.refuse(asked, Exec::ReplaceRejected, Refused::Fault);
        }
        // What the venue has cut stays cut while the order keeps its place.
        let leaves = qty.saturating_sub(filled);
        if keeps_place {
            let index = self.orders[slot].symbol.0 as usize;
            self.books[index].shrink(&mut self.orders, slot, leaves.min(leaves_old));
            self.orders[slot].qty = qty;
            self.tell(asked.now, slot, asked.correlation, Exec::Replaced);
            if leaves_old < leaves {
                self.tell(asked.now, slot, asked.correlation, Exec::Restated);
            }
            return;
        }
        self.take_out(slot);
        let order = &mut self.orders[slot];
        (order.price, order.qty, order.leaves) = (price, qty, leaves);
        self.tell(asked.now, slot, asked.correlation, Exec::Replaced);
        self.work(asked, slot);
    }

    /// Trades a live order that stands in no book against the book, and rests or ends what is left.
    fn work(&mut self, asked: &Asked, slot: Slot) {
        let order = &self.orders[slot];
        let (side, leaves, time_in_force) = (order.side, order.leaves, order.time_in_force);
        let limit = (order.order_type == OrderType::Limit).then_some(order.price);
        let index = self.book_index(order.symbol);
        let is_all_or_nothing = time_in_force == TimeInForce::FillOrKill;
        if !is_all_or_nothing || self.books[index].has(side, limit, leaves) {
            let mut fills = std::mem::take(&mut self.fills);
            self.books[index].take(&mut self.orders, side, limit, leaves, &mut fills);
            for fill in fills.drain(..) {
                match fill.maker {
                    Maker::Order(maker) => self.fill(asked.now, maker, &fill),
                    Maker::Quote => self.count_quotes(opposite(side), fill.qty),
                }
                let order = &mut self.orders[slot];
                order.leaves = order.leaves.saturating_sub(fill.qty);
                self.fill(asked.now, slot, &fill);
            }
            self.fills = fills;
        }
        if !self.orders[slot].is_live() {
            return;
        }
        let rests = matches!(
            time_in_force,
            TimeInForce::Day | TimeInForce::GoodTillCancel
        );
        if rests && limit.is_some() {
            self.books[index].rest(&mut self.orders, slot);
        } else {
            self.orders.close(slot, OrderState::Cancelled);
            self.tell(asked.now, slot, asked.correlation, Exec::Canceled);
        }
    }

    /// Resting orders trade with a new quote.
    pub(super) fn settle_quote(&mut self, now: Nanos, fill: &Fill) {
        if let Maker::Order(slot) = fill.maker {
            self.count_quotes(opposite(self.orders[slot].side), fill.qty);
            self.fill(now, slot, fill);
        }
    }

    /// An order fills after its cancel was confirmed.
    pub(super) fn settle_late(&mut self, now: Nanos, late: &LateFill) {
        if let Some(slot) = self.orders.find(late.party, late.order_id) {
            self.count_quotes(opposite(self.orders[slot].side), late.qty);
            let fill = Fill {
                maker: Maker::Quote,
                price: self.orders[slot].price,
                qty: late.qty,
            };
            self.fill(now, slot, &fill);
        }
    }

    /// One order has traded; its leaves are what they are after it.
    fn fill(&mut self, now: Nanos, slot: Slot, fill: &Fill) {
        let order = &mut self.orders[slot];
        order.filled = order.filled.saturating_add(fill.qty);
        let sum = match order.side {
            Side::Buy => &mut self.totals.bought,
            Side::Sell => &mut self.totals.sold,
        };
        *sum += u128::from(fill.qty.raw());
        let correlation = order.correlation;
        if order.is_live() {
            order.state = OrderState::PartiallyFilled;
            if order.leaves == Qty::ZERO {
                self.orders.close(slot, OrderState::Filled);
            }
        }
        let report = Report {
            price: fill.price,
            qty: fill.qty,
            fee: fee(fill.price.notional(fill.qty), self.options.fee_per_million),
            ..self.blank(slot, Exec::Trade)
        };
        self.send(now, self.orders[slot].party, correlation, report);
    }

    fn count_quotes(&mut self, side: Side, qty: Qty) {
        let sum = match side {
            Side::Buy => &mut self.totals.quotes_bought,
            Side::Sell => &mut self.totals.quotes_sold,
        };
        *sum += u128::from(qty.raw());
    }

    /// Day orders come to their end, in the order of their slots.
    pub(super) fn expire(&mut self, now: Nanos) {
        let slots = self.orders.live();
        let slots: Vec<Slot> = slots
            .filter(|(_, order)| order.time_in_force == TimeInForce::Day)
            .map(|(slot, _)| slot)
            .collect();
        for slot in slots {
            self.take_out(slot);
            self.orders.close(slot, OrderState::Expired);
            self.tell(now, slot, self.orders[slot].correlation, Exec::Expired);
        }
    }

    /// The venue cuts a live order unasked; nothing left is its end.
    pub(super) fn cut(&mut self, now: Nanos, slot: Slot, leaves: Qty) {
        let leaves = leaves.min(self.orders[slot].leaves);
        if leaves == Qty::ZERO {
            self.take_out(slot);
            self.orders.close(slot, OrderState::Cancelled);
        } else {
            let index = self.orders[slot].symbol.0 as usize;
            self.books[index].shrink(&mut self.orders, slot, leaves);
        }
        self.tell(now, slot, self.orders[slot].correlation, Exec::Restated);
    }

    fn restate_by_chance(&mut self, now: Nanos, slot: Slot) {
        let order = &self.orders[slot];
        let half = Qty::from_raw(order.leaves.raw() / 2);
        let is_faulty = self.chance.happens(self.options.faults.restate_per_million);
        if is_faulty && order.is_live() && half != Qty::ZERO {
            self.cut(now, slot, half);
        }
    }

    fn take_out(&mut self, slot: Slot) {
        let index = self.orders[slot].symbol.0 as usize;
        self.books[index].remove(&mut self.orders, slot);
    }

    /// The whole truth about an order. To say that it was never received is a promise: it is
    /// remembered, and the order refused should it come after all.
    fn answer_status(&mut self, asked: &Asked, known: Option<Slot>) {
        let report = match known {
            Some(slot) if !self.orders[slot].is_disowned => {
                let order = &self.orders[slot];
                Report {
                    qty: order.filled,
                    price: order.price,
                    state: order.state as u8,
                    request: order.request_next.saturating_sub(1),
                    ..self.blank(slot, Exec::Status)
                }
            }
            None if self
                .orders
                .may_be_forgotten(asked.party, asked.request.order_id) =>
            {
                return;
            }
            _ => {
                if known.is_none() {
                    let mut order = asked.order();
                    order.is_disowned = true;
                    let slot = self.orders.insert(order);
                    self.orders.close(slot, OrderState::Rejected);
                }
                Report {
                    order_id: asked.request.order_id,
                    exec: Exec::NotReceived as u8,
                    ..Report::default()
                }
            }
        };
        self.send(asked.now, asked.party, asked.correlation, report);
    }

    /// A cancel or a replace of an order that is not known: the sender must learn that there is none.
    fn answer_unknown(&mut self, asked: &Asked, exec: Exec) {
        let order_id = asked.request.order_id;
        match self.orders.may_be_forgotten(asked.party, order_id) {
            true => self.refuse(asked, exec, Refused::OrderForgotten),
            false => self.answer_status(asked, None),
        }
    }

    fn reject(&mut self, asked: &Asked, slot: Slot, refused: Refused) {
        self.orders.close(slot, OrderState::Rejected);
        self.refuse(asked, Exec::Rejected, refused);
    }

    fn refuse(&mut self, asked: &Asked, exec: Exec, refused: Refused) {
        let order_id = asked.request.order_id;
        let known = self.orders.find(asked.party, order_id);
        let report = Report {
            order_id,
            leaves: known.map_or(Qty::ZERO, |slot| self.orders[slot].leaves),
            exec: exec as u8,
            broker_reason: refused as u16,
            ..Report::default()
        };
        self.send(asked.now, asked.party, asked.correlation, report);
    }

    fn tell(&mut self, now: Nanos, slot: Slot, correlation: u64, exec: Exec) {
        let report = self.blank(slot, exec);
        self.send(now, self.orders[slot].party, correlation, report);
    }

    fn blank(&self, slot: Slot, exec: Exec) -> Report {
        Report {
            order_id: self.orders[slot].order_id,
            leaves: self.orders[slot].leaves,
            exec: exec as u8,
            ..Report::default()
        }
    }

    /// Numbers a report and puts it where the link takes it; faults may lose it or double it. The
    /// answer to a question is never lost: it is what the truth is found out by.
    fn send(&mut self, now: Nanos, party: Party, correlation: u64, mut report: Report) {
        self.exec_count += 1;
        let mut exec_id: ArrayString<36> = ArrayString::new();
        write!(exec_id, "{}{}", self.exec_prefix, self.exec_count).expect("37 digits at most");
        report.exec_id = Text::new(&exec_id).expect("digits are printable");
        report.broker_time = now;
        let header = Header {
            correlation,
            ..Header::default()
        };
        let mut frame = Frame::new(Kind::Report, header, report);
        let is_answer = [Exec::Status as u8, Exec::NotReceived as u8].contains(&report.exec);
        if !is_answer && self.chance.happens(self.options.faults.lose_per_million) {
            return self.note(now, party, Way::Lost, &frame);
        }
        let is_double = self
            .chance
            .happens(self.options.faults.duplicate_per_million);
        for _ in 0..1 + usize::from(is_double) {
            frame.header.sequence = self.parties[party.0 as usize].history.push(frame);
            self.note(now, party, Way::Sent, &frame);
        }
    }
}

/// A request on its way through the engine.
struct Asked<'a> {
    now: Nanos,
    party: Party,
    correlation: u64,
    request: &'a BrokerRequest,
}

impl Asked<'_> {
    /// The order that the request describes. A byte that names nothing is filled in: the caller
    /// rejects the order, and what is remembered of it is its number.
    fn order(&self) -> Order {
        let request = self.request;
        let time_in_force = TimeInForce::from_byte(request.time_in_force);
        Order {
            party: self.party,
            order_id: request.order_id,
            correlation: self.correlation,
            symbol: request.symbol,
            side: Side::from_byte(request.side).unwrap_or(Side::Buy),
            order_type: OrderType::from_byte(request.order_type).unwrap_or(OrderType::Limit),
            time_in_force: time_in_force.unwrap_or(TimeInForce::ImmediateOrCancel),
            price: request.price,
            qty: request.qty,
            filled: Qty::ZERO,
            leaves: request.qty,
            state: OrderState::Open,
            request_next: request.request.saturating_add(1),
            is_disowned: false,
            before: None,
            behind: None,
        }
    }
}

fn is_qty(qty: Qty) -> bool {
    Qty::ZERO < qty && qty <= Qty::MAX
}

/// Rounded up at each step: never less than the share says.
fn fee(notional: Notional, per_million: u32) -> Money {
    const TO_MONEY: u128 = 10u128.pow(Notional::DIGITS - Money::DIGITS);
    let value = notional.raw().div_ceil(TO_MONEY);
    let fee = (value * u128::from(per_million)).div_ceil(1_000_000);
    Money::from_raw(i64::try_from(fee).unwrap_or(i64::MAX))
}
