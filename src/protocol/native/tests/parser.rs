//! The parser gives the same messages however the bytes were cut, and nothing else.

use super::{KINDS, PATHS, bytes, empty, unit};
use crate::message::{Frame, Header, Kind, NewOrder};
use crate::protocol::native::parser::{DecodeError, Decoded, Inbox, Path, decode};

/// A head and the frames behind it, or how the stream broke.
type Message = Result<(Frame, Vec<Frame>), DecodeError>;

/// Reads `stream` in segments of the sizes that `segment` gives.
fn read(stream: &[u8], path: Path, max: u8, mut segment: impl FnMut() -> usize) -> Vec<Message> {
    let mut inbox = Inbox::new(0);
    let mut messages = Vec::new();
    let mut rest = stream;
    loop {
        match decode(inbox.frames(), path, max) {
            Decoded::Incomplete if rest.is_empty() => return messages,
            Decoded::Incomplete => {
                let space = inbox.space();
                let size = segment().min(space.len()).min(rest.len());
                assert!(0 < size, "no space for the rest of a unit");
                space[..size].copy_from_slice(&rest[..size]);
                inbox.filled(size);
                rest = &rest[size..];
            }
            Decoded::Message {
                head,
                continuations,
                consumed,
            } => {
                messages.push(Ok((*head, continuations.to_vec())));
                inbox.consume(consumed);
            }
            Decoded::Malformed(error) => {
                messages.push(Err(error));
                return messages;
            }
        }
    }
}

fn all_of(path: Path) -> Vec<Vec<Frame>> {
    let kinds = KINDS.iter().filter(|kind| path.allows(**kind));
    kinds
        .enumerate()
        .flat_map(|(at, kind)| [0, 1, 128, 129, 500].map(|size| unit(*kind, at as u64 + 1, size)))
        .map(|mut unit| {
            if unit[0].header.kind >= 128 {
                unit[0].header.sequence = 0;
            }
            unit
        })
        .collect()
}

fn expected(units: &[Vec<Frame>]) -> Vec<Message> {
    units
        .iter()
        .map(|unit| Ok((unit[0], unit[1..].to_vec())))
        .collect()
}

#[test]
fn a_message_cut_at_any_offset_is_the_same_message() {
    for path in PATHS {
        for unit in all_of(path) {
            let stream = bytes(&unit);
            let whole = expected(std::slice::from_ref(&unit));
            for cut in 1..stream.len() {
                let mut sizes = [cut, usize::MAX].into_iter();
                let found = read(&stream, path, 255, || sizes.next().unwrap());
                assert_eq!(found, whole, "{:?} cut at {cut}", unit[0].kind());
            }
        }
    }
}

#[test]
fn single_bytes_and_one_segment_give_the_same_thousand_messages() {
    for path in PATHS {
        let all = all_of(path);
        let units: Vec<_> = all.iter().cycle().take(1000).cloned().collect();
        let stream = bytes(&units.concat());
        let whole = expected(&units);
        assert_eq!(read(&stream, path, 255, || usize::MAX), whole);
        assert_eq!(read(&stream, path, 255, || 1), whole);
        let mut state = 1u64;
        let random = || {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            1 + (state >> 33) as usize % 700
        };
        assert_eq!(read(&stream, path, 255, random), whole);
    }
}

#[test]
fn the_largest_unit_fits_and_one_above_the_bound_is_passed_over() {
    let large = unit(Kind::NewOrder, 1, 255 * 128);
    let next = unit(Kind::Cancel, 2, 0);
    let stream = bytes(&[large.clone(), next.clone()].concat());
    for size in [1, 127, 129, usize::MAX] {
        let found = read(&stream, Path::StrategyToGate, 255, || size);
        assert_eq!(found, expected(&[large.clone(), next.clone()]));
        let found = read(&stream, Path::StrategyToGate, 254, || size);
        assert_eq!(found, expected(&[vec![large[0]], next.clone()]));
    }
    assert_eq!(large[0].body::<NewOrder>().passthrough_size, 255 * 128);
}

#[test]
fn kinds_pass_only_where_they_belong() {
    for path in PATHS {
        for byte in 0..=255 {
            let mut frame = empty(Kind::Heartbeat, 0);
            frame.header.kind = byte;
            let found = read(frame.bytes(), path, 4, || 128).remove(0);
            match Kind::from_byte(byte) {
                None => assert_eq!(found, Err(DecodeError::KindUnknown)),
                Some(kind) if path.allows(kind) => assert!(found.is_ok(), "{kind:?}"),
                Some(_) => assert_eq!(found, Err(DecodeError::KindNotAllowed)),
            }
        }
    }
    let allowed = |kind: Kind| PATHS.iter().filter(|path| path.allows(kind)).count();
    assert!(
        (0..=255)
            .filter_map(Kind::from_byte)
            .all(|kind| { allowed(kind) == 0 || KINDS.contains(&kind) })
    );
    assert_eq!(
        allowed(Kind::Kill) + allowed(Kind::SessionChange) + allowed(Kind::Opening),
        0
    );
}

