//! Table: what goes on, while it goes on.

use super::session::Tally;
use super::strategies::Role;
use crate::units::{Nanos, Position};
use std::fmt::Write as _;
use std::io::Write;
use std::sync::atomic::Ordering::Relaxed;

/// How a run is shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Show {
    /// A table that is drawn again and again: for a terminal.
    Live,
    /// One line each second.
    Lines,
    /// Nothing.
    Nothing,
}

/// Draws it.
pub(super) struct Board<'a> {
    show: Show,
    roles: &'a [Role],
    tallies: &'a [Tally],
    drawn_line_count: usize,
    drawn_at: Nanos,
    sent_before: Vec<u64>,
    notes: Vec<String>,
}

impl<'a> Board<'a> {
    pub(super) fn new(show: Show, roles: &'a [Role], tallies: &'a [Tally], now: Nanos) -> Self {
        let sent_before = vec![0; roles.len()];
        Self {
            show,
            roles,
            tallies,
            drawn_line_count: 0,
            drawn_at: now,
            sent_before,
            notes: Vec::new(),
        }
    }

    /// How long until there is something new to draw.
    pub(super) const fn interval(&self) -> Nanos {
        match self.show {
            Show::Live => Nanos::from_millis(250),
            Show::Lines | Show::Nothing => Nanos::from_secs(1),
        }
    }

    /// Something happened that is told at once, and stays.
    pub(super) fn note(&mut self, note: String, out: &mut impl Write) {
        match self.show {
            Show::Live => self.notes.push(note),
            // A reader that has gone away is no error.
            Show::Lines => drop(writeln!(out, "{note}")),
            Show::Nothing => {}
        }
    }

    /// Draws what there is now, so long after the start.
    pub(super) fn draw(&mut self, now: Nanos, since_start: Nanos, out: &mut impl Write) {
        let text = match self.show {
            Show::Nothing => return,
            Show::Lines => self.line(since_start),
            Show::Live => {
                let text = self.table(now, since_start);
                let lines: Vec<&str> = text.lines().collect();
                let up = self.drawn_line_count;
                self.drawn_line_count = lines.len();
                let mut drawn = if up == 0 {
                    String::new()
                } else {
                    format!("\x1b[{up}A")
                };
                for line in lines {
                    let _ = writeln!(drawn, "\x1b[2K{line}");
                }
                drawn
            }
        };
        self.drawn_at = now;
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }

    fn line(&self, since_start: Nanos) -> String {
        let sum = |of: fn(&Tally) -> u64| self.tallies.iter().map(of).sum::<u64>();
        format!(
            "{:>3} s  sent {:>6}  accepted {:>6}  refused {:>6}  fills {:>6}  live {:>4}\n",
            (since_start.raw() + 500_000_000) / 1_000_000_000,
            sum(|tally| tally.sent.load(Relaxed)),
            sum(|tally| tally.accepted.load(Relaxed)),
            sum(|tally| tally.refused.load(Relaxed)),
            sum(|tally| tally.fills.load(Relaxed)),
            sum(|tally| tally.live.load(Relaxed)),
        )
    }

    fn table(&mut self, now: Nanos, since_start: Nanos) -> String {
        let millis = (now.since(self.drawn_at).raw() / 1_000_000).max(1);
        let tenths = since_start.raw() / 100_000_000;
        let mut out = format!("{:>3}.{} s\n{}\n", tenths / 10, tenths % 10, HEAD);
        for ((role, tally), before) in self
            .roles
            .iter()
            .zip(self.tallies)
            .zip(&mut self.sent_before)
        {
            let sent = tally.sent.load(Relaxed);
            let rate = (sent - *before) * 1_000 / millis;
            *before = sent;
            let _ = writeln!(out, "{}", row(role, tally, Some(rate)));
        }
        for note in &self.notes {
            let _ = writeln!(out, "{note}");
        }
        out
    }
}

/// Above the rows.
pub(super) const HEAD: &str = "strategy      account      sent  accepted   refused    filled  live    position   rate  state     what it does";

/// One strategy.
pub(super) fn row(role: &Role, tally: &Tally, rate: Option<u64>) -> String {
    let position = Position::from_raw(tally.position.load(Relaxed));
    let rate = rate.map_or_else(String::new, |rate| format!("{rate}/s"));
    let state = if tally.is_killed.load(Relaxed) {
        "KILLED"
    } else {
        "open"
    };
    format!(
        "{:<13} {:<8} {:>8} {:>9} {:>9} {:>9} {:>5} {:>11} {:>6}  {:<8}  {}",
        role.name,
        role.account,
        tally.sent.load(Relaxed),
        tally.accepted.load(Relaxed),
        tally.refused.load(Relaxed),
        tally.fills.load(Relaxed),
        tally.live.load(Relaxed),
        position.to_string(),
        rate,
        state,
        role.about
    )
}
