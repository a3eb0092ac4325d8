//! Money: the currencies that values are counted in, and what fills cost.

use crate::config::effective::Writer;
use crate::config::names::{claim, read_name};
use crate::config::notation::{BPS_DIGITS, quote, write_digits};
use crate::config::reader::Table;
use crate::config::values::{choice, decimal, flag, name};
use crate::risk::setup::{Currency, FeeRate, Fees, RateSource, Setup, Symbol};
use crate::units::{DecimalError, Money, Price, SymbolId, parse_decimal, write_decimal};
use std::collections::{HashMap, HashSet};

const CURRENCIES_MAX: usize = 256;
const SCHEDULES_MAX: usize = 4096;
/// A rebate or a fee of more than the whole is a slip.
const BPS_MAX: i128 = 10_000 * 10i128.pow(BPS_DIGITS);

/// A schedule of fees under its name.
#[derive(Clone, Debug, PartialEq)]
pub struct FeeSchedule {
    /// As users write it.
    pub name: String,
    /// What it says.
    pub fees: Fees,
}

/// How a symbol settles.
pub(crate) const CONTRACTS: [(&str, bool); 2] = [("linear", false), ("inverse", true)];

/// Reads the names of all currencies: the firm's own is the first.
pub(crate) fn read_names(
    gateway: &Table<'_>,
    root: &Table<'_>,
    setup: &mut Setup,
) -> HashMap<String, u32> {
    let own = gateway.get("currency", name).unwrap_or_default();
    let mut names = HashSet::from([own.clone()]);
    let mut ids = HashMap::from([(own.clone(), 0)]);
    let fixed = RateSource::Fixed(Price::default());
    setup.currencies = vec![Currency {
        name: own,
        rate: fixed,
    }];
    for table in root.tables("currency", CURRENCIES_MAX) {
        let name = table.get("name", name).unwrap_or_default();
        claim(&table, "name", name.clone(), &mut names);
        ids.insert(name.clone(), setup.currencies.len() as u32);
        setup.currencies.push(Currency { name, rate: fixed });
    }
    ids
}

/// Reads what each is worth.
pub(crate) fn read_rates(root: &Table<'_>, symbols: &HashMap<String, SymbolId>, setup: &mut Setup) {
    for (at, table) in root
        .tables("currency", CURRENCIES_MAX)
        .into_iter()
        .enumerate()
    {
        let fixed = table.find("rate", decimal(Price::parse)).flatten();
        let driver = read_name(&table, "rate_symbol", symbols, "[[symbol]]");
        let is_inverted = table.get("rate_inverted", flag).unwrap_or_default();
        if table.has("rate") == table.has("rate_symbol") {
            let problem = "write rate, as in \"1.08\", or rate_symbol, one of the two".to_owned();
            table.refuse("rate", problem);
        }
        if fixed.is_some_and(|rate| rate.raw() <= 0) {
            let problem = "not above zero; write what one of it is worth in the firm's".to_owned();
            table.refuse("rate", problem);
        }
        let counts_in = driver.and_then(|of| setup.symbols.get(of.0 as usize));
        if counts_in.is_some_and(|symbol| symbol.currency != 0 || symbol.settlement != 0) {
            let problem =
                "a rate is in the firm's own currency: write a symbol that is counted in it";
            table.refuse("rate_symbol", problem.to_owned());
        }
        let rate = match (fixed, driver) {
            (Some(rate), None) => RateSource::Fixed(rate),
            (_, Some(symbol)) => RateSource::Symbol {
                symbol,
                is_inverted,
            },
            _ => continue,
        };
        if let Some(currency) = setup.currencies.get_mut(at + 1) {
            currency.rate = rate;
        }
    }
}

/// Reads what a symbol is counted in.
pub(crate) fn read_terms(
    table: &Table<'_>,
    (currencies, schedules): (&HashMap<String, u32>, &HashMap<String, Fees>),
    symbol: &mut Symbol,
) {
    let currency = read_name(table, "currency", currencies, "[[currency]]");
    let settlement = read_name(table, "settlement", currencies, "[[currency]]");
    symbol.currency = currency.unwrap_or_default();
    symbol.settlement = settlement.unwrap_or(symbol.currency);
    symbol.is_inverse = table
        .get("contract", choice(&CONTRACTS))
        .unwrap_or_default();
    if symbol.settlement != symbol.currency && !symbol.is_inverse {
        let problem = "a linear contract settles in the currency of its price; leave it out, or \
                       write contract = \"inverse\"";
        table.refuse("settlement", problem.to_owned());
    }
    symbol.fees = read_name(table, "fees", schedules, "[[fees]]");
}

