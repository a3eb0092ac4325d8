//! Find: what a journal says is found by each of its properties, and nothing else is.

#[path = "follower/flow.rs"]
mod flow;
#[path = "support/folder.rs"]
mod folder;
#[allow(dead_code)]
#[path = "follower/gate.rs"]
mod gate;

use flow::{Random, control, seed};
use gate::{Gate, START, config, order};
use portcullis::command::find::{self, Asked};
use portcullis::command::{Failure, journal};
use portcullis::config::parse;
use portcullis::message::{
    Adjust, AdjustKind, Exec, ExitChange, Kind, LimitChange, LimitKey, Locate, Override, Scope,
    Settle, Side, Text,
};
use portcullis::reject::RejectReason;
use portcullis::risk::decision::{Decision, Outcome};
use portcullis::risk::setup::ShortSales;
use portcullis::units::{
    AccountId, Money, Nanos, OrderId, Position, Price, Qty, StrategyId, SymbolId,
};
use serde_json::Value;
use std::collections::HashMap;
use std::path::Path;

fn text(asked: &Asked, journal: &Path, is_json: bool) -> Result<String, Failure> {
    let mut out = Vec::new();
    find::run(journal, asked, is_json, &mut out)?;
    Ok(String::from_utf8(out).unwrap())
}

/// What is found, as machines read it.
fn found(gate: &Gate, change: impl FnOnce(&mut Asked)) -> Vec<Value> {
    let mut asked = Asked::default();
    change(&mut asked);
    let text = text(&asked, &gate.journal(), true).unwrap_or_else(|failure| panic!("{failure:?}"));
    let lines = text.lines().map(serde_json::from_str);
    lines.map(Result::unwrap).collect()
}

