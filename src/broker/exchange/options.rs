//! Options: how the simulated exchange behaves, and how it misbehaves.

use crate::units::Nanos;

/// How the exchange behaves. The default answers at once and makes no mistake.
#[derive(Clone, Debug, PartialEq)]
pub struct ExchangeOptions {
    /// Of everything that is left to chance: the same seed, the same day.
    pub seed: u64,
    /// From the arrival of a request to its effect and its report. Default: none.
    pub latency: Nanos,
    /// Up to so much more, drawn anew for each request; requests never overtake one another.
    pub latency_jitter: Nanos,
    /// How the market's quotes stand in the book. Default: a size that is not said is unlimited.
    pub liquidity: Liquidity,
    /// The fee in millionths of a fill's value, rounded up. Default: none.
    pub fee_per_million: u32,
    /// Symbols are numbered below this. Default: 65,536.
    pub symbols_max: u32,
    /// So many closed orders are remembered at the least. Default: 1,048,576.
    pub closed_orders_max: usize,
    /// So many sent reports are kept for a replay. Default: 131,072.
    pub history_max: usize,
    /// Everything received and sent is written down, to be taken by
    /// [`super::Exchange::take_ledger`]. Default: no.
    pub has_ledger: bool,
    /// What goes wrong. Default: nothing.
    pub faults: Faults,
}

/// How the market's quotes stand in the book.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Liquidity {
    /// Not at all: only orders trade with one another.
    None,
    /// With the size they say; one that says none has none.
    AsTold,
    /// With the size they say; one that says none is unlimited.
    #[default]
    UnlimitedUnlessTold,
    /// Always unlimited.
    Unlimited,
}

/// What goes wrong. Shares are in millionths; zero is never.
#[derive(Clone, Debug, PartialEq)]
pub struct Faults {
    /// New orders and replaces that are refused without a cause.
    pub reject_per_million: u32,
    /// Cancels that are refused although the order stands.
    pub cancel_reject_per_million: u32,
    /// Reports that are never sent: they take no sequence, only a status request tells.
    pub lose_per_million: u32,
    /// Reports that are sent twice, with one execution id and two sequences.
    pub duplicate_per_million: u32,
    /// Orders that the venue cuts to half, unasked, as soon as they stand.
    pub restate_per_million: u32,
    /// Cancels that are confirmed, and yet the order fills afterwards.
    pub late_fill_per_million: u32,
    /// How long after the confirmation.
    pub late_fill_delay: Nanos,
    /// The link is cut behind every so-manyth request; zero is never.
    pub disconnect_requests: u64,
    /// At most so often. Default: without a bound.
    pub disconnects_max: u64,
    /// At this request, counted from 1, the exchange falls silent; zero is never.
    pub silence_request: u64,
    /// For so long; then it goes on where it stopped.
    pub silence_span: Nanos,
}

impl Default for ExchangeOptions {
    fn default() -> Self {
        Self {
            seed: 0,
            latency: Nanos::ZERO,
            latency_jitter: Nanos::ZERO,
            liquidity: Liquidity::default(),
            fee_per_million: 0,
            symbols_max: 1 << 16,
            closed_orders_max: 1 << 20,
            history_max: 1 << 17,
            has_ledger: false,
            faults: Faults::default(),
        }
    }
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            reject_per_million: 0,
            cancel_reject_per_million: 0,
            lose_per_million: 0,
            duplicate_per_million: 0,
            restate_per_million: 0,
            late_fill_per_million: 0,
            late_fill_delay: Nanos::from_millis(1),
            disconnect_requests: 0,
            disconnects_max: u64::MAX,
            silence_request: 0,
            silence_span: Nanos::from_secs(10),
        }
    }
}
