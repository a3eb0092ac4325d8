//! Write: an event as the line of a scenario that says exactly it.
//!
//! What the words of the format cannot say, a text that is not printable, a reserved bit that is set,
//! is written as the frame's own bytes.

use crate::message::{
    Adjust, AdjustKind, Basket, Body, Cancel, Control, Exec, ExitChange, FRAME_SIZE, Frame, Header,
    Kind, LimitChange, LimitKey, Link, LinkState, Liquidity, Locate, NewOrder, OrderState,
    OrderType, Override, Quote, Replace, Report, SaleMark, Scope, SessionChange, Settle, Side,
    Text, Tick, TimeInForce, flags,
};
use crate::protocol::scenario::is_event;
use crate::protocol::scenario::names::Names;
use crate::protocol::scenario::object::Object;
use crate::protocol::scenario::terms::FLAGS;
use crate::units::{AccountId, BrokerId, Money, OrderId, Position, Qty, StrategyId};

/// The frame is none that the core takes in, so no line of a scenario can say it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NotAnEvent;

/// Writes one line, with its end, behind what stands in `out`. `client_id_of` finds the account and
/// the id of an order: a report is written by them, so that it means the same order where other
/// decisions gave other numbers; an order that it does not find is written by the gate's number.
pub fn write_event(
    out: &mut String,
    frame: &Frame,
    continuations: &[Frame],
    names: &Names,
    client_id_of: impl Fn(OrderId) -> Option<(AccountId, Text)>,
) -> Result<(), NotAnEvent> {
    let kind = frame
        .kind()
        .filter(|kind| is_event(*kind))
        .ok_or(NotAnEvent)?;
    let header = &frame.header;
    let mut object = Object::open(out);
    object.integer("t", header.time.raw());
    let passthrough = passthrough_of(frame, continuations);
    let Some(passthrough) = passthrough.filter(|_| is_plain(kind, frame)) else {
        object.hexadecimal("frame", frame, continuations);
        object.close();
        out.push('\n');
        return Ok(());
    };
    if header.sequence != 0 {
        object.integer("sequence", header.sequence);
    }
    if header.correlation != 0 {
        object.integer("correlation", header.correlation);
    }
    if !is_sent(kind) && header.strategy != StrategyId::NONE {
        object.name("strategy", &names.strategies, header.strategy.0);
    }
    match kind {
        Kind::Quote => quote(object.object("quote"), frame, names),
        Kind::NewOrder => order(object.object("order"), frame, names, passthrough),
        Kind::Cancel => cancel(object.object("cancel"), frame, names),
        Kind::Basket => basket(object.object("basket"), frame, continuations, names),
        Kind::Replace => replace(object.object("replace"), frame, names, passthrough),
        Kind::Report => report(object.object("report"), frame, names, client_id_of),
        Kind::Link => link(object.object("link"), frame, names),
        Kind::SessionChange => session(object.object("session"), frame, names),
        Kind::Kill => control(object.object("kill"), frame, names),
        Kind::Raise => control(object.object("raise"), frame, names),
        Kind::Settle => settle(object.object("settle"), frame, names, client_id_of),
        Kind::Locate => locate(object.object("locate"), frame, names),
        Kind::Override => ask_override(object.object("override"), frame, names),
        Kind::Limit => limit(object.object("limit"), frame, names),
        Kind::Adjust => adjust(object.object("adjust"), frame, names),
        Kind::Exit => exit(object.object("exit"), frame, names),
        _ => flags_and_close(object.object("tick"), frame),
    }
    out.push_str("}\n");
    Ok(())
}

fn quote(mut object: Object, frame: &Frame, names: &Names) {
    let quote: &Quote = frame.body();
    object.name("symbol", &names.symbols, quote.symbol.0);
    if quote.tells_quote() {
        object.price("bid", quote.bid);
        object.price("ask", quote.ask);
    }
    object.price_unless_zero("last", quote.last);
    object.price_unless_zero("close", quote.close);
    object.qty_unless_zero("bid_qty", quote.bid_qty);
    object.qty_unless_zero("ask_qty", quote.ask_qty);
    object.integer_unless_zero("source_time", quote.source_time.raw());
    flags_and_close(object, frame);
}

