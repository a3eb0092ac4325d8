//! Picture: the distribution of gains, the map of correlations, and the drawdown.

use crate::analytics::analysis::Analysis;
use crate::analytics::figures::Measure;
use crate::analytics::moments::{mean, ratio};
use crate::command::svg::{BOTTOM, LEFT, Pen, RIGHT, Svg, TOP};
use crate::config::analytics::share_text;

const WIDTH: u32 = 1_000;

/// How often which gain was made, and where value at risk and expected shortfall lie.
pub(super) fn distribution(of: &Analysis) -> String {
    const BARS: usize = 81;
    let mut out = Svg::new(WIDTH);
    out.panel("Gains of a day, as they would have been");
    let (gains, unit) = shown_gains(of);
    // As far to one side as to the other, so that the eye sees which tail is the longer.
    let reach = gains
        .iter()
        .fold(0.0, |most: f64, gain| most.max(gain.abs()));
    let reach = if 0.0 < reach { reach } else { 1.0 };
    let x = |gain: f64| LEFT + (gain / reach + 1.0) / 2.0 * (RIGHT - LEFT);
    let mut counts = [0u32; BARS];
    for gain in &gains {
        let place = (gain / reach + 1.0) / 2.0 * BARS as f64;
        counts[(place as usize).min(BARS - 1)] += 1;
    }
    let most = counts.iter().copied().max().unwrap_or_default().max(1);
    // Logarithmic: the tail is what matters, and it is thin.
    let height = |count: f64| (1.0 + count).ln() / (1.0 + f64::from(most)).ln() * (BOTTOM - TOP);
    for gain in ticks(-reach, reach) {
        out.upright(x(gain), &gain.to_string());
    }
    let mut level = 1u32;
    out.level(BOTTOM, "0");
    while level <= most {
        out.level(BOTTOM - height(f64::from(level)), &level.to_string());
        level = level.saturating_mul(10);
    }
    out.axes(&format!("gain ({unit})"), "days (logarithmic)");
    let width = (RIGHT - LEFT) / BARS as f64;
    for (at, count) in counts.iter().enumerate().filter(|(_, count)| 0 < **count) {
        let left = LEFT + at as f64 * width;
        let tall = height(f64::from(*count));
        let corner = (left, BOTTOM - tall);
        let about = format!("{count} days");
        out.block(corner, (width - 0.5, tall), "#56b4e9", &about);
    }
    let by = scale(of);
    for (at, tail) in of.tails.iter().enumerate() {
        let Some(loss) = tail.historical else {
            continue;
        };
        let (pen, loss) = (Pen::new(at + 1), loss * by);
        out.curve(pen, [(x(-loss), TOP), (x(-loss), BOTTOM)]);
        let name = format!("{} {}", tail.measure.text(), share_text(tail.confidence));
        let share = f64::from(1_000_000 - tail.confidence) / 1e4;
        let detail = match tail.measure {
            Measure::ValueAtRisk => format!("{loss:.4}: more is lost on {share} % of days"),
            Measure::ExpectedShortfall => format!("{loss:.4}: mean of the worst {share} % of days"),
        };
        out.legend(pen, &name, &detail);
    }
    out.finish()
}

/// A cell for each pair of symbols.
pub(super) fn correlation(of: &Analysis) -> String {
    const LABELS_MAX: usize = 60;
    const CELLS_MAX: usize = 120;
    let names = &of.panel.names;
    let count = names.len();
    // Of very many symbols a cell is the mean of neighbours: no eye could tell them apart.
    let together = count.div_ceil(CELLS_MAX).max(1);
    let cells = count.div_ceil(together);
    let mut out = Svg::new(WIDTH);
    out.panel(&match together {
        1 => "Correlations of daily returns".to_owned(),
        _ => format!("Correlations of daily returns, the means of {together} symbols each"),
    });
    let side = (BOTTOM - TOP) / cells.max(1) as f64;
    let left = LEFT + 60.0;
    for one in 0..cells {
        for other in 0..cells {
            let between = block(of, (one * together, other * together), together);
            let text = between.map_or("not defined".to_owned(), |of| format!("{of:.3}"));
            let [row, column] = [one, other].map(|at| &names[at * together]);
            let corner = (left + other as f64 * side, TOP + one as f64 * side);
            let about = format!("{row} and {column}: {text}");
            out.block(corner, (side, side), &colour(between), &about);
        }
    }
    if count <= LABELS_MAX {
        let size = (side * 0.8).min(12.0);
        for (at, name) in names.iter().enumerate() {
            let middle = (at as f64 + 0.5) * side;
            out.word((left - 6.0, TOP + middle + size / 3.0), size, false, name);
            out.word((left + middle + size / 3.0, BOTTOM + 6.0), size, true, name);
        }
    }
    for (at, step) in (-4..=4).rev().enumerate() {
        let value = f64::from(step) / 4.0;
        let corner = (RIGHT - 60.0, TOP + at as f64 * 24.0);
        out.block(corner, (24.0, 24.0), &colour(Some(value)), "");
        out.word(
            (RIGHT + 8.0, corner.1 + 17.0),
            12.0,
            false,
            &format!("{value:.2}"),
        );
    }
    out.finish()
}

