//! Core: the state, and the one `step` that drives it.
//!
//! Pure. Hot path.
//!
//! The same events give the same decisions, on any machine, on any day: the gateway, `try`, replay,
//! followers and tests all call this one function. The state is changed only by it.

use super::approved::Approved;
use super::basket::{self, Trial};
use super::calendar::{self, Calendars, order_type_bits, time_in_force_bits};
use super::check::{Divisor, Findings, symbol_bounds};
use super::control::Raises;
use super::decision::{Decision, EFFECTS_MAX, Effects, Outcome};
use super::exits::Exits;
use super::exposure::Exposure;
use super::funds::{self, Funds};
use super::identity::{ClientOrderIds, ExecutionIds};
use super::index::mix;
use super::limits::InForce;
use super::losses::Losses;
use super::market::{Reference, multiplier};
use super::money::currency::Currencies;
use super::money::fees::Fees;
use super::money::freshness::Freshness;
use super::moves::Moves;
use super::order::Orders;
use super::overrides::Overrides;
use super::own::{self, Own, Owner};
use super::parents::Parents;
use super::rate::Rates;
use super::respond::Responses;
use super::route::Routes;
use super::rules::Rules;
use super::setup::{self, Borrow, Capacity, ExitPolicy, ExitTerms, Setup, ShortSales};
use super::short::{self, Locates};
use crate::message::{
    Adjust, Basket, Cancel, Control, ExitChange, Frame, Header, Kind, LimitChange, Link, Locate,
    NewOrder, Override, Quote, Replace, Report, SessionChange, Settle, Text,
};
use crate::reject::{Failed, RejectReason};
use crate::units::{AccountId, BrokerId, Nanos, Notional, OrderId, StrategyId, SymbolId};

/// Everything that decides. Touched by one thread.
#[derive(Debug)]
pub struct Core {
    pub(super) capacity: Capacity,
    pub(super) answer_timeout: Nanos,
    pub(super) orders: Orders,
    pub(super) client_order_ids: ClientOrderIds,
    pub(super) execution_ids: ExecutionIds,
    pub(super) exposure: Exposure,
    pub(super) routes: Routes,
    pub(super) rates: Rates,
    pub(super) firm_rules: Rules,
    /// Of desks, and of groups behind them, as [`Exposure`] has them.
    pub(super) other_rules: Vec<Rules>,
    /// Some level has a rate of cancels.
    pub(super) paces_cancels: bool,
    pub(super) accounts: Vec<Account>,
    pub(super) strategies: Vec<Strategy>,
    pub(super) symbols: Vec<Symbol>,
    /// The symbols as they were set up: what only prices look at.
    pub(super) quoted: Vec<setup::Symbol>,
    pub(super) references: Vec<Reference>,
    pub(super) links: Vec<BrokerLink>,
    pub(super) calendars: Calendars,
    /// By account.
    pub(super) owners: Vec<Owner>,
    pub(super) parents: Parents,
    /// Live orders by owner and price, where any account asks for it.
    pub(super) own: Option<Box<Own>>,
    /// By the place of an account's cell, where any account's short sales are watched.
    pub(super) locates: Option<Locates>,
    /// By account.
    pub(super) funds: Vec<Funds>,
    pub(super) overrides: Overrides,
    pub(super) responses: Option<Box<Responses>>,
    pub(super) trial: Trial,
    pub(super) raises: Raises,
    pub(super) in_force: InForce,
    pub(super) currencies: Currencies,
    pub(super) freshness: Freshness,
    pub(super) losses: Losses,
    pub(super) exits: Exits,
    pub(super) exit_policy: ExitPolicy,
    /// Symbols whose currency is worth something else: empty between events.
    pub(super) exchanged: Vec<u32>,
    /// Slots that the sweep under way has yet to look at, and where it is.
    pub(super) sweep_remaining: u32,
    pub(super) sweep_next: u32,
    /// How many slots there were when it began.
    pub(super) sweep_slots: u32,
    pub(super) serial: u64,
    pub(super) now: Nanos,
    pub(super) counts: Counts,
    digest: u64,
}

