//! Exposure: what every level has at risk, if the worst of its live orders fill.
//!
//! Pure. Hot path.
//!
//! A cell is one owner's book in one symbol: its position, and what its live orders may still buy and
//! sell. An account, a strategy and a desk have cells; each symbol has one for the whole firm. All
//! change in two places: [`Exposure::book_new`] for an order that has just been checked,
//! [`Exposure::book`].
//!
//! Desks and groups stand in one list, as what an order counts in beside its symbol, its strategy, its
//! account and the firm: its account's desk, and the groups that its symbol is in.
//!
//! Invariants:
//! - A cell's open quantities are the sums over its live orders of what may still fill.
//! - A level's gross and net are the sums of what its cells add, each at the symbol's mark: of a
//!   strategy its own cells, of any other level those of accounts.

use super::cell::{Cell, Change, EMPTY, NO_CELL};
use super::check::Valuation;
use super::day::Day;
use super::foresee::{hint_at, room_of};
use super::index::{Index, mix};
use super::level::{Added, Level, Whose};
use super::money::books::{Books, Pricing};
use super::money::ledger::{Ledger, Lots};
use super::order::Order;
use super::setup::{GROUPS_PER_SYMBOL_MAX, Limits, Setup};
use super::tail::{Splitted, Tail};
use crate::message::{Scope, Side};
use crate::units::{Price, Qty};
use arrayvec::ArrayVec;

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

/// The groups that a symbol is in, by place in the list of desks and groups.
pub(super) type Groups = ArrayVec<u32, GROUPS_PER_SYMBOL_MAX>;

/// Every level and every cell.
#[derive(Debug)]
pub(super) struct Exposure {
    pub(super) firm: Level,
    pub(super) accounts: Vec<Level>,
    pub(super) strategies: Vec<Level>,
    pub(super) symbols: Vec<Level>,
    /// Desks, and groups behind them.
    pub(super) others: Vec<Level>,
    pub(super) desk_count: u32,
    /// By account: the place of its desk, or [`NO_DESK`].
    pub(super) desks: Vec<u32>,
    /// By symbol.
    pub(super) groups: Vec<Groups>,
    /// The firm's book in each symbol, by symbol.
    symbol_cells: Vec<Cell>,
    /// What a unit of each symbol is worth, by symbol.
    marks: Vec<Price>,
    first_in_symbol: Vec<u32>,
    cells: Vec<Cell>,
    /// What each has paid and earned.
    pub(super) books: Books,
    capacity: usize,
    index: Index,
    /// There are never more of them than of accounts, so they have room.
    desk_cells: Vec<Cell>,
    desk_index: Index,
    /// Some level limits its net: only then is it kept.
    pub(super) has_net: bool,
    pub(super) tail: Tail,
    seed: u64,
}

/// An account that is of no desk.
pub(super) const NO_DESK: u32 = u32::MAX;

/// The limits of one kind of level, and whether each is enabled, by place.
type Rows<'a> = Vec<(&'a Limits, bool)>;

fn account_rows(setup: &Setup) -> Rows<'_> {
    let rows = setup.accounts.iter();
    rows.map(|of| (&of.limits, of.enabled)).collect()
}

fn strategy_rows(setup: &Setup) -> Rows<'_> {
    let rows = setup.strategies.iter();
    rows.map(|of| (&of.limits, of.enabled)).collect()
}

fn symbol_rows(setup: &Setup) -> Rows<'_> {
    let rows = setup.symbols.iter();
    rows.map(|of| (&of.limits, of.enabled)).collect()
}

/// Goes on with the levels of one kind, new ones behind them.
fn adopt_rows(levels: &mut Vec<Level>, scope: Scope, rows: Rows<'_>) {
    levels.reserve_exact(rows.len().saturating_sub(levels.len()));
    for (at, (limits, is_enabled)) in rows.into_iter().enumerate() {
        match levels.get_mut(at) {
            Some(level) => level.adopt(limits, is_enabled),
            None => {
                let whose = Whose::new(scope, at as u32);
                levels.push(Level::new(whose, limits, is_enabled));
            }
        }
    }
}

