//! Units: every number with a meaning has a type, and only meaningful operations exist.
//!
//! Prices are integers of 1e-9 of the quote currency, quantities integers of 1e-8 of the traded
//! unit; their product is exact in 128 bits, at 1e-17. Nothing here rounds and nothing wraps.
//! Text is read digit by digit: no decimal ever passes through a float.

use bytemuck::{Pod, Zeroable};
use std::fmt;

/// In 1e-9 of the quote currency. Signed: spreads and some futures trade below zero.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd, Hash, Pod, Zeroable)]
#[repr(transparent)]
pub struct Price(i64);

/// In 1e-8 of the traded unit. Never negative: the side says which way.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd, Hash, Pod, Zeroable)]
#[repr(transparent)]
pub struct Qty(u64);

/// A signed quantity, in 1e-8: positive is long.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd, Hash, Pod, Zeroable)]
#[repr(transparent)]
pub struct Position(i64);

/// Price times quantity, in 1e-17 of the quote currency. An amount at risk: never negative.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd, Hash)]
#[repr(transparent)]
pub struct Notional(u128);

/// A signed sum of money, in 1e-9 of the quote currency: fees.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd, Hash, Pod, Zeroable)]
#[repr(transparent)]
pub struct Money(i64);

/// A signed sum of money, in 1e-17: what a [`Notional`] is, paid or received. Sums stop at the widest.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd, Hash)]
#[repr(transparent)]
pub struct Amount(i128);

/// Nanoseconds: an instant since 1970 UTC, or a span of time.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd, Hash, Pod, Zeroable)]
#[repr(transparent)]
pub struct Nanos(u64);

/// The account an order is booked to: its place in the configuration.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd, Hash, Pod, Zeroable)]
#[repr(transparent)]
pub struct AccountId(pub u32);

/// The strategy that sends: its place in the configuration. One strategy has one session.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd, Hash, Pod, Zeroable)]
#[repr(transparent)]
pub struct StrategyId(pub u32);

/// The instrument: its place in the configuration.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd, Hash, Pod, Zeroable)]
#[repr(transparent)]
pub struct SymbolId(pub u32);

/// A trading calendar: its place in the configuration.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd, Hash)]
pub struct CalendarId(pub u32);

/// A desk: its place in the configuration.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd, Hash)]
pub struct DeskId(pub u32);

/// The link to a broker: its place in the configuration.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd, Hash, Pod, Zeroable)]
#[repr(transparent)]
pub struct BrokerId(pub u32);

/// The gate's own number of an accepted order, never used twice in a journal's life.
/// The low 24 bits are its slot, the rest counts acceptances from 1. Zero is no order.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd, Hash, Pod, Zeroable)]
#[repr(transparent)]
pub struct OrderId(pub u64);

impl AccountId {
    /// No account: an id that no configuration gives out.
    pub const NONE: Self = Self(u32::MAX);
}

impl StrategyId {
    /// No strategy: commands of operators, brokers and clocks carry it.
    pub const NONE: Self = Self(u32::MAX);
}

impl SymbolId {
    /// No symbol.
    pub const NONE: Self = Self(u32::MAX);
}

impl BrokerId {
    /// No broker.
    pub const NONE: Self = Self(u32::MAX);
}

impl OrderId {
    /// No order.
    pub const NONE: Self = Self(0);
    /// How many bits of an order id name its slot.
    pub const SLOT_BITS: u32 = 24;

    /// The id of the `serial`th acceptance, held in `slot`.
    #[inline]
    pub const fn new(serial: u64, slot: u32) -> Self {
        Self(serial << Self::SLOT_BITS | slot as u64)
    }

    /// The slot in the order table.
    #[inline]
    pub const fn slot(self) -> u32 {
        (self.0 & ((1 << Self::SLOT_BITS) - 1)) as u32
    }

    /// Which acceptance this was, from 1.
    #[inline]
    pub const fn serial(self) -> u64 {
        self.0 >> Self::SLOT_BITS
    }
}

impl Price {
    /// Decimal digits behind the point.
    pub const DIGITS: u32 = 9;

    /// From integers of 1e-9.
    #[inline]
    pub const fn from_raw(raw: i64) -> Self {
        Self(raw)
    }

    /// In integers of 1e-9.
    #[inline]
    pub const fn raw(self) -> i64 {
        self.0
    }

