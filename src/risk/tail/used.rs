//! Used: how much of each limit on a level's tail is used up.
//!
//! Pure. Cold: followers and operators ask.

use super::measure::{Figure, div_ceil, measure};
use super::{Kind, NO_BOOK, kernel};
use crate::message::Scope;
use crate::reject::RejectReason as Reason;
use crate::risk::cell::NO_CELL;
use crate::risk::exposure::Exposure;
use crate::risk::level::Whose;

impl Exposure {
    /// Tells each limit on the tail of a level, and what the level could lose by that figure, as refusals
    /// tell them; nothing where not all is known. Of a level that has used no more than a quarter of
    /// any, only that: an upper bound, unless it is to be `exact`.
    pub(in crate::risk) fn used_tails(
        &self,
        whose: Whose,
        is_exact: bool,
        mut see: impl FnMut(Reason, i128, i128),
    ) {
        let kind = Scope::from_byte(whose.scope()).and_then(Kind::of);
        let at = kind.map_or(NO_BOOK, |kind| self.tail.book(kind, whose.target()));
        let Some(book) = self.tail.books.get(at as usize) else {
            return;
        };
        let (table, terms) = (&self.tail.table, self.tail.terms);
        let of_figures = Figure::ALL.into_iter().zip(book.bounds.max);
        let limits = of_figures.filter_map(|(figure, max)| Some((figure, max?)));
        let told = |loss: i128| table.told(loss);
        // By so much may each loss still grow.
        let room = i64::try_from(book.headroom / table.unit).unwrap_or(i64::MAX);
        if !is_exact && limits.clone().all(|(_, max)| max - max / 4 <= room) {
            for (figure, max) in limits {
                see(figure.reason(), told(max.into()), told((max - room).into()));
            }
            return;
        }
        if self.tail.gross_max < self.tail_gross(book.kind, book.owner) {
            return;
        }
        let mut losses = book.losses().to_vec();
        let (mut unknown, mut place) = (book.unknown_count, book.first_pending);
        while place != NO_CELL {
            let of = &self.tail.cells[book.kind.list()][place as usize];
            let cell = &self.tail_cells(book.kind)[place as usize];
            let (held, is_unknown) = table.held(cell, self.mark(cell.symbol), book.bounds.needs);
            for (side, (is, was)) in held.into_iter().zip(of.held).enumerate() {
                kernel::fold(&mut losses, table.moves(cell.symbol, side), is - was);
            }
            unknown -= u32::from(of.is_unknown);
            unknown += u32::from(is_unknown);
            place = of.next_pending;
        }
        if unknown != 0 || table.symbols.is_empty() {
            return;
        }
        let mut scratch = Vec::with_capacity(losses.len());
        for (figure, max) in limits {
            let with = (table, terms);
            let measured = measure(&losses, with, figure, 0, [0; 2], &mut scratch);
            let value = div_ceil(measured, terms.scale(figure));
            see(figure.reason(), told(max.into()), told(value));
        }
    }
}
