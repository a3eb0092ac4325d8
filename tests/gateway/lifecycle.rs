//! An order's life: every transition, and what is at risk at each.

use crate::harness::{Gate, OPEN};

fn limits(text: &str) -> String {
    format!("{OPEN}{text}\n")
}

#[test]
fn a_fill_after_the_cancel_moves_the_position() {
    let mut gate = Gate::new(OPEN);
    gate.check(
        "order id=1 qty=10
         report id=1 exec=new -> applied
         cancel id=2 orig=1 -> accepted
         report id=2 orig=1 exec=canceled -> applied
         report id=1 exec=trade exec_id=late qty=4 price=100 -> late_fill",
    );
    assert_eq!(gate.summary("positions")[0]["position"], "4");
    assert_eq!(gate.summary("late_fills"), 1);
    assert_eq!(gate.summary("live_orders"), 0);
}

#[test]
fn a_fill_of_more_than_stood_is_booked_in_full() {
    let mut gate = Gate::new(OPEN);
    gate.check(
        "order id=1 qty=10
         report id=1 exec=trade exec_id=a qty=12 price=100 -> over_fill",
    );
    assert_eq!(gate.summary("positions")[0]["position"], "12");
    assert_eq!(gate.summary("open_notional"), "0");
}

#[test]
fn a_report_that_comes_twice_counts_once() {
    let mut gate = Gate::new(OPEN);
    gate.check(
        "order id=1 qty=10
         report id=1 exec=trade exec_id=a qty=3 price=100 -> applied
         report id=1 exec=trade exec_id=a qty=3 price=100 -> duplicate
         report id=77 exec=trade exec_id=b qty=3 price=100 -> order_unknown",
    );
    assert_eq!(gate.summary("positions")[0]["position"], "3");
    assert_eq!(gate.summary("unknown_reports"), 1);
}

#[test]
fn a_pending_replace_reserves_the_worse_of_old_and_new() {
    Gate::new(&limits("position_qty_max = 10")).check(
        "order id=1 qty=4 -> accepted
         replace id=2 orig=1 qty=8 -> accepted
         order id=3 qty=3 -> PositionQtyAboveMax 10 11
         order id=3 qty=2 -> accepted
         report id=2 orig=1 exec=replace_rejected -> applied
         order id=4 qty=4 -> accepted
         order id=5 -> PositionQtyAboveMax 10 11",
    );
    Gate::new(&limits("position_qty_max = 10")).check(
        "order id=1 qty=8 -> accepted
         replace id=2 orig=1 qty=4 -> accepted
         order id=3 qty=3 -> PositionQtyAboveMax 10 11
         report id=2 orig=1 exec=replaced -> applied
         order id=3 qty=6 -> accepted",
    );
}

#[test]
fn a_cancel_pending_order_counts_until_it_is_gone() {
    Gate::new(&limits("position_qty_max = 10")).check(
        "order id=1 qty=10
         cancel id=2 orig=1 -> accepted
         order id=3 -> PositionQtyAboveMax 10 11
         report id=2 orig=1 exec=canceled
         order id=3 -> accepted",
    );
}

#[test]
fn an_order_without_an_answer_is_in_doubt_and_counts_in_full() {
    let mut gate = Gate::new(&format!(
        "[gateway]\nanswer_timeout = \"50ms\"\n{OPEN}position_qty_max = 10\n"
    ));
    gate.check(
        "order id=1 qty=10
         order id=2 after=49 -> PositionQtyAboveMax 10 11
         replace id=3 orig=1 qty=9 after=1 -> OrderInDoubt
         order id=4 after=100000 -> PositionQtyAboveMax 10 11",
    );
    assert_eq!(gate.summary("timeouts"), 1);
    gate.check(
        "report id=1 exec=not_received -> applied
         order id=5 qty=10 -> accepted",
    );
}

#[test]
fn a_lost_link_leaves_orders_in_doubt_until_the_broker_has_spoken() {
    let mut gate = Gate::new(&limits("position_qty_max = 10"));
    gate.check(
        "order id=1 qty=6
         report id=1 exec=new
         order id=2 qty=4
         link broker=sim state=down
         link broker=sim state=up",
    );
    assert_eq!(gate.summary("orders_in_doubt"), 2);
    gate.check(
        "order id=3 -> PositionQtyAboveMax 10 11
         report id=1 exec=status qty=2 leaves=4 state=partially_filled request=0 -> applied
         report id=2 exec=not_received -> applied
         order id=3 qty=4 -> accepted
         order id=4 -> PositionQtyAboveMax 10 11",
    );
    assert_eq!(gate.summary("orders_in_doubt"), 0);
    assert_eq!(gate.summary("positions")[0]["position"], "2");
}

#[test]
fn a_kill_cancels_what_lives_and_lets_cancels_pass() {
    let mut gate = Gate::new(OPEN);
    for id in 0..100 {
        gate.check(&format!("order id={id} price={}", 100 + id));
    }
    gate.check(
        "kill scope=account name=A\n order id=x -> AccountKilled\n cancel id=c orig=5 -> accepted",
    );
    for id in 0..100 {
        gate.check(&format!("report id={id} exec=canceled -> applied"));
    }
    assert_eq!(gate.summary("live_orders"), 0);
}

#[test]
fn a_jump_becomes_usable_after_its_confirmations() {
    let text = "[limits]\nothers = \"off\"\nreference_age_max = \"off\"\nprice_collar_bps = 100\n\
        [[account]]\nname = \"A\"\n[[strategy]]\nname = \"S\"\naccounts = [\"A\"]\n[[broker]]\nname = \"sim\"\nkind = \"sim\"\n\
        [[symbol]]\nname = \"X\"\ntick = \"0.5\"\nlot = \"1\"\nbroker = \"sim\"\nreference_jump_bps = 500\nreference_jump_confirmations = 2\n";
    Gate::of(text).check(
        "quote
         order id=1 -> accepted
         quote bid=119.5 ask=120.5
         order id=2 price=120 -> ReferenceUnusable
         quote
         order id=2 -> accepted
         quote bid=119.5 ask=120.5
         quote bid=119.5 ask=120.5
         order id=3 price=120 -> ReferenceUnusable
         quote bid=119.5 ask=120.5
         order id=3 price=120 -> accepted",
    );
}

#[test]
fn a_replaced_order_answers_to_its_new_id_and_its_old_one() {
    Gate::new(OPEN).check(
        "order id=1 qty=4
         replace id=2 orig=1 qty=6 -> accepted
         report id=2 orig=1 exec=replaced -> applied
         replace id=3 orig=2 qty=8 -> accepted
         report id=3 orig=2 exec=replaced -> applied
         order id=2 -> ClientOrderIdDuplicate
         report id=1 exec=trade exec_id=x qty=8 price=100 -> applied
         cancel id=4 orig=3 -> OrderClosed",
    );
}
