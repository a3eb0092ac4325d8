//! Risk: decides every order, alone and in sequence.

pub mod approved;
pub mod decision;
pub mod setup;
