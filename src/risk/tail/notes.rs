//! Notes: what orders, fills and prices change, noted as it happens and brought in later.
//!
//! Pure. Hot path.
//!
//! Each note is a few multiplications for each level that has a limit. What waits to be brought in is kept
//! short by prices and fills, so that an order finds no more than a few cells, however many are held.

use super::{BOTH, Kind, NO_BOOK, PENDING_MAX, Tail};
use crate::message::{Scope, Side};
use crate::risk::cell::{Cell, Change, NO_CELL};
use crate::risk::exposure::{Exposure, Places};
use crate::risk::route::Books;
use crate::units::{Price, Qty};

/// Whose book a split has changed: the place of its cell, or the symbol.
#[derive(Clone, Copy, Debug)]
pub(in crate::risk) enum Splitted {
    Owner(u32),
    Desk(u32),
    Firm(u32),
}

impl Exposure {
    /// A change has been booked.
    #[inline]
    pub(in crate::risk) fn note_change(&mut self, places: Places, change: &Change) {
        let filled = i128::from(change.filled.raw());
        let (was, is) = change.reserved;
        let mut more = [-filled; 2];
        more[change.side.index()] = filled + i128::from(is.raw()) - i128::from(was.raw());
        self.note_worst(places, more, BOTH);
        if change.filled != Qty::ZERO {
            self.fold_waiting(places.account, places.strategy);
        }
    }

    /// A new order has been booked, which its check has found to add so much.
    #[inline]
    pub(in crate::risk) fn note_opened(&mut self, books: &Books, side: Side, charge: u128) {
        let tail = &mut self.tail;
        for &(kind, at) in &books.tails {
            if at == NO_BOOK {
                return;
            }
            tail.note_in(at, kind, books.cell(kind), (charge, 1 << side.index()));
        }
    }

    #[inline]
    fn note_worst(&mut self, places: Places, more: [i128; 2], changed: u8) {
        let mark = self.mark(places.symbol);
        let above = self.cell(places.account_cell).above;
        let charge = (self.tail.charge(places.symbol, more, mark), changed);
        let desk = self.tail_owner(Kind::Desk, places.account, places.strategy);
        let tail = &mut self.tail;
        tail.note(
            Kind::Strategy,
            places.strategy,
            places.strategy_cell,
            charge,
        );
        tail.note(Kind::Account, places.account, places.account_cell, charge);
        tail.note(Kind::Firm, 0, places.symbol, charge);
        tail.note(Kind::Desk, desk, above, charge);
    }

    /// A symbol's mark was this and is another now.
    pub(in crate::risk) fn note_mark(&mut self, symbol: u32, old: Price) {
        let new = self.mark(symbol);
        if !self.tail.is_used() {
            return;
        }
        let charge_of = |tail: &Tail, cell: &Cell| {
            let worst = [Side::Buy, Side::Sell].map(|side| cell.worst_wide(side));
            // The value grows by the quantity times what the mark grows.
            let grows = i128::from(new.raw()) - i128::from(old.raw());
            let more = worst.map(|worst| match grows < 0 {
                true => -worst,
                false => worst,
            });
            // Without a price nothing is known.
            let by = match new.raw() {
                0 => 0,
                _ => i64::try_from(grows.abs()).unwrap_or(i64::MAX),
            };
            tail.charge(symbol, more, Price::from_raw(by))
        };
        let mut at = self.first_cell(symbol);
        while let Some(cell) = self.all_cells().get(at as usize) {
            let (cell, charge) = (*cell, (charge_of(&self.tail, cell), BOTH));
            let kind = match cell.is_account {
                true => Kind::Account,
                false => Kind::Strategy,
            };
            self.tail.note(kind, cell.owner, at, charge);
            if cell.is_account {
                let desk = self.tail_owner(Kind::Desk, cell.owner, 0);
                self.tail.note(Kind::Desk, desk, cell.above, charge);
                self.fold_if_many(Kind::Desk, desk);
            }
            self.fold_if_many(kind, cell.owner);
            at = cell.next_in_symbol;
        }
        let charge = charge_of(&self.tail, self.symbol_cell(symbol));
        self.tail.note(Kind::Firm, 0, symbol, (charge, BOTH));
        self.fold_if_many(Kind::Firm, 0);
    }

    /// A book's position and mark are of other units: what room it has is measured anew.
    pub(in crate::risk) fn note_split(&mut self, of: Splitted) {
        if !self.tail.is_used() {
            return;
        }
        let (kind, owner, place) = match of {
            Splitted::Owner(at) => {
                let cell = self.all_cells()[at as usize];
                let kind = match cell.is_account {
                    true => Kind::Account,
                    false => Kind::Strategy,
                };
                (kind, cell.owner, at)
            }
            Splitted::Desk(at) => (Kind::Desk, self.desk_cell(at).owner, at),
            Splitted::Firm(symbol) => (Kind::Firm, 0, symbol),
        };
        self.tail.note(kind, owner, place, (u128::MAX, BOTH));
        self.fold_if_many(kind, owner);
    }

    fn fold_waiting(&mut self, account: u32, strategy: u32) {
        for kind in Kind::ALL {
            self.fold_if_many(kind, self.tail_owner(kind, account, strategy));
        }
    }

    /// Prices and fills bring in what waits, so that an order finds no more than a few.
    #[inline]
    fn fold_if_many(&mut self, kind: Kind, owner: u32) {
        let at = self.tail.book(kind, owner) as usize;
        let book = self.tail.books.get(at);
        if book.is_some_and(|book| PENDING_MAX <= book.pending_count) {
            self.fold_tail(at);
        }
    }

    /// Brings in every cell of a book that has changed. Nothing, where losses might not fit.
    pub(super) fn fold_tail(&mut self, at: usize) {
        let book = &self.tail.books[at];
        let (kind, owner) = (book.kind, book.owner);
        if self.tail.gross_max < self.tail_gross(kind, owner) {
            return;
        }
        loop {
            let place = self.tail.books[at].first_pending;
            if place == NO_CELL {
                return;
            }
            let cell = self.tail_cells(kind)[place as usize];
            let mark = self.mark(cell.symbol);
            self.tail.fold_cell(at, place, &cell, mark);
        }
    }

    /// What a level's worst positions are worth, all of them together.
    pub(super) fn tail_gross(&self, kind: Kind, owner: u32) -> u128 {
        let level = match kind {
            Kind::Strategy => self.strategies.get(owner as usize),
            Kind::Account => self.accounts.get(owner as usize),
            Kind::Firm => Some(&self.firm),
            Kind::Desk => self.other(Scope::Desk, owner),
        };
        level.map_or(u128::MAX, |level| level.gross.raw())
    }
}
