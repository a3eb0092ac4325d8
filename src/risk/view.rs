//! View: the state as others may see it. Cold: followers, `try` and tests ask here.

use super::basket;
use super::calendar::Calendars;
use super::cell::{Cell, NO_CELL, contribution};
use super::check::wide;
use super::core::{Account, Core, Counts, Strategy, Symbol};
use super::duplicate::Recent;
use super::exits::Exits;
use super::exposure::Exposure;
use super::identity::{ClientOrderIds, ExecutionIds};
use super::index::mix;
use super::level::{Level, Whose, armed};
use super::losses::Losses;
use super::market::Reference;
use super::money::currency::Currencies;
use super::money::fees::Fees;
use super::money::freshness::Freshness;
use super::money::ledger::Ledger;
use super::moves::Moves;
use super::order::{Order, Orders};
use super::own::Own;
use super::parents::Parents;
use super::respond::Responses;
use super::route::Routes;
use super::rules::Rules;
use super::setup::{self, Setup};
use super::short::{Located, is_watched};
use super::tail::Tail;
use crate::message::{Scope, Side, Text};
use crate::reject::RejectReason;
use crate::units::{
    AccountId, Amount, BrokerId, Nanos, Notional, Position, Price, StrategyId, SymbolId,
};

/// What one level has at risk.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LevelView {
    /// Live orders.
    pub open_count: u32,
    /// Their value.
    pub open_notional: Notional,
    /// The highest it was.
    pub open_notional_peak: Notional,
    /// Worst net positions, added up.
    pub gross: Notional,
    /// All positions together, bought less sold, if every live buy fills and no sell; and the other
    /// way round, towards the short side. In 1e-17.
    pub net: [i128; 2],
    /// What its books have brought and would bring now, fees taken off.
    pub profit: Amount,
    /// What that was when the trading day began.
    pub profit_before: Amount,
    /// Its highest.
    pub profit_peak: Amount,
    /// How far it has fallen from its highest at the most.
    pub drawdown_peak: Amount,
    /// What that highest was.
    pub drawdown_from: Amount,
    /// How many of its books nobody can value now.
    pub blind_count: u32,
    /// It has lost too much.
    pub is_halted: bool,
    /// The kill switch is down.
    pub is_killed: bool,
}

impl From<&Level> for LevelView {
    fn from(level: &Level) -> Self {
        Self {
            open_count: level.open_count,
            open_notional: level.open_notional,
            open_notional_peak: level.open_notional_peak,
            gross: level.gross,
            net: level.net,
            profit: level.profit,
            profit_before: level.profit_before,
            profit_peak: level.profit_peak,
            drawdown_peak: level.drawdown_peak,
            drawdown_from: level.drawdown_from,
            blind_count: level.blind_count,
            is_halted: level.is_halted,
            is_killed: level.is_killed,
        }
    }
}

impl Core {
    /// How often each thing happened.
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Live orders.
    pub fn orders(&self) -> impl Iterator<Item = &Order> {
        self.orders.iter().filter(|order| order.is_live())
    }

    /// Live orders, counted.
    pub const fn orders_open_count(&self) -> u32 {
        self.orders.live_count()
    }

    /// The most there were at a time.
    pub const fn orders_open_peak(&self) -> u32 {
        self.orders.live_peak()
    }

    /// Live orders of which nobody knows what became.
    pub fn orders_in_doubt_count(&self) -> usize {
        self.orders()
            .filter(|order| self.is_in_doubt(order))
            .count()
    }

    /// One level: `target` is its place, and of no meaning for the firm.
    pub fn level(&self, scope: Scope, target: u32) -> Option<LevelView> {
        let level = match scope {
            Scope::Firm => Some(&self.exposure.firm),
            Scope::Account => self.exposure.accounts.get(target as usize),
            Scope::Strategy => self.exposure.strategies.get(target as usize),
            Scope::Symbol => self.exposure.symbols.get(target as usize),
            Scope::Desk | Scope::Group => self.exposure.other(scope, target),
        };
        level.map(LevelView::from)
    }

    /// How many orders a strategy has sent since a person last raised it, and how many it may send;
    /// `None` where that is not limited.
    pub fn orders_unattended(&self, strategy: StrategyId) -> Option<(u64, u64)> {
        let row = self.strategies.get(strategy.0 as usize)?;
        let max = row.orders_unattended_max;
        (max != u64::MAX).then_some((row.orders_unattended, max))
    }

