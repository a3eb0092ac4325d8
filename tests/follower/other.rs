//! Other limits: which decisions of a journal they would have changed.

use super::flow::{Random, seed};
use super::gate::{Gate, config};
use portcullis::follower::other;
use portcullis::journal::reader::Reader;
use portcullis::message::Exec;
use portcullis::reject::RejectReason;
use portcullis::risk::decision::Outcome;
use portcullis::units::{Nanos, Qty};
use serde_json::json;

#[test]
fn the_same_limits_change_nothing() {
    let (config, mut random) = (config(), Random(seed(20_261_121)));
    let mut gate = Gate::new(&config);
    for turn in 0..4000 {
        if turn == 2000 {
            gate.restart(&config);
        }
        gate.happen(&mut random);
    }
    let changes = other::compare(&mut gate.reader(), &gate.journal(), &config.setup, 10).unwrap();
    assert_eq!(changes.changed, 0, "{changes}");
    assert_eq!((changes.consequences, changes.reports_dropped), (0, 0));
    assert_eq!(changes.recorded.difference_count, 0);
    assert!(1000 < changes.compared);

    // The same things in another order: ids differ, names do not.
    let mut turned = config.setup.clone();
    turned.accounts.reverse();
    turned.symbols.reverse();
    turned.strategies.reverse();
    turned.operators.reverse();
    let changes = other::compare(&mut gate.reader(), &gate.journal(), &turned, 10).unwrap();
    assert_eq!(changes.changed, 0, "{changes}");
}

#[test]
fn other_limits_change_what_they_would_have_changed() {
    let config = config();
    let mut gate = Gate::new(&config);
    gate.quote(0, "99", "101");
    let small = gate.order(0, "1", "5", "100").order_id;
    let large = gate.order(0, "2", "20", "100").order_id;
    assert_eq!(
        gate.order(0, "3", "26", "100").reason,
        Some(RejectReason::QtyAboveMax)
    );
    assert_eq!(gate.order(0, "4", "1", "100").outcome, Outcome::Accepted);
    for id in [small, large] {
        gate.report(id, Exec::New, "0");
        gate.report(id, Exec::Trade, "5");
    }
    assert_eq!(gate.cancel(0, "5", "2").outcome, Outcome::Accepted);
    gate.report(large, Exec::Canceled, "0");
    assert_eq!(gate.order(0, "6", "3", "100").outcome, Outcome::Accepted);

    let mut tight = config.setup.clone();
    tight.accounts[0].limits.order_qty_max = Some(Qty::parse("10").unwrap());
    let changes = other::compare(&mut gate.reader(), &gate.journal(), &tight, 10).unwrap();
    let key = (None, Some(RejectReason::QtyAboveMax));
    assert_eq!(
        changes.by_reason.into_iter().collect::<Vec<_>>(),
        [(key, 1)]
    );
    assert_eq!((changes.compared, changes.changed), (5, 1));
    assert_eq!((changes.consequences, changes.reports_dropped), (1, 3));
    let example = &changes.examples[0];
    assert_eq!((example.sequence, example.account.as_str()), (4, "A"));
    assert_eq!(
        (example.symbol.as_str(), example.client_order_id.as_str()),
        ("X", "2")
    );

    let mut loose = config.setup.clone();
    loose.accounts[0].limits.order_qty_max = None;
    loose.accounts[0].limits.open_orders_max = Some(2);
    let changes = other::compare(&mut gate.reader(), &gate.journal(), &loose, 10).unwrap();
    let full = Some(RejectReason::OrdersOpenAboveMax);
    let wanted = [
        ((None, full), 1),
        ((Some(RejectReason::QtyAboveMax), full), 1),
    ];
    assert_eq!(changes.by_reason.into_iter().collect::<Vec<_>>(), wanted);
    // The third order is accepted alone, and makes no other order wait: no market answers it.
    loose.accounts[0].limits.open_orders_max = Some(3);
    let changes = other::compare(&mut gate.reader(), &gate.journal(), &loose, 10).unwrap();
    let key = (Some(RejectReason::QtyAboveMax), None);
    assert_eq!(
        changes.by_reason.into_iter().collect::<Vec<_>>(),
        [(key, 1)]
    );
}

#[test]
fn a_deadline_that_the_gate_was_late_for_is_not_held_against_other_limits() {
    let config = config();
    let mut gate = Gate::new(&config);
    gate.quote(0, "99", "101");
    gate.order(0, "1", "5", "100");
    gate.advance(Nanos::from_secs(2));
    let replace = gate.replace(0, "2", "1", "6", "100");
    assert_eq!(
        gate.record(replace).outcome,
        Outcome::Accepted,
        "its tick comes too late"
    );
    gate.quote(0, "99", "101");
    let setup = &config.setup;
    let changes = other::compare(&mut gate.reader(), &gate.journal(), setup, 10).unwrap();
    assert_eq!((changes.compared, changes.changed), (2, 0), "{changes}");
}

/// A new version runs as a shadow first: what it would refuse is told while the gate goes on.
#[test]
fn a_shadow_tells_what_it_would_refuse_as_it_comes() {
    let config = config();
    let mut gate = Gate::new(&config);
    gate.quote(0, "100", "101");
    gate.order(0, "1", "7", "100");
    let mut tight = config.setup.clone();
    tight.accounts[0].limits.order_qty_max = Some(Qty::parse("7").unwrap());
    let journal = gate.journal();
    let mut reader = Reader::open(&journal).unwrap();
    let (told, mut next) = (std::cell::RefCell::new(Vec::new()), 2);
    let tell = |change: &other::Change| {
        let change = change.to_json();
        told.borrow_mut()
            .push((change["id"].clone(), change["after"].clone()));
    };
    let changes = other::follow(&mut reader, &journal, &tight, tell, || {
        // All that was written has been told before anything more is.
        assert_eq!(told.borrow().len(), next - 2);
        if next == 5 {
            return false;
        }
        let id = next.to_string();
        assert_eq!(gate.order(0, &id, "8", "100").outcome, Outcome::Accepted);
        next += 1;
        true
    });
    let changes = changes.unwrap();
    assert_eq!((changes.compared, changes.changed), (4, 3));
    assert_eq!(changes.recorded.difference_count, 0);
    let wanted = ["2", "3", "4"].map(|id| (json!(id), json!("QtyAboveMax")));
    assert_eq!(*told.borrow(), wanted);
}
