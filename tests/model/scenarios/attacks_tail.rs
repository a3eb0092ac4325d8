//! Attacks on tail risk: room that is taken twice, given back too soon, measured at the wrong price or not at all.

use super::desk::*;
use portcullis::message::{
    Adjust, AdjustKind, Basket, Exec, Frame, Header, Kind, LimitChange, LimitKey, NewOrder,
    OrderState, Scope,
};
use portcullis::risk::decision::Outcome;
use portcullis::risk::setup::{self, Limits, Returns, Setup, TailTerms};
use portcullis::units::{AccountId, DeskId, Notional, Position, Price, Qty, StrategyId, SymbolId};

/// Symbol 0 loses a tenth where symbol 1 gains a twentieth, and the other way; a day as a scenario.
fn terms() -> TailTerms {
    let returns = |falls: i32, rises: i32| Returns {
        stress: vec![-falls, rises],
        history: vec![-falls, rises, 0, 0],
        ..Returns::default()
    };
    TailTerms {
        unit: Notional::from_raw(1),
        history_count: 4,
        stress: vec![String::new(); 2],
        value_at_risk_share: 750_000,
        expected_shortfall_share: 750_000,
        returns: vec![returns(100_000, 50_000), returns(-50_000, -100_000)],
        ..TailTerms::default()
    }
}

/// No more than 100 may be lost in any stress, at a level that is changed into.
fn desk(limit: impl FnOnce(&mut Setup) -> &mut Limits) -> Desk {
    let mut desk = Desk::new(|setup| {
        setup.tail = terms();
        limit(setup).stress_loss_max = notional(100);
    });
    desk.quote_of(0, 10, 10);
    desk.quote_of(1, 10, 10);
    desk
}

fn of_account(setup: &mut Setup) -> &mut Limits {
    &mut setup.accounts[0].limits
}

fn in_symbol(desk: &Desk, symbol: u32, side: portcullis::message::Side, qty: u64) -> NewOrder {
    NewOrder {
        symbol: SymbolId(symbol),
        ..desk.order(side, qty, 10)
    }
}

fn transfer(symbol: u32, qty: i64, price: i64) -> Adjust {
    Adjust {
        qty: Position::from_raw(qty),
        price: Price::from_raw(price),
        symbol: SymbolId(symbol),
        strategy: StrategyId::NONE,
        kind: AdjustKind::Transfer as u8,
        ..Adjust::default()
    }
}

#[track_caller]
fn applies(desk: &mut Desk, adjust: Adjust) {
    desk.play(Kind::Adjust, u32::MAX, adjust);
    assert_eq!(desk.last.outcome, Outcome::Applied);
}

#[track_caller]
fn fails(desk: &mut Desk, order: NewOrder, reason: portcullis::reject::RejectReason) {
    desk.send(order);
    assert_eq!(desk.last.outcome, Outcome::Refused);
    assert!(desk.last.failed.contains(&reason), "{:?}", desk.last);
}

#[track_caller]
fn changes(desk: &mut Desk, scope: Scope, value: u128) {
    let change = LimitChange {
        value: [value as u64, (value >> 64) as u64],
        target: if scope == Scope::Firm { u32::MAX } else { 0 },
        scope: scope as u8,
        limit: LimitKey::StressLoss as u8,
        ..LimitChange::default()
    };
    for operator in 0..2 {
        desk.play(Kind::Limit, u32::MAX, LimitChange { operator, ..change });
    }
}

/// Tried: ten old units that become one, whose price is still to come: a tenth of the loss.
#[test]
fn a_reverse_split_loses_no_less() {
    let mut desk = desk(of_account);
    applies(&mut desk, transfer(0, 90, 10));
    let split = Adjust {
        account: AccountId::NONE,
        kind: AdjustKind::Split as u8,
        ..transfer(0, 100_000_000, 10_000_000_000)
    };
    applies(&mut desk, split);
    // Where symbol 0 falls, who is short of symbol 1 loses: 90 and 11 tenths of ten.
    let order = in_symbol(&desk, 1, Sell, 21);
    fails(&mut desk, order, StressLossAboveMax);
    let order = in_symbol(&desk, 1, Sell, 20);
    desk.passes_order(order);
}

