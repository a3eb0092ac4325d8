//! Citigroup Global Markets, 2 May 2022.

use super::scene::{
    Broker, Control, Events, Order, START, Scene, World, cents, quote, spread, units,
};
use crate::message::{Frame, Side};
use crate::units::Nanos;

const LINES: u32 = 349;
const SPAN: Nanos = Nanos::from_secs(1);
/// Money and price of each line but the last, in turn: each divides, and all of it together is
/// 58 million as it was meant and some 444 billion as it was typed.
const MONEY: u64 = 166_000;
const PRICES: [u64; 6] = [2_000, 4_150, 6_640, 8_300, 8_300, 16_600];
const LAST_MONEY: u64 = 232_000;
const LAST_PRICE: u64 = 8_000;

const WORLD: World = World {
    symbol_count: LINES,
    tick: "0.01",
};

/// The basket as it was typed and as it was meant.
pub(super) fn scenes() -> Vec<Scene> {
    let controls = vec![
        Control::limits(["order_notional_max = \"250000\""]),
        Control::limits(["order_qty_max = \"1000\""]),
        Control::limits(["gross_exposure_max = \"1000000000\""]),
    ];
    let scene = |name, events| Scene {
        name,
        controls: controls.clone(),
        world: WORLD,
        broker: Broker::Fills,
        events,
    };
    vec![
        scene("349 sells with the money typed as the quantity", || {
            basket(|money, _| money)
        }),
        scene("the basket as it was meant, 58 million in all", || {
            basket(|money, price| money / price)
        }),
    ]
}

/// Money and price of a line.
const fn line(at: u32) -> (u64, u64) {
    if at + 1 == LINES {
        (LAST_MONEY, LAST_PRICE)
    } else {
        (MONEY, PRICES[at as usize % PRICES.len()])
    }
}

/// One sell for each line, of what its money and price make of it.
fn basket(qty_of: fn(u64, u64) -> u64) -> Events {
    let price_of = |price: u64| cents(i64::try_from(price * 100).unwrap_or(i64::MAX));
    let quotes = (0..LINES).map(move |at| {
        let price = price_of(line(at).1);
        quote(START, at, price, price)
    });
    let orders = (0..LINES).map(move |at| -> Frame {
        let (money, price) = line(at);
        Order {
            time: spread(at.into(), LINES.into(), SPAN),
            id: at.into(),
            symbol: at,
            side: Side::Sell,
            price: Some(price_of(price)),
            qty: units(qty_of(money, price)),
        }
        .frame()
    });
    Box::new(quotes.chain(orders))
}
