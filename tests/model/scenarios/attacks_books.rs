//! Attacks on books: of desks, of owners, of what was located; and on what an order is valued at.

use super::desk::*;
use portcullis::message::{
    Exec, Kind, LimitChange, LimitKey, Locate, NewOrder, OrderState, Override, SaleMark, Scope,
};
use portcullis::risk::decision::Outcome;
use portcullis::risk::setup::{self, Borrow, SelfMatch, Setup, ShortSales};
use portcullis::units::{AccountId, DeskId, Qty};

/// Three accounts, of which the first two are of one desk.
fn with_desk(setup: &mut Setup) {
    setup.desks = vec![setup::Desk {
        enabled: true,
        ..setup::Desk::default()
    }];
    setup.accounts.push(setup.accounts[0].clone());
    setup.accounts[0].desk = Some(DeskId(0));
    setup.accounts[1].desk = Some(DeskId(0));
    for strategy in &mut setup.strategies {
        strategy.accounts = (0..3).map(AccountId).collect();
    }
}

fn of(order: NewOrder, account: u32) -> NewOrder {
    NewOrder {
        account: AccountId(account),
        ..order
    }
}

/// Tried: a desk's book beyond what a position can be, while the firm's is flat: the sum overflowed, which
/// is a panic.
#[test]
fn a_desks_book_wider_than_any_position_refuses() {
    let mut desk = Desk::new(with_desk);
    let most = Qty::MAX.raw();
    for (account, side) in [(0, Buy), (0, Buy), (2, Sell), (2, Sell)] {
        let order = of(desk.order(side, most, 1), account);
        let name = desk.passes_order(order);
        desk.fills(name, most, Outcome::Applied, OrderState::Filled);
    }
    let order = of(desk.order(Buy, 1, 1), 1);
    desk.passes_order(order);
    let order = of(desk.order(Buy, 1, 1), 1);
    desk.send(order);
    desk.refused(ExposureOverflow, 0, 0);
    // What leads back is not stopped by it.
    let order = of(desk.order(Sell, most, 1), 1);
    desk.passes_order(order);
}

/// Tried: the same by fills that nobody asked for; then orders either way.
#[test]
fn a_desks_book_that_a_broker_has_overfilled_stays_a_number() {
    let mut desk = Desk::new(with_desk);
    let most = Qty::MAX.raw();
    let names = [0, 1].map(|account| {
        let order = of(desk.order(Buy, 1, 1), account);
        desk.passes_order(order)
    });
    for name in names {
        let mut state = Outcome::OverFill;
        for _ in 0..2 {
            desk.fills(name, most, state, OrderState::Filled);
            state = Outcome::LateFill;
        }
    }
    for side in [Buy, Sell] {
        for account in [0, 1] {
            let order = of(desk.order(side, most, 1), account);
            desk.send(order);
            let may_pass = side == Sell;
            assert_eq!(desk.last.outcome == Outcome::Accepted, may_pass);
        }
    }
}

fn oldest(setup: &mut Setup) {
    setup.accounts[0].self_match = SelfMatch::CancelOldest;
    setup.firm.order_qty_max = qty(10);
}

/// Tried: an order that is too large and is cut, so that what it would meet is not cancelled before it.
#[test]
fn an_order_that_is_cut_does_not_meet_its_owners() {
    let mut desk = Desk::new(|setup| {
        oldest(setup);
        setup.accounts[0].cuts_orders = true;
    });
    desk.passes(Sell, 5, 100);
    let order = desk.order(Buy, 20, 100);
    desk.send(order);
    assert_eq!(desk.last.reason, Some(OrderCut));
    assert_eq!(desk.sent(), [(Kind::BrokerCancel, 1), (Kind::BrokerNew, 2)]);
}

