//! Ring: a bounded queue from one thread to one other, the only lock-free code of the gateway.
//!
//! Hot path.
//!
//! Invariants:
//! - Messages arrive in the order they were staged, each exactly once.
//! - What is published together is seen together: a unit of several messages is all or nothing.
//! - A slot is written only after the consumer released it, and read only after it was published.
//!
//! There are two positions, each written by one end and read by the other: `tail` is published by
//! a Release store and `head` is released by one. Each end keeps the other's position as it last
//! saw it and loads it again (Acquire) only when that copy says full or empty, so in steady flow
//! the two cores do not pass the position's cache line back and forth for every message.
//!
//! The positions are free-running counts in one `#[repr(C)]` header with no pointer in it, apart
//! from the array of slots. Both are heap memory now, and can be shared memory later.
#![allow(unsafe_code)]

mod atomic;
mod shared;
#[cfg(all(test, not(loom)))]
mod tests;

use std::fmt;

use atomic::{Arc, Ordering};
use shared::{Shared, Slots};

/// A ring with room for at least `capacity_min` messages, rounded up to a power of two. Slots that
/// stay in a core's first-level cache reach the other core sooner, so more room than the bursts
/// need is not free.
///
/// # Panics
/// When `capacity_min` is 0, or so large that no power of two at or above it fits `usize`.
pub fn ring<T: Send>(capacity_min: usize) -> (Producer<T>, Consumer<T>) {
    ring_from(capacity_min, 0)
}

/// As [`ring`], but with both positions starting at `position`: tests start just below `u64::MAX`
/// and so see the positions wrap, which no run lives long enough to see.
#[doc(hidden)]
pub fn ring_from<T: Send>(capacity_min: usize, position: u64) -> (Producer<T>, Consumer<T>) {
    let shared = Shared::new(capacity_min, position);
    let producer = Producer {
        staged: position,
        head_seen: position,
        slots: shared.slots(),
        shared: Arc::clone(&shared),
    };
    let consumer = Consumer {
        head: position,
        tail_seen: position,
        slots: shared.slots(),
        shared,
    };
    (producer, consumer)
}

/// The ring has no room: the message comes back.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct Full<T>(pub T);

/// The writing end. Aligned so that two ends side by side in one owner share no cache line.
#[repr(align(128))]
pub struct Producer<T> {
    /// Messages written so far, published or not.
    staged: u64,
    /// `header.head` as last loaded. The true one is at or past it, so room is never overstated.
    head_seen: u64,
    slots: Slots<T>,
    shared: Arc<Shared<T>>,
}

impl<T> Producer<T> {
    /// Stages one message and publishes it, with all that was staged before it. When there is no
    /// room nothing is published, neither this nor what was staged.
    #[inline]
    pub fn push(&mut self, message: T) -> Result<(), Full<T>> {
        self.stage(message)?;
        self.publish_all();
        Ok(())
    }

    /// Writes one message that the consumer does not see before [`publish`](Self::publish).
    #[inline]
    pub fn stage(&mut self, message: T) -> Result<(), Full<T>> {
        if !self.has_room(1) {
            return Err(Full(message));
        }
        // SAFETY: there is room, so the consumer has released this slot: its Release store to
        // `head` is what `has_room` loaded with Acquire. It reads the slot only after the store in
        // `publish`. No second producer exists: this takes `&mut self`, and it is not `Clone`.
        unsafe { self.slots.write(self.staged, message) };
        self.staged = self.staged.wrapping_add(1);
        Ok(())
    }

    /// Stages all of `messages`, or none of them when there is no room for as many as they say
    /// they are; then they come back. Faster than [`stage`](Self::stage) for each.
    #[inline]
    pub fn stage_all<I>(&mut self, messages: I) -> Result<(), Full<I::IntoIter>>
    where
        I: IntoIterator<Item = T, IntoIter: ExactSizeIterator>,
    {
        let messages = messages.into_iter();
        let count = messages.len();
        if !self.has_room(count) {
            return Err(Full(messages));
        }
        let mut staging = Staging {
            position: self.staged,
            staged: &mut self.staged,
        };
        // Their length is only what they say: never take more than there is room for.
        for message in messages.take(count) {
            // SAFETY: as in `stage`, and there is room for `count`.
            unsafe { self.slots.write(staging.position, message) };
            staging.position = staging.position.wrapping_add(1);
        }
        Ok(())
    }

    /// Makes all staged messages visible at once, with one Release store.
    #[inline]
    pub fn publish(&mut self) {
        if self.published() != self.staged {
            self.publish_all();
        }
    }

