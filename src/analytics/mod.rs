//! Analytics: from daily prices to volatilities, correlations, betas, tails and stresses. Cold.
//!
//! In:   files of prices and of holdings, as `[analytics]` names them.
//! Out:  [`analysis::Analysis`] for people; [`tables::RiskTables`] for the risk core.
//! Owns: the history, read once and again on another day ([`store::Store`]).
//!
//! Definitions. A return is simple: a price over the one before it, less 1, between neighbouring days
//! on which every symbol in question has a price. Variances and covariances are of a sample: over
//! n - 1. A year's volatility is a day's times the root of `days_per_year`. A loss is above zero.
//! Days count alike, all of those that `returns_max` leaves. What is held is held as it is today: the
//! gain of a past day is today's value times that day's return, and value is quantity times last price
//! times the symbol's multiplier. Every price is in one currency.
//!
//! Invariants:
//! - Nothing is guessed: a price that is missing, twice there, or none is an error with its place.
//! - No NaN and no infinity leaves: what is not defined (by zero equity, zero variance, no index) is
//!   `None`.
//! - What goes to the core is made by additions, multiplications, divisions and roots alone, which
//!   every machine rounds alike.

pub mod analysis;
pub mod concentration;
pub mod correlation;
pub mod error;
pub mod figures;
pub mod handover;
pub mod history;
pub mod holdings;
pub mod moments;
pub mod panel;
pub mod performance;
pub mod store;
pub mod stress;
pub mod tables;
pub mod tail;

mod columnar;
mod dates;
mod delimited;
mod sheet;

#[cfg(test)]
mod tests;
