//! Short: sales beyond what an account owns: whether they are marked, and located.
//!
//! Pure. Hot path, for accounts that are watched; else there is nothing here.
//!
//! A sale is short as far as the account's position, with all its live sales filled, would be below zero.
//! What is hard to borrow must have been located: a located share is used up by the first short sale that
//! counts on it, and free again only where that sale ends without having been filled. Locates are for the
//! trading day.

use super::check::{Sink, Terms};
use super::core::Core;
use super::decision::Outcome;
use super::order::Order;
use super::route::Route;
use super::setup::{Borrow, Setup, ShortSales};
use crate::message::{Locate, SaleMark, Side};
use crate::reject::RejectReason as Reason;
use crate::units::Qty;

/// What was located for one account in one symbol, and what of it is used up.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Located {
    qty: u64,
    used: u64,
}

/// By the place of the account's cell.
pub(super) type Locates = Vec<Located>;

/// Room for all, where any account is watched.
pub(super) fn locates(setup: &Setup) -> Option<Locates> {
    is_watched(setup).then(|| vec![Located::default(); setup.capacity.positions as usize])
}

pub(super) fn is_watched(setup: &Setup) -> bool {
    let mut accounts = setup.accounts.iter();
    accounts.any(|account| account.short_sales != ShortSales::Off)
}

impl Order {
    /// The same before so much of it was filled.
    pub(super) fn used_before(&self, filled: Qty) -> u64 {
        if self.side == Side::Buy {
            return 0;
        }
        let most = self
            .filled
            .saturating_sub(filled)
            .saturating_add(self.reserved);
        most.saturating_sub(self.covered).raw()
    }

    /// What it has given back covers others: asked for again it is new. An order that is over asks for
    /// nothing again.
    fn cover_no_more_than_stands(&mut self) {
        if self.is_live() {
            let most = self.filled.saturating_add(self.reserved);
            self.covered = self.covered.min(most);
        }
    }

    /// How much of it has counted, or would if it fills as far as it may, as a short sale.
    fn used(&self) -> u64 {
        self.used_before(Qty::ZERO)
    }
}

impl Core {
    /// Looks at a sale. `more` is what it adds to what may be sold. Answers how much of it is covered by
    /// what the account owns.
    #[cold]
    pub(super) fn check_short(
        &self,
        found: &mut impl Sink,
        terms: &Terms,
        route: &Route,
        more: i64,
    ) -> Qty {
        let watched = self.accounts[terms.account.0 as usize].short_sales;
        let cell = self.exposure.cell(route.books.account_cell);
        let after = cell.worst(Side::Sell, more).unwrap_or(u64::MAX);
        let added = more.unsigned_abs();
        let covered = match terms.is_new {
            true => Qty::from_raw(added.saturating_sub(after)),
            false => terms.covered,
        };
        if watched == ShortSales::Off || terms.side == Side::Buy || after == 0 || added == 0 {
            return covered;
        }
        let borrow = self.symbols[terms.symbol.0 as usize].borrow;
        let is_forbidden = watched == ShortSales::Refuse || borrow == Borrow::None;
        found.note(Reason::ShortSaleNotPermitted, is_forbidden);
        let is_marked = matches!(terms.mark, Some(SaleMark::Short | SaleMark::ShortExempt));
        let is_checked = watched == ShortSales::Check;
        found.note(Reason::ShortSaleUnmarked, is_checked && !is_marked);
        if is_checked && borrow == Borrow::Hard {
            let located = self.located(route.books.account_cell);
            let before = terms.filled.saturating_add(terms.reserved);
            let most = before.saturating_add(Qty::from_raw(added));
            let needed = most.saturating_sub(covered).raw();
            let needed = needed - before.saturating_sub(covered).raw();
            let used = u128::from(located.used) + u128::from(needed);
            let told = || (located.qty.into(), used as i128);
            let breached = 0 < needed && u128::from(located.qty) < used;
            found.check(Reason::LocateAboveMax, breached, told);
        }
        covered
    }

    fn located(&self, cell: u32) -> Located {
        let locates = self.locates.as_ref();
        let located = locates.and_then(|locates| locates.get(cell as usize));
        located.copied().unwrap_or_default()
    }

    /// An order uses so much from now on, where it used that much.
    #[cold]
    pub(super) fn use_located(&mut self, slot: u32, before: u64) {
        let order = self.orders.get_mut(slot);
        order.cover_no_more_than_stands();
        let (cell, now) = (order.account_cell as usize, order.used());
        if let Some(located) = self.locates.as_mut().and_then(|all| all.get_mut(cell)) {
            // The difference: what was used before may have been of a day that is over.
            located.used = match now.checked_sub(before) {
                Some(more) => located.used.saturating_add(more),
                None => located.used.saturating_sub(before - now),
            };
        }
    }

    /// An operator says what was located.
    pub(super) fn locate(&mut self, locate: &Locate) -> Outcome {
        let is_known = (locate.operator as usize) < self.raises.operator_count()
            && (locate.account.0 as usize) < self.accounts.len()
            && (locate.symbol.0 as usize) < self.symbols.len();
        if !is_known || self.locates.is_none() || Qty::MAX < locate.qty {
            return Outcome::NotPermitted;
        }
        let (account, symbol) = (locate.account.0, locate.symbol.0);
        let at = self.exposure.find(true, account, symbol);
        if at == super::cell::NO_CELL && !self.exposure.has_room(1) {
            return Outcome::NotPermitted;
        }
        let at = self.exposure.take(at, true, account, symbol);
        if let Some(located) = self
            .locates
            .as_mut()
            .and_then(|all| all.get_mut(at as usize))
        {
            located.qty = located.qty.saturating_add(locate.qty.raw());
        }
        Outcome::Applied
    }

    /// The day is over: what was located is void, and of what is used only what may still be sold stays.
    pub(super) fn forget_located(&mut self) {
        let Some(locates) = &mut self.locates else {
            return;
        };
        locates.fill(Located::default());
        self.count_all_used(true);
    }

    /// Counts what live orders use, from nothing; all of it, or what is not filled.
    pub(super) fn count_all_used(&mut self, is_unfilled: bool) {
        let Some(locates) = &mut self.locates else {
            return;
        };
        let live = self.orders.iter().filter(|order| order.is_live());
        for order in live.filter(|order| order.side == Side::Sell) {
            let filled = match is_unfilled {
                true => order.filled.saturating_sub(order.covered).raw(),
                false => 0,
            };
            if let Some(located) = locates.get_mut(order.account_cell as usize) {
                located.used = located.used.saturating_add(order.used() - filled);
            }
        }
    }

    /// Goes on under other rules: what was located stays, if it was counted.
    pub(super) fn adopt_locates(&mut self, new: &Setup) {
        let old = self.locates.take();
        self.locates = locates(new);
        match (&mut self.locates, old) {
            (Some(new), Some(old)) => new[..old.len()].copy_from_slice(&old),
            // What stood before anybody looked is taken for covered, what it grows by is not.
            (Some(_), None) => self.orders.each_mut(Order::cover_no_more_than_stands),
            (None, _) => {}
        }
    }

    /// Enters it into a hash of the state.
    pub(super) fn hash_located(&self, mut add: impl FnMut(u64, u64)) {
        for located in self.locates.iter().flatten() {
            add(located.qty, located.used);
        }
    }
}
