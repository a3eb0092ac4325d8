//! What is told of positions and losses.

use super::all_of;
use super::gate::{Gate, config, order};
use portcullis::message::{Control, Exec, Kind, Report, Scope, Side, Text};
use portcullis::risk::decision::Outcome;
use portcullis::risk::setup::LossResume;
use portcullis::units::{BrokerId, Nanos, Notional, Price, Qty, StrategyId};
use serde_json::Value;

fn trade(gate: &mut Gate, id: &str, side: Side, qty: &str, price: &str) {
    let order = order(0, 0, id, side, qty, price);
    let decision = gate.take(gate.frame(Kind::NewOrder, StrategyId(0), order));
    assert_eq!(decision.outcome, Outcome::Accepted, "{decision:?}");
    let report = Report {
        order_id: decision.order_id,
        exec: Exec::Trade as u8,
        qty: Qty::parse(qty).unwrap(),
        price: Price::parse(price).unwrap(),
        broker: BrokerId(0),
        exec_id: Text::new(&format!("e{id}")).unwrap(),
        ..Report::default()
    };
    let decision = gate.take(gate.frame(Kind::Report, StrategyId::NONE, report));
    assert_eq!(decision.outcome, Outcome::Applied);
}

fn raise(gate: &mut Gate, operator: u32) {
    let control = Control {
        target: 0,
        operator,
        scope: Scope::Account as u8,
        ..Control::default()
    };
    let decision = gate.take(gate.frame(Kind::Raise, StrategyId::NONE, control));
    assert_eq!(decision.outcome, Outcome::Applied);
}

/// These fields of every event of a kind, in a line each.
fn told(gate: &Gate, kind: &str, keys: &[&str]) -> Vec<String> {
    let all = all_of(&gate.journal());
    let of_kind = all.iter().filter(|event| event["kind"] == kind);
    of_kind
        .map(|event| {
            let said = keys.iter().map(|key| match &event[*key] {
                Value::String(text) => text.clone(),
                Value::Null => "-".to_owned(),
                other => other.to_string(),
            });
            said.collect::<Vec<_>>().join(" ")
        })
        .collect()
}

#[test]
fn what_a_fill_makes_of_a_position_is_told() {
    let mut gate = Gate::new(&config());
    gate.quote(0, "99", "101");
    trade(&mut gate, "1", Side::Buy, "10", "100");
    trade(&mut gate, "2", Side::Buy, "5", "103");
    trade(&mut gate, "3", Side::Sell, "3", "102");
    trade(&mut gate, "4", Side::Sell, "14", "102");
    trade(&mut gate, "5", Side::Sell, "1", "100");
    trade(&mut gate, "6", Side::Buy, "3", "100");
    let keys = [
        "account",
        "id",
        "state",
        "position",
        "average_price",
        "realized",
    ];
    let wanted = [
        "A 1 opened 10 100 0",
        "A 2 increased 15 101 0",
        "A 3 reduced 12 101 3",
        "A 4 reversed -2 102 12",
        "A 5 increased -3 101.333333333 0",
        "A 6 closed 0 - 4",
    ];
    assert_eq!(told(&gate, "position", &keys), wanted);
    // Each goes back to the command whose order was filled.
    let all = all_of(&gate.journal());
    let of = |kind: &str| {
        let events = all.iter().filter(|event| event["kind"] == kind);
        let events = events.map(|event| (event["id"].clone(), event["correlation"].clone()));
        events.collect::<Vec<_>>()
    };
    assert_eq!(of("position"), of("order_accepted"));
}

#[test]
fn what_a_level_loses_is_told_near_its_limit_beyond_it_and_when_it_trades_again() {
    let mut config = config();
    let limits = &mut config.setup.accounts[0].limits;
    limits.capital = Notional::parse("1000").ok();
    limits.day_loss_max = Notional::parse("100").ok();
    limits.loss_resume = LossResume::NextDay;
    let mut gate = Gate::new(&config);
    gate.quote(0, "99", "101");
    trade(&mut gate, "1", Side::Buy, "10", "100");
    let warned = |gate: &Gate| told(gate, "loss_warning", &["name", "loss", "limit", "value"]);
    gate.quote(0, "91.1", "93");
    assert!(warned(&gate).is_empty());
    gate.quote(0, "91", "93");
    gate.quote(0, "90", "92");
    assert_eq!(warned(&gate), ["A day_loss_max 100 80"], "told once");
    gate.quote(0, "96", "98");
    gate.quote(0, "91", "93");
    assert_eq!(warned(&gate).len(), 2, "and again after it was well below");

    gate.quote(0, "88", "90");
    let keys = [
        "severity", "scope", "name", "reason", "loss", "limit", "value", "until", "persons",
    ];
    let halted = |gate: &Gate| told(gate, "loss_halted", &keys);
    let first =
        "critical account A LossAboveMax day_loss_max 100 110 2023-11-15T00:00:00.000000000Z 2";
    assert_eq!(halted(&gate), [first]);
    let resumed = |gate: &Gate| told(gate, "loss_resumed", &["name", "loss", "text"]);
    raise(&mut gate, 0);
    assert!(resumed(&gate).is_empty());
    raise(&mut gate, 1);
    let by_persons = "A day_loss_max account A trades again (day_loss_max): persons have raised it; what \
                      it loses counts from here";
    assert_eq!(resumed(&gate), [by_persons]);

    // At once beyond the limit: that is told, and not that it is near.
    gate.quote(0, "68", "70");
    assert_eq!((halted(&gate).len(), warned(&gate).len()), (2, 2));
    gate.advance(Nanos::from_secs(2 * 3600));
    gate.quote(0, "68", "70");
    let all = resumed(&gate);
    assert_eq!(all.len(), 2, "{all:?}");
    assert!(all[1].contains("its day is over"), "{all:?}");
}

#[test]
fn a_position_that_the_gate_closes_is_told_when_it_begins_and_when_it_is_done() {
    let mut config = config();
    config.setup.strategies[0].exits.stop_loss = Some(5_000_000);
    let mut gate = Gate::new(&config);
    gate.quote(0, "99", "101");
    trade(&mut gate, "1", Side::Buy, "10", "100");
    let keys = ["severity", "account", "symbol", "qty", "reason"];
    gate.quote(0, "94.01", "96");
    assert!(told(&gate, "exit", &keys).is_empty());
    gate.quote(0, "94", "96");
    let symbol = config.setup.symbols[0].name.clone();
    let begun = format!("warning A {symbol} 10 stop_loss");
    assert_eq!(told(&gate, "exit", &keys), [begun]);
    let exit = gate.core.exits().next().unwrap();
    let report = Report {
        order_id: exit.order,
        exec: Exec::Trade as u8,
        qty: Qty::parse("10").unwrap(),
        price: Price::parse("94").unwrap(),
        broker: BrokerId(0),
        exec_id: Text::new("exit").unwrap(),
        ..Report::default()
    };
    gate.take(gate.frame(Kind::Report, StrategyId::NONE, report));
    let done = format!("notice A {symbol} 0 stop_loss");
    assert_eq!(told(&gate, "exit_done", &keys), [done]);
}
