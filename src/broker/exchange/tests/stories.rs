//! Idempotence, what was never received, time, faults, replay.

use super::*;
use crate::broker::exchange::Refused;
use std::collections::BTreeSet;

fn faulty(faults: Faults) -> ExchangeOptions {
    ExchangeOptions {
        faults,
        has_ledger: true,
        ..ExchangeOptions::default()
    }
}

#[test]
fn a_repeated_request_is_answered_and_not_applied_again() {
    let mut desk = Desk::new(ExchangeOptions::default());
    desk.buy(1, 100, 10);
    desk.buy(1, 100, 10);
    desk.cancel(1, 1);
    desk.cancel(1, 1);
    assert_eq!(
        desk.told(),
        [
            (1, Exec::New, 0, 0, 10),
            (1, Exec::Status, 0, 100, 10),
            (1, Exec::Canceled, 0, 0, 0),
            (1, Exec::Status, 0, 100, 0),
        ]
    );
}

#[test]
fn a_status_tells_what_was_filled_and_the_last_request_that_came() {
    let mut desk = Desk::new(ExchangeOptions::default());
    desk.buy(1, 100, 10);
    desk.sell(2, 100, 4);
    desk.replace(1, 1, 101, 8);
    // The third request never arrived: the fourth did.
    desk.cancel(1, 3);
    desk.told();
    desk.status(1);
    let status = desk.report().unwrap();
    assert_eq!(told(status), (1, Exec::Status, 4, 101, 0));
    assert_eq!(status.state, OrderState::Cancelled as u8);
    assert_eq!(status.request, 3);
}

/// Who asks for 10 in all and gets less to stand must hear of it.
#[test]
fn a_cut_that_outlives_a_replace_is_told_behind_it() {
    let mut desk = Desk::new(ExchangeOptions::default());
    desk.buy(1, 100, 10);
    let id = OrderId::new(1, 7);
    assert!(
        desk.exchange
            .restate(desk.now, desk.party, id, Qty::from_raw(4))
    );
    desk.told();
    desk.replace(1, 1, 100, 10);
    assert_eq!(
        desk.told(),
        [(1, Exec::Replaced, 0, 0, 4), (1, Exec::Restated, 0, 0, 4)]
    );
    desk.replace(1, 2, 100, 3);
    assert_eq!(desk.told(), [(1, Exec::Replaced, 0, 0, 3)]);
}

#[test]
fn an_order_said_never_received_is_not_entered_afterwards() {
    let mut desk = Desk::new(ExchangeOptions::default());
    desk.status(1);
    desk.buy(1, 100, 10);
    desk.status(1);
    let reports: Vec<_> = std::iter::from_fn(|| desk.report()).collect();
    let execs: Vec<_> = reports.iter().map(|report| told(*report).1).collect();
    assert_eq!(
        execs,
        [Exec::NotReceived, Exec::Rejected, Exec::NotReceived]
    );
    assert_eq!(reports[1].broker_reason, Refused::OrderDisowned as u16);
}

#[test]
fn about_a_forgotten_order_nothing_is_claimed() {
    let mut desk = Desk::new(ExchangeOptions {
        closed_orders_max: 2,
        ..ExchangeOptions::default()
    });
    for serial in 1..=4 {
        desk.order(serial, Side::Buy, TimeInForce::ImmediateOrCancel, None, 1);
    }
    desk.told();
    desk.status(1);
    assert_eq!(desk.told(), []);
    desk.status(3);
    assert_eq!(desk.told(), [(3, Exec::Status, 0, 0, 0)]);
    desk.buy(2, 100, 1);
    assert_eq!(
        desk.report().unwrap().broker_reason,
        Refused::OrderForgotten as u16
    );
}

#[test]
fn what_is_no_order_is_rejected() {
    let mut desk = Desk::new(ExchangeOptions::default());
    let good = order(1, Side::Buy, TimeInForce::Day, Some(1), 1);
    let bad = [
        BrokerRequest { side: 0, ..good },
        BrokerRequest {
            order_type: 3,
            ..good
        },
        BrokerRequest {
            time_in_force: 9,
            ..good
        },
        BrokerRequest {
            qty: Qty::ZERO,
            ..good
        },
        BrokerRequest {
            qty: Qty::from_raw(u64::MAX),
            ..good
        },
        BrokerRequest {
            symbol: SymbolId(u32::MAX),
            ..good
        },
    ];
    for (at, mut request) in bad.into_iter().enumerate() {
        request.order_id = OrderId::new(at as u64 + 1, 0);
        desk.ask(Kind::BrokerNew, request);
        assert_eq!(
            told(desk.report().unwrap()).1,
            Exec::Rejected,
            "{request:?}"
        );
    }
    desk.cancel(77, 1);
    desk.replace(78, 1, 1, 1);
    let execs: Vec<_> = desk.told().iter().map(|told| told.1).collect();
    assert_eq!(execs, [Exec::NotReceived; 2]);
}

