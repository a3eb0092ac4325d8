//! Cell: one owner's book in one symbol.
//!
//! Pure. Hot path.

use super::level::Added;
use super::order::Order;
use crate::message::Side;
use crate::units::{Amount, Notional, Position, Price, Qty};

/// One owner's book in one symbol.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Cell {
    /// Bought less sold.
    pub position: Position,
    /// What live orders may still buy.
    pub open_buy: Qty,
    /// What live orders may still sell.
    pub open_sell: Qty,
    /// Highest position there was.
    pub position_high: Position,
    /// Lowest position there was.
    pub position_low: Position,
    /// The account, the strategy or the desk.
    pub owner: u32,
    /// The symbol.
    pub symbol: u32,
    /// The worst position on each side, by [`Side::index`], as a number that is positive towards that
    /// side; of no meaning where one of them is wider than a position can be.
    pub(super) worst: [i64; 2],
    pub(super) is_wide: bool,
    /// Its part of the owner's gross.
    pub(super) contribution: Notional,
    /// What it has brought and would bring now, fees taken off, in the firm's currency.
    pub profit: Amount,
    /// It holds something that nobody can value now: what the profit says of it is old.
    pub is_blind: bool,
    pub(super) next_in_symbol: u32,
    /// Of an account with a desk: the desk's cell.
    pub(super) above: u32,
    pub(super) is_account: bool,
}

/// No cell yet.
pub(super) const NO_CELL: u32 = u32::MAX;

pub(super) const EMPTY: Cell = Cell {
    position: Position::ZERO,
    open_buy: Qty::ZERO,
    open_sell: Qty::ZERO,
    position_high: Position::ZERO,
    position_low: Position::ZERO,
    owner: u32::MAX,
    symbol: u32::MAX,
    worst: [0; 2],
    is_wide: false,
    contribution: Notional::ZERO,
    profit: Amount::ZERO,
    is_blind: false,
    next_in_symbol: NO_CELL,
    above: NO_CELL,
    is_account: false,
};

/// How the books change by one event.
#[derive(Clone, Copy, Debug)]
pub(super) struct Change {
    pub(super) side: Side,
    /// Filled now, on that side.
    pub(super) filled: Qty,
    /// What the order had reserved, and has from now on.
    pub(super) reserved: (Qty, Qty),
    /// Its value, likewise.
    pub(super) notional: (Notional, Notional),
    /// What was filled now is worth.
    pub(super) traded: Notional,
    /// It was a trade of the day.
    pub(super) is_traded: bool,
    /// What that has cost in the currency that it settles in: negative where it has brought.
    pub(super) cost: Amount,
    /// What is charged for it.
    pub(super) fee: Amount,
    /// An order more, or one less.
    pub(super) orders: i32,
}

impl Change {
    /// A live order, as if it came now.
    pub(super) fn opened(order: &Order) -> Self {
        Self {
            side: order.side,
            filled: Qty::ZERO,
            reserved: (Qty::ZERO, order.reserved),
            notional: (Notional::ZERO, order.reserved_notional),
            traded: Notional::ZERO,
            is_traded: false,
            cost: Amount::ZERO,
            fee: Amount::ZERO,
            orders: 1,
        }
    }
}

impl Cell {
    /// True where so much more on one side, with all that is live there, brings the position nearer
    /// to zero and never beyond it, however much of it fills.
    pub(super) fn only_reduces(&self, side: Side, more: i64) -> bool {
        let position = i128::from(self.position.raw());
        let (room, open) = match side {
            Side::Buy => (-position, self.open_buy),
            Side::Sell => (position, self.open_sell),
        };
        0 < room && i128::from(open.raw()) + i128::from(more) <= room
    }

    /// The worst position on one side, as a positive number, if its orders there fill and `more`
    /// with them. `None` where that is wider than any position can be.
    #[inline(always)]
    pub(super) fn worst(&self, side: Side, more: i64) -> Option<u64> {
        if self.is_wide {
            return self.worst_exact(side, more);
        }
        let worst = self.worst[side.index()].checked_add(more)?;
        Some(worst.max(0) as u64)
    }

    /// The same as things are, where that may be wider than a position: fills of more than was
    /// asked for can make it so.
    #[inline(always)]
    pub(super) fn worst_now(&self, side: Side) -> u64 {
        if self.is_wide {
            return u64::try_from(self.worst_wide(side).max(0)).unwrap_or(u64::MAX);
        }
        self.worst[side.index()].max(0) as u64
    }

    #[cold]
    fn worst_exact(&self, side: Side, more: i64) -> Option<u64> {
        let worst = i64::try_from(self.worst_wide(side) + i128::from(more)).ok()?;
        Some(worst.max(0) as u64)
    }

