//! File: events as lines of JSON, one file after the other.
//!
//! A batch is one write at the end of the file. A file that has reached its size is given another name,
//! `.1` behind its own, those before it move up by one and the last one goes.
//!
//! The last line says which event was the last: after a restart the next one follows it, so that none is
//! missing and none is there twice. What a crash left of a half-written line is cut off, since its event
//! comes again.

use super::event::Position;
use super::line::Line;
use super::sink::{Opened, Sink};
use crate::config::subscribers::FileConfig;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

#[derive(Debug)]
struct EventFile {
    path: PathBuf,
    file: File,
    size: u64,
    size_max: u64,
    files_max: u32,
}

/// Opens or makes the file, and finds where it ends.
pub(super) fn open(options: &FileConfig) -> io::Result<Opened> {
    let path = &options.path;
    if let Some(folder) = path.parent().filter(|of| !of.as_os_str().is_empty()) {
        fs::create_dir_all(folder)?;
    }
    let file = open_file(path)?;
    let (mut size, mut last) = end_of(&file, path)?;
    if size < file.metadata()?.len() {
        file.set_len(size)?;
    }
    let before = numbered(path, 1);
    if last.is_none() && before.exists() {
        (_, last) = end_of(&File::open(&before)?, &before)?;
        size = 0;
    }
    let file = EventFile {
        path: path.clone(),
        file,
        size,
        size_max: options.size_max,
        files_max: options.files_max,
    };
    Ok((Box::new(file), last))
}

impl Sink for EventFile {
    fn deliver(&mut self, batch: &[Line]) -> Result<(), String> {
        let mut lines = String::new();
        for line in batch {
            lines.push_str(line.json());
            lines.push('\n');
        }
        self.write(lines.as_bytes())
            .map_err(|error| format!("{}: {error}", self.path.display()))
    }
}

impl EventFile {
    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        let size = lines.len() as u64;
        if self.size != 0 && self.size_max < self.size + size {
            self.rotate()?;
        }
        if let Err(error) = self.file.write_all(lines) {
            // Half a batch is none: it comes again.
            self.file.set_len(self.size)?;
            return Err(error);
        }
        self.size += size;
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        // Where an earlier try came this far, the names have moved already.
        if self.path.exists() {
            for number in (1..self.files_max).rev() {
                match fs::rename(
                    numbered(&self.path, number - 1),
                    numbered(&self.path, number),
                ) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
            if self.files_max == 1 {
                fs::remove_file(&self.path)?;
            }
        }
        self.file = open_file(&self.path)?;
        self.size = 0;
        Ok(())
    }
}

fn open_file(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o640)
        .open(path)
}

/// The file that was the current one so many files ago.
fn numbered(path: &Path, number: u32) -> PathBuf {
    match number {
        0 => path.to_owned(),
        number => {
            let mut name = path.as_os_str().to_owned();
            name.push(format!(".{number}"));
            PathBuf::from(name)
        }
    }
}

/// Where the last whole line ends, and which event it is.
fn end_of(file: &File, path: &Path) -> io::Result<(u64, Option<Position>)> {
    let size = file.metadata()?.len();
    let begin = size.saturating_sub(LINE_SIZE_MAX);
    let mut bytes = vec![0; (size - begin) as usize];
    file.read_exact_at(&mut bytes, begin)?;
    let Some(end) = bytes.iter().rposition(|byte| *byte == b'\n') else {
        return match begin {
            0 => Ok((0, None)),
            _ => Err(foreign(path)),
        };
    };
    let line = bytes[..end].rsplit(|byte| *byte == b'\n').next();
    let position = line.and_then(position_of).ok_or_else(|| foreign(path))?;
    Ok((begin + end as u64 + 1, Some(position)))
}

fn position_of(line: &[u8]) -> Option<Position> {
    let value: serde_json::Value = serde_json::from_slice(line).ok()?;
    Some(Position {
        sequence: value["sequence"].as_u64()?,
        part: u32::try_from(value["part"].as_u64()?).ok()?,
    })
}

fn foreign(path: &Path) -> io::Error {
    let path = path.display();
    io::Error::other(format!(
        "{path} does not end with a line of an event; move it away or write another path"
    ))
}

/// No event is as long as this.
const LINE_SIZE_MAX: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::super::kind::EventKind;
    use super::super::line::tests::line;
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let name = format!("portcullis-event-file-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&path);
        path
    }

    fn options(folder: &Path, size_max: u64, files_max: u32) -> FileConfig {
        FileConfig {
            path: folder.join("events.jsonl"),
            size_max,
            files_max,
        }
    }

    fn batch(sequences: std::ops::Range<u64>) -> Vec<Line> {
        sequences
            .map(|of| line(of, EventKind::Fill, None))
            .collect()
    }

    fn sequences(path: &Path) -> Vec<u64> {
        let text = fs::read_to_string(path).unwrap();
        let position = |line: &str| position_of(line.as_bytes()).unwrap().sequence;
        text.lines().map(position).collect()
    }

    #[test]
    fn it_goes_on_behind_its_last_line_and_cuts_off_half_a_one() {
        let folder = folder("torn");
        let options = options(&folder, 1 << 20, 3);
        let (mut sink, last) = open(&options).unwrap();
        assert_eq!(last, None);
        sink.deliver(&batch(1..4)).unwrap();
        drop(sink);
        let whole = fs::read(&options.path).unwrap();
        let line = whole.len() / 3;
        for cut in 0..=line {
            fs::write(&options.path, &whole[..whole.len() - cut]).unwrap();
            let (mut sink, last) = open(&options).unwrap();
            // The line's end is part of it.
            let expected = if cut == 0 { 3 } else { 2 };
            assert_eq!(last.unwrap().sequence, expected, "{cut}");
            sink.deliver(&batch(expected + 1..5)).unwrap();
            assert_eq!(sequences(&options.path), [1, 2, 3, 4]);
        }
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_file_that_is_full_moves_on_and_no_more_are_kept_than_may_be() {
        let folder = folder("rotation");
        let size = line(1, EventKind::Fill, None).json().len() as u64 + 1;
        let options = options(&folder, 2 * size, 3);
        let (mut sink, _) = open(&options).unwrap();
        for sequence in 1..=9 {
            sink.deliver(&batch(sequence..sequence + 1)).unwrap();
        }
        let path = &options.path;
        assert_eq!(sequences(path), [9]);
        assert_eq!(sequences(&numbered(path, 1)), [7, 8]);
        assert_eq!(sequences(&numbered(path, 2)), [5, 6]);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 3);
        // Where the current one says nothing, the one before does.
        drop(sink);
        fs::write(path, "").unwrap();
        assert_eq!(open(&options).unwrap().1.unwrap().sequence, 8);
        let one = FileConfig {
            files_max: 1,
            ..options
        };
        let (mut sink, _) = open(&one).unwrap();
        (10..15).for_each(|at| sink.deliver(&batch(at..at + 1)).unwrap());
        assert_eq!(sequences(&one.path), [14]);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_is_no_file_of_events_is_left_alone() {
        let folder = folder("foreign");
        let options = options(&folder, 1 << 20, 3);
        fs::create_dir_all(&folder).unwrap();
        fs::write(&options.path, "some notes\n").unwrap();
        let error = open(&options).err().unwrap().to_string();
        assert!(
            error.contains("does not end with a line of an event"),
            "{error}"
        );
        assert_eq!(fs::read(&options.path).unwrap(), b"some notes\n");
        fs::remove_dir_all(folder).unwrap();
    }
}
