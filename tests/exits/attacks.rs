//! Attacks on exits: terms that stick where they do not belong, positions forced out for nothing, exits that are
//! stopped, doubled, or go through zero.

use super::world::*;
use portcullis::message::{
    Adjust, AdjustKind, Basket, Control, Exec, Frame, Header, Kind, NewOrder, OrderType, Report,
    Scope, Side, Text, TimeInForce,
};
use portcullis::reject::RejectReason;
use portcullis::risk::decision::Outcome;
use portcullis::risk::exits::ExitCause;
use portcullis::risk::setup::{ExitTerms, LossAnswer, Setup, Strategy};
use portcullis::units::{AccountId, Notional, OrderId, Position, Price, StrategyId, SymbolId};

const PER_CENT: u64 = 1_000_000;

fn stop() -> ExitTerms {
    ExitTerms {
        stop_loss: Some(5 * PER_CENT),
        ..ExitTerms::NONE
    }
}

fn trailing() -> ExitTerms {
    ExitTerms {
        trailing: Some(10 * PER_CENT),
        ..ExitTerms::NONE
    }
}

fn causes(world: &World) -> Vec<ExitCause> {
    world.core.exits().map(|exit| exit.cause).collect()
}

/// A correction by hand; tenths of a lot.
fn moves(world: &mut World, kind: AdjustKind, strategy: StrategyId, tenths: i64, at: i64) {
    let adjust = Adjust {
        qty: Position::from_raw(tenths * LOT as i64 / 10),
        price: price(at),
        strategy,
        operator: 0,
        kind: kind as u8,
        ..Adjust::default()
    };
    let decision = world.step(Kind::Adjust, StrategyId::NONE, adjust);
    assert_eq!(decision.outcome, Outcome::Applied);
}

fn splits(world: &mut World, new: i64) -> Outcome {
    let adjust = Adjust {
        qty: Position::from_raw(new * LOT as i64),
        price: price(1),
        account: AccountId::NONE,
        strategy: StrategyId::NONE,
        operator: 0,
        kind: AdjustKind::Split as u8,
        ..Adjust::default()
    };
    world.step(Kind::Adjust, StrategyId::NONE, adjust).outcome
}

/// Three symbols, of which the last has no price yet, and a second strategy in the same account.
fn wide(terms: ExitTerms) -> Setup {
    let mut setup = setup(terms);
    let mut last = setup.symbols[0].clone();
    last.name = "Z".to_owned();
    setup.symbols.push(last);
    setup.strategies.push(Strategy {
        enabled: true,
        accounts: vec![AccountId(0)],
        exits: terms,
        ..Strategy::default()
    });
    setup
}

/// An order of the second strategy, filled whole at its price.
fn second_buys(world: &mut World, id: &str, lots: u64, change: impl FnOnce(&mut NewOrder)) {
    let mut order = NewOrder {
        price: price(100),
        qty: qty(lots),
        client_order_id: Text::new(id).unwrap(),
        side: Side::Buy as u8,
        order_type: OrderType::Limit as u8,
        time_in_force: TimeInForce::Day as u8,
        ..NewOrder::default()
    };
    change(&mut order);
    let decision = world.step(Kind::NewOrder, StrategyId(1), order);
    assert_eq!(decision.outcome, Outcome::Accepted, "{decision:?}");
    world.deliver_request(false);
    world.fill(decision.order_id, lots, price(100));
    while !world.reports.is_empty() {
        world.deliver_report();
    }
}

/// Tried: a basket of which one line says when to get out and another is refused; the next order takes the
/// number and the place of the line that never was, and must not take its terms.
#[test]
fn terms_of_a_refused_basket_close_nobody_elses_position() {
    let mut setup = setup(ExitTerms::NONE);
    setup.capacity.continuation_frames_max = 2;
    let mut world = World::new(&setup);
    let line = |id: &str, lots: u64| {
        let order = NewOrder {
            price: price(100),
            qty: qty(lots),
            client_order_id: Text::new(id).unwrap(),
            side: Side::Buy as u8,
            order_type: OrderType::Limit as u8,
            time_in_force: TimeInForce::Day as u8,
            stop_loss_bps: 1,
            take_profit_bps: 1,
            ..NewOrder::default()
        };
        Frame::new(Kind::NewOrder, Header::default(), order)
    };
    let basket = Basket {
        client_order_id: Text::new("b").unwrap(),
        ..Basket::default()
    };
    let lines = [line("l1", 1), line("l2", 0)];
    let decision = world.step_with(Kind::Basket, StrategyId(0), basket, &lines);
    assert_eq!(decision.outcome, Outcome::Refused);
    world.hold(10);
    world.quote(99, 100);
    assert_eq!(causes(&world), []);
    world.quote(101, 100);
    assert_eq!(causes(&world), []);
}

