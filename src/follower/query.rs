//! Query: what others ask a follower, over a bounded channel.
//!
//! Nobody waits: a question that finds no room comes back, and an answer that finds none is
//! dropped, because who asked has given up by then.

use crate::events::kind::{EventKind, Severity};
use crate::message::{Scope, Text};
use crate::sys::poller::Doorbell;
use crate::units::{AccountId, Nanos, OrderId, StrategyId, SymbolId};
use crossbeam::channel::{Receiver, Sender, bounded};
use serde_json::Value;

/// The most rows of one answer.
pub const ROWS_MAX: usize = 1000;

/// What is asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Query {
    /// Where it stands, what is killed, links, counts, tables.
    Status,
    /// Live orders.
    Orders {
        /// Of this account alone.
        account: Option<AccountId>,
        /// Of this strategy alone.
        strategy: Option<StrategyId>,
        /// Of this symbol alone.
        symbol: Option<SymbolId>,
        /// At most so many rows.
        count_max: usize,
    },
    /// Positions: of accounts, of strategies or, for [`Scope::Firm`], of all together.
    Positions {
        /// Whose books. [`Scope::Symbol`] means the same as the firm.
        books: Scope,
        /// Of this account or strategy alone.
        owner: Option<u32>,
        /// In this symbol alone.
        symbol: Option<SymbolId>,
        /// At most so many rows.
        count_max: usize,
    },
    /// When positions are closed, of those that have terms or are being closed.
    Exits {
        /// Of this account alone.
        account: Option<AccountId>,
        /// In this symbol alone.
        symbol: Option<SymbolId>,
        /// At most so many rows.
        count_max: usize,
    },
    /// What each level has at risk, and its limits.
    Levels {
        /// Levels of this kind alone. `None`: all that have something at risk or are killed.
        scope: Option<Scope>,
        /// This one alone.
        target: Option<u32>,
        /// At most so many rows.
        count_max: usize,
    },
    /// What each level has earned, is worth and may still lose.
    Portfolio {
        /// Levels of this kind alone. `None`: all that hold, have earned or may lose something.
        scope: Option<Scope>,
        /// This one alone.
        target: Option<u32>,
        /// At most so many rows.
        count_max: usize,
    },
    /// Reference prices.
    References {
        /// Of this symbol alone.
        symbol: Option<SymbolId>,
        /// At most so many rows.
        count_max: usize,
    },
    /// The configuration in force, limits that were changed included.
    Configuration,
    /// The number of an order that an operator names as its strategy did.
    Order {
        /// Whose.
        account: AccountId,
        /// Its id.
        client_order_id: Text,
    },
    /// The last events of the history.
    Events {
        /// As grave as this and graver.
        severity: Severity,
        /// Of this kind alone.
        kind: Option<EventKind>,
        /// Of this account alone.
        account: Option<AccountId>,
        /// From then on.
        since: Nanos,
        /// At most so many rows: the last.
        count_max: usize,
    },
    /// What became of an operator's act: answered once its record is in the journal.
    Act {
        /// Of the act.
        correlation: u64,
        /// Forget it then.
        until: Nanos,
    },
}

/// A query, and where its answer goes.
#[derive(Clone, Debug)]
pub struct Question {
    /// The asker's own number.
    pub token: u64,
    /// What.
    pub query: Query,
    /// To whom.
    pub reply: Reply,
}

/// What the follower says.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// As in the question.
    pub token: u64,
    /// To it.
    pub said: Said,
}

/// What stands in an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// To be shown.
    View(Value),
    /// An order's number, if there is such an order.
    Order(Option<OrderId>),
}

/// Where answers go.
#[derive(Clone, Debug)]
pub struct Reply {
    answers: Sender<Answer>,
    doorbell: Doorbell,
}

/// The asking end. Every stage that asks has one.
#[derive(Clone, Debug)]
pub struct Views {
    pub(super) questions: Sender<Question>,
    pub(super) doorbell: Doorbell,
}

/// The follower has more questions than it takes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Busy;

impl Views {
    /// Asks. The answer comes to the receiver of `reply`, or never.
    pub fn ask(&self, token: u64, query: Query, reply: &Reply) -> Result<(), Busy> {
        let reply = reply.clone();
        let question = Question {
            token,
            query,
            reply,
        };
        self.questions.try_send(question).map_err(|_| Busy)?;
        self.doorbell.ring();
        Ok(())
    }
}

impl Reply {
    /// Room for `count` answers that nobody has taken. `doorbell`: of the thread that takes them.
    pub fn channel(count: usize, doorbell: Doorbell) -> (Self, Receiver<Answer>) {
        let (answers, receiver) = bounded(count);
        (Self { answers, doorbell }, receiver)
    }

    pub(super) fn send(&self, token: u64, said: Said) {
        if self.answers.try_send(Answer { token, said }).is_ok() {
            self.doorbell.ring();
        }
    }
}
