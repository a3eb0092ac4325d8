//! What strategies ask for, and what brokers say of it.

use super::pick::*;
use super::{Random, Style};
use crate::model::Model;
use crate::model::order::Order;
use crate::model::shrink::Command;
use portcullis::message::{
    Basket, Cancel, Exec, Frame, Header, Kind, NewOrder, OrderState, OrderType, Replace, Report,
    Side, Text, TimeInForce,
};
use portcullis::units::{AccountId, BrokerId, Money, OrderId, Price, Qty, StrategyId, SymbolId};

pub(super) fn new_order(
    random: &mut Random,
    mut header: Header,
    style: &mut Style,
    model: &Model,
) -> Command {
    let setup = &model.setup;
    header.strategy = StrategyId(place(random, setup.strategies.len()));
    header.flags = flags(random);
    let symbol = place(random, setup.symbols.len());
    let is_market = random.once_in(8);
    let mut order = NewOrder {
        price: if is_market && !random.once_in(40) {
            Price::default()
        } else {
            price(random, style)
        },
        qty: qty(random, style),
        account: AccountId(place(random, setup.accounts.len())),
        symbol: SymbolId(symbol),
        client_order_id: fresh_id(random, style, model),
        side: side(random),
        order_type: if is_market {
            OrderType::Market as u8
        } else {
            OrderType::Limit as u8
        },
        time_in_force: random.one_of(TimeInForce::ALL) as u8,
        mark: match random.below(60) {
            0 => 4,
            1 => 255,
            of => (of % 4) as u8,
        },
        ..NewOrder::default()
    };
    if random.once_in(100) {
        order.order_type = random.one_of(&[0, 3, 255]);
    }
    if random.once_in(100) {
        order.time_in_force = random.one_of(&[0, 5, 255]);
    }
    if random.once_in(4) {
        // The same number mostly means the same parent.
        order.parent = random.between(1, 5);
        let of = order.parent * 2 + u64::from(order.side) + u64::from(symbol);
        order.parent_qty = Qty::from_raw(of * 4);
        match random.below(40) {
            0 => order.parent = 0,
            1 => order.parent_qty = Qty::ZERO,
            2 => order.parent_qty = Qty::from_raw(u64::MAX),
            3 => order.parent_qty = self::qty(random, style),
            _ => {}
        }
    }
    if order.side == Side::Buy as u8 && !random.once_in(100) {
        order.mark = 0;
    }
    if style.leaves && random.once_in(6) {
        say_terms(random, &mut order);
    }
    let (size, continuations) = continuations(random, &mut header);
    order.passthrough_size = size;
    Command {
        frame: Frame::new(Kind::NewOrder, header, order),
        continuations,
        about: None,
    }
}

/// When what it makes is closed: of each term mostly nothing, sometimes as much as can be said.
fn say_terms(random: &mut Random, order: &mut NewOrder) {
    let part = |random: &mut Random, whole: u32, most: u32| match random.below(30) {
        0 => most,
        1 => 1,
        2..=7 => whole * random.between(1, 5) as u32 / 2,
        _ => 0,
    };
    order.stop_loss_bps = part(random, 10_000, u32::MAX);
    order.take_profit_bps = part(random, 10_000, u32::MAX);
    order.trailing_stop_bps = part(random, 100, u16::MAX.into()) as u16;
    order.break_even_bps = part(random, 100, u16::MAX.into()) as u16;
    order.hold_max_secs = part(random, 2, u16::MAX.into()) as u16;
}

/// A few orders in one, hardly ever with something odd about them.
pub(super) fn basket(
    random: &mut Random,
    header: Header,
    style: &mut Style,
    model: &Model,
) -> Command {
    let first = new_order(random, header, style, model);
    let mut header = Header {
        continuation_count: 0,
        ..first.frame.header
    };
    let mut lines = vec![first.frame];
    for _ in 1..random.between(1, 4) {
        style.next_id += 1;
        lines.push(new_order(random, header, style, model).frame);
    }
    for line in &mut lines {
        line.header = Header {
            kind: Kind::NewOrder as u8,
            ..Header::default()
        };
        line.body_mut::<NewOrder>().passthrough_size = 0;
    }
    if random.once_in(60) {
        lines[0].header.flags = 1;
    }
    if random.once_in(60) {
        lines.clear();
    }
    header.continuation_count = lines.len() as u8 + u8::from(random.once_in(80));
    let basket = Basket {
        client_order_id: fresh_id(random, style, model),
        ..Basket::default()
    };
    Command {
        frame: Frame::new(Kind::Basket, header, basket),
        continuations: lines,
        about: None,
    }
}

pub(super) fn cancel(
    random: &mut Random,
    mut header: Header,
    style: &mut Style,
    model: &Model,
) -> Command {
    let (strategy, account, original_id) = target(random, model);
    header.strategy = strategy;
    header.flags = flags(random);
    let mut cancel = Cancel {
        client_order_id: fresh_id(random, style, model),
        original_id,
        account,
        ..Cancel::default()
    };
    if random.once_in(50) {
        cancel.reserved[3] = 1;
    }
    alone(Frame::new(Kind::Cancel, header, cancel))
}

