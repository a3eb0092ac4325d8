//! Error: what is wrong with a history or with what is asked of it, where, and what to do about it.

use std::fmt;

/// One thing that is wrong.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AnalyticsError {
    /// The file, as it was named; empty where none is to blame.
    pub file: String,
    /// Where in it.
    pub at: Place,
    /// The name of the column, or `column 3` of one without; empty where none is to blame.
    pub column: String,
    /// As it is written; empty where it is absent.
    pub value: String,
    /// What is wrong, and the remedy.
    pub problem: String,
}

/// A place in a file.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Place {
    /// The file as a whole.
    #[default]
    File,
    /// A line of text, from 1.
    Line(u64),
    /// A row of a file without lines, from 1.
    Row(u64),
}

impl AnalyticsError {
    /// Of no file.
    pub(crate) fn new(problem: impl Into<String>) -> Self {
        Self {
            problem: problem.into(),
            ..Self::default()
        }
    }

    /// Of a file as a whole.
    pub(crate) fn of_file(file: &str, problem: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            ..Self::new(problem)
        }
    }

    /// Of a line or row.
    pub(crate) fn of_row(file: &str, at: Place, problem: impl Into<String>) -> Self {
        Self {
            at,
            ..Self::of_file(file, problem)
        }
    }

    /// Of a cell.
    pub(crate) fn in_column(mut self, column: &str, value: &str) -> Self {
        self.column = shown(column);
        self.value = shown(value);
        self
    }
}

impl fmt::Display for AnalyticsError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.file.is_empty() {
            out.write_str(&self.file)?;
            match self.at {
                Place::File => {}
                Place::Line(line) => write!(out, ":{line}")?,
                Place::Row(row) => write!(out, ": row {row}")?,
            }
            out.write_str(": ")?;
        }
        if !self.column.is_empty() {
            write!(out, "{}", self.column)?;
            if !self.value.is_empty() {
                write!(out, " = {}", self.value)?;
            }
            out.write_str(": ")?;
        }
        out.write_str(&self.problem)
    }
}

impl std::error::Error for AnalyticsError {}

/// What stands in a file, fit to be shown: one line, not too long.
fn shown(text: &str) -> String {
    const CHARACTERS_MAX: usize = 60;
    let mut characters = text.chars();
    let mut out: String = characters
        .by_ref()
        .take(CHARACTERS_MAX)
        .map(|character| {
            if character.is_control() {
                ' '
            } else {
                character
            }
        })
        .collect();
    if characters.next().is_some() {
        out.push_str("...");
    }
    out
}
