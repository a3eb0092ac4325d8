//! Losses: what a level may lose, and what is done where it loses more.
//!
//! Pure. Touched by fills and prices; by orders only while a level is halted or cannot be valued.
//!
//! A level's profit is what its books have brought and would bring at the last good price, fees taken off. It
//! is measured against what it was when the trading day began, against its highest, and against its
//! highest within a window. One that has fallen too far is halted: what does not only reduce a
//! position is refused, until persons raise the level or, for a loss of the day, the day is over
//! where that is so configured. Who is raised counts from where it stands.
//!
//! A price that is missing, broken or old disables nothing: the last good one values what is held, and
//! while any position of a level cannot be valued, nothing new passes there that does not reduce.

mod seen;

use super::cell::NO_CELL;
use super::check::{Sink, wide};
use super::core::Core;
use super::exposure::Places;
use super::level::{Level, NO_LOSSES, Whose};
use super::money::currency::Currencies;
use super::money::worth::mul_div;
use super::route::Who;
use super::setup::{Limits, LossAnswer, LossResume, Setup};
use crate::message::{LimitKey, Scope};
use crate::reject::RejectReason as Reason;
use crate::units::{Amount, Nanos, Notional, SymbolId};

/// Every level whose losses are limited.
#[derive(Debug, Default)]
pub(super) struct Losses {
    rows: Vec<Row>,
    halted_count: u32,
    /// How often any was halted.
    halts: u64,
}

#[derive(Debug)]
struct Row {
    whose: Whose,
    bounds: LossBounds,
    rolling: Option<Box<Rolling>>,
    halted: Option<Halt>,
}

/// What one level may lose.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct LossBounds {
    capital: Amount,
    day: Bound,
    drawdown: Bound,
    rolling_max: Option<Amount>,
    rolling_window: Nanos,
    answer: LossAnswer,
    resume: LossResume,
}

/// An amount, and a share of what there was, in 1e-6.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Bound {
    max: Option<Amount>,
    share_max: Option<u32>,
}

/// What was passed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LossKind {
    /// What may be lost in a day.
    Day,
    /// How far profit may fall from its highest.
    Drawdown,
    /// The same within a window.
    Rolling,
}

/// Why a level is halted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Halt {
    /// What it has passed.
    pub kind: LossKind,
    /// How much that is.
    pub limit: Amount,
    /// What was lost.
    pub value: Amount,
    /// When.
    pub time: Nanos,
    /// When it ends by itself; [`Nanos::MAX`]: only by persons.
    pub until: Nanos,
    /// Orders up to this acceptance are to be cancelled.
    cancel_through: u64,
}

/// What is told of a level that is halted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct HaltView {
    /// Which kind of level.
    pub scope: Scope,
    /// Which one.
    pub target: u32,
    /// Why.
    pub halt: Halt,
}

/// The highest profits of a window, by part of it.
#[derive(Clone, Debug)]
struct Rolling {
    /// The number of the part and the highest in it, or none.
    parts: [Option<(u64, Amount)>; PARTS],
    /// What stands since it was last looked at.
    last: Amount,
}

/// A window is looked at in so many parts: what is measured reaches back as far as it, and by up to one
/// part further.
const PARTS: usize = 32;
const MILLION: u64 = 1_000_000;

impl LossKind {
    /// As users write it.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Day => "day_loss_max",
            Self::Drawdown => "drawdown_max",
            Self::Rolling => "rolling_loss_max",
        }
    }
}

impl Bound {
    /// What may be lost of what there was: nothing where that was nothing.
    fn limit(self, equity: Amount) -> Option<Amount> {
        let share = self.share_max.map(|share| {
            let equity = equity.raw().max(0).unsigned_abs();
            let part = mul_div(equity, share.into(), MILLION, false);
            Amount::from_raw(i128::try_from(part).unwrap_or(i128::MAX))
        });
        match (self.max, share) {
            (Some(max), Some(share)) => Some(max.min(share)),
            (max, share) => max.or(share),
        }
    }
}

fn amount(limit: Option<Notional>) -> Option<Amount> {
    limit.map(|limit| Amount::from_raw(wide(limit)))
}

