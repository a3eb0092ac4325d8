//! Events: what has happened.

use super::operators::Operators;
use super::{print, report};
use clap::Args;
use portcullis::admin::request::{Command, Request};
use portcullis::command::Failure;
use portcullis::command::events::{self, Form};
use portcullis::events::filter::Wanted;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What has happened: the last events of a running gateway, or those of a journal.
#[derive(Debug, Args)]
pub(crate) struct Events {
    /// The configuration of the running gateway, which names its socket.
    #[arg(long, value_name = "FILE", required_unless_present_any = ["socket", "journal", "list"])]
    config: Option<PathBuf>,
    /// The operators' socket itself.
    #[arg(long, value_name = "PATH", conflicts_with = "config")]
    socket: Option<PathBuf>,
    /// A journal's directory: no gateway needs to run.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["config", "socket"])]
    journal: Option<PathBuf>,
    /// Every kind of event there is, its severity and what it carries.
    #[arg(long, conflicts_with_all = ["config", "socket", "journal"])]
    list: bool,
    /// As grave as this and graver: info, notice, warning, critical.
    #[arg(long)]
    severity: Option<String>,
    /// Of this kind alone.
    #[arg(long)]
    kind: Option<String>,
    /// Of this account alone.
    #[arg(long)]
    account: Option<String>,
    /// From then on, as in 2026-01-31T09:30:00Z.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// At most so many: the last.
    #[arg(long, default_value_t = 100)]
    count: u32,
    /// For machines.
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
    /// As a page: `docs/events.md` is made so.
    #[arg(long, requires = "list")]
    markdown: bool,
}

impl Events {
    pub(crate) fn execute(self) -> Result<ExitCode, Failure> {
        let form = self.form();
        if self.list {
            return print(&events::list(form));
        }
        match &self.journal {
            Some(journal) => self.read(journal, form),
            None => self.ask(),
        }
    }

    fn form(&self) -> Form {
        match (self.json, self.markdown) {
            (true, _) => Form::Json,
            (_, true) => Form::Markdown,
            _ => Form::Text {
                is_coloured: io::stdout().is_terminal(),
            },
        }
    }

    fn read(&self, journal: &Path, form: Form) -> Result<ExitCode, Failure> {
        let wanted = Wanted::parse(
            self.severity.as_deref(),
            self.kind.as_deref(),
            self.since.as_deref(),
        );
        let wanted = Wanted {
            account: self.account.as_deref(),
            ..wanted.map_err(Failure::of)?
        };
        report(events::run(journal, &wanted, self.count as usize, form)?)
    }

    fn ask(self) -> Result<ExitCode, Failure> {
        let at = Operators {
            config: self.config,
            socket: self.socket,
            json: self.json,
        };
        at.ask(Request {
            command: Command::Events,
            severity: self.severity,
            kind: self.kind,
            account: self.account,
            since: self.since,
            count: Some(self.count),
            ..Request::default()
        })
    }
}
