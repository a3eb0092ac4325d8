//! `portcullis find`: who asked, decided, filled or did what, and when: the records of a journal that are
//! looked for, in one pass over it.
//!
//! What a record concerns is known in numbers before anything of it is put into words, and no more than
//! the first rows are held, for the widths of their columns.

mod about;
mod wanted;

use self::about::{About, Who, figures, outcome, outcome_word};
use self::wanted::Wanted;
use super::Failure;
use super::journal::{ending, foreign_core};
use crate::follower::names::Names;
use crate::follower::view::time;
use crate::journal::recovery::Survey;
use crate::message::{BrokerRequest, Frame, Kind, Scope, Text};
use crate::protocol::scenario::names::Names as ScenarioNames;
use crate::protocol::scenario::write::write_event;
use crate::reject::RejectReason;
use crate::risk::decision::Decision;
use crate::topology::rebuild::{Rebuild, Taken};
use crate::units::{AccountId, Nanos, OrderId};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::io::{ErrorKind, Write};
use std::path::Path;

/// What is looked for: all of what is said must hold.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// From then on.
    pub since: Option<String>,
    /// Before then.
    pub until: Option<String>,
    /// Of this account.
    pub account: Option<String>,
    /// Of this strategy.
    pub strategy: Option<String>,
    /// Of this symbol.
    pub symbol: Option<String>,
    /// Of the order with this client order id, or this number of the gate's.
    pub order: Option<String>,
    /// Of one of these kinds; none: of any.
    pub kinds: Vec<String>,
    /// That came to this.
    pub outcome: Option<String>,
    /// That a control failed, be it the first or another one.
    pub reason: Option<String>,
    /// By this person, or `gate`.
    pub person: Option<String>,
    /// That follow from one command.
    pub correlation: Option<u64>,
    /// Whose line has this in it.
    pub text: Option<String>,
    /// At most so many: the last.
    pub count_max: Option<usize>,
}

/// Reads the journal to its end, and writes what is found as it is found.
pub fn run(
    directory: &Path,
    asked: &Asked,
    is_json: bool,
    output: &mut impl Write,
) -> Result<(), Failure> {
    let mut wanted = Wanted::parse(asked).map_err(Failure::of)?;
    let mut survey = Survey::begin(directory).map_err(Failure::of)?;
    if let Some(foreign) = foreign_core(survey.records(), directory) {
        eprintln!("portcullis: {foreign}");
    }
    let mut found = Found::new(output, is_json, asked.count_max);
    let mut records = 0u64;
    match read(
        &mut survey,
        directory,
        &mut wanted,
        &mut found,
        &mut records,
    ) {
        Ok(()) => {}
        Err(Stop::Failure(failure)) => return Err(failure),
        // Who reads has seen enough.
        Err(Stop::Closed) => return Ok(()),
    }
    wanted.check_names().map_err(Failure::of)?;
    match found.finish(records) {
        Err(Stop::Failure(failure)) => return Err(failure),
        Ok(()) | Err(Stop::Closed) => {}
    }
    ending(survey).failure.map_or(Ok(()), Err)
}

/// Why no more is read.
enum Stop {
    Failure(Failure),
    Closed,
}

impl From<std::io::Error> for Stop {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            ErrorKind::BrokenPipe => Self::Closed,
            _ => Self::Failure(Failure::of(error)),
        }
    }
}

