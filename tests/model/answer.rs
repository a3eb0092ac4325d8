//! Answer: what a gate says to one event, as plain values that can be compared and printed.
//!
//! Left out on purpose: which slot holds an order, sequence numbers and correlation.

use portcullis::message::{Exec, Frame, OrderState, Scope, Text};
use portcullis::reject::RejectReason;
use portcullis::risk::decision::Outcome;
use portcullis::risk::exits::ExitCause;
use portcullis::risk::setup::ExitTerms;
use portcullis::units::{Nanos, OrderId};
use std::collections::BTreeMap;

/// What answers events: the model, and the core behind the same face.
pub(crate) trait Gate {
    /// Answers one event.
    fn step(&mut self, event: &Frame, continuations: &[Frame]) -> Answer;
    /// When it wants a tick.
    fn next_deadline(&self) -> Nanos;
    /// All that it holds.
    fn views(&self) -> Views;
    /// The id under which reports name the order that was accepted as `serial`.
    fn order_id(&self, serial: u64) -> OrderId;
    /// How many orders have been accepted or sent by itself.
    fn order_count(&self) -> u64;
    /// What reports know an order by while commands are left out.
    fn correlation(&self, _serial: u64) -> u64 {
        0
    }
    /// The other side calls the order of this id so: reports will name it by this id.
    fn call(&mut self, _id: OrderId) {}
    /// Checks itself as well as it can.
    fn verify(&self) {}
}

/// The answer to one event and all that it sends.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Answer {
    pub(crate) outcome: Outcome,
    pub(crate) reason: Option<RejectReason>,
    pub(crate) failed: Vec<RejectReason>,
    pub(crate) limit: i128,
    pub(crate) value: i128,
    /// Of the order it is about; zero for none.
    pub(crate) serial: u64,
    pub(crate) to_strategy: Vec<ToStrategy>,
    pub(crate) to_broker: Vec<ToBroker>,
}

impl Answer {
    pub(crate) fn of(outcome: Outcome) -> Self {
        Self {
            outcome,
            reason: None,
            failed: Vec::new(),
            limit: 0,
            value: 0,
            serial: 0,
            to_strategy: Vec::new(),
            to_broker: Vec::new(),
        }
    }

    pub(crate) fn about(outcome: Outcome, serial: u64) -> Self {
        Self {
            serial,
            ..Self::of(outcome)
        }
    }

    /// Takes over the effects of a tick that followed.
    pub(crate) fn absorb(&mut self, later: Self) {
        self.to_strategy.extend(later.to_strategy);
        self.to_broker.extend(later.to_broker);
    }

    /// Puts the effects in the order of the orders they are about: work in many steps goes through
    /// the orders in whatever order the tables have them.
    pub(crate) fn sort(&mut self) {
        self.to_strategy.sort_by_key(|sent| match sent {
            ToStrategy::Execution(execution) => execution.serial,
            ToStrategy::Refusal(_) => 0,
        });
        self.to_broker.sort_by_key(|sent| match sent {
            ToBroker::Request(request) => request.serial,
            ToBroker::Continuation(_) => u64::MAX,
        });
    }
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum ToStrategy {
    Execution(Execution),
    Refusal(Refusal),
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Execution {
    pub(crate) strategy: u32,
    pub(crate) serial: u64,
    pub(crate) exec: Option<Exec>,
    pub(crate) state: Option<OrderState>,
    pub(crate) qty: u64,
    pub(crate) price: i64,
    pub(crate) leaves: u64,
    pub(crate) filled: u64,
    pub(crate) fee: i64,
    pub(crate) account: u32,
    pub(crate) client_order_id: Text,
    pub(crate) broker_reason: u16,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) strategy: u32,
    pub(crate) reason: Option<RejectReason>,
    pub(crate) failed: Vec<RejectReason>,
    pub(crate) limit: i128,
    pub(crate) value: i128,
    pub(crate) account: u32,
    pub(crate) client_order_id: Text,
    /// The kind of the refused command.
    pub(crate) command: u8,
    /// Whose limit it was.
    pub(crate) whose: Option<(Scope, u32)>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum ToBroker {
    Request(Request),
    Continuation(Vec<u8>),
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Request {
    /// New, cancel, replace or status, as a `Kind`.
    pub(crate) kind: u8,
    pub(crate) strategy: u32,
    pub(crate) serial: u64,
    pub(crate) broker: u32,
    pub(crate) account: u32,
    pub(crate) symbol: u32,
    pub(crate) request: u32,
    pub(crate) price: i64,
    pub(crate) qty: u64,
    pub(crate) client_order_id: Text,
    pub(crate) side: u8,
    pub(crate) order_type: u8,
    pub(crate) time_in_force: u8,
    pub(crate) mark: u8,
    pub(crate) passthrough_size: u16,
    pub(crate) continuation_count: u8,
}

/// All that a gate holds, at rest.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Views {
    /// By account and symbol: what was traded and what may still be.
    pub(crate) accounts: BTreeMap<(u32, u32), Cell>,
    /// By strategy and symbol.
    pub(crate) strategies: BTreeMap<(u32, u32), Cell>,
    /// By symbol, the whole firm.
    pub(crate) symbols: BTreeMap<u32, Cell>,
    /// By level, as the number of its scope, and which of them.
    pub(crate) levels: BTreeMap<(u8, u32), Sums>,
    /// Live orders and closed ones that are remembered, by serial.
    pub(crate) orders: BTreeMap<u64, OrderView>,
    /// By account and symbol, the exits under way.
    pub(crate) exits: BTreeMap<(u32, u32), ExitView>,
    /// When positions are closed, where anything is said, and until when they are held.
    pub(crate) exit_terms: BTreeMap<(u32, u32), (ExitTerms, Option<Nanos>)>,
    /// How many exits have begun, and how many were tried too often.
    pub(crate) exit_counts: (u64, u64),
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct ExitView {
    pub(crate) cause: ExitCause,
    pub(crate) since: u64,
    /// Its order under way; zero for none.
    pub(crate) serial: u64,
    pub(crate) attempts: u32,
    pub(crate) is_failing: bool,
}

#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Cell {
    pub(crate) position: i64,
    pub(crate) open_buy: u128,
    pub(crate) open_sell: u128,
}

#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Sums {
    pub(crate) open_count: u32,
    pub(crate) open_notional: u128,
    pub(crate) gross: u128,
    pub(crate) net: [i128; 2],
    pub(crate) earned: Earned,
}

/// What a level has earned, in the firm's currency.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Earned {
    pub(crate) profit: i128,
    pub(crate) blind: u32,
    pub(crate) before: i128,
    pub(crate) peak: i128,
    pub(crate) drawdown: i128,
    pub(crate) is_halted: bool,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct OrderView {
    pub(crate) state: OrderState,
    pub(crate) filled: u64,
    pub(crate) leaves: u64,
    pub(crate) notional: u128,
}
