//! Process: gateways come and go within one process, and leave nothing behind.

#[path = "support/folder.rs"]
mod folder;
#[path = "support/gateway.rs"]
mod gateway;
#[path = "support/process.rs"]
mod process;
#[path = "support/running.rs"]
mod running;

use folder::Folder;
use portcullis::message::{Exec, NewOrder, OrderType, Side, Text, TimeInForce};
use portcullis::protocol::native::client;
use portcullis::reject::RejectReason;
use portcullis::sys::clock::Clock;
use portcullis::topology::supervisor::Running;
use portcullis::units::{AccountId, Nanos, Price, Qty, SymbolId};
use std::path::Path;

fn open(folder: &Path) -> Running {
    let uid = rustix::process::getuid().as_raw();
    let at = folder.display();
    let text = format!(
        r#"
        gateway = {{ raise_persons = 1 }}
        listen = {{ tcp = "127.0.0.1:0", unix = "{at}/strategy.sock" }}
        limits = {{ others = "off" }}
        account = [{{ name = "A", limits = {{ others = "off" }} }}]
        strategy = [{{ name = "S", accounts = ["A"], unix_user = {uid} }}]
        feed = [{{ name = "prices", unix = "{at}/feed.sock", unix_user = {uid} }}]
        symbol = [{{ name = "X", tick = "0.01", lot = "1", broker = "sim" }}]
        broker = [{{ name = "sim", kind = "sim", sim = {{ liquidity = "none" }} }}]
        operator = [{{ name = "operator", uid = {uid} }}]
        admin = {{ socket = "{at}/admin.sock" }}
        subscriber = [
            {{ name = "tape", kind = "file", severity = "info", file = {{ path = "{at}/events.jsonl" }} }},
            {{ name = "away", kind = "webhook", webhook = {{ url = "http://127.0.0.1:9/", breaker_failures = 1, breaker_pause = "60s" }} }},
        ]
        journal = {{ directory = "{at}/journal", segment_size_bytes = "16MiB", ahead_bytes = "1MiB", reserve_bytes = "1MiB" }}
        "#
    );
    Running::spawn(gateway::open(&text), &[]).unwrap()
}

/// Sends an order and waits until the broker has it, or until it is refused.
fn trade(folder: &Path, id: &str, clock: &mut Clock) -> Option<RejectReason> {
    let mut client = gateway::log_on(folder, "S", clock);
    let order = NewOrder {
        price: Price::parse("10").unwrap(),
        qty: Qty::parse("1").unwrap(),
        account: AccountId(0),
        symbol: SymbolId(0),
        client_order_id: Text::new(id).unwrap(),
        side: Side::Buy as u8,
        order_type: OrderType::Limit as u8,
        time_in_force: TimeInForce::Day as u8,
        ..NewOrder::default()
    };
    client.new_order(order, &[], clock.now()).unwrap();
    client.flush().unwrap();
    let (mut is_new, mut refused) = (false, None);
    while !is_new && refused.is_none() {
        let told = |told: client::Event<'_>| match told {
            client::Event::Execution(_, execution) => {
                let is_about = execution.client_order_id.as_str() == id;
                is_new |= is_about && execution.exec == Exec::New as u8;
            }
            client::Event::Refusal(_, refusal) => refused = refusal.reason(),
            _ => {}
        };
        client.poll(clock.now(), told).unwrap();
        client.wait(Nanos::from_millis(100)).unwrap();
    }
    client.log_out().unwrap();
    refused
}

#[test]
fn two_gateways_in_one_process_leave_no_thread_no_socket_and_no_file_open() {
    let folders = [Folder::new("one"), Folder::new("two")];
    let mut clock = Clock::new(Nanos::ZERO);
    let (threads, files) = (process::threads(), process::files());
    for round in 0..3 {
        let running: Vec<_> = folders.iter().map(|folder| open(folder)).collect();
        for folder in &folders {
            let mut trade = |of| trade(folder, &format!("order-{of}"), &mut clock);
            assert_eq!(trade(round), None);
            // What was used before the gateway was started again is used.
            for before in 0..=round {
                assert_eq!(trade(before), Some(RejectReason::ClientOrderIdDuplicate));
            }
        }
        assert!(threads < process::threads());
        running.into_iter().for_each(running::stop);
        process::settle(threads);
        assert_eq!(process::files(), files, "round {round}");
        for folder in &folders {
            for socket in ["strategy.sock", "feed.sock", "admin.sock"] {
                let path = folder.join(socket);
                assert!(!path.exists(), "{} is still there", path.display());
            }
        }
    }
}