impl LossBounds {
    fn new(limits: &Limits) -> Self {
        Self {
            capital: amount(limits.capital).unwrap_or_default(),
            day: Bound {
                max: amount(limits.day_loss_max),
                share_max: limits.day_loss_share_max,
            },
            drawdown: Bound {
                max: amount(limits.drawdown_max),
                share_max: limits.drawdown_share_max,
            },
            rolling_max: amount(limits.rolling_loss_max),
            rolling_window: limits.rolling_loss_window.unwrap_or_default(),
            answer: limits.loss_answer,
            resume: limits.loss_resume,
        }
    }
}

impl LossBounds {
    /// True where any of them is set.
    fn is_armed(&self) -> bool {
        let sums = [self.day, self.drawdown];
        let mut sums = sums.iter();
        sums.any(|of| of.max.is_some() || of.share_max.is_some()) || self.rolling_max.is_some()
    }
}

impl Rolling {
    const fn new(profit: Amount) -> Self {
        Self {
            parts: [None; PARTS],
            last: profit,
        }
    }

    /// The highest of the window that has been noted, the last counted.
    fn highest(&self, window: Nanos, now: Nanos) -> Amount {
        let oldest = Self::part(window, now).saturating_sub(PARTS as u64 - 1);
        let within = self.parts.iter().flatten().filter(|(of, _)| oldest <= *of);
        within.fold(self.last, |highest, (_, other)| highest.max(*other))
    }

    fn part(window: Nanos, now: Nanos) -> u64 {
        now.raw() / Self::width(window)
    }

    fn width(window: Nanos) -> u64 {
        window.raw().div_ceil(PARTS as u64 - 1).max(1)
    }

    /// The same under another window. What was highest in a part counts as if it had stood to its end.
    fn under(&self, old: Nanos, new: Nanos, now: Nanos) -> Self {
        let mut rolling = Self::new(self.last);
        for (part, highest) in self.parts.iter().flatten() {
            let end = (part + 1)
                .saturating_mul(Self::width(old))
                .saturating_sub(1);
            let part = Self::part(new, Nanos::from_raw(end).min(now));
            let place = &mut rolling.parts[(part % PARTS as u64) as usize];
            let is_older = place.is_none_or(|(of, other)| (of, other) < (part, *highest));
            if is_older {
                *place = Some((part, *highest));
            }
        }
        rolling
    }

    /// The highest since the beginning of the window, this one counted.
    fn note(&mut self, window: Nanos, profit: Amount, now: Nanos) -> Amount {
        let part = Self::part(window, now);
        let place = &mut self.parts[(part % PARTS as u64) as usize];
        // What stood until now stood in this part, too.
        let stood = profit.max(std::mem::replace(&mut self.last, profit));
        *place = match *place {
            Some((of, highest)) if of == part => Some((of, highest.max(stood))),
            _ => Some((part, stood)),
        };
        self.highest(window, now)
    }
}

impl LossBounds {
    /// What each limit is, and what has been lost of it: from what there was when the day began, at the
    /// highest, and at the highest of the window.
    fn judge(
        &self,
        profit: Amount,
        [before, peak, highest]: [Amount; 3],
    ) -> impl Iterator<Item = (LossKind, Amount, Amount)> {
        let day = self.day.limit(self.capital.plus(before));
        let drawdown = self.drawdown.limit(self.capital.plus(peak));
        [
            (LossKind::Day, day, before),
            (LossKind::Drawdown, drawdown, peak),
            (LossKind::Rolling, self.rolling_max, highest),
        ]
        .into_iter()
        .filter_map(move |(kind, limit, from)| Some((kind, limit?, from.less(profit))))
    }
}

impl Losses {
    fn is_limited(setup: &Setup) -> bool {
        setup.limits().any(Limits::has_loss)
    }

    /// True where the age of prices matters.
    pub(super) fn needs_marks(setup: &Setup) -> bool {
        Self::is_limited(setup) || Currencies::any_is_driven(setup)
    }

    #[inline]
    pub(super) const fn are_none(&self) -> bool {
        self.rows.is_empty()
    }

    /// Bytes that they take.
    pub(super) fn size_bytes(setup: &Setup) -> usize {
        let limited = setup.limits().filter(|limits| limits.has_loss());
        limited
            .map(|limits| {
                let rolling = limits
                    .rolling_loss_window
                    .map_or(0, |_| size_of::<Rolling>());
                size_of::<Row>() + rolling
            })
            .sum()
    }

