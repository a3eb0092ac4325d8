//! Controls: prices, links, kills, sessions, and what time alone brings.

use super::answer::{Answer, Execution, ToBroker};
use super::order::{Level, Order, value_of};
use super::respond::About;
use super::{Good, Model, Raise};
use portcullis::message::{
    Control, Exec, Header, Kind, Link, LinkState, Quote, Scope, SessionChange, Text, TimeInForce,
};
use portcullis::risk::decision::Outcome;
use portcullis::risk::setup::{ReferenceKind, Trigger};

impl Model {
    pub(super) fn quote(&mut self, quote: &Quote) -> Answer {
        let symbol = quote.symbol.0;
        if self.setup.symbols.len() <= symbol as usize {
            return Answer::of(Outcome::Implausible);
        }
        let (bid, ask) = (quote.bid.raw(), quote.ask.raw());
        let (last, close) = (quote.last.raw(), quote.close.raw());
        let mut told = Vec::new();
        if (bid, ask) != (0, 0) || (last, close) == (0, 0) {
            told.push((ReferenceKind::Mid, bid, ask));
        }
        if last != 0 {
            told.push((ReferenceKind::Last, last, last));
        }
        if close != 0 {
            told.push((ReferenceKind::Close, close, close));
        }
        let mut outcome = Outcome::Applied;
        let (mut has_moved, mut is_bad) = (false, false);
        for (kind, bid, ask) in told {
            let price = self.price(symbol, kind, bid, ask);
            is_bad |= price != Some(true);
            match price {
                None => outcome = Outcome::Implausible,
                Some(true) if kind == self.reference_kind(symbol) => {
                    self.is_young_again(symbol);
                    let now = (i128::from(bid) + i128::from(ask), self.now);
                    self.histories[symbol as usize].push(now);
                    self.mark_anew(symbol);
                    self.watch_price(symbol);
                    has_moved = self.moved(symbol, now.0).is_some();
                }
                Some(_) => {}
            }
            if price != Some(true) && kind == self.reference_kind(symbol) {
                self.mark_anew(symbol);
            }
        }
        if has_moved {
            self.respond(Trigger::Moves, About::Price(symbol), &[]);
        }
        if is_bad {
            self.respond(Trigger::BadPrices, About::Price(symbol), &[]);
        }
        Answer::of(outcome)
    }

    /// One kind of price: true where it is believed, `None` where it cannot be.
    fn price(&mut self, symbol: u32, kind: ReferenceKind, bid: i64, ask: i64) -> Option<bool> {
        let terms = &self.setup.symbols[symbol as usize];
        let may_be_negative = terms.price_min.is_some_and(|min| min.raw() < 0);
        let (jump, confirmations) = (terms.jump, terms.jump_confirmations);
        let now = self.now;
        let reference = &mut self.references[symbol as usize][kind as usize];

        let sum = i128::from(bid) + i128::from(ask);
        let is_negative = bid < 0 || ask < 0;
        let is_wide = terms.spread_max.is_some_and(|max| {
            // Twice the spread over twice the middle.
            2 * (i128::from(ask) - i128::from(bid)) * 100_000_000 > i128::from(max) * sum.abs()
        });
        let half = u64::try_from(sum.unsigned_abs().div_ceil(2)).unwrap();
        let mark = value_of(half, terms.multiplier, terms.is_inverse);
        let is_bad = bid > ask || bid == 0 || ask == 0 || (is_negative && !may_be_negative);
        let Some(mark) = mark.filter(|_| !is_bad && !is_wide) else {
            reference.is_usable = false;
            reference.candidate = None;
            return None;
        };

        if let (Some(jump), true, Some(good)) = (jump, confirmations > 0, reference.good) {
            let is_far =
                |from: i128| (sum - from).abs() * 100_000_000 > i128::from(jump) * from.abs();
            if is_far(good.sum) {
                let confirmed = match reference.candidate {
                    Some((candidate, confirmed)) if !is_far(candidate) => confirmed + 1,
                    _ => 0,
                };
                if confirmed < confirmations {
                    reference.candidate = Some((sum, confirmed));
                    reference.is_usable = false;
                    return Some(false);
                }
            }
        }
        reference.good = Some(Good {
            sum,
            ask,
            time: now,
            mark: mark.into(),
        });
        reference.is_usable = true;
        reference.candidate = None;
        Some(true)
    }