    /// Whether some have asked to raise it, and others still must.
    pub fn is_raise_waiting(&self, scope: Scope, target: u32) -> bool {
        self.raises.is_waiting(scope, target)
    }

    /// How many persons are still to ask for an override that somebody has asked for.
    pub fn override_persons_missing(&self, account: AccountId, id: &Text) -> Option<usize> {
        self.overrides.persons_missing(account, id)
    }

    /// How much of each limit on sums an order's levels use: whose it is, the reason for which it would
    /// refuse, the limit and what there is.
    pub fn used_limits(
        &self,
        order: &Order,
        mut see: impl FnMut(Scope, u32, RejectReason, i128, i128),
    ) {
        let exposure = &self.exposure;
        let (account, strategy, symbol) = (order.account.0, order.strategy.0, order.symbol.0);
        let of_account = exposure.cell(order.account_cell);
        let of_desk = exposure.desk_cell(of_account.above);
        let mark = exposure.mark(symbol);
        let four = [
            &exposure.symbols[symbol as usize],
            &exposure.strategies[strategy as usize],
            &exposure.accounts[account as usize],
            &exposure.firm,
        ];
        for level in four.into_iter().chain(exposure.beside(account, symbol)) {
            let (bounds, whose) = (&level.bounds, level.whose);
            let Some(scope) = Scope::from_byte(whose.scope()) else {
                continue;
            };
            let cell = match scope {
                Scope::Strategy => exposure.cell(order.strategy_cell),
                Scope::Account => of_account,
                Scope::Desk => of_desk,
                Scope::Firm | Scope::Symbol | Scope::Group => exposure.symbol_cell(symbol),
            };
            let worst = cell.worst_now(Side::Buy).max(cell.worst_now(Side::Sell));
            let value = contribution(worst, mark);
            let count = (bounds.open_orders_max.into(), level.open_count.into());
            let max = |raw| wide(Notional::from_raw(raw));
            let open = (max(bounds.open_notional_max), wide(level.open_notional));
            let position = (bounds.position_qty_max.into(), worst.into());
            let valued = (max(bounds.position_value_max), wide(value));
            let gross = (max(bounds.gross_exposure_max), wide(level.gross));
            let net = level.net[0].max(level.net[1]);
            let net = (max(bounds.net_exposure_max), net);
            for (bit, reason, (limit, value)) in [
                (armed::OPEN_ORDERS, RejectReason::OrdersOpenAboveMax, count),
                (
                    armed::OPEN_NOTIONAL,
                    RejectReason::OpenNotionalAboveMax,
                    open,
                ),
                (
                    armed::POSITION_QTY,
                    RejectReason::PositionQtyAboveMax,
                    position,
                ),
                (
                    armed::POSITION_VALUE,
                    RejectReason::PositionValueAboveMax,
                    valued,
                ),
                (
                    armed::GROSS_EXPOSURE,
                    RejectReason::GrossExposureAboveMax,
                    gross,
                ),
                (armed::NET_EXPOSURE, RejectReason::NetExposureAboveMax, net),
            ] {
                if bounds.armed & bit != 0 {
                    see(scope, whose.target(), reason, limit, value);
                }
            }
            exposure.used_tails(whose, false, |reason, limit, value| {
                see(scope, whose.target(), reason, limit, value);
            });
        }
    }

    /// Tells each limit on the tail of a level, and what the level could lose by that figure now; nothing
    /// where that is not known.
    pub fn tails(&self, scope: Scope, target: u32, see: impl FnMut(RejectReason, i128, i128)) {
        let whose = match scope {
            Scope::Firm => Whose::FIRM,
            _ => Whose::new(scope, target),
        };
        self.exposure.used_tails(whose, true, see);
    }

    /// What an account, or else a strategy, has paid and earned in a symbol.
    pub fn ledger(&self, is_account: bool, owner: u32, symbol: SymbolId) -> Option<&Ledger> {
        let at = self.exposure.find(is_account, owner, symbol.0);
        self.exposure.books.ledger(at)
    }

    /// The book of an account, or else of a strategy, in a symbol.
    pub fn position(&self, is_account: bool, owner: u32, symbol: SymbolId) -> Option<&Cell> {
        let at = self.exposure.find(is_account, owner, symbol.0);
        (at != NO_CELL).then(|| self.exposure.cell(at))
    }

    /// What the currency that a symbol settles in was last worth in the firm's; `None` where nobody knows.
    pub fn settlement_rate(&self, symbol: SymbolId) -> Option<Price> {
        let rate = self.exposure.books.pricing(symbol.0).rate?;
        Some(Price::from_raw(i64::try_from(rate).unwrap_or(i64::MAX)))
    }

