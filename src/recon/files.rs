//! Files: the statement and the drop copy, as they change.
//!
//! In:   two files that somebody else writes.
//! Out:  what is new in them, or why they cannot be believed.
//!
//! A statement is read once it stands still for one look; whoever writes it had better give it its name
//! when it is whole. A drop copy is read on where it was left off, whole lines alone; one that has become
//! shorter, is another file or was written anew is read from its beginning. A line that is wrong is not passed over: it
//! is told at each look, and nothing behind it is read until it is mended.
//!
//! Invariant: one look reads at most [`STATEMENT_BYTES_MAX`] and [`CHUNK_BYTES`].

use super::execution::{Execution, Lines};
use super::source::SourceError;
use super::statement::Statement;
use crate::sys::file;
use crate::units::Nanos;
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Longer statements are refused unread.
pub const STATEMENT_BYTES_MAX: u64 = 64 << 20;
/// So much of a drop copy is read at a time; no line may be longer.
pub const CHUNK_BYTES: usize = 4 << 20;

/// What a look has found.
#[derive(Clone, Debug, PartialEq)]
pub enum Sighting {
    /// The statement is another.
    Statement(Statement),
    /// The statement cannot be read.
    NoStatement(SourceError),
    /// The drop copy tells of these; and why it cannot be read on, if it cannot.
    Executions(Vec<Execution>, Option<SourceError>),
}

/// Both files, and how far each was read.
#[derive(Debug, Default)]
pub struct Files {
    statement: Option<StatementFile>,
    drop_copy: Option<DropCopyFile>,
}

#[derive(Debug)]
struct StatementFile {
    path: PathBuf,
    /// As it was at the last look, and when it was last read.
    seen: Option<Stamp>,
    read: Option<Stamp>,
    error: Option<SourceError>,
}

#[derive(Debug)]
struct DropCopyFile {
    path: PathBuf,
    inode: u64,
    offset: u64,
    /// The line before that, by which it is known to be the same file.
    last: Vec<u8>,
    lines: Lines,
}

/// What tells one content of a file from another.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Stamp {
    inode: u64,
    size: u64,
    modified: (i64, i64),
}

impl Files {
    /// Nothing is opened yet.
    pub fn new(statement: Option<&Path>, drop_copy: Option<&Path>) -> Self {
        Self {
            statement: statement.map(|path| StatementFile {
                path: path.to_owned(),
                seen: None,
                read: None,
                error: None,
            }),
            drop_copy: drop_copy.map(|path| DropCopyFile {
                path: path.to_owned(),
                inode: 0,
                offset: 0,
                last: Vec::new(),
                lines: Lines::default(),
            }),
        }
    }

    /// What is new. True: there is more to read at once.
    pub fn look(&mut self) -> (Vec<Sighting>, bool) {
        let mut sightings = Vec::new();
        let mut has_more = false;
        if let Some(drop_copy) = &mut self.drop_copy {
            let (executions, error, is_full) = drop_copy.look();
            has_more = is_full;
            sightings.push(Sighting::Executions(executions, error));
        }
        // Behind the drop copy: what a statement has, the drop copy has told of before.
        if let Some(statement) = &mut self.statement {
            sightings.extend(statement.look());
        }
        (sightings, has_more)
    }
}

impl StatementFile {
    fn look(&mut self) -> Option<Sighting> {
        let name = self.path.display().to_string();
        let stamp = match std::fs::metadata(&self.path) {
            Ok(metadata) => Stamp::of(&metadata),
            Err(error) => {
                self.seen = None;
                return Some(Sighting::NoStatement(unreadable(&name, &error)));
            }
        };
        let is_still = self.seen.replace(stamp) == Some(stamp);
        if self.read == Some(stamp) {
            return self.error.clone().map(Sighting::NoStatement);
        }
        if !is_still {
            return None;
        }
        self.read = Some(stamp);
        let statement = read_statement(&self.path);
        self.error = statement.as_ref().err().cloned();
        Some(match statement {
            Ok(statement) => Sighting::Statement(statement),
            Err(error) => Sighting::NoStatement(error),
        })
    }
}

impl DropCopyFile {
    /// Executions, why no more can be read, and whether there is more at once.
    fn look(&mut self) -> (Vec<Execution>, Option<SourceError>, bool) {
        let name = self.path.display().to_string();
        match self.read(&name) {
            Ok((executions, error, has_more)) => (executions, error, has_more),
            Err(error) => (Vec::new(), Some(unreadable(&name, &error)), false),
        }
    }

