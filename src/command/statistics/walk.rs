//! Walk: one journal, replayed from its first record to its last, counted into rows.
//!
//! Pure, but for the journal's file.

use super::row::Row;
use super::{By, Statistics};
use crate::command::Failure;
use crate::command::journal::{ending, foreign_core};
use crate::events::derive::{Deriver, Seen};
use crate::events::event::Event;
use crate::events::kind::{EventKind, Kinds};
use crate::follower::names::Names;
use crate::follower::replica::Replica;
use crate::journal::reader::Record;
use crate::journal::recovery::Survey;
use crate::message::{Adjust, Exec, Frame, Kind, NewOrder, Report, Scope, Settle};
use crate::risk::core::Core;
use crate::risk::decision::{Decision, Outcome};
use crate::risk::money::worth::{Contract, exchanged};
use crate::risk::order::Order;
use crate::risk::setup::Setup;
use crate::topology::rebuild::Taken;
use crate::units::{AccountId, Amount, Nanos, OrderId, Price, Qty, StrategyId, SymbolId};
use std::collections::HashMap;
use std::path::Path;

/// Where a journal stands.
struct Walk<'a> {
    into: &'a mut Statistics,
    names: Names,
    /// The trading day under way, and when it is over.
    day: Option<(String, Nanos)>,
    /// What each level had earned when the day began; `None`: the firm.
    began: HashMap<Option<String>, Amount>,
    /// The highest profit of the firm in the day.
    peak: Amount,
}

/// Whose books an event may change: those of an account and a strategy in a symbol.
#[derive(Clone, Copy)]
struct Books {
    account: AccountId,
    strategy: StrategyId,
    symbol: SymbolId,
}

/// What was realized and paid in fees by an account and by a strategy so far.
#[derive(Clone, Copy, Default)]
struct Earned([(Amount, Amount); 2]);

/// A fill, as the order was before it.
struct Fill {
    qty: Qty,
    price: Price,
    is_first: bool,
}

/// Reads a journal to its end; what is missing of it is returned.
pub(super) fn walk(directory: &Path, into: &mut Statistics) -> Result<Option<Failure>, Failure> {
    let mut survey = Survey::begin(directory).map_err(Failure::of)?;
    if let Some(foreign) = foreign_core(survey.records(), directory) {
        eprintln!("portcullis: {foreign}");
    }
    let mut replica = Replica::new(directory);
    let mut deriver = Deriver::default();
    let kinds = [EventKind::Exit, EventKind::Kill, EventKind::Adjustment];
    let kinds = kinds.into_iter().fold(Kinds::NONE, Kinds::with);
    let mut walk = Walk {
        into,
        names: Names::default(),
        day: None,
        began: HashMap::new(),
        peak: Amount::ZERO,
    };
    while let Some(record) = survey.records().next().map_err(Failure::of)? {
        let [head, lines @ ..] = record.frames else {
            continue;
        };
        walk.turn(head.header.time, &replica);
        let books = books_of(head, replica.core());
        let before = earned(books, replica.core());
        let fill = replica.core().and_then(|core| fill_of(head, core, &record));
        let (taken, _) = replica.apply(&record).map_err(Failure::of)?;
        let Some(core) = replica.core() else {
            continue;
        };
        match taken {
            Taken::Opened => {
                walk.names = Names::new(replica.setup());
                walk.into.open(replica.setup());
                let at = (record.sequence, head);
                deriver.open(at, (core, &walk.names), kinds, &mut |_| {});
            }
            Taken::Event { recorded, .. } => {
                let seen = Seen {
                    sequence: record.sequence,
                    head,
                    continuations: lines,
                    decision: &recorded,
                    told: replica.told(),
                    core,
                    setup: replica.setup(),
                    names: &walk.names,
                };
                let mut events = Vec::new();
                deriver.take(&seen, kinds, &mut |event| events.push(event));
                events.iter().for_each(|event| walk.event(event));
                walk.command(head, lines, &recorded, core);
                let after = earned(books, Some(core));
                if let Some(books) = books {
                    walk.money((core, replica.setup()), books, (before, after), fill);
                }
            }
            _ => {}
        }
        walk.peak = walk.peak.max(profit(core));
        let fallen = walk.peak.less(profit(core));
        walk.of_day(|row| row.drawdown = row.drawdown.max(fallen));
    }
    walk.close(&replica);
    walk.into.differences += replica.difference_count();
    Ok(ending(survey).failure)
}

