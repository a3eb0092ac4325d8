//! Adjust: a book is corrected by hand, or by the gate where it reconciles.
//!
//! Pure. Cold.
//!
//! What no order of ours explains: a fill that was never reported, one that is taken back or corrected, an
//! opening balance, a dividend, a split. All of it goes through the ledger's one function.

use super::cell::{Change, NO_CELL};
use super::core::Core;
use super::decision::Outcome;
use super::exposure::Places;
use super::market::{Reference, valued};
use super::money::worth::exchanged;
use crate::message::{Adjust, AdjustKind, Body as _, Side};
use crate::units::{AccountId, Amount, Notional, Position, Price, Qty, StrategyId, SymbolId};

impl Core {
    /// Corrects a book, or changes nothing.
    pub(super) fn adjust(&mut self, adjust: &Adjust) -> Outcome {
        let operator = adjust.operator;
        let is_known = operator == u32::MAX || (operator as usize) < self.raises.operator_count();
        let kind = AdjustKind::from_byte(adjust.kind);
        let Some(kind) = kind.filter(|_| is_known && adjust.reserved_is_zero()) else {
            return Outcome::NotPermitted;
        };
        let is_symbol = (adjust.symbol.0 as usize) < self.symbols.len();
        let is_account = (adjust.account.0 as usize) < self.accounts.len();
        let is_strategy = adjust.strategy == StrategyId::NONE
            || (adjust.strategy.0 as usize) < self.strategies.len();
        let done = match kind {
            _ if !is_symbol || !is_strategy => None,
            AdjustKind::Split if adjust.account == AccountId::NONE => self.split(adjust),
            _ if !is_account => None,
            AdjustKind::Split => None,
            AdjustKind::Trade | AdjustKind::Transfer => self.correct(adjust, kind),
            AdjustKind::Cash => self.pay(adjust),
        };
        match done {
            Some(()) => Outcome::Applied,
            None => Outcome::NotPermitted,
        }
    }

    /// The cells of an adjustment, taken now if there were none.
    fn adjusted_places(&mut self, adjust: &Adjust) -> Option<Places> {
        let (account, strategy, symbol) = (adjust.account.0, adjust.strategy.0, adjust.symbol.0);
        let exposure = &mut self.exposure;
        let account_cell = exposure.find(true, account, symbol);
        let has_strategy = adjust.strategy != StrategyId::NONE;
        let strategy_cell = match has_strategy {
            true => exposure.find(false, strategy, symbol),
            false => NO_CELL,
        };
        let missing = usize::from(account_cell == NO_CELL)
            + usize::from(has_strategy && strategy_cell == NO_CELL);
        if !exposure.has_room(missing) {
            return None;
        }
        Some(Places {
            symbol,
            strategy,
            account,
            account_cell: exposure.take(account_cell, true, account, symbol),
            strategy_cell: match has_strategy {
                true => exposure.take(strategy_cell, false, strategy, symbol),
                false => NO_CELL,
            },
        })
    }

    /// A trade that no order had, or a position that came with no cash.
    fn correct(&mut self, adjust: &Adjust, kind: AdjustKind) -> Option<()> {
        let (qty, side) = (adjust.qty.abs(), side_of(adjust.qty));
        let is_trade = kind == AdjustKind::Trade;
        let is_priced = adjust.price != Price::default() || !is_trade;
        if qty == Qty::ZERO || Qty::MAX < qty || !is_priced {
            return None;
        }
        let contract = self.exposure.books.contract(adjust.symbol.0);
        let bought = match adjust.price.raw() {
            0 => Amount::ZERO,
            _ => contract.traded(adjust.price, qty)?,
        };
        let row = &self.symbols[adjust.symbol.0 as usize];
        let price = adjust.price.raw().unsigned_abs();
        let unit = valued(price, row.multiplier, row.is_inverse)?;
        let value = unit.notional(qty);
        let cost = match side {
            Side::Buy => bought,
            Side::Sell => bought.negated(),
        };
        // What is paid beside a trade is its fee.
        let paid = Amount::from(adjust.cash).negated();
        let places = self.adjusted_places(adjust)?;
        let change = Change {
            side,
            filled: qty,
            reserved: (Qty::ZERO, Qty::ZERO),
            notional: (Notional::ZERO, Notional::ZERO),
            traded: value,
            is_traded: is_trade,
            cost,
            fee: paid,
            orders: 0,
        };
        let before = self.exposure.cell(places.account_cell).position;
        // Until there is a price, what is held counts as what it came at, not as nothing. A price of
        // exactly zero is one.
        let at = places.symbol as usize;
        let has_price = self.references[at].has_price(self.reference_kind(at));
        if !has_price && self.exposure.mark(places.symbol) == Price::default() {
            self.exposure.revalue(places.symbol, unit, |_| {});
        }
        self.exposure.book(places, &change);
        if !is_trade {
            for cell in [places.account_cell, places.strategy_cell] {
                self.exposure.amend(cell, |ledger, _, _| {
                    ledger.transferred = ledger.transferred.plus(cost);
                });
            }
        }
        let rate = self.exposure.books.pricing(adjust.symbol.0).rate;
        let fee = rate.map_or(paid, |rate| exchanged(paid, rate));
        if is_trade {
            let nothing = (Notional::ZERO, Notional::ZERO);
            self.count_funds((adjust.account, side), nothing, (value, fee));
        }
        self.look_at_profits(places);
        self.watch_position(places.account_cell, before, adjust.strategy, None);
        Some(())
    }

    /// A dividend, a fee, interest: money that is earned or lost with a symbol.
    fn pay(&mut self, adjust: &Adjust) -> Option<()> {
        if adjust.qty != Position::ZERO || adjust.price != Price::default() {
            return None;
        }
        let cash = Amount::from(adjust.cash);
        let places = self.adjusted_places(adjust)?;
        for cell in [places.account_cell, places.strategy_cell] {
            self.exposure.amend(cell, |ledger, _, _| {
                ledger.realized = ledger.realized.plus(cash);
            });
        }
        self.exposure.value_cells(places);
        let rate = self.exposure.books.pricing(adjust.symbol.0).rate;
        let paid = rate.map_or(cash, |rate| exchanged(cash, rate)).negated();
        let nothing = (Notional::ZERO, Notional::ZERO);
        self.count_funds((adjust.account, Side::Buy), nothing, (Notional::ZERO, paid));
        self.look_at_profits(places);
        Some(())
    }

    /// Every position in a symbol becomes another in one ratio, and nothing else of it; its prices are
    /// no longer its own. Only with no order in it, and where all come out whole.
    fn split(&mut self, adjust: &Adjust) -> Option<()> {
        let (new, old) = (adjust.qty.raw(), adjust.price.raw());
        let symbol = adjust.symbol;
        let is_live = |order: &super::order::Order| order.is_live() && order.symbol == symbol;
        let has_orders = self.orders.iter().any(is_live);
        if new <= 0 || old <= 0 || has_orders || adjust.cash.raw() != 0 {
            return None;
        }
        // Ten for one is 10 to 1, whatever each is counted in.
        let ratio = (i128::from(new) * 10, i128::from(old));
        if !self.exposure.may_split(symbol.0, ratio) {
            return None;
        }
        self.exposure.split(symbol.0, ratio);
        self.split_exits(symbol, ratio);
        self.references[symbol.0 as usize] = Reference::default();
        self.mark(SymbolId(symbol.0));
        Some(())
    }
}

const fn side_of(position: Position) -> Side {
    match position.raw() < 0 {
        true => Side::Sell,
        false => Side::Buy,
    }
}
