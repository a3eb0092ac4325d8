//! What the documentation says is what the code does.

use super::bytes;
use crate::message::{
    Basket, BrokerRequest, Cancel, Execution, Frame, HEADER_SIZE, Header, Kind, NewOrder,
    OrderType, Quote, Refusal, Replace, Report, Side, Text, TimeInForce,
};
use crate::protocol::native::bodies::{
    Challenge, Definition, Logon, Logout, LogoutReason, Proof, Role, Welcome,
};
use crate::protocol::native::key::Key;
use crate::protocol::native::parser::DecodeError;
use crate::protocol::native::session::{
    Acceptor, AcceptorOptions, Admission, Initiator, InitiatorOptions, Told,
};
use crate::units::{AccountId, Nanos, Price, Qty, StrategyId, SymbolId};
use std::mem::offset_of;

const DOCUMENT: &str = include_str!("../mod.rs");

/// The lines of the document between this heading and the next.
fn section(heading: &str) -> Vec<&'static str> {
    let lines = DOCUMENT
        .lines()
        .map(|line| line.trim_start_matches("//!").trim());
    let lines: Vec<_> = lines.skip_while(|line| *line != heading).skip(1).collect();
    assert!(!lines.is_empty(), "the document has no `{heading}`");
    lines
        .into_iter()
        .take_while(|line| !line.starts_with('#'))
        .collect()
}

/// The rows of the table under this heading, as cells.
fn rows(heading: &str) -> Vec<Vec<&'static str>> {
    let lines = section(heading)
        .into_iter()
        .filter(|line| line.starts_with('|'));
    let cells = |line: &'static str| line.trim_matches('|').split('|').map(str::trim).collect();
    lines.skip(2).map(cells).collect()
}

fn size_of_field<S, F>(_: impl Fn(&S) -> &F) -> usize {
    size_of::<F>()
}

macro_rules! layout {
    ($base:expr, $name:ident { $($field:ident),* }) => {{
        let fields: Vec<[String; 3]> = vec![$([
            ($base + offset_of!($name, $field)).to_string(),
            size_of_field(|body: &$name| &body.$field).to_string(),
            stringify!($field).to_string(),
        ]),*];
        let end = fields.last().map(|[offset, size, _]| {
            offset.parse::<usize>().unwrap() + size.parse::<usize>().unwrap()
        });
        assert_eq!(end, Some($base + size_of::<$name>()), "a field of {} is left out", stringify!($name));
        let found: Vec<[String; 3]> = rows(&format!("#### {}", stringify!($name)))
            .iter()
            .map(|row| [row[0].into(), row[1].into(), row[2].trim_matches('`').into()])
            .collect();
        assert_eq!(found, fields, "the table of {}", stringify!($name));
    }};
}

#[test]
fn the_tables_are_the_layout() {
    const BODY: usize = HEADER_SIZE;
    layout!(
        0,
        Header {
            sequence,
            time,
            correlation,
            strategy,
            flags,
            kind,
            continuation_count
        }
    );
    layout!(
        BODY,
        NewOrder {
            price,
            qty,
            account,
            symbol,
            client_order_id,
            side,
            order_type,
            time_in_force,
            mark,
            passthrough_size,
            trailing_stop_bps,
            break_even_bps,
            hold_max_secs,
            parent,
            parent_qty,
            stop_loss_bps,
            take_profit_bps
        }
    );
    layout!(
        BODY,
        Cancel {
            client_order_id,
            original_id,
            account,
            reserved
        }
    );
    layout!(
        BODY,
        Replace {
            price,
            qty,
            account,
            client_order_id,
            original_id,
            passthrough_size,
            reserved
        }
    );
    layout!(
        BODY,
        Execution {
            order_id,
            qty,
            price,
            leaves,
            filled,
            fee,
            account,
            client_order_id,
            exec,
            state,
            broker_reason,
            reserved
        }
    );
    layout!(
        BODY,
        Basket {
            client_order_id,
            reserved
        }
    );
    layout!(
        BODY,
        Refusal {
            limit,
            value,
            failed,
            account,
            client_order_id,
            reason,
            command,
            scope,
            target
        }
    );
    layout!(
        BODY,
        BrokerRequest {
            order_id,
            price,
            qty,
            symbol,
            account,
            request,
            broker,
            client_order_id,
            side,
            order_type,
            time_in_force,
            mark,
            passthrough_size,
            reserved
        }
    );
    layout!(
        BODY,
        Report {
            order_id,
            qty,
            price,
            leaves,
            fee,
            broker_time,
            broker,
            exec_id,
            exec,
            state,
            broker_reason,
            request
        }
    );
    layout!(
        BODY,
        Quote {
            bid,
            ask,
            bid_qty,
            ask_qty,
            source_time,
            symbol,
            reserved_0,
            last,
            close,
            reserved
        }
    );
    layout!(
        BODY,
        Challenge {
            heartbeat,
            nonce,
            acceptor,
            version,
            proof,
            reserved
        }
    );
    layout!(
        BODY,
        Logon {
            report_sequence_last,
            mac,
            name,
            version,
            salt,
            role,
            reserved
        }
    );
    layout!(
        BODY,
        Welcome {
            command_sequence_next,
            report_sequence_next,
            report_sequence_first,
            heartbeat,
            mac,
            definition_count,
            strategy,
            reserved
        }
    );
    layout!(
        BODY,
        Definition {
            tick,
            lot,
            id,
            name,
            scope,
            reserved
        }
    );
    layout!(
        BODY,
        Logout {
            expected,
            found,
            text,
            reason,
            detail,
            reserved
        }
    );
}

