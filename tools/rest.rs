//! Rest: what a gate costs while nothing happens, and what the first order after that takes.
//!
//! The gate is a process of its own in a folder of its own. Sessions and feeds log on and from then
//! on only say that they live, as they must; the kernel counts the gate's processor time meanwhile.
//! Each strategy then sends an order, a pause apart, so that each finds the gate asleep; for
//! comparison they go on one order after the other. Strategies sleep until they are answered: one
//! that spins takes the core on which the kernel would have woken the gate.

mod outcome;
mod place;
mod usage;

use crate::child::{self, Folder, Process};
use crate::ids::Ids;
use crate::latency::Latency;
use crate::session::{self, Session};
use outcome::{First, Outcome};
use place::{Caller, Place, Product};
use portcullis::market::client::{ClientOptions, FeedClient};
use portcullis::message::{Execution, NewOrder, OrderType, Refusal, Side, TimeInForce};
use portcullis::protocol::native::client::Event;
use portcullis::reject::RejectReason;
use portcullis::sys::clock::Clock;
use portcullis::sys::poller::Poller;
use portcullis::sys::random;
use portcullis::units::{Nanos, Qty};
use std::error::Error;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use usage::Usage;

/// How long, with whom, on what.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The configuration to look at; otherwise the default one. Its limits, capacities, threads and
    /// times hold; journal, sockets and keys are the measurement's own. Brokers must be simulated.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The gate is left alone for so long.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    seconds: u64,
    /// So many strategies are connected, by unix socket and by TCP in turn.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=4_096))]
    sessions: u32,
    /// Orders one after the other, for comparison: before the rest unmeasured, then measured.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    orders: u32,
    /// The gate's program; otherwise the one beside this.
    #[arg(long, value_name = "FILE")]
    portcullis: Option<PathBuf>,
    /// Where the journal lies meanwhile; otherwise the folder for temporary files.
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// For machines.
    #[arg(long)]
    json: bool,
}

/// A gate and everybody who is connected to it.
struct Bench {
    process: Process,
    clock: Clock,
    poller: Poller,
    strategies: Vec<Strategy>,
    feeds: Vec<FeedClient>,
    product: Product,
    ids: Ids,
    number_next: u64,
}

/// A strategy, and how it is connected.
struct Strategy {
    session: Session,
    way: &'static str,
}

/// What an order was told first.
enum Answer {
    Accepted,
    Refused(Option<RejectReason>),
}

/// Measures and says what it saw.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let parent = arguments.folder.clone().unwrap_or_else(std::env::temp_dir);
    let folder =
        Folder::new(&parent, "rest").map_err(|error| format!("{}: {error}", parent.display()))?;
    let place = Place::new(&folder, arguments.config.as_deref(), arguments.sessions)?;
    let mut bench = Bench::open(arguments, &folder, &place)?;
    bench.one_by_one(arguments.orders, &mut Latency::new())?;
    bench.rest(SETTLE)?;
    let (before, from) = (Usage::of(bench.process.id())?, bench.clock.now());
    bench.rest(Nanos::from_secs(arguments.seconds))?;
    let (after, to) = (Usage::of(bench.process.id())?, bench.clock.now());
    let firsts = bench.first_orders(PAUSE.min(to.since(from)))?;
    let mut steady = Latency::new();
    bench.one_by_one(arguments.orders, &mut steady)?;
    let outcome = Outcome {
        gate: place.text(),
        feeds: bench.feeds.len(),
        elapsed: to.since(from),
        usage: after.since(&before),
        firsts,
        steady,
    };
    bench.close()?;
    match arguments.json {
        true => println!("{}", outcome.to_json()),
        false => print!("{}", outcome.to_text()),
    }
    Ok(())
}

impl Bench {
    /// Starts the gate and logs everybody on.
    fn open(arguments: &Arguments, folder: &Folder, place: &Place) -> Result<Self, String> {
        let log_path = folder.path("gate.log");
        let log = File::create(&log_path).map_err(|error| format!("the gate's log: {error}"))?;
        let beside = std::env::current_exe().map_err(|error| error.to_string())?;
        let program = arguments.portcullis.clone();
        let program = program.unwrap_or_else(|| beside.with_file_name("portcullis"));
        let mut command = Command::new(program);
        command
            .args(["run", "--config"])
            .arg(&place.file)
            .stderr(log);
        let process = Process::spawn("gate", &mut command)?;
        let run = random::bytes().map_err(|error| error.to_string())?;
        let mut bench = Self {
            process,
            clock: Clock::new(Nanos::ZERO),
            poller: Poller::new(place.strategies.len()).map_err(|error| error.to_string())?,
            strategies: Vec::new(),
            feeds: Vec::new(),
            product: place.product.clone(),
            ids: Ids::new(u64::from_le_bytes(run)),
            number_next: 0,
        };
        bench.connect(place, &log_path)?;
        bench.quote()?;
        bench.ready()?;
        Ok(bench)
    }

