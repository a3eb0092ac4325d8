//! What an operator says of a position that stands.

use super::world::*;
use portcullis::message::{ExitChange, Kind, NewOrder, Side, Text};
use portcullis::reject::RejectReason;
use portcullis::risk::decision::Outcome;
use portcullis::risk::exits::ExitCause;
use portcullis::risk::setup::ExitTerms;
use portcullis::units::{AccountId, Nanos, StrategyId, SymbolId};

/// One per cent, as an operator writes it: 100 basis points.
const PER_CENT: u32 = 10_000;
/// The same among the terms of a position.
const PART: u64 = 1_000_000;

/// What an operator asks for.
type Change = fn(&mut ExitChange);
/// What an order says.
type OrderChange = fn(&mut NewOrder);

fn stop() -> ExitTerms {
    ExitTerms {
        stop_loss: Some(5 * PART),
        ..ExitTerms::NONE
    }
}

fn holding(terms: ExitTerms, lots: i64) -> World {
    let mut world = World::new(&setup(terms));
    world.hold(lots);
    world
}

fn set(world: &mut World, change: impl FnOnce(&mut ExitChange)) -> Outcome {
    let mut body = ExitChange::default();
    change(&mut body);
    world.step(Kind::Exit, StrategyId::NONE, body).outcome
}

fn cause(world: &World) -> Option<ExitCause> {
    world.core.exits().next().map(|exit| exit.cause)
}

fn terms(world: &World) -> ExitTerms {
    world.core.exit_terms(AccountId(0), SymbolId(0)).0
}

/// Goes through prices of X: at which one the position was left, and why.
fn left_at(world: &mut World, prices: &[i64]) -> Option<(i64, ExitCause)> {
    for at in prices {
        world.quote(*at, 100);
        if let Some(cause) = cause(world) {
            world.settle(price(*at));
            assert_eq!(world.positions[0], 0);
            return Some((*at, cause));
        }
    }
    None
}

#[test]
fn a_position_that_stands_takes_each_kind_of_term() {
    let cases: [(Change, &[i64], (i64, ExitCause)); 4] = [
        (
            |it| it.stop_loss_bps = 2 * PER_CENT,
            &[99, 98],
            (98, ExitCause::StopLoss),
        ),
        (
            |it| it.take_profit_bps = 3 * PER_CENT,
            &[95, 102, 103],
            (103, ExitCause::TakeProfit),
        ),
        (
            |it| it.trailing_stop_bps = 10 * PER_CENT,
            &[110, 100, 99],
            (99, ExitCause::TrailingStop),
        ),
        (
            |it| it.break_even_bps = 2 * PER_CENT,
            &[99, 102, 101, 100],
            (100, ExitCause::BreakEven),
        ),
    ];
    for (change, prices, expected) in cases {
        let mut world = holding(ExitTerms::NONE, 10);
        assert_eq!(set(&mut world, change), Outcome::Applied);
        assert_eq!(left_at(&mut world, prices), Some(expected));
    }
    // And on the other side.
    let mut world = holding(ExitTerms::NONE, -10);
    set(&mut world, |it| it.trailing_stop_bps = 10 * PER_CENT);
    let left = left_at(&mut world, &[110, 100, 90, 98, 99]);
    assert_eq!(left, Some((110, ExitCause::TrailingStop)));
}

#[test]
fn time_counts_from_when_it_is_set() {
    let mut world = holding(ExitTerms::NONE, 10);
    world.now += 500_000_000_000;
    let at = world.now;
    set(&mut world, |it| it.hold_max = Nanos::from_secs(60));
    world.now = at + 59_999_999_999;
    world.tick();
    assert_eq!(cause(&world), None);
    world.now += 1;
    world.tick();
    assert_eq!(cause(&world), Some(ExitCause::TimeStop));

    let mut world = holding(
        ExitTerms {
            hold_max: Some(Nanos::from_secs(60)),
            ..ExitTerms::NONE
        },
        10,
    );
    set(&mut world, |it| it.hold_max = ExitChange::TIME_OFF);
    world.now += 61_000_000_000;
    world.tick();
    assert_eq!(cause(&world), None);
}

