//! Check: every control on one order, each one line, all evaluated.
//!
//! Pure. Hot path.
//!
//! Nothing is written here. A control that fails is noted in the set; the first one, in the order of
//! [`RejectReason`], tells its limit and value. A control that cannot run is a failure of its own.

use super::calendar::has_bit;
use super::cell::NO_CELL;
use super::core::Core;
use super::day;
use super::level::{Level, Whose, armed};
use super::market::{Standing, slipped, valued};
use super::order::worst_notional;
use super::parents::Asked;
use super::rate::Paced;
use super::route::{Route, Who};
use super::setup::{self, GROUPS_PER_SYMBOL_MAX};
use super::sums::{Grown, Sums};
use crate::message::{NewOrder, OrderType, SaleMark, Scope, Side, flags};
use crate::reject::{Failed, RejectReason as Reason};
use crate::units::{AccountId, Nanos, Notional, Price, Qty, StrategyId, SymbolId};
use arrayvec::ArrayVec;

/// What the controls found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Findings {
    pub(super) failed: Failed,
    pub(super) limit: i128,
    pub(super) value: i128,
    /// Which level's limit that was.
    pub(super) whose: Whose,
    pub(super) is_cut: bool,
    first: u16,
}

impl Findings {
    pub(super) const NONE: Self = Self {
        failed: Failed::NONE,
        limit: 0,
        value: 0,
        whose: Whose::NOBODY,
        is_cut: false,
        first: u16::MAX,
    };
}

impl Findings {
    /// The order has passed, cut to a quantity: that is told before what it failed uncut.
    pub(super) fn tell_cut(&mut self, approved: Qty, asked: Qty) {
        self.failed.note(Reason::OrderCut, true);
        (self.limit, self.value) = (approved.raw().into(), asked.raw().into());
        self.whose = Whose::NOBODY;
        self.is_cut = true;
    }
}

/// Where controls tell what they found: to who decides, or to who explains.
pub(super) trait Sink {
    /// A control was looked at; `told` gives its limit and the value found. `whose` is the level that
    /// has set the limit.
    fn check_of(
        &mut self,
        whose: Whose,
        reason: Reason,
        breached: bool,
        told: impl FnOnce() -> (i128, i128),
    );

    /// The same of a limit that is no one level's.
    #[inline(always)]
    fn check(&mut self, reason: Reason, breached: bool, told: impl FnOnce() -> (i128, i128)) {
        self.check_of(Whose::NOBODY, reason, breached, told);
    }

    /// A control that has no numbers.
    #[inline(always)]
    fn note(&mut self, reason: Reason, breached: bool) {
        self.check_of(Whose::NOBODY, reason, breached, || (0, 0));
    }

    /// True for who explains: figures are wanted where a decision can do without.
    #[inline(always)]
    fn wants_all(&self) -> bool {
        false
    }

    /// What is not worked out for a decision: how far one that has passed was from refusing.
    #[inline(always)]
    fn passed(&mut self, _whose: Whose, _reason: Reason, _told: impl FnOnce() -> (i128, i128)) {}
}

impl Sink for Findings {
    #[inline(always)]
    fn check_of(
        &mut self,
        whose: Whose,
        reason: Reason,
        breached: bool,
        told: impl FnOnce() -> (i128, i128),
    ) {
        #[cfg(feature = "mutations")]
        let (breached, told) = mutated(reason, breached, told);
        if breached {
            self.failed.note(reason, true);
            if (reason as u16) < self.first {
                self.first = reason as u16;
                self.whose = whose;
                (self.limit, self.value) = told();
            }
        }
    }
}

/// Whether the tests are to be asked if they miss this control.
#[cfg(feature = "mutations")]
pub(super) fn switched_off(reason: Reason) -> bool {
    static NAME: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    is_named(&NAME, "PORTCULLIS_SWITCHED_OFF", reason)
}

