//! Fields: a JSON object taken apart with nothing lost: values as written, no field unknown, none twice.

use crate::message::Text;
use crate::protocol::scenario::LineError;
use crate::units::DecimalError;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// More fields than any object of the format has.
const FIELDS_MAX: usize = 24;
/// How much of a wrong value an error repeats, in bytes.
const SHOWN_MAX: usize = 80;

/// The fields of one object, as they are written.
pub(super) struct Fields<'a> {
    /// The object's own name; empty for the line.
    path: &'static str,
    allowed: &'static [&'static str],
    /// By place in `allowed`.
    values: [Option<&'a str>; FIELDS_MAX],
}

impl<'a> Fields<'a> {
    /// Takes `text` apart; only fields in `allowed` may be there, each once.
    pub(super) fn read(
        path: &'static str,
        allowed: &'static [&'static str],
        text: &'a str,
    ) -> Result<Self, LineError> {
        assert!(allowed.len() <= FIELDS_MAX);
        let mut reading = Reading {
            fields: Self {
                path,
                allowed,
                values: [None; FIELDS_MAX],
            },
            problem: None,
        };
        let mut json = serde_json::Deserializer::from_str(text);
        let outcome = (&mut reading)
            .deserialize(&mut json)
            .and_then(|()| json.end());
        let Reading { fields, problem } = reading;
        match (outcome, problem) {
            (Ok(()), None) => Ok(fields),
            (_, Some(problem)) => Err(problem),
            (Err(error), None) => Err(syntax_error(path, text, &error)),
        }
    }

    /// The value of a field as it is written, if it is there.
    pub(super) fn raw(&self, name: &str) -> Option<&'a str> {
        let place = self.allowed.iter().position(|allowed| *allowed == name);
        self.values[place.expect("a field that the object may have")]
    }

    /// The first field that is there of those behind the first `skip`.
    pub(super) fn only(&self, skip: usize) -> Option<(&'static str, &'a str)> {
        let mut present = self.present(skip);
        match (present.next(), present.next()) {
            (Some(only), None) => Some(only),
            _ => None,
        }
    }

    /// Every field that is there, of those behind the first `skip`.
    pub(super) fn present(&self, skip: usize) -> impl Iterator<Item = (&'static str, &'a str)> {
        self.allowed
            .iter()
            .zip(self.values)
            .skip(skip)
            .filter_map(|(name, value)| Some((*name, value?)))
    }

    /// A string.
    pub(super) fn string(&self, name: &str) -> Result<Option<Cow<'a, str>>, LineError> {
        let Some(raw) = self.raw(name) else {
            return Ok(None);
        };
        match unquote(raw) {
            Some(text) => Ok(Some(text)),
            None => Err(self.wrong(name, "write a string, in double quotes")),
        }
    }

    /// A client order id, or another short text. It may be empty: that is for the core to refuse.
    pub(super) fn text(&self, name: &str) -> Result<Option<Text>, LineError> {
        let Some(text) = self.string(name)? else {
            return Ok(None);
        };
        match Text::new(&text) {
            Some(text) => Ok(Some(text)),
            None => Err(self.wrong(name, "write at most 36 characters of printable ASCII")),
        }
    }

    /// A decimal, read exactly from a string or a number by `parse`.
    pub(super) fn decimal<T>(
        &self,
        name: &str,
        parse: impl Fn(&str) -> Result<T, DecimalError>,
    ) -> Result<Option<T>, LineError> {
        let Some(raw) = self.raw(name) else {
            return Ok(None);
        };
        let text = match number(raw).map(Cow::Borrowed).or_else(|| unquote(raw)) {
            Some(text) => text,
            None => return Err(self.wrong(name, "write a decimal such as \"101.25\"")),
        };
        match parse(&text) {
            Ok(value) => Ok(Some(value)),
            Err(error) => Err(self.wrong(name, &error.to_string())),
        }
    }

    /// A whole number up to `max`, from a number or a string of digits.
    pub(super) fn integer<T: TryFrom<u64>>(&self, name: &str) -> Result<Option<T>, LineError> {
        let Some(raw) = self.raw(name) else {
            return Ok(None);
        };
        match integer(raw).and_then(|value| T::try_from(value).ok()) {
            Some(value) => Ok(Some(value)),
            None => {
                let bits = 8 * size_of::<T>();
                Err(self.wrong(
                    name,
                    &format!("write a whole number of at most {bits} bits"),
                ))
            }
        }
    }

    /// `true` or `false`; false where it is absent.
    pub(super) fn flag(&self, name: &str) -> Result<bool, LineError> {
        match self.raw(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(self.wrong(name, "write true or false, without quotes")),
        }
    }

    /// The error of a field that must be there.
    #[cold]
    pub(super) fn missing(&self, name: &str, remedy: &str) -> LineError {
        LineError {
            line: 0,
            field: self.path_of(name),
            value: String::new(),
            problem: format!("missing; {remedy}"),
        }
    }

    /// The error of a field whose value will not do.
    #[cold]
    pub(super) fn wrong(&self, name: &str, remedy: &str) -> LineError {
        LineError {
            line: 0,
            field: self.path_of(name),
            value: shorten(self.raw(name).unwrap_or("")),
            problem: remedy.to_owned(),
        }
    }

    fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.path)
        }
    }
}

