//! Money: what books have paid, earned and are worth, and what is done where too much is lost.
//!
//! Lots and parts are worked out longhand; what a level has earned is added up over its books each time.

use super::Model;
use super::answer::Answer;
use super::checks::Findings;
use super::order::{Level, Order, Who, value_of};
use portcullis::message::{Adjust, AdjustKind, Side};
use portcullis::reject::RejectReason::*;
use portcullis::risk::decision::Outcome;
use portcullis::risk::setup::{CostMethod, FeeRate, LossAnswer, LossResume, RateSource, Symbol};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

const ONE: u64 = 1_000_000_000;
const MOST: u128 = 1 << 102;
/// A window of losses is looked at in so many parts, and one more.
const PARTS: u64 = 31;

/// Everything about money that the model remembers.
#[derive(Clone, Default)]
pub(super) struct Money {
    /// By whether it is an account's, whose, and the symbol.
    pub(super) books: BTreeMap<(bool, u32, u32), Book>,
    /// By symbol: twice the last believed price of the kind in force, and whether it is believed now.
    pub(super) sums: Vec<Option<i128>>,
    pub(super) sound: Vec<bool>,
    /// When a believed price came, while it is young.
    young: Vec<Option<u64>>,
    /// By currency, likewise.
    rates: Vec<Option<u64>>,
    rate_is_sound: Vec<bool>,
    /// Multipliers as they were set up.
    multipliers: Vec<u64>,
    /// Levels whose losses were limited when it began.
    limited: BTreeSet<(u8, u32)>,
    standings: BTreeMap<(u8, u32), Standing>,
    /// What each order was charged.
    charged: BTreeMap<u64, Charged>,
}

#[derive(Clone, Default)]
pub(super) struct Book {
    is_fifo: bool,
    position: i64,
    pub(super) cost: i128,
    pub(super) realized: i128,
    pub(super) fees: i128,
    pub(super) transferred: i128,
    /// Of one first in first out: quantity and cost, the oldest first.
    lots: VecDeque<(u64, i128)>,
}

/// What a level has earned over time.
#[derive(Clone)]
pub(super) struct Standing {
    pub(super) before: i128,
    pub(super) peak: i128,
    pub(super) drawdown: i128,
    /// Every profit from the time at which it stood.
    history: Vec<(u64, i128)>,
    pub(super) halt: Option<Halt>,
}

#[derive(Clone, Copy)]
pub(super) struct Halt {
    limit: i128,
    value: i128,
    ends_with_day: bool,
    cancel_through: u64,
}

#[derive(Clone, Default)]
struct Charged {
    rated: i128,
    value: u128,
    fees: i128,
}

/// `a * b / c`, rounded down, digit by digit in binary; the widest number where it is wider.
fn times_over(a: u128, b: u64, c: u64) -> (u128, bool) {
    let (mut quotient, mut rest, mut is_wide) = (0u128, 0u128, false);
    let (low, high) = (a & u128::from(u64::MAX), a >> 64);
    let (low, high) = (low * u128::from(b), high * u128::from(b));
    let (high, carried) = ((high >> 64) as u64, (high << 64).overflowing_add(low));
    let high = u128::from(high) + u128::from(carried.1);
    for digits in [high, carried.0] {
        for bit in (0..128).rev() {
            rest = rest << 1 | (digits >> bit & 1);
            is_wide |= quotient >> 127 == 1;
            quotient <<= 1;
            if rest >= u128::from(c) {
                rest -= u128::from(c);
                quotient |= 1;
            }
        }
    }
    match is_wide {
        true => (u128::MAX, false),
        false => (quotient, rest != 0),
    }
}

fn down(amount: i128, b: u64, c: u64) -> i128 {
    let (whole, has_rest) = times_over(amount.unsigned_abs(), b, c);
    match amount < 0 {
        true => -capped(whole.saturating_add(u128::from(has_rest))),
        false => capped(whole),
    }
}

/// A part of an amount, towards zero.
pub(super) fn part(amount: i128, b: u64, c: u64) -> i128 {
    let (whole, _) = times_over(amount.unsigned_abs(), b, c);
    let whole = i128::try_from(whole).unwrap_or(i128::MAX);
    if amount < 0 { -whole } else { whole }
}