/// Whether the tests are to be asked if they miss it by the least that there is.
#[cfg(feature = "mutations")]
fn bent(reason: Reason) -> bool {
    static NAME: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    is_named(&NAME, "PORTCULLIS_BENT", reason)
}

#[cfg(feature = "mutations")]
fn is_named(name: &std::sync::OnceLock<Option<String>>, variable: &str, reason: Reason) -> bool {
    let name = name.get_or_init(|| std::env::var(variable).ok());
    name.as_deref() == Some(reason.name())
}

/// A finding as a wrong core would make it: none at all, or none of a breach by one.
#[cfg(feature = "mutations")]
fn mutated(
    reason: Reason,
    breached: bool,
    told: impl FnOnce() -> (i128, i128),
) -> (bool, impl FnOnce() -> (i128, i128)) {
    let (limit, value) = if breached { told() } else { (0, 0) };
    let is_least = limit.abs_diff(value) <= 1;
    let is_missed = switched_off(reason) || bent(reason) && is_least;
    (breached && !is_missed, move || (limit, value))
}

/// What is to be checked: a new order, or an order as a replace would leave it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    pub(super) account: AccountId,
    pub(super) strategy: StrategyId,
    pub(super) symbol: SymbolId,
    pub(super) side: Side,
    pub(super) order_type: OrderType,
    pub(super) price: Price,
    pub(super) qty: Qty,
    /// What the order has reserved already: nothing, unless it is replaced.
    pub(super) reserved: Qty,
    /// Its value.
    pub(super) reserved_notional: Notional,
    /// What of `qty` has been filled.
    pub(super) filled: Qty,
    pub(super) mark: Option<SaleMark>,
    /// How much worse than its price it counts, in 1e-4 of a basis point.
    pub(super) slippage: u64,
    /// The parent order that it is a child of.
    pub(super) parent: Asked,
    /// Of a sale that is replaced: how much of it the account owned.
    pub(super) covered: Qty,
    pub(super) is_new: bool,
}

impl Terms {
    /// Those of a new order. What names no side or type is refused, and taken for one until then.
    #[inline(always)]
    pub(super) fn of_new(strategy: StrategyId, order: &NewOrder) -> Self {
        Self {
            account: order.account,
            strategy,
            symbol: order.symbol,
            side: Side::from_byte(order.side).unwrap_or(Side::Buy),
            order_type: OrderType::from_byte(order.order_type).unwrap_or(OrderType::Limit),
            price: order.price,
            qty: order.qty,
            reserved: Qty::ZERO,
            reserved_notional: Notional::ZERO,
            filled: Qty::ZERO,
            mark: SaleMark::from_byte(order.mark),
            slippage: 0,
            parent: Asked::of(order),
            covered: Qty::ZERO,
            is_new: true,
        }
    }
}

/// What the checks worked out and the writes use. Filled where it lies: to read as a whole what was just
/// written in parts makes the processor wait.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Valuation {
    /// What one unit is valued at.
    pub(super) value_price: Price,
    /// What the order will have reserved.
    pub(super) reserved: Qty,
    /// Its value.
    pub(super) reserved_notional: Notional,
    /// What the strategy's and the account's book will add to their gross.
    pub(super) grown: [Grown; 2],
    /// Of a sale: how much of it the account owns.
    pub(super) covered: Qty,
    /// There is a price to value its books by, and all their sums fit.
    pub(super) is_marked: bool,
    /// What it may add to a loss of any scenario, where a tail is limited: anything, until it is looked at.
    pub(super) tail_charge: u128,
}

