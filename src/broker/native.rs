//! Native: a broker's process that speaks the gate's own protocol, over TCP.
//!
//! The gate calls. A lost connection is made again after a pause that doubles, with jitter. The
//! logon names the last report that risk has; the broker, having read the old connection to its end,
//! sends what was missed; then the link is up, and the core asks about what is in doubt.

mod connection;
mod options;

pub use options::NativeOptions;

use super::exchange::Chance;
use super::link::{BrokerLink, Inbound, Unsent};
use super::outbound::Outbound;
use super::registry::{Kind, LinkOptions, Place};
use crate::message::{BrokerRequest, Frame, Kind as FrameKind};
use crate::protocol::native::bodies::{Fault, LogoutReason};
use crate::risk::approved::Approved;
use crate::sys::poller::{Readiness, Sockets};
use crate::units::{BrokerId, Nanos};
use connection::{Connection, Lost, Progress};
use std::collections::VecDeque;
use std::sync::Arc;

/// This kind.
pub const KIND: Kind = Kind {
    name: "native",
    text: "a broker's process that speaks the gate's own protocol over TCP",
    defaults: || None,
};

impl LinkOptions for NativeOptions {
    fn open(&self, place: Place) -> Box<dyn BrokerLink> {
        Box::new(NativeLink::new(self.clone(), place))
    }
}

/// So many requests that never left are answered in one poll.
const BATCH: usize = 256;

/// The link.
pub struct NativeLink {
    options: NativeOptions,
    broker: BrokerId,
    sockets: Option<Arc<Sockets>>,
    chance: Chance,
    state: State,
    outbound: Outbound,
    /// Orders that waited, or began to wait in the wire, when the connection was lost.
    unsent: VecDeque<Frame>,
    /// The last report that was handed to risk.
    report_sequence_last: u64,
    attempt: u32,
    /// Pauses since the link last stayed up.
    pauses_count: u32,
    is_draining: bool,
}

enum State {
    /// No connection before then.
    Pausing { until: Nanos },
    /// A connection; up since then, if it is.
    Connected {
        connection: Box<Connection>,
        up_since: Option<Nanos>,
    },
}

impl NativeLink {
    /// A link that connects at its first poll.
    pub fn new(options: NativeOptions, place: Place) -> Self {
        Self {
            broker: place.broker,
            sockets: place.sockets,
            chance: Chance::new(options.jitter_seed ^ u64::from(place.broker.0)),
            state: State::Pausing { until: place.now },
            outbound: Outbound::new(options.orders_max, options.cancels_max),
            unsent: VecDeque::with_capacity(options.orders_max),
            report_sequence_last: place.report_sequence_last,
            attempt: 0,
            pauses_count: 0,
            is_draining: false,
            options,
        }
    }

    /// The last report that was handed to risk.
    pub const fn report_sequence_last(&self) -> u64 {
        self.report_sequence_last
    }

    /// How often it has called.
    pub const fn attempts_count(&self) -> u32 {
        self.attempt
    }

    fn is_up(&self) -> bool {
        matches!(
            self.state,
            State::Connected {
                up_since: Some(_),
                ..
            }
        )
    }

    fn connect(&mut self, now: Nanos) {
        self.attempt = self.attempt.wrapping_add(1);
        let mut salt = [0; 12];
        // `now` never comes twice, also across a restart; the rest tells links and calls apart.
        salt[..8].copy_from_slice(&now.raw().to_le_bytes());
        salt[8..10].copy_from_slice(&self.broker.0.to_le_bytes()[..2]);
        salt[10..].copy_from_slice(&self.attempt.to_le_bytes()[..2]);
        let opened = Connection::open(
            &self.options,
            self.report_sequence_last,
            salt,
            self.sockets.as_deref(),
            self.broker.0 as usize,
            now,
        );
        match opened {
            Ok(connection) => {
                self.state = State::Connected {
                    connection: Box::new(connection),
                    up_since: None,
                };
            }
            Err(error) => {
                tracing::warn!(broker = self.broker.0, %error, "broker: cannot connect");
                self.pause(now);
            }
        }
    }

    /// A pause before the next call: it doubles, and half of it is left to chance.
    fn pause(&mut self, now: Nanos) {
        let (min, max) = (self.options.reconnect_min, self.options.reconnect_max);
        let factor = 1u64 << self.pauses_count.min(32);
        let pause = min.raw().saturating_mul(factor).min(max.raw());
        self.pauses_count = self.pauses_count.saturating_add(1);
        let pause = pause - self.chance.up_to(pause / 2);
        self.state = State::Pausing {
            until: now.after(Nanos::from_raw(pause)),
        };
    }

