//! Freshness: which symbols have a price young enough to value positions by.
//!
//! Pure. Hot path of prices.
//!
//! Every symbol that has had a good price stands in a list by when that came. All age alike, so the first
//! is the first to be too old; noting a price moves its symbol to the end.

use crate::units::Nanos;

/// All symbols, or none where nothing hangs on it.
#[derive(Debug)]
pub(crate) struct Freshness {
    rows: Vec<Row>,
    first: u32,
    last: u32,
    age_max: Nanos,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    time: Nanos,
    previous: u32,
    next: u32,
    is_fresh: bool,
}

const NONE: u32 = u32::MAX;
const OLD: Row = Row {
    time: Nanos::ZERO,
    previous: NONE,
    next: NONE,
    is_fresh: false,
};

impl Freshness {
    /// With `is_watched` false, every price is young for ever.
    pub(crate) fn new(symbols: usize, age_max: Nanos, is_watched: bool) -> Self {
        Self {
            rows: vec![OLD; if is_watched { symbols } else { 0 }],
            first: NONE,
            last: NONE,
            age_max,
        }
    }

    /// Bytes for each symbol.
    pub(crate) const SYMBOL_SIZE: usize = size_of::<Row>();

    /// The same for more symbols, or another age: what was known stays.
    pub(crate) fn carry(&mut self, old: &Self) {
        let mut at = old.first;
        while let Some(row) = old.rows.get(at as usize) {
            if (at as usize) < self.rows.len() {
                self.note(at, row.time);
            }
            at = row.next;
        }
    }

    pub(crate) fn is_fresh(&self, symbol: u32) -> bool {
        self.rows.is_empty() || self.rows[symbol as usize].is_fresh
    }

    /// A good price has come: no earlier than any before.
    pub(crate) fn note(&mut self, symbol: u32, now: Nanos) {
        if self.rows.is_empty() {
            return;
        }
        self.leave(symbol);
        let last = self.last;
        self.rows[symbol as usize] = Row {
            time: now,
            previous: last,
            next: NONE,
            is_fresh: true,
        };
        match self.rows.get_mut(last as usize) {
            Some(row) => row.next = symbol,
            None => self.first = symbol,
        }
        self.last = symbol;
    }

    fn leave(&mut self, symbol: u32) {
        let row = self.rows[symbol as usize];
        if !row.is_fresh {
            return;
        }
        match self.rows.get_mut(row.previous as usize) {
            Some(previous) => previous.next = row.next,
            None => self.first = row.next,
        }
        match self.rows.get_mut(row.next as usize) {
            Some(next) => next.previous = row.previous,
            None => self.last = row.previous,
        }
        self.rows[symbol as usize].is_fresh = false;
    }

    /// When the next price is too old.
    #[inline]
    pub(crate) fn deadline(&self) -> Nanos {
        match self.rows.get(self.first as usize) {
            // At its full age it is still believed.
            Some(row) => row.time.after(self.age_max).after(Nanos::from_raw(1)),
            None => Nanos::MAX,
        }
    }

    /// A symbol whose price is too old now; it is told once.
    pub(crate) fn expire(&mut self, now: Nanos) -> Option<u32> {
        let deadline = self.deadline();
        if now < deadline || deadline == Nanos::MAX {
            return None;
        }
        let symbol = self.first;
        self.leave(symbol);
        Some(symbol)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_told_first_and_once() {
        let mut fresh = Freshness::new(3, Nanos::from_raw(10), true);
        let at = Nanos::from_raw;
        for (symbol, time) in [(0, 1), (1, 2), (2, 3), (0, 4), (2, 4)] {
            fresh.note(symbol, at(time));
        }
        assert_eq!((fresh.deadline(), fresh.expire(at(12))), (at(13), None));
        assert_eq!(fresh.expire(at(15)), Some(1));
        assert!(!fresh.is_fresh(1) && fresh.is_fresh(0));
        assert_eq!(fresh.expire(at(15)), Some(0));
        assert_eq!(fresh.expire(at(15)), Some(2));
        assert_eq!(
            (fresh.expire(Nanos::MAX), fresh.deadline()),
            (None, Nanos::MAX)
        );
        fresh.note(1, at(20));
        assert!(fresh.is_fresh(1));
        assert_eq!(fresh.deadline(), at(31));
    }

    #[test]
    fn where_nobody_watches_all_is_young() {
        let mut fresh = Freshness::new(3, Nanos::from_raw(10), false);
        fresh.note(1, Nanos::ZERO);
        assert!(fresh.is_fresh(2));
        assert_eq!(fresh.deadline(), Nanos::MAX);
    }
}
