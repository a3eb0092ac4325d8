//! The core and the broker stage against an exchange in a process of its own, over loopback.
//!
//! The process is this binary again. The gate "crashes": its stage and sockets go at any moment, with
//! whatever was in their buffers; the core stays, as recovery would rebuild it.

#[path = "../tools/exchange.rs"]
mod exchange;
#[path = "support/folder.rs"]
mod folder;

use clap::Parser;
use folder::Folder;
use portcullis::broker::BrokerStage;
use portcullis::broker::breaker::BreakerOptions;
use portcullis::broker::exchange::{Chance, Exchange as Venue, ExchangeOptions, Party};
use portcullis::broker::native::NativeOptions;
use portcullis::broker::registry::{LinkOptions, Place};
use portcullis::message::{
    Body, Cancel, Frame, Header, Kind, Link, LinkState, NewOrder, OrderState, OrderType, Replace,
    Side, Text, Tick, TimeInForce,
};
use portcullis::protocol::native::key::Key;
use portcullis::ring::{Consumer, Producer, ring};
use portcullis::risk::approved::Approved;
use portcullis::risk::core::Core;
use portcullis::risk::decision::{Effects, Outcome};
use portcullis::risk::setup::{Account, Broker, Capacity, Setup, Strategy, Symbol};
use portcullis::sys::poller::Doorbell;
use portcullis::topology::Stage;
use portcullis::units::{AccountId, BrokerId, Nanos, Price, Qty};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

const KEY: &str = "0707070707070707070707070707070707070707070707070707070707070707";
const ARGUMENTS: &str = "BROKER_TEST_EXCHANGE";

/// The exchange's process.
struct Exchange {
    child: Child,
    address: SocketAddr,
    folder: Folder,
}

#[derive(Debug, Parser)]
struct ExchangeCommand {
    #[command(flatten)]
    arguments: exchange::Arguments,
}

/// Not a test: what the child runs.
#[test]
fn exchange_process() {
    if let Ok(arguments) = std::env::var(ARGUMENTS) {
        let words = std::iter::once("exchange").chain(arguments.split_whitespace());
        exchange::run(&ExchangeCommand::parse_from(words).arguments).unwrap();
    }
}

impl Exchange {
    fn start(name: &str, arguments: &str) -> Self {
        let folder = Folder::new(&format!("broker-{name}"));
        let key = folder.join("gate.key");
        std::fs::write(&key, KEY).unwrap();
        let arguments = format!(
            "--gate gate={} --ledger {} --quote 0=99/101 {arguments}",
            key.display(),
            folder.join("ledger").display(),
        );
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["exchange_process", "--exact", "--nocapture"])
            .env(ARGUMENTS, arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = loop {
            let line = lines.next().expect("the address is printed").unwrap();
            if let Some((_, address)) = line.split_once("listening on ") {
                break address.parse().unwrap();
            }
        };
        // The rest of what it prints fits its pipe.
        std::mem::forget(lines);
        Self {
            child,
            address,
            folder,
        }
    }