/// Tried: an order that persons let pass a limit, likewise.
#[test]
fn an_order_that_is_let_pass_does_not_meet_its_owners() {
    let mut desk = Desk::new(|setup| {
        oldest(setup);
        setup.soft = vec![QtyAboveMax];
    });
    desk.passes(Sell, 5, 100);
    for operator in [0, 1] {
        let asked = Override {
            operator,
            client_order_id: id(99),
            ..Override::default()
        };
        desk.play(Kind::Override, u32::MAX, asked);
        assert_eq!(desk.last.outcome, Outcome::Applied);
    }
    let order = NewOrder {
        client_order_id: id(99),
        ..desk.order(Buy, 20, 100)
    };
    desk.send(order);
    assert_eq!(desk.last.outcome, Outcome::Accepted);
    assert_eq!(desk.sent(), [(Kind::BrokerCancel, 1), (Kind::BrokerNew, 2)]);
}

/// Tried: meeting one's own by a replace, at either of two prices, and with the cached book forgotten.
#[test]
fn an_order_meets_its_owners_at_neither_price_of_a_replace() {
    let mut desk = Desk::new(|setup| {
        for account in &mut setup.accounts {
            account.owner = "one".to_owned();
            account.self_match = SelfMatch::CancelNewest;
        }
    });
    let name = desk.passes(Sell, 5, 105);
    desk.replace(name, 5, 100);
    assert_eq!(desk.last.outcome, Outcome::Accepted);
    let meets = |desk: &mut Desk, price: i64, at: i128| {
        for account in [0, 1] {
            let order = of(desk.order(Buy, 1, price), account);
            desk.send(order);
            desk.refused(SelfMatch, at, price.into());
        }
    };
    meets(&mut desk, 100, 100);
    let change = LimitChange {
        value: [1000, 0],
        target: u32::MAX,
        scope: Scope::Firm as u8,
        limit: LimitKey::OrderQty as u8,
        ..LimitChange::default()
    };
    desk.play(Kind::Limit, u32::MAX, change);
    assert_eq!(desk.last.outcome, Outcome::Applied);
    meets(&mut desk, 100, 100);
    desk.reported(
        name,
        Exec::ReplaceRejected,
        Outcome::Applied,
        OrderState::Pending,
    );
    desk.passes(Buy, 1, 104);
    meets(&mut desk, 105, 105);
    desk.replace(name, 5, 104);
    desk.refused(SelfMatch, 104, 104);
}

/// Tried: an account that asks for nothing trades with one of its owner's that does.
#[test]
fn an_account_without_a_mode_is_not_kept_from_its_owners() {
    let mut desk = Desk::new(|setup| {
        for account in &mut setup.accounts {
            account.owner = "one".to_owned();
        }
        setup.accounts[0].self_match = SelfMatch::CancelNewest;
    });
    desk.passes(Sell, 1, 100);
    let order = of(desk.order(Buy, 1, 100), 1);
    desk.passes_order(order);
}

/// Account 0 owns 100, none of more was located.
fn owns_100() -> Desk {
    let mut desk = Desk::new(|setup| {
        setup.accounts[0].short_sales = ShortSales::Check;
        setup.symbols[0].borrow = Borrow::Hard;
    });
    let name = desk.passes(Buy, 100, 10);
    desk.fills(name, 100, Outcome::Applied, OrderState::Filled);
    desk
}

fn short(desk: &mut Desk, qty: u64) -> u64 {
    let order = NewOrder {
        mark: SaleMark::Short as u8,
        ..desk.order(Sell, qty, 10)
    };
    desk.passes_order(order)
}

/// Tried: what an order gives back by a replace is sold by another, and then asked for again.
#[test]
fn what_an_account_owns_covers_one_sale_only() {
    let mut desk = owns_100();
    let first = short(&mut desk, 100);
    desk.replace(first, 50, 10);
    desk.reported(first, Exec::Replaced, Outcome::Applied, OrderState::Open);
    short(&mut desk, 50);
    desk.replace(first, 100, 10);
    desk.refused(LocateAboveMax, 0, 50);
    let locate = Locate {
        qty: Qty::from_raw(50),
        ..Locate::default()
    };
    desk.play(Kind::Locate, u32::MAX, locate);
    desk.replace(first, 100, 10);
    assert_eq!(desk.last.outcome, Outcome::Accepted);
    desk.replace(first, 101, 10);
    assert_eq!(desk.last.outcome, Outcome::Refused);
}

