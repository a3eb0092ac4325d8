//! The journal's keeper as a stage of a cold thread.

use super::Stage;
use crate::journal::keeper::Keeper;
use crate::sys::poller::Doorbell;
use crate::units::Nanos;

/// Prepares, faults in, syncs and closes segments; wakes risk where effects wait for a sync.
pub(super) struct KeeperStage {
    keeper: Keeper,
    interval: Nanos,
    poll_at: Nanos,
    durable_sequence: u64,
    risk_doorbell: Doorbell,
}

impl KeeperStage {
    /// Polled at least every `interval`.
    pub(super) const fn new(keeper: Keeper, interval: Nanos, risk_doorbell: Doorbell) -> Self {
        Self {
            keeper,
            interval,
            poll_at: Nanos::ZERO,
            durable_sequence: 0,
            risk_doorbell,
        }
    }
}

impl Stage for KeeperStage {
    fn name(&self) -> &'static str {
        "journal"
    }

    fn poll(&mut self, now: Nanos) -> usize {
        let count = self.keeper.poll(now);
        let durable_sequence = self.keeper.durable_sequence();
        if durable_sequence != self.durable_sequence {
            self.durable_sequence = durable_sequence;
            self.risk_doorbell.ring();
        }
        self.poll_at = now.after(self.interval);
        count
    }

    fn deadline(&self) -> Nanos {
        self.poll_at
    }
}

impl Drop for KeeperStage {
    fn drop(&mut self) {
        // A disk that fails here has said so already, or will at the next start.
        self.keeper.flush();
    }
}
