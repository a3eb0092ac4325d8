//! Attacks on money: losses that are to be made small, hidden, moved or forgotten, and numbers at their ends.

use super::desk::*;
use super::restart::Gate;
use portcullis::message::{Adjust, AdjustKind, Exec, Kind, LimitChange, LimitKey, Quote, Scope};
use portcullis::risk::decision::Outcome;
use portcullis::risk::setup::{CostMethod, Currency, LossAnswer, LossResume, RateSource, Setup};
use portcullis::units::{AccountId, Money, Nanos, Position, Price, StrategyId, SymbolId};

const DAY: u64 = 24 * 60 * 60 * 1_000_000_000;
/// One, as the two numbers of a split count it.
const ONE_NEW: i64 = 100_000_000;
const ONE_OLD: i64 = 1_000_000_000;

/// A desk whose prices stay young.
fn desk(change: impl FnOnce(&mut Setup)) -> Desk {
    Desk::new(|setup| {
        setup.mark_age_max = Nanos::from_raw(1_000 * DAY);
        change(setup);
    })
}

fn of_account(account: u32, kind: AdjustKind) -> Adjust {
    Adjust {
        account: AccountId(account),
        strategy: StrategyId::NONE,
        kind: kind as u8,
        ..Adjust::default()
    }
}

fn moved(kind: AdjustKind, account: u32, qty: i64, price: i64) -> Adjust {
    Adjust {
        qty: Position::from_raw(qty),
        price: Price::from_raw(price),
        ..of_account(account, kind)
    }
}

fn split(new: i64, old: i64) -> Adjust {
    Adjust {
        account: AccountId::NONE,
        ..moved(AdjustKind::Split, 0, new, old)
    }
}

#[track_caller]
fn adjusts(desk: &mut Desk, adjust: Adjust, outcome: Outcome) {
    desk.play(Kind::Adjust, u32::MAX, adjust);
    assert_eq!(desk.last.outcome, outcome, "{adjust:?}");
}

/// Account 0 has bought so much in symbol 0 at a price, which is the market's, too.
#[track_caller]
fn holds(desk: &mut Desk, qty: u64, price: i64) {
    desk.quote(price, price, Outcome::Applied);
    let name = desk.passes(Buy, qty, price);
    desk.report(name, Exec::Trade, |report| {
        report.qty = portcullis::units::Qty::from_raw(qty);
        report.price = Price::from_raw(price);
    });
}

#[track_caller]
fn is_halted(desk: &mut Desk, limit: i128, value: i128) {
    desk.refuses((Buy, 1, 100), LossAboveMax, limit, value);
}

/// Tried: ten old ones become one new one; what that is worth is not known until there is a price, and
/// counts as a tenth of what it was: room for nine tenths more.
#[test]
fn a_reverse_split_hides_no_exposure() {
    let mut desk = desk(|setup| setup.accounts[0].limits.gross_exposure_max = notional(1_000));
    holds(&mut desk, 100, 9);
    desk.quote_of(1, 9, 9);
    adjusts(&mut desk, split(ONE_NEW, 10 * ONE_OLD), Outcome::Applied);
    let mut order = desk.order(Buy, 12, 9);
    order.symbol = SymbolId(1);
    desk.send(order);
    desk.refused(GrossExposureAboveMax, 1_000, 900 + 12 * 9);
    order = desk.order(Buy, 11, 9);
    order.symbol = SymbolId(1);
    desk.passes_order(order);
}

/// Tried: one old one becomes ten, whose price nobody has told yet: an unrealized gain that is gone for so
/// long is no loss.
#[test]
fn a_split_is_no_loss() {
    let mut desk = desk(|setup| setup.accounts[0].limits.drawdown_max = notional(400));
    holds(&mut desk, 10, 100);
    desk.quote(150, 150, Outcome::Applied);
    adjusts(&mut desk, split(10 * ONE_NEW, ONE_OLD), Outcome::Applied);
    // Nobody knows what it is worth: only that is wrong.
    desk.refuses((Buy, 1, 15), LossUnknown, 0, 1);
    desk.quote(15, 15, Outcome::Applied);
    desk.passes(Buy, 1, 15);
    desk.quote(11, 11, Outcome::Applied);
    desk.passes(Buy, 1, 11);
    desk.quote(10, 10, Outcome::Applied);
    is_halted(&mut desk, 400, 500);
}

