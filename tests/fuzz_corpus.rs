//! The fuzzers' targets over every file of their corpora, and over mutations of these: what a fuzzer
//! once found stays found, on the stable compiler.

#[path = "fuzz_corpus/beside_model.rs"]
mod beside_model;
#[path = "fuzz_corpus/bytes.rs"]
mod bytes;
#[path = "fuzz_corpus/config.rs"]
mod config;
#[path = "fuzz_corpus/core_operations.rs"]
mod core_operations;
#[path = "fuzz_corpus/frame_parser.rs"]
mod frame_parser;
#[path = "fuzz_corpus/initiator.rs"]
mod initiator;
#[path = "fuzz_corpus/journal_recovery.rs"]
mod journal_recovery;
#[path = "model/mod.rs"]
#[allow(dead_code)]
mod model;
#[path = "support/random.rs"]
mod random;
#[path = "fuzz_corpus/seeds.rs"]
mod seeds;
#[path = "fuzz_corpus/session.rs"]
mod session;
#[path = "fuzz_corpus/small_world.rs"]
mod small_world;

use random::{Random, seed};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};

#[test]
fn frame_parser_holds() {
    replay("frame_parser", frame_parser::check);
}

#[test]
fn session_holds() {
    replay("session", session::check);
}

#[test]
fn journal_recovery_holds() {
    replay("journal_recovery", journal_recovery::check);
}

#[test]
fn config_holds() {
    replay("config", config::check);
}

#[test]
fn core_operations_holds() {
    replay("core_operations", core_operations::check);
}

fn replay(target: &str, check: fn(&[u8])) {
    let folder = folder(target);
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(FILES_MIN <= files.len(), "{} is empty", folder.display());
    let corpus: Vec<Vec<u8>> = files.iter().map(|file| fs::read(file).unwrap()).collect();
    for (file, data) in files.iter().zip(&corpus) {
        run(check, data, &file.display().to_string());
    }
    let seed = seed();
    let is_long = std::env::var_os("PORTCULLIS_LONG").is_some();
    let count = if is_long { 100 * MUTATIONS } else { MUTATIONS };
    for turn in 0..count {
        let mut random = Random::new(seed ^ turn << 32);
        let data = mutate(&corpus, &mut random);
        run(
            check,
            &data,
            &format!("PORTCULLIS_SEED={seed} mutation {turn}"),
        );
    }
}

/// A panic says which input it was.
fn run(check: fn(&[u8]), data: &[u8], name: &str) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| check(data))) {
        eprintln!("{name}: {}", data.escape_ascii());
        resume_unwind(panic);
    }
}

/// A file with bytes changed, cut out, put in, or with the end of another.
fn mutate(corpus: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut data = corpus[random.below(corpus.len())].clone();
    for _ in 0..1 + random.below(6) {
        let place = random.below(data.len() + 1);
        match random.below(5) {
            0 => data.insert(place, random.next() as u8),
            1 => data.truncate(place.max(1)),
            2 => {
                let other = &corpus[random.below(corpus.len())];
                data.truncate(place);
                data.extend_from_slice(&other[random.below(other.len() + 1)..]);
            }
            3 => {
                let end = (place + random.below(17)).min(data.len());
                let block = data[place..end].to_vec();
                let at = random.below(data.len() + 1);
                data.splice(at..at, block);
            }
            _ => {
                if let Some(byte) = data.get_mut(place) {
                    *byte ^= 1 << random.below(8);
                }
            }
        }
    }
    data
}

fn folder(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target)
}

/// A corpus that was lost would pass every test.
const FILES_MIN: usize = 12;
const MUTATIONS: u64 = 400;
