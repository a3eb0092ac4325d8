//! World: gate, exchange and strategies together, and the promises between them.
//!
//! One thread drives the exchange and the strategies, so the exchange stands still while the
//! journal is held against it. The gate runs, and dies, beside it.

use super::follower::Follower;
use super::gate::{GATE, Gate, KEY, PRICE_TICK, STRATEGIES};
use super::plan::{Moment, Plan};
use super::trader::Trader;
use super::truth::Truth;
use portcullis::broker::exchange::{Chance, Party};
use portcullis::broker::server::{Server, ServerOptions};
use portcullis::command::replay;
#[cfg(feature = "failpoints")]
use portcullis::message::Scope;
use portcullis::message::{LinkState, OrderState, Quote, Text};
use portcullis::protocol::native::key::Key;
use portcullis::sys::clock::Clock;
use portcullis::units::{BrokerId, Nanos, Price, Qty, StrategyId, SymbolId};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

/// Whatever is waited for is there by then, or a promise is broken.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often the journal is read when nothing has happened.
const LOOK: Duration = Duration::from_millis(2);

/// Everything.
pub(crate) struct World {
    /// What follows from the seed.
    pub(crate) plan: Plan,
    /// The process.
    pub(crate) gate: Gate,
    server: Server,
    party: Party,
    traders: Vec<Trader>,
    follower: Follower,
    truth: Truth,
    chance: Chance,
    clock: Clock,
    looked_at: Instant,
    set_aside_count: usize,
    /// From the start of each process until orders flow again.
    pub(crate) recoveries: Vec<Duration>,
}

/// What a campaign has seen.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    /// Processes killed.
    pub(crate) kills: u64,
    /// Times that everything was settled and compared.
    pub(crate) settled: u64,
    /// Events in the journal.
    pub(crate) events: u64,
    /// Requests that the exchange received.
    pub(crate) requests: u64,
    /// Fills.
    pub(crate) fills: u64,
    /// Reports that strategies have.
    pub(crate) reports: u64,
    /// Settled orders counted higher than they stand.
    pub(crate) loose: u64,
    /// Records cut short by a kill that recovery set aside.
    pub(crate) set_aside: u64,
}

impl World {
    /// Nothing has happened yet.
    pub(crate) fn new(seed: u64) -> Self {
        let plan = Plan::new(seed);
        let mut chance = Chance::new(seed ^ 0x5eed);
        let mut clock = Clock::new(Nanos::ZERO);
        let mut nonce_seed = [0; 32];
        nonce_seed[..8].copy_from_slice(&chance.bits().to_le_bytes());
        let options = ServerOptions {
            name: Text::new("exchange").unwrap(),
            gates: vec![(Text::new(GATE).unwrap(), Key::new(KEY))],
            exchange: plan.exchange.clone(),
            heartbeat: Nanos::from_secs(2),
            logon_timeout: Nanos::from_secs(5),
            nonce_seed,
            cut: plan.cut,
        };
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let mut server = Server::bind(address, options, None, clock.now()).unwrap();
        for symbol in 0..2 {
            let quote = Quote {
                symbol: SymbolId(symbol),
                bid: Price::from_raw(197 * PRICE_TICK.raw()),
                ask: Price::from_raw(203 * PRICE_TICK.raw()),
                bid_qty: Qty::ZERO,
                ask_qty: Qty::ZERO,
                ..Quote::default()
            };
            server.quote(clock.now(), &quote);
        }
        let gate = Gate::new(&plan, server.address().unwrap());
        let party = server.party(0).unwrap();
        let places = 0..STRATEGIES.len();
        Self {
            traders: places
                .map(|place| Trader::new(place, gate.address()))
                .collect(),
            follower: Follower::new(gate.journal(), STRATEGIES.len()),
            truth: Truth::default(),
            plan,
            gate,
            server,
            party,
            chance,
            clock,
            looked_at: Instant::now(),
            set_aside_count: 0,
            recoveries: Vec::new(),
        }
    }

