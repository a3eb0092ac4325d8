//! Peer: who the kernel says is at the other end of a Unix socket.

use std::io;
use std::os::fd::AsFd;

/// The user that connected, as it was then.
pub fn uid(stream: &impl AsFd) -> io::Result<u32> {
    let credentials = rustix::net::sockopt::socket_peercred(stream)?;
    Ok(credentials.uid.as_raw())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;

    #[test]
    fn both_ends_of_a_pair_are_this_user() {
        let (one, other) = UnixStream::pair().unwrap();
        let user = rustix::process::getuid().as_raw();
        assert_eq!((uid(&one).unwrap(), uid(&other).unwrap()), (user, user));
    }
}
