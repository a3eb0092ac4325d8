//! Exposure: every control over many orders, in the group that follows the one order alone.

use super::answer::Cell;
use super::checks::{Findings, Valuation, wide};
use super::order::{Level, Who};
use super::{Acceptance, Compared, Model, Shape};
use portcullis::message::Side;
use portcullis::reject::RejectReason::*;

/// What an order, or a replace, would add to what is reserved.
pub(super) struct Added {
    pub(crate) leaves: u64,
    pub(crate) notional: u128,
    /// False for a replace: it is no further order.
    pub(crate) is_new: bool,
}

impl Model {
    /// Group 4: never more than `count` accepted in any window.
    pub(super) fn check_rates(&self, findings: &mut Findings, who: Who) {
        for level in Level::ALL {
            for rate in &self.limits(level, who).order_rate {
                let is_counted = |past: &&Acceptance| {
                    level.owner(past.who) == level.owner(who)
                        && self.now - past.time < rate.window.raw()
                };
                let within = self.acceptances.iter().filter(is_counted).count();
                if within >= rate.count as usize {
                    findings.limit(
                        OrderRateAboveMax,
                        level,
                        rate.count.into(),
                        within as i128 + 1,
                    );
                }
            }
        }
    }

    /// Group 4: the same order again. Remembers this one, refused or not.
    pub(super) fn check_duplicate(&mut self, findings: &mut Findings, who: Who, shape: Shape) {
        for level in Level::ALL {
            let Some(window) = self.limits(level, who).duplicate_window else {
                continue;
            };
            let owner = level.owner(who);
            let unexpired: Vec<&Compared> = self
                .compared
                .iter()
                .filter(|past| past.level == level && past.owner == owner)
                .filter(|past| self.now - past.time < window.raw())
                .collect();
            let latest = unexpired.iter().rfind(|past| past.shape == shape);
            let mut shapes: Vec<Shape> = Vec::new();
            for past in &unexpired {
                if !shapes.contains(&past.shape) {
                    shapes.push(past.shape);
                }
            }
            let capacity = self.setup.capacity.duplicates_per_window;
            if let Some(latest) = latest {
                let age = self.now - latest.time;
                findings.limit(OrderDuplicate, level, window.raw().into(), age.into());
            } else if shapes.len() >= capacity as usize {
                findings.bound(DuplicatesFull, true, capacity, capacity);
                continue;
            }
            self.compared.push(Compared {
                level,
                owner,
                shape,
                time: self.now,
            });
        }
    }

    /// Group 4: the sums over all live orders and positions, with this one added.
    pub(super) fn check_sums(
        &self,
        findings: &mut Findings,
        who: Who,
        side: Side,
        valuation: &Valuation,
        added: &Added,
    ) {
        for level in Level::ALL {
            let limits = self.limits(level, who);
            let owner = level.owner(who);
            if let (true, Some(max)) = (added.is_new, limits.open_orders_max) {
                let count = self.live_orders(level, owner).count() as i128 + 1;
                if count > max.into() {
                    findings.limit(OrdersOpenAboveMax, level, max.into(), count);
                }
            }
            let open = self
                .open_notional(level, owner)
                .and_then(|open| open.checked_add(added.notional));
            match (open, limits.open_notional_max) {
                (None, _) => findings.fact(ExposureOverflow, true),
                (Some(open), Some(max)) if open > max.raw() => {
                    findings.limit(OpenNotionalAboveMax, level, wide(max.raw()), wide(open));
                }
                _ => {}
            }
            self.check_position(findings, level, who, side, valuation, added);
        }
    }

