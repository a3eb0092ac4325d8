//! Money: positions, portfolios and corrections as a person reads them.
//!
//! Pure.
//!
//! Amounts are cut to two digits behind the point, or to eight where two would show nothing; `--json` has
//! them all. A dash stands where nobody knows.

use super::show::{Paint, nanos, rows, span, text, words};
use super::table::{OFF, Table, UNKNOWN};
use serde_json::Value;
use std::fmt::Write as _;

/// Positions, what they have cost and what they are worth.
pub(super) fn show_positions(out: &mut String, answer: &Value) {
    let found = rows(answer, "positions");
    let has = |key: &str| found.first().is_some_and(|row| row.get(key).is_some());
    let owner = ["account", "strategy", "desk"]
        .into_iter()
        .find(|key| has(key));
    let mut heads: Vec<_> = owner.into_iter().collect();
    heads.extend([
        "symbol",
        "position",
        "open buy",
        "open sell",
        "high",
        "low",
        "average",
        "in",
        "cost",
        "realized",
        "unrealized",
        "fees",
        "value",
        "profit",
        "valued",
    ]);
    let mut table = Table::new(&heads);
    for row in found {
        let mut cells: Vec<_> = owner.iter().map(|key| text(row, key)).collect();
        let plain = [
            "symbol",
            "position",
            "open_buy",
            "open_sell",
            "position_high",
            "position_low",
        ];
        cells.extend(plain.map(|key| text(row, key)));
        cells.push(known(row, "average_price"));
        cells.push(known(row, "currency"));
        let money = [
            "cost",
            "realized",
            "unrealized",
            "fees",
            "market_value",
            "profit",
        ];
        cells.extend(money.map(|key| amount(row, key)));
        cells.push(text(row, "valued"));
        table.row(cells);
    }
    finish(out, answer, "positions", &table);
}

/// What each level earns, and may still lose.
pub(super) fn show_portfolio(out: &mut String, answer: &Value, paint: Paint) {
    let found = rows(answer, "portfolio");
    let mut table = Table::new(&[
        "scope", "name", "equity", "profit", "day", "day %", "peak", "drawdown", "%", "deepest",
        "%", "gross", "net", "value", "unvalued", "used %", "risk", "halted",
    ]);
    for row in found {
        let mut cells = vec![text(row, "scope"), text(row, "name")];
        cells.extend(["equity", "profit", "day_profit"].map(|key| amount(row, key)));
        cells.push(percent(row, "day_profit_share"));
        cells.push(amount(row, "equity_peak"));
        for (of, share) in [
            ("drawdown", "drawdown_share"),
            ("drawdown_max", "drawdown_max_share"),
        ] {
            cells.extend([amount(row, of), percent(row, share)]);
        }
        cells.extend(["gross", "net", "market_value"].map(|key| amount(row, key)));
        cells.push(text(row, "books_unvalued"));
        cells.push(match row["used"].is_null() {
            true => OFF.to_owned(),
            false => percent(row, "used"),
        });
        cells.push(text(row, "risk"));
        cells.push(if row["halted"].is_null() { "no" } else { "yes" }.to_owned());
        table.row(cells);
    }
    finish(out, answer, "portfolio", &table);
    show_tails(out, found);
    for row in found {
        let halt = &row["halted"];
        if !halt.is_null() {
            say_halt(out, row, halt, paint);
        }
    }
}

/// What levels could lose, where that is limited.
fn show_tails(out: &mut String, found: &[Value]) {
    let mut table = Table::new(&["scope", "name", "could lose", "max", "used %", "control"]);
    let mut is_any = false;
    for row in found {
        for tail in rows(row, "tails") {
            let mut cells = vec![text(row, "scope"), text(row, "name")];
            cells.extend(["value", "max"].map(|key| amount(tail, key)));
            cells.extend([percent(tail, "used"), text(tail, "control")]);
            table.row(cells);
            is_any = true;
        }
    }
    if is_any {
        out.push('\n');
        table.write(out);
    }
}

