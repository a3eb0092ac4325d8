//! Reports: what a broker, or an operator in its place, says became of an order.

use super::Model;
use super::answer::{Answer, Execution};
use super::exposure::{with, worst};
use super::order::{Level, Order};
use super::respond::About;
use portcullis::message::{Exec, Liquidity, OrderState, Report, Settle, Side};
use portcullis::risk::decision::Outcome;
use portcullis::risk::setup::Trigger;
use portcullis::units::{BrokerId, Notional, OrderId, Qty};

impl Model {
    pub(super) fn report(&mut self, report: &Report) -> Answer {
        let Some(serial) = self.find_reported(report.order_id) else {
            return Answer::of(Outcome::OrderUnknown);
        };
        let broker = self.order_of_serial(serial).broker;
        if report.broker != BrokerId::NONE && report.broker.0 != broker {
            return Answer::about(Outcome::Implausible, serial);
        }
        if !report.exec_id.is_empty() {
            let seen = (broker, report.exec_id);
            if self.executions.contains(&seen) {
                return Answer::about(Outcome::Duplicate, serial);
            }
            self.executions.push(seen);
            if self.executions.len() > self.setup.capacity.executions as usize {
                self.executions.remove(0);
            }
        }

        let was_cancel_pending = self.order_of_serial(serial).is_cancel_pending;
        let told = match Exec::from_byte(report.exec) {
            Some(Exec::New) => self.new_at_broker(serial),
            Some(Exec::Trade) => self.trade(serial, report),
            Some(Exec::Canceled) => self.over(serial, Exec::Canceled, OrderState::Cancelled),
            Some(Exec::Expired) => self.over(serial, Exec::Expired, OrderState::Expired),
            Some(Exec::Rejected) => self.over(serial, Exec::Rejected, OrderState::Rejected),
            Some(Exec::Replaced) => self.replaced(serial),
            Some(Exec::Restated) => self.restated(serial, report.leaves.raw()),
            Some(Exec::CancelRejected) => self.cancel_rejected(serial),
            Some(Exec::ReplaceRejected) => self.replace_rejected(serial),
            Some(Exec::Status) => {
                let questions = &mut self.order_of_serial(serial).questions;
                let asked = (!questions.is_empty()).then(|| questions.remove(0));
                self.status(serial, report, asked)
            }
            Some(Exec::NotReceived) => self.not_received(serial),
            // These two go to strategies alone.
            Some(Exec::Accepted | Exec::InDoubt) | None => None,
        };
        let Some((outcome, mut execution)) = told else {
            return Answer::about(Outcome::Implausible, serial);
        };
        self.uncover(serial);
        self.wait_no_more_if_answered(serial);
        if report.exec == Exec::Rejected as u8 {
            let about = About::Order(self.orders[serial as usize - 1].who);
            self.respond(Trigger::Rejects, about, &[]);
        }
        execution.broker_reason = report.broker_reason;
        execution.fee = report.fee.raw();
        // The answer to a cancel is told by the cancel's own id, if somebody gave it one.
        let cancel_id = self.order_of_serial(serial).cancel_id;
        let is_answer = report.exec == Exec::CancelRejected as u8
            || (report.exec == Exec::Canceled as u8 && was_cancel_pending);
        if is_answer && !cancel_id.is_empty() {
            execution.client_order_id = cancel_id;
        }
        Answer::about(outcome, serial).tells(execution)
    }

    /// An operator says what became of an order in doubt.
    pub(super) fn settle(&mut self, settle: &Settle) -> Answer {
        let Some(serial) = self.find_reported(settle.order_id) else {
            return Answer::of(Outcome::OrderUnknown);
        };
        let is_known = self.is_operator(settle.operator);
        let order = self.order_of_serial(serial);
        if !is_known || !order.is_live() || !order.is_in_doubt {
            return Answer::about(Outcome::NotPermitted, serial);
        }
        // No more than the order can have come to, in whole lots, and what is new has its price.
        let replaced = order.replace.as_ref().map_or(0, |replace| replace.qty);
        let most = order.qty.max(replaced);
        let (filled, leaves) = (settle.filled.raw(), settle.leaves.raw());
        let has_price = filled <= order.filled || settle.price.raw() != 0;
        let symbol = order.who.symbol as usize;
        let lot = self.setup.symbols[symbol].lot.raw();
        let is_whole = filled.is_multiple_of(lot) && leaves.is_multiple_of(lot);
        if filled.saturating_add(leaves) > most || !is_whole || !has_price {
            return Answer::about(Outcome::NotPermitted, serial);
        }
        let order = self.order_of_serial(serial);
        let last = order.request;
        let status = Report {
            qty: settle.filled,
            price: settle.price,
            leaves: settle.leaves,
            request: last,
            state: OrderState::Open as u8,
            ..Report::default()
        };
        let Some((outcome, execution)) = self.status(serial, &status, Some(last)) else {
            return Answer::about(Outcome::Implausible, serial);
        };
        self.uncover(serial);
        self.wait_no_more_if_answered(serial);
        Answer::about(outcome, serial).tells(execution)
    }

