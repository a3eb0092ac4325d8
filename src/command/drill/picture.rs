//! Picture: how many orders had left at each time, a panel for each scene, a curve for each control.
//!
//! Across: virtual time. Up: orders, on a logarithmic scale that begins at none.

use super::play::Run;
use super::table::{grouped, stop};
use super::{Drill, Played};
use crate::command::svg::{BOTTOM, LEFT, Pen, RIGHT, Svg, TOP};
use crate::units::Nanos;

/// Into how many parts the time is cut at the most.
const PARTS_MAX: u64 = 8;

/// The whole file.
pub(super) fn svg(drill: &Drill, played: &[Played]) -> String {
    let mut out = Svg::new(1_180);
    for played in played {
        out.panel(&format!("{}: {}", drill.name, played.scene));
        panel(&mut out, &played.runs);
    }
    out.finish()
}

/// Both axes of a panel.
struct Axes {
    span: Nanos,
    powers: u32,
}

impl Axes {
    fn x(&self, after: Nanos) -> f64 {
        let share = after.raw() as f64 / self.span.raw() as f64;
        LEFT + share * (RIGHT - LEFT)
    }

    /// One order stands as high as a factor of two.
    fn y(&self, orders: u64) -> f64 {
        let share = (1.0 + orders as f64).log10() / f64::from(self.powers);
        BOTTOM - share * (BOTTOM - TOP)
    }
}

fn panel(out: &mut Svg, runs: &[Run]) {
    let ends = runs.iter().filter_map(|run| run.curve.last());
    let span = ends.map(|(after, _)| *after).max().unwrap_or_default();
    let sent = runs.iter().map(|run| run.sent.orders).max();
    let axes = Axes {
        span: span.max(Nanos::from_raw(1)),
        powers: sent.unwrap_or_default().max(1).ilog10() + 1,
    };
    let step = step(axes.span);
    for part in 0..=axes.span.raw() / step {
        let after = Nanos::from_raw(part * step);
        out.upright(axes.x(after), &format!("{} s", after.raw() as f64 / 1e9));
    }
    out.level(axes.y(0), "0");
    for power in 0..=axes.powers {
        let orders = 10u64.pow(power);
        out.level(axes.y(orders), &grouped(orders));
    }
    out.axes("virtual time", "orders that left (logarithmic)");
    for (at, run) in runs.iter().enumerate() {
        let pen = Pen::new(at);
        out.curve(pen, points(&axes, run));
        out.legend(
            pen,
            &run.control,
            &format!("{} left; {}", grouped(run.left.orders), stop(run.first)),
        );
    }
}

/// The shortest of 1, 2 and 5 times a power of ten that cuts a span into few enough parts.
fn step(span: Nanos) -> u64 {
    let steps = (0..19).flat_map(|power| [1, 2, 5].map(|digit| digit * 10u64.pow(power)));
    let is_enough = |step: &u64| span.raw() / step <= PARTS_MAX;
    steps.into_iter().find(is_enough).unwrap_or(u64::MAX)
}

/// Where the curve moves by enough to be seen.
fn points(axes: &Axes, run: &Run) -> Vec<(f64, f64)> {
    let mut points = vec![(axes.x(Nanos::ZERO), axes.y(0))];
    for (after, orders) in &run.curve {
        let (x, y) = (axes.x(*after), axes.y(*orders));
        let is_seen = |last: &(f64, f64)| 0.5 < (x - last.0).abs() + (y - last.1).abs();
        if points.last().is_none_or(is_seen) {
            points.push((x, y));
        }
    }
    points
}
