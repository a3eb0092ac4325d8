//! Controls: which limit holds for an account and a symbol, and whose limit it is.
//!
//! Accounts that are alike and symbols that are alike share one answer, so that 50,000 symbols can
//! be read on one page.

use crate::config::Config;
use crate::config::effective::limit_text;
use crate::config::limits::limit_keys;
use crate::config::notation::write_duration;
use crate::message::LimitKey;
use crate::risk::setup::{Limits, Symbol};
use std::collections::HashMap;

/// What holds for some accounts in some symbols.
#[derive(Debug)]
pub(crate) struct Armed<'c> {
    pub(crate) symbols: Vec<&'c str>,
    /// By the order of [`rows`].
    pub(crate) cells: Vec<String>,
}

/// Accounts that are alike.
#[derive(Debug)]
pub(crate) struct AccountGroup<'c> {
    pub(crate) accounts: Vec<&'c str>,
    pub(crate) armed: Vec<Armed<'c>>,
}

/// More kinds of accounts or symbols than these are counted, not shown.
pub(crate) const ACCOUNT_GROUPS_MAX: usize = 16;
/// Likewise.
pub(crate) const SYMBOL_GROUPS_MAX: usize = 24;

/// The names of the controls, in the order of the cells.
pub(crate) fn rows() -> impl Iterator<Item = &'static str> {
    limit_keys().chain([
        "price_min and price_max",
        "qty_min and qty_max",
        "reference_jump_bps",
    ])
}

/// Every kind of account with every kind of symbol, and how many kinds of each are left out.
pub(crate) fn groups(config: &Config) -> (Vec<AccountGroup<'_>>, [usize; 2]) {
    let setup = &config.setup;
    let mut memberships = vec![Vec::new(); setup.symbols.len()];
    for (at, group) in setup.groups.iter().enumerate() {
        for symbol in &group.symbols {
            memberships[symbol.0 as usize].push(at);
        }
    }
    let symbols = setup.symbols.iter().zip(&memberships);
    let symbols = alike(symbols.map(|(symbol, groups)| {
        let key = format!("{}{groups:?}", symbol_key(symbol));
        (key, (symbol, groups))
    }));
    let accounts = alike(setup.accounts.iter().enumerate().map(|(index, account)| {
        let missing = missing(config, index);
        let desk = account.desk;
        (
            format!("{}{missing:?}{desk:?}", limits_key(&account.limits)),
            (account, missing),
        )
    }));
    let omitted = [
        accounts.len().saturating_sub(ACCOUNT_GROUPS_MAX),
        symbols.len().saturating_sub(SYMBOL_GROUPS_MAX),
    ];
    let groups = accounts
        .iter()
        .take(ACCOUNT_GROUPS_MAX)
        .filter_map(|accounts| {
            let (account, missing) = accounts.first()?;
            let armed = symbols
                .iter()
                .take(SYMBOL_GROUPS_MAX)
                .filter_map(|symbols| {
                    let (symbol, memberships) = symbols.first()?;
                    let desk = account.desk.and_then(|id| setup.desks.get(id.0 as usize));
                    let desk = desk.map(|desk| ("desk", &desk.limits));
                    let groups = memberships.iter().filter_map(|at| setup.groups.get(*at));
                    let groups = groups.map(|group| ("group", &group.limits));
                    let four = [
                        ("symbol", &symbol.limits),
                        ("account", &account.limits),
                        ("firm", &setup.firm),
                    ];
                    let levels: Vec<_> = four.into_iter().chain(desk).chain(groups).collect();
                    Some(Armed {
                        symbols: symbols.iter().map(|(of, _)| of.name.as_str()).collect(),
                        cells: cells(&levels, symbol, missing),
                    })
                });
            Some(AccountGroup {
                accounts: accounts
                    .iter()
                    .map(|(account, _)| account.name.as_str())
                    .collect(),
                armed: armed.collect(),
            })
        });
    (groups.collect(), omitted)
}

/// What an account must still say before it can send: empty where it can.
pub(crate) fn missing(config: &Config, account: usize) -> Vec<&'static str> {
    let own = config
        .accounts_written
        .get(account)
        .copied()
        .unwrap_or_default();
    own.or(config.firm_written).missing().collect()
}

fn cells(levels: &[(&str, &Limits)], symbol: &Symbol, missing: &[&str]) -> Vec<String> {
    let band = |is_on: bool| if is_on { "on (symbol)" } else { "off" }.to_owned();
    let limits = limit_keys().map(|key| {
        // What nobody has written is not off: it shuts the account.
        if missing.contains(&key) {
            "NOT SET".to_owned()
        } else {
            tightest(levels, key)
        }
    });
    limits
        .chain([
            band(symbol.price_min.is_some() || symbol.price_max.is_some()),
            band(symbol.qty_min.is_some() || symbol.qty_max.is_some()),
            band(symbol.jump.is_some()),
        ])
        .collect()
}

