//! Catalogue: every control that rules and venues demand of a gate before and around a trade, and how
//! far it is built here. `portcullis controls` prints it, and `docs/controls.md` is made from it.
//!
//! Cold. A row that is built names the reasons of its refusals, and what shows it: a scenario of
//! `tests/controls`, where it refuses and where it just does not, or a test.

use crate::reject::RejectReason::{self, *};

/// One row.
#[derive(Debug)]
pub struct Control {
    /// Its number. Sections have letters.
    pub number: u8,
    /// What it is called.
    pub name: &'static str,
    /// What it does.
    pub meaning: &'static str,
    /// Which rules and venues demand it.
    pub demanded_by: &'static str,
    /// How far it is built.
    pub status: Status,
    /// Why an order is refused by it.
    pub reasons: &'static [RejectReason],
    /// The keys of the configuration that decide about it.
    pub keys: &'static [&'static str],
    /// Where it is shown.
    pub shown_by: ShownBy,
}

/// How far a control is built.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Status {
    /// All of it.
    Built,
    /// All but this.
    Partly(&'static str),
    /// Not yet, and what it waits for.
    Waits(&'static str),
    /// It is not a gate's to have: whose it is.
    NotAGates(&'static str),
}

/// What shows that a control does what its row says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ShownBy {
    /// The scenario of its number in `tests/controls`.
    Scenario,
    /// A test: its file and its function.
    Test(&'static str, &'static str),
    /// Nothing is built that could be shown.
    Nothing,
}

/// A letter and what its rows have in common.
#[derive(Debug)]
pub struct Section {
    /// From A.
    pub letter: char,
    /// What it is about.
    pub name: &'static str,
    /// Its rows.
    pub controls: &'static [Control],
}

impl Status {
    /// In one word, for tables.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Built => "built",
            Self::Partly(_) => "partly",
            Self::Waits(_) => "waits",
            Self::NotAGates(_) => "not a gate's",
        }
    }

    /// What is missing, if something is.
    pub const fn missing(self) -> &'static str {
        match self {
            Self::Built => "",
            Self::Partly(what) | Self::Waits(what) | Self::NotAGates(what) => what,
        }
    }
}

/// A row of which nothing is built.
const fn waits(
    number: u8,
    name: &'static str,
    meaning: &'static str,
    demanded_by: &'static str,
    what: &'static str,
) -> Control {
    Control {
        number,
        name,
        meaning,
        demanded_by,
        status: Status::Waits(what),
        reasons: &[],
        keys: &[],
        shown_by: ShownBy::Nothing,
    }
}

/// All rows, in the order of their numbers.
pub fn controls() -> impl Iterator<Item = &'static Control> {
    SECTIONS.iter().flat_map(|section| section.controls)
}

/// The catalogue.
pub const SECTIONS: &[Section] = &[
    Section {
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
    },
    Section {
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
    },
    Section {
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
    },
    Section {
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
    },
    Section {
        letter: 'E',
        name: "Losses and breakers",
        controls: &[
            Control {
                number: 26,
                name: "Loss limits",
                meaning: "What is lost in a day, over a window and from the highest, fees and open \
                          positions at their price counted, in money and as a part of what there was. \
                          Beyond it only what reduces a position passes; what lives is cancelled and, \
                          if so configured, every position closed. A price that is missing, broken or \
                          old lets nothing new pass.",
                demanded_by: "FIA",
                status: Status::Built,
                reasons: &[LossAboveMax, LossUnknown],
                keys: &[
                    "limits.capital",
                    "limits.day_loss_max",
                    "limits.day_loss_share_max",
                    "limits.drawdown_max",
                    "limits.drawdown_share_max",
                    "limits.rolling_loss_max",
                    "limits.rolling_loss_window",
                    "limits.loss_answer",
                    "limits.loss_resume",
                    "gateway.mark_age_max",
                ],
                shown_by: ShownBy::Scenario,
            },
            Control {
                number: 27,
                name: "Forced exits",
                meaning: "A position is closed by the gate at a loss, at a gain, once its price has turned \
                          from its best, at no gain once it had one, after a time, where a level has lost \
                          too much, or because a person wants it. What stands in its way is cancelled, \
                          nothing else passes there, and one order at a time only reduces; what does not \
                          fill is tried again.",
                demanded_by: "FIA",
                status: Status::Built,
                reasons: &[ExitUnderWay],
                keys: &[
                    "strategy.exits.stop_loss_bps",
                    "strategy.exits.take_profit_bps",
                    "strategy.exits.trailing_stop_bps",
                    "strategy.exits.break_even_bps",
                    "strategy.exits.hold_max",
                    "limits.loss_answer",
                    "exits.retry",
                    "exits.timeout",
                    "exits.attempts_max",
                    "exits.slippage_bps",
                ],
                shown_by: ShownBy::Scenario,
            },
            Control {
                number: 28,
                name: "Volatility and bad prices",
                meaning: "A price that jumps is no reference before it is confirmed; crossed, zero and \
                          stub prices never are. A symbol that moves too far, or of which too many \
                          prices are bad, is warned of, paused or killed.",
                demanded_by: "FIA; RTS 6 Art 16",
                status: Status::Built,
                reasons: &[ReferenceUnusable, ReferenceMoved, LevelPaused],
                keys: &[
                    "response.on",
                    "symbol.reference_spread_bps",
                    "symbol.reference_move_bps",
                    "symbol.reference_jump_bps",
                    "symbol.reference_jump_confirmations",
                ],
                shown_by: ShownBy::Scenario,
            },
            Control {
                number: 29,
                name: "Bursts of rejects, missing answers",
                meaning: "A link on which too much goes wrong is shut for new orders, then tried again. Too \
                          many refusals, rejects or fills of a strategy, an account, a symbol or the \
                          firm are answered.",
                demanded_by: "FIA",
                status: Status::Built,
                reasons: &[BreakerOpen, LevelPaused],
                keys: &["broker.breaker", "response.on", "response.count"],
                shown_by: ShownBy::Scenario,
            },
            Control {
                number: 30,
                name: "Answers in stages",
                meaning: "Warn, slow down, refuse, cancel, kill: for any control and any count, to the \
                          level that it concerns, for a while or until persons raise it. Those who \
                          watch are warned at a share of each limit.",
                demanded_by: "venue rules",
                status: Status::Built,
                reasons: &[LevelSlowed, LevelPaused, StrategyKilled],
                keys: &["response.answer", "response.reasons", "gateway.warn_share"],
                shown_by: ShownBy::Scenario,
            },
        ],
    },
    Section {
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
                shown_by: ShownBy::Test(
                    "tests/admin.rs",
                    "a_kill_needs_one_person_and_a_raise_two",
                ),
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
    },
    Section {
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
    },
];
