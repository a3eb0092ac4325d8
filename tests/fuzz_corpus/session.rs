//! A session: nobody is let in without the key, and commands pass in sequence, each once.

use crate::bytes::Bytes;
use crate::initiator;
use portcullis::message::{Frame, Kind, Text};
use portcullis::protocol::native::bodies::{Logon, Proof, Role};
use portcullis::protocol::native::key::Key;
use portcullis::protocol::native::parser::{Decoded, Path, decode, is_counted};
use portcullis::protocol::native::session::{
    Acceptor, AcceptorOptions, Admission, Heard, Initiator, InitiatorOptions, Phase, Told,
};
use portcullis::units::{Nanos, StrategyId};

/// `data`: options, then steps: a frame as it comes, a frame with a true sequence, a passing of time,
/// or the logon of somebody who has the key, whole, damaged or of another session. By the highest
/// option the steps are those of an acceptor instead.
pub(crate) fn check(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let options = bytes.byte();
    if options & 128 != 0 {
        let report_sequence_last = initiator::sequence(3, bytes.byte()).min(u64::MAX - 1);
        initiator::check(options & 1 == 0, report_sequence_last, &mut bytes);
        return;
    }
    let sequence_next = match bytes.byte() {
        byte @ 0..=0xf0 => u64::from(byte),
        byte => u64::MAX - u64::from(0xff - byte),
    };
    let mut bench = Bench::new(options, sequence_next);
    while !bytes.is_empty() && bench.acceptor.phase() != Phase::Ended {
        match bytes.byte() % 8 {
            0 => bench.hear(bytes.frame()),
            1 => {
                let mut frame = bytes.frame();
                frame.header.sequence = bench.acceptor.command_sequence_next();
                bench.hear(frame);
            }
            2 => {
                let kinds = [Kind::NewOrder, Kind::Cancel, Kind::Replace];
                let kind = kinds[usize::from(bytes.byte()) % kinds.len()];
                let mut frame = Frame::from_bytes(&[0; 128]);
                frame.header.kind = kind as u8;
                frame.header.sequence = bench.acceptor.command_sequence_next();
                bench.hear(frame);
            }
            3 => bench.pass(Nanos::from_raw(u64::from(bytes.byte()) * 20_000_000)),
            4 => bench.hear(bench.logon),
            5 => {
                let mut frame = bench.logon;
                let (place, bits) = (bytes.byte() % 128, bytes.byte());
                frame.bytes_mut()[usize::from(place)] ^= bits;
                bench.hear(frame);
            }
            6 => bench.hear(bench.logon_elsewhere),
            _ => bench.pass(Nanos::from_raw(bytes.word())),
        }
    }
    check_initiator(data);
}

struct Bench {
    acceptor: Acceptor,
    is_by_key: bool,
    is_name_known: bool,
    is_permitted: bool,
    is_in_use: bool,
    sequence_next: u64,
    /// Of who has the key and answers this challenge; of another challenge.
    logon: Frame,
    logon_elsewhere: Frame,
    now: Nanos,
}

impl Bench {
    fn new(options: u8, sequence_next: u64) -> Self {
        let is_by_key = options & 1 == 0;
        let acceptor_options = AcceptorOptions {
            name: text("gate"),
            role: Role::Strategy,
            proof: if is_by_key { Proof::Key } else { Proof::Kernel },
            heartbeat: Nanos::from_secs(1),
            logon_timeout: Nanos::from_secs(3),
        };
        let now = Nanos::from_secs(1);
        let (acceptor, challenge) = Acceptor::new(&acceptor_options, [7; 32], now);
        let (_, elsewhere) = Acceptor::new(&acceptor_options, [8; 32], now);
        let answer = |challenge: &Frame| {
            let mut initiator = Initiator::new(initiator_options(is_by_key), now);
            match initiator.receive(challenge, now) {
                Ok(Told::Challenge(logon)) => logon,
                other => panic!("no answer to a challenge: {other:?}"),
            }
        };
        Self {
            logon: answer(&challenge),
            logon_elsewhere: answer(&elsewhere),
            acceptor,
            is_by_key,
            is_name_known: options & 2 == 0,
            is_permitted: options & 4 == 0,
            is_in_use: options & 8 != 0,
            sequence_next,
            now,
        }
    }

