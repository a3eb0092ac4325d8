//! Stream: a connection of this machine or another, and the address it is made to.

use crate::sys::poller::Sockets;
use mio::net::{TcpStream, UnixStream};
use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::path::PathBuf;

/// Where somebody listens.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Address {
    /// By TCP: who is there must be proven by a key.
    Tcp(SocketAddr),
    /// By a Unix socket: the kernel tells who connects.
    Unix(PathBuf),
}

/// A connection. Never waits.
#[derive(Debug)]
pub enum Stream {
    /// Who is there must be proven by a key.
    Tcp(TcpStream),
    /// The kernel knows who is there.
    Unix(UnixStream),
}

impl Stream {
    /// Connects. Waits for that alone.
    pub fn connect(address: &Address) -> io::Result<Self> {
        match address {
            Address::Tcp(address) => {
                let stream = std::net::TcpStream::connect(address)?;
                stream.set_nodelay(true)?;
                stream.set_nonblocking(true)?;
                Ok(Self::Tcp(TcpStream::from_std(stream)))
            }
            Address::Unix(path) => {
                let stream = std::os::unix::net::UnixStream::connect(path)?;
                stream.set_nonblocking(true)?;
                Ok(Self::Unix(UnixStream::from_std(stream)))
            }
        }
    }

    /// Reads what has come. Zero: the other end has closed.
    #[inline]
    pub fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(space),
            Self::Unix(stream) => stream.read(space),
        }
    }

    /// Writes as much as there is room for.
    #[inline]
    pub fn write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write_vectored(slices),
            Self::Unix(stream) => stream.write_vectored(slices),
        }
    }

    /// Says that nothing more will be written; what the other end sends is still read.
    pub fn finish(&self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Self::Unix(stream) => stream.shutdown(Shutdown::Write),
        }
    }

    /// Has it watched, reading and writing.
    pub fn register(&mut self, sockets: &Sockets, token: usize) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => sockets.register(stream, token),
            Self::Unix(stream) => sockets.register(stream, token),
        }
    }

    /// Has it watched no more.
    pub fn deregister(&mut self, sockets: &Sockets) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => sockets.deregister(stream),
            Self::Unix(stream) => sockets.deregister(stream),
        }
    }
}
