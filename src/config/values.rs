//! Values: what one value of the file may be, with the remedy where it is something else.
//!
//! Decimals are read from the digits that stand in the file, be it as text, integer or float of
//! TOML: no value passes through a float.

use crate::config::notation::{self, Problem, nearest};
use crate::message::Text;
use crate::units::{DecimalError, Nanos};
use std::fmt::Display;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use toml::de::DeValue;

/// Any text that is not empty.
pub(crate) fn text(value: &DeValue<'_>) -> Result<String, Problem> {
    match value.as_str() {
        Some("") => Err("empty; write some text".to_owned()),
        Some(text) => Ok(text.to_owned()),
        None => Err(format!(
            "not a text but {}; write it in quotes",
            kind(value)
        )),
    }
}

/// A name that fits a message.
pub(crate) fn name(value: &DeValue<'_>) -> Result<String, Problem> {
    let text = text(value)?;
    let is_name = Text::new(&text).is_some_and(|name| name.is_id()) && text.trim() == text;
    if is_name {
        Ok(text)
    } else {
        Err(
            "not a name; write 1 to 36 printable ASCII characters, no blank at either end"
                .to_owned(),
        )
    }
}

/// `true` or `false`.
pub(crate) fn flag(value: &DeValue<'_>) -> Result<bool, Problem> {
    value
        .as_bool()
        .ok_or_else(|| "neither true nor false; write one of them".to_owned())
}

/// A whole number within bounds.
pub(crate) fn count<T>(bounds: RangeInclusive<T>) -> impl Fn(&DeValue<'_>) -> Result<T, Problem>
where
    T: Copy + Display + Into<u64> + TryFrom<u64>,
{
    move |value| {
        let (low, high) = (*bounds.start(), *bounds.end());
        let number = value.as_integer().and_then(|integer| {
            let digits = integer.as_str().trim_start_matches('+');
            u64::from_str_radix(digits, integer.radix()).ok()
        });
        let is_inside = |number: &u64| (low.into()..=high.into()).contains(number);
        number
            .filter(is_inside)
            .and_then(|number| T::try_from(number).ok())
            .ok_or_else(|| {
                format!("not a whole number from {low} to {high}; write one, without quotes")
            })
    }
}

/// A count that is a power of two.
pub(crate) fn power_of_two(
    bounds: RangeInclusive<u32>,
) -> impl Fn(&DeValue<'_>) -> Result<u32, Problem> {
    move |value| {
        let number = count(bounds.clone())(value)?;
        if number.is_power_of_two() {
            return Ok(number);
        }
        let above = number.checked_next_power_of_two().unwrap_or(number);
        Err(format!(
            "not a power of two; write {}",
            above.min(*bounds.end())
        ))
    }
}

/// A duration within bounds.
pub(crate) fn duration(
    bounds: RangeInclusive<Nanos>,
) -> impl Fn(&DeValue<'_>) -> Result<Nanos, Problem> {
    move |value| {
        let Some(text) = value.as_str() else {
            return Err(
                "not a duration; write it in quotes with its unit, as in \"500ms\"".to_owned(),
            );
        };
        let span = notation::parse_duration(text)?;
        if bounds.contains(&span) {
            return Ok(span);
        }
        let [low, high] =
            [bounds.start(), bounds.end()].map(|span| notation::write_duration(*span));
        Err(format!("out of bounds; write {low} to {high}"))
    }
}

/// A size in bytes within bounds.
pub(crate) fn size(bounds: RangeInclusive<u64>) -> impl Fn(&DeValue<'_>) -> Result<u64, Problem> {
    move |value| {
        let bytes = match value {
            DeValue::String(text) => notation::parse_size(text)?,
            _ => count(0..=u64::MAX)(value)?,
        };
        if bounds.contains(&bytes) {
            return Ok(bytes);
        }
        let [low, high] = [bounds.start(), bounds.end()].map(|bytes| notation::write_size(*bytes));
        Err(format!("out of bounds; write {low} to {high}"))
    }
}

/// An exact decimal, in the unit that `parse` reads.
pub(crate) fn decimal<T>(
    parse: impl Fn(&str) -> Result<T, DecimalError>,
) -> impl Fn(&DeValue<'_>) -> Result<T, Problem> {
    move |value| {
        let text = match value {
            DeValue::String(text) => text.as_ref(),
            DeValue::Integer(integer) if integer.radix() == 10 => without_plus(integer.as_str()),
            DeValue::Float(float) => without_plus(float.as_str()),
            _ => return Err(DecimalError::NotADecimal.to_string()),
        };
        parse(text).map_err(|error| match error {
            DecimalError::OutOfRange => format!("{error}; write one that it can hold"),
            DecimalError::TooPrecise => format!("{error}; write fewer"),
            _ => error.to_string(),
        })
    }
}

/// One of some words.
pub(crate) fn choice<T: Copy>(
    words: &[(&'static str, T)],
) -> impl Fn(&DeValue<'_>) -> Result<T, Problem> {
    move |value| {
        let written = value.as_str().unwrap_or("");
        if let Some((_, choice)) = words.iter().find(|(word, _)| *word == written) {
            return Ok(*choice);
        }
        let known = || words.iter().map(|(word, _)| *word);
        let meant = nearest(written, known()).map(|word| format!("did you mean \"{word}\"? "));
        let known = known().map(notation::quote).collect::<Vec<_>>().join(", ");
        Err(format!(
            "unknown; {}known: {known}",
            meant.unwrap_or_default()
        ))
    }
}

/// A list of words, each at most once and at least one.
pub(crate) fn choices<T: Copy + PartialEq>(
    words: &[(&'static str, T)],
) -> impl Fn(&DeValue<'_>) -> Result<Vec<T>, Problem> {
    move |value| {
        let mut chosen = Vec::new();
        for element in value.as_array().into_iter().flatten() {
            let word = choice(words)(element.get_ref())?;
            if chosen.contains(&word) {
                return Err("a word twice; keep one of them".to_owned());
            }
            chosen.push(word);
        }
        if chosen.is_empty() {
            let known = words
                .iter()
                .map(|(word, _)| notation::quote(word))
                .collect::<Vec<_>>();
            return Err(format!("not a list; write some of [{}]", known.join(", ")));
        }
        Ok(chosen)
    }
}

/// `"off"`, or what `read` takes.
pub(crate) fn off_or<T>(
    read: impl Fn(&DeValue<'_>) -> Result<T, Problem>,
) -> impl Fn(&DeValue<'_>) -> Result<Option<T>, Problem> {
    move |value| match value.as_str() {
        Some("off") => Ok(None),
        _ => read(value)
            .map(Some)
            .map_err(|problem| format!("{problem}; or \"off\"")),
    }
}

/// An address in digits: names would have to be looked up.
pub(crate) fn address(value: &DeValue<'_>) -> Result<SocketAddr, Problem> {
    value
        .as_str()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| {
            "not an address; write digits and a port, as in \"127.0.0.1:7001\" or \"[::1]:7001\""
                .to_owned()
        })
}

fn without_plus(digits: &str) -> &str {
    digits.strip_prefix('+').unwrap_or(digits)
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
