//! Ledger: what a record of the journal means to our books.
//!
//! Pure.
//!
//! What a record has moved is what the core's own ledger says behind it and did not before, so that risk,
//! profit and reconciliation agree to the last unit.

use super::books::{Book, Books, Unknown};
use super::entry::{Entry, ExecId, Moved, Origin, signed};
use super::finding::{Adjustment, Way, noted_order, noted_statement};
use super::places::Places;
use crate::events::derive::Seen;
use crate::message::{Adjust, AdjustKind, Exec, Execution, Frame, Kind, Report, Side, Text};
use crate::risk::core::Core;
use crate::risk::decision::Outcome;
use crate::units::{AccountId, Nanos, OrderId, Price, Qty, SymbolId};
use std::collections::BTreeMap;

/// What the core's ledgers said when they were last looked at.
#[derive(Clone, Debug, Default)]
pub(super) struct Ledgers(BTreeMap<Book, Moved>);

impl Ledgers {
    /// What one book has moved since the last look at it, of which `qty` is known.
    fn moved(&mut self, core: &Core, book: Book, qty: i128) -> Moved {
        let before = self.0.get(&book).copied().unwrap_or_default();
        let now = Moved {
            qty: before.qty + qty,
            ..paid(core, book)
        };
        self.0.insert(book, now);
        now - before
    }

    /// How much the positions in a symbol have changed.
    fn split(&self, core: &Core, symbol: SymbolId) -> Vec<(Book, i128)> {
        let cells = core
            .account_positions()
            .filter(|cell| cell.symbol == symbol.0);
        cells
            .map(|cell| {
                let book = (AccountId(cell.owner), symbol);
                let before = self.0.get(&book).map_or(0, |moved| moved.qty);
                (book, i128::from(cell.position.raw()) - before)
            })
            .collect()
    }
}

/// All that a book has paid: what it holds has cost, less what it has realized and what came with no
/// cash; and its fees.
pub(super) fn paid(core: &Core, book: Book) -> Moved {
    let Some(ledger) = core.ledger(true, book.0.0, book.1) else {
        return Moved::ZERO;
    };
    Moved {
        qty: 0,
        value: ledger.cost.raw() - ledger.realized.raw() - ledger.transferred.raw(),
        fee: ledger.fees.raw(),
    }
}

/// Takes a record in. Of an adjustment of the gate itself: what it is, and whether it was booked.
pub(super) fn note(
    books: &mut Books,
    ledgers: &mut Ledgers,
    seen: &Seen<'_>,
    places: &Places,
) -> Option<(Adjustment, bool)> {
    let time = seen.head.header.time;
    match seen.head.kind() {
        Some(Kind::Report) => {
            let report = seen.head.body::<Report>();
            let is_trade = report.exec == Exec::Trade as u8;
            if is_trade && seen.decision.outcome == Outcome::OrderUnknown {
                books.note_unknown(unknown(report, time));
                return None;
            }
            let id = if is_trade {
                report.exec_id
            } else {
                Text::EMPTY
            };
            // A broker's clock that is ahead of ours would put it behind what came after.
            let happened = match report.broker_time {
                Nanos::ZERO => time,
                told => told.min(time),
            };
            fill(books, ledgers, seen, &id, happened);
        }
        Some(Kind::Settle) => fill(books, ledgers, seen, &Text::EMPTY, time),
        Some(Kind::Adjust) => return adjusted(books, ledgers, seen, places),
        _ => {}
    }
    None
}

fn unknown(report: &Report, heard: Nanos) -> Unknown {
    Unknown {
        id: ExecId::new(report.broker, &report.exec_id),
        order: report.order_id,
        qty: signed(report.qty, true),
        price: report.price,
        heard,
    }
}

/// What was filled by a record, as its strategy was told.
fn fill(books: &mut Books, ledgers: &mut Ledgers, seen: &Seen<'_>, id: &Text, time: Nanos) {
    let Some(told) = seen.told.iter().find_map(filled) else {
        return;
    };
    let Some(order) = seen.core.order(told.order_id) else {
        return;
    };
    let price = match told.price.raw() {
        0 => order.value_price,
        _ => told.price,
    };
    let id = ExecId::new(order.broker, id);
    let book = (order.account, order.symbol);
    books.book(Entry {
        id,
        order: order.id,
        account: order.account,
        symbol: order.symbol,
        moved: ledgers.moved(seen.core, book, signed(told.qty, order.side == Side::Buy)),
        price,
        time,
        taken: seen.head.header.time,
        sequence: seen.sequence,
        origin: match id {
            Some(_) => Origin::Session,
            None => Origin::Answer,
        },
    });
}

fn filled(frame: &Frame) -> Option<&Execution> {
    let is_execution = frame.kind() == Some(Kind::Execution);
    let told = is_execution.then(|| frame.body::<Execution>());
    told.filter(|told| told.qty != Qty::ZERO)
}

fn adjusted(
    books: &mut Books,
    ledgers: &mut Ledgers,
    seen: &Seen<'_>,
    places: &Places,
) -> Option<(Adjustment, bool)> {
    let adjust = seen.head.body::<Adjust>();
    let kind = AdjustKind::from_byte(adjust.kind)?;
    let is_gate = adjust.operator == u32::MAX;
    let is_booked = seen.decision.outcome == Outcome::Applied;
    if is_booked {
        let of = match adjust.account {
            AccountId::NONE => ledgers.split(seen.core, adjust.symbol),
            account => vec![((account, adjust.symbol), i128::from(adjust.qty.raw()))],
        };
        for (book, qty) in of {
            let moved = ledgers.moved(seen.core, book, qty);
            books.book(correction(adjust, kind, book, moved, seen, places));
        }
    }
    let way = match kind {
        AdjustKind::Trade => Way::Trade,
        AdjustKind::Transfer => Way::Transfer,
        AdjustKind::Cash => Way::Cash,
        AdjustKind::Split => return None,
    };
    let adjustment = Adjustment {
        account: adjust.account,
        symbol: adjust.symbol,
        kind: way,
        qty: adjust.qty,
        price: adjust.price,
        cash: adjust.cash,
        note: adjust.note,
    };
    is_gate.then_some((adjustment, is_booked))
}

/// What an adjustment stands for, by its note.
fn correction(
    adjust: &Adjust,
    kind: AdjustKind,
    book: Book,
    moved: Moved,
    seen: &Seen<'_>,
    places: &Places,
) -> Entry {
    let is_gate = adjust.operator == u32::MAX;
    let taken = seen.head.header.time;
    let order = noted_order(&adjust.note);
    let as_of = noted_statement(&adjust.note).filter(|_| is_gate);
    let origin = match kind {
        AdjustKind::Trade | AdjustKind::Cash if order.is_some() => Origin::Amended,
        AdjustKind::Trade | AdjustKind::Transfer | AdjustKind::Cash if as_of.is_some() => {
            Origin::Conceded
        }
        AdjustKind::Trade | AdjustKind::Cash if is_gate => Origin::Healed,
        AdjustKind::Trade => Origin::Adjusted,
        _ => Origin::Transferred,
    };
    let id = match origin {
        Origin::Healed | Origin::Adjusted => ExecId::new(places.broker(book.1), &adjust.note),
        _ => None,
    };
    Entry {
        id,
        order: order.unwrap_or(OrderId::NONE),
        account: book.0,
        symbol: book.1,
        moved,
        price: match kind {
            AdjustKind::Split => Price::default(),
            _ => adjust.price,
        },
        time: as_of.unwrap_or(taken),
        taken,
        sequence: seen.sequence,
        origin,
    }
}
