//! A gate, its journal and its reconciliation, which may end and begin again at any time.

use super::super::execution::Execution;
use super::super::judge::{Act, Halt, Terms, Verdict};
use super::super::ledger;
use super::super::reconciler::Reconciler;
use super::super::statement::Statement;
use super::super::worker;
use super::broker::OPENING;
use crate::events::derive::Seen;
use crate::follower::names::Names;
use crate::message::{
    Body, Frame, Header, Kind, Link, LinkState, NewOrder, OrderType, Scope, Side, Text, Tick,
    TimeInForce,
};
use crate::risk::core::Core;
use crate::risk::decision::{Decision, Effects, Outcome};
use crate::risk::setup::{
    Account, Broker, Capacity, Currency, RateSource, Setup, Strategy, Symbol,
};
use crate::units::{AccountId, BrokerId, Nanos, OrderId, Price, Qty, StrategyId, SymbolId};
use std::collections::BTreeMap;

pub(super) const ACCOUNTS: u32 = 2;
pub(super) const SYMBOLS: u32 = 3;
pub(super) const UNIT: u64 = 100_000_000;

/// The gate, as much of it as is needed.
pub(super) struct World {
    setup: Setup,
    names: Names,
    terms: Terms,
    has_drop_copy: bool,
    pub(super) core: Core,
    pub(super) reconciler: Reconciler,
    pub(super) now: Nanos,
    /// The journal.
    records: Vec<Frame>,
    /// What the gate has asked its broker.
    pub(super) requests: Vec<Frame>,
    orders: u64,
}

pub(super) fn terms(heal_qty_max: i128) -> Terms {
    Terms {
        interval: Nanos::from_secs(1),
        confirmations: 2,
        settle_time: Nanos::from_secs(5),
        drop_copy_delay: Nanos::from_secs(8),
        heal_qty_max: heal_qty_max * i128::from(UNIT),
        heal_value_max: 10_000 * 10i128.pow(17),
        cash_tolerance: 10i128.pow(15),
        halt: Halt::Account,
        retries: 3,
        retry_interval: Nanos::from_secs(2),
        statement_age_max: None,
        history: 4096,
    }
}

fn setup() -> Setup {
    let named = |prefix: &str, at: u32| format!("{prefix}{at}");
    let accounts = (0..ACCOUNTS).map(|at| Account {
        name: named("a", at),
        enabled: true,
        has_limits: true,
        ..Account::default()
    });
    let symbols = (0..SYMBOLS).map(|at| Symbol {
        name: named("s", at),
        enabled: true,
        tick: Price::from_raw(1),
        lot: Qty::from_raw(UNIT),
        order_types: vec![OrderType::Limit],
        times_in_force: vec![TimeInForce::Day],
        ..Symbol::default()
    });
    Setup {
        capacity: Capacity {
            orders: 2048,
            orders_closed: 256,
            client_order_ids: 4096,
            positions: 64,
            executions: 4096,
            lots: 64,
            ..Capacity::default()
        },
        accounts: accounts.collect(),
        strategies: vec![Strategy {
            name: "strategy".to_owned(),
            enabled: true,
            accounts: (0..ACCOUNTS).map(AccountId).collect(),
            ..Strategy::default()
        }],
        symbols: symbols.collect(),
        brokers: vec![Broker::default()],
        currencies: vec![Currency {
            name: "USD".to_owned(),
            rate: RateSource::Fixed(Price::default()),
        }],
        answer_timeout: Nanos::from_secs(3),
        ..Setup::default()
    }
}

impl World {
    pub(super) fn new(terms: Terms, has_drop_copy: bool) -> Self {
        let setup = setup();
        let mut world = Self {
            names: Names::new(&setup),
            core: Core::new(&setup),
            reconciler: reconciler(&terms, has_drop_copy, &setup),
            setup,
            terms,
            has_drop_copy,
            now: Nanos::from_secs(1_000_000),
            records: Vec::new(),
            requests: Vec::new(),
            orders: 0,
        };
        world.link(LinkState::Up);
        world
    }

    /// Ends and begins again: nothing is left but the journal, and files are read anew.
    pub(super) fn restart(&mut self, drop_copy: &[Execution], statement: Option<&Statement>) {
        let digest = self.core.digest();
        self.core = Core::new(&self.setup);
        self.reconciler = reconciler(&self.terms, self.has_drop_copy, &self.setup);
        for frame in std::mem::take(&mut self.records) {
            self.step(frame);
        }
        assert_eq!(self.core.digest(), digest);
        // What was asked was asked before.
        self.requests.clear();
        drop_copy.iter().for_each(|line| self.reconciler.told(line));
        statement.map(|statement| self.reconciler.state(statement));
    }

