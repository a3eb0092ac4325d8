//! User: who this process is, and the number behind a user's name.

use std::io;

/// The number of a user of this machine, as `/etc/passwd` has it.
pub fn uid_of(name: &str) -> io::Result<u32> {
    let users = std::fs::read_to_string("/etc/passwd")?;
    users
        .lines()
        .find_map(|line| {
            let mut fields = line.split(':');
            let is_it = fields.next() == Some(name);
            is_it
                .then(|| fields.nth(1).and_then(|uid| uid.parse().ok()))
                .flatten()
        })
        .ok_or_else(|| {
            let problem = format!("no user {name:?} in /etc/passwd; write its number instead");
            io::Error::new(io::ErrorKind::NotFound, problem)
        })
}

/// The number of the user that this process acts as.
pub fn own_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}
