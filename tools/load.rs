//! Load: orders at the times they are meant for, whatever the gate does, and how long it took.
//!
//! One thread. Near an intended time it spins on the clock; before, it waits in the poller. Every
//! latency counts from the intended time to the first answer. It ends by itself: time and count are
//! bounded before it begins.

mod mix;
mod tally;

use crate::arguments::{duration, pin, price, qty, share};
use crate::ids::Ids;
use crate::latency::picture;
use crate::link::parse_target;
use crate::schedule::{Schedule, ScheduleOptions};
use crate::session::{Identity, Session};
use mix::{Class, Market, Mix, MixOptions};
use portcullis::message::TimeInForce;
use portcullis::protocol::native::client::Names;
use portcullis::strategy::client::Target;
use portcullis::sys::clock::Clock;
use portcullis::sys::poller::Poller;
use portcullis::sys::random;
use portcullis::units::{Nanos, Price, Qty};
use std::error::Error;
use std::path::PathBuf;
use tally::Tally;

/// Where to, who, how much and what.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Where the gate listens: tcp:ADDRESS or unix:PATH.
    #[arg(long, value_parser = parse_target)]
    target: Target,
    /// A strategy, and the file with its key; the name alone on a unix socket. May be repeated: the
    /// sessions send in turn.
    #[arg(long = "session", value_name = "NAME[=FILE]", required = true, value_parser = Identity::parse)]
    sessions: Vec<Identity>,
    /// So many commands a second, evenly, over all sessions.
    #[arg(long, default_value_t = 0)]
    rate: u64,
    /// So many commands at once, on top of the rate.
    #[arg(long, default_value_t = 0, requires = "every")]
    burst: u64,
    /// From one burst to the next.
    #[arg(long, value_name = "DURATION", value_parser = duration, requires = "burst")]
    every: Option<Nanos>,
    /// Sends for so long.
    #[arg(long, value_parser = duration, default_value = "10s")]
    duration: Nanos,
    /// Sends so many at most.
    #[arg(long)]
    count: Option<u64>,
    /// Waits so long for the last answers.
    #[arg(long, value_parser = duration, default_value = "2s")]
    linger: Nanos,
    /// The account; otherwise the first that a strategy may use.
    #[arg(long)]
    account: Option<String>,
    /// A symbol; otherwise all there are. May be repeated.
    #[arg(long = "symbol")]
    symbols: Vec<String>,
    /// The best price of orders to buy; those to sell begin a tick above it, so that no two meet.
    #[arg(long, value_parser = price)]
    price: Price,
    /// Orders to sell begin at the price as well: at a venue they fill one another.
    #[arg(long)]
    crossing: bool,
    /// Prices are up to so many ticks away from the best of their side.
    #[arg(long, default_value_t = 0)]
    depth_ticks: u32,
    /// Of each order.
    #[arg(long, value_parser = qty, default_value = "1")]
    qty: Qty,
    /// How long orders stand: day, gtc, ioc or fok.
    #[arg(long, default_value = "day", value_parser = time_in_force)]
    tif: TimeInForce,
    /// The part of the commands that are orders to be refused.
    #[arg(long, value_parser = share, default_value = "0")]
    refused_share: u32,
    /// The quantity of those; zero is refused everywhere.
    #[arg(long, value_parser = qty, default_value = "0")]
    refused_qty: Qty,
    /// The part of the commands that cancel an order that stands.
    #[arg(long, value_parser = share, default_value = "0")]
    cancel_share: u32,
    /// Of what is left to chance.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The core to run on; otherwise the kernel chooses.
    #[arg(long)]
    core: Option<usize>,
    /// For machines.
    #[arg(long)]
    json: bool,
    /// Draws the histograms into this file.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

/// A load as it runs.
struct Load {
    clock: Clock,
    poller: Poller,
    sessions: Vec<Session>,
    /// By session.
    markets: Vec<Market>,
    mix: Mix,
    ids: Ids,
    tally: Tally,
}

/// Sends, waits for the answers and says how it was.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let options = ScheduleOptions {
        rate_per_sec: arguments.rate,
        burst: arguments.burst,
        every: arguments.every.unwrap_or_default(),
        duration: arguments.duration,
        count_max: arguments.count.unwrap_or(u64::MAX),
    };
    if options.burst != 0 && options.every == Nanos::ZERO {
        return Err("--every 0s: all bursts at once: write more".into());
    }
    let total = Schedule::new(options, Nanos::ZERO).total();
    if total == 0 {
        return Err("nothing to send: give --rate, or --burst and --every".into());
    }
    if COUNT_MAX < total {
        return Err(format!("{total} commands: give a --count of at most {COUNT_MAX}").into());
    }
    if 1_000_000 < arguments.refused_share + arguments.cancel_share {
        return Err("--refused-share and --cancel-share together: more than 1".into());
    }
    pin(arguments.core)?;
    let mut load = Load::open(arguments, usize::try_from(total)?)?;
    let start = load.clock.now().after(LEAD);
    let ended = load.send(Schedule::new(options, start), arguments.linger);
    let elapsed = load.clock.now().since(start);
    load.sessions.iter_mut().for_each(Session::log_out);
    if let Some(path) = &arguments.svg {
        let picture = picture::svg("Latency from the intended time", load.tally.latencies());
        std::fs::write(path, picture).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    match arguments.json {
        true => println!("{}", load.tally.to_json(elapsed)),
        false => print!("{}", load.tally.to_text(elapsed)),
    }
    ended
}

