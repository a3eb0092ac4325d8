//! Compare: our executions against the drop copy's, one by one.
//!
//! Pure.
//!
//! There is one rule: what an execution comes to in our books, fills and adjustments together, must be
//! what the drop copy says of it. So it does not matter which of them came first, or how often: an
//! execution that was adjusted and is then told by the session after all is there twice, and the rule
//! asks for one of them back.
//!
//! What an answer told of an order has no id. It stands for the executions of that order that came by
//! no report, the earliest first.

use super::books::{Book, Books, amount};
use super::entry::{Entry, ExecId, Moved, Origin};
use super::execution::Named;
use super::finding::{Adjustment, Finding, FindingKind, Grace, order_note};
use super::places::Places;
use super::told::{Net, Told};
use crate::message::Text;
use crate::units::{AccountId, Nanos, OrderId, Price, SymbolId};
use std::collections::{BTreeMap, BTreeSet};

/// Our side, as it is now.
pub struct Ours<'a> {
    /// Executions and adjustments.
    pub books: &'a Books,
    /// What things mean.
    pub places: &'a Places,
    /// What is held, in 1e-8; what is not listed is nothing.
    pub positions: BTreeMap<Book, i128>,
    /// What the cash of an account is in a currency, in 1e-17, where that is known.
    pub cash: BTreeMap<(AccountId, u32), i128>,
    /// Live orders, in the order of their numbers.
    pub live: Vec<Live>,
    /// Whether an order is known, live or remembered.
    pub knows: &'a dyn Fn(OrderId) -> bool,
    /// The order of a strategy's id.
    pub find: &'a dyn Fn(AccountId, &Text) -> Option<OrderId>,
    /// What one unit is worth now.
    pub mark: &'a dyn Fn(SymbolId) -> Option<Price>,
}

/// A live order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Live {
    /// Its number.
    pub id: OrderId,
    /// Whose, in what.
    pub book: Book,
    /// It buys.
    pub is_buy: bool,
    /// What may still fill, in 1e-8.
    pub leaves: i128,
    /// Nobody knows what became of it.
    pub is_in_doubt: bool,
}

/// What the executions came to.
#[derive(Debug, Default)]
pub struct Compared {
    /// What differs.
    pub findings: Vec<Finding>,
    /// Executions that differ: they must not be forgotten.
    pub open: BTreeSet<ExecId>,
    /// What each execution comes to, as told.
    pub nets: BTreeMap<ExecId, Net>,
}

/// Compares every execution that the drop copy tells of, and every one of ours that it should.
/// Without a drop copy: what our books alone show to be wrong.
pub fn executions(ours: &Ours<'_>, told: Option<&Told>, slack: Nanos) -> Compared {
    let mut compared = Compared {
        nets: told.map_or_else(BTreeMap::new, Told::nets),
        ..Compared::default()
    };
    let mut lacking: Vec<Lacking> = Vec::new();
    for (id, net) in &compared.nets {
        let is_forgotten = net.time <= ours.books.horizon();
        let is_ours = ours.books.of(*id).next().is_some();
        if is_forgotten && !is_ours {
            continue;
        }
        let before = compared.findings.len();
        if let Some(one) = compare(ours, *id, net, &mut compared.findings) {
            lacking.push(one);
        }
        if before != compared.findings.len() {
            compared.open.insert(*id);
        }
    }
    clash(ours, told, &mut compared, &mut lacking);
    lacking.sort_by_key(|one| (one.net.time, one.id));
    counted_twice(ours, &mut compared);
    let mut pool = Pool::new(ours, &compared.nets);
    pool.cover(&mut lacking, slack);
    let mut cover = Cover::new(&ours.live);
    for one in &lacking {
        compared.open.insert(one.id);
        compared.findings.push(missing(ours, one, &mut cover));
    }
    match told {
        Some(told) => {
            pool.leftover(ours, &compared.nets, &mut compared.findings);
            missing_there(ours, told, &mut compared);
            unknown(ours, Grace::DropCopy, &mut compared);
        }
        None => unknown(ours, Grace::None, &mut compared),
    }
    compared
}

