//! Growth: what each kind of event costs as open orders and symbols grow.
//!
//! `cargo bench --bench decision -- growth`, on a machine with nothing else to do; with
//! `orders=10,1000`, `symbols=50000` or `rounds=100` behind it, only so much. Every control is armed
//! at all four levels, and all capacities are the same in every cell of the tables: what grows is what
//! is in use. Each cell first sees as many orders as ids are remembered, so that its tables are as
//! full as after a day.
//!
//! Orders, cancels and fills go round: each round sends a batch of new orders in symbols drawn by
//! chance, refuses as many, cancels as many open ones all over the table, fills a part of others drawn
//! by chance and quotes as many symbols. So slots, symbols and cells are met in no order that a cache
//! could learn. A batch has one clock reading at each end, whose own cost is subtracted; the median of
//! the batches is told. Every outcome is checked in the timed loop.

use super::{limits, setup};
use portcullis::message::{
    Cancel, Exec, Frame, Header, Kind, NewOrder, OrderType, Quote, Report, Side, Text, TimeInForce,
};
use portcullis::risk::core::Core;
use portcullis::risk::decision::{Effects, Outcome};
use portcullis::risk::setup::{Account, Capacity, Limits, Rate, Setup, Strategy, Symbol};
use portcullis::units::{AccountId, Nanos, OrderId, Price, Qty, StrategyId, SymbolId};
use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Instant;

/// What is measured, and how much of it.
struct Plan {
    orders: Vec<usize>,
    symbols: Vec<usize>,
    rounds: usize,
    client_order_ids: u32,
}

impl Plan {
    fn whole() -> Self {
        let told = |key: &str| {
            let mut arguments = std::env::args();
            let list = arguments.find_map(|it| Some(it.strip_prefix(key)?.to_owned()))?;
            let number = |text: &str| text.parse().unwrap_or_else(|_| panic!("{key}{text}"));
            Some(list.split(',').map(number).collect::<Vec<usize>>())
        };
        Self {
            orders: told("orders=").unwrap_or_else(|| vec![10, 1_000, 100_000]),
            symbols: told("symbols=").unwrap_or_else(|| vec![10, 1_000, 50_000]),
            rounds: told("rounds=").map_or(1_000, |rounds| rounds[0]),
            client_order_ids: 1 << 18,
        }
    }

    /// As a test.
    fn small() -> Self {
        Self {
            orders: vec![10, 100],
            symbols: vec![10, 100],
            rounds: 4,
            client_order_ids: 1 << 17,
        }
    }
}

/// Kinds of events, in the order of a round.
const KINDS: [&str; 6] = [
    "new order, accepted",
    "new order, refused",
    "cancel",
    "cancelled, as the broker says",
    "fill of a part",
    "quote",
];

/// Accounts, each with a strategy; a symbol is traded by one of them.
const OWNERS: usize = 4;
const SEED: u64 = 20_261_121;

/// Nanoseconds of each kind of event, by place in the plan.
type Cells = [Vec<Vec<f64>>; KINDS.len()];

/// Measures and prints a table for each kind.
pub(super) fn run(is_bench: bool) {
    let plan = if is_bench {
        Plan::whole()
    } else {
        Plan::small()
    };
    let clock = clock_nanos();
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("unknown");
    println!("growth: nanoseconds an event; rows: open orders, columns: symbols");
    println!("seed {SEED}, load average {load}, a clock reading {clock:.1} ns");
    let mut cells: Cells = std::array::from_fn(|_| Vec::new());
    let mut checksum = 0u64;
    for &orders in &plan.orders {
        cells.iter_mut().for_each(|rows| rows.push(Vec::new()));
        for &symbols in &plan.symbols {
            let mut market = Market::new(&plan, orders, symbols);
            let nanos = market.measure(plan.rounds, clock);
            market.core.verify();
            checksum = checksum.rotate_left(1) ^ market.core.digest();
            for (rows, nanos) in cells.iter_mut().zip(nanos) {
                rows.last_mut().expect("a row").push(nanos);
            }
        }
    }
    for (kind, rows) in KINDS.iter().zip(&cells) {
        print!("{}", table(kind, &plan, rows));
    }
    println!("\nchecksum {checksum:016x}");
}