fn order(mut object: Object, frame: &Frame, names: &Names, passthrough: &str) {
    let order: &NewOrder = frame.body();
    object.name("account", &names.accounts, order.account.0);
    object.name("strategy", &names.strategies, frame.header.strategy.0);
    object.text("id", &order.client_order_id);
    object.name("symbol", &names.symbols, order.symbol.0);
    object.word(
        "side",
        Side::from_byte(order.side).map(Side::text),
        order.side,
    );
    let order_type = OrderType::from_byte(order.order_type);
    object.word("type", order_type.map(OrderType::text), order.order_type);
    object.qty("qty", order.qty);
    if order_type == Some(OrderType::Limit) || order.price.raw() != 0 {
        object.price("price", order.price);
    }
    let time_in_force = TimeInForce::from_byte(order.time_in_force).map(TimeInForce::text);
    object.word("tif", time_in_force, order.time_in_force);
    if order.mark != 0 {
        object.word(
            "mark",
            SaleMark::from_byte(order.mark).map(SaleMark::text),
            order.mark,
        );
    }
    object.integer_unless_zero("parent", order.parent);
    if order.parent_qty != Qty::ZERO {
        object.qty("parent_qty", order.parent_qty);
    }
    for (name, bps) in [
        ("stop_loss_bps", order.stop_loss_bps),
        ("take_profit_bps", order.take_profit_bps),
    ] {
        if bps != 0 {
            object.decimal(name, bps.into(), 2);
        }
    }
    for (name, whole) in [
        ("trailing_stop_bps", order.trailing_stop_bps),
        ("break_even_bps", order.break_even_bps),
        ("hold_max_secs", order.hold_max_secs),
    ] {
        object.integer_unless_zero(name, whole.into());
    }
    if !passthrough.is_empty() {
        object.string("passthrough", passthrough);
    }
    flags_and_close(object, frame);
}

fn basket(mut object: Object, frame: &Frame, lines: &[Frame], names: &Names) {
    let basket: &Basket = frame.body();
    let strategy = frame.header.strategy;
    object.name("strategy", &names.strategies, strategy.0);
    object.text("id", &basket.client_order_id);
    let orders = lines.iter().map(|line| {
        let (mut text, mut line) = (String::new(), *line);
        line.header.strategy = strategy;
        order(Object::open(&mut text), &line, names, "");
        text
    });
    let orders = orders.collect::<Vec<_>>().join(",");
    object.raw("orders", &format!("[{orders}]"));
    flags_and_close(object, frame);
}

fn cancel(mut object: Object, frame: &Frame, names: &Names) {
    let cancel: &Cancel = frame.body();
    object.name("account", &names.accounts, cancel.account.0);
    if frame.header.strategy != StrategyId::NONE {
        object.name("strategy", &names.strategies, frame.header.strategy.0);
    }
    object.text("id", &cancel.client_order_id);
    object.text("orig", &cancel.original_id);
    flags_and_close(object, frame);
}

fn replace(mut object: Object, frame: &Frame, names: &Names, passthrough: &str) {
    let replace: &Replace = frame.body();
    object.name("account", &names.accounts, replace.account.0);
    if frame.header.strategy != StrategyId::NONE {
        object.name("strategy", &names.strategies, frame.header.strategy.0);
    }
    object.text("id", &replace.client_order_id);
    object.text("orig", &replace.original_id);
    object.qty("qty", replace.qty);
    object.price("price", replace.price);
    if !passthrough.is_empty() {
        object.string("passthrough", passthrough);
    }
    flags_and_close(object, frame);
}

