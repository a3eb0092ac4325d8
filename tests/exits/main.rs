//! Exits: positions that the gate closes by itself.

mod attacks;
mod changes;
mod command;
mod day;
mod orders;
mod race;
mod triggers;
mod world;
