//! Orders: what a command came to, what a broker said, and what a strategy was told of its order.
//!
//! Pure.

use super::derive::{Seen, Teller, judged, level, level_name, lines, name};
use super::event::Facts;
use super::kind::EventKind;
use crate::follower::names::Names;
use crate::message::{
    Basket, Cancel, Exec, Execution, Frame, Kind, NewOrder, OrderState, Refusal, Replace, Report,
    Scope, Side, Text, join_wide,
};
use crate::reject::RejectReason;
use crate::risk::decision::{Decision, Outcome};
use crate::risk::order::Order;
use crate::units::{AccountId, Money, OrderId, Price, Qty};

/// A command that passed. One that was refused is told by its refusal.
pub(super) fn command(seen: &Seen<'_>, out: &mut Teller<'_>) {
    let decision = seen.decision;
    if decision.outcome != Outcome::Accepted {
        return;
    }
    match seen.head.kind() {
        Some(Kind::NewOrder) => {
            let order = seen.head.body::<NewOrder>();
            match decision.reason {
                Some(RejectReason::OrderCut) => {
                    out.tell(EventKind::OrderCut, || passed_all_the_same(seen, order));
                }
                Some(_) => {
                    out.tell(EventKind::OverrideUsed, || passed_all_the_same(seen, order));
                }
                None => {}
            }
            accepted(seen, order, out);
        }
        Some(Kind::Basket) => lines(seen).for_each(|order| accepted(seen, order, out)),
        Some(Kind::Cancel) => {
            let cancel = seen.head.body::<Cancel>();
            out.tell(EventKind::CancelAsked, || {
                let facts = asked_about(seen, cancel.account, &cancel.original_id);
                let text = format!("cancel of order {} passed", cancel.original_id);
                (facts, text)
            });
        }
        Some(Kind::Replace) => {
            let replace = seen.head.body::<Replace>();
            out.tell(EventKind::ReplaceAsked, || {
                let facts = Facts {
                    qty: Some(replace.qty.to_string()),
                    price: Some(replace.price.to_string()),
                    ..asked_about(seen, replace.account, &replace.original_id)
                };
                let text = format!(
                    "replace of order {} by {} at {} passed",
                    replace.original_id, replace.qty, replace.price
                );
                (facts, text)
            });
        }
        _ => {}
    }
}

fn accepted(seen: &Seen<'_>, order: &NewOrder, out: &mut Teller<'_>) {
    out.tell(EventKind::OrderAccepted, || {
        let id = seen.core.order_id(order.account, &order.client_order_id);
        let facts = Facts {
            order_id: id.map(|id| id.0),
            ..of_new(seen, order)
        };
        let text = format!(
            "order {} accepted: {}",
            order.client_order_id,
            terms(&facts)
        );
        (facts, text)
    });
}

/// An order that was cut, or that persons have let pass.
fn passed_all_the_same(seen: &Seen<'_>, order: &NewOrder) -> (Facts, String) {
    let facts = Facts {
        order_id: Some(seen.decision.order_id.0),
        ..of_new(seen, order)
    };
    let facts = with_decision(facts, seen.decision);
    let reason = seen.decision.reason.map_or("", RejectReason::text);
    let text = format!("order {} passed: {reason}", order.client_order_id);
    (facts, text)
}

fn with_decision(facts: Facts, decision: &Decision) -> Facts {
    let Some(reason) = decision.reason else {
        return facts;
    };
    let (limit, value) = judged(reason, decision.limit, decision.value).unzip();
    Facts {
        reason: Some(reason.name()),
        limit,
        value,
        failed: decision.failed.iter().map(RejectReason::name).collect(),
        ..facts
    }
}

/// What is odd about a broker's report.
pub(super) fn report(seen: &Seen<'_>, out: &mut Teller<'_>) {
    let (kind, what) = match seen.decision.outcome {
        Outcome::OrderUnknown => (EventKind::ReportUnknown, "told of an order nobody knows"),
        Outcome::Duplicate => (EventKind::ReportDuplicate, "told the same thing twice"),
        Outcome::Implausible => (EventKind::ReportImplausible, "told what cannot be"),
        _ => return,
    };
    let report = seen.head.body::<Report>();
    out.tell(kind, || {
        let broker = name(&seen.names.brokers, report.broker.0);
        let text = format!("broker {} {what}", broker.as_deref().unwrap_or("?"));
        let facts = Facts {
            broker,
            order_id: (report.order_id != OrderId::NONE).then_some(report.order_id.0),
            execution_id: some_text(&report.exec_id),
            ..Facts::default()
        };
        (facts, text)
    });
}

