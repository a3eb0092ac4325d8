//! Calendars: when markets trade, as people write it, and every change of phase worked out in UTC.
//!
//! Sessions are written in the market's own time. Its zone's rules are built in, so that the same file
//! means the same on every machine; where the clocks are put forward or back, a time that does not
//! exist or exists twice is read as most clocks show it.

use crate::config::effective::{Writer, list};
use crate::config::notation::{Problem, quote, show};
use crate::config::reader::Table;
use crate::config::symbols::{ORDER_TYPES, TIMES_IN_FORCE, order_types, times_in_force};
use crate::config::values::{choice, choices, name, text};
use crate::risk::setup::{self, PhaseChange, ReferenceKind};
use crate::units::Nanos;
use jiff::ToSpan as _;
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use toml::de::DeValue;

/// A calendar as it is written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CalendarTerms {
    /// Its name.
    pub name: String,
    /// A name of the zone database.
    pub time_zone: String,
    /// The first day that it covers.
    pub first_day: Date,
    /// The last.
    pub last_day: Date,
    /// The days of the week on which the market trades.
    pub weekdays: Vec<Day>,
    /// Days on which it does not.
    pub holidays: Vec<Date>,
    /// Days on which the sessions of half days hold.
    pub half_days: Vec<Date>,
    /// In the order of the file.
    pub sessions: Vec<SessionTerms>,
}

/// A session as it is written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SessionTerms {
    /// When it begins and ends, in minutes from the day's midnight. One that ends no later than it
    /// begins has begun the day before.
    pub from_minutes: u16,
    /// See there.
    pub to_minutes: u16,
    /// On which days.
    pub days: DayKind,
    /// What passes in it.
    pub session: setup::Session,
}

/// On which days a session is held.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum DayKind {
    /// On every day.
    #[default]
    All,
    /// On those that are no half days.
    Full,
    /// On half days.
    Half,
}

/// A day of the week: 0 is Monday.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Day(pub u8);

pub(crate) const DAYS: [(&str, Day); 7] = [
    ("mon", Day(0)),
    ("tue", Day(1)),
    ("wed", Day(2)),
    ("thu", Day(3)),
    ("fri", Day(4)),
    ("sat", Day(5)),
    ("sun", Day(6)),
];

pub(crate) const DAY_KINDS: [(&str, DayKind); 3] = [
    ("all", DayKind::All),
    ("full", DayKind::Full),
    ("half", DayKind::Half),
];

pub(crate) const REFERENCES: [(&str, ReferenceKind); 3] = [
    ("mid", ReferenceKind::Mid),
    ("last", ReferenceKind::Last),
    ("close", ReferenceKind::Close),
];

/// As many days as anybody plans for.
const DAYS_MAX: i32 = 3_700;
const SESSIONS_MAX: usize = 32;

/// Reads one `[[calendar]]`, and works it out.
pub(crate) fn read(table: &Table<'_>) -> (CalendarTerms, setup::Calendar) {
    let today = Date::default();
    let terms = CalendarTerms {
        name: table.get("name", name).unwrap_or_default(),
        time_zone: table.get("time_zone", text).unwrap_or_default(),
        first_day: table.get("first_day", date).unwrap_or(today),
        last_day: table.get("last_day", date).unwrap_or(today),
        weekdays: table.get("weekdays", choices(&DAYS)).unwrap_or_default(),
        holidays: dates(table, "holidays"),
        half_days: dates(table, "half_days"),
        sessions: table
            .tables("session", SESSIONS_MAX)
            .iter()
            .map(read_session)
            .collect(),
    };
    let worked_out = match TimeZone::get(&terms.time_zone) {
        Ok(zone) => work_out(&terms, &zone),
        Err(_) => Err((
            "time_zone",
            "unknown; write a name of the zone database, as in \"America/New_York\" or \"UTC\""
                .to_owned(),
        )),
    };
    let changes = worked_out.unwrap_or_else(|(key, problem)| {
        table.refuse(key, problem);
        Vec::new()
    });
    let calendar = setup::Calendar {
        name: terms.name.clone(),
        sessions: terms.sessions.iter().map(|of| of.session.clone()).collect(),
        changes,
    };
    (terms, calendar)
}

