//! Book: which orders of the file the strategy has at the gate, and under which ids.

use crate::ids::Ids;
use crate::lobster::reader::{Event, Kind};
use portcullis::message::{Cancel, Exec, Execution, NewOrder, OrderState, OrderType, Refusal};
use portcullis::message::{Replace, Text, TimeInForce};
use portcullis::reject::RejectReason;
use portcullis::units::{AccountId, Qty, SymbolId};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

/// What the strategy knows.
pub(super) struct Book {
    ids: Ids,
    account: AccountId,
    symbol: SymbolId,
    /// By the number in the file.
    live: HashMap<i64, Live>,
    /// By the number in the id: what was asked, about which order of the file.
    requests: Vec<Request>,
    /// By what was asked.
    counts: [Count; 4],
    executions: BTreeMap<&'static str, u64>,
    /// Rows about orders that are not, or no longer, at the gate.
    left_out: u64,
    unanswered: u64,
}

/// An order that stands at the gate.
#[derive(Clone, Copy, Debug)]
struct Live {
    id: Text,
    total: Qty,
}

#[derive(Clone, Copy, Debug)]
struct Request {
    order: i64,
    asked: Asked,
    /// Of a replace: the new quantity in all.
    total: Qty,
    is_answered: bool,
}

/// What a strategy can ask.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Asked {
    Order = 0,
    Replace = 1,
    Cancel = 2,
    /// Nothing, but an answer.
    Probe = 3,
}

/// What became of what was asked.
#[derive(Clone, Debug, Default)]
struct Count {
    sent: u64,
    accepted: u64,
    /// By reason.
    refused: BTreeMap<&'static str, u64>,
}

/// A command for the gate.
#[derive(Clone, Copy, Debug)]
pub(super) enum Command {
    Order(NewOrder),
    Replace(Replace),
    Cancel(Cancel),
}

impl Book {
    pub(super) fn new(ids: Ids, account: AccountId, symbol: SymbolId) -> Self {
        Self {
            ids,
            account,
            symbol,
            live: HashMap::new(),
            requests: Vec::new(),
            counts: Default::default(),
            executions: BTreeMap::new(),
            left_out: 0,
            unanswered: 0,
        }
    }

    /// Whether a row leads to a command.
    pub(super) fn concerns(&self, event: &Event) -> bool {
        let is_live = self.live.contains_key(&event.order_id);
        match event.kind {
            Kind::New => !is_live,
            Kind::PartialCancel | Kind::Delete => is_live,
            Kind::Execution | Kind::HiddenExecution | Kind::Cross | Kind::Halt => false,
        }
    }

    /// A cancel of an order that never was.
    pub(super) fn probe(&mut self) -> Command {
        let id = self.ask(0, Asked::Probe, Qty::ZERO);
        Command::Cancel(Cancel {
            client_order_id: id,
            original_id: id,
            account: self.account,
            ..Cancel::default()
        })
    }

    /// A new order of the file. One whose id still stands is left out.
    pub(super) fn order(&mut self, event: &Event) -> Option<Command> {
        if self.live.contains_key(&event.order_id) {
            self.left_out += 1;
            return None;
        }
        let id = self.ask(event.order_id, Asked::Order, event.size);
        let live = Live {
            id,
            total: event.size,
        };
        self.live.insert(event.order_id, live);
        Some(Command::Order(NewOrder {
            price: event.price,
            qty: event.size,
            account: self.account,
            symbol: self.symbol,
            client_order_id: id,
            side: event.side as u8,
            order_type: OrderType::Limit as u8,
            time_in_force: TimeInForce::Day as u8,
            ..NewOrder::default()
        }))
    }

    /// The file takes a part of an order away: a strategy replaces it by a smaller one.
    pub(super) fn reduce(&mut self, event: &Event) -> Option<Command> {
        let Some(Live {
            id: original,
            total,
        }) = self.live.get(&event.order_id).copied()
        else {
            self.left_out += 1;
            return None;
        };
        let total = total.saturating_sub(event.size);
        if total == Qty::ZERO {
            return self.cancel(event);
        }
        let id = self.ask(event.order_id, Asked::Replace, total);
        Some(Command::Replace(Replace {
            price: event.price,
            qty: total,
            account: self.account,
            client_order_id: id,
            original_id: original,
            ..Replace::default()
        }))
    }

    /// The file takes the order away.
    pub(super) fn cancel(&mut self, event: &Event) -> Option<Command> {
        let Some(Live { id: original, .. }) = self.live.get(&event.order_id).copied() else {
            self.left_out += 1;
            return None;
        };
        let id = self.ask(event.order_id, Asked::Cancel, Qty::ZERO);
        Some(Command::Cancel(Cancel {
            client_order_id: id,
            original_id: original,
            account: self.account,
            ..Cancel::default()
        }))
    }

