//! `portcullis demo`: a whole gateway for some seconds, with strategies that behave and some that do
//! not, over real sockets; then it checks itself.
//!
//! Nothing is needed and nothing stays but the picture: keys and journal are in a folder for
//! temporary files, and nothing listens beyond this machine.

mod audit;
mod latency;
mod picture;
mod place;
mod session;
mod strategies;
mod summary;
mod table;
mod walk;

pub use self::summary::Summary;
pub use self::table::Show;

use self::latency::Series;
use self::place::Place;
use self::session::{Seen, Stage, Tally};
use self::strategies::{KILLED_ACCOUNT, ROLES};
use self::summary::Run;
use self::table::Board;
use self::walk::Market;
use super::{Failure, replay};
use crate::admin::client::{Options as AdminOptions, Place as AdminPlace, ask};
use crate::admin::request::{Command, Request};
use crate::config::Config;
use crate::config::effective::effective_toml;
use crate::config::keys::{Keys, load_keys};
use crate::protocol::native::key::Key;
use crate::strategy::client::Target;
use crate::sys::clock::Clock;
use crate::topology::gateway::Gateway;
use crate::topology::supervisor::{End, Running};
use crate::topology::worker::{Event, Worker};
use crate::units::Nanos;
use core_affinity::CoreId;
use crossbeam::channel::bounded;
use serde_json::Value;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// What may be chosen.
#[derive(Clone, Debug)]
pub struct Options {
    /// How long strategies send.
    pub duration: Nanos,
    /// Of the prices and of what strategies draw by chance.
    pub seed: u64,
    /// Where the picture goes.
    pub out: PathBuf,
    /// Keep the configuration, the keys and the journal.
    pub is_kept: bool,
    /// How it is shown while it runs.
    pub show: Show,
}

/// Runs it, prints what it has shown, and fails where something that must hold did not.
pub fn run(
    options: &Options,
    is_json: bool,
    cores: &[CoreId],
    output: &mut impl Write,
) -> Result<(), Failure> {
    let summary = perform(options, cores, output)?;
    let text = if is_json {
        format!("{}\n", summary.json)
    } else {
        summary.text
    };
    output.write_all(text.as_bytes()).map_err(Failure::of)?;
    match summary.failures.as_slice() {
        [] => Ok(()),
        [first, ..] => Err(Failure::found(format!(
            "{} checks failed; the first: {first}",
            summary.failures.len()
        ))),
    }
}

/// Runs it to its end.
pub fn perform(
    options: &Options,
    cores: &[CoreId],
    output: &mut impl Write,
) -> Result<Summary, Failure> {
    let place = Place::new(options.is_kept)?;
    let config = place.config()?;
    let keys = load_keys(&config).map_err(Failure::of)?;
    let mut gateway = Gateway::open(config.clone(), &keys, cores.len()).map_err(Failure::of)?;
    let (Some(tcp), Some(Some(feed))) = (
        gateway.start.strategy_tcp,
        gateway.start.feed_tcp.first().copied(),
    ) else {
        return Err(Failure::of("the gateway does not listen"));
    };
    for worker in &mut gateway.path {
        worker.measure();
    }
    let mut running = Running::spawn(gateway, &[]).map_err(Failure::of)?;
    running.heed_signals().map_err(Failure::of)?;
    let stopper = running.stopper();
    let waiter = thread::Builder::new()
        .name("demo".to_owned())
        .spawn(move || running.wait_with_workers())
        .map_err(Failure::of)?;
    let tallies: Vec<Tally> = ROLES.iter().map(|_| Tally::default()).collect();
    let acted = act(
        options,
        &config,
        &keys,
        (tcp, feed),
        &tallies,
        &waiter,
        output,
    );
    // The gate may have ended on its own, which its end tells.
    let _ = stopper.send(Event::Signal);
    let (end, workers) = waiter
        .join()
        .map_err(|_| Failure::of("the supervisor panicked"))?;
    let mut acted = acted?;
    if end != End::Drained {
        acted
            .failures
            .push(format!("the gate did not stop in order: {end:?}"));
    }
    let latencies = latencies(&acted.seen, &workers);
    drop(workers);
    let picture = draw(options, &latencies)?;
    let journal = &config.journal.directory;
    if options.is_kept {
        let text = effective_toml(&config);
        let path = place.folder().join("demo.toml");
        std::fs::write(&path, text)
            .map_err(|error| Failure::of(format!("{}: {error}", path.display())))?;
        // Standard output may be for a machine.
        eprintln!("kept: {}", place.folder().display());
    }
    let run = Run {
        seed: options.seed,
        roles: &ROLES,
        tallies: &tallies,
        seen: acted.seen,
        kill: acted.kill,
        firm: acted.firm,
        firm_limits: &config.setup.firm,
        audit: audit::audit(journal)?,
        replay: replay::replay(journal)?,
        latencies,
        picture,
        failures: acted.failures,
    };
    Ok(run.summary())
}