fn read_session(table: &Table<'_>) -> SessionTerms {
    SessionTerms {
        from_minutes: table.get("from", clock).unwrap_or_default(),
        to_minutes: table.get("to", clock).unwrap_or_default(),
        days: table.get("days", choice(&DAY_KINDS)).unwrap_or_default(),
        session: setup::Session {
            name: table.get("name", name).unwrap_or_default(),
            order_types: table
                .get("order_types", choices(&ORDER_TYPES))
                .unwrap_or_default(),
            times_in_force: table
                .get("times_in_force", choices(&TIMES_IN_FORCE))
                .unwrap_or_default(),
            reference: table
                .get("reference", choice(&REFERENCES))
                .unwrap_or_default(),
        },
    }
}

/// Every change of phase, or the key that stands in the way, and why.
fn work_out(
    terms: &CalendarTerms,
    zone: &TimeZone,
) -> Result<Vec<PhaseChange>, (&'static str, Problem)> {
    let span = (terms.last_day - terms.first_day).get_days();
    if !(0..DAYS_MAX).contains(&span) {
        let problem = format!("before first_day, or more than {DAYS_MAX} days behind it");
        return Err((
            "last_day",
            format!("{problem}; write a later or an earlier one"),
        ));
    }
    if terms.sessions.is_empty() {
        let problem = "no session: it would never open; write a [[calendar.session]]";
        return Err(("session", problem.to_owned()));
    }
    // Each session that is held: when, which, and on which trading day.
    let mut held: Vec<(Nanos, Nanos, u16, u32)> = Vec::new();
    let mut day = 0;
    for date in terms.first_day.series(1.day()).take(span as usize + 1) {
        let weekday = Day(weekday(date.weekday()));
        if !terms.weekdays.contains(&weekday) || terms.holidays.contains(&date) {
            continue;
        }
        let kind = match terms.half_days.contains(&date) {
            true => DayKind::Half,
            false => DayKind::Full,
        };
        let first = held.len();
        for (at, session) in (0u16..).zip(&terms.sessions) {
            if session.days != DayKind::All && session.days != kind {
                continue;
            }
            let begins_before = session.to_minutes <= session.from_minutes;
            let from = instant(date, session.from_minutes, begins_before, zone);
            let to = instant(date, session.to_minutes, false, zone);
            match (from, to) {
                (Some(from), Some(to)) if from < to => held.push((from, to, at, day)),
                // The clocks were put forward over it.
                (Some(_), Some(_)) => {}
                _ => return Err(("first_day", "before 1970; write a later one".to_owned())),
            }
        }
        held[first..].sort_unstable();
        day += u32::from(first < held.len());
    }
    if let Some(pair) = held.windows(2).find(|pair| pair[1].0 < pair[0].1) {
        let names = [&pair[0], &pair[1]];
        let [one, other] =
            names.map(|held| show(&terms.sessions[usize::from(held.2)].session.name));
        let problem = format!("{one} and {other} overlap; let one end where the other begins");
        return Err(("session", problem));
    }
    Ok(changes(&held))
}

fn changes(held: &[(Nanos, Nanos, u16, u32)]) -> Vec<PhaseChange> {
    let mut changes = Vec::with_capacity(2 * held.len());
    for (at, &(from, to, session, day)) in held.iter().enumerate() {
        changes.push(PhaseChange {
            time: from,
            session: Some(session),
            day,
        });
        let next = held.get(at + 1);
        if next.is_none_or(|next| next.0 != to) {
            let is_last = next.is_none_or(|next| next.3 != day);
            changes.push(PhaseChange {
                time: to,
                session: None,
                day: day + u32::from(is_last),
            });
        }
    }
    changes
}