/// What a strategy was told.
pub(super) fn told(seen: &Seen<'_>, frame: &Frame, out: &mut Teller<'_>) {
    match frame.kind() {
        Some(Kind::Refusal) => {
            out.tell_of(frame.header.correlation, EventKind::Breach, || {
                breach(seen, frame)
            });
        }
        Some(Kind::Execution) => {
            let execution = frame.body::<Execution>();
            let Some(exec) = Exec::from_byte(execution.exec) else {
                return;
            };
            if let Some(kind) = kind_of(exec, seen.decision.outcome) {
                let correlation = frame.header.correlation;
                out.tell_of(correlation, kind, || happened(seen, frame, kind, execution));
            }
        }
        _ => {}
    }
}

/// `None` for what has been told already.
const fn kind_of(exec: Exec, outcome: Outcome) -> Option<EventKind> {
    Some(match (exec, outcome) {
        (Exec::Accepted, _) => return None,
        (Exec::Trade, Outcome::LateFill) => EventKind::LateFill,
        (Exec::Trade, Outcome::OverFill) => EventKind::OverFill,
        (Exec::Trade, _) => EventKind::Fill,
        (Exec::New, _) => EventKind::OrderOpen,
        (Exec::Canceled, _) => EventKind::OrderCancelled,
        (Exec::Replaced, _) => EventKind::OrderReplaced,
        (Exec::Restated, _) => EventKind::OrderRestated,
        (Exec::Rejected | Exec::NotReceived, _) => EventKind::OrderRejected,
        (Exec::Expired, _) => EventKind::OrderExpired,
        (Exec::CancelRejected, _) => EventKind::CancelRejected,
        (Exec::ReplaceRejected, _) => EventKind::ReplaceRejected,
        (Exec::Status, _) => EventKind::OrderStatus,
        (Exec::InDoubt, _) => EventKind::OrderInDoubt,
    })
}

fn happened(
    seen: &Seen<'_>,
    frame: &Frame,
    kind: EventKind,
    execution: &Execution,
) -> (Facts, String) {
    let order = seen.core.order(execution.order_id);
    let known = order.map(|order| of_order(order, seen.names));
    let state = OrderState::from_byte(execution.state).map(OrderState::text);
    let has_filled = execution.qty != Qty::ZERO;
    let id = some_text(&execution.client_order_id);
    let own = order.and_then(|order| some_text(&order.client_order_id));
    let qty = match (has_filled, order) {
        (true, _) => Some(execution.qty),
        (false, order) => order.map(|order| order.qty),
    };
    let has_price = execution.price != Price::default();
    let facts = Facts {
        account: name(&seen.names.accounts, execution.account.0),
        strategy: name(&seen.names.strategies, frame.header.strategy.0),
        order_id: Some(execution.order_id.0),
        request_id: id
            .clone()
            .filter(|id| own.as_ref().is_some_and(|own| own != id)),
        id: own.or(id),
        qty: qty.map(|qty| qty.to_string()),
        price: (has_filled || has_price).then(|| execution.price.to_string()),
        fee: (has_filled && execution.fee != Money::default()).then(|| execution.fee.to_string()),
        filled: Some(execution.filled.to_string()),
        leaves: Some(execution.leaves.to_string()),
        state,
        broker_reason: (execution.broker_reason != 0).then_some(execution.broker_reason),
        ..known.unwrap_or_default()
    };
    let text = in_words(kind, &facts);
    (facts, text)
}

/// What has happened to an order, and how it stands.
fn in_words(kind: EventKind, facts: &Facts) -> String {
    let order = facts.id.as_deref().unwrap_or("?");
    let what = match kind {
        EventKind::Fill => return format!("order {order} filled: {}", terms(facts)),
        EventKind::LateFill => "filled after its end",
        EventKind::OverFill => "filled beyond what stood",
        EventKind::OrderOpen => "is open",
        EventKind::OrderCancelled => "is cancelled",
        EventKind::OrderReplaced => "is replaced",
        EventKind::OrderRestated => "was cut by the venue",
        EventKind::OrderRejected => "was rejected by the broker",
        EventKind::OrderExpired => "has expired",
        EventKind::CancelRejected => "stands: the broker rejected the cancel",
        EventKind::ReplaceRejected => "stands as it was: the broker rejected the replace",
        EventKind::OrderInDoubt => "is in doubt: it counts in full",
        _ => "stands as the broker says",
    };
    let [filled, leaves] = [&facts.filled, &facts.leaves].map(|of| of.as_deref().unwrap_or("?"));
    format!(
        "order {order} {what}: {}; {filled} filled, {leaves} left",
        terms(facts)
    )
}

