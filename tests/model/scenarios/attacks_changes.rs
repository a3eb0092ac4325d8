//! Attacks by operators: limits that are changed while the gate runs, alone, in steps, between.

use super::desk::*;
use portcullis::message::{
    Basket, Exec, Frame, Header, Kind, LimitChange, LimitKey, NewOrder, OrderState, Override, Scope,
};
use portcullis::risk::decision::Outcome;
use portcullis::risk::setup::{self, Setup};
use portcullis::units::{DeskId, Notional, Qty};

const FIRM: (Scope, u32) = (Scope::Firm, u32::MAX);
const OFF: u128 = LimitKey::OFF;

fn change((scope, target): (Scope, u32), key: LimitKey, value: u128, operator: u32) -> LimitChange {
    LimitChange {
        value: [value as u64, (value >> 64) as u64],
        target,
        operator,
        scope: scope as u8,
        limit: key as u8,
        ..LimitChange::default()
    }
}

#[track_caller]
fn plays(desk: &mut Desk, body: LimitChange, outcome: Outcome) {
    desk.play(Kind::Limit, u32::MAX, body);
    assert_eq!(desk.last.outcome, outcome, "{body:?}");
}

/// The quantity of one order of the firm.
#[track_caller]
fn says(desk: &mut Desk, value: u128, operator: u32, outcome: Outcome) {
    let body = change(FIRM, LimitKey::OrderQty, value, operator);
    plays(desk, body, outcome);
}

#[track_caller]
fn holds(desk: &mut Desk, max: u64) {
    desk.refuses(
        (Buy, max + 1, 1),
        QtyAboveMax,
        max.into(),
        i128::from(max) + 1,
    );
    desk.passes(Buy, max, 1);
}

/// Ten to begin with; by half as much again alone, and never above 40.
fn of_ten(setup: &mut Setup) {
    setup.firm.order_qty_max = qty(10);
    setup.loosen_factor = Some(15_000);
    setup.hard_limits.order_qty_max = qty(40);
}

/// Tried: targets beside the firm's one, levels that are not there, bytes that name nothing.
#[test]
fn a_change_of_nothing_changes_nothing() {
    let mut desk = Desk::new(|setup| {
        of_ten(setup);
        setup.desks = vec![setup::Desk::default()];
        setup.groups = vec![setup::Group::default()];
    });
    let scopes = Scope::ALL.iter().copied();
    for scope in scopes.clone().filter(|scope| *scope != Scope::Firm) {
        let level = desk_level(scope);
        for target in [level, 1 << 24, (1 << 24) + 1, u32::MAX - 1, u32::MAX] {
            let body = change((scope, target), LimitKey::OrderQty, 5, 0);
            plays(&mut desk, body, Outcome::NotPermitted);
        }
    }
    for target in [0, 1, u32::MAX - 1] {
        let body = change((Scope::Firm, target), LimitKey::OrderQty, 5, 0);
        plays(&mut desk, body, Outcome::NotPermitted);
    }
    for byte in 0..=u8::MAX {
        let right = change(FIRM, LimitKey::OrderQty, 5, 0);
        let body = LimitChange {
            scope: byte,
            ..right
        };
        if Scope::from_byte(byte).is_none() {
            plays(&mut desk, body, Outcome::NotPermitted);
        }
        let body = LimitChange {
            limit: byte,
            ..right
        };
        if LimitKey::from_byte(byte).is_none() {
            plays(&mut desk, body, Outcome::NotPermitted);
        }
    }
    for operator in [3, u32::MAX / 2, u32::MAX] {
        says(&mut desk, 5, operator, Outcome::NotPermitted);
    }
    holds(&mut desk, 10);
}

/// The first target of a scope that is not there.
fn desk_level(scope: Scope) -> u32 {
    match scope {
        Scope::Desk | Scope::Group => 1,
        _ => 2,
    }
}

/// Tried: numbers that a limit's type cannot hold, whose cut-off bits would be another number.
#[test]
fn a_number_that_does_not_fit_is_not_cut() {
    for key in LimitKey::ALL {
        let mut desk = Desk::new(|setup| {
            setup.firm.reference_age_max = nanos(1);
            setup.firm.drawdown_max = Some(Notional::from_raw(1));
            setup.firm.rolling_loss_window = nanos(1);
        });
        for value in [key.max() + 1, 1 << 64, 1 << 127, OFF - 1] {
            let body = change(FIRM, *key, value, 0);
            let is_number = value <= key.max();
            let outcome = match is_number {
                true => Outcome::Applied,
                false => Outcome::NotPermitted,
            };
            plays(&mut desk, body, outcome);
        }
        let body = change(FIRM, *key, key.max(), 0);
        desk.play(Kind::Limit, u32::MAX, body);
        let body = change(FIRM, *key, 0, 0);
        plays(&mut desk, body, Outcome::Applied);
        let order = desk.order(Buy, 1, 1);
        desk.send(order);
        // No basket, nothing lost; and the last is only what a share is asked of.
        let is_of_others = matches!(
            key,
            LimitKey::BasketLines
                | LimitKey::BasketNotional
                | LimitKey::DayLoss
                | LimitKey::Drawdown
                | LimitKey::RollingLoss
                | LimitKey::ClusterFree
        );
        assert_eq!(desk.last.outcome == Outcome::Accepted, is_of_others);
    }
}