    /// The connection is gone. Requests of which a byte was written are in doubt and forgotten
    /// here; orders of which none was are answered, cancels of which none was wait.
    fn lose(&mut self, now: Nanos, lost: &Lost, inbound: &mut Inbound<'_>) {
        let paused = State::Pausing { until: now };
        let State::Connected {
            connection,
            up_since,
        } = std::mem::replace(&mut self.state, paused)
        else {
            return;
        };
        tracing::warn!(broker = self.broker.0, reason = %lost, "broker: link lost");
        self.report_sequence_last = connection.report_sequence_last();
        let mut frames = connection.unbegun().iter();
        while let Some(head) = frames.next() {
            match head.kind() {
                Some(FrameKind::BrokerCancel) => self.outbound.push_back(*head),
                Some(FrameKind::BrokerNew | FrameKind::BrokerReplace) => {
                    let count = usize::from(head.header.continuation_count);
                    frames = frames.as_slice()[count..].iter();
                    self.unsent.push_back(*head);
                }
                _ => {}
            }
        }
        connection.close(self.sockets.as_deref());
        self.outbound.drop_questions();
        inbound.down();
        if up_since.is_some_and(|since| self.options.reconnect_max <= now.since(since)) {
            self.pauses_count = 0;
        }
        self.pause(now);
    }

    /// Answers what never left, as far as there is room. True once all is answered.
    fn answer_unsent(&mut self, inbound: &mut Inbound<'_>, count: &mut usize) -> bool {
        while *count < BATCH && inbound.room() != 0 {
            let unsent = self.unsent.pop_front();
            let Some(request) = unsent.or_else(|| self.outbound.pop_unsent()) else {
                return true;
            };
            inbound.unsent(&request, Unsent::LinkDown);
            *count += 1;
        }
        self.unsent.is_empty() && !self.outbound.has_orders()
    }

    fn poll_connection(&mut self, now: Nanos, inbound: &mut Inbound<'_>) -> Result<usize, Lost> {
        let State::Connected {
            connection,
            up_since,
        } = &mut self.state
        else {
            return Ok(0);
        };
        let mut count = connection.read(now, inbound)?;
        if let Some(Progress::Ready) = connection.progress()
            && up_since.is_none()
        {
            tracing::info!(broker = self.broker.0, "broker: link up");
            *up_since = Some(now);
            inbound.up();
            count += 1;
        }
        count += connection.write(now, &mut self.outbound, up_since.is_some())?;
        Ok(count)
    }
}

impl BrokerLink for NativeLink {
    fn ready(&mut self, readiness: Readiness) {
        if let State::Connected { connection, .. } = &mut self.state {
            connection.ready(readiness);
        }
    }

    fn send(&mut self, _now: Nanos, unit: &[Approved]) -> Result<(), Unsent> {
        let Some(head) = unit.first().map(Approved::frame) else {
            return Ok(());
        };
        debug_assert_eq!(head.body::<BrokerRequest>().broker, self.broker);
        match head.kind() {
            Some(FrameKind::BrokerCancel) => self.outbound.push_cancel(head),
            Some(FrameKind::BrokerStatus) if self.is_up() => self.outbound.push_cancel(head),
            _ if self.is_up() => self.outbound.push_order(unit),
            _ => Err(Unsent::LinkDown),
        }
    }

    fn poll(&mut self, now: Nanos, inbound: &mut Inbound<'_>) -> usize {
        let mut count = 0;
        if let State::Pausing { until } = self.state {
            // Risk hears what never left before it hears that the link is up again.
            if !self.answer_unsent(inbound, &mut count) {
                return count.max(1);
            }
            if now < until || self.is_draining {
                return count;
            }
            self.connect(now);
            count += 1;
        }
        match self.poll_connection(now, inbound) {
            Ok(handled) => count + handled,
            Err(lost) => {
                self.lose(now, &lost, inbound);
                count + 1
            }
        }
    }

    fn deadline(&self) -> Nanos {
        match &self.state {
            State::Pausing { until } => *until,
            State::Connected { connection, .. } => connection.deadline(),
        }
    }

    fn drain(&mut self, now: Nanos, inbound: &mut Inbound<'_>) -> bool {
        self.poll(now, inbound);
        let is_sent = match &self.state {
            State::Connected { connection, .. } => {
                self.outbound.is_empty() && connection.is_written()
            }
            // Cancels may wait for the link: the bound on the shutdown ends that.
            State::Pausing { .. } => self.outbound.is_empty() && self.unsent.is_empty(),
        };
        if !is_sent {
            return false;
        }
        self.is_draining = true;
        if let State::Connected { connection, .. } = &mut self.state {
            connection.log_out(Fault::new(LogoutReason::Shutdown));
            self.lose(now, &Lost::Shutdown, inbound);
        }
        true
    }
}
