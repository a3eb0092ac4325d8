//! Admin: operators look at the gate, kill, raise and settle.
//!
//! In:   lines of JSON on a unix socket, one request each; answers of the follower.
//! Out:  `admin_to_risk`; questions to the follower; one line of JSON for each request.
//! Owns: the socket's file and its connections.
//!
//! A person is who the kernel says the peer is, mapped to a named operator; anybody else reads
//! nothing and does nothing. An act is answered once the follower has seen its record in the
//! journal, so what the answer says is what happened; where that takes too long, it says that it
//! does not know.
//!
//! Invariants:
//! - Connections, those of one person, the length of a line, requests and times are bounded.
//! - A kill is sent to risk whether or not anybody can tell what became of it.
//! - Every act is in the log with its operator, when it is asked for and when it is done.

pub mod client;
pub mod request;
pub mod socket;

mod act;
mod connection;
mod entry;
mod exits;
pub(crate) mod money;
mod reconciliation;
pub(crate) mod show;
pub(crate) mod table;

use crate::admin::connection::{Connection, Input};
use crate::admin::request::Request;
use crate::admin::show::span;
use crate::admin::socket::{AdminSocket, SocketError};
use crate::config::Config;
use crate::follower::names::Names;
use crate::follower::query::{Answer, Reply, Said, Views};
use crate::message::{Frame, Kind, Settle};
use crate::ring::Producer;
use crate::sys::poller::{Doorbell, Readiness, Sockets};
use crate::topology::Stage;
use crate::units::Nanos;
use crossbeam::channel::Receiver;
use mio::net::UnixStream;
use serde_json::{Value, json};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// What the stage is built from.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Settings {
    /// The socket's file.
    pub socket: PathBuf,
    /// Its permissions.
    pub mode: u32,
    /// The user of each operator, by the operator's number.
    pub uids: Vec<u32>,
    /// How long an answer is waited for.
    pub answer_timeout: Nanos,
}

impl Settings {
    /// As the configuration says.
    pub fn new(config: &Config) -> Self {
        Self {
            socket: config.admin.socket.clone(),
            mode: config.admin.mode,
            uids: config.operators.iter().map(|of| of.uid).collect(),
            answer_timeout: Nanos::from_secs(2),
        }
    }
}

/// Tells the user at the other end of a connection.
pub type Peers = Box<dyn FnMut(&UnixStream) -> io::Result<u32> + Send>;

/// The other ends that the stage talks to.
#[derive(Debug)]
pub struct Ends {
    /// Acts go here.
    pub admin_to_risk: Producer<Frame>,
    /// Of the thread that risk runs on.
    pub risk_doorbell: Doorbell,
    /// Questions go here.
    pub views: Views,
    /// Of the thread that this stage runs on.
    pub doorbell: Doorbell,
    /// Acts of the gate itself, where it reconciles: they go the way of operators' acts.
    pub acts: Receiver<Frame>,
}

/// The stage.
pub struct Admin {
    settings: Settings,
    names: Arc<Names>,
    ends: Ends,
    peers: Peers,
    sockets: Sockets,
    socket: AdminSocket,
    reply: Reply,
    answers: Receiver<Answer>,
    sessions: Vec<Option<Session>>,
    has_callers: bool,
    token: u64,
    correlation: u64,
    /// An act of the gate for which there was no room.
    held: Option<Frame>,
    deadline: Nanos,
    knock_logged_at: Nanos,
    is_draining: bool,
}

/// A connection of a known operator.
#[derive(Debug)]
struct Session {
    connection: Connection,
    operator: u32,
    waiting: Option<Waiting>,
    /// Closed then: nothing was asked, or an answer was not taken.
    deadline: Nanos,
    is_closing: bool,
}

/// A request that is not answered.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    token: u64,
    deadline: Nanos,
    what: What,
}

#[derive(Clone, Copy, Debug)]
enum What {
    View,
    /// The number of an order, to settle it.
    Order(Settle),
    /// The record of an act, and its correlation.
    Act(Kind, u64),
}

/// Who the kernel says is there.
pub fn kernel_peers() -> Peers {
    Box::new(socket::peer_uid)
}

