//! A gate without a core: the market stage, and the other ends of its rings in the hands of the test.

use portcullis::market::client::{ClientOptions, FeedClient};
use portcullis::market::options::{FeedOptions, Options};
use portcullis::market::{MarketStage, Rings};
use portcullis::message::{Frame, Kind, Quote, Scope, Text};
use portcullis::protocol::native::bodies::{Definition, LogoutReason};
use portcullis::protocol::native::key::Key;
use portcullis::ring::{Consumer, ring};
use portcullis::strategy::client::ClientError;
use portcullis::sys::poller::{Doorbell, Poller};
use portcullis::sys::stream::Address;
use portcullis::topology::Stage;
use portcullis::units::{Nanos, Price, Qty, SymbolId};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

/// Enough for anything that happens on loopback; a test that needs more hangs.
pub(crate) const STEPS_MAX: usize = 200_000;
pub(crate) const START: Nanos = Nanos::from_secs(1_700_000_000);
pub(crate) const INTERVAL: Nanos = Nanos::from_millis(1);
pub(crate) const SYMBOLS: usize = 3;

/// The stage, and the other ends of its rings.
pub(crate) struct Gate {
    pub(crate) stage: MarketStage,
    pub(crate) poller: Poller,
    pub(crate) to_risk: Consumer<Frame>,
    pub(crate) to_broker: Consumer<Frame>,
    pub(crate) now: Nanos,
}

pub(crate) fn text(text: &str) -> Text {
    Text::new(text).unwrap()
}

pub(crate) fn key(feed: usize) -> Key {
    Key::new([feed as u8 + 1; 32])
}

pub(crate) fn own_uid() -> u32 {
    rustix::process::getuid().as_raw()
}

pub(crate) fn path() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("portcullis-market-{}-{count}.socket", std::process::id());
    std::env::temp_dir().join(name)
}

pub(crate) fn feed(index: usize, name: &str) -> FeedOptions {
    FeedOptions {
        name: text(name),
        listen: Address::Tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
        key: Some(key(index)),
        uids: Vec::new(),
        interval_min: INTERVAL,
    }
}

/// Two feeds by TCP.
pub(crate) fn options() -> Options {
    let symbol = |id: usize| Definition {
        tick: Price::parse("0.01").unwrap(),
        lot: Qty::parse("1").unwrap(),
        id: id as u32,
        name: text(&format!("S{id}")),
        scope: Scope::Symbol as u8,
        ..Definition::default()
    };
    Options {
        gate: text("gate"),
        feeds: vec![feed(0, "prices"), feed(1, "other")],
        symbols: (0..SYMBOLS).map(symbol).collect(),
        ..Options::default()
    }
}

impl Gate {
    pub(crate) fn new(options: Options) -> Self {
        Self::with_rings(options, 1024, 1024)
    }

    pub(crate) fn with_rings(
        options: Options,
        risk_capacity: usize,
        broker_capacity: usize,
    ) -> Self {
        let mut poller = Poller::new(256).unwrap();
        let (market_to_risk, to_risk) = ring(risk_capacity);
        let (market_to_broker, to_broker) = ring(broker_capacity);
        let rings = Rings {
            market_to_risk,
            risk_doorbell: Doorbell::NONE,
            market_to_broker: vec![market_to_broker],
            broker_doorbell: Doorbell::NONE,
        };
        let stage = MarketStage::open(options, poller.sockets().unwrap(), rings).unwrap();
        Self {
            stage,
            poller,
            to_risk,
            to_broker,
            now: START,
        }
    }

    /// One round of the thread's loop.
    pub(crate) fn step(&mut self) -> usize {
        let stage = &mut self.stage;
        self.poller
            .poll(|_, readiness| stage.ready(readiness))
            .unwrap();
        self.stage.poll(self.now)
    }

    /// Rounds until `done` has something.
    #[track_caller]
    pub(crate) fn until<T>(&mut self, mut done: impl FnMut(&mut Self) -> Option<T>) -> T {
        for _ in 0..STEPS_MAX {
            self.step();
            if let Some(done) = done(self) {
                return done;
            }
        }
        panic!("still not done; {:?}", self.stage.counters());
    }

    pub(crate) fn address(&self, feed: usize) -> Address {
        Address::Tcp(self.stage.tcp_address(feed).unwrap())
    }

    pub(crate) fn client_options(&self, feed: usize, name: &str) -> ClientOptions {
        ClientOptions {
            target: self.address(feed),
            name: text(name),
            key: Some(key(feed)),
            logon_timeout: Nanos::from_secs(5),
            queue_bytes_max: 1 << 20,
        }
    }

    pub(crate) fn connect(&self, feed: usize, name: &str) -> FeedClient {
        FeedClient::connect(self.client_options(feed, name), self.now).unwrap()
    }

    #[track_caller]
    pub(crate) fn until_ready(&mut self, client: &mut FeedClient) {
        self.until(|gate| {
            client.poll(gate.now).unwrap();
            client.is_ready().then_some(())
        });
    }

    /// The first feed, logged on.
    #[track_caller]
    pub(crate) fn log_on(&mut self) -> FeedClient {
        let mut client = self.connect(0, "prices");
        self.until_ready(&mut client);
        assert!(self.stage.is_up(0));
        client
    }

    /// Runs both ends until the client is told that it is over, and why.
    #[track_caller]
    pub(crate) fn until_over(&mut self, client: &mut FeedClient) -> Option<LogoutReason> {
        self.until(|gate| match client.poll(gate.now) {
            Ok(_) => None,
            Err(ClientError::LoggedOut(reason)) => Some(reason),
            Err(error) => panic!("{error}"),
        })
    }

    /// Runs the stage until it has had so many quotes in all.
    #[track_caller]
    pub(crate) fn until_quotes(&mut self, count: u64) {
        self.until(|gate| (gate.stage.counters().quotes == count).then_some(()));
    }

    /// What risk has been handed: symbol, bid, time.
    pub(crate) fn taken(&mut self) -> Vec<(u32, i64, Nanos)> {
        std::iter::from_fn(|| self.to_risk.pop())
            .map(|frame| {
                assert_eq!(frame.kind(), Some(Kind::Quote));
                let quote = frame.body::<Quote>();
                (quote.symbol.0, quote.bid.raw(), frame.header.time)
            })
            .collect()
    }

    pub(crate) fn pass(&mut self, span: Nanos) {
        self.now = self.now.after(span);
    }
}

/// Queues a quote and writes it.
pub(crate) fn send(client: &mut FeedClient, symbol: u32, bid: i64, now: Nanos) {
    let side = |raw: i64| (Price::from_raw(raw), Qty::parse("7").unwrap());
    let sent = client.quote(SymbolId(symbol), side(bid), side(bid + 1), now);
    sent.unwrap();
    client.flush().unwrap();
}
