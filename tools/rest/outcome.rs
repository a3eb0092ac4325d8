//! Outcome: what the rest cost and what the orders after it took, for people and for machines.

use super::usage::{Thread, Usage};
use crate::latency::{Latency, micros, table};
use portcullis::message::Text;
use portcullis::units::Nanos;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// All that was seen.
pub(super) struct Outcome {
    pub(super) gate: String,
    pub(super) feeds: usize,
    pub(super) elapsed: Nanos,
    pub(super) usage: Usage,
    pub(super) firsts: Vec<First>,
    pub(super) steady: Latency,
}

/// The first order of a strategy after the rest.
pub(super) struct First {
    pub(super) strategy: Text,
    pub(super) way: &'static str,
    pub(super) latency: Nanos,
}

impl Outcome {
    /// Processor time as a part of one core, in thousandths of a hundredth.
    fn share(&self, cpu_millis: u64) -> u64 {
        let elapsed = self.elapsed.raw().max(1) / 1_000;
        cpu_millis * 1_000 * 100_000 / elapsed
    }

    /// How often in ten seconds.
    fn often(&self, count: u64) -> u64 {
        let elapsed = self.elapsed.raw().max(1) / 1_000;
        count * 10_000_000 / elapsed
    }

    /// Of all first orders.
    fn first(&self) -> Latency {
        let mut latency = Latency::new();
        for first in &self.firsts {
            latency.record(first.latency);
        }
        latency
    }

    pub(super) fn to_text(&self) -> String {
        let Self { usage, firsts, .. } = self;
        let mut out = format!(
            "{}; {} sessions, {} feeds\n",
            self.gate,
            firsts.len(),
            self.feeds
        );
        let millis = self.elapsed.raw() / 1_000_000;
        let share = self.share(usage.cpu_millis);
        let _ = writeln!(
            out,
            "at rest for {}.{} s: {} ms of processor time, {} % of one core\n",
            millis / 1_000,
            millis % 1_000 / 100,
            usage.cpu_millis,
            thousandths(share),
        );
        let _ = writeln!(
            out,
            "{:<26}{:>10}{:>13}{:>13}{:>15}",
            "thread", "cpu, ms", "% of a core", "woken / s", "preempted / s"
        );
        for thread in &usage.threads {
            let _ = writeln!(
                out,
                "{:<26}{:>10}{:>13}{:>13}{:>15}",
                thread.name,
                thread.cpu_millis,
                thousandths(self.share(thread.cpu_millis)),
                tenths(self.often(thread.waits)),
                tenths(self.often(thread.preemptions)),
            );
        }
        let _ = writeln!(out, "\n{:<26}{:>13}", "first order of", "answered, us");
        for First {
            strategy,
            way,
            latency,
        } in firsts
        {
            let name = format!("{strategy}, {way}");
            let _ = writeln!(out, "{name:<26}{:>13}", micros(*latency));
        }
        out.push('\n');
        let first = self.first();
        out.push_str(&table([
            ("first after the rest", &first),
            ("one after the other", &self.steady),
        ]));
        out
    }

    pub(super) fn to_json(&self) -> Value {
        let of = |thread: &Thread| {
            json!({
                "name": thread.name,
                "cpu_millis": thread.cpu_millis,
                "waits": thread.waits,
                "preemptions": thread.preemptions,
            })
        };
        let first = |first: &First| {
            json!({
                "strategy": first.strategy.as_str(),
                "way": first.way,
                "latency_nanos": first.latency.raw(),
            })
        };
        let Usage {
            cpu_millis,
            threads,
        } = &self.usage;
        json!({
            "gate": self.gate,
            "feeds": self.feeds,
            "elapsed_nanos": self.elapsed.raw(),
            "cpu_millis": cpu_millis,
            "core_share_millionths": self.share(*cpu_millis) * 10,
            "threads": threads.iter().map(of).collect::<Vec<_>>(),
            "first_orders": self.firsts.iter().map(first).collect::<Vec<_>>(),
            "first": self.first().to_json(),
            "steady": self.steady.to_json(),
        })
    }
}

fn thousandths(count: u64) -> String {
    format!("{}.{:03}", count / 1_000, count % 1_000)
}

fn tenths(count: u64) -> String {
    format!("{}.{}", count / 10, count % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_one_core_and_of_the_time_that_passed() {
        let thread = Thread {
            name: "path".to_owned(),
            cpu_millis: 300,
            waits: 600,
            preemptions: 6,
            ..Thread::default()
        };
        let outcome = Outcome {
            gate: "a gate".to_owned(),
            feeds: 1,
            elapsed: Nanos::from_secs(60),
            usage: Usage {
                cpu_millis: 1_200,
                threads: vec![thread],
            },
            firsts: vec![First {
                strategy: Text::new("maker").unwrap(),
                way: "tcp",
                latency: Nanos::from_raw(123_450),
            }],
            steady: Latency::new(),
        };
        let text = outcome.to_text();
        for expected in [
            "at rest for 60.0 s: 1200 ms of processor time, 2.000 % of one core",
            "path                             300        0.500         10.0            0.1\n",
            "maker, tcp                       123.45\n",
        ] {
            assert!(text.contains(expected), "{text}");
        }
        let value = outcome.to_json();
        assert_eq!(value["core_share_millionths"], 20_000);
        assert_eq!(value["first"]["max_nanos"], value["first"]["p50_nanos"]);
    }
}
