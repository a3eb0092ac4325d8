//! `portcullis statistics`: what journals say of whole trading days: orders, refusals, fills, profit.
//!
//! A journal is replayed once, through the replica that the follower uses: what stands in the table is what
//! `portcullis portfolio` said when the day ended.

mod row;
mod walk;

use self::row::{Row, qty};
use super::{Failure, Report};
use crate::admin::money::{cut as amount_text, percent_of as percent_text};
use crate::admin::table::{Table, UNKNOWN};
use crate::message::Scope;
use crate::risk::setup::Setup;
use crate::units::Amount;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;

/// What has a line each.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum By {
    /// A trading day.
    #[default]
    Day,
    /// An account.
    Account,
    /// A strategy.
    Strategy,
    /// A symbol.
    Symbol,
}

/// What is counted while journals are read.
#[derive(Debug, Default)]
struct Statistics {
    by: By,
    rows: BTreeMap<String, Row>,
    all: Row,
    /// Every trading day that has a record.
    days: BTreeSet<String>,
    currencies: BTreeSet<String>,
    /// Records that this core decides otherwise.
    differences: u64,
}

impl By {
    /// From what users write.
    pub fn from_text(text: &str) -> Result<Self, String> {
        let all = [Self::Day, Self::Account, Self::Strategy, Self::Symbol];
        let found = all.into_iter().find(|of| of.text() == text);
        found.ok_or_else(|| format!("no {text:?}; write day, account, strategy or symbol"))
    }

    const fn text(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Account => "account",
            Self::Strategy => "strategy",
            Self::Symbol => "symbol",
        }
    }

    const fn scope(self) -> Option<Scope> {
        match self {
            Self::Day => None,
            Self::Account => Some(Scope::Account),
            Self::Strategy => Some(Scope::Strategy),
            Self::Symbol => Some(Scope::Symbol),
        }
    }
}

/// Reads each journal to its end.
pub fn run(journals: &[PathBuf], by: By, is_json: bool) -> Result<Report, Failure> {
    let mut all = Statistics {
        by,
        ..Statistics::default()
    };
    let mut failure = None;
    for journal in journals {
        let found = walk::walk(journal, &mut all)?;
        failure = failure.or(found);
    }
    if all.currencies.len() > 1 {
        let names: Vec<_> = all.currencies.iter().map(String::as_str).collect();
        return Err(Failure::of(format!(
            "the journals count in {}: amounts of one firm's currency do not add to another's; give \
             those of one currency at a time",
            names.join(" and ")
        )));
    }
    if all.differences != 0 {
        let problem = Failure::found(format!(
            "{} records are decided otherwise by this version: `portcullis replay` names them",
            all.differences
        ));
        failure = failure.or(Some(problem));
    }
    let text = match is_json {
        true => format!("{}\n", all.to_json()),
        false => all.to_text(),
    };
    Ok(Report { text, failure })
}

impl Statistics {
    /// A run begins.
    fn open(&mut self, setup: &Setup) {
        let currency = setup.currencies.first();
        self.currencies.extend(currency.map(|of| of.name.clone()));
    }

    fn to_json(&self) -> Value {
        let days = (self.by != By::Day).then_some(&self.days);
        let rows = self.rows.iter().map(|(name, row)| {
            let mut value = row.to_json(days);
            value[self.by.text()] = json!(name);
            value
        });
        json!({
            "by": self.by.text(),
            "currency": self.currencies.first(),
            "rows": rows.collect::<Vec<_>>(),
            "all": self.all.to_json(Some(&self.days)),
        })
    }

    fn to_text(&self) -> String {
        let mut out = String::new();
        let mut head = vec![
            self.by.text(),
            "orders",
            "passed",
            "refused",
            "cancels",
            "fills",
            "fill %",
            "o/t",
            "qty",
            "value",
            "realized",
            "fees",
            "profit",
            "drawdown",
            "exits",
            "kills",
            "adjusted",
        ];
        let has_days = self.by != By::Day;
        if has_days {
            head.extend(["best day", "worst day", "gain days"]);
        }
        let mut table = Table::new(&head);
        let named = self.rows.iter().map(|(name, row)| (name.as_str(), row));
        for (name, row) in named.chain([("all", &self.all)]) {
            let mut cells = cells(name, row);
            if has_days {
                let days = row.days(&self.days);
                let profit = |of: Option<(&str, Amount)>| {
                    of.map_or(UNKNOWN.to_owned(), |of| amount_text(&of.1.to_string()))
                };
                cells.extend([
                    profit(days.best),
                    profit(days.worst),
                    days.gains.to_string(),
                ]);
            }
            table.row(cells);
        }
        table.write(&mut out);
        self.show_days(&mut out);
        self.show_reasons(&mut out);
        out
    }

    fn show_days(&self, out: &mut String) {
        let days = self.all.days(&self.days);
        let profit = |of: Option<(&str, Amount)>| {
            of.map_or(UNKNOWN.to_owned(), |(day, profit)| {
                format!("{day} with {}", amount_text(&profit.to_string()))
            })
        };
        let share = days.gain_share.map(|share| share.to_string());
        let _ = writeln!(
            out,
            "\n{} trading days, {} with a gain ({} %); best {}, worst {}; amounts in {}",
            self.days.len(),
            days.gains,
            percent_text(share.as_deref()),
            profit(days.best),
            profit(days.worst),
            self.currencies.first().map_or(UNKNOWN, String::as_str),
        );
        if self.all.unvalued != 0 {
            let _ = writeln!(
                out,
                "{} fills or corrections had no rate of their currency: no value of them is counted",
                self.all.unvalued
            );
        }
    }

    fn show_reasons(&self, out: &mut String) {
        let reasons = self.all.top_reasons();
        if reasons.is_empty() {
            return;
        }
        out.push('\n');
        let mut table = Table::new(&["refused", "reason", "what it means"]);
        for (reason, count) in reasons.iter().take(REASONS_MAX) {
            let (name, text) = (reason.name().to_owned(), reason.text().to_owned());
            table.row(vec![count.to_string(), name, text]);
        }
        table.write(out);
        if let Some(more) = reasons.len().checked_sub(REASONS_MAX + 1) {
            let _ = writeln!(out, "and {} more reasons; --json has all", more + 1);
        }
    }
}

fn cells(name: &str, row: &Row) -> Vec<String> {
    let amount = |amount: Amount| amount_text(&amount.to_string());
    let fill_rate = row.fill_rate().map(|share| share.to_string());
    let order_to_trade = row.order_to_trade().map(|share| share.to_string());
    vec![
        name.to_owned(),
        row.orders.to_string(),
        row.accepted.to_string(),
        row.refused().to_string(),
        row.cancels.to_string(),
        row.fills.to_string(),
        percent_text(fill_rate.as_deref()),
        order_to_trade.map_or(UNKNOWN.to_owned(), |ratio| amount_text(&ratio)),
        qty(row.filled_qty),
        amount(row.filled_value),
        amount(row.realized),
        amount(row.fees),
        amount(row.profit),
        amount(row.drawdown),
        row.exits.to_string(),
        row.kills.to_string(),
        row.adjustments.to_string(),
    ]
}

/// So many reasons are shown.
const REASONS_MAX: usize = 5;