    /// Exact. The product of the two widest values still fits.
    #[inline]
    pub const fn notional(self, qty: Qty) -> Notional {
        Notional(self.0.unsigned_abs() as u128 * qty.0 as u128)
    }

    /// Reads a decimal exactly.
    pub fn parse(text: &str) -> Result<Self, DecimalError> {
        let raw = parse_decimal(text, Self::DIGITS)?;
        i64::try_from(raw)
            .map(Self)
            .map_err(|_| DecimalError::OutOfRange)
    }
}

impl Qty {
    /// Decimal digits behind the point.
    pub const DIGITS: u32 = 8;
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// The widest quantity that an order may have: its sum with any position fits 64 bits.
    pub const MAX: Self = Self(i64::MAX as u64 / 2);

    /// From integers of 1e-8.
    #[inline]
    pub const fn from_raw(raw: u64) -> Self {
        Self(raw)
    }

    /// In integers of 1e-8.
    #[inline]
    pub const fn raw(self) -> u64 {
        self.0
    }

    /// What is left of it, at least nothing.
    #[inline]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// `None` when the sum does not fit, which the caller must treat as a breach.
    #[inline]
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(sum) => Some(Self(sum)),
            None => None,
        }
    }

    /// The sum, or the widest value: for sums that may only be overstated.
    #[inline]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// Reads a decimal exactly.
    pub fn parse(text: &str) -> Result<Self, DecimalError> {
        let raw = parse_decimal(text, Self::DIGITS)?;
        match u64::try_from(raw).map(Self) {
            Ok(qty) if qty <= Self::MAX => Ok(qty),
            _ => Err(DecimalError::OutOfRange),
        }
    }
}

impl Position {
    /// Flat.
    pub const ZERO: Self = Self(0);

    /// From integers of 1e-8.
    #[inline]
    pub const fn from_raw(raw: i64) -> Self {
        Self(raw)
    }

    /// In integers of 1e-8.
    #[inline]
    pub const fn raw(self) -> i64 {
        self.0
    }

    /// Reads a decimal exactly.
    pub fn parse(text: &str) -> Result<Self, DecimalError> {
        let raw = parse_decimal(text, Qty::DIGITS)?;
        match i64::try_from(raw).map(Self) {
            Ok(position) if position.abs() <= Qty::MAX => Ok(position),
            _ => Err(DecimalError::OutOfRange),
        }
    }

    /// How much, whichever way.
    #[inline]
    pub const fn abs(self) -> Qty {
        Qty(self.0.unsigned_abs())
    }
}

impl Notional {
    /// Decimal digits behind the point.
    pub const DIGITS: u32 = Price::DIGITS + Qty::DIGITS;
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// The widest value of one order or one position: 2^24 of them still add up in 128 bits.
    pub const EXPOSURE_MAX: Self = Self(1 << 104);

    /// From integers of 1e-17.
    #[inline]
    pub const fn from_raw(raw: u128) -> Self {
        Self(raw)
    }

    /// In integers of 1e-17.
    #[inline]
    pub const fn raw(self) -> u128 {
        self.0
    }

    /// `None` when the sum does not fit, which the caller must treat as a breach.
    #[inline]
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(sum) => Some(Self(sum)),
            None => None,
        }
    }

    /// The sum, or the widest value: for sums that may only be overstated.
    #[inline]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// What is left of it, at least nothing.
    #[inline]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// Reads a decimal exactly.
    pub fn parse(text: &str) -> Result<Self, DecimalError> {
        let raw = parse_decimal(text, Self::DIGITS)?;
        u128::try_from(raw)
            .map(Self)
            .map_err(|_| DecimalError::OutOfRange)
    }
}

impl Money {
    /// Decimal digits behind the point.
    pub const DIGITS: u32 = 9;

    /// From integers of 1e-9.
    pub const fn from_raw(raw: i64) -> Self {
        Self(raw)
    }

    /// In integers of 1e-9.
    pub const fn raw(self) -> i64 {
        self.0
    }

    /// Reads a decimal exactly.
    pub fn parse(text: &str) -> Result<Self, DecimalError> {
        let raw = parse_decimal(text, Self::DIGITS)?;
        i64::try_from(raw)
            .map(Self)
            .map_err(|_| DecimalError::OutOfRange)
    }
}

