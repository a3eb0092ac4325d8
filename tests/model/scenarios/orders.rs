//! The order as it is written, and what a cancel or a replace may be about.

use super::desk::*;
use portcullis::message::{Cancel, Exec, Kind, LinkState, OrderState, OrderType, TimeInForce};
use portcullis::risk::decision::Outcome;
use portcullis::units::{Price, Qty};

#[test]
fn an_id_is_valid_and_new_in_its_account() {
    let mut desk = Desk::new(|_| {});
    let mut order = desk.order(Buy, 1, 100);
    order.client_order_id = portcullis::message::Text::EMPTY;
    desk.send(order);
    desk.refused(ClientOrderIdInvalid, 0, 0);

    // What the gate calls its own orders.
    for (name, is_own) in [
        ("exit-7", true),
        ("exit-", true),
        ("exit", false),
        ("Exit-7", false),
    ] {
        let mut order = desk.order(Buy, 1, 100);
        order.client_order_id = portcullis::message::Text::new(name).unwrap();
        desk.send(order);
        match is_own {
            true => desk.refused(ClientOrderIdInvalid, 0, 0),
            false => assert_eq!(desk.last.outcome, Outcome::Accepted, "{name}"),
        }
    }
    let name = desk.passes(Buy, 1, 100);
    let mut replace = desk.replacement(name, 1, 100);
    replace.client_order_id = portcullis::message::Text::new("exit-1").unwrap();
    desk.play(Kind::Replace, 0, replace);
    desk.refused(ClientOrderIdInvalid, 0, 0);

    let mut order = desk.order(Buy, 1, 100);
    order.client_order_id = id(name);
    desk.send(order);
    desk.refused(ClientOrderIdDuplicate, 0, 0);
    order.account = portcullis::units::AccountId(1);
    desk.passes_order(order);

    // The id of a refused order is free.
    let mut order = desk.order(Buy, 0, 100);
    let refused = order.client_order_id;
    desk.send(order);
    desk.refused(QtyZero, 1, 0);
    order.qty = Qty::from_raw(1);
    order.client_order_id = refused;
    desk.passes_order(order);
}

#[test]
fn bytes_that_name_nothing_refuse() {
    let mut desk = Desk::new(|_| {});
    for (side, order_type, time_in_force, reason) in [
        (0, 2, 1, SideInvalid),
        (3, 2, 1, SideInvalid),
        (1, 3, 1, OrderTypeInvalid),
        (1, 2, 5, TimeInForceInvalid),
    ] {
        let mut order = desk.order(Buy, 1, 100);
        (order.side, order.order_type, order.time_in_force) = (side, order_type, time_in_force);
        desk.send(order);
        desk.refused(reason, 0, 0);
    }
}

#[test]
fn a_venue_takes_what_it_takes() {
    let mut desk = Desk::new(|setup| {
        setup.symbols[0].order_types = vec![OrderType::Market];
        setup.symbols[0].times_in_force = vec![TimeInForce::Day];
    });
    desk.refuses((Buy, 1, 100), OrderTypeNotPermitted, 0, 0);
    assert_eq!(
        desk.last.failed,
        [OrderTypeNotPermitted, TimeInForceNotPermitted]
    );
}

#[test]
fn a_market_order_has_no_price() {
    let mut desk = Desk::new(|_| {});
    desk.quote(99, 101, Outcome::Applied);
    desk.passes(Buy, 1, 0);
    let mut order = desk.order(Buy, 1, 0);
    order.price = Price::from_raw(-1);
    desk.send(order);
    desk.refused(PriceNotAllowed, 0, -1);
}

#[test]
fn a_price_is_on_its_tick_and_within_its_bounds() {
    let mut desk = Desk::new(|setup| {
        setup.symbols[0].tick = Price::from_raw(5);
        setup.symbols[0].price_min = Some(Price::from_raw(-10));
        setup.symbols[0].price_max = Some(Price::from_raw(10));
    });
    for price in [-10, -5, 0, 5, 10] {
        let mut order = desk.order(Buy, 1, price);
        order.order_type = OrderType::Limit as u8;
        desk.passes_order(order);
    }
    for price in [1, 4, 6, 9] {
        desk.refuses((Buy, 1, price), PriceOffTick, 5, price.into());
    }
    desk.refuses((Buy, 1, -9), PriceOffTick, 5, -9);
    desk.refuses((Buy, 1, -15), PriceBelowMin, -10, -15);
    desk.refuses((Buy, 1, 15), PriceAboveMax, 10, 15);
}