/// Tried: an unrealized gain that a split puts out of sight while the day ends: what is lost of it the next day
/// would not count.
#[test]
fn a_split_hides_nothing_from_the_day() {
    let mut desk = desk(|setup| setup.accounts[0].limits.day_loss_max = notional(400));
    holds(&mut desk, 10, 100);
    desk.quote(150, 150, Outcome::Applied);
    adjusts(&mut desk, split(10 * ONE_NEW, ONE_OLD), Outcome::Applied);
    desk.now = DAY;
    desk.tick();
    desk.quote(10, 10, Outcome::Applied);
    is_halted(&mut desk, 400, 500);
}

/// Tried: a loss each day, just above what ends with the day, so that what may be lost from the highest
/// profit never counts: the day's halt ends by itself, the fall from the highest does not.
#[test]
fn a_halt_that_ends_with_the_day_forgives_no_drawdown() {
    let mut desk = desk(|setup| {
        let limits = &mut setup.accounts[0].limits;
        limits.day_loss_max = notional(100);
        limits.drawdown_max = notional(250);
        limits.loss_resume = LossResume::NextDay;
    });
    holds(&mut desk, 1, 1_000);
    for (day, price) in [(1, 899), (2, 798)] {
        desk.quote(price, price, Outcome::Applied);
        is_halted(&mut desk, 100, 101);
        desk.now = day * DAY;
        desk.tick();
        desk.passes(Buy, 1, 1);
    }
    desk.quote(697, 697, Outcome::Applied);
    is_halted(&mut desk, 100, 101);
    desk.now = 3 * DAY;
    desk.tick();
    is_halted(&mut desk, 250, 303);
    desk.now = 4 * DAY;
    desk.tick();
    is_halted(&mut desk, 250, 303);
    desk.raise(Scope::Account, 0, 0, Outcome::Applied);
    desk.raise(Scope::Account, 0, 1, Outcome::Applied);
    desk.passes(Buy, 1, 1);
}

/// The same of what may be lost within a window that is longer than a day.
#[test]
fn a_halt_that_ends_with_the_day_forgives_no_window() {
    let mut desk = desk(|setup| {
        let limits = &mut setup.accounts[0].limits;
        limits.day_loss_max = notional(100);
        limits.rolling_loss_max = notional(250);
        limits.rolling_loss_window = nanos(31 * DAY);
        limits.loss_resume = LossResume::NextDay;
    });
    holds(&mut desk, 1, 1_000);
    for (day, price) in [(1, 899), (2, 798), (3, 697)] {
        desk.quote(price, price, Outcome::Applied);
        is_halted(&mut desk, 100, 101);
        desk.now = day * DAY;
        desk.tick();
    }
    is_halted(&mut desk, 250, 303);
}

/// Tried: a loss that is sold to another account at a price of nobody's market.
#[test]
fn a_transfer_moves_no_loss_out_of_the_firm() {
    let mut desk = desk(|setup| {
        setup.accounts[0].limits.drawdown_max = notional(400);
        setup.firm.drawdown_max = notional(400);
    });
    holds(&mut desk, 10, 100);
    desk.quote(61, 61, Outcome::Applied);
    for price in [100, 61] {
        adjusts(
            &mut desk,
            moved(AdjustKind::Transfer, 0, -10, price),
            Outcome::Applied,
        );
        adjusts(
            &mut desk,
            moved(AdjustKind::Transfer, 1, 10, price),
            Outcome::Applied,
        );
        adjusts(
            &mut desk,
            moved(AdjustKind::Transfer, 1, -10, price),
            Outcome::Applied,
        );
        adjusts(
            &mut desk,
            moved(AdjustKind::Transfer, 0, 10, price),
            Outcome::Applied,
        );
    }
    desk.passes(Buy, 1, 1);
    adjusts(
        &mut desk,
        moved(AdjustKind::Transfer, 0, -10, 100),
        Outcome::Applied,
    );
    adjusts(
        &mut desk,
        moved(AdjustKind::Transfer, 1, 10, 100),
        Outcome::Applied,
    );
    desk.quote(59, 59, Outcome::Applied);
    let order = desk.order(Buy, 1, 1);
    desk.send(order);
    assert!(desk.last.failed.contains(&LossAboveMax), "{:?}", desk.last);
}

