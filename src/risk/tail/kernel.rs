//! Kernel: the sweeps over all scenarios of one book.
//!
//! Pure. Hot path.
//!
//! Plain loops over slices of one length, without a branch inside, so that they become vector
//! instructions; each is compiled for several widths of vectors, of which the processor takes the widest
//! it has. All are integers: the width changes no result. Sums wrap where they could not fit: the caller
//! has seen to it that no loss is beyond [`LOSS_MAX`].

use multiversion::multiversion;
use std::array::from_fn;
use std::hint::black_box;

/// The widest loss there may be, in loss units: with one more as wide added it still fits.
pub(super) const LOSS_MAX: i64 = 1 << 60;

/// So many scenarios are worked on at once. For each such block the factor is taken out of sight and back:
/// so the compiler sees beside each multiplication that it is narrow, and takes one instruction of one step
/// for it where it would take one of three, or four of them.
const BLOCK: usize = 32;

/// So many sums are kept side by side.
const LANES: usize = 8;

/// What losses go beyond a threshold, added up, each cut to whole multiples of a power of two: so the
/// sum fits a word, of up to 2^13 scenarios.
#[derive(Clone, Copy, Default)]
pub(super) struct Excess {
    cut: u64,
    count: u64,
}

const CUT_BITS: u32 = 11;

impl Excess {
    /// No less than the sum, and hardly more.
    pub(super) fn at_most(self) -> i128 {
        i128::from(self.cut + self.count) << CUT_BITS
    }
}

/// Changes what is held by so much: each scenario's loss follows, exactly.
#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl", "x86_64+avx2"))]
pub(super) fn fold(losses: &mut [i64], per_unit: &[u32], change: i64) {
    let Ok(size) = u32::try_from(change.unsigned_abs()) else {
        for (loss, unit) in losses.iter_mut().zip(per_unit) {
            *loss = loss.wrapping_add(wide(change, *unit));
        }
        return;
    };
    let fold_each = |size: u32, losses: &mut [i64], units: &[u32]| {
        for (loss, unit) in losses.iter_mut().zip(units) {
            *loss = match change < 0 {
                true => loss.wrapping_sub(narrow(size, *unit)),
                false => loss.wrapping_add(narrow(size, *unit)),
            };
        }
    };
    // Vectors are filled up to whole lines, behind the last scenario.
    let count = losses.len().min(per_unit.len());
    let (blocks, rest) = losses[..count].as_chunks_mut::<BLOCK>();
    let (units, units_rest) = per_unit[..count].as_chunks::<BLOCK>();
    for (block, units) in blocks.iter_mut().zip(units) {
        fold_each(black_box(size), block, units);
    }
    fold_each(size, rest, units_rest);
}

/// How many scenarios lose more than `limit` with so much more held.
#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl", "x86_64+avx2"))]
pub(super) fn count_above(losses: &[i64], per_unit: &[u32], more: i64, limit: i64) -> u64 {
    let is_above = |loss: i64| u64::from(limit < loss);
    let Ok(size) = u32::try_from(more) else {
        let pairs = losses.iter().zip(per_unit);
        let losses = pairs.map(|(loss, unit)| loss.wrapping_add(wide(more, *unit)));
        return losses.map(is_above).sum();
    };
    let count = losses.len().min(per_unit.len());
    let (blocks, rest) = losses[..count].as_chunks::<BLOCK>();
    let (units, units_rest) = per_unit[..count].as_chunks::<BLOCK>();
    let mut counts = [0u64; LANES];
    for (losses, units) in blocks.iter().zip(units) {
        let size = black_box(size);
        for (losses, units) in lines(losses).iter().zip(lines(units)) {
            let loss = |lane: usize| losses[lane].wrapping_add(narrow(size, units[lane]));
            let above: [u64; LANES] = from_fn(|lane| is_above(loss(lane)));
            counts = from_fn(|lane| counts[lane].wrapping_add(above[lane]));
        }
    }
    let pairs = rest.iter().zip(units_rest);
    let rest = pairs.map(|(loss, unit)| loss.wrapping_add(narrow(size, *unit)));
    rest.map(is_above).chain(counts).sum()
}