/// How often each thing happened.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Events taken.
    pub events: u64,
    /// New orders, accepted or refused.
    pub orders: u64,
    /// New orders accepted.
    pub orders_accepted: u64,
    /// Cancels and replaces accepted.
    pub requests_accepted: u64,
    /// Cancels and replaces refused.
    pub requests_refused: u64,
    /// Fills applied.
    pub fills: u64,
    /// Fills after the order's end.
    pub late_fills: u64,
    /// Fills of more than stood.
    pub over_fills: u64,
    /// Reports that came before.
    pub duplicate_reports: u64,
    /// Reports about orders unknown.
    pub unknown_reports: u64,
    /// Reports and prices that cannot be.
    pub implausible: u64,
    /// Orders whose answer did not come in time.
    pub timeouts: u64,
    /// How often a response has answered.
    pub answers: u64,
}

#[derive(Debug)]
pub(super) struct Account {
    pub(super) has_limits: bool,
    pub(super) short_sales: ShortSales,
    pub(super) cuts_orders: bool,
    /// In order.
    pub(super) restricted: Box<[SymbolId]>,
    pub(super) rules: Rules,
}

#[derive(Debug)]
pub(super) struct Strategy {
    permitted: Box<[u64]>,
    /// In order.
    pub(super) restricted: Box<[SymbolId]>,
    /// So many orders pass before a person must raise it; the widest number where none must.
    pub(super) orders_unattended_max: u64,
    /// How many have passed since.
    pub(super) orders_unattended: u64,
    pub(super) acknowledge: bool,
    pub(super) exits: ExitTerms,
    pub(super) rules: Rules,
    /// How many reports it was sent.
    pub(super) report_sequence: u64,
    /// The last counted command that it sent.
    pub(super) command_sequence: u64,
    /// Orders up to this acceptance are to be cancelled.
    pub(super) cancel_through: u64,
}

#[derive(Debug)]
pub(super) struct Symbol {
    pub(super) tick: Divisor,
    pub(super) lot: Divisor,
    pub(super) price_min: i64,
    pub(super) price_max: i64,
    pub(super) qty_min: u64,
    pub(super) qty_max: u64,
    pub(super) notional_min: u128,
    /// How its reference has moved, where that is limited.
    pub(super) moves: Option<Box<Moves>>,
    /// What price times quantity is multiplied by, in 1e-9.
    /// That in the firm's currency; and whether it is known what that comes to.
    pub(super) multiplier: u64,
    pub(super) is_inverse: bool,
    pub(super) has_rate: bool,
    pub(super) fees: Option<Box<Fees>>,
    pub(super) borrow: Borrow,
    pub(super) slippage: u64,
    /// Its place among [`Calendars`].
    pub(super) calendar: u32,
    pub(super) order_types: u8,
    pub(super) times_in_force: u8,
    pub(super) broker: BrokerId,
    pub(super) rules: Rules,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct BrokerLink {
    pub(super) is_down: bool,
    pub(super) is_breaker_open: bool,
    pub(super) state: u8,
    /// Its reports tell every fee.
    pub(super) reports_fees: bool,
    /// How often it was lost: an order that has survived fewer losses is in doubt.
    pub(super) losses: u32,
    /// The last report of it.
    pub(super) report_sequence: u64,
}

/// A list to be searched, each once.
fn in_order(symbols: &[SymbolId]) -> Box<[SymbolId]> {
    let mut symbols = symbols.to_vec();
    symbols.sort_unstable();
    symbols.dedup();
    symbols.into_boxed_slice()
}

pub(super) fn freshness(setup: &Setup) -> Freshness {
    let is_watched = Losses::needs_marks(setup);
    Freshness::new(setup.symbols.len(), setup.mark_age_max, is_watched)
}

impl BrokerLink {
    pub(super) fn new(setup: &setup::Broker) -> Self {
        Self {
            reports_fees: setup.reports_fees,
            ..Self::default()
        }
    }
}

impl Account {
    pub(super) fn new(setup: &setup::Account, rules: Rules) -> Self {
        Self {
            has_limits: setup.has_limits,
            short_sales: setup.short_sales,
            cuts_orders: setup.cuts_orders,
            restricted: in_order(&setup.restricted),
            rules,
        }
    }
}

impl Symbol {
    pub(super) fn new(symbol: &setup::Symbol, rules: Rules) -> Self {
        let (price_min, price_max, qty_min, qty_max) = symbol_bounds(symbol);
        Self {
            tick: Divisor::new(symbol.tick.raw().unsigned_abs()),
            lot: Divisor::new(symbol.lot.raw()),
            price_min,
            price_max,
            qty_min,
            qty_max,
            notional_min: symbol.notional_min.map_or(0, Notional::raw),
            moves: Moves::new(symbol),
            multiplier: multiplier(symbol),
            is_inverse: symbol.is_inverse,
            has_rate: symbol.currency == 0,
            fees: symbol.fees.map(Box::new),
            borrow: symbol.borrow,
            slippage: symbol.slippage,
            calendar: calendar::place(symbol),
            order_types: order_type_bits(&symbol.order_types),
            times_in_force: time_in_force_bits(&symbol.times_in_force),
            broker: symbol.broker,
            rules,
        }
    }
}

impl Strategy {
    pub(super) fn new(setup: &setup::Strategy, account_count: usize, rules: Rules) -> Self {
        let mut permitted = vec![0; account_count.div_ceil(64)].into_boxed_slice();
        for account in &setup.accounts {
            permitted[account.0 as usize / 64] |= 1 << (account.0 % 64);
        }
        Self {
            permitted,
            restricted: in_order(&setup.restricted),
            orders_unattended_max: setup.orders_unattended_max.map_or(u64::MAX, u64::from),
            orders_unattended: 0,
            acknowledge: setup.acknowledge,
            exits: setup.exits,
            rules,
            report_sequence: 0,
            command_sequence: 0,
            cancel_through: 0,
        }
    }

