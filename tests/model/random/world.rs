//! What operators, markets, links and sessions do.

use super::pick::*;
use super::{Random, Style};
use crate::model::Model;
use crate::model::order::Order;
use crate::model::shrink::Command;
use portcullis::message::{
    Adjust, AdjustKind, Control, ExitChange, Frame, Header, Kind, LimitChange, LimitKey, Link,
    LinkState, Locate, Override, Quote, Scope, SessionChange, Settle, Text, Tick,
};
use portcullis::units::{
    AccountId, BrokerId, Money, Nanos, Position, Price, Qty, StrategyId, SymbolId,
};

pub(super) fn quote(random: &mut Random, header: Header, style: &Style, model: &Model) -> Command {
    let symbol = place(random, model.setup.symbols.len());
    let base = match random.below(10) {
        0 => 98,
        1 => 103,
        2 => random.one_of(&[2, 50, 150, -3]),
        _ => random.between(99, 101) as i64,
    };
    let spread = random.below(3) as i64;
    let (mut bid, mut ask) = (base * style.tick, (base + spread) * style.tick);
    match random.below(40) {
        0 => bid = ask + 1,
        1 => bid = 0,
        2 => (bid, ask) = (-1, 1),
        3 => ask += 1,
        4 => (bid, ask) = (-7 * style.tick, -6 * style.tick),
        5 => (bid, ask) = (bid, 0),
        _ => {}
    }
    let has_calendar = !model.setup.calendars.is_empty();
    let mut other = |percent| match has_calendar && random.percent(percent) {
        true if random.once_in(20) => Price::from_raw(random.one_of(&[-1, 1, i64::MAX, i64::MIN])),
        true => Price::from_raw(random.between(99, 101) as i64 * style.tick),
        false => Price::default(),
    };
    let (last, close) = (other(40), other(25));
    if has_calendar && random.percent(20) {
        (bid, ask) = (0, 0);
    }
    let quote = Quote {
        last,
        close,
        bid: Price::from_raw(bid),
        ask: Price::from_raw(ask),
        symbol: SymbolId(symbol),
        ..Quote::default()
    };
    alone(Frame::new(Kind::Quote, header, quote))
}

pub(super) fn link(
    random: &mut Random,
    header: Header,
    model: &Model,
    state: LinkState,
) -> Command {
    let link = Link {
        broker: BrokerId(place(random, model.setup.brokers.len())),
        state: if random.once_in(60) {
            random.one_of(&[0, 5, 255])
        } else {
            state as u8
        },
        ..Link::default()
    };
    alone(Frame::new(Kind::Link, header, link))
}

pub(super) fn kill(random: &mut Random, header: Header, model: &Model) -> Command {
    let setup = &model.setup;
    let scope = random.one_of(Scope::ALL);
    let count = match scope {
        Scope::Firm => 0,
        Scope::Account => setup.accounts.len(),
        Scope::Strategy => setup.strategies.len(),
        Scope::Symbol => setup.symbols.len(),
        Scope::Desk => setup.desks.len(),
        Scope::Group => setup.groups.len(),
    };
    let target = if scope == Scope::Firm {
        u32::MAX
    } else {
        place(random, count)
    };
    let scope = if random.once_in(30) {
        random.one_of(&[0, 7, 255])
    } else {
        scope as u8
    };
    let control = Control {
        target,
        operator: operator(random, model),
        scope,
        ..Control::default()
    };
    alone(Frame::new(Kind::Kill, header, control))
}

pub(super) fn raise(random: &mut Random, header: Header, model: &Model) -> Command {
    let latches: Vec<_> = model.latches.keys().copied().collect();
    let (scope, target) = if latches.is_empty() || random.once_in(30) {
        (random.between(1, 6) as u8, place(random, 2))
    } else {
        random.one_of(&latches)
    };
    let is_firm = scope == Scope::Firm as u8;
    let control = Control {
        target: if is_firm { u32::MAX } else { target },
        operator: operator(random, model),
        scope,
        ..Control::default()
    };
    alone(Frame::new(Kind::Raise, header, control))
}

