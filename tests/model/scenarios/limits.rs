//! Limits on one order and on many: met exactly, then passed by one.

use super::desk::*;
use portcullis::message::{
    Basket, Exec, Frame, Header, Kind, NewOrder, OrderState, OrderType, TimeInForce,
};
use portcullis::risk::decision::Outcome;
use portcullis::risk::setup::{Calendar, Limits, PhaseChange, Rate, Session, Setup};
use portcullis::units::{AccountId, CalendarId, Nanos, Notional, Price, Qty, SymbolId};

/// The four levels of the desk's own orders, first to last.
fn levels(setup: &mut Setup) -> [&mut Limits; 4] {
    [
        &mut setup.symbols[0].limits,
        &mut setup.strategies[0].limits,
        &mut setup.accounts[0].limits,
        &mut setup.firm,
    ]
}

/// The limit holds at every level alone.
fn at_each_level(set: impl Fn(&mut Limits), mut play: impl FnMut(&mut Desk)) {
    for level in 0..4 {
        let mut desk = Desk::new(|setup| set(levels(setup)[level]));
        desk.quote(99, 101, Outcome::Applied);
        play(&mut desk);
    }
}

#[test]
fn quantity_of_one_order() {
    at_each_level(
        |limits| limits.order_qty_max = qty(10),
        |desk| {
            desk.passes(Buy, 10, 100);
            desk.refuses((Buy, 11, 100), QtyAboveMax, 10, 11);
        },
    );
    let mut desk = Desk::new(|setup| {
        for (limits, max) in levels(setup).into_iter().zip([9, 7, 8, 7]) {
            limits.order_qty_max = qty(max);
        }
    });
    desk.refuses((Sell, 10, 100), QtyAboveMax, 7, 10);
}

#[test]
fn notional_of_one_order() {
    at_each_level(
        |limits| limits.order_notional_max = notional(1000),
        |desk| {
            desk.passes(Buy, 10, 100);
            desk.refuses((Buy, 7, 143), NotionalAboveMax, 1000, 1001);
        },
    );
}

#[test]
fn a_market_order_counts_at_the_collar_and_never_below_the_ask() {
    let mut desk = Desk::new(|setup| {
        setup.firm.order_notional_max = notional(102);
        setup.accounts[0].limits.price_collar = Some(1_000_000);
    });
    desk.quote(99, 102, Outcome::Applied);
    // 100.5 and 1 % is 101.505, rounded up.
    desk.passes(Buy, 1, 0);
    desk.quote(100, 102, Outcome::Applied);
    desk.refuses((Sell, 1, 0), NotionalAboveMax, 102, 103);
    desk.quote(1, 103, Outcome::Applied);
    desk.refuses((Sell, 1, 0), NotionalAboveMax, 102, 103);
}

#[test]
fn reference_absent_unusable_stale() {
    let mut desk = Desk::new(|setup| {
        setup.symbols[0].limits.reference_age_max = nanos(10);
    });
    desk.passes(Buy, 1, 100);
    desk.refuses((Buy, 1, 0), ReferenceAbsent, 0, 0);
    desk.quote(101, 100, Outcome::Implausible);
    desk.refuses((Buy, 1, 0), ReferenceAbsent, 0, 0);
    desk.quote(100, 100, Outcome::Applied);
    desk.now += 10;
    desk.passes(Buy, 1, 0);
    desk.now += 1;
    desk.refuses((Buy, 1, 0), ReferenceStale, 10, 11);
    desk.passes(Buy, 1, 100);
    for (bid, ask) in [(101, 100), (0, 100), (0, 0), (-1, 100), (-2, -1)] {
        desk.quote(100, 100, Outcome::Applied);
        desk.passes(Buy, 1, 0);
        desk.quote(bid, ask, Outcome::Implausible);
        desk.refuses((Buy, 1, 0), ReferenceUnusable, 0, 0);
    }
}

#[test]
fn a_control_that_needs_a_reference_refuses_without() {
    let sets: [fn(&mut Limits); 3] = [
        |limits| limits.price_collar = Some(0),
        |limits| limits.position_value_max = notional(1_000_000),
        |limits| limits.gross_exposure_max = notional(1_000_000),
    ];
    for set in sets {
        for level in 0..4 {
            let mut desk = Desk::new(|setup| set(levels(setup)[level]));
            desk.refuses((Buy, 1, 100), ReferenceAbsent, 0, 0);
            desk.quote(100, 100, Outcome::Applied);
            desk.passes(Buy, 1, 100);
        }
    }
}

