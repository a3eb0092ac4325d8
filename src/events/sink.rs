//! Sink: where a subscriber's events end, and the registry of the kinds there are. A new kind is one
//! module and one line here.

use super::event::Position;
use super::line::Line;
use super::{file, log, webhook};
use crate::config::keys::Secret;
use crate::config::subscribers::SubscriberKind;
use crate::units::Nanos;
use std::io;

/// Takes events in.
pub(crate) trait Sink: Send {
    /// Takes all of a batch, in order, or says why not; then the same events come again. May wait, but
    /// not for ever.
    fn deliver(&mut self, batch: &[Line]) -> Result<(), String>;
}

/// A sink, and the last event that it has from earlier runs, where it can tell.
pub(crate) type Opened = (Box<dyn Sink>, Option<Position>);

/// A kind of subscriber.
#[derive(Debug)]
pub struct Kind {
    /// As users write it.
    pub name: &'static str,
    /// What it is, in a line.
    pub text: &'static str,
}

/// Every kind there is.
pub const KINDS: [Kind; 3] = [
    Kind {
        name: "log",
        text: "lines of the gateway's own log",
    },
    Kind {
        name: "file",
        text: "a file of JSON lines",
    },
    Kind {
        name: "webhook",
        text: "POST of a JSON array to an HTTP server",
    },
];

/// How a sink is treated when it fails, and how much it is given at a time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Policy {
    pub(crate) batch_max: usize,
    /// The first pause before a batch is tried again; it doubles each time.
    pub(crate) retry_min: Nanos,
    pub(crate) retry_max: Nanos,
    /// Its breaker opens at so many failures in a row; 0: it has none.
    pub(crate) breaker_failures: u32,
    /// It stays open so long.
    pub(crate) breaker_pause: Nanos,
}

/// Of what is on this machine.
const LOCAL: Policy = Policy {
    batch_max: 256,
    retry_min: Nanos::from_millis(100),
    retry_max: Nanos::from_secs(1),
    breaker_failures: 0,
    breaker_pause: Nanos::ZERO,
};

/// Opens what a subscriber is configured to be.
pub(crate) fn open(kind: &SubscriberKind, secret: Option<&Secret>) -> io::Result<Opened> {
    match kind {
        SubscriberKind::Log => Ok((Box::new(log::LogSink), None)),
        SubscriberKind::File(options) => file::open(options),
        SubscriberKind::Webhook(options) => webhook::open(options, secret),
    }
}

/// How it is treated.
pub(crate) fn policy(kind: &SubscriberKind) -> Policy {
    match kind {
        SubscriberKind::Log | SubscriberKind::File(_) => LOCAL,
        SubscriberKind::Webhook(options) => Policy {
            batch_max: options.batch_max as usize,
            retry_min: options.retry_min,
            retry_max: options.retry_max,
            breaker_failures: options.breaker_failures,
            breaker_pause: options.breaker_pause,
        },
    }
}
