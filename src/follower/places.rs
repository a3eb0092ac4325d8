//! Places: the ids of one configuration, in the ids of another.
//!
//! Pure.

use crate::follower::names::{Names, Table};
use crate::message::{
    Adjust, Cancel, Control, ExitChange, Frame, Kind, Link, Locate, NewOrder, Override, Quote,
    Replace, Report, Scope, Settle,
};
use crate::units::{AccountId, BrokerId, StrategyId, SymbolId};

/// From the places of one configuration to those of another, by name.
#[derive(Debug, Default)]
pub(super) struct Places {
    accounts: Vec<u32>,
    strategies: Vec<u32>,
    symbols: Vec<u32>,
    brokers: Vec<u32>,
    operators: Vec<u32>,
    desks: Vec<u32>,
    groups: Vec<u32>,
}

impl Places {
    pub(super) fn new(from: &Names, to: &Names) -> Self {
        let map = |from: &Table, to: &Table| {
            let place = |place| to.place(from.name(place)).unwrap_or(NOWHERE);
            (0..from.count() as u32).map(place).collect()
        };
        Self {
            accounts: map(&from.accounts, &to.accounts),
            strategies: map(&from.strategies, &to.strategies),
            symbols: map(&from.symbols, &to.symbols),
            brokers: map(&from.brokers, &to.brokers),
            operators: map(&from.operators, &to.operators),
            desks: map(&from.desks, &to.desks),
            groups: map(&from.groups, &to.groups),
        }
    }

    /// Gives an event the other configuration's ids. Orders are not looked at.
    pub(super) fn translate(&self, frame: &mut Frame) {
        let strategy = frame.header.strategy;
        if strategy != StrategyId::NONE {
            frame.header.strategy = StrategyId(place(&self.strategies, strategy.0));
        }
        let account = |id: AccountId| AccountId(place(&self.accounts, id.0));
        let symbol = |id: SymbolId| SymbolId(place(&self.symbols, id.0));
        let broker = |id: BrokerId| BrokerId(place(&self.brokers, id.0));
        match frame.kind() {
            Some(Kind::NewOrder) => {
                let order = frame.body_mut::<NewOrder>();
                order.account = account(order.account);
                order.symbol = symbol(order.symbol);
            }
            Some(Kind::Cancel) => {
                let cancel = frame.body_mut::<Cancel>();
                cancel.account = account(cancel.account);
            }
            Some(Kind::Replace) => {
                let replace = frame.body_mut::<Replace>();
                replace.account = account(replace.account);
            }
            Some(Kind::Report) => {
                let report = frame.body_mut::<Report>();
                report.broker = broker(report.broker);
            }
            Some(Kind::Link) => {
                let link = frame.body_mut::<Link>();
                link.broker = broker(link.broker);
            }
            Some(Kind::Quote) => {
                let quote = frame.body_mut::<Quote>();
                quote.symbol = symbol(quote.symbol);
            }
            Some(Kind::Kill | Kind::Raise) => self.translate_control(frame.body_mut()),
            Some(Kind::Locate) => {
                let locate = frame.body_mut::<Locate>();
                locate.account = account(locate.account);
                locate.symbol = symbol(locate.symbol);
                locate.operator = place(&self.operators, locate.operator);
            }
            Some(Kind::Adjust) => {
                let adjust = frame.body_mut::<Adjust>();
                adjust.symbol = symbol(adjust.symbol);
                if adjust.account != AccountId::NONE {
                    adjust.account = account(adjust.account);
                }
                if adjust.strategy != StrategyId::NONE {
                    adjust.strategy = StrategyId(place(&self.strategies, adjust.strategy.0));
                }
                if adjust.operator != u32::MAX {
                    adjust.operator = place(&self.operators, adjust.operator);
                }
            }
            Some(Kind::Exit) => {
                let change = frame.body_mut::<ExitChange>();
                change.account = account(change.account);
                change.symbol = symbol(change.symbol);
                change.operator = place(&self.operators, change.operator);
            }
            Some(Kind::Override) => {
                let asked = frame.body_mut::<Override>();
                asked.account = account(asked.account);
                asked.operator = place(&self.operators, asked.operator);
            }
            Some(Kind::Settle) => {
                let settle = frame.body_mut::<Settle>();
                settle.operator = place(&self.operators, settle.operator);
            }
            _ => {}
        }
    }

    /// Gives the orders of a basket the other configuration's ids.
    pub(super) fn translate_lines(&self, lines: &mut [Frame]) {
        for line in lines {
            let order = line.body_mut::<NewOrder>();
            order.account = AccountId(place(&self.accounts, order.account.0));
            order.symbol = SymbolId(place(&self.symbols, order.symbol.0));
        }
    }

    fn translate_control(&self, control: &mut Control) {
        if control.operator != u32::MAX {
            control.operator = place(&self.operators, control.operator);
        }
        control.target = match Scope::from_byte(control.scope) {
            Some(Scope::Account) => place(&self.accounts, control.target),
            Some(Scope::Strategy) => place(&self.strategies, control.target),
            Some(Scope::Symbol) => place(&self.symbols, control.target),
            Some(Scope::Desk) => place(&self.desks, control.target),
            Some(Scope::Group) => place(&self.groups, control.target),
            Some(Scope::Firm) | None => control.target,
        };
    }
}

/// The place there; what was nowhere stays so.
fn place(places: &[u32], from: u32) -> u32 {
    places.get(from as usize).copied().unwrap_or(NOWHERE)
}

/// A place that no configuration gives out, and not one with a meaning of its own: an operator that
/// is gone is not the gate itself, a strategy that is gone is not nobody.
const NOWHERE: u32 = u32::MAX - 1;
