//! Level: the firm, a desk, an account, a strategy, a symbol or a group, and what it has at risk.
//!
//! Pure. Hot path.

use super::cell::Change;
use super::day::{Day, DayBounds};
use super::setup::Limits;
use crate::message::{Scope, Side};
use crate::units::{Amount, Notional, Qty};

/// What one level bounds of its sums, and what they come to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Level {
    pub(super) bounds: Bounds,
    pub(super) open_notional: Notional,
    pub(super) open_notional_peak: Notional,
    pub(super) gross: Notional,
    /// The value of all positions together, bought less sold, if every live order of the side by
    /// [`Side::index`] fills and none of the other: towards that side. Zero where no level limits it.
    pub(super) net: [i128; 2],
    /// Since its trading day began.
    pub(super) day: Day,
    /// What its books have brought and would bring now, fees taken off.
    pub(super) profit: Amount,
    /// What that was when the day began, and at its highest.
    pub(super) profit_before: Amount,
    pub(super) profit_peak: Amount,
    /// How far it has fallen from its highest at the most, and what that highest was.
    pub(super) drawdown_peak: Amount,
    pub(super) drawdown_from: Amount,
    /// How many of its books nobody can value now.
    pub(super) blind_count: u32,
    /// Its place among those whose losses are limited, or [`NO_LOSSES`].
    pub(super) losses: u32,
    /// It has lost too much: what does not only reduce is refused.
    pub(super) is_halted: bool,
    pub(super) open_count: u32,
    pub(super) whose: Whose,
    pub(super) is_enabled: bool,
    pub(super) is_killed: bool,
}

/// Nothing limits its losses.
pub(super) const NO_LOSSES: u32 = u32::MAX;

/// Which level: a [`Scope`] and a place in its list, in one number; zero where it is no one level's.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Whose(u32);

impl Whose {
    pub(super) const NOBODY: Self = Self(0);
    pub(super) const FIRM: Self = Self::new(Scope::Firm, 0);
    const TARGET_BITS: u32 = 24;

    /// Places are below 2^24.
    pub(super) const fn new(scope: Scope, target: u32) -> Self {
        Self((scope as u32) << Self::TARGET_BITS | target & ((1 << Self::TARGET_BITS) - 1))
    }

    /// The scope as a refusal has it: zero for nobody.
    pub(super) const fn scope(self) -> u8 {
        (self.0 >> Self::TARGET_BITS) as u8
    }

    /// The place in the scope's list.
    pub(super) const fn target(self) -> u32 {
        self.0 & ((1 << Self::TARGET_BITS) - 1)
    }
}

/// A level's limits on its sums as plain numbers: the widest value stands for off.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) open_notional_max: u128,
    pub(super) position_value_max: u128,
    pub(super) gross_exposure_max: u128,
    pub(super) net_exposure_max: u128,
    pub(super) position_qty_max: u64,
    pub(super) open_orders_max: u32,
    pub(super) day: DayBounds,
    /// Which sums are bounded at all: bits of [`armed`].
    pub(super) armed: u8,
}

/// The limits on what a level's live orders and positions come to.
pub(super) mod armed {
    pub(in crate::risk) const OPEN_ORDERS: u8 = 1;
    pub(in crate::risk) const OPEN_NOTIONAL: u8 = 2;
    pub(in crate::risk) const POSITION_QTY: u8 = 4;
    pub(in crate::risk) const POSITION_VALUE: u8 = 8;
    pub(in crate::risk) const GROSS_EXPOSURE: u8 = 16;
    pub(in crate::risk) const NET_EXPOSURE: u8 = 32;
    /// Something of its day.
    pub(in crate::risk) const DAY: u8 = 64;
    /// Those that need a price to value positions by.
    pub(in crate::risk) const VALUED: u8 = POSITION_VALUE | GROSS_EXPOSURE | NET_EXPOSURE;
}

/// What a cell adds to its level's gross and net.
#[derive(Clone, Copy, Debug)]
pub(super) struct Added {
    pub(super) gross: Notional,
    pub(super) net: [i128; 2],
    pub(super) profit: Amount,
    pub(super) is_blind: bool,
}

impl Added {
    pub(super) const NOTHING: Self = Self {
        gross: Notional::ZERO,
        net: [0; 2],
        profit: Amount::ZERO,
        is_blind: false,
    };
}

