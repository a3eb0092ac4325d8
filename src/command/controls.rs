//! `portcullis controls`: every control there is, how far it is built, and where it is armed.

use crate::catalogue::{Control, SECTIONS, Section, ShownBy, Status, controls};
use crate::config::Config;
use crate::config::effective::{effective_toml, limit_text};
use crate::config::example::example_toml;
use crate::risk::setup::Limits;
use serde_json::json;
use std::fmt::Write as _;

/// How it is told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Form {
    /// For people, on a terminal.
    Text,
    /// For machines.
    Json,
    /// For the page `docs/controls.md`.
    Markdown,
}

/// The catalogue, and with a configuration where each control is armed.
pub fn run(config: Option<&Config>, form: Form) -> String {
    match form {
        Form::Text => text(config),
        Form::Json => json_text(config),
        Form::Markdown => markdown(),
    }
}

fn text(config: Option<&Config>) -> String {
    let mut out = String::new();
    for Section {
        letter,
        name,
        controls,
    } in SECTIONS
    {
        let _ = writeln!(out, "{letter}. {name}");
        for control in *controls {
            let Control { number, name, .. } = control;
            let _ = writeln!(out, "\n {number:>2}  {name}: {}", status(control.status));
            let mut row = |title: &str, text: &str| {
                if !text.is_empty() {
                    let _ = writeln!(out, "     {title:<12}{text}");
                }
            };
            row("means", control.meaning);
            row("demanded by", control.demanded_by);
            row("refuses", &reasons(control, ", "));
            row("keys", &control.keys.join(", "));
            if let Some(config) = config {
                row("armed", &armed(config, control));
            }
        }
        out.push('\n');
    }
    let _ = writeln!(out, "{}", count());
    out
}

/// How many rows there are of each kind.
fn count() -> String {
    let kinds = ["built", "partly", "waits", "not a gate's"];
    let counts = kinds.map(|kind| {
        let of_kind = controls().filter(|control| control.status.word() == kind);
        format!("{} {kind}", of_kind.count())
    });
    format!("{} controls: {}.", controls().count(), counts.join(", "))
}

fn status(status: Status) -> String {
    match status {
        Status::Built => "built".to_owned(),
        Status::Partly(missing) => format!("partly; missing: {missing}"),
        Status::Waits(what) => format!("waits for {what}"),
        Status::NotAGates(whose) => format!("not a gate's: {whose}"),
    }
}

fn reasons(control: &Control, between: &str) -> String {
    let reasons = control.reasons.iter();
    let named = reasons.map(|reason| format!("{} ({})", reason.name(), *reason as u16));
    named.collect::<Vec<_>>().join(between)
}

/// Where a limit of the control is set; `always` for what needs no limit.
fn armed(config: &Config, control: &Control) -> String {
    if matches!(control.status, Status::Waits(_) | Status::NotAGates(_)) {
        return "no".to_owned();
    }
    let keys: Vec<_> = control
        .keys
        .iter()
        .filter_map(|key| key.strip_prefix("limits."))
        .filter(|key| *key != "others")
        .collect();
    let settings: Vec<_> = control
        .keys
        .iter()
        .filter_map(|key| key.rsplit_once('.'))
        .filter(|(table, key)| *table != "limits" && is_left_out(table, key))
        .collect();
    if keys.is_empty() && settings.is_empty() {
        return "always".to_owned();
    }
    let effective = effective_toml(config);
    let settings = settings.into_iter().filter_map(|(table, key)| {
        let count = tables_with(&effective, table, key);
        (count != 0).then(|| format!("{table}.{key} of {count}"))
    });
    let setup = &config.setup;
    let is_set = |limits: &Limits| keys.iter().any(|key| limit_text(limits, key).is_some());
    let firm = is_set(&setup.firm).then(|| "firm".to_owned());
    let accounts = setup
        .accounts
        .iter()
        .filter(|of| is_set(&of.limits))
        .count();
    let strategies = setup
        .strategies
        .iter()
        .filter(|of| is_set(&of.limits))
        .count();
    let symbols = setup.symbols.iter().filter(|of| is_set(&of.limits)).count();
    let desks = setup.desks.iter().filter(|of| is_set(&of.limits)).count();
    let groups = setup.groups.iter().filter(|of| is_set(&of.limits)).count();
    let levels = [
        (accounts, "account", "accounts"),
        (strategies, "strategy", "strategies"),
        (symbols, "symbol", "symbols"),
        (desks, "desk", "desks"),
        (groups, "group", "groups"),
    ];
    let levels = levels
        .into_iter()
        .filter_map(|(count, one, many)| match count {
            0 => None,
            1 => Some(format!("1 {one}")),
            count => Some(format!("{count} {many}")),
        });
    let places: Vec<_> = firm.into_iter().chain(levels).chain(settings).collect();
    match places.is_empty() {
        true => "nowhere".to_owned(),
        false => places.join(", "),
    }
}

