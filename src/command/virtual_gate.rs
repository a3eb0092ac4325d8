//! Virtual gate: the core without a clock. Time is what its events say, and a tick comes when one is
//! due.

use crate::message::{Frame, Header, Kind, Tick};
use crate::risk::core::Core;
use crate::risk::decision::{Decision, Effects};
use crate::risk::setup::Setup;
use crate::units::Nanos;

/// A core, its time, and what its last step sends.
#[derive(Debug)]
pub(super) struct VirtualGate {
    core: Core,
    effects: Effects,
    time: Nanos,
}

impl VirtualGate {
    /// Before the first event.
    pub(super) fn new(setup: &Setup) -> Self {
        Self {
            core: Core::new(setup),
            effects: Effects::default(),
            time: Nanos::ZERO,
        }
    }

    /// Takes an event. The caller has stepped the ticks due until then.
    pub(super) fn step(&mut self, time: Nanos, frame: &Frame, continuations: &[Frame]) -> Decision {
        self.time = time;
        self.effects.clear();
        self.core.step(frame, continuations, &mut self.effects)
    }

    /// Steps the next tick that is due up to a time; false where none is.
    pub(super) fn tick(&mut self, until: Nanos) -> bool {
        let due = self.core.next_deadline();
        // The end of time is no deadline: nothing is due then.
        if until < due || due == Nanos::MAX {
            return false;
        }
        let time = due.max(self.time);
        let header = Header {
            time,
            ..Header::default()
        };
        self.step(time, &Frame::new(Kind::Tick, header, Tick::default()), &[]);
        true
    }

    /// The core, to look at.
    pub(super) const fn core(&self) -> &Core {
        &self.core
    }

    /// What the last step sends.
    pub(super) const fn effects(&self) -> &Effects {
        &self.effects
    }

    /// The time of the last event.
    pub(super) const fn time(&self) -> Nanos {
        self.time
    }
}
