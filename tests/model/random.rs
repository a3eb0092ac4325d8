//! Random: setups so tight that every limit is struck, and commands that mostly make sense.
//!
//! The generator looks at the model to know what would make sense; it decides nothing itself. What
//! it makes is complete: a list of commands can be played again without it, also with some left out.

use super::Model;
use super::order::Order;
use super::shrink::Command;
use portcullis::message::{
    Cancel, Control, Exec, Frame, Header, Kind, Link, LinkState, NewOrder, OrderState, OrderType,
    Quote, Replace, Report, Scope, SessionChange, Settle, Side, Text, Tick, TimeInForce,
};
use portcullis::risk::setup::{Account, Broker, Capacity, Limits, Rate, Setup, Strategy, Symbol};
use portcullis::units::{
    AccountId, BrokerId, Money, Nanos, Notional, OrderId, Price, Qty, StrategyId, SymbolId,
};

/// Marsaglia's xorshift: small, and the same everywhere.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// From 0 to `count` - 1.
    pub(crate) fn below(&mut self, count: u64) -> u64 {
        (self.next() >> 11) % count.max(1)
    }

    pub(crate) fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most - least + 1)
    }

    pub(crate) fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// True once in so many times.
    pub(crate) fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    pub(crate) fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }

    fn maybe<T>(&mut self, percent: u64, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.percent(percent).then(|| make(self))
    }
}

/// Spans of time that limits and commands share, so that edges are hit exactly.
const SPANS: [u64; 6] = [1, 5, 20, 50, 100, 300];
/// Sizes of one price and one quantity step: small ones, and such that sums do not fit.
const SCALES: [(i64, u64); 4] = [(1, 1), (5, 10), (1, 1), (1 << 54, 1 << 55)];

pub(crate) fn setup(random: &mut Random) -> (Setup, Style) {
    let scale = if random.once_in(30) {
        3
    } else {
        random.below(3) as usize
    };
    let (tick, lot) = SCALES[scale];
    // Few limits in some runs, many in others: with many, little is accepted.
    let density = random.one_of(&[2, 4, 8, 15]);
    let style = Style {
        tick,
        lot,
        next_id: 0,
    };
    let firm = limits(random, &style, density);
    let accounts: Vec<Account> = (0..random.between(1, 3))
        .map(|_| Account {
            enabled: !random.once_in(60),
            has_limits: !random.once_in(60),
            limits: limits(random, &style, density),
            ..Account::default()
        })
        .collect();
    let strategies = (0..random.between(1, 3))
        .map(|_| Strategy {
            enabled: !random.once_in(60),
            limits: limits(random, &style, density),
            accounts: (0..accounts.len() as u32)
                .filter(|_| random.percent(96))
                .map(AccountId)
                .collect(),
            acknowledge: random.percent(50),
            ..Strategy::default()
        })
        .collect();
    let brokers = vec![Broker::default(); random.between(1, 2) as usize];
    let symbols = (0..random.between(1, 3))
        .map(|_| symbol(random, &style, density, brokers.len() as u64))
        .collect();
    // Some runs have hardly any room, most have enough.
    let mut room = |least, most, enough| {
        if random.once_in(4) {
            random.between(least, most) as u32
        } else {
            enough
        }
    };
    let orders = room(2, 16, 40);
    let client_order_ids = room(3, 60, 2000);
    let positions = room(2, 14, 40);
    let duplicates_per_window = room(1, 6, 30);
    let setup = Setup {
        capacity: Capacity {
            orders,
            orders_closed: random.between(1, u64::from(orders.min(5)) - 1) as u32,
            client_order_ids,
            client_order_id_horizon: Nanos::from_raw(random.one_of(&SPANS)),
            positions,
            duplicates_per_window,
            executions: random.between(1, 8) as u32,
            continuation_frames_max: random.one_of(&[0, 1, 2, 4, 4, 4]),
        },
        hash_seed: random.next(),
        firm,
        accounts,
        strategies,
        symbols,
        brokers,
        operators: vec![String::new(); random.between(1, 4) as usize],
        raise_persons: random.between(1, 3) as u32,
        raise_window: Nanos::from_raw(random.one_of(&SPANS)),
        answer_timeout: Nanos::from_raw(random.one_of(&SPANS)),
        checkpoint_events: 1000,
    };
    (setup, style)
}

