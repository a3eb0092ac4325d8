//! A journal in a directory of its own, events that follow from their sequence, a disk that fails.

use crate::random::Random;
use portcullis::journal::error::JournalError;
use portcullis::journal::keeper::Keeper;
use portcullis::journal::reader::{Reader, Record};
use portcullis::journal::recovery::{Recovered, recover};
use portcullis::journal::segment::{Storage, path_of};
use portcullis::journal::writer::Writer;
use portcullis::journal::{Policy, Settings};
use portcullis::message::{FRAME_SIZE, Frame};
use portcullis::reject::{Failed, RejectReason};
use portcullis::risk::decision::{Decision, Outcome};
use portcullis::sys::file;
use portcullis::sys::memory::Pages;
use portcullis::units::{Nanos, OrderId};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

/// Small, so that a test passes through many.
pub(crate) const SEGMENT_SIZE: u64 = 128 << 10;
pub(crate) const RESERVE_SIZE: u64 = 16 << 10;

pub(crate) struct Bench {
    path: PathBuf,
    pub(crate) settings: Settings,
    pub(crate) faults: Arc<Faults>,
}

/// What the disk is told to fail.
#[derive(Default)]
pub(crate) struct Faults {
    pub(crate) is_full: AtomicBool,
    /// Counts syncs from 1.
    pub(crate) sync_count: AtomicU64,
    /// Which sync fails, from then on all; zero is none.
    pub(crate) sync_fails_at: AtomicU64,
    /// The syncs after one that failed.
    pub(crate) sync_count_after: AtomicU64,
}

struct FaultyDisk(Arc<Faults>);

impl FaultyDisk {
    fn sync(&self) -> io::Result<()> {
        let faults = &self.0;
        let count = faults.sync_count.fetch_add(1, Ordering::Relaxed) + 1;
        match faults.sync_fails_at.load(Ordering::Relaxed) {
            fails_at if fails_at == 0 || count < fails_at => Ok(()),
            fails_at => {
                faults
                    .sync_count_after
                    .fetch_add(count - fails_at, Ordering::Relaxed);
                Err(io::Error::from_raw_os_error(EIO))
            }
        }
    }
}

impl Storage for FaultyDisk {
    fn allocate(&mut self, file: &File, size: u64) -> io::Result<()> {
        // A file that has all its blocks asks for none.
        if self.0.is_full.load(Ordering::Relaxed) && file::describe(file)?.0 < size {
            return Err(io::Error::from_raw_os_error(ENOSPC));
        }
        file::allocate(file, size)
    }

    fn sync_file(&mut self, _file: &File) -> io::Result<()> {
        self.sync()
    }

    fn sync_pages(&mut self, _pages: &Pages, _range: Range<usize>) -> io::Result<()> {
        self.sync()
    }
}

impl Bench {
    pub(crate) fn new(name: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let process = std::process::id();
        let path =
            std::env::temp_dir().join(format!("portcullis-journal-{name}-{process}-{count}"));
        std::fs::create_dir(&path).unwrap();
        Self::at(path)
    }

    pub(crate) fn at(path: PathBuf) -> Self {
        let settings = Settings {
            segment_size: SEGMENT_SIZE,
            reserve_size: RESERVE_SIZE,
            fault_ahead_size: 32 << 10,
            policy: Policy::Process,
            sync_interval: Nanos::from_raw(100),
            ..Settings::new(&path, 0x0123_4567_89ab_cdef_0011_2233_4455_6677, 3)
        };
        Self {
            path,
            settings,
            faults: Arc::default(),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn segment(&self, number: u32) -> PathBuf {
        path_of(&self.path, number)
    }

    pub(crate) fn segment_count(&self) -> usize {
        (1..)
            .take_while(|&number| self.segment(number).exists())
            .count()
    }

    pub(crate) fn recover(&self) -> Result<Recovered, JournalError> {
        recover(
            self.settings.clone(),
            Box::new(FaultyDisk(Arc::clone(&self.faults))),
        )
    }

    pub(crate) fn open(&self) -> (Writer, Keeper) {
        self.recover().unwrap().open().unwrap()
    }

    /// Appends events, syncs none of them, and closes.
    pub(crate) fn fill(&self, count: u64) {
        let (mut writer, mut keeper) = self.open();
        for _ in 0..count {
            keeper.poll(Nanos::ZERO);
            let (frames, decision, digest) = event(writer.sequence() + 1);
            writer.append(&frames, &decision, digest);
        }
    }

    /// Reads and compares every record; returns how many there are.
    pub(crate) fn read_all(&self) -> u64 {
        let mut reader = Reader::open(&self.path).unwrap();
        while let Some(record) = reader.next().unwrap() {
            assert_is_event(&record);
        }
        assert_eq!(reader.invalid(), None);
        reader.sequence()
    }

    /// Bytes that are no record, right behind the last one.
    pub(crate) fn damage_tail(&self) {
        let end = portcullis::journal::recovery::verify(&self.path)
            .unwrap()
            .end;
        let file = file::open_write(&self.segment(end.segment)).unwrap();
        file::write_at(&file, &[0xff; 100], end.offset).unwrap();
    }

    pub(crate) fn remove_mark(&self) {
        std::fs::remove_file(self.path.join(portcullis::journal::mark::MARK_NAME)).unwrap();
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// The event of a sequence: mostly one frame, some of all sizes.
pub(crate) fn event(sequence: u64) -> (Vec<Frame>, Decision, u64) {
    let mut rng = Random::new(sequence);
    let frame_count = match rng.below(100) {
        0..90 => 1,
        90..97 => 2,
        97..99 => 1 + rng.below(9),
        _ => {
            if rng.below(4) == 0 {
                256
            } else {
                30
            }
        }
    };
    let mut frame = || {
        let mut bytes = [0; FRAME_SIZE];
        bytes
            .chunks_exact_mut(8)
            .for_each(|chunk| chunk.copy_from_slice(&rng.next().to_le_bytes()));
        Frame::from_bytes(&bytes)
    };
    let frames = (0..frame_count).map(|_| frame()).collect();
    let outcome = Outcome::ALL[(rng.next() % 9) as usize];
    let mut decision = Decision {
        outcome,
        reason: None,
        failed: Failed::NONE,
        limit: 0,
        value: 0,
        order_id: OrderId(rng.next()),
    };
    if outcome == Outcome::Refused {
        decision.reason = Some(RejectReason::QtyAboveMax);
        decision.failed.note(RejectReason::QtyAboveMax, true);
        decision.limit = i128::from(rng.next()) << 40;
        decision.value = -i128::from(rng.next());
        decision.order_id = OrderId::NONE;
    }
    (frames, decision, rng.next())
}

pub(crate) fn assert_is_event(record: &Record<'_>) {
    let (frames, decision, digest) = event(record.sequence);
    assert!(record.frames == frames, "record {}", record.sequence);
    assert_eq!(record.line.decision(), Some(decision));
    let digest = (decision.outcome != Outcome::Refused).then_some(digest);
    assert_eq!(record.line.digest(), digest);
}

/// True where there is time for every case instead of a sample.
pub(crate) fn is_long() -> bool {
    std::env::var_os("PORTCULLIS_LONG").is_some()
}

const EIO: i32 = 5;
const ENOSPC: i32 = 28;
