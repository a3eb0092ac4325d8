//! Effective: the configuration as it holds, every default written out, in one canonical text.
//!
//! It opens the journal and says which rules a run was under, so it must say everything: reading it
//! gives an equal [`Config`]. Neighbouring symbols with the same terms share one table.

use crate::config::analytics::{self, GROUP_KINDS};
use crate::config::brokers::{BrokerKind, BrokerLink, LIQUIDITIES, NativeConfig, SimConfig};
use crate::config::calendars::{CalendarTerms, DAY_KINDS, DAYS, REFERENCES, write_clock};
use crate::config::error::ConfigErrors;
use crate::config::limits::{LOSS_ANSWERS, LOSS_RESUMES, Written, limit_keys};
use crate::config::notation::{
    BPS_DIGITS, MULTIPLIER_DIGITS, SHARE_DIGITS, quote, write_digits, write_duration, write_size,
};
use crate::config::process::{IDLES, LAYOUTS, POLICIES};
use crate::config::reconcile;
use crate::config::responses::{ANSWERS, SCOPES, TRIGGERS};
use crate::config::scenarios;
use crate::config::sessions::{CancelOnDisconnect, Credential, Endpoint, Session, UnixUser};
use crate::config::subscribers::{SEVERITIES, Subscriber, SubscriberKind};
use crate::config::{
    BORROWS, COST_METHODS, Config, SELF_MATCHES, SHORT_SALES, exits, money, parse_in, tail,
};
use crate::message::{LimitKey, OrderType, TimeInForce};
use crate::risk::setup::{Limits, Rate, Strategy, Symbol};
use crate::units::{Nanos, SymbolId};
use jiff::civil::Date;
use std::fmt::{Display, Write as _};
use std::path::Path;

/// The canonical text. The same configuration always gives the same text.
pub fn effective_toml(config: &Config) -> String {
    let mut out = Writer(String::new());
    write_process(&mut out, config);
    write_sessions(&mut out, config);
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
        write_calendar(&mut out, calendar);
    }
    for desk in &config.setup.desks {
        out.table("[[desk]]");
        out.put("name", quote(&desk.name));
        out.put("enabled", desk.enabled);
        out.table("[desk.limits]");
        out.limits(&desk.limits, Written::default());
    }
    for (account, written) in config.setup.accounts.iter().zip(&config.accounts_written) {
        out.table("[[account]]");
        out.put("name", quote(&account.name));
        out.put("enabled", account.enabled);
        out.put("restricted", symbol_names(config, &account.restricted));
        if !account.owner.is_empty() {
            out.put("owner", quote(&account.owner));
        }
        out.word("self_match", &SELF_MATCHES, &account.self_match);
        out.word("short_sales", &SHORT_SALES, &account.short_sales);
        out.text_or_off("funds", account.funds);
        out.put("cut_orders", account.cuts_orders);
        out.word("cost_method", &COST_METHODS, &account.cost_method);
        let desk = account
            .desk
            .and_then(|id| config.setup.desks.get(id.0 as usize));
        if let Some(desk) = desk {
            out.put("desk", quote(&desk.name));
        }
        out.table("[account.limits]");
        out.limits(&account.limits, *written);
    }
    for (strategy, session) in config.setup.strategies.iter().zip(&config.sessions) {
        write_strategy(&mut out, config, strategy, session);
    }
    for broker in &config.brokers {
        write_broker(&mut out, broker);
    }
    for symbols in config.setup.symbols.chunk_by(has_same_terms) {
        write_symbols(&mut out, config, symbols);
    }
    for response in &config.setup.responses {
        out.table("[[response]]");
        out.put("name", quote(&response.name));
        out.word("on", &TRIGGERS, &response.on);
        let reasons = response.reasons.iter().map(|reason| quote(reason.name()));
        out.put("reasons", list(&reasons.collect::<Vec<_>>()));
        out.word("scope", &SCOPES, &response.scope);
        out.put("count", response.count);
        out.span("window", response.window);
        out.word("answer", &ANSWERS, &response.answer);
        out.span("pause", response.pause);
        out.span("slow_interval", response.slow_interval);
    }
    for subscriber in &config.subscribers {
        write_subscriber(&mut out, subscriber);
    }
    for (index, group) in config.setup.groups.iter().enumerate() {
        out.table("[[group]]");
        out.put("name", quote(&group.name));
        out.put("enabled", group.enabled);
        let kind = config.group_kinds.get(index).copied().unwrap_or_default();
        out.word("kind", &GROUP_KINDS, &kind);
        out.put("symbols", symbol_names(config, &group.symbols));
        out.table("[group.limits]");
        out.limits(&group.limits, Written::default());
    }
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

    fn span(&mut self, key: &str, span: Nanos) {
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
    fn limits(&mut self, limits: &Limits, written: Written) {
        for key in limit_keys() {
            match limit_text(limits, key) {
                Some(text) if is_bare(key) => self.put(key, text),
                Some(text) => self.put(key, quote(&text)),
                None if written.has(key) => self.put(key, "\"off\""),
                None => {}
            }
        }
    }

    fn credential(&mut self, credential: &Credential) {
        match credential {
            Credential::None => {}
            Credential::KeyFile(path) => self.path("key_file", path),
            Credential::UnixUser(UnixUser::Name(name)) => self.put("unix_user", quote(name)),
            Credential::UnixUser(UnixUser::Id(id)) => self.put("unix_user", id),
        }
    }
}

