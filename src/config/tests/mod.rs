//! Tests: a file is read, refused, written, and damaged.

mod hostile;
mod reading;
mod refusals;
mod subscribers;
mod texts;

use crate::config::schema::{Given, Section};
use crate::config::{Config, parse};

/// Says everything other than by default.
const FULL: &str = include_str!("full.toml");

/// Three lines that every file with a symbol needs.
const BROKER: &str = "[[broker]]\nname = \"sim\"\nkind = \"sim\"\n";

fn good(text: &str) -> Config {
    parse(text, "gate.toml").unwrap_or_else(|errors| panic!("{errors}\n{text}"))
}

/// Each error as `line key`, for files of which every error is told.
fn wrong(text: &str) -> Vec<String> {
    let errors = parse(text, "gate.toml").expect_err("something is wrong");
    errors
        .errors
        .iter()
        .map(|error| format!("{} {}", error.line, error.key))
        .collect()
}

/// The only error, in full.
fn told(text: &str) -> String {
    let errors = parse(text, "gate.toml").expect_err("something is wrong");
    assert_eq!(errors.errors.len(), 1, "{errors}");
    errors.to_string()
}

/// Calls `see` with every table and key that the schema knows.
fn every_key(section: &'static Section, see: &mut impl FnMut(&Section, &str, Given)) {
    for key in section.keys {
        see(section, key.name, key.given);
        if let Given::Table(inner) | Given::List(inner) = key.given {
            every_key(inner, see);
        }
    }
}
