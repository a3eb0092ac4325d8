//! Crashes: the real process is killed under load, again and again, and keeps its promises.
//!
//! P1 nothing is at the broker that is not in the journal. P2 nothing is there twice. P3 what is
//! booked is never less than what is true. P4 the journal replays bit for bit. P5 what a strategy
//! has seen stays as it was.
//!
//! `PORTCULLIS_CRASHES=1000` kills so often and tells how it goes on; `PORTCULLIS_SEED` repeats a
//! campaign as far as threads allow.

mod follower;
mod gate;
mod plan;
#[cfg(feature = "failpoints")]
mod points;
mod trader;
mod truth;
mod world;

use portcullis::broker::exchange::Chance;
use portcullis::sys::random;
use std::time::{Duration, Instant};
use world::{Totals, World};

/// Kills on one journal.
const CAMPAIGN: u64 = 20;
/// Everything is settled and compared at every so-manyth kill.
const SETTLES: u64 = 4;

#[test]
fn kills_at_any_time_break_no_promise() {
    let long = number("PORTCULLIS_CRASHES");
    let kills = long.unwrap_or(16);
    let seed = number("PORTCULLIS_SEED").unwrap_or_else(random_seed);
    eprintln!("seed {seed}");
    let (mut totals, mut recoveries, mut violations) = (Totals::default(), Vec::new(), 0);
    let start = Instant::now();
    let mut seeds = Chance::new(seed);
    // Without a long run: two journals, so that two plans are tried.
    let campaign = CAMPAIGN.min(kills.div_ceil(2));
    let mut campaign_seed = seed;
    while totals.kills < kills {
        let count = campaign.min(kills - totals.kills);
        let mut world = World::new(campaign_seed);
        let mut kills = 0;
        match play(&mut world, count, &mut kills) {
            Ok(found) => add(&mut totals, &found),
            Err(problem) => {
                violations += 1;
                let (plan, folder) = (format!("{:?}", world.plan), world.gate.keep().to_owned());
                eprintln!("seed {campaign_seed}, kill {kills}: {problem}\n{plan}\n{folder:?}");
            }
        }
        totals.kills += kills;
        recoveries.append(&mut world.recoveries);
        if long.is_some() {
            let seconds = start.elapsed().as_secs();
            eprintln!("{seconds} s: seed {campaign_seed}: {totals:?}, violations {violations}");
        }
        if violations == 5 {
            break;
        }
        campaign_seed = seeds.bits() >> 1;
    }
    recoveries.sort();
    let at = |share: usize| recoveries.get(recoveries.len() * share / 100).copied();
    let millis = |span: Option<Duration>| span.map_or(0.0, |span| span.as_secs_f64() * 1e3);
    eprintln!("{totals:?}");
    eprintln!(
        "kills {}, violations {violations}, recovery p50/max {:.1}/{:.1} ms",
        totals.kills,
        millis(at(50)),
        millis(recoveries.last().copied()),
    );
    assert_eq!(violations, 0, "seed {seed}");
    assert!(
        0 < totals.settled && 100 < totals.requests && 0 < totals.fills,
        "seed {seed}"
    );
}

/// One campaign; counts the kills as they come.
fn play(world: &mut World, count: u64, kills: &mut u64) -> Result<Totals, String> {
    let mut settled = 0;
    while *kills < count {
        let settles = (*kills + 1).is_multiple_of(SETTLES) || *kills + 1 == count;
        world.round(settles)?;
        *kills += 1;
        settled += u64::from(settles);
        if world.is_set_aside() {
            // A record that was cut short: the firm is killed until somebody has looked.
            break;
        }
    }
    let totals = world.finish()?;
    Ok(Totals { settled, ..totals })
}

fn add(totals: &mut Totals, found: &Totals) {
    totals.settled += found.settled;
    totals.events += found.events;
    totals.requests += found.requests;
    totals.fills += found.fills;
    totals.reports += found.reports;
    totals.loose += found.loose;
    totals.set_aside += found.set_aside;
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name}={text} is not a number")),
    )
}

fn random_seed() -> u64 {
    u64::from_le_bytes(random::bytes().unwrap()) >> 1
}