    /// Enters them into a hash of the state.
    pub(super) fn hash(&self, add: &mut impl FnMut(u64, u64)) {
        add(self.halts, u64::from(self.halted_count));
        for row in &self.rows {
            let halt = row.halted.map_or((0, 0), |halt| {
                (halt.cancel_through, halt.value.raw() as u64)
            });
            add(halt.0, halt.1);
            for (part, highest) in row.rolling.iter().flat_map(|of| of.parts.iter().flatten()) {
                add(*part, highest.raw() as u64);
            }
        }
    }
}

impl Core {
    /// Gives every level that may lose no more than so much a row, and takes over what was known.
    pub(super) fn arm_losses(&mut self, setup: &Setup) {
        let (mut old, now) = (std::mem::take(&mut self.losses), self.now);
        let mut rows = Vec::new();
        let mut arm = |level: &mut Level, limits: &Limits| {
            level.losses = NO_LOSSES;
            level.is_halted = false;
            if !limits.has_loss() {
                return;
            }
            level.losses = rows.len() as u32;
            let before = old.rows.iter_mut().find(|row| row.whose == level.whose);
            let is_rolling = limits.rolling_loss_window.is_some();
            let bounds = LossBounds::new(limits);
            let (rolling, halted) = match before {
                Some(row) => {
                    let (was, is) = (row.bounds.rolling_window, bounds.rolling_window);
                    let rolling = row.rolling.take().map(|rolling| match was == is {
                        true => rolling,
                        false => Box::new(rolling.under(was, is, now)),
                    });
                    (rolling, row.halted)
                }
                None => (None, None),
            };
            level.is_halted = halted.is_some();
            rows.push(Row {
                whose: level.whose,
                bounds,
                rolling: match rolling {
                    Some(rolling) if is_rolling => Some(rolling),
                    _ => is_rolling.then(|| Box::new(Rolling::new(level.profit))),
                },
                halted,
            });
        };
        let exposure = &mut self.exposure;
        arm(&mut exposure.firm, &setup.firm);
        let pairs = exposure.accounts.iter_mut().zip(&setup.accounts);
        pairs.for_each(|(level, of)| arm(level, &of.limits));
        let pairs = exposure.strategies.iter_mut().zip(&setup.strategies);
        pairs.for_each(|(level, of)| arm(level, &of.limits));
        let pairs = exposure.symbols.iter_mut().zip(&setup.symbols);
        pairs.for_each(|(level, of)| arm(level, &of.limits));
        let desks = setup.desks.iter().map(|of| &of.limits);
        let groups = setup.groups.iter().map(|of| &of.limits);
        let pairs = exposure.others.iter_mut().zip(desks.chain(groups));
        pairs.for_each(|(level, limits)| arm(level, limits));
        let halted = rows.iter().filter(|row| row.halted.is_some()).count();
        self.losses = Losses {
            rows,
            halted_count: halted as u32,
            halts: old.halts,
        };
    }

    /// One limit of a level is another.
    pub(super) fn rearm_losses(&mut self, whose: Whose, limits: &Limits) {
        let mut rows = self.losses.rows.iter_mut();
        if let Some(row) = rows.find(|row| row.whose == whose) {
            row.bounds = LossBounds::new(limits);
            self.look_at_loss(whose);
        }
    }

    /// True where a limit on losses may be set while the gate runs: the level has others, and the window
    /// that it needs.
    pub(super) fn may_limit_loss(&self, whose: Whose, key: LimitKey) -> bool {
        let mut rows = self.losses.rows.iter();
        let row = rows.find(|row| row.whose == whose);
        row.is_some_and(|row| key != LimitKey::RollingLoss || row.rolling.is_some())
    }

    /// Of the levels of an order: refused while one is halted, or limits what it may lose and cannot
    /// be valued, unless it only reduces what that level has.
    #[inline(always)]
    pub(super) fn check_losses(
        &self,
        found: &mut impl Sink,
        levels: impl Iterator<Item = Whose> + Clone,
        only_reduces: impl Fn(Whose) -> bool,
    ) {
        if !self.losses.are_none() {
            self.check_losses_of(found, levels, only_reduces);
        }
    }

