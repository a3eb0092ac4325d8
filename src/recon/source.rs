//! Source: what is wrong with a file of the broker's, and how its cells are read.
//!
//! Pure.

use crate::message::Text;
use crate::units::{DecimalError, Nanos, parse_decimal};
use csv::StringRecord;
use std::fmt;

/// Why a statement or a drop copy cannot be believed. Nothing of a file with an error is used.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SourceError {
    /// The file, as it was named.
    pub file: String,
    /// The line, from 1; 0 where it is about all of the file.
    pub line: u64,
    /// The column's name.
    pub column: Option<String>,
    /// What is wrong, and what to do.
    pub problem: String,
}

impl fmt::Display for SourceError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.file)?;
        if self.line != 0 {
            write!(out, ", line {}", self.line)?;
        }
        if let Some(column) = &self.column {
            write!(out, ", {column}")?;
        }
        write!(out, ": {}", self.problem)
    }
}

impl std::error::Error for SourceError {}

impl SourceError {
    /// About all of a file.
    pub fn of_file(file: &str, problem: impl Into<String>) -> Self {
        Self::of_line(file, 0, problem)
    }

    /// About one line.
    pub fn of_line(file: &str, line: u64, problem: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            line,
            column: None,
            problem: problem.into(),
        }
    }

    /// The same, in a column.
    pub fn in_column(self, column: &str) -> Self {
        Self {
            column: Some(column.to_owned()),
            ..self
        }
    }
}

/// The named cells of one line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cells<'a> {
    pub(super) file: &'a str,
    pub(super) line: u64,
    pub(super) names: &'a [String],
    pub(super) record: &'a StringRecord,
}

impl<'a> Cells<'a> {
    /// A cell; `None` where it is empty or there is no such column.
    pub(super) fn find(&self, name: &str) -> Option<&'a str> {
        let at = self.names.iter().position(|of| of == name)?;
        let cell = self.record.get(at).map(str::trim)?;
        (!cell.is_empty()).then_some(cell)
    }

    pub(super) fn get(&self, name: &str) -> Result<&'a str, SourceError> {
        self.find(name)
            .ok_or_else(|| self.wrong(name, "empty; write a value".to_owned()))
    }

    pub(super) fn wrong(&self, column: &str, problem: String) -> SourceError {
        SourceError::of_line(self.file, self.line, problem).in_column(column)
    }

    pub(super) fn decimal(&self, name: &str, digits: u32) -> Result<i128, SourceError> {
        let cell = self.get(name)?;
        decimal(cell, digits).map_err(|problem| self.wrong(name, problem))
    }

    pub(super) fn text(&self, name: &str) -> Result<Text, SourceError> {
        let cell = self.get(name)?;
        text(cell).map_err(|problem| self.wrong(name, problem))
    }
}

/// A decimal, read exactly.
pub(super) fn decimal(cell: &str, digits: u32) -> Result<i128, String> {
    let raw = parse_decimal(cell, digits).map_err(|error| match error {
        DecimalError::OutOfRange => format!("{cell:?} is {error}; it cannot be held"),
        DecimalError::TooPrecise => format!("{cell:?} is {error}: at most {digits} digits"),
        _ => format!(
            "{cell:?} is {error}; write digits with at most one point, and nothing between thousands"
        ),
    })?;
    match raw.unsigned_abs() <= AMOUNT_MAX {
        true => Ok(raw),
        false => Err(format!("{cell:?} is wider than any amount that is held")),
    }
}

/// An id that fits a message.
pub(super) fn text(cell: &str) -> Result<Text, String> {
    Text::new(cell)
        .filter(Text::is_id)
        .ok_or_else(|| format!("{cell:?} is no id: at most 36 printable ASCII characters"))
}

/// An instant: RFC 3339, or nanoseconds since 1970.
pub(super) fn time(cell: &str) -> Result<Nanos, String> {
    if !cell.is_empty() && cell.bytes().all(|byte| byte.is_ascii_digit()) {
        let nanos = cell.parse().map(Nanos::from_raw);
        return nanos.map_err(|_| format!("{cell:?} does not fit: write nanoseconds since 1970"));
    }
    let instant: Result<jiff::Timestamp, _> = cell.parse();
    let nanos = instant.ok().map(jiff::Timestamp::as_nanosecond);
    nanos
        .and_then(|nanos| u64::try_from(nanos).ok())
        .map(Nanos::from_raw)
        .ok_or_else(|| format!("{cell:?} is no instant; write it as in \"2026-03-02T21:00:00Z\""))
}

/// So that sums of some millions of them still fit 128 bits.
const AMOUNT_MAX: u128 = 1 << 104;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_read_in_both_ways_and_nothing_else_is() {
        let at = Nanos::from_raw(1_772_485_200_000_000_001);
        assert_eq!(time("2026-03-02T21:00:00.000000001Z"), Ok(at));
        assert_eq!(time("1772485200000000001"), Ok(at));
        assert_eq!(time("2026-03-02T16:00:00.000000001-05:00"), Ok(at));
        for text in ["", "yesterday", "2026-03-02", "1969-01-01T00:00:00Z"] {
            assert!(time(text).is_err(), "{text}");
        }
        assert!(time("99999999999999999999").is_err());
    }
}
