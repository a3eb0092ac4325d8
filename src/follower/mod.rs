//! Follower: the core again, fed from the journal, for everything cold.
//!
//! In:   the journal's records, by its tail; questions of other stages, by a channel.
//! Out:  answers, by their channels; events, by its publisher; an alarm, once, in the log and in every
//!       status.
//! Owns: a core of its own, which nothing else feeds.
//!
//! No other thread's state is looked at: the hot core never knows that it is watched. What is shown
//! is what the journal says, so it is true of the gate up to the lag that stands beside it.
//!
//! It looks for records as long as some come, or an operator waits for one, and a little longer; then
//! it sleeps until it is asked something or the journal's keeper rings, which it does when records
//! have been written.
//!
//! Invariants:
//! - Every record is compared; a difference is told once and stays until the gateway is restarted.
//! - One poll takes at most [`RECORDS_MAX`] records and [`QUESTIONS_MAX`] questions.

pub mod names;
pub mod other;
pub mod query;
pub mod replay;
pub mod replica;

mod acts;
mod adjust;
pub(crate) mod configuration;
pub(crate) mod exit;
pub(crate) mod figures;
mod places;
mod portfolio;
pub(crate) mod view;

use crate::events::derive::Seen;
use crate::events::filter::Wanted;
use crate::events::publisher::Publisher;
use crate::follower::acts::Acts;
use crate::follower::names::Names;
use crate::follower::query::{Query, Question, Said, Views};
use crate::follower::replica::{Difference, Replica};
use crate::follower::view::View;
use crate::journal::reader::Tail;
use crate::recon::worker::{Progress, Worker};
use crate::risk::approved::Approved;
use crate::risk::core::Core;
use crate::sys::poller::Doorbell;
use crate::topology::Stage;
use crate::topology::rebuild::{RebuildError, Taken};
use crate::units::Nanos;
use crossbeam::channel::{Receiver, bounded};
use serde_json::{Value, json};
use std::path::Path;

/// The most records of one poll.
pub const RECORDS_MAX: usize = 256;
/// The most questions of one poll.
pub const QUESTIONS_MAX: usize = 16;

/// The core again, a little later.
#[derive(Debug)]
pub struct Follower {
    replica: Replica,
    tail: Tail,
    /// Of the run that the last record belongs to.
    names: Names,
    acts: Acts,
    publisher: Publisher,
    reconciliation: Option<Box<Worker>>,
    questions: Receiver<Question>,
    interval: Nanos,
    now: Nanos,
    /// Of the poll that read the last record.
    read_at: Nanos,
    /// The time of the last record.
    record_time: Nanos,
    alarm: Option<Difference>,
    failure: Option<String>,
}

impl Follower {
    /// Follows from the first record. `journal` stands in errors; `interval`: how often it looks
    /// for records while some come; `doorbell`: of its thread, to be rung where some are written.
    pub fn new(journal: &Path, tail: Tail, interval: Nanos, doorbell: Doorbell) -> (Self, Views) {
        let (sender, questions) = bounded(QUESTIONS_WAITING_MAX);
        let follower = Self {
            replica: Replica::new(journal),
            tail,
            names: Names::default(),
            acts: Acts::default(),
            publisher: Publisher::default(),
            reconciliation: None,
            questions,
            interval,
            now: Nanos::ZERO,
            read_at: Nanos::ZERO,
            record_time: Nanos::ZERO,
            alarm: None,
            failure: None,
        };
        let views = Views {
            questions: sender,
            doorbell,
        };
        (follower, views)
    }

    /// Tells what it reads. To be called before the first record.
    pub fn with_publisher(mut self, publisher: Publisher) -> Self {
        self.publisher = publisher;
        self
    }

    /// Compares what it reads with the broker's word. To be called before the first record.
    pub fn with_reconciliation(mut self, worker: Worker) -> Self {
        self.reconciliation = Some(Box::new(worker));
        self
    }

    /// Its core; `None` before the first run has opened.
    pub const fn core(&self) -> Option<&Core> {
        self.replica.core()
    }

    /// The first record with which it did not agree.
    pub const fn alarm(&self) -> Option<&Difference> {
        self.alarm.as_ref()
    }

    /// How many records it is behind the writer, and how old the last one is that it has read.
    pub fn lag(&self) -> (u64, Nanos) {
        match self.tail.lag() {
            0 => (0, Nanos::ZERO),
            records => (records, self.now.since(self.record_time)),
        }
    }

    fn read(&mut self) -> usize {
        for count in 0..RECORDS_MAX {
            match self.read_one() {
                Ok(true) => {}
                Ok(false) => return count,
                Err(error) => {
                    tracing::error!(%error, "the journal cannot be read: views stand still");
                    self.failure = Some(error.to_string());
                    return count;
                }
            }
        }
        RECORDS_MAX
    }

    /// False where there is no record.
    fn read_one(&mut self) -> Result<bool, RebuildError> {
        if self.failure.is_some() {
            return Ok(false);
        }
        let Some(record) = self.tail.next()? else {
            return Ok(false);
        };
        let (taken, difference) = self.replica.apply(&record)?;
        let head = &record.frames[0];
        self.record_time = head.header.time;
        let setup = self.replica.setup();
        match (taken, self.replica.core()) {
            (Taken::Opened, Some(core)) => {
                self.names = Names::new(setup);
                self.acts.open();
                self.publisher
                    .begin(record.sequence, head, core, &self.names);
                if let Some(worker) = &mut self.reconciliation {
                    worker.open(setup);
                }
            }
            (Taken::Event { recorded, .. }, Some(core)) => {
                let sequence = record.sequence;
                self.acts
                    .note(sequence, head, &recorded, core, setup, &self.names);
                let seen = Seen {
                    sequence,
                    head,
                    continuations: &record.frames[1..],
                    decision: &recorded,
                    told: self.replica.told(),
                    core,
                    setup,
                    names: &self.names,
                };
                self.publisher.take(&seen);
                if let Some(worker) = &mut self.reconciliation {
                    worker.note(&seen);
                }
            }
            _ => {}
        }
        if let Some(difference) = difference
            && self.alarm.is_none()
        {
            self.publisher.differ(head, &difference);
            let Difference {
                sequence,
                recorded,
                derived,
                ..
            } = difference;
            tracing::error!(
                sequence,
                %recorded,
                %derived,
                "the follower does not agree with the gate: stop it, keep the journal"
            );
            self.alarm = Some(difference);
        }
        Ok(true)
    }