    fn check_losses_of(
        &self,
        found: &mut impl Sink,
        levels: impl Iterator<Item = Whose>,
        only_reduces: impl Fn(Whose) -> bool,
    ) {
        for whose in levels {
            let Some(level) = self.exposure.level_of(whose) else {
                continue;
            };
            let Some(row) = self.losses.rows.get(level.losses as usize) else {
                continue;
            };
            let reduces = only_reduces(whose);
            if let Some(halt) = row.halted {
                let told = || (halt.limit.raw(), halt.value.raw());
                found.check_of(whose, Reason::LossAboveMax, !reduces, told);
            }
            let blind = i128::from(level.blind_count);
            let is_blind = level.blind_count != 0 && row.bounds.is_armed() && !reduces;
            found.check_of(whose, Reason::LossUnknown, is_blind, || (0, blind));
        }
    }

    /// A fill has been booked.
    #[inline]
    pub(super) fn look_at_profits(&mut self, places: Places) {
        let exposure = &mut self.exposure;
        let has_strategy = places.strategy_cell != NO_CELL;
        if has_strategy {
            exposure.strategies[places.strategy as usize].mark_profit();
        }
        exposure.accounts[places.account as usize].mark_profit();
        exposure.symbols[places.symbol as usize].mark_profit();
        exposure.firm.mark_profit();
        exposure.each_beside(places.account, places.symbol, Level::mark_profit);
        if !self.losses.are_none() {
            let whose = |scope, at| Whose::new(scope, at);
            if has_strategy {
                self.look_at_loss(whose(Scope::Strategy, places.strategy));
            }
            self.look_at_loss(whose(Scope::Account, places.account));
            self.look_at_others(places.symbol);
        }
    }

    /// Levels of a symbol that are not one owner's.
    fn look_at_others(&mut self, symbol: u32) {
        self.look_at_loss(Whose::new(Scope::Symbol, symbol));
        self.look_at_loss(Whose::FIRM);
        for at in 0..self.exposure.others.len() {
            let level = &self.exposure.others[at];
            if level.losses != NO_LOSSES {
                self.look_at_loss(level.whose);
            }
        }
    }

    /// The books of a symbol are valued anew.
    pub(super) fn look_at_profits_of(&mut self, symbol: SymbolId) {
        self.exposure.mark_profits(symbol.0);
        if self.losses.are_none() {
            return;
        }
        let mut at = self.exposure.first_in(symbol.0);
        while let Some((scope, owner, next)) = self.exposure.owner_in(at) {
            self.look_at_loss(Whose::new(scope, owner));
            at = next;
        }
        self.look_at_others(symbol.0);
    }

    /// Much is valued anew: every level is looked at.
    #[cold]
    pub(super) fn look_at_all_profits(&mut self) {
        self.exchanged.clear();
        self.exposure.each_level(Level::mark_profit);
        for at in 0..self.losses.rows.len() {
            self.look_at_loss(self.losses.rows[at].whose);
        }
    }

    /// Halts a level that has lost too much.
    fn look_at_loss(&mut self, whose: Whose) {
        let now = self.now;
        let Some(level) = self.exposure.level_of(whose) else {
            return;
        };
        let (profit, before, peak) = (level.profit, level.profit_before, level.profit_peak);
        let Some(row) = self.losses.rows.get_mut(level.losses as usize) else {
            return;
        };
        let bounds = row.bounds;
        let window = bounds.rolling_window;
        let highest = match &mut row.rolling {
            Some(rolling) => rolling.note(window, profit, now),
            None => profit,
        };
        if row.halted.is_some() {
            return;
        }
        let mut judged = bounds.judge(profit, [before, peak, highest]);
        if let Some((kind, limit, value)) = judged.find(|(_, limit, value)| limit < value) {
            self.halt(whose, kind, limit, value);
        }
    }

