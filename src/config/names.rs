//! Names: one table of the file names another.

use crate::config::notation::show;
use crate::config::reader::Table;
use crate::config::values::name;
use std::collections::{HashMap, HashSet};
use std::hash::Hash;

/// A name that may be absent, by its id. `kind` is the table that has it.
pub(crate) fn read_name<Id: Copy>(
    table: &Table<'_>,
    key: &'static str,
    ids: &HashMap<String, Id>,
    kind: &str,
) -> Option<Id> {
    let name = table.find(key, name).flatten()?;
    let id = ids.get(&name).copied();
    if id.is_none() {
        let noun = kind.trim_matches(['[', ']']);
        table.refuse(
            key,
            format!("no such {noun}; write the name of a {kind}, or leave it out"),
        );
    }
    id
}

/// The names of a list, by their ids. `kind` is the table that has them.
pub(crate) fn read_names<Id: Copy + Eq + Hash>(
    table: &Table<'_>,
    key: &'static str,
    ids: &HashMap<String, Id>,
    kind: &str,
) -> Vec<Id> {
    // Notes where it is absent, which its elements cannot.
    table.get(key, |_| Ok(()));
    let (mut named, mut seen) = (Vec::new(), HashSet::new());
    for value in table.elements(key) {
        match value.get_ref().as_str().and_then(|name| ids.get(name)) {
            Some(id) if seen.insert(*id) => named.push(*id),
            Some(_) => table.refuse_value(key, value, "named twice; keep one of them".to_owned()),
            None => {
                let noun = kind.trim_matches(['[', ']']);
                let article = if noun.starts_with('a') { "an" } else { "a" };
                let problem = format!("no such {noun}; write the name of {article} {kind}");
                table.refuse_value(key, value, problem);
            }
        }
    }
    named
}

/// Names of one kind are told apart.
pub(crate) fn claim(table: &Table<'_>, key: &str, name: String, taken: &mut HashSet<String>) {
    if taken.contains(&name) && !name.is_empty() {
        table.refuse(
            key,
            format!("{} is there already; write another name", show(&name)),
        );
    }
    taken.insert(name);
}
