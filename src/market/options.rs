//! Options: what the market stage is built from, every bound decided.

use crate::message::Text;
use crate::protocol::native::bodies::Definition;
use crate::protocol::native::key::Key;
use crate::sys::stream::Address;
use crate::units::Nanos;

/// Everything the stage is built from.
#[derive(Clone, Debug)]
pub struct Options {
    /// The gate's name, told to who connects.
    pub gate: Text,
    /// Who may send prices.
    pub feeds: Vec<FeedOptions>,
    /// What the numbers of symbols mean, by [`crate::units::SymbolId`].
    pub symbols: Vec<Definition>,
    /// The mode of a Unix socket's file; who connects is asked for its user or key in any case.
    pub unix_mode: u32,
    /// How often something must be heard from each side.
    pub heartbeat: Nanos,
    /// How long a logon may take.
    pub logon_timeout: Nanos,
    /// How long an ended session may take to hear why.
    pub linger: Nanos,
    /// Connections that are not logged on. One more ends the oldest of them.
    pub half_open_max: usize,
    /// Connections accepted at one place in one poll.
    pub accepts_per_poll_max: usize,
    /// Messages taken from one feed in one poll, and quotes handed to risk.
    pub quotes_per_poll_max: usize,
    /// A quote that could be handed on and found no room for so long is dropped: handed on then, it
    /// would look new.
    pub late_max: Nanos,
}

/// A feed that may log on, where it does.
#[derive(Clone, Debug)]
pub struct FeedOptions {
    /// Its name.
    pub name: Text,
    /// Where to listen for it.
    pub listen: Address,
    /// What it proves itself by.
    pub key: Option<Key>,
    /// Without a key: the users that may be it, over a Unix socket.
    pub uids: Vec<u32>,
    /// A symbol's quotes go to risk so far apart at least; the latest wins.
    pub interval_min: Nanos,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            gate: Text::EMPTY,
            feeds: Vec::new(),
            symbols: Vec::new(),
            unix_mode: 0o660,
            heartbeat: Nanos::from_secs(5),
            logon_timeout: Nanos::from_secs(5),
            linger: Nanos::from_secs(1),
            half_open_max: 16,
            accepts_per_poll_max: 4,
            quotes_per_poll_max: 256,
            late_max: Nanos::from_secs(1),
        }
    }
}