/// Tried: a short position that is there before its symbol has any price, and one bought while the last price
/// is broken: what has never been seen is no best price to fall from.
#[test]
fn a_trailing_stop_begins_at_the_first_price_that_is_believed() {
    for tenths in [100, -100] {
        let mut world = World::new(&wide(trailing()));
        let adjust = Adjust {
            qty: Position::from_raw(tenths * LOT as i64 / 10),
            price: price(100),
            symbol: SymbolId(2),
            operator: 0,
            kind: AdjustKind::Transfer as u8,
            ..Adjust::default()
        };
        world.step(Kind::Adjust, StrategyId::NONE, adjust);
        world.quote_of(2, price(100), price(100));
        assert_eq!(causes(&world), [], "{tenths}");
        let turned = if tenths < 0 { 111 } else { 89 };
        world.quote_of(2, price(turned), price(turned));
        assert_eq!(causes(&world), [ExitCause::TrailingStop]);
    }
    let mut world = World::new(&setup(trailing()));
    world.quote(200, 100);
    world.quote_of(0, Price::default(), price(1));
    world.hold(10);
    world.quote(100, 100);
    assert_eq!(causes(&world), []);
    world.quote(90, 100);
    assert_eq!(causes(&world), [ExitCause::TrailingStop]);
}

/// Tried: the widest terms that an order can say, and the narrowest.
#[test]
fn the_widest_terms_close_nothing_and_the_narrowest_at_once() {
    for lots in [10, -10] {
        let mut world = World::new(&setup(ExitTerms::NONE));
        let side = if lots < 0 { Side::Sell } else { Side::Buy };
        world.order_with(side, 10, 100, |order| {
            (order.stop_loss_bps, order.take_profit_bps) = (u32::MAX, u32::MAX);
        });
        world.deliver_request(false);
        let id = world.standing[0].id;
        world.fill(id, 10, price(100));
        world.settle(price(100));
        for at in [1, 1_000, 100_000, 1] {
            world.quote(at, 100);
            assert_eq!(causes(&world), []);
        }
        let mut world = World::new(&setup(ExitTerms::NONE));
        world.order_with(side, 10, 100, |order| order.stop_loss_bps = 1);
        world.deliver_request(false);
        let id = world.standing[0].id;
        world.fill(id, 10, price(100));
        world.settle(price(100));
        world.quote(100 - i64::signum(lots), 100);
        assert_eq!(causes(&world), [ExitCause::StopLoss]);
    }
}

/// Tried: a share of nothing. What is booked at no cost is left at the first price that is no loss and no gain,
/// as a share of nothing allows nothing.
#[test]
fn a_position_without_cost_is_left_at_once() {
    let both = ExitTerms {
        take_profit: Some(5 * PER_CENT),
        ..stop()
    };
    let mut world = World::new(&setup(both));
    moves(&mut world, AdjustKind::Transfer, StrategyId(0), 100, 0);
    assert_eq!(causes(&world), [ExitCause::TakeProfit]);
}

/// Tried: a price that touches the stop, crosses the target and comes back in one batch.
#[test]
fn prices_that_cross_and_return_begin_one_exit() {
    let both = ExitTerms {
        take_profit: Some(5 * PER_CENT),
        ..stop()
    };
    let mut world = World::new(&setup(both));
    world.hold(10);
    for at in [95, 105, 100, 95, 105, 96] {
        world.quote(at, 100);
    }
    assert_eq!(causes(&world), [ExitCause::StopLoss]);
    assert_eq!(world.requests.len(), 1, "one order");
    world.settle(price(96));
    assert_eq!((world.positions[0], causes(&world).len()), (0, 0));
}

