//! Points: the process stops itself at a named place, at every place where the order matters.

use super::world::World;
use super::{number, random_seed};
use portcullis::broker::exchange::Chance;
use std::time::Duration;

/// A place, how many visits of it are worth waiting for, and whether a record may be cut short.
struct Point {
    name: &'static str,
    visits_max: u64,
    cuts: bool,
}

const fn point(name: &'static str, visits_max: u64) -> Point {
    Point {
        name,
        visits_max,
        cuts: false,
    }
}

const fn cut(name: &'static str, visits_max: u64) -> Point {
    Point {
        name,
        visits_max,
        cuts: true,
    }
}

/// In the order of an order's path, then of a start.
const POINTS: [Point; 28] = [
    point("after_read", 300),
    point("after_push", 300),
    point("after_take", 600),
    point("before_append", 600),
    point("before_append_of_order", 200),
    cut("mid_append", 600),
    point("before_publish", 600),
    point("after_append", 600),
    point("between_sends", 600),
    point("after_send", 600),
    point("before_wire", 100),
    point("mid_wire", 100),
    point("after_wire", 100),
    point("after_report_read", 150),
    point("after_report_push", 150),
    point("before_reply", 400),
    point("after_reply", 400),
    point("before_mark", 3),
    point("after_mark", 3),
    point("before_prepare", 2),
    point("after_prepare", 2),
    cut("mid_roll", 1),
    point("after_roll", 1),
    point("before_set_aside", 1),
    point("after_set_aside", 1),
    point("mid_replay", 500),
    point("before_open", 1),
    point("after_opening", 1),
];

/// Kills at one place on one journal.
const CAMPAIGN: u64 = 10;

#[test]
fn a_stop_at_any_point_breaks_no_promise() {
    let seeds = number("PORTCULLIS_POINT_SEEDS").unwrap_or(2);
    let seed = number("PORTCULLIS_SEED").unwrap_or_else(random_seed);
    eprintln!("seed {seed}");
    let mut chance = Chance::new(seed);
    let (mut stops, mut misses, mut violations) = (0, 0, 0);
    let only = std::env::var("PORTCULLIS_POINT").ok();
    let is_meant = |point: &&Point| only.as_ref().is_none_or(|only| only == point.name);
    for point in POINTS.iter().filter(is_meant) {
        let (mut left, mut here) = (seeds, 0);
        while left != 0 {
            let count = left.min(CAMPAIGN);
            left -= count;
            let mut world = World::new(chance.bits() >> 1);
            let seed = world.plan.seed;
            for round in 0..count {
                let visit = 1 + chance.up_to(point.visits_max - 1);
                match play(&mut world, point, visit) {
                    Ok(true) => here += 1,
                    Ok(false) => misses += 1,
                    Err(problem) => {
                        violations += 1;
                        let (plan, folder) = (world.plan.clone(), world.gate.keep().to_owned());
                        let name = point.name;
                        eprintln!("{name}:{visit}, seed {seed}, round {round}: {problem}");
                        eprintln!("{plan:?}\n{folder:?}");
                        break;
                    }
                }
                if world.is_set_aside() {
                    assert!(point.cuts, "{}: a record was cut short", point.name);
                    assert!(world.is_killed(), "{}: new risk after a cut", point.name);
                    break;
                }
            }
        }
        eprintln!("{}: {here} stops", point.name);
        stops += here;
    }
    eprintln!(
        "points {}, stops {stops}, missed {misses}, violations {violations}",
        POINTS.len()
    );
    assert_eq!(violations, 0, "seed {seed}");
    assert!(misses <= stops, "seed {seed}: {stops} stops");
}

/// Stops once, starts again, settles and compares. True where the point was reached.
fn play(world: &mut World, point: &Point, visit: u64) -> Result<bool, String> {
    // There is something to recover.
    world.gate.start();
    world.recover()?;
    world.trade(Duration::from_millis(20))?;
    world.kill()?;
    world.gate.stop_at(point.name, visit);
    world.gate.start();
    let is_reached = world.trade_until_end(Duration::from_millis(1_500))?;
    world.kill()?;
    world.gate.start();
    world.recover()?;
    world.settle()?;
    world.kill()?;
    Ok(is_reached)
}
