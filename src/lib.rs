//! Portcullis: a low-latency, lock-free pre-trade risk gateway.

pub mod admin;
pub mod broker;
pub mod command;
pub mod config;
pub mod follower;
pub mod journal;
pub mod market;
pub mod message;
pub mod protocol;
pub mod reject;
pub mod ring;
pub mod risk;
pub mod strategy;
pub mod sys;
pub mod topology;
pub mod units;
