//! Who may trade what, and where.

use super::{Control, Section, ShownBy, Status};
use crate::reject::RejectReason::*;

pub(super) const SECTION: Section = Section {
    letter: 'B',
    name: "Who may trade what",
    controls: &[
        Control {
            number: 11,
            name: "Restricted list",
            meaning: "Symbols that an account or a strategy may not trade, or nobody.",
            demanded_by: "SEC 15c3-5(c)(2)(ii); RTS 6 Art 15(5)",
            status: Status::Built,
            reasons: &[SymbolRestricted],
            keys: &[
                "account.restricted",
                "strategy.restricted",
                "symbol.enabled",
            ],
            shown_by: ShownBy::Scenario,
        },
        Control {
            number: 12,
            name: "Short sales",
            meaning: "A sale of more than the account owns, live sales counted, needs its mark and, \
                      where the symbol is hard to borrow, a locate of the day, which it uses up.",
            demanded_by: "Reg SHO; UMIR 6.2; SEC 15c3-5(c)(2)(i)",
            status: Status::Built,
            reasons: &[
                SaleMarkInvalid,
                ShortSaleUnmarked,
                ShortSaleNotPermitted,
                LocateAboveMax,
            ],
            keys: &["account.short_sales", "symbol.borrow"],
            shown_by: ShownBy::Scenario,
        },
        Control {
            number: 13,
            name: "Every order has its author",
            meaning: "A session is one strategy, proven by its key or by the kernel, of one trader; it \
                      trades for the accounts that it is given and no other, each a client's and \
                      of a desk.",
            demanded_by: "SEC 15c3-5(c)(2)(iii); RTS 6 Art 12(3), 18",
            status: Status::Built,
            reasons: &[
                AccountUnknown,
                AccountDisabled,
                DeskDisabled,
                StrategyUnknown,
                StrategyDisabled,
                AccountNotPermitted,
            ],
            keys: &[
                "strategy.accounts",
                "strategy.trader",
                "account.desk",
                "strategy.key_file",
                "strategy.unix_user",
            ],
            shown_by: ShownBy::Scenario,
        },
        Control {
            number: 14,
            name: "Direct and exclusive control",
            meaning: "No message of a strategy can see or change a limit; an account without limits \
                      can send nothing.",
            demanded_by: "SEC 15c3-5(d); RTS 6 Art 20",
            status: Status::Built,
            reasons: &[LimitsAbsent],
            keys: &["limits.others"],
            shown_by: ShownBy::Scenario,
        },
    ],
};
