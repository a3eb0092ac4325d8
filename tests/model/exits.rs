//! Exits: when a position is closed by the gate itself, looked up in all that has happened to it, and how.

use super::Model;
use super::answer::{Answer, ExitView, ToBroker, Views};
use super::money::part;
use super::order::{Level, Order, Who};
use portcullis::message::{
    Body, Exec, ExitChange, Kind, LinkState, NewOrder, OrderType, Side, Text, TimeInForce,
};
use portcullis::risk::decision::Outcome;
use portcullis::risk::exits::ExitCause;
use portcullis::risk::setup::ExitTerms;
use portcullis::units::{Nanos, OrderId, Qty};
use std::collections::BTreeMap;

/// The whole of what a part is of.
const WHOLE: u64 = 100_000_000;
/// A hundredth of a basis point.
const FINE: u64 = WHOLE / 1_000_000;
/// An account, and a symbol.
type Key = (u32, u32);

/// Everything about exits that the model remembers.
#[derive(Clone, Default)]
pub(super) struct Exits {
    held: BTreeMap<Key, Held>,
    leaving: BTreeMap<Key, Leaving>,
    /// Accounts' books, the first opened first.
    opened: Vec<Key>,
    /// Why each has begun.
    begun: Vec<ExitCause>,
    failing: u64,
    /// How often each thing was done about one.
    done: BTreeMap<&'static str, u64>,
}

/// A position since it was opened, or turned to its side.
#[derive(Clone)]
struct Held {
    is_long: bool,
    /// Who added to it last.
    strategy: Option<u32>,
    terms: ExitTerms,
    /// Twice every price that was believed since its trailing stop counts.
    seen: Vec<i128>,
    /// What it had gained at each price since breaking even counts, and what it had cost then.
    gains: Vec<(i128, i128)>,
    /// Since when its time counts; `None` once that was over.
    timed_since: Option<u64>,
}

