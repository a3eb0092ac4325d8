//! Attacks on parent orders: more children than the parent is worth, by way of whatever ends them.

use super::desk::*;
use portcullis::message::{
    Basket, Exec, Frame, Header, Kind, LinkState, NewOrder, OrderState, Side,
};
use portcullis::risk::decision::Outcome;
use portcullis::units::{AccountId, Nanos, Qty, SymbolId};

fn child(desk: &Desk, (side, qty): (Side, u64), number: u64, of: u64) -> NewOrder {
    NewOrder {
        parent: number,
        parent_qty: Qty::from_raw(of),
        ..desk.order(side, qty, 100)
    }
}

/// A child of parent 7, that is a purchase of 10.
fn buys(desk: &mut Desk, qty: u64) -> u64 {
    let order = child(desk, (Buy, qty), 7, 10);
    desk.passes_order(order)
}

fn refuses(desk: &mut Desk, qty: u64, used: i128) {
    let order = child(desk, (Buy, qty), 7, 10);
    desk.send(order);
    desk.refused(ParentQtyAboveMax, 10, used);
}

fn rejected(desk: &mut Desk, name: u64) {
    desk.reported(name, Exec::Rejected, Outcome::Applied, OrderState::Rejected);
}

/// Orders as lines of one basket, whose ids begin with `first`.
fn basket(desk: &mut Desk, first: u64, lines: [NewOrder; 2]) {
    let frames = [0, 1].map(|at| {
        let line = NewOrder {
            client_order_id: id(first + at),
            ..lines[at as usize]
        };
        Frame::new(Kind::NewOrder, Header::default(), line)
    });
    desk.play_frame(Kind::Basket, 0, 0, Basket::default(), &frames, None);
}

/// Tried: children that grow by replaces, with fills of the old terms in between.
#[test]
fn a_chain_of_replaces_does_not_climb_over_its_parent() {
    let mut desk = Desk::new(|_| {});
    let name = buys(&mut desk, 4);
    desk.replace(name, 8, 100);
    assert_eq!(desk.last.outcome, Outcome::Accepted);
    refuses(&mut desk, 3, 11);
    desk.fills(name, 3, Outcome::Applied, OrderState::ReplacePending);
    refuses(&mut desk, 3, 11);
    desk.reported(
        name,
        Exec::Replaced,
        Outcome::Applied,
        OrderState::PartiallyFilled,
    );
    desk.replace(name, 11, 100);
    desk.refused(ParentQtyAboveMax, 10, 11);
    // Given back by a replace is not given back before the broker has said so.
    desk.replace(name, 4, 100);
    assert_eq!(desk.last.outcome, Outcome::Accepted);
    refuses(&mut desk, 3, 11);
    desk.reported(
        name,
        Exec::Replaced,
        Outcome::Applied,
        OrderState::PartiallyFilled,
    );
    buys(&mut desk, 6);
    refuses(&mut desk, 1, 11);
}

/// Tried: children that fill after their end, or more than stood, so that the parent forgets them.
#[test]
fn what_a_child_fills_counts_however_late_and_however_much() {
    let mut desk = Desk::new(|_| {});
    let first = buys(&mut desk, 6);
    rejected(&mut desk, first);
    let second = buys(&mut desk, 4);
    desk.fills(first, 6, Outcome::LateFill, OrderState::Rejected);
    refuses(&mut desk, 1, 11);
    desk.fills(second, 9, Outcome::OverFill, OrderState::Filled);
    refuses(&mut desk, 1, 16);
    // And what has been filled once is never free again.
    desk.now += 1_000_000;
    refuses(&mut desk, 1, 16);
}

/// Tried: a parent of which nothing has come is said to be another, and then an old child fills.
#[test]
fn a_parent_that_becomes_another_still_counts_its_old_children() {
    let mut desk = Desk::new(|_| {});
    let first = buys(&mut desk, 6);
    rejected(&mut desk, first);
    let order = NewOrder {
        symbol: SymbolId(1),
        ..child(&desk, (Sell, 5), 7, 8)
    };
    desk.passes_order(order);
    desk.fills(first, 6, Outcome::LateFill, OrderState::Rejected);
    let order = NewOrder {
        symbol: SymbolId(1),
        ..child(&desk, (Sell, 1), 7, 8)
    };
    desk.send(order);
    desk.refused(ParentQtyAboveMax, 8, 12);
}

/// Tried: a child of a parent whose place another has taken fills, to change what that one has used.
#[test]
fn a_late_fill_does_not_reach_who_has_the_place_now() {
    let mut desk = Desk::new(|setup| setup.capacity.parents = 1);
    let first = buys(&mut desk, 6);
    rejected(&mut desk, first);
    let order = child(&desk, (Buy, 3), 8, 4);
    desk.send(order);
    desk.refused(ParentsFull, 1, 1);
    desk.now += 1;
    let order = child(&desk, (Buy, 3), 8, 4);
    let second = desk.passes_order(order);
    desk.fills(first, 6, Outcome::LateFill, OrderState::Rejected);
    let order = child(&desk, (Buy, 1), 8, 4);
    desk.passes_order(order);
    let order = child(&desk, (Buy, 1), 8, 4);
    desk.send(order);
    desk.refused(ParentQtyAboveMax, 4, 5);
    // While any child of it lives its place is its own, however old it is.
    desk.fills(second, 3, Outcome::Applied, OrderState::Filled);
    desk.now += 1_000_000;
    let order = child(&desk, (Buy, 1), 7, 10);
    desk.send(order);
    desk.refused(ParentsFull, 1, 1);
}

