//! `portcullis versions`: every change of a limit that a journal has: version, when, who, of what, from
//! what, to what, why.

use super::journal::{ending, foreign_core};
use super::{Failure, Report};
use crate::admin::table::Table;
use crate::follower::names::Names;
use crate::follower::view::time;
use crate::journal::recovery::Survey;
use crate::message::{Frame, Kind, LimitChange, LimitKey, Scope};
use crate::risk::core::Core;
use crate::topology::rebuild::{Rebuild, Taken};
use crate::units::Nanos;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// One limit that was another before.
struct Change {
    version: u64,
    time: Nanos,
    who: String,
    level: String,
    key: LimitKey,
    was: u128,
    is: u128,
    why: String,
}

/// Every limit that is on, by level and name.
type InForce = BTreeMap<(u8, u32, u8), u128>;

/// Reads the journal to its end.
pub fn run(directory: &Path, json: bool) -> Result<Report, Failure> {
    let mut survey = Survey::begin(directory).map_err(Failure::of)?;
    if let Some(foreign) = foreign_core(survey.records(), directory) {
        eprintln!("portcullis: {foreign}");
    }
    let mut rebuild = Rebuild::new(directory);
    let (mut names, mut runs) = (Names::default(), 0u64);
    let mut in_force: Option<InForce> = None;
    let mut version = 0;
    let mut changes = Vec::new();
    while let Some(record) = survey.records().next().map_err(Failure::of)? {
        let [head, ..] = record.frames else {
            continue;
        };
        let taken = rebuild.take(&record).map_err(Failure::of)?;
        let Some(core) = rebuild.core() else {
            continue;
        };
        match taken {
            Taken::Opened => {
                runs += 1;
                names = Names::new(rebuild.setup());
                let new = all(core);
                let old = in_force.replace(new.clone());
                let who = format!("start of run {runs}");
                let of = (core.limits_version(), head.header.time);
                changes.extend(
                    old.iter()
                        .flat_map(|old| between(old, &new, of, &who, &names)),
                );
            }
            Taken::Event { .. } if core.limits_version() != version => {
                changes.extend(changed(head, core, &names));
                in_force = Some(all(core));
            }
            _ => {}
        }
        version = core.limits_version();
    }
    let text = match json {
        true => {
            let changes: Vec<_> = changes.iter().map(Change::to_json).collect();
            format!("{:#}\n", json!({ "version": version, "changes": changes }))
        }
        false => to_text(version, &changes),
    };
    let failure = ending(survey).failure;
    Ok(Report { text, failure })
}

fn all(core: &Core) -> InForce {
    let mut all = InForce::new();
    for scope in Scope::ALL {
        for target in 0.. {
            let Some(limits) = core.limits(*scope, target) else {
                break;
            };
            for key in LimitKey::ALL {
                let place = (*scope as u8, target, *key as u8);
                all.extend(limits.get(*key).map(|raw| (place, raw)));
            }
            if *scope == Scope::Firm {
                break;
            }
        }
    }
    all
}

/// What a restart has changed.
fn between(
    old: &InForce,
    new: &InForce,
    (version, time): (u64, Nanos),
    who: &str,
    names: &Names,
) -> Vec<Change> {
    let mut places: Vec<_> = old.keys().chain(new.keys()).collect();
    places.sort_unstable();
    places.dedup();
    let changes = places.into_iter().filter_map(|place| {
        let of = |limits: &InForce| limits.get(place).copied().unwrap_or(LimitKey::OFF);
        let (was, is) = (of(old), of(new));
        Some(Change {
            version,
            time,
            who: who.to_owned(),
            level: level(place.0, place.1, names),
            key: LimitKey::from_byte(place.2).filter(|_| was != is)?,
            was,
            is,
            why: "the configuration".to_owned(),
        })
    });
    changes.collect()
}

/// What an operator has changed.
fn changed(head: &Frame, core: &Core, names: &Names) -> Option<Change> {
    if head.kind() != Some(Kind::Limit) {
        return None;
    }
    let change: &LimitChange = head.body();
    Some(Change {
        version: core.limits_version(),
        time: head.header.time,
        who: names.operator(change.operator).to_owned(),
        level: level(change.scope, change.target, names),
        key: LimitKey::from_byte(change.limit)?,
        was: core.limit_before(),
        is: change.value(),
        why: change.note.as_str().to_owned(),
    })
}

fn level(scope: u8, target: u32, names: &Names) -> String {
    match Scope::from_byte(scope) {
        Some(Scope::Firm) | None => "firm".to_owned(),
        Some(scope) => format!("{} {}", scope.text(), names.name(scope, target)),
    }
}

impl Change {
    fn to_json(&self) -> Value {
        json!({
            "version": self.version,
            "time": time(self.time),
            "who": self.who,
            "level": self.level,
            "limit": self.key.text(),
            "was": self.key.show(self.was),
            "is": self.key.show(self.is),
            "why": self.why,
        })
    }
}

fn to_text(version: u64, changes: &[Change]) -> String {
    if changes.is_empty() {
        return format!("version {version}: no limit was ever changed\n");
    }
    let mut table = Table::new(&[
        "version", "time", "who", "level", "limit", "was", "is", "why",
    ]);
    for change in changes {
        table.row(vec![
            change.version.to_string(),
            time(change.time),
            change.who.clone(),
            change.level.clone(),
            change.key.text().to_owned(),
            change.key.show(change.was),
            change.key.show(change.is),
            change.why.clone(),
        ]);
    }
    let mut out = String::new();
    table.write(&mut out);
    out
}