fn table(kind: &str, plan: &Plan, rows: &[Vec<f64>]) -> String {
    let mut out = format!("\n{kind:<32}");
    for symbols in &plan.symbols {
        let _ = write!(out, "{symbols:>10}");
    }
    out.push('\n');
    for (orders, row) in plan.orders.iter().zip(rows) {
        let _ = write!(out, "{orders:>32}");
        for nanos in row {
            let _ = write!(out, "{nanos:>10.1}");
        }
        out.push('\n');
    }
    out
}

/// What the two readings around a batch take of it.
fn clock_nanos() -> f64 {
    let mut spans: Vec<_> = (0..1_001)
        .map(|_| Instant::now().elapsed().as_nanos())
        .collect();
    spans.sort_unstable();
    spans[spans.len() / 2] as f64
}

/// A core with so many open orders in so many symbols, and what its bench knows of them.
struct Market {
    core: Core,
    effects: Effects,
    now: u64,
    serial: u64,
    random: u64,
    symbols: u32,
    accepted: u64,
    open: Vec<Open>,
    /// How many orders have left.
    left: u64,
    batch: usize,
}

/// An order that stands.
#[derive(Clone, Copy)]
struct Open {
    id: OrderId,
    client_order_id: Text,
    symbol: u32,
    lots: u64,
}

impl Market {
    fn new(plan: &Plan, orders: usize, symbols: usize) -> Self {
        let core = Core::new(&wide_setup(plan, symbols));
        core.tables(portcullis::sys::memory::claim);
        let mut market = Self {
            core,
            effects: Effects::default(),
            now: 1_700_000_000_000_000_000,
            serial: 0,
            random: SEED,
            symbols: symbols as u32,
            accepted: 0,
            open: Vec::with_capacity(orders),
            left: 0,
            // A batch must not change by much how many there are.
            batch: orders.min(BATCH_MAX),
        };
        for symbol in 0..market.symbols {
            let quote = market.quote(symbol);
            assert!(market.step(&quote) == (Outcome::Applied, OrderId::NONE));
        }
        while market.open.len() < orders {
            let count = market.batch.min(orders - market.open.len());
            let (_, arrived) = market.arrive(count);
            market.open.extend(arrived);
        }
        let mut spans = Spans::default();
        while market.accepted < u64::from(plan.client_order_ids) {
            market.round(&mut spans);
        }
        market
    }

    /// The median of each kind's batches, for one event, the clock's own time taken off.
    fn measure(&mut self, rounds: usize, clock: f64) -> [f64; KINDS.len()] {
        let mut spans = Spans::default();
        for _ in 0..rounds {
            self.round(&mut spans);
        }
        spans.0.map(|mut spans| {
            spans.sort_unstable();
            (spans[spans.len() / 2] as f64 - clock).max(0.0) / self.batch as f64
        })
    }

    /// A batch of each kind; as many orders stand afterwards as before.
    fn round(&mut self, spans: &mut Spans) {
        let (nanos, arrived) = self.arrive(self.batch);
        spans.0[0].push(nanos);

        let refused: Vec<_> = (0..self.batch)
            .map(|_| self.order(QTY_TOO_LARGE).0)
            .collect();
        let expected = |_: usize| (Outcome::Refused, OrderId::NONE);
        spans.0[1].push(self.time(&refused, expected));

        // They change places here and leave the core below.
        let leaving: Vec<_> = arrived
            .into_iter()
            .map(|order| {
                let at = self.next_to_leave();
                std::mem::replace(&mut self.open[at], order)
            })
            .collect();
        let cancels: Vec<_> = leaving.iter().map(|order| self.cancel(order)).collect();
        spans.0[2].push(self.time(&cancels, |at| (Outcome::Accepted, leaving[at].id)));
        let ends: Vec<_> = leaving
            .iter()
            .map(|order| self.report(order, Exec::Canceled))
            .collect();
        spans.0[3].push(self.time(&ends, |at| (Outcome::Applied, leaving[at].id)));

        let filled: Vec<_> = (0..self.batch)
            .map(|_| self.below(self.open.len()))
            .collect();
        let ids: Vec<_> = filled.iter().map(|at| self.open[*at].id).collect();
        let fills: Vec<_> = filled.iter().map(|at| self.fill(*at)).collect();
        spans.0[4].push(self.time(&fills, |at| (Outcome::Applied, ids[at])));

        let quotes: Vec<_> = (0..self.batch)
            .map(|_| {
                let symbol = self.below(self.symbols as usize) as u32;
                self.quote(symbol)
            })
            .collect();
        spans.0[5].push(self.time(&quotes, |_| (Outcome::Applied, OrderId::NONE)));
    }

