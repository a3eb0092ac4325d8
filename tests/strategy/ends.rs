//! How sessions end, and what becomes of the orders.

use crate::harness::{Gate, options, order};
use portcullis::message::{Kind, LinkState};
use portcullis::protocol::native::bodies::LogoutReason;
use portcullis::strategy::client::ClientError;
use portcullis::strategy::options::{CancelOnDisconnect, Options, SessionStart};
use portcullis::topology::Stage;
use portcullis::units::Nanos;

fn with_rule(rule: CancelOnDisconnect) -> Options {
    let mut options = options();
    options.sessions[0].cancel_on_disconnect = rule;
    options
}

const GRACE: Nanos = Nanos::from_secs(2);

#[test]
fn a_lost_session_cancels_at_once_where_so_configured() {
    for (rule, cancels) in [
        (CancelOnDisconnect::Never, false),
        (CancelOnDisconnect::AtOnce, true),
    ] {
        let mut gate = Gate::new(with_rule(rule));
        let mut alpha = gate.log_on(0, "alpha");
        let body = order(&alpha, "A0", "order");
        alpha.new_order(body, &[], gate.now).unwrap();
        alpha.flush().unwrap();
        drop(alpha);
        assert_eq!(
            gate.next().kind(),
            Some(Kind::NewOrder),
            "the last command comes first"
        );
        assert_eq!(gate.next_change(), (0, LinkState::Down, cancels));
        assert!(gate.to_risk.pop().is_none());
    }
}

#[test]
fn a_goodbye_cancels_like_any_other_end() {
    let mut gate = Gate::new(with_rule(CancelOnDisconnect::AtOnce));
    let mut alpha = gate.log_on(0, "alpha");
    alpha.log_out().unwrap();
    assert_eq!(gate.next_change(), (0, LinkState::Down, true));
    let error = gate.until(|gate| alpha.poll(gate.now, |_| {}).err());
    assert!(!matches!(error, ClientError::Io(_)), "{error}");
    assert_eq!(gate.stage.counters().faults, 0);
}

#[test]
fn a_session_that_is_back_within_its_grace_keeps_its_orders() {
    let mut gate = Gate::new(with_rule(CancelOnDisconnect::After(GRACE)));
    let alpha = gate.log_on(0, "alpha");
    drop(alpha);
    assert_eq!(gate.next_change(), (0, LinkState::Down, false));
    let start = gate.now;
    assert!(gate.stage.deadline() <= start.after(GRACE));
    gate.now = start.after(Nanos::from_millis(1_999));
    let alpha = gate.log_on(0, "alpha");
    gate.now = start.after(Nanos::from_secs(3));
    for _ in 0..100 {
        gate.step();
    }
    assert!(gate.to_risk.pop().is_none());

    drop(alpha);
    assert_eq!(gate.next_change(), (0, LinkState::Down, false));
    let start = gate.now;
    gate.now = start.after(Nanos::from_millis(1_999));
    gate.step();
    assert!(gate.to_risk.pop().is_none());
    gate.now = start.after(GRACE);
    assert_eq!(gate.next_change(), (0, LinkState::Down, true));
    gate.step();
    assert!(gate.to_risk.pop().is_none(), "once");
}

#[test]
fn a_session_went_down_with_the_gate_that_is_started_again() {
    for (rule, at_start, later) in [
        (CancelOnDisconnect::Never, false, false),
        (CancelOnDisconnect::AtOnce, true, false),
        (CancelOnDisconnect::After(GRACE), false, true),
    ] {
        let mut options = with_rule(rule);
        options.sessions[0].start = SessionStart {
            inbound_sequence: 5,
            report_sequence: 0,
        };
        let mut gate = Gate::new(options);
        assert_eq!(gate.next_change(), (0, LinkState::Down, at_start));
        gate.now = gate.now.after(GRACE);
        gate.step();
        assert_eq!(gate.to_risk.pop().is_some(), later);
    }
}

