//! What brokers and operators say became of orders.

use super::desk::*;
use portcullis::message::{Exec, Kind, LinkState, OrderState, Text};
use portcullis::risk::decision::Outcome::{
    self, Applied, Duplicate, Implausible, LateFill, NotPermitted, OverFill,
};
use portcullis::units::{BrokerId, Qty};

fn raw(qty: u64) -> Qty {
    Qty::from_raw(qty)
}

#[test]
fn an_order_lives_and_is_filled() {
    let mut desk = Desk::new(|_| {});
    let name = desk.passes(Sell, 5, 100);
    desk.reported(name, Exec::New, Applied, OrderState::Open);
    desk.fills(name, 2, Applied, OrderState::PartiallyFilled);
    desk.fills(name, 3, Applied, OrderState::Filled);
    assert_eq!((desk.position(), desk.reserved()), (-5, (0, 0)));
    desk.fills(name, 1, LateFill, OrderState::Filled);
    assert_eq!(desk.position(), -6);
}

#[test]
fn more_than_stood_is_taken_and_told() {
    let mut desk = Desk::new(|_| {});
    let name = desk.passes(Buy, 5, 100);
    desk.fills(name, 6, OverFill, OrderState::Filled);
    assert_eq!(desk.position(), 6);
}

#[test]
fn reports_that_cannot_be_change_nothing() {
    let mut desk = Desk::new(|_| {});
    let name = desk.passes(Buy, 5, 100);
    for qty in [0, Qty::MAX.raw() + 1] {
        desk.report(name, Exec::Trade, |report| report.qty = raw(qty));
        desk.ignored(Implausible);
    }
    for exec in [
        Exec::Replaced,
        Exec::CancelRejected,
        Exec::ReplaceRejected,
        Exec::Accepted,
        Exec::InDoubt,
    ] {
        desk.report(name, exec, |_| {});
        desk.ignored(Implausible);
    }
    desk.report(name, Exec::New, |report| report.exec = 77);
    desk.ignored(Implausible);
    desk.report(name, Exec::New, |report| report.broker = BrokerId(1));
    desk.ignored(Implausible);
    desk.report(99, Exec::New, |_| {});
    desk.ignored(Outcome::OrderUnknown);
    desk.reported(name, Exec::Rejected, Applied, OrderState::Rejected);
    for exec in [
        Exec::New,
        Exec::Canceled,
        Exec::Expired,
        Exec::Rejected,
        Exec::Replaced,
        Exec::Restated,
        Exec::NotReceived,
    ] {
        desk.report(name, exec, |_| {});
        desk.ignored(Implausible);
    }
}

#[test]
fn the_same_event_counts_once_while_it_is_remembered() {
    let mut desk = Desk::new(|setup| setup.capacity.executions = 2);
    let name = desk.passes(Buy, 9, 100);
    let mut fill = |exec_id: &str, outcome: Outcome| {
        desk.report(name, Exec::Trade, |report| {
            report.qty = raw(1);
            report.exec_id = Text::new(exec_id).unwrap();
        });
        assert_eq!(desk.last.outcome, outcome, "{exec_id}");
    };
    fill("a", Applied);
    fill("a", Duplicate);
    fill("", Applied);
    fill("", Applied);
    fill("b", Applied);
    fill("a", Duplicate);
    fill("c", Applied);
    fill("a", Applied);
}

#[test]
fn a_fill_of_the_old_terms_leaves_the_replace_standing() {
    let mut desk = Desk::new(|_| {});
    let name = desk.passes(Buy, 5, 100);
    desk.replace(name, 8, 100);
    desk.fills(name, 5, Applied, OrderState::ReplacePending);
    assert_eq!(desk.reserved(), (3, 0));
    desk.reported(name, Exec::ReplaceRejected, Applied, OrderState::Filled);

    let name = desk.passes(Buy, 5, 100);
    desk.replace(name, 3, 100);
    desk.fills(name, 4, Applied, OrderState::ReplacePending);
    desk.reported(name, Exec::Replaced, Applied, OrderState::Filled);
}

#[test]
fn a_restatement_sets_what_stands() {
    let mut desk = Desk::new(|_| {});
    let name = desk.passes(Buy, 5, 100);
    desk.fills(name, 1, Applied, OrderState::PartiallyFilled);
    desk.report(name, Exec::Restated, |report| report.leaves = raw(2));
    desk.became(Applied, OrderState::PartiallyFilled);
    assert_eq!(desk.reserved(), (2, 0));
    desk.report(name, Exec::Restated, |report| report.leaves = raw(3));
    desk.became(Implausible, OrderState::PartiallyFilled);
    assert_eq!(desk.reserved(), (3, 0));
    desk.report(name, Exec::Restated, |report| {
        report.leaves = raw(Qty::MAX.raw() + 1);
    });
    desk.ignored(Implausible);
    desk.replace(name, 9, 100);
    desk.report(name, Exec::Restated, |_| {});
    desk.became(Applied, OrderState::ReplacePending);
    assert_eq!(desk.reserved(), (8, 0));
    desk.reported(name, Exec::Replaced, Applied, OrderState::PartiallyFilled);
    desk.report(name, Exec::Restated, |_| {});
    desk.became(Applied, OrderState::Cancelled);
}

