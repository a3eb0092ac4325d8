//! Funds: what an account may spend of the cash that it has.
//!
//! Pure. Hot path, for accounts with such a limit; else there is nothing here.
//!
//! Purchases count as they are sent, at what they may cost at the worst; once filled, at what they have
//! cost, with fees. Sales bring what they have brought, once they have.

use super::check::{Sink, wide};
use super::core::Core;
use super::order::Order;
use super::setup::Setup;
use crate::message::Side;
use crate::reject::RejectReason as Reason;
use crate::units::{AccountId, Amount, Notional};

/// One account's cash.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Funds {
    /// `None`: not limited, and not counted.
    max: Option<Notional>,
    /// Paid less received.
    spent: i128,
    /// What live purchases may still cost.
    open: u128,
}

pub(super) fn funds(setup: &Setup) -> Vec<Funds> {
    let accounts = setup.accounts.iter();
    accounts
        .map(|account| Funds {
            max: account.funds,
            ..Funds::default()
        })
        .collect()
}

impl Core {
    /// Looks at a purchase that adds so much to what live ones may cost.
    #[inline]
    pub(super) fn check_funds(
        &self,
        found: &mut impl Sink,
        account: AccountId,
        side: Side,
        more: Notional,
    ) {
        let funds = &self.funds[account.0 as usize];
        let Some(max) = funds.max.filter(|_| side == Side::Buy) else {
            return;
        };
        let open = wide(Notional::from_raw(funds.open).saturating_add(more));
        let needed = open.saturating_add(funds.spent);
        let told = || (wide(max), needed);
        let breached = more != Notional::ZERO && wide(max) < needed;
        found.check(Reason::FundsAboveMax, breached, told);
    }

    /// What an order may cost changes, and so much of it was just filled.
    #[inline]
    pub(super) fn count_funds(
        &mut self,
        order: (AccountId, Side),
        open: (Notional, Notional),
        (value, fee): (Notional, Amount),
    ) {
        let funds = &mut self.funds[order.0.0 as usize];
        if funds.max.is_none() {
            return;
        }
        let paid = match order.1 {
            Side::Buy => wide(value),
            Side::Sell => -wide(value),
        };
        let paid = paid.saturating_add(fee.raw());
        funds.spent = funds.spent.saturating_add(paid);
        if order.1 == Side::Buy {
            funds.open = funds.open - open.0.raw() + open.1.raw();
        }
    }

    /// Goes on under other limits. A figure that has changed is the cash of now.
    pub(super) fn adopt_funds(&mut self, new: &Setup) {
        let old = std::mem::replace(&mut self.funds, funds(new));
        for (new, old) in self.funds.iter_mut().zip(old) {
            if new.max == old.max {
                new.spent = old.spent;
            }
        }
        let live = self.orders.iter().filter(|order| order.is_live());
        let open: Vec<_> = live
            .filter(|order: &&Order| order.side == Side::Buy)
            .map(|order| (order.account, order.reserved_notional))
            .collect();
        for (account, notional) in open {
            let funds = &mut self.funds[account.0 as usize];
            funds.open += notional.raw();
        }
    }

    /// Enters it into a hash of the state.
    pub(super) fn hash_funds(&self, mut add: impl FnMut(u64, u64)) {
        let limited = self.funds.iter().filter(|funds| funds.max.is_some());
        for funds in limited {
            add(funds.spent as u64, funds.open as u64);
        }
    }
}
