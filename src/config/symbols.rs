//! Symbols: what can be traded, on which terms, and where it goes.

use crate::config::Config;
use crate::config::effective::{Writer, list};
use crate::config::limits::{self, Level, SPAN, Written};
use crate::config::money;
use crate::config::names::read_name;
use crate::config::notation::{
    BPS_DIGITS, MULTIPLIER_DIGITS, parse_scaled, quote, write_digits, write_duration,
};
use crate::config::reader::Table;
use crate::config::values::{choice, choices, count, decimal, duration, flag, name, off_or};
use crate::message::{OrderType, Scope, TimeInForce};
use crate::risk::setup::{Borrow, Fees, Symbol};
use crate::units::{BrokerId, CalendarId, Notional, Price, Qty};
use std::collections::HashMap;

/// Whether a symbol can be borrowed.
const BORROWS: [(&str, Borrow); 3] = [
    ("none", Borrow::None),
    ("easy", Borrow::Easy),
    ("hard", Borrow::Hard),
];

pub(crate) const ORDER_TYPES: [(&str, OrderType); 2] = [
    (OrderType::Limit.text(), OrderType::Limit),
    (OrderType::Market.text(), OrderType::Market),
];

pub(crate) const TIMES_IN_FORCE: [(&str, TimeInForce); 4] = [
    (TimeInForce::Day.text(), TimeInForce::Day),
    (
        TimeInForce::GoodTillCancel.text(),
        TimeInForce::GoodTillCancel,
    ),
    (
        TimeInForce::ImmediateOrCancel.text(),
        TimeInForce::ImmediateOrCancel,
    ),
    (TimeInForce::FillOrKill.text(), TimeInForce::FillOrKill),
];

/// A jump of a hundred times the last price is believed by nobody: whoever does writes "off".
const JUMP_MAX: u64 = 1_000_000 * 10u64.pow(BPS_DIGITS);

