//! Moves: how far a reference price has moved within a window.
//!
//! Pure. Hot path.
//!
//! The window is divided into eight parts, as the clock divides time. Of each part the lowest and the
//! highest price are kept: of the one under way and of the eight before it. So a price is forgotten
//! when it is older than the window, and at the latest an eighth of the window after that.

use super::market::{SCALE, is_far};
use super::setup;
use crate::units::Nanos;

const PARTS: u64 = 8;
const KEPT: usize = PARTS as usize + 1;

/// The prices of one symbol's window, as twice the mid.
#[derive(Clone, Debug)]
pub(super) struct Moves {
    /// How far it may move, in 1e-4 of a basis point.
    band: u64,
    part_nanos: u64,
    /// The part in which the last price came.
    last: u64,
    /// Lowest and highest by part, at the part's number modulo [`KEPT`]; turned round where none.
    extremes: [(i128, i128); KEPT],
    /// The last price, and what is wrong with it until the next part begins.
    standing: i128,
    breach: Option<(i128, i128)>,
    judged_until: Nanos,
}

const NONE: (i128, i128) = (i128::MAX, i128::MIN);

impl Moves {
    /// `None` where the symbol has no such limit.
    pub(super) fn new(symbol: &setup::Symbol) -> Option<Box<Self>> {
        let band = symbol.move_max?;
        Some(Box::new(Self {
            band,
            part_nanos: part_nanos(symbol.move_window),
            last: 0,
            extremes: [NONE; KEPT],
            standing: 0,
            breach: None,
            judged_until: Nanos::ZERO,
        }))
    }

    /// The same prices under other terms; none where they would be divided otherwise.
    pub(super) fn carried(self: Box<Self>, symbol: &setup::Symbol) -> Option<Box<Self>> {
        let fresh = Self::new(symbol)?;
        match fresh.part_nanos == self.part_nanos {
            true => Some(Box::new(Self {
                band: fresh.band,
                judged_until: Nanos::ZERO,
                ..*self
            })),
            false => Some(fresh),
        }
    }

    /// Takes in a price that is believed.
    pub(super) fn note(&mut self, sum: i128, now: Nanos) {
        let part = now.raw() / self.part_nanos;
        let passed = part.saturating_sub(self.last).min(KEPT as u64);
        for back in 0..passed {
            self.extremes[(part - back) as usize % KEPT] = NONE;
        }
        self.last = part;
        let (low, high) = &mut self.extremes[part as usize % KEPT];
        (*low, *high) = (sum.min(*low), sum.max(*high));
        // Orders come more often than prices: most meet the last one judged already.
        self.standing = sum;
        self.breach = self.judge(sum, now);
        self.judged_until = Nanos::from_raw(part.saturating_add(1).saturating_mul(self.part_nanos));
    }

    /// Where a price is further from the highest or the lowest of the window than it may be: how far
    /// it may be and how far it is, as prices.
    #[inline]
    pub(super) fn breach(&self, sum: i128, now: Nanos) -> Option<(i128, i128)> {
        if sum == self.standing && now < self.judged_until {
            return self.breach;
        }
        self.judge(sum, now)
    }

    #[cold]
    fn judge(&self, sum: i128, now: Nanos) -> Option<(i128, i128)> {
        let ends = self.ends(sum, now);
        let from = ends
            .into_iter()
            .find(|from| is_far(sum, *from, self.band))?;
        Some(self.told(sum, from))
    }

    /// The same of a price that is not too far, from the end of the window that it is further from.
    pub(super) fn furthest(&self, sum: i128, now: Nanos) -> (i128, i128) {
        let [high, low] = self.ends(sum, now);
        self.told(sum, if sum - low < high - sum { high } else { low })
    }

    fn told(&self, sum: i128, from: i128) -> (i128, i128) {
        let may = i128::from(self.band) * from.abs() / (2 * SCALE);
        (may, ((sum - from).abs() + 1) / 2)
    }

    /// The highest and the lowest of the window and of a price.
    fn ends(&self, sum: i128, now: Nanos) -> [i128; 2] {
        let part = now.raw() / self.part_nanos;
        let oldest = part.max(self.last).saturating_sub(PARTS);
        let (mut low, mut high) = (sum, sum);
        for part in oldest..=self.last {
            let extremes = self.extremes[part as usize % KEPT];
            (low, high) = (low.min(extremes.0), high.max(extremes.1));
        }
        [high, low]
    }

    /// Enters it into a hash of the state.
    pub(super) fn hash(&self, mut add: impl FnMut(u64, u64)) {
        add(self.last, self.band);
        for (low, high) in self.extremes {
            add(low as u64, high as u64);
        }
    }
}

/// An eighth of the window, rounded up.
fn part_nanos(window: Nanos) -> u64 {
    window.raw().div_ceil(PARTS).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_moment_there_is_counts_as_any_other() {
        let symbol = setup::Symbol {
            move_max: Some(5_000_000),
            move_window: Nanos::from_raw(1),
            ..setup::Symbol::default()
        };
        let mut moves = Moves::new(&symbol).unwrap();
        for sum in [200, 204, 220] {
            moves.note(sum, Nanos::MAX);
        }
        assert_eq!(moves.breach(220, Nanos::MAX), Some((5, 10)));
        assert_eq!(moves.breach(210, Nanos::MAX), None);
    }
}
