//! Outbound: what waits to be sent to one broker. Bounded, cancels first.
//!
//! Pure.
//!
//! Invariants:
//! - What is asked about one order leaves in the order it was asked: a cancel passes other orders,
//!   never its own.
//! - Cancels and questions have room of their own, which orders cannot take.

use super::link::Unsent;
use crate::message::{BrokerRequest, Frame, Kind};
use crate::risk::approved::Approved;
use crate::units::OrderId;
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, DefaultHasher};

/// What waits.
#[derive(Debug)]
pub(super) struct Outbound {
    /// Units of orders and replaces, and what may not pass them.
    orders: VecDeque<Frame>,
    /// Cancels and questions about orders that do not wait here.
    cancels: VecDeque<Frame>,
    orders_max: usize,
    cancels_max: usize,
    /// How many requests in `orders` there are about each order.
    waiting: HashMap<OrderId, u32, BuildHasherDefault<DefaultHasher>>,
    /// How many of `orders` are cancels or questions.
    followers_count: usize,
}

impl Outbound {
    /// Room for so many frames of orders and so many cancels.
    pub(super) fn new(orders_max: usize, cancels_max: usize) -> Self {
        let orders_all_max = orders_max + cancels_max;
        Self {
            orders: VecDeque::with_capacity(orders_all_max),
            cancels: VecDeque::with_capacity(cancels_max),
            orders_max,
            cancels_max,
            waiting: HashMap::with_capacity_and_hasher(orders_all_max, Default::default()),
            followers_count: 0,
        }
    }

    /// Takes an order or a replace, with its continuation frames.
    pub(super) fn push_order(&mut self, unit: &[Approved]) -> Result<(), Unsent> {
        if self.orders_max < self.orders.len() - self.followers_count + unit.len() {
            return Err(Unsent::OutboundFull);
        }
        if let Some(head) = unit.first() {
            *self.waiting.entry(order_id(head.frame())).or_insert(0) += 1;
        }
        self.orders.extend(unit.iter().map(Approved::frame));
        Ok(())
    }

    /// Takes a cancel or a question.
    pub(super) fn push_cancel(&mut self, cancel: &Frame) -> Result<(), Unsent> {
        if self.cancels_max <= self.cancels.len() + self.followers_count {
            return Err(Unsent::OutboundFull);
        }
        match self.waiting.get_mut(&order_id(cancel)) {
            Some(count) => {
                *count += 1;
                self.followers_count += 1;
                self.orders.push_back(*cancel);
            }
            None => self.cancels.push_back(*cancel),
        }
        Ok(())
    }

    /// The frames of the next unit, cancels first; orders only where they may go now.
    pub(super) fn next_size(&self, may_send_orders: bool) -> Option<usize> {
        if !self.cancels.is_empty() {
            return Some(1);
        }
        let head = self.orders.front().filter(|_| may_send_orders)?;
        Some(1 + usize::from(head.header.continuation_count))
    }

    /// Takes the unit that [`Outbound::next_size`] measured.
    pub(super) fn pop(&mut self, mut take: impl FnMut(Frame)) {
        if let Some(cancel) = self.cancels.pop_front() {
            return take(cancel);
        }
        if let Some(head) = self.pop_order() {
            let count = usize::from(head.header.continuation_count);
            take(head);
            self.orders.drain(..count).for_each(take);
        }
    }

    /// Takes a waiting order that will not be sent any more: the link is down. Cancels that wait
    /// behind it move to where cancels wait, questions are dropped: they will be asked again.
    pub(super) fn pop_unsent(&mut self) -> Option<Frame> {
        while let Some(head) = self.pop_order() {
            match head.kind() {
                Some(Kind::BrokerCancel) => self.cancels.push_back(head),
                Some(Kind::BrokerStatus) => {}
                _ => {
                    let count = usize::from(head.header.continuation_count);
                    self.orders.drain(..count);
                    return Some(head);
                }
            }
        }
        None
    }

    /// A cancel that was taken to be sent, and of which no byte left, waits again.
    pub(super) fn push_back(&mut self, cancel: Frame) {
        self.cancels.push_back(cancel);
    }

    /// Questions are asked anew when the link is up again.
    pub(super) fn drop_questions(&mut self) {
        let is_question = |frame: &Frame| frame.kind() == Some(Kind::BrokerStatus);
        self.cancels.retain(|frame| !is_question(frame));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.orders.is_empty() && self.cancels.is_empty()
    }

    /// Whether orders wait.
    pub(super) fn has_orders(&self) -> bool {
        !self.orders.is_empty()
    }

