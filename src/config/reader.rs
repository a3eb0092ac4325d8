//! Reader: tables of the file, read key by key against the schema; whatever is wrong is collected.
//!
//! A value that cannot be read is noted and comes back as `None`; the caller goes on, so that one
//! pass finds everything that is wrong.

use crate::config::error::{ConfigError, ConfigErrors};
use crate::config::notation::{Problem, nearest, show};
use crate::config::schema::{Given, ROOT, Section};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// One file being read.
pub(crate) struct Reader<'t> {
    text: &'t str,
    file: &'t str,
    folder: &'t Path,
    line_starts: Vec<usize>,
    errors: RefCell<Vec<ConfigError>>,
    omitted: Cell<usize>,
    /// Defaults are literals of the schema: each is parsed once.
    defaults: RefCell<HashMap<&'static str, Rc<DeValue<'static>>>>,
}

/// One table, or the absence of one: then every key has its default.
pub(crate) struct Table<'r> {
    reader: &'r Reader<'r>,
    parent: Option<&'r Table<'r>>,
    schema: &'static Section,
    /// From 1, of a list's element.
    number: usize,
    entries: Option<&'r DeTable<'r>>,
    at: usize,
}

/// A value of a list and where it stands.
pub(crate) type Element<'r> = &'r Spanned<DeValue<'r>>;

impl<'t> Reader<'t> {
    pub(crate) fn new(text: &'t str, file: &'t str, folder: &'t Path) -> Self {
        let newlines = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        Self {
            text,
            file,
            folder,
            line_starts: std::iter::once(0)
                .chain(newlines.map(|(at, _)| at + 1))
                .collect(),
            errors: RefCell::default(),
            omitted: Cell::default(),
            defaults: RefCell::default(),
        }
    }

    /// The syntax, or all that is wrong with it.
    pub(crate) fn syntax(&self) -> Option<DeTable<'t>> {
        // Recovery goes on after the first error and may find millions in a file of garbage.
        const RECOVERY_BYTES_MAX: usize = 1 << 20;
        let errors = if self.text.len() <= RECOVERY_BYTES_MAX {
            let (table, errors) = DeTable::parse_recoverable(self.text);
            if errors.is_empty() {
                return Some(table.into_inner());
            }
            errors
        } else {
            match DeTable::parse(self.text) {
                Ok(table) => return Some(table.into_inner()),
                Err(error) => vec![error],
            }
        };
        for error in errors {
            let span = error.span().unwrap_or_default();
            let message = error.message();
            if message == "duplicate key" {
                let key = self.source(&span);
                self.refuse(span.start, || {
                    (
                        show(key),
                        String::new(),
                        "written twice; keep one of them".to_owned(),
                    )
                });
            } else {
                // The line itself is not shown: what cannot be read may be a secret.
                self.refuse(span.start, || {
                    (String::new(), String::new(), format!("not TOML: {message}"))
                });
            }
        }
        None
    }

    /// The file's own table.
    pub(crate) fn root<'r>(&'r self, entries: &'r DeTable<'r>) -> Table<'r> {
        Table {
            reader: self,
            parent: None,
            schema: &ROOT,
            number: 0,
            entries: Some(entries),
            at: 0,
        }
        .checked()
    }

    /// All that was wrong, by line.
    pub(crate) fn finish(self) -> Result<(), ConfigErrors> {
        let mut errors = self.errors.into_inner();
        if errors.is_empty() {
            return Ok(());
        }
        errors.sort_by_key(|error| error.line);
        Err(ConfigErrors {
            errors,
            omitted: self.omitted.get(),
        })
    }

    fn refuse(&self, at: usize, make: impl FnOnce() -> (String, String, String)) {
        const ERRORS_MAX: usize = 200;
        let mut errors = self.errors.borrow_mut();
        if errors.len() == ERRORS_MAX {
            self.omitted.set(self.omitted.get() + 1);
            return;
        }
        let (key, value, problem) = make();
        let line = self.line_starts.partition_point(|start| *start <= at);
        let line = u32::try_from(line).unwrap_or(u32::MAX);
        errors.push(ConfigError {
            file: self.file.to_owned(),
            line,
            key,
            value,
            problem,
        });
    }

    fn source(&self, span: &Range<usize>) -> &'t str {
        self.text.get(span.clone()).unwrap_or("")
    }

    fn default(&self, literal: &'static str) -> Rc<DeValue<'static>> {
        let mut defaults = self.defaults.borrow_mut();
        let parse = || match DeValue::parse(literal) {
            Ok(value) => Rc::new(value.into_inner()),
            Err(error) => panic!("the schema's default {literal} is no TOML: {error}"),
        };
        Rc::clone(defaults.entry(literal).or_insert_with(parse))
    }
}

