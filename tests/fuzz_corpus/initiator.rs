//! The end that calls: an acceptor that has the key may say anything; it is counted on from or refused.

use crate::bytes::Bytes;
use portcullis::message::{Cancel, Frame, Header, Kind, NewOrder, Replace, Scope, Text};
use portcullis::protocol::native::bodies::{
    Challenge, Definition, Logon, Proof, Role, VERSION, Welcome,
};
use portcullis::protocol::native::client::{Client, Event};
use portcullis::protocol::native::key::Key;
use portcullis::protocol::native::parser::{Decoded, Path, decode};
use portcullis::protocol::native::session::{InitiatorOptions, Phase};
use portcullis::units::{AccountId, Nanos, StrategyId};

/// `bytes`: steps of the acceptor, each right but for what its own bytes say; a passing of time; a
/// command. A session that ended is followed by the next, which goes on behind the last report.
pub(crate) fn check(is_by_key: bool, report_sequence_last: u64, bytes: &mut Bytes<'_>) {
    let mut bench = Bench::new(is_by_key, report_sequence_last);
    while !bytes.is_empty() {
        match bytes.byte() % 8 {
            0 => bench.hear(&bytes.frame()),
            1 => {
                let mut frame = bytes.frame();
                frame.header.sequence = bench.report_sequence_next();
                bench.hear(&frame);
            }
            2 => {
                let kinds = [Kind::Execution, Kind::Refusal, Kind::Heartbeat];
                let byte = bytes.byte();
                let mut frame = Frame::from_bytes(&[0; 128]);
                frame.header.kind = kinds[usize::from(byte) % kinds.len()] as u8;
                if frame.kind() != Some(Kind::Heartbeat) {
                    frame.header.sequence = sequence(bench.report_sequence_next(), byte >> 2);
                }
                bench.hear(&frame);
            }
            3 => bench.pass(Nanos::from_raw(u64::from(bytes.byte()) * 20_000_000)),
            4 => bench.challenge(bytes.array()),
            5 => bench.welcome(bytes.array()),
            6 => bench.definition(bytes.array()),
            _ => bench.command(bytes.byte()),
        }
        if bench.client.session().phase() == Phase::Ended {
            bench.reconnect();
        }
    }
}

struct Bench {
    client: Client,
    is_by_key: bool,
    /// What the acceptor has said and heard on this connection.
    challenge: Option<Challenge>,
    logon: Option<Logon>,
    definitions_awaited: u32,
    missed: u64,
    /// The sequence of the next command, once there is a welcome.
    command_sequence_next: u64,
    connections: u8,
    now: Nanos,
}

impl Bench {
    fn new(is_by_key: bool, report_sequence_last: u64) -> Self {
        let now = Nanos::from_secs(1);
        let options = InitiatorOptions {
            name: Text::new("alpha").expect("short and printable"),
            role: Role::Strategy,
            key: is_by_key.then(key),
            report_sequence_last,
            salt: [0; 12],
            logon_timeout: Nanos::from_secs(3),
        };
        Self {
            client: Client::new(options, now),
            is_by_key,
            challenge: None,
            logon: None,
            definitions_awaited: 0,
            missed: 0,
            command_sequence_next: 0,
            connections: 0,
            now,
        }
    }

    fn report_sequence_next(&self) -> u64 {
        self.client.report_sequence_last() + 1
    }

    fn hear(&mut self, frame: &Frame) {
        let frames = [*frame];
        let Decoded::Message { head, .. } = decode(&frames, Path::GateToStrategy, 0) else {
            return;
        };
        let phase = self.client.session().phase();
        let (was_ready, next) = (self.client.is_ready(), self.report_sequence_next());
        let kind = head.kind().expect("decoded");
        match self.client.receive(head, self.now) {
            Ok(Event::Send(logon)) => {
                assert_eq!((phase, kind), (Phase::Connected, Kind::Challenge));
                assert_eq!(logon.kind(), Some(Kind::Logon));
                let body = *logon.body::<Logon>();
                assert_eq!(body.report_sequence_last + 1, next);
                (self.challenge, self.logon) = (Some(*head.body()), Some(body));
            }
            Ok(Event::Ready { missed }) => {
                self.enter_or_define(kind, head, phase, next);
                assert_eq!((self.definitions_awaited, missed), (0, self.missed));
                assert!(self.client.is_ready());
            }
            Ok(Event::Nothing) if kind == Kind::Heartbeat => assert_eq!(phase, Phase::Live),
            Ok(Event::Nothing) => {
                self.enter_or_define(kind, head, phase, next);
                assert!(0 < self.definitions_awaited && !self.client.is_ready());
            }
            // What has no record has no number either.
            Ok(Event::Refusal(header, _)) if header.sequence == 0 => {
                assert!(was_ready && self.report_sequence_next() == next);
            }
            Ok(Event::Execution(header, _) | Event::Refusal(header, _)) => {
                assert!(was_ready && header.sequence == next);
                assert_eq!(self.client.report_sequence_last(), next);
            }
            Ok(Event::Ended(_)) => {
                assert_eq!(kind, Kind::Logout);
                assert_eq!(self.client.session().phase(), Phase::Ended);
            }
            Err(fault) => {
                assert_eq!(self.report_sequence_next(), next);
                let logout = self.client.session().end(fault);
                assert_eq!(logout.kind(), Some(Kind::Logout));
                assert!(self.client.receive(head, self.now).is_err());
                let cancel = self.client.cancel(Cancel::default(), self.now);
                assert!(cancel.is_none(), "counted after the end");
            }
        }
    }

