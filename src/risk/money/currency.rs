//! Currencies: what each is worth in the firm's own.
//!
//! Pure. Cold beside orders: touched by prices of what drives a rate.
//!
//! The firm's currency is the first, at one for ever. Another has a rate that is configured, or that follows
//! the price of a symbol. One whose symbol has no price that can be believed has no rate: nothing in
//! it can be valued, so nothing new in it passes.

use super::super::setup::{self, RateSource, Setup};
use super::worth::ONE;
use crate::units::SymbolId;

/// All currencies.
#[derive(Debug, Default)]
pub(crate) struct Currencies {
    rows: Vec<Row>,
    /// By symbol: some currency follows it.
    drives: Vec<bool>,
    /// Some currency has had no rate yet.
    are_lacking: bool,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    source: Option<RateSource>,
    /// In 1e-9; zero: none yet.
    rate: u64,
    is_sound: bool,
}

impl Currencies {
    pub(crate) fn new(setup: &Setup) -> Self {
        let own = Row {
            source: None,
            rate: ONE,
            is_sound: true,
        };
        let others = setup.currencies.iter().skip(1).map(Row::new);
        let rows: Vec<Row> = std::iter::once(own).chain(others).collect();
        let mut drives = vec![false; setup.symbols.len()];
        for row in &rows {
            if let Some(RateSource::Symbol { symbol, .. }) = row.source {
                drives[symbol.0 as usize] = true;
            }
        }
        let are_lacking = rows.iter().any(|row| row.rate == 0);
        Self {
            rows,
            drives,
            are_lacking,
        }
    }

    /// True where some currency has had no rate yet.
    #[inline(always)]
    pub(crate) const fn are_lacking(&self) -> bool {
        self.are_lacking
    }

    /// Bytes that they take.
    pub(crate) fn size_bytes(setup: &Setup) -> usize {
        setup.currencies.len().max(1) * size_of::<Row>() + setup.symbols.len()
    }

    /// What a currency is worth, in 1e-9; `None` where nobody knows.
    pub(crate) fn rate(&self, currency: u32) -> Option<u64> {
        let row = self.rows.get(currency as usize)?;
        (row.rate != 0 && row.is_sound).then_some(row.rate)
    }

    /// What it was last worth.
    pub(crate) fn last_rate(&self, currency: u32) -> Option<u64> {
        let row = self.rows.get(currency as usize)?;
        (row.rate != 0).then_some(row.rate)
    }

    /// True where a currency follows the symbol.
    #[inline]
    pub(crate) fn are_driven_by(&self, symbol: usize) -> bool {
        self.drives[symbol]
    }

    /// True where any currency follows any symbol.
    pub(crate) fn any_is_driven(setup: &Setup) -> bool {
        let sources = setup.currencies.iter().skip(1).map(|of| of.rate);
        sources
            .into_iter()
            .any(|rate| matches!(rate, RateSource::Symbol { .. }))
    }

    /// The price of a symbol is another, or can no longer be believed: the places of the currencies that
    /// are worth something else now.
    pub(crate) fn follow(
        &mut self,
        symbol: SymbolId,
        sum: Option<i128>,
        mut changed: impl FnMut(u32),
    ) {
        for (at, row) in self.rows.iter_mut().enumerate() {
            let Some(RateSource::Symbol {
                symbol: driver,
                is_inverted,
            }) = row.source
            else {
                continue;
            };
            if driver != symbol {
                continue;
            }
            let rate = sum.and_then(|sum| rate_of(sum, is_inverted));
            let before = (row.rate, row.is_sound);
            (row.rate, row.is_sound) = match rate {
                Some(rate) => (rate, true),
                None => (row.rate, false),
            };
            if (row.rate, row.is_sound) != before {
                changed(at as u32);
            }
        }
        self.are_lacking = self.rows.iter().any(|row| row.rate == 0);
    }

    /// Goes on with what is known.
    pub(crate) fn carry(&mut self, old: &Self) {
        for (row, old) in self.rows.iter_mut().zip(&old.rows) {
            if row.source == old.source {
                *row = *old;
            }
        }
        self.are_lacking = self.rows.iter().any(|row| row.rate == 0);
    }

    /// Enters them into a hash of the state.
    pub(crate) fn hash(&self, add: &mut impl FnMut(u64, u64)) {
        for row in &self.rows {
            add(row.rate, u64::from(row.is_sound));
        }
    }
}

impl Row {
    fn new(currency: &setup::Currency) -> Self {
        let rate = match currency.rate {
            RateSource::Fixed(rate) => u64::try_from(rate.raw()).unwrap_or_default(),
            RateSource::Symbol { .. } => 0,
        };
        Self {
            source: Some(currency.rate),
            rate,
            is_sound: rate != 0,
        }
    }
}

/// The rate of half of `sum`, or of one by it; rounded up. `None` where that is no rate.
fn rate_of(sum: i128, is_inverted: bool) -> Option<u64> {
    let sum = u128::try_from(sum).ok().filter(|sum| *sum != 0)?;
    let one = u128::from(ONE);
    let rate = match is_inverted {
        false => sum.div_ceil(2),
        true => (2 * one * one).div_ceil(sum),
    };
    u64::try_from(rate).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_the_middle_or_one_by_it_and_never_less() {
        assert_eq!(rate_of(2 * 1_080_000_000, false), Some(1_080_000_000));
        assert_eq!(rate_of(3, false), Some(2));
        // 150 yen for a dollar.
        assert_eq!(rate_of(300 * i128::from(ONE), true), Some(6_666_667));
        assert_eq!((rate_of(0, true), rate_of(-1, false)), (None, None));
        assert_eq!(rate_of(1, true), Some(2_000_000_000_000_000_000));
    }
}
