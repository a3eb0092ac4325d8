//! Exits: when a position is closed by the gate itself, and how far that is.
//!
//! Pure. Hot path of prices and fills, for positions that have terms; else there is nothing here.
//!
//! Terms belong to an account's position in a symbol. Its first fill brings those of its order or, where
//! that has none, of its strategy; a fill that adds to it may bring others, and so may an operator. They
//! are measured in
//! what the position has gained or lost at the price that its orders are measured by, as a part of what
//! it has cost, and worked out anew with each fill, so that a price costs a few comparisons. A price
//! that cannot be believed triggers nothing; the first that can does.
//!
//! Once begun, an exit ends with the position: [`super::exit_orders`] carries it out.

use super::cell::NO_CELL;
use super::core::Core;
use super::decision::Outcome;
use super::level::Whose;
use super::money::worth::mul_div;
use super::setup::ExitTerms;
use crate::message::{Body as _, ExitChange, NewOrder, Scope};
use crate::units::{AccountId, Amount, Nanos, OrderId, Position, Qty, StrategyId, SymbolId};

/// Parts are in 1e-8.
const SCALE: u64 = 100_000_000;
/// A hundredth of a basis point, and a whole one.
const FINE: u64 = SCALE / 1_000_000;
const WHOLE: u64 = SCALE / 10_000;

/// Why a position is closed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum ExitCause {
    /// It has lost too much.
    StopLoss = 1,
    /// It has gained enough.
    TakeProfit = 2,
    /// Its price has turned too far from its best.
    TrailingStop = 3,
    /// It had gained enough to be no loss any more, and would become one.
    BreakEven = 4,
    /// It has been held long enough.
    TimeStop = 5,
    /// A level has lost too much.
    LossLimit = 6,
    /// An operator wants it.
    Operator = 7,
}

impl ExitCause {
    /// As users read it.
    pub const fn text(self) -> &'static str {
        match self {
            Self::StopLoss => "stop_loss",
            Self::TakeProfit => "take_profit",
            Self::TrailingStop => "trailing_stop",
            Self::BreakEven => "break_even",
            Self::TimeStop => "time_stop",
            Self::LossLimit => "loss_limit",
            Self::Operator => "operator",
        }
    }
}

/// Every position's terms, and the exits under way.
#[derive(Debug)]
pub(super) struct Exits {
    /// By the place of an account's cell.
    rows: Vec<Row>,
    /// The cells that are being left.
    active: Vec<u32>,
    /// When the next position has been held long enough.
    next_until: Nanos,
    /// When something is to be done at the latest; [`Nanos::MAX`]: never.
    due: Nanos,
    /// How many have begun, and how many were tried so often that somebody must look.
    begun: u64,
    failing: u64,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    terms: ExitTerms,
    /// Left where it has gained as little as this, or as much.
    stop_at: Amount,
    target_at: Amount,
    /// From as much as this on, at no gain.
    even_at: Amount,
    is_even: bool,
    /// The best of twice the price that was believed, and where it has turned too far from it.
    best: Option<i128>,
    trail_at: i128,
    until: Nanos,
    /// Who added to it last.
    strategy: StrategyId,
    exit: Option<Exit>,
}

/// An exit under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exit {
    pub(super) cause: ExitCause,
    pub(super) since: Nanos,
    /// Nothing is sent before.
    pub(super) next_try: Nanos,
    /// Its order, or none yet.
    pub(super) order: OrderId,
    /// When that is given up.
    pub(super) deadline: Nanos,
    /// It is not cancelled again before.
    pub(super) cancel_from: Nanos,
    /// What stands in its way may still reduce the position, or its own order is too large: that is waited
    /// for, and no attempt that failed.
    pub(super) is_waiting: bool,
    /// How many orders it has sent that brought nothing.
    pub(super) attempts: u32,
    pub(super) is_failing: bool,
}

/// What is told of an exit under way.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ExitView {
    /// Whose.
    pub account: AccountId,
    /// Of what.
    pub symbol: SymbolId,
    /// Why.
    pub cause: ExitCause,
    /// Since when.
    pub since: Nanos,
    /// Its last order.
    pub order: OrderId,
    /// How many orders have brought nothing since one did.
    pub attempts: u32,
    /// It was tried so often that somebody must look.
    pub is_failing: bool,
}

const NEVER_LOW: Amount = Amount::from_raw(i128::MIN);
const NEVER_HIGH: Amount = Amount::from_raw(i128::MAX);

