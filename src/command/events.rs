//! `portcullis events`: what has happened, from a journal; and every kind of event there is.
//!
//! A running gateway is asked at its socket. A journal is read from its beginning and gives the same
//! events, with the same numbers, as the gateway told when it wrote it.

use super::journal::{ending, foreign_core};
use super::{Failure, Report};
use crate::admin::show::{Paint, show_events};
use crate::admin::table::Table;
use crate::events::derive::{Deriver, Seen};
use crate::events::event::Event;
use crate::events::filter::Wanted;
use crate::events::history::History;
use crate::events::kind::{COMMON, EventKind};
use crate::events::line::Line;
use crate::follower::names::Names;
use crate::follower::replica::Replica;
use crate::journal::recovery::Survey;
use crate::topology::rebuild::Taken;
use serde_json::json;
use std::fmt::Write as _;
use std::path::Path;

/// How something is told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Form {
    /// For people, on a terminal.
    Text {
        /// Words stand out.
        is_coloured: bool,
    },
    /// For machines.
    Json,
    /// For the page `docs/events.md`.
    Markdown,
}

/// The last `count_max` events of a journal that are wanted.
pub fn run(
    directory: &Path,
    wanted: &Wanted<'_>,
    count_max: usize,
    form: Form,
) -> Result<Report, Failure> {
    let mut survey = Survey::begin(directory).map_err(Failure::of)?;
    if let Some(foreign) = foreign_core(survey.records(), directory) {
        eprintln!("portcullis: {foreign}");
    }
    let mut history = History::new(count_max);
    let mut total = 0u64;
    read(&mut survey, directory, wanted, |event| {
        let line = Line::new(event);
        if wanted.has(&line) {
            total += 1;
            history.push(line);
        }
    })?;
    let (events, _) = history.last(count_max, wanted);
    let events: Vec<_> = events.into_iter().map(Line::value).collect();
    let answer = json!({"events": events, "total": total});
    let text = match form {
        Form::Text { is_coloured } => {
            let mut out = String::new();
            let paint = Paint {
                is_colored: is_coloured,
            };
            show_events(&mut out, &answer, paint);
            out
        }
        Form::Json | Form::Markdown => format!("{answer}\n"),
    };
    let failure = ending(survey).failure;
    Ok(Report { text, failure })
}

fn read(
    survey: &mut Survey,
    directory: &Path,
    wanted: &Wanted<'_>,
    mut tell: impl FnMut(Event),
) -> Result<(), Failure> {
    let mut replica = Replica::new(directory);
    let mut deriver = Deriver::default();
    let mut names = Names::default();
    let mut has_differed = false;
    let kinds = wanted.kinds();
    while let Some(record) = survey.records().next().map_err(Failure::of)? {
        let (taken, difference) = replica.apply(&record).map_err(Failure::of)?;
        let [head, continuations @ ..] = record.frames else {
            continue;
        };
        match (taken, replica.core()) {
            (Taken::Opened, Some(core)) => {
                names = Names::new(replica.setup());
                let at = (record.sequence, head);
                deriver.open(at, (core, &names), kinds, &mut tell);
            }
            (Taken::Event { recorded, .. }, Some(core)) => {
                let seen = Seen {
                    sequence: record.sequence,
                    head,
                    continuations,
                    decision: &recorded,
                    told: replica.told(),
                    core,
                    setup: replica.setup(),
                    names: &names,
                };
                deriver.take(&seen, kinds, &mut tell);
            }
            _ => {}
        }
        if let Some(difference) = difference.filter(|_| !has_differed) {
            has_differed = true;
            Deriver::differ(head, &difference, kinds, &mut tell);
        }
    }
    Ok(())
}

/// The table of events.
pub fn list(form: Form) -> String {
    match form {
        Form::Text { .. } => text(),
        Form::Json => {
            let rows = EventKind::ALL.iter().map(|kind| {
                json!({
                    "kind": kind.text(),
                    "severity": kind.severity().text(),
                    "log_level": level(*kind),
                    "records": kind.records(),
                    "fields": kind.fields(),
                    "about": kind.about(),
                })
            });
            let rows: Vec<_> = rows.collect();
            format!("{:#}\n", json!({"fields": COMMON, "events": rows}))
        }
        Form::Markdown => markdown(),
    }
}

fn text() -> String {
    let mut out = String::new();
    let mut table = Table::new(&["kind", "severity", "log level", "records", "what it means"]);
    for kind in EventKind::ALL {
        table.row(vec![
            kind.text().to_owned(),
            kind.severity().text().to_owned(),
            level(*kind),
            kind.records().to_owned(),
            kind.about().to_owned(),
        ]);
    }
    table.write(&mut out);
    out
}

fn markdown() -> String {
    let mut out = String::from(
        "# Events\n\nWhat the gate tells those who subscribe (`[[subscriber]]`) and remembers for \
         `portcullis events`. This page is\nmade by `portcullis events --list --markdown`.\n\n\
         Each event comes from one record of the journal; `sequence` is that record's number, `part` \
         counts its events\nfrom 0, and the two together name an event: the same journal gives the \
         same events each time it is read. Every event\nhas ",
    );
    let common: Vec<_> = COMMON.iter().map(|field| format!("`{field}`")).collect();
    out.push_str(&common.join(", "));
    out.push_str(
        ", and of its kind's\nfields those that say something. Decimals are text. `correlation` is \
         the number that the gate gave to the command\nfrom which all of it follows; it is in the \
         journal, in every message to the broker and back, and 0 where nobody\nasked. What comes \
         from a queue that was full, `events_dropped`, is told to that subscriber alone. \
         `discrepancy` and\n`unreconciled` come from the broker's files: they are told behind the last \
         record that was read, and a\njournal does not give them again. One line has at \
         most 960 bytes:\nwhere it would have more, `failed` is left out, then the end of `text`.\n\n\
         | kind | severity | log level | records | fields | what it means |\n\
         | --- | --- | --- | --- | --- | --- |\n",
    );
    for kind in EventKind::ALL {
        let _ = writeln!(
            out,
            "| `{}` | {} | {} | {} | {} | {} |",
            kind.text(),
            kind.severity().text(),
            level(*kind),
            kind.records(),
            kind.fields().join(" "),
            kind.about()
        );
    }
    out
}

fn level(kind: EventKind) -> String {
    kind.severity().level().to_string().to_lowercase()
}
