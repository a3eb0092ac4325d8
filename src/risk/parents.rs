//! Parents: the children of a parent order never come to more than it.
//!
//! Pure. Hot path for orders that name a parent; for others one comparison.
//!
//! A strategy that works a large order in small ones gives each the number and the quantity of the large
//! one. The first child says what the parent is: later ones must say the same. What its children have
//! been filled and may still be filled is counted against it, however many of them come and go, so that
//! a strategy that loses count cannot send more than it was asked to.
//!
//! A parent is remembered while any child lives, and then until its place is needed, but for the horizon
//! at the least.

use super::cell::Change;
use super::check::{Sink, Terms};
use super::core::Core;
use super::foresee::room_of;
use super::index::{Index, mix};
use super::setup::Capacity;
use crate::message::{NewOrder, Side};
use crate::reject::RejectReason as Reason;
use crate::units::{AccountId, Nanos, Qty};

/// What an order says of its parent.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Asked {
    /// Zero: it has none.
    number: u64,
    qty: Qty,
}

/// Which parent an order counts against: its place in the table, and the how-manyth that stands there.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct ParentId {
    place: u32,
    /// From one; zero for an order that has none.
    turn: u32,
}

impl ParentId {
    pub(super) const NONE: Self = Self { place: 0, turn: 0 };
}

/// All parents that are remembered.
#[derive(Debug)]
pub(super) struct Parents {
    rows: Vec<Parent>,
    index: Index,
    capacity: usize,
    horizon: Nanos,
    /// Those without a live child, in the order in which their last one ended.
    first: u32,
    last: u32,
    seed: u64,
}

#[derive(Clone, Copy, Debug)]
struct Parent {
    number: u64,
    qty: Qty,
    /// What its children have been filled and may still be filled.
    used: u128,
    /// When its last live child ended.
    since: Nanos,
    account: AccountId,
    symbol: u32,
    turn: u32,
    live: u32,
    previous: u32,
    next: u32,
    side: Side,
}

const NONE: u32 = u32::MAX;

impl Asked {
    #[inline(always)]
    pub(super) const fn of(order: &NewOrder) -> Self {
        Self {
            number: order.parent,
            qty: order.parent_qty,
        }
    }

    /// True where an order says nothing of a parent.
    #[inline(always)]
    pub(super) const fn is_none(self) -> bool {
        self.number | self.qty.raw() == 0
    }
}

impl Parents {
    pub(super) fn new(capacity: &Capacity, seed: u64) -> Self {
        let count = capacity.parents as usize;
        Self {
            rows: Vec::with_capacity(count),
            index: Index::new(count),
            capacity: count,
            horizon: capacity.parent_horizon,
            first: NONE,
            last: NONE,
            seed,
        }
    }

    /// Room for more.
    pub(super) fn grow(&mut self, capacity: &Capacity) {
        let count = capacity.parents as usize;
        self.rows.reserve_exact(count - self.rows.len());
        (self.capacity, self.horizon) = (count, capacity.parent_horizon);
        self.index = Index::new(count);
        for at in 0..self.rows.len() {
            let row = &self.rows[at];
            let hash = self.hash(row.account, row.number);
            self.index.insert(hash, at as u32);
        }
    }

    pub(super) fn tables(&self, take: &impl Fn(*const u8, usize)) {
        self.index.tables(take);
        room_of(&self.rows, take);
    }

    /// Bytes that so many take.
    pub(super) const fn size_bytes(count: usize) -> usize {
        Index::size_bytes(count) + count * size_of::<Parent>()
    }

    #[inline]
    fn hash(&self, account: AccountId, number: u64) -> u64 {
        mix(self.seed ^ u64::from(account.0), number)
    }

    fn find(&self, account: AccountId, number: u64) -> Option<u32> {
        self.index.find(self.hash(account, number), |at| {
            let row = &self.rows[at as usize];
            row.number == number && row.account == account
        })
    }

    /// True where one more would find a place.
    fn has_room(&self, now: Nanos) -> bool {
        let oldest = self.rows.get(self.first as usize);
        self.rows.len() < self.capacity
            || oldest.is_some_and(|row| self.horizon < now.since(row.since))
    }

    /// Looks at one child more, or at a child that grows by so much.
    #[cold]
    fn check(&self, found: &mut impl Sink, terms: &Terms, now: Nanos, more: Qty) {
        let asked = terms.parent;
        let at = self.find(terms.account, asked.number);
        let row = at.map(|at| &self.rows[at as usize]);
        // One of which nothing has come may still become another.
        let row = row.filter(|row| row.used != 0 || row.live != 0);
        let is_whole = asked.number != 0 && asked.qty != Qty::ZERO && asked.qty <= Qty::MAX;
        let is_same = row.is_none_or(|row| {
            (row.symbol, row.side, row.qty) == (terms.symbol.0, terms.side, asked.qty)
        });
        let qty = row.map_or(Qty::ZERO, |row| row.qty);
        let told = || (qty.raw().into(), asked.qty.raw().into());
        found.check(Reason::ParentMismatch, !(is_whole && is_same), told);
        let used = row.map_or(0, |row| row.used) + u128::from(more.raw());
        let told = || (asked.qty.raw().into(), used as i128);
        let is_more = more != Qty::ZERO && u128::from(asked.qty.raw()) < used;
        found.check(Reason::ParentQtyAboveMax, is_more, told);
        let is_full = at.is_none() && !self.has_room(now);
        let of = self.capacity as i128;
        found.check(Reason::ParentsFull, is_full, || (of, of));
    }