/// So many minutes behind a day's midnight, or that of the day before.
fn instant(date: Date, minutes: u16, day_before: bool, zone: &TimeZone) -> Option<Nanos> {
    let date = if day_before {
        date.yesterday().ok()?
    } else {
        date
    };
    let (date, minutes) = match minutes {
        MIDNIGHT => (date.tomorrow().ok()?, 0),
        minutes => (date, minutes),
    };
    let (hour, minute) = ((minutes / 60) as i8, (minutes % 60) as i8);
    let time = date.at(hour, minute, 0, 0).to_zoned(zone.clone()).ok()?;
    let nanos = time.timestamp().as_nanosecond();
    u64::try_from(nanos).ok().map(Nanos::from_raw)
}

/// The midnight at the end of a day, in minutes.
const MIDNIGHT: u16 = 24 * 60;

fn weekday(day: Weekday) -> u8 {
    day.to_monday_zero_offset() as u8
}

fn dates(table: &Table<'_>, key: &'static str) -> Vec<Date> {
    let mut dates = Vec::new();
    for value in table.elements(key) {
        match date(value.get_ref()) {
            Ok(date) => dates.push(date),
            Err(problem) => table.refuse_value(key, value, problem),
        }
    }
    dates
}

fn date(value: &DeValue<'_>) -> Result<Date, Problem> {
    let date = value.as_str().and_then(|text| text.parse().ok());
    date.ok_or_else(|| "not a day; write it in quotes, as in \"2026-12-31\"".to_owned())
}

/// `HH:MM`, to `24:00`, in minutes.
fn clock(value: &DeValue<'_>) -> Result<u16, Problem> {
    let parse = |text: &str| {
        let (hours, minutes) = text.split_once(':')?;
        let is_two =
            |digits: &str| digits.len() == 2 && digits.bytes().all(|of| of.is_ascii_digit());
        if !is_two(hours) || !is_two(minutes) {
            return None;
        }
        let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
        let all = 60 * hours + minutes;
        (minutes < 60 && all <= MIDNIGHT).then_some(all)
    };
    let minutes = value.as_str().and_then(parse);
    minutes.ok_or_else(|| "not a time of day; write it in quotes, as in \"09:30\"".to_owned())
}

