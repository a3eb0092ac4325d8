//! Quotes: the order book file as a feed.

use crate::lobster::reader::{Best, Event, Level};
use crate::session::Identity;
use portcullis::market::client::{ClientOptions, FeedClient};
use portcullis::strategy::client::{ClientError, Target};
use portcullis::sys::clock::Clock;
use portcullis::units::{Nanos, Price, Qty, SymbolId};

/// A feed of one symbol.
pub(super) struct Quotes {
    client: FeedClient,
    symbol: SymbolId,
    quoted: Option<Best>,
    has_news: bool,
    count: u64,
}

impl Quotes {
    /// Connects and logs on.
    pub(super) fn open(
        target: &Target,
        identity: &Identity,
        symbol: SymbolId,
        clock: &mut Clock,
    ) -> Result<Self, String> {
        let options = ClientOptions {
            target: target.clone(),
            name: identity.name(),
            key: identity.key()?,
            logon_timeout: Nanos::from_secs(5),
            queue_bytes_max: 1 << 20,
        };
        let mut client =
            FeedClient::connect(options, clock.now()).map_err(|error| failed(&error))?;
        client.log_on(clock).map_err(|error| failed(&error))?;
        Ok(Self {
            client,
            symbol,
            quoted: None,
            has_news: false,
            count: 0,
        })
    }

    /// Sends the book that a row met, where it differs from the last.
    pub(super) fn before(&mut self, event: &Event, now: Nanos) -> Result<(), String> {
        let Some((_, best)) = event
            .best_before
            .filter(|(_, best)| self.quoted != Some(*best))
        else {
            return Ok(());
        };
        self.quoted = Some(best);
        let quoted = self
            .client
            .quote(self.symbol, pair(best.bid), pair(best.ask), now);
        quoted.map_err(|error| failed(&error))?;
        self.client.flush().map_err(|error| failed(&error))?;
        self.has_news = true;
        self.count += 1;
        Ok(())
    }

    /// Whether a quote was sent since the last call.
    pub(super) fn take_news(&mut self) -> bool {
        std::mem::take(&mut self.has_news)
    }

    /// Heartbeats, and what the gate says.
    pub(super) fn poll(&mut self, now: Nanos) -> Result<(), String> {
        self.client
            .poll(now)
            .map(drop)
            .map_err(|error| failed(&error))
    }

    /// Takes its leave and says how many quotes there were.
    pub(super) fn end(&mut self) -> u64 {
        // It is over either way.
        let _ = self.client.log_out();
        self.count
    }
}

/// A side that nobody quotes is told as a price of zero: the gate then uses no reference.
fn pair(level: Option<Level>) -> (Price, Qty) {
    level.map_or((Price::default(), Qty::ZERO), |level| {
        (level.price, level.qty)
    })
}

fn failed(error: &ClientError) -> String {
    format!("--feed: {error}")
}
