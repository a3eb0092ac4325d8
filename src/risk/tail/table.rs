//! Table: what one unit of each symbol loses in each scenario.
//!
//! Pure.
//!
//! A return is in millionths. Its fall is what a unit loses that is held long, its rise what one loses
//! that is held short: of the two one is always nothing.

use crate::risk::setup::{self, Setup};
use crate::units::Notional;
use std::ops::Range;

/// Which scenarios something is known of, or needs.
pub(super) mod of {
    pub(in crate::risk::tail) const HISTORY: u8 = 1;
    pub(in crate::risk::tail) const STRESS: u8 = 2;
    pub(in crate::risk::tail) const MARGIN: u8 = 4;
}

/// A whole, in millionths.
pub(super) const ONE: u64 = 1_000_000;

/// What values are rounded up to where nothing is said: a cent.
const UNIT: u128 = 10u128.pow(Notional::DIGITS - 2);

/// The scenarios, and every symbol's returns.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) history: Range<usize>,
    pub(super) stress: Range<usize>,
    pub(super) margin: Range<usize>,
    /// The sets that there are.
    pub(super) sets: u8,
    /// What values are rounded up to, and its parts: a power of two and an odd number.
    pub(super) unit: u128,
    shift: u32,
    odd: u128,
    /// The widest return.
    pub(super) return_max: u64,
    pub(super) symbols: Vec<Symbol>,
    pub(super) cluster_count: usize,
    /// By row and scenario: what falls, and what rises.
    moves: [Box<[u32]>; 2],
}

/// One symbol.
#[derive(Clone, Copy, Debug)]
pub(super) struct Symbol {
    /// The sets that its returns are known of.
    pub(super) known: u8,
    pub(super) cluster: u32,
    row: u32,
    /// The largest loss of one unit, held long and held short.
    pub(super) max: [u32; 2],
}

impl Table {
    pub(super) fn new(setup: &Setup) -> Self {
        let tail = &setup.tail;
        let (history, stress) = (tail.history_count as usize, tail.stress.len());
        let margin = tail.margin.len();
        let has = |count: usize, set: u8| if count == 0 { 0 } else { set };
        let unit = match tail.unit {
            Notional::ZERO => UNIT,
            unit => unit.raw(),
        };
        let mut table = Self {
            history: 0..history,
            stress: history..history + stress,
            margin: history + stress..history + stress + margin,
            sets: has(history, of::HISTORY) | has(stress, of::STRESS) | has(margin, of::MARGIN),
            unit,
            shift: unit.trailing_zeros(),
            odd: unit >> unit.trailing_zeros(),
            return_max: 1,
            ..Self::default()
        };
        let mut moves = [Vec::new(), Vec::new()];
        for (at, _) in setup.symbols.iter().enumerate() {
            let returns = tail.returns.get(at);
            let cluster = tail.clusters.get(at).copied();
            let symbol = table.symbol(returns, at, cluster, &mut moves);
            table.symbols.push(symbol);
        }
        table.moves = moves.map(Vec::into_boxed_slice);
        let clusters = table
            .symbols
            .iter()
            .map(|symbol| symbol.cluster as usize + 1);
        table.cluster_count = clusters.max().unwrap_or(0);
        table
    }

    /// Takes in the returns of the symbol at a place, which is alone where it is in no cluster.
    fn symbol(
        &mut self,
        returns: Option<&setup::Returns>,
        at: usize,
        cluster: Option<u32>,
        moves: &mut [Vec<u32>; 2],
    ) -> Symbol {
        let mut symbol = Symbol {
            known: 0,
            cluster: cluster.unwrap_or(at as u32),
            row: (moves[0].len() / self.count().max(1)) as u32,
            max: [0; 2],
        };
        let empty = setup::Returns::default();
        let returns = returns.unwrap_or(&empty);
        let sets = [
            (of::HISTORY, &self.history, &returns.history),
            (of::STRESS, &self.stress, &returns.stress),
            (of::MARGIN, &self.margin, &returns.margin),
        ];
        for (set, range, returns) in sets {
            let is_known = !range.is_empty() && returns.len() == range.len();
            symbol.known |= if is_known { set } else { 0 };
            // Who needs what is not known is refused; nobody else looks.
            let nothing = vec![0; range.len()];
            for change in if is_known { returns } else { &nothing } {
                let both = [(*change).min(0), (*change).max(0)].map(i32::unsigned_abs);
                for side in 0..2 {
                    moves[side].push(both[side]);
                    symbol.max[side] = symbol.max[side].max(both[side]);
                    self.return_max = self.return_max.max(both[side].into());
                }
            }
        }
        symbol
    }

    /// How many scenarios there are.
    pub(super) fn count(&self) -> usize {
        self.margin.end
    }

    /// What one unit of a symbol loses on a side, by scenario.
    #[inline]
    pub(super) fn moves(&self, symbol: u32, side: usize) -> &[u32] {
        let count = self.count();
        let first = self.symbols[symbol as usize].row as usize * count;
        &self.moves[side][first..first + count]
    }

    /// A quantity's value, in units, rounded up: towards more risk, whichever way it is held.
    #[inline]
    pub(super) fn value(&self, qty: i128, mark: i64) -> i64 {
        let value = qty.saturating_mul(mark.into());
        let size = value.unsigned_abs();
        // A whole power of two first: most of what is left fits a word, whose division is fast.
        let (shifted, is_even) = (size >> self.shift, size & ((1 << self.shift) - 1) == 0);
        let (whole, is_whole) = match (u64::try_from(shifted), u64::try_from(self.odd)) {
            (Ok(narrow), Ok(odd)) => (u128::from(narrow / odd), narrow % odd == 0),
            _ => (shifted / self.odd, shifted % self.odd == 0),
        };
        let is_whole = is_whole && is_even;
        let whole = i64::try_from(whole).unwrap_or(VALUE_MAX).min(VALUE_MAX);
        match (value < 0, is_whole) {
            (true, _) => -whole,
            (false, true) => whole,
            (false, false) => whole + 1,
        }
    }

    /// The most that a level may have in gross: with more, its losses might not fit.
    pub(super) fn gross_max(&self) -> u128 {
        let units = super::kernel::LOSS_MAX as u64 / self.return_max;
        let gross = self.unit.saturating_mul(units.into());
        gross.min(Notional::EXPOSURE_MAX.raw() - 1)
    }

    /// A limit in loss units, rounded down.
    pub(super) fn limit(&self, max: Notional) -> i64 {
        let max = max.raw();
        let (whole, rest) = (max / self.unit, max % self.unit);
        let fine = whole.saturating_mul(ONE.into());
        let fine = fine.saturating_add(rest.saturating_mul(ONE.into()) / self.unit);
        i64::try_from(fine)
            .unwrap_or(super::kernel::LOSS_MAX)
            .min(super::kernel::LOSS_MAX)
    }

    /// A loss as a refusal tells it.
    pub(super) fn told(&self, loss: i128) -> i128 {
        let unit = i128::try_from(self.unit).unwrap_or(i128::MAX);
        loss.saturating_mul(unit) / i128::from(ONE)
    }

    /// Bytes that it takes.
    pub(super) fn size_bytes(setup: &Setup) -> usize {
        let tail = &setup.tail;
        let count = tail.history_count as usize + tail.stress.len() + tail.margin.len();
        setup.symbols.len() * (size_of::<Symbol>() + 2 * count * size_of::<u32>())
    }
}

/// Wider than any value that is looked at.
const VALUE_MAX: i64 = i64::MAX / 4;