fn read(
    survey: &mut Survey,
    directory: &Path,
    wanted: &mut Wanted,
    found: &mut Found<'_, impl Write>,
    records: &mut u64,
) -> Result<(), Stop> {
    let fail = |error: &dyn std::fmt::Display| Stop::Failure(Failure::of(error));
    let mut rebuild = Rebuild::new(directory);
    let mut words = Words::default();
    let mut run = 0u64;
    while let Some(record) = survey.records().next().map_err(|error| fail(&error))? {
        let [head, lines @ ..] = record.frames else {
            continue;
        };
        *records += 1;
        let core = rebuild.core();
        let mut about = core.map_or_else(About::run, |core| About::event(head, lines, core));
        // The step may forget an order that the event's words name.
        let said = match (core, is_json_event(found, head)) {
            (Some(core), true) => words.event(head, lines, |id: OrderId| {
                let order = core.order(id)?;
                Some((order.account, order.client_order_id))
            }),
            _ => None,
        };
        let decision = match rebuild.take(&record).map_err(|error| fail(&error))? {
            Taken::Part | Taken::Checkpoint { .. } => continue,
            Taken::Opened => {
                words = Words::new(&rebuild);
                wanted.open(&words.names);
                run += 1;
                about = About::run();
                None
            }
            Taken::Event { recorded, .. } => Some(recorded),
        };
        let sent: Vec<&Frame> = match head.kind() {
            // Frames behind these may be bytes for the broker alone.
            Some(Kind::NewOrder | Kind::Basket | Kind::Replace) => Vec::new(),
            _ => rebuild
                .effects
                .to_broker
                .iter()
                .map(|of| of.frame())
                .collect(),
        };
        if let (Some(decision), Some(core)) = (&decision, rebuild.core()) {
            about.decided(head, decision, core, &sent);
        }
        wanted.follow(&about);
        let row = Row {
            record: record.sequence,
            time: head.header.time,
            correlation: head.header.correlation,
            about: &about,
            decision: decision.as_ref(),
        };
        if wanted.has(&row) {
            let what = match decision {
                None => format!("run {run} began"),
                Some(_) => about.what(head, lines, &words.names),
            };
            found.take(&row, &what, said, &words.names, wanted)?;
        }
        let own = sent.iter().filter(|_| decision.is_some());
        for frame in own.filter(|frame| frame.kind() == Some(Kind::BrokerNew)) {
            let request: &BrokerRequest = frame.body();
            let about = About::exit(request);
            let row = Row {
                correlation: frame.header.correlation,
                about: &about,
                decision: None,
                ..row
            };
            if wanted.has(&row) {
                let what = about::sent(request, &words.names);
                found.take(&row, &what, None, &words.names, wanted)?;
            }
        }
    }
    Ok(())
}

/// The names of one run, as people and as scenarios use them.
#[derive(Default)]
struct Words {
    names: Names,
    scenario: ScenarioNames,
}

impl Words {
    fn new(rebuild: &Rebuild) -> Self {
        Self {
            names: Names::new(rebuild.setup()),
            scenario: ScenarioNames::new(rebuild.setup()),
        }
    }

    /// The event as `portcullis journal dump` says it.
    fn event(
        &self,
        head: &Frame,
        lines: &[Frame],
        client_id_of: impl Fn(OrderId) -> Option<(AccountId, Text)>,
    ) -> Option<String> {
        let mut line = String::new();
        write_event(&mut line, head, lines, &self.scenario, client_id_of).ok()?;
        Some(line)
    }
}

fn is_json_event(found: &Found<'_, impl Write>, head: &Frame) -> bool {
    found.is_json && !matches!(head.kind(), Some(Kind::Checkpoint | Kind::Opening))
}

/// A record that may be looked for.
#[derive(Clone, Copy)]
struct Row<'a> {
    record: u64,
    time: Nanos,
    correlation: u64,
    about: &'a About,
    /// None of a start, and of what the gate sends by itself.
    decision: Option<&'a Decision>,
}

impl Row<'_> {
    fn outcome(&self) -> String {
        self.decision.map_or_else(String::new, outcome)
    }

    fn to_json(self, what: &str, event: Option<String>, names: &Names) -> Value {
        let place = |scope| self.about.of(scope).map(move |of| names.name(scope, of));
        let one_or_all = |scope: Scope| {
            let all: Vec<_> = place(scope).collect();
            match all.as_slice() {
                [] => Value::Null,
                [one] => json!(one),
                all => json!(all),
            }
        };
        let person = match self.about.who {
            Who::Operator(place) => Some(names.operator(place)),
            _ => None,
        };
        let figures = self.decision.and_then(figures);
        let reason = self.decision.and_then(|of| of.reason);
        let failed = self
            .decision
            .map(|of| of.failed.iter().map(RejectReason::name));
        let number = self.about.orders.iter().map(|of| of.1);
        let number = number.filter(|of| *of != OrderId::NONE).min();
        let ids = self.about.orders.iter().map(|of| of.0);
        let ids: Vec<_> = ids.filter(|id| !id.is_empty()).collect();
        json!({
            "record": self.record,
            "time": time(self.time),
            "kind": self.about.kind,
            "who": self.about.who(names),
            "person": person,
            "account": one_or_all(Scope::Account),
            "strategy": one_or_all(Scope::Strategy),
            "symbol": one_or_all(Scope::Symbol),
            "order_id": number.map(|of| of.0),
            "ids": ids.iter().map(|id| id.as_str()).collect::<Vec<_>>(),
            "correlation": self.correlation,
            "what": what,
            "outcome": self.decision.map(|of| outcome_word(of.outcome)),
            "reason": reason.map(RejectReason::name),
            "limit": figures.as_ref().map(|of| &of.0),
            "value": figures.as_ref().map(|of| &of.1),
            "failed": failed.map_or_else(Vec::new, Iterator::collect),
            "event": event.and_then(|line| serde_json::from_str::<Value>(&line).ok()),
        })
    }
}

