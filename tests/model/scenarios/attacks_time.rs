//! Attacks by way of time: days that end too often or too late, judgements that are kept too long.

use super::desk::*;
use portcullis::message::{Exec, Frame, Header, Kind, NewOrder, OrderState, Scope};
use portcullis::risk::core::Core;
use portcullis::risk::decision::{Effects, Outcome};
use portcullis::risk::setup::{Answer, Calendar, PhaseChange, Response, Session, Setup, Trigger};
use portcullis::units::{CalendarId, Nanos, Price};

const DAY: u64 = 86_400_000_000_000;
/// When the last day begins that time has room for, and it ends with it.
const LAST_DAY: u64 = u64::MAX / DAY * DAY;

fn of_a_day(setup: &mut Setup) {
    setup.firm.day_qty_max = qty(10);
    setup.firm.day_orders_max = Some(3);
}

/// Uses up the day, and sees that it is.
#[track_caller]
fn uses_up(desk: &mut Desk) {
    for _ in 0..3 {
        desk.passes(Buy, 1, 1);
    }
    desk.refuses((Buy, 1, 1), DayOrdersAboveMax, 3, 4);
}

/// Tried: the first moment, the last ones of a day, the day before the last of all; and back again.
#[test]
fn a_day_ends_once() {
    for first in [
        0,
        1,
        DAY - 1,
        DAY,
        7 * DAY,
        u64::MAX / 2,
        LAST_DAY - DAY - 1,
    ] {
        let mut desk = Desk::new(of_a_day);
        desk.now = first;
        uses_up(&mut desk);
        let last = first / DAY * DAY + DAY - 1;
        for now in [first, last, 0, first, last] {
            desk.now = now;
            desk.refuses((Buy, 1, 1), DayOrdersAboveMax, 3, 4);
        }
        desk.now = last + 1;
        uses_up(&mut desk);
        for now in [0, last, last + 1] {
            desk.now = now;
            desk.refuses((Buy, 1, 1), DayOrdersAboveMax, 3, 4);
        }
    }
}

/// Tried: the last day that there is, whose end is no number, and the last moment of it: each event there
/// ended the day, and nothing counted. The model knows no such time, so the core stands alone.
#[test]
fn the_last_day_has_no_end() {
    let counts_as = Calendar {
        sessions: vec![Session::default()],
        ..Calendar::default()
    };
    for calendars in [vec![], vec![counts_as]] {
        for now in [LAST_DAY, u64::MAX - 1, u64::MAX] {
            let mut setup = setup();
            of_a_day(&mut setup);
            setup.day_calendar = calendars.first().map(|_| CalendarId(0));
            setup.calendars.clone_from(&calendars);
            let mut core = Core::new(&setup);
            let desk = Desk::new(|_| {});
            let outcomes: Vec<_> = (0..5)
                .map(|at| {
                    let header = Header {
                        time: Nanos::from_raw(now),
                        ..Header::default()
                    };
                    let order = NewOrder {
                        client_order_id: id(at),
                        ..desk.order(Buy, 1, 1)
                    };
                    let frame = Frame::new(Kind::NewOrder, header, order);
                    core.step(&frame, &[], &mut Effects::default()).reason
                })
                .collect();
            let above = Some(DayOrdersAboveMax);
            assert_eq!(outcomes, [None, None, None, above, above], "{now}");
        }
    }
}

/// Tried: orders that stand over midnight, and fills of yesterday's that come late.
#[test]
fn what_stands_over_midnight_counts_on_both_days() {
    let mut desk = Desk::new(|setup| setup.firm.day_qty_max = qty(10));
    let first = desk.passes(Buy, 6, 1);
    desk.fills(first, 2, Outcome::Applied, OrderState::PartiallyFilled);
    desk.refuses((Buy, 5, 1), DayQtyAboveMax, 10, 11);
    desk.now = DAY;
    desk.refuses((Buy, 7, 1), DayQtyAboveMax, 10, 11);
    desk.reported(
        first,
        Exec::Canceled,
        Outcome::Applied,
        OrderState::Cancelled,
    );
    desk.fills(first, 4, Outcome::LateFill, OrderState::Cancelled);
    desk.refuses((Buy, 7, 1), DayQtyAboveMax, 10, 11);
    desk.passes(Buy, 6, 1);
}