    /// Drops all staged messages: the consumer never sees them.
    pub fn unstage(&mut self) {
        while self.published() != self.staged {
            self.staged = self.staged.wrapping_sub(1);
            // SAFETY: written by `stage`, never published, so no one else has it; the position was
            // moved back first, so it is taken once even if its drop panics.
            drop(unsafe { self.slots.read(self.staged) });
        }
    }

    /// Whether `count` more messages can be staged now. Looks at the consumer's position only if
    /// what was last seen of it does not suffice. Room never shrinks but by staging.
    #[inline]
    pub fn has_room(&mut self, count: usize) -> bool {
        if count <= self.free_count_seen() {
            return true;
        }
        self.see_head();
        count <= self.free_count_seen()
    }

    /// How many more messages can be staged now. Always looks at the consumer's position, unless
    /// the ring is known to be empty; [`has_room`](Self::has_room) is cheaper.
    #[inline]
    pub fn free_count(&mut self) -> usize {
        if self.head_seen != self.staged {
            self.see_head();
        }
        self.free_count_seen()
    }

    /// Counts all messages that were ever staged: with [`is_taken`](Self::is_taken), a place in the
    /// order of messages.
    pub const fn position(&self) -> u64 {
        self.staged
    }

    /// Whether the consumer has released every message that was staged before a
    /// [`position`](Self::position) of this ring. Looks at the consumer only if what was last seen of it
    /// does not suffice.
    #[inline]
    pub fn is_taken(&mut self, position: u64) -> bool {
        // What is still in the ring is no further from the end than the position is.
        let is_seen =
            |of: &Self| distance(of.head_seen, of.staged) <= distance(position, of.staged);
        if is_seen(self) {
            return true;
        }
        self.see_head();
        is_seen(self)
    }

    /// Messages staged or published whose slots the consumer has not released.
    pub fn len(&self) -> usize {
        distance(
            self.shared.header.head.position.load(Ordering::Acquire),
            self.staged,
        )
    }

    /// Whether nothing is staged and the consumer has released everything.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of messages the ring can hold: a power of two.
    pub fn capacity(&self) -> usize {
        self.slots.capacity()
    }

    /// Whether the consumer was dropped: what is pushed now, nobody takes.
    pub fn is_abandoned(&self) -> bool {
        self.shared.header.head.is_gone()
    }

    /// Relaxed: nobody else writes it. A copy of it beside `staged` would be one store more for each
    /// message, and the processor's store buffer is what the messages leave through.
    #[inline(always)]
    fn published(&self) -> u64 {
        self.shared.header.tail.position.load(Ordering::Relaxed)
    }

    /// The Release store that `Consumer::see_tail` loads: the messages before `staged` are written.
    #[inline(always)]
    fn publish_all(&mut self) {
        self.shared
            .header
            .tail
            .position
            .store(self.staged, Ordering::Release);
    }

    #[inline(always)]
    fn free_count_seen(&self) -> usize {
        self.slots
            .capacity()
            .wrapping_sub(distance(self.head_seen, self.staged))
    }

    /// Acquire, of the Release store in `Consumer::release`: the consumer has done with the slots.
    #[inline(always)]
    fn see_head(&mut self) {
        self.head_seen = self.shared.header.head.position.load(Ordering::Acquire);
    }
}

impl<T> Drop for Producer<T> {
    fn drop(&mut self) {
        self.shared.header.tail.leave();
        self.unstage();
    }
}

/// The reading end. Aligned so that two ends side by side in one owner share no cache line.
#[repr(align(128))]
pub struct Consumer<T> {
    /// Messages taken so far. `header.head` follows it, behind while a [`Drain`] is at work.
    head: u64,
    /// `header.tail` as last loaded. The true one is at or past it.
    tail_seen: u64,
    slots: Slots<T>,
    shared: Arc<Shared<T>>,
}

impl<T> Consumer<T> {
    /// Takes the oldest message.
    #[inline]
    pub fn pop(&mut self) -> Option<T> {
        if !self.has_message() {
            return None;
        }
        // SAFETY: the message is published: the producer's Release store to `tail` is what
        // `has_message` loaded with Acquire. The producer writes this slot again only after the
        // store in `release`. No second consumer exists: this takes `&mut self`, and it is not
        // `Clone`. `head` moves on, so it is taken once.
        let message = unsafe { self.slots.read(self.head) };
        self.head = self.head.wrapping_add(1);
        self.release();
        Some(message)
    }

