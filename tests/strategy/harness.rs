//! A gate without a core: the strategy stage, and both ends of its rings in the hands of the test.

use portcullis::message::{
    Execution, Frame, Header, Kind, LinkState, NewOrder, OrderType, Refusal, SessionChange, Side,
    Text, TimeInForce, flags,
};
use portcullis::protocol::native::bodies::LogoutReason;
use portcullis::protocol::native::client::{Event, Order};
use portcullis::protocol::native::key::Key;
use portcullis::ring::{Consumer, Producer, ring};
use portcullis::strategy::client::{ClientError, ClientOptions, StrategyClient, Target};
use portcullis::strategy::options::{
    CancelOnDisconnect, Options, SessionOptions, SessionStart, SymbolOptions,
};
use portcullis::strategy::{Rings, StrategyStage};
use portcullis::sys::poller::{Doorbell, Poller};
use portcullis::topology::Stage;
use portcullis::units::{AccountId, Nanos, Price, Qty, StrategyId};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

/// Enough for anything that happens on loopback; a test that needs more hangs.
pub(crate) const STEPS_MAX: usize = 200_000;
pub(crate) const START: Nanos = Nanos::from_secs(1_700_000_000);

pub(crate) struct Gate {
    pub(crate) stage: StrategyStage,
    pub(crate) poller: Poller,
    /// What risk was handed.
    pub(crate) to_risk: Consumer<Frame>,
    /// What risk reports.
    pub(crate) reports: Producer<Frame>,
    pub(crate) now: Nanos,
    pub(crate) unix: PathBuf,
    report_sequences: Vec<u64>,
}

pub(crate) fn text(text: &str) -> Text {
    Text::new(text).unwrap()
}

pub(crate) fn key(strategy: usize) -> Key {
    Key::new([strategy as u8 + 1; 32])
}

pub(crate) fn session(index: usize, name: &str) -> SessionOptions {
    SessionOptions {
        name: text(name),
        key: Some(key(index)),
        uids: vec![rustix::process::getuid().as_raw()],
        accounts: vec![AccountId(index as u32)],
        cancel_on_disconnect: CancelOnDisconnect::Never,
        start: SessionStart::default(),
    }
}

/// Two strategies, two accounts, one symbol.
pub(crate) fn options() -> Options {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let path = format!("portcullis-strategy-{}-{count}.socket", std::process::id());
    Options {
        gate: text("gate"),
        tcp: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
        unix: Some(std::env::temp_dir().join(path)),
        sessions: vec![session(0, "alpha"), session(1, "beta")],
        accounts: vec![text("A0"), text("A1")],
        symbols: vec![SymbolOptions {
            name: text("AAPL"),
            tick: Price::parse("0.01").unwrap(),
            lot: Qty::parse("1").unwrap(),
        }],
        ..Options::default()
    }
}

impl Gate {
    pub(crate) fn new(options: Options) -> Self {
        Self::with_ring(options, 4096)
    }