fn profit(core: &Core) -> Amount {
    core.level(Scope::Firm, u32::MAX)
        .map_or(Amount::ZERO, |level| level.profit)
}

impl Walk<'_> {
    /// Closes the day if the next record is of another one.
    fn turn(&mut self, time: Nanos, replica: &Replica) {
        let Some(core) = replica.core() else {
            return;
        };
        if self.day.as_ref().is_some_and(|(_, end)| time < *end) {
            return;
        }
        self.close_day(replica);
        let (day, end) = day_of(replica.setup(), time);
        self.into.days.insert(day.clone());
        self.day = Some((day, end));
        self.peak = profit(core);
        self.of_day(|_| {});
    }

    /// Adds what each level has earned since the day began.
    fn close_day(&mut self, replica: &Replica) {
        let (Some((day, _)), Some(core)) = (&self.day, replica.core()) else {
            return;
        };
        let began = &mut self.began;
        let mut since = |name: Option<&str>, earned: Amount| {
            let began = began.insert(name.map(str::to_owned), earned);
            earned.less(began.unwrap_or(Amount::ZERO))
        };
        let of_firm = since(None, profit(core));
        self.into.all.close_day(day, of_firm);
        if self.into.by == By::Day {
            let row = self.into.rows.entry(day.clone()).or_default();
            row.close_day(day, of_firm);
        }
        let Some(scope) = self.into.by.scope() else {
            return;
        };
        let table = self.names.of(scope);
        for place in 0..table.map_or(0, |table| table.count()) as u32 {
            let Some(level) = core.level(scope, place) else {
                continue;
            };
            let name = self.names.name(scope, place);
            let is_known = self.into.rows.contains_key(name);
            if is_known || level.profit != Amount::ZERO {
                let row = self.into.rows.entry(name.to_owned()).or_default();
                row.close_day(day, since(Some(name), level.profit));
            }
        }
    }

    /// The journal ends: the deepest fall of each level is known.
    fn close(&mut self, replica: &Replica) {
        self.close_day(replica);
        let Some(core) = replica.core() else {
            return;
        };
        let fallen = |scope, place| {
            core.level(scope, place)
                .map_or(Amount::ZERO, |level| level.drawdown_peak)
        };
        let all = &mut self.into.all;
        all.drawdown = all.drawdown.max(fallen(Scope::Firm, u32::MAX));
        if let Some(scope) = self.into.by.scope() {
            for (name, row) in &mut self.into.rows {
                let place = self.names.of(scope).and_then(|table| table.place(name));
                let fallen = place.map_or(Amount::ZERO, |place| fallen(scope, place));
                row.drawdown = row.drawdown.max(fallen);
            }
        }
    }

    /// Changes the row of the day under way.
    fn of_day(&mut self, change: impl Fn(&mut Row)) {
        if let (By::Day, Some((day, _))) = (self.into.by, &self.day) {
            change(self.into.rows.entry(day.clone()).or_default());
        }
    }

    /// Changes the row of all, and that of a day or of one of these.
    fn count(&mut self, books: Books, change: impl Fn(&mut Row)) {
        change(&mut self.into.all);
        self.of_day(&change);
        let name = match self.into.by {
            By::Day => return,
            By::Account => self.names.accounts.name(books.account.0),
            By::Strategy => self.names.strategies.name(books.strategy.0),
            By::Symbol => self.names.symbols.name(books.symbol.0),
        };
        change(self.into.rows.entry(name.to_owned()).or_default());
    }

    /// What strategies have asked.
    fn command(&mut self, head: &Frame, lines: &[Frame], decision: &Decision, core: &Core) {
        let strategy = head.header.strategy;
        let orders = match head.kind() {
            Some(Kind::NewOrder) => std::slice::from_ref(head),
            Some(Kind::Basket) => lines,
            Some(Kind::Cancel | Kind::Replace) if decision.outcome == Outcome::Accepted => {
                let is_cancel = head.kind() == Some(Kind::Cancel);
                if let Some(order) = core.order(decision.order_id) {
                    self.count(Books::of(order), |row| match is_cancel {
                        true => row.cancels += 1,
                        false => row.replaces += 1,
                    });
                }
                return;
            }
            _ => return,
        };
        for line in orders {
            let order: &NewOrder = line.body();
            let books = Books {
                account: order.account,
                strategy,
                symbol: order.symbol,
            };
            self.count(books, |row| {
                row.orders += 1;
                match (decision.outcome, decision.reason) {
                    (Outcome::Accepted, _) => row.accepted += 1,
                    (_, Some(reason)) => *row.reasons.entry(reason).or_default() += 1,
                    _ => {}
                }
            });
        }
    }

    /// What a fill or a correction has brought and cost.
    fn money(
        &mut self,
        (core, setup): (&Core, &Setup),
        books: Books,
        (before, after): (Earned, Earned),
        fill: Option<Fill>,
    ) {
        let rate = core.settlement_rate(books.symbol);
        let rate = rate.and_then(|rate| u64::try_from(rate.raw()).ok());
        let value = fill.as_ref().and_then(|fill| {
            let symbol = setup.symbols.get(books.symbol.0 as usize)?;
            let value = Contract::new(symbol).traded(fill.price, fill.qty)?;
            Some(value.max(value.negated()))
        });
        // An account's books are in the row of all; a strategy's own in its row.
        let of_strategy = usize::from(self.into.by == By::Strategy);
        let gained = |owner: usize| {
            let (realized, fees) = (after.0[owner], before.0[owner]);
            (realized.0.less(fees.0), realized.1.less(fees.1))
        };
        let add = |row: &mut Row, owner: usize| {
            let (realized, fees) = gained(owner);
            let nothing = realized == Amount::ZERO && fees == Amount::ZERO && fill.is_none();
            match rate {
                _ if nothing => {}
                None => row.unvalued += 1,
                Some(rate) => {
                    let value = exchanged(value.unwrap_or(Amount::ZERO), rate);
                    row.filled_value = row.filled_value.plus(value);
                    row.realized = row.realized.plus(exchanged(realized, rate));
                    row.fees = row.fees.plus(exchanged(fees, rate));
                }
            }
            if let Some(fill) = &fill {
                row.fills += 1;
                row.orders_filled += u64::from(fill.is_first);
                row.filled_qty = row.filled_qty.saturating_add(fill.qty.raw().into());
            }
        };
        add(&mut self.into.all, 0);
        self.of_day(|row| add(row, 0));
        let name = match self.into.by {
            By::Day => return,
            By::Account => self.names.accounts.name(books.account.0),
            By::Strategy if books.strategy == StrategyId::NONE => return,
            By::Strategy => self.names.strategies.name(books.strategy.0),
            By::Symbol => self.names.symbols.name(books.symbol.0),
        };
        let row = self.into.rows.entry(name.to_owned()).or_default();
        add(row, of_strategy);
    }

    /// What the gate, or a person, has done.
    fn event(&mut self, event: &Event) {
        let change = |row: &mut Row| match event.kind {
            EventKind::Exit => row.exits += 1,
            EventKind::Kill => row.kills += 1,
            EventKind::Adjustment => row.adjustments += 1,
            _ => {}
        };
        change(&mut self.into.all);
        self.of_day(change);
        let name = match self.into.by {
            By::Day => None,
            By::Account => event.facts.account.as_ref(),
            By::Strategy => event.facts.strategy.as_ref(),
            By::Symbol => event.facts.symbol.as_ref(),
        };
        if let Some(name) = name {
            change(self.into.rows.entry(name.clone()).or_default());
        }
    }
}