#[test]
fn collar() {
    at_each_level(
        |limits| limits.price_collar = Some(1_500_000),
        |desk| {
            // 100 and 1.5 %: from 98.5 to 101.5.
            desk.passes(Buy, 1, 101);
            desk.passes(Sell, 1, 99);
            desk.refuses((Buy, 1, 102), PriceOutsideCollar, 101, 102);
            desk.refuses((Sell, 1, 98), PriceOutsideCollar, 99, 98);
        },
    );
    let mut desk = Desk::new(|setup| {
        setup.firm.price_collar = Some(1_000_000);
        setup.symbols[0].price_min = Some(Price::from_raw(-1000));
    });
    desk.quote(-101, -99, Outcome::Applied);
    desk.passes(Buy, 1, -99);
    desk.passes(Buy, 1, -101);
    desk.refuses((Buy, 1, -98), PriceOutsideCollar, -99, -98);
    desk.refuses((Buy, 1, -102), PriceOutsideCollar, -101, -102);
}

#[test]
fn a_jump_is_believed_after_its_confirmations() {
    let mut desk = Desk::new(|setup| {
        setup.symbols[0].jump = Some(10_000_000);
        setup.symbols[0].jump_confirmations = 2;
    });
    desk.quote(100, 100, Outcome::Applied);
    desk.quote(110, 110, Outcome::Applied);
    desk.passes(Buy, 1, 0);
    desk.quote(110, 133, Outcome::Applied);
    desk.refuses((Buy, 1, 0), ReferenceUnusable, 0, 0);
    desk.quote(133, 134, Outcome::Applied);
    desk.refuses((Buy, 1, 0), ReferenceUnusable, 0, 0);
    desk.quote(133, 133, Outcome::Applied);
    desk.passes(Buy, 1, 0);
    // A quote near the last good one ends it at once.
    desk.quote(200, 200, Outcome::Applied);
    desk.refuses((Buy, 1, 0), ReferenceUnusable, 0, 0);
    desk.quote(133, 133, Outcome::Applied);
    desk.passes(Buy, 1, 0);
}

#[test]
fn rate_of_new_orders_and_replaces() {
    at_each_level(
        |limits| {
            limits.order_rate = vec![
                Rate {
                    count: 3,
                    window: Nanos::from_raw(100),
                },
                Rate {
                    count: 2,
                    window: Nanos::from_raw(10),
                },
            ]
        },
        |desk| {
            let name = desk.passes(Buy, 1, 100);
            desk.replace(name, 2, 100);
            assert_eq!(desk.last.outcome, Outcome::Accepted);
            desk.now += 9;
            desk.refuses((Buy, 1, 100), OrderRateAboveMax, 2, 3);
            desk.now += 1;
            desk.passes(Buy, 1, 100);
            desk.now += 89;
            desk.refuses((Buy, 1, 100), OrderRateAboveMax, 3, 4);
            desk.cancel(name);
            assert_eq!(desk.last.outcome, Outcome::Accepted);
            desk.now += 1;
            desk.passes(Buy, 1, 100);
        },
    );
}

#[test]
fn the_same_order_again() {
    at_each_level(
        |limits| limits.duplicate_window = nanos(10),
        |desk| {
            desk.passes(Buy, 1, 100);
            desk.passes(Sell, 1, 100);
            desk.passes(Buy, 2, 100);
            desk.passes(Buy, 1, 101);
            desk.now += 9;
            desk.refuses((Buy, 1, 100), OrderDuplicate, 10, 9);
            // A refused one counts from its own time.
            desk.now += 9;
            desk.refuses((Buy, 1, 100), OrderDuplicate, 10, 9);
            desk.now += 10;
            desk.passes(Buy, 1, 100);
        },
    );
}

#[test]
fn live_orders() {
    at_each_level(
        |limits| limits.open_orders_max = Some(2),
        |desk| {
            let name = desk.passes(Buy, 1, 100);
            desk.passes(Sell, 1, 100);
            desk.refuses((Buy, 1, 100), OrdersOpenAboveMax, 2, 3);
            desk.reported(name, Exec::Expired, Outcome::Applied, OrderState::Expired);
            desk.passes(Buy, 1, 100);
        },
    );
}