fn report(
    mut object: Object,
    frame: &Frame,
    names: &Names,
    client_id_of: impl Fn(OrderId) -> Option<(AccountId, Text)>,
) {
    let report: &Report = frame.body();
    object.order(names, report.order_id, client_id_of);
    object.word(
        "exec",
        Exec::from_byte(report.exec).map(Exec::text),
        report.exec,
    );
    object.text_unless_empty("exec_id", &report.exec_id);
    let exec = Exec::from_byte(report.exec);
    if exec == Some(Exec::Trade) || report.qty != Qty::ZERO {
        object.qty("qty", report.qty);
    }
    if exec == Some(Exec::Trade) || report.price.raw() != 0 {
        object.price("price", report.price);
    }
    if report.fee != Money::default() {
        object.decimal("fee", i128::from(report.fee.raw()), Money::DIGITS);
    }
    if matches!(exec, Some(Exec::Restated | Exec::Status)) || report.leaves != Qty::ZERO {
        object.qty("leaves", report.leaves);
    }
    if report.broker != BrokerId::NONE {
        object.name("broker", &names.brokers, report.broker.0);
    }
    object.integer_unless_zero("broker_time", report.broker_time.raw());
    let liquidity = Liquidity::from_byte(report.state).filter(|_| exec == Some(Exec::Trade));
    if let Some(liquidity) = liquidity {
        object.string("liquidity", liquidity.text());
    } else if let Some(state) = OrderState::from_byte(report.state) {
        object.string("state", state.text());
    }
    object.integer_unless_zero("broker_reason", u64::from(report.broker_reason));
    object.integer_unless_zero("request", u64::from(report.request));
    flags_and_close(object, frame);
}

fn settle(
    mut object: Object,
    frame: &Frame,
    names: &Names,
    client_id_of: impl Fn(OrderId) -> Option<(AccountId, Text)>,
) {
    let settle: &Settle = frame.body();
    object.order(names, settle.order_id, client_id_of);
    object.name("operator", &names.operators, settle.operator);
    object.qty("filled", settle.filled);
    if settle.price.raw() != 0 {
        object.price("price", settle.price);
    }
    object.qty("leaves", settle.leaves);
    flags_and_close(object, frame);
}

fn link(mut object: Object, frame: &Frame, names: &Names) {
    let link: &Link = frame.body();
    object.name("broker", &names.brokers, link.broker.0);
    let state = LinkState::from_byte(link.state).map(LinkState::text);
    object.word("state", state, link.state);
    flags_and_close(object, frame);
}

fn session(mut object: Object, frame: &Frame, names: &Names) {
    let change: &SessionChange = frame.body();
    object.name("strategy", &names.strategies, frame.header.strategy.0);
    let state = LinkState::from_byte(change.state).map(LinkState::text);
    object.word("state", state, change.state);
    if change.cancel_orders == 1 {
        object.truth("cancel_orders");
    }
    flags_and_close(object, frame);
}

fn locate(mut object: Object, frame: &Frame, names: &Names) {
    let locate: &Locate = frame.body();
    object.name("account", &names.accounts, locate.account.0);
    object.name("symbol", &names.symbols, locate.symbol.0);
    object.qty("qty", locate.qty);
    object.name("operator", &names.operators, locate.operator);
    if !locate.note.is_empty() {
        object.text("note", &locate.note);
    }
    flags_and_close(object, frame);
}

fn ask_override(mut object: Object, frame: &Frame, names: &Names) {
    let asked: &Override = frame.body();
    object.name("account", &names.accounts, asked.account.0);
    object.text("id", &asked.client_order_id);
    object.name("operator", &names.operators, asked.operator);
    if !asked.note.is_empty() {
        object.text("note", &asked.note);
    }
    flags_and_close(object, frame);
}

fn limit(mut object: Object, frame: &Frame, names: &Names) {
    let change: &LimitChange = frame.body();
    let scope = Scope::from_byte(change.scope);
    object.word("scope", scope.map(Scope::text), change.scope);
    if let Some(table) = scope.and_then(|scope| names.of(scope)) {
        object.name("name", table, change.target);
    }
    if let Some(key) = LimitKey::from_byte(change.limit) {
        object.string("limit", key.text());
        object.string("value", &key.show(change.value()));
    }
    object.name("operator", &names.operators, change.operator);
    object.text_unless_empty("note", &change.note);
    flags_and_close(object, frame);
}

