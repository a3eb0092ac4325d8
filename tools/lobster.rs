//! Lobster: a day of LOBSTER order events as a scenario.
//!
//! Every new order of the market becomes an order of one account, and what became of it at the venue
//! becomes its reports. A quote stands before the event that it is the reference for, wherever it
//! differs from the one before. Orders that were there before the file begins are left out and counted.

pub(crate) mod reader;

use clap::ValueEnum;
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use portcullis::units::{Nanos, Qty};
use reader::{Best, Event, Kind, Level, Reader};
use std::collections::HashMap;
use std::error::Error;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A day of one symbol.
#[derive(Debug, clap::Args)]
pub(crate) struct Day {
    /// The message file. A name as AMZN_2012-06-21_message.csv gives ticker and date.
    #[arg(long, value_name = "FILE")]
    messages: PathBuf,
    /// The order book file of the same day, of any depth.
    #[arg(long, value_name = "FILE")]
    orderbook: PathBuf,
    /// The symbol of the orders; otherwise the ticker in the name of the message file.
    #[arg(long)]
    symbol: Option<String>,
    /// The day; otherwise the date in the name of the message file.
    #[arg(long, value_name = "YYYY-MM-DD")]
    date: Option<Date>,
    /// Where the times count from midnight: America/New_York, UTC, or a POSIX rule such as
    /// CET-1CEST,M3.5.0,M10.5.0/3.
    #[arg(long, default_value = NEW_YORK)]
    zone: String,
}

/// What to turn into a scenario, and for whom.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    day: Day,
    /// The account of the orders.
    #[arg(long, default_value = "A")]
    account: String,
    /// The strategy that sends them.
    #[arg(long, default_value = "S")]
    strategy: String,
    /// Which book is the reference for an event: the one it met, or the one it left.
    #[arg(long, value_enum, default_value_t = Reference::Before)]
    reference: Reference,
    /// Whether the venue says `new` to each order.
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set, value_name = "BOOL")]
    acknowledge: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Reference {
    /// The book behind the row before.
    Before,
    /// The book behind the row itself.
    After,
}

/// Writes the scenario to the standard output, and what was left out to the standard error.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let (symbol, day, mut reader) = arguments.day.open()?;
    let mut scenario = Scenario::new(arguments, &symbol)?;
    let mut out = io::BufWriter::with_capacity(1 << 16, io::stdout().lock());
    while let Some(event) = reader.next()? {
        scenario.text.clear();
        scenario.event(&event)?;
        if let Err(error) = out.write_all(scenario.text.as_bytes()) {
            return whole_unless_closed(error);
        }
    }
    if let Err(error) = out.flush() {
        return whole_unless_closed(error);
    }
    eprintln!("{symbol} {day}: {}", scenario.counts);
    Ok(())
}

impl Day {
    /// Opens both files: whose day it is, which, and its rows.
    pub(crate) fn open(&self) -> Result<(String, Date, Reader), Box<dyn Error>> {
        let (ticker, day) = named(&self.messages);
        let symbol = self.symbol.clone().or(ticker);
        let symbol = symbol.ok_or("no ticker in the name of the message file: give --symbol")?;
        let day = self.date.or(day);
        let day = day.ok_or("no date in the name of the message file: give --date")?;
        let midnight = midnight(day, &self.zone)?;
        let reader = Reader::open(&self.messages, &self.orderbook, midnight)?;
        Ok((symbol, day, reader))
    }
}

/// Who reads only the beginning has what he wants.
fn whole_unless_closed(error: io::Error) -> Result<(), Box<dyn Error>> {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Ok(());
    }
    Err(format!("the scenario cannot be written: {error}").into())
}

/// Ticker and date in a name such as `AMZN_2012-06-21_message.csv`.
fn named(messages: &Path) -> (Option<String>, Option<Date>) {
    let name = messages.file_name().unwrap_or_default().to_string_lossy();
    let mut parts = name.split('_');
    let ticker = parts.next().filter(|ticker| !ticker.is_empty());
    let day = parts.next().and_then(|day| day.parse().ok());
    // Without a date it is not such a name, and its beginning no ticker.
    (ticker.filter(|_| day.is_some()).map(str::to_owned), day)
}

/// The beginning of a day, UTC. The times of the file are what has passed since.
fn midnight(day: Date, zone: &str) -> Result<Nanos, Box<dyn Error>> {
    let rule = match zone {
        NEW_YORK if day < NEW_YORK_RULE_SINCE => {
            let since = NEW_YORK_RULE_SINCE;
            return Err(format!(
                "--zone {zone}: the rule is known since {since}: give one of its own for {day}, \
                 such as EST5EDT,M4.1.0,M10.5.0"
            )
            .into());
        }
        NEW_YORK => NEW_YORK_RULE,
        "UTC" => "UTC0",
        rule => rule,
    };
    let zone = TimeZone::posix(rule).map_err(|error| {
        format!("--zone {zone}: neither {NEW_YORK} nor UTC nor a POSIX rule: {error}")
    })?;
    let instant = day.to_zoned(zone)?.timestamp().as_nanosecond();
    let nanos =
        u64::try_from(instant).map_err(|_| format!("--date {day}: not within 1970..2554"))?;
    Ok(Nanos::from_raw(nanos))
}

/// The scenario as it is being written.
struct Scenario<'a> {
    arguments: &'a Arguments,
    /// As they stand in a line, with their quotes.
    account: String,
    strategy: String,
    symbol: String,
    /// What is left of every order that lives.
    leaves: HashMap<i64, Qty>,
    quoted: Option<Best>,
    counts: Counts,
    /// The lines of one event.
    text: String,
}

