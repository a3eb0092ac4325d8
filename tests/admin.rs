//! Admin: who may do what over a real socket, and whether what is answered is what happened.

#[path = "support/folder.rs"]
mod folder;
#[path = "follower/gate.rs"]
mod gate;
#[path = "admin/limits.rs"]
mod limits;
#[path = "admin/money.rs"]
mod money;
#[path = "admin/reload.rs"]
mod reload;

use folder::Folder;
use gate::{Gate, START, config};
use portcullis::admin::client::{self, ClientError, Options, Place};
use portcullis::admin::request::{Command, Request};
use portcullis::admin::{Admin, Ends, Settings, kernel_peers};
use portcullis::follower::Follower;
use portcullis::follower::names::Names;
use portcullis::message::{Frame, Kind, Text};
use portcullis::ring::{Consumer, ring};
use portcullis::risk::decision::Outcome;
use portcullis::risk::setup::Setup;
use portcullis::sys::poller::{Doorbell, Poller};
use portcullis::topology::Stage as _;
use portcullis::units::{AccountId, Nanos};
use serde_json::{Value, json};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

const ALICE: u32 = 1000;
const BOB: u32 = 1001;
const TIMEOUT: Nanos = Nanos::from_secs(2);

/// A gate with its follower and its admin stage. The kernel's word is replaced by `uid`.
struct Desk {
    gate: Gate,
    follower: Follower,
    admin: Admin,
    admin_to_risk: Consumer<Frame>,
    poller: Poller,
    uid: Arc<AtomicU32>,
    path: PathBuf,
    _folder: Folder,
}

impl Desk {
    fn new() -> Self {
        Self::with_ring(16)
    }

    fn with_ring(capacity: usize) -> Self {
        Self::with(capacity, |_| {})
    }

    fn of(change: impl FnOnce(&mut Setup)) -> Self {
        Self::with(16, change)
    }

    fn with(capacity: usize, change: impl FnOnce(&mut Setup)) -> Self {
        let mut config = config();
        change(&mut config.setup);
        let gate = Gate::new(&config);
        let interval = Nanos::from_millis(10);
        let (follower, views) =
            Follower::new(&gate.journal(), gate.tail(), interval, Doorbell::NONE);
        let (producer, admin_to_risk) = ring(capacity);
        let folder = Folder::new("admin");
        let path = folder.join("run/admin.sock");
        let settings = Settings {
            socket: path.clone(),
            ..Settings::new(&config)
        };
        assert_eq!((settings.mode, settings.answer_timeout), (0o660, TIMEOUT));
        let ends = Ends {
            admin_to_risk: producer,
            risk_doorbell: Doorbell::NONE,
            views,
            doorbell: Doorbell::NONE,
            acts: crossbeam::channel::never(),
        };
        let uid = Arc::new(AtomicU32::new(ALICE));
        let told = Arc::clone(&uid);
        let peers = Box::new(move |_: &_| Ok(told.load(Ordering::Relaxed)));
        let mut poller = Poller::new(64).unwrap();
        let sockets = poller.sockets().unwrap();
        let names = Arc::new(Names::new(&config.setup));
        let admin = Admin::new(settings, names, ends, peers, sockets).unwrap();
        Self {
            gate,
            follower,
            admin,
            admin_to_risk,
            poller,
            uid,
            path,
            _folder: folder,
        }
    }

    /// The admin thread alone: risk is busy elsewhere.
    fn step_admin(&mut self) {
        let now = self.gate.now();
        loop {
            let admin = &mut self.admin;
            let ready = self
                .poller
                .poll(|_, readiness| admin.ready(readiness))
                .unwrap();
            let count = ready + self.admin.poll(now) + self.follower.poll(now);
            if count == 0 {
                break;
            }
        }
    }

    /// Everything, until nothing is left to do.
    fn step(&mut self) {
        loop {
            self.step_admin();
            let Some(frame) = self.admin_to_risk.pop() else {
                break;
            };
            self.gate.take(frame);
        }
    }

    fn connect(&mut self, uid: u32) -> UnixStream {
        self.uid.store(uid, Ordering::Relaxed);
        let stream = UnixStream::connect(&self.path).unwrap();
        stream.set_nonblocking(true).unwrap();
        self.step_admin();
        stream
    }

