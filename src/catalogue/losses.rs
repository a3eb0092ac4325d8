//! Losses and breakers: when it has gone wrong.

use super::{Control, Section, ShownBy, Status};
use crate::reject::RejectReason::*;

pub(super) const SECTION: Section = Section {
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
};
