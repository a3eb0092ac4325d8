//! Exits: positions that the gate closes by itself.
//!
//! Pure.
//!
//! Which exits are under way is remembered from one record to the next.

use super::derive::{Seen, Teller, name};
use super::event::Facts;
use super::kind::EventKind;
use crate::risk::core::Core;
use crate::risk::exits::ExitView;
use crate::units::Position;

/// The exits under way.
#[derive(Debug, Default)]
pub(super) struct Exits {
    under_way: Vec<ExitView>,
    counts: (u64, u64),
}

impl Exits {
    /// A run begins: what is under way is no news.
    pub(super) fn open(core: &Core) -> Self {
        Self {
            under_way: core.exits().collect(),
            counts: core.exit_counts(),
        }
    }

    /// A record was taken: tells which exits have begun, must be looked at, and are over.
    pub(super) fn take(&mut self, seen: &Seen<'_>, out: &mut Teller<'_>) {
        let core = seen.core;
        if self.counts == core.exit_counts() && self.under_way.is_empty() {
            return;
        }
        let before = std::mem::replace(self, Self::open(core));
        for exit in &before.under_way {
            if !self.under_way.iter().any(|of| is_same(of, exit)) {
                out.tell(EventKind::ExitDone, || tell(seen, exit, "has closed"));
            }
        }
        for exit in &self.under_way {
            let known = before.under_way.iter().find(|of| is_same(of, exit));
            if known.is_none() {
                out.tell(EventKind::Exit, || tell(seen, exit, "closes"));
            }
            if exit.is_failing && !known.is_some_and(|of| of.is_failing) {
                out.tell(EventKind::ExitFailing, || {
                    tell(seen, exit, "cannot close, whatever it has tried,")
                });
            }
        }
    }
}

fn is_same(one: &ExitView, other: &ExitView) -> bool {
    (one.account, one.symbol, one.since) == (other.account, other.symbol, other.since)
}

fn tell(seen: &Seen<'_>, exit: &ExitView, does: &str) -> (Facts, String) {
    let names = seen.names;
    let held = seen
        .core
        .account_positions()
        .find(|cell| (cell.owner, cell.symbol) == (exit.account.0, exit.symbol.0));
    let held = held.map_or(Position::ZERO, |cell| cell.position);
    let text = format!(
        "the gate {does} the position of {} in {} ({}); it holds {held}",
        names.accounts.name(exit.account.0),
        names.symbols.name(exit.symbol.0),
        exit.cause.text()
    );
    let facts = Facts {
        account: name(&names.accounts, exit.account.0),
        symbol: name(&names.symbols, exit.symbol.0),
        qty: Some(held.to_string()),
        reason: Some(exit.cause.text()),
        ..Facts::default()
    };
    (facts, text)
}
