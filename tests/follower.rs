//! Follower: agrees with the gate, notices when it does not, and says what the gate holds.

#[path = "follower/flow.rs"]
mod flow;
#[path = "support/folder.rs"]
mod folder;
#[path = "follower/gate.rs"]
mod gate;
#[path = "follower/other.rs"]
mod other;

use flow::{APPLIED, Random, control, seed};
use gate::{Gate, START, config, order};
use portcullis::command::{self, Failure};
use portcullis::follower::query::{Query, Reply, Said, Views};
use portcullis::follower::replica::Finding;
use portcullis::follower::{Follower, RECORDS_MAX, replay};
use portcullis::message::{Exec, Kind, Scope, Side};
use portcullis::reject::RejectReason;
use portcullis::risk::decision::{Decision, Outcome};
use portcullis::risk::setup::Setup;
use portcullis::sys::poller::Doorbell;
use portcullis::topology::Stage as _;
use portcullis::units::{AccountId, Nanos, Qty, StrategyId, SymbolId};
use serde_json::{Value, json};

fn follow(gate: &Gate) -> (Follower, Views) {
    let interval = Nanos::from_millis(10);
    Follower::new(&gate.journal(), gate.tail(), interval, Doorbell::NONE)
}

fn catch_up(follower: &mut Follower, now: Nanos) {
    while follower.poll(now) != 0 {}
}

fn ask(follower: &mut Follower, views: &Views, query: Query, now: Nanos) -> Value {
    let (reply, answers) = Reply::channel(1, Doorbell::NONE);
    views.ask(9, query, &reply).unwrap();
    catch_up(follower, now);
    let answer = answers.try_recv().unwrap();
    assert_eq!(answer.token, 9);
    match answer.said {
        Said::View(value) => value,
        said => panic!("{said:?}"),
    }
}

#[test]
fn a_follower_agrees_with_the_gate_and_ends_where_it_is() {
    let (config, mut random) = (config(), Random(seed(20_261_121)));
    let mut gate = Gate::new(&config);
    let (mut follower, _views) = follow(&gate);
    for turn in 0..6000 {
        gate.happen(&mut random);
        if turn % 7 == 0 {
            follower.poll(gate.now());
        }
    }
    catch_up(&mut follower, gate.now());
    assert_eq!(follower.alarm(), None);
    assert_eq!(follower.lag(), (0, Nanos::ZERO));
    assert_eq!(follower.core().unwrap().digest(), gate.core.digest());
    assert_eq!(
        follower.core().unwrap().state_hash(),
        gate.core.state_hash()
    );
    let counts = gate.core.counts();
    assert!(100 < counts.orders_accepted && 100 < counts.orders - counts.orders_accepted);
    assert!(0 < counts.fills && 0 < counts.timeouts && 0 < counts.requests_accepted);

    let report = replay::run(&mut gate.reader(), &gate.journal(), 10).unwrap();
    assert_eq!(report.difference_count, 0, "{report}");
    assert_eq!(report.records, gate.writer.sequence());
    assert_eq!(report.decisions, counts.events);
    assert_eq!(report.state_hash, gate.core.state_hash());
    assert_eq!(report.digest, gate.core.digest());
}

#[test]
fn the_lag_is_told_and_a_poll_takes_a_bounded_batch() {
    let config = config();
    let mut gate = Gate::new(&config);
    let (mut follower, views) = follow(&gate);
    // The opening stands before them.
    let count = RECORDS_MAX as u64 + 9;
    for _ in 0..count {
        gate.quote(0, "99", "101");
        gate.advance(Nanos::from_millis(1));
    }
    assert_eq!(follower.poll(gate.now()), RECORDS_MAX);
    let (records, age) = follower.lag();
    assert_eq!((records, age), (10, Nanos::from_millis(11)));
    assert_eq!(follower.poll(gate.now()), 10);
    assert_eq!(follower.poll(gate.now()), 0);
    let status = ask(&mut follower, &views, Query::Status, gate.now());
    assert_eq!(status["sequence"], count + 1);
    assert_eq!(status["lag_records"], 0);
}

