//! Plan: what follows from a seed before anything runs.

use portcullis::broker::exchange::{Chance, ExchangeOptions, Faults};
use portcullis::broker::server::Cut;
use portcullis::units::Nanos;
use std::time::Duration;

/// The circumstances of one campaign: one journal, one exchange, many kills.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Everything follows from it but what threads and kernels do.
    pub(crate) seed: u64,
    /// Of the gate's threads.
    pub(crate) layout: &'static str,
    /// Of its journal.
    pub(crate) policy: &'static str,
    /// How often a digest is written.
    pub(crate) checkpoint_events: u64,
    /// How the exchange behaves.
    pub(crate) exchange: ExchangeOptions,
    /// How it cuts links.
    pub(crate) cut: Cut,
}

/// When a process is killed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Moment {
    /// So long after its start: often while it recovers.
    AfterStart(Duration),
    /// So long after the link is up and orders flow.
    UnderLoad(Duration),
}

impl Plan {
    /// From a seed.
    pub(crate) fn new(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let pick = chance.up_to(1 << 20);
        let is = |bit: u32| pick >> bit & 1 == 1;
        let cuts = [Cut::Close, Cut::MidMessage, Cut::Reset];
        let faults = Faults {
            reject_per_million: 20_000,
            cancel_reject_per_million: 20_000,
            duplicate_per_million: if is(0) { 30_000 } else { 0 },
            restate_per_million: if is(1) { 20_000 } else { 0 },
            disconnect_requests: if is(2) { 307 } else { 0 },
            ..Faults::default()
        };
        Self {
            seed,
            layout: if is(3) { "shared" } else { "dedicated" },
            policy: if is(4) { "sync" } else { "process" },
            checkpoint_events: if is(5) { 16 } else { 500 },
            exchange: ExchangeOptions {
                seed: chance.bits(),
                latency: Nanos::from_raw(if is(6) { 200_000 } else { 0 }),
                latency_jitter: Nanos::from_raw(if is(7) { 300_000 } else { 0 }),
                has_ledger: true,
                faults,
                ..ExchangeOptions::default()
            },
            cut: cuts[chance.up_to(2) as usize],
        }
    }

    /// The moment of the next kill.
    pub(crate) fn moment(chance: &mut Chance) -> Moment {
        match chance.happens(200_000) {
            true => Moment::AfterStart(Duration::from_micros(chance.up_to(25_000))),
            false => Moment::UnderLoad(Duration::from_micros(chance.up_to(60_000))),
        }
    }
}