    /// True where a person must raise it before it may send more.
    #[inline]
    pub(super) const fn is_unattended(&self) -> bool {
        self.orders_unattended_max <= self.orders_unattended
    }

    /// Bytes of the permissions for so many accounts.
    pub(super) const fn size_bytes(accounts: usize) -> usize {
        accounts.div_ceil(64) * size_of::<u64>()
    }

    #[inline]
    pub(super) fn may_use(&self, account: AccountId) -> bool {
        let word = self
            .permitted
            .get(account.0 as usize / 64)
            .copied()
            .unwrap_or(0);
        word >> (account.0 % 64) & 1 == 1
    }
}

impl Core {
    /// Takes all memory that there will ever be.
    pub fn new(setup: &Setup) -> Self {
        let capacity = setup.capacity;
        let seed = setup.hash_seed;
        let mut rates = Rates::default();
        let duplicates = capacity.duplicates_per_window as usize;
        let mut rules = |limits| Rules::new(limits, &mut rates, duplicates);
        let firm_rules = rules(&setup.firm);
        let accounts = setup.accounts.iter();
        let accounts = accounts
            .map(|account| Account::new(account, rules(&account.limits)))
            .collect();
        let strategies = setup.strategies.iter();
        let strategies = strategies
            .map(|of| Strategy::new(of, setup.accounts.len(), rules(&of.limits)))
            .collect();
        let symbols = setup.symbols.iter();
        let symbols = symbols
            .map(|symbol| Symbol::new(symbol, rules(&symbol.limits)))
            .collect();
        let desks = setup.desks.iter().map(|of| &of.limits);
        let groups = setup.groups.iter().map(|of| &of.limits);
        let other_rules = desks.chain(groups).map(rules).collect();
        let calendars = Calendars::new(setup);
        assert!(usize::from(capacity.continuation_frames_max) <= EFFECTS_MAX / 2);
        let links = setup.brokers.iter().map(BrokerLink::new).collect();
        let mut core = Self {
            capacity,
            answer_timeout: setup.answer_timeout,
            orders: Orders::new(capacity.orders, capacity.orders_closed),
            client_order_ids: ClientOrderIds::new(
                capacity.client_order_ids as usize,
                capacity.client_order_id_horizon,
                seed,
            ),
            execution_ids: ExecutionIds::new(capacity.executions as usize, seed),
            exposure: Exposure::new(setup),
            routes: Routes::new(capacity.positions as usize, seed),
            rates,
            firm_rules,
            other_rules,
            paces_cancels: setup.limits().any(|limits| !limits.cancel_rate.is_empty()),
            accounts,
            strategies,
            symbols,
            quoted: setup.symbols.clone(),
            references: vec![Reference::default(); setup.symbols.len()],
            links,
            calendars,
            parents: Parents::new(&capacity, seed),
            owners: own::owners(setup),
            own: Own::new(setup),
            locates: short::locates(setup),
            funds: funds::funds(setup),
            overrides: Overrides::new(setup),
            responses: Responses::new(setup),
            trial: basket::trial(),
            raises: Raises::new(setup),
            in_force: InForce::new(setup),
            currencies: Currencies::new(setup),
            freshness: freshness(setup),
            losses: Losses::default(),
            exits: Exits::new(capacity.positions),
            exit_policy: setup.exit_policy,
            exchanged: Vec::with_capacity(2 * setup.symbols.len()),
            sweep_remaining: 0,
            sweep_next: 0,
            sweep_slots: 0,
            serial: 0,
            now: Nanos::ZERO,
            counts: Counts::default(),
            digest: 0,
        };
        core.arm_losses(setup);
        core.reprice_all();
        core
    }

