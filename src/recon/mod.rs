//! Reconciliation: our books against the broker's, three ways, all the time.
//!
//! In:   the journal's records, once a follower's core has taken them; the broker's drop copy of
//!       executions and its statements of positions and cash, which are files.
//! Out:  adjustments and halts, by the way that operators' acts go; what was found, as events.
//! Owns: our executions as the journal tells them, and what the broker has told.
//!
//! The session is the first of the three: its reports and its answers about orders are in the journal,
//! and orders that nobody has answered for are in doubt. The drop copy says what was executed, the
//! statement what is held.
//!
//! Reading order: [`entry`] is one line of our books, [`books`] all of them; [`execution`] and [`told`]
//! are the drop copy's, [`statement`] the statement's; [`compare`] and [`holdings`] find what differs,
//! [`explain`] what accounts for it, [`standing`] what no longer does, [`judge`] what follows.
//!
//! Invariants:
//! - Trading never goes on through a difference above the threshold that counts: its account is killed
//!   at the look that finds it. What is on its way for less than the settle time does not count, as
//!   long as live orders account for it: those are at risk in full.
//! - The same journal and the same files give the same books and the same findings, whatever the order
//!   in which the broker's lines came, and however often the gate was started; but what takes two
//!   statements to see is seen after a start once there were two again.
//! - An adjustment says which execution or which statement it stands for, so nothing is adjusted twice,
//!   and what comes after all takes its adjustment back.
//! - All that is remembered is bounded.

pub mod account;
pub mod books;
pub mod compare;
pub mod entry;
pub mod execution;
pub mod explain;
pub mod files;
pub mod finding;
pub mod holdings;
pub mod judge;
pub mod places;
pub mod reconciler;
pub mod show;
pub mod source;
pub mod standing;
pub mod statement;
pub mod told;
pub mod worker;

mod instant;
mod ledger;

/// What is remembered takes so much memory at the most, in bytes.
pub fn memory_bytes(terms: &judge::Terms, has_drop_copy: bool) -> usize {
    let entry =
        2 * size_of::<entry::Entry>() + size_of::<books::Sums>() + size_of::<entry::ExecId>();
    let line = match has_drop_copy {
        true => told::LINE_SIZE,
        false => 0,
    };
    terms.history * (entry + line)
}

#[cfg(test)]
mod tests;
