//! Log: events as lines of the gateway's own log, at the level of their severity.

use super::line::Line;
use super::sink::Sink;

/// Never fails: a log that nobody reads is nobody's error.
#[derive(Debug)]
pub(super) struct LogSink;

/// A level must be known where the line is written, so there is one line for each.
macro_rules! line {
    ($log:ident, $line:expr) => {{
        let said = $line.value();
        let text = |key: &str| said[key].as_str();
        tracing::$log!(
            target: TARGET,
            event = $line.kind.text(),
            severity = $line.severity.text(),
            sequence = $line.position.sequence,
            part = $line.position.part,
            correlation = said["correlation"].as_u64(),
            account = text("account"),
            strategy = text("strategy"),
            symbol = text("symbol"),
            broker = text("broker"),
            order_id = said["order_id"].as_u64(),
            id = text("id"),
            reason = text("reason"),
            limit = text("limit"),
            value = text("value"),
            "{}",
            text("text").unwrap_or_default()
        )
    }};
}

impl Sink for LogSink {
    fn deliver(&mut self, batch: &[Line]) -> Result<(), String> {
        for line in batch {
            match line.severity.level() {
                tracing::Level::ERROR => line!(error, line),
                tracing::Level::WARN => line!(warn, line),
                _ => line!(info, line),
            }
        }
        Ok(())
    }
}

/// So that `RUST_LOG` can tell events from other lines.
const TARGET: &str = "portcullis::events";
