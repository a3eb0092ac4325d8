//! Parents: children added up anew each time, over all that ever happened.

use super::Model;
use super::checks::Findings;
use portcullis::message::{NewOrder, Side};
use portcullis::reject::RejectReason::*;
use portcullis::units::Qty;

/// What the first child said of it.
#[derive(Clone)]
pub(super) struct Parent {
    account: u32,
    number: u64,
    symbol: u32,
    side: Side,
    qty: u64,
    /// When its last live child ended, and how many parents were left alone before it.
    idle: (u64, u64),
    is_forgotten: bool,
}

/// Which parent an order names, and how much it says that is.
#[derive(Clone, Copy)]
pub(super) struct Child {
    account: u32,
    symbol: u32,
    side: Side,
    number: u64,
    qty: u64,
}

impl Child {
    pub(super) fn of(order: &NewOrder, side: Side) -> Self {
        Self {
            account: order.account.0,
            symbol: order.symbol.0,
            side,
            number: order.parent,
            qty: order.parent_qty.raw(),
        }
    }
}

impl Model {
    fn parent(&self, account: u32, number: u64) -> Option<usize> {
        let mut all = self.parents.iter();
        all.position(|of| !of.is_forgotten && of.account == account && of.number == number)
    }

    fn has_live_child(&self, at: usize) -> bool {
        let mut orders = self.orders.iter();
        orders.any(|order| order.is_live() && order.parent == Some(at))
    }

    /// What its children were filled and may still be filled.
    fn used(&self, at: usize) -> u128 {
        let children = self.orders.iter().filter(|of| of.parent == Some(at));
        let sums = children.map(|child| {
            let fills = self.trades.iter().filter(|of| of.serial == child.serial);
            let filled: u128 = fills.map(|of| u128::from(of.qty)).sum();
            filled + u128::from(child.reserved_leaves())
        });
        sums.sum()
    }

    /// The one without a live child for the longest time.
    fn oldest_idle(&self) -> Option<usize> {
        let idle = (0..self.parents.len())
            .filter(|at| !self.parents[*at].is_forgotten && !self.has_live_child(*at));
        idle.min_by_key(|at| self.parents[*at].idle.1)
    }

    pub(super) fn check_parent(&self, findings: &mut Findings, child: Child, more: u64) {
        if child.number == 0 && child.qty == 0 {
            return;
        }
        let known = self.parent(child.account, child.number);
        let parent = known.filter(|at| self.used(*at) != 0 || self.has_live_child(*at));
        let is_whole = child.number != 0 && child.qty != 0 && child.qty <= Qty::MAX.raw();
        let said = parent.map(|at| &self.parents[at]);
        let is_same = said.is_none_or(|said| {
            said.symbol == child.symbol && said.side == child.side && said.qty == child.qty
        });
        let qty = said.map_or(0, |said| said.qty);
        findings.bound(ParentMismatch, !(is_whole && is_same), qty, child.qty);
        self.check_used(findings, parent, child.qty, more);
        let capacity = self.setup.capacity.parents;
        let count = self.parents.iter().filter(|of| !of.is_forgotten).count();
        let horizon = self.setup.capacity.parent_horizon.raw();
        let may_forget = self
            .oldest_idle()
            .is_some_and(|at| horizon < self.now - self.parents[at].idle.0);
        let is_full = known.is_none() && count >= capacity as usize && !may_forget;
        findings.bound(ParentsFull, is_full, capacity, capacity);
    }

    /// A child more, or one that grows.
    pub(super) fn check_used(
        &self,
        findings: &mut Findings,
        parent: Option<usize>,
        qty: u64,
        more: u64,
    ) {
        let used = parent.map_or(0, |at| self.used(at)) + u128::from(more);
        let is_above = more != 0 && used > u128::from(qty);
        findings.bound(ParentQtyAboveMax, is_above, qty, used as i128);
    }

    /// What a replace says: the order's parent stays what it is.
    pub(super) fn check_parent_of(
        &self,
        findings: &mut Findings,
        parent: Option<usize>,
        more: u64,
    ) {
        if let Some(at) = parent {
            self.check_used(findings, parent, self.parents[at].qty, more);
        }
    }

    /// The parent of a child that has passed.
    pub(super) fn take_parent(&mut self, child: Child) -> Option<usize> {
        if child.number == 0 {
            return None;
        }
        let at = match self.parent(child.account, child.number) {
            Some(at) => at,
            None => {
                let count = self.parents.iter().filter(|of| !of.is_forgotten).count();
                if count >= self.setup.capacity.parents as usize {
                    let oldest = self.oldest_idle().unwrap();
                    self.parents[oldest].is_forgotten = true;
                }
                self.parents.push(Parent {
                    account: child.account,
                    number: child.number,
                    symbol: child.symbol,
                    side: child.side,
                    qty: child.qty,
                    idle: (0, 0),
                    is_forgotten: false,
                });
                self.parents.len() - 1
            }
        };
        if self.used(at) == 0 && !self.has_live_child(at) {
            let parent = &mut self.parents[at];
            (parent.symbol, parent.side, parent.qty) = (child.symbol, child.side, child.qty);
        }
        Some(at)
    }

    /// A child has ended.
    pub(super) fn leave_parent(&mut self, at: Option<usize>) {
        if let Some(at) = at.filter(|at| !self.has_live_child(*at)) {
            self.left_count += 1;
            self.parents[at].idle = (self.now, self.left_count);
        }
    }

    /// A basket was taken back: the parents of its lines are left alone, the last line's first.
    pub(super) fn leave_parents(&mut self, lines: impl DoubleEndedIterator<Item = (u32, u64)>) {
        for (account, number) in lines.rev() {
            if number != 0 {
                self.leave_parent(self.parent(account, number));
            }
        }
    }
}
