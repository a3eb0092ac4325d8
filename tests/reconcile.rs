//! Reconciliation in a whole gate: its threads, its journal, the broker's files on disk.

#[path = "events/desk.rs"]
#[allow(dead_code)]
mod desk;
#[path = "support/folder.rs"]
mod folder;
#[path = "support/gateway.rs"]
mod gateway;
#[path = "support/running.rs"]
mod running;

use desk::{Trader, ask, open};
use folder::Folder;
use portcullis::admin::request::{Command, Request};
use portcullis::command::events::{Form, run as events};
use portcullis::command::reconcile::{Sources, run as reconcile};
use portcullis::events::filter::Wanted;
use portcullis::message::{Exec, Side};
use portcullis::reject::RejectReason;
use serde_json::Value;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

const NAMES: &str = "exec_id,time,account,symbol,side,qty,price,client_order_id\n";
const A_X: (u32, u32) = (0, 0);
const B_X: (u32, u32) = (1, 0);

fn terms(folder: &Path) -> String {
    let at = folder.display();
    format!(
        r#"
        [reconcile]
        drop_copy = "{at}/executions.csv"
        interval = "20ms"
        confirmations = 2
        settle_time = "200ms"
        drop_copy_delay = "1h"
        heal_qty_max = "50"
        heal_value_max = "1000"
        "#
    )
}

fn append(folder: &Path, text: &str) {
    let path = folder.join("executions.csv");
    let mut file = std::fs::File::options()
        .create(true)
        .append(true)
        .open(path)
        .unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

/// The position of account A in X.
fn position(folder: &Path) -> String {
    let request = Request {
        command: Command::Positions,
        account: Some("A".to_owned()),
        symbol: Some("X".to_owned()),
        ..Request::default()
    };
    let answer = ask(folder, &request);
    let rows = answer["positions"].as_array().unwrap();
    rows.first()
        .map_or("0", |row| row["position"].as_str().unwrap())
        .to_owned()
}

fn status(folder: &Path) -> Value {
    let request = Request {
        command: Command::Status,
        ..Request::default()
    };
    ask(folder, &request)["reconciliation"].clone()
}

/// Asks until it is so.
fn wait(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < until, "{what}");
        std::thread::yield_now();
    }
}

/// How often each kind of event is in the journal.
fn count(folder: &Folder, kind: &str) -> usize {
    let report = events(
        &folder.join("journal"),
        &Wanted::default(),
        1 << 20,
        Form::Json,
    )
    .unwrap();
    let value: Value = serde_json::from_str(&report.text).unwrap();
    let events = value["events"].as_array().unwrap();
    events.iter().filter(|event| event["kind"] == kind).count()
}

#[test]
fn a_fill_that_the_session_lost_is_healed_and_a_large_one_halts_over_a_restart() {
    let folder = Folder::new("reconcile");
    append(&folder, NAMES);
    let running = open(&folder, &terms(&folder));
    let mut trader = Trader::connect(&folder);
    assert_eq!(trader.order(A_X, "a1", Side::Buy, "10", &[Exec::New]), None);
    // The broker has filled it; the session never says so.
    append(&folder, "e1,1700000000000000000,A,X,buy,10,10,a1\n");
    wait("healed", || position(&folder) == "10");
    wait("agreed", || status(&folder)["findings_count"] == 0);
    assert_eq!(trader.order(A_X, "a2", Side::Buy, "1", &[Exec::New]), None);

    // More than may be healed, of an order that the gate does not know: at once.
    append(&folder, "e2,1700000001000000000,A,X,buy,60,10,of-nobody\n");
    wait("halted", || status(&folder)["halted"] == 1);
    wait("refused", || {
        let id = format!("b{:?}", Instant::now());
        let id: String = id
            .bytes()
            .filter(u8::is_ascii_digit)
            .map(char::from)
            .collect();
        let refused = trader.order(A_X, &id, Side::Buy, "1", &[Exec::New]);
        refused == Some(RejectReason::AccountKilled)
    });
    assert_eq!(trader.order(B_X, "c1", Side::Buy, "1", &[Exec::New]), None);
    assert_eq!(position(&folder), "10");
    let finding = status(&folder)["findings"][0].clone();
    assert_eq!(finding["kind"], "order_unknown");
    assert_eq!(finding["lacks_qty"], "60");
    assert_eq!(finding["severity"], "critical");
    drop(trader);
    running::stop(running);
    assert_eq!(count(&folder, "adjustment"), 1);

    // A restart reads both anew and finds the same: nothing is adjusted twice, the kill stands.
    let running = open(&folder, &terms(&folder));
    let mut trader = Trader::connect(&folder);
    wait("looked", || status(&folder)["looks"].as_u64() > Some(20));
    assert_eq!(position(&folder), "10");
    assert_eq!(status(&folder)["findings"][0], finding);
    let refused = trader.order(A_X, "a9", Side::Buy, "1", &[Exec::New]);
    assert_eq!(refused, Some(RejectReason::AccountKilled));
    drop(trader);
    running::stop(running);
    assert_eq!(count(&folder, "adjustment"), 1);

    offline(&folder);
}

/// The same from the journal and the files alone.
fn offline(folder: &Folder) {
    let copy = folder.join("executions.csv");
    let statement = folder.join("statement.csv");
    let sources = Sources {
        drop_copy: Some(&copy),
        ..Sources::default()
    };
    let report = reconcile(&folder.join("journal"), sources, true).unwrap();
    assert_eq!(report.failure.unwrap().status, 1);
    let value: Value = serde_json::from_str(&report.text).unwrap();
    assert_eq!(value["agree"], false);
    assert_eq!(value["findings"][0]["kind"], "order_unknown");
    assert_eq!(value["findings"].as_array().unwrap().len(), 1);

    std::fs::write(&statement, "account,symbol,position\nA,X,10\n").unwrap();
    let alone = Sources {
        statement: Some(&statement),
        ..Sources::default()
    };
    let report = reconcile(&folder.join("journal"), alone, false).unwrap();
    assert!(report.failure.is_none(), "{}", report.text);
    assert!(report.text.ends_with("they agree\n"), "{}", report.text);
    std::fs::write(&statement, "account,symbol,position\nA,X,11\n").unwrap();
    let report = reconcile(&folder.join("journal"), alone, false).unwrap();
    assert!(report.text.contains("position differs"), "{}", report.text);
    assert_eq!(report.failure.unwrap().status, 1);
    std::fs::write(&statement, "account,symbol\n").unwrap();
    let failure = reconcile(&folder.join("journal"), alone, false).unwrap_err();
    assert_eq!(failure.status, 2);
    assert!(
        failure
            .text
            .contains("statement.csv, line 1: names of no table")
    );
}

#[test]
fn a_drop_copy_that_is_not_there_halts_the_firm() {
    let folder = Folder::new("reconcile-lost");
    let more = "retries = 2\nretry_interval = \"20ms\"\n";
    let running = open(&folder, &format!("{}{more}", terms(&folder)));
    wait("halted", || status(&folder)["halted"] == 1);
    let finding = status(&folder)["findings"][0].clone();
    assert_eq!(finding["kind"], "source_lost");
    let mut trader = Trader::connect(&folder);
    wait("refused", || {
        let id = format!("{:?}", Instant::now());
        let id: String = id
            .bytes()
            .filter(u8::is_ascii_digit)
            .map(char::from)
            .collect();
        let refused = trader.order(B_X, &id, Side::Buy, "1", &[Exec::New]);
        refused == Some(RejectReason::FirmKilled)
    });
    drop(trader);
    running::stop(running);
}
