//! Own: the live orders of each owner by price, so that none meets another of the same owner.
//!
//! Pure. Hot path, for accounts that ask for it; else there is nothing here.
//!
//! An owner's orders on one side of a symbol are a heap, the one that would trade first on top: a skew
//! heap, which needs no room but three links in each order's node, and in which any order is put in or
//! taken out in logarithmic time over any sequence of both. While a replace is under way an order stands
//! at whichever of its two prices would trade sooner; a market order, before all others.

use super::check::{Sink, Terms};
use super::core::Core;
use super::index::{Index, mix};
use super::order::Order;
use super::setup::{SelfMatch, Setup};
use crate::message::{OrderType, Side};
use crate::reject::RejectReason as Reason;
use crate::units::Price;
use arrayvec::ArrayVec;
use std::collections::BTreeMap;

/// An order that would meet more of its owner's than this is refused, whatever the mode: one event can
/// cancel no more.
pub(super) const CROSSING_MAX: usize = 8;

/// The slots of orders that one would meet.
pub(super) type Crossing = ArrayVec<u32, { CROSSING_MAX + 1 }>;

const NONE: u32 = u32::MAX;
/// No book yet.
pub(super) const NO_BOOK: u32 = NONE;

/// The heaps of all owners.
#[derive(Debug)]
pub(super) struct Own {
    books: Vec<Book>,
    index: Index,
    /// By slot.
    nodes: Vec<Node>,
    seed: u64,
}

/// One owner's orders in one symbol.
#[derive(Clone, Copy, Debug)]
struct Book {
    owner: u32,
    symbol: u32,
    /// The top of each side, by [`Side::index`].
    tops: [u32; 2],
}

#[derive(Clone, Copy, Debug)]
struct Node {
    /// The higher, the sooner it trades.
    key: i64,
    /// Its book; [`NONE`]: it is in none.
    book: u32,
    parent: u32,
    left: u32,
    right: u32,
}

const FREE: Node = Node {
    key: 0,
    book: NONE,
    parent: NONE,
    left: NONE,
    right: NONE,
};

/// Who owns an account, and what to do where it would trade with itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owner {
    pub(super) id: u32,
    pub(super) mode: SelfMatch,
    /// Some account of the owner must not trade with this one.
    pub(super) is_tracked: bool,
}

/// By account. Without a name, an account is its own owner.
pub(super) fn owners(setup: &Setup) -> Vec<Owner> {
    let mut ids = BTreeMap::new();
    let mut owners: Vec<Owner> = Vec::new();
    for (at, account) in (0u32..).zip(&setup.accounts) {
        let id = match account.owner.is_empty() {
            true => at,
            false => *ids.entry(&account.owner).or_insert(at),
        };
        owners.push(Owner {
            id,
            mode: account.self_match,
            is_tracked: false,
        });
    }
    let armed = owners.iter().filter(|owner| owner.mode != SelfMatch::Off);
    let armed: Vec<u32> = armed.map(|owner| owner.id).collect();
    for owner in &mut owners {
        owner.is_tracked = armed.contains(&owner.id);
    }
    owners
}

fn is_armed(setup: &Setup) -> bool {
    let mut accounts = setup.accounts.iter();
    accounts.any(|account| account.self_match != SelfMatch::Off)
}

/// How soon an order at a price trades, on its side.
fn key(side: Side, order_type: OrderType, price: Price) -> i64 {
    match (order_type, side) {
        (OrderType::Market, _) => i64::MAX,
        (_, Side::Buy) => price.raw(),
        // One's complement turns the order round, and every number has one.
        (_, Side::Sell) => !price.raw(),
    }
}

impl Own {
    /// `None` where no account asks for it.
    pub(super) fn new(setup: &Setup) -> Option<Box<Self>> {
        let positions = setup.capacity.positions as usize;
        is_armed(setup).then(|| {
            Box::new(Self {
                books: Vec::with_capacity(positions),
                index: Index::new(positions),
                nodes: vec![FREE; setup.capacity.orders as usize],
                seed: setup.hash_seed,
            })
        })
    }

    /// Bytes that it takes.
    pub(super) fn size_bytes(setup: &Setup) -> usize {
        if !is_armed(setup) {
            return 0;
        }
        let positions = setup.capacity.positions as usize;
        let books = Index::size_bytes(positions) + positions * size_of::<Book>();
        books + setup.capacity.orders as usize * size_of::<Node>()
    }

    fn hash(&self, owner: u32, symbol: u32) -> u64 {
        mix(self.seed ^ u64::from(owner), u64::from(symbol))
    }