fn capped(magnitude: u128) -> i128 {
    magnitude.min(MOST) as i128
}

fn multiplier_of(symbol: &Symbol) -> u64 {
    if symbol.multiplier == 0 {
        ONE
    } else {
        symbol.multiplier
    }
}

impl Money {
    pub(super) fn new(setup: &portcullis::risk::setup::Setup, levels: &[(Level, bool)]) -> Self {
        let count = setup.symbols.len();
        let fixed = |at: usize| match setup.currencies.get(at).map(|of| of.rate) {
            _ if at == 0 => Some(ONE),
            Some(RateSource::Fixed(rate)) => Some(rate.raw() as u64),
            _ => None,
        };
        let rates: Vec<_> = (0..setup.currencies.len().max(1)).map(fixed).collect();
        Self {
            sums: vec![None; count],
            sound: vec![false; count],
            young: vec![None; count],
            rate_is_sound: rates.iter().map(Option::is_some).collect(),
            rates,
            multipliers: setup.symbols.iter().map(multiplier_of).collect(),
            limited: levels
                .iter()
                .filter(|(_, limited)| *limited)
                .map(|(level, _)| (level.scope as u8, level.owner))
                .collect(),
            standings: levels
                .iter()
                .map(|(level, _)| ((level.scope as u8, level.owner), Standing::NEW))
                .collect(),
            ..Self::default()
        }
    }

    /// Whether its losses were limited when it began.
    pub(super) fn limits_losses(&self, level: (u8, u32)) -> bool {
        self.limited.contains(&level)
    }

    fn free_lots(&self, capacity: u32) -> usize {
        let used = self
            .books
            .values()
            .map(|of| of.lots.len().saturating_sub(1));
        (capacity as usize).saturating_sub(used.sum())
    }
}

impl Standing {
    const NEW: Self = Self {
        before: 0,
        peak: 0,
        drawdown: 0,
        history: Vec::new(),
        halt: None,
    };

    fn now(&self) -> i128 {
        self.history.last().map_or(0, |(_, profit)| *profit)
    }

    /// The highest that stood at any time since.
    fn highest_since(&self, since: u64) -> i128 {
        let stood_until = self.history.iter().skip(1).map(|(time, _)| *time);
        let stood_until = stood_until.chain([u64::MAX]);
        let of = self.history.iter().zip(stood_until);
        let within = of.filter(|(_, until)| since <= *until);
        within.map(|((_, profit), _)| *profit).max().unwrap_or(0)
    }
}

impl Book {
    /// Bought is positive; `cost` is what it has cost.
    fn trade(&mut self, change: i64, cost: i128, free_lots: usize) {
        let held = self.position;
        self.position = held.saturating_add(change);
        if held == 0 || (held > 0) == (change > 0) {
            return self.open(change.unsigned_abs(), cost, free_lots);
        }
        let (held, all) = (held.unsigned_abs(), change.unsigned_abs());
        let closed = held.min(all);
        let of_close = part(cost, closed, all);
        let mut taken = match self.is_fifo {
            true => self.take_lots(closed),
            false => part(self.cost, closed, held),
        };
        if closed == held {
            taken = self.cost;
        }
        self.cost = self.cost.saturating_sub(taken);
        self.realized = self.realized.saturating_sub(of_close).saturating_sub(taken);
        if closed < all {
            self.open(all - closed, cost.saturating_sub(of_close), free_lots);
        }
    }

    fn open(&mut self, qty: u64, cost: i128, free_lots: usize) {
        self.cost = self.cost.saturating_add(cost);
        if !self.is_fifo {
            return;
        }
        match self.lots.back_mut() {
            Some(last) if free_lots == 0 => {
                *last = (last.0.saturating_add(qty), last.1.saturating_add(cost));
            }
            _ => self.lots.push_back((qty, cost)),
        }
    }