/// Tried: money paid in where too much was lost, and paid out again.
#[test]
fn cash_raises_no_halt_and_is_lost_when_it_goes() {
    let cash = |money: i64| Adjust {
        cash: Money::from_raw(money),
        ..of_account(0, AdjustKind::Cash)
    };
    let mut desk = desk(|setup| setup.accounts[0].limits.drawdown_max = notional(400));
    holds(&mut desk, 10, 100);
    desk.quote(50, 50, Outcome::Applied);
    is_halted(&mut desk, 400, 500);
    adjusts(&mut desk, cash(1), Outcome::Applied);
    is_halted(&mut desk, 400, 500);
    desk.raise(Scope::Account, 0, 0, Outcome::Applied);
    desk.raise(Scope::Account, 0, 1, Outcome::Applied);
    desk.passes(Buy, 1, 1);
    adjusts(&mut desk, cash(-1), Outcome::Applied);
    is_halted(&mut desk, 400, 100_000_000);
}

/// Tried: a trade taken back before it came, corrected twice, and once more as another owner's.
#[test]
fn corrections_in_any_order_come_to_the_same() {
    let parts = [
        (10, 100),
        (-10, 100),
        (10, 90),
        (-4, 120),
        (4, 120),
        (-10, 95),
    ];
    let mut profits = Vec::new();
    for turn in 0..parts.len() {
        let mut desk = desk(|_| {});
        desk.quote(100, 100, Outcome::Applied);
        for at in 0..parts.len() {
            let (qty, price) = parts[(turn + at) % parts.len()];
            adjusts(
                &mut desk,
                moved(AdjustKind::Trade, 0, qty, price),
                Outcome::Applied,
            );
        }
        assert_eq!(desk.position(), 0);
        profits.push(desk.profit());
    }
    assert_eq!(profits, [50; 6]);
}

/// Tried: numbers at their ends, in every place that multiplies.
#[test]
fn the_largest_numbers_come_to_no_other() {
    for (multiplier, is_inverse) in [(0, false), (u64::MAX, false), (0, true), (u64::MAX, true)] {
        let mut desk = desk(|setup| {
            for symbol in &mut setup.symbols {
                (symbol.multiplier, symbol.is_inverse) = (multiplier, is_inverse);
            }
            setup.firm.drawdown_max = notional(1);
            setup.accounts[0].cost_method = CostMethod::FirstInFirstOut;
            setup.capacity.lots = 1;
        });
        let most = i64::MAX / 2;
        desk.quote_of(0, 1, 1);
        for price in [1, i64::MAX, i64::MIN + 1, 1] {
            for qty in [most, most, -most, -most, -most, -most, -most, most] {
                let mut of = moved(AdjustKind::Trade, 0, qty, price);
                of.cash = Money::from_raw(if qty < 0 { i64::MIN } else { i64::MAX });
                desk.play(Kind::Adjust, u32::MAX, of);
                desk.quote_of(0, i64::MAX, i64::MAX);
                desk.quote_of(0, 1, 1);
            }
        }
        let order = desk.order(Buy, 1, 1);
        desk.send(order);
    }
}

/// Tried: ratios that no number holds, of what is held and of what once was.
#[test]
fn a_split_without_bounds_is_refused() {
    let mut desk = desk(|_| {});
    let most = i64::MAX / 2;
    adjusts(
        &mut desk,
        moved(AdjustKind::Trade, 0, most, 1),
        Outcome::Applied,
    );
    for (new, old) in [
        (i64::MAX, 1),
        (i64::MAX, i64::MAX),
        (1, i64::MAX),
        (3, 70),
        (0, 1),
        (1, -1),
    ] {
        adjusts(&mut desk, split(new, old), Outcome::NotPermitted);
    }
    adjusts(
        &mut desk,
        moved(AdjustKind::Trade, 0, -most, 1),
        Outcome::Applied,
    );
    // Nothing is held, but the highest that was is.
    adjusts(&mut desk, split(i64::MAX, 1), Outcome::Applied);
    assert_eq!(desk.position(), 0);
}

