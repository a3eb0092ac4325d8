//! A small world: two of everything, little room, and numbers of which some are at the edges.

use portcullis::message::{OrderType, Scope, TEXT_SIZE, Text, TimeInForce};
use portcullis::reject::RejectReason;
use portcullis::risk::setup::{
    Account, Answer, Borrow, Broker, Calendar, Capacity, CostMethod, Currency, Desk, ExitPolicy,
    FeeRate, Fees, Group, Limits, PhaseChange, Rate, RateSource, Ratio, ReferenceKind, Response,
    SelfMatch, Session, Setup, ShortSales, Strategy, Symbol, TailTerms, Trigger,
};
use portcullis::units::{
    AccountId, BrokerId, CalendarId, DeskId, Money, Nanos, Notional, Price, Qty, SymbolId,
};

/// Mostly an id, some that are none.
pub(crate) fn id(number: u8) -> Text {
    let mut bytes = [0; TEXT_SIZE];
    match number {
        250 => bytes[8] = b'x',
        251 => bytes.fill(b'~'),
        252 => bytes[..9].fill(0x7f),
        253 => bytes[..2].copy_from_slice(b"x\x80"),
        254 => bytes[TEXT_SIZE - 1] = 0x1f,
        255 => {}
        _ => return Text::new(&format!("o{number}")).expect("short and printable"),
    }
    let text: Text = bytemuck::cast(bytes);
    assert_eq!(text.is_id(), number == 251);
    text
}

/// Mostly near 100, some at the edges of the type.
pub(crate) fn price(scale: u8, steps: u8) -> Price {
    let steps = i64::from(steps);
    Price::from_raw(match scale {
        0..240 => 100_000_000_000 + (i64::from(scale % 8) * 16 + steps - 128) * TICK,
        240..244 => steps - 128,
        244..248 => -100_000_000_000 + steps * TICK,
        248..252 => i64::MAX - steps,
        _ => i64::MIN + steps,
    })
}

/// Mostly a few lots, some at the edges of the type.
pub(crate) fn qty(scale: u8, lots: u8) -> Qty {
    let lots = u64::from(lots);
    Qty::from_raw(match scale {
        0..224 => lots * LOT,
        224..232 => lots << 40,
        232..240 => Qty::MAX.raw() - lots,
        240..248 => u64::MAX - lots,
        _ => lots,
    })
}

