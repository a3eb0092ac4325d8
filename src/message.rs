//! Every fixed-size message that crosses a socket, a ring or the disk.
//!
//! All are one [`Frame`]: a head of 128 bytes, which is a [`Header`] of 32 and a body of 96, and up to
//! 255 continuation frames of the same size. One layout from socket to ring to journal: little-endian,
//! no hidden padding, reserved bytes zero. A frame is plain memory, so it is never parsed: the body
//! of a [`Kind`] is looked at in place.
//!
//! Enumerations travel as bytes and are checked where they are used: a byte that names nothing is a
//! refusal with a reason, never undefined behaviour.

use crate::units::{Nanos, StrategyId};
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
    /// An operator to risk: [`ExitChange`], when a position is closed.
    Exit = 89,
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
            89 => Self::Exit,
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

macro_rules! wire_bodies {
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

pub(crate) use wire_bodies;

/// Compared as a whole, which the compiler makes a few wide loads of.
#[inline(always)]
pub(crate) fn is_zero<const SIZE: usize>(bytes: &[u8; SIZE]) -> bool {
    *bytes == [0; SIZE]
}

/// A refusal's limit and value as two words.
pub const fn split_wide(value: i128) -> [u64; 2] {
    [value as u64, (value >> 64) as u64]
}

/// Two words as the limit or value of a refusal.
pub const fn join_wide(words: [u64; 2]) -> i128 {
    (words[1] as i128) << 64 | words[0] as i128
}

mod bodies;
mod exit;
mod limit;
mod text;
mod words;
pub use bodies::*;
pub use limit::LimitKey;
pub use text::Text;
pub use words::*;

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
    use crate::units::Qty;

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
