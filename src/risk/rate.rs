//! Rate: never more than so many in any span of time, exactly.
//!
//! Pure. Hot path.
//!
//! A window that allows `count` remembers the times of the last `count` that passed. One more may
//! pass when the oldest of these is a full span back: then no span of that length, wherever it
//! begins, holds more than `count`. No buckets, so nothing happens at their edges.

use crate::units::Nanos;

/// What a rate counts. Of one level they stand in this order, so that what one event counts in, and what
/// a replace is held against, stands side by side.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Paced {
    /// New orders.
    New = 0,
    /// New orders and replaces.
    Orders = 1,
    /// Replaces.
    Replaces = 2,
    /// Cancels. They pass in any case: it is orders that wait until there are fewer.
    Cancels = 3,
}

/// All windows of all levels.
#[derive(Debug, Default)]
pub(super) struct Rates {
    windows: Vec<Window>,
    times: Vec<Nanos>,
}

/// The windows of one level: where the first stands, and behind it how many there are up to and with
/// each [`Paced`].
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Paces {
    first: u32,
    ends: [u8; Paced::ALL.len()],
}

/// Windows that stand side by side.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Range {
    first: u32,
    end: u32,
}

impl Paced {
    pub(super) const ALL: [Self; 4] = [Self::New, Self::Orders, Self::Replaces, Self::Cancels];
}

impl Paces {
    /// The windows from one kind to another, both included.
    #[inline(always)]
    pub(super) const fn from(self, first: Paced, last: Paced) -> Range {
        let before = match first {
            Paced::New => 0,
            first => self.ends[first as usize - 1],
        };
        Range {
            first: self.first + before as u32,
            end: self.first + self.ends[last as usize] as u32,
        }
    }

    pub(super) const fn is_empty(self) -> bool {
        self.ends[Paced::Cancels as usize] == 0
    }
}

#[derive(Debug)]
struct Window {
    paced: Paced,
    span: Nanos,
    count: u32,
    filled: u32,
    /// Where the oldest time stands, once filled.
    next: u32,
    start: u32,
}

impl Rates {
    /// Makes room for the windows of one level: for each kind the spans, and how many each remembers.
    pub(super) fn add<I: Iterator<Item = (Nanos, u32)>>(
        &mut self,
        windows: impl Fn(Paced) -> I,
    ) -> Paces {
        let first = self.windows.len();
        let mut paces = Paces {
            first: first as u32,
            ..Paces::default()
        };
        for paced in Paced::ALL {
            for (span, count) in windows(paced) {
                let start = self.times.len() as u32;
                self.times
                    .resize(self.times.len() + count as usize, Nanos::ZERO);
                self.windows.push(Window {
                    paced,
                    span,
                    count,
                    filled: 0,
                    next: 0,
                    start,
                });
            }
            // Each kind has a few at the most.
            paces.ends[paced as usize] = (self.windows.len() - first) as u8;
        }
        paces
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

    /// Shows each window: what it counts, how many it remembers, and how many there would be with one
    /// more, where those are all within its span; else none of these.
    #[inline(always)]
    pub(super) fn look(&self, range: Range, now: Nanos, mut see: impl FnMut(Paced, u32, Look<'_>)) {
        for window in &self.windows[range.first as usize..range.end as usize] {
            let is_full = window.filled == window.count && {
                let oldest = self.times[(window.start + window.next) as usize];
                now.since(oldest) < window.span
            };
            let look = Look {
                is_full,
                window,
                times: &self.times,
            };
            see(window.paced, window.count, look);
        }
    }

    /// Remembers what windows have, before one more is noted that may be taken back.
    #[cold]
    pub(super) fn save(&self, range: Range, saved: &mut Vec<(u32, u32, Nanos)>) {
        for at in range.first..range.end {
            let window = &self.windows[at as usize];
            let time = self.times[(window.start + window.next) as usize];
            saved.push((at, window.filled, time));
        }
    }

    /// Takes back the new order that was noted last in the windows of one level.
    pub(super) fn take_back(&mut self, paces: Paces, saved: &mut Vec<(u32, u32, Nanos)>) {
        let range = paces.from(Paced::New, Paced::Orders);
        for at in (range.first..range.end).rev() {
            let Some((of, filled, time)) = saved.pop() else {
                return;
            };
            assert_eq!(of, at, "taken back in the order in which they were noted");
            let window = &mut self.windows[at as usize];
            window.filled = filled;
            window.next = match window.next {
                0 => window.count - 1,
                next => next - 1,
            };
            self.times[(window.start + window.next) as usize] = time;
        }
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

/// One window.
pub(super) struct Look<'a> {
    /// It has no place for one more.
    pub(super) is_full: bool,
    window: &'a Window,
    times: &'a [Nanos],
}

impl Look<'_> {
    /// How many there would be within its span with one more.
    pub(super) fn count(&self, now: Nanos) -> u32 {
        let window = self.window;
        let times = &self.times[window.start as usize..(window.start + window.count) as usize];
        let times = times[..window.filled as usize].iter();
        let within = times.filter(|time| now.since(**time) < window.span);
        within.count() as u32 + 1
    }
}
