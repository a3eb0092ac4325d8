//! Log: events as lines of the gateway's own log, at the level of their severity.

use super::event::Event;
use super::sink::Sink;
use std::sync::Arc;

/// Never fails: a log that nobody reads is nobody's error.
#[derive(Debug)]
pub(super) struct LogSink;

/// A level must be known where the line is written, so there is one line for each.
macro_rules! line {
    ($log:ident, $event:expr) => {{
        let facts = &$event.facts;
        tracing::$log!(
            target: TARGET,
            event = $event.kind.text(),
            severity = $event.severity.text(),
            sequence = $event.sequence,
            part = $event.part,
            correlation = $event.correlation,
            account = facts.account,
            strategy = facts.strategy,
            symbol = facts.symbol,
            broker = facts.broker,
            order_id = facts.order_id,
            id = facts.id,
            reason = facts.reason,
            limit = facts.limit,
            value = facts.value,
            "{}",
            $event.text
        )
    }};
}

impl Sink for LogSink {
    fn deliver(&mut self, batch: &[Arc<Event>]) -> Result<(), String> {
        for event in batch {
            match event.severity.level() {
                tracing::Level::ERROR => line!(error, event),
                tracing::Level::WARN => line!(warn, event),
                _ => line!(info, event),
            }
        }
        Ok(())
    }
}

/// So that `RUST_LOG` can tell events from other lines.
const TARGET: &str = "portcullis::events";