    fn take_lots(&mut self, mut qty: u64) -> i128 {
        let mut taken = 0i128;
        while let Some(lot) = self.lots.front_mut() {
            let of_lot = lot.0.min(qty);
            let cost = match of_lot == lot.0 {
                true => lot.1,
                false => part(lot.1, of_lot, lot.0),
            };
            *lot = (lot.0 - of_lot, lot.1.saturating_sub(cost));
            taken = taken.saturating_add(cost);
            qty -= of_lot;
            if lot.0 != 0 {
                break;
            }
            self.lots.pop_front();
        }
        taken
    }
}

impl Model {
    fn is_inverse(&self, symbol: u32) -> bool {
        self.setup.symbols[symbol as usize].is_inverse
    }

    /// What buying costs.
    fn cost_of(&self, symbol: u32, price: i64, qty: u64) -> Option<i128> {
        let multiplier = self.money.multipliers[symbol as usize];
        if self.is_inverse(symbol) {
            let price = u64::try_from(price).ok().filter(|price| *price > 0)?;
            let size = u128::from(qty) * u128::from(multiplier);
            return Some(-capped(times_over(size, ONE, price).0));
        }
        let product = u128::from(price.unsigned_abs()) * u128::from(qty);
        let cost = capped(times_over(product, multiplier, ONE).0);
        Some(if price < 0 { -cost } else { cost })
    }

    /// What a position is worth now, rounded down.
    pub(super) fn worth(&self, symbol: u32, position: i64) -> Option<i128> {
        let sum = self.money.sums[symbol as usize]?;
        let multiplier = self.money.multipliers[symbol as usize];
        let qty = u128::from(position.unsigned_abs());
        let (magnitude, has_rest, is_negative) = match self.is_inverse(symbol) {
            true => {
                let sum = u64::try_from(sum).ok().filter(|sum| *sum > 0)?;
                let (whole, rest) = times_over(qty * u128::from(multiplier), 2 * ONE, sum);
                (whole, rest, position > 0)
            }
            false => {
                let product = sum.unsigned_abs().saturating_mul(qty);
                let (whole, rest) = times_over(product, multiplier, 2 * ONE);
                (whole, rest, (position < 0) != (sum < 0))
            }
        };
        let up = u128::from(is_negative && has_rest);
        let magnitude = capped(magnitude.saturating_add(up));
        Some(if is_negative { -magnitude } else { magnitude })
    }

    /// What a book has brought and would bring, in the firm's currency; and whether nobody knows.
    pub(super) fn profit(&self, key: (bool, u32, u32)) -> (i128, bool) {
        let (book, symbol) = (&self.money.books[&key], key.2);
        let is_flat = book.position == 0;
        let worth = match is_flat {
            true => Some(0),
            false => self.worth(symbol, book.position),
        };
        let is_priced = is_flat || worth.is_some() && self.money.sound[symbol as usize];
        let own = book
            .realized
            .saturating_sub(book.fees)
            .saturating_add(worth.unwrap_or(book.cost))
            .saturating_sub(book.cost);
        let settlement = self.setup.symbols[symbol as usize].settlement as usize;
        let has_rate = self.money.rate_is_sound[settlement];
        let is_blind = !(is_priced && (has_rate || own == 0 && is_flat));
        let profit = match self.money.rates[settlement] {
            None => 0,
            Some(ONE) => own,
            Some(rate) => down(own, rate, ONE),
        };
        (profit.clamp(-(MOST as i128), MOST as i128), is_blind)
    }

    fn books_of(&self, level: Level) -> Vec<(bool, u32, u32)> {
        let keys = self.money.books.keys().copied();
        keys.filter(|&(is_account, owner, symbol)| match level.scope {
            portcullis::message::Scope::Strategy => !is_account && owner == level.owner,
            _ => {
                let who = Who {
                    account: owner,
                    strategy: u32::MAX,
                    symbol,
                };
                is_account && self.is_in(level, who)
            }
        })
        .collect()
    }

    /// What a level has earned, and how many of its books nobody can value.
    pub(super) fn earned(&self, level: Level) -> (i128, u32) {
        let books = self.books_of(level).into_iter();
        books
            .map(|key| self.profit(key))
            .fold((0, 0), |sum, of| (sum.0 + of.0, sum.1 + u32::from(of.1)))
    }

