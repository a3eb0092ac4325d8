//! History: the reports for one gate, numbered from where the gate expects them, kept for a replay.
//!
//! Pure. A link reads with a place of its own; to replay it goes back to an earlier place.

use crate::message::Frame;
use std::collections::VecDeque;

/// The reports for one gate.
#[derive(Debug)]
pub(super) struct History {
    frames: VecDeque<Frame>,
    /// The sequence of the first frame that is kept.
    first: u64,
    /// Up to here the link has taken them.
    taken: u64,
    frames_max: usize,
}

impl History {
    pub(super) fn new(sequence_next: u64, frames_max: usize) -> Self {
        Self {
            frames: VecDeque::new(),
            first: sequence_next,
            taken: 0,
            frames_max,
        }
    }

    /// The sequence of the next report.
    pub(super) fn next(&self) -> u64 {
        self.first + self.frames.len() as u64
    }

    /// The oldest that can be replayed.
    pub(super) const fn first(&self) -> u64 {
        self.first
    }

    /// Numbers a report, keeps it and says its number. The oldest go when there are too many, but
    /// none that the link has never taken.
    pub(super) fn push(&mut self, mut frame: Frame) -> u64 {
        let sequence = self.next();
        frame.header.sequence = sequence;
        self.frames.push_back(frame);
        self.trim();
        sequence
    }

    pub(super) fn get(&self, sequence: u64) -> Option<&Frame> {
        let index = sequence.checked_sub(self.first)?;
        self.frames.get(usize::try_from(index).ok()?)
    }

    pub(super) fn take(&mut self, sequence: u64) {
        self.taken = self.taken.max(sequence);
        self.trim();
    }

    fn trim(&mut self) {
        while self.frames_max < self.frames.len() && self.first <= self.taken {
            self.frames.pop_front();
            self.first += 1;
        }
    }
}
