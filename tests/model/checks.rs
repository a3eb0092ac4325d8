//! Checks: every control that looks at one order alone, in its group.

use super::answer::Cell;
use super::exposure::worst;
use super::order::{Level, Who, unsigned, value_of};
use super::{Good, Model};
use portcullis::message::{Header, LinkState, OrderType, Scope, Side, Text, TimeInForce, flags};
use portcullis::reject::RejectReason::{self, *};
use portcullis::risk::setup::ReferenceKind;
use portcullis::units::{Qty, SymbolId};

/// One control that failed.
pub(super) struct Finding {
    /// Whose limit it was, where it was one level's.
    level: Option<Level>,
    reason: RejectReason,
    limit: i128,
    value: i128,
}

/// All that one command failed, in the order in which it was found.
#[derive(Default)]
pub(super) struct Findings(Vec<Finding>);

impl Findings {
    pub(super) fn fact(&mut self, reason: RejectReason, is_breached: bool) {
        self.bound(reason, is_breached, 0, 0);
    }

    /// A breach of a bound.
    pub(super) fn bound(
        &mut self,
        reason: RejectReason,
        is_breached: bool,
        limit: impl Into<i128>,
        value: impl Into<i128>,
    ) {
        if is_breached {
            self.0.push(Finding {
                level: None,
                reason,
                limit: limit.into(),
                value: value.into(),
            });
        }
    }

    /// A breach of a level's limit.
    pub(super) fn limit(&mut self, level: Level, reason: RejectReason, limit: i128, value: i128) {
        self.0.push(Finding {
            level: Some(level),
            reason,
            limit,
            value,
        });
    }

    pub(super) fn has(&self, reason: RejectReason) -> bool {
        self.0.iter().any(|finding| finding.reason == reason)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Every reason once, lowest number first.
    pub(super) fn failed(&self) -> Vec<RejectReason> {
        let mut failed: Vec<_> = self.0.iter().map(|finding| finding.reason).collect();
        failed.sort();
        failed.dedup();
        failed
    }

    /// Of the reason with the lowest number, what was found first: limit and value, and whose.
    pub(super) fn told(&self) -> Option<(RejectReason, i128, i128, Option<Level>)> {
        let told = self.0.iter().min_by_key(|finding| finding.reason)?;
        Some((told.reason, told.limit, told.value, told.level))
    }
}

/// What one order is worth, and the price that it is measured by.
pub(super) struct Valuation {
    pub(crate) value_price: u64,
    pub(crate) notional: u128,
    /// `None` where there is none, or none that may be used.
    pub(crate) fresh: Option<Good>,
}

impl Model {
    /// Group 1: may anything pass, and may these three do business. `None` where one of them is
    /// not known, so that nothing more can be said.
    pub(super) fn check_permission(
        &self,
        findings: &mut Findings,
        header: &Header,
        is_reserved_zero: bool,
        passthrough_size: u16,
        continuation_count: usize,
        who: Who,
    ) -> Option<()> {
        let flag = |bit| header.flags & bit != 0;
        findings.fact(GateNotReady, flag(flags::NOT_READY));
        findings.fact(JournalFull, flag(flags::JOURNAL_FULL));
        findings.fact(JournalFailed, flag(flags::JOURNAL_FAILED));
        findings.fact(GateBusy, flag(flags::BUSY));
        let max = self.setup.capacity.continuation_frames_max;
        let needed = usize::from(passthrough_size).div_ceil(128);
        findings.bound(
            ContinuationsAboveMax,
            needed > usize::from(max)
                || header.continuation_count > max
                || continuation_count != needed,
            max,
            needed as u32,
        );
        findings.fact(ReservedBitSet, !is_reserved_zero || flag(!flags::ALL));

        findings.fact(FirmKilled, self.is_killed(Level::FIRM));

        let account = self.setup.accounts.get(who.account as usize);
        findings.fact(AccountUnknown, account.is_none());
        if let Some(account) = account {
            findings.fact(AccountDisabled, !account.enabled);
            findings.fact(
                AccountKilled,
                self.is_killed(Level::new(Scope::Account, who.account as usize)),
            );
            findings.fact(LimitsAbsent, !account.has_limits);
        }
        let strategy = self.setup.strategies.get(who.strategy as usize);
        findings.fact(StrategyUnknown, strategy.is_none());
        if let Some(strategy) = strategy {
            findings.fact(StrategyDisabled, !strategy.enabled);
            findings.fact(
                StrategyKilled,
                self.is_killed(Level::new(Scope::Strategy, who.strategy as usize)),
            );
            let permits = strategy.accounts.iter().any(|id| id.0 == who.account);
            findings.fact(AccountNotPermitted, account.is_some() && !permits);
            if let Some(max) = strategy.orders_unattended_max {
                let sent = self.orders_unattended[who.strategy as usize];
                findings.bound(StrategyUnattended, sent >= u64::from(max), max, sent + 1);
            }
        }
        let symbol = self.setup.symbols.get(who.symbol as usize);
        findings.fact(SymbolUnknown, symbol.is_none());
        if let Some(symbol) = symbol {
            findings.fact(SymbolDisabled, !symbol.enabled);
            let level = Level::new(Scope::Symbol, who.symbol as usize);
            findings.fact(SymbolKilled, self.is_killed(level));
            let link = self.links[symbol.broker.0 as usize];
            findings.fact(BrokerLinkDown, link == LinkState::Down);
            findings.fact(BreakerOpen, link == LinkState::BreakerOpen);
            let is_in = |list: &[SymbolId]| list.iter().any(|id| id.0 == who.symbol);
            let is_restricted = account.is_some_and(|account| is_in(&account.restricted))
                || strategy.is_some_and(|strategy| is_in(&strategy.restricted));
            findings.fact(SymbolRestricted, is_restricted);
            findings.fact(MarketClosed, self.is_closed(who.symbol));
        }
        if let (Some(account), true) = (account, symbol.is_some()) {
            if let Some(desk) = account.desk {
                let level = Level::new(Scope::Desk, desk.0 as usize);
                findings.fact(DeskDisabled, !self.setup.desks[desk.0 as usize].enabled);
                findings.fact(DeskKilled, self.is_killed(level));
            }
            for (at, group) in self.setup.groups.iter().enumerate() {
                if group.symbols.contains(&SymbolId(who.symbol)) {
                    findings.fact(GroupDisabled, !group.enabled);
                    findings.fact(GroupKilled, self.is_killed(Level::new(Scope::Group, at)));
                }
            }
        }
        let is_known = account.is_some() && strategy.is_some() && symbol.is_some();
        if is_known {
            self.check_stages(findings, who);
        }
        is_known.then_some(())
    }

