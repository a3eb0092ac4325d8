//! Exchange: a simulated venue. Requests and quotes in, reports out, in virtual time.
//!
//! Pure. What is left to chance follows from a seed.
//!
//! Invariants:
//! - A request is applied once: the same order and request number again is answered with the
//!   order's status. An order that the exchange has said it never received is never entered after.
//! - What is bought is sold: by another order, or by the market's quotes.
//! - A report that was numbered is never lost: a link that was cut reads on where it stopped.
//! - The book never crosses.

mod book;
pub(crate) mod chance;
mod history;
mod ledger;
mod options;
mod order;
#[cfg(test)]
mod tests;
mod trade;

pub use chance::Chance;
pub use ledger::{Entry, Way};
pub use options::{ExchangeOptions, Faults, Liquidity};
pub use order::Party;
pub use trade::Refused;

use crate::message::{Frame, OrderState, Quote};
use crate::units::{Nanos, OrderId, Qty, SymbolId};
use arrayvec::ArrayString;
use book::{Book, Fill};
use history::History;
use order::Orders;
use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write;

/// A simulated venue.
#[derive(Debug)]
pub struct Exchange {
    options: ExchangeOptions,
    chance: Chance,
    orders: Orders,
    books: Vec<Book>,
    parties: Vec<PartyState>,
    /// Requests on their way to the matching engine. They never overtake one another.
    pending: VecDeque<Pending>,
    pending_due_last: Nanos,
    /// Fills that come after the end of their orders.
    late_fills: BTreeMap<(Nanos, u64), LateFill>,
    late_fill_count: u64,
    request_count: u64,
    /// Nothing is heard of the exchange before then.
    silent_until: Nanos,
    exec_count: u64,
    /// In front of every execution id, so that no two runs use the same.
    exec_prefix: ArrayString<20>,
    totals: Totals,
    ledger: Vec<Entry>,
    /// Used again and again by the matching.
    fills: Vec<Fill>,
}

/// What was traded in all, in integers of 1e-8: what conservation is checked by.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Totals {
    /// Bought by orders.
    pub bought: u128,
    /// Sold by orders.
    pub sold: u128,
    /// Bought by the market's quotes.
    pub quotes_bought: u128,
    /// Sold by the market's quotes.
    pub quotes_sold: u128,
}

/// How an order stands at the exchange.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Standing {
    /// Where it is in its life.
    pub state: OrderState,
    /// What still stands.
    pub leaves: Qty,
    /// What has been filled in all.
    pub filled: Qty,
}

#[derive(Debug)]
struct PartyState {
    history: History,
    is_cut: bool,
}

#[derive(Debug)]
struct Pending {
    due: Nanos,
    party: Party,
    frame: Frame,
}

#[derive(Debug)]
struct LateFill {
    party: Party,
    order_id: OrderId,
    qty: Qty,
}

impl Exchange {
    /// An exchange that opens at `now`. Two runs must not open at the same instant: their execution
    /// ids are told apart by it.
    pub fn new(options: ExchangeOptions, now: Nanos) -> Self {
        let mut exec_prefix = ArrayString::new();
        write!(exec_prefix, "{:x}-", now.raw()).expect("17 characters fit");
        Self {
            chance: Chance::new(options.seed),
            orders: Orders::new(options.closed_orders_max),
            books: Vec::new(),
            parties: Vec::new(),
            pending: VecDeque::new(),
            pending_due_last: Nanos::ZERO,
            late_fills: BTreeMap::new(),
            late_fill_count: 0,
            request_count: 0,
            silent_until: Nanos::ZERO,
            exec_count: 0,
            exec_prefix,
            totals: Totals::default(),
            ledger: Vec::new(),
            fills: Vec::new(),
            options,
        }
    }

    /// One more gate, whose first report has the sequence `sequence_next`.
    pub fn join(&mut self, sequence_next: u64) -> Party {
        let party = Party(u32::try_from(self.parties.len()).expect("fewer than 2^32 gates"));
        self.parties.push(PartyState {
            history: History::new(sequence_next, self.options.history_max),
            is_cut: false,
        });
        party
    }

    /// Takes a request in: an order, a cancel, a replace, a question.
    pub fn request(&mut self, now: Nanos, party: Party, frame: &Frame) {
        self.note(now, party, Way::Received, frame);
        self.request_count += 1;
        let faults = &self.options.faults;
        if self.request_count == faults.silence_request {
            self.silent_until = now.after(faults.silence_span);
        }
        let every = faults.disconnect_requests;
        if every != 0
            && self.request_count.is_multiple_of(every)
            && self.request_count / every <= faults.disconnects_max
        {
            self.parties[party.0 as usize].is_cut = true;
        }
        let jitter = match self.options.latency_jitter {
            Nanos::ZERO => 0,
            jitter => self.chance.up_to(jitter.raw()),
        };
        let due = now
            .after(self.options.latency)
            .after(Nanos::from_raw(jitter))
            .max(self.pending_due_last)
            .max(self.silent_until);
        self.pending_due_last = due;
        if due <= now && self.pending.is_empty() {
            self.apply(now, party, frame);
        } else {
            let frame = *frame;
            self.pending.push_back(Pending { due, party, frame });
        }
    }