/// Tried: small orders, cancelled at once, on either side and in either symbol, until what is left of the room is
/// no longer known.
#[test]
fn no_number_of_small_orders_makes_room() {
    let mut desk = desk(of_account);
    let mut names = Vec::new();
    for round in 0..60 {
        let (symbol, side) = (round % 2, [Buy, Sell, Sell][round as usize % 3]);
        let order = in_symbol(&desk, symbol, side, 7);
        desk.send(order);
        if desk.last.outcome == Outcome::Accepted {
            names.push(desk.name());
        }
        if round % 5 == 4 {
            let name = names.remove(0);
            desk.cancel(name);
            desk.reported(
                name,
                Exec::Canceled,
                Outcome::Applied,
                OrderState::Cancelled,
            );
        }
        desk.quote_of(0, 10 + i64::from(round % 3), 10 + i64::from(round % 3));
    }
    // What lives is as much as may be lost: the model says so with every step.
    let order = in_symbol(&desk, 0, Buy, 100);
    fails(&mut desk, order, StressLossAboveMax);
}

/// Tried: one side of the same symbol against the other, neither of which may fill.
#[test]
fn live_orders_hedge_nothing() {
    let mut desk = desk(of_account);
    desk.passes(Buy, 100, 10);
    desk.passes(Sell, 200, 10);
    let order = in_symbol(&desk, 1, Sell, 1);
    fails(&mut desk, order, StressLossAboveMax);
    // What is bought in symbol 1 gains where symbol 0 falls, but need not fill.
    let order = in_symbol(&desk, 1, Buy, 1);
    fails(&mut desk, order, StressLossAboveMax);
    let order = in_symbol(&desk, 0, Buy, 1);
    fails(&mut desk, order, StressLossAboveMax);
}

/// Tried: a limit that is taken off, used, and put back; one that comes while orders live; at each level.
#[test]
fn a_limit_that_is_changed_holds_for_what_was_there_before() {
    for scope in [Scope::Account, Scope::Strategy, Scope::Firm, Scope::Desk] {
        let mut desk = Desk::new(|setup| {
            setup.tail = terms();
            setup.desks = vec![setup::Desk {
                enabled: true,
                ..setup::Desk::default()
            }];
            setup.accounts[0].desk = Some(DeskId(0));
        });
        desk.quote_of(0, 10, 10);
        desk.quote_of(1, 10, 10);
        desk.passes(Buy, 60, 10);
        changes(&mut desk, scope, 100);
        desk.refuses((Buy, 41, 10), StressLossAboveMax, 100, 101);
        changes(&mut desk, scope, LimitKey::OFF);
        let name = desk.passes(Buy, 30, 10);
        desk.fills(name, 30, Outcome::Applied, OrderState::Filled);
        changes(&mut desk, scope, 95);
        desk.refuses((Buy, 6, 10), StressLossAboveMax, 95, 96);
        desk.passes(Buy, 5, 10);
        changes(&mut desk, scope, 50);
        desk.refuses((Buy, 1, 10), StressLossAboveMax, 50, 96);
        changes(&mut desk, scope, 0);
        desk.refuses((Buy, 1, 10), StressLossAboveMax, 0, 96);
        // What is no loss in any scenario that is worse than what is there passes still.
        desk.passes(Sell, 30, 10);
    }
}

