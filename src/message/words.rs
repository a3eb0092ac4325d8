//! Words: what travels as one byte and is a word to people.
//!
//! Pure.

use crate::units::{Position, Qty};

wire_enum! {
    /// Which way.
    Side {
        /// To buy.
        Buy = 1, "buy";
        /// To sell.
        Sell = 2, "sell";
    }
}

wire_enum! {
    /// How the price is given.
    OrderType {
        /// At any price; valued at the collar.
        Market = 1, "market";
        /// At this price or better.
        Limit = 2, "limit";
    }
}

wire_enum! {
    /// How long it stands.
    TimeInForce {
        /// Until the end of the day.
        Day = 1, "day";
        /// Until it is cancelled.
        GoodTillCancel = 2, "gtc";
        /// What fills at once fills, the rest is cancelled.
        ImmediateOrCancel = 3, "ioc";
        /// All at once or nothing.
        FillOrKill = 4, "fok";
    }
}

wire_enum! {
    /// What a sale is (SEC Regulation SHO, rule 200(g)).
    SaleMark {
        /// Of what the seller owns.
        Long = 1, "long";
        /// Of what it does not.
        Short = 2, "short";
        /// Likewise, and free of the price test.
        ShortExempt = 3, "short_exempt";
    }
}

wire_enum! {
    /// What a report says happened at the broker.
    Exec {
        /// The broker has the order.
        New = 1, "new";
        /// A fill of `qty` at `price`.
        Trade = 2, "trade";
        /// The order is cancelled.
        Canceled = 3, "canceled";
        /// The pending replace is done: the order stands on its new terms.
        Replaced = 4, "replaced";
        /// The venue cut the order unasked: `leaves` is what still stands.
        Restated = 5, "restated";
        /// The order was refused.
        Rejected = 6, "rejected";
        /// The order ran out of time.
        Expired = 7, "expired";
        /// The cancel was refused; the order stands.
        CancelRejected = 8, "cancel_rejected";
        /// The replace was refused; the order stands on its old terms.
        ReplaceRejected = 9, "replace_rejected";
        /// Answer to a status request: the order stands with `leaves`; `qty` has been filled in all.
        Status = 10, "status";
        /// Answer to a status request: the broker never received the order, or the request.
        NotReceived = 11, "not_received";
        /// Gate to strategy only: accepted and on its way to the broker.
        Accepted = 12, "accepted";
        /// Gate to strategy only: no answer in time; what became of it is not known.
        InDoubt = 13, "in_doubt";
    }
}

wire_enum! {
    /// Where an order is in its life.
    OrderState {
        /// Accepted; the broker has not answered.
        Pending = 1, "pending";
        /// The broker has it.
        Open = 2, "open";
        /// The broker has it and part has been filled.
        PartiallyFilled = 3, "partially_filled";
        /// A cancel is under way.
        CancelPending = 4, "cancel_pending";
        /// A replace is under way.
        ReplacePending = 5, "replace_pending";
        /// No answer in time: it counts in full until somebody knows.
        InDoubt = 6, "in_doubt";
        /// All filled.
        Filled = 7, "filled";
        /// Cancelled.
        Cancelled = 8, "cancelled";
        /// Refused by the broker.
        Rejected = 9, "rejected";
        /// Out of time.
        Expired = 10, "expired";
    }
}

wire_enum! {
    /// What an order was to a trade.
    Liquidity {
        /// It stood and was met.
        Maker = 1, "maker";
        /// It met what stood.
        Taker = 2, "taker";
    }
}

wire_enum! {
    /// How a book is corrected.
    AdjustKind {
        /// As by a fill that no order had: what takes one back is the opposite one. `cash` less than
        /// nothing is its fee.
        Trade = 1, "trade";
        /// A position comes with what it has cost, and no cash moves: an opening balance. A price of
        /// zero: it has cost nothing.
        Transfer = 2, "transfer";
        /// Money that is earned or lost with a symbol: a dividend, interest, a fee.
        Cash = 3, "cash";
        /// Every account's position becomes `qty` for each `price` there were: a split. Without an
        /// account, with no order live in the symbol; its prices are forgotten.
        Split = 4, "split";
    }
}

wire_enum! {
    /// What a kill or a raise is about.
    Scope {
        /// Everything.
        Firm = 1, "firm";
        /// One account.
        Account = 2, "account";
        /// One strategy.
        Strategy = 3, "strategy";
        /// One symbol.
        Symbol = 4, "symbol";
        /// A desk: the accounts that belong to it.
        Desk = 5, "desk";
        /// A named group of symbols.
        Group = 6, "group";
    }
}

wire_enum! {
    /// How a link to a broker, or a strategy's session, stands.
    LinkState {
        /// Messages flow.
        Up = 1, "up";
        /// No connection.
        Down = 2, "down";
        /// The breaker is open: new orders are refused.
        BreakerOpen = 3, "breaker_open";
        /// The breaker lets a bounded number of orders through to see.
        HalfOpen = 4, "half_open";
    }
}

impl Side {
    /// Its place in pairs that stand by side: buys first.
    #[inline(always)]
    pub const fn index(self) -> usize {
        match self {
            Self::Buy => 0,
            Self::Sell => 1,
        }
    }

    /// The side that it trades with.
    #[inline(always)]
    pub const fn other(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }

    /// A position of `qty` on this side; `None` where it does not fit.
    pub fn signed(self, qty: Qty) -> Option<Position> {
        let raw = i64::try_from(qty.raw()).ok()?;
        Some(Position::from_raw(match self {
            Self::Buy => raw,
            Self::Sell => -raw,
        }))
    }
}
