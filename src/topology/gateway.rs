//! Gateway: everything built from one configuration, brought up to date from its journal.

use super::keeper::KeeperStage;
use super::options;
use super::rebuild::{Rebuild, RebuildError, Taken, opening_text};
use super::worker::{Idle, Worker};
use crate::admin::socket::SocketError;
use crate::admin::{self, Admin, Ends, kernel_peers};
use crate::broker::BrokerStage;
use crate::broker::registry::Place;
use crate::config::Config;
use crate::config::brokers::BrokerKind;
use crate::config::keys::Keys;
use crate::config::process::{self, Layout, Policy};
use crate::events::courier::Courier;
use crate::events::publisher::Publisher;
use crate::follower::Follower;
use crate::follower::names::Names;
use crate::follower::replica::Difference;
use crate::journal::error::JournalError;
use crate::journal::keeper::Keeper;
use crate::journal::segment::Disk;
use crate::journal::writer::Writer;
use crate::journal::{opening, recovery};
use crate::market::{self, MarketStage};
use crate::message::{Body, Control, Frame, Header, Kind, Link, LinkState, Scope, Text};
use crate::recon::files::Files;
use crate::recon::reconciler::Reconciler;
use crate::recon::worker::{self as reconcile, Watch};
use crate::ring::{Producer, ring};
use crate::risk::core::Core;
use crate::risk::decision::{EFFECTS_MAX, Effects};
use crate::risk::setup::Setup;
use crate::risk::{Rings, Risk};
use crate::strategy::{self, StrategyStage};
use crate::sys::clock::Clock;
use crate::sys::failpoint;
use crate::sys::poller::{Doorbell, Poller, Sockets};
use crate::units::{BrokerId, Nanos, StrategyId};
use crossbeam::channel::{Sender, bounded};
use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

/// All stages on their workers, ready to run.
pub struct Gateway {
    /// Of an order's path: strategy, market, broker, risk.
    pub path: Vec<Worker>,
    /// Of what follows it: journal, follower, admin.
    pub cold: Vec<Worker>,
    /// The bound on an orderly stop.
    pub drain_timeout: Nanos,
    /// Cancel every live order when the gate must shut for a fault of its own.
    pub cancel_on_panic: bool,
    /// Those who are told what happens. They have threads of their own, or none where the caller steps.
    pub subscribers: Vec<Courier>,
    /// Of the broker's files, where our books are reconciled.
    pub watch: Option<Watch>,
    /// What an observer may want to know of the start.
    pub start: Start,
}

/// What was found and where it listens.
#[derive(Clone, Debug, Default)]
pub struct Start {
    /// The last record of earlier runs.
    pub sequence: u64,
    /// Orders that live on from earlier runs.
    pub orders_open_count: u32,
    /// Those of them of which nobody knows what became before their broker has spoken.
    pub orders_in_doubt_count: usize,
    /// What is killed, and stays so until it is raised: the level, and its name but for the firm.
    pub killed: Vec<(Scope, String)>,
    /// What recovery could not keep: the firm is killed until it is reconciled.
    pub set_aside: Vec<PathBuf>,
    /// Where strategies connect.
    pub strategy_tcp: Option<SocketAddr>,
    /// Where feeds connect, by the place of the feed.
    pub feed_tcp: Vec<Option<SocketAddr>>,
}

/// Why a gateway cannot start.
#[derive(Debug)]
pub enum StartError {
    /// The journal cannot be used.
    Journal(JournalError),
    /// The journal cannot be followed.
    Rebuild(RebuildError),
    /// The journal says that another decision was made than this core makes.
    Differs(Box<Difference>),
    /// The journal has no room for the run's opening.
    NoRoom,
    /// The operators' socket.
    Admin(SocketError),
    /// A subscriber, by its name.
    Subscriber(String, io::Error),
    /// A socket or a poller.
    Io(&'static str, io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Journal(error) => error.fmt(out),
            Self::Rebuild(error) => error.fmt(out),
            Self::Differs(difference) => write!(
                out,
                "the journal holds another {} than this version makes, {difference}: continue with \
                 the version that wrote it, or begin a new journal directory",
                difference.recorded.name()
            ),
            Self::NoRoom => out.write_str(
                "the journal has no room to begin a run: free disk space below journal.directory",
            ),
            Self::Admin(error) => error.fmt(out),
            Self::Subscriber(name, error) => write!(out, "subscriber.{name}: {error}"),
            Self::Io(what, error) => write!(out, "{what}: {error}"),
        }
    }
}

