//! Operators: what commands to a running gateway have in common.

use clap::Args;
use portcullis::admin::client::{self, Place};
use portcullis::admin::request::{Command, Request};
use portcullis::command::Failure;
use std::path::PathBuf;
use std::process::ExitCode;

// No doc comment on what is flattened: it would stand in the help in place of the command's own.
#[derive(Debug, Args)]
pub(crate) struct Operators {
    /// The configuration of the running gateway, which names its socket.
    #[arg(long, value_name = "FILE", required_unless_present = "socket")]
    pub(crate) config: Option<PathBuf>,
    /// The operators' socket itself.
    #[arg(long, value_name = "PATH", conflicts_with = "config")]
    pub(crate) socket: Option<PathBuf>,
    /// For machines.
    #[arg(long)]
    pub(crate) json: bool,
}

impl Operators {
    /// Asks the gateway and prints its answer.
    pub(crate) fn ask(self, request: Request) -> Result<ExitCode, Failure> {
        let place = match (self.config, self.socket) {
            (_, Some(socket)) => Place::Socket(socket),
            (config, None) => Place::Config(config.unwrap_or_default()),
        };
        client::run(&request, &client::Options::new(place, self.json)).map_err(Failure::of)
    }
}

#[derive(Debug, Args)]
pub(crate) struct Only {
    /// Of this account alone.
    #[arg(long)]
    account: Option<String>,
    /// Of this strategy alone.
    #[arg(long)]
    strategy: Option<String>,
    /// Of this symbol alone.
    #[arg(long)]
    symbol: Option<String>,
}

impl Only {
    pub(crate) fn request(self, command: Command) -> Request {
        Request {
            command,
            account: self.account,
            strategy: self.strategy,
            symbol: self.symbol,
            ..Request::default()
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Switch {
    #[command(flatten)]
    at: Operators,
    /// firm, desk, account, strategy, symbol or group.
    scope: String,
    /// The name of the account, strategy or symbol; none for the firm.
    name: Option<String>,
    /// Why, in a few words.
    #[arg(long)]
    note: Option<String>,
}

impl Switch {
    pub(crate) fn throw(self, command: Command) -> Result<ExitCode, Failure> {
        self.at.ask(Request {
            command,
            scope: Some(self.scope),
            name: self.name,
            note: self.note,
            ..Request::default()
        })
    }
}