impl Bounds {
    pub(super) fn new(limits: &Limits) -> Self {
        let notional = |limit: Option<Notional>| limit.map_or(u128::MAX, Notional::raw);
        let sums = [
            (armed::OPEN_ORDERS, limits.open_orders_max.is_some()),
            (armed::OPEN_NOTIONAL, limits.open_notional_max.is_some()),
            (armed::POSITION_QTY, limits.position_qty_max.is_some()),
            (armed::POSITION_VALUE, limits.position_value_max.is_some()),
            (armed::GROSS_EXPOSURE, limits.gross_exposure_max.is_some()),
            (armed::NET_EXPOSURE, limits.net_exposure_max.is_some()),
            (armed::DAY, limits.has_day()),
        ];
        Self {
            open_notional_max: notional(limits.open_notional_max),
            position_value_max: notional(limits.position_value_max),
            gross_exposure_max: notional(limits.gross_exposure_max),
            net_exposure_max: notional(limits.net_exposure_max),
            position_qty_max: limits.position_qty_max.map_or(u64::MAX, Qty::raw),
            open_orders_max: limits.open_orders_max.unwrap_or(u32::MAX),
            day: DayBounds::new(limits),
            armed: sums
                .iter()
                .fold(0, |set, (bit, on)| if *on { set | bit } else { set }),
        }
    }
}

impl Level {
    pub(super) fn new(whose: Whose, limits: &Limits, is_enabled: bool) -> Self {
        Self {
            bounds: Bounds::new(limits),
            open_notional: Notional::ZERO,
            open_notional_peak: Notional::ZERO,
            gross: Notional::ZERO,
            net: [0; 2],
            day: Day::default(),
            profit: Amount::ZERO,
            profit_before: Amount::ZERO,
            profit_peak: Amount::ZERO,
            drawdown_peak: Amount::ZERO,
            drawdown_from: Amount::ZERO,
            blind_count: 0,
            losses: NO_LOSSES,
            is_halted: false,
            open_count: 0,
            whose,
            is_enabled,
            is_killed: false,
        }
    }

    /// True where the level itself stops every order.
    #[inline]
    pub(super) const fn is_shut(&self) -> bool {
        self.is_killed | !self.is_enabled
    }

    /// Goes on under other limits.
    pub(super) fn adopt(&mut self, limits: &Limits, is_enabled: bool) {
        self.bounds = Bounds::new(limits);
        self.is_enabled = is_enabled;
    }

    /// A new order stands, and its book adds so much `more`: no sum becomes less.
    #[inline(always)]
    pub(super) fn open(
        &mut self,
        side: Side,
        (qty, notional): (Qty, Notional),
        more: u128,
        net_more: i128,
    ) {
        self.day.open_qty += u128::from(qty.raw());
        self.day.orders += 1;
        self.gross = Notional::from_raw(self.gross.raw() + more);
        if net_more != 0 {
            self.net[side.index()] += net_more;
        }
        self.open_notional = Notional::from_raw(self.open_notional.raw() + notional.raw());
        if self.open_notional_peak < self.open_notional {
            self.open_notional_peak = self.open_notional;
        }
        self.open_count += 1;
    }

    /// What live orders come to changes, and how many there are.
    #[inline]
    pub(super) fn count(&mut self, change: &Change) {
        let (notional, orders) = (change.notional, change.orders);
        self.day.count(change);
        self.open_notional = moved(self.open_notional, notional.0, notional.1);
        self.open_notional_peak = self.open_notional_peak.max(self.open_notional);
        self.open_count = self
            .open_count
            .checked_add_signed(orders)
            .expect("counted before");
    }

    /// Its profit stands: no book of it is still to be valued anew.
    #[inline]
    pub(super) fn mark_profit(&mut self) {
        self.profit_peak = self.profit_peak.max(self.profit);
        let fallen = self.profit_peak.less(self.profit);
        if self.drawdown_peak < fallen {
            (self.drawdown_peak, self.drawdown_from) = (fallen, self.profit_peak);
        }
    }

    /// What was lost counts from here.
    pub(super) fn restart_profit(&mut self) {
        self.profit_before = self.profit;
        self.profit_peak = self.profit;
    }

    /// A cell adds `new` from now on where it added `old`.
    #[inline]
    pub(super) fn exchange(&mut self, old: &Added, new: &Added) {
        self.gross = moved(self.gross, old.gross, new.gross);
        if new.net != old.net {
            for side in 0..2 {
                self.net[side] += new.net[side] - old.net[side];
            }
        }
        self.profit = self.profit.plus(new.profit.less(old.profit));
        self.blind_count = self.blind_count + u32::from(new.is_blind) - u32::from(old.is_blind);
    }
}

/// A sum with one part exchanged. The parts are bounded so that it fits.
#[inline]
fn moved(sum: Notional, old: Notional, new: Notional) -> Notional {
    Notional::from_raw(sum.raw() - old.raw() + new.raw())
}
