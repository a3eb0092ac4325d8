//! Kernel: the sweeps over all scenarios of one book.
//!
//! Pure. Hot path.
//!
//! Plain loops over slices of one length, without a branch inside, so that they become vector
//! instructions on every processor. Sums wrap where they could not fit: the caller has seen to it that
//! no loss is beyond [`LOSS_MAX`].

/// The widest loss there may be, in loss units: with one more as wide added it still fits.
pub(super) const LOSS_MAX: i64 = 1 << 60;

/// What falls off an excess before it is added up, so that those of all scenarios fit together.
const EXCESS_SHIFT: u32 = 14;

/// Changes what is held by so much: each scenario's loss follows, exactly.
pub(super) fn fold(losses: &mut [i64], per_unit: &[u32], change: i64) {
    let pairs = losses.iter_mut().zip(per_unit);
    match u32::try_from(change.unsigned_abs()) {
        // Narrow factors are one multiplication for each lane.
        Ok(size) if 0 <= change => {
            pairs.for_each(|(loss, unit)| *loss = loss.wrapping_add(narrow(size, *unit)));
        }
        Ok(size) => {
            pairs.for_each(|(loss, unit)| *loss = loss.wrapping_sub(narrow(size, *unit)));
        }
        Err(_) => {
            pairs.for_each(|(loss, unit)| *loss = loss.wrapping_add(wide(change, *unit)));
        }
    }
}

/// How many scenarios lose more than `limit` with so much more held.
#[inline]
pub(super) fn count_above(losses: &[i64], per_unit: &[u32], more: i64, limit: i64) -> u64 {
    let pairs = losses.iter().zip(per_unit);
    // The sign of what is left below the limit.
    let is_above = |loss: &i64, added: i64| (limit.wrapping_sub(*loss).wrapping_sub(added)) as u64 >> 63;
    let count = |sum: u64, above: u64| sum.wrapping_add(above);
    match u32::try_from(more) {
        Ok(size) => pairs
            .map(|(loss, unit)| is_above(loss, narrow(size, *unit)))
            .fold(0, count),
        Err(_) => pairs
            .map(|(loss, unit)| is_above(loss, wide(more, *unit)))
            .fold(0, count),
    }
}

/// A bound on what scenarios lose beyond `threshold` with so much more held, all of them together, in
/// 2^14 loss units: never less than it is.
#[inline]
pub(super) fn excess_above(losses: &[i64], per_unit: &[u32], more: i64, threshold: i64) -> u64 {
    let pairs = losses.iter().zip(per_unit);
    let excess = |loss: &i64, added: i64| {
        let excess = loss.wrapping_add(added).wrapping_sub(threshold);
        (excess & !(excess >> 63)) as u64 >> EXCESS_SHIFT
    };
    let add = |sum: u64, excess: u64| sum.wrapping_add(excess);
    let whole = match u32::try_from(more) {
        Ok(size) => pairs
            .map(|(loss, unit)| excess(loss, narrow(size, *unit)))
            .fold(0, add),
        Err(_) => pairs
            .map(|(loss, unit)| excess(loss, wide(more, *unit)))
            .fold(0, add),
    };
    // What fell off is less than one of each.
    whole + losses.len() as u64
}

/// As many loss units as [`excess_above`] counts.
pub(super) const fn excess_of(whole: u64) -> i128 {
    (whole as i128) << EXCESS_SHIFT
}

/// The largest loss with so much more held; nothing of no scenario.
#[inline]
pub(super) fn largest(losses: &[i64], per_unit: &[u32], more: i64) -> Option<i64> {
    let pairs = losses.iter().zip(per_unit);
    pairs
        .map(|(loss, unit)| loss.wrapping_add(wide(more, *unit)))
        .max()
}

#[inline(always)]
fn narrow(size: u32, unit: u32) -> i64 {
    u64::from(size).wrapping_mul(u64::from(unit)) as i64
}

#[inline(always)]
pub(super) fn wide(size: i64, unit: u32) -> i64 {
    size.wrapping_mul(i64::from(unit))
}
