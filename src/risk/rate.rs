//! Rate: never more than so many in any span of time, exactly.
//!
//! Pure. Hot path.
//!
//! A window that allows `count` remembers the times of the last `count` that passed. One more may
//! pass when the oldest of these is a full span back: then no span of that length, wherever it
//! begins, holds more than `count`. No buckets, so nothing happens at their edges.

use crate::units::Nanos;

/// All windows of all levels.
#[derive(Debug, Default)]
pub(super) struct Rates {
    windows: Vec<Window>,
    times: Vec<Nanos>,
}

/// The windows of one level.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Range {
    first: u32,
    end: u32,
}

impl Range {
    pub(super) const fn is_empty(self) -> bool {
        self.first == self.end
    }
}

#[derive(Debug)]
struct Window {
    span: Nanos,
    count: u32,
    filled: u32,
    /// Where the oldest time stands, once filled.
    next: u32,
    start: u32,
}

impl Rates {
    /// Makes room for the windows of one level: of each its span, and how many it remembers.
    pub(super) fn add(&mut self, windows: impl Iterator<Item = (Nanos, u32)>) -> Range {
        let first = self.windows.len() as u32;
        for (span, count) in windows {
            let start = self.times.len() as u32;
            self.times
                .resize(self.times.len() + count as usize, Nanos::ZERO);
            self.windows.push(Window {
                span,
                count,
                filled: 0,
                next: 0,
                start,
            });
        }
        Range {
            first,
            end: self.windows.len() as u32,
        }
    }

    /// Fills windows that were added with what others had seen of the same level.
    pub(super) fn carry(&mut self, to: Range, old: &Self, from: Range) {
        let windows = &old.windows[from.first as usize..from.end as usize];
        let Some(longest) = windows.iter().max_by_key(|window| window.filled) else {
            return;
        };
        let oldest = if longest.filled == longest.count {
            longest.next
        } else {
            0
        };
        for back in 0..longest.filled {
            let at = (oldest + back) % longest.count;
            self.note(to, old.times[(longest.start + at) as usize]);
        }
    }

    /// The count of the first window that has no place for one more now.
    #[inline(always)]
    pub(super) fn breached(&self, range: Range, now: Nanos) -> Option<u32> {
        for window in &self.windows[range.first as usize..range.end as usize] {
            if window.filled == window.count {
                let oldest = self.times[(window.start + window.next) as usize];
                if now.since(oldest) < window.span {
                    return Some(window.count);
                }
            }
        }
        None
    }

    /// Of the window that has the least room: how many it remembers, and how many there would be with
    /// one more.
    pub(super) fn nearest(&self, range: Range, now: Nanos) -> (i128, i128) {
        let windows = self.windows[range.first as usize..range.end as usize].iter();
        let counts = windows.map(|window| {
            let times = &self.times[window.start as usize..(window.start + window.count) as usize];
            let times = &times[..window.filled as usize];
            let count = times
                .iter()
                .filter(|time| now.since(**time) < window.span)
                .count();
            (i128::from(window.count), count as i128 + 1)
        });
        counts
            .min_by_key(|(max, count)| max - count)
            .unwrap_or_default()
    }

    /// One passed.
    #[inline(always)]
    pub(super) fn note(&mut self, range: Range, now: Nanos) {
        for window in &mut self.windows[range.first as usize..range.end as usize] {
            self.times[(window.start + window.next) as usize] = now;
            window.next += 1;
            if window.next == window.count {
                window.next = 0;
            }
            window.filled = window.count.min(window.filled + 1);
        }
    }
}
