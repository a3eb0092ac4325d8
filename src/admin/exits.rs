//! Exits: when positions are closed, as a person reads it.
//!
//! Pure.

use super::money::finish;
use super::show::{Paint, rows, text};
use super::table::{Table, UNKNOWN};
use serde_json::Value;

/// The terms, by their keys, and what each is called here.
const TERMS: [(&str, &str); 4] = [
    ("stop_loss_bps", "stop bps"),
    ("take_profit_bps", "target bps"),
    ("trailing_stop_bps", "trail bps"),
    ("break_even_bps", "even bps"),
];

/// The positions that have terms, or are being closed.
pub(super) fn show_exits(out: &mut String, answer: &Value, paint: Paint) {
    let mut heads = vec!["account", "symbol", "position"];
    heads.extend(TERMS.map(|(_, name)| name));
    heads.extend(["until", "closing", "since", "attempts"]);
    let mut table = Table::new(&heads);
    for row in rows(answer, "exits") {
        let mut cells: Vec<_> = ["account", "symbol", "position"]
            .map(|key| text(row, key))
            .into();
        let or_dash = |key: &str| match row[key].is_null() {
            true => UNKNOWN.to_owned(),
            false => text(row, key),
        };
        cells.extend(TERMS.map(|(key, _)| or_dash(key)));
        cells.push(or_dash("until"));
        let cause = or_dash("leaving");
        cells.push(match row["failing"] == true {
            true => paint.alarm(&cause),
            false => cause,
        });
        cells.extend([or_dash("since"), or_dash("attempts")]);
        table.row(cells);
    }
    finish(out, answer, "exits", &table);
}

/// Terms that were changed.
pub(super) fn show_exit(answer: &Value) -> String {
    let [account, symbol, position] =
        ["account", "symbol", "position"].map(|key| text(answer, key));
    let held = format!("{account} holds {position} of {symbol}");
    if let Some(cause) = answer["leaving"].as_str() {
        return format!("{held}: the gate closes it now ({cause})");
    }
    let mut terms: Vec<_> = TERMS
        .iter()
        .filter(|(key, _)| !answer[key].is_null())
        .map(|(key, _)| format!("{key} {}", text(answer, key)))
        .collect();
    if !answer["until"].is_null() {
        terms.push(format!("until {}", text(answer, "until")));
    }
    match terms.is_empty() {
        true => format!("{held}: nothing closes it any more but a limit on losses"),
        false => format!("{held}: closed at {}", terms.join(", ")),
    }
}
