//! Delimited: prices as text, a line for each day, packed with gzip or not.
//!
//! Cells stand between commas, semicolons, tabs or bars, whichever the first line has, and may be
//! quoted. Lines end in any of the known ways. A mark of byte order is passed over.

use super::dates;
use super::error::{AnalyticsError, Place};
use super::sheet::{FILE_BYTES_MAX, Row, Sheet, too_long};
use crate::config::analytics::DateOrder;
use csv::{ByteRecord, ReaderBuilder};
use flate2::read::MultiGzDecoder;
use std::io::Read as _;

/// The records of a text, each with its line.
pub(super) struct Records<'f> {
    file: &'f str,
    reader: csv::Reader<std::io::Cursor<Vec<u8>>>,
    /// Counted here: the reader's own line of a record is that of the empty lines before it.
    starts: Vec<u64>,
}

impl<'f> Records<'f> {
    /// Unpacks where it is packed.
    pub(super) fn new(bytes: &[u8], file: &'f str) -> Result<Self, AnalyticsError> {
        let mut text = match bytes.get(..2) {
            Some([0x1f, 0x8b]) => unpack(bytes, file)?,
            _ => bytes.to_vec(),
        };
        if text.starts_with(b"\xef\xbb\xbf") {
            text.drain(..3);
        }
        if !text.contains(&b'\n') {
            text.iter_mut()
                .filter(|byte| **byte == b'\r')
                .for_each(|byte| *byte = b'\n');
        }
        let first = text
            .split(|byte| *byte == b'\n')
            .find(|line| !line.trim_ascii().is_empty());
        let first = first.unwrap_or_default();
        let newlines = (0u64..).zip(&text).filter(|(_, byte)| **byte == b'\n');
        let starts = std::iter::once(0)
            .chain(newlines.map(|(at, _)| at + 1))
            .collect();
        let reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter(first))
            .from_reader(std::io::Cursor::new(text));
        Ok(Self {
            file,
            reader,
            starts,
        })
    }

    /// The next record that has more than blanks, its cells trimmed; none at the end.
    pub(super) fn next(&mut self) -> Result<Option<(Place, Vec<String>)>, AnalyticsError> {
        let mut record = ByteRecord::new();
        loop {
            let is_there = self.reader.read_byte_record(&mut record);
            let is_there = is_there.map_err(|error| {
                AnalyticsError::of_file(self.file, format!("not text: {error}"))
            })?;
            if !is_there {
                return Ok(None);
            }
            if record.iter().any(|cell| !cell.trim_ascii().is_empty()) {
                break;
            }
        }
        let at = Place::Line(self.line(&record));
        let cells = record.iter().enumerate().map(|(index, cell)| {
            let text = std::str::from_utf8(cell.trim_ascii());
            text.map(str::to_owned).map_err(|_| {
                let problem = format!("column {} is not UTF-8; save the file as UTF-8", index + 1);
                AnalyticsError::of_row(self.file, at, problem)
            })
        });
        Ok(Some((at, cells.collect::<Result<_, _>>()?)))
    }

    /// The line on which a record begins, behind empty lines.
    fn line(&self, record: &ByteRecord) -> u64 {
        let at = record.position().map_or(0, csv::Position::byte);
        let text = self.reader.get_ref().get_ref();
        let rest = text.get(at as usize..).unwrap_or_default();
        let empty = rest
            .iter()
            .take_while(|byte| b"\r\n".contains(byte))
            .count() as u64;
        self.starts.partition_point(|start| *start <= at + empty) as u64
    }
}

/// The mark that a line has most of, outside of quotes.
fn delimiter(line: &[u8]) -> u8 {
    // Of as many, the later here is taken.
    let marks = *b"|\t;,";
    let count = |mark: &u8| {
        let mut is_quoted = false;
        let outside = line.iter().filter(|byte| {
            is_quoted ^= **byte == b'"';
            !is_quoted && *byte == mark
        });
        outside.count()
    };
    marks.into_iter().max_by_key(count).unwrap_or(b',')
}

fn unpack(bytes: &[u8], file: &str) -> Result<Vec<u8>, AnalyticsError> {
    let mut text = Vec::new();
    let mut from = MultiGzDecoder::new(bytes).take(FILE_BYTES_MAX + 1);
    from.read_to_end(&mut text).map_err(|error| {
        let problem = format!("cannot be unpacked: {error}; fetch or pack it again");
        AnalyticsError::of_file(file, problem)
    })?;
    match text.len() as u64 {
        0 => Err(AnalyticsError::of_file(file, "nothing is packed in it")),
        length if FILE_BYTES_MAX < length => Err(too_long(file)),
        _ => Ok(text),
    }
}

/// Reads a file of prices.
pub(super) fn read(bytes: &[u8], file: &str, order: DateOrder) -> Result<Sheet, AnalyticsError> {
    let mut records = Records::new(bytes, file)?;
    let Some((at, mut names)) = records.next()? else {
        let problem = "nothing but empty lines; write a line of names and a row for each day";
        return Err(AnalyticsError::of_file(file, problem));
    };
    let is_day = |text: &str| {
        let orders = [DateOrder::Ymd, DateOrder::Dmy, DateOrder::Mdy];
        orders
            .into_iter()
            .any(|order| dates::parse(text, order).is_some())
    };
    if is_day(&names[0]) {
        let problem = "a day where the names belong; write a first line that names the columns";
        return Err(AnalyticsError::of_row(file, at, problem).in_column("column 1", &names[0]));
    }
    let dates_name = match names.remove(0) {
        name if name.is_empty() => "column 1".to_owned(),
        name => name,
    };
    let mut sheet = Sheet::new(file, names, at)?;
    while let Some((at, cells)) = records.next()? {
        let columns = sheet.names.len() + 1;
        if cells.len() != columns {
            let problem = format!(
                "{} cells where the first line has {columns}; write one for each column, empty \
                 where there is no price, and quote cells that have a comma",
                cells.len()
            );
            return Err(AnalyticsError::of_row(file, at, problem));
        }
        let day = dates::parse(&cells[0], order).ok_or_else(|| {
            let problem = format!(
                "not a day; write it as in {}, or say by analytics.date_order how it is written",
                dates::example(order)
            );
            AnalyticsError::of_row(file, at, problem).in_column(&dates_name, &cells[0])
        })?;
        let prices = cells[1..].iter().enumerate();
        let prices = prices.map(|(column, cell)| read_price(&sheet, at, column, cell));
        let prices = prices.collect::<Result<_, _>>()?;
        sheet.rows.push(Row { day, at, prices });
    }
    Ok(sheet)
}

fn read_price(
    sheet: &Sheet,
    at: Place,
    column: usize,
    cell: &str,
) -> Result<Option<f64>, AnalyticsError> {
    if cell.is_empty() {
        return Ok(None);
    }
    match number(cell) {
        Ok(price) => sheet.price(at, column, price).map(Some).map_err(|error| {
            // As it is written.
            error.in_column(&sheet.names[column], cell)
        }),
        Err(problem) => Err(sheet.wrong(at, column, cell, problem)),
    }
}

/// Digits with at most one point, a sign and an exponent; no word that a machine would read as one.
pub(super) fn number(cell: &str) -> Result<f64, &'static str> {
    let is_digits = cell
        .bytes()
        .all(|byte| byte.is_ascii_digit() || b".+-eE".contains(&byte));
    match cell.parse() {
        Ok(number) if is_digits => Ok(number),
        _ if cell.contains(',') => {
            Err("not a number; write a point before decimals and nothing between thousands")
        }
        _ => Err("not a number; write digits with at most one point, or leave the cell empty"),
    }
}
