//! The flash crash, 6 May 2010.

use super::scene::{
    Broker, Control, Events, Order, START, Scene, World, before, cents, quote, spread, units,
};
use crate::message::{Frame, Side};
use crate::units::{Nanos, Price};

/// What the program is to sell.
const CONTRACTS: u64 = 75_000;
/// Contracts a second in each minute: 9 % of what the market traded in the minute before, of which a
/// growing part was such selling itself. The last goes on.
const PACE: [u64; 5] = [60, 90, 180, 300, 360];
/// A quarter of a point of 50 dollars.
const TICK_CENTS: i64 = 1_250;
/// 1,120 points.
const TICKS: i64 = 4_480;
/// 5 % of that, in four minutes.
const TICKS_FALLEN: i64 = 224;
const FALL_SECONDS: u64 = 240;
/// Then the exchange paused.
const PAUSE_SECONDS: u64 = 5;

const STUB_ORDERS: u64 = 20_000;
const STUB_SYMBOLS: u32 = 300;
const STUB_SPAN: Nanos = Nanos::from_secs(60);
const STUB_BID: Price = cents(1);
const STUB_ASK: Price = cents(9_999_999);

/// The program, and what stub quotes did to others.
pub(super) fn scenes() -> Vec<Scene> {
    vec![
        Scene {
            name: "75,000 contracts at the market, at 9 % of the volume of the last minute",
            controls: vec![
                Control::limits(["position_qty_max = \"5000\""]),
                Control::limits(["open_notional_max = \"10000000\""]),
                Control::limits(["order_rate = [{ max = 30, window = \"1m\" }]"]),
                Control::limits(["reference_age_max = \"2s\""]),
                Control::limits(["price_collar_bps = \"100\""]),
                Control::symbol("reference_jump_bps = \"100\""),
            ],
            world: World {
                symbol_count: 1,
                tick: "12.5",
            },
            broker: Broker::Fills,
            events: program,
        },
        Scene {
            name: "20,000 orders against stub quotes of 0.01 and 99,999.99, where 40 was good",
            controls: vec![
                Control::limits(["price_collar_bps = \"1000\""]),
                Control::symbol("reference_jump_bps = \"1000\""),
                Control::limits(["order_notional_max = \"100000\""]),
            ],
            world: World {
                symbol_count: STUB_SYMBOLS,
                tick: "0.01",
            },
            broker: Broker::Fills,
            events: stubs,
        },
    ]
}

fn program() -> Events {
    let mut sold = 0;
    let seconds = (0..).map_while(move |second: u64| {
        let minute = usize::try_from(second / 60).unwrap_or(usize::MAX);
        let pace = PACE[minute.min(PACE.len() - 1)];
        let contracts = pace.min(CONTRACTS - sold);
        sold += contracts;
        (contracts != 0).then_some((second, contracts))
    });
    Box::new(seconds.flat_map(|(second, contracts)| {
        let time = START.after(Nanos::from_secs(second));
        let order = Order {
            time,
            id: second,
            symbol: 0,
            side: Side::Sell,
            price: None,
            qty: units(contracts),
        };
        market(time, second).into_iter().chain([order.frame()])
    }))
}

/// The price falls for four minutes, stands still for a pause without quotes, and comes back.
fn market(time: Nanos, second: u64) -> Option<Frame> {
    let since_pause = second.saturating_sub(FALL_SECONDS + PAUSE_SECONDS);
    let falling = match second {
        0..FALL_SECONDS => second,
        _ if second < FALL_SECONDS + PAUSE_SECONDS => return None,
        _ => FALL_SECONDS.saturating_sub(since_pause),
    };
    let fallen = TICKS_FALLEN * i64::try_from(falling).ok()? / i64::try_from(FALL_SECONDS).ok()?;
    let bid = (TICKS - fallen) * TICK_CENTS;
    Some(quote(time, 0, cents(bid), cents(bid + TICK_CENTS)))
}

/// Buys and sells in turn; two at the market, two with the stub quote as their limit.
fn stubs() -> Events {
    let earlier = |seconds| before(Nanos::from_secs(seconds));
    let good =
        (0..STUB_SYMBOLS).map(move |symbol| quote(earlier(2), symbol, cents(3_999), cents(4_001)));
    let stub = (0..STUB_SYMBOLS).map(move |symbol| quote(earlier(1), symbol, STUB_BID, STUB_ASK));
    let orders = (0..STUB_ORDERS).zip((0..STUB_SYMBOLS).cycle());
    let orders = orders.map(|(at, symbol)| {
        let (side, stub) = match at % 2 {
            0 => (Side::Sell, STUB_BID),
            _ => (Side::Buy, STUB_ASK),
        };
        Order {
            time: spread(at, STUB_ORDERS, STUB_SPAN),
            id: at,
            symbol,
            side,
            price: (at / 2 % 2 == 1).then_some(stub),
            qty: units(100),
        }
        .frame()
    });
    Box::new(good.chain(stub).chain(orders))
}
