//! Events: what happens in a gate is told to the log, to a file and to HTTP servers, in time, once, and
//! whoever is slow or away harms nobody.

#[path = "support/folder.rs"]
mod folder;
#[path = "support/gateway.rs"]
mod gateway;
#[path = "support/running.rs"]
mod running;

#[path = "events/desk.rs"]
mod desk;
#[path = "follower/flow.rs"]
#[allow(dead_code)]
mod flow;
#[path = "follower/gate.rs"]
#[allow(dead_code)]
mod gate;
#[path = "events/money.rs"]
mod money;
#[path = "events/receiver.rs"]
mod receiver;

use desk::{Trader, ask, gateway, open};
use flow::{Random, seed};
use folder::Folder;
use gate::{Gate, config};
use portcullis::admin::request::{Command, Request};
use portcullis::command::events::{Form, list, run};
use portcullis::events::filter::Wanted;
use portcullis::events::kind::{COMMON, EventKind, Severity};
use portcullis::message::{Exec, Side};
use portcullis::topology::Stage;
use portcullis::topology::supervisor::Running;
use portcullis::units::Nanos;
use receiver::{Health, Receiver};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

/// The bound of RTS 6, Article 16(5), and RTS 7, Article 20(2)(b).
const BOUND: Nanos = Nanos::from_secs(5);

/// The log of this process: all gates of it write here.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn log() -> &'static Log {
    static LOG: OnceLock<Log> = OnceLock::new();
    LOG.get_or_init(|| {
        let log = Log::default();
        let writer = log.clone();
        tracing_subscriber::fmt()
            .json()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(move || writer.clone())
            .init();
        log
    })
}

/// The log's lines of events, by their order's id or their kind.
fn logged() -> Vec<Value> {
    let text = String::from_utf8(log().0.lock().unwrap().clone()).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    lines
        .filter(|line: &Value| line["target"] == "portcullis::events")
        .collect()
}

/// Every event of a journal.
fn all_of(journal: &Path) -> Vec<Value> {
    let report = run(journal, &Wanted::default(), usize::MAX >> 16, Form::Json).unwrap();
    assert!(report.failure.is_none());
    let value: Value = serde_json::from_str(&report.text).unwrap();
    value["events"].as_array().unwrap().clone()
}

fn lines_of(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn place(event: &Value) -> (u64, u64) {
    (
        event["sequence"].as_u64().unwrap(),
        event["part"].as_u64().unwrap(),
    )
}

fn webhook(name: &str, address: std::net::SocketAddr, severity: &str, more: &str) -> String {
    format!(
        "[[subscriber]]\nname = \"{name}\"\nkind = \"webhook\"\nseverity = \"{severity}\"\n\
         [subscriber.webhook]\nurl = \"http://{address}/gate\"\ntimeout = \"300ms\"\n{more}\n"
    )
}

fn file(path: &Path, severity: &str) -> String {
    format!(
        "[[subscriber]]\nname = \"tape\"\nkind = \"file\"\nseverity = \"{severity}\"\n\
         [subscriber.file]\npath = \"{}\"\n",
        path.display()
    )
}

/// Waits for events until one of each kind has come; each must come within the bound.
fn wait_for(receiver: &Receiver, wanted: &[EventKind]) -> Vec<Value> {
    let mut events: Vec<Value> = Vec::new();
    let has =
        |events: &[Value], kind: &EventKind| events.iter().any(|of| of["kind"] == kind.text());
    while !wanted.iter().all(|kind| has(&events, kind)) {
        let request = receiver.requests.recv_timeout(Duration::from_secs(30));
        let request = request.unwrap_or_else(|_| panic!("{wanted:?} of {events:?}"));
        for event in request.events {
            let time: jiff::Timestamp = event["time"].as_str().unwrap().parse().unwrap();
            let time = Nanos::from_raw(time.as_nanosecond() as u64);
            let late = request.time.since(time);
            assert!(late < BOUND, "{late:?}: {event}");
            events.push(event);
        }
    }
    events
}

/// An order refused, one filled, limits near, rejects that open a breaker, a link lost, a kill.
fn make_a_day(folder: &Path) {
    let mut trader = Trader::connect(folder);
    let (buy, sell) = (Side::Buy, Side::Sell);
    let refused = trader.order((0, 0), "too-large", buy, "101", &[Exec::New]);
    assert!(refused.is_some());
    trader.order((1, 0), "maker", sell, "7", &[Exec::New]);
    trader.order((0, 0), "taker", buy, "7", &[Exec::Trade]);
    for id in ["one", "two", "three", "four"] {
        trader.order((0, 0), id, buy, "1", &[Exec::New]);
    }
    trader.order((1, 1), "rejected-1", buy, "1", &[Exec::Rejected]);
    trader.order((1, 1), "rejected-2", buy, "1", &[Exec::Rejected]);
    trader.order((1, 2), "dropped", buy, "1", &[]);
    let kill = Request {
        command: Command::Kill,
        scope: Some("account".to_owned()),
        name: Some("A".to_owned()),
        note: Some("a drill".to_owned()),
        ..Request::default()
    };
    assert_eq!(ask(folder, &kill)["confirmed"], true);
}

/// What must have been told of it: the kind, its severity, and the id of the order that it is about.
const DAY: [(EventKind, &str, Option<&str>); 6] = [
    (EventKind::Breach, "warning", Some("too-large")),
    (EventKind::Fill, "info", Some("taker")),
    (EventKind::LimitWarning, "warning", Some("four")),
    (EventKind::BreakerOpen, "critical", None),
    (EventKind::LinkDown, "warning", None),
    (EventKind::Kill, "critical", None),
];

/// The event of a day's row.
fn find<'a>(events: &'a [Value], kind: EventKind, id: Option<&str>) -> &'a Value {
    let is_it =
        |event: &&Value| event["kind"] == kind.text() && id.is_none_or(|id| event["id"] == id);
    let found = events.iter().find(is_it);
    found.unwrap_or_else(|| panic!("no {kind:?} of {id:?} in {events:#?}"))
}