    fn ask(&mut self, order: i64, asked: Asked, total: Qty) -> Text {
        let number = self.requests.len() as u64;
        self.requests.push(Request {
            order,
            asked,
            total,
            is_answered: false,
        });
        self.counts[asked as usize].sent += 1;
        self.unanswered += 1;
        self.ids.text(number)
    }

    /// Whether the last request has its answer.
    pub(super) fn is_last_answered(&self) -> bool {
        self.requests
            .last()
            .is_none_or(|request| request.is_answered)
    }

    /// Whether every request has.
    pub(super) fn is_all_answered(&self) -> bool {
        self.unanswered == 0
    }

    /// The gate has told of an order.
    pub(super) fn execution(&mut self, execution: &Execution) {
        let Some((number, request)) = self.request(&execution.client_order_id) else {
            return;
        };
        let exec = Exec::from_byte(execution.exec);
        *self
            .executions
            .entry(exec.map_or("unknown", Exec::text))
            .or_default() += 1;
        if exec == Some(Exec::InDoubt) {
            return;
        }
        let is_refused = matches!(exec, Some(Exec::CancelRejected | Exec::ReplaceRejected));
        self.answer(number, !is_refused, "by the broker");
        let is_over = matches!(
            OrderState::from_byte(execution.state),
            Some(
                OrderState::Filled
                    | OrderState::Cancelled
                    | OrderState::Rejected
                    | OrderState::Expired
            )
        );
        if is_over {
            self.live.remove(&request.order);
            self.answer_all(request.order);
        } else if exec == Some(Exec::Replaced)
            && let Some(live) = self.live.get_mut(&request.order)
        {
            let of = self.requests[number];
            live.id = execution.client_order_id;
            if of.asked == Asked::Replace {
                live.total = of.total;
            }
        }
    }

    /// The gate has refused a request.
    pub(super) fn refusal(&mut self, refusal: &Refusal) {
        let Some((number, request)) = self.request(&refusal.client_order_id) else {
            return;
        };
        let reason = refusal.reason().map_or("unknown", RejectReason::name);
        self.answer(number, false, reason);
        if request.asked == Asked::Order {
            self.live.remove(&request.order);
        }
    }

    fn request(&self, id: &Text) -> Option<(usize, Request)> {
        let number = usize::try_from(self.ids.number(id)?).ok()?;
        Some((number, *self.requests.get(number)?))
    }

    fn answer(&mut self, number: usize, is_accepted: bool, reason: &'static str) {
        let request = &mut self.requests[number];
        if std::mem::replace(&mut request.is_answered, true) {
            return;
        }
        self.unanswered -= 1;
        let count = &mut self.counts[request.asked as usize];
        match is_accepted {
            true => count.accepted += 1,
            false => *count.refused.entry(reason).or_default() += 1,
        }
    }

    /// An order is over: what was still asked about it has its answer. Only the last few requests
    /// can be open.
    fn answer_all(&mut self, order: i64) {
        let first = self.requests.len().saturating_sub(OPEN_MAX);
        for number in first..self.requests.len() {
            if self.requests[number].order == order {
                self.answer(number, false, "over before");
            }
        }
    }

    pub(super) fn to_text(&self, quotes: u64) -> String {
        let mut out = String::new();
        for (name, count) in self.counts() {
            let refused: u64 = count.refused.values().sum();
            let _ = writeln!(
                out,
                "{name:<10}{:>10} sent {:>10} accepted {refused:>10} refused",
                count.sent, count.accepted
            );
            for (reason, count) in &count.refused {
                let _ = writeln!(out, "  refused {reason:<32}{count:>10}");
            }
        }
        for (exec, count) in &self.executions {
            let _ = writeln!(out, "execution {exec:<32}{count:>10}");
        }
        let _ = writeln!(
            out,
            "quotes {quotes}, unanswered {}, rows left out {}",
            self.unanswered, self.left_out
        );
        out
    }

    pub(super) fn to_json(&self, quotes: u64) -> Value {
        let mut value = json!({
            "executions": self.executions,
            "unanswered": self.unanswered,
            "rows_left_out": self.left_out,
            "quotes": quotes,
        });
        for (name, count) in self.counts() {
            let refused: Map<_, _> = count
                .refused
                .iter()
                .map(|(reason, count)| ((*reason).to_owned(), (*count).into()))
                .collect();
            value[name] =
                json!({ "sent": count.sent, "accepted": count.accepted, "refused": refused });
        }
        value
    }

    fn counts(&self) -> impl Iterator<Item = (&'static str, &Count)> {
        ["orders", "replaces", "cancels"]
            .into_iter()
            .zip(&self.counts)
    }
}

/// So many requests back an open one is looked for.
const OPEN_MAX: usize = 4_096;
