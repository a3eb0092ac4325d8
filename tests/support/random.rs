//! Random: what random tests draw from, and the seed that says what they draw.

/// SplitMix64.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ word >> 31
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

/// The seed of a random test: given, or new and printed.
pub(crate) fn seed() -> u64 {
    let seed = match std::env::var("PORTCULLIS_SEED") {
        Ok(text) => text.parse().expect("PORTCULLIS_SEED is a number"),
        Err(_) => u64::from(std::process::id()),
    };
    println!("PORTCULLIS_SEED={seed}");
    seed
}
