//! Exits: positions that the gate closes by itself.

mod day;
mod race;
mod triggers;
mod world;
