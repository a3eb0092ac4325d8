//! Identity: the ids that have been seen, of orders and of executions.
//!
//! Pure. Hot path.
//!
//! Both are rings in the order of arrival with an index over them. An order id leaves only when it
//! may; an execution id leaves when the ring is full.

use super::foresee::{hint_at, room_of};
use super::index::{Index, Spot, mix};
use crate::message::Text;
use crate::units::{AccountId, BrokerId, Nanos, OrderId};

/// Client order ids by account, and which order each leads to.
#[derive(Debug)]
pub(super) struct ClientOrderIds {
    seed: u64,
    index: Index,
    entries: Vec<ClientOrderId>,
    capacity: usize,
    horizon: Nanos,
    /// The oldest entry, once the ring is full.
    oldest: usize,
}

#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct ClientOrderId {
    order_id: OrderId,
    time: Nanos,
    hash: u64,
    text: Text,
    account: AccountId,
}

/// How far the ring of ids is read ahead.
const AHEAD: usize = 8;

/// Where an id would go: looked up once, used once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    hash: u64,
    spot: Spot,
}

impl ClientOrderIds {
    pub(super) fn new(capacity: usize, horizon: Nanos, seed: u64) -> Self {
        Self {
            seed,
            index: Index::new(capacity),
            entries: Vec::with_capacity(capacity),
            capacity,
            horizon,
            oldest: 0,
        }
    }

    pub(super) fn tables(&self, take: &impl Fn(*const u8, usize)) {
        self.index.tables(take);
        room_of(&self.entries, take);
    }

    /// Bytes that `capacity` ids take.
    pub(super) const fn size_bytes(capacity: usize) -> usize {
        Index::size_bytes(capacity) + capacity * size_of::<ClientOrderId>()
    }

    /// The order that an id leads to, or where the id would go.
    #[inline(always)]
    pub(super) fn find(&self, account: AccountId, text: &Text) -> Result<OrderId, Place> {
        let hash = hash_text(self.seed ^ u64::from(account.0), text);
        let is_same = |at: u32| {
            let entry = &self.entries[at as usize];
            entry.account == account && entry.text == *text
        };
        match self.index.find_or_spot(hash, is_same) {
            Ok(at) => Ok(self.entries[at as usize].order_id),
            Err(spot) => Err(Place { hash, spot }),
        }
    }

    /// Where an id will be looked for.
    #[inline]
    pub(super) fn foresee(&self, account: AccountId, text: &Text, hint: &impl Fn(*const u8)) {
        self.index
            .foresee(hash_text(self.seed ^ u64::from(account.0), text), hint);
    }

    /// Where the id is that must make room for the next one, and the order that it leads to.
    #[inline]
    pub(super) fn foresee_oldest(&self, hint: &impl Fn(*const u8)) -> Option<OrderId> {
        if self.entries.len() < self.capacity {
            return None;
        }
        let entry = self.entries.get(self.oldest)?;
        self.index.foresee(entry.hash, hint);
        hint_at(&self.entries, self.oldest + AHEAD, hint);
        Some(entry.order_id)
    }

    /// True where one more id has room: a place never used, or that of an id that may be forgotten.
    #[inline]
    pub(super) fn has_room(&self, now: Nanos, is_closed: impl Fn(OrderId) -> bool) -> bool {
        if self.entries.len() < self.capacity {
            return true;
        }
        match self.entries.get(self.oldest) {
            Some(entry) if entry.order_id == OrderId::NONE => true,
            Some(entry) => self.horizon < now.since(entry.time) && is_closed(entry.order_id),
            None => false,
        }
    }

    /// Remembers an id that is not there. The caller has asked for room.
    #[inline]
    pub(super) fn insert(
        &mut self,
        place: Place,
        account: AccountId,
        text: &Text,
        order_id: OrderId,
        now: Nanos,
    ) {
        let entry = ClientOrderId {
            order_id,
            time: now,
            hash: place.hash,
            text: *text,
            account,
        };
        let at = if self.entries.len() < self.capacity {
            self.entries.push(entry);
            self.entries.len() - 1
        } else {
            let at = self.oldest;
            let old = &mut self.entries[at];
            if old.order_id != OrderId::NONE {
                self.index.remove(old.hash, at as u32);
            }
            *old = entry;
            self.oldest = if at + 1 == self.capacity { 0 } else { at + 1 };
            at
        };
        self.index.insert_at(place.spot, place.hash, at as u32);
    }