/// Tried: something held of which nobody knows what it may lose, from before, and given back.
#[test]
fn what_is_not_known_stops_all_until_it_is_gone() {
    let mut desk = Desk::new(|setup| {
        setup.tail = terms();
        setup.tail.returns.truncate(1);
        setup.accounts[0].limits.stress_loss_max = notional(100);
    });
    desk.quote_of(0, 10, 10);
    desk.quote_of(1, 10, 10);
    let name = desk.passes(Buy, 50, 10);
    applies(&mut desk, transfer(1, 1, 10));
    let order = in_symbol(&desk, 0, Buy, 1);
    fails(&mut desk, order, TailUnknown);
    desk.fills(name, 50, Outcome::Applied, OrderState::Filled);
    desk.passes(Sell, 10, 10);
    applies(&mut desk, transfer(1, -1, 10));
    desk.refuses((Buy, 51, 10), StressLossAboveMax, 100, 101);
    desk.passes(Buy, 50, 10);
    desk.refuses((Buy, 1, 10), StressLossAboveMax, 100, 101);
}

/// Tried: a position that has no price yet, that is worth nothing, less than that, and more again.
#[test]
fn no_price_makes_a_position_lose_nothing() {
    let mut desk = Desk::new(|setup| {
        setup.tail = terms();
        setup.accounts[0].limits.stress_loss_max = notional(100);
        setup.symbols[1].price_min = Some(Price::from_raw(-100));
    });
    desk.quote_of(0, 10, 10);
    // One that came at a price counts at that; one that came at none is not known.
    applies(&mut desk, transfer(1, -100, 0));
    let order = in_symbol(&desk, 0, Buy, 1);
    fails(&mut desk, order, TailUnknown);
    desk.quote_of(1, 10, 10);
    desk.refuses((Buy, 51, 10), StressLossAboveMax, 100, 101);
    // In the middle of this it is worth nothing: nobody knows what it may lose.
    desk.quote_of(1, -1, 1);
    let order = in_symbol(&desk, 0, Buy, 1);
    fails(&mut desk, order, TailUnknown);
    for price in [-10, 10] {
        desk.quote_of(1, price, price);
        desk.refuses((Buy, 51, 10), StressLossAboveMax, 100, 101);
    }
    // A price that nobody believes changes nothing.
    desk.quote_of(1, 0, 0);
    desk.refuses((Buy, 51, 10), StressLossAboveMax, 100, 101);
    desk.passes(Buy, 50, 10);
    // Prices that move against what is held take the room that there was.
    desk.quote_of(1, 11, 11);
    desk.refuses((Buy, 1, 10), StressLossAboveMax, 100, 106);
}

/// Tried: lines that each fit the room that none of them has taken yet; and room that a refused basket keeps.
#[test]
fn lines_of_a_basket_share_the_room() {
    let mut desk = Desk::new(|setup| {
        setup.tail = terms();
        setup.accounts[0].limits.stress_loss_max = notional(100);
        setup.capacity.continuation_frames_max = 4;
    });
    desk.quote_of(0, 10, 10);
    desk.quote_of(1, 10, 10);
    for (parts, passes) in [([40, 40, 21], false), ([40, 40, 20], true)] {
        let line = |qty: u64, number: u64| NewOrder {
            client_order_id: id(1_000 + desk.name() * 10 + number),
            ..desk.order(Buy, qty, 10)
        };
        let lines = (0..)
            .zip(parts)
            .map(|(number, qty)| Frame::new(Kind::NewOrder, Header::default(), line(qty, number)));
        let lines: Vec<_> = lines.collect();
        let basket = Basket {
            client_order_id: id(2_000 + desk.name()),
            ..Basket::default()
        };
        desk.play_frame(Kind::Basket, 0, 0, basket, &lines, None);
        let outcome = if passes {
            Outcome::Accepted
        } else {
            Outcome::Refused
        };
        assert_eq!(desk.last.outcome, outcome, "{:?}", desk.last);
    }
    desk.refuses((Buy, 1, 10), StressLossAboveMax, 100, 101);
}