impl Core {
    /// Group 1: may this be sent at all, whatever it says?
    #[inline]
    pub(super) fn check_permission(
        &self,
        found: &mut impl Sink,
        event_flags: u16,
        who: Who,
        route: &Route,
    ) {
        let exposure = &self.exposure;
        let (account, strategy, symbol) = (who.0.0 as usize, who.1.0 as usize, who.2.0 as usize);
        let link = &self.links[self.symbols[symbol].broker.0 as usize];
        let is_stopped = event_flags != 0
            || !route.is_permitted
            || self.strategies[strategy].is_unattended()
            || exposure.firm.is_killed
            || exposure.accounts[account].is_shut()
            || exposure.strategies[strategy].is_shut()
            || exposure.symbols[symbol].is_shut()
            || link.is_down
            || link.is_breaker_open
            || self.is_closed(symbol)
            || route.has_beside && exposure.beside(who.0.0, who.2.0).any(Level::is_shut);
        if is_stopped {
            self.note_stops(found, event_flags, who);
        }
        if self.is_answering() {
            self.check_stages(found, who);
        }
    }

    /// True where a symbol's calendar says so.
    #[inline]
    pub(super) fn is_closed(&self, symbol: usize) -> bool {
        match self.symbols[symbol].calendar {
            0 => false,
            calendar => self.calendars.row(calendar).phase.is_closed(),
        }
    }

    /// What the phase of the trading day does not take, where the symbol does.
    #[inline]
    pub(super) fn check_phase(
        &self,
        found: &mut impl Sink,
        symbol: SymbolId,
        order_type: u8,
        time_in_force: u8,
    ) {
        let symbol = &self.symbols[symbol.0 as usize];
        if symbol.calendar == 0 {
            return;
        }
        let phase = &self.calendars.row(symbol.calendar).phase;
        let is_kept = |of_symbol, of_phase, byte| {
            has_bit(of_symbol, byte) && !has_bit(of_phase, byte) && !phase.is_closed()
        };
        let breached = is_kept(symbol.order_types, phase.order_types, order_type)
            || is_kept(symbol.times_in_force, phase.times_in_force, time_in_force);
        found.note(Reason::PhaseNotPermitted, breached);
    }

    /// Notes everything that stops an order before it is looked at.
    pub(super) fn note_stops(&self, found: &mut impl Sink, event_flags: u16, who: Who) {
        let (account, strategy, symbol) = (who.0.0 as usize, who.1.0 as usize, who.2.0 as usize);
        let exposure = &self.exposure;
        let is_account = account < exposure.accounts.len();
        for (reason, flag) in [
            (Reason::GateNotReady, flags::NOT_READY),
            (Reason::JournalFull, flags::JOURNAL_FULL),
            (Reason::JournalFailed, flags::JOURNAL_FAILED),
            (Reason::GateBusy, flags::BUSY),
        ] {
            found.note(reason, event_flags & flag != 0);
        }
        found.note(Reason::FirmKilled, exposure.firm.is_killed);
        match exposure.accounts.get(account) {
            None => found.note(Reason::AccountUnknown, true),
            Some(level) => {
                found.note(Reason::AccountDisabled, !level.is_enabled);
                found.note(Reason::AccountKilled, level.is_killed);
                found.note(Reason::LimitsAbsent, !self.accounts[account].has_limits);
            }
        }
        match exposure.strategies.get(strategy) {
            None => found.note(Reason::StrategyUnknown, true),
            Some(level) => {
                found.note(Reason::StrategyDisabled, !level.is_enabled);
                found.note(Reason::StrategyKilled, level.is_killed);
                let may_use = self.strategies[strategy].may_use(who.0);
                found.note(Reason::AccountNotPermitted, is_account && !may_use);
                let row = &self.strategies[strategy];
                found.check(Reason::StrategyUnattended, row.is_unattended(), || {
                    let max = i128::from(row.orders_unattended_max);
                    (max, i128::from(row.orders_unattended) + 1)
                });
            }
        }
        match exposure.symbols.get(symbol) {
            None => found.note(Reason::SymbolUnknown, true),
            Some(level) => {
                found.note(Reason::SymbolDisabled, !level.is_enabled);
                found.note(Reason::SymbolKilled, level.is_killed);
                let link = &self.links[self.symbols[symbol].broker.0 as usize];
                found.note(Reason::BrokerLinkDown, link.is_down);
                found.note(Reason::BreakerOpen, link.is_breaker_open);
                found.note(Reason::SymbolRestricted, self.is_restricted(who));
                found.note(Reason::MarketClosed, self.is_closed(symbol));
            }
        }
        if is_account && symbol < exposure.symbols.len() {
            for level in exposure.beside(who.0.0, who.2.0) {
                let (disabled, killed) = match level.whose.scope() == Scope::Desk as u8 {
                    true => (Reason::DeskDisabled, Reason::DeskKilled),
                    false => (Reason::GroupDisabled, Reason::GroupKilled),
                };
                found.note(disabled, !level.is_enabled);
                found.note(killed, level.is_killed);
            }
        }
    }

