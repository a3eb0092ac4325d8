//! Tail: what each level could lose in scenarios, kept up to date by fills, orders and prices.
//!
//! Pure. Hot path, where a level has such a limit; else one comparison.
//!
//! A scenario says by how much each price changes. Of a book in one symbol two numbers say what it could
//! lose in any: what its position is worth if every live purchase fills, and what it is worth the other
//! way if every live sale does. Where the price falls the first loses, where it rises the second:
//!
//! ```text
//! loss = bought * max(0, -return) + sold * max(0, return)
//! bought = (position + open_buy) * mark        sold = (open_sell - position) * mark
//! ```
//!
//! So each live order adds its loss where it is one and nothing where it is a gain: no subset of them that
//! fills loses more, in any scenario. Values are whole units, rounded up; from there on all is integers
//! and linear, so that a vector that changes step by step is the one worked out anew, bit for bit.
//!
//! The vector of a level is brought up to date when an order needs it. Until then its **headroom** is
//! known: by so much may every scenario's loss still grow before any limit is reached. Value at risk,
//! expected shortfall and the largest of some losses all grow by no more than the largest growth of one
//! loss, so an order that could not lose more than the headroom passes without a look at the vector, and
//! is one that the look would have passed. What an event may add to a loss is taken off the headroom,
//! rounded up; what it takes off a loss is not given back until the vector is measured again.
//!
//! Invariants:
//! - A level's losses are the sums over its cells of what each had when it was last brought in.
//! - Cells that have changed since then are on the level's list.
//! - A level whose headroom is not zero would have that much if everything were brought in.

pub(super) mod check;
mod kernel;
mod measure;
mod notes;
pub(super) use notes::Splitted;
mod table;
#[cfg(test)]
mod tests;
mod used;
mod verify;

use self::measure::{Bounds, UNKNOWN};
use self::table::Table;
use super::cell::{Cell, NO_CELL};
use super::exposure::{Exposure, NO_DESK};
use super::level::Whose;
use super::setup::{Limits, Setup};
use crate::message::{Scope, Side};
use crate::units::Price;
use bytemuck::{Pod, Zeroable};

/// Every book that has a limit on its tail.
#[derive(Debug, Default)]
pub(super) struct Tail {
    table: Table,
    terms: Terms,
    gross_max: u128,
    books: Vec<Book>,
    /// By kind and owner: the place of its book, or [`NO_BOOK`].
    owners: [Vec<u32>; KINDS],
    /// By the place of the cell itself: of accounts and strategies, of symbols, of desks.
    cells: [Vec<TailCell>; 3],
    /// Room to select in.
    scratch: Vec<i64>,
    /// No headroom is relied on: tests ask whether that makes a difference.
    #[cfg(test)]
    sweeps_always: bool,
}

/// How tails are measured.
#[derive(Clone, Copy, Debug, Default)]
struct Terms {
    /// So many scenarios may lose more than a limit on value at risk.
    allowed: u64,
    /// The part of all days that expected shortfall is the mean of: days times a million.
    days: u64,
}

/// The kinds of owners that may have a book.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Strategy,
    Account,
    Firm,
    Desk,
}

const KINDS: usize = 4;

/// An owner without such a limit.
const NO_BOOK: u32 = u32::MAX;

/// The books that an order counts in, by place; behind the last, [`NO_BOOK`].
pub(super) type Tails = [(Kind, u32); KINDS];

/// No level's tail is limited.
pub(super) const NO_TAILS: Tails = [(Kind::Strategy, NO_BOOK); KINDS];

/// So many changed cells wait at the most before prices and fills bring them in.
const PENDING_MAX: u32 = 8;

/// One level's scenarios.
#[derive(Debug)]
struct Book {
    whose: Whose,
    kind: Kind,
    owner: u32,
    bounds: Bounds,
    losses: Box<[Line]>,
    /// In 1e-6 of the least value: by so much may each loss grow.
    headroom: u128,
    /// The list of cells that have changed since they were brought in.
    first_pending: u32,
    pending_count: u32,
    /// Cells that something is held in of which not all is known that the limits need.
    unknown_count: u32,
    /// Where shares are limited, by cluster: the largest loss of each cell alone, added up; and how little that may
    /// come to, whatever becomes of live orders.
    clusters: Box<[i128]>,
    least: Box<[i128]>,
    /// That of all clusters.
    least_sum: i128,
    /// About where the days of the shortfall begin.
    threshold: i64,
    /// So many looks pass before the headroom is worked out again, and how many it passed last.
    wait: u32,
    patience: u32,
    served: u32,
}

