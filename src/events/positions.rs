//! Positions: what fills make of them.
//!
//! Pure.
//!
//! What every account holds is remembered from one record to the next; what a fill has made of it is the
//! difference. Corrections change what is remembered and are told as what they are.

use super::derive::{Seen, Teller};
use super::event::Facts;
use super::kind::EventKind;
use super::orders::of_order;
use crate::follower::figures::average_price;
use crate::message::{Adjust, Kind, Settle};
use crate::risk::cell::Cell;
use crate::risk::core::Core;
use crate::units::{AccountId, Amount, OrderId, Position, SymbolId};
use std::collections::HashMap;

/// What each account held and had realized, by account and symbol.
#[derive(Debug, Default)]
pub(super) struct Positions(HashMap<(u32, u32), Book>);

#[derive(Clone, Copy, Debug, Default)]
struct Book {
    position: Position,
    realized: Amount,
}

impl Positions {
    /// A run begins: what is held is no news. Room for all that can be held is taken now.
    pub(super) fn open(core: &Core) -> Self {
        let tables = core.used().into_iter();
        let room = tables.filter(|(table, ..)| *table == "positions");
        let mut books = HashMap::with_capacity(room.map(|(.., capacity)| capacity).sum());
        let cells = core.account_positions();
        books.extend(cells.map(|cell| (key(cell), book(core, cell))));
        Self(books)
    }

    /// A record was taken: tells what a fill has made of a position.
    pub(super) fn take(&mut self, seen: &Seen<'_>, out: &mut Teller<'_>) {
        match seen.head.kind() {
            Some(Kind::Report) => self.look(seen, seen.decision.order_id, out),
            Some(Kind::Settle) => self.look(seen, seen.head.body::<Settle>().order_id, out),
            Some(Kind::Adjust) => self.adjusted(seen),
            _ => {}
        }
    }

    fn look(&mut self, seen: &Seen<'_>, order_id: OrderId, out: &mut Teller<'_>) {
        let core = seen.core;
        let Some(order) = core.order(order_id) else {
            return;
        };
        let (account, symbol) = (order.account.0, order.symbol);
        let Some(cell) = core.position(true, account, symbol) else {
            return;
        };
        let now = book(core, cell);
        let before = self.0.insert(key(cell), now).unwrap_or_default();
        if before.position == now.position {
            return;
        }
        let told = seen.told.iter();
        let told = told.map(|frame| frame.header.correlation).next();
        let correlation = told.unwrap_or(seen.head.header.correlation);
        out.tell_of(correlation, EventKind::Position, || {
            let state = became(before.position, now.position);
            let realized = now.realized.less(before.realized);
            let terms = seen.setup.symbols.get(symbol.0 as usize);
            let cost = core.ledger(true, account, symbol).map(|ledger| ledger.cost);
            let price = terms
                .zip(cost)
                .and_then(|(terms, cost)| average_price(terms, now.position, cost));
            let facts = Facts {
                qty: None,
                price: None,
                side: None,
                state: Some(state),
                position: Some(now.position.to_string()),
                average_price: price.map(|price| price.to_string()),
                realized: Some(realized.to_string()),
                ..of_order(order, seen.names)
            };
            let at = match &facts.average_price {
                Some(price) => format!(" at {price} on average"),
                None => String::new(),
            };
            let text = format!(
                "position {state}: {} holds {} of {}{at}; {realized} realized",
                seen.names.accounts.name(account),
                now.position,
                seen.names.symbols.name(symbol.0),
            );
            (facts, text)
        });
    }

    fn adjusted(&mut self, seen: &Seen<'_>) {
        let adjust = seen.head.body::<Adjust>();
        let core = seen.core;
        if adjust.account != AccountId::NONE {
            if let Some(cell) = core.position(true, adjust.account.0, adjust.symbol) {
                self.0.insert(key(cell), book(core, cell));
            }
            return;
        }
        let of_symbol = core.account_positions();
        let of_symbol = of_symbol.filter(|cell| cell.symbol == adjust.symbol.0);
        self.0
            .extend(of_symbol.map(|cell| (key(cell), book(core, cell))));
    }
}

fn key(cell: &Cell) -> (u32, u32) {
    (cell.owner, cell.symbol)
}

fn book(core: &Core, cell: &Cell) -> Book {
    let ledger = core.ledger(true, cell.owner, SymbolId(cell.symbol));
    Book {
        position: cell.position,
        realized: ledger.map_or(Amount::ZERO, |ledger| ledger.realized),
    }
}

/// What became of a position that is another now.
fn became(before: Position, now: Position) -> &'static str {
    let (before, now) = (before.raw(), now.raw());
    match () {
        () if before == 0 => "opened",
        () if now == 0 => "closed",
        () if (before < 0) != (now < 0) => "reversed",
        () if before.unsigned_abs() < now.unsigned_abs() => "increased",
        () => "reduced",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_opened_increased_reduced_closed_or_reversed() {
        for (before, now, state) in [
            (0, 5, "opened"),
            (0, -5, "opened"),
            (5, 6, "increased"),
            (-5, -6, "increased"),
            (5, 4, "reduced"),
            (-5, -1, "reduced"),
            (5, 0, "closed"),
            (-5, 0, "closed"),
            (5, -1, "reversed"),
            (-5, 1, "reversed"),
        ] {
            let became = became(Position::from_raw(before), Position::from_raw(now));
            assert_eq!(became, state, "{before} to {now}");
        }
    }
}
