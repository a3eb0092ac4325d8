//! Desk: a small firm without limits, and short words for what happens at it.

use crate::model::Model;
use crate::model::answer::{Answer, Gate, ToBroker, ToStrategy};
use crate::model::shrink::{Command, Match};
use portcullis::message::{
    Body, Cancel, Control, Exec, Frame, Header, Kind, Link, LinkState, NewOrder, OrderState,
    OrderType, Quote, Replace, Report, Scope, SessionChange, Settle, Side, Text, Tick, TimeInForce,
};
use portcullis::reject::RejectReason;
use portcullis::risk::decision::Outcome;
use portcullis::risk::setup::{Account, Broker, Capacity, Setup, Strategy, Symbol};
use portcullis::units::{AccountId, BrokerId, Nanos, Price, Qty, StrategyId, SymbolId};

pub(crate) use portcullis::message::Side::{Buy, Sell};
pub(crate) use portcullis::reject::RejectReason::*;

pub(crate) struct Desk {
    both: Match<'static, Model>,
    pub(crate) now: u64,
    next: u64,
    pub(crate) last: Answer,
}

/// Two of everything but one broker; all is allowed; an answer may take 1,000.
pub(crate) fn setup() -> Setup {
    let symbol = Symbol {
        enabled: true,
        tick: Price::from_raw(1),
        lot: Qty::from_raw(1),
        order_types: OrderType::ALL.to_vec(),
        times_in_force: TimeInForce::ALL.to_vec(),
        ..Symbol::default()
    };
    let strategy = Strategy {
        enabled: true,
        accounts: vec![AccountId(0), AccountId(1)],
        ..Strategy::default()
    };
    let account = Account {
        enabled: true,
        has_limits: true,
        ..Account::default()
    };
    Setup {
        capacity: Capacity {
            orders: 100,
            orders_closed: 10,
            client_order_ids: 100,
            positions: 100,
            duplicates_per_window: 100,
            lots: 0,
            parents: 8,
            parent_horizon: Nanos::ZERO,
            executions: 100,
            continuation_frames_max: 2,
            ..Capacity::default()
        },
        accounts: vec![account; 2],
        strategies: vec![strategy; 2],
        symbols: vec![symbol; 2],
        brokers: vec![Broker::default()],
        operators: vec![String::new(); 3],
        raise_persons: 2,
        raise_window: Nanos::from_raw(100),
        answer_timeout: Nanos::from_raw(1000),
        checkpoint_events: 1000,
        ..Setup::default()
    }
}

impl Desk {
    /// The link is up and it is half past nothing.
    pub(crate) fn new(change: impl FnOnce(&mut Setup)) -> Self {
        let mut setup = setup();
        change(&mut setup);
        let mut desk = Self {
            both: crate::pair(&setup),
            now: 1000,
            next: 0,
            last: Answer::of(Outcome::Applied),
        };
        desk.link(LinkState::Up);
        desk
    }

    pub(crate) fn play<B: Body>(&mut self, kind: Kind, strategy: u32, body: B) -> &Answer {
        self.play_frame(kind, strategy, 0, body, &[], None)
    }

    /// Plays it to every gate; their answers must agree.
    fn play_all<B: Body>(
        &mut self,
        kind: Kind,
        strategy: u32,
        flags: u16,
        body: B,
        continuations: &[Frame],
        about: Option<u64>,
    ) -> &Answer {
        self.next += 1;
        let header = Header {
            time: Nanos::from_raw(self.now),
            strategy: StrategyId(strategy),
            correlation: self.next,
            flags,
            continuation_count: continuations.len() as u8,
            ..Header::default()
        };
        let command = Command {
            frame: Frame::new(kind, header, body),
            continuations: continuations.to_vec(),
            about,
        };
        let played = self.both.play(&command);
        self.last = played.unwrap_or_else(|different| panic!("{different:#?}"));
        &self.last
    }

    /// The gates must also hold the same.
    pub(crate) fn play_frame<B: Body>(
        &mut self,
        kind: Kind,
        strategy: u32,
        flags: u16,
        body: B,
        continuations: &[Frame],
        about: Option<u64>,
    ) -> &Answer {
        self.play_all(kind, strategy, flags, body, continuations, about);
        let same = self.both.compare_views();
        same.unwrap_or_else(|different| panic!("{different:#?}"));
        &self.last
    }

    /// For many commands: what the gates hold is not looked at.
    pub(crate) fn play_unseen<B: Body>(&mut self, kind: Kind, strategy: u32, body: B) {
        self.play_all(kind, strategy, 0, body, &[], None);
    }

