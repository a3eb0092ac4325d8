//! Picture: latencies as an SVG, one curve for each series.
//!
//! Across: the time, on a logarithmic scale. Up: the share of orders that took no longer, on a scale
//! that gives each further nine the same height, so that the slow ones can be seen.

use super::latency::{PERCENTILES, Series, span};
use crate::command::svg::{BOTTOM, LEFT, Pen, RIGHT, Svg, TOP};

/// Shares that get a line, as the part that took longer.
const SHARES: [(f64, &str); 6] = [
    (1.0, "0 %"),
    (0.5, "50 %"),
    (0.1, "90 %"),
    (0.01, "99 %"),
    (0.001, "99.9 %"),
    (0.0001, "99.99 %"),
];

/// The whole file.
pub(super) fn svg(title: &str, series: &[Series]) -> String {
    let series: Vec<&Series> = series.iter().filter(|of| !of.times.is_empty()).collect();
    let lowest = series
        .iter()
        .map(|of| of.times.min().max(1))
        .min()
        .unwrap_or(1_000);
    let highest = series
        .iter()
        .map(|of| of.times.max())
        .max()
        .unwrap_or(1_000_000);
    let axis = Axis {
        from: lowest.ilog10(),
        to: highest.ilog10() + 1,
    };
    let mut out = Svg::new(960);
    out.panel(title);
    grid(&mut out, &axis);
    for (at, of) in series.iter().enumerate() {
        let pen = Pen::new(at);
        curve(&mut out, &axis, of, pen);
        legend(&mut out, of, pen);
    }
    out.finish()
}

/// The logarithmic axis, in powers of ten of a nanosecond.
struct Axis {
    from: u32,
    to: u32,
}

impl Axis {
    fn x(&self, nanos: f64) -> f64 {
        let share =
            (nanos.max(1.0).log10() - f64::from(self.from)) / f64::from(self.to - self.from);
        LEFT + share * (RIGHT - LEFT)
    }
}

/// The place of the share of which `longer` took longer.
fn y(longer: f64) -> f64 {
    let nines_max = -SHARES[SHARES.len() - 1].0.log10();
    let nines = (-longer.max(1e-9).log10()).min(nines_max);
    BOTTOM - nines / nines_max * (BOTTOM - TOP)
}

fn grid(out: &mut Svg, axis: &Axis) {
    for power in axis.from..=axis.to {
        let nanos = 10u64.pow(power);
        let label = span(nanos).replace(".0", "").replace("us", "µs");
        out.upright(axis.x(nanos as f64), &label);
        for part in 2..10 {
            if power < axis.to {
                out.upright_faint(axis.x((nanos * part) as f64));
            }
        }
    }
    for (longer, label) in SHARES {
        out.level(y(longer), label);
    }
    out.axes("time (logarithmic)", "share that took no longer");
}

fn curve(out: &mut Svg, axis: &Axis, of: &Series, pen: Pen) {
    let count = of.times.len() as f64;
    let mut below = 0;
    let steps = of.times.iter_recorded().map(|step| {
        below += step.count_since_last_iteration();
        // The slowest of all has no share above it: the curve ends at its place.
        let longer = (count - below as f64).max(0.5) / count;
        (axis.x(step.value_iterated_to() as f64), y(longer))
    });
    let first = (axis.x(of.times.min() as f64), y(1.0));
    out.curve(pen, std::iter::once(first).chain(steps));
    for percentile in PERCENTILES {
        let longer = 1.0 - percentile / 100.0;
        if 1.0 <= longer * count {
            let x = axis.x(of.times.value_at_percentile(percentile) as f64);
            out.dot(pen, x, y(longer));
        }
    }
}

fn legend(out: &mut Svg, of: &Series, pen: Pen) {
    let detail = format!(
        "{} times, p50 {}, p99 {}",
        of.times.len(),
        span(of.times.value_at_percentile(50.0)),
        span(of.times.value_at_percentile(99.0))
    );
    out.legend(pen, &of.name, &detail.replace("us", "µs"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_series_is_a_curve_and_slower_is_further_right_and_up() {
        let mut fast = Series::new("fast & small");
        let mut slow = Series::new("slow");
        for nanos in 1..=1000 {
            fast.times.saturating_record(nanos * 100);
            slow.times.saturating_record(nanos * 10_000);
        }
        let text = svg("a title", &[fast, slow, Series::new("nothing")]);
        assert_eq!(text.matches("<polyline").count(), 2);
        assert!(
            text.contains("fast &amp; small") && text.contains("99.9 %") && text.contains("1 ms")
        );
        let axis = Axis { from: 2, to: 7 };
        assert!(axis.x(1e3) < axis.x(1e4) && y(0.01) < y(0.1));
    }
}
