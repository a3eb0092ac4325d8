//! Exposure: what every level has at risk, if the worst of its live orders fill.
//!
//! Pure. Hot path.
//!
//! A cell is one owner's book in one symbol: its position, and what its live orders may still buy and
//! sell. An account and a strategy have cells; each symbol has one for the whole firm. All change in
//! two places: [`Exposure::book_new`] for an order that has just been checked, [`Exposure::book`].
//!
//! Invariants:
//! - A cell's open quantities are the sums over its live orders of what may still fill.
//! - A level's gross is the sum of the contributions of its cells, each at the symbol's mark.

use super::check::Valuation;
use super::foresee::{hint_at, room_of};
use super::index::{Index, mix};
use super::order::Order;
use super::setup::{Limits, Setup};
use crate::message::Side;
use crate::units::{Nanos, Notional, Position, Price, Qty};

/// One owner's book in one symbol.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Cell {
    /// Bought less sold.
    pub position: Position,
    /// What live orders may still buy.
    pub open_buy: Qty,
    /// What live orders may still sell.
    pub open_sell: Qty,
    /// Highest position there was.
    pub position_high: Position,
    /// Lowest position there was.
    pub position_low: Position,
    /// The account or the strategy.
    pub owner: u32,
    /// The symbol.
    pub symbol: u32,
    /// The worst position on each side, by [`side_index`], as a positive number; of no meaning where
    /// one of them is wider than a position can be.
    worst: [i64; 2],
    is_wide: bool,
    /// Its part of the owner's gross.
    pub(super) contribution: Notional,
    next_in_symbol: u32,
    is_account: bool,
}

/// What one level bounds, and what it has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Level {
    pub(super) limits: Bounds,
    pub(super) open_notional: Notional,
    pub(super) open_notional_peak: Notional,
    pub(super) gross: Notional,
    pub(super) open_count: u32,
    pub(super) is_enabled: bool,
    pub(super) is_killed: bool,
}

/// A level's limits as plain numbers: the widest value stands for off.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) order_notional_max: u128,
    pub(super) open_notional_max: u128,
    pub(super) position_value_max: u128,
    pub(super) gross_exposure_max: u128,
    pub(super) order_qty_max: u64,
    pub(super) position_qty_max: u64,
    pub(super) price_collar: u64,
    pub(super) reference_age_max: Nanos,
    pub(super) open_orders_max: u32,
    /// Which sums are bounded at all: bits of [`armed`].
    pub(super) armed: u8,
}

/// The limits on what a level's live orders and positions come to.
pub(super) mod armed {
    pub(in crate::risk) const OPEN_ORDERS: u8 = 1;
    pub(in crate::risk) const OPEN_NOTIONAL: u8 = 2;
    pub(in crate::risk) const POSITION_QTY: u8 = 4;
    pub(in crate::risk) const POSITION_VALUE: u8 = 8;
    pub(in crate::risk) const GROSS_EXPOSURE: u8 = 16;
    /// Those that need a price to value positions by.
    pub(in crate::risk) const VALUED: u8 = POSITION_VALUE | GROSS_EXPOSURE;
}

impl Bounds {
    fn new(limits: &Limits) -> Self {
        let notional = |limit: Option<Notional>| limit.map_or(u128::MAX, Notional::raw);
        let sums = [
            (armed::OPEN_ORDERS, limits.open_orders_max.is_some()),
            (armed::OPEN_NOTIONAL, limits.open_notional_max.is_some()),
            (armed::POSITION_QTY, limits.position_qty_max.is_some()),
            (armed::POSITION_VALUE, limits.position_value_max.is_some()),
            (armed::GROSS_EXPOSURE, limits.gross_exposure_max.is_some()),
        ];
        Self {
            order_notional_max: notional(limits.order_notional_max),
            open_notional_max: notional(limits.open_notional_max),
            position_value_max: notional(limits.position_value_max),
            gross_exposure_max: notional(limits.gross_exposure_max),
            order_qty_max: limits.order_qty_max.map_or(u64::MAX, Qty::raw),
            position_qty_max: limits.position_qty_max.map_or(u64::MAX, Qty::raw),
            price_collar: limits.price_collar.unwrap_or(u64::MAX),
            reference_age_max: limits.reference_age_max.unwrap_or(Nanos::MAX),
            open_orders_max: limits.open_orders_max.unwrap_or(u32::MAX),
            armed: sums
                .iter()
                .fold(0, |set, (bit, on)| if *on { set | bit } else { set }),
        }
    }
}

