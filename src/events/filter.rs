//! Filter: which events a subscriber is told, and which a question is about.
//!
//! Pure.

use super::kind::{EventKind, Kinds, Severity};
use super::line::Line;
use crate::units::Nanos;

/// What a subscriber wants.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Filter {
    /// Events as grave as this and graver.
    pub severity: Severity,
    /// Of these kinds; none named: of all.
    pub kinds: Vec<EventKind>,
    /// Of these accounts, and those that are of no account; none named: of all.
    pub accounts: Vec<String>,
}

/// What a question asks for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted<'a> {
    /// Events as grave as this and graver.
    pub severity: Severity,
    /// Of this kind.
    pub kind: Option<EventKind>,
    /// Of this account.
    pub account: Option<&'a str>,
    /// From then on.
    pub since: Nanos,
}

impl Filter {
    /// The kinds that can pass.
    pub fn kinds(&self) -> Kinds {
        let passes = |kind: &&EventKind| {
            let is_named = self.kinds.is_empty() || self.kinds.contains(kind);
            is_named && self.severity <= kind.severity()
        };
        let kinds = EventKind::ALL.iter().filter(passes);
        kinds.fold(Kinds::NONE, |all, kind| all.with(*kind))
    }

    /// Whether an event of a kind that can pass does.
    pub fn has_account(&self, line: &Line) -> bool {
        let account = line.account.as_str();
        let is_named = || self.accounts.iter().any(|of| of == account);
        self.accounts.is_empty() || line.account.is_empty() || is_named()
    }
}

impl Wanted<'_> {
    /// From what users write; an account is of the caller's configuration.
    pub fn parse(
        severity: Option<&str>,
        kind: Option<&str>,
        since: Option<&str>,
    ) -> Result<Self, String> {
        let severity = severity.map(|text| {
            let known = Severity::ALL.map(Severity::text).join(", ");
            Severity::from_text(text).ok_or_else(|| format!("severity: write one of {known}"))
        });
        let kind = kind.map(|text| {
            let problem = || format!("kind: no {text:?}; see `portcullis events --list`");
            EventKind::from_text(text).ok_or_else(problem)
        });
        let since = since.map(|text| {
            let at = text.parse::<jiff::Timestamp>().ok();
            let at = at.and_then(|at| u64::try_from(at.as_nanosecond()).ok());
            let problem = "since: write a time as in \"2026-01-31T09:30:00Z\"";
            at.map(Nanos::from_raw).ok_or_else(|| problem.to_owned())
        });
        Ok(Self {
            severity: severity.transpose()?.unwrap_or_default(),
            kind: kind.transpose()?,
            account: None,
            since: since.transpose()?.unwrap_or(Nanos::ZERO),
        })
    }

    /// Whether an event is asked for.
    pub fn has(&self, line: &Line) -> bool {
        self.severity <= line.severity
            && self.kind.is_none_or(|kind| kind == line.kind)
            && self.account.is_none_or(|of| line.account.as_str() == of)
            && self.since <= line.time
    }

    /// The kinds that can be asked for.
    pub fn kinds(&self) -> Kinds {
        let kinds = Kinds::from_severity(self.severity);
        match self.kind {
            Some(kind) if kinds.has(kind) => Kinds::NONE.with(kind),
            Some(_) => Kinds::NONE,
            None => kinds,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::line::tests::line;
    use super::*;

    #[test]
    fn a_filter_lets_through_what_is_grave_enough_named_and_of_its_accounts() {
        let mut filter = Filter {
            severity: Severity::Warning,
            kinds: vec![EventKind::Breach, EventKind::Fill],
            accounts: vec!["A".to_owned()],
        };
        assert_eq!(filter.kinds(), Kinds::NONE.with(EventKind::Breach));
        filter.severity = Severity::Info;
        assert!(filter.kinds().has(EventKind::Fill) && !filter.kinds().has(EventKind::Kill));
        for (account, passes) in [(Some("A"), true), (Some("B"), false), (None, true)] {
            let event = line(1, EventKind::Breach, account);
            assert_eq!(filter.has_account(&event), passes);
        }
    }

    #[test]
    fn a_question_is_read_and_what_is_wrong_with_it_is_said() {
        let since = Some("2026-01-31T10:30:00+01:00");
        let wanted = Wanted::parse(Some("warning"), Some("breach"), since).unwrap();
        assert_eq!(wanted.severity, Severity::Warning);
        assert_eq!(wanted.kind, Some(EventKind::Breach));
        assert_eq!(wanted.since, Nanos::from_secs(1_769_851_800));
        for (severity, kind, since, problem) in [
            (
                Some("fox"),
                None,
                None,
                "severity: write one of info, notice, warning, critical",
            ),
            (
                None,
                Some("fox"),
                None,
                "kind: no \"fox\"; see `portcullis events --list`",
            ),
            (
                None,
                None,
                Some("1960-01-01T00:00:00Z"),
                "since: write a time as in \"2026-01-31T09:30:00Z\"",
            ),
            (
                None,
                None,
                Some("noon"),
                "since: write a time as in \"2026-01-31T09:30:00Z\"",
            ),
        ] {
            assert_eq!(Wanted::parse(severity, kind, since).unwrap_err(), problem);
        }
    }

    #[test]
    fn what_a_question_can_find_is_made() {
        let mut wanted = Wanted {
            severity: Severity::Critical,
            ..Wanted::default()
        };
        assert_eq!(wanted.kinds(), Kinds::from_severity(Severity::Critical));
        wanted.kind = Some(EventKind::Fill);
        assert_eq!(wanted.kinds(), Kinds::NONE);
        wanted.kind = Some(EventKind::Kill);
        assert_eq!(wanted.kinds(), Kinds::NONE.with(EventKind::Kill));
    }
}
