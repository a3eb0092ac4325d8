//! Short: marks, locates, funds and overrides.

use super::Model;
use super::answer::Answer;
use super::checks::{Findings, wide};
use super::exposure::{with, worst};
use super::order::{Order, Who};
use portcullis::message::{Locate, Override, SaleMark, Side, Text};
use portcullis::reject::RejectReason::{self, *};
use portcullis::risk::decision::Outcome;
use portcullis::risk::setup::{Borrow, ShortSales};
use portcullis::units::Qty;

/// What was located for an account in a symbol on one day of counting.
#[derive(Clone)]
pub(super) struct Located {
    account: u32,
    symbol: u32,
    day: u64,
    qty: u64,
}

/// Who has asked to let an order pass, and when the last of them did.
#[derive(Clone)]
pub(super) struct Asked {
    account: u32,
    id: Text,
    operators: Vec<u32>,
    time: u64,
}

impl Order {
    /// How much of it counts as a short sale, if it fills as far as it may.
    fn short(&self) -> u64 {
        if self.side == Side::Buy {
            return 0;
        }
        let most = self.filled.saturating_add(self.reserved_leaves());
        most.saturating_sub(self.covered)
    }
}

impl Model {
    fn is_watched(&self) -> bool {
        let mut accounts = self.setup.accounts.iter();
        accounts.any(|account| account.short_sales != ShortSales::Off)
    }

    /// How much of a sale the account owns, and what is wrong with the rest.
    pub(super) fn check_short(
        &self,
        findings: &mut Findings,
        who: Who,
        mark: Option<SaleMark>,
        more: u64,
        replaced: Option<&Order>,
    ) -> u64 {
        if !self.is_watched() {
            return Qty::MAX.raw();
        }
        let cell = self.account_cell(who.account, who.symbol);
        let after = worst(&with(&cell, Side::Sell, more), Side::Sell);
        let after = match after > i128::from(i64::MAX) {
            true => u64::MAX,
            false => after.max(0) as u64,
        };
        let covered = replaced.map_or(more.saturating_sub(after), |order| order.covered);
        let watched = self.setup.accounts[who.account as usize].short_sales;
        if watched == ShortSales::Off || after == 0 || more == 0 {
            return covered;
        }
        let borrow = self.setup.symbols[who.symbol as usize].borrow;
        let is_forbidden = watched == ShortSales::Refuse || borrow == Borrow::None;
        findings.fact(ShortSaleNotPermitted, is_forbidden);
        if watched == ShortSales::Refuse {
            return covered;
        }
        findings.fact(
            ShortSaleUnmarked,
            !matches!(mark, Some(SaleMark::Short | SaleMark::ShortExempt)),
        );
        if borrow == Borrow::Hard {
            let before = replaced.map_or(0, |order| {
                order.filled.saturating_add(order.reserved_leaves())
            });
            let most = before.saturating_add(more).saturating_sub(covered);
            let needed = most - before.saturating_sub(covered);
            let today = self.day();
            let located = self.located.iter().filter(|located| {
                (located.account, located.symbol, located.day) == (who.account, who.symbol, today)
            });
            let located: u64 = located.fold(0, |sum, of| sum.saturating_add(of.qty));
            let orders = self
                .orders
                .iter()
                .filter(|order| (order.who.account, order.who.symbol) == (who.account, who.symbol));
            let used: i128 = orders
                .map(|order| i128::from(order.short()) - i128::from(order.short_before))
                .sum();
            let used = used + i128::from(needed);
            if needed > 0 && used > i128::from(located) {
                findings.bound(LocateAboveMax, true, located, used);
            }
        }
        covered
    }

    /// What an order has given back is no longer covered.
    pub(super) fn uncover(&mut self, serial: u64) {
        let is_watched = self.is_watched();
        let order = self.order_of_serial(serial);
        if is_watched && order.is_live() {
            let most = order.filled.saturating_add(order.reserved_leaves());
            order.covered = order.covered.min(most);
        }
    }

    /// The day is over: what has been sold short is no longer counted.
    pub(super) fn forget_short(&mut self) {
        for order in &mut self.orders {
            order.short_before = match order.is_live() {
                true => order.filled.saturating_sub(order.covered),
                false => order.short(),
            };
            if order.side == Side::Buy {
                order.short_before = 0;
            }
        }
    }

