//! Play: a scene through the core, in virtual time, with a broker that is as simple as can be.

use super::scene::{ACCOUNT, Broker, Control, START, Scene};
use crate::command::Failure;
use crate::command::virtual_gate::VirtualGate;
use crate::message::{
    BrokerRequest, Exec, Frame, Header, Kind, NewOrder, OrderType, Quote, Report, Scope, Side,
};
use crate::reject::RejectReason;
use crate::risk::decision::Outcome;
use crate::units::{Nanos, Notional, Price, Qty};
use std::collections::BTreeMap;

/// What became of a scene under a control.
#[derive(Clone, Debug, Default)]
pub struct Run {
    /// What was armed, as it is written in a file.
    pub control: String,
    /// What the strategy sent: what would have left.
    pub sent: Flow,
    /// What did leave.
    pub left: Flow,
    /// Why orders were refused: for each, what was told.
    pub refused: BTreeMap<RejectReason, u64>,
    /// The first refusal, and how long after the start.
    pub first: Option<(RejectReason, Nanos)>,
    /// How often an operator asked to raise a kill.
    pub raises_asked: u64,
    /// How often that raised it.
    pub raises_done: u64,
    /// How long after the start, and how many orders had left by then.
    pub(super) curve: Vec<(Nanos, u64)>,
}

/// Orders, and what they come to.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Flow {
    /// How many.
    pub orders: u64,
    /// All their quantities.
    pub qty: Qty,
    /// All their values, bought and sold alike: at the limit, or at the last quote.
    pub money: Notional,
}

impl Flow {
    fn add(&mut self, price: Price, qty: Qty) {
        self.orders += 1;
        self.qty = self.qty.saturating_add(qty);
        self.money = self.money.saturating_add(price.notional(qty));
    }
}

impl Scene {
    /// With nothing armed, with each control alone, and with all of them where there are several.
    pub fn runs(&self) -> Result<Vec<Run>, Failure> {
        let mut runs = vec![self.play(&Control::default())?];
        for control in &self.controls {
            runs.push(self.play(control)?);
        }
        if 1 < self.controls.len() {
            let all = self.play(&Control::all(&self.controls))?;
            runs.push(Run {
                control: "all of these".to_owned(),
                ..all
            });
        }
        Ok(runs)
    }

    /// Under one control.
    pub fn play(&self, control: &Control) -> Result<Run, Failure> {
        let mut stage = Stage {
            gate: VirtualGate::new(&self.setup(control)?),
            broker: self.broker,
            quotes: vec![Quote::default(); self.world.symbol_count as usize],
            run: Run {
                control: control.name(),
                ..Run::default()
            },
        };
        for event in (self.events)() {
            stage.take(&event);
        }
        stage.mark(stage.gate.time());
        Ok(stage.run)
    }
}

/// A scene under way.
struct Stage {
    gate: VirtualGate,
    broker: Broker,
    /// The last of each symbol.
    quotes: Vec<Quote>,
    run: Run,
}

impl Stage {
    fn take(&mut self, event: &Frame) {
        let time = event.header.time;
        while self.gate.tick(time) {
            self.answer();
        }
        let was_killed = self.is_killed();
        let decision = self.gate.step(time, event, &[]);
        match event.kind() {
            Some(Kind::Quote) => {
                let quote: &Quote = event.body();
                if let Some(last) = self.quotes.get_mut(quote.symbol.0 as usize) {
                    *last = *quote;
                }
            }
            Some(Kind::NewOrder) if START <= time => {
                let refused = match decision.outcome {
                    Outcome::Accepted => None,
                    _ => decision.reason,
                };
                self.count(time, event.body(), refused);
            }
            Some(Kind::Raise) => {
                self.run.raises_asked += 1;
                self.run.raises_done += u64::from(was_killed && !self.is_killed());
            }
            _ => {}
        }
        self.answer();
    }

    fn is_killed(&self) -> bool {
        let level = self.gate.core().level(Scope::Account, ACCOUNT.0);
        level.is_some_and(|level| level.is_killed)
    }

    fn count(&mut self, time: Nanos, order: &NewOrder, refused: Option<RejectReason>) {
        let is_market = order.order_type == OrderType::Market as u8;
        let price = self.price(is_market, order.side, order.price, order.symbol.0);
        self.run.sent.add(price, order.qty);
        match refused {
            None => self.run.left.add(price, order.qty),
            Some(reason) => {
                *self.run.refused.entry(reason).or_default() += 1;
                self.run.first.get_or_insert((reason, time.since(START)));
            }
        }
        let is_due = |last: &(Nanos, u64)| CURVE_STEP <= time.since(START).since(last.0);
        let is_early = self.run.curve.len() < CURVE_EARLY;
        if is_early || self.run.curve.last().is_none_or(is_due) {
            self.mark(time);
        }
    }

    /// A point of the curve.
    fn mark(&mut self, time: Nanos) {
        self.run
            .curve
            .push((time.since(START), self.run.left.orders));
    }

    /// What the broker does with what the last step sent. A fill sends nothing further.
    fn answer(&mut self) {
        if self.broker == Broker::Silent {
            return;
        }
        let sent = &self.gate.effects().to_broker;
        let requests: Vec<Frame> = sent.iter().map(|approved| *approved.frame()).collect();
        for frame in requests {
            if frame.kind() == Some(Kind::BrokerNew) {
                self.fill(frame.body());
            }
        }
    }

    fn fill(&mut self, order: &BrokerRequest) {
        let is_market = order.order_type == OrderType::Market as u8;
        let report = Report {
            order_id: order.order_id,
            qty: order.qty,
            price: self.price(is_market, order.side, order.price, order.symbol.0),
            broker: order.broker,
            exec: Exec::Trade as u8,
            ..Report::default()
        };
        let time = self.gate.time();
        let header = Header {
            time,
            ..Header::default()
        };
        let report = Frame::new(Kind::Report, header, report);
        self.gate.step(time, &report, &[]);
    }

    /// What an order trades at.
    fn price(&self, is_market: bool, side: u8, limit: Price, symbol: u32) -> Price {
        match self.quotes.get(symbol as usize) {
            Some(quote) if is_market && side == Side::Buy as u8 => quote.ask,
            Some(quote) if is_market => quote.bid,
            _ => limit,
        }
    }
}

/// How far points of a curve are apart, and how many at its beginning are all there.
const CURVE_STEP: Nanos = Nanos::from_millis(100);
const CURVE_EARLY: usize = 100;