    /// Stops it by SIGTERM and hands back its ledger.
    fn stop(&mut self) -> Vec<serde_json::Value> {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        assert!(self.child.wait().unwrap().success());
        read_ledger(&self.folder.join("ledger"))
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        // A test that failed leaves no process behind; one that has ended is not there to be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read_ledger(path: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The core, and the stage behind it while it lives.
struct Gate {
    core: Core,
    effects: Effects,
    native: NativeOptions,
    behind: Option<Behind>,
    now: Nanos,
}

struct Behind {
    stage: BrokerStage,
    requests: Producer<Approved>,
    reports: Consumer<Frame>,
}

impl Gate {
    fn new(address: SocketAddr) -> Self {
        let mut native = NativeOptions::new(address, Text::new("gate").unwrap(), Key::new([7; 32]));
        native.reconnect_min = Nanos::from_raw(20_000);
        native.reconnect_max = Nanos::from_raw(100_000);
        Self {
            core: Core::new(&setup()),
            effects: Effects::default(),
            native,
            behind: None,
            now: Nanos::from_secs(1_000),
        }
    }

    fn start(&mut self) {
        let (report_sequence_last, _) = self.core.broker(BrokerId(0)).unwrap();
        let link = self.native.open(Place {
            broker: BrokerId(0),
            report_sequence_last,
            now: self.now,
            sockets: None,
            market_to_broker: None,
        });
        let (requests, risk_to_broker) = ring(1 << 12);
        let (broker_to_risk, reports) = ring(1 << 8);
        let links = vec![(link, BreakerOptions::off())];
        let stage = BrokerStage::new(risk_to_broker, broker_to_risk, Doorbell::NONE, links);
        self.behind = Some(Behind {
            stage,
            requests,
            reports,
        });
    }

    /// Everything behind the core goes: rings, buffers, sockets.
    fn crash(&mut self) {
        self.behind = None;
    }

    fn step(&mut self, event: &Frame) -> Outcome {
        self.effects.clear();
        let decision = self.core.step(event, &[], &mut self.effects);
        for approved in self.effects.to_broker.drain(..) {
            // Without a stage it is lost in the crash, as what lies in a ring is.
            if let Some(behind) = &mut self.behind {
                assert!(behind.requests.push(approved).is_ok());
            }
        }
        decision.outcome
    }

    fn command(&mut self, kind: Kind, frame: Frame) -> Outcome {
        assert_eq!(frame.kind(), Some(kind));
        self.step(&frame)
    }

    fn header(&self) -> Header {
        Header {
            time: self.now,
            ..Header::default()
        }
    }

    fn order(&mut self, serial: u64, side: Side, price: i64, qty: u64) -> Outcome {
        let order = NewOrder {
            price: Price::from_raw(price * 1_000_000_000),
            qty: Qty::from_raw(qty * 100_000_000),
            account: AccountId(0),
            client_order_id: id(serial),
            side: side as u8,
            order_type: OrderType::Limit as u8,
            time_in_force: TimeInForce::GoodTillCancel as u8,
            ..NewOrder::default()
        };
        let frame = Frame::new(Kind::NewOrder, self.header(), order);
        self.command(Kind::NewOrder, frame)
    }

    fn cancel(&mut self, serial: u64, request: u64) -> Outcome {
        let cancel = Cancel {
            client_order_id: id(1_000_000 + request),
            original_id: id(serial),
            ..Cancel::default()
        };
        let frame = Frame::new(Kind::Cancel, self.header(), cancel);
        self.command(Kind::Cancel, frame)
    }

    /// A round of all stages: reports to the core, deadlines, the broker stage.
    fn poll(&mut self) -> usize {
        self.now = self.now.after(Nanos::from_raw(2_000));
        let frames: Vec<Frame> = match &mut self.behind {
            Some(behind) => behind.reports.drain(64).collect(),
            None => Vec::new(),
        };
        let mut count = frames.len();
        for frame in &frames {
            self.step(frame);
        }
        if self.core.next_deadline() <= self.now {
            let tick = Frame::new(Kind::Tick, self.header(), Tick::default());
            self.step(&tick);
        }
        if let Some(behind) = &mut self.behind {
            count += behind.stage.poll(self.now);
        }
        if count == 0 {
            std::thread::yield_now();
        }
        count
    }

    fn until(&mut self, what: &str, mut is_so: impl FnMut(&Self) -> bool) {
        for _ in 0..3_000_000 {
            if is_so(self) {
                return;
            }
            self.poll();
        }
        panic!("never: {what}");
    }

    fn is_up(&self) -> bool {
        self.core.broker(BrokerId(0)).map(|link| link.1) == Some(LinkState::Up as u8)
    }

    fn is_settled(&self) -> bool {
        let mut orders = self.core.orders();
        self.core.orders_in_doubt_count() == 0
            && self.now.after(Nanos::from_secs(60)) < self.core.next_deadline()
            && orders.all(|order| self.core.state(order) != OrderState::Pending)
    }
}

fn id(serial: u64) -> Text {
    Text::new(&format!("order-{serial}")).unwrap()
}

fn setup() -> Setup {
    Setup {
        capacity: Capacity {
            orders: 8_192,
            orders_closed: 4_096,
            client_order_ids: 16_384,
            client_order_id_horizon: Nanos::from_secs(1),
            positions: 16,
            duplicates_per_window: 16,
            lots: 0,
            parents: 4,
            parent_horizon: Nanos::ZERO,
            executions: 65_536,
            continuation_frames_max: 4,
        },
        accounts: vec![Account {
            name: "account".into(),
            enabled: true,
            has_limits: true,
            ..Account::default()
        }],
        strategies: vec![Strategy {
            name: "strategy".into(),
            enabled: true,
            accounts: vec![AccountId(0)],
            ..Strategy::default()
        }],
        symbols: vec![Symbol {
            name: "symbol".into(),
            enabled: true,
            tick: Price::from_raw(1_000_000_000),
            lot: Qty::from_raw(100_000_000),
            order_types: vec![OrderType::Limit],
            times_in_force: vec![TimeInForce::GoodTillCancel],
            broker: BrokerId(0),
            ..Symbol::default()
        }],
        brokers: vec![Broker {
            name: "exchange".into(),
            ..Broker::default()
        }],
        raise_persons: 1,
        raise_window: Nanos::from_secs(60),
        answer_timeout: Nanos::from_secs(1),
        checkpoint_events: 1_000,
        ..Setup::default()
    }
}

/// What the exchange's own ledger says of each order: how often it came, and what it filled.
fn fates(ledger: &[serde_json::Value]) -> BTreeMap<u64, (u64, Qty)> {
    let mut fates: BTreeMap<u64, (u64, Qty)> = BTreeMap::new();
    let mut executions = std::collections::BTreeSet::new();
    for line in ledger {
        let fate = fates.entry(line["order_id"].as_u64().unwrap()).or_default();
        match (line["way"].as_str(), line["kind"].as_str()) {
            (Some("received"), Some("new")) => fate.0 += 1,
            (Some("sent"), Some("trade")) if executions.insert(line["exec_id"].to_string()) => {
                let qty = Qty::parse(line["qty"].as_str().unwrap()).unwrap();
                fate.1 = fate.1.checked_add(qty).unwrap();
            }
            _ => {}
        }
    }
    fates
}

/// Orders and cancels at random, the gate crashing as often as asked; in the end the core knows of
/// every order what the exchange knows.
fn trade(name: &str, arguments: &str, seed: u64, crash_per_million: u32) {
    let mut exchange = Exchange::start(name, arguments);
    let mut gate = Gate::new(exchange.address);
    let mut chance = Chance::new(seed);
    gate.start();
    let mut crashes = 0;
    let mut accepted = 0;
    for serial in 1..=2_000 {
        // Mostly there is a link, so that there is something to lose.
        if chance.happens(800_000) {
            gate.until("the link is up", Gate::is_up);
        }
        let side = Side::ALL[chance.up_to(1) as usize];
        let price = 98 + chance.up_to(4) as i64;
        if gate.order(serial, side, price, 1 + chance.up_to(9)) == Outcome::Accepted {
            accepted += 1;
        }
        if chance.happens(300_000) {
            gate.cancel(1 + chance.up_to(serial - 1), serial);
        }
        if chance.happens(crash_per_million) {
            crashes += 1;
            gate.crash();
            gate.start();
        }
        let polls = chance.up_to(40);
        for _ in 0..polls {
            gate.poll();
        }
    }
    gate.until("everything is settled", Gate::is_settled);
    let fates = fates(&exchange.stop());
    // What the exchange said last may still be under way: it is read before the books are compared.
    for _ in 0..2_000 {
        gate.poll();
    }
    assert!(
        fates.values().all(|fate| fate.0 <= 1),
        "seed {seed}: an order came twice"
    );
    assert!(accepted > 500, "seed {seed}: {accepted} accepted");
    let mut known = 0;
    for order in gate.core.orders() {
        let (received, filled) = fates.get(&order.id.0).copied().unwrap_or_default();
        known += received;
        assert_eq!(order.filled, filled, "seed {seed}: {:?}", order.id);
        let is_live = order.is_live();
        assert!(
            !is_live || received == 1,
            "seed {seed}: {:?} lives here alone",
            order.id
        );
    }
    assert!(known > 400, "seed {seed}: {known} known");
    assert!(
        crash_per_million == 0 || crashes > 5,
        "seed {seed}: {crashes} crashes"
    );
}

#[test]
fn the_core_and_the_exchange_agree_on_every_order() {
    trade("calm", "", 1, 0);
}

#[test]
fn the_core_and_the_exchange_agree_after_cuts_in_the_middle_of_messages() {
    trade(
        "cuts",
        "--disconnect-requests 41 --disconnects-max 40 --cut mid-message",
        2,
        0,
    );
}

#[test]
fn the_core_and_the_exchange_agree_after_crashes_of_the_gate() {
    trade("crashes", "--duplicate-per-million 50000", 3, 10_000);
}

#[test]
fn the_core_and_the_exchange_agree_after_resets_and_crashes() {
    trade(
        "resets",
        "--disconnect-requests 97 --disconnects-max 40 --cut reset",
        4,
        10_000,
    );
}

/// The core and an exchange with nothing between them, in virtual time.
struct Pair {
    core: Core,
    venue: Venue,
    party: Party,
    report_next: u64,
    now: Nanos,
}

impl Pair {
    fn new(latency: Nanos) -> Self {
        let now = Nanos::from_secs(1);
        let options = ExchangeOptions {
            latency,
            ..ExchangeOptions::default()
        };
        let mut venue = Venue::new(options, now);
        Self {
            core: Core::new(&setup()),
            party: venue.join(1),
            venue,
            report_next: 1,
            now,
        }
    }

    fn step(&mut self, event: &Frame) {
        let mut effects = Effects::default();
        self.core.step(event, &[], &mut effects);
        for approved in &effects.to_broker {
            self.venue.request(self.now, self.party, approved.frame());
        }
    }

    fn play<B: Body>(&mut self, kind: Kind, body: B) {
        let header = Header {
            time: self.now,
            ..Header::default()
        };
        self.step(&Frame::new(kind, header, body));
    }

    fn link(&mut self, state: LinkState) {
        let link = Link {
            state: state as u8,
            ..Link::default()
        };
        self.play(Kind::Link, link);
        while self.core.next_deadline() <= self.now {
            self.play(Kind::Tick, Tick::default());
        }
    }

    /// So much later. What stands at the exchange is counted in full before its reports are here, and
    /// once they are.
    fn after(&mut self, span: u64) {
        self.now = self.now.after(Nanos::from_raw(span));
        self.venue.advance(self.now);
        self.check();
        while let Some(report) = self.venue.report(self.now, self.party, self.report_next) {
            let mut report = *report;
            report.header.time = self.now;
            self.step(&report);
            self.report_next += 1;
        }
        self.check();
    }

    fn check(&self) {
        for order in self.core.orders() {
            let Some(standing) = self.venue.standing(self.party, order.id) else {
                continue;
            };
            assert!(
                standing.leaves <= order.reserved,
                "{standing:?} there, {order:?} here"
            );
        }
    }

    fn only_order(&self) -> (OrderState, Qty) {
        let mut orders = self.core.orders();
        let order = orders.next().expect("there is one");
        assert!(orders.next().is_none());
        (self.core.state(order), order.reserved)
    }
}

/// The link is lost and made again while an order is on its way. The broker is asked about it, its
/// acceptance ends the doubt, and a replace leaves before the answer is here.
#[test]
fn a_replace_on_its_way_is_counted_whatever_an_older_question_is_answered() {
    let qty = |units: u64| Qty::from_raw(units * 100_000_000);
    let mut pair = Pair::new(Nanos::from_raw(1_000));
    pair.link(LinkState::Up);
    let order = NewOrder {
        price: Price::from_raw(98_000_000_000),
        qty: qty(5),
        client_order_id: id(1),
        side: Side::Buy as u8,
        order_type: OrderType::Limit as u8,
        time_in_force: TimeInForce::GoodTillCancel as u8,
        ..NewOrder::default()
    };
    pair.play(Kind::NewOrder, order);
    pair.after(100);
    pair.link(LinkState::Down);
    pair.link(LinkState::Up);
    assert_eq!(pair.only_order(), (OrderState::InDoubt, qty(5)));
    pair.after(900);
    assert_eq!(pair.only_order(), (OrderState::Open, qty(5)));
    let replace = Replace {
        price: Price::from_raw(97_000_000_000),
        qty: qty(8),
        client_order_id: id(2),
        original_id: id(1),
        ..Replace::default()
    };
    pair.play(Kind::Replace, replace);
    pair.after(100);
    pair.after(900);
    assert_eq!(pair.only_order(), (OrderState::Open, qty(8)));
}