    /// What currencies are worth goes into every symbol that is counted in another than the firm's own.
    pub(super) fn reprice_all(&mut self) {
        for at in 0..self.quoted.len() {
            if self.quoted[at].currency != 0 || self.quoted[at].settlement != 0 {
                self.reprice(at);
            }
        }
    }

    /// Takes one event in: decides, changes the state, and says what is to be sent.
    ///
    /// `continuations` are the frames behind the head. `effects` has been cleared.
    #[inline]
    pub fn step(
        &mut self,
        event: &Frame,
        continuations: &[Frame],
        effects: &mut Effects,
    ) -> Decision {
        let header = &event.header;
        self.advance(header.time);
        self.counts.events += 1;
        let decision = match event.kind() {
            Some(Kind::NewOrder) => {
                self.new_order(header, event.body::<NewOrder>(), continuations, effects)
            }
            Some(Kind::Cancel) => self.cancel(header, event.body::<Cancel>(), effects),
            Some(Kind::Replace) => {
                self.replace(header, event.body::<Replace>(), continuations, effects)
            }
            Some(Kind::Basket) => {
                self.basket(header, event.body::<Basket>(), continuations, effects)
            }
            Some(Kind::Report) => self.report(header, event.body::<Report>(), effects),
            Some(Kind::Quote) => plain(self.quote(event.body::<Quote>(), self.now)),
            Some(Kind::Tick) => plain(self.tick(effects)),
            Some(Kind::Kill) => plain(self.kill(event.body::<Control>())),
            Some(Kind::Raise) => plain(self.raise(event.body::<Control>())),
            Some(Kind::Link) => plain(self.link(event.body::<Link>())),
            Some(Kind::SessionChange) => {
                plain(self.session_change(header, event.body::<SessionChange>()))
            }
            Some(Kind::Settle) => self.settle(event.body::<Settle>(), effects),
            Some(Kind::Locate) => plain(self.locate(event.body::<Locate>())),
            Some(Kind::Limit) => plain(self.change_limit(event.body::<LimitChange>())),
            Some(Kind::Adjust) => plain(self.adjust(event.body::<Adjust>())),
            Some(Kind::Exit) => plain(self.change_exit(event.body::<ExitChange>())),
            Some(Kind::Override) => plain(self.ask_override(event.body::<Override>())),
            _ => plain(Outcome::NotPermitted),
        };
        if self.exits.due() <= self.now {
            self.drive_exits(effects);
        }
        match decision.outcome {
            Outcome::OrderUnknown => self.counts.unknown_reports += 1,
            Outcome::Duplicate => self.counts.duplicate_reports += 1,
            Outcome::LateFill => self.counts.late_fills += 1,
            Outcome::OverFill => self.counts.over_fills += 1,
            Outcome::Implausible => self.counts.implausible += 1,
            _ => {}
        }
        self.fold(event, &decision);
        decision
    }

    /// Time goes on, and never back.
    #[inline]
    pub(super) fn advance(&mut self, time: Nanos) {
        self.now = self.now.max(time);
        if self.next_turn() <= self.now {
            self.turn();
        }
    }

