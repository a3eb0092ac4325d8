//! Day: what each level has done since its trading day began, and what it may do.
//!
//! Pure. Hot path, where any level has such a limit; else there is nothing here.
//!
//! What has been traded only grows until the day ends. A limit on it counts live orders as if they had
//! filled, so that they cannot lead beyond it.

use super::calendar::{Calendars, day_end};
use super::check::{Sink, wide};
use super::core::Core;
use super::exposure::Places;
use super::level::{Level, Whose};
use super::order::Order;
use super::setup::{Limits, Ratio, Setup};
use super::short::is_watched;
use crate::message::Scope;
use crate::reject::RejectReason as Reason;
use crate::units::{Nanos, Notional, Qty};

/// One level's day.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Day {
    qty_max: Option<Qty>,
    value_max: Option<Notional>,
    orders_max: Option<u32>,
    order_to_trade: Option<Ratio>,
    cancel_to_trade: Option<Ratio>,
    /// Of live orders: what may still fill.
    open_qty: u128,
    pub(super) traded_qty: u128,
    pub(super) traded_value: u128,
    /// New orders and replaces that passed.
    pub(super) orders: u64,
    pub(super) cancels: u64,
    pub(super) trades: u64,
}

/// The days of all levels.
#[derive(Debug)]
pub(super) struct Days {
    firm: Day,
    accounts: Vec<Day>,
    strategies: Vec<Day>,
    symbols: Vec<Day>,
    desks: Vec<Day>,
    groups: Vec<Day>,
    /// The place of the calendar whose day it is; none: days of UTC.
    pub(super) calendar: Option<u32>,
    /// When the day under way ends.
    pub(super) end: Nanos,
}

impl Day {
    fn new(limits: &Limits) -> Self {
        Self {
            qty_max: limits.day_qty_max,
            value_max: limits.day_value_max,
            orders_max: limits.day_orders_max,
            order_to_trade: limits.order_to_trade,
            cancel_to_trade: limits.cancel_to_trade,
            ..Self::default()
        }
    }

    /// Another day: only what is open stays.
    fn roll(&mut self) {
        (self.traded_qty, self.traded_value) = (0, 0);
        (self.orders, self.cancels, self.trades) = (0, 0, 0);
    }

    /// The same counts under other limits.
    fn adopted(&self, old: &Self) -> Self {
        Self {
            open_qty: 0,
            traded_qty: old.traded_qty,
            traded_value: old.traded_value,
            orders: old.orders,
            cancels: old.cancels,
            trades: old.trades,
            ..*self
        }
    }

    /// One more order or replace, that adds so much to what may fill.
    fn check(&self, found: &mut impl Sink, level: &Level, more: Qty, more_notional: Notional) {
        let whose = level.whose;
        if let Some(max) = self.qty_max {
            let qty = self.traded_qty + self.open_qty + u128::from(more.raw());
            let told = || (max.raw().into(), wide(Notional::from_raw(qty)));
            let breached = u128::from(max.raw()) < qty;
            found.check_of(whose, Reason::DayQtyAboveMax, breached, told);
        }
        if let Some(max) = self.value_max {
            let open = level.open_notional.saturating_add(more_notional);
            let value = open.saturating_add(Notional::from_raw(self.traded_value));
            let told = || (wide(max), wide(value));
            found.check_of(whose, Reason::DayValueAboveMax, max < value, told);
        }
        if let Some(max) = self.orders_max {
            let told = || (max.into(), i128::from(self.orders) + 1);
            let breached = u64::from(max) <= self.orders;
            found.check_of(whose, Reason::DayOrdersAboveMax, breached, told);
        }
        if let Some(ratio) = self.order_to_trade {
            let (max, count) = (ratio.allowed(self.trades), self.orders + self.cancels + 1);
            let told = || (max.into(), count.into());
            found.check_of(whose, Reason::OrderToTradeAboveMax, max < count, told);
        }
        if let Some(ratio) = self.cancel_to_trade {
            let max = ratio.allowed(self.trades);
            let told = || (max.into(), self.cancels.into());
            found.check_of(
                whose,
                Reason::CancelToTradeAboveMax,
                max < self.cancels,
                told,
            );
        }
    }
}

impl Days {
    /// `None` where no level has a limit on its day, and nothing is located for one: then nothing is
    /// counted.
    pub(super) fn new(setup: &Setup, calendars: &Calendars, now: Nanos) -> Option<Box<Self>> {
        if !setup.limits().any(Limits::has_day) && !is_watched(setup) {
            return None;
        }
        let mut days = Self {
            firm: Day::new(&setup.firm),
            accounts: setup
                .accounts
                .iter()
                .map(|of| Day::new(&of.limits))
                .collect(),
            strategies: setup
                .strategies
                .iter()
                .map(|of| Day::new(&of.limits))
                .collect(),
            symbols: setup
                .symbols
                .iter()
                .map(|of| Day::new(&of.limits))
                .collect(),
            desks: setup.desks.iter().map(|of| Day::new(&of.limits)).collect(),
            groups: setup.groups.iter().map(|of| Day::new(&of.limits)).collect(),
            calendar: setup.day_calendar.map(|id| id.0 + 1),
            end: Nanos::MAX,
        };
        days.end = day_end(calendars, &days, now);
        Some(Box::new(days))
    }

