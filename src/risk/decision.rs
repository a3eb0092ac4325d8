//! Decision: what the core answers to one event, and what follows from it.

use crate::message::Frame;
use crate::reject::{Failed, RejectReason};
use crate::risk::approved::Approved;
use crate::units::OrderId;
use arrayvec::ArrayVec;

/// How many frames one step may send each way: a mass cancel goes on in the next step.
pub const EFFECTS_MAX: usize = 32;

/// What the core made of an event. The number is in the journal.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum Outcome {
    /// A command passed.
    Accepted = 1,
    /// A command was refused, for `reason`.
    Refused = 2,
    /// A report, price, control or tick was taken in.
    Applied = 3,
    /// A report about an order that the gate does not know: counted.
    OrderUnknown = 4,
    /// A report that came before: counted, not applied again.
    Duplicate = 5,
    /// A fill after the order's end: applied to the position.
    LateFill = 6,
    /// A fill of more than stood: applied to the position.
    OverFill = 7,
    /// A report that cannot be: a quantity of zero, a state that goes backwards. Counted.
    Implausible = 8,
    /// A control by somebody unknown, of something unknown, or a second raise by one person.
    NotPermitted = 9,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 9] = [
        Self::Accepted,
        Self::Refused,
        Self::Applied,
        Self::OrderUnknown,
        Self::Duplicate,
        Self::LateFill,
        Self::OverFill,
        Self::Implausible,
        Self::NotPermitted,
    ];

    /// The outcome of a number in a journal.
    pub fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| *outcome as u8 == byte)
    }
}

/// The answer to one event.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Decision {
    /// What became of it.
    pub outcome: Outcome,
    /// Of a refusal: the first control that failed.
    pub reason: Option<RejectReason>,
    /// Of a refusal: all that failed.
    pub failed: Failed,
    /// Of a refusal: the limit, in [`RejectReason::unit`].
    pub limit: i128,
    /// Of a refusal: what was found, in the same unit.
    pub value: i128,
    /// The order it is about, if there is one.
    pub order_id: OrderId,
}

/// What one step sends. Cleared and used again; takes no memory of its own.
#[derive(Debug, Default)]
pub struct Effects {
    /// To strategies: the header says whose.
    pub to_strategy: ArrayVec<Frame, EFFECTS_MAX>,
    /// To brokers: the body says which.
    pub to_broker: ArrayVec<Approved, EFFECTS_MAX>,
}

impl Effects {
    /// Makes room for the next step.
    #[inline]
    pub fn clear(&mut self) {
        self.to_strategy.clear();
        self.to_broker.clear();
    }
}