    fn enter_or_define(&mut self, kind: Kind, head: &Frame, phase: Phase, next: u64) {
        if kind == Kind::Welcome {
            assert_eq!(phase, Phase::Challenged);
            let welcome = head.body::<Welcome>();
            let (challenge, logon) = (self.challenge.unwrap(), self.logon.unwrap());
            let mac = key().welcome_mac(&challenge, &logon, welcome);
            assert!(!self.is_by_key || welcome.mac == mac, "believed");
            assert!(welcome.report_sequence_first <= welcome.report_sequence_next);
            self.missed = welcome.report_sequence_first.checked_sub(next).unwrap();
            self.command_sequence_next = welcome.command_sequence_next;
            self.definitions_awaited = welcome.definition_count;
            return;
        }
        assert_eq!((phase, kind), (Phase::Live, Kind::Definition));
        self.definitions_awaited -= 1;
        let definition = head.body::<Definition>();
        if definition.scope == Scope::Account as u8 && definition.name.is_id() {
            let name = definition.name.as_str();
            let found = self.client.names().account(name);
            assert_eq!(found, Some(AccountId(definition.id)));
        }
    }

    fn pass(&mut self, span: Nanos) {
        self.now = self.now.after(span);
        let session = self.client.session();
        let is_due = session.deadline() <= self.now;
        match session.tick(self.now) {
            Ok(None) => assert!(!is_due),
            Ok(Some(heartbeat)) => {
                assert_eq!(heartbeat.kind(), Some(Kind::Heartbeat));
                assert_eq!(session.phase(), Phase::Live);
            }
            Err(fault) => {
                assert!(is_due);
                session.end(fault);
            }
        }
    }

    fn challenge(&mut self, [heartbeat, nonce, what]: [u8; 3]) {
        let is_asked = self.is_by_key != (what == 255);
        let challenge = Challenge {
            heartbeat: match heartbeat {
                0..240 => Nanos::from_raw(u64::from(heartbeat) * 50_000_000),
                _ => Nanos::from_raw(u64::MAX - u64::from(255 - heartbeat)),
            },
            nonce: [nonce; 32],
            acceptor: Text::new("gate").expect("short and printable"),
            version: VERSION + u32::from(what == 254),
            proof: if is_asked { Proof::Key } else { Proof::Kernel } as u8,
            ..Challenge::default()
        };
        self.hear(&Frame::new(Kind::Challenge, Header::default(), challenge));
    }

    /// A welcome with a true proof.
    fn welcome(&mut self, [command, first, next, definitions, what]: [u8; 5]) {
        let first = sequence(self.report_sequence_next(), first);
        let mut welcome = Welcome {
            command_sequence_next: sequence(self.command_sequence_next, command),
            report_sequence_next: sequence(first, next),
            report_sequence_first: first,
            heartbeat: Nanos::from_secs(1),
            definition_count: match definitions {
                0..250 => u32::from(definitions % 8),
                _ => u32::MAX - u32::from(255 - definitions),
            },
            strategy: StrategyId(u32::from(what)),
            ..Welcome::default()
        };
        if let (true, Some(challenge), Some(logon)) = (self.is_by_key, self.challenge, self.logon) {
            welcome.mac = key().welcome_mac(&challenge, &logon, &welcome);
            welcome.mac[0] ^= u8::from(what == 255);
        }
        self.hear(&Frame::new(Kind::Welcome, Header::default(), welcome));
    }

    fn definition(&mut self, [id, name, scope]: [u8; 3]) {
        let mut text = Text::EMPTY;
        if name != 0 {
            text = Text::new(&format!("n{}", name % 8)).expect("short and printable");
        }
        let definition = Definition {
            id: u32::from(id),
            name: text,
            scope: scope % 8,
            ..Definition::default()
        };
        self.hear(&Frame::new(Kind::Definition, Header::default(), definition));
    }

    /// Sent only while the session is live, in sequence, and as the gate reads it.
    fn command(&mut self, which: u8) {
        let is_live = self.client.session().phase() == Phase::Live;
        let passthrough = [which; 3 * 128];
        let passthrough = &passthrough[..usize::from(which >> 2) * 6];
        let sent = match which % 3 {
            0 => self
                .client
                .new_order(NewOrder::default(), passthrough, self.now),
            1 => self
                .client
                .replace(Replace::default(), passthrough, self.now),
            _ => self.client.cancel(Cancel::default(), self.now),
        };
        assert_eq!(sent.is_some(), is_live);
        let Some(head) = sent else {
            return;
        };
        assert_eq!(head.header.sequence, self.command_sequence_next);
        self.command_sequence_next += 1;
        let mut unit = vec![head];
        unit.resize(1 + usize::from(head.header.continuation_count), head);
        let decoded = decode(&unit, Path::StrategyToGate, 4);
        assert!(matches!(decoded, Decoded::Message { consumed, .. } if consumed == unit.len()));
    }

    fn reconnect(&mut self) {
        let last = self.client.report_sequence_last();
        self.connections = self.connections.wrapping_add(1);
        self.client.reconnect([self.connections; 12], self.now);
        assert_eq!(self.client.report_sequence_last(), last);
        assert_eq!(self.client.session().phase(), Phase::Connected);
        assert_eq!(self.client.names().accounts().count(), 0);
        (self.challenge, self.logon) = (None, None);
    }
}

/// Mostly near, some where the type ends or half of it.
pub(crate) fn sequence(near: u64, byte: u8) -> u64 {
    match byte {
        0..128 => near.saturating_add(u64::from(byte)),
        128..192 => near.saturating_sub(u64::from(byte - 127)),
        192..224 => u64::MAX / 2 - 16 + u64::from(byte - 192),
        _ => u64::MAX - u64::from(255 - byte),
    }
}

fn key() -> Key {
    Key::new([9; 32])
}