#[test]
fn a_follower_looks_for_records_while_some_come_and_then_sleeps_until_it_is_rung() {
    let config = config();
    let mut gate = Gate::new(&config);
    let (mut follower, views) = follow(&gate);
    let interval = Nanos::from_millis(10);
    let looks = |follower: &mut Follower, gate: &mut Gate| {
        let mut count = 0;
        catch_up(follower, gate.now());
        while follower.deadline() != Nanos::MAX {
            assert_eq!(follower.deadline(), gate.now().after(interval));
            gate.advance(interval);
            catch_up(follower, gate.now());
            count += 1;
        }
        count
    };
    assert_eq!(looks(&mut follower, &mut gate), 10);
    catch_up(&mut follower, gate.now());
    assert_eq!(follower.deadline(), Nanos::MAX);
    gate.quote(0, "99", "101");
    assert_eq!(looks(&mut follower, &mut gate), 10);
    assert_eq!(follower.lag(), (0, Nanos::ZERO));
    // Somebody waits for an act until it is there, or for too long.
    let (reply, answers) = Reply::channel(1, Doorbell::NONE);
    let act = |correlation, until| Query::Act { correlation, until };
    let until = gate.now().after(Nanos::from_millis(200));
    views.ask(1, act(77, until), &reply).unwrap();
    assert_eq!(looks(&mut follower, &mut gate), 20);
    assert!(answers.try_recv().is_err());
}

/// What the journal says, and the sequence where the follower must cry out.
fn alarm_of(tamper: impl Fn(&mut Gate)) -> (Finding, Finding) {
    let config = config();
    let mut gate = Gate::new(&config);
    let (mut follower, views) = follow(&gate);
    gate.quote(0, "99", "101");
    gate.order(0, "1", "10", "100");
    catch_up(&mut follower, gate.now());
    assert_eq!(follower.alarm(), None);
    tamper(&mut gate);
    let sequence = gate.writer.sequence();
    gate.checkpoint(1);
    catch_up(&mut follower, gate.now());
    let alarm = *follower.alarm().unwrap();
    assert_eq!(alarm.sequence, sequence, "the first one stays");
    let status = ask(&mut follower, &views, Query::Status, gate.now());
    assert_eq!(status["alarm"]["sequence"], sequence);
    assert_eq!(status["alarm"]["recorded"], alarm.recorded.to_string());
    assert_eq!(status["alarm"]["derived"], alarm.derived.to_string());
    assert!(2 <= status["alarm"]["differences"].as_u64().unwrap());
    let report = replay::run(&mut gate.reader(), &gate.journal(), 1).unwrap();
    assert_eq!(report.differences, [alarm]);
    assert!(2 <= report.difference_count);
    (alarm.recorded, alarm.derived)
}

#[test]
fn a_changed_decision_raises_the_alarm() {
    let (recorded, derived) = alarm_of(|gate| {
        let too_large = order(0, 0, "2", Side::Buy, "26", "100");
        let frame = gate.frame(Kind::NewOrder, StrategyId(0), too_large);
        let accepted = Decision {
            outcome: Outcome::Accepted,
            ..APPLIED
        };
        gate.append(frame, &accepted, 5);
    });
    assert!(matches!(recorded, Finding::Decision(it) if it.outcome == Outcome::Accepted));
    let Finding::Decision(derived) = derived else {
        panic!("{derived:?}")
    };
    assert_eq!(derived.reason, Some(RejectReason::QtyAboveMax));
}

#[test]
fn a_changed_limit_of_a_refusal_raises_the_alarm() {
    let (recorded, derived) = alarm_of(|gate| {
        let decision = gate.order(0, "2", "26", "100");
        let again = order(0, 0, "3", Side::Buy, "26", "100");
        let frame = gate.frame(Kind::NewOrder, StrategyId(0), again);
        let changed = Decision {
            limit: decision.limit + 1,
            ..decision
        };
        gate.append(frame, &changed, 0);
    });
    let (Finding::Decision(recorded), Finding::Decision(derived)) = (recorded, derived) else {
        panic!("{recorded:?} {derived:?}")
    };
    assert_eq!(
        recorded,
        Decision {
            limit: derived.limit + 1,
            ..derived
        }
    );
}

#[test]
fn a_changed_digest_raises_the_alarm() {
    let (recorded, derived) = alarm_of(|gate| {
        let frame = gate.frame(Kind::Kill, StrategyId::NONE, control(0, 0));
        gate.append(frame, &APPLIED, 0xBAD);
    });
    assert_eq!(recorded, Finding::Digest(0xBAD));
    assert!(matches!(derived, Finding::Digest(_)));
}

#[test]
fn a_changed_checkpoint_raises_the_alarm() {
    let (recorded, derived) = alarm_of(|gate| gate.checkpoint(4));
    let (Finding::Checkpoint(a), Finding::Checkpoint(b)) = (recorded, derived) else {
        panic!("{recorded:?} {derived:?}")
    };
    assert_eq!(a ^ b, 4);
}