impl std::error::Error for StartError {}

impl From<JournalError> for StartError {
    fn from(error: JournalError) -> Self {
        Self::Journal(error)
    }
}

impl From<RebuildError> for StartError {
    fn from(error: RebuildError) -> Self {
        Self::Rebuild(error)
    }
}

/// The levels that are killed, by their names.
fn killed(core: &Core, setup: &Setup) -> Vec<(Scope, String)> {
    let names = Names::new(setup);
    let mut killed = Vec::new();
    for &scope in Scope::ALL {
        // The firm has no place: it is there at any.
        let places = if scope == Scope::Firm {
            0..1
        } else {
            0..u32::MAX
        };
        for target in places {
            let Some(level) = core.level(scope, target) else {
                break;
            };
            if level.is_killed {
                killed.push((scope, names.name(scope, target).to_owned()));
            }
        }
    }
    killed
}

/// What recovery brings back beside the core.
struct Recovered {
    core: Core,
    writer: Writer,
    keeper: Keeper,
    /// The last reports of each strategy.
    reports: Vec<VecDeque<Frame>>,
    start: Start,
}

impl Gateway {
    /// Recovers, opens the run in the journal, takes all memory and listens.
    pub fn open(mut config: Config, keys: &Keys, core_count: usize) -> Result<Self, StartError> {
        let recovered = recover(&mut config)?;
        Builder::new(&config, core_count)?.build(keys, recovered)
    }

    /// Polls every stage once, in the order of an order's path: no thread of its own.
    pub fn step(&mut self, now: Nanos) -> io::Result<usize> {
        let mut count = self.watch.as_mut().map_or(0, |watch| watch.step(now));
        for worker in self.path.iter_mut().chain(&mut self.cold) {
            count += worker.step(now)?;
        }
        Ok(count)
    }
}

/// Rebuilds the core from the journal and begins a new run behind it.
fn recover(config: &mut Config) -> Result<Recovered, StartError> {
    let directory = config.journal.directory.clone();
    let journal = recovery::recover(options::journal(config), Box::new(Disk))?;
    let replay_max = config.listen.reports_replay as usize;
    let mut reports = vec![VecDeque::new(); config.setup.strategies.len()];
    let mut rebuild = Rebuild::new(&directory);
    let mut records = journal.records()?;
    while let Some(record) = records.next()? {
        failpoint::reach("mid_replay");
        let taken = rebuild.take(&record)?;
        if let Some(difference) = Difference::of(&record, &taken) {
            return Err(StartError::Differs(Box::new(difference)));
        }
        if let Taken::Event { .. } = taken {
            for report in &rebuild.effects.to_strategy {
                keep(&mut reports, report, replay_max);
            }
        }
    }
    // Tables keep their seed for the life of a journal: replay needs it.
    config.setup.hash_seed = match rebuild.core() {
        Some(_) => rebuild.setup().hash_seed,
        None => options::random_seed(),
    };
    rebuild.open(config.setup.clone())?;
    let Some((mut core, _)) = rebuild.into_core() else {
        return Err(StartError::NoRoom);
    };
    let mut start = Start {
        sequence: journal.sequence,
        orders_open_count: core.orders_open_count(),
        set_aside: journal.set_aside.clone(),
        ..Start::default()
    };
    failpoint::reach("before_open");
    let (mut writer, mut keeper) = journal.open()?;
    let mut clock = Clock::new(core.now());
    let text = opening_text(config);
    opening::append(
        &mut writer,
        clock.now(),
        options::CORE_VERSION,
        text.as_bytes(),
        || {
            keeper.poll(clock.now());
        },
    )
    .ok_or(StartError::NoRoom)?;

    failpoint::reach("after_opening");
    // The connections of the run before are gone: what was sent on them is in doubt.
    for broker in 0..config.brokers.len() as u32 {
        let broker = BrokerId(broker);
        let down = Link {
            broker,
            state: LinkState::Down as u8,
            ..Link::default()
        };
        remember(&mut core, &mut writer, Kind::Link, clock.now(), down);
    }
    if !start.set_aside.is_empty() {
        let is_mark = start.set_aside.iter().all(|it| recovery::is_of_mark(it));
        let note = match is_mark {
            true => "the journal had lost its mark",
            false => "records were set aside",
        };
        let kill = Control {
            target: u32::MAX,
            operator: u32::MAX,
            scope: Scope::Firm as u8,
            note: Text::new(note).unwrap_or_default(),
            ..Control::default()
        };
        remember(&mut core, &mut writer, Kind::Kill, clock.now(), kill);
    }
    start.set_aside.sort();
    start.killed = killed(&core, &config.setup);
    start.orders_in_doubt_count = core.orders_in_doubt_count();
    Ok(Recovered {
        core,
        writer,
        keeper,
        reports,
        start,
    })
}

