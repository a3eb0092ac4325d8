//! The queues of the ring's contest behind one interface, which costs nothing: all of it is
//! inlined, and each queue is used the way its own documentation uses it.

use std::sync::Arc;

use crossbeam::queue::ArrayQueue;

/// How many messages a unit has.
pub const UNIT_COUNT: usize = 16;

pub trait Message: Copy + Send + 'static {
    fn new(number: u64) -> Self;
    /// Something that depends on every byte.
    fn fold(&self) -> u64;
}

impl Message for u64 {
    #[inline(always)]
    fn new(number: u64) -> Self {
        number
    }

    #[inline(always)]
    fn fold(&self) -> u64 {
        *self
    }
}

/// Two cache lines, as a frame of the gateway.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub struct Frame([u64; 16]);

impl Message for Frame {
    #[inline(always)]
    fn new(number: u64) -> Self {
        let mut frame = Self([0x0101_0101_0101_0101; 16]);
        frame.0[3] = number;
        frame
    }

    #[inline(always)]
    fn fold(&self) -> u64 {
        self.0.iter().fold(0, |sum, word| sum.wrapping_add(*word))
    }
}

pub trait Queue {
    fn new<M: Message>(
        capacity: usize,
    ) -> (
        impl Sender<M> + Send + 'static,
        impl Receiver<M> + Send + 'static,
    );
}

pub trait Sender<M> {
    fn push(&mut self, message: M) -> Result<(), M>;
    /// `UNIT_COUNT` messages numbered from `number`, published together where that exists.
    fn push_unit(&mut self, number: u64) -> bool;
}

pub trait Receiver<M> {
    fn pop(&mut self) -> Option<M>;
    fn drain(&mut self, count_max: usize, take: impl FnMut(M)) -> usize;
}

pub fn unit<M: Message>(number: u64) -> impl ExactSizeIterator<Item = M> {
    (0..UNIT_COUNT).map(move |index| M::new(number + index as u64))
}

pub struct Ours;

impl Queue for Ours {
    fn new<M: Message>(
        capacity: usize,
    ) -> (
        impl Sender<M> + Send + 'static,
        impl Receiver<M> + Send + 'static,
    ) {
        portcullis::ring::ring(capacity)
    }
}

impl<M: Message> Sender<M> for portcullis::ring::Producer<M> {
    #[inline(always)]
    fn push(&mut self, message: M) -> Result<(), M> {
        self.push(message).map_err(|full| full.0)
    }

    #[inline(always)]
    fn push_unit(&mut self, number: u64) -> bool {
        let is_staged = self.stage_all(unit(number)).is_ok();
        self.publish();
        is_staged
    }
}

impl<M: Message> Receiver<M> for portcullis::ring::Consumer<M> {
    #[inline(always)]
    fn pop(&mut self) -> Option<M> {
        self.pop()
    }

    #[inline(always)]
    fn drain(&mut self, count_max: usize, take: impl FnMut(M)) -> usize {
        let drain = self.drain(count_max);
        let count = drain.len();
        drain.for_each(take);
        count
    }
}

pub struct Rtrb;

impl Queue for Rtrb {
    fn new<M: Message>(
        capacity: usize,
    ) -> (
        impl Sender<M> + Send + 'static,
        impl Receiver<M> + Send + 'static,
    ) {
        rtrb::RingBuffer::new(capacity)
    }
}

impl<M: Message> Sender<M> for rtrb::Producer<M> {
    #[inline(always)]
    fn push(&mut self, message: M) -> Result<(), M> {
        self.push(message)
            .map_err(|rtrb::PushError::Full(message)| message)
    }

    #[inline(always)]
    fn push_unit(&mut self, number: u64) -> bool {
        self.write_chunk_uninit(UNIT_COUNT)
            .is_ok_and(|chunk| chunk.fill_from_iter(unit(number)) == UNIT_COUNT)
    }
}

impl<M: Message> Receiver<M> for rtrb::Consumer<M> {
    #[inline(always)]
    fn pop(&mut self) -> Option<M> {
        self.pop().ok()
    }

    #[inline(always)]
    fn drain(&mut self, count_max: usize, take: impl FnMut(M)) -> usize {
        let mut count = self.cached_slots();
        if count < count_max {
            count = self.slots();
        }
        let count = count.min(count_max);
        self.read_chunk(count)
            .expect("as many as there are")
            .into_iter()
            .for_each(take);
        count
    }
}

pub struct Array;

impl Queue for Array {
    fn new<M: Message>(
        capacity: usize,
    ) -> (
        impl Sender<M> + Send + 'static,
        impl Receiver<M> + Send + 'static,
    ) {
        let queue = Arc::new(ArrayQueue::new(capacity));
        (Arc::clone(&queue), queue)
    }
}

impl<M: Message> Sender<M> for Arc<ArrayQueue<M>> {
    #[inline(always)]
    fn push(&mut self, message: M) -> Result<(), M> {
        ArrayQueue::push(self, message)
    }

    #[inline(always)]
    fn push_unit(&mut self, number: u64) -> bool {
        UNIT_COUNT <= self.capacity() - self.len()
            && unit(number).all(|message| ArrayQueue::push(self, message).is_ok())
    }
}

impl<M: Message> Receiver<M> for Arc<ArrayQueue<M>> {
    #[inline(always)]
    fn pop(&mut self) -> Option<M> {
        ArrayQueue::pop(self)
    }

    #[inline(always)]
    fn drain(&mut self, count_max: usize, mut take: impl FnMut(M)) -> usize {
        let messages = std::iter::from_fn(|| ArrayQueue::pop(self)).take(count_max);
        messages.map(&mut take).count()
    }
}