/// Tried: an order too large for its quantity's limit, which is cut: never to what a tail refuses.
#[test]
fn an_order_that_is_cut_is_looked_at_as_it_leaves() {
    let mut desk = Desk::new(|setup| {
        setup.tail = terms();
        setup.accounts[0].cuts_orders = true;
        setup.accounts[0].limits.position_qty_max = qty(110);
        setup.accounts[0].limits.stress_loss_max = notional(100);
    });
    desk.quote_of(0, 10, 10);
    // The tail refuses it as it is: it is not cut.
    let order = in_symbol(&desk, 0, Buy, 120);
    fails(&mut desk, order, StressLossAboveMax);
    changes(&mut desk, Scope::Account, 115);
    let order = in_symbol(&desk, 0, Buy, 112);
    desk.send(order);
    assert_eq!(desk.last.outcome, Outcome::Accepted, "{:?}", desk.last);
    assert_eq!(desk.reserved().0, 110);
    desk.refuses((Buy, 1, 10), PositionQtyAboveMax, 110, 111);
}

/// Tried: an order made larger step by step, with its answers late, rejected, and behind fills.
#[test]
fn a_chain_of_replaces_takes_its_room_before_it_is_answered() {
    let mut desk = desk(of_account);
    let name = desk.passes(Buy, 40, 10);
    desk.replace(name, 90, 10);
    assert_eq!(desk.last.outcome, Outcome::Accepted);
    desk.refuses((Buy, 11, 10), StressLossAboveMax, 100, 101);
    desk.fills(name, 40, Outcome::Applied, OrderState::ReplacePending);
    desk.refuses((Buy, 11, 10), StressLossAboveMax, 100, 101);
    desk.report(name, Exec::ReplaceRejected, |_| {});
    desk.passes(Buy, 60, 10);
    desk.refuses((Buy, 1, 10), StressLossAboveMax, 100, 101);
    // Made larger by what is not there is refused; by what is, it passes, down and up again.
    let mut desk = self::desk(of_account);
    let first = desk.passes(Buy, 40, 10);
    let mut name = first;
    for (quantity, passes) in [
        (101, false),
        (100, true),
        (10, true),
        (101, false),
        (100, true),
    ] {
        desk.replace(name, quantity, 10);
        assert_eq!(
            desk.last.outcome == Outcome::Accepted,
            passes,
            "{:?}",
            desk.last
        );
        if passes {
            let next = desk.name();
            desk.report(first, Exec::Replaced, |_| {});
            name = next;
        }
    }
}

/// Tried: an account against another of its desk and firm, whose hedge is an order that may never fill; and a
/// strategy against another of its account.
#[test]
fn a_level_counts_all_of_its_own() {
    type Change = fn(&mut Setup) -> &mut Limits;
    let levels: [(Change, [i128; 2]); 2] = [
        (|setup| &mut setup.firm, [100, 0]),
        (
            |setup| {
                setup.desks = vec![setup::Desk {
                    enabled: true,
                    ..setup::Desk::default()
                }];
                for account in &mut setup.accounts {
                    account.desk = Some(DeskId(0));
                }
                &mut setup.desks[0].limits
            },
            [100, 0],
        ),
    ];
    for (change, _) in levels {
        let mut desk = desk(change);
        let name = desk.passes(Buy, 100, 10);
        let mut order = desk.order(Sell, 100, 10);
        order.account = AccountId(1);
        desk.passes_order(order);
        let mut order = desk.order(Buy, 1, 10);
        order.account = AccountId(1);
        fails(&mut desk, order, StressLossAboveMax);
        desk.fills(name, 100, Outcome::Applied, OrderState::Filled);
        // Account 0 gets out: that makes the desk and the firm no worse.
        desk.passes(Sell, 100, 10);
    }
}

/// Tried: the least that is too much, on both sides of the shortfall.
#[test]
fn a_shortfall_is_met_exactly() {
    for (side, most, beyond) in [(Buy, 100, 101), (Sell, 200, 202)] {
        let mut desk = Desk::new(|setup| {
            setup.tail = terms();
            setup.accounts[0].limits.expected_shortfall_max = notional(100);
        });
        desk.quote_of(0, 10, 10);
        desk.refuses((side, beyond, 10), ShortfallAboveMax, 100, 101);
        desk.passes(side, most, 10);
        let last = in_symbol(&desk, 0, side, 2);
        fails(&mut desk, last, ShortfallAboveMax);
    }
}