    /// Forgets the id that was remembered last. Its place is free; what had to leave it stays forgotten.
    pub(super) fn take_back(&mut self, account: AccountId, text: &Text) {
        let at = match self.oldest {
            0 => self.entries.len() - 1,
            oldest => oldest - 1,
        };
        let entry = &self.entries[at];
        assert!(
            entry.account == account && entry.text == *text,
            "the last one"
        );
        self.index.remove(entry.hash, at as u32);
        if self.entries.len() < self.capacity {
            self.entries.pop();
            return;
        }
        // The ring is full: the place stands where the oldest does, and may be taken at any time.
        self.entries[at].order_id = OrderId::NONE;
        self.oldest = at;
    }

    /// Makes room for more.
    pub(super) fn grow(&mut self, capacity: usize, horizon: Nanos) {
        self.entries.rotate_left(self.oldest);
        self.oldest = 0;
        self.entries.reserve_exact(capacity - self.entries.len());
        self.index = Index::new(capacity);
        self.entries.retain(|entry| entry.order_id != OrderId::NONE);
        for (at, entry) in self.entries.iter().enumerate() {
            self.index.insert(entry.hash, at as u32);
        }
        self.capacity = capacity;
        self.horizon = horizon;
    }

    /// How many ids are remembered.
    pub(super) fn count(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn verify(&self) {
        let there = || {
            self.entries
                .iter()
                .filter(|of| of.order_id != OrderId::NONE)
        };
        assert_eq!(self.index.count(), there().count());
        for entry in there() {
            assert_eq!(
                self.find(entry.account, &entry.text).ok(),
                Some(entry.order_id)
            );
        }
    }
}

/// Execution ids by broker: the last ones.
#[derive(Debug)]
pub(super) struct ExecutionIds {
    seed: u64,
    index: Index,
    entries: Vec<(Text, BrokerId)>,
    capacity: usize,
    oldest: usize,
}

impl ExecutionIds {
    pub(super) fn new(capacity: usize, seed: u64) -> Self {
        Self {
            seed,
            index: Index::new(capacity),
            entries: Vec::with_capacity(capacity),
            capacity,
            oldest: 0,
        }
    }

    pub(super) fn tables(&self, take: &impl Fn(*const u8, usize)) {
        self.index.tables(take);
        room_of(&self.entries, take);
    }

    /// Bytes that `capacity` ids take.
    pub(super) const fn size_bytes(capacity: usize) -> usize {
        Index::size_bytes(capacity) + capacity * size_of::<(Text, BrokerId)>()
    }

    /// Makes room for more.
    pub(super) fn grow(&mut self, capacity: usize) {
        self.entries.rotate_left(self.oldest);
        self.oldest = 0;
        self.entries.reserve_exact(capacity - self.entries.len());
        self.index = Index::new(capacity);
        for (at, (text, broker)) in self.entries.iter().enumerate() {
            let hash = hash_text(self.seed ^ u64::from(broker.0), text);
            self.index.insert(hash, at as u32);
        }
        self.capacity = capacity;
    }

    /// Where an id will be looked for.
    #[inline]
    pub(super) fn foresee(&self, broker: BrokerId, text: &Text, hint: &impl Fn(*const u8)) {
        self.index
            .foresee(hash_text(self.seed ^ u64::from(broker.0), text), hint);
    }

    /// True where the id was there already; it is remembered from now on.
    #[inline]
    pub(super) fn seen(&mut self, broker: BrokerId, text: &Text) -> bool {
        if text.is_empty() || self.capacity == 0 {
            return false;
        }
        let hash = hash_text(self.seed ^ u64::from(broker.0), text);
        let entry = (*text, broker);
        if self
            .index
            .find(hash, |at| self.entries[at as usize] == entry)
            .is_some()
        {
            return true;
        }
        let at = if self.entries.len() < self.capacity {
            self.entries.push(entry);
            self.entries.len() - 1
        } else {
            let at = self.oldest;
            let (old, of) = self.entries[at];
            self.index
                .remove(hash_text(self.seed ^ u64::from(of.0), &old), at as u32);
            self.entries[at] = entry;
            self.oldest = if at + 1 == self.capacity { 0 } else { at + 1 };
            at
        };
        self.index.insert(hash, at as u32);
        false
    }
}

#[inline]
fn hash_text(seed: u64, text: &Text) -> u64 {
    let [first, second, third, fourth, last] = text.words();
    let low = mix(seed ^ first, second);
    mix(low ^ last, mix(third, fourth))
}
