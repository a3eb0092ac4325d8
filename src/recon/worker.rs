//! Worker: reconciliation in a running gate, as a part of its follower.
//!
//! In:   the follower's records; what a [`Watch`] has seen in the broker's files.
//! Out:  adjustments and kills, to the stage that hands operators' acts to risk; findings, as events.
//!
//! A look comes after the files were read and the follower has then caught up: an order is in the
//! journal before its broker has it, so what the broker's files say is never about an order that the
//! follower has yet to read of.
//!
//! Invariant: where it can look no longer, the firm is killed, unless nobody is ever halted.

use super::files::{Files, Sighting};
use super::finding::{Adjustment, Way};
use super::judge::{Act, Halt, Judged, Terms, Verdict};
use super::reconciler::{Reconciler, Source};
use super::show;
use super::source::SourceError;
use crate::events::derive::Seen;
use crate::events::kind::Severity;
use crate::message::{Adjust, AdjustKind, Body, Control, Frame, Header, Kind, Scope, Text};
use crate::risk::core::Core;
use crate::risk::setup::Setup;
use crate::units::{Nanos, StrategyId};
use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, TryRecvError, TrySendError, bounded};
use serde_json::{Value, json};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::{Builder, JoinHandle};

/// Reads the files: on a thread of its own, or whenever its caller steps.
#[derive(Debug)]
pub struct Watch {
    files: Files,
    interval: Nanos,
    seen: Sender<Vec<Sighting>>,
    /// What nobody has had room for.
    held: Option<(Vec<Sighting>, bool)>,
    due: Nanos,
}

/// A watch at work.
#[derive(Debug)]
pub struct Watching {
    stop: Sender<()>,
    /// Nothing is ever said here: it closes with the thread.
    ended: Receiver<()>,
    handle: JoinHandle<()>,
}

/// Compares, and asks for what follows.
#[derive(Debug)]
pub struct Worker {
    reconciler: Reconciler,
    sightings: Receiver<Vec<Sighting>>,
    acts: Sender<Frame>,
    /// When something was last heard of the files.
    heard: Option<Nanos>,
    due: Nanos,
    /// The record up to which must be read, and since when that is waited for.
    awaited: Option<(u64, Nanos)>,
    blind: Option<String>,
    last: Vec<Judged>,
}

/// How far the follower is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Progress {
    /// The last record that it has read.
    pub(crate) sequence: u64,
    /// How many there are behind.
    pub(crate) lag: u64,
}

impl Watch {
    /// `seen` is where the worker hears of it.
    pub fn new(files: Files, interval: Nanos, seen: Sender<Vec<Sighting>>) -> Self {
        Self {
            files,
            interval,
            seen,
            held: None,
            due: Nanos::ZERO,
        }
    }

    /// Looks, if it is time: how a caller without threads does it.
    pub fn step(&mut self, now: Nanos) -> usize {
        if now < self.due {
            return 0;
        }
        self.due = now.after(self.interval);
        self.look().map_or(0, |_| 1)
    }

    /// Looks once, or hands on what could not be before. It never waits. `None` where nobody listens; true
    /// where there is more to read at once.
    fn look(&mut self) -> Option<bool> {
        let (sightings, has_more) = match self.held.take() {
            Some(held) => held,
            None => self.files.look(),
        };
        match self.seen.try_send(sightings) {
            Ok(()) => Some(has_more),
            Err(TrySendError::Full(sightings)) => {
                self.held = Some((sightings, has_more));
                Some(false)
            }
            Err(TrySendError::Disconnected(_)) => None,
        }
    }

    /// Looks on a thread of its own until it is told to stop.
    pub fn spawn(mut self) -> io::Result<Watching> {
        let (stop, stopped) = bounded::<()>(1);
        let (alive, ended) = bounded::<()>(1);
        let handle = Builder::new().name("reconcile".to_owned()).spawn(move || {
            let _alive = alive;
            let interval = self.interval.to_duration();
            let watch = || {
                while let Some(has_more) = self.look() {
                    let pause = if has_more {
                        Default::default()
                    } else {
                        interval
                    };
                    if stopped.recv_timeout(pause) != Err(RecvTimeoutError::Timeout) {
                        return;
                    }
                }
            };
            if catch_unwind(AssertUnwindSafe(watch)).is_err() {
                tracing::error!("the broker's files are watched no longer: it has panicked");
            }
        })?;
        Ok(Watching {
            stop,
            ended,
            handle,
        })
    }
}