/// Tried: the same by a broker that restates the order down.
#[test]
fn what_a_broker_has_taken_away_covers_nothing() {
    let mut desk = owns_100();
    let first = short(&mut desk, 100);
    desk.fills(first, 20, Outcome::Applied, OrderState::PartiallyFilled);
    desk.report(first, Exec::Restated, |report| {
        report.leaves = Qty::from_raw(30);
    });
    assert_eq!(desk.last.outcome, Outcome::Applied);
    short(&mut desk, 50);
    desk.replace(first, 100, 10);
    desk.refused(LocateAboveMax, 0, 50);
}

/// Tried: a sale at one tick, which trades at the market: it is worth its own price to every limit on value,
/// and only a collar, or a market order's own valuation, says otherwise.
#[test]
fn only_a_collar_stops_a_sale_far_below_the_market() {
    let mut desk = Desk::new(|setup| setup.firm.order_notional_max = notional(1_000));
    desk.quote(100, 100, Outcome::Applied);
    desk.refuses((Sell, 1_000, 0), NotionalAboveMax, 1_000, 100_000);
    desk.passes(Sell, 1_000, 1);
    for collar in [9_900_000, 100_000_000, LimitKey::PriceCollar.max() as u64] {
        let mut desk = Desk::new(|setup| {
            setup.firm.order_notional_max = notional(1_000);
            setup.firm.price_collar = Some(collar);
            setup.firm.reference_age_max = nanos(1_000_000);
        });
        desk.quote(100, 100, Outcome::Applied);
        let order = desk.order(Sell, 1_000, 1);
        desk.send(order);
        // A collar of all of the reference and more keeps nothing out below.
        let is_kept = desk.last.failed == [PriceOutsideCollar];
        assert_eq!(is_kept, collar < 99_000_000, "{collar}");
    }
}

/// Tried: the widest collar, price and reference there are, whose products could wrap.
#[test]
fn the_widest_collar_and_prices_give_numbers() {
    for max in [1, 1 << 33, LimitKey::PriceCollar.max() as u64] {
        for (bid, ask) in [(1, 1), (i64::MAX - 1, i64::MAX), (1, i64::MAX)] {
            let mut desk = Desk::new(|setup| {
                setup.firm.price_collar = Some(max);
                setup.firm.reference_age_max = nanos(1_000_000);
                setup.symbols[0].slippage = max;
                setup.accounts[0].cuts_orders = true;
                setup.firm.order_notional_max = notional(1 << 100);
            });
            desk.quote(bid, ask, Outcome::Applied);
            for price in [0, 1, i64::MAX / 2, i64::MAX] {
                for side in [Buy, Sell] {
                    let order = desk.order(side, Qty::MAX.raw(), price);
                    desk.send(order);
                    let order = desk.order(side, 1, price);
                    desk.send(order);
                }
            }
        }
    }
}

/// Tried: what no limit on new orders sees, by replaces: a strategy without a person goes on for ever with
/// one order, and so does one that repeats itself.
#[test]
fn replaces_count_neither_as_orders_without_a_person_nor_as_repeats() {
    let mut desk = Desk::new(|setup| {
        setup.strategies[0].orders_unattended_max = Some(2);
        setup.firm.duplicate_window = nanos(1_000_000);
    });
    let name = desk.passes(Buy, 1, 100);
    for _ in 0..5 {
        desk.replace(name, 1, 100);
        assert_eq!(desk.last.outcome, Outcome::Accepted);
        desk.reported(name, Exec::Replaced, Outcome::Applied, OrderState::Open);
        desk.now += 1;
    }
}