    /// Group 2: price and quantity as the venue takes them. False where there is no quantity.
    #[inline]
    pub(super) fn check_terms(&self, found: &mut impl Sink, terms: &Terms) -> bool {
        let symbol = &self.symbols[terms.symbol.0 as usize];
        let (price, qty) = (terms.price.raw(), terms.qty.raw());
        if terms.order_type == OrderType::Market {
            found.check(Reason::PriceNotAllowed, price != 0, || {
                (0, i128::from(price))
            });
        } else {
            let told = |limit: i64| (i128::from(limit), i128::from(price));
            found.check(
                Reason::PriceOffTick,
                !symbol.tick.divides_signed(price),
                || told(symbol.tick.get() as i64),
            );
            found.check(Reason::PriceBelowMin, price < symbol.price_min, || {
                told(symbol.price_min)
            });
            found.check(Reason::PriceAboveMax, symbol.price_max < price, || {
                told(symbol.price_max)
            });
        }
        let told = |limit: u64| (i128::from(limit), i128::from(qty));
        let has_qty = qty != 0 && qty <= Qty::MAX.raw();
        found.check(Reason::QtyZero, !has_qty, || {
            told(if qty == 0 {
                symbol.lot.get()
            } else {
                Qty::MAX.raw()
            })
        });
        found.check(Reason::QtyOffLot, !symbol.lot.divides(qty), || {
            told(symbol.lot.get())
        });
        found.check(Reason::QtyBelowMin, qty < symbol.qty_min, || {
            told(symbol.qty_min)
        });
        found.check(Reason::QtyAboveSymbolMax, symbol.qty_max < qty, || {
            told(symbol.qty_max)
        });
        has_qty
    }

