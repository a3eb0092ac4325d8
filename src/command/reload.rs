//! `portcullis reload`: an edited configuration beside what the running gateway has in force. What can
//! change while it runs is put in force, limit by limit, on the way that `portcullis limit` goes; what
//! cannot is named.
//!
//! Everything is looked at before anything is put: a file that is not sound, or that says what only a
//! restart can change, changes nothing. Limits that tighten go first, so what holds in between is never
//! looser than before and after.

mod differences;

use self::differences::{Difference, Takes, differences};
use super::{Failure, Report};
use crate::admin::client::{self, EXIT_UNCONFIRMED};
use crate::admin::request::{Command, Request};
use crate::admin::table::Table;
use crate::config::Config;
use crate::config::effective::parse_effective;
use crate::message::{Scope, Text};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::Path;

/// What is done beside the comparison.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the running gateway is asked.
    pub place: client::Place,
    /// Why: stands in the journal with each change.
    pub note: Option<String>,
    /// Only say what would be done.
    pub is_dry_run: bool,
    /// Put limits in force also where the file says what only a restart can change.
    pub limits_only: bool,
    /// For machines.
    pub is_json: bool,
}

/// What became of a change.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Became {
    /// Nothing was asked for.
    NotPut,
    InForce,
    /// For so many persons.
    Waits(u64),
    Refused(String),
    /// It was sent, or not; and nothing behind it was.
    Unknown(String),
}

/// Compares, and puts in force what may be. `file` stands in what is told.
pub fn run(file: &Path, edited: &Config, options: &Options) -> Result<Report, Failure> {
    let note = note(options.note.as_deref(), file)?;
    let asked = client::Options::new(options.place.clone(), true);
    let in_force = in_force(&asked)?;
    let all = differences(&in_force, edited);
    let mut rows: Vec<_> = all.into_iter().map(|of| (of, Became::NotPut)).collect();
    let hindrance = hindrance(&rows, options);
    if hindrance.is_none() && !options.is_dry_run {
        put(&mut rows, &note, &asked);
    }
    let text = match options.is_json {
        true => format!("{}\n", to_json(&rows, hindrance.as_deref(), options)),
        false => to_text(file, &rows, hindrance.as_deref(), options),
    };
    let failure = failure(&rows, hindrance.filter(|_| !options.is_dry_run));
    Ok(Report { text, failure })
}

/// What stands in the journal for each change.
fn note(asked: Option<&str>, file: &Path) -> Result<Text, Failure> {
    let usual = || {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let plain = format!("reload of {name}");
        let is_plain = |it: &char| it.is_ascii_graphic() || *it == ' ';
        plain.chars().filter(is_plain).take(NOTE_MAX).collect()
    };
    let note: String = asked.map_or_else(usual, str::to_owned);
    let text = Text::new(&note).filter(|text| !text.is_empty());
    text.ok_or_else(|| Failure::of("note: write at most 36 characters of plain ASCII"))
}

/// The configuration that the running gateway is under, changed limits included.
fn in_force(asked: &client::Options) -> Result<Config, Failure> {
    let request = Request {
        command: Command::Configuration,
        ..Request::default()
    };
    let answer = client::ask(&request, asked).map_err(Failure::of)?;
    let problem = [&answer["error"], &answer["problem"], &answer["failure"]];
    if let Some(problem) = problem.iter().find_map(|of| of.as_str()) {
        return Err(Failure::of(format!(
            "the gateway does not say what it is under: {problem}"
        )));
    }
    if answer["lag_records"] != 0 {
        let lag = &answer["lag_records"];
        return Err(Failure::of(format!(
            "what the gateway answers is {lag} records old: try again in a moment"
        )));
    }
    let text = answer["text"].as_str().unwrap_or_default();
    parse_effective(text).map_err(|errors| {
        Failure::of(format!(
            "the gateway runs under a configuration that this version of portcullis cannot read; use \
             the version that runs: {errors}"
        ))
    })
}

/// Why nothing may be put.
fn hindrance(rows: &[(Difference, Became)], options: &Options) -> Option<String> {
    let count = |takes: fn(&Takes) -> bool| rows.iter().filter(|of| takes(&of.0.takes)).count();
    let at_restart = count(|takes| matches!(takes, Takes::Restart(_)));
    let with_second = count(|takes| *takes == Takes::SecondPerson);
    if WAITING_MAX < with_second {
        return Some(format!(
            "{with_second} limits take a second person, and no more than {WAITING_MAX} can wait at a \
             time: nothing was put in force; do it in parts"
        ));
    }
    if at_restart == 0 || options.limits_only {
        return None;
    }
    let (keys, change, them) = match at_restart {
        1 => ("key", "changes", "it"),
        _ => ("keys", "change", "them"),
    };
    Some(format!(
        "{at_restart} {keys} {change} at a restart only: nothing was put in force; restart the gateway \
         under the file, or write --limits-only to leave {them} for then"
    ))
}

/// Asks the gate for each change that can be made, those that tighten first.
fn put(rows: &mut [(Difference, Became)], note: &Text, asked: &client::Options) {
    rows.sort_by_key(|(of, _)| !of.tightens);
    for (of, became) in rows.iter_mut() {
        let Some(change) = &of.change else {
            continue;
        };
        let request = Request {
            command: Command::Limit,
            scope: Some(change.scope.text().to_owned()),
            name: (change.scope != Scope::Firm).then(|| change.name.clone()),
            limit: Some(change.key.text().to_owned()),
            value: Some(change.key.show(change.is)),
            note: Some(note.as_str().to_owned()),
            ..Request::default()
        };
        *became = match client::ask(&request, asked) {
            Ok(answer) => said(&answer),
            Err(error) => Became::Unknown(error.to_string()),
        };
        if matches!(became, Became::Unknown(_)) {
            break;
        }
    }
    rows.sort_by(|(a, _), (b, _)| a.key.cmp(&b.key));
}

