//! Attacks on reconciliation: differences that are to stay small, unseen, explained or forgotten.

use super::super::execution::{Act, Execution};
use super::super::files::Sighting;
use super::super::finding::FindingKind;
use super::super::judge::{Standing, Terms};
use super::super::statement::{Held, Statement};
use super::super::worker::{Progress, Worker};
use super::broker::{Broker, frame};
use super::stories::{PRICE, agrees, fill, kinds, looks, order};
use super::world::{UNIT, World, terms};
use crate::message::{Report, Side};
use crate::units::{Nanos, Price};
use crossbeam::channel::unbounded;

/// A fill that everybody hears of.
fn trade(world: &mut World, broker: &mut Broker, qty: u64) -> Execution {
    let id = order(world, broker, qty);
    let (report, line) = fill(world, broker, id, qty);
    world.take(frame(report, world.now));
    world.reconciler.told(&line);
    line
}

/// A fill that the session loses.
fn lose(world: &mut World, broker: &mut Broker, qty: u64) -> Execution {
    let id = order(world, broker, qty);
    let (_, line) = fill(world, broker, id, qty);
    world.reconciler.told(&line);
    line
}

fn held(statement: &mut Statement, account: &str, symbol: &str, position: i128) {
    let held = Held {
        position,
        average_price: None,
    };
    let key = (account.to_owned(), symbol.to_owned());
    statement.positions.insert(key, held);
    statement.has_positions = true;
}

/// Tried: what was healed today pushed out of memory by fills, and as much healed again.
#[test]
fn what_was_healed_is_not_forgotten_behind_many_fills() {
    let few = Terms {
        history: 8,
        ..terms(60)
    };
    let (mut world, mut broker) = (World::new(few, true), Broker::default());
    lose(&mut world, &mut broker, 50);
    looks(&mut world, &mut broker, 8);
    assert!(agrees(&world, &broker) && !world.is_killed(0));
    for _ in 0..20 {
        trade(&mut world, &mut broker, 1);
        looks(&mut world, &mut broker, 1);
    }
    assert!(agrees(&world, &broker) && !world.is_killed(0));
    lose(&mut world, &mut broker, 50);
    looks(&mut world, &mut broker, 8);
    assert!(world.is_killed(0), "a hundred were healed within a day");
    // A day later the first is long ago.
    let mut world = self::World::new(terms(60), true);
    let mut broker = Broker::default();
    for _ in 0..2 {
        lose(&mut world, &mut broker, 50);
        looks(&mut world, &mut broker, 8);
        world.advance(Nanos::from_secs(24 * 60 * 60 + 1));
    }
    assert!(agrees(&world, &broker) && !world.is_killed(0));
}

/// Tried: small differences to and fro, each of which is healed before the next.
#[test]
fn differences_to_and_fro_add_up() {
    let (mut world, mut broker) = (World::new(terms(60), true), Broker::default());
    let mut count = 0;
    while !world.is_killed(0) && count < 20 {
        let side = [Side::Buy, Side::Sell][count % 2];
        let id = world.order((0, 0), side, 10, PRICE).unwrap();
        super::stories::serve(&mut world, &mut broker);
        let (_, line) = fill(&world, &mut broker, id, 10);
        world.reconciler.told(&line);
        looks(&mut world, &mut broker, 8);
        count += 1;
    }
    assert_eq!(count, 7, "six times ten are healed");
}

/// Tried: a line told again as another quantity, again and again: each time the difference is to the last.
#[test]
fn one_execution_told_anew_is_healed_no_further_than_the_threshold() {
    let (mut world, mut broker) = (World::new(terms(60), true), Broker::default());
    let line = trade(&mut world, &mut broker, 10);
    for step in 1..10 {
        let corrected = Execution {
            id: crate::message::Text::new(&format!("c{step}")).unwrap(),
            act: Act::Correct(line.id),
            qty: crate::units::Qty::from_raw((10 + 10 * step) * UNIT),
            time: world.now,
            ..line.clone()
        };
        world.reconciler.told(&corrected);
        looks(&mut world, &mut broker, 8);
    }
    assert!(world.is_killed(0));
    assert_eq!(world.position(0, 0), 70 * i128::from(UNIT));
}

