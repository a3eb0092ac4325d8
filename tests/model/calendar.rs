//! Calendar: phases and trading days, looked up anew each time.

use super::Model;
use super::checks::{Findings, wide};
use super::exposure::Added;
use super::order::{Level, Who};
use portcullis::message::{Kind, OrderType, TimeInForce};
use portcullis::reject::RejectReason::*;
use portcullis::risk::setup::{Calendar, PhaseChange, Ratio, ReferenceKind, Session};

const DAY_NANOS: u64 = 86_400_000_000_000;

/// The change that was the last to come, if any has.
fn last_change(calendar: &Calendar, now: u64) -> Option<&PhaseChange> {
    let mut came = calendar.changes.iter().rev();
    came.find(|change| change.time.raw() <= now)
}

fn day(calendar: &Calendar, now: u64) -> u32 {
    last_change(calendar, now).map_or(0, |change| change.day)
}

/// The session under way; `None` where it is closed.
fn session(calendar: &Calendar, now: u64) -> Option<&Session> {
    let session = last_change(calendar, now)?.session?;
    Some(&calendar.sessions[usize::from(session)])
}

fn kind(calendar: &Calendar, now: u64) -> ReferenceKind {
    session(calendar, now).map_or(ReferenceKind::Mid, |session| session.reference)
}

impl Model {
    fn calendar_of(&self, symbol: u32) -> Option<&Calendar> {
        let id = self.setup.symbols[symbol as usize].calendar?;
        Some(&self.setup.calendars[id.0 as usize])
    }

    pub(super) fn is_closed(&self, symbol: u32) -> bool {
        self.calendar_of(symbol)
            .is_some_and(|calendar| session(calendar, self.now).is_none())
    }

    /// Whether the symbol and the phase take orders of a type.
    pub(super) fn takes_type(&self, symbol: u32, of: OrderType) -> bool {
        let calendar = self.calendar_of(symbol);
        let phase = calendar.and_then(|calendar| session(calendar, self.now));
        self.setup.symbols[symbol as usize]
            .order_types
            .contains(&of)
            && phase.is_none_or(|phase| phase.order_types.contains(&of))
    }

    /// The same of a time in force.
    pub(super) fn takes_time(&self, symbol: u32, of: TimeInForce) -> bool {
        let calendar = self.calendar_of(symbol);
        let phase = calendar.and_then(|calendar| session(calendar, self.now));
        self.setup.symbols[symbol as usize]
            .times_in_force
            .contains(&of)
            && phase.is_none_or(|phase| phase.times_in_force.contains(&of))
    }

    /// What the symbol takes and the phase does not.
    pub(super) fn check_phase(&self, findings: &mut Findings, who: Who, order_type: u8, tif: u8) {
        let symbol = &self.setup.symbols[who.symbol as usize];
        let Some(calendar) = self.calendar_of(who.symbol) else {
            return;
        };
        let Some(session) = session(calendar, self.now) else {
            return;
        };
        let types = symbol.order_types.iter();
        let kept_type = types
            .filter(|of| **of as u8 == order_type)
            .any(|of| !session.order_types.contains(of));
        let times = symbol.times_in_force.iter();
        let kept_time = times
            .filter(|of| **of as u8 == tif)
            .any(|of| !session.times_in_force.contains(of));
        findings.fact(PhaseNotPermitted, kept_type || kept_time);
    }

    /// The price that orders in a symbol are measured by now.
    pub(super) fn reference_kind(&self, symbol: u32) -> ReferenceKind {
        self.calendar_of(symbol)
            .map_or(ReferenceKind::Mid, |calendar| kind(calendar, self.now))
    }

    /// True once the order's trading day is over, where it was only for the day.
    pub(super) fn is_over(&self, serial: u64, symbol: u32) -> bool {
        let calendar = self.setup.symbols[symbol as usize].calendar;
        calendar.is_some_and(|id| serial <= self.expire_through[id.0 as usize])
    }

    /// The day by which levels count.
    pub(super) fn day(&self) -> u64 {
        match self.setup.day_calendar {
            Some(id) => day(&self.setup.calendars[id.0 as usize], self.now).into(),
            None => self.now / DAY_NANOS,
        }
    }