fn said(answer: &Value) -> Became {
    let text = |key: &str| {
        answer[key]
            .as_str()
            .unwrap_or("no reason was told")
            .to_owned()
    };
    match () {
        () if answer["ok"] != true => Became::Refused(text("error")),
        () if answer["confirmed"] != true => {
            let why = "it was sent, and the journal has not shown it in time";
            Became::Unknown(why.to_owned())
        }
        () if answer["outcome"] != "Applied" => Became::Refused(text("why")),
        () => match answer["persons_missing"].as_u64() {
            None | Some(0) => Became::InForce,
            Some(persons) => Became::Waits(persons),
        },
    }
}

fn failure(rows: &[(Difference, Became)], hindrance: Option<String>) -> Option<Failure> {
    if let Some(text) = hindrance {
        return Some(Failure::found(text));
    }
    let count = |is: fn(&Became) -> bool| rows.iter().filter(|of| is(&of.1)).count();
    if let Some((of, Became::Unknown(why))) =
        rows.iter().find(|of| matches!(of.1, Became::Unknown(_)))
    {
        return Some(Failure {
            text: format!(
                "whether {} was put in force is not known: {why}; nothing behind it was asked for; \
                 `portcullis reload --dry-run` tells what is left",
                of.key
            ),
            status: EXIT_UNCONFIRMED,
        });
    }
    match count(|became| matches!(became, Became::Refused(_))) {
        0 => None,
        refused => Some(Failure::found(format!(
            "{refused} of {} limits were refused by the gate; the others are as the table says",
            rows.iter().filter(|of| of.0.change.is_some()).count()
        ))),
    }
}

impl Became {
    fn text(&self, takes: &Takes) -> String {
        match (self, takes) {
            (Self::NotPut, Takes::Now) => "not put in force".to_owned(),
            (Self::NotPut, Takes::SecondPerson) => "takes a second person".to_owned(),
            (Self::NotPut, Takes::Restart("")) => "at a restart".to_owned(),
            (Self::NotPut, Takes::Restart(why)) => format!("at a restart: {why}"),
            (Self::InForce, _) => "in force".to_owned(),
            (Self::Waits(1), _) => "waits for another person".to_owned(),
            (Self::Waits(persons), _) => format!("waits for {persons} others"),
            (Self::Refused(why), _) => format!("refused: {why}"),
            (Self::Unknown(_), _) => "not known".to_owned(),
        }
    }

    const fn word(&self) -> &'static str {
        match self {
            Self::NotPut => "not_put",
            Self::InForce => "in_force",
            Self::Waits(_) => "waits",
            Self::Refused(_) => "refused",
            Self::Unknown(_) => "unknown",
        }
    }
}

fn to_text(
    file: &Path,
    rows: &[(Difference, Became)],
    hindrance: Option<&str>,
    options: &Options,
) -> String {
    if rows.is_empty() {
        return format!("{}: as it is in force\n", file.display());
    }
    let mut out = String::new();
    let mut table = Table::new(&["key", "in force", "file", "what becomes of it"]);
    for (of, became) in rows {
        let would = options.is_dry_run && of.takes == Takes::Now && hindrance.is_none();
        let became = match would {
            true => "would be in force at once".to_owned(),
            false => became.text(&of.takes),
        };
        table.row(vec![of.key.clone(), of.was.clone(), of.is.clone(), became]);
    }
    table.write(&mut out);
    if let (Some(hindrance), true) = (hindrance, options.is_dry_run) {
        let _ = writeln!(
            out,
            "{}",
            hindrance.replace("nothing was", "nothing would be")
        );
    }
    let waits = rows.iter().any(|of| matches!(of.1, Became::Waits(_)));
    if waits {
        out.push_str("what waits is in force once another person reloads the same file\n");
    }
    out
}

fn to_json(rows: &[(Difference, Became)], hindrance: Option<&str>, options: &Options) -> Value {
    let count = |is: fn(&Became) -> bool| rows.iter().filter(|of| is(&of.1)).count();
    let differences = rows.iter().map(|(of, became)| {
        let why = match (became, &of.takes) {
            (Became::Refused(why) | Became::Unknown(why), _) => Some(why.as_str()),
            (_, Takes::Restart(why)) if !why.is_empty() => Some(*why),
            _ => None,
        };
        json!({
            "key": of.key,
            "in_force": of.was,
            "file": of.is,
            "takes": match of.takes {
                Takes::Now => "now",
                Takes::SecondPerson => "second_person",
                Takes::Restart(_) => "restart",
            },
            "became": became.word(),
            "why": why,
        })
    });
    json!({
        "differences": differences.collect::<Vec<_>>(),
        "dry_run": options.is_dry_run,
        "hindrance": hindrance,
        "in_force": count(|became| *became == Became::InForce),
        "waits": count(|became| matches!(became, Became::Waits(_))),
        "refused": count(|became| matches!(became, Became::Refused(_))),
    })
}

/// As many as the gate lets wait for a second person.
const WAITING_MAX: usize = 32;
const NOTE_MAX: usize = 36;
