//! Tests: nothing undefined leaves, and figures that can be worked out by hand.

use super::analysis::{Analysis, Question};
use super::concentration::Concentration;
use super::correlation::eigenvalues;
use super::delimited;
use super::history::History;
use super::holdings::Holding;
use super::moments::{beta, covariance, deviation, ewma_deviation, mean, ratio, variance};
use super::performance::{Drawdown, sharpe};
use super::tail::{Gains, normal_expected_shortfall, normal_quantile, normal_value_at_risk};
use crate::config::analytics::{DateOrder, Quantile};
use jiff::civil::{Date, date};
use proptest::prelude::*;

fn near(found: Option<f64>, expected: f64) {
    let found = found.unwrap();
    assert!(
        (found - expected).abs() <= 1e-12,
        "{found} is not {expected}"
    );
}

fn days(count: usize) -> Vec<Date> {
    let first = date(2020, 1, 1);
    (0..count)
        .map(|at| {
            first
                .checked_add(jiff::Span::new().days(at as i64))
                .unwrap()
        })
        .collect()
}

#[test]
fn moments_are_those_of_a_sample() {
    let values = [1.0, 2.0, 3.0, 6.0];
    near(mean(&values), 3.0);
    near(variance(&values), 14.0 / 3.0);
    near(covariance(&values, &[2.0, 4.0, 6.0, 12.0]), 28.0 / 3.0);
    near(beta(&values, &[2.0, 4.0, 6.0, 12.0]), 0.5);
    near(
        ewma_deviation(&[0.1, 0.2], 0.5),
        (0.5 * 0.01 + 0.5 * 0.04f64).sqrt(),
    );
}

#[test]
fn what_divides_by_nothing_is_none() {
    assert_eq!(mean(&[]), None);
    assert_eq!(variance(&[1.0]), None);
    assert_eq!(covariance(&[1.0, 2.0], &[1.0]), None);
    assert_eq!(beta(&[0.1, 0.2, 0.3], &[0.5, 0.5, 0.5]), None);
    assert_eq!(ewma_deviation(&[], 0.94), None);
    assert_eq!(ratio(1.0, 0.0), None);
    assert_eq!(ratio(0.0, 0.0), None);
    assert_eq!(sharpe(&[0.01; 50], 252.0, 0.0), None);
    assert_eq!(sharpe(&[], 252.0, 0.0), None);
    assert_eq!(Drawdown::new(&[], date(2020, 1, 1), &[]), None);
    let nothing = Gains::new(&[]);
    for quantile in [Quantile::Linear, Quantile::Observed] {
        assert_eq!(nothing.value_at_risk(950_000, quantile), None);
    }
    assert_eq!(nothing.expected_shortfall(950_000), None);
    let flat = Concentration::new("symbol", [("A", 0.0), ("B", 0.0)].into_iter());
    assert_eq!((flat.index, flat.parts[0].share), (None, None));
    assert_eq!(Concentration::new("symbol", [].into_iter()).index, None);
}

/// A growth that is the same each day but for the rounding of prices.
#[test]
fn the_rounding_of_prices_is_no_variance() {
    let prices: Vec<f64> = (0..200).map(|at| 100.0 * 1.01f64.powi(at)).collect();
    let returns: Vec<f64> = prices
        .windows(2)
        .map(|pair| pair[1] / pair[0] - 1.0)
        .collect();
    assert!(
        returns
            .iter()
            .any(|of| of.to_bits() != returns[0].to_bits())
    );
    assert_eq!(deviation(&returns), Some(0.0));
}

#[test]
fn the_tail_of_ten_days_is_counted_by_hand() {
    let gains = Gains::new(&[3.0, -10.0, 1.0, -4.0, 2.0, 5.0, 0.0, 1.5, -1.0, 2.5]);
    // A tenth of ten is one day; the next is -4.
    near(gains.value_at_risk(900_000, Quantile::Observed), 10.0);
    near(
        gains.value_at_risk(900_000, Quantile::Linear),
        10.0 - 0.9 * 6.0,
    );
    near(gains.expected_shortfall(900_000), 10.0);
    near(gains.value_at_risk(850_000, Quantile::Observed), 4.0);
    near(gains.expected_shortfall(850_000), (10.0 + 0.5 * 4.0) / 1.5);
    // Fewer days than the tail asks for: the worst.
    near(gains.value_at_risk(999_000, Quantile::Observed), 10.0);
    near(gains.expected_shortfall(999_000), 10.0);
}

