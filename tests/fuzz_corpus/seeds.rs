//! Seeds: what each corpus begins with, made here and nowhere else.
//!
//! With `PORTCULLIS_WRITE_SEEDS` set the files are written anew.

use crate::random::Random;
use crate::{folder, journal_recovery};
use portcullis::config::DEFAULT_TOML;
use portcullis::journal::format::{FRAMES_MAX, Line, RECORD_SIZE_MAX};
use portcullis::message::{
    BrokerRequest, Cancel, Execution, Frame, Header, Kind, NewOrder, Quote, Refusal, Replace,
    Report, Text,
};
use portcullis::protocol::native::bodies::{
    Challenge, Definition, Fault, Heartbeat, Logon, LogoutReason, Proof, Role, VERSION, Welcome,
};
use portcullis::units::{AccountId, Nanos, Price, Qty, SymbolId};
use std::fs;

#[test]
fn the_seeds_are_in_the_corpus() {
    let is_written = std::env::var_os("PORTCULLIS_WRITE_SEEDS").is_some();
    let all = [
        ("frame_parser", frame_parser()),
        ("session", session()),
        ("journal_recovery", journal_recovery()),
        ("config", config()),
        ("core_operations", core_operations()),
    ];
    for (target, seeds) in all {
        assert!(12 <= seeds.len());
        for (index, seed) in seeds.iter().enumerate() {
            let path = folder(target).join(format!("seed-{index:02}"));
            if is_written {
                fs::create_dir_all(folder(target)).unwrap();
                fs::write(&path, seed).unwrap();
            }
            let found =
                fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            assert!(found == *seed, "{} is another", path.display());
        }
    }
}

/// One head of each kind, and some with frames behind.
fn heads() -> Vec<Frame> {
    let counted = Header {
        sequence: 1,
        ..Header::default()
    };
    let plain = Header::default();
    let text = |words| Text::new(words).expect("short and printable");
    let order = NewOrder {
        price: Price::from_raw(223_810_000_000),
        qty: Qty::from_raw(500_000_000),
        account: AccountId(1),
        symbol: SymbolId(3),
        client_order_id: text("alpha-1"),
        side: 1,
        order_type: 2,
        time_in_force: 1,
        ..NewOrder::default()
    };
    let cancel = Cancel {
        client_order_id: text("alpha-2"),
        original_id: text("alpha-1"),
        ..Cancel::default()
    };
    let replace = Replace {
        client_order_id: text("alpha-3"),
        original_id: text("alpha-1"),
        ..Replace::default()
    };
    let challenge = Challenge {
        heartbeat: Nanos::from_secs(1),
        version: VERSION,
        proof: Proof::Key as u8,
        acceptor: text("gate"),
        ..Challenge::default()
    };
    let logon = Logon {
        name: text("alpha"),
        version: VERSION,
        role: Role::Strategy as u8,
        ..Logon::default()
    };
    let request = BrokerRequest::default();
    vec![
        Frame::new(Kind::NewOrder, counted, order),
        Frame::new(Kind::Cancel, counted, cancel),
        Frame::new(Kind::Replace, counted, replace),
        Frame::new(Kind::Execution, counted, Execution::default()),
        Frame::new(Kind::Refusal, counted, Refusal::default()),
        Frame::new(Kind::BrokerNew, counted, request),
        Frame::new(Kind::BrokerCancel, counted, request),
        Frame::new(Kind::BrokerReplace, counted, request),
        Frame::new(Kind::BrokerStatus, counted, request),
        Frame::new(Kind::Report, counted, Report::default()),
        Frame::new(Kind::Quote, counted, Quote::default()),
        Frame::new(Kind::Challenge, plain, challenge),
        Frame::new(Kind::Logon, plain, logon),
        Frame::new(Kind::Welcome, plain, Welcome::default()),
        Frame::new(Kind::Definition, plain, Definition::default()),
        Frame::new(Kind::Heartbeat, plain, Heartbeat::default()),
        Fault::new(LogoutReason::Done).frame(),
    ]
}

