//! A whole gate without threads, a strategy and an exchange on real sockets, all on one thread; the
//! gate's memory is metered.

use crate::folder::Folder;
use crate::meter::{Spent, spend};
use portcullis::broker::exchange::{ExchangeOptions, Faults};
use portcullis::broker::server::{Cut, Server, ServerOptions};
use portcullis::config::keys::load_keys;
use portcullis::config::parse;
use portcullis::message::{Cancel, Exec, NewOrder, OrderType, Quote, Side, Text, TimeInForce};
use portcullis::protocol::native::client::Event;
use portcullis::protocol::native::key::Key;
use portcullis::reject::{Failed, RejectReason};
use portcullis::strategy::client::{ClientError, ClientOptions, StrategyClient, Target};
use portcullis::topology::gateway::Gateway;
use portcullis::units::{Nanos, Price, Qty, SymbolId};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Enough for anything that happens in one process; what needs more never ends.
const STEPS_MAX: usize = 200_000;
/// Answers that are waited for at a time.
const BATCH: u64 = 64;

pub(crate) struct Gate {
    gateway: Gateway,
    exchange: Server,
    client: StrategyClient,
    now: Nanos,
    number_next: u64,
    /// The last word on each order and cancel that is waited for, by its number.
    pub(crate) told: BTreeMap<u64, Told>,
    /// What all fills come to.
    pub(crate) filled: u64,
    /// The stage of the path that stands still.
    pub(crate) held: Option<Stage>,
    /// What each thread's stages have spent.
    pub(crate) spent: BTreeMap<&'static str, Spent>,
    _folder: Folder,
}

/// The stages of the path that can stand still.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Stage {
    Strategy,
    Broker,
    Risk,
}

/// What a strategy has heard of an order, or of its cancel.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Told {
    Nothing,
    Live,
    Closed,
    Refused(Option<RejectReason>, Failed),
}

impl Gate {
    /// A gate with these lines in `[capacity]` and in `[limits]`, and an exchange with these faults.
    pub(crate) fn new(capacity: &str, limits: &str, faults: Faults) -> Self {
        let folder = Folder::new("capacity");
        let now = Nanos::from_secs(4_000_000_000);
        let exchange = exchange(faults, now);
        write_key(&folder.join("gate.key"));
        let text = config(capacity, limits, &exchange.address().unwrap().to_string());
        let file = folder.join("gate.toml");
        let config =
            parse(&text, &file.to_string_lossy()).unwrap_or_else(|errors| panic!("{errors}"));
        let options = ClientOptions {
            target: Target::Unix(config.listen.unix.clone().unwrap()),
            name: Text::new("S").unwrap(),
            key: None,
            report_sequence_last: 0,
            logon_timeout: Nanos::from_secs(5),
            queue_bytes_max: 1 << 20,
        };
        let keys = load_keys(&config).unwrap();
        let gateway = Gateway::open(config, &keys, 8).unwrap();
        let names: Vec<_> = gateway.path.iter().map(|worker| worker.name()).collect();
        assert_eq!(names, ["strategy", "market", "broker", "risk"]);
        let client = StrategyClient::connect(options, now).unwrap();
        let mut gate = Self {
            gateway,
            exchange,
            client,
            now,
            number_next: 0,
            told: BTreeMap::new(),
            filled: 0,
            held: None,
            spent: BTreeMap::new(),
            _folder: folder,
        };
        gate.until(|gate| gate.client.is_ready() && gate.exchange.logons_count() == 1);
        gate.settle();
        // Links are made once, and the follower builds its core when it reads how the run opened.
        gate.spent.clear();
        gate
    }

    /// One round of every stage but the one that stands still; then the strategy reads.
    pub(crate) fn step(&mut self) -> usize {
        self.now = self.now.after(Nanos::from_raw(1_000));
        let now = self.now;
        let held = match self.held {
            None => "",
            Some(Stage::Strategy) => "strategy",
            Some(Stage::Broker) => "broker",
            Some(Stage::Risk) => "risk",
        };
        let Gateway { path, cold, .. } = &mut self.gateway;
        let mut count = 0;
        for worker in path.iter_mut().chain(cold) {
            if worker.name() != held {
                let (done, spent) = spend(|| worker.step(now).unwrap());
                count += done;
                *self.spent.entry(worker.name()).or_default() += spent;
            }
        }
        count += self.exchange.poll(now);
        let (told, filled) = (&mut self.told, &mut self.filled);
        let heard = self.client.poll(now, |event| hear(told, filled, event));
        count + heard.unwrap_or_else(|error| panic!("{error}"))
    }

    #[track_caller]
    pub(crate) fn until(&mut self, mut is_done: impl FnMut(&Self) -> bool) {
        for _ in 0..STEPS_MAX {
            if is_done(self) {
                return;
            }
            self.step();
        }
        panic!("still not done");
    }

    /// Until nothing happens any more, also at the broker.
    #[track_caller]
    pub(crate) fn settle(&mut self) {
        let mut quiet = 0;
        for _ in 0..STEPS_MAX {
            quiet = if self.step() == 0 { quiet + 1 } else { 0 };
            if quiet == 10 {
                return;
            }
            self.now = self.now.after(Nanos::from_raw(200_000));
        }
        panic!("it does not come to rest");
    }

    /// Sends an order and returns its number; `None` where the strategy's own queue is full, because
    /// nobody takes anything out of its socket.
    pub(crate) fn send(&mut self, order: NewOrder, passthrough: &[u8]) -> Option<u64> {
        let number = self.number_next;
        let order = NewOrder {
            client_order_id: id(number),
            ..order
        };
        match self.client.new_order(order, passthrough, self.now) {
            Ok(_) => {}
            Err(ClientError::Full) => return None,
            Err(error) => panic!("{error}"),
        }
        self.number_next += 1;
        self.told.insert(number, Told::Nothing);
        Some(number)
    }

