//! Outbound: what is still to be written to one socket, in order, without copying it together.
//!
//! Hot path.
//!
//! Session messages have a short queue; definitions and reports are written from where they are
//! kept, and a session only remembers how far it has come.
//!
//! Invariants:
//! - A frame that was begun is finished before another one.

use crate::message::{FRAME_SIZE, Frame};
use crate::strategy::history::History;
use arrayvec::ArrayVec;
use std::io::IoSlice;

/// Where frames come from, in the order in which they are sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Source {
    Control,
    Accounts,
    Symbols,
    Notices,
    Reports,
}

const SOURCES: [Source; 5] = [
    Source::Control,
    Source::Accounts,
    Source::Symbols,
    Source::Notices,
    Source::Reports,
];

/// What a session's frames are kept in.
#[derive(Clone, Copy)]
pub(crate) struct Stores<'a> {
    /// The definitions of its accounts.
    pub(crate) accounts: &'a [Frame],
    /// The definitions of all symbols.
    pub(crate) symbols: &'a [Frame],
    /// Its reports; `None` before the logon.
    pub(crate) history: Option<&'a History>,
}

/// How far one session has come.
pub(crate) struct Outbound {
    control: ArrayVec<Frame, CONTROL_MAX>,
    accounts_sent: usize,
    symbols_sent: usize,
    notices: ArrayVec<Frame, NOTICES_MAX>,
    report_next: u64,
    /// Nothing but the control queue is sent any more.
    is_ending: bool,
    /// The source of the frame that was begun, and how much of it is written.
    current: Source,
    written: usize,
}

/// At most a frame that was begun, a welcome or a heartbeat, and a logout.
const CONTROL_MAX: usize = 4;
/// Reports that nobody counts, until they are written.
const NOTICES_MAX: usize = 32;
/// A frame that was begun, and of each source what is left; reports stand in two runs.
const PIECES_MAX: usize = 8;

type Pieces<'a> = ArrayVec<(Source, &'a [u8]), PIECES_MAX>;

impl Outbound {
    /// Nothing to send.
    pub(crate) fn new() -> Self {
        Self {
            control: ArrayVec::new(),
            accounts_sent: 0,
            symbols_sent: 0,
            notices: ArrayVec::new(),
            report_next: 0,
            is_ending: false,
            current: Source::Control,
            written: 0,
        }
    }

    /// Sends a message of the session layer before all else.
    ///
    /// # Panics
    /// When more are waiting than a session ever has reason to send.
    pub(crate) fn control(&mut self, frame: Frame) {
        self.control.push(frame);
    }

    /// Sends a report that is not counted, before those that are. False where too many wait.
    pub(crate) fn notice(&mut self, report: Frame) -> bool {
        self.notices.try_push(report).is_ok()
    }

    /// The session is live: after the control queue come definitions, then reports from `first`.
    pub(crate) fn start(&mut self, first: u64) {
        self.report_next = first;
    }

    /// The last message. What is not yet begun is not sent any more.
    pub(crate) fn end(&mut self, stores: Stores<'_>, logout: Frame) {
        let begun = match self.written {
            0 => None,
            _ => self
                .frames(stores, self.current)
                .iter()
                .find_map(|run| run.first().copied()),
        };
        self.control.clear();
        self.control.extend(begun);
        self.control.push(logout);
        self.current = Source::Control;
        self.is_ending = true;
    }

    /// The first report that is not written.
    #[inline]
    pub(crate) fn report_next(&self) -> u64 {
        self.report_next
    }

    /// True where nothing is left to write.
    #[inline]
    pub(crate) fn is_empty(&self, stores: Stores<'_>) -> bool {
        SOURCES.iter().all(|source| {
            self.frames(stores, *source)
                .iter()
                .all(|run| run.is_empty())
        })
    }

