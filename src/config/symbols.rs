//! Symbols: what can be traded, on which terms, and where it goes.

use crate::config::limits::{self, Level, SPAN};
use crate::config::notation::{BPS_DIGITS, MULTIPLIER_DIGITS, parse_scaled};
use crate::config::reader::Table;
use crate::config::values::{choice, choices, count, decimal, duration, flag, name, off_or};
use crate::config::{BORROWS, money, read_name};
use crate::message::{OrderType, Scope, TimeInForce};
use crate::risk::setup::{Fees, Symbol};
use crate::units::{BrokerId, CalendarId, Notional, Price, Qty};
use std::collections::HashMap;

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