#[test]
fn each_kind_of_subscriber_is_told_in_time_with_severity_and_correlation() {
    log();
    let folder = Folder::new("told");
    let tape = folder.join("events.jsonl");
    let well = Receiver::start(Health::Well);
    let sick = Receiver::start(Health::Sick(usize::MAX));
    let hangs = Receiver::start(Health::Hangs);
    let closes = Receiver::start(Health::Closes);
    let secret = folder.join("pager.secret");
    std::fs::write(&secret, "Bearer of-the-test\n").unwrap();
    std::fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let subscribers = [
        webhook("hangs", hangs.address, "info", ""),
        webhook("sick", sick.address, "info", ""),
        webhook("closes", closes.address, "info", ""),
        webhook("nobody", Receiver::nobody(), "info", ""),
        webhook(
            "well",
            well.address,
            "info",
            &format!("secret_file = \"{}\"", secret.display()),
        ),
        file(&tape, "info"),
        "[[subscriber]]\nname = \"lines\"\nkind = \"log\"\nseverity = \"info\"\n".to_owned(),
    ];
    let running = open(&folder, &subscribers.concat());
    make_a_day(&folder);
    let kinds = DAY.map(|row| row.0);
    let mut heard = wait_for(&well, &kinds);
    assert!(0 < hangs.calls() && 0 < sick.calls() && 0 < closes.calls());
    let status = ask(&folder, &Request::default());
    let subscribers = status["subscribers"].as_array().unwrap();
    let of = |name: &str| subscribers.iter().find(|of| of["name"] == name).unwrap();
    for name in ["hangs", "sick", "closes", "nobody"] {
        assert_eq!(of(name)["delivered"], 0, "{subscribers:?}");
    }
    assert_eq!(
        (&of("well")["state"], &of("tape")["state"]),
        (&json!("well"), &json!("well"))
    );

    // A running gate is asked for what is grave, of one account, of one kind.
    let asked = |severity: Option<&str>, kind: Option<&str>, account: Option<&str>| {
        let request = Request {
            command: Command::Events,
            severity: severity.map(str::to_owned),
            kind: kind.map(str::to_owned),
            account: account.map(str::to_owned),
            ..Request::default()
        };
        ask(&folder, &request)["events"].as_array().unwrap().clone()
    };
    let grave = asked(Some("critical"), None, None);
    assert!(grave.iter().all(|of| of["severity"] == "critical"));
    find(&grave, EventKind::Kill, None);
    find(&grave, EventKind::BreakerOpen, None);
    assert!(asked(None, Some("breach"), Some("B")).is_empty());
    assert_eq!(asked(None, Some("breach"), Some("A")).len(), 1);

    running::stop(running);
    heard.extend(well.requests.try_iter().flat_map(|of| {
        assert!(
            of.head
                .to_lowercase()
                .contains("authorization: bearer of-the-test")
        );
        of.events
    }));
    let text = String::from_utf8(log().0.lock().unwrap().clone()).unwrap();
    let secret = text.lines().find(|line| line.contains("of-the-test"));
    assert!(text.contains("ureq"), "the client logs nothing");
    assert_eq!(secret, None);
    let (written, logged) = (lines_of(&tape), logged());
    let all = all_of(&folder.join("journal"));
    // To the last one: what a stop would leave is delivered before it.
    assert_eq!(written, all);
    assert_eq!(heard, all);
    for (kind, severity, id) in DAY {
        let event = find(&all, kind, id);
        assert_eq!(event["severity"], severity);
        // Other gates of this process write into the same log.
        let keys = ["sequence", "part", "severity", "correlation"];
        let is_it = |line: &&Value| {
            let fields = &line["fields"];
            fields["event"] == kind.text() && keys.iter().all(|key| fields[key] == event[key])
        };
        let line = logged.iter().find(is_it).expect("it is in the log");
        assert_eq!(line["fields"]["message"], event["text"]);
        let level = match severity {
            "critical" => "ERROR",
            "warning" => "WARN",
            _ => "INFO",
        };
        assert_eq!(line["level"], level);
        let is_of_command = !matches!(kind, EventKind::BreakerOpen | EventKind::LinkDown);
        assert_eq!(event["correlation"] != 0, is_of_command, "{event}");
    }
    let breach = find(&all, EventKind::Breach, Some("too-large"));
    let said = [
        "account", "strategy", "symbol", "side", "qty", "price", "reason", "limit", "value",
        "scope", "name",
    ];
    let said = said.map(|key| breach[key].as_str().unwrap_or(""));
    let wanted = [
        "A",
        "S",
        "X",
        "buy",
        "101",
        "10",
        "QtyAboveMax",
        "100",
        "101",
        "account",
        "A",
    ];
    assert_eq!(said, wanted, "{breach}");
    // The fill has the correlation with which its order came in.
    let accepted = find(&all, EventKind::OrderAccepted, Some("taker"));
    let fill = find(&all, EventKind::Fill, Some("taker"));
    assert_eq!(fill["correlation"], accepted["correlation"]);
    let near = find(&all, EventKind::LimitWarning, Some("four"));
    assert_eq!((&near["limit"], &near["value"]), (&json!("5"), &json!("4")));
    let kill = find(&all, EventKind::Kill, None);
    assert_eq!(
        (&kill["operator"], &kill["note"]),
        (&json!("alice"), &json!("a drill"))
    );
}

