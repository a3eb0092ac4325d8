//! Every reason an order is refused, in the order the checks run: the first breach is the one told.
//!
//! The numbers are on the wire and in the journal. Never renumber one, never reuse one. A reason's
//! number is also its bit in [`Failed`], the set of every control that an order failed.

use bytemuck::{Pod, Zeroable};

/// What the `limit` and the `value` of a refusal count.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unit {
    /// The reason says it all; limit and value are zero.
    None,
    /// Orders, slots, bytes.
    Count,
    /// A [`crate::units::Price`].
    Price,
    /// A [`crate::units::Qty`] or a [`crate::units::Position`].
    Qty,
    /// A [`crate::units::Notional`].
    Notional,
    /// A [`crate::units::Nanos`].
    Nanos,
}

macro_rules! reject_reasons {
    ($($name:ident = $number:literal, $unit:ident, $text:literal;)*) => {
        /// Why an order, a replace or a cancel is refused.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        #[repr(u16)]
        pub enum RejectReason {
            $(#[doc = $text] $name = $number,)*
        }

        impl RejectReason {
            /// Every reason, in the order of the checks.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The reason of a number, if it is one.
            pub const fn from_number(number: u16) -> Option<Self> {
                match number {
                    $($number => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// The name that users see.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }

            /// What happened and what to do, for people.
            pub const fn text(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }

            /// What its limit and value count.
            pub const fn unit(self) -> Unit {
                match self {
                    $(Self::$name => Unit::$unit,)*
                }
            }
        }
    };
}

reject_reasons! {
    // The gate itself cannot take new risk now.
    GateNotReady = 1, None, "The gate is starting or stopping: it takes in nothing new.";
    JournalFull = 2, None, "The journal has no room for new orders: free disk space below `journal.directory`.";
    JournalFailed = 3, None, "The journal cannot be written: only cancels pass until the gate is restarted on a sound disk.";
    GateBusy = 4, None, "A ring behind the gate is full: send more slowly or raise `capacity.ring_messages`.";
    ContinuationsAboveMax = 5, Count, "More continuation frames than `capacity.continuation_frames_max` allows.";
    ReservedBitSet = 6, None, "A byte or bit that must be zero is set: the sender speaks a newer version or is broken.";
    // Who may trade what.
    FirmKilled = 10, None, "The firm's kill switch is down.";
    AccountUnknown = 11, None, "No such account.";
    AccountDisabled = 12, None, "The account is disabled by `enabled = false`.";
    AccountKilled = 13, None, "The account's kill switch is down.";
    StrategyUnknown = 14, None, "No such strategy.";
    StrategyDisabled = 15, None, "The strategy is disabled by `enabled = false`.";
    StrategyKilled = 16, None, "The strategy's kill switch is down.";
    AccountNotPermitted = 17, None, "The strategy may not trade for this account: see `accounts` of the strategy.";
    SymbolUnknown = 18, None, "No such symbol.";
    SymbolDisabled = 19, None, "The symbol is disabled by `enabled = false`.";
    SymbolKilled = 20, None, "The symbol's kill switch is down.";
    LimitsAbsent = 21, None, "The account has no limits, so it can send nothing: give it some, or write \"off\".";
    BrokerLinkDown = 22, None, "The link to the symbol's broker is down.";
    BreakerOpen = 23, None, "The breaker of the link to the symbol's broker is open.";
    SymbolRestricted = 24, None, "The account or the strategy may not trade this symbol: see `restricted`.";
    StrategyUnattended = 25, Count, "The strategy has sent `orders_unattended_max` orders since a person last raised it: raise it.";
    DeskDisabled = 26, None, "The account's desk is disabled by `enabled = false`.";
    DeskKilled = 27, None, "The kill switch of the account's desk is down.";
    GroupDisabled = 28, None, "A group that the symbol is in is disabled by `enabled = false`.";
    GroupKilled = 29, None, "The kill switch of a group that the symbol is in is down.";
    // The order as it is written.
    ClientOrderIdInvalid = 30, None, "The client order id is empty, has bytes that are not printable ASCII, or begins with `exit-`, as the gate's own do.";
    ClientOrderIdDuplicate = 31, None, "The account has used this client order id before.";
    SideInvalid = 32, None, "The side is neither buy nor sell.";
    OrderTypeInvalid = 33, None, "Not an order type that the gate knows.";
    OrderTypeNotPermitted = 34, None, "The symbol does not take this order type: see `order_types`.";
    TimeInForceInvalid = 35, None, "Not a time in force that the gate knows.";
    TimeInForceNotPermitted = 36, None, "The symbol does not take this time in force: see `times_in_force`.";
    PriceNotAllowed = 37, Price, "A market order carries a price.";
    PriceOffTick = 38, Price, "The price is not a whole number of ticks.";
    PriceBelowMin = 39, Price, "The price is below the symbol's `price_min`, or not positive where none is set.";
    PriceAboveMax = 40, Price, "The price is above the symbol's `price_max`.";
    QtyZero = 41, Qty, "The quantity is zero or wider than any order may be.";
    QtyOffLot = 42, Qty, "The quantity is not a whole number of lots.";
    QtyBelowMin = 43, Qty, "The quantity is below the symbol's `qty_min`.";
    QtyAboveSymbolMax = 44, Qty, "The quantity is above the symbol's `qty_max`.";
    MarketClosed = 45, None, "The symbol's calendar says that it is closed.";
    PhaseNotPermitted = 46, None, "The phase of the trading day does not take this order type or time in force.";
    SaleMarkInvalid = 47, None, "Not a mark of a sale that the gate knows, or a purchase that has one.";
    // What a cancel or a replace is about.
    OrderUnknown = 50, None, "No live or remembered order has this id.";
    OrderClosed = 51, None, "The order is closed already.";
    ReplacePending = 52, None, "A replace of the order waits for its answer.";
    CancelPending = 53, None, "A cancel of the order waits for its answer.";
    OrderInDoubt = 54, None, "What became of the order is not known: it can be cancelled, not replaced.";
    ReplaceOfMarketOrder = 55, None, "A market order cannot be replaced.";
    QtyBelowFilled = 56, Qty, "The new quantity is not above what has been filled.";
    // Limits on one order.
    QtyAboveMax = 60, Qty, "The quantity is above `order_qty_max`.";
    NotionalAboveMax = 61, Notional, "Price times quantity is above `order_notional_max`.";
    ReferenceAbsent = 62, None, "No reference price yet: a control or the order's value needs one.";
    ReferenceUnusable = 63, None, "The last price was crossed, not positive, or a jump that nothing has confirmed.";
    ReferenceStale = 64, Nanos, "The reference price is older than `reference_age_max`.";
    PriceOutsideCollar = 65, Price, "The price is further from the reference than `price_collar_bps`.";
    NotionalBelowMin = 66, Notional, "The order is worth less than the symbol's `notional_min`, and does not only reduce the account's position.";
    ReferenceMoved = 67, Price, "The reference has moved further than `reference_move_bps` within `reference_move_window`.";
    // Limits on many orders.
    OrderRateAboveMax = 70, Count, "More orders within the window than `order_rate` allows.";
    OrderDuplicate = 71, Nanos, "Same side, price and quantity as `duplicate_count` earlier orders within `duplicate_window`.";
    OrdersOpenAboveMax = 72, Count, "More live orders than `open_orders_max`.";
    OpenNotionalAboveMax = 73, Notional, "The value of live orders would be above `open_notional_max`.";
    PositionQtyAboveMax = 74, Qty, "The position could become larger than `position_qty_max`.";
    PositionValueAboveMax = 75, Notional, "The position could become worth more than `position_value_max`.";
    GrossExposureAboveMax = 76, Notional, "The sum over symbols could become worth more than `gross_exposure_max`.";
    ExposureOverflow = 77, None, "A sum does not fit its type: no real limit can be that high.";
    // Room in the gate's tables.
    OrdersFull = 80, Count, "As many orders live as `capacity.orders` less `capacity.orders_closed`: raise `capacity.orders`.";
    ClientOrderIdsFull = 81, Count, "The table of client order ids is full: raise `capacity.client_order_ids`.";
    PositionsFull = 82, Count, "The table of positions is full: raise `capacity.positions`.";
    DuplicatesFull = 83, Count, "The window of recent orders is full: raise `capacity.duplicates_per_window`.";
    // Further limits on many orders.
    NewOrderRateAboveMax = 84, Count, "More new orders within the window than `new_order_rate` allows.";
    ReplaceRateAboveMax = 85, Count, "More replaces within the window than `replace_rate` allows.";
    CancelRateAboveMax = 86, Count, "More cancels within the window than `cancel_rate`: cancels pass, orders wait until there are fewer.";
    NetExposureAboveMax = 87, Notional, "All positions together, bought less sold, could become worth more than `net_exposure_max`.";
    DayQtyAboveMax = 88, Qty, "What was traded in the day and may still fill would be above `day_qty_max`.";
    DayValueAboveMax = 89, Notional, "What was traded in the day and may still fill would be worth more than `day_value_max`.";
    DayOrdersAboveMax = 90, Count, "More orders and replaces in the day than `day_orders_max`.";
    OrderToTradeAboveMax = 91, Count, "More orders, replaces and cancels for the day's trades than `order_to_trade` allows.";
    CancelToTradeAboveMax = 92, Count, "More cancels for the day's trades than `cancel_to_trade`: cancels pass, orders wait for trades.";
    SelfMatch = 93, Price, "The order would trade with a live one of the same owner, at the price told: see `self_match`.";
    ShortSaleUnmarked = 94, None, "The sale is of more than the account owns and is not marked short.";
    ShortSaleNotPermitted = 95, None, "The sale is of more than the account owns: see `short_sales` of the account and `borrow` of the symbol.";
    LocateAboveMax = 96, Qty, "The symbol is hard to borrow, and not as much has been located for the account today: `portcullis locate`.";
    FundsAboveMax = 97, Notional, "Purchases would cost more than the account's `funds`.";
    LevelPaused = 98, Nanos, "A response has paused the level told, for so long: see `[[response]]`. Persons may raise it.";
    LevelSlowed = 99, Nanos, "A response has slowed the level told: its orders pass so far apart.";
    BasketRefused = 100, None, "Another order of the basket was refused, so none has left.";
    BasketLinesAboveMax = 101, Count, "The basket has more orders than `basket_lines_max`.";
    BasketNotionalAboveMax = 102, Notional, "The orders of the basket are worth more than `basket_notional_max`.";
    OrderCut = 103, Qty, "The order has passed, cut to what the limits allow: the quantity approved, and the one asked for.";
    // Of a parent order.
    ParentMismatch = 104, Qty, "A parent order needs a number and a quantity, and each child the symbol, side and quantity that the first one gave.";
    ParentQtyAboveMax = 105, Qty, "The children of the parent order, live ones counted as filled, would come to more than its quantity.";
    ParentsFull = 106, Count, "The table of parent orders is full: raise `capacity.parents`.";
    // Of money.
    CurrencyRateUnknown = 107, None, "What the symbol's currency is worth is not known now, or that of something held has never been: see `rate` or `rate_symbol` of the currency.";
    LossAboveMax = 109, Notional, "The level told has lost more than it may, and the order does not only reduce a position: persons must raise it.";
    LossUnknown = 110, Count, "The level told may lose only so much, and so many of its positions cannot be valued now: only what reduces passes.";
    ExitUnderWay = 111, None, "The gate is closing the account's position in this symbol: nothing else passes there until it is closed.";
    // Limits on tails.
    TailUnknown = 114, None, "A limit on a tail needs returns or a price of a symbol that nobody has told: see `[tail]`.";
    ValueAtRiskAboveMax = 115, Notional, "The loss that few days of history exceed would be above `value_at_risk_max`.";
    ShortfallAboveMax = 116, Notional, "The mean loss of the worst days would be above `expected_shortfall_max`.";
    StressLossAboveMax = 117, Notional, "The loss in the worst stress would be above `stress_loss_max`.";
    MarginAboveMax = 118, Notional, "The loss in the worst scenario of margin would be above `margin_max`.";
    ClusterShareAboveMax = 119, Notional, "The symbol's cluster would hold more of the level's risk than `cluster_share_max`.";
}

/// A set of reasons: every control that one order failed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Pod, Zeroable)]
#[repr(transparent)]
pub struct Failed([u64; 2]);

impl Failed {
    /// No control failed.
    pub const NONE: Self = Self([0; 2]);

    /// Adds `reason` where `breached`. No branch: a refusal must cost no more than an acceptance.
    #[inline(always)]
    pub fn note(&mut self, reason: RejectReason, breached: bool) {
        let number = reason as u16 as usize;
        self.0[number >> 6] |= u64::from(breached) << (number & 63);
    }

    /// True where no control failed.
    #[inline]
    pub const fn is_empty(self) -> bool {
        self.0[0] | self.0[1] == 0
    }

    /// True where nothing but this one failed, if that.
    pub fn is_only(self, reason: RejectReason) -> bool {
        let mut one = Self::NONE;
        one.note(reason, true);
        self.is_within(one)
    }

    /// True where anything that failed is in `other`.
    pub const fn meets(self, other: Self) -> bool {
        self.0[0] & other.0[0] != 0 || self.0[1] & other.0[1] != 0
    }

    /// True where all that failed is in `other`.
    pub const fn is_within(self, other: Self) -> bool {
        self.0[0] & !other.0[0] == 0 && self.0[1] & !other.0[1] == 0
    }

    /// The first breach, in the order of the checks.
    #[inline]
    pub fn first(self) -> Option<RejectReason> {
        let number = match self.0 {
            [0, 0] => return None,
            [0, high] => 64 + high.trailing_zeros(),
            [low, _] => low.trailing_zeros(),
        };
        RejectReason::from_number(number as u16)
    }

    /// True where `reason` is in the set.
    pub const fn contains(self, reason: RejectReason) -> bool {
        let number = reason as u16 as usize;
        self.0[number >> 6] >> (number & 63) & 1 == 1
    }

    /// The reasons, in the order of the checks.
    pub fn iter(self) -> impl Iterator<Item = RejectReason> {
        RejectReason::ALL
            .iter()
            .copied()
            .filter(move |reason| self.contains(*reason))
    }

    /// The bits, as they stand on the wire and in the journal.
    pub const fn bits(self) -> [u64; 2] {
        self.0
    }

    /// From bits of a journal.
    pub const fn from_bits(bits: [u64; 2]) -> Self {
        Self(bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_rise_in_the_order_of_the_checks_and_fit_the_set() {
        for pair in RejectReason::ALL.windows(2) {
            assert!(
                (pair[0] as u16) < pair[1] as u16,
                "{:?} before {:?}",
                pair[0],
                pair[1]
            );
        }
        for &reason in RejectReason::ALL {
            assert!((reason as u16) < 128);
            assert_eq!(RejectReason::from_number(reason as u16), Some(reason));
        }
    }

    #[test]
    fn the_first_of_a_set_is_the_first_check() {
        let mut failed = Failed::NONE;
        assert_eq!(failed.first(), None);
        failed.note(RejectReason::OrdersFull, true);
        failed.note(RejectReason::QtyAboveMax, true);
        failed.note(RejectReason::FirmKilled, false);
        assert_eq!(failed.first(), Some(RejectReason::QtyAboveMax));
        let all: Vec<_> = failed.iter().collect();
        assert_eq!(all, [RejectReason::QtyAboveMax, RejectReason::OrdersFull]);
    }
}
