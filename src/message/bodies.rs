//! Bodies: what each kind of message says.
//!
//! Pure.

use super::{BODY_SIZE, Body, Text};
use crate::reject::{Failed, RejectReason};
use crate::units::{
    AccountId, BrokerId, Money, Nanos, OrderId, Position, Price, Qty, StrategyId, SymbolId,
};
use bytemuck::{Pod, Zeroable};

wire_bodies! {
    /// An order, as a strategy sends it.
    NewOrder {
        /// The limit price; zero for a market order.
        price: Price,
        /// How much.
        qty: Qty,
        /// For which account.
        account: AccountId,
        /// What.
        symbol: SymbolId,
        /// The strategy's own id of the order: never used before in this account.
        client_order_id: Text,
        /// A [`Side`].
        side: u8,
        /// An [`OrderType`].
        order_type: u8,
        /// A [`TimeInForce`].
        time_in_force: u8,
        /// A [`SaleMark`], or zero where nothing is said.
        mark: u8,
        /// How many bytes of the continuation frames are to be passed on to the broker.
        passthrough_size: u16,
        /// Where the position that it makes or adds to is closed: once its price has turned so far from
        /// its best, in basis points of that. Zero in all five: as its strategy's positions are.
        trailing_stop_bps: u16,
        /// The same, at no gain once it has gained so much: in basis points of what it has cost.
        break_even_bps: u16,
        /// The same, after so many seconds.
        hold_max_secs: u16,
        /// The parent order that it is a child of: a number that the strategy chooses, its own in the
        /// account; zero where there is none.
        parent: u64,
        /// How much that is: all its children together never come to more.
        parent_qty: Qty,
        /// The same at such a loss: a part of what it has cost, in hundredths of a basis point.
        stop_loss_bps: u32,
        /// The same at such a gain.
        take_profit_bps: u32,
    } reserved [];

    /// A cancel, as a strategy sends it.
    Cancel {
        /// The id of this request.
        client_order_id: Text,
        /// The order to be cancelled.
        original_id: Text,
        /// Of which account.
        account: AccountId,
        /// Zero.
        reserved: [u8; 20],
    } reserved [reserved];

    /// A replace, as a strategy sends it.
    Replace {
        /// The new limit price.
        price: Price,
        /// The new quantity in all, what has been filled included.
        qty: Qty,
        /// Of which account.
        account: AccountId,
        /// The order's id once the replace is done: never used before in this account.
        client_order_id: Text,
        /// The order to be replaced.
        original_id: Text,
        /// How many bytes of the continuation frames are to be passed on to the broker.
        passthrough_size: u16,
        /// Zero.
        reserved: [u8; 2],
    } reserved [reserved];

    /// Orders that pass together or not at all. Each is a continuation frame: a [`NewOrder`] behind a
    /// header of which only the kind is not zero.
    Basket {
        /// The strategy's own id of the basket.
        client_order_id: Text,
        /// Zero.
        reserved: [u8; 60],
    } reserved [reserved];

    /// What happened to an order, as its strategy hears it.
    Execution {
        /// The gate's number of the order.
        order_id: OrderId,
        /// The quantity of this fill, or zero.
        qty: Qty,
        /// The price of this fill, or the order's.
        price: Price,
        /// What still stands.
        leaves: Qty,
        /// What has been filled in all.
        filled: Qty,
        /// The fee of this fill.
        fee: Money,
        /// Which account.
        account: AccountId,
        /// The id of the order, or of the request that this answers.
        client_order_id: Text,
        /// An [`Exec`].
        exec: u8,
        /// An [`OrderState`].
        state: u8,
        /// The broker's own number for why, or zero.
        broker_reason: u16,
        /// Zero.
        reserved: [u8; 4],
    } reserved [reserved];

    /// Why a command was refused, as its strategy hears it.
    Refusal {
        /// The limit that was breached, a signed 128-bit integer, low half first.
        limit: [u64; 2],
        /// What was found, likewise.
        value: [u64; 2],
        /// Every control that failed.
        failed: Failed,
        /// The account as the command named it.
        account: AccountId,
        /// The id of the refused command.
        client_order_id: Text,
        /// A [`RejectReason`].
        reason: u16,
        /// The [`Kind`] of the refused command.
        command: u8,
        /// The [`Scope`] of whose limit that is, or zero.
        scope: u8,
        /// Which of that scope: its place in the configuration.
        target: u32,
    } reserved [];

    /// What the gate asks of a broker. The broker knows an order by `order_id`.
    BrokerRequest {
        /// The gate's number of the order.
        order_id: OrderId,
        /// The limit price; zero for a market order. Of a replace: the new one.
        price: Price,
        /// How much. Of a replace: the new quantity in all.
        qty: Qty,
        /// What.
        symbol: SymbolId,
        /// For which account.
        account: AccountId,
        /// Which request about this order, from 0: its cancels and replaces count up.
        request: u32,
        /// To which broker.
        broker: BrokerId,
        /// The strategy's own id of the order or of the request.
        client_order_id: Text,
        /// A [`Side`].
        side: u8,
        /// An [`OrderType`].
        order_type: u8,
        /// A [`TimeInForce`].
        time_in_force: u8,
        /// A [`SaleMark`], or zero where nothing was said.
        mark: u8,
        /// How many bytes of the continuation frames are for the broker.
        passthrough_size: u16,
        /// Zero.
        reserved: [u8; 14],
    } reserved [reserved];

    /// What a broker says happened.
    Report {
        /// The order, by the gate's number.
        order_id: OrderId,
        /// Of this fill; of a status: filled in all.
        qty: Qty,
        /// Of this fill.
        price: Price,
        /// Of a restatement or a status: what still stands.
        leaves: Qty,
        /// Of this fill.
        fee: Money,
        /// The broker's own time.
        broker_time: Nanos,
        /// Whose report. Set by the broker stage.
        broker: BrokerId,
        /// The broker's id of this event: the same id twice is the same event.
        exec_id: Text,
        /// An [`Exec`].
        exec: u8,
        /// For a status: the [`OrderState`] at the broker; pending while it works on a request. For a
        /// trade: a [`Liquidity`], or zero.
        state: u8,
        /// The broker's own number for why, or zero.
        broker_reason: u16,
        /// For a status: the last request about the order that the broker has had.
        request: u32,
    } reserved [];

    /// How a broker's link stands now.
    Link {
        /// Which.
        broker: BrokerId,
        /// A [`LinkState`].
        state: u8,
        /// Zero.
        reserved: [u8; 91],
    } reserved [reserved];

    /// A price to measure by.
    Quote {
        /// The best price to sell at.
        bid: Price,
        /// The best price to buy at.
        ask: Price,
        /// How much stands at the bid; zero: not said.
        bid_qty: Qty,
        /// How much stands at the ask; zero: not said.
        ask_qty: Qty,
        /// The feed's own time; told, never used to decide.
        source_time: Nanos,
        /// Of what.
        symbol: SymbolId,
        /// Zero.
        reserved_0: [u8; 4],
        /// The price of the last trade; zero: not said.
        last: Price,
        /// The last close; zero: not said.
        close: Price,
        /// Zero.
        reserved: [u8; 32],
    } reserved [reserved_0, reserved];

    /// A kill or a raise, by an operator.
    Control {
        /// Which of its kind; [`u32::MAX`] for the firm.
        target: u32,
        /// The operator: its place in the configuration; [`u32::MAX`] for the gate itself.
        operator: u32,
        /// A [`Scope`].
        scope: u8,
        /// Zero.
        reserved: [u8; 3],
        /// Why, in a few words.
        note: Text,
        /// Zero.
        reserved_1: [u8; 48],
    } reserved [reserved, reserved_1];

    /// What an operator says became of an order in doubt.
    Settle {
        /// Which.
        order_id: OrderId,
        /// Filled in all.
        filled: Qty,
        /// The average price of what was filled and not reported.
        price: Price,
        /// What still stands at the broker.
        leaves: Qty,
        /// The operator: its place in the configuration.
        operator: u32,
        /// Zero.
        reserved: [u8; 60],
    } reserved [reserved];

    /// What an operator says may be borrowed today, beside what was said before.
    Locate {
        /// How much.
        qty: Qty,
        /// By which account.
        account: AccountId,
        /// Of what.
        symbol: SymbolId,
        /// The operator: its place in the configuration.
        operator: u32,
        /// From whom, in a few words.
        note: Text,
        /// Zero.
        reserved: [u8; 40],
    } reserved [reserved];

    /// An operator lets one order, that is still to come, pass what is soft.
    Override {
        /// Of which account.
        account: AccountId,
        /// The operator: its place in the configuration.
        operator: u32,
        /// The id that the order will have.
        client_order_id: Text,
        /// Why, in a few words.
        note: Text,
        /// Zero.
        reserved: [u8; 16],
    } reserved [reserved];

    /// An operator changes a limit.
    LimitChange {
        /// What it is to be, low half first; all bits set: off.
        value: [u64; 2],
        /// Of which level of the scope, its place in the configuration; all bits set for the firm.
        target: u32,
        /// The operator: its place in the configuration.
        operator: u32,
        /// Why, in a few words.
        note: Text,
        /// A [`Scope`].
        scope: u8,
        /// A [`LimitKey`].
        limit: u8,
        /// Zero.
        reserved: [u8; 34],
    } reserved [reserved];

    /// A book is corrected.
    Adjust {
        /// How much the position changes: bought is positive.
        qty: Position,
        /// At which price.
        price: Price,
        /// What the account's cash changes beside that, in the currency that the symbol settles in.
        cash: Money,
        /// Whose.
        account: AccountId,
        /// In what.
        symbol: SymbolId,
        /// Whose book beside the account's; [`StrategyId::NONE`]: nobody's.
        strategy: StrategyId,
        /// The operator: its place in the configuration; [`u32::MAX`] for the gate itself.
        operator: u32,
        /// Why, in a few words: of a fill, the broker's id of it.
        note: Text,
        /// An [`AdjustKind`].
        kind: u8,
        /// Zero.
        reserved: [u8; 19],
    } reserved [reserved];

    /// An operator sets when an account's position is closed, or has it closed now. Parts are in
    /// hundredths of a basis point. Of each term: zero leaves it as it is, all bits set take it away.
    ExitChange {
        /// After so long from now.
        hold_max: Nanos,
        /// Whose position.
        account: AccountId,
        /// In what.
        symbol: SymbolId,
        /// The operator: its place in the configuration.
        operator: u32,
        /// At such a loss: a part of what it has cost.
        stop_loss_bps: u32,
        /// At such a gain: likewise.
        take_profit_bps: u32,
        /// Once its price has turned so far from its best: a part of that.
        trailing_stop_bps: u32,
        /// Once it has gained so much, at no gain: a part of what it has cost.
        break_even_bps: u32,
        /// Why, in a few words.
        note: Text,
        /// 1: it is closed now.
        close: u8,
        /// Zero.
        reserved: [u8; 23],
    } reserved [reserved];

    /// Nothing but its time.
    Tick {
        /// Zero.
        reserved: [u8; 96],
    } reserved [reserved];

    /// A strategy's session came or went.
    SessionChange {
        /// A [`LinkState`]: up or down.
        state: u8,
        /// 1: cancel the strategy's live orders now.
        cancel_orders: u8,
        /// Zero.
        reserved: [u8; 94],
    } reserved [reserved];

    /// The state's digest at this place in the journal.
    Checkpoint {
        /// The digest.
        digest: u64,
        /// How many events the core has taken.
        event_count: u64,
        /// How many orders live.
        orders_open_count: u64,
        /// Zero.
        reserved: [u8; 72],
    } reserved [reserved];
}

impl Refusal {
    /// The reason, if the number is one.
    pub const fn reason(&self) -> Option<RejectReason> {
        RejectReason::from_number(self.reason)
    }
}

impl LimitChange {
    /// What it is to be.
    pub const fn value(&self) -> u128 {
        (self.value[1] as u128) << 64 | self.value[0] as u128
    }
}

impl Quote {
    /// True where it tells of bid and ask: of nobody on either side too, but not of a trade or a close
    /// alone.
    pub fn tells_quote(&self) -> bool {
        let nothing = Price::default();
        let is_quote = self.bid != nothing || self.ask != nothing;
        is_quote || self.last == nothing && self.close == nothing
    }

    /// What stands once this has come behind another of its symbol: what it does not tell is as told
    /// before.
    pub fn behind(&self, earlier: &Self) -> Self {
        let later = |later, earlier| match later == Price::default() {
            true => earlier,
            false => later,
        };
        let of_quote = match self.tells_quote() {
            true => self,
            false => earlier,
        };
        Self {
            last: later(self.last, earlier.last),
            close: later(self.close, earlier.close),
            source_time: self.source_time,
            ..*of_quote
        }
    }
}
