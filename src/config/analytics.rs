//! Analytics: which history statistics are made of, and by which definitions.
//!
//! Shares and changes are exact here, in millionths; they become floats where statistics begin.

use crate::config::Config;
use crate::config::effective::{Writer, list, symbol_names};
use crate::config::names::{read_name, read_names};
use crate::config::notation::{Problem, SHARE_DIGITS, parse_scaled, quote, show, write_digits};
use crate::config::reader::Table;
use crate::config::values::{choice, count, decimal, name, off_or, text};
use crate::units::{AccountId, DecimalError, Notional, SymbolId, parse_decimal, write_decimal};
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use toml::de::DeValue;

/// `[analytics]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Analytics {
    /// Files of prices.
    pub history: Vec<PathBuf>,
    /// How dates are written in them.
    pub date_order: DateOrder,
    /// What an empty cell means.
    pub missing: Missing,
    /// The file of what is held.
    pub holdings: Option<PathBuf>,
    /// The money that gains and losses are a share of; `None`: the gross value of the holdings.
    pub equity: Option<Notional>,
    /// The column that betas are against, where no entry of `betas` says another.
    pub index: Option<String>,
    /// Other indexes.
    pub betas: Vec<BetaTerms>,
    /// Fewer daily returns are refused.
    pub returns_min: u32,
    /// The last so many are used.
    pub returns_max: Option<u32>,
    /// Trading days.
    pub days_per_year: u32,
    /// The weight of yesterday's variance in today's, in millionths.
    pub ewma_lambda: u32,
    /// In a year, in millionths of 1.
    pub risk_free_rate: i64,
    /// Of historical value at risk.
    pub quantile: Quantile,
    /// In millionths.
    pub var_confidence: Vec<u32>,
    /// In millionths.
    pub es_confidence: Vec<u32>,
    /// The greatest eigenvalue of correlations over the least, above which they are shrunk.
    pub condition_max: u32,
}

/// `[[analytics.beta]]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BetaTerms {
    /// A column of the history.
    pub index: String,
    /// For this account alone.
    pub account: Option<AccountId>,
    /// For these alone; none: for all.
    pub symbols: Vec<SymbolId>,
}

/// Which part of a date comes first.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum DateOrder {
    /// Year, month, day.
    #[default]
    Ymd,
    /// Day, month, year.
    Dmy,
    /// Month, day, year.
    Mdy,
}

/// What an empty cell of a symbol that is asked for means.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Missing {
    /// Nothing is worked out.
    #[default]
    Refuse,
    /// The day does not count, for any symbol.
    Drop,
}

/// How a quantile of observed values is taken.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Quantile {
    /// Between the two nearest, in proportion: type 7 of Hyndman and Fan.
    #[default]
    Linear,
    /// The least observed one with at least that share at or below it: their type 1.
    Observed,
}

/// What a group is to statistics.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum GroupKind {
    /// A sector of the economy. A symbol is in at most one.
    Sector,
    /// Who issued it. A symbol is in at most one.
    Issuer,
    /// Where it trades.
    Venue,
    /// Anything else.
    #[default]
    Other,
}

pub(crate) const GROUP_KINDS: [(&str, GroupKind); 4] = [
    ("sector", GroupKind::Sector),
    ("issuer", GroupKind::Issuer),
    ("venue", GroupKind::Venue),
    ("other", GroupKind::Other),
];

const DATE_ORDERS: [(&str, DateOrder); 3] = [
    ("ymd", DateOrder::Ymd),
    ("dmy", DateOrder::Dmy),
    ("mdy", DateOrder::Mdy),
];

const MISSINGS: [(&str, Missing); 2] = [("refuse", Missing::Refuse), ("drop", Missing::Drop)];

const QUANTILES: [(&str, Quantile); 2] = [
    ("linear", Quantile::Linear),
    ("observed", Quantile::Observed),
];

/// One, in millionths.
pub(crate) const ONE: u32 = 1_000_000;
const BETAS_MAX: usize = 4096;
const CONFIDENCES_MAX: usize = 16;

impl Analytics {
    /// The index that betas of a symbol are against for an account: what is said of both, else of the
    /// symbol, else of the account, else of all.
    pub fn index_of(&self, account: Option<AccountId>, symbol: Option<SymbolId>) -> Option<&str> {
        let said = |account: Option<AccountId>, symbol: Option<SymbolId>| {
            let is_of = |beta: &&BetaTerms| match symbol {
                Some(symbol) => beta.symbols.contains(&symbol),
                None => beta.symbols.is_empty(),
            };
            let mut betas = self.betas.iter().filter(|beta| beta.account == account);
            betas.find(is_of).map(|beta| beta.index.as_str())
        };
        let of_both = account.and(symbol).and_then(|_| said(account, symbol));
        of_both
            .or_else(|| symbol.and_then(|_| said(None, symbol)))
            .or_else(|| account.and_then(|_| said(account, None)))
            .or(self.index.as_deref())
    }
}