/// Tried: a statement of a time that is still to come: none after it would be looked at.
#[test]
fn a_statement_of_tomorrow_is_not_believed() {
    let (mut world, mut broker) = (World::new(terms(0), false), Broker::default());
    let id = order(&mut world, &mut broker, 10);
    let (report, _) = fill(&world, &mut broker, id, 10);
    world.take(frame(report, world.now));
    looks(&mut world, &mut broker, 1);
    let (sightings, seen) = unbounded();
    let (acts, asked) = unbounded();
    let reconciler = std::mem::replace(
        &mut world.reconciler,
        super::super::reconciler::Reconciler::new(terms(0), false, Default::default()),
    );
    let mut worker = Worker::new(reconciler, seen, acts);
    let mut tomorrow = broker.statement(1, world.now);
    tomorrow.as_of = world.now.after(Nanos::from_secs(24 * 60 * 60));
    sightings.send(vec![Sighting::Statement(tomorrow)]).unwrap();
    let at = Progress {
        sequence: 0,
        lag: 0,
    };
    let poll = |worker: &mut Worker, world: &World| {
        for _ in 0..2 {
            worker.poll(&world.core, at, world.now, |_, _| {});
        }
    };
    poll(&mut worker, &world);
    world.advance(Nanos::from_secs(2));
    // What the broker has by now, we have not.
    let mut late = broker.statement(1, world.now);
    held(&mut late, "a0", "s0", 99 * i128::from(UNIT));
    sightings.send(vec![Sighting::Statement(late)]).unwrap();
    poll(&mut worker, &world);
    assert_eq!(asked.try_iter().count(), 1, "the account is halted");
    // And one of tomorrow alone is no statement: that is told once it is so for long enough.
    world.advance(Nanos::from_secs(2));
    let mut tomorrow = broker.statement(1, world.now);
    tomorrow.as_of = world.now.after(Nanos::from_secs(24 * 60 * 60));
    for _ in 0..10 {
        sightings
            .send(vec![Sighting::Statement(tomorrow.clone())])
            .unwrap();
        poll(&mut worker, &world);
        world.advance(Nanos::from_secs(2));
    }
    let told = worker.say().to_string();
    assert!(told.contains("still to come"), "{told}");
}

/// Tried: numbers as wide as the file can say, of what is held and of cash.
#[test]
fn the_widest_numbers_of_a_statement_halt_and_break_nothing() {
    // No file says more: its reader has bounds.
    let most = 1 << 102;
    for position in [most, -most, 1 << 63, 1 << 62] {
        for cash in [most, -most, 0] {
            let (mut world, mut broker) = (World::new(terms(60), true), Broker::default());
            trade(&mut world, &mut broker, 10);
            let mut statement = broker.statement(1, world.now);
            held(&mut statement, "a0", "s0", position);
            held(&mut statement, "a0", "s1", -position);
            statement
                .cash
                .insert(("a0".to_owned(), "USD".to_owned()), cash);
            world.reconciler.state(&statement);
            looks(&mut world, &mut broker, 10);
            assert!(world.is_killed(0), "{position} {cash}");
            assert_eq!(world.position(0, 0), 10 * i128::from(UNIT));
        }
    }
}

/// Tried: the drop copy's numbers at their ends.
#[test]
fn the_widest_numbers_of_a_drop_copy_halt_and_break_nothing() {
    let (mut world, mut broker) = (World::new(terms(60), true), Broker::default());
    let line = trade(&mut world, &mut broker, 10);
    for number in 0..6 {
        let wide = Execution {
            id: crate::message::Text::new(&format!("w{number}")).unwrap(),
            qty: crate::units::Qty::MAX,
            price: Price::from_raw([i64::MAX, i64::MIN + 1][number % 2]),
            fee: Some(crate::units::Money::from_raw(
                [i64::MIN, i64::MAX][number % 2],
            )),
            is_buy: number < 3,
            time: Nanos::from_raw([0, u64::MAX][number % 2]),
            ..line.clone()
        };
        world.reconciler.told(&wide);
    }
    looks(&mut world, &mut broker, 10);
    assert!(world.is_killed(0));
    assert_eq!(world.position(0, 0), 10 * i128::from(UNIT));
}

/// Tried: every line twice, and the whole file once more behind itself.
#[test]
fn lines_that_are_doubled_are_booked_once() {
    let (mut world, mut broker) = (World::new(terms(60), true), Broker::default());
    let lines = [
        lose(&mut world, &mut broker, 10),
        lose(&mut world, &mut broker, 20),
    ];
    for _ in 0..3 {
        lines
            .iter()
            .rev()
            .for_each(|line| world.reconciler.told(line));
        looks(&mut world, &mut broker, 8);
        assert!(agrees(&world, &broker));
        world.restart(&[lines.to_vec(), lines.to_vec()].concat(), None);
    }
    looks(&mut world, &mut broker, 8);
    assert!(agrees(&world, &broker) && !world.is_killed(0));
}

