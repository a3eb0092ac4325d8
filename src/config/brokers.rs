//! Brokers: the link to each, and what is peculiar to its kind.

use crate::config::effective::Writer;
use crate::config::notation::{SHARE_DIGITS, parse_scaled, quote, write_digits, write_size};
use crate::config::process::PATIENCE;
use crate::config::reader::Table;
use crate::config::sessions::key_file;
use crate::config::values::{address, choice, count, decimal, duration, flag, name, off_or, size};
use crate::units::Nanos;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// `[[broker]]`: one link. Its name is in the setup, at the same place.
#[derive(Clone, Debug, PartialEq)]
pub struct BrokerLink {
    /// As users write it.
    pub name: String,
    /// When to stop trusting it.
    pub breaker: Option<Breaker>,
    /// The first pause before a lost connection is made again; it doubles each time.
    pub reconnect_min: Nanos,
    /// The longest pause.
    pub reconnect_max: Nanos,
    /// Its reports tell every fee.
    pub reports_fees: bool,
    /// What speaks at the other end.
    pub kind: BrokerKind,
}

/// When a link is shut because too much goes wrong on it. A rule that is `None` is off.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Breaker {
    /// Opens when so large a share of the last answers to orders are rejects, in millionths ...
    pub reject_share: Option<u32>,
    /// ... of so many answers.
    pub reject_share_answers: u32,
    /// Opens at so many rejects ...
    pub rejects: Option<u32>,
    /// ... within this time.
    pub rejects_window: Nanos,
    /// Opens when so many requests have no answer ...
    pub unanswered: Option<u32>,
    /// ... after this time.
    pub unanswered_time: Nanos,
    /// It stays open so long.
    pub pause: Nanos,
    /// Then so many orders are let through to see.
    pub trial_orders: u32,
}

/// What speaks at the other end of a link.
#[derive(Clone, Debug, PartialEq)]
pub enum BrokerKind {
    /// A broker inside the gateway, for trying things out.
    Sim(SimConfig),
    /// The native protocol over TCP.
    Native(NativeConfig),
}

/// `[broker.sim]`: a venue that does what it is told, faults included. Shares are in millionths.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SimConfig {
    /// Of all that is left to chance: the same seed, the same day.
    pub seed: u64,
    /// From a request to its effect and its report.
    pub latency: Nanos,
    /// Up to so much more.
    pub latency_jitter: Nanos,
    /// How the feed's quotes stand in its book.
    pub liquidity: SimLiquidity,
    /// Of a fill's value.
    pub fee_share: u32,
    /// Orders and replaces that it rejects.
    pub reject_share: u32,
    /// Cancels that it rejects although the order stands.
    pub cancel_reject_share: u32,
    /// Reports that it never sends.
    pub lose_share: u32,
    /// Reports that it sends twice.
    pub duplicate_share: u32,
    /// Orders that it cuts to half, unasked.
    pub restate_share: u32,
    /// Cancels that it confirms before a last fill.
    pub late_fill_share: u32,
    /// How long after.
    pub late_fill_delay: Nanos,
    /// The link goes down behind every so-manyth request.
    pub disconnect_requests: Option<u32>,
    /// At this request it falls silent ...
    pub silence_request: Option<u32>,
    /// ... for so long.
    pub silence_time: Nanos,
}

/// How the feed's quotes stand in the simulated venue's book.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum SimLiquidity {
    /// Not at all: orders trade with one another alone.
    None,
    /// With the sizes they say.
    Quoted,
    /// With the sizes they say; one that says none is unlimited.
    #[default]
    QuotedOrUnlimited,
    /// Without an end.
    Unlimited,
}

/// `[broker.native]`: a broker that speaks the gateway's own protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct NativeConfig {
    /// Where it listens.
    pub address: SocketAddr,
    /// The key that both ends know.
    pub key_file: PathBuf,
    /// Who the gateway says it is.
    pub logon_name: String,
    /// A connection must be made by then.
    pub connect_timeout: Nanos,
    /// The logon must be answered by then.
    pub logon_timeout: Nanos,
    /// What was sent must be acknowledged by the other machine by then.
    pub unacknowledged_timeout: Nanos,
    /// The kernel holds about so much that was not read: in doubt when the link is lost.
    pub send_buffer_bytes: u32,
    /// So many frames of orders wait for a slow broker.
    pub orders_max: u32,
    /// So many cancels and questions wait beside them.
    pub cancels_max: u32,
    /// True: the link comes up although the broker no longer has reports that were missed.
    pub accept_missed_reports: bool,
}

/// The kinds there are, as users write them. The name is also that of their table.
pub(crate) const KINDS: [(&str, &str); 2] = [("sim", "sim"), ("native", "native")];

pub(crate) const LIQUIDITIES: [(&str, SimLiquidity); 4] = [
    ("none", SimLiquidity::None),
    ("quoted", SimLiquidity::Quoted),
    ("quoted_or_unlimited", SimLiquidity::QuotedOrUnlimited),
    ("unlimited", SimLiquidity::Unlimited),
];

/// All of something.
pub(crate) const SHARE_ALL: u64 = 10u64.pow(SHARE_DIGITS);