/// Tried: fees and rebates as wide as a number is, on a fill that the broker says something of.
#[test]
fn a_fee_without_bounds_is_a_loss() {
    let mut desk = desk(|setup| setup.accounts[0].limits.drawdown_max = notional(1));
    desk.quote(100, 100, Outcome::Applied);
    for fee in [i64::MIN, i64::MIN, i64::MAX] {
        let name = desk.passes(Buy, 1, 100);
        desk.report(name, Exec::Trade, |report| {
            report.qty = portcullis::units::Qty::from_raw(1);
            report.fee = Money::from_raw(fee);
        });
    }
    is_halted(&mut desk, 1, i128::from(i64::MAX) * 100_000_000);
}

/// Tried: a fill of an inverse contract at a price that is none: it would have cost nothing, and be all gain.
#[test]
fn a_fill_at_no_price_is_no_gain() {
    let mut desk = desk(|setup| setup.symbols[0].is_inverse = true);
    desk.quote(100, 100, Outcome::Applied);
    let name = desk.passes(Sell, 10, 100);
    desk.report(name, Exec::Trade, |report| {
        report.qty = portcullis::units::Qty::from_raw(10);
        report.price = Price::from_raw(-5);
    });
    assert_eq!(desk.profit(), 0);
}

/// One currency that follows symbol 1, in which symbol 0 is counted.
fn foreign(setup: &mut Setup) {
    setup.currencies = vec![
        Currency {
            name: "own".to_owned(),
            rate: RateSource::Fixed(Price::default()),
        },
        Currency {
            name: "other".to_owned(),
            rate: RateSource::Symbol {
                symbol: SymbolId(1),
                is_inverted: false,
            },
        },
    ];
    (setup.symbols[0].currency, setup.symbols[0].settlement) = (1, 1);
    setup.symbols[1].price_min = Some(Price::from_raw(-10 * ONE_OLD));
}

/// Tried: a currency that is worth nothing, less than that, or not known, so that what is lost in it is
/// worth nothing, too.
#[test]
fn a_rate_that_is_none_forgives_no_loss() {
    let mut desk = desk(|setup| {
        foreign(setup);
        setup.accounts[0].limits.drawdown_max = notional(400);
    });
    desk.quote_of(1, 2 * ONE_OLD, 2 * ONE_OLD);
    holds(&mut desk, 10, 100);
    for (bid, ask) in [
        (0, 0),
        (-ONE_OLD, -ONE_OLD),
        (ONE_OLD, -ONE_OLD),
        (-ONE_OLD, ONE_OLD),
    ] {
        desk.quote_of(1, bid, ask);
        let order = desk.order(Buy, 1, 100);
        desk.send(order);
        assert_eq!(
            desk.last.outcome,
            Outcome::Refused,
            "{bid}: {:?}",
            desk.last
        );
        desk.quote_of(1, 2 * ONE_OLD, 2 * ONE_OLD);
        desk.passes(Buy, 1, 1);
    }
    desk.quote_of(1, 0, 0);
    desk.quote(75, 75, Outcome::Applied);
    let order = desk.order(Buy, 1, 75);
    desk.send(order);
    assert_eq!(desk.last.outcome, Outcome::Refused);
    desk.quote_of(1, 2 * ONE_OLD, 2 * ONE_OLD);
    is_halted(&mut desk, 400, 500);
    // The rate jumps: so does the loss.
    let mut desk = self::desk(|setup| {
        foreign(setup);
        setup.accounts[0].limits.drawdown_max = notional(400);
    });
    desk.quote_of(1, ONE_OLD, ONE_OLD);
    holds(&mut desk, 10, 100);
    desk.quote(90, 90, Outcome::Applied);
    desk.passes(Buy, 1, 90);
    desk.quote_of(1, 5 * ONE_OLD, 5 * ONE_OLD);
    is_halted(&mut desk, 400, 500);
}

