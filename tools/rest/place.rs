//! Place: the configuration of a gate that is looked at, in a folder of the measurement.

use crate::child::Folder;
use crate::session::Identity;
use portcullis::config::brokers::BrokerKind;
use portcullis::config::effective::effective_toml;
use portcullis::config::sessions::{Credential, Endpoint, UnixUser};
use portcullis::config::{self, Config};
use portcullis::message::{OrderType, TimeInForce};
use portcullis::risk::setup::{Limits, Symbol};
use portcullis::strategy::client::Target;
use portcullis::units::{Nanos, Price, Qty};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

/// Where the gate's file is, and who connects to it.
pub(super) struct Place {
    pub(super) file: PathBuf,
    pub(super) strategies: Vec<Caller>,
    pub(super) feeds: Vec<Caller>,
    pub(super) product: Product,
    name: String,
    threads: String,
}

/// Who connects, and where to.
pub(super) struct Caller {
    pub(super) identity: Identity,
    pub(super) target: Target,
}

/// What is ordered: the least there is of it, at a price that nobody sells at.
#[derive(Clone)]
pub(super) struct Product {
    pub(super) name: String,
    pub(super) price: Price,
    /// A tick above.
    pub(super) price_above: Price,
    pub(super) qty: Qty,
}

impl Caller {
    /// How it connects.
    pub(super) fn way(&self) -> &'static str {
        match self.target {
            Target::Tcp(_) => "tcp",
            Target::Unix(_) => "unix",
        }
    }
}

impl Place {
    /// Reads `path`, or takes the default, and writes it down with places and keys of its own.
    pub(super) fn new(folder: &Folder, path: Option<&Path>, count: u32) -> Result<Self, String> {
        let (mut config, name) = match path {
            Some(path) => (config::load(path), path.display().to_string()),
            None => (
                config::parse(config::DEFAULT_TOML, "the default configuration"),
                "the default configuration".to_owned(),
            ),
        };
        let config = config.as_mut().map_err(|error| error.to_string())?;
        if config.setup.strategies.len() < count as usize {
            let known = config.setup.strategies.len();
            return Err(format!(
                "--sessions {count}: the configuration has {known} strategies"
            ));
        }
        if let Some(broker) = config
            .brokers
            .iter()
            .find(|broker| !matches!(broker.kind, BrokerKind::Sim(_)))
        {
            let name = &broker.name;
            return Err(format!(
                "broker {name} is not simulated, and orders will be sent"
            ));
        }
        let product = product(&config.setup.symbols)?;
        for limits in every_limits(config) {
            lift(limits);
        }
        let mut strategies = settle_in(config, folder).map_err(|error| error.to_string())?;
        strategies.truncate(count as usize);
        let feeds = settle_feeds(config, folder).map_err(|error| error.to_string())?;
        let file = folder.write("gate.toml", &effective_toml(config));
        let threads = &config.threads;
        let threads = format!("layout {:?}, idle {:?}", threads.layout, threads.idle);
        Ok(Self {
            file: file.map_err(|error| error.to_string())?,
            strategies,
            feeds,
            product,
            name,
            threads: threads.to_lowercase(),
        })
    }

    /// What is measured.
    pub(super) fn text(&self) -> String {
        format!("{}, {}", self.name, self.threads)
    }
}

/// The cheapest order that the first fitting symbol takes.
fn product(symbols: &[Symbol]) -> Result<Product, String> {
    let fits = |symbol: &&Symbol| {
        symbol.enabled
            && symbol.order_types.contains(&OrderType::Limit)
            && symbol
                .times_in_force
                .contains(&TimeInForce::ImmediateOrCancel)
    };
    let symbol = symbols.iter().find(fits);
    let symbol = symbol.ok_or("no symbol takes limit orders that are immediate or cancelled")?;
    let tick = symbol.tick.raw();
    let least = symbol.price_min.map_or(tick, Price::raw).max(tick);
    let most = symbol.price_max.map_or(i64::MAX, Price::raw);
    let price = tick
        .saturating_mul(PRICE_TICKS)
        .clamp(least, most.max(least));
    let price = price / tick * tick;
    let lot = symbol.lot.raw();
    let lots = symbol.qty_min.map_or(lot, Qty::raw).div_ceil(lot).max(1);
    Ok(Product {
        name: symbol.name.clone(),
        price: Price::from_raw(price),
        price_above: Price::from_raw(price.saturating_add(tick)),
        qty: Qty::from_raw(lots.saturating_mul(lot)),
    })
}