#[test]
fn no_answer_in_time_is_doubt_until_the_broker_says() {
    let mut desk = Desk::new(|_| {});
    let name = desk.passes(Buy, 5, 100);
    desk.now += 999;
    desk.tick();
    assert_eq!(desk.sent_by_ticks(), []);
    desk.now += 1;
    desk.tick();
    assert_eq!(desk.sent_by_ticks(), [(Kind::BrokerStatus, 1)]);
    desk.fills(name, 1, Applied, OrderState::InDoubt);
    desk.report(name, Exec::Status, |report| {
        (report.qty, report.leaves, report.state) = (raw(3), raw(2), OrderState::Open as u8);
    });
    desk.became(Applied, OrderState::PartiallyFilled);
    assert_eq!((desk.position(), desk.reserved()), (3, (2, 0)));
    desk.report(name, Exec::Status, |report| {
        (report.qty, report.leaves) = (raw(2), raw(3));
    });
    desk.ignored(Implausible);
    desk.report(name, Exec::Status, |report| {
        (report.qty, report.state) = (raw(3), OrderState::Expired as u8);
    });
    desk.became(Applied, OrderState::Expired);
    desk.report(name, Exec::Status, |report| report.qty = raw(3));
    desk.became(Applied, OrderState::Expired);
    desk.report(name, Exec::Status, |report| report.qty = raw(4));
    desk.became(LateFill, OrderState::Expired);
    assert_eq!(desk.position(), 4);
}

#[test]
fn a_status_drops_only_the_requests_that_never_came() {
    let mut desk = Desk::new(|_| {});
    let name = desk.passes(Buy, 5, 100);
    desk.replace(name, 8, 100);
    desk.cancel(name);
    let mut status = |request: u32, state: OrderState, leaves: u128| {
        desk.link(LinkState::Down);
        desk.link(LinkState::Up);
        assert_eq!(desk.sent(), [(Kind::BrokerStatus, 1)]);
        desk.report(name, Exec::Status, |report| {
            (report.leaves, report.request) = (raw(5), request);
        });
        desk.became(Applied, state);
        assert_eq!(desk.reserved(), (leaves, 0));
    };
    status(2, OrderState::CancelPending, 8);
    status(1, OrderState::ReplacePending, 8);
    status(0, OrderState::Open, 5);
}

/// Who has not been asked may speak of a time before the requests left.
#[test]
fn a_status_that_nobody_asked_for_drops_nothing() {
    let mut desk = Desk::new(|_| {});
    let name = desk.passes(Buy, 5, 100);
    desk.replace(name, 8, 100);
    desk.report(name, Exec::Status, |report| report.leaves = raw(5));
    desk.became(Applied, OrderState::ReplacePending);
    desk.link(LinkState::Down);
    desk.report(name, Exec::Status, |report| report.leaves = raw(5));
    desk.became(Applied, OrderState::InDoubt);
    desk.link(LinkState::Up);
    assert_eq!(desk.sent(), [(Kind::BrokerStatus, 1)]);
    desk.report(name, Exec::Status, |report| report.leaves = raw(5));
    desk.became(Applied, OrderState::Open);
    assert_eq!(desk.reserved(), (5, 0));
}

/// The broker was asked before the replace was sent, and its answer came after: it had not seen the
/// replace, which was on its way. The same of a cancel; and an answer to a later question decides.
#[test]
fn an_answer_from_before_a_replace_leaves_it_standing() {
    let mut desk = Desk::new(|_| {});
    let name = desk.passes(Buy, 5, 100);
    desk.link(LinkState::Down);
    desk.link(LinkState::Up);
    assert_eq!(desk.sent(), [(Kind::BrokerStatus, 1)]);
    desk.reported(name, Exec::New, Applied, OrderState::Open);
    desk.replace(name, 8, 100);
    desk.report(name, Exec::Status, |report| report.leaves = raw(5));
    desk.became(Applied, OrderState::ReplacePending);
    assert_eq!(desk.reserved(), (8, 0));
    desk.reported(name, Exec::Replaced, Applied, OrderState::Open);
    assert_eq!(desk.reserved(), (8, 0));

    desk.link(LinkState::Down);
    desk.link(LinkState::Up);
    desk.cancel(name);
    let asked_again = vec![(Kind::BrokerStatus, 1)];
    for (state, asked) in [
        (OrderState::InDoubt, asked_again),
        (OrderState::Open, Vec::new()),
    ] {
        desk.report(name, Exec::Status, |report| {
            (report.leaves, report.request) = (raw(8), 1);
        });
        desk.became(Applied, state);
        assert_eq!(desk.reserved(), (8, 0));
        desk.now += 1000;
        desk.tick();
        assert_eq!(desk.sent_by_ticks(), asked);
    }
}