/// A block by lines.
#[inline(always)]
fn lines<T>(block: &[T; BLOCK]) -> &[[T; LANES]] {
    block.as_chunks().0
}

/// How many scenarios lose more than `limit`, and what they lose beyond `threshold`, all of them together.
#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl", "x86_64+avx2"))]
pub(super) fn sweep(
    losses: &[i64],
    per_unit: &[u32],
    more: i64,
    (limit, threshold): (i64, i64),
) -> (u64, Excess) {
    let (mut count, mut cut) = (0u64, 0u64);
    let mut look = |loss: i64| {
        count = count.wrapping_add(u64::from(limit < loss));
        let beyond = loss.wrapping_sub(threshold).max(0) as u64;
        cut = cut.wrapping_add(beyond >> CUT_BITS);
    };
    let pairs = losses.iter().zip(per_unit);
    match u32::try_from(more) {
        Ok(size) => {
            for (loss, unit) in pairs {
                look(loss.wrapping_add(narrow(size, *unit)));
            }
        }
        Err(_) => {
            for (loss, unit) in pairs {
                look(loss.wrapping_add(wide(more, *unit)));
            }
        }
    }
    let excess = Excess {
        cut,
        count: losses.len() as u64,
    };
    (count, excess)
}

/// The largest loss with so much more held; nothing of no scenario.
pub(super) fn largest(losses: &[i64], per_unit: &[u32], more: i64) -> Option<i64> {
    let pairs = losses.iter().zip(per_unit);
    pairs
        .map(|(loss, unit)| loss.wrapping_add(wide(more, *unit)))
        .max()
}

#[inline(always)]
const fn narrow(size: u32, unit: u32) -> i64 {
    (size as u64).wrapping_mul(unit as u64) as i64
}

#[inline(always)]
pub(super) const fn wide(size: i64, unit: u32) -> i64 {
    size.wrapping_mul(unit as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_of_scenarios_is_swept_as_one_by_one() {
        let mut state = 88_172_645_463_325_252u64;
        let mut random = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        for count in 0..100usize {
            // Filled up, as a book's vector is.
            let length = count.next_multiple_of(LANES);
            for bits in [8, 31, 33, 45] {
                let losses: Vec<i64> = (0..length)
                    .map(|_| (random() >> 14) as i64 - (1 << 49))
                    .collect();
                let units: Vec<u32> = (0..count).map(|_| random() as u32 >> 17).collect();
                let more = (random() >> (64 - bits)) as i64;
                let (limit, threshold) = (losses.first().copied().unwrap_or(0), -(1 << 40));
                for change in [more, -more] {
                    let mut folded = losses.clone();
                    fold(&mut folded, &units, change);
                    for (at, (was, is)) in losses.iter().zip(&folded).enumerate() {
                        let unit = units.get(at).copied().unwrap_or(0);
                        assert_eq!(*is, was + change * i64::from(unit), "{count} {change}");
                    }
                }
                let pairs = losses.iter().zip(&units);
                let after: Vec<i64> = pairs.map(|(l, unit)| l + more * i64::from(*unit)).collect();
                let above = after.iter().filter(|loss| limit < **loss).count() as u64;
                let beyond = after
                    .iter()
                    .map(|loss| i128::from((loss - threshold).max(0)));
                let beyond: i128 = beyond.sum();
                let losses = &losses[..count];
                assert_eq!(
                    count_above(losses, &units, more, limit),
                    above,
                    "{count} {more}"
                );
                let (count_too, excess) = sweep(losses, &units, more, (limit, threshold));
                assert_eq!(count_too, above, "{count} {more}");
                let room = (count as i128) << CUT_BITS;
                let is_near = (beyond..=beyond + room).contains(&excess.at_most());
                assert!(is_near, "{count} {more}: {beyond} {}", excess.at_most());
            }
        }
    }
}