pub(super) fn settle(random: &mut Random, header: Header, style: &Style, model: &Model) -> Command {
    let doubtful: Vec<&Order> = (model.orders.iter())
        .filter(|order| order.is_live() && order.is_in_doubt)
        .collect();
    let order = if doubtful.is_empty() || random.once_in(4) {
        some_order(random, model)
    } else {
        Some(random.one_of(&doubtful))
    };
    let mut settle = Settle {
        price: price(random, style),
        operator: operator(random, model),
        ..Settle::default()
    };
    if let Some(order) = order {
        let more = random.one_of(&[0, 0, 1, order.reserved_leaves()]);
        let fewer = u64::from(random.once_in(8));
        let filled = order.filled.saturating_add(more).saturating_sub(fewer);
        settle.filled = Qty::from_raw(filled);
        settle.leaves = Qty::from_raw(some_leaves(random, style, order));
    }
    Command {
        about: order.map(|order| order.correlation),
        ..alone(Frame::new(Kind::Settle, header, settle))
    }
}

pub(super) fn locate(random: &mut Random, header: Header, style: &Style, model: &Model) -> Command {
    let locate = Locate {
        qty: qty(random, style),
        account: AccountId(place(random, model.setup.accounts.len())),
        symbol: SymbolId(place(random, model.setup.symbols.len())),
        operator: operator(random, model),
        ..Locate::default()
    };
    alone(Frame::new(Kind::Locate, header, locate))
}

/// Of any kind; mostly what can be.
pub(super) fn adjust(random: &mut Random, header: Header, style: &Style, model: &Model) -> Command {
    let kind = random.one_of(AdjustKind::ALL);
    let change = qty(random, style).raw() as i64;
    let (mut change, mut price) = match kind {
        AdjustKind::Split => (random.one_of(&[1, 2, 3]), random.one_of(&[10, 20, 30])),
        _ => (change, price(random, style).raw()),
    };
    if random.percent(50) && kind != AdjustKind::Split {
        change = -change;
    }
    if (kind == AdjustKind::Cash) != random.once_in(20) {
        (change, price) = (0, 0);
    }
    let adjust = Adjust {
        qty: Position::from_raw(change),
        price: Price::from_raw(price),
        cash: Money::from_raw(random.one_of(&[0, 0, -1, 7, 5_000_000])),
        account: match kind {
            AdjustKind::Split => AccountId::NONE,
            _ => AccountId(place(random, model.setup.accounts.len())),
        },
        symbol: SymbolId(place(random, model.setup.symbols.len())),
        strategy: match random.percent(60) {
            true => StrategyId(place(random, model.setup.strategies.len())),
            false => StrategyId::NONE,
        },
        operator: match random.percent(50) {
            true => operator(random, model),
            false => u32::MAX,
        },
        kind: if random.once_in(40) { 9 } else { kind as u8 },
        ..Adjust::default()
    };
    alone(Frame::new(Kind::Adjust, header, adjust))
}

/// Of any level; mostly not far from what it is.
pub(super) fn change_limit(random: &mut Random, header: Header, model: &Model) -> Command {
    let setup = &model.setup;
    let scope = random.one_of(Scope::ALL);
    let (target, limits) = match scope {
        Scope::Firm => (u32::MAX, Some(&setup.firm)),
        Scope::Account => {
            let at = place(random, setup.accounts.len());
            (at, setup.accounts.get(at as usize).map(|of| &of.limits))
        }
        Scope::Strategy => {
            let at = place(random, setup.strategies.len());
            (at, setup.strategies.get(at as usize).map(|of| &of.limits))
        }
        Scope::Symbol => {
            let at = place(random, setup.symbols.len());
            (at, setup.symbols.get(at as usize).map(|of| &of.limits))
        }
        Scope::Desk => {
            let at = place(random, setup.desks.len());
            (at, setup.desks.get(at as usize).map(|of| &of.limits))
        }
        Scope::Group => {
            let at = place(random, setup.groups.len());
            (at, setup.groups.get(at as usize).map(|of| &of.limits))
        }
    };
    let key = random.one_of(LimitKey::ALL);
    let old = limits.and_then(|limits| limits.get(key));
    let value = match (old, random.below(12)) {
        (_, 0) => key.max() + u128::from(random.below(3)),
        (_, 1) => u128::MAX,
        (Some(old), 2..6) => (old * u128::from(random.below(40)) / 20).min(key.max()),
        (Some(old), _) => (old + u128::from(random.below(9))).saturating_sub(4),
        (None, _) => u128::from(random.between(5, 4000)),
    };
    let change = LimitChange {
        value: [value as u64, (value >> 64) as u64],
        target,
        operator: operator(random, model),
        scope: if random.once_in(60) { 9 } else { scope as u8 },
        limit: if random.once_in(60) { 0 } else { key as u8 },
        ..LimitChange::default()
    };
    alone(Frame::new(Kind::Limit, header, change))
}

