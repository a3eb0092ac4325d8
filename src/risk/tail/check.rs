//! Check: the limits on tails, for one order.
//!
//! Pure. Hot path.
//!
//! An order is refused where a figure with it is above its limit and above what it is without it, or some
//! scenario loses more with it and more than the limit: prices that have moved an account over a limit stop
//! nothing that adds nothing. And one that only brings its
//! account's position nearer to zero passes where the figure, once it has filled, is no more than it is
//! without it: an exit that takes the loss off one scenario may put a little on another while it works.
//!
//! Where something that a limit needs is not known (the returns of what is held or asked for, a price),
//! only orders pass that bring their account's position nearer to zero.

use super::kernel::{self, Excess};
use super::measure::{Figure, div_ceil};
use super::table::{ONE, Table};
use super::{Book, Kind, NO_BOOK, Tail};
use crate::message::Side;
use crate::reject::RejectReason as Reason;
use crate::risk::cell::Cell;
use crate::risk::check::{Sink, Terms, Valuation};
use crate::risk::exposure::Exposure;
use crate::risk::route::Books;
use crate::units::Price;

/// An order, as its levels' books see it.
#[derive(Clone, Copy)]
struct Asked {
    symbol: u32,
    side: Side,
    /// How much more it may fill.
    more: i64,
    /// What that may add to a loss.
    charge: u128,
    /// It only brings its account's position nearer to zero; and its strategy's, of that one's book.
    only_reduces: bool,
}

/// What it adds to one book.
#[derive(Clone, Copy)]
struct Effect {
    /// What the vector has of its cell, by side. All below is beyond that.
    held: [i64; 2],
    /// What is held before it.
    before: [i64; 2],
    /// On its side, while it works.
    more: i64,
    /// By side, once it has filled.
    filled: [i64; 2],
}

impl Exposure {
    /// Looks at the tail of each level of an order that could be valued.
    #[inline]
    pub(in crate::risk) fn check_tail(
        &mut self,
        found: &mut impl Sink,
        terms: &Terms,
        books: &Books,
        valuation: &mut Valuation,
    ) {
        if !valuation.is_marked || valuation.reserved == terms.reserved {
            return;
        }
        let (symbol, side) = (terms.symbol.0, terms.side);
        let mark = self.mark(symbol).raw().unsigned_abs();
        let more = valuation.reserved.raw() - terms.reserved.raw();
        let charge = self.tail.charge_of(side.index(), symbol, more, mark);
        // What nobody knows could be anything.
        if mark != 0 && self.tail.knows_all(symbol) {
            valuation.tail_charge = charge;
        }
        // No book grows by more than the order is worth, and only a strategy's may be wider than the
        // firm's. Who explains wants the figures in any case.
        let value = u128::from(more) * u128::from(mark);
        let is_narrow = self.firm.gross.raw().saturating_add(value) <= self.tail.gross_max;
        let may_rely = is_narrow && !found.wants_all() && self.tail.relies_on_headroom();
        for &(kind, at) in &books.tails {
            if at == NO_BOOK {
                return;
            }
            let is_safe = may_rely
                && (kind != Kind::Strategy || self.is_narrow(at, books, valuation))
                && self.tail.has_headroom(at, valuation.tail_charge);
            if !is_safe {
                self.look_in(found, (kind, at), terms, books, valuation);
            }
        }
    }

    /// Looks at one book, for which headroom does not do.
    #[inline(never)]
    fn look_in(
        &mut self,
        found: &mut impl Sink,
        (kind, at): (Kind, u32),
        terms: &Terms,
        books: &Books,
        valuation: &Valuation,
    ) {
        let more = valuation.reserved.raw() - terms.reserved.raw();
        let is_narrow = self.is_narrow(at, books, valuation);
        let asked = Asked {
            symbol: terms.symbol.0,
            side: terms.side,
            more: i64::try_from(more).unwrap_or(i64::MAX),
            charge: valuation.tail_charge,
            only_reduces: self.only_reduces(books.account_cell, terms.side, more)
                && (kind != Kind::Strategy
                    || self.only_reduces(books.cell(kind), terms.side, more)),
        };
        self.look_at_tail(found, at as usize, books.cell(kind), &asked, is_narrow);
    }