const NO_TERMS: Row = Row {
    terms: ExitTerms::NONE,
    stop_at: NEVER_LOW,
    target_at: NEVER_HIGH,
    even_at: NEVER_HIGH,
    is_even: false,
    best: None,
    trail_at: 0,
    until: Nanos::MAX,
    strategy: StrategyId::NONE,
    exit: None,
};

impl Row {
    /// What it has cost is another: so is what counts as much.
    fn measure(&mut self, cost: Amount) {
        let cost = cost.raw().unsigned_abs();
        let part = |of: u64| {
            let part = mul_div(cost, of, SCALE, false);
            Amount::from_raw(i128::try_from(part).unwrap_or(i128::MAX))
        };
        let terms = self.terms;
        self.stop_at = terms.stop_loss.map_or(NEVER_LOW, |of| part(of).negated());
        self.target_at = terms.take_profit.map_or(NEVER_HIGH, part);
        self.even_at = terms.break_even.map_or(NEVER_HIGH, part);
    }

    /// It has other terms. What one of them looks back on counts from when it came.
    fn change(&mut self, terms: ExitTerms, best: Option<i128>, now: Nanos) {
        let before = std::mem::replace(&mut self.terms, terms);
        if before.trailing.is_none() {
            self.best = best;
        }
        if before.break_even != terms.break_even {
            self.is_even = false;
        }
        if before.hold_max != terms.hold_max {
            self.hold(now);
        }
    }

    /// It is held from now on, as far as its time goes.
    fn hold(&mut self, now: Nanos) {
        let hold_max = self.terms.hold_max;
        self.until = hold_max.map_or(Nanos::MAX, |of| now.after(of));
    }

    /// The best price so far is another.
    fn trail(&mut self, is_long: bool) {
        let (Some(trailing), Some(best)) = (self.terms.trailing, self.best) else {
            return;
        };
        let far = mul_div(best.unsigned_abs(), trailing, SCALE, false);
        let far = i128::try_from(far).unwrap_or(i128::MAX);
        self.trail_at = match is_long {
            true => best.saturating_sub(far),
            false => best.saturating_add(far),
        };
    }

    /// Whether the position is to be left at twice a price, at which it has gained so much.
    #[inline]
    fn see(&mut self, is_long: bool, sum: i128, gain: Amount) -> Option<ExitCause> {
        let is_better = |best: i128| is_long && best < sum || !is_long && sum < best;
        if self.best.is_none_or(is_better) {
            self.best = Some(sum);
            self.trail(is_long);
        }
        self.is_even |= self.even_at <= gain;
        let has_turned = match is_long {
            true => sum <= self.trail_at,
            false => self.trail_at <= sum,
        };
        match () {
            () if gain <= self.stop_at => Some(ExitCause::StopLoss),
            () if self.target_at <= gain => Some(ExitCause::TakeProfit),
            () if self.terms.trailing.is_some() && has_turned => Some(ExitCause::TrailingStop),
            () if self.is_even && gain <= Amount::ZERO => Some(ExitCause::BreakEven),
            () => None,
        }
    }
}

impl Exits {
    pub(super) fn new(positions: u32) -> Self {
        Self {
            rows: vec![NO_TERMS; positions as usize],
            active: Vec::with_capacity(positions as usize),
            next_until: Nanos::MAX,
            due: Nanos::MAX,
            begun: 0,
            failing: 0,
        }
    }

    pub(super) fn grow(&mut self, positions: u32) {
        let positions = positions as usize;
        self.rows.resize(positions, NO_TERMS);
        self.active.reserve_exact(positions - self.active.len());
    }

    /// Bytes that so many positions take.
    pub(super) const fn size_bytes(positions: usize) -> usize {
        positions * (size_of::<Row>() + size_of::<u32>())
    }

    /// When something is to be done.
    #[inline]
    pub(super) const fn due(&self) -> Nanos {
        self.due
    }

    /// True where a position is being left.
    #[inline]
    pub(super) fn is_leaving(&self, cell: u32) -> bool {
        !self.active.is_empty() && self.exit(cell).is_some()
    }

    /// True for the order of an exit.
    pub(super) fn is_exit(&self, cell: u32, order: OrderId) -> bool {
        self.exit(cell).is_some_and(|exit| exit.order == order)
    }

    pub(super) fn exit(&self, cell: u32) -> Option<&Exit> {
        self.rows.get(cell as usize)?.exit.as_ref()
    }

