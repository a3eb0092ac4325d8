//! The gate in virtual time: each test is a short story, told as a scenario.

mod harness;
mod lifecycle;
mod rejects;
