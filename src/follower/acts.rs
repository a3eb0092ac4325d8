//! Acts: what became of what operators did, as the journal tells it.
//!
//! Pure.
//!
//! Who asks after an act may do so before its record is read or shortly after: the last acts are
//! remembered, so that no order of the two threads loses an answer.

use crate::follower::names::Names;
use crate::follower::query::{Question, Reply, Said};
use crate::follower::{adjust, exit};
use crate::message::{
    Control, Frame, Kind, LimitChange, LimitKey, Locate, Override, Scope, Settle,
};
use crate::risk::core::Core;
use crate::risk::decision::{Decision, Outcome};
use crate::risk::setup::Setup;
use crate::units::Nanos;
use serde_json::{Value, json};
use std::collections::VecDeque;

/// Acts that somebody waits for, the last ones, and raises that wait for further persons.
#[derive(Debug, Default)]
pub(super) struct Acts {
    watches: Vec<Watch>,
    recent: VecDeque<(u64, Value)>,
    raising: Vec<Raising>,
}

#[derive(Debug)]
struct Watch {
    token: u64,
    correlation: u64,
    until: Nanos,
    reply: Reply,
}

/// Who has asked to raise a kill, and when.
#[derive(Debug)]
struct Raising {
    scope: Scope,
    target: u32,
    asked: Vec<(u32, Nanos)>,
}

/// How a kill stands.
#[derive(Debug)]
pub(super) struct Standing<'a> {
    pub(super) asked: Vec<&'a str>,
    pub(super) persons_missing: usize,
    /// How long the first of them still counts.
    pub(super) waits: Nanos,
}

impl Acts {
    /// Somebody waits for an act. Where too many do, the answer never comes, and they say so.
    pub(super) fn watch(&mut self, question: Question, correlation: u64, until: Nanos) {
        let Question { token, reply, .. } = question;
        if let Some((_, value)) = self.recent.iter().find(|(of, _)| *of == correlation) {
            reply.send(token, Said::View(value.clone()));
        } else if self.watches.len() < WATCHES_MAX {
            self.watches.push(Watch {
                token,
                correlation,
                until,
                reply,
            });
        }
    }

    /// Whether somebody waits for an act.
    pub(super) fn are_awaited(&self) -> bool {
        !self.watches.is_empty()
    }

    /// Forgets who has waited too long.
    pub(super) fn expire(&mut self, now: Nanos) {
        self.watches.retain(|watch| now < watch.until);
    }

    /// A new run: nobody has asked for anything.
    pub(super) fn open(&mut self) {
        self.raising.clear();
    }

    /// Looks at an event that the core has just taken.
    pub(super) fn note(
        &mut self,
        sequence: u64,
        head: &Frame,
        decision: &Decision,
        core: &Core,
        setup: &Setup,
        names: &Names,
    ) {
        let mut value = match head.kind() {
            Some(Kind::Kill) => self.kill(head.body(), decision.outcome, core, names),
            Some(Kind::Raise) => self.raise(head.body(), decision.outcome, core, setup, names),
            Some(Kind::Settle) => settle(head.body(), decision.outcome, names),
            Some(Kind::Locate) => locate(head.body(), decision.outcome, names),
            Some(Kind::Limit) => change_limit(head.body(), decision.outcome, core, names),
            Some(Kind::Adjust) => adjust::said(head.body(), decision.outcome, core, setup, names),
            Some(Kind::Exit) => exit::said(head.body(), decision.outcome, core, names),
            Some(Kind::Override) => ask_override(head.body(), decision.outcome, core, names),
            _ => return,
        };
        value["sequence"] = json!(sequence);
        value["outcome"] = json!(format!("{:?}", decision.outcome));
        let correlation = head.header.correlation;
        value["correlation"] = json!(correlation);
        self.watches.retain(|watch| {
            let is_of = watch.correlation == correlation;
            if is_of {
                watch.reply.send(watch.token, Said::View(value.clone()));
            }
            !is_of
        });
        if self.recent.len() == RECENT_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back((correlation, value));
    }

    fn kill(&mut self, control: &Control, outcome: Outcome, core: &Core, names: &Names) -> Value {
        let mut value = target(control, core, names, "kill");
        if outcome == Outcome::Applied {
            self.raising.retain(|raising| !raising.is_of(control));
        } else {
            value["why"] = json!("no such operator, or nothing of that name");
        }
        value
    }

    fn raise(
        &mut self,
        control: &Control,
        outcome: Outcome,
        core: &Core,
        setup: &Setup,
        names: &Names,
    ) -> Value {
        let mut value = target(control, core, names, "raise");
        let is_killed = value["killed"] == true;
        let scope = Scope::from_byte(control.scope);
        // A strategy that must not send for ever without a person is raised without being killed.
        let is_waiting = scope.is_some_and(|scope| core.is_raise_waiting(scope, control.target));
        let is_open = is_killed || value["halted"] == true || is_waiting;
        let now = core.now();
        self.prune(now, setup.raise_window);
        let operator = control.operator;
        let raising = self.raising.iter_mut().find(|it| it.is_of(control));
        let had_asked = raising
            .as_ref()
            .is_some_and(|it| it.asked.iter().any(|asked| asked.0 == operator));
        match (outcome, raising) {
            (Outcome::Applied, _) if !is_open => self.raising.retain(|it| !it.is_of(control)),
            (Outcome::Applied, Some(raising)) => raising.asked.push((operator, now)),
            (Outcome::Applied, None) => {
                let asked = vec![(operator, now)];
                if let Some(scope) = scope {
                    let target = control.target;
                    self.raising.push(Raising {
                        scope,
                        target,
                        asked,
                    });
                }
            }
            _ if had_asked => {
                value["why"] = json!("this person has asked already; another one must");
            }
            _ if !is_open => value["why"] = json!("it is not killed, nor halted"),
            _ => value["why"] = json!("no such operator, or too many raises wait"),
        }
        if let Some(scope) = scope {
            let standing = self.standing(scope, control.target, core, setup, names);
            value["asked"] = json!(standing.asked);
            value["persons"] = json!(setup.raise_persons.max(1));
            let missing = if is_open { standing.persons_missing } else { 0 };
            value["persons_missing"] = json!(missing);
            value["waits_nanos"] = json!(standing.waits.raw());
        }
        value
    }

