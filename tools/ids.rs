//! Ids: client order ids that no other run has, and the way back to their numbers.
//!
//! Hot path.

use portcullis::message::Text;

/// Ids of this run: a prefix that no other run has, and the number of the command.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ids {
    prefix: [u8; PREFIX_SIZE],
}

impl Ids {
    /// `run` tells this run from all others.
    pub(crate) fn new(run: u64) -> Self {
        let mut prefix = [b'-'; PREFIX_SIZE];
        for (at, digit) in prefix[..PREFIX_SIZE - 1].iter_mut().enumerate() {
            *digit = b"0123456789abcdef"[(run >> (4 * at) & 15) as usize];
        }
        Self { prefix }
    }

    /// The id of a number.
    #[inline]
    pub(crate) fn text(&self, mut number: u64) -> Text {
        let mut bytes = [b'0'; PREFIX_SIZE + DIGITS];
        bytes[..PREFIX_SIZE].copy_from_slice(&self.prefix);
        for digit in bytes[PREFIX_SIZE..].iter_mut().rev() {
            *digit = b'0' + (number % 10) as u8;
            number /= 10;
        }
        let text = std::str::from_utf8(&bytes).ok().and_then(Text::new);
        text.expect("digits are printable")
    }

    /// The number of an id of this run.
    #[inline]
    pub(crate) fn number(&self, text: &Text) -> Option<u64> {
        let bytes = text.bytes();
        if bytes[..PREFIX_SIZE] != self.prefix || bytes[PREFIX_SIZE + DIGITS] != 0 {
            return None;
        }
        let digits = &bytes[PREFIX_SIZE..PREFIX_SIZE + DIGITS];
        digits.iter().try_fold(0u64, |number, digit| {
            let digit = digit.checked_sub(b'0').filter(|digit| *digit < 10)?;
            Some(number * 10 + u64::from(digit))
        })
    }
}

const PREFIX_SIZE: usize = 13;
const DIGITS: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_leads_back_to_its_number_and_no_other_id_does() {
        let ids = Ids::new(0x1234_5678_9abc);
        for number in [0, 1, 9, 10, 999_999_999_999] {
            let text = ids.text(number);
            assert!(text.is_id());
            assert_eq!(ids.number(&text), Some(number));
            assert_eq!(Ids::new(7).number(&text), None);
        }
        for text in [
            "",
            "cba987654321-",
            "cba987654321-00000000000x",
            "cba987654321-0000000000001",
        ] {
            assert_eq!(ids.number(&Text::new(text).unwrap()), None, "{text}");
        }
        assert_eq!(ids.text(5).as_str(), "cba987654321-000000000005");
    }
}
