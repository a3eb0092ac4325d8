//! Limits: those in force, by version, and how a person changes one while the gate runs.
//!
//! Pure. Cold.
//!
//! Each change is an event of one limit of one level: an order is decided under the limits before it or
//! under those behind it. A change that tightens holds at once. One that loosens beyond the factor that
//! the configuration sets, or above its hard maximum, waits for a second person who asks for the same. Steps
//! that one person takes alone count together.
//! At a restart the configuration holds again; it may not loosen more than one person could.

use super::core::Core;
use super::decision::Outcome;
use super::level::{Bounds, Whose};
use super::losses::is_loss;
use super::rules::Rules;
use super::setup::{Limits, Setup};
use crate::message::{LimitChange, LimitKey, Scope};
use crate::units::{Nanos, Notional, Qty};
use arrayvec::ArrayVec;
use std::collections::BTreeMap;

/// How many changes may wait for a second person at a time.
const WAITING_MAX: usize = 32;
/// However few persons raise a kill.
const PERSONS_MIN: usize = 2;
/// A factor is held in 1e-4.
pub const FACTOR_SCALE: u128 = 10_000;

/// The limits of all levels, and changes that wait.
#[derive(Debug)]
pub(super) struct InForce {
    firm: Limits,
    accounts: Vec<Limits>,
    strategies: Vec<Limits>,
    desks: Vec<Limits>,
    groups: Vec<Limits>,
    hard: Limits,
    /// In 1e-4; `None`: one person may loosen as far as the hard maximum.
    loosen_factor: Option<u64>,
    waiting: ArrayVec<Waiting, WAITING_MAX>,
    /// What one person has loosened, and what it was before: further steps are measured from there.
    alone: BTreeMap<Place, u128>,
    persons: usize,
    window: Nanos,
    version: u64,
    /// What the last change has replaced.
    previous: u128,
}

/// One limit of one level: a [`Scope`], a target and a [`LimitKey`].
type Place = (u8, u32, u8);

#[derive(Clone, Debug)]
struct Waiting {
    scope: Scope,
    target: u32,
    key: LimitKey,
    value: u128,
    asked: ArrayVec<u32, 8>,
    /// When the last person asked.
    time: Nanos,
}

/// A limit that the configuration loosens by more than one person may.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Loosened {
    /// Whose.
    pub scope: Scope,
    /// Its place in the configuration.
    pub target: u32,
    /// Which.
    pub key: LimitKey,
    /// As it is in force.
    pub was: u128,
    /// As it would be.
    pub is: u128,
}

impl InForce {
    pub(super) fn new(setup: &Setup) -> Self {
        Self {
            firm: setup.firm.clone(),
            accounts: setup.accounts.iter().map(|of| of.limits.clone()).collect(),
            strategies: setup
                .strategies
                .iter()
                .map(|of| of.limits.clone())
                .collect(),
            desks: setup.desks.iter().map(|of| of.limits.clone()).collect(),
            groups: setup.groups.iter().map(|of| of.limits.clone()).collect(),
            hard: setup.hard_limits.clone(),
            loosen_factor: setup.loosen_factor,
            waiting: ArrayVec::new(),
            alone: BTreeMap::new(),
            persons: (setup.raise_persons as usize).clamp(PERSONS_MIN, 8),
            window: setup.raise_window,
            version: 1,
            previous: LimitKey::OFF,
        }
    }

    /// True where one person may not change it so from what it was last agreed to be.
    fn wants_second(&self, key: LimitKey, was: u128, is: u128) -> bool {
        if is <= was {
            return false;
        }
        let is_hard = self.hard.get(key).is_some_and(|hard| hard < is);
        let is_far = self.loosen_factor.is_some_and(|factor| {
            is == LimitKey::OFF || was.saturating_mul(factor.into()) / FACTOR_SCALE < is
        });
        is_hard || is_far
    }

    /// Enters it into a hash of the state.
    pub(super) fn hash(&self, mut add: impl FnMut(u64, u64)) {
        add(self.version, self.waiting.len() as u64);
        for (place, agreed) in &self.alone {
            add(u64::from(place.1), *agreed as u64);
        }
    }
}

