//! Everbright Securities, 16 August 2013.

use super::scene::{
    Broker, Control, Order, START, Scene, World, before, cents, quote, spread, units,
};
use crate::message::{Frame, Side};
use crate::units::{Nanos, Price};

const ORDERS: u64 = 26_082;
const SPAN: Nanos = Nanos::from_secs(2);
const SYMBOLS: u32 = 180;
/// 12.29 a share and 73,000 shares: 897,170 an order. Without a collar the gate values a market
/// order at the ask.
const PRICE: Price = cents(1_229);
const SHARES: u64 = 73_000;
/// The basket was sent again after so long without an answer.
const AGAIN: Nanos = Nanos::from_secs(150);

const WORLD: World = World {
    symbol_count: SYMBOLS,
    tick: "0.01",
};

/// The basket, and the basket once more.
pub(super) fn scenes() -> Vec<Scene> {
    vec![
        Scene {
            name: "26,082 market buys in two seconds, no answer from the broker",
            controls: vec![
                Control::limits(["open_notional_max = \"80000000\""]),
                Control::limits(["gross_exposure_max = \"80000000\""]),
                Control::limits(["open_orders_max = 1000"]),
                Control::limits(["order_rate = [{ max = 100, window = \"1s\" }]"]),
            ],
            world: WORLD,
            broker: Broker::Silent,
            events: || Box::new(quotes(START).chain(basket(START))),
        },
        Scene {
            name: "150 seconds later the same basket again, with the same client order ids",
            controls: Vec::new(),
            world: WORLD,
            broker: Broker::Silent,
            events: || {
                let first = before(AGAIN);
                Box::new(quotes(first).chain(basket(first)).chain(basket(START)))
            },
        },
    ]
}

fn quotes(time: Nanos) -> impl Iterator<Item = Frame> {
    (0..SYMBOLS).map(move |symbol| quote(time, symbol, PRICE, PRICE))
}

fn basket(start: Nanos) -> impl Iterator<Item = Frame> {
    let orders = (0..ORDERS).zip((0..SYMBOLS).cycle());
    orders.map(move |(at, symbol)| {
        Order {
            time: start.after(spread(at, ORDERS, SPAN).since(START)),
            id: at,
            symbol,
            side: Side::Buy,
            price: None,
            qty: units(SHARES),
        }
        .frame()
    })
}
