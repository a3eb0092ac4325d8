//! Goldman Sachs, 20 August 2013.

use super::scene::{
    Broker, Control, Events, Order, START, Scene, World, before, cents, quote, spread, switch,
    units,
};
use crate::message::{Frame, Kind, Side};
use crate::units::Nanos;

const ORDERS: u64 = 16_000;
const SYMBOLS: u32 = 500;
/// 500 orders a second.
const SPAN: Nanos = Nanos::from_secs(32);
/// A hundred contracts on a hundred shares each.
const SHARES: u64 = 10_000;
/// From yesterday's close to half an hour before the open.
const NIGHT: Nanos = Nanos::from_secs(17 * 3_600);
const LIFTS: u64 = 5;
const OPERATOR: u32 = 0;

const COLLAR: &str = "price_collar_bps = \"1000\"";
const AGE: &str = "reference_age_max = \"5s\"";
const WORLD: World = World {
    symbol_count: SYMBOLS,
    tick: "0.01",
};

/// Three states of the market before the open, and the operator.
pub(super) fn scenes() -> Vec<Scene> {
    let scene = |name, controls, events| Scene {
        name,
        controls,
        world: WORLD,
        broker: Broker::Fills,
        events,
    };
    vec![
        scene(
            "16,000 sells at 1.00 before the open, no price of any option yet",
            vec![
                Control::limits([COLLAR]),
                Control::limits(["order_rate = [{ max = 100, window = \"1s\" }]"]),
            ],
            || Box::new(orders(0..ORDERS)),
        ),
        scene(
            "the same, with the prices of yesterday's close",
            vec![Control::limits([COLLAR, AGE])],
            || Box::new(quotes(before(NIGHT)).chain(orders(0..ORDERS))),
        ),
        scene(
            "the same, with good prices: the options are worth 2 to 60",
            vec![Control::limits([COLLAR])],
            || Box::new(quotes(START).chain(orders(0..ORDERS))),
        ),
        scene(
            "the account is killed five times, and one operator alone raises it each time",
            vec![Control::gateway("raise_persons = 2")],
            lifts,
        ),
    ]
}

fn quotes(time: Nanos) -> impl Iterator<Item = Frame> {
    (0..SYMBOLS)
        .zip((2..=60).cycle())
        .map(move |(symbol, worth)| {
            quote(time, symbol, cents(worth * 100 - 1), cents(worth * 100 + 1))
        })
}

fn orders(range: std::ops::Range<u64>) -> impl Iterator<Item = Frame> {
    range.map(|at| {
        Order {
            time: spread(at, ORDERS, SPAN),
            id: at,
            symbol: (at % u64::from(SYMBOLS)) as u32,
            side: Side::Sell,
            price: Some(cents(100)),
            qty: units(SHARES),
        }
        .frame()
    })
}

fn lifts() -> Events {
    let part = ORDERS / LIFTS;
    Box::new((0..LIFTS).flat_map(move |lift| {
        let first = lift * part;
        let time = spread(first, ORDERS, SPAN);
        let switches = [Kind::Kill, Kind::Raise].map(|kind| switch(kind, time, OPERATOR));
        switches.into_iter().chain(orders(first..first + part))
    }))
}
