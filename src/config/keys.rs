//! Keys: the secrets of sessions and links, read from their files at start.
//!
//! A key is 64 hexadecimal digits in a file that nobody but the gateway's user can read. No key is
//! ever in an error, a log line or `Debug`.

use crate::config::Config;
use crate::config::brokers::BrokerKind;
use crate::config::error::{ConfigError, ConfigErrors};
use crate::config::sessions::Credential;
use crate::config::subscribers::SubscriberKind;
use rustix::fs::OFlags;
use std::fmt;
use std::fs::OpenOptions;
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

/// The size of a key in bytes.
pub const KEY_SIZE: usize = 32;

/// One key.
#[derive(Clone, Eq, PartialEq)]
pub struct Key([u8; KEY_SIZE]);

/// The value of a header that proves who the gateway is.
#[derive(Clone, Eq, PartialEq)]
pub struct Secret(String);

impl Secret {
    /// For the header and nothing else.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// From one line, and a newline behind it or none.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text = text.strip_suffix(b"\n").unwrap_or(text);
        let is_sound = (1..=SECRET_SIZE_MAX).contains(&text.len())
            && text.iter().all(|byte| matches!(byte, b' '..=b'~'))
            && text.trim_ascii() == text;
        let text = std::str::from_utf8(text).ok().filter(|_| is_sound)?;
        Some(Self(text.to_owned()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret(..)")
    }
}

/// No header is longer.
const SECRET_SIZE_MAX: usize = 4096;

/// Every key that the configuration asks for; `None` where it asks for none.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    /// By [`crate::units::StrategyId`].
    pub strategies: Vec<Option<Key>>,
    /// By [`crate::units::BrokerId`].
    pub brokers: Vec<Option<Key>>,
    /// In the order of [`Config::feeds`].
    pub feeds: Vec<Option<Key>>,
    /// In the order of [`Config::subscribers`].
    pub subscribers: Vec<Option<Secret>>,
}

impl Key {
    /// The bytes, for the keyed hash and nothing else.
    pub const fn bytes(&self) -> &[u8; KEY_SIZE] {
        &self.0
    }

    /// From 64 hexadecimal digits, and a newline behind them or none.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text = text.strip_suffix(b"\n").unwrap_or(text);
        if text.len() != 2 * KEY_SIZE {
            return None;
        }
        let digit = |digit: u8| char::from(digit).to_digit(16);
        let mut key = [0; KEY_SIZE];
        for (byte, pair) in key.iter_mut().zip(text.chunks_exact(2)) {
            *byte = u8::try_from(digit(pair[0])? << 4 | digit(pair[1])?).ok()?;
        }
        Some(Self(key))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Key(..)")
    }
}

/// Reads every key file that the configuration names, or tells all that is wrong with them.
pub fn load_keys(config: &Config) -> Result<Keys, ConfigErrors> {
    let mut errors = Vec::new();
    let mut note = |path: &Path, key: String, problem| {
        errors.push(ConfigError {
            file: path.to_string_lossy().into_owned(),
            line: 0,
            key,
            value: String::new(),
            problem,
        });
    };
    let mut load = |path: Option<&Path>, kind: &str, name: &str| {
        let path = path?;
        load_key(path)
            .map_err(|problem| note(path, format!("{kind}.{name}.key_file"), problem))
            .ok()
    };
    let keys = Keys {
        strategies: config
            .setup
            .strategies
            .iter()
            .zip(&config.sessions)
            .map(|(strategy, session)| {
                load(key_file(&session.credential), "strategy", &strategy.name)
            })
            .collect(),
        brokers: config
            .brokers
            .iter()
            .map(|broker| {
                let path = match &broker.kind {
                    BrokerKind::Native(native) => Some(native.key_file.as_path()),
                    BrokerKind::Sim(_) => None,
                };
                load(path, "broker", &broker.name)
            })
            .collect(),
        feeds: config
            .feeds
            .iter()
            .map(|feed| load(key_file(&feed.credential), "feed", &feed.name))
            .collect(),
        subscribers: config
            .subscribers
            .iter()
            .map(|subscriber| {
                let path = match &subscriber.kind {
                    SubscriberKind::Webhook(webhook) => webhook.secret_file.as_deref()?,
                    SubscriberKind::Log | SubscriberKind::File(_) => return None,
                };
                let key = format!("subscriber.{}.webhook.secret_file", subscriber.name);
                let secret = load_secret(path);
                secret.map_err(|problem| note(path, key, problem)).ok()
            })
            .collect(),
    };
    if errors.is_empty() {
        Ok(keys)
    } else {
        Err(ConfigErrors { errors, omitted: 0 })
    }
}

fn key_file(credential: &Credential) -> Option<&Path> {
    match credential {
        Credential::KeyFile(path) => Some(path),
        Credential::UnixUser(_) | Credential::None => None,
    }
}

fn load_key(path: &Path) -> Result<Key, String> {
    Key::parse(&read_private(path, 2 * KEY_SIZE + 2)?).ok_or_else(|| {
        format!(
            "not a key; write {} hexadecimal digits and nothing else",
            2 * KEY_SIZE
        )
    })
}

fn load_secret(path: &Path) -> Result<Secret, String> {
    Secret::parse(&read_private(path, SECRET_SIZE_MAX + 2)?).ok_or_else(|| {
        format!(
            "not the value of a header; write one line of 1 to {SECRET_SIZE_MAX} printable ASCII \
             characters, no blank at either end"
        )
    })
}

/// What is checked is the open file, so that nobody can put another in its place meanwhile.
fn read_private(path: &Path, size_max: usize) -> Result<Vec<u8>, String> {
    let shown = path.display();
    // A pipe in place of the file must not hold up the start.
    let nonblocking = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or(0);
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(nonblocking)
        .open(path)
        .map_err(|error| {
            format!("cannot be opened: {error}; make a key there, or mend the path")
        })?;
    let metadata = file
        .metadata()
        .map_err(|error| format!("cannot be looked at: {error}"))?;
    if !metadata.is_file() {
        return Err("not a file; name the file that holds the key".to_owned());
    }
    let user = rustix::process::geteuid().as_raw();
    if metadata.uid() != user {
        let owner = metadata.uid();
        return Err(format!(
            "owned by user {owner}, not by {user}; run chown {user} {shown}"
        ));
    }
    if metadata.mode() & 0o077 != 0 {
        let mode = metadata.mode() & 0o7777;
        return Err(format!(
            "mode {mode:04o} lets others at it; run chmod 600 {shown}"
        ));
    }
    let mut text = Vec::new();
    file.take(size_max as u64)
        .read_to_end(&mut text)
        .map_err(|error| format!("cannot be read: {error}"))?;
    Ok(text)
}
