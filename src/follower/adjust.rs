//! Adjust: what became of a correction, or why the books do not take it.
//!
//! Pure.

use super::figures::average_price;
use super::names::Names;
use crate::message::{Adjust, AdjustKind};
use crate::risk::cell::Cell;
use crate::risk::core::Core;
use crate::risk::decision::Outcome;
use crate::risk::setup::Setup;
use crate::units::{AccountId, Position, StrategyId};
use serde_json::{Value, json};

/// The answer to who has asked for it.
pub(super) fn said(
    adjust: &Adjust,
    outcome: Outcome,
    core: &Core,
    setup: &Setup,
    names: &Names,
) -> Value {
    let has_account = adjust.account != AccountId::NONE;
    let has_strategy = adjust.strategy != StrategyId::NONE;
    let mut value = json!({
        "act": "adjust",
        "operator": names.operator(adjust.operator),
        "account": has_account.then(|| names.accounts.name(adjust.account.0)),
        "strategy": has_strategy.then(|| names.strategies.name(adjust.strategy.0)),
        "symbol": names.symbols.name(adjust.symbol.0),
        "kind": AdjustKind::from_byte(adjust.kind).map(AdjustKind::text),
        "qty": adjust.qty.to_string(),
        "price": adjust.price.to_string(),
        "cash": adjust.cash.to_string(),
        "note": adjust.note.as_str(),
    });
    if outcome != Outcome::Applied {
        value["why"] = json!(why_not(adjust, core, setup, names));
        return value;
    }
    let cell = core.position(true, adjust.account.0, adjust.symbol);
    let ledger = core.ledger(true, adjust.account.0, adjust.symbol);
    let symbol = setup.symbols.get(adjust.symbol.0 as usize);
    if let (Some(cell), Some(ledger), Some(symbol)) = (cell, ledger, symbol) {
        let price = average_price(symbol, cell.position, ledger.cost);
        value["position"] = json!(cell.position.to_string());
        value["average_price"] = json!(price.map(|price| price.to_string()));
        value["realized"] = json!(ledger.realized.to_string());
        value["fees"] = json!(ledger.fees.to_string());
    }
    value
}

/// The books are as they were: what in them, or in what was asked, does not let it pass.
fn why_not(adjust: &Adjust, core: &Core, setup: &Setup, names: &Names) -> String {
    let has = |place: u32, count: usize| (place as usize) < count;
    let is_operator = adjust.operator == u32::MAX || has(adjust.operator, names.operators.count());
    let is_whose = adjust.account == AccountId::NONE
        || has(adjust.account.0, names.accounts.count())
            && (adjust.strategy == StrategyId::NONE
                || has(adjust.strategy.0, names.strategies.count()));
    let Some(symbol) = setup.symbols.get(adjust.symbol.0 as usize) else {
        return "the symbol is unknown".to_owned();
    };
    if !is_operator || !is_whose {
        return "the operator, the account or the strategy is unknown".to_owned();
    }
    if AdjustKind::from_byte(adjust.kind) == Some(AdjustKind::Split) {
        return why_no_split(adjust, core, names);
    }
    if symbol.is_inverse && adjust.price.raw() < 0 {
        return format!(
            "{} is an inverse contract: its price is above zero",
            symbol.name
        );
    }
    let (positions, capacity) = core
        .used()
        .into_iter()
        .find(|(table, ..)| *table == "positions")
        .map_or((0, 0), |(_, used, capacity)| (used, capacity));
    if capacity < positions + 2 {
        return format!(
            "the table of positions has room for {capacity}: raise capacity.positions, and restart"
        );
    }
    "a quantity, a price or an amount that this kind cannot have; see `portcullis adjust --help`"
        .to_owned()
}

fn why_no_split(adjust: &Adjust, core: &Core, names: &Names) -> String {
    let symbol = names.symbols.name(adjust.symbol.0);
    if let Some(order) = core.orders().find(|order| order.symbol == adjust.symbol) {
        let id = order.client_order_id;
        let account = names.accounts.name(order.account.0);
        return format!(
            "order {id} of {account} is live in {symbol}: a split waits until none is; cancel them, as by \
             `portcullis kill symbol {symbol}`"
        );
    }
    let ratio = (
        i128::from(adjust.qty.raw()) * 10,
        i128::from(adjust.price.raw()),
    );
    let is_broken = |position: Position| {
        let product = i128::from(position.raw()) * ratio.0;
        ratio.1 <= 0 || product % ratio.1 != 0 || i64::try_from(product / ratio.1).is_err()
    };
    let in_symbol = |cell: &&Cell| cell.symbol == adjust.symbol.0;
    let accounts = core.account_positions().filter(in_symbol);
    let accounts = accounts.map(|cell| (cell, names.accounts.name(cell.owner)));
    let strategies = core.strategy_positions().filter(in_symbol);
    let strategies = strategies.map(|cell| (cell, names.strategies.name(cell.owner)));
    let mut cells = accounts.chain(strategies);
    match cells.find(|(cell, _)| is_broken(cell.position)) {
        Some((cell, owner)) => format!(
            "{} of {symbol} in {owner} would not come out whole: take the fraction out first, by a trade \
             at what was paid for it",
            cell.position
        ),
        None => "a ratio that no position can have; write as in `--qty 4 --price 1`".to_owned(),
    }
}
