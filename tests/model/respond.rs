//! Respond: what the gate does by itself when too much of something happens.

use super::Model;
use super::checks::Findings;
use super::order::{Level, Who};
use portcullis::message::{Control, Scope};
use portcullis::reject::RejectReason::{self, *};
use portcullis::risk::setup::{Answer, Response, Trigger};

/// What one level is under.
#[derive(Clone, Copy, Default)]
pub(super) struct Stage {
    paused_until: u64,
    pause: u64,
    slow_until: u64,
    slow_interval: u64,
    last: Option<u64>,
    cancel_through: u64,
}

/// What happens to somebody, or to a symbol alone.
#[derive(Clone, Copy)]
pub(super) enum About {
    Order(Who),
    Price(u32),
}

fn target(response: &Response, about: About) -> Option<u32> {
    match (response.scope, about) {
        (Scope::Firm, _) => Some(0),
        (Scope::Symbol, About::Price(symbol)) => Some(symbol),
        (Scope::Symbol, About::Order(who)) => Some(who.symbol),
        (Scope::Account, About::Order(who)) => Some(who.account),
        (Scope::Strategy, About::Order(who)) => Some(who.strategy),
        _ => None,
    }
}

impl Model {
    fn four(&self, who: Who) -> [Level; 4] {
        [
            Level::FIRM,
            Level::new(Scope::Account, who.account as usize),
            Level::new(Scope::Strategy, who.strategy as usize),
            Level::new(Scope::Symbol, who.symbol as usize),
        ]
    }

    fn stage(&self, level: Level) -> Stage {
        let key = (level.scope as u8, level.owner);
        self.stages.get(&key).copied().unwrap_or_default()
    }

    pub(super) fn check_stages(&self, findings: &mut Findings, who: Who) {
        for level in self.four(who) {
            let stage = self.stage(level);
            if self.now < stage.paused_until {
                let left = stage.paused_until - self.now;
                let gone = i128::from(stage.pause) - i128::from(left);
                findings.limit(level, LevelPaused, stage.pause.into(), gone);
            }
            if let Some(last) = stage.last
                && self.now < stage.slow_until
                && self.now - last < stage.slow_interval
            {
                let since = self.now - last;
                findings.limit(level, LevelSlowed, stage.slow_interval.into(), since.into());
            }
        }
    }

    /// An order or a replace has passed.
    pub(super) fn note_stages(&mut self, who: Who) {
        let now = self.now;
        for level in self.four(who) {
            let key = (level.scope as u8, level.owner);
            self.stages.entry(key).or_default().last = Some(now);
        }
    }

    /// Whoever counts it counts it, and answers.
    pub(super) fn respond(&mut self, on: Trigger, about: About, failed: &[RejectReason]) {
        for (at, response) in self.setup.responses.clone().iter().enumerate() {
            let is_counted = |reason: &RejectReason| match response.reasons.is_empty() {
                false => response.reasons.contains(reason),
                true => *reason as u16 >= 30 && ![LevelPaused, LevelSlowed].contains(reason),
            };
            let is_it =
                response.on == on && (on != Trigger::Refusals || failed.iter().any(is_counted));
            let setup = &self.setup;
            let count = match response.scope {
                Scope::Account => setup.accounts.len(),
                Scope::Strategy => setup.strategies.len(),
                Scope::Symbol => setup.symbols.len(),
                _ => 1,
            };
            let is_there = |target: &u32| is_it && (*target as usize) < count;
            let Some(target) = target(response, about).filter(is_there) else {
                continue;
            };
            let now = self.now;
            let times = self.happened.entry((at, target)).or_default();
            times.push(now);
            let count = response.count as usize;
            let first = times.len().checked_sub(count).map(|at| times[at]);
            if first.is_none_or(|first| now - first >= response.window.raw()) {
                continue;
            }
            times.clear();
            self.answer(response, target);
        }
    }

    fn answer(&mut self, response: &Response, target: u32) {
        let (now, serial) = (self.now, self.orders.len() as u64);
        let until = now.saturating_add(response.pause.raw());
        let key = (response.scope as u8, target);
        let stage = self.stages.entry(key).or_default();
        match response.answer {
            Answer::Warn => {}
            Answer::Slow => {
                stage.slow_until = stage.slow_until.max(until);
                stage.slow_interval = response.slow_interval.raw();
                stage.last = Some(now);
            }
            Answer::Refuse | Answer::Cancel => {
                stage.paused_until = stage.paused_until.max(until);
                stage.pause = response.pause.raw();
                if response.answer == Answer::Cancel {
                    stage.cancel_through = serial;
                    self.sweep_is_due = true;
                }
            }
            Answer::Kill => {
                let is_firm = response.scope == Scope::Firm;
                self.kill(&Control {
                    target: if is_firm { u32::MAX } else { target },
                    operator: u32::MAX,
                    scope: response.scope as u8,
                    ..Control::default()
                });
            }
        }
    }

    pub(super) fn is_answered(&self, scope: u8, owner: u32) -> bool {
        let stage = self
            .stages
            .get(&(scope, owner))
            .copied()
            .unwrap_or_default();
        self.now < stage.paused_until || self.now < stage.slow_until
    }

    pub(super) fn raise_stage(&mut self, scope: u8, owner: u32) {
        if let Some(stage) = self.stages.get_mut(&(scope, owner)) {
            (stage.paused_until, stage.slow_until) = (0, 0);
        }
    }

    pub(super) fn is_answered_with_cancel(&self, who: Who, serial: u64) -> bool {
        let mut levels = self.four(who).into_iter();
        levels.any(|level| serial <= self.stage(level).cancel_through)
    }
}
