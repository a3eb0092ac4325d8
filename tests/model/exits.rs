//! Exits: when a position is closed by the gate itself, looked up in all that has happened to it.

use super::Model;
use super::answer::{Answer, ExitView, Views};
use super::money::part;
use super::order::{Level, Order, Who};
use portcullis::message::{Body, ExitChange, NewOrder};
use portcullis::risk::decision::Outcome;
use portcullis::risk::exits::ExitCause;
use portcullis::risk::setup::ExitTerms;
use portcullis::units::Nanos;
use std::collections::BTreeMap;

/// The whole of what a part is of.
const WHOLE: u64 = 100_000_000;
/// A hundredth of a basis point.
const FINE: u64 = WHOLE / 1_000_000;
/// An account, and a symbol.
pub(super) type Key = (u32, u32);

/// Everything about exits that the model remembers.
#[derive(Clone, Default)]
pub(super) struct Exits {
    pub(super) held: BTreeMap<Key, Held>,
    pub(super) leaving: BTreeMap<Key, Leaving>,
    /// Accounts' books, the first opened first.
    pub(super) opened: Vec<Key>,
    /// Why each has begun.
    pub(super) begun: Vec<ExitCause>,
    pub(super) failing: u64,
    /// How often each thing was done about one.
    pub(super) done: BTreeMap<&'static str, u64>,
}

/// A position since it was opened, or turned to its side.
#[derive(Clone)]
pub(super) struct Held {
    pub(super) is_long: bool,
    /// Who added to it last.
    pub(super) strategy: Option<u32>,
    pub(super) terms: ExitTerms,
    /// Twice every price that was believed since its trailing stop counts.
    pub(super) seen: Vec<i128>,
    /// What it had gained at each price since breaking even counts, and what it had cost then.
    pub(super) gains: Vec<(i128, i128)>,
    /// Since when its time counts; `None` once that was over.
    pub(super) timed_since: Option<u64>,
}

/// An exit under way.
#[derive(Clone)]
pub(super) struct Leaving {
    pub(super) cause: ExitCause,
    pub(super) since: u64,
    /// Of each try, whether it brought something.
    pub(super) tries: Vec<bool>,
    /// Its order, until it has been seen to have ended.
    pub(super) order: Option<u64>,
    /// The next order is not sent before, but where what it waits for is over.
    pub(super) not_before: u64,
    pub(super) is_waiting: bool,
    /// When its order is cancelled.
    pub(super) deadline: u64,
    /// Its order is not cancelled again before.
    pub(super) cancel_from: u64,
    pub(super) is_failing: bool,
}

/// What an order says of when its position is closed.
pub(super) fn terms_of(order: &NewOrder) -> Option<ExitTerms> {
    let fine = |part: u32| (part > 0).then_some(u64::from(part) * FINE);
    let whole = |part: u16| (part > 0).then_some(u64::from(part) * 100 * FINE);
    let seconds = u64::from(order.hold_max_secs) * 1_000_000_000;
    let terms = ExitTerms {
        stop_loss: fine(order.stop_loss_bps),
        take_profit: fine(order.take_profit_bps),
        trailing: whole(order.trailing_stop_bps),
        break_even: whole(order.break_even_bps),
        hold_max: (seconds > 0).then_some(Nanos::from_raw(seconds)),
    };
    (terms != ExitTerms::NONE).then_some(terms)
}

impl Held {
    fn until(&self) -> Option<u64> {
        let until = self.timed_since?.saturating_add(self.terms.hold_max?.raw());
        (until != u64::MAX).then_some(until)
    }

    /// It has other terms. What a term looks back on counts from when it came.
    fn take(&mut self, terms: ExitTerms, price: Option<i128>, now: u64) {
        let before = std::mem::replace(&mut self.terms, terms);
        if before.trailing.is_none() {
            self.seen = price.into_iter().collect();
        }
        if before.break_even != terms.break_even {
            self.gains.clear();
        }
        if before.hold_max != terms.hold_max {
            self.timed_since = Some(now);
        }
    }

