//! Check: every control on one order, each one line, all evaluated.
//!
//! Pure. Hot path.
//!
//! Nothing is written here. A control that fails is noted in the set; the first one, in the order of
//! [`RejectReason`], tells its limit and value. A control that cannot run is a failure of its own.

use super::core::Core;
use super::exposure::{Cell, Level, NO_CELL, contribution};
use super::market::Standing;
use super::setup;
use crate::message::{OrderType, Side, flags};
use crate::reject::{Failed, RejectReason as Reason};
use crate::units::{AccountId, Nanos, Notional, Price, Qty, StrategyId, SymbolId};

/// What the controls found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Findings {
    pub(super) failed: Failed,
    pub(super) limit: i128,
    pub(super) value: i128,
    first: u16,
}

impl Findings {
    pub(super) const NONE: Self = Self {
        failed: Failed::NONE,
        limit: 0,
        value: 0,
        first: u16::MAX,
    };

    /// Notes a failure that has no numbers.
    #[inline(always)]
    pub(super) fn note(&mut self, reason: Reason, breached: bool) {
        self.check(reason, breached, || (0, 0));
    }

    /// Notes a failure; `told` gives its limit and value, if it is the first.
    #[inline(always)]
    pub(super) fn check(
        &mut self,
        reason: Reason,
        breached: bool,
        told: impl FnOnce() -> (i128, i128),
    ) {
        if breached {
            self.failed.note(reason, true);
            if (reason as u16) < self.first {
                self.first = reason as u16;
                (self.limit, self.value) = told();
            }
        }
    }
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
    pub(super) is_new: bool,
}

/// What the checks worked out and the writes use.
#[derive(Clone, Copy, Debug)]
pub(super) struct Valuation {
    /// What one unit is valued at.
    pub(super) value_price: Price,
    /// What the order will have reserved.
    pub(super) reserved: Qty,
    /// Its value.
    pub(super) reserved_notional: Notional,
    pub(super) account_cell: u32,
    pub(super) strategy_cell: u32,
}

/// A basis point is 10,000 of these; the whole is 1e8.
const COLLAR_SCALE: i128 = 100_000_000;

impl Core {
    /// Group 1: may anybody send this at all? False where a name is unknown: nothing more can be
    /// checked.
    #[inline]
    pub(super) fn check_permission(
        &self,
        found: &mut Findings,
        event_flags: u16,
        (account, strategy, symbol): (AccountId, StrategyId, SymbolId),
    ) -> bool {
        if event_flags != 0 {
            found.note(Reason::GateNotReady, event_flags & flags::NOT_READY != 0);
            found.note(Reason::JournalFull, event_flags & flags::JOURNAL_FULL != 0);
            found.note(
                Reason::JournalFailed,
                event_flags & flags::JOURNAL_FAILED != 0,
            );
            found.note(Reason::GateBusy, event_flags & flags::BUSY != 0);
        }
        found.note(Reason::FirmKilled, self.exposure.firm.is_killed);
        let account_level = self.exposure.accounts.get(account.0 as usize);
        let strategy_level = self.exposure.strategies.get(strategy.0 as usize);
        let symbol_level = self.exposure.symbols.get(symbol.0 as usize);
        match account_level {
            None => found.note(Reason::AccountUnknown, true),
            Some(level) => {
                found.note(Reason::AccountDisabled, !level.is_enabled);
                found.note(Reason::AccountKilled, level.is_killed);
                found.note(
                    Reason::LimitsAbsent,
                    !self.accounts[account.0 as usize].has_limits,
                );
            }
        }
        match strategy_level {
            None => found.note(Reason::StrategyUnknown, true),
            Some(level) => {
                found.note(Reason::StrategyDisabled, !level.is_enabled);
                found.note(Reason::StrategyKilled, level.is_killed);
                let permitted = self.strategies[strategy.0 as usize].may_use(account);
                found.note(
                    Reason::AccountNotPermitted,
                    account_level.is_some() && !permitted,
                );
            }
        }
        match symbol_level {
            None => found.note(Reason::SymbolUnknown, true),
            Some(level) => {
                found.note(Reason::SymbolDisabled, !level.is_enabled);
                found.note(Reason::SymbolKilled, level.is_killed);
                let link = &self.links[self.symbols[symbol.0 as usize].broker.0 as usize];
                found.note(Reason::BrokerLinkDown, link.is_down);
                found.note(Reason::BreakerOpen, link.is_breaker_open);
            }
        }
        account_level.is_some() && strategy_level.is_some() && symbol_level.is_some()
    }

