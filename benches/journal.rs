//! How long an append takes, beside the floor: the same bytes copied to the same kind of memory, with
//! and without the check value.

use criterion::{Criterion, criterion_group, criterion_main};
use portcullis::journal::recovery::recover;
use portcullis::journal::segment::{Disk, path_of};
use portcullis::journal::{Room, Settings};
use portcullis::message::{FRAME_SIZE, Frame};
use portcullis::reject::Failed;
use portcullis::risk::decision::{Decision, Outcome};
use portcullis::sys::file;
use portcullis::sys::memory::MappedSegment;
use portcullis::units::{Nanos, OrderId};
use std::hint::black_box;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Enough to time, little enough to stay in what is faulted in.
const COUNT: usize = 1_000;
const RECORD_SIZE: usize = 192;
const SIZE: usize = 64 << 20;

fn append(criterion: &mut Criterion) {
    let directory = directory();
    let mut group = criterion.benchmark_group("journal");
    group
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2));
    group.throughput(criterion::Throughput::Elements(COUNT as u64));
    let frame = Frame::from_bytes(&[7; FRAME_SIZE]);
    let decision = Decision {
        outcome: Outcome::Accepted,
        reason: None,
        failed: Failed::NONE,
        limit: 0,
        value: 0,
        order_id: OrderId::new(1, 1),
    };

    let settings = Settings {
        spare_count: 2,
        ..Settings::new(directory.join("a"), 1, 1)
    };
    let interval = settings.sync_interval.raw();
    let (mut writer, mut keeper) = recover(settings.clone(), Box::new(Disk))
        .unwrap()
        .open()
        .unwrap();
    let (mut now, mut removed) = (0, 0);
    let frames = [frame];
    group.bench_function("append", |bencher| {
        bencher.iter_custom(|iterations| {
            let mut elapsed = Duration::ZERO;
            for _ in 0..iterations {
                // What the cold thread does in a gateway; and no more disk than a few segments.
                now += interval;
                keeper.poll(Nanos::from_raw(now));
                assert_eq!(writer.room(), Room::Open);
                let passed = writer.sequence() * RECORD_SIZE as u64 / settings.segment_size;
                while removed + 2 < passed {
                    removed += 1;
                    let _ = std::fs::remove_file(path_of(&settings.directory, removed as u32));
                }
                let start = Instant::now();
                for digest in 0..COUNT as u64 {
                    assert_ne!(writer.room(), Room::Failed);
                    black_box(writer.append(black_box(&frames), black_box(&decision), digest));
                }
                elapsed += start.elapsed();
            }
            elapsed
        });
    });

    for (name, has_crc) in [("copy and crc", true), ("copy", false)] {
        let path = directory.join("floor");
        let file = file::create(&path).unwrap();
        file::allocate(&file, SIZE as u64).unwrap();
        let mut memory = MappedSegment::new(&file, SIZE).unwrap();
        let pages = memory.pages();
        let mut offset = 0;
        let mut record = [7u8; RECORD_SIZE];
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|iterations| {
                let mut elapsed = Duration::ZERO;
                for _ in 0..iterations {
                    if SIZE - COUNT * RECORD_SIZE < offset {
                        offset = 0;
                    }
                    pages
                        .populate(offset..offset + COUNT * RECORD_SIZE)
                        .unwrap();
                    let start = Instant::now();
                    for index in 0..COUNT {
                        record[..8].copy_from_slice(&index.to_le_bytes());
                        if has_crc {
                            let mut hasher = crc32fast::Hasher::new_with_initial(index as u32);
                            hasher.update(black_box(&record));
                            record[8..12].copy_from_slice(&hasher.finalize().to_le_bytes());
                        }
                        let range = offset..offset + RECORD_SIZE;
                        memory.bytes_mut(range).copy_from_slice(black_box(&record));
                        offset += RECORD_SIZE;
                    }
                    elapsed += start.elapsed();
                }
                elapsed
            });
        });
        std::fs::remove_file(path).unwrap();
    }
    group.finish();
    let _ = std::fs::remove_dir_all(directory);
}

fn directory() -> PathBuf {
    // Memory that no disk writes back meanwhile, where there is such.
    let memory = PathBuf::from("/dev/shm");
    let parent = if memory.is_dir() {
        memory
    } else {
        std::env::temp_dir()
    };
    let path = parent.join(format!("portcullis-bench-{}", std::process::id()));
    std::fs::create_dir(&path).unwrap();
    path
}

criterion_group!(benches, append);
criterion_main!(benches);
