//! View: a core's state in the words of its configuration, as JSON.
//!
//! Pure.
//!
//! Decimals are text, so that no reader makes a float of them. Every list is bounded, and says how
//! many rows there were.

use crate::follower::acts::Acts;
use crate::follower::exit;
use crate::follower::names::Names;
use crate::follower::query::{Query, ROWS_MAX};
use crate::message::{LinkState, Scope};
use crate::risk::cell::Cell;
use crate::risk::core::{Core, Counts};
use crate::risk::order::Order;
use crate::risk::setup::{ExitTerms, Limits, Setup};
use crate::units::{
    AccountId, BrokerId, Nanos, Notional, Position, Price, Qty, StrategyId, SymbolId, write_decimal,
};
use serde_json::{Value, json};

/// A core and what its places are called.
pub(super) struct View<'a> {
    pub(super) core: &'a Core,
    pub(super) setup: &'a Setup,
    pub(super) names: &'a Names,
}

/// The first rows of a list, and how many there were.
pub(super) struct Rows {
    rows: Vec<Value>,
    count_max: usize,
    total: usize,
}

impl View<'_> {
    /// The answer to a query, but for the follower's own standing.
    pub(super) fn say(&self, query: Query, acts: &Acts) -> Value {
        match query {
            // These are not views of the core.
            Query::Act { .. }
            | Query::Order { .. }
            | Query::Events { .. }
            | Query::Configuration => json!({}),
            Query::Status => self.status(acts),
            Query::Orders {
                account,
                strategy,
                symbol,
                count_max,
            } => self.orders(account, strategy, symbol, count_max),
            Query::Positions {
                books,
                owner,
                symbol,
                count_max,
            } => self.positions(books, owner, symbol, count_max),
            Query::Exits {
                account,
                symbol,
                count_max,
            } => self.exits(account, symbol, count_max),
            Query::Levels {
                scope,
                target,
                count_max,
            } => self.levels(scope, target, count_max),
            Query::Portfolio {
                scope,
                target,
                count_max,
            } => self.portfolio(scope, target, count_max, acts),
            Query::References { symbol, count_max } => self.references(symbol, count_max),
        }
    }

    /// Everything that fits a page but for the follower's own standing.
    fn status(&self, acts: &Acts) -> Value {
        let core = self.core;
        json!({
            "time": time(core.now()),
            "time_nanos": core.now().raw(),
            "digest": format!("{:016x}", core.digest()),
            "orders_open": core.orders_open_count(),
            "orders_open_peak": core.orders_open_peak(),
            "orders_in_doubt": core.orders_in_doubt_count(),
            "counts": counts(core.counts()),
            "killed": self.killed(acts),
            "halted": self.halted(acts),
            "answered": self.answered(),
            "links": self.links(),
            "tables": self.tables(),
        })
    }

    fn orders(
        &self,
        account: Option<AccountId>,
        strategy: Option<StrategyId>,
        symbol: Option<SymbolId>,
        count_max: usize,
    ) -> Value {
        let mut rows = Rows::new(count_max);
        let wanted = self.core.orders().filter(|order| {
            account.is_none_or(|account| account == order.account)
                && strategy.is_none_or(|strategy| strategy == order.strategy)
                && symbol.is_none_or(|symbol| symbol == order.symbol)
        });
        for order in wanted {
            rows.push(|| self.order(order));
        }
        rows.finish("orders")
    }

    fn positions(
        &self,
        books: Scope,
        owner: Option<u32>,
        symbol: Option<SymbolId>,
        count_max: usize,
    ) -> Value {
        let mut rows = Rows::new(count_max);
        let moneys = self.moneys(books);
        let mut take = |cell: &Cell| {
            let is_wanted = owner.is_none_or(|owner| owner == cell.owner)
                && symbol.is_none_or(|symbol| symbol.0 == cell.symbol);
            if is_wanted {
                rows.push(|| {
                    let mut row = self.position(books, cell);
                    self.add_money(&mut row, books, cell, &moneys);
                    row
                });
            }
        };
        match books {
            Scope::Account => self.core.account_positions().for_each(&mut take),
            Scope::Strategy => self.core.strategy_positions().for_each(&mut take),
            Scope::Desk => self.core.desk_positions().iter().for_each(&mut take),
            Scope::Firm | Scope::Symbol | Scope::Group => {
                // Every symbol has a book of the firm, most of them empty.
                let is_used = |cell: &&Cell| {
                    cell.open_buy != Qty::ZERO
                        || cell.open_sell != Qty::ZERO
                        || cell.position_high != Position::ZERO
                        || cell.position_low != Position::ZERO
                };
                let books = self.core.symbol_positions().iter();
                books.filter(is_used).for_each(&mut take);
            }
        }
        rows.finish("positions")
    }

    fn exits(
        &self,
        account: Option<AccountId>,
        symbol: Option<SymbolId>,
        count_max: usize,
    ) -> Value {
        let mut rows = Rows::new(count_max);
        for cell in self.core.account_positions() {
            let (of, within) = (AccountId(cell.owner), SymbolId(cell.symbol));
            let is_wanted = account.is_none_or(|account| account == of)
                && symbol.is_none_or(|symbol| symbol == within);
            let has_terms = || self.core.exit_terms(of, within).0 != ExitTerms::NONE;
            let is_leaving = || {
                let mut exits = self.core.exits();
                exits.any(|exit| (exit.account, exit.symbol) == (of, within))
            };
            if is_wanted && (has_terms() || is_leaving()) {
                rows.push(|| {
                    let mut row = json!({
                        "account": self.names.accounts.name(of.0),
                        "symbol": self.names.symbols.name(within.0),
                    });
                    exit::add(&mut row, self.core, of, within);
                    row
                });
            }
        }
        rows.finish("exits")
    }

    fn levels(&self, scope: Option<Scope>, target: Option<u32>, count_max: usize) -> Value {
        let mut rows = Rows::new(count_max);
        for &each in Scope::ALL {
            if scope.is_some_and(|scope| scope != each) {
                continue;
            }
            for place in self.places(each) {
                let is_wanted = target.is_none_or(|target| target == place);
                let Some(level) = self.core.level(each, place).filter(|_| is_wanted) else {
                    continue;
                };
                let unattended = match each {
                    Scope::Strategy => self.core.orders_unattended(StrategyId(place)),
                    _ => None,
                };
                let has_risk = level.is_killed
                    || level.is_halted
                    || unattended.is_some()
                    || level.open_count != 0
                    || level.open_notional != Notional::ZERO
                    || level.gross != Notional::ZERO;
                if !has_risk && scope.is_none() {
                    continue;
                }
                rows.push(|| {
                    let limits = self.limits(each, place);
                    json!({
                        "scope": each.text(),
                        "name": self.names.name(each, place),
                        "killed": level.is_killed,
                        "halted": level.is_halted,
                        "orders_open": level.open_count,
                        "orders_open_max": limits.open_orders_max,
                        "open_notional": level.open_notional.to_string(),
                        "open_notional_peak": level.open_notional_peak.to_string(),
                        "open_notional_max": text(limits.open_notional_max),
                        "gross": level.gross.to_string(),
                        "gross_max": text(limits.gross_exposure_max),
                        "net_long": money(level.net[0]),
                        "net_short": money(level.net[1]),
                        "net_max": text(limits.net_exposure_max),
                        "unattended": unattended.map(|(count, _)| count),
                        "unattended_max": unattended.map(|(_, max)| max),
                    })
                });
            }
        }
        rows.finish("levels")
    }

    fn references(&self, symbol: Option<SymbolId>, count_max: usize) -> Value {
        let mut rows = Rows::new(count_max);
        for (place, name) in self.setup.symbols.iter().map(|of| &of.name).enumerate() {
            let id = SymbolId(place as u32);
            if symbol.is_some_and(|symbol| symbol != id) {
                continue;
            }
            let Some((sum, at, is_usable)) = self.core.reference(id) else {
                continue;
            };
            rows.push(|| {
                json!({
                    "symbol": name,
                    "mid": mid(sum),
                    "time": time(at),
                    "age_nanos": self.core.now().since(at).raw(),
                    "usable": is_usable,
                })
            });
        }
        rows.finish("references")
    }

    fn order(&self, order: &Order) -> Value {
        json!({
            "order_id": order.id.0,
            "account": self.names.accounts.name(order.account.0),
            "strategy": self.names.strategies.name(order.strategy.0),
            "symbol": self.names.symbols.name(order.symbol.0),
            "broker": self.names.brokers.name(order.broker.0),
            "id": order.client_order_id.as_str(),
            "side": order.side.text(),
            "type": order.order_type.text(),
            "tif": order.time_in_force.text(),
            "state": self.core.state(order).text(),
            "price": order.price.to_string(),
            "qty": order.qty.to_string(),
            "filled": order.filled.to_string(),
            "leaves": order.leaves().to_string(),
            "reserved": order.reserved.to_string(),
            "notional": order.reserved_notional.to_string(),
        })
    }

    fn position(&self, books: Scope, cell: &Cell) -> Value {
        let mut value = json!({
            "symbol": self.names.symbols.name(cell.symbol),
            "position": cell.position.to_string(),
            "position_high": cell.position_high.to_string(),
            "position_low": cell.position_low.to_string(),
            "open_buy": cell.open_buy.to_string(),
            "open_sell": cell.open_sell.to_string(),
        });
        if matches!(books, Scope::Account | Scope::Strategy | Scope::Desk) {
            value[books.text()] = json!(self.names.name(books, cell.owner));
        }
        value
    }

    fn killed(&self, acts: &Acts) -> Value {
        let mut rows = Rows::new(ROWS_MAX);
        for &scope in Scope::ALL {
            for target in self.places(scope) {
                let level = self.core.level(scope, target);
                if !level.is_some_and(|level| level.is_killed) {
                    continue;
                }
                rows.push(|| {
                    let standing = acts.standing(scope, target, self.core, self.setup, self.names);
                    json!({
                        "scope": scope.text(),
                        "name": self.names.name(scope, target),
                        "asked": standing.asked,
                        "persons_missing": standing.persons_missing,
                        "waits_nanos": standing.waits.raw(),
                    })
                });
            }
        }
        Value::Array(rows.rows)
    }

    /// What responses have paused or slowed.
    fn answered(&self) -> Value {
        let rows = self.core.stages().take(ROWS_MAX).map(|stage| {
            let target = match stage.scope {
                Scope::Firm => u32::MAX,
                _ => stage.target,
            };
            let until = |at: Nanos| (self.core.now() < at).then(|| time(at));
            json!({
                "scope": stage.scope.text(),
                "name": self.names.name(stage.scope, target),
                "paused_until": until(stage.paused_until),
                "slow_until": until(stage.slow_until),
            })
        });
        Value::Array(rows.collect())
    }

    fn links(&self) -> Value {
        let link = |(place, broker): (usize, &crate::risk::setup::Broker)| {
            let (report_sequence, state) = self.core.broker(BrokerId(place as u32))?;
            // A link of which nothing was told is up: the core begins so.
            let state = LinkState::from_byte(state).unwrap_or(LinkState::Up);
            Some(json!({
                "broker": broker.name,
                "state": state.text(),
                "report_sequence": report_sequence,
            }))
        };
        let brokers = self.setup.brokers.iter().enumerate();
        Value::Array(brokers.filter_map(link).collect())
    }

    fn tables(&self) -> Value {
        let used = self.core.used();
        let table =
            |(name, used, capacity)| json!({"table": name, "used": used, "capacity": capacity});
        Value::Array(used.into_iter().map(table).collect())
    }

    /// Every target of a scope.
    pub(super) fn places(&self, scope: Scope) -> std::ops::RangeInclusive<u32> {
        match self.names.of(scope).map(|table| table.count() as u32) {
            // An empty range where there are none.
            Some(count) => u32::from(count == 0)..=count.saturating_sub(1),
            None => u32::MAX..=u32::MAX,
        }
    }

    /// As they are in force now, whatever the gate was started under.
    fn limits(&self, scope: Scope, place: u32) -> &Limits {
        self.core.limits(scope, place).unwrap_or(&self.setup.firm)
    }
}

