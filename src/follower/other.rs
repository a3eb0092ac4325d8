//! Other: which decisions of a journal other limits would have changed.
//!
//! Pure.
//!
//! Two cores take the same events: one under the recorded configurations, one under the other.
//! Names decide what is what, so the other configuration may list things in another order. Where the two
//! disagree about an order, what came later was an answer to a world that the other core is not in:
//!
//! - Of an order that the other core refused it is told nothing: no report, cancel or replace.
//! - An order, replace or cancel that only the other core accepts ends at once, unanswered by any
//!   market: the order rejected, the replace refused, the cancel done. It counts in rates, not in
//!   books.
//! - A command about an order that only one of them has is a consequence: counted, not compared.

use crate::follower::names::Names;
use crate::follower::places::Places;
use crate::follower::replay::{Records, Report};
use crate::follower::replica::{Replica, amount};
use crate::journal::reader::Record;
use crate::message::{
    Basket, Cancel, Exec, Frame, Header, Kind, NewOrder, Replace, Report as BrokerReport, Settle,
    Text, Tick,
};
use crate::reject::{RejectReason, Unit};
use crate::risk::core::Core;
use crate::risk::decision::{Decision, Effects, Outcome};
use crate::risk::setup::Setup;
use crate::topology::rebuild::{RebuildError, Taken};
use crate::units::{AccountId, BrokerId, Nanos, OrderId, StrategyId};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::Path;

/// What other limits would have changed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes {
    /// The journal under its own configuration. With differences in it, the rest means little.
    pub recorded: Report,
    /// Orders, replaces and cancels compared.
    pub compared: u64,
    /// Of these, how many came out otherwise.
    pub changed: u64,
    /// Commands about orders that only one of the two had.
    pub consequences: u64,
    /// Reports about orders that the other core refused.
    pub reports_dropped: u64,
    /// How often each change happened: the recorded reason and the other; `None` is accepted.
    pub by_reason: BTreeMap<(Option<RejectReason>, Option<RejectReason>), u64>,
    /// The first of them.
    pub examples: Vec<Change>,
}

/// One decision that would have been another.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Change {
    /// Of the record.
    pub sequence: u64,
    /// Of the event.
    pub time: Nanos,
    /// What was asked.
    pub command: Kind,
    /// As the journal's configuration calls it.
    pub account: String,
    /// Likewise; empty for a replace or a cancel.
    pub symbol: String,
    /// The command's id.
    pub client_order_id: Text,
    /// What was decided.
    pub recorded: Decision,
    /// What would have been.
    pub other: Decision,
}

/// Decides every record twice. `examples_max`: how many differences, and changes, are kept.
pub fn compare(
    records: &mut impl Records,
    journal: &Path,
    other: &Setup,
    examples_max: usize,
) -> Result<Changes, RebuildError> {
    let mut pair = Pair::new(journal, other, examples_max);
    while let Some(record) = records.next_record()? {
        pair.take(&record)?;
    }
    pair.changes.recorded.finish(&pair.recorded);
    Ok(pair.changes)
}

/// The same beside a gate that runs: other limits as its shadow. Each change is told as it comes;
/// `wait` is called where there is no further record, and ends it with false.
pub fn follow(
    records: &mut impl Records,
    journal: &Path,
    other: &Setup,
    mut tell: impl FnMut(&Change),
    mut wait: impl FnMut() -> bool,
) -> Result<Changes, RebuildError> {
    let mut pair = Pair::new(journal, other, 1);
    loop {
        while let Some(record) = records.next_record()? {
            pair.take(&record)?;
            pair.changes.examples.drain(..).for_each(|it| tell(&it));
        }
        if !wait() {
            break;
        }
    }
    pair.changes.recorded.finish(&pair.recorded);
    Ok(pair.changes)
}

struct Pair<'a> {
    recorded: Replica,
    other: Core,
    /// What the other core was built from.
    setup: &'a Setup,
    effects: Effects,
    names: Names,
    places: Places,
    /// By slot of the recorded order: as bounded as the core's own table.
    shadows: HashMap<u32, Shadow>,
    examples_max: usize,
    changes: Changes,
}

/// An order that was accepted, and what became of it under the other limits.
#[derive(Clone, Copy)]
struct Shadow {
    recorded: OrderId,
    /// `None` where it was refused.
    other: Option<OrderId>,
    /// An id by which the other core knows it: replaces may have given it others here.
    client_order_id: Text,
}