/// Tried: one person as two, in turns, with the window waited out, with another number between.
#[test]
fn one_person_stays_one() {
    let mut desk = Desk::new(of_ten);
    says(&mut desk, 40, 0, Outcome::Applied);
    says(&mut desk, 40, 0, Outcome::NotPermitted);
    says(&mut desk, 39, 0, Outcome::Applied);
    says(&mut desk, 40, 0, Outcome::NotPermitted);
    // Another asks for another number: that is not the same.
    says(&mut desk, 38, 1, Outcome::Applied);
    holds(&mut desk, 10);
    desk.now += 101;
    says(&mut desk, 40, 1, Outcome::Applied);
    holds(&mut desk, 10);
    // A change between forgets what was asked for.
    says(&mut desk, 9, 2, Outcome::Applied);
    says(&mut desk, 40, 0, Outcome::Applied);
    holds(&mut desk, 9);
    says(&mut desk, 40, 1, Outcome::Applied);
    holds(&mut desk, 40);
}

/// Tried: up to the hard maximum, off, and beyond, alone; by another level; where there is no limit yet.
#[test]
fn nobody_goes_above_the_hard_maximum_alone() {
    let mut desk = Desk::new(|setup| {
        of_ten(setup);
        setup.loosen_factor = None;
        setup.accounts[0].limits.order_qty_max = qty(10);
    });
    let account = (Scope::Account, 0);
    for value in [41, Qty::MAX.raw().into(), OFF] {
        says(&mut desk, value, 0, Outcome::Applied);
        let body = change(account, LimitKey::OrderQty, value, 0);
        plays(&mut desk, body, Outcome::Applied);
    }
    holds(&mut desk, 10);
    says(&mut desk, 40, 0, Outcome::Applied);
    let body = change(account, LimitKey::OrderQty, 40, 0);
    plays(&mut desk, body, Outcome::Applied);
    holds(&mut desk, 40);
    says(&mut desk, 41, 1, Outcome::Applied);
    holds(&mut desk, 40);
}

/// Tried: by the factor and by the factor again, each step small enough for one person.
#[test]
fn one_person_does_not_loosen_in_steps_what_takes_two_at_once() {
    let mut desk = Desk::new(|setup| {
        of_ten(setup);
        setup.hard_limits.order_qty_max = None;
    });
    says(&mut desk, 15, 0, Outcome::Applied);
    holds(&mut desk, 15);
    says(&mut desk, 22, 0, Outcome::Applied);
    holds(&mut desk, 15);
    desk.now += 1_000_000;
    says(&mut desk, 16, 0, Outcome::Applied);
    holds(&mut desk, 15);
    // Down and up again is no way either; what two persons have said is where it goes on from.
    says(&mut desk, 10, 0, Outcome::Applied);
    says(&mut desk, 15, 0, Outcome::Applied);
    says(&mut desk, 22, 0, Outcome::Applied);
    holds(&mut desk, 15);
    says(&mut desk, 22, 1, Outcome::Applied);
    says(&mut desk, 33, 1, Outcome::Applied);
    holds(&mut desk, 33);
}

/// Tried: a limit so wide that the factor times it is no number.
#[test]
fn a_factor_of_a_wide_limit_does_not_wrap() {
    for wide in [1 << 100, 1 << 114, 1 << 126] {
        let mut desk = Desk::new(|setup| {
            setup.firm.open_notional_max = notional(wide);
            setup.loosen_factor = Some(15_000);
        });
        let key = LimitKey::OpenNotional;
        plays(&mut desk, change(FIRM, key, key.max(), 0), Outcome::Applied);
        // It waits for another: the same person again is nobody.
        plays(
            &mut desk,
            change(FIRM, key, key.max(), 0),
            Outcome::NotPermitted,
        );
        plays(&mut desk, change(FIRM, key, key.max(), 1), Outcome::Applied);
        // And now it is so.
        plays(
            &mut desk,
            change(FIRM, key, key.max(), 2),
            Outcome::NotPermitted,
        );
    }
}

