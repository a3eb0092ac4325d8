//! Process: what the kernel says of this one.

use std::thread;

/// How many there are.
pub(crate) fn threads() -> usize {
    count("/proc/self/task")
}

/// How many files and sockets are open.
pub(crate) fn files() -> usize {
    count("/proc/self/fd")
}

fn count(of: &str) -> usize {
    std::fs::read_dir(of).unwrap().count()
}

/// The kernel takes a thread off its list a moment after it was joined.
pub(crate) fn settle(before: usize) {
    let is_back = |_: &u32| {
        thread::yield_now();
        threads() == before
    };
    let looked = (0..1_000_000).find(is_back);
    assert!(looked.is_some(), "{} threads, not {before}", threads());
}
