//! Options: where a broker's process is and how the link to it behaves.

use crate::message::Text;
use crate::protocol::native::bodies::Definition;
use crate::protocol::native::key::Key;
use crate::units::Nanos;
use std::net::SocketAddr;

/// What a native link is built from.
#[derive(Clone, Debug)]
pub struct NativeOptions {
    /// Where the broker listens.
    pub address: SocketAddr,
    /// Who the gate says it is.
    pub name: Text,
    /// What both ends prove themselves by.
    pub key: Key,
    /// What the numbers of symbols and accounts mean: told at every logon.
    pub definitions: Vec<Definition>,
    /// A connection must be made within this time. Default: 1 s.
    pub connect_timeout: Nanos,
    /// A logon must be answered within this time: the broker reads the old connection to its end
    /// first. Default: 5 s.
    pub logon_timeout: Nanos,
    /// The first pause before a lost connection is made again. Default: 100 ms.
    pub reconnect_min: Nanos,
    /// The longest; a link that was up for so long starts with the first again. Default: 5 s.
    pub reconnect_max: Nanos,
    /// Of the jitter of the pauses.
    pub jitter_seed: u64,
    /// The kernel gives a connection up when what was sent is not acknowledged for so long.
    /// Default: 10 s.
    pub user_timeout: Nanos,
    /// The kernel takes about so much at a time: what it has taken is in doubt when the connection
    /// is lost. Default: 256 KiB.
    pub send_buffer_size: usize,
    /// So many frames of orders wait for a slow broker. Default: 4,096.
    pub orders_max: usize,
    /// So many cancels and questions wait, beside the orders. Default: 4,096.
    pub cancels_max: usize,
    /// Whether the link comes up although the broker no longer keeps reports that risk never had.
    /// Default: no, it stays down: fills would be missing.
    pub accepts_missed_reports: bool,
}

impl NativeOptions {
    /// The defaults, for what has one.
    pub fn new(address: SocketAddr, name: Text, key: Key) -> Self {
        Self {
            address,
            name,
            key,
            definitions: Vec::new(),
            connect_timeout: Nanos::from_secs(1),
            logon_timeout: Nanos::from_secs(5),
            reconnect_min: Nanos::from_millis(100),
            reconnect_max: Nanos::from_secs(5),
            jitter_seed: 0,
            user_timeout: Nanos::from_secs(10),
            send_buffer_size: 256 << 10,
            orders_max: 4_096,
            cancels_max: 4_096,
            accepts_missed_reports: false,
        }
    }
}
