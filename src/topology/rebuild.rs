//! Rebuild: a core brought up to date from a journal, record by record.
//!
//! Recovery, followers and replay all read a journal this way. Each run of the gateway opens with
//! its configuration; the core goes on from one run to the next as the gateway did.

use crate::config::reconcile::Reconcile;
use crate::config::{self, Config};
use crate::journal::error::JournalError;
use crate::journal::opening::Assembler;
use crate::journal::reader::Record;
use crate::message::{Checkpoint, Control, Frame, Header, Kind, Scope, Tick};
use crate::risk::adopt::AdoptError;
use crate::risk::approved::Approved;
use crate::risk::core::Core;
use crate::risk::decision::{Decision, Effects};
use crate::risk::setup::Setup;
use crate::sys::memory;
use crate::units::{Nanos, StrategyId};
use std::fmt;
use std::path::{Path, PathBuf};

/// A core and where it comes from.
pub struct Rebuild {
    journal: PathBuf,
    core: Option<Core>,
    setup: Setup,
    reconcile: Reconcile,
    configuration: String,
    assembler: Assembler,
    /// What the last step sent; nobody receives it but who looks.
    pub effects: Effects,
}

/// What a record was.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Taken {
    /// A part of an opening that is not whole yet.
    Part,
    /// A run began: the core is new, or goes on under this run's configuration.
    Opened,
    /// An event: what was decided then, and what is decided now.
    Event {
        /// By the gateway, as the journal has it.
        recorded: Decision,
        /// By this core.
        derived: Decision,
        /// The journal's digest behind this event, where it has one.
        digest_recorded: Option<u64>,
        /// This core's.
        digest: u64,
    },
    /// The gateway's digest and this core's, at a checkpoint.
    Checkpoint {
        /// The gateway's.
        recorded: u64,
        /// This core's.
        derived: u64,
    },
}

/// Why a journal cannot be followed.
#[derive(Debug)]
pub enum RebuildError {
    /// The journal itself.
    Journal(JournalError),
    /// The configuration of a run does not parse: another version of the gateway wrote it.
    Configuration {
        /// The record.
        sequence: u64,
        /// What is wrong with it.
        problem: String,
    },
    /// One run does not follow from the one before.
    Adopt(AdoptError),
    /// An event stands before any run has opened, or a line has no meaning.
    Broken {
        /// The record.
        sequence: u64,
    },
}

impl fmt::Display for RebuildError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Journal(error) => error.fmt(out),
            Self::Configuration { sequence, problem } => write!(
                out,
                "record {sequence}: the configuration of that run cannot be read by this version \
                 of portcullis; use the version that wrote the journal: {problem}"
            ),
            Self::Adopt(error) => error.fmt(out),
            Self::Broken { sequence } => write!(
                out,
                "record {sequence} has no meaning here: the journal does not begin with a run, or \
                 another version wrote it"
            ),
        }
    }
}

impl std::error::Error for RebuildError {}

impl From<JournalError> for RebuildError {
    fn from(error: JournalError) -> Self {
        Self::Journal(error)
    }
}

/// The line in front of the configuration in an opening record.
const SEED_KEY: &str = "# hash_seed = ";

/// The text of an opening record: the seed of this journal's tables, then the configuration.
pub fn opening_text(config: &Config) -> String {
    let seed = config.setup.hash_seed;
    format!(
        "{SEED_KEY}{seed}\n{}",
        config::effective::effective_toml(config)
    )
}

/// The configuration in an opening record.
pub fn read_opening(text: &[u8], sequence: u64) -> Result<Config, RebuildError> {
    let broken = |problem: String| RebuildError::Configuration { sequence, problem };
    let text = std::str::from_utf8(text).map_err(|error| broken(error.to_string()))?;
    let (first, toml) = text.split_once('\n').unwrap_or((text, ""));
    let seed = first
        .strip_prefix(SEED_KEY)
        .and_then(|seed| seed.parse().ok());
    let seed = seed.ok_or_else(|| broken("no seed in front".to_owned()))?;
    let mut config =
        config::effective::parse_effective(toml).map_err(|errors| broken(errors.to_string()))?;
    config.setup.hash_seed = seed;
    Ok(config)
}

