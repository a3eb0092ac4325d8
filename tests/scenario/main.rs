//! The scenario format: what a line says, what it may not say, and what is answered.

mod round_trip;

use portcullis::message::{Control, Exec, Frame, NewOrder, Report, Scope, Settle, Text};
use portcullis::protocol::scenario::answer::{Answers, write_decision, write_error};
use portcullis::protocol::scenario::names::Names;
use portcullis::protocol::scenario::read::read_line;
use portcullis::protocol::scenario::{
    BYTE_UNKNOWN, Command, LineError, OPERATOR_UNKNOWN, STRATEGY_UNKNOWN,
};
use portcullis::reject::{Failed, RejectReason};
use portcullis::risk::decision::{Decision, Outcome};
use portcullis::risk::setup::{Account, Broker, Setup, Strategy, Symbol};
use portcullis::units::{AccountId, Nanos, OrderId, Price, Qty, StrategyId, SymbolId};

/// Accounts A (traded by S alone) and "B \"ü\"\u{1}" (by S and T); symbol X; brokers sim and real;
/// operators alice and bob.
fn names() -> Names {
    let account = |name: &str| Account {
        name: name.into(),
        ..Account::default()
    };
    let strategy = |name: &str, accounts: &[u32]| Strategy {
        name: name.into(),
        accounts: accounts.iter().copied().map(AccountId).collect(),
        ..Strategy::default()
    };
    let broker = |name: &str| Broker {
        name: name.into(),
        ..Broker::default()
    };
    Names::new(&Setup {
        accounts: vec![account("A"), account("B \"ü\"\u{1}")],
        strategies: vec![strategy("S", &[0, 1]), strategy("T", &[1])],
        symbols: vec![Symbol {
            name: "X".into(),
            ..Symbol::default()
        }],
        brokers: vec![broker("sim"), broker("real")],
        operators: vec!["alice".into(), "bob".into()],
        ..Setup::default()
    })
}

fn read(text: &str) -> Result<Command, LineError> {
    let line = read_line(7, text.as_bytes(), &names())?.expect("not a blank line");
    assert_eq!(line.number, 7);
    Ok(line.command)
}

fn event(text: &str) -> Frame {
    match read(text) {
        Ok(Command::Event(frame, _)) => frame,
        other => panic!("{text}: {other:?}"),
    }
}

const ORDER: &str = r#"{"t":5,"order":{"account":"A","id":"1","symbol":"X","side":"buy","qty":"2","price":101.25}}"#;

#[test]
fn an_order_says_what_it_says_and_the_rest_is_a_day_limit() {
    let frame = event(ORDER);
    assert_eq!(frame.header.time, Nanos::from_raw(5));
    assert_eq!(frame.header.strategy, StrategyId(0));
    assert_eq!(
        *frame.body::<NewOrder>(),
        NewOrder {
            price: Price::parse("101.25").unwrap(),
            qty: Qty::parse("2").unwrap(),
            client_order_id: Text::new("1").unwrap(),
            side: 1,
            order_type: 2,
            time_in_force: 1,
            ..NewOrder::default()
        }
    );
    assert_eq!(read_line(1, b" \t\r\n", &names()), Ok(None));
}

#[test]
fn numbers_and_times_are_read_exactly_as_they_are_written() {
    let price = |written: &str| {
        let text = ORDER.replace("101.25", written);
        event(&text).body::<NewOrder>().price
    };
    // A float has no room for these digits.
    assert_eq!(price("9223372036.854775807").raw(), i64::MAX);
    assert_eq!(price("\"9223372036.854775807\"").raw(), i64::MAX);
    assert_eq!(price("-1.5e2").raw(), -150_000_000_000);
    let time = |written: &str| {
        let text = ORDER.replace("\"t\":5", &format!("\"t\":{written}"));
        event(&text).header.time.raw()
    };
    assert_eq!(time("18446744073709551615"), u64::MAX);
    assert_eq!(time("\"17\""), 17);
    assert_eq!(time("\"1970-01-01T00:00:01.000000001Z\""), 1_000_000_001);
    assert_eq!(
        time("\"2012-06-21T09:30:00-04:00\""),
        1_340_285_400_000_000_000
    );
}

