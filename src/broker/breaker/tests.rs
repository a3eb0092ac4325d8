//! The whole table, each rule at its edge, and the bound on what passes half open.

use super::*;

const PAUSE: u64 = 100;

fn options() -> BreakerOptions {
    BreakerOptions {
        reject_share_per_million: 500_000,
        answers_count: 4,
        burst_count: 3,
        burst_window: Nanos::from_raw(10),
        unanswered_count: 2,
        unanswered_time: Nanos::from_raw(50),
        pause: Nanos::from_raw(PAUSE),
        probes_count: 2,
        watched_max: 64,
    }
}

fn at(time: u64) -> Nanos {
    Nanos::from_raw(time)
}

fn id(serial: u64) -> OrderId {
    OrderId::new(serial, 0)
}

fn answer(breaker: &mut Breaker, time: u64, serial: u64, exec: Exec) {
    breaker.sent(at(time), id(serial), Kind::BrokerNew);
    breaker.heard(at(time), id(serial), exec);
}

/// Opens it at `time` and waits until it is half open.
fn half_open(breaker: &mut Breaker, time: u64) -> u64 {
    breaker.trip(at(time));
    assert!(!breaker.admits());
    breaker.tick(at(time + PAUSE));
    assert_eq!(breaker.state(), LinkState::HalfOpen);
    time + PAUSE
}

#[test]
fn every_state_and_input_leads_where_the_table_says() {
    use Input::{Bad, Good, Sent, Time, Trip};
    let closed = State::Closed;
    let open = |until| State::Open { until: at(until) };
    let half = |unsent, awaited| State::HalfOpen { unsent, awaited };
    let now = 1_000;
    let fresh = open(now + PAUSE);
    // Before, and after each of: sent, good, bad, trip, time.
    let table = [
        (closed, [closed, closed, closed, fresh, closed]),
        (open(now + 1), [open(now + 1); 5]),
        (
            open(now),
            [open(now), open(now), open(now), open(now), half(2, 2)],
        ),
        (
            open(now - 1),
            [
                open(now - 1),
                open(now - 1),
                open(now - 1),
                open(now - 1),
                half(2, 2),
            ],
        ),
        (
            half(2, 2),
            [half(1, 2), half(2, 1), fresh, fresh, half(2, 2)],
        ),
        (
            half(1, 2),
            [half(0, 2), half(1, 1), fresh, fresh, half(1, 2)],
        ),
        (
            half(0, 2),
            [half(0, 2), half(0, 1), fresh, fresh, half(0, 2)],
        ),
        (half(1, 1), [half(0, 1), closed, fresh, fresh, half(1, 1)]),
        (half(0, 1), [half(0, 1), closed, fresh, fresh, half(0, 1)]),
    ];
    for (before, after) in table {
        for (input, expected) in [Sent, Good, Bad, Trip, Time].into_iter().zip(after) {
            let state = before.next(input, at(now), &options());
            assert_eq!(state, expected, "{before:?} {input:?}");
        }
    }
}

#[test]
fn it_opens_at_the_share_of_rejects_and_not_below() {
    for (rejects, opens) in [(1, false), (2, true)] {
        let mut breaker = Breaker::new(BreakerOptions {
            burst_count: 0,
            ..options()
        });
        for serial in 0..4 {
            let exec = match serial < 4 - rejects {
                true => Exec::New,
                false => Exec::Rejected,
            };
            answer(&mut breaker, serial * 1_000, serial + 1, exec);
        }
        assert_eq!(!breaker.admits(), opens, "{rejects} of 4");
    }
}

#[test]
fn the_share_says_nothing_before_enough_answers() {
    let mut breaker = Breaker::new(BreakerOptions {
        burst_count: 0,
        ..options()
    });
    for serial in 1..=3 {
        answer(&mut breaker, 0, serial, Exec::Rejected);
        assert!(breaker.admits());
    }
    answer(&mut breaker, 0, 4, Exec::Rejected);
    assert!(!breaker.admits());
}