/// Tried: what is held and has no price yet, or is counted in a currency that has no rate yet, beside a limit
/// on all that is held.
#[test]
fn what_cannot_be_valued_leaves_no_room_for_more() {
    let mut desk = desk(|setup| setup.accounts[0].limits.gross_exposure_max = notional(1_000));
    adjusts(
        &mut desk,
        moved(AdjustKind::Transfer, 0, 10, 100),
        Outcome::Applied,
    );
    desk.quote_of(1, 9, 9);
    let mut order = desk.order(Buy, 11, 9);
    order.symbol = SymbolId(1);
    desk.send(order);
    assert_eq!(
        desk.last.outcome,
        Outcome::Refused,
        "a position of 1,000 counts as nothing"
    );
}

/// A mid of exactly nothing is a price: what is booked then is worth nothing, as the price says.
#[test]
fn a_price_of_nothing_is_not_taken_for_none() {
    let mut desk = desk(|setup| {
        setup.symbols[0].price_min = Some(Price::from_raw(-100));
        setup.accounts[0].limits.gross_exposure_max = notional(1_000);
    });
    desk.quote(-1, 1, Outcome::Applied);
    adjusts(
        &mut desk,
        moved(AdjustKind::Transfer, 0, 10, 100),
        Outcome::Applied,
    );
    desk.quote_of(1, 10, 10);
    for (qty, outcome) in [(101, Outcome::Refused), (100, Outcome::Accepted)] {
        let mut order = desk.order(Buy, qty, 10);
        order.symbol = SymbolId(1);
        desk.send(order);
        assert_eq!(desk.last.outcome, outcome, "{:?}", desk.last);
    }
}

/// The same in a currency that has no rate yet: it counts as if one of it were one of ours.
#[test]
fn what_has_no_rate_leaves_no_room_for_more() {
    let mut desk = desk(|setup| {
        foreign(setup);
        setup.symbols.push(setup.symbols[1].clone());
        setup.accounts[0].limits.gross_exposure_max = notional(1_000);
    });
    desk.quote(100, 100, Outcome::Applied);
    let opening = moved(AdjustKind::Transfer, 0, 5, 100);
    adjusts(&mut desk, opening, Outcome::Applied);
    desk.quote_of(2, 10, 10);
    let mut order = desk.order(Buy, 50, 10);
    order.symbol = SymbolId(2);
    desk.send(order);
    assert_eq!(
        desk.last.outcome,
        Outcome::Refused,
        "500 of what may be worth ten each"
    );
}

/// Tried: a price at the very nanosecond at which a day begins.
#[test]
fn what_falls_as_the_day_begins_is_of_the_new_day() {
    let mut desk = desk(|setup| {
        let limits = &mut setup.accounts[0].limits;
        limits.day_loss_max = notional(100);
        limits.loss_resume = LossResume::NextDay;
    });
    holds(&mut desk, 1, 1_000);
    desk.now = DAY - 1;
    desk.quote(900, 900, Outcome::Applied);
    desk.now = DAY;
    desk.quote(799, 799, Outcome::Applied);
    is_halted(&mut desk, 100, 101);
    desk.now = 2 * DAY - 1;
    desk.tick();
    is_halted(&mut desk, 100, 101);
    desk.now = 2 * DAY;
    desk.passes(Buy, 1, 1);
}

/// Tried: a fall in steps so far apart that the highest is just out of the window, or just in it.
#[test]
fn a_window_reaches_back_as_far_as_it_says() {
    let window = 31_000;
    for (age, is_in) in [(window, true), (window + 1_000, false)] {
        let mut desk = desk(|setup| {
            let limits = &mut setup.accounts[0].limits;
            limits.rolling_loss_max = notional(100);
            limits.rolling_loss_window = nanos(window);
        });
        desk.now = 31_000_000;
        holds(&mut desk, 1, 1_000);
        desk.now += 1;
        desk.quote(950, 950, Outcome::Applied);
        desk.now = 31_000_000 + age;
        desk.quote(899, 899, Outcome::Applied);
        match is_in {
            true => is_halted(&mut desk, 100, 101),
            false => {
                desk.passes(Buy, 1, 100);
            }
        }
    }
}

