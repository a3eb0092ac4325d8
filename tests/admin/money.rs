//! What operators see of money, and how they correct it.

use super::gate::order;
use super::{ALICE, BOB, Desk};
use portcullis::message::{Exec, Kind, OrderState, Report, Side, Text};
use portcullis::reject::RejectReason;
use portcullis::risk::decision::Outcome;
use portcullis::risk::setup::{LossAnswer, LossResume, Setup};
use portcullis::units::{BrokerId, Nanos, Notional, OrderId, Price, Qty, StrategyId};
use serde_json::{Value, json};

impl Desk {
    fn adjust(&mut self, kind: &str, fields: &Value) -> Value {
        let mut request = json!({"command": "adjust", "kind": kind, "note": "a test"});
        for (key, value) in fields.as_object().unwrap() {
            request[key] = value.clone();
        }
        self.ask(ALICE, &request)
    }

    /// The first row of a view.
    fn row(&mut self, request: &Value) -> Value {
        let said = self.ask(BOB, request);
        let rows = said[request["command"].as_str().unwrap()].as_array();
        rows.unwrap_or_else(|| panic!("{said}"))[0].clone()
    }

    fn portfolio(&mut self) -> Value {
        self.row(&json!({"command": "portfolio", "scope": "account", "name": "A"}))
    }

    fn trade(&mut self, id: &str, side: Side, qty: &str, price: &str) {
        let order = order(0, 0, id, side, qty, price);
        let frame = self.gate.frame(Kind::NewOrder, StrategyId(0), order);
        let decision = self.gate.take(frame);
        assert_eq!(decision.outcome, Outcome::Accepted, "{decision:?}");
        self.fill(decision.order_id, qty, price);
    }

    fn fill(&mut self, order_id: OrderId, qty: &str, price: &str) {
        let report = Report {
            order_id,
            exec: Exec::Trade as u8,
            qty: Qty::parse(qty).unwrap(),
            price: Price::parse(price).unwrap(),
            broker: BrokerId(0),
            exec_id: Text::new(&format!("e{}", order_id.0)).unwrap(),
            ..Report::default()
        };
        let frame = self.gate.frame(Kind::Report, StrategyId::NONE, report);
        assert_eq!(self.gate.take(frame).outcome, Outcome::Applied);
    }
}

/// These fields of a row, as text.
fn fields<const N: usize>(row: &Value, keys: [&str; N]) -> [String; N] {
    keys.map(|key| match &row[key] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    })
}

const BOOK: [&str; 8] = [
    "position",
    "average_price",
    "cost",
    "realized",
    "unrealized",
    "fees",
    "market_value",
    "profit",
];