impl Watching {
    /// Ends it, within a bound: one that hangs in a file system is left behind.
    pub fn stop(self, bound: Nanos) {
        let _ = self.stop.try_send(());
        let ended = self.ended.recv_timeout(bound.to_duration());
        if ended == Err(RecvTimeoutError::Timeout) {
            tracing::error!("the watch of the broker's files hangs: it is left behind");
            return;
        }
        if self.handle.join().is_err() {
            tracing::error!("the watch of the broker's files ended by a panic");
        }
    }
}

impl Worker {
    /// Hears of the files by `sightings`, and asks for what follows by `acts`.
    pub fn new(
        reconciler: Reconciler,
        sightings: Receiver<Vec<Sighting>>,
        acts: Sender<Frame>,
    ) -> Self {
        Self {
            reconciler,
            sightings,
            acts,
            heard: None,
            due: Nanos::ZERO,
            awaited: None,
            blind: None,
            last: Vec::new(),
        }
    }

    /// A run of the gateway began.
    pub(crate) fn open(&mut self, setup: &Setup) {
        self.reconciler.open(setup);
    }

    /// The core has taken a record.
    pub(crate) fn note(&mut self, seen: &Seen<'_>) {
        self.reconciler.note(seen);
    }

    /// When it must be polled.
    pub(crate) fn deadline(&self) -> Nanos {
        match self.blind {
            None => self.due,
            Some(_) => Nanos::MAX,
        }
    }

    /// Looks, if it is time and the follower is far enough. `tell` is told what is news.
    pub(crate) fn poll(
        &mut self,
        core: &Core,
        at: Progress,
        now: Nanos,
        mut tell: impl FnMut(&Judged, String),
    ) -> usize {
        let terms = self.reconciler.terms();
        let patience = patience(terms);
        if self.blind.is_some() || now < self.due {
            return 0;
        }
        let Some((target, since)) = self.awaited else {
            if !self.hear(now) {
                self.go_blind("the broker's files are watched no longer", now);
                return 1;
            }
            let heard = *self.heard.get_or_insert(now);
            if patience < now.since(heard) {
                self.go_blind("nothing is heard of the broker's files", now);
                return 1;
            }
            self.awaited = Some((at.sequence + at.lag, now));
            return 1;
        };
        if at.sequence < target {
            if patience < now.since(since) {
                tracing::error!("the follower is too far behind to reconcile");
                self.halt_firm("unreconciled: follower is behind", now);
                self.awaited = Some((target, now));
            }
            return 0;
        }
        self.awaited = None;
        self.due = now.after(self.reconciler.terms().interval);
        let verdict = self.reconciler.look(core, now);
        self.follow(verdict, now, &mut tell);
        1
    }

    /// Takes in what was seen. False where nothing ever will be again.
    fn hear(&mut self, now: Nanos) -> bool {
        loop {
            let sightings = match self.sightings.try_recv() {
                Ok(sightings) => sightings,
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            };
            self.heard = Some(now);
            for sighting in sightings {
                self.see(sighting, now);
            }
        }
    }

    fn see(&mut self, sighting: Sighting, now: Nanos) {
        let reconciler = &mut self.reconciler;
        match sighting {
            // Once it was believed, none would be looked at until its time has come.
            Sighting::Statement(statement)
                if now.after(reconciler.terms().settle_time) < statement.as_of =>
            {
                let of = crate::events::event::time(statement.as_of);
                let problem = format!("it is of {of}, which is still to come; mend its as_of");
                let error = SourceError::of_file("the statement", problem);
                reconciler.source(Source::Statement, Err(&error), now);
            }
            Sighting::Statement(statement) => {
                if !reconciler.state(&statement) {
                    tracing::warn!("the statement is older than the one before: not used");
                }
                reconciler.source(Source::Statement, Ok(()), now);
            }
            Sighting::NoStatement(error) => {
                reconciler.source(Source::Statement, Err(&error), now);
            }
            Sighting::Executions(executions, error) => {
                executions.iter().for_each(|of| reconciler.told(of));
                let result = error.as_ref().map_or(Ok(()), Err);
                reconciler.source(Source::DropCopy, result, now);
            }
        }
    }

