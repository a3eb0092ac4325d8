//! Segment: the files of a journal, their names, and how a new one comes to be.
//!
//! A segment gets its name only when it is whole: allocated, its identity written, both synced. So
//! a file with a segment's name and a bad identity is damage, never the trace of a crash.

use crate::journal::Settings;
use crate::journal::error::{JournalError, Problem};
use crate::journal::format::{FORMAT_VERSION, Identity, MAGIC};
use crate::sys::file;
use crate::sys::memory::{MappedSegment, Pages};
use bytemuck::Zeroable;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// What the keeper asks of the disk and what may fail there. Tests make it fail.
pub trait Storage: Send {
    /// Allocates every block of a file.
    fn allocate(&mut self, file: &File, size: u64) -> io::Result<()> {
        file::allocate(file, size)
    }

    /// Waits until a file is on the disk.
    fn sync_file(&mut self, file: &File) -> io::Result<()> {
        file::sync_data(file)
    }

    /// Waits until pages of a mapped file are on the disk.
    fn sync_pages(&mut self, pages: &Pages, range: Range<usize>) -> io::Result<()> {
        pages.sync(range)
    }
}

/// The real disk.
#[derive(Clone, Copy, Debug, Default)]
pub struct Disk;

impl Storage for Disk {}

/// The name of a segment.
pub fn path_of(directory: &Path, number: u32) -> PathBuf {
    directory.join(format!("segment-{number:010}.journal"))
}

/// The files of a directory that are a journal's.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// The numbers of segments, ascending.
    pub(crate) segments: Vec<u32>,
    /// What was never finished.
    pub(crate) drafts: Vec<PathBuf>,
    /// What recovery put aside and nobody has taken away.
    pub(crate) set_aside: Vec<PathBuf>,
}

/// Looks at the names in a directory; other files are none of ours.
pub(crate) fn list(directory: &Path) -> Result<Listing, JournalError> {
    let error = |error| JournalError::io(directory, &error);
    if !file::is_directory(directory).map_err(error)? {
        return Err(JournalError::new(directory, Problem::NotADirectory));
    }
    let mut listing = Listing::default();
    for path in file::list(directory).map_err(error)? {
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            continue;
        };
        if let Some(number) = number_of(name) {
            listing.segments.push(number);
        } else if name.ends_with(DRAFT) {
            listing.drafts.push(path);
        } else if name.ends_with(SET_ASIDE) {
            listing.set_aside.push(path);
        }
    }
    listing.segments.sort_unstable();
    Ok(listing)
}

fn number_of(name: &str) -> Option<u32> {
    let digits = name.strip_prefix("segment-")?.strip_suffix(".journal")?;
    let is_ours = digits.len() == 10 && digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_ours { digits.parse().ok() } else { None }
}

/// Makes the file of a segment and maps it. On an error no trace is left.
pub(crate) fn create(
    storage: &mut dyn Storage,
    settings: &Settings,
    journal_id: u128,
    number: u32,
) -> Result<MappedSegment, JournalError> {
    let path = path_of(&settings.directory, number);
    let draft = path.with_extension("journal.preparing");
    let identity = Identity::new(
        journal_id,
        number,
        settings.segment_size,
        settings.core_version,
    );
    let mut make = || {
        file::remove(&draft)?;
        let file = file::create(&draft)?;
        storage.allocate(&file, identity.segment_size)?;
        file::write_at(&file, bytemuck::bytes_of(&identity), 0)?;
        storage.sync_file(&file)?;
        let segment = MappedSegment::new(&file, identity.segment_size as usize)?;
        file::rename(&draft, &path)?;
        file::sync_directory(&settings.directory)?;
        Ok(segment)
    };
    make().map_err(|error: io::Error| {
        // Frees the blocks that a full disk could still give; the first error is the one to tell.
        let _ = file::remove(&draft);
        explain(&path, &error, identity.segment_size)
    })
}