/// Losses of some scenarios, in one line of the processor's cache.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C, align(64))]
struct Line([i64; 8]);

impl Book {
    /// By scenario; behind the last, nothing.
    #[inline(always)]
    fn losses(&self) -> &[i64] {
        bytemuck::must_cast_slice(&self.losses)
    }

    #[inline(always)]
    fn losses_mut(&mut self) -> &mut [i64] {
        bytemuck::must_cast_slice_mut(&mut self.losses)
    }
}

/// What of a cell is in its book.
#[derive(Clone, Copy, Debug, Default)]
struct TailCell {
    /// By [`Side::index`]: what is lost where prices fall, and where they rise; for each unit of return.
    held: [i64; 2],
    next_pending: u32,
    is_pending: bool,
    /// Which sides have changed since it was brought in, if it is on the list: a bit for each.
    changed: u8,
    is_unknown: bool,
}

/// Both sides of a cell.
const BOTH: u8 = 3;

impl Kind {
    const ALL: [Self; KINDS] = [Self::Strategy, Self::Account, Self::Firm, Self::Desk];

    const fn of(scope: Scope) -> Option<Self> {
        match scope {
            Scope::Strategy => Some(Self::Strategy),
            Scope::Account => Some(Self::Account),
            Scope::Firm => Some(Self::Firm),
            Scope::Desk => Some(Self::Desk),
            Scope::Symbol | Scope::Group => None,
        }
    }

    /// Which list its cells are in.
    const fn list(self) -> usize {
        match self {
            Self::Strategy | Self::Account => 0,
            Self::Firm => 1,
            Self::Desk => 2,
        }
    }
}

impl Tail {
    /// The scenarios of a setup, and no book yet.
    pub(super) fn new(setup: &Setup) -> Self {
        let table = Table::new(setup);
        let count = table.history.len() as u64;
        let beyond = |share: u32| count * table::ONE.saturating_sub(share.into());
        let positions = setup.capacity.positions as usize;
        let desk_cells = if setup.desks.is_empty() { 0 } else { positions };
        let is_used = setup.limits().any(Limits::has_tail);
        let room = |count: usize| vec![TailCell::default(); if is_used { count } else { 0 }];
        Self {
            terms: Terms {
                allowed: beyond(setup.tail.value_at_risk_share) / table::ONE,
                days: beyond(setup.tail.expected_shortfall_share).max(1),
            },
            gross_max: table.gross_max(),
            table,
            books: Vec::new(),
            owners: [
                vec![NO_BOOK; setup.strategies.len()],
                vec![NO_BOOK; setup.accounts.len()],
                vec![NO_BOOK; 1],
                vec![NO_BOOK; setup.desks.len()],
            ],
            cells: [room(positions), room(setup.symbols.len()), room(desk_cells)],
            scratch: Vec::with_capacity(count as usize),
            #[cfg(test)]
            sweeps_always: false,
        }
    }

    /// True where headroom is relied on.
    #[inline(always)]
    const fn relies_on_headroom(&self) -> bool {
        #[cfg(test)]
        if self.sweeps_always {
            return false;
        }
        true
    }

    /// True where any level has such a limit.
    #[inline(always)]
    pub(super) const fn is_used(&self) -> bool {
        !self.books.is_empty()
    }

    #[inline]
    fn book(&self, kind: Kind, owner: u32) -> u32 {
        let book = self.owners[kind as usize].get(owner as usize);
        book.copied().unwrap_or(NO_BOOK)
    }

    /// These sides of a cell have changed, or its mark has, which may add so much to a loss of its book.
    #[inline]
    fn note(&mut self, kind: Kind, owner: u32, at: u32, (charge, changed): (u128, u8)) {
        self.note_in(self.book(kind, owner), kind, at, (charge, changed));
    }

    /// The same of a book by its place.
    #[inline(always)]
    fn note_in(&mut self, book: u32, kind: Kind, at: u32, (charge, changed): (u128, u8)) {
        let Some(book) = self.books.get_mut(book as usize) else {
            return;
        };
        book.headroom = book.headroom.saturating_sub(charge);
        let Some(cell) = self.cells[kind.list()].get_mut(at as usize) else {
            return;
        };
        cell.changed |= changed;
        if !cell.is_pending {
            cell.is_pending = true;
            cell.next_pending = book.first_pending;
            book.first_pending = at;
            book.pending_count += 1;
        }
    }

