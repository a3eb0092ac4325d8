//! Portfolio: what books have cost, brought and are worth, and how each level stands, as JSON.
//!
//! Pure.
//!
//! What a book has paid and earned is in the currency that its symbol settles in; what it is worth and
//! its profit are in the firm's. `null` stands where nobody knows: there was no price yet, or no rate.

use super::acts::Acts;
use super::figures::{RiskLevel, Share, Worth, average_price};
use super::replica::amount;
use super::view::{Rows, View, time};
use crate::message::Scope;
use crate::risk::cell::Cell;
use crate::risk::losses::Halt;
use crate::risk::view::LevelView;
use crate::units::{Amount, Nanos, Position, SymbolId};
use serde_json::{Value, json};
use std::collections::HashMap;

/// What a book, or several in one symbol, have paid, earned and are worth.
#[derive(Clone, Copy, Debug)]
pub(super) struct Money {
    cost: Amount,
    realized: Amount,
    fees: Amount,
    unrealized: Option<Amount>,
    market_value: Option<Amount>,
    profit: Option<Amount>,
    /// By a price and a rate that can be believed now.
    is_valued: bool,
}

/// What the books of a level come to.
#[derive(Clone, Copy, Debug)]
struct Sums {
    gross: Option<Amount>,
    net: Option<Amount>,
    market_value: Option<Amount>,
    is_any: bool,
}

/// By whose they are.
#[derive(Debug, Default)]
pub(super) struct Moneys(HashMap<(u32, u32), Money>);

impl Money {
    const NOTHING: Self = Self {
        cost: Amount::ZERO,
        realized: Amount::ZERO,
        fees: Amount::ZERO,
        unrealized: Some(Amount::ZERO),
        market_value: Some(Amount::ZERO),
        profit: Some(Amount::ZERO),
        is_valued: true,
    };

    fn plus(self, other: Self) -> Self {
        Self {
            cost: self.cost.plus(other.cost),
            realized: self.realized.plus(other.realized),
            fees: self.fees.plus(other.fees),
            unrealized: both(self.unrealized, other.unrealized),
            market_value: both(self.market_value, other.market_value),
            profit: both(self.profit, other.profit),
            is_valued: self.is_valued && other.is_valued,
        }
    }
}

fn both(one: Option<Amount>, other: Option<Amount>) -> Option<Amount> {
    Some(one?.plus(other?))
}

impl Sums {
    const NOTHING: Self = Self {
        gross: Some(Amount::ZERO),
        net: Some(Amount::ZERO),
        market_value: Some(Amount::ZERO),
        is_any: false,
    };

    fn add(&mut self, position: Position, value: Option<Amount>) {
        let size = value.map(|value| value.max(value.negated()));
        let signed = size.map(|size| match position.raw() < 0 {
            true => size.negated(),
            false => size,
        });
        self.gross = both(self.gross, size);
        self.net = both(self.net, signed);
        self.market_value = both(self.market_value, value);
        self.is_any = true;
    }
}

