//! Subscribers: who is told what happens, and how.

use crate::config::effective::{Writer, list};
use crate::config::notation::{Problem, quote, write_size};
use crate::config::process::PATIENCE;
use crate::config::reader::Table;
use crate::config::sessions::key_file;
use crate::config::values::{choice, choices, count, duration, name, size, text};
use crate::events::filter::Filter;
use crate::events::kind::{EventKind, Severity};
use crate::events::sink::KINDS;
use crate::units::Nanos;
use std::path::PathBuf;
use toml::de::DeValue;

/// `[events]`: what is remembered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Events {
    /// So many of the last events can be asked for.
    pub history: u32,
    /// Those as grave as this and graver.
    pub history_severity: Severity,
}

/// `[[subscriber]]`: one of those who are told.
#[derive(Clone, Debug, PartialEq)]
pub struct Subscriber {
    /// As users write it.
    pub name: String,
    /// Of what.
    pub filter: Filter,
    /// So many events wait for it; then the oldest is dropped.
    pub queue: u32,
    /// How.
    pub kind: SubscriberKind,
}

/// How a subscriber is told.
#[derive(Clone, Debug, PartialEq)]
pub enum SubscriberKind {
    /// By lines of the gateway's own log.
    Log,
    /// By a file of JSON lines.
    File(FileConfig),
    /// By HTTP.
    Webhook(WebhookConfig),
}

/// `[subscriber.file]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FileConfig {
    /// The current file.
    pub path: PathBuf,
    /// A larger one is given another name.
    pub size_max: u64,
    /// So many are kept, the current one included.
    pub files_max: u32,
}

/// `[subscriber.webhook]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WebhookConfig {
    /// Where the server is.
    pub url: String,
    /// Whose one line is the value of a header.
    pub secret_file: Option<PathBuf>,
    /// Of which.
    pub secret_header: String,
    /// An answer must be there by then.
    pub timeout: Nanos,
    /// At most so many events in one request.
    pub batch_max: u32,
    /// The first pause before a request is made again; it doubles each time.
    pub retry_min: Nanos,
    /// The longest pause.
    pub retry_max: Nanos,
    /// At so many failures in a row its breaker opens ...
    pub breaker_failures: u32,
    /// ... for so long.
    pub breaker_pause: Nanos,
    /// Where the last event that was taken stands.
    pub position_file: Option<PathBuf>,
}

impl SubscriberKind {
    /// As users write it, and the name of its table.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::File(_) => "file",
            Self::Webhook(_) => "webhook",
        }
    }
}

impl Subscriber {
    /// What there is where nobody writes a subscriber of kind log: warnings go to the log all the same,
    /// but for those of single orders, of which there may be as many as orders.
    pub fn default_log() -> Self {
        let is_of_orders =
            |kind: EventKind| matches!(kind, EventKind::Breach | EventKind::OrderRejected);
        let kinds = EventKind::ALL.iter().copied();
        Self {
            name: "log".to_owned(),
            filter: Filter {
                severity: Severity::Warning,
                kinds: kinds
                    .filter(|kind| Severity::Warning <= kind.severity() && !is_of_orders(*kind))
                    .collect(),
                accounts: Vec::new(),
            },
            queue: 4096,
            kind: SubscriberKind::Log,
        }
    }
}

pub(crate) const SEVERITIES: [(&str, Severity); 4] = {
    let all = Severity::ALL;
    [
        (all[0].text(), all[0]),
        (all[1].text(), all[1]),
        (all[2].text(), all[2]),
        (all[3].text(), all[3]),
    ]
};

/// Reads `[events]`.
pub(crate) fn read_events(table: &Table<'_>) -> Events {
    Events {
        history: table
            .get("history", count(0..=HISTORY_MAX))
            .unwrap_or_default(),
        history_severity: table
            .get("history_severity", choice(&SEVERITIES))
            .unwrap_or_default(),
    }
}

/// Reads one `[[subscriber]]`; `accounts`: those that its table names.
pub(crate) fn read(table: &Table<'_>, accounts: Vec<String>) -> Option<Subscriber> {
    let known = KINDS.map(|kind| (kind.name, kind.name));
    let kind = table.get("kind", choice(&known));
    for (other, _) in known {
        let is_others = kind.is_some() && Some(other) != kind && other != "log";
        if is_others && table.has(other) {
            table.refuse(other, format!("for kind = \"{other}\" alone; take it out"));
        }
    }
    let name = table.get("name", name);
    let filter = Filter {
        severity: table
            .get("severity", choice(&SEVERITIES))
            .unwrap_or_default(),
        kinds: read_kinds(table),
        accounts,
    };
    let queue = table.get("queue", count(1..=QUEUE_MAX));
    let kind = match kind? {
        "file" => SubscriberKind::File(read_file(&table.table("file"))),
        "webhook" => SubscriberKind::Webhook(read_webhook(&table.table("webhook"))),
        _ => SubscriberKind::Log,
    };
    Some(Subscriber {
        name: name?,
        filter,
        queue: queue?,
        kind,
    })
}