#[test]
fn a_book_is_corrected_by_hand_and_shows_it() {
    let mut desk = Desk::new();
    desk.gate.quote(0, "99", "101");
    let of_a = json!({"command": "positions", "account": "A"});
    let missing = json!({
        "account": "A", "strategy": "S", "symbol": "X", "qty": "100", "price": "10.5", "cash": "-1.2",
    });
    let said = desk.adjust("trade", &missing);
    assert_eq!(said["outcome"], "Applied", "{said}");
    let answered = ["operator", "strategy", "position", "average_price", "fees"];
    let wanted = ["alice", "S", "100", "10.5", "1.2"];
    assert_eq!(fields(&said, answered), wanted);
    let row = desk.row(&of_a);
    let wanted = ["100", "10.5", "1050", "0", "8950", "1.2", "10000", "8948.8"];
    assert_eq!(fields(&row, BOOK), wanted);
    assert_eq!(fields(&row, ["currency", "valued"]), ["USD", "true"]);
    let of_strategy = desk.row(&json!({"command": "positions", "strategy": "S"}));
    let of_firm = desk.row(&json!({"command": "positions", "scope": "firm"}));
    for other in [of_strategy, of_firm] {
        assert_eq!(fields(&other, BOOK), wanted, "{other}");
    }

    // Taken back, fee and all: as if it had not been.
    let back = json!({
        "account": "A", "strategy": "S", "symbol": "X", "qty": "-100", "price": "10.5", "cash": "1.2",
    });
    assert_eq!(desk.adjust("trade", &back)["outcome"], "Applied");
    let wanted = ["0", "null", "0", "0", "0", "0", "0", "0"];
    assert_eq!(fields(&desk.row(&of_a), BOOK), wanted);

    let opening = json!({"account": "A", "symbol": "X", "qty": "500", "price": "9.8"});
    assert_eq!(desk.adjust("transfer", &opening)["average_price"], "9.8");
    let dividend = json!({"account": "A", "symbol": "X", "cash": "25"});
    assert_eq!(desk.adjust("cash", &dividend)["realized"], "25");
    let split = json!({"symbol": "X", "qty": "4", "price": "1"});
    let said = desk.adjust("split", &split);
    assert_eq!(
        (&said["outcome"], &said["account"]),
        (&json!("Applied"), &json!(null))
    );
    // Until there is a price again it is worth what it was, and nobody knows it to be so.
    let row = desk.row(&of_a);
    let wanted = ["2000", "2.45", "4900", "25", "45100", "0", "50000", "45125"];
    assert_eq!(fields(&row, BOOK), wanted);
    assert_eq!(row["valued"], false);
    assert_eq!(
        fields(
            &desk.portfolio(),
            ["market_value", "gross", "books_unvalued"]
        ),
        ["50000", "50000", "1"]
    );
    desk.gate.quote(0, "2.5", "2.7");
    let wanted = ["2000", "2.45", "4900", "25", "300", "0", "5200", "325"];
    assert_eq!(fields(&desk.row(&of_a), BOOK), wanted);

    // Each is an event, with who did it and why.
    let events = desk.ask(BOB, &json!({"command": "events", "kind": "adjustment"}));
    assert_eq!(events["total"], 5, "{events}");
    let texts = [1, 3, 4].map(|at| events["events"][at]["text"].clone());
    let wanted = [
        "alice adjusted A in X: trade of -100 at 10.5, 1.2 in cash (a test)",
        "alice adjusted A in X: 25 in cash (a test)",
        "alice adjusted every account in X: 4 for each 1 (a test)",
    ];
    assert_eq!(texts, wanted);
    let cash = fields(&events["events"][3], ["correction", "cash", "qty"]);
    assert_eq!(cash, ["cash", "25", "null"]);
    let last = &events["events"][4];
    assert_eq!(
        fields(last, ["operator", "note", "symbol"]),
        ["alice", "a test", "X"]
    );
}

