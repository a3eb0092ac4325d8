//! Levels: desks, accounts, strategies and groups, each with its limits.

use crate::config::analytics::{self, GROUP_KINDS};
use crate::config::effective::{Writer, list, symbol_names};
use crate::config::limits::{self, Level, Written};
use crate::config::names::{claim, read_name, read_names};
use crate::config::notation::{quote, show, write_duration};
use crate::config::reader::Table;
use crate::config::sessions::{self, CancelOnDisconnect, Session};
use crate::config::values::{self, choice, count, flag, name, off_or};
use crate::config::{Config, exits};
use crate::message::Scope;
use crate::risk::setup::{
    Account, CostMethod, Desk, GROUPS_PER_SYMBOL_MAX, Group, SelfMatch, ShortSales, Strategy,
};
use crate::units::{AccountId, DeskId, Nanos, Notional, SymbolId};
use std::collections::{HashMap, HashSet};

const DESKS_MAX: usize = 1 << 12;
const ACCOUNTS_MAX: usize = 1 << 16;
const STRATEGIES_MAX: usize = 4096;
const GROUPS_MAX: usize = 1 << 12;

/// What is done with an order that would trade with one of the same owner. To a gate, cancelling the
/// newest is refusing it.
const SELF_MATCHES: [(&str, SelfMatch); 5] = [
    ("off", SelfMatch::Off),
    ("reject", SelfMatch::CancelNewest),
    ("cancel_newest", SelfMatch::CancelNewest),
    ("cancel_oldest", SelfMatch::CancelOldest),
    ("cancel_both", SelfMatch::CancelBoth),
];

/// What is done with a sale of more than the account owns.
const SHORT_SALES: [(&str, ShortSales); 3] = [
    ("off", ShortSales::Off),
    ("check", ShortSales::Check),
    ("refuse", ShortSales::Refuse),
];

/// How cost is taken from a position that is reduced.
const COST_METHODS: [(&str, CostMethod); 2] = [
    ("average", CostMethod::Average),
    ("fifo", CostMethod::FirstInFirstOut),
];

/// The limits of a table that has some, and whether it is enabled.
fn read_level(table: &Table<'_>, firm: &Level, scope: Scope) -> (Level, bool) {
    let limits_table = table.table("limits");
    let level = limits::read(&limits_table);
    limits::check_collar(&limits_table, &level, firm);
    limits::check_scope(&limits_table, scope);
    (level, table.get("enabled", flag).unwrap_or_default())
}

pub(crate) fn read_desks(
    root: &Table<'_>,
    firm: &Level,
    config: &mut Config,
) -> HashMap<String, DeskId> {
    let (mut names, mut ids) = (HashSet::new(), HashMap::new());
    for table in root.tables("desk", DESKS_MAX) {
        let name = table.get("name", name).unwrap_or_default();
        claim(&table, "name", name.clone(), &mut names);
        let (level, enabled) = read_level(&table, firm, Scope::Desk);
        ids.insert(name.clone(), DeskId(config.setup.desks.len() as u32));
        config.setup.desks.push(Desk {
            name,
            enabled,
            limits: level.limits,
        });
    }
    ids
}

pub(crate) fn read_accounts(
    root: &Table<'_>,
    firm: &Level,
    (symbols, desks): (&HashMap<String, SymbolId>, &HashMap<String, DeskId>),
    config: &mut Config,
) -> HashMap<String, AccountId> {
    let (mut names, mut ids) = (HashSet::new(), HashMap::new());
    for table in root.tables("account", ACCOUNTS_MAX) {
        let name = table.get("name", name).unwrap_or_default();
        claim(&table, "name", name.clone(), &mut names);
        let (level, enabled) = read_level(&table, firm, Scope::Account);
        ids.insert(name.clone(), AccountId(config.setup.accounts.len() as u32));
        config.accounts_written.push(level.written);
        config.setup.accounts.push(Account {
            name,
            enabled,
            has_limits: level.written.or(firm.written) == Written::EVERY,
            limits: level.limits,
            restricted: read_names(&table, "restricted", symbols, "[[symbol]]"),
            desk: read_name(&table, "desk", desks, "[[desk]]"),
            owner: table
                .find("owner", values::name)
                .flatten()
                .unwrap_or_default(),
            self_match: table
                .get("self_match", choice(&SELF_MATCHES))
                .unwrap_or_default(),
            short_sales: table
                .get("short_sales", choice(&SHORT_SALES))
                .unwrap_or_default(),
            cuts_orders: table.get("cut_orders", flag).unwrap_or_default(),
            cost_method: read_cost_method(&table),
            funds: table
                .get("funds", off_or(values::decimal(Notional::parse)))
                .flatten(),
        });
    }
    ids
}

fn read_cost_method(table: &Table<'_>) -> CostMethod {
    let method = table.get("cost_method", choice(&COST_METHODS));
    method.unwrap_or_default()
}

pub(crate) fn read_strategies(
    root: &Table<'_>,
    firm: &Level,
    (accounts, symbols): (&HashMap<String, AccountId>, &HashMap<String, SymbolId>),
    config: &mut Config,
) {
    let mut names = HashSet::new();
    for table in root.tables("strategy", STRATEGIES_MAX) {
        let name = table.get("name", name).unwrap_or_default();
        claim(&table, "name", name.clone(), &mut names);
        let (level, enabled) = read_level(&table, firm, Scope::Strategy);
        config.setup.strategies.push(Strategy {
            name,
            enabled,
            limits: level.limits,
            accounts: read_names(&table, "accounts", accounts, "[[account]]"),
            restricted: read_names(&table, "restricted", symbols, "[[symbol]]"),
            orders_unattended_max: table
                .get("orders_unattended_max", off_or(count(1..=u32::MAX)))
                .flatten(),
            acknowledge: table.get("acknowledge", flag).unwrap_or_default(),
            cost_method: read_cost_method(&table),
            exits: exits::read_terms(&table.table("exits")),
            trader: table
                .find("trader", values::name)
                .flatten()
                .unwrap_or_default(),
        });
        config
            .sessions
            .push(sessions::read_session(&table, &config.listen));
    }
}

