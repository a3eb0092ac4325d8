//! Kills and sessions: who may stop it all.

use super::{Control, Section, ShownBy, Status};
use crate::reject::RejectReason::*;

pub(super) const SECTION: Section = Section {
    letter: 'F',
    name: "Kills and sessions",
    controls: &[
        Control {
            number: 31,
            name: "Kill",
            meaning: "One person stops the firm, a desk, an account, a strategy, a symbol or a group: \
                      nothing new passes, all that lives is cancelled.",
            demanded_by: "RTS 6 Art 12; FIA; FINRA 15-09",
            status: Status::Built,
            reasons: &[
                FirmKilled,
                DeskKilled,
                AccountKilled,
                StrategyKilled,
                SymbolKilled,
                GroupKilled,
            ],
            keys: &["operator", "gateway.cancel_on_panic"],
            shown_by: ShownBy::Scenario,
        },
        Control {
            number: 32,
            name: "Cancel on disconnect",
            meaning: "The orders of a strategy that is gone or silent are cancelled, at once or after a \
                      while; orders at a broker that is gone are in doubt and count in full.",
            demanded_by: "FIA; venue rules",
            status: Status::Built,
            reasons: &[BrokerLinkDown],
            keys: &["strategy.cancel_on_disconnect", "listen.heartbeat"],
            shown_by: ShownBy::Scenario,
        },
        Control {
            number: 33,
            name: "What is down stays down",
            meaning: "A kill outlives restarts, and as many persons as `raise_persons` must raise it.",
            demanded_by: "RTS 6 Art 15(3)",
            status: Status::Built,
            reasons: &[AccountKilled],
            keys: &["gateway.raise_persons", "gateway.raise_window"],
            shown_by: ShownBy::Test("tests/admin.rs", "a_kill_needs_one_person_and_a_raise_two"),
        },
        Control {
            number: 34,
            name: "No trade with oneself",
            meaning: "An order that would trade with a live one of the same owner, whichever strategy \
                      sent it: the new one is refused, or those that stand are cancelled before \
                      it leaves, or both.",
            demanded_by: "FINRA 5210; venue rules",
            status: Status::Built,
            reasons: &[SelfMatch],
            keys: &["account.self_match", "account.owner"],
            shown_by: ShownBy::Scenario,
        },
    ],
};
