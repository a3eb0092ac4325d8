//! Commands in, reports out.

use crate::harness::{Gate, options, order, report};
use portcullis::message::{Frame, Kind, LinkState, NewOrder};
use portcullis::protocol::native::bodies::LogoutReason;
use portcullis::protocol::native::client::Event;
use portcullis::strategy::client::{ClientError, StrategyClient};
use portcullis::strategy::options::SessionStart;
use portcullis::topology::Stage;
use portcullis::units::{Nanos, StrategyId};
use std::collections::HashSet;
use std::io::Write;
use std::net::TcpStream;

/// Sends `count` orders and returns what risk was handed, in order.
fn send(gate: &mut Gate, client: &mut StrategyClient, count: usize) -> Vec<Frame> {
    for at in 0..count {
        let body = order(client, "A0", &format!("order-{at}"));
        client.new_order(body, &[], gate.now).unwrap();
    }
    client.flush().unwrap();
    let mut frames = Vec::new();
    gate.until(|gate| {
        client.flush().unwrap();
        frames.extend(std::iter::from_fn(|| gate.to_risk.pop()));
        (frames.len() == count).then_some(())
    });
    frames
}

#[test]
fn an_order_reaches_risk_under_the_name_that_logged_on() {
    let mut gate = Gate::new(options());
    let mut beta = gate.log_on(1, "beta");
    gate.now = gate.now.after(Nanos::from_millis(7));
    let body = order(&beta, "A1", "order-1");
    assert_eq!(beta.new_order(body, &[], gate.now).unwrap(), 1);
    beta.flush().unwrap();
    let frame = gate.next();
    assert_eq!(frame.kind(), Some(Kind::NewOrder));
    assert_eq!(*frame.body::<NewOrder>(), body);
    let header = frame.header;
    assert_eq!((header.sequence, header.time), (1, gate.now));
    assert_eq!(header.strategy, StrategyId(1));
    assert_eq!((header.flags, header.continuation_count), (0, 0));
}

#[test]
fn correlations_are_never_used_twice() {
    let mut seen = HashSet::new();
    let mut gate = Gate::new(options());
    for _ in 0..2 {
        let mut alpha = gate.log_on(0, "alpha");
        let frames = send(&mut gate, &mut alpha, 20);
        assert!(
            frames
                .iter()
                .all(|frame| seen.insert(frame.header.correlation))
        );
        drop(alpha);
        assert_eq!(gate.next_change(), (0, LinkState::Down, false));
    }
    let mut later = options();
    later.sessions[0].start = SessionStart {
        inbound_sequence: 40,
        report_sequence: 0,
    };
    let mut gate = Gate::new(later);
    assert_eq!(
        gate.next_change(),
        (0, LinkState::Down, false),
        "it went down with the gate"
    );
    let mut alpha = gate.log_on(0, "alpha");
    let frames = send(&mut gate, &mut alpha, 20);
    assert_eq!(frames[0].header.sequence, 41);
    assert!(
        frames
            .iter()
            .all(|frame| seen.insert(frame.header.correlation))
    );
}

#[test]
fn a_unit_is_handed_on_whole_or_without_what_is_too_much() {
    let mut gate = Gate::new(options());
    let mut alpha = gate.log_on(0, "alpha");
    let passthrough: Vec<u8> = (0..=255).cycle().take(128 * 5).collect();
    let body = order(&alpha, "A0", "order");
    for (size, expected) in [
        (0, 0),
        (1, 1),
        (300, 3),
        (512, 4),
        (513, 0),
        (640, 0),
        (1, 1),
    ] {
        alpha
            .new_order(body, &passthrough[..size], gate.now)
            .unwrap();
        alpha.flush().unwrap();
        let head = gate.next();
        assert_eq!(head.header.continuation_count, expected, "{size} bytes");
        assert_eq!(usize::from(head.body::<NewOrder>().passthrough_size), size);
        let mut found = Vec::new();
        for _ in 0..expected {
            found.extend_from_slice(gate.to_risk.pop().expect("one unit").bytes());
        }
        let kept = if expected == 0 { 0 } else { size };
        assert_eq!(found[..kept], passthrough[..kept]);
        assert!(found[kept..].iter().all(|byte| *byte == 0));
    }
}

#[test]
fn single_bytes_are_put_together() {
    let mut gate = Gate::new(options());
    let mut relay = Relay::new(&mut gate);
    for at in 0..3 {
        let mut frame = Frame::new(Kind::NewOrder, Default::default(), NewOrder::default());
        frame.header.sequence = at + 1;
        for byte in frame.bytes() {
            relay.stream.write_all(&[*byte]).unwrap();
            gate.step();
        }
        assert_eq!(gate.next().header.sequence, at + 1);
    }
}

