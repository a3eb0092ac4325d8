//! Limits: what the firm, an account, a strategy or a symbol may do: set, written off, or absent.
//!
//! Unlimited must be written. Where neither an account nor the firm says anything about a limit of
//! [`LIMIT_KEYS`], the account can send nothing, and [`Written::missing`] names what is missing. Limits
//! of [`FINER_LIMIT_KEYS`] divide those further, and are off where they are absent.

use crate::config::notation::{BPS_DIGITS, Problem, SHARE_DIGITS, parse_scaled};
use crate::config::reader::Table;
use crate::config::schema::RATE;
use crate::config::values::{choice, count, decimal, duration, off_or};
use crate::message::{LimitKey, Scope};
use crate::risk::setup::{Limits, LossAnswer, LossResume, Rate, Ratio, Setup};
use crate::units::{Nanos, Notional, Qty};
use std::ops::RangeInclusive;
use toml::de::DeValue;

/// Which limits are written, be it as `"off"`: one bit each, in the order of [`LIMIT_KEYS`].
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Written(u16);

/// Every limit that must be set or written off, as users write it.
pub const LIMIT_KEYS: [&str; 11] = [
    "order_qty_max",
    "order_notional_max",
    "price_collar_bps",
    "reference_age_max",
    "order_rate",
    "duplicate_window",
    "open_orders_max",
    "open_notional_max",
    "position_qty_max",
    "position_value_max",
    "gross_exposure_max",
];

/// Every limit that may be left out.
pub const FINER_LIMIT_KEYS: [&str; 29] = [
    "new_order_rate",
    "replace_rate",
    "cancel_rate",
    "duplicate_count",
    "net_exposure_max",
    "day_qty_max",
    "day_value_max",
    "day_orders_max",
    "order_to_trade_max",
    "order_to_trade_free",
    "cancel_to_trade_max",
    "cancel_to_trade_free",
    "basket_lines_max",
    "basket_notional_max",
    "capital",
    "day_loss_max",
    "day_loss_share_max",
    "drawdown_max",
    "drawdown_share_max",
    "rolling_loss_max",
    "rolling_loss_window",
    "loss_answer",
    "loss_resume",
    "value_at_risk_max",
    "expected_shortfall_max",
    "stress_loss_max",
    "margin_max",
    "cluster_share_max",
    "cluster_share_free",
];

/// What is done where too much is lost.
pub(crate) const LOSS_ANSWERS: [(&str, LossAnswer); 3] = [
    ("refuse", LossAnswer::Refuse),
    ("cancel", LossAnswer::Cancel),
    ("flatten", LossAnswer::Flatten),
];

/// When trading goes on after that.
pub(crate) const LOSS_RESUMES: [(&str, LossResume); 2] = [
    ("raise", LossResume::Raise),
    ("next_day", LossResume::NextDay),
];

/// Every limit there is.
pub fn limit_keys() -> impl Iterator<Item = &'static str> {
    LIMIT_KEYS.into_iter().chain(FINER_LIMIT_KEYS)
}

const ALL: u16 = (1 << LIMIT_KEYS.len()) - 1;

/// A collar of a hundred times the reference holds nothing back: whoever means that writes "off".
const COLLAR_MAX: u64 = 1_000_000 * 10u64.pow(BPS_DIGITS);
/// Each window costs a check for every order.
const RATES_MAX: usize = 4;
/// The times of each order of a window are remembered.
const DUPLICATE_COUNT_MAX: u32 = 16;
/// The time of each order in a window is remembered.
const RATE_COUNT_MAX: u32 = 1 << 20;
/// The longest and shortest span that a limit can look back.
pub(crate) const SPAN: RangeInclusive<Nanos> = Nanos::from_raw(1)..=Nanos::from_secs(366 * 86_400);

impl Written {
    /// Every limit.
    pub const EVERY: Self = Self(ALL);

    /// True where this limit is written.
    pub fn has(self, key: &str) -> bool {
        LIMIT_KEYS
            .iter()
            .position(|known| *known == key)
            .is_some_and(|bit| self.0 >> bit & 1 == 1)
    }

    /// What is written here or there.
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The limits that nobody has written.
    pub fn missing(self) -> impl Iterator<Item = &'static str> {
        LIMIT_KEYS.into_iter().filter(move |key| !self.has(key))
    }

    fn add(&mut self, key: &str) {
        if let Some(bit) = LIMIT_KEYS.iter().position(|known| *known == key) {
            self.0 |= 1 << bit;
        }
    }
}

/// One table of limits as it stands in the file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Level {
    pub(crate) limits: Limits,
    /// By name, or by `others`.
    pub(crate) written: Written,
    /// By name.
    pub(crate) named: Written,
}

