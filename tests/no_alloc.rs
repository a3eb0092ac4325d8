//! A million decisions, refusals included, and not one allocation: counted on the deciding thread,
//! through rings, core and journal.
#![allow(
    unsafe_code,
    reason = "a global allocator that counts is unsafe by its trait"
)]

#[path = "support/folder.rs"]
mod folder;

use folder::Folder;
use portcullis::journal::keeper::Keeper;
use portcullis::journal::segment::Disk;
use portcullis::journal::writer::Writer;
use portcullis::journal::{Settings, recovery};
use portcullis::message::{
    Basket, Exec, Frame, Header, Kind, Link, NewOrder, Override, Quote, Report, Text,
};
use portcullis::reject::RejectReason;
use portcullis::ring::{Consumer, Producer, ring};
use portcullis::risk::approved::Approved;
use portcullis::risk::core::{Core, Counts};
use portcullis::risk::{Rings, Risk};
use portcullis::sys::poller::Doorbell;
use portcullis::topology::Stage;
use portcullis::units::{Nanos, OrderId, Price, Qty, StrategyId, SymbolId};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Counting;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call goes on to the system's allocator unchanged; only a counter is added.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const LIMITS: &str = r#"
[capacity]
orders = 4096
orders_closed = 1024
client_order_ids = 8192
client_order_id_horizon = "0s"
duplicates_per_window = 1024
executions = 1024
parents = 64
parent_horizon = "0s"
[limits]
order_qty_max = 100
order_notional_max = 15000
price_collar_bps = 500
reference_age_max = "10s"
order_rate = [{ max = 50, window = "1ms" }]
duplicate_window = "2us"
open_orders_max = 512
open_notional_max = 2000000
position_qty_max = 100000
position_value_max = 20000000
gross_exposure_max = 20000000
[[account]]
name = "A"
[[strategy]]
name = "S"
accounts = ["A"]
[[broker]]
name = "sim"
kind = "sim"
[[symbol]]
name = "X"
tick = "0.5"
lot = "1"
broker = "sim"
"#;

/// All other controls as well.
fn all_controls() -> String {
    LIMITS
        .replace("[limits]", concat!(
            "[gateway]\nsoft = [\"QtyAboveMax\"]\n[tail]\nhistory_days = 4\nstress = [\"down\"]\nmargin = [\"down\"]\n",
            "[[tail.returns]]\nsymbol = \"X\"\nhistory = \"-0.05 0.05 0.01 -0.02\"\n",
            "[[scenario]]\nname = \"down\"\nothers = \"-0.1\"\n",
            "[limits]\nvalue_at_risk_max = 40000\nexpected_shortfall_max = 40001\nstress_loss_max = 90000\n",
            "margin_max = 90000\ncluster_share_max = 1\ncluster_share_free = 1000\n",
            "basket_lines_max = 3\nnet_exposure_max = 20000000\nday_qty_max = 1000000000\n",
            "day_value_max = 1000000000000\nday_orders_max = 4000000\norder_to_trade_max = 100\n",
            "order_to_trade_free = 4000000\ncancel_to_trade_max = 100\ncancel_to_trade_free = 4000000\n",
            "new_order_rate = [{ max = 50, window = \"1ms\" }]\nduplicate_count = 2",
        ))
        .replace("name = \"A\"", concat!(
            "name = \"A\"\nlimits = { value_at_risk_max = 20000 }\ndesk = \"D\"\nself_match = \"cancel_oldest\"\nshort_sales = \"check\"\n",
            "funds = 1000000000\ncut_orders = true\n[[desk]]\nname = \"D\"\n[desk.limits]\n",
            "open_orders_max = 400\nnet_exposure_max = 20000000\n[[group]]\nname = \"G\"\n",
            "symbols = [\"X\"]\n[group.limits]\nopen_orders_max = 400\nday_orders_max = 4000000\n",
            "[[operator]]\nname = \"alice\"\nuid = 1\n[[operator]]\nname = \"bob\"\nuid = 2\n",
            "[[calendar]]\nname = \"all\"\ntime_zone = \"UTC\"\nfirst_day = \"1970-01-01\"\n",
            "last_day = \"1970-12-31\"\nweekdays = [\"mon\", \"tue\", \"wed\", \"thu\", \"fri\", \"sat\", ",
            "\"sun\"]\n[[calendar.session]]\nname = \"one\"\nfrom = \"00:00\"\nto = \"24:00\"\n",
            "[[response]]\nname = \"r\"\non = \"refusals\"\nscope = \"strategy\"\ncount = 20\n",
            "window = \"1s\"\nanswer = \"warn\"",
        ))
        .replace("lot = \"1\"", concat!(
            "lot = \"1\"\ncalendar = \"all\"\nborrow = \"easy\"\nslippage_bps = 5\nreference_move_bps = 1000\n",
            "notional_min = 10",
        ))
}

