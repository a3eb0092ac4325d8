//! The native link against the exchange's server, over loopback. One thread polls both ends.

use super::*;
use crate::broker::exchange::{Chance, ExchangeOptions, Faults};
use crate::broker::native::{NativeLink, NativeOptions};
use crate::broker::server::{Cut, Server, ServerOptions};
use crate::message::Text;
use crate::protocol::native::bodies::{Proof, Role};
use crate::protocol::native::key::Key;
use crate::protocol::native::session::{Acceptor, AcceptorOptions, Admission, Heard};
use crate::units::StrategyId;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};

const KEY: [u8; 32] = [7; 32];

fn text(text: &str) -> Text {
    Text::new(text).unwrap()
}

fn server_options() -> ServerOptions {
    ServerOptions {
        name: text("exchange"),
        gates: vec![(text("gate"), Key::new(KEY))],
        exchange: ExchangeOptions {
            has_ledger: true,
            ..ExchangeOptions::default()
        },
        heartbeat: Nanos::from_secs(10),
        logon_timeout: Nanos::from_secs(5),
        nonce_seed: [3; 32],
        cut: Cut::Close,
    }
}

fn native_options(address: SocketAddr) -> NativeOptions {
    NativeOptions::new(address, text("gate"), Key::new(KEY))
}

/// Both ends.
struct Pair {
    rig: Rig,
    server: Server,
    ledger: Vec<Entry>,
}

const POLLS_MAX: usize = 1_000_000;

impl Pair {
    fn new(options: ServerOptions, change: impl FnOnce(&mut NativeOptions)) -> Self {
        let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let server = Server::bind(anywhere, options, None, START).unwrap();
        let mut native = native_options(server.address().unwrap());
        change(&mut native);
        Self {
            rig: Self::rig(native, 0, START),
            server,
            ledger: Vec::new(),
        }
    }

    fn rig(native: NativeOptions, report_sequence_last: u64, now: Nanos) -> Rig {
        let link = NativeLink::new(native, place(report_sequence_last, now));
        let mut rig = Rig::new(Box::new(link), BreakerOptions::off(), 1 << 10);
        rig.now = now;
        rig
    }

    fn poll_server(&mut self) -> usize {
        let count = self.server.poll(self.rig.now);
        self.ledger.extend(self.server.take_ledger());
        count
    }

    fn poll(&mut self) -> usize {
        let count = self.rig.poll() + self.poll_server();
        if count == 0 {
            // The kernel may have something under way.
            std::thread::yield_now();
        }
        count
    }

    /// Polls both ends until it is so. Time moves only in the pauses of the link.
    fn until(&mut self, what: &str, mut is_so: impl FnMut(&mut Self) -> bool) {
        for _ in 0..POLLS_MAX {
            if is_so(self) {
                return;
            }
            if self.poll() == 0 && self.rig.link() == Some(LinkState::Down) {
                self.rig.wait(Nanos::from_raw(200_000));
            }
        }
        panic!(
            "not within {POLLS_MAX} polls: {what}; told {:?}",
            self.rig.told()
        );
    }

    fn until_up(&mut self) {
        self.until("the link is up", |pair| {
            pair.rig.link() == Some(LinkState::Up)
        });
    }
}

#[test]
fn an_order_goes_over_the_wire_and_its_reports_come_back() {
    let mut pair = Pair::new(server_options(), |_| {});
    pair.until_up();
    pair.rig.buy(1);
    pair.rig.cancel(1, 1);
    pair.until("two reports", |pair| pair.rig.count(Exec::Canceled) == 1);
    assert_eq!(
        pair.rig.told(),
        [
            Told::Link(LinkState::Down),
            Told::Link(LinkState::Up),
            Told::Report(1, Exec::New, 0),
            Told::Report(1, Exec::Canceled, 0),
        ]
    );
    assert_all_reports_came(&pair.ledger, &pair.rig.told);
    let mut is_done = false;
    pair.until("drained", |pair| {
        is_done |= pair.rig.stage.drain(pair.rig.now);
        is_done
    });
}