/// The bytes of each body that must be zero, counted from the body's start.
fn reserved(kind: Kind) -> [std::ops::Range<usize>; 2] {
    match kind {
        Kind::NewOrder => [0..0, 0..0],
        Kind::Basket => [36..96, 0..0],
        Kind::Cancel => [76..96, 0..0],
        Kind::Replace => [94..96, 0..0],
        Kind::Execution => [92..96, 0..0],
        Kind::Refusal => [0..0, 0..0],
        Kind::BrokerNew | Kind::BrokerCancel | Kind::BrokerReplace | Kind::BrokerStatus => {
            [82..96, 0..0]
        }
        Kind::Report => [0..0, 0..0],
        Kind::Quote => [44..48, 64..96],
        Kind::Challenge => [81..96, 0..0],
        Kind::Logon => [93..96, 0..0],
        Kind::Welcome => [72..96, 0..0],
        Kind::Definition => [57..96, 0..0],
        Kind::Heartbeat => [0..96, 0..0],
        Kind::Logout => [92..96, 0..0],
        _ => unreachable!(),
    }
}

#[test]
fn every_reserved_bit_breaks_the_format_and_no_other_does() {
    for path in PATHS {
        for kind in KINDS.into_iter().filter(|kind| path.allows(*kind)) {
            let reserved = reserved(kind);
            for bit in 0..96 * 8 {
                let mut frame = empty(kind, u64::from((kind as u8) < 128));
                frame.bytes_mut()[32 + bit / 8] ^= 1 << (bit % 8);
                let found = read(frame.bytes(), path, 4, || 128).remove(0);
                let is_reserved = reserved.iter().any(|range| range.contains(&(bit / 8)));
                assert_eq!(
                    found == Err(DecodeError::ReservedNotZero),
                    is_reserved,
                    "{kind:?} bit {bit}: {found:?}"
                );
            }
        }
    }
}

#[test]
fn the_header_is_checked() {
    let check = |kind: Kind, path: Path, change: fn(&mut Header)| {
        let mut frame = empty(kind, u64::from((kind as u8) < 128));
        change(&mut frame.header);
        read(frame.bytes(), path, 4, || 128)
            .pop()
            .map(|found| found.map(|_| ()))
    };
    for path in PATHS {
        for kind in KINDS.into_iter().filter(|kind| path.allows(*kind)) {
            for bit in 0..16 {
                let mut frame = empty(kind, u64::from((kind as u8) < 128));
                frame.header.flags = 1 << bit;
                let found = read(frame.bytes(), path, 4, || 128).remove(0);
                assert_eq!(found, Err(DecodeError::FlagsNotZero));
            }
            let found = check(kind, path, |header| header.strategy.0 = 1 << 31);
            let expected = match path.is_to_gate() {
                true => Err(DecodeError::StrategyNotZero),
                false => Ok(()),
            };
            assert_eq!(found, Some(expected));
            let found = check(kind, path, |header| header.sequence = 1 << 63);
            let expected = match (kind as u8) < 128 {
                true => Ok(()),
                false => Err(DecodeError::SequenceNotZero),
            };
            assert_eq!(found, Some(expected), "{kind:?}");
            let found = check(kind, path, |header| header.continuation_count = 1);
            // What stands behind a basket are its orders, however many: the frame is waited for.
            let expected = match kind {
                Kind::Basket => None,
                _ => Some(Err(DecodeError::ContinuationCountWrong)),
            };
            assert_eq!(found, expected, "{kind:?}");
        }
    }
}

#[test]
fn continuations_are_as_many_as_the_size_needs() {
    for (size, count, is_right) in [
        (0, 0, true),
        (0, 1, false),
        (1, 0, false),
        (1, 1, true),
        (128, 1, true),
        (128, 2, false),
        (129, 1, false),
        (129, 2, true),
        (255 * 128, 255, true),
        (255 * 128 + 1, 255, false),
        (u16::MAX, 0, false),
        (u16::MAX, 255, false),
    ] {
        let mut frame = empty(Kind::NewOrder, 1);
        frame.body_mut::<NewOrder>().passthrough_size = size;
        frame.header.continuation_count = count;
        let frames = vec![frame; 256];
        let is_malformed = matches!(
            decode(&frames, Path::StrategyToGate, 255),
            Decoded::Malformed(DecodeError::ContinuationCountWrong)
        );
        assert_eq!(is_malformed, !is_right, "{size} bytes in {count} frames");
    }
}

/// Damage anywhere never panics, and what comes out does not depend on how the bytes were cut.
#[test]
fn damaged_streams_are_judged_alike_however_they_are_cut() {
    let seed = 0x9e37_79b9_7f4a_7c15u64;
    println!("seed {seed:#x}");
    let mut state = seed;
    let mut random = move |bound: usize| {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (state >> 33) as usize % bound
    };
    for path in PATHS {
        let stream = bytes(&all_of(path).concat());
        for _ in 0..300 {
            let mut damaged = stream.clone();
            for _ in 0..1 + random(3) {
                let at = random(damaged.len());
                damaged[at] ^= 1 << random(8);
            }
            damaged.truncate(1 + random(damaged.len()));
            let whole = read(&damaged, path, 4, || usize::MAX);
            assert_eq!(read(&damaged, path, 4, || 1 + random(300)), whole);
        }
    }
}
