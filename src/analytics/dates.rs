//! Dates: a day as files write it.

use crate::config::analytics::DateOrder;
use jiff::civil::Date;

/// A day of three numbers with `-`, `/`, `.` or a blank between them, or of eight digits without, in
/// that order and no other. A time of day may follow, behind a blank or a `T`: it says nothing.
pub(super) fn parse(text: &str, order: DateOrder) -> Option<Date> {
    let day = match text.find(['T', ' ']) {
        Some(at) if is_time(&text[at + 1..]) => &text[..at],
        Some(_) => return None,
        None => text,
    };
    let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let parts: Vec<&str> = match day.find(['-', '/', '.']) {
        Some(at) => day.split(char::from(day.as_bytes()[at])).collect(),
        None if day.len() == 8 && is_digits(day) => match order {
            DateOrder::Ymd => vec![&day[..4], &day[4..6], &day[6..]],
            DateOrder::Dmy | DateOrder::Mdy => vec![&day[..2], &day[2..4], &day[4..]],
        },
        None => return None,
    };
    let [year, month, day] = match (order, parts.as_slice()) {
        (DateOrder::Ymd, [year, month, day]) => [*year, *month, *day],
        (DateOrder::Dmy, [day, month, year]) => [*year, *month, *day],
        (DateOrder::Mdy, [month, day, year]) => [*year, *month, *day],
        _ => return None,
    };
    let is_short = |part: &str| matches!(part.len(), 1 | 2) && is_digits(part);
    if year.len() != 4 || !is_digits(year) || !is_short(month) || !is_short(day) {
        return None;
    }
    Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()
}

/// `HH:MM`, with or without what may follow it.
fn is_time(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let is_part = |byte: &u8| byte.is_ascii_digit() || b":.+-Z".contains(byte);
    is_digit(0) && is_digit(1) && bytes.get(2) == Some(&b':') && bytes.iter().all(is_part)
}

/// How a day is to be written.
pub(super) const fn example(order: DateOrder) -> &'static str {
    match order {
        DateOrder::Ymd => "2026-12-31",
        DateOrder::Dmy => "31-12-2026",
        DateOrder::Mdy => "12-31-2026",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_read_in_its_order_with_any_sign_between() {
        let day = Date::constant(2021, 3, 4);
        for text in [
            "2021-03-04",
            "2021/3/4",
            "2021.03.04",
            "20210304",
            "2021-03-04 00:00:00",
            "2021-03-04T16:00:00-05:00",
            "2021-03-04 00:00:00+00:00",
            "2021-03-04T00:00:00.000000000Z",
        ] {
            assert_eq!(parse(text, DateOrder::Ymd), Some(day), "{text}");
        }
        for text in ["04/03/2021", "4.3.2021", "04-03-2021 12:00", "04032021"] {
            assert_eq!(parse(text, DateOrder::Dmy), Some(day), "{text}");
        }
        assert_eq!(parse("03/04/2021", DateOrder::Mdy), Some(day));
    }

    #[test]
    fn what_is_no_day_in_that_order_is_none() {
        for text in [
            "",
            "2021",
            "2021-13-01",
            "2021-02-30",
            "21-02-03",
            "04/03/2021",
            "2021-03/04",
            "2021-03-04-05",
            "2021-03-04 noon",
            "2021-03-04T",
            "+021-03-04",
            "2021-+3-04",
            "202103040",
            "2021-03-04 12",
            "é021-03-04",
        ] {
            assert_eq!(parse(text, DateOrder::Ymd), None, "{text}");
        }
        assert_eq!(parse("2021-03-04", DateOrder::Dmy), None);
        assert_eq!(parse("13/13/2021", DateOrder::Mdy), None);
    }
}