impl View<'_> {
    /// What one book has paid, earned and is worth.
    fn money_of(&self, is_account: bool, cell: &Cell) -> Money {
        let (core, symbol) = (self.core, SymbolId(cell.symbol));
        let ledger = core.ledger(is_account, cell.owner, symbol);
        let ledger = ledger.copied().unwrap_or_default();
        let held = core.settlement_value(symbol, cell.position);
        let has_rate = core.settlement_rate(symbol).is_some();
        Money {
            cost: ledger.cost,
            realized: ledger.realized,
            fees: ledger.fees,
            unrealized: held.map(|held| held.less(ledger.cost)),
            market_value: core.market_value(symbol, cell.position),
            profit: (held.is_some() && has_rate).then_some(cell.profit),
            is_valued: !cell.is_blind,
        }
    }

    /// Of every book of a kind. Those of desks and of the firm are their accounts' together.
    pub(super) fn moneys(&self, books: Scope) -> Moneys {
        let mut moneys = Moneys::default();
        let is_account = books != Scope::Strategy;
        let mut add = |cell: &Cell| {
            let owner = match books {
                Scope::Account | Scope::Strategy => Some(cell.owner),
                Scope::Desk => self.desk_of(cell.owner),
                Scope::Firm | Scope::Symbol | Scope::Group => Some(u32::MAX),
            };
            let Some(owner) = owner else {
                return;
            };
            let money = moneys.0.entry((owner, cell.symbol));
            let money = money.or_insert(Money::NOTHING);
            *money = money.plus(self.money_of(is_account, cell));
        };
        match is_account {
            true => self.core.account_positions().for_each(&mut add),
            false => self.core.strategy_positions().for_each(&mut add),
        }
        moneys
    }

    fn desk_of(&self, account: u32) -> Option<u32> {
        let desk = self.setup.accounts.get(account as usize)?.desk?;
        Some(desk.0)
    }

    /// Adds to a row of positions what it has paid, earned and is worth.
    pub(super) fn add_money(&self, value: &mut Value, books: Scope, cell: &Cell, moneys: &Moneys) {
        let owner = match books {
            Scope::Account | Scope::Strategy | Scope::Desk => cell.owner,
            Scope::Firm | Scope::Symbol | Scope::Group => u32::MAX,
        };
        let money = moneys.0.get(&(owner, cell.symbol));
        let money = money.copied().unwrap_or(Money::NOTHING);
        let symbol = self.setup.symbols.get(cell.symbol as usize);
        let price = symbol.and_then(|symbol| average_price(symbol, cell.position, money.cost));
        let settlement = symbol.map_or(0, |symbol| symbol.settlement as usize);
        let currency = self.setup.currencies.get(settlement);
        value["currency"] = json!(currency.map(|of| &of.name));
        value["average_price"] = json!(price.map(|price| price.to_string()));
        value["cost"] = json!(money.cost.to_string());
        value["realized"] = json!(money.realized.to_string());
        value["unrealized"] = text(money.unrealized);
        value["fees"] = json!(money.fees.to_string());
        value["market_value"] = text(money.market_value);
        value["profit"] = text(money.profit);
        value["valued"] = json!(money.is_valued);
    }

    /// What every level earns and may still lose.
    pub(super) fn portfolio(
        &self,
        scope: Option<Scope>,
        target: Option<u32>,
        count_max: usize,
        acts: &Acts,
    ) -> Value {
        let sums = self.sums();
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
                let key = (each as u8, if each == Scope::Firm { 0 } else { place });
                let sums = sums.get(&key).copied().unwrap_or(Sums::NOTHING);
                let has_money = sums.is_any
                    || level.is_halted
                    || level.profit != Amount::ZERO
                    || self
                        .core
                        .limits(each, place)
                        .is_some_and(|of| of.has_loss());
                if has_money || scope.is_some() {
                    rows.push(|| self.portfolio_row((each, place), &level, &sums, acts));
                }
            }
        }
        let mut value = rows.finish("portfolio");
        value["currency"] = json!(self.setup.currencies.first().map(|of| &of.name));
        value
    }

    fn portfolio_row(
        &self,
        (scope, place): (Scope, u32),
        level: &LevelView,
        sums: &Sums,
        acts: &Acts,
    ) -> Value {
        let core = self.core;
        let capital = core.limits(scope, place).and_then(|limits| limits.capital);
        let capital = capital.map_or(Amount::ZERO, |capital| {
            Amount::from_raw(i128::try_from(capital.raw()).unwrap_or(i128::MAX))
        });
        let worth = Worth::of(level, capital);
        let mut used_most = Share::from_raw(0);
        let limits: Vec<_> = core
            .used_losses(scope, place)
            .map(|(kind, limit, lost)| {
                let used = Share::used(limit, lost);
                used_most = used_most.max(used);
                json!({
                    "limit": kind.text(),
                    "max": limit.to_string(),
                    "lost": lost.max(Amount::ZERO).to_string(),
                    "used": used.to_string(),
                })
            })
            .collect();
        let risk = RiskLevel::of(used_most, self.setup.warn_share, level.is_halted);
        let mut tails = Vec::new();
        core.tails(scope, place, |reason, limit, value| {
            let told = |raw| amount(reason, raw);
            let used = Share::used(Amount::from_raw(limit), Amount::from_raw(value));
            tails.push(json!({
                "control": reason.name(),
                "max": told(limit),
                "value": told(value),
                "used": used.to_string(),
            }));
        });
        let halt = core.halt_of(scope, place);
        json!({
            "scope": scope.text(),
            "name": self.names.name(scope, place),
            "capital": capital.to_string(),
            "equity": worth.equity.to_string(),
            "gross": text(sums.gross),
            "net": text(sums.net),
            "market_value": text(sums.market_value),
            "profit": level.profit.to_string(),
            "day_profit": worth.day_profit.to_string(),
            "day_profit_share": share(worth.day_share),
            "equity_peak": worth.equity_peak.to_string(),
            "drawdown": worth.drawdown.to_string(),
            "drawdown_share": share(worth.drawdown_share),
            "drawdown_max": worth.drawdown_max.to_string(),
            "drawdown_max_share": share(worth.drawdown_max_share),
            "books_unvalued": level.blind_count,
            "limits": limits,
            "used": (!limits.is_empty()).then(|| used_most.to_string()),
            "risk": risk.text(),
            "tails": tails,
            "halted": halt.map(|halt| self.halt((scope, place), &halt, acts)),
        })
    }

    /// Why a level is halted, until when, and who must raise it.
    fn halt(&self, (scope, place): (Scope, u32), halt: &Halt, acts: &Acts) -> Value {
        let standing = acts.standing(scope, place, self.core, self.setup, self.names);
        json!({
            "limit": halt.kind.text(),
            "max": halt.limit.to_string(),
            "lost": halt.value.to_string(),
            "since": time(halt.time),
            "until": (halt.until != Nanos::MAX).then(|| time(halt.until)),
            "persons": self.setup.raise_persons.max(1),
            "asked": standing.asked,
            "persons_missing": standing.persons_missing,
            "waits_nanos": standing.waits.raw(),
        })
    }

    /// Every level that is halted.
    pub(super) fn halted(&self, acts: &Acts) -> Value {
        let rows = self.core.halts().map(|of| {
            let target = match of.scope {
                Scope::Firm => u32::MAX,
                _ => of.target,
            };
            let mut value = self.halt((of.scope, target), &of.halt, acts);
            value["scope"] = json!(of.scope.text());
            value["name"] = json!(self.names.name(of.scope, target));
            value
        });
        Value::Array(rows.take(super::query::ROWS_MAX).collect())
    }

    /// What the positions of every level are worth at their last price, by its scope and place.
    fn sums(&self) -> HashMap<(u8, u32), Sums> {
        let mut groups = HashMap::<u32, Vec<u32>>::new();
        for (place, group) in (0..).zip(&self.setup.groups) {
            for symbol in &group.symbols {
                groups.entry(symbol.0).or_default().push(place);
            }
        }
        let mut sums = HashMap::new();
        let mut add = |scope: Scope, place: u32, cell: &Cell, value| {
            let sums = sums.entry((scope as u8, place));
            sums.or_insert(Sums::NOTHING).add(cell.position, value);
        };
        let value = |cell: &Cell| {
            let symbol = SymbolId(cell.symbol);
            self.core.market_value(symbol, cell.position)
        };
        for cell in self.core.account_positions() {
            let value = value(cell);
            add(Scope::Firm, 0, cell, value);
            add(Scope::Account, cell.owner, cell, value);
            add(Scope::Symbol, cell.symbol, cell, value);
            if let Some(desk) = self.desk_of(cell.owner) {
                add(Scope::Desk, desk, cell, value);
            }
            for group in groups.get(&cell.symbol).into_iter().flatten() {
                add(Scope::Group, *group, cell, value);
            }
        }
        for cell in self.core.strategy_positions() {
            add(Scope::Strategy, cell.owner, cell, value(cell));
        }
        sums
    }
}

fn text(amount: Option<Amount>) -> Value {
    json!(amount.map(|amount| amount.to_string()))
}

fn share(share: Option<Share>) -> Value {
    json!(share.map(|share| share.to_string()))
}