    /// Group 2: price and quantity as the venue takes them. False where there is no quantity.
    #[inline]
    pub(super) fn check_terms(&self, found: &mut Findings, terms: &Terms) -> bool {
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
        found.check(Reason::QtyZero, !has_qty, || told(Qty::MAX.raw()));
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

    /// Groups 3 to 5: the limits of all levels. `None` where the order cannot be valued.
    #[inline]
    pub(super) fn check_limits(
        &self,
        found: &mut Findings,
        terms: &Terms,
        now: Nanos,
    ) -> Option<Valuation> {
        let exposure = &self.exposure;
        let levels: [&Level; 4] = [
            &exposure.symbols[terms.symbol.0 as usize],
            &exposure.strategies[terms.strategy.0 as usize],
            &exposure.accounts[terms.account.0 as usize],
            &exposure.firm,
        ];
        let [symbol, strategy, account, firm] = levels;

        // The reference price, if anything needs one.
        let collar = levels.iter().fold(u64::MAX, |least, level| {
            least.min(level.limits.price_collar)
        });
        let age_max = levels.iter().fold(Nanos::MAX, |least, level| {
            least.min(level.limits.reference_age_max)
        });
        let is_market = terms.order_type == OrderType::Market;
        let is_valued = levels.iter().fold(false, |valued, level| {
            valued
                | (level.limits.position_value_max != u128::MAX)
                | (level.limits.gross_exposure_max != u128::MAX)
        });
        let reference = self.references[terms.symbol.0 as usize].standing(now, age_max);
        let fresh = match reference {
            Standing::Fresh(reference) => Some(reference),
            _ if !(is_market | is_valued | (collar != u64::MAX)) => None,
            Standing::Absent => refuse(found, Reason::ReferenceAbsent, 0, 0),
            Standing::Unusable => refuse(found, Reason::ReferenceUnusable, 0, 0),
            Standing::Stale(age) => refuse(
                found,
                Reason::ReferenceStale,
                age_max.raw().into(),
                age.raw().into(),
            ),
        };
        let value_price = match (is_market, fresh) {
            (false, _) => Price::from_raw(terms.price.raw().saturating_abs()),
            (true, Some(reference)) => {
                reference.market_value(if collar == u64::MAX { 0 } else { collar })
            }
            (true, None) => return None,
        };

        // Limits on this order alone.
        let qty = terms.qty.raw();
        let qty_max = levels.iter().fold(u64::MAX, |least, level| {
            least.min(level.limits.order_qty_max)
        });
        found.check(Reason::QtyAboveMax, qty_max < qty, || {
            (qty_max.into(), qty.into())
        });
        let notional = value_price.notional(terms.qty);
        let notional_max = levels.iter().fold(u128::MAX, |least, level| {
            least.min(level.limits.order_notional_max)
        });
        found.check(
            Reason::NotionalAboveMax,
            notional_max < notional.raw(),
            || (wide(notional_max), wide(notional.raw())),
        );
        if let (Some(reference), false, true) = (fresh, is_market, collar != u64::MAX) {
            let price = i128::from(terms.price.raw());
            let distance = 2 * price - reference.sum;
            let breached = i128::from(collar) * reference.sum.abs() < distance.abs() * COLLAR_SCALE;
            found.check(Reason::PriceOutsideCollar, breached, || {
                (reference.collar_bound(collar, distance > 0), price)
            });
        }

        // Limits on what came before.
        let rates = &self.rates;
        let breached = rates
            .breached(self.symbols[terms.symbol.0 as usize].rates, now)
            .or_else(|| rates.breached(self.strategies[terms.strategy.0 as usize].rates, now))
            .or_else(|| rates.breached(self.accounts[terms.account.0 as usize].rates, now))
            .or_else(|| rates.breached(self.firm_rates, now));
        if let Some(count) = breached {
            found.check(Reason::OrderRateAboveMax, true, || {
                (count.into(), i128::from(count) + 1)
            });
        }
        if terms.is_new {
            for level in levels {
                let max = level.limits.open_orders_max;
                found.check(Reason::OrdersOpenAboveMax, max <= level.open_count, || {
                    (max.into(), i128::from(level.open_count) + 1)
                });
            }
        }

        // Limits on what all live orders could come to.
        let leaves = terms.qty.saturating_sub(terms.filled);
        let reserved = terms.reserved.max(leaves);
        let reserved_notional = terms.reserved_notional.max(value_price.notional(leaves));
        let more = i128::from(reserved.raw()) - i128::from(terms.reserved.raw());
        let more_notional = reserved_notional.saturating_sub(terms.reserved_notional);
        let account_cell = exposure.find(true, terms.account.0, terms.symbol.0);
        let strategy_cell = exposure.find(false, terms.strategy.0, terms.symbol.0);
        let side = terms.side;
        let of_symbol = exposure.symbol_cell(terms.symbol.0);
        let (of_account, of_strategy) = (exposure.cell(account_cell), exposure.cell(strategy_cell));
        let mark = exposure.mark(terms.symbol.0);
        let widest = of_symbol.worst(side) + more;
        let overflows = Notional::EXPOSURE_MAX < notional
            || i128::from(i64::MAX) < widest
            || i128::from(i64::MAX) < of_account.worst(side) + more
            || i128::from(i64::MAX) < of_strategy.worst(side) + more
            || fresh.is_some() && exceeds(widest, mark);
        found.note(Reason::ExposureOverflow, overflows);
        if !overflows {
            for level in levels {
                let (max, sum) = (level.limits.open_notional_max, level.open_notional);
                let sum = sum.saturating_add(more_notional).raw();
                found.check(Reason::OpenNotionalAboveMax, max < sum, || {
                    (wide(max), wide(sum))
                });
            }
            let owners = [
                (symbol, of_symbol),
                (strategy, of_strategy),
                (account, of_account),
                (firm, of_symbol),
            ];
            for (level, cell) in owners {
                let worst = (cell.worst(side) + more).max(0);
                let max = level.limits.position_qty_max;
                found.check(Reason::PositionQtyAboveMax, i128::from(max) < worst, || {
                    (max.into(), worst)
                });
                if fresh.is_some() {
                    let max = level.limits.position_value_max;
                    let value = contribution(worst, mark).raw();
                    found.check(Reason::PositionValueAboveMax, max < value, || {
                        (wide(max), wide(value))
                    });
                }
            }
            if fresh.is_some() {
                let gross = [
                    (symbol, of_account),
                    (strategy, of_strategy),
                    (account, of_account),
                    (firm, of_account),
                ];
                for (level, cell) in gross {
                    let (old, new) = (cell.contribution, grown(cell, side, more, mark));
                    let max = level.limits.gross_exposure_max;
                    let sum = level.gross.raw() - old.raw() + new.raw();
                    found.check(
                        Reason::GrossExposureAboveMax,
                        old < new && max < sum,
                        || (wide(max), wide(sum)),
                    );
                }
            }
        }

        // Room in the tables.
        if terms.is_new {
            let full = |of: u32| (i128::from(of), i128::from(of));
            found.check(Reason::OrdersFull, !self.orders.has_room(), || {
                full(self.capacity.orders)
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
        Some(Valuation {
            value_price,
            reserved,
            reserved_notional,
            account_cell,
            strategy_cell,
        })
    }
}

/// The value of a cell's worst position if one side grows.
#[inline]
fn grown(cell: &Cell, side: Side, more: i128, mark: Price) -> Notional {
    let (buy, sell) = match side {
        Side::Buy => (cell.worst(Side::Buy) + more, cell.worst(Side::Sell)),
        Side::Sell => (cell.worst(Side::Buy), cell.worst(Side::Sell) + more),
    };
    contribution(buy.max(sell), mark)
}

/// True where a position is worth more than any sum can hold.
#[inline]
fn exceeds(worst: i128, mark: Price) -> bool {
    let worst = u64::try_from(worst.max(0)).unwrap_or(u64::MAX);
    Notional::EXPOSURE_MAX < mark.notional(Qty::from_raw(worst))
}

#[cold]
fn refuse<T>(found: &mut Findings, reason: Reason, limit: i128, value: i128) -> Option<T> {
    found.check(reason, true, || (limit, value));
    None
}

#[inline]
fn wide(value: u128) -> i128 {
    i128::try_from(value).unwrap_or(i128::MAX)
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

/// The widest of what a symbol may leave open.
pub(super) fn symbol_bounds(symbol: &setup::Symbol) -> (i64, i64, u64, u64) {
    (
        symbol.price_min.map_or(i64::MIN, Price::raw),
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
