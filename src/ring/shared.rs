//! What the two ends of a ring share: a header of two positions, and the slots.
//!
//! The header holds no pointer and its layout is asserted, so that it and the slots can later lie
//! in memory shared between processes; today both are on the heap, behind one reference count.

use std::mem::MaybeUninit;
use std::ptr::NonNull;

use crossbeam::utils::CachePadded;

use super::atomic::{Arc, AtomicU32, AtomicU64, Ordering, UnsafeCell};

/// One end as the other end sees it. Only its own end writes it.
#[repr(C)]
pub(super) struct End {
    /// A free-running count: it wraps at `u64::MAX`, never at the capacity, so that a full ring
    /// (distance = capacity) and an empty one (distance = 0) differ without a spare slot.
    pub(super) position: AtomicU64,
    /// 1 once this end was dropped, else 0. A `bool` would be undefined behaviour with any other
    /// byte, and shared memory may hold any byte.
    gone: AtomicU32,
}

/// A cache line pair each, so that a store by one end takes no line from the other.
#[repr(C)]
pub(super) struct Header {
    /// Messages the consumer has taken and whose slots it has released.
    pub(super) head: CachePadded<End>,
    /// Messages the producer has published.
    pub(super) tail: CachePadded<End>,
}

pub(super) struct Shared<T> {
    pub(super) header: Header,
    /// The length is a power of two. A slot holds a message when its position is at or past
    /// `head` and before `tail`, or staged by the producer.
    slots: Box<[Slot<T>]>,
}

type Slot<T> = UnsafeCell<MaybeUninit<T>>;

/// How one end reaches the slots: kept beside its positions, so that a loop over messages has it
/// all in registers. Whoever holds it also holds the `Shared` that owns the slots.
pub(super) struct Slots<T> {
    first: NonNull<Slot<T>>,
    /// The capacity, a power of two, less one.
    mask: u64,
}

// SAFETY: the slots are the only part that is not `Sync` by itself. One position is reached by one
// thread at a time: the producer before its Release store to `tail`, the consumer between its
// Acquire load of it and its Release store to `head`. Nobody else has an end, since neither is
// `Clone`. No `&T` is shared, so `T: Send` is enough.
unsafe impl<T: Send> Sync for Shared<T> {}

// SAFETY: it is a way to the slots of a `Shared`, which may be used from any one thread, see above.
unsafe impl<T: Send> Send for Slots<T> {}

impl End {
    fn new(position: u64) -> Self {
        Self {
            position: AtomicU64::new(position),
            gone: AtomicU32::new(0),
        }
    }

    /// Read with Acquire: whatever the other end did before it left is visible after `true`.
    pub(super) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire) != 0
    }

    /// The Release store that `is_gone` loads.
    pub(super) fn leave(&self) {
        self.gone.store(1, Ordering::Release);
    }
}

impl<T> Shared<T> {
    /// Both ends start at `position`: no message yet.
    pub(super) fn new(capacity_min: usize, position: u64) -> Arc<Self> {
        assert!(1 <= capacity_min, "a ring holds at least one message");
        let capacity = capacity_min
            .checked_next_power_of_two()
            .expect("the capacity of a ring, rounded up to a power of two, fits usize");
        Arc::new(Self {
            header: Header {
                head: CachePadded::new(End::new(position)),
                tail: CachePadded::new(End::new(position)),
            },
            slots: (0..capacity)
                .map(|_| Slot::new(MaybeUninit::uninit()))
                .collect(),
        })
    }

    pub(super) fn slots(&self) -> Slots<T> {
        let first = NonNull::new(self.slots.as_ptr().cast_mut()).expect("a slice is never null");
        Slots {
            first,
            mask: self.slots.len() as u64 - 1,
        }
    }
}

impl<T> Slots<T> {
    #[inline(always)]
    pub(super) fn capacity(&self) -> usize {
        (self.mask as usize).wrapping_add(1)
    }

    /// The low bits of a free-running position name the slot, also across `u64::MAX`, because the
    /// capacity divides 2^64.
    #[inline(always)]
    fn slot(&self, position: u64) -> &Slot<T> {
        // SAFETY: at most `mask`, so it is inside the slice that `first` begins.
        let slot = unsafe { self.first.add((position & self.mask) as usize) };
        // SAFETY: the slice lives as long as the holder of this, and is reached by `&` only.
        unsafe { slot.as_ref() }
    }

    /// # Safety
    /// The slot holds no message, and no other thread touches it until it is published.
    #[inline(always)]
    pub(super) unsafe fn write(&self, position: u64, message: T) {
        self.slot(position).with_mut(|slot| {
            // SAFETY: the caller has this slot to itself, and the pointer comes from a live cell.
            unsafe { slot.write(MaybeUninit::new(message)) }
        });
    }

    /// # Safety
    /// The slot holds a message that is the caller's alone, and its position is never given to
    /// `read` or `peek` again before another `write`.
    #[inline(always)]
    pub(super) unsafe fn read(&self, position: u64) -> T {
        let slot = self.slot(position).with(|slot| {
            // SAFETY: no one writes the slot now; a `MaybeUninit` may be copied whatever it holds.
            unsafe { slot.read() }
        });
        // SAFETY: the caller says that it holds a message, and never takes it again.
        unsafe { slot.assume_init() }
    }

    /// # Safety
    /// The slot holds a message that is the caller's alone, and stays there while the reference
    /// lives.
    #[inline(always)]
    pub(super) unsafe fn peek(&self, position: u64) -> &T {
        let slot = self.slot(position).with(|slot| {
            // SAFETY: no one writes the slot while the caller keeps the message there.
            unsafe { &*slot }
        });
        // SAFETY: the caller says that it holds a message.
        unsafe { slot.assume_init_ref() }
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        // The last end is gone, so these are final. The producer dropped what it had only staged,
        // and the consumer stored its position when it left.
        let mut position = self.header.head.position.load(Ordering::Acquire);
        let tail = self.header.tail.position.load(Ordering::Acquire);
        let slots = self.slots();
        while position != tail {
            // SAFETY: published and never taken, see the field `slots`; each position once.
            drop(unsafe { slots.read(position) });
            position = position.wrapping_add(1);
        }
    }
}

#[cfg(not(loom))]
const _: () = {
    use std::mem::offset_of;
    assert!(size_of::<CachePadded<End>>() == align_of::<CachePadded<End>>());
    assert!(offset_of!(End, position) == 0);
    assert!(offset_of!(End, gone) == 8);
    assert!(offset_of!(Header, head) == 0);
    assert!(offset_of!(Header, tail) == size_of::<CachePadded<End>>());
    assert!(64 <= size_of::<CachePadded<End>>());
};
