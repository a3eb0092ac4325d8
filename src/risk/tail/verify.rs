//! Verify: every vector against one worked out anew, slowly.

use super::measure::{Figure, div_ceil};
use super::table::ONE;
use super::{Book, is_of};
use crate::risk::exposure::Exposure;

impl Exposure {
    /// Panics where a level's losses are not, bit for bit, what its cells make of them; or where it has
    /// more headroom than that leaves.
    pub(in crate::risk) fn verify_tails(&self) {
        for (at, book) in self.tail.books.iter().enumerate() {
            let is_in_force = self.tail.book(book.kind, book.owner) as usize == at;
            if is_in_force {
                self.verify_tail(book);
            }
        }
    }

    fn verify_tail(&self, book: &Book) {
        let table = &self.tail.table;
        let (mut losses, mut now) = (vec![0i128; table.count()], vec![0i128; table.count()]);
        let (mut unknown, mut pending) = (0, 0);
        let (mut alone, mut least) = (0, 0);
        let mut is_known = true;
        for (place, cell) in self.tail_cells(book.kind).iter().enumerate() {
            if !is_of(book.kind, book.owner, cell) {
                continue;
            }
            let of = &self.tail.cells[book.kind.list()][place];
            let mark = self.mark(cell.symbol);
            let (held, is_unknown) = table.held(cell, mark, book.bounds.needs);
            assert!(of.is_pending || of.held == held, "{cell:?} was not noted");
            assert!(of.is_pending || of.is_unknown == is_unknown);
            is_known &= !is_unknown;
            unknown += u32::from(of.is_unknown);
            pending += u32::from(of.is_pending);
            if !book.clusters.is_empty() {
                let symbol = &table.symbols[cell.symbol as usize];
                alone += symbol.alone(of.held);
                least += symbol.least(of.held);
                assert!(symbol.least(of.held) <= symbol.alone(of.held));
            }
            for (side, (was, is)) in of.held.into_iter().zip(held).enumerate() {
                let moves = table.moves(cell.symbol, side).iter();
                for ((each, loss), now) in moves.zip(&mut losses).zip(&mut now) {
                    *loss += i128::from(was) * i128::from(*each);
                    *now += i128::from(is) * i128::from(*each);
                }
            }
        }
        let whose = book.whose;
        let has: Vec<i128> = book.losses()[..table.count()]
            .iter()
            .copied()
            .map(i128::from)
            .collect();
        assert_eq!(has, losses, "losses of {whose:?}");
        assert_eq!(book.unknown_count, unknown, "unknown of {whose:?}");
        assert_eq!(book.pending_count, pending, "pending of {whose:?}");
        assert_eq!(
            book.clusters.iter().sum::<i128>(),
            alone,
            "alone of {whose:?}"
        );
        assert_eq!(book.least.iter().sum::<i128>(), least, "least of {whose:?}");
        assert_eq!(book.least_sum, least);
        if book.headroom == 0 {
            return;
        }
        assert!(
            is_known,
            "headroom of {whose:?} where something is not known"
        );
        // By so many loss units may each loss still grow.
        let headroom = (book.headroom / table.unit) as i128;
        let terms = self.tail.terms;
        for (figure, max) in Figure::ALL.into_iter().zip(book.bounds.max) {
            let Some(max) = max else { continue };
            let mut sorted = now[figure.range(table)].to_vec();
            sorted.sort_unstable_by(|a, b| b.cmp(a));
            let (whole, part) = ((terms.days / ONE) as usize, i128::from(terms.days % ONE));
            let measured = match figure {
                Figure::ValueAtRisk => sorted[terms.allowed as usize],
                Figure::Shortfall => {
                    let inside: i128 = sorted[..whole].iter().sum();
                    let days = inside * i128::from(ONE) + sorted[whole] * part;
                    div_ceil(days, terms.days.into())
                }
                Figure::Stress | Figure::Margin => sorted[0],
            };
            assert!(
                measured + headroom <= i128::from(max),
                "{figure:?} of {whose:?}: {measured} and {headroom} above {max}"
            );
        }
    }
}
