//! Day: what each level has done since its trading day began, and what it may do.
//!
//! Pure. Hot path.
//!
//! What has been traded only grows until the day ends. A limit on it counts live orders as if they had
//! filled, so that they cannot lead beyond it. It is counted whether or not there is a limit on it: who
//! sets one meets the day as it was.

use super::cell::Change;
use super::check::{Sink, wide};
use super::level::Level;
use super::setup::{Limits, Ratio};
use crate::reject::RejectReason as Reason;
use crate::units::{Notional, Qty};

/// One level's day.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Day {
    /// Of live orders: what may still fill.
    pub(super) open_qty: u128,
    pub(super) traded_qty: u128,
    pub(super) traded_value: u128,
    /// New orders and replaces that passed.
    pub(super) orders: u64,
    pub(super) cancels: u64,
    pub(super) trades: u64,
}

/// What one level may do in its day. The widest value stands for off.
#[derive(Clone, Copy, Debug)]
pub(super) struct DayBounds {
    qty_max: u128,
    value_max: Notional,
    orders_max: u64,
    order_to_trade: Option<Ratio>,
    cancel_to_trade: Option<Ratio>,
}

impl Day {
    /// Another day: only what is open stays.
    pub(super) fn roll(&mut self) {
        *self = Self {
            open_qty: self.open_qty,
            ..Self::default()
        };
    }

    /// What may fill changes, and some of it may have just traded.
    #[inline]
    pub(super) fn count(&mut self, change: &Change) {
        let (old, new) = change.reserved;
        self.open_qty = self.open_qty - u128::from(old.raw()) + u128::from(new.raw());
        if change.is_traded && change.filled != Qty::ZERO {
            self.trades += 1;
            let (qty, value) = (change.filled.raw(), change.traded.raw());
            self.traded_qty = self.traded_qty.saturating_add(qty.into());
            self.traded_value = self.traded_value.saturating_add(value);
        }
    }

    /// Enters it into a hash of the state.
    pub(super) fn hash(&self, add: &mut impl FnMut(u64, u64)) {
        add(self.traded_qty as u64, self.traded_value as u64);
        add(self.orders << 32 | self.cancels, self.trades);
        add(self.open_qty as u64, 0);
    }
}

impl DayBounds {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            qty_max: limits.day_qty_max.map_or(u128::MAX, |max| max.raw().into()),
            value_max: limits
                .day_value_max
                .unwrap_or(Notional::from_raw(u128::MAX)),
            orders_max: limits.day_orders_max.map_or(u64::MAX, u64::from),
            order_to_trade: limits.order_to_trade,
            cancel_to_trade: limits.cancel_to_trade,
        }
    }
}

/// One more order or replace at a level, that adds so much to what may fill.
#[inline]
pub(super) fn check(found: &mut impl Sink, level: &Level, more: Qty, more_notional: Notional) {
    let (whose, day, bounds) = (level.whose, &level.day, &level.bounds.day);
    let (max, qty) = (
        bounds.qty_max,
        day.traded_qty + day.open_qty + u128::from(more.raw()),
    );
    let as_told = |raw| wide(Notional::from_raw(raw));
    let told = || (as_told(max), as_told(qty));
    found.check_of(whose, Reason::DayQtyAboveMax, max < qty, told);
    let (max, open) = (
        bounds.value_max,
        level.open_notional.saturating_add(more_notional),
    );
    let value = open.saturating_add(Notional::from_raw(day.traded_value));
    let told = || (wide(max), wide(value));
    found.check_of(whose, Reason::DayValueAboveMax, max < value, told);
    let max = bounds.orders_max;
    let told = || (max.into(), i128::from(day.orders) + 1);
    found.check_of(whose, Reason::DayOrdersAboveMax, max <= day.orders, told);
    if let Some(ratio) = bounds.order_to_trade {
        let (max, count) = (ratio.allowed(day.trades), day.orders + day.cancels + 1);
        let told = || (max.into(), count.into());
        found.check_of(whose, Reason::OrderToTradeAboveMax, max < count, told);
    }
    if let Some(ratio) = bounds.cancel_to_trade {
        let (max, count) = (ratio.allowed(day.trades), day.cancels);
        let told = || (max.into(), count.into());
        found.check_of(whose, Reason::CancelToTradeAboveMax, max < count, told);
    }
}
