//! Effective: the configuration as it holds, every default written out, in one canonical text.
//!
//! It opens the journal and says which rules a run was under, so it must say everything: reading it
//! gives an equal [`Config`]. Neighbouring symbols with the same terms share one table.

use crate::config::error::ConfigErrors;
use crate::config::limits::{LOSS_ANSWERS, LOSS_RESUMES, Written, limit_keys};
use crate::config::notation::{BPS_DIGITS, SHARE_DIGITS, quote, write_digits, write_duration};
use crate::config::sessions::{Credential, UnixUser};
use crate::config::{
    Config, analytics, brokers, calendars, levels, money, parse_in, process, reconcile, responses,
    scenarios, sessions, subscribers, symbols, tail,
};
use crate::message::LimitKey;
use crate::risk::setup::{Limits, Rate};
use crate::units::{Nanos, SymbolId};
use std::fmt::{Display, Write as _};
use std::path::Path;

/// The canonical text. The same configuration always gives the same text.
pub fn effective_toml(config: &Config) -> String {
    let mut out = Writer(String::new());
    process::write(&mut out, config);
    sessions::write(&mut out, config);
    subscribers::write_events(&mut out, &config.events);
    reconcile::write(&mut out, config);
    sessions::write_peers(&mut out, config);
    out.table("[limits]");
    out.limits(&config.setup.firm, config.firm_written);
    out.table("[hard_limits]");
    for key in LimitKey::ALL {
        if let Some(max) = config.setup.hard_limits.get(*key) {
            out.put(key.text(), quote(&key.show(max)));
        }
    }
    money::write(&mut out, &config.setup, &config.fee_schedules);
    for calendar in &config.calendars {
        calendars::write(&mut out, calendar);
    }
    levels::write_desks(&mut out, config);
    levels::write_accounts(&mut out, config);
    levels::write_strategies(&mut out, config);
    for broker in &config.brokers {
        brokers::write(&mut out, broker);
    }
    for symbols in config.setup.symbols.chunk_by(symbols::has_same_terms) {
        symbols::write(&mut out, config, symbols);
    }
    for response in &config.setup.responses {
        responses::write(&mut out, response);
    }
    for subscriber in &config.subscribers {
        subscribers::write(&mut out, subscriber);
    }
    levels::write_groups(&mut out, config);
    analytics::write(&mut out, config);
    scenarios::write(&mut out, config);
    tail::write(&mut out, config);
    out.0
}

/// Reads what [`effective_toml`] wrote. Defaults are written out in it, so that it may be longer
/// than a file that somebody writes.
pub fn parse_effective(text: &str) -> Result<Config, ConfigErrors> {
    parse_in(text, "effective configuration", Path::new(""))
}

/// Names the text in 32 bytes.
pub fn digest(effective_toml: &str) -> [u8; 32] {
    *blake3::hash(effective_toml.as_bytes()).as_bytes()
}

/// One limit as it stands in a file; `None` where it is off.
pub fn limit_text(limits: &Limits, key: &str) -> Option<String> {
    let bps = |raw: u64| write_digits(raw, BPS_DIGITS);
    let share = |raw: u32| write_digits(raw.into(), SHARE_DIGITS);
    match key {
        "order_qty_max" => limits.order_qty_max.map(|qty| qty.to_string()),
        "order_notional_max" => limits
            .order_notional_max
            .map(|notional| notional.to_string()),
        "price_collar_bps" => limits.price_collar.map(bps),
        "reference_age_max" => limits.reference_age_max.map(write_duration),
        "order_rate" => rates(&limits.order_rate),
        "new_order_rate" => rates(&limits.new_order_rate),
        "replace_rate" => rates(&limits.replace_rate),
        "cancel_rate" => rates(&limits.cancel_rate),
        "duplicate_window" => limits.duplicate_window.map(write_duration),
        "duplicate_count" => limits.duplicate_count.map(|count| count.to_string()),
        "open_orders_max" => limits.open_orders_max.map(|count| count.to_string()),
        "open_notional_max" => limits
            .open_notional_max
            .map(|notional| notional.to_string()),
        "position_qty_max" => limits.position_qty_max.map(|qty| qty.to_string()),
        "position_value_max" => limits
            .position_value_max
            .map(|notional| notional.to_string()),
        "gross_exposure_max" => limits
            .gross_exposure_max
            .map(|notional| notional.to_string()),
        "basket_lines_max" => limits.basket_lines_max.map(|count| count.to_string()),
        "basket_notional_max" => limits.basket_notional_max.map(|value| value.to_string()),
        "day_qty_max" => limits.day_qty_max.map(|qty| qty.to_string()),
        "day_value_max" => limits.day_value_max.map(|value| value.to_string()),
        "day_orders_max" => limits.day_orders_max.map(|count| count.to_string()),
        "order_to_trade_max" => limits.order_to_trade.map(|ratio| ratio.max.to_string()),
        "order_to_trade_free" => limits.order_to_trade.map(|ratio| ratio.free.to_string()),
        "cancel_to_trade_max" => limits.cancel_to_trade.map(|ratio| ratio.max.to_string()),
        "cancel_to_trade_free" => limits.cancel_to_trade.map(|ratio| ratio.free.to_string()),
        "net_exposure_max" => limits.net_exposure_max.map(|notional| notional.to_string()),
        "capital" => limits.capital.map(|notional| notional.to_string()),
        "day_loss_max" => limits.day_loss_max.map(|notional| notional.to_string()),
        "day_loss_share_max" => limits.day_loss_share_max.map(share),
        "drawdown_max" => limits.drawdown_max.map(|notional| notional.to_string()),
        "drawdown_share_max" => limits.drawdown_share_max.map(share),
        "rolling_loss_max" => limits.rolling_loss_max.map(|notional| notional.to_string()),
        "rolling_loss_window" => limits.rolling_loss_window.map(write_duration),
        "loss_answer" => not_usual(&LOSS_ANSWERS, &limits.loss_answer),
        "loss_resume" => not_usual(&LOSS_RESUMES, &limits.loss_resume),
        _ => {
            let key = LimitKey::ALL.iter().find(|known| known.text() == key)?;
            limits.get(*key).map(|raw| key.show(raw))
        }
    }
}

