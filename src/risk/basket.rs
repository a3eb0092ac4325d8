//! Basket: several orders that pass together or not at all.
//!
//! Pure. Hot path.
//!
//! The lines are decided one behind the other, each as an order of its own with those before it counted.
//! Where one is refused, those that had passed are taken back, last first, until everything is as it was,
//! and nothing has left. What stays is what a refused order leaves too: windows against duplicates
//! remember the lines, and a response has counted a refusal.

use super::check::{Findings, Sink, Terms, Valuation};
use super::core::{Core, about, refused};
use super::decision::{Decision, EFFECTS_MAX, Effects, Outcome};
use super::exposure::Places;
use super::level::Whose;
use super::report::Fill;
use crate::message::{Basket, Body, Exec, Frame, Header, Kind, NewOrder, OrderState, flags};
use crate::reject::RejectReason as Reason;
use crate::units::{AccountId, Nanos, Notional};
use arrayvec::ArrayVec;

/// What acceptances on trial must give back.
#[derive(Debug, Default)]
pub(super) struct Trial {
    pub(super) is_under_way: bool,
    /// Of each window of a rate: how many it had, and the time in the place that was taken.
    pub(super) windows: Vec<(u32, u32, Nanos)>,
}

/// All windows that count new orders, of all levels of every line.
const WINDOWS_MAX: usize = EFFECTS_MAX * 13 * 8;

/// Bytes that are taken at start.
pub(super) const TRIAL_SIZE_BYTES: usize = WINDOWS_MAX * size_of::<(u32, u32, Nanos)>();

/// Nothing on trial.
pub(super) fn trial() -> Trial {
    Trial {
        is_under_way: false,
        windows: Vec::with_capacity(WINDOWS_MAX),
    }
}

impl Core {
    /// Decides a basket. Its lines are the frames behind its head.
    pub(super) fn basket(
        &mut self,
        header: &Header,
        basket: &Basket,
        lines: &[Frame],
        effects: &mut Effects,
    ) -> Decision {
        self.note_command(header);
        let mut found = Findings::NONE;
        let max = usize::from(self.capacity.continuation_frames_max);
        let is_above = max < lines.len() || lines.len() != usize::from(header.continuation_count);
        found.check(
            Reason::ContinuationsAboveMax,
            is_above || lines.is_empty(),
            || (max as i128, lines.len() as i128),
        );
        let is_dirty = !basket.reserved_is_zero()
            || header.flags & !flags::ALL != 0
            || !lines.iter().all(is_line);
        found.note(Reason::ReservedBitSet, is_dirty);
        if !found.failed.is_empty() {
            let id = &basket.client_order_id;
            return self.refuse(effects, header, Kind::Basket, AccountId::NONE, id, &found);
        }
        self.trial.is_under_way = true;
        self.trial.windows.clear();
        let mut slots: ArrayVec<u32, EFFECTS_MAX> = ArrayVec::new();
        let mut notional = Notional::ZERO;
        let mut first = None;
        for (at, line) in lines.iter().enumerate() {
            let order = line.body::<NewOrder>();
            self.counts.orders += 1;
            let mut found = Findings::NONE;
            let terms = Terms::of_new(header.strategy, order);
            let mut valuation = Valuation::default();
            let judged = self.judge(header, order, &terms, &mut found, &mut valuation);
            if let Some(judged) = &judged {
                notional = notional.saturating_add(valuation.reserved_notional);
                let is_met = !judged.crossing.is_empty() && found.failed.is_empty();
                let price = i128::from(order.price.raw());
                found.check(Reason::SelfMatch, is_met, || (price, price));
                self.check_basket(&mut found, &terms, lines.len(), notional);
            }
            match judged.filter(|_| found.failed.is_empty()) {
                Some(judged) => {
                    let worth = (&terms, &valuation);
                    slots.push(self.accept(header, order, worth, &judged, &[], effects));
                }
                None => {
                    first = Some((at, found));
                    break;
                }
            }
        }
        self.trial.is_under_way = false;
        if let Some((at, found)) = first {
            for (slot, line) in slots.iter().zip(lines).rev() {
                self.take_back(*slot, header, line.body::<NewOrder>());
            }
            effects.to_broker.clear();
            return self.refuse_basket(effects, header, lines, at, &found);
        }
        let first = self.orders.get(slots[0]).id;
        for (slot, line) in slots.iter().zip(lines) {
            let order = line.body::<NewOrder>();
            if self.strategies[header.strategy.0 as usize].acknowledge {
                self.tell_execution(effects, *slot, Exec::Accepted, &order.client_order_id);
            }
        }
        about(Outcome::Accepted, first)
    }

