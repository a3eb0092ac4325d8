//! Watch: what comes near a limit, and what responses have done, said to those who watch.
//!
//! Pure but for what it logs.
//!
//! After each order that passed, the sums of its levels are held against their limits. One that reaches
//! the share of `gateway.warn_share` is told once, and again only after it has been well below.

use crate::follower::names::Names;
use crate::message::Scope;
use crate::reject::RejectReason;
use crate::risk::core::Core;
use crate::risk::decision::{Decision, Outcome};
use crate::risk::setup::Setup;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What is near, and how often each response has answered.
#[derive(Debug, Default)]
pub(super) struct Watch {
    near: BTreeMap<(u8, u32, RejectReason), Near>,
    answers: u64,
    answered: Vec<u64>,
}

/// A limit that is nearly used up.
#[derive(Clone, Copy, Debug)]
struct Near {
    limit: i128,
    value: i128,
}

impl Watch {
    /// A new run: its configuration may be another.
    pub(super) fn open(&mut self) {
        *self = Self::default();
    }

    /// Looks at a core that has just taken an event.
    pub(super) fn note(&mut self, decision: &Decision, core: &Core, setup: &Setup, names: &Names) {
        if decision.outcome == Outcome::Accepted
            && setup.warn_share != 0
            && let Some(order) = core.order(decision.order_id)
        {
            core.used_limits(order, |scope, target, reason, limit, value| {
                self.look(
                    setup.warn_share,
                    names,
                    (scope, target, reason),
                    limit,
                    value,
                );
            });
        }
        if core.counts().answers != self.answers {
            self.tell_answers(core, setup);
        }
    }

    fn look(
        &mut self,
        warn_share: u32,
        names: &Names,
        (scope, target, reason): (Scope, u32, RejectReason),
        limit: i128,
        value: i128,
    ) {
        let key = (scope as u8, target, reason);
        // In millionths of the limit.
        let used = value.saturating_mul(MILLION);
        let share = i128::from(warn_share);
        if limit.saturating_mul(share) <= used {
            let near = Near { limit, value };
            if self.near.len() < NEAR_MAX && self.near.insert(key, near).is_none() {
                let name = names.name(scope, target);
                let control = reason.name();
                let percent = used.checked_div(limit).unwrap_or(MILLION) / 10_000;
                tracing::warn!(
                    scope = scope.text(),
                    name,
                    control,
                    percent,
                    "a limit is nearly used up"
                );
            }
        } else if used < limit.saturating_mul(share) / 10 * 9 {
            self.near.remove(&key);
        }
    }

    #[cold]
    fn tell_answers(&mut self, core: &Core, setup: &Setup) {
        self.answers = core.counts().answers;
        let now: Vec<u64> = core.answered().collect();
        for (at, (count, response)) in now.iter().zip(&setup.responses).enumerate() {
            if self.answered.get(at).copied().unwrap_or(0) < *count {
                let (response, answer) = (&response.name, response.answer);
                tracing::warn!(response, ?answer, count, "a response has answered");
            }
        }
        self.answered = now;
    }

    /// What is near, as a list.
    pub(super) fn say_near(&self, names: &Names) -> Value {
        let rows = self
            .near
            .iter()
            .filter_map(|((scope, target, reason), near)| {
                let scope = Scope::from_byte(*scope)?;
                Some(json!({
                    "scope": scope.text(),
                    "name": names.name(scope, *target),
                    "control": reason.name(),
                    "percent": (near.value.saturating_mul(100)).checked_div(near.limit),
                }))
            });
        Value::Array(rows.collect())
    }
}

/// More are not told, nor shown.
const NEAR_MAX: usize = 10_000;
const MILLION: i128 = 1_000_000;