    pub(super) fn link(&mut self, link: &Link) -> Answer {
        let broker = link.broker.0;
        let state = LinkState::from_byte(link.state);
        let (Some(now), Some(state)) = (self.links.get_mut(broker as usize), state) else {
            return Answer::of(Outcome::NotPermitted);
        };
        let (was_down, is_down) = (*now == LinkState::Down, state == LinkState::Down);
        *now = state;
        if is_down && !was_down {
            let orders = self.orders.iter_mut().filter(|order| order.is_live());
            for order in orders.filter(|order| order.broker == broker) {
                order.is_untold |= !order.is_in_doubt;
                order.is_in_doubt = true;
                order.was_asked = false;
                order.is_unheard = true;
            }
        }
        self.sweep_is_due |= is_down != was_down;
        Answer::of(Outcome::Applied)
    }

    pub(super) fn kill(&mut self, control: &Control) -> Answer {
        let is_gate = control.operator == u32::MAX;
        let latch = self.latch(control);
        let (Some(latch), true) = (latch, is_gate || self.is_operator(control.operator)) else {
            return Answer::of(Outcome::NotPermitted);
        };
        // Who wanted to raise it did not know of this.
        self.latches.insert(latch, Vec::new());
        self.watched.remove(&latch);
        self.sweep_is_due = true;
        Answer::of(Outcome::Applied)
    }

    pub(super) fn raise(&mut self, control: &Control) -> Answer {
        let (now, window) = (self.now, self.setup.raise_window.raw());
        let is_known = self.is_operator(control.operator);
        let latch = self.latch(control);
        let (Some(latch), true) = (latch, is_known) else {
            return Answer::of(Outcome::NotPermitted);
        };
        let strategy = (latch.0 == Scope::Strategy as u8).then_some(latch.1);
        let is_watched = strategy.is_some_and(|at| {
            let strategy = &self.setup.strategies[at as usize];
            strategy.orders_unattended_max.is_some()
        }) || self.is_answered(latch.0, latch.1)
            || self.is_halted(latch);
        let raises = match self.latches.get_mut(&latch) {
            Some(raises) => raises,
            None if is_watched => self.watched.entry(latch).or_default(),
            None => return Answer::of(Outcome::NotPermitted),
        };
        raises.retain(|raise| now - raise.time <= window);
        let operator = control.operator;
        if raises.iter().any(|raise| raise.operator == operator) {
            return Answer::of(Outcome::NotPermitted);
        }
        raises.push(Raise {
            operator,
            time: now,
        });
        if raises.len() >= self.setup.raise_persons.max(1) as usize {
            self.latches.remove(&latch);
            self.watched.remove(&latch);
            self.raise_stage(latch.0, latch.1);
            self.resume(latch.0, latch.1);
            if let Some(strategy) = strategy {
                self.orders_unattended[strategy as usize] = 0;
            }
        }
        Answer::of(Outcome::Applied)
    }

    pub(super) fn session_change(&mut self, header: &Header, change: &SessionChange) -> Answer {
        let serial = self.orders.len() as u64;
        let Some(through) = self.cancel_through.get_mut(header.strategy.0 as usize) else {
            return Answer::of(Outcome::NotPermitted);
        };
        if change.state == LinkState::Down as u8 && change.cancel_orders == 1 {
            *through = serial;
            self.sweep_is_due = true;
        }
        Answer::of(Outcome::Applied)
    }