    /// Looks at the oldest message and leaves it there.
    #[inline]
    pub fn peek(&mut self) -> Option<&T> {
        if !self.has_message() {
            return None;
        }
        // SAFETY: published, as in `pop`. It stays while the reference lives: whatever could take
        // it needs `&mut self`.
        Some(unsafe { self.slots.peek(self.head) })
    }

    /// Takes up to `count_max` of the messages there are now, oldest first. Their slots are
    /// released together, with one Release store, when the iterator is dropped; those it did not
    /// take by then stay in the ring.
    #[inline]
    pub fn drain(&mut self, count_max: usize) -> Drain<'_, T> {
        if distance(self.head, self.tail_seen) < count_max {
            self.see_tail();
        }
        let count = count_max.min(distance(self.head, self.tail_seen));
        let position = self.head;
        let end = position.wrapping_add(count as u64);
        // Taken as of now. If the iterator is forgotten instead of dropped, its messages leak, and
        // none is taken twice.
        self.head = end;
        Drain {
            consumer: self,
            start: position,
            position,
            end,
        }
    }

    /// Messages published and not taken.
    pub fn len(&self) -> usize {
        distance(
            self.head,
            self.shared.header.tail.position.load(Ordering::Acquire),
        )
    }

    /// Whether there is no message to take.
    pub fn is_empty(&self) -> bool {
        self.head == self.tail_seen && self.len() == 0
    }

    /// The number of messages the ring can hold: a power of two.
    pub fn capacity(&self) -> usize {
        self.slots.capacity()
    }

    /// Whether the producer was dropped. All that it published is visible after this says `true`:
    /// if the ring is empty then, it stays empty.
    pub fn is_abandoned(&self) -> bool {
        self.shared.header.tail.is_gone()
    }

    #[inline(always)]
    fn has_message(&mut self) -> bool {
        if self.head == self.tail_seen {
            self.see_tail();
        }
        self.head != self.tail_seen
    }

    /// Acquire, of the Release store in `Producer::publish`: the messages before it are written.
    #[inline(always)]
    fn see_tail(&mut self) {
        self.tail_seen = self.shared.header.tail.position.load(Ordering::Acquire);
    }

    /// The Release store that `Producer::see_head` loads: the slots before `head` are free.
    #[inline(always)]
    fn release(&mut self) {
        self.shared
            .header
            .head
            .position
            .store(self.head, Ordering::Release);
    }
}

impl<T> Drop for Consumer<T> {
    fn drop(&mut self) {
        // A forgotten `Drain` has taken messages that the header does not know of.
        self.release();
        self.shared.header.head.leave();
    }
}

/// Messages on their way out of a ring, from [`Consumer::drain`].
pub struct Drain<'a, T> {
    consumer: &'a mut Consumer<T>,
    start: u64,
    position: u64,
    end: u64,
}

impl<T> Iterator for Drain<'_, T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        if self.position == self.end {
            return None;
        }
        // SAFETY: published, as in `Consumer::pop`, since `end` is at or before the `tail` last
        // loaded; the producer writes the slot again only after the store in `drop`. `position`
        // moves on, so it is taken once.
        let message = unsafe { self.consumer.slots.read(self.position) };
        self.position = self.position.wrapping_add(1);
        Some(message)
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        let count = distance(self.position, self.end);
        (count, Some(count))
    }
}

impl<T> ExactSizeIterator for Drain<'_, T> {}

impl<T> Drop for Drain<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.consumer.head = self.position;
        // A poll that found nothing takes no cache line from the producer.
        if self.position != self.start {
            self.consumer.release();
        }
    }
}

/// Messages on their way into a ring. The position is here and not in the producer while the loop
/// runs: one store to memory less for each message leaves more of the processor's store buffer to
/// the messages. On the way out, a panic of the iterator included, the producer gets it back.
struct Staging<'a> {
    position: u64,
    staged: &'a mut u64,
}

impl Drop for Staging<'_> {
    #[inline]
    fn drop(&mut self) {
        *self.staged = self.position;
    }
}

/// From `from` forward to `to`: at most the capacity, so it fits.
#[inline(always)]
fn distance(from: u64, to: u64) -> usize {
    to.wrapping_sub(from) as usize
}

impl<T> fmt::Debug for Full<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Full(..)")
    }
}

impl<T> fmt::Debug for Producer<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "Producer {{ {} of {} }}",
            self.len(),
            self.capacity()
        )
    }
}

impl<T> fmt::Debug for Consumer<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "Consumer {{ {} of {} }}",
            self.len(),
            self.capacity()
        )
    }
}
