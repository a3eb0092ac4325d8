//! Execution: one line of a drop copy, from CSV or JSON.
//!
//! Pure.
//!
//! The first line of CSV names the columns, in any order; a line that begins with `{` is JSON with the
//! same names:
//!
//! ```text
//! exec_id,time,account,symbol,side,qty,price,fee,order_id,client_order_id,type,refers_to
//! e-1,2026-03-02T15:30:00.25Z,alpha,AAPL,buy,100,181.25,0.5,16777217,a-1,trade,
//! e-2,2026-03-02T15:31:00Z,alpha,AAPL,buy,100,181.20,0.5,16777217,a-1,correct,e-1
//! ```
//!
//! `fee`, `order_id` (the gate's number), `client_order_id`, `type` and `refers_to` may be left out. A
//! `correct` puts its terms in place of those of the execution it refers to, a `bust` takes that back.

use super::source::{Cells, SourceError, time};
use super::statement::split;
use crate::message::Text;
use crate::units::{Money, Nanos, OrderId, Price, Qty};
use csv::StringRecord;
use serde_json::{Map, Value};

/// What a line of a drop copy says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Execution {
    /// The broker's id of it.
    pub id: Text,
    /// What it is to another.
    pub act: Act,
    /// When it happened.
    pub time: Nanos,
    /// Whose, by the name that the configuration gives.
    pub account: String,
    /// In what, likewise.
    pub symbol: String,
    /// Bought, not sold.
    pub is_buy: bool,
    /// How much.
    pub qty: Qty,
    /// At which price.
    pub price: Price,
    /// What it cost beside, where that is said.
    pub fee: Option<Money>,
    /// The order that it is of, by the gate's number or by its strategy's id.
    pub order: Option<Named>,
}

/// What a line does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Act {
    /// Tells of a trade.
    Trade,
    /// Puts its terms in place of another's.
    Correct(Text),
    /// Takes another back.
    Bust(Text),
}

/// How an order is named.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Named {
    /// By the gate's number.
    Number(OrderId),
    /// By its strategy's id.
    Id(Text),
}

/// Reads line after line; the first of CSV gives it the names.
#[derive(Clone, Debug, Default)]
pub struct Lines {
    names: Vec<String>,
    line: u64,
}

impl Lines {
    /// How many lines there were.
    pub const fn count(&self) -> u64 {
        self.line
    }

    /// The same of bytes, with or without the line's end.
    pub fn read_bytes(
        &mut self,
        bytes: &[u8],
        file: &str,
    ) -> Result<Option<Execution>, SourceError> {
        match std::str::from_utf8(bytes) {
            Ok(line) => self.read(line, file),
            Err(_) => {
                let problem = "not UTF-8; save it as UTF-8";
                Err(SourceError::of_line(file, self.line + 1, problem))
            }
        }
    }

    /// One line; `None` where it tells of no execution.
    pub fn read(&mut self, line: &str, file: &str) -> Result<Option<Execution>, SourceError> {
        self.line += 1;
        let number = self.line;
        let line = line.strip_prefix('\u{feff}').unwrap_or(line).trim();
        if line.is_empty() || line.starts_with('#') {
            return Ok(None);
        }
        if line.starts_with('{') {
            let (names, record) = object(line, file, number)?;
            return read(&Cells {
                file,
                line: number,
                names: &names,
                record: &record,
            })
            .map(Some);
        }
        let record = split(line, file, number)?;
        let names: Vec<_> = record.iter().map(|cell| cell.trim().to_owned()).collect();
        if names.iter().any(|name| name == "exec_id") {
            for wanted in WANTED {
                if !names.iter().any(|name| name == wanted) {
                    let problem =
                        format!("no column {wanted}; a drop copy has {}", WANTED.join(","));
                    return Err(SourceError::of_line(file, number, problem));
                }
            }
            self.names = names;
            return Ok(None);
        }
        if self.names.is_empty() {
            let problem = format!(
                "a value where the names belong; begin with the line `{}`",
                WANTED.join(",")
            );
            return Err(SourceError::of_line(file, number, problem));
        }
        if record.len() != self.names.len() {
            let problem = format!(
                "{} cells where the names are {}; write one for each",
                record.len(),
                self.names.len()
            );
            return Err(SourceError::of_line(file, number, problem));
        }
        read(&Cells {
            file,
            line: number,
            names: &self.names,
            record: &record,
        })
        .map(Some)
    }
}

