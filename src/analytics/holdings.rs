//! Holdings: how much of what is held, from a file of `symbol,qty`, with `account` beside it or not.

use super::delimited::{Records, number};
use super::error::{AnalyticsError, Place};
use super::sheet::read_bytes;
use std::collections::{BTreeSet, HashSet};
use std::path::Path;

/// More than was ever issued of anything.
const QTY_MAX: f64 = 1e18;

/// How much of a symbol is held; below zero: short.
#[derive(Clone, Debug, PartialEq)]
pub struct Holding {
    /// As in the history.
    pub symbol: String,
    /// In units of the symbol.
    pub qty: f64,
}

/// Where each known column stands.
struct Columns {
    symbol: usize,
    qty: usize,
    account: Option<usize>,
    count: usize,
}

/// What a file says is held, in its order: by one account, or by all of them together. A file without
/// accounts says it of any.
pub fn read(path: &Path, account: Option<&str>) -> Result<Vec<Holding>, AnalyticsError> {
    let file = path.to_string_lossy();
    let mut records = Records::new(&read_bytes(path, &file)?, &file)?;
    let columns = match records.next()? {
        Some((at, names)) => read_names(&file, at, &names)?,
        None => return Err(AnalyticsError::of_file(&file, format!("empty; {FORM}"))),
    };
    let mut holdings: Vec<Holding> = Vec::new();
    let (mut seen, mut accounts) = (HashSet::new(), BTreeSet::new());
    while let Some((at, cells)) = records.next()? {
        let fail = |problem: String| AnalyticsError::of_row(&file, at, problem);
        if cells.len() != columns.count {
            let problem = format!(
                "{} cells where the first line has {}",
                cells.len(),
                columns.count
            );
            return Err(fail(format!("{problem}; write one for each column")));
        }
        let (symbol, qty) = (&cells[columns.symbol], &cells[columns.qty]);
        let owner = columns.account.map(|column| cells[column].as_str());
        for (name, cell) in [("symbol", Some(symbol.as_str())), ("account", owner)] {
            if cell == Some("") {
                return Err(fail("empty; write its name".to_owned()).in_column(name, ""));
            }
        }
        let qty =
            read_qty(qty).map_err(|problem| fail(problem.to_owned()).in_column("qty", qty))?;
        if !seen.insert((owner.map(str::to_owned), symbol.clone())) {
            let problem = "named twice; write it once, with all that is held".to_owned();
            return Err(fail(problem).in_column("symbol", symbol));
        }
        accounts.extend(owner.map(str::to_owned));
        if account.is_some() && owner.is_some() && account != owner {
            continue;
        }
        match holdings.iter_mut().find(|held| held.symbol == *symbol) {
            Some(held) => held.qty += qty,
            None => holdings.push(Holding {
                symbol: symbol.clone(),
                qty,
            }),
        }
    }
    match (holdings.is_empty(), account) {
        (false, _) => Ok(holdings),
        (true, Some(account)) if !accounts.is_empty() => {
            let known = accounts.into_iter().collect::<Vec<_>>().join(", ");
            let problem = format!("nothing is held by account {account}; known: {known}");
            Err(AnalyticsError::of_file(&file, problem))
        }
        (true, _) => {
            let problem = "nothing is held; write a row for each symbol";
            Err(AnalyticsError::of_file(&file, problem))
        }
    }
}

const FORM: &str = "the first line must name the columns symbol and qty, and may name account";

fn read_names(file: &str, at: Place, names: &[String]) -> Result<Columns, AnalyticsError> {
    let names: Vec<String> = names.iter().map(|name| name.to_lowercase()).collect();
    let place = |wanted: &str| names.iter().position(|name| name == wanted);
    let known = ["symbol", "qty", "account"];
    let unknown = names.iter().find(|name| !known.contains(&name.as_str()));
    let is_twice = names.iter().collect::<HashSet<_>>().len() < names.len();
    match (place("symbol"), place("qty"), unknown, is_twice) {
        (Some(symbol), Some(qty), None, false) => Ok(Columns {
            symbol,
            qty,
            account: place("account"),
            count: names.len(),
        }),
        (_, _, Some(unknown), _) => {
            let problem = format!("unknown column; {FORM}");
            Err(AnalyticsError::of_row(file, at, problem).in_column(unknown, ""))
        }
        _ => Err(AnalyticsError::of_row(file, at, FORM)),
    }
}

fn read_qty(cell: &str) -> Result<f64, &'static str> {
    if cell.is_empty() {
        return Err("empty; write how much is held, below zero where it is short");
    }
    match number(cell)? {
        qty if qty.is_finite() && qty.abs() <= QTY_MAX => Ok(qty),
        _ => Err("more than there is of anything; correct it"),
    }
}