/// An order 5 at 100, to become 8 at 110. The link is lost, and the cancel behind the replace arrives
/// all the same: what the broker has had does not tell whether the replace was of it.
fn replace_in_doubt() -> (Desk, u64) {
    let mut desk = Desk::new(|_| {});
    let name = desk.passes(Buy, 5, 100);
    desk.reported(name, Exec::New, Applied, OrderState::Open);
    desk.replace(name, 8, 110);
    desk.link(LinkState::Down);
    desk.cancel(name);
    (desk, name)
}

fn stands(desk: &mut Desk, name: u64, leaves: u64, state: OrderState) {
    desk.report(name, Exec::Status, |report| {
        (report.leaves, report.request) = (raw(leaves), 2);
        report.state = state as u8;
    });
}

#[test]
fn a_replace_lost_before_a_refused_cancel_is_over() {
    let (mut desk, name) = replace_in_doubt();
    desk.link(LinkState::Up);
    assert_eq!(desk.sent(), [(Kind::BrokerStatus, 1)]);
    desk.reported(name, Exec::CancelRejected, Applied, OrderState::InDoubt);
    assert_eq!((desk.reserved(), desk.open_notional()), ((8, 0), 880));
    stands(&mut desk, name, 5, OrderState::Open);
    desk.became(Applied, OrderState::Open);
    assert_eq!((desk.reserved(), desk.open_notional()), ((5, 0), 500));
    desk.replace(name, 8, 110);
    assert_eq!(desk.last.outcome, Outcome::Accepted);
}

/// The reports that were missed come before the link is up and the broker is asked.
#[test]
fn no_other_report_ends_the_doubt_of_a_pending_request() {
    let report = |desk: &mut Desk, name, exec| {
        desk.report(name, exec, |report| report.leaves = raw(5));
        desk.became(Applied, OrderState::InDoubt);
    };
    for exec in [Exec::New, Exec::Restated, Exec::CancelRejected] {
        let (mut desk, name) = replace_in_doubt();
        desk.now += 1000;
        desk.tick();
        report(&mut desk, name, exec);
        desk.link(LinkState::Up);
        assert_eq!(desk.sent(), [(Kind::BrokerStatus, 1)]);
    }
    for exec in [Exec::Replaced, Exec::ReplaceRejected] {
        let (mut desk, name) = replace_in_doubt();
        report(&mut desk, name, exec);
        desk.reported(name, Exec::CancelRejected, Applied, OrderState::Open);
    }
}

/// What stands fits not the old terms alone: the broker's quantity counts, at the worse price.
#[test]
fn terms_that_cannot_be_told_apart_count_at_the_worse() {
    for (leaves, outcome, worst) in [(8, Applied, 880), (3, Applied, 330), (9, Implausible, 990)] {
        let (mut desk, name) = replace_in_doubt();
        desk.link(LinkState::Up);
        desk.reported(name, Exec::CancelRejected, Applied, OrderState::InDoubt);
        stands(&mut desk, name, leaves, OrderState::Open);
        desk.became(outcome, OrderState::Open);
        assert_eq!(desk.reserved(), (leaves.into(), 0));
        assert_eq!(desk.open_notional(), worst);
    }
    // The same quantity, to be cheaper.
    let mut desk = Desk::new(|_| {});
    let name = desk.passes(Buy, 5, 100);
    desk.replace(name, 5, 90);
    desk.link(LinkState::Down);
    desk.link(LinkState::Up);
    stands(&mut desk, name, 5, OrderState::PartiallyFilled);
    desk.became(Applied, OrderState::Open);
    assert_eq!((desk.reserved(), desk.open_notional()), ((5, 0), 500));
}

/// What would not fit at the worse price is no order's: the replace stays, and both terms count.
#[test]
fn an_answer_wider_than_any_order_does_not_end_a_replace() {
    let mut desk = Desk::new(|_| {});
    let name = desk.passes(Buy, 1 << 60, 1);
    desk.replace(name, 1 << 42, 1 << 60);
    assert_eq!(desk.last.outcome, Outcome::Accepted);
    desk.link(LinkState::Down);
    desk.link(LinkState::Up);
    stands(&mut desk, name, 1 << 59, OrderState::Open);
    desk.became(Applied, OrderState::ReplacePending);
    assert_eq!(desk.reserved(), (1 << 60, 0));
    assert_eq!(desk.open_notional(), 1 << 102);
}

