//! The only system calls.

pub mod clock;
pub mod poller;
