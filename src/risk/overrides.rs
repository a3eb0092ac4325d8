//! Overrides: one order that may pass a soft limit, because persons say so.
//!
//! Pure.
//!
//! Two persons at the least name an order before it comes: its account and its client order id. It then
//! passes the limits that the configuration calls soft, and no others, once, if it comes in time
//! (RTS 6, article 15(6)). What it passed so stands in its decision.

use super::core::Core;
use super::decision::Outcome;
use super::setup::Setup;
use crate::message::{Override, Text};
use crate::reject::Failed;
use crate::units::{AccountId, Nanos};
use arrayvec::ArrayVec;

/// How many may stand at a time.
const OVERRIDES_MAX: usize = 32;
/// However few persons raise a kill.
const PERSONS_MIN: usize = 2;

/// Overrides that wait for persons or for their order.
#[derive(Debug)]
pub(super) struct Overrides {
    waiting: ArrayVec<Waiting, OVERRIDES_MAX>,
    /// The controls that one may pass.
    soft: Failed,
    persons: usize,
    window: Nanos,
}

#[derive(Clone, Debug)]
struct Waiting {
    account: AccountId,
    client_order_id: Text,
    asked: ArrayVec<u32, 8>,
    /// When the last person asked.
    time: Nanos,
}

impl Overrides {
    pub(super) fn new(setup: &Setup) -> Self {
        let mut soft = Failed::NONE;
        for reason in &setup.soft {
            soft.note(*reason, true);
        }
        Self {
            waiting: ArrayVec::new(),
            soft,
            persons: (setup.raise_persons as usize).clamp(PERSONS_MIN, 8),
            window: setup.raise_window,
        }
    }

    #[inline]
    pub(super) fn are_none(&self) -> bool {
        self.waiting.is_empty()
    }

    /// How many persons are still to ask, for what somebody has asked for.
    pub(super) fn persons_missing(&self, account: AccountId, id: &Text) -> Option<usize> {
        let mut waiting = self.waiting.iter();
        let of = waiting.find(|of| of.account == account && of.client_order_id == *id)?;
        Some(self.persons.saturating_sub(of.asked.len()))
    }

    /// Enters them into a hash of the state.
    pub(super) fn hash(&self, mut add: impl FnMut(u64, u64)) {
        for waiting in &self.waiting {
            add(waiting.time.raw(), waiting.asked.len() as u64);
        }
    }
}

impl Core {
    /// A person asks to let one order pass.
    pub(super) fn ask_override(&mut self, asked: &Override) -> Outcome {
        let (now, overrides) = (self.now, &mut self.overrides);
        let window = overrides.window;
        overrides.waiting.retain(|of| now.since(of.time) <= window);
        let is_known = (asked.operator as usize) < self.raises.operator_count()
            && (asked.account.0 as usize) < self.accounts.len();
        if !is_known || !asked.client_order_id.is_id() || overrides.soft.is_empty() {
            return Outcome::NotPermitted;
        }
        let mut waiting = overrides.waiting.iter_mut();
        let known = waiting
            .find(|of| of.account == asked.account && of.client_order_id == asked.client_order_id);
        match known {
            Some(known) => {
                let is_again = known.asked.contains(&asked.operator);
                if is_again || known.asked.try_push(asked.operator).is_err() {
                    return Outcome::NotPermitted;
                }
                known.time = now;
            }
            None => {
                let waiting = Waiting {
                    account: asked.account,
                    client_order_id: asked.client_order_id,
                    asked: ArrayVec::from_iter([asked.operator]),
                    time: now,
                };
                if overrides.waiting.try_push(waiting).is_err() {
                    return Outcome::NotPermitted;
                }
            }
        }
        Outcome::Applied
    }

    /// True where an order may pass in spite of what it failed: then its override is used up.
    #[cold]
    pub(super) fn use_override(&mut self, account: AccountId, id: &Text, failed: Failed) -> bool {
        let (now, overrides) = (self.now, &mut self.overrides);
        let at = overrides.waiting.iter().position(|of| {
            let is_it = of.account == account && of.client_order_id == *id;
            let is_agreed = overrides.persons <= of.asked.len();
            is_it && is_agreed && now.since(of.time) <= overrides.window
        });
        match at {
            Some(at) if failed.is_within(overrides.soft) => {
                overrides.waiting.remove(at);
                true
            }
            _ => false,
        }
    }
}