/// Tried: a calendar whose days count, before its first, behind its last, and many changes at one time.
#[test]
fn a_calendar_ends_a_day_once() {
    let change = |time, session, day| PhaseChange {
        time: Nanos::from_raw(time),
        session,
        day,
    };
    let mut desk = Desk::new(|setup| {
        setup.firm.day_orders_max = Some(3);
        setup.calendars = vec![Calendar {
            name: "one".to_owned(),
            sessions: vec![Session::default()],
            changes: vec![
                change(2_000, Some(0), 0),
                change(2_500, None, 1),
                change(3_000, Some(0), 1),
                change(3_001, None, 2),
                change(2 * DAY, Some(0), 3),
            ],
        }];
        setup.day_calendar = Some(CalendarId(0));
    });
    uses_up(&mut desk);
    for (now, is_another) in [
        (2_000, false),
        (2_499, false),
        (2_500, true),
        (3_000, false),
        (9_000, true),
        (DAY, false),
        (2 * DAY - 1, false),
        (2 * DAY, true),
        (2 * DAY, false),
        (LAST_DAY, false),
        (0, false),
    ] {
        desk.now = now;
        match is_another {
            true => uses_up(&mut desk),
            false => desk.refuses((Buy, 1, 1), DayOrdersAboveMax, 3, 4),
        }
    }
}

/// Tried: the judgement of a price that is kept, on both sides of each edge of a part of the window.
#[test]
fn a_move_is_forgotten_when_its_part_is_and_not_before() {
    for late in [0, 1, 50, 99] {
        let mut desk = Desk::new(|setup| {
            setup.symbols[0].move_max = Some(10_000_000);
            setup.symbols[0].move_window = Nanos::from_raw(800);
        });
        desk.now = 1_000 + late;
        desk.quote(100, 100, Outcome::Applied);
        desk.now = 1_250;
        desk.quote(120, 120, Outcome::Applied);
        for now in [1_250, 1_299, 1_300, 1_799, 1_800 + late, 1_899, 0] {
            desk.now = now;
            desk.refuses((Buy, 1, 120), ReferenceMoved, 10, 20);
        }
        desk.now = 1_900;
        desk.passes(Buy, 1, 120);
        // Back to where it was, which is far from where it is.
        desk.quote(100, 100, Outcome::Applied);
        for now in [1_900, 1_999, 2_000, 2_099] {
            desk.now = now;
            desk.refuses((Buy, 1, 100), ReferenceMoved, 12, 20);
        }
        desk.now = LAST_DAY - 1;
        desk.passes(Buy, 1, 100);
    }
}

/// Tried: two prices of one part, the second of which is near again: the first still counts.
#[test]
fn a_price_that_comes_back_does_not_hide_where_it_was() {
    let mut desk = Desk::new(|setup| {
        setup.symbols[0].move_max = Some(10_000_000);
        setup.symbols[0].move_window = Nanos::from_raw(800);
    });
    for price in [100, 120, 111] {
        desk.quote(price, price, Outcome::Applied);
    }
    desk.refuses((Buy, 1, 111), ReferenceMoved, 10, 11);
    desk.now = 1_899;
    desk.refuses((Buy, 1, 111), ReferenceMoved, 10, 11);
    desk.now = 1_900;
    desk.passes(Buy, 1, 111);
}

fn answers(setup: &mut Setup, answer: Answer) {
    setup.firm.order_qty_max = qty(10);
    setup.responses = vec![Response {
        name: "too many".to_owned(),
        on: Trigger::Refusals,
        reasons: vec![QtyAboveMax],
        scope: Scope::Strategy,
        count: 2,
        window: Nanos::from_raw(100),
        answer,
        pause: Nanos::from_raw(500),
        slow_interval: Nanos::from_raw(50),
    }];
}

fn provokes(desk: &mut Desk) {
    for _ in 0..2 {
        let order = desk.order(Buy, 11, 1);
        desk.send(order);
    }
}

/// Tried: a pause that is raised and then earned again, a shorter one behind a longer, both edges.
#[test]
fn what_is_raised_is_answered_again() {
    let mut desk = Desk::new(|setup| answers(setup, Answer::Refuse));
    for _ in 0..3 {
        provokes(&mut desk);
        desk.refuses((Buy, 1, 1), LevelPaused, 500, 0);
        desk.raise(Scope::Strategy, 0, 0, Outcome::Applied);
        desk.raise(Scope::Strategy, 0, 0, Outcome::NotPermitted);
        desk.refuses((Buy, 1, 1), LevelPaused, 500, 0);
        desk.raise(Scope::Strategy, 0, 1, Outcome::Applied);
        desk.passes(Buy, 1, 1);
        desk.raise(Scope::Strategy, 0, 2, Outcome::NotPermitted);
    }
    provokes(&mut desk);
    desk.now = 1_499;
    desk.refuses((Buy, 1, 1), LevelPaused, 500, 499);
    desk.now = 0;
    desk.refuses((Buy, 1, 1), LevelPaused, 500, 499);
    desk.now = 1_500;
    desk.passes(Buy, 1, 1);
}