impl Level {
    pub(super) fn new(limits: &Limits, is_enabled: bool) -> Self {
        Self {
            limits: Bounds::new(limits),
            open_notional: Notional::ZERO,
            open_notional_peak: Notional::ZERO,
            gross: Notional::ZERO,
            open_count: 0,
            is_enabled,
            is_killed: false,
        }
    }
}

impl Level {
    /// True where the level itself stops every order.
    #[inline]
    pub(super) const fn is_shut(&self) -> bool {
        self.is_killed | !self.is_enabled
    }

    fn adopt(&mut self, limits: &Limits, is_enabled: bool) {
        self.limits = Bounds::new(limits);
        self.is_enabled = is_enabled;
    }
}

/// The levels that an order counts in, and their cells, by place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Places {
    pub(super) symbol: u32,
    pub(super) strategy: u32,
    pub(super) account: u32,
    pub(super) strategy_cell: u32,
    pub(super) account_cell: u32,
}

impl Places {
    #[inline]
    pub(super) const fn of(order: &Order) -> Self {
        Self {
            symbol: order.symbol.0,
            strategy: order.strategy.0,
            account: order.account.0,
            strategy_cell: order.strategy_cell,
            account_cell: order.account_cell,
        }
    }
}

/// How the books change by one event.
#[derive(Clone, Copy, Debug)]
pub(super) struct Change {
    pub(super) side: Side,
    /// Filled now, on that side.
    pub(super) filled: Qty,
    /// What the order had reserved, and has from now on.
    pub(super) reserved: (Qty, Qty),
    /// Its value, likewise.
    pub(super) notional: (Notional, Notional),
    /// An order more, or one less.
    pub(super) orders: i32,
}

/// Every level and every cell.
#[derive(Debug)]
pub(super) struct Exposure {
    pub(super) firm: Level,
    pub(super) accounts: Vec<Level>,
    pub(super) strategies: Vec<Level>,
    pub(super) symbols: Vec<Level>,
    /// The firm's book in each symbol, by symbol.
    symbol_cells: Vec<Cell>,
    /// What a unit of each symbol is worth, by symbol.
    marks: Vec<Price>,
    first_in_symbol: Vec<u32>,
    cells: Vec<Cell>,
    capacity: usize,
    index: Index,
    seed: u64,
}

/// No cell yet.
pub(super) const NO_CELL: u32 = u32::MAX;
const EMPTY: Cell = Cell {
    position: Position::ZERO,
    open_buy: Qty::ZERO,
    open_sell: Qty::ZERO,
    position_high: Position::ZERO,
    position_low: Position::ZERO,
    owner: u32::MAX,
    symbol: u32::MAX,
    worst: [0; 2],
    is_wide: false,
    contribution: Notional::ZERO,
    next_in_symbol: NO_CELL,
    is_account: false,
};

impl Cell {
    /// True where so much more on one side, with all that is live there, brings the position nearer
    /// to zero and never beyond it, however much of it fills.
    pub(super) fn only_reduces(&self, side: Side, more: i64) -> bool {
        let position = i128::from(self.position.raw());
        let (room, open) = match side {
            Side::Buy => (-position, self.open_buy),
            Side::Sell => (position, self.open_sell),
        };
        0 < room && i128::from(open.raw()) + i128::from(more) <= room
    }

    /// The worst position on one side, as a positive number, if its orders there fill and `more`
    /// with them. `None` where that is wider than any position can be.
    #[inline(always)]
    pub(super) fn worst(&self, side: Side, more: i64) -> Option<u64> {
        if self.is_wide {
            return self.worst_exact(side, more);
        }
        let worst = self.worst[side_index(side)].checked_add(more)?;
        Some(worst.max(0) as u64)
    }

    /// The same as things are, where that may be wider than a position: fills of more than was
    /// asked for can make it so.
    #[inline(always)]
    pub(super) fn worst_now(&self, side: Side) -> u64 {
        if self.is_wide {
            return u64::try_from(self.worst_wide(side).max(0)).unwrap_or(u64::MAX);
        }
        self.worst[side_index(side)].max(0) as u64
    }

