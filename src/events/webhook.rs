//! Webhook: events as POST of a JSON array to an HTTP server.
//!
//! At least once: a server that takes a batch and is not heard to say so gets it again. `sequence` and
//! `part` together name an event, so that it can drop what it has. Any 2xx says that the batch was taken;
//! a redirect is none and is not followed, so that a secret goes where it was sent.
//!
//! Where a file for it is configured, the last event that was taken stands there, and after a restart the
//! next one follows it.

use super::event::Position;
use super::line::Line;
use super::sink::{Opened, Sink};
use crate::config::keys::Secret;
use crate::config::subscribers::WebhookConfig;
use crate::sys::file;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use ureq::Agent;
use ureq::http::HeaderValue;

struct Webhook {
    agent: Agent,
    url: String,
    header: Option<(String, HeaderValue)>,
    position: Option<File>,
}

/// Nothing is connected yet.
pub(super) fn open(options: &WebhookConfig, secret: Option<&Secret>) -> io::Result<Opened> {
    let config = Agent::config_builder()
        .timeout_global(Some(options.timeout.to_duration()))
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        // What the environment says of proxies is not what the configuration says.
        .proxy(None)
        .user_agent(concat!("portcullis/", env!("CARGO_PKG_VERSION")))
        .max_idle_connections(1)
        .max_response_header_size(RESPONSE_SIZE_MAX as usize)
        .build();
    let (position, last) = match &options.position_file {
        Some(path) => {
            let (file, last) = open_position(path)?;
            (Some(file), last)
        }
        None => (None, None),
    };
    let header = secret.map(|secret| {
        let value = HeaderValue::from_str(secret.text()).map_err(io::Error::other)?;
        io::Result::Ok((options.secret_header.clone(), hidden(value)))
    });
    let webhook = Webhook {
        agent: config.into(),
        url: options.url.clone(),
        header: header.transpose()?,
        position,
    };
    Ok((Box::new(webhook), last))
}

impl Sink for Webhook {
    fn deliver(&mut self, batch: &[Line]) -> Result<(), String> {
        let lines: Vec<_> = batch.iter().map(Line::json).collect();
        let body = format!("[{}]", lines.join(",\n"));
        let mut request = self
            .agent
            .post(&self.url)
            .header("Content-Type", "application/json");
        if let Some((name, secret)) = &self.header {
            request = request.header(name, secret.clone());
        }
        let mut response = request.send(body).map_err(|error| error.to_string())?;
        let status = response.status();
        // Read to its end, so that the connection can be used again.
        let rest = response.body_mut().with_config().limit(RESPONSE_SIZE_MAX);
        let _ = rest.read_to_vec();
        if !status.is_success() {
            return Err(format!("the server answered {status}"));
        }
        if let (Some(file), Some(last)) = (&self.position, batch.last()) {
            write_position(file, last.position).map_err(|error| error.to_string())?;
        }
        Ok(())
    }
}

/// So that nobody shows it, at whatever level of the log.
fn hidden(mut value: HeaderValue) -> HeaderValue {
    value.set_sensitive(true);
    value
}

fn open_position(path: &Path) -> io::Result<(File, Option<Position>)> {
    if let Some(folder) = path.parent().filter(|of| !of.as_os_str().is_empty()) {
        fs::create_dir_all(folder)?;
    }
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o640)
        .open(path)?;
    let mut bytes = [0; POSITION_SIZE];
    let size = file::read_at(&file, &mut bytes, 0)?;
    let text = std::str::from_utf8(&bytes[..size]).unwrap_or_default();
    let last = text.split_once(' ').and_then(|(sequence, part)| {
        Some(Position {
            sequence: sequence.parse().ok()?,
            part: part.trim_end().parse().ok()?,
        })
    });
    if size != 0 && last.is_none() {
        let path = path.display();
        return Err(io::Error::other(format!(
            "{path} is no file of a position; move it away or write another path"
        )));
    }
    Ok((file, last))
}

/// Always as long, in one write: there is no half a position.
fn write_position(file: &File, last: Position) -> io::Result<()> {
    let text = format!("{:020} {:010}\n", last.sequence, last.part);
    file::write_at(file, text.as_bytes(), 0)
}

/// As long as two numbers can be, a blank and an end of line.
const POSITION_SIZE: usize = 32;
/// What a server may say; nobody reads it.
const RESPONSE_SIZE_MAX: u64 = 64 << 10;
