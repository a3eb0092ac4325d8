//! Adopt: the state goes on under another configuration, as it does at a restart.
//!
//! Limits, terms and permissions are exchanged; names may be added behind those that there are, and
//! tables may grow. What a window has seen stays seen.

use super::core::{Account, BrokerLink, Core, Strategy, Symbol};
use super::limits::Loosened;
use super::market::Reference;
use super::money::currency::Currencies;
use super::overrides::Overrides;
use super::own::{self, Own};
use super::rate::Rates;
use super::respond::Responses;
use super::route::Routes;
use super::rules::Rules;
use super::setup::{Limits, Setup};
use crate::message::Scope;
use crate::units::SymbolId;

/// Why a state cannot go on under a setup.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum AdoptError {
    /// A name is gone, or stands at another place: ids would mean something else.
    NameMoved {
        /// Of what kind: account, strategy, symbol, broker, desk, group, calendar.
        kind: &'static str,
        /// The name that the journal has.
        name: String,
    },
    /// A table would become smaller than it was.
    Shrunk {
        /// The key.
        key: &'static str,
        /// What the journal was written with.
        was: u64,
    },
    /// A symbol's multiplier is another while its orders live, which count at what they were worth.
    MultiplierMoved {
        /// The symbol.
        name: String,
    },
    /// A limit would be looser by more than one person may make it: which, and its level's name.
    Loosened(Loosened, String),
}

impl std::fmt::Display for AdoptError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NameMoved { kind, name } => write!(
                out,
                "the journal knows the {kind} {name:?}, which the configuration no longer has at \
                 its place: put it back (disable it with `enabled = false`), add new ones behind \
                 it, or begin a new journal directory"
            ),
            Self::Shrunk { key, was } => write!(
                out,
                "{key} was {was} when the journal was written and can only grow: raise it, or \
                 begin a new journal directory"
            ),
            Self::MultiplierMoved { name } => write!(
                out,
                "the multiplier of symbol {name:?} is another while orders of it live: put it back, \
                 cancel them, and change it then"
            ),
            Self::Loosened(of, name) => write!(
                out,
                "{} of {}{}{name} was {} when the gate stopped and is {} now, which takes two persons: \
                 write the old one, start, and let two of them say `portcullis limit`",
                of.key.text(),
                of.scope.text(),
                if name.is_empty() { "" } else { " " },
                of.key.show(of.was),
                of.key.show(of.is)
            ),
        }
    }
}

impl std::error::Error for AdoptError {}

impl Core {
    /// Goes on under `new`. Checks everything first: an error has changed nothing.
    pub fn adopt(&mut self, old: &Setup, new: &Setup) -> Result<(), AdoptError> {
        check(old, new)?;
        if let Some(loosened) = self.loosened(new) {
            return Err(AdoptError::Loosened(loosened, name_of(new, &loosened)));
        }
        self.check_multipliers(old, new)?;
        let capacity = new.capacity;
        self.orders.grow(capacity.orders, capacity.orders_closed);
        self.client_order_ids.grow(
            capacity.client_order_ids as usize,
            capacity.client_order_id_horizon,
        );
        self.execution_ids.grow(capacity.executions as usize);
        self.adopt_rows(new);
        let live = self.orders.iter().filter(|order| order.is_live());
        self.exposure.adopt(new, live);
        self.calendars = self.calendars.adopted(new, self.now);
        self.parents.grow(&capacity);
        self.exits.grow(capacity.positions);
        self.exit_policy = new.exit_policy;
        self.owners = own::owners(new);
        self.own = Own::new(new);
        self.place_all_own();
        self.adopt_locates(new);
        self.adopt_funds(new);
        self.adopt_limits(new);
        self.overrides = Overrides::new(new);
        let old_responses = self.responses.take();
        self.responses = Responses::new(new);
        if let (Some(new), Some(old)) = (&mut self.responses, old_responses) {
            new.take_over(*old);
        }
        let freshness = super::core::freshness(new);
        let old_freshness = std::mem::replace(&mut self.freshness, freshness);
        self.freshness.carry(&old_freshness);
        let currencies = Currencies::new(new);
        let old_currencies = std::mem::replace(&mut self.currencies, currencies);
        self.currencies.carry(&old_currencies);
        self.exchanged.reserve(2 * new.symbols.len());
        self.arm_losses(new);
        self.quoted.clone_from(&new.symbols);
        self.references
            .resize(new.symbols.len(), Reference::default());
        for (reference, symbol) in self.references.iter_mut().zip(&new.symbols) {
            reference.adopt(symbol);
        }
        self.reprice_all();
        for at in 0..new.symbols.len() as u32 {
            self.value(SymbolId(at));
        }
        self.look_at_all_profits();
        for (at, broker) in new.brokers.iter().enumerate() {
            match self.links.get_mut(at) {
                Some(link) => link.reports_fees = broker.reports_fees,
                None => self.links.push(BrokerLink::new(broker)),
            }
        }
        self.raises = super::control::Raises::new(new);
        self.answer_timeout = new.answer_timeout;
        self.capacity = capacity;
        Ok(())
    }

    /// What a live order is worth was worked out when it came.
    fn check_multipliers(&self, old: &Setup, new: &Setup) -> Result<(), AdoptError> {
        let symbols = old.symbols.iter().zip(&new.symbols).enumerate();
        for (at, _) in symbols.filter(|(_, (old, new))| old.multiplier != new.multiplier) {
            let mut orders = self.orders.iter().filter(|order| order.is_live());
            if orders.any(|order| order.symbol.0 as usize == at) {
                let name = new.symbols[at].name.clone();
                return Err(AdoptError::MultiplierMoved { name });
            }
        }
        Ok(())
    }