#[test]
fn a_replace_that_the_broker_works_on_stays_pending() {
    for state in [
        OrderState::Pending,
        OrderState::CancelPending,
        OrderState::ReplacePending,
        OrderState::InDoubt,
    ] {
        let (mut desk, name) = replace_in_doubt();
        desk.link(LinkState::Up);
        stands(&mut desk, name, 5, state);
        desk.became(Applied, OrderState::CancelPending);
        desk.reported(
            name,
            Exec::CancelRejected,
            Applied,
            OrderState::ReplacePending,
        );
        assert_eq!((desk.reserved(), desk.open_notional()), ((8, 0), 880));
        desk.reported(name, Exec::Replaced, Applied, OrderState::Open);
        assert_eq!((desk.reserved(), desk.open_notional()), ((8, 0), 880));
    }
}

/// The question had left when the replace did: the broker that answers will see the replace yet.
#[test]
fn an_answer_from_before_a_replace_does_not_end_it() {
    let mut desk = Desk::new(|_| {});
    let name = desk.passes(Buy, 5, 100);
    desk.link(LinkState::Down);
    desk.link(LinkState::Up);
    desk.reported(name, Exec::New, Applied, OrderState::Open);
    desk.replace(name, 8, 110);
    stands(&mut desk, name, 5, OrderState::Open);
    desk.became(Applied, OrderState::ReplacePending);
    assert_eq!((desk.reserved(), desk.open_notional()), ((8, 0), 880));
}

#[test]
fn what_an_operator_says_of_an_order_ends_its_replace() {
    for (leaves, worst) in [(5, 500), (8, 880), (3, 330)] {
        let (mut desk, name) = replace_in_doubt();
        desk.settle(name, 0, 0, leaves);
        desk.became(Applied, OrderState::CancelPending);
        desk.reported(name, Exec::CancelRejected, Applied, OrderState::Open);
        assert_eq!(desk.reserved(), (leaves.into(), 0));
        assert_eq!(desk.open_notional(), worst);
    }
}

#[test]
fn a_broker_that_never_had_it_ends_it_if_nothing_says_otherwise() {
    let mut desk = Desk::new(|_| {});
    let name = desk.passes(Buy, 5, 100);
    desk.reported(name, Exec::NotReceived, Applied, OrderState::Rejected);
    let name = desk.passes(Buy, 5, 100);
    desk.reported(name, Exec::New, Applied, OrderState::Open);
    desk.report(name, Exec::NotReceived, |_| {});
    desk.ignored(Implausible);
    let name = desk.passes(Buy, 5, 100);
    desk.fills(name, 1, Applied, OrderState::PartiallyFilled);
    desk.report(name, Exec::NotReceived, |_| {});
    desk.ignored(Implausible);
}

#[test]
fn an_operator_settles_what_is_in_doubt() {
    let mut desk = Desk::new(|_| {});
    let name = desk.passes(Buy, 5, 100);
    desk.settle(name, 0, 2, 0);
    desk.ignored(NotPermitted);
    desk.link(LinkState::Down);
    desk.settle(name, 3, 2, 0);
    desk.ignored(NotPermitted);
    desk.settle(99, 0, 2, 0);
    desk.ignored(Outcome::OrderUnknown);
    desk.settle(name, 0, 2, 1);
    desk.became(Applied, OrderState::PartiallyFilled);
    assert_eq!((desk.position(), desk.reserved()), (2, (1, 0)));
    desk.link(LinkState::Up);
    desk.link(LinkState::Down);
    desk.settle(name, 0, 1, 4);
    desk.ignored(NotPermitted);
    desk.settle(name, 0, 1, 2);
    desk.ignored(Implausible);
    desk.settle(name, 0, 2, 0);
    desk.became(Applied, OrderState::Filled);
    assert_eq!(desk.position(), 2);
}

#[test]
fn a_link_that_comes_back_is_asked_about_what_is_in_doubt() {
    let mut desk = Desk::new(|_| {});
    let first = desk.passes(Buy, 5, 100);
    desk.passes(Buy, 5, 100);
    desk.link(LinkState::Down);
    desk.reported(first, Exec::New, Applied, OrderState::Open);
    desk.link(LinkState::HalfOpen);
    assert_eq!(desk.sent(), [(Kind::BrokerStatus, 2)]);
    desk.link(LinkState::Up);
    assert_eq!(desk.sent(), []);
}

#[test]
fn while_the_link_is_down_nobody_is_asked() {
    let mut desk = Desk::new(|_| {});
    desk.passes(Buy, 5, 100);
    desk.link(LinkState::Down);
    desk.now += 1000;
    desk.tick();
    assert_eq!(desk.sent_by_ticks(), []);
}
