//! A gate with one account in one or two symbols, and a broker whose books are the truth.

use portcullis::message::{
    Body, BrokerRequest, Cancel, Exec, Frame, Header, Kind, NewOrder, OrderType, Quote, Refusal,
    Replace, Report, Side, Text, Tick, TimeInForce,
};
use portcullis::reject::RejectReason;
use portcullis::risk::core::Core;
use portcullis::risk::decision::{Decision, Effects, Outcome};
use portcullis::risk::setup::{
    Account, Broker, Capacity, ExitPolicy, ExitTerms, Limits, Setup, Strategy, Symbol,
};
use portcullis::units::{AccountId, BrokerId, Nanos, OrderId, Price, Qty, StrategyId, SymbolId};
use std::collections::VecDeque;

pub(crate) const LOT: u64 = 100_000_000;
pub(crate) const TICK: i64 = 10_000_000;

pub(crate) fn price(whole: i64) -> Price {
    Price::from_raw(whole * 1_000_000_000)
}

pub(crate) fn qty(lots: u64) -> Qty {
    Qty::from_raw(lots * LOT)
}

/// Two symbols, `X` and `Y`, that take everything.
pub(crate) fn setup(exits: ExitTerms) -> Setup {
    let symbol = |name: &str| Symbol {
        name: name.to_owned(),
        enabled: true,
        tick: Price::from_raw(TICK),
        lot: Qty::from_raw(LOT),
        order_types: OrderType::ALL.to_vec(),
        times_in_force: TimeInForce::ALL.to_vec(),
        ..Symbol::default()
    };
    Setup {
        capacity: Capacity {
            orders: 32,
            orders_closed: 8,
            client_order_ids: 64,
            positions: 8,
            executions: 64,
            ..Capacity::default()
        },
        accounts: vec![Account {
            enabled: true,
            has_limits: true,
            ..Account::default()
        }],
        strategies: vec![Strategy {
            enabled: true,
            accounts: vec![AccountId(0)],
            exits,
            ..Strategy::default()
        }],
        symbols: vec![symbol("X"), symbol("Y")],
        brokers: vec![Broker::default()],
        operators: vec!["alice".to_owned(), "bob".to_owned()],
        raise_persons: 2,
        raise_window: Nanos::from_secs(60),
        answer_timeout: Nanos::from_secs(2),
        mark_age_max: Nanos::from_secs(3600),
        exit_policy: ExitPolicy {
            retry: Nanos::from_secs(1),
            timeout: Nanos::from_secs(5),
            attempts_max: 3,
            slippage: 1_000_000,
        },
        firm: Limits::default(),
        ..Setup::default()
    }
}

/// An order as the broker has it.
#[derive(Clone, Debug)]
pub(crate) struct Standing {
    pub(crate) id: OrderId,
    pub(crate) symbol: SymbolId,
    pub(crate) side: Side,
    pub(crate) order_type: u8,
    pub(crate) price: Price,
    pub(crate) leaves: u64,
    pub(crate) filled: u64,
}

pub(crate) struct World {
    pub(crate) core: Core,
    pub(crate) now: u64,
    effects: Effects,
    /// On its way to the broker, and back.
    pub(crate) requests: VecDeque<(Kind, BrokerRequest)>,
    pub(crate) reports: VecDeque<Report>,
    pub(crate) standing: Vec<Standing>,
    /// Bought less sold, in lots, by symbol.
    pub(crate) positions: [i64; 2],
    /// What the last command was refused for.
    pub(crate) refused: Option<RejectReason>,
    exec_count: u32,
    id_count: u32,
}

impl World {
    pub(crate) fn new(setup: &Setup) -> Self {
        let mut world = Self {
            core: Core::new(setup),
            now: 1_000_000_000,
            effects: Effects::default(),
            requests: VecDeque::new(),
            reports: VecDeque::new(),
            standing: Vec::new(),
            positions: [0; 2],
            refused: None,
            exec_count: 0,
            id_count: 0,
        };
        world.quote(100, 100);
        world
    }

    pub(crate) fn step<B: Body>(&mut self, kind: Kind, strategy: StrategyId, body: B) -> Decision {
        self.step_with(kind, strategy, body, &[])
    }

