//! The only system calls.

pub mod clock;
pub(crate) mod failpoint;
pub mod file;
pub mod listener;
#[allow(unsafe_code, reason = "mapped files")]
pub mod memory;
pub mod peer;
pub mod poller;
pub mod random;
pub mod stream;
pub mod user;
