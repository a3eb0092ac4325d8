//! Worth: what a quantity at a price is in money.
//!
//! Pure. Hot path of fills and prices.
//!
//! Amounts are in 1e-17 of the currency that a symbol settles in. A linear contract is worth price times
//! quantity times multiplier. An inverse one, whose size is in the currency of its price and which
//! settles in what is traded, is worth `-size / price`: so that for both what is bought lower and
//! sold higher is a gain.

use super::super::setup;
use crate::units::{Amount, Notional, Position, Price, Qty};

/// A multiplier, a rate of exchange: one.
pub(crate) const ONE: u64 = 1_000_000_000;

/// What turns prices of a symbol into money.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Contract {
    /// In 1e-9.
    multiplier: u64,
    is_inverse: bool,
}

impl Contract {
    /// That of a symbol; it may say nothing of a multiplier of one.
    pub(crate) const fn new(symbol: &setup::Symbol) -> Self {
        Self {
            multiplier: match symbol.multiplier {
                0 => ONE,
                multiplier => multiplier,
            },
            is_inverse: symbol.is_inverse,
        }
    }

    /// The multiplier in another currency, at a rate in 1e-9: rounded up, and never nothing.
    pub(crate) fn multiplier_at(self, rate: u64) -> u64 {
        let multiplier = mul_div(self.multiplier.into(), rate, ONE, true);
        u64::try_from(multiplier).unwrap_or(u64::MAX).max(1)
    }

    /// What buying costs, and what selling brings: negative for what brings on purchase. Rounded towards
    /// zero, so that both sides of a trade move the same. `None` for an inverse contract that is
    /// worth no number.
    pub(crate) fn traded(self, price: Price, qty: Qty) -> Option<Amount> {
        let magnitude = match self.is_inverse {
            false => {
                let product = price.notional(qty).raw();
                self.multiplied(product, false)
            }
            true => {
                let size = u128::from(qty.raw()) * u128::from(self.multiplier);
                let price = u64::try_from(price.raw())
                    .ok()
                    .filter(|price| *price != 0)?;
                mul_div(size, ONE, price, false)
            }
        };
        let amount = capped(magnitude);
        Some(match self.is_inverse || price.raw() < 0 {
            true => amount.negated(),
            false => amount,
        })
    }

    /// What a position is worth at half of `sum`, rounded down: towards less.
    pub(crate) fn held(self, sum: i128, position: Position) -> Option<Amount> {
        let qty = u128::from(position.raw().unsigned_abs());
        let is_short = position.raw() < 0;
        if self.is_inverse {
            let price = u64::try_from(sum).ok().filter(|sum| *sum != 0)?;
            let size = qty * u128::from(self.multiplier);
            let magnitude = mul_div(size, 2 * ONE, price, !is_short);
            let amount = capped(magnitude);
            return Some(if is_short { amount } else { amount.negated() });
        }
        let is_negative = is_short != (sum < 0);
        let product = sum.unsigned_abs().saturating_mul(qty);
        let doubled = self.multiplied(product, is_negative);
        let half = doubled / 2 + u128::from(is_negative && doubled % 2 == 1);
        let amount = capped(half);
        Some(if is_negative {
            amount.negated()
        } else {
            amount
        })
    }

    /// What divides and what multiplies a price where positions change in a ratio and are worth as much.
    pub(crate) const fn split_price(self, (new, old): (i128, i128)) -> (i128, i128) {
        match self.is_inverse {
            false => (new, old),
            true => (old, new),
        }
    }

    /// What one unit counts as then, rounded up; an inverse contract as much as before.
    pub(crate) fn split_mark(self, mark: Price, (new, old): (i128, i128)) -> Price {
        if self.is_inverse {
            return mark;
        }
        let worth = i128::from(mark.raw()).saturating_mul(old);
        let (whole, rest) = (worth / new, worth % new);
        let mark = i64::try_from(whole + i128::from(rest != 0));
        Price::from_raw(mark.unwrap_or(i64::MAX))
    }

    fn multiplied(self, product: u128, rounds_up: bool) -> u128 {
        match self.multiplier {
            ONE => product,
            multiplier => mul_div(product, multiplier, ONE, rounds_up),
        }
    }
}

/// An amount in another currency, at a rate in 1e-9: rounded down.
pub(crate) fn exchanged(amount: Amount, rate: u64) -> Amount {
    if rate == ONE {
        return amount;
    }
    let is_negative = amount.raw() < 0;
    let magnitude = mul_div(amount.raw().unsigned_abs(), rate, ONE, is_negative);
    let amount = capped(magnitude);
    if is_negative {
        amount.negated()
    } else {
        amount
    }
}