    /// Group 2: the new id.
    pub(super) fn check_id(&self, findings: &mut Findings, account: u32, id: Text) {
        if !id.is_id() || id.as_str().starts_with("exit-") {
            findings.fact(ClientOrderIdInvalid, true);
        } else {
            let is_used = |known: &super::RememberedId| {
                known.account == account && known.client_order_id == id
            };
            findings.fact(ClientOrderIdDuplicate, self.ids.iter().any(is_used));
        }
    }

    /// Group 2: what the symbol's venue takes.
    pub(super) fn check_order_type(
        &self,
        findings: &mut Findings,
        who: Who,
        order_type: u8,
        time_in_force: u8,
    ) {
        let symbol = &self.setup.symbols[who.symbol as usize];
        match OrderType::from_byte(order_type) {
            None => findings.fact(OrderTypeInvalid, true),
            Some(known) => {
                findings.fact(OrderTypeNotPermitted, !symbol.order_types.contains(&known))
            }
        }
        match TimeInForce::from_byte(time_in_force) {
            None => findings.fact(TimeInForceInvalid, true),
            Some(known) => findings.fact(
                TimeInForceNotPermitted,
                !symbol.times_in_force.contains(&known),
            ),
        }
        self.check_phase(findings, who, order_type, time_in_force);
    }

    /// Group 2: the price of a limit order.
    pub(super) fn check_price(&self, findings: &mut Findings, who: Who, price: i64) {
        let symbol = &self.setup.symbols[who.symbol as usize];
        let tick = symbol.tick.raw();
        findings.bound(PriceOffTick, price % tick != 0, tick, price);
        // Where nothing is said, a price is at least one tick.
        let min = symbol.price_min.map_or(tick, |min| min.raw());
        findings.bound(PriceBelowMin, price < min, min, price);
        if let Some(max) = symbol.price_max {
            findings.bound(PriceAboveMax, price > max.raw(), max.raw(), price);
        }
    }

    /// Group 2: the quantity.
    pub(super) fn check_qty(&self, findings: &mut Findings, who: Who, qty: u64) {
        let symbol = &self.setup.symbols[who.symbol as usize];
        let (lot, widest) = (symbol.lot.raw(), Qty::MAX.raw());
        findings.bound(QtyZero, qty == 0, lot, qty);
        findings.bound(QtyZero, qty > widest, widest, qty);
        findings.bound(QtyOffLot, !qty.is_multiple_of(lot), lot, qty);
        if let Some(min) = symbol.qty_min {
            findings.bound(QtyBelowMin, qty < min.raw(), min.raw(), qty);
        }
        if let Some(max) = symbol.qty_max {
            findings.bound(QtyAboveSymbolMax, qty > max.raw(), max.raw(), qty);
        }
    }