/// As the core does: on loss what is unanswered is in doubt; when the link is up, it is asked for.
#[derive(Default)]
struct Desk {
    unanswered: BTreeSet<u64>,
    /// Still to be asked for.
    asking: Vec<u64>,
    fate: BTreeMap<u64, &'static str>,
    seen: usize,
}

impl Desk {
    fn take(&mut self, rig: &mut Rig) {
        while let Some(frame) = rig.told.get(self.seen) {
            let told = told(frame);
            self.seen += 1;
            match told {
                Told::Link(LinkState::Up) => {
                    self.asking = self.unanswered.iter().copied().collect();
                }
                Told::Link(LinkState::Down) => self.asking.clear(),
                Told::Link(_) => {}
                Told::Report(_, Exec::CancelRejected, _) => {}
                Told::Report(serial, exec, reason) => {
                    self.unanswered.remove(&serial);
                    let heard = match (exec, reason) {
                        (Exec::NotReceived, 0) => "never received",
                        (Exec::NotReceived, _) => "never sent",
                        _ => "known",
                    };
                    let before = *self.fate.entry(serial).or_insert(heard);
                    // A cancel that waited for the link hears the same of an order never sent.
                    let is_same =
                        before == heard || (before, heard) == ("never sent", "never received");
                    assert!(is_same, "order {serial}: {before}, {heard}");
                }
            }
        }
        let room = rig.requests.free_count().min(self.asking.len());
        for serial in self.asking.drain(..room) {
            rig.status(serial);
        }
    }
}

fn flap(cut: Cut, seed: u64, orders_count: u64, disconnect_requests: u64) -> u64 {
    let mut options = server_options();
    options.cut = cut;
    options.exchange.seed = seed;
    options.exchange.faults = Faults {
        disconnect_requests,
        ..Faults::default()
    };
    let mut pair = Pair::new(options, |native| {
        native.jitter_seed = seed;
        (native.reconnect_min, native.reconnect_max) =
            (Nanos::from_millis(1), Nanos::from_millis(20));
    });
    let (mut desk, mut chance) = (Desk::default(), Chance::new(seed));
    pair.until_up();
    for serial in 1..=orders_count {
        pair.rig.buy(serial);
        desk.unanswered.insert(serial);
        if chance.happens(200_000) {
            pair.rig.cancel(serial, 1);
        }
        // Now one end works ahead, now the other.
        for _ in 0..chance.up_to(3) {
            match chance.up_to(2) {
                0 => pair.rig.poll(),
                1 => pair.poll_server(),
                _ => pair.poll(),
            };
        }
        desk.take(&mut pair.rig);
        if chance.happens(300_000) {
            pair.rig.wait(Nanos::from_millis(5));
        }
    }
    pair.until("every order's fate is known", |pair| {
        desk.take(&mut pair.rig);
        desk.unanswered.is_empty()
    });
    assert_eq!(desk.fate.len() as u64, orders_count, "seed {seed}");
    let received = received_once(&pair.ledger);
    for (serial, fate) in &desk.fate {
        assert_eq!(
            received.contains(serial),
            *fate == "known",
            "seed {seed}: {serial} {fate}"
        );
    }
    pair.until("every report has come", |pair| {
        let next = pair
            .server
            .exchange()
            .report_next(pair.server.party(0).unwrap());
        pair.rig
            .told
            .iter()
            .filter(|frame| frame.header.sequence != 0)
            .count() as u64
            == next - 1
    });
    assert_all_reports_came(&pair.ledger, &pair.rig.told);
    pair.server.logons_count()
}

#[test]
fn a_flapping_link_loses_nothing_and_sends_nothing_twice() {
    for (seed, cut) in (1..).zip([Cut::Close, Cut::MidMessage, Cut::Reset].repeat(4)) {
        let logons = flap(cut, seed, 400, 23);
        assert!(logons > 5, "{cut:?}: {logons} logons");
    }
}