pub(crate) fn read_groups(
    root: &Table<'_>,
    firm: &Level,
    symbols: &HashMap<String, SymbolId>,
    config: &mut Config,
) -> HashMap<String, u32> {
    let (mut names, mut ids, mut of_kind) = (HashSet::new(), HashMap::new(), HashSet::new());
    let mut memberships = vec![0; config.setup.symbols.len()];
    for table in root.tables("group", GROUPS_MAX) {
        let name = table.get("name", name).unwrap_or_default();
        claim(&table, "name", name.clone(), &mut names);
        ids.insert(name.clone(), config.setup.groups.len() as u32);
        let kind = table.get("kind", choice(&GROUP_KINDS)).unwrap_or_default();
        config.group_kinds.push(kind);
        let (level, enabled) = read_level(&table, firm, Scope::Group);
        let symbols = read_names(&table, "symbols", symbols, "[[symbol]]");
        for symbol in &symbols {
            let named = (
                *symbol,
                config.setup.symbols[symbol.0 as usize].name.as_str(),
            );
            analytics::check_kind(&table, kind, named, &mut of_kind);
            let count = &mut memberships[symbol.0 as usize];
            *count += 1;
            if *count == GROUPS_PER_SYMBOL_MAX + 1 {
                let symbol = &config.setup.symbols[symbol.0 as usize].name;
                table.refuse(
                    "symbols",
                    format!(
                        "{} is in more than {GROUPS_PER_SYMBOL_MAX} groups; leave it out of some",
                        show(symbol)
                    ),
                );
            }
        }
        config.setup.groups.push(Group {
            name,
            enabled,
            limits: level.limits,
            symbols,
        });
    }
    ids
}

pub(crate) fn write_desks(out: &mut Writer, config: &Config) {
    for desk in &config.setup.desks {
        out.table("[[desk]]");
        out.put("name", quote(&desk.name));
        out.put("enabled", desk.enabled);
        out.table("[desk.limits]");
        out.limits(&desk.limits, Written::default());
    }
}

pub(crate) fn write_accounts(out: &mut Writer, config: &Config) {
    for (account, written) in config.setup.accounts.iter().zip(&config.accounts_written) {
        out.table("[[account]]");
        out.put("name", quote(&account.name));
        out.put("enabled", account.enabled);
        out.put("restricted", symbol_names(config, &account.restricted));
        if !account.owner.is_empty() {
            out.put("owner", quote(&account.owner));
        }
        out.word("self_match", &SELF_MATCHES, &account.self_match);
        out.word("short_sales", &SHORT_SALES, &account.short_sales);
        out.text_or_off("funds", account.funds);
        out.put("cut_orders", account.cuts_orders);
        out.word("cost_method", &COST_METHODS, &account.cost_method);
        let desk = account
            .desk
            .and_then(|id| config.setup.desks.get(id.0 as usize));
        if let Some(desk) = desk {
            out.put("desk", quote(&desk.name));
        }
        out.table("[account.limits]");
        out.limits(&account.limits, *written);
    }
}

pub(crate) fn write_strategies(out: &mut Writer, config: &Config) {
    for (strategy, session) in config.setup.strategies.iter().zip(&config.sessions) {
        write_strategy(out, config, strategy, session);
    }
}

fn write_strategy(out: &mut Writer, config: &Config, strategy: &Strategy, session: &Session) {
    out.table("[[strategy]]");
    out.put("name", quote(&strategy.name));
    out.put("enabled", strategy.enabled);
    let accounts = strategy
        .accounts
        .iter()
        .filter_map(|id| config.setup.accounts.get(id.0 as usize));
    out.put(
        "accounts",
        list(
            &accounts
                .map(|account| quote(&account.name))
                .collect::<Vec<_>>(),
        ),
    );
    out.put("restricted", symbol_names(config, &strategy.restricted));
    out.count_or_off("orders_unattended_max", strategy.orders_unattended_max);
    out.credential(&session.credential);
    let cancel = match session.cancel_on_disconnect {
        CancelOnDisconnect::Never => "never".to_owned(),
        CancelOnDisconnect::After(Nanos::ZERO) => "at once".to_owned(),
        CancelOnDisconnect::After(span) => format!("after {}", write_duration(span)),
    };
    out.put("cancel_on_disconnect", quote(&cancel));
    out.put("acknowledge", strategy.acknowledge);
    out.word("cost_method", &COST_METHODS, &strategy.cost_method);
    if !strategy.trader.is_empty() {
        out.put("trader", quote(&strategy.trader));
    }
    exits::write_terms(out, &strategy.exits);
    out.table("[strategy.limits]");
    out.limits(&strategy.limits, Written::default());
}

pub(crate) fn write_groups(out: &mut Writer, config: &Config) {
    for (index, group) in config.setup.groups.iter().enumerate() {
        out.table("[[group]]");
        out.put("name", quote(&group.name));
        out.put("enabled", group.enabled);
        let kind = config.group_kinds.get(index).copied().unwrap_or_default();
        out.word("kind", &GROUP_KINDS, &kind);
        out.put("symbols", symbol_names(config, &group.symbols));
        out.table("[group.limits]");
        out.limits(&group.limits, Written::default());
    }
}
