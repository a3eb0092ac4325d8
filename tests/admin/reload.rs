//! An edited configuration beside the one in force, over the operators' socket.

use super::gate::config;
use super::{ALICE, BOB, Desk};
use portcullis::admin::client::Place;
use portcullis::command::reload::{Options, run};
use portcullis::command::{Failure, Report};
use portcullis::config::{Config, parse};
use portcullis::message::{LimitKey, Scope};
use portcullis::reject::RejectReason;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::thread;

/// As the gate's file, but for these words.
fn edited(changes: &[(&str, &str)]) -> Config {
    let mut text = std::fs::read_to_string("tests/follower/gate.toml").unwrap();
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replacen(from, to, 1);
    }
    parse(&text, "gate.toml").unwrap_or_else(|errors| panic!("{errors}"))
}

/// Tells what came of it, and where it failed, why and how.
fn reload(
    desk: &mut Desk,
    uid: u32,
    edited: &Config,
    change: impl Fn(&mut Options),
) -> (Value, Option<Failure>) {
    desk.uid.store(uid, Ordering::Relaxed);
    let mut options = Options {
        place: Place::Socket(desk.path.clone()),
        note: None,
        is_dry_run: false,
        limits_only: false,
        is_json: true,
    };
    change(&mut options);
    let report = thread::scope(|scope| {
        let asks = scope.spawn(|| run(Path::new("gate.toml"), edited, &options));
        while !asks.is_finished() {
            desk.step();
            thread::yield_now();
        }
        asks.join().unwrap()
    });
    let Report { text, failure } = report.unwrap_or_else(|failure| panic!("{failure:?}"));
    let value = match options.is_json {
        true => serde_json::from_str(&text).unwrap(),
        false => json!(text),
    };
    (value, failure)
}

/// Key, in force, file, what it takes and what became of it.
fn rows(said: &Value) -> Vec<[String; 5]> {
    let rows = said["differences"].as_array().unwrap().iter();
    let keys = ["key", "in_force", "file", "takes", "became"];
    rows.map(|row| keys.map(|key| row[key].as_str().unwrap().to_owned()))
        .collect()
}

fn order_qty_max(desk: &Desk) -> u64 {
    let limits = desk.gate.core.limits(Scope::Account, 0).unwrap();
    limits.get(LimitKey::OrderQty).unwrap() as u64 / 100_000_000
}

const QTY: &str =
    "[account.limits]\norder_qty_max = \"25\"\nprice_collar_bps = \"400\"\norder_rate";
const QTY_10: &str =
    "[account.limits]\norder_qty_max = \"10\"\nprice_collar_bps = \"400\"\norder_rate";
const QTY_100: &str =
    "[account.limits]\norder_qty_max = \"100\"\nprice_collar_bps = \"400\"\norder_rate";

#[test]
fn what_the_file_changes_is_in_force_as_versions_with_a_note() {
    let mut desk = Desk::new();
    desk.gate.quote(0, "99", "101");
    let (said, failure) = reload(&mut desk, ALICE, &config(), |_| {});
    assert_eq!((rows(&said).len(), failure.is_none()), (0, true), "{said}");

    let edited = edited(&[
        (QTY, QTY_10),
        (
            "position_value_max = \"20000\"",
            "position_value_max = \"30000\"",
        ),
        (
            "broker = \"sim\"",
            "broker = \"sim\"\n[symbol.limits]\nday_orders_max = 7",
        ),
    ]);
    let (said, failure) = reload(&mut desk, ALICE, &edited, |of| of.is_dry_run = true);
    assert!(failure.is_none() && said["dry_run"] == true);
    assert!(
        rows(&said).iter().all(|row| row[3..] == ["now", "not_put"]),
        "{said}"
    );
    assert_eq!(desk.gate.core.limits_version(), 1);

    let (said, failure) = reload(&mut desk, ALICE, &edited, |of| {
        of.note = Some("June".to_owned())
    });
    assert!(failure.is_none(), "{failure:?}");
    let expected = [
        [
            "account.A.limits.order_qty_max",
            "25",
            "10",
            "now",
            "in_force",
        ],
        [
            "account.B.limits.position_value_max",
            "20000",
            "30000",
            "now",
            "in_force",
        ],
        [
            "symbol.X.limits.day_orders_max",
            "off",
            "7",
            "now",
            "in_force",
        ],
        [
            "symbol.Y.limits.day_orders_max",
            "off",
            "7",
            "now",
            "in_force",
        ],
    ];
    assert_eq!(rows(&said), expected);
    assert_eq!(
        (&said["in_force"], desk.gate.core.limits_version()),
        (&json!(4), 5)
    );
    assert_eq!(order_qty_max(&desk), 10);
    let decision = desk.gate.order(0, "1", "11", "100");
    assert_eq!(decision.reason, Some(RejectReason::QtyAboveMax));

    let versions = portcullis::command::versions::run(&desk.gate.journal(), true).unwrap();
    let versions: Value = serde_json::from_str(&versions.text).unwrap();
    // What tightens goes first.
    let first = &versions["changes"][0];
    assert_eq!(first["limit"], "order_qty_max");
    assert_eq!(
        (&first["who"], &first["why"]),
        (&json!("alice"), &json!("June"))
    );
    let last = &versions["changes"][3];
    assert_eq!(last["limit"], "position_value_max", "{versions}");

    let (said, _) = reload(&mut desk, ALICE, &edited, |of| of.is_json = false);
    assert_eq!(said, "gate.toml: as it is in force\n");
}

