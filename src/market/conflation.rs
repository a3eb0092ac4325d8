//! Conflation: of each symbol the latest quote, handed on no more often than is configured.
//!
//! Pure. Hot path.
//!
//! A symbol whose quote changed waits in a queue, once, with the time from which it may be handed on:
//! an interval after its last. A quote that comes meanwhile takes the place of the one that waits,
//! not a place of its own.
//!
//! Invariants:
//! - What is handed on of a symbol is the last that came of it: of bid and ask together, of a trade, of
//!   a close.
//! - Two quotes of a symbol are an interval apart at least.
//! - Nothing is handed on as new that has waited too long for room: the reference ages instead.
//! - A symbol waits at most once, so the queue never grows beyond the number of symbols.

use crate::message::Quote;
use crate::units::{Nanos, SymbolId};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// The latest quotes and who of them waits.
pub(super) struct Conflation {
    /// By [`SymbolId`].
    latest: Box<[Latest]>,
    /// The soonest first; of the same time, who waits longest.
    queue: BinaryHeap<Reverse<Due>>,
    /// Quotes that began to wait, so far.
    due_count: u64,
    late_max: Nanos,
}

/// What became of a quote that came.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Put {
    /// It waits.
    Pending,
    /// It waits in the place of an older one, which nobody will see.
    Conflated,
    /// There is no such symbol.
    SymbolUnknown,
}

/// A quote whose turn has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Next {
    /// To be handed on.
    Quote(Quote),
    /// Dropped: it has waited for room for too long.
    Late,
}

#[derive(Clone, Copy)]
struct Latest {
    quote: Quote,
    received: Nanos,
    /// When a quote of this symbol was handed on last, if ever.
    handed_on: Option<Nanos>,
    is_pending: bool,
}

/// In the order of its fields.
#[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
struct Due {
    time: Nanos,
    count: u64,
    symbol: SymbolId,
}

impl Conflation {
    /// Takes the memory for so many symbols. A quote whose turn came `late_max` ago is dropped.
    pub(super) fn new(symbol_count: usize, late_max: Nanos) -> Self {
        let latest = Latest {
            quote: Quote::default(),
            received: Nanos::ZERO,
            handed_on: None,
            is_pending: false,
        };
        Self {
            latest: vec![latest; symbol_count].into_boxed_slice(),
            queue: BinaryHeap::with_capacity(symbol_count),
            due_count: 0,
            late_max,
        }
    }

    /// Takes a quote in. It waits until `interval` after the last of its symbol, unless an older one
    /// waits already: then until that one's turn.
    #[inline]
    pub(super) fn put(&mut self, quote: &Quote, interval: Nanos, now: Nanos) -> Put {
        let Some(latest) = self.latest.get_mut(quote.symbol.0 as usize) else {
            return Put::SymbolUnknown;
        };
        latest.received = now;
        if latest.is_pending {
            latest.quote = quote.behind(&latest.quote);
            return Put::Conflated;
        }
        latest.quote = *quote;
        latest.is_pending = true;
        let rested = latest.handed_on.map_or(now, |last| last.after(interval));
        self.due_count += 1;
        self.queue.push(Reverse(Due {
            time: now.max(rested),
            count: self.due_count,
            symbol: quote.symbol,
        }));
        Put::Pending
    }

    /// When the next quote may be handed on.
    #[inline]
    pub(super) fn deadline(&self) -> Nanos {
        self.queue
            .peek()
            .map_or(Nanos::MAX, |Reverse(due)| due.time)
    }

    /// The next quote that may be handed on now. The caller has room for it.
    #[inline]
    pub(super) fn next(&mut self, now: Nanos) -> Option<Next> {
        if now < self.deadline() {
            return None;
        }
        let Reverse(due) = self.queue.pop()?;
        let latest = self.latest.get_mut(due.symbol.0 as usize)?;
        latest.is_pending = false;
        if self.late_max < now.since(due.time.max(latest.received)) {
            return Some(Next::Late);
        }
        latest.handed_on = Some(now);
        Some(Next::Quote(latest.quote))
    }

