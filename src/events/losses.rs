//! Losses: levels that are halted for what they have lost, that trade again, and that come near it.
//!
//! Pure.
//!
//! Which levels are halted is remembered from one record to the next. A level that uses the share
//! `gateway.warn_share` of a limit on its losses is told when a fill, a correction or a price has brought it
//! there, by the same memory as every other limit.

use super::derive::{Seen, Teller, level, level_name};
use super::event::{Facts, time};
use super::kind::EventKind;
use super::watch::{Warning, Watch};
use crate::message::{Adjust, Kind, Quote, Scope, Settle};
use crate::reject::RejectReason;
use crate::risk::core::Core;
use crate::risk::losses::Halt;
use crate::units::{Amount, Nanos, SymbolId};

/// The levels that are halted.
#[derive(Debug, Default)]
pub(super) struct Halts {
    halted: Vec<(Scope, u32, Halt)>,
    count: u64,
}

impl Halts {
    /// A run begins: what is halted is no news.
    pub(super) fn open(core: &Core) -> Self {
        Self {
            halted: halted(core).collect(),
            count: core.halt_count(),
        }
    }

    /// A record was taken: tells which levels go on, and which are halted.
    pub(super) fn take(&mut self, seen: &Seen<'_>, out: &mut Teller<'_>) {
        let core = seen.core;
        let is_over = |of: &(Scope, u32, Halt)| core.halt_of(of.0, of.1) != Some(of.2);
        if self.count == core.halt_count() && !self.halted.iter().any(is_over) {
            return;
        }
        for of in self.halted.iter().filter(|of| is_over(of)) {
            out.tell(EventKind::LossResumed, || resumed(seen, *of));
        }
        let before = std::mem::replace(self, Self::open(core));
        for of in self.halted.iter().filter(|of| !before.halted.contains(of)) {
            out.tell(EventKind::LossHalted, || stopped(seen, *of));
        }
    }
}

fn halted(core: &Core) -> impl Iterator<Item = (Scope, u32, Halt)> {
    core.halts().map(|of| (of.scope, of.target, of.halt))
}

/// Limits on losses that the record brings near.
pub(super) fn warn(watch: &mut Watch, seen: &Seen<'_>, out: &mut Teller<'_>) {
    let Some(symbol) = symbol_of(seen).filter(|_| seen.setup.warn_share != 0) else {
        return;
    };
    let core = seen.core;
    core.loss_levels_in(symbol, |scope, target| {
        for (kind, limit, lost) in core.used_losses(scope, target) {
            let warning = Warning {
                scope,
                target,
                reason: RejectReason::LossAboveMax,
                loss: Some(kind.text()),
                limit: limit.raw(),
                value: lost.raw().max(0),
            };
            // A level that is halted has been told already.
            let is_news = watch.is_news(seen.setup.warn_share, &warning);
            if is_news && core.halt_of(scope, target).is_none() {
                out.tell(EventKind::LossWarning, || near(seen, &warning));
            }
        }
    });
}

/// Whose books a record may have valued anew.
fn symbol_of(seen: &Seen<'_>) -> Option<SymbolId> {
    let of_order = |id| seen.core.order(id).map(|order| order.symbol);
    let symbol = match seen.head.kind()? {
        Kind::Quote => seen.head.body::<Quote>().symbol,
        Kind::Adjust => seen.head.body::<Adjust>().symbol,
        Kind::Report => of_order(seen.decision.order_id)?,
        Kind::Settle => of_order(seen.head.body::<Settle>().order_id)?,
        _ => return None,
    };
    ((symbol.0 as usize) < seen.setup.symbols.len()).then_some(symbol)
}

fn of_level(seen: &Seen<'_>, scope: Scope, target: u32) -> Facts {
    let names = seen.names;
    let of = |wanted| {
        (scope == wanted)
            .then(|| level_name(names, wanted, target))
            .flatten()
    };
    Facts {
        account: of(Scope::Account),
        strategy: of(Scope::Strategy),
        symbol: of(Scope::Symbol),
        scope: Some(scope.text()),
        name: level_name(names, scope, target),
        reason: Some(RejectReason::LossAboveMax.name()),
        ..Facts::default()
    }
}

fn stopped(seen: &Seen<'_>, (scope, target, halt): (Scope, u32, Halt)) -> (Facts, String) {
    let persons = seen.setup.raise_persons.max(1);
    let until = (halt.until != Nanos::MAX).then(|| time(halt.until));
    let resumes = match (&until, persons) {
        (Some(until), persons) => format!("until {until}, or until {persons} operators raise it"),
        (None, 1) => "until an operator raises it".to_owned(),
        (None, persons) => format!("until {persons} operators raise it"),
    };
    let text = format!(
        "{} is halted: it has lost {} of at most {} ({}); only what reduces passes {resumes}",
        level(seen.names, scope, target),
        halt.value,
        halt.limit,
        halt.kind.text(),
    );
    let facts = Facts {
        loss: Some(halt.kind.text()),
        limit: Some(halt.limit.to_string()),
        value: Some(halt.value.to_string()),
        until,
        persons: Some(persons),
        ..of_level(seen, scope, target)
    };
    (facts, text)
}

fn resumed(seen: &Seen<'_>, (scope, target, halt): (Scope, u32, Halt)) -> (Facts, String) {
    let why = match seen.head.kind() {
        Some(Kind::Raise) => "persons have raised it",
        _ => "its day is over",
    };
    let text = format!(
        "{} trades again ({}): {why}; what it loses counts from here",
        level(seen.names, scope, target),
        halt.kind.text(),
    );
    let facts = Facts {
        loss: Some(halt.kind.text()),
        ..of_level(seen, scope, target)
    };
    (facts, text)
}

fn near(seen: &Seen<'_>, warning: &Warning) -> (Facts, String) {
    let Warning { scope, target, .. } = *warning;
    let [limit, value] = [warning.limit, warning.value].map(Amount::from_raw);
    let percent = warning.value.saturating_mul(100).checked_div(warning.limit);
    let loss = warning.loss.unwrap_or_default();
    let text = format!(
        "{}% of what {} may lose is lost ({value} of {limit}, {loss}); beyond it only what reduces passes",
        percent.unwrap_or(100),
        level(seen.names, scope, target),
    );
    let facts = Facts {
        loss: warning.loss,
        limit: Some(limit.to_string()),
        value: Some(value.to_string()),
        ..of_level(seen, scope, target)
    };
    (facts, text)
}
