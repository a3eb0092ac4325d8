//! Every fixed-size message that crosses a socket, a ring or the disk.
//!
//! All are one [`Frame`]: a head of 128 bytes, which is a [`Header`] of 32 and a body of 96, and up to
//! 255 continuation frames of the same size. One layout from socket to ring to journal: little-endian,
//! no hidden padding, reserved bytes zero. A frame is plain memory, so it is never parsed: the body
//! of a [`Kind`] is looked at in place.
//!
//! Enumerations travel as bytes and are checked where they are used: a byte that names nothing is a
//! refusal with a reason, never undefined behaviour.

use crate::reject::{Failed, RejectReason};
use crate::units::{
    AccountId, BrokerId, Money, Nanos, OrderId, Position, Price, Qty, StrategyId, SymbolId,
};
use bytemuck::{Pod, Zeroable};
use std::fmt;

/// The size of every frame in bytes.
pub const FRAME_SIZE: usize = 128;
/// The size of a header in bytes.
pub const HEADER_SIZE: usize = 32;
/// The size of a body in bytes.
pub const BODY_SIZE: usize = FRAME_SIZE - HEADER_SIZE;
/// How long a client order id, or an execution id, may be, in bytes.
pub const TEXT_SIZE: usize = 36;

/// What a frame is. The number stands in the header.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[repr(u8)]
pub enum Kind {
    /// Strategy to gate: [`NewOrder`].
    NewOrder = 1,
    /// Strategy to gate: [`Cancel`].
    Cancel = 2,
    /// Strategy to gate: [`Replace`].
    Replace = 3,
    /// Strategy to gate: [`Basket`], and its orders in continuation frames.
    Basket = 4,
    /// Gate to strategy: [`Execution`].
    Execution = 16,
    /// Gate to strategy: [`Refusal`].
    Refusal = 17,
    /// Gate to broker: [`BrokerRequest`], an order.
    BrokerNew = 32,
    /// Gate to broker: [`BrokerRequest`], a cancel.
    BrokerCancel = 33,
    /// Gate to broker: [`BrokerRequest`], a replace.
    BrokerReplace = 34,
    /// Gate to broker: [`BrokerRequest`], what became of this order?
    BrokerStatus = 35,
    /// Broker to gate: [`Report`].
    Report = 48,
    /// The broker stage to risk: [`Link`].
    Link = 49,
    /// Market data to gate: [`Quote`].
    Quote = 64,
    /// An operator to risk: [`Control`], a kill.
    Kill = 80,
    /// An operator to risk: [`Control`], a raise.
    Raise = 81,
    /// An operator to risk: [`Settle`], what became of an order in doubt.
    Settle = 82,
    /// The risk stage to its core: time has come to a deadline, or work goes on.
    Tick = 83,
    /// The strategy stage to risk: [`SessionChange`].
    SessionChange = 84,
    /// An operator to risk: [`Locate`], what may be borrowed.
    Locate = 85,
    /// An operator to risk: [`Override`], one order that may pass.
    Override = 86,
    /// An operator to risk: [`LimitChange`], another limit.
    Limit = 87,
    /// An operator, or the gate where it reconciles, to risk: [`Adjust`], a book is corrected.
    Adjust = 88,
    /// In the journal alone: [`Checkpoint`], the digest of the state here.
    Checkpoint = 96,
    /// In the journal alone: a part of the opening record, in continuation frames.
    Opening = 97,
    /// The session layer of the native protocol: bodies in `protocol::native`.
    Challenge = 128,
    /// Session layer.
    Logon = 129,
    /// Session layer.
    Welcome = 130,
    /// Session layer: the id of a name.
    Definition = 131,
    /// Session layer.
    Heartbeat = 132,
    /// Session layer.
    Logout = 133,
}

impl Kind {
    /// The kind of a byte, if it is one.
    #[inline]
    pub const fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            1 => Self::NewOrder,
            2 => Self::Cancel,
            3 => Self::Replace,
            4 => Self::Basket,
            16 => Self::Execution,
            17 => Self::Refusal,
            32 => Self::BrokerNew,
            33 => Self::BrokerCancel,
            34 => Self::BrokerReplace,
            35 => Self::BrokerStatus,
            48 => Self::Report,
            49 => Self::Link,
            64 => Self::Quote,
            80 => Self::Kill,
            81 => Self::Raise,
            82 => Self::Settle,
            83 => Self::Tick,
            84 => Self::SessionChange,
            85 => Self::Locate,
            86 => Self::Override,
            87 => Self::Limit,
            88 => Self::Adjust,
            96 => Self::Checkpoint,
            97 => Self::Opening,
            128 => Self::Challenge,
            129 => Self::Logon,
            130 => Self::Welcome,
            131 => Self::Definition,
            132 => Self::Heartbeat,
            133 => Self::Logout,
            _ => return None,
        })
    }
}