#[test]
fn a_down_waits_for_room_and_comes_before_the_next_up() {
    let mut gate = Gate::with_ring(with_rule(CancelOnDisconnect::AtOnce), 4);
    let mut alpha = gate.log_on(0, "alpha");
    for at in 0..4 {
        let body = order(&alpha, "A0", &format!("order-{at}"));
        alpha.new_order(body, &[], gate.now).unwrap();
        alpha.flush().unwrap();
    }
    // Room for two is asked for, so three fit; the test takes one and fills the ring.
    gate.until(|gate| (gate.to_risk.len() == 3).then_some(()));
    assert_eq!(gate.to_risk.pop().unwrap().header.sequence, 1);
    gate.until(|gate| (gate.to_risk.len() == 3).then_some(()));
    alpha.reconnect(gate.now).unwrap();
    for _ in 0..100 {
        gate.step();
        alpha.poll(gate.now, |_| {}).unwrap();
    }
    let mut frames = Vec::new();
    gate.until(|gate| {
        alpha.poll(gate.now, |_| {}).unwrap();
        frames.extend(gate.to_risk.pop());
        (frames.len() == 5).then_some(())
    });
    let kinds: Vec<_> = frames.iter().map(|frame| frame.kind().unwrap()).collect();
    assert_eq!(kinds[..3], [Kind::NewOrder; 3]);
    assert_eq!(kinds[3..], [Kind::SessionChange; 2]);
    let states = [3, 4].map(|at| {
        frames[at]
            .body::<portcullis::message::SessionChange>()
            .state
    });
    assert_eq!(states, [LinkState::Down as u8, LinkState::Up as u8]);
}

#[test]
fn heartbeats_keep_a_quiet_session_and_silence_ends_it() {
    let mut gate = Gate::new(options());
    let mut alpha = gate.log_on(0, "alpha");
    let mut silent = gate.log_on(1, "beta");
    let start = gate.now;
    for second in 1..=60 {
        gate.now = start.after(Nanos::from_secs(second));
        for _ in 0..20 {
            gate.step();
            alpha.poll(gate.now, |_| {}).unwrap();
        }
        let is_up = |strategy| gate.stage.is_up(portcullis::units::StrategyId(strategy));
        assert!(is_up(0));
        // Two and a half intervals of five seconds.
        assert_eq!(is_up(1), second < 13, "after {second} s");
    }
    assert_eq!(gate.next_change_before(), (1, LinkState::Down, false));
    let mut beats = 0;
    let reason = gate.until(|gate| match silent.poll(gate.now, |_| beats += 1) {
        Ok(_) => None,
        Err(ClientError::LoggedOut(reason)) => Some(reason),
        // It is itself of the opinion that nothing was heard: its own clock has moved as well.
        Err(ClientError::Fault(fault)) => Some(Some(fault.reason)),
        Err(error) => panic!("{error}"),
    });
    assert_eq!(reason, Some(LogoutReason::PeerSilent));
}

#[test]
fn a_gate_that_stops_sends_what_is_pending_and_says_goodbye() {
    let mut gate = Gate::new(with_rule(CancelOnDisconnect::AtOnce));
    let mut alpha = gate.log_on(0, "alpha");
    let path = gate.unix.clone();
    let body = order(&alpha, "A0", "too late");
    for _ in 0..300 {
        gate.report(0);
    }
    let mut drained = false;
    let mut reports = 0;
    let mut reason = None;
    alpha.new_order(body, &[], gate.now).unwrap();
    let mut alpha = Some(alpha);
    let mut step = |gate: &mut Gate| {
        let stage = &mut gate.stage;
        gate.poller
            .poll(|_, readiness| stage.ready(readiness))
            .unwrap();
        let is_done = gate.stage.drain(gate.now);
        let Some(client) = &mut alpha else {
            return is_done;
        };
        match client.poll(gate.now, |_| reports += 1) {
            Ok(_) => {}
            Err(ClientError::LoggedOut(found)) => {
                reason = found;
                alpha = None;
            }
            Err(error) => panic!("{error}"),
        }
        is_done
    };
    for _ in 0..50 {
        assert!(!step(&mut gate));
    }
    assert!(!path.exists(), "nobody is taken in any more");
    gate.report(0);
    for _ in 0..50 {
        assert!(!step(&mut gate));
    }
    // It does not listen any more, so it takes nobody's silence for death.
    for _ in 0..8 {
        gate.report(0);
        gate.now = gate.now.after(Nanos::from_secs(4));
        for _ in 0..50 {
            assert!(!step(&mut gate));
        }
    }
    gate.now = gate.now.after(Nanos::from_millis(100));
    for _ in 0..1000 {
        drained |= step(&mut gate);
    }
    assert!(drained);
    assert_eq!((reports, reason), (309, Some(LogoutReason::Shutdown)));
    let down = gate.to_risk.pop().unwrap();
    assert_eq!(
        down.kind(),
        Some(Kind::SessionChange),
        "no order was taken in"
    );
    assert!(gate.to_risk.pop().is_none());
}
