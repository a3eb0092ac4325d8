//! Sessions: who may connect, where, and how they prove who they are.

use crate::config::Config;
use crate::config::effective::Writer;
use crate::config::notation::{Problem, has_key, parse_duration, quote, write_size};
use crate::config::process::PATIENCE;
use crate::config::reader::Table;
use crate::config::values::{address, count, duration, name, off_or, size, text};
use crate::units::Nanos;
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use toml::de::DeValue;

/// `[listen]`: where strategies connect, and the bounds of each session.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Listen {
    /// For those with a key.
    pub tcp: Option<SocketAddr>,
    /// For those with a key, or whom the kernel names.
    pub unix: Option<PathBuf>,
    /// Sent where nothing else was for so long; a peer not heard for three times as long is gone.
    pub heartbeat: Nanos,
    /// A connection that has not logged on by then is closed.
    pub logon_timeout: Nanos,
    /// A session whose unread reports grow beyond this is closed.
    pub outbound_bytes_max: u64,
    /// How many reports of each strategy can be asked for again.
    pub reports_replay: u32,
    /// Connections at one time, logged on or not.
    pub sessions_max: u32,
}

/// The session of one strategy. What the core reads of it is in the setup, at the same place.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Session {
    /// How it proves who it is.
    pub credential: Credential,
    /// What becomes of its orders when it is gone.
    pub cancel_on_disconnect: CancelOnDisconnect,
}

/// How a peer proves who it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Credential {
    /// It cannot: nobody gets in.
    #[default]
    None,
    /// It knows the key in this file.
    KeyFile(PathBuf),
    /// The kernel says so, on a unix socket.
    UnixUser(UnixUser),
}

/// A user of this machine.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum UnixUser {
    /// By name, to be looked up at start.
    Name(String),
    /// By number.
    Id(u32),
}

/// What becomes of a strategy's orders when its session ends.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum CancelOnDisconnect {
    /// They stand.
    #[default]
    Never,
    /// They are cancelled unless it is back within this time. Zero: at once.
    After(Nanos),
}

/// `[[feed]]`: where reference prices come in.
#[derive(Clone, Debug, PartialEq)]
pub struct Feed {
    /// As users write it.
    pub name: String,
    /// Where the feed connects.
    pub listen: Endpoint,
    /// How it proves who it is.
    pub credential: Credential,
    /// One symbol's price goes to the core at most this often; the latest wins.
    pub interval_min: Nanos,
}

/// A place to listen at.
#[derive(Clone, Debug, PartialEq)]
pub enum Endpoint {
    /// A TCP address.
    Tcp(SocketAddr),
    /// A unix socket.
    Unix(PathBuf),
}

/// `[admin]`: where operators connect.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Admin {
    /// The unix socket.
    pub socket: PathBuf,
    /// Its file mode.
    pub mode: u32,
}

/// `[[operator]]`: one person. Its name is in the setup, at the same place.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Operator {
    /// As users write it.
    pub name: String,
    /// Who the kernel says this person is.
    pub uid: u32,
}

/// The kernel's bound on the path of a socket, less the zero behind it.
const SOCKET_PATH_BYTES_MAX: usize = 107;
const OUTBOUND_BYTES: std::ops::RangeInclusive<u64> = 1 << 12..=1 << 32;
const REPORTS_REPLAY_MAX: u32 = 1 << 24;
const SESSIONS_MAX: u32 = 4096;
const MODE_MAX: u32 = 0o777;

/// Reads `[listen]`.
pub(crate) fn read_listen(table: &Table<'_>) -> Listen {
    Listen {
        tcp: table.get("tcp", off_or(address)).flatten(),
        unix: table
            .get("unix", off_or(text))
            .flatten()
            .and_then(|path| socket_path(table, "unix", &path)),
        heartbeat: table
            .get("heartbeat", duration(PATIENCE))
            .unwrap_or_default(),
        logon_timeout: table
            .get("logon_timeout", duration(PATIENCE))
            .unwrap_or_default(),
        outbound_bytes_max: table
            .get("outbound_bytes_max", size(OUTBOUND_BYTES))
            .unwrap_or_default(),
        reports_replay: table
            .get("reports_replay", count(0..=REPORTS_REPLAY_MAX))
            .unwrap_or_default(),
        sessions_max: table
            .get("sessions_max", count(1..=SESSIONS_MAX))
            .unwrap_or_default(),
    }
}