/// The limit that bites first, and whose it is. All windows of rates hold side by side.
fn tightest(levels: &[(&str, &Limits)], key: &str) -> String {
    if key.ends_with("_rate") {
        let rates = levels.iter().flat_map(|(level, limits)| {
            let rates = match key {
                "new_order_rate" => &limits.new_order_rate,
                "replace_rate" => &limits.replace_rate,
                "cancel_rate" => &limits.cancel_rate,
                _ => &limits.order_rate,
            };
            rates.iter().map(move |rate| {
                let window = write_duration(rate.window);
                format!("{} in {window} ({level})", rate.count)
            })
        });
        let rates: Vec<_> = rates.collect();
        return if rates.is_empty() {
            "off".to_owned()
        } else {
            rates.join(", ")
        };
    }
    let set = levels
        .iter()
        .filter_map(|(level, limits)| Some((rank(limits, key)?, *level, limit_text(limits, key)?)));
    match set.min_by_key(|(rank, ..)| *rank) {
        Some((_, level, text)) => format!("{text} ({level})"),
        None => "off".to_owned(),
    }
}

/// Less is tighter, but for the time in which nothing may be repeated.
fn rank(limits: &Limits, key: &str) -> Option<u128> {
    match key {
        "order_qty_max" => limits.order_qty_max.map(|qty| u128::from(qty.raw())),
        "order_notional_max" => limits.order_notional_max.map(|notional| notional.raw()),
        "price_collar_bps" => limits.price_collar.map(u128::from),
        "reference_age_max" => limits.reference_age_max.map(|span| u128::from(span.raw())),
        "duplicate_window" => limits
            .duplicate_window
            .map(|span| u128::MAX - u128::from(span.raw())),
        "open_orders_max" => limits.open_orders_max.map(u128::from),
        "open_notional_max" => limits.open_notional_max.map(|notional| notional.raw()),
        "position_qty_max" => limits.position_qty_max.map(|qty| u128::from(qty.raw())),
        "position_value_max" => limits.position_value_max.map(|notional| notional.raw()),
        "gross_exposure_max" => limits.gross_exposure_max.map(|notional| notional.raw()),
        "basket_lines_max" => limits.basket_lines_max.map(u128::from),
        "basket_notional_max" => limits.basket_notional_max.map(|value| value.raw()),
        "day_qty_max" => limits.day_qty_max.map(|qty| u128::from(qty.raw())),
        "day_value_max" => limits.day_value_max.map(|value| value.raw()),
        "day_orders_max" => limits.day_orders_max.map(u128::from),
        "order_to_trade_max" => limits.order_to_trade.map(|ratio| ratio.max.into()),
        "order_to_trade_free" => limits.order_to_trade.map(|ratio| ratio.free.into()),
        "cancel_to_trade_max" => limits.cancel_to_trade.map(|ratio| ratio.max.into()),
        "cancel_to_trade_free" => limits.cancel_to_trade.map(|ratio| ratio.free.into()),
        "net_exposure_max" => limits.net_exposure_max.map(|notional| notional.raw()),
        "duplicate_count" => limits.duplicate_count.map(u128::from),
        _ => {
            let key = LimitKey::ALL.iter().find(|known| known.text() == key)?;
            limits.get(*key)
        }
    }
}

fn symbol_key(symbol: &Symbol) -> String {
    let flags = [
        symbol.price_min.is_some() || symbol.price_max.is_some(),
        symbol.qty_min.is_some() || symbol.qty_max.is_some(),
        symbol.jump.is_some(),
    ];
    format!("{}{flags:?}", limits_key(&symbol.limits))
}

fn limits_key(limits: &Limits) -> String {
    if *limits == Limits::default() {
        return String::new();
    }
    let texts = limit_keys().map(|key| limit_text(limits, key).unwrap_or_default());
    texts.collect::<Vec<_>>().join("|")
}

/// Groups by key, in the order in which the keys first stand.
fn alike<T>(items: impl Iterator<Item = (String, T)>) -> Vec<Vec<T>> {
    let mut places = HashMap::new();
    let mut groups: Vec<Vec<T>> = Vec::new();
    for (key, item) in items {
        let place = *places.entry(key).or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => group.push(item),
            None => groups.push(vec![item]),
        }
    }
    groups
}