impl Amount {
    /// Decimal digits behind the point.
    pub const DIGITS: u32 = Notional::DIGITS;
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// From integers of 1e-17.
    #[inline]
    pub const fn from_raw(raw: i128) -> Self {
        Self(raw)
    }

    /// In integers of 1e-17.
    #[inline]
    pub const fn raw(self) -> i128 {
        self.0
    }

    /// The sum.
    #[inline]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The difference.
    #[inline]
    pub const fn less(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// The same the other way.
    #[inline]
    pub const fn negated(self) -> Self {
        Self(self.0.saturating_neg())
    }

    /// Reads a decimal exactly.
    pub fn parse(text: &str) -> Result<Self, DecimalError> {
        parse_decimal(text, Self::DIGITS).map(Self)
    }
}

impl From<Money> for Amount {
    fn from(money: Money) -> Self {
        const SCALE: i128 = 10i128.pow(Amount::DIGITS - Money::DIGITS);
        Self(i128::from(money.0) * SCALE)
    }
}

impl Nanos {
    /// The beginning of 1970, or no time at all.
    pub const ZERO: Self = Self(0);
    /// Later than any instant.
    pub const MAX: Self = Self(u64::MAX);

    /// From nanoseconds.
    #[inline]
    pub const fn from_raw(raw: u64) -> Self {
        Self(raw)
    }

    /// In nanoseconds.
    #[inline]
    pub const fn raw(self) -> u64 {
        self.0
    }

    /// From whole milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// From whole seconds.
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1_000_000_000))
    }

    /// The span from `earlier` to `self`, or nothing if it lies the other way.
    #[inline]
    pub const fn since(self, earlier: Self) -> Self {
        Self(self.0.saturating_sub(earlier.0))
    }

    /// The instant a span later, or the end of time.
    #[inline]
    pub const fn after(self, span: Self) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// As the standard library's span, for system calls.
    pub const fn to_duration(self) -> std::time::Duration {
        std::time::Duration::from_nanos(self.0)
    }
}

/// Why a text is not the number that was asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum DecimalError {
    /// No digit.
    Empty,
    /// A character that no decimal has.
    NotADecimal,
    /// More digits behind the point than the unit has; digits are never dropped.
    TooPrecise,
    /// The unit cannot hold it.
    OutOfRange,
}

impl fmt::Display for DecimalError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Empty => "no digits; write a decimal such as 223.81",
            Self::NotADecimal => "not a decimal; write digits with at most one point, as in 223.81",
            Self::TooPrecise => "more digits behind the point than the unit holds; none is dropped",
            Self::OutOfRange => "outside the range of the unit",
        })
    }
}

/// Reads `-123.450` or `1.2e-3` as an integer of `10^-digits`, exactly or not at all.
pub fn parse_decimal(text: &str, digits: u32) -> Result<i128, DecimalError> {
    let bytes = text.as_bytes();
    let (negative, bytes) = match bytes {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, bytes),
    };
    let (mantissa, exponent) = match bytes.iter().position(|byte| matches!(byte, b'e' | b'E')) {
        Some(at) => (&bytes[..at], parse_exponent(&bytes[at + 1..])?),
        None => (bytes, 0),
    };
    let (mut value, mut point, mut digit_count) = (0i128, None, 0usize);
    for &byte in mantissa {
        match byte {
            b'0'..=b'9' => {
                digit_count += 1;
                value = value
                    .checked_mul(10)
                    .and_then(|value| value.checked_add(i128::from(byte - b'0')))
                    .ok_or(DecimalError::OutOfRange)?;
            }
            b'.' if point.is_none() => point = Some(digit_count),
            _ => return Err(DecimalError::NotADecimal),
        }
    }
    if digit_count == 0 {
        return Err(DecimalError::Empty);
    }
    if mantissa.first() == Some(&b'.') || mantissa.last() == Some(&b'.') {
        return Err(DecimalError::NotADecimal);
    }
    let fraction = (digit_count - point.unwrap_or(digit_count)) as i64;
    let mut shift = i64::from(digits) + exponent - fraction;
    while shift > 0 && value != 0 {
        value = value.checked_mul(10).ok_or(DecimalError::OutOfRange)?;
        shift -= 1;
    }
    while shift < 0 && value != 0 {
        if value % 10 != 0 {
            return Err(DecimalError::TooPrecise);
        }
        value /= 10;
        shift += 1;
    }
    Ok(if negative { -value } else { value })
}

