//! Listener: a socket that others connect to, and the streams that come of it.

use crate::sys::peer;
use crate::sys::poller::Sockets;
use crate::sys::stream::{Address, Stream};
use mio::net::{TcpListener, UnixListener};
use std::fs;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// A socket that is listened on.
#[derive(Debug)]
pub struct Listener {
    socket: Socket,
    /// Not known to have nobody waiting.
    is_ready: bool,
}

/// A stream that has just come.
#[derive(Debug)]
pub struct Arrival {
    /// The stream.
    pub stream: Stream,
    /// The user at the other end, over a Unix socket.
    pub uid: Option<u32>,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener, PathBuf),
}

impl Listener {
    /// Listens. A Unix socket's file has the mode `unix_mode`.
    pub fn bind(
        address: &Address,
        unix_mode: u32,
        sockets: &Sockets,
        token: usize,
    ) -> io::Result<Self> {
        let socket = match address {
            Address::Tcp(address) => {
                let listener = TcpListener::bind(*address)
                    .map_err(|error| explain(error, &format!("cannot listen on {address}")))?;
                Socket::Tcp(listener)
            }
            Address::Unix(path) => Socket::Unix(bind_unix(path, unix_mode)?, path.clone()),
        };
        let mut listener = Self {
            socket,
            is_ready: false,
        };
        match &mut listener.socket {
            Socket::Tcp(tcp) => sockets.register_readable(tcp, token)?,
            Socket::Unix(unix, _) => sockets.register_readable(unix, token)?,
        }
        Ok(listener)
    }

    /// The TCP address, with the port that was bound where the kernel was left to choose.
    pub fn tcp_address(&self) -> Option<SocketAddr> {
        match &self.socket {
            Socket::Tcp(tcp) => tcp.local_addr().ok(),
            Socket::Unix(..) => None,
        }
    }

    /// Somebody may be waiting to be accepted.
    #[inline]
    pub fn ready(&mut self) {
        self.is_ready = true;
    }

    /// True where somebody may be waiting to be accepted.
    #[inline]
    pub fn is_ready(&self) -> bool {
        self.is_ready
    }

    /// The next who connected. `Ok(None)`: nobody.
    pub fn accept(&mut self) -> io::Result<Option<Arrival>> {
        if !self.is_ready {
            return Ok(None);
        }
        let result = match &self.socket {
            Socket::Tcp(tcp) => tcp.accept().and_then(|(stream, _)| {
                stream.set_nodelay(true)?;
                Ok(Arrival {
                    stream: Stream::Tcp(stream),
                    uid: None,
                })
            }),
            Socket::Unix(unix, _) => unix.accept().and_then(|(stream, _)| {
                let uid = Some(peer::uid(&stream)?);
                Ok(Arrival {
                    stream: Stream::Unix(stream),
                    uid,
                })
            }),
        };
        match result {
            Ok(arrival) => Ok(Some(arrival)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.is_ready = false;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Socket::Unix(_, path) = &self.socket {
            // It may have been removed already.
            let _ = fs::remove_file(path);
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::poller::Poller;

    #[test]
    fn what_is_left_behind_gives_way_and_what_is_used_does_not() {
        let name = format!("portcullis-listener-{}.socket", std::process::id());
        let path = std::env::temp_dir().join(name);
        let address = Address::Unix(path.clone());
        let mut poller = Poller::new(8).unwrap();
        let sockets = poller.sockets().unwrap();
        let bind = || Listener::bind(&address, 0o600, &sockets, 0);

        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let listener = bind().unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(bind().unwrap_err().kind(), ErrorKind::AddrInUse);
        drop(listener);
        assert!(!path.exists());

        fs::write(&path, "somebody's").unwrap();
        assert_eq!(bind().unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&path).unwrap(), "somebody's");
        fs::remove_file(&path).unwrap();
    }
}
