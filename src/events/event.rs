//! Event: one thing that has happened, as every subscriber is told it.
//!
//! As JSON it is one object; the fields stand in the order of [`Event`], and one that says nothing is
//! left out. Decimals are text, so that no reader makes a float of them.

use super::kind::{EventKind, Severity};
use crate::units::Nanos;
use serde::{Serialize, Serializer};

/// What has happened. Names are those of the configuration that held then.
#[derive(Clone, Debug, Serialize)]
pub struct Event {
    /// The journal's record that it comes from.
    pub sequence: u64,
    /// Which of the events of this record, from 0: `sequence` and `part` together name an event.
    pub part: u32,
    /// When the gate took the record in: UTC, RFC 3339, nine digits of a second.
    #[serde(serialize_with = "write_time")]
    pub time: Nanos,
    /// Of its kind.
    pub severity: Severity,
    /// What.
    pub kind: EventKind,
    /// Given where a command entered the gate, kept by all that follows from it; 0: by nobody.
    pub correlation: u64,
    /// Everything else.
    #[serde(flatten)]
    pub facts: Facts,
    /// For people.
    pub text: String,
}

/// What an event may say; [`EventKind::fields`] names what each kind does.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Facts {
    /// Whose.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// By whom.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strategy: Option<String>,
    /// In what.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub symbol: Option<String>,
    /// To whom, or by whom it was told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub broker: Option<String>,
    /// Who acted; `gate` for the gate itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operator: Option<String>,
    /// The kind of level whose limit or switch it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<&'static str>,
    /// Its name; absent for the firm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The gate's number of the order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_id: Option<u64>,
    /// The strategy's id of the order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The strategy's id of the request that this answers, where it is another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The broker's id of its report.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub execution_id: Option<String>,
    /// `buy` or `sell`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub side: Option<&'static str>,
    /// Of a fill: how much was filled; else how much the order is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub qty: Option<String>,
    /// Of a fill: at which price; else the order's limit. Absent: at the market.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<String>,
    /// Of a fill.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fee: Option<String>,
    /// How a book was corrected: `trade`, `transfer`, `cash` or `split`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correction: Option<&'static str>,
    /// What was received beside it, or paid where it is negative.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cash: Option<String>,
    /// Filled in all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filled: Option<String>,
    /// What still stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leaves: Option<String>,
    /// How the order, the link or the session stands now; what became of a position.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<&'static str>,
    /// What the account holds now: what was sold short is negative.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<String>,
    /// At which price on average.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub average_price: Option<String>,
    /// What the fill has realized, its fee left aside, in the currency that the symbol settles in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub realized: Option<String>,
    /// The broker's own number for why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub broker_reason: Option<u16>,
    /// The control, by its reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// Which limit on losses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss: Option<&'static str>,
    /// Its limit, in the unit of the reason; durations in nanoseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,
    /// What was found, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// When trading goes on by itself; absent: only when persons raise the level.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// How many persons must raise the level.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub persons: Option<u32>,
    /// Every control that failed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<&'static str>,
    /// The response that has answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response: Option<String>,
    /// How.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<&'static str>,
    /// Why, as the operator says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// How many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
}

/// Which event: they are told in this order.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Position {
    /// [`Event::sequence`].
    pub sequence: u64,
    /// [`Event::part`].
    pub part: u32,
}

impl Position {
    /// Behind every event of a record.
    pub const fn behind(sequence: u64) -> Self {
        Self {
            sequence,
            part: u32::MAX,
        }
    }
}

impl Event {
    /// Its place among all events.
    pub const fn position(&self) -> Position {
        Position {
            sequence: self.sequence,
            part: self.part,
        }
    }

    /// One line of JSON, without its end.
    pub fn to_json(&self) -> String {
        // Text, numbers and lists of text: this cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// An instant as RFC 3339 with all nine digits, so that texts sort as times do.
pub(crate) fn time(at: Nanos) -> String {
    jiff::Timestamp::from_nanosecond(i128::from(at.raw()))
        .map_or_else(|_| at.raw().to_string(), |time| format!("{time:.9}"))
}

fn write_time<S: Serializer>(at: &Nanos, out: S) -> Result<S::Ok, S::Error> {
    out.serialize_str(&time(*at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_one_line_in_a_fixed_order_and_says_nothing_it_does_not_know() {
        let event = Event {
            sequence: 7,
            part: 1,
            time: Nanos::from_raw(1_700_000_000_000_000_010),
            severity: Severity::Warning,
            kind: EventKind::Breach,
            correlation: u64::MAX,
            facts: Facts {
                account: Some("A".to_owned()),
                limit: Some("0.5".to_owned()),
                failed: vec!["QtyAboveMax"],
                ..Facts::default()
            },
            text: "a \"text\"\nof two lines".to_owned(),
        };
        let line = "{\"sequence\":7,\"part\":1,\"time\":\"2023-11-14T22:13:20.000000010Z\",\
                    \"severity\":\"warning\",\"kind\":\"breach\",\"correlation\":18446744073709551615,\
                    \"account\":\"A\",\"limit\":\"0.5\",\"failed\":[\"QtyAboveMax\"],\
                    \"text\":\"a \\\"text\\\"\\nof two lines\"}";
        assert_eq!(event.to_json(), line);
        assert!(event.position() < Position::behind(7));
        assert!(Position::behind(6) < event.position());
    }
}