    /// Groups 3 to 5: the limits of all levels. False where the order cannot be valued.
    #[inline(always)]
    pub(super) fn check_limits(
        &self,
        found: &mut impl Sink,
        terms: &Terms,
        route: &Route,
        now: Nanos,
        valuation: &mut Valuation,
    ) -> bool {
        let exposure = &self.exposure;
        let levels: [&Level; 4] = [
            &exposure.symbols[terms.symbol.0 as usize],
            &exposure.strategies[terms.strategy.0 as usize],
            &exposure.accounts[terms.account.0 as usize],
            &exposure.firm,
        ];

        // The reference price, if anything needs one.
        let (collar, age_max) = (route.price_collar, route.reference_age_max);
        let set_by = &route.set_by;
        let is_market = terms.order_type == OrderType::Market;
        let is_valued = route.bounded & armed::VALUED != 0;
        let symbol = &self.symbols[terms.symbol.0 as usize];
        let is_valued = is_valued | route.has_tail;
        let is_needed = is_market | is_valued | (collar != u64::MAX) | symbol.moves.is_some();
        let kind = self.reference_kind(terms.symbol.0 as usize);
        let reference = self.references[terms.symbol.0 as usize].standing(kind, now, age_max);
        let fresh = match reference {
            Standing::Fresh(reference) => {
                let age = || (age_max.raw().into(), reference.age(now).raw().into());
                found.passed(set_by.reference_age, Reason::ReferenceStale, age);
                Some(reference)
            }
            _ if !is_needed => None,
            Standing::Absent => refuse(found, Reason::ReferenceAbsent),
            Standing::Unusable => refuse(found, Reason::ReferenceUnusable),
            Standing::Stale(age) => {
                let told = || (age_max.raw().into(), age.raw().into());
                found.check_of(set_by.reference_age, Reason::ReferenceStale, true, told);
                None
            }
        };
        let price = match (is_market, fresh) {
            (false, _) => terms.price.raw().saturating_abs() as u64,
            (true, Some(reference)) => {
                reference.market_price(if collar == u64::MAX { 0 } else { collar })
            }
            (true, None) => return false,
        };
        if !symbol.has_rate {
            found.note(Reason::CurrencyRateUnknown, true);
            return false;
        }
        let Some(value_price) = valued(price, symbol.multiplier, symbol.is_inverse) else {
            found.note(Reason::ExposureOverflow, true);
            return false;
        };
        let Some(value_price) = slipped(value_price, terms.slippage) else {
            found.note(Reason::ExposureOverflow, true);
            return false;
        };

        // Limits on this order alone.
        let qty = terms.qty.raw();
        let qty_max = route.order_qty_max;
        found.check_of(set_by.order_qty, Reason::QtyAboveMax, qty_max < qty, || {
            (qty_max.into(), qty.into())
        });
        let notional = value_price.notional(terms.qty);
        let notional_max = route.order_notional_max;
        found.check_of(
            set_by.order_notional,
            Reason::NotionalAboveMax,
            notional_max < notional.raw(),
            || (wide(Notional::from_raw(notional_max)), wide(notional)),
        );
        if let (Some(reference), false, true) = (fresh, is_market, collar != u64::MAX) {
            let distance = 2 * i128::from(terms.price.raw()) - reference.sum;
            let breached = reference.is_outside(collar, distance.unsigned_abs());
            found.check_of(set_by.collar, Reason::PriceOutsideCollar, breached, || {
                let bound = reference.collar_bound(collar, distance > 0);
                (bound, terms.price.raw().into())
            });
        }

        if let (Some(reference), Some(moves)) = (fresh, &symbol.moves) {
            match moves.breach(reference.sum, now) {
                Some(told) => found.check(Reason::ReferenceMoved, true, || told),
                None => found.passed(Whose::NOBODY, Reason::ReferenceMoved, || {
                    moves.furthest(reference.sum, now)
                }),
            }
        }

        if !route.paced.is_empty() {
            self.check_pace(found, route, terms.is_new, now);
        }

        // Limits on what all live orders could come to.
        let leaves = terms.qty.saturating_sub(terms.filled);
        let reserved = terms.reserved.max(leaves);
        let own = (terms.reserved, terms.reserved_notional);
        let reserved_notional = worst_notional(own, (leaves, value_price));
        // No quantity is wider than this.
        let more = i64::try_from(reserved.raw() - terms.reserved.raw()).unwrap_or(i64::MAX);
        let (account_cell, strategy_cell) = (route.books.account_cell, route.books.strategy_cell);
        if notional.raw() < symbol.notional_min {
            let only_reduces = exposure.cell(account_cell).only_reduces(terms.side, more);
            found.check(Reason::NotionalBelowMin, !only_reduces, || {
                (
                    wide(Notional::from_raw(symbol.notional_min)),
                    wide(notional),
                )
            });
        }
        if is_valued && self.currencies.are_lacking() {
            let only_reduces = exposure.cell(account_cell).only_reduces(terms.side, more);
            let breached = !only_reduces && self.holds_unrated();
            found.note(Reason::CurrencyRateUnknown, breached);
        }
        let beside: Beside<'_> = match route.has_beside {
            true => exposure.beside(terms.account.0, terms.symbol.0).collect(),
            false => Beside::new(),
        };
        let sums = Sums {
            levels,
            beside: &beside,
            desk_cell: exposure.desk_cell(route.books.desk_cell),
            cells: [
                exposure.symbol_cell(terms.symbol.0),
                exposure.cell(strategy_cell),
                exposure.cell(account_cell),
            ],
            mark: exposure.mark(terms.symbol.0),
            is_marked: fresh.is_some(),
            side: terms.side,
            more,
            more_notional: reserved_notional.saturating_sub(terms.reserved_notional),
            is_new: terms.is_new,
            has_net: exposure.has_net,
        };
        let fits = sums.check(found, notional, route.bounded, &mut valuation.grown);
        let whose = levels.iter().chain(&beside).map(|level| level.whose);
        found.note(Reason::ExitUnderWay, self.exits.is_leaving(account_cell));
        // What reduces the account's position may open one of the strategy's own.
        let of_book = |cell: u32| exposure.cell(cell).only_reduces(terms.side, more);
        let reduces = |whose: Whose| {
            let is_strategy = whose.scope() == Scope::Strategy as u8;
            of_book(account_cell) && (!is_strategy || of_book(strategy_cell))
        };
        self.check_losses(found, whose, reduces);
        let covered = match terms.side == Side::Sell && self.locates.is_some() {
            true => self.check_short(found, terms, route, more),
            false => Qty::MAX,
        };
        self.check_funds(found, terms.account, terms.side, sums.more_notional);
        self.check_parent(found, terms, reserved.saturating_sub(terms.reserved));
        if route.bounded & armed::DAY != 0 {
            let more = reserved.saturating_sub(terms.reserved);
            let mut look = |level: &Level| {
                if level.bounds.armed & armed::DAY != 0 {
                    day::check(found, level, more, sums.more_notional);
                }
            };
            levels.into_iter().for_each(&mut look);
            beside.iter().copied().for_each(look);
        }

