//! Sizing: an order that is too large is cut to what the limits allow, where its account asks for that.
//!
//! Pure. Cold: only an order that would be refused comes here, and each is cut at most once.
//!
//! What the limits on quantities and sums allow falls as the quantity grows, so that the largest quantity
//! that passes is found by halving, with the very checks that decide. An order cut so counts with the
//! slippage that its symbol is expected to have, is whole lots, and never more than was asked for. Limits
//! on tails do not fall so evenly: what fails one of them is not cut.

use super::check::{Findings, Terms, Valuation};
use super::core::Core;
use crate::reject::{Failed, RejectReason as Reason};
use crate::units::Qty;

/// The controls that a smaller quantity can pass.
fn of_quantity() -> Failed {
    let mut reasons = Failed::NONE;
    for reason in [
        Reason::QtyAboveSymbolMax,
        Reason::QtyAboveMax,
        Reason::NotionalAboveMax,
        Reason::OpenNotionalAboveMax,
        Reason::PositionQtyAboveMax,
        Reason::PositionValueAboveMax,
        Reason::GrossExposureAboveMax,
        Reason::ExposureOverflow,
        Reason::NetExposureAboveMax,
        Reason::DayQtyAboveMax,
        Reason::DayValueAboveMax,
        Reason::LocateAboveMax,
        Reason::FundsAboveMax,
        Reason::ParentQtyAboveMax,
    ] {
        reasons.note(reason, true);
    }
    reasons
}

impl Core {
    /// The terms that an order passes on, cut to what its limits allow; `None` where it cannot be cut so
    /// that it passes. `failed` is what it fails as it is.
    #[cold]
    pub(super) fn cut(
        &mut self,
        terms: &Terms,
        route_at: usize,
        failed: Failed,
    ) -> Option<(Terms, Valuation)> {
        let of_quantity = of_quantity();
        let is_asked = self.accounts[terms.account.0 as usize].cuts_orders;
        #[cfg(feature = "mutations")]
        let is_asked = is_asked && !super::check::switched_off(Reason::OrderCut);
        if !is_asked || !failed.is_within(of_quantity) {
            return None;
        }
        let symbol = &self.symbols[terms.symbol.0 as usize];
        let (lot, slippage) = (symbol.lot.get(), symbol.slippage);
        let with = |lots: u64| Terms {
            qty: Qty::from_raw(lots * lot),
            slippage,
            ..*terms
        };
        // So many lots pass, and so many do not.
        let mut valuation = Valuation::default();
        let (mut passes, mut fails) = (0, terms.qty.raw() / lot + 1);
        while 1 < fails - passes {
            let lots = passes + (fails - passes) / 2;
            let (failed, _) = self.try_terms(&with(lots), route_at, &mut valuation);
            match failed.meets(of_quantity) {
                true => fails = lots,
                false => passes = lots,
            }
        }
        let cut = with(passes);
        let (failed, is_valued) = self.try_terms(&cut, route_at, &mut valuation);
        (is_valued && passes != 0 && failed.is_empty()).then_some((cut, valuation))
    }

    /// What an order would fail on such terms, and whether it is worth something that is known.
    fn try_terms(
        &mut self,
        terms: &Terms,
        route_at: usize,
        valuation: &mut Valuation,
    ) -> (Failed, bool) {
        let mut found = Findings::NONE;
        let has_qty = self.check_terms(&mut found, terms);
        let route = self.routes.row(route_at);
        let is_valued = has_qty && self.check_limits(&mut found, terms, route, self.now, valuation);
        if is_valued && route.has_tail {
            let exposure = &mut self.exposure;
            exposure.check_tail(&mut found, terms, &route.books, valuation);
        }
        (found.failed, is_valued)
    }
}
