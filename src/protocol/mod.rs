//! Protocol: bytes to messages and back. Pure.

pub mod native;
pub mod scenario;
