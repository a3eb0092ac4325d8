//! Names: what users write, to ids and back.

use crate::message::Scope;
use crate::protocol::scenario::STRATEGY_UNKNOWN;
use crate::risk::setup::Setup;
use crate::units::{AccountId, BrokerId, StrategyId, SymbolId};
use std::collections::HashMap;

/// The names of one configuration. Ids are places in its lists.
#[derive(Clone, Debug, Default)]
pub struct Names {
    pub(super) accounts: Table,
    pub(super) strategies: Table,
    pub(super) symbols: Table,
    pub(super) brokers: Table,
    pub(super) operators: Table,
    pub(super) desks: Table,
    pub(super) groups: Table,
    /// By account: the only strategy that may trade for it, if it is the only one.
    permitted_alone: Vec<Option<StrategyId>>,
}

/// The names of one kind of thing.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    ids: HashMap<String, u32>,
    names: Vec<String>,
}

impl Table {
    fn new<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let mut table = Self::default();
        for name in names {
            let id = table.names.len() as u32;
            table.ids.entry(name.to_owned()).or_insert(id);
            table.names.push(name.to_owned());
        }
        table
    }

    pub(super) fn id(&self, name: &str) -> Option<u32> {
        self.ids.get(name).copied()
    }

    pub(super) fn name(&self, id: u32) -> Option<&str> {
        self.names.get(id as usize).map(String::as_str)
    }

    /// The only one there is.
    fn alone(&self) -> Option<u32> {
        (self.names.len() == 1).then_some(0)
    }
}

impl Names {
    /// The names of a configuration.
    pub fn new(setup: &Setup) -> Self {
        // By account: the first strategy that may trade for it, and whether another one may.
        let mut permitted = vec![(None, false); setup.accounts.len()];
        for (strategy, id) in setup.strategies.iter().zip(0..) {
            for account in &strategy.accounts {
                if let Some((first, has_more)) = permitted.get_mut(account.0 as usize) {
                    *has_more |= *first.get_or_insert(StrategyId(id)) != StrategyId(id);
                }
            }
        }
        let permitted_alone = permitted
            .into_iter()
            .map(|(first, has_more)| first.filter(|_| !has_more));
        Self {
            accounts: Table::new(setup.accounts.iter().map(|it| it.name.as_str())),
            strategies: Table::new(setup.strategies.iter().map(|it| it.name.as_str())),
            symbols: Table::new(setup.symbols.iter().map(|it| it.name.as_str())),
            brokers: Table::new(setup.brokers.iter().map(|it| it.name.as_str())),
            operators: Table::new(setup.operators.iter().map(String::as_str)),
            desks: Table::new(setup.desks.iter().map(|it| it.name.as_str())),
            groups: Table::new(setup.groups.iter().map(|it| it.name.as_str())),
            permitted_alone: permitted_alone.collect(),
        }
    }

    /// The names of what a scope is about; the firm has none.
    pub(super) const fn of(&self, scope: Scope) -> Option<&Table> {
        match scope {
            Scope::Firm => None,
            Scope::Account => Some(&self.accounts),
            Scope::Strategy => Some(&self.strategies),
            Scope::Symbol => Some(&self.symbols),
            Scope::Desk => Some(&self.desks),
            Scope::Group => Some(&self.groups),
        }
    }

    /// The account of a name; [`AccountId::NONE`] where nothing has it.
    pub fn account(&self, name: &str) -> AccountId {
        self.accounts.id(name).map_or(AccountId::NONE, AccountId)
    }

    /// The strategy of a name; [`STRATEGY_UNKNOWN`] where nothing has it.
    pub fn strategy(&self, name: &str) -> StrategyId {
        self.strategies
            .id(name)
            .map_or(STRATEGY_UNKNOWN, StrategyId)
    }

    /// The symbol of a name.
    pub fn symbol(&self, name: &str) -> SymbolId {
        self.symbols.id(name).map_or(SymbolId::NONE, SymbolId)
    }

    /// The broker of a name.
    pub fn broker(&self, name: &str) -> BrokerId {
        self.brokers.id(name).map_or(BrokerId::NONE, BrokerId)
    }

    /// Who sends an order that does not say: the only strategy that may trade for the account, or
    /// the only one there is. `None` where the line must say it.
    pub(super) fn strategy_unsaid(&self, account: AccountId) -> Option<StrategyId> {
        let permitted = self.permitted_alone.get(account.0 as usize).copied();
        permitted
            .flatten()
            .or_else(|| self.strategies.alone().map(StrategyId))
            // The core refuses the account whoever sends.
            .or_else(|| permitted.is_none().then_some(StrategyId::NONE))
    }

    /// The only broker there is.
    pub(super) fn broker_unsaid(&self) -> Option<BrokerId> {
        self.brokers.alone().map(BrokerId)
    }
}