/// Reads one `[[broker]]`.
pub(crate) fn read(table: &Table<'_>) -> BrokerLink {
    let reconnect_min = table.get("reconnect_min", duration(PATIENCE));
    let reconnect_max = table.get("reconnect_max", duration(PATIENCE));
    if let (Some(min), Some(max)) = (reconnect_min, reconnect_max)
        && max < min
    {
        let problem = "less than reconnect_min; write at least as much".to_owned();
        table.refuse("reconnect_max", problem);
    }
    let kind = table.get("kind", choice(&KINDS));
    for (other, _) in KINDS.iter().filter(|(other, _)| Some(*other) != kind) {
        if kind.is_some() && table.has(other) {
            table.refuse(other, format!("for kind = \"{other}\" alone; take it out"));
        }
    }
    BrokerLink {
        name: table.get("name", name).unwrap_or_default(),
        breaker: read_breaker(&table.table("breaker")),
        reconnect_min: reconnect_min.unwrap_or_default(),
        reconnect_max: reconnect_max.unwrap_or_default(),
        reports_fees: table.get("reports_fees", flag).unwrap_or_default(),
        kind: match kind {
            Some("native") => BrokerKind::Native(read_native(&table.table("native"))),
            _ => BrokerKind::Sim(read_sim(&table.table("sim"))),
        },
    }
}

fn read_breaker(table: &Table<'_>) -> Option<Breaker> {
    let time = |key| table.get(key, duration(PATIENCE)).unwrap_or_default();
    let count_or_off = |key| table.get(key, off_or(count(1..=1_000_000u32))).flatten();
    let share = off_or(decimal(|text| parse_scaled(text, SHARE_DIGITS, SHARE_ALL)));
    let share = table.get("reject_share", share).flatten();
    let breaker = Breaker {
        reject_share: share.and_then(|share| u32::try_from(share).ok()),
        reject_share_answers: table
            .get("reject_share_answers", count(1..=1_000_000u32))
            .unwrap_or_default(),
        rejects: count_or_off("rejects"),
        rejects_window: time("rejects_window"),
        unanswered: count_or_off("unanswered"),
        unanswered_time: time("unanswered_time"),
        pause: time("pause"),
        trial_orders: table
            .get("trial_orders", count(1..=1_000u32))
            .unwrap_or_default(),
    };
    let rules = [breaker.reject_share, breaker.rejects, breaker.unanswered];
    rules.iter().any(Option::is_some).then_some(breaker)
}

fn read_sim(table: &Table<'_>) -> SimConfig {
    let time = |key| {
        let time = table.get(key, duration(Nanos::ZERO..=*PATIENCE.end()));
        time.unwrap_or_default()
    };
    let share = |key| {
        let share = table.get(
            key,
            decimal(|text| parse_scaled(text, SHARE_DIGITS, SHARE_ALL)),
        );
        share
            .and_then(|share| u32::try_from(share).ok())
            .unwrap_or_default()
    };
    let count_or_off = |key| table.get(key, off_or(count(1..=u32::MAX))).flatten();
    SimConfig {
        seed: table.get("seed", count(0..=u64::MAX)).unwrap_or_default(),
        latency: time("latency"),
        latency_jitter: time("latency_jitter"),
        liquidity: table
            .get("liquidity", choice(&LIQUIDITIES))
            .unwrap_or_default(),
        fee_share: share("fee_share"),
        reject_share: share("reject_share"),
        cancel_reject_share: share("cancel_reject_share"),
        lose_share: share("lose_share"),
        duplicate_share: share("duplicate_share"),
        restate_share: share("restate_share"),
        late_fill_share: share("late_fill_share"),
        late_fill_delay: time("late_fill_delay"),
        disconnect_requests: count_or_off("disconnect_requests"),
        silence_request: count_or_off("silence_request"),
        silence_time: time("silence_time"),
    }
}

fn read_native(table: &Table<'_>) -> NativeConfig {
    let address = table.get("address", address);
    if address.is_some_and(|address| address.port() == 0) {
        table.refuse(
            "address",
            "port 0 cannot be connected to; write the broker's".to_owned(),
        );
    }
    let time = |key| table.get(key, duration(PATIENCE)).unwrap_or_default();
    let frames = |key| table.get(key, count(16..=1 << 20)).unwrap_or_default();
    NativeConfig {
        address: address.unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
        key_file: table
            .get("key_file", key_file)
            .map(|path| table.resolve(&path))
            .unwrap_or_default(),
        logon_name: table.get("logon_name", name).unwrap_or_default(),
        connect_timeout: time("connect_timeout"),
        logon_timeout: time("logon_timeout"),
        unacknowledged_timeout: time("unacknowledged_timeout"),
        send_buffer_bytes: table
            .get("send_buffer", size(4 << 10..=64 << 20))
            .and_then(|size| u32::try_from(size).ok())
            .unwrap_or_default(),
        orders_max: frames("orders_max"),
        cancels_max: frames("cancels_max"),
        accept_missed_reports: table.get("accept_missed_reports", flag).unwrap_or_default(),
    }
}

pub(crate) fn write(out: &mut Writer, broker: &BrokerLink) {
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
