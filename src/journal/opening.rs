//! Opening: what each run writes first, so that a journal needs nothing beside it to be replayed.
//!
//! A text of any length (the effective configuration, the interned ids) is cut into parts; each is
//! a record of [`Kind::Opening`] whose continuation frames carry the text.

use crate::journal::Room;
use crate::journal::error::{JournalError, Problem};
use crate::journal::format::FRAMES_MAX;
use crate::journal::reader::Record;
use crate::journal::writer::Writer;
use crate::message::{Body, FRAME_SIZE, Frame, Header, Kind};
use crate::reject::Failed;
use crate::risk::decision::{Decision, Outcome};
use crate::units::{Nanos, OrderId};
use bytemuck::{Pod, Zeroable};
use std::path::Path;

/// One part of the text.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Pod, Zeroable)]
#[repr(C)]
pub struct Opening {
    /// Where in the text it belongs, in bytes.
    pub offset: u64,
    /// The size of the whole text in bytes.
    pub total_size: u64,
    /// The size of this part in bytes.
    pub size: u32,
    /// The version of the risk core of this run.
    pub core_version: u32,
    /// Zero.
    pub reserved: [u64; 9],
}

const _: () = assert!(size_of::<Opening>() == crate::message::BODY_SIZE);

impl Body for Opening {
    fn reserved_is_zero(&self) -> bool {
        self.reserved == [0; 9]
    }
}

/// Writes a text as a run of records and returns the sequence of the last; `None` where the journal
/// has no room for it, so that the run cannot begin. Waits for the keeper where `wait` does.
pub fn append(
    writer: &mut Writer,
    now: Nanos,
    core_version: u32,
    text: &[u8],
    mut wait: impl FnMut(),
) -> Option<u64> {
    let mut frames = Vec::with_capacity(FRAMES_MAX);
    let mut sequence = None;
    let part_count = text.len().div_ceil(PART_SIZE_MAX).max(1);
    for part in 0..part_count {
        let offset = part * PART_SIZE_MAX;
        let bytes = &text[offset..text.len().min(offset + PART_SIZE_MAX)];
        let continuation_count = bytes.len().div_ceil(FRAME_SIZE) as u8;
        let header = Header {
            time: now,
            continuation_count,
            ..Header::default()
        };
        let body = Opening {
            offset: offset as u64,
            total_size: text.len() as u64,
            size: bytes.len() as u32,
            core_version,
            reserved: [0; 9],
        };
        frames.clear();
        frames.push(Frame::new(Kind::Opening, header, body));
        for chunk in bytes.chunks(FRAME_SIZE) {
            let mut frame = Frame::zeroed();
            frame.bytes_mut()[..chunk.len()].copy_from_slice(chunk);
            frames.push(frame);
        }
        if writer.room() != Room::Open {
            wait();
        }
        if writer.room() != Room::Open {
            return None;
        }
        sequence = Some(writer.append(&frames, &APPLIED, 0));
    }
    sequence
}

/// Puts a text together again. Takes no more memory than the records that were read.
#[derive(Debug, Default)]
pub struct Assembler {
    text: Vec<u8>,
    total_size: u64,
}

impl Assembler {
    /// Takes a record of [`Kind::Opening`]; the text, once it is whole. `path`: the journal, for the
    /// error.
    pub fn push(
        &mut self,
        record: &Record<'_>,
        path: &Path,
    ) -> Result<Option<Vec<u8>>, JournalError> {
        let broken = || {
            Err(JournalError::new(
                path,
                Problem::OpeningBroken {
                    sequence: record.sequence,
                },
            ))
        };
        let [head, continuations @ ..] = record.frames else {
            return broken();
        };
        let opening = head.body::<Opening>();
        if opening.offset == 0 {
            // A run that was killed while it started has left half a text: this is the next run.
            self.text.clear();
            self.total_size = opening.total_size;
        }
        let bytes = bytemuck::cast_slice::<Frame, u8>(continuations);
        let Some(bytes) = bytes.get(..opening.size as usize) else {
            return broken();
        };
        let is_next =
            opening.offset == self.text.len() as u64 && opening.total_size == self.total_size;
        if head.kind() != Some(Kind::Opening) || !is_next {
            return broken();
        }
        self.text.extend_from_slice(bytes);
        let size = self.text.len() as u64;
        if self.total_size < size || (bytes.is_empty() && size != self.total_size) {
            return broken();
        }
        Ok((size == self.total_size).then(|| std::mem::take(&mut self.text)))
    }
}

const PART_SIZE_MAX: usize = (FRAMES_MAX - 1) * FRAME_SIZE;

const APPLIED: Decision = Decision {
    outcome: Outcome::Applied,
    reason: None,
    failed: Failed::NONE,
    limit: 0,
    value: 0,
    order_id: OrderId::NONE,
};
