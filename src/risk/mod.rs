//! Risk: decides every order, alone and in sequence.

pub mod approved;
pub mod core;
pub mod decision;
pub mod setup;

mod check;
mod command;
mod control;
mod duplicate;
pub mod exposure;
mod identity;
mod index;
mod market;
pub mod order;
mod rate;
mod report;
mod verify;
pub mod view;
