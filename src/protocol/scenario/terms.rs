//! Terms: the fields of every object, and how those with a meaning of their own are read.

use crate::message::{FRAME_SIZE, Frame, LinkState, Text, flags};
use crate::protocol::scenario::fields::{self, Fields};
use crate::protocol::scenario::{BYTE_UNKNOWN, LineError, is_event};
use crate::units::{Nanos, Qty};
use bytemuck::Zeroable;

pub(super) fn flag_bits(fields: &Fields) -> Result<u16, LineError> {
    let mut bits = 0;
    for (name, bit) in FLAGS {
        if fields.flag(name)? {
            bits |= bit;
        }
    }
    Ok(bits)
}

/// Nanoseconds since 1970 UTC, or RFC 3339.
pub(super) fn time(fields: &Fields, name: &str) -> Result<Option<Nanos>, LineError> {
    let Some(raw) = fields.raw(name) else {
        return Ok(None);
    };
    let nanos = fields::integer(raw).or_else(|| {
        let instant: jiff::Timestamp = fields::unquote(raw)?.parse().ok()?;
        u64::try_from(instant.as_nanosecond()).ok()
    });
    match nanos {
        Some(nanos) => Ok(Some(Nanos::from_raw(nanos))),
        None => Err(fields.wrong(
            name,
            "write nanoseconds since 1970 UTC, or RFC 3339 such as \"2012-06-21T13:30:00Z\"",
        )),
    }
}

pub(super) fn qty(fields: &Fields, name: &str) -> Result<Option<Qty>, LineError> {
    fields.decimal(name, Qty::parse)
}

pub(super) fn qty_required(fields: &Fields, name: &str) -> Result<Qty, LineError> {
    qty(fields, name)?.ok_or_else(|| fields.missing(name, "write a decimal such as \"20\""))
}

pub(super) fn id_required(fields: &Fields, name: &str) -> Result<Text, LineError> {
    let remedy = "write at most 36 characters of printable ASCII";
    fields
        .text(name)?
        .ok_or_else(|| fields.missing(name, remedy))
}

/// The byte of a word; 255 for a word that means nothing. A number is the byte itself.
pub(super) fn byte(
    fields: &Fields,
    name: &str,
    from_text: impl Fn(&str) -> Option<u8>,
) -> Result<Option<u8>, LineError> {
    match fields.raw(name) {
        None => Ok(None),
        Some(raw) if raw.starts_with('"') => {
            let text = fields.string(name)?.unwrap_or_default();
            Ok(Some(from_text(&text).unwrap_or(BYTE_UNKNOWN)))
        }
        Some(_) => fields
            .integer(name)
            .map_err(|_| fields.wrong(name, "write a word, in double quotes")),
    }
}

/// One of the words of an enumeration.
pub(super) fn word<T>(
    fields: &Fields,
    name: &str,
    from_text: impl Fn(&str) -> Option<T>,
    words: impl Iterator<Item = &'static str>,
) -> Result<Option<T>, LineError> {
    let Some(text) = fields.string(name)? else {
        return Ok(None);
    };
    match from_text(&text) {
        Some(value) => Ok(Some(value)),
        None => {
            let words: Vec<_> = words.collect();
            Err(fields.wrong(name, &format!("write one of {}", words.join(", "))))
        }
    }
}

pub(super) fn link_state(fields: &Fields) -> Result<LinkState, LineError> {
    let states = LinkState::ALL.iter().map(|it| it.text());
    word(fields, "state", LinkState::from_text, states)?
        .ok_or_else(|| fields.missing("state", "write \"up\", \"down\" or another"))
}

/// Bytes for the broker, in as many continuation frames as they need, zeros behind.
pub(super) fn passthrough(fields: &Fields) -> Result<(Vec<Frame>, u16), LineError> {
    let text = fields.string("passthrough")?.unwrap_or_default();
    let chunks = text.as_bytes().chunks(FRAME_SIZE);
    if usize::from(u8::MAX) < chunks.len() {
        let bytes = usize::from(u8::MAX) * FRAME_SIZE;
        return Err(fields.wrong("passthrough", &format!("write at most {bytes} bytes")));
    }
    let frame = |chunk: &[u8]| {
        let mut frame = Frame::zeroed();
        frame.bytes_mut()[..chunk.len()].copy_from_slice(chunk);
        frame
    };
    Ok((chunks.map(frame).collect(), text.len() as u16))
}

