//! Format: what stands in a segment file, byte for byte.
//!
//! A segment is an [`Identity`], written and synced before the file gets its name; a [`Start`],
//! written by the risk thread when it enters the segment; and records. A record is a [`Line`] and
//! the event's frames, one to 256. All is little-endian and begins at a multiple of 64 bytes. A record
//! never begins in the last [`RECORD_SIZE_MAX`] bytes: what is unused there belongs to no record.
//!
//! Every check value starts from a seed made of the journal's id and the segment's number, and every
//! line carries its sequence. So nothing that was written elsewhere, or earlier, is ever taken for
//! what belongs here: not a segment's former life, not a block of another file, not a record twice.

use crate::message::{FRAME_SIZE, Frame};
use crate::reject::{Failed, RejectReason};
use crate::risk::decision::{Decision, Outcome};
use crate::units::OrderId;
use bytemuck::{Pod, Zeroable};

/// The version of this format.
pub const FORMAT_VERSION: u32 = 1;
/// The first eight bytes of every segment: `PCULJRNL`.
pub const MAGIC: u64 = u64::from_le_bytes(*b"PCULJRNL");
/// The size of a line, and what every structure is aligned to, in bytes.
pub const LINE_SIZE: usize = 64;
/// Where the [`Start`] stands.
pub const START_OFFSET: usize = LINE_SIZE;
/// Where the first record stands.
pub const RECORDS_OFFSET: usize = 2 * LINE_SIZE;
/// The most frames that one event has: a head and 255 continuations.
pub const FRAMES_MAX: usize = 256;
/// The size of the largest record in bytes.
pub const RECORD_SIZE_MAX: usize = LINE_SIZE + FRAMES_MAX * FRAME_SIZE;

/// Which file this is. Never changes.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Pod, Zeroable)]
#[repr(C, align(64))]
pub struct Identity {
    /// [`MAGIC`].
    pub magic: u64,
    /// Of this journal and no other: random, low half first.
    pub journal_id: [u64; 2],
    /// How many bytes the file has when it is whole.
    pub segment_size: u64,
    /// Counts a journal's segments from 1; the file's name says the same.
    pub number: u32,
    /// [`FORMAT_VERSION`].
    pub format_version: u32,
    /// Of the risk core that made the file.
    pub core_version: u32,
    /// Of all but itself.
    pub crc: u32,
    /// Zero.
    pub reserved: [u64; 2],
}

/// Where in the sequence the segment begins. All zero until the writer enters.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Pod, Zeroable)]
#[repr(C, align(64))]
pub struct Start {
    /// The sequence of the first record. Stored last: zero is a segment that was not entered.
    pub first_sequence: u64,
    /// Of all but itself.
    pub crc: u32,
    /// Zero.
    pub reserved: [u32; 13],
}

/// What stands in front of a record's frames: the decision.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Pod, Zeroable)]
#[repr(C, align(64))]
pub struct Line {
    /// Counts a journal's records from 1, over all segments and runs. Stored last: zero is a record
    /// that is not there, whatever else is.
    pub sequence: u64,
    /// Of the head, the line without this, and the continuations, in this order.
    pub crc: u32,
    /// How many frames follow the head.
    pub continuation_count: u8,
    /// An [`Outcome`].
    pub outcome: u8,
    /// A [`RejectReason`], or zero.
    pub reason: u16,
    /// A [`Failed`].
    pub failed: [u64; 2],
    /// Of a refusal: limit and value, low halves first. Of all else: the order's id, the digest of
    /// the state after it, and two zeros.
    pub payload: [u64; 4],
}

const _: () = assert!(size_of::<Identity>() == LINE_SIZE && size_of::<Start>() == LINE_SIZE);
const _: () = assert!(size_of::<Line>() == LINE_SIZE && FRAME_SIZE.is_multiple_of(LINE_SIZE));
const _: () = assert!(cfg!(target_endian = "little"));

impl Identity {
    /// Of a new segment.
    pub fn new(journal_id: u128, number: u32, segment_size: u64, core_version: u32) -> Self {
        let mut identity = Self {
            magic: MAGIC,
            journal_id: halves(journal_id),
            segment_size,
            number,
            format_version: FORMAT_VERSION,
            core_version,
            crc: 0,
            reserved: [0; 2],
        };
        identity.crc = identity.checksum();
        identity
    }

    /// The journal's id.
    pub const fn journal_id(&self) -> u128 {
        whole(self.journal_id)
    }

    /// True where no byte has changed since it was written.
    pub fn is_intact(&self) -> bool {
        self.crc == self.checksum()
    }

    /// What all check values of the segment start from.
    pub fn seed(&self) -> u32 {
        let id = checksum(0, bytemuck::bytes_of(&self.journal_id));
        checksum(id, &self.number.to_le_bytes())
    }

    /// A record may begin at this offset, not behind it.
    pub const fn record_offset_max(&self) -> u64 {
        self.segment_size.saturating_sub(RECORD_SIZE_MAX as u64)
    }

    fn checksum(&self) -> u32 {
        checksum(0, bytemuck::bytes_of(&Self { crc: 0, ..*self }))
    }
}

impl Start {
    /// Of a segment that is entered.
    pub fn new(seed: u32, first_sequence: u64) -> Self {
        let mut start = Self {
            first_sequence,
            crc: 0,
            reserved: [0; 13],
        };
        start.crc = checksum(seed, bytemuck::bytes_of(&start));
        start
    }