/// What [`clock`] reads.
pub(crate) fn write_clock(minutes: u16) -> String {
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

pub(crate) fn write(out: &mut Writer, calendar: &CalendarTerms) {
    let days = |days: &[Date]| {
        let days = days.iter().map(|day| quote(&day.to_string()));
        list(&days.collect::<Vec<_>>())
    };
    out.table("[[calendar]]");
    out.put("name", quote(&calendar.name));
    out.put("time_zone", quote(&calendar.time_zone));
    out.put("first_day", quote(&calendar.first_day.to_string()));
    out.put("last_day", quote(&calendar.last_day.to_string()));
    let weekdays = calendar.weekdays.iter().map(|of| word(&DAYS, of));
    out.put("weekdays", list(&weekdays.collect::<Vec<_>>()));
    out.put("holidays", days(&calendar.holidays));
    out.put("half_days", days(&calendar.half_days));
    for terms in &calendar.sessions {
        let session = &terms.session;
        out.table("[[calendar.session]]");
        out.put("name", quote(&session.name));
        out.put("from", quote(&write_clock(terms.from_minutes)));
        out.put("to", quote(&write_clock(terms.to_minutes)));
        out.word("days", &DAY_KINDS, &terms.days);
        out.put("order_types", order_types(&session.order_types));
        out.put("times_in_force", times_in_force(&session.times_in_force));
        out.word("reference", &REFERENCES, &session.reference);
    }
}

fn word<T: PartialEq>(words: &[(&str, T)], value: &T) -> String {
    let known = words.iter().find(|(_, known)| known == value);
    known.map_or(String::new(), |(word, _)| quote(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(sessions: &[(&str, &str, DayKind)]) -> CalendarTerms {
        let minutes = |text: &str| clock(&DeValue::String(text.into())).unwrap();
        CalendarTerms {
            time_zone: "America/New_York".to_owned(),
            first_day: "2026-03-06".parse().unwrap(),
            last_day: "2026-03-10".parse().unwrap(),
            weekdays: (0..5).map(Day).collect(),
            sessions: sessions
                .iter()
                .map(|(from, to, days)| SessionTerms {
                    from_minutes: minutes(from),
                    to_minutes: minutes(to),
                    days: *days,
                    session: setup::Session::default(),
                })
                .collect(),
            ..CalendarTerms::default()
        }
    }

    fn told(terms: &CalendarTerms) -> Vec<String> {
        let zone = TimeZone::get(&terms.time_zone).unwrap();
        let changes = work_out(terms, &zone).unwrap();
        let told = changes.iter().map(|change| {
            let time = jiff::Timestamp::from_nanosecond(change.time.raw().into()).unwrap();
            let session = change.session.map_or("-".to_owned(), |at| at.to_string());
            format!("{time} {session} {}", change.day)
        });
        told.collect()
    }

    /// The clocks go forward on Sunday the 8th: the same local time is an hour earlier in UTC.
    #[test]
    fn sessions_follow_the_clocks_of_their_zone() {
        let told = told(&terms(&[("09:30", "16:00", DayKind::All)]));
        let expected = [
            "2026-03-06T14:30:00Z 0 0",
            "2026-03-06T21:00:00Z - 1",
            "2026-03-09T13:30:00Z 0 1",
            "2026-03-09T20:00:00Z - 2",
            "2026-03-10T13:30:00Z 0 2",
            "2026-03-10T20:00:00Z - 3",
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn holidays_are_left_out_and_half_days_have_sessions_of_their_own() {
        let mut terms = terms(&[
            ("04:00", "09:30", DayKind::All),
            ("09:30", "16:00", DayKind::Full),
            ("09:30", "13:00", DayKind::Half),
        ]);
        terms.holidays.push("2026-03-09".parse().unwrap());
        terms.half_days.push("2026-03-10".parse().unwrap());
        let expected = [
            "2026-03-06T09:00:00Z 0 0",
            "2026-03-06T14:30:00Z 1 0",
            "2026-03-06T21:00:00Z - 1",
            "2026-03-10T08:00:00Z 0 1",
            "2026-03-10T13:30:00Z 2 1",
            "2026-03-10T17:00:00Z - 2",
        ];
        assert_eq!(told(&terms), expected);
    }

    #[test]
    fn a_session_over_midnight_belongs_to_the_day_on_which_it_ends() {
        let told = told(&terms(&[("18:00", "17:00", DayKind::All)]));
        assert_eq!(told[0], "2026-03-05T23:00:00Z 0 0");
        assert_eq!(told[1], "2026-03-06T22:00:00Z - 1");
        assert_eq!(told[2], "2026-03-08T22:00:00Z 0 1");
    }

    #[test]
    fn days_that_touch_are_told_apart() {
        let mut terms = terms(&[("00:00", "24:00", DayKind::All)]);
        terms.time_zone = "UTC".to_owned();
        terms.weekdays = (0..7).map(Day).collect();
        let told = told(&terms);
        assert_eq!(told[1], "2026-03-07T00:00:00Z 0 1");
        assert_eq!(told.last().unwrap(), "2026-03-11T00:00:00Z - 5");
    }

    #[test]
    fn sessions_that_overlap_are_refused() {
        let terms = terms(&[
            ("09:30", "16:00", DayKind::All),
            ("15:00", "17:00", DayKind::All),
        ]);
        let zone = TimeZone::get(&terms.time_zone).unwrap();
        assert_eq!(work_out(&terms, &zone).unwrap_err().0, "session");
    }
}