/// Opens a segment to go on writing it.
pub(crate) fn open(
    storage: &mut dyn Storage,
    path: &Path,
    identity: &Identity,
) -> Result<MappedSegment, JournalError> {
    let mut make = || {
        let file = file::open_write(path)?;
        // A copy may have left holes, and a store into a hole on a full disk is SIGBUS.
        storage.allocate(&file, identity.segment_size)?;
        storage.sync_file(&file)?;
        MappedSegment::new(&file, identity.segment_size as usize)
    };
    make().map_err(|error: io::Error| explain(path, &error, identity.segment_size))
}

fn explain(path: &Path, error: &io::Error, wanted: u64) -> JournalError {
    let mut error = JournalError::io(path, error);
    if let Problem::NoSpace { .. } = error.problem {
        error.problem = Problem::NoSpace { wanted };
    }
    error
}

/// Reads and checks a segment's identity. `journal_id`: of the segments before it.
pub(crate) fn read_identity(
    path: &Path,
    file: &File,
    number: u32,
    journal_id: Option<u128>,
) -> Result<Identity, JournalError> {
    let io = |error| JournalError::io(path, &error);
    let fail = |problem| Err(JournalError::new(path, problem));
    let (size, is_file) = file::describe(file).map_err(io)?;
    if !is_file {
        return fail(Problem::NotAFile);
    }
    if size == 0 {
        return fail(Problem::Empty);
    }
    let mut identity = Identity::zeroed();
    let count = file::read_at(file, bytemuck::bytes_of_mut(&mut identity), 0).map_err(io)?;
    if identity.magic == MAGIC.swap_bytes() {
        return fail(Problem::ForeignEndianness);
    }
    let is_short = count < size_of::<Identity>();
    if is_short || !identity.is_intact() {
        // Another version may have another layout; else it is ours and broken, or never was ours.
        let found = identity.format_version;
        return fail(match identity.magic {
            MAGIC if is_short || found == FORMAT_VERSION => Problem::IdentityDamaged,
            MAGIC => Problem::WrongVersion { found },
            _ => Problem::NotASegment,
        });
    }
    if identity.format_version != FORMAT_VERSION {
        return fail(Problem::WrongVersion {
            found: identity.format_version,
        });
    }
    let found = identity.journal_id();
    if let Some(expected) = journal_id.filter(|&expected| expected != found) {
        return fail(Problem::ForeignJournal { expected, found });
    }
    if identity.number != number {
        return fail(Problem::Misnamed {
            found: identity.number,
        });
    }
    Ok(identity)
}

/// How the names of unfinished files end.
const DRAFT: &str = ".preparing";
/// How the names of files end that recovery put aside.
pub(crate) const SET_ASIDE: &str = ".set-aside";

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    /// A directory that goes away with the test.
    pub(crate) struct Scratch(PathBuf);

    impl Scratch {
        pub(crate) fn new(name: &str) -> Self {
            static COUNT: AtomicU32 = AtomicU32::new(0);
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let process = std::process::id();
            let path = std::env::temp_dir().join(format!("portcullis-{name}-{process}-{count}"));
            std::fs::create_dir(&path).unwrap();
            Self(path)
        }

        pub(crate) fn path(&self) -> &Path {
            &self.0
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn names_and_numbers_go_both_ways() {
        for number in [1, 7, u32::MAX] {
            let path = path_of(Path::new("x"), number);
            assert_eq!(
                number_of(path.file_name().unwrap().to_str().unwrap()),
                Some(number)
            );
        }
        for name in [
            "segment-1.journal",
            "segment-+000000001.journal",
            "segment-9999999999.journal",
        ] {
            assert_eq!(number_of(name), None);
        }
    }

    #[test]
    fn an_error_leaves_no_trace() {
        struct Full;
        impl Storage for Full {
            fn allocate(&mut self, file: &File, _: u64) -> io::Result<()> {
                file.set_len(4096)?;
                Err(io::ErrorKind::StorageFull.into())
            }
        }
        let scratch = Scratch::new("trace");
        let settings = Settings::new(scratch.path(), 1, 1);
        let error = create(&mut Full, &settings, 1, 1).unwrap_err();
        assert_eq!(
            error.problem,
            Problem::NoSpace {
                wanted: settings.segment_size
            }
        );
        assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0);
    }
}