impl Books {
    const fn of(order: &Order) -> Self {
        Self {
            account: order.account,
            strategy: order.strategy,
            symbol: order.symbol,
        }
    }
}

/// Whose books a record may change, before it is taken.
fn books_of(head: &Frame, core: Option<&Core>) -> Option<Books> {
    let order = |id: OrderId| core.and_then(|core| core.order(id)).map(Books::of);
    match head.kind() {
        Some(Kind::Report) => order(head.body::<Report>().order_id),
        Some(Kind::Settle) => order(head.body::<Settle>().order_id),
        Some(Kind::Adjust) => {
            let adjust: &Adjust = head.body();
            // A split realizes nothing.
            (adjust.account != AccountId::NONE).then_some(Books {
                account: adjust.account,
                strategy: adjust.strategy,
                symbol: adjust.symbol,
            })
        }
        _ => None,
    }
}

fn earned(books: Option<Books>, core: Option<&Core>) -> Earned {
    let (Some(books), Some(core)) = (books, core) else {
        return Earned::default();
    };
    let of = |is_account: bool, owner: u32| {
        let ledger = core.ledger(is_account, owner, books.symbol);
        ledger.map_or((Amount::ZERO, Amount::ZERO), |of| (of.realized, of.fees))
    };
    Earned([of(true, books.account.0), of(false, books.strategy.0)])
}

