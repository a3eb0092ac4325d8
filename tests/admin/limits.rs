//! What persons may loosen: locates, one order that passes, limits.

use super::gate::config;
use super::{ALICE, BOB, Desk};
use portcullis::reject::RejectReason;
use portcullis::risk::decision::Outcome;
use portcullis::risk::setup::ShortSales;
use portcullis::units::Qty;
use serde_json::{Value, json};

#[test]
fn what_is_located_and_who_may_pass_is_told() {
    let mut desk = Desk::new();
    let locate = json!({"command": "locate", "account": "A", "symbol": "X", "qty": "5"});
    let said = desk.ask(ALICE, &locate);
    assert_eq!(said["outcome"], "NotPermitted", "{said}");
    assert!(
        said["why"].as_str().unwrap().contains("short_sales"),
        "{said}"
    );

    let asked = json!({"command": "override", "account": "A", "id": "7", "note": "agreed"});
    let said = desk.ask(ALICE, &asked);
    assert_eq!(said["outcome"], "NotPermitted", "{said}");
    assert!(
        said["why"].as_str().unwrap().contains("gateway.soft"),
        "{said}"
    );
    for (line, wanted) in [
        (
            json!({"command": "locate", "account": "A", "symbol": "X"}),
            "qty: required",
        ),
        (
            json!({"command": "locate", "symbol": "X", "qty": "1"}),
            "account: required",
        ),
        (json!({"command": "override", "account": "A"}), "id: "),
        (
            json!({"command": "override", "account": "A", "id": "7", "qty": "1"}),
            "qty: means nothing",
        ),
    ] {
        let said = desk.ask(ALICE, &line);
        assert!(
            said["error"].as_str().unwrap().contains(wanted),
            "{line}: {said}"
        );
    }
}

#[test]
fn two_persons_let_one_order_pass() {
    let mut desk = Desk::of(|setup| {
        setup.soft = vec![RejectReason::QtyAboveMax];
        setup.accounts[0].limits.order_qty_max = Qty::parse("5").ok();
        setup.accounts[0].short_sales = ShortSales::Check;
    });
    desk.gate.quote(0, "99", "101");
    let asked = json!({"command": "override", "account": "A", "id": "7", "note": "agreed"});
    let said = desk.ask(ALICE, &asked);
    assert_eq!(
        (&said["outcome"], &said["persons_missing"]),
        (&json!("Applied"), &json!(1))
    );
    assert_eq!(
        desk.gate.order(0, "6", "6", "100").outcome,
        Outcome::Refused
    );
    let said = desk.ask(ALICE, &asked);
    assert_eq!(said["outcome"], "NotPermitted", "{said}");
    let said = desk.ask(BOB, &asked);
    assert_eq!(
        (&said["outcome"], &said["persons_missing"]),
        (&json!("Applied"), &json!(0))
    );
    let decision = desk.gate.order(0, "7", "6", "100");
    assert_eq!(decision.outcome, Outcome::Accepted, "{decision:?}");
    assert_eq!(decision.reason, Some(RejectReason::QtyAboveMax));

    let locate = json!({"command": "locate", "account": "A", "symbol": "X", "qty": "5"});
    let said = desk.ask(ALICE, &locate);
    assert_eq!(
        (&said["outcome"], &said["qty"]),
        (&json!("Applied"), &json!("5"))
    );
}

/// The change stands in the journal: with who, when, from what to what, and why.
#[test]
fn a_limit_is_changed_by_one_person_and_far_by_two() {
    let mut desk = Desk::of(|setup| {
        setup.hard_limits.order_qty_max = Qty::parse("25").ok();
    });
    desk.gate.quote(0, "99", "101");
    let change = |value: &str, note: &str| {
        json!({"command": "limit", "scope": "account", "name": "A", "limit": "order_qty_max", "value": value,
               "note": note})
    };
    let said = desk.ask(ALICE, &change("5", "fat fingers"));
    assert_eq!(
        (&said["outcome"], &said["was"]),
        (&json!("Applied"), &json!("25")),
        "{said}"
    );
    assert_eq!(
        (&said["value"], &said["version"]),
        (&json!("5"), &json!(2)),
        "{said}"
    );
    let refused = desk.gate.order(0, "1", "6", "100");
    assert_eq!(refused.reason, Some(RejectReason::QtyAboveMax));

    let said = desk.ask(ALICE, &change("26", "a large client"));
    assert_eq!(
        (&said["persons_missing"], &said["version"]),
        (&json!(1), &json!(2)),
        "{said}"
    );
    let said = desk.ask(ALICE, &change("26", "a large client"));
    assert_eq!(said["outcome"], "NotPermitted", "{said}");
    assert_eq!(
        desk.gate.order(0, "2", "26", "100").outcome,
        Outcome::Refused
    );
    let said = desk.ask(BOB, &change("26", "seen"));
    assert_eq!(
        (&said["was"], &said["version"]),
        (&json!("5"), &json!(3)),
        "{said}"
    );
    assert_eq!(
        desk.gate.order(0, "3", "26", "100").outcome,
        Outcome::Accepted
    );

    for (request, wanted) in [
        (change("many", "?"), "value: "),
        (change("1", ""), "note: required"),
        (
            json!({"command": "limit", "scope": "firm", "limit": "order_rate", "value": "1"}),
            "limit: ",
        ),
    ] {
        let said = desk.ask(ALICE, &request);
        assert!(
            said["error"].as_str().unwrap().starts_with(wanted),
            "{said}"
        );
    }

    let told = portcullis::command::versions::run(&desk.gate.journal(), true).unwrap();
    let told: Value = serde_json::from_str(&told.text).unwrap();
    let changes: Vec<_> = told["changes"].as_array().unwrap().iter().collect();
    let of = |change: &Value| {
        let word = |key: &str| change[key].as_str().unwrap().to_owned();
        [
            word("who"),
            word("level"),
            word("was"),
            word("is"),
            word("why"),
        ]
        .join(" ")
    };
    assert_eq!(of(changes[0]), "alice account A 25 5 fat fingers");
    assert_eq!(of(changes[1]), "bob account A 5 26 seen");
    assert_eq!(changes.len(), 2, "{told}");
}

/// A restart is no way round the second person.
#[test]
fn a_restart_loosens_no_more_than_one_person_may() {
    let mut old = config().setup;
    old.firm.order_qty_max = Qty::parse("10").ok();
    old.loosen_factor = Some(15_000);
    let mut core = portcullis::risk::core::Core::new(&old);
    let version = core.limits_version();
    let with = |qty: &str| {
        let mut new = old.clone();
        new.firm.order_qty_max = Qty::parse(qty).ok();
        new
    };
    let error = core.adopt(&old, &with("15.00000001")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "order_qty_max of firm was 10 when the gate stopped and is 15.00000001 now, which takes two \
         persons: write the old one, start, and let two of them say `portcullis limit`"
    );
    core.adopt(&old, &with("15")).unwrap();
    assert_eq!(core.limits_version(), version + 1);
    core.adopt(&old, &with("15")).unwrap();
    assert_eq!(core.limits_version(), version + 1);
}
