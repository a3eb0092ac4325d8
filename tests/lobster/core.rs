//! The core, fed a real day, refuses and books exactly what an independent calculation says.

use super::{files, tool};
use portcullis::message::{Kind, OrderType, Scope, Text, TimeInForce};
use portcullis::protocol::scenario::Line;
use portcullis::protocol::scenario::names::Names;
use portcullis::protocol::scenario::read::read_line;
use portcullis::risk::core::Core;
use portcullis::risk::decision::{Effects, Outcome};
use portcullis::risk::setup::{Account, Broker, Capacity, Limits, Rate, Setup, Strategy, Symbol};
use portcullis::units::{AccountId, Nanos, Notional, Position, Price, Qty};

/// One account with these limits and no others.
fn setup(limits: Limits) -> Setup {
    Setup {
        capacity: Capacity {
            orders: 65_536,
            orders_closed: 1_024,
            client_order_ids: 65_536,
            positions: 16,
            duplicates_per_window: 65_536,
            lots: 0,
            parents: 4,
            parent_horizon: Nanos::ZERO,
            executions: 65_536,
            ..Capacity::default()
        },
        accounts: vec![Account {
            name: "A".into(),
            enabled: true,
            has_limits: true,
            limits,
            ..Account::default()
        }],
        strategies: vec![Strategy {
            name: "S".into(),
            enabled: true,
            accounts: vec![AccountId(0)],
            ..Strategy::default()
        }],
        symbols: vec![Symbol {
            name: "AMZN".into(),
            enabled: true,
            tick: Price::parse("0.01").unwrap(),
            lot: Qty::parse("1").unwrap(),
            order_types: vec![OrderType::Limit],
            times_in_force: vec![TimeInForce::Day],
            ..Symbol::default()
        }],
        brokers: vec![Broker::default()],
        answer_timeout: Nanos::from_secs(86_400),
        ..Setup::default()
    }
}

fn scenario() -> Option<Vec<Line>> {
    let (messages, orderbook) = files()?;
    let text = tool(&messages, &orderbook, &[]).stdout;
    let names = Names::new(&setup(Limits::default()));
    let lines = text.split(|&byte| byte == b'\n').zip(1..);
    let lines = lines.filter_map(|(line, number)| read_line(number, line, &names).unwrap());
    Some(lines.collect())
}

/// The core behind the last line, and how many orders it refused.
fn play(lines: &[Line], limits: Limits) -> (Core, u64) {
    let is_off = limits == Limits::default();
    let mut core = Core::new(&setup(limits));
    let mut effects = Effects::default();
    for line in lines {
        let order_of = |account, id: &Text| core.order_id(account, id);
        let (frame, continuations) = line.command.clone().resolve(order_of, |_, _| false);
        effects.clear();
        let outcome = core.step(&frame, &continuations, &mut effects).outcome;
        let expected: &[_] = match (frame.kind(), is_off) {
            (Some(Kind::NewOrder), true) => &[Outcome::Accepted],
            (Some(Kind::NewOrder), false) => &[Outcome::Accepted, Outcome::Refused],
            (Some(Kind::Report), false) => &[Outcome::Applied, Outcome::OrderUnknown],
            _ => &[Outcome::Applied],
        };
        assert!(
            expected.contains(&outcome),
            "line {}: {outcome:?}",
            line.number
        );
    }
    let refused = core.counts().orders - core.counts().orders_accepted;
    (core, refused)
}

#[test]
fn the_core_books_the_known_integers() {
    let Some(lines) = scenario() else {
        return;
    };
    let (core, refused) = play(&lines, Limits::default());
    let firm = core.level(Scope::Firm, 0).unwrap();
    assert_eq!(refused, 0);
    assert_eq!((core.orders_open_peak(), firm.open_count), (9_774, 9_769));
    let open = Notional::parse("189461346.92").unwrap();
    assert_eq!(firm.open_notional_peak, open);
    let cell = core.account_positions().next().unwrap();
    let shares = |count: i64| Position::from_raw(count * 100_000_000);
    assert_eq!(cell.position, shares(15_332));
    assert_eq!(cell.position_high, shares(20_458));
    assert_eq!(cell.position_low, shares(-24_830));
}

#[test]
fn each_limit_alone_refuses_the_known_integer() {
    let Some(lines) = scenario() else {
        return;
    };
    let off = Limits::default;
    let qty = |shares: &str| Limits {
        order_qty_max: Some(Qty::parse(shares).unwrap()),
        ..off()
    };
    let notional = |money: &str| Limits {
        order_notional_max: Some(Notional::parse(money).unwrap()),
        ..off()
    };
    let collar = |bps: u64| Limits {
        price_collar: Some(bps * 10_000),
        ..off()
    };
    let rate = |count: u32, window: Nanos| Limits {
        order_rate: vec![Rate { count, window }],
        ..off()
    };
    let (second, millisecond) = (Nanos::from_secs(1), Nanos::from_millis(1));
    let duplicate = Limits {
        duplicate_window: Some(second),
        ..off()
    };
    for (limits, expected) in [
        (qty("200"), 1_450),
        (qty("500"), 210),
        (qty("1000"), 70),
        (notional("50000"), 1_441),
        (notional("100000"), 297),
        (notional("250000"), 58),
        (collar(10), 62),
        (collar(25), 0),
        (rate(10, second), 3_737),
        (rate(25, second), 929),
        (rate(50, second), 277),
        (rate(100, second), 42),
        (rate(5, millisecond), 461),
        (rate(10, millisecond), 112),
        (duplicate, 6_494),
    ] {
        let (_, refused) = play(&lines, limits.clone());
        assert_eq!(refused, expected, "{limits:?}");
    }
}
