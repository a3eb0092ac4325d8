//! Gateway: a whole gate of a configuration's text, before it has threads, and a strategy at it.

use portcullis::config;
use portcullis::config::keys::load_keys;
use portcullis::message::Text;
use portcullis::strategy::client::{ClientOptions, StrategyClient, Target};
use portcullis::sys::clock::Clock;
use portcullis::topology::gateway::Gateway;
use portcullis::units::Nanos;
use std::path::Path;

pub(crate) fn open(text: &str) -> Gateway {
    let config = config::parse(text, "gate.toml").unwrap_or_else(|errors| panic!("{errors}"));
    let keys = load_keys(&config).unwrap_or_else(|errors| panic!("{errors}"));
    Gateway::open(config, &keys, 2).unwrap_or_else(|error| panic!("{error}"))
}

/// A session by the socket that the folder has.
pub(crate) fn log_on(folder: &Path, name: &str, clock: &mut Clock) -> StrategyClient {
    let options = ClientOptions {
        target: Target::Unix(folder.join("strategy.sock")),
        name: Text::new(name).unwrap(),
        key: None,
        report_sequence_last: 0,
        logon_timeout: Nanos::from_secs(10),
        queue_bytes_max: 1 << 20,
    };
    let mut client = StrategyClient::connect(options, clock.now()).unwrap();
    client.log_on(clock, |_| {}).unwrap();
    client
}
