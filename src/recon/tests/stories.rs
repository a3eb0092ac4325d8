//! Short stories: one thing goes wrong, and what follows.

use super::super::execution::Execution;
use super::super::finding::FindingKind;
use super::super::judge::{Act, Standing, Verdict};
use super::broker::{Broker, frame};
use super::world::{ACCOUNTS, UNIT, World, terms};
use crate::events::kind::Severity;
use crate::message::{Report, Scope, Side};
use crate::units::{Nanos, OrderId};

pub(super) const PRICE: i64 = 100_000_000_000;

/// An order of account 0 in symbol 0 at the broker.
pub(super) fn order(world: &mut World, broker: &mut Broker, qty: u64) -> OrderId {
    let id = world.order((0, 0), Side::Buy, qty, PRICE).unwrap();
    serve(world, broker);
    id
}

pub(super) fn serve(world: &mut World, broker: &mut Broker) {
    for request in std::mem::take(&mut world.requests) {
        if let Some(report) = broker.take(&request) {
            world.take(frame(report, world.now));
        }
    }
}

/// The broker fills; what the session and the drop copy would tell.
pub(super) fn fill(
    world: &World,
    broker: &mut Broker,
    id: OrderId,
    qty: u64,
) -> (Report, Execution) {
    let report = broker.fill(id, qty * UNIT, 0, 500_000_000, world.now);
    (report, broker.executions.last().unwrap().clone())
}

pub(super) fn looks(world: &mut World, broker: &mut Broker, count: u64) -> Verdict {
    let mut verdict = Verdict::default();
    for _ in 0..count {
        world.advance(Nanos::from_secs(1));
        serve(world, broker);
        verdict = world.look();
        serve(world, broker);
    }
    verdict
}

pub(super) fn kinds(verdict: &Verdict) -> Vec<(FindingKind, Standing)> {
    let findings = verdict.findings.iter();
    findings
        .map(|judged| (judged.finding.kind, judged.standing))
        .collect()
}

pub(super) fn agrees(world: &World, broker: &Broker) -> bool {
    world.position(0, 0) == broker.positions[&(0, 0)] && world.cash(0) == broker.cash[&0]
}

#[test]
fn a_fill_that_the_session_lost_is_healed_once_it_is_not_on_its_way() {
    let (mut world, mut broker) = (World::new(terms(60), true), Broker::default());
    let id = order(&mut world, &mut broker, 10);
    let (_, line) = fill(&world, &mut broker, id, 10);
    world.reconciler.told(&line);
    let missing = FindingKind::Missing;
    let verdict = looks(&mut world, &mut broker, 5);
    assert_eq!(kinds(&verdict), [(missing, Standing::OnItsWay)]);
    assert_eq!(verdict.findings[0].severity, Severity::Info);
    let verdict = looks(&mut world, &mut broker, 1);
    assert_eq!(kinds(&verdict), [(missing, Standing::Counts)]);
    let verdict = looks(&mut world, &mut broker, 1);
    assert_eq!(kinds(&verdict), [(missing, Standing::Healing)]);
    assert!(matches!(verdict.acts[..], [Act::Adjust(_)]));
    assert!(agrees(&world, &broker));
    assert_eq!(kinds(&looks(&mut world, &mut broker, 1)), []);
    assert_eq!(world.reconciler.counts().healed, 1);
}

#[test]
fn a_late_fill_takes_its_adjustment_back_whichever_came_first() {
    for is_fill_first in [false, true] {
        let (mut world, mut broker) = (World::new(terms(60), true), Broker::default());
        let id = order(&mut world, &mut broker, 10);
        let (report, line) = fill(&world, &mut broker, id, 10);
        world.reconciler.told(&line);
        let late = frame(report, world.now);
        looks(&mut world, &mut broker, 6);
        if is_fill_first {
            // The adjustment was on its way when the fill came.
            let act = world.reconciler.look(&world.core, world.now).acts;
            world.take(late);
            act.iter().for_each(|act| world.act(act));
        } else {
            looks(&mut world, &mut broker, 1);
            world.take(late);
        }
        assert!(!agrees(&world, &broker));
        let verdict = looks(&mut world, &mut broker, 1);
        assert_eq!(
            kinds(&verdict),
            [(FindingKind::CountedTwice, Standing::Counts)]
        );
        // The same from the journal alone.
        world.restart(&[line], None);
        looks(&mut world, &mut broker, 2);
        assert!(agrees(&world, &broker));
        assert_eq!(kinds(&looks(&mut world, &mut broker, 1)), []);
    }
}