    /// Who has asked to raise a kill, and how many are still to.
    pub(super) fn standing<'a>(
        &self,
        scope: Scope,
        target: u32,
        core: &Core,
        setup: &Setup,
        names: &'a Names,
    ) -> Standing<'a> {
        let counts = |asked: &&(u32, Nanos)| core.now().since(asked.1) <= setup.raise_window;
        let asked: Vec<_> = self
            .raising
            .iter()
            .filter(|raising| raising.scope == scope && raising.target == target)
            .flat_map(|raising| raising.asked.iter().filter(counts))
            .collect();
        let first = asked.iter().map(|asked| asked.1).min();
        Standing {
            persons_missing: (setup.raise_persons.max(1) as usize).saturating_sub(asked.len()),
            waits: first.map_or(Nanos::ZERO, |first| {
                first.after(setup.raise_window).since(core.now())
            }),
            asked: asked.iter().map(|asked| names.operator(asked.0)).collect(),
        }
    }

    fn prune(&mut self, now: Nanos, window: Nanos) {
        for raising in &mut self.raising {
            raising.asked.retain(|asked| now.since(asked.1) <= window);
        }
        self.raising.retain(|raising| !raising.asked.is_empty());
    }
}

impl Raising {
    fn is_of(&self, control: &Control) -> bool {
        self.scope as u8 == control.scope && self.target == control.target
    }
}

/// What a kill or a raise is about, and how it stands now.
fn target(control: &Control, core: &Core, names: &Names, act: &str) -> Value {
    let scope = Scope::from_byte(control.scope);
    let level = scope.and_then(|scope| core.level(scope, control.target));
    json!({
        "act": act,
        "operator": names.operator(control.operator),
        "scope": scope.map_or("?", Scope::text),
        "name": scope.map_or("?", |scope| names.name(scope, control.target)),
        "orders_open": level.map_or(0, |level| level.open_count),
        "killed": level.is_some_and(|level| level.is_killed),
        "halted": level.is_some_and(|level| level.is_halted),
    })
}

fn settle(settle: &Settle, outcome: Outcome, names: &Names) -> Value {
    let mut value = json!({
        "act": "settle",
        "operator": names.operator(settle.operator),
        "order_id": settle.order_id.0,
    });
    let why = match outcome {
        Outcome::OrderUnknown => "no order of this number is live or remembered",
        Outcome::NotPermitted => {
            "the order is not in doubt, the operator is unknown, or the order cannot have come to \
             this: filled and leaves are whole lots and together no more than it had, and a fill \
             that was not reported needs its price"
        }
        Outcome::Implausible => {
            "less is filled than the gate has seen, or more is left than the order had"
        }
        _ => return value,
    };
    value["why"] = json!(why);
    value
}

fn locate(locate: &Locate, outcome: Outcome, names: &Names) -> Value {
    let mut value = json!({
        "act": "locate",
        "operator": names.operator(locate.operator),
        "account": names.accounts.name(locate.account.0),
        "symbol": names.symbols.name(locate.symbol.0),
        "qty": locate.qty.to_string(),
        "note": locate.note.as_str(),
    });
    if outcome == Outcome::NotPermitted {
        value["why"] = json!(
            "no account checks short sales (`short_sales`), the table of positions is full, or the \
             operator, the account or the symbol is unknown"
        );
    }
    value
}

fn ask_override(asked: &Override, outcome: Outcome, core: &Core, names: &Names) -> Value {
    let missing = core.override_persons_missing(asked.account, &asked.client_order_id);
    let mut value = json!({
        "act": "override",
        "operator": names.operator(asked.operator),
        "account": names.accounts.name(asked.account.0),
        "id": asked.client_order_id.as_str(),
        "note": asked.note.as_str(),
        "persons_missing": missing,
    });
    if outcome == Outcome::NotPermitted {
        value["why"] = json!(
            "nothing may be overridden (`gateway.soft`), this person has asked already, too many \
             overrides wait, or the operator or the account is unknown"
        );
    }
    value
}

fn change_limit(change: &LimitChange, outcome: Outcome, core: &Core, names: &Names) -> Value {
    let scope = Scope::from_byte(change.scope);
    let key = LimitKey::from_byte(change.limit);
    let show = |raw| key.map_or(String::new(), |key| key.show(raw));
    let missing = core.limit_persons_missing(change);
    let mut value = json!({
        "act": "limit",
        "operator": names.operator(change.operator),
        "scope": scope.map_or("?", Scope::text),
        "name": scope.map_or("?", |scope| names.name(scope, change.target)),
        "limit": key.map_or("?", LimitKey::text),
        "value": show(change.value()),
        "note": change.note.as_str(),
        "version": core.limits_version(),
        "persons_missing": missing,
    });
    match outcome {
        Outcome::NotPermitted => {
            value["why"] = json!(
                "it is so already, this person has asked already, too many changes wait, a collar \
                 has no age for its reference, or the operator or the level is unknown"
            );
        }
        _ if missing == 0 => value["was"] = json!(show(core.limit_before())),
        _ => {}
    }
    value
}

const WATCHES_MAX: usize = 256;
const RECENT_MAX: usize = 64;
