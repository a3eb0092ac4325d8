//! Reader: a message file and its order book file, row by row, in step.
//!
//! Rows are read as they are needed, into two lines that are used again. Every number is read digit by
//! digit; a row that is not as the format says ends the reading with file, line and column.

use portcullis::message::Side;
use portcullis::units::{Nanos, Price, Qty, parse_decimal};
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

/// What happened to an order. The number is the type in the file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// A new limit order.
    New = 1,
    /// `size` of the order is cancelled.
    PartialCancel = 2,
    /// `size` of the order, as a rule all that was left, is cancelled.
    Delete = 3,
    /// `size` of the order is filled.
    Execution = 4,
    /// `size` of an order that nobody saw is filled.
    HiddenExecution = 5,
    /// An auction.
    Cross = 6,
    /// Trading halts or goes on.
    Halt = 7,
}

/// One side of the book.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Level {
    pub(crate) price: Price,
    pub(crate) qty: Qty,
}

/// The best level of the book; `None` for a side that nobody quotes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Best {
    pub(crate) bid: Option<Level>,
    pub(crate) ask: Option<Level>,
}

/// One row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Event {
    /// Which row, from 1.
    pub(crate) row: u64,
    /// When, UTC.
    pub(crate) time: Nanos,
    pub(crate) kind: Kind,
    pub(crate) order_id: i64,
    pub(crate) size: Qty,
    pub(crate) price: Price,
    /// Of the order that rests.
    pub(crate) side: Side,
    /// The time of the row before and the book behind it; `None` for the first row.
    pub(crate) best_before: Option<(Nanos, Best)>,
    /// The book behind this row.
    pub(crate) best_after: Best,
}

/// The rows of one day.
pub(crate) struct Reader {
    messages: Lines,
    orderbook: Lines,
    /// The beginning of the day, UTC.
    midnight: Nanos,
    before: Option<(Nanos, Best)>,
}

impl Reader {
    /// Opens both files. Times in them count from `midnight`.
    pub(crate) fn open(
        messages: &Path,
        orderbook: &Path,
        midnight: Nanos,
    ) -> Result<Self, RowError> {
        Ok(Self {
            messages: Lines::open(messages)?,
            orderbook: Lines::open(orderbook)?,
            midnight,
            before: None,
        })
    }

    /// The next row; `None` behind the last.
    pub(crate) fn next(&mut self) -> Result<Option<Event>, RowError> {
        match (self.messages.advance()?, self.orderbook.advance()?) {
            (true, true) => {}
            (false, false) => return Ok(None),
            (true, false) => return Err(self.orderbook.ends_early(&self.messages)),
            (false, true) => return Err(self.messages.ends_early(&self.orderbook)),
        }
        let mut row = self.messages.fields();
        let seconds = row.next("time", "write seconds after midnight, 34200.25")?;
        let nanos = parse_decimal(seconds, 9)
            .ok()
            .and_then(|nanos| u64::try_from(nanos).ok())
            .and_then(|nanos| self.midnight.raw().checked_add(nanos))
            .ok_or_else(|| row.wrong("write seconds after midnight with at most 9 decimals"))?;
        let time = Nanos::from_raw(nanos);
        if self.before.is_some_and(|(before, _)| time < before) {
            return Err(row.wrong("earlier than the row before: sort the rows by time"));
        }
        let kind = match row.next("type", "write 1 to 7")? {
            "1" => Kind::New,
            "2" => Kind::PartialCancel,
            "3" => Kind::Delete,
            "4" => Kind::Execution,
            "5" => Kind::HiddenExecution,
            "6" => Kind::Cross,
            "7" => Kind::Halt,
            _ => return Err(row.wrong("no such type of event: write 1 to 7")),
        };
        let order_id = row.integer("order id")?;
        let size = row.size("size")?;
        let price = row.price("price")?;
        let side = match row.next("direction", "write 1 or -1")? {
            "1" => Side::Buy,
            "-1" => Side::Sell,
            _ => return Err(row.wrong("write 1 where the order buys, -1 where it sells")),
        };
        let best = best(&mut self.orderbook.fields())?;
        let best_before = self.before.replace((time, best));
        Ok(Some(Event {
            row: self.messages.number,
            time,
            kind,
            order_id,
            size,
            price,
            side,
            best_before,
            best_after: best,
        }))
    }
}

/// The first level of a book of any depth.
fn best(row: &mut Fields) -> Result<Best, RowError> {
    let ask = level(row, "ask price", "ask size")?;
    let bid = level(row, "bid price", "bid size")?;
    Ok(Best { bid, ask })
}

fn level(
    row: &mut Fields,
    price_name: &'static str,
    size_name: &'static str,
) -> Result<Option<Level>, RowError> {
    let price = row.price(price_name)?;
    let qty = row.size(size_name)?;
    let is_empty = price.raw().unsigned_abs() == PRICE_OF_NOBODY;
    Ok((!is_empty).then_some(Level { price, qty }))
}

