//! Respond: what the gate does by itself when too much of something happens: warn, slow down, refuse,
//! cancel, kill.
//!
//! Pure. Hot path only while some level is under an answer.
//!
//! A response counts one kind of happening for each level of one kind. At the so-manyth within its window
//! it answers, to that level alone, and counts anew. A pause ends by itself, or when as many persons
//! raise the level as raise a kill; a kill ends by them alone.

use super::check::Sink;
use super::core::Core;
use super::level::Whose;
use super::route::Who;
use super::setup::{Answer, Response, Setup, Trigger};
use crate::message::Scope;
use crate::reject::{Failed, RejectReason as Reason};
use crate::units::Nanos;

/// All responses, and what levels are under.
#[derive(Debug)]
pub(super) struct Responses {
    rows: Vec<Row>,
    /// By scope: firm, accounts, strategies, symbols.
    stages: [Vec<Stage>; 4],
    /// No level is paused or slow from then on.
    answered_until: Nanos,
}

#[derive(Debug)]
struct Row {
    response: Response,
    reasons: Failed,
    /// By target of its scope.
    windows: Vec<Window>,
    /// Of all windows: as many for each as it takes to answer.
    times: Vec<Nanos>,
    answered: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Window {
    /// Where the oldest time stands, once there are all.
    next: u32,
    filled: u32,
}

/// What one level is under.
#[derive(Clone, Copy, Debug, Default)]
struct Stage {
    /// Nothing new passes until then,
    paused_until: Nanos,
    /// and this is how long that is in all.
    pause: Nanos,
    /// One order at a time, so far apart, until then.
    slow_until: Nanos,
    slow_interval: Nanos,
    /// When the last order passed, if one has since it is slow.
    last: Option<Nanos>,
    /// Orders up to this acceptance are to be cancelled.
    cancel_through: u64,
}

/// What is told of a level that is answered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct StageView {
    /// Which kind of level.
    pub scope: Scope,
    /// Which one.
    pub target: u32,
    /// Nothing new passes until then.
    pub paused_until: Nanos,
    /// Orders pass slowly until then.
    pub slow_until: Nanos,
}

/// The scopes that a response may have, in the order of [`Responses::stages`].
pub(crate) const SCOPES: [Scope; 4] = [Scope::Firm, Scope::Account, Scope::Strategy, Scope::Symbol];

/// What counts as a refusal where no reasons are named: what stops a sender for a while, whatever it
/// sends, is no fault of what it sends.
fn counts(reason: Reason) -> bool {
    30 <= reason as u16 && !matches!(reason, Reason::LevelPaused | Reason::LevelSlowed)
}

/// How many levels a scope has.
fn count_of(setup: &Setup, scope: Scope) -> usize {
    match scope {
        Scope::Account => setup.accounts.len(),
        Scope::Strategy => setup.strategies.len(),
        Scope::Symbol => setup.symbols.len(),
        _ => 1,
    }
}

impl Responses {
    /// `None` where there are none.
    pub(super) fn new(setup: &Setup) -> Option<Box<Self>> {
        let rows = setup.responses.iter().map(|response| {
            let mut reasons = Failed::NONE;
            for reason in Reason::ALL {
                let is_named = response.reasons.contains(reason);
                let is_any = response.reasons.is_empty() && counts(*reason);
                reasons.note(*reason, is_named || is_any);
            }
            let count = count_of(setup, response.scope);
            Row {
                reasons,
                windows: vec![Window::default(); count],
                times: vec![Nanos::ZERO; count * response.count as usize],
                response: response.clone(),
                answered: 0,
            }
        });
        let stages = SCOPES.map(|scope| vec![Stage::default(); count_of(setup, scope)]);
        (!setup.responses.is_empty()).then(|| {
            Box::new(Self {
                rows: rows.collect(),
                stages,
                answered_until: Nanos::ZERO,
            })
        })
    }

    /// Bytes that they take.
    pub(super) fn size_bytes(setup: &Setup) -> usize {
        let times = setup.responses.iter().map(|response| {
            count_of(setup, response.scope)
                * (response.count as usize * size_of::<Nanos>() + size_of::<Window>())
        });
        times.sum()
    }

