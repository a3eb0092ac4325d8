//! Write-ahead: whoever sees an order on its way to the broker finds its record in the journal.
//!
//! The broker's end is another thread that looks as early as it can. The orders are long ones: their
//! records take a while to write, so that a gate that sends first is seen doing it.

#[path = "support/folder.rs"]
mod folder;

use folder::Folder;
use portcullis::journal::segment::Disk;
use portcullis::journal::{Settings, recovery};
use portcullis::message::{Exec, FRAME_SIZE, Frame, Header, Kind, NewOrder, Report, Text};
use portcullis::ring::ring;
use portcullis::risk::core::Core;
use portcullis::risk::{Rings, Risk};
use portcullis::sys::poller::Doorbell;
use portcullis::topology::Stage;
use portcullis::units::{Nanos, Price, Qty, StrategyId};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

const CONFIG: &str = r#"
[capacity]
orders = 4096
orders_closed = 1024
client_order_ids = 65536
continuation_frames_max = 16
[limits]
others = "off"
[[account]]
name = "A"
limits = { others = "off" }
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

const ORDERS: u64 = 20_000;
const CONTINUATIONS: usize = 16;

fn order(number: u64) -> Frame {
    let body = NewOrder {
        price: Price::parse("100").unwrap(),
        qty: Qty::parse("1").unwrap(),
        client_order_id: Text::new(&number.to_string()).unwrap(),
        side: 1,
        order_type: 2,
        time_in_force: 1,
        passthrough_size: (CONTINUATIONS * FRAME_SIZE) as u16,
        ..NewOrder::default()
    };
    let header = Header {
        strategy: StrategyId(0),
        correlation: number,
        continuation_count: CONTINUATIONS as u8,
        ..Header::default()
    };
    Frame::new(Kind::NewOrder, header, body)
}

#[test]
fn an_order_is_in_the_journal_before_a_broker_can_see_it() {
    let folder = Folder::new("write-ahead");
    let settings = Settings {
        segment_size: 256 << 20,
        reserve_size: 1 << 20,
        ..Settings::new(&*folder, 7, 1)
    };
    let opened = recovery::recover(settings, Box::new(Disk)).unwrap().open();
    let (writer, mut keeper) = opened.unwrap();
    let mut tail = keeper.tail().unwrap();
    while tail.next().unwrap().is_some() {}
    let setup = portcullis::config::parse(CONFIG, "test.toml")
        .unwrap()
        .setup;

    let (mut from_strategy, strategy_to_risk) = ring(64);
    let (mut from_broker, broker_to_risk) = ring(64);
    let (_market, market_to_risk) = ring(16);
    let (_admin, admin_to_risk) = ring(16);
    let (risk_to_strategy, mut to_strategy) = ring(1024);
    let (risk_to_broker, mut to_broker) = ring(1024);
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
    let mut risk = Risk::new(Core::new(&setup), writer, rings, 64, 1 << 30, false);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut now = 1_000_000_000;
            while !is_over.load(Ordering::Relaxed) {
                now += 1_000;
                risk.poll(Nanos::from_raw(now));
                keeper.poll(Nanos::from_raw(now));
            }
        });
        let (mut records, mut early) = (0, 0);
        for number in 1..=ORDERS {
            from_strategy.stage(order(number)).unwrap();
            for _ in 0..CONTINUATIONS {
                let frame = bytemuck::Zeroable::zeroed();
                from_strategy.stage(frame).unwrap();
            }
            from_strategy.publish();
            let request = loop {
                if let Some(request) = to_broker.pop() {
                    break request;
                }
                let answer = to_strategy.pop().and_then(|frame| frame.kind());
                assert_ne!(answer, Some(Kind::Refusal), "order {number} was refused");
                std::hint::spin_loop();
            };
            // The order's record, and one for each report before it.
            records += 1;
            early += u64::from(tail.lag() < records);
            let head = request.frame();
            assert_eq!(head.header.correlation, number);
            let report = Report {
                order_id: head.body::<portcullis::message::BrokerRequest>().order_id,
                exec: Exec::Canceled as u8,
                ..Report::default()
            };
            while to_broker.pop().is_some() {}
            let frame = Frame::new(Kind::Report, Header::default(), report);
            from_broker.push(frame).unwrap();
            while tail.lag() <= records {
                std::hint::spin_loop();
            }
            records += 1;
            while to_strategy.pop().is_some() {}
        }
        is_over.store(true, Ordering::Relaxed);
        assert_eq!(early, 0, "orders of {ORDERS} that left before their record");
    });
}
