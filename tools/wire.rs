//! Wire: from the strategy's write to the broker's read, and back, through the gate and through a
//! relay that does nothing.
//!
//! One thread plays both peers, so one clock times both ends. Gate and relay take turns on the same
//! core, pair by pair, with the same orders at the same pace; what is claimed is the ratio of a pair.

mod broker;
mod child;
mod route;

use crate::arguments::pin;
use crate::ids::Ids;
use crate::latency::{Latency, micros, table};
use crate::link::Link;
use crate::schedule::{Schedule, ScheduleOptions};
use crate::session::{Identity, Session};
use broker::Broker;
use child::{ACCOUNT, BROKER_KEY, Folder, GateConfig, Process, STRATEGY, STRATEGY_KEY, SYMBOL};
use portcullis::strategy::client::Target;
use portcullis::sys::clock::Clock;
use portcullis::sys::random;
use portcullis::units::Nanos;
use route::{Ends, Legs, Route};
use serde_json::{Value, json};
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

/// One leg in one mode, through both.
struct Measure {
    name: &'static str,
    gate: Latency,
    relay: Latency,
    /// What a pair said of gate and relay.
    pairs: Vec<[Latency; 2]>,
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
    let folder = Folder::new(&parent).map_err(|error| format!("{}: {error}", parent.display()))?;
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

    fn open(&mut self, process: Process, ends: Ends) -> Result<Route, String> {
        let run = random::bytes().map_err(|error| error.to_string())?;
        let ids = Ids::new(u64::from_le_bytes(run));
        let mut route = Route::new(process, ends, ids, self.arguments.count as usize);
        route.open(&mut self.clock)?;
        route.process.stop()?;
        Ok(route)
    }
}

impl Measure {
    fn new(name: &'static str) -> Self {
        Self {
            name,
            gate: Latency::new(),
            relay: Latency::new(),
            pairs: Vec::new(),
        }
    }

    fn add(&mut self, pair: [Latency; 2]) {
        self.gate.add(&pair[0]);
        self.relay.add(&pair[1]);
        self.pairs.push(pair);
    }

    /// Gate over relay at a percentile, pair by pair, sorted.
    fn ratios(&self, part: u32) -> Vec<f64> {
        let pairs = self
            .pairs
            .iter()
            .filter(|pair| pair.iter().all(|of| of.count() != 0));
        let mut ratios: Vec<_> = pairs
            .map(|pair| {
                let [gate, relay] = [&pair[0], &pair[1]].map(|of| of.percentile(part).raw());
                gate as f64 / relay.max(1) as f64
            })
            .collect();
        ratios.sort_by(f64::total_cmp);
        ratios
    }

    /// What the gate takes beyond the relay, as the median of the pairs.
    fn beyond(&self, part: u32) -> i64 {
        let mut beyond: Vec<_> = self
            .pairs
            .iter()
            .map(|pair| {
                pair[0].percentile(part).raw() as i64 - pair[1].percentile(part).raw() as i64
            })
            .collect();
        beyond.sort_unstable();
        median(&beyond).unwrap_or(0)
    }
}

/// The middle of what is sorted; of an even number the lower middle.
fn median<T: Copy>(sorted: &[T]) -> Option<T> {
    sorted.get(sorted.len().checked_sub(1)? / 2).copied()
}

fn to_text(arguments: &Arguments, cores: [Option<usize>; 2], measures: &[Measure]) -> String {
    let mut out = format!(
        "{} pairs of {} orders each way, paced at {} a second; idle {}; cores {cores:?}\n",
        arguments.pairs, arguments.count, arguments.rate, arguments.idle
    );
    for measure in measures {
        out.push_str(&format!("\n{}\n", measure.name));
        out.push_str(&table([("gate", &measure.gate), ("relay", &measure.relay)]));
        for (name, part) in RATIOS {
            let ratios = measure.ratios(part);
            let (Some(middle), Some(least), Some(most)) =
                (median(&ratios), ratios.first(), ratios.last())
            else {
                continue;
            };
            let beyond = measure.beyond(part);
            let sign = if beyond < 0 { "-" } else { "" };
            let beyond = micros(Nanos::from_raw(beyond.unsigned_abs()));
            out.push_str(&format!(
                "gate / relay at {name}: {middle:.2}, of the pairs {least:.2} to {most:.2}; \
                 beyond it {sign}{beyond} us\n"
            ));
        }
    }
    out
}

fn to_json(arguments: &Arguments, cores: [Option<usize>; 2], measures: &[Measure]) -> Value {
    let measures = measures.iter().map(|measure| {
        let ratios = RATIOS.iter().map(|(name, part)| {
            let ratios = measure.ratios(*part);
            let of = json!({
                "median": median(&ratios),
                "min": ratios.first(),
                "max": ratios.last(),
                "beyond_nanos": measure.beyond(*part),
            });
            ((*name).to_owned(), of)
        });
        json!({
            "name": measure.name,
            "gate": measure.gate.to_json(),
            "relay": measure.relay.to_json(),
            "ratio": serde_json::Map::from_iter(ratios),
        })
    });
    json!({
        "pairs": arguments.pairs,
        "count": arguments.count,
        "rate_per_sec": arguments.rate,
        "idle": arguments.idle,
        "cores": cores,
        "measures": measures.collect::<Vec<_>>(),
    })
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

const RATIOS: [(&str, u32); 2] = [("p50", 50_000), ("p99", 99_000)];
const LEAD: Nanos = Nanos::from_millis(1);
const START_TIMEOUT: Nanos = Nanos::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ratio_is_that_of_the_pairs_and_not_of_the_sums() {
        let of = |nanos: u64| {
            let mut latency = Latency::new();
            latency.record(Nanos::from_raw(nanos));
            latency
        };
        let mut measure = Measure::new("a leg");
        for (gate, relay) in [(200, 100), (1_500, 500), (50, 40)] {
            measure.add([of(gate), of(relay)]);
        }
        assert_eq!(measure.ratios(50_000), [1.25, 2.0, 3.0]);
        assert_eq!(measure.beyond(50_000), 100);
        assert_eq!(median::<u8>(&[]), None);
        assert_eq!(median(&[1, 2, 3, 4]), Some(2));
    }
}