/// Names that the tables of analytics refer to.
pub(crate) struct Names<'n> {
    pub(crate) symbols: &'n HashMap<String, SymbolId>,
    pub(crate) accounts: &'n HashMap<String, AccountId>,
    pub(crate) groups: &'n HashMap<String, u32>,
}

/// Reads `[analytics]`.
pub(crate) fn read(table: &Table<'_>, names: &Names<'_>) -> Analytics {
    let returns_min = table.get("returns_min", count(2..=1_000_000u32));
    let returns_max = table.get("returns_max", off_or(count(2..=1_000_000u32)));
    let returns_max = returns_max.flatten();
    if returns_max
        .zip(returns_min)
        .is_some_and(|(max, min)| max < min)
    {
        let problem = "below analytics.returns_min: nothing would be long enough; write more";
        table.refuse("returns_max", problem.to_owned());
    }
    let lambda = table.get("ewma_lambda", decimal(share(0..=ONE - 1)));
    let path = |path: String| table.resolve(&path);
    Analytics {
        history: paths(table, "history"),
        date_order: table
            .get("date_order", choice(&DATE_ORDERS))
            .unwrap_or_default(),
        missing: table.get("missing", choice(&MISSINGS)).unwrap_or_default(),
        holdings: table.find("holdings", text).flatten().map(path),
        equity: table
            .get("equity", off_or(decimal(Notional::parse)))
            .flatten(),
        index: table.find("index", name).flatten(),
        betas: read_betas(table, names),
        returns_min: returns_min.unwrap_or_default(),
        returns_max,
        days_per_year: table
            .get("days_per_year", count(1..=366u32))
            .unwrap_or_default(),
        ewma_lambda: lambda.unwrap_or_default(),
        risk_free_rate: table
            .get("risk_free_rate", decimal(change(i64::from(ONE))))
            .unwrap_or_default(),
        quantile: table
            .get("quantile", choice(&QUANTILES))
            .unwrap_or_default(),
        var_confidence: table.get("var_confidence", confidences).unwrap_or_default(),
        es_confidence: table.get("es_confidence", confidences).unwrap_or_default(),
        condition_max: table
            .get("condition_max", count(1..=1_000_000_000u32))
            .unwrap_or_default(),
    }
}

fn read_betas(table: &Table<'_>, names: &Names<'_>) -> Vec<BetaTerms> {
    let mut betas = Vec::new();
    let mut taken = HashSet::new();
    for table in table.tables("beta", BETAS_MAX) {
        let beta = BetaTerms {
            index: table.get("index", name).unwrap_or_default(),
            account: read_name(&table, "account", names.accounts, "[[account]]"),
            symbols: read_names(&table, "symbols", names.symbols, "[[symbol]]"),
        };
        let is_of_all = table.elements("symbols").is_empty();
        if is_of_all && !table.has("account") {
            let problem = "for every account and symbol; write it as analytics.index";
            table.refuse("index", problem.to_owned());
        } else if is_of_all && !taken.insert((beta.account, None)) {
            let problem = "another entry says it for this account; keep one of them";
            table.refuse("account", problem.to_owned());
        }
        for symbol in &beta.symbols {
            if !taken.insert((beta.account, Some(*symbol))) {
                let problem = "another entry names one of these for as many accounts; name it once";
                table.refuse("symbols", problem.to_owned());
                break;
            }
        }
        betas.push(beta);
    }
    betas
}

fn paths(table: &Table<'_>, key: &'static str) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    for value in table.elements(key) {
        match text(value.get_ref()) {
            Ok(path) => {
                let path = table.resolve(&path);
                match paths.contains(&path) {
                    false => paths.push(path),
                    true => {
                        let problem = "named twice; keep one of them".to_owned();
                        table.refuse_value(key, value, problem);
                    }
                }
            }
            Err(problem) => table.refuse_value(key, value, problem),
        }
    }
    paths
}

