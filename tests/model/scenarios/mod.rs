//! Scenarios: each control with its limit met exactly, and passed by one.
//!
//! Every gate there is plays them, so they hold for the model as for the core.

mod attacks;
mod desk;
mod limits;
mod orders;
mod permission;
mod reports;
mod room;
