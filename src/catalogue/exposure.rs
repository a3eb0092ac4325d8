//! Exposure and credit: what all orders and positions may come to.

use super::{Control, Section, ShownBy, Status};
use crate::reject::RejectReason::*;

pub(super) const SECTION: Section = Section {
    letter: 'D',
    name: "Exposure and credit",
    controls: &[
        Control {
            number: 19,
            name: "Net position, worst case",
            meaning: "The position if all live orders of one side fill, as quantity and as value, with \
                      the worse of old and new while a replace is pending.",
            demanded_by: "SEC 15c3-5(c)(1)(i); RTS 6 Art 17(4)",
            status: Status::Built,
            reasons: &[PositionQtyAboveMax, PositionValueAboveMax],
            keys: &["limits.position_qty_max", "limits.position_value_max"],
            shown_by: ShownBy::Scenario,
        },
        Control {
            number: 20,
            name: "Open and gross value",
            meaning: "The value of all live orders, the sum of worst positions over symbols, and the \
                      same with what is short taken off, at each level.",
            demanded_by: "SEC 15c3-5(c)(1)(i)",
            status: Status::Built,
            reasons: &[
                OpenNotionalAboveMax,
                GrossExposureAboveMax,
                NetExposureAboveMax,
                ExposureOverflow,
            ],
            keys: &[
                "limits.open_notional_max",
                "limits.gross_exposure_max",
                "limits.net_exposure_max",
            ],
            shown_by: ShownBy::Scenario,
        },
        Control {
            number: 21,
            name: "Traded in a day",
            meaning: "Quantity and value traded over the trading day, which only grow, and what live \
                      orders may still add.",
            demanded_by: "venue rules",
            status: Status::Built,
            reasons: &[DayQtyAboveMax, DayValueAboveMax],
            keys: &[
                "limits.day_qty_max",
                "limits.day_value_max",
                "gateway.trading_day",
            ],
            shown_by: ShownBy::Scenario,
        },
        Control {
            number: 22,
            name: "Buying power",
            meaning: "What purchases may cost of an account's cash: live ones at the worst, filled \
                      ones as they were with fees, less what sales have brought.",
            demanded_by: "brokers",
            status: Status::Built,
            reasons: &[FundsAboveMax],
            keys: &["account.funds"],
            shown_by: ShownBy::Scenario,
        },
        Control {
            number: 23,
            name: "Margin",
            meaning: "What a level loses in the worst of named scenarios with this order, as a \
                      clearing house scans risk: no more than is free for margin.",
            demanded_by: "RTS 6 Art 15(4)",
            status: Status::Built,
            reasons: &[MarginAboveMax],
            keys: &["limits.margin_max", "tail.margin"],
            shown_by: ShownBy::Scenario,
        },
        Control {
            number: 24,
            name: "Groups and concentration",
            meaning: "Every limit on a sector, an issuer, a venue or any named group of symbols, over \
                      all accounts.",
            demanded_by: "SEC 15c3-5; FIA",
            status: Status::Built,
            reasons: &[GroupDisabled, GrossExposureAboveMax],
            keys: &["group.symbols", "group.limits"],
            shown_by: ShownBy::Scenario,
        },
        Control {
            number: 25,
            name: "Value at risk and stress",
            meaning: "What a level could lose with this order, every live order counted where it \
                      makes it worse: on all but a few days of history, on the mean of the worst of \
                      them, in named stresses; and the part of it that symbols which move together \
                      hold. What is not known is refused.",
            demanded_by: "RTS 6 Art 15(4); FIA",
            status: Status::Built,
            reasons: &[
                TailUnknown,
                ValueAtRiskAboveMax,
                ShortfallAboveMax,
                StressLossAboveMax,
                ClusterShareAboveMax,
            ],
            keys: &[
                "limits.value_at_risk_max",
                "limits.expected_shortfall_max",
                "limits.stress_loss_max",
                "limits.cluster_share_max",
                "limits.cluster_share_free",
                "tail.history_days",
                "tail.stress",
                "tail.cluster",
                "tail.cluster_correlation",
            ],
            shown_by: ShownBy::Scenario,
        },
    ],
};
