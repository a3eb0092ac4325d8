//! Statistics: three trading days, worked out by hand beside each step.

#[allow(dead_code)]
#[path = "follower/flow.rs"]
mod flow;
#[path = "support/folder.rs"]
mod folder;
#[allow(dead_code)]
#[path = "follower/gate.rs"]
mod gate;

use flow::control;
use gate::{Gate, config, order};
use portcullis::command::statistics::{By, run};
use portcullis::config::parse;
use portcullis::message::{Adjust, AdjustKind, Exec, Kind, NewOrder, Report, Side};
use portcullis::risk::decision::Outcome;
use portcullis::units::{
    AccountId, BrokerId, Money, Nanos, OrderId, Price, Qty, StrategyId, SymbolId,
};
use serde_json::{Value, json};

const DAY: Nanos = Nanos::from_secs(86_400);

/// What a new order of strategy S is called by the gate.
fn send(gate: &mut Gate, order: NewOrder) -> OrderId {
    let frame = gate.frame(Kind::NewOrder, StrategyId(0), order);
    gate.take(frame).order_id
}

fn tell(gate: &mut Gate, order_id: OrderId, exec: Exec, [qty, price, fee]: [&str; 3]) {
    let report = Report {
        order_id,
        exec: exec as u8,
        qty: Qty::parse(qty).unwrap(),
        price: Price::parse(price).unwrap(),
        fee: Money::parse(fee).unwrap(),
        broker: BrokerId(0),
        ..Report::default()
    };
    let frame = gate.frame(Kind::Report, StrategyId::NONE, report);
    assert_eq!(gate.take(frame).outcome, Outcome::Applied);
    gate.advance(Nanos::from_millis(1));
}

const NOTHING: [&str; 3] = ["0", "0", "0"];

/// 2023-11-14, 15 and 16. The profit is that of the firm, account A, symbol X.
fn three_days() -> Gate {
    let mut gate = Gate::new(&config());
    // Bought 10 at 100, a fee of 1: profit -1. At 102: 19. At 101: 9, which is 10 below.
    gate.quote(0, "99", "101");
    let first = send(&mut gate, order(0, 0, "1", Side::Buy, "10", "100"));
    tell(&mut gate, first, Exec::Trade, ["10", "100", "1"]);
    send(&mut gate, order(0, 0, "2", Side::Buy, "26", "100"));
    gate.quote(0, "101", "103");
    gate.quote(0, "100", "102");

    // Sold 4 at 101, a fee of 0.5: 4 realized, profit 8.5. B changes its mind. Bought 2 of what was
    // replaced by 4, at 101: no profit. At 99: 8 * 99 - 802 + 4 - 1.5 = -7.5, 16.5 below the morning.
    gate.advance(DAY);
    gate.quote(0, "100", "102");
    let sale = send(&mut gate, order(0, 0, "3", Side::Sell, "4", "101"));
    tell(&mut gate, sale, Exec::Trade, ["4", "101", "0.5"]);
    let other = send(&mut gate, order(1, 0, "4", Side::Buy, "5", "101"));
    tell(&mut gate, other, Exec::New, NOTHING);
    assert_eq!(gate.cancel(1, "4c", "4").outcome, Outcome::Accepted);
    tell(&mut gate, other, Exec::Canceled, NOTHING);
    let last = send(&mut gate, order(0, 0, "5", Side::Buy, "3", "101"));
    tell(&mut gate, last, Exec::New, NOTHING);
    let replace = gate.replace(0, "5b", "5", "4", "101");
    assert_eq!(gate.take(replace).outcome, Outcome::Accepted);
    tell(&mut gate, last, Exec::Replaced, NOTHING);
    tell(&mut gate, last, Exec::Trade, ["2", "101", "0"]);
    gate.quote(0, "98", "100");
    let kill = gate.frame(Kind::Kill, StrategyId::NONE, control(1, 0));
    gate.take(kill);

    // At 105: 8 * 105 - 802 + 4 - 1.5 = 40.5. A dividend of 25: 65.5.
    gate.advance(DAY);
    gate.quote(0, "104", "106");
    let dividend = Adjust {
        cash: Money::parse("25").unwrap(),
        account: AccountId(0),
        symbol: SymbolId(0),
        strategy: StrategyId::NONE,
        kind: AdjustKind::Cash as u8,
        ..Adjust::default()
    };
    let dividend = gate.frame(Kind::Adjust, StrategyId::NONE, dividend);
    assert_eq!(gate.take(dividend).outcome, Outcome::Applied);
    gate
}

