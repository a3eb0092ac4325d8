//! Route: what applies to one account, strategy and symbol together, worked out once.
//!
//! Pure. Hot path.
//!
//! The limits of all levels on an order's path come to one row: the tightest of each kind, which sums
//! any of them bounds, which windows any of them has. However many levels there are, an order looks
//! at one row. Rows are kept in a table of fixed size, each at the one place that its names lead to,
//! and are worked out again where another stands there: a row decides nothing that the levels do not.

use super::cell::NO_CELL;
use super::core::Core;
use super::exposure::NO_DESK;
use super::foresee::hint_at;
use super::index::mix;
use super::level::Whose;
use super::own::NO_BOOK;
use super::rate::Paces;
use super::rules::path;
use super::setup::GROUPS_PER_SYMBOL_MAX;
use super::tail::{Kind, NO_TAILS, Tails};
use crate::units::{AccountId, Nanos, StrategyId, SymbolId};
use arrayvec::ArrayVec;

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
    pub(super) books: Books,
    /// The book of the account's owner, or [`NO_BOOK`] where there is none yet or none is kept.
    pub(super) own_book: u32,
    /// The levels that have a window against duplicates: bits of [`path`].
    pub(super) duplicates: u16,
    /// Bits of [`super::level::armed`]: the sums that any level bounds.
    pub(super) bounded: u8,
    /// How many books there were when this was worked out, if one was missing.
    cells_seen: u32,
    /// The strategy may use the account, the account has limits, and neither is kept from the symbol.
    pub(super) is_permitted: bool,
    /// There is a desk or a group.
    pub(super) has_beside: bool,
    /// The tail of some level is limited.
    pub(super) has_tail: bool,
    /// Whose the limits above are.
    pub(super) set_by: SetBy,
    /// The windows of those levels that have a rate, narrowest first.
    pub(super) paced: ArrayVec<(Whose, Paces), LEVELS_MAX>,
}

/// Symbol, strategy, account, firm, desk, and groups.
const LEVELS_MAX: usize = path::GROUPS as usize + GROUPS_PER_SYMBOL_MAX;

/// Which level set each of the tightest limits: the first of equals.
#[derive(Clone, Copy, Debug)]
pub(super) struct SetBy {
    pub(super) order_qty: Whose,
    pub(super) order_notional: Whose,
    pub(super) collar: Whose,
    pub(super) reference_age: Whose,
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
    books: Books {
        symbol: u32::MAX,
        account_cell: NO_CELL,
        strategy_cell: NO_CELL,
        desk_cell: NO_CELL,
        tails: NO_TAILS,
    },
    own_book: NO_BOOK,
    duplicates: 0,
    bounded: 0,
    cells_seen: u32::MAX,
    is_permitted: false,
    has_beside: false,
    has_tail: false,
    set_by: SetBy {
        order_qty: Whose::NOBODY,
        order_notional: Whose::NOBODY,
        collar: Whose::NOBODY,
        reference_age: Whose::NOBODY,
    },
    paced: ArrayVec::new_const(),
};

/// The books that an order counts in, by place, or [`NO_CELL`] where there are none yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Books {
    symbol: u32,
    pub(super) account_cell: u32,
    pub(super) strategy_cell: u32,
    /// Of the account's desk.
    pub(super) desk_cell: u32,
    /// Those with a limit on their tail.
    pub(super) tails: Tails,
}

impl Route {
    /// True where both books are there.
    #[inline(always)]
    pub(super) const fn is_complete(&self) -> bool {
        (self.books.account_cell != NO_CELL) & (self.books.strategy_cell != NO_CELL)
    }
}

impl Books {
    /// The place of the cell by which an order counts in a book of a kind.
    #[inline(always)]
    pub(super) const fn cell(&self, kind: Kind) -> u32 {
        match kind {
            Kind::Strategy => self.strategy_cell,
            Kind::Account => self.account_cell,
            Kind::Firm => self.symbol,
            Kind::Desk => self.desk_cell,
        }
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

    /// Every row is to be worked out anew.
    pub(super) fn forget(&mut self) {
        self.rows.fill(EMPTY);
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
        let desk = (exposure.desks[account] != NO_DESK).then_some(path::DESK);
        let group_count = exposure.groups[symbol].len() as u32;
        let groups = (0..group_count).map(|at| path::GROUPS + at);
        let tails = exposure.tails(who.0.0, who.1.0);
        let mut route = Route {
            cells_seen: exposure.cell_count(),
            order_notional_max: u128::MAX,
            order_qty_max: u64::MAX,
            price_collar: u64::MAX,
            reference_age_max: Nanos::MAX,
            who,
            books: Books {
                symbol: who.2.0,
                account_cell: exposure.find(true, who.0.0, who.2.0),
                strategy_cell: exposure.find(false, who.1.0, who.2.0),
                desk_cell: exposure.find_desk_cell(who.0.0, who.2.0),
                tails,
            },
            has_beside: desk.is_some() || group_count != 0,
            has_tail: tails != NO_TAILS,
            is_permitted: self.accounts[account].has_limits
                && self.strategies[strategy].may_use(who.0)
                && !self.is_restricted(who),
            ..EMPTY
        };
        for level in (0..=path::FIRM).chain(desk).chain(groups) {
            let (whose, rules) = self.rules(level, who);
            if !rules.paces.is_empty() {
                route.paced.push((whose, rules.paces));
            }
            route.duplicates |= u16::from(rules.recent.is_some()) << level;
            let by = &mut route.set_by;
            let qty_max = (&mut route.order_qty_max, &mut by.order_qty);
            tighten(qty_max, rules.order_qty_max, whose);
            let notional_max = (&mut route.order_notional_max, &mut by.order_notional);
            tighten(notional_max, rules.order_notional_max, whose);
            let collar = (&mut route.price_collar, &mut by.collar);
            tighten(collar, rules.price_collar, whose);
            let age_max = (&mut route.reference_age_max, &mut by.reference_age);
            tighten(age_max, rules.reference_age_max, whose);
        }
        let beside = exposure.beside(who.0.0, who.2.0);
        for level in levels.into_iter().chain(beside) {
            route.bounded |= level.bounds.armed;
        }
        Some(route)
    }
}

/// Takes a limit where it is the tightest so far, and notes whose it is.
fn tighten<T: PartialOrd>((tightest, by): (&mut T, &mut Whose), limit: T, whose: Whose) {
    if limit < *tightest {
        (*tightest, *by) = (limit, whose);
    }
}
