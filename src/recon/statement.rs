//! Statement: the broker's word on positions and cash, as of one instant.
//!
//! Pure.
//!
//! A text of one or two tables, each behind the line that names its columns, in any order:
//!
//! ```text
//! # as_of = 2026-03-02T21:00:00Z
//! account,symbol,position,average_price
//! alpha,AAPL,-300,181.25
//! account,currency,cash
//! alpha,USD,1054375.10
//! ```
//!
//! A file that does not say `as_of` is of the time at which it was last written. An account that has
//! a line in either holds nothing that is not listed, if there is a table of positions; an account that
//! has none is not compared.

use super::source::{Cells, SourceError, time};
use crate::units::{Nanos, Notional, Price, Qty};
use csv::{ReaderBuilder, StringRecord};
use std::collections::BTreeMap;

/// What the broker says is held.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Statement {
    /// Executions up to here are in it.
    pub as_of: Nanos,
    /// It speaks of positions: an account that it names holds nothing of what is not listed.
    pub has_positions: bool,
    /// By account and symbol.
    pub positions: BTreeMap<(String, String), Held>,
    /// By account and currency, in 1e-17.
    pub cash: BTreeMap<(String, String), i128>,
}

/// One position.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Held {
    /// Bought less sold, in 1e-8.
    pub position: i128,
    /// At what, on average.
    pub average_price: Option<Price>,
}

enum Section {
    Positions,
    Cash,
}

impl Statement {
    /// Reads a text. `file` stands in errors; `modified` is when it was written.
    pub fn parse(text: &str, file: &str, modified: Nanos) -> Result<Self, SourceError> {
        let mut statement = Self {
            as_of: modified,
            ..Self::default()
        };
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut section: Option<(Section, Vec<String>)> = None;
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if let Some(comment) = line.strip_prefix('#') {
                statement.read_as_of(comment, file, number)?;
                continue;
            }
            if line.is_empty() {
                continue;
            }
            let record = split(line, file, number)?;
            if record.get(0).is_some_and(|cell| cell.trim() == "account") {
                let read = read_names(&record, file, number)?;
                statement.has_positions |= matches!(read.0, Section::Positions);
                section = Some(read);
                continue;
            }
            let Some((kind, names)) = &section else {
                let problem = "a value where the names belong; begin with the line \
                               `account,symbol,position` or `account,currency,cash`";
                return Err(SourceError::of_line(file, number, problem));
            };
            if record.len() != names.len() {
                let problem = format!(
                    "{} cells where the names are {}; write one for each",
                    record.len(),
                    names.len()
                );
                return Err(SourceError::of_line(file, number, problem));
            }
            let cells = Cells {
                file,
                line: number,
                names,
                record: &record,
            };
            match kind {
                Section::Positions => statement.read_position(&cells)?,
                Section::Cash => statement.read_cash(&cells)?,
            }
        }
        match section {
            Some(_) => Ok(statement),
            None => Err(SourceError::of_file(
                file,
                "nothing is in it; write `account,symbol,position` and a line for each position",
            )),
        }
    }

    fn read_as_of(&mut self, comment: &str, file: &str, line: u64) -> Result<(), SourceError> {
        let Some((name, value)) = comment.split_once('=') else {
            return Ok(());
        };
        if name.trim() == "as_of" {
            self.as_of = time(value.trim())
                .map_err(|problem| SourceError::of_line(file, line, problem).in_column("as_of"))?;
        }
        Ok(())
    }

    fn read_position(&mut self, cells: &Cells<'_>) -> Result<(), SourceError> {
        let key = (
            cells.get("account")?.to_owned(),
            cells.get("symbol")?.to_owned(),
        );
        let average_price = match cells.find("average_price") {
            None => None,
            Some(_) => {
                let raw = cells.decimal("average_price", Price::DIGITS)?;
                let raw = i64::try_from(raw)
                    .map_err(|_| cells.wrong("average_price", "wider than any price".to_owned()))?;
                Some(Price::from_raw(raw))
            }
        };
        let held = Held {
            position: cells.decimal("position", Qty::DIGITS)?,
            average_price,
        };
        match self.positions.insert(key, held) {
            None => Ok(()),
            Some(_) => Err(cells.wrong("symbol", TWICE.to_owned())),
        }
    }

    fn read_cash(&mut self, cells: &Cells<'_>) -> Result<(), SourceError> {
        let key = (
            cells.get("account")?.to_owned(),
            cells.get("currency")?.to_owned(),
        );
        let cash = cells.decimal("cash", Notional::DIGITS)?;
        match self.cash.insert(key, cash) {
            None => Ok(()),
            Some(_) => Err(cells.wrong("currency", TWICE.to_owned())),
        }
    }
}

