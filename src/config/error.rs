//! Error: what is wrong with the file, where, and what to do about it.

use std::fmt;

/// One thing that is wrong.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ConfigError {
    /// The file, as it was named.
    pub file: String,
    /// From 1; zero where no line is to blame.
    pub line: u32,
    /// As in `account.A.limits.order_qty_max`; empty where no key is to blame.
    pub key: String,
    /// As it is written; empty where it is absent or not to be told.
    pub value: String,
    /// What is wrong, and the remedy.
    pub problem: String,
}

/// All that is wrong, by line. Never empty.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ConfigErrors {
    /// The first of them.
    pub errors: Vec<ConfigError>,
    /// How many more there are, once they are too many to be read.
    pub omitted: usize,
}

impl ConfigErrors {
    /// One error about a file as a whole.
    pub(crate) fn of_file(file: &str, problem: String) -> Self {
        let (key, value) = (String::new(), String::new());
        let error = ConfigError {
            file: file.to_owned(),
            line: 0,
            key,
            value,
            problem,
        };
        Self {
            errors: vec![error],
            omitted: 0,
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.file)?;
        if self.line > 0 {
            write!(out, ":{}", self.line)?;
        }
        if !self.key.is_empty() {
            write!(out, ": {}", self.key)?;
        }
        if !self.value.is_empty() {
            write!(out, " = {}", self.value)?;
        }
        write!(out, ": {}", self.problem)
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.errors.iter().enumerate() {
            if index > 0 {
                out.write_str("\n")?;
            }
            write!(out, "{error}")?;
        }
        if self.omitted > 0 {
            write!(out, "\nand {} more", self.omitted)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}
