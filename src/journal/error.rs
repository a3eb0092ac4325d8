//! Errors: why a journal cannot be opened, read or kept, with the file, the place and the remedy.

use std::fmt;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// What is wrong with which file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct JournalError {
    /// The file or directory.
    pub path: PathBuf,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Problem {
    /// The journal's directory is a file.
    NotADirectory,
    /// A segment's name is that of a directory or a device.
    NotAFile,
    /// The file system takes no writes.
    ReadOnly,
    /// The user of this process may not.
    PermissionDenied,
    /// Another process has the journal open.
    Locked,
    /// The disk is full.
    NoSpace {
        /// How many bytes were asked for.
        wanted: u64,
    },
    /// No file descriptor is left.
    TooManyFiles,
    /// There is no journal.
    Absent,
    /// A segment of no bytes.
    Empty,
    /// A segment that does not begin like one.
    NotASegment,
    /// A segment written by a machine of the other byte order.
    ForeignEndianness,
    /// A segment in another version of the format.
    WrongVersion {
        /// Its version.
        found: u32,
    },
    /// A journal of another version of the risk core.
    WrongCore {
        /// Its version.
        found: u32,
        /// This one's.
        expected: u32,
    },
    /// A segment of another journal.
    ForeignJournal {
        /// This journal.
        expected: u128,
        /// That one.
        found: u128,
    },
    /// A segment whose name and content differ.
    Misnamed {
        /// The number inside.
        found: u32,
    },
    /// A segment is not there, and later ones are.
    Missing,
    /// A record that was durable once is no longer readable.
    Damaged {
        /// Where it should stand.
        offset: u64,
        /// Which it should be.
        sequence: u64,
        /// Up to which sequence all was durable.
        durable_sequence: u64,
    },
    /// The identity of a segment, which was durable before the file had its name.
    IdentityDamaged,
    /// Neither half of the durable mark is readable.
    MarkDamaged,
    /// A setting that cannot be.
    SizeInvalid {
        /// What was asked for.
        found: u64,
        /// The least.
        min: u64,
        /// The most.
        max: u64,
    },
    /// An opening record whose parts do not fit together.
    OpeningBroken {
        /// The record at which it breaks.
        sequence: u64,
    },
    /// Anything else the system said.
    Io {
        /// The system's number for it, or zero.
        code: i32,
    },
}

impl JournalError {
    pub(crate) fn new(path: &Path, problem: Problem) -> Self {
        Self {
            path: path.to_owned(),
            problem,
        }
    }

    /// What the system said about a file.
    pub(crate) fn io(path: &Path, error: &io::Error) -> Self {
        let problem = match error.kind() {
            ErrorKind::NotADirectory => Problem::NotADirectory,
            ErrorKind::IsADirectory => Problem::NotAFile,
            ErrorKind::ReadOnlyFilesystem => Problem::ReadOnly,
            ErrorKind::PermissionDenied => Problem::PermissionDenied,
            ErrorKind::NotFound => Problem::Absent,
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Problem::NoSpace { wanted: 0 },
            _ => match error.raw_os_error() {
                Some(TOO_MANY_FILES | TOO_MANY_FILES_IN_SYSTEM) => Problem::TooManyFiles,
                code => Problem::Io {
                    code: code.unwrap_or(0),
                },
            },
        };
        Self::new(path, problem)
    }

    /// True where time or an operator may mend it while the gateway runs.
    pub(crate) const fn is_transient(&self) -> bool {
        matches!(
            self.problem,
            Problem::NoSpace { .. } | Problem::TooManyFiles
        )
    }
}

impl std::error::Error for JournalError {}

impl fmt::Display for JournalError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.path.display(), self.problem)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NotADirectory => {
                out.write_str("not a directory; let `journal.directory` name one")
            }
            Self::NotAFile => out.write_str(
                "not a plain file, but it has a segment's name; restore the segment from a copy, or, \
                 if there never was one, give this another name",
            ),
            Self::ReadOnly => out.write_str("the file system is read-only; mount it for writing"),
            Self::PermissionDenied => out.write_str(
                "permission denied; the journal must belong to the user that the gateway runs as",
            ),
            Self::Locked => out.write_str(
                "another process has this journal open; stop it, or give each its own \
                 `journal.directory`",
            ),
            Self::NoSpace { wanted } => write!(
                out,
                "no space left on the disk for {wanted} bytes; free some below `journal.directory`",
            ),
            Self::TooManyFiles => {
                out.write_str("no file descriptor left; raise the limit of open files")
            }
            Self::Absent => out.write_str("there is no journal here; check `journal.directory`"),
            Self::Empty => out.write_str(
                "a segment of 0 bytes, which the gateway never makes; restore it from a copy",
            ),
            Self::NotASegment => out.write_str(
                "not a journal segment by its first bytes, but it has a segment's name: its records \
                 may be behind the damage, so restore it from a copy; only what never was a segment \
                 may be given another name",
            ),
            Self::ForeignEndianness => {
                out.write_str("written on a machine of the other byte order; read it there")
            }
            Self::WrongVersion { found } => write!(
                out,
                "journal format {found}, this gateway reads {}; use the gateway that wrote it",
                crate::journal::format::FORMAT_VERSION,
            ),
            Self::WrongCore { found, expected } => write!(
                out,
                "written by version {found} of the risk core, and this is version {expected}, which \
                 may decide otherwise; continue with the gateway that wrote it, or begin a new \
                 journal directory",
            ),
            Self::ForeignJournal { expected, found } => write!(
                out,
                "belongs to journal {found:032x}, this is {expected:032x}; move it to its own \
                 directory",
            ),
            Self::Misnamed { found } => write!(
                out,
                "is segment {found} by its content; give each segment its own name back",
            ),
            Self::Missing => out
                .write_str("this segment is not there, but later ones are; restore it from a copy"),
            Self::Damaged {
                offset,
                sequence,
                durable_sequence,
            } => write!(
                out,
                "damaged at byte {offset}: record {sequence} should stand there, and all up to \
                 {durable_sequence} were durable; restore the file from a copy, or remove the file \
                 `{}` to go on with the records before it, new risk shut until reconciled",
                crate::journal::mark::MARK_NAME,
            ),
            Self::IdentityDamaged => out.write_str(
                "damaged at byte 0: the identity of the segment, which was durable; restore the \
                 file from a copy: without it its records, and all in later segments, are lost",
            ),
            Self::MarkDamaged => out.write_str(
                "damaged: how much was durable is not known; restore this file from a copy, or remove \
                 it to go on with the records that are readable, new risk shut until reconciled",
            ),
            Self::SizeInvalid { found, min, max } => {
                write!(
                    out,
                    "a size of {found} bytes in `journal`; it must be {min} to {max}"
                )
            }
            Self::OpeningBroken { sequence } => write!(
                out,
                "the opening record breaks off at record {sequence}: a run that ended while it started",
            ),
            Self::Io { code } => write!(
                out,
                "{}; the disk or its driver fails: replace it before the gateway starts again",
                io::Error::from_raw_os_error(code),
            ),
        }
    }
}

const TOO_MANY_FILES: i32 = 24;
const TOO_MANY_FILES_IN_SYSTEM: i32 = 23;