    /// True where the losses of a book still fit with an order.
    #[inline(never)]
    fn is_narrow(&self, at: u32, books: &Books, valuation: &Valuation) -> bool {
        let Book { kind, owner, .. } = self.tail.books[at as usize];
        let [of_strategy, of_account] = valuation.grown;
        let of = match kind {
            Kind::Strategy => of_strategy,
            Kind::Account | Kind::Firm | Kind::Desk => of_account,
        };
        let by = match kind {
            Kind::Strategy => books.cell(kind),
            Kind::Account | Kind::Firm | Kind::Desk => books.account_cell,
        };
        let more = of.gross.raw() - self.cell(by).contribution.raw();
        self.tail_gross(kind, owner).saturating_add(more) <= self.tail.gross_max
    }

    fn only_reduces(&self, cell: u32, side: Side, more: u64) -> bool {
        let more = i64::try_from(more).unwrap_or(i64::MAX);
        self.cell(cell).only_reduces(side, more)
    }

    /// Brings a book up to date and looks at it.
    fn look_at_tail(
        &mut self,
        found: &mut impl Sink,
        at: usize,
        cell: u32,
        asked: &Asked,
        is_narrow: bool,
    ) {
        if !is_narrow {
            found.note(Reason::ExposureOverflow, !asked.only_reduces);
            return;
        }
        let relies = self.tail.relies_on_headroom() && !found.wants_all();
        let renews = relies && self.tail.books[at].renews_headroom();
        // What is worth nothing now is not known: it must be seen in the book.
        let is_worth = self.mark(asked.symbol).raw() != 0;
        if renews || !is_worth || !self.tail.may_wait(at, cell, asked.side) {
            self.fold_tail(at);
        }
        let Tail {
            table,
            terms,
            books,
            scratch,
            ..
        } = &mut self.tail;
        let book = &mut books[at];
        let of = &table.symbols[asked.symbol as usize];
        let needs = book.bounds.needs;
        if of.known & needs != needs || book.unknown_count != 0 {
            found.note(Reason::TailUnknown, !asked.only_reduces);
            return;
        }
        if renews {
            book.measure_headroom(table, *terms, scratch);
            if asked.charge <= book.headroom {
                return;
            }
        }
        let kind = book.kind;
        let held = self.tail.cells[kind.list()].get(cell as usize);
        let held = held.map_or([0; 2], |of| of.held);
        let cell = match kind {
            Kind::Strategy | Kind::Account => self.cell(cell),
            Kind::Firm => self.symbol_cell(cell),
            Kind::Desk => self.desk_cell(cell),
        };
        let effect = Effect::new(
            &self.tail.table,
            (cell, held),
            self.mark(asked.symbol),
            asked,
        );
        self.tail.look(found, at, &effect, asked);
    }
}

impl Tail {
    /// True where an order that may add so much to a loss passes every limit of a book.
    #[inline(always)]
    fn has_headroom(&mut self, at: u32, charge: u128) -> bool {
        let book = &mut self.books[at as usize];
        let has = charge <= book.headroom;
        book.served = book.served.saturating_add(u32::from(has));
        has
    }

    /// True where all that a vector lacks is on one side of one cell: where another order on that side is
    /// looked at, what is lacking can be looked at with it.
    #[inline]
    fn may_wait(&self, at: usize, cell: u32, side: Side) -> bool {
        let book = &self.books[at];
        let of = self.cells[book.kind.list()].get(cell as usize);
        book.first_pending == cell
            && book.pending_count == 1
            && book.unknown_count == 0
            && book.bounds.cluster_share.is_none()
            && of.is_some_and(|of| of.changed == 1 << side.index())
    }