    /// Looks at the broker's word, if it is time.
    fn reconcile(&mut self) -> usize {
        let Some(worker) = &mut self.reconciliation else {
            return 0;
        };
        if let Some(why) = &self.failure {
            worker.go_blind(why, self.now);
            return 0;
        }
        let Some(core) = self.replica.core() else {
            return 0;
        };
        let at = Progress {
            sequence: self.tail.sequence(),
            lag: self.tail.lag(),
        };
        let (publisher, names, now) = (&mut self.publisher, &self.names, self.now);
        worker.poll(core, at, now, |judged, text| {
            publisher.found(at.sequence, now, judged, text, names);
        })
    }

    fn answer(&mut self) -> usize {
        // Nothing can be said before the first run has opened, but that it never will.
        if self.core().is_none() && self.failure.is_none() {
            return 0;
        }
        for count in 0..QUESTIONS_MAX {
            let Ok(question) = self.questions.try_recv() else {
                return count;
            };
            if let Query::Act { correlation, until } = question.query {
                self.acts.watch(question, correlation, until);
                continue;
            }
            let said = self.say(question.query);
            question.reply.send(question.token, said);
        }
        QUESTIONS_MAX
    }

    fn say(&self, query: Query) -> Said {
        let (core, setup) = (self.core(), self.replica.setup());
        let view = core.map(|core| View {
            core,
            setup,
            names: &self.names,
        });
        let mut value = match (query, view) {
            (
                Query::Order {
                    account,
                    client_order_id,
                },
                _,
            ) => {
                let id = core.and_then(|core| core.order_id(account, &client_order_id));
                return Said::Order(id);
            }
            (Query::Status, Some(view)) => {
                let mut value = view.say(query, &self.acts);
                value["near"] = self.publisher.watch().say_near(&self.names);
                value["subscribers"] = self.publisher.say_subscribers();
                value["reconciliation"] = self
                    .reconciliation
                    .as_ref()
                    .map_or(Value::Null, |worker| worker.say());
                value
            }
            (
                Query::Events {
                    severity,
                    kind,
                    account,
                    since,
                    count_max,
                },
                _,
            ) => {
                let account = account.map(|account| self.names.accounts.name(account.0));
                let wanted = Wanted {
                    severity,
                    kind,
                    account,
                    since,
                };
                self.publisher.say_events(count_max, &wanted)
            }
            (Query::Configuration, Some(view)) => {
                configuration::say(self.replica.configuration(), view.core)
            }
            (_, Some(view)) => view.say(query, &self.acts),
            (_, None) => json!({}),
        };
        let (lag_records, lag) = self.lag();
        value["sequence"] = json!(self.tail.sequence());
        value["lag_records"] = json!(lag_records);
        value["lag_nanos"] = json!(lag.raw());
        value["alarm"] = self
            .alarm
            .map_or(Value::Null, |alarm| self.say_alarm(&alarm));
        value["failure"] = json!(self.failure);
        value["journal"] = json!(self.tail.trouble());
        Said::View(value)
    }

    fn say_alarm(&self, alarm: &Difference) -> Value {
        json!({
            "sequence": alarm.sequence,
            "time": view::time(alarm.time),
            "recorded": alarm.recorded.to_string(),
            "derived": alarm.derived.to_string(),
            "differences": self.replica.difference_count(),
        })
    }
}

impl Stage for Follower {
    fn name(&self) -> &'static str {
        "follower"
    }

    fn poll(&mut self, now: Nanos) -> usize {
        self.now = now;
        self.acts.expire(now);
        let count = self.read();
        if count != 0 {
            self.read_at = now;
        }
        count + self.reconcile() + self.answer()
    }

    fn deadline(&self) -> Nanos {
        let quiet = Nanos::from_raw(self.interval.raw().saturating_mul(LOOKS_IN_VAIN_MAX));
        let is_expecting = self.acts.are_awaited() || self.now < self.read_at.after(quiet);
        let look = self.reconciliation.as_ref().map(|worker| worker.deadline());
        match is_expecting {
            true => self.now.after(self.interval),
            false => look.unwrap_or(Nanos::MAX),
        }
    }

    /// What the journal has is all that may live: it is read to its end first.
    fn last_cancels(&mut self, now: Nanos) -> Vec<Approved> {
        while self.read() != 0 {}
        let cancels = self.replica.last_cancels(now);
        self.failure = Some("the gate has failed: views stand still".to_owned());
        cancels
    }

    /// The last records of a gate that has stopped are still to be told.
    fn finish(&mut self, now: Nanos) -> bool {
        self.now = now;
        self.read() == 0
    }

    /// Its core may be half changed: it reads no further and says so. The gate does not need it.
    fn restart(&mut self, _now: Nanos) -> bool {
        self.failure = Some("the follower has panicked: views stand still".to_owned());
        true
    }
}

const QUESTIONS_WAITING_MAX: usize = 256;
/// So many intervals without a record, and it sleeps until it is rung.
const LOOKS_IN_VAIN_MAX: u64 = 10;