/// The mean of the correlations in a square; `None` where none of them is defined.
fn block(of: &Analysis, (row, column): (usize, usize), side: usize) -> Option<f64> {
    let pairs = (row..row + side).flat_map(|one| (column..column + side).map(move |at| (one, at)));
    let of = &of.correlation;
    let inside = pairs.filter(|(one, other)| *one < of.count() && *other < of.count());
    let defined: Vec<f64> = inside
        .filter_map(|(one, other)| of.between(one, other))
        .collect();
    mean(&defined)
}

/// How far below its best the portfolio was.
pub(super) fn drawdown(of: &Analysis) -> String {
    const PARTS: usize = 6;
    let mut out = Svg::new(WIDTH);
    out.panel("Drawdown of a portfolio whose weights stay as they are");
    let Some(drawdown) = &of.drawdown else {
        out.word(
            (RIGHT, (TOP + BOTTOM) / 2.0),
            16.0,
            false,
            "no equity: not defined",
        );
        return out.finish();
    };
    let depth = if 0.0 < drawdown.deepest {
        drawdown.deepest
    } else {
        1.0
    };
    let days = drawdown.curve.len();
    let x = |at: usize| LEFT + at as f64 / days.max(1) as f64 * (RIGHT - LEFT);
    let y = |part: f64| TOP + part / depth * (BOTTOM - TOP);
    for part in 0..=PARTS {
        let at = part * days / PARTS;
        let day = match at.checked_sub(1) {
            Some(at) => of.panel.days.get(at).copied(),
            None => Some(of.panel.first_day),
        };
        out.upright(x(at), &day.map_or(String::new(), |day| day.to_string()));
    }
    for percent in ticks(0.0, 100.0 * depth) {
        let sign = if 0.0 < percent { "-" } else { "" };
        out.level(y(percent / 100.0), &format!("{sign}{percent} %"));
    }
    out.axes("day", "below the best so far");
    let points = drawdown.curve.iter().enumerate();
    let points = points.map(|(at, part)| (x(at + 1), y(*part)));
    let pen = Pen::new(0);
    out.curve(pen, std::iter::once((x(0), y(0.0))).chain(points));
    let about = format!("{} to {}", drawdown.from, drawdown.to);
    let name = format!("deepest {:.2} %", 100.0 * drawdown.deepest);
    out.legend(pen, &name, &about);
    out.finish()
}

/// Round numbers from one to another, about eight of them: apart by 1, 2 or 5 times a power of ten.
fn ticks(from: f64, to: f64) -> Vec<f64> {
    const PARTS: f64 = 8.0;
    let least = (to - from) / PARTS;
    let power = least.log10().floor() as i32;
    let of_ten = |power: i32| 10f64.powi(power);
    let steps = [(1.0, power), (2.0, power), (5.0, power), (1.0, power + 1)];
    let is_enough = |(digit, power): &(f64, i32)| least <= digit * of_ten(*power);
    let (digit, power) = steps
        .into_iter()
        .find(is_enough)
        .unwrap_or((1.0, power + 1));
    // Divided where it can be, so that a tenth is written as one.
    let tick = |at: i64| match power {
        power if power < 0 => at as f64 * digit / of_ten(-power),
        power => at as f64 * digit * of_ten(power),
    };
    let step = tick(1);
    let places = (from / step).ceil() as i64..=(to / step).floor() as i64;
    places.map(tick).collect()
}

/// Gains in per cent of the equity, or in money where there is none.
fn shown_gains(of: &Analysis) -> (Vec<f64>, &'static str) {
    let by = scale(of);
    let unit = match ratio(100.0, of.portfolio.equity) {
        Some(_) => "% of equity",
        None => "money",
    };
    (of.gains.iter().map(|gain| gain * by).collect(), unit)
}

fn scale(of: &Analysis) -> f64 {
    ratio(100.0, of.portfolio.equity).unwrap_or(1.0)
}

/// From blue at -1 over white to orange at 1; grey where it is not defined.
fn colour(between: Option<f64>) -> String {
    let Some(between) = between else {
        return "#bbbbbb".to_owned();
    };
    let end = if between < 0.0 {
        [0.0, 114.0, 178.0]
    } else {
        [213.0, 94.0, 0.0]
    };
    let part = between.abs().min(1.0);
    let [red, green, blue] = end.map(|end| (255.0 + (end - 255.0) * part).round() as u8);
    format!("#{red:02x}{green:02x}{blue:02x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_inside() {
        assert_eq!(ticks(-1.0, 1.0), [-1.0, -0.5, 0.0, 0.5, 1.0]);
        assert_eq!(ticks(0.0, 48.4), [0.0, 10.0, 20.0, 30.0, 40.0]);
        assert_eq!(
            ticks(0.0, 0.007),
            [0.0, 0.001, 0.002, 0.003, 0.004, 0.005, 0.006, 0.007]
        );
        assert_eq!(ticks(-12.08, 12.08).len(), 5);
        assert!(ticks(-3e40, 3e40).len() < 10);
    }

    #[test]
    fn a_colour_is_white_at_zero_and_full_at_one() {
        assert_eq!(colour(Some(0.0)), "#ffffff");
        assert_eq!(colour(Some(1.0)), "#d55e00");
        assert_eq!(colour(Some(-1.0)), "#0072b2");
        assert_eq!(colour(None), "#bbbbbb");
    }
}
