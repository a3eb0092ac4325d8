//! Broker: the far end of the gate, as thin as the protocol allows. It fills every order at once.

use crate::link::Link;
use portcullis::message::{BrokerRequest, Exec, Frame, Header, Kind, Report, Text};
use portcullis::protocol::native::bodies::{LogoutReason, Proof, Role};
use portcullis::protocol::native::key::Key;
use portcullis::protocol::native::parser::{Decoded, Path, decode};
use portcullis::protocol::native::session::{Acceptor, AcceptorOptions, Admission, Heard};
use portcullis::sys::random;
use portcullis::units::{Nanos, StrategyId};

/// A broker that one gate is connected to.
pub(super) struct Broker {
    pub(super) link: Link,
    acceptor: Acceptor,
    key: Key,
    is_live: bool,
    report_sequence_next: u64,
    /// In front of the number of each fill.
    run: u32,
}

impl Broker {
    pub(super) fn new(mut link: Link, key: Key, now: Nanos) -> Result<Self, String> {
        let options = AcceptorOptions {
            name: Text::new("wire").ok_or("a name")?,
            role: Role::Gate,
            proof: Proof::Key,
            heartbeat: HEARTBEAT,
            logon_timeout: Nanos::from_secs(5),
        };
        let nonce = random::bytes().map_err(|error| error.to_string())?;
        let run = random::bytes().map_err(|error| error.to_string())?;
        let (acceptor, challenge) = Acceptor::new(&options, nonce, now);
        link.queue(&challenge);
        link.flush().map_err(|error| error.to_string())?;
        Ok(Self {
            link,
            acceptor,
            key,
            is_live: false,
            report_sequence_next: 1,
            run: u32::from_le_bytes(run),
        })
    }

    /// True once the gate has logged on.
    pub(super) fn is_live(&self) -> bool {
        self.is_live
    }

    /// The next request of those that have been read.
    #[inline]
    pub(super) fn request(&mut self, now: Nanos) -> Result<Option<Frame>, String> {
        loop {
            let (head, consumed) = match decode(self.link.frames(), Path::GateToBroker, u8::MAX) {
                Decoded::Message { head, consumed, .. } => (*head, consumed),
                Decoded::Incomplete => return Ok(None),
                Decoded::Malformed(error) => return Err(format!("from the gate: {error:?}")),
            };
            self.link.consume(consumed);
            let heard = self.acceptor.receive(&head, now);
            match heard.map_err(|fault| format!("the gate: {}", fault.reason.text()))? {
                Heard::Command => return Ok(Some(head)),
                Heard::Logon(logon) => {
                    let admission = Admission {
                        key: Some(&self.key),
                        is_permitted: false,
                        is_in_use: false,
                        strategy: StrategyId::default(),
                        command_sequence_next: 1,
                        report_sequence_next: 1,
                        report_sequence_oldest: 1,
                        definition_count: 0,
                    };
                    let welcome = self.acceptor.admit(logon, &admission, now);
                    let welcome =
                        welcome.map_err(|fault| format!("the gate: {}", fault.reason.text()))?;
                    self.link.queue(&welcome);
                    self.link.flush().map_err(|error| error.to_string())?;
                    self.is_live = true;
                }
                Heard::Logout(logout) => {
                    let reason = logout.reason().map_or("no reason", LogoutReason::text);
                    return Err(format!("the gate logged out: {reason}"));
                }
                Heard::Definition(_) | Heard::Heartbeat => {}
            }
        }
    }

    /// The whole order is filled.
    #[inline]
    pub(super) fn fill_of(&mut self, request: &Frame, now: Nanos) -> Frame {
        let sequence = self.report_sequence_next;
        self.report_sequence_next += 1;
        let order = request.body::<BrokerRequest>();
        let header = Header {
            sequence,
            correlation: request.header.correlation,
            ..Header::default()
        };
        let report = Report {
            order_id: order.order_id,
            qty: order.qty,
            price: order.price,
            broker_time: now,
            exec_id: crate::ids::Ids::new(u64::from(self.run)).text(sequence),
            exec: Exec::Trade as u8,
            ..Report::default()
        };
        Frame::new(Kind::Report, header, report)
    }
}

/// Longer than any measurement: nothing but orders passes.
const HEARTBEAT: Nanos = Nanos::from_secs(600);