#[test]
fn a_server_that_was_away_is_told_all_it_has_missed_in_order() {
    let folder = Folder::new("away");
    // More answers than it takes to open the breaker.
    let sick = Receiver::start(Health::Sick(4));
    let more =
        "retry_min = \"1ms\"\nretry_max = \"5ms\"\nbreaker_failures = 2\nbreaker_pause = \"5ms\"";
    let running = open(&folder, &webhook("sick", sick.address, "notice", more));
    make_a_day(&folder);
    let mut heard = wait_for(&sick, &[EventKind::Kill]);
    running::stop(running);
    heard.extend(sick.requests.try_iter().flat_map(|of| of.events));
    let all = all_of(&folder.join("journal"));
    let all: Vec<_> = all
        .into_iter()
        .filter(|of| of["severity"] != "info")
        .collect();
    assert_eq!(heard, all);
}

#[test]
fn a_queue_that_is_full_drops_the_oldest_and_says_how_many() {
    let folder = Folder::new("full");
    let sick = Receiver::start(Health::Sick(usize::MAX / 2));
    let more = "batch_max = 2\nretry_min = \"5ms\"\nretry_max = \"5ms\"\nbreaker_failures = 1000";
    let subscriber = webhook("sick", sick.address, "info", more);
    let subscriber = subscriber.replace("severity", "queue = 3\nseverity");
    let running = open(&folder, &subscriber);
    make_a_day(&folder);
    sick.heal();
    let mut heard = wait_for(&sick, &[EventKind::EventsDropped]);
    running::stop(running);
    heard.extend(sick.requests.try_iter().flat_map(|of| of.events));
    let all = all_of(&folder.join("journal"));
    // What is told as missing is missing, and nothing else: in its place, as many as are said.
    let mut rest = all.iter();
    for event in &heard {
        if event["kind"] == "events_dropped" {
            for _ in 0..event["count"].as_u64().unwrap() {
                rest.next().unwrap();
            }
        } else {
            assert_eq!(Some(event), rest.next());
        }
    }
    assert_eq!(rest.next(), None);
    let places: Vec<_> = heard.iter().map(place).collect();
    assert!(places.is_sorted_by(|one, other| one < other), "{places:?}");
}

