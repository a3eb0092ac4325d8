//! Client: a strategy's end of a connection, for tests, tools and strategies in Rust.
//!
//! Never waits, unless asked to by [`StrategyClient::wait`]. Queueing an order allocates nothing and
//! is no system call; [`StrategyClient::flush`] writes what is queued at once.

use crate::message::{Basket, Cancel, FRAME_SIZE, Frame, NewOrder, Quote, Replace, Text};
use crate::protocol::native::bodies::{Fault, LogoutReason, Role};
use crate::protocol::native::client::{Client, Event, Names, continuations, lines};
use crate::protocol::native::key::Key;
use crate::protocol::native::parser::{self, Decoded, Inbox, Path, UNIT_FRAMES_MAX};
use crate::protocol::native::session::InitiatorOptions;
use crate::sys::clock::Clock;
use crate::sys::poller::{Poller, Sockets};
use crate::sys::random;
use crate::sys::stream::Stream;
use crate::units::Nanos;
use std::fmt;
use std::io::{self, ErrorKind, IoSlice};

pub use crate::sys::stream::Address as Target;

/// Who connects.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// Where to.
    pub target: Target,
    /// The strategy's name.
    pub name: Text,
    /// Its key; `None` over a Unix socket.
    pub key: Option<Key>,
    /// The last report that it has; zero: none.
    pub report_sequence_last: u64,
    /// How long a logon may take.
    pub logon_timeout: Nanos,
    /// Room for what is queued and not yet taken by the socket, in bytes.
    pub queue_bytes_max: usize,
}

/// Why a connection is over, or a command was not queued.
#[derive(Debug)]
pub enum ClientError {
    /// A system call failed.
    Io(io::Error),
    /// The gate did what it must not.
    Fault(Fault),
    /// The gate ended the session.
    LoggedOut(Option<LogoutReason>),
    /// The gate closed the connection.
    Closed,
    /// Not logged on.
    NotReady,
    /// More is queued than there is room for: flush, and read what comes.
    Full,
}

/// A connection of a strategy.
#[derive(Debug)]
pub struct StrategyClient {
    target: Target,
    /// The way on which messages come.
    path: Path,
    session: Client,
    poller: Poller,
    sockets: Sockets,
    stream: Stream,
    inbox: Inbox,
    queue: Vec<u8>,
    queue_written: usize,
}

/// Reads in one poll.
const READS_MAX: usize = 64;

impl StrategyClient {
    /// Connects; the logon goes on in [`StrategyClient::poll`].
    pub fn connect(options: ClientOptions, now: Nanos) -> Result<Self, ClientError> {
        Self::connect_as(Role::Strategy, Path::GateToStrategy, options, now)
    }

    /// Connects as somebody else, who is answered on `path`.
    pub(crate) fn connect_as(
        role: Role,
        path: Path,
        options: ClientOptions,
        now: Nanos,
    ) -> Result<Self, ClientError> {
        let session = InitiatorOptions {
            name: options.name,
            role,
            key: options.key,
            report_sequence_last: options.report_sequence_last,
            salt: random::bytes()?,
            logon_timeout: options.logon_timeout,
        };
        let mut poller = Poller::new(8)?;
        let sockets = poller.sockets()?;
        let mut stream = Stream::connect(&options.target)?;
        stream.register(&sockets, 0)?;
        Ok(Self {
            target: options.target,
            path,
            session: Client::new(session, now),
            poller,
            sockets,
            stream,
            inbox: Inbox::new(2 * UNIT_FRAMES_MAX),
            queue: Vec::with_capacity(options.queue_bytes_max.max(UNIT_FRAMES_MAX * FRAME_SIZE)),
            queue_written: 0,
        })
    }

    /// Connects again, behind the last report. What was queued and not written is forgotten: the
    /// welcome says which commands the gate has had.
    pub fn reconnect(&mut self, now: Nanos) -> Result<(), ClientError> {
        let mut stream = Stream::connect(&self.target)?;
        // It may be gone already; then there is nothing to watch any more.
        let _ = self.stream.deregister(&self.sockets);
        stream.register(&self.sockets, 0)?;
        self.stream = stream;
        self.session.reconnect(random::bytes()?, now);
        self.inbox.clear();
        self.queue.clear();
        self.queue_written = 0;
        Ok(())
    }