#[test]
fn requests_take_their_time_and_never_overtake() {
    let mut desk = Desk::new(ExchangeOptions {
        latency: Nanos::from_raw(100),
        latency_jitter: Nanos::from_raw(1_000),
        ..ExchangeOptions::default()
    });
    for serial in 1..=50 {
        desk.buy(serial, 100, 1);
    }
    assert_eq!(desk.told(), []);
    let mut seen = Vec::new();
    while desk.exchange.deadline(desk.now) != Nanos::MAX {
        desk.now = desk.exchange.deadline(desk.now);
        desk.exchange.advance(desk.now);
        let now = desk.now;
        for report in std::iter::from_fn(|| desk.report()) {
            assert_eq!(report.broker_time, now);
            seen.push(report.order_id.serial());
        }
    }
    assert_eq!(seen, (1..=50).collect::<Vec<_>>());
    assert!(desk.now >= Nanos::from_raw(1_100) && desk.now <= Nanos::from_raw(2_100));
}

#[test]
fn a_cancelled_order_can_fill_late() {
    let mut desk = Desk::new(faulty(Faults {
        late_fill_per_million: 1_000_000,
        late_fill_delay: Nanos::from_raw(50),
        ..Faults::default()
    }));
    desk.buy(1, 100, 10);
    desk.cancel(1, 1);
    desk.now = desk.now.after(Nanos::from_raw(50));
    desk.exchange.advance(desk.now);
    desk.exchange.verify();
    desk.status(1);
    assert_eq!(
        desk.told(),
        [
            (1, Exec::New, 0, 0, 10),
            (1, Exec::Canceled, 0, 0, 0),
            (1, Exec::Trade, 10, 100, 0),
            (1, Exec::Status, 10, 100, 0),
        ]
    );
}

#[test]
fn lost_reports_take_no_sequence_and_a_status_still_tells() {
    let mut desk = Desk::new(faulty(Faults {
        lose_per_million: 1_000_000,
        ..Faults::default()
    }));
    desk.quote((99, 0), (100, 0));
    desk.buy(1, 100, 10);
    assert_eq!(desk.told(), []);
    desk.status(1);
    assert_eq!(desk.told(), [(1, Exec::Status, 10, 100, 0)]);
    let ledger = desk.exchange.take_ledger();
    let lost = ledger.iter().filter(|entry| entry.way == Way::Lost).count();
    assert_eq!(lost, 2);
}

#[test]
fn a_doubled_report_has_one_execution_id_and_two_sequences() {
    let mut desk = Desk::new(faulty(Faults {
        duplicate_per_million: 1_000_000,
        ..Faults::default()
    }));
    desk.buy(1, 100, 10);
    let (first, second) = (desk.report().unwrap(), desk.report().unwrap());
    assert_eq!(first, second);
    desk.cancel(1, 1);
    assert_ne!(desk.report().unwrap().exec_id, first.exec_id);
}

#[test]
fn rejects_and_restatements_come_by_the_share_asked_for() {
    let mut desk = Desk::new(faulty(Faults {
        reject_per_million: 200_000,
        restate_per_million: 300_000,
        ..Faults::default()
    }));
    for serial in 1..=2_000 {
        desk.buy(serial, 100, 10);
    }
    let told = desk.told();
    let count = |exec: Exec| told.iter().filter(|told| told.1 == exec).count();
    assert!(
        (300..500).contains(&count(Exec::Rejected)),
        "{}",
        count(Exec::Rejected)
    );
    assert!(
        (350..600).contains(&count(Exec::Restated)),
        "{}",
        count(Exec::Restated)
    );
    assert!(
        told.iter()
            .all(|told| told.1 != Exec::Restated || told.4 == 5)
    );
    desk.exchange.verify();
    let id = OrderId::new(1_000_000, 7);
    assert!(!desk.exchange.restate(desk.now, desk.party, id, Qty::ZERO));
}

