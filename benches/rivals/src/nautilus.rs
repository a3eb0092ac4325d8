//! Nautilus: the risk engine of NautilusTrader, driven as its own tests drive it.
//!
//! Timed: `RiskEngine::execute` with a `SubmitOrder` that is moved in, up to the end of the
//! endpoint that receives the command (accepted) or the `OrderDenied` event (refused) and drops it.
//! Not timed: building the order and the command, putting the order into the cache as a strategy
//! does before it submits, and the order's events up to its fill or denial. Orders of one batch
//! are decided before any of them is open at the venue.
//!
//! The set-up is kind to the engine: called directly rather than over the message bus, a clock
//! that costs nothing to read, no logger, no position, one event in the account's history. The
//! engine looks through the open orders of the symbol at each decision, so one contestant has some.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use nautilus_common::cache::Cache;
use nautilus_common::clock::TestClock;
use nautilus_common::messages::execution::{SubmitOrder, TradingCommand};
use nautilus_common::msgbus::{self, MessagingSwitchboard, TypedIntoHandler};
use nautilus_common::throttler::RateLimit;
use nautilus_core::{UUID4, UnixNanos};
use nautilus_model::accounts::{AccountAny, CashAccount};
use nautilus_model::data::QuoteTick;
use nautilus_model::enums::{
    AccountType, LiquiditySide, OrderSide, OrderType, TimeInForce, TradingState,
};
use nautilus_model::events::{
    AccountState, OrderAccepted, OrderDenied, OrderEventAny, OrderFilled, OrderSubmitted,
};
use nautilus_model::identifiers::{
    AccountId, ClientId, ClientOrderId, InstrumentId, StrategyId, Symbol, TradeId, TraderId,
    VenueOrderId,
};
use nautilus_model::instruments::{Equity, InstrumentAny};
use nautilus_model::orders::{LimitOrder, Order as _, OrderAny};
use nautilus_model::types::{AccountBalance, Currency, Money, Price, Quantity};
use nautilus_portfolio::Portfolio;
use nautilus_risk::engine::RiskEngine;
use nautilus_risk::engine::config::RiskEngineConfig;
use rust_decimal::Decimal;

use crate::contest::{Contestant, Verdict};
use crate::flow::{MONEY_USD, NOTIONAL_MAX_USD, Order, QTY_MAX, REFERENCE_PRICE_CENTS, Side};

/// What came out of the engine for the order that was last put in.
#[derive(Clone, Copy, Debug, Default)]
enum Answer {
    #[default]
    Nothing,
    Sent,
    Denied(OrderDenied),
}

/// The two endpoints behind the engine, shared by all engines of this thread: the message bus is a
/// global of the thread.
#[derive(Clone)]
pub struct Outbox(Rc<Cell<Answer>>);

impl Outbox {
    pub fn register() -> Self {
        let outbox = Rc::new(Cell::new(Answer::Nothing));
        let sent = Rc::clone(&outbox);
        msgbus::register_trading_command_endpoint(
            MessagingSwitchboard::exec_engine_queue_execute(),
            TypedIntoHandler::from(move |_: TradingCommand| sent.set(Answer::Sent)),
        );
        let denied = Rc::clone(&outbox);
        msgbus::register_order_event_endpoint(
            MessagingSwitchboard::exec_engine_process(),
            TypedIntoHandler::from(move |event: OrderEventAny| {
                if let OrderEventAny::Denied(event) = event {
                    denied.set(Answer::Denied(event));
                }
            }),
        );
        Self(outbox)
    }
}

pub struct Nautilus {
    engine: RiskEngine,
    cache: Rc<RefCell<Cache>>,
    clock: Rc<RefCell<TestClock>>,
    outbox: Outbox,
    open_orders: bool,
    now_nanos: u64,
    batch: Vec<Order>,
    commands: Vec<SubmitOrder>,
    answers: Vec<Answer>,
}

impl Nautilus {
    pub fn new(outbox: &Outbox, orders_per_milli_max: usize) -> Self {
        let mut cache = Cache::default();
        cache.add_instrument(instrument()).expect("no database");
        cache
            .add_account(AccountAny::Cash(CashAccount::new(money(), true, false)))
            .expect("no database");
        let quote = QuoteTick::new(
            instrument_id(),
            price(REFERENCE_PRICE_CENTS - 1),
            price(REFERENCE_PRICE_CENTS + 1),
            quantity(100),
            quantity(100),
            UnixNanos::default(),
            UnixNanos::default(),
        );
        cache.add_quote(quote).expect("no database");

        let cache = Rc::new(RefCell::new(cache));
        let clock = Rc::new(RefCell::new(TestClock::new()));
        let portfolio = Portfolio::new(cache.clone(), clock.clone(), None);
        let rate = RateLimit::new(orders_per_milli_max, NANOS_PER_BATCH);
        let mut engine = RiskEngine::new(
            RiskEngineConfig {
                bypass: false,
                max_order_submit: rate.clone(),
                max_order_modify: rate,
                max_notional_per_order: Default::default(),
                debug: false,
            },
            portfolio,
            clock.clone(),
            cache.clone(),
        );
        engine.set_max_notional_per_order(instrument_id(), Decimal::from(NOTIONAL_MAX_USD));
        Self {
            engine,
            cache,
            clock,
            outbox: outbox.clone(),
            open_orders: false,
            now_nanos: NANOS_PER_BATCH,
            batch: Vec::new(),
            commands: Vec::new(),
            answers: Vec::new(),
        }
    }