    fn adopt_rows(&mut self, new: &Setup) {
        let old_rates = std::mem::take(&mut self.rates);
        let mut rates = Rates::default();
        let seed = new.hash_seed;
        let duplicates = new.capacity.duplicates_per_window as usize;
        let mut rules = |limits: &Limits, old: Option<&Rules>| {
            let mut rules = Rules::new(limits, &mut rates, duplicates);
            if let Some(old) = old {
                rules.carry(&mut rates, old, &old_rates, seed);
            }
            rules
        };
        self.firm_rules = rules(&new.firm, Some(&self.firm_rules));
        // Desks and groups stand in one list: a desk more moves the groups.
        let (old_desks, old_groups) = self.other_rules.split_at(self.exposure.desk_count as usize);
        let desks = new.desks.iter().enumerate();
        let desks = desks.map(|(at, of)| (&of.limits, old_desks.get(at)));
        let groups = new.groups.iter().enumerate();
        let groups = groups.map(|(at, of)| (&of.limits, old_groups.get(at)));
        let others = desks.chain(groups);
        self.other_rules = others.map(|(limits, old)| rules(limits, old)).collect();

        let mut old = std::mem::take(&mut self.accounts).into_iter();
        for setup in &new.accounts {
            let old = old.next();
            let rules = rules(&setup.limits, old.as_ref().map(|row| &row.rules));
            self.accounts.push(Account::new(setup, rules));
        }
        let mut old = std::mem::take(&mut self.strategies).into_iter();
        for setup in &new.strategies {
            let old = old.next();
            let rules = rules(&setup.limits, old.as_ref().map(|row| &row.rules));
            let mut row = Strategy::new(setup, new.accounts.len(), rules);
            if let Some(old) = old {
                row.report_sequence = old.report_sequence;
                row.command_sequence = old.command_sequence;
                row.cancel_through = old.cancel_through;
                row.orders_unattended = old.orders_unattended;
            }
            self.strategies.push(row);
        }
        let mut old = std::mem::take(&mut self.symbols).into_iter();
        for setup in &new.symbols {
            let old = old.next();
            let rules = rules(&setup.limits, old.as_ref().map(|row| &row.rules));
            let mut row = Symbol::new(setup, rules);
            if let Some(moves) = old.and_then(|old| old.moves) {
                row.moves = moves.carried(setup);
            }
            self.symbols.push(row);
        }
        self.rates = rates;
        self.paces_cancels = new.limits().any(|limits| !limits.cancel_rate.is_empty());
        self.routes = Routes::new(new.capacity.positions as usize, seed);
    }
}

/// The firm has none.
fn name_of(setup: &Setup, of: &Loosened) -> String {
    let at = of.target as usize;
    match of.scope {
        Scope::Firm => String::new(),
        Scope::Account => setup.accounts[at].name.clone(),
        Scope::Strategy => setup.strategies[at].name.clone(),
        Scope::Symbol => setup.symbols[at].name.clone(),
        Scope::Desk => setup.desks[at].name.clone(),
        Scope::Group => setup.groups[at].name.clone(),
    }
}

fn check(old: &Setup, new: &Setup) -> Result<(), AdoptError> {
    let accounts = |setup: &Setup| setup.accounts.iter().map(|of| of.name.clone()).collect();
    let strategies = |setup: &Setup| setup.strategies.iter().map(|of| of.name.clone()).collect();
    let symbols = |setup: &Setup| setup.symbols.iter().map(|of| of.name.clone()).collect();
    let brokers = |setup: &Setup| setup.brokers.iter().map(|of| of.name.clone()).collect();
    let desks = |setup: &Setup| setup.desks.iter().map(|of| of.name.clone()).collect();
    let calendars = |setup: &Setup| setup.calendars.iter().map(|of| of.name.clone()).collect();
    let groups = |setup: &Setup| setup.groups.iter().map(|of| of.name.clone()).collect();
    prefix("account", accounts(old), accounts(new))?;
    prefix("strategy", strategies(old), strategies(new))?;
    prefix("symbol", symbols(old), symbols(new))?;
    prefix("broker", brokers(old), brokers(new))?;
    prefix("desk", desks(old), desks(new))?;
    prefix("calendar", calendars(old), calendars(new))?;
    prefix("group", groups(old), groups(new))?;
    let (was, is) = (&old.capacity, &new.capacity);
    let live = |of: &super::setup::Capacity| of.orders - of.orders_closed;
    for (key, was, is) in [
        ("capacity.orders", was.orders, is.orders),
        (
            "capacity.orders less capacity.orders_closed",
            live(was),
            live(is),
        ),
        (
            "capacity.orders_closed",
            was.orders_closed,
            is.orders_closed,
        ),
        (
            "capacity.client_order_ids",
            was.client_order_ids,
            is.client_order_ids,
        ),
        ("capacity.positions", was.positions, is.positions),
        ("capacity.executions", was.executions, is.executions),
        (
            "capacity.duplicates_per_window",
            was.duplicates_per_window,
            is.duplicates_per_window,
        ),
        ("capacity.parents", was.parents, is.parents),
        ("capacity.lots", was.lots, is.lots),
    ] {
        if is < was {
            return Err(AdoptError::Shrunk {
                key,
                was: was.into(),
            });
        }
    }
    Ok(())
}

fn prefix(kind: &'static str, old: Vec<String>, new: Vec<String>) -> Result<(), AdoptError> {
    for (at, name) in old.into_iter().enumerate() {
        if new.get(at) != Some(&name) {
            return Err(AdoptError::NameMoved { kind, name });
        }
    }
    Ok(())
}