/// Tried: a broker that begins its numbers anew: the second fill of an id is dropped as the first told again, and
/// the drop copy's second line takes the place of the first.
#[test]
fn an_id_used_again_on_another_day_is_another_execution() {
    let (mut world, mut broker) = (World::new(terms(60), true), Broker::default());
    let line = trade(&mut world, &mut broker, 10);
    looks(&mut world, &mut broker, 2);
    world.advance(Nanos::from_secs(24 * 60 * 60));
    let id = order(&mut world, &mut broker, 10);
    let (report, again) = fill(&world, &mut broker, id, 10);
    let report = Report {
        exec_id: line.id,
        ..report
    };
    world.take(frame(report, world.now));
    world.reconciler.told(&Execution {
        id: line.id,
        ..again
    });
    looks(&mut world, &mut broker, 20);
    assert!(agrees(&world, &broker) || world.is_killed(0));
}

/// Tried: one id in two accounts: neither is healed away for the other.
#[test]
fn an_id_of_two_accounts_takes_nothing_from_either() {
    let (mut world, mut broker) = (World::new(terms(60), true), Broker::default());
    let line = trade(&mut world, &mut broker, 10);
    looks(&mut world, &mut broker, 2);
    let id = world.order((1, 0), Side::Buy, 10, PRICE).unwrap();
    super::stories::serve(&mut world, &mut broker);
    let (report, other) = fill(&world, &mut broker, id, 10);
    let report = Report {
        exec_id: line.id,
        ..report
    };
    world.take(frame(report, world.now));
    world.reconciler.told(&Execution {
        id: line.id,
        ..other
    });
    looks(&mut world, &mut broker, 20);
    assert!(
        agrees(&world, &broker) || world.is_killed(0),
        "account 0 holds {}",
        world.position(0, 0)
    );
}

/// Tried: names that differ by case, by a space, by a letter that looks the same: nobody's, and told so.
#[test]
fn names_that_look_the_same_are_others() {
    let (mut world, mut broker) = (World::new(terms(60), false), Broker::default());
    let id = order(&mut world, &mut broker, 10);
    let (report, _) = fill(&world, &mut broker, id, 10);
    world.take(frame(report, world.now));
    for name in ["A0", "a0 ", "\u{430}0", "a0\u{200b}"] {
        let mut statement = Statement {
            as_of: world.now,
            ..Statement::default()
        };
        held(&mut statement, name, "s0", 0);
        world.reconciler.state(&statement);
        looks(&mut world, &mut broker, 1);
        assert!(
            world
                .reconciler
                .foreign()
                .contains(&format!("account {name}"))
        );
        assert!(!world.is_killed(0));
    }
    // Of a symbol: what is listed under another name is not held.
    let mut statement = broker.statement(1, world.now);
    statement.positions.clear();
    held(&mut statement, "a0", "S0", 10 * i128::from(UNIT));
    statement.cash.clear();
    world.reconciler.state(&statement);
    let verdict = looks(&mut world, &mut broker, 8);
    let found = kinds(&verdict);
    assert!(
        found.contains(&(FindingKind::PositionDiffers, Standing::Halted)) || found.is_empty(),
        "{found:?}"
    );
}

/// What differs: a fill of 10 that the session has lost, of which nobody else tells.
fn lost() -> (World, Broker) {
    let (mut world, mut broker) = (World::new(terms(0), false), Broker::default());
    let id = order(&mut world, &mut broker, 10);
    fill(&world, &mut broker, id, 10);
    (world, broker)
}

/// A fill that the session tells, at its price less so much.
fn told(world: &mut World, broker: &mut Broker, qty: u64, better: i64) {
    let id = order(world, broker, qty);
    let report = broker.fill(id, qty * UNIT, better, 500_000_000, world.now);
    world.take(frame(report, world.now));
}

/// Tried: a difference that each new statement could explain by a fill of the same size just behind it, as if that
/// were in it already.
#[test]
fn a_difference_is_not_explained_for_ever_by_what_is_at_the_edge() {
    let (mut world, mut broker) = lost();
    for _ in 0..10 {
        looks(&mut world, &mut broker, 30);
        if world.is_killed(0) {
            return;
        }
        let mut statement = broker.statement(1, world.now);
        statement.cash.clear();
        world.advance(Nanos::from_secs(1));
        let id = order(&mut world, &mut broker, 10);
        let (report, _) = fill(&world, &mut broker, id, 10);
        world.take(frame(report, world.now));
        world.reconciler.state(&statement);
    }
    assert!(
        world.is_killed(0),
        "it stands for five minutes and ten statements"
    );
}

