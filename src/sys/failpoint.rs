//! Failpoint: named points at which a crash test stops the process.
//!
//! A build without the feature `failpoints` has none: every call is empty. With it, the environment
//! `PORTCULLIS_FAILPOINT=after_append:7` aborts the process at the seventh visit of that point.

/// Stops the process here, if this is the visit that was asked for.
#[cfg(feature = "failpoints")]
pub(crate) fn reach(name: &str) {
    if is_now(name) {
        // Every other time the other threads go on for a while: what is in a ring by now leaves.
        if std::process::id() % 2 == 0 {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        std::process::abort();
    }
}

/// Nothing.
#[cfg(not(feature = "failpoints"))]
#[inline(always)]
pub(crate) fn reach(_name: &str) {}

/// Whether this is the visit that was asked for: the caller does half of its work and stops.
#[cfg(feature = "failpoints")]
pub(crate) fn is_now(name: &str) -> bool {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    static ASKED: OnceLock<Option<(String, u64)>> = OnceLock::new();
    static VISITS: AtomicU64 = AtomicU64::new(0);
    let asked = ASKED.get_or_init(|| {
        let text = std::env::var("PORTCULLIS_FAILPOINT").ok()?;
        let (name, visit) = text.split_once(':')?;
        Some((name.to_owned(), visit.parse().ok()?))
    });
    match asked {
        Some((asked, visit)) if asked == name => {
            VISITS.fetch_add(1, Ordering::Relaxed) + 1 == *visit
        }
        _ => false,
    }
}
