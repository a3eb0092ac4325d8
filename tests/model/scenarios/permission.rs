//! Who may trade what, and whether the gate takes in anything.

use super::desk::*;
use portcullis::message::{
    Cancel, Exec, Frame, Header, Kind, LinkState, OrderState, Scope, Tick, flags,
};
use portcullis::risk::decision::Outcome;
use portcullis::units::{AccountId, SymbolId};

#[test]
fn every_flag_refuses_an_order_and_lets_a_cancel_pass() {
    let mut desk = Desk::new(|_| {});
    let name = desk.passes(Buy, 1, 100);
    for (flag, reason) in [
        (flags::NOT_READY, GateNotReady),
        (flags::JOURNAL_FULL, JournalFull),
        (flags::JOURNAL_FAILED, JournalFailed),
        (flags::BUSY, GateBusy),
        (16, ReservedBitSet),
    ] {
        let order = desk.order(Buy, 1, 100);
        desk.play_frame(Kind::NewOrder, 0, flag, order, &[], None);
        desk.refused(reason, 0, 0);
        let replace = desk.replacement(name, 2, 100);
        desk.play_frame(Kind::Replace, 0, flag, replace, &[], None);
        desk.refused(reason, 0, 0);
        let cancel = Cancel {
            original_id: id(name),
            reserved: [9; 20],
            ..Cancel::default()
        };
        desk.play_frame(Kind::Cancel, 0, flag, cancel, &[], None);
        assert_eq!(desk.last.outcome, Outcome::Accepted);
        desk.reported(
            name,
            Exec::CancelRejected,
            Outcome::Applied,
            OrderState::Pending,
        );
    }
}

#[test]
fn continuations_up_to_the_capacity_pass_on() {
    let frame = Frame::new(Kind::Tick, Header::default(), Tick::default());
    let mut desk = Desk::new(|_| {});
    for (size, count, is_good) in [
        (256u16, 2, true),
        (257, 3, false),
        (129, 2, true),
        (128, 2, false),
        (128, 1, true),
        (1, 0, false),
    ] {
        let mut order = desk.order(Buy, 1, 100);
        order.passthrough_size = size;
        desk.play_frame(Kind::NewOrder, 0, 0, order, &vec![frame; count], None);
        if is_good {
            assert_eq!(desk.last.outcome, Outcome::Accepted);
            assert_eq!(desk.last.to_broker.len(), 1 + count);
        } else {
            desk.refused(ContinuationsAboveMax, 2, i128::from(size.div_ceil(128)));
        }
    }
}

#[test]
fn reserved_bytes_refuse() {
    let mut desk = Desk::new(|_| {});
    let name = desk.passes(Buy, 1, 100);
    let mut replace = desk.replacement(name, 1, 100);
    replace.reserved[1] = 1;
    desk.play(Kind::Replace, 0, replace);
    desk.refused(ReservedBitSet, 0, 0);
}

#[test]
fn what_is_unknown_or_disabled_refuses() {
    let mut desk = Desk::new(|setup| {
        setup.accounts[1].enabled = false;
        setup.strategies[1].enabled = false;
        setup.symbols[1].enabled = false;
    });
    for (strategy, account, symbol, reason) in [
        (0, 2, 0, AccountUnknown),
        (0, 1, 0, AccountDisabled),
        (2, 0, 0, StrategyUnknown),
        (1, 0, 0, StrategyDisabled),
        (0, 0, 2, SymbolUnknown),
        (0, 0, 1, SymbolDisabled),
    ] {
        let mut order = desk.order(Buy, 0, 100);
        order.account = AccountId(account);
        order.symbol = SymbolId(symbol);
        desk.play(Kind::NewOrder, strategy, order);
        assert_eq!(desk.last.reason, Some(reason));
        // An unknown strategy has nobody who could be told.
        assert_eq!(desk.last.to_strategy.is_empty(), reason == StrategyUnknown);
        // Nothing more can be said of what is unknown.
        let is_unknown = [AccountUnknown, StrategyUnknown, SymbolUnknown].contains(&reason);
        assert_eq!(desk.last.failed.contains(&QtyZero), !is_unknown);
    }
}

#[test]
fn an_account_must_be_permitted_and_have_limits() {
    let mut desk = Desk::new(|setup| {
        setup.strategies[0].accounts = vec![AccountId(1)];
        setup.accounts[1].has_limits = false;
    });
    desk.refuses((Buy, 1, 100), AccountNotPermitted, 0, 0);
    let mut order = desk.order(Buy, 1, 100);
    order.account = AccountId(1);
    desk.send(order);
    desk.refused(LimitsAbsent, 0, 0);
}

