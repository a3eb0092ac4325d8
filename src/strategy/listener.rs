//! Listener: the sockets that strategies connect to, and the streams that come of them.

use crate::strategy::client::Target;
use crate::strategy::options::Options;
use crate::sys::peer;
use crate::sys::poller::{Readiness, Sockets};
use mio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use std::fs;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The tokens of the two listeners; those of connections follow.
pub(super) const TOKEN_TCP: usize = 0;
pub(super) const TOKEN_UNIX: usize = 1;
pub(super) const TOKEN_FIRST: usize = 2;

/// The sockets that are listened on.
pub(super) struct Listeners {
    tcp: Option<TcpListener>,
    unix: Option<UnixListener>,
    unix_path: Option<PathBuf>,
    tcp_is_ready: bool,
    unix_is_ready: bool,
}

/// A strategy's stream.
#[derive(Debug)]
pub(super) enum Stream {
    /// Who is there must be proven by a key.
    Tcp(TcpStream),
    /// The kernel knows who is there.
    Unix(UnixStream),
}

/// A stream that has just come.
pub(super) struct Arrival {
    pub(super) stream: Stream,
    /// The user at the other end, over a Unix socket.
    pub(super) uid: Option<u32>,
}

impl Listeners {
    /// Binds what is configured.
    pub(super) fn open(options: &Options, sockets: &Sockets) -> io::Result<Self> {
        let mut listeners = Self {
            tcp: None,
            unix: None,
            unix_path: None,
            tcp_is_ready: false,
            unix_is_ready: false,
        };
        if let Some(address) = options.tcp {
            let mut tcp = TcpListener::bind(address)
                .map_err(|error| explain(error, &format!("cannot listen on {address}")))?;
            sockets.register_readable(&mut tcp, TOKEN_TCP)?;
            listeners.tcp = Some(tcp);
        }
        if let Some(path) = &options.unix {
            let mut unix = bind_unix(path, options.unix_mode)?;
            listeners.unix_path = Some(path.clone());
            sockets.register_readable(&mut unix, TOKEN_UNIX)?;
            listeners.unix = Some(unix);
        }
        Ok(listeners)
    }

    /// The port that was bound, where the configuration left it to the kernel.
    pub(super) fn tcp_address(&self) -> Option<SocketAddr> {
        self.tcp.as_ref()?.local_addr().ok()
    }

    pub(super) fn ready(&mut self, readiness: Readiness) {
        match readiness.token {
            TOKEN_TCP => self.tcp_is_ready = true,
            _ => self.unix_is_ready = true,
        }
    }

    /// True where somebody may be waiting to be accepted.
    #[inline]
    pub(super) fn is_ready(&self) -> bool {
        self.tcp_is_ready | self.unix_is_ready
    }

    /// The next who connected. `Ok(None)`: nobody.
    pub(super) fn accept(&mut self) -> io::Result<Option<Arrival>> {
        if let (true, Some(tcp)) = (self.tcp_is_ready, &self.tcp) {
            match tcp.accept() {
                Ok((stream, _)) => {
                    stream.set_nodelay(true)?;
                    return Ok(Some(Arrival {
                        stream: Stream::Tcp(stream),
                        uid: None,
                    }));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.tcp_is_ready = false,
                Err(error) => return Err(error),
            }
        }
        if let (true, Some(unix)) = (self.unix_is_ready, &self.unix) {
            match unix.accept() {
                Ok((stream, _)) => {
                    let uid = Some(peer::uid(&stream)?);
                    return Ok(Some(Arrival {
                        stream: Stream::Unix(stream),
                        uid,
                    }));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.unix_is_ready = false,
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Takes nobody in any more.
    pub(super) fn close(&mut self) {
        self.tcp = None;
        self.unix = None;
        (self.tcp_is_ready, self.unix_is_ready) = (false, false);
        if let Some(path) = self.unix_path.take() {
            let _ = fs::remove_file(path);
        }
    }
}

impl Drop for Listeners {
    fn drop(&mut self) {
        self.close();
    }
}

/// A file that a gate left behind is in the way; one that somebody listens on is somebody's.
fn bind_unix(path: &Path, mode: u32) -> io::Result<UnixListener> {
    let shown = path.display();
    if let Ok(metadata) = fs::symlink_metadata(path) {
        if !metadata.file_type().is_socket() {
            let text = format!("{shown} exists and is not a socket: move it or name another path");
            return Err(io::Error::new(ErrorKind::AlreadyExists, text));
        }
        match std::os::unix::net::UnixStream::connect(path) {
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path)?,
            _ => {
                let text =
                    format!("{shown} is in use: stop who listens there or name another path");
                return Err(io::Error::new(ErrorKind::AddrInUse, text));
            }
        }
    }
    let listener = UnixListener::bind(path)
        .map_err(|error| explain(error, &format!("cannot listen on {shown}")))?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    Ok(listener)
}

fn explain(error: io::Error, what: &str) -> io::Error {
    io::Error::new(error.kind(), format!("{what}: {error}"))
}

impl Stream {
    /// Connects, from the other end.
    pub(super) fn connect(target: &Target) -> io::Result<Self> {
        match target {
            Target::Tcp(address) => {
                let stream = std::net::TcpStream::connect(address)?;
                stream.set_nodelay(true)?;
                stream.set_nonblocking(true)?;
                Ok(Self::Tcp(TcpStream::from_std(stream)))
            }
            Target::Unix(path) => {
                let stream = std::os::unix::net::UnixStream::connect(path)?;
                stream.set_nonblocking(true)?;
                Ok(Self::Unix(UnixStream::from_std(stream)))
            }
        }
    }

    #[inline]
    pub(super) fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(space),
            Self::Unix(stream) => stream.read(space),
        }
    }

    #[inline]
    pub(super) fn write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write_vectored(slices),
            Self::Unix(stream) => stream.write_vectored(slices),
        }
    }

    /// Says that nothing more will be written; what the other end sends is still read.
    pub(super) fn finish(&self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Self::Unix(stream) => stream.shutdown(Shutdown::Write),
        }
    }

    pub(super) fn register(&mut self, sockets: &Sockets, token: usize) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => sockets.register(stream, token),
            Self::Unix(stream) => sockets.register(stream, token),
        }
    }

    pub(super) fn deregister(&mut self, sockets: &Sockets) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => sockets.deregister(stream),
            Self::Unix(stream) => sockets.deregister(stream),
        }
    }
}