#[test]
fn views_show_names_and_only_what_was_asked_for() {
    let config = config();
    let mut gate = Gate::new(&config);
    let (mut follower, views) = follow(&gate);
    gate.quote(0, "99", "102");
    for (account, id) in [(0, "1"), (0, "2"), (1, "3")] {
        assert_eq!(
            gate.order(account, id, "10", "100.5").outcome,
            Outcome::Accepted
        );
    }
    let id = gate
        .core
        .order_id(AccountId(0), &portcullis::message::Text::new("1").unwrap());
    gate.report(id.unwrap(), Exec::Trade, "4");
    gate.take(gate.frame(Kind::Kill, StrategyId::NONE, control(1, 1)));
    let now = gate.now();

    let all = Query::Orders {
        account: None,
        strategy: None,
        symbol: None,
        count_max: 2,
    };
    let orders = ask(&mut follower, &views, all, now);
    assert_eq!(orders["total"], 3);
    assert_eq!(orders["orders"].as_array().unwrap().len(), 2);
    let account = Some(AccountId(1));
    let query = Query::Orders {
        account,
        strategy: None,
        symbol: None,
        count_max: 9,
    };
    let orders = ask(&mut follower, &views, query, now);
    let order = &orders["orders"][0];
    assert_eq!(orders["total"], 1);
    assert_eq!(
        (&order["account"], &order["strategy"]),
        (&"B".into(), &"S".into())
    );
    assert_eq!(
        (&order["id"], &order["price"]),
        (&"3".into(), &"100.5".into())
    );
    let symbol = Some(SymbolId(1));
    let query = Query::Orders {
        account: None,
        strategy: None,
        symbol,
        count_max: 9,
    };
    assert_eq!(ask(&mut follower, &views, query, now)["total"], 0);

    for (books, owner, rows) in [
        (Scope::Account, Some(0), 1),
        (Scope::Strategy, None, 1),
        (Scope::Firm, None, 1),
    ] {
        let query = Query::Positions {
            books,
            owner,
            symbol: None,
            count_max: 9,
        };
        let positions = ask(&mut follower, &views, query, now);
        assert_eq!(positions["total"], rows, "{positions}");
        assert_eq!(positions["positions"][0]["position"], "4");
        assert_eq!(positions["positions"][0]["symbol"], "X");
    }

    let query = Query::Levels {
        scope: Some(Scope::Account),
        target: None,
        count_max: 9,
    };
    let levels = ask(&mut follower, &views, query, now);
    assert_eq!(levels["levels"][1]["name"], "B");
    assert_eq!(levels["levels"][1]["killed"], true);
    assert_eq!(levels["levels"][0]["open_notional"], "1608");

    let references = ask(
        &mut follower,
        &views,
        Query::References {
            symbol: None,
            count_max: 9,
        },
        now,
    );
    assert_eq!(references["total"], 1);
    assert_eq!(references["references"][0]["mid"], "100.5");

    let status = ask(&mut follower, &views, Query::Status, now);
    assert_eq!(status["killed"][0]["name"], "B");
    assert_eq!(status["links"][0]["broker"], "sim");
    assert_eq!(status["orders_open"], 3);
    assert_eq!(status["alarm"], Value::Null);
    assert_eq!(START, now);
}

#[test]
fn a_follower_goes_on_from_run_to_run_as_the_gateway_does() {
    let (mut config, mut random) = (config(), Random(seed(20_261_121)));
    let mut gate = Gate::new(&config);
    let (mut follower, views) = follow(&gate);
    for _ in 0..300 {
        gate.happen(&mut random);
    }
    config.setup.accounts[0].limits.order_qty_max = Some(Qty::parse("5").unwrap());
    config.setup.accounts[0].limits.order_rate.clear();
    gate.restart(&config);
    for _ in 0..300 {
        gate.happen(&mut random);
    }
    catch_up(&mut follower, gate.now());
    assert_eq!(follower.alarm(), None);
    let status = ask(&mut follower, &views, Query::Status, gate.now());
    assert_eq!(status["failure"], Value::Null);
    assert_eq!(status["digest"], format!("{:016x}", gate.core.digest()));
    assert_eq!(
        follower.core().unwrap().state_hash(),
        gate.core.state_hash()
    );
    let report = replay::run(&mut gate.reader(), &gate.journal(), 10).unwrap();
    assert_eq!((report.runs, report.difference_count), (2, 0));
}

/// What `replay --json` prints, and how it ends.
fn replay_json(gate: &Gate, other: Option<Setup>) -> (Value, Option<Failure>) {
    let report = command::replay::run(&gate.journal(), other, true).unwrap();
    (serde_json::from_str(&report.text).unwrap(), report.failure)
}

