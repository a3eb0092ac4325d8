//! Kind: the one table of events: what each is called, how grave it is, from which records of the
//! journal it comes, and what it carries.
//!
//! `portcullis events --list` and `docs/events.md` are printed from it, and the configuration refuses
//! what is not in it. What the gate does not do yet has no row: an event of it is a row here and the
//! place in `derive` that tells it. What reconciliation finds comes from no record but from the broker's
//! files: it is told behind the last record that was read, and a journal does not give it again.

use serde::{Serialize, Serializer};

/// How grave an event is, from the least.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum Severity {
    /// The ordinary course of orders.
    #[default]
    Info,
    /// Ordinary, and worth a look: who acted, what came back, what was cut.
    Notice,
    /// Somebody should look: an order was refused, a limit is near, a link is down.
    Warning,
    /// Somebody must look now.
    Critical,
}

impl Severity {
    /// Every severity, from the least.
    pub const ALL: [Self; 4] = [Self::Info, Self::Notice, Self::Warning, Self::Critical];

    /// As users write it.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }

    /// From what users write.
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|of| of.text() == text)
    }

    /// The level of its line in the log.
    pub const fn level(self) -> tracing::Level {
        match self {
            Self::Info | Self::Notice => tracing::Level::INFO,
            Self::Warning => tracing::Level::WARN,
            Self::Critical => tracing::Level::ERROR,
        }
    }
}

impl Serialize for Severity {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_str(self.text())
    }
}

macro_rules! event_kinds {
    ($($name:ident = $text:literal, $severity:ident, $records:literal, $fields:expr, $about:literal;)*) => {
        /// What has happened.
        #[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
        pub enum EventKind {
            $(#[doc = $about] $name,)*
        }

        impl EventKind {
            /// Every kind, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// As users write it.
            pub const fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// From what users write.
            pub fn from_text(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$name),)* _ => None }
            }

            /// How grave it is.
            pub const fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity,)* }
            }

            /// The kinds of the journal's records that it comes from.
            pub const fn records(self) -> &'static str {
                match self { $(Self::$name => $records,)* }
            }

            /// What it may carry beside [`COMMON`].
            pub const fn fields(self) -> &'static [&'static str] {
                match self { $(Self::$name => $fields,)* }
            }

            /// What it means.
            pub const fn about(self) -> &'static str {
                match self { $(Self::$name => $about,)* }
            }
        }
    };
}

/// What every event carries, in this order; `text` stands last.
pub const COMMON: [&str; 7] = [
    "sequence",
    "part",
    "time",
    "severity",
    "kind",
    "correlation",
    "text",
];

/// Of an order as it was asked for.
const ASKED: &[&str] = &[
    "account", "strategy", "symbol", "order_id", "id", "side", "qty", "price",
];
/// Of what has happened to an order.
const ORDER: &[&str] = &[
    "account",
    "strategy",
    "symbol",
    "broker",
    "order_id",
    "id",
    "request_id",
    "side",
    "qty",
    "price",
    "fee",
    "filled",
    "leaves",
    "state",
    "broker_reason",
];
/// Of a control that has spoken.
const JUDGED: &[&str] = &[
    "account", "strategy", "symbol", "order_id", "id", "side", "qty", "price", "scope", "name",
    "reason", "limit", "value", "failed",
];
/// Of a position that a fill has changed.
const HELD: &[&str] = &[
    "account",
    "strategy",
    "symbol",
    "broker",
    "order_id",
    "id",
    "state",
    "position",
    "average_price",
    "realized",
];
/// Of what a level may lose.
const LOSS: &[&str] = &[
    "account", "strategy", "symbol", "scope", "name", "reason", "loss", "limit", "value", "until",
    "persons",
];
const EXIT: &[&str] = &["account", "symbol", "qty", "reason"];
const REPORT: &[&str] = &["broker", "order_id", "execution_id"];
const LINK: &[&str] = &["broker", "state"];
const ACT: &[&str] = &[
    "account",
    "strategy",
    "symbol",
    "operator",
    "scope",
    "name",
    "order_id",
    "id",
    "qty",
    "price",
    "filled",
    "leaves",
    "limit",
    "value",
    "correction",
    "cash",
    "note",
];
/// Of a book that was corrected.
const CHANGED_EXIT: &[&str] = &["account", "symbol", "operator", "value", "note"];
const CORRECTED: &[&str] = &[
    "account",
    "strategy",
    "symbol",
    "operator",
    "correction",
    "qty",
    "price",
    "cash",
    "note",
];
/// Of what differs from the broker's word.
const FOUND: &[&str] = &[
    "account",
    "symbol",
    "order_id",
    "execution_id",
    "qty",
    "reason",
    "state",
];
/// Of a limit that is another.
const CHANGED: &[&str] = &[
    "account", "strategy", "symbol", "operator", "scope", "name", "limit", "value", "note",
];