impl Limits {
    /// One limit as a plain number; `None` where it is off.
    pub fn get(&self, key: LimitKey) -> Option<u128> {
        let notional = |limit: Option<Notional>| limit.map(Notional::raw);
        let qty = |limit: Option<Qty>| limit.map(|limit| limit.raw().into());
        let count = |limit: Option<u32>| limit.map(u128::from);
        match key {
            LimitKey::OrderQty => qty(self.order_qty_max),
            LimitKey::OrderNotional => notional(self.order_notional_max),
            LimitKey::PriceCollar => self.price_collar.map(u128::from),
            LimitKey::OpenOrders => count(self.open_orders_max),
            LimitKey::OpenNotional => notional(self.open_notional_max),
            LimitKey::PositionQty => qty(self.position_qty_max),
            LimitKey::PositionValue => notional(self.position_value_max),
            LimitKey::GrossExposure => notional(self.gross_exposure_max),
            LimitKey::NetExposure => notional(self.net_exposure_max),
            LimitKey::DayQty => qty(self.day_qty_max),
            LimitKey::DayValue => notional(self.day_value_max),
            LimitKey::DayOrders => count(self.day_orders_max),
            LimitKey::BasketLines => count(self.basket_lines_max),
            LimitKey::BasketNotional => notional(self.basket_notional_max),
            LimitKey::DayLoss => notional(self.day_loss_max),
            LimitKey::Drawdown => notional(self.drawdown_max),
            LimitKey::RollingLoss => notional(self.rolling_loss_max),
            LimitKey::ValueAtRisk => notional(self.value_at_risk_max),
            LimitKey::ExpectedShortfall => notional(self.expected_shortfall_max),
            LimitKey::StressLoss => notional(self.stress_loss_max),
            LimitKey::Margin => notional(self.margin_max),
            LimitKey::ClusterShare => count(self.cluster_share_max),
            LimitKey::ClusterFree => notional(self.cluster_share_free),
        }
    }

    /// Sets one. The number is no larger than [`LimitKey::max`], or stands for off.
    pub fn set(&mut self, key: LimitKey, raw: u128) {
        let is_on = raw != LimitKey::OFF;
        let notional = is_on.then_some(Notional::from_raw(raw));
        let qty = is_on.then_some(Qty::from_raw(raw as u64));
        let count = is_on.then_some(raw as u32);
        match key {
            LimitKey::OrderQty => self.order_qty_max = qty,
            LimitKey::OrderNotional => self.order_notional_max = notional,
            LimitKey::PriceCollar => self.price_collar = is_on.then_some(raw as u64),
            LimitKey::OpenOrders => self.open_orders_max = count,
            LimitKey::OpenNotional => self.open_notional_max = notional,
            LimitKey::PositionQty => self.position_qty_max = qty,
            LimitKey::PositionValue => self.position_value_max = notional,
            LimitKey::GrossExposure => self.gross_exposure_max = notional,
            LimitKey::NetExposure => self.net_exposure_max = notional,
            LimitKey::DayQty => self.day_qty_max = qty,
            LimitKey::DayValue => self.day_value_max = notional,
            LimitKey::DayOrders => self.day_orders_max = count,
            LimitKey::BasketLines => self.basket_lines_max = count,
            LimitKey::BasketNotional => self.basket_notional_max = notional,
            LimitKey::DayLoss => self.day_loss_max = notional,
            LimitKey::Drawdown => self.drawdown_max = notional,
            LimitKey::RollingLoss => self.rolling_loss_max = notional,
            LimitKey::ValueAtRisk => self.value_at_risk_max = notional,
            LimitKey::ExpectedShortfall => self.expected_shortfall_max = notional,
            LimitKey::StressLoss => self.stress_loss_max = notional,
            LimitKey::Margin => self.margin_max = notional,
            LimitKey::ClusterShare => self.cluster_share_max = count,
            LimitKey::ClusterFree => self.cluster_share_free = notional,
        }
    }
}

/// The limits of one level of a setup, as [`Core::limits`] names it.
fn limits_of(setup: &Setup, scope: Scope, target: u32) -> Option<&Limits> {
    let at = target as usize;
    match scope {
        Scope::Firm => Some(&setup.firm),
        Scope::Account => setup.accounts.get(at).map(|of| &of.limits),
        Scope::Strategy => setup.strategies.get(at).map(|of| &of.limits),
        Scope::Symbol => setup.symbols.get(at).map(|of| &of.limits),
        Scope::Desk => setup.desks.get(at).map(|of| &of.limits),
        Scope::Group => setup.groups.get(at).map(|of| &of.limits),
    }
}

impl Core {
    /// Counts the limits in force: one more with every change of one, and with every restart under
    /// other limits.
    pub const fn limits_version(&self) -> u64 {
        self.in_force.version
    }

