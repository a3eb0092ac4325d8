//! Exposure: every control over many orders, in the group that follows the one order alone.

use super::answer::Cell;
use super::checks::{Findings, Valuation, wide};
use super::order::{Level, Order, Who};
use super::{Acceptance, Compared, Model, Shape};
use portcullis::message::Side;
use portcullis::reject::RejectReason::*;
use portcullis::units::Notional;

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
                        level,
                        OrderRateAboveMax,
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
                findings.limit(level, OrderDuplicate, window.raw().into(), age.into());
            } else if shapes.len() >= capacity as usize {
                findings.limit(level, DuplicatesFull, capacity.into(), capacity.into());
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
        if added.is_new {
            for level in Level::ALL {
                let Some(max) = self.limits(level, who).open_orders_max else {
                    continue;
                };
                let count = self.live_orders(level, level.owner(who)).count() as i128 + 1;
                if count > max.into() {
                    findings.limit(level, OrdersOpenAboveMax, max.into(), count);
                }
            }
        }
        if self.overflows(who, side, valuation, added) {
            findings.fact(ExposureOverflow, true);
            return;
        }
        for level in Level::ALL {
            let limits = self.limits(level, who);
            let owner = level.owner(who);
            if let Some(max) = limits.open_notional_max {
                let open = self.open_notional(level, owner) + added.notional;
                if open > max.raw() {
                    findings.limit(level, OpenNotionalAboveMax, wide(max.raw()), wide(open));
                }
            }
            let cell = self.cell_of_level(level, who);
            let worst = worst(&with(&cell, side, added.leaves), side).max(0);
            if let Some(max) = limits.position_qty_max
                && worst > max.raw().into()
            {
                findings.limit(level, PositionQtyAboveMax, max.raw().into(), worst);
            }
            let Some(good) = valuation.fresh else {
                continue;
            };
            if let Some(max) = limits.position_value_max {
                let value = value(worst, good.mark());
                if value > max.raw() {
                    findings.limit(level, PositionValueAboveMax, wide(max.raw()), wide(value));
                }
            }
            if let Some(max) = limits.gross_exposure_max {
                // The sum is over the cells of accounts; for a strategy, over its own.
                let before = match level {
                    Level::Strategy => self.strategy_cell(who.strategy, who.symbol),
                    _ => self.account_cell(who.account, who.symbol),
                };
                let after = with(&before, side, added.leaves);
                let before = value(larger_side(&before), good.mark());
                let after = value(larger_side(&after), good.mark());
                let gross = self.gross(level, owner) - before + after;
                if after > before && gross > max.raw() {
                    findings.limit(level, GrossExposureAboveMax, wide(max.raw()), wide(gross));
                }
            }
        }
    }

    /// True where the order, or a position that it may lead to, is wider than any real one.
    fn overflows(&self, who: Who, side: Side, valuation: &Valuation, added: &Added) -> bool {
        let worst_of = |level| {
            let cell = self.cell_of_level(level, who);
            worst(&with(&cell, side, added.leaves), side)
        };
        let is_too_wide = |level: &Level| worst_of(*level) > i64::MAX.into();
        let firm_value = valuation.fresh.map_or(0, |good| {
            let worst = worst_of(Level::Firm).clamp(0, u64::MAX.into());
            worst.unsigned_abs() * good.mark()
        });
        let most = Notional::EXPOSURE_MAX.raw();
        valuation.notional > most || firm_value > most || Level::ALL.iter().any(is_too_wide)
    }

    pub(super) fn cell_of_level(&self, level: Level, who: Who) -> Cell {
        match level {
            Level::Strategy => self.strategy_cell(who.strategy, who.symbol),
            Level::Account => self.account_cell(who.account, who.symbol),
            Level::Symbol | Level::Firm => self.symbol_cell(who.symbol),
        }
    }

    /// The value of all live orders of one level.
    pub(super) fn open_notional(&self, level: Level, owner: u32) -> u128 {
        self.live_orders(level, owner)
            .map(Order::reserved_notional)
            .sum()
    }

    /// The sum over cells of the larger side's worst position, at the last good prices.
    pub(super) fn gross(&self, level: Level, owner: u32) -> u128 {
        let contribution = |cell: Cell, symbol: u32| {
            let good = self.references[symbol as usize].good;
            value(larger_side(&cell), good.map_or(0, |good| good.mark()))
        };
        if level == Level::Strategy {
            let cells = self.strategy_positions.keys();
            return cells
                .filter(|(strategy, _)| *strategy == owner)
                .map(|&(_, symbol)| contribution(self.strategy_cell(owner, symbol), symbol))
                .sum();
        }
        let cells = self.account_positions.keys();
        cells
            .filter(|(account, symbol)| match level {
                Level::Account => *account == owner,
                Level::Symbol => *symbol == owner,
                Level::Firm | Level::Strategy => true,
            })
            .map(|&(account, symbol)| contribution(self.account_cell(account, symbol), symbol))
            .sum()
    }
}

/// The value of a worst position, cut where no real one can be, so that sums always fit.
fn value(worst: i128, mark: u128) -> u128 {
    let worst = worst.clamp(0, u64::MAX.into()).unsigned_abs();
    (worst * mark).min(Notional::EXPOSURE_MAX.raw())
}

pub(super) fn with(cell: &Cell, side: Side, leaves: u64) -> Cell {
    let mut cell = cell.clone();
    match side {
        Side::Buy => cell.open_buy += u128::from(leaves),
        Side::Sell => cell.open_sell += u128::from(leaves),
    }
    cell
}

/// The position that `side` could come to, positive in its own direction.
pub(super) fn worst(cell: &Cell, side: Side) -> i128 {
    let position = i128::from(cell.position);
    match side {
        Side::Buy => position + cell.open_buy as i128,
        Side::Sell => -position + cell.open_sell as i128,
    }
}

fn larger_side(cell: &Cell) -> i128 {
    worst(cell, Side::Buy).max(worst(cell, Side::Sell))
}