    fn find(&self, owner: u32, symbol: u32) -> Option<u32> {
        self.index.find(self.hash(owner, symbol), |at| {
            let book = &self.books[at as usize];
            book.owner == owner && book.symbol == symbol
        })
    }

    /// The place of a book, made now if there was none. There are no more than cells of accounts.
    fn take(&mut self, owner: u32, symbol: u32) -> u32 {
        if let Some(at) = self.find(owner, symbol) {
            return at;
        }
        let at = self.books.len() as u32;
        self.books.push(Book {
            owner,
            symbol,
            tops: [NONE; 2],
        });
        self.index.insert(self.hash(owner, symbol), at);
        at
    }

    fn key_of(&self, at: u32) -> i64 {
        self.nodes[at as usize].key
    }

    /// Makes `child` the left child of `parent`, or the root of what is merged.
    fn attach(&mut self, root: &mut u32, parent: u32, child: u32) {
        match self.nodes.get_mut(parent as usize) {
            Some(node) => node.left = child,
            None => *root = child,
        }
        if let Some(node) = self.nodes.get_mut(child as usize) {
            node.parent = parent;
        }
    }

    /// One heap of two.
    fn merge(&mut self, mut one: u32, mut other: u32) -> u32 {
        let (mut root, mut parent) = (NONE, NONE);
        while one != NONE && other != NONE {
            if self.key_of(one) < self.key_of(other) {
                std::mem::swap(&mut one, &mut other);
            }
            self.attach(&mut root, parent, one);
            let node = &mut self.nodes[one as usize];
            let rest = node.right;
            node.right = node.left;
            parent = one;
            one = rest;
        }
        let rest = if one == NONE { other } else { one };
        self.attach(&mut root, parent, rest);
        root
    }

    fn insert(&mut self, slot: u32, book: u32, side: Side, key: i64) {
        self.nodes[slot as usize] = Node { key, book, ..FREE };
        let top = self.books[book as usize].tops[side.index()];
        let top = self.merge(top, slot);
        self.books[book as usize].tops[side.index()] = top;
    }

    fn remove(&mut self, slot: u32, side: Side) {
        let node = std::mem::replace(&mut self.nodes[slot as usize], FREE);
        let rest = self.merge(node.left, node.right);
        if let Some(child) = self.nodes.get_mut(rest as usize) {
            child.parent = node.parent;
        }
        match self.nodes.get_mut(node.parent as usize) {
            Some(parent) if parent.left == slot => parent.left = rest,
            Some(parent) => parent.right = rest,
            None => self.books[node.book as usize].tops[side.index()] = rest,
        }
    }

    /// The slots on the other side of an order that it would trade with, the first to trade first; of
    /// more than [`CROSSING_MAX`] not all.
    fn crossing(&self, book: &Book, side: Side, key: i64) -> Crossing {
        let mut found = Crossing::new();
        // It meets every one whose price is no worse than its own, seen from the other side.
        let least = !key;
        let mut ahead: ArrayVec<u32, { CROSSING_MAX + 3 }> = ArrayVec::new();
        ahead.push(book.tops[side.other().index()]);
        while let Some(at) = ahead.pop() {
            let Some(node) = self.nodes.get(at as usize).filter(|of| least <= of.key) else {
                continue;
            };
            if found.try_push(at).is_err() {
                break;
            }
            ahead.push(node.right);
            ahead.push(node.left);
        }
        found
    }

    /// Panics where a heap is none, or an order stands where it should not.
    pub(super) fn verify<'a>(&self, orders: impl Iterator<Item = (&'a Order, Owner, i64)>) {
        let mut count = 0;
        for (order, owner, key) in orders {
            let node = &self.nodes[order.id.slot() as usize];
            let book = &self.books[node.book as usize];
            assert_eq!((book.owner, book.symbol), (owner.id, order.symbol.0));
            assert_eq!(node.key, key, "{order:?}");
            let slot = order.id.slot();
            match self.nodes.get(node.parent as usize) {
                Some(parent) => {
                    assert!(node.key <= parent.key && parent.book == node.book);
                    assert!(parent.left == slot || parent.right == slot);
                }
                None => assert_eq!(book.tops[order.side.index()], slot),
            }
            count += 1;
        }
        let in_books = self.nodes.iter().filter(|node| node.book != NONE).count();
        assert_eq!(count, in_books);
    }
}