#[test]
fn a_link_that_is_not_up_refuses_and_half_open_passes() {
    let mut desk = Desk::new(|_| {});
    desk.passes(Buy, 1, 100);
    desk.link(LinkState::Down);
    desk.refuses((Buy, 1, 100), BrokerLinkDown, 0, 0);
    desk.link(LinkState::BreakerOpen);
    desk.refuses((Buy, 1, 100), BreakerOpen, 0, 0);
    desk.link(LinkState::HalfOpen);
    desk.passes(Buy, 1, 100);
}

#[test]
fn a_kill_cancels_what_it_is_about_and_needs_two_to_raise() {
    for (scope, target, reason) in [
        (Scope::Firm, u32::MAX, FirmKilled),
        (Scope::Account, 0, AccountKilled),
        (Scope::Strategy, 0, StrategyKilled),
        (Scope::Symbol, 0, SymbolKilled),
    ] {
        let mut desk = Desk::new(|_| {});
        desk.passes(Buy, 1, 100);
        let mut order = desk.order(Sell, 1, 100);
        order.account = AccountId(1);
        order.symbol = SymbolId(1);
        desk.play(Kind::NewOrder, 1, order);
        let name = desk.passes(Buy, 2, 100);
        desk.cancel(name);

        desk.kill(scope, target, 3, Outcome::NotPermitted);
        desk.kill(scope, target, u32::MAX, Outcome::Applied);
        let both = [(Kind::BrokerCancel, 1), (Kind::BrokerCancel, 2)];
        let count = if scope == Scope::Firm { 2 } else { 1 };
        assert_eq!(desk.sent(), both[..count]);
        desk.kill(scope, target, 0, Outcome::Applied);
        assert_eq!(desk.sent(), [], "a second kill cancels nothing twice");
        desk.refuses((Buy, 1, 100), reason, 0, 0);

        desk.raise(scope, target, u32::MAX, Outcome::NotPermitted);
        desk.raise(scope, target, 3, Outcome::NotPermitted);
        desk.raise(scope, target, 0, Outcome::Applied);
        desk.raise(scope, target, 0, Outcome::NotPermitted);
        desk.refuses((Buy, 1, 100), reason, 0, 0);
        desk.now += 100;
        desk.raise(scope, target, 1, Outcome::Applied);
        desk.raise(scope, target, 2, Outcome::NotPermitted);
        desk.passes(Buy, 1, 100);
    }
}

#[test]
fn a_first_raise_runs_out_and_a_new_kill_ends_it() {
    let mut desk = Desk::new(|_| {});
    desk.kill(Scope::Symbol, 0, 0, Outcome::Applied);
    desk.kill(Scope::Symbol, 2, 0, Outcome::NotPermitted);
    desk.raise(Scope::Symbol, 0, 0, Outcome::Applied);
    desk.now += 101;
    desk.raise(Scope::Symbol, 0, 1, Outcome::Applied);
    desk.refuses((Buy, 1, 100), SymbolKilled, 0, 0);
    desk.kill(Scope::Symbol, 0, 0, Outcome::Applied);
    desk.raise(Scope::Symbol, 0, 0, Outcome::Applied);
    desk.refuses((Buy, 1, 100), SymbolKilled, 0, 0);
    desk.raise(Scope::Symbol, 0, 2, Outcome::Applied);
    desk.passes(Buy, 1, 100);
}

#[test]
fn a_session_that_goes_takes_its_orders_along() {
    let mut desk = Desk::new(|_| {});
    desk.passes(Buy, 1, 100);
    let order = desk.order(Buy, 1, 100);
    desk.play(Kind::NewOrder, 1, order);
    desk.session_down(1);
    assert_eq!(desk.sent(), [(Kind::BrokerCancel, 2)]);
    desk.session_down(1);
    assert_eq!(desk.sent(), []);
}

#[test]
fn a_kill_reaches_every_one_of_many_orders() {
    let count = 1500;
    let mut desk = Desk::new(|setup| {
        setup.capacity.orders = 2000;
        setup.capacity.client_order_ids = 2000;
    });
    for _ in 0..count {
        let order = desk.order(Buy, 1, 100);
        desk.play_unseen(Kind::NewOrder, 0, order);
    }
    desk.kill(Scope::Firm, u32::MAX, 0, Outcome::Applied);
    let all: Vec<_> = (1..=count)
        .map(|serial| (Kind::BrokerCancel, serial))
        .collect();
    assert_eq!(desk.sent(), all);
}
