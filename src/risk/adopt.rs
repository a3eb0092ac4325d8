//! Adopt: the state goes on under another configuration, as it does at a restart.
//!
//! Limits, terms and permissions are exchanged; names may be added behind those that there are, and
//! tables may grow. What a window has seen stays seen.

use super::core::{Account, BrokerLink, Core, Strategy, Symbol};
use super::duplicate::Recent;
use super::market::Reference;
use super::rate::{Range, Rates};
use super::route::Routes;
use super::setup::{Limits, Setup};

/// Why a state cannot go on under a setup.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum AdoptError {
    /// A name is gone, or stands at another place: ids would mean something else.
    NameMoved {
        /// Of what kind: account, strategy, symbol, broker.
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
        }
    }
}

impl std::error::Error for AdoptError {}

impl Core {
    /// Goes on under `new`. Checks everything first: an error has changed nothing.
    pub fn adopt(&mut self, old: &Setup, new: &Setup) -> Result<(), AdoptError> {
        check(old, new)?;
        let capacity = new.capacity;
        self.orders.grow(capacity.orders, capacity.orders_closed);
        self.client_order_ids.grow(
            capacity.client_order_ids as usize,
            capacity.client_order_id_horizon,
        );
        self.execution_ids.grow(capacity.executions as usize);
        self.exposure.adopt(new);
        self.adopt_rows(new);
        self.quoted.clone_from(&new.symbols);
        self.references
            .resize(new.symbols.len(), Reference::default());
        self.links.resize(new.brokers.len(), BrokerLink::default());
        self.raises = super::control::Raises::new(new);
        self.answer_timeout = new.answer_timeout;
        self.capacity = capacity;
        Ok(())
    }

    fn adopt_rows(&mut self, new: &Setup) {
        let old_rates = std::mem::take(&mut self.rates);
        let mut rates = Rates::default();
        let mut carry = |limits: &Limits, range: Option<Range>| {
            let added = rates.add(&limits.order_rate);
            if let Some(range) = range {
                rates.carry(added, &old_rates, range);
            }
            added
        };
        let of = new.capacity.duplicates_per_window as usize;
        let seed = new.hash_seed;
        let recent = |limits: &Limits, old: Option<Box<Recent>>| {
            limits.duplicate_window.map(|span| match old {
                Some(old) => Box::new(old.carried(span, of, seed)),
                None => Box::new(Recent::new(span, of)),
            })
        };
        self.firm_rates = carry(&new.firm, Some(self.firm_rates));
        self.firm_recent = recent(&new.firm, self.firm_recent.take());

        let mut old = std::mem::take(&mut self.accounts).into_iter();
        for setup in &new.accounts {
            let old = old.next();
            let mut row = Account::new(
                setup,
                carry(&setup.limits, old.as_ref().map(|row| row.rates)),
            );
            row.recent = recent(&setup.limits, old.and_then(|row| row.recent));
            self.accounts.push(row);
        }
        let mut old = std::mem::take(&mut self.strategies).into_iter();
        for setup in &new.strategies {
            let old = old.next();
            let rates = carry(&setup.limits, old.as_ref().map(|row| row.rates));
            let mut row = Strategy::new(setup, new.accounts.len(), rates);
            if let Some(old) = old {
                row.report_sequence = old.report_sequence;
                row.command_sequence = old.command_sequence;
                row.cancel_through = old.cancel_through;
                row.orders_unattended = old.orders_unattended;
                row.recent = recent(&setup.limits, old.recent);
            } else {
                row.recent = recent(&setup.limits, None);
            }
            self.strategies.push(row);
        }
        let mut old = std::mem::take(&mut self.symbols).into_iter();
        for setup in &new.symbols {
            let old = old.next();
            let mut row = Symbol::new(
                setup,
                carry(&setup.limits, old.as_ref().map(|row| row.rates)),
            );
            let (old_recent, old_moves) = match old {
                Some(old) => (old.recent, old.moves),
                None => (None, None),
            };
            row.recent = recent(&setup.limits, old_recent);
            if let Some(old) = old_moves {
                row.moves = old.carried(setup);
            }
            self.symbols.push(row);
        }
        self.rates = rates;
        self.routes = Routes::new(new.capacity.positions as usize, seed);
    }
}

fn check(old: &Setup, new: &Setup) -> Result<(), AdoptError> {
    let accounts = |setup: &Setup| setup.accounts.iter().map(|of| of.name.clone()).collect();
    let strategies = |setup: &Setup| setup.strategies.iter().map(|of| of.name.clone()).collect();
    let symbols = |setup: &Setup| setup.symbols.iter().map(|of| of.name.clone()).collect();
    let brokers = |setup: &Setup| setup.brokers.iter().map(|of| of.name.clone()).collect();
    prefix("account", accounts(old), accounts(new))?;
    prefix("strategy", strategies(old), strategies(new))?;
    prefix("symbol", symbols(old), symbols(new))?;
    prefix("broker", brokers(old), brokers(new))?;
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
