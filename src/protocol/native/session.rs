//! Session: the state machines of the two ends of a connection.
//!
//! Pure: `now`, nonce and salt are handed in; what is to be sent is handed back.
//!
//! A [`Fault`] ends the session: the caller sends its frame, if it can, and closes.
//!
//! Invariants:
//! - No counted message passes before both ends have shown what they must.
//! - Counted messages pass in sequence, each once, or the session ends.

use crate::message::{Frame, Header, Kind, Text};
use crate::protocol::native::bodies::{
    Challenge, Definition, Fault, Heartbeat, Logon, Logout, LogoutReason, Proof, Role, VERSION,
    Welcome,
};
use crate::protocol::native::key::{self, Key};
use crate::protocol::native::parser::is_counted;
use crate::units::{Nanos, StrategyId};
use bytemuck::Zeroable;
use std::cmp::Ordering;

/// Where a session stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Phase {
    /// The initiator waits for the challenge.
    Connected,
    /// The challenge was sent; or the logon, which waits for its answer.
    Challenged,
    /// Counted messages flow.
    Live,
    /// Over: nothing more is taken or sent.
    Ended,
}

/// What an acceptor is built from.
#[derive(Clone, Copy, Debug)]
pub struct AcceptorOptions {
    /// Its name.
    pub name: Text,
    /// Who may log on here.
    pub role: Role,
    /// What it asks for.
    pub proof: Proof,
    /// How often something must be heard.
    pub heartbeat: Nanos,
    /// How long a logon may take.
    pub logon_timeout: Nanos,
}

/// The end that was called: the gate towards strategies and feeds, a broker's process towards the
/// gate.
#[derive(Clone, Debug)]
pub struct Acceptor {
    phase: Phase,
    role: Role,
    challenge: Challenge,
    command_sequence_next: u64,
    liveness: Liveness,
    logon_deadline: Nanos,
}