        // Room in the tables.
        if terms.is_new {
            let full = |of: u32| (i128::from(of), i128::from(of));
            found.check(Reason::OrdersFull, !self.orders.has_room(), || {
                let live_max = self.orders.live_max();
                (live_max.into(), i128::from(live_max) + 1)
            });
            let new_cells =
                usize::from(account_cell == NO_CELL) + usize::from(strategy_cell == NO_CELL);
            found.check(Reason::PositionsFull, !exposure.has_room(new_cells), || {
                full(self.capacity.positions)
            });
        }
        let has_room = self.client_order_ids.has_room(now, |id| {
            self.orders
                .slot(id)
                .is_none_or(|slot| !self.orders.get(slot).is_live())
        });
        found.check(Reason::ClientOrderIdsFull, !has_room, || {
            let of = i128::from(self.capacity.client_order_ids);
            (of, of)
        });
        valuation.value_price = value_price;
        (valuation.reserved, valuation.reserved_notional) = (reserved, reserved_notional);
        valuation.covered = covered;
        valuation.is_marked = fits && fresh.is_some();
        valuation.tail_charge = u128::MAX;
        true
    }

    /// True where the firm holds something in a currency that has had no rate yet: what that comes to in any
    /// sum is not known.
    #[cold]
    fn holds_unrated(&self) -> bool {
        let mut symbols = (0u32..).zip(&self.quoted);
        symbols.any(|(at, symbol)| {
            let cell = self.exposure.symbol_cell(at);
            let is_held = [Side::Buy, Side::Sell].map(|side| cell.worst_wide(side)) != [0; 2];
            is_held && self.currencies.last_rate(symbol.currency).is_none()
        })
    }

    /// Limits on how often. Rates of cancels stop what is not one.
    #[inline(always)]
    fn check_pace(&self, found: &mut impl Sink, route: &Route, is_new: bool, now: Nanos) {
        for (whose, paces) in &route.paced {
            let mut look = |range| {
                self.rates.look(range, now, |paced, remembered, look| {
                    let reason = paced.reason();
                    if look.is_full {
                        let told = || paced.told(remembered, remembered + 1);
                        found.check_of(*whose, reason, true, told);
                    } else {
                        found.passed(*whose, reason, || paced.told(remembered, look.count(now)));
                    }
                });
            };
            if is_new {
                look(paces.from(Paced::New, Paced::Orders));
                look(paces.from(Paced::Cancels, Paced::Cancels));
            } else {
                look(paces.from(Paced::Orders, Paced::Cancels));
            }
        }
    }
}

