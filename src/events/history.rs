//! History: the last events, so many and not one more.
//!
//! Invariants:
//! - It holds the last events that it was given, in their order, and never more than its capacity.

use super::filter::Wanted;
use super::line::Line;
use std::collections::VecDeque;

/// A bounded memory of events.
#[derive(Debug, Default)]
pub struct History {
    events: VecDeque<Line>,
    capacity: usize,
    forgotten: u64,
}

impl History {
    /// Remembers so many.
    pub fn new(capacity: usize) -> Self {
        Self {
            events: VecDeque::with_capacity(capacity.min(RESERVED_MAX)),
            capacity,
            forgotten: 0,
        }
    }

    /// Remembers one more, and forgets the oldest where there is no room.
    pub fn push(&mut self, line: Line) {
        if self.capacity == 0 {
            self.forgotten += 1;
            return;
        }
        if self.events.len() == self.capacity {
            self.events.pop_front();
            self.forgotten += 1;
        }
        self.events.push_back(line);
    }

    /// The last `count_max` of those that are wanted, the oldest first, and how many there are.
    pub fn last(&self, count_max: usize, wanted: &Wanted<'_>) -> (Vec<&Line>, usize) {
        let mut last = Vec::new();
        let mut total = 0;
        for event in self.events.iter().rev().filter(|event| wanted.has(event)) {
            total += 1;
            if last.len() < count_max {
                last.push(event);
            }
        }
        last.reverse();
        (last, total)
    }

    /// How many it holds.
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// How many it has forgotten.
    pub const fn forgotten(&self) -> u64 {
        self.forgotten
    }
}

/// Who asks for more than a configuration can is given room as events come.
const RESERVED_MAX: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::kind::{EventKind, Severity};
    use crate::events::line::tests::line;
    use crate::units::Nanos;

    #[test]
    fn it_holds_the_last_events_and_exactly_as_many_as_it_is_told() {
        for capacity in 0..5 {
            let mut history = History::new(capacity);
            for sequence in 1..=12u64 {
                history.push(line(sequence, EventKind::Fill, None));
                let expected: Vec<_> = (1..=sequence).collect();
                let first = expected.len().saturating_sub(capacity);
                let (found, total) = history.last(usize::MAX, &Wanted::default());
                let found: Vec<_> = found.iter().map(|event| event.position.sequence).collect();
                assert_eq!(found, expected[first..], "{capacity}");
                assert_eq!((total, history.len()), (found.len(), found.len()));
                assert_eq!(history.forgotten(), first as u64);
                assert_eq!(history.events.capacity(), capacity, "it has grown");
            }
        }
    }

    #[test]
    fn only_what_is_wanted_is_found_the_last_first_to_stay() {
        let mut history = History::new(10);
        history.push(line(1, EventKind::Kill, None));
        history.push(line(2, EventKind::Fill, Some("A")));
        history.push(line(3, EventKind::Breach, Some("A")));
        history.push(line(4, EventKind::Breach, Some("B")));
        let find = |count, wanted: &Wanted<'_>| {
            let (found, total) = history.last(count, wanted);
            let found: Vec<_> = found.iter().map(|event| event.position.sequence).collect();
            (found, total)
        };
        let wanted = Wanted::default();
        assert_eq!(find(2, &wanted), (vec![3, 4], 4));
        let of_a = Wanted {
            account: Some("A"),
            ..wanted
        };
        assert_eq!(find(9, &of_a), (vec![2, 3], 2));
        let grave = Wanted {
            severity: Severity::Warning,
            ..wanted
        };
        assert_eq!(find(9, &grave), (vec![1, 3, 4], 3));
        let of_kind = Wanted {
            kind: Some(EventKind::Breach),
            since: Nanos::from_secs(4),
            ..wanted
        };
        assert_eq!(find(9, &of_kind), (vec![4], 1));
    }
}
