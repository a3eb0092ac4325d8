//! The parts of commands: mostly sensible, each now and then odd.

use super::{Random, Style};
use crate::model::Model;
use crate::model::order::Order;
use crate::model::shrink::Command;
use portcullis::message::{Cancel, Frame, Header, Kind, Side, Text, Tick};
use portcullis::units::{AccountId, Price, Qty, StrategyId};

pub(super) fn alone(frame: Frame) -> Command {
    Command {
        frame,
        continuations: Vec::new(),
        about: None,
    }
}

/// The place of something known, or hardly ever of something that is not.
pub(super) fn place(random: &mut Random, count: usize) -> u32 {
    if random.once_in(120) {
        random.one_of(&[count as u32, u32::MAX, 1 << 20])
    } else {
        random.below(count as u64) as u32
    }
}

pub(super) fn operator(random: &mut Random, model: &Model) -> u32 {
    match random.below(20) {
        0 => u32::MAX,
        1 => model.setup.operators.len() as u32,
        _ => random.below(model.setup.operators.len() as u64) as u32,
    }
}

pub(super) fn flags(random: &mut Random) -> u16 {
    match random.below(120) {
        0 => 1 << random.below(4),
        1 if random.once_in(3) => 1 << random.below(16),
        _ => 0,
    }
}

pub(super) fn side(random: &mut Random) -> u8 {
    if random.once_in(100) {
        random.one_of(&[0, 3, 255])
    } else {
        random.one_of(Side::ALL) as u8
    }
}

pub(super) fn price(random: &mut Random, style: &Style) -> Price {
    let raw = match random.below(60) {
        0 => 100 * style.tick + 1,
        1 => random.one_of(&[0, -style.tick, -3 * style.tick, i64::MAX, i64::MIN, 1]),
        2..=6 => random.between(95, 106) as i64 * style.tick,
        _ => random.between(99, 101) as i64 * style.tick,
    };
    Price::from_raw(raw)
}

pub(super) fn qty(random: &mut Random, style: &Style) -> Qty {
    let raw = match random.below(60) {
        0 => random.one_of(&[
            0,
            1,
            style.lot + 1,
            Qty::MAX.raw(),
            Qty::MAX.raw() + 1,
            u64::MAX,
        ]),
        1 => 12 * style.lot,
        2..=20 => random.between(1, 10) * style.lot,
        _ => random.between(1, 3) * style.lot,
    };
    Qty::from_raw(raw)
}

pub(super) fn some_leaves(random: &mut Random, style: &Style, order: &Order) -> u64 {
    let leaves = order.own_leaves();
    match random.below(8) {
        0..=2 => leaves,
        3..=4 => 0,
        5 => leaves.saturating_sub(style.lot),
        6 => leaves + style.lot,
        _ => {
            let widest = widest(random);
            random.one_of(&[1, widest, Qty::MAX.raw() + 1])
        }
    }
}

/// The widest quantity, but seldom: once it is filled, no position fits any more.
pub(super) fn widest(random: &mut Random) -> u64 {
    if random.once_in(20) {
        Qty::MAX.raw()
    } else {
        1
    }
}

pub(super) fn fresh_id(random: &mut Random, style: &Style, model: &Model) -> Text {
    match random.below(80) {
        0 => Text::EMPTY,
        1 => {
            let mut broken = Frame::new(Kind::Cancel, Header::default(), Cancel::default());
            broken.bytes_mut()[32] = random.one_of(&[7, 0x7f, 200]);
            broken.body::<Cancel>().client_order_id
        }
        2..=3 if !model.ids.is_empty() => {
            let at = random.below(model.ids.len() as u64) as usize;
            model.ids[at].client_order_id
        }
        4 => Text::new("exit-1").unwrap(),
        _ => Text::new(&format!("id-{}", style.next_id)).unwrap(),
    }
}

/// Strategy, account and id that name an order, or nearly.
pub(super) fn target(random: &mut Random, model: &Model) -> (StrategyId, AccountId, Text) {
    let Some(order) = some_order(random, model) else {
        return (StrategyId(0), AccountId(0), Text::new("none").unwrap());
    };
    let id = match order.replace {
        Some(replace) if random.percent(50) => replace.client_order_id,
        _ => order.client_order_id,
    };
    let (strategy, account) = (order.who.strategy, order.who.account);
    match random.below(40) {
        0 => (StrategyId::NONE, AccountId(account), id),
        1 => (StrategyId(strategy + 1), AccountId(account), id),
        2 => (StrategyId(strategy), AccountId(account + 1), id),
        3 => (StrategyId(strategy), AccountId(account), Text::EMPTY),
        _ => (StrategyId(strategy), AccountId(account), id),
    }
}

/// Mostly a live order, sometimes one of the last that closed, hardly ever any.
pub(super) fn some_order<'a>(random: &mut Random, model: &'a Model) -> Option<&'a Order> {
    let recent = model.orders.len().saturating_sub(40);
    let live: Vec<&Order> = model
        .orders
        .iter()
        .filter(|order| order.is_live())
        .collect();
    let known = match random.below(20) {
        0 => return None,
        1 => &model.orders[..],
        2 | 3 => &model.orders[recent..],
        _ if live.is_empty() => &model.orders[recent..],
        _ => return Some(random.one_of(&live)),
    };
    let at = random.below(known.len() as u64) as usize;
    known.get(at)
}

pub(super) fn continuations(random: &mut Random, header: &mut Header) -> (u16, Vec<Frame>) {
    if !random.once_in(20) {
        return (0, Vec::new());
    }
    let size = random.one_of(&[1u16, 100, 128, 129, 256, 300, 384, 385, 512]);
    let mut count = u64::from(size).div_ceil(128);
    if random.once_in(8) {
        count = random.below(5);
    }
    header.continuation_count = if random.once_in(12) {
        random.below(6) as u8
    } else {
        count as u8
    };
    let frame = |random: &mut Random| {
        let mut frame = Frame::new(Kind::Tick, Header::default(), Tick::default());
        frame.bytes_mut().fill(random.next() as u8);
        frame
    };
    (size, (0..count).map(|_| frame(random)).collect())
}
