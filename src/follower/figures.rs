//! Figures: the shares, averages and risk levels that people are shown.
//!
//! Pure. Cold. Whatever is divided for a view is divided here, and has an answer where it is divided by
//! nothing: a part of nothing is no share, and nothing is no part of anything.

use crate::risk::setup::Symbol;
use crate::risk::view::LevelView;
use crate::units::{Amount, Position, Price, write_decimal};

/// In millionths.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Share(i64);

/// How near a level is to what it may lose.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum RiskLevel {
    /// Less than half of each limit is used.
    Low,
    /// Half of one is, or more.
    Medium,
    /// As much of one as operators want to be warned at.
    High,
    /// All of one, or the level is halted.
    Critical,
}

/// What a level is worth over time: all in the firm's currency.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Worth {
    /// Capital and profit.
    pub(crate) equity: Amount,
    /// Earned since the day began, or since persons raised the level in it.
    pub(crate) day_profit: Amount,
    /// Of the equity that there was then.
    pub(crate) day_share: Option<Share>,
    /// The highest equity, since persons last raised the level.
    pub(crate) equity_peak: Amount,
    /// How far below it is now.
    pub(crate) drawdown: Amount,
    /// Of that peak.
    pub(crate) drawdown_share: Option<Share>,
    /// How far below its peak it ever was.
    pub(crate) drawdown_max: Amount,
    /// Of the peak from which it fell so far.
    pub(crate) drawdown_max_share: Option<Share>,
}

impl Share {
    /// The whole.
    pub(crate) const ONE: Self = Self(MILLION as i64);

    /// From millionths.
    pub(crate) const fn from_raw(raw: i64) -> Self {
        Self(raw)
    }

    /// What part of a whole something is, rounded towards zero. Nothing is no part of anything; any other
    /// part of nothing, or of what is owed, is no share.
    pub(crate) fn of(part: Amount, whole: Amount) -> Option<Self> {
        if part == Amount::ZERO {
            return Some(Self(0));
        }
        if whole.raw() <= 0 {
            return None;
        }
        let (part, is_less) = (part.raw().unsigned_abs(), part.raw() < 0);
        let share = times_over(part, MILLION, whole.raw().unsigned_abs());
        let share = i64::try_from(share).unwrap_or(i64::MAX);
        Some(Self(if is_less { -share } else { share }))
    }

    /// How much of a limit is used, where so much was lost. All of it, where anything was and nothing may
    /// be.
    pub(crate) fn used(limit: Amount, lost: Amount) -> Self {
        match lost.raw() <= 0 {
            true => Self(0),
            false => Self::of(lost, limit).unwrap_or(Self::ONE),
        }
    }
}

impl std::fmt::Display for Share {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write_decimal(out, self.0.into(), SHARE_DIGITS)
    }
}

impl RiskLevel {
    /// From the largest used share of any limit on losses. Where nobody is to be warned, `warn_share` is
    /// taken for four fifths.
    pub(crate) fn of(used: Share, warn_share: u32, is_halted: bool) -> Self {
        let warn_share = match warn_share {
            0 => 800_000,
            share => i64::from(share),
        };
        match used {
            _ if is_halted => Self::Critical,
            used if Share::ONE <= used => Self::Critical,
            used if Share(warn_share) <= used => Self::High,
            used if Share(Share::ONE.0 / 2) <= used => Self::Medium,
            _ => Self::Low,
        }
    }

    /// As users read it.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl Worth {
    /// Of a level that has so much capital.
    pub(crate) fn of(level: &LevelView, capital: Amount) -> Self {
        let day_profit = level.profit.less(level.profit_before);
        let equity_peak = capital.plus(level.profit_peak);
        let drawdown = level.profit_peak.less(level.profit).max(Amount::ZERO);
        Self {
            equity: capital.plus(level.profit),
            day_profit,
            day_share: Share::of(day_profit, capital.plus(level.profit_before)),
            equity_peak,
            drawdown,
            drawdown_share: Share::of(drawdown, equity_peak),
            drawdown_max: level.drawdown_peak,
            drawdown_max_share: Share::of(level.drawdown_peak, capital.plus(level.drawdown_from)),
        }
    }
}