/// The levels that have lost too much.
pub(super) fn show_halts(out: &mut String, halts: &[Value], paint: Paint) {
    for halt in halts {
        say_halt(out, halt, halt, paint);
    }
}

/// Why, until when, and who must raise it.
fn say_halt(out: &mut String, level: &Value, halt: &Value, paint: Paint) {
    let what = match text(level, "scope").as_str() {
        "firm" => "the firm".to_owned(),
        scope => format!("{scope} {}", text(level, "name")),
    };
    let until = match halt["until"].as_str() {
        Some(time) => format!("until {time}, or before if"),
        None => "until".to_owned(),
    };
    let persons = match halt["persons"].as_u64() {
        Some(1) => "1 person raises it".to_owned(),
        count => format!("{} persons raise it", count.unwrap_or(0)),
    };
    let asked = words(&halt["asked"]);
    let asked = match asked.is_empty() {
        true => String::new(),
        false => format!(
            "; {} asked, {} more must within {}",
            asked.join(", "),
            text(halt, "persons_missing"),
            span(nanos(halt, "waits_nanos"))
        ),
    };
    let _ = writeln!(
        out,
        "{} {what} has lost {} of at most {} ({}) at {}: what does not only reduce is refused {until} \
         {persons}{asked}",
        paint.alarm("halted:"),
        amount(halt, "lost"),
        amount(halt, "max"),
        text(halt, "limit"),
        text(halt, "since"),
    );
}

/// A book that was corrected.
pub(super) fn show_adjust(answer: &Value) -> String {
    let symbol = text(answer, "symbol");
    let [qty, price, cash] = ["qty", "price", "cash"].map(|key| text(answer, key));
    let paid = match cash.as_str() {
        "0" => String::new(),
        _ => format!(", {cash} in cash"),
    };
    let did = match text(answer, "kind").as_str() {
        "split" => {
            return format!(
                "split {symbol}: {qty} for each {price}; what is held keeps its worth until the next price"
            );
        }
        "cash" => format!("{cash} in cash"),
        kind => format!("{kind} of {qty} at {price}{paid}"),
    };
    let account = text(answer, "account");
    let beside = match answer["strategy"].as_str() {
        Some(_) => format!(" and {}", text(answer, "strategy")),
        None => String::new(),
    };
    let average = match answer["average_price"].is_null() {
        true => String::new(),
        false => format!(" at {} on average", text(answer, "average_price")),
    };
    format!(
        "adjusted {symbol} of {account}{beside}: {did}; {account} holds {}{average}, {} realized, {} in fees",
        text(answer, "position"),
        amount(answer, "realized"),
        amount(answer, "fees"),
    )
}

pub(super) fn finish(out: &mut String, answer: &Value, name: &str, table: &Table) {
    let found = rows(answer, name).len() as u64;
    if found == 0 {
        let _ = writeln!(out, "no {name}");
        return;
    }
    table.write(out);
    let total = answer["total"].as_u64().unwrap_or(0);
    if found < total {
        let _ = writeln!(out, "{found} of {total}; see --count");
    }
}

fn known(row: &Value, key: &str) -> String {
    match &row[key] {
        Value::Null => UNKNOWN.to_owned(),
        _ => text(row, key),
    }
}

/// A decimal, cut where nobody reads on.
fn amount(row: &Value, key: &str) -> String {
    cut(&known(row, key))
}

/// The same of one that stands in no row.
pub(crate) fn cut(text: &str) -> String {
    let Some((whole, rest)) = text.split_once('.') else {
        return text.to_owned();
    };
    let is_small = whole.trim_start_matches('-') == "0";
    let shown = |digits: usize| rest.get(..digits).unwrap_or(rest);
    let hides_all = shown(2).bytes().all(|digit| digit == b'0');
    match shown(if is_small && hides_all { 8 } else { 2 }) {
        "" => whole.to_owned(),
        rest => format!("{whole}.{rest}"),
    }
}