fn write_process(out: &mut Writer, config: &Config) {
    let setup = &config.setup;
    out.table("[gateway]");
    out.put("name", quote(&config.gateway.name));
    out.span("answer_timeout", setup.answer_timeout);
    out.put("raise_persons", setup.raise_persons);
    out.span("raise_window", setup.raise_window);
    out.put("checkpoint_events", setup.checkpoint_events);
    let soft: Vec<_> = setup
        .soft
        .iter()
        .map(|reason| quote(reason.name()))
        .collect();
    out.put("soft", list(&soft));
    let share = write_digits(u64::from(setup.warn_share), SHARE_DIGITS);
    if let Some(factor) = setup.loosen_factor {
        out.put("loosen_factor", quote(&write_digits(factor, BPS_DIGITS)));
    }
    out.put("warn_share", quote(&share));
    if let Some(currency) = setup.currencies.first() {
        out.put("currency", quote(&currency.name));
    }
    out.span("mark_age_max", setup.mark_age_max);
    let calendar = setup
        .day_calendar
        .and_then(|id| config.calendars.get(id.0 as usize));
    if let Some(calendar) = calendar {
        out.put("trading_day", quote(&calendar.name));
    }
    out.span("drain_timeout", config.gateway.drain_timeout);
    out.put("cancel_on_panic", config.gateway.cancel_on_panic);

    exits::write_policy(out, &setup.exit_policy);

    let capacity = &setup.capacity;
    out.table("[capacity]");
    out.put("orders", capacity.orders);
    out.put("orders_closed", capacity.orders_closed);
    out.put("client_order_ids", capacity.client_order_ids);
    out.span("client_order_id_horizon", capacity.client_order_id_horizon);
    out.put("positions", capacity.positions);
    out.put("duplicates_per_window", capacity.duplicates_per_window);
    out.put("lots", capacity.lots);
    out.put("parents", capacity.parents);
    out.span("parent_horizon", capacity.parent_horizon);
    out.put("executions", capacity.executions);
    out.put("continuation_frames_max", capacity.continuation_frames_max);
    out.put("ring_messages", config.ring_messages);

    let journal = &config.journal;
    out.table("[journal]");
    out.path("directory", &journal.directory);
    out.word("policy", &POLICIES, &journal.policy);
    out.put(
        "segment_size_bytes",
        quote(&write_size(journal.segment_size_bytes)),
    );
    out.put("ahead_bytes", quote(&write_size(journal.ahead_bytes)));
    out.put("reserve_bytes", quote(&write_size(journal.reserve_bytes)));
    out.span("sync_interval", journal.sync_interval);

    let threads = &config.threads;
    out.table("[threads]");
    out.word("layout", &LAYOUTS, &threads.layout);
    out.word("idle", &IDLES, &threads.idle);
    let cores: Vec<String> = threads.cores.iter().map(u32::to_string).collect();
    out.put("cores", list(&cores));
    out.span("spin", threads.spin);
    out.put("batch_max", threads.batch_max);
}