/// What stands in front of every body.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct Header {
    /// Counts the sender's messages on this session or link, from 1. Zero: not a counted message.
    pub sequence: u64,
    /// When the gate took it in. On a wire towards the gate: zero, or the sender's own time.
    pub time: Nanos,
    /// Given by the gate where a command enters, kept by all that follows from it.
    pub correlation: u64,
    /// Whose session it came by or goes to. On a wire towards the gate: zero, the gate knows.
    pub strategy: StrategyId,
    /// Bits of [`flags`]. On any wire: zero.
    pub flags: u16,
    /// A [`Kind`].
    pub kind: u8,
    /// How many continuation frames follow the head.
    pub continuation_count: u8,
}

/// What the stage that hands an event to the core knows and the core does not.
pub mod flags {
    /// The rings behind the core have no room for a new order.
    pub const BUSY: u16 = 1;
    /// The journal has no room for new orders.
    pub const JOURNAL_FULL: u16 = 2;
    /// The journal cannot be written.
    pub const JOURNAL_FAILED: u16 = 4;
    /// The gate starts or stops: it takes in nothing new.
    pub const NOT_READY: u16 = 8;
    /// Every flag there is.
    pub const ALL: u16 = BUSY | JOURNAL_FULL | JOURNAL_FAILED | NOT_READY;
}

/// One message, or one continuation of 128 bytes of data.
#[derive(Clone, Copy, Eq, PartialEq, Pod, Zeroable)]
#[repr(C, align(64))]
pub struct Frame {
    /// Who, when, what.
    pub header: Header,
    /// One of the bodies below.
    body: [u64; BODY_SIZE / 8],
}

/// A body and the size it must have.
pub trait Body: Pod {
    /// True where every reserved byte is zero.
    fn reserved_is_zero(&self) -> bool;
}

impl Frame {
    /// A head frame.
    #[inline]
    pub fn new<B: Body>(kind: Kind, header: Header, body: B) -> Self {
        const { assert!(size_of::<B>() == BODY_SIZE && align_of::<B>() <= 8) };
        Self {
            header: Header {
                kind: kind as u8,
                ..header
            },
            body: bytemuck::must_cast(body),
        }
    }

    /// What it is; `None` where the byte names nothing.
    #[inline]
    pub const fn kind(&self) -> Option<Kind> {
        Kind::from_byte(self.header.kind)
    }

    /// The body, read as `B`. The caller has looked at the kind; a wrong `B` gives wrong numbers,
    /// nothing worse.
    #[inline(always)]
    pub fn body<B: Body>(&self) -> &B {
        const { assert!(size_of::<B>() == BODY_SIZE && align_of::<B>() <= 8) };
        bytemuck::must_cast_ref(&self.body)
    }

    /// The body, to be changed.
    #[inline(always)]
    pub fn body_mut<B: Body>(&mut self) -> &mut B {
        const { assert!(size_of::<B>() == BODY_SIZE && align_of::<B>() <= 8) };
        bytemuck::must_cast_mut(&mut self.body)
    }

    /// As bytes, as it goes on a wire or to the disk.
    #[inline]
    pub fn bytes(&self) -> &[u8; FRAME_SIZE] {
        bytemuck::must_cast_ref(self)
    }

    /// As bytes, to be filled: how a continuation frame is written.
    #[inline]
    pub fn bytes_mut(&mut self) -> &mut [u8; FRAME_SIZE] {
        bytemuck::must_cast_mut(self)
    }

    /// From bytes of any alignment.
    #[inline]
    pub fn from_bytes(bytes: &[u8; FRAME_SIZE]) -> Self {
        bytemuck::pod_read_unaligned(bytes)
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = out.debug_struct("Frame");
        out.field("header", &self.header);
        match self.kind() {
            Some(Kind::NewOrder) => out.field("body", self.body::<NewOrder>()),
            Some(Kind::Cancel) => out.field("body", self.body::<Cancel>()),
            Some(Kind::Replace) => out.field("body", self.body::<Replace>()),
            Some(Kind::Execution) => out.field("body", self.body::<Execution>()),
            Some(Kind::Refusal) => out.field("body", self.body::<Refusal>()),
            Some(Kind::Report) => out.field("body", self.body::<Report>()),
            Some(Kind::Quote) => out.field("body", self.body::<Quote>()),
            _ => out.field("body", &self.body),
        };
        out.finish()
    }
}