    /// Polls and waits until orders may be sent. What else is told meanwhile goes to `tell`.
    pub fn log_on(
        &mut self,
        clock: &mut Clock,
        mut tell: impl FnMut(Event<'_>),
    ) -> Result<(), ClientError> {
        while !self.is_ready() {
            let now = clock.now();
            if self.poll(now, &mut tell)? == 0 {
                let deadline = self.session.session().deadline();
                self.wait(deadline.since(now))?;
            }
        }
        Ok(())
    }

    /// Writes what is queued, reads what has come and tells each event of it; sends heartbeats.
    /// Returns how many messages came. After an error the connection is over: see
    /// [`StrategyClient::reconnect`].
    pub fn poll(
        &mut self,
        now: Nanos,
        mut tell: impl FnMut(Event<'_>),
    ) -> Result<usize, ClientError> {
        let sent = self.flush();
        // What has come is heard before the gate is called silent: this end may have slept itself. And
        // a gate that takes nothing more has said why before: all of that is heard first.
        let reads_max = if sent.is_ok() { READS_MAX } else { usize::MAX };
        let mut count = 0;
        for _ in 0..reads_max {
            count += self.handle(now, &mut tell)?;
            match self.stream.read(self.inbox.space()) {
                Ok(0) => return Err(ClientError::Closed),
                Ok(size) => self.inbox.filled(size),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
        }
        sent?;
        match self.session.session().tick(now) {
            Ok(None) => {}
            Ok(Some(heartbeat)) => {
                self.queue(&heartbeat, &[])?;
                self.flush()?;
            }
            Err(fault) => return Err(self.fail(fault)),
        }
        Ok(count)
    }

    fn handle(
        &mut self,
        now: Nanos,
        tell: &mut impl FnMut(Event<'_>),
    ) -> Result<usize, ClientError> {
        let mut count = 0;
        loop {
            let head = match parser::decode(self.inbox.frames(), self.path, u8::MAX) {
                Decoded::Incomplete => return Ok(count),
                Decoded::Malformed(error) => return Err(self.fail(error.into())),
                Decoded::Message { head, .. } => head,
            };
            count += 1;
            match self.session.receive(head, now) {
                Ok(Event::Send(frame)) => {
                    self.inbox.consume(1);
                    self.queue(&frame, &[])?;
                    self.flush()?;
                }
                Ok(Event::Ended(reason)) => return Err(ClientError::LoggedOut(reason)),
                Ok(event) => {
                    tell(event);
                    self.inbox.consume(1);
                }
                Err(fault) => return Err(self.fail(fault)),
            }
        }
    }

    #[cold]
    fn fail(&mut self, fault: Fault) -> ClientError {
        let logout = self.session.session().end(fault);
        // The gate finds out in any case when the connection closes.
        let _ = self.queue(&logout, &[]).and_then(|()| self.flush());
        ClientError::Fault(fault)
    }

    /// Waits until something comes, the socket has room again, or `timeout` is over.
    pub fn wait(&mut self, timeout: Nanos) -> Result<(), ClientError> {
        self.poller.park(Some(timeout), |_, _| {})?;
        Ok(())
    }

    /// Queues an order and returns its sequence. `passthrough` is handed on to the broker.
    #[inline]
    pub fn new_order(
        &mut self,
        order: NewOrder,
        passthrough: &[u8],
        now: Nanos,
    ) -> Result<u64, ClientError> {
        self.check_room(passthrough)?;
        let head = self.session.new_order(order, passthrough, now);
        self.queue_command(head, passthrough)
    }

    /// Queues a replace and returns its sequence.
    #[inline]
    pub fn replace(
        &mut self,
        replace: Replace,
        passthrough: &[u8],
        now: Nanos,
    ) -> Result<u64, ClientError> {
        self.check_room(passthrough)?;
        let head = self.session.replace(replace, passthrough, now);
        self.queue_command(head, passthrough)
    }

    /// Queues a basket of orders, which pass together or not at all, and returns its sequence.
    pub fn basket(
        &mut self,
        basket: Basket,
        orders: &[NewOrder],
        now: Nanos,
    ) -> Result<u64, ClientError> {
        let lines: Vec<u8> = lines(orders).flat_map(|line| *line.bytes()).collect();
        self.check_room(&lines)?;
        let head = self.session.basket(basket, orders, now);
        self.queue_command(head, &lines)
    }

    /// Queues a cancel and returns its sequence.
    #[inline]
    pub fn cancel(&mut self, cancel: Cancel, now: Nanos) -> Result<u64, ClientError> {
        self.check_room(&[])?;
        let head = self.session.cancel(cancel, now);
        self.queue_command(head, &[])
    }

    /// Queues a quote, of a feed, and returns its sequence.
    #[inline]
    pub(crate) fn quote(&mut self, quote: Quote, now: Nanos) -> Result<u64, ClientError> {
        self.check_room(&[])?;
        let head = self.session.quote(quote, now);
        self.queue_command(head, &[])
    }

    /// Says that this end is done. The gate answers by closing, which ends the next polls.
    pub fn log_out(&mut self) -> Result<(), ClientError> {
        let logout = self.session.session().end(Fault::new(LogoutReason::Done));
        self.queue(&logout, &[])?;
        self.flush()
    }

    #[inline]
    fn queue_command(
        &mut self,
        head: Option<Frame>,
        passthrough: &[u8],
    ) -> Result<u64, ClientError> {
        let head = head.ok_or(ClientError::NotReady)?;
        self.queue(&head, passthrough)?;
        Ok(head.header.sequence)
    }

    /// A command that got a sequence must also get out.
    #[inline]
    fn check_room(&mut self, passthrough: &[u8]) -> Result<(), ClientError> {
        let size = FRAME_SIZE * (1 + passthrough.len().div_ceil(FRAME_SIZE));
        if self.queue.capacity() < self.queue.len() + size {
            self.queue.drain(..self.queue_written);
            self.queue_written = 0;
        }
        match self.queue.len() + size <= self.queue.capacity() {
            true => Ok(()),
            false => Err(ClientError::Full),
        }
    }

    #[inline]
    fn queue(&mut self, head: &Frame, passthrough: &[u8]) -> Result<(), ClientError> {
        self.check_room(passthrough)?;
        self.queue.extend_from_slice(head.bytes());
        for frame in continuations(passthrough) {
            self.queue.extend_from_slice(frame.bytes());
        }
        Ok(())
    }

    /// Writes what is queued, as far as the socket takes it.
    #[inline]
    pub fn flush(&mut self) -> Result<(), ClientError> {
        while self.queue_written < self.queue.len() {
            let slice = IoSlice::new(&self.queue[self.queue_written..]);
            match self.stream.write(&[slice]) {
                Ok(size) => self.queue_written += size,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
        self.queue.clear();
        self.queue_written = 0;
        Ok(())
    }

    /// How many bytes are queued and not yet written.
    pub fn queued_bytes(&self) -> usize {
        self.queue.len() - self.queue_written
    }

    /// True once orders may be sent.
    pub fn is_ready(&self) -> bool {
        self.session.is_ready()
    }

    /// The names that the gate has defined.
    pub fn names(&self) -> &Names {
        self.session.names()
    }

    /// The last report received.
    pub fn report_sequence_last(&self) -> u64 {
        self.session.report_sequence_last()
    }

    /// The sequence that the next command will have: what is below it, the gate has had or will.
    pub fn command_sequence_next(&mut self) -> u64 {
        self.session.session().command_sequence_next()
    }
}

impl From<io::Error> for ClientError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(out, "the connection to the gate failed: {error}"),
            Self::Fault(fault) => write!(
                out,
                "the gate broke the protocol: {}; expected {}, found {}, detail {}",
                fault.reason.text(),
                fault.expected,
                fault.found,
                fault.detail
            ),
            Self::LoggedOut(Some(reason)) => {
                write!(out, "the gate ended the session: {}", reason.text())
            }
            Self::LoggedOut(None) => out.write_str("the gate ended the session"),
            Self::Closed => out.write_str("the gate closed the connection"),
            Self::NotReady => out.write_str("not logged on"),
            Self::Full => out.write_str("too much is queued: the gate does not take it"),
        }
    }
}

impl std::error::Error for ClientError {}
