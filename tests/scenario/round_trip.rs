//! An event, written as a line, reads the same: in words where words can say it, in bytes otherwise.

use super::names;
use portcullis::message::{
    Adjust, AdjustKind, Basket, Cancel, Control, ExitChange, FRAME_SIZE, Frame, HEADER_SIZE,
    Header, Kind, LimitChange, LimitKey, Link, Locate, NewOrder, Override, Quote, Replace, Report,
    Scope, SessionChange, Settle, TEXT_SIZE, Text, Tick, flags,
};
use portcullis::protocol::scenario::OPERATOR_UNKNOWN;
use portcullis::protocol::scenario::read::read_line;
use portcullis::protocol::scenario::write::{NotAnEvent, write_event};
use portcullis::units::{
    AccountId, BrokerId, Money, Nanos, OrderId, Position, Price, Qty, StrategyId, SymbolId,
};
use proptest::prelude::*;
use std::fmt::Write;

const CLIENT_ID_PREFIX: &str = "c \"\\";

/// Even orders have an id of their strategy.
fn client_id_of(order: OrderId) -> Option<(AccountId, Text)> {
    let mut id = String::new();
    write!(id, "{CLIENT_ID_PREFIX}{}", order.0).unwrap();
    (order.0.is_multiple_of(2) && order != OrderId::NONE)
        .then(|| (AccountId(1), Text::new(&id).unwrap()))
}

fn order_of(account: AccountId, id: &Text) -> Option<OrderId> {
    let number = id.as_str().strip_prefix(CLIENT_ID_PREFIX)?.parse().ok()?;
    (account == AccountId(1)).then_some(OrderId(number))
}

/// Writes the event, reads it again, and returns the line.
fn write_and_read(head: &Frame, continuations: &[Frame]) -> String {
    let names = names();
    let mut out = String::from("before\n");
    write_event(&mut out, head, continuations, &names, client_id_of).unwrap();
    let line = out.strip_prefix("before\n").unwrap();
    assert_eq!(line.find('\n'), Some(line.len() - 1), "{line}");
    let read = read_line(1, line.as_bytes(), &names)
        .unwrap_or_else(|error| panic!("{line}{error}"))
        .unwrap();
    assert_eq!(read.time, head.header.time);
    let (frame, rest) = read.command.resolve(order_of, |_, _| false);
    assert_eq!(frame, *head, "{line}");
    assert_eq!(rest, continuations, "{line}");
    line.to_owned()
}

const EVENTS: [Kind; 17] = [
    Kind::NewOrder,
    Kind::Cancel,
    Kind::Replace,
    Kind::Report,
    Kind::Link,
    Kind::Quote,
    Kind::Kill,
    Kind::Raise,
    Kind::Settle,
    Kind::Tick,
    Kind::SessionChange,
    Kind::Locate,
    Kind::Override,
    Kind::Limit,
    Kind::Basket,
    Kind::Adjust,
    Kind::Exit,
];

/// Continuation frames of `bytes`, zeros behind.
fn frames_of(bytes: &[u8]) -> Vec<Frame> {
    let chunks = bytes.chunks(FRAME_SIZE);
    chunks
        .map(|chunk| {
            let mut padded = [0; FRAME_SIZE];
            padded[..chunk.len()].copy_from_slice(chunk);
            Frame::from_bytes(&padded)
        })
        .collect()
}