    /// Whether it is to be closed, at the last price that it has seen.
    fn verdict(&self) -> Option<ExitCause> {
        let (sum, (gain, cost)) = (*self.seen.last()?, *self.gains.last()?);
        let of = |cost: i128, share: u64| part(cost.saturating_abs(), share, WHOLE);
        let terms = &self.terms;
        if terms
            .stop_loss
            .is_some_and(|share| gain <= -of(cost, share))
        {
            return Some(ExitCause::StopLoss);
        }
        if terms
            .take_profit
            .is_some_and(|share| of(cost, share) <= gain)
        {
            return Some(ExitCause::TakeProfit);
        }
        let seen = self.seen.iter().copied();
        let best = if self.is_long {
            seen.max()?
        } else {
            seen.min()?
        };
        let turned = if self.is_long { best - sum } else { sum - best };
        let has_turned = |share: u64| part(best.abs(), share, WHOLE) <= turned;
        if terms.trailing.is_some_and(has_turned) {
            return Some(ExitCause::TrailingStop);
        }
        let had = |share: u64| {
            self.gains
                .iter()
                .any(|(gain, cost)| of(*cost, share) <= *gain)
        };
        if gain <= 0 && terms.break_even.is_some_and(had) {
            return Some(ExitCause::BreakEven);
        }
        None
    }
}

impl Leaving {
    /// How many tries have brought nothing since one did.
    pub(super) fn attempts(&self) -> u32 {
        let failed = self.tries.iter().rev().take_while(|brought| !**brought);
        failed.count() as u32
    }
}

impl Model {
    pub(super) fn is_leaving(&self, who: Who) -> bool {
        self.exits.leaving.contains_key(&(who.account, who.symbol))
    }