/// Tried: a strategy that has lost too much and goes on by selling what another holds for the same account:
/// the account's position becomes less, and the strategy's own is a new one.
#[test]
fn a_halted_strategy_opens_nothing_behind_another() {
    let mut desk = desk(|setup| setup.strategies[1].limits.drawdown_max = notional(100));
    holds(&mut desk, 10, 100);
    let mut order = desk.order(Buy, 1, 100);
    order.account = AccountId(1);
    desk.play(Kind::NewOrder, 1, order);
    let name = desk.name();
    desk.report(name, Exec::Trade, |report| {
        report.qty = portcullis::units::Qty::from_raw(1);
        report.price = Price::from_raw(1_000);
    });
    let order = desk.order(Sell, 5, 100);
    desk.play(Kind::NewOrder, 1, order);
    desk.refused(LossAboveMax, 100, 900);
}

/// Tried: a limit taken off, widened, narrowed and put back while its level is halted.
#[test]
fn a_change_of_the_limit_raises_no_halt() {
    let mut desk = desk(|setup| {
        setup.accounts[0].limits.drawdown_max = notional(400);
        setup.accounts[0].limits.loss_answer = LossAnswer::Cancel;
    });
    holds(&mut desk, 10, 100);
    desk.quote(50, 50, Outcome::Applied);
    for value in [LimitKey::OFF, 1_000_000, 1, 400] {
        let change = LimitChange {
            value: [value as u64, (value >> 64) as u64],
            target: 0,
            scope: Scope::Account as u8,
            limit: LimitKey::Drawdown as u8,
            ..LimitChange::default()
        };
        for operator in 0..2 {
            desk.play(Kind::Limit, u32::MAX, LimitChange { operator, ..change });
        }
        is_halted(&mut desk, 400, 500);
    }
}

/// Tried: a restart while a level is halted, a restart just before it would be, and one that tells it to go on
/// the next day.
#[test]
fn a_restart_forgives_no_loss() {
    let tight = |setup: &mut Setup| {
        setup.mark_age_max = Nanos::from_raw(1_000 * DAY);
        setup.accounts[0].limits.drawdown_max = notional(400);
        setup.accounts[0].limits.rolling_loss_max = notional(300);
        setup.accounts[0].limits.rolling_loss_window = nanos(DAY);
    };
    let quote = |gate: &mut Gate, price: i64| {
        let quote = Quote {
            bid: Price::from_raw(price),
            ask: Price::from_raw(price),
            ..Quote::default()
        };
        gate.step(Kind::Quote, quote);
    };
    let mut gate = Gate::new(tight);
    quote(&mut gate, 100);
    let name = gate.passes(Buy, 10, 100);
    gate.fills(name, 10);
    quote(&mut gate, 71);
    assert_eq!(gate.restart(|_| {}), Ok(()));
    gate.passes(Buy, 1, 100);
    quote(&mut gate, 69);
    gate.refuses(Buy, 1, LossAboveMax);
    let result = gate.restart(|setup| {
        setup.accounts[0].limits.loss_resume = LossResume::NextDay;
    });
    assert_eq!(result, Ok(()));
    gate.refuses(Buy, 1, LossAboveMax);
}

/// Tried: a window that is another by a nanosecond behind a restart, and has seen nothing.
#[test]
fn a_restart_under_another_window_forgets_no_high() {
    let mut gate = Gate::new(|setup| {
        setup.mark_age_max = Nanos::from_raw(1_000 * DAY);
        setup.accounts[0].limits.rolling_loss_max = notional(300);
        setup.accounts[0].limits.rolling_loss_window = nanos(DAY);
    });
    let quote = |gate: &mut Gate, price: i64| {
        let quote = Quote {
            bid: Price::from_raw(price),
            ask: Price::from_raw(price),
            ..Quote::default()
        };
        gate.step(Kind::Quote, quote);
    };
    quote(&mut gate, 100);
    let name = gate.passes(Buy, 10, 100);
    gate.fills(name, 10);
    quote(&mut gate, 71);
    let result = gate.restart(|setup| {
        setup.accounts[0].limits.rolling_loss_window = nanos(DAY + 1);
    });
    assert_eq!(result, Ok(()));
    quote(&mut gate, 69);
    gate.refuses(Buy, 1, LossAboveMax);
}