#[test]
fn what_is_above_the_threshold_halts_at_once_and_again_after_a_raise() {
    let (mut world, mut broker) = (World::new(terms(60), true), Broker::default());
    let id = order(&mut world, &mut broker, 61);
    let (_, line) = fill(&world, &mut broker, id, 61);
    // The order is gone here: nothing accounts for what is told of it.
    let request = broker.take(&cancel(&mut world, id)).unwrap();
    let cancelled = Report {
        exec: crate::message::Exec::Canceled as u8,
        ..request
    };
    world.take(frame(cancelled, world.now));
    world.reconciler.told(&line);
    let verdict = looks(&mut world, &mut broker, 1);
    assert_eq!(kinds(&verdict), [(FindingKind::Missing, Standing::Halted)]);
    assert_eq!(verdict.findings[0].severity, Severity::Critical);
    assert!(world.is_killed(0) && !world.is_killed(1));
    assert_eq!(world.order((0, 0), Side::Buy, 1, PRICE), None);
    assert_eq!(world.position(0, 0), 0, "nothing is adjusted");
    // No second kill while it holds.
    assert_eq!(looks(&mut world, &mut broker, 1).acts, []);
}

/// The cancel of a kill, as the gate asks for it; the kill itself is of no account.
fn cancel(world: &mut World, id: OrderId) -> crate::message::Frame {
    let request = crate::message::BrokerRequest {
        order_id: id,
        ..Default::default()
    };
    crate::message::Frame::new(
        crate::message::Kind::BrokerCancel,
        crate::message::Header {
            time: world.now,
            ..Default::default()
        },
        request,
    )
}

#[test]
fn small_heals_of_a_day_add_up_to_the_threshold() {
    let (mut world, mut broker) = (World::new(terms(60), true), Broker::default());
    let id = order(&mut world, &mut broker, 100);
    for _ in 0..6 {
        let (_, line) = fill(&world, &mut broker, id, 10);
        world.reconciler.told(&line);
        looks(&mut world, &mut broker, 8);
    }
    assert!(agrees(&world, &broker) && !world.is_killed(0));
    let (_, line) = fill(&world, &mut broker, id, 10);
    world.reconciler.told(&line);
    looks(&mut world, &mut broker, 8);
    assert!(world.is_killed(0) && !agrees(&world, &broker));
}

#[test]
fn a_fill_that_only_a_statement_shows_is_conceded_and_stays_so() {
    let (mut world, mut broker) = (World::new(terms(60), false), Broker::default());
    let id = order(&mut world, &mut broker, 10);
    let (report, _) = fill(&world, &mut broker, id, 10);
    world.advance(Nanos::from_secs(20));
    let statement = broker.statement(ACCOUNTS, world.now);
    assert!(world.reconciler.state(&statement));
    looks(&mut world, &mut broker, 12);
    assert!(agrees(&world, &broker), "{:?}", world.look().findings);
    world.restart(&[], Some(&statement));
    assert_eq!(kinds(&looks(&mut world, &mut broker, 3)), []);
    // It comes after all: the statement says that it is there once.
    world.take(frame(report, world.now));
    assert!(!agrees(&world, &broker));
    looks(&mut world, &mut broker, 12);
    assert!(agrees(&world, &broker), "{:?}", world.look().findings);
}

#[test]
fn an_execution_of_an_order_that_nobody_knows_halts_the_firm_or_its_account() {
    let (mut world, mut broker) = (World::new(terms(60), true), Broker::default());
    let id = order(&mut world, &mut broker, 99);
    let (report, line) = fill(&world, &mut broker, id, 99);
    let of_nobody = OrderId::new(77, 7);
    let unknown = Report {
        order_id: of_nobody,
        ..report
    };
    world.take(frame(unknown, world.now));
    // The drop copy may still say whose it is.
    let verdict = looks(&mut world, &mut broker, 8);
    assert_eq!(
        kinds(&verdict),
        [(FindingKind::OrderUnknown, Standing::OnItsWay)]
    );
    let named = Execution {
        order: Some(super::super::execution::Named::Number(of_nobody)),
        ..line
    };
    world.reconciler.told(&named);
    let verdict = looks(&mut world, &mut broker, 1);
    assert_eq!(
        kinds(&verdict),
        [(FindingKind::OrderUnknown, Standing::Halted)]
    );
    let level = |scope, target| world.core.level(scope, target).unwrap().is_killed;
    assert!(level(Scope::Account, 0) && !level(Scope::Firm, u32::MAX));
}
