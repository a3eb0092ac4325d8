//! Connection: one TCP connection to a broker's process, from the call to its end.

use super::options::NativeOptions;
use crate::broker::link::Inbound;
use crate::broker::outbound::Outbound;
use crate::broker::wire::Wire;
use crate::message::{Frame, Header, Kind};
use crate::protocol::native::bodies::{Definition, Fault, LogoutReason, Role};
use crate::protocol::native::parser::{Decoded, Inbox, Path, decode};
use crate::protocol::native::session::{Initiator, InitiatorOptions, Phase, Told};
use crate::sys::failpoint;
use crate::sys::poller::{Readiness, Sockets};
use crate::units::Nanos;
use mio::net::TcpStream;
use socket2::{Domain, Protocol, Socket, Type};
use std::fmt;
use std::io::{self, ErrorKind, Read};

/// So many frames are read ahead, and so many units written, in one poll.
const BATCH: usize = 256;
/// Frames that one read may bring.
const INBOX_FRAMES: usize = 1_024;

/// One connection.
pub(super) struct Connection {
    stream: TcpStream,
    /// False until the kernel has made the connection.
    is_open: bool,
    connect_deadline: Nanos,
    session: Initiator,
    logon: InitiatorOptions,
    definitions: Vec<Definition>,
    accepts_missed_reports: bool,
    inbox: Inbox,
    wire: Wire,
    /// The link is ready once this report was handed over.
    replay_last: u64,
    /// The last report that was handed over.
    report_sequence_last: u64,
    is_readable: bool,
    /// The broker has closed: it is read until it says so itself.
    is_closed: bool,
    is_writable: bool,
    /// Nobody says when the socket is ready: it is tried at every poll.
    is_unwatched: bool,
}

/// How far it has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Progress {
    /// Logged on: cancels may be sent.
    LoggedOn,
    /// And every report that was missed is handed over: orders may be sent.
    Ready,
}

/// Why a connection is over.
#[derive(Debug)]
pub(super) enum Lost {
    /// The broker closed it.
    Closed,
    /// The kernel says so.
    Socket(io::Error),
    /// It was not made in time.
    ConnectTimeout,
    /// The broker broke the rules of the session.
    Fault(Fault),
    /// The broker took its leave.
    LoggedOut(Option<LogoutReason>),
    /// The broker no longer keeps so many reports that risk never had.
    Missed(u64),
    /// The gate stops.
    Shutdown,
}

impl Connection {
    pub(super) fn open(
        options: &NativeOptions,
        report_sequence_last: u64,
        salt: [u8; 12],
        sockets: Option<&Sockets>,
        token: usize,
        now: Nanos,
    ) -> io::Result<Self> {
        let mut stream = call(options)?;
        if let Some(sockets) = sockets {
            sockets.register(&mut stream, token)?;
        }
        let logon = InitiatorOptions {
            name: options.name,
            role: Role::Gate,
            key: Some(options.key.clone()),
            report_sequence_last,
            salt,
            logon_timeout: options.logon_timeout,
        };
        Ok(Self {
            stream,
            is_open: false,
            connect_deadline: now.after(options.connect_timeout),
            session: Initiator::new(logon.clone(), now),
            logon,
            definitions: options.definitions.clone(),
            accepts_missed_reports: options.accepts_missed_reports,
            inbox: Inbox::new(INBOX_FRAMES),
            wire: Wire::new(),
            replay_last: 0,
            report_sequence_last,
            is_readable: sockets.is_none(),
            is_closed: false,
            is_writable: sockets.is_none(),
            is_unwatched: sockets.is_none(),
        })
    }

    pub(super) fn ready(&mut self, readiness: Readiness) {
        self.is_readable |= readiness.is_readable;
        self.is_closed |= readiness.is_closed;
        self.is_writable |= readiness.is_writable;
    }

    pub(super) const fn report_sequence_last(&self) -> u64 {
        self.report_sequence_last
    }

    /// How far it has come, if it is logged on at all.
    pub(super) fn progress(&self) -> Option<Progress> {
        if !self.session.is_ready() {
            return None;
        }
        Some(match self.replay_last <= self.report_sequence_last {
            true => Progress::Ready,
            false => Progress::LoggedOn,
        })
    }