fn limits(random: &mut Random, style: &Style, density: u64) -> Limits {
    let tick = style.tick.unsigned_abs();
    let lot = style.lot;
    let span = |random: &mut Random| Nanos::from_raw(random.one_of(&SPANS));
    let money = |random: &mut Random, lots: u64| {
        let steps = u128::from(random.between(1, lots)) * 100;
        Notional::from_raw(steps * u128::from(tick) * u128::from(lot))
    };
    let rate = |random: &mut Random| Rate {
        count: random.between(1, 5) as u32,
        window: Nanos::from_raw(random.one_of(&SPANS)),
    };
    Limits {
        order_qty_max: random.maybe(density, |random| Qty::from_raw(random.between(2, 9) * lot)),
        order_notional_max: random.maybe(density, |random| money(random, 8)),
        price_collar: random.maybe(density, |random| {
            random.one_of(&[0, 500_000, 1_000_000, 1_500_000, 3_333_333, 10_000_000])
        }),
        reference_age_max: random.maybe(density / 2, span),
        order_rate: (0..random.between(1, 2))
            .filter_map(|_| random.maybe(density, rate))
            .collect(),
        duplicate_window: random.maybe(density, span),
        open_orders_max: random.maybe(density, |random| random.between(1, 6) as u32),
        open_notional_max: random.maybe(density, |random| money(random, 30)),
        position_qty_max: random
            .maybe(density, |random| Qty::from_raw(random.between(3, 20) * lot)),
        position_value_max: random.maybe(density, |random| money(random, 25)),
        gross_exposure_max: random.maybe(density, |random| money(random, 40)),
    }
}

fn symbol(random: &mut Random, style: &Style, density: u64, brokers: u64) -> Symbol {
    let is_often = |random: &mut Random| random.percent(97);
    let qty =
        |random: &mut Random, least, most| Qty::from_raw(random.between(least, most) * style.lot);
    let price = |steps: i64| Price::from_raw(steps * style.tick);
    Symbol {
        enabled: !random.once_in(60),
        limits: limits(random, style, density),
        tick: Price::from_raw(style.tick),
        lot: Qty::from_raw(style.lot),
        price_min: random.maybe(25, |random| price(random.one_of(&[-5, 0, 97, 99]))),
        price_max: random.maybe(20, |random| price(random.one_of(&[101, 103, 105]))),
        qty_min: random.maybe(15, |random| qty(random, 1, 2)),
        qty_max: random.maybe(15, |random| qty(random, 5, 10)),
        order_types: OrderType::ALL
            .iter()
            .copied()
            .filter(|_| is_often(random))
            .collect(),
        times_in_force: TimeInForce::ALL
            .iter()
            .copied()
            .filter(|_| is_often(random))
            .collect(),
        broker: BrokerId(random.below(brokers) as u32),
        jump: random.maybe(40, |random| {
            random.one_of(&[1_000_000, 3_000_000, 30_000_000])
        }),
        jump_confirmations: random.below(4) as u32,
        ..Symbol::default()
    }
}

/// What the commands of one run are made of.
pub(crate) struct Style {
    pub(crate) tick: i64,
    pub(crate) lot: u64,
    next_id: u64,
}