    /// Sends an order and waits for the first word on it.
    #[track_caller]
    pub(crate) fn order(&mut self, order: NewOrder, passthrough: &[u8]) -> Told {
        let number = self.send(order, passthrough).unwrap();
        self.until(|gate| gate.told[&number] != Told::Nothing);
        self.told[&number]
    }

    /// From now on somebody sells X at 100, as much as anybody wants.
    pub(crate) fn quote(&mut self) {
        let quote = Quote {
            bid: Price::parse("99.5").unwrap(),
            ask: Price::parse("100").unwrap(),
            symbol: SymbolId(0),
            ..Quote::default()
        };
        self.exchange.quote(self.now, &quote);
    }

    /// Asks for an order to be cancelled and returns the number of the request.
    pub(crate) fn cancel(&mut self, order: u64) -> u64 {
        let number = self.number_next;
        let cancel = Cancel {
            client_order_id: id(number),
            original_id: id(order),
            ..Cancel::default()
        };
        self.number_next += 1;
        self.client.cancel(cancel, self.now).unwrap();
        self.told.insert(number, Told::Nothing);
        number
    }

    /// Sends so many orders, all of which are to be refused for this reason first.
    #[track_caller]
    pub(crate) fn refuse(
        &mut self,
        count: u64,
        reason: RejectReason,
        order: impl Fn(u64) -> NewOrder,
        passthrough: &[u8],
    ) {
        let end = self.number_next + count;
        while self.number_next < end {
            let first = self.number_next;
            for number in first..end.min(first + BATCH) {
                assert_eq!(self.send(order(number), passthrough), Some(number));
            }
            let last = self.number_next - 1;
            self.until(|gate| gate.told[&last] != Told::Nothing);
            for number in first..=last {
                let told = self.told.remove(&number);
                let Some(Told::Refused(first, failed)) = told else {
                    panic!("order {number}: {told:?}");
                };
                assert_eq!(first, Some(reason));
                assert!(failed.contains(reason));
            }
        }
    }
}

fn exchange(faults: Faults, now: Nanos) -> Server {
    let options = ServerOptions {
        name: Text::new("exchange").unwrap(),
        gates: vec![(Text::new("portcullis").unwrap(), Key::new(KEY))],
        exchange: ExchangeOptions {
            faults,
            ..ExchangeOptions::default()
        },
        heartbeat: Nanos::from_secs(3_600),
        logon_timeout: Nanos::from_secs(3_600),
        nonce_seed: [1; 32],
        cut: Cut::default(),
    };
    Server::bind((Ipv4Addr::LOCALHOST, 0).into(), options, None, now).unwrap()
}

fn write_key(path: &Path) {
    let digits: String = KEY.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut options = std::fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .unwrap();
    file.write_all(digits.as_bytes()).unwrap();
}

const KEY: [u8; 32] = [7; 32];

/// A limit order to buy 1 at 100, which nobody fills unless somebody quotes.
pub(crate) fn ordinary() -> NewOrder {
    NewOrder {
        price: Price::parse("100").unwrap(),
        qty: Qty::parse("1").unwrap(),
        symbol: SymbolId(0),
        side: Side::Buy as u8,
        order_type: OrderType::Limit as u8,
        time_in_force: TimeInForce::Day as u8,
        ..NewOrder::default()
    }
}

fn id(number: u64) -> Text {
    Text::new(&number.to_string()).unwrap()
}

fn hear(told: &mut BTreeMap<u64, Told>, filled: &mut u64, event: Event<'_>) {
    let (id, now) = match event {
        Event::Execution(_, execution) => {
            let exec = Exec::from_byte(execution.exec).unwrap();
            if exec == Exec::Trade {
                *filled += execution.qty.raw();
            }
            let is_live = matches!(exec, Exec::Accepted | Exec::New);
            let told = if is_live { Told::Live } else { Told::Closed };
            (execution.client_order_id, told)
        }
        Event::Refusal(_, refusal) => (
            refusal.client_order_id,
            Told::Refused(refusal.reason(), refusal.failed),
        ),
        _ => return,
    };
    let number = id.as_str().parse().unwrap();
    // Of an order that was refused nothing more is waited for.
    if let Some(told) = told.get_mut(&number) {
        *told = now;
    }
}

fn config(capacity: &str, limits: &str, exchange: &str) -> String {
    let uid = rustix::process::getuid().as_raw();
    format!(
        r#"
[gateway]
raise_persons = 1
answer_timeout = "1h"
[listen]
tcp = "off"
unix = "strategy.sock"
heartbeat = "1h"
reports_replay = 64
[limits]
{limits}
others = "off"
reference_age_max = "off"
[[account]]
name = "A"
[account.limits]
others = "off"
[[strategy]]
name = "S"
accounts = ["A"]
unix_user = {uid}
acknowledge = true
[[symbol]]
names = ["X", "Y"]
tick = "0.5"
lot = "1"
broker = "exchange"
[[broker]]
name = "exchange"
kind = "native"
breaker = {{ reject_share = "off", rejects = "off", unanswered = "off" }}
[broker.native]
address = "{exchange}"
key_file = "gate.key"
logon_timeout = "1h"
[admin]
socket = "admin.sock"
[[operator]]
name = "operator"
uid = {uid}
[journal]
directory = "journal"
segment_size_bytes = "64MiB"
ahead_bytes = "64KiB"
reserve_bytes = "1MiB"
[threads]
layout = "dedicated"
[capacity]
{capacity}
"#
    )
}
