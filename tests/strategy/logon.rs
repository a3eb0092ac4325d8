//! Who gets in.

use crate::harness::{Gate, START, key, options, text};
use portcullis::message::{Frame, Kind, LinkState, Text};
use portcullis::protocol::native::bodies::{Challenge, LogoutReason, Role};
use portcullis::protocol::native::key::Key;
use portcullis::protocol::native::session::{Initiator, InitiatorOptions, Told};
use portcullis::strategy::Rings;
use portcullis::strategy::StrategyStage;
use portcullis::strategy::client::{ClientOptions, StrategyClient, Target};
use portcullis::strategy::options::Options;
use portcullis::sys::poller::{Doorbell, Poller};
use portcullis::units::{AccountId, StrategyId};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;

/// Reads one frame from a socket that does not wait, stepping the gate; `None` at its end.
fn read_frame(gate: &mut Gate, stream: &mut TcpStream) -> Option<Frame> {
    stream.set_nonblocking(true).unwrap();
    let mut bytes = Vec::new();
    gate.until(|_| {
        let mut byte = [0; 128];
        match stream.read(&mut byte[bytes.len()..]) {
            Ok(0) => return Some(()),
            Ok(size) => bytes.extend_from_slice(&byte[bytes.len()..][..size]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => panic!("{error}"),
        }
        (bytes.len() == 128).then_some(())
    });
    bytes
        .try_into()
        .ok()
        .map(|bytes: [u8; 128]| Frame::from_bytes(&bytes))
}

fn connect(gate: &Gate) -> TcpStream {
    TcpStream::connect(gate.stage.tcp_address().unwrap()).unwrap()
}

fn answer(challenge: &Frame, name: &str, key: Key) -> Frame {
    let options = InitiatorOptions {
        name: text(name),
        role: Role::Strategy,
        key: Some(key),
        report_sequence_last: 0,
        salt: [3; 12],
        logon_timeout: START,
    };
    match Initiator::new(options, START).receive(challenge, START) {
        Ok(Told::Challenge(logon)) => logon,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_strategy_logs_on_by_key_and_learns_its_names() {
    let mut gate = Gate::new(options());
    let client = gate.log_on(0, "alpha");
    assert!(gate.stage.is_up(StrategyId(0)) && !gate.stage.is_up(StrategyId(1)));
    let accounts: Vec<_> = client.names().accounts().collect();
    assert_eq!(accounts, [("A0", AccountId(0))]);
    assert!(client.names().symbol("AAPL").is_some());
    assert_eq!(gate.stage.counters().logons, 1);
}

#[test]
fn a_strategy_logs_on_by_its_user_over_a_unix_socket() {
    let mut gate = Gate::new(options());
    let unix = |gate: &Gate, name: &str| ClientOptions {
        target: Target::Unix(gate.unix.clone()),
        key: None,
        ..gate.client_options(1, name)
    };
    let mut client = StrategyClient::connect(unix(&gate, "beta"), gate.now).unwrap();
    gate.until_ready(&mut client);
    assert_eq!(gate.next_change(), (1, LinkState::Up, false));
    let mode = std::fs::metadata(&gate.unix).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o660);

    let mut other = options();
    other.sessions[1].uids = vec![rustix::process::getuid().as_raw() + 1];
    let mut gate = Gate::new(other);
    for name in ["beta", "nobody"] {
        let mut client = StrategyClient::connect(unix(&gate, name), gate.now).unwrap();
        assert_eq!(
            gate.until_over(&mut client),
            Some(LogoutReason::LogonRefused)
        );
    }
    assert_eq!(gate.stage.counters().logons_refused, 2);
}

#[test]
fn a_wrong_key_and_an_unknown_name_are_answered_alike() {
    let mut without_key = options();
    without_key.sessions[1].key = None;
    let mut gate = Gate::new(without_key);
    let mut answers = Vec::new();
    for (name, key) in [
        ("alpha", Key::new([0x77; 32])),
        ("alpha", key(1)),
        ("nobody", key(0)),
        ("alph", key(0)),
        ("beta", key(1)),
        ("beta", Key::new([0; 32])),
    ] {
        let mut stream = connect(&gate);
        let challenge = read_frame(&mut gate, &mut stream).unwrap();
        stream
            .write_all(answer(&challenge, name, key).bytes())
            .unwrap();
        let frame = read_frame(&mut gate, &mut stream).unwrap();
        assert_eq!(frame.kind(), Some(Kind::Logout), "{name}");
        answers.push(*frame.bytes());
        assert!(
            read_frame(&mut gate, &mut stream).is_none(),
            "nothing follows"
        );
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    assert!(gate.to_risk.pop().is_none(), "risk hears nothing of it");
    assert_eq!(gate.stage.counters().logons_refused, 6);
}

#[test]
fn a_recorded_logon_opens_nothing() {
    let mut gate = Gate::new(options());
    let mut first = connect(&gate);
    let challenge = read_frame(&mut gate, &mut first).unwrap();
    let logon = answer(&challenge, "alpha", key(0));
    first.write_all(logon.bytes()).unwrap();
    assert_eq!(
        read_frame(&mut gate, &mut first).unwrap().kind(),
        Some(Kind::Welcome)
    );
    assert_eq!(gate.next_change(), (0, LinkState::Up, false));
    drop(first);
    assert_eq!(gate.next_change(), (0, LinkState::Down, false));

    let mut again = connect(&gate);
    let fresh = read_frame(&mut gate, &mut again).unwrap();
    assert_ne!(
        fresh.body::<Challenge>().nonce,
        challenge.body::<Challenge>().nonce
    );
    again.write_all(logon.bytes()).unwrap();
    assert_eq!(
        read_frame(&mut gate, &mut again).unwrap().kind(),
        Some(Kind::Logout)
    );
    assert_eq!(gate.stage.counters().logons, 1);
}

#[test]
fn a_second_session_is_refused_and_the_first_stays() {
    let mut gate = Gate::new(options());
    let mut first = gate.log_on(0, "alpha");
    let mut second = StrategyClient::connect(gate.client_options(0, "alpha"), gate.now).unwrap();
    assert_eq!(
        gate.until_over(&mut second),
        Some(LogoutReason::SessionInUse)
    );
    gate.report(0);
    assert_eq!(gate.until_reports(&mut first, 1), [1]);
    assert!(gate.to_risk.pop().is_none());
}

#[test]
fn commands_before_the_logon_reach_nobody() {
    let mut gate = Gate::new(options());
    let mut stream = connect(&gate);
    read_frame(&mut gate, &mut stream).unwrap();
    let mut order = Frame::new(
        Kind::NewOrder,
        Default::default(),
        portcullis::message::NewOrder::default(),
    );
    order.header.sequence = 1;
    stream.write_all(order.bytes()).unwrap();
    let logout = read_frame(&mut gate, &mut stream).unwrap();
    let body = logout.body::<portcullis::protocol::native::bodies::Logout>();
    assert_eq!(body.reason(), Some(LogoutReason::Unexpected));
    assert!(gate.to_risk.pop().is_none());
}

fn open(options: Options) -> std::io::Result<StrategyStage> {
    let (strategy_to_risk, _) = portcullis::ring::ring(4);
    let (_, risk_to_strategy) = portcullis::ring::ring(4);
    let sockets = Poller::new(4)?.sockets()?;
    let rings = Rings {
        strategy_to_risk,
        risk_doorbell: Doorbell::NONE,
        risk_to_strategy,
    };
    StrategyStage::open(options, sockets, rings)
}

#[test]
fn a_socket_left_behind_is_replaced_and_one_in_use_is_not() {
    let options = options();
    let path = options.unix.clone().unwrap();
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists(), "left behind");
    let stage = open(options.clone()).unwrap();
    let error = open(options.clone()).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    assert!(error.to_string().contains("in use"), "{error}");
    drop(stage);
    assert!(!path.exists(), "taken away at the end");
    std::fs::write(&path, "somebody's").unwrap();
    let error = open(options).err().unwrap();
    assert!(error.to_string().contains("not a socket"), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "somebody's");
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn no_key_is_shown_with_the_options() {
    let mut options = options();
    options.sessions[0].key = Some(Key::new(*b"canary-canary-canary-canary-cana"));
    let shown = format!("{options:?}");
    assert!(
        !shown.contains("99, 97, 110") && !shown.contains("canary"),
        "{shown}"
    );
    assert_ne!(options.gate, Text::EMPTY);
}
