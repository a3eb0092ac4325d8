//! Places: what names of the broker's files mean under a configuration, and what is needed of it.
//!
//! Pure.

use crate::follower::names::Names;
use crate::risk::money::worth::Contract;
use crate::risk::setup::Setup;
use crate::units::{AccountId, BrokerId, Price, Qty, SymbolId};

/// The parts of one configuration that books are compared by.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// What things are called.
    pub names: Names,
    symbols: Vec<Symbol>,
    currencies: Vec<String>,
}

#[derive(Clone, Copy, Debug)]
struct Symbol {
    broker: BrokerId,
    currency: u32,
    contract: Contract,
}

impl Places {
    /// Of a setup.
    pub fn new(setup: &Setup) -> Self {
        let symbols = setup.symbols.iter().map(|of| Symbol {
            broker: of.broker,
            currency: of.settlement,
            contract: Contract::new(of),
        });
        Self {
            names: Names::new(setup),
            symbols: symbols.collect(),
            currencies: setup.currencies.iter().map(|of| of.name.clone()).collect(),
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

    /// What `qty` costs at a price, in 1e-17 of the currency that the symbol settles in, as the core
    /// books it; less than nothing for what is sold.
    pub fn value(&self, symbol: SymbolId, price: Price, qty: i128) -> i128 {
        let magnitude = u64::try_from(qty.unsigned_abs()).unwrap_or(u64::MAX);
        let contract = self.of(symbol).map(|of| of.contract);
        let bought = contract.and_then(|of| of.traded(price, Qty::from_raw(magnitude)));
        let bought = bought.unwrap_or_default().raw();
        if qty < 0 { -bought } else { bought }
    }

    /// The place of the currency that a symbol settles in.
    pub fn currency(&self, symbol: SymbolId) -> u32 {
        self.of(symbol).map_or(0, |of| of.currency)
    }

    /// The place of a currency's name.
    pub fn currency_of_name(&self, name: &str) -> Option<u32> {
        let at = self.currencies.iter().position(|of| of == name)?;
        u32::try_from(at).ok()
    }

    /// The name of a currency.
    pub fn currency_name(&self, currency: u32) -> &str {
        let name = self.currencies.get(currency as usize);
        name.map_or("?", String::as_str)
    }

    /// A symbol that is settles in a currency.
    pub fn symbol_of_currency(&self, currency: u32) -> Option<SymbolId> {
        let mut symbols = (0..).map(SymbolId).take(self.symbols.len());
        symbols.find(|symbol| self.currency(*symbol) == currency)
    }

    fn of(&self, symbol: SymbolId) -> Option<&Symbol> {
        self.symbols.get(symbol.0 as usize)
    }
}