/// Ids that were told of more than one execution: what differs there is for persons to say, in each book that
/// has one of them.
fn clash(
    ours: &Ours<'_>,
    told: Option<&Told>,
    compared: &mut Compared,
    lacking: &mut Vec<Lacking>,
) {
    for id in told.iter().flat_map(|told| told.clashes()) {
        lacking.retain(|one| one.id != id);
        compared.findings.retain(|finding| finding.id != Some(id));
        let net = compared.nets.get(&id);
        let home = net.map(|net| (net.account, net.symbol));
        let books = ours.books.of(id).map(|(book, _)| book);
        let books: BTreeSet<Book> = books.chain(home).collect();
        for book in books {
            compared.findings.push(Finding {
                id: Some(id),
                amount: i128::MAX,
                detail: "the drop copy has told of another execution by the same id".to_owned(),
                ..Finding::new(FindingKind::Missing, Some(book.0), Some(book.1))
            });
        }
        compared.open.insert(id);
    }
}

/// An execution that our books have not at all.
#[derive(Clone, Copy, Debug)]
struct Lacking {
    id: ExecId,
    net: Net,
    order: Option<OrderId>,
}

/// One execution, in every book that has it. What nobody has at all is handed back.
fn compare(ours: &Ours<'_>, id: ExecId, net: &Net, findings: &mut Vec<Finding>) -> Option<Lacking> {
    let home = (net.account, net.symbol);
    let mut own = super::books::Sums::default();
    for (book, sums) in ours.books.of(id) {
        if book == home {
            own = *sums;
        } else if !sums.total().is_nothing() {
            let lacks = -sums.total();
            let finding = differs(ours, FindingKind::QtyDiffers, (id, book), lacks, sums.price);
            findings.push(finding);
        }
    }
    let total = own.total();
    let mut wanted = net.moved;
    if !net.has_fee {
        wanted.fee = total.fee;
    }
    let lacks = wanted - total;
    if lacks.is_nothing() {
        return None;
    }
    if total == Moved::ZERO && own.booked == Moved::ZERO && wanted.qty != 0 {
        return Some(Lacking {
            id,
            net: *net,
            order: resolve(ours, net),
        });
    }
    let is_double = own.booked.qty != 0
        && own.healed.qty != 0
        && wanted.qty.abs() < total.qty.abs()
        && own.booked.qty.signum() == own.healed.qty.signum();
    let kind = match () {
        () if is_double => FindingKind::CountedTwice,
        () if lacks.qty != 0 => FindingKind::QtyDiffers,
        () if lacks.value != 0 => FindingKind::PriceDiffers,
        () => FindingKind::FeeDiffers,
    };
    findings.push(differs(ours, kind, (id, home), lacks, net.price));
    None
}

fn differs(
    ours: &Ours<'_>,
    kind: FindingKind,
    (id, book): (ExecId, Book),
    lacks: Moved,
    price: Price,
) -> Finding {
    let remedy = Adjustment::of(book, &lacks, price, ours.places, id.text());
    Finding {
        id: Some(id),
        lacks,
        amount: amount(&lacks),
        is_explained: true,
        remedy: remedy.into_iter().collect(),
        ..Finding::new(kind, Some(book.0), Some(book.1))
    }
}

/// The gate's number of the order that a line names; of one that nobody knows: none there is.
fn resolve(ours: &Ours<'_>, net: &Net) -> Option<OrderId> {
    net.order.map(|named| match named {
        Named::Number(order) => order,
        Named::Id(id) => (ours.find)(net.account, &id).unwrap_or(OrderId::NONE),
    })
}

/// An execution that was adjusted and came after all, and of which the drop copy no longer speaks.
fn counted_twice(ours: &Ours<'_>, compared: &mut Compared) {
    for (id, book, sums) in ours.books.sums() {
        let is_twice = sums.booked.qty != 0
            && sums.healed.qty != 0
            && sums.booked.qty.signum() == sums.healed.qty.signum();
        if is_twice && !compared.nets.contains_key(&id) {
            let kind = FindingKind::CountedTwice;
            let finding = differs(ours, kind, (id, book), -sums.healed, sums.price);
            compared.findings.push(finding);
        }
    }
}

fn missing(ours: &Ours<'_>, one: &Lacking, cover: &mut Cover) -> Finding {
    let Lacking { id, net, order } = one;
    let book = (net.account, net.symbol);
    let is_unknown = order.is_some_and(|order| !(ours.knows)(order));
    let kind = match is_unknown {
        true => FindingKind::OrderUnknown,
        false => FindingKind::Missing,
    };
    let grace = match !is_unknown && cover.take(book, *order, net.moved.qty) {
        true => Grace::InFlight,
        false => Grace::None,
    };
    Finding {
        order: order.unwrap_or(OrderId::NONE),
        grace,
        ..differs(ours, kind, (*id, book), net.moved, net.price)
    }
}