    #[cold]
    fn halt(&mut self, whose: Whose, kind: LossKind, limit: Amount, value: Amount) {
        let (serial, time) = (self.serial, self.now);
        let day_end = self.calendars.day_end();
        let Some(at) = self
            .exposure
            .level_of(whose)
            .map(|level| level.losses as usize)
        else {
            return;
        };
        let row = &mut self.losses.rows[at];
        let answer = row.bounds.answer;
        let until = match (row.bounds.resume, kind) {
            (LossResume::NextDay, LossKind::Day) => day_end,
            _ => Nanos::MAX,
        };
        row.halted = Some(Halt {
            kind,
            limit,
            value,
            time,
            until,
            cancel_through: match answer {
                LossAnswer::Refuse => 0,
                LossAnswer::Cancel | LossAnswer::Flatten => serial,
            },
        });
        self.losses.halted_count += 1;
        self.losses.halts += 1;
        if let Some(level) = self.exposure.level_of_mut(whose) {
            level.is_halted = true;
        }
        if answer != LossAnswer::Refuse {
            self.start_sweep();
        }
        if answer == LossAnswer::Flatten {
            self.flatten(whose);
        }
    }

    /// True where somebody counts in a level.
    pub(super) fn is_in(&self, whose: Whose, who: Who) -> bool {
        let target = whose.target();
        match Scope::from_byte(whose.scope()) {
            Some(Scope::Firm) => true,
            Some(Scope::Account) => who.0.0 == target,
            Some(Scope::Strategy) => who.1.0 == target,
            Some(Scope::Symbol) => who.2.0 == target,
            _ => {
                let mut beside = self.exposure.beside(who.0.0, who.2.0);
                beside.any(|level| level.whose == whose)
            }
        }
    }

    /// True where a level is halted whose positions are closed for it.
    pub(super) fn is_flattened(&self, who: Who) -> bool {
        if self.losses.halted_count == 0 {
            return false;
        }
        let mut rows = self.losses.rows.iter();
        rows.any(|row| {
            let is_flat = row.bounds.answer == LossAnswer::Flatten && row.halted.is_some();
            is_flat && self.is_in(row.whose, who)
        })
    }

    /// True where an order belongs to what was halted, and is to be cancelled for it.
    pub(super) fn is_halted_with_cancel(&self, who: Who, serial: u64) -> bool {
        if self.losses.halted_count == 0 {
            return false;
        }
        let halted = |whose: Whose| {
            let level = self
                .exposure
                .level_of(whose)
                .filter(|level| level.is_halted);
            let row = level.and_then(|level| self.losses.rows.get(level.losses as usize));
            let halt = row.and_then(|row| row.halted);
            halt.is_some_and(|halt| serial <= halt.cancel_through)
        };
        let mut beside = self.exposure.beside(who.0.0, who.2.0);
        halted(Whose::FIRM)
            || halted(Whose::new(Scope::Account, who.0.0))
            || halted(Whose::new(Scope::Strategy, who.1.0))
            || halted(Whose::new(Scope::Symbol, who.2.0))
            || beside.any(|level| halted(level.whose))
    }

    /// True where persons have a halt to raise here.
    pub(super) fn is_halted(&self, scope: Scope, target: u32) -> bool {
        let level = self.exposure.level_of(Whose::new(scope, target));
        level.is_some_and(|level| level.is_halted)
    }

    /// Trading goes on: what was lost counts from here.
    pub(super) fn resume(&mut self, scope: Scope, target: u32) {
        let Some(level) = self.exposure.level_of_mut(Whose::new(scope, target)) else {
            return;
        };
        if !level.is_halted {
            return;
        }
        level.is_halted = false;
        level.restart_profit();
        let (at, profit) = (level.losses as usize, level.profit);
        let row = &mut self.losses.rows[at];
        row.halted = None;
        if let Some(rolling) = &mut row.rolling {
            **rolling = Rolling::new(profit);
        }
        self.losses.halted_count -= 1;
    }

    /// Another trading day: halts that were for the last one end. What was lost since the highest profit, or
    /// within a window, is lost as before.
    pub(super) fn roll_losses(&mut self, now: Nanos) {
        for at in 0..self.losses.rows.len() {
            let row = &mut self.losses.rows[at];
            if row.halted.is_none_or(|halt| now < halt.until) {
                continue;
            }
            let whose = row.whose;
            row.halted = None;
            self.losses.halted_count -= 1;
            if let Some(level) = self.exposure.level_of_mut(whose) {
                level.is_halted = false;
            }
            self.look_at_loss(whose);
        }
    }
}

/// True for a limit on what may be lost.
pub(super) const fn is_loss(key: LimitKey) -> bool {
    matches!(
        key,
        LimitKey::DayLoss | LimitKey::Drawdown | LimitKey::RollingLoss
    )
}