    fn find_reported(&self, id: OrderId) -> Option<u64> {
        let is_it = |order: &&Order| order.id == id && order.is_remembered();
        Some(self.orders.iter().find(is_it)?.serial)
    }

    fn new_at_broker(&mut self, serial: u64) -> Told {
        let order = self.live(serial)?;
        order.is_acknowledged = true;
        order.doubt_is_over_unless_pending();
        Some((Outcome::Applied, self.execution(serial, Exec::New)))
    }

    fn trade(&mut self, serial: u64, report: &Report) -> Told {
        let qty = report.qty.raw();
        if qty == 0 || qty > Qty::MAX.raw() {
            return None;
        }
        let is_maker = report.state == Liquidity::Maker as u8;
        let outcome = self.fill(serial, qty, report.price.raw(), report.fee.raw(), is_maker);
        let order = self.order_of_serial(serial);
        if order.is_live() {
            order.is_acknowledged = true;
        }
        self.close_if_nothing_can_fill(serial, OrderState::Filled);
        let mut execution = self.execution(serial, Exec::Trade);
        execution.qty = qty;
        execution.price = report.price.raw();
        Some((outcome, execution))
    }

    fn over(&mut self, serial: u64, exec: Exec, state: OrderState) -> Told {
        self.live(serial)?;
        self.close(serial, state);
        Some((Outcome::Applied, self.execution(serial, exec)))
    }

    fn replaced(&mut self, serial: u64) -> Told {
        self.order_of_serial(serial).replace?;
        let order = self.live(serial)?;
        order.take_replacement();
        // Who replaces an order has it.
        order.is_acknowledged = true;
        order.doubt_is_over_unless_pending();
        self.close_if_nothing_can_fill(serial, OrderState::Filled);
        Some((Outcome::Applied, self.execution(serial, Exec::Replaced)))
    }

    fn restated(&mut self, serial: u64, leaves: u64) -> Told {
        self.live(serial)?;
        if !self.may_stand(serial, leaves) {
            return None;
        }
        let order = self.order_of_serial(serial);
        let outcome = if leaves > order.own_leaves() {
            Outcome::Implausible
        } else {
            Outcome::Applied
        };
        order.qty = order.filled.saturating_add(leaves);
        // Who restates an order has it.
        order.is_acknowledged = true;
        order.doubt_is_over_unless_pending();
        self.close_if_nothing_can_fill(serial, OrderState::Cancelled);
        Some((outcome, self.execution(serial, Exec::Restated)))
    }

    /// A broker that says that more stands than is known here is believed, unless no real order can
    /// be so wide.
    fn may_stand(&self, serial: u64, leaves: u64) -> bool {
        let order = &self.orders[serial as usize - 1];
        leaves <= order.own_leaves()
            || leaves <= Qty::MAX.raw() && self.may_be_so_wide(order, leaves, order.value_price)
    }

    fn may_be_so_wide(&self, order: &Order, leaves: u64, value_price: u64) -> bool {
        let notional = u128::from(leaves) * u128::from(value_price);
        let more = leaves.saturating_sub(order.reserved_leaves());
        let is_too_wide = |level: &Level| {
            let cell = self.cell_of_level(*level, order.who);
            worst(&with(&cell, order.side, more), order.side) > i128::from(i64::MAX)
        };
        notional <= Notional::EXPOSURE_MAX.raw()
            && !self.path(order.who)[..4].iter().any(is_too_wide)
    }

    fn cancel_rejected(&mut self, serial: u64) -> Told {
        if !self.order_of_serial(serial).is_cancel_pending {
            return None;
        }
        let order = self.live(serial)?;
        order.is_cancel_pending = false;
        order.doubt_is_over_unless_pending();
        self.close_if_nothing_can_fill(serial, OrderState::Filled);
        Some((
            Outcome::Applied,
            self.execution(serial, Exec::CancelRejected),
        ))
    }

    fn replace_rejected(&mut self, serial: u64) -> Told {
        let replace = self.order_of_serial(serial).replace?;
        let order = self.live(serial)?;
        order.replace = None;
        order.doubt_is_over_unless_pending();
        self.close_if_nothing_can_fill(serial, OrderState::Filled);
        let mut execution = self.execution(serial, Exec::ReplaceRejected);
        execution.client_order_id = replace.client_order_id;
        Some((Outcome::Applied, execution))
    }