/// The fill that a record is, if the gate has taken it for one.
fn fill_of(head: &Frame, core: &Core, record: &Record<'_>) -> Option<Fill> {
    let outcome = record.line.decision()?.outcome;
    let (id, qty, price) = match head.kind() {
        Some(Kind::Report) => {
            let report: &Report = head.body();
            let is_fill = report.exec == Exec::Trade as u8;
            let counts = [Outcome::Applied, Outcome::LateFill, Outcome::OverFill];
            (is_fill && counts.contains(&outcome)).then_some(())?;
            (report.order_id, report.qty, report.price)
        }
        Some(Kind::Settle) if outcome == Outcome::Applied => {
            let settle: &Settle = head.body();
            let known = core.order(settle.order_id)?.filled;
            let qty = settle.filled.saturating_sub(known);
            (settle.order_id, qty, settle.price)
        }
        _ => return None,
    };
    let order = core.order(id)?;
    (qty != Qty::ZERO).then_some(Fill {
        qty,
        // A fill without a price counts at its order's limit.
        price: match price == Price::default() {
            true => order.price,
            false => price,
        },
        is_first: order.filled == Qty::ZERO,
    })
}

/// The trading day of a time, called by the date of its last moment in UTC, and when it is over.
fn day_of(setup: &Setup, time: Nanos) -> (String, Nanos) {
    let calendar = setup
        .day_calendar
        .and_then(|id| setup.calendars.get(id.0 as usize));
    let end = match calendar {
        None => Nanos::from_raw((time.raw() / DAY_NANOS + 1).saturating_mul(DAY_NANOS)),
        Some(calendar) => {
            let at = calendar.changes.partition_point(|of| of.time <= time);
            let day = calendar.changes[..at].last().map_or(0, |of| of.day);
            let mut later = calendar.changes[at..].iter();
            later
                .find(|of| of.day != day)
                .map_or(Nanos::MAX, |of| of.time)
        }
    };
    let last = match end == Nanos::MAX {
        true => time,
        false => Nanos::from_raw(end.raw() - 1),
    };
    let date = jiff::Timestamp::from_nanosecond(last.raw().into());
    let date = date.map(|at| at.to_zoned(jiff::tz::TimeZone::UTC).date().to_string());
    (date.unwrap_or_else(|_| last.raw().to_string()), end)
}

const DAY_NANOS: u64 = 86_400_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::risk::setup::{Calendar, PhaseChange};
    use crate::units::CalendarId;

    #[test]
    fn a_trading_day_is_called_by_the_date_on_which_it_ends() {
        let hours = |hours: u64| Nanos::from_secs(hours * 3_600);
        let utc = day_of(&Setup::default(), hours(30));
        assert_eq!(utc, ("1970-01-02".to_owned(), hours(48)));
        // From the evening to the next afternoon, twice.
        let changes = [(18, 0, true), (40, 1, false), (42, 1, true), (64, 2, false)];
        let changes = changes.map(|(at, day, is_open)| PhaseChange {
            time: hours(at),
            session: is_open.then_some(0),
            day,
        });
        let calendar = Calendar {
            changes: changes.to_vec(),
            ..Calendar::default()
        };
        let setup = Setup {
            calendars: vec![calendar],
            day_calendar: Some(CalendarId(0)),
            ..Setup::default()
        };
        for (at, day, end) in [
            (1, "1970-01-02", 40),
            (20, "1970-01-02", 40),
            (40, "1970-01-03", 64),
            (63, "1970-01-03", 64),
        ] {
            let expected = (day.to_owned(), hours(end));
            assert_eq!(day_of(&setup, hours(at)), expected, "at {at}");
        }
        // Behind the last change nothing says when it ends.
        assert_eq!(
            day_of(&setup, hours(70)),
            ("1970-01-03".to_owned(), Nanos::MAX)
        );
    }
}