#[test]
fn what_is_not_named_stays_and_off_takes_away() {
    let mut world = holding(stop(), 10);
    set(&mut world, |it| it.take_profit_bps = 8 * PER_CENT);
    let both = ExitTerms {
        stop_loss: Some(5 * PART),
        take_profit: Some(8 * PART),
        ..ExitTerms::NONE
    };
    assert_eq!(terms(&world), both);
    set(&mut world, |it| it.stop_loss_bps = ExitChange::PART_OFF);
    assert_eq!(terms(&world).stop_loss, None);
    assert_eq!(
        left_at(&mut world, &[50, 108]),
        Some((108, ExitCause::TakeProfit))
    );
    // The next position has what its strategy says.
    world.quote(100, 100);
    world.hold(10);
    assert_eq!(terms(&world), stop());
}

#[test]
fn terms_that_are_met_already_close_at_once() {
    let mut world = holding(ExitTerms::NONE, 10);
    world.quote(97, 100);
    assert_eq!(cause(&world), None);
    set(&mut world, |it| it.stop_loss_bps = 3 * PER_CENT);
    assert_eq!(cause(&world), Some(ExitCause::StopLoss));
    assert_eq!(world.requests.len(), 1, "its order leaves in the same step");
}

#[test]
fn a_trailing_stop_counts_from_the_price_at_which_it_is_set() {
    let mut world = holding(stop(), 10);
    world.quote(150, 100);
    world.quote(120, 100);
    set(&mut world, |it| it.trailing_stop_bps = 10 * PER_CENT);
    assert_eq!(cause(&world), None, "150 was before");
    world.quote(130, 100);
    // A tighter one keeps the best that it has seen.
    set(&mut world, |it| it.trailing_stop_bps = 5 * PER_CENT);
    assert_eq!(
        left_at(&mut world, &[124, 123]),
        Some((123, ExitCause::TrailingStop))
    );
}

#[test]
fn break_even_is_armed_anew() {
    let mut world = holding(ExitTerms::NONE, 10);
    set(&mut world, |it| it.break_even_bps = 2 * PER_CENT);
    world.quote(102, 100);
    world.quote(101, 100);
    set(&mut world, |it| it.break_even_bps = 4 * PER_CENT);
    assert_eq!(
        left_at(&mut world, &[100, 103, 99, 104, 100]),
        Some((100, ExitCause::BreakEven))
    );
}

#[test]
fn a_price_that_cannot_be_believed_is_waited_out() {
    let mut setup = setup(ExitTerms::NONE);
    setup.symbols[0].spread_max = Some(PART);
    let mut world = World::new(&setup);
    world.hold(10);
    world.quote_of(0, price(50), price(150));
    set(&mut world, |it| it.trailing_stop_bps = 10 * PER_CENT);
    assert_eq!(cause(&world), None);
    assert_eq!(
        left_at(&mut world, &[80, 73, 72]),
        Some((72, ExitCause::TrailingStop)),
        "the first good price is the best so far"
    );
}

#[test]
fn a_person_closes_a_position_now() {
    let mut world = holding(ExitTerms::NONE, 10);
    world.order(Side::Sell, 4, 110).unwrap();
    world.order(Side::Buy, 3, 95).unwrap();
    world.settle(price(100));
    assert_eq!(set(&mut world, |it| it.close = 1), Outcome::Applied);
    assert_eq!(cause(&world), Some(ExitCause::Operator));
    let refused = world.order(Side::Buy, 1, 100);
    assert_eq!(
        (refused, world.refused),
        (None, Some(RejectReason::ExitUnderWay))
    );
    // Without a price, too.
    world.settle(price(100));
    assert_eq!((world.positions[0], world.standing.len()), (0, 0));
    assert_eq!(world.core.exits().count(), 0);
}

#[test]
fn a_position_is_closed_while_its_price_cannot_be_believed() {
    let mut setup = setup(ExitTerms::NONE);
    setup.symbols[0].spread_max = Some(PART);
    let mut world = World::new(&setup);
    world.hold(-10);
    world.quote_of(0, price(50), price(150));
    set(&mut world, |it| it.close = 1);
    world.settle(price(100));
    assert_eq!(world.positions[0], 0);
}

