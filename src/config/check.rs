//! Check: what a configuration amounts to, for those who must sign it.

use crate::config::Config;
use crate::config::controls::{AccountGroup, groups, missing, rows};
use crate::config::effective::{digest, effective_toml, limit_text};
use crate::config::limits::limit_keys;
use crate::config::process::Idle;
use crate::config::sessions::Endpoint;
use crate::config::subscribers::{Subscriber, SubscriberKind};
use crate::events::kind::Severity;
use crate::events::line::Line;
use crate::message::FRAME_SIZE;
use crate::recon;
use crate::recon::judge::Halt;
use crate::risk::setup::{Limits, Returns, Setup};
use crate::risk::view::memory_bytes;
use crate::units::Nanos;
use serde_json::{Map, Value, json};
use std::net::SocketAddr;

/// How a report is to look.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Format {
    /// Tables for people.
    Text {
        /// For a terminal.
        is_coloured: bool,
    },
    /// One object for programs.
    Json,
}

/// What the configuration amounts to. `here` is what was found on this machine, to be noted beside
/// what the file itself gives reason to note.
pub fn report(config: &Config, here: &[String], format: Format) -> String {
    let mut notes = notes(config);
    notes.extend_from_slice(here);
    match format {
        Format::Text { is_coloured } => report_text(config, &notes, is_coloured),
        Format::Json => report_json(config, &notes),
    }
}

/// Rings between stages: two each between risk and strategy, risk and broker; one each from market
/// and admin.
const RINGS: u64 = 6;

fn memory(config: &Config) -> Vec<(&'static str, u64)> {
    let tables = memory_bytes(&config.setup).into_iter();
    let mut memory: Vec<_> = tables.map(|(name, size)| (name, size as u64)).collect();
    memory.push((
        "rings",
        RINGS * u64::from(config.ring_messages) * FRAME_SIZE as u64,
    ));
    let replay = u64::from(config.listen.reports_replay) * FRAME_SIZE as u64;
    memory.push((
        "reports to be asked for again",
        config.sessions.len() as u64 * replay,
    ));
    let events = subscribers(config)
        .iter()
        .map(|of| u64::from(of.queue))
        .sum::<u64>()
        + u64::from(config.events.history);
    memory.push(("events", events * size_of::<Line>() as u64));
    let reconcile = &config.reconcile;
    if reconcile.is_on() {
        let size = recon::memory_bytes(&reconcile.terms, reconcile.drop_copy.is_some());
        memory.push(("reconciliation", size as u64));
    }
    memory
}

/// What is allowed but may not be meant.
fn notes(config: &Config) -> Vec<String> {
    let setup = &config.setup;
    let mut notes = Vec::new();
    for (name, is_empty) in [
        ("account", setup.accounts.is_empty()),
        ("strategy", setup.strategies.is_empty()),
        ("symbol", setup.symbols.is_empty()),
    ] {
        if is_empty {
            notes.push(format!("No [[{name}]]: nothing can be sent."));
        }
    }
    match (config.operators.len(), setup.raise_persons) {
        (0, _) => notes.push("No [[operator]]: nobody can kill, nobody can raise.".to_owned()),
        (_, 1) => notes.push("One person alone can raise what was killed.".to_owned()),
        _ => {}
    }
    if config.reconcile.is_on() && config.reconcile.terms.halt == Halt::Off {
        let note = "reconcile.halt = \"off\": trading goes on through every difference.";
        notes.push(note.to_owned());
    }
    if config.feeds.is_empty() && needs_reference(setup) {
        notes.push("No [[feed]]: controls that need a reference price refuse.".to_owned());
    }
    notes.extend(tail_notes(setup));
    let feeds = config.feeds.iter().filter_map(|feed| match feed.listen {
        Endpoint::Tcp(address) => Some(("feed", address)),
        Endpoint::Unix(_) => None,
    });
    let places = config
        .listen
        .tcp
        .map(|address| ("listen.tcp", address))
        .into_iter();
    for (key, address) in places
        .chain(feeds)
        .filter(|(_, address)| is_beyond_loopback(*address))
    {
        notes.push(format!(
            "{key} = {address} is beyond loopback and not encrypted."
        ));
    }
    if config.admin.mode & 0o007 != 0 {
        notes.push(format!(
            "admin.mode = \"{:04o}\" lets every user of the machine at the operators' socket.",
            config.admin.mode
        ));
    }
    for subscriber in &config.subscribers {
        if let SubscriberKind::Webhook(webhook) = &subscriber.kind {
            let at_worst = webhook.breaker_pause.after(webhook.timeout);
            if Nanos::from_secs(5) < at_worst.max(webhook.retry_max.after(webhook.timeout)) {
                notes.push(format!(
                    "subscriber {}: after a failure it may be told later than 5s: lower timeout, \
                     retry_max or breaker_pause.",
                    subscriber.name
                ));
            }
            if webhook.secret_file.is_some() && webhook.url.starts_with("http://") {
                notes.push(format!(
                    "subscriber {}: its secret goes over http:// unencrypted.",
                    subscriber.name
                ));
            }
        }
    }
    if config.threads.idle == Idle::Spin {
        notes.push("threads.idle = \"spin\" keeps every thread's core busy for ever.".to_owned());
    }
    notes
}