/// A whole number that is written as a number or as a string of digits.
pub(super) fn integer(raw: &str) -> Option<u64> {
    let digits = number(raw)
        .or_else(|| raw.strip_prefix('"')?.strip_suffix('"'))
        .unwrap_or("");
    let is_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
    is_digits.then(|| digits.parse().ok()).flatten()
}

/// The text of a number, which JSON itself has checked.
fn number(raw: &str) -> Option<&str> {
    matches!(raw.as_bytes(), [b'-' | b'0'..=b'9', ..]).then_some(raw)
}

/// The text of a string; `None` where it is none, or has half a surrogate pair.
pub(super) fn unquote(raw: &str) -> Option<Cow<'_, str>> {
    let inside = raw.strip_prefix('"')?.strip_suffix('"')?;
    if inside.bytes().all(|byte| byte != b'\\') {
        return Some(Cow::Borrowed(inside));
    }
    serde_json::from_str(raw).ok().map(Cow::Owned)
}

/// As much of a wrong value as an error shows.
pub(super) fn shorten(value: &str) -> String {
    if value.len() <= SHOWN_MAX {
        return value.to_owned();
    }
    let end = (0..=SHOWN_MAX)
        .rev()
        .find(|&end| value.is_char_boundary(end))
        .unwrap_or(0);
    format!("{}...", &value[..end])
}

#[cold]
fn syntax_error(path: &'static str, text: &str, error: &serde_json::Error) -> LineError {
    let message = error.to_string();
    // The position that it ends with counts from the beginning of this text, not of the line.
    let message = message.split(" at line ").next().unwrap_or("");
    let place = if path.is_empty() {
        format!(" at column {}", error.column())
    } else {
        String::new()
    };
    LineError {
        line: 0,
        field: path.to_owned(),
        value: shorten(text.trim()),
        problem: format!("not a JSON object: {message}{place}; write one object per line"),
    }
}

struct Reading<'a> {
    fields: Fields<'a>,
    problem: Option<LineError>,
}

impl<'de> DeserializeSeed<'de> for &mut Reading<'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &mut Reading<'de> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        loop {
            let mut unknown = None;
            let allowed = self.fields.allowed;
            let Some(place) = map.next_key_seed(Name {
                allowed,
                unknown: &mut unknown,
            })?
            else {
                return Ok(());
            };
            let value = map.next_value::<&'de RawValue>()?.get();
            if let Some(name) = unknown {
                let names = allowed.join(", ");
                self.problem = Some(LineError {
                    line: 0,
                    field: self.fields.path_of(&shorten(&name)),
                    value: shorten(value),
                    problem: format!("unknown field; the fields here are {names}"),
                });
                return Err(A::Error::custom(""));
            }
            let name = allowed[place];
            if self.fields.values[place].replace(value).is_some() {
                self.problem = Some(
                    self.fields
                        .wrong(name, "the field stands twice; write it once"),
                );
                return Err(A::Error::custom(""));
            }
        }
    }
}

/// The place of a field's name in `allowed`, or the name.
struct Name<'b> {
    allowed: &'static [&'static str],
    unknown: &'b mut Option<String>,
}

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<usize, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = usize;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("the name of a field")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<usize, E> {
        let place = self.allowed.iter().position(|allowed| *allowed == name);
        if place.is_none() {
            *self.unknown = Some(name.to_owned());
        }
        Ok(place.unwrap_or(0))
    }
}