#[test]
fn over_restarts_a_file_and_a_webhook_with_a_position_have_every_event_once() {
    let folder = Folder::new("restart");
    let (tape, position) = (folder.join("events.jsonl"), folder.join("pager.position"));
    let well = Receiver::start(Health::Well);
    let more = format!("position_file = \"{}\"", position.display());
    let mut heard = Vec::new();
    for round in 0..3 {
        let pager = match round {
            // Nobody is there: what it misses comes in the next run.
            1 => webhook(
                "pager",
                Receiver::nobody(),
                "info",
                &format!("{more}\nbreaker_failures = 1\nbreaker_pause = \"1m\""),
            ),
            _ => webhook("pager", well.address, "info", &more),
        };
        let running = open(&folder, &(file(&tape, "info") + &pager));
        let mut trader = Trader::connect(&folder);
        for order in 0..5 {
            trader.order(
                (1, 0),
                &format!("{round}-{order}"),
                Side::Buy,
                "1",
                &[Exec::New],
            );
        }
        // The follower is behind when the gate stops.
        for order in 5..400 {
            let until: &[Exec] = if order % 50 == 0 { &[Exec::New] } else { &[] };
            let id = format!("{round}-{order}");
            trader.order((1, 0), &id, Side::Buy, "1", until);
        }
        drop(trader);
        running::stop(running);
        let all = all_of(&folder.join("journal"));
        assert_eq!(lines_of(&tape), all, "round {round}");
        heard.extend(well.requests.try_iter().flat_map(|of| of.events));
        if round != 1 {
            assert_eq!(heard, all, "round {round}");
        }
        // A crash leaves half a line.
        let text = std::fs::read(&tape).unwrap();
        std::fs::write(&tape, &text[..text.len() - 7]).unwrap();
    }
}

/// Has so much left to do when its thread has ended.
struct Tail(Arc<AtomicUsize>);

impl Stage for Tail {
    fn name(&self) -> &'static str {
        "tail"
    }

    fn poll(&mut self, _now: Nanos) -> usize {
        0
    }

    fn finish(&mut self, _now: Nanos) -> bool {
        self.0.fetch_sub(1, Ordering::Relaxed) == 1
    }
}

#[test]
fn a_stop_lets_what_follows_the_path_come_to_its_end() {
    let folder = Folder::new("tail");
    let mut gateway = gateway(&folder, "");
    let left = Arc::new(AtomicUsize::new(3));
    gateway.cold[1].add(Box::new(Tail(Arc::clone(&left))));
    running::stop(Running::spawn(gateway, &[]).unwrap());
    assert_eq!(left.load(Ordering::Relaxed), 0);
}

#[test]
fn every_event_of_a_random_flow_says_what_its_kind_may_say_and_nothing_else() {
    let mut random = Random(seed(20_261_122));
    let mut gate = Gate::new(&config());
    for _ in 0..6000 {
        gate.happen(&mut random);
    }
    let all = all_of(&gate.journal());
    let places: Vec<_> = all.iter().map(place).collect();
    assert!(places.is_sorted_by(|one, other| one < other));
    let mut counts = BTreeMap::new();
    for event in &all {
        let kind = EventKind::from_text(event["kind"].as_str().unwrap()).unwrap();
        assert_eq!(event["severity"], kind.severity().text());
        let known: BTreeSet<_> = COMMON.iter().chain(kind.fields()).copied().collect();
        for (field, value) in event.as_object().unwrap() {
            assert!(known.contains(field.as_str()), "{field} of {event}");
            assert!(!value.is_null() && value != "?", "{field} of {event}");
        }
        assert!(!event["text"].as_str().unwrap().contains('?'), "{event}");
        *counts.entry(kind).or_insert(0) += 1;
    }
    println!("{counts:?}");
    for kind in [
        EventKind::OrderAccepted,
        EventKind::Breach,
        EventKind::Fill,
        EventKind::OrderInDoubt,
        EventKind::LimitWarning,
        EventKind::ReplaceAsked,
        EventKind::OverFill,
    ] {
        assert!(counts.contains_key(&kind), "{kind:?}");
    }
    let orders = gate.core.counts();
    assert_eq!(counts[&EventKind::OrderAccepted], orders.orders_accepted);
    // What is asked for does not change what an event is called.
    let wanted = Wanted {
        severity: Severity::Warning,
        ..Wanted::default()
    };
    let report = run(&gate.journal(), &wanted, 1_000_000, Form::Json).unwrap();
    let grave: Value = serde_json::from_str(&report.text).unwrap();
    let is_grave = |of: &&Value| of["severity"] == "warning" || of["severity"] == "critical";
    let expected: Vec<_> = all.iter().filter(is_grave).cloned().collect();
    assert_eq!(grave["events"], Value::Array(expected));
}

#[test]
fn the_page_says_what_the_table_says() {
    let page = list(Form::Markdown);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/events.md");
    if std::env::var_os("PORTCULLIS_WRITE_DOCS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    assert!(
        std::fs::read_to_string(&path).unwrap_or_default() == page,
        "docs/events.md is old: PORTCULLIS_WRITE_DOCS=1 cargo test --test events writes it"
    );
    let table: Value = serde_json::from_str(&list(Form::Json)).unwrap();
    let rows = table["events"].as_array().unwrap();
    assert_eq!(rows.len(), EventKind::ALL.len());
    for kind in EventKind::ALL {
        let is_in = |text: &str| text.contains(kind.text()) && text.contains(kind.about());
        assert!(is_in(&page) && is_in(&list(Form::Text { is_coloured: false })));
    }
}