type Cells = [String; 6];

const HEAD: [&str; 6] = ["record", "time", "kind", "who", "what", "outcome"];

/// What was found, on its way out.
struct Found<'a, W> {
    output: &'a mut W,
    is_json: bool,
    count_max: Option<usize>,
    count: u64,
    /// The last lines, where no more than so many are wanted; else the first, for their widths.
    held: VecDeque<Line>,
    widths: Option<[usize; 6]>,
}

enum Line {
    Cells(Cells),
    Json(String),
}

impl<'a, W: Write> Found<'a, W> {
    fn new(output: &'a mut W, is_json: bool, count_max: Option<usize>) -> Self {
        Self {
            output,
            is_json,
            count_max,
            count: 0,
            held: VecDeque::new(),
            widths: None,
        }
    }

    /// Takes a row whose numbers are as wanted, if its words are, too.
    fn take(
        &mut self,
        row: &Row<'_>,
        what: &str,
        event: Option<String>,
        names: &Names,
        wanted: &Wanted,
    ) -> Result<(), Stop> {
        let cells = [
            row.record.to_string(),
            time(row.time),
            row.about.kind.to_owned(),
            row.about.who(names),
            what.to_owned(),
            row.outcome(),
        ];
        if !wanted.has_text(&cells[2..]) {
            return Ok(());
        }
        self.count += 1;
        let line = match self.is_json {
            true => Line::Json(row.to_json(what, event, names).to_string()),
            false => Line::Cells(cells),
        };
        match (self.count_max, self.is_json || self.widths.is_some()) {
            (Some(count_max), _) => {
                self.held.push_back(line);
                if count_max < self.held.len() {
                    self.held.pop_front();
                }
                Ok(())
            }
            (None, true) => self.write(&line),
            (None, false) => {
                self.held.push_back(line);
                match self.held.len() < HELD_MAX {
                    true => Ok(()),
                    false => self.release(),
                }
            }
        }
    }

    /// Writes what is held, under its head.
    fn release(&mut self) -> Result<(), Stop> {
        if !self.is_json && self.widths.is_none() && !self.held.is_empty() {
            let mut widths = HEAD.map(str::len);
            for line in &self.held {
                if let Line::Cells(cells) = line {
                    for (width, cell) in widths.iter_mut().zip(cells) {
                        *width = (*width).max(cell.chars().count());
                    }
                }
            }
            self.widths = Some(widths);
            self.write(&Line::Cells(HEAD.map(str::to_owned)))?;
        }
        for line in std::mem::take(&mut self.held) {
            self.write(&line)?;
        }
        Ok(())
    }

    fn write(&mut self, line: &Line) -> Result<(), Stop> {
        match line {
            Line::Json(text) => writeln!(self.output, "{text}")?,
            Line::Cells([record, time, kind, who, what, outcome]) => {
                let [a, b, c, d, e, _] = self.widths.unwrap_or_default();
                let text = format!(
                    "{record:>a$}  {time:<b$}  {kind:<c$}  {who:<d$}  {what:<e$}  {outcome}"
                );
                writeln!(self.output, "{}", text.trim_end())?;
            }
        }
        Ok(())
    }

    fn finish(&mut self, records: u64) -> Result<(), Stop> {
        let shown = self.held.len() as u64;
        self.release()?;
        if !self.is_json {
            let last = match self.count_max {
                Some(_) if shown < self.count => format!(", the last {shown} shown"),
                _ => String::new(),
            };
            writeln!(
                self.output,
                "{} found in {records} records{last}",
                self.count
            )?;
        }
        self.output.flush()?;
        Ok(())
    }
}

/// So many rows decide how wide the columns are.
const HELD_MAX: usize = 1_000;