/// Tried: the same with fills of other sizes between, at the edge in parts, with statements that follow one another
/// within the settle time, and with cash, which fits each of them.
#[test]
fn a_difference_is_found_whatever_is_filled_between() {
    let edges: [&[u64]; 4] = [&[10], &[4, 6], &[3, 7, 5], &[5, 5]];
    for has_cash in [false, true] {
        for looks_between in [2, 30] {
            let (mut world, mut broker) = lost();
            let mut count = 0;
            while count < 20 {
                looks(&mut world, &mut broker, looks_between);
                if world.is_killed(0) {
                    break;
                }
                told(&mut world, &mut broker, 7, 0);
                looks(&mut world, &mut broker, looks_between);
                if world.is_killed(0) {
                    break;
                }
                let mut statement = broker.statement(1, world.now);
                if !has_cash {
                    statement.cash.clear();
                }
                world.advance(Nanos::from_secs(1));
                for qty in edges[count % edges.len()] {
                    told(&mut world, &mut broker, *qty, 0);
                }
                world.reconciler.state(&statement);
                count += 1;
            }
            // Two that are far enough apart, and one look after the settle time.
            let most = if looks_between == 2 { 8 } else { 2 };
            assert!(
                world.is_killed(0) && count <= most,
                "{has_cash} {looks_between} {count}"
            );
        }
    }
}

/// Tried: a fill behind the statement at a slightly better price, whose difference in cash is small enough to be
/// healed: then all would agree, in cash as well, but for what is lost.
#[test]
fn cash_is_not_healed_on_the_word_of_a_fill_that_may_be_another() {
    let small = Terms {
        heal_value_max: 100 * 10i128.pow(17),
        ..terms(0)
    };
    let (mut world, mut broker) = (World::new(small, false), Broker::default());
    let id = order(&mut world, &mut broker, 10);
    fill(&world, &mut broker, id, 10);
    for count in 0..2 {
        assert!(!world.is_killed(0) && world.reconciler.counts().healed == 0);
        looks(&mut world, &mut broker, 30 * count);
        let statement = broker.statement(1, world.now);
        world.advance(Nanos::from_secs(1));
        told(&mut world, &mut broker, 10, PRICE / 100);
        world.reconciler.state(&statement);
        let verdict = looks(&mut world, &mut broker, 4);
        assert!(
            kinds(&verdict).contains(
                &[
                    (FindingKind::CashDiffers, Standing::Stands),
                    (FindingKind::PositionDiffers, Standing::OnItsWay),
                ][count as usize]
            ),
            "{:?}",
            kinds(&verdict)
        );
    }
    looks(&mut world, &mut broker, 4);
    assert!(world.is_killed(0), "the position is found");
    assert_eq!(world.reconciler.counts().healed, 0);
}

/// Not to be: fills at the statement's instant that are in it, or are not yet, taken for a difference.
#[test]
fn what_is_truly_at_the_edge_is_explained_each_time() {
    // In it before its time, or not in it before its time is over; without cash, of sizes that differ, and with it of
    // one size at prices that differ.
    for is_in in [true, false] {
        for has_cash in [false, true] {
            let (mut world, mut broker) = (World::new(terms(0), false), Broker::default());
            for count in 0..12 {
                looks(&mut world, &mut broker, 30);
                assert!(!world.is_killed(0), "{is_in} {has_cash} {count}");
                let (as_of, before) = (world.now, broker.statement(1, world.now));
                world.advance(Nanos::from_secs(1));
                let qty = if has_cash { 10 } else { 10 + count % 2 };
                told(&mut world, &mut broker, qty, 10_000_000 * count as i64);
                let after = broker.statement(1, as_of);
                let mut statement = match is_in {
                    true => after,
                    false => Statement {
                        as_of: world.now.after(Nanos::from_secs(1)),
                        ..before
                    },
                };
                if !has_cash {
                    statement.cash.clear();
                }
                world.reconciler.state(&statement);
            }
            let verdict = looks(&mut world, &mut broker, 30);
            assert_eq!(kinds(&verdict), [], "{is_in} {has_cash}");
        }
    }
}

/// Tried: one line of a time that is still to come, which would make all that is forgotten reach up to there: what it
/// tells of counts as missing as soon as our own side of it is forgotten, before the line is.
#[test]
fn a_line_of_tomorrow_halts_before_it_forgets_today() {
    let few = Terms {
        history: 4,
        ..terms(0)
    };
    let (mut world, mut broker) = (World::new(few, true), Broker::default());
    let id = order(&mut world, &mut broker, 1);
    let (report, line) = fill(&world, &mut broker, id, 1);
    world.take(frame(report, world.now));
    world.reconciler.told(&Execution {
        time: Nanos::from_raw(u64::MAX),
        ..line
    });
    let mut count = 0;
    while !world.is_killed(0) && count < 6 {
        trade(&mut world, &mut broker, 1);
        looks(&mut world, &mut broker, 2);
        count += 1;
    }
    assert!((3..6).contains(&count), "{count}");
}