    /// Looks at every limit of a book.
    fn look(&mut self, found: &mut impl Sink, at: usize, effect: &Effect, asked: &Asked) {
        let Self {
            table,
            books,
            scratch,
            ..
        } = self;
        let (table, terms, book) = (&*table, self.terms, &mut books[at]);
        let whose = book.whose;
        let moves = table.moves(asked.symbol, asked.side.index());
        let [value_at_risk, shortfall, ..] = book.bounds.max;
        let losses = &book.losses()[table.history.clone()];
        let days = &moves[table.history.clone()];
        let (above, excess) = match (value_at_risk, shortfall) {
            (None, None) => (0, Excess::default()),
            (Some(max), None) => {
                let above = kernel::count_above(losses, days, effect.more, max);
                (above, Excess::default())
            }
            (max, Some(_)) => {
                let at = (max.unwrap_or(kernel::LOSS_MAX), book.threshold);
                kernel::sweep(losses, days, effect.more, at)
            }
        };
        for (figure, max) in Figure::ALL.into_iter().zip(book.bounds.max) {
            let Some(max) = max else { continue };
            let is_within = match figure {
                Figure::ValueAtRisk => above <= terms.allowed,
                Figure::Shortfall => {
                    book.is_shortfall_within((table, terms), max, (asked, effect), excess, scratch)
                }
                Figure::Stress | Figure::Margin => {
                    let range = figure.range(table);
                    let losses = &book.losses()[range.clone()];
                    let largest = kernel::largest(losses, &moves[range], effect.more);
                    largest.is_none_or(|largest| largest <= max)
                }
            };
            let breached =
                !is_within && book.is_worse((table, terms), figure, max, (asked, effect), scratch);
            let told = || {
                let more = asked.on_side(effect.more);
                let value = book.measure((table, terms), figure, asked.symbol, more, scratch);
                let value = div_ceil(value, terms.scale(figure));
                (table.told(max.into()), table.told(value))
            };
            found.check_of(whose, figure.reason(), breached, told);
        }
        if let Some(share) = book.bounds.cluster_share {
            let (breached, told) = book.check_cluster(table, share, asked, effect);
            found.check_of(whose, Reason::ClusterShareAboveMax, breached, || {
                (table.told(told.0), table.told(told.1))
            });
        }
    }
}

impl Asked {
    /// So much on its side, by side.
    fn on_side(&self, more: i64) -> [i64; 2] {
        let mut by_side = [0; 2];
        by_side[self.side.index()] = more;
        by_side
    }
}

impl Effect {
    /// Of an order in a cell of which its book's vector has so much.
    fn new(table: &Table, (cell, held): (&Cell, [i64; 2]), mark: Price, asked: &Asked) -> Self {
        let (of, on) = (asked.side, asked.side.other());
        let more = i128::from(asked.more);
        let change = |side: Side, by: i128| {
            table.value(cell.worst_wide(side) + by, mark.raw()) - held[side.index()]
        };
        let mut filled = [0; 2];
        filled[of.index()] = change(of, more);
        // What is only looked at for an order that reduces.
        if asked.only_reduces {
            filled[on.index()] = change(on, -more);
        }
        // What its vector lacks is on the order's side, if anything is lacking.
        let mut before = [0; 2];
        before[of.index()] = change(of, 0);
        Self {
            held,
            before,
            more: filled[of.index()],
            filled,
        }
    }
}

impl Book {
    /// True where it is time to work the headroom out anew. That costs as much as some looks do, so
    /// where it is soon used up again it is done the less often.
    fn renews_headroom(&mut self) -> bool {
        const SERVES: u32 = 8;
        const PATIENCE_MAX: u32 = 1_023;
        if self.wait != 0 {
            self.wait -= 1;
            return false;
        }
        self.patience = match self.served < SERVES {
            true => (2 * self.patience + 1).min(PATIENCE_MAX),
            false => 0,
        };
        self.wait = self.patience;
        self.served = 0;
        true
    }

