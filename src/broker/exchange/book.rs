//! Book: one symbol's resting orders, by price and then by time, and the market's quote.
//!
//! Pure. The quote stands in front of the orders of its price: who quotes there was there first.
//!
//! Invariants:
//! - No resting buy and no bid with a size reaches a resting sell or an ask with a size.
//! - Each level's sum is that of its orders' leaves, and no level is empty.

use super::options::Liquidity;
use super::order::{Orders, Slot};
use crate::message::{Quote, Side};
use crate::units::{Price, Qty};
use std::collections::BTreeMap;

/// One symbol's book.
#[derive(Debug, Default)]
pub(super) struct Book {
    bids: BTreeMap<Price, Level>,
    asks: BTreeMap<Price, Level>,
    quote_bid: Standing,
    quote_ask: Standing,
}

/// Who stood there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Maker {
    Quote,
    Order(Slot),
}

/// A trade with what stood in the book, at the price that stood.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Fill {
    pub(super) maker: Maker,
    pub(super) price: Price,
    pub(super) qty: Qty,
}

/// The orders of one price, in the order they came.
#[derive(Debug)]
struct Level {
    first: Slot,
    last: Slot,
    /// Wider than a quantity: a sum of many cannot wrap.
    leaves: u128,
}

/// One side of the quote.
#[derive(Clone, Copy, Debug, Default)]
struct Standing {
    price: Price,
    size: Size,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Size {
    #[default]
    None,
    Some(Qty),
    Unlimited,
}

impl Book {
    /// Takes up to `qty` of what stands against `side`, at `limit` or better, best price first.
    /// Resting orders that fill are taken out of the book; their own state is the caller's.
    pub(super) fn take(
        &mut self,
        orders: &mut Orders,
        side: Side,
        limit: Option<Price>,
        qty: Qty,
        fills: &mut Vec<Fill>,
    ) -> Qty {
        let mut left = qty;
        while left != Qty::ZERO {
            let Some((maker, price)) = self.best_against(side) else {
                break;
            };
            if limit.is_some_and(|limit| is_worse(side, price, limit)) {
                break;
            }
            let qty = match maker {
                Maker::Quote => self.standing_mut(opposite(side)).take(left),
                Maker::Order(slot) => self.fill_first(orders, slot, left),
            };
            left = left.saturating_sub(qty);
            fills.push(Fill { maker, price, qty });
        }
        left
    }

    /// True where `qty` could be taken at once.
    pub(super) fn has(&self, side: Side, limit: Option<Price>, qty: Qty) -> bool {
        let within = |price: Price| !limit.is_some_and(|limit| is_worse(side, price, limit));
        let quote = self.standing(opposite(side));
        let mut sum = match quote.size {
            Size::Unlimited if within(quote.price) => return true,
            Size::Some(size) if within(quote.price) => u128::from(size.raw()),
            _ => 0,
        };
        let needed = u128::from(qty.raw());
        let mut levels: Box<dyn Iterator<Item = (&Price, &Level)>> = match side {
            Side::Buy => Box::new(self.asks.iter()),
            Side::Sell => Box::new(self.bids.iter().rev()),
        };
        while sum < needed {
            match levels.next() {
                Some((&price, level)) if within(price) => sum += level.leaves,
                _ => return false,
            }
        }
        true
    }

    /// Puts an order at the end of the queue of its price.
    pub(super) fn rest(&mut self, orders: &mut Orders, slot: Slot) {
        let (side, price) = (orders[slot].side, orders[slot].price);
        let leaves = u128::from(orders[slot].leaves.raw());
        let mut before = None;
        self.levels_mut(side)
            .entry(price)
            .and_modify(|level| {
                before = Some(level.last);
                level.last = slot;
                level.leaves += leaves;
            })
            .or_insert(Level {
                first: slot,
                last: slot,
                leaves,
            });
        orders[slot].before = before;
        orders[slot].behind = None;
        if let Some(before) = before {
            orders[before].behind = Some(slot);
        }
    }

    /// Takes an order out, wherever in its queue it is. Its leaves are still what they were.
    pub(super) fn remove(&mut self, orders: &mut Orders, slot: Slot) {
        let order = &mut orders[slot];
        let (side, price, leaves) = (order.side, order.price, order.leaves);
        let (before, behind) = (order.before.take(), order.behind.take());
        if let Some(before) = before {
            orders[before].behind = behind;
        }
        if let Some(behind) = behind {
            orders[behind].before = before;
        }
        let levels = self.levels_mut(side);
        let level = levels
            .get_mut(&price)
            .expect("the order stands at its price");
        level.leaves -= u128::from(leaves.raw());
        match (before, behind) {
            (None, None) => drop(levels.remove(&price)),
            (None, Some(behind)) => level.first = behind,
            (Some(before), None) => level.last = before,
            (Some(_), Some(_)) => {}
        }
    }

    /// Cuts a resting order without touching its place.
    pub(super) fn shrink(&mut self, orders: &mut Orders, slot: Slot, leaves: Qty) {
        let order = &mut orders[slot];
        let cut = order.leaves.saturating_sub(leaves);
        order.leaves = leaves;
        let (side, price) = (order.side, order.price);
        let level = self.levels_mut(side).get_mut(&price);
        level.expect("the order stands at its price").leaves -= u128::from(cut.raw());
    }

