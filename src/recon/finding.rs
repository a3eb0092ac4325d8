//! Finding: one discrepancy between our books and the broker's word: what kind, where, how much, and
//! what would put it right.
//!
//! Pure.

use super::entry::{ExecId, Moved, narrow};
use super::places::Places;
use crate::message::Text;
use crate::units::{AccountId, Money, Nanos, OrderId, Position, Price, SymbolId};
use std::fmt;

macro_rules! finding_kinds {
    ($($name:ident = $text:literal, $about:literal;)*) => {
        /// What differs.
        #[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
        pub enum FindingKind {
            $(#[doc = $about] $name,)*
        }

        impl FindingKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// As it is shown.
            pub const fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// What it means.
            pub const fn about(self) -> &'static str {
                match self { $(Self::$name => $about,)* }
            }
        }
    };
}

finding_kinds! {
    Missing = "missing_here", "The drop copy has an execution that our books have not.";
    OrderUnknown = "order_unknown", "The broker executed an order that the gate does not know.";
    QtyDiffers = "qty_differs", "Our books have another quantity of an execution, or in another book.";
    PriceDiffers = "price_differs", "Our books have another price of an execution.";
    FeeDiffers = "fee_differs", "Our books have another fee of an execution.";
    CountedTwice = "counted_twice", "Our books count an execution twice: it was adjusted, or told by an answer, and came after all.";
    NotThere = "missing_there", "Our books have an execution that the drop copy has not.";
    PositionDiffers = "position_differs", "The statement has another position.";
    CashDiffers = "cash_differs", "The statement has other cash.";
    NotCompared = "not_compared", "Nothing can be said: the statement is older than what is remembered.";
    TooMany = "too_many", "More is open than may be remembered.";
    SourceLost = "source_lost", "A statement or a drop copy cannot be read, or has grown old.";
}

/// How long a finding may be no more than a message on its way.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Grace {
    /// Not at all.
    None,
    /// Live orders may account for it, and count in full as long as they live: for `settle_time`.
    InFlight,
    /// The drop copy may still tell of it: for `drop_copy_delay`.
    DropCopy,
    /// It is told, and nothing follows: what is at risk is counted already.
    Always,
}

/// What accounts for a difference.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Cause {
    /// An execution of ours, at the edge of the statement's time.
    Timing(Option<ExecId>),
    /// An execution of ours that the broker does not have.
    Ours(Option<ExecId>, OrderId),
    /// A fill of an order in doubt.
    InDoubt(OrderId),
    /// A fill of a live order whose report is on its way.
    InFlight(OrderId),
}

/// One discrepancy.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// What.
    pub kind: FindingKind,
    /// Whose; `None` where nobody can say, or it is about all.
    pub account: Option<AccountId>,
    /// In what.
    pub symbol: Option<SymbolId>,
    /// In which currency, by its place.
    pub currency: Option<u32>,
    /// The execution.
    pub id: Option<ExecId>,
    /// The order, or [`OrderId::NONE`].
    pub order: OrderId,
    /// What our books would have to be moved by to be as the broker says.
    pub lacks: Moved,
    /// What the quantity is worth, or the money that differs: in 1e-17, never negative.
    pub amount: i128,
    /// How long it may be no more than a message on its way.
    pub grace: Grace,
    /// The smallest set of events that accounts for it; empty: nothing does, or it is its own.
    pub causes: Vec<Cause>,
    /// False: nothing that is known accounts for it.
    pub is_explained: bool,
    /// What would put it right.
    pub remedy: Vec<Adjustment>,
    /// The remedy is not applied for this alone: a statement must ask for it.
    pub waits_for_statement: bool,
    /// More, for people.
    pub detail: String,
}

/// Which finding it is, from one look to the next.
pub type Key = (
    FindingKind,
    Option<AccountId>,
    Option<SymbolId>,
    Option<u32>,
    Option<ExecId>,
    OrderId,
);

/// A correction of our books.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adjustment {
    /// Whose.
    pub account: AccountId,
    /// In what.
    pub symbol: SymbolId,
    /// How.
    pub kind: Way,
    /// How much the position changes.
    pub qty: Position,
    /// At which price; zero: at none.
    pub price: Price,
    /// What the cash changes beside.
    pub cash: Money,
    /// Why: the execution, the order or the statement that it comes from.
    pub note: Text,
}

/// How books are corrected.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Way {
    /// As a fill.
    Trade,
    /// The position alone.
    Transfer,
    /// The cash alone.
    Cash,
}