    /// An order of strategy 0 for account 0 in symbol 0, good till cancelled; its id is `o1` for
    /// the first command, and so on.
    pub(crate) fn order(&self, side: Side, qty: u64, price: i64) -> NewOrder {
        let is_market = price == 0;
        NewOrder {
            price: Price::from_raw(price),
            qty: Qty::from_raw(qty),
            client_order_id: id(self.next + 1),
            side: side as u8,
            order_type: if is_market {
                OrderType::Market
            } else {
                OrderType::Limit
            } as u8,
            time_in_force: TimeInForce::GoodTillCancel as u8,
            ..NewOrder::default()
        }
    }

    pub(crate) fn send(&mut self, order: NewOrder) -> &Answer {
        self.play(Kind::NewOrder, 0, order)
    }

    /// The order is accepted. Its name, for whatever is about it later.
    #[track_caller]
    pub(crate) fn passes(&mut self, side: Side, qty: u64, price: i64) -> u64 {
        let order = self.order(side, qty, price);
        self.passes_order(order)
    }

    #[track_caller]
    pub(crate) fn passes_order(&mut self, order: NewOrder) -> u64 {
        self.send(order);
        assert_eq!(self.last.failed, [], "must pass: {:?}", self.last);
        assert_eq!(self.last.outcome, Outcome::Accepted);
        self.next
    }

    #[track_caller]
    pub(crate) fn refuses(
        &mut self,
        (side, qty, price): (Side, u64, i64),
        reason: RejectReason,
        limit: i128,
        value: i128,
    ) {
        let order = self.order(side, qty, price);
        self.send(order);
        self.refused(reason, limit, value);
    }

    #[track_caller]
    pub(crate) fn refused(&self, reason: RejectReason, limit: i128, value: i128) {
        let last = &self.last;
        assert_eq!(last.outcome, Outcome::Refused, "{last:#?}");
        let told = (last.reason, last.limit, last.value);
        assert_eq!(told, (Some(reason), limit, value), "{:?}", last.failed);
        assert!(last.to_broker.is_empty());
        assert!(
            matches!(&last.to_strategy[..], [ToStrategy::Refusal(refusal)]
            if refusal.reason == Some(reason) && refusal.failed == last.failed)
        );
    }

    /// The order's own strategy cancels it.
    pub(crate) fn cancel(&mut self, name: u64) -> &Answer {
        let cancel = Cancel {
            client_order_id: id(self.next + 1),
            original_id: id(name),
            ..Cancel::default()
        };
        self.play(Kind::Cancel, 0, cancel)
    }

    pub(crate) fn replacement(&self, name: u64, qty: u64, price: i64) -> Replace {
        Replace {
            price: Price::from_raw(price),
            qty: Qty::from_raw(qty),
            client_order_id: id(self.next + 1),
            original_id: id(name),
            ..Replace::default()
        }
    }

    pub(crate) fn replace(&mut self, name: u64, qty: u64, price: i64) -> &Answer {
        let replace = self.replacement(name, qty, price);
        self.play(Kind::Replace, 0, replace)
    }

    pub(crate) fn report(
        &mut self,
        name: u64,
        exec: Exec,
        change: impl FnOnce(&mut Report),
    ) -> &Answer {
        let mut report = Report {
            exec: exec as u8,
            price: Price::from_raw(100),
            ..Report::default()
        };
        change(&mut report);
        self.play_frame(Kind::Report, u32::MAX, 0, report, &[], Some(name))
    }

    #[track_caller]
    pub(crate) fn reported(&mut self, name: u64, exec: Exec, outcome: Outcome, state: OrderState) {
        self.report(name, exec, |_| {});
        self.became(outcome, state);
    }

    #[track_caller]
    pub(crate) fn fills(&mut self, name: u64, qty: u64, outcome: Outcome, state: OrderState) {
        self.report(name, Exec::Trade, |report| report.qty = Qty::from_raw(qty));
        self.became(outcome, state);
    }

    /// What came of the last report, and the state that the strategy was told.
    #[track_caller]
    pub(crate) fn became(&self, outcome: Outcome, state: OrderState) {
        assert_eq!(self.last.outcome, outcome, "{:#?}", self.last);
        match &self.last.to_strategy[..] {
            [ToStrategy::Execution(told)] => assert_eq!(told.state, Some(state), "{told:#?}"),
            other => panic!("one execution expected: {other:#?}"),
        }
    }

    /// The last report changed nothing and nobody heard of it.
    #[track_caller]
    pub(crate) fn ignored(&self, outcome: Outcome) {
        assert_eq!(self.last.outcome, outcome, "{:#?}", self.last);
        assert!(self.last.to_strategy.is_empty() && self.last.to_broker.is_empty());
    }