/// The price at which a position would have cost what it has, rounded towards zero; `None` where there is
/// no position, or no such price.
pub(crate) fn average_price(symbol: &Symbol, position: Position, cost: Amount) -> Option<Price> {
    let qty = u128::from(position.raw().unsigned_abs());
    let multiplier = u128::from(match symbol.multiplier {
        0 => ONE,
        multiplier => multiplier,
    });
    let size = qty * multiplier;
    let magnitude = cost.raw().unsigned_abs();
    let price = match symbol.is_inverse {
        _ if qty == 0 => return None,
        // A quantity in 1e-8 times a multiplier in 1e-9 is an amount in 1e-17.
        false => times_over(magnitude, ONE, size),
        true if magnitude == 0 => return None,
        true => times_over(size, ONE, magnitude),
    };
    let price = i64::try_from(price).ok()?;
    let is_below_zero = (cost.raw() < 0) != (position.raw() < 0) && cost != Amount::ZERO;
    let price = if is_below_zero != symbol.is_inverse {
        -price
    } else {
        price
    };
    Some(Price::from_raw(price))
}

/// `a * b / c`, rounded down, or the widest number; `c` is not zero, and at most 2^127.
fn times_over(a: u128, b: u64, c: u128) -> u128 {
    const LOW: u128 = u64::MAX as u128;
    let low = (a & LOW) * u128::from(b);
    let high = (a >> 64) * u128::from(b) + (low >> 64);
    let (mut quotient, mut rest, mut is_too_wide) = (0u128, 0u128, false);
    let bits = |digits: u128, count: u32| (0..count).rev().map(move |bit| digits >> bit & 1);
    for bit in bits(high, 128).chain(bits(low & LOW, 64)) {
        rest = rest << 1 | bit;
        is_too_wide |= quotient >> 127 == 1;
        quotient <<= 1;
        if c <= rest {
            rest -= c;
            quotient |= 1;
        }
    }
    if is_too_wide { u128::MAX } else { quotient }
}