    /// The same with frames behind it.
    pub(crate) fn step_with<B: Body>(
        &mut self,
        kind: Kind,
        strategy: StrategyId,
        body: B,
        behind: &[Frame],
    ) -> Decision {
        let header = Header {
            time: Nanos::from_raw(self.now),
            strategy,
            continuation_count: behind.len() as u8,
            ..Header::default()
        };
        self.effects.clear();
        let frame = Frame::new(kind, header, body);
        let decision = self.core.step(&frame, behind, &mut self.effects);
        self.core.verify();
        self.refused = None;
        for told in &self.effects.to_strategy {
            if told.kind() == Some(Kind::Refusal) {
                self.refused = told.body::<Refusal>().reason();
            }
        }
        for approved in &self.effects.to_broker {
            let frame = approved.frame();
            self.requests
                .push_back((frame.kind().unwrap(), *frame.body::<BrokerRequest>()));
        }
        decision
    }

    /// A price of X in whole money, and one of Y.
    pub(crate) fn quote(&mut self, x: i64, y: i64) {
        for (symbol, whole) in [(0, x), (1, y)] {
            self.quote_of(symbol, price(whole), price(whole));
        }
    }

    pub(crate) fn quote_of(&mut self, symbol: u32, bid: Price, ask: Price) -> Outcome {
        let quote = Quote {
            bid,
            ask,
            symbol: SymbolId(symbol),
            ..Quote::default()
        };
        self.step(Kind::Quote, StrategyId::NONE, quote).outcome
    }

    /// Sends an order in X at a price in whole money; its id, or `None` where it was refused.
    pub(crate) fn order(&mut self, side: Side, lots: u64, at: i64) -> Option<Text> {
        self.order_with(side, lots, at, |_| {})
    }

    pub(crate) fn order_with(
        &mut self,
        side: Side,
        lots: u64,
        at: i64,
        change: impl FnOnce(&mut NewOrder),
    ) -> Option<Text> {
        self.id_count += 1;
        let id = Text::new(&format!("o{}", self.id_count)).unwrap();
        let mut order = NewOrder {
            price: price(at),
            qty: qty(lots),
            client_order_id: id,
            side: side as u8,
            order_type: OrderType::Limit as u8,
            time_in_force: TimeInForce::Day as u8,
            ..NewOrder::default()
        };
        change(&mut order);
        let decision = self.step(Kind::NewOrder, StrategyId(0), order);
        (decision.outcome == Outcome::Accepted).then_some(id)
    }

    pub(crate) fn cancel(&mut self, id: Text) {
        self.id_count += 1;
        let cancel = Cancel {
            client_order_id: Text::new(&format!("c{}", self.id_count)).unwrap(),
            original_id: id,
            ..Cancel::default()
        };
        self.step(Kind::Cancel, StrategyId(0), cancel);
    }

    pub(crate) fn replace(&mut self, id: Text, lots: u64, at: i64) {
        self.id_count += 1;
        let replace = Replace {
            price: price(at),
            qty: qty(lots),
            client_order_id: Text::new(&format!("r{}", self.id_count)).unwrap(),
            original_id: id,
            ..Replace::default()
        };
        self.step(Kind::Replace, StrategyId(0), replace);
    }

    /// The broker takes the next request in; it rejects an order where it is to.
    pub(crate) fn deliver_request(&mut self, rejects: bool) {
        let Some((kind, request)) = self.requests.pop_front() else {
            return;
        };
        let at = self
            .standing
            .iter()
            .position(|of| of.id == request.order_id);
        match (kind, at) {
            (Kind::BrokerNew, _) if rejects => {
                self.report(request.order_id, Exec::Rejected, |_| {})
            }
            (Kind::BrokerNew, _) => {
                self.standing.push(Standing {
                    id: request.order_id,
                    symbol: request.symbol,
                    side: Side::from_byte(request.side).unwrap(),
                    order_type: request.order_type,
                    price: request.price,
                    leaves: request.qty.raw() / LOT,
                    filled: 0,
                });
                self.report(request.order_id, Exec::New, |_| {});
            }
            (Kind::BrokerCancel, Some(at)) => {
                self.standing.remove(at);
                self.report(request.order_id, Exec::Canceled, |_| {});
            }
            (Kind::BrokerCancel, None) => {
                self.report(request.order_id, Exec::CancelRejected, |_| {});
            }
            (Kind::BrokerReplace, Some(at)) => {
                let of = &mut self.standing[at];
                let lots = request.qty.raw() / LOT;
                if of.filled < lots {
                    (of.leaves, of.price) = (lots - of.filled, request.price);
                    self.report(request.order_id, Exec::Replaced, |_| {});
                } else {
                    self.report(request.order_id, Exec::ReplaceRejected, |_| {});
                }
            }
            (Kind::BrokerReplace, None) => {
                self.report(request.order_id, Exec::ReplaceRejected, |_| {});
            }
            _ => {}
        }
    }