    pub(super) fn standing(&self, level: Level) -> &Standing {
        &self.money.standings[&(level.scope as u8, level.owner)]
    }

    /// A symbol may be worth something else, or its currency.
    pub(super) fn value_anew(&mut self, symbol: u32) {
        self.value_one(symbol);
        for at in 1..self.setup.currencies.len() {
            let RateSource::Symbol {
                symbol: driver,
                is_inverted,
            } = self.setup.currencies[at].rate
            else {
                continue;
            };
            if driver.0 != symbol {
                continue;
            }
            let sum =
                self.money.sums[symbol as usize].filter(|_| self.money.sound[symbol as usize]);
            let rate = sum.and_then(|sum| {
                let sum = u128::try_from(sum).ok().filter(|sum| *sum > 0)?;
                let one = u128::from(ONE);
                let rate = match is_inverted {
                    false => sum.div_ceil(2),
                    true => (2 * one * one).div_ceil(sum),
                };
                u64::try_from(rate).ok()
            });
            let before = (self.money.rates[at], self.money.rate_is_sound[at]);
            self.money.rate_is_sound[at] = rate.is_some();
            self.money.rates[at] = rate.or(self.money.rates[at]);
            if before != (self.money.rates[at], self.money.rate_is_sound[at]) {
                self.exchange_all(at as u32);
            }
        }
    }

    /// What is counted in a currency counts at its rate.
    pub(super) fn exchange_all(&mut self, currency: u32) {
        for symbol in 0..self.setup.symbols.len() {
            let of = &self.setup.symbols[symbol];
            if of.currency != currency && of.settlement != currency {
                continue;
            }
            let is_inverse = of.is_inverse;
            if let Some(rate) = self.money.rates[of.currency as usize] {
                let multiplier = self.money.multipliers[symbol];
                let (whole, rest) = times_over(multiplier.into(), rate, ONE);
                let raised = whole.saturating_add(u128::from(rest));
                let multiplier = u64::try_from(raised).unwrap_or(u64::MAX).max(1);
                self.setup.symbols[symbol].multiplier = multiplier;
                for reference in &mut self.references[symbol] {
                    let Some(good) = &mut reference.good else {
                        continue;
                    };
                    let half = u64::try_from(good.sum.unsigned_abs().div_ceil(2)).unwrap();
                    match value_of(half, multiplier, is_inverse) {
                        Some(mark) => good.mark = mark.into(),
                        None => reference.is_usable = false,
                    }
                }
            }
            self.value_one(symbol as u32);
        }
    }

    fn value_one(&mut self, symbol: u32) {
        let at = symbol as usize;
        let kind = self.reference_kind(symbol) as usize;
        let reference = &self.references[at][kind];
        let is_young = !self.watches_age() || self.money.young[at].is_some();
        self.money.sound[at] = reference.good.is_some() && reference.is_usable && is_young;
        if let Some(good) = &reference.good {
            self.money.sums[at] = Some(good.sum);
            self.marks[at] = good.mark;
        }
    }

    fn watches_age(&self) -> bool {
        let currencies = self.setup.currencies.iter().skip(1);
        let mut driven = currencies.map(|of| matches!(of.rate, RateSource::Symbol { .. }));
        !self.money.limited.is_empty() || driven.any(|is_driven| is_driven)
    }

    /// A believed price has come.
    pub(super) fn is_young_again(&mut self, symbol: u32) {
        self.money.young[symbol as usize] = Some(self.now);
    }

    /// Prices grow old; while a market is closed, they do not.
    pub(super) fn age_prices(&mut self) {
        if !self.watches_age() {
            return;
        }
        let age_max = self.setup.mark_age_max.raw();
        for symbol in 0..self.setup.symbols.len() as u32 {
            let Some(time) = self.money.young[symbol as usize] else {
                continue;
            };
            if self.now <= time.saturating_add(age_max) {
                continue;
            }
            if self.is_closed(symbol) {
                self.money.young[symbol as usize] = Some(self.now);
            } else {
                self.money.young[symbol as usize] = None;
                self.value_anew(symbol);
            }
        }
    }

