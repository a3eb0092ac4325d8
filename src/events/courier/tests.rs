//! A sink that fails as it is told, stepped by hand.

use super::super::line::tests::line;
use super::super::queue::{Outbox, queue};
use super::*;
use std::sync::Mutex;

/// Takes what it is given while `is_well`, and keeps it.
#[derive(Clone, Default)]
struct Fake(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    is_sick: bool,
    taken: Vec<i64>,
    calls: Vec<usize>,
}

impl Sink for Fake {
    fn deliver(&mut self, batch: &[Line]) -> Result<(), String> {
        let mut inner = self.0.lock().unwrap();
        inner.calls.push(batch.len());
        if inner.is_sick {
            return Err("sick".to_owned());
        }
        inner
            .taken
            .extend(batch.iter().map(|event| match event.kind {
                EventKind::EventsDropped => -event.value()["count"].as_i64().unwrap(),
                _ => event.position.sequence as i64,
            }));
        Ok(())
    }
}

fn courier(capacity: usize, policy: Policy) -> (Outbox, Courier, Fake) {
    let fake = Fake::default();
    let (outbox, inbox, stop) = queue(capacity);
    let sink = Box::new(fake.clone());
    let clock = Clock::new(Nanos::ZERO);
    let (courier, _) = Courier::new("fake", sink, policy, (inbox, stop), clock);
    (outbox, courier, fake)
}

const POLICY: Policy = Policy {
    batch_max: 4,
    retry_min: Nanos::from_raw(1),
    retry_max: Nanos::from_raw(2),
    breaker_failures: 3,
    breaker_pause: Nanos::from_millis(2),
};

/// Steps until nothing is left to do; pauses are spun through.
fn run(courier: &mut Courier) {
    while courier.step() != Nanos::MAX {}
}

#[test]
fn batches_are_bounded_and_come_in_order() {
    let (mut outbox, mut courier, fake) = courier(64, POLICY);
    (1..=10).for_each(|at| {
        outbox.push(line(at, EventKind::Fill, None));
    });
    run(&mut courier);
    let inner = fake.0.lock().unwrap();
    assert_eq!(inner.taken, (1..=10).collect::<Vec<_>>());
    assert_eq!(inner.calls, [4, 4, 2]);
}

#[test]
fn a_sick_sink_opens_the_breaker_is_probed_with_one_event_and_loses_nothing_that_is_not_told() {
    let (mut outbox, mut courier, fake) = courier(8, POLICY);
    fake.0.lock().unwrap().is_sick = true;
    for at in 1..=4 {
        outbox.push(line(at, EventKind::Fill, None));
    }
    // Three calls of the whole batch, then one event after each pause.
    while fake.0.lock().unwrap().calls.len() < 5 {
        courier.step();
    }
    assert_eq!(fake.0.lock().unwrap().calls[..5], [4, 4, 4, 1, 1]);
    assert!(matches!(courier.state, State::Open { .. }));
    assert_eq!(courier.standing.say()["state"], "open");
    // The batch is held; of ten more the queue keeps eight.
    for at in 5..=14 {
        outbox.push(line(at, EventKind::Fill, None));
    }
    fake.0.lock().unwrap().is_sick = false;
    run(&mut courier);
    let inner = fake.0.lock().unwrap();
    let expected: Vec<i64> = vec![1, 2, 3, 4, -2, 7, 8, 9, 10, 11, 12, 13, 14];
    assert_eq!(inner.taken, expected);
    assert_eq!(courier.state, State::Closed);
    let say = courier.standing.say();
    assert_eq!(
        (&say["state"], &say["delivered"]),
        (&json!("well"), &json!(13))
    );
}

#[test]
fn a_gap_stands_right_before_the_first_event_that_is_there() {
    let mut before = line(7, EventKind::Fill, None);
    assert_eq!(gap(3, &before).position, Position::behind(6));
    before.position.part = 2;
    let gap = gap(3, &before);
    let (sequence, part) = (7, 1);
    assert_eq!(gap.position, Position { sequence, part });
    assert_eq!(gap.value()["count"], 3);
}

#[test]
fn who_is_stopped_delivers_what_is_left_and_no_longer_than_the_bound() {
    let (mut outbox, courier, fake) = courier(8, POLICY);
    let working = courier.spawn().unwrap();
    outbox.push(line(1, EventKind::Fill, None));
    working.stop(Nanos::from_secs(60));
    working.join();
    assert_eq!(fake.0.lock().unwrap().taken, [1]);

    let (mut outbox, courier, fake) = self::courier(8, POLICY);
    fake.0.lock().unwrap().is_sick = true;
    outbox.push(line(1, EventKind::Fill, None));
    let working = courier.spawn().unwrap();
    working.stop(Nanos::from_millis(20));
    working.join();
    assert!(fake.0.lock().unwrap().taken.is_empty());
}