#[test]
fn a_hundred_cuts_lose_nothing() {
    let logons = flap(Cut::MidMessage, 77, 2_000, 5);
    assert!(logons > 100, "{logons} logons");
}

#[test]
fn what_a_dead_gate_sent_is_read_before_its_successor_is_answered() {
    let mut pair = Pair::new(server_options(), |_| {});
    pair.until_up();
    // More than the broker reads at a time.
    for serial in 1..=3_000 {
        pair.rig.buy(serial);
    }
    // The kernel has what it takes; the broker has read nothing of it; the gate dies.
    while pair.rig.poll() != 0 {}
    let native = native_options(pair.server.address().unwrap());
    pair.rig = Pair::rig(native, 0, pair.rig.now);
    // The successor knocks before the broker looks.
    for _ in 0..100 {
        pair.rig.poll();
    }
    pair.until_up();
    // All that was missed came before the link was up, and what did not leave never arrives.
    let new = pair.rig.count(Exec::New);
    assert!(1_024 < new, "{new}");
    for serial in 1..=3_000 {
        pair.rig.status(serial);
    }
    pair.until("all answers", |pair| {
        pair.rig.count(Exec::Status) + pair.rig.count(Exec::NotReceived) == 3_000
    });
    assert_eq!(pair.rig.count(Exec::Status), new);
    assert_eq!(received_once(&pair.ledger).len(), new);
}

#[test]
fn a_living_session_is_not_pushed_aside_by_its_double() {
    let mut pair = Pair::new(server_options(), |_| {});
    pair.until_up();
    let mut double = Pair::rig(native_options(pair.server.address().unwrap()), 0, START);
    for _ in 0..200 {
        double.poll();
        pair.poll();
    }
    double.now = double.now.after(Nanos::from_secs(5));
    pair.rig.wait(Nanos::from_secs(5));
    for _ in 0..200 {
        double.poll();
        pair.poll();
    }
    assert_eq!(double.links(), [LinkState::Down]);
    pair.rig.buy(1);
    pair.until("the first still trades", |pair| {
        pair.rig.count(Exec::New) == 1
    });
}

#[test]
fn a_slow_broker_fills_a_bounded_queue_and_cancels_go_first() {
    let mut pair = Pair::new(server_options(), |native| {
        (native.orders_max, native.cancels_max) = (50, 20);
    });
    pair.until_up();
    pair.rig.buy(1);
    pair.until("the first order stands", |pair| {
        pair.rig.count(Exec::New) == 1
    });
    // The broker reads nothing. What the kernel takes is gone; then the queue fills.
    let mut serial = 1;
    while pair.rig.link() != Some(LinkState::BreakerOpen) {
        serial += 1;
        pair.rig.buy(serial);
        pair.rig.poll();
        assert!(serial < 1_000_000);
    }
    let full = Told::Report(serial, Exec::NotReceived, Unsent::OutboundFull as u16);
    assert!(pair.rig.told().contains(&full));
    // Cancels have room of their own, and that is bounded too.
    pair.rig.cancel(1, 1);
    for request in 2..=21 {
        pair.rig.cancel(1, request);
    }
    pair.rig.poll();
    let refused = Told::Report(1, Exec::CancelRejected, Unsent::OutboundFull as u16);
    assert_eq!(
        pair.rig
            .told()
            .iter()
            .filter(|&&told| told == refused)
            .count(),
        1
    );
    // The broker reads again: the cancel overtakes the orders that wait in the gate.
    pair.until("all has been read", |pair| {
        received_once(&pair.ledger).len() as u64 == serial - 1
    });
    let kinds: Vec<Option<Kind>> = pair
        .ledger
        .iter()
        .filter(|entry| entry.way == Way::Received)
        .map(|entry| entry.frame.kind())
        .collect();
    let cancel = kinds
        .iter()
        .position(|kind| *kind == Some(Kind::BrokerCancel));
    assert_eq!(
        kinds.len() - cancel.unwrap(),
        20 + 50,
        "20 cancels, then the 50 that waited"
    );
}