/// Reads what `[[strategy]]` says about its session.
pub(crate) fn read_session(table: &Table<'_>, listen: &Listen) -> Session {
    let credential = read_credential(table, false);
    let problem = match &credential {
        Credential::UnixUser(_) if listen.unix.is_none() => Some((
            "unix_user",
            "no unix socket to come by; write listen.unix, or key_file here",
        )),
        Credential::KeyFile(_) if listen.tcp.is_none() && listen.unix.is_none() => Some((
            "key_file",
            "nothing to connect to; write listen.tcp or listen.unix",
        )),
        _ => None,
    };
    if let Some((key, problem)) = problem {
        table.refuse(key, problem.to_owned());
    }
    let cancel = table.get("cancel_on_disconnect", cancel_on_disconnect);
    Session {
        credential,
        cancel_on_disconnect: cancel.unwrap_or_default(),
    }
}

/// Reads one `[[feed]]`; `None` where it says not where it listens.
pub(crate) fn read_feed(table: &Table<'_>) -> Option<Feed> {
    let name = table.get("name", name).unwrap_or_default();
    let credential = read_credential(table, true);
    let interval = duration(Nanos::ZERO..=*PATIENCE.end());
    let interval_min = table.get("interval_min", interval).unwrap_or_default();
    let tcp = table.find("tcp", address)?;
    let unix = table.find("unix", text)?;
    let listen = match (tcp, unix) {
        (Some(address), None) => Endpoint::Tcp(address),
        (None, Some(path)) => Endpoint::Unix(socket_path(table, "unix", &path)?),
        (Some(_), Some(_)) => {
            table.refuse("unix", "tcp and unix; keep one of them".to_owned());
            return None;
        }
        (None, None) => {
            table.refuse(
                "tcp",
                "required; write for example tcp = \"127.0.0.1:7002\", or unix".to_owned(),
            );
            return None;
        }
    };
    if matches!(
        (&credential, &listen),
        (Credential::UnixUser(_), Endpoint::Tcp(_))
    ) {
        table.refuse(
            "unix_user",
            "told on a unix socket alone; write unix, or key_file".to_owned(),
        );
    }
    Some(Feed {
        name,
        listen,
        credential,
        interval_min,
    })
}

/// Reads `[admin]`.
pub(crate) fn read_admin(table: &Table<'_>) -> Admin {
    Admin {
        socket: table
            .get("socket", text)
            .and_then(|path| socket_path(table, "socket", &path))
            .unwrap_or_default(),
        mode: table.get("mode", file_mode).unwrap_or_default(),
    }
}

/// Reads one `[[operator]]`.
pub(crate) fn read_operator(table: &Table<'_>) -> Operator {
    Operator {
        name: table.get("name", name).unwrap_or_default(),
        // The highest number is the kernel's word for nobody.
        uid: table
            .get("uid", count(0..=u32::MAX - 1))
            .unwrap_or(u32::MAX),
    }
}

/// The path of a key's file, never the key.
pub(crate) fn key_file(value: &DeValue<'_>) -> Result<String, Problem> {
    let path = text(value)?;
    if has_key(&path) {
        return Err(
            "the key itself, it seems; change it, put the new one into a file with chmod 600, \
                    and write the file's path here"
                .to_owned(),
        );
    }
    Ok(path)
}

/// A strategy without one can be tried, and cannot log on.
fn read_credential(table: &Table<'_>, is_required: bool) -> Credential {
    let key_file = table.find("key_file", key_file);
    let unix_user = table.find("unix_user", unix_user);
    match (key_file, unix_user) {
        (Some(Some(path)), Some(None)) => Credential::KeyFile(table.resolve(&path)),
        (Some(None), Some(Some(user))) => Credential::UnixUser(user),
        (Some(Some(_)), Some(Some(_))) => {
            table.refuse(
                "unix_user",
                "key_file and unix_user; keep one of them".to_owned(),
            );
            Credential::None
        }
        (Some(None), Some(None)) if is_required => {
            let problem = "required; write for example key_file = \"keys/name.key\", or unix_user";
            table.refuse("key_file", problem.to_owned());
            Credential::None
        }
        _ => Credential::None,
    }
}