    #[cold]
    fn worst_exact(&self, side: Side, more: i64) -> Option<u64> {
        let worst = i64::try_from(self.worst_wide(side) + i128::from(more)).ok()?;
        Some(worst.max(0) as u64)
    }

    #[inline]
    fn worst_wide(&self, side: Side) -> i128 {
        match side {
            Side::Buy => i128::from(self.position.raw()) + i128::from(self.open_buy.raw()),
            Side::Sell => i128::from(self.open_sell.raw()) - i128::from(self.position.raw()),
        }
    }

    /// Works out the worst positions anew.
    #[inline]
    fn refresh(&mut self) {
        let narrow = [Side::Buy, Side::Sell].map(|side| i64::try_from(self.worst_wide(side)));
        self.is_wide = narrow.iter().any(Result::is_err);
        self.worst = narrow.map(|worst| worst.unwrap_or(i64::MAX));
    }

    /// The value of the worst position on either side.
    #[inline]
    pub(super) fn value(&self, mark: Price) -> Notional {
        contribution(
            self.worst_now(Side::Buy).max(self.worst_now(Side::Sell)),
            mark,
        )
    }

    /// A new order stands, of which it has been checked that it fits.
    #[inline(always)]
    fn open(&mut self, side: Side, reserved: Qty) {
        let open = match side {
            Side::Buy => &mut self.open_buy,
            Side::Sell => &mut self.open_sell,
        };
        *open = Qty::from_raw(open.raw() + reserved.raw());
        self.worst[side_index(side)] += reserved.raw() as i64;
    }

    /// Books the change, and says what the cell added to its owner's gross before and adds now.
    #[inline]
    fn book_valued(&mut self, change: &Change, mark: Price) -> (Notional, Notional) {
        self.book(change);
        let (old, new) = (self.contribution, self.value(mark));
        self.contribution = new;
        (old, new)
    }

    #[inline]
    fn book(&mut self, change: &Change) {
        let open = match change.side {
            Side::Buy => &mut self.open_buy,
            Side::Sell => &mut self.open_sell,
        };
        *open = Qty::from_raw(open.raw() - change.reserved.0.raw() + change.reserved.1.raw());
        if change.filled != Qty::ZERO {
            let filled = change.filled.raw() as i64;
            let position = self.position.raw();
            self.position = Position::from_raw(match change.side {
                Side::Buy => position.saturating_add(filled),
                Side::Sell => position.saturating_sub(filled),
            });
            self.position_high = self.position_high.max(self.position);
            self.position_low = self.position_low.min(self.position);
        }
        self.refresh();
    }

    /// True where what is worked out once is what it would be now.
    pub(super) fn is_fresh(&self) -> bool {
        let mut anew = *self;
        anew.refresh();
        anew == *self
    }
}

#[inline(always)]
const fn side_index(side: Side) -> usize {
    match side {
        Side::Buy => 0,
        Side::Sell => 1,
    }
}

/// What a worst position adds to a gross sum: capped, so that the sums always fit.
#[inline]
pub(super) fn contribution(worst: u64, mark: Price) -> Notional {
    mark.notional(Qty::from_raw(worst))
        .min(Notional::EXPOSURE_MAX)
}

impl Exposure {
    pub(super) fn new(setup: &Setup) -> Self {
        let symbol_count = setup.symbols.len();
        let capacity = setup.capacity.positions as usize;
        let levels = |limits: &Limits, is_enabled| Level::new(limits, is_enabled);
        Self {
            firm: levels(&setup.firm, true),
            accounts: setup
                .accounts
                .iter()
                .map(|of| levels(&of.limits, of.enabled))
                .collect(),
            strategies: setup
                .strategies
                .iter()
                .map(|of| levels(&of.limits, of.enabled))
                .collect(),
            symbols: setup
                .symbols
                .iter()
                .map(|of| levels(&of.limits, of.enabled))
                .collect(),
            symbol_cells: (0..symbol_count as u32)
                .map(|symbol| Cell { symbol, ..EMPTY })
                .collect(),
            marks: vec![Price::default(); symbol_count],
            first_in_symbol: vec![NO_CELL; symbol_count],
            cells: Vec::with_capacity(capacity),
            capacity,
            index: Index::new(capacity),
            seed: setup.hash_seed,
        }
    }