    /// Time goes on: phases end, and days.
    pub(super) fn turn(&mut self, now: u64) {
        let (before, was_today) = (self.now, self.day());
        // Time goes on, and never back.
        let now = now.max(before);
        self.now = now;
        for at in 0..self.setup.calendars.len() {
            let calendar = &self.setup.calendars[at];
            let has_ended = day(calendar, before) != day(calendar, now);
            let is_measured_anew = kind(calendar, before) != kind(calendar, now);
            if has_ended {
                self.expire_through[at] = self.orders.len() as u64;
                self.sweep_is_due = true;
            }
            for symbol in 0..self.setup.symbols.len() {
                let is_of = self.setup.symbols[symbol].calendar.map(|id| id.0) == Some(at as u32);
                if is_of && has_ended {
                    self.references[symbol][ReferenceKind::Close as usize] = Default::default();
                }
                if is_of && (has_ended || is_measured_anew) {
                    self.mark_anew(symbol as u32);
                }
            }
        }
        self.age_prices();
        self.look_at_losses();
        if self.day() != was_today {
            self.forget_short();
            self.roll_losses();
        }
    }

    /// The symbol is worth what its orders are measured by, if that is known.
    pub(super) fn mark_anew(&mut self, symbol: u32) {
        self.value_anew(symbol);
    }

    /// When time alone changes something next.
    pub(super) fn next_turn(&self) -> u64 {
        let changes = self.setup.calendars.iter().flat_map(|of| &of.changes);
        let next = changes.map(|change| change.time.raw());
        let next = next.filter(|time| self.now < *time).min();
        let midnight = match self.setup.day_calendar {
            None if self.now != 0 => (self.now / DAY_NANOS + 1) * DAY_NANOS,
            _ => u64::MAX,
        };
        next.unwrap_or(u64::MAX).min(midnight)
    }

    /// Group 4: what a level has done today.
    pub(super) fn check_days(&self, findings: &mut Findings, who: Who, added: &Added) {
        for level in self.path(who) {
            self.check_day(findings, level, added);
        }
    }

    fn check_day(&self, findings: &mut Findings, level: Level, added: &Added) {
        let (limits, today) = (self.limits(level), self.day());
        let trades = self.trades.iter();
        let trades: Vec<_> = trades
            .filter(|trade| trade.day == today && self.is_in(level, trade.who))
            .collect();
        let count = |kinds: &[Kind]| {
            let past = self.acceptances.iter().filter(|past| {
                past.day == today && kinds.contains(&past.kind) && self.is_in(level, past.who)
            });
            past.count() as u64
        };
        if let Some(max) = limits.day_qty_max {
            let open = self.live_orders(level);
            let open: u128 = open.map(|order| u128::from(order.reserved_leaves())).sum();
            let traded: u128 = trades.iter().map(|trade| u128::from(trade.qty)).sum();
            let qty = traded + open + u128::from(added.leaves);
            if qty > u128::from(max.raw()) {
                findings.limit(level, DayQtyAboveMax, max.raw().into(), wide(qty));
            }
        }
        if let Some(max) = limits.day_value_max {
            let values = trades.iter().map(|trade| trade.value);
            let traded = values.fold(0u128, u128::saturating_add);
            let open = self.open_notional(level);
            let value = traded.saturating_add(open).saturating_add(added.notional);
            if value > max.raw() {
                findings.limit(level, DayValueAboveMax, wide(max.raw()), wide(value));
            }
        }
        let orders = count(&[Kind::NewOrder, Kind::Replace]);
        let cancels = count(&[Kind::Cancel]);
        if let Some(max) = limits.day_orders_max
            && orders >= u64::from(max)
        {
            let found = i128::from(orders) + 1;
            findings.limit(level, DayOrdersAboveMax, max.into(), found);
        }
        let allowed = |ratio: Ratio| {
            let to_trades = u64::from(ratio.max) * trades.len() as u64;
            to_trades.max(ratio.free.into())
        };
        if let Some(ratio) = limits.order_to_trade {
            let (max, found) = (allowed(ratio), orders + cancels + 1);
            if found > max {
                findings.limit(level, OrderToTradeAboveMax, max.into(), found.into());
            }
        }
        if let Some(ratio) = limits.cancel_to_trade {
            let max = allowed(ratio);
            if cancels > max {
                findings.limit(level, CancelToTradeAboveMax, max.into(), cancels.into());
            }
        }
    }

    /// Something of an order has been filled. Without a price it was filled at what it was valued at.
    pub(super) fn remember_trade(&mut self, serial: u64, qty: u64, price: i64, fee: i128) {
        let order = &self.orders[serial as usize - 1];
        let (who, symbol) = (order.who, &self.setup.symbols[order.who.symbol as usize]);
        let unit = match price {
            0 => order.value_price,
            price => {
                let value = super::order::value_of(
                    price.unsigned_abs(),
                    symbol.multiplier,
                    symbol.is_inverse,
                );
                value.unwrap_or(i64::MAX as u64)
            }
        };
        let (day, value) = (self.day(), u128::from(unit) * u128::from(qty));
        let side = order.side;
        self.trades.push(super::Trade {
            serial,
            who,
            side,
            fee,
            day,
            qty,
            value,
        });
    }
}
