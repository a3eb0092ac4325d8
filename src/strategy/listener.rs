//! Listener: the sockets that strategies connect to.

use crate::strategy::options::Options;
use crate::sys::listener::{Arrival, Listener};
use crate::sys::poller::{Readiness, Sockets};
use crate::sys::stream::Address;
use std::io;
use std::net::SocketAddr;

/// The tokens of the two listeners; those of connections follow.
pub(super) const TOKEN_TCP: usize = 0;
pub(super) const TOKEN_UNIX: usize = 1;
pub(super) const TOKEN_FIRST: usize = 2;

/// The sockets that are listened on.
pub(super) struct Listeners {
    tcp: Option<Listener>,
    unix: Option<Listener>,
}

impl Listeners {
    /// Binds what is configured.
    pub(super) fn open(options: &Options, sockets: &Sockets) -> io::Result<Self> {
        let mode = options.unix_mode;
        let tcp = options.tcp.map(Address::Tcp);
        let unix = options.unix.clone().map(Address::Unix);
        let bind = |address, token| Listener::bind(&address, mode, sockets, token);
        Ok(Self {
            tcp: tcp.map(|address| bind(address, TOKEN_TCP)).transpose()?,
            unix: unix.map(|address| bind(address, TOKEN_UNIX)).transpose()?,
        })
    }

    /// The port that was bound, where the configuration left it to the kernel.
    pub(super) fn tcp_address(&self) -> Option<SocketAddr> {
        self.tcp.as_ref()?.tcp_address()
    }

    pub(super) fn ready(&mut self, readiness: Readiness) {
        let listener = match readiness.token {
            TOKEN_TCP => &mut self.tcp,
            _ => &mut self.unix,
        };
        if let Some(listener) = listener {
            listener.ready();
        }
    }

    /// True where somebody may be waiting to be accepted.
    #[inline]
    pub(super) fn is_ready(&self) -> bool {
        let is_ready =
            |listener: &Option<Listener>| listener.as_ref().is_some_and(Listener::is_ready);
        is_ready(&self.tcp) | is_ready(&self.unix)
    }

    /// The next who connected. `Ok(None)`: nobody.
    pub(super) fn accept(&mut self) -> io::Result<Option<Arrival>> {
        for listener in [&mut self.tcp, &mut self.unix].into_iter().flatten() {
            if let Some(arrival) = listener.accept()? {
                return Ok(Some(arrival));
            }
        }
        Ok(None)
    }

    /// Takes nobody in any more.
    pub(super) fn close(&mut self) {
        (self.tcp, self.unix) = (None, None);
    }
}
