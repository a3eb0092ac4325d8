//! What begins an exit, and what does not.

use super::world::*;
use portcullis::message::{
    Adjust, AdjustKind, Control, Kind, Link, LinkState, OrderType, Scope, Side, TimeInForce,
};
use portcullis::reject::RejectReason;
use portcullis::risk::decision::Outcome;
use portcullis::risk::exits::ExitCause;
use portcullis::risk::setup::{Calendar, ExitTerms, LossAnswer, PhaseChange, Session, Setup};
use portcullis::units::{
    BrokerId, CalendarId, Nanos, Notional, Position, Price, StrategyId, SymbolId,
};

const PER_CENT: u64 = 1_000_000;

fn stop() -> ExitTerms {
    ExitTerms {
        stop_loss: Some(5 * PER_CENT),
        ..ExitTerms::NONE
    }
}

fn world(terms: ExitTerms, lots: i64) -> World {
    let mut world = World::new(&setup(terms));
    world.hold(lots);
    world
}

fn cause(world: &World) -> Option<ExitCause> {
    world.core.exits().next().map(|exit| exit.cause)
}

/// Goes through prices of X and tells at which one the position was left, and why.
fn left_at(terms: ExitTerms, lots: i64, prices: &[i64]) -> Option<(i64, ExitCause)> {
    let mut world = world(terms, lots);
    for at in prices {
        world.quote(*at, 100);
        if let Some(cause) = cause(&world) {
            world.settle(price(*at));
            assert_eq!(world.positions[0], 0);
            assert_eq!(cause_count(&world), 0);
            return Some((*at, cause));
        }
    }
    None
}

fn cause_count(world: &World) -> usize {
    world.core.exits().count()
}

#[test]
fn a_stop_and_a_target_are_met_exactly_on_both_sides() {
    let both = ExitTerms {
        stop_loss: Some(5 * PER_CENT),
        take_profit: Some(8 * PER_CENT),
        ..ExitTerms::NONE
    };
    assert_eq!(
        left_at(both, 10, &[96, 107, 95]),
        Some((95, ExitCause::StopLoss))
    );
    assert_eq!(
        left_at(both, 10, &[96, 107, 108]),
        Some((108, ExitCause::TakeProfit))
    );
    assert_eq!(
        left_at(both, -10, &[104, 93, 105]),
        Some((105, ExitCause::StopLoss))
    );
    assert_eq!(
        left_at(both, -10, &[104, 93, 92]),
        Some((92, ExitCause::TakeProfit))
    );
    assert_eq!(left_at(both, 10, &[96, 107, 96, 104]), None);
}

#[test]
fn a_trailing_stop_follows_the_best_price() {
    let trailing = ExitTerms {
        trailing: Some(10 * PER_CENT),
        ..ExitTerms::NONE
    };
    assert_eq!(
        left_at(trailing, 10, &[95, 120, 110, 109, 130, 118, 117]),
        Some((117, ExitCause::TrailingStop))
    );
    assert_eq!(
        left_at(trailing, -10, &[105, 80, 87, 70, 76, 77]),
        Some((77, ExitCause::TrailingStop))
    );
    assert_eq!(
        left_at(trailing, 10, &[91, 100, 90]),
        Some((90, ExitCause::TrailingStop))
    );
}

#[test]
fn what_had_gained_enough_is_no_loss() {
    let even = ExitTerms {
        break_even: Some(3 * PER_CENT),
        ..ExitTerms::NONE
    };
    assert_eq!(
        left_at(even, 10, &[102, 99, 103, 101, 100]),
        Some((100, ExitCause::BreakEven))
    );
    assert_eq!(
        left_at(even, -10, &[98, 101, 97, 99, 101]),
        Some((101, ExitCause::BreakEven))
    );
    assert_eq!(left_at(even, 10, &[102, 95, 102]), None);
}

#[test]
fn what_was_held_long_enough_is_left() {
    let in_time = ExitTerms {
        hold_max: Some(Nanos::from_secs(60)),
        ..ExitTerms::NONE
    };
    let mut world = world(in_time, 10);
    let opened = world.now;
    world.now = opened + 59_999_999_999;
    world.tick();
    assert_eq!(cause(&world), None);
    assert_eq!(
        world.core.next_deadline(),
        Nanos::from_raw(opened + 60_000_000_000)
    );
    world.now += 1;
    world.tick();
    assert_eq!(cause(&world), Some(ExitCause::TimeStop));
    world.settle(price(100));
    assert_eq!(world.positions[0], 0);
}

