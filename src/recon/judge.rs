//! Judge: what follows from what differs: nothing yet, an adjustment, or a halt.
//!
//! Pure.
//!
//! ```text
//!            within its grace       often enough, at or below the threshold
//! appears ──► on its way ──► counts ─────────────────────────────────────► healed ──► gone
//!                              │ above the threshold, or healed in vain
//!                              └─────────────────────────────────────────► halted
//! ```
//!
//! Invariants:
//! - A book whose counted differences, and what the gate has adjusted in it within a day, are together
//!   above the threshold is killed at the first look that finds it so, and again after each raise.
//! - What is above the threshold is not adjusted by the gate: persons look first.
//! - An adjustment is sent once, and again only when the journal has refused it or it did not come.

use super::books::Books;
use super::finding::{Adjustment, Finding, Grace, Key};
use crate::events::kind::Severity;
use crate::message::{Scope, Text};
use crate::units::{AccountId, Nanos, SymbolId};
use std::collections::{BTreeMap, BTreeSet};

/// What is asked of the gate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Act {
    /// A correction of a book.
    Adjust(Adjustment),
    /// Nothing new passes.
    Halt {
        /// Of whom: the firm or an account.
        scope: Scope,
        /// Which.
        target: u32,
        /// Why.
        note: Text,
    },
}

/// Who is halted.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Halt {
    /// The account; the firm where nobody can say whose it is.
    #[default]
    Account,
    /// The firm.
    Firm,
    /// Nobody: it is told, and trading goes on.
    Off,
}

/// By what is judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Terms {
    /// How often is looked.
    pub interval: Nanos,
    /// A difference is healed at the so-manyth look that finds it.
    pub confirmations: u32,
    /// How long a message between us and the broker may be on its way.
    pub settle_time: Nanos,
    /// How late the drop copy may be.
    pub drop_copy_delay: Nanos,
    /// Up to here a difference is healed: in 1e-8,
    pub heal_qty_max: i128,
    /// and in 1e-17.
    pub heal_value_max: i128,
    /// Brokers round: cash that is apart by no more than this agrees. In 1e-17.
    pub cash_tolerance: i128,
    /// Who is halted.
    pub halt: Halt,
    /// How often something is tried again.
    pub retries: u32,
    /// How long is waited for it.
    pub retry_interval: Nanos,
    /// A statement that is older is as good as none.
    pub statement_age_max: Option<Nanos>,
    /// So many of our entries, and so many lines of the drop copy, are remembered.
    pub history: usize,
}

/// How a finding stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Standing {
    /// It may be no more than a message on its way.
    OnItsWay,
    /// It counts, and nothing follows yet.
    Counts,
    /// It is told, and nothing follows.
    Stands,
    /// An adjustment has been sent.
    Healing,
    /// Trading is shut.
    Halted,
}

/// One finding, judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// What.
    pub finding: Finding,
    /// How grave.
    pub severity: Severity,
    /// How it stands.
    pub standing: Standing,
    /// It was not there before, or has become graver.
    pub is_news: bool,
}

/// What one look comes to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verdict {
    /// Every finding.
    pub findings: Vec<Judged>,
    /// What is to be done.
    pub acts: Vec<Act>,
    /// How many findings are gone since the last look.
    pub gone: usize,
}

/// Remembers what was found and what was sent.
#[derive(Clone, Debug, Default)]
pub struct Judge {
    seen: BTreeMap<Key, Seen>,
    pending: Vec<Pending>,
    /// By account and note: how often an adjustment was in vain.
    failed: BTreeMap<(AccountId, SymbolId, String), u32>,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    first: Nanos,
    looks: u32,
    severity: Severity,
}

/// An adjustment on its way into the journal.
#[derive(Clone, Copy, Debug)]
struct Pending {
    adjustment: Adjustment,
    sent: Nanos,
}

/// What differs in one book, or in one account's cash, or nobody knows where.
type Place = (Option<AccountId>, Option<SymbolId>);

