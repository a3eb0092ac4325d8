//! Wire: from the strategy's write to the broker's read, and back, through the gate and through a
//! relay that does nothing.
//!
//! One thread plays both peers, so one clock times both ends. Gate and relay take turns on the same
//! core, pair by pair, with the same orders at the same pace; what is claimed is the ratio of a pair.

mod broker;
mod config;
mod outcome;
mod route;

use crate::arguments::pin;
use crate::child::{self, Folder, Process};
use crate::ids::Ids;
use crate::latency::Latency;
use crate::link::Link;
use crate::schedule::{Schedule, ScheduleOptions};
use crate::session::{Identity, Session};
use broker::Broker;
use config::{ACCOUNT, BROKER_KEY, FEED, FEED_SOCKET, GateConfig, STRATEGY, STRATEGY_KEY, SYMBOL};
use outcome::{Measure, to_json, to_text};
use portcullis::market::client::{ClientOptions, FeedClient};
use portcullis::message::Text;
use portcullis::strategy::client::{ClientError, Target};
use portcullis::sys::clock::Clock;
use portcullis::sys::random;
use portcullis::units::{Nanos, Qty, SymbolId};
use route::{Ends, Legs, PATIENCE, PRICE, Route};
use std::error::Error;
use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// What is measured, and how often.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Measurements of both, in turn.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pairs: u32,
    /// Orders in each phase of a pair.
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    count: u32,
    /// Orders before each measurement that are not measured.
    #[arg(long, default_value_t = 200)]
    warm_up: u32,
    /// Orders a second, in the phase that does not wait.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    rate: u64,
    /// The core of this process and that of gate and relay; otherwise the first two there are.
    #[arg(long, value_name = "CORE,CORE", value_delimiter = ',', num_args = 2)]
    cores: Option<Vec<usize>>,
    /// What gate and relay do while there is nothing to do.
    #[arg(long, default_value = "spin", value_parser = ["spin", "park"])]
    idle: String,
    /// Only one of the two.
    #[arg(long, value_enum)]
    only: Option<Only>,
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

#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
enum Only {
    Gate,
    Relay,
}

/// A bench: this thread's place and what stays open around the routes.
struct Bench<'a> {
    arguments: &'a Arguments,
    folder: Folder,
    clock: Clock,
    core: Option<usize>,
}

/// Measures and says what it saw.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let known: Vec<_> = core_affinity::get_core_ids().unwrap_or_default();
    let cores = match (&arguments.cores, known.as_slice()) {
        (Some(cores), _) => [Some(cores[0]), Some(cores[1])],
        (None, [first, second, ..]) => [Some(first.id), Some(second.id)],
        // On one core they share what there is.
        (None, _) => [None, None],
    };
    let parent = arguments.folder.clone().unwrap_or_else(std::env::temp_dir);
    let folder =
        Folder::new(&parent, "wire").map_err(|error| format!("{}: {error}", parent.display()))?;
    let mut bench = Bench {
        arguments,
        folder,
        clock: Clock::new(Nanos::ZERO),
        core: cores[1],
    };
    let mut relay = match arguments.only {
        Some(Only::Gate) => None,
        _ => Some(bench.relay()?),
    };
    let mut gate = match arguments.only {
        Some(Only::Relay) => None,
        _ => Some(bench.gate()?),
    };
    // Only now: a child begins on the cores of its parent.
    pin(cores[0])?;
    let mut measures = [
        "order, one at a time",
        "report, one at a time",
        "order, paced",
        "report, paced",
    ]
    .map(Measure::new);
    for pair in 0..arguments.pairs {
        let mut found = [None, None];
        // Who goes first changes from pair to pair.
        for turn in 0..2 {
            let at = ((pair + turn) % 2) as usize;
            if let Some(route) = [&mut gate, &mut relay][at] {
                found[at] = Some(bench.measure(route)?);
            }
        }
        let [gate, relay] = found;
        for (at, measure) in measures.iter_mut().enumerate() {
            let of = |legs: &Option<[Legs; 2]>| {
                let legs = legs.as_ref().map(|legs| &legs[at / 2]);
                legs.map_or_else(Latency::new, |legs| match at % 2 {
                    0 => legs.order.clone(),
                    _ => legs.report.clone(),
                })
            };
            measure.add([of(&gate), of(&relay)]);
        }
    }
    match arguments.json {
        true => println!("{}", to_json(arguments, cores, &measures)),
        false => print!("{}", to_text(arguments, cores, &measures)),
    }
    Ok(())
}