/// The lines of one file.
struct Lines {
    path: PathBuf,
    file: BufReader<File>,
    line: Vec<u8>,
    number: u64,
}

impl Lines {
    fn open(path: &Path) -> Result<Self, RowError> {
        let file = File::open(path).map_err(|error| RowError {
            path: path.to_owned(),
            line: 0,
            column: 0,
            problem: format!("cannot be opened: {error}"),
        })?;
        Ok(Self {
            path: path.to_owned(),
            file: BufReader::with_capacity(BUFFER_SIZE, file),
            line: Vec::new(),
            number: 0,
        })
    }

    /// False at the end.
    fn advance(&mut self) -> Result<bool, RowError> {
        self.line.clear();
        self.number += 1;
        // A line that does not end is not a row: it must not fill the memory.
        let mut bounded = io::Read::take(&mut self.file, LINE_SIZE_MAX + 1);
        let size = bounded
            .read_until(b'\n', &mut self.line)
            .map_err(|error| self.error(0, format!("cannot be read: {error}")))?;
        if LINE_SIZE_MAX < size as u64 {
            return Err(self.error(0, format!("a row of over {LINE_SIZE_MAX} bytes")));
        }
        Ok(size != 0)
    }

    fn fields(&self) -> Fields<'_> {
        Fields {
            lines: self,
            rest: Some(self.line.trim_ascii_end()),
            field: &[],
            column: 1,
            next_column: 1,
            name: "",
        }
    }

    fn ends_early(&self, other: &Self) -> RowError {
        let other = other.path.display();
        self.error(
            0,
            format!("no row for this line of {other}: the files do not belong together"),
        )
    }

    fn error(&self, column: usize, problem: String) -> RowError {
        RowError {
            path: self.path.clone(),
            line: self.number,
            column,
            problem,
        }
    }
}

/// The fields of one row, one after the other.
struct Fields<'a> {
    lines: &'a Lines,
    rest: Option<&'a [u8]>,
    field: &'a [u8],
    /// Where the field begins, from 1.
    column: usize,
    next_column: usize,
    name: &'static str,
}

impl<'a> Fields<'a> {
    fn next(&mut self, name: &'static str, remedy: &str) -> Result<&'a str, RowError> {
        self.name = name;
        self.column = self.next_column;
        let Some(rest) = self.rest else {
            let problem = format!("{name}: missing; {remedy}");
            return Err(self.lines.error(self.column, problem));
        };
        let comma = rest.iter().position(|&byte| byte == b',');
        (self.field, self.rest) = match comma {
            Some(at) => (&rest[..at], Some(&rest[at + 1..])),
            None => (rest, None),
        };
        self.next_column += self.field.len() + 1;
        std::str::from_utf8(self.field).map_err(|_| self.wrong(remedy))
    }

    fn integer(&mut self, name: &'static str) -> Result<i64, RowError> {
        let remedy = "write a whole number";
        let text = self.next(name, remedy)?;
        text.parse().map_err(|_| self.wrong(remedy))
    }

    fn price(&mut self, name: &'static str) -> Result<Price, RowError> {
        self.integer(name)?
            .checked_mul(10i64.pow(Price::DIGITS - 4))
            .map(Price::from_raw)
            .ok_or_else(|| self.wrong("write the price times 10,000"))
    }

    fn size(&mut self, name: &'static str) -> Result<Qty, RowError> {
        let size = self.integer(name)?;
        u64::try_from(size)
            .ok()
            .and_then(|size| size.checked_mul(10u64.pow(Qty::DIGITS)))
            .map(Qty::from_raw)
            .filter(|qty| *qty <= Qty::MAX)
            .ok_or_else(|| self.wrong("write a number of shares, not negative"))
    }

    #[cold]
    fn wrong(&self, remedy: &str) -> RowError {
        let value = String::from_utf8_lossy(self.field);
        let problem = format!("{}: {value:?}: {remedy}", self.name);
        self.lines.error(self.column, problem)
    }
}

/// Why a row is not an event.
#[derive(Debug)]
pub(crate) struct RowError {
    path: PathBuf,
    line: u64,
    column: usize,
    problem: String,
}

impl fmt::Display for RowError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:", self.path.display())?;
        if self.line != 0 {
            write!(out, "{}:", self.line)?;
        }
        if self.column != 0 {
            write!(out, "{}:", self.column)?;
        }
        write!(out, " {}", self.problem)
    }
}

impl std::error::Error for RowError {}

/// How the files write a level that nobody quotes: the lowest bid and the highest ask.
/// Here as a [`Price`].
const PRICE_OF_NOBODY: u64 = 9_999_999_999 * 10u64.pow(Price::DIGITS - 4);
const BUFFER_SIZE: usize = 1 << 16;
const LINE_SIZE_MAX: u64 = 1 << 16;
