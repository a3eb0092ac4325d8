//! Wanted: what is looked for, in words and then in the numbers of each run.

use super::about::{About, KINDS, Who, outcome_word};
use super::{Asked, Row};
use crate::follower::names::{Names, Table};
use crate::message::{Scope, Text};
use crate::reject::RejectReason;
use crate::risk::decision::Outcome;
use crate::units::{Nanos, OrderId};
use std::collections::BTreeSet;

/// All of it must hold.
pub(super) struct Wanted {
    since: Nanos,
    until: Nanos,
    levels: Vec<Named>,
    person: Option<Named>,
    order: Option<Order>,
    kinds: Vec<String>,
    outcome: Option<Outcome>,
    reason: Option<RejectReason>,
    correlation: Option<u64>,
    text: Option<String>,
}

/// A name that each run may have at another place.
struct Named {
    /// None of a person.
    scope: Option<Scope>,
    name: String,
    place: Option<u32>,
    was_known: bool,
    /// Those that any run has known.
    known: BTreeSet<String>,
}

/// An order, and the numbers that the gate has given to it.
struct Order {
    id: Option<Text>,
    number: Option<u64>,
    followed: Vec<OrderId>,
}

impl Wanted {
    /// From what users write.
    pub(super) fn parse(asked: &Asked) -> Result<Self, String> {
        let levels = [
            (Scope::Account, &asked.account),
            (Scope::Strategy, &asked.strategy),
            (Scope::Symbol, &asked.symbol),
        ];
        let levels = levels.into_iter().filter_map(|(scope, name)| {
            let name = name.as_ref()?;
            Some(Named::new(Some(scope), name))
        });
        for kind in &asked.kinds {
            if !KINDS.contains(&kind.as_str()) {
                return Err(unknown("kind", kind, KINDS));
            }
        }
        let outcome = asked.outcome.as_deref().map(|word| {
            let found = Outcome::ALL
                .into_iter()
                .find(|of| outcome_word(*of) == word);
            found.ok_or_else(|| unknown("outcome", word, Outcome::ALL.map(outcome_word)))
        });
        let reason = asked.reason.as_deref().map(|name| {
            let all = || RejectReason::ALL.iter();
            let found = all().find(|of| of.name().eq_ignore_ascii_case(name));
            let names = || all().map(|of| of.name());
            found
                .copied()
                .ok_or_else(|| unknown("reason", name, names()))
        });
        let order = asked.order.as_deref().map(Order::parse);
        Ok(Self {
            since: instant("since", asked.since.as_deref())?.unwrap_or(Nanos::ZERO),
            until: instant("until", asked.until.as_deref())?.unwrap_or(Nanos::MAX),
            levels: levels.collect(),
            person: asked.person.as_ref().map(|name| Named::new(None, name)),
            order: order.transpose()?,
            kinds: asked.kinds.clone(),
            outcome: outcome.transpose()?,
            reason: reason.transpose()?,
            correlation: asked.correlation,
            text: asked.text.as_ref().map(|text| text.to_lowercase()),
        })
    }

    /// A run begins: names may stand at other places.
    pub(super) fn open(&mut self, names: &Names) {
        for named in &mut self.levels {
            let table = named.scope.and_then(|scope| names.of(scope));
            named.open(table);
        }
        if let Some(person) = &mut self.person {
            person.open(Some(&names.operators));
            if person.name == GATE {
                person.place = Some(u32::MAX);
                person.was_known = true;
            }
        }
    }

    /// Fails for a name that no run has known.
    pub(super) fn check_names(&self) -> Result<(), String> {
        let stranger = self.levels.iter().chain(&self.person);
        match stranger.into_iter().find(|named| !named.was_known) {
            Some(named) => {
                let kind = named.scope.map_or("person", Scope::text);
                let gate = named.scope.is_none().then_some(GATE);
                let known = named.known.iter().map(String::as_str).chain(gate);
                Err(unknown(kind, &named.name, known))
            }
            None => Ok(()),
        }
    }

