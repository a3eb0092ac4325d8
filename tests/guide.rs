//! Guide: the scenario that the managers' guide ends with, over real sockets.
//!
//! A market order for 0.001 BTC/USDT on a venue named `binance` fills, one position is open, a risk
//! event was recorded, stop; and because a gate must also come back: start again, and it is all there.

#[path = "support/folder.rs"]
mod folder;
#[path = "support/gateway.rs"]
mod gateway;
#[path = "support/process.rs"]
mod process;
#[path = "support/running.rs"]
mod running;

use folder::Folder;
use portcullis::admin::client::{self, Options, Place};
use portcullis::admin::request::{Command, Request};
use portcullis::market::client as market;
use portcullis::message::{Exec, Execution, NewOrder, OrderType, Side, Text, TimeInForce};
use portcullis::protocol::native::client as native;
use portcullis::reject::RejectReason;
use portcullis::strategy::client::{StrategyClient, Target};
use portcullis::sys::clock::Clock;
use portcullis::topology::supervisor::Running;
use portcullis::units::{AccountId, Nanos, Price, Qty};
use serde_json::{Value, json};
use std::path::Path;

/// The guide's limits: a million in one position, five million in all, 20 % drawdown, 10 % in a day.
fn start(folder: &Path) -> Running {
    let uid = rustix::process::getuid().as_raw();
    let at = folder.display();
    let text = format!(
        r#"
        gateway = {{ raise_persons = 1, currency = "USDT" }}
        listen = {{ tcp = "off", unix = "{at}/strategy.sock" }}
        feed = [{{ name = "prices", unix = "{at}/feed.sock", unix_user = {uid} }}]
        strategy = [{{ name = "guide", accounts = ["trading"], unix_user = {uid} }}]
        operator = [{{ name = "alice", uid = {uid} }}]
        admin = {{ socket = "{at}/admin.sock" }}
        events = {{ history_severity = "info" }}
        journal = {{ directory = "{at}/journal", segment_size_bytes = "16MiB", ahead_bytes = "1MiB", reserve_bytes = "1MiB" }}

        [limits]
        position_value_max = "1000000"
        gross_exposure_max = "5000000"
        capital = "5000000"
        drawdown_share_max = "0.2"
        day_loss_share_max = "0.1"
        reference_age_max = "1h"
        others = "off"

        [[account]]
        name = "trading"
        limits = {{ others = "off" }}

        [[symbol]]
        name = "BTC/USDT"
        tick = "0.01"
        lot = "0.00001"
        order_types = ["limit", "market"]
        times_in_force = ["gtc", "ioc"]
        broker = "binance"

        [[broker]]
        name = "binance"
        kind = "sim"
        "#
    );
    Running::spawn(gateway::open(&text), &[]).unwrap()
}

/// Asks until the follower has read all that the gate has written.
fn ask(folder: &Path, request: &Request) -> Value {
    let options = Options::new(Place::Socket(folder.join("admin.sock")), true);
    let mut answers = (0..100_000).map(|_| client::ask(request, &options).unwrap());
    let answer = answers.find(|answer| answer["lag_records"] == 0);
    let answer = answer.expect("the follower does not catch up");
    assert_eq!(answer["ok"], true, "{answer}");
    answer
}

fn of(command: Command) -> Request {
    Request {
        command,
        ..Request::default()
    }
}

/// A price of 50,000 on either side of one, told until the gate has it.
fn tell_price(folder: &Path, clock: &mut Clock) {
    let options = market::ClientOptions {
        target: Target::Unix(folder.join("feed.sock")),
        name: Text::new("prices").unwrap(),
        key: None,
        logon_timeout: Nanos::from_secs(10),
        queue_bytes_max: 1 << 16,
    };
    let mut feed = market::FeedClient::connect(options, clock.now()).unwrap();
    feed.log_on(clock).unwrap();
    let symbol = feed.names().symbol("BTC/USDT").unwrap().id;
    let side = |price| (Price::parse(price).unwrap(), Qty::parse("2").unwrap());
    let (bid, ask_side) = (side("49999.50"), side("50000.50"));
    feed.quote(symbol, bid, ask_side, clock.now()).unwrap();
    feed.flush().unwrap();
    let is_known = |_: &u32| {
        let said = ask(folder, &of(Command::References));
        said["references"].as_array().unwrap().len() == 1
    };
    let asked = (0..10_000).find(is_known);
    assert!(asked.is_some(), "the price has not come");
    feed.log_out().unwrap();
}

/// A strategy's session, and what it has been told.
struct Trader {
    client: StrategyClient,
    clock: Clock,
}