#[test]
fn a_link_lost_in_the_middle_of_an_order_leaves_that_one_in_doubt_and_answers_the_rest() {
    let mut pair = Pair::new(server_options(), |native| native.orders_max = 5_000);
    pair.until_up();
    let mut desk = Desk::default();
    // As much as the kernel takes, and more: somewhere an order is cut.
    for serial in 1..=40_000 {
        pair.rig.buy(serial);
        desk.unanswered.insert(serial);
        if serial % 200 == 0 {
            pair.rig.poll();
        }
    }
    // The broker has read nothing, and now it never will: the connection is reset.
    let address = pair.server.address().unwrap();
    drop(std::mem::replace(
        &mut pair.server,
        Server::bind(
            (Ipv4Addr::LOCALHOST, 0).into(),
            server_options(),
            None,
            START,
        )
        .unwrap(),
    ));
    for _ in 0..100_000 {
        pair.rig.poll();
        if pair.rig.link() == Some(LinkState::Down)
            && pair.rig.stage.brokers[0].link.deadline() > pair.rig.now
        {
            break;
        }
    }
    desk.take(&mut pair.rig);
    pair.server = Server::bind(address, server_options(), None, START).unwrap();
    pair.until("every order's fate is known", |pair| {
        desk.take(&mut pair.rig);
        desk.unanswered.is_empty()
    });
    let never_sent = desk
        .fate
        .values()
        .filter(|fate| **fate == "never sent")
        .count();
    let never_received = desk
        .fate
        .values()
        .filter(|fate| **fate == "never received")
        .count();
    assert!(
        never_sent > 0 && never_received > 0,
        "{never_sent} {never_received}"
    );
    assert_eq!(never_sent + never_received, 40_000);
    assert!(received_once(&pair.ledger).is_empty());
}

#[test]
fn reports_that_are_no_longer_kept_keep_the_link_down_unless_accepted() {
    for accepts in [false, true] {
        let mut options = server_options();
        options.exchange.history_max = 10;
        let mut pair = Pair::new(options, |_| {});
        pair.until_up();
        for serial in 1..=100 {
            pair.rig.buy(serial);
        }
        pair.until("all", |pair| pair.rig.count(Exec::New) == 100);
        let mut native = native_options(pair.server.address().unwrap());
        native.accepts_missed_reports = accepts;
        pair.rig = Pair::rig(native, 50, pair.rig.now);
        for _ in 0..20_000 {
            if pair.poll() == 0 {
                pair.rig.wait(Nanos::from_millis(1));
            }
        }
        let up = pair.rig.links().contains(&LinkState::Up);
        assert_eq!(up, accepts);
        if accepts {
            assert_eq!(pair.rig.count(Exec::New), 10);
        }
    }
}

#[test]
fn a_wrong_key_stays_outside_and_calls_ever_more_rarely() {
    let mut pair = Pair::new(server_options(), |native| native.key = Key::new([8; 32]));
    let mut calls = Vec::new();
    let mut nonces = 0;
    for _ in 0..60_000 {
        pair.poll();
        let deadline = pair.rig.stage.brokers[0].link.deadline();
        if deadline > pair.rig.now.after(Nanos::from_millis(40)) && calls.last() != Some(&deadline)
        {
            calls.push(deadline);
        }
        pair.rig.wait(Nanos::from_millis(1));
        nonces += 1;
    }
    assert_eq!(pair.rig.links(), [LinkState::Down]);
    assert_eq!(pair.server.logons_count(), 0);
    // 60 s: the pauses reach 5 s after a few calls.
    assert!(nonces == 60_000 && calls.len() < 60, "{}", calls.len());
}

#[test]
fn a_silent_broker_is_taken_for_dead_after_two_and_a_half_intervals() {
    let mut pair = Pair::new(server_options(), |_| {});
    pair.until_up();
    let quiet_since = pair.rig.now;
    while pair.rig.link() == Some(LinkState::Up) {
        pair.rig.wait(Nanos::from_secs(1));
        pair.rig.poll();
    }
    assert_eq!(pair.rig.now.since(quiet_since), Nanos::from_secs(25));
    pair.until_up();
}