/// Limits on tails whose scenarios nobody has told.
fn tail_notes(setup: &Setup) -> Vec<String> {
    let tail = &setup.tail;
    let of_history: fn(&Returns) -> usize = |of| of.history.len();
    let has_days = |of: &Limits| of.value_at_risk_max.or(of.expected_shortfall_max).is_some();
    let sets = [
        (
            "value_at_risk_max and expected_shortfall_max",
            "history_days",
            setup.limits().any(has_days),
            tail.history_count as usize,
            of_history,
        ),
        (
            "stress_loss_max",
            "stress",
            setup.limits().any(|of| of.stress_loss_max.is_some()),
            tail.stress.len(),
            |of| of.stress.len(),
        ),
        (
            "margin_max",
            "margin",
            setup.limits().any(|of| of.margin_max.is_some()),
            tail.margin.len(),
            |of| of.margin.len(),
        ),
    ];
    let mut notes = Vec::new();
    for (limits, key, is_needed, count, of) in sets {
        if is_needed && count == 0 {
            notes.push(format!(
                "tail.{key} has no scenario: {limits} refuse every order."
            ));
            continue;
        }
        let symbols = setup.symbols.iter().zip(&tail.returns);
        let lacking = symbols.filter(|(_, returns)| of(returns) != count);
        let lacking: Vec<_> = lacking.map(|(symbol, _)| symbol.name.as_str()).collect();
        if let ([first, ..], true) = (&lacking[..], is_needed) {
            notes.push(format!(
                "{} of {} symbols have no returns for tail.{key} (the first is {first}): {limits} \
                 refuse orders in them.",
                lacking.len(),
                setup.symbols.len()
            ));
        }
    }
    notes
}

fn needs_reference(setup: &Setup) -> bool {
    let needs = |limits: &Limits| {
        limits.price_collar.is_some()
            || limits.position_value_max.is_some()
            || limits.gross_exposure_max.is_some()
            || limits.net_exposure_max.is_some()
            || limits.has_tail()
    };
    setup.limits().any(needs)
}

fn is_beyond_loopback(address: SocketAddr) -> bool {
    !address.ip().is_loopback()
}