/// Tried: a price that moves a level over its limit, and then an exit that is twice as large as what it leaves: it
/// makes no figure worse than it is, and is the same loss on the other side when it has filled.
#[test]
fn what_reduces_too_much_does_not_reduce() {
    let mut desk = desk(of_account);
    let name = desk.passes(Buy, 100, 10);
    desk.fills(name, 100, Outcome::Applied, OrderState::Filled);
    desk.quote_of(0, 1_000, 1_000);
    desk.passes(Sell, 60, 1_000);
    desk.passes(Sell, 40, 1_000);
    // Two more may be short: that loses 100 where symbol 0 rises.
    desk.passes(Sell, 2, 1_000);
    desk.refuses((Sell, 1, 1_000), StressLossAboveMax, 100, 10_000);
}

/// Tried: figures that a price makes wider than any number.
#[test]
fn no_price_is_too_wide_to_be_looked_at() {
    let mut desk = desk(of_account);
    desk.passes(Buy, 1, 10);
    desk.quote_of(0, i64::MAX, i64::MAX);
    for (side, qty) in [(Buy, 1), (Sell, 1), (Buy, Qty::MAX.raw())] {
        let mut order = desk.order(side, qty, 10);
        order.symbol = SymbolId(0);
        desk.send(order);
        assert_eq!(desk.last.outcome, Outcome::Refused, "{:?}", desk.last);
    }
    desk.quote_of(0, 10, 10);
    desk.passes(Buy, 99, 10);
    desk.refuses((Buy, 1, 10), StressLossAboveMax, 100, 101);
}

/// Two clusters of one symbol each, of which none may be more than a share of all that may be lost.
fn clusters(share: u32) -> Desk {
    let mut desk = Desk::new(|setup| {
        setup.tail = terms();
        let limits = &mut setup.accounts[0].limits;
        limits.cluster_share_max = Some(share);
        limits.cluster_share_free = notional(100);
    });
    desk.quote_of(0, 10, 10);
    desk.quote_of(1, 10, 10);
    desk
}

/// Tried: exactly the share, and one more.
#[test]
fn a_cluster_holds_its_share_and_no_more() {
    let mut desk = clusters(500_000);
    applies(&mut desk, transfer(0, 200, 10));
    applies(&mut desk, transfer(1, 200, 10));
    desk.refuses((Buy, 1, 10), ClusterShareAboveMax, 200, 201);
    applies(&mut desk, transfer(1, 1, 10));
    desk.passes(Buy, 1, 10);
    desk.refuses((Buy, 1, 10), ClusterShareAboveMax, 201, 202);
}

/// Tried: an order far away in another cluster, which makes all that may be lost larger and never fills: it is
/// cancelled once this cluster has filled.
#[test]
fn an_order_that_may_be_cancelled_makes_no_room_for_another_cluster() {
    let mut desk = clusters(600_000);
    let order = in_symbol(&desk, 1, Buy, 100);
    desk.passes_order(order);
    let name = desk.passes(Buy, 100, 10);
    desk.fills(name, 100, Outcome::Applied, OrderState::Filled);
    // More than what is free, while nothing of the other cluster is held.
    desk.refuses((Buy, 1, 10), ClusterShareAboveMax, 100, 101);
    // What is held there makes room, but for what may still be sold of it.
    applies(&mut desk, transfer(1, 80, 10));
    desk.passes(Buy, 20, 10);
    desk.refuses((Buy, 1, 10), ClusterShareAboveMax, 120, 121);
    let order = in_symbol(&desk, 1, Sell, 10);
    desk.passes_order(order);
    desk.refuses((Buy, 1, 10), ClusterShareAboveMax, 114, 121);
}
