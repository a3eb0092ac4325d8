//! Order: one accepted order, its terms, and what of it may still fill.

use portcullis::message::{OrderState, SaleMark, Scope, Side, Text};
use portcullis::risk::setup::ExitTerms;
use portcullis::units::OrderId;

/// Whose order it is, and of what: its levels follow from it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Who {
    pub(crate) symbol: u32,
    pub(crate) strategy: u32,
    pub(crate) account: u32,
}

/// One level: of which kind, and which of them; the firm is one, 0.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Level {
    pub(crate) scope: Scope,
    pub(crate) owner: u32,
}

impl Level {
    pub(crate) const FIRM: Self = Self {
        scope: Scope::Firm,
        owner: 0,
    };

    pub(crate) fn new(scope: Scope, owner: usize) -> Self {
        let owner = owner as u32;
        Self { scope, owner }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) serial: u64,
    pub(crate) id: OrderId,
    /// The correlation of the command that brought it.
    pub(crate) correlation: u64,
    pub(crate) who: Who,
    pub(crate) broker: u32,
    pub(crate) side: Side,
    pub(crate) is_market: bool,
    pub(crate) order_type: u8,
    pub(crate) time_in_force: u8,

    /// Its own terms: what the broker was last known to stand by.
    pub(crate) client_order_id: Text,
    pub(crate) price: i64,
    pub(crate) qty: u64,
    /// What one unit of it counts as: the price without its sign, or the value of a market order.
    pub(crate) value_price: u64,
    pub(crate) filled: u64,
    pub(crate) mark: Option<SaleMark>,
    /// Its parent's place in the list of all that there were.
    pub(crate) parent: Option<usize>,
    /// Of a sale: how much of it the account owned.
    pub(crate) covered: u64,
    /// How much of it was a short sale of days that are over.
    pub(crate) short_before: u64,

    pub(crate) is_acknowledged: bool,
    pub(crate) is_in_doubt: bool,
    /// The link was lost, and its strategy has not been told of the doubt.
    pub(crate) is_untold: bool,
    /// The broker was asked what became of it, since the last request and the last loss of the link.
    pub(crate) was_asked: bool,
    /// The questions that have had no answer, oldest first: behind which request each was asked.
    pub(crate) questions: Vec<u32>,
    /// The link was lost since the last question.
    pub(crate) is_unheard: bool,
    pub(crate) is_cancel_pending: bool,
    /// The id of the last cancel.
    pub(crate) cancel_id: Text,
    pub(crate) replace: Option<Replacement>,
    /// How many cancels and replaces it has had.
    pub(crate) request: u32,
    /// When the broker was last sent something about it that has had no answer; `None` where
    /// nothing waits for one, or it came to doubt.
    pub(crate) asked_since: Option<u64>,

    /// When what it makes or adds to is closed, where it says so.
    pub(crate) exits: Option<ExitTerms>,

    pub(crate) closed: Option<Closed>,
}

/// The terms of a replace that waits for its answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Replacement {
    pub(crate) client_order_id: Text,
    pub(crate) price: i64,
    /// What one unit of it counts as.
    pub(crate) value_price: u64,
    pub(crate) qty: u64,
    /// Which request of the order it was.
    pub(crate) request: u32,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Closed {
    pub(crate) state: OrderState,
    /// Counts the orders that closed before it: the oldest is forgotten first.
    pub(crate) place: u64,
    pub(crate) is_forgotten: bool,
}

impl Order {
    pub(crate) fn is_live(&self) -> bool {
        self.closed.is_none()
    }

    /// True while reports and commands can still find it.
    pub(crate) fn is_remembered(&self) -> bool {
        self.closed.is_none_or(|closed| !closed.is_forgotten)
    }

    /// What may still fill on its own terms.
    pub(crate) fn own_leaves(&self) -> u64 {
        if self.is_live() {
            self.qty.saturating_sub(self.filled)
        } else {
            0
        }
    }

    /// What may still fill on the terms of a replace under way.
    pub(crate) fn replace_leaves(&self) -> u64 {
        match self.replace {
            Some(replace) if self.is_live() => replace.qty.saturating_sub(self.filled),
            _ => 0,
        }
    }

    /// What may still fill, whichever terms the broker stands by: the larger.
    pub(crate) fn reserved_leaves(&self) -> u64 {
        self.own_leaves().max(self.replace_leaves())
    }

    /// The same in money: either terms, or the own ones filled first and then the rest of the new ones.
    pub(crate) fn reserved_notional(&self) -> u128 {
        let own = u128::from(self.own_leaves()) * u128::from(self.value_price);
        let new_price = u128::from(self.replace.map_or(0, |replace| replace.value_price));
        let rest = self.replace_leaves().saturating_sub(self.own_leaves());
        let one_behind_the_other = own + u128::from(rest) * new_price;
        let new = u128::from(self.replace_leaves()) * new_price;
        own.max(new).max(one_behind_the_other)
    }

    /// The state as it is told.
    pub(crate) fn state(&self) -> OrderState {
        if let Some(closed) = self.closed {
            closed.state
        } else if self.is_in_doubt {
            OrderState::InDoubt
        } else if self.is_cancel_pending {
            OrderState::CancelPending
        } else if self.replace.is_some() {
            OrderState::ReplacePending
        } else if !self.is_acknowledged {
            OrderState::Pending
        } else if self.filled > 0 {
            OrderState::PartiallyFilled
        } else {
            OrderState::Open
        }
    }

    /// Somebody knows what became of it.
    pub(crate) fn doubt_is_over(&mut self) {
        self.is_in_doubt = false;
        self.is_untold = false;
        self.was_asked = false;
    }

    /// Somebody knows what became of it, unless something sent about it may still be lost.
    pub(crate) fn doubt_is_over_unless_pending(&mut self) {
        if !self.is_cancel_pending && self.replace.is_none() {
            self.doubt_is_over();
        }
    }

    /// Nobody knows whether it was replaced.
    pub(crate) fn take_the_worse_of_both(&mut self, replace: &Replacement) {
        self.qty = self.qty.max(replace.qty);
        self.value_price = self.value_price.max(replace.value_price);
        // The price at which it would trade with others sooner.
        let (one, other) = (self.price, replace.price);
        self.price = match self.side {
            Side::Buy => one.max(other),
            Side::Sell => one.min(other),
        };
    }

    /// The pending replace's terms become its own.
    pub(crate) fn take_replacement(&mut self) {
        if let Some(replace) = self.replace.take() {
            self.client_order_id = replace.client_order_id;
            self.price = replace.price;
            self.value_price = replace.value_price;
            self.qty = replace.qty;
        }
    }
}

/// A limit price without its sign. The lowest there is has no positive counterpart and counts one less.
pub(crate) fn unsigned(price: i64) -> u64 {
    price.saturating_abs() as u64
}

/// What one unit at a price is worth under a multiplier in 1e-9, zero standing for one; `None` where no
/// price is so high.
pub(crate) fn value_of(price: u64, multiplier: u64, is_inverse: bool) -> Option<u64> {
    let price = if is_inverse { 1_000_000_000 } else { price };
    let multiplier = match multiplier {
        0 => 1_000_000_000,
        multiplier => multiplier,
    };
    let value = (u128::from(price) * u128::from(multiplier)).div_ceil(1_000_000_000);
    u64::try_from(value)
        .ok()
        .filter(|value| *value <= i64::MAX as u64)
}
