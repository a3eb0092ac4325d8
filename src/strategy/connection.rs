//! Connection: a socket, its buffers, and how far its session is.

use crate::message::Frame;
use crate::protocol::native::bodies::Fault;
use crate::protocol::native::parser::{Inbox, UNIT_FRAMES_MAX};
use crate::protocol::native::session::Acceptor;
use crate::strategy::outbound::{Outbound, Stores};
use crate::strategy::seat::Seat;
use crate::sys::stream::Stream;
use crate::units::Nanos;
use std::io::{self, ErrorKind};

/// Room for one connection, taken at start.
pub(super) struct Slot {
    pub(super) inbox: Inbox,
    pub(super) outbound: Outbound,
    pub(super) link: Option<Link>,
    /// It waits in the queue of those that have something to do.
    pub(super) is_queued: bool,
}

/// A connection.
pub(super) struct Link {
    pub(super) stream: Stream,
    pub(super) acceptor: Acceptor,
    /// The user at the other end, over a Unix socket.
    pub(super) uid: Option<u32>,
    /// Whose session it is; `None` before the logon and after the end.
    pub(super) seat: Option<usize>,
    /// Counts connections: the smallest is the oldest.
    pub(super) serial: u64,
    /// Reports before this one are old ones, sent again: being behind with them is not slow.
    pub(super) replay_until: u64,
    /// The session is over: only its last message is sent, and what comes is thrown away until the
    /// other end closes or this time has come. Closing at once would destroy that last message.
    pub(super) linger_until: Option<Nanos>,
    pub(super) is_finished: bool,
    /// Not known to be empty.
    pub(super) is_readable: bool,
    /// The peer has closed: it is read until it says so itself.
    pub(super) is_closed: bool,
    /// Not known to be full.
    pub(super) is_writable: bool,
}

/// What became of reading or writing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Progress {
    /// Something was moved.
    Some,
    /// Not now.
    Nothing,
    /// The connection is gone.
    Gone,
}

/// Writes in a row to one socket, each as much as it takes.
const WRITES_MAX: usize = 4;

impl Slot {
    pub(super) fn new() -> Self {
        Self {
            inbox: Inbox::new(2 * UNIT_FRAMES_MAX),
            outbound: Outbound::new(),
            link: None,
            is_queued: false,
        }
    }

    /// Reads once.
    #[inline]
    pub(super) fn read(&mut self) -> Progress {
        let Some(link) = &mut self.link else {
            return Progress::Nothing;
        };
        if !link.is_readable {
            return Progress::Nothing;
        }
        let space = self.inbox.space();
        let room = space.len();
        match link.stream.read(space) {
            Ok(0) => Progress::Gone,
            Ok(size) => {
                // To ask again whether it is empty would cost an order its time.
                link.is_readable = size == room || link.is_closed;
                self.inbox.filled(size);
                Progress::Some
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Progress::Some,
            Err(error) => {
                link.is_readable = false;
                gone_or_later(&error)
            }
        }
    }

    /// Writes what there is, as long as the socket takes it.
    #[inline]
    pub(super) fn flush(&mut self, seats: &[Seat], symbols: &[Frame], now: Nanos) -> Progress {
        let Some(link) = &mut self.link else {
            return Progress::Nothing;
        };
        let stores = stores(link.seat, seats, symbols);
        let mut progress = Progress::Nothing;
        for _ in 0..WRITES_MAX {
            if !link.is_writable {
                break;
            }
            match self
                .outbound
                .write(stores, |slices| link.stream.write(slices))
            {
                None => break,
                Some(Ok(_)) => {
                    link.acceptor.sent(now);
                    progress = Progress::Some;
                }
                Some(Err(error)) if error.kind() == ErrorKind::Interrupted => {}
                Some(Err(error)) => {
                    link.is_writable = false;
                    if gone_or_later(&error) == Progress::Gone {
                        return Progress::Gone;
                    }
                }
            }
        }
        let is_over = link.linger_until.is_some() && !link.is_finished;
        if is_over && self.outbound.is_empty(stores) {
            link.is_finished = true;
            if link.stream.finish().is_err() {
                return Progress::Gone;
            }
        }
        progress
    }

    /// True where nothing is left to write.
    pub(super) fn is_flushed(&self, seats: &[Seat], symbols: &[Frame]) -> bool {
        let seat = self.link.as_ref().and_then(|link| link.seat);
        self.outbound.is_empty(stores(seat, seats, symbols))
    }

    /// The session ends: its last message is queued, and it lingers.
    pub(super) fn end(&mut self, fault: Fault, seats: &[Seat], symbols: &[Frame], until: Nanos) {
        let Some(link) = &mut self.link else { return };
        let logout = link.acceptor.end(fault);
        self.outbound.end(stores(link.seat, seats, symbols), logout);
        self.inbox.clear();
        link.linger_until = Some(until);
    }

    /// Makes room for the next connection.
    pub(super) fn clear(&mut self) -> Option<Link> {
        self.inbox.clear();
        self.outbound = Outbound::new();
        self.link.take()
    }
}

fn stores<'a>(seat: Option<usize>, seats: &'a [Seat], symbols: &'a [Frame]) -> Stores<'a> {
    match seat.and_then(|at| seats.get(at)) {
        Some(seat) => Stores {
            accounts: &seat.accounts,
            symbols,
            history: Some(&seat.history),
        },
        None => Stores {
            accounts: &[],
            symbols: &[],
            history: None,
        },
    }
}

fn gone_or_later(error: &io::Error) -> Progress {
    match error.kind() {
        ErrorKind::WouldBlock => Progress::Nothing,
        _ => Progress::Gone,
    }
}