    /// How often exits have begun for each cause, and what was done about them.
    pub(crate) fn exits_done(&self) -> BTreeMap<&'static str, u64> {
        let mut done = self.exits.done.clone();
        for cause in &self.exits.begun {
            *done.entry(cause.text()).or_default() += 1;
        }
        done
    }

    pub(super) fn did(&mut self, what: &'static str) {
        *self.exits.done.entry(what).or_default() += 1;
    }

    /// Whether it is the order of an exit under way.
    pub(crate) fn is_exit(&self, order: &Order) -> bool {
        let leaving = self
            .exits
            .leaving
            .get(&(order.who.account, order.who.symbol));
        leaving.is_some_and(|leaving| leaving.order == Some(order.serial))
    }

    /// Any account's book that is new.
    pub(super) fn note_accounts(&mut self) {
        for key in self.account_positions.keys() {
            if !self.exits.opened.contains(key) {
                self.exits.opened.push(*key);
            }
        }
    }

    pub(super) fn position(&self, key: Key) -> i64 {
        self.account_positions.get(&key).copied().unwrap_or(0)
    }

    /// The price that positions in a symbol are measured by, where it is believed.
    fn believed(&self, symbol: u32) -> Option<i128> {
        let sum = self.money.sums[symbol as usize];
        sum.filter(|_| self.money.sound[symbol as usize])
    }

    /// A position was another before a fill or a correction.
    pub(super) fn watch_position(&mut self, who: Who, before: i64, terms: Option<ExitTerms>) {
        self.note_accounts();
        // Who has lost too much leaves for that, whatever else would close the position.
        self.look_at_losses();
        let key = (who.account, who.symbol);
        let (after, now) = (self.position(key), self.now);
        if after == 0 {
            if !self.exits.leaving.contains_key(&key) {
                self.exits.held.remove(&key);
            }
            return;
        }
        let is_new = before == 0 || (before > 0) != (after > 0);
        let is_more = is_new || before.unsigned_abs() < after.unsigned_abs();
        let price = self.believed(who.symbol);
        let strategy = self.setup.strategies.get(who.strategy as usize);
        let usual = strategy.map_or(ExitTerms::NONE, |strategy| strategy.exits);
        let is_leaving = self.exits.leaving.contains_key(&key);
        if is_new {
            let last = self.exits.held.get(&key).and_then(|held| held.strategy);
            let held = Held {
                is_long: after > 0,
                strategy: last,
                terms: terms.unwrap_or(usual),
                seen: price.into_iter().collect(),
                gains: Vec::new(),
                timed_since: Some(now),
            };
            self.exits.held.insert(key, held);
        }
        let held = self.exits.held.get_mut(&key).unwrap();
        if is_more && strategy.is_some() {
            held.strategy = Some(who.strategy);
        }
        if let (true, false, false, Some(terms)) = (is_more, is_new, is_leaving, terms) {
            held.take(terms, price, now);
        }
        let owner = Who {
            strategy: held.strategy.unwrap_or(u32::MAX),
            ..who
        };
        if is_new && is_leaving {
            self.did("turns");
        }
        let begun = self.exits.begun.len();
        if self.is_flattened(owner) {
            self.leave(key, ExitCause::LossLimit);
        }
        self.see(key);
        // What a report says to stand still is not booked yet.
        self.sweep_is_due |= self.exits.begun.len() != begun;
    }

    /// A price of a symbol is believed.
    pub(super) fn watch_price(&mut self, symbol: u32) {
        self.look_at_losses();
        for key in self.exits.opened.clone() {
            if key.1 == symbol {
                self.see(key);
            }
        }
    }

    /// Looks at a position at the price of now, if there is one.
    fn see(&mut self, key: Key) {
        let position = self.position(key);
        let worth = self.worth(key.1, position);
        let (Some(sum), Some(worth)) = (self.believed(key.1), worth) else {
            return;
        };
        if position == 0 || self.exits.leaving.contains_key(&key) {
            return;
        }
        let cost = self.money.books[&(true, key.0, key.1)].cost;
        let held = self.exits.held.get_mut(&key).unwrap();
        held.seen.push(sum);
        held.gains.push((worth.saturating_sub(cost), cost));
        if let Some(cause) = held.verdict() {
            self.leave(key, cause);
        }
    }

    /// Begins to close a position, if there is one.
    fn leave(&mut self, key: Key, cause: ExitCause) {
        if self.position(key) == 0 || self.exits.leaving.contains_key(&key) {
            return;
        }
        let leaving = Leaving {
            cause,
            since: self.now,
            tries: Vec::new(),
            order: None,
            not_before: self.now,
            is_waiting: false,
            deadline: u64::MAX,
            cancel_from: 0,
            is_failing: false,
        };
        self.exits.leaving.insert(key, leaving);
        self.exits.begun.push(cause);
        // What stands is to be cancelled.
        let cell = self.account_cell(key.0, key.1);
        self.sweep_is_due |= cell.open_sell != 0 || cell.open_buy != 0;
    }

    /// Every position of a level is closed; of a strategy, those to which it has added last.
    pub(super) fn flatten(&mut self, level: Level) {
        for key in self.exits.opened.clone() {
            let held = self.exits.held.get(&key);
            let strategy = held.and_then(|held| held.strategy);
            let who = Who {
                account: key.0,
                symbol: key.1,
                strategy: strategy.unwrap_or(u32::MAX),
            };
            if self.is_in(level, who) {
                self.leave(key, ExitCause::LossLimit);
            }
        }
    }

    /// A symbol has split: what its prices were is so much of the new units.
    pub(super) fn split_seen(&mut self, symbol: u32, is_inverse: bool, (new, old): (i128, i128)) {
        let (new, old) = if is_inverse { (old, new) } else { (new, old) };
        for (key, held) in &mut self.exits.held {
            for sum in held.seen.iter_mut().filter(|_| key.1 == symbol) {
                *sum = sum.saturating_mul(old) / new;
            }
        }
    }

    /// An operator sets when a position is closed, or has it closed now.
    pub(super) fn change_exit(&mut self, change: &ExitChange) -> Answer {
        let refused = Answer::of(Outcome::NotPermitted);
        let key = (change.account.0, change.symbol.0);
        let now = change.close == 1;
        let parts = [
            change.stop_loss_bps,
            change.take_profit_bps,
            change.trailing_stop_bps,
            change.break_even_bps,
        ];
        let is_silent = parts == [0; 4] && change.hold_max == Nanos::ZERO && !now;
        let is_odd = change.close > 1 || !change.reserved_is_zero();
        if !self.is_operator(change.operator)
            || is_silent
            || is_odd
            || self.position(key) == 0
            || self.exits.leaving.contains_key(&key)
        {
            return refused;
        }
        let (price, time) = (self.believed(key.1), self.now);
        let held = self.exits.held.get_mut(&key).unwrap();
        let changed = |part: u32, before: Option<u64>| match part {
            0 => before,
            u32::MAX => None,
            part => Some(u64::from(part) * FINE),
        };
        let before = held.terms;
        let terms = ExitTerms {
            stop_loss: changed(change.stop_loss_bps, before.stop_loss),
            take_profit: changed(change.take_profit_bps, before.take_profit),
            trailing: changed(change.trailing_stop_bps, before.trailing),
            break_even: changed(change.break_even_bps, before.break_even),
            hold_max: match change.hold_max.raw() {
                0 => before.hold_max,
                u64::MAX => None,
                time => Some(Nanos::from_raw(time)),
            },
        };
        held.take(terms, price, time);
        // What a person names counts from then, were it the same.
        if change.break_even_bps != 0 {
            held.gains.clear();
        }
        if change.hold_max != Nanos::ZERO {
            held.timed_since = Some(time);
        }
        if now {
            self.leave(key, ExitCause::Operator);
        } else {
            self.see(key);
        }
        Answer::of(Outcome::Applied)
    }

    /// When something is to be done about an exit, or one begins for the time.
    pub(super) fn next_exit(&self) -> u64 {
        let ends = self.exits.held.values().filter_map(Held::until);
        let next = self.exits.leaving.values().map(|leaving| {
            let live = leaving.order.filter(|serial| self.is_live(*serial));
            match live {
                Some(_) => leaving.deadline.min(leaving.not_before),
                None => leaving.not_before,
            }
        });
        ends.chain(next).min().unwrap_or(u64::MAX)
    }

    pub(crate) fn is_any_leaving(&self) -> bool {
        !self.exits.leaving.is_empty()
    }

    pub(super) fn is_live(&self, serial: u64) -> bool {
        self.orders[serial as usize - 1].is_live()
    }

    /// Begins what is due by its time, and does about each exit what can be done now.
    pub(super) fn carry_exits_on(&mut self, answer: &mut Answer) {
        self.note_accounts();
        for key in self.exits.opened.clone() {
            let Some(held) = self.exits.held.get_mut(&key) else {
                continue;
            };
            if held.until().is_some_and(|until| until <= self.now) {
                held.timed_since = None;
                self.leave(key, ExitCause::TimeStop);
            }
        }
        for key in self.exits.opened.clone() {
            if let Some(leaving) = self.exits.leaving.remove(&key)
                && let Some(leaving) = self.carry_on(answer, key, leaving)
            {
                self.exits.leaving.insert(key, leaving);
            }
        }
    }

    pub(super) fn show_exits(&self, views: &mut Views) {
        for (key, leaving) in &self.exits.leaving {
            let view = ExitView {
                cause: leaving.cause,
                since: leaving.since,
                serial: leaving.order.unwrap_or(0),
                attempts: leaving.attempts(),
                is_failing: leaving.is_failing,
            };
            views.exits.insert(*key, view);
        }
        for (key, held) in &self.exits.held {
            let terms = (held.terms, held.until().map(Nanos::from_raw));
            if terms != (ExitTerms::NONE, None) {
                views.exit_terms.insert(*key, terms);
            }
        }
        views.exit_counts = (self.exits.begun.len() as u64, self.exits.failing);
    }
}