    fn stage(&mut self, scope: Scope, target: u32) -> Option<&mut Stage> {
        let at = SCOPES.iter().position(|of| *of == scope)?;
        self.stages[at].get_mut(target as usize)
    }

    fn stages_of(&self, who: Who) -> impl Iterator<Item = (Whose, &Stage)> {
        let targets = targets(who);
        let rows = SCOPES.iter().zip(targets).zip(&self.stages);
        rows.filter_map(|((scope, target), stages)| {
            let stage = stages.get(target as usize)?;
            Some((Whose::new(*scope, target), stage))
        })
    }

    /// Whether persons have something to raise here.
    pub(super) fn is_answered(&self, scope: Scope, target: u32, now: Nanos) -> bool {
        let at = SCOPES.iter().position(|of| *of == scope);
        let target = if scope == Scope::Firm { 0 } else { target };
        let stage = at.and_then(|at| self.stages[at].get(target as usize));
        stage.is_some_and(|stage| now < stage.paused_until || now < stage.slow_until)
    }

    /// Persons have raised it.
    pub(super) fn raise(&mut self, scope: Scope, target: u32) {
        let target = if scope == Scope::Firm { 0 } else { target };
        if let Some(stage) = self.stage(scope, target) {
            (stage.paused_until, stage.slow_until) = (Nanos::ZERO, Nanos::ZERO);
        }
    }

    /// The same under another setup: what was answered stays so; what is counted begins anew where the
    /// response is another.
    pub(super) fn take_over(&mut self, old: Self) {
        for (stages, old) in self.stages.iter_mut().zip(old.stages) {
            for (stage, old) in stages.iter_mut().zip(old) {
                *stage = old;
            }
        }
        self.answered_until = old.answered_until;
        for (row, old) in self.rows.iter_mut().zip(old.rows) {
            let is_same = row.response == old.response;
            if is_same && row.windows.len() == old.windows.len() {
                *row = old;
            }
        }
    }

    /// Enters them into a hash of the state.
    pub(super) fn hash(&self, mut add: impl FnMut(u64, u64)) {
        for row in &self.rows {
            add(row.answered, row.windows.len() as u64);
            for window in &row.windows {
                add(window.next.into(), window.filled.into());
            }
        }
        for stage in self.stages.iter().flatten() {
            add(stage.paused_until.raw(), stage.slow_until.raw());
            add(stage.cancel_through, stage.last.map_or(0, Nanos::raw));
        }
    }
}

fn targets(who: Who) -> [u32; 4] {
    [0, who.0.0, who.1.0, who.2.0]
}

impl Row {
    /// One more for a target: true where that is the one too many.
    fn note(&mut self, target: u32, now: Nanos) -> bool {
        let count = self.response.count;
        let Some(window) = self.windows.get_mut(target as usize) else {
            return false;
        };
        let times = &mut self.times[target as usize * count as usize..][..count as usize];
        times[window.next as usize] = now;
        window.next = (window.next + 1) % count;
        window.filled = count.min(window.filled + 1);
        let oldest = times[window.next as usize];
        let is_full = window.filled == count && now.since(oldest) < self.response.window;
        if is_full {
            *window = Window::default();
            self.answered += 1;
        }
        is_full
    }
}

impl Core {
    /// True while any level at all is paused or slow.
    #[inline]
    pub(super) fn is_answering(&self) -> bool {
        let responses = self.responses.as_ref();
        responses.is_some_and(|responses| self.now < responses.answered_until)
    }

    /// Whether a level of an order is paused, or slow and not yet at its next order.
    #[cold]
    pub(super) fn check_stages(&self, found: &mut impl Sink, who: Who) {
        let (Some(responses), now) = (&self.responses, self.now) else {
            return;
        };
        for (whose, stage) in responses.stages_of(who) {
            if now < stage.paused_until {
                let left = stage.paused_until.since(now);
                let pause = i128::from(stage.pause.raw());
                let told = || (pause, pause - i128::from(left.raw()));
                found.check_of(whose, Reason::LevelPaused, true, told);
            }
            if let Some(last) = stage.last.filter(|_| now < stage.slow_until) {
                let (interval, since) = (stage.slow_interval, now.since(last));
                let told = || (interval.raw().into(), since.raw().into());
                found.check_of(whose, Reason::LevelSlowed, since < interval, told);
            }
        }
    }