    /// With orders that rest at the venue, half of them sells.
    pub fn with_100_open_orders(outbox: &Outbox, orders_per_milli_max: usize) -> Self {
        let mut nautilus = Self::new(outbox, orders_per_milli_max);
        for number in 0..100 {
            let order = limit_order(&Order {
                client_order_id: u64::MAX - number,
                side: if number % 2 == 0 {
                    Side::Buy
                } else {
                    Side::Sell
                },
                qty: 1,
                price_cents: REFERENCE_PRICE_CENTS,
            });
            let mut cache = nautilus.cache.borrow_mut();
            cache
                .add_order(order.clone(), None, Some(client_id()), false)
                .expect("the id is new");
            for event in [submitted(&order), accepted(&order)] {
                cache.update_order(&event).expect("events in their order");
            }
        }
        nautilus.open_orders = true;
        nautilus
    }

    fn ask(&mut self, order: Order) -> Verdict {
        let mut verdicts = Vec::new();
        self.prepare(&[order]);
        self.decide();
        self.settle(&mut verdicts);
        verdicts[0]
    }
}

impl Contestant for Nautilus {
    fn name(&self) -> &'static str {
        if self.open_orders {
            "nautilus-risk, 100 open orders"
        } else {
            "nautilus-risk"
        }
    }

    fn prepare(&mut self, orders: &[Order]) {
        self.now_nanos += NANOS_PER_BATCH;
        self.clock
            .borrow_mut()
            .advance_time(self.now_nanos.into(), true);
        self.batch.clear();
        self.batch.extend_from_slice(orders);
        self.answers.clear();
        self.answers.reserve(orders.len());
        for order in orders {
            let order = limit_order(order);
            self.commands.push(SubmitOrder::from_order(
                &order,
                trader_id(),
                Some(client_id()),
                None,
                UUID4::new(),
                self.now_nanos.into(),
            ));
            self.cache
                .borrow_mut()
                .add_order(order, None, Some(client_id()), false)
                .expect("the last order with this id was purged");
        }
    }

    fn decide(&mut self) {
        for command in self.commands.drain(..) {
            self.engine.execute(TradingCommand::SubmitOrder(command));
            self.answers.push(self.outbox.0.take());
        }
    }

    fn settle(&mut self, verdicts: &mut Vec<Verdict>) {
        let mut cache = self.cache.borrow_mut();
        for (order, answer) in self.batch.iter().zip(&self.answers) {
            verdicts.push(verdict(answer));
            let id = client_order_id(order.client_order_id);
            let order = cache.order_owned(&id).expect("added before it was decided");
            let events = match answer {
                Answer::Sent => vec![submitted(&order), accepted(&order), filled(&order)],
                Answer::Denied(event) => vec![OrderEventAny::Denied(*event)],
                Answer::Nothing => Vec::new(),
            };
            for event in &events {
                cache.update_order(event).expect("events in their order");
            }
            cache.purge_order(id);
            assert!(!cache.order_exists(&id), "{id} was not purged");
        }
    }
}

/// Every control refuses what it is there to refuse.
///
/// # Panics
///
/// If one of them does not.
pub fn verify(outbox: &Outbox) {
    let fine = Order {
        client_order_id: 1,
        side: Side::Buy,
        qty: 10,
        price_cents: 20_000,
    };
    let mut nautilus = Nautilus::new(outbox, 100);
    assert_eq!(nautilus.ask(fine), Verdict::Accepted);
    let exactly = Order { qty: 500, ..fine };
    assert_eq!(nautilus.ask(exactly), Verdict::Accepted);
    let dear = Order { qty: 501, ..fine };
    assert_eq!(nautilus.ask(dear), Verdict::NotionalAboveMax);
    let cheap = Order {
        qty: QTY_MAX + 1,
        price_cents: 1,
        ..fine
    };
    assert_eq!(nautilus.ask(cheap), Verdict::QtyAboveMax);
    nautilus.engine.set_trading_state(TradingState::Halted);
    assert_eq!(nautilus.ask(fine), Verdict::Halted);

    let mut nautilus = Nautilus::new(outbox, 2);
    let three: Vec<Order> = (1..=3)
        .map(|client_order_id| Order {
            client_order_id,
            ..fine
        })
        .collect();
    let mut verdicts = Vec::new();
    nautilus.prepare(&three);
    nautilus.decide();
    nautilus.settle(&mut verdicts);
    assert_eq!(
        verdicts,
        [Verdict::Accepted, Verdict::Accepted, Verdict::RateAboveMax]
    );
}

