//! One order by itself: what it asks for, at which price, how much.

use super::{Control, Section, ShownBy, Status};
use crate::reject::RejectReason::*;

pub(super) const SECTION: Section = Section {
    letter: 'A',
    name: "One order by itself",
    controls: &[
        Control {
            number: 1,
            name: "Instrument known and enabled",
            meaning: "An order for a symbol that is unknown or disabled is refused.",
            demanded_by: "SEC 15c3-5(c)(1)(ii); RTS 6 Art 15(5)",
            status: Status::Built,
            reasons: &[SymbolUnknown, SymbolDisabled],
            keys: &["symbol.name", "symbol.enabled"],
            shown_by: ShownBy::Scenario,
        },
        Control {
            number: 2,
            name: "Fields, ticks and lots",
            meaning: "Price on a tick and between the venue's bounds, quantity in lots and between \
                      the venue's bounds, side, type and time in force that exist.",
            demanded_by: "venue rules; SEC 15c3-5(c)(2)(i)",
            status: Status::Built,
            reasons: &[
                ClientOrderIdInvalid,
                SideInvalid,
                OrderTypeInvalid,
                TimeInForceInvalid,
                PriceNotAllowed,
                PriceOffTick,
                PriceBelowMin,
                PriceAboveMax,
                QtyZero,
                QtyOffLot,
                QtyBelowMin,
                QtyAboveSymbolMax,
            ],
            keys: &[
                "symbol.tick",
                "symbol.lot",
                "symbol.price_min",
                "symbol.price_max",
                "symbol.qty_min",
                "symbol.qty_max",
            ],
            shown_by: ShownBy::Scenario,
        },
        Control {
            number: 3,
            name: "Maximum order quantity",
            meaning: "The quantity of one order, for each symbol, strategy, account and the firm. An \
                      account may ask that an order too large for this or any other limit is cut. An \
                      order may name the parent that it is a part of, which its parts never exceed.",
            demanded_by: "SEC 15c3-5(c)(1)(ii); RTS 6 Art 15(1)(c); RTS 7 Art 20; FIA",
            status: Status::Built,
            reasons: &[
                QtyAboveMax,
                OrderCut,
                ParentMismatch,
                ParentQtyAboveMax,
                ParentsFull,
            ],
            keys: &[
                "limits.order_qty_max",
                "account.cut_orders",
                "symbol.slippage_bps",
                "capacity.parents",
                "capacity.parent_horizon",
            ],
            shown_by: ShownBy::Scenario,
        },
        Control {
            number: 4,
            name: "Maximum order value",
            meaning: "Price times quantity times multiplier of one order, and of all orders of a \
                      basket; a market order at the collar's upper edge.",
            demanded_by: "RTS 6 Art 15(1)(b); SEC 15c3-5(c)(1)(ii)",
            status: Status::Built,
            reasons: &[
                NotionalAboveMax,
                BasketNotionalAboveMax,
                BasketLinesAboveMax,
            ],
            keys: &[
                "limits.order_notional_max",
                "limits.basket_notional_max",
                "limits.basket_lines_max",
                "symbol.multiplier",
            ],
            shown_by: ShownBy::Scenario,
        },
        Control {
            number: 5,
            name: "Price collar",
            meaning: "How far a price may be from the reference, which has a maximum age: the mid of \
                      the last good quote, the last trade or the last close, as the phase says.",
            demanded_by: "RTS 6 Art 15(1)(a); SEC 15c3-5; RTS 7; FIA",
            status: Status::Built,
            reasons: &[PriceOutsideCollar],
            keys: &[
                "limits.price_collar_bps",
                "limits.reference_age_max",
                "calendar.session.reference",
                "symbol.reference_spread_bps",
            ],
            shown_by: ShownBy::Scenario,
        },
        Control {
            number: 6,
            name: "Price collar over a period",
            meaning: "Nothing new passes while the reference is too far from where it was at any time within a window.",
            demanded_by: "RTS 6 Art 15(1)(a); SEC 15c3-5",
            status: Status::Built,
            reasons: &[ReferenceMoved],
            keys: &["symbol.reference_move_bps", "symbol.reference_move_window"],
            shown_by: ShownBy::Scenario,
        },
        Control {
            number: 7,
            name: "No reference price, or an old one",
            meaning: "Where a control needs a reference and there is none, none that can be believed, \
                      or only an old one, the order is refused.",
            demanded_by: "implied by 5; NI 23-103",
            status: Status::Built,
            reasons: &[
                ReferenceAbsent,
                ReferenceUnusable,
                ReferenceStale,
                CurrencyRateUnknown,
            ],
            keys: &[
                "limits.reference_age_max",
                "symbol.reference_jump_bps",
                "symbol.reference_jump_confirmations",
                "currency.rate_symbol",
                "gateway.mark_age_max",
            ],
            shown_by: ShownBy::Scenario,
        },
        Control {
            number: 8,
            name: "Duplicate orders",
            meaning: "A client order id used before; the same side, price and quantity so often within \
                      a window; a basket of which any order is such.",
            demanded_by: "SEC 15c3-5(c)(1)(ii)",
            status: Status::Built,
            reasons: &[ClientOrderIdDuplicate, OrderDuplicate],
            keys: &[
                "limits.duplicate_window",
                "limits.duplicate_count",
                "capacity.client_order_id_horizon",
            ],
            shown_by: ShownBy::Scenario,
        },
        Control {
            number: 9,
            name: "Permitted order types, times in force, phases",
            meaning: "What a symbol takes of order types and times in force, and what the phase of \
                      its trading day takes of these: nothing while it is closed.",
            demanded_by: "venue rules; NI 23-103",
            status: Status::Built,
            reasons: &[
                OrderTypeNotPermitted,
                TimeInForceNotPermitted,
                MarketClosed,
                PhaseNotPermitted,
            ],
            keys: &[
                "symbol.order_types",
                "symbol.times_in_force",
                "symbol.calendar",
                "calendar.session",
            ],
            shown_by: ShownBy::Scenario,
        },
        Control {
            number: 10,
            name: "Minimum order value",
            meaning: "The least that an order may be worth, but for orders that only reduce the account's position.",
            demanded_by: "venue rules",
            status: Status::Built,
            reasons: &[NotionalBelowMin],
            keys: &["symbol.notional_min"],
            shown_by: ShownBy::Scenario,
        },
    ],
};
