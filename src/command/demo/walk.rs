//! Walk: prices that wander, sent to the gate as a feed would.

use crate::broker::exchange::chance::Chance;
use crate::config::Config;
use crate::market::client::{ClientOptions, FeedClient};
use crate::message::Text;
use crate::protocol::native::key::Key;
use crate::strategy::client::{ClientError, Target};
use crate::sys::clock::Clock;
use crate::units::{Nanos, Price, Qty, SymbolId};
use crossbeam::channel::Sender;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

/// Where the prices are now, for strategies to look at.
#[derive(Clone, Debug)]
pub(super) struct Market(Arc<Vec<AtomicI64>>);

/// One symbol's way.
#[derive(Debug)]
struct Walk {
    tick: i64,
    /// So many ticks are one step.
    step_ticks: i64,
    start: i64,
    mid: i64,
}

impl Market {
    pub(super) fn new(config: &Config) -> Self {
        let mids = config
            .setup
            .symbols
            .iter()
            .map(|symbol| AtomicI64::new(start_of(&symbol.name)));
        Self(Arc::new(mids.collect()))
    }

    /// The middle of the last quote.
    pub(super) fn mid(&self, symbol: SymbolId) -> Price {
        let mid = self.0.get(symbol.0 as usize);
        Price::from_raw(mid.map_or(0, |mid| mid.load(Ordering::Relaxed)))
    }
}

/// Sends a step of every symbol each interval until `is_over`. Tells `started` once strategies may
/// begin: the gate has prices then.
pub(super) fn feed(
    config: &Config,
    (address, key): (SocketAddr, Key),
    market: &Market,
    (seed, mut clock): (u64, Clock),
    started: &Sender<()>,
    is_over: &AtomicBool,
) -> Result<u64, ClientError> {
    let name = config.feeds.first().map_or("", |feed| &feed.name);
    let options = ClientOptions {
        target: Target::Tcp(address),
        name: Text::new(name).unwrap_or_default(),
        key: Some(key),
        logon_timeout: Nanos::from_secs(5),
        queue_bytes_max: 1 << 16,
    };
    let mut client = FeedClient::connect(options, clock.now())?;
    client.log_on(&mut clock)?;
    let mut chance = Chance::new(seed);
    let mut walks: Vec<Walk> = config
        .setup
        .symbols
        .iter()
        .map(|symbol| Walk::new(start_of(&symbol.name), symbol.tick.raw()))
        .collect();
    let (mut rounds, mut next_at) = (0, clock.now());
    while !is_over.load(Ordering::Acquire) {
        let now = clock.now();
        client.poll(now)?;
        if now < next_at {
            client.wait(next_at.since(now))?;
            continue;
        }
        next_at = now.after(INTERVAL);
        for (at, walk) in walks.iter_mut().enumerate() {
            let (bid, ask) = walk.step(&mut chance);
            let symbol = SymbolId(at as u32);
            // No size is said: a simulated exchange takes any.
            client.quote(symbol, (bid, Qty::ZERO), (ask, Qty::ZERO), now)?;
            if let Some(mid) = market.0.get(at) {
                mid.store(walk.mid, Ordering::Relaxed);
            }
        }
        client.flush()?;
        rounds += 1;
        if rounds == ROUNDS_BEFORE_START {
            // Who started this waits for it, or is gone.
            let _ = started.send(());
        }
    }
    client.log_out()?;
    Ok(rounds * walks.len() as u64)
}

impl Walk {
    fn new(start: i64, tick: i64) -> Self {
        let start = start / tick * tick;
        Self {
            tick,
            step_ticks: (start / tick / STEPS_PER_PRICE).max(1),
            start,
            mid: start,
        }
    }

    /// Up to two steps either way, never far from where it began.
    fn step(&mut self, chance: &mut Chance) -> (Price, Price) {
        let step = self.tick * self.step_ticks;
        let by = step * (chance.up_to(4) as i64 - 2);
        let is_far = (self.mid + by - self.start).abs() > self.start / 50;
        self.mid += if is_far { -by } else { by };
        (
            Price::from_raw(self.mid - step),
            Price::from_raw(self.mid + step),
        )
    }
}

/// Where a symbol begins, in raw prices.
fn start_of(symbol: &str) -> i64 {
    let whole = match symbol {
        "AMZN" => 220,
        "AAPL" => 230,
        "MSFT" => 420,
        "BTC-USDT" => 60_000,
        "ETH-USDT" => 2_500,
        _ => 100,
    };
    whole * 1_000_000_000
}

const INTERVAL: Nanos = Nanos::from_millis(5);
const ROUNDS_BEFORE_START: u64 = 4;
/// A step is about a 50,000th of the price.
const STEPS_PER_PRICE: i64 = 50_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_stays_near_its_start_on_whole_ticks() {
        let mut chance = Chance::new(3);
        let mut walk = Walk::new(start_of("BTC-USDT"), 100_000_000);
        for _ in 0..200_000 {
            let (bid, ask) = walk.step(&mut chance);
            assert!(bid < ask && bid.raw() % 100_000_000 == 0 && ask.raw() % 100_000_000 == 0);
            assert!(
                (walk.mid - walk.start).abs() <= walk.start / 50 + 4 * walk.tick * walk.step_ticks
            );
        }
    }
}