event_kinds! {
    RunStarted = "run_started", Notice, "Opening", &[], "A run of the gateway began under its configuration.";
    OrderAccepted = "order_accepted", Info, "NewOrder, Basket", ASKED, "An order passed every control and goes to its broker.";
    OrderCut = "order_cut", Notice, "NewOrder", JUDGED, "An order passed, cut to what the limits allow.";
    OverrideUsed = "override_used", Warning, "NewOrder", JUDGED, "An order passed in spite of a limit, because persons let it.";
    Breach = "breach", Warning, "NewOrder, Replace, Cancel, Basket", JUDGED, "A control refused an order, a replace, a cancel or a basket.";
    CancelAsked = "cancel_asked", Info, "Cancel", ASKED, "A cancel passed.";
    ReplaceAsked = "replace_asked", Info, "Replace", ASKED, "A replace passed.";
    OrderOpen = "order_open", Info, "Report", ORDER, "The broker has the order.";
    Fill = "fill", Info, "Report, Settle", ORDER, "An order was filled, in part or in full.";
    LateFill = "late_fill", Warning, "Report", ORDER, "A fill came after its order's end: it counts.";
    OverFill = "over_fill", Critical, "Report", ORDER, "More was filled than stood: it counts.";
    OrderCancelled = "order_cancelled", Info, "Report, Settle", ORDER, "An order is cancelled.";
    OrderReplaced = "order_replaced", Info, "Report", ORDER, "An order stands on its new terms.";
    OrderRestated = "order_restated", Notice, "Report", ORDER, "The venue cut an order unasked.";
    OrderRejected = "order_rejected", Warning, "Report", ORDER, "The broker refused an order.";
    OrderExpired = "order_expired", Info, "Report", ORDER, "An order ran out of time.";
    CancelRejected = "cancel_rejected", Notice, "Report", ORDER, "The broker refused a cancel: the order stands.";
    ReplaceRejected = "replace_rejected", Notice, "Report", ORDER, "The broker refused a replace: the order stands on its old terms.";
    OrderInDoubt = "order_in_doubt", Warning, "Tick", ORDER, "Nobody knows what became of an order: it counts in full.";
    OrderStatus = "order_status", Notice, "Report", ORDER, "The broker said how an order stands.";
    ReportUnknown = "report_unknown", Warning, "Report", REPORT, "A broker told of an order that the gate does not know.";
    ReportDuplicate = "report_duplicate", Info, "Report", REPORT, "A broker told the same thing twice: it counts once.";
    ReportImplausible = "report_implausible", Warning, "Report", REPORT, "A broker told what cannot be: it does not count.";
    Position = "position", Info, "Report, Settle", HELD, "A fill has opened, increased, reduced, closed or reversed an account's position.";
    LossHalted = "loss_halted", Critical, "any", LOSS, "A level has lost more than it may: only what reduces passes, until the time it says or until persons raise it.";
    LossResumed = "loss_resumed", Warning, "Raise, Tick", LOSS, "A level that was halted for its losses trades again.";
    LossWarning = "loss_warning", Warning, "Report, Settle, Adjust, Quote", LOSS, "A limit on losses is used up to the share of `gateway.warn_share`.";
    Exit = "exit", Warning, "Quote, Report, Adjust, Exit, Tick", EXIT, "The gate closes a position by itself; the reason says why.";
    ExitDone = "exit_done", Notice, "Report, Adjust, Tick", EXIT, "A position that the gate closes is closed.";
    ExitFailing = "exit_failing", Critical, "any", EXIT, "The gate could not close a position in `exits.attempts_max` attempts: it goes on, somebody must look.";
    LimitWarning = "limit_warning", Warning, "NewOrder", JUDGED, "A limit is used up to the share of `gateway.warn_share`.";
    Response = "response", Warning, "any", &["account", "strategy", "symbol", "scope", "name", "response", "answer"], "A `[[response]]` has answered.";
    BreakerOpen = "breaker_open", Critical, "Link", LINK, "The breaker of a broker's link opened: new orders are refused.";
    BreakerHalfOpen = "breaker_half_open", Notice, "Link", LINK, "The breaker lets a few orders through to see.";
    BreakerClosed = "breaker_closed", Notice, "Link", LINK, "The breaker closed: orders pass.";
    LinkDown = "link_down", Warning, "Link", LINK, "The connection to a broker is lost.";
    LinkUp = "link_up", Notice, "Link", LINK, "The connection to a broker is there.";
    SessionDown = "session_down", Notice, "SessionChange", &["strategy", "state"], "A strategy's session ended.";
    SessionUp = "session_up", Info, "SessionChange", &["strategy", "state"], "A strategy logged on.";
    Kill = "kill", Critical, "Kill; any, by a response", ACT, "A kill switch is down: nothing new passes, what lives is cancelled.";
    RaiseAsked = "raise_asked", Notice, "Raise", ACT, "An operator asked to raise a kill: others still must.";
    Raise = "raise", Warning, "Raise", ACT, "A kill is raised, or a response is over: orders pass again.";
    Settlement = "settlement", Notice, "Settle", ACT, "An operator said what became of an order in doubt.";
    Locate = "locate", Notice, "Locate", ACT, "An operator said what may be borrowed.";
    OverrideAsked = "override_asked", Notice, "Override", ACT, "An operator asked to let one order pass what is soft.";
    LimitChanged = "limit_changed", Notice, "Limit", CHANGED, "An operator changed a limit: it holds from here on.";
    LimitAsked = "limit_asked", Warning, "Limit", CHANGED, "An operator asked for a limit that others must ask for too.";
    Adjustment = "adjustment", Warning, "Adjust", CORRECTED, "A book was corrected, by an operator or by the gate: position, cost or cash.";
    ExitChanged = "exit_changed", Notice, "Exit", CHANGED_EXIT, "An operator set when a position is closed, or had it closed.";
    ActRefused = "act_refused", Warning, "Kill, Raise, Settle, Locate, Override, Limit, Adjust, Exit", ACT, "An operator's act was not permitted.";
    Discrepancy = "discrepancy", Warning, "none", FOUND, "Our books are not as the broker says, within what is healed.";
    Unreconciled = "unreconciled", Critical, "none", FOUND, "Our books are not as the broker says, beyond what is healed: trading is halted.";
    FollowerDiffers = "follower_differs", Critical, "any", &[], "The follower would have decided otherwise: stop the gate, keep the journal.";
    EventsDropped = "events_dropped", Warning, "none", &["count"], "The queue of this subscriber was full: the oldest events were dropped.";
}

