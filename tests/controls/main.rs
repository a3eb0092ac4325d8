//! The catalogue of controls: no row that is built goes without a scenario in which it refuses and
//! just does not, and the page of the documentation says what the table says.
//!
//! `NN.txt` shows row NN: a line or more of `#`, a configuration, a line `---`, then lines of a
//! scenario, each with its answer below it where it has one: `accepted`, or a reason (`OrderCut` has
//! passed), which may be followed by its limit and its value. What the configuration leaves out of accounts A and B,
//! strategies S (of A) and T (of B), symbols X and Y, the broker and operators is added.

use portcullis::catalogue::{Control, ShownBy, Status, controls};
use portcullis::command::controls::{Form, run};
use portcullis::command::trial::Trial;
use portcullis::config;
use portcullis::protocol::scenario::answer::Answers;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn path(of: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(of)
}

fn read(of: &str) -> String {
    std::fs::read_to_string(path(of)).unwrap_or_else(|error| panic!("{of}: {error}"))
}

const BASE: [(&str, &str); 6] = [
    ("[limits]", "others = \"off\""),
    ("[[account]]", "name = \"A\"\n[[account]]\nname = \"B\""),
    (
        "[[strategy]]",
        "name = \"S\"\naccounts = [\"A\"]\n[[strategy]]\nname = \"T\"\naccounts = [\"B\"]",
    ),
    (
        "[[symbol]]",
        "names = [\"X\", \"Y\"]\ntick = \"0.01\"\nlot = \"1\"\nbroker = \"sim\"",
    ),
    ("[[broker]]", "name = \"sim\"\nkind = \"sim\""),
    (
        "[[operator]]",
        "name = \"alice\"\nuid = 1\n[[operator]]\nname = \"bob\"\nuid = 2",
    ),
];

/// What was answered in a scenario: `accepted`, or the names of reasons.
fn play(file: &str) -> BTreeSet<String> {
    let text = read(file);
    let (head, lines) = text.split_once("\n---\n").expect("a line `---`");
    let mut written = head.to_owned();
    for (table, rest) in BASE {
        if !head.contains(table) {
            written.push_str(&format!("\n{table}\n{rest}\n"));
        }
    }
    let config = config::parse(&written, file).unwrap_or_else(|errors| panic!("{errors}"));
    let mut trial = Trial::new(config.setup);
    let first = head.lines().count() as u64 + 2;
    let mut answers = BTreeSet::new();
    let mut lines = (first..).zip(lines.lines()).peekable();
    while let Some((number, line)) = lines.next() {
        let mut out = String::new();
        trial.take(number, line.as_bytes(), Answers::Decisions, &mut out);
        let said = out.lines().map(|line| {
            let said: Value = serde_json::from_str(line).expect("an answer is JSON");
            assert!(said["error"].is_null(), "{file}:{number}: {said}");
            said
        });
        for said in said {
            let (at, wanted) = lines.next().unwrap_or((number, ""));
            let mut words = wanted.split_whitespace();
            let wanted_first = words.next().unwrap_or("");
            let first = match said["decision"].as_str() {
                Some("accepted") if said["reason"] == "OrderCut" => Some("OrderCut"),
                Some("rejected") => said["reason"].as_str(),
                other => other,
            };
            assert_eq!(first, Some(wanted_first), "{file}:{at}: {said}");
            for key in ["limit", "value"] {
                if let Some(wanted) = words.next() {
                    assert_eq!(said[key].as_str(), Some(wanted), "{file}:{at}: {said}");
                }
            }
            answers.insert(wanted_first.to_owned());
        }
        let stray = lines
            .peek()
            .filter(|(_, next)| !next.starts_with(['{', '#']) && !next.is_empty());
        assert!(
            stray.is_none(),
            "{file}: nothing was answered that {stray:?} could be"
        );
    }
    answers
}

fn show(control: &Control) {
    let number = control.number;
    match control.shown_by {
        ShownBy::Scenario => {
            let answers = play(&format!("tests/controls/{number:02}.txt"));
            assert!(answers.contains("accepted"), "{number}: nothing passes");
            for reason in control.reasons {
                let is_shown = answers.contains(reason.name());
                // What no scenario can bring about has tests of its own.
                let is_beyond = BEYOND.contains(&reason.name());
                assert!(is_shown || is_beyond, "{number}: {reason:?} is not shown");
            }
        }
        ShownBy::Test(file, function) => {
            let text = read(file);
            assert!(
                text.contains(&format!("fn {function}(")),
                "{number}: {file} has no {function}"
            );
        }
        ShownBy::Nothing => {
            let is_open = matches!(control.status, Status::Waits(_) | Status::NotAGates(_));
            assert!(
                is_open && control.reasons.is_empty(),
                "{number}: nothing shows it"
            );
        }
    }
}

/// Reasons that no line of a scenario can bring about.
const BEYOND: [&str; 2] = ["OrdersFull", "ExposureOverflow"];

#[test]
fn every_row_that_is_built_is_shown() {
    controls().for_each(show);
}

#[test]
fn orders_of_a_basket_pass_together_or_not_at_all() {
    assert!(play("tests/controls/basket.txt").contains("accepted"));
}

#[test]
fn an_order_is_cut_to_whole_lots_that_pass_with_their_slippage() {
    assert!(play("tests/controls/sizing.txt").contains("OrderCut"));
}

#[test]
fn there_are_47_rows_in_order_and_every_reason_of_a_limit_is_in_one() {
    let numbers: Vec<_> = controls().map(|control| control.number).collect();
    assert_eq!(numbers, (1..=47).collect::<Vec<_>>());
    let told: BTreeSet<_> = controls().flat_map(|control| control.reasons).collect();
    for reason in portcullis::reject::RejectReason::ALL {
        let number = *reason as u16;
        let is_limit = !(30..60).contains(&number) && !(80..84).contains(&number) && 10 <= number;
        // It says of an order that another one has failed.
        let is_limit = is_limit && reason.name() != "BasketRefused";
        assert!(
            !is_limit || told.contains(reason),
            "{reason:?} is in no row"
        );
    }
}

#[test]
fn every_key_is_a_key_of_the_configuration() {
    let example = portcullis::config::example::example_toml();
    for control in controls() {
        for key in control.keys {
            let (table, name) = key.rsplit_once('.').unwrap_or((key, ""));
            let is_table = example.contains(&format!("[{table}"));
            let is_key = name.is_empty()
                || example.contains(&format!("{name} = "))
                || example.contains(&format!("[{table}.{name}]"));
            assert!(is_table && is_key, "{}: {key}", control.number);
        }
    }
}

#[test]
fn the_page_says_what_the_table_says() {
    let page = run(None, Form::Markdown);
    if std::env::var_os("PORTCULLIS_WRITE_DOCS").is_some() {
        std::fs::write(path("docs/controls.md"), &page).unwrap();
    }
    assert!(
        read("docs/controls.md") == page,
        "docs/controls.md is old: PORTCULLIS_WRITE_DOCS=1 cargo test --test controls writes it"
    );
}
