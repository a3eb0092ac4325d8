//! The only system calls.

pub mod clock;
pub mod file;
#[allow(unsafe_code, reason = "mapped files")]
pub mod memory;
pub mod peer;
pub mod poller;
pub mod random;
pub mod user;