#[test]
fn normal_quantiles_are_those_of_the_tables() {
    for (confidence, z) in [
        (500_001, 2.506_628_274_637_2e-6),
        (900_000, 1.281_551_565_544_600_4),
        (950_000, 1.644_853_626_951_472_2),
        (975_000, 1.959_963_984_540_054),
        (990_000, 2.326_347_874_040_840_8),
        (999_999, 4.753_424_308_822_899),
    ] {
        let found = normal_quantile(confidence);
        assert!((found - z).abs() <= 1e-10 * z, "{confidence}: {found}");
    }
}

#[test]
fn a_drawdown_is_from_the_best_to_the_deepest_and_back() {
    let of = |returns: &[f64]| Drawdown::new(returns, date(2019, 12, 31), &days(returns.len()));
    let drawdown = of(&[0.1, -0.5, 0.5, 0.5, -0.1]).unwrap();
    near(Some(drawdown.deepest), 0.5);
    assert_eq!(
        (drawdown.from, drawdown.to),
        (date(2020, 1, 1), date(2020, 1, 2))
    );
    assert_eq!(drawdown.recovered, Some(date(2020, 1, 4)));
    let lost = of(&[-0.2, -1.5, 9.0]).unwrap();
    near(Some(lost.deepest), 1.0);
    assert_eq!(lost.recovered, None);
    assert_eq!(lost.from, date(2019, 12, 31));
    near(Some(lost.curve[0]), 0.2);
    assert_eq!(lost.curve[1..], [1.0, 1.0]);
    near(of(&[0.1, 0.2]).map(|drawdown| drawdown.deepest), 0.0);
}

#[test]
fn eigenvalues_are_those_that_can_be_worked_out() {
    let mut values = eigenvalues(vec![2.0, 1.0, 0.0, 1.0, 2.0, 0.0, 0.0, 0.0, 5.0], 3);
    values.sort_by(f64::total_cmp);
    for (value, expected) in values.into_iter().zip([1.0, 3.0, 5.0]) {
        near(Some(value), expected);
    }
    assert!(eigenvalues(Vec::new(), 0).is_empty());
}

/// Returns of every kind, many of them the same, zero, or large.
fn returns() -> impl Strategy<Value = Vec<f64>> {
    let one = prop_oneof![
        3 => -0.1..0.1f64,
        1 => Just(0.0),
        1 => Just(-1.0 + 1e-12),
        1 => Just(1_000.0),
        1 => Just(0.01),
    ];
    prop_oneof![
        prop::collection::vec(one, 0..60),
        (0.0..0.1f64, 0usize..60).prop_map(|(value, count)| vec![value; count]),
    ]
}

