//! Route: both ends of what is measured, on one thread. The strategy's order goes in here and comes
//! out here, and so does the broker's report.
//!
//! Hot path. The gate and the relay are driven by the same code on the same kind of sockets; what is
//! timed lies between the write at one end and the read at the other.

use super::broker::Broker;
use crate::child::{self, Process};
use crate::ids::Ids;
use crate::latency::Latency;
use crate::link::Link;
use crate::schedule::Schedule;
use crate::session::{self, Session};
use portcullis::message::{
    BrokerRequest, Execution, Frame, Header, Kind, NewOrder, OrderType, Refusal, Side, TimeInForce,
};
use portcullis::protocol::native::client::Event;
use portcullis::protocol::native::parser::{Decoded, Path, decode};
use portcullis::reject::RejectReason;
use portcullis::sys::clock::Clock;
use portcullis::units::{AccountId, Nanos, Price, Qty, SymbolId};

/// What an order and its report take, through one route.
#[derive(Clone, Debug)]
pub(super) struct Legs {
    pub(super) order: Latency,
    pub(super) report: Latency,
}

/// A route and its ends.
pub(super) struct Route {
    pub(super) process: Process,
    ends: Ends,
    ids: Ids,
    number_next: u64,
    intended: Vec<Nanos>,
    reported: Vec<Nanos>,
}

/// Who speaks at the ends.
#[allow(clippy::large_enum_variant, reason = "there are two")]
pub(super) enum Ends {
    /// Frames, as they are.
    Bare { strategy: Link, broker: Link },
    /// A strategy and a broker.
    Gate {
        strategy: Session,
        broker: Broker,
        account: AccountId,
        symbol: SymbolId,
    },
}

impl Legs {
    pub(super) fn new() -> Self {
        Self {
            order: Latency::new(),
            report: Latency::new(),
        }
    }
}

/// What came back to the strategy.
enum Answer {
    /// The report of this order.
    Filled(u64),
    /// The gate refused it.
    Refused(Option<RejectReason>),
}

impl Route {
    /// Room for so many orders in one phase.
    pub(super) fn new(process: Process, ends: Ends, ids: Ids, phase_max: usize) -> Self {
        Self {
            process,
            ends,
            ids,
            number_next: 0,
            intended: Vec::with_capacity(phase_max),
            reported: Vec::with_capacity(phase_max),
        }
    }

    /// Until an order comes through: the gate refuses while the link to its broker is not up yet, or
    /// the quote has not reached the core.
    pub(super) fn open(&mut self, clock: &mut Clock) -> Result<(), String> {
        let deadline = clock.now().after(PATIENCE);
        loop {
            let refused = match self.round_trip(clock, &mut Legs::new())? {
                None => return Ok(()),
                Some(reason) => reason,
            };
            if !refused.is_some_and(session::is_starting) || deadline < clock.now() {
                return Err(refusal(refused));
            }
            child::pause();
        }
    }

    /// One at a time: the next order goes out when the report of the last is back.
    pub(super) fn one_by_one(
        &mut self,
        clock: &mut Clock,
        count: usize,
        legs: &mut Legs,
    ) -> Result<(), String> {
        for _ in 0..count {
            if let Some(reason) = self.round_trip(clock, legs)? {
                return Err(refusal(reason));
            }
        }
        Ok(())
    }

    /// An order and its report. `Some` where it was refused.
    #[inline]
    fn round_trip(
        &mut self,
        clock: &mut Clock,
        legs: &mut Legs,
    ) -> Result<Option<Option<RejectReason>>, String> {
        let number = self.queue_order(clock.now());
        let sent = clock.now();
        self.strategy().flush().map_err(lost)?;
        let mut looks = 0u32;
        let (request, at) = loop {
            looks = looks.wrapping_add(1);
            if self.broker().fill().map_err(lost)? {
                let at = clock.now();
                if let Some(request) = self.request(at)? {
                    break (request, at);
                }
            } else if looks.is_multiple_of(REFUSAL_LOOKS)
                && let Some((Answer::Refused(reason), _)) = self.answer(clock)?
            {
                return Ok(Some(reason));
            }
            self.check(clock.now().since(sent))?;
        };
        self.expect(number, self.request_number(&request))?;
        legs.order.record(at.since(sent));
        self.queue_report(&request, at);
        let sent = clock.now();
        self.broker().flush().map_err(lost)?;
        loop {
            match self.answer(clock)? {
                Some((Answer::Filled(found), at)) => {
                    self.expect(number, Some(found))?;
                    legs.report.record(at.since(sent));
                    return Ok(None);
                }
                Some((Answer::Refused(reason), _)) => return Ok(Some(reason)),
                None => self.check(clock.now().since(sent))?,
            }
        }
    }

