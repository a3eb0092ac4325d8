//! Table: what became of a drill, for people and for machines.

use super::{Drill, Flow, Played, Run};
use crate::reject::RejectReason;
use crate::units::{Nanos, Notional};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::Path;

const HEAD: [&str; 6] = [
    "with",
    "orders left",
    "quantity left",
    "money left",
    "first stopped by",
    "after",
];

/// All of a drill.
pub(super) fn text(drill: &Drill, played: &[Played], picture: &Path) -> String {
    let mut out = format!("{}: {}\n{}\n", drill.name, drill.title, drill.facts);
    for played in played {
        let _ = writeln!(out, "\n{}", played.scene);
        if let [first, ..] = played.runs.as_slice() {
            let sent = &first.sent;
            let _ = writeln!(
                out,
                "sent: {} orders, {} units, {} {}",
                grouped(sent.orders),
                grouped(sent.qty),
                grouped(whole(sent.money)),
                drill.currency
            );
        }
        let rows: Vec<[String; 6]> = played.runs.iter().map(row).collect();
        aligned(&mut out, &rows);
        for run in played.runs.iter().filter(|run| run.raises_asked != 0) {
            let _ = writeln!(
                out,
                "with {}: one operator alone raised {} of {} kills",
                run.control, run.raises_done, run.raises_asked
            );
        }
    }
    let _ = writeln!(out, "\npicture: {}\n", picture.display());
    out
}

fn row(run: &Run) -> [String; 6] {
    let (reason, after) = match run.first {
        Some((reason, after)) => (reason.name(), seconds(after)),
        None => ("-", "-".to_owned()),
    };
    [
        run.control.clone(),
        grouped(run.left.orders),
        grouped(run.left.qty),
        grouped(whole(run.left.money)),
        reason.to_owned(),
        after,
    ]
}

/// Words stand at the left of their column, numbers at the right.
fn aligned(out: &mut String, rows: &[[String; 6]]) {
    let head = HEAD.map(str::to_owned);
    let widths: [usize; 6] = std::array::from_fn(|at| {
        let cells = rows.iter().chain([&head]).map(|row| row[at].len());
        cells.max().unwrap_or_default()
    });
    for row in [&head].into_iter().chain(rows) {
        let [control, orders, qty, money, reason, after] = row;
        let [a, b, c, d, e, f] = widths;
        let _ = writeln!(
            out,
            "  {control:<a$}  {orders:>b$}  {qty:>c$}  {money:>d$}  {reason:<e$}  {after:>f$}"
        );
    }
}

/// The same as one object.
pub(super) fn json(drill: &Drill, played: &[Played], picture: &Path) -> Value {
    let scenes = played.iter().map(|played| {
        json!({ "name": played.scene, "runs": played.runs.iter().map(run).collect::<Vec<_>>() })
    });
    json!({
        "name": drill.name, "title": drill.title, "currency": drill.currency,
        "scenes": scenes.collect::<Vec<_>>(), "picture": picture.to_string_lossy(),
    })
}

fn run(run: &Run) -> Value {
    let flow = |flow: &Flow| json!({ "orders": flow.orders, "quantity": flow.qty.to_string(), "money": flow.money.to_string() });
    let refused = run
        .refused
        .iter()
        .map(|(reason, count)| (reason.name().to_owned(), (*count).into()))
        .collect::<serde_json::Map<_, _>>();
    json!({
        "with": run.control, "sent": flow(&run.sent), "left": flow(&run.left), "refused": refused,
        "first": run.first.map(|(reason, _)| reason.name()),
        "first_after_nanos": run.first.map(|(_, after)| after.raw()),
        "raises_asked": run.raises_asked, "raises_done": run.raises_done,
    })
}

/// A reason and when, for a legend.
pub(super) fn stop(first: Option<(RejectReason, Nanos)>) -> String {
    match first {
        Some((reason, after)) => format!("{} after {}", reason.name(), seconds(after)),
        None => "nothing refused".to_owned(),
    }
}

fn seconds(span: Nanos) -> String {
    let millis = span.raw() / 1_000_000;
    format!("{}.{:03} s", millis / 1_000, millis % 1_000)
}

/// Without what stands behind the point.
const fn whole(money: Notional) -> u128 {
    money.raw() / 10u128.pow(Notional::DIGITS)
}

/// A whole number with its digits in groups of three.
pub(super) fn grouped(number: impl std::fmt::Display) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at != 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