    /// The limits of one level as they are in force; of the firm, whatever the target.
    pub fn limits(&self, scope: Scope, target: u32) -> Option<&Limits> {
        let (of, at) = (&self.in_force, target as usize);
        match scope {
            Scope::Firm => Some(&of.firm),
            Scope::Account => of.accounts.get(at),
            Scope::Strategy => of.strategies.get(at),
            Scope::Symbol => self.quoted.get(at).map(|symbol| &symbol.limits),
            Scope::Desk => of.desks.get(at),
            Scope::Group => of.groups.get(at),
        }
    }

    /// What the last change has replaced, as a plain number.
    pub const fn limit_before(&self) -> u128 {
        self.in_force.previous
    }

    /// How many persons are still to ask for a change that somebody has asked for.
    pub fn limit_persons_missing(&self, change: &LimitChange) -> usize {
        let mut waiting = self.in_force.waiting.iter();
        let waiting = waiting.find(|of| of.is_of(change));
        waiting.map_or(0, |of| self.in_force.persons - of.asked.len())
    }

    fn limits_mut(&mut self, scope: Scope, target: u32) -> Option<&mut Limits> {
        let (of, at) = (&mut self.in_force, target as usize);
        match scope {
            Scope::Firm => (target == u32::MAX).then_some(&mut of.firm),
            Scope::Account => of.accounts.get_mut(at),
            Scope::Strategy => of.strategies.get_mut(at),
            Scope::Symbol => self.quoted.get_mut(at).map(|symbol| &mut symbol.limits),
            Scope::Desk => of.desks.get_mut(at),
            Scope::Group => of.groups.get_mut(at),
        }
    }

    /// A person changes a limit, or asks for it.
    pub(super) fn change_limit(&mut self, change: &LimitChange) -> Outcome {
        let (now, is_known) = (
            self.now,
            (change.operator as usize) < self.raises.operator_count(),
        );
        let window = self.in_force.window;
        self.in_force
            .waiting
            .retain(|of| now.since(of.time) <= window);
        let scope = Scope::from_byte(change.scope);
        let (Some(scope), Some(key)) = (scope, LimitKey::from_byte(change.limit)) else {
            return Outcome::NotPermitted;
        };
        let value = change.value();
        let is_number = value <= key.max() || value == LimitKey::OFF;
        let Some(limits) = self.limits_mut(scope, change.target) else {
            return Outcome::NotPermitted;
        };
        let was = limits.get(key).unwrap_or(LimitKey::OFF);
        let is_aged = limits.reference_age_max.is_some();
        // What would hold nothing back is not taken.
        let whose = Whose::new(
            scope,
            if scope == Scope::Firm {
                0
            } else {
                change.target
            },
        );
        let holds = key.limits(scope) && (!is_loss(key) || self.may_limit_loss(whose, key));
        // A collar needs somebody to have said how old its reference may be.
        let is_whole = key != LimitKey::PriceCollar
            || value == LimitKey::OFF
            || is_aged
            || self.in_force.firm.reference_age_max.is_some();
        if !is_known || !is_number || !is_whole || !holds || value == was {
            return Outcome::NotPermitted;
        }
        let place = (change.scope, change.target, change.limit);
        let agreed = self.in_force.agreed(place, was);
        let takes_two = self.in_force.wants_second(key, agreed, value);
        if takes_two {
            match self.in_force.agree(scope, key, change, now) {
                None => return Outcome::NotPermitted,
                Some(false) => return Outcome::Applied,
                Some(true) => {}
            }
        }
        match takes_two || value <= agreed {
            true => self.in_force.alone.remove(&place),
            false => self.in_force.alone.insert(place, agreed),
        };
        self.in_force.waiting.retain(|of| !of.is_same(change));
        self.in_force.previous = was;
        self.in_force.version += 1;
        self.put_limit(scope, change.target, key, value);
        Outcome::Applied
    }

