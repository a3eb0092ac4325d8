//! Parser: bytes of a stream to messages, in place.
//!
//! Pure. Hot path.
//!
//! Every frame is 128 bytes, so a stream that is read into an [`Inbox`] keeps its frames aligned and
//! [`decode`] looks at them where they lie: nothing is copied and nothing is allocated. What a body
//! says is not judged here, but by the core, with a reason; what breaks the format ends the session.
//!
//! Invariants:
//! - The same bytes give the same messages, however they were cut.
//! - A unit, a head and its continuation frames, is handed on whole or not at all.

use crate::message::{
    Basket, Body, BrokerRequest, Cancel, Execution, FRAME_SIZE, Frame, Kind, NewOrder, Quote,
    Refusal, Replace, Report,
};
use crate::protocol::native::bodies::{
    Challenge, Definition, Fault, Heartbeat, Logon, Logout, LogoutReason, Welcome,
};
use bytemuck::Zeroable;
use std::fmt;

/// The frames of the largest unit that can be written at all: a head and 255 behind it.
pub const UNIT_FRAMES_MAX: usize = 256;

/// Between whom, and which way.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Path {
    /// Initiator to acceptor.
    StrategyToGate,
    /// Acceptor to initiator.
    GateToStrategy,
    /// Initiator to acceptor.
    GateToBroker,
    /// Acceptor to initiator.
    BrokerToGate,
    /// Initiator to acceptor.
    FeedToGate,
    /// Acceptor to initiator.
    GateToFeed,
}

impl Path {
    /// Whether a message of this kind may ever come this way.
    #[inline]
    pub const fn allows(self, kind: Kind) -> bool {
        match kind {
            Kind::NewOrder | Kind::Cancel | Kind::Replace | Kind::Basket => {
                matches!(self, Self::StrategyToGate)
            }
            Kind::Execution | Kind::Refusal => matches!(self, Self::GateToStrategy),
            Kind::BrokerNew | Kind::BrokerCancel | Kind::BrokerReplace | Kind::BrokerStatus => {
                matches!(self, Self::GateToBroker)
            }
            Kind::Report => matches!(self, Self::BrokerToGate),
            Kind::Quote => matches!(self, Self::FeedToGate),
            Kind::Logon => {
                matches!(
                    self,
                    Self::StrategyToGate | Self::GateToBroker | Self::FeedToGate
                )
            }
            Kind::Challenge | Kind::Welcome => {
                matches!(
                    self,
                    Self::GateToStrategy | Self::BrokerToGate | Self::GateToFeed
                )
            }
            Kind::Definition => {
                matches!(
                    self,
                    Self::GateToStrategy | Self::GateToBroker | Self::GateToFeed
                )
            }
            Kind::Heartbeat | Kind::Logout => true,
            _ => false,
        }
    }

    /// Whether it leads to the gate.
    #[inline]
    pub const fn is_to_gate(self) -> bool {
        matches!(
            self,
            Self::StrategyToGate | Self::BrokerToGate | Self::FeedToGate
        )
    }
}

/// What the answer of [`decode`] is.
#[derive(Clone, Copy, Debug)]
pub enum Decoded<'a> {
    /// Not all of it is here yet.
    Incomplete,
    /// A message.
    Message {
        /// The head. Its `continuation_count` is the sender's: count `continuations` instead.
        head: &'a Frame,
        /// The frames behind it; none where there were more than the bound: the core refuses such
        /// an order by its `passthrough_size`.
        continuations: &'a [Frame],
        /// So many frames were used.
        consumed: usize,
    },
    /// The stream cannot be trusted any more.
    Malformed(DecodeError),
}

/// How a message breaks the format. The numbers are on the wire, as `detail` of a logout.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u16)]
pub enum DecodeError {
    /// `kind` names nothing.
    KindUnknown = 1,
    /// A message of this kind never comes this way.
    KindNotAllowed = 2,
    /// `flags` is not zero.
    FlagsNotZero = 3,
    /// `strategy` is not zero, on the way to the gate.
    StrategyNotZero = 4,
    /// A message that does not count has a sequence.
    SequenceNotZero = 5,
    /// A reserved byte of the body is not zero.
    ReservedNotZero = 6,
    /// `continuation_count` is not what `passthrough_size` needs.
    ContinuationCountWrong = 7,
}

impl From<DecodeError> for Fault {
    fn from(error: DecodeError) -> Self {
        Self {
            detail: error as u16,
            ..Self::new(LogoutReason::Malformed)
        }
    }
}

/// Whether messages of this kind are counted by their sender.
#[inline]
pub const fn is_counted(kind: Kind) -> bool {
    (kind as u8) < Kind::Challenge as u8
}

/// The first message of `frames`, which are all the whole frames there are.
#[inline]
pub fn decode(frames: &[Frame], path: Path, continuations_max: u8) -> Decoded<'_> {
    let Some(head) = frames.first() else {
        return Decoded::Incomplete;
    };
    if let Err(error) = check(head, path) {
        return Decoded::Malformed(error);
    }
    let count = usize::from(head.header.continuation_count);
    let Some(continuations) = frames.get(1..=count) else {
        return Decoded::Incomplete;
    };
    let continuations = if usize::from(continuations_max) < count {
        &[]
    } else {
        continuations
    };
    Decoded::Message {
        head,
        continuations,
        consumed: 1 + count,
    }
}