fn statistics(gate: &Gate, by: By) -> Value {
    let report = run(&[gate.journal()], by, true).unwrap();
    assert!(report.failure.is_none(), "{:?}", report.failure);
    serde_json::from_str(&report.text).unwrap()
}

/// Asserts these fields of a row.
fn check(row: &Value, expected: &Value) {
    for (key, expected) in expected.as_object().unwrap() {
        assert_eq!(&row[key], expected, "{key}: {row}");
    }
}

#[test]
fn three_days_come_to_what_was_worked_out_by_hand() {
    let said = statistics(&three_days(), By::Day);
    let rows = said["rows"].as_array().unwrap();
    assert_eq!((rows.len(), &said["currency"]), (3, &json!("USD")));
    check(
        &rows[0],
        &json!({
            "day": "2023-11-14", "orders": 2, "accepted": 1, "refused": 1, "cancels": 0, "replaces": 0,
            "reasons": [{"reason": "QtyAboveMax", "count": 1}],
            "fills": 1, "filled_qty": "10", "filled_value": "1000", "fill_rate": "1",
            "order_to_trade": "1", "realized": "0", "fees": "1", "profit": "9", "drawdown": "10",
            "exits": 0, "kills": 0, "adjustments": 0, "unvalued": 0,
        }),
    );
    check(
        &rows[1],
        &json!({
            "day": "2023-11-15", "orders": 3, "accepted": 3, "refused": 0, "cancels": 1, "replaces": 1,
            "fills": 2, "filled_qty": "6", "filled_value": "606", "fill_rate": "0.666666",
            "order_to_trade": "2", "realized": "4", "fees": "0.5", "profit": "-16.5",
            "drawdown": "16.5", "exits": 0, "kills": 1, "adjustments": 0,
        }),
    );
    check(
        &rows[2],
        &json!({
            "day": "2023-11-16", "orders": 0, "accepted": 0, "refused": 0, "reasons": [], "fills": 0,
            "filled_qty": "0", "filled_value": "0", "fill_rate": null, "order_to_trade": null,
            "realized": "25", "fees": "0", "profit": "73", "drawdown": "0", "adjustments": 1,
        }),
    );
    check(
        &said["all"],
        &json!({
            "orders": 5, "accepted": 4, "refused": 1, "cancels": 1, "replaces": 1, "fills": 3,
            "filled_qty": "16", "filled_value": "1606", "fill_rate": "0.75",
            "order_to_trade": "1.666666", "realized": "29", "fees": "1.5", "profit": "65.5",
            // From 19 on the first day to -7.5 on the second.
            "drawdown": "26.5", "exits": 0, "kills": 1, "adjustments": 1,
            "days": 3, "days_with_gain": 2, "days_with_gain_share": "0.666666",
            "best_day": {"day": "2023-11-16", "profit": "73"},
            "worst_day": {"day": "2023-11-15", "profit": "-16.5"},
        }),
    );
}

