//! Duplicate: has the same order come within the window, so many times?
//!
//! Pure. Hot path.
//!
//! Each level with a window remembers the distinct orders of that time, latest last, and of each the
//! last times it came: as many as may pass. A repeat moves to the end. An entry leaves when its time is
//! over and its place is needed; one whose time is not over is never pushed out, so the answer is exact
//! or the table says that it is full.

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
    /// How often the same may come within the span.
    count: usize,
    index: Index,
    entries: Vec<Entry>,
    /// The times of each entry, `count` of them: the oldest at the entry's `oldest`. Zero: none yet.
    times: Vec<Nanos>,
    capacity: usize,
    /// Oldest and latest; entries are linked in the order of their times.
    first: u32,
    last: u32,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    content: Content,
    hash: u64,
    /// The last time it came.
    time: Nanos,
    previous: u32,
    next: u32,
    /// Where the oldest of its times stands among them, and how many there are.
    oldest: u32,
    filled: u32,
}

/// What the window says of an order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Seen {
    /// Not as often within the window as it may.
    New,
    /// As often as it may; the first of these so long ago.
    Before(Nanos),
    /// There is no room to remember it.
    Full,
}

const NONE: u32 = u32::MAX;

impl Recent {
    pub(super) fn new(span: Nanos, count: u32, capacity: usize) -> Self {
        let count = count.max(1) as usize;
        Self {
            span,
            count,
            index: Index::new(capacity),
            entries: Vec::with_capacity(capacity),
            times: vec![Nanos::ZERO; count * capacity],
            capacity,
            first: NONE,
            last: NONE,
        }
    }

    /// Takes in what another window has seen.
    pub(super) fn carry(&mut self, old: &Self, seed: u64) {
        let mut at = old.first;
        while let Some(entry) = old.entries.get(at as usize) {
            let hash = entry.content.hash(seed);
            for back in 0..entry.filled as usize {
                let place = (entry.oldest as usize + back) % old.count;
                let time = old.times[at as usize * old.count + place];
                self.note(entry.content, hash, time);
            }
            at = entry.next;
        }
    }

    pub(super) fn tables(&self, take: &impl Fn(*const u8, usize)) {
        self.index.tables(take);
        room_of(&self.entries, take);
        room_of(&self.times, take);
    }

    /// Bytes that one window takes.
    pub(super) const fn size_bytes(count: u32, capacity: usize) -> usize {
        let entry = size_of::<Entry>() + count as usize * size_of::<Nanos>();
        Index::size_bytes(capacity) + capacity * entry
    }

    pub(super) const fn span(&self) -> Nanos {
        self.span
    }

    /// Looks, and remembers that it came now.
    #[inline]
    pub(super) fn note(&mut self, content: Content, hash: u64, now: Nanos) -> Seen {
        let is_same = |at: u32| self.entries[at as usize].content == content;
        let (at, is_known) = match self.index.find_or_spot(hash, is_same) {
            Ok(at) => {
                self.unlink(at);
                (at, true)
            }
            Err(spot) => match self.place(now) {
                Some(at) => {
                    self.index.insert_at(spot, hash, at);
                    (at, false)
                }
                None => return Seen::Full,
            },
        };
        let last = self.last;
        let entry = &mut self.entries[at as usize];
        if !is_known {
            (entry.content, entry.hash) = (content, hash);
            (entry.oldest, entry.filled) = (0, 0);
        }
        let times = &mut self.times[at as usize * self.count..][..self.count];
        let mut seen = Seen::New;
        let mut place = entry.filled as usize;
        if place == times.len() {
            place = entry.oldest as usize;
            let age = now.since(times[place]);
            if age < self.span {
                seen = Seen::Before(age);
            }
            entry.oldest = if place + 1 == times.len() {
                0
            } else {
                place as u32 + 1
            };
        } else {
            entry.filled += 1;
        }
        times[place] = now;
        entry.time = now;
        (entry.previous, entry.next) = (last, NONE);
        match self.entries.get_mut(last as usize) {
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
                oldest: 0,
                filled: 0,
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