#[test]
fn what_means_nothing_is_for_the_core_to_refuse() {
    let order = |from: &str, to: &str| {
        assert!(ORDER.contains(from));
        *event(&ORDER.replace(from, to)).body::<NewOrder>()
    };
    assert_eq!(order(r#""A""#, r#""Z""#).account, AccountId::NONE);
    assert_eq!(order(r#""X""#, r#""Z""#).symbol, SymbolId::NONE);
    assert_eq!(order(r#""buy""#, r#""hold""#).side, BYTE_UNKNOWN);
    assert_eq!(
        order(r#""qty""#, r#""type":"stop","qty""#).order_type,
        BYTE_UNKNOWN
    );
    assert_eq!(
        order(r#""qty""#, r#""tif":"gtx","qty""#).time_in_force,
        BYTE_UNKNOWN
    );
    assert_eq!(order(r#""qty":"2""#, r#""qty":"0""#).qty, Qty::ZERO);
    assert!(
        order(r#""id":"1""#, r#""id":"""#)
            .client_order_id
            .is_empty()
    );
    let market = order(r#","price":101.25"#, r#","type":"market""#);
    assert_eq!(market.price, Price::from_raw(0));
    let frame = event(&ORDER.replace("\"A\"", "\"A\",\"strategy\":\"Z\""));
    assert_eq!(frame.header.strategy, STRATEGY_UNKNOWN);
    // Nobody may cancel what somebody unknown may not.
    let cancel = r#"{"t":1,"cancel":{"account":"A","id":"2","orig":"1"}}"#;
    assert_eq!(event(cancel).header.strategy, StrategyId::NONE);
    let cancel = cancel.replace("\"A\"", "\"A\",\"strategy\":\"Z\"");
    assert_eq!(event(&cancel).header.strategy, STRATEGY_UNKNOWN);
    // The gate itself may do what nobody unknown may.
    let kill = event(r#"{"t":1,"kill":{"scope":"account","name":"Z","operator":"eve"}}"#);
    let kill: &Control = kill.body();
    assert_eq!((kill.target, kill.operator), (u32::MAX, OPERATOR_UNKNOWN));
    let kill = event(r#"{"t":1,"kill":{"scope":"firm"}}"#);
    assert_eq!(kill.body::<Control>().operator, u32::MAX);
}

#[test]
fn a_malformed_line_is_named_with_field_value_and_remedy() {
    let order = |from: &str, to: &str| {
        assert!(ORDER.contains(from), "{from}");
        ORDER.replace(from, to)
    };
    let long = format!(r#""id":"{}""#, "x".repeat(37));
    let huge = "y".repeat(40_000);
    let passthrough = format!(r#""id":"1","passthrough":"{huge}""#);
    for (text, error) in [
        (
            order("\"2\"", "\"1,5\""),
            "line 7: order.qty: \"1,5\": not a decimal; write digits",
        ),
        (order("\"2\"", "-2"), "order.qty: -2: outside the range"),
        (
            order("\"2\"", "\"0.000000001\""),
            "order.qty: \"0.000000001\": more digits",
        ),
        (order("\"2\"", "1e30"), "order.qty: 1e30: outside"),
        (order("\"2\"", "true"), "order.qty: true: write a decimal"),
        (order("\"2\"", "null"), "order.qty: null: write a decimal"),
        (
            order(",\"qty\":\"2\"", ""),
            "order.qty: missing; write a decimal",
        ),
        (
            order(",\"price\":101.25", ""),
            "order.price: missing; a limit order needs",
        ),
        (
            order("101.25", "9223372036.854775808"),
            "order.price: 9223372036.854775808: outside",
        ),
        (
            order("\"qty\"", "\"qyt\""),
            "order.qyt: \"2\": unknown field; the fields here are account,",
        ),
        (
            order("\"qty\"", "\"id\":\"2\",\"qty\""),
            "order.id: \"2\": the field stands twice",
        ),
        (
            order("\"id\":\"1\"", "\"id\":\"ü\""),
            "order.id: \"ü\": write at most 36",
        ),
        (
            order("\"id\":\"1\"", "\"id\":1"),
            "order.id: 1: write a string",
        ),
        (
            order("\"id\":\"1\"", "\"id\":\"\\ud800\""),
            "order.id: \"\\ud800\": write a string",
        ),
        (
            order("\"id\":\"1\"", "\"id\":\"a\\tb\""),
            "order.id: \"a\\tb\": write at most 36",
        ),
        (order("\"id\":\"1\"", &long), "order.id: \"xxxxx"),
        (
            order("\"id\":\"1\"", &passthrough),
            "...: write at most 32640 bytes",
        ),
        (
            order("\"account\":\"A\"", "\"account\":[]"),
            "order.account: []: write a name",
        ),
        (
            order("\"account\":\"A\"", "\"account\":\"B \\\"ü\\\"\\u0001\""),
            "order.strategy: missing; not",
        ),
        (order("\"buy\"", "256"), "order.side: 256: write a word"),
        (
            order("\"buy\"", "\"buy\",\"busy\":1"),
            "order.busy: 1: write true or false",
        ),
        (
            order("\"t\":5,", ""),
            "line 7: t: missing; write nanoseconds since 1970",
        ),
        (order("\"t\":5", "\"t\":-5"), "t: -5: write nanoseconds"),
        (order("\"t\":5", "\"t\":5.0"), "t: 5.0: write nanoseconds"),
        (order("\"t\":5", "\"t\":5e0"), "t: 5e0: write nanoseconds"),
        (
            order("\"t\":5", "\"t\":18446744073709551616"),
            "t: 18446744073709551616: write",
        ),
        (
            order("\"t\":5", "\"t\":\"yesterday\""),
            "t: \"yesterday\": write nanoseconds",
        ),
        (
            order("\"t\":5", "\"t\":\"1969-12-31T23:59:59Z\""),
            "59Z\": write nanoseconds",
        ),
        (
            order("\"t\":5", "\"t\":\"2012-06-21T09:30:00\""),
            "t: \"2012-06-21T09:30:00\": write",
        ),
        (
            order("\"t\":5", "\"t\":5,\"tick\":{}"),
            "more than one command; write exactly one of quote, order",
        ),
        (order("\"order\"", "\"oder\""), "line 7: oder: {\"account"),
        (
            "{\"t\":5}".into(),
            "line 7: {\"t\":5}: no command; write exactly one",
        ),
        (
            "{\"t\":5,\"order\":1}".into(),
            "order: 1: not a JSON object",
        ),
        (
            format!("{ORDER} x"),
            "not a JSON object: trailing characters at column 93; write one object",
        ),
        (
            "[1]".into(),
            "line 7: [1]: not a JSON object: invalid type: sequence, expected an object",
        ),
        (r#"{"t":5,"#.into(), "not a JSON object: EOF while parsing"),
        (
            r#"{"t":5,"report":{"exec":"new"}}"#.into(),
            "report.id: missing; write account and id, or",
        ),
        (
            r#"{"t":5,"report":{"order_id":1,"account":"A","id":"1","exec":"new"}}"#.into(),
            "report.order_id: 1: write either this or",
        ),
        (
            r#"{"t":5,"report":{"order_id":1,"exec":"done"}}"#.into(),
            "report.exec: \"done\": write one of new, trade",
        ),
        (
            r#"{"t":5,"report":{"order_id":1,"exec":"trade","qty":1}}"#.into(),
            "report.price: missing",
        ),
        (
            r#"{"t":5,"report":{"order_id":1,"exec":"restated"}}"#.into(),
            "report.leaves: missing",
        ),
        (
            r#"{"t":5,"kill":{"scope":"floor"}}"#.into(),
            "kill.scope: \"floor\": write one of firm, account",
        ),
        (
            r#"{"t":5,"kill":{"scope":"firm","name":"A"}}"#.into(),
            "kill.name: \"A\": the firm has no name",
        ),
        (
            r#"{"t":5,"raise":{"scope":"firm"}}"#.into(),
            "raise.operator: missing",
        ),
        (
            r#"{"t":5,"link":{"state":"up"}}"#.into(),
            "link.broker: missing",
        ),
        (
            r#"{"t":5,"tick":{"x":1}}"#.into(),
            "tick.x: 1: unknown field",
        ),
        (
            r#"{"t":5,"quote":{"symbol":"X","bid":"1"}}"#.into(),
            "quote.ask: missing; write a decimal, \"0\" where",
        ),
        (
            r#"{"t":5,"frame":"00"}"#.into(),
            "frame: \"00\": write 256 hexadecimal digits",
        ),
        (
            format!(r#"{{"t":5,"frame":"{}"}}"#, "0".repeat(256)),
            "the kind, byte 30, is not one of an event",
        ),
    ] {
        let told = read(&text).expect_err(&text).to_string();
        assert!(
            told.starts_with("line 7: ") && told.contains(error),
            "{text}\n{told}"
        );
        assert!(told.len() < 600, "{told}");
    }
    let told = read_line(3, b"{\"t\":\xff}", &names())
        .unwrap_err()
        .to_string();
    assert_eq!(
        told,
        "line 3: not UTF-8 behind byte 5; write the line in UTF-8"
    );
}

#[test]
fn a_report_finds_its_order_by_id_then_by_the_id_before() {
    let order_of = |account: AccountId, id: &Text| {
        let id = match (account.0, id.as_str()) {
            (0, "1" | "1r") => 100,
            (0, "2") => 200,
            _ => return None,
        };
        Some(OrderId(id))
    };
    let is_replace = |order: OrderId, id: &Text| order == OrderId(100) && id.as_str() == "1r";
    let resolve = |text: &str| {
        let text = format!(r#"{{"t":5,"report":{{{text}}}}}"#);
        let (frame, _) = read(&text).unwrap().resolve(order_of, is_replace);
        let report: &Report = frame.body();
        (report.order_id.0, Exec::from_byte(report.exec).unwrap())
    };
    for (account, id, orig, exec, expected) in [
        ("A", "1", "", "canceled", (100, Exec::Canceled)),
        ("A", "9", "2", "canceled", (200, Exec::Canceled)),
        ("A", "1", "2", "rejected", (100, Exec::Rejected)),
        ("A", "1", "", "rejected", (100, Exec::Rejected)),
        ("A", "9", "1", "rejected", (100, Exec::CancelRejected)),
        ("A", "1r", "1", "rejected", (100, Exec::ReplaceRejected)),
        // The core knows the id of a replace before it is done.
        ("A", "1r", "", "rejected", (100, Exec::ReplaceRejected)),
        ("A", "1r", "", "new", (100, Exec::New)),
        ("A", "9", "", "rejected", (0, Exec::Rejected)),
        ("Z", "1", "2", "rejected", (0, Exec::Rejected)),
    ] {
        let text = format!(r#""account":"{account}","id":"{id}","orig":"{orig}","exec":"{exec}""#);
        assert_eq!(resolve(&text), expected, "{text}");
    }
    let by_number = r#""order_id":"7","exec":"new""#;
    assert_eq!(resolve(by_number), (7, Exec::New));
    let settle =
        r#"{"t":5,"settle":{"account":"A","id":"1","operator":"bob","filled":"1","leaves":0}}"#;
    let (frame, _) = read(settle).unwrap().resolve(order_of, |_, _| false);
    let settle: &Settle = frame.body();
    assert_eq!((settle.order_id, settle.operator), (OrderId(100), 1));
}

fn decision(outcome: Outcome) -> Decision {
    Decision {
        outcome,
        reason: None,
        failed: Failed::NONE,
        limit: 0,
        value: 0,
        order_id: OrderId::NONE,
    }
}

fn refusal(reason: RejectReason, limit: i128, value: i128) -> Decision {
    let mut failed = Failed::NONE;
    failed.note(reason, true);
    Decision {
        reason: Some(reason),
        failed,
        limit,
        value,
        ..decision(Outcome::Refused)
    }
}

#[test]
fn a_decision_tells_limit_and_value_in_their_unit() {
    let (mut out, names) = (String::new(), names());
    let order = event(&ORDER.replace("\"1\"", "\"a\\\"\\\\b\""));
    let mut two = refusal(RejectReason::QtyAboveMax, 1_000_000_000, 2_100_000_000);
    two.failed.note(RejectReason::NotionalAboveMax, true);
    let notional = refusal(
        RejectReason::NotionalAboveMax,
        10i128.pow(18),
        1_234 * 10i128.pow(16),
    );
    for decision in [
        decision(Outcome::Accepted),
        two,
        notional,
        refusal(RejectReason::PriceOutsideCollar, 100_500_000_000, -1),
        refusal(RejectReason::ReferenceStale, 1_500_000_000, 1_500_000_001),
        refusal(RejectReason::OrderRateAboveMax, 10, 11),
        refusal(RejectReason::FirmKilled, 0, 0),
    ] {
        let is_qty = decision.reason == Some(RejectReason::QtyAboveMax);
        let whose = (is_qty.then_some((Scope::Account, 0)), &names);
        write_decision(&mut out, Answers::Decisions, 2, &order, &decision, whose);
    }
    let tick = event(r#"{"t":6,"tick":{}}"#);
    write_decision(
        &mut out,
        Answers::Decisions,
        3,
        &tick,
        &decision(Outcome::Applied),
        (None, &names),
    );
    write_decision(
        &mut out,
        Answers::All,
        4,
        &tick,
        &decision(Outcome::Applied),
        (None, &names),
    );
    let raise = event(r#"{"t":6,"raise":{"scope":"firm","operator":"eve"}}"#);
    write_decision(
        &mut out,
        Answers::Decisions,
        5,
        &raise,
        &decision(Outcome::NotPermitted),
        (None, &names),
    );
    write_error(
        &mut out,
        &read(&ORDER.replace("\"2\"", "\"x\\\"\"")).unwrap_err(),
    );
    let head = r#"{"line":2,"t":5,"id":"a\"\\b","decision":"#;
    assert_eq!(
        out,
        format!(
            r#"{head}"accepted"}}
{head}"rejected","reason":"QtyAboveMax","limit":"10","value":"21","failed":["QtyAboveMax","NotionalAboveMax"],"scope":"account","name":"A"}}
{head}"rejected","reason":"NotionalAboveMax","limit":"10","value":"123.4","failed":["NotionalAboveMax"]}}
{head}"rejected","reason":"PriceOutsideCollar","limit":"100.5","value":"-0.000000001","failed":["PriceOutsideCollar"]}}
{head}"rejected","reason":"ReferenceStale","limit":"1500000000","value":"1500000001","failed":["ReferenceStale"]}}
{head}"rejected","reason":"OrderRateAboveMax","limit":"10","value":"11","failed":["OrderRateAboveMax"]}}
{head}"rejected","reason":"FirmKilled","failed":["FirmKilled"]}}
{{"line":4,"t":6,"event":"tick","decision":"applied"}}
{{"line":5,"t":6,"event":"raise","decision":"not_permitted"}}
{{"line":7,"error":"not a decimal; write digits with at most one point, as in 223.81","field":"order.qty","value":"\"x\\\"\""}}
"#
        )
    );
    for line in out.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
}