/// Tried: a limit that is lowered below what stands, with a replace under way.
#[test]
fn what_stands_above_a_lowered_limit_only_becomes_less() {
    let mut desk = Desk::new(|setup| setup.firm.position_qty_max = qty(10));
    let name = desk.passes(Buy, 5, 1);
    desk.replace(name, 10, 1);
    let body = change(FIRM, LimitKey::PositionQty, 4, 0);
    plays(&mut desk, body, Outcome::Applied);
    desk.reported(name, Exec::Replaced, Outcome::Applied, OrderState::Open);
    desk.refuses((Buy, 1, 1), PositionQtyAboveMax, 4, 11);
    desk.replace(name, 9, 1);
    desk.refused(PositionQtyAboveMax, 4, 10);
    desk.fills(name, 10, Outcome::Applied, OrderState::Filled);
    desk.refuses((Buy, 1, 1), PositionQtyAboveMax, 4, 11);
    desk.passes(Sell, 10, 1);
}

/// Tried: an override that waits while its limit is changed, and one of a limit that is not soft.
#[test]
fn an_override_passes_the_limits_that_are_soft_and_those_alone() {
    let mut desk = Desk::new(|setup| {
        setup.firm.order_qty_max = qty(10);
        setup.firm.open_notional_max = notional(100);
        setup.soft = vec![QtyAboveMax];
    });
    for operator in [0, 1] {
        let asked = Override {
            operator,
            client_order_id: id(99),
            ..Override::default()
        };
        desk.play(Kind::Override, u32::MAX, asked);
    }
    says(&mut desk, 5, 2, Outcome::Applied);
    let named = |desk: &Desk, qty: u64| NewOrder {
        client_order_id: id(99),
        ..desk.order(Buy, qty, 1)
    };
    let order = named(&desk, 101);
    desk.send(order);
    desk.refused(QtyAboveMax, 5, 101);
    let order = named(&desk, 100);
    desk.send(order);
    assert_eq!(desk.last.outcome, Outcome::Accepted);
    desk.refuses((Buy, 6, 1), QtyAboveMax, 5, 6);
}

/// Tried: limits of levels that are killed or disabled, as if that raised them.
#[test]
fn a_change_raises_nothing() {
    let mut desk = Desk::new(|setup| {
        setup.accounts[1].enabled = false;
        setup.desks = vec![setup::Desk {
            enabled: true,
            ..setup::Desk::default()
        }];
        setup.accounts[0].desk = Some(DeskId(0));
    });
    desk.kill(Scope::Desk, 0, 0, Outcome::Applied);
    for level in [(Scope::Desk, 0), (Scope::Account, 1), (Scope::Account, 0)] {
        for value in [5, OFF] {
            let body = change(level, LimitKey::OrderQty, value, 0);
            plays(&mut desk, body, Outcome::Applied);
        }
    }
    desk.refuses((Buy, 1, 1), DeskKilled, 0, 0);
    let order = NewOrder {
        account: portcullis::units::AccountId(1),
        ..desk.order(Buy, 1, 1)
    };
    desk.send(order);
    assert_eq!(desk.last.reason, Some(AccountDisabled));
}

/// Tried: limits on baskets of levels by which baskets are not counted: they would hold nothing back.
#[test]
fn a_limit_that_would_not_hold_is_not_taken() {
    let mut desk = Desk::new(|setup| {
        setup.desks = vec![setup::Desk {
            enabled: true,
            ..setup::Desk::default()
        }];
        setup.accounts[0].desk = Some(DeskId(0));
    });
    for level in [
        FIRM,
        (Scope::Account, 0),
        (Scope::Strategy, 0),
        (Scope::Desk, 0),
        (Scope::Symbol, 0),
    ] {
        let key = LimitKey::BasketLines;
        desk.play(Kind::Limit, u32::MAX, change(level, key, 1, 0));
        let is_taken = desk.last.outcome == Outcome::Applied;
        let lines = [1, 2].map(|at| {
            let order = NewOrder {
                client_order_id: id(1_000 * desk.now + at),
                ..desk.order(Buy, 1, 1)
            };
            Frame::new(Kind::NewOrder, Header::default(), order)
        });
        desk.play_frame(Kind::Basket, 0, 0, Basket::default(), &lines, None);
        let is_held = desk.last.failed.contains(&BasketLinesAboveMax);
        assert_eq!(is_taken, is_held, "{level:?}");
        desk.play(Kind::Limit, u32::MAX, change(level, key, OFF, 0));
        desk.now += 1;
    }
}

/// Tried: so many changes that wait that no other fits: it is refused, and what tightens is not.
#[test]
fn one_person_who_asks_for_all_stops_nobody_who_tightens() {
    let mut desk = Desk::new(of_ten);
    for value in 0..32 {
        says(&mut desk, 100 + value, 0, Outcome::Applied);
    }
    says(&mut desk, 200, 1, Outcome::NotPermitted);
    says(&mut desk, 5, 1, Outcome::Applied);
    holds(&mut desk, 5);
}