    pub(super) fn exit_mut(&mut self, cell: u32) -> Option<&mut Exit> {
        self.rows.get_mut(cell as usize)?.exit.as_mut()
    }

    pub(super) fn strategy(&self, cell: u32) -> StrategyId {
        self.rows[cell as usize].strategy
    }

    /// The cells that are being left.
    pub(super) fn active(&self) -> &[u32] {
        &self.active
    }

    /// Something has happened to the orders or the position of a cell.
    #[inline]
    pub(super) fn wake(&mut self, cell: u32, now: Nanos) {
        if self.is_leaving(cell) {
            self.due = self.due.min(now);
        }
    }

    pub(super) fn end(&mut self, cell: u32) {
        self.rows[cell as usize] = NO_TERMS;
        self.active.retain(|of| *of != cell);
    }

    /// An order of an exit brought nothing so often that somebody must look.
    pub(super) fn fail(&mut self) {
        self.failing += 1;
    }

    /// Works out when something is to be done next: `next` tells it of each exit under way.
    pub(super) fn find_due(&mut self, next: impl Fn(&Exit) -> Nanos) {
        let times = self.active.iter().filter_map(|cell| self.exit(*cell));
        let first = times.map(next).min().unwrap_or(Nanos::MAX);
        self.due = first.min(self.next_until);
    }

    /// Enters them into a hash of the state.
    pub(super) fn hash(&self, add: &mut impl FnMut(u64, u64)) {
        add(self.begun, self.failing);
        for (cell, row) in (0u64..).zip(&self.rows) {
            let Some(exit) = row.exit else {
                if row.terms != ExitTerms::NONE {
                    add(cell, row.best.unwrap_or_default() as u64);
                    add(row.stop_at.raw() as u64, row.until.raw());
                    add(row.target_at.raw() as u64, row.even_at.raw() as u64);
                    add(row.trail_at as u64, u64::from(row.is_even));
                }
                continue;
            };
            add(cell, exit.order.0);
            add(exit.next_try.raw(), u64::from(exit.attempts));
        }
    }
}

impl Core {
    /// A position was `before` and is what it is now, for an order of a strategy that may have terms.
    pub(super) fn watch_position(
        &mut self,
        cell: u32,
        before: Position,
        strategy: StrategyId,
        terms: Option<ExitTerms>,
    ) {
        let of = *self.exposure.cell(cell);
        let (before, after) = (before.raw(), of.position.raw());
        let is_new = before == 0 || (before < 0) != (after < 0);
        let is_more = is_new || before.unsigned_abs() < after.unsigned_abs();
        let (now, begun) = (self.now, self.exits.begun);
        let defaults = self.strategies.get(strategy.0 as usize);
        let defaults = defaults.map_or(ExitTerms::NONE, |row| row.exits);
        let pricing = self.exposure.books.pricing(of.symbol);
        let (sum, is_sound) = (pricing.sum, pricing.is_sound);
        let ledger = self.exposure.books.ledger(cell).copied();
        let (cost, is_long) = (ledger.unwrap_or_default().cost, 0 < after);
        let row = &mut self.exits.rows[cell as usize];
        // A correction need not say whose it is: it makes nobody else answer for the position.
        let strategy = match strategy {
            StrategyId::NONE => row.strategy,
            strategy => strategy,
        };
        if after == 0 {
            // What is under way ends with its order: see there.
            match row.exit {
                Some(_) => self.exits.wake(cell, now),
                None => *row = NO_TERMS,
            }
            return;
        }
        if is_more {
            row.strategy = strategy;
        }
        if is_new {
            let exit = row.exit;
            *row = Row {
                terms: terms.unwrap_or(defaults),
                best: sum.filter(|_| is_sound),
                strategy,
                exit,
                ..NO_TERMS
            };
            row.hold(now);
        } else if let (true, None, Some(terms)) = (is_more, row.exit, terms) {
            row.change(terms, sum.filter(|_| is_sound), now);
        }
        row.trail(is_long);
        row.measure(cost);
        // Whoever fills: it is the position of who added to it.
        let (until, strategy) = (row.until, row.strategy);
        self.exits.next_until = self.exits.next_until.min(until);
        self.exits.due = self.exits.due.min(until);
        self.exits.wake(cell, now);
        if self.is_flattened((AccountId(of.owner), strategy, SymbolId(of.symbol))) {
            self.leave(cell, ExitCause::LossLimit);
        }
        if is_sound {
            self.watch_cell(cell, sum.unwrap_or_default());
        }
        if self.exits.begun != begun {
            // Also for what the report that begins it says to stand still: that is not booked yet.
            self.start_sweep();
        }
    }

