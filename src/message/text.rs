//! Text: an id or a note, as its sender wrote it.
//!
//! Pure.

use super::TEXT_SIZE;
use bytemuck::{Pod, Zeroable};
use std::fmt;

/// A short text of printable ASCII, filled up with zeros: an id as its sender wrote it.
#[derive(Clone, Copy, Eq, Hash, PartialEq, Pod, Zeroable)]
#[repr(transparent)]
pub struct Text([u8; TEXT_SIZE]);

impl Text {
    /// No text.
    pub const EMPTY: Self = Self([0; TEXT_SIZE]);

    /// `None` where it is longer than 36 bytes or has anything but printable ASCII.
    pub fn new(text: &str) -> Option<Self> {
        let mut bytes = [0; TEXT_SIZE];
        bytes
            .get_mut(..text.len())?
            .copy_from_slice(text.as_bytes());
        let text = Self(bytes);
        (text.is_empty() || text.is_id()).then_some(text)
    }

    /// Two parts of a text that is known to fit and to be clean; what does not fit is left out.
    pub(crate) fn of_parts(first: &[u8], second: &[u8]) -> Self {
        let mut bytes = [0; TEXT_SIZE];
        for (to, from) in bytes.iter_mut().zip(first.iter().chain(second)) {
            *to = *from;
        }
        Self(bytes)
    }

    /// True where it is not empty, all printable ASCII, and zero behind its end.
    #[inline]
    pub fn is_id(&self) -> bool {
        self.0[0] != 0 && self.is_clean()
    }

    /// True for no text at all.
    pub fn is_empty(&self) -> bool {
        self.0 == [0; TEXT_SIZE]
    }

    /// The bytes, with the zeros behind.
    #[inline]
    pub const fn bytes(&self) -> &[u8; TEXT_SIZE] {
        &self.0
    }

    /// As text; what is not clean shows as nothing.
    pub fn as_str(&self) -> &str {
        let len = self
            .0
            .iter()
            .position(|&byte| byte == 0)
            .unwrap_or(TEXT_SIZE);
        std::str::from_utf8(&self.0[..len]).unwrap_or("")
    }

    /// Eight bytes at a time, and no further than the text: this runs for every order.
    #[inline]
    fn is_clean(&self) -> bool {
        let [first, second, third, fourth, last] = self.words();
        // Most ids are short.
        if third | fourth | last == 0 {
            let (first_is_clean, first_is_full) = look(first);
            return first_is_clean & look(second).0 & (first_is_full | (second == 0));
        }
        self.is_clean_long()
    }

    fn is_clean_long(&self) -> bool {
        let mut is_open = true;
        self.words().into_iter().all(|word| {
            let (is_clean, is_full) = look(word);
            // What is behind the end must be zero.
            let may_stand = is_open || word == 0;
            is_open &= is_full;
            is_clean && may_stand
        })
    }

    /// The text as numbers; the last one holds four bytes.
    #[inline(always)]
    pub(crate) fn words(&self) -> [u64; 5] {
        let word = |at: usize, size: usize| {
            let mut word = [0; 8];
            word[..size].copy_from_slice(&self.0[at..at + size]);
            u64::from_le_bytes(word)
        };
        [
            word(0, 8),
            word(8, 8),
            word(16, 8),
            word(24, 8),
            word(32, 4),
        ]
    }
}

/// True where a word is printable ASCII and, behind that, zeros; and true where it is full of text.
#[inline(always)]
const fn look(word: u64) -> (bool, bool) {
    // The high bit of each byte is the answer for that byte. Sums do not reach into the next byte
    // where no byte has its own high bit, and where one has, it is dirty.
    let low = word & !HIGHS;
    let is_some = low + !HIGHS;
    let is_printable = (low + 0x60 * ONES) & !(low + ONES);
    let is_dirty = (word | (is_some & !is_printable)) & HIGHS;
    // Whole bytes of ones where there is text: a number of the form 2^n - 1 has no gap.
    let text = ((is_some & HIGHS) >> 7).wrapping_mul(0xff);
    let is_clean = (is_dirty == 0) & (text & text.wrapping_add(1) == 0);
    (is_clean, text == u64::MAX)
}

/// A one in every byte, and the high bit of every byte.
const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x80 * ONES;

impl Default for Text {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:?}", self.as_str())
    }
}

impl fmt::Display for Text {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clean_slow(bytes: &[u8; TEXT_SIZE]) -> bool {
        let len = bytes
            .iter()
            .position(|&byte| byte == 0)
            .unwrap_or(TEXT_SIZE);
        bytes[..len].iter().all(|byte| (0x20..0x7f).contains(byte))
            && bytes[len..].iter().all(|&byte| byte == 0)
    }

    #[test]
    fn a_text_is_clean_exactly_when_the_slow_check_says_so() {
        for len in 0..=TEXT_SIZE {
            for at in 0..TEXT_SIZE {
                for byte in [0u8, 1, 0x1f, 0x20, b'a', 0x7e, 0x7f, 0x80, 0xa0, 0xff] {
                    let mut bytes = [0; TEXT_SIZE];
                    bytes[..len].fill(b'x');
                    bytes[at] = byte;
                    assert_eq!(Text(bytes).is_clean(), clean_slow(&bytes), "{bytes:?}");
                }
            }
        }
    }
}