    fn connect(&mut self, place: &Place, log: &Path) -> Result<(), String> {
        let deadline = self.clock.now().after(START_TIMEOUT);
        let sockets = self.poller.sockets().map_err(|error| error.to_string())?;
        for (token, caller) in place.strategies.iter().enumerate() {
            let mut session = loop {
                // Refused until it listens.
                match Session::connect(&caller.target, &caller.identity, self.clock.now()) {
                    Ok(mut session) => break session.log_on(&mut self.clock).map(|()| session)?,
                    Err(_) if self.process.check().is_ok() && self.clock.now() < deadline => {
                        child::pause();
                    }
                    Err(error) => {
                        let log = std::fs::read_to_string(log).unwrap_or_default();
                        return Err(format!("{error}; the gate says:\n{log}"));
                    }
                }
            };
            let watched = session.link.register(&sockets, token);
            watched.map_err(|error| error.to_string())?;
            let way = caller.way();
            self.strategies.push(Strategy { session, way });
        }
        for caller in &place.feeds {
            let feed = self.feed(caller);
            self.feeds.push(feed.map_err(failed)?);
        }
        Ok(())
    }

    fn feed(&mut self, caller: &Caller) -> Result<FeedClient, Box<dyn Error>> {
        let options = ClientOptions {
            target: caller.target.clone(),
            name: caller.identity.name(),
            key: caller.identity.key()?,
            logon_timeout: PATIENCE,
            queue_bytes_max: 0,
        };
        let mut feed = FeedClient::connect(options, self.clock.now())?;
        feed.log_on(&mut self.clock)?;
        Ok(feed)
    }

    /// The only quote there is.
    fn quote(&mut self) -> Result<(), String> {
        let Some(feed) = self.feeds.first_mut() else {
            return Ok(());
        };
        let product = &self.product;
        let symbol = feed.names().symbol(&product.name).ok_or("no such symbol")?;
        let (bid, ask) = ((product.price, Qty::ZERO), (product.price_above, Qty::ZERO));
        feed.quote(symbol.id, bid, ask, self.clock.now())
            .and_then(|_| feed.flush())
            .map_err(failed)
    }

    /// Until an order passes: the gate listens to strategies before it has reached its brokers, and the
    /// quote is on its way.
    fn ready(&mut self) -> Result<(), String> {
        let deadline = self.clock.now().after(START_TIMEOUT);
        loop {
            match self.ask(0)? {
                (_, Answer::Refused(Some(reason)))
                    if session::is_starting(reason) && self.clock.now() < deadline =>
                {
                    self.rest(LOOK_INTERVAL)?;
                }
                (_, answer) => return self.passed(0, &answer),
            }
        }
    }

    /// Nothing but signs of life for so long.
    fn rest(&mut self, duration: Nanos) -> Result<(), String> {
        let end = self.clock.now().after(duration);
        loop {
            let now = self.clock.now();
            self.process.check()?;
            for feed in &mut self.feeds {
                feed.poll(now).map_err(failed)?;
            }
            for Strategy { session, .. } in &mut self.strategies {
                let name = session.name;
                let polled = session.poll(now, |_| {});
                polled.map_err(|error| format!("{name}: {error}"))?;
            }
            match end.since(now) {
                Nanos::ZERO => return Ok(()),
                left => self.wait(left.min(LOOK_INTERVAL))?,
            }
        }
    }

    /// Sleeps until something comes for a strategy.
    fn wait(&mut self, timeout: Nanos) -> Result<(), String> {
        let strategies = &mut self.strategies;
        let woken = self.poller.park(Some(timeout), |_, readiness| {
            strategies[readiness.token].session.link.is_readable |= readiness.is_readable;
        });
        woken.map(drop).map_err(|error| error.to_string())
    }

