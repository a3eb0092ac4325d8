//! Request: what an operator asks, as one line of JSON, and what it means.
//!
//! Pure.
//!
//! The client writes what the stage reads: one structure for both.

mod adjust;
mod exit;

use crate::events::filter::Wanted;
use crate::follower::names::Names;
use crate::follower::query::{Query, ROWS_MAX};
use crate::message::{
    Adjust, Control, ExitChange, Kind, LimitChange, LimitKey, Locate, Override, Scope, Settle, Text,
};
use crate::units::{AccountId, OrderId, Price, Qty, StrategyId, SymbolId};
use serde::{Deserialize, Serialize};

/// What is asked.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Command {
    /// Where everything stands.
    #[default]
    Status,
    /// Live orders; by account, strategy, symbol.
    Orders,
    /// Positions; by account, strategy, symbol; of all together where scope is `firm`.
    Positions,
    /// What each level has at risk; by scope and name.
    Levels,
    /// What each level has earned, is worth and may still lose; by scope and name.
    Portfolio,
    /// Reference prices; by symbol.
    References,
    /// The configuration in force, limits that were changed included, as one text.
    Configuration,
    /// What has happened; by severity, kind, account, since.
    Events,
    /// Drops a kill switch: scope and name, and a note if wanted.
    Kill,
    /// Asks to raise it.
    Raise,
    /// Says what became of an order in doubt: account and id, or `order_id`; filled, price, leaves.
    Settle,
    /// Says what may be borrowed today: account, symbol, qty, and a note if wanted.
    Locate,
    /// Asks to let one order pass what is soft: account, id, and a note if wanted.
    Override,
    /// Changes a limit: scope and name, limit, value, and a note.
    Limit,
    /// Corrects a book: kind, account, symbol, perhaps strategy, qty, price, cash, and a note.
    Adjust,
    /// When positions are closed; by account, symbol.
    Exits,
    /// Sets when a position is closed, or has it closed now: account, symbol, terms, and a note.
    Exit,
}

/// One line. What a command does not use must be absent.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// What.
    pub command: Command,
    /// A [`Scope`], by its text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// The name of what the scope is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// An account's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// A strategy's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy: Option<String>,
    /// A symbol's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub symbol: Option<String>,
    /// At most so many rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// Events as grave as this and graver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<String>,
    /// Events of this kind; an [`crate::message::AdjustKind`], by its text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Events from then on: RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Why, in at most 36 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// A strategy's id of an order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The gate's number of an order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_id: Option<u64>,
    /// What was located, or how much a position changes: a decimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub qty: Option<String>,
    /// The key of a limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,
    /// What it is to be: a decimal, or `off`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// What was filled in all: a decimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filled: Option<String>,
    /// At which average price what was not reported: a decimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<String>,
    /// What is received, or paid where it is negative: a decimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cash: Option<String>,
    /// What still stands: a decimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaves: Option<String>,
    /// At which loss a position is closed: basis points of its cost, or `off`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_loss_bps: Option<String>,
    /// At which gain: likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub take_profit_bps: Option<String>,
    /// Once its price has turned so far from its best: basis points of that, or `off`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trailing_stop_bps: Option<String>,
    /// Once it has gained so much, at no gain: basis points of its cost, or `off`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub break_even_bps: Option<String>,
    /// After how long from now, as `30m`, or `off`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold_max: Option<String>,
    /// True: the position is closed now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub close: Option<bool>,
}

/// What a request means.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Action {
    /// For the follower.
    Ask(Query),
    /// For risk. The operator is still to be filled in.
    Control(Kind, Control),
    /// For risk, once the order's number is known.
    Settle(Named, Settle),
    /// For risk. The operator is still to be filled in.
    Locate(Locate),
    /// Likewise.
    Override(Override),
    /// Likewise.
    Limit(LimitChange),
    /// Likewise.
    Adjust(Adjust),
    /// Likewise.
    Exit(ExitChange),
}

/// How an order is named.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Named {
    /// By the gate.
    Number(OrderId),
    /// By its strategy.
    Id(AccountId, Text),
}