/// Reads one `[[symbol]]` and adds it under each of its names.
pub(crate) fn read(
    table: &Table<'_>,
    firm: &Level,
    (broker_of, calendars): (
        impl Fn(&str) -> Option<BrokerId>,
        &HashMap<String, CalendarId>,
    ),
    money: (&HashMap<String, u32>, &HashMap<String, Fees>),
    mut add: impl FnMut(&'static str, Symbol),
) {
    let level_table = table.table("limits");
    let level = limits::read(&level_table);
    limits::check_collar(&level_table, &level, firm);
    limits::check_scope(&level_table, Scope::Symbol);
    let mut terms = Symbol {
        limits: level.limits,
        calendar: read_name(table, "calendar", calendars, "[[calendar]]"),
        ..read_terms(table, broker_of)
    };
    money::read_terms(table, money, &mut terms);
    let key = if table.has("names") { "names" } else { "name" };
    for name in read_names(table) {
        add(
            key,
            Symbol {
                name,
                ..terms.clone()
            },
        );
    }
}

fn read_names(table: &Table<'_>) -> Vec<String> {
    let single = table.find("name", name);
    match (single, table.has("names")) {
        (Some(Some(_)), true) => {
            table.refuse("names", "name and names; keep one of them".to_owned());
            Vec::new()
        }
        (Some(Some(name)), false) => vec![name],
        (Some(None), false) => {
            table.refuse(
                "name",
                "required; write for example name = \"AMZN\", or names".to_owned(),
            );
            Vec::new()
        }
        (Some(None), true) => {
            let mut names = Vec::new();
            for value in table.elements("names") {
                match name(value.get_ref()) {
                    Ok(name) => names.push(name),
                    Err(problem) => table.refuse_value("names", value, problem),
                }
            }
            names
        }
        (None, _) => Vec::new(),
    }
}

fn read_terms(table: &Table<'_>, broker_of: impl Fn(&str) -> Option<BrokerId>) -> Symbol {
    let price = |key| table.get(key, off_or(decimal(Price::parse))).flatten();
    let qty = |key| table.get(key, off_or(decimal(Qty::parse))).flatten();
    let tick = table.get("tick", decimal(Price::parse));
    if tick.is_some_and(|tick| tick.raw() <= 0) {
        table.refuse(
            "tick",
            "not above zero; write the smallest step of a price".to_owned(),
        );
    }
    let lot = table.get("lot", decimal(Qty::parse));
    if lot == Some(Qty::ZERO) {
        table.refuse(
            "lot",
            "not above zero; write the smallest step of a quantity".to_owned(),
        );
    }
    let (price_min, price_max) = (price("price_min"), price("price_max"));
    if price_min.zip(price_max).is_some_and(|(min, max)| max < min) {
        table.refuse(
            "price_max",
            "below price_min: no price passes; write at least as much".to_owned(),
        );
    }
    let (qty_min, qty_max) = (qty("qty_min"), qty("qty_max"));
    if qty_min.zip(qty_max).is_some_and(|(min, max)| max < min) {
        table.refuse(
            "qty_max",
            "below qty_min: no order passes; write at least as much".to_owned(),
        );
    }
    let jump = |text: &str| parse_scaled(text, BPS_DIGITS, JUMP_MAX);
    Symbol {
        enabled: table.get("enabled", flag).unwrap_or_default(),
        tick: tick.unwrap_or_default(),
        lot: lot.unwrap_or_default(),
        price_min,
        price_max,
        qty_min,
        qty_max,
        notional_min: table
            .get("notional_min", off_or(decimal(Notional::parse)))
            .flatten(),
        order_types: table
            .get("order_types", choices(&ORDER_TYPES))
            .unwrap_or_default(),
        times_in_force: table
            .get("times_in_force", choices(&TIMES_IN_FORCE))
            .unwrap_or_default(),
        broker: read_broker(table, broker_of),
        slippage: table.get("slippage_bps", decimal(jump)).unwrap_or_default(),
        borrow: table.get("borrow", choice(&BORROWS)).unwrap_or_default(),
        multiplier: read_multiplier(table),
        spread_max: table
            .get("reference_spread_bps", off_or(decimal(jump)))
            .flatten(),
        jump: table
            .get("reference_jump_bps", off_or(decimal(jump)))
            .flatten(),
        jump_confirmations: table
            .get("reference_jump_confirmations", count(1..=1_000u32))
            .unwrap_or_default(),
        move_max: table
            .get("reference_move_bps", off_or(decimal(jump)))
            .flatten(),
        move_window: table
            .get("reference_move_window", duration(SPAN))
            .unwrap_or_default(),
        ..Symbol::default()
    }
}

fn read_multiplier(table: &Table<'_>) -> u64 {
    let parse = |text: &str| parse_scaled(text, MULTIPLIER_DIGITS, u64::MAX);
    let multiplier = table.get("multiplier", decimal(parse)).unwrap_or_default();
    if multiplier == 0 && table.has("multiplier") {
        table.refuse(
            "multiplier",
            "not above zero; write what one unit of price and of quantity are worth together"
                .to_owned(),
        );
    }
    multiplier
}

fn read_broker(table: &Table<'_>, broker_of: impl Fn(&str) -> Option<BrokerId>) -> BrokerId {
    let Some(broker) = table.get("broker", name) else {
        return BrokerId::NONE;
    };
    broker_of(&broker).unwrap_or_else(|| {
        table.refuse(
            "broker",
            "no such broker; write the name of a [[broker]]".to_owned(),
        );
        BrokerId::NONE
    })
}

/// Symbols that differ in nothing but their names.
pub(crate) fn write(out: &mut Writer, config: &Config, symbols: &[Symbol]) {
    let Some(symbol) = symbols.first() else {
        return;
    };
    out.table("[[symbol]]");
    out.put(
        "names",
        list(
            &symbols
                .iter()
                .map(|symbol| quote(&symbol.name))
                .collect::<Vec<_>>(),
        ),
    );
    out.put("enabled", symbol.enabled);
    out.put("tick", quote(&symbol.tick.to_string()));
    out.put("lot", quote(&symbol.lot.to_string()));
    out.text_or_off("price_min", symbol.price_min);
    out.text_or_off("price_max", symbol.price_max);
    out.text_or_off("qty_min", symbol.qty_min);
    out.text_or_off("qty_max", symbol.qty_max);
    out.text_or_off("notional_min", symbol.notional_min);
    out.put("order_types", order_types(&symbol.order_types));
    out.put("times_in_force", times_in_force(&symbol.times_in_force));
    let calendar = symbol
        .calendar
        .and_then(|id| config.calendars.get(id.0 as usize));
    if let Some(calendar) = calendar {
        out.put("calendar", quote(&calendar.name));
    }
    out.word("borrow", &BORROWS, &symbol.borrow);
    out.put(
        "slippage_bps",
        quote(&write_digits(symbol.slippage, BPS_DIGITS)),
    );
    let multiplier = write_digits(symbol.multiplier, MULTIPLIER_DIGITS);
    out.put("multiplier", quote(&multiplier));
    money::write_terms(out, &config.setup, &config.fee_schedules, symbol);
    let spread = symbol.spread_max.map(|max| write_digits(max, BPS_DIGITS));
    out.text_or_off("reference_spread_bps", spread);
    if let Some(broker) = config.setup.brokers.get(symbol.broker.0 as usize) {
        out.put("broker", quote(&broker.name));
    }
    let jump = symbol.jump.map(|jump| write_digits(jump, BPS_DIGITS));
    out.text_or_off("reference_jump_bps", jump);
    out.put("reference_jump_confirmations", symbol.jump_confirmations);
    let move_max = symbol.move_max.map(|max| write_digits(max, BPS_DIGITS));
    out.text_or_off("reference_move_bps", move_max);
    out.put(
        "reference_move_window",
        quote(&write_duration(symbol.move_window)),
    );
    out.table("[symbol.limits]");
    out.limits(&symbol.limits, Written::default());
}

/// Every field but the name is named here, so that a new one cannot be forgotten.
pub(crate) fn has_same_terms(one: &Symbol, other: &Symbol) -> bool {
    let Symbol {
        name: _,
        enabled,
        limits,
        tick,
        lot,
        price_min,
        price_max,
        qty_min,
        qty_max,
        order_types,
        times_in_force,
        broker,
        jump,
        jump_confirmations,
        notional_min,
        move_max,
        move_window,
        calendar,
        multiplier,
        spread_max,
        borrow,
        slippage,
        currency,
        settlement,
        is_inverse,
        fees,
    } = one;
    *enabled == other.enabled
        && *limits == other.limits
        && *tick == other.tick
        && *lot == other.lot
        && *price_min == other.price_min
        && *price_max == other.price_max
        && *qty_min == other.qty_min
        && *qty_max == other.qty_max
        && *order_types == other.order_types
        && *times_in_force == other.times_in_force
        && *broker == other.broker
        && *jump == other.jump
        && *jump_confirmations == other.jump_confirmations
        && *notional_min == other.notional_min
        && *move_max == other.move_max
        && *move_window == other.move_window
        && *calendar == other.calendar
        && *multiplier == other.multiplier
        && *spread_max == other.spread_max
        && *borrow == other.borrow
        && *slippage == other.slippage
        && *currency == other.currency
        && *settlement == other.settlement
        && *is_inverse == other.is_inverse
        && *fees == other.fees
}

pub(crate) fn order_types(of: &[OrderType]) -> String {
    list(&of.iter().map(|word| quote(word.text())).collect::<Vec<_>>())
}

pub(crate) fn times_in_force(of: &[TimeInForce]) -> String {
    list(&of.iter().map(|word| quote(word.text())).collect::<Vec<_>>())
}
