//! A panic over one session's bytes is that session's end, and nobody else's.

use crate::message::{Frame, Kind, LinkState, NewOrder, SessionChange, Text};
use crate::protocol::native::bodies::LogoutReason;
use crate::protocol::native::key::Key;
use crate::ring::ring;
use crate::strategy::client::{ClientError, ClientOptions, StrategyClient, Target};
use crate::strategy::options::{CancelOnDisconnect, Options, SessionOptions, SessionStart};
use crate::strategy::{Rings, StrategyStage};
use crate::sys::poller::{Doorbell, Poller};
use crate::topology::Stage;
use crate::units::{Nanos, StrategyId};

/// An order with this id makes the stage panic while it handles it.
const PANIC: &str = "panic";

pub(super) fn panic_if_asked(head: &Frame) {
    let is_asked = head.kind() == Some(Kind::NewOrder)
        && head.body::<NewOrder>().client_order_id.as_str() == PANIC;
    assert!(!is_asked, "asked to");
}

#[test]
fn a_panic_ends_one_session_and_no_other() {
    let now = Nanos::from_secs(1_000);
    let session = |name: &str| SessionOptions {
        name: Text::new(name).unwrap(),
        key: Some(Key::new([1; 32])),
        uids: Vec::new(),
        accounts: Vec::new(),
        cancel_on_disconnect: CancelOnDisconnect::AtOnce,
        start: SessionStart::default(),
    };
    let options = Options {
        tcp: Some(([127, 0, 0, 1], 0).into()),
        sessions: vec![session("alpha"), session("beta")],
        ..Options::default()
    };
    let (strategy_to_risk, mut to_risk) = ring(64);
    let (_reports, risk_to_strategy) = ring(64);
    let rings = Rings {
        strategy_to_risk,
        risk_doorbell: Doorbell::NONE,
        risk_to_strategy,
    };
    let mut poller = Poller::new(64).unwrap();
    let mut stage = StrategyStage::open(options, poller.sockets().unwrap(), rings).unwrap();
    let target = Target::Tcp(stage.tcp_address().unwrap());
    let connect = |name: &str| {
        let options = ClientOptions {
            target: target.clone(),
            name: Text::new(name).unwrap(),
            key: Some(Key::new([1; 32])),
            report_sequence_last: 0,
            logon_timeout: Nanos::from_secs(5),
            queue_bytes_max: 0,
        };
        StrategyClient::connect(options, now).unwrap()
    };
    let mut step = |stage: &mut StrategyStage| {
        poller.poll(|_, readiness| stage.ready(readiness)).unwrap();
        stage.poll(now);
    };
    let (mut alpha, mut beta) = (connect("alpha"), connect("beta"));
    for _ in 0..100_000 {
        step(&mut stage);
        alpha.poll(now, |_| {}).unwrap();
        beta.poll(now, |_| {}).unwrap();
        if alpha.is_ready() && beta.is_ready() {
            break;
        }
    }
    let order = |id: &str| NewOrder {
        client_order_id: Text::new(id).unwrap(),
        ..NewOrder::default()
    };
    for id in ["good", PANIC, "never seen"] {
        alpha.new_order(order(id), &[], now).unwrap();
    }
    beta.new_order(order("other"), &[], now).unwrap();
    alpha.flush().unwrap();
    beta.flush().unwrap();
    let mut reason = None;
    for _ in 0..100_000 {
        step(&mut stage);
        if let Err(ClientError::LoggedOut(found)) = alpha.poll(now, |_| {}) {
            reason = found;
            break;
        }
    }
    assert_eq!(reason, Some(LogoutReason::InternalFault));
    assert_eq!(stage.counters().panics, 1);
    assert!(!stage.is_up(StrategyId(0)) && stage.is_up(StrategyId(1)));
    let frames: Vec<Frame> = std::iter::from_fn(|| to_risk.pop()).collect();
    let ids = frames
        .iter()
        .filter(|frame| frame.kind() == Some(Kind::NewOrder));
    let mut ids: Vec<_> = ids
        .map(|frame| frame.body::<NewOrder>().client_order_id)
        .collect();
    ids.sort_by_key(|id| *id.bytes());
    assert_eq!(
        ids,
        [Text::new("good").unwrap(), Text::new("other").unwrap()]
    );
    let downs = frames
        .iter()
        .filter(|frame| frame.kind() == Some(Kind::SessionChange));
    let downs: Vec<_> = downs.map(|frame| *frame.body::<SessionChange>()).collect();
    let down = downs
        .iter()
        .find(|change| change.state == LinkState::Down as u8);
    assert_eq!(down.map(|change| change.cancel_orders), Some(1));

    alpha.reconnect(now).unwrap();
    for _ in 0..100_000 {
        step(&mut stage);
        alpha.poll(now, |_| {}).unwrap();
        if alpha.is_ready() {
            break;
        }
    }
    assert_eq!(
        alpha.command_sequence_next(),
        2,
        "what was not handed on has not been used"
    );
}