    /// Requests on their way of which no byte was written.
    pub(super) fn unbegun(&self) -> &[Frame] {
        self.wire.unbegun()
    }

    /// Whether all that was to be sent is in the kernel's hands.
    pub(super) fn is_written(&self) -> bool {
        self.wire.is_empty()
    }

    /// Hands over what has come, as far as there is room for it.
    pub(super) fn read(&mut self, now: Nanos, inbound: &mut Inbound<'_>) -> Result<usize, Lost> {
        if !self.open_now(now)? {
            return Ok(0);
        }
        self.is_readable |= self.is_unwatched;
        let mut count = 0;
        loop {
            count += self.take(now, inbound, BATCH - count)?;
            if count == BATCH || !self.is_readable {
                return Ok(count);
            }
            if inbound.room() == 0 {
                // Not at rest: there may be more, and nobody rings when risk makes room.
                return Ok(count + 1);
            }
            let space = self.inbox.space();
            let room = space.len();
            match self.stream.read(space) {
                Ok(0) => return Err(Lost::Closed),
                Ok(size) => {
                    self.is_readable = size == room || self.is_closed || self.is_unwatched;
                    self.inbox.filled(size);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.is_readable = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Lost::Socket(error)),
            }
        }
    }

    /// Puts what waits on its way, as far as the socket takes it, and a heartbeat when it is time.
    pub(super) fn write(
        &mut self,
        now: Nanos,
        outbound: &mut Outbound,
        is_up: bool,
    ) -> Result<usize, Lost> {
        if !self.is_open {
            return Ok(0);
        }
        self.is_writable |= self.is_unwatched;
        let mut count = 0;
        loop {
            while self.session.phase() == Phase::Live && count < BATCH {
                let Some(size) = outbound.next_size(is_up) else {
                    break;
                };
                if !self.wire.has_room(size) {
                    break;
                }
                let (wire, session, mut is_head) = (&mut self.wire, &mut self.session, true);
                outbound.pop(|mut frame| {
                    if std::mem::take(&mut is_head) {
                        prepare(&mut frame);
                        session.count(&mut frame, now);
                    }
                    wire.push(frame);
                });
                count += 1;
            }
            if let Some(heartbeat) = self.session.tick(now).map_err(Lost::Fault)?
                && self.wire.has_room(1)
            {
                self.wire.push(heartbeat);
            }
            if self.wire.is_empty() || !self.is_writable {
                return Ok(count);
            }
            self.is_writable = self.wire.flush(&mut self.stream).map_err(Lost::Socket)?;
            if count == BATCH || outbound.next_size(is_up).is_none() {
                return Ok(count);
            }
        }
    }

    /// The last message, if it can go out whole.
    pub(super) fn log_out(&mut self, fault: Fault) {
        let frame = self.session.end(fault);
        if self.is_open && self.wire.is_empty() {
            self.wire.push(frame);
            // The connection ends either way.
            let _ = self.wire.flush(&mut self.stream);
        }
    }

    pub(super) fn close(mut self: Box<Self>, sockets: Option<&Sockets>) {
        if let Some(sockets) = sockets {
            // Closing takes it out of the poller as well.
            let _ = sockets.deregister(&mut self.stream);
        }
    }

    pub(super) fn deadline(&self) -> Nanos {
        match self.is_open {
            true => self.session.deadline(),
            false => self.connect_deadline,
        }
    }