fn adjust(mut object: Object, frame: &Frame, names: &Names) {
    let adjust: &Adjust = frame.body();
    if adjust.account != AccountId::NONE {
        object.name("account", &names.accounts, adjust.account.0);
    }
    if adjust.strategy != StrategyId::NONE {
        object.name("strategy", &names.strategies, adjust.strategy.0);
    }
    object.name("symbol", &names.symbols, adjust.symbol.0);
    let kind = AdjustKind::from_byte(adjust.kind);
    object.word("kind", kind.map(AdjustKind::text), adjust.kind);
    if adjust.qty != Position::ZERO {
        object.decimal("qty", i128::from(adjust.qty.raw()), Qty::DIGITS);
    }
    object.price_unless_zero("price", adjust.price);
    if adjust.cash != Money::default() {
        object.decimal("cash", i128::from(adjust.cash.raw()), Money::DIGITS);
    }
    if adjust.operator != u32::MAX {
        object.name("operator", &names.operators, adjust.operator);
    }
    object.text_unless_empty("note", &adjust.note);
    flags_and_close(object, frame);
}

fn exit(mut object: Object, frame: &Frame, names: &Names) {
    let change: &ExitChange = frame.body();
    object.name("account", &names.accounts, change.account.0);
    object.name("symbol", &names.symbols, change.symbol.0);
    for (key, part) in change.parts() {
        if part != 0 {
            object.string(key, &ExitChange::show_part(part));
        }
    }
    match change.hold_max {
        ExitChange::TIME_OFF => object.string("hold_max", "off"),
        time => object.integer_unless_zero("hold_max", time.raw()),
    }
    if change.close != 0 {
        object.truth("close");
    }
    object.name("operator", &names.operators, change.operator);
    object.text_unless_empty("note", &change.note);
    flags_and_close(object, frame);
}

fn control(mut object: Object, frame: &Frame, names: &Names) {
    let control: &Control = frame.body();
    let scope = Scope::from_byte(control.scope);
    object.word("scope", scope.map(Scope::text), control.scope);
    if let Some(table) = scope.and_then(|scope| names.of(scope)) {
        object.name("name", table, control.target);
    }
    if frame.kind() == Some(Kind::Raise) || control.operator != u32::MAX {
        object.name("operator", &names.operators, control.operator);
    }
    object.text_unless_empty("note", &control.note);
    flags_and_close(object, frame);
}

fn flags_and_close(mut object: Object, frame: &Frame) {
    for (name, bit) in FLAGS {
        if frame.header.flags & bit != 0 {
            object.truth(name);
        }
    }
    object.close();
}

/// True for what is of a strategy's session, and says within the command of which.
const fn is_sent(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::NewOrder | Kind::Cancel | Kind::Replace | Kind::Basket | Kind::SessionChange
    )
}