fn verdict(answer: &Answer) -> Verdict {
    let Answer::Denied(event) = answer else {
        return match answer {
            Answer::Sent => Verdict::Accepted,
            _ => Verdict::Other,
        };
    };
    let reason = event.reason.as_str();
    if reason.starts_with("NOTIONAL_EXCEEDS_MAX_PER_ORDER") {
        Verdict::NotionalAboveMax
    } else if reason.contains("maximum trade size") {
        Verdict::QtyAboveMax
    } else if reason == "REJECTED BY THROTTLER" {
        Verdict::RateAboveMax
    } else if reason.contains("HALTED") {
        Verdict::Halted
    } else {
        Verdict::Other
    }
}

fn limit_order(order: &Order) -> OrderAny {
    OrderAny::Limit(LimitOrder::new(
        trader_id(),
        strategy_id(),
        instrument_id(),
        client_order_id(order.client_order_id),
        match order.side {
            Side::Buy => OrderSide::Buy,
            Side::Sell => OrderSide::Sell,
        },
        quantity(order.qty),
        price(order.price_cents),
        TimeInForce::Day,
        None,
        false,
        false,
        false,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        UUID4::new(),
        UnixNanos::default(),
    ))
}

fn submitted(order: &OrderAny) -> OrderEventAny {
    OrderEventAny::Submitted(OrderSubmitted::new(
        order.trader_id(),
        order.strategy_id(),
        order.instrument_id(),
        order.client_order_id(),
        account_id(),
        UUID4::new(),
        UnixNanos::default(),
        UnixNanos::default(),
    ))
}

fn accepted(order: &OrderAny) -> OrderEventAny {
    OrderEventAny::Accepted(OrderAccepted::new(
        order.trader_id(),
        order.strategy_id(),
        order.instrument_id(),
        order.client_order_id(),
        VenueOrderId::from(order.client_order_id().as_str()),
        account_id(),
        UUID4::new(),
        UnixNanos::default(),
        UnixNanos::default(),
        false,
    ))
}

fn filled(order: &OrderAny) -> OrderEventAny {
    OrderEventAny::Filled(OrderFilled::new(
        order.trader_id(),
        order.strategy_id(),
        order.instrument_id(),
        order.client_order_id(),
        VenueOrderId::from(order.client_order_id().as_str()),
        account_id(),
        TradeId::from(order.client_order_id().as_str()),
        order.order_side(),
        OrderType::Limit,
        order.quantity(),
        order.price().expect("a limit order"),
        Currency::USD(),
        LiquiditySide::Taker,
        UUID4::new(),
        UnixNanos::default(),
        UnixNanos::default(),
        false,
        None,
        None,
    ))
}

fn instrument() -> InstrumentAny {
    InstrumentAny::Equity(Equity::new(
        instrument_id(),
        Symbol::from("AAPL"),
        None,
        Currency::USD(),
        2,
        Price::from("0.01"),
        None,
        Some(quantity(QTY_MAX)),
        Some(quantity(1)),
        None,
        None,
        None,
        None,
        None,
        None,
        None,
        UnixNanos::default(),
        UnixNanos::default(),
    ))
}

fn money() -> AccountState {
    let usd = |amount: u64| {
        Money::from_decimal(Decimal::from(amount), Currency::USD()).expect("fits the fixed point")
    };
    AccountState::new(
        account_id(),
        AccountType::Cash,
        vec![AccountBalance::new(usd(MONEY_USD), usd(0), usd(MONEY_USD))],
        Vec::new(),
        true,
        UUID4::new(),
        UnixNanos::default(),
        UnixNanos::default(),
        Some(Currency::USD()),
    )
}

fn client_order_id(number: u64) -> ClientOrderId {
    ClientOrderId::new(format!("O-20260101-000000-001-001-{number}"))
}

fn instrument_id() -> InstrumentId {
    InstrumentId::from("AAPL.XNAS")
}

fn account_id() -> AccountId {
    AccountId::from("XNAS-001")
}

fn trader_id() -> TraderId {
    TraderId::from("TRADER-001")
}

fn strategy_id() -> StrategyId {
    StrategyId::from("EMACross-001")
}

fn client_id() -> ClientId {
    ClientId::from("XNAS")
}

fn quantity(qty: u64) -> Quantity {
    Quantity::from_decimal(Decimal::from(qty)).expect("fits the fixed point")
}

fn price(cents: u64) -> Price {
    Price::from_decimal(Decimal::new(cents as i64, 2)).expect("fits the fixed point")
}

/// How far the clock moves between two batches: the interval of the rate limit.
const NANOS_PER_BATCH: u64 = 1_000_000;
