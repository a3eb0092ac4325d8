//! Derive: what a record of the journal means to those who watch.
//!
//! Pure. The record, what was decided and sent, and the core behind it are all that is looked at, so the
//! same journal gives the same events, with the same numbers, each time it is read.

use super::event::{Event, Facts};
use super::exits::Exits;
use super::kind::{EventKind, Kinds};
use super::losses::Halts;
use super::positions::Positions;
use super::watch::{Warning, Watch};
use super::{acts, losses, orders};
use crate::follower::names::{Names, Table};
use crate::follower::replica::{Difference, amount};
use crate::message::{Cancel, Frame, Kind, Link, LinkState, NewOrder, Quote, Replace};
use crate::message::{Report, Scope, SessionChange};
use crate::reject::{RejectReason, Unit};
use crate::risk::core::Core;
use crate::risk::decision::{Decision, Outcome};
use crate::risk::order::Order;
use crate::risk::setup::{Answer, Setup};
use crate::units::{AccountId, StrategyId, SymbolId};

/// A record that the core has just taken.
#[derive(Clone, Copy)]
pub(crate) struct Seen<'a> {
    pub(crate) sequence: u64,
    pub(crate) head: &'a Frame,
    pub(crate) continuations: &'a [Frame],
    pub(crate) decision: &'a Decision,
    /// What strategies were told.
    pub(crate) told: &'a [Frame],
    /// As it is behind the record.
    pub(crate) core: &'a Core,
    pub(crate) setup: &'a Setup,
    pub(crate) names: &'a Names,
}

/// Where events go.
pub(crate) type Tell<'a> = dyn FnMut(Event) + 'a;

/// What must be remembered from one record to the next.
#[derive(Debug, Default)]
pub(crate) struct Deriver {
    pub(crate) watch: Watch,
    /// By broker: what was last told of its link.
    links: Vec<Option<LinkState>>,
    positions: Positions,
    halts: Halts,
    exits: Exits,
}

/// The events of one record, one after the other.
pub(super) struct Teller<'a> {
    sequence: u64,
    head: &'a Frame,
    part: u32,
    /// Others are counted and not made.
    wanted: Kinds,
    tell: &'a mut Tell<'a>,
}

impl<'a> Teller<'a> {
    fn new(sequence: u64, head: &'a Frame, wanted: Kinds, tell: &'a mut Tell<'a>) -> Self {
        Self {
            sequence,
            head,
            part: 0,
            wanted,
            tell,
        }
    }

    /// Tells of something that follows from the record itself.
    pub(super) fn tell(&mut self, kind: EventKind, make: impl FnOnce() -> (Facts, String)) {
        self.tell_of(self.head.header.correlation, kind, make);
    }

    /// Tells of something that goes back to another command.
    pub(super) fn tell_of(
        &mut self,
        correlation: u64,
        kind: EventKind,
        make: impl FnOnce() -> (Facts, String),
    ) {
        let part = self.part;
        self.part += 1;
        if !self.wanted.has(kind) {
            return;
        }
        let (facts, text) = make();
        (self.tell)(Event {
            sequence: self.sequence,
            part,
            time: self.head.header.time,
            severity: kind.severity(),
            kind,
            correlation,
            facts,
            text,
        });
    }
}

impl Deriver {
    /// A run began. `head` is of the last record of its opening.
    pub(crate) fn open(
        &mut self,
        (sequence, head): (u64, &Frame),
        (core, names): (&Core, &Names),
        wanted: Kinds,
        tell: &mut Tell<'_>,
    ) {
        self.watch.open(core);
        self.links = vec![None; names.brokers.count()];
        self.positions = Positions::open(core);
        self.halts = Halts::open(core);
        self.exits = Exits::open(core);
        Teller::new(sequence, head, wanted, &mut |event| tell(event))
            .tell(EventKind::RunStarted, || {
                (Facts::default(), "a run of the gateway began".to_owned())
            });
    }

    /// Tells all that a record means. Events that are not `wanted` are not made.
    pub(crate) fn take(&mut self, seen: &Seen<'_>, wanted: Kinds, tell: &mut Tell<'_>) {
        let mut tell = |event| tell(event);
        let mut out = Teller::new(seen.sequence, seen.head, wanted, &mut tell);
        match seen.head.kind() {
            Some(Kind::NewOrder | Kind::Basket | Kind::Cancel | Kind::Replace) => {
                orders::command(seen, &mut out);
                self.warn(seen, &mut out);
            }
            Some(Kind::Report) => orders::report(seen, &mut out),
            Some(Kind::Link) => self.link(seen, &mut out),
            Some(Kind::SessionChange) => session(seen, &mut out),
            Some(
                Kind::Kill
                | Kind::Raise
                | Kind::Settle
                | Kind::Locate
                | Kind::Override
                | Kind::Limit
                | Kind::Adjust
                | Kind::Exit,
            ) => {
                acts::act(seen, &mut out);
            }
            _ => {}
        }
        for frame in seen.told {
            orders::told(seen, frame, &mut out);
        }
        self.positions.take(seen, &mut out);
        losses::warn(&mut self.watch, seen, &mut out);
        self.halts.take(seen, &mut out);
        self.exits.take(seen, &mut out);
        let mut answered = Vec::new();
        self.watch.answers(seen.core, |at| answered.push(at));
        for at in answered {
            response(seen, at, &mut out);
        }
    }

