//! Arguments: what several tools are told in the same way.

use core_affinity::CoreId;
use portcullis::units::{Nanos, Price, Qty, parse_decimal};

/// Reads a duration such as `50us`, `500ms` or `2s`.
pub(crate) fn duration(text: &str) -> Result<Nanos, String> {
    let help = "write a duration, as in 50us, 500ms or 2s";
    let span: jiff::SignedDuration = text.parse().map_err(|_| help)?;
    let nanos = u64::try_from(span.as_nanos()).map_err(|_| help)?;
    Ok(Nanos::from_raw(nanos))
}

/// Reads a part of one such as `0.05`, into millionths.
pub(crate) fn share(text: &str) -> Result<u32, String> {
    let share = parse_decimal(text, 6).ok();
    share
        .filter(|share| (0..=1_000_000).contains(share))
        .and_then(|share| u32::try_from(share).ok())
        .ok_or_else(|| "write a part of 1 with at most 6 decimals, as in 0.05".to_owned())
}

/// Reads a price.
pub(crate) fn price(text: &str) -> Result<Price, String> {
    Price::parse(text).map_err(|error| error.to_string())
}

/// Reads a quantity.
pub(crate) fn qty(text: &str) -> Result<Qty, String> {
    Qty::parse(text).map_err(|error| error.to_string())
}

/// Pins this thread to a core, if one is named.
pub(crate) fn pin(core: Option<usize>) -> Result<(), String> {
    match core {
        Some(id) if !core_affinity::set_for_current(CoreId { id }) => {
            Err(format!("core {id}: this process may not run on it"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_shares_are_exact_or_refused() {
        assert_eq!(duration("50us"), Ok(Nanos::from_raw(50_000)));
        assert_eq!(duration("1.5s"), Ok(Nanos::from_millis(1_500)));
        assert_eq!(share("0.05"), Ok(50_000));
        assert_eq!(share("1"), Ok(1_000_000));
        for text in ["", "5", "-1s", "1 parsec"] {
            assert!(duration(text).is_err(), "{text}");
        }
        for text in ["", "1.000001", "-0.1", "0.0000001", "half"] {
            assert!(share(text).is_err(), "{text}");
        }
    }
}