impl Load {
    fn open(arguments: &Arguments, total: usize) -> Result<Self, Box<dyn Error>> {
        let mut clock = Clock::new(Nanos::ZERO);
        let mut poller = Poller::new(arguments.sessions.len().max(8))?;
        let sockets = poller.sockets()?;
        let mut sessions = Vec::with_capacity(arguments.sessions.len());
        let mut markets = Vec::with_capacity(arguments.sessions.len());
        for (token, identity) in arguments.sessions.iter().enumerate() {
            let mut session = Session::connect(&arguments.target, identity, clock.now())?;
            session.log_on(&mut clock)?;
            let market = market(arguments, session.client.names());
            markets.push(market.map_err(|problem| format!("{}: {problem}", session.name))?);
            session.link.register(&sockets, token)?;
            sessions.push(session);
        }
        let options = MixOptions {
            refused_per_million: arguments.refused_share,
            refused_qty: arguments.refused_qty,
            cancels_per_million: arguments.cancel_share,
            price: arguments.price,
            depth_ticks: arguments.depth_ticks,
            is_crossing: arguments.crossing,
            qty: arguments.qty,
            time_in_force: arguments.tif,
        };
        let ids = Ids::new(u64::from_le_bytes(random::bytes()?));
        Ok(Self {
            clock,
            poller,
            sessions,
            markets,
            mix: Mix::new(options, arguments.seed),
            ids,
            tally: Tally::new(ids, total),
        })
    }

    /// Until all is sent and answered, or `linger` is over.
    fn send(&mut self, mut schedule: Schedule, linger: Nanos) -> Result<(), Box<dyn Error>> {
        let mut deadline = Nanos::MAX;
        loop {
            let now = self.clock.now();
            let mut count = 0;
            while count < BATCH {
                let Some(intended) = schedule.peek().filter(|intended| *intended <= now) else {
                    break;
                };
                schedule.next();
                self.command(intended, now);
                count += 1;
            }
            let next = schedule.peek();
            if next.is_none() {
                deadline = deadline.min(now.after(linger));
                if self.tally.unanswered() == 0 || deadline <= now {
                    return Ok(());
                }
            }
            let tally = &mut self.tally;
            let clock = &mut self.clock;
            for session in &mut self.sessions {
                let polled = session.poll(now, |event| tally.told(&event, clock.now()));
                polled.map_err(|error| format!("{}: {error}", session.name))?;
            }
            if count == 0 {
                self.wait(next.unwrap_or(deadline))?;
            }
        }
    }

    /// Sends one command, to be flushed by the poll that follows.
    #[inline]
    fn command(&mut self, intended: Nanos, now: Nanos) {
        let number = self.tally.number_next();
        let id = self.ids.text(number);
        let mut class = self.mix.class(self.tally.can_cancel());
        let mut at = number as usize % self.sessions.len();
        let mut original = None;
        if class == Class::Cancel {
            match self.tally.take_standing(number) {
                Some((number, session)) => (original, at) = (Some(number), session as usize),
                None => class = Class::Order,
            }
        }
        let (session, market) = (&mut self.sessions[at], &self.markets[at]);
        let frame = match original {
            Some(original) => {
                let cancel = self.mix.cancel(id, self.ids.text(original), market);
                session.client.cancel(cancel, now)
            }
            None => {
                let order = self.mix.order(class, number, id, market);
                session.client.new_order(order, &[], now)
            }
        };
        // It is live: a session that ends is an error of its poll.
        if let Some(frame) = frame {
            session.link.queue(&frame);
            self.tally.sent(class, at as u32, intended, now);
        }
    }

    /// Until something comes or the time is near. Longer waits are the poller's, which counts in
    /// milliseconds; the rest is spun.
    fn wait(&mut self, until: Nanos) -> Result<(), Box<dyn Error>> {
        let left = until.since(self.clock.now());
        let timeout = match left.raw() / 1_000_000 {
            0 | 1 => Nanos::ZERO,
            millis => Nanos::from_millis(millis - 1),
        };
        let sessions = &mut self.sessions;
        self.poller.park(Some(timeout), |_, readiness| {
            sessions[readiness.token].link.is_readable |= readiness.is_readable;
        })?;
        Ok(())
    }
}

/// The numbers of what is to be traded.
fn market(arguments: &Arguments, names: &Names) -> Result<Market, String> {
    let account = match &arguments.account {
        Some(name) => names.account(name),
        None => names.accounts().next().map(|(_, account)| account),
    };
    let account = account.ok_or_else(|| {
        let known: Vec<_> = names.accounts().map(|(name, _)| name).collect();
        format!(
            "no such account for this strategy; it has: {}",
            known.join(", ")
        )
    })?;
    let named = arguments.symbols.iter().map(|name| {
        let symbol = names
            .symbol(name)
            .ok_or_else(|| format!("{name}: no such symbol"))?;
        Ok((symbol.id, symbol.tick))
    });
    let mut symbols = named.collect::<Result<Vec<_>, String>>()?;
    if symbols.is_empty() {
        symbols.extend(names.symbols().map(|(_, symbol)| (symbol.id, symbol.tick)));
    }
    if symbols.is_empty() {
        return Err("the gate has no symbols".to_owned());
    }
    Ok(Market { account, symbols })
}

fn time_in_force(text: &str) -> Result<TimeInForce, String> {
    TimeInForce::from_text(text).ok_or_else(|| "write day, gtc, ioc or fok".to_owned())
}

/// A bound on the memory of the tally.
const COUNT_MAX: u64 = 20_000_000;
/// So many at most go out before answers are read again.
const BATCH: usize = 64;
/// The first command is meant for so long after the logons.
const LEAD: Nanos = Nanos::from_millis(5);
