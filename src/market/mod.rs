//! Market: reference prices in over the native protocol, conflated.
//!
//! In:   TCP and Unix streams of feeds.
//! Out:  `market_to_risk`; `market_to_broker`, for simulated exchanges.
//! Owns: feeds' connections, and the latest quote of each symbol. No other thread touches them.
//!
//! Hot path: from a readable socket to the rings. Connections come and go on a cold one.
//!
//! Nothing is judged here and nothing is made up. A feed that is lost sends nothing, so the reference
//! ages in the core until orders are refused for it; a ring that is full keeps quotes back until they
//! would no longer be true, and then the same happens.
//!
//! Invariants:
//! - What risk is handed of a symbol was sent so, whole, by a feed that is configured.
//! - A symbol's quotes are an interval apart at least, and the last one always follows.
//! - Memory does not grow after [`MarketStage::open`].

pub mod client;
pub mod options;

mod conflation;
mod connection;
mod lifecycle;

use crate::market::conflation::{Conflation, Next, Put};
use crate::market::connection::{Progress, Slot};
use crate::market::options::Options;
use crate::message::{Frame, Header, Kind, Quote};
use crate::protocol::native::bodies::{Fault, LogoutReason};
use crate::protocol::native::parser::{self, Decoded, Path};
use crate::protocol::native::session::Heard;
use crate::ring::Producer;
use crate::sys::listener::Listener;
use crate::sys::poller::{Doorbell, Readiness, Sockets};
use crate::topology::Stage;
use crate::units::{Nanos, StrategyId};

/// The stage.
pub struct MarketStage {
    options: Options,
    sockets: Sockets,
    rings: Rings,
    /// In the order of the options.
    feeds: Vec<Feed>,
    slots: Vec<Slot>,
    /// The definitions of all symbols.
    symbols: Vec<Frame>,
    conflation: Conflation,
    counters: Counters,
    connection_serial: u64,
    /// Some socket may have something to do.
    is_busy: bool,
    is_draining: bool,
    /// The ring was full: look again then.
    retry_at: Nanos,
    /// Nobody is accepted before then.
    accept_at: Nanos,
    /// The next time at which something is due on a connection.
    tick_at: Nanos,
}

/// The ends of the rings that the stage is handed.
#[derive(Debug)]
pub struct Rings {
    /// Quotes.
    pub market_to_risk: Producer<Frame>,
    /// Wakes risk.
    pub risk_doorbell: Doorbell,
    /// The same quotes, for each simulated exchange; one that is full is passed over.
    pub market_to_broker: Vec<Producer<Frame>>,
    /// Wakes who drains them.
    pub broker_doorbell: Doorbell,
}

/// What has happened so far.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counters {
    /// Connections taken in.
    pub connections: u64,
    /// Connections that gave way to newer ones before they had logged on.
    pub evictions: u64,
    /// Logons that were good.
    pub logons: u64,
    /// Logons that were not.
    pub logons_refused: u64,
    /// Sessions and logons that ended over a fault of the other end.
    pub faults: u64,
    /// Quotes that came.
    pub quotes: u64,
    /// Of them: whose place a newer one took before risk had seen them.
    pub conflated: u64,
    /// Of them: of a symbol that does not exist.
    pub unknown: u64,
    /// Of them: dropped because risk had no room for too long.
    pub late: u64,
    /// Quotes handed to risk.
    pub handed_on: u64,
    /// Quotes that some simulated exchange had no room for.
    pub skipped: u64,
}

/// Where a feed connects, and what it has there.
struct Feed {
    /// `None` once the stage stops.
    listener: Option<Listener>,
    /// Its connection.
    slot: Option<usize>,
}

/// How long a full ring is left alone when nothing else happens.
const RETRY: Nanos = Nanos::from_raw(50_000);
/// Reads in a row of what an ended session still sends.
const DISCARDS_MAX: usize = 4;

impl MarketStage {
    /// What has happened so far.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Whether the feed of this place is logged on now.
    pub fn is_up(&self, feed: usize) -> bool {
        self.feeds.get(feed).is_some_and(|feed| feed.slot.is_some())
    }

