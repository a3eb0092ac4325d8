//! Scenario: events as lines of JSON, for `try` and for the dump of a journal.
//!
//! In:   one line of text, and [`names::Names`].
//! Out:  one [`Line`]: the event of the core that it says, or an error that names line and field.
//!
//! Pure.
//!
//! A line is one object: the time `t`, in nanoseconds since 1970 UTC or as RFC 3339, and one command.
//! Decimals are strings or numbers; a number is read digit by digit, as it is written.
//!
//! ```json
//! {"t":1340285400250000001,"quote":{"symbol":"AMZN","bid":"101.20","ask":"101.30"}}
//! {"t":1340285400250000002,"order":{"account":"A","strategy":"S","id":"1","symbol":"AMZN","side":"buy","type":"limit","qty":"20","price":"101.25","tif":"day"}}
//! {"t":1340285400250000002,"report":{"account":"A","id":"1","exec":"trade","exec_id":"e1","qty":"5","price":"101.25","fee":"0.01"}}
//! {"t":1340285400250000003,"replace":{"account":"A","id":"2","orig":"1","qty":"10","price":"101.20"}}
//! {"t":1340285400250000003,"cancel":{"account":"A","id":"3","orig":"2"}}
//! {"t":1340285400250000003,"kill":{"scope":"account","name":"A","operator":"alice"}}
//! {"t":"2012-06-21T13:30:01Z","tick":{}}
//! ```
//!
//! Beside these: `basket` with id and `orders`, a list of what `order` says, `raise` as `kill`, `link`
//! with broker and state, `session` with strategy, state and `cancel_orders`, `settle` with operator,
//! filled and leaves, `locate` with account, symbol, qty and operator, `override` with account, id and
//! operator, `limit` with scope, name, limit, value and operator, `adjust` with kind, account, symbol,
//! qty, price and cash, `exit` with account, symbol, terms (basis points, `hold_max` in nanoseconds, each
//! or `off`) and `close`, and `frame`, a whole event as hexadecimal digits, for what no other form can
//! say. `sequence` and `correlation` may stand beside `t`, also
//! `strategy` where the command has none of its own and yet the event's header names one, and in any
//! command `busy`, `journal_full`, `journal_failed` and `not_ready`: what the gate knew of itself.
//!
//! An order without `type` is a limit, without `tif` for the day, without `strategy` of the only one
//! that may trade for the account. Orders and replaces may carry `passthrough`, text for the broker. A
//! report names its order by account and `id`, or `orig`, or by the gate's `order_id`.
//!
//! Invariants:
//! - Nothing of a malformed line is applied: an unknown field, a field twice, a number that does not
//!   fit, are errors. A name, a side, a type or a time in force that means nothing is not malformed: it
//!   becomes an id or a byte that nothing has, so that the core refuses it for its true reason.
//! - What [`write::write_event`] writes, [`read::read_line`] reads as the same event.

pub mod answer;
mod fields;
pub mod names;
mod object;
pub mod read;
mod terms;
pub mod write;

use crate::message::{Exec, Frame, Kind, Report, Settle, Text};
use crate::units::{AccountId, Nanos, OrderId, StrategyId};
use std::fmt;

/// What a line says.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Which line of the scenario, from 1.
    pub number: u64,
    /// When. That it does not go back is for the caller to see to.
    pub time: Nanos,
    /// What.
    pub command: Command,
}

/// The event of a line, or what is missing to make it one.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// A head frame and its continuations, as the core takes them.
    Event(Frame, Vec<Frame>),
    /// A [`Report`] or a [`Settle`] that names its order as the strategy did.
    ByClientId {
        /// The account of the order.
        account: AccountId,
        /// The id of the order or of a request about it; empty where the line has none.
        id: Text,
        /// The id of the order that a request was about; empty where the line has none.
        orig: Text,
        /// The event, without its order.
        frame: Frame,
    },
}

impl Command {
    /// The event and its continuations, with the gate's number of the order in place. `order_of`
    /// finds an order by an id that it has or had; `is_replace` says whether an id is that of the
    /// order's replace under way.
    ///
    /// `id` is looked at before `orig`. Where `orig` names the order and `id` does not, `id` is that of
    /// a request, so a `rejected` leaves the order as it was. An order that nobody knows is
    /// [`OrderId::NONE`], which the core counts as unknown.
    pub fn resolve(
        self,
        order_of: impl Fn(AccountId, &Text) -> Option<OrderId>,
        is_replace: impl Fn(OrderId, &Text) -> bool,
    ) -> (Frame, Vec<Frame>) {
        let (account, id, orig, mut frame) = match self {
            Self::Event(frame, continuations) => return (frame, continuations),
            Self::ByClientId {
                account,
                id,
                orig,
                frame,
            } => (account, id, orig, frame),
        };
        let find = |id: &Text| {
            (!id.is_empty())
                .then(|| order_of(account, id))
                .flatten()
                .filter(|order| *order != OrderId::NONE)
        };
        let by_id = find(&id);
        let by_orig = find(&orig);
        let order_id = by_id.or(by_orig).unwrap_or(OrderId::NONE);
        if frame.kind() == Some(Kind::Settle) {
            frame.body_mut::<Settle>().order_id = order_id;
            return (frame, Vec::new());
        }
        let is_replace = is_replace(order_id, &id);
        let is_request = by_orig.is_some() && (by_id.is_none() || by_id == by_orig);
        let report = frame.body_mut::<Report>();
        report.order_id = order_id;
        if report.exec == Exec::Rejected as u8 {
            report.exec = match (is_replace, is_request) {
                (true, _) => Exec::ReplaceRejected,
                (false, true) => Exec::CancelRejected,
                (false, false) => Exec::Rejected,
            } as u8;
        }
        (frame, Vec::new())
    }
}

/// Why a line is not an event. Nothing of it has been applied.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LineError {
    /// Which line, from 1.
    pub line: u64,
    /// Where in the line, as in `order.qty`; empty for the line as a whole.
    pub field: String,
    /// What stands there, shortened; empty where nothing does.
    pub value: String,
    /// What is wrong and what to write.
    pub problem: String,
}

impl fmt::Display for LineError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "line {}: ", self.line)?;
        if !self.field.is_empty() {
            write!(out, "{}: ", self.field)?;
        }
        if !self.value.is_empty() {
            write!(out, "{}: ", self.value)?;
        }
        out.write_str(&self.problem)
    }
}

impl std::error::Error for LineError {}

/// An operator whose name the configuration does not have. Not the gate itself: he may do nothing.
pub const OPERATOR_UNKNOWN: u32 = u32::MAX - 1;

/// A strategy whose name the configuration does not have. Not nobody, who may cancel any order.
pub const STRATEGY_UNKNOWN: StrategyId = StrategyId(u32::MAX - 1);

/// A side, type or time in force whose name nothing has.
pub const BYTE_UNKNOWN: u8 = u8::MAX;

/// What the core takes in.
const fn is_event(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::NewOrder
            | Kind::Cancel
            | Kind::Replace
            | Kind::Basket
            | Kind::Report
            | Kind::Link
            | Kind::Quote
            | Kind::Kill
            | Kind::Raise
            | Kind::Settle
            | Kind::Adjust
            | Kind::Exit
            | Kind::Locate
            | Kind::Override
            | Kind::Limit
            | Kind::Tick
            | Kind::SessionChange
    )
}