impl Rows {
    pub(super) fn new(count_max: usize) -> Self {
        Self {
            rows: Vec::new(),
            count_max: count_max.min(ROWS_MAX),
            total: 0,
        }
    }

    pub(super) fn push(&mut self, row: impl FnOnce() -> Value) {
        self.total += 1;
        if self.rows.len() < self.count_max {
            self.rows.push(row());
        }
    }

    pub(super) fn finish(self, name: &str) -> Value {
        json!({ name: self.rows, "total": self.total })
    }
}

/// An instant as RFC 3339.
pub(crate) fn time(at: Nanos) -> String {
    jiff::Timestamp::from_nanosecond(i128::from(at.raw()))
        .map_or_else(|_| at.raw().to_string(), |time| time.to_string())
}

/// Half of a bid plus its ask, exactly.
fn mid(sum: i128) -> String {
    let mut text = String::new();
    // One digit more than a price has: five tenths for each unit of the sum.
    let written = write_decimal(&mut text, sum.saturating_mul(5), Price::DIGITS + 1);
    written.map_or_else(|_| String::new(), |()| text)
}

/// A signed sum of money.
fn money(raw: i128) -> String {
    let mut text = String::new();
    let written = write_decimal(&mut text, raw, Notional::DIGITS);
    written.map_or_else(|_| String::new(), |()| text)
}

fn text(limit: Option<Notional>) -> Option<String> {
    limit.map(|limit| limit.to_string())
}

fn counts(of: &Counts) -> Value {
    json!({
        "events": of.events,
        "orders": of.orders,
        "orders_accepted": of.orders_accepted,
        "orders_refused": of.orders.saturating_sub(of.orders_accepted),
        "requests_accepted": of.requests_accepted,
        "requests_refused": of.requests_refused,
        "fills": of.fills,
        "late_fills": of.late_fills,
        "over_fills": of.over_fills,
        "duplicate_reports": of.duplicate_reports,
        "unknown_reports": of.unknown_reports,
        "implausible": of.implausible,
        "timeouts": of.timeouts,
    })
}