/// The next command, after what the model has become.
pub(crate) fn command(random: &mut Random, style: &mut Style, model: &Model) -> Command {
    let time = model.now + step_of_time(random, model);
    let mut header = Header {
        time: Nanos::from_raw(time),
        strategy: StrategyId::NONE,
        ..Header::default()
    };
    style.next_id += 1;
    header.correlation = style.next_id;
    let links_down = model.links.iter().any(|link| *link != LinkState::Up);
    let quotes_missing = model
        .references
        .iter()
        .any(|reference| !reference.is_usable);
    // Without live orders there is little to talk about.
    let is_idle = model.orders.iter().all(|order| !order.is_live());
    let choices = if is_idle && random.percent(85) {
        400
    } else {
        1000
    };
    let choice = random.below(choices);
    if links_down && random.percent(25) {
        return link(random, header, model, LinkState::Up);
    }
    if !model.latches.is_empty() && random.percent(30) {
        return raise(random, header, model);
    }
    if quotes_missing && random.percent(20) {
        return quote(random, header, style, model);
    }
    match choice {
        0..=399 => new_order(random, header, style, model),
        400..=469 => cancel(random, header, style, model),
        470..=569 => replace(random, header, style, model),
        570..=869 => report(random, header, style, model),
        870..=939 => quote(random, header, style, model),
        940..=942 => kill(random, header, model),
        943..=944 => raise(random, header, model),
        945..=956 => {
            let state = random.one_of(LinkState::ALL);
            link(random, header, model, state)
        }
        957..=961 => session_change(random, header, model),
        962..=976 => settle(random, header, style, model),
        977..=996 => alone(Frame::new(Kind::Tick, header, Tick::default())),
        _ => odd(random, header),
    }
}

/// Time often stands still, and often comes exactly to an edge.
fn step_of_time(random: &mut Random, model: &Model) -> u64 {
    match random.below(20) {
        0..=11 => 0,
        12..=16 => random.between(1, 3),
        17 => random.one_of(&SPANS) - random.below(2),
        18 => {
            let deadlines = model
                .orders
                .iter()
                .filter_map(|order| model.deadline(order));
            let next = deadlines.min().unwrap_or(model.now);
            let edge = next.saturating_sub(model.now + random.below(2));
            if edge < 1000 { edge } else { 1 }
        }
        _ if random.once_in(6) => 1000,
        _ => random.one_of(&SPANS),
    }
}

fn new_order(random: &mut Random, mut header: Header, style: &mut Style, model: &Model) -> Command {
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
        ..NewOrder::default()
    };
    if random.once_in(100) {
        order.order_type = random.one_of(&[0, 3, 255]);
    }
    if random.once_in(100) {
        order.time_in_force = random.one_of(&[0, 5, 255]);
    }
    if random.once_in(200) {
        order.reserved[random.below(30) as usize] = 1 << random.below(8);
    }
    if random.once_in(400) {
        order.reserved_0 = [1];
    }
    let (size, continuations) = continuations(random, &mut header);
    order.passthrough_size = size;
    Command {
        frame: Frame::new(Kind::NewOrder, header, order),
        continuations,
        about: None,
    }
}