    /// Whether a record is as wanted, but for its words.
    pub(super) fn has(&self, row: &Row<'_>) -> bool {
        let (about, decision) = (row.about, row.decision);
        let is_by = |named: &Named| {
            let place = named.place;
            place.is_some_and(|place| about.who == Who::Operator(place))
        };
        self.since <= row.time
            && (row.time < self.until || self.until == Nanos::MAX)
            && (self.kinds.is_empty() || self.kinds.iter().any(|kind| kind == about.kind))
            && self.correlation.is_none_or(|of| of == row.correlation)
            && self
                .outcome
                .is_none_or(|of| decision.is_some_and(|it| it.outcome == of))
            && self.reason.is_none_or(|of| {
                decision.is_some_and(|it| it.reason == Some(of) || it.failed.contains(of))
            })
            && self.is_of_levels(about)
            && self.person.as_ref().is_none_or(is_by)
            && self.order.as_ref().is_none_or(|order| order.is_of(about))
    }

    /// Whether the words of a record are as wanted.
    pub(super) fn has_text(&self, cells: &[String]) -> bool {
        let Some(text) = &self.text else {
            return true;
        };
        cells.iter().any(|cell| cell.to_lowercase().contains(text))
    }

    /// Remembers the gate's number of an order that has the wanted id: what names it by that alone, or by
    /// a later id, is about it, too.
    pub(super) fn follow(&mut self, about: &About) {
        let is_of_levels = self.is_of_levels(about);
        if let Some(order) = self.order.as_mut().filter(|_| is_of_levels) {
            order.follow(about);
        }
    }

    fn is_of_levels(&self, about: &About) -> bool {
        self.levels.iter().all(|named| {
            let level = named.scope.zip(named.place);
            level.is_some_and(|level| about.levels.contains(&level))
        })
    }
}

impl Named {
    fn new(scope: Option<Scope>, name: &str) -> Self {
        Self {
            scope,
            name: name.to_owned(),
            place: None,
            was_known: false,
            known: BTreeSet::new(),
        }
    }

    fn open(&mut self, table: Option<&Table>) {
        self.place = table.and_then(|table| table.place(&self.name));
        self.was_known |= self.place.is_some();
        if let (false, Some(table)) = (self.was_known, table) {
            let names = (0..table.count() as u32).map(|place| table.name(place).to_owned());
            self.known.extend(names);
        }
    }
}

impl Order {
    fn parse(text: &str) -> Result<Self, String> {
        let id = Text::new(text).filter(Text::is_id);
        let number = text.parse().ok();
        if id.is_none() {
            return Err(format!(
                "order: {text:?} is neither a client order id, at most 36 printable characters, nor \
                 a number of the gate's"
            ));
        }
        Ok(Self {
            id,
            number,
            followed: Vec::new(),
        })
    }

    fn is_of(&self, about: &About) -> bool {
        about.orders.iter().any(|(id, number)| {
            self.id.is_some_and(|of| of == *id)
                || *number != OrderId::NONE
                    && (self.number == Some(number.0) || self.followed.contains(number))
        })
    }

    fn follow(&mut self, about: &About) {
        let named = about.orders.iter().filter(|(id, _)| self.id == Some(*id));
        for (_, number) in named {
            if *number != OrderId::NONE && !self.followed.contains(number) {
                self.followed.push(*number);
            }
        }
    }
}

fn instant(key: &str, text: Option<&str>) -> Result<Option<Nanos>, String> {
    let Some(text) = text else {
        return Ok(None);
    };
    let at = text.parse::<jiff::Timestamp>().ok();
    let at = at.and_then(|at| u64::try_from(at.as_nanosecond()).ok());
    let problem = || format!("{key}: write a time as in \"2026-01-31T09:30:00Z\", not {text:?}");
    at.map(|at| Some(Nanos::from_raw(at))).ok_or_else(problem)
}

fn unknown<'a>(key: &str, name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<_> = known.into_iter().collect();
    let more = match known.len().saturating_sub(KNOWN_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let known = &known[..known.len().min(KNOWN_MAX)];
    format!("{key}: no {name:?}; there are {}{more}", known.join(", "))
}

/// What the gate itself is called among persons.
const GATE: &str = "gate";
/// So many names are told.
const KNOWN_MAX: usize = 200;
