//! Limit: the limits that an operator may change while the gate runs, and how they are written.

use super::Scope;
use crate::units::{DecimalError, Notional, Qty, parse_decimal, write_decimal};

wire_enum! {
    /// A limit that is one number. Windows and ages have memory of their own sizes and change only with
    /// the configuration.
    LimitKey {
        /// A quantity.
        OrderQty = 1, "order_qty_max";
        /// A value.
        OrderNotional = 2, "order_notional_max";
        /// In 1e-4 of a basis point.
        PriceCollar = 3, "price_collar_bps";
        /// A count.
        OpenOrders = 4, "open_orders_max";
        /// A value.
        OpenNotional = 5, "open_notional_max";
        /// A quantity.
        PositionQty = 6, "position_qty_max";
        /// A value.
        PositionValue = 7, "position_value_max";
        /// A value.
        GrossExposure = 8, "gross_exposure_max";
        /// A value.
        NetExposure = 9, "net_exposure_max";
        /// A quantity.
        DayQty = 10, "day_qty_max";
        /// A value.
        DayValue = 11, "day_value_max";
        /// A count.
        DayOrders = 12, "day_orders_max";
        /// A count.
        BasketLines = 13, "basket_lines_max";
        /// A value.
        BasketNotional = 14, "basket_notional_max";
        /// A value.
        DayLoss = 15, "day_loss_max";
        /// A value.
        Drawdown = 16, "drawdown_max";
        /// A value.
        RollingLoss = 17, "rolling_loss_max";
        /// A value.
        ValueAtRisk = 20, "value_at_risk_max";
        /// A value.
        ExpectedShortfall = 21, "expected_shortfall_max";
        /// A value.
        StressLoss = 22, "stress_loss_max";
        /// A value.
        Margin = 23, "margin_max";
        /// In millionths.
        ClusterShare = 24, "cluster_share_max";
        /// A value.
        ClusterFree = 25, "cluster_share_free";
    }
}

/// Basis points are held in 1e-4 of one.
const BPS_DIGITS: u32 = 4;

/// Shares are held in millionths.
const SHARE_DIGITS: u32 = 6;

/// How a limit counts.
enum Unit {
    Share,
    Count,
    Qty,
    Notional,
    Bps,
}

impl LimitKey {
    /// Stands for a limit that is off.
    pub const OFF: u128 = u128::MAX;

    const fn unit(self) -> Unit {
        match self {
            Self::OrderQty | Self::PositionQty | Self::DayQty => Unit::Qty,
            Self::PriceCollar => Unit::Bps,
            Self::ClusterShare => Unit::Share,
            Self::OpenOrders | Self::DayOrders | Self::BasketLines => Unit::Count,
            _ => Unit::Notional,
        }
    }

    /// True where it holds anything back at a level of this kind: baskets are counted for the firm, for
    /// accounts and for strategies alone, tails for desks too.
    pub const fn limits(self, scope: Scope) -> bool {
        match self {
            Self::BasketLines | Self::BasketNotional => {
                matches!(scope, Scope::Firm | Scope::Account | Scope::Strategy)
            }
            Self::ValueAtRisk
            | Self::ExpectedShortfall
            | Self::StressLoss
            | Self::Margin
            | Self::ClusterShare
            | Self::ClusterFree => !matches!(scope, Scope::Symbol | Scope::Group),
            _ => true,
        }
    }

    /// The largest number that it may be.
    pub const fn max(self) -> u128 {
        match self.unit() {
            Unit::Count => u32::MAX as u128,
            Unit::Qty => Qty::MAX.raw() as u128,
            Unit::Notional => i128::MAX as u128,
            // A hundred times the reference, as in the configuration.
            Unit::Bps => 10_000_000_000,
            Unit::Share => 1_000_000,
        }
    }

    /// From what users write: a decimal, or `off`.
    pub fn parse(self, text: &str) -> Result<u128, DecimalError> {
        if text == "off" {
            return Ok(Self::OFF);
        }
        let raw = match self.unit() {
            Unit::Qty => Qty::parse(text)?.raw().into(),
            Unit::Notional => Notional::parse(text)?.raw(),
            Unit::Count => positive(parse_decimal(text, 0)?)?,
            Unit::Bps => positive(parse_decimal(text, BPS_DIGITS)?)?,
            Unit::Share => positive(parse_decimal(text, SHARE_DIGITS)?)?,
        };
        match raw <= self.max() {
            true => Ok(raw),
            false => Err(DecimalError::OutOfRange),
        }
    }

    /// As users write it.
    pub fn show(self, raw: u128) -> String {
        if raw == Self::OFF {
            return "off".to_owned();
        }
        let mut text = String::new();
        match self.unit() {
            Unit::Qty => return Qty::from_raw(raw as u64).to_string(),
            Unit::Notional => return Notional::from_raw(raw).to_string(),
            Unit::Count => text.push_str(&raw.to_string()),
            Unit::Bps => write_decimal(&mut text, raw as i128, BPS_DIGITS).unwrap_or_default(),
            Unit::Share => write_decimal(&mut text, raw as i128, SHARE_DIGITS).unwrap_or_default(),
        }
        text
    }
}

fn positive(value: i128) -> Result<u128, DecimalError> {
    u128::try_from(value).map_err(|_| DecimalError::OutOfRange)
}
