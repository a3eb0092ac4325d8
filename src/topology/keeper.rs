//! The journal's keeper as a stage of a cold thread.
//!
//! It also tells those who follow that there is something to read. The writer rings nobody: that
//! would cost a system call on the path for each order that comes after a rest.

use super::Stage;
use crate::journal::keeper::Keeper;
use crate::sys::poller::Doorbell;
use crate::units::Nanos;

/// Prepares, faults in, syncs and closes segments; wakes risk where effects wait for a sync, and the
/// follower where there are records that it has not been told of.
pub(super) struct KeeperStage {
    keeper: Keeper,
    interval: Nanos,
    poll_at: Nanos,
    durable_sequence: u64,
    sequence: u64,
    /// What has been said in the log.
    was_disk_full: bool,
    has_told_failure: bool,
    risk_doorbell: Doorbell,
    follower_doorbell: Doorbell,
}

impl KeeperStage {
    /// Polled at least every `interval`.
    pub(super) const fn new(
        keeper: Keeper,
        interval: Nanos,
        risk_doorbell: Doorbell,
        follower_doorbell: Doorbell,
    ) -> Self {
        Self {
            keeper,
            interval,
            poll_at: Nanos::ZERO,
            durable_sequence: 0,
            sequence: 0,
            was_disk_full: false,
            has_told_failure: false,
            risk_doorbell,
            follower_doorbell,
        }
    }

    /// Says in the log what has changed for the worse or the better.
    fn tell(&mut self) {
        let is_disk_full = self.keeper.is_disk_full();
        if is_disk_full != self.was_disk_full {
            self.was_disk_full = is_disk_full;
            match is_disk_full {
                true => tracing::error!(
                    "the disk is full: new orders are refused once the journal's segment is used \
                     up, cancels pass; free space below journal.directory"
                ),
                false => tracing::info!("the disk has room again: new orders pass"),
            }
        }
        if let (Some(error), false) = (self.keeper.failure(), self.has_told_failure) {
            self.has_told_failure = true;
            tracing::error!(
                %error,
                "the journal cannot be written: only cancels pass, unjournaled, until the gate is \
                 restarted on a sound disk"
            );
        }
    }
}

impl Stage for KeeperStage {
    fn name(&self) -> &'static str {
        "journal"
    }

    fn poll(&mut self, now: Nanos) -> usize {
        let count = self.keeper.poll(now);
        self.tell();
        let durable_sequence = self.keeper.durable_sequence();
        if durable_sequence != self.durable_sequence {
            self.durable_sequence = durable_sequence;
            self.risk_doorbell.ring();
        }
        let sequence = self.keeper.sequence();
        if sequence != self.sequence {
            self.sequence = sequence;
            self.follower_doorbell.ring();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::segment::Disk;
    use crate::journal::{Settings, opening, recovery};
    use crate::sys::poller::Poller;

    #[test]
    fn who_follows_is_rung_for_what_was_written_and_not_without() {
        let name = format!("portcullis-keeper-stage-{}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        let settings = Settings {
            segment_size: 1 << 20,
            reserve_size: 64 << 10,
            fault_ahead_size: 64 << 10,
            ..Settings::new(&directory, 7, 1)
        };
        let journal = recovery::recover(settings, Box::new(Disk)).unwrap();
        let (mut writer, keeper) = journal.open().unwrap();
        let poller = Poller::new(8).unwrap();
        let (interval, follower) = (Nanos::from_millis(100), poller.doorbell());
        let mut stage = KeeperStage::new(keeper, interval, Doorbell::NONE, follower.clone());
        let mut now = Nanos::from_secs(1_700_000_000);
        let mut is_rung = |stage: &mut KeeperStage| {
            now = now.after(interval);
            poller.prepare();
            stage.poll(now);
            assert_eq!(stage.deadline(), now.after(interval));
            !follower.is_parked()
        };
        assert!(!is_rung(&mut stage));
        for _ in 0..3 {
            opening::append(&mut writer, Nanos::from_secs(1), 1, b"text", || {}).unwrap();
            assert!(is_rung(&mut stage));
            assert!(!is_rung(&mut stage));
        }
        drop(stage);
        std::fs::remove_dir_all(directory).unwrap();
    }
}