    /// Starts a process, lets it work, kills it. `settles`: everything is compared in between.
    pub(crate) fn round(&mut self, settles: bool) -> Result<(), String> {
        self.gate.start();
        match Plan::moment(&mut self.chance) {
            Moment::AfterStart(span) if !settles => self.trade(span)?,
            Moment::AfterStart(span) | Moment::UnderLoad(span) => {
                self.recover()?;
                self.trade(span)?;
                if settles {
                    self.settle()?;
                    self.trade(span / 2)?;
                }
            }
        }
        self.kill()
    }

    /// Waits until the gate that was started lets orders through again.
    pub(crate) fn recover(&mut self) -> Result<(), String> {
        let start = Instant::now();
        let runs = self.follower.runs;
        self.until("the gate is open", true, |world| {
            let is_up = world.link() == LinkState::Up as u8;
            world.follower.runs != runs && is_up && world.traders.iter().all(Trader::is_ready)
        })?;
        self.recoveries.push(start.elapsed());
        Ok(())
    }

    /// Orders flow for so long.
    pub(crate) fn trade(&mut self, span: Duration) -> Result<(), String> {
        let start = Instant::now();
        while start.elapsed() < span {
            if self.gate.has_ended() {
                return Err(format!(
                    "the gate ended by itself:\n{}",
                    self.gate.log_tail()
                ));
            }
            self.step(true)?;
        }
        Ok(())
    }

    /// Orders flow until the process has stopped itself. False where it has not by then.
    #[cfg(feature = "failpoints")]
    pub(crate) fn trade_until_end(&mut self, span: Duration) -> Result<bool, String> {
        let start = Instant::now();
        while start.elapsed() < span {
            if self.gate.has_ended() {
                self.aftermath()?;
                return Ok(true);
            }
            self.step(true)?;
        }
        Ok(false)
    }

    /// No new orders: waits until nobody is owed an answer, and compares everything.
    pub(crate) fn settle(&mut self) -> Result<(), String> {
        self.until("everything is settled", false, Self::is_settled)?;
        let exchange = self.server.exchange();
        self.truth
            .check_settled(exchange, self.party, &self.follower)
    }

    /// Kills the process and looks at what it leaves.
    pub(crate) fn kill(&mut self) -> Result<(), String> {
        self.gate.kill();
        self.aftermath()
    }

    /// What was on its way to the exchange arrives; all of it must be in the journal, which is final.
    fn aftermath(&mut self) -> Result<(), String> {
        let mut quiet = 0;
        while quiet < 3 {
            let now = self.clock.now();
            quiet = if self.server.poll(now) == 0 {
                quiet + 1
            } else {
                0
            };
        }
        self.check()
    }

    /// At the end of a campaign: the whole journal again, from its files.
    pub(crate) fn finish(&mut self) -> Result<Totals, String> {
        self.gate.kill();
        self.check()?;
        let found = replay::replay(&self.gate.journal());
        let found = found.map_err(|failure| format!("P4: {}", failure.text))?;
        if found.difference_count != 0 || found.decisions != self.follower.events {
            return Err(format!(
                "P4: {} events, and {found:?}",
                self.follower.events
            ));
        }
        Ok(Totals {
            events: found.decisions,
            requests: self.truth.requests,
            fills: self.truth.fills,
            reports: self.traders.iter().map(Trader::reports_count).sum(),
            loose: self.truth.loose,
            set_aside: self.set_aside_count as u64,
            ..Totals::default()
        })
    }

    /// True where recovery has set records aside since the last call: the firm is killed then.
    pub(crate) fn is_set_aside(&mut self) -> bool {
        let count = self.gate.set_aside_count();
        std::mem::replace(&mut self.set_aside_count, count) != count
    }

    /// Nothing new passes: the firm is killed.
    #[cfg(feature = "failpoints")]
    pub(crate) fn is_killed(&self) -> bool {
        let firm = self
            .follower
            .core()
            .and_then(|core| core.level(Scope::Firm, 0));
        firm.is_some_and(|firm| firm.is_killed)
    }