    /// A record that the follower does not agree with. Its part is behind those that are.
    pub(crate) fn differ(
        head: &Frame,
        difference: &Difference,
        wanted: Kinds,
        tell: &mut Tell<'_>,
    ) {
        let mut tell = |event| tell(event);
        let mut out = Teller::new(difference.sequence, head, wanted, &mut tell);
        out.part = u32::MAX - 1;
        out.tell(EventKind::FollowerDiffers, || {
            let text = format!(
                "the follower does not agree with the gate: stop it, keep the journal; {difference}"
            );
            (Facts::default(), text)
        });
    }

    /// Limits that an order which has passed brings near.
    fn warn(&mut self, seen: &Seen<'_>, out: &mut Teller<'_>) {
        let is_order = matches!(
            seen.head.kind(),
            Some(Kind::NewOrder | Kind::Replace | Kind::Basket)
        );
        let order = seen.core.order(seen.decision.order_id);
        let Some(order) = order.filter(|_| is_order && seen.decision.outcome == Outcome::Accepted)
        else {
            return;
        };
        let Seen {
            core, setup, names, ..
        } = *seen;
        self.watch.look(order, core, setup, |warning| {
            out.tell(EventKind::LimitWarning, || near(order, &warning, names));
        });
    }

    fn link(&mut self, seen: &Seen<'_>, out: &mut Teller<'_>) {
        let link = seen.head.body::<Link>();
        let state = LinkState::from_byte(link.state);
        let (Some(state), Some(last)) = (state, self.links.get_mut(link.broker.0 as usize)) else {
            return;
        };
        let before = last.replace(state);
        if before == Some(state) {
            return;
        }
        let kind = match (state, before) {
            (LinkState::Down, _) => EventKind::LinkDown,
            (LinkState::BreakerOpen, _) => EventKind::BreakerOpen,
            (LinkState::HalfOpen, _) => EventKind::BreakerHalfOpen,
            (LinkState::Up, Some(LinkState::BreakerOpen | LinkState::HalfOpen)) => {
                EventKind::BreakerClosed
            }
            (LinkState::Up, _) => EventKind::LinkUp,
        };
        out.tell(kind, || {
            let broker = name(&seen.names.brokers, link.broker.0);
            let of = broker.as_deref().unwrap_or("?");
            let text = match kind {
                EventKind::LinkDown => format!("the link to {of} is down"),
                EventKind::BreakerOpen => {
                    format!("the breaker of {of} is open: new orders to it are refused")
                }
                EventKind::BreakerHalfOpen => {
                    format!("the breaker of {of} lets a few orders through to see")
                }
                EventKind::BreakerClosed => format!("the breaker of {of} is closed"),
                _ => format!("the link to {of} is up"),
            };
            let facts = Facts {
                broker,
                state: Some(state.text()),
                ..Facts::default()
            };
            (facts, text)
        });
    }
}

fn near(order: &Order, warning: &Warning, names: &Names) -> (Facts, String) {
    let Warning {
        scope,
        target,
        reason,
        ..
    } = *warning;
    let (limit, value) = (amount(reason, warning.limit), amount(reason, warning.value));
    let percent = (warning.value.saturating_mul(100)).checked_div(warning.limit);
    let level = level(names, scope, target);
    let text = format!(
        "{}% of a limit of {level} is used ({value} of {limit}); beyond it orders are refused: {}",
        percent.unwrap_or(100),
        reason.name()
    );
    let facts = Facts {
        broker: None,
        scope: Some(scope.text()),
        name: level_name(names, scope, target),
        reason: Some(reason.name()),
        limit: Some(limit),
        value: Some(value),
        ..orders::of_order(order, names)
    };
    (facts, text)
}

fn session(seen: &Seen<'_>, out: &mut Teller<'_>) {
    let change = seen.head.body::<SessionChange>();
    let state = LinkState::from_byte(change.state);
    let kind = match state {
        Some(LinkState::Up) => EventKind::SessionUp,
        _ => EventKind::SessionDown,
    };
    if seen.decision.outcome != Outcome::Applied {
        return;
    }
    out.tell(kind, || {
        let strategy = name(&seen.names.strategies, seen.head.header.strategy.0);
        let of = strategy.as_deref().unwrap_or("?");
        let text = match (kind, change.cancel_orders) {
            (EventKind::SessionUp, _) => format!("strategy {of} has logged on"),
            (_, 1) => format!("the session of strategy {of} has ended: its orders are cancelled"),
            _ => format!("the session of strategy {of} has ended"),
        };
        let facts = Facts {
            strategy,
            state: state.map(LinkState::text),
            ..Facts::default()
        };
        (facts, text)
    });
}