impl Trader {
    fn log_on(folder: &Path, mut clock: Clock) -> Self {
        let client = gateway::log_on(folder, "guide", &mut clock);
        Self { client, clock }
    }

    /// Buys at the market, and waits for the fill or the refusal.
    fn buy(&mut self, id: &str, qty: &str) -> Result<Execution, RejectReason> {
        let order = NewOrder {
            qty: Qty::parse(qty).unwrap(),
            account: AccountId(0),
            symbol: self.client.names().symbol("BTC/USDT").unwrap().id,
            client_order_id: Text::new(id).unwrap(),
            side: Side::Buy as u8,
            order_type: OrderType::Market as u8,
            time_in_force: TimeInForce::ImmediateOrCancel as u8,
            ..NewOrder::default()
        };
        let now = self.clock.now();
        self.client.new_order(order, &[], now).unwrap();
        self.client.flush().unwrap();
        let mut found = None;
        while found.is_none() {
            let told = |told: native::Event<'_>| match told {
                native::Event::Execution(_, execution)
                    if execution.client_order_id.as_str() == id
                        && execution.exec == Exec::Trade as u8 =>
                {
                    found = Some(Ok(*execution));
                }
                native::Event::Refusal(_, refusal) => found = refusal.reason().map(Err),
                _ => {}
            };
            self.client.poll(self.clock.now(), told).unwrap();
            self.client.wait(Nanos::from_millis(100)).unwrap();
        }
        found.unwrap()
    }
}

/// The events of a kind.
fn events(folder: &Path, kind: &str) -> Vec<Value> {
    let request = Request {
        kind: Some(kind.to_owned()),
        ..of(Command::Events)
    };
    ask(folder, &request)["events"].as_array().unwrap().clone()
}

/// Asserts that what is open is the one position that the guide's order has made.
fn has_one_position(folder: &Path) {
    let said = ask(folder, &of(Command::Positions));
    assert_eq!(said["total"], 1, "{said}");
    let position = &said["positions"][0];
    for (key, expected) in [
        ("account", "trading"),
        ("symbol", "BTC/USDT"),
        ("position", "0.001"),
        ("average_price", "50000.5"),
    ] {
        assert_eq!(position[key], expected, "{key}: {position}");
    }
}

#[test]
fn a_market_order_fills_one_position_is_open_a_risk_event_is_recorded_and_it_stops() {
    let folder = Folder::new("guide");
    let at: &Path = &folder;
    let mut clock = Clock::new(Nanos::ZERO);
    let (threads, files) = (process::threads(), process::files());

    let running = start(at);
    assert_eq!(ask(at, &of(Command::Positions))["total"], 0);
    tell_price(at, &mut clock);
    let mut trader = Trader::log_on(at, clock.clone());
    let fill = trader.buy("guide-1", "0.001").unwrap();
    assert_eq!(fill.qty, Qty::parse("0.001").unwrap());
    assert_eq!(fill.filled, fill.qty);
    assert_eq!(fill.leaves, Qty::ZERO);
    assert_eq!(fill.price, Price::parse("50000.5").unwrap());
    has_one_position(at);
    assert_eq!(ask(at, &of(Command::Orders))["total"], 0);
    // 21 of them are worth more than a million.
    let refused = trader.buy("guide-2", "21").unwrap_err();
    assert_eq!(refused, RejectReason::PositionValueAboveMax);
    has_one_position(at);

    let breaches = events(at, "breach");
    let [breach] = breaches.as_slice() else {
        panic!("one: {breaches:?}");
    };
    for (key, expected) in [
        ("reason", json!("PositionValueAboveMax")),
        ("id", json!("guide-2")),
        ("severity", json!("warning")),
        ("limit", json!("1000000")),
    ] {
        assert_eq!(breach[key], expected, "{key}: {breach}");
    }
    let opened = events(at, "position");
    assert_eq!(opened.len(), 1, "{opened:?}");
    assert_eq!(opened[0]["state"], "opened");
    assert_eq!(opened[0]["broker"], "binance");

    drop(trader);
    running::stop(running);
    process::settle(threads);
    assert_eq!(process::files(), files);

    // What it has done, it has done also for the next run.
    let running = start(at);
    has_one_position(at);
    assert_eq!(events(at, "breach"), breaches);
    let mut trader = Trader::log_on(at, clock.clone());
    let again = trader.buy("guide-1", "0.001").unwrap_err();
    assert_eq!(again, RejectReason::ClientOrderIdDuplicate);
    drop(trader);
    running::stop(running);
    process::settle(threads);
    assert_eq!(process::files(), files);
    for socket in ["strategy.sock", "feed.sock", "admin.sock"] {
        assert!(!at.join(socket).exists(), "{socket} is still there");
    }
}
