//! Server: the simulated exchange as a broker's process, over TCP. For tools and tests; no gate runs
//! it.
//!
//! A gate that logs on anew is answered once its old connection has been read to the end, so that
//! what it hears about its orders holds: nothing older can arrive any more. The exchange, the
//! sequences and the history outlive every connection.

use super::exchange::{Entry, Exchange, ExchangeOptions, Party};
use super::wire::Wire;
use crate::message::{Frame, Quote, Text};
use crate::protocol::native::bodies::{Fault, Logon, LogoutReason, Proof, Role};
use crate::protocol::native::key::Key;
use crate::protocol::native::parser::{Decoded, Inbox, Path, decode};
use crate::protocol::native::session::{Acceptor, AcceptorOptions, Admission, Heard, Phase};
use crate::sys::poller::Sockets;
use crate::units::{Nanos, StrategyId};
use mio::net::{TcpListener, TcpStream};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};

/// What the process is built from.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// Its name.
    pub name: Text,
    /// The gates that may log on, and the key of each.
    pub gates: Vec<(Text, Key)>,
    /// The exchange behind it.
    pub exchange: ExchangeOptions,
    /// How often something must be heard.
    pub heartbeat: Nanos,
    /// How long a logon may take, the end of the old connection included.
    pub logon_timeout: Nanos,
    /// Random: nonces follow from it.
    pub nonce_seed: [u8; 32],
    /// How a link is cut when the exchange's faults say so.
    pub cut: Cut,
}

/// How a link is cut.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Cut {
    /// Closed between two messages.
    #[default]
    Close,
    /// Closed in the middle of a report, if there is one to be sent.
    MidMessage,
    /// Reset: what is on its way is thrown away.
    Reset,
}

/// So many connections at most.
const CONNECTIONS_MAX: usize = 256;
/// So many messages of one connection in one poll.
const BATCH: usize = 256;
/// The poller's number of the listener.
const LISTENER: usize = CONNECTIONS_MAX;

/// The process.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    options: ServerOptions,
    exchange: Exchange,
    gates: Vec<Gate>,
    connections: Vec<Option<Connection>>,
    sockets: Option<Sockets>,
    nonce_count: u64,
    logons_count: u64,
}

/// What is kept of a gate between its connections.
#[derive(Debug)]
struct Gate {
    party: Party,
    command_sequence_next: u64,
    /// The connection that it is logged on by.
    connection: Option<usize>,
}

#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    acceptor: Acceptor,
    inbox: Inbox,
    wire: Wire,
    /// A logon that waits for the end of the gate's old connection.
    waiting: Option<(usize, Logon)>,
    gate: Option<usize>,
    report_next: u64,
    /// Read to its end.
    is_ended: bool,
}