/// Tried: a slow level's next order as a replace, as two at once, and right behind a raise.
#[test]
fn a_slow_level_stays_slow() {
    let mut desk = Desk::new(|setup| answers(setup, Answer::Slow));
    let name = desk.passes(Buy, 1, 1);
    provokes(&mut desk);
    desk.refuses((Buy, 1, 1), LevelSlowed, 50, 0);
    desk.now = 1_050;
    desk.passes(Buy, 1, 1);
    desk.replace(name, 2, 1);
    desk.refused(LevelSlowed, 50, 0);
    desk.now = 1_100;
    desk.replace(name, 2, 1);
    assert_eq!(desk.last.outcome, Outcome::Accepted);
    desk.now = 1_149;
    desk.refuses((Buy, 1, 1), LevelSlowed, 50, 49);
    provokes(&mut desk);
    desk.now = 1_150;
    desk.refuses((Buy, 1, 1), LevelSlowed, 50, 1);
}

/// Tried: a price of before, of a symbol without one, of a symbol that is not there; prices at the ends.
#[test]
fn a_price_that_is_none_shuts_and_opens_nothing() {
    let mut desk = Desk::new(|setup| {
        setup.firm.reference_age_max = nanos(100);
        setup.firm.gross_exposure_max = notional(1_000_000);
        setup.symbols[0].price_min = Some(Price::from_raw(i64::MIN));
    });
    for (bid, ask) in [
        (i64::MIN, i64::MIN),
        (i64::MIN, i64::MAX),
        (i64::MAX, i64::MAX),
        (0, 0),
        (2, 1),
        (i64::MAX, i64::MIN),
    ] {
        desk.quote_of(0, bid, ask);
        desk.quote_of(u32::MAX, bid, ask);
        let order = desk.order(Buy, 100_000_000, i64::MAX / 100);
        desk.play(Kind::NewOrder, 0, order);
        let order = desk.order(Sell, 1, 0);
        desk.play(Kind::NewOrder, 0, order);
    }
    desk.quote(100, 100, Outcome::Applied);
    desk.now += 100;
    desk.passes(Buy, 1, 100);
    desk.now += 1;
    desk.refuses((Buy, 1, 100), ReferenceStale, 100, 101);
    desk.quote(0, 0, Outcome::Implausible);
    desk.refuses((Buy, 1, 100), ReferenceUnusable, 0, 0);
}

/// Tried: a middle of exactly nothing, as a spread may have: positions are worth nothing there, and what
/// bounds their value bounds nothing. What bounds orders by their own price does, and a collar passes
/// nothing but that price.
#[test]
fn at_a_middle_of_nothing_only_quantities_and_own_prices_bound() {
    let with = |set: fn(&mut Setup)| {
        let mut desk = Desk::new(|setup| {
            setup.symbols[0].price_min = Some(Price::from_raw(i64::MIN));
            setup.firm.gross_exposure_max = notional(10);
            setup.firm.position_value_max = notional(10);
            set(setup);
        });
        desk.quote(-1, 1, Outcome::Applied);
        desk
    };
    with(|_| {}).passes(Buy, 1_000, 1);
    with(|setup| setup.firm.open_notional_max = notional(10)).refuses(
        (Buy, 11, 1),
        OpenNotionalAboveMax,
        10,
        11,
    );
    with(|setup| setup.firm.position_qty_max = qty(10)).refuses(
        (Buy, 11, 1),
        PositionQtyAboveMax,
        10,
        11,
    );
    let collar = |setup: &mut Setup| {
        setup.firm.price_collar = Some(1_000_000_000);
        setup.firm.reference_age_max = nanos(1_000);
    };
    with(collar).refuses((Buy, 1, 1), PriceOutsideCollar, 0, 1);
    let mut desk = with(|_| {});
    desk.passes(Buy, 1_000, 1);
    desk.quote(1, 1, Outcome::Applied);
    desk.refuses((Buy, 1, 1), PositionValueAboveMax, 10, 1_001);
}
