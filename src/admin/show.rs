//! Show: an answer of the gate as a person reads it.
//!
//! Pure.

use crate::admin::request::{Command, Request};
use crate::admin::table::{OFF, Table};
use crate::admin::{exits, money};
use crate::units::Nanos;
use serde_json::Value;
use std::fmt::Write as _;

/// How words are made to stand out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paint {
    pub(crate) is_colored: bool,
}

impl Paint {
    pub(super) fn alarm(self, text: &str) -> String {
        match self.is_colored {
            true => format!("\x1b[1;31m{text}\x1b[0m"),
            false => text.to_owned(),
        }
    }
}

/// The answer to a request that was understood, with its end.
pub(super) fn show(request: &Request, answer: &Value, paint: Paint) -> String {
    let mut out = String::new();
    match request.command {
        Command::Status => show_status(&mut out, answer, paint),
        Command::Orders => {
            let columns = [
                ("order", "order_id"),
                ("account", "account"),
                ("strategy", "strategy"),
                ("id", "id"),
                ("symbol", "symbol"),
                ("side", "side"),
                ("qty", "qty"),
                ("price", "price"),
                ("filled", "filled"),
                ("leaves", "leaves"),
                ("state", "state"),
                ("broker", "broker"),
            ];
            show_rows(&mut out, answer, "orders", &columns);
        }
        Command::Positions => money::show_positions(&mut out, answer),
        Command::Exits => exits::show_exits(&mut out, answer, paint),
        Command::Levels => {
            let columns = [
                ("scope", "scope"),
                ("name", "name"),
                ("orders", "orders_open"),
                ("max", "orders_open_max"),
                ("open notional", "open_notional"),
                ("max", "open_notional_max"),
                ("gross", "gross"),
                ("max", "gross_max"),
                ("unattended", "unattended"),
                ("max", "unattended_max"),
                ("killed", "killed"),
                ("halted", "halted"),
            ];
            show_rows(&mut out, answer, "levels", &columns);
        }
        Command::Portfolio => money::show_portfolio(&mut out, answer, paint),
        Command::References => {
            let columns = [
                ("symbol", "symbol"),
                ("mid", "mid"),
                ("time", "time"),
                ("usable", "usable"),
            ];
            show_rows(&mut out, answer, "references", &columns);
        }
        Command::Configuration => out.push_str(answer["text"].as_str().unwrap_or_default()),
        Command::Events => show_events(&mut out, answer, paint),
        Command::Kill
        | Command::Raise
        | Command::Settle
        | Command::Locate
        | Command::Override
        | Command::Limit
        | Command::Adjust
        | Command::Exit => {
            out = show_act(answer, paint);
            out.push('\n');
            return out;
        }
    }
    show_standing(&mut out, answer, paint);
    out
}

