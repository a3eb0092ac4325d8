//! Panel: the returns of some symbols on the days that all of them have.

use super::error::AnalyticsError;
use super::history::{Column, History};
use crate::config::analytics::{Analytics, Missing};
use jiff::civil::Date;

/// A move beyond this, a thousandfold from day to day, is no move but a wrong price.
const RETURN_MAX: f64 = 1_000.0;

/// Returns of some symbols, day by day. Every one is finite.
#[derive(Clone, Debug, PartialEq)]
pub struct Panel {
    /// In the order in which they were asked for.
    pub names: Vec<String>,
    /// The day on which each return ends; the first begins on `first_day`.
    pub days: Vec<Date>,
    /// The day of the first price.
    pub first_day: Date,
    /// By symbol, then by day.
    pub returns: Vec<Vec<f64>>,
    /// The price of each symbol on the last day.
    pub last_prices: Vec<f64>,
    /// Days between the first and the last that at least one symbol lacks.
    pub left_out_count: usize,
}

/// How many returns are wanted, and what an empty cell means.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// Fewer are refused.
    pub returns_min: usize,
    /// The last so many are taken.
    pub returns_max: Option<usize>,
    /// See there.
    pub missing: Missing,
}

impl Wanted {
    /// As it is configured.
    pub fn new(terms: &Analytics) -> Self {
        Self {
            returns_min: terms.returns_min as usize,
            returns_max: terms.returns_max.map(|max| max as usize),
            missing: terms.missing,
        }
    }
}

impl Panel {
    /// The last returns of these symbols on the days that all of them have; an error where a symbol has
    /// no history, or all of them together too little.
    pub fn new(history: &History, names: &[&str], wanted: Wanted) -> Result<Self, AnalyticsError> {
        let columns = names.iter().map(|name| history.column(name));
        let columns: Vec<Column<'_>> = columns.collect::<Result<_, _>>()?;
        if columns.is_empty() {
            let problem = "no symbol to analyse; name some in a [[symbol]], or what is held";
            return Err(AnalyticsError::new(problem));
        }
        let (days, left_out_count) = common_days(&columns, wanted)?;
        check_count(&columns, names, &days, wanted)?;
        let mut returns = Vec::with_capacity(names.len());
        let mut last_prices = Vec::with_capacity(names.len());
        for (at, column) in columns.iter().enumerate() {
            let prices: Vec<f64> = days
                .iter()
                .filter_map(|day| day.prices.get(at).copied())
                .collect();
            returns.push(simple_returns(column, names[at], &prices, &days)?);
            last_prices.extend(prices.last());
        }
        let mut days = days.into_iter().map(|day| day.day);
        // There are at least three: two returns are the least that can be asked for.
        let first_day = days.next().unwrap_or_default();
        Ok(Self {
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            days: days.collect(),
            first_day,
            returns,
            last_prices,
            left_out_count,
        })
    }

    /// How many returns each symbol has.
    pub const fn returns_count(&self) -> usize {
        self.days.len()
    }
}

/// A day on which every symbol has a price, and these prices.
struct CommonDay {
    day: Date,
    prices: Vec<f64>,
}

/// The last days that all columns have, as many as are wanted, in order; and how many lay between that
/// one of them lacks.
fn common_days(
    columns: &[Column<'_>],
    wanted: Wanted,
) -> Result<(Vec<CommonDay>, usize), AnalyticsError> {
    // One place in each file, from its end; columns of one file share it.
    let mut files: Vec<Column<'_>> = Vec::new();
    let file_of: Vec<usize> = columns
        .iter()
        .map(|column| {
            let known = files.iter().position(|file| file.is_beside(column));
            known.unwrap_or_else(|| {
                files.push(*column);
                files.len() - 1
            })
        })
        .collect();
    let mut ends: Vec<usize> = files.iter().map(|file| file.rows().len()).collect();
    let days_max = wanted
        .returns_max
        .map_or(usize::MAX, |max| max.saturating_add(1));
    let (mut days, mut left_out, mut left_out_so_far) = (Vec::new(), 0, 0);
    while days.len() < days_max {
        let last =
            |(file, end): (&Column<'_>, &usize)| Some(file.rows().get(end.checked_sub(1)?)?.day);
        let lasts: Option<Vec<Date>> = files.iter().zip(&ends).map(last).collect();
        let Some(earliest) = lasts.as_ref().and_then(|lasts| lasts.iter().min()) else {
            break;
        };
        let is_common = lasts.iter().flatten().all(|day| day == earliest);
        if !is_common {
            for (end, day) in ends.iter_mut().zip(lasts.iter().flatten()) {
                *end -= usize::from(earliest < day);
            }
            left_out_so_far += usize::from(!days.is_empty());
            continue;
        }
        let mut prices = Vec::with_capacity(columns.len());
        for (column, file) in columns.iter().zip(&file_of) {
            let Some(row) = column.rows().get(ends[*file] - 1) else {
                continue;
            };
            match (column.price(row), wanted.missing) {
                (Some(price), _) => prices.push(price),
                (None, Missing::Refuse) => return Err(column.missing(row)),
                (None, Missing::Drop) => break,
            }
        }
        if prices.len() == columns.len() {
            let day = *earliest;
            days.push(CommonDay { day, prices });
            left_out = left_out_so_far;
        } else {
            left_out_so_far += usize::from(!days.is_empty());
        }
        ends.iter_mut().for_each(|end| *end -= 1);
    }
    days.reverse();
    Ok((days, left_out))
}

fn check_count(
    columns: &[Column<'_>],
    names: &[&str],
    days: &[CommonDay],
    wanted: Wanted,
) -> Result<(), AnalyticsError> {
    let count = days.len().saturating_sub(1);
    if wanted.returns_min.max(1) <= count {
        return Ok(());
    }
    let mut spans: Vec<String> = Vec::new();
    for column in columns {
        let span = column.span();
        if !spans.contains(&span) {
            spans.push(span);
        }
    }
    let spans = spans.join("; ");
    let who = match names {
        [name] => (*name).to_owned(),
        [first, .., last] if names.len() == 2 => format!("{first} and {last}"),
        [first, ..] => format!("{first} and {} others", names.len() - 1),
        [] => String::new(),
    };
    let problem = match days {
        [] if names.len() == 1 => format!("{who} has no price in its file; add some ({spans})"),
        [] => format!(
            "{who} have no day in common; see that their files overlap and write dates alike \
             ({spans})"
        ),
        _ => format!(
            "too short a history: {who} {} where analytics.returns_min asks for {}; add rows, or \
             write a lower one ({spans})",
            match names {
                [_] => format!("has {count} daily returns"),
                _ => format!("have {count} daily returns in common"),
            },
            wanted.returns_min
        ),
    };
    Err(AnalyticsError::new(problem))
}

fn simple_returns(
    column: &Column<'_>,
    name: &str,
    prices: &[f64],
    days: &[CommonDay],
) -> Result<Vec<f64>, AnalyticsError> {
    let mut returns = Vec::with_capacity(prices.len());
    for (pair, day) in prices.windows(2).zip(days.iter().skip(1)) {
        let [before, price] = pair else { continue };
        let simple = price / before - 1.0;
        if RETURN_MAX < simple {
            let row = column.rows().iter().find(|row| row.day == day.day);
            let problem = format!(
                "more than {RETURN_MAX} times {before}, the price before it; correct one of them"
            );
            return Err(match row {
                Some(row) => column.wrong(row, &price.to_string(), problem),
                None => AnalyticsError::new(format!("{name} on {}: {problem}", day.day)),
            });
        }
        returns.push(simple);
    }
    Ok(returns)
}
