//! Sessions: who gets in, what ends it, and what follows.

use crate::harness::{Gate, INTERVAL, START, key, options, own_uid, path, send, text};
use portcullis::market::client::{ClientOptions, FeedClient};
use portcullis::market::options::{FeedOptions, Options};
use portcullis::message::{Frame, Header, Kind, NewOrder, Quote};
use portcullis::protocol::native::bodies::{Logout, LogoutReason, Role};
use portcullis::protocol::native::key::Key;
use portcullis::protocol::native::parser::DecodeError;
use portcullis::protocol::native::session::{Initiator, InitiatorOptions, Told};
use portcullis::strategy::client::{self, ClientError, StrategyClient};
use portcullis::sys::stream::{Address, Stream};
use portcullis::topology::Stage;
use portcullis::units::Nanos;
use std::io::{ErrorKind, IoSlice};

#[test]
fn who_is_not_the_feed_of_this_place_is_refused() {
    let mut gate = Gate::new(options());
    let good = gate.client_options(0, "prices");
    let wrong = [
        ClientOptions {
            key: Some(key(7)),
            ..good.clone()
        },
        ClientOptions {
            name: text("nobody"),
            ..good.clone()
        },
        // The other feed, with its own key, at this one's place.
        ClientOptions {
            name: text("other"),
            key: Some(key(1)),
            ..good.clone()
        },
    ];
    for options in wrong {
        let mut client = FeedClient::connect(options, START).unwrap();
        let reason = gate.until_over(&mut client);
        assert_eq!(reason, Some(LogoutReason::LogonRefused));
    }
    // A strategy of the same name and key.
    let options = client::ClientOptions {
        target: good.target.clone(),
        name: good.name,
        key: good.key.clone(),
        report_sequence_last: 0,
        logon_timeout: Nanos::from_secs(5),
        queue_bytes_max: 0,
    };
    let mut strategy = StrategyClient::connect(options, START).unwrap();
    let reason = gate.until(|gate| match strategy.poll(gate.now, |_| {}) {
        Err(ClientError::LoggedOut(reason)) => Some(reason),
        _ => None,
    });
    assert_eq!(reason, Some(LogoutReason::LogonRefused));
    assert_eq!(gate.stage.counters().logons_refused, 4);
    assert!(!gate.stage.is_up(0) && !gate.stage.is_up(1));
    gate.log_on();
}

#[test]
fn over_a_unix_socket_the_user_or_the_key_says_who_it_is() {
    let place = |name: &str, key: Option<Key>, uids: &[u32]| FeedOptions {
        name: text(name),
        listen: Address::Unix(path()),
        key,
        uids: uids.to_vec(),
        interval_min: INTERVAL,
    };
    let feeds = vec![
        place("mine", None, &[own_uid()]),
        place("theirs", None, &[own_uid() + 1]),
        place("keyed", Some(key(2)), &[]),
    ];
    let paths: Vec<_> = feeds.iter().map(|feed| feed.listen.clone()).collect();
    let mut gate = Gate::new(Options { feeds, ..options() });
    let mut log_on = |feed: usize, name: &str, key: Option<Key>| {
        let options = ClientOptions {
            target: paths[feed].clone(),
            name: text(name),
            key,
            logon_timeout: Nanos::from_secs(5),
            queue_bytes_max: 0,
        };
        let mut client = FeedClient::connect(options, START).unwrap();
        gate.until(|gate| match client.poll(gate.now) {
            Ok(_) => client.is_ready().then_some(None),
            Err(ClientError::LoggedOut(reason)) => Some(reason),
            Err(ClientError::Fault(fault)) => Some(Some(fault.reason)),
            Err(error) => panic!("{error}"),
        })
    };
    assert_eq!(log_on(0, "mine", None), None);
    assert_eq!(log_on(1, "theirs", None), Some(LogoutReason::LogonRefused));
    assert_eq!(log_on(2, "keyed", Some(key(2))), None);
    assert_eq!(
        log_on(2, "keyed", None),
        Some(LogoutReason::AcceptorRefused),
        "where a key is configured the user alone is not enough"
    );
    drop(gate);
    for address in paths {
        let Address::Unix(path) = address else {
            continue;
        };
        assert!(!path.exists());
    }
}