/// What became of a kill, a raise or a settlement.
fn show_act(answer: &Value, paint: Paint) -> String {
    let act = text(answer, "act");
    if answer["confirmed"] != true {
        let waited = span(nanos(answer, "waited_nanos"));
        return paint.alarm(&format!(
            "not confirmed: the {act} was sent, and the journal has not shown it within {waited}; \
             see `portcullis status`"
        ));
    }
    let outcome = text(answer, "outcome");
    if !["Applied", "Implausible", "LateFill", "OverFill"].contains(&outcome.as_str()) {
        return paint.alarm(&format!("not done: {}", text(answer, "why")));
    }
    let what = match (text(answer, "scope").as_str(), text(answer, "name")) {
        ("firm", _) => "the firm".to_owned(),
        (scope, name) => format!("{scope} {name}"),
    };
    match act.as_str() {
        "kill" => {
            let rest = match answer["orders_open"].as_u64() {
                Some(1) => "1 live order is being cancelled".to_owned(),
                count => format!("{} live orders are being cancelled", count.unwrap_or(0)),
            };
            paint.alarm(&format!("killed {what}: {rest}"))
        }
        "raise"
            if answer["killed"] == false
                && answer["persons_missing"].as_u64().unwrap_or(0) == 0 =>
        {
            format!("raised {what}: it may trade again")
        }
        "raise" => show_raise(answer, &what),
        "locate" => format!(
            "located {} of {} for {}, for today",
            text(answer, "qty"),
            text(answer, "symbol"),
            text(answer, "account")
        ),
        "limit" => show_limit(answer, &what),
        "adjust" => money::show_adjust(answer),
        "exit" => exits::show_exit(answer),
        "override" => {
            let order = format!(
                "order {} of {}",
                text(answer, "id"),
                text(answer, "account")
            );
            match answer["persons_missing"].as_u64() {
                Some(0) => format!("{order} may pass what is soft, once"),
                Some(1) => format!("{order}: another person must ask for it too"),
                Some(count) => format!("{order}: {count} others must ask for it too"),
                None => format!("{order}: nobody asks for it any more"),
            }
        }
        _ => {
            let why = answer["why"]
                .as_str()
                .map_or(String::new(), |why| format!(" ({why})"));
            format!("settled order {}{why}", text(answer, "order_id"))
        }
    }
}

fn show_raise(answer: &Value, what: &str) -> String {
    let asked = words(&answer["asked"]);
    let missing = answer["persons_missing"].as_u64().unwrap_or(0);
    let others = match missing {
        1 => "another".to_owned(),
        count => format!("{count} others"),
    };
    format!(
        "{} of {} persons have asked to raise {what} ({}); waiting {} for {others}",
        asked.len(),
        text(answer, "persons"),
        asked.join(", "),
        span(nanos(answer, "waits_nanos")),
    )
}

fn show_status(out: &mut String, answer: &Value, paint: Paint) {
    let _ = writeln!(
        out,
        "record {} at {}, digest {}",
        text(answer, "sequence"),
        text(answer, "time"),
        text(answer, "digest"),
    );
    let _ = writeln!(
        out,
        "{} live orders, {} at the most, {} in doubt",
        text(answer, "orders_open"),
        text(answer, "orders_open_peak"),
        text(answer, "orders_in_doubt"),
    );
    for killed in rows(answer, "killed") {
        let what = match text(killed, "scope").as_str() {
            "firm" => "the firm".to_owned(),
            scope => format!("{scope} {}", text(killed, "name")),
        };
        let asked = words(&killed["asked"]);
        let raise = match asked.is_empty() {
            true => String::new(),
            false => format!(
                "; {} asked to raise it, {} more must within {}",
                asked.join(", "),
                text(killed, "persons_missing"),
                span(nanos(killed, "waits_nanos")),
            ),
        };
        let _ = writeln!(out, "{} {what}{raise}", paint.alarm("killed:"));
    }
    super::reconciliation::show(out, answer, paint);
    money::show_halts(out, rows(answer, "halted"), paint);
    out.push('\n');
    let mut links = Table::new(&["broker", "link", "reports"]);
    for link in rows(answer, "links") {
        let reports = text(link, "report_sequence");
        links.row(vec![text(link, "broker"), text(link, "state"), reports]);
    }
    links.write(out);
    show_subscribers(out, answer, paint);
    out.push('\n');
    let mut tables = Table::new(&["table", "used", "capacity"]);
    for table in rows(answer, "tables") {
        tables.row(vec![
            text(table, "table"),
            text(table, "used"),
            text(table, "capacity"),
        ]);
    }
    tables.write(out);
    out.push('\n');
    let mut counts = Table::new(&["count", "times"]);
    for (name, count) in answer["counts"].as_object().into_iter().flatten() {
        counts.row(vec![name.clone(), count.to_string()]);
    }
    counts.write(out);
}