    /// A symbol has a price that can be believed.
    #[inline]
    pub(super) fn watch_prices(&mut self, symbol: SymbolId) {
        let pricing = self.exposure.books.pricing(symbol.0);
        let Some(sum) = pricing.sum.filter(|_| pricing.is_sound) else {
            return;
        };
        let mut cell = self.exposure.first_in(symbol.0);
        while let Some((scope, _, next)) = self.exposure.owner_in(cell) {
            if scope == Scope::Account {
                self.watch_cell(cell, sum);
            }
            cell = next;
        }
    }

    fn watch_cell(&mut self, cell: u32, sum: i128) {
        let row = &mut self.exits.rows[cell as usize];
        if row.terms == ExitTerms::NONE || row.exit.is_some() {
            return;
        }
        let of = self.exposure.cell(cell);
        let (position, symbol) = (of.position, of.symbol);
        let contract = self.exposure.books.contract(symbol);
        let ledger = self.exposure.books.ledger(cell);
        let (Some(held), Some(ledger)) = (contract.held(sum, position), ledger) else {
            return;
        };
        let gain = held.less(ledger.cost);
        if let Some(cause) = row.see(0 < position.raw(), sum, gain) {
            self.leave(cell, cause);
        }
    }

    /// An operator sets when a position is closed, or has it closed now; or nothing changes.
    pub(super) fn change_exit(&mut self, change: &ExitChange) -> Outcome {
        let is_known = (change.operator as usize) < self.raises.operator_count();
        let is_clean = change.reserved_is_zero() && change.close <= 1;
        let asks = change.close == 1 || change.tells_terms();
        let cell = self.exposure.find(true, change.account.0, change.symbol.0);
        if !is_known || !is_clean || !asks || cell == NO_CELL || self.exits.is_leaving(cell) {
            return Outcome::NotPermitted;
        }
        let position = self.exposure.cell(cell).position;
        if position == Position::ZERO {
            return Outcome::NotPermitted;
        }
        let now = self.now;
        let pricing = self.exposure.books.pricing(change.symbol.0);
        let believed = pricing.sum.filter(|_| pricing.is_sound);
        let ledger = self.exposure.books.ledger(cell).copied();
        let row = &mut self.exits.rows[cell as usize];
        row.change(row.terms.changed(change), believed, now);
        row.measure(ledger.unwrap_or_default().cost);
        // What a person names counts from then, were it the same.
        if change.break_even_bps != 0 {
            row.is_even = false;
        }
        row.trail(0 < position.raw());
        if change.hold_max != Nanos::ZERO {
            row.hold(now);
        }
        let until = row.until;
        self.exits.next_until = self.exits.next_until.min(until);
        self.exits.due = self.exits.due.min(until);
        if change.close == 1 {
            self.leave(cell, ExitCause::Operator);
        } else if let Some(sum) = believed {
            self.watch_cell(cell, sum);
        }
        Outcome::Applied
    }

    /// When an account's position in a symbol is closed: its terms and, where it is held for a time, until
    /// when.
    pub fn exit_terms(&self, account: AccountId, symbol: SymbolId) -> (ExitTerms, Option<Nanos>) {
        let cell = self.exposure.find(true, account.0, symbol.0);
        let row = self.exits.rows.get(cell as usize).unwrap_or(&NO_TERMS);
        let until = (row.until != Nanos::MAX).then_some(row.until);
        (row.terms, until)
    }

    /// The positions in a symbol are others in a ratio, and so are its prices.
    pub(super) fn split_exits(&mut self, symbol: SymbolId, ratio: (i128, i128)) {
        let contract = self.exposure.books.contract(symbol.0);
        let (new, old) = contract.split_price(ratio);
        let mut cell = self.exposure.first_in(symbol.0);
        while let Some((_, _, next)) = self.exposure.owner_in(cell) {
            let is_long = 0 < self.exposure.cell(cell).position.raw();
            let row = &mut self.exits.rows[cell as usize];
            row.best = row.best.map(|best| best.saturating_mul(old) / new);
            row.trail(is_long);
            cell = next;
        }
    }