    /// So many orders more, which the broker then has, and what their decisions took.
    fn arrive(&mut self, count: usize) -> (u64, Vec<Open>) {
        let (frames, mut orders): (Vec<_>, Vec<_>) =
            (0..count).map(|_| self.order(QTY_LOTS)).unzip();
        let start = Instant::now();
        for (frame, order) in frames.iter().zip(&mut orders) {
            let (outcome, id) = self.step(black_box(frame));
            assert!(outcome == Outcome::Accepted);
            order.id = id;
        }
        let elapsed = start.elapsed();
        for order in &orders {
            let report = self.report(order, Exec::New);
            assert!(self.step(&report) == (Outcome::Applied, order.id));
        }
        self.accepted += count as u64;
        (elapsed.as_nanos() as u64, orders)
    }

    /// The place of the order that leaves next. Each comes once in as many as there are: an order that
    /// stood for ever would keep its id, and with it all later ones, in the table.
    fn next_to_leave(&mut self) -> usize {
        self.left += 1;
        (self.left * STRIDE % self.open.len() as u64) as usize
    }

    /// What a batch takes, each event with the outcome that is expected of it.
    fn time(&mut self, frames: &[Frame], expected: impl Fn(usize) -> (Outcome, OrderId)) -> u64 {
        let start = Instant::now();
        for (at, frame) in frames.iter().enumerate() {
            let found = self.step(black_box(frame));
            assert!(found == expected(at), "{found:?}");
        }
        start.elapsed().as_nanos() as u64
    }

    #[inline]
    fn step(&mut self, frame: &Frame) -> (Outcome, OrderId) {
        self.effects.clear();
        let decision = self.core.step(frame, &[], &mut self.effects);
        (decision.outcome, decision.order_id)
    }

    fn order(&mut self, lots: u64) -> (Frame, Open) {
        let symbol = self.below(self.symbols as usize) as u32;
        let serial = self.next_serial();
        let lots = lots + serial % 50;
        let owner = symbol % OWNERS as u32;
        let order = NewOrder {
            price: Price::from_raw(PRICE + (serial % 400) as i64 * TICK),
            qty: Qty::from_raw(lots * LOT),
            client_order_id: text(serial),
            account: AccountId(owner),
            symbol: SymbolId(symbol),
            side: [Side::Buy, Side::Sell][(serial % 2) as usize] as u8,
            order_type: OrderType::Limit as u8,
            time_in_force: TimeInForce::Day as u8,
            ..NewOrder::default()
        };
        let open = Open {
            id: OrderId::NONE,
            client_order_id: order.client_order_id,
            symbol,
            lots,
        };
        let header = self.header(owner);
        (Frame::new(Kind::NewOrder, header, order), open)
    }

    fn cancel(&mut self, order: &Open) -> Frame {
        let owner = order.symbol % OWNERS as u32;
        let cancel = Cancel {
            client_order_id: text(self.next_serial()),
            original_id: order.client_order_id,
            account: AccountId(owner),
            ..Cancel::default()
        };
        Frame::new(Kind::Cancel, self.header(owner), cancel)
    }

    fn report(&mut self, order: &Open, exec: Exec) -> Frame {
        let report = Report {
            order_id: order.id,
            exec: exec as u8,
            ..Report::default()
        };
        Frame::new(Kind::Report, self.header(0), report)
    }