/// Reads a table of limits.
pub(crate) fn read(table: &Table<'_>) -> Level {
    let mut named = Written::default();
    for key in LIMIT_KEYS.into_iter().filter(|key| table.has(key)) {
        named.add(key);
    }
    let others_off = table
        .find("others", choice(&[("off", ())]))
        .flatten()
        .is_some();
    let bps = |text: &str| parse_scaled(text, BPS_DIGITS, COLLAR_MAX);
    let share = |text: &str| parse_scaled(text, SHARE_DIGITS, 1_000_000).map(|raw| raw as u32);
    check_losses(table);
    check_cluster(table);
    Level {
        limits: Limits {
            order_qty_max: limit(table, "order_qty_max", decimal(Qty::parse)),
            order_notional_max: limit(table, "order_notional_max", decimal(Notional::parse)),
            price_collar: limit(table, "price_collar_bps", decimal(bps)),
            reference_age_max: limit(table, "reference_age_max", duration(SPAN)),
            order_rate: rates(table, "order_rate"),
            new_order_rate: rates(table, "new_order_rate"),
            replace_rate: rates(table, "replace_rate"),
            cancel_rate: rates(table, "cancel_rate"),
            duplicate_window: limit(table, "duplicate_window", duration(SPAN)),
            duplicate_count: limit(table, "duplicate_count", count(1..=DUPLICATE_COUNT_MAX)),
            open_orders_max: limit(table, "open_orders_max", count(0..=u32::MAX)),
            open_notional_max: limit(table, "open_notional_max", decimal(Notional::parse)),
            position_qty_max: limit(table, "position_qty_max", decimal(Qty::parse)),
            position_value_max: limit(table, "position_value_max", decimal(Notional::parse)),
            gross_exposure_max: limit(table, "gross_exposure_max", decimal(Notional::parse)),
            net_exposure_max: limit(table, "net_exposure_max", decimal(Notional::parse)),
            day_qty_max: limit(table, "day_qty_max", decimal(Qty::parse)),
            day_value_max: limit(table, "day_value_max", decimal(Notional::parse)),
            day_orders_max: limit(table, "day_orders_max", count(0..=u32::MAX)),
            order_to_trade: ratio(table, "order_to_trade_max", "order_to_trade_free"),
            basket_lines_max: limit(table, "basket_lines_max", count(0..=u32::MAX)),
            basket_notional_max: limit(table, "basket_notional_max", decimal(Notional::parse)),
            cancel_to_trade: ratio(table, "cancel_to_trade_max", "cancel_to_trade_free"),
            capital: limit(table, "capital", decimal(Notional::parse)),
            day_loss_max: limit(table, "day_loss_max", decimal(Notional::parse)),
            day_loss_share_max: limit(table, "day_loss_share_max", decimal(share)),
            drawdown_max: limit(table, "drawdown_max", decimal(Notional::parse)),
            drawdown_share_max: limit(table, "drawdown_share_max", decimal(share)),
            rolling_loss_max: limit(table, "rolling_loss_max", decimal(Notional::parse)),
            rolling_loss_window: limit(table, "rolling_loss_window", duration(SPAN)),
            loss_answer: word(table, "loss_answer", &LOSS_ANSWERS),
            loss_resume: word(table, "loss_resume", &LOSS_RESUMES),
            value_at_risk_max: limit(table, "value_at_risk_max", decimal(Notional::parse)),
            expected_shortfall_max: limit(
                table,
                "expected_shortfall_max",
                decimal(Notional::parse),
            ),
            stress_loss_max: limit(table, "stress_loss_max", decimal(Notional::parse)),
            margin_max: limit(table, "margin_max", decimal(Notional::parse)),
            cluster_share_max: limit(table, "cluster_share_max", decimal(share)),
            cluster_share_free: limit(table, "cluster_share_free", decimal(Notional::parse)),
        },
        written: if others_off { Written::EVERY } else { named },
        named,
    }
}

fn word<T: Copy + Default>(
    table: &Table<'_>,
    key: &'static str,
    words: &'static [(&'static str, T)],
) -> T {
    table.find(key, choice(words)).flatten().unwrap_or_default()
}

/// What a limit on losses needs beside it.
fn check_losses(table: &Table<'_>) {
    // Written "off" is not there.
    let is_set =
        |key| table.find(key, |value| Ok(value.as_str() != Some("off"))) == Some(Some(true));
    for key in ["day_loss_share_max", "drawdown_share_max"] {
        if is_set(key) && !is_set("capital") {
            let problem = "a part of nothing; write capital beside it".to_owned();
            table.refuse(key, problem);
        }
    }
    if is_set("rolling_loss_max") && !is_set("rolling_loss_window") {
        let problem = "within which time? write rolling_loss_window beside it".to_owned();
        table.refuse("rolling_loss_max", problem);
    }
}