/// The text of an opening record that was read, from the configuration on.
fn without_seed(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let toml = text.split_once('\n').map_or("", |(_, toml)| toml);
    toml.to_owned()
}

impl Rebuild {
    /// Before the first record. `journal` stands in errors.
    pub fn new(journal: &Path) -> Self {
        Self {
            journal: journal.to_owned(),
            core: None,
            setup: Setup::default(),
            reconcile: Reconcile::default(),
            configuration: String::new(),
            assembler: Assembler::default(),
            effects: Effects::default(),
        }
    }

    /// The core as it is now; `None` before the first run has opened.
    pub const fn core(&self) -> Option<&Core> {
        self.core.as_ref()
    }

    /// The same, for who asks what may be asked of a core alone.
    pub const fn core_mut(&mut self) -> Option<&mut Core> {
        self.core.as_mut()
    }

    /// What the core runs under now.
    pub const fn setup(&self) -> &Setup {
        &self.setup
    }

    /// By what the last run reconciles.
    pub const fn reconcile(&self) -> &Reconcile {
        &self.reconcile
    }

    /// The configuration that the last run opened with, as [`config::effective::effective_toml`] wrote it.
    pub fn configuration(&self) -> &str {
        &self.configuration
    }

    /// The core and its setup.
    pub fn into_core(self) -> Option<(Core, Setup)> {
        let setup = self.setup;
        self.core.map(|core| (core, setup))
    }

    /// Takes the next record.
    pub fn take(&mut self, record: &Record<'_>) -> Result<Taken, RebuildError> {
        let sequence = record.sequence;
        let broken = || RebuildError::Broken { sequence };
        let [head, continuations @ ..] = record.frames else {
            return Err(broken());
        };
        if head.kind() == Some(Kind::Opening) {
            let Some(text) = self.assembler.push(record, &self.journal)? else {
                return Ok(Taken::Part);
            };
            let config = read_opening(&text, sequence)?;
            self.open(config.setup)?;
            self.reconcile = config.reconcile;
            self.configuration = without_seed(&text);
            return Ok(Taken::Opened);
        }
        let core = self.core.as_mut().ok_or_else(broken)?;
        if head.kind() == Some(Kind::Checkpoint) {
            let recorded = head.body::<Checkpoint>().digest;
            return Ok(Taken::Checkpoint {
                recorded,
                derived: core.digest(),
            });
        }
        let recorded = record.line.decision().ok_or_else(broken)?;
        self.effects.clear();
        let derived = core.step(head, continuations, &mut self.effects);
        let (digest_recorded, digest) = (record.line.digest(), core.digest());
        Ok(Taken::Event {
            recorded,
            derived,
            digest_recorded,
            digest,
        })
    }

    /// What cancels every live order, for a gate that has failed: the same that its kill switch would
    /// send. The core has gone on without a record and follows no further.
    pub fn last_cancels(&mut self, now: Nanos) -> Vec<Approved> {
        let mut cancels = Vec::new();
        let Some(mut core) = self.core.take() else {
            return cancels;
        };
        let kill = Control {
            target: u32::MAX,
            operator: u32::MAX,
            scope: Scope::Firm as u8,
            ..Control::default()
        };
        let header = Header {
            time: now.max(core.now()),
            strategy: StrategyId::NONE,
            ..Header::default()
        };
        let tick = Frame::new(Kind::Tick, header, Tick::default());
        let mut event = Frame::new(Kind::Kill, header, kill);
        loop {
            self.effects.clear();
            core.step(&event, &[], &mut self.effects);
            let sent = self.effects.to_broker.drain(..);
            cancels.extend(sent.filter(|one| one.frame().kind() == Some(Kind::BrokerCancel)));
            if core.next_deadline() != Nanos::ZERO {
                return cancels;
            }
            event = tick;
        }
    }

    /// A run begins under `setup`.
    pub fn open(&mut self, setup: Setup) -> Result<(), RebuildError> {
        match &mut self.core {
            None => self.core = Some(Core::new(&setup)),
            Some(core) => core
                .adopt(&self.setup, &setup)
                .map_err(RebuildError::Adopt)?,
        }
        if let Some(core) = &self.core {
            core.tables(memory::claim);
        }
        self.setup = setup;
        Ok(())
    }
}
