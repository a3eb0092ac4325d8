//! `portcullis reconcile`: the books of a journal against a drop copy and a statement, once, offline.

use super::journal::{ending, foreign_core};
use super::{Failure, Report};
use crate::admin::table::Table;
use crate::events::derive::Seen;
use crate::events::event::time;
use crate::follower::names::Names;
use crate::follower::replica::Replica;
use crate::journal::recovery::Survey;
use crate::recon::files::{read_drop_copy, read_statement};
use crate::recon::judge::{Judged, Verdict};
use crate::recon::reconciler::Reconciler;
use crate::recon::show;
use crate::topology::rebuild::Taken;
use crate::units::Nanos;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::Path;

/// What is compared with the journal.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sources<'a> {
    /// Of positions and cash.
    pub statement: Option<&'a Path>,
    /// Of executions.
    pub drop_copy: Option<&'a Path>,
}

/// Compares, by the terms of the journal's last run. That there is a difference is told by the exit
/// status, too.
pub fn run(directory: &Path, sources: Sources<'_>, is_json: bool) -> Result<Report, Failure> {
    let mut survey = Survey::begin(directory).map_err(Failure::of)?;
    if let Some(foreign) = foreign_core(survey.records(), directory) {
        eprintln!("portcullis: {foreign}");
    }
    let mut replica = Replica::new(directory);
    // The terms are those of the last run: its books are built by reading all of them once more.
    while let Some(record) = survey.records().next().map_err(Failure::of)? {
        replica.apply(&record).map_err(Failure::of)?;
    }
    let failure = ending(survey).failure;
    let mut terms = replica.reconcile().terms.clone();
    let opening = replica.reconcile().opening();
    // What the drop copy has not by now it will not have.
    terms.drop_copy_delay = Nanos::ZERO;
    let mut reconciler = Reconciler::new(terms, sources.drop_copy.is_some(), opening);
    let mut replica = Replica::new(directory);
    read(directory, &mut replica, &mut reconciler)?;
    let Some(core) = replica.core() else {
        return Err(Failure::of(format!(
            "{}: no run has begun in this journal",
            directory.display()
        )));
    };
    if let Some(path) = sources.drop_copy {
        read_drop_copy(path, |execution| reconciler.told(execution)).map_err(Failure::of)?;
    }
    if let Some(path) = sources.statement {
        reconciler.state(&read_statement(path).map_err(Failure::of)?);
    }
    let verdict = reconciler.look(core, core.now());
    let text = match is_json {
        true => format!("{:#}\n", to_json(&reconciler, &verdict)),
        false => to_text(&reconciler, &verdict),
    };
    let count = verdict.findings.len();
    let found = (count != 0).then(|| {
        let noun = if count == 1 {
            "difference"
        } else {
            "differences"
        };
        Failure::found(format!("{count} {noun}"))
    });
    Ok(Report {
        text,
        failure: failure.or(found),
    })
}

/// Takes every record into the books.
fn read(
    directory: &Path,
    replica: &mut Replica,
    reconciler: &mut Reconciler,
) -> Result<(), Failure> {
    let mut survey = Survey::begin(directory).map_err(Failure::of)?;
    let mut names = Names::default();
    while let Some(record) = survey.records().next().map_err(Failure::of)? {
        let (taken, _) = replica.apply(&record).map_err(Failure::of)?;
        let [head, continuations @ ..] = record.frames else {
            continue;
        };
        match (taken, replica.core()) {
            (Taken::Opened, Some(_)) => {
                names = Names::new(replica.setup());
                reconciler.open(replica.setup());
            }
            (Taken::Event { recorded, .. }, Some(core)) => reconciler.note(&Seen {
                sequence: record.sequence,
                head,
                continuations,
                decision: &recorded,
                told: replica.told(),
                core,
                setup: replica.setup(),
                names: &names,
            }),
            _ => {}
        }
    }
    Ok(())
}

fn to_text(reconciler: &Reconciler, verdict: &Verdict) -> String {
    let mut out = String::new();
    if !verdict.findings.is_empty() {
        let mut table = Table::new(&[
            "account",
            "in",
            "what differs",
            "our books lack",
            "amount",
            "severity",
            "explained by",
            "would be put right by",
        ]);
        for judged in &verdict.findings {
            table.row(row(judged, reconciler));
        }
        table.write(&mut out);
        out.push('\n');
    }
    let entries = reconciler.books().entries().len();
    let _ = writeln!(out, "our books: {entries} executions and adjustments");
    if let Some(told) = reconciler.drop_copy() {
        let counts = told.counts();
        let _ = writeln!(
            out,
            "drop copy: {} lines, {} told twice, {} in conflict, {} of other accounts or symbols",
            counts.lines, counts.duplicates, counts.conflicts, counts.foreign
        );
    }
    if let Some(as_of) = reconciler.statement_as_of() {
        let _ = writeln!(out, "statement: as of {}", time(as_of));
        for name in reconciler.foreign() {
            let _ = writeln!(
                out,
                "  not compared: {name}, which the configuration has not"
            );
        }
        for name in reconciler.cash_not_compared() {
            let _ = writeln!(
                out,
                "  not compared: cash of {name}; write what there was before the gate into \
                 [[reconcile.cash]]"
            );
        }
    }
    match verdict.findings.len() {
        0 => out.push_str("they agree\n"),
        count => {
            let _ = writeln!(out, "{count} differ");
        }
    }
    out
}

fn row(judged: &Judged, reconciler: &Reconciler) -> Vec<String> {
    let (finding, places) = (&judged.finding, reconciler.places());
    let (account, what) = show::place(finding, places);
    let amount = match finding.amount {
        i128::MAX => "?".to_owned(),
        amount => show::money(amount),
    };
    vec![
        account,
        what,
        finding.kind.text().replace('_', " "),
        show::lacks(finding),
        amount,
        judged.severity.text().to_owned(),
        show::explanation(finding),
        show::remedy(finding),
    ]
}

fn to_json(reconciler: &Reconciler, verdict: &Verdict) -> Value {
    let places = reconciler.places();
    let findings = verdict.findings.iter();
    let findings: Vec<_> = findings
        .map(|judged| show::to_json(judged, places))
        .collect();
    let drop_copy = reconciler.drop_copy().map(|told| {
        let counts = told.counts();
        json!({
            "lines": counts.lines,
            "duplicates": counts.duplicates,
            "conflicts": counts.conflicts,
            "foreign": counts.foreign,
        })
    });
    json!({
        "agree": verdict.findings.is_empty(),
        "findings": findings,
        "entries": reconciler.books().entries().len(),
        "drop_copy": drop_copy,
        "statement_as_of": reconciler.statement_as_of().map(time),
        "not_compared": reconciler.foreign(),
        "cash_not_compared": reconciler.cash_not_compared(),
    })
}