    /// When the first price is too old.
    pub(super) fn next_age(&self) -> u64 {
        if !self.watches_age() || self.now == 0 {
            return u64::MAX;
        }
        let times = self.money.young.iter().flatten();
        let ends = times.map(|time| time.saturating_add(self.setup.mark_age_max.raw()));
        ends.min().map_or(u64::MAX, |end| end.saturating_add(1))
    }

    /// What the levels have earned stands, and who has lost too much is halted.
    pub(super) fn look_at_losses(&mut self) {
        for level in self.levels() {
            let (profit, _) = self.earned(level);
            let (now, key) = (self.now, (level.scope as u8, level.owner));
            let (limits, serial) = (self.limits(level).clone(), self.orders.len() as u64);
            let is_limited = self.money.limited.contains(&key);
            let standing = self.money.standings.get_mut(&key).unwrap();
            if standing.now() != profit {
                if standing.history.is_empty() {
                    standing.history.push((0, 0));
                }
                standing.history.push((now, profit));
            }
            standing.peak = standing.peak.max(profit);
            standing.drawdown = standing.drawdown.max(standing.peak - profit);
            if standing.halt.is_some() || !is_limited {
                continue;
            }
            let share = |share: Option<u32>, of: i128| {
                let capital = limits.capital.map_or(0, |of| of.raw() as i128);
                let equity = (capital + of).max(0);
                share.map(|share| part(equity, share.into(), 1_000_000))
            };
            let least = |one: Option<i128>, other: Option<i128>| match (one, other) {
                (Some(one), Some(other)) => Some(one.min(other)),
                _ => one.or(other),
            };
            let money = |max: Option<portcullis::units::Notional>| max.map(|max| max.raw() as i128);
            let before = standing.before;
            let day = least(
                money(limits.day_loss_max),
                share(limits.day_loss_share_max, before),
            );
            let peak = standing.peak;
            let drawdown = least(
                money(limits.drawdown_max),
                share(limits.drawdown_share_max, peak),
            );
            let window = limits.rolling_loss_window.map_or(0, |window| window.raw());
            let width = window.div_ceil(PARTS).max(1);
            let oldest = (now / width).saturating_sub(PARTS) * width;
            let highest = standing.highest_since(oldest);
            let found = [
                (day, before, true),
                (drawdown, peak, false),
                (money(limits.rolling_loss_max), highest, false),
            ];
            let breach = found
                .into_iter()
                .find(|(limit, from, _)| limit.is_some_and(|limit| from - profit > limit));
            if let Some((Some(limit), from, is_of_day)) = breach {
                let cancels = limits.loss_answer != LossAnswer::Refuse;
                standing.halt = Some(Halt {
                    limit,
                    value: from - profit,
                    ends_with_day: is_of_day && limits.loss_resume == LossResume::NextDay,
                    cancel_through: if cancels { serial } else { 0 },
                });
                self.sweep_is_due |= cancels;
                if limits.loss_answer == LossAnswer::Flatten {
                    self.flatten(level);
                }
            }
        }
    }

    /// Whether somebody counts in a level that is halted and whose positions are closed for it.
    pub(super) fn is_flattened(&self, who: Who) -> bool {
        let mut levels = self.levels().into_iter();
        levels.any(|level| {
            let is_flat = self.limits(level).loss_answer == LossAnswer::Flatten;
            is_flat && self.standing(level).halt.is_some() && self.is_in(level, who)
        })
    }

    /// A trading day is over.
    pub(super) fn roll_losses(&mut self) {
        for level in self.levels() {
            let profit = self.earned(level).0;
            let standing = self
                .money
                .standings
                .get_mut(&(level.scope as u8, level.owner));
            let standing = standing.unwrap();
            standing.before = profit;
            // Only the day is over: its highest stays, and is looked at behind this.
            standing.halt = standing.halt.filter(|halt| !halt.ends_with_day);
        }
    }

    pub(super) fn is_halted(&self, latch: (u8, u32)) -> bool {
        let standing = self.money.standings.get(&latch);
        standing.is_some_and(|standing| standing.halt.is_some())
    }

