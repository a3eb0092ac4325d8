//! Memory: tables that are there before they are used, and a file mapped so that one thread writes it
//! with plain stores.
//!
//! A [`MappedSegment`] is the writing end: there is one, it is not `Clone`, and nothing else in the
//! process looks at the mapped bytes. [`Pages`] is the other end, for the thread that prepares and
//! syncs: it only names ranges to the kernel. Readers read the file.
//!
//! A file that another program cuts short under the mapping kills the process with SIGBUS at the
//! next store. The kernel offers nothing better; the journal's directory belongs to the gateway.

use memmap2::{MmapOptions, MmapRaw};
use rustix::mm::{Advice, madvise};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The size of a page in bytes, as the kernel tracks what is dirty.
pub const PAGE_SIZE: usize = 4096;

/// Asks the processor to bring the cache line of an address near. A hint: it changes nothing, and no
/// address is wrong.
#[inline(always)]
pub fn prefetch(address: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the instruction belongs to every x86-64, reads and writes nothing that the program can
    // see, and does not fault, whatever the address.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(address.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}

/// What the kernel makes a huge page of.
const HUGE_PAGE_SIZE: usize = 2 << 20;

/// Has the kernel give all of a table now, and in huge pages where there is enough of it: the first
/// use of a row is no page fault, and a look at a random place no walk through page tables. What the
/// table holds stays as it is; a kernel that will not do it leaves a table as good as before.
pub fn claim(start: *const u8, size: usize) {
    let lost = start.align_offset(PAGE_SIZE);
    let size = size.saturating_sub(lost) & !(PAGE_SIZE - 1);
    if size == 0 {
        return;
    }
    let pages = start.wrapping_add(lost);
    if HUGE_PAGE_SIZE <= size {
        advise(pages, size, Advice::LinuxHugepage);
    }
    advise(pages, size, Advice::LinuxPopulateWrite);
}

fn advise(pages: *const u8, size: usize, advice: Advice) {
    // SAFETY: whatever lies at the address, both pieces of advice leave what it holds as it was: one
    // lets the kernel put larger pages under it, the other makes pages present as a store of what they
    // hold already would. Where nothing is mapped the call is an error.
    let _ = unsafe { madvise(pages.cast_mut().cast(), size, advice) };
}

/// The writing end of a mapped file.
#[derive(Debug)]
pub struct MappedSegment {
    map: Arc<MmapRaw>,
}

/// The end that faults in, syncs and, once it is the last, unmaps.
#[derive(Clone, Debug)]
pub struct Pages {
    map: Arc<MmapRaw>,
}

impl MappedSegment {
    /// Maps the first `size` bytes. The caller has allocated them.
    pub fn new(file: &File, size: usize) -> io::Result<Self> {
        if file.metadata()?.len() < size as u64 {
            // Stores behind the end of the file would be SIGBUS.
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let map = MmapOptions::new().len(size).map_raw(file)?;
        Ok(Self { map: Arc::new(map) })
    }

    /// The other end.
    pub fn pages(&self) -> Pages {
        Pages {
            map: Arc::clone(&self.map),
        }
    }

    /// How many bytes are mapped.
    #[inline]
    pub fn size(&self) -> usize {
        self.map.len()
    }

    /// The bytes of a range, to be written.
    #[inline(always)]
    pub fn bytes_mut(&mut self, range: Range<usize>) -> &mut [u8] {
        assert!(range.start <= range.end && range.end <= self.map.len());
        // SAFETY: the start is within the mapping, which the assertion above has checked.
        let start = unsafe { self.map.as_mut_ptr().add(range.start) };
        // SAFETY: the range is mapped for reading and writing as long as `self.map` lives, which
        // `self` outlives the slice by its lifetime. No other reference to these bytes exists: this
        // is the only `MappedSegment` of the map (`new` makes one, it is not `Clone`), it is
        // borrowed mutably, and `Pages` never looks at the bytes.
        unsafe { std::slice::from_raw_parts_mut(start, range.end - range.start) }
    }

    /// Stores a word after all stores before it, for whoever reads the file: another process, or
    /// the next one after this was killed. Its offset is a multiple of eight.
    #[inline(always)]
    pub fn store_last(&mut self, offset: usize, word: u64) {
        assert!(offset.is_multiple_of(8) && offset <= self.map.len() - 8);
        // SAFETY: the offset is within the mapping, which the assertion above has checked.
        let pointer = unsafe { self.map.as_mut_ptr().add(offset) }.cast::<u64>();
        // SAFETY: the pointer is aligned (a mapping begins on a page, the offset is a multiple of
        // eight), valid while `self.map` lives, and not accessed otherwise meanwhile: `&mut self`.
        let atomic = unsafe { AtomicU64::from_ptr(pointer) };
        atomic.store(word.to_le(), Ordering::Release);
    }

    /// Faults in every page by writing a byte of it, for kernels that cannot populate.
    #[cold]
    pub fn touch(&mut self) {
        for offset in (0..self.size()).step_by(PAGE_SIZE) {
            let byte = &mut self.bytes_mut(offset..offset + 1)[0];
            *byte = std::hint::black_box(*byte);
        }
    }
}

impl Pages {
    /// How many bytes are mapped.
    pub fn size(&self) -> usize {
        self.map.len()
    }

    /// Makes every page of the range writable without a fault, its content untouched: the kernel
    /// does it, so that it cannot race with the writer's stores. `InvalidInput` before Linux 5.14.
    pub fn populate(&self, range: Range<usize>) -> io::Result<()> {
        let range = self.clip(range);
        if range.is_empty() {
            return Ok(());
        }
        self.map.advise_range(
            memmap2::Advice::PopulateWrite,
            range.start,
            range.end - range.start,
        )
    }

    /// Waits until every page of the range is on the disk.
    pub fn sync(&self, range: Range<usize>) -> io::Result<()> {
        let range = self.clip(range);
        if range.is_empty() {
            return Ok(());
        }
        self.map.flush_range(range.start, range.end - range.start)
    }

    /// Whole pages, within the mapping.
    fn clip(&self, range: Range<usize>) -> Range<usize> {
        let end = range.end.min(self.map.len());
        range.start / PAGE_SIZE * PAGE_SIZE..end
    }
}

#[cfg(test)]
mod tests {
    use super::{HUGE_PAGE_SIZE, claim};

    #[test]
    fn what_is_claimed_stays_as_it_was() {
        let mut table = Vec::with_capacity(HUGE_PAGE_SIZE);
        table.extend(0..100_000_u32);
        claim(table.as_ptr().cast(), table.capacity() * size_of::<u32>());
        assert!(table.iter().copied().eq(0..100_000));
        claim(std::ptr::null(), HUGE_PAGE_SIZE);
        claim(std::ptr::null(), 1);
    }
}