/// What an acceptor has been told.
#[derive(Clone, Copy, Debug)]
pub enum Heard<'a> {
    /// Somebody wants to log on: look the name up, then [`Acceptor::admit`].
    Logon(&'a Logon),
    /// A command, in sequence: act on it.
    Command,
    /// From the gate to a broker: what a number means.
    Definition(&'a Definition),
    /// The other end lives.
    Heartbeat,
    /// The other end is done: close.
    Logout(&'a Logout),
}

/// What the caller of an acceptor knows about who logs on.
#[derive(Clone, Copy, Debug)]
pub struct Admission<'a> {
    /// The key of this name; `None` for an unknown name. By [`Proof::Kernel`]: not looked at.
    pub key: Option<&'a Key>,
    /// By [`Proof::Kernel`]: whether the user may use this name. By [`Proof::Key`]: not looked at.
    pub is_permitted: bool,
    /// Whether the name has a session already.
    pub is_in_use: bool,
    /// The initiator's number.
    pub strategy: StrategyId,
    /// The sequence that its next command must have.
    pub command_sequence_next: u64,
    /// The sequence of the next report to it.
    pub report_sequence_next: u64,
    /// The oldest report that can still be sent to it; the same number when there is none.
    pub report_sequence_oldest: u64,
    /// How many definitions will follow.
    pub definition_count: u32,
}

impl Acceptor {
    /// A new connection, and the challenge that must be sent. `nonce` must be random.
    pub fn new(options: &AcceptorOptions, nonce: [u8; 32], now: Nanos) -> (Self, Frame) {
        let challenge = Challenge {
            heartbeat: options.heartbeat,
            nonce,
            acceptor: options.name,
            version: VERSION,
            proof: options.proof as u8,
            reserved: [0; 15],
        };
        let acceptor = Self {
            phase: Phase::Challenged,
            role: options.role,
            challenge,
            command_sequence_next: 0,
            liveness: Liveness::new(options.heartbeat, now),
            logon_deadline: now.after(options.logon_timeout),
        };
        (
            acceptor,
            Frame::new(Kind::Challenge, Header::default(), challenge),
        )
    }

    /// Where it stands.
    #[inline]
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// The sequence that the next command must have.
    #[inline]
    pub const fn command_sequence_next(&self) -> u64 {
        self.command_sequence_next
    }

    /// Takes a message that the parser let through.
    #[inline]
    pub fn receive<'a>(&mut self, head: &'a Frame, now: Nanos) -> Result<Heard<'a>, Fault> {
        self.liveness.received = now;
        match head.kind() {
            Some(kind) if is_counted(kind) && self.phase == Phase::Live => {
                self.command_sequence_next =
                    next_sequence(self.command_sequence_next, head.header.sequence)?;
                Ok(Heard::Command)
            }
            kind => self.receive_session(kind, head),
        }
    }

    #[cold]
    fn receive_session<'a>(
        &mut self,
        kind: Option<Kind>,
        head: &'a Frame,
    ) -> Result<Heard<'a>, Fault> {
        match (kind, self.phase) {
            (Some(Kind::Logon), Phase::Challenged) => {
                let logon = head.body::<Logon>();
                if logon.version != VERSION {
                    return Err(Fault {
                        expected: u64::from(VERSION),
                        found: u64::from(logon.version),
                        ..Fault::new(LogoutReason::VersionUnknown)
                    });
                }
                Ok(Heard::Logon(logon))
            }
            (Some(Kind::Definition), Phase::Live) => Ok(Heard::Definition(head.body())),
            (Some(Kind::Heartbeat), Phase::Live) => Ok(Heard::Heartbeat),
            (Some(Kind::Logout), Phase::Challenged | Phase::Live) => {
                self.phase = Phase::Ended;
                Ok(Heard::Logout(head.body()))
            }
            _ => Err(Fault::new(LogoutReason::Unexpected)),
        }
    }

    /// Lets `logon` in, or says why not. Unknown names, wrong keys and wrong roles are one answer,
    /// after the same work. On success the session is live and the returned welcome is to be sent.
    pub fn admit(
        &mut self,
        logon: &Logon,
        admission: &Admission<'_>,
        now: Nanos,
    ) -> Result<Frame, Fault> {
        assert!(self.phase == Phase::Challenged);
        let is_by_key = self.challenge.proof == Proof::Key as u8;
        let is_proven = if is_by_key {
            key::logon_is_proven(admission.key, &self.challenge, logon)
        } else {
            admission.is_permitted && logon.mac == [0; 32]
        };
        if !is_proven || logon.role != self.role as u8 {
            return Err(Fault::new(LogoutReason::LogonRefused));
        }
        if admission.is_in_use {
            return Err(Fault::new(LogoutReason::SessionInUse));
        }
        if admission.report_sequence_next <= logon.report_sequence_last {
            return Err(Fault {
                expected: admission.report_sequence_next.saturating_sub(1),
                found: logon.report_sequence_last,
                ..Fault::new(LogoutReason::ReportUnknown)
            });
        }
        let mut welcome = Welcome {
            command_sequence_next: admission.command_sequence_next,
            report_sequence_next: admission.report_sequence_next,
            report_sequence_first: (logon.report_sequence_last + 1)
                .max(admission.report_sequence_oldest),
            heartbeat: self.challenge.heartbeat,
            definition_count: admission.definition_count,
            strategy: admission.strategy,
            ..Welcome::zeroed()
        };
        if let (true, Some(key)) = (is_by_key, admission.key) {
            welcome.mac = key.welcome_mac(&self.challenge, logon, &welcome);
        }
        self.phase = Phase::Live;
        self.command_sequence_next = admission.command_sequence_next;
        self.liveness.sent = now;
        Ok(Frame::new(Kind::Welcome, Header::default(), welcome))
    }

    /// Something was sent.
    #[inline]
    pub fn sent(&mut self, now: Nanos) {
        self.liveness.sent = now;
    }

    /// Time has passed: hands back a heartbeat that is due, or the fault of the other end.
    pub fn tick(&mut self, now: Nanos) -> Result<Option<Frame>, Fault> {
        match self.phase {
            Phase::Live => self.liveness.tick(now),
            Phase::Ended => Ok(None),
            _ if now < self.logon_deadline => Ok(None),
            _ => Err(Fault::new(LogoutReason::LogonTimeout)),
        }
    }

    /// When [`Acceptor::tick`] has something to do, unless something is sent or received before.
    pub fn deadline(&self) -> Nanos {
        match self.phase {
            Phase::Live => self.liveness.deadline(),
            Phase::Ended => Nanos::MAX,
            _ => self.logon_deadline,
        }
    }

    /// Ends it: the message to be sent last.
    pub fn end(&mut self, fault: Fault) -> Frame {
        self.phase = Phase::Ended;
        fault.frame()
    }
}

/// What an initiator is built from.
#[derive(Clone, Debug)]
pub struct InitiatorOptions {
    /// Its name.
    pub name: Text,
    /// What it is.
    pub role: Role,
    /// What it proves itself by, and demands proof of; `None` only over a Unix socket, where the
    /// kernel knows.
    pub key: Option<Key>,
    /// The last report that it has; zero: none.
    pub report_sequence_last: u64,
    /// Never used before with this key: random, or a count that never goes back.
    pub salt: [u8; 12],
    /// How long a logon may take.
    pub logon_timeout: Nanos,
}

/// The end that called: a strategy or a feed towards the gate, the gate towards a broker's process.
#[derive(Clone, Debug)]
pub struct Initiator {
    options: InitiatorOptions,
    phase: Phase,
    challenge: Challenge,
    logon: Logon,
    command_sequence_next: u64,
    report_sequence_next: u64,
    definitions_awaited: u32,
    liveness: Liveness,
    logon_deadline: Nanos,
}