/// Tried: what stands on the other side would trade with the exit: its cancel leaves first, and what fills of it
/// all the same is closed, too.
#[test]
fn the_exit_leaves_behind_the_cancels_of_its_own_account() {
    let mut world = World::new(&setup(stop()));
    world.hold(10);
    world.order(Side::Buy, 3, 94).unwrap();
    world.settle(price(100));
    world.quote(95, 100);
    while world.is_due() {
        world.tick();
    }
    let kinds: Vec<_> = world.requests.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, [Kind::BrokerCancel, Kind::BrokerNew]);
    let id = world.standing[0].id;
    world.fill(id, 3, price(94));
    world.settle(price(94));
    assert_eq!((world.positions[0], causes(&world).len()), (0, 0));
}

/// Tried: more, less, and another quantity for what stands while its position is left.
#[test]
fn nothing_is_sent_or_replaced_beside_an_exit() {
    let mut world = World::new(&setup(stop()));
    world.hold(10);
    let sale = world.order(Side::Sell, 4, 110).unwrap();
    world.settle(price(100));
    world.quote(95, 100);
    for (lots, at) in [(10, 110), (1, 110), (4, 94)] {
        world.replace(sale, lots, at);
        let refused = world.refused;
        let is_stopped = refused == Some(RejectReason::ExitUnderWay)
            || refused == Some(RejectReason::CancelPending);
        assert!(is_stopped, "{refused:?}");
    }
    for side in [Side::Buy, Side::Sell] {
        world.order(side, 1, 95);
        assert_eq!(world.refused, Some(RejectReason::ExitUnderWay));
    }
    world.settle(price(95));
    assert_eq!(world.positions[0], 0);
}

/// Tried: the exit's own order cancelled or replaced by a strategy that knows its name.
#[test]
fn the_exits_order_is_nobodys() {
    let mut world = World::new(&setup(stop()));
    world.hold(10);
    world.quote(95, 100);
    let name = world.requests[0].1.client_order_id;
    world.cancel(name);
    assert_eq!(world.refused, Some(RejectReason::OrderUnknown));
    world.replace(name, 1, 1);
    assert_eq!(world.refused, Some(RejectReason::OrderUnknown));
    world.settle(price(95));
    assert_eq!(world.positions[0], 0);
}

/// Tried: a table full of live orders, so that the exit's has no place.
#[test]
fn an_exit_waits_for_a_place_that_it_makes_itself() {
    let mut setup = setup(stop());
    setup.capacity.orders = 5;
    setup.capacity.orders_closed = 1;
    let mut world = World::new(&setup);
    world.hold(10);
    while world.order(Side::Buy, 1, 90).is_some() {}
    assert!(world.refused.is_some());
    world.settle(price(100));
    world.quote(95, 100);
    for _ in 0..20 {
        world.settle(price(95));
        world.wait();
    }
    assert_eq!((world.positions[0], causes(&world).len()), (0, 0));
}

/// Tried: rejected again and again, up to a price that the venue does not take.
#[test]
fn an_exit_that_is_always_rejected_stays_within_its_terms() {
    for lots in [10, -10] {
        let mut setup = setup(stop());
        setup.symbols[0].order_types = vec![OrderType::Limit];
        setup.symbols[0].price_min = Some(Price::from_raw(3 * TICK / 2));
        setup.symbols[0].price_max = Some(Price::from_raw(20_000 * TICK + 1));
        setup.exit_policy.slippage = 10 * PER_CENT;
        let mut world = World::new(&setup);
        world.hold(lots);
        world.quote(100 - 5 * i64::signum(lots), 100);
        let mut seen = 0;
        for _ in 0..40 {
            while world.is_due() {
                world.tick();
            }
            let requests: Vec<_> = world.requests.iter().map(|(_, request)| *request).collect();
            assert!(requests.len() <= 1, "one at a time");
            for request in requests {
                seen += 1;
                assert_eq!(request.qty, qty(10));
                let at = request.price.raw();
                assert_eq!(at % TICK, 0, "{at} is off the tick");
                assert!((2 * TICK..=20_000 * TICK).contains(&at), "{at}");
                world.deliver_request(true);
                world.deliver_report();
            }
            world.wait();
        }
        assert!(30 < seen, "{seen}");
        assert!(world.core.exits().all(|exit| exit.is_failing));
        world.settle(price(95));
        let id = world.standing[0].id;
        world.fill(id, 10, price(95));
        world.settle(price(95));
        assert_eq!((world.positions[0], causes(&world).len()), (0, 0));
    }
}

