//! Panic: a gate that fails takes back what it has sent, if it was told to.

#[path = "support/folder.rs"]
mod folder;
#[path = "support/gateway.rs"]
mod gateway;

use folder::Folder;
use portcullis::broker::exchange::{ExchangeOptions, Liquidity};
use portcullis::broker::server::{Cut, Server, ServerOptions};
use portcullis::message::{Exec, Kind, NewOrder, OrderType, Side, Text, TimeInForce};
use portcullis::protocol::native::client::Event as Told;
use portcullis::protocol::native::key::Key;
use portcullis::strategy::client::StrategyClient;
use portcullis::sys::clock::Clock;
use portcullis::topology::Stage;
use portcullis::topology::gateway::Gateway;
use portcullis::topology::supervisor::{End, Running};
use portcullis::units::{AccountId, Nanos, Price, Qty, SymbolId};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

const ORDERS: usize = 300;

/// A stage that fails when it is told to.
struct Fuse(Arc<AtomicBool>);

impl Stage for Fuse {
    fn name(&self) -> &'static str {
        "fuse"
    }

    fn poll(&mut self, _now: Nanos) -> usize {
        assert!(!self.0.load(Ordering::Acquire), "the fuse was lit");
        0
    }

    fn deadline(&self) -> Nanos {
        // Its thread never sleeps for long.
        Nanos::ZERO
    }
}

/// An exchange on a thread of its own; what it was asked to cancel.
struct Exchange {
    address: SocketAddr,
    is_over: Arc<AtomicBool>,
    thread: thread::JoinHandle<(BTreeSet<u64>, BTreeSet<u64>)>,
}

impl Exchange {
    fn start() -> Self {
        let options = ServerOptions {
            name: Text::new("exchange").unwrap(),
            gates: vec![(Text::new("gate").unwrap(), Key::new([7; 32]))],
            exchange: ExchangeOptions {
                liquidity: Liquidity::None,
                has_ledger: true,
                ..ExchangeOptions::default()
            },
            heartbeat: Nanos::from_secs(1),
            logon_timeout: Nanos::from_secs(5),
            nonce_seed: [1; 32],
            cut: Cut::Close,
        };
        let mut clock = Clock::new(Nanos::ZERO);
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut server = Server::bind(loopback, options, None, clock.now()).unwrap();
        let address = server.address().unwrap();
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        let thread = thread::spawn(move || {
            // What was sent before the end is read to its end.
            let mut idle_polls = 0;
            while idle_polls < 1_000 {
                match server.poll(clock.now()) {
                    0 if over.load(Ordering::Acquire) => idle_polls += 1,
                    0 => thread::yield_now(),
                    _ => idle_polls = 0,
                }
            }
            let (mut orders, mut cancels) = (BTreeSet::new(), BTreeSet::new());
            for entry in server.take_ledger() {
                let request = entry.frame.body::<portcullis::message::BrokerRequest>();
                match entry.frame.kind() {
                    Some(Kind::BrokerNew) => orders.insert(request.order_id.0),
                    Some(Kind::BrokerCancel) => cancels.insert(request.order_id.0),
                    _ => false,
                };
            }
            (orders, cancels)
        });
        Self {
            address,
            is_over,
            thread,
        }
    }

    fn stop(self) -> (BTreeSet<u64>, BTreeSet<u64>) {
        self.is_over.store(true, Ordering::Release);
        self.thread.join().unwrap()
    }
}

fn open(folder: &Path, broker: SocketAddr, layout: &str, cancel_on_panic: bool) -> Gateway {
    let uid = rustix::process::getuid().as_raw();
    let at = folder.display();
    let mut key = std::fs::OpenOptions::new();
    let key = key.write(true).create(true).truncate(true).mode(0o600);
    let mut key = key.open(folder.join("broker.key")).unwrap();
    std::io::Write::write_all(&mut key, "07".repeat(32).as_bytes()).unwrap();
    let text = format!(
        r#"
        gateway = {{ raise_persons = 1, cancel_on_panic = {cancel_on_panic} }}
        listen = {{ tcp = "off", unix = "{at}/strategy.sock" }}
        limits = {{ others = "off" }}
        account = [{{ name = "A", limits = {{ others = "off" }} }}]
        strategy = [{{ name = "S", accounts = ["A"], unix_user = {uid}, cancel_on_disconnect = "never" }}]
        symbol = [{{ name = "X", tick = "0.01", lot = "1", broker = "exchange" }}]
        broker = [{{ name = "exchange", kind = "native", native = {{ address = "{broker}", key_file = "{at}/broker.key", logon_name = "gate" }} }}]
        operator = [{{ name = "operator", uid = {uid} }}]
        admin = {{ socket = "{at}/admin.sock" }}
        threads = {{ layout = "{layout}" }}
        journal = {{ directory = "{at}/journal", segment_size_bytes = "16MiB", ahead_bytes = "1MiB", reserve_bytes = "1MiB" }}
        "#
    );
    gateway::open(&text)
}

/// Sends orders until the broker has so many of them.
fn trade(folder: &Path) -> StrategyClient {
    let mut clock = Clock::new(Nanos::ZERO);
    let mut client = gateway::log_on(folder, "S", &mut clock);
    let (mut sent, mut answered, mut standing) = (0, 0, 0);
    while standing < ORDERS {
        // One refused while the link comes up is followed by another.
        if sent - answered < 16 {
            sent += 1;
            let order = NewOrder {
                price: Price::parse("10").unwrap(),
                qty: Qty::parse("1").unwrap(),
                account: AccountId(0),
                symbol: SymbolId(0),
                client_order_id: Text::new(&sent.to_string()).unwrap(),
                side: Side::Buy as u8,
                order_type: OrderType::Limit as u8,
                time_in_force: TimeInForce::Day as u8,
                ..NewOrder::default()
            };
            client.new_order(order, &[], clock.now()).unwrap();
        }
        let told = |told: Told<'_>| match told {
            Told::Execution(_, execution) if execution.exec == Exec::New as u8 => {
                answered += 1;
                standing += 1;
            }
            Told::Refusal(..) => answered += 1,
            _ => {}
        };
        client.poll(clock.now(), told).unwrap();
    }
    client
}

fn fail(layout: &str, cancel_on_panic: bool) -> (BTreeSet<u64>, BTreeSet<u64>) {
    let folder = Folder::new(&format!("{layout}-{cancel_on_panic}"));
    let exchange = Exchange::start();
    let mut gateway = open(&folder, exchange.address, layout, cancel_on_panic);
    let is_lit = Arc::new(AtomicBool::new(false));
    let last = gateway.path.last_mut().unwrap();
    last.add(Box::new(Fuse(Arc::clone(&is_lit))));
    let running = Running::spawn(gateway, &[]).unwrap();
    let client = trade(&folder);
    is_lit.store(true, Ordering::Release);
    let end = running.wait();
    assert!(matches!(&end, End::Shut { stage: "fuse", .. }), "{end:?}");
    drop(client);
    exchange.stop()
}

#[test]
fn a_gate_that_fails_cancels_what_lives_where_it_is_told_to() {
    for layout in ["shared", "dedicated"] {
        let (orders, cancels) = fail(layout, true);
        assert!(ORDERS <= orders.len(), "{layout}: {}", orders.len());
        assert_eq!(orders, cancels, "{layout}");
    }
}

#[test]
fn a_gate_that_fails_leaves_orders_alone_where_it_is_not() {
    let (orders, cancels) = fail("shared", false);
    assert!(ORDERS <= orders.len());
    assert!(cancels.is_empty());
}