#[test]
fn value_of_live_orders() {
    at_each_level(
        |limits| limits.open_notional_max = notional(1000),
        |desk| {
            let name = desk.passes(Buy, 6, 100);
            desk.passes(Sell, 4, 100);
            desk.refuses((Buy, 1, 1), OpenNotionalAboveMax, 1000, 1001);
            desk.replace(name, 7, 100);
            desk.refused(OpenNotionalAboveMax, 1000, 1100);
            desk.fills(name, 1, Outcome::Applied, OrderState::PartiallyFilled);
            desk.passes(Buy, 1, 100);
        },
    );
}

#[test]
fn position_if_the_worst_fills() {
    at_each_level(
        |limits| limits.position_qty_max = qty(10),
        |desk| {
            let name = desk.passes(Buy, 7, 100);
            desk.passes(Sell, 10, 100);
            desk.refuses((Buy, 4, 100), PositionQtyAboveMax, 10, 11);
            desk.refuses((Sell, 1, 100), PositionQtyAboveMax, 10, 11);
            desk.passes(Buy, 3, 100);
            desk.fills(name, 7, Outcome::Applied, OrderState::Filled);
            assert_eq!(desk.position(), 7);
            desk.refuses((Buy, 1, 100), PositionQtyAboveMax, 10, 11);
            desk.passes(Sell, 7, 100);
            desk.refuses((Sell, 1, 100), PositionQtyAboveMax, 10, 11);
        },
    );
}

#[test]
fn value_of_the_worst_position() {
    at_each_level(
        |limits| limits.position_value_max = notional(1000),
        |desk| {
            desk.passes(Buy, 10, 50);
            desk.refuses((Buy, 1, 50), PositionValueAboveMax, 1000, 1100);
            desk.quote(100, 101, Outcome::Applied);
            // 100.5 rounds up.
            desk.refuses((Sell, 10, 50), PositionValueAboveMax, 1000, 1010);
            desk.passes(Sell, 9, 50);
        },
    );
}

#[test]
fn gross_exposure() {
    at_each_level(
        |limits| limits.gross_exposure_max = notional(1000),
        |desk| {
            let name = desk.passes(Buy, 10, 50);
            // What does not enlarge the larger side passes.
            desk.passes(Sell, 10, 50);
            desk.refuses((Sell, 1, 50), GrossExposureAboveMax, 1000, 1100);
            desk.quote(101, 101, Outcome::Applied);
            desk.refuses((Buy, 1, 50), GrossExposureAboveMax, 1000, 1111);
            desk.fills(name, 10, Outcome::Applied, OrderState::Filled);
            desk.passes(Sell, 10, 50);
        },
    );
}

#[test]
fn a_strategys_and_the_firms_gross_is_over_symbols_and_accounts() {
    for is_firm in [false, true] {
        let mut desk = Desk::new(|setup| {
            let max = notional(1000);
            if is_firm {
                setup.firm.gross_exposure_max = max;
            } else {
                setup.strategies[0].limits.gross_exposure_max = max;
            }
        });
        desk.quote_of(0, 100, 100);
        desk.quote_of(1, 10, 10);
        desk.passes(Buy, 5, 100);
        let mut order = desk.order(Sell, 4, 100);
        order.account = AccountId(1);
        desk.passes_order(order);
        let mut order = desk.order(Buy, if is_firm { 11 } else { 51 }, 10);
        order.symbol = SymbolId(1);
        desk.send(order);
        desk.refused(GrossExposureAboveMax, 1000, 1010);
        order.client_order_id = id(50);
        order.qty = Qty::from_raw(if is_firm { 10 } else { 50 });
        desk.passes_order(order);
    }
}

#[test]
fn sums_that_do_not_fit() {
    let mut desk = Desk::new(|_| {});
    let widest = Qty::MAX.raw();
    desk.passes(Buy, widest, 1);
    desk.passes(Buy, widest, 1);
    desk.passes(Buy, 1, 1);
    desk.refuses((Buy, 1, 1), ExposureOverflow, 0, 0);
    desk.passes(Sell, 1, 1);

    // What no real order can be worth.
    let mut desk = Desk::new(|_| {});
    desk.passes(Buy, 1 << 42, 1 << 62);
    desk.refuses((Buy, (1 << 42) + 1, 1 << 62), ExposureOverflow, 0, 0);
    desk.quote(1 << 62, 1 << 62, Outcome::Applied);
    desk.refuses((Buy, 1, 1), ExposureOverflow, 0, 0);
    desk.passes(Sell, 1, 1);
}