/// A live session as a bare socket.
struct Relay {
    stream: TcpStream,
}

impl Relay {
    fn new(gate: &mut Gate) -> Self {
        use crate::harness::{key, text};
        use portcullis::protocol::native::bodies::Role;
        use portcullis::protocol::native::session::{Initiator, InitiatorOptions, Told};
        use std::io::Read;
        let mut stream = TcpStream::connect(gate.stage.tcp_address().unwrap()).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_nonblocking(true).unwrap();
        let mut bytes = [0; 128];
        let mut filled = 0;
        gate.until(|_| {
            filled += stream.read(&mut bytes[filled..]).unwrap_or(0);
            (filled == 128).then_some(())
        });
        let options = InitiatorOptions {
            name: text("alpha"),
            role: Role::Strategy,
            key: Some(key(0)),
            report_sequence_last: 0,
            salt: [0; 12],
            logon_timeout: Nanos::from_secs(1),
        };
        let challenge = Frame::from_bytes(&bytes);
        let Ok(Told::Challenge(logon)) =
            Initiator::new(options, gate.now).receive(&challenge, gate.now)
        else {
            panic!("no logon");
        };
        for byte in logon.bytes() {
            stream.write_all(&[*byte]).unwrap();
            gate.step();
        }
        assert_eq!(gate.next_change(), (0, LinkState::Up, false));
        Self { stream }
    }
}

#[test]
fn a_thousand_orders_in_one_write_arrive_in_order_and_others_get_their_turn() {
    let mut gate = Gate::new(options());
    let mut alpha = gate.log_on(0, "alpha");
    let mut beta = gate.log_on(1, "beta");
    for at in 0..1000 {
        let body = order(&alpha, "A0", &format!("order-{at}"));
        alpha.new_order(body, &[], gate.now).unwrap();
    }
    alpha.flush().unwrap();
    let body = order(&beta, "A1", "order");
    beta.new_order(body, &[], gate.now).unwrap();
    beta.flush().unwrap();
    let mut next = 1;
    let mut before_beta = None;
    gate.until(|gate| {
        alpha.flush().unwrap();
        while let Some(frame) = gate.to_risk.pop() {
            if frame.header.strategy == StrategyId(1) {
                before_beta = Some(next - 1);
            } else {
                assert_eq!(frame.header.sequence, next);
                next += 1;
            }
        }
        (next == 1001 && before_beta.is_some()).then_some(())
    });
    assert!(
        before_beta < Some(200),
        "beta waited for {before_beta:?} orders"
    );
}

/// A strategy that runs away fills its own socket, not the ring that others need.
#[test]
fn who_sends_too_much_waits_for_itself() {
    let mut gate = Gate::new(options());
    let mut alpha = gate.log_on(0, "alpha");
    let mut beta = gate.log_on(1, "beta");
    for at in 0..1000 {
        let body = order(&alpha, "A0", &format!("order-{at}"));
        alpha.new_order(body, &[], gate.now).unwrap();
    }
    alpha.flush().unwrap();
    let under_way = 16;
    gate.until(|gate| (gate.to_risk.len() == under_way).then_some(()));
    for _ in 0..100 {
        assert_eq!(gate.step(), 0, "nothing to do until risk has taken some");
    }
    let wait = gate.stage.deadline().since(gate.now);
    assert!(Nanos::ZERO < wait && wait < Nanos::from_millis(1));
    let body = order(&beta, "A1", "order");
    beta.new_order(body, &[], gate.now).unwrap();
    beta.flush().unwrap();
    gate.until(|gate| (gate.to_risk.len() == under_way + 1).then_some(()));
    let mut of_alpha = 0;
    for at in 0..1001 {
        let frame = gate.next();
        if frame.header.strategy == StrategyId(1) {
            assert_eq!(at, under_way, "behind what was under way");
        } else {
            of_alpha += 1;
            assert_eq!(frame.header.sequence, of_alpha);
        }
        alpha.flush().unwrap();
        gate.step();
        assert!(gate.to_risk.len() <= under_way + usize::from(at < under_way));
    }
    assert_eq!(of_alpha, 1000);
}