proptest! {
    #[test]
    fn no_statistic_of_any_returns_is_undefined(
        one in returns(),
        other in returns(),
        scale in prop::sample::select(vec![0.0, 1e-30, 1.0, 1e30]),
        confidence in 500_001u32..1_000_000,
    ) {
        let one: Vec<f64> = one.iter().map(|value| value * scale).collect();
        let gains = Gains::new(&one);
        let mut figures = vec![
            mean(&one), variance(&one), covariance(&one, &other), beta(&one, &other),
            ewma_deviation(&one, 0.94), sharpe(&one, 252.0, 0.02),
            gains.expected_shortfall(confidence),
            normal_value_at_risk(scale, scale, confidence),
            normal_expected_shortfall(scale, 0.0, confidence),
        ];
        figures.extend([Quantile::Linear, Quantile::Observed].map(|of| gains.value_at_risk(confidence, of)));
        if let Some(drawdown) = Drawdown::new(&one, date(2020, 1, 1), &days(one.len())) {
            figures.extend(drawdown.curve.iter().map(|depth| Some(*depth)));
            prop_assert!(drawdown.curve.iter().all(|depth| (0.0..=1.0).contains(depth)));
        }
        prop_assert!(figures.iter().flatten().all(|figure| figure.is_finite()), "{figures:?}");
    }

    /// The mean of the worst days is no better than the day at their edge, and both grow with confidence.
    #[test]
    fn a_shortfall_is_no_less_than_the_value_at_risk(
        gains in prop::collection::vec(-1e3..1e3f64, 1..80),
        confidence in 500_001u32..999_000,
    ) {
        let gains = Gains::new(&gains);
        let shortfall = gains.expected_shortfall(confidence).unwrap();
        for quantile in [Quantile::Linear, Quantile::Observed] {
            let at_risk = gains.value_at_risk(confidence, quantile).unwrap();
            prop_assert!(at_risk <= shortfall + 1e-9);
            prop_assert!(at_risk <= gains.value_at_risk(confidence + 999, quantile).unwrap());
        }
        prop_assert!(shortfall <= gains.expected_shortfall(confidence + 999).unwrap() + 1e-9);
    }

    #[test]
    fn parts_add_up_and_are_as_concentrated_as_they_can_be(
        values in prop::collection::vec((0usize..6, prop_oneof![Just(0.0), -1e9..1e9f64]), 0..30),
    ) {
        const NAMES: [&str; 6] = ["A", "B", "C", "D", "E", "F"];
        let of = Concentration::new("issuer", values.iter().map(|(at, value)| (NAMES[*at], *value)));
        let gross: f64 = values.iter().map(|(_, value)| value.abs()).sum();
        prop_assert_eq!(of.index.is_some(), 0.0 < gross);
        if let Some(index) = of.index {
            let shares: f64 = of.parts.iter().filter_map(|part| part.share).sum();
            prop_assert!((shares - 1.0).abs() < 1e-9);
            let least = 1.0 / of.parts.len() as f64;
            prop_assert!((least - 1e-9..=1.0 + 1e-9).contains(&index));
        }
        prop_assert!(of.parts.is_sorted_by(|one, other| other.gross <= one.gross));
    }

    /// Whatever prices, holdings and equity there are: each figure is a number or nothing.
    #[test]
    fn no_figure_of_any_book_is_undefined(
        moves in prop::collection::vec((0usize..4, -0.2..0.2f64), 3..40),
        kinds in prop::collection::vec(0u8..4, 1..5),
        qtys in prop::option::of(prop::collection::vec(
            prop::sample::select(vec![0.0, 1.0, -1.0, 1e18, -1e18, 1e-8]), 5)),
        equity in prop::sample::select(vec!["\"off\"", "0", "1", "0.00000000000000001"]),
    ) {
        let mut prices = vec![10.0; kinds.len()];
        let mut text = String::from("Date");
        (0..kinds.len()).for_each(|at| text.push_str(&format!(",S{at}")));
        for (day, (symbol, change)) in days(moves.len()).into_iter().zip(&moves) {
            text.push_str(&format!("\n{day}"));
            for (at, price) in prices.iter_mut().enumerate() {
                // Still, all alike, at an even pace, or as it comes.
                *price *= match kinds[at] {
                    0 => 1.0,
                    1 => 1.0 + change,
                    2 => 1.01,
                    _ if at == symbol % kinds.len() => 1.0 + change,
                    _ => 1.0 - change / 2.0,
                };
                text.push_str(&format!(",{price}"));
            }
        }
        let sheet = delimited::read(text.as_bytes(), "p.csv", DateOrder::Ymd).unwrap();
        let history = History::of(vec![sheet], None).unwrap();
        let config = format!(
            "[analytics]\nreturns_min = 2\nequity = {equity}\nindex = \"S0\"\n[[scenario]]\n\
             name = \"s\"\nothers = -1\n"
        );
        let config = crate::config::parse(&config, "gate.toml").unwrap();
        let holdings = qtys.map(|qtys| {
            let held = qtys.iter().take(kinds.len()).enumerate();
            held.map(|(at, qty)| Holding { symbol: format!("S{at}"), qty: *qty }).collect()
        });
        let question = Question {
            config: &config,
            account: None,
            holdings,
            scenarios: config.scenarios.iter().collect(),
        };
        match Analysis::new(&history, &question) {
            Ok(analysis) => {
                let all = format!("{analysis:?}");
                prop_assert!(!all.contains("NaN") && !all.contains("inf"), "{all}");
                let between = (0..kinds.len()).map(|at| analysis.correlation.between(at, 0));
                let mut bounded = between.flatten();
                prop_assert!(bounded.all(|of| (-1.0..=1.0).contains(&of)));
            }
            // The only symbol is the index.
            Err(error) => prop_assert!(error.problem.starts_with("no symbol"), "{error}"),
        }
    }
}
