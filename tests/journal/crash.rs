//! Processes that are killed and images that a power cut leaves.

use crate::bench_disk::{Bench, assert_is_event, event, is_long};
use crate::random::{Random, seed};
use portcullis::journal::Room;
use portcullis::journal::reader::Reader;
use portcullis::journal::recovery::verify;
use portcullis::units::Nanos;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

const CHILD: &str = "PORTCULLIS_JOURNAL_CHILD";

/// Not a test of its own: what the killed process runs. It tells each sequence after its append.
#[test]
fn child_appends_until_it_is_killed() {
    let Some(directory) = std::env::var_os(CHILD) else {
        return;
    };
    let bench = std::mem::ManuallyDrop::new(Bench::at(directory.into()));
    let (mut writer, mut keeper) = bench.open();
    let mut out = std::io::stderr().lock();
    loop {
        keeper.poll(Nanos::ZERO);
        if writer.room() == Room::Open {
            let (frames, decision, digest) = event(writer.sequence() + 1);
            let sequence = writer.append(&frames, &decision, digest);
            writeln!(out, "{sequence}").unwrap();
        }
    }
}

#[test]
fn a_killed_process_loses_nothing_that_it_told() {
    let mut rng = Random::new(seed());
    let bench = Bench::new("kill");
    let mut before = 0;
    for turn in 0..if is_long() { 700 } else { 15 } {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "crash::child_appends_until_it_is_killed",
                "--nocapture",
            ])
            .env(CHILD, bench.path())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let wanted = 1 + rng.below(600);
        let mut told: u64 = 0;
        for _ in 0..wanted {
            told = lines.next().unwrap().unwrap().parse().unwrap();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let last = lines
            .map_while(Result::ok)
            .filter_map(|line| line.parse().ok())
            .last();
        told = told.max(last.unwrap_or(0));
        let recovered = bench.recover().unwrap();
        // The append behind the last that was told may or may not be there.
        assert!(
            told <= recovered.sequence && recovered.sequence <= told + 1,
            "turn {turn}"
        );
        assert!(before < recovered.sequence);
        before = recovered.sequence;
        for path in &recovered.set_aside {
            std::fs::remove_file(path).unwrap();
        }
        drop(recovered);
        assert_eq!(bench.read_all(), before);
    }
}

/// How a power cut mixes what was synced with what was written since.
#[derive(Clone, Copy, Debug)]
enum Mix {
    Prefix,
    RandomPages,
    RandomSectors,
    OnePageLost,
    SectorTear,
}

fn mix(mix: Mix, old: &[u8], new: &[u8], rng: &mut Random) -> Vec<u8> {
    let mut image = new.to_vec();
    let unit = if let Mix::RandomSectors | Mix::SectorTear = mix {
        512
    } else {
        4096
    };
    let count = new.len() / unit;
    let chosen = rng.below(count);
    for index in 0..count {
        let is_lost = match mix {
            Mix::Prefix => chosen < index,
            Mix::RandomPages | Mix::RandomSectors => rng.below(2) == 0,
            Mix::OnePageLost => index == chosen,
            Mix::SectorTear => false,
        };
        let range = index * unit..(index + 1) * unit;
        if is_lost {
            image[range.clone()].copy_from_slice(&old[range]);
        } else if let (Mix::SectorTear, true) = (mix, index == chosen) {
            let tear = index * unit + rng.below(unit);
            image[tear..range.end].copy_from_slice(&old[tear..range.end]);
        }
    }
    image
}

#[test]
fn every_image_of_a_power_cut_is_a_prefix_with_all_that_was_durable() {
    let mut rng = Random::new(seed());
    let bench = Bench::new("image");
    let (mut writer, mut keeper) = bench.open();
    let path = bench.segment(1);
    let mut image_count = 0;
    for _ in 0..12 {
        assert!(keeper.flush());
        let durable = keeper.durable_sequence();
        let old = std::fs::read(&path).unwrap();
        for _ in 0..3 + rng.below(20) {
            let (frames, decision, digest) = event(writer.sequence() + 1);
            writer.append(&frames[..frames.len().min(8)], &decision, digest);
        }
        let new = std::fs::read(&path).unwrap();
        let written = writer.sequence();
        let snapshot = Bench::new("image-copy");
        let mark = portcullis::journal::mark::MARK_NAME;
        std::fs::copy(bench.path().join(mark), snapshot.path().join(mark)).unwrap();
        for turn in 0..if is_long() { 1_000 } else { 50 } {
            let kinds = [
                Mix::Prefix,
                Mix::RandomPages,
                Mix::RandomSectors,
                Mix::OnePageLost,
                Mix::SectorTear,
            ];
            let image = mix(kinds[turn % 5], &old, &new, &mut rng);
            std::fs::write(snapshot.segment(1), image).unwrap();
            let verified = verify(snapshot.path()).unwrap();
            assert!(durable <= verified.sequence && verified.sequence <= written);
            let mut reader = Reader::open(snapshot.path()).unwrap();
            while let Some(record) = reader.next().unwrap() {
                if record.frames.len() < 8 {
                    assert_is_event(&record);
                }
            }
            image_count += 1;
        }
    }
    println!("{image_count} images");
}