    #[track_caller]
    pub(crate) fn quote(&mut self, bid: i64, ask: i64, outcome: Outcome) {
        self.quote_of(0, bid, ask);
        assert_eq!(self.last.outcome, outcome);
    }

    pub(crate) fn quote_of(&mut self, symbol: u32, bid: i64, ask: i64) {
        let quote = Quote {
            bid: Price::from_raw(bid),
            ask: Price::from_raw(ask),
            symbol: SymbolId(symbol),
            ..Quote::default()
        };
        self.play(Kind::Quote, u32::MAX, quote);
    }

    pub(crate) fn link(&mut self, state: LinkState) -> &Answer {
        let link = Link {
            broker: BrokerId(0),
            state: state as u8,
            ..Link::default()
        };
        self.play(Kind::Link, u32::MAX, link)
    }

    #[track_caller]
    pub(crate) fn kill(&mut self, scope: Scope, target: u32, operator: u32, outcome: Outcome) {
        self.control(Kind::Kill, scope, target, operator);
        assert_eq!(self.last.outcome, outcome);
    }

    #[track_caller]
    pub(crate) fn raise(&mut self, scope: Scope, target: u32, operator: u32, outcome: Outcome) {
        self.control(Kind::Raise, scope, target, operator);
        assert_eq!(self.last.outcome, outcome);
    }

    fn control(&mut self, kind: Kind, scope: Scope, target: u32, operator: u32) {
        let control = Control {
            target,
            operator,
            scope: scope as u8,
            ..Control::default()
        };
        self.play(kind, u32::MAX, control);
    }

    pub(crate) fn settle(&mut self, name: u64, operator: u32, filled: u64, leaves: u64) -> &Answer {
        let settle = Settle {
            filled: Qty::from_raw(filled),
            price: Price::from_raw(1),
            leaves: Qty::from_raw(leaves),
            operator,
            ..Settle::default()
        };
        self.play_frame(Kind::Settle, u32::MAX, 0, settle, &[], Some(name))
    }

    pub(crate) fn session_down(&mut self, strategy: u32) -> &Answer {
        let change = SessionChange {
            state: LinkState::Down as u8,
            cancel_orders: 1,
            ..SessionChange::default()
        };
        self.play(Kind::SessionChange, strategy, change)
    }

    pub(crate) fn tick(&mut self) -> &Answer {
        self.play(Kind::Tick, u32::MAX, Tick::default())
    }

    /// What went to brokers at the last command: kind and serial.
    pub(crate) fn sent(&self) -> Vec<(Kind, u64)> {
        requests(&self.last)
    }

    /// What the ticks sent that were due before the last command.
    pub(crate) fn sent_by_ticks(&self) -> Vec<(Kind, u64)> {
        requests(&self.both.ticked)
    }

    pub(crate) fn position(&self) -> i64 {
        self.both.model.views().accounts[&(0, 0)].position
    }

    /// What the firm has earned.
    pub(crate) fn profit(&self) -> i128 {
        self.both.model.views().levels[&(Scope::Firm as u8, 0)]
            .earned
            .profit
    }

    /// The name of the last command.
    pub(crate) const fn name(&self) -> u64 {
        self.next
    }

    /// What is reserved to buy and to sell in account 0 and symbol 0.
    pub(crate) fn reserved(&self) -> (u128, u128) {
        let views = self.both.model.views();
        let cell = &views.accounts[&(0, 0)];
        (cell.open_buy, cell.open_sell)
    }

    pub(crate) fn open_notional(&self) -> u128 {
        self.both.model.views().levels[&(Scope::Firm as u8, 0)].open_notional
    }
}

fn requests(answer: &Answer) -> Vec<(Kind, u64)> {
    let request = |sent: &ToBroker| match sent {
        ToBroker::Request(request) => {
            Some((Kind::from_byte(request.kind).unwrap(), request.serial))
        }
        ToBroker::Continuation(_) => None,
    };
    answer.to_broker.iter().filter_map(request).collect()
}

pub(crate) fn id(number: u64) -> Text {
    Text::new(&format!("o{number}")).unwrap()
}

pub(crate) fn qty(raw: u64) -> Option<Qty> {
    Some(Qty::from_raw(raw))
}

pub(crate) fn notional(raw: u128) -> Option<portcullis::units::Notional> {
    Some(portcullis::units::Notional::from_raw(raw))
}

pub(crate) fn nanos(raw: u64) -> Option<Nanos> {
    Some(Nanos::from_raw(raw))
}
