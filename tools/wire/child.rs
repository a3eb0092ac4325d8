//! Child: the gate or the relay as a process of its own, and a folder that goes when they do.
//!
//! Only one of them runs at a time: the other is stopped, so that neither takes the other's core.
//! Each is ended by its own number, whatever happens here.

use portcullis::sys::random;
use portcullis::units::Nanos;
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread;
use std::time::Duration;

/// A process that ends with this value.
#[derive(Debug)]
pub(super) struct Process {
    name: &'static str,
    child: Child,
}

impl Process {
    pub(super) fn spawn(name: &'static str, command: &mut Command) -> Result<Self, String> {
        let program = command.get_program().to_string_lossy().into_owned();
        let child = command
            .spawn()
            .map_err(|error| format!("{name}: {program} cannot be started: {error}"))?;
        Ok(Self { name, child })
    }

    pub(super) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// An error once it has ended.
    pub(super) fn check(&mut self) -> Result<(), String> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(format!("the {} ended: {status}", self.name)),
            Err(error) => Err(format!("the {}: {error}", self.name)),
        }
    }

    /// It stands still until it is to go on.
    pub(super) fn stop(&self) -> Result<(), String> {
        self.signal(Signal::STOP)
    }

    pub(super) fn go_on(&self) -> Result<(), String> {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> Result<(), String> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or("no process number")?;
        kill_process(pid, signal).map_err(|error| format!("the {}: {error}", self.name))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.go_on();
        let _ = self.signal(Signal::TERM);
        for _ in 0..END_LOOKS {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(LOOK_INTERVAL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A folder of this run.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new(parent: &Path) -> io::Result<Self> {
        let serial = u64::from_le_bytes(random::bytes()?);
        let path = parent.join(format!("portcullis-wire-{serial:016x}"));
        fs::DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file that nobody else can read.
    pub(super) fn write(&self, name: &str, text: &str) -> io::Result<PathBuf> {
        let path = self.path(name);
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        file.write_all(text.as_bytes())?;
        Ok(path)
    }

    /// Makes a key: its digits, and where they are.
    pub(super) fn key(&self, name: &str) -> io::Result<PathBuf> {
        let digits: String = random::bytes::<32>()?
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        self.write(name, &digits)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A pause between two looks at what another process does.
pub(super) fn pause() {
    thread::sleep(LOOK_INTERVAL);
}

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
breaker = {{ failures = "off" }}
[broker.native]
address = "127.0.0.1:{broker_port}"
key_file = "{BROKER_KEY}"
heartbeat = "10m"
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

const LOOK_INTERVAL: Duration = Nanos::from_millis(2).to_duration();
/// A process is asked to end for about 5 s, then it is ended.
const END_LOOKS: u32 = 2_500;