struct Bench {
    risk: Risk,
    keeper: Keeper,
    from_strategy: Producer<Frame>,
    from_broker: Producer<Frame>,
    from_market: Producer<Frame>,
    to_strategy: Consumer<Frame>,
    to_broker: Consumer<Approved>,
    time: u64,
    from_admin: Producer<Frame>,
    _folder: Folder,
}

fn journal(directory: &std::path::Path) -> (Writer, Keeper) {
    let settings = Settings {
        segment_size: 16 << 20,
        reserve_size: 1 << 20,
        ..Settings::new(directory, 7, 1)
    };
    recovery::recover(settings, Box::new(Disk))
        .unwrap()
        .open()
        .unwrap()
}

impl Bench {
    fn new(name: &str, text: &str) -> Self {
        let folder = Folder::new(&format!("no-alloc-{name}"));
        let (writer, keeper) = journal(&folder);
        let config = portcullis::config::parse(text, "test.toml")
            .unwrap_or_else(|errors| panic!("{errors}"));
        let (from_strategy, strategy_to_risk) = ring(1024);
        let (from_broker, broker_to_risk) = ring(1024);
        let (from_market, market_to_risk) = ring(1024);
        let (admin, admin_to_risk) = ring(64);
        let (risk_to_strategy, to_strategy) = ring(1024);
        let (risk_to_broker, to_broker) = ring(1024);
        let rings = Rings {
            admin_to_risk,
            broker_to_risk,
            market_to_risk,
            strategy_to_risk,
            risk_to_strategy,
            risk_to_broker,
            strategy_doorbell: Doorbell::NONE,
            broker_doorbell: Doorbell::NONE,
            journal_doorbell: Doorbell::NONE,
        };
        let risk = Risk::new(Core::new(&config.setup), writer, rings, 64, 4096, false);
        Self {
            risk,
            keeper,
            from_strategy,
            from_broker,
            from_market,
            to_strategy,
            to_broker,
            time: 1_000_000_000,
            from_admin: admin,
            _folder: folder,
        }
    }

    fn header(&self) -> Header {
        Header {
            strategy: StrategyId(0),
            ..Header::default()
        }
    }

    /// An order: most alone, some in a basket with itself, some named by two persons before.
    fn send(&mut self, order: NewOrder, number: u64) {
        if number % 640 == 8 {
            for operator in [0, 1] {
                let asked = Override {
                    operator,
                    client_order_id: order.client_order_id,
                    ..Override::default()
                };
                let frame = Frame::new(Kind::Override, Header::default(), asked);
                let _ = self.from_admin.push(frame);
            }
        }
        let frame = Frame::new(Kind::NewOrder, self.header(), order);
        if number % 32 != 5 {
            assert!(self.from_strategy.push(frame).is_ok());
            return;
        }
        let other = NewOrder {
            client_order_id: Text::new(&format!("{number}b")).unwrap(),
            ..order
        };
        let header = Header {
            continuation_count: 2,
            ..self.header()
        };
        let line = |order| {
            let header = Header::default();
            Frame::new(Kind::NewOrder, header, order)
        };
        let basket = Frame::new(Kind::Basket, header, Basket::default());
        for frame in [basket, line(order), line(other)] {
            assert!(self.from_strategy.stage(frame).is_ok());
        }
        self.from_strategy.publish();
    }

    /// One round of the deciding thread, and what it allocated.
    fn round(&mut self) -> u64 {
        self.time += 500_000;
        let before = COUNT.with(Cell::get);
        self.risk.poll(Nanos::from_raw(self.time));
        COUNT.with(Cell::get) - before
    }
}