/// True where the words of the format can say the head frame.
fn is_plain(kind: Kind, frame: &Frame) -> bool {
    let text = |text: &Text| text.is_empty() || text.is_id();
    let qty = |qty: Qty| qty <= Qty::MAX;
    let body = match kind {
        Kind::Quote => {
            let quote: &Quote = frame.body();
            quote.reserved_is_zero() && qty(quote.bid_qty) && qty(quote.ask_qty)
        }
        Kind::NewOrder => {
            let order: &NewOrder = frame.body();
            let quantities = qty(order.qty) && qty(order.parent_qty);
            order.reserved_is_zero() && text(&order.client_order_id) && quantities
        }
        Kind::Basket => {
            let basket: &Basket = frame.body();
            basket.reserved_is_zero() && text(&basket.client_order_id)
        }
        Kind::Cancel => {
            let cancel: &Cancel = frame.body();
            let ids = text(&cancel.client_order_id) && text(&cancel.original_id);
            cancel.reserved_is_zero() && ids
        }
        Kind::Replace => {
            let replace: &Replace = frame.body();
            let ids = text(&replace.client_order_id) && text(&replace.original_id);
            replace.reserved_is_zero() && ids && qty(replace.qty)
        }
        Kind::Report => {
            let report: &Report = frame.body();
            let exec = Exec::from_byte(report.exec);
            let state = match exec {
                Some(Exec::Trade) => Liquidity::from_byte(report.state).is_some(),
                _ => OrderState::from_byte(report.state).is_some(),
            };
            let words = (report.state == 0 || state) && exec.is_some();
            words && text(&report.exec_id) && qty(report.qty) && qty(report.leaves)
        }
        Kind::Settle => {
            let settle: &Settle = frame.body();
            settle.reserved_is_zero() && qty(settle.filled) && qty(settle.leaves)
        }
        Kind::Link => {
            let link: &Link = frame.body();
            link.reserved_is_zero() && LinkState::from_byte(link.state).is_some()
        }
        Kind::SessionChange => {
            let change: &SessionChange = frame.body();
            let state = LinkState::from_byte(change.state).is_some();
            change.reserved_is_zero() && state && change.cancel_orders <= 1
        }
        Kind::Kill | Kind::Raise => {
            let control: &Control = frame.body();
            let target = match Scope::from_byte(control.scope) {
                Some(Scope::Firm) => control.target == u32::MAX,
                Some(_) => true,
                None => false,
            };
            control.reserved_is_zero() && target && text(&control.note)
        }
        Kind::Locate => {
            let locate: &Locate = frame.body();
            let fits = qty(locate.qty) && locate.operator != u32::MAX;
            locate.reserved_is_zero() && fits && text(&locate.note)
        }
        Kind::Override => {
            let asked: &Override = frame.body();
            let texts = text(&asked.client_order_id) && text(&asked.note);
            asked.reserved_is_zero() && texts && asked.operator != u32::MAX
        }
        Kind::Limit => {
            let change: &LimitChange = frame.body();
            let key = LimitKey::from_byte(change.limit);
            let fits =
                |key: LimitKey| change.value() <= key.max() || change.value() == LimitKey::OFF;
            let target = match Scope::from_byte(change.scope) {
                Some(Scope::Firm) => change.target == u32::MAX,
                Some(_) => true,
                None => false,
            };
            let is_sayable = key.is_some_and(fits) && target && text(&change.note);
            change.reserved_is_zero() && is_sayable && change.operator != u32::MAX
        }
        Kind::Adjust => {
            let adjust: &Adjust = frame.body();
            let kind = AdjustKind::from_byte(adjust.kind);
            let is_whole = adjust.qty.abs() <= Qty::MAX && text(&adjust.note);
            let has_account = adjust.account != AccountId::NONE;
            let is_whose = has_account != (kind == Some(AdjustKind::Split));
            adjust.reserved_is_zero() && kind.is_some() && is_whole && is_whose
        }
        Kind::Exit => {
            let change: &ExitChange = frame.body();
            let is_sayable = change.close <= 1 && text(&change.note);
            change.reserved_is_zero() && is_sayable && change.operator != u32::MAX
        }
        Kind::Tick => frame.body::<Tick>().reserved_is_zero(),
        _ => false,
    };
    body && frame.header.flags & !flags::ALL == 0
}

/// True where the words of the format can say an order of a basket.
fn is_line(line: &Frame) -> bool {
    let head = Header {
        kind: Kind::NewOrder as u8,
        ..Header::default()
    };
    let has_nothing_behind = line.body::<NewOrder>().passthrough_size == 0;
    line.header == head && has_nothing_behind && is_plain(Kind::NewOrder, line)
}

/// The text in the continuation frames; `None` where they hold anything but just that.
fn passthrough_of<'a>(frame: &Frame, continuations: &'a [Frame]) -> Option<&'a str> {
    if frame.kind() == Some(Kind::Basket) {
        let count = usize::from(frame.header.continuation_count);
        return (count == continuations.len() && continuations.iter().all(is_line)).then_some("");
    }
    let size = match frame.kind() {
        Some(Kind::NewOrder) => frame.body::<NewOrder>().passthrough_size,
        Some(Kind::Replace) => frame.body::<Replace>().passthrough_size,
        _ => 0,
    };
    let size = usize::from(size);
    let counts = [
        size.div_ceil(FRAME_SIZE),
        frame.header.continuation_count.into(),
    ];
    if counts != [continuations.len(); 2] {
        return None;
    }
    let (text, rest) = bytemuck::cast_slice::<Frame, u8>(continuations).split_at(size);
    let is_zero = rest.iter().all(|&byte| byte == 0);
    std::str::from_utf8(text).ok().filter(|_| is_zero)
}
