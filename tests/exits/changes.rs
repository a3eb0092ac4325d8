//! Terms that come to a position which stands: what each of them counts from.

use super::world::*;
use portcullis::message::{
    Adjust, AdjustKind, ExitChange, Kind, NewOrder, OrderType, Side, Text, TimeInForce,
};
use portcullis::risk::decision::Outcome;
use portcullis::risk::exits::ExitCause;
use portcullis::risk::setup::{ExitTerms, Setup};
use portcullis::units::{AccountId, Nanos, Position, StrategyId, SymbolId};

const PER_CENT: u64 = 1_000_000;
const SECOND: u64 = 1_000_000_000;

/// What an order says.
type Says = fn(&mut NewOrder);

fn cause(world: &World) -> Option<ExitCause> {
    world.core.exits().next().map(|exit| exit.cause)
}

fn until(world: &World) -> Option<Nanos> {
    world.core.exit_terms(AccountId(0), SymbolId(0)).1
}

/// A world that holds ten lots, bought at 100 by an order.
fn holding(setup: &Setup, says: Says) -> World {
    let mut world = World::new(setup);
    buys(&mut world, 10, 100, says);
    world
}

/// An order is filled whole.
fn buys(world: &mut World, lots: u64, at: i64, says: Says) {
    world.order_with(Side::Buy, lots, at, says).unwrap();
    world.deliver_request(false);
    let id = world.standing.last().unwrap().id;
    world.fill(id, lots, price(at));
    world.settle(price(at));
}

/// Tried: an order that says break even, long reached, and then one that adds and says others. It has none any
/// more, and is left for none.
#[test]
fn break_even_is_gone_with_its_term() {
    let says_it: Says = |order| order.break_even_bps = 100;
    let says_another: Says = |order| order.stop_loss_bps = 500_000;
    let mut world = holding(&setup(ExitTerms::NONE), says_it);
    world.quote(110, 100);
    buys(&mut world, 10, 110, says_another);
    for at in [105, 104, 60] {
        world.quote(at, 100);
        assert_eq!(cause(&world), None, "{at}");
    }
    world.quote(50, 100);
    assert_eq!(cause(&world), Some(ExitCause::StopLoss));
}

/// Tried: so much more to gain before it may not be lost: what was enough before is not enough any more.
#[test]
fn break_even_that_is_raised_has_to_be_reached() {
    let says_little: Says = |order| order.break_even_bps = 100;
    let says_much: Says = |order| order.break_even_bps = 1_000;
    let mut world = holding(&setup(ExitTerms::NONE), says_little);
    world.quote(102, 100);
    buys(&mut world, 10, 102, says_much);
    for at in [105, 101, 112, 102] {
        world.quote(at, 100);
        assert_eq!(cause(&world), None, "{at}");
    }
    world.quote(101, 100);
    assert_eq!(cause(&world), Some(ExitCause::BreakEven));
    // The same again changes nothing.
    let mut world = holding(&setup(ExitTerms::NONE), says_little);
    world.quote(104, 100);
    buys(&mut world, 10, 104, says_little);
    world.quote(102, 100);
    assert_eq!(cause(&world), Some(ExitCause::BreakEven));
}

/// Tried: an order that adds says how long; one that adds says nothing of it any more.
#[test]
fn an_order_that_adds_says_how_long_it_is_held() {
    let says_nothing: Says = |_| {};
    let says_long: Says = |order| order.hold_max_secs = 60;
    let says_short: Says = |order| order.hold_max_secs = 20;
    let says_another: Says = |order| order.stop_loss_bps = 500_000;
    let mut world = holding(&setup(ExitTerms::NONE), says_nothing);
    world.now += 100 * SECOND;
    world.quote(100, 100);
    assert_eq!(until(&world), None);
    buys(&mut world, 1, 100, says_long);
    assert_eq!(
        until(&world),
        Some(Nanos::from_raw(world.now + 60 * SECOND))
    );
    // The same again is no longer than that, another counts from now.
    world.now += 30 * SECOND;
    buys(&mut world, 1, 100, says_long);
    assert_eq!(
        until(&world),
        Some(Nanos::from_raw(world.now + 30 * SECOND))
    );
    buys(&mut world, 1, 100, says_short);
    assert_eq!(
        until(&world),
        Some(Nanos::from_raw(world.now + 20 * SECOND))
    );
    world.now += 20 * SECOND;
    world.tick();
    assert_eq!(cause(&world), Some(ExitCause::TimeStop));

    let mut world = holding(&setup(ExitTerms::NONE), says_long);
    buys(&mut world, 1, 100, says_another);
    assert_eq!(until(&world), None);
    world.now += 100 * SECOND;
    world.tick();
    assert_eq!(cause(&world), None);
}