#[test]
fn garbage_ends_the_session_and_nothing_of_it_reaches_risk() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let native = native_options(listener.local_addr().unwrap());
    let mut rig = Pair::rig(native, 0, START);
    let mut peer: Option<TcpStream> = None;
    let mut received = Vec::new();
    for _ in 0..10_000 {
        rig.poll();
        if let (None, Ok((mut stream, _))) = (&peer, listener.accept()) {
            stream.write_all(&[0xee; 1_000]).unwrap();
            stream.set_nonblocking(true).unwrap();
            peer = Some(stream);
        }
        if let Some(stream) = &mut peer {
            let mut bytes = [0; 4_096];
            if let Ok(size) = stream.read(&mut bytes) {
                received.extend_from_slice(&bytes[..size]);
            }
        }
        std::thread::yield_now();
    }
    assert_eq!(rig.told(), [Told::Link(LinkState::Down)]);
    let logout = Frame::from_bytes(received[..128].try_into().unwrap());
    assert_eq!(logout.kind(), Some(Kind::Logout));
}

/// A broker's end that does nothing by itself: the handshake, then whatever the test wants.
fn shake_hands(listener: &TcpListener, rig: &mut Rig) -> TcpStream {
    let options = AcceptorOptions {
        name: text("exchange"),
        role: Role::Gate,
        proof: Proof::Key,
        heartbeat: Nanos::from_secs(1_000),
        logon_timeout: Nanos::from_secs(5),
    };
    let (mut acceptor, challenge) = Acceptor::new(&options, [1; 32], START);
    let mut stream = loop {
        rig.poll();
        if let Ok((stream, _)) = listener.accept() {
            break stream;
        }
    };
    stream.set_nonblocking(true).unwrap();
    stream.write_all(challenge.bytes()).unwrap();
    let (mut bytes, mut size) = ([0; 128], 0);
    while size < bytes.len() {
        rig.poll();
        size += stream.read(&mut bytes[size..]).unwrap_or(0);
    }
    let logon = Frame::from_bytes(&bytes);
    let Ok(Heard::Logon(logon)) = acceptor.receive(&logon, START) else {
        panic!("no logon");
    };
    let admission = Admission {
        key: Some(&Key::new(KEY)),
        is_permitted: false,
        is_in_use: false,
        strategy: StrategyId(0),
        command_sequence_next: 1,
        report_sequence_next: 1,
        report_sequence_oldest: 1,
        definition_count: 0,
    };
    let welcome = acceptor.admit(logon, &admission, START).unwrap();
    stream.write_all(welcome.bytes()).unwrap();
    while rig.link() != Some(LinkState::Up) {
        rig.poll();
    }
    stream
}

#[test]
fn in_doubt_is_exactly_what_began_to_leave() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let native = native_options(listener.local_addr().unwrap());
    let mut rig = Pair::rig(native, 0, START);
    let mut stream = shake_hands(&listener, &mut rig);
    let mut serial = 0;
    while rig.link() != Some(LinkState::BreakerOpen) {
        serial += 1;
        rig.buy(serial);
        rig.poll();
    }
    // The broker is done speaking; what the kernel has taken still arrives.
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    while rig.link() != Some(LinkState::Down) {
        rig.poll();
    }
    while rig.poll() > 1 {}
    let mut received = Vec::new();
    stream.set_nonblocking(false).unwrap();
    stream.read_to_end(&mut received).unwrap();
    let begun = received.len().div_ceil(128) as u64;
    let answered: BTreeSet<u64> = rig
        .told()
        .iter()
        .filter_map(|told| match told {
            Told::Report(serial, Exec::NotReceived, _) => Some(*serial),
            _ => None,
        })
        .collect();
    assert_eq!(answered, (begun + 1..=serial).collect());
    assert!(answered.len() > 4_096, "the queue and what lay in the wire");
}
