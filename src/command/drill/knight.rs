//! Knight Capital, 1 August 2012.

use super::scene::{
    Broker, Control, Events, Order, START, Scene, World, cents, quote, spread, units,
};
use crate::message::Side;
use crate::units::Nanos;

const SYMBOLS: u32 = 154;
/// In these the firm ended long, in the others short.
const BOUGHT: u32 = 80;
const PER_SECOND: u64 = 1_481;
const SECONDS: u64 = 45 * 60;
const SHARES: u64 = 100;

/// The only part.
pub(super) fn scenes() -> Vec<Scene> {
    vec![Scene {
        name: "children of 100 shares at 50, none of them counted",
        controls: vec![
            Control::limits(["gross_exposure_max = \"20000000\""]),
            Control::limits(["position_qty_max = \"2000\""]),
            Control::limits(["duplicate_window = \"1s\""]),
            Control::limits(["order_rate = [{ max = 100, window = \"1s\" }]"]),
        ],
        world: World {
            symbol_count: SYMBOLS,
            tick: "0.01",
        },
        broker: Broker::Fills,
        events,
    }]
}

fn events() -> Events {
    let quotes = (0..SYMBOLS).map(|symbol| quote(START, symbol, cents(4_999), cents(5_001)));
    let count = PER_SECOND * SECONDS;
    let orders = (0..count).zip((0..SYMBOLS).cycle());
    let orders = orders.map(move |(at, symbol)| {
        Order {
            time: spread(at, count, Nanos::from_secs(SECONDS)),
            id: at,
            symbol,
            side: match symbol < BOUGHT {
                true => Side::Buy,
                false => Side::Sell,
            },
            price: Some(cents(5_000)),
            qty: units(SHARES),
        }
        .frame()
    });
    Box::new(quotes.chain(orders))
}
