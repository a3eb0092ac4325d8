//! Tail: what limits on value at risk and expected shortfall cost an order, by the number of scenarios.
//!
//! Timed: `Core::step` on new orders in batches of 1,000 with one clock reading each, of a core without
//! and of one with the limit, in turn; the difference of their medians is the limit's. Not timed: building
//! the frames, and the reports that end the orders. **Headroom**: the limit is far away, so that one
//! comparison decides. **Swept**: the limit lies so near that every order is looked at in all scenarios:
//! the account is long of X up to its limit,
//! and buys Y, which falls when X rises; **in turn**, Y and Z, so that each order also brings in what the
//! one before it has changed. The **floor** is what a bare loop takes for
//! the same memory: it reads a loss and a return of each scenario, writes the loss back, and counts.
//!
//! First the answers are checked: a batch under both passes whole, and one beyond the limit is refused.

use portcullis::message::{
    Exec, Frame, Header, Kind, NewOrder, OrderType, Quote, Report, Side, Text, TimeInForce,
};
use portcullis::risk::core::Core;
use portcullis::risk::decision::{Effects, Outcome};
use portcullis::risk::setup::{
    Account, Broker, Capacity, Limits, Returns, Setup, Strategy, Symbol, TailTerms,
};
use portcullis::units::{AccountId, Nanos, Notional, OrderId, Price, Qty, StrategyId, SymbolId};
use std::hint::black_box;
use std::time::Instant;

const BATCH: usize = 1_000;
const ROUNDS: usize = 60;
const SCENARIOS: [u32; 4] = [256, 512, 1_024, 4_096];

/// What is limited.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Case {
    Nothing,
    Headroom,
    SweptValueAtRisk,
    SweptShortfall,
    SweptBoth,
    SweptInTurn,
}

/// One of the currency.
const NEAR: u128 = 10u128.pow(Notional::DIGITS);
const FAR: &str = "1000000000000";
/// What is held of X, which makes the loss.
const HELD: &str = "1000000";

fn limits(case: Case, held: [i128; 2]) -> Limits {
    // So near that an order could go beyond: as much away as one of them may add.
    let near = |held: i128| Some(Notional::from_raw(held.unsigned_abs() + NEAR));
    let far = Notional::parse(FAR).ok();
    let (value_at_risk_max, expected_shortfall_max) = match case {
        Case::Nothing => (None, None),
        Case::Headroom => (far, far),
        Case::SweptValueAtRisk | Case::SweptInTurn => (near(held[0]), None),
        Case::SweptShortfall => (None, near(held[1])),
        Case::SweptBoth => (near(held[0]), near(held[1])),
    };
    Limits {
        // So that a price is looked at in any case.
        gross_exposure_max: far,
        value_at_risk_max,
        expected_shortfall_max,
        ..Limits::default()
    }
}

fn setup(scenarios: u32, limits: Limits) -> Setup {
    let mut state = 88_172_645_463_325_252u64;
    let mut returns = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % 60_001) as i32 - 30_000
    };
    let symbol = |name: &str| Symbol {
        name: name.into(),
        enabled: true,
        tick: Price::parse("0.01").unwrap(),
        lot: Qty::parse("1").unwrap(),
        order_types: OrderType::ALL.to_vec(),
        times_in_force: TimeInForce::ALL.to_vec(),
        ..Symbol::default()
    };
    Setup {
        capacity: Capacity {
            lots: 0,
            orders: 1 << 14,
            orders_closed: 4_096,
            client_order_ids: 1 << 16,
            client_order_id_horizon: Nanos::ZERO,
            positions: 1_024,
            duplicates_per_window: 64,
            parents: 64,
            parent_horizon: Nanos::ZERO,
            executions: 1 << 16,
            continuation_frames_max: 4,
        },
        hash_seed: 1,
        accounts: vec![Account {
            name: "A".into(),
            enabled: true,
            has_limits: true,
            limits,
            ..Account::default()
        }],
        strategies: vec![Strategy {
            name: "S".into(),
            enabled: true,
            accounts: vec![AccountId(0)],
            ..Strategy::default()
        }],
        symbols: vec![symbol("X"), symbol("Y"), symbol("Z")],
        brokers: vec![Broker {
            name: "sim".into(),
            ..Broker::default()
        }],
        answer_timeout: Nanos::from_secs(5),
        tail: TailTerms {
            history_count: scenarios,
            value_at_risk_share: 990_000,
            expected_shortfall_share: 975_000,
            returns: {
                let of_x: Vec<i32> = (0..scenarios).map(&mut returns).collect();
                let of_y: Vec<i32> = of_x.iter().map(|of| -of).collect();
                let returns = |history| Returns {
                    history,
                    ..Returns::default()
                };
                vec![returns(of_x), returns(Vec::clone(&of_y)), returns(of_y)]
            },
            ..TailTerms::default()
        },
        ..Setup::default()
    }
}

struct Bench {
    core: Core,
    effects: Effects,
    now: u64,
    serial: u64,
    accepted: Vec<OrderId>,
}

impl Bench {
    /// Long of X, so that there is a loss in many scenarios.
    fn new(setup: &Setup) -> Self {
        let mut bench = Self {
            core: Core::new(setup),
            effects: Effects::default(),
            now: 1_700_000_000_000_000_000,
            serial: 0,
            accepted: Vec::with_capacity(BATCH),
        };
        for symbol in 0..3 {
            let quote = Quote {
                bid: Price::parse("199.99").unwrap(),
                ask: Price::parse("200.01").unwrap(),
                symbol: SymbolId(symbol),
                ..Quote::default()
            };
            let frame = Frame::new(Kind::Quote, bench.header(), quote);
            bench.step(&frame);
        }
        let order = bench.order(0, HELD);
        bench.step(&order);
        bench
    }