fn write_sessions(out: &mut Writer, config: &Config) {
    let listen = &config.listen;
    out.table("[listen]");
    out.text_or_off("tcp", listen.tcp);
    out.text_or_off(
        "unix",
        listen.unix.as_ref().map(|path| path.to_string_lossy()),
    );
    out.span("heartbeat", listen.heartbeat);
    out.span("logon_timeout", listen.logon_timeout);
    out.put(
        "outbound_bytes_max",
        quote(&write_size(listen.outbound_bytes_max)),
    );
    out.put("reports_replay", listen.reports_replay);
    out.put("sessions_max", listen.sessions_max);

    out.table("[admin]");
    out.path("socket", &config.admin.socket);
    out.put("mode", quote(&format!("{:04o}", config.admin.mode)));

    out.table("[events]");
    out.put("history", config.events.history);
    out.word(
        "history_severity",
        &SEVERITIES,
        &config.events.history_severity,
    );

    reconcile::write(out, config);

    for operator in &config.operators {
        out.table("[[operator]]");
        out.put("name", quote(&operator.name));
        out.put("uid", operator.uid);
    }
    for feed in &config.feeds {
        out.table("[[feed]]");
        out.put("name", quote(&feed.name));
        match &feed.listen {
            Endpoint::Tcp(address) => out.put("tcp", quote(&address.to_string())),
            Endpoint::Unix(path) => out.path("unix", path),
        }
        out.credential(&feed.credential);
        out.span("interval_min", feed.interval_min);
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

fn write_calendar(out: &mut Writer, calendar: &CalendarTerms) {
    let days = |days: &[Date]| {
        let days = days.iter().map(|day| quote(&day.to_string()));
        list(&days.collect::<Vec<_>>())
    };
    out.table("[[calendar]]");
    out.put("name", quote(&calendar.name));
    out.put("time_zone", quote(&calendar.time_zone));
    out.put("first_day", quote(&calendar.first_day.to_string()));
    out.put("last_day", quote(&calendar.last_day.to_string()));
    let weekdays = calendar.weekdays.iter().map(|of| word(&DAYS, of));
    out.put("weekdays", list(&weekdays.collect::<Vec<_>>()));
    out.put("holidays", days(&calendar.holidays));
    out.put("half_days", days(&calendar.half_days));
    for terms in &calendar.sessions {
        let session = &terms.session;
        out.table("[[calendar.session]]");
        out.put("name", quote(&session.name));
        out.put("from", quote(&write_clock(terms.from_minutes)));
        out.put("to", quote(&write_clock(terms.to_minutes)));
        out.word("days", &DAY_KINDS, &terms.days);
        out.put("order_types", order_types(&session.order_types));
        out.put("times_in_force", times_in_force(&session.times_in_force));
        out.word("reference", &REFERENCES, &session.reference);
    }
}

fn word<T: PartialEq>(words: &[(&str, T)], value: &T) -> String {
    let known = words.iter().find(|(_, known)| known == value);
    known.map_or(String::new(), |(word, _)| quote(word))
}

fn order_types(of: &[OrderType]) -> String {
    list(&of.iter().map(|word| quote(word.text())).collect::<Vec<_>>())
}

fn times_in_force(of: &[TimeInForce]) -> String {
    list(&of.iter().map(|word| quote(word.text())).collect::<Vec<_>>())
}

fn write_strategy(out: &mut Writer, config: &Config, strategy: &Strategy, session: &Session) {
    out.table("[[strategy]]");
    out.put("name", quote(&strategy.name));
    out.put("enabled", strategy.enabled);
    let accounts = strategy
        .accounts
        .iter()
        .filter_map(|id| config.setup.accounts.get(id.0 as usize));
    out.put(
        "accounts",
        list(
            &accounts
                .map(|account| quote(&account.name))
                .collect::<Vec<_>>(),
        ),
    );
    out.put("restricted", symbol_names(config, &strategy.restricted));
    out.count_or_off("orders_unattended_max", strategy.orders_unattended_max);
    out.credential(&session.credential);
    let cancel = match session.cancel_on_disconnect {
        CancelOnDisconnect::Never => "never".to_owned(),
        CancelOnDisconnect::After(Nanos::ZERO) => "at once".to_owned(),
        CancelOnDisconnect::After(span) => format!("after {}", write_duration(span)),
    };
    out.put("cancel_on_disconnect", quote(&cancel));
    out.put("acknowledge", strategy.acknowledge);
    out.word("cost_method", &COST_METHODS, &strategy.cost_method);
    if !strategy.trader.is_empty() {
        out.put("trader", quote(&strategy.trader));
    }
    exits::write_terms(out, &strategy.exits);
    out.table("[strategy.limits]");
    out.limits(&strategy.limits, Written::default());
}

fn write_broker(out: &mut Writer, broker: &BrokerLink) {
    let kind = match broker.kind {
        BrokerKind::Sim(_) => "sim",
        BrokerKind::Native(_) => "native",
    };
    out.table("[[broker]]");
    out.put("name", quote(&broker.name));
    out.put("kind", quote(kind));
    out.span("reconnect_min", broker.reconnect_min);
    out.span("reconnect_max", broker.reconnect_max);
    out.put("reports_fees", broker.reports_fees);
    out.table("[broker.breaker]");
    let breaker = broker.breaker.unwrap_or_default();
    let share = |share: u32| write_digits(u64::from(share), SHARE_DIGITS);
    out.text_or_off("reject_share", breaker.reject_share.map(share));
    if broker.breaker.is_some() {
        out.put("reject_share_answers", breaker.reject_share_answers);
    }
    out.count_or_off("rejects", breaker.rejects);
    out.count_or_off("unanswered", breaker.unanswered);
    if broker.breaker.is_some() {
        out.span("rejects_window", breaker.rejects_window);
        out.span("unanswered_time", breaker.unanswered_time);
        out.span("pause", breaker.pause);
        out.put("trial_orders", breaker.trial_orders);
    }
    match &broker.kind {
        BrokerKind::Sim(sim) => write_sim(out, sim),
        BrokerKind::Native(native) => write_native(out, native),
    }
}

fn write_sim(out: &mut Writer, sim: &SimConfig) {
    let share = |share: u32| quote(&write_digits(u64::from(share), SHARE_DIGITS));
    out.table("[broker.sim]");
    out.put("seed", sim.seed);
    out.span("latency", sim.latency);
    out.span("latency_jitter", sim.latency_jitter);
    out.word("liquidity", &LIQUIDITIES, &sim.liquidity);
    out.put("fee_share", share(sim.fee_share));
    out.put("reject_share", share(sim.reject_share));
    out.put("cancel_reject_share", share(sim.cancel_reject_share));
    out.put("lose_share", share(sim.lose_share));
    out.put("duplicate_share", share(sim.duplicate_share));
    out.put("restate_share", share(sim.restate_share));
    out.put("late_fill_share", share(sim.late_fill_share));
    out.span("late_fill_delay", sim.late_fill_delay);
    out.count_or_off("disconnect_requests", sim.disconnect_requests);
    out.count_or_off("silence_request", sim.silence_request);
    out.span("silence_time", sim.silence_time);
}

fn write_subscriber(out: &mut Writer, subscriber: &Subscriber) {
    let filter = &subscriber.filter;
    out.table("[[subscriber]]");
    out.put("name", quote(&subscriber.name));
    out.put("kind", quote(subscriber.kind.name()));
    out.word("severity", &SEVERITIES, &filter.severity);
    let kinds: Vec<_> = filter.kinds.iter().map(|of| quote(of.text())).collect();
    out.put("kinds", list(&kinds));
    let accounts: Vec<_> = filter.accounts.iter().map(|name| quote(name)).collect();
    out.put("accounts", list(&accounts));
    out.put("queue", subscriber.queue);
    match &subscriber.kind {
        SubscriberKind::Log => {}
        SubscriberKind::File(file) => {
            out.table("[subscriber.file]");
            out.path("path", &file.path);
            out.put("size_max", quote(&write_size(file.size_max)));
            out.put("files_max", file.files_max);
        }
        SubscriberKind::Webhook(webhook) => {
            out.table("[subscriber.webhook]");
            out.put("url", quote(&webhook.url));
            if let Some(path) = &webhook.secret_file {
                out.path("secret_file", path);
            }
            out.put("secret_header", quote(&webhook.secret_header));
            out.span("timeout", webhook.timeout);
            out.put("batch_max", webhook.batch_max);
            out.span("retry_min", webhook.retry_min);
            out.span("retry_max", webhook.retry_max);
            out.put("breaker_failures", webhook.breaker_failures);
            out.span("breaker_pause", webhook.breaker_pause);
            if let Some(path) = &webhook.position_file {
                out.path("position_file", path);
            }
        }
    }
}

fn write_native(out: &mut Writer, native: &NativeConfig) {
    out.table("[broker.native]");
    out.put("address", quote(&native.address.to_string()));
    out.path("key_file", &native.key_file);
    out.put("logon_name", quote(&native.logon_name));
    out.span("connect_timeout", native.connect_timeout);
    out.span("logon_timeout", native.logon_timeout);
    out.span("unacknowledged_timeout", native.unacknowledged_timeout);
    out.put(
        "send_buffer",
        quote(&write_size(native.send_buffer_bytes.into())),
    );
    out.put("orders_max", native.orders_max);
    out.put("cancels_max", native.cancels_max);
    out.put("accept_missed_reports", native.accept_missed_reports);
}

/// Symbols that differ in nothing but their names.
fn write_symbols(out: &mut Writer, config: &Config, symbols: &[Symbol]) {
    let Some(symbol) = symbols.first() else {
        return;
    };
    out.table("[[symbol]]");
    out.put(
        "names",
        list(
            &symbols
                .iter()
                .map(|symbol| quote(&symbol.name))
                .collect::<Vec<_>>(),
        ),
    );
    out.put("enabled", symbol.enabled);
    out.put("tick", quote(&symbol.tick.to_string()));
    out.put("lot", quote(&symbol.lot.to_string()));
    out.text_or_off("price_min", symbol.price_min);
    out.text_or_off("price_max", symbol.price_max);
    out.text_or_off("qty_min", symbol.qty_min);
    out.text_or_off("qty_max", symbol.qty_max);
    out.text_or_off("notional_min", symbol.notional_min);
    out.put("order_types", order_types(&symbol.order_types));
    out.put("times_in_force", times_in_force(&symbol.times_in_force));
    let calendar = symbol
        .calendar
        .and_then(|id| config.calendars.get(id.0 as usize));
    if let Some(calendar) = calendar {
        out.put("calendar", quote(&calendar.name));
    }
    out.word("borrow", &BORROWS, &symbol.borrow);
    out.put(
        "slippage_bps",
        quote(&write_digits(symbol.slippage, BPS_DIGITS)),
    );
    let multiplier = write_digits(symbol.multiplier, MULTIPLIER_DIGITS);
    out.put("multiplier", quote(&multiplier));
    money::write_terms(out, &config.setup, &config.fee_schedules, symbol);
    let spread = symbol.spread_max.map(|max| write_digits(max, BPS_DIGITS));
    out.text_or_off("reference_spread_bps", spread);
    if let Some(broker) = config.setup.brokers.get(symbol.broker.0 as usize) {
        out.put("broker", quote(&broker.name));
    }
    let jump = symbol.jump.map(|jump| write_digits(jump, BPS_DIGITS));
    out.text_or_off("reference_jump_bps", jump);
    out.put("reference_jump_confirmations", symbol.jump_confirmations);
    let move_max = symbol.move_max.map(|max| write_digits(max, BPS_DIGITS));
    out.text_or_off("reference_move_bps", move_max);
    out.put(
        "reference_move_window",
        quote(&write_duration(symbol.move_window)),
    );
    out.table("[symbol.limits]");
    out.limits(&symbol.limits, Written::default());
}

/// Every field but the name is named here, so that a new one cannot be forgotten.
pub(crate) fn has_same_terms(one: &Symbol, other: &Symbol) -> bool {
    let Symbol {
        name: _,
        enabled,
        limits,
        tick,
        lot,
        price_min,
        price_max,
        qty_min,
        qty_max,
        order_types,
        times_in_force,
        broker,
        jump,
        jump_confirmations,
        notional_min,
        move_max,
        move_window,
        calendar,
        multiplier,
        spread_max,
        borrow,
        slippage,
        currency,
        settlement,
        is_inverse,
        fees,
    } = one;
    *enabled == other.enabled
        && *limits == other.limits
        && *tick == other.tick
        && *lot == other.lot
        && *price_min == other.price_min
        && *price_max == other.price_max
        && *qty_min == other.qty_min
        && *qty_max == other.qty_max
        && *order_types == other.order_types
        && *times_in_force == other.times_in_force
        && *broker == other.broker
        && *jump == other.jump
        && *jump_confirmations == other.jump_confirmations
        && *notional_min == other.notional_min
        && *move_max == other.move_max
        && *move_window == other.move_window
        && *calendar == other.calendar
        && *multiplier == other.multiplier
        && *spread_max == other.spread_max
        && *borrow == other.borrow
        && *slippage == other.slippage
        && *currency == other.currency
        && *settlement == other.settlement
        && *is_inverse == other.is_inverse
        && *fees == other.fees
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