    /// One order of each strategy, and what its answer took.
    fn first_orders(&mut self, pause: Nanos) -> Result<Vec<First>, String> {
        let mut firsts = Vec::new();
        for at in 0..self.strategies.len() {
            let latency = self.order(at)?;
            let Strategy { session, way } = &self.strategies[at];
            firsts.push(First {
                strategy: session.name,
                way,
                latency,
            });
            self.rest(pause)?;
        }
        Ok(firsts)
    }

    /// So many orders, the strategies in turn, each sent when the one before was answered.
    fn one_by_one(&mut self, count: u32, latency: &mut Latency) -> Result<(), String> {
        for number in 0..count as usize {
            latency.record(self.order(number % self.strategies.len())?);
            // Nobody reads for those whose turn it is not.
            if number % LIVES_EVERY == 0 {
                self.rest(Nanos::ZERO)?;
            }
        }
        Ok(())
    }

    /// What the answer to an order took that must pass.
    fn order(&mut self, at: usize) -> Result<Nanos, String> {
        let (latency, answer) = self.ask(at)?;
        self.passed(at, &answer).map(|()| latency)
    }

    fn passed(&self, at: usize, answer: &Answer) -> Result<(), String> {
        let Answer::Refused(reason) = answer else {
            return Ok(());
        };
        let reason = reason.map_or("no reason that is known", RejectReason::text);
        let name = self.strategies[at].session.name;
        Err(format!("{name}: the gate refused an order: {reason}"))
    }

    /// Sends an order that fills nothing, and waits for the gate's word on it.
    fn ask(&mut self, at: usize) -> Result<(Nanos, Answer), String> {
        let number = self.number_next;
        self.number_next += 1;
        let (ids, product) = (self.ids, &self.product);
        let Strategy { session, .. } = &mut self.strategies[at];
        let name = session.name;
        let names = session.client.names();
        let (_, account) = names.accounts().next().ok_or("no account")?;
        let symbol = names.symbol(&product.name).ok_or("no such symbol")?;
        let order = NewOrder {
            price: product.price,
            qty: product.qty,
            account,
            symbol: symbol.id,
            client_order_id: ids.text(number),
            side: Side::Buy as u8,
            order_type: OrderType::Limit as u8,
            time_in_force: TimeInForce::ImmediateOrCancel as u8,
            ..NewOrder::default()
        };
        let sent = self.clock.now();
        let frame = session.client.new_order(order, &[], sent);
        session.link.queue(&frame.ok_or("the session has ended")?);
        let mut answer = None;
        loop {
            let session = &mut self.strategies[at].session;
            let polled = session.poll(sent, |event| {
                let (id, told) = match event {
                    Event::Execution(
                        _,
                        Execution {
                            client_order_id, ..
                        },
                    ) => (client_order_id, Answer::Accepted),
                    Event::Refusal(_, refusal) => (
                        &refusal.client_order_id,
                        Answer::Refused(Refusal::reason(refusal)),
                    ),
                    _ => return,
                };
                if ids.number(id) == Some(number) {
                    answer.get_or_insert(told);
                }
            });
            let now = self.clock.now();
            polled.map_err(|error| format!("{name}: {error}"))?;
            match answer {
                Some(answer) => return Ok((now.since(sent), answer)),
                None if PATIENCE < now.since(sent) => {
                    self.process.check()?;
                    return Err(format!("{name}: the gate does not answer"));
                }
                None => self.wait(PATIENCE)?,
            }
        }
    }

    /// Everybody leaves, and the gate is asked to end.
    fn close(mut self) -> Result<(), String> {
        for Strategy { session, .. } in &mut self.strategies {
            session.log_out();
        }
        for feed in &mut self.feeds {
            // It is over either way.
            let _ = feed.log_out();
        }
        let status = self.process.end()?;
        match status.success() {
            true => Ok(()),
            false => Err(format!("the gate did not end well: {status}")),
        }
    }
}

fn failed(error: impl std::fmt::Display) -> String {
    format!("a feed: {error}")
}

/// The gate has nothing to do any more but what it does by itself.
const SETTLE: Nanos = Nanos::from_secs(1);
/// Between two orders that are each to find the gate asleep.
const PAUSE: Nanos = Nanos::from_secs(1);
/// How often feeds are looked at.
const LOOK_INTERVAL: Nanos = Nanos::from_millis(50);
/// And while orders are sent, after so many.
const LIVES_EVERY: usize = 256;
const PATIENCE: Nanos = Nanos::from_secs(5);
const START_TIMEOUT: Nanos = Nanos::from_secs(30);
