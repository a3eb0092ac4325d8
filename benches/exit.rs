//! The exit: from the price that triggers it to the order on the broker's ring.
//!
//! Timed: a price is put on the risk stage's ring, the stage polls once, and its exit order is taken from the
//! broker's ring: with the journal's record between, as the gateway runs, on one thread. Beside it, in the
//! same run, the same with a price that triggers nothing: what a price costs in any case. Not timed:
//! what opens the position and what closes it.

use portcullis::journal::segment::Disk;
use portcullis::journal::{Settings, recovery};
use portcullis::message::{
    BrokerRequest, Exec, Frame, Header, Kind, NewOrder, OrderType, Quote, Report, Side, Text,
    TimeInForce,
};
use portcullis::ring::ring;
use portcullis::risk::core::Core;
use portcullis::risk::{Rings, Risk};
use portcullis::sys::poller::Doorbell;
use portcullis::topology::Stage;
use portcullis::units::{Nanos, OrderId, Price, Qty, StrategyId};
use std::time::Instant;

const ROUNDS: usize = 20_000;
const CONFIG: &str = r#"
[limits]
others = "off"
[[account]]
name = "A"
[[strategy]]
name = "S"
accounts = ["A"]
[strategy.exits]
stop_loss_bps = "500"
take_profit_bps = "500"
trailing_stop_bps = "800"
[[symbol]]
name = "X"
tick = "0.01"
lot = "1"
broker = "sim"
[[broker]]
name = "sim"
kind = "sim"
"#;

fn main() {
    let directory = std::env::temp_dir().join(format!("portcullis-exit-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&directory);
    let settings = Settings {
        segment_size: 64 << 20,
        reserve_size: 1 << 20,
        ..Settings::new(&directory, 7, 1)
    };
    let opened = recovery::recover(settings, Box::new(Disk)).unwrap().open();
    let (writer, mut keeper) = opened.unwrap();
    let config = portcullis::config::parse(CONFIG, "bench.toml");
    let setup = config.unwrap_or_else(|errors| panic!("{errors}")).setup;

    let (mut from_strategy, strategy_to_risk) = ring(64);
    let (mut from_broker, broker_to_risk) = ring(64);
    let (mut from_market, market_to_risk) = ring(16);
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
    let mut now = 1_000_000_000;
    let mut poll = |risk: &mut Risk| {
        now += 1_000;
        risk.poll(Nanos::from_raw(now));
    };
    let (mut with_exit, mut without) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        from_market.push(quote(100)).unwrap();
        poll(&mut risk);
        from_strategy.push(order(round)).unwrap();
        poll(&mut risk);
        let request = to_broker.pop().expect("the order passes");
        let id = request.frame().body::<BrokerRequest>().order_id;
        from_broker.push(fill(id, 2 * round)).unwrap();
        poll(&mut risk);

        let begun = Instant::now();
        from_market.push(quote(99)).unwrap();
        poll(&mut risk);
        let is_none = to_broker.pop().is_none();
        without.push(begun.elapsed().as_nanos() as u64);
        assert!(is_none, "99 triggers nothing");

        let begun = Instant::now();
        from_market.push(quote(95)).unwrap();
        poll(&mut risk);
        let exit = to_broker.pop();
        with_exit.push(begun.elapsed().as_nanos() as u64);
        let exit = exit.expect("95 triggers the exit");
        let id = exit.frame().body::<BrokerRequest>().order_id;
        from_broker.push(fill(id, 2 * round + 1)).unwrap();
        poll(&mut risk);
        while to_strategy.pop().is_some() {}
        keeper.poll(Nanos::from_raw(1_000_000_000 + round as u64));
    }
    println!("{ROUNDS} prices of each kind; nanoseconds on the risk stage's thread");
    println!("{:34} {:>8} {:>8} {:>8}", "", "p50", "p99", "p99.9");
    for (name, mut times) in [
        ("a price that triggers nothing", without),
        ("a price and the exit that it brings", with_exit),
    ] {
        times.sort_unstable();
        let at = |share: f64| times[(times.len() as f64 * share) as usize];
        println!("{name:34} {:>8} {:>8} {:>8}", at(0.5), at(0.99), at(0.999));
    }
    let _ = std::fs::remove_dir_all(&directory);
}

fn price(whole: i64) -> Price {
    Price::from_raw(whole * 1_000_000_000)
}

fn quote(whole: i64) -> Frame {
    let quote = Quote {
        bid: price(whole),
        ask: price(whole),
        ..Quote::default()
    };
    Frame::new(Kind::Quote, Header::default(), quote)
}

fn order(round: usize) -> Frame {
    let order = NewOrder {
        price: price(100),
        qty: Qty::from_raw(1_000_000_000),
        client_order_id: Text::new(&format!("o{round}")).expect("it is short"),
        side: Side::Buy as u8,
        order_type: OrderType::Limit as u8,
        time_in_force: TimeInForce::Day as u8,
        ..NewOrder::default()
    };
    let header = Header {
        strategy: StrategyId(0),
        ..Header::default()
    };
    Frame::new(Kind::NewOrder, header, order)
}

fn fill(order_id: OrderId, number: usize) -> Frame {
    let report = Report {
        order_id,
        qty: Qty::from_raw(1_000_000_000),
        price: price(100),
        exec_id: Text::new(&format!("e{number}")).expect("it is short"),
        exec: Exec::Trade as u8,
        ..Report::default()
    };
    Frame::new(Kind::Report, Header::default(), report)
}
