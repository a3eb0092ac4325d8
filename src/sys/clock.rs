//! Clock: the one place that reads one.
//!
//! `now` is UTC nanoseconds since 1970, fixed at the start and advanced by the monotonic clock; it
//! never goes backwards, also not across a restart, where the caller hands in the last time of the
//! journal. A step of the wall clock does not move it: the difference is reported by [`Clock::drift`]
//! and followed slowly, at most [`SLEW_NANOS_PER_SEC`].

use crate::units::Nanos;
use rustix::time::{ClockId, clock_gettime};

/// How fast `now` may be pulled towards a wall clock that stepped: 500 parts in a million.
pub const SLEW_NANOS_PER_SEC: u64 = 500_000;

/// A source of `now`. One per thread that needs it; those made from one another agree.
#[derive(Clone, Debug)]
pub struct Clock {
    monotonic_start: u64,
    utc_start: u64,
    last: u64,
}

impl Clock {
    /// A clock that starts at the wall clock's time, and not before `earliest`.
    pub fn new(earliest: Nanos) -> Self {
        let utc_start = wall().max(earliest.raw().saturating_add(1));
        Self {
            monotonic_start: monotonic(),
            utc_start,
            last: utc_start,
        }
    }

    /// Now. Read once per batch by a stage's loop, and nowhere else.
    #[inline]
    pub fn now(&mut self) -> Nanos {
        let elapsed = monotonic().saturating_sub(self.monotonic_start);
        self.last = self.last.max(self.utc_start.saturating_add(elapsed));
        Nanos::from_raw(self.last)
    }

    /// How far the wall clock is ahead of `now`, in nanoseconds; negative when it is behind.
    pub fn drift(&mut self) -> i64 {
        let now = self.now().raw();
        i64::try_from(i128::from(wall()) - i128::from(now)).unwrap_or(i64::MAX)
    }

    /// Follows the wall clock by what is allowed for `elapsed`. Backwards steps only slow it down.
    pub fn follow(&mut self, elapsed: Nanos) {
        let drift = self.drift();
        let step = elapsed.raw() / 1_000_000_000 * SLEW_NANOS_PER_SEC;
        let step = step.min(drift.unsigned_abs());
        self.utc_start = match drift {
            0.. => self.utc_start.saturating_add(step),
            _ => self.utc_start.saturating_sub(step),
        };
    }
}

fn wall() -> u64 {
    nanos(clock_gettime(ClockId::Realtime))
}

fn monotonic() -> u64 {
    nanos(clock_gettime(ClockId::Monotonic))
}

fn nanos(time: rustix::time::Timespec) -> u64 {
    let secs = u64::try_from(time.tv_sec).unwrap_or(0);
    secs.saturating_mul(1_000_000_000)
        .saturating_add(u64::try_from(time.tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_never_goes_back_and_starts_no_earlier_than_asked() {
        let far = Nanos::from_raw(wall() + 1_000_000_000_000);
        let mut clock = Clock::new(far);
        let mut last = far;
        for _ in 0..10_000 {
            let now = clock.now();
            assert!(last < now || last == now && last > far);
            last = now;
        }
        assert!(clock.drift() < 0);
        clock.follow(Nanos::from_secs(100));
        assert!(last <= clock.now());
    }
}