/// A share of 1 within bounds, in millionths.
fn share(bounds: std::ops::RangeInclusive<u32>) -> impl Fn(&str) -> Result<u32, DecimalError> {
    move |text| {
        let raw = parse_scaled(text, SHARE_DIGITS, u64::from(*bounds.end()))?;
        let raw = u32::try_from(raw).map_err(|_| DecimalError::OutOfRange)?;
        match bounds.contains(&raw) {
            true => Ok(raw),
            false => Err(DecimalError::OutOfRange),
        }
    }
}

/// A part of 1 with a sign, in millionths.
pub(crate) fn change(max: i64) -> impl Fn(&str) -> Result<i64, DecimalError> {
    move |text| {
        let raw = parse_decimal(text, SHARE_DIGITS)?;
        let raw = i64::try_from(raw).map_err(|_| DecimalError::OutOfRange)?;
        match (-max..=max).contains(&raw) {
            true => Ok(raw),
            false => Err(DecimalError::OutOfRange),
        }
    }
}

/// A list of confidences: above one half and below one.
fn confidences(value: &DeValue<'_>) -> Result<Vec<u32>, Problem> {
    let remedy = "write a list of shares above 0.5 and below 1, as in [\"0.95\", \"0.99\"]";
    let mut all = Vec::new();
    let list = value.as_array().into_iter().flatten();
    for element in list.take(CONFIDENCES_MAX + 1) {
        let read = decimal(share(ONE / 2 + 1..=ONE - 1));
        let confidence =
            read(element.get_ref()).map_err(|problem| format!("{problem}; {remedy}"))?;
        if all.contains(&confidence) {
            return Err("a confidence twice; keep one of them".to_owned());
        }
        all.push(confidence);
    }
    match all.len() {
        0 => Err(format!("not a list; {remedy}")),
        count if CONFIDENCES_MAX < count => {
            Err(format!("more than {CONFIDENCES_MAX}; write fewer"))
        }
        _ => Ok(all),
    }
}

/// Says that a symbol is in two groups of a kind of which it may be in one.
pub(crate) fn check_kind(
    table: &Table<'_>,
    kind: GroupKind,
    symbol: (SymbolId, &str),
    taken: &mut HashSet<(u8, SymbolId)>,
) {
    let word = match kind {
        GroupKind::Sector => "sector",
        GroupKind::Issuer => "issuer",
        GroupKind::Venue | GroupKind::Other => return,
    };
    if !taken.insert((kind as u8, symbol.0)) {
        let problem = format!(
            "{} is of another {word} already; leave it out of one, or write kind = \"other\"",
            show(symbol.1)
        );
        table.refuse("symbols", problem);
    }
}

/// Writes what [`read`] reads.
pub(crate) fn write(out: &mut Writer, config: &Config) {
    let analytics = &config.analytics;
    out.table("[analytics]");
    let history = analytics.history.iter();
    let history = history.map(|path| quote(&path.to_string_lossy()));
    out.put("history", list(&history.collect::<Vec<_>>()));
    out.word("date_order", &DATE_ORDERS, &analytics.date_order);
    out.word("missing", &MISSINGS, &analytics.missing);
    if let Some(path) = &analytics.holdings {
        out.path("holdings", path);
    }
    out.text_or_off("equity", analytics.equity);
    if let Some(index) = &analytics.index {
        out.put("index", quote(index));
    }
    out.put("returns_min", analytics.returns_min);
    out.count_or_off("returns_max", analytics.returns_max);
    out.put("days_per_year", analytics.days_per_year);
    out.put("ewma_lambda", millionths(analytics.ewma_lambda.into()));
    out.put("risk_free_rate", millionths(analytics.risk_free_rate));
    out.word("quantile", &QUANTILES, &analytics.quantile);
    for (key, all) in [
        ("var_confidence", &analytics.var_confidence),
        ("es_confidence", &analytics.es_confidence),
    ] {
        let all = all.iter().map(|share| millionths(i64::from(*share)));
        out.put(key, list(&all.collect::<Vec<_>>()));
    }
    out.put("condition_max", analytics.condition_max);
    for beta in &analytics.betas {
        out.table("[[analytics.beta]]");
        out.put("index", quote(&beta.index));
        let account = beta.account;
        let account = account.and_then(|id| config.setup.accounts.get(id.0 as usize));
        if let Some(account) = account {
            out.put("account", quote(&account.name));
        }
        out.put("symbols", symbol_names(config, &beta.symbols));
    }
}

/// What [`change`] reads.
pub(crate) fn millionths(raw: i64) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write_decimal(&mut text, i128::from(raw), SHARE_DIGITS);
    quote(&text)
}

/// As people write a share, in millionths.
pub fn share_text(raw: u32) -> String {
    write_digits(u64::from(raw), SHARE_DIGITS)
}
