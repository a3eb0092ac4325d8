//! Row: what was counted and earned in one line of the table, and what that comes to.
//!
//! Pure. Every ratio has an answer where it is divided by nothing: none, which is shown as a dash.

use crate::follower::figures::Share;
use crate::reject::RejectReason;
use crate::units::{Amount, Qty};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// One line. Amounts are in the firm's currency.
#[derive(Clone, Debug, Default)]
pub(super) struct Row {
    pub(super) orders: u64,
    pub(super) accepted: u64,
    pub(super) reasons: BTreeMap<RejectReason, u64>,
    pub(super) cancels: u64,
    pub(super) replaces: u64,
    pub(super) fills: u64,
    /// Orders that had their first fill.
    pub(super) orders_filled: u64,
    pub(super) filled_qty: u128,
    pub(super) filled_value: Amount,
    pub(super) realized: Amount,
    pub(super) fees: Amount,
    /// Fills and corrections in a currency whose rate nobody knew: their value, profit and fees are left out.
    pub(super) unvalued: u64,
    pub(super) exits: u64,
    pub(super) kills: u64,
    pub(super) adjustments: u64,
    pub(super) profit: Amount,
    pub(super) drawdown: Amount,
    /// What each trading day has brought, where that was not nothing.
    days: BTreeMap<String, Amount>,
}

/// What the days of a row come to.
pub(super) struct Days<'a> {
    pub(super) best: Option<(&'a str, Amount)>,
    pub(super) worst: Option<(&'a str, Amount)>,
    pub(super) gains: u64,
    /// Of all days.
    pub(super) gain_share: Option<Share>,
}

impl Row {
    /// A trading day is over.
    pub(super) fn close_day(&mut self, day: &str, profit: Amount) {
        self.profit = self.profit.plus(profit);
        if profit != Amount::ZERO {
            let of_day = self.days.entry(day.to_owned()).or_default();
            *of_day = of_day.plus(profit);
        }
    }

    pub(super) fn refused(&self) -> u64 {
        self.reasons.values().sum()
    }

    /// The reasons that refused most, from the most.
    pub(super) fn top_reasons(&self) -> Vec<(RejectReason, u64)> {
        let mut reasons: Vec<_> = self.reasons.iter().map(|of| (*of.0, *of.1)).collect();
        reasons.sort_by_key(|(reason, count)| (std::cmp::Reverse(*count), *reason));
        reasons
    }

    /// Orders that had a first fill, of those that passed.
    pub(super) fn fill_rate(&self) -> Option<Share> {
        share(self.orders_filled, self.accepted)
    }

    /// New orders and replaces that passed, for each fill: as `order_to_trade_max` counts.
    pub(super) fn order_to_trade(&self) -> Option<Share> {
        share(self.accepted + self.replaces, self.fills)
    }

    /// Over the days that there were, the same of every row.
    pub(super) fn days<'a>(&'a self, all: &'a BTreeSet<String>) -> Days<'a> {
        let of = |day: &'a String| {
            let profit = self.days.get(day).copied().unwrap_or(Amount::ZERO);
            (day.as_str(), profit)
        };
        let gains = all.iter().filter(|day| Amount::ZERO < of(day).1).count() as u64;
        Days {
            // Of equal days the first.
            best: all.iter().map(of).rev().max_by_key(|(_, profit)| *profit),
            worst: all.iter().map(of).min_by_key(|(_, profit)| *profit),
            gains,
            gain_share: share(gains, all.len() as u64),
        }
    }

    pub(super) fn to_json(&self, days: Option<&BTreeSet<String>>) -> Value {
        let reasons = self.top_reasons().into_iter();
        let reasons: Vec<_> = reasons
            .map(|(reason, count)| json!({"reason": reason.name(), "count": count}))
            .collect();
        let text = |share: Option<Share>| share.map(|share| share.to_string());
        let mut value = json!({
            "orders": self.orders,
            "accepted": self.accepted,
            "refused": self.refused(),
            "reasons": reasons,
            "cancels": self.cancels,
            "replaces": self.replaces,
            "fills": self.fills,
            "filled_qty": qty(self.filled_qty),
            "filled_value": self.filled_value.to_string(),
            "fill_rate": text(self.fill_rate()),
            "order_to_trade": text(self.order_to_trade()),
            "realized": self.realized.to_string(),
            "fees": self.fees.to_string(),
            "profit": self.profit.to_string(),
            "drawdown": self.drawdown.to_string(),
            "unvalued": self.unvalued,
            "exits": self.exits,
            "kills": self.kills,
            "adjustments": self.adjustments,
        });
        if let Some(all) = days {
            let of = self.days(all);
            let day = |of: Option<(&str, Amount)>| {
                of.map(|(day, profit)| json!({"day": day, "profit": profit.to_string()}))
            };
            value["best_day"] = json!(day(of.best));
            value["worst_day"] = json!(day(of.worst));
            value["days"] = json!(all.len());
            value["days_with_gain"] = json!(of.gains);
            value["days_with_gain_share"] = json!(text(of.gain_share));
        }
        value
    }
}

/// A sum of quantities, which may be wider than one.
pub(super) fn qty(raw: u128) -> String {
    let mut text = String::new();
    let raw = i128::try_from(raw).unwrap_or(i128::MAX);
    // Writing to a string cannot fail.
    let _ = crate::units::write_decimal(&mut text, raw, Qty::DIGITS);
    text
}

/// None of nothing, whatever part of it.
fn share(part: u64, whole: u64) -> Option<Share> {
    let amount = |count: u64| Amount::from_raw(count.into());
    match whole {
        0 => None,
        whole => Share::of(amount(part), amount(whole)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_never_happened_has_a_defined_answer() {
        let (row, none) = (Row::default(), BTreeSet::new());
        assert_eq!((row.fill_rate(), row.order_to_trade()), (None, None));
        let days = row.days(&none);
        assert_eq!((days.best, days.worst, days.gain_share), (None, None, None));
        let some = BTreeSet::from(["2026-03-02".to_owned()]);
        let days = row.days(&some);
        assert_eq!(days.best, Some(("2026-03-02", Amount::ZERO)));
        assert_eq!(days.gain_share.unwrap().to_string(), "0");
        assert!(row.to_json(Some(&none))["fill_rate"].is_null());
    }
}
