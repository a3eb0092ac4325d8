//! History: the last reports to one strategy, for it to read now or when it comes back.
//!
//! Hot path.
//!
//! A live session is written to its socket straight from here, so a report is stored once.
//!
//! Invariants:
//! - The reports kept are consecutive, the newest last.

use crate::message::Frame;
use bytemuck::Zeroable;

/// A ring of reports by their sequence.
pub(crate) struct History {
    frames: Box<[Frame]>,
    oldest: u64,
    next: u64,
}

impl History {
    /// Room for `frames_max`, empty; the next report will be `next`.
    pub(super) fn new(frames_max: usize, next: u64) -> Self {
        let frames = vec![Frame::zeroed(); frames_max.max(1)].into_boxed_slice();
        Self {
            frames,
            oldest: next,
            next,
        }
    }

    /// The sequence of the next report.
    #[inline]
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// The oldest report kept, or `next` if there is none.
    #[inline]
    pub(super) fn oldest(&self) -> u64 {
        self.oldest
    }

    /// Keeps a report. One that does not follow the last makes the others useless: a strategy would
    /// see a gap. They are forgotten, so that it is told instead.
    #[inline]
    pub(super) fn push(&mut self, report: &Frame) {
        let sequence = report.header.sequence;
        if sequence != self.next {
            self.start_at(sequence);
        }
        let index = self.index(sequence);
        self.frames[index] = *report;
        self.frames[index].header.flags = 0;
        self.next = sequence + 1;
        let room = self.frames.len() as u64;
        self.oldest = self.oldest.max(self.next.saturating_sub(room));
    }

    /// Whether one more report would overwrite `report`, which is still to be written.
    #[inline]
    pub(super) fn would_lose(&self, report: u64) -> bool {
        report != self.next && report + self.frames.len() as u64 <= self.next
    }

    /// Forgets everything; the next report will be `next`.
    #[cold]
    pub(super) fn start_at(&mut self, next: u64) {
        (self.oldest, self.next) = (next, next);
    }

    /// The reports from `from` on, in two runs; nothing where `from` is not kept.
    #[inline]
    pub(super) fn from(&self, from: u64) -> [&[Frame]; 2] {
        if from < self.oldest || self.next <= from {
            return [&[], &[]];
        }
        let count = (self.next - from) as usize;
        let start = self.index(from);
        let first = count.min(self.frames.len() - start);
        [
            &self.frames[start..start + first],
            &self.frames[..count - first],
        ]
    }

    #[inline]
    fn index(&self, sequence: u64) -> usize {
        (sequence % self.frames.len() as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(sequence: u64) -> Frame {
        let mut frame = Frame::zeroed();
        frame.header.sequence = sequence;
        frame
    }

    fn kept(history: &History, from: u64) -> Vec<u64> {
        let runs = history.from(from);
        runs.concat()
            .iter()
            .map(|frame| frame.header.sequence)
            .collect()
    }

    #[test]
    fn it_keeps_the_last_reports_and_no_others() {
        let mut history = History::new(5, 1);
        for sequence in 1..=12 {
            history.push(&report(sequence));
            let oldest = sequence.saturating_sub(4).max(1);
            assert_eq!((history.oldest(), history.next()), (oldest, sequence + 1));
            for from in oldest..=sequence {
                assert_eq!(kept(&history, from), (from..=sequence).collect::<Vec<_>>());
            }
            assert!(kept(&history, oldest - 1).is_empty());
            assert!(kept(&history, sequence + 1).is_empty());
        }
    }

    #[test]
    fn a_gap_forgets_what_was_before() {
        let mut history = History::new(5, 1);
        history.push(&report(1));
        history.push(&report(3));
        assert_eq!(kept(&history, 3), [3]);
        assert_eq!(history.oldest(), 3);
    }
}
