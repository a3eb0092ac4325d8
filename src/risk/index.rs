//! Index: finds an entry by its hash. Open addressing, never more than half full, never grows.
//!
//! Pure. Hot path.
//!
//! The entries live elsewhere; the index holds their places. 32 bits of the hash stand beside each
//! place, so that a look rarely leads to an entry that is not the one.

const EMPTY: u32 = u32::MAX;

/// Places of up to a fixed number of entries.
#[derive(Debug)]
pub(super) struct Index {
    buckets: Box<[Bucket]>,
    mask: usize,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    tag: u32,
    entry: u32,
}

impl Index {
    /// Room for `capacity` entries.
    pub(super) fn new(capacity: usize) -> Self {
        let size = (capacity * 2).next_power_of_two().max(2);
        let empty = Bucket {
            tag: 0,
            entry: EMPTY,
        };
        Self {
            buckets: vec![empty; size].into_boxed_slice(),
            mask: size - 1,
        }
    }

    /// Bytes that `capacity` entries take here.
    pub(super) const fn size_bytes(capacity: usize) -> usize {
        (capacity * 2).next_power_of_two() * size_of::<Bucket>()
    }

    /// The entry that `is_same` accepts.
    #[inline]
    pub(super) fn find(&self, hash: u64, is_same: impl Fn(u32) -> bool) -> Option<u32> {
        let tag = tag(hash);
        let mut at = tag as usize & self.mask;
        loop {
            let bucket = self.buckets[at];
            if bucket.entry == EMPTY {
                return None;
            }
            if bucket.tag == tag && is_same(bucket.entry) {
                return Some(bucket.entry);
            }
            at = (at + 1) & self.mask;
        }
    }

    /// Adds an entry that is not there. The owner has made sure of room.
    #[inline]
    pub(super) fn insert(&mut self, hash: u64, entry: u32) {
        let tag = tag(hash);
        let mut at = tag as usize & self.mask;
        while self.buckets[at].entry != EMPTY {
            at = (at + 1) & self.mask;
        }
        self.buckets[at] = Bucket { tag, entry };
    }

    /// Removes an entry that is there, and closes the gap so that no mark of it stays.
    #[inline]
    pub(super) fn remove(&mut self, hash: u64, entry: u32) {
        let mut gap = tag(hash) as usize & self.mask;
        while self.buckets[gap].entry != entry {
            assert!(
                self.buckets[gap].entry != EMPTY,
                "an entry to be removed is in the index"
            );
            gap = (gap + 1) & self.mask;
        }
        let mut at = gap;
        loop {
            at = (at + 1) & self.mask;
            let bucket = self.buckets[at];
            if bucket.entry == EMPTY {
                break;
            }
            let home = bucket.tag as usize & self.mask;
            // It may move up if its home is not between the gap and where it stands.
            let distance = at.wrapping_sub(home) & self.mask;
            if at.wrapping_sub(gap) & self.mask <= distance {
                self.buckets[gap] = bucket;
                gap = at;
            }
        }
        self.buckets[gap] = Bucket {
            tag: 0,
            entry: EMPTY,
        };
    }

    /// How many entries there are, counted.
    pub(super) fn count(&self) -> usize {
        self.buckets
            .iter()
            .filter(|bucket| bucket.entry != EMPTY)
            .count()
    }
}

#[inline]
const fn tag(hash: u64) -> u32 {
    (hash ^ hash >> 32) as u32
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

    #[test]
    fn the_index_agrees_with_a_map() {
        let (mut state, mut index) = (1u64, Index::new(64));
        let mut map = BTreeMap::new();
        for _ in 0..200_000 {
            state = mix(state, 7);
            // Few distinct hashes, so that chains form, wrap and are cut.
            let key = (state >> 20) % 97;
            let hash = key / 3;
            match map.get(&key) {
                Some(&entry) => {
                    assert_eq!(index.find(hash, |found| found == entry), Some(entry));
                    index.remove(hash, entry);
                    map.remove(&key);
                }
                None if map.len() < 64 => {
                    assert_eq!(index.find(hash, |found| u64::from(found) == key), None);
                    index.insert(hash, key as u32);
                    map.insert(key, key as u32);
                }
                None => {}
            }
            assert_eq!(index.count(), map.len());
        }
    }
}