#[test]
fn an_order_says_what_closes_its_position() {
    let mut world = World::new(&setup(stop()));
    world.order_with(Side::Buy, 10, 100, |order| {
        (order.stop_loss_bps, order.take_profit_bps) = (20_000, 0);
    });
    world.deliver_request(false);
    let id = world.standing[0].id;
    world.fill(id, 10, price(100));
    world.settle(price(100));
    world.quote(99, 100);
    assert_eq!(cause(&world), None);
    world.quote(98, 100);
    assert_eq!(cause(&world), Some(ExitCause::StopLoss));
}

#[test]
fn a_gap_leaves_at_the_first_price_behind_it() {
    assert_eq!(
        left_at(stop(), 10, &[100, 60]),
        Some((60, ExitCause::StopLoss))
    );
}

#[test]
fn a_price_that_cannot_be_believed_triggers_nothing_and_the_next_good_one_does() {
    let mut setup = setup(stop());
    setup.symbols[0].jump = Some(20 * PER_CENT);
    setup.symbols[0].jump_confirmations = 2;
    let mut world = World::new(&setup);
    world.hold(10);
    let zero = Price::default();
    assert_eq!(world.quote_of(0, zero, zero), Outcome::Implausible);
    assert_eq!(
        world.quote_of(0, price(101), price(99)),
        Outcome::Implausible
    );
    assert_eq!(world.quote_of(0, price(1), price(1)), Outcome::Applied);
    assert_eq!(cause(&world), None, "a jump that nothing has confirmed");
    world.quote_of(0, price(100), price(100));
    world.quote_of(0, price(70), price(70));
    world.quote_of(0, price(70), price(70));
    assert_eq!(cause(&world), None, "confirmed once");
    world.quote_of(0, price(70), price(70));
    assert_eq!(cause(&world), Some(ExitCause::StopLoss));
}

#[test]
fn while_a_position_is_left_nothing_else_passes_there() {
    let mut world = world(stop(), 10);
    let sale = world.order(Side::Sell, 10, 110).unwrap();
    world.settle(price(100));
    world.quote(95, 100);
    assert_eq!(
        world.exit_order(),
        None,
        "the sale that stands is in its way"
    );
    world.order(Side::Buy, 1, 95);
    assert_eq!(world.refused, Some(RejectReason::ExitUnderWay));
    world.replace(sale, 5, 110);
    assert_eq!(world.refused, Some(RejectReason::ExitUnderWay));
    world.cancel(sale);
    assert_eq!(world.refused, None, "a cancel passes");
    world.settle(price(95));
    assert_eq!(world.positions[0], 0);
    assert!(world.order(Side::Buy, 1, 95).is_some());
}

#[test]
fn an_exit_waits_while_its_market_is_closed_or_its_link_is_down() {
    let mut setup = setup(stop());
    let open = Session {
        order_types: OrderType::ALL.to_vec(),
        times_in_force: TimeInForce::ALL.to_vec(),
        ..Session::default()
    };
    let change = |secs, session| PhaseChange {
        time: Nanos::from_secs(secs),
        session,
        day: 0,
    };
    setup.calendars = vec![Calendar {
        sessions: vec![open],
        changes: vec![change(0, Some(0)), change(100, None), change(200, Some(0))],
        ..Calendar::default()
    }];
    setup.symbols[0].calendar = Some(CalendarId(0));
    let mut world = World::new(&setup);
    world.hold(10);
    world.now = 100_000_000_000;
    world.quote(90, 100);
    assert_eq!(cause(&world), Some(ExitCause::StopLoss));
    world.settle(price(90));
    assert_eq!(
        (world.positions[0], world.exit_order()),
        (10, None),
        "the market is closed"
    );
    world.now = 200_000_000_000;
    let link = |state: LinkState| Link {
        broker: BrokerId(0),
        state: state as u8,
        ..Link::default()
    };
    world.step(Kind::Link, StrategyId::NONE, link(LinkState::Down));
    world.settle(price(90));
    assert_eq!(
        (world.positions[0], world.exit_order()),
        (10, None),
        "the link is down"
    );
    world.step(Kind::Link, StrategyId::NONE, link(LinkState::Up));
    world.settle(price(90));
    world.wait();
    world.settle(price(90));
    assert_eq!(world.positions[0], 0);
}

#[test]
fn an_exit_that_brings_nothing_is_tried_again_and_somebody_is_told() {
    let mut world = world(stop(), 10);
    world.quote(95, 100);
    for attempt in 1..=4 {
        assert!(world.exit_order().is_some());
        assert_eq!(world.core.exit_counts().1, u64::from(attempt > 3));
        world.deliver_request(true);
        world.deliver_report();
        assert_eq!(world.exit_order(), None);
        let before = world.now;
        assert!(world.wait());
        let pause = (world.now - before) / 1_000_000_000;
        assert_eq!(pause, 1 << (attempt - 1), "it doubles");
    }
    world.settle(price(95));
    assert_eq!(world.positions[0], 0);
}

