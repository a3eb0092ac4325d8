//! What a piece of work leaves behind on the heap, and how often it asked for memory: counted on the
//! thread that does it.
#![allow(
    unsafe_code,
    reason = "a global allocator that counts is unsafe by its trait"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ops::AddAssign;

/// What was taken and not given back, and how often something was taken.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Spent {
    pub(crate) bytes: i64,
    pub(crate) allocations: u64,
}

struct Counting;

thread_local! {
    static SPENT: Cell<Spent> = const { Cell::new(Spent { bytes: 0, allocations: 0 }) };
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Does something and says what that has spent.
pub(crate) fn spend<T>(work: impl FnOnce() -> T) -> (T, Spent) {
    let before = SPENT.get();
    let result = work();
    let after = SPENT.get();
    let spent = Spent {
        bytes: after.bytes - before.bytes,
        allocations: after.allocations - before.allocations,
    };
    (result, spent)
}

impl AddAssign for Spent {
    fn add_assign(&mut self, other: Self) {
        self.bytes += other.bytes;
        self.allocations += other.allocations;
    }
}

fn note(bytes: i64, allocations: u64) {
    let mut spent = SPENT.get();
    spent += Spent { bytes, allocations };
    SPENT.set(spent);
}

// SAFETY: every call goes on to the system's allocator unchanged; only counters are added to.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size() as i64, 1);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        note(-(layout.size() as i64), 0);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[test]
fn the_meter_counts_what_is_kept_and_what_was_asked_for() {
    let (kept, spent) = spend(|| {
        drop(std::hint::black_box(vec![0u8; 100]));
        std::hint::black_box(vec![0u8; 10])
    });
    assert_eq!(spent.bytes, 10);
    assert_eq!(spent.allocations, 2);
    assert_eq!(spend(|| drop(kept)).1.bytes, -10);
}
