//! Notation: how durations, sizes, shares and texts are written, both ways, exactly.

use crate::units::{DecimalError, Nanos, parse_decimal, write_decimal};

/// Why a text is not what was asked for, with the remedy.
pub(crate) type Problem = String;

const DURATIONS: [(&str, u64); 7] = [
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];

const SIZES: [(&str, u64); 4] = [
    ("", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

/// Basis points are held in 1e-4 of one.
pub(crate) const BPS_DIGITS: u32 = 4;

/// Multipliers are held in 1e-9.
pub(crate) const MULTIPLIER_DIGITS: u32 = 9;

/// Shares are held in millionths.
pub(crate) const SHARE_DIGITS: u32 = 6;

/// Reads `500ms`.
pub(crate) fn parse_duration(text: &str) -> Result<Nanos, Problem> {
    let (number, unit) = split_number(text);
    let scale = DURATIONS
        .iter()
        .find(|(name, _)| *name == unit)
        .map(|(_, scale)| *scale);
    match (number, scale) {
        (Some(number), Some(scale)) => number
            .checked_mul(scale)
            .map(Nanos::from_raw)
            .ok_or_else(|| "longer than any clock runs; write less".to_owned()),
        _ => Err(
            "not a duration; write a whole number and one of ns us ms s m h d, as in \"500ms\""
                .to_owned(),
        ),
    }
}

/// Writes a duration in the widest unit that holds it exactly.
pub(crate) fn write_duration(span: Nanos) -> String {
    write_scaled(span.raw(), &DURATIONS)
}

/// Reads `64MiB`.
pub(crate) fn parse_size(text: &str) -> Result<u64, Problem> {
    let (number, unit) = split_number(text);
    let scale = SIZES
        .iter()
        .find(|(name, _)| *name == unit)
        .map(|(_, scale)| *scale);
    match (number, scale) {
        (Some(number), Some(scale)) => number
            .checked_mul(scale)
            .ok_or_else(|| "more than 64 bits; write less".to_owned()),
        _ => Err(
            "not a size; write a whole number of bytes, or of KiB MiB GiB as in \"64MiB\""
                .to_owned(),
        ),
    }
}

/// Writes a size in the widest unit that holds it exactly.
pub(crate) fn write_size(bytes: u64) -> String {
    write_scaled(bytes, &SIZES)
}

/// Reads a decimal of `digits` that is not negative and at most `max`.
pub(crate) fn parse_scaled(text: &str, digits: u32, max: u64) -> Result<u64, DecimalError> {
    let raw = parse_decimal(text, digits)?;
    u64::try_from(raw)
        .ok()
        .filter(|raw| *raw <= max)
        .ok_or(DecimalError::OutOfRange)
}

/// Writes what [`parse_scaled`] reads.
pub(crate) fn write_digits(raw: u64, digits: u32) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write_decimal(&mut out, i128::from(raw), digits);
    out
}

/// Writes a part of 1 with a sign, in millionths.
pub(crate) fn write_millionths(raw: i64) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write_decimal(&mut out, i128::from(raw), SHARE_DIGITS);
    out
}

/// A basic string of TOML.
pub(crate) fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            control if control.is_control() => {
                out.push_str(&format!("\\u{:04X}", u32::from(control)));
            }
            plain => out.push(plain),
        }
    }
    out.push('"');
    out
}

/// What stands in a file, fit to be shown: one line, no control characters, not too long, and no
/// key that somebody has put where it does not belong.
pub(crate) fn show(text: &str) -> String {
    const CHARACTERS_MAX: usize = 60;
    if has_key(text) {
        return "(hidden)".to_owned();
    }
    let mut out = String::new();
    for (count, character) in text.chars().enumerate() {
        if count == CHARACTERS_MAX {
            out.push_str("...");
            break;
        }
        out.push(if character.is_control() {
            ' '
        } else {
            character
        });
    }
    out
}

/// True for a run of hexadecimal digits too long to be anything else.
pub(crate) fn has_key(text: &str) -> bool {
    const DIGITS_MIN: usize = 32;
    let mut digits = 0;
    text.bytes().any(|byte| {
        digits = if byte.is_ascii_hexdigit() {
            digits + 1
        } else {
            0
        };
        digits == DIGITS_MIN
    })
}