impl Admin {
    /// Listens. `names` are of the setup that the core was built from.
    pub fn new(
        settings: Settings,
        names: Arc<Names>,
        ends: Ends,
        peers: Peers,
        sockets: Sockets,
    ) -> Result<Self, SocketError> {
        let mut socket = AdminSocket::bind(&settings.socket, settings.mode)?;
        sockets
            .register_readable(&mut socket.listener, LISTENER)
            .map_err(|error| socket.error(error))?;
        let (reply, answers) = Reply::channel(ANSWERS_MAX, ends.doorbell.clone());
        Ok(Self {
            settings,
            names,
            ends,
            peers,
            sockets,
            socket,
            reply,
            answers,
            sessions: (0..SESSIONS_MAX).map(|_| None).collect(),
            has_callers: true,
            token: 0,
            correlation: 0,
            held: None,
            deadline: Nanos::MAX,
            knock_logged_at: Nanos::ZERO,
            is_draining: false,
        })
    }

    /// Takes answers of the follower in.
    fn hear(&mut self, now: Nanos) -> usize {
        for count in 0..ANSWERS_MAX {
            let Ok(answer) = self.answers.try_recv() else {
                return count;
            };
            let waits = |session: &Option<Session>| {
                let waiting = session.as_ref().and_then(|session| session.waiting);
                waiting.is_some_and(|waiting| waiting.token == answer.token)
            };
            // Who asked may have given up.
            let Some(place) = self.sessions.iter().position(waits) else {
                continue;
            };
            let Some(waiting) = self.take_waiting(place) else {
                continue;
            };
            match (waiting.what, answer.said) {
                (What::Order(settle), Said::Order(Some(order_id))) => {
                    self.settle(place, Settle { order_id, ..settle }, now);
                }
                (What::Order(_), _) => {
                    let problem = "no order of this account has this id, live or remembered";
                    self.reply(place, failed(problem), now);
                }
                (What::Act(..), Said::View(value)) => {
                    self.log_done(place, &value);
                    let mut value = succeeded(value);
                    value["confirmed"] = json!(true);
                    self.reply(place, value, now);
                }
                (What::View, Said::View(value)) => self.reply(place, succeeded(value), now),
                (_, Said::Order(_)) => {}
            }
        }
        ANSWERS_MAX
    }

    /// One line of a session, if there is one, and what time asks for.
    fn tend(&mut self, place: usize, now: Nanos) -> usize {
        let Some(session) = &mut self.sessions[place] else {
            return 0;
        };
        let is_flushed = session.connection.flush();
        let is_over = session.connection.is_broken() || session.is_closing && is_flushed;
        if is_over || session.waiting.is_none() && session.deadline <= now {
            self.close(place);
            return 1;
        }
        if let Some(waiting) = session.waiting {
            if now < waiting.deadline {
                return 0;
            }
            session.waiting = None;
            let timeout = self.settings.answer_timeout;
            let answer = match waiting.what {
                What::Act(kind, _) => unconfirmed(kind, timeout),
                What::View | What::Order(_) => failed(&format!(
                    "the follower has not answered within {}: is it far behind?",
                    span(timeout)
                )),
            };
            if let What::Act(kind, correlation) = waiting.what {
                let operator = self.operator(place);
                tracing::warn!(operator, ?kind, correlation, "not confirmed");
            }
            self.reply(place, answer, now);
            return 1;
        }
        if !is_flushed {
            return 0;
        }
        if self.is_draining {
            self.close(place);
            return 1;
        }
        match session.connection.read() {
            Input::Nothing => return 0,
            Input::Ended => self.close(place),
            Input::TooLong => {
                session.is_closing = true;
                let max = connection::LINE_SIZE_MAX;
                self.reply(
                    place,
                    failed(&format!("a line of more than {max} bytes")),
                    now,
                );
            }
            Input::Line(line) => {
                let action = Request::parse(&line).and_then(|it| it.action(&self.names));
                match action {
                    Ok(action) => self.act(place, action, now),
                    Err(problem) => self.reply(place, failed(&problem), now),
                }
            }
        }
        1
    }