    /// Whether the connection is made by now.
    fn open_now(&mut self, now: Nanos) -> Result<bool, Lost> {
        if self.is_open {
            return Ok(true);
        }
        if let Some(error) = self.stream.take_error().map_err(Lost::Socket)? {
            return Err(Lost::Socket(error));
        }
        match self.stream.peer_addr() {
            Ok(_) => {
                self.is_open = true;
                // The logon's time counts from here.
                self.session = Initiator::new(self.logon.clone(), now);
                (self.is_readable, self.is_writable) = (true, true);
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::NotConnected => {
                match now < self.connect_deadline {
                    true => Ok(false),
                    false => Err(Lost::ConnectTimeout),
                }
            }
            Err(error) => Err(Lost::Socket(error)),
        }
    }

    /// Takes up to `count_max` messages out of the inbox.
    fn take(
        &mut self,
        now: Nanos,
        inbound: &mut Inbound<'_>,
        count_max: usize,
    ) -> Result<usize, Lost> {
        let mut count = 0;
        while count < count_max && inbound.room() != 0 {
            let (frame, consumed) = match decode(self.inbox.frames(), Path::BrokerToGate, 0) {
                Decoded::Incomplete => break,
                Decoded::Message { head, consumed, .. } => (*head, consumed),
                Decoded::Malformed(error) => return Err(self.refuse(error.into())),
            };
            self.inbox.consume(consumed);
            let told = self.session.receive(&frame, now);
            match told {
                Ok(Told::Report) => {
                    failpoint::reach("after_report_read");
                    inbound.report(&frame);
                    failpoint::reach("after_report_push");
                    self.report_sequence_last = frame.header.sequence;
                }
                Ok(Told::Challenge(logon)) => self.wire.push(logon),
                Ok(Told::Welcome { welcome, missed }) => {
                    let replay_last = welcome.report_sequence_next - 1;
                    self.enter(replay_last, missed)?;
                }
                Ok(Told::Definition(_) | Told::Heartbeat) => {}
                Ok(Told::Logout(logout)) => return Err(Lost::LoggedOut(logout.reason())),
                Err(fault) => return Err(self.refuse(fault)),
            }
            count += 1;
        }
        Ok(count)
    }

    /// Logged on: the definitions go first.
    fn enter(&mut self, replay_last: u64, missed: u64) -> Result<(), Lost> {
        if missed != 0 {
            if !self.accepts_missed_reports {
                self.log_out(Fault::new(LogoutReason::ReportUnknown));
                return Err(Lost::Missed(missed));
            }
            tracing::error!(missed, "broker: reports are lost and were accepted as lost");
            self.report_sequence_last += missed;
        }
        self.replay_last = replay_last;
        for definition in std::mem::take(&mut self.definitions) {
            let frame = Frame::new(Kind::Definition, Header::default(), definition);
            self.wire.push(frame);
        }
        Ok(())
    }

    fn refuse(&mut self, fault: Fault) -> Lost {
        self.log_out(fault);
        Lost::Fault(fault)
    }
}

/// A call that does not wait for its answer.
fn call(options: &NativeOptions) -> io::Result<TcpStream> {
    let domain = Domain::for_address(options.address);
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    socket.set_send_buffer_size(options.send_buffer_size)?;
    socket.set_tcp_user_timeout(Some(options.user_timeout.to_duration()))?;
    match socket.connect(&options.address.into()) {
        Ok(()) => {}
        Err(error) if error.raw_os_error() == Some(IN_PROGRESS) => {}
        Err(error) => return Err(error),
    }
    Ok(TcpStream::from_std(socket.into()))
}

/// The kernel's word for a call that is on its way.
const IN_PROGRESS: i32 = rustix::io::Errno::INPROGRESS.raw_os_error();

/// What a head may not carry on a wire.
fn prepare(frame: &mut Frame) {
    frame.header.flags = 0;
}

impl fmt::Display for Lost {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => out.write_str("the broker closed the connection"),
            Self::Socket(error) => write!(out, "{error}"),
            Self::ConnectTimeout => out.write_str("no connection within `connect_timeout`"),
            Self::Fault(fault) => write!(
                out,
                "{} (expected {}, found {})",
                fault.reason.text(),
                fault.expected,
                fault.found
            ),
            Self::LoggedOut(reason) => write!(
                out,
                "the broker took its leave: {}",
                reason.map_or("for a reason that is not known", LogoutReason::text)
            ),
            Self::Missed(count) => write!(
                out,
                "the broker no longer keeps {count} reports that the gate never had: settle the \
                 account with the broker, then set `accepts_missed_reports`"
            ),
            Self::Shutdown => out.write_str("the gate stops"),
        }
    }
}
