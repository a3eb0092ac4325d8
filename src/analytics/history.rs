//! History: every file of prices, by the names of their columns.

use super::error::AnalyticsError;
use super::sheet::{self, Row, Sheet};
use crate::config::analytics::DateOrder;
use jiff::civil::Date;
use std::collections::HashMap;
use std::path::PathBuf;

/// The prices of every file.
#[derive(Debug)]
pub struct History {
    sheets: Vec<Sheet>,
    /// Which sheet and which of its columns a name is.
    columns: HashMap<String, (usize, usize)>,
}

/// One column.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column<'h> {
    sheet: &'h Sheet,
    column: usize,
}

impl History {
    /// Reads files. Rows behind `until` are left out.
    pub fn read(
        files: &[PathBuf],
        order: DateOrder,
        until: Option<Date>,
    ) -> Result<Self, AnalyticsError> {
        if files.is_empty() {
            let problem = "no price history; name its files in analytics.history";
            return Err(AnalyticsError::new(problem));
        }
        let sheets = files.iter().map(|file| sheet::read(file, order));
        Self::of(sheets.collect::<Result<_, _>>()?, until)
    }

    /// Of files that are read.
    pub(super) fn of(mut sheets: Vec<Sheet>, until: Option<Date>) -> Result<Self, AnalyticsError> {
        for sheet in &mut sheets {
            let Some(until) = until else { break };
            let first = sheet.rows.first().map_or(until, |row| row.day);
            sheet.rows.retain(|row| row.day <= until);
            if sheet.rows.is_empty() {
                let problem = format!("no day up to {until}: it begins on {first}");
                return Err(AnalyticsError::of_file(&sheet.file, problem));
            }
        }
        let mut columns: HashMap<String, (usize, usize)> = HashMap::new();
        for (at, sheet) in sheets.iter().enumerate() {
            for (column, name) in sheet.names.iter().enumerate() {
                if let Some((other, _)) = columns.insert(name.clone(), (at, column)) {
                    let other = sheets.get(other).map_or("another", |sheet| &sheet.file);
                    let problem = format!("a column of this name is in {other} too; keep one");
                    return Err(AnalyticsError::of_file(&sheet.file, problem).in_column(name, ""));
                }
            }
        }
        Ok(Self { sheets, columns })
    }

    /// The names of all columns, in the order of the files.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let sheets = self.sheets.iter();
        sheets.flat_map(|sheet| sheet.names.iter().map(String::as_str))
    }

    /// True where a column has this name.
    pub fn has(&self, name: &str) -> bool {
        self.columns.contains_key(name)
    }

    /// What may be worth a look: nothing that stands in the way.
    pub fn notes(&self) -> Vec<String> {
        let unsorted = self.sheets.iter().filter(|sheet| !sheet.is_sorted);
        let notes = unsorted.map(|sheet| {
            let file = &sheet.file;
            format!("{file}: its days are not in order; they were put in order")
        });
        notes.collect()
    }

    /// The column of a name.
    pub(super) fn column(&self, name: &str) -> Result<Column<'_>, AnalyticsError> {
        let found = self.columns.get(name).and_then(|&(sheet, column)| {
            let sheet = self.sheets.get(sheet)?;
            Some(Column { sheet, column })
        });
        found.ok_or_else(|| {
            let files: Vec<_> = self.sheets.iter().map(|of| of.file.as_str()).collect();
            let problem = format!(
                "no price history of {name:?}: no column of {} has this name; add a file that has \
                 it to analytics.history",
                files.join(", ")
            );
            AnalyticsError::new(problem)
        })
    }
}

impl<'h> Column<'h> {
    pub(super) fn rows(&self) -> &'h [Row] {
        &self.sheet.rows
    }

    /// True for two columns of one file.
    pub(super) fn is_beside(&self, other: &Self) -> bool {
        std::ptr::eq(self.sheet, other.sheet)
    }

    /// The price of a row of its own sheet.
    pub(super) fn price(&self, row: &Row) -> Option<f64> {
        row.prices.get(self.column).copied().flatten()
    }

    /// Says that there is no price where one is needed.
    pub(super) fn missing(&self, row: &Row) -> AnalyticsError {
        let problem =
            "no price; write it, or leave such days out with analytics.missing = \"drop\"";
        self.wrong(row, "", problem)
    }

    /// Says what is wrong with the price of a row.
    pub(super) fn wrong(
        &self,
        row: &Row,
        value: &str,
        problem: impl Into<String>,
    ) -> AnalyticsError {
        self.sheet.wrong(row.at, self.column, value, problem)
    }

    /// The file and its days.
    pub(super) fn span(&self) -> String {
        let days = self.rows().first().zip(self.rows().last());
        let days = days.map(|(first, last)| format!(" from {} to {}", first.day, last.day));
        format!("{}{}", self.sheet.file, days.unwrap_or_default())
    }
}
