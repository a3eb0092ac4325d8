//! Outcome: what gate and relay took, pair by pair, and what that says.

use super::Arguments;
use crate::latency::{Latency, micros, table};
use portcullis::units::Nanos;
use serde_json::{Value, json};

/// One leg in one mode, through both.
pub(super) struct Measure {
    name: &'static str,
    gate: Latency,
    relay: Latency,
    /// What a pair said of gate and relay.
    pairs: Vec<[Latency; 2]>,
}

impl Measure {
    pub(super) fn new(name: &'static str) -> Self {
        Self {
            name,
            gate: Latency::new(),
            relay: Latency::new(),
            pairs: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, pair: [Latency; 2]) {
        self.gate.add(&pair[0]);
        self.relay.add(&pair[1]);
        self.pairs.push(pair);
    }

    /// Gate over relay at a percentile, pair by pair, sorted.
    fn ratios(&self, part: u32) -> Vec<f64> {
        let pairs = self
            .pairs
            .iter()
            .filter(|pair| pair.iter().all(|of| of.count() != 0));
        let mut ratios: Vec<_> = pairs
            .map(|pair| {
                let [gate, relay] = [&pair[0], &pair[1]].map(|of| of.percentile(part).raw());
                gate as f64 / relay.max(1) as f64
            })
            .collect();
        ratios.sort_by(f64::total_cmp);
        ratios
    }

    /// What the gate takes beyond the relay, as the median of the pairs.
    fn beyond(&self, part: u32) -> i64 {
        let mut beyond: Vec<_> = self
            .pairs
            .iter()
            .map(|pair| {
                pair[0].percentile(part).raw() as i64 - pair[1].percentile(part).raw() as i64
            })
            .collect();
        beyond.sort_unstable();
        median(&beyond).unwrap_or(0)
    }
}

/// The middle of what is sorted; of an even number the lower middle.
fn median<T: Copy>(sorted: &[T]) -> Option<T> {
    sorted.get(sorted.len().checked_sub(1)? / 2).copied()
}

pub(super) fn to_text(
    arguments: &Arguments,
    cores: [Option<usize>; 2],
    measures: &[Measure],
) -> String {
    let mut out = format!(
        "{} pairs of {} orders each way, paced at {} a second; idle {}; cores {cores:?}\n",
        arguments.pairs, arguments.count, arguments.rate, arguments.idle
    );
    for measure in measures {
        out.push_str(&format!("\n{}\n", measure.name));
        out.push_str(&table([("gate", &measure.gate), ("relay", &measure.relay)]));
        for (name, part) in RATIOS {
            let ratios = measure.ratios(part);
            let (Some(middle), Some(least), Some(most)) =
                (median(&ratios), ratios.first(), ratios.last())
            else {
                continue;
            };
            let beyond = measure.beyond(part);
            let sign = if beyond < 0 { "-" } else { "" };
            let beyond = micros(Nanos::from_raw(beyond.unsigned_abs()));
            out.push_str(&format!(
                "gate / relay at {name}: {middle:.2}, of the pairs {least:.2} to {most:.2}; \
                 beyond it {sign}{beyond} us\n"
            ));
        }
    }
    out
}

pub(super) fn to_json(
    arguments: &Arguments,
    cores: [Option<usize>; 2],
    measures: &[Measure],
) -> Value {
    let measures = measures.iter().map(|measure| {
        let ratios = RATIOS.iter().map(|(name, part)| {
            let ratios = measure.ratios(*part);
            let of = json!({
                "median": median(&ratios),
                "min": ratios.first(),
                "max": ratios.last(),
                "beyond_nanos": measure.beyond(*part),
            });
            ((*name).to_owned(), of)
        });
        json!({
            "name": measure.name,
            "gate": measure.gate.to_json(),
            "relay": measure.relay.to_json(),
            "ratio": serde_json::Map::from_iter(ratios),
        })
    });
    json!({
        "pairs": arguments.pairs,
        "count": arguments.count,
        "rate_per_sec": arguments.rate,
        "idle": arguments.idle,
        "cores": cores,
        "measures": measures.collect::<Vec<_>>(),
    })
}

const RATIOS: [(&str, u32); 2] = [("p50", 50_000), ("p99", 99_000)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ratio_is_that_of_the_pairs_and_not_of_the_sums() {
        let of = |nanos: u64| {
            let mut latency = Latency::new();
            latency.record(Nanos::from_raw(nanos));
            latency
        };
        let mut measure = Measure::new("a leg");
        for (gate, relay) in [(200, 100), (1_500, 500), (50, 40)] {
            measure.add([of(gate), of(relay)]);
        }
        assert_eq!(measure.ratios(50_000), [1.25, 2.0, 3.0]);
        assert_eq!(measure.beyond(50_000), 100);
        assert_eq!(median::<u8>(&[]), None);
        assert_eq!(median(&[1, 2, 3, 4]), Some(2));
    }
}
