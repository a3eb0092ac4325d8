//! What an adversary would try to get an order past the gate, each with what comes of it.
//!
//! Races of fills, cancels and replaces are gone through in full by `tests/worst_case.rs`; bytes at random
//! by the targets of `fuzz/`; an id that is used again behind a restart by `tests/process.rs`.

use super::desk::*;
use portcullis::message::{
    Exec, Frame, Header, Kind, LinkState, NewOrder, OrderState, OrderType, SaleMark, Scope,
    TimeInForce, flags,
};
use portcullis::risk::core::Core;
use portcullis::risk::decision::{Effects, Outcome};
use portcullis::risk::setup::Rate;
use portcullis::units::{AccountId, Nanos, Price, Qty, StrategyId, SymbolId};

/// A body that means one thing as one kind is sent as every other: only an order opens an order.
#[test]
fn no_other_kind_of_message_opens_an_order() {
    let mut core = Core::new(&setup());
    let mut effects = Effects::default();
    let desk = Desk::new(|_| {});
    let mut passed = Vec::new();
    for byte in 0..=u8::MAX {
        effects.clear();
        let header = Header {
            time: Nanos::from_raw(1000),
            strategy: StrategyId(0),
            ..Header::default()
        };
        let mut frame = Frame::new(Kind::NewOrder, header, desk.order(Buy, 1, 100));
        frame.header.kind = byte;
        core.step(&frame, &[], &mut effects);
        core.verify();
        if !effects.to_broker.is_empty() {
            passed.push(byte);
        }
    }
    assert_eq!(passed, [Kind::NewOrder as u8]);
}

/// Each byte of a choice takes each value: what is no choice is refused, whatever stands beside it.
#[test]
fn odd_bytes_in_place_of_a_choice_refuse() {
    type Choice = (fn(&mut NewOrder, u8), fn(u8) -> bool);
    let choices: [Choice; 4] = [
        (
            |order, byte| order.side = byte,
            |byte| byte == Buy as u8 || byte == Sell as u8,
        ),
        (
            |order, byte| order.order_type = byte,
            |byte| OrderType::from_byte(byte) == Some(OrderType::Limit),
        ),
        (
            |order, byte| order.time_in_force = byte,
            |byte| TimeInForce::from_byte(byte).is_some(),
        ),
        (
            |order, byte| order.mark = byte,
            |byte| byte == 0 || SaleMark::from_byte(byte).is_some(),
        ),
    ];
    for (at, (set, is_known)) in choices.into_iter().enumerate() {
        let mut desk = Desk::new(|_| {});
        for byte in 0..=u8::MAX {
            let mut order = desk.order(Sell, 1, 100);
            set(&mut order, byte);
            desk.send(order);
            let is_accepted = desk.last.outcome == Outcome::Accepted;
            assert_eq!(is_accepted, is_known(byte), "choice {at}, byte {byte}");
            assert_eq!(desk.last.to_broker.is_empty(), !is_accepted);
        }
    }
}

/// A bit that has no meaning yet may get one: who sets it now does not know what it asks for.
#[test]
fn any_reserved_bit_refuses() {
    let mut desk = Desk::new(|_| {});
    let name = desk.passes(Buy, 1, 100);
    for bit in 0..8 {
        for byte in 0..desk.replacement(name, 1, 100).reserved.len() {
            let mut replace = desk.replacement(name, 1, 100);
            replace.reserved[byte] = 1 << bit;
            desk.play(Kind::Replace, 0, replace);
            desk.refused(ReservedBitSet, 0, 0);
        }
    }
    for bit in 0..16 {
        let order = desk.order(Buy, 1, 100);
        desk.play_frame(Kind::NewOrder, 0, 1 << bit, order, &[], None);
        assert_eq!(desk.last.outcome, Outcome::Refused, "flag {bit}");
        let is_known = flags::ALL & 1 << bit != 0;
        assert_eq!(desk.last.failed.contains(&ReservedBitSet), !is_known);
    }
}

