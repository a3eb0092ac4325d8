//! Lifecycle: how connections come and go, and how the stage starts and stops. Cold.

use crate::message::{Frame, Header, Kind, LinkState, Scope};
use crate::protocol::native::bodies::{
    Definition, Fault, Logon, LogoutReason, Proof, Role, Welcome,
};
use crate::protocol::native::session::{Acceptor, AcceptorOptions};
use crate::strategy::connection::{Link, Progress, Slot};
use crate::strategy::listener::{Listeners, TOKEN_FIRST};
use crate::strategy::options::{Options, SymbolOptions};
use crate::strategy::outbound::Outbound;
use crate::strategy::seat::{self, Seat};
use crate::strategy::{Counters, RETRY, Rings, StrategyStage};
use crate::sys::listener::Arrival;
use crate::sys::poller::Sockets;
use crate::sys::random;
use crate::topology::Stage;
use crate::units::Nanos;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;

/// How far the stage is with stopping.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Drain {
    /// It is not stopping.
    Off,
    /// Nothing is taken in; reports are still sent. The last one came then.
    Quieting(Nanos),
    /// Everybody was told.
    Ending,
}

impl Drain {
    #[inline]
    pub(super) fn is_on(self) -> bool {
        self != Self::Off
    }
}

/// How long nobody is accepted after the kernel had no room for one more.
const ACCEPT_PAUSE: Nanos = Nanos::from_millis(100);
/// Reads in a row of what an ended session still sends.
const DISCARDS_MAX: usize = 4;

impl StrategyStage {
    /// Takes all memory and listens.
    pub fn open(options: Options, sockets: Sockets, rings: Rings) -> io::Result<Self> {
        let listeners = Listeners::open(&options, &sockets)?;
        let outbound_frames_max = (options.outbound_bytes_max / size_of::<Frame>()).max(1);
        let seats = 0..options.sessions.len();
        let seats: Vec<Seat> = seats
            .map(|index| Seat::new(index, &options, outbound_frames_max))
            .collect();
        let slot_count = seats.len() + options.half_open_max.max(1);
        Ok(Self {
            sockets,
            rings,
            listeners,
            seats,
            slots: (0..slot_count).map(|_| Slot::new()).collect(),
            slots_free: (0..slot_count).rev().collect(),
            queue: VecDeque::with_capacity(slot_count),
            symbols: options.symbols.iter().enumerate().map(define).collect(),
            counters: Counters::default(),
            outbound_frames_max: outbound_frames_max as u64,
            connection_serial: 0,
            is_started: false,
            has_downs: false,
            retry_at: Nanos::MAX,
            accept_at: Nanos::ZERO,
            tick_at: Nanos::ZERO,
            drain: Drain::Off,
            options,
        })
    }

    /// The address that TCP is listened on: the configuration may leave the port to the kernel.
    pub fn tcp_address(&self) -> Option<SocketAddr> {
        self.listeners.tcp_address()
    }

    pub(super) fn start(&mut self, now: Nanos) {
        self.is_started = true;
        self.has_downs = true;
        self.seats.iter_mut().for_each(|seat| seat.start(now));
    }

    /// Tells risk of sessions that are down, as far as the ring has room.
    pub(super) fn tell_downs(&mut self, now: Nanos) {
        for seat in &mut self.seats {
            let Some(change) = seat.down(now) else {
                continue;
            };
            if self.rings.strategy_to_risk.push(change).is_err() {
                self.retry_at = now.after(RETRY);
                return;
            }
            seat.told_down();
            self.rings.risk_doorbell.ring();
        }
        self.has_downs = false;
    }