    /// The broker says how the order stands: what has been filled in all, what still stands, and
    /// how many requests about it have come. `asked`: behind which request the question was sent that
    /// this answers. What was sent later may still come.
    fn status(&mut self, serial: u64, report: &Report, asked: Option<u32>) -> Told {
        let order = self.order_of_serial(serial);
        let (filled, leaves) = (report.qty.raw(), report.leaves.raw());
        let missed = filled.checked_sub(order.filled)?;
        if filled > Qty::MAX.raw() || (order.is_live() && leaves > Qty::MAX.raw()) {
            return None;
        }
        let mut outcome = Outcome::Applied;
        if missed > 0 {
            outcome = self.fill(serial, missed, report.price.raw(), report.fee.raw(), false);
        }
        if let Some(order) = self.live(serial) {
            let is_spoken_of = |request: u32| asked.is_some_and(|asked| request <= asked);
            let cancel = order.request;
            if report.request < cancel && is_spoken_of(cancel) {
                order.is_cancel_pending = false;
            }
            // Gone only where the broker has not had this very request: a cancel sent after it may
            // be the one that was lost.
            if order.replace.is_some_and(|replace| {
                report.request < replace.request && is_spoken_of(replace.request)
            }) {
                order.replace = None;
            }
            order.is_acknowledged = true;
            let is_cancel_open = order.is_cancel_pending && !is_spoken_of(cancel);
            let open = order.replace.filter(|of| !is_spoken_of(of.request));
            if !is_cancel_open && open.is_none() {
                order.doubt_is_over();
            }
            // What an order gives back as it ends is still its own if a fill comes late.
            self.uncover(serial);
            // A broker that works on nothing has done with the replace, or never had it.
            let works_on_nothing = [OrderState::Open, OrderState::PartiallyFilled]
                .map(|state| state as u8)
                .contains(&report.state);
            let order = &self.orders[serial as usize - 1];
            if works_on_nothing
                && let Some(replace) = order.replace
                && is_spoken_of(replace.request)
            {
                let is_lost = leaves == order.own_leaves() && leaves != order.replace_leaves();
                let mut worse = order.clone();
                worse.take_the_worse_of_both(&replace);
                if is_lost {
                    self.order_of_serial(serial).replace = None;
                } else if self.may_be_so_wide(order, leaves, worse.value_price) {
                    worse.replace = None;
                    *self.order_of_serial(serial) = worse;
                }
            }
            let order = self.order_of_serial(serial);
            let is_replaced = order.replace.is_some();
            let is_more = leaves > order.own_leaves();
            match OrderState::from_byte(report.state) {
                Some(
                    last @ (OrderState::Filled
                    | OrderState::Cancelled
                    | OrderState::Rejected
                    | OrderState::Expired),
                ) => self.close(serial, last),
                _ => {
                    if !is_replaced && is_more {
                        outcome = Outcome::Implausible;
                    }
                    if !is_replaced && self.may_stand(serial, leaves) {
                        let order = self.order_of_serial(serial);
                        order.qty = order.filled.saturating_add(leaves);
                    }
                    self.close_if_nothing_can_fill(serial, OrderState::Filled);
                }
            }
        }
        let mut execution = self.execution(serial, Exec::Status);
        if missed > 0 {
            execution.qty = missed;
            execution.price = report.price.raw();
        }
        Some((outcome, execution))
    }

    fn not_received(&mut self, serial: u64) -> Told {
        let order = self.order_of_serial(serial);
        if order.filled > 0 || order.is_acknowledged {
            return None;
        }
        self.over(serial, Exec::NotReceived, OrderState::Rejected)
    }

    /// The order, if it is live.
    fn live(&mut self, serial: u64) -> Option<&mut Order> {
        Some(self.order_of_serial(serial)).filter(|order| order.is_live())
    }

    /// An order waits while the broker has not spoken of it, and while a cancel or a replace of it
    /// is pending.
    fn wait_no_more_if_answered(&mut self, serial: u64) {
        let order = self.order_of_serial(serial);
        if order.is_acknowledged && !order.is_cancel_pending && order.replace.is_none() {
            order.asked_since = None;
        }
    }

    /// A fill counts, however late and however much: it happened.
    fn fill(&mut self, serial: u64, qty: u64, price: i64, fee: i64, maker: bool) -> Outcome {
        let fee = self.book_fill(serial, qty, price, fee, maker);
        self.remember_trade(serial, qty, price, fee);
        let about = About::Order(self.orders[serial as usize - 1].who);
        self.respond(Trigger::Fills, about, &[]);
        let order = self.order_of_serial(serial);
        let outcome = if !order.is_live() {
            Outcome::LateFill
        } else if qty > order.reserved_leaves() {
            Outcome::OverFill
        } else {
            Outcome::Applied
        };
        order.filled = order.filled.saturating_add(qty);
        let (who, side) = (order.who, order.side);
        let change = match side {
            Side::Buy => qty as i64,
            Side::Sell => -(qty as i64),
        };
        let before = self.account_positions[&(who.account, who.symbol)];
        self.move_positions(who, change);
        let terms = self.orders[serial as usize - 1].exits;
        self.watch_position(who, before, terms);
        outcome
    }

    fn close_if_nothing_can_fill(&mut self, serial: u64, state: OrderState) {
        let order = self.order_of_serial(serial);
        if order.is_live() && order.reserved_leaves() == 0 {
            self.close(serial, state);
        }
    }
}

/// What comes of a report that was taken in, and what the strategy hears; `None` where the report
/// cannot be, and nothing changes.
type Told = Option<(Outcome, Execution)>;