/// What happened while the gate was open.
struct Acted {
    seen: Vec<Result<Seen, String>>,
    kill: Result<String, String>,
    /// How it stood at the end, as an operator sees it.
    firm: Result<Value, String>,
    failures: Vec<String>,
}

/// Lets the feed and all strategies run until the time is over or the gate has ended.
fn act(
    options: &Options,
    config: &Config,
    keys: &Keys,
    (tcp, feed): (SocketAddr, SocketAddr),
    tallies: &[Tally],
    gate: &JoinHandle<(End, Vec<Worker>)>,
    output: &mut impl Write,
) -> Result<Acted, Failure> {
    let mut clock = Clock::new(Nanos::ZERO);
    let market = Market::new(config);
    let (is_over, is_feed_over) = (AtomicBool::new(false), AtomicBool::new(false));
    let unix = config
        .listen
        .unix
        .clone()
        .ok_or_else(|| Failure::of("no unix socket"))?;
    let key_of =
        |key: &Option<crate::config::keys::Key>| key.as_ref().map(|key| Key::new(*key.bytes()));
    let feed_key = keys
        .feeds
        .first()
        .and_then(key_of)
        .ok_or_else(|| Failure::of("no key for the feed"))?;
    thread::scope(|scope| {
        let (sender, started) = bounded(1);
        let feed = scope.spawn({
            let (market, clock, over) = (&market, clock.clone(), &is_feed_over);
            move || {
                walk::feed(
                    config,
                    (feed, feed_key),
                    market,
                    (options.seed, clock),
                    &sender,
                    over,
                )
            }
        });
        // It hangs up where it fails; its error is told below.
        let has_started = started.recv_timeout(START_MAX).is_ok();
        is_over.store(!has_started, Ordering::Release);
        let start = clock.now();
        let stage = Stage {
            tcp: Target::Tcp(tcp),
            unix: Target::Unix(unix),
            market: market.clone(),
            clock: clock.clone(),
            start,
            duration: options.duration,
            seed: options.seed,
        };
        let sessions: Vec<_> = ROLES
            .iter()
            .zip(tallies)
            .zip(0..)
            .map(|((role, tally), at)| {
                let id = config
                    .setup
                    .strategies
                    .iter()
                    .position(|of| of.name == role.name);
                let key = id.and_then(|id| keys.strategies.get(id)).and_then(key_of);
                let stage = Stage {
                    seed: options.seed.wrapping_mul(31).wrapping_add(at),
                    ..stage.clone()
                };
                let is_over = &is_over;
                scope.spawn(move || session::run(*role, key, &stage, tally, is_over))
            })
            .collect();
        let (kill, firm) = watch(options, config, (&stage, &is_over), tallies, gate, output);
        let told = |error: crate::strategy::client::ClientError| error.to_string();
        let seen = sessions
            .into_iter()
            .map(|session| {
                session
                    .join()
                    .map_or_else(|_| Err("panicked".to_owned()), |seen| seen.map_err(told))
            })
            .collect();
        is_feed_over.store(true, Ordering::Release);
        let failures = match feed.join() {
            Ok(Ok(_)) => Vec::new(),
            Ok(Err(error)) => vec![format!("the feed: {error}")],
            Err(_) => vec!["the feed panicked".to_owned()],
        };
        Ok(Acted {
            seen,
            kill,
            firm,
            failures,
        })
    })
}

