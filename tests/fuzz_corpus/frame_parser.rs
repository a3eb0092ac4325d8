//! The parser gives the same messages however a stream is cut, and hands on only what it checked.

use crate::bytes::Bytes;
use portcullis::message::{BrokerRequest, FRAME_SIZE, Frame, Kind, NewOrder, Replace};
use portcullis::protocol::native::parser::{Decoded, Inbox, Path, decode, is_counted};

/// A message by its head and the frames behind it, or the number of what is wrong.
type Message = Result<(Frame, Vec<Frame>), u16>;

/// `data`: path, bound of continuations, where cuts are taken from, and the stream; by the highest
/// bit of the path, what to make the messages of the stream of.
pub(crate) fn check(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let choice = bytes.byte();
    let path = PATHS[usize::from(choice & 127) % PATHS.len()];
    let continuations_max = bytes.byte();
    let cuts = bytes.array::<6>();
    let stream = match choice & 128 {
        0 => bytes.rest().to_vec(),
        _ => make(&mut bytes, path),
    };
    let stream = stream.as_slice();

    let whole = read(stream, path, continuations_max, |_| usize::MAX);
    let cut = read(stream, path, continuations_max, |turn| {
        1 + usize::from(cuts[turn % cuts.len()])
    });
    assert!(whole == cut, "cut by {cuts:?}");
    if stream.len() <= 4 * FRAME_SIZE {
        let single = read(stream, path, continuations_max, |_| 1);
        assert!(whole == single, "cut everywhere");
    }
    check_messages(&whole, stream, path, continuations_max);
}

/// Messages that may come this way, whole and in order but for single bits, and the end that is cut.
fn make(bytes: &mut Bytes<'_>, path: Path) -> Vec<u8> {
    let kinds: Vec<Kind> = (0..=u8::MAX)
        .filter_map(Kind::from_byte)
        .filter(|kind| path.allows(*kind))
        .collect();
    let cut = usize::from(bytes.byte());
    let (mut stream, mut count, mut is_damaged) = (Vec::new(), 0, false);
    while !bytes.is_empty() && stream.len() < STREAM_MAX {
        let [kind, size, filler, damage, place] = bytes.array();
        let kind = kinds[usize::from(kind) % kinds.len()];
        let mut head = Frame::from_bytes(&[0; FRAME_SIZE]);
        head.header.kind = kind as u8;
        head.header.sequence = u64::from(is_counted(kind)) * (count as u64 + 1);
        let size = match size {
            0..250 => u16::from(size) * 5,
            _ => 32_640 - u16::from(255 - size),
        };
        let is_sized = match kind {
            Kind::NewOrder => Some(&mut head.body_mut::<NewOrder>().passthrough_size),
            Kind::Replace => Some(&mut head.body_mut::<Replace>().passthrough_size),
            Kind::BrokerNew | Kind::BrokerReplace => {
                Some(&mut head.body_mut::<BrokerRequest>().passthrough_size)
            }
            _ => None,
        };
        let mut behind = 0;
        if let Some(field) = is_sized {
            *field = size;
            behind = usize::from(size).div_ceil(FRAME_SIZE);
            head.header.continuation_count = behind as u8;
        }
        if 192 <= damage {
            head.bytes_mut()[usize::from(place) % FRAME_SIZE] ^= 1 << (damage & 7);
            is_damaged = true;
        }
        stream.extend_from_slice(head.bytes());
        stream.resize(stream.len() + behind * FRAME_SIZE, filler);
        count += 1;
    }
    if !is_damaged {
        let whole = read(&stream, path, 255, |_| usize::MAX);
        assert!(whole.len() == count && whole.iter().all(Result::is_ok));
    }
    stream.truncate(stream.len().saturating_sub(cut));
    stream
}

fn read(
    stream: &[u8],
    path: Path,
    continuations_max: u8,
    segment: impl Fn(usize) -> usize,
) -> Vec<Message> {
    let mut inbox = Inbox::new(0);
    let mut messages = Vec::new();
    let (mut rest, mut turn) = (stream, 0);
    loop {
        match decode(inbox.frames(), path, continuations_max) {
            Decoded::Incomplete if rest.is_empty() => {
                assert_eq!(inbox.is_cut(), !stream.len().is_multiple_of(FRAME_SIZE));
                return messages;
            }
            Decoded::Incomplete => {
                let space = inbox.space();
                let size = segment(turn).min(space.len()).min(rest.len());
                assert!(0 < size, "no space for the rest of a unit");
                space[..size].copy_from_slice(&rest[..size]);
                inbox.filled(size);
                rest = &rest[size..];
                turn += 1;
            }
            Decoded::Message {
                head,
                continuations,
                consumed,
            } => {
                assert_eq!(consumed, 1 + usize::from(head.header.continuation_count));
                messages.push(Ok((*head, continuations.to_vec())));
                inbox.consume(consumed);
            }
            Decoded::Malformed(error) => {
                messages.push(Err(error as u16));
                return messages;
            }
        }
    }
}

/// Every message is the bytes that stand where it stood, and was allowed to.
fn check_messages(messages: &[Message], stream: &[u8], path: Path, continuations_max: u8) {
    let mut place = 0;
    for message in messages {
        let Ok((head, continuations)) = message else {
            continue;
        };
        assert_eq!(head.bytes()[..], stream[place..place + FRAME_SIZE]);
        let kind = head.kind().expect("the kind is one");
        assert!(path.allows(kind));
        assert_eq!(head.header.flags, 0);
        assert!(is_counted(kind) || head.header.sequence == 0);
        assert!(!path.is_to_gate() || head.header.strategy.0 == 0);
        let count = head.header.continuation_count;
        let is_bounded = count <= continuations_max;
        let expected = if is_bounded { usize::from(count) } else { 0 };
        assert_eq!(continuations.len(), expected);
        for (index, frame) in continuations.iter().enumerate() {
            let start = place + (1 + index) * FRAME_SIZE;
            assert_eq!(frame.bytes()[..], stream[start..start + FRAME_SIZE]);
        }
        place += (1 + usize::from(count)) * FRAME_SIZE;
    }
    assert!(place <= stream.len());
}

/// A stream is made no longer than this and one unit.
const STREAM_MAX: usize = 64 << 10;

const PATHS: [Path; 6] = [
    Path::StrategyToGate,
    Path::GateToStrategy,
    Path::GateToBroker,
    Path::BrokerToGate,
    Path::FeedToGate,
    Path::GateToFeed,
];
