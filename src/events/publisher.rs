//! Publisher: what a follower has read becomes events, which go into the history and to subscribers.
//!
//! In:   records, as the follower's core has taken them.
//! Out:  the queue of each subscriber.
//! Owns: the history.
//!
//! It never waits. An event that neither the history nor a subscriber wants is not made.

use super::courier::{Courier, Standing};
use super::derive::{Deriver, Seen};
use super::event::{Event, Facts, Position};
use super::filter::{Filter, Wanted};
use super::history::History;
use super::kind::{EventKind, Kinds, Severity};
use super::line::Line;
use super::queue::{Outbox, queue};
use super::sink;
use super::watch::Watch;
use crate::config::Config;
use crate::config::keys::Keys;
use crate::config::subscribers::{Subscriber, SubscriberKind};
use crate::follower::names::Names;
use crate::follower::replica::Difference;
use crate::message::Frame;
use crate::recon::judge::Judged;
use crate::recon::show;
use crate::risk::core::Core;
use crate::sys::clock::Clock;
use crate::units::{Nanos, OrderId};
use serde_json::{Value, json};
use std::io;
use std::sync::Arc;

/// Makes events and hands them on.
#[derive(Debug)]
pub struct Publisher {
    deriver: Deriver,
    hub: Hub,
    /// The last record behind which something was found, and how much.
    found: (u64, u32),
}

/// Where events go.
#[derive(Debug)]
struct Hub {
    history: History,
    remembered: Kinds,
    /// Of the history and all subscribers together.
    wanted: Kinds,
    outlets: Vec<Outlet>,
}

/// One subscriber, as who tells sees it.
#[derive(Debug)]
struct Outlet {
    name: String,
    kind: &'static str,
    filter: Filter,
    kinds: Kinds,
    /// Events up to here it has.
    has: Position,
    outbox: Outbox,
    dropped: u64,
    standing: Arc<Standing>,
}

impl Default for Publisher {
    /// A history of some length, and nobody to tell.
    fn default() -> Self {
        Self::new(HISTORY_DEFAULT, Severity::Notice)
    }
}

impl Publisher {
    /// Remembers the last `history` events of at least this severity.
    pub fn new(history: usize, severity: Severity) -> Self {
        let remembered = Kinds::from_severity(severity);
        Self {
            deriver: Deriver::default(),
            hub: Hub {
                history: History::new(history),
                remembered,
                wanted: remembered,
                outlets: Vec::new(),
            },
            found: (0, 0),
        }
    }

    /// All that a configuration asks for. `sequence`: the last record of earlier runs, up to which a
    /// subscriber that cannot tell what it has is told nothing.
    pub fn open(
        config: &Config,
        keys: &Keys,
        sequence: u64,
        clock: &Clock,
    ) -> Result<(Self, Vec<Courier>), (String, io::Error)> {
        let events = &config.events;
        let mut publisher = Self::new(events.history as usize, events.history_severity);
        let mut couriers = Vec::new();
        let mut secrets = keys.subscribers.iter();
        for subscriber in &config.subscribers {
            let secret = secrets.next().and_then(Option::as_ref);
            let opened = sink::open(&subscriber.kind, secret);
            let opened = opened.map_err(|error| (subscriber.name.clone(), error))?;
            couriers.push(publisher.subscribe(subscriber, opened, sequence, clock.clone()));
        }
        let is_log = |of: &Subscriber| matches!(of.kind, SubscriberKind::Log);
        if !config.subscribers.iter().any(is_log) {
            let log = Subscriber::default_log();
            let opened = sink::open(&log.kind, None).map_err(|error| (log.name.clone(), error))?;
            couriers.push(publisher.subscribe(&log, opened, sequence, clock.clone()));
        }
        Ok((publisher, couriers))
    }

    fn subscribe(
        &mut self,
        subscriber: &Subscriber,
        (sink, last): sink::Opened,
        sequence: u64,
        clock: Clock,
    ) -> Courier {
        // What is behind all that the journal has is of another journal, or of records that were lost.
        let has = last.filter(|last| last.sequence <= sequence);
        let (outbox, inbox, stop) = queue(subscriber.queue as usize);
        let policy = sink::policy(&subscriber.kind);
        let (courier, standing) =
            Courier::new(&subscriber.name, sink, policy, (inbox, stop), clock);
        let kinds = subscriber.filter.kinds();
        self.hub.wanted = self.hub.wanted.or(kinds);
        self.hub.outlets.push(Outlet {
            name: subscriber.name.clone(),
            kind: subscriber.kind.name(),
            filter: subscriber.filter.clone(),
            kinds,
            has: has.unwrap_or(Position::behind(sequence)),
            outbox,
            dropped: 0,
            standing,
        });
        courier
    }

