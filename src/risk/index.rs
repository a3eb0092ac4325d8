//! Index: finds an entry by its hash. Never grows, and what leaves it leaves no mark.
//!
//! Pure. Hot path.
//!
//! The entries live elsewhere; the index holds their places. One look reads one cache line: twelve
//! places, and a byte of the hash for each, so that it rarely leads to an entry that is not the one; what
//! the number of an entry leaves of its 32 bits holds more of the hash, so that it almost never does.
//! An entry whose line is full stands in a line behind it, and each line that it passed counts it: a
//! look goes on only where that count says so, and a removal takes the count back.

use super::foresee::hint_at;
use bytemuck::Zeroable;

const PLACES: usize = 12;

/// Places of up to a fixed number of entries.
#[derive(Debug)]
pub(super) struct Index {
    lines: Box<[Line]>,
    mask: usize,
    /// The largest number that an entry may have: all bits set.
    entry_max: u32,
}

#[derive(Clone, Copy, Debug, Zeroable)]
#[repr(C, align(64))]
struct Line {
    /// A byte for each place, zero where it is free.
    tags: [u8; PLACES],
    /// How many entries stand further on because there was no place here.
    passed: u32,
    entries: [u32; PLACES],
}

const _: () = assert!(size_of::<Line>() == 64);

/// A one in every byte, and the high bit of every byte.
const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x80 * ONES;

impl Line {
    /// The places whose tag is `tag`, and at times some that only look so behind the first.
    #[inline(always)]
    fn candidates(&self, tag: u8) -> Candidates {
        let [a, b, c, d, e, f, g, h, i, j, k, l] = self.tags;
        let low = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
        let high = u32::from_le_bytes([i, j, k, l]);
        let pattern = ONES * u64::from(tag);
        // The upper half of the second word stands for no places.
        let high = (u64::from(high) ^ pattern) | 0xffff_ffff << 32;
        // One number for both: of each eight bits the first for the one, the second for the other.
        Candidates(zero_bytes(low ^ pattern) >> 7 | zero_bytes(high) >> 6)
    }

    #[inline(always)]
    fn put(&mut self, place: usize, tag: u8, entry: u32) {
        self.tags[place] = tag;
        self.entries[place] = entry;
    }
}

/// The high bit of each byte that is zero, and at times of bytes behind the first such.
#[inline(always)]
const fn zero_bytes(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & HIGHS
}

struct Candidates(u64);

impl Candidates {
    #[inline(always)]
    const fn first(&self) -> Option<usize> {
        if self.0 == 0 {
            return None;
        }
        let bit = self.0.trailing_zeros() as usize;
        Some(bit / 8 + bit % 8 * 8)
    }

    #[inline(always)]
    const fn drop_first(&mut self) {
        self.0 &= self.0 - 1;
    }
}

impl Index {
    /// Room for `capacity` entries.
    pub(super) fn new(capacity: usize) -> Self {
        let count = Self::line_count(capacity);
        Self {
            lines: bytemuck::zeroed_slice_box(count),
            mask: count - 1,
            entry_max: (capacity.max(1).next_power_of_two() - 1) as u32,
        }
    }

    /// Six entries to a line at the most, so that few lines are ever full.
    const fn line_count(capacity: usize) -> usize {
        capacity.div_ceil(PLACES / 2).next_power_of_two()
    }

    /// Bytes that `capacity` entries take here.
    pub(super) const fn size_bytes(capacity: usize) -> usize {
        Self::line_count(capacity) * size_of::<Line>()
    }

    /// The bits of a hash that stand above an entry's number.
    #[inline(always)]
    const fn above(&self, hash: u64) -> u32 {
        (hash >> 24) as u32 & !self.entry_max
    }

    /// An entry as a line holds it.
    #[inline(always)]
    const fn held(&self, hash: u64, entry: u32) -> u32 {
        assert!(
            entry <= self.entry_max,
            "entries are numbered within the capacity"
        );
        self.above(hash) | entry
    }

    /// The entry that `is_same` accepts.
    #[inline]
    pub(super) fn find(&self, hash: u64, is_same: impl Fn(u32) -> bool) -> Option<u32> {
        self.find_or_spot(hash, is_same).ok()
    }

    /// The entry that `is_same` accepts, or where it would go.
    #[inline(always)]
    pub(super) fn find_or_spot(
        &self,
        hash: u64,
        is_same: impl Fn(u32) -> bool,
    ) -> Result<u32, Spot> {
        let (tag, above) = (tag(hash), self.above(hash));
        let home = hash as usize & self.mask;
        let mut at = home;
        // Bounded, whatever the counts say.
        for _ in 0..=self.mask {
            let line = &self.lines[at];
            let mut candidates = line.candidates(tag);
            while let Some(place) = candidates.first() {
                // Larger than any number where another hash stands above it.
                let entry = line.entries[place] ^ above;
                if entry <= self.entry_max && is_same(entry) {
                    return Ok(entry);
                }
                candidates.drop_first();
            }
            if line.passed == 0 {
                break;
            }
            at = (at + 1) & self.mask;
        }
        Err(Spot {
            line: home,
            place: self.lines[home].candidates(FREE).first(),
        })
    }

