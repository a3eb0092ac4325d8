//! Child: the gate or the relay as a process of its own, and a folder that goes when they do.
//!
//! Each is ended by its own number, whatever happens here.

use portcullis::sys::random;
use portcullis::units::Nanos;
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::thread;
use std::time::Duration;

/// A process that ends with this value.
#[derive(Debug)]
pub(crate) struct Process {
    name: &'static str,
    child: Child,
}

impl Process {
    pub(crate) fn spawn(name: &'static str, command: &mut Command) -> Result<Self, String> {
        let program = command.get_program().to_string_lossy().into_owned();
        let child = command
            .spawn()
            .map_err(|error| format!("{name}: {program} cannot be started: {error}"))?;
        Ok(Self { name, child })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// An error once it has ended.
    pub(crate) fn check(&mut self) -> Result<(), String> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(format!("the {} ended: {status}", self.name)),
            Err(error) => Err(format!("the {}: {error}", self.name)),
        }
    }

    /// It stands still until it is to go on.
    pub(crate) fn stop(&self) -> Result<(), String> {
        self.signal(Signal::STOP)
    }

    pub(crate) fn go_on(&self) -> Result<(), String> {
        self.signal(Signal::CONT)
    }

    /// Asks it to end and waits until it has; an error where it does not within some seconds.
    pub(crate) fn end(mut self) -> Result<ExitStatus, String> {
        self.signal(Signal::TERM)?;
        self.ended()
            .ok_or_else(|| format!("the {} was asked to end and does not", self.name))
    }

    /// How it ended, if it does within some seconds.
    fn ended(&mut self) -> Option<ExitStatus> {
        for _ in 0..END_LOOKS {
            match self.child.try_wait() {
                Ok(None) => pause(),
                Ok(Some(status)) => return Some(status),
                Err(_) => return None,
            }
        }
        None
    }

    fn signal(&self, signal: Signal) -> Result<(), String> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or("no process number")?;
        kill_process(pid, signal).map_err(|error| format!("the {}: {error}", self.name))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Its number may be another's once it was waited for.
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        let _ = self.go_on();
        let _ = self.signal(Signal::TERM);
        if self.ended().is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// A folder of this run.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// `tool` is a part of its name.
    pub(crate) fn new(parent: &Path, tool: &str) -> io::Result<Self> {
        let serial = u64::from_le_bytes(random::bytes()?);
        let path = parent.join(format!("portcullis-{tool}-{serial:016x}"));
        fs::DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file that nobody else can read.
    pub(crate) fn write(&self, name: &str, text: &str) -> io::Result<PathBuf> {
        let path = self.path(name);
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        file.write_all(text.as_bytes())?;
        Ok(path)
    }

    /// Makes a key: its digits, and where they are.
    pub(crate) fn key(&self, name: &str) -> io::Result<PathBuf> {
        let digits: String = random::bytes::<32>()?
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        self.write(name, &digits)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A pause between two looks at what another process does.
pub(crate) fn pause() {
    thread::sleep(LOOK_INTERVAL);
}

const LOOK_INTERVAL: Duration = Nanos::from_millis(2).to_duration();
/// A process is asked to end for about 5 s, then it is ended.
const END_LOOKS: u32 = 2_500;
