//! How an exit's orders are carried out against a broker that does not do what it is asked for.

use super::world::*;
use portcullis::message::{
    Adjust, AdjustKind, BrokerRequest, Exec, Kind, NewOrder, OrderState, OrderType, Report, Side,
    Text, TimeInForce,
};
use portcullis::risk::exits::ExitCause;
use portcullis::risk::setup::{ExitTerms, LossAnswer, Strategy};
use portcullis::units::{AccountId, Notional, OrderId, Position, StrategyId};

const PER_CENT: u64 = 1_000_000;
const SECOND: u64 = 1_000_000_000;

fn stop() -> ExitTerms {
    ExitTerms {
        stop_loss: Some(5 * PER_CENT),
        ..ExitTerms::NONE
    }
}

fn says(world: &mut World, order_id: OrderId, exec: Exec) {
    let report = Report {
        order_id,
        exec: exec as u8,
        ..Report::default()
    };
    world.step(Kind::Report, StrategyId::NONE, report);
}

fn sent(world: &mut World) -> Vec<(Kind, BrokerRequest)> {
    world.requests.drain(..).collect()
}

/// Tried: a broker that refuses to cancel an exit's order, again and again, and lets it stand where nobody
/// trades. It is asked for each time that it has not filled in time, and not more often.
#[test]
fn an_order_whose_cancel_is_refused_is_cancelled_again() {
    let mut setup = setup(stop());
    setup.symbols[0].order_types = vec![OrderType::Limit];
    let mut world = World::new(&setup);
    world.hold(10);
    world.quote(95, 100);
    let id = sent(&mut world)[0].1.order_id;
    says(&mut world, id, Exec::New);
    for round in 0..4 {
        world.now += 5 * SECOND - 1;
        while world.is_due() {
            world.tick();
        }
        assert_eq!(sent(&mut world).len(), 0, "{round}");
        world.now += 1;
        while world.is_due() {
            world.tick();
        }
        let requests = sent(&mut world);
        assert_eq!(requests.len(), 1, "{round}");
        assert_eq!(
            (requests[0].0, requests[0].1.order_id),
            (Kind::BrokerCancel, id)
        );
        says(&mut world, id, Exec::CancelRejected);
    }
}

/// Tried: a broker that refuses, once, to cancel what stands in an exit's way. The rest is sold; what is
/// still covered by the order that stands is not given up: its cancel is sent again.
#[test]
fn what_stands_in_the_way_is_cancelled_again_where_that_was_refused() {
    let mut world = World::new(&setup(stop()));
    world.hold(10);
    world.order(Side::Sell, 4, 110).unwrap();
    world.settle(price(100));
    let standing = world.standing[0].id;
    world.quote(95, 100);
    while world.is_due() {
        world.tick();
    }
    let cancels = |world: &mut World| {
        let requests = sent(world).into_iter();
        let of =
            requests.filter(|(kind, of)| *kind == Kind::BrokerCancel && of.order_id == standing);
        of.count()
    };
    assert_eq!(cancels(&mut world), 1);
    says(&mut world, standing, Exec::CancelRejected);
    // Six are sold once it has been waited for, four stay behind the order that stands.
    world.now += 5 * SECOND;
    world.tick();
    let exit = sent(&mut world)[0].1;
    assert_eq!(exit.qty, qty(6));
    let fill = Report {
        order_id: exit.order_id,
        exec: Exec::Trade as u8,
        qty: qty(6),
        price: price(95),
        exec_id: Text::new("six").unwrap(),
        ..Report::default()
    };
    world.step(Kind::Report, StrategyId::NONE, fill);
    while world.is_due() {
        world.tick();
    }
    assert_eq!(cancels(&mut world), 1, "asked again");
    says(&mut world, standing, Exec::Canceled);
    world.now += SECOND;
    while world.is_due() {
        world.tick();
    }
    assert_eq!(sent(&mut world)[0].1.qty, qty(4));
}

/// Tried: a broker that refuses to cancel what is too much by now, each time that it is asked: it is asked once in
/// a pause, not each time that it answers.
#[test]
fn a_cancel_that_is_refused_is_not_sent_as_fast_as_it_is_refused() {
    let mut world = World::new(&setup(stop()));
    world.hold(10);
    world.quote(95, 100);
    let id = sent(&mut world)[0].1.order_id;
    says(&mut world, id, Exec::New);
    let corrected = Adjust {
        qty: Position::from_raw(-4 * LOT as i64),
        price: price(95),
        operator: 0,
        kind: AdjustKind::Trade as u8,
        ..Adjust::default()
    };
    world.step(Kind::Adjust, StrategyId::NONE, corrected);
    for round in 0..4 {
        let requests = sent(&mut world);
        assert_eq!(requests.len(), 1, "{round}");
        assert_eq!(requests[0].0, Kind::BrokerCancel, "{round}");
        says(&mut world, id, Exec::CancelRejected);
        world.quote(95 + round, 100);
        assert_eq!(sent(&mut world).len(), 0, "{round}");
        world.now += SECOND;
        world.tick();
    }
    world.requests.clear();
    says(&mut world, id, Exec::Canceled);
    let requests = sent(&mut world);
    assert_eq!(
        (requests[0].0, requests[0].1.qty),
        (Kind::BrokerNew, qty(6))
    );
}