#[test]
fn the_lowest_number_is_told_and_all_are_listed() {
    let mut desk = Desk::new(|setup| {
        setup.firm.order_qty_max = qty(1);
        setup.firm.order_notional_max = Some(Notional::from_raw(1));
        setup.firm.open_notional_max = Some(Notional::from_raw(1));
        setup.firm.position_qty_max = qty(1);
    });
    desk.refuses((Buy, 2, 1), QtyAboveMax, 1, 2);
    assert_eq!(
        desk.last.failed,
        [
            QtyAboveMax,
            NotionalAboveMax,
            OpenNotionalAboveMax,
            PositionQtyAboveMax
        ]
    );
}

/// Behind the last session of a trading day, and not between two of it.
#[test]
fn day_orders_are_cancelled_behind_the_last_session() {
    let mut desk = Desk::new(|setup| {
        let change = |time, session, day| PhaseChange {
            time: Nanos::from_raw(time),
            session,
            day,
        };
        setup.calendars = vec![Calendar {
            sessions: vec![Session {
                order_types: OrderType::ALL.to_vec(),
                times_in_force: TimeInForce::ALL.to_vec(),
                ..Session::default()
            }],
            changes: vec![
                change(1, Some(0), 0),
                change(2000, None, 0),
                change(3000, Some(0), 0),
                change(4000, None, 1),
                change(5000, Some(0), 1),
            ],
            ..Calendar::default()
        }];
        setup.symbols[0].calendar = Some(CalendarId(0));
        setup.answer_timeout = Nanos::from_raw(1_000_000);
    });
    let for_the_day = |desk: &mut Desk| {
        let order = desk.order(Buy, 1, 100);
        desk.passes_order(NewOrder {
            time_in_force: TimeInForce::Day as u8,
            ..order
        })
    };
    let of_the_day = for_the_day(&mut desk);
    let kept = desk.passes(Buy, 1, 100);
    desk.reported(of_the_day, Exec::New, Outcome::Applied, OrderState::Open);
    desk.reported(kept, Exec::New, Outcome::Applied, OrderState::Open);
    desk.now = 2000;
    desk.refuses((Buy, 1, 100), MarketClosed, 0, 0);
    assert_eq!(desk.sent_by_ticks(), []);
    desk.now = 3999;
    let last = for_the_day(&mut desk);
    desk.now = 4000;
    desk.refuses((Buy, 1, 100), MarketClosed, 0, 0);
    let mut cancelled = desk.sent_by_ticks();
    cancelled.sort_by_key(|(_, serial)| *serial);
    assert_eq!(
        cancelled,
        [(Kind::BrokerCancel, 1), (Kind::BrokerCancel, 3)]
    );
    desk.reported(
        last,
        Exec::Canceled,
        Outcome::Applied,
        OrderState::Cancelled,
    );
    desk.now = 5000;
    for_the_day(&mut desk);
    assert_eq!(desk.sent_by_ticks(), []);
}

#[test]
fn a_basket_is_worth_its_limit_and_not_one_more() {
    let mut desk = Desk::new(|setup| setup.firm.basket_notional_max = notional(300));
    for (last, is_accepted) in [(100, true), (101, false)] {
        let lines = [(2, 100), (1, last)].map(|(qty, price)| {
            let mut order = desk.order(Buy, qty, price);
            order.client_order_id = id(10 * last as u64 + qty);
            Frame::new(Kind::NewOrder, Header::default(), order)
        });
        desk.play_frame(Kind::Basket, 0, 0, Basket::default(), &lines, None);
        assert_eq!(desk.last.outcome == Outcome::Accepted, is_accepted);
        let told = (desk.last.reason, desk.last.limit, desk.last.value);
        assert!(
            is_accepted || told == (Some(BasketNotionalAboveMax), 300, 301),
            "{told:?}"
        );
    }
}

#[test]
fn an_account_spends_its_funds_and_not_one_more() {
    let mut desk = Desk::new(|setup| setup.accounts[0].funds = notional(100));
    desk.passes(Buy, 1, 40);
    desk.refuses((Buy, 1, 61), FundsAboveMax, 100, 101);
    desk.passes(Buy, 1, 60);
    desk.refuses((Buy, 1, 1), FundsAboveMax, 100, 101);
    desk.passes(Sell, 1, 1000);
}