    /// Adds an entry where [`Self::find_or_spot`] said; others may have left the index since, none
    /// may have come.
    #[inline(always)]
    pub(super) fn insert_at(&mut self, spot: Spot, hash: u64, entry: u32) {
        let Some(place) = spot.place else {
            return self.insert(hash, entry);
        };
        let held = self.held(hash, entry);
        let line = &mut self.lines[spot.line];
        line.put(place, tag(hash), held);
    }

    /// Adds an entry that is not there. The owner has made sure of room.
    pub(super) fn insert(&mut self, hash: u64, entry: u32) {
        let held = self.held(hash, entry);
        let mut at = hash as usize & self.mask;
        loop {
            let line = &mut self.lines[at];
            if let Some(place) = line.candidates(FREE).first() {
                line.put(place, tag(hash), held);
                return;
            }
            line.passed += 1;
            at = (at + 1) & self.mask;
        }
    }

    /// Where a hash leads.
    #[inline(always)]
    pub(super) fn foresee(&self, hash: u64, hint: &impl Fn(*const u8)) {
        hint_at(&self.lines, hash as usize & self.mask, hint);
    }

    pub(super) fn tables(&self, take: &impl Fn(*const u8, usize)) {
        take(self.lines.as_ptr().cast(), size_of_val(&*self.lines));
    }

    /// Removes an entry that is there.
    #[inline]
    pub(super) fn remove(&mut self, hash: u64, entry: u32) {
        let (tag, held) = (tag(hash), self.held(hash, entry));
        let mut at = hash as usize & self.mask;
        loop {
            let line = &mut self.lines[at];
            let mut candidates = line.candidates(tag);
            while let Some(place) = candidates.first() {
                if line.entries[place] == held {
                    line.tags[place] = FREE;
                    return;
                }
                candidates.drop_first();
            }
            assert!(line.passed != 0, "an entry to be removed is in the index");
            line.passed -= 1;
            at = (at + 1) & self.mask;
        }
    }

    /// How many entries there are, counted.
    pub(super) fn count(&self) -> usize {
        let taken = |line: &Line| line.tags.iter().filter(|tag| **tag != FREE).count();
        self.lines.iter().map(taken).sum()
    }
}

/// Where an entry would go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot {
    line: usize,
    /// In its own line; `None` where that is full.
    place: Option<usize>,
}

/// The tag of a place that holds nothing.
const FREE: u8 = 0;

/// A part of the hash that does not choose the line. Neither that of a free place nor the one next
/// to it, so that no free place looks taken.
#[inline(always)]
const fn tag(hash: u64) -> u8 {
    (hash >> 56) as u8 | 2
}

/// Two words into one, so that each bit of both matters.
#[inline]
pub(super) const fn mix(a: u64, b: u64) -> u64 {
    let product = (a ^ 0x9E37_79B9_7F4A_7C15) as u128 * (b ^ 0xD1B5_4A32_D192_ED03) as u128;
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// Few distinct lines and tags, so that lines are full and others are passed.
    fn hash(key: u64) -> u64 {
        ((key / 3) << 57) | ((key / 3) << 31) | (key / 40)
    }

    #[test]
    fn the_index_agrees_with_a_map() {
        // Numbers up to 96: seven bits, and 25 of the hash above them.
        let (mut state, mut index) = (1u64, Index::new(97));
        let mut map = BTreeMap::new();
        for _ in 0..200_000 {
            state = mix(state, 7);
            let key = (state >> 20) % 97;
            let hash = hash(key);
            match map.get(&key) {
                Some(&entry) => {
                    // An entry of another hash is not even looked at.
                    let is_same = |found| {
                        assert_eq!(self::hash(u64::from(found)) >> 24, hash >> 24);
                        found == entry
                    };
                    assert_eq!(index.find(hash, is_same), Some(entry));
                    index.remove(hash, entry);
                    map.remove(&key);
                }
                None if map.len() < 64 => {
                    assert_eq!(index.find(hash, |found| u64::from(found) == key), None);
                    match index.find_or_spot(hash, |found| u64::from(found) == key) {
                        Err(spot) if state & 1 == 0 => index.insert_at(spot, hash, key as u32),
                        _ => index.insert(hash, key as u32),
                    }
                    map.insert(key, key as u32);
                }
                None => {}
            }
            assert_eq!(index.count(), map.len());
        }
        assert!(index.lines.iter().any(|line| line.passed != 0));
        for (&key, &entry) in &map {
            index.remove(hash(key), entry);
        }
        assert!(index.lines.iter().all(|line| line.passed == 0));
    }
}