    /// True where the segment was entered at this sequence.
    pub fn is(&self, seed: u32, first_sequence: u64) -> bool {
        *self == Self::new(seed, first_sequence)
    }
}

impl Line {
    /// Without its check value.
    #[inline(always)]
    pub fn new(sequence: u64, frame_count: usize, decision: &Decision, digest: u64) -> Self {
        let is_refused = decision.outcome as u8 == Outcome::Refused as u8;
        let payload = if is_refused {
            let (limit, value) = (
                halves(decision.limit as u128),
                halves(decision.value as u128),
            );
            [limit[0], limit[1], value[0], value[1]]
        } else {
            [decision.order_id.0, digest, 0, 0]
        };
        Self {
            sequence,
            crc: 0,
            continuation_count: (frame_count - 1) as u8,
            outcome: decision.outcome as u8,
            reason: decision.reason.map_or(0, |reason| reason as u16),
            failed: decision.failed.bits(),
            payload,
        }
    }

    /// How many frames follow.
    #[inline]
    pub const fn frame_count(&self) -> usize {
        self.continuation_count as usize + 1
    }

    /// The size of the record in bytes.
    #[inline]
    pub const fn record_size(&self) -> usize {
        LINE_SIZE + self.frame_count() * FRAME_SIZE
    }

    /// The decision; `None` where a newer core wrote an outcome or a reason that this one has not.
    pub fn decision(&self) -> Option<Decision> {
        let outcome = Outcome::from_byte(self.outcome)?;
        let reason = match self.reason {
            0 => None,
            number => Some(RejectReason::from_number(number)?),
        };
        let [a, b, c, d] = self.payload;
        let (limit, value, order_id) = match outcome {
            Outcome::Refused => (whole([a, b]) as i128, whole([c, d]) as i128, OrderId::NONE),
            _ => (0, 0, OrderId(a)),
        };
        let failed = Failed::from_bits(self.failed);
        Some(Decision {
            outcome,
            reason,
            failed,
            limit,
            value,
            order_id,
        })
    }

    /// The digest of the state after the event; a refusal carries none.
    pub fn digest(&self) -> Option<u64> {
        (self.outcome != Outcome::Refused as u8).then_some(self.payload[1])
    }
}

/// The whole of a common record, so that its check value is one pass. The line stands last because
/// its words have just been stored one by one: wide loads of them wait until they have drained,
/// which costs 5 of 37 ns where the line comes first.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(64))]
pub(crate) struct ShortRecord {
    pub(crate) head: Frame,
    pub(crate) line: Line,
}

/// The size of a [`ShortRecord`] in bytes.
pub(crate) const SHORT_RECORD_SIZE: usize = size_of::<ShortRecord>();

/// Goes on from `state`, which is a seed or the value of what came before.
#[inline(always)]
pub(crate) fn checksum(state: u32, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(state);
    hasher.update(bytes);
    hasher.finalize()
}

/// Of a record as it stands in a file.
pub(crate) fn record_checksum(seed: u32, line: &Line, frames: &[u8]) -> u32 {
    let (head, continuations) = frames.split_at(FRAME_SIZE);
    let state = checksum(seed, head);
    let state = checksum(state, bytemuck::bytes_of(&Line { crc: 0, ..*line }));
    checksum(state, continuations)
}

/// Low half first.
#[inline(always)]
pub(crate) const fn halves(whole: u128) -> [u64; 2] {
    [whole as u64, (whole >> 64) as u64]
}

/// Of halves, low first.
#[inline(always)]
pub(crate) const fn whole(halves: [u64; 2]) -> u128 {
    halves[0] as u128 | (halves[1] as u128) << 64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_reads_as_it_was_written() {
        let mut failed = Failed::NONE;
        failed.note(RejectReason::QtyAboveMax, true);
        let refused = Decision {
            outcome: Outcome::Refused,
            reason: Some(RejectReason::QtyAboveMax),
            failed,
            limit: i128::MIN,
            value: -1,
            order_id: OrderId::NONE,
        };
        let line = Line::new(7, 1, &refused, 99);
        assert_eq!(line.decision(), Some(refused));
        assert_eq!(line.digest(), None);
        for outcome in Outcome::ALL
            .into_iter()
            .filter(|&outcome| outcome != Outcome::Refused)
        {
            let decision = Decision {
                outcome,
                reason: None,
                failed: Failed::NONE,
                limit: 0,
                value: 0,
                order_id: OrderId::new(3, 4),
            };
            let line = Line::new(8, FRAMES_MAX, &decision, 99);
            assert_eq!(line.decision(), Some(decision));
            assert_eq!(
                (line.digest(), line.record_size()),
                (Some(99), RECORD_SIZE_MAX)
            );
        }
    }

    #[test]
    fn what_a_newer_core_wrote_is_not_guessed() {
        let mut line = Line::zeroed();
        line.outcome = 200;
        assert_eq!(line.decision(), None);
        line.outcome = Outcome::Refused as u8;
        line.reason = 127;
        assert_eq!(line.decision(), None);
    }

    #[test]
    fn seeds_of_neighbouring_segments_and_journals_differ() {
        let mut seeds = Vec::new();
        for journal_id in [0, 1, u128::MAX, 1 << 64] {
            seeds.extend((1..200).map(|number| Identity::new(journal_id, number, 0, 0).seed()));
        }
        let count = seeds.len();
        seeds.sort_unstable();
        seeds.dedup();
        assert_eq!(seeds.len(), count);
    }
}