fn hex(digest: [u8; 32]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn report_json(config: &Config, notes: &[String]) -> String {
    let effective = effective_toml(config);
    let accounts = config.setup.accounts.iter().enumerate().map(|(index, account)| {
        let missing = missing(config, index);
        let can_send = account.enabled && missing.is_empty();
        json!({"name": account.name, "enabled": account.enabled, "can_send": can_send, "limits_missing": missing})
    });
    let (groups, [accounts_omitted, symbols_omitted]) = groups(config);
    let controls = groups.iter().flat_map(|group| {
        group.armed.iter().map(|armed| {
            let cells = rows()
                .zip(&armed.cells)
                .map(|(key, cell)| (key.to_owned(), json!(cell)));
            json!({
                "accounts": group.accounts,
                "symbols": armed.symbols,
                "controls": cells.collect::<Map<String, Value>>(),
            })
        })
    });
    let memory = memory(config)
        .into_iter()
        .map(|(name, bytes)| json!({"table": name, "bytes": bytes}));
    let subscribers = subscribers(config).into_iter().map(|of| {
        json!({
            "name": of.name,
            "kind": of.kind.name(),
            "severity": of.filter.severity.text(),
            "kinds": of.filter.kinds,
            "accounts": of.filter.accounts,
            "queue": of.queue,
        })
    });
    let subscribers: Vec<_> = subscribers.collect();
    let report = json!({
        "digest": hex(digest(&effective)),
        "accounts": accounts.collect::<Vec<_>>(),
        "controls": controls.collect::<Vec<_>>(),
        "account_kinds_omitted": accounts_omitted,
        "symbol_kinds_omitted": symbols_omitted,
        "subscribers": subscribers,
        "memory": memory.collect::<Vec<_>>(),
        "notes": notes,
        "effective": effective,
    });
    format!("{report:#}\n")
}

fn report_text(config: &Config, notes: &[String], is_coloured: bool) -> String {
    let effective = effective_toml(config);
    let setup = &config.setup;
    let mut out = Page {
        text: String::new(),
        is_coloured,
    };
    out.line(&format!(
        "Accounts: {}; strategies: {}; symbols: {}; brokers: {}; digest: {}",
        setup.accounts.len(),
        setup.strategies.len(),
        setup.symbols.len(),
        setup.brokers.len(),
        hex(digest(&effective)),
    ));
    if !notes.is_empty() {
        out.heading("Notes");
        notes.iter().for_each(|note| out.line(note));
    }
    accounts_text(&mut out, config);
    let (groups, omitted) = groups(config);
    groups
        .iter()
        .for_each(|group| controls_text(&mut out, group));
    for (count, kind) in omitted
        .into_iter()
        .zip(["accounts", "symbols"])
        .filter(|(count, _)| *count > 0)
    {
        out.line(&format!("... and {count} more kinds of {kind}."));
    }
    strategies_text(&mut out, config);
    subscribers_text(&mut out, config);
    memory_text(&mut out, config);
    effective_text(&mut out, &effective);
    out.text
}

/// What is armed, a line for each kind of account with each kind of symbol.
pub fn armed(config: &Config) -> Vec<String> {
    let (groups, _) = groups(config);
    let mut lines = Vec::new();
    for group in &groups {
        for armed in &group.armed {
            let cells = rows().zip(&armed.cells).filter(|(_, cell)| *cell != "off");
            let cells: Vec<_> = cells.map(|(key, cell)| format!("{key} {cell}")).collect();
            let (accounts, symbols) = (some_names(&group.accounts), some_names(&armed.symbols));
            let cells = match cells.is_empty() {
                true => "nothing".to_owned(),
                false => cells.join(", "),
            };
            lines.push(format!("armed for {accounts} in {symbols}: {cells}"));
        }
    }
    lines
}

fn accounts_text(out: &mut Page, config: &Config) {
    const SHOWN_MAX: usize = 50;
    out.heading("Accounts");
    let mut cells = vec![
        ["account", "can send", "why not"]
            .map(str::to_owned)
            .to_vec(),
    ];
    for (index, account) in config.setup.accounts.iter().enumerate().take(SHOWN_MAX) {
        let missing = missing(config, index);
        let (can_send, why) = match (account.enabled, missing.is_empty()) {
            (true, true) => ("yes", String::new()),
            (false, _) => ("no", "enabled = false".to_owned()),
            (true, false) => {
                let keys = missing.join(", ");
                (
                    "no",
                    format!("not set: {keys}; set them or write \"off\", here or in [limits]"),
                )
            }
        };
        cells.push(vec![account.name.clone(), can_send.to_owned(), why]);
    }
    out.table(&cells);
    out.more(config.setup.accounts.len(), SHOWN_MAX);
}

fn controls_text(out: &mut Page, group: &AccountGroup<'_>) {
    const COLUMNS_MAX: usize = 4;
    for armed in group.armed.chunks(COLUMNS_MAX) {
        out.heading(&format!(
            "Controls of account {}",
            some_names(&group.accounts)
        ));
        let head = armed.iter().map(|armed| some_names(&armed.symbols));
        let mut cells = vec![
            std::iter::once("control".to_owned())
                .chain(head)
                .collect::<Vec<_>>(),
        ];
        for (row, key) in rows().enumerate() {
            let values = armed
                .iter()
                .map(|armed| armed.cells.get(row).cloned().unwrap_or_default());
            cells.push(std::iter::once(key.to_owned()).chain(values).collect());
        }
        out.table(&cells);
    }
}

fn strategies_text(out: &mut Page, config: &Config) {
    const SHOWN_MAX: usize = 50;
    out.heading("Strategies");
    let head = ["strategy", "enabled", "accounts", "its own limits"]
        .map(str::to_owned)
        .to_vec();
    let mut cells = vec![head];
    for strategy in config.setup.strategies.iter().take(SHOWN_MAX) {
        let accounts = strategy.accounts.iter();
        let accounts = accounts.filter_map(|id| config.setup.accounts.get(id.0 as usize));
        let accounts: Vec<_> = accounts.map(|account| account.name.as_str()).collect();
        let limits = limit_keys().filter_map(|key| {
            limit_text(&strategy.limits, key).map(|text| format!("{key} = {text}"))
        });
        let limits = limits.collect::<Vec<_>>().join(", ");
        let enabled = if strategy.enabled { "yes" } else { "no" }.to_owned();
        cells.push(vec![
            strategy.name.clone(),
            enabled,
            some_names(&accounts),
            limits,
        ]);
    }
    out.table(&cells);
    out.more(config.setup.strategies.len(), SHOWN_MAX);
}

fn subscribers_text(out: &mut Page, config: &Config) {
    out.heading("Subscribers");
    let head = ["subscriber", "kind", "told of", "where"];
    let mut cells = vec![head.map(str::to_owned).to_vec()];
    for subscriber in subscribers(config) {
        let filter = &subscriber.filter;
        let mut of = match filter.severity {
            Severity::Critical => "critical".to_owned(),
            severity => format!("{} and graver", severity.text()),
        };
        if subscriber == Subscriber::default_log() {
            of.push_str(", refusals and rejects left out");
        } else if !filter.kinds.is_empty() {
            let kinds: Vec<_> = filter.kinds.iter().map(|kind| kind.text()).collect();
            of.push_str(&format!(", {} alone", some_names(&kinds)));
        }
        if !filter.accounts.is_empty() {
            let accounts: Vec<_> = filter.accounts.iter().map(String::as_str).collect();
            of.push_str(&format!(", of {}", some_names(&accounts)));
        }
        let place = match &subscriber.kind {
            SubscriberKind::Log => "the gateway's log".to_owned(),
            SubscriberKind::File(file) => file.path.display().to_string(),
            SubscriberKind::Webhook(webhook) => webhook.url.clone(),
        };
        let kind = subscriber.kind.name().to_owned();
        cells.push(vec![subscriber.name, kind, of, place]);
    }
    out.table(&cells);
}

/// Those that are configured, and the log where it is not among them.
fn subscribers(config: &Config) -> Vec<Subscriber> {
    let mut subscribers = config.subscribers.clone();
    let is_log = |of: &Subscriber| of.kind == SubscriberKind::Log;
    if !subscribers.iter().any(is_log) {
        subscribers.push(Subscriber::default_log());
    }
    subscribers
}

fn memory_text(out: &mut Page, config: &Config) {
    out.heading("Memory taken at start, about");
    let mut memory = memory(config);
    memory.push(("in all", memory.iter().map(|(_, bytes)| bytes).sum()));
    let rows = memory.iter().map(|(name, bytes)| {
        let kib = bytes.div_ceil(1 << 10);
        vec![
            (*name).to_owned(),
            format!("{:>9}.{} MiB", kib >> 10, ((kib & 1023) * 10) >> 10),
        ]
    });
    out.table(&rows.collect::<Vec<_>>());
}

fn effective_text(out: &mut Page, effective: &str) {
    const LINES_MAX: usize = 600;
    const CHARACTERS_MAX: usize = 200;
    out.heading("Effective configuration");
    for line in effective.lines().take(LINES_MAX) {
        match line.char_indices().nth(CHARACTERS_MAX) {
            Some((end, _)) => out.line(&format!("{} ...", &line[..end])),
            None => out.line(line),
        }
    }
    out.more(effective.lines().count(), LINES_MAX);
}

/// The first few of many names.
fn some_names(names: &[&str]) -> String {
    const SHOWN_MAX: usize = 3;
    let shown = names
        .iter()
        .take(SHOWN_MAX)
        .copied()
        .collect::<Vec<_>>()
        .join(" ");
    match names.len().saturating_sub(SHOWN_MAX) {
        0 => shown,
        more => format!("{shown} +{more}"),
    }
}

struct Page {
    text: String,
    is_coloured: bool,
}

impl Page {
    fn line(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    fn heading(&mut self, heading: &str) {
        let (bold, plain) = if self.is_coloured {
            ("\x1b[1m", "\x1b[0m")
        } else {
            ("", "")
        };
        self.line(&format!("\n{bold}{heading}{plain}"));
    }

    /// Columns as wide as their widest cell.
    fn table(&mut self, rows: &[Vec<String>]) {
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column| {
            rows.iter()
                .filter_map(|row: &Vec<String>| row.get(column))
                .map(String::len)
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for row in rows {
            let cells = row
                .iter()
                .zip(&widths)
                .map(|(cell, width)| format!("{cell:<width$}"));
            self.line(&format!("  {}", cells.collect::<Vec<_>>().join("  ")));
        }
    }

    fn more(&mut self, count: usize, shown: usize) {
        if shown < count {
            self.line(&format!("  ... and {} more; --json has all", count - shown));
        }
    }
}
