//! Money: what the gate's books are worth, what they have cost and what they bring.
//!
//! Pure.
//!
//! [`worth`] turns price and quantity into an amount, [`ledger`] books trades, [`fees`] charges them,
//! [`books`] keeps one for every owner, [`currency`] counts all in the firm's own.

pub(super) mod books;
pub(super) mod currency;
pub mod fees;
pub(super) mod freshness;
pub mod ledger;
pub(crate) mod worth;