    /// Time has come: requests without an answer, and work that was put off.
    pub(super) fn tick(&mut self) -> Answer {
        let mut answer = Answer::of(Outcome::Applied);
        for serial in 1..=self.orders.len() as u64 {
            let order = &self.orders[serial as usize - 1];
            if self
                .deadline(order)
                .is_none_or(|deadline| self.now < deadline)
            {
                continue;
            }
            let order = self.order_of_serial(serial);
            order.asked_since = None;
            order.is_in_doubt = true;
            let broker = order.broker;
            answer = answer.tells(self.in_doubt(serial));
            if self.links[broker as usize] != LinkState::Down {
                answer.to_broker.push(self.ask(serial));
            }
        }
        if std::mem::take(&mut self.sweep_is_due) {
            for serial in 1..=self.orders.len() as u64 {
                if self.orders[serial as usize - 1].is_live() {
                    answer = self.sweep(answer, serial);
                }
            }
        }
        answer
    }

    /// Does about one live order what latches, links and sessions ask for.
    fn sweep(&mut self, mut answer: Answer, serial: u64) -> Answer {
        if self.order_of_serial(serial).is_untold {
            answer = answer.tells(self.in_doubt(serial));
        }
        let order = &self.orders[serial as usize - 1];
        let is_for_the_day = order.time_in_force == TimeInForce::Day as u8;
        let must_go = serial <= self.cancel_through[order.who.strategy as usize]
            || self.is_answered_with_cancel(order.who, serial)
            || self.is_halted_with_cancel(order.who, serial)
            || self.is_leaving(order.who) && !self.is_exit(order)
            || is_for_the_day && self.is_over(serial, order.who.symbol)
            || self
                .path(order.who)
                .into_iter()
                .any(|level| self.is_killed(level));
        if must_go && !order.is_cancel_pending {
            answer.to_broker.push(self.send_cancel(serial, Text::EMPTY));
        }
        let order = &self.orders[serial as usize - 1];
        let is_down = self.links[order.broker as usize] == LinkState::Down;
        if order.is_in_doubt && !order.was_asked && !is_down {
            answer.to_broker.push(self.ask(serial));
        }
        answer
    }

    fn in_doubt(&mut self, serial: u64) -> Execution {
        self.order_of_serial(serial).is_untold = false;
        self.execution(serial, Exec::InDoubt)
    }

    fn ask(&mut self, serial: u64) -> ToBroker {
        let order = self.order_of_serial(serial);
        order.was_asked = true;
        // What is not answered by now was lost with the link.
        if std::mem::take(&mut order.is_unheard) {
            order.questions.clear();
        }
        order.questions.push(order.request);
        let id = order.client_order_id;
        let mut request = self.request(serial, Kind::BrokerStatus, id);
        (request.price, request.qty) = (0, 0);
        ToBroker::Request(request)
    }

    /// When an order is in doubt for want of an answer.
    pub(super) fn deadline(&self, order: &Order) -> Option<u64> {
        let timeout = self.setup.answer_timeout.raw();
        let since = order.asked_since.filter(|_| order.is_live())?;
        Some(since.saturating_add(timeout))
    }

    pub(super) fn is_operator(&self, operator: u32) -> bool {
        (operator as usize) < self.setup.operators.len()
    }

    pub(super) fn is_killed(&self, level: Level) -> bool {
        self.latches.contains_key(&(level.scope as u8, level.owner))
    }

    /// What a kill or a raise is about, if there is such a thing.
    fn latch(&self, control: &Control) -> Option<(u8, u32)> {
        let target = control.target;
        let is_known = |count: usize| (target as usize) < count;
        let (is_known, owner) = match Scope::from_byte(control.scope)? {
            Scope::Firm => (target == u32::MAX, 0),
            Scope::Account => (is_known(self.setup.accounts.len()), target),
            Scope::Strategy => (is_known(self.setup.strategies.len()), target),
            Scope::Symbol => (is_known(self.setup.symbols.len()), target),
            Scope::Desk => (is_known(self.setup.desks.len()), target),
            Scope::Group => (is_known(self.setup.groups.len()), target),
        };
        is_known.then_some((control.scope, owner))
    }
}