fn frame_parser() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    // The path of each head, in the order above.
    let paths = [0, 0, 0, 1, 1, 2, 2, 2, 2, 3, 4, 1, 0, 3, 5, 0, 3];
    for (head, path) in heads().iter().zip(paths) {
        let mut seed = vec![path, 4, 1, 127, 200, 64, 31, 9];
        seed.extend_from_slice(head.bytes());
        seeds.push(seed);
    }
    for (size, max) in [(1u16, 4u8), (129, 4), (300, 1), (500, 4)] {
        let mut head = heads()[0];
        head.body_mut::<NewOrder>().passthrough_size = size;
        head.header.continuation_count = size.div_ceil(128) as u8;
        let mut seed = vec![0, max, 250, 3, 127, 128, 0, 60];
        for _ in 0..2 {
            seed.extend_from_slice(head.bytes());
            seed.resize(
                seed.len() + usize::from(head.header.continuation_count) * 128,
                7,
            );
        }
        seed.extend_from_slice(&heads()[1].bytes()[..100]);
        seeds.push(seed);
    }
    // Made of what may come each way: small, large, cut, and with one bit changed.
    for path in 0..6u8 {
        let mut seed = vec![128 | path, 255, 250, 3, 127, 128, 0, 60, 30 * path];
        for kind in 0..7 {
            seed.extend_from_slice(&[kind, kind * 40, path, 0, 0]);
        }
        seed.extend_from_slice(&[path, 255, 1, 0, 0, path, 2, 1, 192 + path, 8 * path]);
        seeds.push(seed);
    }
    seeds
}

fn session() -> Vec<Vec<u8>> {
    let heads = heads();
    let frame = |step: u8, index: usize| [&[step], &heads[index].bytes()[..]].concat();
    let steps: [Vec<u8>; 12] = [
        vec![4],
        [vec![4], frame(1, 0), frame(1, 1), frame(1, 2)].concat(),
        [vec![4], frame(0, 0)].concat(),
        vec![4, 2, 0, 2, 1, 2, 2, 2, 0, 3, 10],
        vec![4, 3, 50, 3, 50, 2, 0, 3, 120],
        vec![3, 200],
        [vec![4], frame(0, 15), frame(0, 16)].concat(),
        frame(0, 12),
        vec![5, 40, 1],
        vec![6, 2, 0],
        vec![4, 4],
        [vec![2, 0], vec![4]].concat(),
    ];
    let mut seeds = Vec::new();
    for (options, sequence) in [(0u8, 1u8), (1, 7), (0, 0xff)] {
        for steps in &steps {
            seeds.push([&[options, sequence], &steps[..]].concat());
        }
    }
    for options in [2, 4, 5, 8] {
        seeds.push(vec![options, 1, 4, 2, 0]);
    }
    // For who calls: two sessions, then welcomes that ask too much.
    for options in [128u8, 129] {
        let enter: &[u8] = &[options, 0, 4, 20, 1, 0, 5, 1, 0, 4, 2, 0];
        let define: &[u8] = &[6, 7, 1, 2, 6, 8, 2, 4];
        let speak: &[u8] = &[7, 0, 2, 0, 7, 4, 2, 1, 7, 2, 3, 60, 2, 2, 3, 240];
        let again: &[u8] = &[4, 20, 2, 0, 5, 1, 2, 4, 0, 0, 7, 2, 2, 5];
        seeds.push([enter, define, speak, again].concat());
        seeds.push(vec![options, 0, 4, 20, 1, 0, 5, 255, 0, 4, 0, 0, 7, 2]);
        seeds.push(vec![options, 254, 4, 20, 1, 0, 5, 1, 255, 255, 0, 0, 2, 0]);
    }
    // For the initiator: a challenge, and welcomes that prove nothing.
    seeds.push([heads[11], heads[13]].map(|head| *head.bytes()).concat());
    seeds.push([heads[13], heads[3]].map(|head| *head.bytes()).concat());
    seeds
}