impl Judge {
    /// Judges what a look has found.
    pub fn look(
        &mut self,
        findings: Vec<Finding>,
        books: &Books,
        terms: &Terms,
        is_killed: &dyn Fn(Scope, u32) -> bool,
        now: Nanos,
    ) -> Verdict {
        let mut verdict = Verdict::default();
        self.expire(terms, now);
        let counted: Vec<_> = findings
            .iter()
            .map(|finding| self.counts(finding, terms, now))
            .collect();
        let above = self.above(&findings, &counted, books, terms, now);
        let mut seen = BTreeMap::new();
        let known = findings
            .iter()
            .filter(|finding| self.seen.contains_key(&finding.key()))
            .count();
        verdict.gone = self.seen.len().saturating_sub(known);
        for (finding, is_counted) in findings.into_iter().zip(counted) {
            let key = finding.key();
            let earlier = self.seen.get(&key).copied();
            let place = (finding.account, finding.symbol);
            let is_above = is_counted && above.contains(&place);
            let looks = earlier.map_or(0, |seen| seen.looks) + u32::from(is_counted);
            let (severity, standing) = match (is_counted, is_above) {
                (false, _) if finding.grace == Grace::Always => {
                    (Severity::Warning, Standing::Stands)
                }
                (false, _) => (Severity::Info, Standing::OnItsWay),
                (true, false) => (Severity::Warning, Standing::Counts),
                (true, true) => (Severity::Critical, Standing::Halted),
            };
            let standing = match standing {
                Standing::Halted => self.halt(&finding, terms, is_killed, &mut verdict.acts),
                Standing::Counts => self.heal(&finding, looks, terms, now, &mut verdict.acts),
                other => other,
            };
            seen.insert(
                key,
                Seen {
                    first: earlier.map_or(now, |seen| seen.first),
                    looks,
                    severity,
                },
            );
            verdict.findings.push(Judged {
                is_news: earlier.is_none_or(|seen| seen.severity < severity),
                finding,
                severity,
                standing,
            });
        }
        self.seen = seen;
        verdict
    }

    /// The journal has an adjustment of the gate; `is_booked`: it was not refused.
    pub fn arrived(&mut self, adjustment: &Adjustment, is_booked: bool) {
        let is_it = |pending: &Pending| pending.adjustment == *adjustment;
        let Some(at) = self.pending.iter().position(is_it) else {
            return;
        };
        let pending = self.pending.remove(at);
        match is_booked {
            true => {
                self.failed.remove(&of(&pending.adjustment));
            }
            false => *self.failed.entry(of(&pending.adjustment)).or_default() += 1,
        }
    }

    /// An act could not be handed on: it will be asked for again.
    pub fn withdraw(&mut self, adjustment: &Adjustment) {
        self.pending
            .retain(|pending| pending.adjustment != *adjustment);
    }

    /// True while an adjustment is on its way.
    pub fn is_waiting(&self) -> bool {
        !self.pending.is_empty()
    }

    /// What did not arrive in time was in vain.
    fn expire(&mut self, terms: &Terms, now: Nanos) {
        let failed = &mut self.failed;
        self.pending.retain(|pending| {
            let is_late = terms.retry_interval <= now.since(pending.sent);
            if is_late {
                *failed.entry(of(&pending.adjustment)).or_default() += 1;
            }
            !is_late
        });
    }

    fn counts(&self, finding: &Finding, terms: &Terms, now: Nanos) -> bool {
        let seen = self.seen.get(&finding.key());
        let age = seen.map_or(Nanos::ZERO, |seen| now.since(seen.first));
        match finding.grace {
            Grace::None => true,
            Grace::InFlight => terms.settle_time <= age,
            Grace::DropCopy => terms.drop_copy_delay <= age,
            Grace::Always => false,
        }
    }