/// True for a setting that does nothing where nobody writes it.
fn is_left_out(table: &str, key: &str) -> bool {
    let example = example_toml();
    let of_table = example
        .split("\n\n")
        .filter(|part| part.contains(&format!("[{table}]")));
    let mut lines = of_table.flat_map(str::lines);
    lines.any(|line| {
        let line = line.trim_start_matches("# ");
        let value = line
            .strip_prefix(key)
            .and_then(|rest| rest.strip_prefix(" = "));
        value.is_some_and(|value| value.starts_with("\"off\"") || value.starts_with("[]"))
    })
}

/// In how many tables of one kind a setting does something; a table of several symbols counts them.
fn tables_with(effective: &str, table: &str, key: &str) -> usize {
    let (mut count, mut here, mut is_here) = (0, 1, false);
    for line in effective.lines() {
        if line.starts_with('[') {
            is_here = line.trim_matches(['[', ']']) == table;
            here = 1;
        }
        let Some((name, value)) = line.split_once(" = ").filter(|_| is_here) else {
            continue;
        };
        if name == "names" {
            here = value.matches("\", \"").count() + 1;
        } else if name == key && value != "\"off\"" && value != "[]" {
            count += here;
        }
    }
    count
}

fn json_text(config: Option<&Config>) -> String {
    let rows = SECTIONS.iter().flat_map(|section| {
        section.controls.iter().map(|control| {
            let reasons = control.reasons.iter();
            let reasons = reasons
                .map(|reason| json!({"name": reason.name(), "number": *reason as u16}))
                .collect::<Vec<_>>();
            json!({
                "number": control.number,
                "section": section.letter.to_string(),
                "name": control.name,
                "meaning": control.meaning,
                "demanded_by": control.demanded_by,
                "status": control.status.word(),
                "missing": control.status.missing(),
                "reasons": reasons,
                "keys": control.keys,
                "armed": config.map(|config| armed(config, control)),
            })
        })
    });
    format!("{:#}\n", json!({"controls": rows.collect::<Vec<_>>()}))
}

fn markdown() -> String {
    let mut out = String::from(
        "# Controls\n\nEvery control that rules and venues demand of a gate, and how far it is built. \
         This page is made by\n`portcullis controls --markdown`.\n\n",
    );
    let _ = writeln!(out, "{}", count());
    for section in SECTIONS {
        let _ = writeln!(out, "\n## {}. {}", section.letter, section.name);
        for control in section.controls {
            let _ = writeln!(
                out,
                "\n### {}. {}\n\n{} Demanded by {}.\n",
                control.number, control.name, control.meaning, control.demanded_by
            );
            let _ = writeln!(out, "- Status: {}.", status(control.status));
            if !control.reasons.is_empty() {
                let _ = writeln!(out, "- Refuses with {}.", reasons(control, ", "));
            }
            if !control.keys.is_empty() {
                let _ = writeln!(out, "- Keys: `{}`.", control.keys.join("`, `"));
            }
            match control.shown_by {
                ShownBy::Scenario => {
                    let _ = writeln!(
                        out,
                        "- Shown by `tests/controls/{:02}.txt`.",
                        control.number
                    );
                }
                ShownBy::Test(file, function) => {
                    let _ = writeln!(out, "- Shown by `{function}` in `{file}`.");
                }
                ShownBy::Nothing => {}
            }
        }
    }
    out
}
