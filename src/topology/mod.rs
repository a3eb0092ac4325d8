//! Topology: stages, the rings between them, and the threads that run them.
//!
//! Which thread runs which stage is configuration. A [`worker::Worker`] is a thread's list of stages;
//! [`gateway::Gateway`] builds all stages and rings from a configuration, and either spawns its
//! workers or lets its caller step them.

pub mod gateway;
mod keeper;
pub mod options;
pub mod rebuild;
pub mod supervisor;
pub mod worker;

use crate::risk::approved::Approved;
use crate::sys::poller::Readiness;
use crate::units::Nanos;

/// One role with a duty cycle. Which thread runs it is configuration; it cannot tell.
pub trait Stage {
    /// The noun of its folder.
    fn name(&self) -> &'static str;

    /// One of its sockets has something to do. Called before [`Stage::poll`].
    fn ready(&mut self, readiness: Readiness) {
        let _ = readiness;
    }

    /// Does at most one batch of work and returns how many messages it handled; zero lets the
    /// thread rest. `now` was read once for the whole round.
    fn poll(&mut self, now: Nanos) -> usize;

    /// When it must be polled again even if nothing happens.
    fn deadline(&self) -> Nanos {
        Nanos::MAX
    }

    /// The gate stops: take in nothing new, send what is pending. Returns true once there is
    /// nothing left to do; polled until then, or until the bound on the shutdown.
    fn drain(&mut self, now: Nanos) -> bool {
        self.poll(now) == 0
    }

    /// The gate has failed and this stage follows it: requests that cancel every live order.
    fn last_cancels(&mut self, now: Nanos) -> Vec<Approved> {
        let _ = now;
        Vec::new()
    }

    /// The gate has failed: sends what it was still handed, then `cancels`, taken from their list.
    /// True once there is nothing left to send.
    fn send_last(&mut self, now: Nanos, cancels: &mut Vec<Approved>) -> bool {
        let _ = (now, cancels);
        true
    }

    /// The threads of the gate have ended, in order: does a bounded part of what is left to do all the
    /// same. True once there is nothing left.
    fn finish(&mut self, now: Nanos) -> bool {
        let _ = now;
        true
    }

    /// It has panicked. True where it has put itself back to a sound beginning and may go on; false
    /// where the gate must shut, which is what a stage says that decides or remembers.
    fn restart(&mut self, now: Nanos) -> bool {
        let _ = now;
        false
    }
}
