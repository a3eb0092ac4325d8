//! Books: our own side, as the journal tells it: every execution and every adjustment, and what each
//! execution comes to with what was adjusted for it.
//!
//! Pure. Built from the journal alone, so a restart finds what was there before.
//!
//! Invariants:
//! - The last entries are remembered, and exactly so many as it is told; no execution counts as missing
//!   that is older than one that was forgotten.
//! - What an execution comes to does not depend on whether its fill or its adjustment came first.

use super::entry::{Entry, ExecId, Moved, Origin};
use crate::units::{AccountId, Nanos, OrderId, Price, SymbolId};
use std::collections::{BTreeMap, VecDeque};

/// Whose book.
pub type Book = (AccountId, SymbolId);

/// Our own side.
#[derive(Clone, Debug)]
pub struct Books {
    entries: VecDeque<Entry>,
    history: usize,
    sums: BTreeMap<(ExecId, Book), Sums>,
    horizon: Nanos,
    /// What the gate has adjusted by itself: fills do not push it out of memory.
    heals: VecDeque<Entry>,
    /// When the last of these that is forgotten was adjusted.
    heals_forgotten: Nanos,
    unknown: VecDeque<Unknown>,
    unknown_dropped: u64,
}

/// What one execution comes to in one book.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Sums {
    /// By fills.
    pub booked: Moved,
    /// By adjustments.
    pub healed: Moved,
    /// The price of the last fill.
    pub price: Price,
    /// Entries that are remembered.
    count: u32,
}

/// An execution that the broker's session told of an order that the gate does not know.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Unknown {
    /// The broker's id of it; `None` where there is none.
    pub id: Option<ExecId>,
    /// The order's number, as the broker says.
    pub order: OrderId,
    /// How much, in 1e-8, whichever way.
    pub qty: i128,
    /// At which price.
    pub price: Price,
    /// When the gate heard of it.
    pub heard: Nanos,
}

impl Sums {
    /// All together.
    pub fn total(&self) -> Moved {
        self.booked + self.healed
    }
}

impl Books {
    /// Empty. So many entries are remembered.
    pub fn new(history: usize) -> Self {
        Self {
            entries: VecDeque::with_capacity(history),
            history: history.max(1),
            sums: BTreeMap::new(),
            horizon: Nanos::ZERO,
            heals: VecDeque::new(),
            heals_forgotten: Nanos::ZERO,
            unknown: VecDeque::new(),
            unknown_dropped: 0,
        }
    }

    /// The last entries, the oldest first.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = &Entry> + ExactSizeIterator {
        self.entries.iter()
    }

    /// Executions up to here may have been forgotten.
    pub const fn horizon(&self) -> Nanos {
        self.horizon
    }

    /// What an execution comes to in each book that has it.
    pub fn of(&self, id: ExecId) -> impl Iterator<Item = (Book, &Sums)> {
        let low = (id, (AccountId(0), SymbolId(0)));
        let high = (id, (AccountId(u32::MAX), SymbolId(u32::MAX)));
        self.sums
            .range(low..=high)
            .map(|((_, book), sums)| (*book, sums))
    }

    /// What every execution comes to.
    pub fn sums(&self) -> impl Iterator<Item = (ExecId, Book, &Sums)> {
        self.sums
            .iter()
            .map(|((id, book), sums)| (*id, *book, sums))
    }

    /// Executions of orders unknown, the oldest first, and how many were forgotten.
    pub fn unknown(&self) -> (impl Iterator<Item = &Unknown>, u64) {
        (self.unknown.iter(), self.unknown_dropped)
    }

    /// An execution of an order unknown.
    pub fn note_unknown(&mut self, unknown: Unknown) {
        let is_known = unknown.id.is_some_and(|id| {
            let mut known = self.unknown.iter();
            known.any(|of| of.id == Some(id))
        });
        if is_known {
            return;
        }
        if self.unknown.len() == UNKNOWN_MAX {
            self.unknown.pop_front();
            self.unknown_dropped += 1;
        }
        self.unknown.push_back(unknown);
    }

    /// Takes an entry in.
    pub fn book(&mut self, entry: Entry) {
        if self.entries.len() == self.history
            && let Some(oldest) = self.entries.pop_front()
        {
            self.forget(&oldest);
        }
        if matches!(entry.origin, Origin::Healed | Origin::Conceded) {
            if self.heals.len() == self.history
                && let Some(oldest) = self.heals.pop_front()
            {
                self.heals_forgotten = self.heals_forgotten.max(oldest.taken);
            }
            self.heals.push_back(entry);
        }
        if let Some(id) = entry.id {
            let sums = self
                .sums
                .entry((id, (entry.account, entry.symbol)))
                .or_default();
            sums.count += 1;
            match entry.origin {
                Origin::Session => {
                    sums.booked += entry.moved;
                    sums.price = entry.price;
                }
                _ => sums.healed += entry.moved,
            }
        }
        self.entries.push_back(entry);
    }

    fn forget(&mut self, entry: &Entry) {
        self.horizon = self.horizon.max(entry.time);
        let Some(id) = entry.id else {
            return;
        };
        let key = (id, (entry.account, entry.symbol));
        let Some(sums) = self.sums.get_mut(&key) else {
            return;
        };
        sums.count -= 1;
        // As long as one entry of it is remembered, all of it counts.
        if sums.count == 0 {
            self.sums.remove(&key);
        }
    }

    /// What the gate has adjusted by itself since then in one book: quantities, and money, whichever
    /// way. What was adjusted for one execution and back again is nothing; what was forgotten is more than
    /// any threshold.
    pub fn healed_since(&self, book: Book, since: Nanos) -> (i128, i128) {
        if self.has_forgotten_heals(since) {
            return (i128::MAX, i128::MAX);
        }
        let mut by_id: BTreeMap<ExecId, Moved> = BTreeMap::new();
        let (mut qty, mut money) = (0, 0);
        for entry in &self.heals {
            if (entry.account, entry.symbol) != book || entry.taken < since {
                continue;
            }
            match entry.id {
                Some(id) => *by_id.entry(id).or_default() += entry.moved,
                None if entry.moved.qty == 0 => {}
                None => {
                    qty += entry.moved.qty.abs();
                    money += amount(&entry.moved);
                }
            }
        }
        for moved in by_id.values() {
            qty += moved.qty.abs();
            money += amount(moved);
        }
        (qty, money)
    }

    /// The same of an account's cash that was conceded to statements.
    pub fn conceded_cash_since(&self, account: AccountId, since: Nanos) -> (i128, i128) {
        if self.has_forgotten_heals(since) {
            return (i128::MAX, i128::MAX);
        }
        let cash = self.heals.iter().filter(|entry| {
            entry.origin == Origin::Conceded
                && entry.moved.qty == 0
                && entry.account == account
                && since <= entry.taken
        });
        (0, cash.map(|entry| entry.moved.cash().abs()).sum())
    }

    fn has_forgotten_heals(&self, since: Nanos) -> bool {
        self.heals_forgotten != Nanos::ZERO && since <= self.heals_forgotten
    }
}