    /// What a change of the worst quantities, by side, may add to a loss.
    #[inline]
    fn charge(&self, symbol: u32, more: [i128; 2], mark: Price) -> u128 {
        let mark = mark.raw();
        // What nobody knows could be anything.
        if mark == 0 || !self.knows_all(symbol) {
            return UNKNOWN;
        }
        let charge = |side: usize| {
            let more = u64::try_from(more[side].max(0)).unwrap_or(u64::MAX);
            self.charge_of(side, symbol, more, mark.unsigned_abs())
        };
        charge(0).max(charge(1))
    }

    /// True where what a symbol loses is known of every scenario.
    #[inline(always)]
    fn knows_all(&self, symbol: u32) -> bool {
        self.table.symbols[symbol as usize].known == self.table.sets
    }

    /// The same of so much on one side; of nothing, nothing.
    #[inline(always)]
    fn charge_of(&self, side: usize, symbol: u32, more: u64, mark: u64) -> u128 {
        if more == 0 {
            return 0;
        }
        // One unit more for what is rounded up.
        let value = u128::from(more) * u128::from(mark);
        let value = value.saturating_add(self.table.unit);
        if value >> 96 != 0 {
            return UNKNOWN;
        }
        // Nothing is free, so that no headroom is none. The product of 96 and 32 bits fits.
        let of = &self.table.symbols[symbol as usize];
        value.wrapping_mul(of.max[side].max(1).into())
    }

    /// Bytes that it takes.
    pub(super) fn size_bytes(setup: &Setup) -> usize {
        let armed = setup.limits().filter(|limits| limits.has_tail()).count();
        if armed == 0 {
            return Table::size_bytes(setup);
        }
        let tail = &setup.tail;
        let count = tail.history_count as usize + tail.stress.len() + tail.margin.len();
        let positions = setup.capacity.positions as usize;
        let desk_cells = if setup.desks.is_empty() { 0 } else { positions };
        let cells = positions + setup.symbols.len() + desk_cells;
        Table::size_bytes(setup)
            + armed * (size_of::<Book>() + count * size_of::<i64>())
            + cells * size_of::<TailCell>()
    }
}

impl Exposure {
    /// The limits of a level are these now. Cold: a level that had none is worked out anew.
    pub(super) fn arm_tail(&mut self, whose: Whose, limits: &Limits) {
        let kind = Scope::from_byte(whose.scope()).and_then(Kind::of);
        let Some(kind) = kind else { return };
        let owner = whose.target();
        let known = self.tail.books.iter().position(|book| book.whose == whose);
        if !limits.has_tail() {
            self.tail.owners[kind as usize][owner as usize] = NO_BOOK;
            return;
        }
        self.make_tail_room();
        let tail = &mut self.tail;
        let at = known.unwrap_or(tail.books.len());
        let clusters = match limits.cluster_share_max {
            Some(_) => tail.table.cluster_count,
            None => 0,
        };
        let book = Book {
            whose,
            kind,
            owner,
            bounds: Bounds::new(limits, &tail.table),
            losses: vec![Line([0; 8]); tail.table.count().div_ceil(8)].into_boxed_slice(),
            headroom: 0,
            first_pending: NO_CELL,
            pending_count: 0,
            unknown_count: 0,
            clusters: vec![0; clusters].into_boxed_slice(),
            least: vec![0; clusters].into_boxed_slice(),
            least_sum: 0,
            threshold: 0,
            wait: 0,
            patience: 0,
            served: 0,
        };
        match known {
            Some(at) => tail.books[at] = book,
            None => tail.books.push(book),
        }
        tail.owners[kind as usize][owner as usize] = at as u32;
        for place in 0..self.tail_cells(kind).len() {
            let cell = self.tail_cells(kind)[place];
            if !is_of(kind, owner, &cell) {
                continue;
            }
            self.tail.cells[kind.list()][place] = TailCell::default();
            self.tail.note(kind, owner, place as u32, (0, BOTH));
        }
        self.fold_tail(at);
    }

    /// Where the first limit comes while the gate runs, there was no room yet.
    fn make_tail_room(&mut self) {
        let counts = [
            self.cell_capacity(),
            self.symbol_cells().len(),
            self.desk_cell_capacity(),
        ];
        for (cells, count) in self.tail.cells.iter_mut().zip(counts) {
            if cells.len() < count {
                cells.resize(count, TailCell::default());
            }
        }
    }