impl Core {
    /// Which of its owner's orders one would meet; and refuses it where that is how it is to be. The
    /// ones that are to be cancelled instead are those that are answered.
    #[inline]
    pub(super) fn check_own(&self, found: &mut impl Sink, terms: &Terms, book: u32) -> Crossing {
        let owner = self.owners[terms.account.0 as usize];
        let Some(own) = self.own.as_ref().filter(|_| owner.mode != SelfMatch::Off) else {
            return Crossing::new();
        };
        let key = key(terms.side, terms.order_type, terms.price);
        let book = match book {
            NO_BOOK => own.find(owner.id, terms.symbol.0).unwrap_or(NO_BOOK),
            book => book,
        };
        let Some(book) = own.books.get(book as usize) else {
            return Crossing::new();
        };
        let top = own
            .nodes
            .get(book.tops[terms.side.other().index()] as usize);
        if top.is_none_or(|top| top.key < !key) {
            return Crossing::new();
        }
        self.meet_own(found, terms, own, book, key)
    }

    /// The order would meet at least one.
    #[cold]
    fn meet_own(
        &self,
        found: &mut impl Sink,
        terms: &Terms,
        own: &Own,
        book: &Book,
        key: i64,
    ) -> Crossing {
        let mode = self.owners[terms.account.0 as usize].mode;
        let mut crossing = own.crossing(book, terms.side, key);
        let is_more = CROSSING_MAX < crossing.len();
        let is_refused = mode != SelfMatch::CancelOldest || is_more;
        if let Some(first) = crossing.first() {
            let met = match (own.key_of(*first), terms.side) {
                (i64::MAX, _) => 0,
                (key, Side::Buy) => !key,
                (key, Side::Sell) => key,
            };
            let told = || (met.into(), terms.price.raw().into());
            found.check(Reason::SelfMatch, is_refused, told);
        }
        if is_more || mode == SelfMatch::CancelNewest {
            crossing.clear();
        }
        crossing.retain(|slot| !self.orders.get(*slot).is_cancel_pending);
        crossing.sort_unstable_by_key(|slot| self.orders.get(*slot).id.serial());
        crossing
    }

    /// What an order's place among its owner's is, if it has one.
    fn own_key(&self, order: &Order) -> Option<i64> {
        let owner = self.owners[order.account.0 as usize];
        if !order.is_live() || !owner.is_tracked {
            return None;
        }
        let own = key(order.side, order.order_type, order.price);
        let asked = self.replacement(order);
        let asked = asked.map(|of| key(order.side, order.order_type, of.limit));
        Some(own.max(asked.unwrap_or(own)))
    }

    /// An order is new: it stands among its owner's.
    #[inline]
    pub(super) fn place_new_own(&mut self, slot: u32, route_at: usize) {
        let order = self.orders.get(slot);
        let (symbol, side) = (order.symbol.0, order.side);
        let owner = self.owners[order.account.0 as usize];
        let Some(own) = self.own.as_mut().filter(|_| owner.is_tracked) else {
            return;
        };
        let key = key(side, order.order_type, order.price);
        let book = &mut self.routes.row_mut(route_at).own_book;
        if *book == NO_BOOK {
            *book = own.take(owner.id, symbol);
        }
        own.insert(slot, *book, side, key);
    }

    /// An order has other terms, or is over: it stands among its owner's accordingly.
    pub(super) fn place_own(&mut self, slot: u32) {
        let order = self.orders.get(slot);
        let (owner, symbol, side) = (
            self.owners[order.account.0 as usize].id,
            order.symbol.0,
            order.side,
        );
        let wanted = self.own_key(order);
        let Some(own) = &mut self.own else {
            return;
        };
        let node = own.nodes[slot as usize];
        let stands = (node.book != NONE).then_some(node.key);
        if stands == wanted {
            return;
        }
        if stands.is_some() {
            own.remove(slot, side);
        }
        if let Some(key) = wanted {
            let book = match node.book {
                NO_BOOK => own.take(owner, symbol),
                book => book,
            };
            own.insert(slot, book, side, key);
        }
    }

    /// Puts every live order in its place, from nothing.
    pub(super) fn place_all_own(&mut self) {
        let live = self.orders.iter().filter(|order| order.is_live());
        let slots: Vec<u32> = live.map(|order| order.id.slot()).collect();
        for slot in slots {
            self.place_own(slot);
        }
    }

    /// Panics where an order is not where it should be among its owner's.
    pub(super) fn verify_own(&self) {
        if let Some(own) = &self.own {
            own.verify(self.orders.iter().filter_map(|order| {
                let owner = self.owners[order.account.0 as usize];
                Some((order, owner, self.own_key(order)?))
            }));
        }
    }
}
