//! `portcullis analyze`: what history says of what is held, as tables, as JSON and as pictures.

mod json;
mod picture;
mod text;

use super::Failure;
use crate::analytics::analysis::{Analysis, Question};
use crate::analytics::holdings;
use crate::analytics::store::Store;
use crate::analytics::stress;
use crate::config::Config;
use crate::sys::clock::Clock;
use crate::units::{AccountId, Nanos};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::path::{Path, PathBuf};

/// What may be chosen.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// A file of what is held, in place of `analytics.holdings`.
    pub holdings: Option<PathBuf>,
    /// Of this account alone, against its index.
    pub account: Option<String>,
    /// Equal weights, whatever file of holdings is configured.
    pub is_equal: bool,
    /// These scenarios alone; none named: every one.
    pub scenarios: Vec<String>,
    /// As if this were the last day.
    pub until: Option<Date>,
    /// The folder of the pictures.
    pub out: PathBuf,
    /// For machines.
    pub is_json: bool,
}

/// What was held, for the first line.
enum Held {
    EqualWeights,
    File(PathBuf),
}

/// Works it out, draws it, and gives what is to be printed.
pub fn run(config: &Config, options: &Options) -> Result<String, Failure> {
    let account = options
        .account
        .as_deref()
        .map(|name| find_account(config, name))
        .transpose()?;
    let scenarios = stress::find(config, &options.scenarios).map_err(Failure::of)?;
    let file = options
        .holdings
        .as_ref()
        .or(config.analytics.holdings.as_ref());
    let file = file.filter(|_| !options.is_equal);
    let read = |file: &PathBuf| holdings::read(file, options.account.as_deref());
    let question = Question {
        config,
        account,
        holdings: file.map(read).transpose().map_err(Failure::of)?,
        scenarios,
    };
    let mut store = Store::new(&config.analytics, options.until);
    let history = store.history(today()).map_err(Failure::of)?;
    let analysis = Analysis::new(history, &question).map_err(Failure::of)?;
    let held = file.map_or(Held::EqualWeights, |file| Held::File(file.clone()));
    let pictures = [
        ("distribution.svg", picture::distribution(&analysis)),
        ("correlation.svg", picture::correlation(&analysis)),
        ("drawdown.svg", picture::drawdown(&analysis)),
    ];
    let mut paths = Vec::new();
    for (name, picture) in pictures {
        let path = options.out.join(name);
        write(&path, &picture)?;
        paths.push(path);
    }
    Ok(match options.is_json {
        true => json::page(config, &analysis, options.account.as_deref(), &paths),
        false => text::page(config, &analysis, &held, options.account.as_deref(), &paths),
    })
}

fn today() -> Date {
    let now = Clock::new(Nanos::ZERO).now();
    let now = Timestamp::from_nanosecond(i128::from(now.raw())).unwrap_or_default();
    now.to_zoned(TimeZone::UTC).date()
}

fn find_account(config: &Config, name: &str) -> Result<AccountId, Failure> {
    let accounts = &config.setup.accounts;
    let found = accounts.iter().position(|account| account.name == name);
    found.map(|at| AccountId(at as u32)).ok_or_else(|| {
        let known: Vec<_> = accounts
            .iter()
            .map(|account| account.name.as_str())
            .collect();
        Failure::of(match known.is_empty() {
            true => format!("no account {name:?}: the configuration has no [[account]]"),
            false => format!("no account {name:?}; known: {}", known.join(", ")),
        })
    })
}

fn write(path: &Path, picture: &str) -> Result<(), Failure> {
    let folder = path.parent().unwrap_or(Path::new(""));
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(path, picture))
        .map_err(|error| {
            let path = path.display();
            Failure::of(format!("{path}: {error}; name another folder by --out"))
        })
}

/// What the figures are, for those who must answer for them. Each on one line: the terminal folds it.
pub const DEFINITIONS: &str = "\
Prices: the files of analytics.history. Text (packed with gzip or not) has a line of names, then a line \
for each day: its date, then a price for each name; Parquet has the same columns.

Definitions (a figure that is not defined, by no equity or no movement, is -, and null in JSON):

return: the price over the price of the day before, less 1, on the days on which every symbol has one.
volatility: the sample deviation (over n - 1) of a day's return, times the root of days_per_year.
EWMA: variance = lambda x the day before's + (1 - lambda) x return squared. No mean; it begins with the \
square of the first return.
correlation: of the sample. Where its condition number is above condition_max, each is multiplied by \
1 - s: s is Ledoit's and Wolf's with the identity as target, or as much as it takes, if that is more.
beta: covariance with the index over its variance, on the days that both have. The index is that of \
[[analytics.beta]] for the account and symbol, else the symbol, else the account, else analytics.index.
gain: today's value of each holding (quantity x last price x multiplier) times its return of the day, \
added up, in one currency. Shares are of analytics.equity, else of the gross value.
VaR: the loss at the quantile 1 - confidence of the gains. Historical: of the days that were, linear \
between two of them (analytics.quantile). Normal: z deviations by the covariances, less the mean. EWMA: \
z exponentially weighted deviations.
ES: the mean loss of the worst part 1 - confidence of days, the last of them in part; else as VaR.
Sharpe: (mean x days_per_year - risk_free_rate) / (deviation x root of days_per_year).
drawdown: below the best so far, of a portfolio whose weights stay as they are.
Herfindahl index: the sum of the squares of the shares of gross value.
stress: value times the change that a [[scenario]] says: the symbol's own, else its first group's, else \
its beta times the first index's, else that of others.";
