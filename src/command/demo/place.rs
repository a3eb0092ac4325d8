//! Place: the folder of one demo, with its keys and its configuration; gone when it is over.

use super::strategies::{ROLES, Role};
use crate::command::Failure;
use crate::config::sessions::{Credential, Endpoint, UnixUser};
use crate::config::{self, Config};
use crate::sys::{file, random};
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

/// A folder that only its owner may enter. Removed when this is dropped, unless it is to be kept.
#[derive(Debug)]
pub(super) struct Place {
    folder: PathBuf,
    is_kept: bool,
}

impl Place {
    /// A new one below the system's folder for temporary files.
    pub(super) fn new(is_kept: bool) -> Result<Self, Failure> {
        let name = u64::from_le_bytes(random::bytes().map_err(Failure::of)?);
        let folder = std::env::temp_dir().join(format!("portcullis-demo-{name:016x}"));
        let place = Self { folder, is_kept };
        for part in ["keys", "run"] {
            let folder = place.folder.join(part);
            file::create_directory(&folder).map_err(|error| {
                Failure::of(format!(
                    "{}: {error}; set TMPDIR to a folder of yours",
                    folder.display()
                ))
            })?;
        }
        Ok(place)
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The demo's configuration, with a fresh key for each session.
    pub(super) fn config(&self) -> Result<Config, Failure> {
        let text = format!("{}{EXTRA_TOML}", config::DEFAULT_TOML);
        let path = self.folder.join("demo.toml");
        let mut config = config::parse(&text, &path.to_string_lossy()).map_err(Failure::of)?;
        let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        config.listen.tcp = Some(any_port);
        // Who does not read is found out within the demo's seconds.
        config.listen.outbound_bytes_max = OUTBOUND_BYTES_MAX;
        for feed in &mut config.feeds {
            feed.listen = Endpoint::Tcp(any_port);
        }
        let user = rustix::process::geteuid().as_raw();
        for (operator, uid) in config.operators.iter_mut().zip([user, user ^ 1]) {
            operator.uid = uid;
        }
        let strategies = config.setup.strategies.iter_mut().zip(&mut config.sessions);
        for (strategy, session) in strategies {
            // The first report is the gate's own: how fast the simulated broker is says nothing.
            strategy.acknowledge = true;
            let is_role = |role: &&Role| role.name == strategy.name;
            if ROLES.iter().find(is_role).is_some_and(|role| role.is_unix) {
                session.credential = Credential::UnixUser(UnixUser::Id(user));
            }
        }
        let sessions = config.sessions.iter().map(|session| &session.credential);
        for credential in sessions.chain(config.feeds.iter().map(|feed| &feed.credential)) {
            if let Credential::KeyFile(path) = credential {
                write_key(path)?;
            }
        }
        Ok(config)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.is_kept {
            // What cannot be removed is in a folder for temporary files.
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}

fn write_key(path: &Path) -> Result<(), Failure> {
    let fail = |error| Failure::of(format!("{}: {error}", path.display()));
    let bytes: [u8; 32] = random::bytes().map_err(fail)?;
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    file::create(path)
        .and_then(|mut file| file.write_all(digits.as_bytes()))
        .map_err(fail)
}

/// The strategies that make mistakes.
const EXTRA_TOML: &str = include_str!("extra.toml");
const OUTBOUND_BYTES_MAX: u64 = 32 << 10;
