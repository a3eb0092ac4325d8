//! The stage with the broker inside the gate.

use super::*;
use crate::broker::exchange::{Chance, ExchangeOptions, Faults};
use crate::broker::sim::{SimLink, SimOptions};
use crate::message::Quote;

fn faulty(faults: Faults) -> SimOptions {
    SimOptions {
        exchange: ExchangeOptions {
            faults,
            has_ledger: true,
            ..ExchangeOptions::default()
        },
        ..SimOptions::default()
    }
}

fn rig(options: &SimOptions, breaker: BreakerOptions, room: usize) -> Rig {
    let link = SimLink::new(options, place(0, START));
    Rig::new(Box::new(link), breaker, room)
}

#[test]
fn orders_go_out_and_reports_come_back_in_order() {
    let mut rig = rig(&SimOptions::default(), BreakerOptions::default(), 64);
    rig.poll();
    rig.buy(1);
    rig.cancel(1, 1);
    rig.status(1);
    rig.poll();
    assert_eq!(
        rig.told(),
        [
            Told::Link(LinkState::Down),
            Told::Link(LinkState::Up),
            Told::Report(1, Exec::New, 0),
            Told::Report(1, Exec::Canceled, 0),
            Told::Report(1, Exec::Status, 0),
        ]
    );
    let sequences: Vec<u64> = rig.told.iter().map(|frame| frame.header.sequence).collect();
    assert_eq!(sequences, [0, 0, 1, 2, 3]);
    assert_eq!(rig.poll(), 0);
    assert!(rig.stage.drain(rig.now));
}

#[test]
fn reports_go_on_counting_after_a_restart() {
    let link = SimLink::new(&SimOptions::default(), place(41, START));
    let mut rig = Rig::new(Box::new(link), BreakerOptions::default(), 64);
    rig.poll();
    rig.buy(1);
    rig.poll();
    assert_eq!(rig.told.last().unwrap().header.sequence, 42);
}

#[test]
fn quotes_of_the_market_fill_orders() {
    let (mut quotes, market_to_broker) = ring(8);
    let place = Place {
        market_to_broker: Some(market_to_broker),
        ..place(0, START)
    };
    let link = SimLink::new(&SimOptions::default(), place);
    let mut rig = Rig::new(Box::new(link), BreakerOptions::default(), 64);
    rig.poll();
    rig.buy(1);
    rig.poll();
    let quote = Quote {
        bid: Price::from_raw(98),
        ask: Price::from_raw(99),
        ..Quote::default()
    };
    let quote = Frame::new(Kind::Quote, Header::default(), quote);
    assert!(quotes.push(quote).is_ok());
    rig.poll();
    assert_eq!(rig.count(Exec::Trade), 1);
}

#[test]
fn nothing_is_dropped_when_risk_takes_nothing_and_requests_still_go() {
    let mut rig = rig(&faulty(Faults::default()), BreakerOptions::off(), 2);
    rig.poll();
    for serial in 1..=3_000 {
        rig.buy(serial);
        // Its other side has nobody to give it to.
        rig.ask(
            Kind::BrokerCancel,
            BrokerRequest {
                broker: BrokerId(9),
                ..order(serial)
            },
        );
        rig.stage.poll(rig.now);
    }
    assert!(rig.requests.is_empty());
    while rig.poll() != 0 {}
    assert_eq!(rig.count(Exec::New), 3_000);
    let sequences = rig.told.iter().map(|frame| frame.header.sequence);
    let counted: Vec<u64> = sequences.filter(|&sequence| sequence != 0).collect();
    assert_eq!(counted, (1..=3_000).collect::<Vec<_>>());
}

#[test]
fn an_unknown_broker_is_answered() {
    let mut rig = rig(&SimOptions::default(), BreakerOptions::default(), 64);
    rig.poll();
    let request = BrokerRequest {
        broker: BrokerId(7),
        ..order(1)
    };
    rig.ask(Kind::BrokerNew, request);
    rig.stage.poll(rig.now);
    let frame = rig.reports.drain(9).last().unwrap();
    let report: &Report = frame.body();
    assert_eq!(report.broker, BrokerId(7));
    assert_eq!(report.exec, Exec::NotReceived as u8);
    assert_eq!(report.broker_reason, Unsent::BrokerUnknown as u16);
}

