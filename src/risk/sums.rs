//! Sums: the limits on what all live orders and positions of a level could come to.
//!
//! Pure. Hot path.
//!
//! Every level of an order's path is looked at; one that bounds nothing costs one comparison.

use super::cell::{Cell, contribution};
use super::check::{Sink, wide};
use super::level::{Level, armed};
use crate::message::{Scope, Side};
use crate::reject::RejectReason as Reason;
use crate::units::{Notional, Price, Qty};

/// What an order would add, and to what.
pub(super) struct Sums<'a> {
    /// The symbol, the strategy, the account and the firm.
    pub(super) levels: [&'a Level; 4],
    /// The desk, if there is one, and the groups.
    pub(super) beside: &'a [&'a Level],
    /// The books in the symbol: of the firm, the strategy and the account.
    pub(super) cells: [&'a Cell; 3],
    /// That of the desk; an empty one where there is none.
    pub(super) desk_cell: &'a Cell,
    /// What a unit of a position was last worth,
    pub(super) mark: Price,
    /// and whether that is so now.
    pub(super) is_marked: bool,
    pub(super) side: Side,
    pub(super) more: i64,
    pub(super) more_notional: Notional,
    pub(super) is_new: bool,
    /// Some level limits its net.
    pub(super) has_net: bool,
}

/// What a book comes to with an order.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Grown {
    /// What it adds to its level's gross, in all.
    pub(super) gross: Notional,
    /// How much more it adds to its level's net on the order's side.
    pub(super) net_more: i128,
}

/// The order's part in one level: by which books it counts there.
#[derive(Clone, Copy)]
struct Part {
    /// The worst position in the symbol on the order's side.
    worst: u64,
    /// What the book added to the gross.
    gross: Notional,
    grown: Grown,
}

