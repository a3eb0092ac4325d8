//! Link: what the stage asks of each broker's connection, and what a connection may tell.
//!
//! A link takes units, a request and the continuation frames behind it, and hands back reports. A
//! request is sent once or not at all: what may have left, even in part, is in doubt and never sent
//! again; only what surely did not leave may be answered here, with an [`Unsent`].

use super::breaker::Breaker;
use super::outlet::Outlet;
use crate::message::{BrokerRequest, Exec, Frame, Kind, Link, LinkState, Report};
use crate::risk::approved::Approved;
use crate::sys::poller::Readiness;
use crate::units::{BrokerId, Nanos, StrategyId};

/// One broker's connection.
pub trait BrokerLink: Send {
    /// Its socket has something to do.
    fn ready(&mut self, readiness: Readiness) {
        let _ = readiness;
    }

    /// Takes a unit, to be sent now or, of a cancel, after the connection is made again. An error
    /// says that no byte of it left and none will.
    fn send(&mut self, now: Nanos, unit: &[Approved]) -> Result<(), Unsent>;

    /// Does a batch of work and says how much. Takes no more from the broker than there is room.
    fn poll(&mut self, now: Nanos, inbound: &mut Inbound<'_>) -> usize;

    /// When it must be polled again even if nothing happens.
    fn deadline(&self) -> Nanos;

    /// The gate stops: sends what is pending and takes its leave. True once that is done.
    fn drain(&mut self, now: Nanos, inbound: &mut Inbound<'_>) -> bool;
}

/// Why a request never left: the number in `broker_reason` of the report that says so.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u16)]
pub enum Unsent {
    /// There is no connection.
    LinkDown = 60_001,
    /// The broker takes its messages too slowly: what waits for it has reached its bound.
    OutboundFull = 60_002,
    /// The breaker is open.
    BreakerOpen = 60_003,
    /// No such broker.
    BrokerUnknown = 60_004,
}

impl Unsent {
    /// Every reason.
    pub const ALL: [Self; 4] = [
        Self::LinkDown,
        Self::OutboundFull,
        Self::BreakerOpen,
        Self::BrokerUnknown,
    ];

    /// For people.
    pub const fn text(self) -> &'static str {
        match self {
            Self::LinkDown => "not sent: the link to the broker is down",
            Self::OutboundFull => "not sent: the broker reads too slowly",
            Self::BreakerOpen => "not sent: the breaker of the link is open",
            Self::BrokerUnknown => "not sent: no such broker",
        }
    }
}

/// What the stage knows of a link.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) broker: BrokerId,
    pub(super) breaker: Breaker,
    pub(super) is_up: bool,
    /// What risk was told last. Nothing yet: it may believe what was true before a restart.
    told: Option<LinkState>,
}

/// What a link tells the stage, on its way to risk.
pub struct Inbound<'a> {
    pub(super) now: Nanos,
    pub(super) lane: &'a mut Lane,
    pub(super) outlet: &'a mut Outlet,
}

impl Lane {
    /// A link that is down until it says otherwise.
    pub(super) const fn new(broker: BrokerId, breaker: Breaker) -> Self {
        Self {
            broker,
            breaker,
            is_up: false,
            told: None,
        }
    }

    /// Tells risk how the link stands, if that has changed.
    pub(super) fn tell(&mut self, now: Nanos, outlet: &mut Outlet) {
        let state = match self.is_up {
            true => self.breaker.state(),
            false => LinkState::Down,
        };
        if Some(state) != self.told {
            self.told = Some(state);
            let link = Link {
                broker: self.broker,
                state: state as u8,
                ..Link::default()
            };
            outlet.say(now, Kind::Link, 0, link);
        }
    }

    /// Answers a request that never left. A question is not answered: nobody knows more than before.
    pub(super) fn answer(&self, now: Nanos, outlet: &mut Outlet, request: &Frame, why: Unsent) {
        let exec = match request.kind() {
            Some(Kind::BrokerNew) => Exec::NotReceived,
            Some(Kind::BrokerCancel) => Exec::CancelRejected,
            Some(Kind::BrokerReplace) => Exec::ReplaceRejected,
            _ => return,
        };
        let body: &BrokerRequest = request.body();
        let report = Report {
            order_id: body.order_id,
            broker: self.broker,
            exec_id: outlet.exec_id(now),
            exec: exec as u8,
            broker_reason: why as u16,
            request: body.request,
            ..Report::default()
        };
        outlet.say(now, Kind::Report, request.header.correlation, report);
    }
}

impl Inbound<'_> {
    /// How many reports may be handed over now.
    pub fn room(&mut self) -> usize {
        self.outlet.room()
    }

    /// Hands a broker's report over. Only while there is room.
    pub fn report(&mut self, frame: &Frame) {
        let mut frame = *frame;
        frame.header.time = self.now;
        frame.header.strategy = StrategyId::NONE;
        frame.header.flags = 0;
        let report: &mut Report = frame.body_mut();
        report.broker = self.lane.broker;
        let (order_id, exec) = (report.order_id, Exec::from_byte(report.exec));
        self.outlet.push(frame);
        if let Some(exec) = exec {
            self.lane.breaker.heard(self.now, order_id, exec);
            self.lane.tell(self.now, self.outlet);
        }
    }

    /// A request that was taken never left after all.
    pub fn unsent(&mut self, request: &Frame, why: Unsent) {
        self.lane.answer(self.now, self.outlet, request, why);
    }

    /// The connection is made, and every report that was missed has been handed over. Risk hears
    /// that before it hears of a breaker that is not closed: it asks about what is in doubt.
    pub fn up(&mut self) {
        self.lane.is_up = true;
        if self.lane.breaker.state() != LinkState::Up {
            self.lane.told = Some(LinkState::Up);
            let link = Link {
                broker: self.lane.broker,
                state: LinkState::Up as u8,
                ..Link::default()
            };
            self.outlet.say(self.now, Kind::Link, 0, link);
        }
        self.lane.tell(self.now, self.outlet);
    }

    /// The connection is lost.
    pub fn down(&mut self) {
        self.lane.is_up = false;
        self.lane.breaker.lose(self.now);
        self.lane.tell(self.now, self.outlet);
    }
}
