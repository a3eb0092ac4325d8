//! Bodies: the messages of the session layer, 96 bytes each, and why a session ends.
//!
//! Pure.
//!
//! The layout is in the tables of [`crate::protocol::native`]; a test keeps the two the same.

use crate::message::{BODY_SIZE, Body, Frame, Header, Kind, Text, wire_bodies, wire_enum};
use crate::units::{Nanos, Price, Qty, StrategyId};
use bytemuck::{Pod, Zeroable};

wire_enum! {
    /// Who logs on.
    Role {
        /// A strategy, to the gate.
        Strategy = 1, "strategy";
        /// The gate, to a broker's process.
        Gate = 2, "gate";
        /// A feed of prices, to the gate.
        Feed = 3, "feed";
    }
}

wire_enum! {
    /// How the acceptor knows who the initiator is.
    Proof {
        /// By a MAC with the key that both have.
        Key = 1, "key";
        /// By what the kernel says about the other end of a Unix socket.
        Kernel = 2, "kernel";
    }
}

wire_bodies! {
    /// Acceptor to initiator, the first message of a connection.
    Challenge {
        /// Who is silent for two and a half of these is taken for dead.
        heartbeat: Nanos,
        /// Never used before.
        nonce: [u8; 32],
        /// The name of the acceptor.
        acceptor: Text,
        /// The version of the protocol: [`VERSION`].
        version: u32,
        /// A [`Proof`]: what the logon must bring.
        proof: u8,
        /// Zero.
        reserved: [u8; 15],
    } reserved [reserved];

    /// Initiator to acceptor, the answer to a challenge.
    Logon {
        /// The last report that the initiator has; zero: none.
        report_sequence_last: u64,
        /// By [`Proof::Key`]: see [`crate::protocol::native::key`]. By [`Proof::Kernel`]: zero.
        mac: [u8; 32],
        /// The name of the initiator.
        name: Text,
        /// The version of the protocol: [`VERSION`].
        version: u32,
        /// Never used before with this key: makes the acceptor's proof fresh.
        salt: [u8; 12],
        /// A [`Role`].
        role: u8,
        /// Zero.
        reserved: [u8; 3],
    } reserved [reserved];

    /// Acceptor to initiator: the logon was good.
    Welcome {
        /// The sequence that the initiator's next command must have.
        command_sequence_next: u64,
        /// The sequence of the first report that did not exist yet when this was sent.
        report_sequence_next: u64,
        /// The first report that follows: the one after the initiator's last, or, when that is no
        /// longer kept, the oldest that is.
        report_sequence_first: u64,
        /// As in the challenge.
        heartbeat: Nanos,
        /// The acceptor's own proof that it has the key; zero by [`Proof::Kernel`].
        mac: [u8; 32],
        /// So many definitions follow, before the first report.
        definition_count: u32,
        /// The initiator's number.
        strategy: StrategyId,
        /// Zero.
        reserved: [u8; 24],
    } reserved [reserved];

    /// The gate to the other end: the number of a name.
    Definition {
        /// Of a symbol: prices are whole numbers of it.
        tick: Price,
        /// Of a symbol: quantities are whole numbers of it.
        lot: Qty,
        /// The number that stands for it in messages.
        id: u32,
        /// As users write it.
        name: Text,
        /// A [`crate::message::Scope`]: account or symbol.
        scope: u8,
        /// Zero.
        reserved: [u8; 39],
    } reserved [reserved];

    /// Nothing was sent for an interval.
    Heartbeat {
        /// Zero.
        reserved: [u8; 96],
    } reserved [reserved];

    /// The session ends: the last message of either side.
    Logout {
        /// What the sender expected, where the reason has a number; or zero.
        expected: u64,
        /// What it found.
        found: u64,
        /// For people, filled up with zeros.
        text: [u8; 72],
        /// A [`LogoutReason`].
        reason: u16,
        /// Of a malformed message: the number of its [`crate::protocol::native::parser::DecodeError`].
        detail: u16,
        /// Zero.
        reserved: [u8; 4],
    } reserved [reserved];
}