/// An event of the gate itself: decided and journaled like any other. It sends nothing.
fn remember<B: Body>(core: &mut Core, writer: &mut Writer, kind: Kind, now: Nanos, body: B) {
    let header = Header {
        time: now,
        strategy: StrategyId::NONE,
        ..Header::default()
    };
    let frame = Frame::new(kind, header, body);
    let decision = core.step(&frame, &[], &mut Effects::default());
    writer.append(&[frame], &decision, core.digest());
}

fn keep(reports: &mut [VecDeque<Frame>], report: &Frame, max: usize) {
    let Some(kept) = reports.get_mut(report.header.strategy.0 as usize) else {
        return;
    };
    if kept.len() == max {
        kept.pop_front();
    }
    if max != 0 {
        kept.push_back(*report);
    }
}

/// A worker that is being put together, and the places of the stages in its poller.
struct Builder<'a> {
    config: &'a Config,
    is_shared: bool,
    path: Vec<Worker>,
    cold: Vec<Worker>,
}

/// A follower that has read something looks for more so many times in each interval of the journal's
/// syncs; at the end of each interval the journal's keeper tells it of new records.
const FOLLOWS_PER_SYNC: u64 = 10;
/// But no less often than this: an operator waits for an act.
const FOLLOW_INTERVAL_MAX: Nanos = Nanos::from_millis(10);

/// The stages of the path, in the order of their places.
const STRATEGY: usize = 0;
const MARKET: usize = 1;
const BROKER: usize = 2;
const RISK: usize = 3;
const NAMES: [&str; 4] = ["strategy", "market", "broker", "risk"];

