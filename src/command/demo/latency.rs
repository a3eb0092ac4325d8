//! Latency: what was measured, by name, and how it is told.

use hdrhistogram::Histogram;
use std::fmt::Write as _;

/// Times of one kind, in nanoseconds.
#[derive(Clone, Debug)]
pub struct Series {
    /// What was measured.
    pub name: String,
    /// The times.
    pub times: Histogram<u64>,
}

/// What is told of a series, in percent.
pub(super) const PERCENTILES: [f64; 4] = [50.0, 90.0, 99.0, 99.9];

/// From a nanosecond to a minute, three digits exact.
pub(super) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("these bounds are valid")
}

impl Series {
    pub(super) fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            times: histogram(),
        }
    }
}

/// One line for each series.
pub(super) fn table(series: &[Series]) -> String {
    let mut out = format!(
        "{:<34}{:>9}{:>10}{:>10}{:>10}{:>10}{:>10}\n",
        "", "count", "p50", "p90", "p99", "p99.9", "max"
    );
    for of in series {
        let _ = write!(out, "{:<34}{:>9}", of.name, of.times.len());
        for percentile in PERCENTILES {
            let _ = write!(
                out,
                "{:>10}",
                span(of.times.value_at_percentile(percentile))
            );
        }
        let _ = writeln!(out, "{:>10}", span(of.times.max()));
    }
    out
}

/// As JSON, in nanoseconds.
pub(super) fn json(series: &[Series]) -> serde_json::Value {
    let of = |of: &Series| {
        let [p50, p90, p99, p999] = PERCENTILES.map(|at| of.times.value_at_percentile(at));
        serde_json::json!({
            "name": of.name, "count": of.times.len(), "p50_nanos": p50, "p90_nanos": p90,
            "p99_nanos": p99, "p99_9_nanos": p999, "max_nanos": of.times.max(),
        })
    };
    series.iter().map(of).collect()
}

/// Nanoseconds with a unit that is easy to read.
pub(super) fn span(nanos: u64) -> String {
    match nanos {
        0..1_000 => format!("{nanos} ns"),
        1_000..1_000_000 => format!("{:.1} us", nanos as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} ms", nanos as f64 / 1e6),
        _ => format!("{:.1} s", nanos as f64 / 1e9),
    }
}
