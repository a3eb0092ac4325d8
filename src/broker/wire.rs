//! Wire: frames on their way into a socket, and how far they have gone.
//!
//! A frame of which one byte was written may be at the other end, for all we can know; one of which
//! none was written is not.

use crate::message::{FRAME_SIZE, Frame};
use crate::sys::failpoint;
use std::io::{self, ErrorKind, Write};

/// So many frames are on their way at most: room for the largest unit.
const FRAMES_MAX: usize = 512;

/// Frames on their way.
#[derive(Debug)]
pub(super) struct Wire {
    frames: Vec<Frame>,
    /// Bytes written, from the front.
    written: usize,
}

impl Wire {
    pub(super) fn new() -> Self {
        Self {
            frames: Vec::with_capacity(FRAMES_MAX),
            written: 0,
        }
    }

    /// Whether so many more frames can be put on their way.
    pub(super) fn has_room(&self, count: usize) -> bool {
        self.frames.len() + count <= FRAMES_MAX
    }

    pub(super) fn push(&mut self, frame: Frame) {
        self.frames.push(frame);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Writes as much as the socket takes. False where it takes no more now.
    pub(super) fn flush(&mut self, socket: &mut impl Write) -> io::Result<bool> {
        while !self.frames.is_empty() {
            let bytes: &[u8] = bytemuck::cast_slice(&self.frames);
            #[cfg(feature = "failpoints")]
            if failpoint::is_now("mid_wire") {
                let rest = &bytes[self.written..];
                // Half a frame at the end of what leaves.
                let size = rest.len() - FRAME_SIZE / 2;
                let _ = socket.write(&rest[..size]);
                std::process::abort();
            }
            failpoint::reach("before_wire");
            match socket.write(&bytes[self.written..]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(size) => {
                    self.written += size;
                    failpoint::reach("after_wire");
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            if self.written == self.frames.len() * FRAME_SIZE {
                self.clear();
            }
        }
        Ok(true)
    }

    /// The frames of which no byte was written, whose units have not begun to leave either.
    pub(super) fn unbegun(&self) -> &[Frame] {
        let mut at = 0;
        while at * FRAME_SIZE < self.written {
            at += 1 + usize::from(self.frames[at].header.continuation_count);
        }
        &self.frames[at..]
    }

    pub(super) fn clear(&mut self) {
        self.frames.clear();
        self.written = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Header;
    use bytemuck::Zeroable;

    /// Takes so many bytes, then would block.
    struct Socket(usize);

    impl Write for Socket {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            match bytes.len().min(self.0) {
                0 => Err(ErrorKind::WouldBlock.into()),
                size => {
                    self.0 -= size;
                    Ok(size)
                }
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_unit_that_began_to_leave_counts_as_gone_and_no_other() {
        // Units of 1, 3 and 1 frames.
        for written in 0..=5 * FRAME_SIZE {
            let mut wire = Wire::new();
            for continuation_count in [0, 2, 9, 9, 0] {
                let mut frame = Frame::zeroed();
                frame.header = Header {
                    continuation_count,
                    ..Header::default()
                };
                wire.push(frame);
            }
            let is_all = wire.flush(&mut Socket(written)).unwrap();
            assert_eq!(is_all, written == 5 * FRAME_SIZE);
            let expected = match written {
                0 => 5,
                1..=128 => 4,
                129..=512 => 1,
                _ => 0,
            };
            assert_eq!(wire.unbegun().len(), expected, "{written} bytes");
        }
    }
}