    fn step(&mut self, frame: Frame) -> Decision {
        let mut effects = Effects::default();
        let decision = self.core.step(&frame, &[], &mut effects);
        self.records.push(frame);
        self.reconciler.note(&Seen {
            sequence: self.records.len() as u64,
            head: &frame,
            continuations: &[],
            decision: &decision,
            told: &effects.to_strategy,
            core: &self.core,
            setup: &self.setup,
            names: &self.names,
        });
        let requests = effects.to_broker.iter().map(|approved| *approved.frame());
        self.requests.extend(requests);
        decision
    }

    fn header(&self) -> Header {
        Header {
            time: self.now,
            strategy: StrategyId::NONE,
            ..Header::default()
        }
    }

    fn event<B: Body>(&mut self, kind: Kind, body: B) -> Decision {
        self.step(Frame::new(kind, self.header(), body))
    }

    pub(super) fn take(&mut self, mut frame: Frame) -> Decision {
        frame.header.time = self.now;
        self.step(frame)
    }

    pub(super) fn link(&mut self, state: LinkState) {
        let link = Link {
            broker: BrokerId(0),
            state: state as u8,
            ..Link::default()
        };
        self.event(Kind::Link, link);
    }

    /// Time goes on.
    pub(super) fn advance(&mut self, span: Nanos) {
        self.now = self.now.after(span);
        while self.core.next_deadline() <= self.now {
            self.event(Kind::Tick, Tick::default());
        }
    }

    /// A new order; `None` where it was refused.
    pub(super) fn order(
        &mut self,
        (account, symbol): (u32, u32),
        side: Side,
        qty: u64,
        price: i64,
    ) -> Option<OrderId> {
        self.orders += 1;
        let order = NewOrder {
            price: Price::from_raw(price),
            qty: Qty::from_raw(qty * UNIT),
            account: AccountId(account),
            symbol: SymbolId(symbol),
            client_order_id: Text::new(&format!("o{}", self.orders)).unwrap(),
            side: side as u8,
            order_type: OrderType::Limit as u8,
            time_in_force: TimeInForce::Day as u8,
            ..NewOrder::default()
        };
        let header = Header {
            time: self.now,
            ..Header::default()
        };
        let decision = self.step(Frame::new(Kind::NewOrder, header, order));
        (decision.outcome == Outcome::Accepted).then_some(decision.order_id)
    }

    /// One look, and what follows from it.
    pub(super) fn look(&mut self) -> Verdict {
        let verdict = self.reconciler.look(&self.core, self.now);
        for act in &verdict.acts {
            self.act(act);
        }
        verdict
    }

    pub(super) fn act(&mut self, act: &Act) {
        let frame = worker::frame(act, self.now);
        let decision = self.step(frame);
        assert_eq!(decision.outcome, Outcome::Applied, "{act:?}");
    }

    pub(super) fn is_killed(&self, account: u32) -> bool {
        let of = |scope, target| self.core.level(scope, target).unwrap().is_killed;
        of(Scope::Account, account) || of(Scope::Firm, u32::MAX)
    }

    pub(super) fn position(&self, account: u32, symbol: u32) -> i128 {
        let mut cells = self.core.account_positions();
        let cell = cells.find(|cell| (cell.owner, cell.symbol) == (account, symbol));
        cell.map_or(0, |cell| i128::from(cell.position.raw()))
    }

    /// What an account has paid and received, in 1e-17.
    pub(super) fn cash(&self, account: u32) -> i128 {
        let of = |symbol| ledger::paid(&self.core, (AccountId(account), SymbolId(symbol))).cash();
        (0..SYMBOLS).map(of).sum()
    }
}

fn reconciler(terms: &Terms, has_drop_copy: bool, setup: &Setup) -> Reconciler {
    let opening: BTreeMap<_, _> = (0..ACCOUNTS)
        .map(|account| ((AccountId(account), 0), OPENING))
        .collect();
    let mut reconciler = Reconciler::new(terms.clone(), has_drop_copy, opening);
    reconciler.open(setup);
    reconciler
}