/// How a command's order stands in the two cores.
enum Target {
    /// Both have it: the other core knows it by this id.
    Both(OrderId, Text),
    /// The other core refused it.
    RecordedAlone,
    /// The recorded core has no such order.
    Unknown,
}

impl<'a> Pair<'a> {
    fn new(journal: &Path, other: &'a Setup, examples_max: usize) -> Self {
        Self {
            recorded: Replica::new(journal),
            other: Core::new(other),
            setup: other,
            effects: Effects::default(),
            names: Names::default(),
            places: Places::default(),
            shadows: HashMap::new(),
            examples_max,
            changes: Changes::default(),
        }
    }
}

impl Pair<'_> {
    fn take(&mut self, record: &Record<'_>) -> Result<(), RebuildError> {
        let head = &record.frames[0];
        let target = self.target_of(head);
        let was_due = self
            .recorded
            .core()
            .is_some_and(|core| core.next_deadline() <= head.header.time);
        let (taken, difference) = self.recorded.apply(record)?;
        self.changes.recorded.take(difference, self.examples_max);
        match taken {
            Taken::Part | Taken::Checkpoint { .. } => Ok(()),
            Taken::Opened => self.open(),
            Taken::Event { recorded, .. } => {
                self.event(record, &recorded, &target, was_due);
                Ok(())
            }
        }
    }

    /// A run begins: names may have come, and the other core starts again as the gateway did.
    fn open(&mut self) -> Result<(), RebuildError> {
        self.names = Names::new(self.recorded.setup());
        self.places = Places::new(&self.names, &Names::new(self.setup));
        self.other
            .adopt(self.setup, self.setup)
            .map_err(RebuildError::Adopt)
    }

    fn event(&mut self, record: &Record<'_>, decision: &Decision, target: &Target, was_due: bool) {
        let continuations = &record.frames[1..];
        let mut frame = record.frames[0];
        self.places.translate(&mut frame);
        // While the recorded core was behind its own deadlines, so may this one be.
        if frame.kind() != Some(Kind::Tick) && !was_due {
            self.catch_up(frame.header.time);
        }
        match frame.kind() {
            Some(Kind::NewOrder) => self.new_order(record, decision, &frame, continuations),
            Some(Kind::Basket) => self.basket(record, decision, &frame, continuations),
            Some(Kind::Cancel | Kind::Replace) => {
                self.request(record, decision, frame, continuations, target);
            }
            Some(Kind::Report) => {
                let id = frame.body::<BrokerReport>().order_id;
                self.about(id, frame, |frame, id| {
                    frame.body_mut::<BrokerReport>().order_id = id
                });
            }
            Some(Kind::Settle) => {
                let id = frame.body::<Settle>().order_id;
                self.about(id, frame, |frame, id| {
                    frame.body_mut::<Settle>().order_id = id
                });
            }
            // These limits are what they are, whatever was done to those.
            Some(Kind::Limit) => {}
            _ => {
                self.step(&frame, continuations);
            }
        }
    }

    fn step(&mut self, frame: &Frame, continuations: &[Frame]) -> Decision {
        self.effects.clear();
        self.other.step(frame, continuations, &mut self.effects)
    }

    /// The rule of every driver: what is due comes before what happens next.
    fn catch_up(&mut self, time: Nanos) {
        while self.other.next_deadline() <= time {
            let now = self.other.now().max(self.other.next_deadline());
            let header = Header {
                time: now,
                strategy: StrategyId::NONE,
                ..Header::default()
            };
            let tick = Frame::new(Kind::Tick, header, Tick::default());
            self.step(&tick, &[]);
        }
    }

    fn new_order(
        &mut self,
        record: &Record<'_>,
        recorded: &Decision,
        frame: &Frame,
        continuations: &[Frame],
    ) {
        let client_order_id = frame.body::<NewOrder>().client_order_id;
        let other = self.step(frame, continuations);
        let is_accepted = other.outcome == Outcome::Accepted;
        if recorded.outcome == Outcome::Accepted {
            let shadow = Shadow {
                recorded: recorded.order_id,
                other: is_accepted.then_some(other.order_id),
                client_order_id,
            };
            self.shadows.insert(recorded.order_id.slot(), shadow);
        } else if is_accepted {
            self.end_alone(frame.header.time, other.order_id, Exec::Rejected);
        }
        self.compare(record, recorded, &other);
    }

    /// Orders that pass together: each has its shadow.
    fn basket(
        &mut self,
        record: &Record<'_>,
        recorded: &Decision,
        frame: &Frame,
        continuations: &[Frame],
    ) {
        let mut lines = continuations.to_vec();
        self.places.translate_lines(&mut lines);
        let other = self.step(frame, &lines);
        let is_accepted = other.outcome == Outcome::Accepted;
        let is_recorded = recorded.outcome == Outcome::Accepted;
        for (original, line) in continuations.iter().zip(&lines) {
            let (original, order) = (original.body::<NewOrder>(), line.body::<NewOrder>());
            let client_order_id = order.client_order_id;
            let found = self.other.order_id(order.account, &client_order_id);
            let other = found.filter(|_| is_accepted);
            let core = self.recorded.core().filter(|_| is_recorded);
            let id = core.and_then(|core| core.order_id(original.account, &client_order_id));
            match (id, other) {
                (Some(recorded), other) => {
                    let shadow = Shadow {
                        recorded,
                        other,
                        client_order_id,
                    };
                    self.shadows.insert(recorded.slot(), shadow);
                }
                (None, Some(other)) => {
                    self.end_alone(frame.header.time, other, Exec::Rejected);
                }
                (None, None) => {}
            }
        }
        self.compare(record, recorded, &other);
    }

    /// A cancel or a replace.
    fn request(
        &mut self,
        record: &Record<'_>,
        recorded: &Decision,
        mut frame: Frame,
        continuations: &[Frame],
        target: &Target,
    ) {
        let is_replace = frame.kind() == Some(Kind::Replace);
        let id = match target {
            Target::Both(id, client_order_id) => {
                if is_replace {
                    frame.body_mut::<Replace>().original_id = *client_order_id;
                } else {
                    frame.body_mut::<Cancel>().original_id = *client_order_id;
                }
                *id
            }
            Target::RecordedAlone | Target::Unknown => {
                self.changes.consequences += u64::from(matches!(target, Target::RecordedAlone));
                return;
            }
        };
        let other = self.step(&frame, continuations);
        let is_alone = other.outcome == Outcome::Accepted && recorded.outcome != Outcome::Accepted;
        if is_alone {
            let exec = if is_replace {
                Exec::ReplaceRejected
            } else {
                Exec::Canceled
            };
            self.end_alone(frame.header.time, id, exec);
        }
        self.compare(record, recorded, &other);
    }

    /// What a broker or an operator said of an order.
    fn about(&mut self, id: OrderId, mut frame: Frame, set: impl Fn(&mut Frame, OrderId)) {
        let other = match self.shadow(id) {
            Some(Shadow { other: None, .. }) => {
                self.changes.reports_dropped += 1;
                return;
            }
            Some(Shadow {
                other: Some(other), ..
            }) => other,
            None => OrderId::NONE,
        };
        set(&mut frame, other);
        self.step(&frame, &[]);
    }

    /// No market has answered what only the other core let pass.
    fn end_alone(&mut self, time: Nanos, order_id: OrderId, exec: Exec) {
        let header = Header {
            time,
            strategy: StrategyId::NONE,
            ..Header::default()
        };
        let report = BrokerReport {
            order_id,
            broker: BrokerId::NONE,
            exec: exec as u8,
            ..BrokerReport::default()
        };
        self.step(&Frame::new(Kind::Report, header, report), &[]);
    }

    fn shadow(&self, id: OrderId) -> Option<Shadow> {
        let shadow = self.shadows.get(&id.slot()).copied();
        shadow.filter(|shadow| shadow.recorded == id)
    }

    /// Which order a command is about, before the recorded core takes it.
    fn target_of(&self, head: &Frame) -> Target {
        let (account, original_id) = match head.kind() {
            Some(Kind::Cancel) => {
                let cancel: &Cancel = head.body();
                (cancel.account, cancel.original_id)
            }
            Some(Kind::Replace) => {
                let replace: &Replace = head.body();
                (replace.account, replace.original_id)
            }
            _ => return Target::Unknown,
        };
        let core = self.recorded.core();
        let id = core.and_then(|core| core.order_id(account, &original_id));
        match id.and_then(|id| self.shadow(id)) {
            None => Target::Unknown,
            Some(Shadow { other: None, .. }) => Target::RecordedAlone,
            Some(Shadow {
                other: Some(id),
                client_order_id,
                ..
            }) => Target::Both(id, client_order_id),
        }
    }

    fn compare(&mut self, record: &Record<'_>, recorded: &Decision, other: &Decision) {
        self.changes.compared += 1;
        if recorded.reason == other.reason {
            return;
        }
        self.changes.changed += 1;
        *self
            .changes
            .by_reason
            .entry((recorded.reason, other.reason))
            .or_default() += 1;
        if self.examples_max <= self.changes.examples.len() {
            return;
        }
        let head = &record.frames[0];
        let (command, account, symbol, client_order_id) = match head.kind() {
            Some(Kind::Replace) => {
                let replace: &Replace = head.body();
                (
                    Kind::Replace,
                    replace.account,
                    None,
                    replace.client_order_id,
                )
            }
            Some(Kind::Cancel) => {
                let cancel: &Cancel = head.body();
                (Kind::Cancel, cancel.account, None, cancel.client_order_id)
            }
            Some(Kind::Basket) => {
                let basket: &Basket = head.body();
                (Kind::Basket, AccountId::NONE, None, basket.client_order_id)
            }
            _ => {
                let order: &NewOrder = head.body();
                (
                    Kind::NewOrder,
                    order.account,
                    Some(order.symbol),
                    order.client_order_id,
                )
            }
        };
        let symbol = symbol.map(|symbol| self.names.symbols.name(symbol.0).to_owned());
        self.changes.examples.push(Change {
            sequence: record.sequence,
            time: head.header.time,
            command,
            account: self.names.accounts.name(account.0).to_owned(),
            symbol: symbol.unwrap_or_default(),
            client_order_id,
            recorded: *recorded,
            other: *other,
        });
    }
}

