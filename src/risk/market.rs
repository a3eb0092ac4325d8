//! Reference prices: what orders are measured by, and whether they may be.
//!
//! Pure. Hot path.
//!
//! A crossed price, a zero, or a jump that nothing has confirmed makes the reference unusable until
//! a good price comes: when in doubt about the market, the gate is shut. Age counts from the time the
//! gate received the price.

use super::core::Core;
use super::decision::Outcome;
use super::setup;
use crate::message::Quote;
use crate::units::{Nanos, Price};

pub(super) const SCALE: i128 = 100_000_000;

/// What is known of one symbol's price.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reference {
    good: Option<Good>,
    is_usable: bool,
    /// Twice the mid of a jump that waits for confirmation, and how many it has.
    candidate: Option<(i128, u32)>,
}

/// The last price that was believed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Good {
    /// Bid plus ask: twice the mid, so that nothing is rounded.
    pub(super) sum: i128,
    ask: Price,
    time: Nanos,
}

/// Whether orders may be measured by it now.
pub(super) enum Standing {
    Fresh(Good),
    Absent,
    Unusable,
    Stale(Nanos),
}

impl Reference {
    #[inline]
    pub(super) fn standing(&self, now: Nanos, age_max: Nanos) -> Standing {
        match self.good {
            Some(_) if !self.is_usable => Standing::Unusable,
            None => Standing::Absent,
            Some(good) if age_max < now.since(good.time) => Standing::Stale(now.since(good.time)),
            Some(good) => Standing::Fresh(good),
        }
    }

    /// Twice the mid, and when it came.
    pub(super) fn last_good(&self) -> Option<(i128, Nanos)> {
        self.good.map(|good| (good.sum, good.time))
    }

    /// True where the last price could be believed.
    pub(super) const fn is_usable(&self) -> bool {
        self.is_usable
    }

    /// Takes a price in; true where it is believed.
    fn take(&mut self, symbol: &setup::Symbol, quote: &Quote, now: Nanos) -> Option<Outcome> {
        let (bid, ask) = (quote.bid.raw(), quote.ask.raw());
        let may_be_negative = symbol.price_min.is_some_and(|min| min.raw() < 0);
        if ask < bid || bid == 0 || ask == 0 || (bid < 0 || ask < 0) && !may_be_negative {
            self.is_usable = false;
            self.candidate = None;
            return Some(Outcome::Implausible);
        }
        let sum = i128::from(bid) + i128::from(ask);
        if let (Some(good), Some(jump)) = (self.good, symbol.jump)
            && symbol.jump_confirmations != 0
            && is_far(sum, good.sum, jump)
        {
            let confirmed = match self.candidate {
                Some((near, count)) if !is_far(sum, near, jump) => count + 1,
                _ => 0,
            };
            if confirmed < symbol.jump_confirmations {
                self.candidate = Some((sum, confirmed));
                self.is_usable = false;
                return Some(Outcome::Applied);
            }
        }
        *self = Self {
            good: Some(Good {
                sum,
                ask: quote.ask,
                time: now,
            }),
            is_usable: true,
            candidate: None,
        };
        None
    }
}

impl Good {
    /// What one unit of a market order may cost at the worst: the collar's upper edge, or the ask
    /// if that is higher, for either side. Rounded up.
    #[inline]
    pub(super) fn market_value(&self, collar: u64) -> Price {
        let scaled = self.sum.abs().saturating_mul(SCALE + i128::from(collar));
        let edge = (scaled + 2 * SCALE - 1) / (2 * SCALE);
        let ask = i128::from(self.ask.raw()).abs();
        Price::from_raw(i64::try_from(edge.max(ask)).unwrap_or(i64::MAX))
    }

    /// How long ago it came.
    pub(super) fn age(&self, now: Nanos) -> Nanos {
        now.since(self.time)
    }

    /// True where twice a price is further from twice the mid than the collar lets it be.
    #[inline]
    pub(super) fn is_outside(&self, collar: u64, distance: u128) -> bool {
        // Two prices and a collar of 64 bits each: neither product can wrap.
        let band = match u64::try_from(self.sum.unsigned_abs()) {
            Ok(sum) => u128::from(collar) * u128::from(sum),
            Err(_) => u128::from(collar) * self.sum.unsigned_abs(),
        };
        band < distance * SCALE.unsigned_abs()
    }

    /// The last price inside the collar, above or below. Rounded inwards.
    pub(super) fn collar_bound(&self, collar: u64, above: bool) -> i128 {
        let band = i128::from(collar) * self.sum.abs();
        if above {
            (self.sum * SCALE + band).div_euclid(2 * SCALE)
        } else {
            -(-(self.sum * SCALE - band)).div_euclid(2 * SCALE)
        }
    }

    /// What a unit of a position is worth: the mid, rounded up.
    fn mark(&self) -> Price {
        Price::from_raw(i64::try_from((self.sum.abs() + 1) / 2).unwrap_or(i64::MAX))
    }
}

pub(super) fn is_far(sum: i128, from: i128, jump: u64) -> bool {
    i128::from(jump) * from.abs() < (sum - from).abs() * SCALE
}

impl Core {
    /// Takes a price in.
    pub(super) fn quote(&mut self, quote: &Quote, now: Nanos) -> Outcome {
        let at = quote.symbol.0 as usize;
        let (Some(symbol), Some(reference)) = (self.quoted.get(at), self.references.get_mut(at))
        else {
            return Outcome::Implausible;
        };
        if let Some(outcome) = reference.take(symbol, quote, now) {
            return outcome;
        }
        if let Some(good) = reference.good {
            if let Some(moves) = &mut self.symbols[at].moves {
                moves.note(good.sum, now);
            }
            self.exposure.revalue(quote.symbol.0, good.mark());
        }
        Outcome::Applied
    }
}
