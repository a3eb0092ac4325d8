//! Socket: a place in the file system where operators connect.
//!
//! A file that a gateway left behind is taken away; one behind which somebody answers is not. The
//! file never has more permissions than asked for, not for an instant.

use mio::net::{UnixListener, UnixStream};
use rustix::fs::{Mode, fchmod};
use socket2::{Domain, SockAddr, Socket, Type};
use std::fmt;
use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{
    DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};

/// A listening socket. Its file goes when it is dropped, if it is still its own.
#[derive(Debug)]
pub(super) struct AdminSocket {
    pub(super) listener: UnixListener,
    path: PathBuf,
    /// Device and number of the file.
    identity: (u64, u64),
}

/// Why nobody can connect.
#[derive(Debug)]
pub struct SocketError {
    path: PathBuf,
    problem: Problem,
}

#[derive(Debug)]
enum Problem {
    Answered,
    NotASocket,
    Folder(io::Error),
    Io(io::Error),
}

impl AdminSocket {
    /// Listens at `path`, with the permissions `mode`.
    pub(super) fn bind(path: &Path, mode: u32) -> Result<Self, SocketError> {
        let fail = |problem| SocketError {
            path: path.to_owned(),
            problem,
        };
        make_folder(path).map_err(|error| fail(Problem::Folder(error)))?;
        remove_stale(path).map_err(fail)?;
        Self::listen(path, mode).map_err(|error| fail(Problem::Io(error)))
    }

    fn listen(path: &Path, mode: u32) -> io::Result<Self> {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        // The file is born with what the socket has, less the process's mask: never with more.
        fchmod(&socket, Mode::from_raw_mode(mode))?;
        socket.bind(&SockAddr::unix(path)?)?;
        fs::set_permissions(path, Permissions::from_mode(mode))?;
        let metadata = fs::symlink_metadata(path)?;
        socket.listen(BACKLOG)?;
        let listener = std::os::unix::net::UnixListener::from(std::os::fd::OwnedFd::from(socket));
        Ok(Self {
            listener: UnixListener::from_std(listener),
            path: path.to_owned(),
            identity: (metadata.dev(), metadata.ino()),
        })
    }
}

impl AdminSocket {
    /// What the system said about it.
    pub(super) fn error(&self, error: io::Error) -> SocketError {
        SocketError {
            path: self.path.clone(),
            problem: Problem::Io(error),
        }
    }
}

impl Drop for AdminSocket {
    fn drop(&mut self) {
        let metadata = fs::symlink_metadata(&self.path);
        let is_own = metadata.is_ok_and(|it| (it.dev(), it.ino()) == self.identity);
        if is_own && let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "the admin socket's file stays");
        }
    }
}

/// Who the kernel says is at the other end.
pub(super) fn peer_uid(stream: &UnixStream) -> io::Result<u32> {
    Ok(rustix::net::sockopt::socket_peercred(stream)?.uid.as_raw())
}

fn make_folder(path: &Path) -> io::Result<()> {
    let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    else {
        return Ok(());
    };
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o750)
        .create(folder)
}

fn remove_stale(path: &Path) -> Result<(), Problem> {
    let metadata = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        result => result.map_err(Problem::Io)?,
    };
    if !metadata.file_type().is_socket() {
        return Err(Problem::NotASocket);
    }
    if answers(path).map_err(Problem::Io)? {
        return Err(Problem::Answered);
    }
    fs::remove_file(path).map_err(Problem::Io)
}

/// True where somebody listens, be he too busy to accept.
fn answers(path: &Path) -> io::Result<bool> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    match socket.connect(&SockAddr::unix(path)?) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(false),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(true),
        Err(error) => Err(error),
    }
}

impl fmt::Display for SocketError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.problem {
            Problem::Answered => write!(
                out,
                "{path}: another gateway answers here: stop it, or give this one another \
                 `admin.socket`"
            ),
            Problem::NotASocket => write!(
                out,
                "{path}: is not a socket: move it away, or write another `admin.socket`"
            ),
            Problem::Folder(error) => write!(
                out,
                "{path}: its folder cannot be made: {error}; make it, or write another \
                 `admin.socket`"
            ),
            Problem::Io(error) => write!(
                out,
                "{path}: cannot listen: {error}; see `admin.socket` and the rights of its folder"
            ),
        }
    }
}

impl std::error::Error for SocketError {}

const BACKLOG: i32 = 64;
