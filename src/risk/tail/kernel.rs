//! Kernel: the sweeps over all scenarios of one book.
//!
//! Pure. Hot path.
//!
//! Plain loops over slices of one length, without a branch inside, so that they become vector
//! instructions; each is compiled for several widths of vectors, of which the processor takes the widest
//! it has. All are integers: the width changes no result. Sums wrap where they could not fit: the caller
//! has seen to it that no loss is beyond [`LOSS_MAX`].

use multiversion::multiversion;

/// The widest loss there may be, in loss units: with one more as wide added it still fits.
pub(super) const LOSS_MAX: i64 = 1 << 60;

/// What losses go beyond a threshold, added up: the low halves, and the high ones.
#[derive(Clone, Copy, Default)]
pub(super) struct Excess {
    low: u64,
    high: u64,
}

impl Excess {
    pub(super) fn sum(&self) -> i128 {
        i128::from(self.low) + (i128::from(self.high) << 32)
    }
}

/// Changes what is held by so much: each scenario's loss follows, exactly.
#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl", "x86_64+avx2"))]
pub(super) fn fold(losses: &mut [i64], per_unit: &[u32], change: i64) {
    let pairs = losses.iter_mut().zip(per_unit);
    match u32::try_from(change.unsigned_abs()) {
        // Narrow factors are one multiplication for each lane.
        Ok(size) if 0 <= change => {
            for (loss, unit) in pairs {
                *loss = loss.wrapping_add(narrow(size, *unit));
            }
        }
        Ok(size) => {
            for (loss, unit) in pairs {
                *loss = loss.wrapping_sub(narrow(size, *unit));
            }
        }
        Err(_) => {
            for (loss, unit) in pairs {
                *loss = loss.wrapping_add(wide(change, *unit));
            }
        }
    }
}

/// How many scenarios lose more than `limit` with so much more held.
#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl", "x86_64+avx2"))]
pub(super) fn count_above(losses: &[i64], per_unit: &[u32], more: i64, limit: i64) -> u64 {
    let pairs = losses.iter().zip(per_unit);
    let mut count = 0u64;
    match u32::try_from(more) {
        Ok(size) => {
            for (loss, unit) in pairs {
                count = count.wrapping_add(is_above(*loss, narrow(size, *unit), limit));
            }
        }
        Err(_) => {
            for (loss, unit) in pairs {
                count = count.wrapping_add(is_above(*loss, wide(more, *unit), limit));
            }
        }
    }
    count
}

/// The same, and what scenarios lose beyond `threshold`, all of them together.
#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl", "x86_64+avx2"))]
pub(super) fn sweep(
    losses: &[i64],
    per_unit: &[u32],
    more: i64,
    (limit, threshold): (i64, i64),
) -> (u64, Excess) {
    let pairs = losses.iter().zip(per_unit);
    let (mut count, mut low, mut high) = (0u64, 0u64, 0u64);
    let mut look = |loss: i64, added: i64| {
        count = count.wrapping_add(is_above(loss, added, limit));
        let excess = beyond(loss, added, threshold);
        low = low.wrapping_add(excess & u64::from(u32::MAX));
        high = high.wrapping_add(excess >> 32);
    };
    match u32::try_from(more) {
        Ok(size) => {
            for (loss, unit) in pairs {
                look(*loss, narrow(size, *unit));
            }
        }
        Err(_) => {
            for (loss, unit) in pairs {
                look(*loss, wide(more, *unit));
            }
        }
    }
    (count, Excess { low, high })
}

/// The largest loss with so much more held; nothing of no scenario.
pub(super) fn largest(losses: &[i64], per_unit: &[u32], more: i64) -> Option<i64> {
    let pairs = losses.iter().zip(per_unit);
    pairs
        .map(|(loss, unit)| loss.wrapping_add(wide(more, *unit)))
        .max()
}

/// One where a loss is above the limit: the sign of what is left below it.
#[inline(always)]
const fn is_above(loss: i64, added: i64, limit: i64) -> u64 {
    limit.wrapping_sub(loss).wrapping_sub(added) as u64 >> 63
}

/// By how much a loss is above the threshold, if it is.
#[inline(always)]
const fn beyond(loss: i64, added: i64, threshold: i64) -> u64 {
    let excess = loss.wrapping_add(added).wrapping_sub(threshold);
    (excess & !(excess >> 63)) as u64
}

#[inline(always)]
const fn narrow(size: u32, unit: u32) -> i64 {
    (size as u64).wrapping_mul(unit as u64) as i64
}

#[inline(always)]
pub(super) const fn wide(size: i64, unit: u32) -> i64 {
    size.wrapping_mul(unit as i64)
}