impl Command {
    /// The fields that mean something to it.
    const fn fields(self) -> &'static [&'static str] {
        match self {
            Self::Status | Self::Configuration => &[],
            Self::Orders => &["account", "strategy", "symbol", "count"],
            Self::Positions => &["scope", "account", "strategy", "symbol", "count"],
            Self::Levels | Self::Portfolio => &["scope", "name", "count"],
            Self::References => &["symbol", "count"],
            Self::Events => &["severity", "kind", "account", "since", "count"],
            Self::Kill | Self::Raise => &["scope", "name", "note"],
            Self::Settle => &["account", "id", "order_id", "filled", "price", "leaves"],
            Self::Locate => &["account", "symbol", "qty", "note"],
            Self::Override => &["account", "id", "note"],
            Self::Limit => &["scope", "name", "limit", "value", "note"],
            Self::Adjust => &[
                "kind", "account", "strategy", "symbol", "qty", "price", "cash", "note",
            ],
            Self::Exits => &["account", "symbol", "count"],
            Self::Exit => &[
                "account",
                "symbol",
                "stop_loss_bps",
                "take_profit_bps",
                "trailing_stop_bps",
                "break_even_bps",
                "hold_max",
                "close",
                "note",
            ],
        }
    }
}

impl Request {
    /// Of one line.
    pub(super) fn parse(line: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(line).map_err(|error| {
            format!("not a request: {error}; write for example {{\"command\":\"status\"}}")
        })
    }

    /// What it means under a configuration.
    pub(super) fn action(&self, names: &Names) -> Result<Action, String> {
        self.check_fields()?;
        match self.command {
            Command::Status => Ok(Action::Ask(Query::Status)),
            Command::Orders => Ok(Action::Ask(Query::Orders {
                account: self.account(names)?,
                strategy: self.strategy(names)?,
                symbol: self.symbol(names)?,
                count_max: self.count_max(),
            })),
            Command::Positions => self.positions(names),
            Command::Levels => {
                let (scope, target) = self.which_levels(names)?;
                let count_max = self.count_max();
                Ok(Action::Ask(Query::Levels {
                    scope,
                    target,
                    count_max,
                }))
            }
            Command::Portfolio => {
                let (scope, target) = self.which_levels(names)?;
                let count_max = self.count_max();
                Ok(Action::Ask(Query::Portfolio {
                    scope,
                    target,
                    count_max,
                }))
            }
            Command::References => Ok(Action::Ask(Query::References {
                symbol: self.symbol(names)?,
                count_max: self.count_max(),
            })),
            Command::Configuration => Ok(Action::Ask(Query::Configuration)),
            Command::Events => self.events(names),
            Command::Kill => self.control(Kind::Kill, names),
            Command::Raise => self.control(Kind::Raise, names),
            Command::Settle => self.settle(names),
            Command::Locate => self.locate(names),
            Command::Override => self.ask_override(names),
            Command::Limit => self.change_limit(names),
            Command::Adjust => self.adjust(names),
            Command::Exits => Ok(Action::Ask(Query::Exits {
                account: self.account(names)?,
                symbol: self.symbol(names)?,
                count_max: self.count_max(),
            })),
            Command::Exit => self.change_exit(names),
        }
    }

    fn which_levels(&self, names: &Names) -> Result<(Option<Scope>, Option<u32>), String> {
        let scope = self.scope()?;
        let target = match (scope, &self.name) {
            (Some(scope), Some(_)) => Some(self.target(scope, names)?),
            (None, Some(_)) => return Err(said("scope", SCOPES)),
            (_, None) => None,
        };
        Ok((scope, target))
    }

    fn positions(&self, names: &Names) -> Result<Action, String> {
        let (account, strategy) = (self.account(names)?, self.strategy(names)?);
        let (books, owner) = match (self.scope()?, account, strategy) {
            (_, Some(_), Some(_)) => return Err("account and strategy: name one".to_owned()),
            (None | Some(Scope::Account), account, None) => {
                (Scope::Account, account.map(|it| it.0))
            }
            (None | Some(Scope::Strategy), None, strategy) => {
                (Scope::Strategy, strategy.map(|it| it.0))
            }
            (Some(Scope::Firm | Scope::Symbol), None, None) => (Scope::Firm, None),
            (Some(Scope::Desk), None, None) => (Scope::Desk, None),
            _ => return Err("scope: does not go with the account or strategy named".to_owned()),
        };
        let (symbol, count_max) = (self.symbol(names)?, self.count_max());
        Ok(Action::Ask(Query::Positions {
            books,
            owner,
            symbol,
            count_max,
        }))
    }