/// Shows what goes on, kills an account midway, and ends it all when it is time.
fn watch(
    options: &Options,
    config: &Config,
    (stage, is_over): (&Stage, &AtomicBool),
    tallies: &[Tally],
    gate: &JoinHandle<(End, Vec<Worker>)>,
    output: &mut impl Write,
) -> (Result<String, String>, Result<Value, String>) {
    let mut clock = stage.clock.clone();
    let mut board = Board::new(options.show, &ROLES, tallies, stage.start);
    let end = stage.start.after(options.duration);
    let kill_at = stage
        .start
        .after(Nanos::from_raw(options.duration.raw() / 2));
    let mut draw_at = stage.start.after(board.interval());
    let mut kill = None;
    loop {
        let now = clock.now();
        if draw_at <= now {
            draw_at = draw_at.after(board.interval());
            board.draw(now, now.since(stage.start), output);
        }
        if kill_at <= now && kill.is_none() {
            let told = kill_account(&config.admin.socket);
            board.note(told.clone().unwrap_or_else(|problem| problem), output);
            kill = Some(told);
        }
        if end <= now || is_over.load(Ordering::Acquire) || gate.is_finished() {
            let firm = ask_firm(&config.admin.socket);
            is_over.store(true, Ordering::Release);
            return (
                kill.unwrap_or_else(|| Err("it ended before".to_owned())),
                firm,
            );
        }
        thread::sleep(draw_at.min(end).since(now).to_duration().min(LOOK));
    }
}

/// As an operator would: by the admin socket. Then one person alone tries to raise it.
fn kill_account(socket: &Path) -> Result<String, String> {
    let options = AdminOptions::new(AdminPlace::Socket(socket.to_owned()), true);
    let request = |command| Request {
        command,
        scope: Some("account".to_owned()),
        name: Some(KILLED_ACCOUNT.to_owned()),
        note: Some("demo".to_owned()),
        ..Request::default()
    };
    let asked = |command| ask(&request(command), &options).map_err(|error| error.to_string());
    let killed = asked(Command::Kill)?;
    if killed["ok"] != true || killed["killed"] != true {
        return Err(format!("the gate answered {killed}"));
    }
    let raised = asked(Command::Raise)?;
    if raised["killed"] == false {
        return Err(format!("one person alone could raise it: {raised}"));
    }
    Ok(format!(
        "alice killed account {KILLED_ACCOUNT}; then she alone asked to raise it: {} more must agree, it stays killed",
        raised["persons_missing"]
    ))
}

/// What the firm is worth, and what it may still lose.
fn ask_firm(socket: &Path) -> Result<Value, String> {
    let options = AdminOptions::new(AdminPlace::Socket(socket.to_owned()), true);
    let request = Request {
        command: Command::Portfolio,
        scope: Some("firm".to_owned()),
        ..Request::default()
    };
    let answer = ask(&request, &options).map_err(|error| error.to_string())?;
    match &answer["portfolio"][0] {
        Value::Null => Err(format!("the gate answered {answer}")),
        row => Ok(row.clone()),
    }
}

fn latencies(seen: &[Result<Seen, String>], workers: &[Worker]) -> Vec<Series> {
    let mut tcp = Series::new("order to first report, TCP");
    let mut unix = Series::new("order to first report, Unix");
    for (role, seen) in ROLES.iter().zip(seen) {
        // Who never reads measures nothing but that.
        if let (Ok(seen), false) = (seen, role.behaviour == strategies::Behaviour::Deaf) {
            let series = if role.is_unix { &mut unix } else { &mut tcp };
            // Both have the bounds of all series.
            let _ = series.times.add(&seen.round_trips);
        }
    }
    let stages = workers
        .iter()
        .flat_map(Worker::meters)
        .map(|(name, times)| Series {
            name: format!("{name}, each message"),
            times: times.clone(),
        });
    [tcp, unix].into_iter().chain(stages).collect()
}

fn draw(options: &Options, latencies: &[Series]) -> Result<PathBuf, Failure> {
    let path = options.out.join("latency.svg");
    let title = "portcullis demo: where the time goes";
    std::fs::create_dir_all(&options.out)
        .and_then(|()| std::fs::write(&path, picture::svg(title, latencies)))
        .map_err(|error| {
            Failure::of(format!(
                "{}: {error}; name another folder by --out",
                path.display()
            ))
        })?;
    Ok(path)
}

const START_MAX: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(50);