const MILLION: u64 = 1_000_000;
const SHARE_DIGITS: u32 = 6;
const ONE: u64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Notional;
    use proptest::prelude::*;

    fn amount(text: &str) -> Amount {
        Amount::parse(text).unwrap()
    }

    fn level(profit: [Amount; 5]) -> LevelView {
        let [
            profit,
            profit_before,
            profit_peak,
            drawdown_peak,
            drawdown_from,
        ] = profit;
        LevelView {
            open_count: 0,
            open_notional: Notional::ZERO,
            open_notional_peak: Notional::ZERO,
            gross: Notional::ZERO,
            net: [0; 2],
            profit,
            profit_before,
            profit_peak,
            drawdown_peak,
            drawdown_from,
            blind_count: 0,
            is_halted: false,
            is_killed: false,
        }
    }

    #[test]
    fn an_account_up_a_tenth_and_down_from_its_peak() {
        let of = level(["50", "-50", "200", "300", "100"].map(amount));
        let worth = Worth::of(&of, amount("1000"));
        assert_eq!(
            (worth.equity, worth.equity_peak),
            (amount("1050"), amount("1200"))
        );
        assert_eq!(
            (worth.day_profit, worth.drawdown),
            (amount("100"), amount("150"))
        );
        let shares = [
            worth.day_share,
            worth.drawdown_share,
            worth.drawdown_max_share,
        ];
        let shares = shares.map(|share| share.unwrap().to_string());
        assert_eq!(shares, ["0.105263", "0.125", "0.272727"]);
    }

    #[test]
    fn a_share_of_nothing_or_of_what_is_owed_is_none_and_nothing_is_no_part_of_it() {
        for whole in ["0", "-5"] {
            assert_eq!(Share::of(amount("1"), amount(whole)), None);
            assert_eq!(Share::of(amount("-1"), amount(whole)), None);
            assert_eq!(Share::of(Amount::ZERO, amount(whole)), Some(Share(0)));
        }
        // An account without capital that loses: how much stands there, what part of it does not.
        let of = level(["-3", "0", "0", "3", "0"].map(amount));
        let worth = Worth::of(&of, Amount::ZERO);
        assert_eq!((worth.equity, worth.drawdown), (amount("-3"), amount("3")));
        assert_eq!((worth.day_share, worth.drawdown_share), (None, None));
    }

    #[test]
    fn the_risk_level_follows_the_largest_used_share() {
        use RiskLevel::*;
        let used = |lost| Share::used(amount("100"), amount(lost));
        for (lost, level) in [
            ("-10", Low),
            ("0", Low),
            ("49.99999", Low),
            ("50", Medium),
            ("79.99999", Medium),
            ("80", High),
            ("99.99999999999999999", High),
            ("100", Critical),
            ("1000", Critical),
        ] {
            assert_eq!(RiskLevel::of(used(lost), 800_000, false), level, "{lost}");
            assert_eq!(RiskLevel::of(used(lost), 0, false), level, "{lost}");
            assert_eq!(RiskLevel::of(used(lost), 800_000, true), Critical);
        }
        // Who wants to be warned early sees it early.
        assert_eq!(RiskLevel::of(used("30"), 300_000, false), High);
        // Nothing may be lost.
        let of_nothing = |lost| Share::used(Amount::ZERO, amount(lost));
        assert_eq!(RiskLevel::of(of_nothing("0"), 800_000, false), Low);
        assert_eq!(RiskLevel::of(of_nothing("0.1"), 800_000, false), Critical);
    }

    #[test]
    fn an_average_price_gives_the_cost_again() {
        let symbol = |multiplier: u64, is_inverse| Symbol {
            multiplier,
            is_inverse,
            ..Symbol::default()
        };
        let position = |text| Position::parse(text).unwrap();
        for (symbol, held, cost, price) in [
            (symbol(0, false), "3", "671.43", Some("223.81")),
            (symbol(50 * ONE, false), "-2", "-432125", Some("4321.25")),
            (symbol(0, false), "1000", "-37630", Some("-37.63")),
            (symbol(0, false), "3", "10", Some("3.333333333")),
            (symbol(0, false), "3", "0", Some("0")),
            (symbol(0, false), "0", "10", None),
            (symbol(100 * ONE, true), "10", "-0.02", Some("50000")),
            (symbol(100 * ONE, true), "-10", "0.02", Some("50000")),
            (symbol(100 * ONE, true), "10", "0", None),
        ] {
            let found = average_price(&symbol, position(held), amount(cost));
            let found = found.map(|price| price.to_string());
            assert_eq!(found.as_deref(), price, "{held} for {cost}");
        }
    }

    /// Zero, one, the widest, and anything between.
    fn any_amount() -> impl Strategy<Value = Amount> {
        let edges = [0, 1, -1, i128::MAX, i128::MIN, 1 << 103, -(1 << 103)];
        let near = -1_000_000i128..1_000_000;
        prop_oneof![
            proptest::sample::select(edges.to_vec()),
            near,
            any::<i128>()
        ]
        .prop_map(Amount::from_raw)
    }

    proptest! {
        #[test]
        fn every_figure_of_any_level_is_defined(
            profits in proptest::array::uniform5(any_amount()),
            capital in any_amount(),
            limit in any_amount(),
            warn_share in 0u32..=1_000_000,
        ) {
            let of = level(profits);
            let worth = Worth::of(&of, capital);
            let shares = [
                (worth.day_share, worth.day_profit, capital.plus(of.profit_before)),
                (worth.drawdown_share, worth.drawdown, worth.equity_peak),
                (worth.drawdown_max_share, worth.drawdown_max, capital.plus(of.drawdown_from)),
            ];
            for (share, part, whole) in shares {
                match share {
                    None => prop_assert!(whole.raw() <= 0 && part != Amount::ZERO),
                    Some(share) => {
                        prop_assert!(part == Amount::ZERO || 0 < whole.raw());
                        prop_assert!(share.0 == 0 || (share.0 < 0) == (part.raw() < 0));
                        // As a float says it, to what a float can say.
                        let exact = part.raw() as f64 / (whole.raw() as f64).max(1.0) * 1e6;
                        let exact = exact.clamp(-(i64::MAX as f64), i64::MAX as f64);
                        let found = share.0 as f64;
                        prop_assert!((found - exact).abs() <= 1.0 + exact.abs() * 1e-9);
                    }
                }
            }
            prop_assert!(Amount::ZERO <= worth.drawdown);
            let used = Share::used(limit, worth.drawdown);
            prop_assert!(Share(0) <= used);
            let is_all = limit <= worth.drawdown && worth.drawdown != Amount::ZERO;
            prop_assert_eq!(Share::ONE <= used, is_all);
            let risk = RiskLevel::of(used, warn_share, false);
            prop_assert_eq!(risk == RiskLevel::Critical, is_all);
            prop_assert!(risk <= RiskLevel::of(used, warn_share, true));
        }

        #[test]
        fn an_average_price_of_anything_is_a_price_or_none(
            position in any::<i64>(),
            cost in any_amount(),
            multiplier in any::<u64>(),
            is_inverse in any::<bool>(),
        ) {
            let symbol = Symbol { multiplier, is_inverse, ..Symbol::default() };
            let price = average_price(&symbol, Position::from_raw(position), cost);
            prop_assert!(price.is_none() || position != 0);
            let flat = average_price(&symbol, Position::ZERO, cost);
            prop_assert_eq!(flat, None);
        }
    }
}