#[test]
fn a_cut_link_sends_nothing_late_but_cancels() {
    let mut rig = rig(
        &faulty(Faults {
            disconnect_requests: 2,
            ..Faults::default()
        }),
        BreakerOptions::off(),
        64,
    );
    rig.poll();
    rig.buy(1);
    rig.buy(2);
    // In the ring already when the link is cut.
    rig.buy(3);
    rig.cancel(1, 1);
    rig.status(2);
    rig.poll();
    rig.buy(4);
    rig.poll();
    rig.wait(Nanos::from_millis(100));
    rig.poll();
    rig.poll();
    let down = Unsent::LinkDown as u16;
    assert_eq!(
        rig.told()[2..],
        [
            Told::Report(3, Exec::NotReceived, down),
            Told::Link(LinkState::Down),
            Told::Report(4, Exec::NotReceived, down),
            Told::Report(1, Exec::New, 0),
            Told::Report(2, Exec::New, 0),
            Told::Report(1, Exec::Canceled, 0),
            Told::Link(LinkState::Up),
        ]
    );
}

#[test]
fn an_open_breaker_holds_orders_back_and_lets_cancels_pass() {
    let mut rig = rig(
        &faulty(Faults {
            reject_per_million: 1_000_000,
            ..Faults::default()
        }),
        BreakerOptions {
            burst_count: 3,
            probes_count: 2,
            ..BreakerOptions::default()
        },
        64,
    );
    rig.poll();
    for serial in 1..=3 {
        rig.buy(serial);
    }
    rig.poll();
    rig.buy(4);
    rig.cancel(1, 1);
    rig.poll();
    rig.wait(Nanos::from_secs(5));
    rig.poll();
    for serial in 5..=7 {
        rig.buy(serial);
    }
    rig.poll();
    let open = Unsent::BreakerOpen as u16;
    assert_eq!(
        rig.told()[5..],
        [
            Told::Link(LinkState::BreakerOpen),
            Told::Report(4, Exec::NotReceived, open),
            Told::Report(1, Exec::CancelRejected, 4),
            Told::Link(LinkState::HalfOpen),
            Told::Link(LinkState::BreakerOpen),
            Told::Report(7, Exec::NotReceived, open),
            Told::Report(5, Exec::Rejected, 8),
            Told::Report(6, Exec::Rejected, 8),
        ]
    );
}

#[test]
fn whatever_goes_wrong_every_order_is_known_or_was_never_sent() {
    for seed in 1..=20 {
        let mut options = faulty(Faults {
            reject_per_million: 50_000,
            cancel_reject_per_million: 50_000,
            duplicate_per_million: 50_000,
            late_fill_per_million: 50_000,
            disconnect_requests: 37,
            ..Faults::default()
        });
        options.exchange.seed = seed;
        options.exchange.latency = Nanos::from_millis(1);
        options.exchange.latency_jitter = Nanos::from_millis(20);
        let mut rig = rig(&options, BreakerOptions::off(), 16);
        let mut chance = Chance::new(seed);
        for serial in 1..=500 {
            rig.buy(serial);
            if chance.happens(300_000) {
                rig.cancel(1 + chance.up_to(serial - 1), serial as u32);
            }
            rig.wait(Nanos::from_millis(chance.up_to(10)));
            rig.poll();
        }
        // What is in doubt is asked for.
        for _ in 0..500 {
            rig.wait(Nanos::from_millis(50));
            rig.poll();
        }
        let mut fate: BTreeMap<u64, BTreeSet<&str>> = BTreeMap::new();
        for told in rig.told() {
            if let Told::Report(serial, exec, _) = told {
                let heard = match exec {
                    Exec::NotReceived => "never sent",
                    Exec::CancelRejected => continue,
                    _ => "known",
                };
                fate.entry(serial).or_default().insert(heard);
            }
        }
        assert_eq!(fate.len(), 500, "seed {seed}");
        assert!(fate.values().all(|fate| fate.len() == 1), "seed {seed}");
        let sequences = rig.told.iter().map(|frame| frame.header.sequence);
        let counted: Vec<u64> = sequences.filter(|&sequence| sequence != 0).collect();
        assert_eq!(counted, (1..=counted.len() as u64).collect::<Vec<_>>());
    }
}