    /// What a position in a symbol is worth now, in the currency that it settles in; `None` where nobody
    /// knows.
    pub fn settlement_value(&self, symbol: SymbolId, position: Position) -> Option<Amount> {
        self.exposure.books.settlement_value(symbol.0, position)
    }

    /// What a position in a symbol is worth now, in the firm's currency; `None` where nobody knows.
    pub fn market_value(&self, symbol: SymbolId, position: Position) -> Option<Amount> {
        self.exposure.books.market_value(symbol.0, position)
    }

    /// How many lots had no room and were added to the one before.
    pub fn lots_merged(&self) -> u64 {
        self.exposure.books.lots_merged()
    }

    /// The books of accounts, by account and symbol as they came.
    pub fn account_positions(&self) -> impl Iterator<Item = &Cell> {
        self.exposure.cells(true)
    }

    /// The books of strategies.
    pub fn strategy_positions(&self) -> impl Iterator<Item = &Cell> {
        self.exposure.cells(false)
    }

    /// The books of desks.
    pub fn desk_positions(&self) -> &[Cell] {
        self.exposure.desk_cells()
    }

    /// The firm's book in each symbol.
    pub fn symbol_positions(&self) -> &[Cell] {
        self.exposure.symbol_cells()
    }

    /// Twice the last good price of a symbol that its orders are measured by now, when it came, and
    /// whether it may be used.
    pub fn reference(&self, symbol: SymbolId) -> Option<(i128, Nanos, bool)> {
        let reference = self.references.get(symbol.0 as usize)?;
        reference.last_good(self.reference_kind(symbol.0 as usize))
    }

    /// The last counted command that a strategy sent, and how many reports it was sent.
    pub fn session(&self, strategy: StrategyId) -> Option<(u64, u64)> {
        let row = self.strategies.get(strategy.0 as usize)?;
        Some((row.command_sequence, row.report_sequence))
    }

    /// The number of the last report of a broker, and its link's [`crate::message::LinkState`].
    pub fn broker(&self, broker: BrokerId) -> Option<(u64, u8)> {
        self.links
            .get(broker.0 as usize)
            .map(|link| (link.report_sequence, link.state))
    }