impl Sums<'_> {
    /// `bounded` is what any of the levels bounds. Says what the books of the strategy and of the account
    /// come to, and whether that fits.
    #[inline]
    pub(super) fn check(
        &self,
        found: &mut impl Sink,
        notional: Notional,
        bounded: u8,
        grown: &mut [Grown; 2],
    ) -> bool {
        if self.is_new && bounded & armed::OPEN_ORDERS != 0 {
            self.each(|level, _| check_count(found, level), [NO_PART; 4]);
        }
        let worst = self.cells.map(|cell| cell.worst(self.side, self.more));
        // A desk's book may be wider than the firm's, where others have the other side.
        let of_desk = self.desk_cell.worst(self.side, self.more);
        let ([Some(of_firm), Some(of_strategy), Some(of_account)], Some(_)) = (worst, of_desk)
        else {
            found.note(Reason::ExposureOverflow, true);
            *grown = Default::default();
            return false;
        };
        let firm_value = self.mark.notional(Qty::from_raw(of_firm));
        let is_wide = Notional::EXPOSURE_MAX < notional
            || self.is_marked && Notional::EXPOSURE_MAX < firm_value;
        found.note(Reason::ExposureOverflow, is_wide);
        let [_, strategy, account] = self.cells;
        *grown = [
            self.grown(strategy, of_strategy),
            self.grown(account, of_account),
        ];
        if is_wide {
            return false;
        }
        if bounded & !armed::OPEN_ORDERS != 0 {
            let part = |worst, gross, grown| Part {
                worst,
                gross,
                grown,
            };
            let of_firm = part(of_firm, account.contribution, grown[1]);
            let of_strategy = part(of_strategy, strategy.contribution, grown[0]);
            let of_account = part(of_account, account.contribution, grown[1]);
            let parts = [of_firm, of_strategy, of_account, of_firm];
            if bounded & armed::OPEN_NOTIONAL != 0 {
                self.each(|level, _| self.check_notional(found, level), parts);
            }
            if bounded & (armed::POSITION_QTY | armed::POSITION_VALUE) != 0 {
                self.each(|level, part| self.check_position(found, level, part), parts);
            }
            if self.is_marked && bounded & armed::GROSS_EXPOSURE != 0 {
                self.each(|level, part| check_gross(found, level, part), parts);
            }
            if self.is_marked && bounded & armed::NET_EXPOSURE != 0 {
                self.each(|level, part| self.check_net(found, level, part), parts);
            }
        }
        true
    }

    /// Looks at every level with the order's part in it, narrowest first, desk and groups last.
    #[inline(always)]
    fn each(&self, mut look: impl FnMut(&Level, &Part), parts: [Part; 4]) {
        for (level, part) in self.levels.into_iter().zip(&parts) {
            look(level, part);
        }
        for level in self.beside {
            // A group counts its symbols' books of all accounts, a desk its own accounts'.
            let mut part = parts[3];
            if level.whose.scope() == Scope::Desk as u8 {
                let worst = self.desk_cell.worst(self.side, self.more);
                part.worst = worst.unwrap_or(u64::MAX);
            }
            look(level, &part);
        }
    }

    /// What a book comes to once its worst position on the order's side is so wide and the other
    /// side is as it is.
    #[inline(always)]
    fn grown(&self, cell: &Cell, worst: u64) -> Grown {
        let worst_on_other = cell.worst_now(self.side.other());
        let net = |more| cell.net(self.side, more, self.mark);
        Grown {
            gross: contribution(worst.max(worst_on_other), self.mark),
            net_more: match self.has_net {
                true => net(self.more) - net(0),
                false => 0,
            },
        }
    }

    #[inline]
    fn check_notional(&self, found: &mut impl Sink, level: &Level) {
        let max = Notional::from_raw(level.bounds.open_notional_max);
        let sum = level.open_notional.saturating_add(self.more_notional);
        let told = || (wide(max), wide(sum));
        found.check_of(level.whose, Reason::OpenNotionalAboveMax, max < sum, told);
    }

    #[inline]
    fn check_position(&self, found: &mut impl Sink, level: &Level, part: &Part) {
        if level.bounds.armed & (armed::POSITION_QTY | armed::POSITION_VALUE) == 0 {
            return;
        }
        let (max, worst) = (level.bounds.position_qty_max, part.worst);
        let told = || (max.into(), worst.into());
        found.check_of(level.whose, Reason::PositionQtyAboveMax, max < worst, told);
        if self.is_marked {
            let max = Notional::from_raw(level.bounds.position_value_max);
            let value = contribution(worst, self.mark);
            let told = || (wide(max), wide(value));
            found.check_of(
                level.whose,
                Reason::PositionValueAboveMax,
                max < value,
                told,
            );
        }
    }

    #[inline]
    fn check_net(&self, found: &mut impl Sink, level: &Level, part: &Part) {
        if level.bounds.armed & armed::NET_EXPOSURE == 0 {
            return;
        }
        let max = i128::try_from(level.bounds.net_exposure_max).unwrap_or(i128::MAX);
        let sum = level.net[self.side.index()] + part.grown.net_more;
        let breached = 0 < part.grown.net_more && max < sum;
        let told = || (max, sum);
        found.check_of(level.whose, Reason::NetExposureAboveMax, breached, told);
    }
}

const NO_PART: Part = Part {
    worst: 0,
    gross: Notional::ZERO,
    grown: Grown {
        gross: Notional::ZERO,
        net_more: 0,
    },
};

#[inline]
fn check_count(found: &mut impl Sink, level: &Level) {
    let (max, count) = (level.bounds.open_orders_max, level.open_count);
    let told = || (max.into(), i128::from(count) + 1);
    found.check_of(level.whose, Reason::OrdersOpenAboveMax, max <= count, told);
}

#[inline]
fn check_gross(found: &mut impl Sink, level: &Level, part: &Part) {
    if level.bounds.armed & armed::GROSS_EXPOSURE == 0 {
        return;
    }
    let max = Notional::from_raw(level.bounds.gross_exposure_max);
    let (old, new) = (part.gross, part.grown.gross);
    let sum = Notional::from_raw(level.gross.raw() - old.raw() + new.raw());
    let breached = old < new && max < sum;
    let told = || (wide(max), wide(sum));
    found.check_of(level.whose, Reason::GrossExposureAboveMax, breached, told);
}
