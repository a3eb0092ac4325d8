//! Columnar: prices as Parquet. The dates are the first column of a date or a time, wherever it
//! stands, or else the first of all, as text. Every other column is prices.

use super::dates;
use super::error::{AnalyticsError, Place};
use super::sheet::{Row, Sheet};
use crate::config::analytics::DateOrder;
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _, tz::TimeZone};
use parquet::basic::{ConvertedType, LogicalType, TimeUnit};
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::Field;
use parquet::schema::types::Type;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// How a column of dates counts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Clock {
    Days,
    /// So many to the second.
    Ticks(i64),
    Text,
}

/// Reads a file of prices. A damaged file is an error, be it one that its reader gives up on.
pub(super) fn read(from: File, file: &str, order: DateOrder) -> Result<Sheet, AnalyticsError> {
    let read = AssertUnwindSafe(|| read_sheet(from, file, order));
    catch_unwind(read).unwrap_or_else(|_| Err(damaged(file, "its reader gave up")))
}

fn damaged(file: &str, error: impl std::fmt::Display) -> AnalyticsError {
    let error = error.to_string();
    let problem = match error.split_once("Disabled feature at compile time: ") {
        Some((_, packing)) => format!(
            "packed by {packing}, which is not known here; write it with snappy, zstd, gzip or unpacked"
        ),
        None => format!("not sound Parquet: {error}; write it again"),
    };
    AnalyticsError::of_file(file, problem)
}

fn read_sheet(from: File, file: &str, order: DateOrder) -> Result<Sheet, AnalyticsError> {
    let reader = SerializedFileReader::new(from).map_err(|error| damaged(file, error))?;
    let schema = reader.metadata().file_metadata().schema().clone();
    let columns = schema.get_fields();
    let Some(first) = columns.first() else {
        return Err(AnalyticsError::of_file(
            file,
            "no column; write dates and prices",
        ));
    };
    if let Some(nested) = columns.iter().find(|column| !column.is_primitive()) {
        let problem = "a column of columns; write one column of prices for each symbol";
        return Err(AnalyticsError::of_file(file, problem).in_column(nested.name(), ""));
    }
    let of_dates = columns.iter().position(|column| clock(column).is_some());
    let dates_at = of_dates.unwrap_or(0);
    let clock = of_dates.and_then(|at| clock(&columns[at]));
    let clock = clock.unwrap_or(Clock::Text);
    let dates_name = columns.get(dates_at).unwrap_or(first).name().to_owned();
    let names = columns.iter().enumerate();
    let names = names.filter(|(at, _)| *at != dates_at);
    let names = names.map(|(_, column)| column.name().to_owned()).collect();
    let mut sheet = Sheet::new(file, names, Place::File)?;
    let rows = reader
        .get_row_iter(None)
        .map_err(|error| damaged(file, error))?;
    for (row, number) in rows.zip(1..) {
        let row = row.map_err(|error| damaged(file, error))?;
        let at = Place::Row(number);
        let mut prices = Vec::with_capacity(sheet.names.len());
        let mut day = None;
        for (column, (_, field)) in row.get_column_iter().enumerate() {
            if column == dates_at {
                day = Some(read_day(field, clock, order).ok_or_else(|| {
                    let problem = "not a day; make the first column one of dates, or of text as \
                                   analytics.date_order says";
                    let value = field.to_string();
                    AnalyticsError::of_row(file, at, problem).in_column(&dates_name, &value)
                })?);
            } else {
                prices.push(read_price(&sheet, at, prices.len(), field)?);
            }
        }
        let day = day.ok_or_else(|| damaged(file, "a row without its date"))?;
        sheet.rows.push(Row { day, at, prices });
    }
    Ok(sheet)
}

fn clock(column: &Type) -> Option<Clock> {
    let info = column.get_basic_info();
    match info.logical_type_ref() {
        Some(LogicalType::Date) => return Some(Clock::Days),
        Some(LogicalType::Timestamp(timestamp)) => {
            return Some(Clock::Ticks(match timestamp.unit {
                TimeUnit::MILLIS => 1_000,
                TimeUnit::MICROS => 1_000_000,
                TimeUnit::NANOS => 1_000_000_000,
            }));
        }
        _ => {}
    }
    match info.converted_type() {
        ConvertedType::DATE => Some(Clock::Days),
        ConvertedType::TIMESTAMP_MILLIS => Some(Clock::Ticks(1_000)),
        ConvertedType::TIMESTAMP_MICROS => Some(Clock::Ticks(1_000_000)),
        _ if column.get_physical_type() == parquet::basic::Type::INT96 => {
            // Its reader has made milliseconds of it.
            Some(Clock::Ticks(1_000))
        }
        _ => None,
    }
}

fn read_day(field: &Field, clock: Clock, order: DateOrder) -> Option<Date> {
    let from_ticks = |ticks: i64, per_second: i64| {
        let seconds = ticks.div_euclid(per_second);
        let time = Timestamp::from_second(seconds).ok()?;
        Some(time.to_zoned(TimeZone::UTC).date())
    };
    match (field, clock) {
        (Field::Date(days), _) => Date::constant(1970, 1, 1)
            .checked_add(i64::from(*days).days())
            .ok(),
        (Field::TimestampMillis(ticks), _) => from_ticks(*ticks, 1_000),
        (Field::TimestampMicros(ticks), _) => from_ticks(*ticks, 1_000_000),
        (Field::Long(ticks), Clock::Ticks(per_second)) => from_ticks(*ticks, per_second),
        (Field::Str(text), Clock::Text) => dates::parse(text.trim(), order),
        _ => None,
    }
}

fn read_price(
    sheet: &Sheet,
    at: Place,
    column: usize,
    field: &Field,
) -> Result<Option<f64>, AnalyticsError> {
    let price = match field {
        Field::Null => return Ok(None),
        Field::Double(price) => *price,
        Field::Float(price) => f64::from(*price),
        Field::Byte(price) => f64::from(*price),
        Field::Short(price) => f64::from(*price),
        Field::Int(price) => f64::from(*price),
        Field::Long(price) => *price as f64,
        Field::UByte(price) => f64::from(*price),
        Field::UShort(price) => f64::from(*price),
        Field::UInt(price) => f64::from(*price),
        Field::ULong(price) => *price as f64,
        Field::Decimal(_) => field.to_string().parse().unwrap_or(f64::NAN),
        other => {
            let problem = "not a column of numbers; write prices as DOUBLE, or leave it out";
            return Err(sheet.wrong(at, column, &other.to_string(), problem));
        }
    };
    sheet.price(at, column, price).map(Some)
}