/// Money that is at stake, in 1e-17: what the quantity is worth, or the cash that differs.
pub fn amount(moved: &Moved) -> i128 {
    moved.value.abs().max(moved.cash().abs())
}

/// Executions of orders unknown that are remembered.
const UNKNOWN_MAX: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Text;
    use crate::units::BrokerId;

    fn entry(id: &str, qty: i128, time: u64, origin: Origin) -> Entry {
        Entry {
            id: ExecId::new(BrokerId(0), &Text::new(id).unwrap()),
            order: OrderId::NONE,
            account: AccountId(0),
            symbol: SymbolId(0),
            moved: Moved {
                qty,
                value: qty * 10,
                fee: 0,
            },
            price: Price::from_raw(10),
            time: Nanos::from_raw(time),
            taken: Nanos::from_raw(time),
            sequence: time,
            origin,
        }
    }

    fn total(books: &Books, id: &str) -> Option<i128> {
        let id = ExecId::new(BrokerId(0), &Text::new(id).unwrap()).unwrap();
        books.of(id).next().map(|(_, sums)| sums.total().qty)
    }

    #[test]
    fn an_execution_is_its_fill_and_its_adjustments_in_any_order() {
        let orders: [[usize; 3]; 3] = [[0, 1, 2], [2, 1, 0], [1, 2, 0]];
        let entries = [
            entry("e", 5, 1, Origin::Session),
            entry("e", 5, 2, Origin::Healed),
            entry("e", -5, 3, Origin::Healed),
        ];
        for order in orders {
            let mut books = Books::new(9);
            order.iter().for_each(|at| books.book(entries[*at]));
            assert_eq!(total(&books, "e"), Some(5));
            let (qty, money) = books.healed_since((AccountId(0), SymbolId(0)), Nanos::ZERO);
            assert_eq!((qty, money), (0, 0));
        }
    }

    #[test]
    fn it_remembers_exactly_as_many_as_it_is_told_and_says_how_far_back() {
        let mut books = Books::new(3);
        for time in 1..=5 {
            books.book(entry(&format!("e{}", time / 2), 1, time, Origin::Session));
        }
        assert_eq!(books.entries().len(), 3);
        assert_eq!(books.horizon(), Nanos::from_raw(2));
        // Half of e1 is forgotten; as long as the other half is there it is whole.
        assert_eq!(total(&books, "e1"), Some(2));
        assert_eq!(total(&books, "e0"), None);
        books.book(entry("e9", 1, 6, Origin::Session));
        assert_eq!(total(&books, "e1"), None);
    }

    #[test]
    fn what_was_healed_adds_up_whichever_way() {
        let mut books = Books::new(9);
        books.book(entry("a", 5, 1, Origin::Healed));
        books.book(entry("b", -4, 2, Origin::Healed));
        books.book(entry("", 3, 3, Origin::Conceded));
        books.book(entry("c", 7, 4, Origin::Session));
        let book = (AccountId(0), SymbolId(0));
        assert_eq!(books.healed_since(book, Nanos::ZERO), (12, 120));
        assert_eq!(books.healed_since(book, Nanos::from_raw(2)), (7, 70));
        assert_eq!(
            books.healed_since((AccountId(1), SymbolId(0)), Nanos::ZERO),
            (0, 0)
        );
    }

    #[test]
    fn an_unknown_execution_is_noted_once_and_so_many_are_remembered() {
        let mut books = Books::new(1);
        for count in 0..UNKNOWN_MAX as u64 + 2 {
            let id = entry(&count.to_string(), 1, 1, Origin::Session).id;
            let unknown = Unknown {
                id,
                order: OrderId(count),
                qty: 1,
                price: Price::from_raw(1),
                heard: Nanos::ZERO,
            };
            books.note_unknown(unknown);
            books.note_unknown(unknown);
        }
        let (known, dropped) = books.unknown();
        assert_eq!((known.count(), dropped), (UNKNOWN_MAX, 2));
    }
}