    /// How full the tables are: live orders, client order ids, positions.
    pub fn used(&self) -> [(&'static str, usize, usize); 3] {
        let of = &self.capacity;
        [
            (
                "orders",
                self.orders.live_count() as usize,
                of.orders as usize,
            ),
            (
                "client_order_ids",
                self.client_order_ids.count(),
                of.client_order_ids as usize,
            ),
            (
                "positions",
                self.exposure.cell_count() as usize,
                of.positions as usize,
            ),
        ]
    }

    /// A hash of the whole state, walked in a fixed order: equal states, equal hashes.
    pub fn state_hash(&self) -> u64 {
        let mut hash = 0;
        let mut add = |a: u64, b: u64| hash = mix(hash ^ a, b);
        add(self.digest(), self.serial);
        for order in self.orders.iter() {
            add(order.id.0, order.filled.raw());
            add(order.qty.raw(), order.price.raw() as u64);
            add(order.reserved.raw(), order.reserved_notional.raw() as u64);
            add(self.state(order) as u64, u64::from(order.request));
            let replacement = self.replacement(order).copied().unwrap_or_default();
            add(replacement.qty.raw(), replacement.limit.raw() as u64);
        }
        for is_account in [true, false] {
            for cell in self.exposure.cells(is_account) {
                add(
                    u64::from(cell.owner) << 32 | u64::from(cell.symbol),
                    cell.position.raw() as u64,
                );
                add(cell.open_buy.raw(), cell.open_sell.raw());
            }
        }
        let exposure = &self.exposure;
        let rows = [&exposure.accounts, &exposure.strategies, &exposure.symbols];
        let firm = [&exposure.firm];
        let levels = rows
            .into_iter()
            .flatten()
            .chain(firm)
            .chain(&exposure.others);
        for level in levels {
            add(level.open_notional.raw() as u64, level.gross.raw() as u64);
            add(level.net[0] as u64, level.net[1] as u64);
            add(u64::from(level.open_count), u64::from(level.is_killed));
            level.day.hash(&mut add);
            add(level.profit.raw() as u64, level.profit_peak.raw() as u64);
            add(
                level.profit_before.raw() as u64,
                u64::from(level.blind_count),
            );
        }
        for reference in &self.references {
            reference.hash(&mut add);
        }
        self.calendars.hash(&mut add);
        self.parents.hash_state(&mut add);
        self.in_force.hash(&mut add);
        self.exposure.books.hash(&mut add);
        self.currencies.hash(&mut add);
        self.losses.hash(&mut add);
        self.exits.hash(&mut add);
        self.hash_located(&mut add);
        self.hash_funds(&mut add);
        self.overrides.hash(&mut add);
        if let Some(responses) = &self.responses {
            responses.hash(&mut add);
        }
        for strategy in &self.strategies {
            add(strategy.command_sequence, strategy.report_sequence);
            add(strategy.orders_unattended, strategy.orders_unattended_max);
        }
        for moves in self
            .symbols
            .iter()
            .filter_map(|symbol| symbol.moves.as_ref())
        {
            moves.hash(&mut add);
        }
        hash
    }
}

/// What the core takes at its start, by table, in bytes.
pub fn memory_bytes(setup: &Setup) -> Vec<(&'static str, usize)> {
    let of = &setup.capacity;
    let (accounts, strategies, symbols) = (
        setup.accounts.len(),
        setup.strategies.len(),
        setup.symbols.len(),
    );
    let windows = setup
        .limits()
        .filter(|limits| limits.duplicate_window.is_some());
    let windows = windows.map(|limits| {
        let capacity = of.duplicates_per_window as usize;
        Recent::size_bytes(limits.duplicates(), capacity) + size_of::<Recent>()
    });
    let times = setup.limits().flat_map(|limits| {
        let rates = limits.order_rate.iter().chain(&limits.new_order_rate);
        rates.chain(&limits.replace_rate).chain(&limits.cancel_rate)
    });
    let times = times.map(|rate| rate.count as usize);
    let lists = |symbols: &[SymbolId]| size_of_val(symbols);
    let watched = match Losses::needs_marks(setup) {
        true => Freshness::SYMBOL_SIZE,
        false => 0,
    };
    let fees = setup.symbols.iter().filter(|of| of.fees.is_some()).count();
    let others = setup.desks.len() + setup.groups.len();
    vec![
        (
            "orders",
            Orders::size_bytes(of.orders as usize, of.orders_closed as usize),
        ),
        (
            "client order ids",
            ClientOrderIds::size_bytes(of.client_order_ids as usize),
        ),
        (
            "executions",
            ExecutionIds::size_bytes(of.executions as usize),
        ),
        (
            "positions",
            Exposure::size_bytes(setup) + Routes::size_bytes(of.positions as usize),
        ),
        ("duplicate windows", windows.sum::<usize>()),
        ("rate windows", times.sum::<usize>() * size_of::<Nanos>()),
        ("calendars", Calendars::size_bytes(setup)),
        ("parents", Parents::size_bytes(of.parents as usize)),
        ("own orders by price", Own::size_bytes(setup)),
        ("responses", Responses::size_bytes(setup)),
        ("baskets", basket::TRIAL_SIZE_BYTES),
        ("currencies", Currencies::size_bytes(setup)),
        ("losses", Losses::size_bytes(setup)),
        ("exits", Exits::size_bytes(of.positions as usize)),
        ("tails", Tail::size_bytes(setup)),
        (
            "locates",
            match is_watched(setup) {
                true => of.positions as usize * size_of::<Located>(),
                false => 0,
            },
        ),
        (
            "desks and groups",
            others * (size_of::<Level>() + size_of::<Rules>()),
        ),
        (
            "accounts",
            accounts * (size_of::<Level>() + size_of::<Account>())
                + setup
                    .accounts
                    .iter()
                    .map(|of| lists(&of.restricted))
                    .sum::<usize>(),
        ),
        (
            "strategies",
            strategies
                * (size_of::<Level>() + size_of::<Strategy>() + Strategy::size_bytes(accounts))
                + setup
                    .strategies
                    .iter()
                    .map(|of| lists(&of.restricted))
                    .sum::<usize>(),
        ),
        (
            "symbols",
            symbols
                * (size_of::<Level>()
                    + Exposure::SYMBOL_SIZE
                    + size_of::<Symbol>()
                    + size_of::<setup::Symbol>()
                    + 2 * size_of::<u32>()
                    + watched
                    + size_of::<Reference>())
                + setup
                    .symbols
                    .iter()
                    .filter(|of| of.move_max.is_some())
                    .count()
                    * size_of::<Moves>()
                + fees * size_of::<Fees>(),
        ),
    ]
}