/// A response has answered, to the level that the record is about.
fn response(seen: &Seen<'_>, at: usize, out: &mut Teller<'_>) {
    let Some(response) = seen.setup.responses.get(at) else {
        return;
    };
    let (account, strategy, symbol) = who(seen);
    let scope = response.scope;
    let target = match scope {
        Scope::Account => account.0,
        Scope::Strategy => strategy.0,
        Scope::Symbol => symbol.0,
        _ => u32::MAX,
    };
    let facts = || Facts {
        account: name(&seen.names.accounts, account.0),
        strategy: name(&seen.names.strategies, strategy.0),
        symbol: name(&seen.names.symbols, symbol.0),
        scope: Some(scope.text()),
        name: level_name(seen.names, scope, target),
        ..Facts::default()
    };
    let level = || level(seen.names, scope, target);
    out.tell(EventKind::Response, || {
        let (answer, what) = match response.answer {
            Answer::Warn => ("warn", "is to be looked at"),
            Answer::Slow => ("slow", "is slowed down"),
            Answer::Refuse => ("refuse", "is paused"),
            Answer::Cancel => ("cancel", "is paused and its orders are cancelled"),
            Answer::Kill => ("kill", "is killed"),
        };
        let name = &response.name;
        let text = format!("response {name:?} has answered: {} {what}", level());
        let facts = Facts {
            response: Some(name.clone()),
            answer: Some(answer),
            ..facts()
        };
        (facts, text)
    });
    if response.answer == Answer::Kill {
        out.tell(EventKind::Kill, || {
            let text = format!("the gate killed {}: response {:?}", level(), response.name);
            let facts = Facts {
                operator: Some("gate".to_owned()),
                ..facts()
            };
            (facts, text)
        });
    }
}

/// Whom a record is about, as responses count.
fn who(seen: &Seen<'_>) -> (AccountId, StrategyId, SymbolId) {
    let (core, strategy) = (seen.core, seen.head.header.strategy);
    let of_order = |account, id| {
        let order = core.order_id(account, id).and_then(|id| core.order(id));
        let symbol = order.map_or(SymbolId::NONE, |order| order.symbol);
        (account, strategy, symbol)
    };
    let nobody = (AccountId::NONE, StrategyId::NONE, SymbolId::NONE);
    let of = |order: &NewOrder| (order.account, strategy, order.symbol);
    match seen.head.kind() {
        Some(Kind::NewOrder) => of(seen.head.body()),
        Some(Kind::Basket) => {
            let first = seen.continuations.first();
            first.map_or(nobody, |line| of(line.body()))
        }
        Some(Kind::Cancel) => {
            let cancel = seen.head.body::<Cancel>();
            of_order(cancel.account, &cancel.original_id)
        }
        Some(Kind::Replace) => {
            let replace = seen.head.body::<Replace>();
            of_order(replace.account, &replace.original_id)
        }
        Some(Kind::Quote) => (
            AccountId::NONE,
            StrategyId::NONE,
            seen.head.body::<Quote>().symbol,
        ),
        Some(Kind::Report) => {
            let order = core.order(seen.head.body::<Report>().order_id);
            order.map_or(nobody, |order| {
                (order.account, order.strategy, order.symbol)
            })
        }
        _ => nobody,
    }
}

/// The name of a place that there is.
pub(super) fn name(table: &Table, place: u32) -> Option<String> {
    ((place as usize) < table.count()).then(|| table.name(place).to_owned())
}

/// The name of a level; the firm has none.
pub(super) fn level_name(names: &Names, scope: Scope, target: u32) -> Option<String> {
    names.of(scope).and_then(|table| name(table, target))
}

/// A level in words.
pub(super) fn level(names: &Names, scope: Scope, target: u32) -> String {
    match scope {
        Scope::Firm => "the firm".to_owned(),
        scope => format!("{} {}", scope.text(), names.name(scope, target)),
    }
}

/// The limit and the value of a control, where it has them.
pub(super) fn judged(reason: RejectReason, limit: i128, value: i128) -> Option<(String, String)> {
    (reason.unit() != Unit::None).then(|| (amount(reason, limit), amount(reason, value)))
}

/// The orders of a basket.
pub(super) fn lines<'a>(seen: &Seen<'a>) -> impl Iterator<Item = &'a NewOrder> + use<'a> {
    seen.continuations
        .iter()
        .map(|line| line.body::<NewOrder>())
}
