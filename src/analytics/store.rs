//! Store: the history, read when it is first asked for and again on another day, never in between.

use super::error::AnalyticsError;
use super::history::History;
use crate::config::analytics::{Analytics, DateOrder};
use jiff::civil::Date;
use std::path::PathBuf;

/// Whoever needs history asks here.
#[derive(Debug)]
pub struct Store {
    files: Vec<PathBuf>,
    order: DateOrder,
    until: Option<Date>,
    held: Option<(Date, History)>,
    files_read_count: u64,
}

impl Store {
    /// Reads nothing so far. Rows behind `until` will be left out.
    pub fn new(terms: &Analytics, until: Option<Date>) -> Self {
        Self {
            files: terms.history.clone(),
            order: terms.date_order,
            until,
            held: None,
            files_read_count: 0,
        }
    }

    /// The history as it was first read on this day. What cannot be read leaves nothing behind: what
    /// was good yesterday is not taken for today's.
    pub fn history(&mut self, today: Date) -> Result<&History, AnalyticsError> {
        let held = match self.held.take() {
            Some(held) if held.0 == today => held,
            _ => {
                self.files_read_count += self.files.len() as u64;
                (today, History::read(&self.files, self.order, self.until)?)
            }
        };
        Ok(&self.held.insert(held).1)
    }

    /// How many files were read so far.
    pub const fn files_read_count(&self) -> u64 {
        self.files_read_count
    }
}