/// What has happened, a line each, the last at the end.
pub(crate) fn show_events(out: &mut String, answer: &Value, paint: Paint) {
    let found = rows(answer, "events");
    for event in found {
        let severity = format!("{:<8}", text(event, "severity"));
        let severity = match event["severity"].as_str() {
            Some("critical") => paint.alarm(&severity),
            _ => severity,
        };
        let _ = writeln!(
            out,
            "{}  {severity}  {:<18}  {}  [record {}, correlation {}]",
            text(event, "time"),
            text(event, "kind"),
            text(event, "text"),
            text(event, "sequence"),
            text(event, "correlation"),
        );
    }
    if found.is_empty() {
        let _ = writeln!(out, "no events");
    }
    let total = answer["total"].as_u64().unwrap_or(0);
    if (found.len() as u64) < total {
        let _ = writeln!(out, "the last {} of {total}; see --count", found.len());
    }
    if answer["forgotten"].as_u64().unwrap_or(0) != 0 {
        let _ = writeln!(
            out,
            "{} older ones are forgotten; `portcullis events --journal` has them",
            text(answer, "forgotten")
        );
    }
}

fn show_subscribers(out: &mut String, answer: &Value, paint: Paint) {
    let found = rows(answer, "subscribers");
    if found.is_empty() {
        return;
    }
    out.push('\n');
    let mut table = Table::new(&[
        "subscriber",
        "kind",
        "delivered",
        "waiting",
        "dropped",
        "failures",
        "state",
    ]);
    for row in found {
        let state = text(row, "state");
        let state = match state.as_str() {
            "well" => state,
            _ => paint.alarm(&state),
        };
        let keys = [
            "name",
            "kind",
            "delivered",
            "waiting",
            "dropped",
            "failures",
        ];
        let cells = keys.iter().map(|key| text(row, key));
        table.row(cells.chain([state]).collect());
    }
    table.write(out);
}

pub(super) fn show_rows(out: &mut String, answer: &Value, name: &str, columns: &[(&str, &str)]) {
    let found = rows(answer, name);
    if found.is_empty() {
        let _ = writeln!(out, "no {name}");
        return;
    }
    let heads: Vec<_> = columns.iter().map(|(head, _)| *head).collect();
    let mut table = Table::new(&heads);
    for row in found {
        table.row(columns.iter().map(|(_, key)| text(row, key)).collect());
    }
    table.write(out);
    let total = answer["total"].as_u64().unwrap_or(0);
    if (found.len() as u64) < total {
        let _ = writeln!(out, "{} of {total}; see --count", found.len());
    }
}

/// Whether what was shown can be relied on.
fn show_standing(out: &mut String, answer: &Value, paint: Paint) {
    let lag = answer["lag_records"].as_u64().unwrap_or(0);
    if lag != 0 {
        let age = span(nanos(answer, "lag_nanos"));
        let _ = writeln!(out, "{lag} records behind the gate, {age} old");
    }
    let alarm = &answer["alarm"];
    if !alarm.is_null() {
        let said = format!(
            "ALARM: record {} at {} was recorded as {}, and is {} when decided again",
            text(alarm, "sequence"),
            text(alarm, "time"),
            text(alarm, "recorded"),
            text(alarm, "derived"),
        );
        let _ = writeln!(out, "{}", paint.alarm(&said));
    }
    for trouble in ["failure", "journal"] {
        if let Some(trouble) = answer[trouble].as_str() {
            let _ = writeln!(out, "{}", paint.alarm(&format!("ALARM: {trouble}")));
        }
    }
}

pub(super) fn rows<'a>(answer: &'a Value, name: &str) -> &'a [Value] {
    answer[name].as_array().map_or(&[], Vec::as_slice)
}

