//! Orders: every live order, and the last ones that closed.
//!
//! Pure. Hot path.
//!
//! Invariants:
//! - A slot is free, live or closed. Live ones are at most `orders - orders_closed`.
//! - An order that waits for an answer of its broker is in the list of waiting ones, in the order of
//!   its deadline; no other is.

use super::foresee::{hint_at, room_of};
use super::money::fees::Charged;
use super::parents::ParentId;
use super::questions::Questions;
use super::setup::ExitTerms;
use crate::message::{OrderState, OrderType, SaleMark, Side, Text, TimeInForce};
use crate::units::{
    AccountId, BrokerId, Nanos, Notional, OrderId, Price, Qty, StrategyId, SymbolId,
};
use std::collections::VecDeque;

/// No slot.
const NONE: u32 = u32::MAX;
/// The broker has not been asked.
pub(super) const NEVER: u32 = u32::MAX;

/// An order that was accepted. Three cache lines: what requests under way add stands apart.
#[derive(Clone, Debug)]
#[repr(align(64))]
pub struct Order {
    /// Its id; [`OrderId::NONE`] in a free slot.
    pub id: OrderId,
    /// The limit price; zero for a market order.
    pub price: Price,
    /// What one unit is valued at.
    pub value_price: Price,
    /// The quantity in all.
    pub qty: Qty,
    /// What has been filled.
    pub filled: Qty,
    /// Of a sale: how much of it the account owned.
    pub(super) covered: Qty,
    /// What may still fill on the worst terms: counted in every exposure.
    pub reserved: Qty,
    /// Its value.
    pub reserved_notional: Notional,
    /// When the broker's answer is due.
    pub deadline: Nanos,
    /// Given where it entered.
    pub correlation: u64,
    /// Whose.
    pub account: AccountId,
    /// Whose.
    pub strategy: StrategyId,
    /// What.
    pub symbol: SymbolId,
    /// To whom.
    pub broker: BrokerId,
    /// How many cancels and replaces were sent.
    pub request: u32,
    /// The number of the last loss of the link that it is known to have survived.
    pub(super) link_losses: u32,
    /// The number of the loss after which the broker was asked about it.
    pub(super) asked_after: u32,
    pub(super) account_cell: u32,
    pub(super) strategy_cell: u32,
    pub(super) waiting_previous: u32,
    pub(super) waiting_next: u32,
    pub(super) parent: ParentId,
    /// Which way.
    pub side: Side,
    /// How the price is given.
    pub order_type: OrderType,
    /// How long it stands.
    pub time_in_force: TimeInForce,
    /// How it is marked, if it is a sale that is.
    pub mark: Option<SaleMark>,
    /// How it ended; live while `None`.
    pub end: Option<OrderState>,
    /// The broker has answered.
    pub is_acknowledged: bool,
    /// A cancel is under way.
    pub is_cancel_pending: bool,
    /// A replace is under way.
    pub is_replace_pending: bool,
    /// Nobody knows what became of it.
    pub is_in_doubt: bool,
    pub(super) is_waiting: bool,
    /// The strategy's id of it now.
    pub client_order_id: Text,
}

const _: () = assert!(size_of::<Order>() == 192);

/// What the requests under way of an order say: of meaning while it is pending that they are done.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Requests {
    pub(super) replacement: Replacement,
    /// The id of the cancel.
    pub(super) cancel_id: Text,
    /// What the broker was asked about the order and has not answered.
    pub(super) questions: Questions,
    /// What it was charged.
    pub(super) charged: Charged,
    /// Of which order, and when what it makes is to be closed.
    pub(super) exits: (OrderId, ExitTerms),
}

/// The terms of a replace under way.
#[derive(Clone, Copy, Debug, Default)]
pub struct Replacement {
    /// What one unit is valued at.
    pub price: Price,
    /// The new limit price.
    pub limit: Price,
    /// The new quantity in all.
    pub qty: Qty,
    /// The order's id if it is done.
    pub client_order_id: Text,
    /// Which request of the order it was.
    pub request: u32,
}