#[test]
fn a_correction_that_no_book_takes_says_why() {
    let mut desk = Desk::of(|setup| setup.capacity.positions = 1);
    let a_in_x = |more: Value| {
        let mut fields = json!({"account": "A", "symbol": "X"});
        for (key, value) in more.as_object().unwrap() {
            fields[key] = value.clone();
        }
        fields
    };
    for (kind, fields, wanted) in [
        (
            "gift",
            json!({"symbol": "X"}),
            "kind: write trade, transfer, cash or split",
        ),
        ("trade", a_in_x(json!({"price": "1"})), "qty: required"),
        ("trade", a_in_x(json!({"qty": "1"})), "price: required"),
        (
            "trade",
            json!({"symbol": "X", "qty": "1", "price": "1"}),
            "account: required",
        ),
        (
            "trade",
            json!({"account": "A", "qty": "1", "price": "1"}),
            "symbol: required",
        ),
        (
            "trade",
            a_in_x(json!({"qty": "many", "price": "1"})),
            "qty: \"many\"",
        ),
        ("transfer", a_in_x(json!({})), "qty: required"),
        ("cash", a_in_x(json!({})), "cash: required"),
        (
            "cash",
            a_in_x(json!({"cash": "1", "qty": "1"})),
            "qty: cash moves no position",
        ),
        (
            "split",
            a_in_x(json!({"qty": "4", "price": "1"})),
            "account: a split is of every",
        ),
        (
            "split",
            json!({"symbol": "X", "qty": "4"}),
            "qty: write how many",
        ),
        (
            "split",
            json!({"symbol": "X", "qty": "-4", "price": "1"}),
            "qty: write how many",
        ),
        (
            "split",
            json!({"symbol": "X", "qty": "4", "price": "1", "cash": "1"}),
            "cash: ",
        ),
        (
            "trade",
            json!({"account": "Q", "symbol": "X"}),
            "account: no account \"Q\"",
        ),
        ("trade", json!({"scope": "firm"}), "scope: means nothing"),
    ] {
        let said = desk.adjust(kind, &fields);
        let error = said["error"].as_str().unwrap_or_else(|| panic!("{said}"));
        assert!(error.starts_with(wanted), "{kind} {fields}: {error}");
    }
    let said = desk.adjust("cash", &a_in_x(json!({"cash": "1", "note": ""})));
    assert!(
        said["error"]
            .as_str()
            .unwrap()
            .starts_with("note: required"),
        "{said}"
    );
    assert_eq!(desk.gate.core.counts().events, 0, "none of it came to risk");

    let odd = a_in_x(json!({"qty": "0.00000001", "price": "1"}));
    assert_eq!(desk.adjust("transfer", &odd)["outcome"], "Applied");
    let held = json!({"command": "positions", "scope": "firm"});
    let before = desk.row(&held);
    let full = json!({"account": "B", "symbol": "X", "qty": "1", "price": "1"});
    let halved = json!({"symbol": "X", "qty": "1", "price": "2"});
    for (kind, fields, wanted) in [
        ("transfer", &full, "the table of positions has room for 1"),
        (
            "split",
            &halved,
            "0.00000001 of X in A would not come out whole",
        ),
    ] {
        let said = desk.adjust(kind, fields);
        assert_eq!(said["outcome"], "NotPermitted", "{said}");
        let why = said["why"].as_str().unwrap();
        assert!(why.starts_with(wanted), "{why}");
    }
    assert_eq!(desk.row(&held), before, "what is refused changes nothing");

    let mut desk = Desk::new();
    desk.gate.quote(0, "99", "101");
    assert_eq!(
        desk.gate.order(0, "1", "5", "100").outcome,
        Outcome::Accepted
    );
    let said = desk.adjust("split", &json!({"symbol": "X", "qty": "4", "price": "1"}));
    let why = said["why"].as_str().unwrap();
    assert!(why.starts_with("order 1 of A is live in X"), "{why}");
}

fn money(text: &str) -> Option<Notional> {
    Notional::parse(text).ok()
}

/// Of account A: a capital of 1,000, of which 100 may be lost in a day.
fn may_lose(setup: &mut Setup) {
    let limits = &mut setup.accounts[0].limits;
    limits.capital = money("1000");
    limits.day_loss_max = money("100");
    limits.drawdown_share_max = Some(500_000);
    limits.loss_answer = LossAnswer::Cancel;
    limits.loss_resume = LossResume::NextDay;
}

const STANDING: [&str; 11] = [
    "equity",
    "profit",
    "day_profit",
    "day_profit_share",
    "equity_peak",
    "drawdown",
    "drawdown_share",
    "drawdown_max",
    "gross",
    "net",
    "market_value",
];

#[test]
fn a_portfolio_shows_equity_drawdown_and_how_near_a_level_is_to_its_limits() {
    let mut desk = Desk::of(may_lose);
    let none = desk.portfolio();
    let wanted = ["1000", "0", "0", "0", "1000", "0", "0", "0", "0", "0", "0"];
    assert_eq!(fields(&none, STANDING), wanted);
    assert_eq!(
        fields(&none, ["risk", "used", "halted"]),
        ["low", "0", "null"]
    );
    desk.gate.quote(0, "99", "101");
    desk.trade("1", Side::Buy, "10", "100");
    for (bid, ask, risk, used) in [
        ("109", "111", "low", "0"),
        ("96", "96.2", "low", "0.39"),
        ("94", "96", "medium", "0.5"),
        ("91", "93", "high", "0.8"),
    ] {
        desk.gate.quote(0, bid, ask);
        let row = desk.portfolio();
        assert_eq!(fields(&row, ["risk", "used"]), [risk, used], "{row}");
    }
    let wanted = [
        "920", "-80", "-80", "-0.08", "1100", "180", "0.163636", "180", "920", "920", "920",
    ];
    let row = desk.portfolio();
    assert_eq!(fields(&row, STANDING), wanted);
    let limits = json!([
        {"limit": "day_loss_max", "max": "100", "lost": "80", "used": "0.8"},
        {"limit": "drawdown_max", "max": "550", "lost": "180", "used": "0.327272"},
    ]);
    assert_eq!(row["limits"], limits);

    // Without a scope, whatever has something to say; a level without capital has a dash for its shares.
    let all = desk.ask(BOB, &json!({"command": "portfolio"}));
    assert_eq!(all["currency"], "USD");
    let rows = all["portfolio"].as_array().unwrap();
    let named: Vec<_> = rows
        .iter()
        .map(|row| fields(row, ["scope", "name"]))
        .collect();
    let wanted = [
        ["firm", ""],
        ["account", "A"],
        ["strategy", "S"],
        ["symbol", "X"],
    ];
    assert_eq!(named, wanted);
    let firm = fields(&rows[0], ["equity", "day_profit_share", "risk", "used"]);
    assert_eq!(firm, ["-80", "null", "low", "null"]);

    // Short: what it is worth is owed.
    desk.trade("2", Side::Sell, "15", "92");
    let row = desk.portfolio();
    assert_eq!(
        fields(&row, ["gross", "net", "market_value"]),
        ["460", "-460", "-460"]
    );
    // A limit that was changed is the one that counts.
    let change = json!({"command": "limit", "scope": "account", "name": "A", "limit": "day_loss_max",
        "value": "90", "note": "careful"});
    assert_eq!(desk.ask(ALICE, &change)["outcome"], "Applied");
    assert_eq!(desk.portfolio()["limits"][0]["max"], "90");
}