    /// At the times of a schedule, whatever becomes of the orders before. An order's time counts from
    /// when it was meant to be sent.
    pub(super) fn paced(
        &mut self,
        clock: &mut Clock,
        mut schedule: Schedule,
        legs: &mut Legs,
    ) -> Result<(), String> {
        let (first, total) = (self.number_next, schedule.total());
        self.intended.clear();
        self.reported.clear();
        let mut answered = 0;
        let mut moved = clock.now();
        while answered < total {
            let now = clock.now();
            if schedule.peek().is_some_and(|intended| intended <= now) {
                self.intended.extend(schedule.next());
                self.queue_order(now);
                self.strategy().flush().map_err(lost)?;
                moved = now;
            }
            if self.broker().fill().map_err(lost)? {
                let at = clock.now();
                while let Some(request) = self.request(at)? {
                    let expected = first + self.reported.len() as u64;
                    self.expect(expected, self.request_number(&request))?;
                    let intended = self.intended[self.reported.len()];
                    legs.order.record(at.since(intended));
                    self.queue_report(&request, at);
                    self.reported.push(clock.now());
                    self.broker().flush().map_err(lost)?;
                }
            }
            if let Some((mut answer, at)) = self.answer(clock)? {
                loop {
                    match answer {
                        Answer::Filled(found) => self.expect(first + answered, Some(found))?,
                        Answer::Refused(reason) => return Err(refusal(reason)),
                    }
                    legs.report
                        .record(at.since(self.reported[answered as usize]));
                    answered += 1;
                    moved = at;
                    match self.next_answer(at)? {
                        Some(next) => answer = next,
                        None => break,
                    }
                }
            }
            self.check(now.since(moved))?;
        }
        Ok(())
    }

    #[inline]
    fn strategy(&mut self) -> &mut Link {
        match &mut self.ends {
            Ends::Bare { strategy, .. } => strategy,
            Ends::Gate { strategy, .. } => &mut strategy.link,
        }
    }

    #[inline]
    fn broker(&mut self) -> &mut Link {
        let link = match &mut self.ends {
            Ends::Bare { broker, .. } => broker,
            Ends::Gate { broker, .. } => &mut broker.link,
        };
        // Nobody watches the sockets: they are tried again and again.
        link.is_readable = true;
        link
    }

    /// The next order, to be flushed. Returns its number.
    #[inline]
    fn queue_order(&mut self, now: Nanos) -> u64 {
        let number = self.number_next;
        self.number_next += 1;
        let mut order = NewOrder {
            price: PRICE,
            qty: Qty::from_raw(100_000_000),
            client_order_id: self.ids.text(number),
            side: if number.is_multiple_of(2) {
                Side::Buy
            } else {
                Side::Sell
            } as u8,
            order_type: OrderType::Limit as u8,
            time_in_force: TimeInForce::Day as u8,
            ..NewOrder::default()
        };
        match &mut self.ends {
            Ends::Bare { strategy, .. } => {
                strategy.queue(&Frame::new(Kind::NewOrder, Header::default(), order));
            }
            Ends::Gate {
                strategy,
                account,
                symbol,
                ..
            } => {
                (order.account, order.symbol) = (*account, *symbol);
                if let Some(frame) = strategy.client.new_order(order, &[], now) {
                    strategy.link.queue(&frame);
                }
            }
        }
        number
    }

    /// The next request that the broker has read.
    #[inline]
    fn request(&mut self, now: Nanos) -> Result<Option<Frame>, String> {
        match &mut self.ends {
            Ends::Bare { broker, .. } => Ok(next_frame(broker)),
            Ends::Gate { broker, .. } => broker.request(now),
        }
    }

