//! Latency: how long things took, as percentiles, a table, JSON and a picture.

pub(crate) mod picture;

use hdrhistogram::Histogram;
use portcullis::units::Nanos;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// What was measured of one kind. Recording allocates nothing.
#[derive(Clone, Debug)]
pub(crate) struct Latency(Histogram<u64>);

/// What is told: as in a table, as in JSON, of a hundred thousand.
pub(crate) const PERCENTILES: [(&str, &str, u32); 5] = [
    ("p50", "p50_nanos", 50_000),
    ("p90", "p90_nanos", 90_000),
    ("p99", "p99_nanos", 99_000),
    ("p99.9", "p99_9_nanos", 99_900),
    ("p99.99", "p99_99_nanos", 99_990),
];

impl Latency {
    /// Room for all there can be, to three digits.
    pub(crate) fn new() -> Self {
        let histogram = Histogram::new_with_bounds(1, LONGEST.raw(), 3);
        Self(histogram.expect("the bounds are good"))
    }

    #[inline]
    pub(crate) fn record(&mut self, span: Nanos) {
        self.0.saturating_record(span.raw());
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.0.add(&other.0).expect("the same bounds");
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.len()
    }

    pub(crate) fn max(&self) -> Nanos {
        Nanos::from_raw(self.0.max())
    }

    /// `part` of a hundred thousand took at most so long.
    pub(crate) fn percentile(&self, part: u32) -> Nanos {
        let value = self.0.value_at_percentile(f64::from(part) / 1_000.0);
        Nanos::from_raw(value.min(self.0.max()))
    }

    /// How many took at least `from` and less than `to`.
    pub(crate) fn count_between(&self, from: Nanos, to: Nanos) -> u64 {
        self.0.count_between(from.raw(), to.raw().saturating_sub(1))
    }

    pub(crate) fn to_json(&self) -> Value {
        let mut value = json!({ "count": self.count(), "max_nanos": self.max().raw() });
        for (_, key, part) in PERCENTILES {
            value[key] = self.percentile(part).raw().into();
        }
        value
    }
}

/// The head of a table, and a row for each name.
pub(crate) fn table<'a>(rows: impl IntoIterator<Item = (&'a str, &'a Latency)>) -> String {
    let mut out = format!("{:<26}{:>10}", "latency, microseconds", "count");
    for (name, _, _) in PERCENTILES {
        let _ = write!(out, "{name:>11}");
    }
    let _ = writeln!(out, "{:>11}", "max");
    for (name, latency) in rows {
        if latency.count() == 0 {
            continue;
        }
        let _ = write!(out, "{name:<26}{:>10}", latency.count());
        for (_, _, part) in PERCENTILES {
            let _ = write!(out, "{:>11}", micros(latency.percentile(part)));
        }
        let _ = writeln!(out, "{:>11}", micros(latency.max()));
    }
    out
}

/// In microseconds, to two decimals.
pub(crate) fn micros(span: Nanos) -> String {
    let raw = span.raw();
    format!("{}.{:02}", raw / 1_000, raw % 1_000 / 10)
}

/// What took longer counts as this.
const LONGEST: Nanos = Nanos::from_secs(100);

#[cfg(test)]
mod tests {
    use super::*;

    fn of(nanos: impl IntoIterator<Item = u64>) -> Latency {
        let mut latency = Latency::new();
        for nanos in nanos {
            latency.record(Nanos::from_raw(nanos));
        }
        latency
    }

    #[test]
    fn percentiles_are_those_of_the_sorted_values() {
        let latency = of((1..=100_000).rev().map(|at| at * 100));
        for (_, _, part) in PERCENTILES {
            let exact = u64::from(part) * 100;
            let found = latency.percentile(part).raw();
            assert!(
                found.abs_diff(exact) <= exact / 1_000,
                "{part}: {found} for {exact}"
            );
        }
        assert!(latency.max().raw().abs_diff(10_000_000) <= 10_000);
        assert_eq!(latency.count(), 100_000);
    }

    #[test]
    fn what_is_longer_than_the_longest_counts_as_the_longest() {
        let latency = of([1, LONGEST.raw() * 10]);
        assert_eq!(latency.count(), 2);
        assert!(LONGEST.raw() <= latency.max().raw());
    }

    #[test]
    fn sums_hold_what_their_parts_held() {
        let mut all = of([1_000; 10]);
        all.add(&of([2_000; 90]));
        assert_eq!(all.count(), 100);
        assert_eq!(all.percentile(5_000).raw(), 1_000);
        assert_eq!(all.percentile(50_000).raw(), 2_000);
        let in_between = all.count_between(Nanos::from_raw(1_500), Nanos::from_raw(2_500));
        assert_eq!(in_between, 90);
    }

    #[test]
    fn a_table_leaves_out_what_never_happened() {
        let (some, none) = (of([1_234]), Latency::new());
        let table = table([("some", &some), ("none", &none)]);
        assert_eq!(table.lines().count(), 2);
        assert!(table.contains("1.23") && !table.contains("none"), "{table}");
        assert_eq!(some.to_json()["p50_nanos"], 1_234);
    }
}
