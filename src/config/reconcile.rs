//! Reconcile: the broker's files, and what follows where our books are not as they say.

use crate::config::Config;
use crate::config::effective::Writer;
use crate::config::limits::SPAN;
use crate::config::names::read_name;
use crate::config::notation::{quote, write_duration};
use crate::config::process::PATIENCE;
use crate::config::reader::Table;
use crate::config::values::{choice, count, decimal, duration, off_or, text};
use crate::recon::judge::{Halt, Terms};
use crate::units::{AccountId, DecimalError, Nanos, Notional, Qty, parse_decimal, write_decimal};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;

/// `[reconcile]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reconcile {
    /// The broker's word on positions and cash.
    pub statement: Option<PathBuf>,
    /// Its word on executions.
    pub drop_copy: Option<PathBuf>,
    /// What follows.
    pub terms: Terms,
    /// `[[reconcile.cash]]`: the cash that there was when the journal began.
    pub cash: Vec<Opening>,
}

/// The cash of an account before the gate.
#[derive(Clone, Debug, PartialEq)]
pub struct Opening {
    /// Whose.
    pub account: AccountId,
    /// In which currency, by its place.
    pub currency: u32,
    /// How much, in 1e-17.
    pub cash: i128,
}

impl Reconcile {
    /// What accounts had before the gate, by currency, in 1e-17.
    pub fn opening(&self) -> BTreeMap<(AccountId, u32), i128> {
        let cash = self.cash.iter();
        cash.map(|of| ((of.account, of.currency), of.cash))
            .collect()
    }

    /// True where there is anything to compare with.
    pub const fn is_on(&self) -> bool {
        self.statement.is_some() || self.drop_copy.is_some()
    }
}

pub(crate) const HALTS: [(&str, Halt); 3] = [
    ("account", Halt::Account),
    ("firm", Halt::Firm),
    ("off", Halt::Off),
];

/// Reads `[reconcile]`.
pub(crate) fn read(
    table: &Table<'_>,
    accounts: &HashMap<String, AccountId>,
    currencies: &HashMap<String, u32>,
) -> Reconcile {
    let path = |key| {
        let path = table.find(key, text).flatten();
        path.map(|path| table.resolve(&path))
    };
    let span = |key| table.get(key, duration(PATIENCE)).unwrap_or_default();
    let amount = |digits| move |text: &str| parse_amount(text, digits);
    let money = |key| table.get(key, decimal(amount(Notional::DIGITS)));
    let terms = Terms {
        interval: span("interval"),
        confirmations: table
            .get("confirmations", count(1..=1_000u32))
            .unwrap_or_default(),
        settle_time: span("settle_time"),
        drop_copy_delay: table
            .get("drop_copy_delay", duration(SPAN))
            .unwrap_or_default(),
        heal_qty_max: table
            .get("heal_qty_max", decimal(amount(Qty::DIGITS)))
            .unwrap_or_default(),
        heal_value_max: money("heal_value_max").unwrap_or_default(),
        cash_tolerance: money("cash_tolerance").unwrap_or_default(),
        halt: table.get("halt", choice(&HALTS)).unwrap_or_default(),
        retries: table
            .get("retries", count(0..=1_000u32))
            .unwrap_or_default(),
        retry_interval: span("retry_interval"),
        statement_age_max: table
            .get("statement_age_max", off_or(duration(SPAN)))
            .flatten(),
        history: table
            .get("history", count(HISTORY))
            .map(|count: u32| count as usize)
            .unwrap_or_default(),
    };
    let (mut cash, mut seen) = (Vec::new(), HashSet::new());
    for table in table.tables("cash", OPENINGS_MAX) {
        let account = read_name(&table, "account", accounts, "[[account]]");
        let currency = read_name(&table, "currency", currencies, "[[currency]]");
        let signed = |text: &str| parse_decimal(text, Notional::DIGITS).and_then(within);
        let opening = table.get("opening", decimal(signed));
        let (Some(account), Some(currency), Some(opening)) = (account, currency, opening) else {
            continue;
        };
        if !seen.insert((account, currency)) {
            let problem = "stands twice for this account; keep one".to_owned();
            table.refuse("currency", problem);
        }
        cash.push(Opening {
            account,
            currency,
            cash: opening,
        });
    }
    Reconcile {
        statement: path("statement"),
        drop_copy: path("drop_copy"),
        terms,
        cash,
    }
}

fn parse_amount(text: &str, digits: u32) -> Result<i128, DecimalError> {
    let raw = parse_decimal(text, digits).and_then(within)?;
    if raw < 0 {
        return Err(DecimalError::OutOfRange);
    }
    Ok(raw)
}

fn within(raw: i128) -> Result<i128, DecimalError> {
    match raw.unsigned_abs() <= Notional::EXPOSURE_MAX.raw() {
        true => Ok(raw),
        false => Err(DecimalError::OutOfRange),
    }
}

/// Writes it as it is read.
pub(crate) fn write(out: &mut Writer, config: &Config) {
    let of = &config.reconcile;
    let terms = &of.terms;
    out.table("[reconcile]");
    for (key, path) in [("statement", &of.statement), ("drop_copy", &of.drop_copy)] {
        if let Some(path) = path {
            out.path(key, path);
        }
    }
    let span = |span: Nanos| quote(&write_duration(span));
    out.put("interval", span(terms.interval));
    out.put("confirmations", terms.confirmations);
    out.put("settle_time", span(terms.settle_time));
    out.put("drop_copy_delay", span(terms.drop_copy_delay));
    out.put("heal_qty_max", amount(terms.heal_qty_max, Qty::DIGITS));
    out.put(
        "heal_value_max",
        amount(terms.heal_value_max, Notional::DIGITS),
    );
    out.put(
        "cash_tolerance",
        amount(terms.cash_tolerance, Notional::DIGITS),
    );
    out.word("halt", &HALTS, &terms.halt);
    out.put("retries", terms.retries);
    out.put("retry_interval", span(terms.retry_interval));
    out.text_or_off(
        "statement_age_max",
        terms.statement_age_max.map(write_duration),
    );
    out.put("history", terms.history);
    let setup = &config.setup;
    for opening in &of.cash {
        let account = setup.accounts.get(opening.account.0 as usize);
        let currency = setup.currencies.get(opening.currency as usize);
        let (Some(account), Some(currency)) = (account, currency) else {
            continue;
        };
        out.table("[[reconcile.cash]]");
        out.put("account", quote(&account.name));
        out.put("currency", quote(&currency.name));
        out.put("opening", amount(opening.cash, Notional::DIGITS));
    }
}

fn amount(raw: i128, digits: u32) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write_decimal(&mut out, raw, digits);
    quote(&out)
}

const OPENINGS_MAX: usize = 1 << 16;
const HISTORY: std::ops::RangeInclusive<u32> = 16..=1 << 22;