/// A share in per cent: with as many digits as it has behind the first two.
fn percent(row: &Value, key: &str) -> String {
    percent_of(row[key].as_str())
}

/// The same of one that stands in no row.
pub(crate) fn percent_of(share: Option<&str>) -> String {
    let Some(share) = share else {
        return UNKNOWN.to_owned();
    };
    let (sign, share) = match share.strip_prefix('-') {
        Some(share) => ("-", share),
        None => ("", share),
    };
    let (whole, rest) = share.split_once('.').unwrap_or((share, ""));
    let digits = format!("{whole}{rest:0<4}");
    let (whole, rest) = digits.split_at(whole.len() + 2);
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    format!("{sign}{whole}.{}", &rest[..2])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const PLAIN: Paint = Paint { is_colored: false };

    #[test]
    fn amounts_are_cut_where_nobody_reads_on() {
        for (text, shown) in [
            ("0", "0"),
            ("12.5", "12.5"),
            ("-12.345678", "-12.34"),
            ("0.00000000123", "0.00000000"),
            ("-0.00123456789", "-0.00123456"),
            ("0.1", "0.1"),
            ("5.001", "5.00"),
        ] {
            assert_eq!(cut(text), shown);
        }
    }

    #[test]
    fn shares_are_shown_in_per_cent() {
        for (share, shown) in [
            (json!("0"), "0.00"),
            (json!("0.105263"), "10.52"),
            (json!("-0.00005"), "-0.00"),
            (json!("1"), "100.00"),
            (json!("12.5"), "1250.00"),
            (json!(null), "-"),
        ] {
            assert_eq!(percent(&json!({ "of": share }), "of"), shown);
        }
    }

    #[test]
    fn a_halt_says_why_until_when_and_who_must_raise_it() {
        let mut halt = json!({
            "scope": "account", "name": "A", "limit": "day_loss_max", "max": "100", "lost": "120.505",
            "since": "2026-01-02T10:00:00Z", "until": null, "persons": 2, "asked": [],
            "persons_missing": 2, "waits_nanos": 0,
        });
        let say = |halt: &Value| {
            let mut out = String::new();
            show_halts(&mut out, std::slice::from_ref(halt), PLAIN);
            out
        };
        assert_eq!(
            say(&halt),
            "halted: account A has lost 120.50 of at most 100 (day_loss_max) at 2026-01-02T10:00:00Z: \
             what does not only reduce is refused until 2 persons raise it\n"
        );
        halt["until"] = json!("2026-01-03T00:00:00Z");
        halt["asked"] = json!(["alice"]);
        halt["persons_missing"] = json!(1);
        halt["waits_nanos"] = json!(300_000_000_000u64);
        let said = say(&halt);
        let wanted = "until 2026-01-03T00:00:00Z, or before if 2 persons raise it; alice asked, 1 more \
                      must within 5m\n";
        assert!(said.ends_with(wanted), "{said}");
    }

    #[test]
    fn a_split_says_what_its_positions_are_worth() {
        let answer =
            json!({ "kind": "split", "symbol": "X", "qty": "4", "price": "1", "cash": "0" });
        assert_eq!(
            show_adjust(&answer),
            "split X: 4 for each 1; what is held keeps its worth until the next price"
        );
    }

    #[test]
    fn a_dash_stands_where_nobody_knows() {
        let answer = json!({ "positions": [{
            "account": "A", "symbol": "X", "position": "3", "open_buy": "0", "open_sell": "0",
            "position_high": "3", "position_low": "0", "average_price": "3.5", "currency": "USD",
            "cost": "10.5", "realized": "0", "unrealized": null, "fees": "0", "market_value": null,
            "profit": null, "valued": false,
        }], "total": 1 });
        let mut out = String::new();
        show_positions(&mut out, &answer);
        let line: Vec<_> = out.lines().nth(1).unwrap().split_whitespace().collect();
        let wanted = "A X 3 0 0 3 0 3.5 USD 10.5 0 - 0 - - no";
        assert_eq!(line.join(" "), wanted, "{out}");
    }
}