#[test]
fn what_would_change_is_one_object_for_machines() {
    let config = config();
    let mut gate = Gate::new(&config);
    gate.quote(0, "100", "101");
    assert_eq!(gate.order(0, "1", "8", "100").outcome, Outcome::Accepted);
    assert!(gate.keeper.flush());
    let (value, failure) = replay_json(&gate, None);
    assert!(failure.is_none());
    assert_eq!(value["journal"]["is_whole"], true);
    assert_eq!(value["journal"]["durable"], value["records"]);

    let mut tight = config.setup.clone();
    tight.accounts[0].limits.order_qty_max = Some(Qty::parse("7").unwrap());
    let (value, failure) = replay_json(&gate, Some(tight));
    assert!(failure.is_none());
    assert_eq!(value["changed"], 1, "{value}");
    let change = &value["changes"][0];
    assert_eq!(change["id"], "1");
    assert_eq!(change["before"], "accepted");
    assert_eq!(change["after"], "QtyAboveMax");
    assert!(change["sequence"].is_u64() && change["time"].is_u64());
}

#[test]
fn a_journal_that_is_not_whole_is_not_certified() {
    let mut gate = Gate::new(&config());
    gate.quote(0, "100", "101");
    let mut last = 0;
    for id in 1..=9 {
        gate.order(0, &id.to_string(), "1", "100");
        last = gate.writer.sequence();
    }
    assert!(gate.keeper.flush());
    let path = gate.journal().join("segment-0000000001.journal");
    let whole = std::fs::read(&path).unwrap();
    let mut lines = Vec::new();
    command::journal::dump(&gate.journal(), &mut lines).unwrap();
    let dumped = String::from_utf8(lines).unwrap();
    assert!(dumped.contains("\"bid\":\"100\"") && !dumped.contains("\"frame\""));

    // The last record: its decision is one byte off.
    let end = whole.iter().rposition(|&byte| byte != 0).unwrap();
    let mut damaged = whole.clone();
    damaged[end] ^= 1;
    std::fs::write(&path, &damaged).unwrap();
    let (value, failure) = replay_json(&gate, None);
    let failure = failure.unwrap();
    assert_eq!(
        (failure.status, &value["journal"]["durable"]),
        (2, &last.into())
    );
    assert_eq!(value["journal"]["records"], last - 1);
    assert!(
        failure.text.contains(&format!("record {last}")),
        "{}",
        failure.text
    );
    let failure = command::journal::dump(&gate.journal(), std::io::sink()).unwrap_err();
    assert_eq!(failure.status, 2);

    // What stands behind the mark, and a mark that is gone.
    let mut longer = whole.clone();
    longer.extend([1; 4096]);
    std::fs::write(&path, &longer).unwrap();
    let (value, failure) = replay_json(&gate, None);
    assert_eq!(
        (failure.unwrap().status, &value["journal"]["is_whole"]),
        (1, &false.into())
    );
    let report = command::journal::verify(&gate.journal(), false).unwrap();
    assert!(report.failure.is_some() && !report.text.contains("whole"));
    std::fs::write(&path, &whole).unwrap();
    std::fs::remove_file(gate.journal().join("durable")).unwrap();
    let (value, failure) = replay_json(&gate, None);
    assert!(failure.unwrap().text.contains("`durable`"));
    assert_eq!(value["journal"]["durable"], Value::Null);
}

#[test]
fn an_orders_story_is_told_from_the_journal() {
    let mut gate = Gate::new(&config());
    gate.quote(0, "100", "101");
    let id = gate.order(0, "1", "8", "100").order_id;
    gate.advance(Nanos::from_millis(3));
    gate.report(id, Exec::Trade, "5");
    gate.cancel(0, "2", "1");
    gate.order(0, "9", "800000", "100");
    assert!(gate.keeper.flush());
    let explain = |id: &str| command::explain::run(&gate.journal(), id, None, true);
    let story = |id: &str| -> Value {
        let value: Value = serde_json::from_str(&explain(id).unwrap().text).unwrap();
        value["orders"][0].clone()
    };
    let accepted = story("1");
    assert_eq!(accepted["decision"], "accepted");
    let events: Vec<_> = accepted["events"].as_array().unwrap().iter().collect();
    assert_eq!(events.len(), 2, "{accepted}");
    assert!(events[0]["what"].as_str().unwrap().contains("filled 5"));
    assert_eq!(events[0]["order"], "partially_filled, 5 of 8 filled");
    assert!(events[1]["what"].as_str().unwrap().contains("cancel 2"));
    let refused = story("9");
    assert_eq!(refused["decision"], "rejected");
    let margins = refused["margins"].as_array().unwrap();
    let first = margins
        .iter()
        .find(|margin| margin["refuses"] == true)
        .unwrap();
    assert_eq!(first["control"], refused["reason"], "{refused}");
    assert!(explain("3").is_err());
    assert!(explain("").is_err());
}