    pub(crate) fn with_ring(options: Options, capacity: usize) -> Self {
        let mut poller = Poller::new(256).unwrap();
        let (strategy_to_risk, to_risk) = ring(capacity);
        let (reports, risk_to_strategy) = ring(4096);
        let rings = Rings {
            strategy_to_risk,
            risk_doorbell: Doorbell::NONE,
            risk_to_strategy,
        };
        let unix = options.unix.clone().unwrap();
        let starts = options
            .sessions
            .iter()
            .map(|session| session.start.report_sequence);
        let report_sequences = starts.collect();
        let sockets = poller.sockets().unwrap();
        let stage = StrategyStage::open(options, sockets, rings).unwrap();
        Self {
            stage,
            poller,
            to_risk,
            reports,
            now: START,
            unix,
            report_sequences,
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

    /// The next frame for risk.
    #[track_caller]
    pub(crate) fn next(&mut self) -> Frame {
        self.until(|gate| gate.to_risk.pop())
    }

    /// The next frame for risk, which must be a change of a session: its strategy and what it says.
    #[track_caller]
    pub(crate) fn next_change(&mut self) -> (u32, LinkState, bool) {
        let frame = self.next();
        assert_eq!(frame.header.time, self.now);
        change(&frame)
    }

    /// As [`Gate::next_change`], but of some time before.
    #[track_caller]
    pub(crate) fn next_change_before(&mut self) -> (u32, LinkState, bool) {
        change(&self.next())
    }

    pub(crate) fn client_options(&self, strategy: usize, name: &str) -> ClientOptions {
        ClientOptions {
            target: Target::Tcp(self.stage.tcp_address().unwrap()),
            name: text(name),
            key: Some(key(strategy)),
            report_sequence_last: 0,
            logon_timeout: Nanos::from_secs(5),
            queue_bytes_max: 1 << 20,
        }
    }

    /// A client that is logged on; risk has been told.
    #[track_caller]
    pub(crate) fn log_on(&mut self, strategy: usize, name: &str) -> StrategyClient {
        let options = self.client_options(strategy, name);
        let mut client = StrategyClient::connect(options, self.now).unwrap();
        self.until_ready(&mut client);
        assert_eq!(self.next_change(), (strategy as u32, LinkState::Up, false));
        client
    }

    /// Runs both ends until the client may send orders; how many reports it has missed.
    #[track_caller]
    pub(crate) fn until_ready(&mut self, client: &mut StrategyClient) -> u64 {
        self.until(|gate| {
            let mut ready = None;
            client
                .poll(gate.now, |event| {
                    if let Event::Ready { missed } = event {
                        ready = Some(missed);
                    }
                })
                .unwrap();
            ready
        })
    }

    /// Runs both ends until the client is told that it is over, and why.
    #[track_caller]
    pub(crate) fn until_over(&mut self, client: &mut StrategyClient) -> Option<LogoutReason> {
        self.until(|gate| match client.poll(gate.now, |_| {}) {
            Ok(_) => None,
            Err(ClientError::LoggedOut(reason)) => Some(reason),
            Err(error) => panic!("{error}"),
        })
    }

    /// Runs both ends until the client has so many reports; their sequences.
    #[track_caller]
    pub(crate) fn until_reports(&mut self, client: &mut StrategyClient, count: usize) -> Vec<u64> {
        let mut sequences = Vec::new();
        self.until(|gate| {
            client
                .poll(gate.now, |event| {
                    if let Event::Execution(header, _) = event {
                        sequences.push(header.sequence);
                    }
                })
                .unwrap();
            (sequences.len() == count).then_some(())
        });
        sequences
    }

    /// Risk reports something to a strategy.
    pub(crate) fn report(&mut self, strategy: usize) {
        self.report_sequences[strategy] += 1;
        let report = report(strategy, self.report_sequences[strategy]);
        self.reports.push(report).unwrap();
    }

    /// Risk refuses something that the journal has no room to remember.
    pub(crate) fn refuse_uncounted(&mut self, strategy: usize) {
        let header = report(strategy, 0).header;
        let refusal = Frame::new(Kind::Refusal, header, Refusal::default());
        self.reports.push(refusal).unwrap();
    }
}

pub(crate) fn report(strategy: usize, sequence: u64) -> Frame {
    // A flag between stages is nobody's business on the wire: clients refuse it.
    let header = Header {
        sequence,
        strategy: StrategyId(strategy as u32),
        flags: flags::BUSY,
        ..Header::default()
    };
    Frame::new(Kind::Execution, header, Execution::default())
}

#[track_caller]
fn change(frame: &Frame) -> (u32, LinkState, bool) {
    assert_eq!(frame.kind(), Some(Kind::SessionChange), "{frame:?}");
    let body = frame.body::<SessionChange>();
    let state = LinkState::from_byte(body.state).unwrap();
    (frame.header.strategy.0, state, body.cancel_orders == 1)
}

/// An order by a client that is ready.
pub(crate) fn order(client: &StrategyClient, account: &str, id: &str) -> NewOrder {
    let order = Order {
        account,
        symbol: "AAPL",
        id,
        side: Side::Buy,
        order_type: OrderType::Limit,
        time_in_force: TimeInForce::Day,
        price: Price::parse("100").unwrap(),
        qty: Qty::parse("1").unwrap(),
    };
    client.names().new_order(&order).unwrap()
}