    /// Goes on under other limits, with room for more.
    pub(super) fn adopt(&mut self, setup: &Setup) {
        self.firm.adopt(&setup.firm, true);
        let rows = |levels: &mut Vec<Level>, limits: Vec<(&Limits, bool)>| {
            for (at, (limits, is_enabled)) in limits.into_iter().enumerate() {
                match levels.get_mut(at) {
                    Some(level) => level.adopt(limits, is_enabled),
                    None => levels.push(Level::new(limits, is_enabled)),
                }
            }
        };
        rows(
            &mut self.accounts,
            setup
                .accounts
                .iter()
                .map(|of| (&of.limits, of.enabled))
                .collect(),
        );
        rows(
            &mut self.strategies,
            setup
                .strategies
                .iter()
                .map(|of| (&of.limits, of.enabled))
                .collect(),
        );
        rows(
            &mut self.symbols,
            setup
                .symbols
                .iter()
                .map(|of| (&of.limits, of.enabled))
                .collect(),
        );
        let (known, count) = (self.symbol_cells.len() as u32, setup.symbols.len());
        self.symbol_cells
            .extend((known..count as u32).map(|symbol| Cell { symbol, ..EMPTY }));
        self.marks.resize(count, Price::default());
        self.first_in_symbol.resize(count, NO_CELL);
        self.capacity = setup.capacity.positions as usize;
        self.cells.reserve_exact(self.capacity - self.cells.len());
        self.index = Index::new(self.capacity);
        for at in 0..self.cells.len() {
            let cell = self.cells[at];
            let hash = self.hash(cell.is_account, cell.owner, cell.symbol);
            self.index.insert(hash, at as u32);
        }
    }

    /// Bytes that so many cells take.
    pub(super) const fn size_bytes(positions: usize) -> usize {
        Index::size_bytes(positions) + positions * size_of::<Cell>()
    }

    /// Bytes that a symbol takes here, its level left aside.
    pub(super) const SYMBOL_SIZE: usize = size_of::<Cell>() + size_of::<Price>() + size_of::<u32>();

    #[inline]
    fn hash(&self, is_account: bool, owner: u32, symbol: u32) -> u64 {
        mix(
            self.seed ^ u64::from(owner),
            u64::from(symbol) << 1 | u64::from(is_account),
        )
    }

    /// The place of an account's, or else a strategy's, cell in a symbol.
    #[inline]
    pub(super) fn find(&self, is_account: bool, owner: u32, symbol: u32) -> u32 {
        let found = self.index.find(self.hash(is_account, owner, symbol), |at| {
            let cell = &self.cells[at as usize];
            cell.symbol == symbol && cell.owner == owner && cell.is_account == is_account
        });
        found.unwrap_or(NO_CELL)
    }

    /// Where what belongs to a symbol will be looked for.
    #[inline]
    pub(super) fn foresee(&self, symbol: usize, hint: &impl Fn(*const u8)) {
        hint_at(&self.symbols, symbol, hint);
        hint_at(&self.symbol_cells, symbol, hint);
        hint_at(&self.marks, symbol, hint);
    }

    pub(super) fn tables(&self, take: &impl Fn(*const u8, usize)) {
        self.index.tables(take);
        room_of(&self.cells, take);
        room_of(&self.symbol_cells, take);
    }

    /// True where so many more cells have room.
    #[inline]
    pub(super) fn has_room(&self, count: usize) -> bool {
        self.cells.len() + count <= self.capacity
    }

    /// The place of a cell, taken now if there was none. The caller has asked for room.
    #[inline]
    pub(super) fn take(&mut self, at: u32, is_account: bool, owner: u32, symbol: u32) -> u32 {
        if at != NO_CELL {
            return at;
        }
        assert!(self.has_room(1), "the caller has asked for room");
        let at = self.cells.len() as u32;
        let next_in_symbol = self.first_in_symbol[symbol as usize];
        self.cells.push(Cell {
            owner,
            symbol,
            is_account,
            next_in_symbol,
            ..EMPTY
        });
        self.first_in_symbol[symbol as usize] = at;
        self.index.insert(self.hash(is_account, owner, symbol), at);
        at
    }

    /// A cell, or an empty one where there is none yet.
    #[inline]
    pub(super) fn cell(&self, at: u32) -> &Cell {
        self.cells.get(at as usize).unwrap_or(&EMPTY)
    }

    /// The firm's book in a symbol.
    #[inline]
    pub(super) fn symbol_cell(&self, symbol: u32) -> &Cell {
        &self.symbol_cells[symbol as usize]
    }