/// A part of an amount, rounded towards zero.
pub(crate) fn share(amount: Amount, part: u64, whole: u64) -> Amount {
    let magnitude = mul_div(amount.raw().unsigned_abs(), part, whole, false);
    // No part is larger than its whole.
    let magnitude = Amount::from_raw(i128::try_from(magnitude).unwrap_or(i128::MAX));
    match amount.raw() < 0 {
        true => magnitude.negated(),
        false => magnitude,
    }
}

/// The widest amount that one position is counted at: all sums of them fit.
pub(crate) const AMOUNT_MAX: u128 = Notional::EXPOSURE_MAX.raw() >> 2;

fn capped(magnitude: u128) -> Amount {
    Amount::from_raw(magnitude.min(AMOUNT_MAX) as i128)
}

/// `a * b / c` of which only the result must fit; the widest number where it does not. `c` is not zero.
pub(crate) fn mul_div(a: u128, b: u64, c: u64, rounds_up: bool) -> u128 {
    if let Some(product) = a.checked_mul(b.into()) {
        return match rounds_up {
            true => product.div_ceil(c.into()),
            false => product / u128::from(c),
        };
    }
    const LOW: u128 = u64::MAX as u128;
    let (b, c) = (u128::from(b), u128::from(c));
    let low = (a & LOW) * b;
    let high = (a >> 64) * b + (low >> 64);
    let (first, rest) = (high / c, high % c);
    let last = rest << 64 | low & LOW;
    if LOW < first {
        return u128::MAX;
    }
    let quotient = (first << 64) + last / c;
    match rounds_up && !last.is_multiple_of(c) {
        true => quotient.saturating_add(1),
        false => quotient,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_that_does_not_fit_is_divided_exactly() {
        // Of numbers small enough, as the plain division says; of wide ones, as it must be.
        for (a, b, c) in [(10, 3, 4), (7, u64::MAX, 2), (1 << 70, 5, 3)] {
            assert_eq!(mul_div(a, b, c, false), a * u128::from(b) / u128::from(c));
        }
        let wide = u128::MAX / 3;
        assert_eq!(mul_div(wide, 3_000, 1_000, false), wide * 3);
        assert_eq!(mul_div(u128::MAX, u64::MAX, u64::MAX, true), u128::MAX);
        assert_eq!(mul_div(u128::MAX, 3, 2, false), u128::MAX);
        assert_eq!(mul_div(u128::MAX, 1, 2, true), u128::MAX / 2 + 1);
        assert_eq!(mul_div(1 << 127, 7, 1 << 63, false), 7 << 64);
        assert_eq!(mul_div((1 << 127) + 1, 7, 1 << 63, true), (7 << 64) + 1);
    }

    fn contract(multiplier: u64, is_inverse: bool) -> Contract {
        Contract {
            multiplier,
            is_inverse,
        }
    }

    fn price(text: &str) -> Price {
        Price::parse(text).unwrap()
    }

    fn qty(text: &str) -> Qty {
        Qty::parse(text).unwrap()
    }

    fn amount(text: &str) -> Amount {
        Amount::parse(text).unwrap()
    }

    #[test]
    fn linear_contracts_are_worth_price_times_quantity_times_multiplier() {
        let plain = contract(ONE, false);
        assert_eq!(
            plain.traded(price("223.81"), qty("3")),
            Some(amount("671.43"))
        );
        assert_eq!(
            plain.traded(price("-37.63"), qty("1000")),
            Some(amount("-37630"))
        );
        let future = contract(50 * ONE, false);
        assert_eq!(
            future.traded(price("4321.25"), qty("2")),
            Some(amount("432125"))
        );
        let position = Position::from_raw(-300_000_000);
        let sum = i128::from(price("223.81").raw()) + i128::from(price("223.82").raw());
        assert_eq!(plain.held(sum, position), Some(amount("-671.445")));
        // Half of an odd number of the smallest unit: down, which for a debt is more.
        let one = Position::from_raw(1);
        assert_eq!(plain.held(3, one), Some(Amount::from_raw(1)));
        assert_eq!(plain.held(-3, one), Some(Amount::from_raw(-2)));
    }

    #[test]
    fn inverse_contracts_are_worth_less_the_lower_their_price() {
        // A hundred dollars a contract, settled in coin: bought at 50,000, sold at 60,000.
        let coin = contract(100 * ONE, true);
        let bought = coin.traded(price("50000"), qty("10")).unwrap();
        let sold = coin.traded(price("60000"), qty("10")).unwrap();
        assert_eq!(bought, amount("-0.02"));
        assert_eq!(sold, amount("-0.01666666666666666"));
        let gain = sold.raw() - bought.raw();
        assert_eq!(Amount::from_raw(gain), amount("0.00333333333333334"));
        assert_eq!(coin.traded(price("0"), qty("1")), None);
        let long = Position::from_raw(1_000_000_000);
        let sum = 2 * i128::from(price("60000").raw());
        assert_eq!(coin.held(sum, long), Some(amount("-0.01666666666666667")));
        assert_eq!(coin.held(0, long), None);
    }
}
