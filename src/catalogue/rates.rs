//! Rates and counts: how often, how many.

use super::{Control, Section, ShownBy, Status};
use crate::reject::RejectReason::*;

pub(super) const SECTION: Section = Section {
    letter: 'C',
    name: "Rates and counts",
    controls: &[
        Control {
            number: 15,
            name: "Message rate",
            meaning: "Never more than so many new orders and replaces in any window, together and \
                      apart, at each level. A cancel always passes; too many of them stop orders.",
            demanded_by: "RTS 6 Art 15(1)(d); FIA",
            status: Status::Built,
            reasons: &[
                OrderRateAboveMax,
                NewOrderRateAboveMax,
                ReplaceRateAboveMax,
                CancelRateAboveMax,
            ],
            keys: &[
                "limits.order_rate",
                "limits.new_order_rate",
                "limits.replace_rate",
                "limits.cancel_rate",
            ],
            shown_by: ShownBy::Scenario,
        },
        Control {
            number: 16,
            name: "Repeated automated execution",
            meaning: "So many orders of a strategy pass, then none until as many persons as `raise_persons` have raised it.",
            demanded_by: "RTS 6 Art 15(3); FIA",
            status: Status::Built,
            reasons: &[StrategyUnattended],
            keys: &["strategy.orders_unattended_max", "gateway.raise_persons"],
            shown_by: ShownBy::Scenario,
        },
        Control {
            number: 17,
            name: "Orders to trades, cancels, daily caps",
            meaning: "How many orders, replaces and cancels there may be to each trade of a day, and \
                      how many orders in all.",
            demanded_by: "RTS 9 Art 3",
            status: Status::Built,
            reasons: &[
                DayOrdersAboveMax,
                OrderToTradeAboveMax,
                CancelToTradeAboveMax,
            ],
            keys: &[
                "limits.day_orders_max",
                "limits.order_to_trade_max",
                "limits.order_to_trade_free",
                "limits.cancel_to_trade_max",
                "limits.cancel_to_trade_free",
            ],
            shown_by: ShownBy::Scenario,
        },
        Control {
            number: 18,
            name: "Live orders",
            meaning: "How many orders may live at a time, at each level.",
            demanded_by: "venue rules",
            status: Status::Built,
            reasons: &[OrdersOpenAboveMax, OrdersFull],
            keys: &["limits.open_orders_max", "capacity.orders"],
            shown_by: ShownBy::Scenario,
        },
    ],
};
