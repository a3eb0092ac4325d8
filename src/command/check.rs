//! `portcullis check`: is the configuration sound, what does it arm, what will it take?

use super::Failure;
use crate::config::check::{Format, report};
use crate::config::keys::load_keys;
use crate::config::sessions::{Credential, Endpoint, UnixUser};
use crate::config::{Config, example};
use crate::sys::user::uid_of;

/// What is told of a sound configuration. `cores`: those that this process may use.
pub fn run(
    config: &Config,
    cores: &[usize],
    json: bool,
    is_coloured: bool,
) -> Result<String, Failure> {
    let format = if json {
        Format::Json
    } else {
        Format::Text { is_coloured }
    };
    Ok(report(config, &here(config, cores), format))
}

/// A file with every key, its default and what it means.
pub fn example() -> String {
    example::example_toml()
}

/// What `run` would stumble over on this machine.
fn here(config: &Config, cores: &[usize]) -> Vec<String> {
    let mut notes = Vec::new();
    if let Err(errors) = load_keys(config) {
        notes.extend(
            errors
                .to_string()
                .lines()
                .map(|line| format!("`run` would stop at this: {line}")),
        );
    }
    for core in &config.threads.cores {
        if !cores.contains(&(*core as usize)) {
            notes.push(format!(
                "threads.cores names core {core}, which this process may not use."
            ));
        }
    }
    let strategies = config.sessions.iter().map(|session| &session.credential);
    let feeds = config.feeds.iter().map(|feed| &feed.credential);
    for credential in strategies.chain(feeds) {
        if let Credential::UnixUser(UnixUser::Name(name)) = credential
            && let Err(error) = uid_of(name)
        {
            notes.push(format!("unix_user: {error}."));
        }
    }
    let sockets = [
        Some(config.admin.socket.clone()),
        config.listen.unix.clone(),
    ];
    let feeds = config.feeds.iter().map(|feed| match &feed.listen {
        Endpoint::Unix(path) => Some(path.clone()),
        Endpoint::Tcp(_) => None,
    });
    for socket in sockets.into_iter().chain(feeds).flatten() {
        let folder = socket
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
            let (socket, folder) = (socket.display(), folder.display());
            notes.push(format!(
                "{socket} cannot be made before {folder} is: mkdir -p {folder}"
            ));
        }
    }
    notes
}