/// The version of the protocol that this is.
pub const VERSION: u32 = 1;

macro_rules! logout_reasons {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $text:literal;)*) => {
        /// Why a session ends. The numbers are on the wire: never renumber one, never reuse one.
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        #[repr(u16)]
        pub enum LogoutReason { $($(#[$doc])* $name = $number,)* }

        impl LogoutReason {
            /// Every reason.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The reason of a number, if it is one.
            pub const fn from_number(number: u16) -> Option<Self> {
                match number { $($number => Some(Self::$name),)* _ => None }
            }

            /// For people.
            pub const fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

logout_reasons! {
    /// The sender is done.
    Done = 1, "done";
    /// The gate stops.
    Shutdown = 2, "the gate stops";
    /// Unknown name or wrong key: which of the two is not told.
    LogonRefused = 10, "logon refused";
    /// The other end speaks another version.
    VersionUnknown = 11, "protocol version not supported";
    /// No logon in time.
    LogonTimeout = 12, "no logon in time";
    /// This name has a session already; that one stays.
    SessionInUse = 13, "this name has a session already";
    /// The last report that the initiator says it has was never sent.
    ReportUnknown = 14, "the last report you name was never sent";
    /// The acceptor does not have the key, or asks for less proof than was agreed.
    AcceptorRefused = 15, "the acceptor's proof is wrong or missing";
    /// A message breaks the format: `detail` says how.
    Malformed = 20, "malformed message, see detail";
    /// Not a message for this moment of the session.
    Unexpected = 21, "message not expected now";
    /// A command's or report's sequence is above the next one: something is lost.
    SequenceGap = 22, "sequence above the expected one";
    /// A sequence that was used before. Nothing is ever applied twice.
    SequenceRepeated = 23, "sequence used before";
    /// Nothing was heard for two and a half heartbeat intervals.
    PeerSilent = 24, "silent for too long";
    /// It does not read what is sent to it.
    SlowConsumer = 25, "reads too slowly";
    /// A fault of the sender of this message. The session can be opened again.
    InternalFault = 26, "internal fault";
    /// No sequence is left to count with, or a welcome asks to go on from above the half of them.
    SequenceSpent = 27, "no sequence is left to go on with";
}

const _: () = {
    let mut at = 0;
    while at < LogoutReason::ALL.len() {
        assert!(LogoutReason::ALL[at].text().len() <= 72);
        at += 1;
    }
};

/// Why a session must end, with the numbers that belong to it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Fault {
    /// The reason.
    pub reason: LogoutReason,
    /// Of a malformed message: how.
    pub detail: u16,
    /// What was expected, or zero.
    pub expected: u64,
    /// What was found, or zero.
    pub found: u64,
}

impl Fault {
    /// A fault without numbers.
    pub const fn new(reason: LogoutReason) -> Self {
        Self {
            reason,
            detail: 0,
            expected: 0,
            found: 0,
        }
    }

    /// The message that tells the other end.
    #[cold]
    pub fn frame(self) -> Frame {
        let mut text = [0; 72];
        let words = self.reason.text().as_bytes();
        text[..words.len()].copy_from_slice(words);
        let body = Logout {
            expected: self.expected,
            found: self.found,
            text,
            reason: self.reason as u16,
            detail: self.detail,
            reserved: [0; 4],
        };
        Frame::new(Kind::Logout, Header::default(), body)
    }
}

impl From<LogoutReason> for Fault {
    fn from(reason: LogoutReason) -> Self {
        Self::new(reason)
    }
}

impl Logout {
    /// The reason, if the number is one.
    pub const fn reason(&self) -> Option<LogoutReason> {
        LogoutReason::from_number(self.reason)
    }
}