    fn check_position(
        &self,
        findings: &mut Findings,
        level: Level,
        who: Who,
        side: Side,
        valuation: &Valuation,
        added: &Added,
    ) {
        let limits = self.limits(level, who);
        let owner = level.owner(who);
        let before = match level {
            Level::Strategy => self.strategy_cell(who.strategy, who.symbol),
            Level::Account => self.account_cell(who.account, who.symbol),
            Level::Symbol | Level::Firm => self.symbol_cell(who.symbol),
        };
        let after = with(&before, side, added.leaves);
        let worst = worst(&after, side);
        if i64::try_from(worst).is_err() {
            findings.fact(ExposureOverflow, true);
            return;
        }
        let worst = worst.max(0);
        if let Some(max) = limits.position_qty_max {
            if worst > max.raw().into() {
                findings.limit(PositionQtyAboveMax, level, max.raw().into(), worst);
            }
        }
        let Some(good) = valuation.fresh else {
            return;
        };
        if let Some(max) = limits.position_value_max {
            let value = worst.unsigned_abs() * good.mark();
            if value > max.raw() {
                findings.limit(PositionValueAboveMax, level, wide(max.raw()), wide(value));
            }
        }

        // The gross sum is over the cells of accounts, for a strategy over its own.
        let Some(max) = limits.gross_exposure_max else {
            return;
        };
        let before = match level {
            Level::Strategy => self.strategy_cell(who.strategy, who.symbol),
            _ => self.account_cell(who.account, who.symbol),
        };
        let after = with(&before, side, added.leaves);
        let (before, after) = (larger_side(&before), larger_side(&after));
        if after <= before {
            return;
        }
        let gross = self.gross(level, owner).and_then(|gross| {
            let more = (after - before).checked_mul(good.mark())?;
            gross.checked_add(more)
        });
        match gross {
            None => findings.fact(ExposureOverflow, true),
            Some(gross) if gross > max.raw() => {
                findings.limit(GrossExposureAboveMax, level, wide(max.raw()), wide(gross));
            }
            Some(_) => {}
        }
    }

    /// The value of all live orders of one level; `None` where it does not fit.
    pub(super) fn open_notional(&self, level: Level, owner: u32) -> Option<u128> {
        self.live_orders(level, owner)
            .try_fold(0u128, |sum, order| {
                sum.checked_add(order.reserved_notional())
            })
    }

    /// The sum over cells of the larger side's worst position, at the last good prices.
    pub(super) fn gross(&self, level: Level, owner: u32) -> Option<u128> {
        let mut sum = 0u128;
        if level == Level::Strategy {
            for &(strategy, symbol) in self.strategy_positions.keys() {
                if strategy == owner {
                    let cell = self.strategy_cell(strategy, symbol);
                    sum = sum.checked_add(self.contribution(&cell, symbol)?)?;
                }
            }
        } else {
            for &(account, symbol) in self.account_positions.keys() {
                let belongs = match level {
                    Level::Account => account == owner,
                    Level::Symbol => symbol == owner,
                    Level::Firm | Level::Strategy => true,
                };
                if belongs {
                    let cell = self.account_cell(account, symbol);
                    sum = sum.checked_add(self.contribution(&cell, symbol)?)?;
                }
            }
        }
        Some(sum)
    }

    fn contribution(&self, cell: &Cell, symbol: u32) -> Option<u128> {
        let good = self.references[symbol as usize].good;
        larger_side(cell).checked_mul(good.map_or(0, |good| good.mark()))
    }
}

fn with(cell: &Cell, side: Side, leaves: u64) -> Cell {
    let mut cell = cell.clone();
    match side {
        Side::Buy => cell.open_buy += u128::from(leaves),
        Side::Sell => cell.open_sell += u128::from(leaves),
    }
    cell
}

/// The position that `side` could come to, positive in its own direction.
fn worst(cell: &Cell, side: Side) -> i128 {
    let position = i128::from(cell.position);
    match side {
        Side::Buy => position + cell.open_buy as i128,
        Side::Sell => -position + cell.open_sell as i128,
    }
}

fn larger_side(cell: &Cell) -> u128 {
    let worst = worst(cell, Side::Buy).max(worst(cell, Side::Sell));
    worst.max(0) as u128
}
