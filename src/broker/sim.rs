//! Sim: a broker inside the gate. Its orders die with the process.
//!
//! Pure, but for the ring of quotes. Up at once, and up always, unless a fault was asked for.

use super::exchange::{Exchange, ExchangeOptions, Party};
use super::link::{BrokerLink, Inbound, Unsent};
use super::outbound::Outbound;
use super::registry::{Kind, LinkOptions, Place};
use crate::message::{Frame, Kind as FrameKind, Quote};
use crate::ring::Consumer;
use crate::risk::approved::Approved;
use crate::units::Nanos;

/// This kind.
pub const KIND: Kind = Kind {
    name: "sim",
    text: "a simulated exchange inside the gate",
    defaults: || Some(Box::new(SimOptions::default())),
};

/// How the simulated broker behaves.
#[derive(Clone, Debug, PartialEq)]
pub struct SimOptions {
    /// The exchange behind the link.
    pub exchange: ExchangeOptions,
    /// A link that was cut is made again after so long. Default: 100 ms.
    pub reconnect: Nanos,
    /// So many cancels wait for a link that is down. Default: 4,096.
    pub cancels_max: usize,
}

impl Default for SimOptions {
    fn default() -> Self {
        Self {
            exchange: ExchangeOptions::default(),
            reconnect: Nanos::from_millis(100),
            cancels_max: 4_096,
        }
    }
}

impl LinkOptions for SimOptions {
    fn open(&self, place: Place) -> Box<dyn BrokerLink> {
        Box::new(SimLink::new(self, place))
    }
}

/// So many quotes and so many reports at most in one poll.
const BATCH: usize = 256;

/// The link, and the exchange behind it.
#[derive(Debug)]
pub struct SimLink {
    exchange: Exchange,
    party: Party,
    report_next: u64,
    state: State,
    reconnect: Nanos,
    cancels: Outbound,
    market_to_broker: Option<Consumer<Frame>>,
    /// Of the last poll.
    now: Nanos,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Up,
    /// Cut, and risk has not been told.
    Cut,
    Down {
        until: Nanos,
    },
    /// Connected; up once risk has the reports below this sequence.
    Replaying {
        report_next: u64,
    },
}

impl SimLink {
    /// A new exchange, which opens at `place.now`.
    pub fn new(options: &SimOptions, place: Place) -> Self {
        let mut exchange = Exchange::new(options.exchange.clone(), place.now);
        let report_next = place.report_sequence_last + 1;
        Self {
            party: exchange.join(report_next),
            exchange,
            report_next,
            state: State::Replaying { report_next },
            reconnect: options.reconnect,
            cancels: Outbound::new(0, options.cancels_max),
            market_to_broker: place.market_to_broker,
            now: place.now,
        }
    }

    /// The exchange behind the link.
    pub fn exchange(&mut self) -> &mut Exchange {
        &mut self.exchange
    }

    fn request(&mut self, now: Nanos, frame: &Frame) {
        self.exchange.request(now, self.party, frame);
        if self.exchange.take_cut(self.party) {
            self.state = State::Cut;
        }
    }

    fn take_quotes(&mut self, now: Nanos) -> usize {
        let Some(quotes) = &mut self.market_to_broker else {
            return 0;
        };
        let mut count = 0;
        for frame in quotes.drain(BATCH) {
            let is_quote = frame.kind() == Some(FrameKind::Quote);
            if is_quote && frame.body::<Quote>().tells_quote() {
                self.exchange.quote(now, frame.body::<Quote>());
            }
            count += 1;
        }
        count
    }

    fn reconnect(&mut self, now: Nanos) {
        let report_next = self.exchange.report_next(self.party);
        self.state = State::Replaying { report_next };
        while matches!(self.state, State::Replaying { .. })
            && self.cancels.next_size(false).is_some()
        {
            let mut cancel = None;
            self.cancels.pop(|frame| cancel = Some(frame));
            if let Some(cancel) = cancel {
                self.request(now, &cancel);
            }
        }
    }

    fn hand_over(&mut self, now: Nanos, inbound: &mut Inbound<'_>) -> usize {
        let mut count = 0;
        while count < BATCH {
            let Some(frame) = self.exchange.report(now, self.party, self.report_next) else {
                break;
            };
            // One more to do: whoever runs the stage must not rest before there is room.
            count += 1;
            if inbound.room() == 0 {
                break;
            }
            inbound.report(frame);
            self.exchange.reports_taken(self.party, self.report_next);
            self.report_next += 1;
        }
        count
    }
}

impl BrokerLink for SimLink {
    fn send(&mut self, now: Nanos, unit: &[Approved]) -> Result<(), Unsent> {
        let Some(head) = unit.first().map(Approved::frame) else {
            return Ok(());
        };
        match (self.state, head.kind()) {
            (State::Up, _) => {
                self.request(now, head);
                Ok(())
            }
            (_, Some(FrameKind::BrokerCancel)) => self.cancels.push_cancel(head),
            _ => Err(Unsent::LinkDown),
        }
    }

    fn poll(&mut self, now: Nanos, inbound: &mut Inbound<'_>) -> usize {
        self.now = now;
        let mut count = self.take_quotes(now);
        self.exchange.advance(now);
        match self.state {
            State::Cut => {
                inbound.down();
                let until = now.after(self.reconnect);
                self.state = State::Down { until };
                return count + 1;
            }
            State::Down { until } if now < until => return count,
            State::Down { .. } => self.reconnect(now),
            State::Up | State::Replaying { .. } => {}
        }
        count += self.hand_over(now, inbound);
        if let State::Replaying { report_next } = self.state
            && report_next <= self.report_next
        {
            self.state = State::Up;
            inbound.up();
            count += 1;
        }
        count
    }

    fn deadline(&self) -> Nanos {
        match self.state {
            State::Up | State::Replaying { .. } => self.exchange.deadline(self.now),
            State::Cut => Nanos::ZERO,
            State::Down { until } => until.min(self.exchange.deadline(self.now)),
        }
    }

    fn drain(&mut self, now: Nanos, inbound: &mut Inbound<'_>) -> bool {
        self.poll(now, inbound) == 0
    }
}
