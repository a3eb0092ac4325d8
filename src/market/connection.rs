//! Connection: a feed's socket, its buffers, and how far its session is.

use crate::message::Frame;
use crate::protocol::native::bodies::Fault;
use crate::protocol::native::parser::{Inbox, UNIT_FRAMES_MAX};
use crate::protocol::native::session::Acceptor;
use crate::strategy::outbound::{Outbound, Stores};
use crate::sys::stream::Stream;
use crate::units::Nanos;
use std::io::{self, ErrorKind};

/// Room for one connection, taken at start.
pub(super) struct Slot {
    pub(super) inbox: Inbox,
    pub(super) outbound: Outbound,
    pub(super) link: Option<Link>,
}

/// A connection.
pub(super) struct Link {
    pub(super) stream: Stream,
    pub(super) acceptor: Acceptor,
    /// The place at which it came, and so who it says it is.
    pub(super) feed: usize,
    /// The user at the other end, over a Unix socket.
    pub(super) uid: Option<u32>,
    /// It has proven that it is that feed.
    pub(super) is_logged_on: bool,
    /// Counts connections: the smallest is the oldest.
    pub(super) serial: u64,
    /// The session is over: only its last message is sent, and what comes is thrown away until the
    /// other end closes or this time has come. Closing at once would destroy that last message.
    pub(super) linger_until: Option<Nanos>,
    pub(super) is_finished: bool,
    /// Not known to be empty.
    pub(super) is_readable: bool,
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

impl Slot {
    pub(super) fn new() -> Self {
        Self {
            inbox: Inbox::new(UNIT_FRAMES_MAX),
            outbound: Outbound::new(),
            link: None,
        }
    }

    /// Reads once.
    #[inline]
    pub(super) fn read(&mut self) -> Progress {
        let Some(link) = self.link.as_mut().filter(|link| link.is_readable) else {
            return Progress::Nothing;
        };
        match link.stream.read(self.inbox.space()) {
            Ok(0) => Progress::Gone,
            Ok(size) => {
                self.inbox.filled(size);
                Progress::Some
            }
            Err(error) => {
                let progress = progress_of(&error);
                link.is_readable = progress == Progress::Some;
                progress
            }
        }
    }

    /// Writes what there is, as long as the socket takes it.
    #[inline]
    pub(super) fn flush(&mut self, symbols: &[Frame], now: Nanos) -> Progress {
        let Some(link) = &mut self.link else {
            return Progress::Nothing;
        };
        let stores = stores(link, symbols);
        while link.is_writable {
            let write = |slices: &[io::IoSlice<'_>]| link.stream.write(slices);
            match self.outbound.write(stores, write) {
                None => break,
                Some(Ok(_)) => link.acceptor.sent(now),
                Some(Err(error)) => match progress_of(&error) {
                    Progress::Some => {}
                    Progress::Nothing => link.is_writable = false,
                    Progress::Gone => return Progress::Gone,
                },
            }
        }
        let is_over = link.linger_until.is_some() && !link.is_finished;
        if is_over && self.outbound.is_empty(stores) {
            link.is_finished = true;
            if link.stream.finish().is_err() {
                return Progress::Gone;
            }
        }
        Progress::Nothing
    }

    /// True where nothing is left to write.
    pub(super) fn is_flushed(&self, symbols: &[Frame]) -> bool {
        let link = self.link.as_ref();
        link.is_none_or(|link| self.outbound.is_empty(stores(link, symbols)))
    }

    /// The session ends: its last message is queued, and it lingers.
    pub(super) fn end(&mut self, fault: Fault, symbols: &[Frame], until: Nanos) {
        let Some(link) = &mut self.link else { return };
        let stores = stores(link, symbols);
        let logout = link.acceptor.end(fault);
        self.outbound.end(stores, logout);
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

/// A feed is told of all symbols once it is logged on, and of nothing else. The acceptor's phase would
/// not do: it is over when the feed says goodbye, though a definition may be half written.
fn stores<'a>(link: &Link, symbols: &'a [Frame]) -> Stores<'a> {
    Stores {
        accounts: &[],
        symbols: if link.is_logged_on { symbols } else { &[] },
        history: None,
    }
}

fn progress_of(error: &io::Error) -> Progress {
    match error.kind() {
        ErrorKind::Interrupted => Progress::Some,
        ErrorKind::WouldBlock => Progress::Nothing,
        _ => Progress::Gone,
    }
}
