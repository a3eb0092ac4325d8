//! Route: what applies to one account, strategy and symbol together, worked out once.
//!
//! Pure. Hot path.
//!
//! The limits of all levels on an order's path come to one row: the tightest of each kind, which sums
//! any of them bounds, which windows any of them has. However many levels there are, an order looks
//! at one row. Rows are kept in a table of fixed size, each at the one place that its names lead to,
//! and are worked out again where another stands there: a row decides nothing that the levels do not.

use super::core::Core;
use super::exposure::NO_CELL;
use super::foresee::hint_at;
use super::index::mix;
use super::rate::Range;
use crate::message::Scope;
use crate::units::{AccountId, Nanos, StrategyId, SymbolId};
use arrayvec::ArrayVec;

/// Firm, account, strategy, symbol.
const LEVELS: usize = 4;

/// Who sends what for whom.
pub(super) type Who = (AccountId, StrategyId, SymbolId);

/// One row.
#[derive(Clone, Debug)]
#[repr(align(64))]
pub(super) struct Route {
    pub(super) order_notional_max: u128,
    pub(super) order_qty_max: u64,
    pub(super) price_collar: u64,
    pub(super) reference_age_max: Nanos,
    who: Who,
    /// The books that an order counts in, or [`NO_CELL`] where there are none yet.
    pub(super) account_cell: u32,
    pub(super) strategy_cell: u32,
    /// Bits of [`super::exposure::armed`]: the sums that any level bounds.
    pub(super) bounded: u8,
    /// The levels that have a window against duplicates: bits of [`windows`].
    pub(super) duplicates: u8,
    /// How many books there were when this was worked out, if one was missing.
    cells_seen: u32,
    /// The strategy may use the account, the account has limits, and neither is kept from the symbol.
    pub(super) is_permitted: bool,
    /// Whose the limits above are.
    pub(super) scopes: Scopes,
    /// The windows of those levels that have some, narrowest level first, each with its [`Scope`].
    pub(super) rates: ArrayVec<(u8, Range), LEVELS>,
}

/// Which level set each of the tightest limits: a [`Scope`], or zero where none did.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Scopes {
    pub(super) order_qty: u8,
    pub(super) order_notional: u8,
    pub(super) collar: u8,
    pub(super) reference_age: u8,
}

/// The levels of an order, narrowest first: the first of equals is the one that is told.
pub(super) const SCOPES: [u8; LEVELS] = [
    Scope::Symbol as u8,
    Scope::Strategy as u8,
    Scope::Account as u8,
    Scope::Firm as u8,
];

/// Levels, as bits.
pub(super) mod windows {
    pub(in crate::risk) const SYMBOL: u8 = 1;
    pub(in crate::risk) const STRATEGY: u8 = 2;
    pub(in crate::risk) const ACCOUNT: u8 = 4;
    pub(in crate::risk) const FIRM: u8 = 8;
}

/// All rows that are worked out.
#[derive(Debug)]
pub(super) struct Routes {
    rows: Box<[Route]>,
    seed: u64,
}

const NOBODY: Who = (AccountId::NONE, StrategyId::NONE, SymbolId::NONE);
const EMPTY: Route = Route {
    order_notional_max: 0,
    order_qty_max: 0,
    price_collar: 0,
    reference_age_max: Nanos::ZERO,
    who: NOBODY,
    account_cell: NO_CELL,
    strategy_cell: NO_CELL,
    bounded: 0,
    duplicates: 0,
    cells_seen: u32::MAX,
    is_permitted: false,
    scopes: Scopes {
        order_qty: 0,
        order_notional: 0,
        collar: 0,
        reference_age: 0,
    },
    rates: ArrayVec::new_const(),
};

impl Route {
    /// True where both books are there.
    #[inline(always)]
    pub(super) const fn is_complete(&self) -> bool {
        (self.account_cell != NO_CELL) & (self.strategy_cell != NO_CELL)
    }
}

impl Routes {
    /// Rows for about as many as there may be positions.
    pub(super) fn new(positions: usize, seed: u64) -> Self {
        Self {
            rows: vec![EMPTY; Self::count(positions)].into_boxed_slice(),
            seed,
        }
    }

    const fn count(positions: usize) -> usize {
        positions.next_power_of_two()
    }

    pub(super) fn tables(&self, take: &impl Fn(*const u8, usize)) {
        take(self.rows.as_ptr().cast(), size_of_val(&*self.rows));
    }

    /// Bytes that the rows for so many positions take.
    pub(super) const fn size_bytes(positions: usize) -> usize {
        Self::count(positions) * size_of::<Route>()
    }

