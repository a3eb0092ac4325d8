//! Brokers: the link to each, and what is peculiar to its kind.

use crate::config::notation::{SHARE_DIGITS, parse_scaled};
use crate::config::process::PATIENCE;
use crate::config::reader::Table;
use crate::config::sessions::key_file;
use crate::config::values::{address, choice, count, decimal, duration, flag, name, off_or};
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
    /// True: cancel all that was sent when the gateway dies of a fault of its own.
    pub cancel_on_panic: bool,
    /// What speaks at the other end.
    pub kind: BrokerKind,
}

/// When a link is shut because too much goes wrong on it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Breaker {
    /// So many rejects and time-outs ...
    pub failures: u32,
    /// ... within this time open it.
    pub window: Nanos,
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

/// `[broker.sim]`: a broker that does what it is told, faults included. Shares are in millionths.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SimConfig {
    /// Of all that is left to chance: the same seed, the same day.
    pub seed: u64,
    /// From an order to its `new`.
    pub acknowledge_latency: Nanos,
    /// From `new` to a fill, at the earliest.
    pub fill_latency: Nanos,
    /// What fills.
    pub fill: Fill,
    /// An order fills in at most so many parts.
    pub fill_parts_max: u32,
    /// Orders that it rejects.
    pub reject_share: u32,
    /// Requests that it never answers.
    pub silent_share: u32,
    /// Reports that it sends twice.
    pub duplicate_share: u32,
    /// Fills that come after the cancel was confirmed.
    pub late_fill_share: u32,
    /// The link goes down this often.
    pub disconnect_interval: Option<Nanos>,
}

/// What the simulated broker fills.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Fill {
    /// What crosses the reference price; the rest stands until it does.
    #[default]
    Crossing,
    /// Everything, at its own price.
    Always,
    /// Nothing.
    Never,
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
    /// Sent where nothing else was for so long; a peer not heard for three times as long is gone.
    pub heartbeat: Nanos,
    /// The logon must be answered by then.
    pub logon_timeout: Nanos,
}

/// The kinds there are, as users write them. The name is also that of their table.
pub(crate) const KINDS: [(&str, &str); 2] = [("sim", "sim"), ("native", "native")];

pub(crate) const FILLS: [(&str, Fill); 3] = [
    ("crossing", Fill::Crossing),
    ("always", Fill::Always),
    ("never", Fill::Never),
];

/// All of something.
pub(crate) const SHARE_ALL: u64 = 10u64.pow(SHARE_DIGITS);

const FILL_PARTS_MAX: u32 = 1_000;

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
        cancel_on_panic: table.get("cancel_on_panic", flag).unwrap_or_default(),
        kind: match kind {
            Some("native") => BrokerKind::Native(read_native(&table.table("native"))),
            _ => BrokerKind::Sim(read_sim(&table.table("sim"))),
        },
    }
}

fn read_breaker(table: &Table<'_>) -> Option<Breaker> {
    let failures = table
        .get("failures", off_or(count(1..=1_000_000u32)))
        .flatten();
    let window = table.get("window", duration(PATIENCE)).unwrap_or_default();
    let pause = table.get("pause", duration(PATIENCE)).unwrap_or_default();
    let trial_orders = table
        .get("trial_orders", count(1..=1_000u32))
        .unwrap_or_default();
    failures.map(|failures| Breaker {
        failures,
        window,
        pause,
        trial_orders,
    })
}

fn read_sim(table: &Table<'_>) -> SimConfig {
    let latency = || duration(Nanos::ZERO..=*PATIENCE.end());
    let share = |key| {
        let share = table.get(
            key,
            decimal(|text| parse_scaled(text, SHARE_DIGITS, SHARE_ALL)),
        );
        share
            .and_then(|share| u32::try_from(share).ok())
            .unwrap_or_default()
    };
    SimConfig {
        seed: table.get("seed", count(0..=u64::MAX)).unwrap_or_default(),
        acknowledge_latency: table
            .get("acknowledge_latency", latency())
            .unwrap_or_default(),
        fill_latency: table.get("fill_latency", latency()).unwrap_or_default(),
        fill: table.get("fill", choice(&FILLS)).unwrap_or_default(),
        fill_parts_max: table
            .get("fill_parts_max", count(1..=FILL_PARTS_MAX))
            .unwrap_or_default(),
        reject_share: share("reject_share"),
        silent_share: share("silent_share"),
        duplicate_share: share("duplicate_share"),
        late_fill_share: share("late_fill_share"),
        disconnect_interval: table
            .get("disconnect_interval", off_or(duration(PATIENCE)))
            .flatten(),
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
    NativeConfig {
        address: address.unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
        key_file: table
            .get("key_file", key_file)
            .map(|path| table.resolve(&path))
            .unwrap_or_default(),
        logon_name: table.get("logon_name", name).unwrap_or_default(),
        heartbeat: table
            .get("heartbeat", duration(PATIENCE))
            .unwrap_or_default(),
        logon_timeout: table
            .get("logon_timeout", duration(PATIENCE))
            .unwrap_or_default(),
    }
}
