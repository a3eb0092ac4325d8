//! Replica: a second core that takes the recorded events and says where it would have decided
//! otherwise.
//!
//! Pure.
//!
//! Invariants:
//! - What is compared is what the writer would have stored: outcome, reason, all that failed,
//!   limit, value and order, and the digest wherever the record has one.
//! - From one run of the gateway to the next the core goes on as the gateway's did.

use crate::config::reconcile::Reconcile;
use crate::journal::reader::Record;
use crate::message::Frame;
use crate::reject::{RejectReason, Unit};
use crate::risk::approved::Approved;
use crate::risk::core::Core;
use crate::risk::decision::Decision;
use crate::risk::setup::Setup;
use crate::topology::rebuild::{Rebuild, RebuildError, Taken};
use crate::units::{Nanos, Notional, OrderId, Price, Qty, write_decimal};
use std::fmt;
use std::path::Path;

/// A core that is built from the journal and sees nothing else.
pub struct Replica {
    rebuild: Rebuild,
    runs: u64,
    events: u64,
    differences: u64,
}

/// A record that this core does not agree with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Difference {
    /// Of the record.
    pub sequence: u64,
    /// Of the event.
    pub time: Nanos,
    /// What the journal says.
    pub recorded: Finding,
    /// What came out here.
    pub derived: Finding,
}

/// One side of a difference.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Finding {
    /// What was decided.
    Decision(Decision),
    /// The digest after it.
    Digest(u64),
    /// The digest at a checkpoint.
    Checkpoint(u64),
}

impl Replica {
    /// Before the first record. `journal` stands in errors.
    pub fn new(journal: &Path) -> Self {
        Self {
            rebuild: Rebuild::new(journal),
            runs: 0,
            events: 0,
            differences: 0,
        }
    }

    /// The core; `None` before the first run has opened.
    pub const fn core(&self) -> Option<&Core> {
        self.rebuild.core()
    }

    /// What cancels every live order; see [`Rebuild::last_cancels`].
    pub fn last_cancels(&mut self, now: Nanos) -> Vec<Approved> {
        self.rebuild.last_cancels(now)
    }

    /// What the last record sent to strategies.
    pub fn told(&self) -> &[Frame] {
        &self.rebuild.effects.to_strategy
    }

    /// What the core runs under now.
    pub const fn setup(&self) -> &Setup {
        self.rebuild.setup()
    }

    /// By what the last run reconciles.
    pub const fn reconcile(&self) -> &Reconcile {
        self.rebuild.reconcile()
    }

    /// What the last run opened with; see [`Rebuild::configuration`].
    pub fn configuration(&self) -> &str {
        self.rebuild.configuration()
    }

    /// Runs of the gateway so far.
    pub const fn run_count(&self) -> u64 {
        self.runs
    }

    /// Events taken so far.
    pub const fn event_count(&self) -> u64 {
        self.events
    }

    /// How many records it did not agree with.
    pub const fn difference_count(&self) -> u64 {
        self.differences
    }

    /// Takes one record in, and compares.
    pub fn apply(
        &mut self,
        record: &Record<'_>,
    ) -> Result<(Taken, Option<Difference>), RebuildError> {
        let taken = self.rebuild.take(record)?;
        self.runs += u64::from(taken == Taken::Opened);
        self.events += u64::from(matches!(taken, Taken::Event { .. }));
        let difference = Difference::of(record, &taken);
        self.differences += u64::from(difference.is_some());
        Ok((taken, difference))
    }
}

impl Difference {
    /// `None` where what was recorded is what was derived.
    pub fn of(record: &Record<'_>, taken: &Taken) -> Option<Self> {
        let (recorded, derived) = compare(taken)?;
        Some(Self {
            sequence: record.sequence,
            time: record.frames[0].header.time,
            recorded,
            derived,
        })
    }
}

impl Finding {
    /// What kind of thing differs: with a digest alone, the decision itself is the same.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Decision(_) => "decision",
            Self::Digest(_) => "digest of the state behind the same decision",
            Self::Checkpoint(_) => "digest of the state at a checkpoint",
        }
    }
}

/// What was recorded and what was derived, where they differ.
fn compare(taken: &Taken) -> Option<(Finding, Finding)> {
    let (recorded, derived) = match *taken {
        Taken::Part | Taken::Opened => return None,
        Taken::Checkpoint { recorded, derived } => {
            (Finding::Checkpoint(recorded), Finding::Checkpoint(derived))
        }
        Taken::Event {
            recorded, derived, ..
        } if recorded != derived => (Finding::Decision(recorded), Finding::Decision(derived)),
        Taken::Event {
            digest_recorded,
            digest,
            ..
        } => (Finding::Digest(digest_recorded?), Finding::Digest(digest)),
    };
    (recorded != derived).then_some((recorded, derived))
}

impl fmt::Debug for Replica {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Replica")
            .field("events", &self.events)
            .field("differences", &self.differences)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sequence, recorded, derived) = (self.sequence, &self.recorded, &self.derived);
        write!(
            out,
            "record {sequence}: recorded {recorded}, derived {derived}"
        )
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Decision(decision) => write_decision(out, decision),
            Self::Digest(digest) => write!(out, "digest {digest:016x}"),
            Self::Checkpoint(digest) => write!(out, "digest {digest:016x} at a checkpoint"),
        }
    }
}

/// All of a decision that can differ.
fn write_decision(out: &mut fmt::Formatter<'_>, decision: &Decision) -> fmt::Result {
    write!(out, "{:?}", decision.outcome)?;
    if let Some(reason) = decision.reason {
        let (limit, value) = (
            amount(reason, decision.limit),
            amount(reason, decision.value),
        );
        let failed: Vec<_> = decision.failed.iter().map(RejectReason::name).collect();
        let (name, failed) = (reason.name(), failed.join(" "));
        write!(
            out,
            " for {name} (limit {limit}, value {value}), failed: {failed}"
        )?;
    }
    if decision.order_id != OrderId::NONE {
        write!(out, ", order {}", decision.order_id.0)?;
    }
    Ok(())
}

/// The limit or the value of a refusal, in the unit of its reason.
pub(crate) fn amount(reason: RejectReason, raw: i128) -> String {
    let digits = match reason.unit() {
        Unit::None | Unit::Count | Unit::Nanos => 0,
        Unit::Price => Price::DIGITS,
        Unit::Qty => Qty::DIGITS,
        Unit::Notional => Notional::DIGITS,
    };
    let mut text = String::new();
    let written = write_decimal(&mut text, raw, digits);
    written.map_or_else(|_| raw.to_string(), |()| text)
}