/// Every desk and every group.
fn others(setup: &Setup) -> Vec<Level> {
    let desks = setup.desks.iter().enumerate().map(|(at, of)| {
        let whose = Whose::new(Scope::Desk, at as u32);
        Level::new(whose, &of.limits, of.enabled)
    });
    let groups = setup.groups.iter().enumerate().map(|(at, of)| {
        let whose = Whose::new(Scope::Group, at as u32);
        Level::new(whose, &of.limits, of.enabled)
    });
    desks.chain(groups).collect()
}

fn desks(setup: &Setup) -> Vec<u32> {
    let accounts = setup.accounts.iter();
    accounts
        .map(|of| of.desk.map_or(NO_DESK, |desk| desk.0))
        .collect()
}

fn groups(setup: &Setup) -> Vec<Groups> {
    let mut groups = vec![Groups::new(); setup.symbols.len()];
    for (at, group) in setup.groups.iter().enumerate() {
        for symbol in &group.symbols {
            groups[symbol.0 as usize].push((setup.desks.len() + at) as u32);
        }
    }
    groups
}

impl Exposure {
    pub(super) fn new(setup: &Setup) -> Self {
        let symbol_count = setup.symbols.len();
        let capacity = setup.capacity.positions as usize;
        let levels = |scope, rows| {
            let mut levels = Vec::new();
            adopt_rows(&mut levels, scope, rows);
            levels
        };
        let desk_capacity = desk_capacity(setup);
        let mut exposure = Self {
            firm: Level::new(Whose::FIRM, &setup.firm, true),
            accounts: levels(Scope::Account, account_rows(setup)),
            strategies: levels(Scope::Strategy, strategy_rows(setup)),
            symbols: levels(Scope::Symbol, symbol_rows(setup)),
            others: others(setup),
            desk_count: setup.desks.len() as u32,
            desks: desks(setup),
            groups: groups(setup),
            symbol_cells: (0..symbol_count as u32)
                .map(|symbol| Cell { symbol, ..EMPTY })
                .collect(),
            marks: vec![Price::default(); symbol_count],
            first_in_symbol: vec![NO_CELL; symbol_count],
            cells: Vec::with_capacity(capacity),
            books: Books::new(setup),
            capacity,
            index: Index::new(capacity),
            desk_cells: Vec::with_capacity(desk_capacity),
            desk_index: Index::new(desk_capacity),
            has_net: has_net(setup),
            tail: Tail::default(),
            seed: setup.hash_seed,
        };
        exposure.arm_all_tails(setup);
        exposure
    }