impl Finding {
    /// A finding about one book, of which nothing more is known.
    pub fn new(kind: FindingKind, account: Option<AccountId>, symbol: Option<SymbolId>) -> Self {
        Self {
            kind,
            account,
            symbol,
            currency: None,
            id: None,
            order: OrderId::NONE,
            lacks: Moved::ZERO,
            amount: 0,
            grace: Grace::None,
            causes: Vec::new(),
            is_explained: false,
            remedy: Vec::new(),
            waits_for_statement: false,
            detail: String::new(),
        }
    }

    /// Which one it is.
    pub fn key(&self) -> Key {
        (
            self.kind,
            self.account,
            self.symbol,
            self.currency,
            self.id,
            self.order,
        )
    }
}

impl Adjustment {
    /// What moves a book by `moved`, in one event: the quantity at `price`, the rest as cash. `None`
    /// where it does not fit.
    pub fn of(
        book: (AccountId, SymbolId),
        moved: &Moved,
        price: Price,
        places: &Places,
        note: Text,
    ) -> Option<Self> {
        let (account, symbol) = book;
        let traded = places.value(symbol, price, moved.qty);
        let kind = if moved.qty == 0 {
            Way::Cash
        } else {
            Way::Trade
        };
        let cash = match kind {
            Way::Cash => moved.cash(),
            _ => moved.cash() + traded,
        };
        Some(Self {
            account,
            symbol,
            kind,
            qty: Position::from_raw(i64::try_from(moved.qty).ok()?),
            price: if kind == Way::Cash {
                Price::default()
            } else {
                price
            },
            cash: narrow(cash)?,
            note,
        })
    }
}

/// The note of an adjustment that stands for all that was told of an order without ids.
pub fn order_note(order: OrderId) -> Text {
    Text::new(&format!("{ORDER_NOTE}{}", order.0)).unwrap_or_default()
}

/// The order of such a note.
pub fn noted_order(note: &Text) -> Option<OrderId> {
    let number = note.as_str().strip_prefix(ORDER_NOTE)?;
    number.parse().ok().map(OrderId)
}

/// The note of an adjustment that nothing explains but a statement.
pub fn statement_note(as_of: Nanos) -> Text {
    Text::new(&format!("{STATEMENT_NOTE}{}", as_of.raw())).unwrap_or_default()
}

/// The time of such a note.
pub fn noted_statement(note: &Text) -> Option<Nanos> {
    let nanos = note.as_str().strip_prefix(STATEMENT_NOTE)?;
    nanos.parse().ok().map(Nanos::from_raw)
}

const ORDER_NOTE: &str = "order ";
const STATEMENT_NOTE: &str = "statement ";

impl fmt::Display for FindingKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::risk::setup::{Setup, Symbol};
    use std::collections::BTreeSet;

    #[test]
    fn kinds_are_told_apart() {
        let texts: BTreeSet<_> = FindingKind::ALL.iter().map(|kind| kind.text()).collect();
        assert_eq!(texts.len(), FindingKind::ALL.len());
    }

    #[test]
    fn notes_say_what_they_are_about() {
        let order = order_note(OrderId(u64::MAX));
        assert_eq!(noted_order(&order), Some(OrderId(u64::MAX)));
        let statement = statement_note(Nanos::MAX);
        assert_eq!(noted_statement(&statement), Some(Nanos::MAX));
        assert_eq!(noted_order(&statement), None);
        assert_eq!(noted_statement(&Text::EMPTY), None);
    }

    #[test]
    fn one_event_moves_a_book_by_all_that_differs() {
        let places = Places::new(&Setup {
            symbols: vec![Symbol::default()],
            ..Setup::default()
        });
        let book = (AccountId(0), SymbolId(0));
        let price = Price::parse("10").unwrap();
        let of = |qty: i128, value: i128, fee: i128| {
            let moved = Moved { qty, value, fee };
            Adjustment::of(book, &moved, price, &places, Text::EMPTY).unwrap()
        };
        const UNIT: i128 = 10i128.pow(17);
        let trade = of(300_000_000, 30 * UNIT, UNIT);
        assert_eq!((trade.kind, trade.price), (Way::Trade, price));
        assert_eq!(trade.qty, Position::from_raw(300_000_000));
        assert_eq!(trade.cash, Money::from_raw(-1_000_000_000));
        // Three more, and those before at another price: what is beyond ten each is cash.
        let other = of(300_000_000, 32 * UNIT, 0);
        assert_eq!(other.cash, Money::from_raw(-2_000_000_000));
        let cash = of(0, 2 * UNIT, -UNIT);
        assert_eq!((cash.kind, cash.price), (Way::Cash, Price::default()));
        assert_eq!(cash.cash, Money::from_raw(-1_000_000_000));
    }
}
