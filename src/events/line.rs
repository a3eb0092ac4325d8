//! Line: an event as it is kept and sent: one line of JSON of bounded size, and what it is found by.
//!
//! Plain memory of one size, so that the history and every queue take all of theirs at start, and no
//! flood of events makes the gate grow. An event that would be longer than a line can be says less: the
//! list of all failed controls goes first, then the end of its text.

use super::event::{Event, Position};
use super::kind::{EventKind, Severity};
use crate::message::Text;
use crate::units::Nanos;
use serde_json::Value;
use std::fmt;

/// One event.
#[derive(Clone, Copy)]
pub struct Line {
    /// Which.
    pub position: Position,
    /// When.
    pub time: Nanos,
    /// How grave.
    pub severity: Severity,
    /// What.
    pub kind: EventKind,
    /// Whose; empty: nobody's.
    pub account: Text,
    size: u16,
    json: [u8; JSON_SIZE_MAX],
}

const JSON_SIZE_MAX: usize = 960;

const _: () = assert!(size_of::<Line>() == 1024);

impl Line {
    /// The line of an event.
    pub fn new(mut event: Event) -> Self {
        let mut line = Self {
            position: event.position(),
            time: event.time,
            severity: event.severity,
            kind: event.kind,
            account: event
                .facts
                .account
                .as_deref()
                .and_then(Text::new)
                .unwrap_or_default(),
            size: 0,
            json: [0; JSON_SIZE_MAX],
        };
        if line.write(&event).is_none() {
            event.facts.failed.clear();
            while line.write(&event).is_none() && !event.text.is_empty() {
                let kept = event.text.chars().count() / 2;
                event.text = event.text.chars().take(kept).collect();
            }
        }
        line
    }

    fn write(&mut self, event: &Event) -> Option<()> {
        let mut rest = self.json.as_mut_slice();
        serde_json::to_writer(&mut rest, event).ok()?;
        let left = rest.len();
        self.size = (JSON_SIZE_MAX - left) as u16;
        Some(())
    }

    /// The JSON, without an end of line.
    pub fn json(&self) -> &str {
        std::str::from_utf8(&self.json[..usize::from(self.size)]).unwrap_or_default()
    }

    /// The same, to be looked into.
    pub fn value(&self) -> Value {
        serde_json::from_str(self.json()).unwrap_or_default()
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.json())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::event::Facts;
    use super::*;

    /// An event of a second, as it is sent.
    pub(crate) fn line(sequence: u64, kind: EventKind, account: Option<&str>) -> Line {
        Line::new(Event {
            sequence,
            part: 0,
            time: Nanos::from_secs(sequence),
            severity: kind.severity(),
            kind,
            correlation: sequence,
            facts: Facts {
                account: account.map(str::to_owned),
                ..Facts::default()
            },
            text: String::new(),
        })
    }

    #[test]
    fn what_is_too_long_says_less_and_is_json_all_the_same() {
        let text = |event: &Value| event["text"].as_str().unwrap().len();
        let mut event = Event {
            sequence: 1,
            part: 0,
            time: Nanos::ZERO,
            severity: Severity::Warning,
            kind: EventKind::Breach,
            correlation: 7,
            facts: Facts {
                failed: vec!["QtyAboveMax"; 10],
                ..Facts::default()
            },
            text: "x".repeat(300),
        };
        let whole = Line::new(event.clone()).value();
        assert_eq!(
            (text(&whole), whole["failed"].as_array().unwrap().len()),
            (300, 10)
        );
        event.facts.failed = vec!["QtyAboveMax"; 60];
        let less = Line::new(event.clone()).value();
        assert_eq!((text(&less), &less["failed"]), (300, &Value::Null));
        event.text = "\u{e9}".repeat(3000);
        let least = Line::new(event).value();
        assert!((100..960).contains(&text(&least)), "{least}");
        assert_eq!(least["correlation"], 7);
    }
}
