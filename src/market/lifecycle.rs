//! Lifecycle: how connections come and go, and how the stage starts and stops. Cold.

use crate::market::conflation::Conflation;
use crate::market::connection::{Link, Slot};
use crate::market::options::Options;
use crate::market::{Counters, Feed, MarketStage, Rings};
use crate::message::{Frame, Header, Kind};
use crate::protocol::native::bodies::{Fault, Logon, LogoutReason, Proof, Role};
use crate::protocol::native::session::{Acceptor, AcceptorOptions, Admission};
use crate::strategy::outbound::Outbound;
use crate::sys::listener::{Arrival, Listener};
use crate::sys::poller::Sockets;
use crate::sys::random;
use crate::topology::Stage;
use crate::units::{Nanos, StrategyId};
use std::io;
use std::net::SocketAddr;

/// How long nobody is accepted after the kernel had no room for one more.
const ACCEPT_PAUSE: Nanos = Nanos::from_millis(100);

impl MarketStage {
    /// Takes all memory and listens.
    pub fn open(options: Options, sockets: Sockets, rings: Rings) -> io::Result<Self> {
        let mode = options.unix_mode;
        let mut feeds = Vec::new();
        for (token, feed) in options.feeds.iter().enumerate() {
            let listener = Listener::bind(&feed.listen, mode, &sockets, token)?;
            feeds.push(Feed {
                listener: Some(listener),
                slot: None,
            });
        }
        let definitions = options.symbols.iter();
        let symbols =
            definitions.map(|symbol| Frame::new(Kind::Definition, Header::default(), *symbol));
        let slot_count = options.feeds.len() + options.half_open_max.max(1);
        Ok(Self {
            sockets,
            rings,
            feeds,
            slots: (0..slot_count).map(|_| Slot::new()).collect(),
            symbols: symbols.collect(),
            conflation: Conflation::new(options.symbols.len(), options.late_max),
            counters: Counters::default(),
            connection_serial: 0,
            is_busy: false,
            is_draining: false,
            retry_at: Nanos::ZERO,
            accept_at: Nanos::ZERO,
            tick_at: Nanos::MAX,
            options,
        })
    }

    /// The address at which a feed connects by TCP: the configuration may leave the port to the
    /// kernel.
    pub fn tcp_address(&self, feed: usize) -> Option<SocketAddr> {
        self.feeds.get(feed)?.listener.as_ref()?.tcp_address()
    }

    /// Takes in who has connected, a bounded number.
    pub(super) fn accept(&mut self, now: Nanos) -> usize {
        let mut count = 0;
        for feed in 0..self.feeds.len() {
            for _ in 0..self.options.accepts_per_poll_max {
                if now < self.accept_at {
                    return count;
                }
                let listener = self.feeds[feed].listener.as_mut();
                match listener.map_or(Ok(None), Listener::accept) {
                    Ok(None) => break,
                    Ok(Some(arrival)) => self.place(feed, arrival, now),
                    // Out of file descriptors, or the peer has gone again: either way not at once.
                    Err(error) => {
                        tracing::warn!(%error, "cannot accept a feed's connection");
                        self.accept_at = now.after(ACCEPT_PAUSE);
                        self.tick_at = self.tick_at.min(self.accept_at);
                    }
                }
                count += 1;
            }
            let listener = self.feeds[feed].listener.as_ref();
            self.is_busy |= listener.is_some_and(Listener::is_ready);
        }
        count
    }

    fn place(&mut self, feed: usize, mut arrival: Arrival, now: Nanos) {
        self.evict();
        let Some(at) = self.slots.iter().position(|slot| slot.link.is_none()) else {
            return;
        };
        let nonce = random::bytes::<32>();
        let token = self.feeds.len() + at;
        let registered = arrival.stream.register(&self.sockets, token);
        let (Ok(nonce), Ok(())) = (nonce, registered) else {
            return;
        };
        // Over TCP the kernel knows nothing, so who has no key there gets in nowhere.
        let is_by_key = self.options.feeds[feed].key.is_some() || arrival.uid.is_none();
        let options = AcceptorOptions {
            name: self.options.gate,
            role: Role::Feed,
            proof: if is_by_key { Proof::Key } else { Proof::Kernel },
            heartbeat: self.options.heartbeat,
            logon_timeout: self.options.logon_timeout,
        };
        let (acceptor, challenge) = Acceptor::new(&options, nonce, now);
        self.counters.connections += 1;
        self.connection_serial += 1;
        self.tick_at = self.tick_at.min(acceptor.deadline());
        let slot = &mut self.slots[at];
        slot.outbound = Outbound::new();
        slot.outbound.control(challenge);
        slot.link = Some(Link {
            stream: arrival.stream,
            acceptor,
            feed,
            uid: arrival.uid,
            is_logged_on: false,
            serial: self.connection_serial,
            linger_until: None,
            is_finished: false,
            is_readable: false,
            is_writable: true,
        });
        self.flush(at, now);
    }

    /// Makes room for one more connection: the oldest without a session gives way. Refusing the
    /// newest instead would let whoever holds connections open keep the feeds out.
    fn evict(&mut self) {
        let links = self.slots.iter().enumerate();
        let half_open = links
            .filter_map(|(at, slot)| slot.link.as_ref().map(|link| (at, link)))
            .filter(|(_, link)| !link.is_logged_on);
        if half_open.clone().count() < self.options.half_open_max.max(1) {
            return;
        }
        if let Some((at, _)) = half_open.min_by_key(|(_, link)| link.serial) {
            self.counters.evictions += 1;
            self.close(at);
        }
    }