fn problem(gate: &Gate, change: impl FnOnce(&mut Asked)) -> String {
    let mut asked = Asked::default();
    change(&mut asked);
    text(&asked, &gate.journal(), false).unwrap_err().text
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// A record, as a reader of `journal dump` and of the decisions alone knows it.
struct Known {
    kind: String,
    event: Value,
    /// By the first word that anybody said of the order.
    symbol: Option<String>,
    strategy: Option<String>,
    time: Nanos,
    decision: Decision,
}

impl Known {
    fn is(&self, key: &str, name: &str) -> bool {
        self.event[key] == name
    }
}

/// Every event, by its dump and its recorded decision.
fn known(gate: &Gate) -> Vec<Known> {
    let mut dump = Vec::new();
    journal::dump(&gate.journal(), &mut dump).unwrap();
    let dump = String::from_utf8(dump).unwrap();
    let mut lines = dump.lines().map(serde_json::from_str::<Value>);
    let mut orders: HashMap<(String, String), (Option<String>, Option<String>)> = HashMap::new();
    let mut all = Vec::new();
    let mut reader = gate.reader();
    while let Some(record) = reader.next().unwrap() {
        let head = &record.frames[0];
        if matches!(head.kind(), Some(Kind::Opening | Kind::Checkpoint)) {
            continue;
        }
        let line = lines.next().unwrap().unwrap();
        let (kind, event) = line
            .as_object()
            .unwrap()
            .iter()
            .find(|(_, value)| value.is_object())
            .map(|(kind, value)| (kind.clone(), value.clone()))
            .unwrap_or_else(|| panic!("{line}"));
        let word = |value: &Value| value.as_str().map(str::to_owned);
        let (account, id) = (word(&event["account"]), word(&event["id"]));
        let of = |id: &Option<String>| account.clone().zip(id.clone());
        let about = match kind.as_str() {
            "cancel" | "replace" => of(&word(&event["orig"])).and_then(|key| orders.get(&key)),
            "report" | "settle" => of(&id).and_then(|key| orders.get(&key)),
            _ => None,
        };
        let (symbol, strategy) = about.cloned().unwrap_or_default();
        let (symbol, strategy) = (
            symbol.or_else(|| word(&event["symbol"])),
            strategy.or_else(|| word(&event["strategy"])),
        );
        if let (true, Some(key)) = (["order", "replace"].contains(&kind.as_str()), of(&id)) {
            orders.insert(key, (symbol.clone(), strategy.clone()));
        }
        let kind = match event["exec"] == "trade" {
            true => "fill".to_owned(),
            false => kind,
        };
        all.push(Known {
            kind,
            event,
            symbol,
            strategy,
            time: head.header.time,
            decision: record.line.decision().unwrap(),
        });
    }
    assert!(lines.next().is_none());
    all
}

/// Two runs of orders, reports, kills and raises by chance.
fn random_gate() -> Gate {
    let (mut config, mut random) = (config(), Random(seed(20_261_122)));
    let mut gate = Gate::new(&config);
    for _ in 0..1_500 {
        gate.happen(&mut random);
    }
    config.setup.accounts[0].limits.order_qty_max = Some(Qty::parse("20").unwrap());
    gate.restart(&config);
    for _ in 0..1_500 {
        gate.happen(&mut random);
    }
    gate
}

#[test]
fn each_filter_alone_and_two_together_find_as_many_as_the_dump_has() {
    let gate = random_gate();
    let known = known(&gate);
    let count = |is: &dyn Fn(&Known) -> bool| known.iter().filter(|of| is(of)).count();
    let check = |name: &str, change: &dyn Fn(&mut Asked), is: &dyn Fn(&Known) -> bool| {
        let mut found = found(&gate, change);
        found.retain(|of| of["kind"] != "run");
        let (found, expected) = (found.len(), count(is));
        assert_eq!(found, expected, "{name}");
        assert!(0 < expected && expected < known.len(), "{name}: {expected}");
    };
    // The two starts stand beside the events.
    assert_eq!(found(&gate, |_| {}).len(), known.len() + 2);
    assert_eq!(
        found(&gate, |of| of.kinds = vec!["run".to_owned()]).len(),
        2
    );
    let kinds = [
        "order", "cancel", "replace", "fill", "report", "quote", "link", "kill", "raise", "tick",
    ];
    for kind in kinds {
        let is = |of: &Known| of.kind == kind;
        check(kind, &|of| of.kinds = vec![kind.to_owned()], &is);
    }
    let kinds = |of: &mut Asked| of.kinds = vec!["kill".to_owned(), "raise".to_owned()];
    check("two kinds", &kinds, &|of| {
        ["kill", "raise"].contains(&of.kind.as_str())
    });
    let of_account =
        |of: &Known| of.is("account", "A") || of.is("scope", "account") && of.is("name", "A");
    check("account", &|of| of.account = some("A"), &of_account);
    let of_symbol = |of: &Known| of.symbol.as_deref() == Some("Y");
    check("symbol", &|of| of.symbol = some("Y"), &of_symbol);
    let of_strategy = |of: &Known| of.strategy.as_deref() == Some("T");
    check("strategy", &|of| of.strategy = some("T"), &of_strategy);
    let by_bob = |of: &Known| of.is("operator", "bob");
    check("person", &|of| of.person = some("bob"), &by_bob);
    let refused = |of: &Known| of.decision.outcome == Outcome::Refused;
    check("outcome", &|of| of.outcome = some("refused"), &refused);
    let not_permitted = |of: &Known| of.decision.outcome == Outcome::NotPermitted;
    check(
        "not permitted",
        &|of| of.outcome = some("not_permitted"),
        &not_permitted,
    );
    let for_reason = |of: &Known| of.decision.failed.contains(RejectReason::QtyAboveMax);
    check("reason", &|of| of.reason = some("QtyAboveMax"), &for_reason);
    check(
        "reason in lower case",
        &|of| of.reason = some("qtyabovemax"),
        &for_reason,
    );
    let from = START.after(Nanos::from_secs(10));
    let since = "2023-11-14T22:13:30Z";
    check("since", &|of| of.since = some(since), &|of| from <= of.time);
    check("until", &|of| of.until = some(since), &|of| of.time < from);
    let both = |of: &mut Asked| (of.account, of.outcome) = (some("A"), some("refused"));
    check("account and outcome", &both, &|of| {
        of_account(of) && refused(of)
    });
    let both = |of: &mut Asked| {
        (of.symbol, of.kinds) = (some("Y"), vec!["fill".to_owned()]);
    };
    check("symbol and kind", &both, &|of| {
        of_symbol(of) && of.kind == "fill"
    });
    let words = |of: &mut Asked| of.text = some("QTYABOVEMAX");
    // Told are the first reasons alone.
    let is_first = |of: &Known| of.decision.reason == Some(RejectReason::QtyAboveMax);
    check("text", &words, &is_first);
}

#[test]
fn all_that_concerns_an_order_is_found_by_its_ids_and_its_number() {
    let mut gate = Gate::new(&config());
    gate.quote(0, "99", "101");
    let first = gate.order(0, "1", "5", "100").order_id;
    gate.order(0, "2", "5", "100");
    gate.report(first, Exec::New, "0");
    let replace = gate.replace(0, "1b", "1", "8", "100");
    assert_eq!(gate.take(replace).outcome, Outcome::Accepted);
    gate.report(first, Exec::Replaced, "0");
    gate.report(first, Exec::Trade, "3");
    let kill = gate.frame(Kind::Kill, StrategyId::NONE, control(0, 0));
    gate.take(kill);
    gate.advance(Nanos::from_millis(1));
    gate.report(first, Exec::Canceled, "0");
    gate.cancel(0, "c", "1b");
    let kinds = |order: &str| -> Vec<String> {
        let found = found(&gate, |of| of.order = some(order));
        let kinds = found
            .iter()
            .map(|of| of["kind"].as_str().unwrap().to_owned());
        kinds.collect()
    };
    let whole = [
        "order", "report", "replace", "report", "fill", "tick", "report", "cancel",
    ];
    assert_eq!(kinds("1"), whole);
    assert_eq!(kinds(&first.0.to_string()), whole);
    // By its later id: from the replace on.
    assert_eq!(kinds("1b"), whole[2..]);
    assert_eq!(kinds("2"), ["order", "tick"]);
    assert!(kinds("3").is_empty());

    let fills = found(&gate, |of| {
        (of.order, of.kinds) = (some("1"), vec!["fill".to_owned()])
    });
    let [fill] = fills.as_slice() else {
        panic!("{fills:?}");
    };
    for (key, expected) in [
        ("who", "sim for A"),
        ("account", "A"),
        ("strategy", "S"),
        ("symbol", "X"),
        ("what", "1b X: 3 at 100, fee 0"),
        ("outcome", "applied"),
    ] {
        assert_eq!(fill[key], expected, "{key}: {fill}");
    }
    assert_eq!(fill["order_id"], first.0);
    assert_eq!(fill["event"]["report"]["qty"], "3");
}

/// One of each act of a person.
fn act_all(gate: &mut Gate, doubtful: OrderId) {
    let note = |text: &str| Text::new(text).unwrap();
    let (account, symbol, operator) = (AccountId(0), SymbolId(0), 0);
    let (qty, price) = (Qty::parse("100").unwrap(), Price::parse("10.5").unwrap());
    let limit = LimitChange {
        value: [Qty::parse("10").unwrap().raw(), 0],
        target: 0,
        operator,
        note: note("fat fingers"),
        scope: Scope::Account as u8,
        limit: LimitKey::OrderQty as u8,
        ..LimitChange::default()
    };
    let locate = Locate {
        qty,
        account,
        symbol,
        operator,
        note: note("from the bank"),
        ..Locate::default()
    };
    let asked = Override {
        account,
        operator,
        client_order_id: note("late"),
        note: note("agreed by phone"),
        ..Override::default()
    };
    let adjust = Adjust {
        qty: Position::parse("100").unwrap(),
        price,
        cash: Money::parse("-1.2").unwrap(),
        account,
        symbol,
        strategy: StrategyId::NONE,
        operator,
        note: note("E-4711"),
        kind: AdjustKind::Trade as u8,
        ..Adjust::default()
    };
    let exit = ExitChange {
        account,
        symbol,
        operator,
        stop_loss_bps: 50_00,
        hold_max: Nanos::from_secs(90),
        note: note("tighter"),
        ..ExitChange::default()
    };
    let settle = Settle {
        order_id: doubtful,
        operator,
        ..Settle::default()
    };
    let none = StrategyId::NONE;
    let frames = [
        gate.frame(Kind::Limit, none, limit),
        gate.frame(Kind::Locate, none, locate),
        gate.frame(Kind::Override, none, asked),
        gate.frame(Kind::Adjust, none, adjust),
        gate.frame(Kind::Exit, none, exit),
        gate.frame(Kind::Settle, none, settle),
        gate.frame(Kind::Kill, none, control(0, operator)),
        gate.frame(Kind::Raise, none, control(0, operator)),
    ];
    for frame in frames {
        let decision = gate.take(frame);
        assert_eq!(decision.outcome, Outcome::Applied, "{:?}", frame.kind());
    }
}

#[test]
fn what_a_person_has_done_is_found_by_the_person_with_what_and_why() {
    let mut config = config();
    config.setup.soft = vec![RejectReason::QtyAboveMax];
    config.setup.accounts[0].short_sales = ShortSales::Check;
    let mut gate = Gate::new(&config);
    gate.quote(0, "99", "101");
    let doubtful = gate.order(0, "1", "5", "100").order_id;
    // Nobody answers: it is in doubt.
    gate.advance(Nanos::from_secs(2));
    gate.quote(0, "99", "101");
    act_all(&mut gate, doubtful);
    let raise = gate.frame(Kind::Raise, StrategyId::NONE, control(0, 1));
    gate.take(raise);

    let by_alice = found(&gate, |of| of.person = some("alice"));
    let said: Vec<_> = by_alice
        .iter()
        .map(|of| (of["kind"].as_str().unwrap(), of["what"].as_str().unwrap()))
        .collect();
    let expected = [
        ("limit", "account A order_qty_max 10 (fat fingers)"),
        ("locate", "100 of X (from the bank)"),
        (
            "override",
            "order late (agreed by phone); others must ask for it too",
        ),
        ("adjust", "trade of 100 X at 10.5, cash -1.2 (E-4711)"),
        ("exit-terms", "X: stop_loss_bps 50, hold_max 90s (tighter)"),
        ("settle", "1 X: 0 filled, 0 left"),
        ("kill", "account A"),
        ("raise", "account A; others must ask for it too"),
    ];
    assert_eq!(said, expected);
    assert!(
        by_alice
            .iter()
            .all(|of| of["person"] == "alice" && of["account"] == "A")
    );
    let by_bob = found(&gate, |of| of.person = some("bob"));
    assert_eq!(
        (by_bob.len(), &by_bob[0]["what"]),
        (1, &Value::from("account A"))
    );
    assert_eq!(found(&gate, |of| of.person = some("gate")).len(), 0);
    assert_eq!(found(&gate, |of| of.text = some("fat FINGERS")).len(), 1);
    let correlated = |of: &Value| of["correlation"] == 0;
    assert!(by_alice.iter().all(correlated));
}

#[test]
fn an_order_that_the_gate_sends_by_itself_is_found_as_an_exit() {
    let text_of = std::fs::read_to_string("tests/follower/gate.toml").unwrap();
    let with_stop = "key_file = \"s.key\"\nexits = { stop_loss_bps = \"100\" }";
    let text_of = text_of.replacen("key_file = \"s.key\"", with_stop, 1);
    let config = parse(&text_of, "gate.toml").unwrap_or_else(|errors| panic!("{errors}"));
    let mut gate = Gate::new(&config);
    gate.quote(0, "99", "101");
    let first = gate.order(0, "1", "5", "100").order_id;
    gate.report(first, Exec::Trade, "5");
    assert!(found(&gate, |of| of.kinds = vec!["exit".to_owned()]).is_empty());
    for _ in 0..3 {
        gate.advance(Nanos::from_secs(1));
        gate.quote(0, "97", "98");
    }
    let exits = found(&gate, |of| {
        (of.kinds, of.account) = (vec!["exit".to_owned()], some("A"))
    });
    assert!(
        !exits.is_empty(),
        "{}",
        text(&Asked::default(), &gate.journal(), false).unwrap()
    );
    let exit = &exits[0];
    assert!(
        exit["what"].as_str().unwrap().contains("sell 5 X"),
        "{exit}"
    );
    assert_eq!(exit["who"], "gate for A");
    let number = exit["order_id"].as_u64().unwrap();
    gate.report(OrderId(number), Exec::Trade, "5");
    let about = found(&gate, |of| of.order = some(&number.to_string()));
    let kinds: Vec<_> = about
        .iter()
        .map(|of| of["kind"].as_str().unwrap())
        .collect();
    assert_eq!(
        (kinds.first(), kinds.last()),
        (Some(&"exit"), Some(&"fill")),
        "{kinds:?}"
    );
}

#[test]
fn a_table_is_aligned_the_last_are_shown_and_all_are_counted() {
    let mut gate = Gate::new(&config());
    gate.quote(0, "99", "101");
    let sell = order(1, 0, "a-longer-id", Side::Sell, "26", "100");
    let sell = gate.frame(Kind::NewOrder, StrategyId(1), sell);
    for id in ["1", "2", "3"] {
        gate.order(0, id, "5", "100");
    }
    gate.take(sell);
    let of_orders = |count_max| Asked {
        kinds: vec!["order".to_owned()],
        count_max,
        ..Asked::default()
    };
    let all = text(&of_orders(None), &gate.journal(), false).unwrap();
    let lines: Vec<_> = all.lines().collect();
    assert_eq!(lines.len(), 6, "{all}");
    let outcome_at = lines[0].find("outcome").unwrap();
    for line in &lines[1..5] {
        let outcome = &line[outcome_at..];
        assert!(
            ["accepted", "refused"]
                .iter()
                .any(|of| outcome.starts_with(of)),
            "{all}"
        );
        assert!(line[..outcome_at].ends_with("  "), "{all}");
    }
    let refused = "a-longer-id sell 26 X at 100 day  refused QtyAboveMax limit 25 value 26";
    assert!(lines[4].ends_with(refused), "{all}");
    let records = gate.writer.sequence();
    assert_eq!(lines[5], format!("4 found in {records} records"));

    let last = text(&of_orders(Some(2)), &gate.journal(), false).unwrap();
    let lines: Vec<_> = last.lines().collect();
    assert_eq!(lines.len(), 4, "{last}");
    assert!(
        lines[1].contains(" 3 buy 5 X") && lines[2].contains("a-longer-id"),
        "{last}"
    );
    let told = format!("4 found in {records} records, the last 2 shown");
    assert_eq!(lines[3], told);
    assert_eq!(
        text(&of_orders(Some(2)), &gate.journal(), true)
            .unwrap()
            .lines()
            .count(),
        2
    );
}

#[test]
fn what_no_run_has_known_is_refused_with_what_there_is() {
    let mut gate = Gate::new(&config());
    gate.quote(0, "99", "101");
    for (told, change) in [
        (
            "account: no \"Q\"; there are A, B",
            (|of| of.account = some("Q")) as fn(&mut Asked),
        ),
        ("strategy: no \"Q\"; there are S, T", |of| {
            of.strategy = some("Q")
        }),
        ("symbol: no \"Q\"; there are X, Y", |of| {
            of.symbol = some("Q")
        }),
        ("person: no \"Q\"; there are alice, bob, gate", |of| {
            of.person = some("Q")
        }),
        ("kind: no \"Q\"; there are order, basket,", |of| {
            of.kinds = vec!["Q".to_owned()]
        }),
        ("outcome: no \"Q\"; there are accepted, refused,", |of| {
            of.outcome = some("Q")
        }),
        ("reason: no \"Q\"; there are ", |of| of.reason = some("Q")),
        ("since: write a time as in", |of| {
            of.since = some("yesterday")
        }),
        ("until: write a time as in", |of| of.until = some("12:00")),
        ("order: \"\" is neither", |of| of.order = some("")),
    ] {
        let problem = problem(&gate, change);
        assert!(problem.starts_with(told), "{problem}");
    }
}

#[test]
fn a_journal_that_is_not_whole_is_searched_and_said_not_to_be() {
    let mut gate = Gate::new(&config());
    gate.quote(0, "99", "101");
    gate.order(0, "1", "5", "100");
    let journal = gate.journal();
    let mark = journal.join(portcullis::journal::mark::MARK_NAME);
    drop(std::fs::remove_file(mark));
    let mut out = Vec::new();
    let failure = find::run(&journal, &Asked::default(), false, &mut out).unwrap_err();
    assert_eq!(failure.status, 1);
    assert!(failure.text.contains("is not there"), "{}", failure.text);
    assert!(
        String::from_utf8(out)
            .unwrap()
            .contains("1 buy 5 X at 100 day")
    );
}
