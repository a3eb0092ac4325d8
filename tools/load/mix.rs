//! Mix: which command is next, and its bytes.
//!
//! Hot path: an order is a copy of a template with its id, side and price.

use portcullis::broker::exchange::Chance;
use portcullis::message::{Cancel, NewOrder, OrderType, Side, Text, TimeInForce};
use portcullis::units::{AccountId, Price, Qty, SymbolId};

/// What is sent, and how often.
#[derive(Clone, Copy, Debug)]
pub(super) struct MixOptions {
    /// Of a million commands: orders that the gate must refuse.
    pub(super) refused_per_million: u32,
    /// Their quantity; zero is refused by every gate.
    pub(super) refused_qty: Qty,
    /// Of a million commands: cancels of orders that stand.
    pub(super) cancels_per_million: u32,
    /// The best price of those who buy.
    pub(super) price: Price,
    /// Prices are up to so many ticks away from the best of their side.
    pub(super) depth_ticks: u32,
    /// Whether those who sell do so at the price too, or a tick above: then no two orders meet.
    pub(super) is_crossing: bool,
    /// Of orders that are meant to be accepted.
    pub(super) qty: Qty,
    /// How long they stand.
    pub(super) time_in_force: TimeInForce,
}

/// What a command is meant to be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Class {
    /// An order that should be accepted.
    Order = 0,
    /// An order that should be refused.
    Refused = 1,
    /// A cancel.
    Cancel = 2,
}

/// What a session may trade.
#[derive(Clone, Debug)]
pub(super) struct Market {
    pub(super) account: AccountId,
    /// Each with its tick.
    pub(super) symbols: Vec<(SymbolId, Price)>,
}

/// Draws commands.
#[derive(Debug)]
pub(super) struct Mix {
    options: MixOptions,
    chance: Chance,
}

impl Mix {
    pub(super) fn new(options: MixOptions, seed: u64) -> Self {
        Self {
            options,
            chance: Chance::new(seed),
        }
    }

    /// What the next command is meant to be. Where nothing stands, there is nothing to cancel.
    #[inline]
    pub(super) fn class(&mut self, can_cancel: bool) -> Class {
        let draw = self.chance.up_to(999_999) as u32;
        let refused = self.options.refused_per_million;
        if draw < refused {
            Class::Refused
        } else if can_cancel && draw < refused + self.options.cancels_per_million {
            Class::Cancel
        } else {
            Class::Order
        }
    }

    /// The order of this number.
    #[inline]
    pub(super) fn order(
        &mut self,
        class: Class,
        number: u64,
        id: Text,
        market: &Market,
    ) -> NewOrder {
        let at = number as usize % market.symbols.len();
        let (symbol, tick) = market.symbols[at];
        // Both sides of each symbol in turn: positions stay near zero.
        let side = match number / market.symbols.len() as u64 % 2 {
            0 => Side::Buy,
            _ => Side::Sell,
        };
        let depth = self.chance.up_to(u64::from(self.options.depth_ticks)) as i64;
        let ticks = match (side, self.options.is_crossing) {
            (Side::Buy, _) => -depth,
            (Side::Sell, true) => depth,
            (Side::Sell, false) => depth + 1,
        };
        let price = ticks.saturating_mul(tick.raw());
        let price = self.options.price.raw().saturating_add(price);
        NewOrder {
            price: Price::from_raw(price),
            qty: match class {
                Class::Refused => self.options.refused_qty,
                _ => self.options.qty,
            },
            account: market.account,
            symbol,
            client_order_id: id,
            side: side as u8,
            order_type: OrderType::Limit as u8,
            time_in_force: self.options.time_in_force as u8,
            ..NewOrder::default()
        }
    }

    /// The cancel of an order of this run.
    #[inline]
    pub(super) fn cancel(&self, id: Text, original: Text, market: &Market) -> Cancel {
        Cancel {
            client_order_id: id,
            original_id: original,
            account: market.account,
            ..Cancel::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Ids;

    #[test]
    fn shares_are_met_and_orders_are_on_the_tick_and_balanced() {
        let options = MixOptions {
            refused_per_million: 100_000,
            refused_qty: Qty::ZERO,
            cancels_per_million: 250_000,
            price: Price::parse("10").unwrap(),
            depth_ticks: 3,
            is_crossing: false,
            qty: Qty::parse("2").unwrap(),
            time_in_force: TimeInForce::Day,
        };
        let tick = Price::parse("0.01").unwrap();
        let market = Market {
            account: AccountId(1),
            symbols: vec![(SymbolId(4), tick), (SymbolId(5), tick)],
        };
        let (mut mix, ids) = (Mix::new(options, 1), Ids::new(1));
        let mut counts = [0u64; 3];
        let mut position = [0i64; 2];
        for number in 0..40_000 {
            let class = mix.class(true);
            counts[class as usize] += 1;
            let order = mix.order(class, number, ids.text(number), &market);
            assert_eq!(order.price.raw() % tick.raw(), 0);
            let ticks = (order.price.raw() - options.price.raw()) / tick.raw();
            let is_buy = order.side == Side::Buy as u8;
            assert!(if is_buy { -3..=0 } else { 1..=4 }.contains(&ticks));
            assert_eq!(order.qty == Qty::ZERO, class == Class::Refused);
            position[number as usize % 2] += if order.side == Side::Buy as u8 { 1 } else { -1 };
        }
        for (count, expected) in counts.iter().zip([26_000u64, 4_000, 10_000]) {
            assert!(count.abs_diff(expected) < 500, "{counts:?}");
        }
        assert_eq!(position, [0, 0]);
        assert!((0..1_000).all(|_| mix.class(false) != Class::Cancel));
    }
}