    /// Persons let a level go on: it counts from here.
    pub(super) fn resume(&mut self, scope: u8, target: u32) {
        if !self.is_halted((scope, target)) {
            return;
        }
        let standing = self.money.standings.get_mut(&(scope, target)).unwrap();
        let profit = standing.now();
        standing.halt = None;
        (standing.before, standing.peak) = (profit, profit);
        standing.history = vec![(self.now, profit)];
    }

    pub(super) fn is_halted_with_cancel(&self, who: Who, serial: u64) -> bool {
        let path = self.path(who).into_iter();
        let mut halts = path.filter_map(|level| self.standing(level).halt);
        halts.any(|halt| serial <= halt.cancel_through)
    }

    pub(super) fn check_losses(&self, findings: &mut Findings, who: Who, side: Side, more: u64) {
        for level in self.path(who) {
            let reduces = self.only_reduces_at(level, who, side, more);
            if !self
                .money
                .limited
                .contains(&(level.scope as u8, level.owner))
                || reduces
            {
                continue;
            }
            if let Some(halt) = self.standing(level).halt {
                findings.limit(level, LossAboveMax, halt.limit, halt.value);
            }
            let blind = self.earned(level).1;
            if blind > 0 && self.limits(level).has_loss() {
                findings.limit(level, LossUnknown, 0, blind.into());
            }
        }
    }

    pub(super) fn has_rate(&self, symbol: u32) -> bool {
        self.money.rate_is_sound[self.setup.symbols[symbol as usize].currency as usize]
    }

    pub(super) fn has_never_had_a_rate(&self, symbol: u32) -> bool {
        self.money.rates[self.setup.symbols[symbol as usize].currency as usize].is_none()
    }

    /// A book, made where there was none.
    fn book(&mut self, key: (bool, u32, u32)) -> &mut Book {
        let (is_account, owner, _) = key;
        let method = match is_account {
            true => self.setup.accounts[owner as usize].cost_method,
            false => self.setup.strategies[owner as usize].cost_method,
        };
        self.money.books.entry(key).or_insert(Book {
            is_fifo: method == CostMethod::FirstInFirstOut,
            ..Book::default()
        })
    }

    fn each_book(&self, account: u32, strategy: u32, symbol: u32) -> Vec<(bool, u32, u32)> {
        let mut keys = vec![(true, account, symbol)];
        if strategy != u32::MAX {
            keys.insert(0, (false, strategy, symbol));
        }
        keys
    }

    fn trade_in_books(&mut self, who: Who, change: i64, cost: i128, fee: i128) {
        for key in self.each_book(who.account, who.strategy, who.symbol) {
            let free = self.money.free_lots(self.setup.capacity.lots);
            let book = self.book(key);
            book.trade(change, cost, free);
            book.fees = book.fees.saturating_add(fee);
        }
    }

