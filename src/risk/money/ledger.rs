//! Ledger: what one owner has paid for what it holds of a symbol, and what came of the rest.
//!
//! Pure. Cold beside orders: touched by fills.
//!
//! One function, [`Ledger::book`], is all there is to realized profit; risk, views and reconciliation read
//! what it has written. The cash that has moved is `realized - fees - cost`, to the last unit, whatever
//! was rounded in between: what is taken from the cost is what is realized.

use super::worth::share;
use crate::units::{Amount, Position};

/// How cost is taken from a position that is reduced.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum CostMethod {
    /// In the same share as the quantity.
    #[default]
    Average,
    /// What was opened first is closed first.
    FirstInFirstOut,
}

/// Amounts in the currency that the symbol settles in.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Ledger {
    /// How cost is taken from a position that is reduced.
    pub method: CostMethod,
    /// What the position has cost: what was received for one that was sold is negative.
    pub cost: Amount,
    /// What closed parts have brought, fees left aside.
    pub realized: Amount,
    /// Fees and commissions.
    pub fees: Amount,
    /// Moved in or out with no cash: what is known from before the gate.
    pub transferred: Amount,
    /// The newest lot of a position that is taken first in first out; those before stand in [`Lots`].
    newest: Lot,
    first: u32,
    last: u32,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Lot {
    qty: u64,
    cost: Amount,
    next: u32,
}

/// No lot: places count from one.
const NONE: u32 = 0;

/// Lots of all positions that are taken first in first out: as many as there is room for.
#[derive(Debug, Default)]
pub(crate) struct Lots {
    lots: Vec<Lot>,
    free: Vec<u32>,
    /// How many had no room and were added to the one before.
    merged: u64,
}

impl Lots {
    pub(crate) fn new(capacity: usize) -> Self {
        let mut lots = Self::default();
        lots.grow(capacity);
        lots
    }

    pub(crate) fn grow(&mut self, capacity: usize) {
        let from = self.lots.len();
        self.lots.reserve_exact(capacity.saturating_sub(from));
        self.free
            .reserve_exact(capacity.saturating_sub(self.free.len()));
        for place in (from..capacity).rev() {
            self.free.push(place as u32 + 1);
        }
        self.lots.resize(capacity.max(from), Lot::default());
    }

    pub(crate) const fn size_bytes(capacity: usize) -> usize {
        capacity * (size_of::<Lot>() + size_of::<u32>())
    }

    /// How many lots had no room.
    pub(crate) const fn merged(&self) -> u64 {
        self.merged
    }

    fn lot(&mut self, place: u32) -> &mut Lot {
        &mut self.lots[place as usize - 1]
    }
}

impl Ledger {
    /// One of nothing.
    pub(crate) fn new(method: CostMethod) -> Self {
        Self {
            method,
            ..Self::default()
        }
    }

    /// What has moved as cash since the beginning.
    pub fn cash(&self) -> Amount {
        let paid = self.cost.plus(self.fees);
        self.realized.less(paid).plus(self.transferred)
    }

    /// Books a trade: `position` is that before it, `cost` what it has cost, which is negative where it has
    /// brought. What it closes is realized.
    pub(crate) fn book(&mut self, lots: &mut Lots, position: Position, change: i64, cost: Amount) {
        let held = position.raw();
        if held == 0 || (held < 0) == (change < 0) {
            return self.open(lots, change.unsigned_abs(), cost);
        }
        let (held, all) = (held.unsigned_abs(), change.unsigned_abs());
        let closed = held.min(all);
        let of_close = share(cost, closed, all);
        let by_method = match self.method {
            CostMethod::Average => share(self.cost, closed, held),
            CostMethod::FirstInFirstOut => self.close_lots(lots, closed),
        };
        let taken = if closed == held { self.cost } else { by_method };
        self.cost = self.cost.less(taken);
        self.realized = self.realized.less(of_close).less(taken);
        if closed < all {
            // Through zero: the rest opens.
            self.open(lots, all - closed, cost.less(of_close));
        }
    }

    fn open(&mut self, lots: &mut Lots, qty: u64, cost: Amount) {
        self.cost = self.cost.plus(cost);
        if self.method == CostMethod::FirstInFirstOut {
            self.open_lot(lots, qty, cost);
        }
    }

    /// Goes on by another method: a position there is becomes one lot.
    pub(crate) fn adopt(&mut self, lots: &mut Lots, method: CostMethod, position: Position) {
        if self.method != method {
            self.method = method;
            self.join_lots(lots, position);
        }
    }

    fn open_lot(&mut self, lots: &mut Lots, qty: u64, cost: Amount) {
        if self.newest.qty != 0 {
            let Some(place) = lots.free.pop() else {
                lots.merged += 1;
                self.newest.qty = self.newest.qty.saturating_add(qty);
                self.newest.cost = self.newest.cost.plus(cost);
                return;
            };
            *lots.lot(place) = self.newest;
            match self.last {
                NONE => self.first = place,
                last => lots.lot(last).next = place,
            }
            self.last = place;
        }
        self.newest = Lot {
            qty,
            cost,
            next: NONE,
        };
    }

