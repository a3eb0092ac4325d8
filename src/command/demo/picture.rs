//! Picture: latencies as an SVG, one curve for each series.
//!
//! Across: the time, on a logarithmic scale. Up: the share of orders that took no longer, on a scale
//! that gives each further nine the same height, so that the slow ones can be seen.

use super::latency::{PERCENTILES, Series, span};
use std::fmt::Write as _;

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 560.0;
const LEFT: f64 = 90.0;
const RIGHT: f64 = 270.0;
const TOP: f64 = 70.0;
const BOTTOM: f64 = 70.0;
/// Shares that get a line, as the part that took longer.
const SHARES: [(f64, &str); 6] = [
    (1.0, "0 %"),
    (0.5, "50 %"),
    (0.1, "90 %"),
    (0.01, "99 %"),
    (0.001, "99.9 %"),
    (0.0001, "99.99 %"),
];
/// Told apart by those who do not see all colours, too.
const COLOURS: [&str; 8] = [
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#666666", "#000000",
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
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         width=\"{WIDTH}\" height=\"{HEIGHT}\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"{LEFT}\" y=\"34\" font-size=\"19\" font-weight=\"bold\">{}</text>\n",
        escaped(title)
    );
    grid(&mut out, &axis);
    for (at, of) in series.iter().enumerate() {
        let colour = COLOURS[at % COLOURS.len()];
        // The ninth and further ones are dashed.
        let dash = if at < COLOURS.len() {
            ""
        } else {
            " stroke-dasharray=\"6 4\""
        };
        curve(&mut out, &axis, of, colour, dash);
        legend(&mut out, at, of, colour, dash);
    }
    out.push_str("</svg>\n");
    out
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
        LEFT + share * (WIDTH - LEFT - RIGHT)
    }
}

/// The place of the share of which `longer` took longer.
fn y(longer: f64) -> f64 {
    let nines_max = -SHARES[SHARES.len() - 1].0.log10();
    let nines = (-longer.max(1e-9).log10()).min(nines_max);
    HEIGHT - BOTTOM - nines / nines_max * (HEIGHT - TOP - BOTTOM)
}

fn grid(out: &mut String, axis: &Axis) {
    let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
    for power in axis.from..=axis.to {
        let nanos = 10u64.pow(power);
        let x = axis.x(nanos as f64);
        let label = span(nanos).replace(".0", "").replace("us", "µs");
        let _ = writeln!(
            out,
            "<line x1=\"{x:.1}\" y1=\"{TOP}\" x2=\"{x:.1}\" y2=\"{bottom}\" stroke=\"#cccccc\"/>\
             <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{label}</text>",
            bottom + 20.0
        );
        for part in 2..10 {
            let x = axis.x((nanos * part) as f64);
            if power < axis.to {
                let _ = writeln!(
                    out,
                    "<line x1=\"{x:.1}\" y1=\"{TOP}\" x2=\"{x:.1}\" y2=\"{bottom}\" stroke=\"#f0f0f0\"/>"
                );
            }
        }
    }
    for (longer, label) in SHARES {
        let y = y(longer);
        let _ = writeln!(
            out,
            "<line x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{right}\" y2=\"{y:.1}\" stroke=\"#cccccc\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>",
            LEFT - 8.0,
            y + 4.0
        );
    }
    let _ = writeln!(
        out,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">time (logarithmic)</text>\n\
         <text transform=\"translate(22 {:.1}) rotate(-90)\" text-anchor=\"middle\">\
         share that took no longer</text>",
        (LEFT + right) / 2.0,
        HEIGHT - 22.0,
        (TOP + bottom) / 2.0
    );
}

fn curve(out: &mut String, axis: &Axis, of: &Series, colour: &str, dash: &str) {
    let count = of.times.len() as f64;
    let mut below = 0;
    let _ = write!(
        out,
        "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"{dash} points=\""
    );
    let _ = write!(out, "{:.1},{:.1} ", axis.x(of.times.min() as f64), y(1.0));
    for step in of.times.iter_recorded() {
        below += step.count_since_last_iteration();
        // The slowest of all has no share above it: the curve ends at its place.
        let longer = (count - below as f64).max(0.5) / count;
        let x = axis.x(step.value_iterated_to() as f64);
        let _ = write!(out, "{x:.1},{:.1} ", y(longer));
    }
    out.push_str("\"/>\n");
    for percentile in PERCENTILES {
        let longer = 1.0 - percentile / 100.0;
        if 1.0 <= longer * count {
            let x = axis.x(of.times.value_at_percentile(percentile) as f64);
            let _ = writeln!(
                out,
                "<circle cx=\"{x:.1}\" cy=\"{:.1}\" r=\"3.5\" fill=\"{colour}\"/>",
                y(longer)
            );
        }
    }
}

fn legend(out: &mut String, at: usize, of: &Series, colour: &str, dash: &str) {
    let (x, y) = (WIDTH - RIGHT + 20.0, TOP + 8.0 + at as f64 * 40.0);
    let detail = format!(
        "{} times, p50 {}, p99 {}",
        of.times.len(),
        span(of.times.value_at_percentile(50.0)),
        span(of.times.value_at_percentile(99.0))
    );
    let _ = writeln!(
        out,
        "<line x1=\"{x:.1}\" y1=\"{y:.1}\" x2=\"{:.1}\" y2=\"{y:.1}\" stroke=\"{colour}\" \
         stroke-width=\"3\"{dash}/><text x=\"{:.1}\" y=\"{:.1}\">{}</text>\
         <text x=\"{:.1}\" y=\"{:.1}\" font-size=\"11\" fill=\"#555555\">{}</text>",
        x + 22.0,
        x + 30.0,
        y + 4.0,
        escaped(&of.name),
        x + 30.0,
        y + 19.0,
        detail.replace("us", "µs")
    );
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
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