#[inline]
fn check(head: &Frame, path: Path) -> Result<(), DecodeError> {
    let header = &head.header;
    let kind = head.kind().ok_or(DecodeError::KindUnknown)?;
    if !path.allows(kind) {
        return Err(DecodeError::KindNotAllowed);
    }
    if header.flags != 0 {
        return Err(DecodeError::FlagsNotZero);
    }
    if path.is_to_gate() && header.strategy.0 != 0 {
        return Err(DecodeError::StrategyNotZero);
    }
    if !is_counted(kind) && header.sequence != 0 {
        return Err(DecodeError::SequenceNotZero);
    }
    let (reserved_is_zero, passthrough_size) = match kind {
        Kind::NewOrder => sized(head.body::<NewOrder>(), |body| body.passthrough_size),
        Kind::Replace => sized(head.body::<Replace>(), |body| body.passthrough_size),
        Kind::BrokerNew | Kind::BrokerReplace => {
            sized(head.body::<BrokerRequest>(), |body| body.passthrough_size)
        }
        Kind::Cancel => sized(head.body::<Cancel>(), |_| 0),
        // Its orders are its continuations, however many: the core says whether too many.
        Kind::Basket => {
            let behind = u16::from(header.continuation_count) * FRAME_SIZE as u16;
            sized(head.body::<Basket>(), |_| behind)
        }
        Kind::BrokerCancel | Kind::BrokerStatus => sized(head.body::<BrokerRequest>(), |_| 0),
        Kind::Execution => sized(head.body::<Execution>(), |_| 0),
        Kind::Refusal => sized(head.body::<Refusal>(), |_| 0),
        Kind::Report => sized(head.body::<Report>(), |_| 0),
        Kind::Quote => sized(head.body::<Quote>(), |_| 0),
        Kind::Challenge => sized(head.body::<Challenge>(), |_| 0),
        Kind::Logon => sized(head.body::<Logon>(), |_| 0),
        Kind::Welcome => sized(head.body::<Welcome>(), |_| 0),
        Kind::Definition => sized(head.body::<Definition>(), |_| 0),
        Kind::Heartbeat => sized(head.body::<Heartbeat>(), |_| 0),
        Kind::Logout => sized(head.body::<Logout>(), |_| 0),
        _ => return Err(DecodeError::KindNotAllowed),
    };
    if !reserved_is_zero {
        return Err(DecodeError::ReservedNotZero);
    }
    if usize::from(passthrough_size).div_ceil(FRAME_SIZE) != usize::from(header.continuation_count)
    {
        return Err(DecodeError::ContinuationCountWrong);
    }
    Ok(())
}

#[inline(always)]
fn sized<B: Body>(body: &B, passthrough_size: impl Fn(&B) -> u16) -> (bool, u16) {
    (body.reserved_is_zero(), passthrough_size(body))
}

/// What was read of a stream and not yet used. Its frames are aligned wherever the stream was cut.
pub struct Inbox {
    frames: Box<[Frame]>,
    /// Frames used, from the front.
    start: usize,
    /// Bytes filled, from the front.
    end: usize,
}

impl Inbox {
    /// Room for `frames_max` frames, and for one unit at least.
    pub fn new(frames_max: usize) -> Self {
        let frames = vec![Frame::zeroed(); frames_max.max(UNIT_FRAMES_MAX)];
        Self {
            frames: frames.into_boxed_slice(),
            start: 0,
            end: 0,
        }
    }

    /// Where to read to. Never empty once [`decode`] has said that the frames are incomplete.
    #[inline]
    pub fn space(&mut self) -> &mut [u8] {
        if self.end == self.start * FRAME_SIZE {
            self.clear();
        } else if self.frames.len() < self.start + UNIT_FRAMES_MAX {
            self.compact();
        }
        &mut bytemuck::cast_slice_mut(&mut self.frames)[self.end..]
    }

    /// So many bytes were read.
    ///
    /// # Panics
    /// When that is more than the space there was.
    #[inline]
    pub fn filled(&mut self, size: usize) {
        assert!(size <= self.frames.len() * FRAME_SIZE - self.end);
        self.end += size;
    }

    /// The whole frames there are.
    #[inline]
    pub fn frames(&self) -> &[Frame] {
        &self.frames[self.start..self.end / FRAME_SIZE]
    }

    /// So many frames were used.
    ///
    /// # Panics
    /// When that is more than there are.
    #[inline]
    pub fn consume(&mut self, count: usize) {
        assert!(count <= self.end / FRAME_SIZE - self.start);
        self.start += count;
    }

    /// Forgets everything: for the next connection.
    #[inline]
    pub fn clear(&mut self) {
        (self.start, self.end) = (0, 0);
    }

    /// True where a part of a frame waits for its rest.
    pub fn is_cut(&self) -> bool {
        !self.end.is_multiple_of(FRAME_SIZE)
    }

    fn compact(&mut self) {
        let used = self.start * FRAME_SIZE;
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut self.frames);
        bytes.copy_within(used..self.end, 0);
        (self.start, self.end) = (0, self.end - used);
    }
}

impl fmt::Debug for Inbox {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.end - self.start * FRAME_SIZE;
        write!(out, "Inbox {{ {size} bytes }}")
    }
}