/// A whole event, written as hexadecimal digits.
pub(super) fn frames(line: &Fields, time: Nanos) -> Result<(Frame, Vec<Frame>), LineError> {
    let remedy = "write 256 hexadecimal digits for the head and each continuation";
    for name in ["sequence", "correlation"] {
        if line.raw(name).is_some() {
            return Err(line.wrong(name, "the frame has its own: leave it out"));
        }
    }
    let digits = line.string("frame")?.unwrap_or_default();
    let mut frames = Vec::new();
    for digits in digits.as_bytes().chunks(2 * FRAME_SIZE) {
        let mut frame = Frame::zeroed();
        if digits.len() != 2 * FRAME_SIZE {
            return Err(line.wrong("frame", remedy));
        }
        for (byte, pair) in frame.bytes_mut().iter_mut().zip(digits.chunks(2)) {
            let [high, low] = [pair[0], pair[1]].map(|digit| (digit as char).to_digit(16));
            let (Some(high), Some(low)) = (high, low) else {
                return Err(line.wrong("frame", remedy));
            };
            *byte = (high << 4 | low) as u8;
        }
        frames.push(frame);
    }
    if frames.is_empty() {
        return Err(line.wrong("frame", remedy));
    }
    let head = frames.remove(0);
    if !head.kind().is_some_and(is_event) {
        return Err(line.wrong("frame", "the kind, byte 30, is not one of an event"));
    }
    if usize::from(head.header.continuation_count) != frames.len() {
        return Err(line.wrong("frame", "the head, in byte 31, counts other continuations"));
    }
    if head.header.time != time {
        return Err(line.wrong("frame", "its own time, bytes 8 to 15, is not that of \"t\""));
    }
    Ok((head, frames))
}

pub(super) const LINE_HEADER: &[&str] = &["t", "sequence", "correlation", "strategy"];
/// The commands stand behind the header.
pub(super) const LINE: &[&str] = &[
    "t",
    "sequence",
    "correlation",
    "strategy",
    "quote",
    "order",
    "cancel",
    "replace",
    "basket",
    "report",
    "link",
    "session",
    "kill",
    "raise",
    "settle",
    "locate",
    "override",
    "limit",
    "adjust",
    "exit",
    "tick",
    "frame",
];

/// What the stage that hands an event to the core knows: fields of any command.
pub(super) const FLAGS: [(&str, u16); 4] = [
    ("busy", flags::BUSY),
    ("journal_full", flags::JOURNAL_FULL),
    ("journal_failed", flags::JOURNAL_FAILED),
    ("not_ready", flags::NOT_READY),
];

macro_rules! fields {
    ($($constant:ident = [$($name:literal),*];)*) => {
        $(pub(super) const $constant: &[&str] = &[$($name,)* "busy", "journal_full", "journal_failed", "not_ready"];)*
    };
}

fields! {
    QUOTE = ["symbol", "bid", "ask", "bid_qty", "ask_qty", "last", "close", "source_time"];
    ORDER = [
        "account", "strategy", "id", "symbol", "side", "type", "qty", "price", "tif", "mark",
        "parent", "parent_qty", "stop_loss_bps", "take_profit_bps",
        "trailing_stop_bps", "break_even_bps", "hold_max_secs", "passthrough"
    ];
    CANCEL = ["account", "strategy", "id", "orig"];
    REPLACE = ["account", "strategy", "id", "orig", "qty", "price", "passthrough"];
    REPORT = [
        "account", "id", "orig", "order_id", "exec", "exec_id", "qty", "price", "fee", "leaves",
        "broker", "broker_time", "state", "liquidity", "broker_reason", "request"
    ];
    LINK = ["broker", "state"];
    SESSION = ["strategy", "state", "cancel_orders"];
    CONTROL = ["scope", "name", "operator", "note"];
    SETTLE = ["account", "id", "orig", "order_id", "operator", "filled", "price", "leaves"];
    BASKET = ["strategy", "id", "orders"];
    LOCATE = ["account", "symbol", "qty", "operator", "note"];
    ADJUST = [
        "account", "strategy", "symbol", "kind", "qty", "price", "cash", "operator", "note"
    ];
    EXIT = [
        "account", "symbol", "stop_loss_bps", "take_profit_bps", "trailing_stop_bps",
        "break_even_bps", "hold_max", "close", "operator", "note"
    ];
    LIMIT = ["scope", "name", "limit", "value", "operator", "note"];
    OVERRIDE = ["account", "id", "operator", "note"];
    TICK = [];
}