#[test]
fn what_cannot_be_done_changes_nothing() {
    let cases: [(&str, Change); 8] = [
        ("nothing is asked for", |_| {}),
        ("who", |it| (it.operator, it.close) = (2, 1)),
        ("nobody", |it| (it.operator, it.close) = (u32::MAX, 1)),
        ("whose", |it| (it.account, it.close) = (AccountId(1), 1)),
        ("of what", |it| (it.symbol, it.close) = (SymbolId(2), 1)),
        ("nothing is held", |it| {
            (it.symbol, it.close) = (SymbolId(1), 1);
        }),
        ("closed how", |it| it.close = 2),
        ("reserved", |it| (it.reserved[22], it.close) = (1, 1)),
    ];
    for (case, change) in cases {
        let mut world = holding(stop(), 10);
        let before = world.core.next_deadline();
        assert_eq!(set(&mut world, change), Outcome::NotPermitted, "{case}");
        assert_eq!(terms(&world), stop(), "{case}");
        assert_eq!(cause(&world), None, "{case}");
        assert_eq!(world.core.next_deadline(), before, "{case}");
    }
    // Nor once an exit is under way: it ends with the position.
    let mut world = holding(stop(), 10);
    world.quote(95, 100);
    for change in [
        |it: &mut ExitChange| it.close = 1,
        |it: &mut ExitChange| it.stop_loss_bps = ExitChange::PART_OFF,
    ] {
        assert_eq!(set(&mut world, change), Outcome::NotPermitted);
    }
    assert_eq!(cause(&world), Some(ExitCause::StopLoss));
    world.settle(price(95));
    assert_eq!(world.positions[0], 0);
    // What was flat long ago is nothing.
    assert_eq!(set(&mut world, |it| it.close = 1), Outcome::NotPermitted);
}

#[test]
fn every_term_changes_the_state() {
    let changes: [Change; 5] = [
        |it| it.stop_loss_bps = 7 * PER_CENT,
        |it| it.take_profit_bps = 7 * PER_CENT,
        |it| it.trailing_stop_bps = 7 * PER_CENT,
        |it| it.break_even_bps = 7 * PER_CENT,
        |it| it.hold_max = Nanos::from_secs(7),
    ];
    let mut digests = vec![holding(stop(), 10).core.state_hash()];
    for change in changes {
        let mut world = holding(stop(), 10);
        set(&mut world, change);
        digests.push(world.core.state_hash());
    }
    digests.sort_unstable();
    digests.dedup();
    assert_eq!(digests.len(), 6);
}

#[test]
fn an_order_brings_each_kind_of_term() {
    let cases: [(OrderChange, ExitTerms); 5] = [
        (
            |it| it.stop_loss_bps = 150,
            ExitTerms {
                stop_loss: Some(15_000),
                ..ExitTerms::NONE
            },
        ),
        (
            |it| it.take_profit_bps = 150,
            ExitTerms {
                take_profit: Some(15_000),
                ..ExitTerms::NONE
            },
        ),
        (
            |it| it.trailing_stop_bps = 150,
            ExitTerms {
                trailing: Some(1_500_000),
                ..ExitTerms::NONE
            },
        ),
        (
            |it| it.break_even_bps = 150,
            ExitTerms {
                break_even: Some(1_500_000),
                ..ExitTerms::NONE
            },
        ),
        (
            |it| it.hold_max_secs = 90,
            ExitTerms {
                hold_max: Some(Nanos::from_secs(90)),
                ..ExitTerms::NONE
            },
        ),
    ];
    for (change, expected) in cases {
        // It says all of it: what its strategy has set for others does not count.
        let mut world = World::new(&setup(stop()));
        world.order_with(Side::Buy, 10, 100, change).unwrap();
        world.deliver_request(false);
        let id = world.standing[0].id;
        world.fill(id, 10, price(100));
        world.settle(price(100));
        assert_eq!(terms(&world), expected);
    }
}

#[test]
fn orders_that_add_may_bring_other_terms_and_a_reversal_brings_its_own() {
    let mut world = holding(stop(), 10);
    set(&mut world, |it| {
        (it.stop_loss_bps, it.note) = (7 * PER_CENT, Text::new("wider").unwrap());
    });
    world.hold(5);
    assert_eq!(terms(&world).stop_loss, Some(7 * PART), "as it was set");
    world.order_with(Side::Buy, 1, 100, |it| it.stop_loss_bps = 20_000);
    world.deliver_request(false);
    let id = world.standing[0].id;
    world.fill(id, 1, price(100));
    world.settle(price(100));
    assert_eq!(terms(&world).stop_loss, Some(2 * PART), "as the order says");
    set(&mut world, |it| it.stop_loss_bps = 7 * PER_CENT);
    world.hold(-20);
    assert_eq!(world.positions[0], -4);
    assert_eq!(terms(&world), stop(), "another position");
}
