//! Portcullis: a low-latency, lock-free pre-trade risk gateway.

pub mod message;
pub mod reject;
pub mod risk;
pub mod units;
