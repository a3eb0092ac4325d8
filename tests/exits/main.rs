//! Exits: positions that the gate closes by itself.

mod attacks;
mod day;
mod race;
mod triggers;
mod world;
