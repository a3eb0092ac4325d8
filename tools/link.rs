//! Link: a socket that never blocks, with frames waiting on both sides of it.
//!
//! Hot path: nothing is allocated as long as the other end reads what is sent to it.

use mio::net::{TcpStream, UnixStream};
use portcullis::message::Frame;
use portcullis::protocol::native::parser::{Inbox, UNIT_FRAMES_MAX};
use portcullis::strategy::client::Target;
use portcullis::sys::poller::Sockets;
use std::io::{self, ErrorKind, Read, Write};
use std::path::PathBuf;

/// A connection.
#[derive(Debug)]
pub(crate) struct Link {
    stream: Stream,
    inbox: Inbox,
    queue: Vec<u8>,
    queue_written: usize,
    /// False once the socket was read to its end for now; whoever polls it says when that is over.
    pub(crate) is_readable: bool,
}

#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Link {
    /// Calls.
    pub(crate) fn connect(target: &Target) -> io::Result<Self> {
        match target {
            Target::Tcp(address) => Self::from_tcp(std::net::TcpStream::connect(address)?),
            Target::Unix(path) => {
                let stream = std::os::unix::net::UnixStream::connect(path)?;
                stream.set_nonblocking(true)?;
                Ok(Self::new(Stream::Unix(UnixStream::from_std(stream))))
            }
        }
    }

    /// Of a stream that is connected.
    pub(crate) fn from_tcp(stream: std::net::TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Self::new(Stream::Tcp(TcpStream::from_std(stream))))
    }

    fn new(stream: Stream) -> Self {
        Self {
            stream,
            inbox: Inbox::new(INBOX_FRAMES),
            queue: Vec::with_capacity(QUEUE_BYTES),
            queue_written: 0,
            is_readable: true,
        }
    }

    /// Lets a poller watch it.
    pub(crate) fn register(&mut self, sockets: &Sockets, token: usize) -> io::Result<()> {
        self.is_readable = true;
        match &mut self.stream {
            Stream::Tcp(stream) => sockets.register(stream, token),
            Stream::Unix(stream) => sockets.register(stream, token),
        }
    }

    /// Nobody watches it any more.
    pub(crate) fn deregister(&mut self, sockets: &Sockets) -> io::Result<()> {
        match &mut self.stream {
            Stream::Tcp(stream) => sockets.deregister(stream),
            Stream::Unix(stream) => sockets.deregister(stream),
        }
    }

    /// To be sent with the next flush.
    #[inline]
    pub(crate) fn queue(&mut self, frame: &Frame) {
        self.queue.extend_from_slice(frame.bytes());
    }

    /// Writes what is queued, as far as the socket takes it.
    #[inline]
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        while self.queue_written < self.queue.len() {
            let bytes = &self.queue[self.queue_written..];
            let written = match &mut self.stream {
                Stream::Tcp(stream) => stream.write(bytes),
                Stream::Unix(stream) => stream.write(bytes),
            };
            match written {
                Ok(size) => self.queue_written += size,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        self.queue.clear();
        self.queue_written = 0;
        Ok(())
    }

    /// Reads once. False where nothing came. The end of the stream is an error, for nobody here
    /// expects it.
    #[inline]
    pub(crate) fn fill(&mut self) -> io::Result<bool> {
        if !self.is_readable {
            return Ok(false);
        }
        let space = self.inbox.space();
        let read = match &mut self.stream {
            Stream::Tcp(stream) => stream.read(space),
            Stream::Unix(stream) => stream.read(space),
        };
        match read {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            Ok(size) => {
                self.inbox.filled(size);
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.is_readable = false;
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// The whole frames that have come and were not consumed.
    #[inline]
    pub(crate) fn frames(&self) -> &[Frame] {
        self.inbox.frames()
    }

    /// So many were used.
    #[inline]
    pub(crate) fn consume(&mut self, count: usize) {
        self.inbox.consume(count);
    }
}

/// Reads `tcp:ADDRESS` or `unix:PATH`.
pub(crate) fn parse_target(text: &str) -> Result<Target, String> {
    let help = "write tcp:ADDRESS, as in tcp:127.0.0.1:7001, or unix:PATH";
    match text.split_once(':') {
        Some(("tcp", address)) => address
            .parse()
            .map(Target::Tcp)
            .map_err(|error| format!("{error}: {help}")),
        Some(("unix", path)) if !path.is_empty() => Ok(Target::Unix(PathBuf::from(path))),
        _ => Err(help.to_owned()),
    }
}

const INBOX_FRAMES: usize = 4 * UNIT_FRAMES_MAX;
const QUEUE_BYTES: usize = 1 << 20;