#[test]
fn what_loosens_far_waits_for_another_person_and_what_is_refused_is_told() {
    let mut desk = Desk::of(|setup| setup.loosen_factor = Some(20_000));
    let text = |setup: &Config| {
        let mut edited = setup.clone();
        edited.setup.loosen_factor = Some(20_000);
        edited
    };
    let far = text(&edited(&[(QTY, QTY_100)]));
    let (said, failure) = reload(&mut desk, ALICE, &far, |_| {});
    assert!(failure.is_none(), "{failure:?}");
    let waits = [
        "account.A.limits.order_qty_max",
        "25",
        "100",
        "second_person",
        "waits",
    ];
    assert_eq!(rows(&said), [waits]);
    assert_eq!(order_qty_max(&desk), 25);

    // Once more by the same person, and one more limit.
    let more = text(&edited(&[
        (QTY, QTY_100),
        ("open_orders_max = 250", "open_orders_max = 200"),
    ]));
    let (said, failure) = reload(&mut desk, ALICE, &more, |_| {});
    let failure = failure.unwrap();
    assert_eq!(failure.status, 1);
    assert!(
        failure.text.starts_with("1 of 2 limits were refused"),
        "{}",
        failure.text
    );
    let became: Vec<_> = rows(&said).into_iter().map(|row| row[4].clone()).collect();
    assert_eq!(became, ["refused", "in_force"]);
    let why = said["differences"][0]["why"].as_str().unwrap();
    assert!(why.contains("this person has asked already"), "{why}");

    let (said, failure) = reload(&mut desk, BOB, &more, |_| {});
    assert!(failure.is_none(), "{failure:?}");
    assert_eq!(rows(&said)[0][4], "in_force");
    assert_eq!(order_qty_max(&desk), 100);
}

#[test]
fn what_only_a_restart_can_change_is_named_and_nothing_is_put_unless_asked() {
    let mut desk = Desk::new();
    let edited = edited(&[
        (QTY, QTY_10),
        ("reference_age_max = \"5s\"", "reference_age_max = \"10s\""),
        (
            "[[strategy]]\nname = \"S\"",
            "[[account]]\nname = \"C\"\nlimits = { others = \"off\" }\n[[strategy]]\nname = \"S\"",
        ),
        (
            "position_value_max = \"20000\"",
            "position_value_max = \"20000\"\nday_loss_max = \"500\"",
        ),
    ]);
    let (said, failure) = reload(&mut desk, ALICE, &edited, |_| {});
    let failure = failure.unwrap();
    assert_eq!(failure.status, 1);
    let told = "3 keys change at a restart only: nothing was put in force";
    assert!(failure.text.starts_with(told), "{}", failure.text);
    let expected = [
        [
            "account.A.limits.order_qty_max",
            "25",
            "10",
            "now",
            "not_put",
        ],
        [
            "account.B.limits.day_loss_max",
            "off",
            "500",
            "restart",
            "not_put",
        ],
        ["account.C", "not there", "there", "restart", "not_put"],
        [
            "limits.reference_age_max",
            "5s",
            "10s",
            "restart",
            "not_put",
        ],
    ];
    assert_eq!(rows(&said), expected);
    assert_eq!(desk.gate.core.limits_version(), 1);

    let (said, failure) = reload(&mut desk, ALICE, &edited, |of| of.limits_only = true);
    assert!(failure.is_none(), "{failure:?}");
    assert_eq!((&said["in_force"], order_qty_max(&desk)), (&json!(1), 10));
    assert_eq!(desk.gate.core.limits_version(), 2);

    let (said, _) = reload(&mut desk, ALICE, &edited, |of| {
        (of.is_json, of.is_dry_run) = (false, true);
    });
    let said = said.as_str().unwrap();
    let first = said.lines().nth(1).unwrap();
    let of_loss = "account.B.limits.day_loss_max  off        500    at a restart: this level has no limit on losses";
    assert!(first.starts_with(of_loss), "{said}");
    assert!(said.contains("nothing would be put in force"), "{said}");
}

#[test]
fn a_limit_that_is_left_out_shuts_an_account_at_the_next_start_and_is_not_switched_off() {
    let mut desk = Desk::of(|setup| setup.firm.order_qty_max = None);
    // Nobody says how large an order of A may be: that is no limit that is off.
    let without = edited(&[
        ("[limits]\norder_qty_max = \"off\"\n", "[limits]\n"),
        (
            QTY,
            "[account.limits]\nprice_collar_bps = \"400\"\norder_rate",
        ),
    ]);
    let (said, failure) = reload(&mut desk, ALICE, &without, |of| of.limits_only = true);
    assert!(failure.is_none(), "{failure:?}");
    let row = [
        "account.A.limits.order_qty_max",
        "written",
        "not written",
        "restart",
        "not_put",
    ];
    assert_eq!(rows(&said), [row]);
    assert_eq!(order_qty_max(&desk), 25);
}

#[test]
fn a_note_that_no_record_can_hold_is_refused_before_anything_is_asked() {
    let mut options = Options {
        place: Place::Socket("/nowhere/admin.sock".into()),
        note: Some("x".repeat(37)),
        is_dry_run: false,
        limits_only: false,
        is_json: true,
    };
    let problem = |options: &Options| run(Path::new("gate.toml"), &config(), options).unwrap_err();
    assert!(problem(&options).text.starts_with("note: "));
    options.note = None;
    let told = problem(&options);
    assert!(
        told.text.contains("nobody answers") && told.status == 2,
        "{}",
        told.text
    );
}