pub(super) fn words(value: &Value) -> Vec<&str> {
    value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

/// A field as it is shown. What a terminal would take for a command is left out.
pub(super) fn text(row: &Value, key: &str) -> String {
    match &row[key] {
        Value::Null => OFF.to_owned(),
        Value::Bool(is_so) => if *is_so { "yes" } else { "no" }.to_owned(),
        Value::String(text) => text.chars().filter(|it| !it.is_control()).collect(),
        other => other.to_string(),
    }
}

pub(super) fn nanos(row: &Value, key: &str) -> Nanos {
    Nanos::from_raw(row[key].as_u64().unwrap_or(0))
}

/// A span as people write it.
pub(super) fn span(span: Nanos) -> String {
    const UNITS: [(u64, &str); 6] = [
        (3_600_000_000_000, "h"),
        (60_000_000_000, "m"),
        (1_000_000_000, "s"),
        (1_000_000, "ms"),
        (1_000, "us"),
        (1, "ns"),
    ];
    let raw = span.raw();
    let first = UNITS.iter().position(|(size, _)| *size <= raw).unwrap_or(2);
    let (size, unit) = UNITS[first];
    let (whole, rest) = (raw / size, raw % size);
    // Minutes and seconds read well together; milliseconds and microseconds do not.
    match UNITS.get(first + 1) {
        Some((smaller, name)) if first < 2 && *smaller <= rest => {
            format!("{whole}{unit}{}{name}", rest / smaller)
        }
        _ => format!("{whole}{unit}"),
    }
}

/// A limit was changed, or is to be by others too.
fn show_limit(answer: &Value, what: &str) -> String {
    let (limit, value) = (text(answer, "limit"), text(answer, "value"));
    match answer["persons_missing"].as_u64() {
        Some(0) => format!(
            "{limit} of {what} is {value} now, was {}: version {}",
            text(answer, "was"),
            answer["version"]
        ),
        Some(1) => format!(
            "{limit} of {what} stays as it is: another person must say that it is to be {value}"
        ),
        _ => format!("{limit} of {what} stays as it is: others must say that it is to be {value}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const PLAIN: Paint = Paint { is_colored: false };

    fn act(command: Command, answer: Value) -> String {
        let request = Request {
            command,
            ..Request::default()
        };
        show(&request, &answer, PLAIN)
    }

    #[test]
    fn a_kill_says_how_many_orders_go() {
        let answer = json!({
            "act": "kill", "confirmed": true, "outcome": "Applied", "scope": "account",
            "name": "A", "orders_open": 12, "killed": true,
        });
        let said = act(Command::Kill, answer);
        assert_eq!(
            said,
            "killed account A: 12 live orders are being cancelled\n"
        );
    }

    #[test]
    fn a_raise_says_who_is_missing() {
        let answer = json!({
            "act": "raise", "confirmed": true, "outcome": "Applied", "scope": "firm", "name": "",
            "killed": true, "asked": ["alice"], "persons": 2, "persons_missing": 1,
            "waits_nanos": 300_000_000_000u64,
        });
        let said = act(Command::Raise, answer);
        let wanted =
            "1 of 2 persons have asked to raise the firm (alice); waiting 5m for another\n";
        assert_eq!(said, wanted);
    }

    #[test]
    fn what_is_not_known_is_not_said_to_be_done() {
        let answer = json!({ "act": "kill", "confirmed": false, "waited_nanos": 2_000_000_000u64 });
        assert!(act(Command::Kill, answer).starts_with("not confirmed: "));
        let answer = json!({
            "act": "raise", "confirmed": true, "outcome": "NotPermitted", "why": "it is not killed",
        });
        assert_eq!(act(Command::Raise, answer), "not done: it is not killed\n");
    }

    #[test]
    fn spans_are_written_as_people_do() {
        for (raw, wanted) in [
            (0, "0s"),
            (300_000_000_000, "5m"),
            (252_000_000_000, "4m12s"),
            (7_260_000_000_000, "2h1m"),
            (2_000_000_000, "2s"),
            (1_500_000, "1ms"),
        ] {
            assert_eq!(span(Nanos::from_raw(raw)), wanted);
        }
    }
}