    /// True where the expected shortfall is within its limit: mostly by a bound that needs no selection.
    fn is_shortfall_within(
        &mut self,
        (table, terms): (&Table, super::Terms),
        max: i64,
        (asked, effect): (&Asked, &Effect),
        excess: Excess,
        scratch: &mut Vec<i64>,
    ) -> bool {
        let days = i128::from(terms.days);
        // Losses have 61 bits, days 33, a sum of losses 74, a million 20: no product is near its end.
        let room = (i128::from(max) - i128::from(self.threshold)).wrapping_mul(days);
        if excess.at_most().wrapping_mul(ONE.into()) <= room {
            return true;
        }
        let more = asked.on_side(effect.more);
        let shortfall = Figure::Shortfall;
        let measured = self.measure((table, terms), shortfall, asked.symbol, more, scratch);
        self.threshold = terms.edge(scratch);
        measured <= i128::from(max) * days
    }

    /// True where an order with which a figure is above its limit makes it worse than it is.
    #[cold]
    fn is_worse(
        &self,
        with: (&Table, super::Terms),
        figure: Figure,
        max: i64,
        (asked, effect): (&Asked, &Effect),
        scratch: &mut Vec<i64>,
    ) -> bool {
        let mut measure = |more| self.measure(with, figure, asked.symbol, more, scratch);
        let without = measure(effect.before);
        let limit = i128::from(max) * with.1.scale(figure);
        // What is within the limit without it, and not with it, is worse with it; so is what loses beyond the
        // limit in another scenario, where it opens as much on the other side.
        let is_worse = without <= limit
            || without < measure(asked.on_side(effect.more))
            || self.worsens(with.0, figure, max, (asked, effect));
        // Half filled it could lose beyond the limit in scenarios of both ends: that is more of them than at
        // either, which only a count of scenarios minds.
        let may_exit = asked.only_reduces && measure(effect.filled) <= without;
        let moves_losses = || {
            figure == Figure::ValueAtRisk && self.moves_losses(with.0, figure, max, (asked, effect))
        };
        is_worse && (!may_exit || moves_losses())
    }

    /// True where a scenario loses more once an order has filled than without it, and more than a limit.
    fn moves_losses(
        &self,
        table: &Table,
        figure: Figure,
        max: i64,
        (asked, effect): (&Asked, &Effect),
    ) -> bool {
        let range = figure.range(table);
        let moves = [0, 1].map(|side| &table.moves(asked.symbol, side)[range.clone()]);
        let with = |more: [i64; 2], loss: i64, falls: u32, rises: u32| {
            let added = kernel::wide(more[0], falls).wrapping_add(kernel::wide(more[1], rises));
            loss.wrapping_add(added)
        };
        let mut losses = self.losses()[range].iter().zip(moves[0]).zip(moves[1]);
        losses.any(|((loss, falls), rises)| {
            let filled = with(effect.filled, *loss, *falls, *rises);
            max < filled && with(effect.before, *loss, *falls, *rises) < filled
        })
    }

    /// True where a scenario loses more with an order, and more than a limit.
    fn worsens(
        &self,
        table: &Table,
        figure: Figure,
        max: i64,
        (asked, effect): (&Asked, &Effect),
    ) -> bool {
        let (side, range) = (asked.side.index(), figure.range(table));
        let moves = &table.moves(asked.symbol, side)[range.clone()];
        let mut pairs = self.losses()[range].iter().zip(moves);
        let is_more = effect.before[side] < effect.more;
        is_more
            && pairs.any(|(loss, unit)| {
                *unit != 0 && max < loss.wrapping_add(kernel::wide(effect.more, *unit))
            })
    }

    /// Whether the cluster of an order's symbol would hold too much, what it may hold and would.
    fn check_cluster(
        &self,
        table: &Table,
        share: u32,
        asked: &Asked,
        effect: &Effect,
    ) -> (bool, (i128, i128)) {
        let symbol = &table.symbols[asked.symbol as usize];
        let mut after = effect.held;
        after[asked.side.index()] += effect.more;
        let more = symbol.alone(after) - symbol.alone(effect.held);
        let cluster = self.clusters[symbol.cluster as usize] + more;
        // Live orders of others may come to nothing.
        let others = self.least_sum - self.least[symbol.cluster as usize];
        let allowed = (cluster + others) * i128::from(share) / i128::from(ONE);
        let allowed = allowed.max(self.bounds.cluster_free.into());
        (0 < more && allowed < cluster, (allowed, cluster))
    }
}