/// Two of everything, and little room. The bits of `which` say what limits there are.
pub(crate) fn setup(which: u8) -> Setup {
    let limits = |bit: u8| {
        if which >> bit & 1 == 0 {
            return Limits::default();
        }
        Limits {
            order_qty_max: Some(Qty::from_raw(200 * LOT)),
            price_collar: Some(50_000_000),
            reference_age_max: Some(Nanos::from_secs(5)),
            order_rate: vec![Rate {
                count: 20,
                window: Nanos::from_secs(1),
            }],
            cancel_rate: vec![Rate {
                count: 15,
                window: Nanos::from_secs(1),
            }],
            duplicate_window: Some(Nanos::from_millis(20)),
            duplicate_count: Some(2),
            open_orders_max: Some(7),
            open_notional_max: Some(Notional::from_raw(10u128.pow(23))),
            position_qty_max: Some(Qty::from_raw(500 * LOT)),
            gross_exposure_max: Some(Notional::from_raw(10u128.pow(23))),
            day_value_max: Some(Notional::from_raw(10u128.pow(23))),
            order_to_trade: Some(Ratio { max: 5, free: 30 }),
            net_exposure_max: Some(Notional::from_raw(10u128.pow(23))),
            capital: Some(Notional::from_raw(10u128.pow(22))),
            day_loss_max: (which & 4 != 0).then(|| Notional::from_raw(10u128.pow(21))),
            drawdown_share_max: (which & 32 != 0).then_some(200_000),
            rolling_loss_max: (which & 16 != 0).then(|| Notional::from_raw(10u128.pow(21))),
            rolling_loss_window: Some(Nanos::from_secs(1)),
            ..Limits::default()
        }
    };
    let account = |name: &str| Account {
        name: name.to_owned(),
        enabled: true,
        has_limits: true,
        limits: limits(1),
        restricted: match (name, which & 2) {
            ("a1", 2) => vec![SymbolId(1)],
            _ => Vec::new(),
        },
        owner: "o".to_owned(),
        cuts_orders: which & 8 != 0,
        short_sales: match which & 3 {
            0 => ShortSales::Off,
            1 => ShortSales::Check,
            _ => ShortSales::Refuse,
        },
        funds: (which & 8 != 0).then(|| Notional::from_raw(10u128.pow(23))),
        self_match: match which >> 4 & 3 {
            0 => SelfMatch::Off,
            1 => SelfMatch::CancelNewest,
            2 => SelfMatch::CancelOldest,
            _ => SelfMatch::CancelBoth,
        },
        desk: (which & 16 != 0).then_some(DeskId(0)),
        cost_method: [CostMethod::Average, CostMethod::FirstInFirstOut][(which & 1) as usize],
    };
    let strategy = |name: &str| Strategy {
        name: name.to_owned(),
        enabled: true,
        limits: limits(2),
        accounts: vec![AccountId(0), AccountId(1)],
        acknowledge: which & 16 != 0,
        orders_unattended_max: (which & 4 != 0).then_some(30),
        ..Strategy::default()
    };
    let symbol = |name: &str, broker: u32| Symbol {
        name: name.to_owned(),
        enabled: true,
        limits: limits(3),
        tick: Price::from_raw(if which & 32 == 0 { TICK } else { 1 }),
        lot: Qty::from_raw(if which & 32 == 0 { LOT } else { 1 }),
        price_min: (which & 64 != 0).then(|| Price::from_raw(i64::MIN)),
        order_types: OrderType::ALL.to_vec(),
        times_in_force: TimeInForce::ALL.to_vec(),
        broker: BrokerId(broker),
        jump: (which & 128 != 0).then_some(10_000_000),
        jump_confirmations: 2,
        notional_min: (which & 8 != 0).then(|| Notional::from_raw(10u128.pow(20))),
        move_max: (which & 192 == 192).then_some(5_000_000),
        move_window: Nanos::from_secs(2),
        slippage: u64::from(which & 2) * 250_000,
        borrow: [Borrow::Hard, Borrow::Easy][(which >> 6 & 1) as usize],
        calendar: (which & 4 != 0).then_some(CalendarId(0)),
        multiplier: if which & 16 == 0 { 0 } else { 2_500_000_000 },
        spread_max: (which & 32 != 0).then_some(30_000_000),
        currency: u32::from(which & 128 != 0 && name == "x0"),
        settlement: u32::from(which & 128 != 0 && name == "x0"),
        fees: (which & 2 != 0).then(|| Fees {
            taker: FeeRate {
                per_unit: Money::from_raw(5_000_000),
                of_value: 20_000,
            },
            order_min: Some(Money::from_raw(1_000_000_000)),
            ..Fees::default()
        }),
        ..Symbol::default()
    };
    let broker = |name: &str| Broker {
        name: name.to_owned(),
        reports_fees: which & 64 != 0,
    };
    let currency = |name: &str, rate| Currency {
        name: name.to_owned(),
        rate,
    };
    Setup {
        capacity: Capacity {
            orders: 12,
            orders_closed: 4,
            client_order_ids: 24,
            client_order_id_horizon: Nanos::from_secs(2),
            positions: 6,
            duplicates_per_window: 4,
            lots: 2,
            parents: 2,
            parent_horizon: Nanos::ZERO,
            executions: 8,
            continuation_frames_max: 2,
        },
        hash_seed: 0x5eed,
        firm: limits(0),
        accounts: vec![account("a0"), account("a1")],
        strategies: vec![strategy("s0"), strategy("s1")],
        symbols: vec![symbol("x0", 0), symbol("x1", 1)],
        brokers: vec![broker("b0"), broker("b1")],
        desks: vec![Desk {
            name: "d".to_owned(),
            enabled: true,
            limits: limits(2),
        }],
        groups: vec![Group {
            name: "g".to_owned(),
            enabled: true,
            limits: limits(1),
            symbols: vec![SymbolId(0)],
        }],
        operators: vec!["ann".to_owned(), "bob".to_owned()],
        calendars: vec![calendar()],
        day_calendar: (which & 8 != 0).then_some(CalendarId(0)),
        soft: vec![RejectReason::QtyAboveMax],
        responses: match which >> 5 & 3 {
            0 => Vec::new(),
            at => vec![Response {
                name: "r".to_owned(),
                on: [Trigger::Refusals, Trigger::Fills, Trigger::BadPrices][usize::from(at) - 1],
                reasons: Vec::new(),
                scope: [Scope::Strategy, Scope::Account, Scope::Symbol][usize::from(at) - 1],
                count: 6,
                window: Nanos::from_secs(1),
                answer: [Answer::Cancel, Answer::Slow, Answer::Kill][usize::from(at) - 1],
                pause: Nanos::from_secs(1),
                slow_interval: Nanos::from_millis(30),
            }],
        },
        hard_limits: Limits::default(),
        loosen_factor: None,
        warn_share: 0,
        raise_persons: 2,
        raise_window: Nanos::from_secs(3),
        answer_timeout: Nanos::from_millis(500),
        checkpoint_events: 0,
        currencies: vec![
            currency("USD", RateSource::Fixed(Price::from_raw(0))),
            currency(
                "EUR",
                RateSource::Symbol {
                    symbol: SymbolId(1),
                    is_inverted: which & 8 != 0,
                },
            ),
        ],
        mark_age_max: Nanos::from_secs(1),
        exit_policy: ExitPolicy {
            retry: Nanos::from_millis(20),
            timeout: Nanos::from_millis(100),
            attempts_max: 3,
            slippage: 1_000_000,
        },
        tail: TailTerms::default(),
    }
}

/// Open but for the third second, and then measured by the last trade; a day ends every four seconds.
fn calendar() -> Calendar {
    let session = |reference| Session {
        order_types: OrderType::ALL.to_vec(),
        times_in_force: vec![TimeInForce::Day, TimeInForce::GoodTillCancel],
        reference,
        ..Session::default()
    };
    let change = |second: u64| PhaseChange {
        time: Nanos::from_secs(second),
        session: [Some(0), Some(1), None, Some(0)][second as usize % 4],
        day: second as u32 / 4,
    };
    Calendar {
        name: "c".to_owned(),
        sessions: vec![session(ReferenceKind::Mid), session(ReferenceKind::Last)],
        changes: (0..200).map(change).collect(),
    }
}

pub(crate) const TICK: i64 = 10_000_000;
const LOT: u64 = 100_000_000;