    /// Hands everything that is left to `write`, in one call, and notes how much it took. `None`:
    /// there was nothing.
    #[inline]
    pub(crate) fn write<E>(
        &mut self,
        stores: Stores<'_>,
        write: impl FnOnce(&[IoSlice<'_>]) -> Result<usize, E>,
    ) -> Option<Result<usize, E>> {
        let pieces = self.pieces(stores);
        if pieces.is_empty() {
            return None;
        }
        let slices: ArrayVec<IoSlice<'_>, PIECES_MAX> = pieces
            .iter()
            .map(|(_, bytes)| IoSlice::new(bytes))
            .collect();
        let sizes: ArrayVec<(Source, usize), PIECES_MAX> = pieces
            .iter()
            .map(|(source, bytes)| (*source, bytes.len()))
            .collect();
        let result = write(&slices);
        drop((slices, pieces));
        if let Ok(size) = result {
            self.advance(&sizes, size);
        }
        Some(result)
    }

    /// A source's frames that are not yet written in full.
    #[inline]
    fn frames<'a>(&'a self, stores: Stores<'a>, source: Source) -> [&'a [Frame]; 2] {
        match source {
            Source::Control => [&self.control, &[]],
            _ if self.is_ending => [&[], &[]],
            Source::Accounts => [
                stores.accounts.get(self.accounts_sent..).unwrap_or(&[]),
                &[],
            ],
            Source::Symbols => [stores.symbols.get(self.symbols_sent..).unwrap_or(&[]), &[]],
            Source::Notices => [&self.notices, &[]],
            Source::Reports => match stores.history {
                Some(history) => history.from(self.report_next),
                None => [&[], &[]],
            },
        }
    }

    #[inline]
    fn pieces<'a>(&'a self, stores: Stores<'a>) -> Pieces<'a> {
        let mut pieces = Pieces::new();
        if self.written != 0 {
            let runs = self.frames(stores, self.current);
            if let Some(frame) = runs[0].first() {
                pieces.push((self.current, &frame.bytes()[self.written..]));
            }
        }
        for source in SOURCES {
            let [mut first, second] = self.frames(stores, source);
            if self.written != 0 && source == self.current {
                first = first.get(1..).unwrap_or(&[]);
            }
            for run in [first, second] {
                if !run.is_empty() {
                    pieces.push((source, bytemuck::cast_slice(run)));
                }
            }
        }
        pieces
    }

    #[inline]
    fn advance(&mut self, sizes: &[(Source, usize)], mut size: usize) {
        for &(source, piece_size) in sizes {
            if size == 0 {
                break;
            }
            let taken = size.min(piece_size);
            size -= taken;
            let written = self.written + taken;
            self.sent(source, written / FRAME_SIZE);
            self.written = written % FRAME_SIZE;
            self.current = source;
        }
    }

    #[inline]
    fn sent(&mut self, source: Source, count: usize) {
        match source {
            Source::Control => drop(self.control.drain(..count)),
            Source::Accounts => self.accounts_sent += count,
            Source::Symbols => self.symbols_sent += count,
            Source::Notices => drop(self.notices.drain(..count)),
            Source::Reports => self.report_next += count as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Header, Kind};
    use bytemuck::Zeroable;

    fn frame(kind: Kind, sequence: u64) -> Frame {
        let mut frame = Frame::zeroed();
        frame.header = Header {
            sequence,
            kind: kind as u8,
            ..Header::default()
        };
        frame.bytes_mut()[32..].fill(sequence as u8);
        frame
    }

    /// Writes with every chunk size, a heartbeat coming in between: the stream is always whole.
    #[test]
    fn the_stream_is_the_same_however_little_a_write_takes() {
        let accounts = [frame(Kind::Definition, 1), frame(Kind::Definition, 2)];
        let symbols = [frame(Kind::Definition, 3)];
        for chunk in 1..=400 {
            let mut history = History::new(5, 1);
            (1..=7).for_each(|sequence| history.push(&frame(Kind::Execution, sequence)));
            let stores = Stores {
                accounts: &accounts,
                symbols: &symbols,
                history: Some(&history),
            };
            let mut outbound = Outbound::new();
            outbound.control(frame(Kind::Welcome, 0));
            outbound.start(4);
            let mut stream: Vec<u8> = Vec::new();
            let mut is_beaten = false;
            while let Some(result) = outbound.write(stores, |slices| {
                let bytes = slices.iter().flat_map(|slice| slice.iter().copied());
                let before = stream.len();
                stream.extend(bytes.take(chunk));
                Ok::<_, ()>(stream.len() - before)
            }) {
                result.unwrap();
                if !is_beaten && 300 < stream.len() {
                    is_beaten = true;
                    outbound.control(frame(Kind::Heartbeat, 0));
                    assert!(outbound.notice(frame(Kind::Refusal, 0)));
                }
            }
            assert!(outbound.is_empty(stores));
            let frames: Vec<Frame> = stream
                .chunks(FRAME_SIZE)
                .map(|bytes| Frame::from_bytes(bytes.try_into().unwrap()))
                .collect();
            let between = [Some(Kind::Heartbeat), Some(Kind::Refusal)];
            let (between, others): (Vec<_>, Vec<_>) = frames
                .into_iter()
                .partition(|frame| between.contains(&frame.kind()));
            let expected = [frame(Kind::Heartbeat, 0), frame(Kind::Refusal, 0)];
            assert_eq!(between, expected, "chunk of {chunk}");
            let mut expected = vec![frame(Kind::Welcome, 0)];
            expected.extend(accounts.iter().chain(&symbols));
            expected.extend((4..=7).map(|sequence| frame(Kind::Execution, sequence)));
            assert_eq!(others, expected, "chunk of {chunk}");
        }
    }

    /// Whatever was begun is finished, and then only the logout follows.
    #[test]
    fn the_end_finishes_the_frame_that_was_begun() {
        for begun in 0..5 * FRAME_SIZE {
            let mut history = History::new(5, 1);
            (1..=5).for_each(|sequence| history.push(&frame(Kind::Execution, sequence)));
            let stores = Stores {
                accounts: &[],
                symbols: &[],
                history: Some(&history),
            };
            let mut outbound = Outbound::new();
            outbound.start(1);
            let mut stream: Vec<u8> = Vec::new();
            let mut take = |outbound: &mut Outbound, stores: Stores<'_>, size: usize| {
                outbound.write(stores, |slices| {
                    let before = stream.len();
                    let bytes = slices.iter().flat_map(|slice| slice.iter().copied());
                    stream.extend(bytes.take(size));
                    Ok::<_, ()>(stream.len() - before)
                })
            };
            take(&mut outbound, stores, begun);
            outbound.end(stores, frame(Kind::Logout, 0));
            let nothing = Stores {
                accounts: &[],
                symbols: &[],
                history: None,
            };
            take(&mut outbound, nothing, usize::MAX);
            assert!(take(&mut outbound, nothing, 1).is_none());
            assert_eq!(
                stream.len(),
                begun.next_multiple_of(FRAME_SIZE) + FRAME_SIZE
            );
            for (at, bytes) in stream.chunks(FRAME_SIZE).enumerate() {
                let found = Frame::from_bytes(bytes.try_into().unwrap());
                let expected = match at < begun.div_ceil(FRAME_SIZE) {
                    true => frame(Kind::Execution, at as u64 + 1),
                    false => frame(Kind::Logout, 0),
                };
                assert_eq!(found, expected, "{begun} bytes begun");
            }
        }
    }
}