impl Order {
    /// What stands on its own terms.
    #[inline]
    pub const fn leaves(&self) -> Qty {
        self.qty.saturating_sub(self.filled)
    }

    /// Where it is in its life, doubt about the link left aside.
    pub(super) fn own_state(&self) -> OrderState {
        match self.end {
            Some(end) => end,
            None if self.is_in_doubt => OrderState::InDoubt,
            None if self.is_cancel_pending => OrderState::CancelPending,
            None if self.is_replace_pending => OrderState::ReplacePending,
            None if !self.is_acknowledged => OrderState::Pending,
            None if self.filled != Qty::ZERO => OrderState::PartiallyFilled,
            None => OrderState::Open,
        }
    }

    /// True while it may still fill.
    #[inline]
    pub const fn is_live(&self) -> bool {
        self.id.0 != 0 && self.end.is_none()
    }
}

/// What an order may cost that is so much on its own terms, and to be another at a price: either of them, or
/// all of its own first and then the rest of the other, where that is more.
#[inline(always)]
pub(super) fn worst_notional(own: (Qty, Notional), new: (Qty, Price)) -> Notional {
    let rest = new.1.notional(new.0.saturating_sub(own.0));
    own.1.saturating_add(rest).max(new.1.notional(new.0))
}

impl Default for Order {
    /// A free slot.
    fn default() -> Self {
        Self {
            id: OrderId::NONE,
            price: Price::default(),
            value_price: Price::default(),
            qty: Qty::ZERO,
            filled: Qty::ZERO,
            covered: Qty::MAX,
            reserved: Qty::ZERO,
            reserved_notional: Notional::ZERO,
            deadline: Nanos::MAX,
            correlation: 0,
            account: AccountId::NONE,
            strategy: StrategyId::NONE,
            symbol: SymbolId::NONE,
            broker: BrokerId::NONE,
            request: 0,
            link_losses: 0,
            asked_after: NEVER,
            account_cell: NONE,
            strategy_cell: NONE,
            waiting_previous: NONE,
            waiting_next: NONE,
            parent: ParentId::NONE,
            side: Side::Buy,
            order_type: OrderType::Limit,
            time_in_force: TimeInForce::Day,
            mark: None,
            end: None,
            is_acknowledged: false,
            is_cancel_pending: false,
            is_replace_pending: false,
            is_in_doubt: false,
            is_waiting: false,
            client_order_id: Text::EMPTY,
        }
    }
}

/// All slots.
#[derive(Debug)]
pub(super) struct Orders {
    slots: Vec<Order>,
    /// By slot.
    requests: Vec<Requests>,
    capacity: usize,
    live_max: u32,
    live_count: u32,
    live_peak: u32,
    free: Vec<u32>,
    closed: VecDeque<u32>,
    closed_max: usize,
    waiting_first: u32,
    waiting_last: u32,
}

impl Orders {
    pub(super) fn new(capacity: u32, closed_max: u32) -> Self {
        Self {
            slots: Vec::with_capacity(capacity as usize),
            requests: vec![Requests::default(); capacity as usize],
            capacity: capacity as usize,
            live_max: capacity.saturating_sub(closed_max),
            live_count: 0,
            live_peak: 0,
            free: Vec::with_capacity(capacity as usize),
            closed: VecDeque::with_capacity(closed_max as usize + 1),
            closed_max: closed_max as usize,
            waiting_first: NONE,
            waiting_last: NONE,
        }
    }

    /// Makes room for more.
    pub(super) fn grow(&mut self, capacity: u32, closed_max: u32) {
        self.capacity = capacity as usize;
        self.live_max = capacity.saturating_sub(closed_max);
        self.closed_max = closed_max as usize;
        self.slots.reserve_exact(self.capacity - self.slots.len());
        self.requests.resize(self.capacity, Requests::default());
        self.free.reserve_exact(self.capacity - self.free.len());
        self.closed
            .reserve_exact(self.closed_max + 1 - self.closed.len());
    }

