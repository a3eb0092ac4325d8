//! Adjust: a correction as an operator asks for it.
//!
//! Pure.

use super::{Action, Request, decimal, said};
use crate::follower::names::Names;
use crate::message::{Adjust, AdjustKind};
use crate::units::{AccountId, Money, Position, Price, StrategyId};

impl Request {
    /// What is wrong with it whatever stands in the books is said here; the rest, by who reads the journal.
    pub(super) fn adjust(&self, names: &Names) -> Result<Action, String> {
        let kind = self.kind.as_deref().and_then(AdjustKind::from_text);
        let kind = kind.ok_or_else(|| said("kind", "write trade, transfer, cash or split"))?;
        let (account, strategy) = (self.account(names)?, self.strategy(names)?);
        let symbol = self.symbol(names)?;
        let qty = optional("qty", self.qty.as_deref(), Position::parse)?;
        let price = optional("price", self.price.as_deref(), Price::parse)?;
        let cash = optional("cash", self.cash.as_deref(), Money::parse)?;
        let has_qty = qty.raw() != 0;
        let is_above_zero = 0 < qty.raw() && 0 < price.raw();
        let wrong = match kind {
            AdjustKind::Trade | AdjustKind::Transfer if !has_qty => Some((
                "qty",
                "required: how much the position changes; what was sold is negative",
            )),
            AdjustKind::Trade if price.raw() == 0 => {
                Some(("price", "required: at which one it was traded"))
            }
            AdjustKind::Cash if has_qty || price.raw() != 0 => {
                Some(("qty", "cash moves no position: leave qty and price out"))
            }
            AdjustKind::Cash if cash.raw() == 0 => Some((
                "cash",
                "required: what was received; what was paid is negative",
            )),
            AdjustKind::Split if account.is_some() || strategy.is_some() => Some((
                "account",
                "a split is of every position in the symbol: leave account and strategy out",
            )),
            AdjustKind::Split if !is_above_zero => Some((
                "qty",
                "write how many there are now as qty, for each price of them before: 4 and 1",
            )),
            AdjustKind::Split if cash.raw() != 0 => Some((
                "cash",
                "a split moves none: book what was paid for fractions as cash, beside it",
            )),
            _ => None,
        };
        if let Some((field, problem)) = wrong {
            return Err(said(field, problem));
        }
        let is_split = kind == AdjustKind::Split;
        if account.is_none() && !is_split {
            return Err(said("account", "required: which one?"));
        }
        let note = self.note()?;
        if note.is_empty() {
            return Err(said(
                "note",
                "required: why? Of a fill, the broker's id of it",
            ));
        }
        Ok(Action::Adjust(Adjust {
            qty,
            price,
            cash,
            account: account.unwrap_or(AccountId::NONE),
            symbol: symbol.ok_or_else(|| said("symbol", "required: which one?"))?,
            strategy: strategy.unwrap_or(StrategyId::NONE),
            note,
            kind: kind as u8,
            ..Adjust::default()
        }))
    }
}

/// Nothing where it is not written.
fn optional<T: Default, E: std::fmt::Debug>(
    field: &str,
    text: Option<&str>,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<T, String> {
    match text {
        Some(_) => decimal(field, text, parse),
        None => Ok(T::default()),
    }
}
