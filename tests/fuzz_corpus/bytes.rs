//! Bytes: what a fuzzer gives, taken from the front; zeros once it is used up.

use portcullis::message::{FRAME_SIZE, Frame};

/// What has not been taken yet.
pub(crate) struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    pub(crate) fn new(data: &'a [u8]) -> Self {
        Self(data)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn take(&mut self, size: usize) -> &'a [u8] {
        let (front, rest) = self.0.split_at(size.min(self.0.len()));
        self.0 = rest;
        front
    }

    pub(crate) fn rest(&mut self) -> &'a [u8] {
        self.take(usize::MAX)
    }

    pub(crate) fn array<const SIZE: usize>(&mut self) -> [u8; SIZE] {
        let mut array = [0; SIZE];
        let front = self.take(SIZE);
        array[..front.len()].copy_from_slice(front);
        array
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.array::<1>()[0]
    }

    pub(crate) fn word(&mut self) -> u64 {
        u64::from_le_bytes(self.array())
    }

    pub(crate) fn frame(&mut self) -> Frame {
        Frame::from_bytes(&self.array::<FRAME_SIZE>())
    }
}