impl Server {
    /// Listens. `sockets`: where the sockets are registered, if somebody wants to wait for them.
    pub fn bind(
        address: SocketAddr,
        options: ServerOptions,
        sockets: Option<Sockets>,
        now: Nanos,
    ) -> io::Result<Self> {
        let mut listener = TcpListener::bind(address)?;
        if let Some(sockets) = &sockets {
            sockets.register_readable(&mut listener, LISTENER)?;
        }
        let mut exchange = Exchange::new(options.exchange.clone(), now);
        let gates = options.gates.iter().map(|_| Gate {
            party: exchange.join(1),
            command_sequence_next: 1,
            connection: None,
        });
        Ok(Self {
            listener,
            gates: gates.collect(),
            exchange,
            connections: Vec::new(),
            sockets,
            nonce_count: 0,
            logons_count: 0,
            options,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// The exchange behind it.
    pub const fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// How often a gate has logged on.
    pub const fn logons_count(&self) -> u64 {
        self.logons_count
    }

    /// The party of the gate of this place.
    pub fn party(&self, gate: usize) -> Option<Party> {
        self.gates.get(gate).map(|gate| gate.party)
    }

    /// What was received and sent since the last call, if the exchange has a ledger.
    pub fn take_ledger(&mut self) -> Vec<Entry> {
        self.exchange.take_ledger()
    }

    /// A quote of the market.
    pub fn quote(&mut self, now: Nanos, quote: &Quote) {
        self.exchange.quote(now, quote);
    }

    /// The end of the day.
    pub fn end_day(&mut self, now: Nanos) {
        self.exchange.end_day(now);
    }

    /// Does what there is to do and says how much that was.
    pub fn poll(&mut self, now: Nanos) -> usize {
        let mut count = self.accept(now);
        for index in 0..self.connections.len() {
            count += self.read(index, now);
        }
        self.exchange.advance(now);
        for index in 0..self.connections.len() {
            count += self.admit(index, now);
            count += self.write(index, now);
        }
        count
    }

    /// When it must be polled again even if nothing happens.
    pub fn deadline(&self, now: Nanos) -> Nanos {
        let sessions = self.connections.iter().flatten();
        let session = sessions.map(|connection| connection.acceptor.deadline());
        session.fold(self.exchange.deadline(now), Nanos::min)
    }

    fn accept(&mut self, now: Nanos) -> usize {
        let mut count = 0;
        while let Ok((mut stream, _)) = self.listener.accept() {
            count += 1;
            let free = self.connections.iter().position(Option::is_none);
            let index = free.unwrap_or(self.connections.len());
            if CONNECTIONS_MAX <= index {
                continue;
            }
            let is_registered = match &self.sockets {
                Some(sockets) => sockets.register(&mut stream, index).is_ok(),
                None => true,
            };
            if !is_registered || stream.set_nodelay(true).is_err() {
                continue;
            }
            self.nonce_count += 1;
            let nonce =
                blake3::keyed_hash(&self.options.nonce_seed, &self.nonce_count.to_le_bytes());
            let options = AcceptorOptions {
                name: self.options.name,
                role: Role::Gate,
                proof: Proof::Key,
                heartbeat: self.options.heartbeat,
                logon_timeout: self.options.logon_timeout,
            };
            let (acceptor, challenge) = Acceptor::new(&options, *nonce.as_bytes(), now);
            let mut wire = Wire::new();
            wire.push(challenge);
            let connection = Connection {
                stream,
                acceptor,
                inbox: Inbox::new(BATCH),
                wire,
                waiting: None,
                gate: None,
                report_next: 0,
                is_ended: false,
            };
            match free {
                Some(index) => self.connections[index] = Some(connection),
                None => self.connections.push(Some(connection)),
            }
        }
        count
    }

    /// Reads what has come on a connection and acts on it.
    fn read(&mut self, index: usize, now: Nanos) -> usize {
        let mut count = 0;
        while count < BATCH {
            let Some(connection) = &mut self.connections[index] else {
                break;
            };
            let (frame, consumed) =
                match decode(connection.inbox.frames(), Path::GateToBroker, u8::MAX) {
                    Decoded::Message { head, consumed, .. } => (*head, consumed),
                    Decoded::Malformed(error) => {
                        self.end(index, Some(error.into()));
                        break;
                    }
                    Decoded::Incomplete => match connection.fill() {
                        true => continue,
                        false if connection.is_ended => {
                            self.end(index, None);
                            break;
                        }
                        false => break,
                    },
                };
            connection.inbox.consume(consumed);
            count += 1;
            if let Err(fault) = self.receive(index, &frame, now) {
                self.end(index, fault);
                break;
            }
        }
        count
    }

    /// Acts on one message. An error ends the connection, with a fault or without.
    fn receive(&mut self, index: usize, frame: &Frame, now: Nanos) -> Result<(), Option<Fault>> {
        let Some(connection) = &mut self.connections[index] else {
            return Ok(());
        };
        match connection.acceptor.receive(frame, now).map_err(Some)? {
            Heard::Command => {
                let gate = connection.gate.ok_or(None)?;
                let gate = &mut self.gates[gate];
                gate.command_sequence_next = connection.acceptor.command_sequence_next();
                let party = gate.party;
                self.exchange.request(now, party, frame);
                if self.exchange.take_cut(party) {
                    self.cut(index, now);
                }
                Ok(())
            }
            Heard::Logon(logon) => {
                let gates = &self.options.gates;
                let gate = gates.iter().position(|(name, _)| *name == logon.name);
                match gate {
                    Some(gate) if connection.waiting.is_none() => {
                        connection.waiting = Some((gate, *logon));
                        Ok(())
                    }
                    _ => Err(Some(Fault::new(LogoutReason::LogonRefused))),
                }
            }
            Heard::Definition(_) | Heard::Heartbeat => Ok(()),
            Heard::Logout(_) => Err(None),
        }
    }

    /// Lets a gate in whose old connection has come to its end.
    fn admit(&mut self, index: usize, now: Nanos) -> usize {
        let Some(connection) = &mut self.connections[index] else {
            return 0;
        };
        let Some((at, logon)) = connection.waiting else {
            return 0;
        };
        let gate = &mut self.gates[at];
        if gate.connection.is_some() {
            return 0;
        }
        connection.waiting = None;
        let admission = Admission {
            key: Some(&self.options.gates[at].1),
            is_permitted: false,
            is_in_use: false,
            strategy: StrategyId::default(),
            command_sequence_next: gate.command_sequence_next,
            report_sequence_next: self.exchange.report_next(gate.party),
            report_sequence_oldest: self.exchange.report_first(gate.party),
            definition_count: 0,
        };
        match connection.acceptor.admit(&logon, &admission, now) {
            Ok(welcome) => {
                connection.wire.push(welcome);
                connection.gate = Some(at);
                let next = logon.report_sequence_last + 1;
                connection.report_next = next.max(admission.report_sequence_oldest);
                gate.connection = Some(index);
                self.logons_count += 1;
            }
            Err(fault) => self.end(index, Some(fault)),
        }
        1
    }

    /// Sends reports, heartbeats and the faults of time.
    fn write(&mut self, index: usize, now: Nanos) -> usize {
        let Some(connection) = &mut self.connections[index] else {
            return 0;
        };
        match connection.acceptor.tick(now) {
            Ok(Some(heartbeat)) => connection.wire.push(heartbeat),
            Ok(None) => {}
            Err(fault) => {
                // It waited for the end of another connection, which stays.
                let fault = match connection.waiting {
                    Some(_) => Fault::new(LogoutReason::SessionInUse),
                    None => fault,
                };
                self.end(index, Some(fault));
                return 1;
            }
        }
        let mut count = 0;
        loop {
            let party = connection.gate.map(|gate| self.gates[gate].party);
            while let Some(party) = party.filter(|_| connection.wire.has_room(1)) {
                let Some(report) = self.exchange.report(now, party, connection.report_next) else {
                    break;
                };
                connection.wire.push(*report);
                self.exchange.reports_taken(party, connection.report_next);
                connection.acceptor.sent(now);
                connection.report_next += 1;
                count += 1;
            }
            if connection.wire.is_empty() {
                return count;
            }
            match connection.wire.flush(&mut connection.stream) {
                Ok(true) => {}
                Ok(false) => return count,
                Err(_) => {
                    // What the gate sent before may still lie in the kernel: read to its end.
                    connection.wire.clear();
                    let _ = connection.stream.shutdown(Shutdown::Write);
                    return count;
                }
            }
        }
    }

    /// Cuts a link as the faults ask for.
    fn cut(&mut self, index: usize, now: Nanos) {
        if let Some(connection) = &mut self.connections[index] {
            match self.options.cut {
                Cut::Close => {}
                Cut::MidMessage => {
                    let gate = connection.gate.map(|gate| self.gates[gate].party);
                    let next = connection.report_next;
                    let report = gate.and_then(|party| self.exchange.report(now, party, next));
                    if let (Some(report), true) = (report, connection.wire.is_empty()) {
                        let _ = connection.stream.write(&report.bytes()[..50]);
                    }
                }
                Cut::Reset => {
                    let socket = socket2::SockRef::from(&connection.stream);
                    let _ = socket.set_linger(Some(std::time::Duration::ZERO));
                }
            }
        }
        self.end(index, None);
    }

    /// Ends a connection. Nothing that it still brings is applied.
    fn end(&mut self, index: usize, fault: Option<Fault>) {
        let Some(mut connection) = self.connections[index].take() else {
            return;
        };
        if let Some(gate) = connection.gate {
            self.gates[gate].connection = None;
        }
        if let Some(fault) = fault.filter(|_| connection.acceptor.phase() != Phase::Ended) {
            connection.wire.push(connection.acceptor.end(fault));
            // The connection ends either way.
            let _ = connection.wire.flush(&mut connection.stream);
        }
        if let Some(sockets) = &self.sockets {
            let _ = sockets.deregister(&mut connection.stream);
        }
    }
}

impl Connection {
    /// Reads more. False where there is nothing more now, or for ever.
    fn fill(&mut self) -> bool {
        if self.is_ended {
            return false;
        }
        loop {
            match self.stream.read(self.inbox.space()) {
                Ok(0) => self.is_ended = true,
                Ok(size) => {
                    self.inbox.filled(size);
                    return true;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => self.is_ended = true,
            }
            return false;
        }
    }
}