/// Tried: later children that say more, another side, another symbol; half a parent; none at all.
#[test]
fn a_parent_stays_what_its_first_child_said() {
    let mut desk = Desk::new(|_| {});
    buys(&mut desk, 1);
    let most = Qty::MAX.raw();
    let others = [
        child(&desk, (Buy, 1), 7, 11),
        child(&desk, (Buy, 1), 7, most),
        child(&desk, (Sell, 1), 7, 10),
        child(&desk, (Buy, 1), 7, 0),
        child(&desk, (Buy, 1), 0, 10),
        child(&desk, (Buy, 1), 9, most + 1),
        child(&desk, (Buy, 1), u64::MAX, u64::MAX),
        NewOrder {
            symbol: SymbolId(1),
            ..child(&desk, (Buy, 1), 7, 10)
        },
    ];
    for order in others {
        let order = NewOrder {
            client_order_id: desk.order(Buy, 1, 1).client_order_id,
            ..order
        };
        desk.send(order);
        assert_eq!(desk.last.outcome, Outcome::Refused);
        assert_eq!(desk.last.reason, Some(ParentMismatch));
    }
    // The widest that there is, to its end.
    for name in 0..2 {
        let order = child(&desk, (Sell, most / 2 + name), 9, most);
        desk.passes_order(order);
    }
    let order = child(&desk, (Sell, 1), 9, most);
    desk.send(order);
    desk.refused(ParentQtyAboveMax, most.into(), i128::from(most) + 1);
    // The same number of another account is another parent.
    let order = NewOrder {
        account: AccountId(1),
        ..child(&desk, (Sell, 2), 7, 2)
    };
    desk.passes_order(order);
    refuses(&mut desk, 10, 11);
}

/// Tried: lines of a basket that name one parent, and a basket that is taken back.
#[test]
fn a_basket_that_is_taken_back_leaves_its_parents_as_they_were() {
    let mut desk = Desk::new(|setup| setup.capacity.parents = 2);
    buys(&mut desk, 2);
    let lines = [child(&desk, (Buy, 5), 7, 10), child(&desk, (Buy, 4), 7, 10)];
    for first in [100, 100, 200] {
        basket(&mut desk, first, lines);
        assert_eq!(desk.last.outcome, Outcome::Refused);
        assert_eq!(desk.last.reason, Some(ParentQtyAboveMax));
        assert_eq!((desk.last.limit, desk.last.value), (10, 11));
    }
    // The first line's parent is new, and gone again with it: it may be said to be another.
    let lines = [child(&desk, (Buy, 5), 8, 10), child(&desk, (Buy, 9), 7, 10)];
    basket(&mut desk, 300, lines);
    assert_eq!(desk.last.outcome, Outcome::Refused);
    let order = child(&desk, (Sell, 3), 8, 3);
    desk.passes_order(order);
    let lines = [child(&desk, (Buy, 5), 7, 10), child(&desk, (Buy, 3), 7, 10)];
    basket(&mut desk, 400, lines);
    assert_eq!(desk.last.outcome, Outcome::Accepted, "{:?}", desk.last);
    refuses(&mut desk, 1, 11);
}

/// Tried: a child that is too large, where the account has orders cut.
#[test]
fn a_child_is_cut_to_what_is_left_of_its_parent() {
    let mut desk = Desk::new(|setup| setup.accounts[0].cuts_orders = true);
    buys(&mut desk, 4);
    let order = child(&desk, (Buy, 9), 7, 10);
    desk.send(order);
    assert_eq!((desk.last.limit, desk.last.value), (6, 9));
    assert_eq!(desk.last.outcome, Outcome::Accepted);
    refuses(&mut desk, 1, 11);
    // What the parent is said to be is not cut.
    let order = child(&desk, (Buy, 1), 7, 11);
    desk.send(order);
    desk.refused(ParentMismatch, 10, 11);
}

/// Tried: a lost link, a broker that restates a child up, and one that never had it.
#[test]
fn a_child_in_doubt_counts_in_full() {
    let mut desk = Desk::new(|setup| setup.capacity.parent_horizon = Nanos::from_raw(5));
    let first = buys(&mut desk, 6);
    desk.link(LinkState::Down);
    desk.link(LinkState::Up);
    refuses(&mut desk, 5, 11);
    desk.report(first, Exec::Restated, |report| {
        report.leaves = Qty::from_raw(9);
    });
    refuses(&mut desk, 2, 11);
    buys(&mut desk, 1);
    let other = {
        let order = child(&desk, (Buy, 1), 8, 1);
        desk.passes_order(order)
    };
    desk.reported(
        other,
        Exec::NotReceived,
        Outcome::Applied,
        OrderState::Rejected,
    );
    refuses(&mut desk, 1, 11);
}