fn unix_user(value: &DeValue<'_>) -> Result<UnixUser, Problem> {
    match value {
        DeValue::Integer(_) => count(0..=u32::MAX - 1)(value).map(UnixUser::Id),
        _ => name(value).map(UnixUser::Name),
    }
}

fn cancel_on_disconnect(value: &DeValue<'_>) -> Result<CancelOnDisconnect, Problem> {
    let known = || "unknown; write \"never\", \"at once\" or \"after 5s\"".to_owned();
    match value.as_str().ok_or_else(known)? {
        "never" => Ok(CancelOnDisconnect::Never),
        "at once" => Ok(CancelOnDisconnect::After(Nanos::ZERO)),
        text => {
            let span = parse_duration(text.strip_prefix("after ").ok_or_else(known)?)?;
            if *PATIENCE.end() < span {
                return Err("longer than a day; write less, or \"never\"".to_owned());
            }
            Ok(CancelOnDisconnect::After(span))
        }
    }
}

fn file_mode(value: &DeValue<'_>) -> Result<u32, Problem> {
    let mode = match value {
        DeValue::String(digits) => u32::from_str_radix(digits, 8).ok(),
        DeValue::Integer(integer) if integer.radix() == 8 => {
            u32::from_str_radix(integer.as_str(), 8).ok()
        }
        _ => None,
    };
    let mode = mode.filter(|mode| *mode <= MODE_MAX);
    mode.ok_or_else(|| "not a file mode; write octal digits, as in \"0660\"".to_owned())
}

fn socket_path(table: &Table<'_>, key: &str, path: &str) -> Option<PathBuf> {
    let path = table.resolve(path);
    let bytes = path.as_os_str().as_bytes();
    if bytes.contains(&0) {
        table.refuse(key, "a zero byte; write a path without one".to_owned());
        return None;
    }
    if SOCKET_PATH_BYTES_MAX < bytes.len() {
        let (len, max) = (bytes.len(), SOCKET_PATH_BYTES_MAX);
        let problem = format!(
            "{len} bytes in full and a socket's path has at most {max}; write a shorter one"
        );
        table.refuse(key, problem);
        return None;
    }
    Some(path)
}

/// `[listen]` and `[admin]`; strategies' sessions are written with their limits.
pub(crate) fn write(out: &mut Writer, config: &Config) {
    let listen = &config.listen;
    out.table("[listen]");
    out.text_or_off("tcp", listen.tcp);
    out.text_or_off(
        "unix",
        listen.unix.as_ref().map(|path| path.to_string_lossy()),
    );
    out.span("heartbeat", listen.heartbeat);
    out.span("logon_timeout", listen.logon_timeout);
    out.put(
        "outbound_bytes_max",
        quote(&write_size(listen.outbound_bytes_max)),
    );
    out.put("reports_replay", listen.reports_replay);
    out.put("sessions_max", listen.sessions_max);

    out.table("[admin]");
    out.path("socket", &config.admin.socket);
    out.put("mode", quote(&format!("{:04o}", config.admin.mode)));
}

/// `[[operator]]` and `[[feed]]`.
pub(crate) fn write_peers(out: &mut Writer, config: &Config) {
    for operator in &config.operators {
        out.table("[[operator]]");
        out.put("name", quote(&operator.name));
        out.put("uid", operator.uid);
    }
    for feed in &config.feeds {
        out.table("[[feed]]");
        out.put("name", quote(&feed.name));
        match &feed.listen {
            Endpoint::Tcp(address) => out.put("tcp", quote(&address.to_string())),
            Endpoint::Unix(path) => out.path("unix", path),
        }
        out.credential(&feed.credential);
        out.span("interval_min", feed.interval_min);
    }
}