fn every_limits(config: &mut Config) -> impl Iterator<Item = &mut Limits> {
    let setup = &mut config.setup;
    let accounts = setup.accounts.iter_mut().map(|of| &mut of.limits);
    let strategies = setup.strategies.iter_mut().map(|of| &mut of.limits);
    let symbols = setup.symbols.iter_mut().map(|of| &mut of.limits);
    let others = accounts.chain(strategies).chain(symbols);
    std::iter::once(&mut setup.firm).chain(others)
}

/// Takes away the limits that time and number would breach: every order is meant to be accepted,
/// after a rest as well. They are checked all the same.
fn lift(limits: &mut Limits) {
    limits.order_rate.clear();
    limits.duplicate_window = None;
    limits.open_orders_max = None;
    if let Some(age) = &mut limits.reference_age_max {
        *age = REFERENCE_AGE;
    }
}

/// Journal and sockets of its own; every second strategy comes by TCP.
fn settle_in(config: &mut Config, folder: &Folder) -> std::io::Result<Vec<Caller>> {
    let (tcp, unix) = (free_address()?, folder.path("strategy.sock"));
    config.journal.directory = folder.path("journal");
    config.admin.socket = folder.path("admin.sock");
    config.listen.tcp = Some(tcp);
    config.listen.unix = Some(unix.clone());
    let strategies = config.setup.strategies.iter_mut().zip(&mut config.sessions);
    let mut callers = Vec::new();
    for (at, (strategy, session)) in strategies.enumerate() {
        // The first word on an order is the gate's own: how fast a simulated broker is says nothing.
        strategy.acknowledge = true;
        let (target, key) = match at % 2 {
            0 => (Target::Unix(unix.clone()), None),
            _ => (Target::Tcp(tcp), Some(format!("strategy-{at}.key"))),
        };
        let (caller, credential) = caller(&strategy.name, target, key, folder)?;
        session.credential = credential;
        callers.push(caller);
    }
    Ok(callers)
}

/// Feeds stay on the kind of socket that they are on.
fn settle_feeds(config: &mut Config, folder: &Folder) -> std::io::Result<Vec<Caller>> {
    let mut callers = Vec::new();
    for (at, feed) in config.feeds.iter_mut().enumerate() {
        let (target, key) = match &mut feed.listen {
            Endpoint::Tcp(address) => {
                *address = free_address()?;
                (Target::Tcp(*address), Some(format!("feed-{at}.key")))
            }
            Endpoint::Unix(path) => {
                *path = folder.path(&format!("feed-{at}.sock"));
                (Target::Unix(path.clone()), None)
            }
        };
        let (caller, credential) = caller(&feed.name, target, key, folder)?;
        feed.credential = credential;
        callers.push(caller);
    }
    Ok(callers)
}

/// Somebody with a new key in the file `key`, or whom the kernel names.
fn caller(
    name: &str,
    target: Target,
    key: Option<String>,
    folder: &Folder,
) -> std::io::Result<(Caller, Credential)> {
    let key = key.map(|key| folder.key(&key)).transpose()?;
    let text = match &key {
        Some(path) => format!("{name}={}", path.display()),
        None => name.to_owned(),
    };
    let identity = Identity::parse(&text).map_err(std::io::Error::other)?;
    let user = UnixUser::Id(rustix::process::geteuid().as_raw());
    let credential = key.map_or(Credential::UnixUser(user), Credential::KeyFile);
    Ok((Caller { identity, target }, credential))
}

/// Bound and let go: the gate finds it free, unless somebody is very quick.
fn free_address() -> std::io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// The price that is ordered at, where the symbol has no other bounds.
const PRICE_TICKS: i64 = 10_000;
/// The reference is as old as the rest is long.
const REFERENCE_AGE: Nanos = Nanos::from_secs(24 * 3_600);