    /// Something of an order has been filled: what that has cost and was charged, in the currency that it
    /// settles in, goes into the books; the fee in the firm's is answered.
    pub(super) fn book_fill(
        &mut self,
        serial: u64,
        qty: u64,
        price: i64,
        fee: i64,
        maker: bool,
    ) -> i128 {
        let order: &Order = &self.orders[serial as usize - 1];
        let (who, side, broker, limit) = (order.who, order.side, order.broker, order.price);
        let mid = self.money.sums[who.symbol as usize].map_or(0, |sum| sum / 2);
        let prices = [price, limit, i64::try_from(mid).unwrap_or(0)];
        let mut prices = prices.into_iter().filter(|price| *price != 0);
        let bought = prices.find_map(|price| self.cost_of(who.symbol, price, qty));
        let bought = bought.unwrap_or(0);
        let fee = match self.setup.symbols[who.symbol as usize].fees {
            _ if fee != 0 => i128::from(fee) * 100_000_000,
            Some(fees) if !self.setup.brokers[broker as usize].reports_fees => {
                let rate: FeeRate = if maker { fees.maker } else { fees.taker };
                let charged = self.money.charged.entry(serial).or_default();
                let value = bought.unsigned_abs();
                let by_unit = i128::from(rate.per_unit.raw()).saturating_mul(qty.into());
                let of_value = part(value as i128, rate.of_value.unsigned_abs(), 100_000_000);
                charged.rated = charged.rated.saturating_add(by_unit);
                charged.rated = charged.rated.saturating_add(match rate.of_value < 0 {
                    true => -of_value,
                    false => of_value,
                });
                charged.value = charged.value.saturating_add(value);
                let mut total = charged.rated;
                let money = |of: portcullis::units::Money| i128::from(of.raw()) * 100_000_000;
                total = fees.order_min.map_or(total, |min| total.max(money(min)));
                total = fees.order_max.map_or(total, |max| total.min(money(max)));
                total = fees.order_share_max.map_or(total, |share| {
                    let (max, _) = times_over(charged.value, share, 100_000_000);
                    total.min(i128::try_from(max).unwrap_or(i128::MAX))
                });
                let fee = total - charged.fees;
                charged.fees = total;
                fee
            }
            _ => 0,
        };
        let (change, cost) = match side {
            Side::Buy => (qty as i64, bought),
            Side::Sell => (-(qty as i64), -bought),
        };
        self.trade_in_books(who, change, cost, fee);
        self.in_own_currency(who.symbol, fee)
    }

    fn in_own_currency(&self, symbol: u32, amount: i128) -> i128 {
        let settlement = self.setup.symbols[symbol as usize].settlement as usize;
        match self.money.rates[settlement] {
            None | Some(ONE) => amount,
            Some(rate) => down(amount, rate, ONE),
        }
    }

    pub(super) fn adjust(&mut self, adjust: &Adjust) -> Answer {
        let refused = Answer::of(Outcome::NotPermitted);
        let operator = adjust.operator;
        let is_known = operator == u32::MAX || self.is_operator(operator);
        let (account, symbol) = (adjust.account.0, adjust.symbol.0);
        let strategy = adjust.strategy.0;
        let is_whose = (symbol as usize) < self.setup.symbols.len()
            && (strategy == u32::MAX || (strategy as usize) < self.setup.strategies.len());
        let kind = AdjustKind::from_byte(adjust.kind);
        let is_clean = adjust.reserved.iter().all(|byte| *byte == 0);
        let (Some(kind), true) = (kind, is_known && is_whose && is_clean) else {
            return refused;
        };
        let (qty, price, cash) = (adjust.qty.raw(), adjust.price.raw(), adjust.cash.raw());
        if kind == AdjustKind::Split {
            let is_all = account == u32::MAX && cash == 0;
            return match is_all && self.split(symbol, qty, price) {
                true => Answer::of(Outcome::Applied),
                false => refused,
            };
        }
        if self.setup.accounts.len() <= account as usize {
            return refused;
        }
        let who = Who {
            symbol,
            strategy,
            account,
        };
        let is_cash = kind == AdjustKind::Cash;
        if is_cash != (qty == 0) || is_cash && price != 0 {
            return refused;
        }
        if qty.unsigned_abs() > portcullis::units::Qty::MAX.raw() {
            return refused;
        }
        if kind == AdjustKind::Trade && price == 0 {
            return refused;
        }
        let bought = match price {
            0 => Some(0),
            price => self.cost_of(symbol, price, qty.unsigned_abs()),
        };
        let terms = &self.setup.symbols[symbol as usize];
        let unit = value_of(price.unsigned_abs(), terms.multiplier, terms.is_inverse);
        let (Some(bought), Some(unit)) = (bought, unit.or(is_cash.then_some(0))) else {
            return refused;
        };
        if !self.has_room_for(who) {
            return refused;
        }
        self.open_positions(who);
        let paid = -i128::from(cash) * 100_000_000;
        let own = self.in_own_currency(symbol, paid);
        if is_cash {
            for key in self.each_book(account, strategy, symbol) {
                let book = self.book(key);
                book.realized = book.realized.saturating_sub(paid);
            }
            self.remember_payment(who, -self.in_own_currency(symbol, -paid));
            return Answer::of(Outcome::Applied);
        }
        let cost = if qty < 0 { -bought } else { bought };
        let priced = self.reference_kind(symbol) as usize;
        let reference = &self.references[symbol as usize][priced];
        let mark = &mut self.marks[symbol as usize];
        if *mark == 0 && reference.good.is_none() {
            *mark = unit.into();
        }
        let before = self.account_positions[&(account, symbol)];
        self.move_positions(who, qty);
        self.trade_in_books(who, qty, cost, paid);
        if kind == AdjustKind::Transfer {
            for key in self.each_book(account, strategy, symbol) {
                let book = self.book(key);
                book.transferred = book.transferred.saturating_add(cost);
            }
        } else {
            let value = u128::from(unit) * u128::from(qty.unsigned_abs());
            let side = if qty < 0 { Side::Sell } else { Side::Buy };
            self.remember_adjusted(who, side, qty.unsigned_abs(), value, own);
        }
        self.watch_position(who, before, None);
        Answer::of(Outcome::Applied)
    }

