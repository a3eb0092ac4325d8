//! Standing: what an answer to a question says of an order, booked.
//!
//! Pure.
//!
//! Invariants:
//! - What the broker has not had, and what left before the question, will never arrive.
//! - A broker that works on nothing has done with every request that it has had.
//! - Until it is known which terms stand, the order counts at the worse of both.

use super::core::Core;
use super::decision::Outcome;
use super::questions::Spoken;
use super::report::{Fill, filled_how};
use crate::message::{OrderState, Side};
use crate::units::{Money, Notional, Price, Qty};

/// What is known of an order from a question.
pub(super) struct Standing {
    pub(super) filled: Qty,
    /// Of what was not reported.
    pub(super) price: Price,
    pub(super) fee: Money,
    pub(super) leaves: Qty,
    pub(super) state: u8,
    pub(super) request: u32,
    pub(super) spoken: Spoken,
}

impl Core {
    /// The order stands so at the broker, whose last request about it is `request`. A later one will
    /// never arrive if the answer speaks of it; otherwise it is on its way, and the doubt stays.
    pub(super) fn stands(&mut self, slot: u32, standing: &Standing) -> Option<Outcome> {
        let order = self.orders.get(slot);
        let (is_live, request) = (order.is_live(), order.request);
        if standing.filled < order.filled || Qty::MAX < standing.filled {
            return None;
        }
        let missed = standing.filled.saturating_sub(order.filled);
        let fill = Fill {
            qty: missed,
            price: standing.price,
            fee: standing.fee,
            is_maker: false,
        };
        let mut outcome = match missed {
            Qty::ZERO => Outcome::Applied,
            _ => filled_how(order, missed),
        };
        if !is_live {
            if missed != Qty::ZERO {
                self.fill(slot, fill);
            }
            return Some(outcome);
        }
        if Qty::MAX < standing.leaves {
            return None;
        }
        // The order must not end while what the broker says of it is still being booked.
        let replaced_by = self.orders.requests(slot).replacement.request;
        let order = self.orders.get_mut(slot);
        order.is_acknowledged = true;
        let spoken = standing.spoken;
        if spoken.of_cancel && standing.request < request {
            order.is_cancel_pending = false;
        }
        // The request that the broker has not seen may be a cancel behind the replace.
        if spoken.of_replace && standing.request < replaced_by {
            order.is_replace_pending = false;
        }
        let is_open = order.is_cancel_pending && !spoken.of_cancel
            || order.is_replace_pending && !spoken.of_replace;
        let state = OrderState::from_byte(standing.state);
        let end = state.filter(|state| {
            use OrderState::{Cancelled, Expired, Filled, Rejected};
            matches!(state, Filled | Cancelled | Rejected | Expired)
        });
        let works_on_nothing =
            matches!(state, Some(OrderState::Open | OrderState::PartiallyFilled));
        if !is_open {
            self.clear_doubt(slot);
        }
        if missed != Qty::ZERO {
            self.counts.fills += 1;
            self.orders.get_mut(slot).filled = standing.filled;
        }
        self.rebook(slot, fill, 0);
        if let Some(end) = end {
            self.close(slot, end);
            return Some(outcome);
        }
        if works_on_nothing && spoken.of_replace {
            self.end_replace(slot, standing.leaves);
        }
        let is_replace_pending = self.orders.get(slot).is_replace_pending;
        if !is_replace_pending {
            if self.orders.get(slot).leaves() < standing.leaves {
                outcome = Outcome::Implausible;
            }
            if self.may_stand(slot, standing.leaves) {
                let order = self.orders.get_mut(slot);
                order.qty = order.filled.saturating_add(standing.leaves);
            }
        }
        self.close_if_done(slot, OrderState::Filled);
        Some(outcome)
    }

    /// The broker will answer the replace no more: it works on nothing and has what was sent behind it,
    /// a cancel perhaps. Where not just what the old terms leave stands, nobody knows the terms: until
    /// others are agreed the order counts at the higher price, and stands at the one that trades sooner.
    fn end_replace(&mut self, slot: u32, leaves: Qty) {
        let new = self.orders.requests(slot).replacement;
        let order = self.orders.get(slot);
        if !order.is_replace_pending {
            return;
        }
        let new_leaves = new.qty.saturating_sub(order.filled);
        let is_lost = leaves == order.leaves() && leaves != new_leaves;
        let worse = order.value_price.max(new.price);
        if !is_lost && !self.is_narrow(slot, leaves, worse) {
            return;
        }
        let order = self.orders.get_mut(slot);
        order.is_replace_pending = false;
        if !is_lost {
            order.qty = order.qty.max(new.qty);
            order.value_price = worse;
            order.price = match order.side {
                Side::Buy => order.price.max(new.limit),
                Side::Sell => order.price.min(new.limit),
            };
        }
    }

    /// True where every sum still fits if so much of the order stands. A broker that says more than
    /// we know of is believed within that: it is at risk.
    pub(super) fn may_stand(&self, slot: u32, leaves: Qty) -> bool {
        let order = self.orders.get(slot);
        leaves <= order.leaves()
            || leaves <= Qty::MAX && self.is_narrow(slot, leaves, order.value_price)
    }

    fn is_narrow(&self, slot: u32, leaves: Qty, value_price: Price) -> bool {
        let order = self.orders.get(slot);
        let Ok(more) = i64::try_from(leaves.saturating_sub(order.reserved).raw()) else {
            return false;
        };
        let cells = [
            self.exposure.symbol_cell(order.symbol.0),
            self.exposure.cell(order.account_cell),
            self.exposure.cell(order.strategy_cell),
        ];
        value_price.notional(leaves) <= Notional::EXPOSURE_MAX
            && cells
                .iter()
                .all(|cell| cell.worst(order.side, more).is_some())
    }
}