/// Prices, quantities and multipliers whose products wrap: nothing that is worth more than the limit, worked
/// out in whole numbers, passes as something small.
#[test]
fn no_product_wraps_below_a_limit() {
    const ONE: u128 = 1_000_000_000;
    let prices = [
        1,
        3,
        i64::MAX / 2,
        i64::MAX - 1,
        i64::MAX,
        -1,
        -3,
        i64::MIN,
        i64::MIN + 1,
    ];
    let qtys = [
        1,
        2,
        1 << 31,
        1 << 32,
        Qty::MAX.raw(),
        Qty::MAX.raw() + 1,
        u64::MAX,
    ];
    let mut passed = 0;
    for multiplier in [0, 1, 1_000_000_000, 1 << 33, u64::MAX] {
        for max in [0, 1, 1 << 33, 1 << 64, u128::MAX >> 1] {
            for (price, qty) in prices.into_iter().flat_map(|p| qtys.map(|q| (p, q))) {
                let mut desk = Desk::new(|setup| {
                    setup.symbols[0].multiplier = multiplier;
                    setup.symbols[0].price_min = Some(Price::from_raw(i64::MIN));
                    setup.firm.open_notional_max = notional(max);
                });
                let order = desk.order(Sell, qty, price);
                desk.send(order);
                let times = if multiplier == 0 {
                    ONE
                } else {
                    multiplier.into()
                };
                let unit = u128::from(price.unsigned_abs()) * times;
                let worth = unit.div_ceil(ONE).checked_mul(qty.into());
                if desk.last.outcome == Outcome::Accepted {
                    passed += 1;
                    assert!(
                        worth.is_some_and(|worth| worth <= max),
                        "{price} {qty} {multiplier}"
                    );
                }
            }
        }
    }
    assert!(passed > 100, "{passed}");
}

/// A chain of replaces, each a little more than the one before, and a fill of the old terms in between.
#[test]
fn a_chain_of_replaces_does_not_climb_over_a_limit() {
    let mut desk = Desk::new(|setup| setup.firm.position_qty_max = qty(10));
    let name = desk.passes(Buy, 4, 100);
    desk.fills(name, 1, Outcome::Applied, OrderState::PartiallyFilled);
    desk.replace(name, 8, 100);
    assert_eq!(desk.last.outcome, Outcome::Accepted);
    desk.fills(name, 1, Outcome::Applied, OrderState::ReplacePending);
    desk.refuses((Buy, 3, 100), PositionQtyAboveMax, 10, 11);
    desk.reported(
        name,
        Exec::Replaced,
        Outcome::Applied,
        OrderState::PartiallyFilled,
    );
    desk.replace(name, 11, 100);
    desk.refused(PositionQtyAboveMax, 10, 11);
    desk.replace(name, 10, 100);
    assert_eq!(desk.last.outcome, Outcome::Accepted);
    desk.refuses((Buy, 1, 100), PositionQtyAboveMax, 10, 11);
}

/// What is given back by a replace or a cancel is free when the broker has said so, not when it is asked.
#[test]
fn nothing_is_free_before_the_broker_has_said_so() {
    let mut desk = Desk::new(|setup| setup.firm.position_qty_max = qty(10));
    let name = desk.passes(Buy, 10, 100);
    desk.replace(name, 1, 100);
    assert_eq!(desk.last.outcome, Outcome::Accepted);
    desk.refuses((Buy, 1, 100), PositionQtyAboveMax, 10, 11);
    desk.reported(name, Exec::Replaced, Outcome::Applied, OrderState::Open);
    let other = desk.passes(Buy, 9, 100);
    desk.cancel(other);
    desk.refuses((Buy, 1, 100), PositionQtyAboveMax, 10, 11);
    desk.reported(
        other,
        Exec::Canceled,
        Outcome::Applied,
        OrderState::Cancelled,
    );
    let last = desk.passes(Buy, 9, 100);
    // The broker had filled it after all: what stands above the limit can only become less.
    desk.fills(other, 9, Outcome::LateFill, OrderState::Cancelled);
    desk.refuses((Buy, 1, 100), PositionQtyAboveMax, 10, 20);
    desk.cancel(last);
    desk.passes(Sell, 9, 100);
}

