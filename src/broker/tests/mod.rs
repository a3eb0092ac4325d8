//! The stage with its links, in virtual time; the native link over loopback. One thread polls all.

mod native;
mod sim;

use super::exchange::{Entry, Way};
use super::link::BrokerLink;
use super::registry::Place;
use super::*;
use crate::message::{Exec, Header, Link, LinkState, OrderType, Report, Side, TimeInForce};
use crate::ring::ring;
use crate::units::{OrderId, Price, Qty};
use std::collections::{BTreeMap, BTreeSet};

/// What risk was told, in short.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Told {
    Link(LinkState),
    Report(u64, Exec, u16),
}

/// The stage, and the two ends of its rings in place of risk.
struct Rig {
    stage: BrokerStage,
    requests: Producer<Approved>,
    reports: Consumer<Frame>,
    now: Nanos,
    /// Everything that came, in order.
    told: Vec<Frame>,
}

fn place(report_sequence_last: u64, now: Nanos) -> Place {
    Place {
        broker: BrokerId(0),
        report_sequence_last,
        now,
        sockets: None,
        market_to_broker: None,
    }
}

const START: Nanos = Nanos::from_secs(1_000);

impl Rig {
    fn new(link: Box<dyn BrokerLink>, breaker: BreakerOptions, room: usize) -> Self {
        let (requests, risk_to_broker) = ring(1 << 12);
        let (broker_to_risk, reports) = ring(room);
        let links = vec![(link, breaker)];
        Self {
            stage: BrokerStage::new(risk_to_broker, broker_to_risk, Doorbell::NONE, links),
            requests,
            reports,
            now: START,
            told: Vec::new(),
        }
    }

    fn ask(&mut self, kind: Kind, request: BrokerRequest) {
        let header = Header {
            correlation: request.order_id.serial(),
            ..Header::default()
        };
        let approved = Approved::forged(Frame::new(kind, header, request));
        assert!(self.requests.push(approved).is_ok());
    }

    fn buy(&mut self, serial: u64) {
        self.ask(Kind::BrokerNew, order(serial));
    }

    fn cancel(&mut self, serial: u64, request: u32) {
        let request = BrokerRequest {
            request,
            ..order(serial)
        };
        self.ask(Kind::BrokerCancel, request);
    }

    fn status(&mut self, serial: u64) {
        self.ask(Kind::BrokerStatus, order(serial));
    }

    /// One poll of the stage; what it told is taken.
    fn poll(&mut self) -> usize {
        let count = self.stage.poll(self.now);
        self.told.extend(self.reports.drain(usize::MAX));
        count
    }

    fn wait(&mut self, span: Nanos) {
        self.now = self.now.after(span);
    }

    fn told(&self) -> Vec<Told> {
        self.told.iter().map(told).collect()
    }

    fn count(&self, exec: Exec) -> usize {
        let is_such = |frame: &&Frame| {
            frame.kind() == Some(Kind::Report) && frame.body::<Report>().exec == exec as u8
        };
        self.told.iter().filter(is_such).count()
    }

    /// What risk was told last of the link.
    fn link(&self) -> Option<LinkState> {
        let mut frames = self.told.iter().rev();
        let link = frames.find(|frame| frame.kind() == Some(Kind::Link))?;
        LinkState::from_byte(link.body::<Link>().state)
    }

    fn links(&self) -> Vec<LinkState> {
        let told = self.told();
        let link = told.iter().filter_map(|told| match told {
            Told::Link(state) => Some(*state),
            Told::Report(..) => None,
        });
        link.collect()
    }
}

fn told(frame: &Frame) -> Told {
    match frame.kind() {
        Some(Kind::Link) => Told::Link(LinkState::from_byte(frame.body::<Link>().state).unwrap()),
        _ => {
            let report: &Report = frame.body();
            assert_ne!(report.broker, BrokerId::NONE);
            assert_eq!(frame.header.correlation, report.order_id.serial());
            let exec = Exec::from_byte(report.exec).unwrap();
            Told::Report(report.order_id.serial(), exec, report.broker_reason)
        }
    }
}

fn order(serial: u64) -> BrokerRequest {
    BrokerRequest {
        order_id: OrderId::new(serial, 0),
        price: Price::from_raw(100),
        qty: Qty::from_raw(10),
        side: Side::Buy as u8,
        order_type: OrderType::Limit as u8,
        time_in_force: TimeInForce::GoodTillCancel as u8,
        ..BrokerRequest::default()
    }
}

/// Orders that the ledger received, each with how often; asserts that none came twice.
fn received_once(ledger: &[Entry]) -> BTreeSet<u64> {
    let mut counts = BTreeMap::new();
    for entry in ledger.iter().filter(|entry| entry.way == Way::Received) {
        if entry.frame.kind() == Some(Kind::BrokerNew) {
            let id = entry.frame.body::<BrokerRequest>().order_id.serial();
            *counts.entry(id).or_insert(0) += 1;
        }
    }
    assert!(counts.values().all(|&count| count == 1), "{counts:?}");
    counts.into_keys().collect()
}

/// Every counted report of the broker came to risk once, and in order.
fn assert_all_reports_came(ledger: &[Entry], told: &[Frame]) {
    let sent: Vec<Report> = ledger
        .iter()
        .filter(|entry| entry.way == Way::Sent)
        .map(|entry| *entry.frame.body())
        .collect();
    let came = told.iter().filter(|frame| frame.header.sequence != 0);
    let came: Vec<Report> = came.map(|frame| *frame.body()).collect();
    assert_eq!(came.len(), sent.len());
    assert_eq!(came, sent);
}