    /// A new quote of the market stands in place of the last.
    pub fn quote(&mut self, now: Nanos, quote: &Quote) {
        self.advance(now);
        if self.options.liquidity == Liquidity::None || self.options.symbols_max <= quote.symbol.0 {
            return;
        }
        let liquidity = self.options.liquidity;
        let mut fills = std::mem::take(&mut self.fills);
        let index = self.book_index(quote.symbol);
        self.books[index].quote(&mut self.orders, quote, liquidity, &mut fills);
        for fill in fills.drain(..) {
            self.settle_quote(now, &fill);
        }
        self.fills = fills;
    }

    /// Does what has come due by `now`, in the order it came due.
    pub fn advance(&mut self, now: Nanos) {
        loop {
            let request = self.pending.front().map(|pending| pending.due);
            let late = self.late_fills.first_key_value().map(|(key, _)| key.0);
            let is_late_first = late.is_some_and(|late| request.is_none_or(|due| late < due));
            let due = if is_late_first { late } else { request };
            match due {
                Some(due) if due <= now => {}
                _ => return,
            }
            if is_late_first {
                if let Some(((due, _), fill)) = self.late_fills.pop_first() {
                    self.settle_late(due, &fill);
                }
            } else if let Some(pending) = self.pending.pop_front() {
                self.apply(pending.due, pending.party, &pending.frame);
            }
        }
    }

    /// When [`Exchange::advance`] has something to do, or reports held back come out.
    pub fn deadline(&self, now: Nanos) -> Nanos {
        let request = self.pending.front().map(|pending| pending.due);
        let late = self.late_fills.first_key_value().map(|(key, _)| key.0);
        let silence = (now < self.silent_until).then_some(self.silent_until);
        [request, late, silence]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(Nanos::MAX)
    }

    /// The end of the day: what stood for the day expires.
    pub fn end_day(&mut self, now: Nanos) {
        self.advance(now);
        self.expire(now);
    }

    /// Cuts an order unasked, to `leaves` or what still stands. False where it does not live.
    pub fn restate(&mut self, now: Nanos, party: Party, order_id: OrderId, leaves: Qty) -> bool {
        let slot = self.orders.find(party, order_id);
        let Some(slot) = slot.filter(|&slot| self.orders[slot].is_live()) else {
            return false;
        };
        self.cut(now, slot, leaves);
        true
    }

    /// The gate's report of this sequence, once it can be heard.
    pub fn report(&self, now: Nanos, party: Party, sequence: u64) -> Option<&Frame> {
        if now < self.silent_until {
            return None;
        }
        self.parties[party.0 as usize].history.get(sequence)
    }

    /// The link has taken the gate's reports up to here: they may be forgotten when there are many.
    pub fn reports_taken(&mut self, party: Party, sequence: u64) {
        self.parties[party.0 as usize].history.take(sequence);
    }

    /// The sequence of the oldest report that can be replayed to the gate.
    pub fn report_first(&self, party: Party) -> u64 {
        self.parties[party.0 as usize].history.first()
    }

    /// The sequence that the gate's next report will have.
    pub fn report_next(&self, party: Party) -> u64 {
        self.parties[party.0 as usize].history.next()
    }

    /// True, once, where the gate's link is to be cut now.
    pub fn take_cut(&mut self, party: Party) -> bool {
        std::mem::take(&mut self.parties[party.0 as usize].is_cut)
    }

    /// How an order stands, if it is known.
    pub fn standing(&self, party: Party, order_id: OrderId) -> Option<Standing> {
        let order = &self.orders[self.orders.find(party, order_id)?];
        (!order.is_disowned).then_some(Standing {
            state: order.state,
            leaves: order.leaves,
            filled: order.filled,
        })
    }

    /// What was traded in all.
    pub const fn totals(&self) -> Totals {
        self.totals
    }

    /// What was written down since the last call.
    pub fn take_ledger(&mut self) -> Vec<Entry> {
        std::mem::take(&mut self.ledger)
    }

    fn note(&mut self, time: Nanos, party: Party, way: Way, frame: &Frame) {
        if self.options.has_ledger {
            let frame = *frame;
            self.ledger.push(Entry {
                time,
                party,
                way,
                frame,
            });
        }
    }

    fn book_index(&mut self, symbol: SymbolId) -> usize {
        let index = symbol.0 as usize;
        if self.books.len() <= index {
            self.books.resize_with(index + 1, Book::default);
        }
        index
    }

    /// Checks every book; slow, for tests.
    #[cfg(test)]
    fn verify(&self) {
        for book in &self.books {
            book.verify(&self.orders);
        }
        let totals = self.totals;
        assert_eq!(
            totals.bought + totals.quotes_bought,
            totals.sold + totals.quotes_sold
        );
    }
}
