//! Portcullis: a low-latency, lock-free pre-trade risk gateway.
//!
//! Every order of a trading strategy passes through one gate before it reaches a broker. The gate
//! decides against limits, remembers every decision before anything follows from it, and can fall
//! shut at once.
//!
//! ```text
//!                strategy_to_risk          risk_to_broker
//! strategies <-> strategy ---------> risk -------------> broker <-> brokers
//!                        <---------  | ^  <-------------
//!                risk_to_strategy    | |  broker_to_risk
//!                                    | +-- market_to_risk: reference prices
//!                                    | +-- admin_to_risk: kills, raises, settlements
//!                                    v
//!                                 journal --> follower: views, comparison; replay
//! ```
//!
//! An order's path, in reading order:
//!
//! 1. [`message`], [`reject`], [`units`]: what crosses the rings, why it is refused, in which units.
//! 2. [`strategy`]: bytes of a session become commands; reports become bytes.
//! 3. [`risk`]: the one writer. [`risk::core`] is pure: `step(event)` decides and changes the state.
//! 4. [`journal`]: the record of the event and its decision, before any effect leaves.
//! 5. [`broker`]: what was approved goes to its broker, what happened there comes back.
//!
//! Around it: [`market`] brings prices in, [`follower`] is the core again on a cold thread,
//! [`events`] tells those who watch what it has seen, [`admin`] lets operators ask and act,
//! [`topology`] puts stages on threads, [`config`] decides every bound, [`protocol`] turns bytes into
//! messages, [`ring`] is the only lock-free code of our own, [`sys`] makes the only system calls,
//! [`command`] is what the command line does, [`analytics`] what price history tells of what is held,
//! [`catalogue`] every control there is, or should be.
//!
//! Deliberately absent: locks and shared state on the path, floats where something is decided, global
//! state (two gateways run in one process), clocks outside `sys`, and any way for a strategy to see or
//! change a limit.

pub mod admin;
pub mod analytics;
pub mod broker;
pub mod catalogue;
pub mod command;
pub mod config;
pub mod events;
pub mod follower;
pub mod journal;
pub mod market;
pub mod message;
pub mod protocol;
pub mod recon;
pub mod reject;
pub mod ring;
pub mod risk;
pub mod strategy;
pub mod sys;
pub mod topology;
pub mod units;