/// A short text of printable ASCII, filled up with zeros: an id as its sender wrote it.
#[derive(Clone, Copy, Eq, Hash, PartialEq, Pod, Zeroable)]
#[repr(transparent)]
pub struct Text([u8; TEXT_SIZE]);

impl Text {
    /// No text.
    pub const EMPTY: Self = Self([0; TEXT_SIZE]);

    /// `None` where it is longer than 36 bytes or has anything but printable ASCII.
    pub fn new(text: &str) -> Option<Self> {
        let mut bytes = [0; TEXT_SIZE];
        bytes
            .get_mut(..text.len())?
            .copy_from_slice(text.as_bytes());
        let text = Self(bytes);
        (text.is_empty() || text.is_id()).then_some(text)
    }

    /// Two parts of a text that is known to fit and to be clean; what does not fit is left out.
    pub(crate) fn of_parts(first: &[u8], second: &[u8]) -> Self {
        let mut bytes = [0; TEXT_SIZE];
        for (to, from) in bytes.iter_mut().zip(first.iter().chain(second)) {
            *to = *from;
        }
        Self(bytes)
    }

    /// True where it is not empty, all printable ASCII, and zero behind its end.
    #[inline]
    pub fn is_id(&self) -> bool {
        self.0[0] != 0 && self.is_clean()
    }

    /// True for no text at all.
    pub fn is_empty(&self) -> bool {
        self.0 == [0; TEXT_SIZE]
    }

    /// The bytes, with the zeros behind.
    #[inline]
    pub const fn bytes(&self) -> &[u8; TEXT_SIZE] {
        &self.0
    }

    /// As text; what is not clean shows as nothing.
    pub fn as_str(&self) -> &str {
        let len = self
            .0
            .iter()
            .position(|&byte| byte == 0)
            .unwrap_or(TEXT_SIZE);
        std::str::from_utf8(&self.0[..len]).unwrap_or("")
    }

    /// Eight bytes at a time, and no further than the text: this runs for every order.
    #[inline]
    fn is_clean(&self) -> bool {
        let [first, second, third, fourth, last] = self.words();
        // Most ids are short.
        if third | fourth | last == 0 {
            let (first_is_clean, first_is_full) = look(first);
            return first_is_clean & look(second).0 & (first_is_full | (second == 0));
        }
        self.is_clean_long()
    }

    fn is_clean_long(&self) -> bool {
        let mut is_open = true;
        self.words().into_iter().all(|word| {
            let (is_clean, is_full) = look(word);
            // What is behind the end must be zero.
            let may_stand = is_open || word == 0;
            is_open &= is_full;
            is_clean && may_stand
        })
    }

    /// The text as numbers; the last one holds four bytes.
    #[inline(always)]
    pub(crate) fn words(&self) -> [u64; 5] {
        let word = |at: usize, size: usize| {
            let mut word = [0; 8];
            word[..size].copy_from_slice(&self.0[at..at + size]);
            u64::from_le_bytes(word)
        };
        [
            word(0, 8),
            word(8, 8),
            word(16, 8),
            word(24, 8),
            word(32, 4),
        ]
    }
}

/// True where a word is printable ASCII and, behind that, zeros; and true where it is full of text.
#[inline(always)]
const fn look(word: u64) -> (bool, bool) {
    // The high bit of each byte is the answer for that byte. Sums do not reach into the next byte
    // where no byte has its own high bit, and where one has, it is dirty.
    let low = word & !HIGHS;
    let is_some = low + !HIGHS;
    let is_printable = (low + 0x60 * ONES) & !(low + ONES);
    let is_dirty = (word | (is_some & !is_printable)) & HIGHS;
    // Whole bytes of ones where there is text: a number of the form 2^n - 1 has no gap.
    let text = ((is_some & HIGHS) >> 7).wrapping_mul(0xff);
    let is_clean = (is_dirty == 0) & (text & text.wrapping_add(1) == 0);
    (is_clean, text == u64::MAX)
}

/// A one in every byte, and the high bit of every byte.
const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x80 * ONES;

impl Default for Text {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:?}", self.as_str())
    }
}