    /// The parent of a child that has passed.
    fn take(&mut self, terms: &Terms, now: Nanos) -> ParentId {
        let asked = terms.parent;
        let place = match self.find(terms.account, asked.number) {
            Some(at) => at,
            None => self.place(terms.account, asked.number, now),
        };
        let row = &mut self.rows[place as usize];
        let turn = row.turn;
        if row.used == 0 && row.live == 0 {
            (row.symbol, row.side, row.qty) = (terms.symbol.0, terms.side, asked.qty);
        }
        if row.live == 0 {
            self.unlink(place);
        }
        self.rows[place as usize].live += 1;
        ParentId { place, turn }
    }

    /// A place for one more, that waits for its first child; the check has seen that there is one.
    fn place(&mut self, account: AccountId, number: u64, now: Nanos) -> u32 {
        let mut row = Parent {
            number,
            qty: Qty::ZERO,
            used: 0,
            since: now,
            account,
            symbol: 0,
            turn: 1,
            live: 0,
            previous: NONE,
            next: NONE,
            side: Side::Buy,
        };
        let at = match self.rows.len() < self.capacity {
            true => {
                self.rows.push(row);
                self.rows.len() as u32 - 1
            }
            false => {
                let at = self.first;
                let old = self.rows[at as usize];
                self.unlink(at);
                self.index.remove(self.hash(old.account, old.number), at);
                row.turn = old.turn.wrapping_add(1).max(1);
                self.rows[at as usize] = row;
                at
            }
        };
        self.index.insert(self.hash(account, number), at);
        self.link(at);
        at
    }

    /// What a child comes to changes; and it may have ended.
    fn count(&mut self, id: ParentId, old: Qty, new: u128, has_ended: bool, now: Nanos) {
        let row = self.rows.get_mut(id.place as usize);
        let Some(row) = row.filter(|row| row.turn == id.turn) else {
            return;
        };
        row.used = row.used - u128::from(old.raw()) + new;
        if has_ended {
            row.live -= 1;
            row.since = now;
            if row.live == 0 {
                self.link(id.place);
            }
        }
    }

    fn link(&mut self, at: u32) {
        let last = self.last;
        let row = &mut self.rows[at as usize];
        (row.previous, row.next) = (last, NONE);
        match self.rows.get_mut(last as usize) {
            Some(previous) => previous.next = at,
            None => self.first = at,
        }
        self.last = at;
    }

    fn unlink(&mut self, at: u32) {
        let Parent { previous, next, .. } = self.rows[at as usize];
        match self.rows.get_mut(previous as usize) {
            Some(row) => row.next = next,
            None => self.first = next,
        }
        match self.rows.get_mut(next as usize) {
            Some(row) => row.previous = previous,
            None => self.last = previous,
        }
    }

    /// Enters them into a hash of the state.
    pub(super) fn hash_state(&self, mut add: impl FnMut(u64, u64)) {
        for row in &self.rows {
            add(row.number, row.used as u64);
            add(row.qty.raw(), u64::from(row.live));
            add(row.since.raw(), u64::from(row.turn));
        }
    }
}

impl Core {
    /// Looks at an order's parent. `more` is what it adds to what may fill.
    #[inline(always)]
    pub(super) fn check_parent(&self, found: &mut impl Sink, terms: &Terms, more: Qty) {
        if !terms.parent.is_none() {
            self.parents.check(found, terms, self.now, more);
        }
    }

    /// An order that has passed counts against its parent from now on.
    #[inline(always)]
    pub(super) fn take_parent(&mut self, terms: &Terms, reserved: Qty) -> ParentId {
        if terms.parent.is_none() {
            return ParentId::NONE;
        }
        let id = self.parents.take(terms, self.now);
        let reserved = u128::from(reserved.raw());
        self.parents.count(id, Qty::ZERO, reserved, false, self.now);
        id
    }

    /// What an order has come to, and may still come to, changes.
    #[inline]
    pub(super) fn count_parent(&mut self, id: ParentId, change: &Change) {
        if id != ParentId::NONE {
            let (old, new) = change.reserved;
            let new = u128::from(new.raw()) + u128::from(change.filled.raw());
            self.parents
                .count(id, old, new, change.orders < 0, self.now);
        }
    }

    /// Panics where a parent does not have the live children that it counts.
    pub(super) fn verify_parents(&self) {
        let mut counted = vec![(0, 0); self.parents.rows.len()];
        let live = self.orders.iter().filter(|order| order.is_live());
        for order in live.filter(|order| order.parent != ParentId::NONE) {
            let place = order.parent.place as usize;
            assert_eq!(self.parents.rows[place].turn, order.parent.turn);
            counted[place].0 += 1;
            counted[place].1 += u128::from((order.reserved).saturating_add(order.filled).raw());
        }
        for (row, (live, least)) in self.parents.rows.iter().zip(counted) {
            assert!(row.live == live && least <= row.used, "{row:?} {least}");
        }
    }

    /// What an order that is replaced says of its parent, if that is remembered: a live order's is.
    #[inline(always)]
    pub(super) fn asked_parent(&self, id: ParentId) -> Asked {
        if id == ParentId::NONE {
            return Asked::default();
        }
        let row = self.parents.rows.get(id.place as usize);
        let row = row.filter(|row| row.turn == id.turn);
        row.map_or(Asked::default(), |row| Asked {
            number: row.number,
            qty: row.qty,
        })
    }
}