#[test]
fn a_quantity_is_in_lots_and_within_the_venues_bounds() {
    let mut desk = Desk::new(|setup| {
        setup.symbols[0].lot = Qty::from_raw(2);
        setup.symbols[0].qty_min = qty(4);
        setup.symbols[0].qty_max = qty(8);
    });
    desk.passes(Buy, 4, 100);
    desk.passes(Buy, 8, 100);
    desk.refuses((Buy, 5, 100), QtyOffLot, 2, 5);
    desk.refuses((Buy, 2, 100), QtyBelowMin, 4, 2);
    desk.refuses((Buy, 10, 100), QtyAboveSymbolMax, 8, 10);
    let widest = Qty::MAX.raw();
    desk.refuses((Buy, 0, 100), QtyZero, 2, 0);
    assert_eq!(desk.last.failed, [QtyZero, QtyBelowMin]);
    desk.refuses(
        (Buy, widest + 1, 100),
        QtyZero,
        widest.into(),
        i128::from(widest) + 1,
    );
}

#[test]
fn a_cancel_finds_only_its_strategys_orders_and_goes_out_each_time() {
    let mut desk = Desk::new(|_| {});
    let name = desk.passes(Buy, 1, 100);
    desk.cancel(99);
    desk.refused(OrderUnknown, 0, 0);
    let cancel = Cancel {
        original_id: id(name),
        ..Cancel::default()
    };
    desk.play(Kind::Cancel, 1, cancel);
    desk.refused(OrderUnknown, 0, 0);
    for _ in 0..2 {
        desk.cancel(name);
        assert_eq!(desk.sent(), [(Kind::BrokerCancel, 1)]);
    }
    // An operator's cancel is of no strategy.
    desk.play(Kind::Cancel, u32::MAX, cancel);
    assert_eq!(desk.sent(), [(Kind::BrokerCancel, 1)]);
    desk.reported(
        name,
        Exec::Canceled,
        Outcome::Applied,
        OrderState::Cancelled,
    );
    desk.cancel(name);
    desk.refused(OrderClosed, 0, 0);
}

#[test]
fn a_replace_is_refused_while_the_order_is_not_at_rest() {
    let mut desk = Desk::new(|_| {});
    desk.replace(99, 1, 100);
    desk.refused(OrderUnknown, 0, 0);

    let name = desk.passes(Buy, 5, 100);
    desk.replace(name, 6, 100);
    desk.replace(name, 7, 100);
    desk.refused(ReplacePending, 0, 0);
    desk.reported(
        name,
        Exec::ReplaceRejected,
        Outcome::Applied,
        OrderState::Pending,
    );
    desk.cancel(name);
    desk.replace(name, 7, 100);
    desk.refused(CancelPending, 0, 0);
    desk.reported(
        name,
        Exec::CancelRejected,
        Outcome::Applied,
        OrderState::Pending,
    );
    desk.link(LinkState::Down);
    desk.replace(name, 7, 100);
    assert_eq!(desk.last.failed, [BrokerLinkDown, OrderInDoubt]);
    desk.link(LinkState::Up);
    assert_eq!(desk.sent(), [(Kind::BrokerStatus, 1)]);
    desk.reported(name, Exec::New, Outcome::Applied, OrderState::Open);

    desk.fills(name, 3, Outcome::Applied, OrderState::PartiallyFilled);
    desk.replace(name, 3, 100);
    desk.refused(QtyBelowFilled, 3, 3);
    desk.replace(name, 4, 100);
    assert_eq!(desk.sent(), [(Kind::BrokerReplace, 1)]);
    desk.reported(
        name,
        Exec::Replaced,
        Outcome::Applied,
        OrderState::PartiallyFilled,
    );
    desk.fills(name, 1, Outcome::Applied, OrderState::Filled);
    desk.replace(name, 9, 100);
    desk.refused(OrderClosed, 0, 0);
}

#[test]
fn a_market_order_is_not_replaced() {
    let mut desk = Desk::new(|_| {});
    desk.quote(100, 100, Outcome::Applied);
    let name = desk.passes(Buy, 5, 0);
    desk.replace(name, 6, 100);
    desk.refused(ReplaceOfMarketOrder, 0, 0);
}

#[test]
fn a_chain_of_replaces_reserves_the_larger_and_answers_to_every_id() {
    let mut desk = Desk::new(|_| {});
    let name = desk.passes(Buy, 10, 100);
    let first = name + 1;
    desk.replace(name, 4, 300);
    assert_eq!((desk.reserved(), desk.open_notional()), ((10, 0), 1200));
    desk.fills(name, 2, Outcome::Applied, OrderState::ReplacePending);
    assert_eq!((desk.reserved(), desk.open_notional()), ((8, 0), 800));
    desk.reported(
        name,
        Exec::Replaced,
        Outcome::Applied,
        OrderState::PartiallyFilled,
    );
    assert_eq!((desk.reserved(), desk.open_notional()), ((2, 0), 600));
    desk.replace(first, 20, 100);
    // Two at 300 may still fill, and behind them sixteen at 100.
    assert_eq!((desk.reserved(), desk.open_notional()), ((18, 0), 2200));
    desk.reported(
        name,
        Exec::ReplaceRejected,
        Outcome::Applied,
        OrderState::PartiallyFilled,
    );
    assert_eq!(desk.reserved(), (2, 0));
    desk.cancel(name);
    assert_eq!(desk.sent(), [(Kind::BrokerCancel, 1)]);
}