    pub(super) fn tables(&self, take: &impl Fn(*const u8, usize)) {
        room_of(&self.slots, take);
        room_of(&self.requests, take);
        room_of(&self.free, take);
    }

    /// Bytes that so many slots take, and the list of closed ones.
    pub(super) const fn size_bytes(capacity: usize, closed_max: usize) -> usize {
        capacity * (size_of::<Order>() + size_of::<Requests>() + size_of::<u32>())
            + (closed_max + 1) * size_of::<u32>()
    }

    /// How many may live at a time.
    pub(super) const fn live_max(&self) -> u32 {
        self.live_max
    }

    pub(super) const fn live_count(&self) -> u32 {
        self.live_count
    }

    pub(super) const fn live_peak(&self) -> u32 {
        self.live_peak
    }

    /// Slots that were ever used: a sweep need not look behind them.
    pub(super) fn used_count(&self) -> usize {
        self.slots.len()
    }

    #[inline]
    pub(super) const fn has_room(&self) -> bool {
        self.live_count < self.live_max
    }

    /// The slot of an order, live or remembered.
    #[inline]
    pub(super) fn slot(&self, id: OrderId) -> Option<u32> {
        let slot = id.slot();
        let order = self.slots.get(slot as usize)?;
        (order.id == id && id != OrderId::NONE).then_some(slot)
    }

    /// Where an order will be looked for.
    #[inline]
    pub(super) fn foresee(&self, slot: u32, hint: &impl Fn(*const u8)) {
        hint_at(&self.slots, slot as usize, hint);
    }

    /// The slot that will be opened next.
    #[inline]
    pub(super) fn foresee_open(&self, hint: &impl Fn(*const u8)) {
        if let Some(slot) = self.free.last() {
            self.foresee(*slot, hint);
        }
    }

    #[inline]
    pub(super) fn get(&self, slot: u32) -> &Order {
        &self.slots[slot as usize]
    }

    #[inline]
    pub(super) fn get_mut(&mut self, slot: u32) -> &mut Order {
        &mut self.slots[slot as usize]
    }

    /// What the requests under way of an order say.
    #[inline]
    pub(super) fn requests(&self, slot: u32) -> &Requests {
        &self.requests[slot as usize]
    }

    #[inline]
    pub(super) fn requests_mut(&mut self, slot: u32) -> &mut Requests {
        &mut self.requests[slot as usize]
    }