    #[inline]
    pub(super) fn mark(&self, symbol: u32) -> Price {
        self.marks[symbol as usize]
    }

    /// Every account's, or else every strategy's, book.
    pub(super) fn cells(&self, is_account: bool) -> impl Iterator<Item = &Cell> {
        self.cells
            .iter()
            .filter(move |cell| cell.is_account == is_account)
    }

    /// Every symbol's book.
    pub(super) fn symbol_cells(&self) -> &[Cell] {
        &self.symbol_cells
    }

    #[inline]
    pub(super) fn cell_count(&self) -> u32 {
        self.cells.len() as u32
    }

    /// Books a change at every level and in every cell.
    #[inline]
    pub(super) fn book(&mut self, places: Places, change: &Change) {
        let mark = self.marks[places.symbol as usize];
        self.symbol_cells[places.symbol as usize].book(change);
        let gross = self.cells[places.strategy_cell as usize].book_valued(change, mark);
        self.strategies[places.strategy as usize].count(change, gross);
        let gross = self.cells[places.account_cell as usize].book_valued(change, mark);
        self.accounts[places.account as usize].count(change, gross);
        self.symbols[places.symbol as usize].count(change, gross);
        self.firm.count(change, gross);
    }

    /// Books a new order, checked and valued already.
    #[inline(always)]
    pub(super) fn book_new(&mut self, places: Places, side: Side, valuation: &Valuation) {
        let (reserved, notional) = (valuation.reserved, valuation.reserved_notional);
        let [of_strategy, of_account] = valuation.contributions;
        self.symbol_cells[places.symbol as usize].open(side, reserved);
        let cell = &mut self.cells[places.strategy_cell as usize];
        cell.open(side, reserved);
        let more = of_strategy.raw() - cell.contribution.raw();
        cell.contribution = of_strategy;
        self.strategies[places.strategy as usize].open(notional, more);
        let cell = &mut self.cells[places.account_cell as usize];
        cell.open(side, reserved);
        let more = of_account.raw() - cell.contribution.raw();
        cell.contribution = of_account;
        self.accounts[places.account as usize].open(notional, more);
        self.symbols[places.symbol as usize].open(notional, more);
        self.firm.open(notional, more);
    }

    /// The symbol has a new mark: its cells are worth something else.
    pub(super) fn revalue(&mut self, symbol: u32, mark: Price) {
        if self.marks[symbol as usize] == mark {
            return;
        }
        self.marks[symbol as usize] = mark;
        let mut at = self.first_in_symbol[symbol as usize];
        while let Some(cell) = self.cells.get_mut(at as usize) {
            let (old, new) = (cell.contribution, cell.value(mark));
            cell.contribution = new;
            if cell.is_account {
                let account = &mut self.accounts[cell.owner as usize];
                account.gross = moved(account.gross, old, new);
                let level = &mut self.symbols[symbol as usize];
                level.gross = moved(level.gross, old, new);
                self.firm.gross = moved(self.firm.gross, old, new);
            } else {
                let strategy = &mut self.strategies[cell.owner as usize];
                strategy.gross = moved(strategy.gross, old, new);
            }
            at = cell.next_in_symbol;
        }
    }
}

impl Level {
    /// A new order stands, and its book adds `more` to the gross: no sum becomes less.
    #[inline(always)]
    fn open(&mut self, notional: Notional, more: u128) {
        self.gross = Notional::from_raw(self.gross.raw() + more);
        self.open_notional = Notional::from_raw(self.open_notional.raw() + notional.raw());
        if self.open_notional_peak < self.open_notional {
            self.open_notional_peak = self.open_notional;
        }
        self.open_count += 1;
    }

    #[inline]
    fn count(&mut self, change: &Change, gross: (Notional, Notional)) {
        self.gross = moved(self.gross, gross.0, gross.1);
        self.open_notional = moved(self.open_notional, change.notional.0, change.notional.1);
        self.open_notional_peak = self.open_notional_peak.max(self.open_notional);
        self.open_count = self
            .open_count
            .checked_add_signed(change.orders)
            .expect("counted before");
    }
}

/// A sum with one part exchanged. The parts are bounded so that it fits.
#[inline]
fn moved(sum: Notional, old: Notional, new: Notional) -> Notional {
    Notional::from_raw(sum.raw() - old.raw() + new.raw())
}