#[test]
fn an_order_that_does_not_fill_is_cancelled_and_the_next_one_gives_way_further() {
    let mut setup = setup(stop());
    setup.symbols[0].order_types = vec![OrderType::Limit];
    let mut world = World::new(&setup);
    world.hold(10);
    world.quote(95, 100);
    let prices = (0..2).map(|_| {
        world.deliver_request(false);
        world.deliver_report();
        let at = world.standing[0].price;
        world.wait();
        world.deliver_request(false);
        world.deliver_report();
        world.wait();
        at
    });
    let prices: Vec<_> = prices.collect();
    let wanted = ["94.05", "93.1"].map(|text| Price::parse(text).unwrap());
    assert_eq!(prices, wanted);
}

#[test]
fn a_kill_holds_an_exit_back_until_it_is_raised() {
    let mut world = world(stop(), 10);
    let of = |operator| Control {
        target: u32::MAX,
        operator,
        scope: Scope::Firm as u8,
        ..Control::default()
    };
    world.step(Kind::Kill, StrategyId::NONE, of(0));
    world.quote(95, 100);
    world.settle(price(95));
    assert_eq!(world.positions[0], 10);
    world.step(Kind::Raise, StrategyId::NONE, of(0));
    world.step(Kind::Raise, StrategyId::NONE, of(1));
    world.wait();
    world.settle(price(95));
    assert_eq!(world.positions[0], 0);
}

fn flattening(setup: &mut Setup) {
    setup.firm.day_loss_max = Some(Notional::parse("60").unwrap());
    setup.firm.loss_answer = LossAnswer::Flatten;
}

#[test]
fn a_loss_limit_that_flattens_closes_every_position() {
    let mut setup = setup(ExitTerms::NONE);
    flattening(&mut setup);
    let mut world = World::new(&setup);
    world.hold(-10);
    world.order_with(Side::Buy, 5, 100, |order| order.symbol = SymbolId(1));
    world.deliver_request(false);
    let id = world.standing[0].id;
    world.fill(id, 5, price(100));
    world.settle(price(100));
    world.order(Side::Buy, 1, 90).unwrap();
    world.settle(price(100));
    world.quote_of(0, price(106), price(106));
    assert_eq!(cause_count(&world), 0, "at the limit");
    world.quote_of(0, price(107), price(107));
    assert_eq!(cause_count(&world), 2);
    assert_eq!(cause(&world), Some(ExitCause::LossLimit));
    world.settle(price(107));
    assert_eq!((world.positions, world.standing.len()), ([0, 0], 0));
    world.order(Side::Buy, 1, 100);
    assert_eq!(world.refused, Some(RejectReason::LossAboveMax));
    let halt = world.core.halts().next().unwrap();
    assert_eq!((halt.scope, halt.halt.until), (Scope::Firm, Nanos::MAX));
}

#[test]
fn a_gap_through_a_loss_limit_halts_at_the_first_price_behind_it() {
    let mut setup = setup(ExitTerms::NONE);
    flattening(&mut setup);
    let mut world = World::new(&setup);
    world.hold(10);
    let zero = Price::default();
    world.quote_of(0, zero, zero);
    assert_eq!(world.core.halts().count(), 0);
    world.order_with(Side::Buy, 1, 100, |order| order.symbol = SymbolId(1));
    assert_eq!(
        world.refused,
        Some(RejectReason::LossUnknown),
        "a broken price disables nothing"
    );
    world.quote_of(0, price(20), price(20));
    assert_eq!(world.core.halts().count(), 1);
    world.settle(price(20));
    assert_eq!(world.positions[0], 0);
}

#[test]
fn a_position_that_is_corrected_under_an_exit_is_not_oversold() {
    let mut world = world(stop(), 10);
    world.quote(95, 100);
    world.deliver_request(false);
    world.deliver_report();
    // Four of the ten were never bought.
    let adjust = Adjust {
        qty: Position::from_raw(-4 * LOT as i64),
        price: price(100),
        operator: 0,
        kind: AdjustKind::Trade as u8,
        ..Adjust::default()
    };
    let decision = world.step(Kind::Adjust, StrategyId::NONE, adjust);
    assert_eq!(decision.outcome, Outcome::Applied);
    let kinds: Vec<_> = world.requests.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(
        kinds,
        [Kind::BrokerCancel],
        "what is too much is taken back"
    );
    world.positions[0] = 6;
    world.deliver_request(false);
    world.settle(price(95));
    assert_eq!(world.positions[0], 0);
}