/// An exit under way.
#[derive(Clone)]
struct Leaving {
    cause: ExitCause,
    since: u64,
    /// Of each try, whether it brought something.
    tries: Vec<bool>,
    /// Its order, until it has been seen to have ended.
    order: Option<u64>,
    /// The next order is not sent before, but where what it waits for is over.
    not_before: u64,
    is_waiting: bool,
    /// When its order is cancelled.
    deadline: u64,
    is_failing: bool,
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
    fn attempts(&self) -> u32 {
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

    fn did(&mut self, what: &'static str) {
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

    fn position(&self, key: Key) -> i64 {
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
        if self.is_flattened(owner) {
            self.leave(key, ExitCause::LossLimit);
        }
        self.see(key);
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
            is_failing: false,
        };
        self.exits.leaving.insert(key, leaving);
        self.exits.begun.push(cause);
        let cell = self.account_cell(key.0, key.1);
        // What stands is to be cancelled.
        self.sweep_is_due |= cell.open_buy > 0 || cell.open_sell > 0;
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
                Some(_) => leaving.deadline,
                None => leaving.not_before,
            }
        });
        ends.chain(next).min().unwrap_or(u64::MAX)
    }

    pub(crate) fn is_any_leaving(&self) -> bool {
        !self.exits.leaving.is_empty()
    }

    fn is_live(&self, serial: u64) -> bool {
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

    /// One exit; `None` where it is over.
    fn carry_on(&mut self, answer: &mut Answer, key: Key, mut leaving: Leaving) -> Option<Leaving> {
        let position = self.position(key);
        let cell = self.account_cell(key.0, key.1);
        let (side, open, opposite) = match position > 0 {
            true => (Side::Sell, cell.open_sell, cell.open_buy),
            false => (Side::Buy, cell.open_buy, cell.open_sell),
        };
        let held = position.unsigned_abs();
        if let Some(serial) = leaving.order.filter(|serial| self.is_live(*serial)) {
            let order = &self.orders[serial as usize - 1];
            let is_wrong = order.side != side || open > u128::from(held);
            let is_late = leaving.deadline <= self.now;
            if (is_wrong || is_late) && !order.is_cancel_pending {
                self.did(if is_wrong {
                    "cancels what is wrong"
                } else {
                    "cancels what is late"
                });
                answer.to_broker.push(self.send_cancel(serial, Text::EMPTY));
            }
            if is_late {
                // Should that be refused, it is asked for again.
                leaving.deadline = self
                    .now
                    .saturating_add(self.setup.exit_policy.timeout.raw());
            }
            leaving.is_waiting |= is_wrong;
            return Some(leaving);
        }
        if position == 0 {
            self.exits.held.remove(&key);
            self.did("ends");
            return None;
        }
        if let Some(serial) = leaving.order.take() {
            let is_waiting = std::mem::take(&mut leaving.is_waiting);
            if is_waiting || self.orders[serial as usize - 1].filled > 0 {
                leaving.tries.push(true);
                leaving.not_before = self.now;
            } else {
                self.fail(&mut leaving);
            }
        }
        if leaving.is_waiting && open == 0 {
            leaving.is_waiting = false;
            leaving.not_before = self.now;
        }
        // What it could trade with is cancelled first.
        let is_ahead = opposite > 0 && self.sweep_is_due;
        if leaving.not_before <= self.now && !is_ahead {
            self.try_to_leave(answer, key, &mut leaving, (side, held, open));
        }
        Some(leaving)
    }

    /// Something was tried and has brought nothing.
    fn fail(&mut self, leaving: &mut Leaving) {
        self.did("fails");
        leaving.tries.push(false);
        let policy = self.setup.exit_policy;
        let attempts = leaving.attempts();
        let pause = (1..attempts.min(6)).fold(policy.retry.raw(), |pause, _| pause * 2);
        leaving.not_before = self.now.saturating_add(pause);
        if attempts >= policy.attempts_max && !leaving.is_failing {
            self.did("is failing");
            leaving.is_failing = true;
            self.exits.failing += 1;
        }
    }

    fn try_to_leave(
        &mut self,
        answer: &mut Answer,
        key: Key,
        leaving: &mut Leaving,
        (side, held, open): (Side, u64, u128),
    ) {
        let Some(who) = self.who_leaves(key) else {
            return self.fail(leaving);
        };
        let (policy, now) = (self.setup.exit_policy, self.now);
        let terms = self.setup.symbols[key.1 as usize].clone();
        let link = self.links[terms.broker.0 as usize];
        let is_shut = matches!(link, LinkState::Down | LinkState::BreakerOpen)
            || self.is_closed(key.1)
            || self
                .path(who)
                .into_iter()
                .any(|level| self.is_killed(level));
        let live = self.live_orders(Level::FIRM).count();
        if is_shut || live >= self.setup.capacity.orders as usize {
            self.did("is held back");
            leaving.not_before = now.saturating_add(policy.retry.raw());
            return;
        }
        let patience = leaving.since.saturating_add(policy.timeout.raw());
        if open > 0 && now < patience {
            self.did("waits for what stands");
            leaving.is_waiting = true;
            leaving.not_before = patience;
            return;
        }
        let left = u128::from(held).saturating_sub(open) as u64;
        let most = terms.qty_max.map_or(Qty::MAX, |max| max.min(Qty::MAX));
        let lot = terms.lot.raw();
        let qty = left.min(most.raw()) / lot * lot;
        let least = terms.qty_min.map_or(1, |min| min.raw().max(1));
        let price = self.exit_price(key.1, side, leaving.attempts());
        let (Some(price), true) = (price, qty >= least) else {
            return self.fail(leaving);
        };
        let serial = self.send_exit(answer, who, side, qty, price);
        self.did(match price {
            0 => "sends a market order",
            _ => "sends a limit order",
        });
        if u128::from(qty) + open < u128::from(held) {
            self.did("sends a part");
        }
        leaving.order = Some(serial);
        leaving.is_waiting = false;
        leaving.deadline = now.saturating_add(policy.timeout.raw());
    }

    /// In whose name: who added to the position last or, where nobody did, the first who may.
    fn who_leaves(&mut self, (account, symbol): Key) -> Option<Who> {
        let last = self.exits.held[&(account, symbol)].strategy;
        let may = |of: &portcullis::risk::setup::Strategy| {
            let mut accounts = of.accounts.iter();
            accounts.any(|id| id.0 == account)
        };
        let first = || self.setup.strategies.iter().position(may);
        let strategy = last.or_else(|| first().map(|at| at as u32))?;
        let who = Who {
            symbol,
            strategy,
            account,
        };
        if !self.has_room_for(who) {
            return None;
        }
        self.open_positions(who);
        Some(who)
    }

    /// The price of an exit's limit order; zero for a market order.
    fn exit_price(&self, symbol: u32, side: Side, attempts: u32) -> Option<i64> {
        if self.takes_type(symbol, OrderType::Market) {
            return Some(0);
        }
        let terms = &self.setup.symbols[symbol as usize];
        let sum = self.money.sums[symbol as usize]?;
        let slippage = i128::from(self.setup.exit_policy.slippage);
        let far = sum.abs() * slippage * i128::from(attempts + 1) / i128::from(WHOLE);
        let tick = i128::from(terms.tick.raw());
        let down = |doubled: i128| doubled.div_euclid(2 * tick) * tick;
        let up = |doubled: i128| -down(-doubled);
        let price = match side {
            Side::Sell => down(sum - far),
            Side::Buy => up(sum + far),
        };
        let least = up(2 * i128::from(terms.price_min.unwrap_or(terms.tick).raw()));
        let most = terms.price_max.map_or(i64::MAX, |max| max.raw());
        let price = price.max(least).min(down(2 * i128::from(most)));
        i64::try_from(price).ok()
    }

    fn send_exit(
        &mut self,
        answer: &mut Answer,
        who: Who,
        side: Side,
        qty: u64,
        price: i64,
    ) -> u64 {
        self.make_room_for_exit();
        let serial = self.orders.len() as u64 + 1;
        let is_market = self.takes_type(who.symbol, OrderType::Market);
        let is_at_once = self.takes_time(who.symbol, TimeInForce::ImmediateOrCancel);
        let name = Text::new(&format!("exit-{serial}")).unwrap();
        let mine = |order: &&Order| {
            let of = (order.who.account, order.who.symbol);
            order.correlation >> 62 == 1 && of == (who.account, who.symbol)
        };
        let before = self.orders.iter().filter(mine).count() as u64;
        let place = u64::from(who.account) << 48 | u64::from(who.symbol) << 40;
        self.orders.push(Order {
            serial,
            id: OrderId::new(serial, 0),
            correlation: 1 << 62 | place | before,
            who,
            broker: self.setup.symbols[who.symbol as usize].broker.0,
            side,
            is_market,
            order_type: match is_market {
                true => OrderType::Market as u8,
                false => OrderType::Limit as u8,
            },
            time_in_force: match is_at_once {
                true => TimeInForce::ImmediateOrCancel as u8,
                false => TimeInForce::Day as u8,
            },
            client_order_id: name,
            price,
            qty,
            value_price: self.marks[who.symbol as usize] as u64,
            filled: 0,
            mark: None,
            parent: None,
            covered: Qty::MAX.raw(),
            short_before: 0,
            is_acknowledged: false,
            is_in_doubt: false,
            is_untold: false,
            was_asked: false,
            questions: Vec::new(),
            is_unheard: false,
            is_cancel_pending: false,
            cancel_id: Text::EMPTY,
            replace: None,
            request: 0,
            asked_since: Some(self.now),
            exits: None,
            closed: None,
        });
        // The account owns what it sells.
        self.uncover(serial);
        let request = self.request(serial, Kind::BrokerNew, name);
        answer.to_broker.push(ToBroker::Request(request));
        let told = self.execution(serial, Exec::Accepted);
        *answer = std::mem::replace(answer, Answer::of(Outcome::Applied)).tells(told);
        serial
    }

    /// Where all the room is taken, the oldest order that is only remembered is forgotten.
    fn make_room_for_exit(&mut self) {
        let remembered = self.orders.iter().filter(|order| order.is_remembered());
        if remembered.count() < self.setup.capacity.orders as usize {
            return;
        }
        let closed = self
            .orders
            .iter_mut()
            .filter_map(|order| order.closed.as_mut());
        let remembered = closed.filter(|closed| !closed.is_forgotten);
        if let Some(oldest) = remembered.min_by_key(|closed| closed.place) {
            oldest.is_forgotten = true;
            self.did("takes the room of what is remembered");
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
