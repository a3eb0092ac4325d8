//! Attacks by way of a restart: the same state under another configuration. The model knows no restart, so
//! the core stands alone here.

use super::desk::{Buy, Sell, id, nanos, notional, qty, setup};
use portcullis::message::{
    Control, Exec, Frame, Header, Kind, LimitChange, LimitKey, Locate, NewOrder, OrderType, Quote,
    Replace, Report, SaleMark, Scope, Side, TimeInForce,
};
use portcullis::reject::RejectReason::{self, *};
use portcullis::risk::adopt::AdoptError;
use portcullis::risk::core::Core;
use portcullis::risk::decision::{Decision, Effects, Outcome};
use portcullis::risk::setup::{
    self, Answer, Borrow, Limits, Rate, Ratio, Response, SelfMatch, Setup, ShortSales, Trigger,
};
use portcullis::units::{AccountId, DeskId, Nanos, OrderId, Price, Qty, SymbolId};

struct Gate {
    core: Core,
    setup: Setup,
    now: u64,
    next: u64,
}

impl Gate {
    fn new(change: impl FnOnce(&mut Setup)) -> Self {
        let mut setup = setup();
        change(&mut setup);
        Self {
            core: Core::new(&setup),
            setup,
            now: 1_000,
            next: 0,
        }
    }

    fn step<B: portcullis::message::Body>(&mut self, kind: Kind, body: B) -> Decision {
        let header = Header {
            time: Nanos::from_raw(self.now),
            ..Header::default()
        };
        let frame = Frame::new(kind, header, body);
        let decision = self.core.step(&frame, &[], &mut Effects::default());
        self.core.verify();
        decision
    }

    fn order(&mut self, side: Side, qty: u64, price: i64) -> NewOrder {
        self.next += 1;
        NewOrder {
            price: Price::from_raw(price),
            qty: Qty::from_raw(qty),
            client_order_id: id(self.next),
            side: side as u8,
            order_type: OrderType::Limit as u8,
            time_in_force: TimeInForce::GoodTillCancel as u8,
            ..NewOrder::default()
        }
    }

    fn send(&mut self, side: Side, qty: u64, price: i64) -> Decision {
        let order = self.order(side, qty, price);
        self.step(Kind::NewOrder, order)
    }

    #[track_caller]
    fn passes(&mut self, side: Side, qty: u64, price: i64) -> OrderId {
        let decision = self.send(side, qty, price);
        assert_eq!(decision.outcome, Outcome::Accepted, "{decision:?}");
        decision.order_id
    }

    #[track_caller]
    fn refuses(&mut self, side: Side, qty: u64, reason: RejectReason) {
        let decision = self.send(side, qty, 100);
        assert_eq!(decision.reason, Some(reason), "{decision:?}");
    }

    fn fills(&mut self, order_id: OrderId, qty: u64) {
        let report = Report {
            order_id,
            qty: Qty::from_raw(qty),
            price: Price::from_raw(100),
            exec: Exec::Trade as u8,
            ..Report::default()
        };
        assert_eq!(self.step(Kind::Report, report).outcome, Outcome::Applied);
    }

    fn replace(&mut self, original: u64, qty: u64) -> Decision {
        self.next += 1;
        let replace = Replace {
            price: Price::from_raw(100),
            qty: Qty::from_raw(qty),
            client_order_id: id(self.next),
            original_id: id(original),
            ..Replace::default()
        };
        self.step(Kind::Replace, replace)
    }

    fn restart(&mut self, change: impl FnOnce(&mut Setup)) -> Result<(), AdoptError> {
        let mut new = self.setup.clone();
        change(&mut new);
        let result = self.core.adopt(&self.setup, &new);
        self.core.verify();
        if result.is_ok() {
            self.setup = new;
        }
        result
    }
}

/// A setup with something in all that a restart could loosen.
fn tight(setup: &mut Setup) {
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
    let loosened: [(&str, fn(&mut Setup)); 34] = [
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