/// Tried: a trailing stop that an order brings later: it trails from there, whether the position had other terms
/// before or none.
#[test]
fn a_trailing_stop_that_comes_later_trails_from_there() {
    let says_nothing: Says = |_| {};
    let says_stop: Says = |order| order.stop_loss_bps = 500_000;
    let says_trailing: Says = |order| order.trailing_stop_bps = 500;
    for first in [says_nothing, says_stop] {
        let mut world = holding(&setup(ExitTerms::NONE), first);
        for at in [150, 110] {
            world.quote(at, 100);
        }
        buys(&mut world, 1, 110, says_trailing);
        assert_eq!(cause(&world), None);
        for at in [120, 115] {
            world.quote(at, 100);
            assert_eq!(cause(&world), None, "{at}");
        }
        world.quote(114, 100);
        assert_eq!(cause(&world), Some(ExitCause::TrailingStop));
    }
}

/// Tried: an inverse contract splits. What it is worth stays, so its price is twice what it was, and its best
/// with it: a stop that trails it is where it was.
#[test]
fn a_trailing_stop_of_an_inverse_contract_goes_through_a_split() {
    for side in [Side::Buy, Side::Sell] {
        let mut setup = setup(ExitTerms {
            trailing: Some(10 * PER_CENT),
            ..ExitTerms::NONE
        });
        setup.symbols[0].is_inverse = true;
        let mut world = World::new(&setup);
        world.hold(if side == Side::Buy { 10 } else { -10 });
        let splits = Adjust {
            qty: Position::from_raw(2 * LOT as i64),
            price: price(1),
            account: AccountId::NONE,
            strategy: StrategyId::NONE,
            operator: 0,
            kind: AdjustKind::Split as u8,
            ..Adjust::default()
        };
        let outcome = world.step(Kind::Adjust, StrategyId::NONE, splits).outcome;
        assert_eq!(outcome, Outcome::Applied);
        let towards = if side == Side::Buy { -1 } else { 1 };
        for at in [200, 200 + 19 * towards] {
            world.quote(at, 100);
            assert_eq!(cause(&world), None, "{side:?} {at}");
        }
        world.quote(200 + 20 * towards, 100);
        assert_eq!(cause(&world), Some(ExitCause::TrailingStop), "{side:?}");
    }
}

/// Tried: a fill that crosses an exit and adds to what is left brings terms of its own: the exit's stay.
#[test]
fn what_fills_beside_an_exit_changes_no_terms() {
    let mut world = holding(&setup(ExitTerms::NONE), |order| {
        order.stop_loss_bps = 500_000
    });
    let before = world.core.exit_terms(AccountId(0), SymbolId(0));
    let order = NewOrder {
        price: price(90),
        qty: qty(5),
        client_order_id: Text::new("crosses").unwrap(),
        side: Side::Buy as u8,
        order_type: OrderType::Limit as u8,
        time_in_force: TimeInForce::Day as u8,
        hold_max_secs: 7,
        ..NewOrder::default()
    };
    world.step(Kind::NewOrder, StrategyId(0), order);
    world.deliver_request(false);
    let change = ExitChange {
        close: 1,
        ..ExitChange::default()
    };
    world.step(Kind::Exit, StrategyId::NONE, change);
    let id = world.standing[0].id;
    world.fill(id, 5, price(90));
    while !world.reports.is_empty() {
        world.deliver_report();
    }
    assert_eq!(world.core.exit_terms(AccountId(0), SymbolId(0)), before);
    world.settle(price(90));
    assert_eq!((world.positions[0], cause(&world)), (0, None));
}
