//! Sums: the limits on what all live orders and positions of a level could come to.
//!
//! Pure. Hot path.
//!
//! Every level of an order's path is looked at; one that bounds nothing costs one comparison.

use super::check::{Sink, wide};
use super::exposure::{Cell, Level, armed, contribution};
use super::route::SCOPES;
use crate::message::Side;
use crate::reject::RejectReason as Reason;
use crate::units::{Notional, Price, Qty};

/// What an order would add, and to what.
pub(super) struct Sums<'a> {
    /// Of the symbol, the strategy, the account and the firm.
    pub(super) levels: [&'a Level; 4],
    /// The books in the symbol: of the firm, the strategy and the account.
    pub(super) cells: [&'a Cell; 3],
    /// What a unit of a position was last worth,
    pub(super) mark: Price,
    /// and whether that is so now.
    pub(super) is_marked: bool,
    pub(super) side: Side,
    pub(super) more: i64,
    pub(super) more_notional: Notional,
    pub(super) is_new: bool,
}

impl Sums<'_> {
    /// `bounded` is what any of the levels bounds. Answers what the books of the strategy and of
    /// the account will add to their gross.
    #[inline]
    pub(super) fn check(
        &self,
        found: &mut impl Sink,
        notional: Notional,
        bounded: u8,
    ) -> [Notional; 2] {
        if self.is_new && bounded & armed::OPEN_ORDERS != 0 {
            self.check_count(found);
        }
        let worst = self.cells.map(|cell| cell.worst(self.side, self.more));
        let [Some(of_firm), Some(of_strategy), Some(of_account)] = worst else {
            found.note(Reason::ExposureOverflow, true);
            return [Notional::ZERO; 2];
        };
        let firm_value = self.mark.notional(Qty::from_raw(of_firm));
        let is_wide = Notional::EXPOSURE_MAX < notional
            || self.is_marked && Notional::EXPOSURE_MAX < firm_value;
        found.note(Reason::ExposureOverflow, is_wide);
        let [_, strategy, account] = self.cells;
        let contributions = [
            self.grown(strategy, of_strategy),
            self.grown(account, of_account),
        ];
        if is_wide {
            return contributions;
        }
        if bounded & armed::OPEN_NOTIONAL != 0 {
            self.check_notional(found);
        }
        if bounded & (armed::POSITION_QTY | armed::POSITION_VALUE) != 0 {
            self.check_position(found, [of_firm, of_strategy, of_account, of_firm]);
        }
        if self.is_marked && bounded & armed::GROSS_EXPOSURE != 0 {
            self.check_gross(found, contributions);
        }
        contributions
    }

    /// What a book adds to its owner's gross once its worst position on the order's side is so wide
    /// and the other side is as it is.
    #[inline]
    fn grown(&self, cell: &Cell, worst: u64) -> Notional {
        let other = match self.side {
            Side::Buy => Side::Sell,
            Side::Sell => Side::Buy,
        };
        contribution(worst.max(cell.worst_now(other)), self.mark)
    }

    #[inline]
    fn check_count(&self, found: &mut impl Sink) {
        for (scope, level) in SCOPES.into_iter().zip(self.levels) {
            let max = level.limits.open_orders_max;
            found.check_of(
                scope,
                Reason::OrdersOpenAboveMax,
                max <= level.open_count,
                || (max.into(), i128::from(level.open_count) + 1),
            );
        }
    }

    #[inline]
    fn check_notional(&self, found: &mut impl Sink) {
        for (scope, level) in SCOPES.into_iter().zip(self.levels) {
            let max = Notional::from_raw(level.limits.open_notional_max);
            let sum = level.open_notional.saturating_add(self.more_notional);
            found.check_of(scope, Reason::OpenNotionalAboveMax, max < sum, || {
                (wide(max), wide(sum))
            });
        }
    }

    #[inline]
    fn check_position(&self, found: &mut impl Sink, worst: [u64; 4]) {
        for ((scope, level), worst) in SCOPES.into_iter().zip(self.levels).zip(worst) {
            if level.limits.armed & (armed::POSITION_QTY | armed::POSITION_VALUE) == 0 {
                continue;
            }
            let max = level.limits.position_qty_max;
            found.check_of(scope, Reason::PositionQtyAboveMax, max < worst, || {
                (max.into(), worst.into())
            });
            if self.is_marked {
                let max = Notional::from_raw(level.limits.position_value_max);
                let value = contribution(worst, self.mark);
                found.check_of(scope, Reason::PositionValueAboveMax, max < value, || {
                    (wide(max), wide(value))
                });
            }
        }
    }

    #[inline]
    fn check_gross(&self, found: &mut impl Sink, contributions: [Notional; 2]) {
        let [_, strategy, account] = self.cells;
        let by_strategy = (strategy.contribution, contributions[0]);
        let by_account = (account.contribution, contributions[1]);
        let changes = [by_account, by_strategy, by_account, by_account];
        for ((scope, level), (old, new)) in SCOPES.into_iter().zip(self.levels).zip(changes) {
            if level.limits.armed & armed::GROSS_EXPOSURE == 0 {
                continue;
            }
            let max = Notional::from_raw(level.limits.gross_exposure_max);
            let sum = Notional::from_raw(level.gross.raw() - old.raw() + new.raw());
            found.check_of(
                scope,
                Reason::GrossExposureAboveMax,
                old < new && max < sum,
                || (wide(max), wide(sum)),
            );
        }
    }
}