    fn events(&self, names: &Names) -> Result<Action, String> {
        let wanted = Wanted::parse(
            self.severity.as_deref(),
            self.kind.as_deref(),
            self.since.as_deref(),
        )?;
        Ok(Action::Ask(Query::Events {
            severity: wanted.severity,
            kind: wanted.kind,
            account: self.account(names)?,
            since: wanted.since,
            count_max: self.count_max(),
        }))
    }

    fn control(&self, kind: Kind, names: &Names) -> Result<Action, String> {
        let scope = self.scope()?.ok_or_else(|| said("scope", SCOPES))?;
        let control = Control {
            target: self.target(scope, names)?,
            scope: scope as u8,
            note: self.note()?,
            ..Control::default()
        };
        Ok(Action::Control(kind, control))
    }

    fn note(&self) -> Result<Text, String> {
        let note = self.note.as_deref().unwrap_or_default();
        Text::new(note).ok_or_else(|| said("note", "write at most 36 characters of plain ASCII"))
    }

    fn locate(&self, names: &Names) -> Result<Action, String> {
        let account = self.account(names)?;
        let symbol = self.symbol(names)?;
        Ok(Action::Locate(Locate {
            qty: decimal("qty", self.qty.as_deref(), Qty::parse)?,
            account: account.ok_or_else(|| said("account", "required: which one?"))?,
            symbol: symbol.ok_or_else(|| said("symbol", "required: which one?"))?,
            note: self.note()?,
            ..Locate::default()
        }))
    }

    fn ask_override(&self, names: &Names) -> Result<Action, String> {
        let account = self.account(names)?;
        let id = self.id.as_deref().and_then(Text::new).filter(Text::is_id);
        Ok(Action::Override(Override {
            account: account.ok_or_else(|| said("account", "required: which one?"))?,
            client_order_id: id
                .ok_or_else(|| said("id", "write the id that the order will have"))?,
            note: self.note()?,
            ..Override::default()
        }))
    }

    fn change_limit(&self, names: &Names) -> Result<Action, String> {
        let scope = self.scope()?.ok_or_else(|| said("scope", SCOPES))?;
        let known = || LimitKey::ALL.iter().map(|key| key.text());
        let key = self.limit.as_deref().and_then(LimitKey::from_text);
        let key = key.ok_or_else(|| {
            let known: Vec<_> = known().collect();
            said("limit", &format!("write one of {}", known.join(", ")))
        })?;
        if !key.limits(scope) {
            let why = "baskets are counted for the firm, an account or a strategy alone";
            return Err(said("scope", why));
        }
        let value = self.value.as_deref().unwrap_or_default();
        let value = key
            .parse(value)
            .map_err(|error| said("value", &format!("{error}, or off")))?;
        let note = self.note()?;
        if note.is_empty() {
            return Err(said("note", "required: why?"));
        }
        Ok(Action::Limit(LimitChange {
            value: [value as u64, (value >> 64) as u64],
            target: self.target(scope, names)?,
            note,
            scope: scope as u8,
            limit: key as u8,
            ..LimitChange::default()
        }))
    }

    fn settle(&self, names: &Names) -> Result<Action, String> {
        let named = match (self.order_id, self.account(names)?, &self.id) {
            (Some(number), None, None) => Named::Number(OrderId(number)),
            (None, Some(account), Some(id)) => {
                let id = Text::new(id).filter(Text::is_id);
                Named::Id(
                    account,
                    id.ok_or_else(|| said("id", "no order has such an id"))?,
                )
            }
            _ => return Err("name the order by account and id, or by order_id".to_owned()),
        };
        let filled = decimal("filled", self.filled.as_deref(), Qty::parse)?;
        let leaves = decimal("leaves", self.leaves.as_deref(), Qty::parse)?;
        let price = match &self.price {
            Some(price) => decimal("price", Some(price), Price::parse)?,
            None => Price::default(),
        };
        let settle = Settle {
            filled,
            leaves,
            price,
            ..Settle::default()
        };
        Ok(Action::Settle(named, settle))
    }