    fn read(&mut self, name: &str) -> io::Result<(Vec<Execution>, Option<SourceError>, bool)> {
        let file = File::open(&self.path)?;
        let metadata = file.metadata()?;
        let is_shorter = metadata.len() < self.offset;
        if metadata.ino() != self.inode || is_shorter || !self.goes_on(&file)? {
            self.inode = metadata.ino();
            self.offset = 0;
            self.last.clear();
            self.lines = Lines::default();
        }
        let mut bytes = vec![0; CHUNK_BYTES];
        let size = file::read_at(&file, &mut bytes, self.offset)?;
        let is_full = size == CHUNK_BYTES;
        let chunk = &bytes[..size];
        let mut executions = Vec::new();
        let mut rest = chunk;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let before = self.lines.clone();
            match self.lines.read_bytes(&rest[..end], name) {
                Ok(execution) => executions.extend(execution),
                Err(error) => {
                    self.lines = before;
                    return Ok((executions, Some(error), false));
                }
            }
            self.offset += end as u64 + 1;
            self.last.clear();
            self.last.extend_from_slice(&rest[..=end]);
            rest = &rest[end + 1..];
        }
        let is_endless = is_full && rest.len() == size;
        let error = is_endless.then(|| {
            let problem = format!("a line of more than {CHUNK_BYTES} bytes; end lines by \\n");
            SourceError::of_line(name, self.lines.count() + 1, problem)
        });
        let has_more = is_full && error.is_none();
        Ok((executions, error, has_more))
    }
}

impl DropCopyFile {
    /// True where what was read last still stands where it stood: a file may be written anew under its name,
    /// and be longer than it was.
    fn goes_on(&self, file: &File) -> io::Result<bool> {
        let mut bytes = vec![0; self.last.len()];
        let size = file::read_at(file, &mut bytes, self.offset - self.last.len() as u64)?;
        Ok(size == bytes.len() && bytes == self.last)
    }
}

/// Reads a whole statement.
pub fn read_statement(path: &Path) -> Result<Statement, SourceError> {
    let name = path.display().to_string();
    let (bytes, metadata) =
        read_whole(path, STATEMENT_BYTES_MAX).map_err(|error| unreadable(&name, &error))?;
    if STATEMENT_BYTES_MAX < bytes.len() as u64 {
        let problem = format!("longer than {STATEMENT_BYTES_MAX} bytes: is it a statement?");
        return Err(SourceError::of_file(&name, problem));
    }
    let text = String::from_utf8(bytes)
        .map_err(|_| SourceError::of_file(&name, "not UTF-8; save it as UTF-8"))?;
    Statement::parse(&text, &name, modified(&metadata))
}

/// Reads a whole drop copy, its last line included.
pub fn read_drop_copy(path: &Path, mut see: impl FnMut(&Execution)) -> Result<(), SourceError> {
    let name = path.display().to_string();
    let file = File::open(path).map_err(|error| unreadable(&name, &error))?;
    let mut reader = io::BufReader::new(file);
    let (mut lines, mut line) = (Lines::default(), Vec::new());
    loop {
        line.clear();
        let mut bounded = io::Read::take(&mut reader, CHUNK_BYTES as u64);
        let size = io::BufRead::read_until(&mut bounded, b'\n', &mut line)
            .map_err(|error| unreadable(&name, &error))?;
        if size == 0 {
            return Ok(());
        }
        if size == CHUNK_BYTES {
            let problem = format!("a line of more than {CHUNK_BYTES} bytes; end lines by \\n");
            return Err(SourceError::of_line(&name, lines.count() + 1, problem));
        }
        if let Some(execution) = lines.read_bytes(&line, &name)? {
            see(&execution);
        }
    }
}

fn read_whole(path: &Path, most: u64) -> io::Result<(Vec<u8>, Metadata)> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut io::Read::take(&file, most + 1), &mut bytes)?;
    Ok((bytes, metadata))
}

fn unreadable(name: &str, error: &io::Error) -> SourceError {
    let problem = format!("cannot be read: {error}; see that it exists and may be read");
    SourceError::of_file(name, problem)
}

