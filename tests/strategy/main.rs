//! The strategy stage over real loopback sockets, polled by hand, in virtual time.

mod ends;
mod flow;
mod harness;
mod logon;
mod storm;
