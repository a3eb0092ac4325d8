//! Rules: what one level says about single orders, and how often they may come.
//!
//! Pure. Hot path.

use super::core::Core;
use super::duplicate::Recent;
use super::level::Whose;
use super::rate::{Paced, Paces, Rates};
use super::route::Who;
use super::setup::{Limits, Rate};
use crate::message::Scope;
use crate::reject::RejectReason;
use crate::units::{Nanos, Notional, Qty};

/// A level's limits on one order as plain numbers, the widest standing for off; and its windows.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) order_notional_max: u128,
    pub(super) order_qty_max: u64,
    pub(super) price_collar: u64,
    pub(super) reference_age_max: Nanos,
    pub(super) basket_lines_max: u32,
    pub(super) basket_notional_max: u128,
    pub(super) paces: Paces,
    pub(super) recent: Option<Box<Recent>>,
}

impl Paced {
    /// What a limit says of it.
    const fn windows(self, limits: &Limits) -> &Vec<Rate> {
        match self {
            Self::Orders => &limits.order_rate,
            Self::New => &limits.new_order_rate,
            Self::Replaces => &limits.replace_rate,
            Self::Cancels => &limits.cancel_rate,
        }
    }

    pub(super) const fn reason(self) -> RejectReason {
        match self {
            Self::Orders => RejectReason::OrderRateAboveMax,
            Self::New => RejectReason::NewOrderRateAboveMax,
            Self::Replaces => RejectReason::ReplaceRateAboveMax,
            Self::Cancels => RejectReason::CancelRateAboveMax,
        }
    }

    /// How many of it a window of a rate remembers: with as many in it, one more of what it paces is
    /// too many. Of cancels, only what is above the rate itself is.
    const fn remembered(self, rate: &Rate) -> u32 {
        match self {
            Self::Cancels => rate.count + 1,
            _ => rate.count,
        }
    }

    /// The limit of a window that remembers so many, and what is found where there would be so many
    /// with one more.
    pub(super) fn told(self, remembered: u32, count: u32) -> (i128, i128) {
        let less = i128::from(self == Self::Cancels);
        (i128::from(remembered) - less, i128::from(count) - less)
    }
}

impl Rules {
    pub(super) fn new(limits: &Limits, rates: &mut Rates, duplicates: usize) -> Self {
        let mut rules = Self {
            order_notional_max: u128::MAX,
            order_qty_max: u64::MAX,
            price_collar: u64::MAX,
            reference_age_max: Nanos::MAX,
            basket_lines_max: u32::MAX,
            basket_notional_max: u128::MAX,
            paces: rates.add(|paced| {
                let windows = paced.windows(limits).iter();
                windows.map(move |rate| (rate.window, paced.remembered(rate)))
            }),
            recent: limits
                .duplicate_window
                .map(|span| Box::new(Recent::new(span, limits.duplicates(), duplicates))),
        };
        rules.limit(limits);
        rules
    }

    /// Sets what has no memory.
    pub(super) fn limit(&mut self, limits: &Limits) {
        self.order_notional_max = limits.order_notional_max.map_or(u128::MAX, Notional::raw);
        self.order_qty_max = limits.order_qty_max.map_or(u64::MAX, Qty::raw);
        self.price_collar = limits.price_collar.unwrap_or(u64::MAX);
        self.reference_age_max = limits.reference_age_max.unwrap_or(Nanos::MAX);
        self.basket_lines_max = limits.basket_lines_max.unwrap_or(u32::MAX);
        self.basket_notional_max = limits.basket_notional_max.map_or(u128::MAX, Notional::raw);
    }

    /// Takes over what the windows of the same level have seen.
    pub(super) fn carry(&mut self, rates: &mut Rates, old: &Self, old_rates: &Rates, seed: u64) {
        for paced in Paced::ALL {
            let (to, from) = (self.paces.from(paced, paced), old.paces.from(paced, paced));
            rates.carry(to, old_rates, from);
        }
        if let (Some(new), Some(old)) = (&mut self.recent, &old.recent) {
            new.carry(old, seed);
        }
    }
}