/// A clock that is turned back or far forward gives nobody a new window, a younger price or an old id.
#[test]
fn a_clock_that_jumps_opens_nothing() {
    let hour = 3_600_000_000_000;
    let mut desk = Desk::new(|setup| {
        let window = Nanos::from_raw(hour);
        setup.firm.order_rate = vec![Rate { count: 2, window }];
        setup.firm.reference_age_max = nanos(hour);
    });
    desk.now = 10 * hour;
    desk.quote(100, 100, Outcome::Applied);
    desk.passes(Buy, 1, 100);
    desk.passes(Buy, 1, 100);
    for now in [0, 1, 9 * hour, 10 * hour - 1, 10 * hour, 11 * hour - 1] {
        desk.now = now;
        desk.refuses((Buy, 1, 100), OrderRateAboveMax, 2, 3);
    }
    desk.now = u64::MAX / 2;
    desk.passes(Buy, 1, 100);
    desk.passes(Buy, 1, 100);
    for now in [0, 11 * hour, u64::MAX / 2 - 1, u64::MAX / 2] {
        desk.now = now;
        desk.refuses((Buy, 1, 100), OrderRateAboveMax, 2, 3);
        let order = desk.order(Buy, 1, 0);
        desk.send(order);
        assert!(desk.last.failed.contains(&ReferenceStale));
    }
}

/// The first and the last of every table, and the number behind it.
#[test]
fn a_name_beyond_its_table_is_nobody() {
    let mut desk = Desk::new(|_| {});
    for number in [2, 3, u32::MAX / 2, u32::MAX - 1, u32::MAX] {
        for (field, reason) in [AccountUnknown, StrategyUnknown, SymbolUnknown]
            .into_iter()
            .enumerate()
        {
            let mut order = desk.order(Buy, 1, 100);
            let mut strategy = 0;
            match field {
                0 => order.account = AccountId(number),
                1 => strategy = number,
                _ => order.symbol = SymbolId(number),
            }
            desk.play(Kind::NewOrder, strategy, order);
            assert_eq!(desk.last.outcome, Outcome::Refused);
            assert_eq!(desk.last.reason, Some(reason));
        }
        for scope in [
            Scope::Account,
            Scope::Strategy,
            Scope::Symbol,
            Scope::Desk,
            Scope::Group,
        ] {
            desk.raise(scope, number, 0, Outcome::NotPermitted);
        }
    }
    desk.passes(Buy, 1, 100);
}

/// Limits of nothing and of all that there is.
#[test]
fn limits_at_the_ends_of_their_range() {
    let mut desk = Desk::new(|setup| setup.firm.order_qty_max = qty(0));
    desk.refuses((Buy, 1, 100), QtyAboveMax, 0, 1);
    let mut desk = Desk::new(|setup| setup.firm.order_notional_max = notional(0));
    desk.refuses((Buy, 1, 1), NotionalAboveMax, 0, 1);
    let mut desk = Desk::new(|setup| {
        setup.firm.order_qty_max = qty(u64::MAX);
        setup.firm.position_qty_max = qty(u64::MAX);
    });
    let most = Qty::MAX.raw();
    desk.refuses(
        (Buy, most + 1, 1),
        QtyZero,
        most.into(),
        i128::from(most) + 1,
    );
    desk.passes(Buy, most, 1);
    // Two of the widest still fit, a third does not.
    desk.passes(Buy, most, 1);
    let order = desk.order(Buy, most, 1);
    desk.send(order);
    assert!(
        desk.last.failed.contains(&ExposureOverflow),
        "{:?}",
        desk.last
    );
}

/// An id that its owner has used, in any state of the order, for a new order and for a replace.
#[test]
fn an_id_is_used_once_whatever_became_of_its_order() {
    let mut desk = Desk::new(|_| {});
    let first = desk.passes(Buy, 5, 100);
    let again = |desk: &mut Desk| {
        let mut order = desk.order(Buy, 5, 100);
        order.client_order_id = id(first);
        desk.send(order);
        desk.refused(ClientOrderIdDuplicate, 0, 0);
        let other = desk.passes(Buy, 1, 100);
        let mut replace = desk.replacement(other, 2, 100);
        replace.client_order_id = id(first);
        desk.play(Kind::Replace, 0, replace);
        desk.refused(ClientOrderIdDuplicate, 0, 0);
    };
    again(&mut desk);
    desk.fills(first, 2, Outcome::Applied, OrderState::PartiallyFilled);
    again(&mut desk);
    desk.cancel(first);
    again(&mut desk);
    desk.reported(
        first,
        Exec::Canceled,
        Outcome::Applied,
        OrderState::Cancelled,
    );
    again(&mut desk);
    desk.link(LinkState::Down);
    desk.link(LinkState::Up);
    again(&mut desk);
}