/// What an initiator has been told.
#[derive(Clone, Copy, Debug)]
pub enum Told<'a> {
    /// The challenge came: send this.
    Challenge(Frame),
    /// Logged on: commands may be sent. `missed` reports are no longer kept by the acceptor: what
    /// they said must be found out by other means.
    Welcome {
        /// What the acceptor said.
        welcome: &'a Welcome,
        /// How many reports are lost to this end.
        missed: u64,
    },
    /// What a number means.
    Definition(&'a Definition),
    /// A report, in sequence: act on it.
    Report,
    /// The other end lives.
    Heartbeat,
    /// The other end is done: close.
    Logout(&'a Logout),
}

impl Initiator {
    /// A new connection. The acceptor speaks first.
    pub fn new(options: InitiatorOptions, now: Nanos) -> Self {
        Self {
            phase: Phase::Connected,
            challenge: Challenge::zeroed(),
            logon: Logon::zeroed(),
            command_sequence_next: 0,
            report_sequence_next: options.report_sequence_last + 1,
            definitions_awaited: 0,
            liveness: Liveness::new(Nanos::MAX, now),
            logon_deadline: now.after(options.logon_timeout),
            options,
        }
    }

    /// Where it stands.
    #[inline]
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// True once it is logged on and every name is defined.
    #[inline]
    pub const fn is_ready(&self) -> bool {
        matches!(self.phase, Phase::Live) && self.definitions_awaited == 0
    }

    /// The last report received, on this connection or before: for the next logon.
    #[inline]
    pub const fn report_sequence_last(&self) -> u64 {
        self.report_sequence_next - 1
    }

    /// The sequence that the next command will have.
    #[inline]
    pub const fn command_sequence_next(&self) -> u64 {
        self.command_sequence_next
    }

    /// Gives a command its sequence; the caller sends it next.
    ///
    /// # Panics
    /// When the session is not live.
    #[inline]
    pub fn count(&mut self, command: &mut Frame, now: Nanos) {
        assert!(self.phase == Phase::Live);
        command.header.sequence = self.command_sequence_next;
        self.command_sequence_next += 1;
        self.liveness.sent = now;
    }

    /// Takes a message that the parser let through.
    #[inline]
    pub fn receive<'a>(&mut self, head: &'a Frame, now: Nanos) -> Result<Told<'a>, Fault> {
        self.liveness.received = now;
        match head.kind() {
            // One that the journal had no room for: it is told once and counted by nobody.
            Some(Kind::Refusal) if head.header.sequence == 0 && self.is_ready() => Ok(Told::Report),
            Some(kind) if is_counted(kind) && self.is_ready() => {
                self.report_sequence_next =
                    next_sequence(self.report_sequence_next, head.header.sequence)?;
                Ok(Told::Report)
            }
            kind => self.receive_session(kind, head, now),
        }
    }

    #[cold]
    fn receive_session<'a>(
        &mut self,
        kind: Option<Kind>,
        head: &'a Frame,
        now: Nanos,
    ) -> Result<Told<'a>, Fault> {
        match (kind, self.phase) {
            (Some(Kind::Challenge), Phase::Connected) => {
                self.answer(head.body(), now).map(Told::Challenge)
            }
            (Some(Kind::Welcome), Phase::Challenged) => self.enter(head.body()),
            (Some(Kind::Definition), Phase::Live) if self.definitions_awaited != 0 => {
                self.definitions_awaited -= 1;
                Ok(Told::Definition(head.body()))
            }
            (Some(Kind::Heartbeat), Phase::Live) => Ok(Told::Heartbeat),
            (Some(Kind::Logout), phase) if phase != Phase::Ended => {
                self.phase = Phase::Ended;
                Ok(Told::Logout(head.body()))
            }
            _ => Err(Fault::new(LogoutReason::Unexpected)),
        }
    }

    /// A challenge that asks for less than the key is somebody else's.
    fn answer(&mut self, challenge: &Challenge, now: Nanos) -> Result<Frame, Fault> {
        if challenge.version != VERSION {
            return Err(Fault {
                expected: u64::from(VERSION),
                found: u64::from(challenge.version),
                ..Fault::new(LogoutReason::VersionUnknown)
            });
        }
        let proof = Proof::from_byte(challenge.proof);
        if proof != Some(self.proof()) || challenge.heartbeat == Nanos::ZERO {
            return Err(Fault::new(LogoutReason::AcceptorRefused));
        }
        self.challenge = *challenge;
        self.logon = Logon {
            report_sequence_last: self.report_sequence_last(),
            mac: [0; 32],
            name: self.options.name,
            version: VERSION,
            salt: self.options.salt,
            role: self.options.role as u8,
            reserved: [0; 3],
        };
        if let Some(key) = &self.options.key {
            self.logon.mac = key.logon_mac(challenge, &self.logon);
        }
        self.phase = Phase::Challenged;
        self.liveness = Liveness::new(challenge.heartbeat, now);
        Ok(Frame::new(Kind::Logon, Header::default(), self.logon))
    }

    fn proof(&self) -> Proof {
        match self.options.key {
            Some(_) => Proof::Key,
            None => Proof::Kernel,
        }
    }

    fn enter<'a>(&mut self, welcome: &'a Welcome) -> Result<Told<'a>, Fault> {
        if let Some(key) = &self.options.key
            && !key::welcome_is_proven(key, &self.challenge, &self.logon, welcome)
        {
            return Err(Fault::new(LogoutReason::AcceptorRefused));
        }
        let expected = self.report_sequence_next;
        let first = welcome.report_sequence_first;
        if first < expected || welcome.report_sequence_next < first {
            return Err(Fault {
                expected,
                found: first,
                ..Fault::new(LogoutReason::ReportUnknown)
            });
        }
        let highest = welcome
            .command_sequence_next
            .max(welcome.report_sequence_next);
        if SEQUENCE_MAX < highest {
            return Err(Fault {
                expected: SEQUENCE_MAX,
                found: highest,
                ..Fault::new(LogoutReason::SequenceSpent)
            });
        }
        self.phase = Phase::Live;
        self.command_sequence_next = welcome.command_sequence_next;
        self.report_sequence_next = first;
        self.definitions_awaited = welcome.definition_count;
        Ok(Told::Welcome {
            welcome,
            missed: first - expected,
        })
    }

    /// Something was sent.
    #[inline]
    pub fn sent(&mut self, now: Nanos) {
        self.liveness.sent = now;
    }

    /// Time has passed: hands back a heartbeat that is due, or the fault of the other end.
    pub fn tick(&mut self, now: Nanos) -> Result<Option<Frame>, Fault> {
        match self.phase {
            Phase::Live => self.liveness.tick(now),
            Phase::Ended => Ok(None),
            _ if now < self.logon_deadline => Ok(None),
            _ => Err(Fault::new(LogoutReason::LogonTimeout)),
        }
    }

    /// When [`Initiator::tick`] has something to do, unless something is sent or received before.
    pub fn deadline(&self) -> Nanos {
        match self.phase {
            Phase::Live => self.liveness.deadline(),
            Phase::Ended => Nanos::MAX,
            _ => self.logon_deadline,
        }
    }

    /// Ends it: the message to be sent last.
    pub fn end(&mut self, fault: Fault) -> Frame {
        self.phase = Phase::Ended;
        fault.frame()
    }
}

