//! Places: what names of the broker's files mean under a configuration, and what is needed of it.
//!
//! Pure.

use crate::follower::names::Names;
use crate::risk::setup::Setup;
use crate::units::{AccountId, BrokerId, Price, SymbolId};

/// The parts of one configuration that books are compared by.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// What things are called.
    pub names: Names,
    symbols: Vec<Symbol>,
}

#[derive(Clone, Copy, Debug)]
struct Symbol {
    broker: BrokerId,
    multiplier: u64,
}

impl Places {
    /// Of a setup.
    pub fn new(setup: &Setup) -> Self {
        let symbols = setup.symbols.iter().map(|of| Symbol {
            broker: of.broker,
            multiplier: of.multiplier,
        });
        Self {
            names: Names::new(setup),
            symbols: symbols.collect(),
        }
    }

    /// The account of a name.
    pub fn account(&self, name: &str) -> Option<AccountId> {
        self.names.accounts.place(name).map(AccountId)
    }

    /// The symbol of a name.
    pub fn symbol(&self, name: &str) -> Option<SymbolId> {
        self.names.symbols.place(name).map(SymbolId)
    }

    /// Who executes in a symbol.
    pub fn broker(&self, symbol: SymbolId) -> BrokerId {
        self.of(symbol).map_or(BrokerId::NONE, |of| of.broker)
    }

    /// What `qty` costs at a price, in 1e-17 of the currency that the symbol settles in; less than
    /// nothing for what is sold.
    pub fn value(&self, symbol: SymbolId, price: Price, qty: i128) -> i128 {
        let multiplier = self.of(symbol).map_or(0, |of| of.multiplier);
        super::entry::value(price, qty, multiplier)
    }

    /// The place of the currency that a symbol is settled in.
    pub fn currency(&self, symbol: SymbolId) -> u32 {
        let _ = symbol;
        0
    }

    /// The place of a currency's name.
    pub fn currency_of_name(&self, name: &str) -> Option<u32> {
        let _ = name;
        None
    }

    /// A symbol that is settled in a currency.
    pub fn symbol_of_currency(&self, currency: u32) -> Option<SymbolId> {
        let mut symbols = (0..).map(SymbolId).take(self.symbols.len());
        symbols.find(|symbol| self.currency(*symbol) == currency)
    }

    fn of(&self, symbol: SymbolId) -> Option<&Symbol> {
        self.symbols.get(symbol.0 as usize)
    }
}