    /// Every position in a symbol becomes `new` for each `old`, where each comes out whole.
    fn split(&mut self, symbol: u32, new: i64, old: i64) -> bool {
        let mut live = self.orders.iter().filter(|order| order.is_live());
        if new <= 0 || old <= 0 || live.any(|order| order.who.symbol == symbol) {
            return false;
        }
        let split = |position: i64| {
            let product = i128::from(position).checked_mul(i128::from(new) * 10)?;
            let is_whole = product % i128::from(old) == 0;
            i64::try_from(product / i128::from(old))
                .ok()
                .filter(|_| is_whole)
        };
        let accounts = self
            .account_positions
            .iter()
            .filter(|(key, _)| key.1 == symbol);
        let accounts: Vec<_> = accounts.map(|(key, of)| (*key, split(*of))).collect();
        let strategies = self
            .strategy_positions
            .iter()
            .filter(|(key, _)| key.1 == symbol);
        let strategies: Vec<_> = strategies.map(|(key, of)| (*key, split(*of))).collect();
        let whole = self.symbol_positions.get(&symbol).map(|of| split(*of));
        let desks = (0..self.setup.desks.len() as u32).map(|at| self.desk_position(at, symbol));
        let are_whole = accounts
            .iter()
            .chain(&strategies)
            .all(|(_, of)| of.is_some())
            && whole.is_none_or(|of| of.is_some())
            && desks.into_iter().all(|of| split(of).is_some());
        if !are_whole {
            return false;
        }
        for (is_account, (key, position)) in accounts
            .into_iter()
            .map(|of| (true, of))
            .chain(strategies.into_iter().map(|of| (false, of)))
        {
            let position = position.unwrap();
            let positions = match is_account {
                true => &mut self.account_positions,
                false => &mut self.strategy_positions,
            };
            positions.insert(key, position);
            let book = self.book((is_account, key.0, key.1));
            book.position = position;
            book.lots.clear();
            if book.is_fifo && position != 0 {
                book.lots.push_back((position.unsigned_abs(), book.cost));
            }
        }
        if let Some(Some(whole)) = whole {
            self.symbol_positions.insert(symbol, whole);
        }
        self.references[symbol as usize] = Default::default();
        let ratio = (i128::from(new) * 10, i128::from(old));
        self.split_seen(symbol, self.is_inverse(symbol), ratio);
        self.split_price(symbol, ratio.0, ratio.1);
        self.value_anew(symbol);
        true
    }

    /// What is held is worth what it was, until there is a price of the new units.
    fn split_price(&mut self, symbol: u32, new: i128, old: i128) {
        let is_inverse = self.is_inverse(symbol);
        let (divides, multiplies) = if is_inverse { (old, new) } else { (new, old) };
        if let Some(sum) = &mut self.money.sums[symbol as usize] {
            *sum = sum.saturating_mul(multiplies).div_euclid(divides);
        }
        if !is_inverse {
            let mark = &mut self.marks[symbol as usize];
            let worth = mark.saturating_mul(old.unsigned_abs());
            *mark = worth.div_ceil(new.unsigned_abs()).min(i64::MAX as u128);
        }
    }
}