/// Tried: a level that is halted, and cancels, while an exit of another cause works: its order goes, and the
/// next one closes what is left.
#[test]
fn a_halt_that_cancels_stops_no_exit() {
    let mut setup = setup(stop());
    setup.symbols[0].order_types = vec![OrderType::Limit];
    setup.symbols[0].times_in_force = vec![TimeInForce::Day];
    setup.firm.day_loss_max = Some(Notional::parse("60").unwrap());
    setup.firm.loss_answer = LossAnswer::Cancel;
    let mut world = World::new(&setup);
    world.hold(10);
    world.quote(95, 100);
    world.settle(price(95));
    let id = world.exit_order().unwrap();
    world.fill(id, 4, price(95));
    world.settle(price(95));
    world.quote(80, 100);
    world.settle(price(80));
    assert_eq!(world.core.halts().count(), 1);
    for _ in 0..8 {
        let standing: Vec<_> = world.standing.iter().map(|of| (of.id, of.leaves)).collect();
        assert!(standing.iter().map(|of| of.1).sum::<u64>() <= 6);
        world.wait();
        world.settle(price(80));
    }
    let (id, leaves) = (world.standing[0].id, world.standing[0].leaves);
    assert_eq!(leaves, 6);
    world.fill(id, leaves, price(80));
    world.settle(price(80));
    assert_eq!((world.positions[0], causes(&world).len()), (0, 0));
}

/// Tried: half a lot beside an exit: what cannot be sold is told, holds the position shut, and ends with the
/// correction that takes it away.
#[test]
fn an_odd_rest_is_told_and_not_sold() {
    let mut world = World::new(&setup(stop()));
    world.hold(10);
    moves(&mut world, AdjustKind::Transfer, StrategyId::NONE, 5, 100);
    world.quote(95, 100);
    world.settle(price(95));
    assert_eq!(world.positions[0], 0, "ten lots are sold");
    for _ in 0..6 {
        world.wait();
        world.settle(price(95));
    }
    assert!(world.core.exits().all(|exit| exit.is_failing));
    assert_eq!(causes(&world).len(), 1);
    world.order(Side::Sell, 1, 95);
    assert_eq!(world.refused, Some(RejectReason::ExitUnderWay));
    moves(&mut world, AdjustKind::Transfer, StrategyId::NONE, -5, 95);
    world.settle(price(95));
    assert_eq!(causes(&world), []);
    assert!(world.order(Side::Buy, 1, 95).is_some());
}

/// Tried: a correction through zero while the exit's order works: it is taken back; what fills of it all the same
/// is bought back, and never more.
#[test]
fn a_correction_through_zero_is_closed_from_the_other_side() {
    for fills in [false, true] {
        let mut world = World::new(&setup(stop()));
        world.hold(10);
        world.quote(95, 100);
        world.deliver_request(false);
        world.deliver_report();
        moves(&mut world, AdjustKind::Trade, StrategyId::NONE, -150, 95);
        world.positions[0] = -5;
        if fills {
            let id = world.standing[0].id;
            world.fill(id, 10, price(95));
        } else {
            world.deliver_request(false);
        }
        world.settle(price(95));
        assert_eq!((world.positions[0], causes(&world).len()), (0, 0));
    }
}

/// Tried: a split beside an exit: not while its order works; in a pause, and then all of the new units are sold.
#[test]
fn a_split_in_a_pause_is_sold_whole() {
    let mut world = World::new(&setup(stop()));
    world.hold(10);
    world.quote(95, 100);
    assert_eq!(splits(&mut world, 3), Outcome::NotPermitted);
    world.deliver_request(true);
    world.deliver_report();
    assert_eq!(splits(&mut world, 3), Outcome::Applied);
    world.positions[0] = 30;
    world.wait();
    world.settle(price(32));
    assert_eq!((world.positions[0], causes(&world).len()), (0, 0));
}