    pub(super) fn locate(&mut self, locate: &Locate) -> Answer {
        let (account, symbol) = (locate.account.0, locate.symbol.0);
        let is_known = self.is_operator(locate.operator)
            && (account as usize) < self.setup.accounts.len()
            && (symbol as usize) < self.setup.symbols.len();
        let cells = self.account_positions.len() + self.strategy_positions.len();
        let has_room = self.account_positions.contains_key(&(account, symbol))
            || cells < self.setup.capacity.positions as usize;
        if !is_known || !has_room || !self.is_watched() || locate.qty.raw() > Qty::MAX.raw() {
            return Answer::of(Outcome::NotPermitted);
        }
        self.account_positions.entry((account, symbol)).or_insert(0);
        let (day, qty) = (self.day(), locate.qty.raw());
        self.located.push(Located {
            account,
            symbol,
            day,
            qty,
        });
        Answer::of(Outcome::Applied)
    }

    /// What an account's purchases may cost, against its cash.
    pub(super) fn check_funds(&self, findings: &mut Findings, who: Who, side: Side, more: u128) {
        let funds = self.setup.accounts[who.account as usize].funds;
        let Some(max) = funds.filter(|_| side == Side::Buy && more > 0) else {
            return;
        };
        let mut spent = 0i128;
        for trade in self
            .trades
            .iter()
            .filter(|trade| trade.who.account == who.account)
        {
            let paid = match trade.side {
                Side::Buy => wide(trade.value),
                Side::Sell => -wide(trade.value),
            };
            spent = spent.saturating_add(paid.saturating_add(trade.fee));
        }
        for (account, paid) in &self.payments {
            if *account == who.account {
                spent = spent.saturating_add(*paid);
            }
        }
        let live = self.orders.iter().filter(|order| order.is_live());
        let open: u128 = live
            .filter(|order| order.who.account == who.account && order.side == Side::Buy)
            .map(Order::reserved_notional)
            .sum();
        let needed = wide(open.saturating_add(more)).saturating_add(spent);
        if needed > wide(max.raw()) {
            findings.bound(FundsAboveMax, true, wide(max.raw()), needed);
        }
    }

    fn persons(&self) -> usize {
        (self.setup.raise_persons as usize).clamp(2, 8)
    }

    pub(super) fn ask_override(&mut self, asked: &Override) -> Answer {
        let (now, window) = (self.now, self.setup.raise_window.raw());
        self.asked.retain(|of| now - of.time <= window);
        let (account, id) = (asked.account.0, asked.client_order_id);
        let is_known =
            self.is_operator(asked.operator) && (account as usize) < self.setup.accounts.len();
        if !is_known || !id.is_id() || self.setup.soft.is_empty() {
            return Answer::of(Outcome::NotPermitted);
        }
        let count = self.asked.len();
        let known = self.asked.iter_mut();
        let known = known
            .into_iter()
            .find(|of| (of.account, of.id) == (account, id));
        match known {
            Some(known) if known.operators.contains(&asked.operator) => {
                return Answer::of(Outcome::NotPermitted);
            }
            Some(known) if known.operators.len() == 8 => {
                return Answer::of(Outcome::NotPermitted);
            }
            Some(known) => {
                known.operators.push(asked.operator);
                known.time = now;
            }
            None if count == 32 => return Answer::of(Outcome::NotPermitted),
            None => self.asked.push(Asked {
                account,
                id,
                operators: vec![asked.operator],
                time: now,
            }),
        }
        Answer::of(Outcome::Applied)
    }

    /// Whether persons have let this order pass in spite of all that is wrong with it. Then they have
    /// no more.
    pub(super) fn use_override(&mut self, account: u32, id: Text, failed: &[RejectReason]) -> bool {
        let (now, window, persons) = (self.now, self.setup.raise_window.raw(), self.persons());
        let at = self.asked.iter().position(|of| {
            (of.account, of.id) == (account, id)
                && of.operators.len() >= persons
                && now - of.time <= window
        });
        let is_soft = failed.iter().all(|reason| self.setup.soft.contains(reason));
        match at {
            Some(at) if is_soft && !failed.is_empty() => {
                self.asked.remove(at);
                true
            }
            _ => false,
        }
    }
}