/// Tried: a broker that says in one breath that an order has filled whole, which begins the exit, and that more of
/// it stands: a replace was lost. What stands is cancelled.
#[test]
fn what_stands_behind_the_fill_that_begins_an_exit_is_cancelled() {
    let mut world = World::new(&setup(stop()));
    world.quote(95, 100);
    let name = world.order(Side::Buy, 1, 100).unwrap();
    let id = sent(&mut world)[0].1.order_id;
    world.replace(name, 2, 100);
    world.now += 2 * SECOND;
    world.tick();
    world.requests.clear();
    let status = Report {
        order_id: id,
        qty: qty(1),
        leaves: qty(2),
        price: price(100),
        exec: Exec::Status as u8,
        state: OrderState::Open as u8,
        ..Report::default()
    };
    world.step(Kind::Report, StrategyId::NONE, status);
    assert_eq!(world.core.exits().count(), 1);
    while world.is_due() {
        world.tick();
    }
    let requests = sent(&mut world);
    let kinds: Vec<_> = requests
        .iter()
        .map(|(kind, of)| (*kind, of.order_id == id))
        .collect();
    assert_eq!(
        kinds,
        [(Kind::BrokerCancel, true), (Kind::BrokerNew, false)]
    );
}

/// Tried: a venue that takes from two to five lots: six are not five and one that nobody takes.
#[test]
fn no_rest_is_left_that_is_too_small_to_be_sent() {
    for (lots, parts) in [(6, &[4, 2][..]), (7, &[5, 2]), (5, &[5]), (11, &[5, 4, 2])] {
        let mut setup = setup(stop());
        setup.symbols[0].qty_min = Some(qty(2));
        setup.symbols[0].qty_max = Some(qty(5));
        let mut world = World::new(&setup);
        let transfer = Adjust {
            qty: Position::from_raw(lots * LOT as i64),
            price: price(100),
            operator: 0,
            kind: AdjustKind::Transfer as u8,
            strategy: StrategyId(0),
            ..Adjust::default()
        };
        world.step(Kind::Adjust, StrategyId::NONE, transfer);
        world.quote(95, 100);
        for part in parts {
            let requests = sent(&mut world);
            assert_eq!(requests.len(), 1, "{lots}");
            assert_eq!(requests[0].1.qty, qty(*part), "{lots}");
            let report = Report {
                order_id: requests[0].1.order_id,
                qty: qty(*part),
                price: price(95),
                exec: Exec::Trade as u8,
                ..Report::default()
            };
            world.step(Kind::Report, StrategyId::NONE, report);
        }
        assert_eq!((sent(&mut world).len(), world.core.exits().count()), (0, 0));
    }
}

/// Tried: what stands in the way outlasts the exit's patience, and then its order is rejected. That has brought
/// nothing, and the next one waits as after any other.
#[test]
fn a_rejected_order_is_paused_after_whatever_was_waited_for() {
    let mut world = World::new(&setup(stop()));
    world.hold(10);
    world.order(Side::Sell, 4, 120).unwrap();
    world.settle(price(100));
    world.quote(95, 100);
    world.tick();
    let requests = sent(&mut world);
    assert_eq!(
        requests.len(),
        1,
        "what stands is cancelled, which nobody answers"
    );
    says(&mut world, requests[0].1.order_id, Exec::CancelRejected);
    world.now += 5 * SECOND;
    world.tick();
    let requests = sent(&mut world);
    assert_eq!(
        (requests[0].0, requests[0].1.qty),
        (Kind::BrokerNew, qty(6))
    );
    says(&mut world, requests[0].1.order_id, Exec::Rejected);
    assert_eq!(sent(&mut world).len(), 0, "a pause");
    let exit = world.core.exits().next().unwrap();
    assert_eq!((exit.cause, exit.attempts), (ExitCause::StopLoss, 1));
    world.now += SECOND;
    world.tick();
    let requests = sent(&mut world);
    let kinds: Vec<_> = requests.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(
        kinds,
        [Kind::BrokerCancel, Kind::BrokerNew],
        "and what stands is asked away again"
    );
}

/// Tried: a strategy that loses too much reduces another's position in the same account with its last fill. Its
/// own are closed for that, not the other's; as where a price tells of the loss.
#[test]
fn a_strategy_that_is_flattened_leaves_the_others_positions_alone() {
    let mut setup = setup(ExitTerms::NONE);
    setup.strategies.push(Strategy {
        enabled: true,
        accounts: vec![AccountId(0)],
        ..Strategy::default()
    });
    setup.strategies[1].limits.day_loss_max = Some(Notional::parse("5").unwrap());
    setup.strategies[1].limits.loss_answer = LossAnswer::Flatten;
    let mut world = World::new(&setup);
    world.hold(10);
    let order = NewOrder {
        price: price(90),
        qty: qty(1),
        client_order_id: Text::new("second").unwrap(),
        side: Side::Sell as u8,
        order_type: OrderType::Limit as u8,
        time_in_force: TimeInForce::Day as u8,
        ..NewOrder::default()
    };
    let id = world.step(Kind::NewOrder, StrategyId(1), order).order_id;
    world.deliver_request(false);
    world.fill(id, 1, price(90));
    world.settle(price(90));
    assert_eq!(world.core.halts().count(), 1);
    assert_eq!((world.positions[0], world.core.exits().count()), (9, 0));
    world.quote(101, 100);
    assert_eq!(world.core.exits().count(), 0);
}
