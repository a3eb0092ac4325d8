//! Ledger: what a record of the journal means to our books.
//!
//! Pure.

use super::books::{Books, Unknown};
use super::entry::{Entry, ExecId, Moved, Origin, signed, wide};
use super::finding::Adjustment;
use super::places::Places;
use crate::events::derive::Seen;
use crate::message::{Exec, Execution, Frame, Kind, Report, Side, Text};
use crate::risk::decision::Outcome;
use crate::units::{Nanos, Qty};

/// Takes a record in. Of an adjustment of the gate itself: what it is, and whether it was booked.
pub(crate) fn note(
    books: &mut Books,
    seen: &Seen<'_>,
    places: &Places,
) -> Option<(Adjustment, bool)> {
    let time = seen.head.header.time;
    match seen.head.kind() {
        Some(Kind::Report) => {
            let report = seen.head.body::<Report>();
            let is_unknown = seen.decision.outcome == Outcome::OrderUnknown;
            if is_unknown && report.exec == Exec::Trade as u8 && report.qty != Qty::ZERO {
                books.note_unknown(unknown(report, time));
                return None;
            }
            let is_trade = report.exec == Exec::Trade as u8;
            let id = if is_trade { report.exec_id } else { Text::EMPTY };
            // A broker's clock that is ahead of ours would put it behind what came after.
            let happened = match report.broker_time {
                Nanos::ZERO => time,
                told => told.min(time),
            };
            fill(books, seen, places, &id, happened);
        }
        Some(Kind::Settle) => fill(books, seen, places, &Text::EMPTY, time),
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
fn fill(books: &mut Books, seen: &Seen<'_>, places: &Places, id: &Text, time: Nanos) {
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
    let qty = signed(told.qty, order.side == Side::Buy);
    let id = ExecId::new(order.broker, id);
    books.book(Entry {
        id,
        order: order.id,
        account: order.account,
        symbol: order.symbol,
        moved: Moved {
            qty,
            value: places.value(order.symbol, price, qty),
            fee: wide(told.fee),
        },
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