    /// Group 3: what the order is worth, against the limits on one order. `None` where it cannot
    /// be valued.
    pub(super) fn check_value(
        &self,
        findings: &mut Findings,
        who: Who,
        is_market: bool,
        price: i64,
        qty: u64,
        slippage: u64,
    ) -> Option<Valuation> {
        let tightest_collar = self.tightest(who, |limits| limits.price_collar);
        let collar = tightest_collar.map(|(collar, _)| collar);
        let is_valued = self.path(who).into_iter().any(|level| {
            let limits = self.limits(level);
            limits.position_value_max.is_some()
                || limits.gross_exposure_max.is_some()
                || limits.net_exposure_max.is_some()
        });
        let is_moving = self.setup.symbols[who.symbol as usize].move_max.is_some();
        let is_valued = is_valued || self.has_tail(who);
        let needs_reference = is_market || collar.is_some() || is_valued || is_moving;
        let mut unfit = Findings::default();
        let fresh = self.check_reference(&mut unfit, who);
        if needs_reference {
            findings.0.extend(unfit.0);
        }
        if is_market && fresh.is_none() {
            return None;
        }

        let unit = match fresh {
            Some(good) if is_market => market_price(good, collar.unwrap_or(0)),
            _ => unsigned(price),
        };
        let multiplier = self.setup.symbols[who.symbol as usize].multiplier;
        if !self.has_rate(who.symbol) {
            findings.fact(CurrencyRateUnknown, true);
            return None;
        }
        let is_inverse = self.setup.symbols[who.symbol as usize].is_inverse;
        let Some(value_price) = value_of(unit, multiplier, is_inverse) else {
            findings.fact(ExposureOverflow, true);
            return None;
        };
        let worse = u128::from(value_price) * (WHOLE as u128 + u128::from(slippage));
        let worse = worse.div_ceil(WHOLE as u128);
        if worse > i64::MAX as u128 {
            findings.fact(ExposureOverflow, true);
            return None;
        }
        let value_price = worse as u64;
        let notional = u128::from(value_price) * u128::from(qty);
        if let Some((max, level)) = self.tightest(who, |limits| limits.order_qty_max)
            && qty > max.raw()
        {
            findings.limit(level, QtyAboveMax, max.raw().into(), qty.into());
        }
        if let Some((max, level)) = self.tightest(who, |limits| limits.order_notional_max)
            && notional > max.raw()
        {
            findings.limit(level, NotionalAboveMax, wide(max.raw()), wide(notional));
        }
        if let (false, Some((collar, level)), Some(good)) = (is_market, tightest_collar, fresh)
            && let Some(bound) = outside_collar(price, good.sum, collar)
        {
            findings.limit(level, PriceOutsideCollar, bound, price.into());
        }
        if let Some(good) = fresh
            && let Some((may, has)) = self.moved(who.symbol, good.sum)
        {
            findings.bound(ReferenceMoved, true, may, has);
        }
        Some(Valuation {
            value_price,
            notional,
            fresh,
        })
    }

    /// How far the reference may move within the window and how far it has, where that is too far.
    /// Time is divided into eighths of the window; this one counts, and the eight before it.
    pub(super) fn moved(&self, symbol: u32, sum: i128) -> Option<(i128, i128)> {
        let history = self.histories[symbol as usize].iter();
        let symbol = &self.setup.symbols[symbol as usize];
        let max = i128::from(symbol.move_max?);
        let eighth = symbol.move_window.raw().div_ceil(8).max(1);
        let counts = |time: u64| self.now / eighth <= time / eighth + 8;
        let sums: Vec<i128> = history
            .filter(|(_, time)| counts(*time))
            .map(|(sum, _)| *sum)
            .chain([sum])
            .collect();
        [sums.iter().max()?, sums.iter().min()?]
            .into_iter()
            .find(|from| (sum - **from).abs() * WHOLE > max * from.abs())
            .map(|from| (max * from.abs() / (2 * WHOLE), ((sum - from).abs() + 1) / 2))
    }