    fn request_number(&self, request: &Frame) -> Option<u64> {
        self.ids.number(match self.ends {
            Ends::Bare { .. } => &request.body::<NewOrder>().client_order_id,
            Ends::Gate { .. } => &request.body::<BrokerRequest>().client_order_id,
        })
    }

    /// The report of a request, to be flushed.
    #[inline]
    fn queue_report(&mut self, request: &Frame, now: Nanos) {
        match &mut self.ends {
            Ends::Bare { broker, .. } => broker.queue(request),
            Ends::Gate { broker, .. } => {
                let report = broker.fill_of(request, now);
                broker.link.queue(&report);
            }
        }
    }

    /// Reads at the strategy's end: the first answer, and when it was read.
    #[inline]
    fn answer(&mut self, clock: &mut Clock) -> Result<Option<(Answer, Nanos)>, String> {
        let link = self.strategy();
        link.is_readable = true;
        if !link.fill().map_err(lost)? {
            return Ok(None);
        }
        let at = clock.now();
        Ok(self.next_answer(at)?.map(|answer| (answer, at)))
    }

    /// The next answer that the strategy has read.
    #[inline]
    fn next_answer(&mut self, now: Nanos) -> Result<Option<Answer>, String> {
        let ids = self.ids;
        let of = |number: Option<u64>| {
            number
                .map(Answer::Filled)
                .ok_or("an answer to no order of ours")
        };
        match &mut self.ends {
            Ends::Bare { strategy, .. } => match next_frame(strategy) {
                Some(frame) => Ok(Some(of(
                    ids.number(&frame.body::<NewOrder>().client_order_id)
                )?)),
                None => Ok(None),
            },
            Ends::Gate { strategy, .. } => loop {
                let frames = strategy.link.frames();
                let head = match decode(frames, Path::GateToStrategy, u8::MAX) {
                    Decoded::Message { head, .. } => *head,
                    Decoded::Incomplete => return Ok(None),
                    Decoded::Malformed(error) => return Err(format!("from the gate: {error:?}")),
                };
                strategy.link.consume(1);
                let event = strategy.client.receive(&head, now);
                match event.map_err(|fault| format!("the gate: {}", fault.reason.text()))? {
                    Event::Execution(
                        _,
                        Execution {
                            client_order_id, ..
                        },
                    ) => {
                        return Ok(Some(of(ids.number(client_order_id))?));
                    }
                    Event::Refusal(_, refusal) => {
                        return Ok(Some(Answer::Refused(Refusal::reason(refusal))));
                    }
                    Event::Ended(_) => return Err("the gate ended the session".to_owned()),
                    _ => {}
                }
            },
        }
    }

    fn expect(&self, expected: u64, found: Option<u64>) -> Result<(), String> {
        match found == Some(expected) {
            true => Ok(()),
            false => Err(format!("order {expected} was sent and {found:?} came out")),
        }
    }

    /// Nothing has moved for so long.
    #[inline]
    fn check(&mut self, silence: Nanos) -> Result<(), String> {
        if silence < PATIENCE {
            return Ok(());
        }
        self.process.check()?;
        Err(format!(
            "nothing came out for {} s",
            PATIENCE.raw() / 1_000_000_000
        ))
    }
}

#[inline]
fn next_frame(link: &mut Link) -> Option<Frame> {
    let frame = *link.frames().first()?;
    link.consume(1);
    Some(frame)
}

#[cold]
fn refusal(reason: Option<RejectReason>) -> String {
    let text = reason.map_or("no reason that is known", RejectReason::text);
    format!("the gate refused an order of the measurement: {text}")
}

#[cold]
fn lost(error: std::io::Error) -> String {
    format!("a connection of the measurement is gone: {error}")
}

/// Of every order, and the reference.
pub(super) const PRICE: Price = Price::from_raw(100_000_000_000);
pub(super) const PATIENCE: Nanos = Nanos::from_secs(10);
/// A refusal is rare enough not to be looked for each time.
const REFUSAL_LOOKS: u32 = 256;
