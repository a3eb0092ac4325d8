//! Analytics: what `portcullis analyze` says, beside numpy, and what it says of data that is not sound.

mod data;
mod figures;
mod forms;
mod handover;
mod numpy;
mod refusals;
mod tables;