#[test]
fn a_silent_exchange_takes_requests_and_goes_on_where_it_stopped() {
    let mut desk = Desk::new(faulty(Faults {
        silence_request: 2,
        silence_span: Nanos::from_raw(500),
        ..Faults::default()
    }));
    desk.buy(1, 100, 10);
    desk.buy(2, 100, 10);
    desk.cancel(1, 1);
    assert_eq!(desk.told(), []);
    desk.now = desk.exchange.deadline(desk.now);
    desk.exchange.advance(desk.now);
    assert_eq!(
        desk.told(),
        [
            (1, Exec::New, 0, 0, 10),
            (2, Exec::New, 0, 0, 10),
            (1, Exec::Canceled, 0, 0, 0),
        ]
    );
    assert_eq!(desk.exchange.deadline(desk.now), Nanos::MAX);
}

#[test]
fn the_link_is_cut_behind_every_nth_request_and_reads_on() {
    let mut desk = Desk::new(faulty(Faults {
        disconnect_requests: 3,
        ..Faults::default()
    }));
    let mut cuts = 0;
    for serial in 1..=9 {
        desk.buy(serial, 100, 1);
        cuts += u32::from(desk.exchange.take_cut(desk.party));
    }
    assert_eq!(cuts, 3);
    assert_eq!(desk.told().len(), 9);
    // All that is kept can be told again.
    desk.next = desk.exchange.report_first(desk.party);
    assert_eq!(desk.told().len(), 9);
}

#[test]
fn history_is_bounded_and_keeps_what_nobody_took() {
    let mut desk = Desk::new(ExchangeOptions {
        history_max: 4,
        ..ExchangeOptions::default()
    });
    for serial in 1..=10 {
        desk.buy(serial, 100, 1);
    }
    assert_eq!(desk.exchange.report_first(desk.party), 1);
    assert_eq!(desk.told().len(), 10);
    assert_eq!(desk.exchange.report_first(desk.party), 7);
    assert_eq!(desk.exchange.report_next(desk.party), 11);
}

#[test]
fn execution_ids_differ_between_runs_and_gates_share_one_book() {
    let mut seen = BTreeSet::new();
    for start in 1..=3 {
        let mut exchange = Exchange::new(ExchangeOptions::default(), Nanos::from_raw(start));
        let gates = [exchange.join(1), exchange.join(500)];
        for (party, side) in [(gates[0], Side::Buy), (gates[1], Side::Sell)] {
            // Both gates use the same number: it is theirs alone.
            let request = order(1, side, TimeInForce::Day, Some(100), 5);
            let frame = Frame::new(Kind::BrokerNew, Header::default(), request);
            exchange.request(Nanos::ZERO, party, &frame);
        }
        for (party, first) in [(gates[0], 1), (gates[1], 500)] {
            for sequence in [first, first + 1] {
                let frame = exchange.report(Nanos::ZERO, party, sequence).unwrap();
                let id = frame.body::<Report>().exec_id;
                assert!(seen.insert(id.as_str().to_owned()), "{id}");
            }
            let standing = exchange.standing(party, OrderId::new(1, 7)).unwrap();
            assert_eq!(standing.state, OrderState::Filled);
        }
        exchange.verify();
    }
}

#[test]
fn the_same_seed_gives_the_same_day() {
    let run = || {
        let mut desk = Desk::new(ExchangeOptions {
            seed: 9,
            latency: Nanos::from_raw(10),
            latency_jitter: Nanos::from_raw(100),
            ..faulty(Faults {
                reject_per_million: 100_000,
                cancel_reject_per_million: 100_000,
                lose_per_million: 100_000,
                duplicate_per_million: 100_000,
                restate_per_million: 100_000,
                late_fill_per_million: 100_000,
                disconnect_requests: 50,
                ..Faults::default()
            })
        });
        for serial in 1..=300 {
            desk.now = desk.now.after(Nanos::from_raw(20));
            desk.buy(serial, 90 + serial as i64 % 20, 5);
            desk.cancel(serial / 2 + 1, serial as u32);
            desk.sell(1_000 + serial, 95 + serial as i64 % 7, 3);
            desk.exchange.advance(desk.now);
            desk.exchange.verify();
        }
        desk.exchange.take_ledger()
    };
    let ledger = run();
    assert_eq!(ledger, run());
    assert!(ledger.iter().any(|entry| entry.way == Way::Lost));
    let json = ledger[0].to_json();
    assert!(json.contains(r#""way":"received","kind":"new""#), "{json}");
    assert!(json.contains(r#""qty":"0.00000005""#), "{json}");
}