/// A word, unless it is what holds where nothing is said.
fn not_usual<T: PartialEq + Default>(words: &[(&str, T)], value: &T) -> Option<String> {
    let known = words.iter().find(|(_, known)| known == value);
    let word = known.map(|(word, _)| (*word).to_owned());
    word.filter(|_| *value != T::default())
}

/// Numbers and lists stand without quotes.
fn is_bare(key: &str) -> bool {
    key.ends_with("_rate")
        || key.contains("_to_trade_")
        || matches!(
            key,
            "open_orders_max" | "duplicate_count" | "day_orders_max" | "basket_lines_max"
        )
}

/// Text of a configuration under way.
pub(crate) struct Writer(String);

impl Writer {
    pub(crate) fn table(&mut self, header: &str) {
        if !self.0.is_empty() {
            self.0.push('\n');
        }
        self.0.push_str(header);
        self.0.push('\n');
    }

    pub(crate) fn put(&mut self, key: &str, value: impl Display) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "{key} = {value}");
    }

    pub(crate) fn span(&mut self, key: &str, span: Nanos) {
        self.put(key, quote(&write_duration(span)));
    }

    pub(crate) fn path(&mut self, key: &str, path: &Path) {
        self.put(key, quote(&path.to_string_lossy()));
    }

    pub(crate) fn text_or_off(&mut self, key: &str, text: Option<impl Display>) {
        match text {
            Some(text) => self.put(key, quote(&text.to_string())),
            None => self.put(key, "\"off\""),
        }
    }

    pub(crate) fn count_or_off(&mut self, key: &str, count: Option<u32>) {
        match count {
            Some(count) => self.put(key, count),
            None => self.put(key, "\"off\""),
        }
    }

    pub(crate) fn word<T: PartialEq>(&mut self, key: &str, words: &[(&str, T)], value: &T) {
        let word = words
            .iter()
            .find(|(_, known)| known == value)
            .map(|(word, _)| *word);
        self.text_or_off(key, word);
    }

    /// A limit that nobody wrote stays absent: that is what shuts an account.
    pub(crate) fn limits(&mut self, limits: &Limits, written: Written) {
        for key in limit_keys() {
            match limit_text(limits, key) {
                Some(text) if is_bare(key) => self.put(key, text),
                Some(text) => self.put(key, quote(&text)),
                None if written.has(key) => self.put(key, "\"off\""),
                None => {}
            }
        }
    }

    pub(crate) fn credential(&mut self, credential: &Credential) {
        match credential {
            Credential::None => {}
            Credential::KeyFile(path) => self.path("key_file", path),
            Credential::UnixUser(UnixUser::Name(name)) => self.put("unix_user", quote(name)),
            Credential::UnixUser(UnixUser::Id(id)) => self.put("unix_user", id),
        }
    }
}

pub(crate) fn symbol_names(config: &Config, symbols: &[SymbolId]) -> String {
    let symbols = symbols.iter();
    let symbols = symbols.filter_map(|id| config.setup.symbols.get(id.0 as usize));
    list(
        &symbols
            .map(|symbol| quote(&symbol.name))
            .collect::<Vec<_>>(),
    )
}

fn rates(rates: &[Rate]) -> Option<String> {
    let windows = rates.iter().map(|rate| {
        format!(
            "{{ max = {}, window = {} }}",
            rate.count,
            quote(&write_duration(rate.window))
        )
    });
    (!rates.is_empty()).then(|| list(&windows.collect::<Vec<_>>()))
}

pub(crate) fn list(items: &[String]) -> String {
    format!("[{}]", items.join(", "))
}