    /// A run began.
    pub(crate) fn begin(&mut self, sequence: u64, head: &Frame, core: &Core, names: &Names) {
        let Self { deriver, hub, .. } = self;
        let wanted = hub.wanted;
        deriver.open((sequence, head), (core, names), wanted, &mut |event| {
            hub.tell(event);
        });
    }

    /// The core has taken a record.
    pub(crate) fn take(&mut self, seen: &Seen<'_>) {
        let Self { deriver, hub, .. } = self;
        let wanted = hub.wanted;
        deriver.take(seen, wanted, &mut |event| hub.tell(event));
    }

    /// The follower does not agree.
    pub(crate) fn differ(&mut self, head: &Frame, difference: &Difference) {
        let hub = &mut self.hub;
        let wanted = hub.wanted;
        Deriver::differ(head, difference, wanted, &mut |event| hub.tell(event));
    }

    /// Reconciliation has found something, with the records up to `sequence` read. It comes from no
    /// record: its part is behind those that do.
    pub(crate) fn found(
        &mut self,
        sequence: u64,
        now: Nanos,
        judged: &Judged,
        text: String,
        names: &Names,
    ) {
        let kind = match judged.severity {
            Severity::Critical => EventKind::Unreconciled,
            _ => EventKind::Discrepancy,
        };
        let count = match self.found {
            (last, count) if last == sequence => count,
            _ => 0,
        };
        self.found = (sequence, count + 1);
        let finding = &judged.finding;
        let facts = Facts {
            account: finding
                .account
                .map(|account| names.accounts.name(account.0).to_owned()),
            symbol: finding
                .symbol
                .map(|symbol| names.symbols.name(symbol.0).to_owned()),
            order_id: (finding.order != OrderId::NONE).then_some(finding.order.0),
            execution_id: finding.id.map(|id| id.text().to_string()),
            qty: (finding.lacks.qty != 0).then(|| show::quantity(finding.lacks.qty)),
            reason: Some(finding.kind.text()),
            state: Some(judged.standing.text()),
            ..Facts::default()
        };
        self.hub.tell(Event {
            sequence,
            part: FOUND_PART + count,
            time: now,
            severity: kind.severity(),
            kind,
            correlation: 0,
            facts,
            text,
        });
    }

    /// What is near a limit.
    pub(crate) const fn watch(&self) -> &Watch {
        &self.deriver.watch
    }

    /// The last events that are wanted, the oldest first.
    pub(crate) fn say_events(&self, count_max: usize, wanted: &Wanted<'_>) -> Value {
        let history = &self.hub.history;
        let (events, total) = history.last(count_max, wanted);
        let events: Vec<_> = events.into_iter().map(Line::value).collect();
        json!({
            "events": events,
            "total": total,
            "remembered": history.len(),
            "forgotten": history.forgotten(),
        })
    }

    /// How subscribers stand.
    pub(crate) fn say_subscribers(&self) -> Value {
        let rows = self.hub.outlets.iter().map(|outlet| {
            let mut row = outlet.standing.say();
            row["name"] = json!(outlet.name);
            row["kind"] = json!(outlet.kind);
            row["waiting"] = json!(outlet.outbox.len());
            row["dropped"] = json!(outlet.dropped);
            row
        });
        Value::Array(rows.collect())
    }
}

impl Hub {
    fn tell(&mut self, event: Event) {
        let line = Line::new(event);
        if self.remembered.has(line.kind) {
            self.history.push(line);
        }
        for outlet in &mut self.outlets {
            let is_wanted = outlet.kinds.has(line.kind)
                && outlet.has < line.position
                && outlet.filter.has_account(&line);
            if is_wanted {
                let has_dropped = outlet.outbox.push(line);
                outlet.dropped += u64::from(has_dropped);
            }
        }
    }
}

/// The part of what is found behind a record.
const FOUND_PART: u32 = 1 << 30;
/// Where no configuration says how many.
const HISTORY_DEFAULT: usize = 10_000;