    /// The limit is in force from now on.
    fn put_limit(&mut self, scope: Scope, target: u32, key: LimitKey, value: u128) {
        let Some(limits) = self.limits_mut(scope, target) else {
            return;
        };
        limits.set(key, value);
        let bounds = Bounds::new(limits);
        let (at, limits) = (target as usize, limits.clone());
        let exposure = &mut self.exposure;
        let (level, rules): (_, &mut Rules) = match scope {
            Scope::Firm => (Some(&mut exposure.firm), &mut self.firm_rules),
            Scope::Account => (exposure.accounts.get_mut(at), &mut self.accounts[at].rules),
            Scope::Strategy => (
                exposure.strategies.get_mut(at),
                &mut self.strategies[at].rules,
            ),
            Scope::Symbol => (exposure.symbols.get_mut(at), &mut self.symbols[at].rules),
            Scope::Desk | Scope::Group => {
                let desks = exposure.desk_count as usize;
                let place = if scope == Scope::Group {
                    desks + at
                } else {
                    at
                };
                (
                    exposure.other_mut(scope, target),
                    &mut self.other_rules[place],
                )
            }
        };
        let whose = level.map(|level| {
            level.bounds = bounds;
            level.whose
        });
        rules.limit(&limits);
        if let Some(whose) = whose {
            self.rearm_losses(whose, &limits);
        }
        self.exposure.keep_net(limits.net_exposure_max.is_some());
        let whose = match scope {
            Scope::Firm => Whose::FIRM,
            _ => Whose::new(scope, target),
        };
        self.exposure.arm_tail(whose, &limits);
        self.routes.forget();
    }

    /// What `new` would loosen by more than one person may.
    pub fn loosened(&self, new: &Setup) -> Option<Loosened> {
        let lists = [
            (Scope::Firm, 1),
            (Scope::Account, self.in_force.accounts.len()),
            (Scope::Strategy, self.in_force.strategies.len()),
            (Scope::Symbol, self.quoted.len()),
            (Scope::Desk, self.in_force.desks.len()),
            (Scope::Group, self.in_force.groups.len()),
        ];
        let levels = lists
            .into_iter()
            .flat_map(|(scope, count)| (0..count as u32).map(move |target| (scope, target)));
        let mut changes = levels.flat_map(|(scope, target)| {
            LimitKey::ALL.iter().filter_map(move |key| {
                let raw = |limits: Option<&Limits>| {
                    limits.map(|limits| limits.get(*key).unwrap_or(LimitKey::OFF))
                };
                Some(Loosened {
                    scope,
                    target,
                    key: *key,
                    was: raw(self.limits(scope, target))?,
                    is: raw(limits_of(new, scope, target))?,
                })
            })
        });
        changes.find(|of| {
            let target = match of.scope {
                Scope::Firm => u32::MAX,
                _ => of.target,
            };
            let place = (of.scope as u8, target, of.key as u8);
            let agreed = self.in_force.agreed(place, of.was);
            self.in_force.wants_second(of.key, agreed, of.is)
        })
    }

    /// Goes on under other limits: another version, where any is another.
    pub(super) fn adopt_limits(&mut self, new: &Setup) {
        let old = std::mem::replace(&mut self.in_force, InForce::new(new));
        let of = &self.in_force;
        let is_same = old.firm == of.firm
            && old.accounts == of.accounts
            && old.strategies == of.strategies
            && old.desks == of.desks
            && old.groups == of.groups
            && self.quoted.len() == new.symbols.len()
            && self
                .quoted
                .iter()
                .zip(&new.symbols)
                .all(|(old, new)| old.limits == new.limits);
        self.in_force.version = old.version + u64::from(!is_same);
    }
}

impl InForce {
    /// What a limit was when the configuration, two persons or one who tightened it last set it.
    fn agreed(&self, place: Place, was: u128) -> u128 {
        self.alone.get(&place).copied().unwrap_or(was)
    }

    /// True once enough persons agree; `None` where this one may not ask.
    fn agree(
        &mut self,
        scope: Scope,
        key: LimitKey,
        change: &LimitChange,
        now: Nanos,
    ) -> Option<bool> {
        let persons = self.persons;
        if let Some(known) = self.waiting.iter_mut().find(|of| of.is_of(change)) {
            if known.asked.contains(&change.operator) {
                return None;
            }
            known.asked.try_push(change.operator).ok()?;
            known.time = now;
            return Some(persons <= known.asked.len());
        }
        let waiting = Waiting {
            scope,
            target: change.target,
            key,
            value: change.value(),
            asked: ArrayVec::from_iter([change.operator]),
            time: now,
        };
        self.waiting.try_push(waiting).ok().map(|()| false)
    }
}

impl Waiting {
    /// The same limit of the same level.
    fn is_same(&self, change: &LimitChange) -> bool {
        (self.scope as u8, self.target) == (change.scope, change.target)
            && self.key as u8 == change.limit
    }

    /// And the same number.
    fn is_of(&self, change: &LimitChange) -> bool {
        self.is_same(change) && self.value == change.value()
    }
}
