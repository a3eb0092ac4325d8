//! Sizing: an order that is too large is cut to what the limits allow.

use super::Model;
use super::checks::Findings;
use super::commands::who;
use super::parents::Child;
use portcullis::message::{Header, NewOrder, OrderType, SaleMark, Side};
use portcullis::reject::RejectReason::{self, *};

/// What a smaller quantity may pass.
const OF_QUANTITY: [RejectReason; 14] = [
    QtyAboveSymbolMax,
    QtyAboveMax,
    NotionalAboveMax,
    OpenNotionalAboveMax,
    PositionQtyAboveMax,
    PositionValueAboveMax,
    GrossExposureAboveMax,
    NetExposureAboveMax,
    ExposureOverflow,
    DayQtyAboveMax,
    DayValueAboveMax,
    LocateAboveMax,
    FundsAboveMax,
    ParentQtyAboveMax,
];

/// So many lots are all tried, to find what passes; of more, by halving.
const LOTS_TRIED_MAX: u64 = 200;

/// An order that passes, cut.
pub(super) struct Cut {
    pub(super) qty: u64,
    pub(super) value_price: u64,
    pub(super) covered: u64,
}

impl Model {
    /// What an order that fails is cut to, where it may be and something passes.
    pub(super) fn cut(&self, failed: &Findings, header: &Header, order: &NewOrder) -> Option<Cut> {
        let is_asked = self.setup.accounts[order.account.0 as usize].cuts_orders;
        let is_of_quantity =
            |failed: &[RejectReason]| failed.iter().all(|reason| OF_QUANTITY.contains(reason));
        if !is_asked || !is_of_quantity(&failed.failed()) {
            return None;
        }
        let lot = self.setup.symbols[order.symbol.0 as usize].lot.raw();
        let lots = order.qty.raw() / lot;
        let fits = |lots: &u64| {
            let (findings, _) = self.try_qty(header, order, lots * lot);
            let failed = findings.failed();
            !failed.iter().any(|reason| OF_QUANTITY.contains(reason))
        };
        let largest = match lots <= LOTS_TRIED_MAX {
            true => (1..=lots).rev().find(fits)?,
            false => {
                let (mut passes, mut fails) = (0, lots + 1);
                while passes + 1 < fails {
                    let middle = passes.midpoint(fails);
                    match fits(&middle) {
                        true => passes = middle,
                        false => fails = middle,
                    }
                }
                passes
            }
        };
        let (findings, cut) = self.try_qty(header, order, largest * lot);
        cut.filter(|_| findings.is_empty())
    }

    /// What an order of such a quantity would fail.
    fn try_qty(&self, header: &Header, order: &NewOrder, qty: u64) -> (Findings, Option<Cut>) {
        let mut findings = Findings::default();
        let (who, side) = (who(header, order), Side::from_byte(order.side).unwrap());
        let is_market = order.order_type == OrderType::Market as u8;
        let slippage = self.setup.symbols[who.symbol as usize].slippage;
        self.check_qty(&mut findings, who, qty);
        if findings.has(QtyZero) {
            return (findings, None);
        }
        let price = order.price.raw();
        let valuation = self.check_value(&mut findings, who, is_market, price, qty, slippage);
        if valuation.is_some() {
            self.check_parent(&mut findings, Child::of(order, side), qty);
        }
        let cut = valuation.map(|valuation| {
            let terms = (side, SaleMark::from_byte(order.mark));
            Cut {
                qty,
                value_price: valuation.value_price,
                covered: self.check_added(&mut findings, who, terms, &valuation, qty),
            }
        });
        (findings, cut)
    }
}