    /// What the gate does with a frame of this session.
    fn hear(&mut self, frame: Frame) {
        let frames = [frame];
        let Decoded::Message { head, .. } = decode(&frames, Path::StrategyToGate, 0) else {
            // The gate ends the session or waits for more: either way nothing was let through.
            return;
        };
        let (phase, expected) = (self.acceptor.phase(), self.acceptor.command_sequence_next());
        let kind = head.kind().expect("decoded");
        match self.acceptor.receive(head, self.now) {
            Ok(Heard::Logon(logon)) => {
                assert_eq!(phase, Phase::Challenged);
                self.admit(*logon, head);
            }
            Ok(Heard::Command) => {
                assert!(is_counted(kind));
                assert_eq!((phase, head.header.sequence), (Phase::Live, expected));
                assert_eq!(self.acceptor.command_sequence_next(), expected + 1);
            }
            Ok(Heard::Definition(_)) => panic!("a strategy defines nothing"),
            Ok(Heard::Heartbeat) => assert_eq!(phase, Phase::Live),
            Ok(Heard::Logout(_)) => assert_eq!(self.acceptor.phase(), Phase::Ended),
            Err(fault) => {
                assert_eq!(self.acceptor.command_sequence_next(), expected);
                self.acceptor.end(fault);
                assert_eq!(self.acceptor.phase(), Phase::Ended);
                assert!(self.acceptor.receive(head, self.now).is_err());
                assert!(matches!(self.acceptor.tick(Nanos::MAX), Ok(None)));
            }
        }
    }

    fn admit(&mut self, logon: Logon, head: &Frame) {
        let key = key();
        let admission = Admission {
            key: self.is_name_known.then_some(&key),
            is_permitted: self.is_permitted,
            is_in_use: self.is_in_use,
            strategy: StrategyId(1),
            command_sequence_next: self.sequence_next,
            report_sequence_next: 9,
            report_sequence_oldest: 4,
            definition_count: 2,
        };
        let is_true = if self.is_by_key {
            // Only the whole body of the one logon that answers this challenge proves anything.
            self.is_name_known && head.body::<Logon>() == self.logon.body::<Logon>()
        } else {
            self.is_permitted && logon.mac == [0; 32] && logon.role == Role::Strategy as u8
        };
        match self.acceptor.admit(&logon, &admission, self.now) {
            Ok(welcome) => {
                assert!(is_true && !self.is_in_use, "let in without proof");
                assert_eq!(welcome.kind(), Some(Kind::Welcome));
                assert_eq!(self.acceptor.phase(), Phase::Live);
                assert_eq!(self.acceptor.command_sequence_next(), self.sequence_next);
            }
            Err(fault) => {
                assert_ne!(self.acceptor.phase(), Phase::Live);
                self.acceptor.end(fault);
            }
        }
    }

    fn pass(&mut self, span: Nanos) {
        self.now = self.now.after(span);
        let is_due = self.acceptor.deadline() <= self.now;
        match self.acceptor.tick(self.now) {
            Ok(None) => assert!(!is_due),
            Ok(Some(heartbeat)) => {
                assert_eq!(heartbeat.kind(), Some(Kind::Heartbeat));
                assert_eq!(self.acceptor.phase(), Phase::Live);
            }
            Err(fault) => {
                assert!(is_due);
                self.acceptor.end(fault);
            }
        }
    }
}

/// An acceptor without the key gets a logon out of the initiator, and nothing more.
fn check_initiator(data: &[u8]) {
    let now = Nanos::from_secs(1);
    let mut initiator = Initiator::new(initiator_options(true), now);
    for chunk in data.chunks_exact(128) {
        let frames = [Bytes::new(chunk).frame()];
        let Decoded::Message { head, .. } = decode(&frames, Path::GateToStrategy, 0) else {
            continue;
        };
        match initiator.receive(head, now) {
            Ok(Told::Challenge(_) | Told::Logout(_)) => {}
            Ok(told) => panic!("believed {told:?}"),
            Err(fault) => {
                initiator.end(fault);
                return;
            }
        }
        assert!(!initiator.is_ready());
    }
}

fn initiator_options(is_by_key: bool) -> InitiatorOptions {
    InitiatorOptions {
        name: text("alpha"),
        role: Role::Strategy,
        key: is_by_key.then(key),
        report_sequence_last: 3,
        salt: [5; 12],
        logon_timeout: Nanos::from_secs(3),
    }
}

fn key() -> Key {
    Key::new(*b"thirty-two bytes nobody may know")
}

fn text(words: &str) -> Text {
    Text::new(words).expect("short and printable")
}
