//! A whole gate with threads, and those who trade through it and act on it.

use portcullis::admin::client::{self, Options, Place};
use portcullis::admin::request::Request;
use portcullis::message::{Exec, NewOrder, OrderType, Side, Text, TimeInForce};
use portcullis::protocol::native::client as native;
use portcullis::reject::RejectReason;
use portcullis::strategy::client::StrategyClient;
use portcullis::sys::clock::Clock;
use portcullis::topology::gateway::Gateway;
use portcullis::topology::supervisor::Running;
use portcullis::units::{AccountId, Nanos, Price, Qty, SymbolId};
use serde_json::Value;
use std::path::Path;

pub(crate) fn open(folder: &Path, subscribers: &str) -> Running {
    Running::spawn(gateway(folder, subscribers), &[]).unwrap()
}

/// X trades between its orders alone; the broker of Y rejects everything; that of Z loses its link
/// behind each request.
pub(crate) fn gateway(folder: &Path, subscribers: &str) -> Gateway {
    let uid = rustix::process::getuid().as_raw();
    let at = folder.display();
    let text = format!(
        r#"
        gateway = {{ raise_persons = 1 }}
        listen = {{ tcp = "off", unix = "{at}/strategy.sock" }}
        limits = {{ others = "off" }}
        strategy = [{{ name = "S", accounts = ["A", "B"], unix_user = {uid} }}]
        feed = [{{ name = "prices", unix = "{at}/feed.sock", unix_user = {uid} }}]
        operator = [{{ name = "alice", uid = {uid} }}]
        admin = {{ socket = "{at}/admin.sock" }}
        journal = {{ directory = "{at}/journal", segment_size_bytes = "16MiB", ahead_bytes = "1MiB", reserve_bytes = "1MiB" }}
        [[account]]
        name = "A"
        limits = {{ order_qty_max = "100", open_orders_max = 5, others = "off" }}
        [[account]]
        name = "B"
        limits = {{ others = "off" }}
        [[symbol]]
        name = "X"
        tick = "0.01"
        lot = "1"
        broker = "sim"
        [[symbol]]
        name = "Y"
        tick = "0.01"
        lot = "1"
        broker = "rejects"
        [[symbol]]
        name = "Z"
        tick = "0.01"
        lot = "1"
        broker = "drops"
        [[broker]]
        name = "sim"
        kind = "sim"
        sim = {{ liquidity = "none" }}
        [[broker]]
        name = "rejects"
        kind = "sim"
        sim = {{ liquidity = "none", reject_share = "1" }}
        breaker = {{ rejects = 2, rejects_window = "1h", pause = "1h" }}
        [[broker]]
        name = "drops"
        kind = "sim"
        reconnect_min = "1h"
        reconnect_max = "1h"
        sim = {{ liquidity = "none", disconnect_requests = 1 }}
        {subscribers}
        "#
    );
    crate::gateway::open(&text)
}

/// A strategy at work.
pub(crate) struct Trader {
    client: StrategyClient,
    clock: Clock,
}

impl Trader {
    pub(crate) fn connect(folder: &Path) -> Self {
        let mut clock = Clock::new(Nanos::ZERO);
        let client = crate::gateway::log_on(folder, "S", &mut clock);
        Self { client, clock }
    }

    /// Sends an order at 10 and waits until one of `until` was told of it, or it was refused.
    pub(crate) fn order(
        &mut self,
        (account, symbol): (u32, u32),
        id: &str,
        side: Side,
        qty: &str,
        until: &[Exec],
    ) -> Option<RejectReason> {
        let order = NewOrder {
            price: Price::parse("10").unwrap(),
            qty: Qty::parse(qty).unwrap(),
            account: AccountId(account),
            symbol: SymbolId(symbol),
            client_order_id: Text::new(id).unwrap(),
            side: side as u8,
            order_type: OrderType::Limit as u8,
            time_in_force: TimeInForce::Day as u8,
            ..NewOrder::default()
        };
        let now = self.clock.now();
        self.client.new_order(order, &[], now).unwrap();
        self.client.flush().unwrap();
        let (mut is_told, mut refused) = (until.is_empty(), None);
        while !is_told && refused.is_none() {
            let told = |told: native::Event<'_>| match told {
                native::Event::Execution(_, execution) => {
                    let exec = Exec::from_byte(execution.exec).unwrap();
                    let is_about = execution.client_order_id.as_str() == id;
                    is_told |= is_about && until.contains(&exec);
                }
                native::Event::Refusal(_, refusal) => refused = refusal.reason(),
                _ => {}
            };
            self.client.poll(self.clock.now(), told).unwrap();
            self.client.wait(Nanos::from_millis(100)).unwrap();
        }
        refused
    }
}

/// Asks a running gate.
pub(crate) fn ask(folder: &Path, request: &Request) -> Value {
    let options = Options::new(Place::Socket(folder.join("admin.sock")), true);
    let answer = client::ask(request, &options).unwrap();
    assert_eq!(answer["ok"], true, "{answer}");
    answer
}
