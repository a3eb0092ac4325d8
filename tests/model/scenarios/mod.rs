//! Scenarios: each control with its limit met exactly, and passed by one.
//!
//! Every gate there is plays them, so they hold for the model as for the core.

mod attacks;
mod attacks_books;
mod attacks_changes;
mod attacks_loosened;
mod attacks_money;
mod attacks_parents;
mod attacks_restart;
mod attacks_tail;
mod attacks_time;
mod desk;
mod limits;
mod orders;
mod permission;
mod reports;
mod restart;
mod room;