impl Bench<'_> {
    /// One turn of a route: it goes on, is measured one by one and paced, and stands still again.
    fn measure(&mut self, route: &mut Route) -> Result<[Legs; 2], String> {
        let (count, clock) = (self.arguments.count as usize, &mut self.clock);
        let mut legs = [Legs::new(), Legs::new()];
        route.process.go_on()?;
        route.one_by_one(clock, self.arguments.warm_up as usize, &mut Legs::new())?;
        route.one_by_one(clock, count, &mut legs[0])?;
        let options = ScheduleOptions {
            rate_per_sec: self.arguments.rate,
            duration: Nanos::MAX,
            count_max: u64::from(self.arguments.count),
            ..ScheduleOptions::default()
        };
        let schedule = Schedule::new(options, clock.now().after(LEAD));
        route.paced(clock, schedule, &mut legs[1])?;
        route.process.stop()?;
        Ok(legs)
    }

    /// Starts the relay, connects both ends and lets it stand still.
    fn relay(&mut self) -> Result<Route, String> {
        let (listener, address) = listen()?;
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut command = Command::new(program);
        command
            .args([
                "relay",
                "--to",
                &address.to_string(),
                "--idle",
                &self.arguments.idle,
            ])
            .stdout(Stdio::piped());
        if let Some(core) = self.core {
            command.args(["--core", &core.to_string()]);
        }
        let mut process = Process::spawn("relay", &mut command)?;
        let out = process
            .child()
            .stdout
            .take()
            .ok_or("the relay has no output")?;
        let mut line = String::new();
        BufReader::new(out)
            .read_line(&mut line)
            .map_err(|error| format!("the relay: {error}"))?;
        let listening = line.trim_end().strip_prefix("listening on ");
        let target: Option<SocketAddr> = listening.and_then(|address| address.parse().ok());
        let target = target.ok_or_else(|| format!("the relay says {line:?}"))?;
        let strategy = Link::connect(&Target::Tcp(target)).map_err(|error| error.to_string())?;
        let broker = loop {
            process.check()?;
            if let Some(stream) = accept(&listener)? {
                break Link::from_tcp(stream).map_err(|error| error.to_string())?;
            }
            child::pause();
        };
        self.open(process, Ends::Bare { strategy, broker })
    }

    /// Starts the gate, logs on at both ends and lets it stand still.
    fn gate(&mut self) -> Result<Route, String> {
        let failed = |error: std::io::Error| format!("the gate's folder: {error}");
        let (listener, address) = listen()?;
        // Bound and let go: the gate finds it free, unless somebody is very quick.
        let strategy_port = listen()?.1.port();
        let strategy_key = self.folder.key(STRATEGY_KEY).map_err(failed)?;
        let broker_key = self.folder.key(BROKER_KEY).map_err(failed)?;
        let config = GateConfig {
            strategy_port,
            broker_port: address.port(),
            core: self.core,
            idle: &self.arguments.idle,
        };
        let config = self
            .folder
            .write("gate.toml", &config.to_toml())
            .map_err(failed)?;
        let log_path = self.folder.path("gate.log");
        let log = File::create(&log_path).map_err(failed)?;
        let beside = std::env::current_exe().map_err(|error| error.to_string())?;
        let program = self.arguments.portcullis.clone();
        let program = program.unwrap_or_else(|| beside.with_file_name("portcullis"));
        let mut command = Command::new(program);
        command.arg("run").arg("--config").arg(config).stderr(log);
        let mut process = Process::spawn("gate", &mut command)?;
        let target = Target::Tcp(([127, 0, 0, 1], strategy_port).into());
        let identity = Identity::parse(&format!("{STRATEGY}={}", strategy_key.display()))?;
        let broker_key = Identity::parse(&format!("broker={}", broker_key.display()))?;
        let broker_key = broker_key.key()?.ok_or("a key")?;
        let deadline = self.clock.now().after(START_TIMEOUT);
        let (mut strategy, mut broker): (Option<Session>, Option<Broker>) = (None, None);
        loop {
            let now = self.clock.now();
            if process.check().is_err() || deadline < now {
                let log = std::fs::read_to_string(&log_path).unwrap_or_default();
                return Err(format!("the gate does not start; it says:\n{log}"));
            }
            match &mut broker {
                Some(broker) => {
                    broker.link.is_readable = true;
                    broker
                        .link
                        .fill()
                        .map_err(|error| format!("the gate: {error}"))?;
                    if broker.request(now)?.is_some() {
                        return Err("the gate sends orders of its own".to_owned());
                    }
                }
                None => {
                    if let Some(stream) = accept(&listener)? {
                        let link = Link::from_tcp(stream).map_err(|error| error.to_string())?;
                        broker = Some(Broker::new(link, broker_key.clone(), now)?);
                    }
                }
            }
            match &mut strategy {
                Some(session) => {
                    session.link.is_readable = true;
                    session
                        .poll(now, |_| {})
                        .map_err(|error| error.to_string())?;
                }
                // Refused until it listens.
                None => strategy = Session::connect(&target, &identity, now).ok(),
            }
            let is_ready = strategy
                .as_ref()
                .is_some_and(|session| session.client.is_ready());
            if is_ready && broker.as_ref().is_some_and(Broker::is_live) {
                break;
            }
            child::pause();
        }
        let (Some(strategy), Some(broker)) = (strategy, broker) else {
            return Err("the gate did not log on".to_owned());
        };
        let names = strategy.client.names();
        let account = names
            .account(ACCOUNT)
            .ok_or("the gate has no such account")?;
        let symbol = names
            .symbol(SYMBOL)
            .ok_or("the gate has no such symbol")?
            .id;
        self.quote(symbol)
            .map_err(|error| format!("the gate's feed: {error}"))?;
        self.open(
            process,
            Ends::Gate {
                strategy,
                broker,
                account,
                symbol,
            },
        )
    }

    /// The reference that the collar and the values of positions are measured by.
    fn quote(&mut self, symbol: SymbolId) -> Result<(), ClientError> {
        let options = ClientOptions {
            target: Target::Unix(self.folder.path(FEED_SOCKET)),
            name: Text::new(FEED).unwrap_or_default(),
            key: None,
            logon_timeout: PATIENCE,
            queue_bytes_max: 0,
        };
        let mut feed = FeedClient::connect(options, self.clock.now())?;
        feed.log_on(&mut self.clock)?;
        let level = (PRICE, Qty::ZERO);
        feed.quote(symbol, level, level, self.clock.now())?;
        feed.flush()?;
        feed.log_out()
    }

    fn open(&mut self, process: Process, ends: Ends) -> Result<Route, String> {
        let run = random::bytes().map_err(|error| error.to_string())?;
        let ids = Ids::new(u64::from_le_bytes(run));
        let mut route = Route::new(process, ends, ids, self.arguments.count as usize);
        route.open(&mut self.clock)?;
        route.process.stop()?;
        Ok(route)
    }
}

fn listen() -> Result<(TcpListener, SocketAddr), String> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(|error| error.to_string())?;
    listener
        .set_nonblocking(true)
        .map_err(|error| error.to_string())?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    Ok((listener, address))
}

fn accept(listener: &TcpListener) -> Result<Option<TcpStream>, String> {
    match listener.accept() {
        Ok((stream, _)) => Ok(Some(stream)),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

const LEAD: Nanos = Nanos::from_millis(1);
const START_TIMEOUT: Nanos = Nanos::from_secs(30);
