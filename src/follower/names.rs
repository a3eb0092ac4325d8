//! Names: what people call the things that the core knows by their place.

use crate::message::Scope;
use crate::risk::setup::{Account, Setup};
use std::collections::HashMap;

/// The names of one configuration.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// Of accounts.
    pub accounts: Table,
    /// Of strategies.
    pub strategies: Table,
    /// Of symbols.
    pub symbols: Table,
    /// Of brokers.
    pub brokers: Table,
    /// Of operators.
    pub operators: Table,
    /// Of desks.
    pub desks: Table,
    /// Of groups.
    pub groups: Table,
    /// Of those who answer for strategies, by strategy.
    pub traders: Vec<String>,
    /// The desk of each account, or nothing.
    pub account_desks: Vec<String>,
}

/// The names of one kind of thing, by place.
#[derive(Clone, Debug, Default)]
pub struct Table {
    names: Vec<String>,
    places: HashMap<String, u32>,
}

/// A scope and a name that the configuration has not.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NameUnknown;

impl Names {
    /// The names of a setup.
    pub fn new(setup: &Setup) -> Self {
        Self {
            accounts: Table::new(setup.accounts.iter().map(|of| &of.name)),
            strategies: Table::new(setup.strategies.iter().map(|of| &of.name)),
            symbols: Table::new(setup.symbols.iter().map(|of| &of.name)),
            brokers: Table::new(setup.brokers.iter().map(|of| &of.name)),
            operators: Table::new(setup.operators.iter()),
            desks: Table::new(setup.desks.iter().map(|of| &of.name)),
            groups: Table::new(setup.groups.iter().map(|of| &of.name)),
            traders: setup
                .strategies
                .iter()
                .map(|of| of.trader.clone())
                .collect(),
            account_desks: setup
                .accounts
                .iter()
                .map(|of| desk_name(setup, of))
                .collect(),
        }
    }

    /// The names of what a kill can be about; the firm has none.
    pub const fn of(&self, scope: Scope) -> Option<&Table> {
        match scope {
            Scope::Firm => None,
            Scope::Account => Some(&self.accounts),
            Scope::Strategy => Some(&self.strategies),
            Scope::Symbol => Some(&self.symbols),
            Scope::Desk => Some(&self.desks),
            Scope::Group => Some(&self.groups),
        }
    }

    /// The target of a kill, as [`crate::message::Control::target`] has it.
    pub fn target(&self, scope: Scope, name: &str) -> Result<u32, NameUnknown> {
        match self.of(scope) {
            Some(table) => table.place(name).ok_or(NameUnknown),
            None if name.is_empty() => Ok(u32::MAX),
            None => Err(NameUnknown),
        }
    }

    /// The name of such a target: empty for the firm.
    pub fn name(&self, scope: Scope, target: u32) -> &str {
        self.of(scope).map_or("", |table| table.name(target))
    }

    /// Who acted: `gate` for the gate itself.
    pub fn operator(&self, operator: u32) -> &str {
        match operator {
            u32::MAX => "gate",
            place => self.operators.name(place),
        }
    }
}

fn desk_name(setup: &Setup, account: &Account) -> String {
    let desk = account.desk.and_then(|id| setup.desks.get(id.0 as usize));
    desk.map_or(String::new(), |desk| desk.name.clone())
}

impl Table {
    fn new<'a>(names: impl Iterator<Item = &'a String>) -> Self {
        let names: Vec<_> = names.cloned().collect();
        let places = names.iter().cloned().zip(0..).collect();
        Self { names, places }
    }

    /// The place of a name.
    pub fn place(&self, name: &str) -> Option<u32> {
        self.places.get(name).copied()
    }

    /// The name of a place; `?` where there is none.
    pub fn name(&self, place: u32) -> &str {
        self.names.get(place as usize).map_or("?", String::as_str)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.names.len()
    }
}
