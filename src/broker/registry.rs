//! Registry: the kinds of brokers. A new kind is one module and one line here.

use super::link::BrokerLink;
use super::{native, sim};
use crate::message::Frame;
use crate::ring::Consumer;
use crate::sys::poller::Sockets;
use crate::units::{BrokerId, Nanos};
use std::fmt;
use std::sync::Arc;

/// Every kind there is.
pub const KINDS: &[Kind] = &[sim::KIND, native::KIND];

/// A kind of broker.
#[derive(Debug)]
pub struct Kind {
    /// As users write it.
    pub name: &'static str,
    /// What it is, in a line.
    pub text: &'static str,
    /// Its documented defaults, where it has a default for everything.
    pub defaults: fn() -> Option<Box<dyn LinkOptions>>,
}

/// What a link of some kind is opened from.
pub trait LinkOptions: fmt::Debug + Send {
    /// Opens it. Nothing is connected yet: that is for the link's own polls.
    fn open(&self, place: Place) -> Box<dyn BrokerLink>;
}

/// Where a link stands in the gate.
#[derive(Debug)]
pub struct Place {
    /// Which broker's it is.
    pub broker: BrokerId,
    /// The last of the broker's reports that the gate has: from recovery; zero: none.
    pub report_sequence_last: u64,
    /// When.
    pub now: Nanos,
    /// Where it registers its socket, under its broker's number; `None`: it is polled all the time.
    pub sockets: Option<Arc<Sockets>>,
    /// Quotes, for a broker that trades against the market.
    pub market_to_broker: Option<Consumer<Frame>>,
}

/// No kind has this name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UnknownKind(pub String);

/// The kind of this name.
pub fn find(name: &str) -> Result<&'static Kind, UnknownKind> {
    let kind = KINDS.iter().find(|kind| kind.name == name);
    kind.ok_or_else(|| UnknownKind(name.to_owned()))
}

impl fmt::Display for UnknownKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
        write!(
            out,
            "no broker of kind {:?}; there are: {}",
            self.0,
            known.join(", ")
        )
    }
}

impl std::error::Error for UnknownKind {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_kind_is_told_the_known_ones() {
        for kind in KINDS {
            assert_eq!(find(kind.name).unwrap().text, kind.text);
        }
        let error = find("fox").unwrap_err().to_string();
        assert_eq!(error, "no broker of kind \"fox\"; there are: sim, native");
    }
}