    fn order(&mut self, symbol: u32, qty: &str) -> Frame {
        self.serial += 1;
        let order = NewOrder {
            price: Price::parse("200").unwrap(),
            qty: Qty::parse(qty).unwrap(),
            account: AccountId(0),
            symbol: SymbolId(symbol),
            client_order_id: Text::new(&format!("o-{}", self.serial)).unwrap(),
            side: Side::Buy as u8,
            order_type: OrderType::Limit as u8,
            time_in_force: TimeInForce::Day as u8,
            ..NewOrder::default()
        };
        Frame::new(Kind::NewOrder, self.header(), order)
    }

    fn header(&mut self) -> Header {
        self.now += 100;
        Header {
            time: Nanos::from_raw(self.now),
            strategy: StrategyId(0),
            ..Header::default()
        }
    }

    fn step(&mut self, frame: &Frame) -> Outcome {
        self.effects.clear();
        let decision = self.core.step(frame, &[], &mut self.effects);
        if decision.outcome == Outcome::Accepted {
            self.accepted.push(decision.order_id);
        }
        decision.outcome
    }

    /// Nanoseconds of one order of a batch, of which all pass, or none.
    fn batch(&mut self, symbols: &[u32], passes: bool) -> f64 {
        let symbols = symbols.iter().cycle().take(BATCH);
        let frames: Vec<_> = symbols.map(|symbol| self.order(*symbol, "1")).collect();
        self.accepted.clear();
        let start = Instant::now();
        for frame in &frames {
            black_box(self.step(frame));
        }
        let took = start.elapsed().as_nanos() as f64 / BATCH as f64;
        assert_eq!(self.accepted.len(), if passes { BATCH } else { 0 });
        for order_id in std::mem::take(&mut self.accepted) {
            let report = Report {
                order_id,
                exec: Exec::Canceled as u8,
                ..Report::default()
            };
            let frame = Frame::new(Kind::Report, self.header(), report);
            self.step(&frame);
        }
        took
    }

    /// What an account that is limited to nothing is told it could lose: value at risk and shortfall.
    fn held(scenarios: u32) -> [i128; 2] {
        let nothing = Some(Notional::ZERO);
        let both = [
            Limits {
                value_at_risk_max: nothing,
                ..Limits::default()
            },
            Limits {
                expected_shortfall_max: nothing,
                ..Limits::default()
            },
        ];
        both.map(|limits| {
            let mut bench = Self::new(&setup(scenarios, Limits::default()));
            let mut refusing = Self::new(&setup(scenarios, limits));
            let frame = bench.order(0, HELD);
            refusing.effects.clear();
            let decision = refusing.core.step(&frame, &[], &mut refusing.effects);
            assert_eq!(decision.outcome, Outcome::Refused);
            decision.value
        })
    }
}

/// What three of four took no less than: others have the machine too.
fn quartile(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of.get(of.len() / 4).copied().unwrap_or_default()
}

/// A bare loop over as much memory: reads, writes and counts.
fn floor(scenarios: u32) -> f64 {
    let mut losses = vec![1i64; scenarios as usize];
    let returns = vec![3u32; scenarios as usize];
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for at in 0..BATCH {
            let (mut above, limit) = (0u64, black_box(at as i64));
            for (loss, unit) in losses.iter_mut().zip(&returns) {
                *loss = loss.wrapping_add(i64::from(*unit));
                above = above.wrapping_add((limit.wrapping_sub(*loss)) as u64 >> 63);
            }
            black_box(above);
        }
        rounds.push(start.elapsed().as_nanos() as f64 / BATCH as f64);
    }
    quartile(rounds)
}

fn main() {
    println!(
        "ns for each order, of which the limit; lower quartiles of {ROUNDS} batches of {BATCH}"
    );
    println!(
        "{:>9} {:>9} {:>16} {:>16} {:>16} {:>16} {:>16} {:>10} {:>8}",
        "scenarios",
        "no limit",
        "headroom",
        "swept VaR",
        "swept ES",
        "swept VaR+ES",
        "VaR in turn",
        "refused",
        "floor"
    );
    let is_short = !std::env::args().any(|argument| argument == "--bench");
    for scenarios in SCENARIOS {
        let held = Bench::held(scenarios);
        let cases = [
            Case::Nothing,
            Case::Headroom,
            Case::SweptValueAtRisk,
            Case::SweptShortfall,
            Case::SweptBoth,
            Case::SweptInTurn,
        ];
        let mut benches = cases.map(|case| Bench::new(&setup(scenarios, limits(case, held))));
        let mut times = [(); 6].map(|()| Vec::new());
        let mut refused = Vec::new();
        for _ in 0..if is_short { 3 } else { ROUNDS } {
            for ((bench, times), case) in benches.iter_mut().zip(&mut times).zip(cases) {
                let symbols: &[u32] = match case {
                    Case::SweptInTurn => &[1, 2],
                    _ => &[1],
                };
                times.push(bench.batch(symbols, true));
            }
            refused.push(benches[2].batch(&[0], false));
        }
        let [none, headroom, swept, shortfall, both, in_turn] = times.map(quartile);
        let told = |of: f64| format!("{of:.0} ({:.1})", of - none);
        println!(
            "{scenarios:>9} {none:>9.0} {:>16} {:>16} {:>16} {:>16} {:>16} {:>10.0} {:>8.0}",
            told(headroom),
            told(swept),
            told(shortfall),
            told(both),
            told(in_turn),
            quartile(refused),
            floor(scenarios)
        );
    }
}
