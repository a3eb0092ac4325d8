//! Exits: when the gate closes a position by itself, and how.

use crate::config::effective::Writer;
use crate::config::limits::SPAN;
use crate::config::notation::{BPS_DIGITS, parse_scaled, quote, write_digits, write_duration};
use crate::config::reader::Table;
use crate::config::values::{count, decimal, duration};
use crate::risk::setup::{ExitPolicy, ExitTerms};
use crate::units::Nanos;

/// A gain of a thousand times the cost is waited for by nobody.
const BPS_MAX: u64 = 10_000_000 * 10u64.pow(BPS_DIGITS);
const WHOLE: u64 = 10_000 * 10u64.pow(BPS_DIGITS);

/// Reads `[exits]`.
pub(crate) fn read_policy(table: &Table<'_>) -> ExitPolicy {
    let bps = |text: &str| parse_scaled(text, BPS_DIGITS, WHOLE);
    ExitPolicy {
        retry: table.get("retry", duration(SPAN)).unwrap_or_default(),
        timeout: table.get("timeout", duration(SPAN)).unwrap_or_default(),
        attempts_max: table
            .get("attempts_max", count(1..=1_000u32))
            .unwrap_or_default(),
        slippage: table.get("slippage_bps", decimal(bps)).unwrap_or_default(),
    }
}

/// Reads `[strategy.exits]`.
pub(crate) fn read_terms(table: &Table<'_>) -> ExitTerms {
    let bps = |key| {
        let read = |text: &str| parse_scaled(text, BPS_DIGITS, BPS_MAX);
        let value = table.find(key, decimal(read)).flatten();
        if value == Some(0) {
            table.refuse(
                key,
                "nothing at all; write more, or leave it out".to_owned(),
            );
        }
        value
    };
    let terms = ExitTerms {
        stop_loss: bps("stop_loss_bps"),
        take_profit: bps("take_profit_bps"),
        trailing: bps("trailing_stop_bps"),
        break_even: bps("break_even_bps"),
        hold_max: table.find("hold_max", duration(SPAN)).flatten(),
    };
    if terms.trailing.is_some_and(|of| WHOLE <= of) {
        let problem = "the whole price: it would never be reached; write less than 10000";
        table.refuse("trailing_stop_bps", problem.to_owned());
    }
    terms
}

/// Writes `[exits]`.
pub(crate) fn write_policy(out: &mut Writer, policy: &ExitPolicy) {
    let span = |span: Nanos| quote(&write_duration(span));
    out.table("[exits]");
    out.put("retry", span(policy.retry));
    out.put("timeout", span(policy.timeout));
    out.put("attempts_max", policy.attempts_max);
    out.put(
        "slippage_bps",
        quote(&write_digits(policy.slippage, BPS_DIGITS)),
    );
}

/// Writes `[strategy.exits]`.
pub(crate) fn write_terms(out: &mut Writer, terms: &ExitTerms) {
    out.table("[strategy.exits]");
    for (key, value) in [
        ("stop_loss_bps", terms.stop_loss),
        ("take_profit_bps", terms.take_profit),
        ("trailing_stop_bps", terms.trailing),
        ("break_even_bps", terms.break_even),
    ] {
        if let Some(value) = value {
            out.put(key, quote(&write_digits(value, BPS_DIGITS)));
        }
    }
    if let Some(span) = terms.hold_max {
        out.put("hold_max", quote(&write_duration(span)));
    }
}
