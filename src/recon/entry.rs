//! Entry: what one execution, or one adjustment, moves in one book.
//!
//! Pure. Exact: quantities in 1e-8, money in 1e-17, both signed and in 128 bits.

use crate::message::{TEXT_SIZE, Text};
use crate::units::{AccountId, BrokerId, Money, Nanos, Notional, OrderId, Price, Qty, SymbolId};
use std::ops::{Add, AddAssign, Neg, Sub};

/// What is moved: a quantity, what was paid for it, and the fee.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Moved {
    /// Bought less sold, in 1e-8.
    pub qty: i128,
    /// Paid less received, in 1e-17 of the symbol's currency.
    pub value: i128,
    /// Likewise.
    pub fee: i128,
}

/// A broker's id of an execution.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct ExecId {
    broker: u32,
    text: [u8; TEXT_SIZE],
}

/// Where an entry comes from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Origin {
    /// A fill that the broker's session told, with its id.
    Session,
    /// A fill that followed from the answer to a question, or from an operator's settlement: of one
    /// order, without an id.
    Answer,
    /// An adjustment of what answers told of an order.
    Amended,
    /// An adjustment that stands for the execution of its id.
    Healed,
    /// An adjustment of the gate that nothing explains but the broker's word on a sum.
    Conceded,
    /// A trade that an operator booked.
    Adjusted,
    /// What an operator moved otherwise: an opening balance, a split, a dividend.
    Transferred,
}

/// One line of our own books.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Entry {
    /// The broker's id of it; `None` where there is none.
    pub id: Option<ExecId>,
    /// Of which order, or [`OrderId::NONE`].
    pub order: OrderId,
    /// In whose book.
    pub account: AccountId,
    /// In what.
    pub symbol: SymbolId,
    /// What it moves.
    pub moved: Moved,
    /// At which price; zero where nobody has said.
    pub price: Price,
    /// When it happened, as the broker says; of what it has not told: when the gate took it in. Of what
    /// was conceded: the statement's instant.
    pub time: Nanos,
    /// When the gate took it in.
    pub taken: Nanos,
    /// The journal's record.
    pub sequence: u64,
    /// Where it comes from.
    pub origin: Origin,
}

impl Moved {
    /// Nothing.
    pub const ZERO: Self = Self {
        qty: 0,
        value: 0,
        fee: 0,
    };

    /// What the account's cash changes by, in 1e-17.
    pub const fn cash(&self) -> i128 {
        -(self.value + self.fee)
    }

    /// True where nothing is moved that a sum in integers of 1e-9 could tell.
    pub fn is_nothing(&self) -> bool {
        self.qty == 0 && self.cash().abs() < ROUNDING
    }
}

impl Add for Moved {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            qty: self.qty + other.qty,
            value: self.value + other.value,
            fee: self.fee + other.fee,
        }
    }
}

impl AddAssign for Moved {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Neg for Moved {
    type Output = Self;

    fn neg(self) -> Self {
        Self {
            qty: -self.qty,
            value: -self.value,
            fee: -self.fee,
        }
    }
}

impl Sub for Moved {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self + -other
    }
}

impl ExecId {
    /// `None` for an empty text: that names nothing.
    pub fn new(broker: BrokerId, text: &Text) -> Option<Self> {
        (!text.is_empty()).then_some(Self {
            broker: broker.0,
            text: *text.bytes(),
        })
    }

    /// The broker's own text.
    pub fn text(&self) -> Text {
        let text: &Text = bytemuck::must_cast_ref(&self.text);
        *text
    }
}

/// A signed quantity, in 1e-8.
pub fn signed(qty: Qty, is_buy: bool) -> i128 {
    let qty = i128::from(qty.raw());
    if is_buy { qty } else { -qty }
}

/// Money in 1e-17.
pub fn wide(money: Money) -> i128 {
    i128::from(money.raw()) * MONEY_SCALE
}

/// Money in 1e-9, rounded down; `None` where it does not fit.
pub fn narrow(money: i128) -> Option<Money> {
    i64::try_from(money.div_euclid(MONEY_SCALE))
        .ok()
        .map(Money::from_raw)
}

/// How many integers of 1e-17 one of 1e-9 is.
const MONEY_SCALE: i128 = 10i128.pow(Notional::DIGITS - Money::DIGITS);
/// Sums in 1e-9 of what is exact in 1e-17 may be apart by so much.
const ROUNDING: i128 = 4 * MONEY_SCALE;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_of_one_broker_and_keeps_its_text() {
        let text = Text::new("e-1").unwrap();
        let id = ExecId::new(BrokerId(1), &text).unwrap();
        assert_eq!(id.text(), text);
        assert_ne!(Some(id), ExecId::new(BrokerId(2), &text));
        assert_eq!(ExecId::new(BrokerId(1), &Text::EMPTY), None);
    }

    #[test]
    fn money_is_narrowed_downwards() {
        assert_eq!(narrow(wide(Money::from_raw(-5))), Some(Money::from_raw(-5)));
        assert_eq!(narrow(-1), Some(Money::from_raw(-1)));
        assert_eq!(narrow(i128::MAX), None);
    }
}
