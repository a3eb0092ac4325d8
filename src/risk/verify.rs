//! Verify: the invariants of the whole state, slowly.
//!
//! Tests, fuzzing and simulation call it after each command.

use super::cell::Cell;
use super::core::Core;
use super::exposure::NO_DESK;
use super::level::Level;
use crate::message::{Scope, Side};
use crate::units::{Notional, Qty};
use std::collections::BTreeMap;

impl Core {
    /// Panics where an invariant does not hold.
    pub fn verify(&self) {
        self.orders.verify();
        self.client_order_ids.verify();
        self.verify_own();
        self.verify_parents();
        self.exposure.verify_tails();
        let mut open: BTreeMap<(u8, u32, u32), (u64, u64)> = BTreeMap::new();
        let mut levels: BTreeMap<(u8, u32), (u32, u128)> = BTreeMap::new();
        for order in self.orders.iter().filter(|order| order.is_live()) {
            let owners = [
                (0, order.account.0),
                (1, order.strategy.0),
                (2, order.symbol.0),
                (3, 0),
            ];
            for (kind, owner) in owners {
                let level = levels.entry((kind, owner)).or_default();
                level.0 += 1;
                level.1 += order.reserved_notional.raw();
                let cell = open.entry((kind, owner, order.symbol.0)).or_default();
                match order.side {
                    Side::Buy => cell.0 += order.reserved.raw(),
                    Side::Sell => cell.1 += order.reserved.raw(),
                }
            }
        }
        for order in self.orders.iter().filter(|order| order.is_live()) {
            let (account, symbol) = (order.account.0, order.symbol.0);
            for level in self.exposure.beside(account, symbol) {
                let key = (level.whose.scope() + OTHERS, level.whose.target());
                let sums = levels.entry(key).or_default();
                sums.0 += 1;
                sums.1 += order.reserved_notional.raw();
            }
            let desk = self.exposure.desks[account as usize];
            if desk != NO_DESK {
                let key = (Scope::Desk as u8 + OTHERS, desk, symbol);
                let cell = open.entry(key).or_default();
                match order.side {
                    Side::Buy => cell.0 += order.reserved.raw(),
                    Side::Sell => cell.1 += order.reserved.raw(),
                }
            }
        }
        let check_level = |level: &Level, key: (u8, u32)| {
            let (count, notional) = levels.get(&key).copied().unwrap_or_default();
            assert_eq!(
                (level.open_count, level.open_notional.raw()),
                (count, notional),
                "{key:?}"
            );
        };
        let of = |rows: &[Level], kind: u8| {
            for (at, level) in rows.iter().enumerate() {
                check_level(level, (kind, at as u32));
            }
        };
        of(&self.exposure.accounts, 0);
        of(&self.exposure.strategies, 1);
        of(&self.exposure.symbols, 2);
        check_level(&self.exposure.firm, (3, 0));
        for level in &self.exposure.others {
            check_level(level, (level.whose.scope() + OTHERS, level.whose.target()));
        }

        let mut gross: BTreeMap<(u8, u32), (u128, [i128; 2])> = BTreeMap::new();
        let mut positions: BTreeMap<u32, (i128, bool)> = BTreeMap::new();
        let check_cell = |cell: &Cell, kind: u8, owner: u32| {
            let found = open
                .get(&(kind, owner, cell.symbol))
                .copied()
                .unwrap_or_default();
            assert_eq!((cell.open_buy.raw(), cell.open_sell.raw()), found);
            assert!(cell.is_fresh(), "{cell:?}");
        };
        for (kind, is_account) in [(0, true), (1, false)] {
            for cell in self.exposure.cells(is_account) {
                check_cell(cell, kind, cell.owner);
                let mark = self.exposure.mark(cell.symbol);
                assert_eq!(cell.contribution, cell.value(mark));
                let added = self.exposure.added(cell, mark);
                let mut add = |key| {
                    let sums = gross.entry(key).or_default();
                    sums.0 += added.gross.raw();
                    for side in 0..2 {
                        sums.1[side] += added.net[side];
                    }
                };
                add((kind, cell.owner));
                if is_account {
                    add((2, cell.symbol));
                    add((3, 0));
                    for level in self.exposure.beside(cell.owner, cell.symbol) {
                        add((level.whose.scope() + OTHERS, level.whose.target()));
                    }
                    let (position, was_cut) = positions.entry(cell.symbol).or_default();
                    *position += i128::from(cell.position.raw());
                    *was_cut |= was_saturated(cell);
                }
            }
        }
        for cell in self.exposure.desk_cells() {
            check_cell(cell, Scope::Desk as u8 + OTHERS, cell.owner);
        }
        for cell in self.exposure.symbol_cells() {
            check_cell(cell, 2, cell.symbol);
            let (position, was_cut) = positions.get(&cell.symbol).copied().unwrap_or_default();
            if !was_cut && !was_saturated(cell) {
                assert_eq!(i128::from(cell.position.raw()), position);
            }
        }
        let rows = [
            (0, &self.exposure.accounts[..]),
            (1, &self.exposure.strategies[..]),
            (2, &self.exposure.symbols[..]),
            (3, std::slice::from_ref(&self.exposure.firm)),
        ];
        let check_sums = |level: &Level, key: (u8, u32)| {
            let (sum, net) = gross.get(&key).copied().unwrap_or_default();
            assert_eq!(level.gross, Notional::from_raw(sum), "gross of {key:?}");
            assert_eq!(level.net, net, "net of {key:?}");
        };
        for (kind, levels) in rows {
            for (at, level) in levels.iter().enumerate() {
                check_sums(level, (kind, at as u32));
            }
        }
        for level in &self.exposure.others {
            check_sums(level, (level.whose.scope() + OTHERS, level.whose.target()));
        }
        assert!(
            self.orders
                .iter()
                .all(|order| order.filled <= Qty::from_raw(u64::MAX))
        );
    }
}

/// Desks and groups are told apart from the other kinds.
const OTHERS: u8 = 10;

/// True where a position may have been wider than its type at some time, and was cut: from then on
/// it is no sum of others.
fn was_saturated(cell: &Cell) -> bool {
    cell.position_high.raw() == i64::MAX || cell.position_low.raw() == i64::MIN
}
