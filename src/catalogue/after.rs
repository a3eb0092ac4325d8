//! After the order: what is watched, remembered and told.

use super::{Control, Section, ShownBy, Status, waits};
use crate::reject::RejectReason::*;

pub(super) const SECTION: Section = Section {
    letter: 'G',
    name: "After the order",
    controls: &[
        Control {
            number: 35,
            name: "Reports at once",
            meaning: "Each execution goes to its strategy, into the journal and to subscribers as it comes.",
            demanded_by: "SEC 15c3-5(c)(2)(iv)",
            status: Status::Built,
            reasons: &[],
            keys: &["journal", "subscriber.kinds"],
            shown_by: ShownBy::Test(
                "tests/events.rs",
                "each_kind_of_subscriber_is_told_in_time_with_severity_and_correlation",
            ),
        },
        Control {
            number: 36,
            name: "Reconciliation",
            meaning: "Own books beside the broker's session, its drop copy and its statement, all the \
                      time: what differs is explained, healed up to a threshold, and halts trading above \
                      it.",
            demanded_by: "RTS 6 Art 17; FIA",
            status: Status::Built,
            reasons: &[],
            keys: &[
                "gateway.answer_timeout",
                "reconcile.drop_copy",
                "reconcile.statement",
                "reconcile.heal_qty_max",
                "reconcile.heal_value_max",
                "reconcile.halt",
            ],
            shown_by: ShownBy::Test(
                "src/recon/tests/random.rs",
                "ten_thousand_random_faults_converge_or_halt_and_nothing_trades_through",
            ),
        },
        Control {
            number: 37,
            name: "Exposure after the trade",
            meaning: "What is at risk, at any moment.",
            demanded_by: "RTS 6 Art 17(1)-(2)",
            status: Status::Partly("effects of its own on strategies"),
            reasons: &[],
            keys: &["admin.socket"],
            shown_by: ShownBy::Test(
                "tests/follower.rs",
                "views_show_names_and_only_what_was_asked_for",
            ),
        },
        Control {
            number: 38,
            name: "Alerts within 5 seconds",
            meaning: "Each breach, warning, breaker and kill is told to subscribers in time: to the log, to files, to HTTP servers.",
            demanded_by: "RTS 6 Art 16(5); RTS 7 Art 20(2)(b)",
            status: Status::Built,
            reasons: &[],
            keys: &[
                "subscriber.severity",
                "events.history",
                "gateway.warn_share",
            ],
            shown_by: ShownBy::Test(
                "tests/events.rs",
                "each_kind_of_subscriber_is_told_in_time_with_severity_and_correlation",
            ),
        },
        waits(
            39,
            "Two functions watch",
            "Traders and an independent function, each with a console of its own.",
            "RTS 6 Art 16(2)",
            "roles of operators",
        ),
        Control {
            number: 40,
            name: "Counted before it is sent",
            meaning: "An order is in every sum before it leaves.",
            demanded_by: "RTS 6 Art 15(2)",
            status: Status::Built,
            reasons: &[OpenNotionalAboveMax],
            keys: &[],
            shown_by: ShownBy::Scenario,
        },
        Control {
            number: 41,
            name: "Override of one order",
            meaning: "Two persons let one order, named before it comes, pass the limits that are soft, \
                      once and in time; what it passed so stands in its decision.",
            demanded_by: "RTS 6 Art 15(6); RTS 7 Art 20(2)(d)",
            status: Status::Built,
            reasons: &[QtyAboveMax],
            keys: &["gateway.soft", "gateway.raise_window"],
            shown_by: ShownBy::Scenario,
        },
        Control {
            number: 42,
            name: "Limits have versions",
            meaning: "Who changed a limit, when, from what to what and why; while the gate runs, by one \
                      person, or by two where it is loosened far or above a hard maximum.",
            demanded_by: "FIA; SEC 15c3-5(e)",
            status: Status::Built,
            reasons: &[],
            keys: &["journal", "hard_limits", "gateway.loosen_factor"],
            shown_by: ShownBy::Scenario,
        },
        Control {
            number: 43,
            name: "Audit journal",
            meaning: "Every message and decision with its reason, written before anything follows from \
                      it, and derived again bit for bit.",
            demanded_by: "RTS 6 Art 28, 13(7); RTS 25",
            status: Status::Built,
            reasons: &[],
            keys: &["journal"],
            shown_by: ShownBy::Test(
                "tests/write_ahead.rs",
                "an_order_is_in_the_journal_before_a_broker_can_see_it",
            ),
        },
        Control {
            number: 44,
            name: "Clocks",
            meaning: "The wall clock's distance from true time.",
            demanded_by: "RTS 25 Annex",
            status: Status::NotAGates(
                "the machine's time service; a clock that steps is followed slowly",
            ),
            reasons: &[],
            keys: &[],
            shown_by: ShownBy::Nothing,
        },
        Control {
            number: 45,
            name: "Capacity",
            meaning: "Twice the busiest of the last six months.",
            demanded_by: "RTS 6 Art 10",
            status: Status::Partly("a stress run with a report of its own"),
            reasons: &[
                OrdersFull,
                ClientOrderIdsFull,
                PositionsFull,
                DuplicatesFull,
            ],
            keys: &["capacity"],
            shown_by: ShownBy::Test("tests/capacity/main.rs", "orders"),
        },
        Control {
            number: 46,
            name: "Yearly self-assessment",
            meaning: "What is armed, tested and changed, as evidence.",
            demanded_by: "RTS 6 Art 9; SEC 15c3-5(e)",
            status: Status::NotAGates(
                "the firm's; `check`, this table and the journal are its evidence",
            ),
            reasons: &[],
            keys: &[],
            shown_by: ShownBy::Nothing,
        },
        Control {
            number: 47,
            name: "Controlled deployment",
            meaning: "A new strategy begins with small limits of its own.",
            demanded_by: "RTS 6 Art 6, 8; FINRA 15-09",
            status: Status::Built,
            reasons: &[QtyAboveMax],
            keys: &["strategy.limits"],
            shown_by: ShownBy::Scenario,
        },
    ],
};
