//! Margins: what each control would find on an order, and how far that is from its limit.
//!
//! Pure. Cold: who explains a decision asks here, with the core as it was before. The numbers are those
//! of the very checks that decide; only windows against duplicates, which looking at would change, are
//! left out.

use super::check::{Sink, Terms, Valuation};
use super::core::Core;
use super::level::Whose;
use crate::message::{Header, NewOrder, OrderType, Scope, Side};
use crate::reject::{RejectReason, Unit};

/// What one control found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Margin {
    /// Why it would refuse, or has.
    pub reason: RejectReason,
    /// Whose limit it is, where it is one level's: its place in the configuration.
    pub whose: Option<(Scope, u32)>,
    /// In the unit of the reason.
    pub limit: i128,
    /// In the unit of the reason.
    pub value: i128,
    /// It refuses.
    pub is_breached: bool,
}

#[derive(Default)]
struct Margins(Vec<Margin>);

impl Sink for Margins {
    fn check_of(
        &mut self,
        whose: Whose,
        reason: RejectReason,
        breached: bool,
        told: impl FnOnce() -> (i128, i128),
    ) {
        let (limit, value) = told();
        if breached || reason.unit() != Unit::None && is_limit(reason, limit) {
            self.0.push(Margin {
                reason,
                whose: Scope::from_byte(whose.scope()).map(|scope| (scope, whose.target())),
                limit,
                value,
                is_breached: breached,
            });
        }
    }

    fn wants_all(&self) -> bool {
        true
    }

    fn passed(&mut self, whose: Whose, reason: RejectReason, told: impl FnOnce() -> (i128, i128)) {
        self.check_of(whose, reason, false, told);
    }
}

/// The widest number of a type stands for a limit that is off. What is a property of the symbol and
/// no limit of anybody's is not told either.
fn is_limit(reason: RejectReason, limit: i128) -> bool {
    let is_off = [u64::MAX.into(), i64::MAX.into(), u32::MAX.into(), i128::MAX].contains(&limit);
    let is_term = matches!(
        reason,
        RejectReason::PriceNotAllowed
            | RejectReason::PriceOffTick
            | RejectReason::QtyZero
            | RejectReason::QtyOffLot
            | RejectReason::OrdersFull
            | RejectReason::PositionsFull
            | RejectReason::ClientOrderIdsFull
    );
    let is_no_floor = reason == RejectReason::QtyBelowMin && limit == 0;
    !(is_off || is_term || is_no_floor)
}

impl Core {
    /// What each armed control would find on a new order at its time, in the order of the checks. Time
    /// goes on to then.
    pub fn margins(&mut self, header: &Header, order: &NewOrder) -> Vec<Margin> {
        self.advance(header.time);
        let mut margins = Margins::default();
        let who = (order.account, header.strategy, order.symbol);
        self.note_stops(&mut margins, header.flags, who);
        let side = Side::from_byte(order.side);
        let order_type = OrderType::from_byte(order.order_type);
        if let (Some(route), Some(_), Some(_)) = (self.work_out(who), side, order_type) {
            let (of_type, of_time) = (order.order_type, order.time_in_force);
            self.check_phase(&mut margins, order.symbol, of_type, of_time);
            self.check_stages(&mut margins, who);
            let terms = Terms::of_new(header.strategy, order);
            if self.check_terms(&mut margins, &terms) {
                let mut worth = Valuation::default();
                let now = self.now;
                let is_valued = self.check_limits(&mut margins, &terms, &route, now, &mut worth);
                if is_valued && route.has_tail {
                    let exposure = &mut self.exposure;
                    exposure.check_tail(&mut margins, &terms, &route.books, &mut worth);
                }
                if is_valued {
                    self.check_own(&mut margins, &terms, route.own_book);
                }
            }
        }
        // The narrowest of a control that several levels have is told first.
        let mut margins = margins.0;
        margins.sort_by_key(|margin| (margin.reason, (margin.limit - margin.value).abs()));
        margins
    }
}