const TWICE: &str = "stands twice for this account; keep one line";

fn read_names(
    record: &StringRecord,
    file: &str,
    line: u64,
) -> Result<(Section, Vec<String>), SourceError> {
    let names: Vec<_> = record.iter().map(|cell| cell.trim().to_owned()).collect();
    let has = |name: &str| names.iter().any(|of| of == name);
    if has("symbol") && has("position") {
        Ok((Section::Positions, names))
    } else if has("currency") && has("cash") {
        Ok((Section::Cash, names))
    } else {
        let problem = "names of no table that is known; write `account,symbol,position` with \
                       `average_price` behind if wanted, or `account,currency,cash`";
        Err(SourceError::of_line(file, line, problem))
    }
}

/// The cells of one line.
pub(super) fn split(line: &str, file: &str, number: u64) -> Result<StringRecord, SourceError> {
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .buffer_capacity(line.len().max(1))
        .from_reader(line.as_bytes());
    let mut record = StringRecord::new();
    match reader.read_record(&mut record) {
        Ok(_) => Ok(record),
        Err(error) => Err(SourceError::of_line(
            file,
            number,
            format!("not cells: {error}"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = "# as_of = 2026-03-02T21:00:00Z\n\
        account,symbol,position,average_price\n\
        alpha,AAPL,-300,181.25\n\
        alpha,\"MSFT\",0.00000001,\n\n\
        # free\n\
        account,currency,cash\n\
        alpha,USD,-1054375.10\n";

    fn key(account: &str, what: &str) -> (String, String) {
        (account.to_owned(), what.to_owned())
    }

    #[test]
    fn both_tables_are_read_exactly() {
        let statement = Statement::parse(WHOLE, "s.csv", Nanos::from_raw(7)).unwrap();
        assert_eq!(statement.as_of, Nanos::from_secs(1_772_485_200));
        assert!(statement.has_positions);
        let held = statement.positions[&key("alpha", "AAPL")];
        assert_eq!(held.position, -30_000_000_000);
        assert_eq!(held.average_price, Some(Price::parse("181.25").unwrap()));
        assert_eq!(statement.positions[&key("alpha", "MSFT")].position, 1);
        let cash = statement.cash[&key("alpha", "USD")];
        assert_eq!(cash, -105_437_510 * 10i128.pow(15));
        let plain = Statement::parse("account,symbol,position\n", "s", Nanos::from_raw(7));
        assert_eq!(plain.unwrap().as_of, Nanos::from_raw(7));
        let cash = Statement::parse("account,currency,cash\na,USD,1\n", "s", Nanos::ZERO);
        assert!(!cash.unwrap().has_positions);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place_and_its_remedy() {
        let cases = [
            ("", "s.csv: nothing is in it"),
            ("alpha,AAPL,1\n", "s.csv, line 1: a value where"),
            ("account,foo\n", "s.csv, line 1: names of no table"),
            ("account,symbol,position\na,b\n", "s.csv, line 2: 2 cells"),
            (
                "account,symbol,position\na,b,1,000\n",
                "s.csv, line 2: 4 cells",
            ),
            (
                "account,symbol,position\na,b,NaN\n",
                "s.csv, line 2, position: \"NaN\" is",
            ),
            (
                "account,symbol,position\na,b,0.000000001\n",
                "s.csv, line 2, position: ",
            ),
            (
                "account,symbol,position\na,b,\n",
                "s.csv, line 2, position: empty",
            ),
            (
                "account,symbol,position\na,b,1\na,b,1\n",
                "s.csv, line 3, symbol: stands twice",
            ),
            (
                "account,currency,cash\na,USD,1e40\n",
                "s.csv, line 2, cash: ",
            ),
            ("# as_of = noon\n", "s.csv, line 1, as_of: \"noon\" is"),
        ];
        for (text, told) in cases {
            let error = Statement::parse(text, "s.csv", Nanos::ZERO).unwrap_err();
            assert!(error.to_string().starts_with(told), "{text:?}: {error}");
        }
    }
}