    fn pop_order(&mut self) -> Option<Frame> {
        let head = self.orders.pop_front()?;
        let is_follower = matches!(head.kind(), Some(Kind::BrokerCancel | Kind::BrokerStatus));
        self.followers_count -= usize::from(is_follower);
        let id = order_id(&head);
        let count = self
            .waiting
            .get_mut(&id)
            .expect("a waiting order is counted");
        *count -= 1;
        if *count == 0 {
            self.waiting.remove(&id);
        }
        Some(head)
    }
}

fn order_id(frame: &Frame) -> OrderId {
    frame.body::<BrokerRequest>().order_id
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Header;

    fn frame(kind: Kind, serial: u64) -> Frame {
        let body = BrokerRequest {
            order_id: OrderId::new(serial, 0),
            ..BrokerRequest::default()
        };
        Frame::new(kind, Header::default(), body)
    }

    fn unit(serial: u64, continuations: u8) -> Vec<Approved> {
        let mut head = frame(Kind::BrokerNew, serial);
        head.header.continuation_count = continuations;
        let rest = (0..continuations).map(|_| frame(Kind::BrokerNew, 99));
        std::iter::once(head)
            .chain(rest)
            .map(Approved::forged)
            .collect()
    }

    fn sent(outbound: &mut Outbound, may_send_orders: bool) -> Vec<(u8, u64)> {
        let mut sent = Vec::new();
        while let Some(size) = outbound.next_size(may_send_orders) {
            let before = sent.len();
            outbound.pop(|frame| sent.push((frame.header.kind, order_id(&frame).serial())));
            assert_eq!(sent.len() - before, size);
        }
        sent
    }

    const NEW: u8 = Kind::BrokerNew as u8;
    const CANCEL: u8 = Kind::BrokerCancel as u8;

    #[test]
    fn a_cancel_passes_other_orders_and_never_its_own() {
        let mut outbound = Outbound::new(8, 8);
        outbound.push_order(&unit(1, 0)).unwrap();
        outbound.push_order(&unit(2, 2)).unwrap();
        outbound.push_cancel(&frame(Kind::BrokerCancel, 1)).unwrap();
        outbound.push_cancel(&frame(Kind::BrokerCancel, 7)).unwrap();
        let expected = [
            (CANCEL, 7),
            (NEW, 1),
            (NEW, 2),
            (NEW, 99),
            (NEW, 99),
            (CANCEL, 1),
        ];
        assert_eq!(sent(&mut outbound, true), expected);
        assert!(outbound.is_empty() && outbound.waiting.is_empty());
        outbound.push_cancel(&frame(Kind::BrokerCancel, 1)).unwrap();
        assert_eq!(sent(&mut outbound, false), [(CANCEL, 1)]);
    }

    #[test]
    fn orders_cannot_take_the_room_of_cancels() {
        let mut outbound = Outbound::new(3, 2);
        for serial in 1..=3 {
            outbound.push_order(&unit(serial, 0)).unwrap();
        }
        assert_eq!(outbound.push_order(&unit(4, 0)), Err(Unsent::OutboundFull));
        outbound.push_cancel(&frame(Kind::BrokerCancel, 3)).unwrap();
        outbound.push_cancel(&frame(Kind::BrokerCancel, 8)).unwrap();
        let full = outbound.push_cancel(&frame(Kind::BrokerCancel, 9));
        assert_eq!(full, Err(Unsent::OutboundFull));
        assert_eq!(sent(&mut outbound, true).len(), 5);
    }

    #[test]
    fn a_lost_link_returns_orders_keeps_cancels_and_drops_questions() {
        let mut outbound = Outbound::new(8, 8);
        outbound.push_order(&unit(1, 1)).unwrap();
        outbound.push_cancel(&frame(Kind::BrokerCancel, 1)).unwrap();
        outbound.push_cancel(&frame(Kind::BrokerStatus, 1)).unwrap();
        outbound.push_cancel(&frame(Kind::BrokerStatus, 5)).unwrap();
        outbound.push_order(&unit(2, 0)).unwrap();
        outbound.drop_questions();
        let returned: Vec<u64> = std::iter::from_fn(|| outbound.pop_unsent())
            .map(|frame| order_id(&frame).serial())
            .collect();
        assert_eq!(returned, [1, 2]);
        assert_eq!(sent(&mut outbound, true), [(CANCEL, 1)]);
        assert_eq!((outbound.followers_count, outbound.waiting.len()), (0, 0));
    }
}