fn journal_recovery() -> Vec<Vec<u8>> {
    let mut random = Random::new(3);
    let mut seeds = Vec::new();
    // Everything put right, then less and less of it.
    let repairs = [31u8, 63, 63, 23, 15, 29, 30, 27, 7, 1, 0, 0, 0, 0, 0, 0];
    // And what else there is and is done: a mark, other files, records of either size.
    let options = [
        0u8, 64, 192, 196, 48, 1, 0, 0, 2, 0, 200, 16, 49, 112, 240, 68,
    ];
    for (repairs, options) in repairs.into_iter().zip(options) {
        for segment_count in [1, 2] {
            // Room for two records and no more: the next one begins a segment.
            let segment_size = RECORD_SIZE_MAX as u64 + 128 + 200;
            let mut segments = Vec::new();
            for number in 1..=segment_count {
                let mut segment = vec![0u8; 128];
                segment[24..32].copy_from_slice(&segment_size.to_le_bytes());
                segment[32] = number;
                for _ in 0..2 + u8::from(number == segment_count) {
                    let mut line = [0; size_of::<Line>()];
                    line[0] = 1;
                    line[12] = random.below(2) as u8;
                    segment.extend_from_slice(&line);
                    let frames = (1 + usize::from(line[12])) * 128;
                    segment.resize(segment.len() + frames, random.next() as u8);
                }
                segment.resize(
                    segment.len() + random.below(3) * 40,
                    random.next() as u8 & 1,
                );
                segments.push(segment);
            }
            let mut seed = vec![repairs, options];
            if repairs == 0 {
                // Right as they stand: what damages them is not put right.
                let mut sequence = 0;
                for (index, segment) in segments.iter_mut().enumerate() {
                    journal_recovery::repair(segment, index as u32 + 1, 63, &mut sequence);
                }
            }
            for index in 0..4 {
                let size = segments.get(index).map_or(0, Vec::len) as u16;
                seed.extend_from_slice(&size.to_le_bytes());
            }
            let mark_size = if options & 16 != 0 { 128 } else { 0 };
            seed.push(mark_size);
            seed.resize(seed.len() + usize::from(mark_size), segment_count);
            seeds.push([seed, segments.concat()].concat());
        }
    }
    const { assert!(FRAMES_MAX == 256) };
    seeds
}

/// Each table alone, then tables that need each other, then all of them.
fn config() -> Vec<Vec<u8>> {
    let full = include_str!("../../src/config/tests/full.toml");
    let mut tables: Vec<String> = Vec::new();
    for line in full.lines().filter(|line| !line.starts_with('#')) {
        let is_new = line.starts_with("[[") || (line.starts_with('[') && !line.contains('.'));
        match tables.last_mut() {
            Some(table) if !is_new => table.push_str(&format!("{line}\n")),
            _ => tables.push(format!("{line}\n")),
        }
    }
    let desk = "[[account]]\nname = \"A\"\n[[strategy]]\nname = \"S\"\naccounts = [\"A\"]\n\
                unix_user = 0\n";
    let market = "[[broker]]\nname = \"sim\"\nkind = \"sim\"\n[[symbol]]\nname = \"X\"\n\
                  tick = \"0.01\"\nlot = 1\nbroker = \"sim\"\n";
    let mut seeds = tables;
    seeds.push(desk.to_owned());
    seeds.push(market.to_owned());
    seeds.push(format!("{desk}{market}"));
    seeds.push(full.to_owned());
    seeds.push(DEFAULT_TOML.to_owned());
    seeds.into_iter().map(String::into_bytes).collect()
}

/// Random events, more of them what a day is made of: quotes, orders and their reports.
fn core_operations() -> Vec<Vec<u8>> {
    let mut random = Random::new(5);
    let mut seeds = Vec::new();
    for which in 0..40u8 {
        let mut seed = vec![0, which.wrapping_mul(37)];
        for event in 0..12 + random.below(18) {
            let mut fields = [0u8; 16];
            fields.fill_with(|| random.next() as u8);
            if event < 2 {
                fields = [11, 1, 0, 0, 1, 100, 1, 0, 0, 0, event as u8, 0, 0, 0, 0, 0];
            } else if which < 30 {
                // Small steps, known owners, plain numbers.
                fields[1] %= 4;
                fields[2] %= 2;
                fields[3] = if fields[0] % 16 < 4 {
                    event as u8
                } else {
                    fields[3] % 4
                };
                fields[4] %= 8;
                fields[6] %= 8;
                fields[8] %= 8;
                fields[10] %= 2;
                fields[11] %= 254;
                fields[12] %= 254;
                fields[13] %= 254;
            }
            seed.extend_from_slice(&fields);
        }
        if which % 5 == 0 {
            // Other limits and more room, then none for what was there.
            let limits = which.wrapping_mul(53);
            seed.extend_from_slice(&[15, 1, 0, 254, limits, 1, 2, 3, 1, 0, 2, 0, which, 0, 0, 0]);
            seed.extend_from_slice(&[15, 1, 0, 254, 255, 0, 0, 0, 0, 0, 0, 255, 0, 0, 0, 0]);
        }
        if which % 4 == 0 {
            // Everything is killed, and orders go on.
            seed.extend_from_slice(&[13, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
            for id in 100..104 {
                seed.extend_from_slice(&[0, 1, 0, id, 1, 128, 0, 1, 0, 0, 0, 0, 64, 0, 0, 0]);
            }
        }
        seeds.push(seed);
    }
    for setup in 0..24u8 {
        let mut seed = vec![128, setup, setup];
        seed.resize_with(300 + random.below(500), || random.next() as u8);
        seeds.push(seed);
    }
    seeds
}