    fn until(
        &mut self,
        what: &str,
        is_trading: bool,
        mut is_so: impl FnMut(&mut Self) -> bool,
    ) -> Result<(), String> {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            self.step(is_trading)?;
            if is_so(self) {
                return Ok(());
            }
            if self.gate.has_ended() {
                return Err(format!(
                    "the gate ended by itself:\n{}",
                    self.gate.log_tail()
                ));
            }
        }
        Err(format!(
            "never: {what}: {}\n{}",
            self.state(),
            self.gate.log_tail()
        ))
    }

    /// One round of everybody but the gate.
    fn step(&mut self, is_trading: bool) -> Result<(), String> {
        let now = self.clock.now();
        let mut count = self.server.poll(now);
        for trader in &mut self.traders {
            count += trader.poll(now, &mut self.chance, is_trading);
        }
        if count != 0 || LOOK < self.looked_at.elapsed() {
            self.check()?;
        } else {
            // The gate may need this core.
            std::thread::sleep(Duration::from_micros(30));
        }
        Ok(())
    }

    fn check(&mut self) -> Result<(), String> {
        self.looked_at = Instant::now();
        let entries = self.server.take_ledger();
        self.truth.check(&entries, &mut self.follower)?;
        let exchange = self.server.exchange();
        self.truth
            .check_exposure(exchange, self.party, &self.follower)?;
        for (place, trader) in self.traders.iter_mut().enumerate() {
            if let Some(problem) = trader.problem.take() {
                return Err(problem);
            }
            for (sequence, hash) in trader.fresh.drain(..) {
                if self.follower.report(place, sequence) != Some(hash) {
                    return Err(format!(
                        "P5: report {sequence} of {place} is not in the journal"
                    ));
                }
            }
        }
        Ok(())
    }

    fn link(&self) -> u8 {
        let core = self.follower.core();
        core.and_then(|core| core.broker(BrokerId(0)))
            .map_or(0, |link| link.1)
    }

    fn is_settled(&mut self) -> bool {
        let Some(core) = self.follower.core() else {
            return false;
        };
        let (report_last, link) = core.broker(BrokerId(0)).unwrap_or_default();
        let is_answered = core.orders().all(|order| {
            use OrderState::{CancelPending, InDoubt, Pending, ReplacePending};
            !matches!(
                core.state(order),
                Pending | CancelPending | ReplacePending | InDoubt
            )
        });
        let sequences: Vec<_> = (0..self.traders.len() as u32)
            .map(|place| core.session(StrategyId(place)).unwrap_or_default())
            .collect();
        let is_heard =
            self.traders
                .iter_mut()
                .zip(&sequences)
                .all(|(trader, (commands, reports))| {
                    trader.is_ready()
                        && trader.is_written()
                        && trader.command_sequence_last() == *commands
                        && trader.reports_count() == *reports
                });
        link == LinkState::Up as u8
            && is_answered
            && is_heard
            && self.server.exchange().report_next(self.party) == report_last + 1
    }

    /// For whoever looks at a failure.
    pub(crate) fn state(&mut self) -> String {
        let Some(core) = self.follower.core() else {
            return "no journal".to_owned();
        };
        let pending: Vec<_> = core
            .orders()
            .filter(|order| core.state(order) != OrderState::Open)
            .take(3)
            .map(|order| format!("{:?} {order:?}", core.state(order)))
            .collect();
        let sessions: Vec<_> = (0..self.traders.len() as u32)
            .map(|place| core.session(StrategyId(place)))
            .collect();
        let traders: Vec<_> = self
            .traders
            .iter_mut()
            .map(|trader| {
                let last = trader.command_sequence_last();
                (
                    trader.is_ready(),
                    trader.is_written(),
                    last,
                    trader.reports_count(),
                )
            })
            .collect();
        format!(
            "link {:?}, exchange's next report {}, sessions {sessions:?}, traders {traders:?}, orders {pending:?}",
            core.broker(BrokerId(0)),
            self.server.exchange().report_next(self.party),
        )
    }
}