#[test]
fn a_full_ring_makes_strategies_wait_and_loses_nothing() {
    let mut gate = Gate::with_ring(options(), 8);
    let mut alpha = gate.log_on(0, "alpha");
    for at in 0..200 {
        let body = order(&alpha, "A0", &format!("order-{at}"));
        alpha.new_order(body, &[9; 200], gate.now).unwrap();
    }
    alpha.flush().unwrap();
    gate.until(|gate| (gate.to_risk.len() == 6).then_some(()));
    for _ in 0..100 {
        assert_eq!(gate.step(), 0, "nothing to do while the ring is full");
    }
    let wait = gate.stage.deadline().since(gate.now);
    assert!(
        Nanos::ZERO < wait && wait < Nanos::from_millis(1),
        "neither spins nor sleeps"
    );
    for sequence in 1..=200 {
        let head = gate.next();
        assert_eq!(
            (head.header.sequence, head.header.continuation_count),
            (sequence, 2)
        );
        assert!(gate.to_risk.pop().is_some() && gate.to_risk.pop().is_some());
    }
    assert!(gate.to_risk.pop().is_none());
}

#[test]
fn a_wrong_sequence_ends_the_session_and_is_not_applied() {
    for (sequence, reason) in [
        (2, LogoutReason::SequenceRepeated),
        (4, LogoutReason::SequenceGap),
    ] {
        let mut gate = Gate::new(options());
        let mut relay = Relay::new(&mut gate);
        for number in [1, 2, sequence, 3] {
            let mut frame = Frame::new(Kind::NewOrder, Default::default(), NewOrder::default());
            frame.header.sequence = number;
            relay.stream.write_all(frame.bytes()).unwrap();
        }
        assert_eq!(
            (gate.next().header.sequence, gate.next().header.sequence),
            (1, 2)
        );
        assert_eq!(gate.next_change(), (0, LinkState::Down, false));
        let mut bytes = Vec::new();
        gate.until(
            |_| match std::io::Read::read_to_end(&mut relay.stream, &mut bytes) {
                Ok(_) => Some(()),
                Err(_) => None,
            },
        );
        let last = bytes.chunks_exact(128).last().unwrap();
        let logout = Frame::from_bytes(last.try_into().unwrap());
        let body = logout.body::<portcullis::protocol::native::bodies::Logout>();
        assert_eq!(
            (body.reason(), body.expected, body.found),
            (Some(reason), 3, sequence)
        );
        drop(relay);
        let mut alpha = gate.log_on(0, "alpha");
        assert_eq!(alpha.command_sequence_next(), 3);
    }
}

#[test]
fn missed_reports_are_sent_again() {
    let mut gate = Gate::new(options());
    let mut alpha = gate.log_on(0, "alpha");
    for _ in 0..10 {
        gate.report(0);
    }
    assert_eq!(
        gate.until_reports(&mut alpha, 10),
        (1..=10).collect::<Vec<_>>()
    );
    for _ in 0..500 {
        gate.report(0);
    }
    // It has not read them, and goes.
    gate.step();
    alpha.reconnect(gate.now).unwrap();
    assert_eq!(gate.next_change(), (0, LinkState::Down, false));
    for _ in 0..5 {
        gate.report(0);
    }
    assert_eq!(
        gate.until_reports(&mut alpha, 505),
        (11..=515).collect::<Vec<_>>()
    );
    gate.report(0);
    assert_eq!(gate.until_reports(&mut alpha, 1), [516]);
}

/// A journal without room remembers no refusal, so nobody counts it: it must reach its strategy all the
/// same, and what is counted must go on behind it.
#[test]
fn a_refusal_that_is_not_counted_is_told_and_what_is_counted_goes_on() {
    let mut gate = Gate::new(options());
    let mut alpha = gate.log_on(0, "alpha");
    gate.report(0);
    for _ in 0..1_000 {
        gate.refuse_uncounted(0);
    }
    gate.report(0);
    let (mut refused, mut sequences) = (0, Vec::new());
    gate.until(|gate| {
        let tell = |event: Event<'_>| match event {
            Event::Refusal(header, _) => {
                assert_eq!(header.sequence, 0);
                refused += 1;
            }
            Event::Execution(header, _) => sequences.push(header.sequence),
            _ => {}
        };
        alpha.poll(gate.now, tell).unwrap();
        (sequences.len() == 2 && refused == 1_000).then_some(())
    });
    assert_eq!(sequences, [1, 2]);
    // What is kept for a reconnect is as it was.
    let mut again = gate.client_options(0, "alpha");
    again.report_sequence_last = 0;
    drop(alpha);
    assert_eq!(gate.next_change(), (0, LinkState::Down, false));
    let mut alpha = StrategyClient::connect(again, gate.now).unwrap();
    assert_eq!(gate.until_reports(&mut alpha, 2), [1, 2]);
}