/// The levels of an order as bits, narrowest first, desk and groups last.
pub(super) mod path {
    pub(in crate::risk) const SYMBOL: u32 = 0;
    pub(in crate::risk) const STRATEGY: u32 = 1;
    pub(in crate::risk) const ACCOUNT: u32 = 2;
    pub(in crate::risk) const FIRM: u32 = 3;
    pub(in crate::risk) const DESK: u32 = 4;
    /// And those behind it.
    pub(in crate::risk) const GROUPS: u32 = 5;
}

/// Each bit of a set of levels, as its number.
#[inline(always)]
pub(super) fn each_of(mut set: u16) -> impl Iterator<Item = u32> {
    std::iter::from_fn(move || {
        let bit = set.trailing_zeros();
        set &= set.wrapping_sub(1);
        (bit < u16::BITS).then_some(bit)
    })
}

impl Core {
    /// Where the rules of one level of an order stand among those of desks and groups.
    #[inline]
    fn beside_at(&self, level: u32, who: Who) -> usize {
        let at = match level {
            path::DESK => self.exposure.desks[who.0.0 as usize],
            _ => self.exposure.groups[who.2.0 as usize][(level - path::GROUPS) as usize],
        };
        at as usize
    }

    /// The rules of one level of an order, and whose they are.
    #[inline(always)]
    pub(super) fn rules(&self, level: u32, who: Who) -> (Whose, &Rules) {
        let (account, strategy, symbol) = who;
        match level {
            path::SYMBOL => {
                let rules = &self.symbols[symbol.0 as usize].rules;
                (Whose::new(Scope::Symbol, symbol.0), rules)
            }
            path::STRATEGY => {
                let rules = &self.strategies[strategy.0 as usize].rules;
                (Whose::new(Scope::Strategy, strategy.0), rules)
            }
            path::ACCOUNT => {
                let rules = &self.accounts[account.0 as usize].rules;
                (Whose::new(Scope::Account, account.0), rules)
            }
            path::FIRM => (Whose::FIRM, &self.firm_rules),
            _ => {
                let at = self.beside_at(level, who);
                (self.exposure.others[at].whose, &self.other_rules[at])
            }
        }
    }

    /// The same, to be changed.
    #[inline]
    pub(super) fn rules_mut(&mut self, level: u32, who: Who) -> (Whose, &mut Rules) {
        let (account, strategy, symbol) = who;
        match level {
            path::SYMBOL => {
                let rules = &mut self.symbols[symbol.0 as usize].rules;
                (Whose::new(Scope::Symbol, symbol.0), rules)
            }
            path::STRATEGY => {
                let rules = &mut self.strategies[strategy.0 as usize].rules;
                (Whose::new(Scope::Strategy, strategy.0), rules)
            }
            path::ACCOUNT => {
                let rules = &mut self.accounts[account.0 as usize].rules;
                (Whose::new(Scope::Account, account.0), rules)
            }
            path::FIRM => (Whose::FIRM, &mut self.firm_rules),
            _ => {
                let at = self.beside_at(level, who);
                let whose = self.exposure.others[at].whose;
                (whose, &mut self.other_rules[at])
            }
        }
    }

    /// One has passed: every window that counts it remembers, of the kinds from one to another.
    #[inline(always)]
    pub(super) fn note_pace(&mut self, route_at: usize, first: Paced, last: Paced) {
        for (_, paces) in &self.routes.row(route_at).paced {
            let range = paces.from(first, last);
            if self.trial.is_under_way {
                self.rates.save(range, &mut self.trial.windows);
            }
            self.rates.note(range, self.now);
        }
    }

    /// All rules there are.
    pub(super) fn all_rules(&self) -> impl Iterator<Item = &Rules> {
        let symbols = self.symbols.iter().map(|row| &row.rules);
        let strategies = self.strategies.iter().map(|row| &row.rules);
        let accounts = self.accounts.iter().map(|row| &row.rules);
        symbols
            .chain(strategies)
            .chain(accounts)
            .chain([&self.firm_rules])
            .chain(&self.other_rules)
    }
}