pub(super) fn replace(
    random: &mut Random,
    mut header: Header,
    style: &mut Style,
    model: &Model,
) -> Command {
    let (strategy, account, original_id) = target(random, model);
    header.strategy = strategy;
    header.flags = flags(random);
    let mut replace = Replace {
        price: price(random, style),
        qty: qty(random, style),
        account,
        client_order_id: fresh_id(random, style, model),
        original_id,
        ..Replace::default()
    };
    if random.once_in(200) {
        replace.reserved = [0, 4];
    }
    let (size, continuations) = continuations(random, &mut header);
    replace.passthrough_size = size;
    Command {
        frame: Frame::new(Kind::Replace, header, replace),
        continuations,
        about: None,
    }
}

pub(super) fn report(
    random: &mut Random,
    header: Header,
    style: &mut Style,
    model: &Model,
) -> Command {
    let Some(order) = some_order(random, model) else {
        let report = Report {
            order_id: OrderId(random.next() >> random.below(64)),
            exec: random.one_of(Exec::ALL) as u8,
            ..Report::default()
        };
        return alone(Frame::new(Kind::Report, header, report));
    };
    let exec = if random.percent(75) {
        plausible_exec(random, order)
    } else {
        random.one_of(Exec::ALL)
    };
    let leaves = order.reserved_leaves();
    let mut report = Report {
        exec: exec as u8,
        price: price(random, style),
        fee: Money::from_raw(random.below(5) as i64 - 1),
        broker: BrokerId(order.broker),
        broker_reason: random.below(3) as u16,
        ..Report::default()
    };
    match exec {
        Exec::Trade => {
            report.qty = Qty::from_raw(match random.below(10) {
                0..=4 => leaves.min(style.lot * random.between(1, 3)),
                5..=7 => leaves,
                8 => leaves + style.lot,
                _ => {
                    let widest = widest(random);
                    random.one_of(&[0, 1, widest, Qty::MAX.raw() + 1, u64::MAX])
                }
            });
        }
        Exec::Restated => report.leaves = Qty::from_raw(some_leaves(random, style, order)),
        Exec::Status => {
            let more = random.one_of(&[0, 0, 0, 1, leaves, leaves + 1]);
            let filled = order.filled.saturating_add(more);
            let fewer = if random.once_in(10) {
                filled.saturating_sub(1)
            } else {
                filled
            };
            report.qty = Qty::from_raw(fewer);
            report.leaves = Qty::from_raw(if random.percent(60) {
                (order.qty).saturating_sub(filled)
            } else {
                some_leaves(random, style, order)
            });
            report.state = if random.percent(70) {
                OrderState::Open as u8
            } else {
                random.below(13) as u8
            };
            report.request = order.request.saturating_sub(random.one_of(&[0, 0, 1, 2]));
        }
        _ => {}
    }
    if random.once_in(30) {
        report.broker = random.one_of(&[BrokerId(0), BrokerId(1), BrokerId::NONE, BrokerId(7)]);
    }
    if random.percent(30) {
        report.exec_id = Text::new(&format!("x{}", random.below(12))).unwrap();
    }
    if random.once_in(100) {
        report.exec = random.one_of(&[0, 14, 255]);
    }
    Command {
        frame: Frame::new(Kind::Report, header, report),
        continuations: Vec::new(),
        about: Some(order.correlation),
    }
}

/// What a broker says about an exit's order: mostly that it is filled.
pub(super) fn exit_report(
    random: &mut Random,
    header: Header,
    style: &mut Style,
    model: &Model,
) -> Command {
    let is_one = |order: &&Order| order.is_live() && model.is_exit(order);
    let Some(order) = model.orders.iter().find(is_one) else {
        return report(random, header, style, model);
    };
    let exec = random.one_of(&[
        Exec::Trade,
        Exec::Trade,
        Exec::Trade,
        Exec::New,
        Exec::Rejected,
        Exec::Canceled,
        Exec::CancelRejected,
    ]);
    let leaves = order.reserved_leaves();
    let part = (style.lot * random.between(1, 2)).min(leaves);
    let report = Report {
        exec: exec as u8,
        qty: Qty::from_raw(match exec {
            Exec::Trade if random.percent(70) => leaves,
            Exec::Trade => part,
            _ => 0,
        }),
        price: price(random, style),
        broker: BrokerId(order.broker),
        ..Report::default()
    };
    Command {
        frame: Frame::new(Kind::Report, header, report),
        continuations: Vec::new(),
        about: Some(order.correlation),
    }
}

/// What a broker might well say about the order now.
pub(super) fn plausible_exec(random: &mut Random, order: &Order) -> Exec {
    let mut likely = vec![Exec::Trade, Exec::Trade, Exec::Status];
    if !order.is_acknowledged {
        likely.extend([
            Exec::New,
            Exec::New,
            Exec::New,
            Exec::Rejected,
            Exec::NotReceived,
        ]);
    }
    if order.is_cancel_pending {
        likely.extend([Exec::Canceled, Exec::Canceled, Exec::CancelRejected]);
    }
    if order.replace.is_some() {
        likely.extend([Exec::Replaced, Exec::Replaced, Exec::ReplaceRejected]);
    }
    if order.is_in_doubt {
        likely.extend([Exec::Status; 4]);
    }
    if random.once_in(4) {
        likely.extend([Exec::Canceled, Exec::Expired, Exec::Restated]);
    }
    random.one_of(&likely)
}