/// Tried: a correction that names no strategy, behind the fills of one: the exit is not sent for another, which
/// is killed.
#[test]
fn a_correction_gives_an_exit_to_nobody_else() {
    let mut world = World::new(&wide(stop()));
    second_buys(&mut world, "s1", 10, |_| {});
    let kill = Control {
        target: 0,
        operator: 0,
        scope: Scope::Strategy as u8,
        ..Control::default()
    };
    world.step(Kind::Kill, StrategyId::NONE, kill);
    moves(&mut world, AdjustKind::Trade, StrategyId::NONE, 10, 100);
    world.positions[0] = 11;
    world.quote(95, 100);
    world.settle(price(95));
    assert_eq!((world.positions[0], causes(&world).len()), (0, 0));
}

/// Tried: one lot of another strategy in the same account, whose terms are wider or narrower: a position has the
/// terms that the last order which added to it has brought.
#[test]
fn the_last_that_adds_says_when_all_is_left() {
    let mut world = World::new(&wide(stop()));
    world.hold(10);
    second_buys(&mut world, "s1", 1, |order| order.stop_loss_bps = u32::MAX);
    world.quote(50, 100);
    assert_eq!(causes(&world), [], "the first strategy's stop is gone");
    let mut world = World::new(&wide(stop()));
    world.hold(10);
    second_buys(&mut world, "s1", 1, |order| order.stop_loss_bps = 1_000);
    world.quote(99, 100);
    assert_eq!(causes(&world), [ExitCause::StopLoss]);
    // An order without terms of its own changes none.
    let mut world = World::new(&wide(stop()));
    world.hold(10);
    second_buys(&mut world, "s1", 1, |_| {});
    world.quote(95, 100);
    assert_eq!(causes(&world), [ExitCause::StopLoss]);
}

/// Tried: a restart under an exit that works, waits, or is over.
#[test]
fn an_exit_goes_on_behind_a_restart_and_only_once() {
    for stage in 0..4 {
        let setup = setup(stop());
        let mut world = World::new(&setup);
        world.hold(10);
        world.quote(95, 100);
        match stage {
            1 => world.deliver_request(false),
            2 => {
                world.deliver_request(true);
                world.deliver_report();
            }
            3 => world.settle(price(95)),
            _ => {}
        }
        assert_eq!(world.core.adopt(&setup, &setup), Ok(()));
        world.core.verify();
        world.quote(94, 100);
        world.wait();
        world.settle(price(94));
        assert_eq!(
            (world.positions[0], causes(&world).len()),
            (0, 0),
            "{stage}"
        );
        world.quote(90, 100);
        assert_eq!(world.requests.len(), 0);
    }
}

/// Tried: a fill of the exit told twice, one of more than it asked for, and one behind its end.
#[test]
fn wrong_fills_of_an_exit_are_closed_again() {
    let mut world = World::new(&setup(stop()));
    world.hold(10);
    world.quote(95, 100);
    let id = world.requests[0].1.order_id;
    world.deliver_request(false);
    let fill = |world: &mut World, exec: &str, id: OrderId, lots: u64| {
        let report = Report {
            order_id: id,
            qty: qty(lots),
            price: price(95),
            exec: Exec::Trade as u8,
            exec_id: Text::new(exec).unwrap(),
            ..Report::default()
        };
        world.step(Kind::Report, StrategyId::NONE, report).outcome
    };
    assert_eq!(fill(&mut world, "x1", id, 12), Outcome::OverFill);
    assert_eq!(fill(&mut world, "x1", id, 12), Outcome::Duplicate);
    world.standing.clear();
    world.positions[0] = -2;
    assert_eq!(
        causes(&world).len(),
        1,
        "two too many: they are bought back"
    );
    world.settle(price(95));
    assert_eq!((world.positions[0], causes(&world).len()), (0, 0));
    // Behind its end, a fill makes a new position: it has its strategy's stop as any other.
    assert_eq!(fill(&mut world, "x2", id, 1), Outcome::LateFill);
    assert_eq!(causes(&world), []);
    world.quote(100, 100);
    assert_eq!(causes(&world), [ExitCause::StopLoss]);
    world.positions[0] = -1;
    world.settle(price(100));
    assert_eq!((world.positions[0], causes(&world).len()), (0, 0));
}
