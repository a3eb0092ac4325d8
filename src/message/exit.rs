//! Exit: the terms that an operator sets, and how they are written.
//!
//! Pure.

use super::ExitChange;
use crate::units::{DecimalError, Nanos, parse_decimal, write_decimal};

/// Digits behind the point of a basis point.
const DIGITS: u32 = 2;

impl ExitChange {
    /// Takes a part away.
    pub const PART_OFF: u32 = u32::MAX;
    /// Takes the time away.
    pub const TIME_OFF: Nanos = Nanos::MAX;

    /// The parts, by the key of the configuration that each is like.
    pub const fn parts(&self) -> [(&'static str, u32); 4] {
        [
            ("stop_loss_bps", self.stop_loss_bps),
            ("take_profit_bps", self.take_profit_bps),
            ("trailing_stop_bps", self.trailing_stop_bps),
            ("break_even_bps", self.break_even_bps),
        ]
    }

    /// True where it sets or takes away at least one term.
    pub fn tells_terms(&self) -> bool {
        self.hold_max != Nanos::ZERO || self.parts().iter().any(|(_, part)| *part != 0)
    }

    /// A part from basis points, or `off`. Nothing at all is no part.
    pub fn parse_part(text: &str) -> Result<u32, DecimalError> {
        if text == "off" {
            return Ok(Self::PART_OFF);
        }
        let raw = parse_decimal(text, DIGITS)?;
        let raw = u32::try_from(raw).map_err(|_| DecimalError::OutOfRange)?;
        match raw {
            0 | Self::PART_OFF => Err(DecimalError::OutOfRange),
            raw => Ok(raw),
        }
    }

    /// As [`Self::parse_part`] reads it.
    pub fn show_part(part: u32) -> String {
        if part == Self::PART_OFF {
            return "off".to_owned();
        }
        let mut text = String::new();
        // A String takes everything.
        let _ = write_decimal(&mut text, i128::from(part), DIGITS);
        text
    }
}
