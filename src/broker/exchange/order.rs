//! Orders: every order the exchange knows, by the gate that sent it and its number.
//!
//! Pure. Closed orders are remembered up to a bound, then the one closed first is forgotten. About
//! an order that may have been forgotten nothing is said: not even that it was never received.

use crate::message::{OrderState, OrderType, Side, TimeInForce};
use crate::units::{OrderId, Price, Qty, SymbolId};
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, DefaultHasher};

/// A gate's place among those that the exchange serves.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Party(pub(super) u32);

/// An order's place in [`Orders`].
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) struct Slot(pub(super) u32);

/// One order.
#[derive(Clone, Debug)]
pub(super) struct Order {
    pub(super) party: Party,
    pub(super) order_id: OrderId,
    pub(super) correlation: u64,
    pub(super) symbol: SymbolId,
    pub(super) side: Side,
    pub(super) order_type: OrderType,
    pub(super) time_in_force: TimeInForce,
    pub(super) price: Price,
    pub(super) qty: Qty,
    pub(super) filled: Qty,
    pub(super) leaves: Qty,
    pub(super) state: OrderState,
    /// The number that a request must have, or a higher one, to be a new request.
    pub(super) request_next: u32,
    /// The exchange has said that it never received this order, and stands by it.
    pub(super) is_disowned: bool,
    /// Neighbours in the queue of its price.
    pub(super) before: Option<Slot>,
    pub(super) behind: Option<Slot>,
}

impl Order {
    /// True while it may still fill.
    pub(super) fn is_live(&self) -> bool {
        matches!(self.state, OrderState::Open | OrderState::PartiallyFilled)
    }
}

/// All orders.
#[derive(Debug)]
pub(super) struct Orders {
    slots: Vec<Order>,
    free: Vec<Slot>,
    // Hashed with fixed keys and never walked: the order of a table decides nothing.
    by_id: HashMap<(Party, OrderId), Slot, BuildHasherDefault<DefaultHasher>>,
    closed: VecDeque<Slot>,
    closed_max: usize,
    /// By party: the highest serial among the forgotten.
    forgotten: Vec<u64>,
}

impl Orders {
    pub(super) fn new(closed_max: usize) -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            by_id: HashMap::default(),
            closed: VecDeque::new(),
            closed_max: closed_max.max(1),
            forgotten: Vec::new(),
        }
    }

    pub(super) fn find(&self, party: Party, order_id: OrderId) -> Option<Slot> {
        self.by_id.get(&(party, order_id)).copied()
    }

    /// True where the order may have been known once. Serials rise with time, so one above the
    /// highest forgotten was never known.
    pub(super) fn may_be_forgotten(&self, party: Party, order_id: OrderId) -> bool {
        let forgotten = self.forgotten.get(party.0 as usize);
        forgotten.is_some_and(|&serial| order_id.serial() <= serial)
    }

    pub(super) fn insert(&mut self, order: Order) -> Slot {
        let key = (order.party, order.order_id);
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot.0 as usize] = order;
                slot
            }
            None => {
                let slot = u32::try_from(self.slots.len()).expect("fewer than 2^32 orders");
                self.slots.push(order);
                Slot(slot)
            }
        };
        let before = self.by_id.insert(key, slot);
        assert!(before.is_none(), "an order is entered once");
        slot
    }

    /// The order has come to its end.
    pub(super) fn close(&mut self, slot: Slot, state: OrderState) {
        let order = &mut self[slot];
        order.state = state;
        order.leaves = Qty::ZERO;
        self.closed.push_back(slot);
        if self.closed_max < self.closed.len() {
            self.forget();
        }
    }

    /// Slots of all live orders, in the order of their slots.
    pub(super) fn live(&self) -> impl Iterator<Item = (Slot, &Order)> {
        let slots = self.slots.iter().enumerate();
        slots
            .filter(|(_, order)| order.is_live())
            .map(|(index, order)| (Slot(index as u32), order))
    }

    fn forget(&mut self) {
        let Some(slot) = self.closed.pop_front() else {
            return;
        };
        let (party, order_id) = (self[slot].party, self[slot].order_id);
        self.by_id.remove(&(party, order_id));
        self.free.push(slot);
        let party = party.0 as usize;
        if self.forgotten.len() <= party {
            self.forgotten.resize(party + 1, 0);
        }
        self.forgotten[party] = self.forgotten[party].max(order_id.serial());
    }
}

impl std::ops::Index<Slot> for Orders {
    type Output = Order;

    fn index(&self, slot: Slot) -> &Order {
        &self.slots[slot.0 as usize]
    }
}

impl std::ops::IndexMut<Slot> for Orders {
    fn index_mut(&mut self, slot: Slot) -> &mut Order {
        &mut self.slots[slot.0 as usize]
    }
}