/// An event that words can say, from arbitrary numbers.
fn worded(
    kind: Kind,
    numbers: &[u64; 16],
    texts: &[Text; 2],
    passthrough: &str,
) -> (Frame, Vec<Frame>) {
    let [a, b, c, d, e, f, g, h, ..] = *numbers;
    let id = |number: u64| [0, 1, 2, u32::MAX, number as u32][number as usize % 5];
    let of = |number: u64, count: u64| (number % count) as u8 + 1;
    let qty = |number: u64| Qty::from_raw(number % (Qty::MAX.raw() + 1) * (number & 1));
    let price = |number: u64| Price::from_raw(number as i64 * (number as i64 & 1));
    let carries = matches!(kind, Kind::NewOrder | Kind::Replace);
    let continuations = frames_of(if carries { passthrough.as_bytes() } else { b"" });
    let is_sent = carries || matches!(kind, Kind::Cancel | Kind::Basket | Kind::SessionChange);
    // An event that is nobody's may name a strategy in its header all the same.
    let is_named = is_sent || numbers[13] & 1 == 0;
    let strategy = if is_named { id(numbers[8]) } else { u32::MAX };
    let header = Header {
        sequence: numbers[9] * (numbers[9] & 1),
        time: Nanos::from_raw(numbers[10]),
        correlation: numbers[11] * (numbers[11] & 1),
        strategy: StrategyId(strategy),
        flags: numbers[12] as u16 & flags::ALL,
        kind: kind as u8,
        continuation_count: continuations.len() as u8,
    };
    let size = passthrough.len() as u16;
    let [text, other] = *texts;
    let frame = match kind {
        Kind::NewOrder => {
            let order = NewOrder {
                price: price(a),
                qty: qty(b),
                account: AccountId(id(c)),
                symbol: SymbolId(id(d)),
                client_order_id: text,
                side: e as u8,
                order_type: f as u8 % 4,
                time_in_force: g as u8 % 6,
                mark: h as u8 % 5,
                passthrough_size: size,
                ..NewOrder::default()
            };
            Frame::new(kind, header, order)
        }
        Kind::Cancel => {
            let cancel = Cancel {
                client_order_id: text,
                original_id: other,
                account: AccountId(id(a)),
                ..Cancel::default()
            };
            Frame::new(kind, header, cancel)
        }
        Kind::Replace => {
            let replace = Replace {
                price: price(a),
                qty: qty(b),
                account: AccountId(id(c)),
                client_order_id: text,
                original_id: other,
                passthrough_size: size,
                ..Replace::default()
            };
            Frame::new(kind, header, replace)
        }
        Kind::Report => {
            let report = Report {
                order_id: OrderId(a * (b & 1)),
                qty: qty(b),
                price: price(c),
                leaves: qty(d),
                fee: Money::from_raw(e as i64 * (e as i64 & 1)),
                broker_time: Nanos::from_raw(f * (f & 1)),
                broker: BrokerId(id(g)),
                exec_id: text,
                exec: of(h, 13),
                state: match of(h, 13) {
                    2 => of(numbers[13], 3) - 1,
                    _ => of(numbers[13], 11) - 1,
                },
                broker_reason: numbers[14] as u16,
                request: numbers[15] as u32,
            };
            Frame::new(kind, header, report)
        }
        Kind::Link => {
            let link = Link {
                broker: BrokerId(id(a)),
                state: of(b, 4),
                ..Link::default()
            };
            Frame::new(kind, header, link)
        }
        Kind::Quote => {
            let quote = Quote {
                bid: price(a),
                ask: price(b),
                bid_qty: qty(c),
                ask_qty: qty(d),
                source_time: Nanos::from_raw(e * (e & 1)),
                symbol: SymbolId(id(f)),
                last: [Price::default(), price(c)][(e >> 1 & 1) as usize],
                close: [Price::default(), price(d)][(e >> 2 & 1) as usize],
                ..Quote::default()
            };
            Frame::new(kind, header, quote)
        }
        Kind::Kill | Kind::Raise => {
            let scope = of(a, 6);
            let control = Control {
                target: if scope == 1 { u32::MAX } else { id(b) },
                operator: [id(c), OPERATOR_UNKNOWN][c as usize % 2],
                scope,
                note: text,
                ..Control::default()
            };
            Frame::new(kind, header, control)
        }
        Kind::Settle => {
            let settle = Settle {
                order_id: OrderId(a * (b & 1)),
                filled: qty(b),
                price: price(c),
                leaves: qty(d),
                operator: id(e),
                ..Settle::default()
            };
            Frame::new(kind, header, settle)
        }
        Kind::Basket => {
            let line = |number: u64| {
                let order = NewOrder {
                    price: price(a ^ number),
                    qty: qty(b ^ number),
                    account: AccountId(id(c)),
                    symbol: SymbolId(id(d)),
                    client_order_id: other,
                    side: e as u8,
                    order_type: f as u8 % 4,
                    time_in_force: g as u8 % 6,
                    ..NewOrder::default()
                };
                Frame::new(Kind::NewOrder, Header::default(), order)
            };
            let lines: Vec<Frame> = (0..h % 4).map(line).collect();
            let header = Header {
                continuation_count: lines.len() as u8,
                ..header
            };
            let basket = Basket {
                client_order_id: text,
                ..Basket::default()
            };
            return (Frame::new(kind, header, basket), lines);
        }
        Kind::Tick => Frame::new(kind, header, Tick::default()),
        Kind::Locate => {
            let locate = Locate {
                qty: qty(a),
                account: AccountId(id(b)),
                symbol: SymbolId(id(c)),
                operator: [id(d), OPERATOR_UNKNOWN][usize::from(id(d) == u32::MAX)],
                note: text,
                ..Locate::default()
            };
            Frame::new(kind, header, locate)
        }
        Kind::Override => {
            let asked = Override {
                account: AccountId(id(b)),
                operator: [id(d), OPERATOR_UNKNOWN][usize::from(id(d) == u32::MAX)],
                client_order_id: text,
                note: other,
                ..Override::default()
            };
            Frame::new(kind, header, asked)
        }
        Kind::Adjust => {
            let of = AdjustKind::ALL[a as usize % AdjustKind::ALL.len()];
            let adjust = Adjust {
                qty: Position::from_raw(b as i64 / 2),
                price: Price::from_raw(c as i64),
                cash: Money::from_raw(d as i64),
                account: match of {
                    AdjustKind::Split => AccountId::NONE,
                    _ => AccountId(id(b).min(u32::MAX - 1)),
                },
                symbol: SymbolId(id(c)),
                strategy: StrategyId(id(d)),
                operator: id(a),
                note: text,
                kind: of as u8,
                ..Adjust::default()
            };
            Frame::new(kind, header, adjust)
        }
        Kind::Exit => {
            let time = match c % 3 {
                0 => Nanos::ZERO,
                1 => ExitChange::TIME_OFF,
                _ => Nanos::from_raw(c / 3),
            };
            let part = |raw: u64| [0, ExitChange::PART_OFF, raw as u32][raw as usize % 3];
            let change = ExitChange {
                hold_max: time,
                account: AccountId(id(a)),
                symbol: SymbolId(id(b)),
                operator: [id(d), OPERATOR_UNKNOWN][usize::from(id(d) == u32::MAX)],
                stop_loss_bps: part(a),
                take_profit_bps: part(b),
                trailing_stop_bps: part(c),
                break_even_bps: part(d),
                note: text,
                close: (a % 2) as u8,
                ..ExitChange::default()
            };
            Frame::new(kind, header, change)
        }
        Kind::Limit => {
            let key = LimitKey::ALL[a as usize % LimitKey::ALL.len()];
            let value = match b % 5 {
                0 => LimitKey::OFF,
                _ => u128::from(b) * u128::from(c) % (key.max() + 1),
            };
            let scope = Scope::ALL[c as usize % Scope::ALL.len()];
            let change = LimitChange {
                value: [value as u64, (value >> 64) as u64],
                target: if scope == Scope::Firm {
                    u32::MAX
                } else {
                    id(d)
                },
                operator: [id(d), OPERATOR_UNKNOWN][usize::from(id(d) == u32::MAX)],
                note: text,
                scope: scope as u8,
                limit: key as u8,
                ..LimitChange::default()
            };
            Frame::new(kind, header, change)
        }
        Kind::SessionChange => {
            let change = SessionChange {
                state: of(a, 4),
                cancel_orders: b as u8 & 1,
                ..SessionChange::default()
            };
            Frame::new(kind, header, change)
        }
        other => panic!("{other:?} is no event"),
    };
    (frame, continuations)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, ..ProptestConfig::default() })]

    #[test]
    fn an_event_written_in_words_reads_the_same(
        kind in prop::sample::select(EVENTS.as_slice()),
        numbers in any::<[u64; 16]>(),
        texts in ["[ -~]{0,36}", "[ -~]{0,36}"],
        passthrough in prop_oneof!["\\PC{0,3}", "(?s).{0,300}"],
    ) {
        let texts = texts.map(|text| Text::new(&text).unwrap());
        let (frame, continuations) = worded(kind, &numbers, &texts, &passthrough);
        let line = write_and_read(&frame, &continuations);
        prop_assert!(!line.contains("\"frame\":"), "{line}");
    }

    #[test]
    fn an_event_that_words_cannot_say_reads_the_same(
        kind in prop::sample::select(EVENTS.as_slice()),
        numbers in any::<[u64; 16]>(),
        passthrough in prop_oneof![
            Just(Vec::new()),
            prop::collection::vec(any::<u8>(), 0..300),
            prop::collection::vec(b' '..=b'~', 0..300),
        ],
        size in prop_oneof![Just(0), 0..300u16],
        changes in prop::collection::vec((0..FRAME_SIZE, any::<u8>()), 0..3),
        wide in prop::option::of(any::<u64>()),
    ) {
        let (frame, _) = worded(kind, &numbers, &[Text::EMPTY; 2], "");
        let mut bytes = *frame.bytes();
        for (at, byte) in changes {
            bytes[at] = byte;
        }
        if let Some(wide) = wide {
            // The second word of most bodies is a quantity: wider than any order may be.
            let second = HEADER_SIZE + 8;
            bytes[second..second + 8].copy_from_slice(&wide.to_le_bytes());
        }
        let mut frame = Frame::from_bytes(&bytes);
        match kind {
            Kind::NewOrder => frame.body_mut::<NewOrder>().passthrough_size = size,
            Kind::Replace => frame.body_mut::<Replace>().passthrough_size = size,
            _ => {}
        }
        frame.header.kind = kind as u8;
        let continuations = frames_of(&passthrough);
        frame.header.continuation_count = continuations.len() as u8;
        write_and_read(&frame, &continuations);
    }

    #[test]
    fn no_line_makes_the_reader_fail_otherwise_than_with_an_error(
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        kind in prop::sample::select(EVENTS.as_slice()),
        numbers in any::<[u64; 16]>(),
    ) {
        let (frame, continuations) = worded(kind, &numbers, &[Text::EMPTY; 2], "");
        let mut line = write_and_read(&frame, &continuations).into_bytes();
        let at = at.index(line.len());
        line[at] = byte;
        let _ = read_line(1, &line, &names());
    }
}

#[test]
fn frames_that_the_core_does_not_take_are_no_events() {
    for number in 0..=u8::MAX {
        let Some(kind) = Kind::from_byte(number) else {
            continue;
        };
        let frame = Frame::new(kind, Header::default(), Tick::default());
        let outcome = write_event(&mut String::new(), &frame, &[], &names(), |_| None);
        let expected = if EVENTS.contains(&kind) {
            Ok(())
        } else {
            Err(NotAnEvent)
        };
        assert_eq!(outcome, expected, "{kind:?}");
    }
    assert_eq!(TEXT_SIZE, 36, "as the errors say");
}