    /// What decides where hashes lead.
    #[inline]
    pub(super) const fn seed(&self) -> u64 {
        self.seed
    }

    #[inline]
    fn place(&self, who: Who) -> usize {
        let hash = mix(
            self.seed ^ u64::from(who.0.0),
            u64::from(who.1.0) << 32 | u64::from(who.2.0),
        );
        hash as usize & (self.rows.len() - 1)
    }

    /// Where a row will be looked for.
    #[inline]
    pub(super) fn foresee(&self, who: Who, hint: &impl Fn(*const u8)) {
        hint_at(&self.rows, self.place(who), hint);
    }

    #[inline]
    pub(super) fn row(&self, at: usize) -> &Route {
        &self.rows[at]
    }

    #[inline]
    pub(super) fn row_mut(&mut self, at: usize) -> &mut Route {
        &mut self.rows[at]
    }
}

impl Core {
    /// The place of the row for an account, a strategy and a symbol; `None` where one is unknown.
    #[inline]
    pub(super) fn route(&mut self, who: Who) -> Option<usize> {
        let at = self.routes.place(who);
        let row = &self.routes.rows[at];
        if row.who == who && (row.is_complete() || row.cells_seen == self.exposure.cell_count()) {
            return Some(at);
        }
        let row = self.work_out(who)?;
        self.routes.rows[at] = row;
        Some(at)
    }

    /// True where the account or the strategy may not trade the symbol.
    pub(super) fn is_restricted(&self, who: Who) -> bool {
        let is_in =
            |list: Option<&[SymbolId]>| list.is_some_and(|list| list.binary_search(&who.2).is_ok());
        is_in(
            self.accounts
                .get(who.0.0 as usize)
                .map(|row| &*row.restricted),
        ) || is_in(
            self.strategies
                .get(who.1.0 as usize)
                .map(|row| &*row.restricted),
        )
    }

    #[cold]
    pub(super) fn work_out(&self, who: Who) -> Option<Route> {
        let (account, strategy, symbol) = (who.0.0 as usize, who.1.0 as usize, who.2.0 as usize);
        let exposure = &self.exposure;
        let levels = [
            exposure.symbols.get(symbol)?,
            exposure.strategies.get(strategy)?,
            exposure.accounts.get(account)?,
            &exposure.firm,
        ];
        let rates = [
            self.symbols[symbol].rates,
            self.strategies[strategy].rates,
            self.accounts[account].rates,
            self.firm_rates,
        ];
        let recents = [
            (windows::SYMBOL, &self.symbols[symbol].recent),
            (windows::STRATEGY, &self.strategies[strategy].recent),
            (windows::ACCOUNT, &self.accounts[account].recent),
            (windows::FIRM, &self.firm_recent),
        ];
        let recents = recents.iter().filter(|(_, recent)| recent.is_some());
        let mut route = Route {
            duplicates: recents.fold(0, |set, (bit, _)| set | bit),
            cells_seen: exposure.cell_count(),
            order_notional_max: u128::MAX,
            order_qty_max: u64::MAX,
            price_collar: u64::MAX,
            reference_age_max: Nanos::MAX,
            who,
            account_cell: exposure.find(true, who.0.0, who.2.0),
            strategy_cell: exposure.find(false, who.1.0, who.2.0),
            is_permitted: self.accounts[account].has_limits
                && self.strategies[strategy].may_use(who.0)
                && !self.is_restricted(who),
            rates: SCOPES
                .into_iter()
                .zip(rates)
                .filter(|(_, range)| !range.is_empty())
                .collect(),
            ..EMPTY
        };
        let scopes = &mut route.scopes;
        for (scope, level) in SCOPES.into_iter().zip(levels) {
            let of = &level.limits;
            let (notional_max, age_max) = (of.order_notional_max, of.reference_age_max);
            tighten(
                &mut route.order_notional_max,
                notional_max,
                &mut scopes.order_notional,
                scope,
            );
            tighten(
                &mut route.order_qty_max,
                of.order_qty_max,
                &mut scopes.order_qty,
                scope,
            );
            tighten(
                &mut route.price_collar,
                of.price_collar,
                &mut scopes.collar,
                scope,
            );
            tighten(
                &mut route.reference_age_max,
                age_max,
                &mut scopes.reference_age,
                scope,
            );
            route.bounded |= of.armed;
        }
        Some(route)
    }
}

/// Takes a limit where it is the tightest so far, and notes whose it is.
fn tighten<T: PartialOrd>(tightest: &mut T, limit: T, by: &mut u8, scope: u8) {
    if limit < *tightest {
        (*tightest, *by) = (limit, scope);
    }
}