#[test]
fn a_million_decisions_allocate_nothing() {
    decide("some", LIMITS, 100_000, RejectReason::QtyAboveMax);
}

#[test]
fn a_million_decisions_with_all_controls_allocate_nothing() {
    let core = decide("all", &all_controls(), 100_000, RejectReason::SelfMatch);
    assert!(core.answers > 1_000, "{core:?}");
}

/// Decides a million orders, of which at least so many must pass and some be refused for the reason.
fn decide(name: &str, text: &str, accepted_min: u64, refused_for: RejectReason) -> Counts {
    let mut bench = Bench::new(name, text);
    let (mut allocated, mut number, mut reasons) = (0, 0u64, std::collections::BTreeMap::new());
    let up = Link {
        state: 1,
        ..Link::default()
    };
    bench
        .from_broker
        .push(Frame::new(Kind::Link, bench.header(), up))
        .unwrap();
    while number < 1_000_000 {
        if number.is_multiple_of(64) {
            let quote = Quote {
                bid: Price::parse("99.5").unwrap(),
                ask: Price::parse("100.5").unwrap(),
                symbol: SymbolId(0),
                ..Quote::default()
            };
            let _ = bench
                .from_market
                .push(Frame::new(Kind::Quote, bench.header(), quote));
        }
        for _ in 0..32 {
            number += 1;
            // Every eighth is wrong in some way, and the rate and the duplicates refuse others.
            let (qty, price) = match number % 64 {
                8 => ("500", "100"),
                16 => ("1", "200"),
                24 => ("1", "100.25"),
                32 => ("0", "100"),
                _ => (
                    ["1", "2", "3", "5", "8"][(number % 5) as usize],
                    ["99.5", "100", "100.5"][(number % 3) as usize],
                ),
            };
            let order = NewOrder {
                price: Price::parse(price).unwrap(),
                qty: Qty::parse(qty).unwrap(),
                client_order_id: Text::new(&number.to_string()).unwrap(),
                side: 1 + (number % 2) as u8,
                order_type: 2,
                time_in_force: 1,
                // Parents are filled, forgotten and come again.
                parent: if number.is_multiple_of(3) {
                    1 + number / 999 * 2 + number % 2
                } else {
                    0
                },
                parent_qty: match number.is_multiple_of(3) {
                    true => Qty::parse("300").unwrap(),
                    false => Qty::ZERO,
                },
                ..NewOrder::default()
            };
            bench.send(order, number);
        }
        allocated += bench.round();
        while let Some(approved) = bench.to_broker.pop() {
            let request = approved
                .frame()
                .body::<portcullis::message::BrokerRequest>();
            let fills = request.order_id.serial().is_multiple_of(3);
            let report = Report {
                order_id: request.order_id,
                qty: request.qty,
                price: request.price,
                exec_id: Text::new(&format!("e{}", request.order_id.serial())).unwrap(),
                exec: if fills { Exec::Trade } else { Exec::Canceled } as u8,
                ..Report::default()
            };
            assert_ne!(request.order_id, OrderId::NONE);
            let _ = bench
                .from_broker
                .push(Frame::new(Kind::Report, Header::default(), report));
        }
        while let Some(frame) = bench.to_strategy.pop() {
            if frame.kind() == Some(Kind::Refusal) {
                let reason = frame.body::<portcullis::message::Refusal>().reason();
                *reasons.entry(reason).or_insert(0u64) += 1;
            }
        }
        bench.keeper.poll(Nanos::from_raw(bench.time));
    }
    let counts = *bench.risk.core().counts();
    assert!(number <= counts.orders + number / 16, "{counts:?}");
    println!("{counts:?}\nrefused: {reasons:?}");
    assert!(accepted_min < counts.orders_accepted);
    for reason in [
        refused_for,
        RejectReason::PriceOutsideCollar,
        RejectReason::PriceOffTick,
        RejectReason::QtyZero,
        RejectReason::OrderRateAboveMax,
    ] {
        assert!(reasons.contains_key(&Some(reason)), "{reason:?}");
    }
    assert_eq!(allocated, 0, "allocations over {number} decisions");
    counts
}

#[test]
fn the_counter_counts() {
    let before = COUNT.with(Cell::get);
    drop(std::hint::black_box(Box::new(1)));
    assert_eq!(COUNT.with(Cell::get) - before, 1);
}
