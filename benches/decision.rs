//! The decision: what one order costs, accepted and refused, with every control armed; and a kill.
//!
//! Timed: `Core::step` on a new order, in batches of 1,000 with one clock reading each. Not timed:
//! building the frames, and the report that ends each accepted order.
//!
//! Of a kill with 10,000 live orders: all of it, until the last cancel is handed to the broker's stage.
//!
//! With `growth` behind `--` instead: tables of what each kind of event costs as work grows. With
//! `controls`: a table of what each control costs.

#[path = "decision/controls.rs"]
mod controls;
#[path = "decision/growth.rs"]
mod growth;

use criterion::Criterion;
use portcullis::message::{
    Control, Exec, Frame, Header, Kind, NewOrder, Quote, Report, Scope, Text, Tick,
};
use portcullis::risk::core::Core;
use portcullis::risk::decision::{Effects, Outcome};
use portcullis::risk::setup::{Account, Broker, Capacity, Limits, Rate, Setup, Strategy, Symbol};
use portcullis::sys::memory;
use portcullis::units::{
    AccountId, Money, Nanos, Notional, OrderId, Price, Qty, StrategyId, SymbolId,
};
use std::hint::black_box;
use std::time::{Duration, Instant};

const BATCH: usize = 1_000;
const KILLED_BATCHES: usize = 10;

/// Every control of every level, wide enough that the flow passes.
fn limits() -> Limits {
    Limits {
        order_qty_max: Qty::parse("1000").ok(),
        order_notional_max: Notional::parse("1000000").ok(),
        price_collar: Some(10_000_000),
        reference_age_max: Some(Nanos::from_secs(3600)),
        order_rate: vec![Rate {
            count: 100_000,
            window: Nanos::from_millis(1),
        }],
        duplicate_window: Some(Nanos::from_raw(1_000)),
        open_orders_max: Some(2_000_000),
        open_notional_max: Notional::parse("1000000000000").ok(),
        position_qty_max: Qty::parse("1000000000").ok(),
        position_value_max: Notional::parse("1000000000000").ok(),
        gross_exposure_max: Notional::parse("1000000000000").ok(),
        ..Limits::default()
    }
}

/// Every control once, by the account; or at each of the four levels.
fn setup(at_all_levels: bool) -> Setup {
    let elsewhere = || {
        if at_all_levels {
            limits()
        } else {
            Limits::default()
        }
    };
    Setup {
        capacity: Capacity {
            orders: 1 << 14,
            orders_closed: 4096,
            client_order_ids: 1 << 16,
            client_order_id_horizon: Nanos::ZERO,
            positions: 8192,
            duplicates_per_window: 4096,
            lots: 0,
            parents: 64,
            parent_horizon: Nanos::ZERO,
            executions: 1 << 18,
            continuation_frames_max: 4,
        },
        hash_seed: 1,
        firm: elsewhere(),
        accounts: vec![Account {
            name: "A".into(),
            enabled: true,
            has_limits: true,
            limits: limits(),
            ..Account::default()
        }],
        strategies: vec![Strategy {
            name: "S".into(),
            enabled: true,
            limits: elsewhere(),
            accounts: vec![AccountId(0)],
            acknowledge: false,
            ..Strategy::default()
        }],
        symbols: vec![Symbol {
            name: "X".into(),
            enabled: true,
            limits: elsewhere(),
            tick: Price::parse("0.01").unwrap(),
            lot: Qty::parse("1").unwrap(),
            price_min: Price::parse("0.01").ok(),
            price_max: Price::parse("100000").ok(),
            qty_min: Qty::parse("1").ok(),
            qty_max: Qty::parse("100000").ok(),
            order_types: portcullis::message::OrderType::ALL.to_vec(),
            times_in_force: portcullis::message::TimeInForce::ALL.to_vec(),
            ..Symbol::default()
        }],
        brokers: vec![Broker {
            name: "sim".into(),
            ..Broker::default()
        }],
        answer_timeout: Nanos::from_secs(5),
        ..Setup::default()
    }
}

struct Bench {
    core: Core,
    effects: Effects,
    now: u64,
    serial: u64,
}

impl Bench {
    fn new(at_all_levels: bool) -> Self {
        Self::of(&setup(at_all_levels))
    }

    fn of(setup: &Setup) -> Self {
        let core = Core::new(setup);
        core.tables(memory::claim);
        let mut bench = Self {
            core,
            effects: Effects::default(),
            now: 1_700_000_000_000_000_000,
            serial: 0,
        };
        let quote = Quote {
            bid: Price::parse("199.99").unwrap(),
            ask: Price::parse("200.01").unwrap(),
            symbol: SymbolId(0),
            ..Quote::default()
        };
        let frame = Frame::new(Kind::Quote, bench.header(), quote);
        bench.core.step(&frame, &[], &mut bench.effects);
        bench
    }