    /// An order or a replace has passed.
    #[inline]
    pub(super) fn note_stages(&mut self, who: Who) {
        if self.is_answering() {
            self.note_passed(who);
        }
    }

    #[cold]
    fn note_passed(&mut self, who: Who) {
        let (Some(responses), now) = (&mut self.responses, self.now) else {
            return;
        };
        for (stages, target) in responses.stages.iter_mut().zip(targets(who)) {
            if let Some(stage) = stages.get_mut(target as usize) {
                stage.last = Some(now);
            }
        }
    }

    /// A command that would have taken new risk was refused.
    #[inline]
    pub(super) fn respond_to_refusal(&mut self, who: Who, failed: Failed) {
        if self.responses.is_some() {
            self.respond(Trigger::Refusals, who, failed);
        }
    }

    /// Something has happened: whoever counts it counts it, and answers.
    #[cold]
    pub(super) fn respond(&mut self, trigger: Trigger, who: Who, failed: Failed) {
        let Some(mut responses) = self.responses.take() else {
            return;
        };
        let now = self.now;
        for at in 0..responses.rows.len() {
            let row = &mut responses.rows[at];
            let is_counted = row.response.on == trigger
                && (trigger != Trigger::Refusals || failed.meets(row.reasons));
            let scope = row.response.scope;
            let place = SCOPES.iter().position(|of| *of == scope);
            let Some(target) = place.map(|at| targets(who)[at]).filter(|_| is_counted) else {
                continue;
            };
            if !row.note(target, now) {
                continue;
            }
            let (answer, pause) = (row.response.answer, row.response.pause);
            let slow_interval = row.response.slow_interval;
            self.counts.answers += 1;
            let serial = self.serial;
            if matches!(answer, Answer::Slow | Answer::Refuse | Answer::Cancel) {
                let until = now.after(pause);
                responses.answered_until = responses.answered_until.max(until);
            }
            if let Some(stage) = responses.stage(scope, target) {
                let until = now.after(pause);
                match answer {
                    Answer::Warn | Answer::Kill => {}
                    Answer::Slow => {
                        stage.slow_until = stage.slow_until.max(until);
                        stage.slow_interval = slow_interval;
                        stage.last = Some(now);
                    }
                    Answer::Refuse | Answer::Cancel => {
                        stage.paused_until = stage.paused_until.max(until);
                        stage.pause = pause;
                    }
                }
                if answer == Answer::Cancel {
                    stage.cancel_through = serial;
                    self.start_sweep();
                }
            }
            if answer == Answer::Kill {
                self.kill_level(scope, target);
            }
        }
        self.responses = Some(responses);
    }

    /// True where an order belongs to what a response has cancelled.
    pub(super) fn is_answered_with_cancel(&self, who: Who, serial: u64) -> bool {
        let mut stages = self.responses.iter().flat_map(|all| all.stages_of(who));
        stages.any(|(_, stage)| serial <= stage.cancel_through)
    }

    /// What levels are under now.
    pub fn stages(&self) -> impl Iterator<Item = StageView> {
        let now = self.now;
        let of_scope = self
            .responses
            .iter()
            .flat_map(|all| SCOPES.into_iter().zip(&all.stages));
        let all = of_scope.flat_map(|(scope, stages)| {
            let stages = (0u32..).zip(stages);
            stages.map(move |(target, stage)| StageView {
                scope,
                target,
                paused_until: stage.paused_until,
                slow_until: stage.slow_until,
            })
        });
        all.filter(move |stage| now < stage.paused_until || now < stage.slow_until)
    }

    /// How often each response has answered.
    pub fn answered(&self) -> impl Iterator<Item = u64> {
        let rows = self.responses.iter().flat_map(|all| &all.rows);
        rows.map(|row| row.answered)
    }
}