    /// Group 3: an order too small to be worth its while, unless it only reduces.
    pub(super) fn check_notional_min(
        &self,
        findings: &mut Findings,
        who: Who,
        side: Side,
        notional: u128,
        more: u64,
    ) {
        let Some(min) = self.setup.symbols[who.symbol as usize].notional_min else {
            return;
        };
        if notional < min.raw() && !self.only_reduces(who, side, more) {
            findings.bound(NotionalBelowMin, true, wide(min.raw()), wide(notional));
        }
    }

    /// Group 3: the firm holds something in a currency that has had no rate yet, and sums of values are limited.
    pub(super) fn check_unrated(&self, findings: &mut Findings, who: Who, side: Side, more: u64) {
        let mut levels = self.path(who).into_iter();
        let is_valued = levels.any(|level| {
            let limits = self.limits(level);
            limits.position_value_max.is_some()
                || limits.gross_exposure_max.is_some()
                || limits.net_exposure_max.is_some()
        });
        let is_unrated = |symbol: u32| {
            let cell = self.symbol_cell(symbol);
            let is_held = worst(&cell, Side::Buy) != 0 || worst(&cell, Side::Sell) != 0;
            is_held && self.has_never_had_a_rate(symbol)
        };
        let mut symbols = 0..self.setup.symbols.len() as u32;
        let is_any = symbols.any(is_unrated);
        let breached = (is_valued || self.has_tail(who)) && is_any;
        if breached && !self.only_reduces(who, side, more) {
            findings.fact(CurrencyRateUnknown, true);
        }
    }

    /// Whether so much more on one side only brings the account's position nearer to zero.
    pub(super) fn only_reduces(&self, who: Who, side: Side, more: u64) -> bool {
        reduces(&self.account_cell(who.account, who.symbol), side, more)
    }

    /// The same at a level: of a strategy, its own position, too.
    pub(super) fn only_reduces_at(&self, level: Level, who: Who, side: Side, more: u64) -> bool {
        let own = self.strategy_cell(who.strategy, who.symbol);
        self.only_reduces(who, side, more)
            && (level.scope != Scope::Strategy || reduces(&own, side, more))
    }

    /// The last good quote, unless it is too old or a later one was not good.
    fn check_reference(&self, findings: &mut Findings, who: Who) -> Option<Good> {
        let kind = self.reference_kind(who.symbol);
        let reference = &self.references[who.symbol as usize][kind as usize];
        let Some(good) = reference.good else {
            findings.fact(ReferenceAbsent, true);
            return None;
        };
        if !reference.is_usable {
            findings.fact(ReferenceUnusable, true);
            return None;
        }
        let age = self.now - good.time;
        if kind == ReferenceKind::Close {
            // It is as old as its day, which ends it.
            return Some(good);
        }
        if let Some((max, level)) = self.tightest(who, |limits| limits.reference_age_max)
            && age > max.raw()
        {
            findings.limit(level, ReferenceStale, max.raw().into(), age.into());
            return None;
        }
        Some(good)
    }
}

/// An amount as a refusal tells it.
pub(super) fn wide(amount: u128) -> i128 {
    i128::try_from(amount).unwrap_or(i128::MAX)
}

/// 10,000 basis points, in 1e-4 of one.
const WHOLE: i128 = 100_000_000;

/// One unit of a market order counts as the worst price at which the collar would let it trade,
/// and never less than the ask.
fn market_price(good: Good, collar: u64) -> u64 {
    let ask = good.ask.unsigned_abs();
    let scaled = good.sum.unsigned_abs() * (WHOLE as u128 + u128::from(collar));
    let at_collar = scaled.div_ceil(2 * WHOLE as u128);
    let value = u128::from(ask).max(at_collar);
    u64::try_from(value)
        .unwrap_or(u64::MAX)
        .min(i64::MAX as u64)
}

/// The price nearest to `price` that the collar would let pass, where `price` is outside.
/// All in twice the price, so that nothing is rounded before the comparison.
fn outside_collar(price: i64, sum: i128, collar: u64) -> Option<i128> {
    let width = i128::from(collar) * sum.abs();
    let distance = (2 * i128::from(price) - sum) * WHOLE;
    if distance > width {
        Some((sum * WHOLE + width).div_euclid(2 * WHOLE))
    } else if distance < -width {
        Some(-(-(sum * WHOLE - width)).div_euclid(2 * WHOLE))
    } else {
        None
    }
}

/// Whether so much more on one side only brings a position nearer to zero.
fn reduces(cell: &Cell, side: Side, more: u64) -> bool {
    let position = i128::from(cell.position);
    let (room, open) = match side {
        Side::Buy => (-position, cell.open_buy),
        Side::Sell => (position, cell.open_sell),
    };
    room > 0 && i128::try_from(open).unwrap() + i128::from(more) <= room
}