#[test]
fn it_opens_at_a_burst_and_not_at_the_same_rejects_spread_out() {
    for (gap, opens) in [(5, true), (6, false)] {
        let mut breaker = Breaker::new(BreakerOptions {
            reject_share_per_million: 0,
            ..options()
        });
        for serial in 0..3 {
            answer(&mut breaker, serial * gap, serial + 1, Exec::Rejected);
        }
        assert_eq!(!breaker.admits(), opens, "one every {gap}");
    }
}

#[test]
fn it_opens_when_requests_stay_without_an_answer() {
    let mut breaker = Breaker::new(options());
    breaker.sent(at(0), id(1), Kind::BrokerNew);
    breaker.sent(at(0), id(2), Kind::BrokerNew);
    breaker.sent(at(10), id(3), Kind::BrokerCancel);
    breaker.heard(at(20), id(1), Exec::Trade);
    assert_eq!(breaker.deadline(), at(50));
    breaker.tick(at(59));
    assert!(breaker.admits());
    // A fill of the order is no answer to its cancel.
    breaker.heard(at(59), id(3), Exec::Trade);
    breaker.tick(at(60));
    assert!(!breaker.admits());
}

#[test]
fn a_late_answer_is_an_answer() {
    let mut breaker = Breaker::new(options());
    breaker.sent(at(0), id(1), Kind::BrokerNew);
    breaker.tick(at(50));
    breaker.heard(at(51), id(1), Exec::New);
    breaker.sent(at(52), id(2), Kind::BrokerNew);
    breaker.tick(at(200));
    assert!(breaker.admits());
}

#[test]
fn half_open_lets_so_many_through_and_closes_when_all_are_answered_well() {
    let mut breaker = Breaker::new(options());
    let now = half_open(&mut breaker, 0);
    breaker.sent(at(now), id(1), Kind::BrokerCancel);
    breaker.sent(at(now), id(2), Kind::BrokerNew);
    assert_eq!(breaker.state(), LinkState::HalfOpen);
    breaker.sent(at(now), id(3), Kind::BrokerNew);
    assert_eq!(breaker.state(), LinkState::BreakerOpen);
    // Answers to others prove nothing.
    breaker.heard(at(now), id(1), Exec::Canceled);
    breaker.heard(at(now), id(9), Exec::New);
    breaker.heard(at(now), id(2), Exec::New);
    assert!(!breaker.admits());
    breaker.heard(at(now), id(3), Exec::Trade);
    assert_eq!(breaker.state(), LinkState::Up);
}

#[test]
fn half_open_opens_at_one_reject_one_silence_one_loss() {
    for case in 0..3 {
        let mut breaker = Breaker::new(options());
        let now = half_open(&mut breaker, 0);
        breaker.sent(at(now), id(1), Kind::BrokerNew);
        let opened = match case {
            0 => {
                breaker.heard(at(now), id(1), Exec::Rejected);
                now
            }
            1 => {
                breaker.tick(at(now + 49));
                assert!(breaker.admits());
                breaker.tick(at(now + 50));
                now + 50
            }
            _ => {
                breaker.lose(at(now));
                now
            }
        };
        assert_eq!(breaker.state(), LinkState::BreakerOpen, "case {case}");
        assert_eq!(breaker.deadline(), at(opened + PAUSE), "case {case}");
    }
}

#[test]
fn a_lost_link_makes_nothing_late() {
    let mut breaker = Breaker::new(options());
    for serial in 1..=5 {
        breaker.sent(at(0), id(serial), Kind::BrokerNew);
    }
    breaker.lose(at(1));
    breaker.tick(at(1_000));
    assert!(breaker.admits());
    assert_eq!(breaker.deadline(), Nanos::MAX);
}

#[test]
fn what_is_watched_is_bounded() {
    let mut breaker = Breaker::new(BreakerOptions {
        unanswered_count: 0,
        ..options()
    });
    for serial in 1..=1_000 {
        breaker.sent(at(0), id(serial), Kind::BrokerNew);
    }
    assert_eq!((breaker.watched.len(), breaker.sent.len()), (64, 64));
    breaker.tick(at(50));
    assert_eq!(breaker.sent.len(), 0);
    for serial in 1_001..=2_000 {
        breaker.sent(at(60), id(serial), Kind::BrokerNew);
    }
    assert_eq!(breaker.watched.len(), 64);
}