/// What one person may change a limit to at the most.
pub(crate) fn read_hard(table: &Table<'_>) -> Limits {
    let mut hard = Limits::default();
    for key in LimitKey::ALL {
        let read = decimal(|text: &str| key.parse(text));
        if let Some(Some(max)) = table.find(key.text(), read) {
            hard.set(*key, max);
        }
    }
    hard
}

/// No limit that is set is above its hard maximum.
pub(crate) fn check_hard(table: &Table<'_>, setup: &Setup) {
    for key in LimitKey::ALL {
        let Some(max) = setup.hard_limits.get(*key) else {
            continue;
        };
        let mut set = setup.limits().filter_map(|limits| limits.get(*key));
        if let Some(limit) = set.find(|limit| max < *limit) {
            let limit = key.show(limit);
            let problem = format!("a limit of {limit} is above it; lower that, or raise this");
            table.refuse(key.text(), problem);
        }
    }
}

/// A collar needs a price to measure by, and somebody must have said how old that may be: `others`
/// does not say it.
pub(crate) fn check_collar(table: &Table<'_>, level: &Level, firm: &Level) {
    let is_said = level.named.or(firm.named).has("reference_age_max");
    if level.limits.price_collar.is_some() && !is_said {
        table.refuse(
            "price_collar_bps",
            "a collar without an age for its reference; write reference_age_max beside it or in \
             [limits], as in \"500ms\", or \"off\""
                .to_owned(),
        );
    }
}

/// A limit that would hold nothing back at a level of its kind is not taken.
pub(crate) fn check_scope(table: &Table<'_>, scope: Scope) {
    for key in LimitKey::ALL.iter().filter(|key| !key.limits(scope)) {
        if table.has(key.text()) {
            let problem = match key {
                LimitKey::BasketLines | LimitKey::BasketNotional => {
                    "baskets are counted for the firm, an account or a strategy alone; write it there"
                }
                _ => {
                    "tails are measured of the firm, a desk, an account or a strategy alone; write \
                     it there"
                }
            };
            table.refuse(key.text(), problem.to_owned());
        }
    }
}

/// The first position of an empty book is all of its risk.
fn check_cluster(table: &Table<'_>) {
    let is_on = |key| table.find(key, |value| Ok(value.as_str() != Some("off")));
    let is_set =
        ["cluster_share_max", "cluster_share_free"].map(|key| is_on(key) == Some(Some(true)));
    if is_set == [true, false] {
        let problem = "without cluster_share_free nothing could begin: the first position is all \
                       there is; write beside what a cluster may hold in any case";
        table.refuse("cluster_share_max", problem.to_owned());
    }
}

fn limit<T>(
    table: &Table<'_>,
    key: &'static str,
    read: impl Fn(&DeValue<'_>) -> Result<T, Problem>,
) -> Option<T> {
    table.find(key, off_or(read)).flatten().flatten()
}

fn ratio(table: &Table<'_>, max: &'static str, free: &'static str) -> Option<Ratio> {
    match (
        limit(table, max, count(0..=u32::MAX)),
        limit(table, free, count(0..=u32::MAX)),
    ) {
        (Some(max), Some(free)) => Some(Ratio { max, free }),
        (Some(_), None) => {
            let problem = format!("without {free} nothing would ever pass; write it beside");
            table.refuse(max, problem);
            None
        }
        (None, Some(_)) => {
            table.refuse(
                free,
                format!("means nothing without {max}; write it beside"),
            );
            None
        }
        (None, None) => None,
    }
}

fn rates(table: &Table<'_>, key: &'static str) -> Vec<Rate> {
    if table.find(key, |value| Ok(value.as_str() == Some("off"))) != Some(Some(false)) {
        return Vec::new();
    }
    let elements = table.elements(key);
    if elements.len() > RATES_MAX {
        table.refuse(
            key,
            format!("{} windows; write at most {RATES_MAX}", elements.len()),
        );
    } else if elements.is_empty() && table.is_list(key) {
        table.refuse(
            key,
            "no window; write [{ max = 100, window = \"1s\" }] or \"off\"".to_owned(),
        );
    }
    let mut rates = Vec::new();
    for (index, value) in elements.into_iter().take(RATES_MAX).enumerate() {
        let Some(rate) = table.element(key, &RATE, index, value) else {
            continue;
        };
        let max = rate.get("max", count(1..=RATE_COUNT_MAX));
        let window = rate.get("window", duration(SPAN));
        if let (Some(count), Some(window)) = (max, window) {
            rates.push(Rate { count, window });
        }
    }
    rates
}
