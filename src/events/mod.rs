//! Events: what has happened, told to those who watch, and remembered.
//!
//! In:   the follower's records, each once the follower's core has taken it.
//! Out:  the log, files of JSON lines, HTTP servers: one thread and one bounded queue for each; answers
//!       to `portcullis events`.
//!
//! Cold: all of it follows the journal, and nothing on an order's path knows that it is there. A
//! subscriber that is slow, away or broken delays neither another one nor the follower: its queue drops
//! the oldest, and says so where they are missing.
//!
//! Reading order: [`kind`] is the table, [`event`] one event, `derive` makes them of records, [`line`]
//! is what is kept and sent of each, [`publisher`] hands them on, `queue`, [`courier`] and [`sink`] bring
//! them to a subscriber.
//!
//! Invariant: all memory of the history and of queues is taken at start.

pub mod courier;
pub mod event;
pub mod filter;
pub mod history;
pub mod kind;
pub mod line;
pub mod publisher;
pub mod sink;

mod acts;
pub(crate) mod derive;
mod exits;
mod file;
mod log;
mod losses;
mod orders;
mod positions;
mod queue;
pub(crate) mod watch;
mod webhook;
