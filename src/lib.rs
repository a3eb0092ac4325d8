//! Portcullis: a low-latency, lock-free pre-trade risk gateway.

pub mod message;
pub mod reject;
pub mod risk;
pub mod sys;
pub mod topology;
pub mod units;