    /// The digest of all that has happened: the same after the same events, and after no others.
    pub const fn digest(&self) -> u64 {
        self.digest
    }

    /// The time of the last event.
    pub const fn now(&self) -> Nanos {
        self.now
    }

    /// When a tick is due: [`Nanos::ZERO`] at once, [`Nanos::MAX`] never.
    #[inline]
    pub fn next_deadline(&self) -> Nanos {
        if self.sweep_remaining != 0 {
            return Nanos::ZERO;
        }
        self.orders
            .first_waiting()
            .map_or(Nanos::MAX, |(_, deadline)| deadline)
            .min(self.next_turn())
            .min(self.exits.due())
    }

    /// The order that a client order id leads to, live or remembered.
    pub fn order_id(&self, account: AccountId, text: &Text) -> Option<OrderId> {
        let id = self.client_order_ids.find(account, text).ok()?;
        self.orders.slot(id).map(|_| id)
    }

    /// Mixes what the event did into the digest: the decision and every sum it may have changed.
    #[inline]
    fn fold(&mut self, event: &Frame, decision: &Decision) {
        let header = &event.header;
        let what = u64::from(header.kind) << 56
            | (decision.outcome as u64) << 48
            | u64::from(decision.reason.map_or(0, |reason| reason as u16)) << 32
            | u64::from(header.strategy.0);
        let [low, high] = decision.failed.bits();
        let firm = &self.exposure.firm;
        let mut digest = mix(
            self.digest ^ header.time.raw() ^ low.rotate_left(32) ^ decision.order_id.0,
            what ^ high ^ decision.value as u64,
        );
        digest = mix(digest ^ self.serial, firm.profit.raw() as u64);
        digest = mix(
            digest ^ firm.open_notional.raw() as u64,
            firm.gross.raw() as u64 ^ u64::from(firm.open_count) << 32,
        );
        if let Some(slot) = self.orders.slot(decision.order_id) {
            let order = self.orders.get(slot);
            let cell = self.exposure.cell(order.account_cell);
            digest = mix(
                digest ^ cell.position.raw() as u64 ^ cell.open_buy.raw().rotate_left(21),
                cell.open_sell.raw() ^ order.reserved.raw().rotate_left(42) ^ order.filled.raw(),
            );
        }
        self.digest = digest;
    }

    /// Sends a strategy its next report.
    #[inline]
    pub(super) fn tell<B: crate::message::Body>(
        &mut self,
        effects: &mut Effects,
        kind: Kind,
        strategy: StrategyId,
        correlation: u64,
        body: B,
    ) {
        let Some(row) = self.strategies.get_mut(strategy.0 as usize) else {
            return;
        };
        row.report_sequence += 1;
        let header = Header {
            sequence: row.report_sequence,
            time: self.now,
            correlation,
            strategy,
            ..Header::default()
        };
        effects.to_strategy.push(Frame::new(kind, header, body));
    }

    /// Sends a broker what was decided, and what is to be passed on with it.
    #[inline]
    pub(super) fn send(effects: &mut Effects, approved: Approved, continuations: &[Frame]) {
        effects.to_broker.push(approved);
        for frame in continuations {
            effects.to_broker.push(Approved::continuation(*frame));
        }
    }
}

/// A decision that says no more than what became of the event.
#[inline]
pub(super) const fn plain(outcome: Outcome) -> Decision {
    Decision {
        outcome,
        reason: None,
        failed: Failed::NONE,
        limit: 0,
        value: 0,
        order_id: OrderId::NONE,
    }
}

/// A refusal for what was found.
#[inline]
pub(super) fn refused(found: &Findings) -> Decision {
    Decision {
        outcome: Outcome::Refused,
        reason: match found.is_cut {
            true => Some(RejectReason::OrderCut),
            false => found.failed.first(),
        },
        failed: found.failed,
        limit: found.limit,
        value: found.value,
        order_id: OrderId::NONE,
    }
}

/// A decision about an order.
#[inline]
pub(super) const fn about(outcome: Outcome, order_id: OrderId) -> Decision {
    Decision {
        order_id,
        ..plain(outcome)
    }
}
