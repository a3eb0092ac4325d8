//! Contest: every contestant decides the same orders, in turns, on one core, in one run.
//!
//! In:   contestants, the flow.
//! Out:  a table of what one decision costs, and each contestant's cost against the first one's.
//!
//! Only `decide` is timed. Nanoseconds of one run depend on the machine and its mood; the ratios,
//! taken round by round, are what may be claimed.

use std::hint::black_box;
use std::time::Instant;

use crate::flow::{Order, Scenario, orders};

/// What a contestant says of one order, in words that all of them share.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    Accepted,
    Invalid,
    QtyAboveMax,
    NotionalAboveMax,
    RateAboveMax,
    LossAboveMax,
    FundsShort,
    Halted,
    /// A reason that no scenario expects, or no answer at all.
    Other,
}

pub trait Contestant {
    fn name(&self) -> &'static str;

    /// Turns the orders into what the contestant's callers hold when they ask. Not timed.
    fn prepare(&mut self, orders: &[Order]);

    /// Decides all that was prepared, one order after the other, and keeps the answers. Timed:
    /// from the order as the caller holds it to the answer as the caller receives it, with
    /// whatever else the contestant demands before the next order may be decided.
    fn decide(&mut self);

    /// Tells the answers, in order, and brings the state back: what was accepted is filled, what
    /// would grow without end is forgotten. Not timed.
    fn settle(&mut self, verdicts: &mut Vec<Verdict>);
}

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    pub orders_per_round: usize,
    pub orders_per_batch: usize,
    pub rounds: usize,
}

/// Nanoseconds per order of every batch, by round.
#[derive(Default)]
struct Series {
    rounds: Vec<Vec<f64>>,
    checksum: u64,
}

/// Prints one table per scenario.
///
/// # Panics
///
/// If a contestant gives a wrong answer to any order, timed or not.
pub fn run(contestants: &mut [Box<dyn Contestant>], size: Size) {
    for scenario in Scenario::ALL {
        let flow = orders(scenario, size.orders_per_round);
        let mut series: Vec<Series> = contestants.iter().map(|_| Series::default()).collect();
        // The round before the first warms up code, caches and the allocator: it is checked like
        // the others and then forgotten.
        for round in 0..=size.rounds {
            for turn in 0..contestants.len() {
                // Whoever went first in one round goes last in the next.
                let index = (turn + round) % contestants.len();
                let nanos = race(
                    contestants[index].as_mut(),
                    scenario,
                    &flow,
                    size.orders_per_batch,
                    &mut series[index].checksum,
                );
                if round != 0 {
                    series[index].rounds.push(nanos);
                }
            }
        }
        print(scenario, contestants, &series);
    }
}

/// Odd, with bits all over: every answer reaches the whole checksum.
const CHECKSUM_FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

/// One contestant's turn: the whole flow, batch by batch.
fn race(
    contestant: &mut dyn Contestant,
    scenario: Scenario,
    flow: &[Order],
    orders_per_batch: usize,
    checksum: &mut u64,
) -> Vec<f64> {
    let mut verdicts = Vec::with_capacity(orders_per_batch);
    let mut nanos = Vec::with_capacity(flow.len() / orders_per_batch);
    // Two batches, be it one twice, to bring back the caches that the contestant before has emptied.
    let refresh = flow.chunks_exact(orders_per_batch).cycle().take(2);
    for (number, batch) in refresh
        .chain(flow.chunks_exact(orders_per_batch))
        .enumerate()
    {
        contestant.prepare(batch);
        let start = Instant::now();
        black_box(&mut *contestant).decide();
        let elapsed = start.elapsed();
        verdicts.clear();
        contestant.settle(&mut verdicts);

        assert_eq!(verdicts.len(), batch.len(), "{}", contestant.name());
        for (order, verdict) in batch.iter().zip(&verdicts) {
            check(contestant.name(), scenario, order, *verdict);
            let answer = order.client_order_id << 8 | *verdict as u64;
            *checksum = (checksum.rotate_left(5) ^ answer).wrapping_mul(CHECKSUM_FACTOR);
        }
        if 2 <= number {
            nanos.push(elapsed.as_nanos() as f64 / batch.len() as f64);
        }
    }
    nanos
}

fn check(name: &str, scenario: Scenario, order: &Order, verdict: Verdict) {
    let expected = match scenario {
        Scenario::Accepted => Verdict::Accepted,
        Scenario::NotionalAboveMax => Verdict::NotionalAboveMax,
    };
    assert_eq!(verdict, expected, "{name} on {order:?}");
}

fn print(scenario: Scenario, contestants: &[Box<dyn Contestant>], series: &[Series]) {
    let first = contestants[0].name();
    println!("\n{}: nanoseconds per order", scenario.name());
    println!(
        "{:<36} {:>8} {:>17} {:>8} {:>8}   {first} / this",
        "", "median", "rounds", "p50", "p99"
    );
    for (contestant, this) in contestants.iter().zip(series) {
        let medians = this.medians();
        let mut batches: Vec<f64> = this.rounds.iter().flatten().copied().collect();
        let mut ratios: Vec<f64> = series[0]
            .medians()
            .iter()
            .zip(&medians)
            .map(|(first, this)| first / this)
            .collect();
        let mut sorted = medians.clone();
        let median = quantile(&mut sorted, 0.5);
        println!(
            "{:<36} {:>8.1} {:>8.1}-{:<8.1} {:>8.1} {:>8.1}   {:.4}",
            contestant.name(),
            median,
            sorted[0],
            sorted[sorted.len() - 1],
            quantile(&mut batches, 0.5),
            quantile(&mut batches, 0.99),
            quantile(&mut ratios, 0.5),
        );
    }
    // The checksum covers every answer to every order: all contestants agree or this run is void.
    for this in series {
        assert_eq!(this.checksum, series[0].checksum);
    }
    println!("checksum of the answers: {:016x}", series[0].checksum);
}

impl Series {
    fn medians(&self) -> Vec<f64> {
        self.rounds
            .iter()
            .map(|round| quantile(&mut round.clone(), 0.5))
            .collect()
    }
}

/// The nearest rank; leaves the values sorted.
fn quantile(values: &mut [f64], fraction: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let rank = (values.len() as f64 * fraction).ceil() as usize;
    values[rank.clamp(1, values.len()) - 1]
}
