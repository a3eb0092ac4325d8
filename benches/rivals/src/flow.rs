//! Flow: the orders that every contestant decides, and the limits that all are given.
//!
//! Pure.
//!
//! Invariants:
//! - The same scenario gives the same orders in every run.
//! - A sell undoes the buy before it, so that positions are flat after each pair; and it is dearer than
//!   every buy, so that no two orders would meet.

/// Which answer the whole flow must get.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scenario {
    Accepted,
    NotionalAboveMax,
}

impl Scenario {
    pub const ALL: [Self; 2] = [Self::Accepted, Self::NotionalAboveMax];

    pub fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::NotionalAboveMax => "refused: notional above max",
        }
    }

    /// Shares: the notional stays under its bound in the first, above it in the second, and the
    /// quantity stays under its own bound in both, so that one limit alone is breached.
    fn qty_range(self) -> (u64, u64) {
        match self {
            Self::Accepted => (1, 400),
            Self::NotionalAboveMax => (1_000, 3_000),
        }
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Side {
    Buy,
    Sell,
}

/// A limit order in one symbol from one account.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    pub client_order_id: u64,
    pub side: Side,
    pub qty: u64,
    pub price_cents: u64,
}

/// The limits: the same for everybody.
pub const QTY_MAX: u64 = 10_000;
pub const NOTIONAL_MAX_USD: u64 = 100_000;
/// What the account owns at the start: enough for every batch that is decided before its fills.
pub const MONEY_USD: u64 = 1_000_000_000;
pub const SHARES: u64 = 10_000_000;
pub const LOSS_MAX_USD: u64 = 1_000_000;

/// Prices stay within five per cent of this, so that a price collar may be armed too.
pub const REFERENCE_PRICE_CENTS: u64 = 20_000;
const PRICE_SPREAD_CENTS: u64 = 1_000;

const _: () = assert!(400 * (REFERENCE_PRICE_CENTS + PRICE_SPREAD_CENTS) < NOTIONAL_MAX_USD * 100);
const _: () =
    assert!(NOTIONAL_MAX_USD * 100 < 1_000 * (REFERENCE_PRICE_CENTS - PRICE_SPREAD_CENTS));
const _: () = assert!(3_000 < QTY_MAX);

pub fn orders(scenario: Scenario, count: usize) -> Vec<Order> {
    let mut random = SEED;
    let (qty_min, qty_max) = scenario.qty_range();
    let mut orders: Vec<Order> = Vec::with_capacity(count);
    for index in 0..count {
        let client_order_id = index as u64 + 1;
        orders.push(match orders.last() {
            Some(buy) if buy.side == Side::Buy => Order {
                client_order_id,
                side: Side::Sell,
                price_cents: buy.price_cents + PRICE_SPREAD_CENTS,
                ..*buy
            },
            _ => Order {
                client_order_id,
                side: Side::Buy,
                qty: between(&mut random, qty_min, qty_max),
                price_cents: between(
                    &mut random,
                    REFERENCE_PRICE_CENTS - PRICE_SPREAD_CENTS,
                    REFERENCE_PRICE_CENTS - 1,
                ),
            },
        });
    }
    orders
}

const SEED: u64 = 0x9e37_79b9_7f4a_7c15;

/// Xorshift: good enough to vary quantities and prices, and the same everywhere.
fn between(random: &mut u64, min: u64, max: u64) -> u64 {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    min + *random % (max - min + 1)
}
