//! Attacks by whoever writes the configuration: what a restart loosens, and what it does not.

use super::desk::{Buy, nanos, notional, qty, setup};
use super::restart::Gate;
use portcullis::message::{Kind, LimitChange, LimitKey, OrderType, Scope};
use portcullis::reject::RejectReason::*;
use portcullis::risk::adopt::AdoptError;
use portcullis::risk::decision::Outcome;
use portcullis::risk::setup::{
    self, Answer, Limits, Rate, Ratio, Response, SelfMatch, Setup, ShortSales, Trigger,
};
use portcullis::units::{AccountId, DeskId, Nanos, Price, SymbolId};

/// A setup with something in all that a restart could loosen.
pub(crate) fn tight(setup: &mut Setup) {
    let rate = |count| {
        let window = Nanos::from_raw(1_000_000);
        vec![Rate { count, window }]
    };
    let ratio = Some(Ratio { max: 1, free: 10 });
    setup.firm = Limits {
        order_qty_max: qty(10),
        price_collar: Some(100),
        reference_age_max: nanos(100),
        order_rate: rate(5),
        new_order_rate: rate(5),
        replace_rate: rate(5),
        cancel_rate: rate(5),
        duplicate_window: nanos(100),
        order_to_trade: ratio,
        cancel_to_trade: ratio,
        position_value_max: notional(1_000),
        ..Limits::default()
    };
    setup.loosen_factor = Some(15_000);
    setup.hard_limits.order_qty_max = qty(20);
    setup.desks = vec![setup::Desk::default(); 2];
    setup.desks[0].limits.day_qty_max = qty(10);
    setup.desks[0].enabled = true;
    setup.groups = vec![setup::Group {
        enabled: true,
        symbols: vec![SymbolId(0)],
        ..setup::Group::default()
    }];
    setup.groups[0].limits.day_qty_max = qty(10);
    let account = &mut setup.accounts[0];
    account.desk = Some(DeskId(0));
    account.restricted = vec![SymbolId(1)];
    account.self_match = SelfMatch::CancelNewest;
    account.short_sales = ShortSales::Refuse;
    account.funds = notional(1_000);
    setup.strategies[0].accounts = vec![AccountId(0)];
    setup.strategies[0].restricted = vec![SymbolId(1)];
    setup.strategies[0].orders_unattended_max = Some(5);
    let symbol = &mut setup.symbols[0];
    symbol.enabled = false;
    symbol.price_max = Some(Price::from_raw(1_000));
    symbol.qty_max = qty(10);
    symbol.notional_min = notional(10);
    symbol.multiplier = 50_000_000_000;
    symbol.order_types = vec![OrderType::Limit];
    symbol.jump = Some(100);
    symbol.jump_confirmations = 3;
    symbol.spread_max = Some(100);
    symbol.move_max = Some(100);
    symbol.move_window = Nanos::from_raw(1_000);
    setup.responses = vec![Response {
        name: "too many".to_owned(),
        on: Trigger::Refusals,
        reasons: vec![],
        scope: Scope::Strategy,
        count: 2,
        window: Nanos::from_raw(100),
        answer: Answer::Kill,
        pause: Nanos::ZERO,
        slow_interval: Nanos::ZERO,
    }];
}

/// Tried: every limit that is one number, of every level, off and by a factor too far. The restart is
/// refused, and nothing has changed.
#[test]
fn a_restart_loosens_no_limit_that_takes_two_persons() {
    for key in LimitKey::ALL {
        for level in 0..6 {
            for value in [151, LimitKey::OFF] {
                let mut gate = Gate::new(|setup| {
                    setup.loosen_factor = Some(15_000);
                    setup.desks = vec![setup::Desk::default()];
                    setup.groups = vec![setup::Group::default()];
                    level_of(setup, level).set(*key, 100);
                });
                let (digest, version) = (gate.core.digest(), gate.core.limits_version());
                let result = gate.restart(|setup| level_of(setup, level).set(*key, value));
                assert!(
                    matches!(result, Err(AdoptError::Loosened(..))),
                    "{result:?}"
                );
                assert_eq!(gate.core.digest(), digest);
                assert_eq!(gate.core.limits_version(), version);
                let result = gate.restart(|setup| level_of(setup, level).set(*key, 150));
                assert_eq!(result, Ok(()));
            }
        }
    }
}