    /// The broker fills so much of an order at a price.
    pub(crate) fn fill(&mut self, id: OrderId, lots: u64, at: Price) {
        let place = self.standing.iter().position(|of| of.id == id).unwrap();
        let of = &mut self.standing[place];
        assert!(lots <= of.leaves);
        of.leaves -= lots;
        of.filled += lots;
        let change = match of.side {
            Side::Buy => lots as i64,
            Side::Sell => -(lots as i64),
        };
        self.positions[of.symbol.0 as usize] += change;
        if of.leaves == 0 {
            self.standing.remove(place);
        }
        self.report(id, Exec::Trade, |report| {
            (report.qty, report.price) = (qty(lots), at);
        });
    }

    /// What is left of an order is over at the broker.
    pub(crate) fn drop_rest(&mut self, id: OrderId) {
        self.standing.retain(|of| of.id != id);
        self.report(id, Exec::Canceled, |_| {});
    }

    fn report(&mut self, order_id: OrderId, exec: Exec, change: impl FnOnce(&mut Report)) {
        self.exec_count += 1;
        let mut report = Report {
            order_id,
            broker: BrokerId(0),
            exec_id: Text::new(&format!("e{}", self.exec_count)).unwrap(),
            exec: exec as u8,
            ..Report::default()
        };
        change(&mut report);
        self.reports.push_back(report);
    }

    /// The gate hears the next report.
    pub(crate) fn deliver_report(&mut self) {
        if let Some(report) = self.reports.pop_front() {
            self.step(Kind::Report, StrategyId::NONE, report);
        }
    }

    /// Everything that is under way arrives; market orders fill at a price, the rest stands.
    pub(crate) fn settle(&mut self, at: Price) {
        loop {
            let market = self.standing.iter();
            let market = market
                .filter(|of| of.order_type == OrderType::Market as u8)
                .map(|of| (of.id, of.leaves))
                .next();
            if let Some((id, leaves)) = market {
                self.fill(id, leaves, at);
            } else if !self.requests.is_empty() {
                self.deliver_request(false);
            } else if !self.reports.is_empty() {
                self.deliver_report();
            } else if self.is_due() {
                self.tick();
            } else {
                return;
            }
        }
    }

    pub(crate) fn is_due(&self) -> bool {
        self.core.next_deadline() <= Nanos::from_raw(self.now)
    }

    pub(crate) fn tick(&mut self) {
        self.step(Kind::Tick, StrategyId::NONE, Tick::default());
    }

    /// What is due now is done; then time goes on to the next deadline within an hour, if there is one.
    pub(crate) fn wait(&mut self) -> bool {
        while self.is_due() {
            self.tick();
        }
        let next = self.core.next_deadline().raw();
        let is_soon = next < self.now + 3_600_000_000_000;
        if is_soon {
            self.now = self.now.max(next);
            self.tick();
        }
        is_soon
    }

    /// A position of so many lots in X at 100.
    pub(crate) fn hold(&mut self, lots: i64) {
        let side = if lots < 0 { Side::Sell } else { Side::Buy };
        self.order(side, lots.unsigned_abs(), 100).unwrap();
        self.deliver_request(false);
        let id = self.standing.last().unwrap().id;
        self.fill(id, lots.unsigned_abs(), price(100));
        self.settle(price(100));
    }

    /// The live order of the exit under way in X.
    pub(crate) fn exit_order(&self) -> Option<OrderId> {
        let exit = self.core.exits().find(|exit| exit.symbol == SymbolId(0));
        exit.map(|exit| exit.order)
            .filter(|id| *id != OrderId::NONE)
    }
}