/// Who was last heard and when something was last said.
#[derive(Clone, Copy, Debug)]
struct Liveness {
    interval: Nanos,
    received: Nanos,
    sent: Nanos,
}

impl Liveness {
    const fn new(interval: Nanos, now: Nanos) -> Self {
        Self {
            interval,
            received: now,
            sent: now,
        }
    }

    /// Two and a half intervals: one heartbeat may be late, two may not be missing.
    fn silence_deadline(&self) -> Nanos {
        let interval = self.interval.raw();
        let silence = interval.saturating_mul(2).saturating_add(interval / 2);
        self.received.after(Nanos::from_raw(silence))
    }

    fn deadline(&self) -> Nanos {
        self.silence_deadline().min(self.sent.after(self.interval))
    }

    fn tick(&mut self, now: Nanos) -> Result<Option<Frame>, Fault> {
        if self.silence_deadline() <= now {
            return Err(Fault::new(LogoutReason::PeerSilent));
        }
        if now < self.sent.after(self.interval) {
            return Ok(None);
        }
        self.sent = now;
        Ok(Some(Frame::new(
            Kind::Heartbeat,
            Header::default(),
            Heartbeat::default(),
        )))
    }
}

/// The sequence after `found`. The last number there is has none: it ends the session.
#[inline(always)]
fn next_sequence(expected: u64, found: u64) -> Result<u64, Fault> {
    match found.checked_add(1) {
        Some(next) if expected == found => Ok(next),
        _ => Err(sequence_fault(expected, found)),
    }
}

#[cold]
fn sequence_fault(expected: u64, found: u64) -> Fault {
    let reason = match found.cmp(&expected) {
        Ordering::Less => LogoutReason::SequenceRepeated,
        Ordering::Equal => LogoutReason::SequenceSpent,
        Ordering::Greater => LogoutReason::SequenceGap,
    };
    Fault {
        expected,
        found,
        ..Fault::new(reason)
    }
}

/// The highest sequence that an acceptor may ask an initiator to go on from. Above it there are as
/// many again, so whoever counts one by one from here never comes to the end of the type.
const SEQUENCE_MAX: u64 = u64::MAX / 2;
