//! Attacks by way of a restart: what the state forgets when it goes on under another configuration.

use super::attacks_loosened::tight;
use super::desk::{Buy, Sell, id, notional, qty};
use super::restart::Gate;
use portcullis::message::{Control, Kind, Locate, Quote, SaleMark, Scope};
use portcullis::reject::RejectReason::*;
use portcullis::risk::adopt::AdoptError;
use portcullis::risk::decision::Outcome;
use portcullis::risk::setup::{self, Answer, Borrow, Limits, Rate, SelfMatch, Setup, ShortSales};
use portcullis::units::{AccountId, DeskId, Nanos, Price, Qty, SymbolId};

/// Tried: what has been used up, given back by a restart that changes nothing, or that adds a level.
#[test]
fn a_restart_gives_nothing_back() {
    let mut gate = Gate::new(|setup| {
        let window = Nanos::from_raw(1_000_000);
        setup.accounts[0].limits.order_rate = vec![Rate { count: 2, window }];
        setup.desks = vec![setup::Desk {
            enabled: true,
            ..setup::Desk::default()
        }];
        setup.accounts[1].desk = Some(DeskId(0));
        setup.desks[0].limits.day_qty_max = qty(5);
        setup.strategies[1].orders_unattended_max = Some(1);
    });
    gate.passes(Buy, 1, 100);
    gate.passes(Buy, 1, 100);
    let mut of_desk = gate.order(Buy, 5, 100);
    of_desk.account = AccountId(1);
    let decision = gate.step(Kind::NewOrder, of_desk);
    gate.fills(decision.order_id, 5);
    let kill = Control {
        target: 1,
        operator: 0,
        scope: Scope::Symbol as u8,
        ..Control::default()
    };
    gate.step(Kind::Kill, kill);
    for add in [false, true] {
        let result = gate.restart(|setup| {
            if add {
                let name = "another".to_owned();
                setup.desks.push(setup::Desk {
                    name,
                    ..setup.desks[0].clone()
                });
            }
        });
        assert_eq!(result, Ok(()));
        gate.refuses(Buy, 1, OrderRateAboveMax);
        let mut order = gate.order(Buy, 1, 100);
        order.account = AccountId(1);
        let decision = gate.step(Kind::NewOrder, order);
        assert_eq!(decision.reason, Some(DayQtyAboveMax));
        order.client_order_id = id(1_000 + gate.next);
        order.symbol = SymbolId(1);
        let decision = gate.step(Kind::NewOrder, order);
        assert_eq!(decision.reason, Some(SymbolKilled));
        order.symbol = SymbolId(0);
        order.client_order_id = id(1);
        order.account = AccountId(0);
        let decision = gate.step(Kind::NewOrder, order);
        assert!(
            decision
                .failed
                .iter()
                .any(|it| it == ClientOrderIdDuplicate)
        );
    }
}

/// Tried: an account that moves to another desk, a symbol that leaves its group: what they had done that
/// day stays where it was, and is missing where they are now. A restart's loosening that nobody is told of.
#[test]
fn what_moves_leaves_its_day_behind() {
    let desks = |setup: &mut Setup| {
        setup.desks = vec![setup::Desk::default(), setup::Desk::default()];
        for desk in &mut setup.desks {
            (desk.enabled, desk.limits.day_qty_max) = (true, qty(10));
        }
        setup.accounts[0].desk = Some(DeskId(0));
    };
    let mut gate = Gate::new(desks);
    let filled = gate.passes(Buy, 6, 100);
    gate.fills(filled, 6);
    gate.passes(Buy, 4, 100);
    gate.refuses(Buy, 1, DayQtyAboveMax);
    let result = gate.restart(|setup| setup.accounts[0].desk = Some(DeskId(1)));
    assert_eq!(result, Ok(()));
    gate.passes(Buy, 6, 100);
    gate.refuses(Buy, 1, DayQtyAboveMax);
}

/// Tried: an owner's book that was cached before the restart, another owner, and a mode that is new.
#[test]
fn an_owners_book_is_found_anew_after_a_restart() {
    let mut gate = Gate::new(|_| {});
    gate.passes(Sell, 1, 100);
    let armed = |setup: &mut Setup| setup.accounts[0].self_match = SelfMatch::CancelNewest;
    assert_eq!(gate.restart(armed), Ok(()));
    gate.refuses(Buy, 1, SelfMatch);
    let mut other = gate.order(Sell, 1, 90);
    other.account = AccountId(1);
    assert_eq!(gate.step(Kind::NewOrder, other).reason, None);
    gate.passes(Buy, 1, 95);
    let one = |setup: &mut Setup| {
        for account in &mut setup.accounts {
            account.owner = "one".to_owned();
        }
    };
    assert_eq!(gate.restart(one), Ok(()));
    gate.refuses(Buy, 1, SelfMatch);
    let off = |setup: &mut Setup| setup.accounts[0].self_match = SelfMatch::Off;
    assert_eq!(gate.restart(off), Ok(()));
    gate.passes(Buy, 1, 100);
    assert_eq!(gate.restart(armed), Ok(()));
    let decision = gate.send(Buy, 1, 90);
    assert_eq!(decision.reason, Some(SelfMatch));
}