    /// Writes, then reads and handles at most a batch.
    #[inline]
    fn serve(&mut self, at: usize, now: Nanos) -> usize {
        if self.slots[at].link.is_none() {
            return 0;
        }
        self.flush(at, now);
        for count in 0..self.options.quotes_per_poll_max {
            let slot = &mut self.slots[at];
            let Some(link) = &mut slot.link else {
                return count;
            };
            if link.linger_until.is_some() {
                self.discard(at, now);
                return count;
            }
            match parser::decode(slot.inbox.frames(), Path::FeedToGate, 0) {
                Decoded::Incomplete => match slot.read() {
                    Progress::Some => {}
                    Progress::Nothing => return count,
                    Progress::Gone => {
                        self.close(at);
                        return count;
                    }
                },
                Decoded::Malformed(error) => self.fail(at, error.into(), now),
                Decoded::Message { head, consumed, .. } => match link.acceptor.receive(head, now) {
                    Ok(Heard::Command) => {
                        let interval = self.options.feeds[link.feed].interval_min;
                        let put = self.conflation.put(head.body::<Quote>(), interval, now);
                        slot.inbox.consume(consumed);
                        self.counters.quotes += 1;
                        self.counters.conflated += u64::from(put == Put::Conflated);
                        self.counters.unknown += u64::from(put == Put::SymbolUnknown);
                    }
                    Ok(Heard::Logon(logon)) => {
                        let logon = *logon;
                        slot.inbox.consume(consumed);
                        self.log_on(at, &logon, now);
                    }
                    Ok(Heard::Heartbeat | Heard::Definition(_)) => slot.inbox.consume(consumed),
                    Ok(Heard::Logout(_)) => self.end(at, Fault::new(LogoutReason::Done), now),
                    Err(fault) => self.fail(at, fault, now),
                },
            }
        }
        self.is_busy = true;
        self.options.quotes_per_poll_max
    }

    /// Writes what the socket takes.
    #[inline]
    fn flush(&mut self, at: usize, now: Nanos) {
        if self.slots[at].flush(&self.symbols, now) == Progress::Gone {
            self.close(at);
        }
    }

    /// Throws away what an ended session still sends.
    fn discard(&mut self, at: usize, now: Nanos) {
        for _ in 0..DISCARDS_MAX {
            self.slots[at].inbox.clear();
            match self.slots[at].read() {
                Progress::Some => {}
                Progress::Nothing => return self.flush(at, now),
                Progress::Gone => return self.close(at),
            }
        }
        self.is_busy = true;
    }

    /// Hands on the quotes whose turn has come, as far as risk has room.
    #[inline]
    fn hand_on(&mut self, now: Nanos) -> usize {
        let rings = &mut self.rings;
        self.retry_at = Nanos::ZERO;
        let mut count = 0;
        while count < self.options.quotes_per_poll_max && self.conflation.deadline() <= now {
            if !rings.market_to_risk.has_room(1) {
                self.retry_at = now.after(RETRY);
                break;
            }
            match self.conflation.next(now) {
                None => break,
                Some(Next::Late) => self.counters.late += 1,
                Some(Next::Quote(quote)) => {
                    let header = Header {
                        time: now,
                        strategy: StrategyId::NONE,
                        ..Header::default()
                    };
                    let frame = Frame::new(Kind::Quote, header, quote);
                    assert!(rings.market_to_risk.stage(frame).is_ok());
                    for ring in &mut rings.market_to_broker {
                        self.counters.skipped += u64::from(ring.stage(frame).is_err());
                    }
                    count += 1;
                }
            }
        }
        if count != 0 {
            self.counters.handed_on += count as u64;
            rings.market_to_risk.publish();
            rings.risk_doorbell.ring();
            for ring in &mut rings.market_to_broker {
                ring.publish();
            }
            rings.broker_doorbell.ring();
        }
        count
    }
}

impl Stage for MarketStage {
    fn name(&self) -> &'static str {
        "market"
    }

    #[inline]
    fn ready(&mut self, readiness: Readiness) {
        self.is_busy = true;
        if let Some(feed) = self.feeds.get_mut(readiness.token) {
            if let Some(listener) = &mut feed.listener {
                listener.ready();
            }
            return;
        }
        let at = readiness.token - self.feeds.len();
        if let Some(link) = self.slots.get_mut(at).and_then(|slot| slot.link.as_mut()) {
            link.is_readable |= readiness.is_readable;
            link.is_writable |= readiness.is_writable;
        }
    }

    fn poll(&mut self, now: Nanos) -> usize {
        let mut count = 0;
        if std::mem::take(&mut self.is_busy) {
            count += self.accept(now);
            for at in 0..self.slots.len() {
                count += self.serve(at, now);
            }
        }
        count += self.hand_on(now);
        if self.tick_at <= now {
            self.tick(now);
        }
        count
    }

    fn deadline(&self) -> Nanos {
        match self.is_busy {
            true => Nanos::ZERO,
            false => self
                .tick_at
                .min(self.conflation.deadline().max(self.retry_at)),
        }
    }

    fn drain(&mut self, now: Nanos) -> bool {
        self.drain_step(now)
    }

    fn restart(&mut self, now: Nanos) -> bool {
        self.begin_again(now);
        true
    }
}