/// Tried: a step alone while it runs, and another in the configuration.
#[test]
fn a_restart_counts_the_steps_of_before() {
    let mut gate = Gate::new(|setup| {
        setup.firm.order_qty_max = qty(10);
        setup.loosen_factor = Some(15_000);
    });
    let change = LimitChange {
        value: [15, 0],
        target: u32::MAX,
        scope: Scope::Firm as u8,
        limit: LimitKey::OrderQty as u8,
        ..LimitChange::default()
    };
    assert_eq!(gate.step(Kind::Limit, change).outcome, Outcome::Applied);
    gate.passes(Buy, 15, 100);
    let result = gate.restart(|setup| setup.firm.order_qty_max = qty(16));
    assert!(
        matches!(result, Err(AdoptError::Loosened(..))),
        "{result:?}"
    );
    let result = gate.restart(|setup| setup.firm.order_qty_max = qty(15));
    assert_eq!(result, Ok(()));
}

fn level_of(setup: &mut Setup, at: usize) -> &mut Limits {
    match at {
        0 => &mut setup.firm,
        1 => &mut setup.accounts[1].limits,
        2 => &mut setup.strategies[1].limits,
        3 => &mut setup.symbols[1].limits,
        4 => &mut setup.desks[0].limits,
        _ => &mut setup.groups[0].limits,
    }
}

/// Tried: everything else that keeps orders out. A restart lets each of these through without a second
/// person: who may write the configuration and restart the gate is bound by the limits above alone. The list
/// says so plainly; a line that is refused one day leaves it.
#[test]
fn what_a_restart_loosens_without_a_second_person() {
    type Loosen = (&'static str, fn(&mut Setup));
    let loosened: [Loosen; 34] = [
        ("loosen_factor", |setup| setup.loosen_factor = None),
        ("hard_limits", |setup| setup.hard_limits = Limits::default()),
        ("raise_persons", |setup| setup.raise_persons = 1),
        ("raise_window", |setup| setup.raise_window = Nanos::MAX),
        ("operators", |setup| {
            setup.operators.push("ghost".to_owned())
        }),
        ("soft", |setup| setup.soft = vec![QtyAboveMax]),
        ("responses", |setup| setup.responses.clear()),
        ("order_rate", |setup| setup.firm.order_rate.clear()),
        ("new_order_rate", |setup| setup.firm.new_order_rate.clear()),
        ("replace_rate", |setup| setup.firm.replace_rate.clear()),
        ("cancel_rate", |setup| setup.firm.cancel_rate.clear()),
        ("duplicate_window", |setup| {
            setup.firm.duplicate_window = None
        }),
        ("duplicate_count", |setup| {
            setup.firm.duplicate_count = Some(16)
        }),
        ("reference_age_max", |setup| {
            setup.firm.reference_age_max = None
        }),
        ("order_to_trade", |setup| setup.firm.order_to_trade = None),
        ("cancel_to_trade", |setup| setup.firm.cancel_to_trade = None),
        ("account.desk", |setup| {
            setup.accounts[0].desk = Some(DeskId(1))
        }),
        ("account.restricted", |setup| {
            setup.accounts[0].restricted.clear()
        }),
        ("account.self_match", |setup| {
            setup.accounts[0].self_match = SelfMatch::Off
        }),
        ("account.short_sales", |setup| {
            setup.accounts[0].short_sales = ShortSales::Off
        }),
        ("account.funds", |setup| setup.accounts[0].funds = None),
        ("account, new", |setup| {
            setup.accounts.push(setup::Account {
                name: "new".to_owned(),
                ..setup.accounts[1].clone()
            })
        }),
        ("strategy.accounts", |setup| {
            setup.strategies[0].accounts.push(AccountId(1))
        }),
        ("strategy.restricted", |setup| {
            setup.strategies[0].restricted.clear()
        }),
        ("strategy.orders_unattended_max", |setup| {
            setup.strategies[0].orders_unattended_max = None;
        }),
        ("group.symbols", |setup| setup.groups[0].symbols.clear()),
        ("symbol.enabled", |setup| setup.symbols[0].enabled = true),
        ("symbol.price_max", |setup| {
            setup.symbols[0].price_max = None
        }),
        ("symbol.qty_max", |setup| setup.symbols[0].qty_max = None),
        ("symbol.notional_min", |setup| {
            setup.symbols[0].notional_min = None
        }),
        ("symbol.multiplier", |setup| setup.symbols[0].multiplier = 1),
        ("symbol.jump", |setup| setup.symbols[0].jump = None),
        ("symbol.spread_max", |setup| {
            setup.symbols[0].spread_max = None
        }),
        ("symbol.move_max", |setup| setup.symbols[0].move_max = None),
    ];
    for (what, loosen) in loosened {
        let mut gate = Gate::new(tight);
        assert_eq!(gate.restart(loosen), Ok(()), "{what}");
        let mut once = setup();
        tight(&mut once);
        assert_ne!(once, gate.setup, "{what}");
    }
}