fn modified(metadata: &Metadata) -> Nanos {
    let nanos = i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec());
    Nanos::from_raw(u64::try_from(nanos).unwrap_or_default())
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            inode: metadata.ino(),
            size: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("recon-{name}-{}", std::process::id()));
            let _ = std::fs::remove_dir_all(&path);
            std::fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn append(&self, name: &str, text: &str) {
            let path = self.0.join(name);
            let mut file = File::options()
                .create(true)
                .append(true)
                .open(path)
                .unwrap();
            file.write_all(text.as_bytes()).unwrap();
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn ids(files: &mut Files) -> (String, Option<String>) {
        match files.look().0.pop().unwrap() {
            Sighting::Executions(executions, error) => {
                let ids = executions.iter().map(|of| of.id.to_string());
                let ids: Vec<_> = ids.collect();
                (ids.join(" "), error.map(|error| error.problem))
            }
            other => panic!("{other:?}"),
        }
    }

    const NAMES: &str = "exec_id,time,account,symbol,side,qty,price\n";

    #[test]
    fn a_drop_copy_is_read_on_by_whole_lines_and_anew_when_it_is_another() {
        let folder = Folder::new("copy");
        let path = folder.0.join("d");
        let mut files = Files::new(None, Some(&path));
        assert!(ids(&mut files).1.unwrap().starts_with("cannot be read"));
        folder.append("d", NAMES);
        folder.append("d", "e1,1,a,s,buy,1,1\ne2,2,a,s,bu");
        assert_eq!(ids(&mut files), ("e1".to_owned(), None));
        assert_eq!(ids(&mut files), (String::new(), None));
        folder.append("d", "y,1,1\n");
        assert_eq!(ids(&mut files), ("e2".to_owned(), None));
        // A wrong line is told until it is mended, and nothing behind it is read.
        folder.append("d", "e3,3,a,s,buy,x,1\ne4,4,a,s,buy,1,1\n");
        for _ in 0..2 {
            let (read, error) = ids(&mut files);
            assert!(read.is_empty() && error.unwrap().starts_with("\"x\" is not"));
        }
        let text = std::fs::read_to_string(&path)
            .unwrap()
            .replace(",x,", ",5,");
        std::fs::write(&path, text).unwrap();
        assert_eq!(ids(&mut files), ("e3 e4".to_owned(), None));
        std::fs::write(&path, format!("{NAMES}e9,9,a,s,buy,1,1\n")).unwrap();
        assert_eq!(ids(&mut files), ("e9".to_owned(), None));
        // Written anew in its place, and longer than it was before.
        let line = |id: u32| format!("e{id},9,a,s,buy,1,1\n");
        std::fs::write(&path, format!("{NAMES}{}{}", line(6), line(7))).unwrap();
        assert_eq!(ids(&mut files), ("e6 e7".to_owned(), None));
        std::fs::write(&path, format!("{NAMES}{}", line(9))).unwrap();
        assert_eq!(ids(&mut files), ("e9".to_owned(), None));
        let mut whole = Vec::new();
        folder.append("d", "e10,9,a,s,buy,1,1");
        read_drop_copy(&path, |execution| whole.push(execution.id.to_string())).unwrap();
        assert_eq!(whole, ["e9", "e10"]);
    }

    #[test]
    fn a_statement_is_read_once_it_stands_still_and_again_when_it_changes() {
        let folder = Folder::new("statement");
        let path = folder.0.join("s");
        let mut files = Files::new(Some(&path), None);
        let look = |files: &mut Files| files.look().0.pop();
        let told = |sighting: Option<Sighting>| match sighting.unwrap() {
            Sighting::Statement(statement) => statement,
            other => panic!("{other:?}"),
        };
        assert!(matches!(look(&mut files), Some(Sighting::NoStatement(_))));
        folder.append("s", "# as_of = 5\naccount,symbol,position\n");
        assert_eq!(look(&mut files), None);
        assert_eq!(told(look(&mut files)).as_of, Nanos::from_raw(5));
        assert_eq!(look(&mut files), None);
        folder.append("s", "a,s,x\n");
        assert_eq!(look(&mut files), None);
        for _ in 0..2 {
            assert!(matches!(look(&mut files), Some(Sighting::NoStatement(_))));
        }
        folder.append("s", "");
        std::fs::write(&path, "# as_of = 6\naccount,symbol,position\na,s,1\n").unwrap();
        assert_eq!(look(&mut files), None);
        assert_eq!(told(look(&mut files)).positions.len(), 1);
    }
}