    /// Closes every position of a level, its strategies' by whoever added to them last.
    pub(super) fn flatten(&mut self, whose: Whose) {
        for cell in 0..self.exposure.cell_count() {
            let of = self.exposure.cell(cell);
            let strategy = self.exits.rows[cell as usize].strategy;
            let who = (AccountId(of.owner), strategy, SymbolId(of.symbol));
            if of.is_account && self.is_in(whose, who) {
                self.leave(cell, ExitCause::LossLimit);
            }
        }
    }

    /// Positions that have been held long enough are left.
    pub(super) fn leave_in_time(&mut self) {
        let now = self.now;
        if now < self.exits.next_until {
            return;
        }
        let mut next = Nanos::MAX;
        for cell in 0..self.exposure.cell_count() {
            let row = &mut self.exits.rows[cell as usize];
            if row.until <= now {
                row.until = Nanos::MAX;
                self.leave(cell, ExitCause::TimeStop);
            } else {
                next = next.min(row.until);
            }
        }
        self.exits.next_until = next;
    }

    /// Begins to close a position, if there is one.
    pub(super) fn leave(&mut self, cell: u32, cause: ExitCause) {
        let of = self.exposure.cell(cell);
        let has_orders = of.open_buy != Qty::ZERO || of.open_sell != Qty::ZERO;
        let is_flat = of.position == Position::ZERO;
        let now = self.now;
        let row = &mut self.exits.rows[cell as usize];
        if is_flat || row.exit.is_some() {
            return;
        }
        row.exit = Some(Exit {
            cause,
            since: now,
            next_try: now,
            order: OrderId::NONE,
            deadline: Nanos::MAX,
            cancel_from: Nanos::ZERO,
            is_waiting: false,
            attempts: 0,
            is_failing: false,
        });
        // In the order in which the books were opened: those that begin together go out in it.
        let at = self.exits.active.partition_point(|other| *other < cell);
        self.exits.active.insert(at, cell);
        self.exits.begun += 1;
        self.exits.due = now;
        if has_orders {
            self.start_sweep();
        }
    }

    /// The exits under way.
    pub fn exits(&self) -> impl Iterator<Item = ExitView> {
        self.exits.active.iter().filter_map(|at| {
            let (cell, exit) = (self.exposure.cell(*at), self.exits.exit(*at)?);
            Some(ExitView {
                account: AccountId(cell.owner),
                symbol: SymbolId(cell.symbol),
                cause: exit.cause,
                since: exit.since,
                order: exit.order,
                attempts: exit.attempts,
                is_failing: exit.is_failing,
            })
        })
    }

    /// How many exits have begun, and how many were tried so often that somebody must look.
    pub const fn exit_counts(&self) -> (u64, u64) {
        (self.exits.begun, self.exits.failing)
    }
}

impl ExitTerms {
    /// Nothing closes the position.
    pub const NONE: Self = Self {
        stop_loss: None,
        take_profit: None,
        trailing: None,
        break_even: None,
        hold_max: None,
    };

    /// What becomes of them where an operator changes some.
    fn changed(self, change: &ExitChange) -> Self {
        let part = |part: u32, before: Option<u64>| match part {
            0 => before,
            ExitChange::PART_OFF => None,
            part => Some(u64::from(part) * FINE),
        };
        Self {
            stop_loss: part(change.stop_loss_bps, self.stop_loss),
            take_profit: part(change.take_profit_bps, self.take_profit),
            trailing: part(change.trailing_stop_bps, self.trailing),
            break_even: part(change.break_even_bps, self.break_even),
            hold_max: match change.hold_max {
                Nanos::ZERO => self.hold_max,
                ExitChange::TIME_OFF => None,
                time => Some(time),
            },
        }
    }

    /// What an order says of the position that it makes; `None` where it says nothing.
    pub(super) fn of_order(order: &NewOrder) -> Option<Self> {
        let NewOrder {
            trailing_stop_bps,
            break_even_bps,
            hold_max_secs,
            ..
        } = *order;
        let fine = order.stop_loss_bps | order.take_profit_bps;
        let whole = trailing_stop_bps | break_even_bps | hold_max_secs;
        if fine == 0 && whole == 0 {
            return None;
        }
        let part = |bps: u32, scale: u64| (bps != 0).then_some(u64::from(bps) * scale);
        Some(Self {
            stop_loss: part(order.stop_loss_bps, FINE),
            take_profit: part(order.take_profit_bps, FINE),
            trailing: part(trailing_stop_bps.into(), WHOLE),
            break_even: part(break_even_bps.into(), WHOLE),
            hold_max: (hold_max_secs != 0).then(|| Nanos::from_secs(hold_max_secs.into())),
        })
    }
}