    #[inline]
    pub(super) fn worst_wide(&self, side: Side) -> i128 {
        match side {
            Side::Buy => i128::from(self.position.raw()) + i128::from(self.open_buy.raw()),
            Side::Sell => i128::from(self.open_sell.raw()) - i128::from(self.position.raw()),
        }
    }

    /// Works out the worst positions anew.
    #[inline]
    fn refresh(&mut self) {
        let narrow = [Side::Buy, Side::Sell].map(|side| i64::try_from(self.worst_wide(side)));
        self.is_wide = narrow.iter().any(Result::is_err);
        self.worst = narrow.map(|worst| worst.unwrap_or(i64::MAX));
    }

    /// The value of the worst position on either side.
    #[inline]
    pub(super) fn value(&self, mark: Price) -> Notional {
        contribution(
            self.worst_now(Side::Buy).max(self.worst_now(Side::Sell)),
            mark,
        )
    }

    /// The value of the worst position on one side, towards that side, with `more` there: negative
    /// where even then the position is on the other. Capped as [`contribution`] is.
    #[inline(always)]
    pub(super) fn net(&self, side: Side, more: i64, mark: Price) -> i128 {
        let cap = Notional::EXPOSURE_MAX.raw() as i128;
        let narrow = self.worst[side.index()].checked_add(more);
        let value = match narrow.filter(|_| !self.is_wide) {
            Some(worst) => i128::from(worst) * i128::from(mark.raw()),
            None => {
                (self.worst_wide(side) + i128::from(more)).saturating_mul(i128::from(mark.raw()))
            }
        };
        value.clamp(-cap, cap)
    }

    /// What it adds to its level: to its net only where that is asked for.
    #[inline]
    pub(super) fn added(&self, mark: Price, with_net: bool) -> Added {
        Added {
            gross: self.contribution,
            net: match with_net {
                true => [Side::Buy, Side::Sell].map(|side| self.net(side, 0, mark)),
                false => [0; 2],
            },
            profit: self.profit,
            is_blind: self.is_blind,
        }
    }

    /// A new order stands, of which it has been checked that it fits.
    #[inline(always)]
    pub(super) fn open(&mut self, side: Side, reserved: Qty) {
        let open = match side {
            Side::Buy => &mut self.open_buy,
            Side::Sell => &mut self.open_sell,
        };
        *open = Qty::from_raw(open.raw() + reserved.raw());
        self.worst[side.index()] += reserved.raw() as i64;
    }

    /// Books the change.
    #[inline]
    pub(super) fn book(&mut self, change: &Change) {
        let open = match change.side {
            Side::Buy => &mut self.open_buy,
            Side::Sell => &mut self.open_sell,
        };
        *open = Qty::from_raw(open.raw() - change.reserved.0.raw() + change.reserved.1.raw());
        if change.filled != Qty::ZERO {
            let filled = change.filled.raw() as i64;
            let position = self.position.raw();
            self.position = Position::from_raw(match change.side {
                Side::Buy => position.saturating_add(filled),
                Side::Sell => position.saturating_sub(filled),
            });
            self.position_high = self.position_high.max(self.position);
            self.position_low = self.position_low.min(self.position);
        }
        self.refresh();
    }

    /// The position becomes another in a ratio, of which it comes out whole.
    pub(super) fn split(&mut self, (new, old): (i128, i128)) {
        let split = |position: Position| {
            let raw = i128::from(position.raw()).saturating_mul(new) / old;
            Position::from_raw(raw.clamp(i64::MIN.into(), i64::MAX.into()) as i64)
        };
        self.position = split(self.position);
        self.position_high = split(self.position_high);
        self.position_low = split(self.position_low);
        self.refresh();
    }

    /// Takes in another book, as a desk's is its accounts' together.
    pub(super) fn absorb(&mut self, other: &Self) {
        let sum = self.position.raw().saturating_add(other.position.raw());
        self.position = Position::from_raw(sum);
        self.open_buy = Qty::from_raw(self.open_buy.raw() + other.open_buy.raw());
        self.open_sell = Qty::from_raw(self.open_sell.raw() + other.open_sell.raw());
        self.position_high = self.position_high.max(self.position);
        self.position_low = self.position_low.min(self.position);
        self.refresh();
    }

    /// True where what is worked out once is what it would be now.
    pub(super) fn is_fresh(&self) -> bool {
        let mut anew = *self;
        anew.refresh();
        anew == *self
    }
}

/// What a worst position adds to a gross sum: capped, so that the sums always fit.
#[inline]
pub(super) fn contribution(worst: u64, mark: Price) -> Notional {
    mark.notional(Qty::from_raw(worst))
        .min(Notional::EXPOSURE_MAX)
}