    /// The places whose counted differences, with what was healed there, are above the threshold, or
    /// were healed in vain too often.
    fn above(
        &self,
        findings: &[Finding],
        counted: &[bool],
        books: &Books,
        terms: &Terms,
        now: Nanos,
    ) -> BTreeSet<Place> {
        let mut sums: BTreeMap<Place, (i128, i128)> = BTreeMap::new();
        for (finding, _) in findings
            .iter()
            .zip(counted)
            .filter(|(_, counted)| **counted)
        {
            let sum = sums
                .entry((finding.account, finding.symbol))
                .or_insert_with(|| healed(finding, books, now));
            sum.0 = sum.0.saturating_add(finding.lacks.qty.abs());
            sum.1 = sum.1.saturating_add(finding.amount);
            let is_vain = finding.remedy.iter().any(|adjustment| {
                let failed = self.failed.get(&of(adjustment)).copied();
                terms.retries < failed.unwrap_or(0)
            });
            let cannot_heal = finding.remedy.is_empty() && finding.amount == i128::MAX;
            if is_vain || cannot_heal {
                *sum = (i128::MAX, i128::MAX);
            }
        }
        sums.retain(|_, sum| terms.heal_qty_max < sum.0 || terms.heal_value_max < sum.1);
        sums.into_keys().collect()
    }

    fn halt(
        &self,
        finding: &Finding,
        terms: &Terms,
        is_killed: &dyn Fn(Scope, u32) -> bool,
        acts: &mut Vec<Act>,
    ) -> Standing {
        let (scope, target) = match (terms.halt, finding.account) {
            (Halt::Off, _) => return Standing::Stands,
            (Halt::Account, Some(account)) => (Scope::Account, account.0),
            (Halt::Account, None) | (Halt::Firm, _) => (Scope::Firm, u32::MAX),
        };
        let note = Text::new(&format!("unreconciled: {}", finding.kind)).unwrap_or_default();
        let act = Act::Halt {
            scope,
            target,
            note,
        };
        let is_asked = acts.iter().any(
            |of| matches!(of, Act::Halt { scope: s, target: t, .. } if (*s, *t) == (scope, target)),
        );
        if !is_asked && !is_killed(scope, target) {
            acts.push(act);
        }
        Standing::Halted
    }

    fn heal(
        &mut self,
        finding: &Finding,
        looks: u32,
        terms: &Terms,
        now: Nanos,
        acts: &mut Vec<Act>,
    ) -> Standing {
        let is_ripe = terms.confirmations <= looks;
        let is_pending = |account| {
            let mut pending = self.pending.iter();
            pending.any(|of| Some(of.adjustment.account) == account && of.sent != now)
        };
        if finding.remedy.is_empty() || finding.waits_for_statement {
            return Standing::Stands;
        }
        if !is_ripe {
            return Standing::Counts;
        }
        // Until what was sent is in our books, what differs there is not what it seems.
        if is_pending(finding.account) {
            return Standing::Healing;
        }
        for adjustment in &finding.remedy {
            // Two findings may ask for the same.
            let is_sent = self
                .pending
                .iter()
                .any(|of| of.adjustment == *adjustment && of.sent == now);
            if !is_sent {
                acts.push(Act::Adjust(*adjustment));
                self.pending.push(Pending {
                    adjustment: *adjustment,
                    sent: now,
                });
            }
        }
        Standing::Healing
    }
}

/// What the gate has adjusted there by itself within a day.
fn healed(finding: &Finding, books: &Books, now: Nanos) -> (i128, i128) {
    let since = Nanos::from_raw(now.raw().saturating_sub(DAY.raw()));
    match (finding.account, finding.symbol) {
        (Some(account), Some(symbol)) => books.healed_since((account, symbol), since),
        (Some(account), None) => books.conceded_cash_since(account, since),
        _ => (0, 0),
    }
}

fn of(adjustment: &Adjustment) -> (AccountId, SymbolId, String) {
    let note = adjustment.note.as_str().to_owned();
    (adjustment.account, adjustment.symbol, note)
}

const DAY: Nanos = Nanos::from_secs(24 * 60 * 60);
