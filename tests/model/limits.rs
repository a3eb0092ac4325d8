//! Limits: an operator changes one, alone or with another person.

use super::Model;
use super::answer::Answer;
use portcullis::message::{LimitChange, LimitKey, Scope};
use portcullis::risk::decision::Outcome;
use portcullis::risk::setup::Limits;
use portcullis::units::{Notional, Qty};

/// A change that one person may not make alone.
#[derive(Clone)]
pub(super) struct Waiting {
    scope: u8,
    target: u32,
    limit: u8,
    value: u128,
    operators: Vec<u32>,
    time: u64,
}

/// One limit, as a number to be read and written.
fn exchange(limits: &mut Limits, key: LimitKey, new: Option<u128>) -> u128 {
    fn swap<T: Copy>(
        field: &mut Option<T>,
        new: Option<u128>,
        raw: impl Fn(T) -> u128,
        made: impl Fn(u128) -> T,
    ) -> u128 {
        let old = field.map_or(u128::MAX, raw);
        match new {
            None => {}
            Some(u128::MAX) => *field = None,
            Some(new) => *field = Some(made(new)),
        }
        old
    }
    let qty = |field, new| {
        swap(
            field,
            new,
            |of: Qty| of.raw().into(),
            |of| Qty::from_raw(of as u64),
        )
    };
    let money = |field, new| swap(field, new, Notional::raw, Notional::from_raw);
    let count = |field, new| swap(field, new, |of: u32| of.into(), |of| of as u32);
    match key {
        LimitKey::OrderQty => qty(&mut limits.order_qty_max, new),
        LimitKey::PositionQty => qty(&mut limits.position_qty_max, new),
        LimitKey::DayQty => qty(&mut limits.day_qty_max, new),
        LimitKey::OpenOrders => count(&mut limits.open_orders_max, new),
        LimitKey::DayOrders => count(&mut limits.day_orders_max, new),
        LimitKey::BasketLines => count(&mut limits.basket_lines_max, new),
        LimitKey::PriceCollar => swap(
            &mut limits.price_collar,
            new,
            |of: u64| of.into(),
            |of| of as u64,
        ),
        LimitKey::OrderNotional => money(&mut limits.order_notional_max, new),
        LimitKey::OpenNotional => money(&mut limits.open_notional_max, new),
        LimitKey::PositionValue => money(&mut limits.position_value_max, new),
        LimitKey::GrossExposure => money(&mut limits.gross_exposure_max, new),
        LimitKey::NetExposure => money(&mut limits.net_exposure_max, new),
        LimitKey::DayValue => money(&mut limits.day_value_max, new),
        LimitKey::BasketNotional => money(&mut limits.basket_notional_max, new),
        LimitKey::DayLoss => money(&mut limits.day_loss_max, new),
        LimitKey::Drawdown => money(&mut limits.drawdown_max, new),
        LimitKey::RollingLoss => money(&mut limits.rolling_loss_max, new),
        LimitKey::ValueAtRisk => money(&mut limits.value_at_risk_max, new),
        LimitKey::ExpectedShortfall => money(&mut limits.expected_shortfall_max, new),
        LimitKey::StressLoss => money(&mut limits.stress_loss_max, new),
        LimitKey::Margin => money(&mut limits.margin_max, new),
        LimitKey::ClusterShare => count(&mut limits.cluster_share_max, new),
        LimitKey::ClusterFree => money(&mut limits.cluster_share_free, new),
    }
}