#[test]
fn an_account_a_strategy_and_a_symbol_have_their_own_part() {
    let gate = three_days();
    let of_accounts = statistics(&gate, By::Account);
    let [a, b] = of_accounts["rows"].as_array().unwrap().as_slice() else {
        panic!("{of_accounts}");
    };
    check(
        a,
        &json!({
            "account": "A", "orders": 4, "accepted": 3, "cancels": 0, "fills": 3, "realized": "29",
            "fees": "1.5", "profit": "65.5", "drawdown": "26.5", "kills": 0, "adjustments": 1,
            "days_with_gain": 2, "best_day": {"day": "2023-11-16", "profit": "73"},
        }),
    );
    check(
        b,
        &json!({
            "account": "B", "orders": 1, "accepted": 1, "cancels": 1, "fills": 0, "fill_rate": "0",
            "order_to_trade": null, "profit": "0", "drawdown": "0", "kills": 1, "days": 3,
            "days_with_gain": 0, "days_with_gain_share": "0",
            "best_day": {"day": "2023-11-14", "profit": "0"},
        }),
    );
    // The dividend is in no strategy's book.
    let of_strategies = statistics(&gate, By::Strategy);
    let rows = of_strategies["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 1, "{of_strategies}");
    check(
        &rows[0],
        &json!({
            "strategy": "S", "orders": 5, "fills": 3, "realized": "4", "fees": "1.5",
            "profit": "40.5", "adjustments": 0,
            "best_day": {"day": "2023-11-16", "profit": "48"},
        }),
    );
    let of_symbols = statistics(&gate, By::Symbol);
    check(
        &of_symbols["rows"][0],
        &json!({"symbol": "X", "orders": 5, "filled_qty": "16", "profit": "65.5"}),
    );
    for said in [of_accounts, of_strategies, of_symbols] {
        check(
            &said["all"],
            &json!({"orders": 5, "realized": "29", "profit": "65.5"}),
        );
    }
}

#[test]
fn the_table_is_aligned_and_says_how_the_days_were() {
    let gate = three_days();
    let text = run(&[gate.journal()], By::Day, false).unwrap().text;
    let lines: Vec<_> = text.lines().collect();
    let end_of = |line: &str, cell: &str| line.find(cell).map(|at| at + cell.len());
    let profit = end_of(lines[0], "profit");
    assert_eq!(
        end_of(lines[2], "-16.5 "),
        profit.map(|at| at + 1),
        "{text}"
    );
    assert_eq!(end_of(lines[4], "65.5 "), profit.map(|at| at + 1), "{text}");
    let days = "3 trading days, 2 with a gain (66.66 %); best 2023-11-16 with 73, worst 2023-11-15 with \
                -16.5; amounts in USD";
    assert!(lines.contains(&days), "{text}");
    assert!(text.contains("1  QtyAboveMax  The quantity"), "{text}");
}

#[test]
fn several_journals_are_added_up_and_one_without_a_day_is_all_dashes() {
    let gate = three_days();
    let twice = run(&[gate.journal(), gate.journal()], By::Day, true).unwrap();
    let twice: Value = serde_json::from_str(&twice.text).unwrap();
    check(
        &twice["all"],
        &json!({"orders": 10, "profit": "131", "days": 3, "drawdown": "26.5", "fill_rate": "0.75"}),
    );
    let empty = Gate::new(&config());
    let said = statistics(&empty, By::Day);
    check(
        &said["all"],
        &json!({"orders": 0, "days": 0, "best_day": null, "fill_rate": null, "days_with_gain_share": null}),
    );
    let text = run(&[empty.journal()], By::Account, false).unwrap().text;
    assert!(
        text.contains("0 trading days, 0 with a gain (- %); best -, worst -"),
        "{text}"
    );
}

#[test]
fn a_position_that_the_gate_closes_is_an_exit() {
    let text = std::fs::read_to_string("tests/follower/gate.toml").unwrap();
    let with_stop = "key_file = \"s.key\"\nexits = { stop_loss_bps = \"100\" }";
    let text = text.replacen("key_file = \"s.key\"", with_stop, 1);
    let config = parse(&text, "gate.toml").unwrap_or_else(|errors| panic!("{errors}"));
    let mut gate = Gate::new(&config);
    gate.quote(0, "99", "101");
    let first = send(&mut gate, order(0, 0, "1", Side::Buy, "5", "100"));
    tell(&mut gate, first, Exec::Trade, ["5", "100", "0"]);
    for _ in 0..3 {
        gate.advance(Nanos::from_secs(1));
        gate.quote(0, "97", "98");
    }
    let said = statistics(&gate, By::Account);
    check(&said["all"], &json!({"exits": 1, "orders": 1, "fills": 1}));
    check(&said["rows"][0], &json!({"account": "A", "exits": 1}));
}