impl<'a> Scenario<'a> {
    fn new(arguments: &'a Arguments, symbol: &str) -> Result<Self, Box<dyn Error>> {
        Ok(Self {
            arguments,
            account: serde_json::to_string(&arguments.account)?,
            strategy: serde_json::to_string(&arguments.strategy)?,
            symbol: serde_json::to_string(symbol)?,
            leaves: HashMap::new(),
            quoted: None,
            counts: Counts::default(),
            text: String::new(),
        })
    }

    fn event(&mut self, event: &Event) -> std::fmt::Result {
        self.counts.rows[event.kind as usize] += 1;
        match self.arguments.reference {
            Reference::Before => {
                if let Some((time, best)) = event.best_before {
                    self.quote(time, best)?;
                }
            }
            Reference::After => self.quote(event.time, event.best_after)?,
        }
        match event.kind {
            Kind::New => self.order(event),
            Kind::PartialCancel | Kind::Delete | Kind::Execution | Kind::HiddenExecution => {
                self.report(event)
            }
            // The gate hears of neither: an auction names no order, a halt only stops new ones.
            Kind::Cross | Kind::Halt => Ok(()),
        }
    }

    fn quote(&mut self, time: Nanos, best: Best) -> std::fmt::Result {
        if self.quoted == Some(best) {
            return Ok(());
        }
        self.quoted = Some(best);
        self.counts.quotes += 1;
        let (time, symbol) = (time.raw(), &self.symbol);
        write!(self.text, r#"{{"t":{time},"quote":{{"symbol":{symbol}"#)?;
        for (name, level) in [("bid", best.bid), ("ask", best.ask)] {
            let Some(Level { price, qty }) = level else {
                write!(self.text, r#","{name}":"0""#)?;
                continue;
            };
            write!(self.text, r#","{name}":"{price}","{name}_qty":"{qty}""#)?;
        }
        self.text.push_str("}}\n");
        Ok(())
    }

    fn order(&mut self, event: &Event) -> std::fmt::Result {
        if self.leaves.contains_key(&event.order_id) {
            self.counts.repeated += 1;
            return Ok(());
        }
        self.leaves.insert(event.order_id, event.size);
        let (time, id, side) = (event.time.raw(), event.order_id, event.side.text());
        let (qty, price) = (event.size, event.price);
        let (account, strategy, symbol) = (&self.account, &self.strategy, &self.symbol);
        writeln!(
            self.text,
            r#"{{"t":{time},"order":{{"account":{account},"strategy":{strategy},"id":"{id}","symbol":{symbol},"side":"{side}","type":"limit","qty":"{qty}","price":"{price}","tif":"day"}}}}"#
        )?;
        if self.arguments.acknowledge {
            self.report_line(event, "new", format_args!(""))?;
        }
        Ok(())
    }

    /// What became of an order that the scenario has sent.
    fn report(&mut self, event: &Event) -> std::fmt::Result {
        let Some(leaves) = self.leaves.get_mut(&event.order_id) else {
            self.counts.unknown[event.kind as usize] += 1;
            return Ok(());
        };
        *leaves = leaves.saturating_sub(event.size);
        let leaves = *leaves;
        if leaves == Qty::ZERO {
            self.leaves.remove(&event.order_id);
        }
        let (qty, price) = (event.size, event.price);
        match event.kind {
            Kind::Execution | Kind::HiddenExecution => {
                let fill = format_args!(r#","qty":"{qty}","price":"{price}""#);
                self.report_line(event, "trade", fill)
            }
            _ if leaves == Qty::ZERO => self.report_line(event, "canceled", format_args!("")),
            _ => {
                let rest = format_args!(r#","leaves":"{leaves}""#);
                self.report_line(event, "restated", rest)
            }
        }
    }

    /// The row names the report: no two have the same.
    fn report_line(
        &mut self,
        event: &Event,
        exec: &str,
        rest: std::fmt::Arguments,
    ) -> std::fmt::Result {
        let (time, id, row, account) = (event.time.raw(), event.order_id, event.row, &self.account);
        writeln!(
            self.text,
            r#"{{"t":{time},"report":{{"account":{account},"id":"{id}","exec":"{exec}","exec_id":"row-{row}"{rest}}}}}"#
        )
    }
}

/// How many rows there were, and how many of them the scenario leaves out.
#[derive(Default)]
struct Counts {
    /// By type.
    rows: [u64; 8],
    /// By type: about an order that is not, or no longer, one of the scenario.
    unknown: [u64; 8],
    /// New orders with the id of one that still lives.
    repeated: u64,
    quotes: u64,
}

impl std::fmt::Display for Counts {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [_, new, partial, delete, visible, hidden, cross, halt] = self.rows;
        write!(
            out,
            "{} rows: {new} new, {partial} partial cancels, ",
            self.rows.iter().sum::<u64>()
        )?;
        write!(
            out,
            "{delete} deletes, {visible} visible and {hidden} hidden executions, "
        )?;
        write!(
            out,
            "{cross} crosses, {halt} halts; {} quotes. Left out, of unknown orders: ",
            self.quotes
        )?;
        let [_, _, partial, delete, visible, hidden, _, _] = self.unknown;
        write!(
            out,
            "{partial} partial cancels, {delete} deletes, {visible} visible and "
        )?;
        write!(
            out,
            "{hidden} hidden executions; {} repeated orders",
            self.repeated
        )
    }
}

const NEW_YORK: &str = "America/New_York";
/// From the second Sunday of March to the first of November.
const NEW_YORK_RULE: &str = "EST5EDT,M3.2.0,M11.1.0";
const NEW_YORK_RULE_SINCE: Date = date(2007, 1, 1);
