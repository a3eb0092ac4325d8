//! The one place that touches the API: a configuration and lines of text in, decisions out.
//!
//! A line is `what key=value ... -> expected`. What is not said is the ordinary: account A, strategy
//! S, symbol X, a limit order to buy 1 at 100, a millisecond later than the line before.

use portcullis::command::trial::Trial;
use portcullis::config;
use portcullis::protocol::scenario::answer::Answers;
use serde_json::{Map, Value, json};

/// Everything that a test does not speak about.
const ORDINARY: &str = r#"
[[operator]]
name = "alice"
uid = 1
[[operator]]
name = "bob"
uid = 2
[[account]]
name = "A"
[[account]]
name = "B"
[[strategy]]
name = "S"
accounts = ["A", "B"]
[[strategy]]
name = "T"
accounts = ["A"]
[[broker]]
name = "sim"
kind = "sim"
[[symbol]]
names = ["X", "Y"]
tick = "0.5"
lot = "1"
broker = "sim"
"#;

/// Limits of the firm that let everything pass.
pub(crate) const OPEN: &str = "[limits]\nothers = \"off\"\nreference_age_max = \"off\"\n";

/// A gate that lines of text drive.
pub(crate) struct Gate {
    trial: Trial,
    time: u64,
    number: u64,
}

impl Gate {
    /// Built from `limits`, TOML in front of the ordinary.
    pub(crate) fn new(limits: &str) -> Self {
        Self::of(&format!("{limits}\n{ORDINARY}"))
    }

    /// Built from a whole configuration.
    pub(crate) fn of(text: &str) -> Self {
        let config = config::parse(text, "test.toml").unwrap_or_else(|errors| panic!("{errors}"));
        Self {
            trial: Trial::new(config.setup),
            time: 1_000_000_000_000,
            number: 0,
        }
    }

    /// Plays lines and compares what each says behind its arrow.
    pub(crate) fn check(&mut self, story: &str) -> &mut Self {
        for line in story.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (command, expected) = line.split_once("->").unwrap_or((line, ""));
            let answer = self.play(command.trim());
            let expected = expected.trim();
            if !expected.is_empty() {
                assert_eq!(answer, expected, "line: {line}");
            }
            self.trial.core().verify();
        }
        self
    }

    /// What `--summary` would say under a key.
    pub(crate) fn summary(&self, key: &str) -> Value {
        self.trial.summary()["summary"][key].clone()
    }

    fn play(&mut self, command: &str) -> String {
        let mut words = command.split_whitespace();
        let what = words.next().expect("a command");
        let mut fields: Map<String, Value> = words
            .map(|word| word.split_once('=').expect("key=value"))
            .map(|(key, value)| (key.to_owned(), Value::from(value)))
            .collect();
        self.time += 1_000_000;
        if let Some(after) = fields.remove("after") {
            let millis: u64 = after.as_str().unwrap().parse().expect("milliseconds");
            self.time += millis * 1_000_000 - 1_000_000;
        }
        for flag in ["busy", "journal_full", "journal_failed", "not_ready"] {
            if fields.contains_key(flag) {
                fields.insert(flag.to_owned(), json!(true));
            }
        }
        let ordinary: &[(&str, &str)] = match what {
            "order" => &[
                ("account", "A"),
                ("strategy", "S"),
                ("symbol", "X"),
                ("side", "buy"),
                ("type", "limit"),
                ("qty", "1"),
                ("tif", "day"),
            ],
            "cancel" => &[("account", "A")],
            "replace" => &[("account", "A"), ("qty", "1"), ("price", "100")],
            "report" => &[("account", "A")],
            "quote" => &[("symbol", "X"), ("bid", "99.5"), ("ask", "100.5")],
            _ => &[],
        };
        for (key, value) in ordinary {
            fields.entry(*key).or_insert(json!(value));
        }
        if what == "order" && fields["type"] != "market" {
            fields.entry("price").or_insert(json!("100"));
        }
        let mut line = Map::from_iter([("t".to_owned(), json!(self.time))]);
        line.insert(what.to_owned(), Value::Object(fields));
        self.number += 1;
        let mut out = String::new();
        let text = Value::Object(line).to_string();
        self.trial
            .take(self.number, text.as_bytes(), Answers::All, &mut out);
        if out.is_empty() {
            return String::new();
        }
        let answer: Value = serde_json::from_str(&out).expect("an answer is JSON");
        match (&answer["decision"], &answer["reason"]) {
            (_, Value::String(reason)) => {
                let told = |key: &str| answer[key].as_str().map(str::to_owned);
                match (told("limit"), told("value")) {
                    (Some(limit), Some(value)) => format!("{reason} {limit} {value}"),
                    _ => reason.clone(),
                }
            }
            (Value::String(decision), _) => decision.clone(),
            _ => answer.to_string(),
        }
    }
}