#[test]
fn a_level_that_has_lost_too_much_is_halted_and_says_when_it_may_trade_again() {
    let mut desk = Desk::of(may_lose);
    desk.gate.quote(0, "99", "101");
    desk.trade("1", Side::Buy, "10", "100");
    let open = desk.gate.order(0, "2", "1", "97");
    assert_eq!(open.outcome, Outcome::Accepted, "{open:?}");
    desk.gate.quote(0, "88", "90");
    desk.gate.quote(0, "88", "90");
    // What lives is being cancelled.
    let core = &desk.gate.core;
    let order = core.order(open.order_id).unwrap();
    assert_eq!(core.state(order), OrderState::CancelPending);

    let row = desk.portfolio();
    assert_eq!(row["risk"], "critical", "{row}");
    let halted = json!({
        "limit": "day_loss_max", "max": "100", "lost": "110", "since": "2023-11-14T22:13:20Z",
        "until": "2023-11-15T00:00:00Z", "persons": 2, "asked": [], "persons_missing": 2,
        "waits_nanos": 0,
    });
    assert_eq!(row["halted"], halted);
    let status = desk.ask(BOB, &json!({"command": "status"}));
    assert_eq!(
        fields(&status["halted"][0], ["scope", "name", "lost"]),
        ["account", "A", "110"]
    );
    let levels = json!({"command": "levels", "scope": "account", "name": "A"});
    assert_eq!(desk.row(&levels)["halted"], true);

    // Nothing new, but what only reduces.
    let more = desk.gate.order(0, "3", "1", "89");
    assert_eq!(more.reason, Some(RejectReason::LossAboveMax));
    desk.trade("4", Side::Sell, "4", "89");

    let raise = json!({"command": "raise", "scope": "account", "name": "A"});
    let said = desk.ask(ALICE, &raise);
    assert_eq!(
        (&said["outcome"], &said["persons_missing"]),
        (&json!("Applied"), &json!(1))
    );
    assert_eq!(
        fields(&desk.portfolio()["halted"], ["asked", "persons_missing"]),
        ["[\"alice\"]", "1"]
    );
    let said = desk.ask(BOB, &raise);
    assert_eq!(
        (&said["halted"], &said["persons_missing"]),
        (&json!(false), &json!(0)),
        "{said}"
    );
    let row = desk.portfolio();
    assert_eq!(
        fields(&row, ["halted", "day_profit", "risk"]),
        ["null", "0", "low"]
    );
    assert_eq!(row["drawdown_max"], "110", "the deepest fall is remembered");
    let again = desk.gate.order(0, "5", "1", "89");
    assert_eq!(again.outcome, Outcome::Accepted, "{again:?}");

    // A loss of the day ends with it.
    desk.gate.quote(0, "68", "70");
    assert_eq!(desk.portfolio()["halted"]["until"], "2023-11-15T00:00:00Z");
    desk.gate.advance(Nanos::from_secs(2 * 3600));
    desk.gate.quote(0, "68", "70");
    assert_eq!(
        fields(&desk.portfolio(), ["halted", "day_profit"]),
        ["null", "0"]
    );
}