    /// A new quote in place of the old one. What it crosses it fills, at the orders' own prices:
    /// they stood first. A crossed quote is no liquidity at all.
    pub(super) fn quote(
        &mut self,
        orders: &mut Orders,
        quote: &Quote,
        liquidity: Liquidity,
        fills: &mut Vec<Fill>,
    ) {
        self.quote_bid = Standing::default();
        self.quote_ask = Standing::default();
        if quote.ask <= quote.bid {
            return;
        }
        let bid = Size::of(quote.bid_qty, liquidity);
        let bid = self.sweep(orders, Side::Buy, quote.bid, bid, fills);
        let ask = Size::of(quote.ask_qty, liquidity);
        let ask = self.sweep(orders, Side::Sell, quote.ask, ask, fills);
        self.quote_bid = Standing {
            price: quote.bid,
            size: bid,
        };
        self.quote_ask = Standing {
            price: quote.ask,
            size: ask,
        };
    }

    /// Fills the orders that one side of a new quote reaches; what is left of its size stands.
    fn sweep(
        &mut self,
        orders: &mut Orders,
        side: Side,
        price: Price,
        size: Size,
        fills: &mut Vec<Fill>,
    ) -> Size {
        match size {
            Size::None => Size::None,
            Size::Some(qty) => match self.take(orders, side, Some(price), qty, fills) {
                Qty::ZERO => Size::None,
                left => Size::Some(left),
            },
            Size::Unlimited => {
                while self.take(orders, side, Some(price), Qty::MAX, fills) == Qty::ZERO {}
                Size::Unlimited
            }
        }
    }

    /// The best that stands against `side`; at one price, the quote.
    fn best_against(&self, side: Side) -> Option<(Maker, Price)> {
        let level = match side {
            Side::Buy => self.asks.first_key_value(),
            Side::Sell => self.bids.last_key_value(),
        };
        let order = level.map(|(&price, level)| (Maker::Order(level.first), price));
        let quote = self.standing(opposite(side));
        if quote.size == Size::None {
            return order;
        }
        match order {
            Some((_, price)) if is_worse(side, quote.price, price) => order,
            _ => Some((Maker::Quote, quote.price)),
        }
    }

    fn fill_first(&mut self, orders: &mut Orders, slot: Slot, qty: Qty) -> Qty {
        let leaves = orders[slot].leaves;
        if qty < leaves {
            self.shrink(orders, slot, leaves.saturating_sub(qty));
            return qty;
        }
        self.remove(orders, slot);
        orders[slot].leaves = Qty::ZERO;
        leaves
    }

    fn levels_mut(&mut self, side: Side) -> &mut BTreeMap<Price, Level> {
        match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        }
    }

    fn standing(&self, side: Side) -> Standing {
        match side {
            Side::Buy => self.quote_bid,
            Side::Sell => self.quote_ask,
        }
    }

    fn standing_mut(&mut self, side: Side) -> &mut Standing {
        match side {
            Side::Buy => &mut self.quote_bid,
            Side::Sell => &mut self.quote_ask,
        }
    }

    /// Checks the invariants; slow, for tests.
    #[cfg(test)]
    pub(super) fn verify(&self, orders: &Orders) {
        let mut bid = self.bids.last_key_value().map(|(&price, _)| price);
        let mut ask = self.asks.first_key_value().map(|(&price, _)| price);
        if self.quote_bid.size != Size::None {
            bid = bid.max(Some(self.quote_bid.price));
        }
        if self.quote_ask.size != Size::None {
            ask = Some(ask.map_or(self.quote_ask.price, |ask| ask.min(self.quote_ask.price)));
        }
        if let (Some(bid), Some(ask)) = (bid, ask) {
            assert!(bid < ask, "crossed: {bid} {ask}");
        }
        for (side, levels) in [(Side::Buy, &self.bids), (Side::Sell, &self.asks)] {
            for (&price, level) in levels {
                let (mut sum, mut at, mut before) = (0u128, Some(level.first), None);
                while let Some(slot) = at {
                    let order = &orders[slot];
                    assert!(order.is_live() && order.leaves != Qty::ZERO);
                    assert_eq!((order.side, order.price), (side, price));
                    assert_eq!(order.before, before);
                    sum += u128::from(order.leaves.raw());
                    (before, at) = (at, order.behind);
                }
                assert_eq!(before, Some(level.last));
                assert_eq!(sum, level.leaves);
            }
        }
    }
}

impl Standing {
    fn take(&mut self, qty: Qty) -> Qty {
        match self.size {
            Size::Unlimited => qty,
            Size::None => Qty::ZERO,
            Size::Some(size) if qty < size => {
                self.size = Size::Some(size.saturating_sub(qty));
                qty
            }
            Size::Some(size) => {
                self.size = Size::None;
                size
            }
        }
    }
}

impl Size {
    fn of(qty: Qty, liquidity: Liquidity) -> Self {
        match (liquidity, qty) {
            (Liquidity::Unlimited, _) => Self::Unlimited,
            (Liquidity::UnlimitedUnlessTold, Qty::ZERO) => Self::Unlimited,
            (Liquidity::None, _) | (Liquidity::AsTold, Qty::ZERO) => Self::None,
            (Liquidity::UnlimitedUnlessTold | Liquidity::AsTold, qty) => Self::Some(qty),
        }
    }
}

/// The other side.
pub(super) const fn opposite(side: Side) -> Side {
    match side {
        Side::Buy => Side::Sell,
        Side::Sell => Side::Buy,
    }
}

/// True where who is on `side` would rather trade at `than`.
fn is_worse(side: Side, price: Price, than: Price) -> bool {
    match side {
        Side::Buy => than < price,
        Side::Sell => price < than,
    }
}