    /// Forgets what waits. When a symbol's last was handed on is remembered.
    pub(super) fn clear(&mut self) {
        self.queue.clear();
        for latest in &mut self.latest {
            latest.is_pending = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Price;
    use proptest::prelude::*;

    const SYMBOLS: u32 = 4;
    const LATE_MAX: Nanos = Nanos::from_raw(30);

    #[derive(Clone, Debug)]
    enum Op {
        /// A quote of a symbol, by a feed with this interval.
        Put {
            symbol: u32,
            interval: u64,
        },
        /// The ring has room for so many.
        Take {
            room: usize,
        },
        Pass {
            nanos: u64,
        },
        Clear,
    }

    fn op() -> impl Strategy<Value = Op> {
        prop_oneof![
            8 => (0..=SYMBOLS, prop_oneof![Just(0), Just(7), Just(20)])
                .prop_map(|(symbol, interval)| Op::Put { symbol, interval }),
            5 => (0..6usize).prop_map(|room| Op::Take { room }),
            5 => (0..12u64).prop_map(|nanos| Op::Pass { nanos }),
            1 => (30..60u64).prop_map(|nanos| Op::Pass { nanos }),
            1 => Just(Op::Clear),
        ]
    }

    /// Everything that ever happened, looked through from the beginning each time.
    #[derive(Default)]
    struct Model {
        /// Symbol, time and price of each quote that came.
        came: Vec<(u32, u64, i64)>,
        /// Symbol and time of each that was handed on.
        went: Vec<(u32, u64)>,
        /// Symbol and due time of who waits, in the order in which they began to.
        waiting: Vec<(u32, u64)>,
    }

    impl Model {
        fn put(&mut self, symbol: u32, interval: u64, price: i64, now: u64) -> Put {
            if SYMBOLS <= symbol {
                return Put::SymbolUnknown;
            }
            self.came.push((symbol, now, price));
            if self.waiting.iter().any(|(other, _)| *other == symbol) {
                return Put::Conflated;
            }
            let last = self.went.iter().rev().find(|(other, _)| *other == symbol);
            let due = last.map_or(now, |(_, time)| now.max(time + interval));
            self.waiting.push((symbol, due));
            Put::Pending
        }

        fn deadline(&self) -> Nanos {
            let dues = self.waiting.iter().map(|(_, due)| Nanos::from_raw(*due));
            dues.min().unwrap_or(Nanos::MAX)
        }

        fn next(&mut self, now: u64) -> Option<Option<(u32, i64)>> {
            let mut due: Vec<_> = self.waiting.iter().filter(|(_, due)| *due <= now).collect();
            // A stable sort: who waits longest stays in front.
            due.sort_by_key(|(_, due)| *due);
            let &&(symbol, due) = due.first()?;
            self.waiting.retain(|(other, _)| *other != symbol);
            let of_symbol = |(other, ..): &&(u32, u64, i64)| *other == symbol;
            let &(_, received, price) = self.came.iter().rev().find(of_symbol)?;
            if LATE_MAX.raw() < now - due.max(received) {
                return Some(None);
            }
            self.went.push((symbol, now));
            Some(Some((symbol, price)))
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2_000, ..ProptestConfig::default() })]

        #[test]
        fn conflation_is_what_the_model_says(ops in prop::collection::vec(op(), 1..120)) {
            let mut conflation = Conflation::new(SYMBOLS as usize, LATE_MAX);
            let capacity = conflation.queue.capacity();
            let mut model = Model::default();
            let mut now = 1_000;
            let mut price = 0;
            for op in ops {
                let time = Nanos::from_raw(now);
                match op {
                    Op::Put { symbol, interval } => {
                        price += 1;
                        let quote = Quote {
                            bid: Price::from_raw(price),
                            symbol: SymbolId(symbol),
                            ..Quote::default()
                        };
                        let put = conflation.put(&quote, Nanos::from_raw(interval), time);
                        prop_assert_eq!(put, model.put(symbol, interval, price, now));
                    }
                    Op::Take { room } => {
                        for _ in 0..room {
                            let found = conflation.next(time).map(|next| match next {
                                Next::Quote(quote) => Some((quote.symbol.0, quote.bid.raw())),
                                Next::Late => None,
                            });
                            let expected = model.next(now);
                            prop_assert_eq!(found, expected);
                            if expected.is_none() {
                                break;
                            }
                        }
                    }
                    Op::Pass { nanos } => now += nanos,
                    Op::Clear => {
                        conflation.clear();
                        model.waiting.clear();
                    }
                }
                prop_assert_eq!(conflation.deadline(), model.deadline());
                prop_assert_eq!(conflation.queue.len(), model.waiting.len());
                prop_assert_eq!(conflation.queue.capacity(), capacity);
            }
        }
    }
}