#[test]
fn the_numbers_are_the_codes() {
    let found: Vec<_> = rows("### Why a session ends")
        .iter()
        .map(|row| (row[0], row[1]))
        .collect();
    let numbers: Vec<_> = LogoutReason::ALL
        .iter()
        .map(|reason| (*reason as u16).to_string())
        .collect();
    let names: Vec<_> = LogoutReason::ALL
        .iter()
        .map(|reason| format!("`{reason:?}`"))
        .collect();
    let expected: Vec<_> = numbers
        .iter()
        .map(String::as_str)
        .zip(names.iter().map(String::as_str))
        .collect();
    assert_eq!(found, expected);

    let found: Vec<_> = rows("### How a message is malformed")
        .iter()
        .map(|row| [row[0], row[1]].concat())
        .collect();
    let expected: Vec<_> = [
        DecodeError::KindUnknown,
        DecodeError::KindNotAllowed,
        DecodeError::FlagsNotZero,
        DecodeError::StrategyNotZero,
        DecodeError::SequenceNotZero,
        DecodeError::ReservedNotZero,
        DecodeError::ContinuationCountWrong,
    ]
    .iter()
    .map(|error| format!("{}`{error:?}`", *error as u16))
    .collect();
    assert_eq!(found, expected);

    let found: Vec<_> = rows("### Kinds")
        .iter()
        .map(|row| [row[0], row[1]].concat())
        .collect();
    let expected: Vec<_> = super::KINDS
        .iter()
        .map(|kind| format!("{}`{kind:?}`", *kind as u8))
        .collect();
    assert_eq!(found, expected);
}

/// The bytes of a dump: an offset, then bytes in hexadecimal.
fn dump(heading: &str) -> Vec<u8> {
    let lines = section(heading).into_iter();
    let lines = lines.skip_while(|line| !line.starts_with("```")).skip(1);
    lines
        .take_while(|line| !line.starts_with("```"))
        .flat_map(|line| line.split_whitespace().skip(1))
        .map(|byte| u8::from_str_radix(byte, 16).unwrap())
        .collect()
}

fn shown(frame: &Frame) -> String {
    let lines = frame.bytes().chunks(16).enumerate().map(|(at, bytes)| {
        let bytes: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("//! {:03x}  {}\n", 16 * at, bytes.join(" "))
    });
    lines.collect()
}

#[test]
fn the_example_is_what_both_ends_say() {
    let start = Nanos::from_secs(1_700_000_000);
    let key = Key::new([0x2a; 32]);
    let options = AcceptorOptions {
        name: Text::new("gate-1").unwrap(),
        role: Role::Strategy,
        proof: Proof::Key,
        heartbeat: Nanos::from_secs(5),
        logon_timeout: Nanos::from_secs(5),
    };
    let nonce = std::array::from_fn(|at| at as u8);
    let (mut acceptor, challenge) = Acceptor::new(&options, nonce, start);
    let options = InitiatorOptions {
        name: Text::new("alpha").unwrap(),
        role: Role::Strategy,
        key: Some(key.clone()),
        report_sequence_last: 7,
        salt: std::array::from_fn(|at| 0xf0 + at as u8),
        logon_timeout: Nanos::from_secs(5),
    };
    let mut initiator = Initiator::new(options, start);
    let Ok(Told::Challenge(logon)) = initiator.receive(&challenge, start) else {
        panic!("no answer to the challenge");
    };
    let admission = Admission {
        key: Some(&key),
        is_permitted: false,
        is_in_use: false,
        strategy: StrategyId(2),
        command_sequence_next: 12,
        report_sequence_next: 10,
        report_sequence_oldest: 1,
        definition_count: 0,
    };
    let welcome = acceptor.admit(logon.body(), &admission, start).unwrap();
    initiator.receive(&welcome, start).unwrap();
    let order = NewOrder {
        price: Price::parse("223.81").unwrap(),
        qty: Qty::parse("5").unwrap(),
        account: AccountId(1),
        symbol: SymbolId(3),
        client_order_id: Text::new("alpha-000001").unwrap(),
        side: Side::Buy as u8,
        order_type: OrderType::Limit as u8,
        time_in_force: TimeInForce::Day as u8,
        ..NewOrder::default()
    };
    let mut order = Frame::new(Kind::NewOrder, Header::default(), order);
    initiator.count(&mut order, start);
    let frames = [
        ("#### The challenge", challenge),
        ("#### The logon", logon),
        ("#### The welcome", welcome),
        ("#### The order", order),
    ];
    let wrong = frames
        .iter()
        .filter(|(heading, frame)| dump(heading) != bytes(&[*frame]));
    let wrong: String = wrong
        .map(|(heading, frame)| format!("{heading}\n{}", shown(frame)))
        .collect();
    assert!(wrong.is_empty(), "the example should be\n{wrong}");
}

/// As the document says it, from nothing but the bytes of the example.
#[test]
fn the_proofs_are_keyed_hashes_of_the_bytes() {
    let without_mac = |heading: &str, at: usize| {
        let mut body = dump(heading)[HEADER_SIZE..].to_vec();
        let mac = body[at..at + 32].to_vec();
        body[at..at + 32].fill(0);
        (body, mac)
    };
    let challenge = &dump("#### The challenge")[HEADER_SIZE..];
    let (logon, logon_mac) = without_mac("#### The logon", 8);
    let (welcome, welcome_mac) = without_mac("#### The welcome", 32);
    let hash = |parts: &[&[u8]]| *blake3::keyed_hash(&[0x2a; 32], &parts.concat()).as_bytes();
    assert_eq!(
        hash(&[b"portcullis-logon", challenge, &logon]),
        logon_mac[..]
    );
    let logon = &dump("#### The logon")[HEADER_SIZE..];
    assert_eq!(
        hash(&[b"portcullis-welcm", challenge, logon, &welcome]),
        welcome_mac[..]
    );
}