/// Tried: a sale that stood before short sales were watched grows behind the restart, of what is hard to
/// borrow and was never located.
#[test]
fn a_sale_of_before_the_watch_does_not_grow_without_a_locate() {
    for mark in [SaleMark::Short, SaleMark::ShortExempt] {
        let mut gate = Gate::new(|_| {});
        let mut order = gate.order(Sell, 1, 100);
        order.mark = mark as u8;
        let decision = gate.step(Kind::NewOrder, order);
        assert_eq!(decision.outcome, Outcome::Accepted);
        let result = gate.restart(|setup| {
            setup.accounts[0].short_sales = ShortSales::Check;
            setup.symbols[0].borrow = Borrow::Hard;
        });
        assert_eq!(result, Ok(()));
        assert_eq!(gate.replace(1, 1_000_000).reason, Some(LocateAboveMax));
        let locate = Locate {
            qty: Qty::from_raw(5),
            ..Locate::default()
        };
        assert_eq!(gate.step(Kind::Locate, locate).outcome, Outcome::Applied);
        assert_eq!(gate.replace(1, 7).reason, Some(LocateAboveMax));
        assert_eq!(gate.replace(1, 6).outcome, Outcome::Accepted);
    }
}

/// Tried: a net that nobody limited before, of positions and orders that were there.
#[test]
fn a_limit_that_is_new_meets_what_was_there() {
    let mut gate = Gate::new(|_| {});
    let quote = Quote {
        bid: Price::from_raw(100),
        ask: Price::from_raw(100),
        ..Quote::default()
    };
    gate.step(Kind::Quote, quote);
    let filled = gate.passes(Buy, 6, 100);
    gate.fills(filled, 6);
    gate.passes(Buy, 4, 100);
    let tighter = |setup: &mut Setup| {
        setup.firm.net_exposure_max = notional(1_000);
        setup.firm.day_qty_max = qty(11);
    };
    assert_eq!(gate.restart(tighter), Ok(()));
    gate.refuses(Buy, 1, NetExposureAboveMax);
    gate.passes(Sell, 1, 100);
    gate.refuses(Sell, 1, DayQtyAboveMax);
}

/// Tried: a pause that a restart forgets: it does so where the last response leaves the configuration.
#[test]
fn a_pause_outlives_a_restart_while_any_response_is_left() {
    let paused = |setup: &mut Setup| {
        tight(setup);
        setup.firm = Limits {
            order_qty_max: qty(10),
            ..Limits::default()
        };
        setup.symbols[0] = setup.symbols[1].clone();
        setup.accounts[0] = setup.accounts[1].clone();
        setup.responses[0].answer = Answer::Refuse;
        setup.responses[0].pause = Nanos::from_raw(1_000);
    };
    for count in [0, 1] {
        let mut gate = Gate::new(paused);
        gate.refuses(Buy, 11, QtyAboveMax);
        gate.refuses(Buy, 11, QtyAboveMax);
        gate.refuses(Buy, 1, LevelPaused);
        let other = |setup: &mut Setup| {
            setup.responses[0].count = 9;
            setup.responses.truncate(count);
        };
        assert_eq!(gate.restart(other), Ok(()));
        let decision = gate.send(Buy, 1, 100);
        assert_eq!(decision.outcome == Outcome::Accepted, count == 0);
    }
}

/// Tried: a parent's children, forgotten by a restart that gives parents more room.
#[test]
fn a_parent_outlives_a_restart() {
    let mut gate = Gate::new(|_| {});
    let child = |gate: &mut Gate, qty: u64| {
        let mut order = gate.order(Buy, qty, 100);
        (order.parent, order.parent_qty) = (7, Qty::from_raw(10));
        gate.step(Kind::NewOrder, order)
    };
    let first = child(&mut gate, 6);
    gate.fills(first.order_id, 6);
    assert_eq!(child(&mut gate, 3).outcome, Outcome::Accepted);
    assert_eq!(gate.restart(|setup| setup.capacity.parents = 100), Ok(()));
    assert_eq!(child(&mut gate, 2).reason, Some(ParentQtyAboveMax));
    assert_eq!(child(&mut gate, 1).outcome, Outcome::Accepted);
    assert_eq!(child(&mut gate, 1).reason, Some(ParentQtyAboveMax));
}

/// Tried: windows and counts of a rate that are others behind the restart.
#[test]
fn a_rate_that_is_another_knows_what_passed_before() {
    let rate = |count, window| {
        let window = Nanos::from_raw(window);
        move |setup: &mut Setup| setup.firm.order_rate = vec![Rate { count, window }]
    };
    let used_up = || {
        let mut gate = Gate::new(rate(3, 1_000));
        for _ in 0..3 {
            gate.passes(Buy, 1, 100);
        }
        gate
    };
    for (count, window) in [(2, 1_000), (3, 5), (3, 1_000_000), (1, 1_000)] {
        let mut gate = used_up();
        assert_eq!(gate.restart(rate(count, window)), Ok(()));
        gate.refuses(Buy, 1, OrderRateAboveMax);
    }
    // A rate that allowed fewer remembered fewer: by two restarts what the first forgot is given back.
    let mut gate = used_up();
    assert_eq!(gate.restart(rate(1, 1_000)), Ok(()));
    assert_eq!(gate.restart(rate(3, 1_000)), Ok(()));
    gate.passes(Buy, 1, 100);
    gate.passes(Buy, 1, 100);
    gate.refuses(Buy, 1, OrderRateAboveMax);
}

/// Tried: another multiplier behind a restart: what lives would still be worth what it was under the old
/// one, and a limit on the value of live orders would hold a hundredth of them.
#[test]
fn a_multiplier_is_another_only_where_nothing_lives() {
    let mut gate = Gate::new(|setup| {
        setup.symbols[0].multiplier = 1_000_000_000;
        setup.firm.open_notional_max = notional(100_000);
    });
    gate.passes(Buy, 900, 100);
    let times_100 = |setup: &mut Setup| setup.symbols[0].multiplier = 100_000_000_000;
    let result = gate.restart(times_100);
    assert!(
        matches!(result, Err(AdoptError::MultiplierMoved { .. })),
        "{result:?}"
    );
}