#[test]
fn a_limit_that_is_nearly_used_up_and_a_pause_are_told() {
    let mut config = config();
    config.setup.warn_share = 800_000;
    config.setup.firm.open_orders_max = Some(5);
    let effective = portcullis::config::effective::effective_toml(&config);
    let effective = format!(
        "{effective}\n[[response]]\nname = \"r\"\non = \"refusals\"\nscope = \"account\"\ncount = 1\n\
         window = \"1s\"\nanswer = \"refuse\"\npause = \"1m\"\n"
    );
    let config = portcullis::config::effective::parse_effective(&effective).unwrap();
    let mut gate = Gate::new(&config);
    let (mut follower, views) = follow(&gate);
    gate.quote(0, "99", "102");
    for id in ["1", "2", "3"] {
        assert_eq!(gate.order(0, id, "10", "100.5").outcome, Outcome::Accepted);
    }
    let near = |follower: &mut Follower, gate: &Gate| {
        let status = ask(follower, &views, Query::Status, gate.now());
        (status["near"].clone(), status["answered"].clone())
    };
    let (few, _) = near(&mut follower, &gate);
    let is_open = |rows: &Value| {
        let mut rows = rows.as_array().unwrap().iter();
        rows.any(|row| row["control"] == "OrdersOpenAboveMax" && row["scope"] == "firm")
    };
    assert!(!is_open(&few), "{few}");
    assert_eq!(gate.order(0, "4", "10", "100.5").outcome, Outcome::Accepted);
    let (near_now, answered) = near(&mut follower, &gate);
    assert!(is_open(&near_now), "{near_now}");
    assert_eq!(answered, serde_json::json!([]));

    // An order that is refused pauses its account.
    assert_eq!(gate.order(0, "4", "10", "100.5").outcome, Outcome::Refused);
    let (_, answered) = near(&mut follower, &gate);
    assert_eq!(answered[0]["scope"], "account");
    assert_eq!(answered[0]["name"], "A");
    assert!(answered[0]["paused_until"].is_string(), "{answered}");
}

#[test]
fn what_a_level_could_lose_is_shown_and_told_before_its_limit() {
    let text = include_str!("follower/gate.toml").replace(
        "[limits]\n",
        "[limits]\nothers = \"off\"\nstress_loss_max = \"1000\"\n",
    );
    let scenario =
        "[[scenario]]\nname = \"crash\"\nothers = \"-0.2\"\n[tail]\nstress = [\"crash\"]\n";
    let mut config = portcullis::config::parse(&format!("{text}{scenario}"), "gate.toml").unwrap();
    config.setup.warn_share = 800_000;
    let mut gate = Gate::new(&config);
    let (mut follower, views) = follow(&gate);
    gate.quote(0, "99", "101");
    let mut seen = |gate: &Gate| {
        let status = ask(&mut follower, &views, Query::Status, gate.now());
        let near = status["near"].as_array().unwrap().iter();
        let is_near = near
            .clone()
            .any(|row| row["control"] == "StressLossAboveMax");
        let query = Query::Portfolio {
            scope: Some(Scope::Firm),
            target: None,
            count_max: 10,
        };
        let row = ask(&mut follower, &views, query, gate.now())["portfolio"][0].clone();
        (is_near, row["tails"].clone())
    };
    let tail = |value: &str, used: &str| json!([{"control": "StressLossAboveMax", "max": "1000", "value": value, "used": used}]);
    assert_eq!(seen(&gate), (false, tail("0", "0")));
    // A live purchase of ten at 100 loses 200 where prices fall by a fifth.
    for (id, qty, value, used, is_near) in [
        ("1", "10", "200", "0.2", false),
        ("2", "25", "700", "0.7", false),
        ("3", "5", "800", "0.8", true),
    ] {
        assert_eq!(gate.order(0, id, qty, "100").outcome, Outcome::Accepted);
        assert_eq!(seen(&gate), (is_near, tail(value, used)), "{id}");
    }
    let refused = gate.order(0, "4", "11", "100");
    assert_eq!(refused.reason, Some(RejectReason::StressLossAboveMax));
}