    fn header(&mut self) -> Header {
        self.now += 100;
        Header {
            time: Nanos::from_raw(self.now),
            strategy: StrategyId(0),
            ..Header::default()
        }
    }

    fn orders(&mut self, qty: u64) -> Vec<Frame> {
        (0..BATCH)
            .map(|_| {
                self.serial += 1;
                let order = NewOrder {
                    price: Price::from_raw(
                        200_000_000_000 + (self.serial % 400) as i64 * 10_000_000,
                    ),
                    qty: Qty::from_raw(qty + self.serial % 50 * 100_000_000),
                    client_order_id: Text::new(&format!("order-{}", self.serial)).unwrap(),
                    side: 1 + (self.serial % 2) as u8,
                    order_type: 2,
                    time_in_force: 1,
                    ..NewOrder::default()
                };
                Frame::new(Kind::NewOrder, self.header(), order)
            })
            .collect()
    }

    fn run(&mut self, qty: u64, expected: Outcome) -> Duration {
        let orders = self.orders(qty);
        self.decide(&orders, expected)
    }

    /// Decides a batch and returns what it took; everything accepted is ended afterwards.
    fn decide(&mut self, orders: &[Frame], expected: Outcome) -> Duration {
        let mut ids = Vec::with_capacity(BATCH);
        let start = Instant::now();
        for order in orders {
            self.effects.clear();
            let decision = self.core.step(black_box(order), &[], &mut self.effects);
            assert!(decision.outcome == expected, "{decision:?}");
            ids.push(decision.order_id);
        }
        let elapsed = start.elapsed();
        for id in ids.into_iter().filter(|id| *id != OrderId::NONE) {
            let report = Report {
                order_id: id,
                qty: Qty::ZERO,
                fee: Money::from_raw(0),
                exec: Exec::Canceled as u8,
                ..Report::default()
            };
            let frame = Frame::new(Kind::Report, self.header(), report);
            self.effects.clear();
            self.core.step(&frame, &[], &mut self.effects);
        }
        elapsed
    }
}

impl Bench {
    /// Kills the firm, and returns what it took until every live order had its cancel.
    fn kill(&mut self) -> Duration {
        for _ in 0..KILLED_BATCHES {
            for order in self.orders(100_000_000) {
                self.effects.clear();
                let decision = self.core.step(&order, &[], &mut self.effects);
                assert!(decision.outcome == Outcome::Accepted, "{decision:?}");
            }
        }
        let kill = Control {
            target: u32::MAX,
            operator: u32::MAX,
            scope: Scope::Firm as u8,
            ..Control::default()
        };
        let kill = Frame::new(Kind::Kill, self.header(), kill);
        let tick = Frame::new(Kind::Tick, self.header(), Tick::default());
        let mut count = 0;
        let start = Instant::now();
        self.core.step(&kill, &[], &mut self.effects);
        while self.core.next_deadline() == Nanos::ZERO {
            self.effects.clear();
            self.core.step(&tick, &[], &mut self.effects);
            count += black_box(&self.effects).to_broker.len();
        }
        let elapsed = start.elapsed();
        assert_eq!(count, KILLED_BATCHES * BATCH);
        elapsed
    }
}

fn kill(criterion: &mut Criterion) {
    criterion.bench_function("kill/10000 live orders", |bencher| {
        bencher.iter_custom(|iterations| (0..iterations).map(|_| Bench::new(false).kill()).sum());
    });
}

fn decision(criterion: &mut Criterion) {
    let cases = [
        ("accepted", 100_000_000, Outcome::Accepted, false),
        ("refused", 100_000_000_000_000, Outcome::Refused, false),
        ("accepted/four levels", 100_000_000, Outcome::Accepted, true),
        (
            "refused/four levels",
            100_000_000_000_000,
            Outcome::Refused,
            true,
        ),
    ];
    for (name, qty, expected, at_all_levels) in cases {
        let mut bench = Bench::new(at_all_levels);
        criterion.bench_function(&format!("decision/{name}"), |bencher| {
            bencher.iter_custom(|iterations| {
                let batches = iterations.div_ceil(BATCH as u64);
                let total: Duration = (0..batches).map(|_| bench.run(qty, expected)).sum();
                total.mul_f64(iterations as f64 / (batches * BATCH as u64) as f64)
            });
        });
        println!("digest {name}: {:016x}", bench.core.digest());
    }
}

fn main() {
    let is = |word: &str| std::env::args().any(|argument| argument == word);
    // Without `--bench` this runs as a test: small, and for the checks alone.
    let is_bench = is("--bench");
    if is("growth") || !is_bench {
        growth::run(is_bench);
    }
    if is("controls") || !is_bench {
        controls::run(is_bench);
    }
    if !is("growth") && !is("controls") {
        let mut criterion = Criterion::default().configure_from_args();
        decision(&mut criterion);
        kill(&mut criterion);
        criterion.final_summary();
    }
}
