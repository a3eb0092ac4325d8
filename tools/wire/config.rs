//! Config: the file that the gate of a measurement is started with.

/// What the gate is told: every limit is armed but for duplicates, which orders alike would breach,
/// and none refuses.
pub(super) struct GateConfig<'a> {
    pub(super) strategy_port: u16,
    pub(super) broker_port: u16,
    pub(super) core: Option<usize>,
    pub(super) idle: &'a str,
}

impl GateConfig<'_> {
    pub(super) fn to_toml(&self) -> String {
        let Self {
            strategy_port,
            broker_port,
            idle,
            ..
        } = self;
        let cores = self.core.map_or(String::new(), |core| core.to_string());
        let uid = rustix::process::getuid().as_raw();
        format!(
            r#"[gateway]
raise_persons = 1
[listen]
tcp = "127.0.0.1:{strategy_port}"
heartbeat = "10m"
[limits]
order_qty_max = "1000000"
order_notional_max = "1000000000"
order_rate = [{{ max = 1000000, window = "1s" }}]
open_orders_max = 90000
open_notional_max = "1000000000"
position_qty_max = "1000000"
position_value_max = "1000000000"
gross_exposure_max = "1000000000"
price_collar_bps = "100"
reference_age_max = "24h"
others = "off"
[[account]]
name = "{ACCOUNT}"
[account.limits]
order_qty_max = "100000"
order_notional_max = "100000000"
open_orders_max = 90000
open_notional_max = "100000000"
position_qty_max = "100000"
position_value_max = "100000000"
gross_exposure_max = "100000000"
others = "off"
[[strategy]]
name = "{STRATEGY}"
accounts = ["{ACCOUNT}"]
key_file = "{STRATEGY_KEY}"
[[symbol]]
name = "{SYMBOL}"
tick = "0.01"
lot = "1"
price_min = "0.01"
price_max = "100000"
qty_max = "100000"
broker = "wire"
[[broker]]
name = "wire"
kind = "native"
reconnect_min = "10ms"
breaker = {{ reject_share = "off", rejects = "off", unanswered = "off" }}
[broker.native]
address = "127.0.0.1:{broker_port}"
key_file = "{BROKER_KEY}"
[[feed]]
name = "{FEED}"
unix = "{FEED_SOCKET}"
unix_user = {uid}
[admin]
socket = "admin.sock"
[[operator]]
name = "operator"
uid = {uid}
[journal]
directory = "journal"
segment_size_bytes = "64MiB"
[threads]
layout = "shared"
idle = "{idle}"
cores = [{cores}]
[capacity]
client_order_id_horizon = "0ns"
"#
        )
    }
}

/// The names in the gate's configuration.
pub(super) const ACCOUNT: &str = "wire";
pub(super) const STRATEGY: &str = "wire";
pub(super) const SYMBOL: &str = "WIRE";
pub(super) const FEED: &str = "wire";
pub(super) const FEED_SOCKET: &str = "feed.sock";
pub(super) const STRATEGY_KEY: &str = "strategy.key";
pub(super) const BROKER_KEY: &str = "broker.key";