impl<'a> Builder<'a> {
    fn new(config: &'a Config, core_count: usize) -> Result<Self, StartError> {
        let is_shared = match config.threads.layout {
            Layout::Auto => core_count < NAMES.len() + 2,
            Layout::Dedicated => false,
            Layout::Shared => true,
        };
        let idle = match config.threads.idle {
            process::Idle::Park => Idle::Park,
            process::Idle::Backoff => Idle::Backoff,
            process::Idle::Spin => Idle::Spin,
        };
        let names: &[&'static str] = if is_shared { &["path"] } else { &NAMES };
        let clock = Clock::new(Nanos::ZERO);
        let worker = |name, idle, spin| {
            let poller = Poller::new(1024).map_err(|error| StartError::Io("a poller", error))?;
            Ok::<_, StartError>(Worker::new(name, poller, clock.clone(), idle, spin))
        };
        let spin = config.threads.spin;
        let path = names
            .iter()
            .map(|name| worker(*name, idle, spin))
            .collect::<Result<_, _>>()?;
        let cold = ["journal", "cold"].map(|name| worker(name, Idle::Park, Nanos::ZERO));
        let cold = cold.into_iter().collect::<Result<_, _>>()?;
        Ok(Self {
            config,
            is_shared,
            path,
            cold,
        })
    }

    /// The worker of a stage of the path.
    fn worker(&mut self, stage: usize) -> &mut Worker {
        &mut self.path[if self.is_shared { 0 } else { stage }]
    }

    fn sockets(&mut self, stage: usize) -> Result<Sockets, StartError> {
        let sockets = self.worker(stage).poller().sockets();
        sockets.map_err(|error| StartError::Io("a poller", error))
    }

    /// What wakes `to` when `from` has sent it something: nothing, on one thread.
    fn doorbell(&mut self, to: usize) -> Doorbell {
        match self.is_shared {
            true => Doorbell::NONE,
            false => self.worker(to).poller().doorbell(),
        }
    }

    fn build(mut self, keys: &Keys, recovered: Recovered) -> Result<Gateway, StartError> {
        let Recovered {
            core,
            writer,
            keeper,
            reports,
            mut start,
        } = recovered;
        let config = self.config;
        let messages = (config.ring_messages as usize).max(4 * EFFECTS_MAX);
        let (strategy_to_risk, from_strategy) = ring(messages);
        let (market_to_risk, from_market) = ring(messages);
        let (broker_to_risk, from_broker) = ring(messages);
        let (admin_to_risk, from_admin) = ring(messages);
        let (risk_to_strategy, to_strategy) = ring(messages);
        let (risk_to_broker, to_broker) = ring(messages);
        let mut now = Clock::new(core.now());
        let now = now.now();

        let strategies = options::strategies(config, keys, &core)
            .map_err(|error| StartError::Io("a strategy's unix_user", error))?;
        let rings = strategy::Rings {
            strategy_to_risk,
            risk_doorbell: self.doorbell(RISK),
            risk_to_strategy: to_strategy,
        };
        let sockets = self.sockets(STRATEGY)?;
        let mut strategy = StrategyStage::open(strategies, sockets, rings)
            .map_err(|error| StartError::Io("[listen] tcp or unix", error))?;
        for report in reports.iter().flatten() {
            strategy.restore(report);
        }
        start.strategy_tcp = strategy.tcp_address();

        let (mut market_to_broker, mut from_market_to_broker) = (Vec::new(), Vec::new());
        for broker in &config.brokers {
            let is_sim = matches!(broker.kind, BrokerKind::Sim(_));
            let (to, from) = ring(messages);
            from_market_to_broker.push(is_sim.then_some(from));
            market_to_broker.extend(is_sim.then_some(to));
        }
        let feeds = options::feeds(config, keys)
            .map_err(|error| StartError::Io("a feed's unix_user", error))?;
        let rings = market::Rings {
            market_to_risk,
            risk_doorbell: self.doorbell(RISK),
            market_to_broker,
            broker_doorbell: self.doorbell(BROKER),
        };
        let sockets = self.sockets(MARKET)?;
        let market = MarketStage::open(feeds, sockets, rings)
            .map_err(|error| StartError::Io("[[feed]] tcp or unix", error))?;
        start.feed_tcp = (0..config.feeds.len())
            .map(|feed| market.tcp_address(feed))
            .collect();

        let sockets = Arc::new(self.sockets(BROKER)?);
        let mut links = Vec::new();
        for (at, market_to_broker) in from_market_to_broker.into_iter().enumerate() {
            let broker = BrokerId(at as u32);
            let (options, breaker) = options::broker(config, keys, at);
            let place = Place {
                broker,
                report_sequence_last: core.broker(broker).map_or(0, |(sequence, _)| sequence),
                now,
                sockets: Some(Arc::clone(&sockets)),
                market_to_broker,
            };
            links.push((options.open(place), breaker));
        }
        let broker = BrokerStage::new(to_broker, broker_to_risk, self.doorbell(RISK), links);

        let rings = Rings {
            admin_to_risk: from_admin,
            broker_to_risk: from_broker,
            market_to_risk: from_market,
            strategy_to_risk: from_strategy,
            risk_to_strategy,
            risk_to_broker,
            strategy_doorbell: self.doorbell(STRATEGY),
            broker_doorbell: self.doorbell(BROKER),
            journal_doorbell: self.cold[0].poller().doorbell(),
        };
        let batch_max = config.threads.batch_max as usize;
        let is_sync = config.journal.policy == Policy::Sync;
        let checkpoint_events = config.setup.checkpoint_events;
        let risk = Risk::new(core, writer, rings, batch_max, checkpoint_events, is_sync);

        let risk_doorbell = self.worker(RISK).poller().doorbell();
        let interval = config.journal.sync_interval;
        let clock = Clock::new(now);
        let (publisher, subscribers) = Publisher::open(config, keys, start.sequence, &clock)
            .map_err(|(name, error)| StartError::Subscriber(name, error))?;
        let watch = self.follow(&keeper, admin_to_risk, risk_doorbell.clone(), publisher)?;
        let follower_doorbell = self.cold[1].poller().doorbell();
        let keeper = KeeperStage::new(keeper, interval, risk_doorbell, follower_doorbell);
        self.cold[0].add(Box::new(keeper));
        self.worker(STRATEGY).add(Box::new(strategy));
        self.worker(MARKET).add(Box::new(market));
        self.worker(BROKER).add(Box::new(broker));
        self.worker(RISK).add(Box::new(risk));
        if self.is_shared {
            // What comes in goes on in the same round: in, decide, out.
            self.path[0].set_round(&[STRATEGY, MARKET, BROKER, RISK, BROKER, STRATEGY]);
        }
        Ok(Gateway {
            path: self.path,
            cold: self.cold,
            drain_timeout: config.gateway.drain_timeout,
            cancel_on_panic: config.gateway.cancel_on_panic,
            subscribers,
            watch,
            start,
        })
    }

    /// The cold thread: operators' socket first, since it has a place in the poller.
    fn follow(
        &mut self,
        keeper: &Keeper,
        admin_to_risk: Producer<Frame>,
        risk_doorbell: Doorbell,
        publisher: Publisher,
    ) -> Result<Option<Watch>, StartError> {
        let cold = &mut self.cold[1];
        let (doorbell, sockets) = (cold.poller().doorbell(), cold.poller().sockets());
        let sockets = sockets.map_err(|error| StartError::Io("a poller", error))?;
        let sync_interval = self.config.journal.sync_interval.raw();
        let interval = Nanos::from_raw(sync_interval / FOLLOWS_PER_SYNC).min(FOLLOW_INTERVAL_MAX);
        let directory = &self.config.journal.directory;
        let tail = keeper.tail()?;
        let (follower, views) = Follower::new(directory, tail, interval, doorbell.clone());
        let mut follower = follower.with_publisher(publisher);
        let (act, acts) = bounded(ACTS_WAITING_MAX);
        let (worker, watch) = reconciliation(self.config, act).unzip();
        if let Some(worker) = worker {
            follower = follower.with_reconciliation(worker);
        }
        let names = Arc::new(Names::new(&self.config.setup));
        let ends = Ends {
            admin_to_risk,
            risk_doorbell,
            views,
            doorbell,
            acts,
        };
        let settings = admin::Settings::new(self.config);
        let admin = Admin::new(settings, names, ends, kernel_peers(), sockets)
            .map_err(StartError::Admin)?;
        cold.add(Box::new(admin));
        cold.add(Box::new(follower));
        Ok(watch)
    }
}

/// What compares our books with the broker's files, and what watches these; `None` where there are none.
fn reconciliation(config: &Config, acts: Sender<Frame>) -> Option<(reconcile::Worker, Watch)> {
    let terms = &config.reconcile;
    if !terms.is_on() {
        return None;
    }
    let (statement, drop_copy) = (&terms.statement, &terms.drop_copy);
    let files = Files::new(statement.as_deref(), drop_copy.as_deref());
    let (seen, sightings) = bounded(SIGHTINGS_WAITING_MAX);
    let watch = Watch::new(files, terms.terms.interval, seen);
    let reconciler = Reconciler::new(terms.terms.clone(), drop_copy.is_some(), terms.opening());
    Some((reconcile::Worker::new(reconciler, sightings, acts), watch))
}

/// Acts of the gate itself that wait for the stage that hands them on.
const ACTS_WAITING_MAX: usize = 256;
/// Looks at the broker's files that wait to be taken in.
const SIGHTINGS_WAITING_MAX: usize = 4;