/// How a decision is told.
fn said(reason: Option<RejectReason>) -> &'static str {
    reason.map_or("accepted", |it| it.name())
}

impl Changes {
    /// For machines.
    pub fn to_json(&self) -> Value {
        let by_reason: Vec<_> = self
            .by_reason
            .iter()
            .map(|((before, after), count)| {
                json!({ "before": said(*before), "after": said(*after), "count": count })
            })
            .collect();
        json!({
            "recorded": self.recorded.to_json(),
            "compared": self.compared,
            "changed": self.changed,
            "consequences": self.consequences,
            "reports_dropped": self.reports_dropped,
            "by_reason": by_reason,
            "changes": self.examples.iter().map(Change::to_json).collect::<Vec<_>>(),
        })
    }
}

impl Change {
    /// For machines.
    pub fn to_json(&self) -> Value {
        let finding = |decision: &Decision| match decision.reason {
            None => (Value::Null, Value::Null),
            Some(reason) => (
                json!(amount(reason, decision.limit)),
                json!(amount(reason, decision.value)),
            ),
        };
        let (limit, value) = finding(&self.other);
        json!({
            "sequence": self.sequence,
            "time": self.time.raw(),
            "command": format!("{:?}", self.command),
            "account": self.account,
            "symbol": self.symbol,
            "id": self.client_order_id.as_str(),
            "before": said(self.recorded.reason),
            "after": said(self.other.reason),
            "limit": limit,
            "value": value,
        })
    }
}

impl fmt::Display for Changes {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.recorded)?;
        writeln!(
            out,
            "of {} commands {} would have been decided otherwise; {} more were about orders that \
             would not have been there, as were {} reports",
            self.compared, self.changed, self.consequences, self.reports_dropped
        )?;
        for ((recorded, other), count) in &self.by_reason {
            writeln!(out, "{count:>12}  {} -> {}", said(*recorded), said(*other))?;
        }
        for change in &self.examples {
            writeln!(out, "  {change}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Change {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            sequence,
            command,
            account,
            symbol,
            client_order_id,
            other,
            ..
        } = self;
        write!(
            out,
            "record {sequence}: {command:?} {client_order_id} {account} {symbol}: {} -> {}",
            said(self.recorded.reason),
            said(other.reason),
        )?;
        if let Some(reason) = other.reason.filter(|of| of.unit() != Unit::None) {
            let (limit, value) = (amount(reason, other.limit), amount(reason, other.value));
            write!(out, " (limit {limit}, value {value})")?;
        }
        Ok(())
    }
}