/// A control has refused.
fn breach(seen: &Seen<'_>, frame: &Frame) -> (Facts, String) {
    let refusal = frame.body::<Refusal>();
    let id = &refusal.client_order_id;
    let base = match seen.head.kind() {
        Some(Kind::NewOrder) => of_new(seen, seen.head.body()),
        Some(Kind::Basket) => {
            let line = lines(seen).find(|line| line.client_order_id == *id);
            line.map_or_else(Facts::default, |line| of_new(seen, line))
        }
        Some(Kind::Cancel) => {
            let cancel = seen.head.body::<Cancel>();
            asked_about(seen, cancel.account, &cancel.original_id)
        }
        Some(Kind::Replace) => {
            let replace = seen.head.body::<Replace>();
            Facts {
                qty: Some(replace.qty.to_string()),
                price: Some(replace.price.to_string()),
                ..asked_about(seen, replace.account, &replace.original_id)
            }
        }
        _ => Facts::default(),
    };
    let scope = Scope::from_byte(refusal.scope);
    let (limit, value) = (join_wide(refusal.limit), join_wide(refusal.value));
    let numbers = refusal.reason().and_then(|of| judged(of, limit, value));
    let (limit, value) = numbers.unzip();
    let command = match seen.head.kind() {
        Some(Kind::Cancel) => "cancel",
        Some(Kind::Replace) => "replace",
        Some(Kind::Basket) => "basket",
        _ => "order",
    };
    let basket = match seen.head.kind() {
        Some(Kind::Basket) => some_text(&seen.head.body::<Basket>().client_order_id),
        _ => None,
    };
    let whose = scope.map_or(String::new(), |scope| {
        format!(", a limit of {}", level(seen.names, scope, refusal.target))
    });
    let numbers = match (&limit, &value) {
        (Some(limit), Some(value)) => format!(" (limit {limit}, found {value}{whose})"),
        _ => String::new(),
    };
    let reason = refusal.reason().map_or("", RejectReason::text);
    let text = match &basket {
        Some(basket) => format!("basket {basket} refused: {reason}{numbers}"),
        None => format!("{command} {id} refused: {reason}{numbers}"),
    };
    let facts = Facts {
        account: name(&seen.names.accounts, refusal.account.0).or(base.account),
        strategy: name(&seen.names.strategies, frame.header.strategy.0),
        id: some_text(id),
        scope: scope.map(Scope::text),
        name: scope.and_then(|scope| level_name(seen.names, scope, refusal.target)),
        reason: refusal.reason().map(RejectReason::name),
        limit,
        value,
        failed: refusal.failed.iter().map(RejectReason::name).collect(),
        ..base
    };
    (facts, text)
}

/// Of an order as its strategy sent it.
fn of_new(seen: &Seen<'_>, order: &NewOrder) -> Facts {
    let names = seen.names;
    Facts {
        account: name(&names.accounts, order.account.0),
        strategy: name(&names.strategies, seen.head.header.strategy.0),
        symbol: name(&names.symbols, order.symbol.0),
        id: some_text(&order.client_order_id),
        side: Side::from_byte(order.side).map(Side::text),
        qty: Some(order.qty.to_string()),
        price: (order.price != Price::default()).then(|| order.price.to_string()),
        ..Facts::default()
    }
}

/// Of the order that a cancel or a replace names.
fn asked_about(seen: &Seen<'_>, account: AccountId, id: &Text) -> Facts {
    let core = seen.core;
    let order = core.order_id(account, id).and_then(|id| core.order(id));
    let mut facts = order.map_or_else(Facts::default, |order| of_order(order, seen.names));
    facts.account = name(&seen.names.accounts, account.0);
    facts.strategy = name(&seen.names.strategies, seen.head.header.strategy.0);
    facts.id = some_text(id);
    facts.broker = None;
    facts
}

/// Of an order that the core has.
pub(super) fn of_order(order: &Order, names: &Names) -> Facts {
    Facts {
        account: name(&names.accounts, order.account.0),
        strategy: name(&names.strategies, order.strategy.0),
        symbol: name(&names.symbols, order.symbol.0),
        broker: name(&names.brokers, order.broker.0),
        order_id: Some(order.id.0),
        id: some_text(&order.client_order_id),
        side: Some(order.side.text()),
        qty: Some(order.qty.to_string()),
        price: (order.price != Price::default()).then(|| order.price.to_string()),
        ..Facts::default()
    }
}

/// As in `buy 10 of X at 100.5`.
fn terms(facts: &Facts) -> String {
    let part = |text: Option<&str>| text.unwrap_or("?").to_owned();
    let price = match &facts.price {
        Some(price) => format!("at {price}"),
        None => "at the market".to_owned(),
    };
    format!(
        "{} {} of {} {price}",
        part(facts.side),
        part(facts.qty.as_deref()),
        part(facts.symbol.as_deref())
    )
}

fn some_text(text: &Text) -> Option<String> {
    (!text.is_empty()).then(|| text.as_str().to_owned())
}
