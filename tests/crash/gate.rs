//! Gate: the real `portcullis run` as a child process, to be killed.

use super::plan::Plan;
use portcullis::broker::exchange::Chance;
use portcullis::units::Price;
use std::fs::{self, File, OpenOptions};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Names of the two strategies; the first cancels on disconnect.
pub(crate) const STRATEGIES: [&str; 2] = ["cautious", "stubborn"];
/// Names of the accounts; the first strategy may use both, the second only the second.
pub(crate) const ACCOUNTS: [&str; 2] = ["main", "other"];
/// Names of the symbols.
pub(crate) const SYMBOLS: [&str; 2] = ["X", "Y"];
/// The one key of this play.
pub(crate) const KEY: [u8; 32] = [0x2a; 32];
/// Every price is a whole number of it.
pub(crate) const PRICE_TICK: Price = Price::from_raw(500_000_000);
/// Who the gate says it is.
pub(crate) const GATE: &str = "gate";

/// A folder with a configuration and a journal, and the process that runs on it.
pub(crate) struct Gate {
    folder: PathBuf,
    address: SocketAddr,
    child: Option<Child>,
    /// The failpoint of the next start, as the environment is told.
    failpoint: Option<String>,
    is_kept: bool,
}

impl Gate {
    /// Writes the configuration into a new folder in memory, where there is such a thing.
    pub(crate) fn new(plan: &Plan, broker: SocketAddr) -> Self {
        let memory = Path::new("/dev/shm");
        let base = match memory.is_dir() {
            true => memory.to_owned(),
            false => std::env::temp_dir(),
        };
        let folder = base.join(format!(
            "portcullis-crash-{}-{:x}",
            std::process::id(),
            plan.seed
        ));
        // What an earlier process of this number left behind.
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).unwrap();
        let address = free_address(plan.seed);
        let key: String = KEY.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let mut file = options.open(folder.join("key")).unwrap();
        std::io::Write::write_all(&mut file, key.as_bytes()).unwrap();
        fs::write(
            folder.join("gate.toml"),
            configuration(plan, address, broker),
        )
        .unwrap();
        Self {
            folder,
            address,
            child: None,
            failpoint: None,
            is_kept: false,
        }
    }

    /// Where strategies connect.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where the journal is.
    pub(crate) fn journal(&self) -> PathBuf {
        self.folder.join("journal")
    }

    /// The folder stays when this is dropped, and is said.
    pub(crate) fn keep(&mut self) -> &Path {
        self.is_kept = true;
        &self.folder
    }

    /// The next start stops itself at the `visit`-th visit of this point.
    #[cfg(feature = "failpoints")]
    pub(crate) fn stop_at(&mut self, name: &str, visit: u64) {
        self.failpoint = Some(format!("{name}:{visit}"));
    }

    /// Starts a process on the folder.
    pub(crate) fn start(&mut self) {
        assert!(self.child.is_none(), "one at a time");
        let log = File::options()
            .append(true)
            .create(true)
            .open(self.folder.join("log"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        command
            .arg("run")
            .arg("--config")
            .arg(self.folder.join("gate.toml"))
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log.unwrap())
            .env_remove("PORTCULLIS_FAILPOINT");
        if let Some(failpoint) = self.failpoint.take() {
            command.env("PORTCULLIS_FAILPOINT", failpoint);
        }
        self.child = Some(command.spawn().unwrap());
    }

    /// True once the process has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        let Some(child) = &mut self.child else {
            return false;
        };
        let is_over = child.try_wait().unwrap().is_some();
        if is_over {
            self.child = None;
        }
        is_over
    }

    /// `kill -9`, and waits for its end: nothing of it runs any more.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended a moment ago.
            let _ = child.kill();
            child.wait().unwrap();
        }
    }

    /// The last lines that it logged.
    pub(crate) fn log_tail(&self) -> String {
        let text = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(12)..].join("\n")
    }

    /// How many files recovery set aside so far.
    pub(crate) fn set_aside_count(&self) -> usize {
        let files = fs::read_dir(self.journal()).into_iter().flatten().flatten();
        files
            .filter(|file| file.file_name().to_string_lossy().ends_with(".set-aside"))
            .count()
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.kill();
        if !self.is_kept && !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// A port below those that the kernel gives away by itself, so that no other socket takes it while
/// the gate is dead.
fn free_address(seed: u64) -> SocketAddr {
    let mut chance = Chance::new(seed ^ u64::from(std::process::id()));
    for _ in 0..1_000 {
        let port = 12_000 + chance.up_to(19_000) as u16;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
    panic!("no free port");
}

fn configuration(plan: &Plan, address: SocketAddr, broker: SocketAddr) -> String {
    let Plan {
        layout,
        policy,
        checkpoint_events,
        ..
    } = plan;
    let [cautious, stubborn] = STRATEGIES;
    let [main, other] = ACCOUNTS;
    let [x, y] = SYMBOLS;
    format!(
        r#"
[gateway]
answer_timeout = "2s"
checkpoint_events = {checkpoint_events}
[listen]
tcp = "{address}"
reports_replay = 65536
[limits]
others = "off"
[[account]]
name = "{main}"
[[account]]
name = "{other}"
[[strategy]]
name = "{cautious}"
accounts = ["{main}", "{other}"]
key_file = "key"
cancel_on_disconnect = "at once"
acknowledge = true
[[strategy]]
name = "{stubborn}"
accounts = ["{other}"]
key_file = "key"
[[symbol]]
names = ["{x}", "{y}"]
tick = "{PRICE_TICK}"
lot = "1"
broker = "exchange"
[[broker]]
name = "exchange"
kind = "native"
reconnect_min = "1ms"
reconnect_max = "10ms"
breaker = {{ reject_share = "off", rejects = "off", unanswered = "off" }}
[broker.native]
address = "{broker}"
key_file = "key"
logon_name = "{GATE}"
[admin]
socket = "admin.sock"
[journal]
directory = "journal"
policy = "{policy}"
segment_size_bytes = "2MiB"
ahead_bytes = "64KiB"
reserve_bytes = "1MiB"
sync_interval = "5ms"
[threads]
layout = "{layout}"
[capacity]
orders = 16384
orders_closed = 8192
client_order_ids = 131072
positions = 64
executions = 262144
"#
    )
}