    /// Limits on baskets: of the strategy, of the line's account and of the firm.
    fn check_basket(&self, found: &mut Findings, terms: &Terms, lines: usize, notional: Notional) {
        let strategy = &self.strategies[terms.strategy.0 as usize].rules;
        let account = &self.accounts[terms.account.0 as usize].rules;
        let of_strategy = Whose::new(crate::message::Scope::Strategy, terms.strategy.0);
        let of_account = Whose::new(crate::message::Scope::Account, terms.account.0);
        for (whose, rules) in [
            (of_strategy, strategy),
            (of_account, account),
            (Whose::FIRM, &self.firm_rules),
        ] {
            let max = rules.basket_lines_max;
            let told = || (max.into(), lines as i128);
            let breached = (max as usize) < lines;
            found.check_of(whose, Reason::BasketLinesAboveMax, breached, told);
            let max = Notional::from_raw(rules.basket_notional_max);
            let told = || (super::check::wide(max), super::check::wide(notional));
            found.check_of(whose, Reason::BasketNotionalAboveMax, max < notional, told);
        }
    }

    /// Undoes the last acceptance that is not yet undone.
    fn take_back(&mut self, slot: u32, header: &Header, order: &NewOrder) {
        self.orders.get_mut(slot).end = Some(OrderState::Rejected);
        self.rebook(slot, Fill::NONE, -1);
        let places = Places::of(self.orders.get(slot));
        self.exposure.count_day(places, |day| day.orders -= 1);
        self.client_order_ids
            .take_back(order.account, &order.client_order_id);
        let who = (order.account, header.strategy, order.symbol);
        if let Some(route_at) = self.route(who) {
            let paced = &self.routes.row(route_at).paced;
            for (_, paces) in paced.iter().rev() {
                self.rates.take_back(*paces, &mut self.trial.windows);
            }
        }
        let row = &mut self.strategies[header.strategy.0 as usize];
        row.orders_unattended = row.orders_unattended.saturating_sub(1);
        self.counts.orders_accepted -= 1;
        self.serial -= 1;
        self.orders.take_back(slot);
    }

    /// Tells each line: the one that was refused why, the others that it was.
    fn refuse_basket(
        &mut self,
        effects: &mut Effects,
        header: &Header,
        lines: &[Frame],
        at: usize,
        found: &Findings,
    ) -> Decision {
        let mut other = Findings::NONE;
        other.note(Reason::BasketRefused, true);
        for (line, frame) in lines.iter().enumerate() {
            let order = frame.body::<NewOrder>();
            let found = if line == at { found } else { &other };
            let id = &order.client_order_id;
            self.refuse(effects, header, Kind::Basket, order.account, id, found);
        }
        let order = lines[at].body::<NewOrder>();
        let who = (order.account, header.strategy, order.symbol);
        self.respond_to_refusal(who, found.failed);
        refused(found)
    }
}

/// True for an order that stands in a basket: nothing of its head but what it is, and nothing behind it.
fn is_line(frame: &Frame) -> bool {
    let head = Header {
        kind: Kind::NewOrder as u8,
        ..Header::default()
    };
    let order = frame.body::<NewOrder>();
    frame.header == head && order.reserved_is_zero() && order.passthrough_size == 0
}
