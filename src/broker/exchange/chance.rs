//! Chance: numbers that look random and follow from a seed.
//!
//! Pure.

/// The same seed gives the same numbers (SplitMix64). Not for secrets.
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// From a seed; any will do.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub const fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// A number from 0 to `max`, both included.
    pub const fn up_to(&mut self, max: u64) -> u64 {
        ((self.bits() as u128 * (max as u128 + 1)) >> 64) as u64
    }

    /// True for `share` in a million calls. Draws nothing for a share of nothing, so that faults
    /// that are off do not move those that are on.
    pub const fn happens(&mut self, share_per_million: u32) -> bool {
        share_per_million != 0 && self.up_to(999_999) < share_per_million as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_met_and_both_ends_are_drawn() {
        let mut chance = Chance::new(1);
        let hits = (0..100_000).filter(|_| chance.happens(250_000)).count();
        assert!((24_000..26_000).contains(&hits), "{hits}");
        assert!((0..1_000).all(|_| !chance.happens(0)));
        assert!((0..1_000).all(|_| chance.happens(1_000_000)));
        let drawn: std::collections::BTreeSet<u64> = (0..1_000).map(|_| chance.up_to(3)).collect();
        assert_eq!(drawn.into_iter().collect::<Vec<_>>(), [0, 1, 2, 3]);
        assert!((0..100).any(|_| chance.up_to(u64::MAX) > 1 << 63));
    }
}
