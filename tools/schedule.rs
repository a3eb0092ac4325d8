//! Schedule: when each command is meant to be sent, whatever becomes of those before it.
//!
//! Pure.
//!
//! A latency that is measured from here is what a strategy would have seen; one measured from when a
//! slow gate let the command out leaves out the waiting that the gate itself caused.

use portcullis::units::Nanos;

/// A constant rate, and bursts on top of it.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    start: Nanos,
    rate_per_sec: u64,
    burst: u64,
    every: Nanos,
    duration: Nanos,
    count_max: u64,
    /// So many of the constant rate are done.
    rate_done: u64,
    /// So many of the bursts.
    burst_done: u64,
}

/// What a schedule is made from.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ScheduleOptions {
    /// So many per second, evenly; zero: none.
    pub(crate) rate_per_sec: u64,
    /// So many at once; zero: none.
    pub(crate) burst: u64,
    /// From one burst to the next.
    pub(crate) every: Nanos,
    /// Nothing is meant for after this time.
    pub(crate) duration: Nanos,
    /// And so many at most in all.
    pub(crate) count_max: u64,
}

impl Schedule {
    /// Begins at `start`, with the first command.
    pub(crate) fn new(options: ScheduleOptions, start: Nanos) -> Self {
        Self {
            start,
            rate_per_sec: options.rate_per_sec,
            burst: options.burst,
            every: options.every,
            duration: options.duration,
            count_max: options.count_max,
            rate_done: 0,
            burst_done: 0,
        }
    }

    /// How many there will be.
    pub(crate) fn total(&self) -> u64 {
        let duration = u128::from(self.duration.raw());
        let rate = (duration * u128::from(self.rate_per_sec)).div_ceil(NANOS_PER_SEC);
        let bursts = match self.burst {
            0 => 0,
            burst => duration.div_ceil(u128::from(self.every.raw().max(1))) * u128::from(burst),
        };
        let total = u64::try_from(rate + bursts).unwrap_or(u64::MAX);
        total.min(self.count_max)
    }

    /// When the next is meant to be sent; `None` behind the last.
    #[inline]
    pub(crate) fn peek(&self) -> Option<Nanos> {
        let next = self.next_of_rate().min(self.next_of_bursts());
        let is_over = self.count_max <= self.rate_done + self.burst_done || self.duration <= next;
        (!is_over).then(|| self.start.after(next))
    }

    #[inline]
    fn next_of_rate(&self) -> Nanos {
        if self.rate_per_sec == 0 {
            return Nanos::MAX;
        }
        let after = u128::from(self.rate_done) * NANOS_PER_SEC / u128::from(self.rate_per_sec);
        Nanos::from_raw(u64::try_from(after).unwrap_or(u64::MAX))
    }

    #[inline]
    fn next_of_bursts(&self) -> Nanos {
        match self.burst_done.checked_div(self.burst) {
            Some(bursts) => Nanos::from_raw(bursts.saturating_mul(self.every.raw())),
            None => Nanos::MAX,
        }
    }
}

impl Iterator for Schedule {
    type Item = Nanos;

    #[inline]
    fn next(&mut self) -> Option<Nanos> {
        let at = self.peek()?;
        match self.next_of_rate() <= self.next_of_bursts() {
            true => self.rate_done += 1,
            false => self.burst_done += 1,
        }
        Some(at)
    }
}

const NANOS_PER_SEC: u128 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn times(options: ScheduleOptions) -> Vec<u64> {
        let start = Nanos::from_secs(100);
        let schedule = Schedule::new(options, start);
        let total = schedule.total();
        let times: Vec<_> = schedule.map(|at| at.since(start).raw()).collect();
        assert_eq!(times.len() as u64, total);
        assert!(times.is_sorted());
        times
    }

    #[test]
    fn a_rate_is_even_and_never_drifts() {
        let options = ScheduleOptions {
            rate_per_sec: 3,
            duration: Nanos::from_secs(1_000_000),
            count_max: 3_000_000,
            ..ScheduleOptions::default()
        };
        let times = times(options);
        assert_eq!(times[..4], [0, 333_333_333, 666_666_666, 1_000_000_000]);
        assert_eq!(times[2_999_999], 999_999_666_666_666);
    }

    #[test]
    fn bursts_stand_on_top_of_the_rate() {
        let options = ScheduleOptions {
            rate_per_sec: 100,
            burst: 2,
            every: Nanos::from_millis(15),
            duration: Nanos::from_millis(35),
            count_max: u64::MAX,
        };
        let millis: Vec<_> = times(options).iter().map(|at| at / 1_000_000).collect();
        assert_eq!(millis, [0, 0, 0, 10, 15, 15, 20, 30, 30, 30]);
    }

    #[test]
    fn the_count_ends_it_before_the_duration() {
        let options = ScheduleOptions {
            rate_per_sec: 10,
            burst: 5,
            every: Nanos::from_secs(1),
            duration: Nanos::from_secs(60),
            count_max: 7,
        };
        assert_eq!(times(options).len(), 7);
    }

    #[test]
    fn the_times_do_not_wait_for_who_is_late() {
        let options = ScheduleOptions {
            rate_per_sec: 1_000,
            duration: Nanos::from_secs(1),
            count_max: u64::MAX,
            ..ScheduleOptions::default()
        };
        let mut schedule = Schedule::new(options, Nanos::ZERO);
        // A sender that stalls for 500 ms in virtual time: what it then sends was meant for before.
        let mut now = Nanos::from_millis(500);
        let mut latency_max = Nanos::ZERO;
        let mut late = 0;
        while let Some(intended) = schedule.peek().filter(|at| *at <= now) {
            schedule.next();
            latency_max = latency_max.max(now.since(intended));
            late += 1;
            now = now.after(Nanos::from_raw(10));
        }
        assert_eq!(late, 501);
        assert_eq!(latency_max, Nanos::from_millis(500));
    }
}
