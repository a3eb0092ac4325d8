//! Session: a strategy of a tool, on a socket that its caller polls.

use crate::link::Link;
use portcullis::config;
use portcullis::message::{Frame, Text};
use portcullis::protocol::native::bodies::{Fault, LogoutReason, Role};
use portcullis::protocol::native::client::{Client, Event};
use portcullis::protocol::native::key::Key;
use portcullis::protocol::native::parser::{self, Decoded, Path};
use portcullis::protocol::native::session::InitiatorOptions;
use portcullis::reject::RejectReason;
use portcullis::strategy::client::{ClientError, Target};
use portcullis::sys::clock::Clock;
use portcullis::sys::poller::Poller;
use portcullis::sys::random;
use portcullis::units::Nanos;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::PathBuf;

/// Who logs on, and by what: `NAME=FILE` with a key, `NAME` where the kernel says who it is.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    name: Text,
    key_file: Option<PathBuf>,
}

/// A session of a strategy.
#[derive(Debug)]
pub(crate) struct Session {
    /// The name that it logs on by.
    pub(crate) name: Text,
    /// Its socket.
    pub(crate) link: Link,
    /// Its end of the protocol.
    pub(crate) client: Client,
}

impl Identity {
    /// Reads `NAME=FILE` or `NAME`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (name, key_file) = match text.split_once('=') {
            Some((name, file)) => (name, Some(PathBuf::from(file))),
            None => (text, None),
        };
        let name = Text::new(name).filter(Text::is_id);
        let name = name.ok_or("write NAME=KEYFILE, or NAME alone on a unix socket")?;
        Ok(Self { name, key_file })
    }

    /// Who it is.
    pub(crate) fn name(&self) -> Text {
        self.name
    }

    /// Its key, from the file.
    pub(crate) fn key(&self) -> Result<Option<Key>, String> {
        let Some(path) = &self.key_file else {
            return Ok(None);
        };
        let shown = path.display();
        let text = fs::read(path).map_err(|error| format!("{shown}: {error}"))?;
        let key = config::keys::Key::parse(&text);
        let key = key.ok_or_else(|| format!("{shown}: not a key: write 64 hexadecimal digits"))?;
        Ok(Some(Key::new(*key.bytes())))
    }
}

impl Session {
    /// Connects; the logon goes on in [`Session::poll`].
    pub(crate) fn connect(
        target: &Target,
        identity: &Identity,
        now: Nanos,
    ) -> Result<Self, String> {
        let name = identity.name();
        let failed = |error: io::Error| match target {
            Target::Tcp(address) => format!("{name}: cannot connect to {address}: {error}"),
            Target::Unix(path) => format!("{name}: cannot connect to {}: {error}", path.display()),
        };
        let options = InitiatorOptions {
            name,
            role: Role::Strategy,
            key: identity.key()?,
            // Reports of earlier sessions are asked for again and not looked at.
            report_sequence_last: 0,
            salt: random::bytes().map_err(failed)?,
            logon_timeout: LOGON_TIMEOUT,
        };
        Ok(Self {
            name,
            link: Link::connect(target).map_err(failed)?,
            client: Client::new(options, now),
        })
    }

    /// Polls until orders may be sent. What the gate tells meanwhile is about earlier sessions.
    pub(crate) fn log_on(&mut self, clock: &mut Clock) -> Result<(), String> {
        let name = self.name;
        self.try_log_on(clock)
            .map_err(|error| format!("{name}: {error}"))
    }

    fn try_log_on(&mut self, clock: &mut Clock) -> Result<(), ClientError> {
        let mut poller = Poller::new(1)?;
        let sockets = poller.sockets()?;
        self.link.register(&sockets, 0)?;
        while !self.client.is_ready() {
            let now = clock.now();
            if self.poll(now, |_| {})? == 0 {
                let timeout = self.client.session().deadline().since(now);
                poller.park(Some(timeout), |_, _| self.link.is_readable = true)?;
            }
        }
        Ok(self.link.deregister(&sockets)?)
    }

    /// Writes what is queued, reads what has come and tells each event of it; sends heartbeats.
    /// Returns how many messages came.
    pub(crate) fn poll(
        &mut self,
        now: Nanos,
        mut tell: impl FnMut(Event<'_>),
    ) -> Result<usize, ClientError> {
        match self.client.session().tick(now) {
            Ok(None) => {}
            Ok(Some(heartbeat)) => self.link.queue(&heartbeat),
            Err(fault) => return Err(self.fail(fault)),
        }
        self.link.flush()?;
        let mut count = 0;
        loop {
            count += self.handle(now, &mut tell)?;
            match self.link.fill() {
                Ok(true) => {}
                Ok(false) => return Ok(count),
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                    return Err(ClientError::Closed);
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn handle(
        &mut self,
        now: Nanos,
        tell: &mut impl FnMut(Event<'_>),
    ) -> Result<usize, ClientError> {
        let mut count = 0;
        loop {
            let head = match parser::decode(self.link.frames(), Path::GateToStrategy, u8::MAX) {
                Decoded::Incomplete => return Ok(count),
                Decoded::Malformed(error) => return Err(self.fail(error.into())),
                Decoded::Message { head, .. } => head,
            };
            count += 1;
            let mut answer: Option<Frame> = None;
            match self.client.receive(head, now) {
                Ok(Event::Send(frame)) => answer = Some(frame),
                Ok(Event::Ended(reason)) => return Err(ClientError::LoggedOut(reason)),
                Ok(event) => tell(event),
                Err(fault) => return Err(self.fail(fault)),
            }
            self.link.consume(1);
            if let Some(frame) = answer {
                self.link.queue(&frame);
                self.link.flush()?;
            }
        }
    }

    /// Takes its leave. The gate closes.
    pub(crate) fn log_out(&mut self) {
        let logout = self.client.session().end(Fault::new(LogoutReason::Done));
        self.link.queue(&logout);
        // It is over either way.
        let _ = self.link.flush();
    }

    #[cold]
    fn fail(&mut self, fault: Fault) -> ClientError {
        let logout = self.client.session().end(fault);
        self.link.queue(&logout);
        // The gate finds out in any case when the connection closes.
        let _ = self.link.flush();
        ClientError::Fault(fault)
    }
}

/// True for what a gate refuses while it starts: it listens before it has reached its brokers and before
/// any price has reached its core.
pub(crate) const fn is_starting(reason: RejectReason) -> bool {
    matches!(
        reason,
        RejectReason::BrokerLinkDown | RejectReason::GateNotReady | RejectReason::ReferenceAbsent
    )
}

const LOGON_TIMEOUT: Nanos = Nanos::from_secs(5);
