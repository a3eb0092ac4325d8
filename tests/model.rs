//! The core and its slow model answer the same to everything: decisions, effects, and all that
//! they hold.
//!
//! `PORTCULLIS_SEED` plays one run, `PORTCULLIS_COMMANDS` sets how many commands are played.

#[path = "model/mod.rs"]
#[allow(dead_code)]
mod model;
#[path = "model/scenarios/mod.rs"]
mod scenarios;

use model::Model;
use model::answer::ToStrategy;
use model::random::{self, Random};
use model::real::Real;
use model::shrink::{self, Difference, Match};
use portcullis::message::Kind;
use portcullis::reject::RejectReason;
use portcullis::risk::decision::Outcome;
use portcullis::risk::setup::Setup;
use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

/// The model, and what must answer as it does.
pub(crate) fn pair(setup: &Setup) -> Match<'static, Model> {
    Match::new(Model::new(setup), Box::new(Real::new(setup)))
}

/// How many commands one setup sees.
const COMMANDS_PER_RUN: u64 = 800;
/// So many commands reach every reason.
const COMMANDS_FOR_COVERAGE: u64 = 200_000;

/// Why exits begin, and what becomes of them.
const EXITS: [&str; 20] = [
    "stop_loss",
    "take_profit",
    "trailing_stop",
    "break_even",
    "time_stop",
    "loss_limit",
    "operator",
    "sends a market order",
    "sends a limit order",
    "sends a part",
    "cancels what is late",
    "cancels what is wrong",
    "waits to cancel again",
    "waits for what stands",
    "is held back",
    "takes the room of what is remembered",
    "fails",
    "is failing",
    "turns",
    "ends",
];

#[derive(Debug, Default)]
struct Seen {
    reasons: BTreeMap<RejectReason, u64>,
    outcomes: BTreeMap<u8, u64>,
    /// Why exits have begun, and what was done about them.
    exits: BTreeMap<&'static str, u64>,
    /// Refused and accepted.
    baskets: [u64; 2],
}

#[test]
fn any_commands_get_the_models_answers() {
    let number = |name| std::env::var(name).ok().map(|text| text.parse().unwrap());
    let count: u64 = number("PORTCULLIS_COMMANDS").unwrap_or(300_000);
    let mut seen = Seen::default();
    if let Some(seed) = number("PORTCULLIS_SEED") {
        play(seed, COMMANDS_PER_RUN.min(count), &mut seen);
        return;
    }
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let first = clock.as_nanos() as u64 >> 10;
    println!("seeds from {first}");
    let runs = count.div_ceil(COMMANDS_PER_RUN);
    let mut run = 0;
    // What is rare may not have come by then: a few more runs, but not for ever.
    let is_covered = COMMANDS_FOR_COVERAGE <= count;
    let is_enough =
        |seen: &Seen| seen.missing().is_empty() && seen.baskets.iter().all(|count| *count > 100);
    while run < runs || is_covered && run < 10 * runs && !is_enough(&seen) {
        play(first + run, COMMANDS_PER_RUN, &mut seen);
        run += 1;
    }

    println!("{seen:?}");
    if is_covered {
        assert_eq!(seen.missing(), Vec::<String>::new(), "these never occurred");
        assert!(seen.baskets.iter().all(|count| *count > 100), "{seen:?}");
    }
}

impl Seen {
    /// Reasons and outcomes that have not occurred.
    fn missing(&self) -> Vec<String> {
        let reasons = RejectReason::ALL.iter();
        let reasons = reasons.filter(|reason| !self.reasons.contains_key(reason));
        let outcomes = Outcome::ALL.into_iter();
        let outcomes = outcomes.filter(|outcome| !self.outcomes.contains_key(&(*outcome as u8)));
        let exits = EXITS.iter().filter(|what| !self.exits.contains_key(**what));
        reasons
            .map(|reason| format!("{reason:?}"))
            .chain(outcomes.map(|outcome| format!("{outcome:?}")))
            .chain(exits.map(|what| (*what).to_owned()))
            .collect()
    }
}

/// One random setup and its commands.
fn play(seed: u64, count: u64, seen: &mut Seen) {
    let mut random = Random::new(seed);
    let (setup, mut style) = random::setup(&mut random);
    let mut both = pair(&setup);
    let mut commands = Vec::new();
    for at in 0..count {
        let command = random::command(&mut random, &mut style, &both.model);
        commands.push(command);
        let played = both.play(&commands[at as usize]);
        let played = match played {
            Ok(_) if at % 16 == 0 || at + 1 == count => both.compare_views().and(played),
            played => played,
        };
        match played {
            Ok(answer) => {
                // Of a basket each order is told for itself.
                let told = answer.to_strategy.iter().flat_map(|told| match told {
                    ToStrategy::Refusal(refusal) => &refusal.failed[..],
                    ToStrategy::Execution(_) => &[],
                });
                for reason in answer.failed.iter().chain(told) {
                    *seen.reasons.entry(*reason).or_default() += 1;
                }
                if commands[at as usize].frame.kind() == Some(Kind::Basket) {
                    let is_accepted = answer.outcome == Outcome::Accepted;
                    seen.baskets[usize::from(is_accepted)] += 1;
                }
                *seen.outcomes.entry(answer.outcome as u8).or_default() += 1;
            }
            Err(difference) => report(seed, &setup, commands, difference),
        }
    }
    for (what, count) in both.model.exits_done() {
        *seen.exits.entry(what).or_default() += count;
    }
}

/// Shows the difference in as few commands as can be found.
fn report(seed: u64, setup: &Setup, commands: Vec<shrink::Command>, found: Difference) -> ! {
    let count = commands.len();
    println!(
        "PORTCULLIS_SEED={seed}: {} differ at command {count}",
        found.what
    );
    let few = shrink::shrink(&pair, setup, commands);
    println!("{setup:#?}");
    for command in &few {
        println!("{:?} about {:?}", command.frame, command.about);
    }
    let last = shrink::first_difference(&pair, setup, &few);
    let (_, difference) = last.unwrap_or((count, found));
    println!("{difference:?}");
    panic!(
        "PORTCULLIS_SEED={seed}: {} differ, shown in {} commands",
        difference.what,
        few.len()
    );
}
