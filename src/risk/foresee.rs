//! Foresee: where in memory the core will look, for an event that is still to come or at all.
//!
//! Pure. Hot path.
//!
//! The tables are larger than the processor's nearest caches, and an order looks into most of them
//! at places that only its ids tell. Whoever knows the next event while this one is decided says so
//! here, and passes the addresses on to the processor: nothing else follows from it.

use super::core::Core;
use crate::message::{Cancel, Frame, Kind, NewOrder, Replace, Report};
use crate::units::{AccountId, StrategyId, SymbolId};

impl Core {
    /// Tells `hint` the addresses that the next event will need first.
    #[inline]
    pub fn foresee(&self, event: &Frame, hint: impl Fn(*const u8)) {
        match event.kind() {
            Some(Kind::NewOrder) => {
                let order = event.body::<NewOrder>();
                let who = (order.account, event.header.strategy, order.symbol);
                self.foresee_order(who, &hint);
                let ids = &self.client_order_ids;
                ids.foresee(order.account, &order.client_order_id, &hint);
                self.orders.foresee_open(&hint);
                self.foresee_insert(&hint);
            }
            Some(Kind::Cancel) => {
                let cancel = event.body::<Cancel>();
                let ids = &self.client_order_ids;
                ids.foresee(cancel.account, &cancel.original_id, &hint);
            }
            Some(Kind::Replace) => {
                let replace = event.body::<Replace>();
                let ids = &self.client_order_ids;
                ids.foresee(replace.account, &replace.original_id, &hint);
                ids.foresee(replace.account, &replace.client_order_id, &hint);
                self.foresee_insert(&hint);
            }
            Some(Kind::Report) => {
                let report = event.body::<Report>();
                self.orders.foresee(report.order_id.slot(), &hint);
                let ids = &self.execution_ids;
                ids.foresee(report.broker, &report.exec_id, &hint);
            }
            _ => {}
        }
    }

    /// Tells `take` where each large table lies and its size in bytes, used or not yet: whoever runs
    /// the core may want all of it there before the first order comes.
    pub fn tables(&self, take: impl Fn(*const u8, usize)) {
        self.orders.tables(&take);
        self.client_order_ids.tables(&take);
        self.execution_ids.tables(&take);
        self.exposure.tables(&take);
        self.routes.tables(&take);
        self.parents.tables(&take);
        let recent = self.all_rules().filter_map(|rules| rules.recent.as_ref());
        recent.for_each(|recent| recent.tables(&take));
    }

    #[inline]
    fn foresee_order(&self, who: (AccountId, StrategyId, SymbolId), hint: &impl Fn(*const u8)) {
        self.routes.foresee(who, hint);
        let symbol = who.2.0 as usize;
        hint_at(&self.symbols, symbol, hint);
        hint_at(&self.references, symbol, hint);
        self.exposure.foresee(symbol, hint);
    }

    /// The id that must make room for the next one.
    #[inline]
    fn foresee_insert(&self, hint: &impl Fn(*const u8)) {
        if let Some(order_id) = self.client_order_ids.foresee_oldest(hint) {
            self.orders.foresee(order_id.slot(), hint);
        }
    }
}

/// The room of a table, used or not.
pub(super) fn room_of<T>(rows: &Vec<T>, take: &impl Fn(*const u8, usize)) {
    take(rows.as_ptr().cast(), rows.capacity() * size_of::<T>());
}

/// The cache lines of one row, if there is such a row.
#[inline(always)]
pub(super) fn hint_at<T>(rows: &[T], at: usize, hint: &impl Fn(*const u8)) {
    if let Some(row) = rows.get(at) {
        let start = std::ptr::from_ref(row).cast::<u8>();
        for line in 0..size_of::<T>().div_ceil(64) {
            hint(start.wrapping_add(line * 64));
        }
    }
}