#[test]
fn reports_of_the_journal_are_sent_again_and_lost_ones_are_told() {
    let mut restarted = options();
    restarted.reports_replay = 20;
    restarted.sessions[0].start = SessionStart {
        inbound_sequence: 7,
        report_sequence: 50,
    };
    let mut gate = Gate::new(restarted);
    for sequence in 11..=50 {
        gate.stage.restore(&report(0, sequence));
    }
    assert_eq!(gate.next_change(), (0, LinkState::Down, false));
    let mut reader = gate.client_options(0, "alpha");
    reader.report_sequence_last = 25;
    let mut alpha = StrategyClient::connect(reader, gate.now).unwrap();
    let mut missed_count = None;
    let mut sequences = Vec::new();
    gate.until(|gate| {
        let tell = |event: Event<'_>| match event {
            Event::Ready { missed } => missed_count = Some(missed),
            Event::Execution(header, _) => sequences.push(header.sequence),
            _ => {}
        };
        alpha.poll(gate.now, tell).unwrap();
        (sequences.len() == 20).then_some(())
    });
    assert_eq!(missed_count, Some(5), "26 to 30 are not kept");
    assert_eq!(sequences, (31..=50).collect::<Vec<_>>());
    assert_eq!(alpha.command_sequence_next(), 8);
    gate.report(0);
    assert_eq!(gate.until_reports(&mut alpha, 1), [51]);

    let mut ahead = gate.client_options(1, "beta");
    ahead.report_sequence_last = 1;
    let mut beta = StrategyClient::connect(ahead, gate.now).unwrap();
    assert_eq!(
        gate.until_over(&mut beta),
        Some(LogoutReason::ReportUnknown)
    );
}

#[test]
fn who_does_not_read_is_cut_off_and_others_are_served() {
    let mut small = options();
    small.outbound_bytes_max = 64 * 128;
    let mut gate = Gate::new(small);
    let mut slow = gate.log_on(0, "alpha");
    let mut good = gate.log_on(1, "beta");
    let mut served = Vec::new();
    // The kernel's buffers take some megabytes before the gate notices.
    gate.until(|gate| {
        for _ in 0..16 {
            gate.report(0);
        }
        gate.report(1);
        gate.step();
        served.extend(gate.until_reports(&mut good, 1));
        (gate.stage.counters().slow_consumers == 1).then_some(())
    });
    assert_eq!(served, (1..=served.len() as u64).collect::<Vec<_>>());
    assert_eq!(gate.next_change(), (0, LinkState::Down, false));
    // It may come back, and reads what is still kept.
    let error = gate.until(|gate| slow.poll(gate.now, |_| {}).err());
    assert!(
        matches!(
            error,
            ClientError::LoggedOut(Some(LogoutReason::SlowConsumer))
        ),
        "{error}"
    );
    slow.reconnect(gate.now).unwrap();
    gate.until_ready(&mut slow);
    gate.report(1);
    gate.until_reports(&mut good, 1);
}

#[test]
fn who_catches_up_is_not_taken_for_slow() {
    const KEPT: u64 = 100_000;
    let mut long = options();
    long.outbound_bytes_max = 64 * 128;
    long.reports_replay = KEPT as usize;
    long.sessions[0].start = SessionStart {
        inbound_sequence: 0,
        report_sequence: KEPT,
    };
    let mut gate = Gate::new(long);
    for sequence in 1..=KEPT {
        gate.stage.restore(&report(0, sequence));
    }
    let options = gate.client_options(0, "alpha");
    let mut alpha = StrategyClient::connect(options, gate.now).unwrap();
    // It reads a little, then new reports come while most of the old ones are still to be sent.
    gate.until(|gate| {
        alpha.poll(gate.now, |_| ()).unwrap();
        gate.stage.is_up(StrategyId(0)).then_some(())
    });
    for _ in 0..50 {
        gate.report(0);
        gate.step();
    }
    assert_eq!(gate.stage.counters().slow_consumers, 0);
    assert!(
        alpha.report_sequence_last() < KEPT,
        "the kernel has taken it all"
    );
    let mut next = alpha.report_sequence_last() + 1;
    gate.until(|gate| {
        alpha
            .poll(gate.now, |event| {
                if let Event::Execution(header, _) = event {
                    assert_eq!(header.sequence, next);
                    next += 1;
                }
            })
            .unwrap();
        (alpha.report_sequence_last() == KEPT + 50).then_some(())
    });
    assert_eq!(next, KEPT + 51);
}
