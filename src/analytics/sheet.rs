//! Sheet: one file of prices, checked: its columns, its days in order, a price or none in each cell.

use super::error::{AnalyticsError, Place};
use super::{columnar, delimited};
use crate::config::analytics::DateOrder;
use jiff::civil::Date;
use std::collections::HashSet;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

/// Longer files are refused, packed or not.
pub(super) const FILE_BYTES_MAX: u64 = 512 << 20;
/// More columns are refused.
pub(super) const COLUMNS_MAX: usize = 20_000;
/// What anything has ever traded at lies far within.
const PRICES: std::ops::RangeInclusive<f64> = 1e-12..=1e12;

/// One file.
#[derive(Debug)]
pub(super) struct Sheet {
    pub(super) file: String,
    /// Of the columns of prices.
    pub(super) names: Vec<String>,
    /// By day.
    pub(super) rows: Vec<Row>,
    /// The days stood in another order.
    pub(super) is_sorted: bool,
}

/// One day.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) day: Date,
    pub(super) at: Place,
    /// In the order of the names. A price is finite and above zero.
    pub(super) prices: Vec<Option<f64>>,
}

/// Reads a file of any known form: by what it holds, not by how it is called.
pub(super) fn read(path: &Path, order: DateOrder) -> Result<Sheet, AnalyticsError> {
    let file = path.to_string_lossy();
    let sheet = if is_columnar(path) {
        let from = File::open(path).map_err(|error| unreadable(&file, &error))?;
        columnar::read(from, &file, order)?
    } else {
        delimited::read(&read_bytes(path, &file)?, &file, order)?
    };
    sheet.ordered()
}

/// True for Parquet, which says so in its first bytes.
fn is_columnar(path: &Path) -> bool {
    let mut first = [0; 4];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut first));
    read.is_ok() && first == *b"PAR1"
}

/// The bytes of a file that is not too long.
pub(super) fn read_bytes(path: &Path, file: &str) -> Result<Vec<u8>, AnalyticsError> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(|error| unreadable(file, &error))?;
    if FILE_BYTES_MAX < bytes.len() as u64 {
        return Err(too_long(file));
    }
    if bytes.is_empty() {
        return Err(AnalyticsError::of_file(
            file,
            "empty; write a line of names and a row below for each entry",
        ));
    }
    Ok(bytes)
}

fn unreadable(file: &str, error: &std::io::Error) -> AnalyticsError {
    let problem = format!("cannot be read: {error}; see that it exists and is a file");
    AnalyticsError::of_file(file, problem)
}

pub(super) fn too_long(file: &str) -> AnalyticsError {
    let problem = format!(
        "longer than {} MiB; split it by columns",
        FILE_BYTES_MAX >> 20
    );
    AnalyticsError::of_file(file, problem)
}

impl Sheet {
    /// A file of these columns, without a row so far.
    pub(super) fn new(file: &str, names: Vec<String>, at: Place) -> Result<Self, AnalyticsError> {
        let fail = |problem: String| Err(AnalyticsError::of_row(file, at, problem));
        if names.is_empty() {
            return fail(
                "no column of prices behind the dates; add one for each symbol".to_owned(),
            );
        }
        if COLUMNS_MAX < names.len() {
            let count = names.len();
            return fail(format!(
                "{count} columns; write at most {COLUMNS_MAX} in a file"
            ));
        }
        let mut seen = HashSet::new();
        for (index, name) in names.iter().enumerate() {
            let number = index + 2;
            if name.is_empty() {
                return fail(format!(
                    "column {number} has no name; name it, or take it out of every line"
                ));
            }
            if !seen.insert(name) {
                let problem = "a second column of this name; keep one of them";
                return Err(AnalyticsError::of_row(file, at, problem).in_column(name, ""));
            }
        }
        Ok(Self {
            file: file.to_owned(),
            names,
            rows: Vec::new(),
            is_sorted: true,
        })
    }

    /// Says what is wrong with a cell of prices; the first column is 0.
    pub(super) fn wrong(
        &self,
        at: Place,
        column: usize,
        value: &str,
        problem: impl Into<String>,
    ) -> AnalyticsError {
        let name = self.names.get(column).map_or("", String::as_str);
        AnalyticsError::of_row(&self.file, at, problem).in_column(name, value)
    }

    /// A price that is one.
    pub(super) fn price(
        &self,
        at: Place,
        column: usize,
        price: f64,
    ) -> Result<f64, AnalyticsError> {
        let problem = match price {
            price if PRICES.contains(&price) => return Ok(price),
            price if price.is_nan() || price.is_infinite() => {
                "not a number; write the price, or leave the cell empty where there is none"
            }
            price if price <= 0.0 => {
                "not above zero, so no return can be made of it; correct the price, or leave the \
                 cell empty where there is none"
            }
            price if price < 1.0 => "closer to zero than any price; correct it",
            _ => "higher than any price; correct it",
        };
        Err(self.wrong(at, column, &price.to_string(), problem))
    }

    /// By day, each once.
    fn ordered(mut self) -> Result<Self, AnalyticsError> {
        if self.rows.is_empty() {
            let problem = "no row of prices below the names; add one for each day";
            return Err(AnalyticsError::of_file(&self.file, problem));
        }
        self.is_sorted = self.rows.is_sorted_by_key(|row| row.day);
        // Stable: of two rows of a day the one that stands first in the file stays first.
        self.rows.sort_by_key(|row| row.day);
        if let Some([first, second]) = self
            .rows
            .windows(2)
            .find(|pair| pair[0].day == pair[1].day)
            .and_then(|pair| <&[Row; 2]>::try_from(pair).ok())
        {
            let before = match first.at {
                Place::Line(line) => format!("line {line}"),
                Place::Row(row) => format!("row {row}"),
                Place::File => "another row".to_owned(),
            };
            let problem = format!(
                "the day {} is there already, in {before}; keep one of them",
                first.day
            );
            return Err(AnalyticsError::of_row(&self.file, second.at, problem));
        }
        Ok(self)
    }
}