/// The desk, if there is one, and the groups of an order.
type Beside<'a> = ArrayVec<&'a Level, { 1 + GROUPS_PER_SYMBOL_MAX }>;

#[cold]
fn refuse<T>(found: &mut impl Sink, reason: Reason) -> Option<T> {
    found.note(reason, true);
    None
}

/// A sum as a refusal tells it.
#[inline]
pub(super) fn wide(value: Notional) -> i128 {
    i128::try_from(value.raw()).unwrap_or(i128::MAX)
}

/// A number that others must be whole multiples of. Division is slow, so multiples of a power of
/// two times an odd number are recognised by a multiplication: `n` is one exactly when
/// `n * odd⁻¹`, rotated by the power of two, is at most `u64::MAX / divisor`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Divisor {
    divisor: u64,
    inverse: u64,
    shift: u32,
    quotient_max: u64,
}

impl Divisor {
    /// The divisor is positive; zero would divide nothing and is taken for one.
    pub(super) fn new(divisor: u64) -> Self {
        let divisor = divisor.max(1);
        let shift = divisor.trailing_zeros();
        let odd = divisor >> shift;
        // Newton's iteration: each step doubles the bits that are right, from 3 to 96.
        let inverse = (0..5).fold(odd, |inverse: u64, _| {
            inverse.wrapping_mul(2u64.wrapping_sub(odd.wrapping_mul(inverse)))
        });
        Self {
            divisor,
            inverse,
            shift,
            quotient_max: u64::MAX / divisor,
        }
    }

    #[inline]
    pub(super) const fn get(self) -> u64 {
        self.divisor
    }

    #[inline]
    pub(super) const fn divides(self, number: u64) -> bool {
        number.wrapping_mul(self.inverse).rotate_right(self.shift) <= self.quotient_max
    }

    #[inline]
    pub(super) const fn divides_signed(self, number: i64) -> bool {
        self.divides(number.unsigned_abs())
    }
}

/// The widest of what a symbol may leave open. Prices of zero and below must be asked for: where
/// they are a mistake they make an order look like nothing.
pub(super) fn symbol_bounds(symbol: &setup::Symbol) -> (i64, i64, u64, u64) {
    (
        symbol.price_min.unwrap_or(symbol.tick).raw(),
        symbol.price_max.map_or(i64::MAX, Price::raw),
        symbol.qty_min.map_or(0, Qty::raw),
        symbol.qty_max.map_or(u64::MAX, Qty::raw),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn multiples_are_recognised_exactly() {
        let divisors = [
            1,
            2,
            3,
            5,
            7,
            8,
            10,
            100,
            1 << 20,
            10_000_000,
            250_000_000,
            1_000_000_007,
            u64::MAX,
        ];
        for divisor in divisors {
            let fast = Divisor::new(divisor);
            let near = (0..200u64).flat_map(|n| {
                let multiple = divisor.wrapping_mul(n * n * 7919);
                [
                    n,
                    multiple,
                    multiple.wrapping_add(1),
                    multiple.wrapping_sub(1),
                    u64::MAX - n,
                ]
            });
            for number in near {
                assert_eq!(
                    fast.divides(number),
                    number % divisor == 0,
                    "{number} by {divisor}"
                );
            }
        }
    }
}
