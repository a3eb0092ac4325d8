//! The market stage over real loopback sockets, polled by hand, in virtual time.

mod flow;
mod harness;
mod sessions;