    /// What may still fill, and its value: the worst of the own terms, those of a replace, and the one
    /// behind the other.
    #[inline]
    pub(super) fn worst(&self, slot: u32) -> (Qty, Notional) {
        let order = self.get(slot);
        let own = order.leaves();
        let own_notional = order.value_price.notional(own);
        if !order.is_replace_pending {
            return (own, own_notional);
        }
        let replacement = &self.requests(slot).replacement;
        let new = replacement.qty.saturating_sub(order.filled);
        let notional = worst_notional((own, own_notional), (new, replacement.price));
        (own.max(new), notional)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Order> {
        self.slots.iter().filter(|order| order.id != OrderId::NONE)
    }

    /// Changes every order there is.
    pub(super) fn each_mut(&mut self, change: impl FnMut(&mut Order)) {
        self.slots.iter_mut().for_each(change);
    }

    /// Takes a slot. The caller has asked for room and fills it in.
    #[inline]
    pub(super) fn open(&mut self) -> u32 {
        assert!(self.has_room(), "the caller has asked for room");
        self.open_slot()
    }

    #[inline]
    fn open_slot(&mut self) -> u32 {
        self.live_count += 1;
        self.live_peak = self.live_peak.max(self.live_count);
        self.free.pop().unwrap_or_else(|| {
            assert!(
                self.slots.len() < self.capacity,
                "slots are live, closed or free"
            );
            self.slots.push(Order::default());
            self.slots.len() as u32 - 1
        })
    }

    /// True where an exit may be sent: its order may take the room of one that is only remembered.
    pub(super) fn may_open(&self) -> bool {
        !self.free.is_empty() || self.slots.len() < self.capacity || !self.closed.is_empty()
    }

    /// Takes a slot for an exit. The caller has asked if it may.
    pub(super) fn open_for_exit(&mut self) -> u32 {
        if self.free.is_empty()
            && self.slots.len() == self.capacity
            && let Some(oldest) = self.closed.pop_front()
        {
            self.get_mut(oldest).id = OrderId::NONE;
            self.free.push(oldest);
        }
        self.open_slot()
    }

    /// Frees the slot of an order that never was.
    pub(super) fn take_back(&mut self, slot: u32) {
        self.answered(slot);
        *self.get_mut(slot) = Order::default();
        // The next order has its number and its slot.
        self.requests_mut(slot).exits.0 = OrderId::NONE;
        self.live_count -= 1;
        self.free.push(slot);
    }

    /// An order has ended: it is remembered, and the oldest closed one may be forgotten.
    #[inline]
    pub(super) fn close(&mut self, slot: u32, end: OrderState) {
        self.answered(slot);
        let order = self.get_mut(slot);
        assert!(order.end.is_none(), "an order ends once");
        order.end = Some(end);
        self.live_count -= 1;
        self.closed.push_back(slot);
        if self.closed_max < self.closed.len()
            && let Some(oldest) = self.closed.pop_front()
        {
            self.get_mut(oldest).id = OrderId::NONE;
            self.free.push(oldest);
        }
    }

    /// The broker has something to answer until `deadline`, which is no earlier than any before.
    #[inline]
    pub(super) fn wait(&mut self, slot: u32, deadline: Nanos) {
        self.answered(slot);
        let last = self.waiting_last;
        let order = self.get_mut(slot);
        order.deadline = deadline;
        order.is_waiting = true;
        order.waiting_previous = last;
        order.waiting_next = NONE;
        match self.slots.get_mut(last as usize) {
            Some(previous) => previous.waiting_next = slot,
            None => self.waiting_first = slot,
        }
        self.waiting_last = slot;
    }

    /// The broker has answered.
    #[inline]
    pub(super) fn answered(&mut self, slot: u32) {
        let order = self.get_mut(slot);
        if !order.is_waiting {
            return;
        }
        order.is_waiting = false;
        let (previous, next) = (order.waiting_previous, order.waiting_next);
        match self.slots.get_mut(previous as usize) {
            Some(order) => order.waiting_next = next,
            None => self.waiting_first = next,
        }
        match self.slots.get_mut(next as usize) {
            Some(order) => order.waiting_previous = previous,
            None => self.waiting_last = previous,
        }
    }

    /// The order whose answer is due first.
    #[inline]
    pub(super) fn first_waiting(&self) -> Option<(u32, Nanos)> {
        let order = self.slots.get(self.waiting_first as usize)?;
        Some((self.waiting_first, order.deadline))
    }

    pub(super) fn verify(&self) {
        let live = self.iter().filter(|order| order.end.is_none()).count();
        assert_eq!(live, self.live_count as usize);
        assert!(self.live_count as usize <= self.capacity);
        assert!(self.closed.len() <= self.closed_max);
        assert_eq!(live + self.closed.len() + self.free.len(), self.slots.len());
        let (mut at, mut count, mut deadline) = (self.waiting_first, 0, Nanos::ZERO);
        while let Some(order) = self.slots.get(at as usize) {
            assert!(order.is_waiting && order.is_live() && deadline <= order.deadline);
            (at, count, deadline) = (order.waiting_next, count + 1, order.deadline);
        }
        assert_eq!(count, self.iter().filter(|order| order.is_waiting).count());
        for order in self.iter() {
            let worst = if order.end.is_some() {
                (Qty::ZERO, Notional::ZERO)
            } else {
                self.worst(order.id.slot())
            };
            assert_eq!(
                (order.reserved, order.reserved_notional),
                worst,
                "{order:?}"
            );
        }
    }
}
