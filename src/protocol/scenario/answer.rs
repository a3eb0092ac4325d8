//! Answer: what the core made of a line, as a line of JSON.

use crate::message::{Basket, Cancel, Frame, Kind, NewOrder, Replace, Scope};
use crate::protocol::scenario::LineError;
use crate::protocol::scenario::names::Names;
use crate::protocol::scenario::object::Object;
use crate::reject::Unit;
use crate::risk::decision::{Decision, Outcome};
use crate::units::{Notional, OrderId, Price, Qty};

/// What is answered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Answers {
    /// Orders, cancels and replaces; anything else only where it was refused or not permitted.
    Decisions,
    /// Every line.
    All,
}

/// Writes the answer to the event of line `number`, with its end, behind what stands in `out`; or
/// nothing, where `answers` leaves it out. `whose` is whose limit a refusal tells, if it is known.
pub fn write_decision(
    out: &mut String,
    answers: Answers,
    number: u64,
    event: &Frame,
    decision: &Decision,
    (whose, names): (Option<(Scope, u32)>, &Names),
) {
    let id = match event.kind() {
        Some(Kind::NewOrder) => Some(event.body::<NewOrder>().client_order_id),
        Some(Kind::Cancel) => Some(event.body::<Cancel>().client_order_id),
        Some(Kind::Replace) => Some(event.body::<Replace>().client_order_id),
        Some(Kind::Basket) => Some(event.body::<Basket>().client_order_id),
        _ => None,
    };
    let is_bad = matches!(decision.outcome, Outcome::Refused | Outcome::NotPermitted);
    if answers == Answers::Decisions && id.is_none() && !is_bad {
        return;
    }
    let mut object = Object::open(out);
    object.integer("line", number);
    object.integer("t", event.header.time.raw());
    match id {
        Some(id) => object.text("id", &id),
        None => {
            object.string("event", event_text(event.kind()));
            if decision.order_id != OrderId::NONE {
                object.integer("order_id", decision.order_id.0);
            }
        }
    }
    object.string("decision", outcome_text(decision.outcome));
    if let Some(reason) = decision.reason {
        object.string("reason", reason.name());
        let digits = match reason.unit() {
            Unit::None => None,
            Unit::Count | Unit::Nanos => Some(0),
            Unit::Price => Some(Price::DIGITS),
            Unit::Qty => Some(Qty::DIGITS),
            Unit::Notional => Some(Notional::DIGITS),
        };
        if let Some(digits) = digits {
            object.decimal("limit", decision.limit, digits);
            object.decimal("value", decision.value, digits);
        }
        object.words("failed", decision.failed.iter().map(|reason| reason.name()));
        if let Some((scope, target)) = whose {
            object.string("scope", scope.text());
            if let Some(name) = names.of(scope).and_then(|table| table.name(target)) {
                object.string("name", name);
            }
        }
    }
    object.close();
    out.push('\n');
}

/// Writes why a line is not an event, with the line's end, behind what stands in `out`.
pub fn write_error(out: &mut String, error: &LineError) {
    let mut object = Object::open(out);
    object.integer("line", error.line);
    object.string("error", &error.problem);
    if !error.field.is_empty() {
        object.string("field", &error.field);
    }
    if !error.value.is_empty() {
        object.string("value", &error.value);
    }
    object.close();
    out.push('\n');
}

/// An outcome, as users read it.
pub const fn outcome_text(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Accepted => "accepted",
        Outcome::Refused => "rejected",
        Outcome::Applied => "applied",
        Outcome::OrderUnknown => "order_unknown",
        Outcome::Duplicate => "duplicate",
        Outcome::LateFill => "late_fill",
        Outcome::OverFill => "over_fill",
        Outcome::Implausible => "implausible",
        Outcome::NotPermitted => "not_permitted",
    }
}

/// The command of a scenario that says such an event.
const fn event_text(kind: Option<Kind>) -> &'static str {
    match kind {
        Some(Kind::Quote) => "quote",
        Some(Kind::NewOrder) => "order",
        Some(Kind::Basket) => "basket",
        Some(Kind::Cancel) => "cancel",
        Some(Kind::Replace) => "replace",
        Some(Kind::Report) => "report",
        Some(Kind::Link) => "link",
        Some(Kind::SessionChange) => "session",
        Some(Kind::Kill) => "kill",
        Some(Kind::Raise) => "raise",
        Some(Kind::Settle) => "settle",
        Some(Kind::Locate) => "locate",
        Some(Kind::Override) => "override",
        Some(Kind::Limit) => "limit",
        Some(Kind::Tick) => "tick",
        _ => "frame",
    }
}