    /// Takes the oldest lots away: what they have cost.
    fn close_lots(&mut self, lots: &mut Lots, mut qty: u64) -> Amount {
        let mut taken = Amount::ZERO;
        while qty != 0 && self.first != NONE {
            let place = self.first;
            let lot = lots.lot(place);
            taken = taken.plus(lot.take(&mut qty));
            if lot.qty == 0 {
                self.first = std::mem::take(&mut lot.next);
                lots.free.push(place);
            }
        }
        if self.first == NONE {
            self.last = NONE;
        }
        if qty != 0 {
            taken = taken.plus(self.newest.take(&mut qty));
        }
        taken
    }

    /// All lots become one: the position is what it is, whatever it was made of.
    pub(crate) fn join_lots(&mut self, lots: &mut Lots, position: Position) {
        self.close_lots(lots, u64::MAX);
        self.newest = match self.method {
            CostMethod::Average => Lot::default(),
            CostMethod::FirstInFirstOut => Lot {
                qty: position.raw().unsigned_abs(),
                cost: self.cost,
                next: NONE,
            },
        };
    }

    /// Enters it into a hash of the state.
    pub(crate) fn hash(&self, add: &mut impl FnMut(u64, u64)) {
        add(self.cost.raw() as u64, self.realized.raw() as u64);
        add(self.fees.raw() as u64, self.transferred.raw() as u64);
        add(
            self.newest.qty,
            u64::from(self.first) << 32 | u64::from(self.last),
        );
    }
}

impl Lot {
    /// Takes as much of `qty` from it as it has: what that has cost.
    fn take(&mut self, qty: &mut u64) -> Amount {
        let taken = self.qty.min(*qty);
        let cost = match taken == self.qty {
            true => self.cost,
            false => share(self.cost, taken, self.qty),
        };
        self.qty -= taken;
        self.cost = self.cost.less(cost);
        *qty -= taken;
        cost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whole units of money and of quantity.
    fn trade(ledger: &mut Ledger, lots: &mut Lots, position: &mut i64, qty: i64, price: i128) {
        let cost = Amount::from_raw(i128::from(qty) * price);
        ledger.book(lots, Position::from_raw(*position), qty, cost);
        *position += qty;
    }

    fn fifo() -> Ledger {
        Ledger {
            method: CostMethod::FirstInFirstOut,
            ..Ledger::default()
        }
    }

    #[test]
    fn average_cost_through_zero() {
        let (mut ledger, mut position) = (Ledger::default(), 0);
        for (qty, price, cost, realized) in [
            (100, 10, 1_000, 0),
            (100, 20, 3_000, 0),
            (-50, 30, 2_250, 750),
            // Closes 150 that have cost 2,250, and opens 50 short.
            (-200, 40, -2_000, 750 + 6_000 - 2_250),
            (50, 30, 0, 4_500 + 500),
        ] {
            trade(&mut ledger, &mut Lots::default(), &mut position, qty, price);
            assert_eq!((ledger.cost.raw(), ledger.realized.raw()), (cost, realized));
        }
        assert_eq!(position, 0);
    }

    #[test]
    fn first_in_first_out() {
        let mut lots = Lots::new(8);
        let (mut ledger, mut position) = (fifo(), 0);
        for (qty, price, realized) in [
            (100, 10, 0),
            (100, 20, 0),
            (100, 30, 0),
            (-150, 40, 150 * 40 - 1_000 - 1_000),
            (-200, 50, 4_000 + 150 * 50 - 1_000 - 3_000),
            (50, 10, 7_500 + 50 * 40),
        ] {
            trade(&mut ledger, &mut lots, &mut position, qty, price);
            assert_eq!(ledger.realized.raw(), realized);
        }
        assert_eq!((position, ledger.cost), (0, Amount::ZERO));
        assert_eq!(lots.free.len(), 8, "every lot is free again");
    }

    #[test]
    fn what_has_no_room_is_added_to_the_lot_before() {
        let mut lots = Lots::new(1);
        let (mut ledger, mut position) = (fifo(), 0);
        for price in [10, 20, 30] {
            trade(&mut ledger, &mut lots, &mut position, 100, price);
        }
        assert_eq!(lots.merged(), 1);
        trade(&mut ledger, &mut lots, &mut position, -100, 40);
        assert_eq!(ledger.realized.raw(), 3_000);
        trade(&mut ledger, &mut lots, &mut position, -200, 40);
        assert_eq!((ledger.cost, ledger.realized.raw()), (Amount::ZERO, 6_000));
    }
}