    /// Goes on under other limits, with room for more. What desks and groups have is added up anew:
    /// who belongs to them may have changed.
    pub(super) fn adopt<'a>(&mut self, setup: &Setup, live: impl Iterator<Item = &'a Order>) {
        self.firm.adopt(&setup.firm, true);
        adopt_rows(&mut self.accounts, Scope::Account, account_rows(setup));
        adopt_rows(&mut self.strategies, Scope::Strategy, strategy_rows(setup));
        adopt_rows(&mut self.symbols, Scope::Symbol, symbol_rows(setup));
        let (known, count) = (self.symbol_cells.len() as u32, setup.symbols.len());
        self.symbol_cells
            .extend((known..count as u32).map(|symbol| Cell { symbol, ..EMPTY }));
        self.marks.resize(count, Price::default());
        self.first_in_symbol.resize(count, NO_CELL);
        self.capacity = setup.capacity.positions as usize;
        self.cells.reserve_exact(self.capacity - self.cells.len());
        let owners = self.cells.iter();
        let owners = owners.map(|cell| (cell.is_account, cell.owner, cell.position));
        self.books.adopt(setup, owners);
        self.index = Index::new(self.capacity);
        for at in 0..self.cells.len() {
            let cell = self.cells[at];
            let hash = self.hash(cell.is_account, cell.owner, cell.symbol);
            self.index.insert(hash, at as u32);
        }
        self.adopt_others(setup, live);
        self.has_net = has_net(setup);
        self.add_up_net();
        self.arm_all_tails(setup);
    }

    /// From now on the net is kept, if it was not.
    pub(super) fn keep_net(&mut self, is_limited: bool) {
        if is_limited && !self.has_net {
            self.has_net = true;
            self.add_up_net();
        }
    }

    /// Adds up every net anew.
    fn add_up_net(&mut self) {
        self.each_level(|level| level.net = [0; 2]);
        for at in 0..self.cells.len() {
            let cell = self.cells[at];
            let added = self.added(&cell, self.marks[cell.symbol as usize]);
            let net = added.net;
            let add = |level: &mut Level| {
                for (sum, more) in level.net.iter_mut().zip(net) {
                    *sum += more;
                }
            };
            if !cell.is_account {
                add(&mut self.strategies[cell.owner as usize]);
                continue;
            }
            add(&mut self.accounts[cell.owner as usize]);
            add(&mut self.symbols[cell.symbol as usize]);
            add(&mut self.firm);
            let beside = Beside::of(&self.desks, &self.groups, cell.owner, cell.symbol);
            beside.each(&mut self.others, add);
        }
    }

    /// What a cell adds to its level.
    pub(super) fn added(&self, cell: &Cell, mark: Price) -> Added {
        cell.added(mark, self.has_net)
    }

    fn adopt_others<'a>(&mut self, setup: &Setup, live: impl Iterator<Item = &'a Order>) {
        let old = std::mem::replace(&mut self.others, others(setup));
        for level in &mut self.others {
            let Some(old) = old.iter().find(|old| old.whose == level.whose) else {
                continue;
            };
            level.is_killed = old.is_killed;
            level.is_halted = old.is_halted;
            level.profit_before = old.profit_before;
            level.profit_peak = old.profit_peak;
            level.drawdown_peak = old.drawdown_peak;
            level.day = Day {
                open_qty: 0,
                ..old.day
            };
        }
        self.desk_count = setup.desks.len() as u32;
        self.desks = desks(setup);
        self.groups = groups(setup);
        let desk_capacity = desk_capacity(setup);
        self.desk_cells = Vec::with_capacity(desk_capacity);
        self.desk_index = Index::new(desk_capacity);
        for order in live {
            let change = Change::opened(order);
            let beside = Beside::of(&self.desks, &self.groups, order.account.0, order.symbol.0);
            beside.each(&mut self.others, |level| level.count(&change));
        }
        for at in 0..self.cells.len() {
            let cell = self.cells[at];
            if !cell.is_account {
                continue;
            }
            let added = self.added(&cell, self.marks[cell.symbol as usize]);
            let beside = Beside::of(&self.desks, &self.groups, cell.owner, cell.symbol);
            beside.each(&mut self.others, |level| {
                level.exchange(&Added::NOTHING, &added);
            });
            let above = self.take_desk_cell(cell.owner, cell.symbol);
            self.cells[at].above = above;
            if let Some(desk_cell) = self.desk_cells.get_mut(above as usize) {
                desk_cell.absorb(&cell);
            }
        }
    }

    /// Bytes that so many cells take.
    pub(super) fn size_bytes(setup: &Setup) -> usize {
        let table = |count| Index::size_bytes(count) + count * size_of::<Cell>();
        let cells = table(setup.capacity.positions as usize) + table(desk_capacity(setup));
        cells + Books::size_bytes(setup)
    }

    /// Bytes that a symbol takes here, its level left aside.
    pub(super) const SYMBOL_SIZE: usize = size_of::<Cell>()
        + size_of::<Price>()
        + size_of::<u32>()
        + size_of::<Groups>()
        + Books::SYMBOL_SIZE;

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

    /// The place of the cell of an account's desk in a symbol, if there is such a desk.
    pub(super) fn find_desk_cell(&self, account: u32, symbol: u32) -> u32 {
        let desk = self.desks[account as usize];
        let found = self.desk_index.find(self.hash(true, desk, symbol), |at| {
            let cell = &self.desk_cells[at as usize];
            cell.symbol == symbol && cell.owner == desk
        });
        found.unwrap_or(NO_CELL)
    }

    #[cold]
    fn take_desk_cell(&mut self, account: u32, symbol: u32) -> u32 {
        let owner = self.desks[account as usize];
        let at = self.find_desk_cell(account, symbol);
        if owner == NO_DESK || at != NO_CELL {
            return at;
        }
        let at = self.desk_cells.len() as u32;
        self.desk_cells.push(Cell {
            owner,
            symbol,
            ..EMPTY
        });
        let hash = self.hash(true, owner, symbol);
        self.desk_index.insert(hash, at);
        at
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
        self.desk_index.tables(take);
        room_of(&self.desk_cells, take);
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
        let above = match is_account {
            true => self.take_desk_cell(owner, symbol),
            false => NO_CELL,
        };
        let at = self.cells.len() as u32;
        self.books.open(is_account, owner);
        let next_in_symbol = self.first_in_symbol[symbol as usize];
        self.cells.push(Cell {
            owner,
            symbol,
            is_account,
            next_in_symbol,
            above,
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

    /// A desk's book, or an empty one where there is none yet.
    #[inline]
    pub(super) fn desk_cell(&self, at: u32) -> &Cell {
        self.desk_cells.get(at as usize).unwrap_or(&EMPTY)
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

    /// Every account's and every strategy's book, by place, and how many there may be.
    pub(super) fn all_cells(&self) -> &[Cell] {
        &self.cells
    }

    /// Likewise.
    pub(super) const fn cell_capacity(&self) -> usize {
        self.capacity
    }

    /// How many books desks may have.
    pub(super) const fn desk_cell_capacity(&self) -> usize {
        self.desk_cells.capacity()
    }

    /// The first book in a symbol, from which others follow.
    pub(super) fn first_cell(&self, symbol: u32) -> u32 {
        self.first_in_symbol[symbol as usize]
    }

    /// Every symbol's book.
    pub(super) fn symbol_cells(&self) -> &[Cell] {
        &self.symbol_cells
    }

    /// Every desk's book.
    pub(super) fn desk_cells(&self) -> &[Cell] {
        &self.desk_cells
    }

    #[inline]
    pub(super) fn cell_count(&self) -> u32 {
        self.cells.len() as u32
    }

    /// One level.
    pub(super) fn level_of(&self, whose: Whose) -> Option<&Level> {
        let at = whose.target() as usize;
        match Scope::from_byte(whose.scope())? {
            Scope::Firm => Some(&self.firm),
            Scope::Account => self.accounts.get(at),
            Scope::Strategy => self.strategies.get(at),
            Scope::Symbol => self.symbols.get(at),
            scope => self.other(scope, whose.target()),
        }
    }

    /// Likewise.
    pub(super) fn level_of_mut(&mut self, whose: Whose) -> Option<&mut Level> {
        let at = whose.target() as usize;
        match Scope::from_byte(whose.scope())? {
            Scope::Firm => Some(&mut self.firm),
            Scope::Account => self.accounts.get_mut(at),
            Scope::Strategy => self.strategies.get_mut(at),
            Scope::Symbol => self.symbols.get_mut(at),
            scope => self.other_mut(scope, whose.target()),
        }
    }

    /// The first cell in a symbol.
    pub(super) fn first_in(&self, symbol: u32) -> u32 {
        self.first_in_symbol[symbol as usize]
    }

    /// Whose a cell is, and the next in its symbol; `None` behind the last.
    pub(super) fn owner_in(&self, at: u32) -> Option<(Scope, u32, u32)> {
        let cell = self.cells.get(at as usize)?;
        let scope = match cell.is_account {
            true => Scope::Account,
            false => Scope::Strategy,
        };
        Some((scope, cell.owner, cell.next_in_symbol))
    }

    /// Changes the desk of an account and the groups of a symbol.
    pub(super) fn each_beside(
        &mut self,
        account: u32,
        symbol: u32,
        change: impl FnMut(&mut Level),
    ) {
        let beside = Beside::of(&self.desks, &self.groups, account, symbol);
        beside.each(&mut self.others, change);
    }

    /// Every book in a symbol is valued: what their levels have earned stands.
    pub(super) fn mark_profits(&mut self, symbol: u32) {
        let mut at = self.first_in(symbol);
        while let Some(cell) = self.cells.get(at as usize) {
            if cell.is_account {
                self.accounts[cell.owner as usize].mark_profit();
                if let Some(desk) = self
                    .others
                    .get_mut(self.desks[cell.owner as usize] as usize)
                {
                    desk.mark_profit();
                }
            } else {
                self.strategies[cell.owner as usize].mark_profit();
            }
            at = cell.next_in_symbol;
        }
        for at in &self.groups[symbol as usize] {
            self.others[*at as usize].mark_profit();
        }
        self.symbols[symbol as usize].mark_profit();
        self.firm.mark_profit();
    }

    /// A desk or a group.
    pub(super) fn other(&self, scope: Scope, target: u32) -> Option<&Level> {
        let level = self.others.get(self.other_place(scope, target)?)?;
        (level.whose == Whose::new(scope, target)).then_some(level)
    }

    /// Likewise.
    pub(super) fn other_mut(&mut self, scope: Scope, target: u32) -> Option<&mut Level> {
        let place = self.other_place(scope, target)?;
        let level = self.others.get_mut(place)?;
        (level.whose == Whose::new(scope, target)).then_some(level)
    }

    fn other_place(&self, scope: Scope, target: u32) -> Option<usize> {
        let first = if scope == Scope::Group {
            self.desk_count
        } else {
            0
        };
        Some(first.checked_add(target)? as usize)
    }

    /// True where the desk of an account, or a group of a symbol, is killed.
    pub(super) fn is_killed_beside(&self, account: u32, symbol: u32) -> bool {
        let mut beside = self.beside(account, symbol);
        beside.any(|level| level.is_killed)
    }

    /// The desk of an account and the groups of a symbol.
    #[inline]
    pub(super) fn beside(&self, account: u32, symbol: u32) -> impl Iterator<Item = &Level> {
        let desk = self.desks[account as usize];
        let groups = self.groups[symbol as usize].iter();
        self.others
            .get(desk as usize)
            .into_iter()
            .chain(groups.map(|at| &self.others[*at as usize]))
    }

    /// Books a change at every level and in every cell.
    #[inline]
    pub(super) fn book(&mut self, places: Places, change: &Change) {
        self.symbol_cells[places.symbol as usize].book(change);
        if places.strategy_cell != NO_CELL {
            let (old, new) = self.book_cell(places.strategy_cell, change);
            let strategy = &mut self.strategies[places.strategy as usize];
            strategy.count(change);
            strategy.exchange(&old, &new);
        }
        let (old, new) = self.book_cell(places.account_cell, change);
        let above = self.cells[places.account_cell as usize].above;
        if let Some(desk_cell) = self.desk_cells.get_mut(above as usize) {
            desk_cell.book(change);
        }
        let count = |level: &mut Level| {
            level.count(change);
            level.exchange(&old, &new);
        };
        count(&mut self.accounts[places.account as usize]);
        count(&mut self.symbols[places.symbol as usize]);
        count(&mut self.firm);
        let beside = Beside::of(&self.desks, &self.groups, places.account, places.symbol);
        beside.each(&mut self.others, count);
        if self.tail.is_used() {
            self.note_change(places, change);
        }
    }

    /// Books a change in one cell: what it added to its level before and adds now.
    #[inline]
    fn book_cell(&mut self, at: u32, change: &Change) -> (Added, Added) {
        let cell = &mut self.cells[at as usize];
        let mark = self.marks[cell.symbol as usize];
        let old = cell.added(mark, self.has_net);
        let is_filled = change.filled != Qty::ZERO;
        if is_filled {
            self.books.fill(at, cell.position, change);
        }
        cell.book(change);
        cell.contribution = cell.value(mark);
        if is_filled {
            (cell.profit, cell.is_blind) = self.books.profit(at, cell.symbol, cell.position);
        }
        (old, cell.added(mark, self.has_net))
    }

    /// Changes the ledger of a cell, and its position, by hand; [`Self::value_cells`] comes behind it.
    pub(super) fn amend(
        &mut self,
        at: u32,
        change: impl FnOnce(&mut Ledger, &mut Lots, &mut Cell),
    ) {
        if let Some(cell) = self.cells.get_mut(at as usize) {
            self.books
                .amend(at, |ledger, lots| change(ledger, lots, cell));
        }
    }

    /// The two cells of an event are worth something else.
    pub(super) fn value_cells(&mut self, places: Places) {
        for at in [places.strategy_cell, places.account_cell] {
            self.value_cell(at);
        }
    }

    /// One cell is worth something else.
    fn value_cell(&mut self, at: u32) {
        let Some(cell) = self.cells.get_mut(at as usize) else {
            return;
        };
        let of = (cell.is_account, cell.owner, cell.symbol);
        let symbol = cell.symbol;
        let mark = self.marks[symbol as usize];
        let old = cell.added(mark, self.has_net);
        cell.contribution = cell.value(mark);
        (cell.profit, cell.is_blind) = self.books.profit(at, symbol, cell.position);
        let new = cell.added(mark, self.has_net);
        self.exchange(of, &old, &new);
    }

    /// A cell adds `new` to its levels from now on where it added `old`.
    fn exchange(
        &mut self,
        (is_account, owner, symbol): (bool, u32, u32),
        old: &Added,
        new: &Added,
    ) {
        if !is_account {
            return self.strategies[owner as usize].exchange(old, new);
        }
        let exchange = |level: &mut Level| level.exchange(old, new);
        exchange(&mut self.accounts[owner as usize]);
        exchange(&mut self.symbols[symbol as usize]);
        exchange(&mut self.firm);
        self.each_beside(owner, symbol, exchange);
    }

    /// True where every position in a symbol comes out whole in a ratio.
    pub(super) fn may_split(&self, symbol: u32, (new, old): (i128, i128)) -> bool {
        let is_whole = |cell: &Cell| {
            let product = i128::from(cell.position.raw()).checked_mul(new);
            product.is_some_and(|of| of % old == 0 && i64::try_from(of / old).is_ok())
        };
        let cells = self.cells.iter().filter(|cell| cell.symbol == symbol);
        let desks = self.desk_cells.iter().filter(|cell| cell.symbol == symbol);
        let mut all = cells.chain(desks).chain([self.symbol_cell(symbol)]);
        all.all(is_whole)
    }

    /// Every position in a symbol becomes another in a ratio, of which all come out whole; the net that
    /// they add is added up anew.
    pub(super) fn split(&mut self, symbol: u32, ratio: (i128, i128)) {
        // Until there is a price of the new units, all is worth what it was.
        self.books.price(symbol, |pricing| pricing.split(ratio));
        let mark = &mut self.marks[symbol as usize];
        *mark = self.books.contract(symbol).split_mark(*mark, ratio);
        let mut at = self.first_in(symbol);
        while let Some((_, _, next)) = self.owner_in(at) {
            self.amend(at, |ledger, lots, cell| {
                cell.split(ratio);
                ledger.join_lots(lots, cell.position);
            });
            self.value_cell(at);
            self.note_split(Splitted::Owner(at));
            at = next;
        }
        for at in 0..self.desk_cells.len() {
            let cell = &mut self.desk_cells[at];
            if cell.symbol == symbol {
                cell.split(ratio);
                self.note_split(Splitted::Desk(at as u32));
            }
        }
        self.symbol_cells[symbol as usize].split(ratio);
        self.note_split(Splitted::Firm(symbol));
        if self.has_net {
            self.add_up_net();
        }
    }

    /// Books a new order, checked and valued already.
    #[inline(always)]
    pub(super) fn book_new(&mut self, places: Places, side: Side, valuation: &Valuation) {
        let (reserved, notional) = (valuation.reserved, valuation.reserved_notional);
        let [of_strategy, of_account] = valuation.grown;
        self.symbol_cells[places.symbol as usize].open(side, reserved);
        let cell = &mut self.cells[places.strategy_cell as usize];
        cell.open(side, reserved);
        let more = of_strategy.gross.raw() - cell.contribution.raw();
        cell.contribution = of_strategy.gross;
        let strategy = &mut self.strategies[places.strategy as usize];
        strategy.open(side, (reserved, notional), more, of_strategy.net_more);
        let cell = &mut self.cells[places.account_cell as usize];
        cell.open(side, reserved);
        let more = of_account.gross.raw() - cell.contribution.raw();
        cell.contribution = of_account.gross;
        if let Some(desk_cell) = self.desk_cells.get_mut(cell.above as usize) {
            desk_cell.open(side, reserved);
        }
        let open = |level: &mut Level| {
            level.open(side, (reserved, notional), more, of_account.net_more);
        };
        open(&mut self.accounts[places.account as usize]);
        open(&mut self.symbols[places.symbol as usize]);
        open(&mut self.firm);
        let beside = Beside::of(&self.desks, &self.groups, places.account, places.symbol);
        beside.each(&mut self.others, open);
    }

    /// Counts what an order's strategy does in the day of every level.
    #[inline]
    pub(super) fn count_day(&mut self, places: Places, count: impl Fn(&mut Day)) {
        count(&mut self.strategies[places.strategy as usize].day);
        count(&mut self.accounts[places.account as usize].day);
        count(&mut self.symbols[places.symbol as usize].day);
        count(&mut self.firm.day);
        let beside = Beside::of(&self.desks, &self.groups, places.account, places.symbol);
        beside.each(&mut self.others, |level| count(&mut level.day));
    }

    /// Changes every level there is.
    pub(super) fn each_level(&mut self, change: impl FnMut(&mut Level)) {
        let rows = [
            &mut self.accounts,
            &mut self.strategies,
            &mut self.symbols,
            &mut self.others,
        ];
        let levels = rows.into_iter().flatten().chain([&mut self.firm]);
        levels.for_each(change);
    }

    /// Every level's trading day is over.
    pub(super) fn roll_days(&mut self) {
        self.each_level(|level| {
            level.day.roll();
            level.profit_before = level.profit;
        });
    }

    /// The symbol has a new mark, or is valued otherwise: its cells are worth something else.
    pub(super) fn revalue(&mut self, symbol: u32, mark: Price, price: impl FnOnce(&mut Pricing)) {
        let old_mark = std::mem::replace(&mut self.marks[symbol as usize], mark);
        let is_priced_anew = self.books.price(symbol, price);
        if old_mark == mark && !is_priced_anew {
            return;
        }
        let mut at = self.first_in_symbol[symbol as usize];
        while let Some(cell) = self.cells.get_mut(at as usize) {
            let old = cell.added(old_mark, self.has_net);
            cell.contribution = cell.value(mark);
            (cell.profit, cell.is_blind) = self.books.profit(at, symbol, cell.position);
            let new = cell.added(mark, self.has_net);
            let of = (cell.is_account, cell.owner, symbol);
            at = cell.next_in_symbol;
            self.exchange(of, &old, &new);
        }
        self.note_mark(symbol, old_mark);
    }
}

fn has_net(setup: &Setup) -> bool {
    let mut limits = setup.limits();
    limits.any(|limits| limits.net_exposure_max.is_some())
}

/// Where there are desks, each account's cell may have one of its desk above it.
fn desk_capacity(setup: &Setup) -> usize {
    if setup.desks.is_empty() {
        return 0;
    }
    setup.capacity.positions as usize
}

/// What an order counts in beside the four that every order has, by place.
struct Beside<'a> {
    desk: u32,
    groups: &'a [u32],
}

impl<'a> Beside<'a> {
    #[inline(always)]
    fn of(desks: &[u32], groups: &'a [Groups], account: u32, symbol: u32) -> Self {
        Self {
            desk: desks[account as usize],
            groups: &groups[symbol as usize],
        }
    }

    #[inline(always)]
    fn each(&self, others: &mut [Level], mut change: impl FnMut(&mut Level)) {
        if let Some(desk) = others.get_mut(self.desk as usize) {
            change(desk);
        }
        for at in self.groups {
            change(&mut others[*at as usize]);
        }
    }
}