impl Serialize for EventKind {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_str(self.text())
    }
}

/// A set of kinds.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Kinds(u64);

const _: () = assert!(EventKind::ALL.len() <= 64);

impl Kinds {
    /// No kind.
    pub const NONE: Self = Self(0);

    /// Those of at least this severity.
    pub fn from_severity(severity: Severity) -> Self {
        let kinds = EventKind::ALL.iter();
        kinds
            .filter(|kind| severity <= kind.severity())
            .fold(Self::NONE, |all, kind| all.with(*kind))
    }

    /// These and one more.
    pub const fn with(self, kind: EventKind) -> Self {
        Self(self.0 | 1 << kind as u64)
    }

    /// Those of either.
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether it is among them.
    pub const fn has(self, kind: EventKind) -> bool {
        self.0 >> kind as u64 & 1 == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_told_apart_and_come_back() {
        let names: BTreeSet<_> = EventKind::ALL.iter().map(|kind| kind.text()).collect();
        assert_eq!(names.len(), EventKind::ALL.len());
        for kind in EventKind::ALL {
            assert_eq!(EventKind::from_text(kind.text()), Some(*kind));
        }
        for severity in Severity::ALL {
            assert_eq!(Severity::from_text(severity.text()), Some(severity));
        }
        assert_eq!(EventKind::from_text("fox"), None);
    }

    #[test]
    fn a_set_has_what_is_in_it_and_nothing_else() {
        let grave = Kinds::from_severity(Severity::Critical);
        for kind in EventKind::ALL {
            assert_eq!(grave.has(*kind), kind.severity() == Severity::Critical);
            assert!(Kinds::from_severity(Severity::Info).has(*kind));
            assert!(!Kinds::NONE.has(*kind));
            assert!(Kinds::NONE.with(*kind).has(*kind));
        }
    }
}
