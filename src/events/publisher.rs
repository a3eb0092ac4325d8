//! Publisher: what a follower has read becomes events, which go into the history and to subscribers.
//!
//! In:   records, as the follower's core has taken them.
//! Out:  the queue of each subscriber.
//! Owns: the history.
//!
//! It never waits. An event that neither the history nor a subscriber wants is not made.

use super::courier::{Courier, Standing};
use super::derive::{Deriver, Seen};
use super::event::{Event, Position};
use super::filter::{Filter, Wanted};
use super::history::History;
use super::kind::{Kinds, Severity};
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
use crate::risk::core::Core;
use crate::sys::clock::Clock;
use serde_json::{Value, json};
use std::io;
use std::sync::Arc;

/// Makes events and hands them on.
#[derive(Debug)]
pub struct Publisher {
    deriver: Deriver,
    hub: Hub,
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
        let Self { deriver, hub } = self;
        let wanted = hub.wanted;
        deriver.open((sequence, head), (core, names), wanted, &mut |event| {
            hub.tell(event);
        });
    }

    /// The core has taken a record.
    pub(crate) fn take(&mut self, seen: &Seen<'_>) {
        let Self { deriver, hub } = self;
        let wanted = hub.wanted;
        deriver.take(seen, wanted, &mut |event| hub.tell(event));
    }

    /// The follower does not agree.
    pub(crate) fn differ(&mut self, head: &Frame, difference: &Difference) {
        let hub = &mut self.hub;
        let wanted = hub.wanted;
        Deriver::differ(head, difference, wanted, &mut |event| hub.tell(event));
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

/// Where no configuration says how many.
const HISTORY_DEFAULT: usize = 10_000;