fn read_kinds(table: &Table<'_>) -> Vec<EventKind> {
    if table.elements("kinds").is_empty() {
        return Vec::new();
    }
    let known: Vec<_> = EventKind::ALL.iter().map(|of| (of.text(), *of)).collect();
    table.get("kinds", choices(&known)).unwrap_or_default()
}

fn read_file(table: &Table<'_>) -> FileConfig {
    FileConfig {
        path: table
            .get("path", text)
            .map(|path| table.resolve(&path))
            .unwrap_or_default(),
        size_max: table.get("size_max", size(FILE_BYTES)).unwrap_or_default(),
        files_max: table
            .get("files_max", count(1..=FILES_MAX))
            .unwrap_or_default(),
    }
}

fn read_webhook(table: &Table<'_>) -> WebhookConfig {
    let time = |key| table.get(key, duration(CALL)).unwrap_or_default();
    let retry_min = table.get("retry_min", duration(PATIENCE));
    let retry_max = table.get("retry_max", duration(PATIENCE));
    if let (Some(min), Some(max)) = (retry_min, retry_max)
        && max < min
    {
        let problem = "less than retry_min; write at least as much".to_owned();
        table.refuse("retry_max", problem);
    }
    let file = |key, read: fn(&DeValue<'_>) -> Result<String, Problem>| {
        let path = table.find(key, read).flatten();
        path.map(|path| table.resolve(&path))
    };
    WebhookConfig {
        url: table.get("url", url).unwrap_or_default(),
        secret_file: file("secret_file", key_file),
        secret_header: table.get("secret_header", header).unwrap_or_default(),
        timeout: time("timeout"),
        batch_max: table
            .get("batch_max", count(1..=BATCH_MAX))
            .unwrap_or_default(),
        retry_min: retry_min.unwrap_or_default(),
        retry_max: retry_max.unwrap_or_default(),
        breaker_failures: table
            .get("breaker_failures", count(1..=1_000u32))
            .unwrap_or_default(),
        breaker_pause: time("breaker_pause"),
        position_file: file("position_file", text),
    }
}

/// It stands in the journal and in what `check` prints: no secret may be in it.
fn url(value: &DeValue<'_>) -> Result<String, Problem> {
    let url = text(value)?;
    let known = ["http://", "https://"];
    let rest = known.iter().find_map(|scheme| url.strip_prefix(scheme));
    let Some(rest) = rest else {
        return Err("neither http:// nor https://; write one of them in front".to_owned());
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err("a secret before the @; write it into a secret_file".to_owned());
    }
    let is_clean = url.bytes().all(|byte| byte.is_ascii_graphic());
    let is_url = is_clean
        && url
            .parse::<ureq::http::Uri>()
            .is_ok_and(|url| url.host().is_some());
    match is_url {
        true => Ok(url),
        false => Err("not a URL; write it as in \"https://alerts.example:8443/gate\"".to_owned()),
    }
}

fn header(value: &DeValue<'_>) -> Result<String, Problem> {
    let name = text(value)?;
    match ureq::http::HeaderName::from_bytes(name.as_bytes()) {
        Ok(_) => Ok(name),
        Err(_) => Err("not the name of a header; write it as in \"Authorization\"".to_owned()),
    }
}

pub(crate) fn write_events(out: &mut Writer, events: &Events) {
    out.table("[events]");
    out.put("history", events.history);
    out.word("history_severity", &SEVERITIES, &events.history_severity);
}

pub(crate) fn write(out: &mut Writer, subscriber: &Subscriber) {
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

const HISTORY_MAX: u32 = 1 << 20;
const QUEUE_MAX: u32 = 1 << 20;
const FILES_MAX: u32 = 1_000;
const BATCH_MAX: u32 = 10_000;
const FILE_BYTES: std::ops::RangeInclusive<u64> = 4 << 10..=1 << 40;
/// A call, and the pause of a breaker: longer ones would leave nothing of the time to alert.
const CALL: std::ops::RangeInclusive<Nanos> = Nanos::from_millis(1)..=Nanos::from_secs(60);