fn parse_exponent(bytes: &[u8]) -> Result<i64, DecimalError> {
    let (negative, digits) = match bytes {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    if digits.is_empty() || digits.len() > 3 || !digits.iter().all(u8::is_ascii_digit) {
        return Err(DecimalError::NotADecimal);
    }
    let value = digits
        .iter()
        .fold(0i64, |value, byte| value * 10 + i64::from(byte - b'0'));
    Ok(if negative { -value } else { value })
}

/// Writes an integer of `10^-digits` as the shortest decimal that says the same.
pub fn write_decimal(out: &mut impl fmt::Write, raw: i128, digits: u32) -> fmt::Result {
    let scale = 10u128.pow(digits);
    let magnitude = raw.unsigned_abs();
    let (whole, mut fraction) = (magnitude / scale, magnitude % scale);
    if raw < 0 {
        out.write_char('-')?;
    }
    write!(out, "{whole}")?;
    if fraction == 0 {
        return Ok(());
    }
    let mut width = digits as usize;
    while fraction % 10 == 0 {
        fraction /= 10;
        width -= 1;
    }
    write!(out, ".{fraction:0width$}")
}

impl fmt::Display for Price {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_decimal(out, i128::from(self.0), Self::DIGITS)
    }
}

impl fmt::Display for Qty {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_decimal(out, i128::from(self.0), Self::DIGITS)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_decimal(out, i128::from(self.0), Qty::DIGITS)
    }
}

impl fmt::Display for Notional {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_decimal(
            out,
            i128::try_from(self.0).unwrap_or(i128::MAX),
            Self::DIGITS,
        )
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_decimal(out, self.0, Self::DIGITS)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_decimal(out, i128::from(self.0), Self::DIGITS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_read_exactly() {
        assert_eq!(Price::parse("223.81"), Ok(Price(223_810_000_000)));
        assert_eq!(Price::parse("-37.63"), Ok(Price(-37_630_000_000)));
        assert_eq!(Price::parse("0.000000001"), Ok(Price(1)));
        assert_eq!(Price::parse("1.5e2"), Ok(Price(150_000_000_000)));
        assert_eq!(
            Price::parse("150.0000000000000"),
            Ok(Price(150_000_000_000))
        );
        assert_eq!(Qty::parse("0.00000001"), Ok(Qty(1)));
        assert_eq!(
            Notional::parse("5000000"),
            Ok(Notional(500_000_000_000_000_000_000_000))
        );
    }

    #[test]
    fn what_is_not_a_decimal_is_refused() {
        for text in [
            "", "-", ".", "1.", ".5", "1..2", "1,5", "+5", " 5", "NaN", "1e", "1e1000", "--1",
        ] {
            assert!(Price::parse(text).is_err(), "{text:?}");
        }
        assert_eq!(Price::parse("0.0000000001"), Err(DecimalError::TooPrecise));
        assert_eq!(Price::parse("9223372037"), Err(DecimalError::OutOfRange));
        assert_eq!(Price::parse("1e999"), Err(DecimalError::OutOfRange));
        assert_eq!(Qty::parse("-1"), Err(DecimalError::OutOfRange));
        let long = "9".repeat(400);
        assert_eq!(Qty::parse(&long), Err(DecimalError::OutOfRange));
    }

    #[test]
    fn what_is_written_reads_the_same() {
        for raw in [
            0,
            1,
            -1,
            10,
            223_810_000_000,
            i64::MAX,
            i64::MIN,
            -1_500_000_000,
        ] {
            let price = Price(raw);
            assert_eq!(Price::parse(&price.to_string()), Ok(price));
        }
        assert_eq!(Price(223_810_000_000).to_string(), "223.81");
        assert_eq!(Price(-500_000_000).to_string(), "-0.5");
    }

    #[test]
    fn the_widest_notional_fits() {
        let notional = Price(i64::MIN).notional(Qty(u64::MAX));
        assert_eq!(notional.raw(), (1u128 << 63) * u128::from(u64::MAX));
    }

    #[test]
    fn an_order_id_names_its_slot_and_serial() {
        let id = OrderId::new(77, 0xABCDEF);
        assert_eq!((id.slot(), id.serial()), (0xABCDEF, 77));
    }
}