/// The known word that `text` was probably meant to be.
pub(crate) fn nearest<'k>(text: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    const BYTES_MAX: usize = 48;
    if text.len() > BYTES_MAX {
        return None;
    }
    known
        .map(|word| (distance(text.as_bytes(), word.as_bytes()), word))
        .filter(|(steps, word)| *steps <= 1 + word.len() / 4)
        .min()
        .map(|(_, word)| word)
}

/// How many bytes must be put in, left out or changed.
fn distance(from: &[u8], to: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (index, a) in from.iter().enumerate() {
        let mut diagonal = index;
        let mut left = index + 1;
        row[0] = left;
        for (cell, b) in row[1..].iter_mut().zip(to) {
            let steps = (diagonal + usize::from(a != b))
                .min(left + 1)
                .min(*cell + 1);
            diagonal = *cell;
            *cell = steps;
            left = steps;
        }
    }
    row[to.len()]
}

fn split_number(text: &str) -> (Option<u64>, &str) {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    (digits.parse().ok(), unit)
}

fn write_scaled(raw: u64, units: &[(&str, u64)]) -> String {
    let widest = units
        .iter()
        .rev()
        .find(|(_, scale)| raw != 0 && raw.is_multiple_of(*scale));
    let (unit, scale) = widest.or(units.first()).copied().unwrap_or(("", 1));
    format!("{}{unit}", raw / scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_the_same() {
        for raw in [
            0,
            1,
            999,
            1_000,
            1_500_000,
            60_000_000_000,
            86_400_000_000_000,
            u64::MAX,
        ] {
            let span = Nanos::from_raw(raw);
            assert_eq!(parse_duration(&write_duration(span)), Ok(span));
            assert_eq!(parse_size(&write_size(raw)), Ok(raw));
        }
        for (text, nanos) in [
            ("7ns", 7),
            ("7us", 7_000),
            ("500ms", 500_000_000),
            ("90s", 90_000_000_000),
            ("5m", 300_000_000_000),
            ("3h", 10_800_000_000_000),
            ("2d", 172_800_000_000_000),
        ] {
            assert_eq!(parse_duration(text), Ok(Nanos::from_raw(nanos)));
            assert_eq!(write_duration(Nanos::from_raw(nanos)), text);
        }
        assert_eq!(parse_size("3KiB"), Ok(3 * 1024));
        assert_eq!(parse_size("3GiB"), Ok(3 * 1024 * 1024 * 1024));
        assert_eq!(write_size(1 << 20), "1MiB");
        assert_eq!(write_digits(105_000, BPS_DIGITS), "10.5");
        assert_eq!(parse_scaled("10.5", BPS_DIGITS, u64::MAX), Ok(105_000));
    }

    #[test]
    fn what_is_not_a_duration_or_a_size_is_refused() {
        for text in [
            "",
            "5",
            "ms",
            "-5s",
            "1.5s",
            "5 s",
            "5S",
            "1h30m",
            "99999999999d",
            "5µs",
        ] {
            assert!(parse_duration(text).is_err(), "{text:?}");
        }
        for text in [
            "",
            "MiB",
            "-1",
            "1.5KiB",
            "1MB",
            "99999999999GiB",
            "18446744073709551616",
        ] {
            assert!(parse_size(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_nearest_word_is_the_one_that_was_meant() {
        let known = ["order_qty_max", "order_rate", "others"];
        assert_eq!(
            nearest("order_qty_maxx", known.into_iter()),
            Some("order_qty_max")
        );
        assert_eq!(nearest("oder_rate", known.into_iter()), Some("order_rate"));
        assert_eq!(nearest("fish", known.into_iter()), None);
        assert_eq!(distance(b"kitten", b"sitting"), 3);
        assert_eq!(distance(b"", b"abc"), 3);
    }

    #[test]
    fn quoted_text_is_what_toml_reads() {
        for text in ["", "plain", "a\"b\\c", "tab\tnew\nline", "\u{7f}", "grüße"] {
            let toml = quote(text);
            let value = toml::de::DeValue::parse(&toml).expect("a basic string");
            assert_eq!(value.get_ref().as_str(), Some(text));
        }
    }
}