impl fmt::Display for Text {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

macro_rules! wire_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $number:literal, $text:literal;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        #[repr(u8)]
        pub enum $name { $($(#[$variant_doc])* $variant = $number,)* }

        impl $name {
            /// Every value.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The value of a byte, if it is one.
            #[inline(always)]
            pub const fn from_byte(byte: u8) -> Option<Self> {
                match byte { $($number => Some(Self::$variant),)* _ => None }
            }

            /// As users write it.
            pub const fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// From what users write.
            pub fn from_text(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

pub(crate) use wire_enum;

mod limit;
pub use limit::LimitKey;

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

macro_rules! bodies {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* } reserved [$($reserved:ident),*];)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, Eq, PartialEq, Pod, Zeroable)]
            #[repr(C)]
            pub struct $name { $($(#[$field_doc])* pub $field: $type,)* }

            const _: () = assert!(size_of::<$name>() == BODY_SIZE);
            const _: () = assert!(align_of::<$name>() <= 8);

            impl Default for $name {
                fn default() -> Self {
                    Self::zeroed()
                }
            }

            impl Body for $name {
                #[inline(always)]
                fn reserved_is_zero(&self) -> bool {
                    true $(& crate::message::is_zero(&self.$reserved))*
                }
            }
        )*
    };
}

/// Compared as a whole, which the compiler makes a few wide loads of.
#[inline(always)]
pub(crate) fn is_zero<const SIZE: usize>(bytes: &[u8; SIZE]) -> bool {
    *bytes == [0; SIZE]
}

bodies! {
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
        /// Zero.
        reserved_0: [u8; 6],
        /// The parent order that it is a child of: a number that the strategy chooses, its own in the
        /// account; zero where there is none.
        parent: u64,
        /// How much that is: all its children together never come to more.
        parent_qty: Qty,
        /// Where the position that it makes or adds to is closed, at such a loss: a part of what it has
        /// cost, in hundredths of a basis point. Zero in both: as its strategy's positions are.
        stop_loss_bps: u32,
        /// The same at such a gain.
        take_profit_bps: u32,
    } reserved [reserved_0];

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

pub(crate) use bodies;

/// A refusal's limit and value as two words.
pub const fn split_wide(value: i128) -> [u64; 2] {
    [value as u64, (value >> 64) as u64]
}

/// Two words as the limit or value of a refusal.
pub const fn join_wide(words: [u64; 2]) -> i128 {
    (words[1] as i128) << 64 | words[0] as i128
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

const _: () = assert!(size_of::<Header>() == HEADER_SIZE);
const _: () = assert!(size_of::<Frame>() == FRAME_SIZE);
const _: () = assert!(align_of::<Frame>() == 64);
const _: () = assert!(
    cfg!(target_endian = "little"),
    "frames are little-endian memory"
);

#[cfg(test)]
mod tests {
    use super::*;

    fn clean_slow(bytes: &[u8; TEXT_SIZE]) -> bool {
        let len = bytes
            .iter()
            .position(|&byte| byte == 0)
            .unwrap_or(TEXT_SIZE);
        bytes[..len].iter().all(|byte| (0x20..0x7f).contains(byte))
            && bytes[len..].iter().all(|&byte| byte == 0)
    }

    #[test]
    fn a_text_is_clean_exactly_when_the_slow_check_says_so() {
        for len in 0..=TEXT_SIZE {
            for at in 0..TEXT_SIZE {
                for byte in [0u8, 1, 0x1f, 0x20, b'a', 0x7e, 0x7f, 0x80, 0xa0, 0xff] {
                    let mut bytes = [0; TEXT_SIZE];
                    bytes[..len].fill(b'x');
                    bytes[at] = byte;
                    assert_eq!(Text(bytes).is_clean(), clean_slow(&bytes), "{bytes:?}");
                }
            }
        }
    }

    #[test]
    fn a_body_comes_back_as_it_went_in() {
        let order = NewOrder {
            qty: Qty::from_raw(5),
            side: 1,
            ..NewOrder::default()
        };
        let frame = Frame::new(Kind::NewOrder, Header::default(), order);
        assert_eq!(frame.kind(), Some(Kind::NewOrder));
        assert_eq!(*frame.body::<NewOrder>(), order);
        assert_eq!(Frame::from_bytes(frame.bytes()), frame);
    }

    #[test]
    fn wide_numbers_survive_their_words() {
        for value in [0, 1, -1, i128::MAX, i128::MIN, 1 << 64, -(1 << 70)] {
            assert_eq!(join_wide(split_wide(value)), value);
        }
    }
}
