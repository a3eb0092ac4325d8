//! How an exit's orders are carried out against a broker that does not do what it is asked for.

use super::world::*;
use portcullis::message::{BrokerRequest, Exec, Kind, OrderType, Report, Side};
use portcullis::risk::exits::ExitCause;
use portcullis::risk::setup::ExitTerms;
use portcullis::units::{OrderId, StrategyId};

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
    assert_eq!(sent(&mut world).len(), 1);
}