    /// Hands acts of the gate itself to risk.
    fn forward(&mut self, now: Nanos) -> usize {
        for count in 0..ACTS_MAX {
            let next = self.held.take().or_else(|| self.ends.acts.try_recv().ok());
            let Some(mut frame) = next else {
                return count;
            };
            frame.header.correlation = self.next_correlation(now);
            let kind = frame.kind();
            if let Err(full) = self.ends.admin_to_risk.push(frame) {
                self.held = Some(full.0);
                return count;
            }
            let correlation = frame.header.correlation;
            tracing::warn!(?kind, correlation, "the gate acts");
            self.ends.risk_doorbell.ring();
        }
        ACTS_MAX
    }

    fn take_waiting(&mut self, place: usize) -> Option<Waiting> {
        self.sessions[place]
            .as_mut()
            .and_then(|session| session.waiting.take())
    }

    fn reply(&mut self, place: usize, answer: Value, now: Nanos) {
        if let Some(session) = &mut self.sessions[place] {
            session.connection.send(&answer);
            session.deadline = now.after(IDLE_TIMEOUT);
        }
    }

    fn close(&mut self, place: usize) {
        if let Some(mut session) = self.sessions[place].take()
            && let Err(error) = self.sockets.deregister(&mut session.connection.stream)
        {
            tracing::debug!(%error, "a closed connection was not watched");
        }
    }

    fn operator(&self, place: usize) -> &str {
        let session = self.sessions[place].as_ref();
        session.map_or("?", |session| self.names.operators.name(session.operator))
    }

    fn log_done(&self, place: usize, value: &Value) {
        tracing::warn!(operator = self.operator(place), %value, "an operator's act is done");
    }

    fn tend_all(&mut self, now: Nanos) -> usize {
        let count = (0..self.sessions.len())
            .map(|place| self.tend(place, now))
            .sum();
        let due = |session: &Session| session.waiting.map_or(session.deadline, |it| it.deadline);
        let sessions = self.sessions.iter().flatten();
        self.deadline = sessions.map(due).min().unwrap_or(Nanos::MAX);
        count
    }
}

impl Stage for Admin {
    fn name(&self) -> &'static str {
        "admin"
    }

    fn ready(&mut self, readiness: Readiness) {
        let Some(place) = readiness.token.checked_sub(1) else {
            self.has_callers = true;
            return;
        };
        if let Some(Some(session)) = self.sessions.get_mut(place) {
            session.connection.is_readable |= readiness.is_readable;
            session.connection.is_writable |= readiness.is_writable;
        }
    }

    fn poll(&mut self, now: Nanos) -> usize {
        self.accept(now) + self.hear(now) + self.forward(now) + self.tend_all(now)
    }

    fn deadline(&self) -> Nanos {
        self.deadline
    }

    /// All connections are gone with what was half done; operators connect again.
    fn restart(&mut self, _now: Nanos) -> bool {
        for place in 0..self.sessions.len() {
            self.close(place);
        }
        self.has_callers = true;
        true
    }

    /// Nobody is let in, nothing more is asked; what was asked is answered.
    fn drain(&mut self, now: Nanos) -> bool {
        self.is_draining = true;
        self.hear(now);
        self.tend_all(now);
        self.sessions.iter().all(Option::is_none)
    }
}

impl std::fmt::Debug for Admin {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Admin")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

fn succeeded(mut value: Value) -> Value {
    value["ok"] = json!(true);
    value
}

fn failed(problem: &str) -> Value {
    json!({ "ok": false, "error": problem })
}

/// What is told where the journal has not shown the act.
fn unconfirmed(kind: Kind, timeout: Nanos) -> Value {
    let act = match kind {
        Kind::Kill => "kill",
        Kind::Raise => "raise",
        Kind::Locate => "locate",
        Kind::Override => "override",
        Kind::Limit => "limit",
        Kind::Adjust => "adjust",
        Kind::Exit => "exit",
        _ => "settle",
    };
    json!({ "ok": true, "confirmed": false, "act": act, "waited_nanos": timeout.raw() })
}

const LISTENER: usize = 0;
const SESSIONS_MAX: usize = 64;
const ANSWERS_MAX: usize = SESSIONS_MAX;
const ACTS_MAX: usize = 64;
/// A connection on which nothing was asked, or an answer not taken, is closed after this long.
const IDLE_TIMEOUT: Nanos = Nanos::from_secs(60);