    /// Somebody wants to log on.
    pub(super) fn log_on(&mut self, at: usize, logon: &Logon, now: Nanos) {
        let Some(link) = &mut self.slots[at].link else {
            return;
        };
        let feed = link.feed;
        let options = &self.options.feeds[feed];
        let is_named = options.name.is_id() && options.name == logon.name;
        let is_user = link.uid.is_some_and(|uid| options.uids.contains(&uid));
        let admission = Admission {
            key: options.key.as_ref().filter(|_| is_named),
            is_permitted: is_named && is_user,
            is_in_use: self.feeds[feed].slot.is_some(),
            strategy: StrategyId(feed as u32),
            // A quote is worth nothing once the next is there: nothing is counted beyond a session.
            command_sequence_next: 1,
            report_sequence_next: 1,
            report_sequence_oldest: 1,
            definition_count: self.symbols.len() as u32,
        };
        match link.acceptor.admit(logon, &admission, now) {
            Ok(welcome) => {
                link.is_logged_on = true;
                self.feeds[feed].slot = Some(at);
                self.slots[at].outbound.control(welcome);
                self.counters.logons += 1;
                tracing::info!(feed = %logon.name, "feed up");
                self.tick_at = self.tick_at.min(now.after(self.options.heartbeat));
                self.flush(at, now);
            }
            Err(fault) => {
                self.counters.logons_refused += 1;
                self.fail(at, fault, now);
            }
        }
    }

    /// Ends a session over a fault of the other end.
    pub(super) fn fail(&mut self, at: usize, fault: Fault, now: Nanos) {
        self.counters.faults += 1;
        self.end(at, fault, now);
    }

    /// Ends a session: says why, and lingers until the other end has heard it.
    pub(super) fn end(&mut self, at: usize, fault: Fault, now: Nanos) {
        let until = now.after(self.options.linger);
        self.slots[at].end(fault, &self.symbols, until);
        self.tick_at = self.tick_at.min(until);
        self.is_busy = true;
        self.leave(at, fault.reason);
        self.flush(at, now);
    }

    /// The connection is gone, or is let go.
    pub(super) fn close(&mut self, at: usize) {
        self.leave(at, LogoutReason::Done);
        if let Some(mut link) = self.slots[at].clear() {
            // What fails here fails because the socket is gone already.
            let _ = link.stream.deregister(&self.sockets);
        }
    }

    /// Its feed has no session any more.
    fn leave(&mut self, at: usize, reason: LogoutReason) {
        let Some(link) = &mut self.slots[at].link else {
            return;
        };
        if std::mem::take(&mut link.is_logged_on) {
            self.feeds[link.feed].slot = None;
            let name = self.options.feeds[link.feed].name;
            tracing::warn!(feed = %name, reason = reason.text(), "feed down");
        }
    }

    /// Does what is due, and finds out when something is due next.
    pub(super) fn tick(&mut self, now: Nanos) {
        for at in 0..self.slots.len() {
            self.tick_slot(at, now);
        }
        let links = self.slots.iter().filter_map(|slot| slot.link.as_ref());
        let deadlines = links.map(|link| {
            link.linger_until
                .unwrap_or_else(|| link.acceptor.deadline())
        });
        self.tick_at = deadlines.min().unwrap_or(Nanos::MAX);
        if now < self.accept_at {
            self.tick_at = self.tick_at.min(self.accept_at);
        } else {
            // Who waited to be accepted rings no second time.
            let mut listeners = self.feeds.iter().filter_map(|feed| feed.listener.as_ref());
            self.is_busy |= listeners.any(Listener::is_ready);
        }
    }

    fn tick_slot(&mut self, at: usize, now: Nanos) {
        let Some(link) = &mut self.slots[at].link else {
            return;
        };
        if let Some(until) = link.linger_until {
            if until <= now {
                self.close(at);
            }
            return;
        }
        match link.acceptor.tick(now) {
            Ok(None) => {}
            Ok(Some(heartbeat)) => {
                // While something waits to be written a heartbeat would only make it wait longer.
                if self.slots[at].is_flushed(&self.symbols) {
                    self.slots[at].outbound.control(heartbeat);
                }
                self.flush(at, now);
            }
            Err(fault) => self.fail(at, fault, now),
        }
    }

    /// Stops: no price moves anything any more. True once everybody is gone.
    pub(super) fn drain_step(&mut self, now: Nanos) -> bool {
        if !std::mem::replace(&mut self.is_draining, true) {
            for feed in &mut self.feeds {
                feed.listener = None;
            }
            for at in 0..self.slots.len() {
                let is_over = |link: &Link| link.linger_until.is_some();
                if !self.slots[at].link.as_ref().is_none_or(is_over) {
                    self.end(at, LogoutReason::Shutdown.into(), now);
                }
            }
            self.conflation.clear();
        }
        self.poll(now);
        self.slots.iter().all(|slot| slot.link.is_none())
    }

    /// A sound beginning after a panic: no connection, nothing pending. Feeds come back, and until
    /// they do the references age.
    pub(super) fn begin_again(&mut self, now: Nanos) {
        self.rings.market_to_risk.unstage();
        for ring in &mut self.rings.market_to_broker {
            ring.unstage();
        }
        for at in 0..self.slots.len() {
            self.close(at);
        }
        self.conflation.clear();
        // What the poller has told may be lost with the panic, and it does not tell it twice.
        for feed in &mut self.feeds {
            feed.slot = None;
            if let Some(listener) = &mut feed.listener {
                listener.ready();
            }
        }
        self.is_busy = true;
        self.tick_at = now;
    }
}