    /// A lot of an open order; of one that has only one left, a report that says nothing new.
    fn fill(&mut self, at: usize) -> Frame {
        let order = self.open[at];
        if order.lots == 1 {
            return self.report(&order, Exec::New);
        }
        self.open[at].lots -= 1;
        let report = Report {
            order_id: order.id,
            qty: Qty::from_raw(LOT),
            price: Price::from_raw(PRICE),
            exec_id: text(self.next_serial()),
            exec: Exec::Trade as u8,
            ..Report::default()
        };
        Frame::new(Kind::Report, self.header(0), report)
    }

    /// A tick wide, somewhere within a hundred: the mark moves nearly each time.
    fn quote(&mut self, symbol: u32) -> Frame {
        let bid = PRICE - TICK - self.below(100) as i64 * TICK;
        let quote = Quote {
            bid: Price::from_raw(bid),
            ask: Price::from_raw(bid + TICK),
            symbol: SymbolId(symbol),
            ..Quote::default()
        };
        Frame::new(Kind::Quote, self.header(0), quote)
    }

    fn header(&mut self, strategy: u32) -> Header {
        self.now += EVENT_NANOS;
        Header {
            time: Nanos::from_raw(self.now),
            strategy: StrategyId(strategy),
            ..Header::default()
        }
    }

    fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// A number below a bound: splitmix64.
    fn below(&mut self, bound: usize) -> usize {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.random;
        z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((u128::from(z ^ z >> 31) * bound as u128) >> 64) as usize
    }
}

/// What each batch took, by kind.
#[derive(Default)]
struct Spans([Vec<u64>; KINDS.len()]);

/// A number as an id, of one length.
fn text(number: u64) -> Text {
    let mut id = [b'0'; 12];
    let mut rest = number;
    for digit in id.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    let id = std::str::from_utf8(&id).expect("digits");
    Text::new(id).expect("an id")
}

/// Every control of every level, and room for everything, the same whatever is in use.
fn wide_setup(plan: &Plan, symbols: usize) -> Setup {
    let narrow = Limits {
        // Fifty thousand windows of a firm's size would be tens of gigabytes.
        order_rate: vec![Rate {
            count: 64,
            window: Nanos::from_raw(10 * EVENT_NANOS),
        }],
        ..limits()
    };
    let setup = setup(true);
    let (account, strategy, symbol) = (&setup.accounts[0], &setup.strategies[0], &setup.symbols[0]);
    Setup {
        capacity: Capacity {
            orders: 1 << 17,
            orders_closed: 1 << 14,
            client_order_ids: plan.client_order_ids,
            client_order_id_horizon: Nanos::ZERO,
            positions: 1 << 17,
            duplicates_per_window: 32,
            lots: 0,
            parents: 64,
            parent_horizon: Nanos::ZERO,
            executions: 1 << 18,
            continuation_frames_max: 4,
        },
        accounts: (0..OWNERS)
            .map(|owner| Account {
                name: format!("A{owner}"),
                ..account.clone()
            })
            .collect(),
        strategies: (0..OWNERS as u32)
            .map(|owner| Strategy {
                name: format!("S{owner}"),
                accounts: vec![AccountId(owner)],
                ..strategy.clone()
            })
            .collect(),
        symbols: (0..symbols)
            .map(|at| Symbol {
                name: format!("X{at}"),
                limits: narrow.clone(),
                ..symbol.clone()
            })
            .collect(),
        ..setup
    }
}

const BATCH_MAX: usize = 100;
/// From one place to the next: a prime above any number of orders, so that every place comes.
const STRIDE: u64 = 100_000_007;
/// Of each event after the one before: the windows against duplicates then hold ten orders at most.
const EVENT_NANOS: u64 = 100;
const LOT: u64 = 100_000_000;
const TICK: i64 = 10_000_000;
const PRICE: i64 = 200_000_000_000;
const QTY_LOTS: u64 = 100;
const QTY_TOO_LARGE: u64 = 1_000_000;