/// Reads every `[[fees]]`.
pub(crate) fn read_schedules(root: &Table<'_>) -> (Vec<FeeSchedule>, HashMap<String, Fees>) {
    let (mut names, mut schedules) = (HashSet::new(), Vec::new());
    for table in root.tables("fees", SCHEDULES_MAX) {
        let name = table.get("name", name).unwrap_or_default();
        claim(&table, "name", name.clone(), &mut names);
        let money = |key| table.get(key, decimal(Money::parse)).unwrap_or_default();
        let bps = |key| table.get(key, decimal(parse_bps)).unwrap_or_default();
        let bound = |key| table.find(key, decimal(positive)).flatten();
        let fees = Fees {
            maker: FeeRate {
                per_unit: money("maker_per_unit"),
                of_value: bps("maker_bps"),
            },
            taker: FeeRate {
                per_unit: money("taker_per_unit"),
                of_value: bps("taker_bps"),
            },
            order_min: bound("order_min"),
            order_max: bound("order_max"),
            order_share_max: table
                .find("order_max_bps", decimal(parse_bps))
                .flatten()
                .map(i64::unsigned_abs),
        };
        let (min, max) = (fees.order_min, fees.order_max);
        if min.zip(max).is_some_and(|(min, max)| max < min) {
            let problem = "below order_min: no order could cost it; write at least as much";
            table.refuse("order_max", problem.to_owned());
        }
        schedules.push(FeeSchedule { name, fees });
    }
    let by_name = schedules.iter().map(|of| (of.name.clone(), of.fees));
    let by_name = by_name.collect();
    (schedules, by_name)
}

fn parse_bps(text: &str) -> Result<i64, DecimalError> {
    let raw = parse_decimal(text, BPS_DIGITS)?;
    match raw.abs() <= BPS_MAX {
        true => Ok(raw as i64),
        false => Err(DecimalError::OutOfRange),
    }
}

fn positive(text: &str) -> Result<Money, DecimalError> {
    Money::parse(text).and_then(|money| match 0 <= money.raw() {
        true => Ok(money),
        false => Err(DecimalError::OutOfRange),
    })
}

/// Writes every currency but the firm's own, and every schedule.
pub(crate) fn write(out: &mut Writer, setup: &Setup, schedules: &[FeeSchedule]) {
    for currency in setup.currencies.iter().skip(1) {
        out.table("[[currency]]");
        out.put("name", quote(&currency.name));
        match currency.rate {
            RateSource::Fixed(rate) => out.put("rate", quote(&rate.to_string())),
            RateSource::Symbol {
                symbol,
                is_inverted,
            } => {
                let name = setup.symbols.get(symbol.0 as usize).map(|of| &of.name);
                out.put("rate_symbol", quote(name.map_or("", String::as_str)));
                out.put("rate_inverted", is_inverted);
            }
        }
    }
    for FeeSchedule { name, fees } in schedules {
        out.table("[[fees]]");
        out.put("name", quote(name));
        for (rate, per_unit, bps) in [
            (fees.maker, "maker_per_unit", "maker_bps"),
            (fees.taker, "taker_per_unit", "taker_bps"),
        ] {
            out.put(per_unit, quote(&rate.per_unit.to_string()));
            let mut text = String::new();
            // Writing to a string cannot fail.
            let _ = write_decimal(&mut text, rate.of_value.into(), BPS_DIGITS);
            out.put(bps, quote(&text));
        }
        for (key, bound) in [("order_min", fees.order_min), ("order_max", fees.order_max)] {
            if let Some(bound) = bound {
                out.put(key, quote(&bound.to_string()));
            }
        }
        if let Some(share) = fees.order_share_max {
            out.put("order_max_bps", quote(&write_digits(share, BPS_DIGITS)));
        }
    }
}

/// Writes what a symbol is counted in.
pub(crate) fn write_terms(
    out: &mut Writer,
    setup: &Setup,
    schedules: &[FeeSchedule],
    symbol: &Symbol,
) {
    let name = |at: u32| setup.currencies.get(at as usize).map(|of| quote(&of.name));
    if let Some(currency) = name(symbol.currency) {
        out.put("currency", currency);
    }
    if let Some(settlement) = name(symbol.settlement).filter(|_| symbol.is_inverse) {
        out.put("settlement", settlement);
    }
    out.word("contract", &CONTRACTS, &symbol.is_inverse);
    let mut schedules = schedules.iter();
    let schedule = schedules.find(|schedule| Some(schedule.fees) == symbol.fees);
    if let Some(schedule) = schedule {
        out.put("fees", quote(&schedule.name));
    }
}