/// A feed that sends whatever a test wants.
struct Raw {
    stream: Stream,
    session: Initiator,
    bytes: Vec<u8>,
}

impl Raw {
    /// Logged on as the first feed.
    fn log_on(gate: &mut Gate) -> Self {
        let options = InitiatorOptions {
            name: text("prices"),
            role: Role::Feed,
            key: Some(key(0)),
            report_sequence_last: 0,
            salt: [9; 12],
            logon_timeout: Nanos::from_secs(5),
        };
        let mut raw = Self {
            stream: Stream::connect(&gate.address(0)).unwrap(),
            session: Initiator::new(options, gate.now),
            bytes: Vec::new(),
        };
        gate.until(|gate| {
            let frame = raw.read()?;
            if let Ok(Told::Challenge(logon)) = raw.session.receive(&frame, gate.now) {
                raw.write(&logon);
            }
            raw.session.is_ready().then_some(())
        });
        raw
    }

    fn read(&mut self) -> Option<Frame> {
        let mut space = [0; 128];
        let missing = 128 - self.bytes.len();
        match self.stream.read(&mut space[..missing]) {
            Ok(size) => self.bytes.extend(&space[..size]),
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
        let frame = Frame::from_bytes(self.bytes.as_slice().try_into().ok()?);
        self.bytes.clear();
        Some(frame)
    }

    fn write(&mut self, frame: &Frame) {
        let size = self.stream.write(&[IoSlice::new(frame.bytes())]).unwrap();
        assert_eq!(size, 128);
    }
}

#[test]
fn what_is_no_quote_in_sequence_ends_the_session() {
    let good = |sequence: u64| {
        let header = Header {
            sequence,
            ..Header::default()
        };
        Frame::new(Kind::Quote, header, Quote::default())
    };
    let mut reserved = good(1);
    *reserved.bytes_mut().last_mut().unwrap() = 1;
    let mut continued = good(1);
    continued.header.continuation_count = 1;
    let order = Frame::new(Kind::NewOrder, good(1).header, NewOrder::default());
    let malformed = |error: DecodeError| (LogoutReason::Malformed, error as u16);
    let cases = [
        (reserved, malformed(DecodeError::ReservedNotZero)),
        (continued, malformed(DecodeError::ContinuationCountWrong)),
        (order, malformed(DecodeError::KindNotAllowed)),
        (good(2), (LogoutReason::SequenceGap, 0)),
        (good(0), (LogoutReason::SequenceRepeated, 0)),
    ];
    let mut gate = Gate::new(options());
    for (at, (frame, expected)) in cases.into_iter().enumerate() {
        let mut raw = Raw::log_on(&mut gate);
        raw.write(&frame);
        let logout = gate.until(|_| raw.read());
        assert_eq!(logout.kind(), Some(Kind::Logout), "case {at}");
        let logout = logout.body::<Logout>();
        assert_eq!((logout.reason().unwrap(), logout.detail), expected);
        assert!(!gate.stage.is_up(0));
        assert_eq!(gate.stage.counters().faults, at as u64 + 1);
    }
    assert_eq!(gate.taken(), []);
    assert_eq!(gate.stage.counters().quotes, 0);
    let mut raw = Raw::log_on(&mut gate);
    raw.write(&good(1));
    gate.until_quotes(1);
}

#[test]
fn a_feed_that_is_lost_sends_nothing_and_may_come_back() {
    let mut gate = Gate::new(options());
    let mut client = gate.log_on();
    send(&mut client, 0, 100, START);
    gate.until_quotes(1);
    assert_eq!(gate.taken().len(), 1);

    let mut second = gate.connect(0, "prices");
    assert_eq!(
        gate.until_over(&mut second),
        Some(LogoutReason::SessionInUse)
    );
    assert!(gate.stage.is_up(0), "the first one stays");
    drop(client);
    gate.until(|gate| (!gate.stage.is_up(0)).then_some(()));
    for _ in 0..100 {
        gate.pass(Nanos::from_secs(1));
        gate.step();
    }
    assert_eq!(gate.taken(), []);
    second.reconnect(gate.now).unwrap();
    gate.until_ready(&mut second);
    send(&mut second, 0, 101, gate.now);
    gate.until_quotes(2);
    assert_eq!(gate.taken(), [(0, 101, gate.now)]);
}

#[test]
fn who_is_silent_is_dropped_and_heartbeats_are_enough_to_stay() {
    let mut gate = Gate::new(options());
    let mut client = gate.log_on();
    for _ in 0..40 {
        gate.pass(Nanos::from_secs(1));
        // What is on its way arrives before the time goes on.
        for _ in 0..3 {
            client.poll(gate.now).unwrap();
            gate.step();
        }
    }
    assert!(gate.stage.is_up(0));
    let last_heard = gate.now;
    for _ in 0..12 {
        gate.pass(Nanos::from_secs(1));
        gate.step();
    }
    assert!(gate.stage.is_up(0));
    gate.pass(Nanos::from_secs(1));
    gate.step();
    assert!(!gate.stage.is_up(0), "two and a half intervals are over");
    // The feed was away, so it must not notice that the gate was silent too.
    gate.now = last_heard;
    assert_eq!(gate.until_over(&mut client), Some(LogoutReason::PeerSilent));
}

#[test]
fn who_does_not_log_on_gives_way() {
    let options = Options {
        half_open_max: 3,
        ..options()
    };
    let mut gate = Gate::new(options);
    let mut client = gate.log_on();
    let idle: Vec<_> = (0..10)
        .map(|at| {
            let stream = Stream::connect(&gate.address(at % 2)).unwrap();
            let count = at as u64 + 2;
            gate.until(|gate| (gate.stage.counters().connections == count).then_some(()));
            stream
        })
        .collect();
    assert_eq!(gate.stage.counters().evictions, 7);
    send(&mut client, 0, 100, START);
    gate.until_quotes(1);
    let mut other = gate.connect(1, "other");
    gate.until_ready(&mut other);
    drop(idle);
}

#[test]
fn after_a_restart_nothing_is_pending_and_feeds_come_back() {
    let mut gate = Gate::new(options());
    let mut client = gate.log_on();
    for bid in [100, 101] {
        send(&mut client, 0, bid, START);
    }
    gate.until_quotes(2);
    assert_eq!(gate.taken().len(), 1);
    assert!(gate.stage.restart(gate.now));
    assert!(!gate.stage.is_up(0));
    gate.pass(Nanos::from_secs(1));
    gate.step();
    assert_eq!(gate.taken(), []);
    gate.until(|gate| client.poll(gate.now).err().map(|_| ()));
    client.reconnect(gate.now).unwrap();
    gate.until_ready(&mut client);
    send(&mut client, 0, 102, gate.now);
    gate.until_quotes(3);
    assert_eq!(gate.taken(), [(0, 102, gate.now)]);
}

#[test]
fn a_gate_that_stops_says_goodbye_and_takes_nobody_in() {
    let mut gate = Gate::new(options());
    let mut client = gate.log_on();
    let address = gate.address(0);
    let idle = Stream::connect(&gate.address(1)).unwrap();
    gate.until(|gate| (gate.stage.counters().connections == 2).then_some(()));
    send(&mut client, 0, 100, START);
    gate.until_quotes(1);
    send(&mut client, 0, 101, START);
    gate.until_quotes(2);
    assert!(!gate.stage.drain(gate.now));
    assert_eq!(gate.until_over(&mut client), Some(LogoutReason::Shutdown));
    assert!(Stream::connect(&address).is_err());
    drop(client);
    // The one that never closes is not waited for beyond its time.
    gate.pass(options().linger);
    assert!(gate.stage.drain(gate.now));
    assert_eq!(gate.taken().len(), 1, "what was pending is dropped");
    drop(idle);
}