impl<'r> Table<'r> {
    /// What the key says, by `read`; its default where it is absent; `None` once refused.
    pub(crate) fn get<T>(
        &self,
        key: &'static str,
        read: impl FnOnce(&DeValue<'_>) -> Result<T, Problem>,
    ) -> Option<T> {
        if let Some(value) = self.entry(key) {
            return match read(value.get_ref()) {
                Ok(value) => Some(value),
                Err(problem) => {
                    self.refuse_value(key, value, problem);
                    None
                }
            };
        }
        match self.schema.key(key).map(|key| key.given) {
            Some(Given::Default(literal)) => match read(&self.reader.default(literal)) {
                Ok(value) => Some(value),
                Err(problem) => panic!("the schema's default {key} = {literal}: {problem}"),
            },
            Some(Given::Required(example)) => {
                self.refuse(
                    key,
                    format!("required; write for example {key} = {example}"),
                );
                None
            }
            _ => None,
        }
    }

    /// Likewise for a key without a default: `Some(None)` where it is absent.
    pub(crate) fn find<T>(
        &self,
        key: &'static str,
        read: impl FnOnce(&DeValue<'_>) -> Result<T, Problem>,
    ) -> Option<Option<T>> {
        if self.has(key) {
            self.get(key, read).map(Some)
        } else {
            Some(None)
        }
    }

    /// True where the key is written.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.entry(key).is_some()
    }

    /// True where a list is written.
    pub(crate) fn is_list(&self, key: &str) -> bool {
        self.entry(key)
            .is_some_and(|value| value.get_ref().is_array())
    }

    /// The elements of a list that is written; one refusal for what is not a list.
    pub(crate) fn elements(&self, key: &'static str) -> Vec<Element<'r>> {
        let Some(value) = self.entry(key) else {
            return Vec::new();
        };
        match value.get_ref() {
            DeValue::Array(list) => list.iter().collect(),
            _ => {
                self.refuse_value(key, value, "not a list; write it in [ ]".to_owned());
                Vec::new()
            }
        }
    }

    /// A table inside this one.
    pub(crate) fn table<'c>(&'c self, key: &'static str) -> Table<'c> {
        let Some(Given::Table(schema)) = self.schema.key(key).map(|key| key.given) else {
            panic!("the schema has no table {key}");
        };
        let (entries, at) = match self.entry(key) {
            None => (None, self.at),
            Some(value) => match value.get_ref() {
                DeValue::Table(entries) => (Some(entries), value.span().start),
                _ => {
                    let problem = format!("not a table; write [{}]", self.path(key));
                    self.refuse_value(key, value, problem);
                    (None, self.at)
                }
            },
        };
        Table {
            reader: self.reader,
            parent: Some(self),
            schema,
            number: 0,
            entries,
            at,
        }
        .checked()
    }

    /// The tables of a list `[[key]]`.
    pub(crate) fn tables<'c>(&'c self, key: &'static str, max: usize) -> Vec<Table<'c>> {
        let Some(Given::List(schema)) = self.schema.key(key).map(|key| key.given) else {
            panic!("the schema has no list {key}");
        };
        let Some(value) = self.entry(key) else {
            return Vec::new();
        };
        match value.get_ref() {
            DeValue::Array(list) if max < list.len() => {
                let problem = format!("{} of them; write at most {max}", list.len());
                self.refuse_value(key, value, problem);
                Vec::new()
            }
            DeValue::Array(list) => list
                .iter()
                .enumerate()
                .filter_map(|(index, value)| self.element(key, schema, index, value))
                .collect(),
            _ => {
                self.refuse_value(key, value, format!("not a list of tables; write [[{key}]]"));
                Vec::new()
            }
        }
    }

    /// One table of a list.
    pub(crate) fn element<'c>(
        &'c self,
        key: &'static str,
        schema: &'static Section,
        index: usize,
        value: &'c Spanned<DeValue<'c>>,
    ) -> Option<Table<'c>> {
        let DeValue::Table(entries) = value.get_ref() else {
            self.refuse_value(key, value, "not a table; write it in { }".to_owned());
            return None;
        };
        let (reader, number, at) = (self.reader, index + 1, value.span().start);
        let entries = Some(entries);
        Some(
            Table {
                reader,
                parent: Some(self),
                schema,
                number,
                entries,
                at,
            }
            .checked(),
        )
    }

    /// A path as it is meant: relative to the file's folder.
    pub(crate) fn resolve(&self, path: &str) -> PathBuf {
        self.reader.folder.join(path)
    }

    /// Notes what is wrong with a key, written or not.
    pub(crate) fn refuse(&self, key: &str, problem: String) {
        match self.entry(key) {
            Some(value) => self.refuse_value(key, value, problem),
            None => self
                .reader
                .refuse(self.at, || (self.path(key), String::new(), problem)),
        }
    }

    /// Notes what is wrong with one element of a list.
    pub(crate) fn refuse_value(&self, key: &str, value: &Spanned<DeValue<'_>>, problem: String) {
        let span = value.span();
        self.reader.refuse(span.start, || {
            // Somebody may have written a secret where the path of its file belongs, or into a URL.
            let is_hidden = ["key_file", "secret_file", "url"].contains(&key);
            let shown = match is_hidden {
                true => "",
                false => self.reader.source(&span),
            };
            (self.path(key), show(shown), problem)
        });
    }

    fn entry(&self, key: &str) -> Option<&'r Spanned<DeValue<'r>>> {
        self.entries?.get(key)
    }

    /// Refuses every key that the schema does not know.
    fn checked(self) -> Self {
        for (key, _) in self.entries.into_iter().flatten() {
            let name = key.get_ref().as_ref();
            if self.schema.key(name).is_some() {
                continue;
            }
            self.reader.refuse(key.span().start, || {
                let known = || self.schema.keys.iter().map(|key| key.name);
                let meant = match nearest(name, known()) {
                    Some(word) => format!("did you mean {word}? "),
                    None => String::new(),
                };
                let known = known().collect::<Vec<_>>().join(", ");
                (
                    self.path(&show(name)),
                    String::new(),
                    format!("unknown key; {meant}known: {known}"),
                )
            });
        }
        self
    }

    /// As in `account.A.limits.order_qty_max`.
    fn path(&self, key: &str) -> String {
        let mut path = self
            .parent
            .map_or_else(String::new, |parent| parent.path(self.schema.name));
        if self.number > 0 {
            match self.entry("name").and_then(|name| name.get_ref().as_str()) {
                Some(name) => path.extend([".", &show(name)]),
                None => path.push_str(&format!("[{}]", self.number)),
            }
        }
        if !path.is_empty() {
            path.push('.');
        }
        path + key
    }
}