/// Mostly for an order that is to come soon, or that somebody else has named.
pub(super) fn ask_override(
    random: &mut Random,
    header: Header,
    style: &Style,
    model: &Model,
) -> Command {
    let id = format!("id-{}", style.next_id + random.below(6));
    let asked = Override {
        account: AccountId(place(random, model.setup.accounts.len())),
        operator: operator(random, model),
        client_order_id: match random.once_in(20) {
            true => Text::EMPTY,
            false => Text::new(&id).unwrap(),
        },
        ..Override::default()
    };
    alone(Frame::new(Kind::Override, header, asked))
}

/// Mostly about a position that there is.
pub(super) fn change_exit(random: &mut Random, header: Header, model: &Model) -> Command {
    let held: Vec<_> = model.account_positions.iter().collect();
    let held = held.iter().filter(|(_, position)| **position != 0);
    let held: Vec<_> = held.map(|(key, _)| **key).collect();
    let (account, symbol) = match held.is_empty() || random.once_in(20) {
        true => (
            place(random, model.setup.accounts.len()),
            place(random, model.setup.symbols.len()),
        ),
        false => random.one_of(&held),
    };
    let part = |random: &mut Random| match random.below(20) {
        0 => 1,
        1..=3 => ExitChange::PART_OFF,
        4 => ExitChange::PART_OFF - 1,
        5..=9 => random.one_of(&[5_000, 10_000, 10_101, 20_000]),
        _ => 0,
    };
    let mut change = ExitChange {
        account: AccountId(account),
        symbol: SymbolId(symbol),
        operator: operator(random, model),
        stop_loss_bps: part(random),
        take_profit_bps: part(random),
        trailing_stop_bps: part(random),
        break_even_bps: part(random),
        hold_max: Nanos::from_raw(match random.below(20) {
            0 => u64::MAX - 1,
            1..=2 => u64::MAX,
            3..=7 => random.one_of(&[1, 20, 300, 2_000]),
            _ => 0,
        }),
        close: match random.below(20) {
            0 => 2,
            1..=6 => 1,
            _ => 0,
        },
        ..ExitChange::default()
    };
    if random.once_in(40) {
        change.reserved[22] = 1;
    }
    alone(Frame::new(Kind::Exit, header, change))
}

pub(super) fn session_change(random: &mut Random, mut header: Header, model: &Model) -> Command {
    header.strategy = StrategyId(place(random, model.setup.strategies.len()));
    let change = SessionChange {
        state: random.one_of(&[2, 2, 2, 2, 1, 3, 4, 0]),
        cancel_orders: random.one_of(&[1, 1, 1, 0, 2]),
        ..SessionChange::default()
    };
    alone(Frame::new(Kind::SessionChange, header, change))
}

/// A kind that no stage sends to the core, or that is none.
pub(super) fn odd(random: &mut Random, header: Header) -> Command {
    let mut frame = Frame::new(Kind::Execution, header, Tick::default());
    frame.header.kind = random.one_of(&[0, 4, 16, 17, 32, 33, 34, 35, 50, 65, 128, 130, 255]);
    alone(frame)
}
