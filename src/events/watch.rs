//! Watch: what comes near a limit, and which responses have answered.
//!
//! Pure.
//!
//! After each order that passed, the sums of its levels are held against their limits; after each fill,
//! correction and price, what its levels have lost. One that reaches the share of `gateway.warn_share` is
//! told once, and again only after it has been well below.

use crate::follower::names::Names;
use crate::message::Scope;
use crate::reject::RejectReason;
use crate::risk::core::Core;
use crate::risk::order::Order;
use crate::risk::setup::Setup;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What is near, and how often each response has answered.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    near: BTreeMap<(u8, u32, RejectReason, Option<&'static str>), Near>,
    answers: u64,
    answered: Vec<u64>,
}

/// A limit that is nearly used up.
#[derive(Clone, Copy, Debug)]
struct Near {
    limit: i128,
    value: i128,
}

/// What is told: the limit of a level that is nearly used up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Warning {
    pub(super) scope: Scope,
    pub(super) target: u32,
    /// The reason for which an order would be refused.
    pub(super) reason: RejectReason,
    /// Which limit on losses it is.
    pub(super) loss: Option<&'static str>,
    pub(super) limit: i128,
    pub(super) value: i128,
}

impl Watch {
    /// A new run: its configuration may be another. What has answered before is no news.
    pub(super) fn open(&mut self, core: &Core) {
        *self = Self {
            near: BTreeMap::new(),
            answers: core.counts().answers,
            answered: core.answered().collect(),
        };
    }

    /// Looks at the levels of an order that has just passed.
    pub(super) fn look(
        &mut self,
        order: &Order,
        core: &Core,
        setup: &Setup,
        mut tell: impl FnMut(Warning),
    ) {
        if setup.warn_share == 0 {
            return;
        }
        core.used_limits(order, |scope, target, reason, limit, value| {
            let warning = Warning {
                scope,
                target,
                reason,
                loss: None,
                limit,
                value,
            };
            if self.is_news(setup.warn_share, &warning) {
                tell(warning);
            }
        });
    }

    /// True once, when a limit comes near.
    pub(super) fn is_news(&mut self, warn_share: u32, warning: &Warning) -> bool {
        let Warning { limit, value, .. } = *warning;
        let Warning { scope, target, .. } = *warning;
        let key = (scope as u8, target, warning.reason, warning.loss);
        // In millionths of the limit.
        let used = value.saturating_mul(MILLION);
        let share = i128::from(warn_share);
        let is_near = limit.saturating_mul(share) <= used;
        // Who has lost nothing is near no loss, even where nothing may be lost.
        if is_near && (warning.loss.is_none() || value != 0) {
            let near = Near { limit, value };
            return self.near.len() < NEAR_MAX && self.near.insert(key, near).is_none();
        }
        if !is_near && used < limit.saturating_mul(share) / 10 * 9 || value == 0 {
            self.near.remove(&key);
        }
        false
    }

    /// Tells the place of each response that has answered since.
    pub(super) fn answers(&mut self, core: &Core, mut tell: impl FnMut(usize)) {
        if core.counts().answers == self.answers {
            return;
        }
        self.answers = core.counts().answers;
        let now: Vec<u64> = core.answered().collect();
        for (at, count) in now.iter().enumerate() {
            if self.answered.get(at).copied().unwrap_or(0) < *count {
                tell(at);
            }
        }
        self.answered = now;
    }

    /// What is near, as a list.
    pub(crate) fn say_near(&self, names: &Names) -> Value {
        let rows = self
            .near
            .iter()
            .filter_map(|((scope, target, reason, loss), near)| {
                let scope = Scope::from_byte(*scope)?;
                Some(json!({
                    "scope": scope.text(),
                    "name": names.name(scope, *target),
                    "control": reason.name(),
                    "loss": loss,
                    "percent": (near.value.saturating_mul(100)).checked_div(near.limit),
                }))
            });
        Value::Array(rows.collect())
    }
}

/// More are not told, nor shown.
const NEAR_MAX: usize = 10_000;
const MILLION: i128 = 1_000_000;
