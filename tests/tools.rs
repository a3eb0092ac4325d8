//! The tools against a real gate and a bare relay: small, on loopback, ended by their own counts.

#[path = "support/folder.rs"]
mod folder;

use folder::Folder;
use serde_json::Value;
use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// Writes a file that nobody else may read.
fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
        .unwrap();
    file.write_all(text.as_bytes()).unwrap();
    path
}

/// A gate with a simulated broker that fills nothing. It ends with this value.
struct Gate {
    child: Child,
    tcp: SocketAddr,
    /// The strategies and their key files, as the tools take them.
    sessions: [String; 2],
    /// Kept open, so that the gate can go on writing.
    _log: BufReader<std::process::ChildStderr>,
}

impl Gate {
    fn start(folder: &Path) -> Self {
        let mut sessions = [String::new(), String::new()];
        for (name, session) in ["first", "second"].iter().zip(&mut sessions) {
            let digits = format!("{:02x}", name.len()).repeat(32);
            let path = write(folder, &format!("{name}.key"), &digits);
            *session = format!("{name}={}", path.display());
        }
        let uid = rustix::process::getuid().as_raw();
        let config = format!(
            r#"
            gateway = {{ raise_persons = 1 }}
            listen = {{ tcp = "127.0.0.1:0", unix = "strategy.sock" }}
            limits = {{ order_qty_max = "500", others = "off" }}
            account = [
                {{ name = "A", limits = {{ others = "off" }} }},
                {{ name = "C", limits = {{ price_collar_bps = "10", reference_age_max = "1h", others = "off" }} }},
            ]
            strategy = [
                {{ name = "first", accounts = ["A"], key_file = "first.key" }},
                {{ name = "second", accounts = ["A"], key_file = "second.key", acknowledge = true }},
                {{ name = "local", accounts = ["A"], unix_user = {uid} }},
                {{ name = "collared", accounts = ["C"], unix_user = {uid} }},
            ]
            feed = [{{ name = "prices", unix = "feed.sock", unix_user = {uid}, interval_min = "0ns" }}]
            threads = {{ layout = "shared" }}
            symbol = [{{ names = ["X", "Y"], tick = "0.01", lot = "1", broker = "sim" }}]
            broker = [{{ name = "sim", kind = "sim", sim = {{ liquidity = "none" }} }}]
            operator = [{{ name = "operator", uid = {uid} }}]
            journal = {{ segment_size_bytes = "16MiB", ahead_bytes = "1MiB", reserve_bytes = "1MiB" }}
            "#
        );
        let config = write(folder, "gate.toml", &config);
        let mut child = Command::new(env!("CARGO_BIN_EXE_portcullis"))
            .arg("run")
            .arg("--config")
            .arg(config)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        let tcp = loop {
            let mut line = String::new();
            assert_ne!(
                log.read_line(&mut line).unwrap(),
                0,
                "the gate has ended:\n{said}"
            );
            said.push_str(&line);
            let address = line.split("strategy_tcp=").nth(1);
            if let Some(address) = address.and_then(|text| text.split_whitespace().next()) {
                break address.parse().unwrap();
            }
        };
        Self {
            child,
            tcp,
            sessions,
            _log: log,
        }
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn tool(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_portcullis-tools"))
        .args(arguments)
        .output()
        .unwrap()
}

fn json(output: &Output) -> Value {
    let (out, error) = (&output.stdout, String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{error}");
    serde_json::from_slice(out).unwrap_or_else(|problem| panic!("{problem}: {out:?} {error}"))
}

fn count(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

#[test]
fn every_command_of_a_load_is_answered_once_and_as_it_was_meant() {
    let folder = Folder::new("load");
    let gate = Gate::start(&folder);
    let (target, picture) = (format!("tcp:{}", gate.tcp), folder.join("load.svg"));
    let found = json(&tool(&[
        "load",
        "--target",
        &target,
        "--session",
        &gate.sessions[0],
        "--session",
        &gate.sessions[1],
        "--rate",
        "5000",
        "--burst",
        "100",
        "--every",
        "50ms",
        "--count",
        "2000",
        "--linger",
        "20s",
        "--price",
        "100",
        "--depth-ticks",
        "5",
        "--qty",
        "3",
        "--refused-share",
        "0.1",
        "--cancel-share",
        "0.2",
        "--json",
        "--svg",
        picture.to_str().unwrap(),
    ]));
    let sent = &found["sent"];
    let (orders, refused) = (count(&sent["orders"]), count(&sent["meant_to_be_refused"]));
    let cancels = count(&sent["cancels"]);
    assert_eq!(orders + refused + cancels, 2_000, "{found}");
    assert!(100 < refused && 200 < cancels, "{found}");
    assert_eq!(count(&found["unanswered"]), 0, "{found}");
    assert_eq!(count(&found["refusals"]["QtyZero"]), refused, "{found}");
    assert_eq!(found["refusals"].as_object().unwrap().len(), 1, "{found}");
    // The gate's word on the last order may be the load's end, before the broker's.
    let not_new = orders - count(&found["executions"]["new"]);
    assert!(not_new <= 1, "{found}");
    assert_eq!(count(&found["executions"]["canceled"]), cancels, "{found}");
    // Only one of the two sessions is told that the gate has accepted.
    let accepted = count(&found["executions"]["accepted"]);
    assert!(0 < accepted && accepted < orders, "{found}");
    let latency = &found["latency"];
    for (name, expected) in [
        ("accepted", orders),
        ("refused", refused),
        ("cancel", cancels),
    ] {
        let latency = &latency[name];
        assert_eq!(count(&latency["count"]), expected, "{found}");
        let at = |key: &str| count(&latency[key]);
        assert!(
            0 < at("p50_nanos") && at("p50_nanos") <= at("p99_nanos"),
            "{found}"
        );
        assert!(at("p99_nanos") <= at("max_nanos"), "{found}");
    }
    let picture = fs::read_to_string(picture).unwrap();
    assert!(picture.starts_with("<svg") && picture.contains("lateness of the load"));
}

#[test]
fn a_steady_session_is_answered_beside_a_runaway() {
    let folder = Folder::new("burst");
    let gate = Gate::start(&folder);
    let found = json(&tool(&[
        "burst",
        "--target",
        &format!("tcp:{}", gate.tcp),
        "--steady",
        &gate.sessions[1],
        "--runaway",
        &gate.sessions[0],
        "--rate",
        "500",
        "--round",
        "100ms",
        "--rounds",
        "2",
        "--price",
        "100",
        "--json",
    ]));
    for kind in ["alone", "beside"] {
        assert_eq!(count(&found[kind]["count"]), 100, "{found}");
    }
    assert!(0 < count(&found["refused"]), "{found}");
    assert!(found["p99_ratio"].as_f64().is_some_and(|ratio| 0.0 < ratio));
}

#[test]
fn a_load_comes_by_a_unix_socket_as_well() {
    let folder = Folder::new("unix");
    let _gate = Gate::start(&folder);
    let target = format!("unix:{}", folder.join("strategy.sock").display());
    let output = tool(&[
        "load",
        "--target",
        &target,
        "--session",
        "local",
        "--burst",
        "20",
        "--every",
        "10ms",
        "--count",
        "50",
        "--price",
        "100",
        "--qty",
        "501",
        "--symbol",
        "Y",
        "--linger",
        "20s",
    ]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        text.contains("50 orders, 0 meant to be refused, 0 cancels; 0 unanswered"),
        "{text}"
    );
    assert!(
        text.lines()
            .any(|line| line.contains("QtyAboveMax") && line.ends_with(" 50")),
        "{text}"
    );
}

#[test]
fn a_load_that_cannot_be_says_why() {
    for (arguments, expected) in [
        (
            &["--target", "tcp:127.0.0.1:1", "--rate", "1"][..],
            "cannot connect to 127.0.0.1:1",
        ),
        (
            &["--target", "127.0.0.1:1", "--rate", "1"],
            "write tcp:ADDRESS",
        ),
        (&["--target", "tcp:127.0.0.1:1"], "nothing to send"),
        (
            &["--target", "tcp:127.0.0.1:1", "--rate", "99999999999"],
            "give a --count of at most",
        ),
        (
            &[
                "--target",
                "tcp:127.0.0.1:1",
                "--rate",
                "1",
                "--cancel-share",
                "2",
            ],
            "a part of 1",
        ),
    ] {
        let output = tool(&[&["load", "--session", "S", "--price", "1"], arguments].concat());
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && error.contains(expected),
            "{arguments:?}: {error}"
        );
    }
}

#[test]
fn the_relay_carries_every_byte_both_ways_and_ends_with_its_ends() {
    for idle in ["park", "spin"] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let to = listener.local_addr().unwrap().to_string();
        let mut relay = Command::new(env!("CARGO_BIN_EXE_portcullis-tools"))
            .args(["relay", "--to", &to, "--idle", idle, "--spin", "1us"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(relay.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("listening on ").unwrap();
        let mut strategy = TcpStream::connect(address).unwrap();
        let (mut broker, _) = listener.accept().unwrap();
        // More than all buffers on the way hold, against a reader that begins late.
        let sent: Vec<u8> = (0..8_000_000u32).map(|at| (at % 251) as u8).collect();
        let mut back = sent.clone();
        back.truncate(100_000);
        std::thread::scope(|scope| {
            scope.spawn(|| strategy.write_all(&sent).unwrap());
            broker.write_all(&back).unwrap();
            let mut found = vec![0; sent.len()];
            broker.read_exact(&mut found).unwrap();
            assert!(found == sent, "{idle}");
        });
        let mut found = vec![0; back.len()];
        strategy.read_exact(&mut found).unwrap();
        assert!(found == back, "{idle}");
        drop(strategy);
        assert_eq!(broker.read(&mut [0]).unwrap(), 0, "{idle}");
        let mut rest = String::new();
        out.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "8000000 bytes to the broker, 100000 bytes back\n");
        assert!(relay.wait().unwrap().success());
    }
}

#[test]
fn the_wire_times_the_gate_and_the_relay_in_pairs() {
    let folder = Folder::new("wire");
    let found = json(&tool(&[
        "wire",
        "--pairs",
        "2",
        "--count",
        "60",
        "--warm-up",
        "10",
        "--rate",
        "1000",
        "--idle",
        "park",
        "--folder",
        folder.to_str().unwrap(),
        "--json",
    ]));
    let measures = found["measures"].as_array().unwrap();
    assert_eq!(measures.len(), 4, "{found}");
    for measure in measures {
        for route in ["gate", "relay"] {
            assert_eq!(count(&measure[route]["count"]), 120, "{found}");
            assert!(0 < count(&measure[route]["p50_nanos"]), "{found}");
        }
        let ratio = &measure["ratio"]["p50"];
        let [least, middle, most] =
            ["min", "median", "max"].map(|key| ratio[key].as_f64().unwrap());
        assert!(0.0 < least && least <= middle && middle <= most, "{found}");
    }
    let left = fs::read_dir(&*folder).unwrap().count();
    assert_eq!(left, 0, "the journal of the measurement is still there");
}

#[test]
fn a_gate_rests_answers_and_ends() {
    let folder = Folder::new("rest");
    let rest = |more: &[&str]| {
        let common = ["rest", "--seconds", "1", "--orders", "60", "--folder"];
        let folder = folder.to_str().unwrap();
        tool(&[&common[..], &[folder], more].concat())
    };
    let found = json(&rest(&["--json"]));
    assert!(1_000_000_000 <= count(&found["elapsed_nanos"]), "{found}");
    let threads = found["threads"].as_array().unwrap();
    for expected in ["journal", "cold"] {
        assert!(
            threads.iter().any(|thread| thread["name"] == expected),
            "{found}"
        );
    }
    let sum: u64 = threads.iter().map(|of| count(&of["cpu_millis"])).sum();
    // Each is rounded down to a tick.
    let spread = 10 * (threads.len() as u64 + 1);
    assert!(
        sum.abs_diff(count(&found["cpu_millis"])) <= spread,
        "{found}"
    );
    let firsts = found["first_orders"].as_array().unwrap();
    let ways: Vec<_> = firsts.iter().map(|first| &first["way"]).collect();
    assert_eq!(ways, ["unix", "tcp", "unix", "tcp"], "{found}");
    assert!(firsts.iter().all(|of| count(&of["latency_nanos"]) != 0));
    assert_eq!(count(&found["first"]["count"]), 4, "{found}");
    assert_eq!(count(&found["steady"]["count"]), 60, "{found}");

    let config = write(&folder, "own.toml", OWN);
    let output = rest(&["--sessions", "1", "--config", config.to_str().unwrap()]);
    let text = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    for expected in [
        "layout dedicated, idle park; 1 sessions, 0 feeds",
        "\nrisk  ",
        "only, unix",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    let left = fs::read_dir(&*folder).unwrap().count();
    assert_eq!(left, 1, "the journal of the measurement is still there");
}

#[test]
fn a_rest_that_cannot_be_says_why() {
    let folder = Folder::new("no-rest");
    let native = OWN.replace(
        "kind = \"sim\"",
        r#"kind = "native", native = { address = "127.0.0.1:1", key_file = "k" }"#,
    );
    let small = OWN.replace(
        "others = \"off\" }",
        "order_qty_max = \"0.5\", others = \"off\" }",
    );
    for (name, text, sessions, expected) in [
        ("many", OWN, "2", "the configuration has 1 strategies"),
        ("native", &native, "1", "broker out is not simulated"),
        ("small", &small, "1", "only: the gate refused an order: "),
        ("odd", "what", "1", "odd.toml"),
    ] {
        let config = write(&folder, &format!("{name}.toml"), text);
        let config = config.to_str().unwrap();
        let output = tool(&["rest", "--sessions", sessions, "--config", config]);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && error.contains(expected),
            "{name}: {error}"
        );
    }
}

/// A configuration of somebody who has threads enough.
const OWN: &str = r#"
gateway = { raise_persons = 1 }
limits = { others = "off" }
account = [{ name = "A", limits = { others = "off" } }]
strategy = [{ name = "only", accounts = ["A"], unix_user = 7 }]
listen = { unix = "strategy.sock" }
symbol = [{ name = "X", tick = "0.01", lot = "1", broker = "out" }]
broker = [{ name = "out", kind = "sim" }]
operator = [{ name = "operator", uid = 7 }]
journal = { segment_size_bytes = "16MiB", ahead_bytes = "1MiB", reserve_bytes = "1MiB" }
threads = { layout = "dedicated" }
"#;

/// Times, types, ids, sizes, prices and directions, and the book behind each.
const MESSAGES: &str = "\
34200.1,1,11,100,1000000,1
34200.2,1,12,600,1000100,-1
34200.3,2,11,40,1000000,1
34200.3,4,11,10,1000000,1
34200.4,3,12,600,1000100,-1
34200.5,3,99,5,1000000,1
34200.6,1,13,20,1000200,1
34200.7,2,13,20,1000200,1
34200.8,3,11,60,1000000,1
";

fn day(folder: &Path, messages: &str, books: &str) -> [String; 2] {
    [("message", messages), ("orderbook_1", books)].map(|(name, text)| {
        let path = write(folder, &format!("X_2012-06-21_{name}.csv"), text);
        path.to_str().unwrap().to_owned()
    })
}

fn still_books() -> String {
    "1000100,600,1000000,100\n".repeat(MESSAGES.lines().count())
}

#[test]
fn a_day_is_played_in_step_and_at_its_own_pace() {
    let folder = Folder::new("play");
    let gate = Gate::start(&folder);
    let [messages, orderbook] = day(&folder, MESSAGES, &still_books());
    let target = format!("tcp:{}", gate.tcp);
    let play = |speed: &str, session: &str| {
        json(&tool(&[
            "play",
            "--messages",
            &messages,
            "--orderbook",
            &orderbook,
            "--target",
            &target,
            "--session",
            session,
            "--speed",
            speed,
            "--patience",
            "20s",
            "--json",
        ]))
    };
    for (speed, session) in [("0", &gate.sessions[0]), ("5", &gate.sessions[1])] {
        let found = play(speed, session);
        // 600 is above the limit of 500, so its deletion is about nothing; 99 was never there.
        assert_eq!(found["orders"]["sent"], 3, "{found}");
        assert_eq!(found["orders"]["accepted"], 2, "{found}");
        assert_eq!(found["orders"]["refused"]["QtyAboveMax"], 1, "{found}");
        // The 20 of 13 are all of it: a cancel.
        assert_eq!(found["replaces"]["sent"], 1, "{found}");
        assert_eq!(found["replaces"]["accepted"], 1, "{found}");
        assert_eq!(found["cancels"]["sent"], 2, "{found}");
        assert_eq!(found["cancels"]["accepted"], 2, "{found}");
        assert_eq!(found["executions"]["canceled"], 2, "{found}");
        assert_eq!(found["rows_left_out"], 2, "{found}");
        assert_eq!(found["unanswered"], 0, "{found}");
    }
}

#[test]
fn a_day_needs_a_symbol_that_the_gate_has() {
    let folder = Folder::new("symbol");
    let gate = Gate::start(&folder);
    let [messages, orderbook] = day(&folder, MESSAGES, &still_books());
    assert!(Path::new(&messages).exists());
    let output = tool(&[
        "play",
        "--messages",
        &messages,
        "--orderbook",
        &orderbook,
        "--symbol",
        "Z",
        "--target",
        &format!("tcp:{}", gate.tcp),
        "--session",
        &gate.sessions[0],
    ]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && error.contains("no symbol Z"),
        "{error}"
    );
}

#[test]
fn in_step_every_quote_is_at_the_gate_before_the_row_that_met_it() {
    let folder = Folder::new("quotes");
    let _gate = Gate::start(&folder);
    // The same order again and again; the book behind each row decides over the next.
    let near = "1000100,600,1000000,100\n";
    let far = "1100100,600,1100000,100\n";
    let one_sided = "9999999999,0,1000000,100\n";
    let books = [near, far, near, one_sided].concat().repeat(25);
    let messages: String = (0..100)
        .map(|row| format!("34200.{row:03},1,{row},10,1000000,1\n"))
        .collect();
    let [messages, orderbook] = day(&folder, &messages, &books);
    let socket = |name: &str| format!("unix:{}", folder.join(name).display());
    let found = json(&tool(&[
        "play",
        "--messages",
        &messages,
        "--orderbook",
        &orderbook,
        "--target",
        &socket("strategy.sock"),
        "--session",
        "collared",
        "--feed",
        "prices",
        "--feed-target",
        &socket("feed.sock"),
        "--patience",
        "20s",
        "--json",
    ]));
    let orders = &found["orders"];
    assert_eq!(orders["accepted"], 50, "{found}");
    assert_eq!(orders["refused"]["ReferenceAbsent"], 1, "{found}");
    assert_eq!(orders["refused"]["PriceOutsideCollar"], 25, "{found}");
    assert_eq!(orders["refused"]["ReferenceUnusable"], 24, "{found}");
    assert_eq!(found["quotes"], 99, "{found}");
}
