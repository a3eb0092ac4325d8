//! Options: what the strategy stage is built from, every bound decided.

use crate::message::Text;
use crate::protocol::native::key::Key;
use crate::units::{AccountId, Nanos, Price, Qty};
use std::net::SocketAddr;
use std::path::PathBuf;

/// Everything the stage is built from.
#[derive(Clone, Debug)]
pub struct Options {
    /// The gate's name, told to who connects.
    pub gate: Text,
    /// Where to listen for TCP.
    pub tcp: Option<SocketAddr>,
    /// Where to listen for Unix streams.
    pub unix: Option<PathBuf>,
    /// The mode of the Unix socket's file; who connects is asked for its user in any case.
    pub unix_mode: u32,
    /// By [`crate::units::StrategyId`].
    pub sessions: Vec<SessionOptions>,
    /// Names, by [`AccountId`].
    pub accounts: Vec<Text>,
    /// By [`crate::units::SymbolId`].
    pub symbols: Vec<SymbolOptions>,
    /// How often something must be heard from each side.
    pub heartbeat: Nanos,
    /// How long a logon may take, and how long an ended session may linger.
    pub logon_timeout: Nanos,
    /// Connections that are not logged on. One more ends the oldest of them.
    pub half_open_max: usize,
    /// Connections accepted in one poll.
    pub accepts_per_poll_max: usize,
    /// Commands taken from one session in one poll.
    pub commands_per_poll_max: usize,
    /// Reports taken from risk in one poll.
    pub reports_per_poll_max: usize,
    /// A session that is so far behind in reading its reports is cut off.
    pub outbound_bytes_max: usize,
    /// Reports kept for who comes back.
    pub reports_replay: usize,
    /// Continuation frames behind one head.
    pub continuations_max: u8,
    /// A gate that stops says goodbye once no report has come for so long.
    pub drain_quiet: Nanos,
}

/// A strategy that may log on.
#[derive(Clone, Debug)]
pub struct SessionOptions {
    /// Its name.
    pub name: Text,
    /// What it proves itself by over TCP; without one it cannot use TCP.
    pub key: Option<Key>,
    /// The users that may be it over the Unix socket.
    pub uids: Vec<u32>,
    /// The accounts it may use.
    pub accounts: Vec<AccountId>,
    /// What becomes of its orders when its session ends, however it ends.
    pub cancel_on_disconnect: CancelOnDisconnect,
    /// Where its sequences go on.
    pub start: SessionStart,
}

/// What becomes of a strategy's orders when its session ends.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum CancelOnDisconnect {
    /// They stand.
    #[default]
    Never,
    /// They are cancelled.
    AtOnce,
    /// They are cancelled unless it is back within this time.
    After(Nanos),
}

/// Where the sequences of a strategy go on after a restart. Zero: none yet.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct SessionStart {
    /// The last command in the journal.
    pub inbound_sequence: u64,
    /// The last report in the journal.
    pub report_sequence: u64,
}

/// A symbol, as strategies are told of it.
#[derive(Clone, Copy, Debug)]
pub struct SymbolOptions {
    /// Its name.
    pub name: Text,
    /// Prices are whole numbers of it.
    pub tick: Price,
    /// Quantities are whole numbers of it.
    pub lot: Qty,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            gate: Text::EMPTY,
            tcp: None,
            unix: None,
            unix_mode: 0o660,
            sessions: Vec::new(),
            accounts: Vec::new(),
            symbols: Vec::new(),
            heartbeat: Nanos::from_secs(5),
            logon_timeout: Nanos::from_secs(5),
            half_open_max: 64,
            accepts_per_poll_max: 16,
            commands_per_poll_max: 64,
            reports_per_poll_max: 256,
            outbound_bytes_max: 1 << 20,
            reports_replay: 16_384,
            continuations_max: 4,
            drain_quiet: Nanos::from_millis(100),
        }
    }
}
