//! Duplicate: has the same order come within the window?
//!
//! Pure. Hot path.
//!
//! Each level with a window remembers the distinct orders of that time, latest last. A repeat
//! moves to the end. An entry leaves when its time is over and its place is needed; one whose time
//! is not over is never pushed out, so the answer is exact or the table says that it is full.

use super::foresee::room_of;
use super::index::{Index, mix};
use crate::units::Nanos;

/// What makes two orders the same.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Content {
    pub(super) price: i64,
    pub(super) qty: u64,
    pub(super) symbol: u32,
    /// Side and order type.
    pub(super) terms: u32,
}

impl Content {
    #[inline]
    pub(super) fn hash(&self, seed: u64) -> u64 {
        let terms = u64::from(self.symbol) << 32 | u64::from(self.terms);
        mix(mix(seed ^ self.price as u64, self.qty), terms)
    }
}

/// The recent orders of one level.
#[derive(Debug)]
pub(super) struct Recent {
    span: Nanos,
    index: Index,
    entries: Vec<Entry>,
    capacity: usize,
    /// Oldest and latest; entries are linked in the order of their times.
    first: u32,
    last: u32,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    content: Content,
    hash: u64,
    time: Nanos,
    previous: u32,
    next: u32,
}

/// What the window says of an order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Seen {
    /// Nothing the same within the window.
    New,
    /// The same, so long ago.
    Before(Nanos),
    /// There is no room to remember it.
    Full,
}

const NONE: u32 = u32::MAX;

impl Recent {
    pub(super) fn new(span: Nanos, capacity: usize) -> Self {
        Self {
            span,
            index: Index::new(capacity),
            entries: Vec::with_capacity(capacity),
            capacity,
            first: NONE,
            last: NONE,
        }
    }

    /// The same orders under another window.
    pub(super) fn carried(&self, span: Nanos, capacity: usize, seed: u64) -> Self {
        let mut carried = Self::new(span, capacity);
        let mut at = self.first;
        while let Some(entry) = self.entries.get(at as usize) {
            carried.note(entry.content, entry.content.hash(seed), entry.time);
            at = entry.next;
        }
        carried
    }

    pub(super) fn tables(&self, take: &impl Fn(*const u8, usize)) {
        self.index.tables(take);
        room_of(&self.entries, take);
    }

    /// Bytes that one window takes.
    pub(super) const fn size_bytes(capacity: usize) -> usize {
        Index::size_bytes(capacity) + capacity * size_of::<Entry>()
    }

    pub(super) const fn span(&self) -> Nanos {
        self.span
    }

    /// Looks, and remembers that it came now.
    #[inline]
    pub(super) fn note(&mut self, content: Content, hash: u64, now: Nanos) -> Seen {
        let is_same = |at: u32| self.entries[at as usize].content == content;
        let (at, seen) = match self.index.find_or_spot(hash, is_same) {
            Ok(at) => {
                let age = now.since(self.entries[at as usize].time);
                self.unlink(at);
                match age < self.span {
                    true => (at, Seen::Before(age)),
                    false => (at, Seen::New),
                }
            }
            Err(spot) => match self.place(now) {
                Some(at) => {
                    self.index.insert_at(spot, hash, at);
                    (at, Seen::New)
                }
                None => return Seen::Full,
            },
        };
        let entry = Entry {
            content,
            hash,
            time: now,
            previous: self.last,
            next: NONE,
        };
        self.entries[at as usize] = entry;
        match self.entries.get_mut(entry.previous as usize) {
            Some(previous) => previous.next = at,
            None => self.first = at,
        }
        self.last = at;
        seen
    }

    /// A place for one more: a fresh one, or that of the oldest if its time is over.
    #[inline]
    fn place(&mut self, now: Nanos) -> Option<u32> {
        if self.entries.len() < self.capacity {
            let content = Content::default();
            self.entries.push(Entry {
                content,
                hash: 0,
                time: now,
                previous: NONE,
                next: NONE,
            });
            return Some(self.entries.len() as u32 - 1);
        }
        let at = self.first;
        let oldest = self.entries.get(at as usize)?;
        if now.since(oldest.time) < self.span {
            return None;
        }
        let hash = oldest.hash;
        self.unlink(at);
        self.index.remove(hash, at);
        Some(at)
    }

    #[inline]
    fn unlink(&mut self, at: u32) {
        let Entry { previous, next, .. } = self.entries[at as usize];
        match self.entries.get_mut(previous as usize) {
            Some(entry) => entry.next = next,
            None => self.first = next,
        }
        match self.entries.get_mut(next as usize) {
            Some(entry) => entry.previous = previous,
            None => self.last = previous,
        }
    }
}