    fn check_fields(&self) -> Result<(), String> {
        let fields = self.command.fields();
        let unused = [
            ("scope", self.scope.is_some()),
            ("name", self.name.is_some()),
            ("account", self.account.is_some()),
            ("strategy", self.strategy.is_some()),
            ("symbol", self.symbol.is_some()),
            ("count", self.count.is_some()),
            ("severity", self.severity.is_some()),
            ("kind", self.kind.is_some()),
            ("since", self.since.is_some()),
            ("note", self.note.is_some()),
            ("id", self.id.is_some()),
            ("order_id", self.order_id.is_some()),
            ("qty", self.qty.is_some()),
            ("limit", self.limit.is_some()),
            ("value", self.value.is_some()),
            ("filled", self.filled.is_some()),
            ("price", self.price.is_some()),
            ("cash", self.cash.is_some()),
            ("leaves", self.leaves.is_some()),
            ("stop_loss_bps", self.stop_loss_bps.is_some()),
            ("take_profit_bps", self.take_profit_bps.is_some()),
            ("trailing_stop_bps", self.trailing_stop_bps.is_some()),
            ("break_even_bps", self.break_even_bps.is_some()),
            ("hold_max", self.hold_max.is_some()),
            ("close", self.close.is_some()),
        ];
        match unused
            .iter()
            .find(|(name, is_there)| *is_there && !fields.contains(name))
        {
            Some((name, _)) => Err(said(name, "means nothing to this command; leave it out")),
            None => Ok(()),
        }
    }

    fn scope(&self) -> Result<Option<Scope>, String> {
        let Some(scope) = &self.scope else {
            return Ok(None);
        };
        let scope = Scope::from_text(scope);
        scope.map(Some).ok_or_else(|| said("scope", SCOPES))
    }

    fn target(&self, scope: Scope, names: &Names) -> Result<u32, String> {
        let name = self.name.as_deref().unwrap_or_default();
        names.target(scope, name).map_err(|_| match (scope, name) {
            (Scope::Firm, _) => said("name", "the firm has none; leave it out"),
            (_, "") => said("name", "required: which one?"),
            (scope, name) => said("name", &format!("no {} {name:?}", scope.text())),
        })
    }

    fn account(&self, names: &Names) -> Result<Option<AccountId>, String> {
        self.place(self.account.as_deref(), Scope::Account, names)
            .map(|it| it.map(AccountId))
    }

    fn strategy(&self, names: &Names) -> Result<Option<StrategyId>, String> {
        self.place(self.strategy.as_deref(), Scope::Strategy, names)
            .map(|it| it.map(StrategyId))
    }

    fn symbol(&self, names: &Names) -> Result<Option<SymbolId>, String> {
        self.place(self.symbol.as_deref(), Scope::Symbol, names)
            .map(|it| it.map(SymbolId))
    }

    fn place(
        &self,
        name: Option<&str>,
        scope: Scope,
        names: &Names,
    ) -> Result<Option<u32>, String> {
        let Some(name) = name else {
            return Ok(None);
        };
        let unknown = |_| said(scope.text(), &format!("no {} {name:?}", scope.text()));
        names.target(scope, name).map(Some).map_err(unknown)
    }

    fn count_max(&self) -> usize {
        self.count
            .map_or(ROWS_DEFAULT, |count| count as usize)
            .min(ROWS_MAX)
    }
}

fn decimal<T, E: std::fmt::Debug>(
    field: &str,
    text: Option<&str>,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<T, String> {
    let text = text.ok_or_else(|| said(field, "required: a decimal, as in \"10.5\""))?;
    parse(text).map_err(|_| said(field, &format!("{text:?} is not a decimal that fits")))
}

fn said(field: &str, problem: &str) -> String {
    format!("{field}: {problem}")
}

const SCOPES: &str = "write firm, desk, account, strategy, symbol or group";
const ROWS_DEFAULT: usize = 100;