fn read(cells: &Cells<'_>) -> Result<Execution, SourceError> {
    let at = |name: &str, problem| cells.wrong(name, problem);
    let refers = || cells.text("refers_to");
    let act = match cells.find("type").unwrap_or("trade") {
        "trade" => Act::Trade,
        "correct" => Act::Correct(refers()?),
        "bust" => Act::Bust(refers()?),
        other => {
            let problem = format!("{other:?} is unknown; write trade, correct or bust");
            return Err(at("type", problem));
        }
    };
    let is_buy = match cells.get("side")? {
        "buy" | "BUY" | "Buy" | "B" | "1" => true,
        "sell" | "SELL" | "Sell" | "S" | "2" | "5" => false,
        other => {
            let problem = format!("{other:?} is no side; write buy or sell");
            return Err(at("side", problem));
        }
    };
    let qty = u64::try_from(cells.decimal("qty", Qty::DIGITS)?).map(Qty::from_raw);
    let is_bust = matches!(act, Act::Bust(_));
    let qty = qty
        .ok()
        .filter(|qty| (*qty != Qty::ZERO || is_bust) && *qty <= Qty::MAX);
    let narrow = |name: &str, digits| {
        let raw = cells.decimal(name, digits)?;
        i64::try_from(raw).map_err(|_| at(name, "wider than can be held".to_owned()))
    };
    let number = match cells.find("order_id") {
        None => None,
        Some(cell) => match cell.parse() {
            Ok(number) => Some(Named::Number(OrderId(number))),
            Err(_) => {
                let problem = format!(
                    "{cell:?} is not the gate's number of an order; a strategy's \
                                       id goes into client_order_id"
                );
                return Err(at("order_id", problem));
            }
        },
    };
    let id = match cells.find("client_order_id") {
        None => None,
        Some(_) => Some(Named::Id(cells.text("client_order_id")?)),
    };
    Ok(Execution {
        id: cells.text("exec_id")?,
        act,
        time: time(cells.get("time")?).map_err(|problem| at("time", problem))?,
        account: cells.get("account")?.to_owned(),
        symbol: cells.get("symbol")?.to_owned(),
        is_buy,
        qty: qty.ok_or_else(|| at("qty", "not a quantity; write one above zero".to_owned()))?,
        price: Price::from_raw(narrow("price", Price::DIGITS)?),
        fee: match cells.find("fee") {
            None => None,
            Some(_) => Some(Money::from_raw(narrow("fee", Money::DIGITS)?)),
        },
        order: number.or(id),
    })
}

/// The names and the values of an object, as cells.
fn object(line: &str, file: &str, number: u64) -> Result<(Vec<String>, StringRecord), SourceError> {
    let object: Map<String, Value> = serde_json::from_str(line).map_err(|error| {
        let problem = format!("not an object of JSON: {error}; write one on each line");
        SourceError::of_line(file, number, problem)
    })?;
    let (mut names, mut record) = (Vec::new(), StringRecord::new());
    for (name, value) in object {
        let cell = match value {
            Value::Null => String::new(),
            Value::String(text) => text,
            // As it is written: no decimal passes through a float.
            Value::Number(number) => number.to_string(),
            _ => {
                let problem = "neither text nor number; write one of them".to_owned();
                return Err(SourceError::of_line(file, number, problem).in_column(&name));
            }
        };
        record.push_field(&cell);
        names.push(name);
    }
    Ok((names, record))
}

const WANTED: [&str; 7] = [
    "exec_id", "time", "account", "symbol", "side", "qty", "price",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_and_json_say_the_same() {
        let mut lines = Lines::default();
        let names = "time,exec_id,account,symbol,side,qty,price,fee,order_id,type,refers_to";
        assert_eq!(lines.read(names, "d").unwrap(), None);
        let csv = "2026-03-02T21:00:00Z,e-1,alpha,AAPL,sell,100.5,181.25,-0.5,7,bust,e-0";
        let csv = lines.read(csv, "d").unwrap().unwrap();
        let json = "{\"exec_id\":\"e-1\",\"time\":1772485200000000000,\"account\":\"alpha\",\
                    \"symbol\":\"AAPL\",\"side\":\"sell\",\"qty\":100.50,\"price\":\"181.25\",\
                    \"fee\":-0.5,\"order_id\":7,\"type\":\"bust\",\"refers_to\":\"e-0\",\"note\":null}";
        let json = Lines::default().read(json, "d").unwrap().unwrap();
        assert_eq!(csv, json);
        assert_eq!(csv.qty, Qty::parse("100.5").unwrap());
        assert_eq!(csv.act, Act::Bust(Text::new("e-0").unwrap()));
        assert_eq!(csv.order, Some(Named::Number(OrderId(7))));
        assert_eq!(csv.fee, Some(Money::from_raw(-500_000_000)));
        assert!(!csv.is_buy);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let names = "exec_id,time,account,symbol,side,qty,price,order_id,type,refers_to";
        let cases = [
            ("e,1,a,b,buy,1,1,,,", ""),
            ("e,1,a,b,buy,1,1,,", "d, line 2: 9 cells"),
            (",1,a,b,buy,1,1,,,", "d, line 2, exec_id: empty"),
            ("e,noon,a,b,buy,1,1,,,", "d, line 2, time: "),
            (
                "e,1,a,b,long,1,1,,,",
                "d, line 2, side: \"long\" is no side",
            ),
            ("e,1,a,b,buy,0,1,,,", "d, line 2, qty: not a quantity"),
            ("e,1,a,b,buy,-1,1,,,", "d, line 2, qty: not a quantity"),
            ("e,1,a,b,buy,1,inf,,,", "d, line 2, price: "),
            (
                "e,1,a,b,buy,1,1,a-1,,",
                "d, line 2, order_id: \"a-1\" is not",
            ),
            ("e,1,a,b,buy,1,1,,amend,e", "d, line 2, type: \"amend\""),
            ("e,1,a,b,buy,1,1,,bust,", "d, line 2, refers_to: empty"),
            ("{\"exec_id\":[]}", "d, line 2, exec_id: neither"),
            ("{\"exec_id\"", "d, line 2: not an object"),
        ];
        for (line, told) in cases {
            let mut lines = Lines::default();
            lines.read(names, "d").unwrap();
            match lines.read(line, "d") {
                Ok(_) => assert_eq!(told, "", "{line}"),
                Err(error) => {
                    let error = error.to_string();
                    assert!(
                        !told.is_empty() && error.starts_with(told),
                        "{line}: {error}"
                    );
                }
            }
        }
        let error = Lines::default().read("e,1,a", "d").unwrap_err();
        assert!(error.to_string().starts_with("d, line 1: a value where"));
        let error = Lines::default().read("exec_id,time", "d").unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("d, line 1: no column account")
        );
    }
}