    /// Tells what is news, and asks for what follows.
    fn follow(&mut self, verdict: Verdict, now: Nanos, tell: &mut impl FnMut(&Judged, String)) {
        for judged in verdict.findings.iter().filter(|judged| judged.is_news) {
            if Severity::Info < judged.severity {
                tell(judged, show::sentence(judged, self.reconciler.places()));
            }
        }
        for act in &verdict.acts {
            if self.acts.try_send(frame(act, now)).is_err() {
                self.reconciler.withdraw(act);
            }
        }
        self.last = verdict.findings;
    }

    /// It can look no longer.
    pub(crate) fn go_blind(&mut self, why: &str, now: Nanos) {
        if self.blind.is_some() {
            return;
        }
        tracing::error!(why, "reconciliation has ended");
        self.blind = Some(why.to_owned());
        self.halt_firm("unreconciled: cannot look", now);
    }

    fn halt_firm(&self, note: &str, now: Nanos) {
        if self.reconciler.terms().halt == Halt::Off {
            return;
        }
        let halt = Act::Halt {
            scope: Scope::Firm,
            target: u32::MAX,
            note: Text::new(note).unwrap_or_default(),
        };
        if self.acts.try_send(frame(&halt, now)).is_err() {
            tracing::error!("the firm could not be halted: acts are not taken");
        }
    }

    /// How everything stands, for views.
    pub(crate) fn say(&self) -> Value {
        let reconciler = &self.reconciler;
        let places = reconciler.places();
        let counts = reconciler.counts();
        let last = self.last.iter().take(ROWS_MAX);
        let findings: Vec<_> = last.map(|judged| show::to_json(judged, places)).collect();
        json!({
            "findings": findings,
            "findings_count": self.last.len(),
            "looks": counts.looks,
            "healed": counts.healed,
            "refused": counts.refused,
            "halted": counts.halted,
            "statement_as_of": reconciler.statement_as_of().map(crate::events::event::time),
            "executions_told": reconciler.drop_copy().map(|told| told.counts().lines),
            "blind": self.blind,
        })
    }
}

fn patience(terms: &Terms) -> Nanos {
    let tries = terms.retry_interval.raw();
    let tries = tries.saturating_mul(u64::from(terms.retries.max(1)));
    Nanos::from_raw(tries)
        .after(terms.interval)
        .after(terms.interval)
}

/// An act as it goes to risk.
pub fn frame(act: &Act, now: Nanos) -> Frame {
    match act {
        Act::Adjust(adjustment) => event(Kind::Adjust, adjust(adjustment), now),
        Act::Halt {
            scope,
            target,
            note,
        } => {
            let control = Control {
                target: *target,
                operator: u32::MAX,
                scope: *scope as u8,
                note: *note,
                ..Control::default()
            };
            event(Kind::Kill, control, now)
        }
    }
}

fn event<B: Body>(kind: Kind, body: B, now: Nanos) -> Frame {
    let header = Header {
        time: now,
        strategy: StrategyId::NONE,
        ..Header::default()
    };
    Frame::new(kind, header, body)
}

fn adjust(adjustment: &Adjustment) -> Adjust {
    let kind = match adjustment.kind {
        Way::Trade => AdjustKind::Trade,
        Way::Transfer => AdjustKind::Transfer,
        Way::Cash => AdjustKind::Cash,
    };
    Adjust {
        qty: adjustment.qty,
        price: adjustment.price,
        cash: adjustment.cash,
        account: adjustment.account,
        symbol: adjustment.symbol,
        strategy: StrategyId::NONE,
        operator: u32::MAX,
        note: adjustment.note,
        kind: kind as u8,
        ..Adjust::default()
    }
}

const ROWS_MAX: usize = 256;