/// What live orders may still fill: as long as they live, that counts in full.
pub(super) struct Cover(Vec<Live>);

impl Cover {
    pub(super) fn new(live: &[Live]) -> Self {
        Self(live.to_vec())
    }

    /// Takes so much of the order, or of all in the book where none is named. False, and nothing is
    /// taken, where it is not there.
    pub(super) fn take(&mut self, book: Book, order: Option<OrderId>, qty: i128) -> bool {
        let fits = |live: &&mut Live| {
            live.book == book
                && live.is_buy == (0 < qty)
                && order.is_none_or(|order| order == live.id)
        };
        let room: i128 = self.0.iter_mut().filter(fits).map(|live| live.leaves).sum();
        let mut left = qty.abs();
        if room < left {
            return false;
        }
        for live in self.0.iter_mut().filter(fits) {
            let taken = left.min(live.leaves);
            live.leaves -= taken;
            left -= taken;
        }
        true
    }
}

/// What our books have without an id that the drop copy knows.
struct Pool {
    /// By order: what answers told, and what was adjusted for them.
    answers: BTreeMap<(Book, OrderId), Moved>,
    /// What was conceded to a statement or booked by an operator.
    others: Vec<(Book, Moved, Nanos)>,
    /// By order: what of it stands for nothing that was told, and for how much.
    covered: BTreeMap<(Book, OrderId), Moved>,
}

impl Pool {
    fn new(ours: &Ours<'_>, nets: &BTreeMap<ExecId, Net>) -> Self {
        let mut answers: BTreeMap<_, Moved> = BTreeMap::new();
        let mut others = Vec::new();
        for entry in ours.books.entries() {
            let book = (entry.account, entry.symbol);
            let has_told_id = entry.id.is_some_and(|id| nets.contains_key(&id));
            match entry.origin {
                Origin::Answer | Origin::Amended => {
                    *answers.entry((book, entry.order)).or_default() += entry.moved;
                }
                Origin::Conceded | Origin::Adjusted if !has_told_id => {
                    others.push((book, entry.moved, entry.time));
                }
                _ => {}
            }
        }
        Self {
            answers,
            others,
            covered: BTreeMap::new(),
        }
    }

    /// Takes out of `lacking` what stands for it here.
    fn cover(&mut self, lacking: &mut Vec<Lacking>, slack: Nanos) {
        let is_within =
            |qty: i128, room: i128| qty.signum() == room.signum() && qty.abs() <= room.abs();
        lacking.retain(|one| {
            let book = (one.net.account, one.net.symbol);
            let answered = self.answers.iter().find(|((of, order), moved)| {
                let left = moved.qty
                    - self
                        .covered
                        .get(&(*of, *order))
                        .map_or(0, |covered| covered.qty);
                *of == book
                    && one.order.is_none_or(|wanted| wanted == *order)
                    && is_within(one.net.moved.qty, left)
            });
            match answered {
                Some((key, _)) => *self.covered.entry(*key).or_default() += one.net.moved,
                None => return !self.is_adjusted(one, slack),
            }
            false
        });
    }

    /// True where somebody has booked it without its id, and not before it happened.
    fn is_adjusted(&mut self, one: &Lacking, slack: Nanos) -> bool {
        let (book, qty) = ((one.net.account, one.net.symbol), one.net.moved.qty);
        let is_later = |time: Nanos| one.net.time <= time.after(slack);
        let exact = self
            .others
            .iter()
            .position(|(of, moved, time)| *of == book && moved.qty == qty && is_later(*time));
        let wider = || {
            self.others.iter().position(|(of, moved, time)| {
                let is_same_side = moved.qty.signum() == qty.signum();
                *of == book && is_same_side && qty.abs() < moved.qty.abs() && is_later(*time)
            })
        };
        let Some(at) = exact.or_else(wider) else {
            return false;
        };
        self.others[at].1.qty -= qty;
        true
    }

