//! Files: what the journal asks of the file system. Every file is opened with `O_CLOEXEC`.
//!
//! Errors are those of the system, unchanged; the caller names the file and the remedy.

use rustix::fs::{FallocateFlags, FlockOperation};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A directory that no other process may lock while this lives. The kernel lets go when the
/// process ends, however it ends, so there is no stale lock to clean up.
#[derive(Debug)]
pub struct DirectoryLock(File);

impl DirectoryLock {
    /// `WouldBlock` where another process, or another part of this one, has it.
    pub fn take(directory: &Path) -> io::Result<Self> {
        let file = File::open(directory)?;
        rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive)?;
        Ok(Self(file))
    }

    /// Makes names that were created, renamed or removed in it durable.
    pub fn sync(&self) -> io::Result<()> {
        self.0.sync_all()
    }
}

/// For reading alone.
pub fn open_read(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// For reading and writing; it must exist.
pub fn open_write(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open(path)
}

/// A new file that only its owner may read; it must not exist.
pub fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(PRIVATE)
        .open(path)
}

/// A directory that only its owner may enter, with those above it; no error where it exists.
pub fn create_directory(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(PRIVATE_DIRECTORY)
        .create(path)
}

/// The size in bytes, and whether it is a plain file.
pub fn describe(file: &File) -> io::Result<(u64, bool)> {
    let metadata = file.metadata()?;
    Ok((metadata.len(), metadata.is_file()))
}

/// True where the path names a directory.
pub fn is_directory(path: &Path) -> io::Result<bool> {
    Ok(fs::metadata(path)?.is_dir())
}

/// The names in a directory, sorted.
pub fn list(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut names = fs::read_dir(directory)?
        .map(|entry| Ok(entry?.path()))
        .collect::<io::Result<Vec<_>>>()?;
    names.sort();
    Ok(names)
}

/// Gives every byte below `size` a block on the disk, so that a later store to it cannot fail for
/// want of space. Bytes that were there keep their value; new ones are zero.
pub fn allocate(file: &File, size: u64) -> io::Result<()> {
    loop {
        match rustix::fs::fallocate(file, FallocateFlags::empty(), 0, size) {
            Ok(()) => return Ok(()),
            Err(rustix::io::Errno::INTR) => {}
            Err(rustix::io::Errno::OPNOTSUPP) => return allocate_by_writing(file, size),
            Err(error) => return Err(error.into()),
        }
    }
}

/// For file systems that cannot allocate: rewrites every byte with what it is.
#[cold]
fn allocate_by_writing(file: &File, size: u64) -> io::Result<()> {
    let mut bytes = vec![0; CHUNK_SIZE];
    let mut offset = 0;
    while offset < size {
        let wanted = bytes
            .len()
            .min(usize::try_from(size - offset).unwrap_or(CHUNK_SIZE));
        let read = read_at(file, &mut bytes[..wanted], offset)?;
        bytes[read..wanted].fill(0);
        file.write_all_at(&bytes[..wanted], offset)?;
        offset += wanted as u64;
    }
    Ok(())
}

/// Waits until the file's bytes are on the disk.
pub fn sync_data(file: &File) -> io::Result<()> {
    Ok(rustix::fs::fdatasync(file)?)
}

/// Waits until the directory's names are on the disk.
pub fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Reads until `bytes` is full or the file ends; returns how many were read.
pub fn read_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut count = 0;
    while count < bytes.len() {
        match file.read_at(&mut bytes[count..], offset + count as u64) {
            Ok(0) => break,
            Ok(read) => count += read,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(count)
}

/// Writes all of `bytes`.
pub fn write_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    file.write_all_at(bytes, offset)
}

/// Gives a file another name, in place of what had it.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)
}

/// Removes a file; no error where there is none.
pub fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

/// Where the last byte that is not zero stands, at or behind `offset`; `None` where there is none.
pub fn last_nonzero(file: &File, offset: u64) -> io::Result<Option<u64>> {
    let mut bytes = vec![0; CHUNK_SIZE];
    let (mut at, mut last) = (offset, None);
    loop {
        let read = read_at(file, &mut bytes, at)?;
        if read == 0 {
            return Ok(last);
        }
        if let Some(index) = bytes[..read].iter().rposition(|&byte| byte != 0) {
            last = Some(at + index as u64);
        }
        at += read as u64;
    }
}

/// Copies `from..to` of one file to the beginning of another.
pub fn copy_range(source: &File, target: &File, from: u64, to: u64) -> io::Result<()> {
    let mut bytes = vec![0; CHUNK_SIZE];
    let mut at = from;
    while at < to {
        let wanted = CHUNK_SIZE.min(usize::try_from(to - at).unwrap_or(CHUNK_SIZE));
        let read = read_at(source, &mut bytes[..wanted], at)?;
        if read == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        target.write_all_at(&bytes[..read], at - from)?;
        at += read as u64;
    }
    Ok(())
}

/// Writes zeros over `from..to`.
pub fn zero_range(file: &File, from: u64, to: u64) -> io::Result<()> {
    let zeros = vec![0; CHUNK_SIZE];
    let mut at = from;
    while at < to {
        let count = CHUNK_SIZE.min(usize::try_from(to - at).unwrap_or(CHUNK_SIZE));
        file.write_all_at(&zeros[..count], at)?;
        at += count as u64;
    }
    Ok(())
}

const PRIVATE: u32 = 0o600;
const PRIVATE_DIRECTORY: u32 = 0o700;
const CHUNK_SIZE: usize = 1 << 18;