    /// Goes on with what was counted.
    pub(super) fn take_over(&mut self, old: &Self) {
        self.firm = self.firm.adopted(&old.firm);
        let lists = [
            (&mut self.accounts, &old.accounts),
            (&mut self.strategies, &old.strategies),
            (&mut self.symbols, &old.symbols),
            (&mut self.desks, &old.desks),
            (&mut self.groups, &old.groups),
        ];
        for (new, old) in lists {
            for (new, old) in new.iter_mut().zip(old) {
                *new = new.adopted(old);
            }
        }
    }

    pub(super) fn roll(&mut self) {
        self.firm.roll();
        let lists = [
            &mut self.accounts,
            &mut self.strategies,
            &mut self.symbols,
            &mut self.desks,
            &mut self.groups,
        ];
        lists.into_iter().flatten().for_each(Day::roll);
    }

    pub(super) fn of(&self, whose: Whose) -> Option<&Day> {
        let at = whose.target() as usize;
        match Scope::from_byte(whose.scope())? {
            Scope::Firm => Some(&self.firm),
            Scope::Account => self.accounts.get(at),
            Scope::Strategy => self.strategies.get(at),
            Scope::Symbol => self.symbols.get(at),
            Scope::Desk => self.desks.get(at),
            Scope::Group => self.groups.get(at),
        }
    }

    fn of_mut(&mut self, whose: Whose) -> Option<&mut Day> {
        let at = whose.target() as usize;
        match Scope::from_byte(whose.scope())? {
            Scope::Firm => Some(&mut self.firm),
            Scope::Account => self.accounts.get_mut(at),
            Scope::Strategy => self.strategies.get_mut(at),
            Scope::Symbol => self.symbols.get_mut(at),
            Scope::Desk => self.desks.get_mut(at),
            Scope::Group => self.groups.get_mut(at),
        }
    }

    /// Looks at every level of an order.
    pub(super) fn check<'a>(
        &self,
        found: &mut impl Sink,
        levels: impl Iterator<Item = &'a Level>,
        more: Qty,
        more_notional: Notional,
    ) {
        for level in levels {
            if let Some(day) = self.of(level.whose) {
                day.check(found, level, more, more_notional);
            }
        }
    }

    /// Bytes of the days of all levels.
    pub(super) fn size_bytes(setup: &Setup) -> usize {
        match setup.limits().any(Limits::has_day) || is_watched(setup) {
            true => setup.limits().count() * size_of::<Day>(),
            false => 0,
        }
    }

    /// Enters them into a hash of the state.
    pub(super) fn hash(&self, mut add: impl FnMut(u64, u64)) {
        add(self.end.raw(), self.firm.orders);
        let lists = [
            &self.accounts,
            &self.strategies,
            &self.symbols,
            &self.desks,
            &self.groups,
        ];
        for day in lists.into_iter().flatten().chain([&self.firm]) {
            add(day.traded_qty as u64, day.traded_value as u64);
            add(day.orders << 32 | day.cancels, day.trades);
            add(day.open_qty as u64, 0);
        }
    }
}

impl Core {
    /// Changes the days of all levels of an order.
    #[inline]
    fn each_day(&mut self, places: Places, change: impl Fn(&mut Day)) {
        let Some(days) = &mut self.days else {
            return;
        };
        let mut change = |whose| {
            if let Some(day) = days.of_mut(whose) {
                change(day);
            }
        };
        change(Whose::FIRM);
        change(Whose::new(Scope::Account, places.account));
        change(Whose::new(Scope::Strategy, places.strategy));
        change(Whose::new(Scope::Symbol, places.symbol));
        for level in self.exposure.beside(places.account, places.symbol) {
            change(level.whose);
        }
    }

    /// An order or a replace has passed.
    #[inline]
    pub(super) fn count_order(&mut self, places: Places) {
        self.each_day(places, |day| day.orders += 1);
    }

    /// An order that had passed is taken back.
    pub(super) fn uncount_order(&mut self, places: Places) {
        self.each_day(places, |day| day.orders -= 1);
    }

    /// A strategy's cancel has passed.
    #[inline]
    pub(super) fn count_cancel(&mut self, places: Places) {
        self.each_day(places, |day| day.cancels += 1);
    }

    /// What may fill of an order changes, and so much of it has just traded.
    #[inline]
    pub(super) fn count_open(&mut self, places: Places, open: (Qty, Qty), traded: (Qty, Notional)) {
        self.each_day(places, |day| {
            day.open_qty = day.open_qty - u128::from(open.0.raw()) + u128::from(open.1.raw());
            if traded.0 != Qty::ZERO {
                day.trades += 1;
                day.traded_qty = day.traded_qty.saturating_add(traded.0.raw().into());
                day.traded_value = day.traded_value.saturating_add(traded.1.raw());
            }
        });
    }

    /// Counts what live orders have open, from nothing.
    pub(super) fn count_all_open(&mut self) {
        let live = self.orders.iter().filter(|order| order.is_live());
        let live: Vec<(Places, Qty)> = live
            .map(|order: &Order| (Places::of(order), order.reserved))
            .collect();
        for (places, reserved) in live {
            self.count_open(places, (Qty::ZERO, reserved), (Qty::ZERO, Notional::ZERO));
        }
    }
}
