//! Client: the other end of the socket, for the command line.

use crate::admin::request::Request;
use crate::admin::show::{Paint, show};
use crate::units::Nanos;
use serde_json::Value;
use std::fmt;
use std::io::{self, BufRead as _, BufReader, ErrorKind, IsTerminal as _, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Where the gateway is, and how its answer is printed.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where it listens.
    pub place: Place,
    /// Print the answer as it came, one line of JSON.
    pub is_json: bool,
    /// Longer than the gateway waits for its own answer.
    pub timeout: Nanos,
}

/// How the socket is found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Place {
    /// As this configuration says.
    Config(PathBuf),
    /// Here.
    Socket(PathBuf),
}

/// Why there is no answer. An answer that says no is none of these.
#[derive(Debug)]
pub enum ClientError {
    /// The configuration cannot be read; all that is wrong with it.
    Config(String),
    /// Nobody answers at the socket.
    Connect(PathBuf, io::Error),
    /// The connection was lost, or nothing came in time.
    Lost(PathBuf, io::Error),
    /// What came is not an answer.
    NotAnAnswer(PathBuf),
}

/// The act was not permitted, or the request made no sense.
pub const EXIT_REFUSED: u8 = 1;
/// Nobody knows whether the act was done.
pub const EXIT_UNCONFIRMED: u8 = 3;

impl Options {
    /// With a time-out that leaves the gateway its own.
    pub const fn new(place: Place, is_json: bool) -> Self {
        Self {
            place,
            is_json,
            timeout: Nanos::from_secs(10),
        }
    }
}

/// Asks and prints: what was asked for on standard output, refusals on standard error.
pub fn run(request: &Request, options: &Options) -> Result<ExitCode, ClientError> {
    let answer = ask(request, options)?;
    let is_refused = answer["ok"] != true;
    if options.is_json {
        print(&format!("{answer}\n"));
    } else if is_refused {
        let problem = answer["error"].as_str().unwrap_or("refused");
        let problem: String = problem.chars().filter(|it| !it.is_control()).collect();
        eprintln!("{problem}");
    } else {
        let is_colored = io::stdout().is_terminal();
        print(&show(request, &answer, Paint { is_colored }));
    }
    Ok(exit_code(&answer))
}

/// Asks, and returns the line that came back.
pub fn ask(request: &Request, options: &Options) -> Result<Value, ClientError> {
    let path = socket_of(&options.place)?;
    let connect = |error| ClientError::Connect(path.clone(), error);
    let lost = |error| ClientError::Lost(path.clone(), error);
    let mut stream = UnixStream::connect(&path).map_err(connect)?;
    let timeout = Some(options.timeout.to_duration());
    stream.set_read_timeout(timeout).map_err(lost)?;
    stream.set_write_timeout(timeout).map_err(lost)?;
    let mut line = serde_json::to_string(request).map_err(|error| lost(error.into()))?;
    line.push('\n');
    // Who is turned away is told so before he has asked: the answer counts, not this error.
    let sent = stream.write_all(line.as_bytes());
    let mut answer = Vec::new();
    let mut reader = BufReader::new(stream).take(ANSWER_SIZE_MAX);
    let read = reader.read_until(b'\n', &mut answer);
    if answer.is_empty() {
        sent.map_err(lost)?;
        read.map_err(lost)?;
        return Err(lost(ErrorKind::UnexpectedEof.into()));
    }
    serde_json::from_slice(&answer).map_err(|_| ClientError::NotAnAnswer(path.clone()))
}

/// The exit code that an answer means.
fn exit_code(answer: &Value) -> ExitCode {
    let is_act = answer.get("confirmed").is_some();
    let outcome = answer["outcome"].as_str().unwrap_or_default();
    ExitCode::from(match () {
        () if answer["ok"] != true => EXIT_REFUSED,
        () if is_act && answer["confirmed"] != true => EXIT_UNCONFIRMED,
        () if ["NotPermitted", "OrderUnknown"].contains(&outcome) => EXIT_REFUSED,
        () => 0,
    })
}

fn socket_of(place: &Place) -> Result<PathBuf, ClientError> {
    match place {
        Place::Socket(path) => Ok(path.clone()),
        Place::Config(path) => config_socket(path),
    }
}

fn config_socket(path: &Path) -> Result<PathBuf, ClientError> {
    let config = crate::config::load(path);
    config
        .map(|config| config.admin.socket)
        .map_err(|error| ClientError::Config(error.to_string()))
}

/// A reader that has gone away, such as `head`, is no error.
fn print(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}

impl fmt::Display for ClientError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(problem) => out.write_str(problem),
            Self::Connect(path, error) => {
                let remedy = match error.kind() {
                    ErrorKind::NotFound | ErrorKind::ConnectionRefused => {
                        "is the gateway running? Start it with `portcullis run`"
                    }
                    ErrorKind::PermissionDenied => {
                        "you may not open it: see `admin.mode`, and who owns the file"
                    }
                    _ => "see `admin.socket`",
                };
                write!(out, "{}: nobody answers: {error}; {remedy}", path.display())
            }
            Self::Lost(path, error) => write!(
                out,
                "{}: no answer: {error}; whether an act was done, `portcullis status` tells",
                path.display()
            ),
            Self::NotAnAnswer(path) => write!(
                out,
                "{}: what came back is no answer of a gateway; see `admin.socket`",
                path.display()
            ),
        }
    }
}

impl std::error::Error for ClientError {}

/// Several times the longest answer there is.
const ANSWER_SIZE_MAX: u64 = 16 << 20;
