//! Fees: what a fill costs where its broker does not say.
//!
//! Pure. Cold beside orders: touched by fills.
//!
//! A schedule is over a whole order: so much a unit and so much of the value, no less than a minimum, no
//! more than a cap. Each fill is charged what the order then comes to, less what was charged before, so
//! that an order in many parts costs what it costs in one.

use super::worth::mul_div;
use crate::units::{Amount, Money, OrderId, Qty};

/// A schedule.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Fees {
    /// Of what stood and was met.
    pub maker: FeeRate,
    /// Of what met; and of what nobody says of.
    pub taker: FeeRate,
    /// What an order costs at the least, once something of it has filled.
    pub order_min: Option<Money>,
    /// What it costs at the most.
    pub order_max: Option<Money>,
    /// The same as a share of its value, in 1e-8.
    pub order_share_max: Option<u64>,
}

/// What a fill costs: a rebate is negative.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct FeeRate {
    /// For one unit: a share, a contract.
    pub per_unit: Money,
    /// Of its value, in 1e-8: a basis point is 10,000.
    pub of_value: i64,
}

/// What an order was charged.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Charged {
    /// Of which order: a slot is used again.
    order_id: OrderId,
    /// By the rates alone.
    rated: Amount,
    value: u128,
    charged: Amount,
}

/// Shares are in 1e-8.
const SHARE: u64 = 100_000_000;

impl Fees {
    /// What a fill of an order costs now: its value is in the currency of the fee, without a sign.
    pub(crate) fn charge(
        &self,
        charged: &mut Charged,
        order_id: OrderId,
        (qty, value): (Qty, u128),
        is_maker: bool,
    ) -> Amount {
        if charged.order_id != order_id {
            *charged = Charged {
                order_id,
                ..Charged::default()
            };
        }
        let rate = if is_maker { self.maker } else { self.taker };
        // Quantity in 1e-8 and money in 1e-9 make an amount in 1e-17.
        let by_unit = i128::from(rate.per_unit.raw()).saturating_mul(qty.raw().into());
        let by_value = mul_div(value, rate.of_value.unsigned_abs(), SHARE, false);
        let by_value = i128::try_from(by_value).unwrap_or(i128::MAX);
        let by_value = if rate.of_value < 0 {
            -by_value
        } else {
            by_value
        };
        charged.rated = charged
            .rated
            .plus(Amount::from_raw(by_unit))
            .plus(Amount::from_raw(by_value));
        charged.value = charged.value.saturating_add(value);
        let mut total = charged.rated;
        if let Some(min) = self.order_min {
            total = total.max(min.into());
        }
        if let Some(max) = self.order_max {
            total = total.min(max.into());
        }
        if let Some(share) = self.order_share_max {
            let max = mul_div(charged.value, share, SHARE, false);
            total = total.min(Amount::from_raw(i128::try_from(max).unwrap_or(i128::MAX)));
        }
        let fee = total.less(charged.charged);
        charged.charged = total;
        fee
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(text: &str) -> Money {
        Money::parse(text).unwrap()
    }

    fn amounts(fees: &Fees, fills: &[(&str, &str, bool)]) -> Vec<String> {
        let mut charged = Charged::default();
        let id = OrderId::new(1, 0);
        let charge = |(qty, value, is_maker): &(&str, &str, bool)| {
            let value = Amount::parse(value).unwrap().raw().unsigned_abs();
            let fill = (Qty::parse(qty).unwrap(), value);
            fees.charge(&mut charged, id, fill, *is_maker).to_string()
        };
        fills.iter().map(charge).collect()
    }

    #[test]
    fn an_order_in_many_parts_costs_what_it_costs_in_one() {
        // Half a cent a share, at least a dollar, at most one per cent of the value.
        let fees = Fees {
            taker: FeeRate {
                per_unit: money("0.005"),
                of_value: 0,
            },
            order_min: Some(money("1")),
            order_share_max: Some(1_000_000),
            ..Fees::default()
        };
        let parts = [
            ("100", "1000", false),
            ("100", "1000", false),
            ("800", "8000", false),
        ];
        assert_eq!(amounts(&fees, &parts), ["1", "0", "4"]);
        assert_eq!(amounts(&fees, &[("1000", "10000", false)]), ["5"]);
        // The cap holds the minimum back where an order is small.
        assert_eq!(amounts(&fees, &[("1", "20", false)]), ["0.2"]);
    }

    #[test]
    fn makers_and_takers_are_charged_apart_and_a_rebate_is_paid() {
        let fees = Fees {
            maker: FeeRate {
                per_unit: money("0"),
                of_value: -10_000,
            },
            taker: FeeRate {
                per_unit: money("0"),
                of_value: 40_000,
            },
            ..Fees::default()
        };
        let parts = [("1", "50000", true), ("1", "50000", false)];
        assert_eq!(amounts(&fees, &parts), ["-5", "20"]);
    }

    #[test]
    fn another_order_in_the_slot_is_charged_anew() {
        let fees = Fees {
            order_min: Some(money("1")),
            ..Fees::default()
        };
        let mut charged = Charged::default();
        for serial in 1..=2 {
            let id = OrderId::new(serial, 0);
            let fee = fees.charge(&mut charged, id, (Qty::ZERO, 0), false);
            assert_eq!(fee, money("1").into());
        }
    }
}
