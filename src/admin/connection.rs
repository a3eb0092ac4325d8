//! Connection: one operator's socket, its lines in and out.
//!
//! One request is under way at a time; the next line is not looked at before the answer has left.
//! So each connection holds at most one line in and one answer out.

use mio::net::UnixStream;
use std::io::{ErrorKind, Read as _, Write as _};

/// The longest line that is taken in, in bytes.
pub(super) const LINE_SIZE_MAX: usize = 4096;

/// A socket and what is on its way.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) stream: UnixStream,
    input: Vec<u8>,
    output: Vec<u8>,
    written: usize,
    /// There may be bytes that were not read: readiness is told once.
    pub(super) is_readable: bool,
    pub(super) is_writable: bool,
    has_ended: bool,
    is_broken: bool,
}

/// What reading gave.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Input {
    /// A line, without its end.
    Line(Vec<u8>),
    /// Not yet.
    Nothing,
    /// More than [`LINE_SIZE_MAX`] bytes without an end.
    TooLong,
    /// The peer has closed, and all its lines are answered.
    Ended,
}

impl Connection {
    pub(super) fn new(stream: UnixStream) -> Self {
        Self {
            stream,
            input: Vec::new(),
            output: Vec::new(),
            written: 0,
            is_readable: true,
            is_writable: true,
            has_ended: false,
            is_broken: false,
        }
    }

    /// The next line.
    pub(super) fn read(&mut self) -> Input {
        loop {
            if let Some(end) = self.input.iter().position(|&byte| byte == b'\n') {
                let rest = self.input.split_off(end + 1);
                let mut line = std::mem::replace(&mut self.input, rest);
                line.truncate(end);
                return Input::Line(line);
            }
            if LINE_SIZE_MAX <= self.input.len() {
                return Input::TooLong;
            }
            if self.has_ended || self.is_broken {
                return Input::Ended;
            }
            if !self.is_readable {
                return Input::Nothing;
            }
            self.fill();
        }
    }

    fn fill(&mut self) {
        let mut bytes = [0; LINE_SIZE_MAX];
        let room = LINE_SIZE_MAX - self.input.len();
        match self.stream.read(&mut bytes[..room]) {
            Ok(0) => self.has_ended = true,
            Ok(count) => self.input.extend_from_slice(&bytes[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => self.is_readable = false,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => self.is_broken = true,
        }
    }

    /// An answer goes out. The one before has left.
    pub(super) fn send(&mut self, answer: &serde_json::Value) {
        self.output = answer.to_string().into_bytes();
        self.output.push(b'\n');
        self.written = 0;
        self.flush();
    }

    /// True once nothing is left to write.
    pub(super) fn flush(&mut self) -> bool {
        while self.is_writable && !self.is_broken && self.written < self.output.len() {
            match self.stream.write(&self.output[self.written..]) {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.is_writable = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => self.is_broken = true,
            }
        }
        let is_flushed = self.is_broken || self.written == self.output.len();
        if is_flushed {
            self.output = Vec::new();
            self.written = 0;
        }
        is_flushed
    }

    /// Nobody is there any more.
    pub(super) const fn is_broken(&self) -> bool {
        self.is_broken
    }
}
