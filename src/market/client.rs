//! Client: a feed's end of a connection, for tests, tools and feeds in Rust.
//!
//! Never waits, unless asked to by [`FeedClient::wait`]. Queueing a quote allocates nothing and is no
//! system call; [`FeedClient::flush`] writes what is queued at once.

use crate::message::{Quote, Text};
use crate::protocol::native::bodies::Role;
use crate::protocol::native::client::Names;
use crate::protocol::native::key::Key;
use crate::protocol::native::parser::Path;
use crate::strategy::client::{ClientError, StrategyClient};
use crate::sys::clock::Clock;
use crate::sys::stream::Address;
use crate::units::{Nanos, Price, Qty, SymbolId};

/// Who connects.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// Where to.
    pub target: Address,
    /// The feed's name.
    pub name: Text,
    /// Its key; `None` where the kernel tells the gate who this is.
    pub key: Option<Key>,
    /// How long a logon may take.
    pub logon_timeout: Nanos,
    /// Room for what is queued and not yet taken by the socket, in bytes.
    pub queue_bytes_max: usize,
}

/// A connection of a feed: as a strategy's, but for what may be sent.
#[derive(Debug)]
pub struct FeedClient(StrategyClient);

impl FeedClient {
    /// Connects; the logon goes on in [`FeedClient::poll`].
    pub fn connect(options: ClientOptions, now: Nanos) -> Result<Self, ClientError> {
        let options = crate::strategy::client::ClientOptions {
            target: options.target,
            name: options.name,
            key: options.key,
            report_sequence_last: 0,
            logon_timeout: options.logon_timeout,
            queue_bytes_max: options.queue_bytes_max,
        };
        StrategyClient::connect_as(Role::Feed, Path::GateToFeed, options, now).map(Self)
    }

    /// Connects again. What was queued and not written is forgotten.
    pub fn reconnect(&mut self, now: Nanos) -> Result<(), ClientError> {
        self.0.reconnect(now)
    }

    /// Polls and waits until quotes may be sent.
    pub fn log_on(&mut self, clock: &mut Clock) -> Result<(), ClientError> {
        self.0.log_on(clock, |_| {})
    }

    /// Writes what is queued, reads what has come, sends heartbeats: to be called more often than
    /// the gate's heartbeat interval. Returns how many messages came. After an error the connection
    /// is over: see [`FeedClient::reconnect`].
    pub fn poll(&mut self, now: Nanos) -> Result<usize, ClientError> {
        self.0.poll(now, |_| {})
    }

    /// Waits until something comes, the socket has room again, or `timeout` is over.
    pub fn wait(&mut self, timeout: Nanos) -> Result<(), ClientError> {
        self.0.wait(timeout)
    }

    /// Queues a quote and returns its sequence. A quantity of zero is not said.
    #[inline]
    pub fn quote(
        &mut self,
        symbol: SymbolId,
        (bid, bid_qty): (Price, Qty),
        (ask, ask_qty): (Price, Qty),
        now: Nanos,
    ) -> Result<u64, ClientError> {
        let quote = Quote {
            bid,
            ask,
            bid_qty,
            ask_qty,
            source_time: now,
            symbol,
            ..Quote::default()
        };
        self.0.quote(quote, now)
    }

    /// Queues the last trade and the last close, each unless it is zero, and returns the sequence. What
    /// was quoted stands as it is.
    pub fn traded(
        &mut self,
        symbol: SymbolId,
        last: Price,
        close: Price,
        now: Nanos,
    ) -> Result<u64, ClientError> {
        let quote = Quote {
            last,
            close,
            source_time: now,
            symbol,
            ..Quote::default()
        };
        self.0.quote(quote, now)
    }

    /// Writes what is queued, as far as the socket takes it.
    #[inline]
    pub fn flush(&mut self) -> Result<(), ClientError> {
        self.0.flush()
    }

    /// Says that this end is done. The gate answers by closing, which ends the next polls.
    pub fn log_out(&mut self) -> Result<(), ClientError> {
        self.0.log_out()
    }

    /// How many bytes are queued and not yet written.
    pub fn queued_bytes(&self) -> usize {
        self.0.queued_bytes()
    }

    /// True once quotes may be sent.
    pub fn is_ready(&self) -> bool {
        self.0.is_ready()
    }

    /// The symbols that the gate has defined.
    pub fn names(&self) -> &Names {
        self.0.names()
    }
}