#[test]
fn a_person_sets_when_a_position_is_closed_and_closes_it() {
    let mut desk = Desk::new();
    desk.gate.quote(0, "99", "101");
    desk.trade("o1", Side::Buy, "10", "100");
    let ask = |desk: &mut Desk, fields: Value| {
        let mut request = json!({"command": "exit", "account": "A", "symbol": "X", "note": "news"});
        for (key, value) in fields.as_object().unwrap() {
            request[key] = value.clone();
        }
        desk.ask(ALICE, &request)
    };
    let list = json!({"command": "exits"});
    assert_eq!(desk.ask(BOB, &list)["total"], 0);
    let said = ask(
        &mut desk,
        json!({"stop_loss_bps": "250", "trailing_stop_bps": "0.5", "hold_max": "30m"}),
    );
    assert_eq!(said["outcome"], "Applied", "{said}");
    let terms = [
        "position",
        "stop_loss_bps",
        "take_profit_bps",
        "trailing_stop_bps",
        "break_even_bps",
        "hold_max",
        "leaving",
    ];
    let wanted = ["10", "250", "null", "0.5", "null", "30m", "null"];
    assert_eq!(fields(&said, terms), wanted);
    assert_eq!(fields(&desk.row(&list), terms), wanted);
    let said = ask(
        &mut desk,
        json!({"trailing_stop_bps": "off", "hold_max": "off"}),
    );
    let wanted = ["10", "250", "null", "null", "null", "null", "null"];
    assert_eq!(fields(&said, terms), wanted);
    assert_eq!(said["until"], json!(null));

    // Wrong ones say what is wrong, and nothing is sent.
    for (fields, expected) in [
        (json!({}), "what is to change?"),
        (json!({"stop_loss_bps": "0"}), "stop_loss_bps: "),
        (json!({"stop_loss_bps": "-5"}), "stop_loss_bps: "),
        (json!({"take_profit_bps": "much"}), "take_profit_bps: "),
        (json!({"take_profit_bps": "42949672.95"}), "42949672.94"),
        (json!({"trailing_stop_bps": "10000"}), "never be reached"),
        (json!({"hold_max": "0s"}), "hold_max: "),
        (json!({"hold_max": "soon"}), "hold_max: "),
        (json!({"close": true, "qty": "5"}), "qty: "),
        (json!({"close": true, "note": ""}), "note: required"),
        (json!({"close": true, "account": "Z"}), "account"),
    ] {
        let said = ask(&mut desk, fields);
        let error = said["error"].as_str().unwrap_or_default();
        assert!(error.contains(expected), "{expected}: {said}");
    }
    let nothing = ask(&mut desk, json!({"close": true, "symbol": "Y"}));
    assert_eq!(nothing["why"], "A holds nothing of Y", "{nothing}");

    let said = ask(&mut desk, json!({"close": true}));
    assert_eq!(
        fields(&said, ["outcome", "leaving"]),
        ["Applied", "operator"]
    );
    let again = ask(&mut desk, json!({"close": true}));
    let why = "the gate closes the position of A in X already (operator)";
    assert_eq!(again["why"], why);
    assert_eq!(desk.row(&list)["leaving"], "operator");

    let events = desk.ask(BOB, &json!({"command": "events", "kind": "exit_changed"}));
    let texts = events["events"].as_array().unwrap().iter();
    let texts: Vec<_> = texts.map(|event| event["text"].as_str().unwrap()).collect();
    let wanted = [
        "alice set the exit of A in X: stop_loss_bps 250, trailing_stop_bps 0.5, hold_max 30m (news)",
        "alice set the exit of A in X: trailing_stop_bps off, hold_max off (news)",
        "alice set the exit of A in X: closed now (news)",
    ];
    assert_eq!(texts, wanted);
    let refused = desk.ask(BOB, &json!({"command": "events", "kind": "act_refused"}));
    assert_eq!(refused["total"], 2, "{refused}");
}