fn cancel(random: &mut Random, mut header: Header, style: &mut Style, model: &Model) -> Command {
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

fn replace(random: &mut Random, mut header: Header, style: &mut Style, model: &Model) -> Command {
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

fn report(random: &mut Random, header: Header, style: &mut Style, model: &Model) -> Command {
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

fn some_leaves(random: &mut Random, style: &Style, order: &Order) -> u64 {
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
fn widest(random: &mut Random) -> u64 {
    if random.once_in(20) {
        Qty::MAX.raw()
    } else {
        1
    }
}

/// What a broker might well say about the order now.
fn plausible_exec(random: &mut Random, order: &Order) -> Exec {
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

fn quote(random: &mut Random, header: Header, style: &Style, model: &Model) -> Command {
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
    let quote = Quote {
        bid: Price::from_raw(bid),
        ask: Price::from_raw(ask),
        symbol: SymbolId(symbol),
        ..Quote::default()
    };
    alone(Frame::new(Kind::Quote, header, quote))
}

fn link(random: &mut Random, header: Header, model: &Model, state: LinkState) -> Command {
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

fn kill(random: &mut Random, header: Header, model: &Model) -> Command {
    let setup = &model.setup;
    let scope = random.one_of(Scope::ALL);
    let count = match scope {
        Scope::Firm => 0,
        Scope::Account => setup.accounts.len(),
        Scope::Strategy => setup.strategies.len(),
        Scope::Symbol => setup.symbols.len(),
    };
    let target = if scope == Scope::Firm {
        u32::MAX
    } else {
        place(random, count)
    };
    let scope = if random.once_in(30) {
        random.one_of(&[0, 5, 255])
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

fn raise(random: &mut Random, header: Header, model: &Model) -> Command {
    let latches: Vec<_> = model.latches.keys().copied().collect();
    let (scope, target) = if latches.is_empty() || random.once_in(30) {
        (random.between(1, 4) as u8, place(random, 2))
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

fn settle(random: &mut Random, header: Header, style: &Style, model: &Model) -> Command {
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

fn session_change(random: &mut Random, mut header: Header, model: &Model) -> Command {
    header.strategy = StrategyId(place(random, model.setup.strategies.len()));
    let change = SessionChange {
        state: random.one_of(&[2, 2, 2, 2, 1, 3, 4, 0]),
        cancel_orders: random.one_of(&[1, 1, 1, 0, 2]),
        ..SessionChange::default()
    };
    alone(Frame::new(Kind::SessionChange, header, change))
}

/// A kind that no stage sends to the core, or that is none.
fn odd(random: &mut Random, header: Header) -> Command {
    let mut frame = Frame::new(Kind::Execution, header, Tick::default());
    frame.header.kind = random.one_of(&[0, 4, 16, 17, 32, 33, 34, 35, 50, 65, 128, 130, 255]);
    alone(frame)
}

fn alone(frame: Frame) -> Command {
    Command {
        frame,
        continuations: Vec::new(),
        about: None,
    }
}

/// The place of something known, or hardly ever of something that is not.
fn place(random: &mut Random, count: usize) -> u32 {
    if random.once_in(120) {
        random.one_of(&[count as u32, u32::MAX, 1 << 20])
    } else {
        random.below(count as u64) as u32
    }
}

fn operator(random: &mut Random, model: &Model) -> u32 {
    match random.below(20) {
        0 => u32::MAX,
        1 => model.setup.operators.len() as u32,
        _ => random.below(model.setup.operators.len() as u64) as u32,
    }
}

fn flags(random: &mut Random) -> u16 {
    match random.below(120) {
        0 => 1 << random.below(4),
        1 if random.once_in(3) => 1 << random.below(16),
        _ => 0,
    }
}

fn side(random: &mut Random) -> u8 {
    if random.once_in(100) {
        random.one_of(&[0, 3, 255])
    } else {
        random.one_of(Side::ALL) as u8
    }
}

fn price(random: &mut Random, style: &Style) -> Price {
    let raw = match random.below(60) {
        0 => 100 * style.tick + 1,
        1 => random.one_of(&[0, -style.tick, -3 * style.tick, i64::MAX, i64::MIN, 1]),
        2..=6 => random.between(95, 106) as i64 * style.tick,
        _ => random.between(99, 101) as i64 * style.tick,
    };
    Price::from_raw(raw)
}

fn qty(random: &mut Random, style: &Style) -> Qty {
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

fn fresh_id(random: &mut Random, style: &Style, model: &Model) -> Text {
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
        _ => Text::new(&format!("id-{}", style.next_id)).unwrap(),
    }
}

/// Strategy, account and id that name an order, or nearly.
fn target(random: &mut Random, model: &Model) -> (StrategyId, AccountId, Text) {
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
fn some_order<'a>(random: &mut Random, model: &'a Model) -> Option<&'a Order> {
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

fn continuations(random: &mut Random, header: &mut Header) -> (u16, Vec<Frame>) {
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