    /// Takes in who has connected, a bounded number.
    pub(super) fn accept(&mut self, now: Nanos) -> usize {
        for count in 0..self.options.accepts_per_poll_max {
            if now < self.accept_at {
                return count;
            }
            match self.listeners.accept() {
                Ok(Some(arrival)) => self.place(arrival, now),
                Ok(None) => return count,
                // Out of file descriptors, or the peer has gone again: either way not at once.
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    self.accept_at = now.after(ACCEPT_PAUSE);
                    self.tick_at = self.tick_at.min(self.accept_at);
                }
            }
        }
        self.options.accepts_per_poll_max
    }

    fn place(&mut self, mut arrival: Arrival, now: Nanos) {
        self.evict(now);
        let Some(at) = self.slots_free.pop() else {
            return;
        };
        let nonce = random::bytes::<32>();
        let registered = arrival.stream.register(&self.sockets, TOKEN_FIRST + at);
        let (Ok(nonce), Ok(())) = (nonce, registered) else {
            self.slots_free.push(at);
            return;
        };
        let options = AcceptorOptions {
            name: self.options.gate,
            role: Role::Strategy,
            proof: if arrival.uid.is_some() {
                Proof::Kernel
            } else {
                Proof::Key
            },
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
            uid: arrival.uid,
            seat: None,
            serial: self.connection_serial,
            replay_until: 0,
            linger_until: None,
            is_finished: false,
            is_readable: false,
            is_closed: false,
            is_writable: true,
        });
        self.flush(at, now);
    }

    /// Makes room for one more connection: the oldest without a session gives way. Refusing the
    /// newest instead would let whoever holds connections open keep everybody else out.
    fn evict(&mut self, now: Nanos) {
        let links = self.slots.iter().enumerate();
        let half_open = links
            .filter_map(|(at, slot)| slot.link.as_ref().map(|link| (at, link)))
            .filter(|(_, link)| link.seat.is_none());
        if half_open.clone().count() < self.options.half_open_max.max(1) {
            return;
        }
        if let Some((at, _)) = half_open.min_by_key(|(_, link)| link.serial) {
            self.counters.evictions += 1;
            self.close(at, now);
        }
    }

    /// Somebody wants to log on. The ring has room for what risk must be told.
    pub(super) fn log_on(&mut self, at: usize, logon: &Logon, now: Nanos) {
        let Some(link) = &mut self.slots[at].link else {
            return;
        };
        let found = seat::find(&self.seats, logon);
        let admission = match found.map(|found| &self.seats[found]) {
            Some(seat) => seat.admission(link.uid, seat.accounts.len() + self.symbols.len()),
            None => seat::NOBODY,
        };
        let welcome = match (link.acceptor.admit(logon, &admission, now), found) {
            (Ok(welcome), Some(found)) => (welcome, found),
            (Ok(_), None) => return self.fail(at, LogoutReason::InternalFault.into(), now),
            (Err(fault), _) => {
                self.counters.logons_refused += 1;
                return self.fail(at, fault, now);
            }
        };
        let (welcome, found) = welcome;
        let seat = &mut self.seats[found];
        let up = seat.change(LinkState::Up, false, now);
        let down = seat.down(now);
        let changes = down.into_iter().chain([up]);
        let ring = &mut self.rings.strategy_to_risk;
        if !changes.fold(true, |is_told, change| is_told & ring.push(change).is_ok()) {
            return self.end(at, LogoutReason::InternalFault.into(), now);
        }
        self.rings.risk_doorbell.ring();
        seat.told_down();
        seat.enter(at);
        link.seat = Some(found);
        link.replay_until = seat.history.next();
        let first = welcome.body::<Welcome>().report_sequence_first;
        self.slots[at].outbound.start(first);
        self.slots[at].outbound.control(welcome);
        self.counters.logons += 1;
        tracing::info!(strategy = %logon.name, "session up");
        self.tick_at = self.tick_at.min(now.after(self.options.heartbeat));
        self.flush(at, now);
    }

    /// Ends a session over a fault of the other end.
    pub(super) fn fail(&mut self, at: usize, fault: Fault, now: Nanos) {
        self.counters.faults += 1;
        self.end(at, fault, now);
    }

    pub(super) fn end_by_panic(&mut self, at: usize, now: Nanos) {
        self.counters.panics += 1;
        self.rings.strategy_to_risk.unstage();
        self.end(at, Fault::new(LogoutReason::InternalFault), now);
    }

    /// Ends a session: says why, and lingers until the other end has heard it.
    pub(super) fn end(&mut self, at: usize, fault: Fault, now: Nanos) {
        let until = now.after(self.options.logon_timeout);
        self.slots[at].end(fault, &self.seats, &self.symbols, until);
        self.tick_at = self.tick_at.min(until);
        self.leave(at, fault.reason, now);
        self.enqueue(at);
        self.flush(at, now);
    }

    /// Throws away what an ended session still sends. True where there may be more of it.
    pub(super) fn discard(&mut self, at: usize, now: Nanos) -> bool {
        for _ in 0..DISCARDS_MAX {
            self.slots[at].inbox.clear();
            match self.slots[at].read() {
                Progress::Some => {}
                Progress::Nothing => return false,
                Progress::Gone => {
                    self.close(at, now);
                    return false;
                }
            }
        }
        true
    }

    /// The connection is gone, or is let go.
    pub(super) fn close(&mut self, at: usize, now: Nanos) {
        self.leave(at, LogoutReason::Done, now);
        if let Some(mut link) = self.slots[at].clear() {
            // What fails here fails because the socket is gone already.
            let _ = link.stream.deregister(&self.sockets);
            self.slots_free.push(at);
        }
    }

    /// Its strategy has no session any more.
    fn leave(&mut self, at: usize, reason: LogoutReason, now: Nanos) {
        let Some(link) = &mut self.slots[at].link else {
            return;
        };
        let Some(seat) = link.seat.take().and_then(|seat| self.seats.get_mut(seat)) else {
            return;
        };
        tracing::info!(strategy = %seat.options.name, reason = reason.text(), "session down");
        seat.slot = None;
        seat.leave(now);
        self.tick_at = self.tick_at.min(seat.cancel_at);
        self.has_downs = true;
        self.tell_downs(now);
    }

    /// Does what is due, and finds out when something is due next.
    pub(super) fn tick(&mut self, now: Nanos) {
        for at in 0..self.slots.len() {
            self.tick_slot(at, now);
        }
        for seat in &mut self.seats {
            seat.expire(now);
        }
        self.has_downs = true;
        self.tell_downs(now);
        let links = self.slots.iter().filter_map(|slot| slot.link.as_ref());
        let links = links.map(|link| {
            link.linger_until
                .unwrap_or_else(|| link.acceptor.deadline())
        });
        let seats = self.seats.iter().map(|seat| seat.cancel_at);
        let accept_at = if now < self.accept_at {
            self.accept_at
        } else {
            Nanos::MAX
        };
        self.tick_at = links
            .chain(seats)
            .min()
            .unwrap_or(Nanos::MAX)
            .min(accept_at);
    }

    fn tick_slot(&mut self, at: usize, now: Nanos) {
        let Some(link) = &mut self.slots[at].link else {
            return;
        };
        if let Some(until) = link.linger_until {
            if until <= now {
                self.close(at, now);
            }
            return;
        }
        match link.acceptor.tick(now) {
            Ok(None) => {}
            Ok(Some(heartbeat)) => {
                // While something waits to be written a heartbeat would only make it wait longer.
                if self.slots[at].is_flushed(&self.seats, &self.symbols) {
                    self.slots[at].outbound.control(heartbeat);
                }
                self.flush(at, now);
            }
            // A stage that stops does not listen any more, so silence means nothing.
            Err(_) if self.drain.is_on() => {}
            Err(fault) => self.fail(at, fault, now),
        }
    }

    /// Stops: takes nothing in, sends the reports that still come, says goodbye once they have
    /// ceased. True once everybody is gone.
    pub(super) fn drain_step(&mut self, now: Nanos) -> bool {
        if self.drain == Drain::Off {
            self.drain = Drain::Quieting(now);
            self.listeners.close();
            // Risk hears it now, so that what it cancels is still reported.
            self.seats.iter_mut().for_each(|seat| seat.leave(now));
            self.has_downs = true;
        }
        let reports_before = self.counters.reports;
        self.poll(now);
        if let Drain::Quieting(last) = self.drain {
            if self.counters.reports != reports_before {
                self.drain = Drain::Quieting(now);
            } else if last.after(self.options.drain_quiet) <= now && !self.has_downs {
                self.drain = Drain::Ending;
                for at in 0..self.slots.len() {
                    self.end_unless_over(at, now);
                }
            } else {
                self.tick_at = self.tick_at.min(last.after(self.options.drain_quiet));
            }
        }
        let is_gone = self.slots.iter().all(|slot| slot.link.is_none());
        self.drain == Drain::Ending && is_gone && !self.has_downs
    }

    fn end_unless_over(&mut self, at: usize, now: Nanos) {
        let Some(link) = &self.slots[at].link else {
            return;
        };
        if link.linger_until.is_none() {
            self.end(at, LogoutReason::Shutdown.into(), now);
        }
    }
}

fn define((index, symbol): (usize, &SymbolOptions)) -> Frame {
    let definition = Definition {
        tick: symbol.tick,
        lot: symbol.lot,
        id: index as u32,
        name: symbol.name,
        scope: Scope::Symbol as u8,
        ..Definition::default()
    };
    Frame::new(Kind::Definition, Header::default(), definition)
}