    /// One request of a person, on a connection of its own.
    fn ask(&mut self, uid: u32, request: &Value) -> Value {
        let mut stream = self.connect(uid);
        say(&mut stream, &request.to_string());
        self.step();
        hear(&mut stream)
    }
}

fn say(stream: &mut UnixStream, line: &str) {
    stream.write_all(format!("{line}\n").as_bytes()).unwrap();
}

/// The line that has come.
fn hear(stream: &mut UnixStream) -> Value {
    let mut bytes = Vec::new();
    let mut part = [0; 4096];
    loop {
        match stream.read(&mut part) {
            Ok(0) => break,
            Ok(count) => bytes.extend_from_slice(&part[..count]),
            Err(error) => {
                // Reset: it was closed with something of ours unread.
                let kinds = [ErrorKind::WouldBlock, ErrorKind::ConnectionReset];
                assert!(kinds.contains(&error.kind()), "{error}");
                break;
            }
        }
    }
    assert_eq!(
        bytes.last(),
        Some(&b'\n'),
        "{}",
        String::from_utf8_lossy(&bytes)
    );
    serde_json::from_slice(&bytes).unwrap()
}

fn has_nothing(stream: &mut UnixStream) -> bool {
    let result = stream.read(&mut [0]);
    result.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

fn is_closed(stream: &mut UnixStream) -> bool {
    match stream.read(&mut [0]) {
        Ok(count) => count == 0,
        Err(error) => error.kind() != ErrorKind::WouldBlock,
    }
}

#[test]
fn a_kill_needs_one_person_and_a_raise_two() {
    let mut desk = Desk::new();
    desk.gate.quote(0, "99", "101");
    for id in ["1", "2", "3"] {
        assert_eq!(
            desk.gate.order(0, id, "5", "100").outcome,
            Outcome::Accepted
        );
    }
    let kill = json!({"command": "kill", "scope": "account", "name": "A", "note": "runaway"});
    let said = desk.ask(ALICE, &kill);
    assert_eq!(
        (&said["ok"], &said["confirmed"]),
        (&json!(true), &json!(true)),
        "{said}"
    );
    assert_eq!(
        (&said["outcome"], &said["operator"]),
        (&json!("Applied"), &json!("alice"))
    );
    assert_eq!(
        (&said["orders_open"], &said["killed"]),
        (&json!(3), &json!(true))
    );
    assert_eq!(said["sequence"], desk.gate.writer.sequence());
    assert_eq!(
        desk.gate.order(0, "4", "5", "100").outcome,
        Outcome::Refused
    );

    let raise = json!({"command": "raise", "scope": "account", "name": "A"});
    let said = desk.ask(ALICE, &raise);
    assert_eq!(
        (&said["outcome"], &said["killed"]),
        (&json!("Applied"), &json!(true))
    );
    assert_eq!(
        (&said["asked"], &said["persons"]),
        (&json!(["alice"]), &json!(2))
    );
    assert_eq!(said["persons_missing"], 1);
    assert_eq!(said["waits_nanos"], 300_000_000_000u64);

    desk.gate.advance(Nanos::from_secs(60));
    let said = desk.ask(ALICE, &raise);
    assert_eq!(said["outcome"], "NotPermitted");
    assert_eq!(
        said["why"],
        "this person has asked already; another one must"
    );
    assert_eq!(
        (&said["killed"], &said["persons_missing"]),
        (&json!(true), &json!(1))
    );
    assert_eq!(said["waits_nanos"], 240_000_000_000u64);
    let status = desk.ask(BOB, &json!({"command": "status"}));
    assert_eq!(status["killed"][0]["asked"], json!(["alice"]));

    let said = desk.ask(BOB, &raise);
    assert_eq!(
        (&said["outcome"], &said["killed"]),
        (&json!("Applied"), &json!(false))
    );
    assert_eq!(said["persons_missing"], 0);
    let said = desk.ask(BOB, &raise);
    assert_eq!(
        (&said["outcome"], &said["why"]),
        (
            &json!("NotPermitted"),
            &json!("it is not killed, nor halted")
        )
    );
    desk.gate.quote(0, "99", "101");
    assert_eq!(
        desk.gate.order(0, "5", "5", "100").outcome,
        Outcome::Accepted
    );
}

#[test]
fn a_first_raise_is_forgotten_when_its_time_is_over() {
    let mut desk = Desk::new();
    desk.ask(ALICE, &json!({"command": "kill", "scope": "firm"}));
    let raise = json!({"command": "raise", "scope": "firm"});
    assert_eq!(desk.ask(ALICE, &raise)["persons_missing"], 1);
    desk.gate.advance(Nanos::from_secs(301));
    let said = desk.ask(BOB, &raise);
    assert_eq!(
        (&said["killed"], &said["asked"]),
        (&json!(true), &json!(["bob"]))
    );
    assert_eq!(said["persons_missing"], 1);
    let said = desk.ask(ALICE, &raise);
    assert_eq!(said["killed"], false);
}

#[test]
fn who_is_no_operator_reads_nothing_and_does_nothing() {
    let mut desk = Desk::new();
    let mut stream = desk.connect(4242);
    let said = hear(&mut stream);
    assert_eq!(said["ok"], false);
    assert!(
        said["error"].as_str().unwrap().contains("uid = 4242"),
        "{said}"
    );
    assert!(is_closed(&mut stream));
    assert_eq!(said.as_object().unwrap().len(), 2);
    assert!(desk.admin_to_risk.is_empty());
    // Nobody is not the operator whose number was not given.
    let mut stream = desk.connect(u32::MAX);
    assert_eq!(hear(&mut stream)["ok"], false);
}

#[test]
fn what_the_journal_has_not_shown_is_not_confirmed() {
    let mut desk = Desk::new();
    let mut stream = desk.connect(ALICE);
    say(&mut stream, r#"{"command":"kill","scope":"firm"}"#);
    desk.step_admin();
    assert!(has_nothing(&mut stream));
    assert_eq!(desk.admin.deadline(), START.after(TIMEOUT));
    desk.gate.advance(Nanos::from_raw(TIMEOUT.raw() - 1));
    desk.step_admin();
    assert!(has_nothing(&mut stream));
    desk.gate.advance(Nanos::from_raw(1));
    desk.step_admin();
    let said = hear(&mut stream);
    assert_eq!(
        (&said["act"], &said["confirmed"]),
        (&json!("kill"), &json!(false))
    );
    // It was sent all the same, and nobody waits for it when it comes.
    desk.step();
    assert!(has_nothing(&mut stream));
    assert_eq!(
        desk.ask(ALICE, &json!({"command": "status"}))["killed"][0]["scope"],
        "firm"
    );
}

#[test]
fn an_act_whose_record_was_read_first_is_still_answered() {
    let mut desk = Desk::new();
    let mut stream = desk.connect(ALICE);
    say(
        &mut stream,
        r#"{"command":"kill","scope":"symbol","name":"Y"}"#,
    );
    desk.admin.poll(desk.gate.now());
    let admin = &mut desk.admin;
    desk.poller
        .poll(|_, readiness| admin.ready(readiness))
        .unwrap();
    desk.admin.poll(desk.gate.now());
    let frame = desk.admin_to_risk.pop().unwrap();
    assert_eq!(frame.kind(), Some(Kind::Kill));
    assert_eq!(frame.header.time, desk.gate.now());
    assert_ne!(frame.header.correlation, 0);
    desk.gate.take(frame);
    desk.step();
    assert_eq!(hear(&mut stream)["confirmed"], true);
}

#[test]
fn a_kill_that_does_not_fit_says_that_it_was_not_done() {
    let mut desk = Desk::with_ring(1);
    let (mut first, mut second) = (desk.connect(ALICE), desk.connect(BOB));
    say(&mut first, r#"{"command":"kill","scope":"firm"}"#);
    desk.step_admin();
    say(&mut second, r#"{"command":"kill","scope":"firm"}"#);
    desk.step_admin();
    let said = hear(&mut second);
    assert_eq!(said["ok"], false);
    assert!(
        said["error"].as_str().unwrap().starts_with("not done"),
        "{said}"
    );
    desk.step();
    assert_eq!(hear(&mut first)["confirmed"], true);
}

#[test]
fn an_order_in_doubt_is_settled_by_the_id_that_its_strategy_gave() {
    let mut desk = Desk::new();
    desk.gate.quote(0, "99", "101");
    let order_id = desk.gate.order(0, "c-1", "10", "100").order_id;
    let mut settle = json!({
        "command": "settle", "account": "A", "id": "c-1", "filled": "4", "price": "100",
        "leaves": "0",
    });
    let said = desk.ask(ALICE, &settle);
    assert_eq!(said["outcome"], "NotPermitted");
    desk.gate.advance(Nanos::from_secs(2));
    desk.gate.quote(0, "99", "101");
    let said = desk.ask(ALICE, &settle);
    assert_eq!(
        (&said["outcome"], &said["order_id"]),
        (&json!("Applied"), &json!(order_id.0))
    );
    assert_eq!(desk.gate.core.orders_open_count(), 0);
    let positions = desk.ask(BOB, &json!({"command": "positions", "account": "A"}));
    assert_eq!(positions["positions"][0]["position"], "4");
    settle["id"] = json!("c-2");
    let said = desk.ask(ALICE, &settle);
    assert_eq!(said["ok"], false);
    let id = desk
        .gate
        .core
        .order_id(AccountId(0), &Text::new("c-1").unwrap());
    assert_eq!(id, Some(order_id));
}

#[test]
fn what_makes_no_sense_is_refused_with_the_field_and_the_connection_goes_on() {
    let mut desk = Desk::new();
    let mut stream = desk.connect(ALICE);
    for (line, wanted) in [
        ("", "not a request"),
        ("{\"command\":\"status\"", "not a request"),
        (r#"{"command":"explode"}"#, "explode"),
        (r#"{"command":"status","colour":"red"}"#, "colour"),
        (r#"{"command":"status","command":"kill"}"#, "duplicate"),
        (
            r#"{"command":"status","account":"A"}"#,
            "account: means nothing",
        ),
        (r#"{"command":"kill"}"#, "scope: "),
        (r#"{"command":"kill","scope":"floor"}"#, "scope: "),
        (r#"{"command":"kill","scope":"account"}"#, "name: required"),
        (
            r#"{"command":"kill","scope":"account","name":"Z"}"#,
            "no account \"Z\"",
        ),
        (
            r#"{"command":"kill","scope":"firm","name":"A"}"#,
            "the firm has none",
        ),
        (
            r#"{"command":"kill","scope":"firm","note":"größer"}"#,
            "note: ",
        ),
        (r#"{"command":"orders","symbol":"Q"}"#, "no symbol \"Q\""),
        (r#"{"command":"orders","count":-1}"#, "-1"),
        (
            r#"{"command":"settle","filled":"1","leaves":"0"}"#,
            "name the order",
        ),
        (
            r#"{"command":"settle","order_id":1,"filled":"x","leaves":"0"}"#,
            "filled: ",
        ),
        (
            r#"{"command":"settle","order_id":1,"filled":"1"}"#,
            "leaves: required",
        ),
    ] {
        say(&mut stream, line);
        desk.step();
        let said = hear(&mut stream);
        assert_eq!(said["ok"], false, "{line}");
        let error = said["error"].as_str().unwrap();
        assert!(error.contains(wanted), "{line}: {error}");
    }
    assert_eq!(desk.gate.core.counts().events, 0);
    // Two lines at once are answered in turn.
    say(
        &mut stream,
        "{\"command\":\"levels\"}\n{\"command\":\"references\"}",
    );
    desk.step_admin();
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    let lines: Vec<Value> = bytes
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2);
    assert!(lines[0].get("levels").is_some() && lines[1].get("references").is_some());
}

#[test]
fn lines_connections_and_patience_are_bounded() {
    let mut desk = Desk::new();
    let mut stream = desk.connect(ALICE);
    stream.write_all(&[b' '; 5000]).unwrap();
    desk.step_admin();
    assert!(
        hear(&mut stream)["error"]
            .as_str()
            .unwrap()
            .contains("4096")
    );
    assert!(is_closed(&mut stream));

    let mut held: Vec<_> = (0..8).map(|_| desk.connect(ALICE)).collect();
    let mut ninth = desk.connect(ALICE);
    assert_eq!(hear(&mut ninth)["ok"], false);
    assert!(is_closed(&mut ninth));
    let status = desk.ask(BOB, &json!({"command": "status"}));
    assert_eq!(status["ok"], true, "another person is not kept out");

    desk.gate.advance(Nanos::from_secs(61));
    desk.step_admin();
    assert!(held.iter_mut().all(is_closed), "who asks nothing is let go");
    assert_eq!(desk.ask(ALICE, &json!({"command": "status"}))["ok"], true);
}

#[test]
fn the_socket_has_its_mode_and_goes_with_the_stage() {
    let desk = Desk::new();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&desk.path), 0o660);
    let path = desk.path.clone();
    assert!(bind(&path).unwrap_err().contains("another gateway answers"));
    let Desk { admin, _folder, .. } = desk;
    drop(admin);
    assert!(!path.exists());

    // What a killed gateway leaves behind.
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let admin = bind(&path).unwrap();
    assert_eq!(mode(&path), 0o660);
    // A file that somebody else put there meanwhile is not taken away.
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, "mine").unwrap();
    drop(admin);
    assert!(bind(&path).unwrap_err().contains("is not a socket"));
    assert_eq!(std::fs::read(&path).unwrap(), b"mine");
}

/// A stage that nobody talks to, at a path.
fn bind(path: &Path) -> Result<(Admin, Poller), String> {
    let desk = Desk::new();
    let config = config();
    let settings = Settings {
        socket: path.to_owned(),
        ..Settings::new(&config)
    };
    let (producer, _) = ring(1);
    let (_, views) = Follower::new(path, desk.gate.tail(), TIMEOUT, Doorbell::NONE);
    let ends = Ends {
        admin_to_risk: producer,
        risk_doorbell: Doorbell::NONE,
        views,
        doorbell: Doorbell::NONE,
        acts: crossbeam::channel::never(),
    };
    let mut poller = Poller::new(8).unwrap();
    let sockets = poller.sockets().unwrap();
    let names = Arc::new(Names::new(&config.setup));
    let admin = Admin::new(settings, names, ends, kernel_peers(), sockets);
    admin
        .map(|admin| (admin, poller))
        .map_err(|error| error.to_string())
}

#[test]
fn a_stop_answers_what_was_asked_and_lets_nobody_in() {
    let mut desk = Desk::new();
    let mut stream = desk.connect(ALICE);
    say(&mut stream, r#"{"command":"kill","scope":"firm"}"#);
    desk.step_admin();
    assert!(!desk.admin.drain(desk.gate.now()));
    let frame = desk.admin_to_risk.pop().unwrap();
    desk.gate.take(frame);
    desk.follower.poll(desk.gate.now());
    say(&mut stream, r#"{"command":"raise","scope":"firm"}"#);
    while !desk.admin.drain(desk.gate.now()) {}
    assert_eq!(hear_first(&mut stream)["confirmed"], true);
    assert!(desk.admin_to_risk.is_empty());
}

/// What came before the other end closed with something unread.
fn hear_first(stream: &mut UnixStream) -> Value {
    let mut bytes = [0; 4096];
    let count = stream.read(&mut bytes).unwrap();
    serde_json::from_slice(&bytes[..count]).unwrap()
}

#[test]
fn the_client_asks_and_says_what_is_wrong_where_nobody_answers() {
    let mut desk = Desk::new();
    let options = Options::new(Place::Socket(desk.path.clone()), false);
    let request = Request {
        command: Command::Kill,
        scope: Some("strategy".to_owned()),
        name: Some("T".to_owned()),
        ..Request::default()
    };
    let asked = options.clone();
    let client = std::thread::spawn(move || client::ask(&request, &asked));
    while !client.is_finished() {
        desk.step();
        let admin = &mut desk.admin;
        let wait = Some(Nanos::from_millis(10));
        desk.poller
            .park(wait, |_, readiness| admin.ready(readiness))
            .unwrap();
    }
    let said = client.join().unwrap().unwrap();
    assert_eq!(
        (&said["confirmed"], &said["name"]),
        (&json!(true), &json!("T"))
    );
    drop(desk);
    let error = client::ask(&Request::default(), &options).unwrap_err();
    assert!(matches!(error, ClientError::Connect(..)));
    assert!(
        error.to_string().contains("is the gateway running"),
        "{error}"
    );
}

#[test]
fn the_kernel_says_who_is_there() {
    let (here, _there) = mio::net::UnixStream::pair().unwrap();
    let uid = rustix::process::getuid().as_raw();
    assert_eq!(kernel_peers()(&here).unwrap(), uid);
}