impl Model {
    pub(super) fn change_limit(&mut self, change: &LimitChange) -> Answer {
        let (now, window) = (self.now, self.setup.raise_window.raw());
        self.limit_changes.retain(|of| now - of.time <= window);
        let value = u128::from(change.value[1]) << 64 | u128::from(change.value[0]);
        let is_operator = self.is_operator(change.operator);
        let Some(key) = LimitKey::from_byte(change.limit) else {
            return Answer::of(Outcome::NotPermitted);
        };
        let (hard, factor) = (self.setup.hard_limits.clone(), self.setup.loosen_factor);
        let is_aged = self.setup.firm.reference_age_max.is_some();
        let at = change.target as usize;
        let setup = &mut self.setup;
        let limits = match Scope::from_byte(change.scope) {
            Some(Scope::Firm) if change.target == u32::MAX => Some(&mut setup.firm),
            Some(Scope::Account) => setup.accounts.get_mut(at).map(|of| &mut of.limits),
            Some(Scope::Strategy) => setup.strategies.get_mut(at).map(|of| &mut of.limits),
            Some(Scope::Symbol) => setup.symbols.get_mut(at).map(|of| &mut of.limits),
            Some(Scope::Desk) => setup.desks.get_mut(at).map(|of| &mut of.limits),
            Some(Scope::Group) => setup.groups.get_mut(at).map(|of| &mut of.limits),
            _ => None,
        };
        let Some(limits) = limits else {
            return Answer::of(Outcome::NotPermitted);
        };
        let old = exchange(limits, key, None);
        let is_collar = key == LimitKey::PriceCollar && value != u128::MAX;
        let lacks_age = is_collar && limits.reference_age_max.is_none() && !is_aged;
        let is_of_basket = matches!(key, LimitKey::BasketLines | LimitKey::BasketNotional);
        let is_of_scope = [Scope::Firm, Scope::Account, Scope::Strategy]
            .iter()
            .any(|scope| *scope as u8 == change.scope);
        let is_of_tail = matches!(
            key,
            LimitKey::ValueAtRisk
                | LimitKey::ExpectedShortfall
                | LimitKey::StressLoss
                | LimitKey::Margin
                | LimitKey::ClusterShare
                | LimitKey::ClusterFree
        );
        let is_of_desk = change.scope == Scope::Desk as u8;
        let is_idle = is_of_basket && !is_of_scope || is_of_tail && !(is_of_scope || is_of_desk);
        let scope = Scope::from_byte(change.scope).unwrap();
        let level = (
            scope as u8,
            if scope == Scope::Firm {
                0
            } else {
                change.target
            },
        );
        let is_loss = matches!(
            key,
            LimitKey::DayLoss | LimitKey::Drawdown | LimitKey::RollingLoss
        );
        let has_window = key != LimitKey::RollingLoss || limits.rolling_loss_window.is_some();
        let is_idle = is_idle || is_loss && !(self.money.limits_losses(level) && has_window);
        let is_wide = value > key.max() && value != u128::MAX;
        if !is_operator || is_wide || is_idle || lacks_age || value == old {
            return Answer::of(Outcome::NotPermitted);
        }
        let hard = exchange(&mut hard.clone(), key, None);
        let it = (change.scope, change.target, change.limit);
        let agreed = *self.loosened_alone.get(&it).unwrap_or(&old);
        let is_far = factor.is_some_and(|factor| {
            value == u128::MAX || value > agreed.saturating_mul(factor.into()) / 10_000
        });
        let takes_two = value > agreed && (value > hard || is_far);
        if takes_two {
            let persons = (setup.raise_persons as usize).clamp(2, 8);
            let count = self.limit_changes.len();
            let known = self.limit_changes.iter_mut().find(|of| {
                (of.scope, of.target, of.limit) == (change.scope, change.target, change.limit)
                    && of.value == value
            });
            let asked = match known {
                Some(known) if known.operators.contains(&change.operator) => {
                    return Answer::of(Outcome::NotPermitted);
                }
                Some(known) => {
                    known.operators.push(change.operator);
                    known.time = now;
                    known.operators.len()
                }
                None if count == 32 => return Answer::of(Outcome::NotPermitted),
                None => {
                    self.limit_changes.push(Waiting {
                        scope: change.scope,
                        target: change.target,
                        limit: change.limit,
                        value,
                        operators: vec![change.operator],
                        time: now,
                    });
                    1
                }
            };
            if asked < persons {
                return Answer::of(Outcome::Applied);
            }
        }
        exchange(limits, key, Some(value));
        match takes_two || value <= agreed {
            true => self.loosened_alone.remove(&it),
            false => self.loosened_alone.insert(it, agreed),
        };
        self.limit_changes
            .retain(|of| (of.scope, of.target, of.limit) != it);
        Answer::of(Outcome::Applied)
    }
}