    /// Every level's limits are those of a setup, and everything is worked out anew.
    pub(super) fn arm_all_tails(&mut self, setup: &Setup) {
        self.tail = Tail::new(setup);
        let rows = |scope, limits: Vec<&Limits>| {
            let rows = limits.into_iter().zip(0..);
            rows.map(move |(limits, at)| (Whose::new(scope, at), limits.clone()))
                .collect::<Vec<_>>()
        };
        let accounts = setup.accounts.iter().map(|of| &of.limits).collect();
        let strategies = setup.strategies.iter().map(|of| &of.limits).collect();
        let desks = setup.desks.iter().map(|of| &of.limits).collect();
        let levels = [
            rows(Scope::Account, accounts),
            rows(Scope::Strategy, strategies),
            rows(Scope::Desk, desks),
            vec![(Whose::FIRM, setup.firm.clone())],
        ];
        for (whose, limits) in levels.into_iter().flatten() {
            self.arm_tail(whose, &limits);
        }
    }

    /// The cells that books of a kind are made of, among others.
    fn tail_cells(&self, kind: Kind) -> &[Cell] {
        match kind.list() {
            0 => self.all_cells(),
            1 => self.symbol_cells(),
            _ => self.desk_cells(),
        }
    }

    /// The books that an order of these counts in.
    pub(super) fn tails(&self, account: u32, strategy: u32) -> Tails {
        let books = Kind::ALL.into_iter().map(|kind| {
            let owner = self.tail_owner(kind, account, strategy);
            (kind, self.tail.book(kind, owner))
        });
        let mut tails = NO_TAILS;
        for (place, book) in tails.iter_mut().zip(books.filter(|(_, at)| *at != NO_BOOK)) {
            *place = book;
        }
        tails
    }

    #[inline]
    fn tail_owner(&self, kind: Kind, account: u32, strategy: u32) -> u32 {
        match kind {
            Kind::Strategy => strategy,
            Kind::Account => account,
            Kind::Firm => 0,
            Kind::Desk => self.desks.get(account as usize).copied().unwrap_or(NO_DESK),
        }
    }
}

impl Tail {
    /// Brings in the first cell on a book's list.
    fn fold_cell(&mut self, at: usize, place: u32, cell: &Cell, mark: Price) {
        let (book, table) = (&mut self.books[at], &self.table);
        let of = &mut self.cells[book.kind.list()][place as usize];
        book.first_pending = of.next_pending;
        book.pending_count -= 1;
        (of.is_pending, of.changed) = (false, 0);
        let (held, is_unknown) = table.held(cell, mark, book.bounds.needs);
        book.unknown_count -= u32::from(of.is_unknown);
        book.unknown_count += u32::from(is_unknown);
        of.is_unknown = is_unknown;
        let old = std::mem::replace(&mut of.held, held);
        for side in 0..2 {
            if held[side] != old[side] {
                let moves = table.moves(cell.symbol, side);
                kernel::fold(book.losses_mut(), moves, held[side] - old[side]);
            }
        }
        let symbol = &table.symbols[cell.symbol as usize];
        let at = symbol.cluster as usize;
        if let (Some(most), Some(least)) = (book.clusters.get_mut(at), book.least.get_mut(at)) {
            *most += symbol.alone(held) - symbol.alone(old);
            let more = symbol.least(held) - symbol.least(old);
            *least += more;
            book.least_sum += more;
        }
    }
}

impl Table {
    /// What a cell counts as, and whether that is not known.
    fn held(&self, cell: &Cell, mark: Price, needs: u8) -> ([i64; 2], bool) {
        let worst = [Side::Buy, Side::Sell].map(|side| cell.worst_wide(side));
        let symbol = &self.symbols[cell.symbol as usize];
        let is_known = symbol.known & needs == needs && mark.raw() != 0;
        let held = worst.map(|worst| self.value(worst, mark.raw()));
        (held, worst != [0; 2] && !is_known)
    }
}

impl table::Symbol {
    /// The largest loss of what is held alone.
    fn alone(&self, held: [i64; 2]) -> i128 {
        let loss = |side: usize| i128::from(held[side]) * i128::from(self.max[side]);
        loss(0).max(loss(1)).max(0)
    }

    /// The same of what is held for certain: what no live order could bring to nothing.
    fn least(&self, held: [i64; 2]) -> i128 {
        let loss = |side: usize, most: i64| -i128::from(most.min(0)) * i128::from(self.max[side]);
        // Of a long position, as much as live sales would leave; of a short one, as live purchases would.
        loss(0, held[1]).max(loss(1, held[0]))
    }
}

/// True for a cell of the owner's.
fn is_of(kind: Kind, owner: u32, cell: &Cell) -> bool {
    match kind {
        Kind::Strategy => !cell.is_account && cell.owner == owner,
        Kind::Account => cell.is_account && cell.owner == owner,
        Kind::Firm => true,
        Kind::Desk => cell.owner == owner,
    }
}