    /// Answers that told more than the drop copy, or at another price.
    fn leftover(&self, ours: &Ours<'_>, nets: &BTreeMap<ExecId, Net>, findings: &mut Vec<Finding>) {
        for ((book, order), moved) in &self.answers {
            let covered = self.covered.get(&(*book, *order)).copied();
            let left = *moved - covered.unwrap_or_default();
            if left.qty == 0 {
                // An average price, rounded, and no fee: what the executions cost is known better.
                if left.cash().abs() <= AVERAGE_ROUNDING {
                    continue;
                }
                let lacks = Moved { qty: 0, ..-left };
                let kind = FindingKind::PriceDiffers;
                findings.push(of_order(ours, kind, *book, *order, lacks, Price::default()));
                continue;
            }
            let is_told = nets.values().any(|net| {
                resolve(ours, net) == Some(*order) && (net.account, net.symbol) == *book
            });
            let kind = match is_told {
                true => FindingKind::CountedTwice,
                false => FindingKind::NotThere,
            };
            let price = price_of(ours, *book, *order);
            // All that was booked for it, corrections of its price and its fee included.
            let mut finding = of_order(ours, kind, *book, *order, -left, price);
            finding.grace = Grace::DropCopy;
            finding.waits_for_statement = !is_told;
            findings.push(finding);
        }
    }
}

fn of_order(
    ours: &Ours<'_>,
    kind: FindingKind,
    book: Book,
    order: OrderId,
    lacks: Moved,
    price: Price,
) -> Finding {
    let remedy = Adjustment::of(book, &lacks, price, ours.places, order_note(order));
    Finding {
        order,
        lacks,
        amount: amount(&lacks),
        is_explained: true,
        remedy: remedy.into_iter().collect(),
        ..Finding::new(kind, Some(book.0), Some(book.1))
    }
}

/// The price of the last answer about an order.
fn price_of(ours: &Ours<'_>, book: Book, order: OrderId) -> Price {
    let is_of = |entry: &&Entry| {
        entry.origin == Origin::Answer
            && entry.order == order
            && (entry.account, entry.symbol) == book
            && entry.price != Price::default()
    };
    let last = ours.books.entries().rev().find(is_of);
    last.map_or(Price::default(), |entry| entry.price)
}

/// Executions of ours that the drop copy does not have.
fn missing_there(ours: &Ours<'_>, told: &Told, compared: &mut Compared) {
    let fills = ours.books.entries();
    let fills = fills.filter(|entry| entry.origin == Origin::Session);
    let fills: BTreeMap<_, _> = fills
        .filter_map(|entry| entry.id.map(|id| (id, entry)))
        .collect();
    for (id, book, sums) in ours.books.sums() {
        let is_ours = sums.booked.qty != 0 && sums.total().qty != 0;
        if !is_ours || compared.nets.contains_key(&id) {
            continue;
        }
        let Some(entry) = fills.get(&id).filter(|entry| told.covers(entry.time)) else {
            continue;
        };
        let lacks = -sums.total();
        let mut finding = differs(ours, FindingKind::NotThere, (id, book), lacks, sums.price);
        // The drop copy may be late, and it may have a gap: it alone takes nothing back.
        finding.waits_for_statement = true;
        finding.grace = Grace::DropCopy;
        finding.order = entry.order;
        compared.findings.push(finding);
    }
}

/// Executions that the session told of orders unknown, and that the drop copy has not told whose
/// they are.
fn unknown(ours: &Ours<'_>, grace: Grace, compared: &mut Compared) {
    let (all, forgotten) = ours.books.unknown();
    for one in all {
        let is_told = one.id.is_some_and(|id| {
            compared.nets.contains_key(&id) || ours.books.of(id).next().is_some()
        });
        let is_noted = || {
            let mut entries = ours.books.entries();
            entries.any(|entry| entry.order == one.order && entry.origin == Origin::Amended)
        };
        if is_told || one.id.is_none() && is_noted() {
            continue;
        }
        let moved = Moved {
            qty: one.qty,
            value: i128::from(one.price.raw())
                .saturating_mul(one.qty)
                .min(1 << 104),
            fee: 0,
        };
        compared.findings.push(Finding {
            id: one.id,
            order: one.order,
            lacks: moved,
            amount: amount(&moved),
            grace,
            ..Finding::new(FindingKind::OrderUnknown, None, None)
        });
    }
    if forgotten != 0 {
        let detail = format!("{forgotten} executions of orders unknown are forgotten");
        compared.findings.push(Finding {
            amount: i128::MAX,
            detail,
            ..Finding::new(FindingKind::TooMany, None, None)
        });
    }
}

/// An average price of an answer, times its quantity: a hundredth.
const AVERAGE_ROUNDING: i128 = 10i128.pow(15);
