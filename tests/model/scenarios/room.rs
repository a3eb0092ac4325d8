//! Room in the gate's tables: the last place is taken, the next is refused.

use super::desk::*;
use portcullis::message::{Exec, Kind, OrderState};
use portcullis::risk::decision::Outcome::{self, Applied, LateFill};
use portcullis::units::{AccountId, SymbolId};

#[test]
fn live_orders_leave_room_for_closed_ones() {
    let mut desk = Desk::new(|setup| {
        setup.capacity.orders = 3;
        setup.capacity.orders_closed = 1;
    });
    let first = desk.passes(Buy, 1, 100);
    let second = desk.passes(Buy, 1, 100);
    desk.refuses((Buy, 1, 100), OrdersFull, 2, 3);
    desk.reported(second, Exec::Canceled, Applied, OrderState::Cancelled);
    desk.passes(Buy, 1, 100);
    desk.cancel(second);
    desk.refused(OrderClosed, 0, 0);
    // Only the last one is remembered.
    desk.reported(first, Exec::Canceled, Applied, OrderState::Cancelled);
    desk.cancel(second);
    desk.refused(OrderUnknown, 0, 0);
    desk.report(second, Exec::Trade, |_| {});
    desk.ignored(Outcome::OrderUnknown);
    desk.fills(first, 1, LateFill, OrderState::Cancelled);
}

#[test]
fn ids_of_the_closed_and_old_make_room() {
    let mut desk = Desk::new(|setup| {
        setup.capacity.client_order_ids = 2;
        setup.capacity.client_order_id_horizon = portcullis::units::Nanos::from_raw(10);
    });
    let first = desk.passes(Buy, 1, 100);
    let second = desk.passes(Buy, 1, 100);
    desk.now += 11;
    desk.refuses((Buy, 1, 100), ClientOrderIdsFull, 2, 2);
    desk.replace(second, 2, 100);
    desk.refused(ClientOrderIdsFull, 2, 2);
    desk.now -= 1;
    let mut desk = Desk::new(|setup| {
        setup.capacity.client_order_ids = 1;
        setup.capacity.client_order_id_horizon = portcullis::units::Nanos::from_raw(10);
    });
    let only = desk.passes(Buy, 1, 100);
    assert_eq!(only, first);
    desk.reported(only, Exec::Canceled, Applied, OrderState::Cancelled);
    desk.now += 10;
    desk.refuses((Buy, 1, 100), ClientOrderIdsFull, 1, 1);
    desk.now += 1;
    let mut order = desk.order(Buy, 1, 100);
    order.client_order_id = id(only);
    desk.send(order);
    desk.refused(ClientOrderIdDuplicate, 0, 0);
    desk.passes(Buy, 1, 100);
    desk.send(order);
    desk.refused(ClientOrderIdsFull, 1, 1);
}

#[test]
fn cells_of_accounts_and_strategies_share_one_table() {
    let mut desk = Desk::new(|setup| setup.capacity.positions = 3);
    desk.passes(Buy, 1, 100);
    let mut order = desk.order(Buy, 1, 100);
    order.symbol = SymbolId(1);
    desk.send(order);
    desk.refused(PositionsFull, 3, 3);
    let mut order = desk.order(Buy, 1, 100);
    order.account = AccountId(1);
    desk.passes_order(order);
    let order = desk.order(Buy, 1, 100);
    desk.play(Kind::NewOrder, 1, order);
    desk.refused(PositionsFull, 3, 3);
    desk.passes(Buy, 1, 100);
}

#[test]
fn a_full_window_refuses_what_it_could_not_remember() {
    let mut desk = Desk::new(|setup| {
        setup.capacity.duplicates_per_window = 2;
        setup.firm.duplicate_window = nanos(10);
    });
    desk.passes(Buy, 1, 100);
    desk.now += 1;
    desk.passes(Buy, 2, 100);
    desk.refuses((Buy, 3, 100), DuplicatesFull, 2, 2);
    desk.refuses((Buy, 3, 100), DuplicatesFull, 2, 2);
    desk.refuses((Buy, 2, 100), OrderDuplicate, 10, 0);
    desk.now += 9;
    desk.passes(Buy, 3, 100);
    desk.refuses((Buy, 1, 100), DuplicatesFull, 2, 2);
}
